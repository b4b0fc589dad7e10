/* SPDX-License-Identifier: PostgreSQL */
/*
 * perform failover, perform switchover, drop node: a request to the monitor,
 * then its events as they come, until what was asked for is there.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/rules.h"
#include "pgaf-ctl/dry_run.h"
#include "pgaf-ctl/events.h"
#include "pgaf-ctl/print.h"

/* Reports are told on no channel an operator may listen to. */
#define LOOK_AGAIN PGAF_MSEC(200)

struct performance {
	struct ctl *ctl;
	const char *kind;
	uint32_t group;
	pgaf_node_id primary; /* before */
	int64_t number;       /* of the request */
	int64_t after;        /* the last event that was printed */
	pgaf_time until;
	bool answered;
	char answer[512]; /* the event that answered it */
};

/* ---- what both have in common ------------------------------------------------------ */

static void
detail_lines(const struct view *view, const struct view_group *group)
{
	char lines[4096] = "";
	struct text text = TEXT(lines);

	view_waits(view, group, &text);
	for (const char *at = lines; *at != '\0';) {
		size_t length = strcspn(at, "\n");
		if (length > 0)
			say_detail("%.*s", (int)length, at);
		at += length + (at[length] == '\n');
	}
}

static int
new_events_print(struct performance *performance)
{
	int code;
	PGresult *events = events_query(performance->ctl, &code, (int64_t)performance->group, 1000,
	                                &performance->after);

	if (events && !performance->ctl->options.json)
		events_print(events);
	PQclear(events);
	return code;
}

static pgaf_time
next_look(const struct performance *performance)
{
	pgaf_time next = ctl_now() + LOOK_AGAIN;

	return next < performance->until ? next : performance->until;
}

/* Opens the session and looks at the group; *view is only valid on success. */
static int
performance_start(struct performance *performance, struct view *view)
{
	struct ctl *ctl = performance->ctl;
	pgaf_time limit = ctl->options.timeout ? ctl->options.timeout : PERFORM_LIMIT;
	int code = view_open(ctl, view);

	performance->until = ctl_now() + limit;
	if (code != EXIT_DONE)
		return code;
	const struct view_group *group = view_group(ctl, view);
	performance->group = ctl->options.group;
	if (!group)
		code = EXIT_FAILED;
	else if (!group->monitor)
		code = say_error(EXIT_UNREACHABLE,
		                 "no monitor is connected to its store: nothing would be decided");
	if (code == EXIT_DONE)
		code = session_listen(ctl, performance->group);
	if (code == EXIT_DONE)
		code = events_newest(ctl, (int64_t)performance->group, &performance->after);
	if (code != EXIT_DONE)
		view_free(view);
	return code;
}

/* ---- failover and switchover ------------------------------------------------------- */

static int
request_send(struct performance *performance, pgaf_node_id to)
{
	struct ctl *ctl = performance->ctl;
	char group[16];
	char node[16];
	char seconds[16];
	pgaf_time left = performance->until - ctl_now();
	int code;
	const char *values[] = {ctl->options.formation,
	                        group,
	                        performance->kind,
	                        node,
	                        ctl->options.allow_data_loss ? "true" : "false",
	                        seconds};

	snprintf(group, sizeof(group), "%" PRIu32, performance->group);
	snprintf(node, sizeof(node), "%" PRIu32, to);
	snprintf(seconds, sizeof(seconds), "%" PRId64, left / PGAF_SECONDS(1) + 1);
	ctl->about = performance->kind;
	PGresult *result =
		session_query(ctl, &code, "SELECT pgaf.perform($1, $2, $3, $4, $5, $6)", 6, values);
	ctl->about = NULL;
	if (result && text_to_u64(PQgetvalue(result, 0, 0), &(uint64_t){0}))
		performance->number = cell_number(result, 0, "perform");
	PQclear(result);
	return code;
}

/* What would make it possible belongs to a refusal. */
static int
refused(struct performance *performance, const struct view *view)
{
	struct ctl *ctl = performance->ctl;
	const struct view_group *group = view_group(ctl, view);

	new_events_print(performance);
	say_error(EXIT_REFUSED, "%s refused: %s", performance->kind, performance->answer);
	if (group)
		detail_lines(view, group);
	request_hint(ctl, performance->kind);
	return EXIT_REFUSED;
}

/* Asks how the request stands; EXIT_REFUSED and EXIT_FAILED end it. */
static int
request_ask(struct performance *performance, const struct view *view)
{
	struct ctl *ctl = performance->ctl;
	char number[24];
	const char *values[] = {number};
	int code;

	if (performance->answered)
		return EXIT_DONE;
	snprintf(number, sizeof(number), "%" PRId64, performance->number);
	PGresult *result =
		session_query(ctl, &code, "SELECT * FROM pgaf.request_state($1)", 1, values);
	if (!result)
		return code;
	bool known = PQntuples(result) > 0;
	const char *state = known ? cell(result, 0, "state") : "";
	const struct rule *rule =
		known ? rule_by_id((uint32_t)cell_number(result, 0, "rule")) : NULL;
	if (known)
		text_copy(performance->answer, sizeof(performance->answer),
		          cell(result, 0, "text"));
	performance->answered = strcmp(state, "taken") == 0;
	if (performance->answered && rule && rule->effect == EFFECT_REFUSE)
		code = refused(performance, view);
	else if (!performance->answered && strcmp(state, "waiting") != 0)
		code = say_error(EXIT_FAILED, "the request is %s", known ? state : "gone");
	PQclear(result);
	return code;
}

/*
 * The true final state: the primary is what it should be, and every node whose
 * keeper is connected follows it in good standing. Who is away is not waited for.
 */
static const struct view_node *
settled_primary(const struct view *view, uint32_t group)
{
	const struct view_node *primary = view_primary(view, group);
	bool counted = false;

	if (!primary || primary->reported != primary->assigned)
		return NULL;
	for (size_t i = 0; i < view->node_count; i++) {
		const struct view_node *node = &view->nodes[i];
		if (node == primary || node->group_id != group || !node->session)
			continue;
		if (node->reported != PGAF_STATE_SECONDARY ||
		    node->assigned != PGAF_STATE_SECONDARY)
			return NULL;
		counted = counted || node->quorum;
	}
	return counted && primary->reported != PGAF_STATE_PRIMARY ? NULL : primary;
}

static int
performed(const struct performance *performance, const struct view *view,
          const struct view_node *primary)
{
	struct ctl *ctl = performance->ctl;

	if (primary->id == performance->primary) {
		say_error(EXIT_FAILED, "%s did not happen: %s is still the primary",
		          performance->kind, primary->name);
		if (performance->answer[0] != '\0')
			say_detail("%s", performance->answer);
		return EXIT_FAILED;
	}
	if (ctl->options.json) {
		json_t *object = json_object();
		json_set_text(object, "performed", performance->kind);
		json_set_text(object, "primary", primary->name);
		json_set_text(object, "state", pgaf_state_name(primary->reported));
		json_set_number(object, "epoch", (int64_t)view_group(ctl, view)->epoch);
		json_print(object);
	} else {
		printf("%s done: %s is %s\n", performance->kind, primary->name,
		       pgaf_state_name(primary->reported));
	}
	return EXIT_DONE;
}

static bool
is_under_way(const struct view *view, uint32_t group)
{
	for (size_t i = 0; i < view->node_count; i++) {
		enum pgaf_state assigned = view->nodes[i].assigned;
		if (view->nodes[i].group_id != group)
			continue;
		if (assigned == PGAF_STATE_DRAINING || assigned == PGAF_STATE_PREPARE_PROMOTION ||
		    assigned == PGAF_STATE_STOP_REPLICATION || assigned == PGAF_STATE_DEMOTED)
			return true;
	}
	return false;
}

static int
out_of_time(const struct performance *performance, const struct view *view)
{
	struct ctl *ctl = performance->ctl;
	const struct view_group *group = view_group(ctl, view);
	char number[24];
	const char *values[] = {number};
	int code;

	if (performance->answered || is_under_way(view, performance->group)) {
		say_error(EXIT_TIMED_OUT, "%s is not finished; it goes on", performance->kind);
		if (group)
			detail_lines(view, group);
		say_hint("\"pgaf-ctl show state\" and \"pgaf-ctl explain\" say how far it is");
		return EXIT_TIMED_OUT;
	}
	snprintf(number, sizeof(number), "%" PRId64, performance->number);
	PGresult *result = session_query(ctl, &code, "SELECT pgaf.withdraw($1)", 1, values);
	PQclear(result);
	say_error(EXIT_FAILED, "%s: the monitor did not answer in time; the request is withdrawn",
	          performance->kind);
	if (group)
		detail_lines(view, group);
	return EXIT_FAILED;
}

static int
performance_wait(struct performance *performance)
{
	for (;;) {
		struct view view;
		const struct view_node *primary = NULL;
		int code = new_events_print(performance);
		if (code == EXIT_DONE)
			code = view_load(performance->ctl, &view);
		if (code != EXIT_DONE)
			return code;
		code = request_ask(performance, &view);
		if (code == EXIT_DONE && performance->answered)
			primary = settled_primary(&view, performance->group);
		bool late = ctl_now() >= performance->until;
		if (primary)
			code = new_events_print(performance);
		if (primary && code == EXIT_DONE)
			code = performed(performance, &view, primary);
		else if (code == EXIT_DONE && late)
			code = out_of_time(performance, &view);
		view_free(&view);
		if (primary || late || code != EXIT_DONE)
			return code;
		code = session_wait(performance->ctl, next_look(performance));
		if (code != EXIT_DONE)
			return code;
	}
}

static int
perform(struct ctl *ctl, const char *kind)
{
	struct performance performance = {.ctl = ctl, .kind = kind};
	struct view view;
	const struct view_node *to = NULL;
	int code = performance_start(&performance, &view);

	if (code != EXIT_DONE)
		return code;
	const struct view_node *primary = view_primary(&view, performance.group);
	performance.primary = primary ? primary->id : 0;
	if (ctl->options.to)
		to = view_node_named(&view, ctl->options.to);
	bool already = to && to == primary;
	if (ctl->options.to && !to)
		code = no_such_node(ctl, ctl->options.to);
	else if (already && !ctl->options.json)
		printf("%s is the primary already\n", to->name);
	pgaf_node_id target = to ? to->id : 0;
	if (code == EXIT_DONE && !already && ctl->options.dry_run)
		code = dry_run_of_request(ctl, &view, kind, target);
	view_free(&view);
	if (code != EXIT_DONE || already || ctl->options.dry_run)
		return code;

	code = request_send(&performance, target);
	if (code != EXIT_DONE)
		return code;
	if (!ctl->options.json)
		events_head_print();
	return performance_wait(&performance);
}

int
perform_failover(struct ctl *ctl)
{
	return perform(ctl, "failover");
}

int
perform_switchover(struct ctl *ctl)
{
	return perform(ctl, "switchover");
}

/* ---- drop node ------------------------------------------------------------------------ */

static const struct view_node *
node_to_drop(const struct ctl *ctl, const struct view *view)
{
	if (ctl->argument_count > 0)
		return view_node_named(view, ctl->arguments[0]);
	for (size_t i = 0; i < view->node_count; i++) {
		if (view->nodes[i].port == ctl->options.port &&
		    strcmp(view->nodes[i].host, ctl->options.hostname) == 0)
			return &view->nodes[i];
	}
	return NULL;
}

static int
drop_send(struct ctl *ctl, pgaf_node_id id)
{
	char number[16];
	const char *values[] = {ctl->options.formation, number,
	                        ctl->options.force ? "true" : "false"};
	int code;

	snprintf(number, sizeof(number), "%" PRIu32, id);
	PGresult *result =
		session_query(ctl, &code, "SELECT pgaf.drop_node($1, $2, $3)", 3, values);
	PQclear(result);
	return code;
}

static int
drop_out_of_time(const struct performance *performance, const struct view *view,
                 const struct view_node *node)
{
	const struct ctl *ctl = performance->ctl;

	say_error(EXIT_TIMED_OUT, "%s is not dropped yet; it will be as soon as that is possible",
	          node->name);
	if (node->group)
		detail_lines(view, node->group);
	if (!node->session && !ctl->options.force)
		say_hint("its keeper does not answer; --force does not wait for it");
	return EXIT_TIMED_OUT;
}

static int
drop_wait(struct performance *performance, pgaf_node_id id, const char *name)
{
	for (;;) {
		struct view view;
		int code = new_events_print(performance);
		if (code == EXIT_DONE)
			code = view_load(performance->ctl, &view);
		if (code != EXIT_DONE)
			return code;
		const struct view_node *node = view_node_id(&view, performance->group, id);
		bool late = ctl_now() >= performance->until;
		if (node && late)
			code = drop_out_of_time(performance, &view, node);
		bool gone = !node;
		view_free(&view);
		if (gone && performance->ctl->options.json) {
			json_t *object = json_object();
			json_set_text(object, "dropped", name);
			json_print(object);
		} else if (gone) {
			printf("%s is dropped\n", name);
		}
		if (gone || late)
			return code;
		code = session_wait(performance->ctl, next_look(performance));
		if (code != EXIT_DONE)
			return code;
	}
}

static int
drop_check(const struct ctl *ctl)
{
	bool by_name = ctl->argument_count > 0;
	bool by_place = ctl->options.hostname && ctl->options.port != 0;

	if (by_name != by_place && (by_place || (!ctl->options.hostname && !ctl->options.port)))
		return EXIT_DONE;
	say_error(EXIT_USAGE, "name the node either by its name or by --hostname and --port");
	return EXIT_USAGE;
}

int
drop_node(struct ctl *ctl)
{
	struct performance performance = {.ctl = ctl, .kind = "drop"};
	struct view view;
	char name[PGAF_NAME_MAX];
	int code = drop_check(ctl);

	if (code == EXIT_DONE)
		code = performance_start(&performance, &view);
	if (code != EXIT_DONE)
		return code;
	const struct view_node *node = node_to_drop(ctl, &view);
	pgaf_node_id id = node ? node->id : 0;
	if (node) {
		text_copy(name, sizeof(name), node->name);
		performance.group = node->group_id;
	} else if (ctl->argument_count > 0) {
		code = no_such_node(ctl, ctl->arguments[0]);
	} else {
		code = say_error(EXIT_FAILED, "no node lives at %s:%" PRIu32, ctl->options.hostname,
		                 ctl->options.port);
	}
	ctl->options.group = performance.group;
	if (code == EXIT_DONE && ctl->options.dry_run)
		code = dry_run_of_drop(ctl, &view, id);
	view_free(&view);
	if (code == EXIT_DONE && !ctl->options.dry_run)
		code = drop_send(ctl, id);
	if (code != EXIT_DONE || ctl->options.dry_run)
		return code;
	if (!ctl->options.json)
		events_head_print();
	return drop_wait(&performance, id, name);
}
