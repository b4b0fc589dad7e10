/* SPDX-License-Identifier: PostgreSQL */
/*
 * The monitor engine in a world of which a script says what happens: what the
 * store holds, when it answers and how commits end, what keepers report and
 * what probes see. What the core decides is told in its own transcripts; here
 * is when it is asked, and what becomes of its answer.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pgaf/error.h>

#include "core/codec_field.h"
#include "engine/monitor_env.h"
#include "unit/engine/script.h"

#define START PGAF_SECONDS(1000)
#define ROUNDS_MOST 1000

/* A healthy primary (node 1) and its standby (node 2), as the store holds them. */
static const char pair_text[] =
	"group formation=default epoch=10 incarnation=77 system_identifier=4711 primary=1 "
	"timeline=1 next_timeline=2 next_version=6 next_admission=4 possible=3:1/2.3 "
	"high_lsn=0/3000000\n"
	"settings\n"
	"node id=1 name=node1 host=h1 port=5432 priority=50 quorum=true bootstrap=true\n"
	"goal state=primary epoch=9 rule=650 timeline=1 set=3:1/2.3\n"
	"report state=primary epoch=9 incarnation=77 run=1 pg=primary system_identifier=4711 "
	"timeline=1 disk_timeline=1 lsn=0/3000000 has_data=true in_force_version=3 "
	"in_force_timeline=1 writer=true members=2.3:streaming:0/3000000:0/3000000\n"
	"node id=2 name=node2 host=h2 port=5432 priority=50 quorum=true bootstrap=true admission=3 "
	"high_lsn=0/2FFFFFF\n"
	"goal state=secondary epoch=8 rule=740 timeline=1 admission=3 upstream=1 may_rewind=true\n"
	"report state=secondary epoch=9 incarnation=77 run=2 pg=standby system_identifier=4711 "
	"timeline=1 disk_timeline=1 lsn=0/3000000 lsn_complete=true replay=0/3000000 has_data=true "
	"streaming_admission=3 streaming=true history_proved=true caught_up=true\n";

struct stand {
	struct monitor *monitor;
	struct text *said;
	pgaf_time now;
	pgaf_time since;
	struct snapshot stored;
	struct decision decision;
	pgaf_time store_age;
	bool loading;
	bool committing;
	bool hooks; /* what is told to the operator's programs is written down */
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
on_load(void *world)
{
	struct stand *stand = world;

	ck_assert_msg(!stand->loading, "reads twice at once");
	stand->loading = true;
	say(stand, "load");
}

static void
on_commit(void *world, const struct decision *decision)
{
	struct stand *stand = world;
	char line[512];

	ck_assert_msg(!stand->committing, "two decisions at once");
	stand->committing = true;
	stand->decision = *decision;
	snprintf(line, sizeof(line), "commit %llu, rule %u: %s",
	         (unsigned long long)decision->group.epoch, (unsigned)decision->rule,
	         decision->text);
	say(stand, line);
}

static void
on_probe(void *world, const struct node *nodes, uint32_t count, const struct settings *settings)
{
	char bytes[128] = "";
	struct text line = TEXT(bytes);

	ck_assert(settings->probe_interval > 0);
	text_add(&line, "probe");
	for (uint32_t i = 0; i < count; i++)
		text_addf(&line, " %s:%u", nodes[i].host, (unsigned)nodes[i].port);
	say(world, bytes);
}

static void
on_ask_sessions(void *world)
{
	say(world, "ask for sessions");
}

/* The recorder must not hold up a commit, so it comes after it; and it sees what was decided. */
static void
on_record(void *world, const struct snapshot *snap, pgaf_time now, const struct decision *decision)
{
	struct stand *stand = world;
	struct decision again;

	ck_assert_int_eq(now, stand->now);
	ck_assert_int_eq(decision != NULL, stand->committing);
	ck_assert_int_eq(decide(snap, now, &again), decision != NULL);
	if (decision != NULL)
		ck_assert_uint_eq(again.rule, decision->rule);
}

static void
on_log(void *world, const struct pgaf_log *record)
{
	char line[128];

	if (record->level != PGAF_LOG_WARNING && strcmp(record->event, "commit-lost") != 0)
		return;
	snprintf(line, sizeof(line), "says %s", record->event);
	say(world, line);
}

static void
on_hook(void *world, const struct node *node, const struct hook_call *call)
{
	struct stand *stand = world;
	char line[512];
	char said[600];

	if (!stand->hooks)
		return;
	script_hook(call, line, sizeof(line));
	snprintf(said, sizeof(said), "%s: %s", node->name, line);
	say(stand, said);
}

static const struct monitor_ops ops = {
	.load = on_load,
	.commit = on_commit,
	.probe = on_probe,
	.ask_sessions = on_ask_sessions,
	.record = on_record,
	.hook = on_hook,
	.log = on_log,
};

/* ---- running --------------------------------------------------------------------- */

static void
wait_for(struct stand *stand, pgaf_time time)
{
	pgaf_time until = stand->now + time;

	for (unsigned rounds = 0; monitor_deadline(stand->monitor) <= until; rounds++) {
		pgaf_time due = monitor_deadline(stand->monitor);

		if (rounds == ROUNDS_MOST) {
			say(stand, "(a busy loop)");
			break;
		}
		stand->now = due > stand->now ? due : stand->now;
		monitor_run(stand->monitor, stand->now);
	}
	stand->now = until;
	monitor_run(stand->monitor, stand->now);
}

static void *
stand_open(void)
{
	struct stand *stand = calloc(1, sizeof(*stand));
	struct pgaf_error error = {0};

	stand->now = START;
	stand->store_age = -1;
	ck_assert_msg(codec_read_snapshot(pair_text, START, &stand->stored, &error) == 0, "%s",
	              error.text);
	stand->monitor = monitor_new("default", 0, &ops, stand, stand->now);
	ck_assert_ptr_nonnull(stand->monitor);
	return stand;
}

static void
stand_close(void *opaque)
{
	struct stand *stand = opaque;

	monitor_free(stand->monitor);
	free(stand);
}

/* ---- commands -------------------------------------------------------------------- */

/* The node that the text names first; its row is the script's own. */
static struct node *
stored_node(struct stand *stand, const char **rest)
{
	pgaf_node_id id = (pgaf_node_id)strtoul(*rest, (char **)rest, 10);

	*rest += strspn(*rest, " ");
	for (uint32_t i = 0; i < stand->stored.count; i++)
		if (stand->stored.nodes[i].id == id)
			return &stand->stored.nodes[i];
	ck_abort_msg("no such node: %u", (unsigned)id);
}

static bool
command_stored(struct stand *stand, const char *word, const char *rest)
{
	if (strcmp(word, "group") == 0) {
		script_read(record_spec_of(RECORD_GROUP), 0, rest, &stand->stored.group);
	} else if (strcmp(word, "settings") == 0) {
		script_read(record_spec_of(RECORD_SETTINGS), 0, rest,
		            &stand->stored.group.settings);
	} else if (strcmp(word, "node") == 0) {
		struct node *node = stored_node(stand, &rest);

		script_read(record_spec_of(RECORD_NODE), 0, rest, node);
	} else if (strcmp(word, "gone") == 0) {
		stand->stored.count = 1;
	} else if (strcmp(word, "age") == 0) {
		stand->store_age = PGAF_MSEC(strtol(rest, NULL, 10));
	} else {
		return false;
	}
	return true;
}

static void
end_load(struct stand *stand)
{
	if (!stand->loading)
		say(stand, "(nothing to end)");
	stand->loading = false;
	monitor_on_group(stand->monitor, stand->now, &stand->stored, stand->store_age);
}

static void
end_commit(struct stand *stand, const char *how)
{
	int result = strcmp(how, "done") == 0    ? 0
	             : strcmp(how, "stale") == 0 ? PGAF_ESTALE
	                                         : PGAF_ESYS;

	if (!stand->committing)
		say(stand, "(nothing to end)");
	stand->committing = false;
	/* Written, and whether the engine hears of it is another matter. */
	if (result == 0 || strcmp(how, "unheard") == 0)
		decision_apply(&stand->decision, stand->now, &stand->stored);
	if (strcmp(how, "dropped") != 0)
		monitor_on_commit(stand->monitor, stand->now, result);
}

static bool
command_store(struct stand *stand, const char *word, const char *rest)
{
	if (strcmp(word, "store") == 0) {
		stand->loading = false;
		monitor_on_store(stand->monitor, stand->now, strcmp(rest, "open") == 0);
	} else if (strcmp(word, "loaded") == 0) {
		end_load(stand);
	} else if (strcmp(word, "committed") == 0) {
		end_commit(stand, rest);
	} else if (strcmp(word, "sessions") == 0) {
		monitor_on_sessions_unknown(stand->monitor, stand->now);
	} else if (strcmp(word, "session") == 0) {
		pgaf_node_id id = (pgaf_node_id)strtoul(rest, NULL, 10);

		monitor_on_session(stand->monitor, stand->now, id, strstr(rest, "open") != NULL);
	} else {
		return false;
	}
	return true;
}

/* Both nodes answer and their keepers report, as at any moment of a calm day. */
static void
all_well(struct stand *stand)
{
	for (uint32_t i = 0; i < stand->stored.count; i++) {
		struct node *node = &stand->stored.nodes[i];

		node->sighting.answered_at = stand->now;
		node->sighting.accepted_at = stand->now;
		monitor_on_sighting(stand->monitor, stand->now, node->id, &node->sighting);
		monitor_on_report(stand->monitor, stand->now, node->id, &node->report);
	}
}

static bool
command_news(struct stand *stand, const char *word, const char *rest)
{
	if (strcmp(word, "well") == 0) {
		all_well(stand);
	} else if (strcmp(word, "report") == 0) {
		struct node *node = stored_node(stand, &rest);

		script_read(record_spec_of(RECORD_REPORT), stand->now, rest, &node->report);
		monitor_on_report(stand->monitor, stand->now, node->id, &node->report);
	} else if (strcmp(word, "sighting") == 0) {
		struct node *node = stored_node(stand, &rest);

		script_read(record_spec_of(RECORD_SIGHTING), stand->now, rest, &node->sighting);
		monitor_on_sighting(stand->monitor, stand->now, node->id, &node->sighting);
	} else if (strcmp(word, "stranger") == 0) {
		struct report report = {.epoch = 1};
		struct sighting sighting = {.answered_at = 1};

		monitor_on_sighting(stand->monitor, stand->now, 7, &sighting);
		monitor_on_session(stand->monitor, stand->now, 7, true);
		monitor_on_report(stand->monitor, stand->now, 7, &report);
	} else if (strcmp(word, "hooks") == 0) {
		stand->hooks = true;
		monitor_on_hooks(stand->monitor, stand->now);
	} else if (strcmp(word, "stall") == 0) {
		monitor_on_stall(stand->monitor, stand->now);
	} else {
		return false;
	}
	return true;
}

static void
say_deadline(struct stand *stand)
{
	pgaf_time due = monitor_deadline(stand->monitor);
	char line[64];

	snprintf(line, sizeof(line), "in %lldms", (long long)((due - stand->now) / 1000000));
	say(stand, due == PGAF_NEVER ? "never" : line);
}

/* Of a moment, 0 for none. */
static long long
age_ms(const struct stand *stand, pgaf_time at)
{
	return at == 0 ? 0 : (long long)((stand->now - at) / 1000000);
}

/* The timers that outlive a reload, as ages, and the positions that do. */
static void
say_timers(struct stand *stand)
{
	const struct snapshot *snap = monitor_snapshot(stand->monitor);
	char group[256];

	snprintf(group, sizeof(group), "group: listens for %lldms, created %lldms ago, high %llX",
	         age_ms(stand, snap->listening_since), age_ms(stand, snap->first_start),
	         (unsigned long long)snap->group.high_lsn);
	say(stand, group);
	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *node = &snap->nodes[i];
		char line[256];

		snprintf(line, sizeof(line),
		         "%s: goal for %lldms, reported %lldms ago, trouble for %lldms, high %llX",
		         node->name, age_ms(stand, node->goal_since),
		         age_ms(stand, node->reported_at), age_ms(stand, node->trouble_since),
		         (unsigned long long)node->high_lsn);
		say(stand, line);
	}
}

static bool
stand_command(void *opaque, const char *word, const char *rest, struct text *said)
{
	struct stand *stand = opaque;

	stand->said = said;
	stand->since = stand->now;
	if (command_stored(stand, word, rest))
		return true;
	if (strcmp(word, "wait") == 0)
		wait_for(stand, PGAF_MSEC(strtol(rest, NULL, 10)));
	else if (strcmp(word, "deadline") == 0)
		say_deadline(stand);
	else if (strcmp(word, "timers") == 0)
		say_timers(stand);
	else if (!command_store(stand, word, rest) && !command_news(stand, word, rest))
		return false;
	monitor_run(stand->monitor, stand->now);
	return true;
}

START_TEST(test_monitor)
{
	static const struct script script = {stand_open, stand_command, stand_close};

	script_run(&script, "monitor");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("monitor engine");
	TCase *tcase = tcase_create("scripts");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_monitor);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
