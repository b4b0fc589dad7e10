/* SPDX-License-Identifier: PostgreSQL */
/*
 * explain: how the group is and what it waits for, by the core's own tables on
 * what the monitor saw; which fact keeps which rule from applying; which rule
 * acted last; what an operator can do.
 */

#include "pgaf-ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/decide.h"
#include "core/rules.h"
#include "core/why.h"
#include "pgaf-ctl/events.h"
#include "pgaf-ctl/print.h"

#define EXPLAIN_MAX 8192
#define RULES_MAX 65536

struct explanation {
	char state_at[EXPLAIN_MAX];
	char waits_at[EXPLAIN_MAX];
	char rules_at[RULES_MAX];
	char advice_at[EXPLAIN_MAX];
	struct text state;
	struct text waits;
	struct text rules;
	struct text advice;
	json_t *list; /* each rule for each node; NULL in text */
};

/* ---- what it waits for ---------------------------------------------------------- */

static void
explain_one(const struct view *view, const struct view_node *node, struct text *to)
{
	const struct rule *rule = rule_by_id(node->goal.rule);
	char sentence[1024] = "";
	struct text text = TEXT(sentence);

	text_addf(to, "%s reports %s: %s\n", node->name, pgaf_state_name(node->reported),
	          pgaf_state_doc(node->reported));
	text_addf(to, "%s should be %s: %s\n", node->name, pgaf_state_name(node->assigned),
	          pgaf_state_doc(node->assigned));
	if (rule)
		text_addf(to, "rule %" PRIu32 " gave this goal in epoch %" PRIu64 ": %s\n",
		          rule->id, node->goal.epoch, rule->doc);
	if (!node->session)
		text_addf(to, "%s: its keeper is not connected\n", node->name);
	if (view_remark(view, node, &text))
		text_addf(to, "%s: %s\n", node->name, sentence);
	text_init(&text, sentence, sizeof(sentence));
	if (view_veto(view, node, &text))
		text_addf(to, "%s may not be promoted: %s\n", node->name, sentence);
}

/* ---- why rules do not apply ----------------------------------------------------- */

static json_t *
json_of_miss(const struct look *look, const struct rule *rule)
{
	enum fact fact = rule_first_miss(rule, &look->facts);
	json_t *object = json_object();
	char phrase[1024] = "";
	struct text text = TEXT(phrase);

	json_set_text(object, "node_name", look->roles.self->name);
	json_set_number(object, "rule", rule->id);
	json_set_number(object, "facts_missing", rule_misses(rule, &look->facts));
	if (fact == FACT_COUNT)
		return object;
	json_t *wanted = json_array();
	for (unsigned i = 0; i < fact_answers(fact); i++) {
		if (rule->when[fact] & IS(i))
			json_array_append_new(wanted, json_string(fact_answer_name(fact, i)));
	}
	fact_say(look, fact, &text);
	json_set_text(object, "fact", fact_name(fact));
	json_set_text(object, "question", fact_question(fact));
	json_set_text(object, "answer", fact_answer_name(fact, look->facts.answer[fact]));
	json_object_set_new(object, "wanted", wanted);
	json_set_text(object, "because", phrase);
	return object;
}

static void
list_rules(const struct snapshot *snap, const struct node *node, json_t *list)
{
	struct look look = look_at(snap, node, VIEW_NOW);

	for (size_t i = 0; i < rules_count; i++)
		json_array_append_new(list, json_of_miss(&look, &rules[i]));
}

/* Of a whole group only what a single fact decides; of one node everything. */
static void
rules_of_group(const struct view_group *group, struct explanation *explanation)
{
	if (!group->monitor || !group->has_picture)
		return;
	const struct snapshot *picture = &group->picture;
	for (uint32_t i = 0; i < picture->count; i++) {
		text_addf(&explanation->rules, "for %s:\n", picture->nodes[i].name);
		explain_near(picture, &picture->nodes[i], VIEW_NOW, &explanation->rules);
		if (explanation->list)
			list_rules(picture, &picture->nodes[i], explanation->list);
	}
}

static void
rules_of_node(const struct view_node *node, struct explanation *explanation)
{
	if (!node->group->monitor || !node->seen)
		return;
	explain_rules(&node->group->picture, node->seen, VIEW_NOW, &explanation->rules);
	if (explanation->list)
		list_rules(&node->group->picture, node->seen, explanation->list);
}

/* ---- printing ------------------------------------------------------------------- */

/* The newest event that a rule made; row < 0 when there is none among the last ones. */
static PGresult *
last_decision(struct ctl *ctl, uint32_t group, int *row, int *code)
{
	int64_t after = 0;
	PGresult *events = events_query(ctl, code, (int64_t)group, 50, &after);

	*row = events ? PQntuples(events) - 1 : -1;
	while (*row >= 0 && cell_number(events, *row, "rule") == 0)
		--*row;
	return events;
}

static void
decision_print(const PGresult *events, int row)
{
	const struct rule *rule = rule_by_id((uint32_t)cell_number(events, row, "rule"));

	printf("last decision, %s UTC, epoch %s:\n", cell(events, row, "stamp"),
	       cell(events, row, "epoch"));
	printf("  rule %s on %s: %s\n", cell(events, row, "rule"), cell(events, row, "node_name"),
	       cell(events, row, "text"));
	if (rule && !strstr(cell(events, row, "text"), rule->doc))
		printf("  %s\n", rule->doc);
}

static json_t *
json_of_decision(const PGresult *events, int row)
{
	if (row < 0)
		return json_null();
	json_t *object = json_object();
	json_set_text(object, "time", cell(events, row, "iso"));
	json_set_number(object, "epoch", cell_number(events, row, "epoch"));
	json_set_number(object, "rule", cell_number(events, row, "rule"));
	json_set_text(object, "node_name", cell(events, row, "node_name"));
	json_set_text(object, "description", cell(events, row, "text"));
	return object;
}

static json_t *
json_of_explanation(const struct explanation *explanation, const struct view_group *group,
                    const PGresult *events, int row)
{
	json_t *object = json_object();

	json_set_number(object, "group_id", group->id);
	json_set_number(object, "epoch", (int64_t)group->epoch);
	json_object_set_new(object, "state", json_of_lines(explanation->state_at));
	json_object_set_new(object, "waits_for", json_of_lines(explanation->waits_at));
	json_object_set_new(object, "last_decision", json_of_decision(events, row));
	json_object_set_new(object, "advice", json_of_lines(explanation->advice_at));
	json_object_set(object, "rules", explanation->list);
	return object;
}

static void
explanation_print(const struct explanation *explanation, const struct view_node *node,
                  const PGresult *events, int row)
{
	lines_print("state:", explanation->state_at);
	lines_print("now:",
	            explanation->waits_at[0] ? explanation->waits_at : "nothing is waited for\n");
	if (row >= 0)
		decision_print(events, row);
	lines_print("what can be done:", explanation->advice_at);
	lines_print(node ? "rules, with the first fact that did not hold:"
	                 : "rules that one fact keeps from applying:",
	            explanation->rules_at);
}

static void
explanation_begin(struct explanation *explanation, bool json)
{
	text_init(&explanation->state, explanation->state_at, sizeof(explanation->state_at));
	text_init(&explanation->waits, explanation->waits_at, sizeof(explanation->waits_at));
	text_init(&explanation->rules, explanation->rules_at, sizeof(explanation->rules_at));
	text_init(&explanation->advice, explanation->advice_at, sizeof(explanation->advice_at));
	explanation->list = json ? json_array() : NULL;
}

/* One group, or one node of it. */
static int
group_explain(struct ctl *ctl, const struct view *view, const struct view_group *group,
              const struct view_node *node)
{
	static struct explanation explanation;
	int code;
	int row;

	explanation_begin(&explanation, ctl->options.json);
	if (group->monitor && group->has_picture)
		explain_group_state(&group->picture, VIEW_NOW, &explanation.state);
	if (node) {
		explain_one(view, node, &explanation.waits);
		view_node_advice(node, &explanation.advice);
		rules_of_node(node, &explanation);
	} else {
		view_waits(view, group, &explanation.waits);
		view_advice(view, group, &explanation.advice);
		rules_of_group(group, &explanation);
	}
	PGresult *events = last_decision(ctl, group->id, &row, &code);
	if (events && ctl->options.json)
		json_print(json_of_explanation(&explanation, group, events, row));
	else if (events) {
		printf("%s/%" PRIu32 ", epoch %" PRIu64 ":\n", ctl->options.formation, group->id,
		       group->epoch);
		explanation_print(&explanation, node, events, row);
	}
	json_decref(explanation.list);
	PQclear(events);
	return events ? EXIT_DONE : code;
}

static int
node_explain(struct ctl *ctl, const struct view *view)
{
	const struct view_node *node = view_node_named(view, ctl->arguments[0]);

	if (!node || !node->group)
		return no_such_node(ctl, ctl->arguments[0]);
	return group_explain(ctl, view, node->group, node);
}

int
explain(struct ctl *ctl)
{
	struct view view;
	int code = view_open(ctl, &view);

	if (code != EXIT_DONE)
		return code;
	if (ctl->argument_count > 0) {
		code = node_explain(ctl, &view);
	} else if (view.group_count == 0) {
		puts("no node is registered yet");
	} else {
		for (size_t i = 0; code == EXIT_DONE && i < view.group_count; i++)
			code = group_explain(ctl, &view, &view.groups[i], NULL);
	}
	view_free(&view);
	return code;
}
