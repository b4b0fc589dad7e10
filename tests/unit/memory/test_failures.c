/* SPDX-License-Identifier: PostgreSQL */
/*
 * Each allocation in turn fails, alone and with all that come after it, in what
 * runs at start-up and in a failover: nothing crashes, nothing is left over, and
 * whoever asked is told. A scenario is run again and again, with the first, the
 * second, … until none fails any more.
 */

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pgaf/pgaf.h>

#include "base/log.h"
#include "base/options.h"
#include "base/pure/text.h"
#include "engine/keeper_env.h"
#include "engine/monitor_env.h"
#include "http/keeper_pages.h"
#include "pg/conn.h"
#include "store/memory.h"
#include "store/postgres_parts.h"
#include "store/target.h"
#include "unit/memory/alloc.h"
#include "unit/root.h"

#define RUNS_MOST 2000
#define TURNS 20 /* of a daemon's loop, none of which waits */

/* True when it got what it wanted; false after an error that was told. */
typedef bool (*scenario_fn)(void);

/* Check allocates too, so it is asked only after memory is there again. */
#define EXPECT(condition)                                    \
	do {                                                 \
		if (!(condition)) {                          \
			alloc_fail(0, false);                \
			ck_abort_msg("not: %s", #condition); \
		}                                            \
	} while (0)

/* Whether an allocation failed. */
static bool
torture_once(scenario_fn scenario, unsigned long number, bool on)
{
	alloc_fail(number, on);
	bool done = scenario();
	bool failed = alloc_has_failed();
	size_t live = alloc_live();

	alloc_fail(0, false);
	ck_assert_msg(done || failed, "fails with all memory there is");
	ck_assert_msg(live == 0, "allocation %lu fails%s: %zu are left over", number,
	              on ? ", and all after it" : "", live);
	return failed;
}

static void
torture(scenario_fn scenario)
{
	unsigned long number = 1;

	while (torture_once(scenario, number, false))
		ck_assert_uint_lt(++number, RUNS_MOST);
	ck_assert_uint_gt(number, 1);
	while (--number > 0)
		torture_once(scenario, number, true);
}

/* ---- a directory ------------------------------------------------------------------------- */

static char root[ROOT_MAX];

static void
set_up(void)
{
	root_make(root, "memory");
}

static void
tear_down(void)
{
	root_remove(root);
}

static void
path_in_root(const char *name, char to[128])
{
	snprintf(to, 128, "%s/%s", root, name);
}

/* ---- settings ---------------------------------------------------------------------------- */

struct read_settings {
	char config[128];
	char name[64];
};

static const struct option_spec specs[] = {
	{.name = "config",
         .type = OPTION_TEXT,
         .offset = offsetof(struct read_settings, config),
         .room = sizeof(((struct read_settings *)NULL)->config),
         .only_command_line = true},
	{.name = "name",
         .type = OPTION_TEXT,
         .offset = offsetof(struct read_settings, name),
         .room = sizeof(((struct read_settings *)NULL)->name)},
};

static bool
read_settings(void)
{
	static struct read_settings settings;
	static char program[] = "program";
	static char option[] = "--config";
	char file[128];
	char *arguments[] = {program, option, file, NULL};
	struct pgaf_error error = {0};

	path_in_root("settings", file);
	int first = options_load(specs, 2, "config", 3, arguments, &settings, &error);
	EXPECT(first > 0 || error.text[0] != '\0');
	EXPECT(first < 0 || strcmp(settings.name, "node7") == 0);
	return first > 0;
}

START_TEST(settings_are_read_or_an_error_is_told)
{
	char file[128];

	path_in_root("settings", file);
	FILE *to = fopen(file, "w");
	ck_assert_ptr_nonnull(to);
	fputs("name: node7\n", to);
	fclose(to);
	torture(read_settings);
}
END_TEST

/* ---- what is shown ----------------------------------------------------------------------- */

static bool
render(void)
{
	char line[8192] = "";
	struct text text = TEXT(line);
	struct pgaf_log record = {.event = "x", .text = "said", .formation = "f", .node_name = "n"};

	log_render(&record, LOG_JSON, &text);
	return strstr(line, "said") != NULL;
}

START_TEST(a_record_of_the_log_is_left_out_at_worst)
{
	torture(render);
}
END_TEST

static const char *
no_argument(const struct http_request *request, const char *name)
{
	(void)request;
	(void)name;
	return NULL;
}

static bool
page_is_whole(const char *path)
{
	static struct keeper_page_data data;
	struct http_request request = {.method = "GET", .path = path, .argument = no_argument};
	struct http_answer answer = {0};

	data = (struct keeper_page_data){.primary_open = true, .name = "n", .peer_count = 1};
	data.report.pg = PG_PRIMARY;
	data.report.member_count = 1;
	data.report.promoted_timeline = 2;
	keeper_page(&data, &request, &answer);
	/* Whoever asks for the status alone is told the truth without any memory. */
	EXPECT(answer.status == (strcmp(path, "/nothing") == 0 ? 404 : 200));
	bool whole = answer.body != NULL;
	free(answer.body);
	return whole;
}

static bool
pages(void)
{
	static const char *const paths[] = {"/", "/metrics", "/cluster", "/history", "/nothing"};
	bool whole = true;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		whole = page_is_whole(paths[i]) && whole;
	return whole;
}

START_TEST(a_page_keeps_its_status)
{
	torture(pages);
}
END_TEST

/* ---- the store in memory, and the engines -------------------------------------------------- */

struct told {
	int registered;
	int opened;
	int loaded;
	int committed;
	struct snapshot snap;
};

static void
on_registered(void *ctx, int result, const struct link_registered *answer,
              const struct pgaf_error *error)
{
	struct told *told = ctx;

	(void)error;
	told->registered += result == 0 && answer != NULL;
}

static void
on_opened(void *ctx)
{
	((struct told *)ctx)->opened++;
}

static void
on_lost(void *ctx, const struct pgaf_error *error)
{
	(void)ctx;
	(void)error;
}

static void
on_orders(void *ctx, const struct keeper_orders *orders)
{
	(void)ctx;
	(void)orders;
}

static void
on_nothing(void *ctx)
{
	(void)ctx;
}

static void
on_answered(void *ctx, bool newest)
{
	(void)ctx;
	(void)newest;
}

static void
on_claimed(void *ctx, bool granted, bool known)
{
	(void)ctx;
	(void)granted;
	(void)known;
}

static void
on_store_opened(void *ctx, uint64_t incarnation, pgaf_time age)
{
	(void)incarnation;
	(void)age;
	((struct told *)ctx)->opened++;
}

static void
on_changed(void *ctx, const struct store_group_key *key, enum store_change change,
           pgaf_node_id node)
{
	(void)ctx;
	(void)key;
	(void)change;
	(void)node;
}

static void
on_loaded(void *ctx, int result, const struct snapshot *snap)
{
	struct told *told = ctx;

	told->loaded += result == 0;
	if (result == 0)
		told->snap = *snap;
}

static void
on_committed(void *ctx, int result, const struct pgaf_error *error)
{
	(void)error;
	((struct told *)ctx)->committed += result == 0;
}

static void
on_reports(void *ctx, int result, pgaf_node_id node, const struct report *report, bool last)
{
	(void)ctx;
	(void)result;
	(void)node;
	(void)report;
	(void)last;
}

static void
on_sessions(void *ctx, int result, const pgaf_node_id *open, uint32_t count)
{
	(void)ctx;
	(void)result;
	(void)open;
	(void)count;
}

static const struct link_callbacks link_callbacks = {
	.registered = on_registered,
	.opened = on_opened,
	.lost = on_lost,
	.orders = on_orders,
	.answered = on_answered,
	.claimed = on_claimed,
	.dropped = on_nothing,
};
static const struct store_callbacks store_callbacks = {
	.opened = on_store_opened,
	.lost = on_lost,
	.changed = on_changed,
};
static const struct store_group_key group_key = {.formation = "default"};

static void
use_link(struct memory_store *memory, struct link *link, const char *name, uint32_t port)
{
	struct link_registration registration = {
		.formation = "default", .port = port, .priority = 50, .quorum = true};
	struct report report = {.state = PGAF_STATE_PRIMARY, .run = 1, .has_data = true};

	registration.bootstrap = true;
	text_copy(registration.name, sizeof(registration.name), name);
	text_copy(registration.host, sizeof(registration.host), "localhost");
	link->ops->enroll(link, &registration);
	memory_store_run(memory);
	link->ops->report(link, &report, true);
	link->ops->refresh(link);
	link->ops->claim(link, 1);
	memory_store_run(memory);
}

static void
use_store(struct memory_store *memory, struct store *store, struct told *told)
{
	struct decision decision = {.rule = 100, .text = "test"};

	store->ops->load(store, &group_key, on_loaded, told);
	store->ops->reports(store, &group_key, on_reports, told);
	store->ops->sessions(store, &group_key, on_sessions, told);
	memory_store_run(memory);
	if (told->loaded == 0)
		return;
	decision.from_epoch = told->snap.group.epoch;
	decision.group = told->snap.group;
	decision.group.epoch++;
	store->ops->commit(store, &group_key, &decision, on_committed, told);
	memory_store_run(memory);
	memory_store_crash(memory);
	memory_store_run(memory);
}

static bool
store_in_memory(void)
{
	static struct told told;
	struct memory_store *memory = memory_store_new(77, 1);
	struct store *store = NULL;
	struct link *links[2] = {NULL, NULL};

	told = (struct told){.registered = 0};
	if (memory != NULL) {
		store = memory_store_open(memory, -1, &store_callbacks, &told);
		for (int i = 0; i < 2; i++)
			links[i] = memory_link_new(memory, &link_callbacks, &told);
		for (uint32_t i = 0; i < 2; i++)
			if (links[i] != NULL)
				use_link(memory, links[i], i == 0 ? "node1" : "node2", 5001 + i);
		if (store != NULL)
			use_store(memory, store, &told);
		struct memory_store_copy *copy = memory_store_save(memory);
		if (copy != NULL)
			memory_store_restore(memory, copy, 78);
		memory_store_copy_free(copy);
		memory_store_run(memory);
		for (int i = 0; i < 2; i++)
			if (links[i] != NULL)
				links[i]->ops->free(links[i]);
		if (store != NULL)
			store->ops->free(store);
	}
	memory_store_free(memory);
	return told.registered >= 2 && told.committed == 1;
}

START_TEST(the_store_in_memory_loses_messages_at_worst)
{
	torture(store_in_memory);
}
END_TEST

static uint64_t
random_four(void *world)
{
	(void)world;
	return 4;
}

static bool
engines(void)
{
	static const struct keeper_ops keeper_ops = {.random = random_four, .observe = on_nothing};
	static const struct monitor_ops monitor_ops = {.load = on_nothing};
	static const struct keeper_options options = {.name = "n"};
	static const struct note note;
	struct keeper *keeper = keeper_new(&options, &keeper_ops, NULL, &note, PGAF_SECONDS(1));
	struct monitor *monitor = monitor_new("f", 0, &monitor_ops, NULL, PGAF_SECONDS(1));
	bool made = keeper != NULL && monitor != NULL;

	if (keeper != NULL)
		keeper_free(keeper);
	if (monitor != NULL)
		monitor_free(monitor);
	return made;
}

START_TEST(an_engine_is_made_or_not)
{
	torture(engines);
}
END_TEST

/* ---- connections --------------------------------------------------------------------------- */

static bool
parse_target(void)
{
	struct target target;
	struct pgaf_error error = {0};
	int result = target_parse(&target, "postgres://u:p@h:1/d?sslmode=require", &error);

	EXPECT(result == 0 || error.text[0] != '\0');
	if (result < 0)
		return false;
	result = target_default(&target, "application_name", "pgaf");
	target_done(&target);
	return result == 0;
}

START_TEST(a_uri_is_taken_apart_as_a_whole)
{
	torture(parse_target);
}
END_TEST

static void
on_conn_lost(void *ctx, enum conn_failure failure, const struct pgaf_error *error)
{
	(void)ctx;
	(void)failure;
	(void)error;
}

static bool
connection(void)
{
	static const char *const keywords[] = {"user", "dbname", "sslmode", NULL};
	static const char *const values[] = {"u", "d", "require", NULL};
	const struct conn_options options = {
		.keywords = keywords, .values = values, .host = "/nowhere", .connect_limit = 1};
	const struct conn_callbacks callbacks = {.opened = on_nothing, .lost = on_conn_lost};
	struct loop *loop = loop_new(NULL);
	struct conn *conn = NULL;

	if (loop == NULL)
		return false;
	conn = conn_new(loop, &options, &callbacks, NULL);
	if (conn != NULL) {
		conn_open(conn);
		loop_dispatch(loop);
		conn_free(conn);
	}
	loop_dispatch(loop);
	loop_free(loop);
	return conn != NULL;
}

START_TEST(a_connection_has_all_its_parameters_or_is_not_made)
{
	torture(connection);
}
END_TEST

/* ---- the store in Postgres ----------------------------------------------------------------- */

static int lost_code;

static void
on_store_lost(void *ctx, const struct pgaf_error *error)
{
	(void)ctx;
	lost_code = error->code;
}

/* An engine that waits for the answer to a commit does nothing else. */
START_TEST(a_call_without_memory_ends_the_session)
{
	const struct store_callbacks callbacks = {.opened = on_store_opened, .lost = on_store_lost};
	const struct postgres_store_options options = {.uri = "postgres:///pgaf?host=/nowhere"};
	struct loop *loop = loop_new(NULL);
	struct store *store = postgres_store_new(loop, &options, &callbacks, NULL, NULL);
	struct decision decision = {.rule = 100};

	ck_assert_ptr_nonnull(store);
	lost_code = 0;
	((struct postgres_store *)store)->open = true;
	loop_timer_set(((struct postgres_store *)store)->retry, PGAF_NEVER);
	alloc_fail(1, false);
	store->ops->commit(store, &group_key, &decision, on_committed, NULL);
	alloc_fail(0, false);
	ck_assert_int_eq(lost_code, 0);
	for (int turn = 0; turn < TURNS && lost_code == 0; turn++)
		loop_dispatch(loop);
	ck_assert_int_eq(lost_code, PGAF_ENOMEM);
	store->ops->free(store);
	loop_free(loop);
}
END_TEST

/* ---- the daemons' start -------------------------------------------------------------------- */

static const char *const monitors[] = {"postgres://pgaf_keeper:x@/pgaf?host=/nowhere"};

static bool
keeper_start(void)
{
	char pgdata[128];
	struct pgaf_keeper_options options = {.size = sizeof(options),
	                                      .pgdata = pgdata,
	                                      .bindir = PGAF_POSTGRES_BIN,
	                                      .monitors = monitors,
	                                      .monitor_count = 1,
	                                      .name = "node1",
	                                      .hostname = "localhost",
	                                      .http = "off",
	                                      .replication_quorum = true,
	                                      .candidate_priority = 50};
	struct pgaf_error error = {0};

	path_in_root("data", pgdata);
	struct pgaf_keeper *keeper = pgaf_keeper_new(&options, &error);
	EXPECT(keeper != NULL || (error.code < 0 && error.text[0] != '\0'));
	for (int turn = 0; keeper != NULL && turn < TURNS; turn++)
		pgaf_keeper_dispatch(keeper);
	pgaf_keeper_free(keeper);
	return keeper != NULL;
}

START_TEST(a_keeper_starts_or_says_why_not)
{
	torture(keeper_start);
}
END_TEST

static bool
monitor_start(void)
{
	struct pgaf_monitor_options options = {.size = sizeof(options),
	                                       .store_uri = monitors[0],
	                                       .join_secret = "secret",
	                                       .http = "off"};
	struct pgaf_error error = {0};
	struct pgaf_monitor *monitor = pgaf_monitor_new(&options, &error);

	EXPECT(monitor != NULL || (error.code < 0 && error.text[0] != '\0'));
	for (int turn = 0; monitor != NULL && turn < TURNS; turn++)
		pgaf_monitor_dispatch(monitor);
	pgaf_monitor_free(monitor);
	return monitor != NULL;
}

START_TEST(a_monitor_starts_or_says_why_not)
{
	torture(monitor_start);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("failed allocations");
	TCase *all = tcase_create("all");
	SRunner *runner = NULL;
	int failed = 0;

	json_set_alloc_funcs(malloc, free);
	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_set_timeout(all, 60);
	tcase_add_test(all, settings_are_read_or_an_error_is_told);
	tcase_add_test(all, a_record_of_the_log_is_left_out_at_worst);
	tcase_add_test(all, a_page_keeps_its_status);
	tcase_add_test(all, the_store_in_memory_loses_messages_at_worst);
	tcase_add_test(all, an_engine_is_made_or_not);
	tcase_add_test(all, a_uri_is_taken_apart_as_a_whole);
	tcase_add_test(all, a_connection_has_all_its_parameters_or_is_not_made);
	tcase_add_test(all, a_call_without_memory_ends_the_session);
	tcase_add_test(all, a_keeper_starts_or_says_why_not);
	tcase_add_test(all, a_monitor_starts_or_says_why_not);
	suite_add_tcase(suite, all);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
