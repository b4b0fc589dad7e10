/* SPDX-License-Identifier: PostgreSQL */
/*
 * The keeper engine in a world of which a script says what happens: the store
 * answers while its link is up, Postgres looks as the script says, and steps,
 * notes and claims end when the script says so. What the engine does is
 * written down in the order in which it does it.
 */
#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec_field.h"
#include "engine/keeper_env.h"
#include "unit/engine/report_line.h"
#include "unit/engine/script.h"
#include "unit/suite.h"

#define START PGAF_SECONDS(1000)
#define ROUNDS_MOST 20
#define STEP_TEXT "said so"

struct stand {
	struct keeper *keeper;
	struct text *said;
	pgaf_time now;
	pgaf_time since; /* of the command; lines later than it say how much */
	struct keeper_options options;
	pgaf_time disk_deadline; /* as it was told last */
	struct keeper_orders orders;
	struct observation seen;
	struct note note;    /* on disk */
	struct note pending; /* being written */
	struct step_order order;
	bool told;    /* the store has orders for us */
	bool link;    /* … and answers */
	bool blind;   /* Postgres is not looked at */
	bool asked;   /* the store is to answer: a report, … */
	bool refresh; /* … a question for the goal */
	bool look;
	bool stepping; /* what the script may end */
	bool saving;
	bool claiming;
	enum route route;
	bool hooks; /* what is told to the operator's programs is written down */
	char report[512];
};

/* ---- what the engine does -------------------------------------------------------- */

static void
say(struct stand *stand, const char *line)
{
	if (stand->now != stand->since)
		text_addf(stand->said, "+%lldms ",
		          (long long)((stand->now - stand->since) / 1000000));
	text_addf(stand->said, "%s\n", line);
}

static void
on_step(void *world, const struct step_order *order)
{
	struct stand *stand = world;
	char bytes[256] = "";
	struct text line = TEXT(bytes);

	ck_assert_msg(!stand->stepping, "two steps at once");
	stand->stepping = true;
	stand->order = *order;
	text_addf(&line, "step %s", step_name(order->step));
	if (order->step == STEP_PROMOTE)
		text_addf(&line, " onto %u within %lldms", (unsigned)order->goal.timeline,
		          (long long)((order->deadline - stand->now) / 1000000));
	if (order->step == STEP_APPLY_SET) {
		text_add(&line, " '");
		sync_set_names(&order->goal.set, &line);
		text_addf(&line, "'%s", order->from_async ? " under the fence" : "");
	}
	if (order->step == STEP_FOLLOW)
		text_addf(&line, " %s as pgaf_%u_%u", order->upstream.name, (unsigned)order->self,
		          (unsigned)order->goal.admission);
	if (order->stop_budget != 0)
		text_addf(&line, " in %lldms", (long long)(order->stop_budget / 1000000));
	say(stand, bytes);
}

static void
on_cancel(void *world)
{
	struct stand *stand = world;

	stand->stepping = false;
	say(stand, "cancel");
}

static void
on_observe(void *world)
{
	struct stand *stand = world;

	stand->look = true;
}

/* Reports that repeat themselves are not written down. */
static void
on_report(void *world, const struct report *report, bool urgent)
{
	struct stand *stand = world;
	char bytes[512] = "";
	struct text line = TEXT(bytes);

	stand->asked = true;
	text_add(&line, urgent ? "report! " : "report ");
	report_line(report, &line);
	if (urgent || strcmp(strchr(bytes, ' '), stand->report) != 0)
		say(stand, bytes);
	text_copy(stand->report, sizeof(stand->report), strchr(bytes, ' '));
}

static void
on_claim(void *world, uint64_t epoch)
{
	struct stand *stand = world;
	char line[64];

	stand->claiming = true;
	snprintf(line, sizeof(line), "claim %llu", (unsigned long long)epoch);
	say(stand, line);
}

static void
on_refresh(void *world)
{
	struct stand *stand = world;

	stand->refresh = true;
	say(stand, "refresh");
}

static void
on_save(void *world, const struct note *note)
{
	struct stand *stand = world;
	char bytes[256] = "";
	struct text line = TEXT(bytes);

	stand->saving = true;
	stand->pending = *note;
	text_addf(&line, "save %s, epoch %llu, goal %s", note_role_name(note->role),
	          (unsigned long long)note->epoch, pgaf_state_name(note->goal.state));
	if (note->role == NOTE_PRIMARY || note->role == NOTE_PROMOTING)
		text_addf(&line, ", timeline %u, set %u", (unsigned)note->timeline,
		          (unsigned)note->about_version);
	if (note->renounced_epoch != 0)
		text_addf(&line, ", renounced %llu", (unsigned long long)note->renounced_epoch);
	say(stand, bytes);
}

static void
on_tune(void *world, const struct settings *settings)
{
	struct stand *stand = world;
	char line[64];

	if (settings->disk_deadline == stand->disk_deadline)
		return;
	stand->disk_deadline = settings->disk_deadline;
	snprintf(line, sizeof(line), "disk deadline %lldms",
	         (long long)(settings->disk_deadline / PGAF_MSEC(1)));
	say(stand, line);
}

static void
on_watch_peers(void *world, const struct peer *peers, uint32_t count, pgaf_time interval)
{
	char bytes[128] = "";
	struct text line = TEXT(bytes);

	ck_assert(interval > 0);
	text_add(&line, "watch");
	for (uint32_t i = 0; i < count; i++)
		text_addf(&line, " %s", peers[i].name);
	say(world, bytes);
}

static void
on_show(void *world, const struct keeper_status *status)
{
	static const char *const routes[] = {"closed", "primary", "standby"};
	struct stand *stand = world;
	char line[64];

	ck_assert_int_eq(status->ready, status->route != ROUTE_CLOSED);
	ck_assert_ptr_nonnull(status->waiting);
	if (status->route == stand->route)
		return;
	stand->route = status->route;
	snprintf(line, sizeof(line), "route %s", routes[status->route]);
	say(stand, line);
}

static void
on_hook(void *world, const struct hook_call *call)
{
	struct stand *stand = world;
	char line[400];

	if (stand->hooks)
		say(stand, script_hook(call, line, sizeof(line)));
}

static void
on_ended(void *world, int code)
{
	char line[64];

	snprintf(line, sizeof(line), "ended %d", code);
	say(world, line);
}

static uint64_t
on_random(void *world)
{
	(void)world;
	return 0;
}

static void
on_log(void *world, const struct pgaf_log *record)
{
	char line[128];

	if (record->level > PGAF_LOG_WARNING)
		return;
	snprintf(line, sizeof(line), "%s %s", record->level == PGAF_LOG_ERROR ? "error" : "warning",
	         record->event);
	say(world, line);
}

static const struct keeper_ops ops = {
	.step = on_step,
	.cancel = on_cancel,
	.observe = on_observe,
	.report = on_report,
	.claim = on_claim,
	.refresh = on_refresh,
	.save = on_save,
	.watch_peers = on_watch_peers,
	.tune = on_tune,
	.show = on_show,
	.hook = on_hook,
	.ended = on_ended,
	.random = on_random,
	.log = on_log,
};

/* ---- what a script can change ---------------------------------------------------- */

#define NAMED(kind, struct_name, member, word)                 \
	{                                                      \
		.key = (word), .type = FIELD_##kind,           \
		.offset = offsetof(struct struct_name, member) \
	}
#define AT(kind, struct_name, member) NAMED(kind, struct_name, member, #member)

static const struct field seen_fields[] = {
	AT(PG, observation, pg),
	AT(BOOL, observation, has_data),
	AT(BOOL, observation, clone_unfinished),
	AT(BOOL, observation, exit_inside),
	AT(U64, observation, system_identifier),
	AT(U32, observation, timeline),
	AT(U32, observation, disk_timeline),
	AT(LSN, observation, lsn),
	AT(BOOL, observation, lsn_complete),
	AT(LSN, observation, replay),
	AT(VETOES, observation, vetoes),
	AT(BOOL, observation, consistent),
	AT(BOOL, observation, streaming),
	AT(U32, observation, upstream),
	AT(U32, observation, admission),
	AT(LSN, observation, upstream_lsn),
	AT(U64, observation, server_start),
	AT(BOOL, observation, closed),
	AT(BOOL, observation, poisoned),
	AT(U32, observation, waiters),
	AT(U32, observation, slot_lost),
	AT(U32, observation, disk_ms),
	{.key = "sync_names",
         .type = FIELD_TEXT,
         .offset = offsetof(struct observation, sync_names),
         .room = sizeof(((struct observation *)NULL)->sync_names)},
	{.key = "members",
         .type = FIELD_VIEWS,
         .offset = offsetof(struct observation, members),
         .room = PGAF_NODES_MAX,
         .count = offsetof(struct observation, member_count)},
};

static const struct field orders_fields[] = {
	AT(U64, keeper_orders, incarnation), AT(U64, keeper_orders, epoch),
	AT(U32, keeper_orders, primary),     AT(U64, keeper_orders, system_identifier),
	AT(LSN, keeper_orders, high_lsn),    AT(U32, keeper_orders, timeline),
};

static const struct field result_fields[] = {
	AT(LSN, step_result, lsn),
	AT(BOOL, step_result, clean),
	AT(U32, step_result, timeline),
	AT(U32, step_result, ms),
};

static const struct field options_fields[] = {
	AT(BOOL, keeper_options, no_handover),
	AT(BOOL, keeper_options, rejoin),
};

struct peer_news {
	struct peer_view view;
	bool follows;
};

static const struct field peer_fields[] = {
	NAMED(U32, peer_news, view.node, "node"),
	NAMED(BOOL, peer_news, view.reached, "reached"),
	NAMED(U32, peer_news, view.age_ms, "age_ms"),
	NAMED(BOOL, peer_news, view.in_recovery, "in_recovery"),
	NAMED(U32, peer_news, view.timeline, "timeline"),
	AT(BOOL, peer_news, follows),
};

#define SPEC(table)                                                                              \
	(const struct record_spec)                                                               \
	{                                                                                        \
		.word = #table, .fields = table, .field_count = sizeof(table) / sizeof(*(table)) \
	}

/* ---- running --------------------------------------------------------------------- */

static void
observed(struct stand *stand)
{
	stand->seen.asked_at = stand->now;
	keeper_on_observation(stand->keeper, stand->now, &stand->seen);
}

/* What the world answers without being told to. */
static bool
answer(struct stand *stand)
{
	if (stand->look && !stand->blind) {
		stand->look = false;
		observed(stand);
		return true;
	}
	if (stand->refresh && stand->link) {
		stand->refresh = false;
		keeper_on_goal(stand->keeper, stand->now, &stand->orders);
		return true;
	}
	if (stand->asked && stand->link) {
		stand->asked = false;
		keeper_on_answer(stand->keeper, stand->now, true);
		return true;
	}
	return false;
}

static void
settle(struct stand *stand)
{
	unsigned rounds = 0;

	do {
		keeper_run(stand->keeper, stand->now);
		ck_assert_msg(++rounds < ROUNDS_MOST, "the engine does not come to rest");
	} while (answer(stand));
}

/* As the loop of a process does: runs at each deadline. */
static void
wait_for(struct stand *stand, pgaf_time time)
{
	pgaf_time until = stand->now + time;

	settle(stand);
	for (;;) {
		pgaf_time due = keeper_deadline(stand->keeper);

		if (due > until)
			break;
		if (due <= stand->now) {
			say(stand, "(the deadline is over and stays: a busy loop)");
			break;
		}
		stand->now = due;
		settle(stand);
	}
	stand->now = until;
	settle(stand);
}

static void *
stand_open(void)
{
	struct stand *stand = calloc(1, sizeof(*stand));

	stand->now = START;
	stand->note.node_id = 1;
	text_copy(stand->options.formation, sizeof(stand->options.formation), "default");
	text_copy(stand->options.name, sizeof(stand->options.name), "node1");
	settings_init(&stand->orders.settings);
	stand->disk_deadline = stand->orders.settings.disk_deadline;
	stand->orders.incarnation = 77;
	stand->seen.pg = PG_ABSENT;
	stand->link = true;
	return stand;
}

static void
stand_close(void *opaque)
{
	struct stand *stand = opaque;

	keeper_free(stand->keeper);
	free(stand);
}

static void
process_start(struct stand *stand)
{
	keeper_free(stand->keeper);
	stand->look = stand->refresh = stand->asked = false;
	stand->stepping = stand->saving = stand->claiming = false;
	stand->report[0] = '\0';
	stand->route = ROUTE_CLOSED;
	stand->keeper = keeper_new(&stand->options, &ops, stand, &stand->note, stand->now);
	ck_assert_ptr_nonnull(stand->keeper);
	if (!stand->link)
		return;
	keeper_on_link(stand->keeper, stand->now, true);
	if (stand->told)
		keeper_on_goal(stand->keeper, stand->now, &stand->orders);
}

/* ---- commands -------------------------------------------------------------------- */

static void
set_peers(struct stand *stand, const char *rest)
{
	stand->orders.peer_count = 0;
	for (const char *at = rest; *at != '\0'; at++) {
		struct peer *peer = &stand->orders.peers[stand->orders.peer_count];

		if (*at < '1' || *at > '9')
			continue;
		peer->id = (pgaf_node_id)(*at - '0');
		snprintf(peer->name, sizeof(peer->name), "node%c", *at);
		stand->orders.peer_count++;
	}
}

static void
new_goal(struct stand *stand, const char *rest)
{
	struct goal *goal = &stand->orders.goal;

	if (*rest != '\0') {
		memset(goal, 0, sizeof(*goal));
		script_read(record_spec_of(RECORD_GOAL), 0, rest, goal);
	}
	if (goal->epoch > stand->orders.epoch)
		stand->orders.epoch = goal->epoch;
	stand->told = true;
	if (stand->keeper != NULL && stand->link)
		keeper_on_goal(stand->keeper, stand->now, &stand->orders);
}

/* The scene before the process starts, or what the store says from now on. */
static bool
command_scene(struct stand *stand, const char *word, const char *rest)
{
	if (strcmp(word, "note") == 0) {
		rest = script_read(&record_note, 0, rest, &stand->note);
		if (strncmp(rest, "goal ", 5) == 0)
			script_read(record_spec_of(RECORD_GOAL), 0, rest + 5, &stand->note.goal);
	} else if (strcmp(word, "options") == 0) {
		script_read(&SPEC(options_fields), 0, rest, &stand->options);
	} else if (strcmp(word, "settings") == 0) {
		script_read(record_spec_of(RECORD_SETTINGS), 0, rest, &stand->orders.settings);
	} else if (strcmp(word, "group") == 0) {
		script_read(&SPEC(orders_fields), 0, rest, &stand->orders);
	} else if (strcmp(word, "peers") == 0) {
		set_peers(stand, rest);
	} else if (strcmp(word, "postgres") == 0) {
		script_read(&SPEC(seen_fields), 0, rest, &stand->seen);
	} else if (strcmp(word, "fit") == 0) {
		stand->seen.vetoes = 0;
	} else if (strcmp(word, "hooks") == 0) {
		stand->hooks = true;
		if (stand->keeper != NULL)
			keeper_on_hooks(stand->keeper, stand->now);
	} else if (strcmp(word, "blind") == 0) {
		stand->blind = strcmp(rest, "on") == 0;
	} else {
		return false;
	}
	return true;
}

static void
link_change(struct stand *stand, bool up)
{
	stand->link = up;
	if (stand->keeper == NULL)
		return;
	keeper_on_link(stand->keeper, stand->now, up);
	if (up && stand->told)
		keeper_on_goal(stand->keeper, stand->now, &stand->orders);
}

/* What is not under way cannot end. */
static bool
begun(struct stand *stand, bool *what)
{
	bool was = *what;

	*what = false;
	if (!was)
		say(stand, "(nothing to end)");
	return was;
}

static void
end_claim(struct stand *stand, const char *how)
{
	if (!begun(stand, &stand->claiming))
		return;
	keeper_on_claim(stand->keeper, stand->now, strcmp(how, "granted") == 0,
	                strcmp(how, "unknown") != 0);
}

static bool
command_store(struct stand *stand, const char *word, const char *rest)
{
	if (strcmp(word, "goal") == 0)
		new_goal(stand, rest);
	else if (strcmp(word, "link") == 0)
		link_change(stand, strcmp(rest, "up") == 0);
	else if (strcmp(word, "deaf") == 0) /* the link stays up, no answer comes */
		stand->link = false;
	else if (strcmp(word, "hear") == 0)
		stand->link = true;
	else if (strcmp(word, "answer") == 0) /* to the last report, or to the one before it */
		keeper_on_answer(stand->keeper, stand->now, strcmp(rest, "late") != 0);
	else if (strcmp(word, "secrets") == 0)
		keeper_on_secrets(stand->keeper, stand->now);
	else if (strcmp(word, "claim") == 0)
		end_claim(stand, rest);
	else
		return false;
	return true;
}

/* The step under way ends: how Postgres looks then, and what the step says. */
static bool
command_result(struct stand *stand, const char *word, const char *rest)
{
	static const char *const outcomes[] = {"done",     "failed", "refused",
	                                       "diverged", "lost",   "wrong-timeline"};
	struct step_result result = {.number = stand->order.number, .step = stand->order.step};
	unsigned outcome = 0;

	while (outcome < 6 && strcmp(word, outcomes[outcome]) != 0)
		outcome++;
	if (outcome == 6)
		return false;
	if (!begun(stand, &stand->stepping))
		return true;
	result.outcome = (enum step_outcome)outcome;
	rest = script_read(&SPEC(seen_fields), 0, rest, &stand->seen);
	if (strncmp(rest, "result ", 7) == 0)
		script_read(&SPEC(result_fields), 0, rest + 7, &result);
	if (outcome != STEP_DONE)
		text_copy(result.text, sizeof(result.text), STEP_TEXT);
	keeper_on_step(stand->keeper, stand->now, &result);
	return true;
}

static void
end_note(struct stand *stand, bool saved)
{
	if (!begun(stand, &stand->saving))
		return;
	if (saved)
		stand->note = stand->pending;
	keeper_on_noted(stand->keeper, stand->now, saved);
}

/* Results of what is over, or never was, come in. */
static void
late_results(struct stand *stand)
{
	struct step_result result = {.number = stand->order.number - 1, .step = STEP_CLONE};

	keeper_on_step(stand->keeper, stand->now, &result);
	if (!stand->saving)
		keeper_on_noted(stand->keeper, stand->now, true);
	if (!stand->claiming)
		keeper_on_claim(stand->keeper, stand->now, true, true);
}

static bool
command_node(struct stand *stand, const char *word, const char *rest)
{
	if (strcmp(word, "nobody") == 0) { /* follows any more */
		stand->seen.member_count = 0;
		observed(stand);
	} else if (strcmp(word, "seen") == 0) {
		script_read(&SPEC(seen_fields), 0, rest, &stand->seen);
		observed(stand);
	} else if (strcmp(word, "overtaken") == 0) { /* by the end of a step */
		struct observation seen = stand->seen;

		script_read(&SPEC(seen_fields), 0, rest, &seen);
		seen.asked_at = stand->now - 1;
		keeper_on_observation(stand->keeper, stand->now, &seen);
	} else if (strcmp(word, "noted") == 0) {
		end_note(stand, true);
	} else if (strcmp(word, "unwritten") == 0) {
		end_note(stand, false);
	} else if (strcmp(word, "exit") == 0) {
		stand->seen.pg = PG_EXITED;
		stand->seen.streaming = false;
		stand->seen.exit_inside = strcmp(rest, "inside") == 0;
		keeper_on_exit(stand->keeper, stand->now, stand->seen.exit_inside);
	} else if (strcmp(word, "peer") == 0) {
		struct peer_news news = {.view.reached = false};

		script_read(&SPEC(peer_fields), 0, rest, &news);
		keeper_on_peer(stand->keeper, stand->now, &news.view, news.follows);
	} else if (strcmp(word, "late") == 0) {
		late_results(stand);
	} else if (strcmp(word, "terminate") == 0) {
		keeper_on_terminate(stand->keeper, stand->now);
	} else if (strcmp(word, "leave") == 0) {
		keeper_on_leave(stand->keeper, stand->now);
	} else {
		return false;
	}
	return true;
}

static bool
command_process(struct stand *stand, const char *word, const char *rest)
{
	pgaf_time time = PGAF_MSEC(strtol(rest, NULL, 10));

	if (strcmp(word, "start") == 0) {
		process_start(stand);
	} else if (strcmp(word, "restart") == 0) { /* SIGKILL; "written": the note made it */
		if (strcmp(rest, "written") == 0)
			stand->note = stand->pending;
		stand->now += PGAF_MSEC(200);
		stand->since = stand->now;
		process_start(stand);
	} else if (strcmp(word, "wait") == 0) {
		wait_for(stand, time);
	} else if (strcmp(word, "freeze") ==
	           0) { /* not scheduled; what happens next arrived meanwhile */
		stand->now += time;
	} else if (strcmp(word, "deadline") == 0) {
		char line[64];

		snprintf(line, sizeof(line), "in %lldms",
		         (long long)((keeper_deadline(stand->keeper) - stand->now) / 1000000));
		say(stand, line);
	} else {
		return false;
	}
	return true;
}

static bool
stand_command(void *opaque, const char *word, const char *rest, struct text *said)
{
	struct stand *stand = opaque;

	stand->said = said;
	stand->since = stand->now;
	if (command_scene(stand, word, rest))
		return true;
	if (!command_process(stand, word, rest) && !command_result(stand, word, rest) &&
	    !command_store(stand, word, rest) && !command_node(stand, word, rest))
		return false;
	if (stand->keeper != NULL && strcmp(word, "freeze") != 0)
		settle(stand);
	return true;
}

/* Two scenes from which much begins; how they come about is told in 1_start.txt. */
static const char *const primary_scene[] = {
	"note role=primary epoch=9 incarnation=77 timeline=1 about_version=3 applied_version=3 "
	"system_identifier=4711 goal state=primary epoch=9 rule=650 timeline=1 set=3:1/2.3",
	"group epoch=9 primary=1 timeline=1 system_identifier=4711 high_lsn=0/3000000",
	"peers 2",
	"postgres pg=primary has_data=true system_identifier=4711 timeline=1 disk_timeline=1 "
	"lsn=0/3000000 lsn_complete=true server_start=5 sync_names=ANY%201%20(pgaf_2_3) "
	"members=2.3:streaming:0/3000000:0/3000000",
	"goal state=primary epoch=9 rule=650 timeline=1 set=3:1/2.3",
	"start",
	"done", /* configure */
	"done", /* roles */
	"done", /* slots */
	"done result timeline=1 lsn=0/3000000",
	"wait 100",
	NULL,
};

static const char *const standby_scene[] = {
	"note role=standby epoch=9 incarnation=77 timeline=1 system_identifier=4711 "
	"goal state=secondary epoch=8 rule=740 timeline=1 admission=3 upstream=2 may_rewind=true",
	"group epoch=9 primary=2 timeline=1 system_identifier=4711 high_lsn=0/3000000",
	"peers 2",
	"postgres pg=standby has_data=true system_identifier=4711 timeline=1 disk_timeline=1 "
	"lsn=0/3000000 lsn_complete=true replay=0/3000000 consistent=true streaming=true "
	"upstream=2 admission=3 upstream_lsn=0/3000000 server_start=5",
	"goal state=secondary epoch=8 rule=740 timeline=1 admission=3 upstream=2 may_rewind=true",
	"start",
	"done", /* configure */
	"done", /* slots */
	"wait 100",
	NULL,
};

static bool
stand_script(void *opaque, const char *word, const char *rest, struct text *said)
{
	char bytes[4096];
	struct text unsaid = TEXT(bytes);
	const char *const *scene = strcmp(word, "primary") == 0   ? primary_scene
	                           : strcmp(word, "standby") == 0 ? standby_scene
	                                                          : NULL;

	if (scene == NULL)
		return stand_command(opaque, word, rest, said);
	for (; *scene != NULL; scene++) {
		char line_word[16];
		size_t length = strcspn(*scene, " ");
		const char *line_rest = *scene + length;

		snprintf(line_word, sizeof(line_word), "%.*s", (int)length, *scene);
		ck_assert(
			stand_command(opaque, line_word, line_rest + (*line_rest == ' '), &unsaid));
	}
	return true;
}

START_TEST(test_keeper)
{
	static const struct script script = {stand_open, stand_script, stand_close};

	script_run(&script, "keeper");
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("scripts");

	tcase_add_test(tcase, test_keeper);
	return suite_run("keeper engine", tcase);
}
