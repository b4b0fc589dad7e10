/* SPDX-License-Identifier: PostgreSQL */
/*
 * The store in a real PostgreSQL: the conformance suite, and what only a
 * database has: rights, durability, WAL, schema versions, operators.
 */

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "unit/store/conformance.h"
#include "unit/store/stand.h"

static const struct report running = {
	.state = PGAF_STATE_PRIMARY,
	.run = 1,
	.has_data = true,
	.pg = PG_PRIMARY,
	.lsn = 5000,
	.peer_count = 1,
	.peers = {{.node = 2, .reached = true, .age_ms = 10}},
};

static struct monitor_log *
open_monitor(void)
{
	struct monitor_log *monitor = stand_monitor();

	stand_wait(&monitor->opened, 1, "the store");
	return monitor;
}

/* The SQLSTATE that a statement of this role brings, "" for success. */
static const char *
state_of(const char *role, const char *password, const char *sql)
{
	static char state[6];
	PGconn *pg = stand_connect(role, password);
	PGresult *result = NULL;

	ck_assert_msg(PQstatus(pg) == CONNECTION_OK, "%s", PQerrorMessage(pg));
	result = PQexec(pg, sql);
	text_copy(state, sizeof(state),
	          PQresultErrorField(result, PG_DIAG_SQLSTATE)
	                  ? PQresultErrorField(result, PG_DIAG_SQLSTATE)
	                  : "");
	PQclear(result);
	PQfinish(pg);
	return state;
}

static const char *
keeper_state(const char *sql)
{
	return state_of("pgaf_keeper", server_join_secret(stand_server), sql);
}

static const char *
operator_state(const char *sql)
{
	return state_of("pgaf_operator", server_operator_password(stand_server), sql);
}

static uint64_t
wal_position(void)
{
	return strtoull(stand_sql("SELECT pg_current_wal_insert_lsn() - '0/0'"), NULL, 10);
}

START_TEST(a_heartbeat_writes_no_wal)
{
	struct report report = running;
	struct keeper_log *keeper = NULL;
	uint64_t before = 0;
	uint64_t after = 0;

	open_monitor();
	keeper = stand_node("node1", 5001);
	stand_report(keeper, &report, false);
	/* Rows that are new to readers have hints set once, which checksums write to WAL. */
	stand_sql("VACUUM");
	stand_report(keeper, &report, false);
	before = wal_position();
	for (uint32_t i = 0; i < 100; i++) {
		report.peers[0].age_ms = i; /* jitter of an idle node */
		report.disk_ms = i % 7;
		stand_report(keeper, &report, false);
	}
	after = wal_position();
	printf("100 heartbeats: %" PRIu64 " bytes of WAL\n", after - before);
	ck_assert_uint_eq(after, before);

	before = after;
	for (uint32_t i = 0; i < 100; i++) {
		report.lsn += 1000;
		stand_report(keeper, &report, false);
	}
	after = wal_position();
	printf("100 reports of a moving position: %" PRIu64 " bytes of WAL\n", after - before);
	ck_assert_uint_lt(after - before, 20000);
}
END_TEST

START_TEST(keepers_have_the_least_rights)
{
	struct keeper_log *one = NULL;
	struct keeper_log *two = NULL;
	char sql[400];

	open_monitor();
	one = stand_node("node1", 5001);
	two = stand_node("node2", 5002);
	ck_assert_str_eq(keeper_state("SELECT * FROM pgaf.node"), "42501");
	ck_assert_str_eq(keeper_state("SELECT * FROM pgaf.store"), "42501");
	ck_assert_str_eq(keeper_state("UPDATE pgaf.grp SET claimed = true"), "42501");
	ck_assert_str_eq(keeper_state("SELECT pgaf._remove(1)"), "42501");
	ck_assert_str_eq(keeper_state("SELECT * FROM pgaf.begin_run(true, 'x')"), "42501");
	ck_assert_str_eq(keeper_state("SELECT pgaf.drop_node('default', 1, true)"), "42501");
	ck_assert_str_eq(keeper_state("SELECT pgaf.nodes('default')"), "42501");
	ck_assert_str_eq(keeper_state("CREATE TABLE pgaf.mine (a int)"), "42501");
	snprintf(sql, sizeof(sql), "SELECT pgaf.hello(%u, '%s')", one->answer.node_id,
	         two->answer.token);
	ck_assert_str_eq(keeper_state(sql), "28PG1");
	snprintf(sql, sizeof(sql), "SELECT pgaf.claim(%u, '%s', 1)", one->answer.node_id,
	         two->answer.token);
	ck_assert_str_eq(keeper_state(sql), "28PG1");
	/* The right token on another session does not speak for the node either. */
	snprintf(sql, sizeof(sql), "SELECT pgaf.report(%u, '%s', 'primary', 'a', 'b', false, '1')",
	         one->answer.node_id, one->answer.token);
	ck_assert_str_eq(keeper_state(sql), "PG906");
}
END_TEST

START_TEST(readers_read_and_operators_operate)
{
	const char *reader = server_reader_password(stand_server);

	open_monitor();
	stand_node("node1", 5001);
	ck_assert_str_eq(state_of("pgaf_reader", reader, "SELECT pgaf.nodes('default')"), "");
	ck_assert_str_eq(state_of("pgaf_reader", reader,
	                          "SELECT pgaf.set_formation('default', 'stop-limit', '8s')"),
	                 "42501");
	ck_assert_str_eq(state_of("pgaf_reader", reader, "SELECT * FROM pgaf.store"), "42501");
	ck_assert_str_eq(operator_state("SELECT * FROM pgaf.store"), "42501");
	ck_assert_str_eq(operator_state("SELECT pgaf.pictures('default')"), "");
	ck_assert_str_eq(operator_state("SELECT pgaf.events('default', NULL, 10, 0)"), "");
	ck_assert_str_eq(operator_state("SELECT pgaf.create_formation('other')"), "");
	ck_assert_str_eq(operator_state("SELECT pgaf.create_formation('other')"), "PG905");
	ck_assert_str_eq(operator_state("SELECT pgaf.drop_formation('other')"), "");
	ck_assert_str_eq(operator_state("SELECT pgaf.drop_formation('default')"), "PG905");
	ck_assert_str_eq(operator_state("SELECT pgaf.drop_node('default', 9, false)"), "PG908");
	ck_assert_str_eq(
		operator_state("SELECT pgaf.set_node('default', 'node1', 'port', '70000')"),
		"PG905");
	ck_assert_str_eq(
		operator_state("SELECT pgaf.set_node('default', 'node1', 'region', 'eu-1')"), "");
}
END_TEST

START_TEST(a_wrong_secret_is_told)
{
	struct link_registration registration = stand_registration("node1", 5001);
	struct keeper_log *keeper = stand_keeper();

	open_monitor();
	stand_relink(keeper, "guessed");
	ck_assert_int_eq(stand_enroll(keeper, &registration), PGAF_EAUTH);
	ck_assert_ptr_nonnull(strstr(keeper->error.text, "join secret"));
	ck_assert_ptr_null(strstr(keeper->error.text, "guessed"));
	stand_settle(PGAF_MSEC(300));
	ck_assert_int_eq(keeper->registered_calls, 1);
}
END_TEST

START_TEST(a_bad_uri_is_told)
{
	static const char *const uris[] = {"postgres://one,two/pgaf", "nonsense", "dbname=pgaf"};
	struct link_callbacks none = {.registered = NULL};

	for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
		struct pgaf_error error = {0};
		struct postgres_link_options options = {.uris = &uris[i], .uri_count = 1};

		ck_assert_ptr_null(postgres_link_new(stand_loop, &options, &none, NULL, &error));
		ck_assert_int_eq(error.code, PGAF_ECONFIG);
	}
}
END_TEST

START_TEST(settings_keep_their_bounds_and_relations)
{
	struct monitor_log *monitor = open_monitor();
	struct keeper_log *keeper = stand_node("node1", 5001);

	ck_assert_str_eq(
		operator_state("SELECT pgaf.set_formation('default', 'silence-limit', '2.5s')"),
		"");
	ck_assert_str_eq(
		operator_state("SELECT pgaf.set_formation('default', 'probe_interval', '1s')"),
		"PG907");
	ck_assert_str_eq(
		operator_state("SELECT pgaf.set_formation('default', 'report_interval', '3s')"),
		"PG907");
	ck_assert_str_eq(operator_state("SELECT pgaf.set_formation('default', 'stop-limit', '1s')"),
	                 "PG905");
	ck_assert_str_eq(operator_state("SELECT pgaf.set_formation('default', 'stop-limit', '9')"),
	                 "PG905");
	ck_assert_str_eq(operator_state("SELECT pgaf.set_formation('default', 'nonsense', '9s')"),
	                 "PG908");
	ck_assert_str_eq(operator_state("SELECT pgaf.set_formation('none', 'stop-limit', '9s')"),
	                 "PG908");
	ck_assert_str_eq(
		operator_state("SELECT pgaf.set_formation('default', 'number-sync-standbys', '1')"),
		"");
	ck_assert_str_eq(
		operator_state("SELECT pgaf.set_formation('default', 'on-disagreement', 'move')"),
		"");
	/* Pushed: the keeper asks for nothing here. */
	stand_settle(PGAF_MSEC(200));
	ck_assert_int_eq(keeper->orders.settings.silence_limit, PGAF_MSEC(2500));
	ck_assert(keeper->orders.settings.move_on_disagreement);
	stand_load(monitor);
	ck_assert_uint_eq(monitor->snap.group.settings.number_sync, 1);
	ck_assert_int_eq(monitor->snap.group.settings.silence_limit, PGAF_MSEC(2500));
	ck_assert_str_eq(stand_sql("SELECT initial || ' ' || lowest || ' ' || highest FROM "
	                           "pgaf.settings('default') WHERE name = 'silence_limit'"),
	                 "1500ms 500ms 600s");
}
END_TEST

START_TEST(a_request_is_answered_by_a_decision)
{
	struct monitor_log *monitor = open_monitor();
	struct decision decision;

	stand_node("node1", 5001);
	stand_load(monitor);
	ck_assert_str_eq(stand_sql("SELECT pgaf.perform('default', 0, 'switchover', 1, false, 60)"),
	                 "1");
	ck_assert_str_eq(
		operator_state("SELECT pgaf.perform('default', 0, 'failover', 0, true, 60)"),
		"PG905");
	/* A decision made before it was seen leaves it alone. */
	decision = stand_decision(&monitor->snap, "something else");
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
	ck_assert_str_eq(stand_sql("SELECT state FROM pgaf.request_state(1)"), "waiting");

	stand_load(monitor);
	ck_assert_int_eq(monitor->snap.group.request.kind, REQUEST_SWITCHOVER);
	ck_assert_uint_eq(monitor->snap.group.request.to, 1);
	ck_assert_uint_eq(monitor->snap.group.request.number, 1);
	decision = stand_decision(&monitor->snap, "it is the primary already");
	decision.group.request = (struct request){.kind = REQUEST_NONE};
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
	ck_assert_str_eq(stand_sql("SELECT state || ': ' || text FROM pgaf.request_state(1)"),
	                 "taken: it is the primary already");
	ck_assert_str_eq(stand_sql("SELECT pgaf.perform('default', 0, 'failover', 0, true, 60)"),
	                 "2");
	ck_assert_str_eq(stand_sql("SELECT pgaf.withdraw(2)"), "t");
	ck_assert_int_eq(stand_load(monitor)->group.request.kind, REQUEST_NONE);
	ck_assert_str_eq(stand_sql("SELECT state FROM pgaf.request_state(2)"), "expired");
}
END_TEST

struct taken {
	int answers;
	int result;
	char text[256];
};

static void
on_taken(void *ctx, int result, const struct pgaf_error *error)
{
	struct taken *taken = ctx;

	taken->answers++;
	taken->result = result;
	text_copy(taken->text, sizeof(taken->text), error ? error->text : "");
}

START_TEST(a_monitor_passes_on_what_operators_ask_for)
{
	static const struct store_group_key key = {.formation = "default", .id = 0};
	const struct request request = {.kind = REQUEST_SWITCHOVER, .to = 1};
	struct monitor_log *monitor = open_monitor();
	struct store *store = monitor->store;
	struct taken taken = {0};

	stand_node("node1", 5001);
	stand_load(monitor);
	store->ops->ask(store, &key, &request, 0, on_taken, &taken);
	stand_wait(&taken.answers, 1, "the request");
	ck_assert_int_eq(taken.result, 0);
	stand_load(monitor);
	ck_assert_int_eq(monitor->snap.group.request.kind, REQUEST_SWITCHOVER);
	ck_assert_uint_eq(monitor->snap.group.request.to, 1);
	ck_assert(!monitor->snap.group.request.allow_loss);

	store->ops->ask(store, &key, &request, 0, on_taken, &taken);
	stand_wait(&taken.answers, 2, "a second one");
	ck_assert_int_lt(taken.result, 0);
	ck_assert_ptr_nonnull(strstr(taken.text, "still waits"));

	store->ops->ask(store, &key, NULL, 1, on_taken, &taken);
	stand_wait(&taken.answers, 3, "the drop");
	ck_assert_int_eq(taken.result, 0);
	stand_load(monitor);
	ck_assert(monitor->snap.nodes[0].drop_asked && !monitor->snap.nodes[0].drop_force);
	store->ops->ask(store, &key, NULL, 9, on_taken, &taken);
	stand_wait(&taken.answers, 4, "a drop of nobody");
	ck_assert_int_lt(taken.result, 0);
}
END_TEST

struct told {
	int answers;
	int result;
	char lines[512];
};

static void
on_events(void *ctx, int result, const struct store_event *events, uint32_t count)
{
	struct told *told = ctx;
	struct text text = TEXT(told->lines);

	told->result = result;
	told->lines[0] = '\0';
	for (uint32_t i = 0; i < count; i++) {
		ck_assert_uint_eq(strlen(events[i].time), strlen("2026-11-24T12:00:00.000Z"));
		text_addf(&text, "%s/%u|%" PRIu64 "|%s|%s|%s|%u|%s\n", events[i].key.formation,
		          events[i].key.id, events[i].epoch, events[i].node_name,
		          events[i].reported, events[i].assigned, events[i].rule, events[i].text);
	}
	told->answers++;
}

/* The newest `most` behind this number. */
static struct told
ask_events(struct monitor_log *monitor, int64_t after, uint32_t most)
{
	struct told told = {.result = 1};

	monitor->store->ops->events(monitor->store, after, most, on_events, &told);
	stand_wait(&told.answers, 1, "events");
	return told;
}

START_TEST(events_tell_the_story)
{
	struct monitor_log *monitor = open_monitor();
	struct keeper_log *keeper = stand_node("node1", 5001);
	struct decision decision;

	stand_report(keeper, &running, false);
	decision = stand_decision(stand_load(monitor), "because");
	decision.assignment_count = 1;
	decision.assignments[0].node = 1;
	decision.assignments[0].goal = (struct goal){.state = PGAF_STATE_PRIMARY};
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
	ck_assert_str_eq(stand_sql("SELECT string_agg(concat_ws('|', epoch, node_name, reported, "
	                           "goal, rule, text), E'\\n' ORDER BY event_id) "
	                           "FROM pgaf.events('default', 0, 10, 0)"),
	                 "0|node1|init|init|0|node \"node1\" at 127.0.0.1:5001 is registered\n"
	                 "0|node1|primary|init|0|node \"node1\" reports primary\n"
	                 "1|node1|primary|primary|100|because");

	struct told told = ask_events(monitor, 0, 2);
	ck_assert_int_eq(told.result, 0);
	ck_assert_str_eq(told.lines,
	                 "default/0|0|node1|primary|init|0|node \"node1\" reports primary\n"
	                 "default/0|1|node1|primary|primary|100|because\n");
	told = ask_events(monitor,
	                  strtoll(stand_sql("SELECT max(event_id) FROM pgaf.event"), NULL, 10), 2);
	ck_assert_int_eq(told.result, 0);
	ck_assert_str_eq(told.lines, "");
}
END_TEST

/* A role's or database's setting must not weaken a decision (PROTOCOL (c)). */
START_TEST(decisions_are_durable_whatever_is_set)
{
	PGconn *pg = NULL;
	PGresult *result = NULL;

	open_monitor();
	stand_node("node1", 5001);
	pg = PQconnectdb(server_uri(stand_server));
	PQclear(PQexec(pg, "SET synchronous_commit = off; BEGIN"));
	PQclear(PQexec(pg, "SELECT pgaf.decide('default', 0, 0, false, ROW('default', 0, 0, 1, 0, "
	                   "0, 0, 0, 0, 0, false, 'group epoch=1')::pgaf.grp, '{}', '{}', '{}', "
	                   "'{}', '{}', '{}', 0, 0, false, 1, 1, 'x', true)"));
	result = PQexec(pg, "SHOW synchronous_commit");
	ck_assert_str_eq(PQgetvalue(result, 0, 0), "on");
	PQclear(result);
	PQclear(PQexec(pg, "ROLLBACK; BEGIN"));
	PQclear(PQexec(pg, "UPDATE pgaf.node SET token_hash = pgaf._hash('t')"));
	PQclear(PQexec(pg, "SELECT pgaf.claim(1, 't', 1)"));
	result = PQexec(pg, "SHOW synchronous_commit");
	ck_assert_str_eq(PQgetvalue(result, 0, 0), "on");
	PQclear(result);
	PQclear(PQexec(pg, "ROLLBACK; SET synchronous_commit = on; BEGIN"));
	PQclear(PQexec(pg, "UPDATE pgaf.node SET token_hash = pgaf._hash('t')"));
	PQclear(PQexec(pg, "SELECT pgaf.hello(1, 't')"));
	result = PQexec(pg, "SHOW synchronous_commit");
	ck_assert_str_eq(PQgetvalue(result, 0, 0), "off");
	PQclear(result);
	PQfinish(pg);
}
END_TEST

START_TEST(a_newer_schema_is_refused)
{
	struct monitor_log *monitor = open_monitor();

	stand_free_monitor(monitor);
	stand_sql("UPDATE pgaf.version SET version = 2");
	monitor = stand_monitor();
	stand_wait(&monitor->lost, 1, "the refusal");
	ck_assert_int_eq(monitor->error.code, PGAF_EREFUSED);
	ck_assert_ptr_nonnull(strstr(monitor->error.text, "version 2"));
	stand_settle(PGAF_MSEC(300));
	ck_assert_int_eq(monitor->lost, 1);
}
END_TEST

START_TEST(an_unsafe_server_is_refused)
{
	struct monitor_log *monitor = NULL;

	stand_sql("ALTER SYSTEM SET full_page_writes = off");
	stand_sql("SELECT pg_reload_conf()");
	stand_settle(PGAF_MSEC(100));
	monitor = stand_monitor();
	stand_wait(&monitor->lost, 1, "the refusal");
	ck_assert_int_eq(monitor->error.code, PGAF_EREFUSED);
	ck_assert_ptr_nonnull(strstr(monitor->error.text, "full_page_writes"));
	stand_sql("ALTER SYSTEM RESET full_page_writes");
	stand_sql("SELECT pg_reload_conf()");
	stand_settle(PGAF_MSEC(100));
}
END_TEST

START_TEST(one_monitor_decides)
{
	struct monitor_log *first = open_monitor();
	struct monitor_log *second = stand_monitor();

	stand_wait(&second->lost, 1, "the refusal");
	ck_assert_ptr_nonnull(strstr(second->error.text, "another monitor"));
	ck_assert_int_eq(second->opened, 0);
	stand_free_monitor(first);
	stand_wait(&second->opened, 1, "its turn");
}
END_TEST

START_TEST(a_monitors_session_is_made_again)
{
	struct monitor_log *monitor = open_monitor();
	struct keeper_log *keeper = stand_node("node1", 5001);
	uint64_t incarnation = monitor->incarnation;
	int changed = 0;

	stand_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
	          "WHERE application_name = 'pgaf-monitor'");
	stand_wait(&monitor->lost, 1, "the loss");
	stand_wait(&monitor->opened, 2, "the store again");
	/* The same store, though everything was asked anew. */
	ck_assert_uint_eq(monitor->incarnation, incarnation);
	changed = monitor->changed;
	stand_report(keeper, &running, true);
	stand_wait(&monitor->changed, changed + 1, "a hint");
}
END_TEST

START_TEST(a_call_without_a_store_ends)
{
	struct monitor_log *monitor = stand_monitor();
	struct decision decision = {.rule = 1};

	ck_assert_int_eq(stand_commit(monitor, &decision), PGAF_ECONN);
	ck_assert_int_eq(ask_events(monitor, 0, 1).result, PGAF_ECONN);
}
END_TEST

START_TEST(a_store_that_went_back_has_another_incarnation)
{
	struct monitor_log *monitor = open_monitor();
	uint64_t incarnation = monitor->incarnation;
	struct decision decision;

	stand_node("node1", 5001);
	stand_free_monitor(monitor);
	monitor = open_monitor();
	ck_assert_uint_eq(monitor->incarnation, incarnation);

	decision = stand_decision(stand_load(monitor), "will be forgotten");
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
	stand_settle(PGAF_MSEC(1500)); /* noted outside after a second */
	stand_free_monitor(monitor);
	monitor = open_monitor();
	ck_assert_uint_eq(monitor->incarnation, incarnation);
	ck_assert(!stand_load(monitor)->group.went_back);
	stand_free_monitor(monitor);
	stand_sql("UPDATE pgaf.grp SET epoch = 0");
	monitor = open_monitor();
	ck_assert_uint_ne(monitor->incarnation, incarnation);
	ck_assert(stand_load(monitor)->group.went_back);
	incarnation = monitor->incarnation;
	stand_free_monitor(monitor);
	stand_sql("UPDATE pgaf.store SET nonce = 'of an old copy'");
	monitor = open_monitor();
	ck_assert_uint_ne(monitor->incarnation, incarnation);
}
END_TEST

START_TEST(a_rebuilt_store_is_registered_with_again)
{
	struct monitor_log *monitor = open_monitor();
	struct keeper_log *keeper = stand_node("node1", 5001);
	uint64_t incarnation = monitor->incarnation;

	stand_report(keeper, &running, false);
	stand_free_monitor(monitor);
	stand_sql("DROP SCHEMA pgaf CASCADE");
	keeper->link->ops->refresh(keeper->link);
	stand_wait(&keeper->lost, 1, "the loss");
	monitor = open_monitor();
	stand_wait(&keeper->registered_calls, 2, "the registration");
	ck_assert_int_eq(keeper->registered, 0);
	stand_wait(&keeper->opened, 2, "the session");
	ck_assert_int_eq(keeper->dropped, 0);
	ck_assert_uint_ne(monitor->incarnation, incarnation);
	ck_assert_uint_eq(stand_load(monitor)->count, 1);
	ck_assert(monitor->snap.nodes[0].bootstrap);
}
END_TEST

START_TEST(a_picture_is_left_for_operators)
{
	struct monitor_log *monitor = open_monitor();

	stand_node("node1", 5001);
	monitor->store->ops->publish(monitor->store, &stand_group, "group it's=1");
	monitor->store->ops->publish(monitor->store, &stand_group, "group it's=2");
	stand_load(monitor);
	ck_assert_str_eq(stand_sql("SELECT picture || monitor FROM pgaf.pictures('default')"),
	                 "group it's=2true");
}
END_TEST

START_TEST(sessions_are_asked_in_no_time)
{
	struct monitor_log *monitor = open_monitor();
	struct keeper_log *keeper = stand_node("node1", 5001);
	pgaf_time begin = 0;

	stand_node("node2", 5002);
	stand_sessions(monitor);
	stand_report(keeper, &running, false);
	begin = loop_now(stand_loop);
	for (int i = 0; i < 200; i++)
		ck_assert_uint_eq(stand_sessions(monitor), 2);
	printf("sessions: %.2f ms\n",
	       (double)(loop_now(stand_loop) - begin) / 200 / (double)PGAF_MSEC(1));
	begin = loop_now(stand_loop);
	for (int i = 0; i < 200; i++)
		stand_report(keeper, &running, false);
	printf("report: %.2f ms\n",
	       (double)(loop_now(stand_loop) - begin) / 200 / (double)PGAF_MSEC(1));
	begin = loop_now(stand_loop);
	for (int i = 0; i < 200; i++)
		stand_load(monitor);
	printf("load: %.2f ms\n",
	       (double)(loop_now(stand_loop) - begin) / 200 / (double)PGAF_MSEC(1));
}
END_TEST

static TCase *
postgres_case(void)
{
	TCase *tcase = tcase_create("database");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, stand_setup, stand_teardown);
	tcase_add_test(tcase, a_heartbeat_writes_no_wal);
	tcase_add_test(tcase, keepers_have_the_least_rights);
	tcase_add_test(tcase, readers_read_and_operators_operate);
	tcase_add_test(tcase, a_wrong_secret_is_told);
	tcase_add_test(tcase, a_bad_uri_is_told);
	tcase_add_test(tcase, settings_keep_their_bounds_and_relations);
	tcase_add_test(tcase, a_request_is_answered_by_a_decision);
	tcase_add_test(tcase, a_monitor_passes_on_what_operators_ask_for);
	tcase_add_test(tcase, events_tell_the_story);
	tcase_add_test(tcase, decisions_are_durable_whatever_is_set);
	tcase_add_test(tcase, a_newer_schema_is_refused);
	tcase_add_test(tcase, an_unsafe_server_is_refused);
	tcase_add_test(tcase, one_monitor_decides);
	tcase_add_test(tcase, a_monitors_session_is_made_again);
	tcase_add_test(tcase, a_call_without_a_store_ends);
	tcase_add_test(tcase, a_store_that_went_back_has_another_incarnation);
	tcase_add_test(tcase, a_rebuilt_store_is_registered_with_again);
	tcase_add_test(tcase, a_picture_is_left_for_operators);
	tcase_add_test(tcase, sessions_are_asked_in_no_time);
	return tcase;
}

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("store in PostgreSQL");
	SRunner *runner = NULL;
	int failed = 0;

	(void)argc;
	stand_kind = STAND_POSTGRES;
	stand_begin(argv);
	suite_add_tcase(suite, conformance_case());
	suite_add_tcase(suite, conformance_registration_case());
	suite_add_tcase(suite, postgres_case());
	runner = srunner_create(suite);
	/* One server, one loop, for all tests. */
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	stand_end();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
