/* SPDX-License-Identifier: PostgreSQL */
/* show rules: both tables of the core that is linked in, and the diagram drawn from them. */

#include "core/rules.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/keeper_rules.h"
#include "pgaf-ctl/print.h"

/* What the two tables have in common, so that both are printed by the same code. */
struct facts_table {
	unsigned count;
	unsigned (*answers)(unsigned fact);
	const char *(*name)(unsigned fact);
	const char *(*answer)(unsigned fact, unsigned answer);
};

static unsigned
monitor_answers(unsigned fact)
{
	return fact_answers((enum fact)fact);
}

static const char *
monitor_name(unsigned fact)
{
	return fact_name((enum fact)fact);
}

static const char *
monitor_answer(unsigned fact, unsigned answer)
{
	return fact_answer_name((enum fact)fact, answer);
}

static unsigned
keeper_answers(unsigned fact)
{
	return keeper_fact_answers((enum keeper_fact)fact);
}

static const char *
keeper_name(unsigned fact)
{
	return keeper_fact_name((enum keeper_fact)fact);
}

static const char *
keeper_answer(unsigned fact, unsigned answer)
{
	return keeper_fact_answer_name((enum keeper_fact)fact, answer);
}

static const struct facts_table monitor_facts = {
	.count = FACT_COUNT,
	.answers = monitor_answers,
	.name = monitor_name,
	.answer = monitor_answer,
};

static const struct facts_table keeper_facts = {
	.count = KF_COUNT,
	.answers = keeper_answers,
	.name = keeper_name,
	.answer = keeper_answer,
};

static const struct {
	enum role role;
	const char *name;
} roles[] = {
	{TO_SELF, "self"},
	{TO_PRIMARY, "primary"},
	{TO_CANDIDATE, "candidate"},
	{TO_FORMER, "former"},
};

/* ---- words ---------------------------------------------------------------------- */

static void
word_lower(const char *from, struct text *to)
{
	for (; *from != '\0'; from++) {
		char c = *from == '_' ? '-' : (char)tolower((unsigned char)*from);
		text_add_bytes(to, &c, 1);
	}
}

/* The accepted answers, or what is not accepted where that is shorter. */
static void
answers_write(const struct facts_table *facts, unsigned fact, uint32_t accepted, struct text *to)
{
	unsigned count = facts->answers(fact);
	unsigned taken = 0;
	const char *between = "";

	for (unsigned i = 0; i < count; i++)
		taken += (accepted & IS(i)) != 0;
	bool inverted = taken > count / 2 && count - taken <= 2;
	if (inverted)
		text_add(to, "not ");
	for (unsigned i = 0; i < count; i++) {
		if (((accepted & IS(i)) != 0) == inverted)
			continue;
		text_addf(to, "%s%s", between, facts->answer(fact, i));
		between = "|";
	}
}

static bool
accepts_all(const struct facts_table *facts, unsigned fact, uint32_t accepted)
{
	uint32_t all = (UINT32_C(1) << facts->answers(fact)) - 1;

	return accepted == 0 || (accepted & all) == all;
}

static void
then_write(const struct rule *rule, struct text *to)
{
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		if (rule->then[roles[i].role] == PGAF_STATE_UNKNOWN)
			continue;
		text_addf(to, "%s%s: %s", to->used > 0 ? ", " : "", roles[i].name,
		          pgaf_state_name(rule->then[roles[i].role]));
	}
	if (rule->effect != EFFECT_NONE) {
		text_add(to, to->used > 0 ? ", " : "");
		word_lower(effect_name(rule->effect), to);
	}
}

static void
keeper_then_write(const struct keeper_rule *rule, struct text *to)
{
	text_add(to, rule->step == STEP_NONE ? "nothing" : step_name(rule->step));
	if (rule->role != NOTE_NONE)
		text_addf(to, ", note: %s", note_role_name(rule->role));
	if (rule->report != PGAF_STATE_UNKNOWN)
		text_addf(to, ", report: %s", pgaf_state_name(rule->report));
}

/* ---- text ------------------------------------------------------------------------ */

static void
when_print(const struct facts_table *facts, const uint32_t *when)
{
	for (unsigned fact = 0; fact < facts->count; fact++) {
		char line[1024] = "";
		char name[64] = "";
		struct text text = TEXT(line);
		struct text lower = TEXT(name);
		if (accepts_all(facts, fact, when[fact]))
			continue;
		word_lower(facts->name(fact), &lower);
		answers_write(facts, fact, when[fact], &text);
		printf("      when %-16s %s\n", name, line);
	}
}

static void
monitor_rule_print(const struct rule *rule)
{
	char line[256] = "";
	struct text text = TEXT(line);

	then_write(rule, &text);
	printf("%5" PRIu32 " %s\n", rule->id, rule->doc);
	when_print(&monitor_facts, rule->when);
	printf("      then %s\n", line);
}

static void
keeper_rule_print(const struct keeper_rule *rule)
{
	char line[256] = "";
	struct text text = TEXT(line);

	keeper_then_write(rule, &text);
	printf(" K%3" PRIu32 " %s\n", rule->id, rule->doc);
	when_print(&keeper_facts, rule->when);
	printf("      then %s\n", line);
}

static void
rules_print(void)
{
	const struct keeper_rule *rule;

	puts("Rules of the monitor, in order; the first that fits decides.\n");
	for (size_t i = 0; i < rules_count; i++)
		monitor_rule_print(&rules[i]);
	puts("\nRules of the keeper, in order; the first that fits acts.\n");
	for (size_t i = 0; (rule = keeper_rule_at(i)) != NULL; i++)
		keeper_rule_print(rule);
}

/* ---- JSON ------------------------------------------------------------------------ */

static json_t *
json_of_when(const struct facts_table *facts, const uint32_t *when)
{
	json_t *object = json_object();

	for (unsigned fact = 0; fact < facts->count; fact++) {
		char name[64] = "";
		struct text lower = TEXT(name);
		if (accepts_all(facts, fact, when[fact]))
			continue;
		json_t *list = json_array();
		for (unsigned i = 0; i < facts->answers(fact); i++) {
			if (when[fact] & IS(i))
				json_array_append_new(list, json_string(facts->answer(fact, i)));
		}
		word_lower(facts->name(fact), &lower);
		json_object_set_new(object, name, list);
	}
	return object;
}

static json_t *
json_of_rule(uint32_t id, const char *doc, json_t *when, const char *then)
{
	json_t *object = json_object();

	json_set_number(object, "id", id);
	json_set_text(object, "doc", doc);
	json_object_set_new(object, "when", when);
	json_set_text(object, "then", then);
	return object;
}

static void
rules_print_json(void)
{
	json_t *monitor = json_array();
	json_t *keeper = json_array();
	const struct keeper_rule *rule;
	json_t *object = json_object();

	for (size_t i = 0; i < rules_count; i++) {
		char line[256] = "";
		struct text text = TEXT(line);
		then_write(&rules[i], &text);
		json_array_append_new(
			monitor, json_of_rule(rules[i].id, rules[i].doc,
		                              json_of_when(&monitor_facts, rules[i].when), line));
	}
	for (size_t i = 0; (rule = keeper_rule_at(i)) != NULL; i++) {
		char line[256] = "";
		struct text text = TEXT(line);
		keeper_then_write(rule, &text);
		json_array_append_new(keeper,
		                      json_of_rule(rule->id, rule->doc,
		                                   json_of_when(&keeper_facts, rule->when), line));
	}
	json_object_set_new(object, "monitor", monitor);
	json_object_set_new(object, "keeper", keeper);
	json_print(object);
}

/* ---- Mermaid --------------------------------------------------------------------- */

#define STATE(name) IS(PGAF_STATE_##name)
#define CALM (STATE(SINGLE) | STATE(WAIT_PRIMARY) | STATE(PRIMARY))
#define STANDBYS (STATE(WAIT_STANDBY) | STATE(CATCHINGUP) | STATE(SECONDARY) | STATE(DEMOTED))

/* One arrow for each pair of states; its label lists all rules that take it. */
struct edges {
	struct {
		char label[160];
		struct text text;
	} at[PGAF_STATE_COUNT][PGAF_STATE_COUNT];
};

static void
edge_add(struct edges *edges, unsigned from, enum pgaf_state to, uint32_t rule)
{
	struct text *text = &edges->at[from][to].text;

	if (text->room == 0)
		text_init(text, edges->at[from][to].label, sizeof(edges->at[from][to].label));
	text_addf(text, "%s%" PRIu32, text->used > 0 ? ", " : "", rule);
}

/* A rule that asks for no goal, or only excludes a few, is about all that its role can have. */
static uint32_t
states_or_all(uint32_t asked, uint32_t all)
{
	unsigned count = 0;

	for (unsigned state = 0; state < PGAF_STATE_COUNT; state++)
		count += (asked & IS(state)) != 0;
	if (count > PGAF_STATE_COUNT / 2)
		return asked & all;
	return asked ? asked : all;
}

/* Goals of who has the primary's role: promotion and handover narrow them down. */
static uint32_t
primary_before(const struct rule *rule)
{
	uint32_t promotion = rule->when[FACT_PROMOTION];
	uint32_t handover = rule->when[FACT_HANDOVER];

	if (promotion != 0 && (promotion & IS(PROMOTION_NONE)) == 0)
		return STATE(PREPARE_PROMOTION);
	if (handover != 0 && (handover & IS(HANDOVER_NONE)) == 0)
		return STATE(DRAINING);
	return handover == IS(HANDOVER_NONE) ? CALM : CALM | STATE(DRAINING);
}

/* The goals that a role may have before the rule. */
static uint32_t
states_before(const struct rule *rule, enum role role)
{
	uint32_t self = rule->when[FACT_SELF];
	uint32_t all = (self != IS(IS_STANDBY) ? primary_before(rule) : 0) |
	               (self != IS(IS_PRIMARY) ? STANDBYS : 0);

	switch (role) {
	case TO_SELF:
		return states_or_all(rule->when[FACT_GOAL], all);
	case TO_PRIMARY:
		return states_or_all(rule->when[FACT_PRIMARY_GOAL], primary_before(rule));
	case TO_CANDIDATE:
		return STATE(SECONDARY);
	case TO_FORMER:
		return STATE(DEMOTED);
	case ROLE_COUNT:
	default:
		return 0;
	}
}

static void
edges_of_rule(struct edges *edges, const struct rule *rule)
{
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		enum pgaf_state to = rule->then[roles[i].role];
		uint32_t before = states_before(rule, roles[i].role);
		if (to == PGAF_STATE_UNKNOWN)
			continue;
		for (unsigned from = PGAF_STATE_INIT; from < PGAF_STATE_COUNT; from++) {
			if (from != (unsigned)to && (before & IS(from)))
				edge_add(edges, from, to, rule->id);
		}
	}
}

/* States to which some path of rules leads; the rest of the vocabulary is not drawn. */
static uint32_t
states_reached(const struct edges *edges)
{
	uint32_t reached = STATE(INIT);
	uint32_t before = 0;

	while (reached != before) {
		before = reached;
		for (unsigned from = 0; from < PGAF_STATE_COUNT; from++) {
			for (unsigned to = 0; to < PGAF_STATE_COUNT; to++) {
				if ((before & IS(from)) && edges->at[from][to].text.used > 0)
					reached |= IS(to);
			}
		}
	}
	return reached;
}

static void
mermaid_print(void)
{
	static struct edges edges;

	for (size_t i = 0; i < rules_count; i++)
		edges_of_rule(&edges, &rules[i]);
	uint32_t reached = states_reached(&edges);
	puts("stateDiagram-v2\n    [*] --> init");
	for (unsigned from = 0; from < PGAF_STATE_COUNT; from++) {
		for (unsigned to = 0; to < PGAF_STATE_COUNT; to++) {
			if (!(reached & IS(from)) || edges.at[from][to].text.used == 0)
				continue;
			printf("    %s --> %s : %s\n", pgaf_state_name((enum pgaf_state)from),
			       pgaf_state_name((enum pgaf_state)to), edges.at[from][to].label);
		}
	}
	puts("    dropped --> [*]");
}

int
show_rules(struct ctl *ctl)
{
	if (ctl->options.mermaid)
		mermaid_print();
	else if (ctl->options.json)
		rules_print_json();
	else
		rules_print();
	return EXIT_DONE;
}
