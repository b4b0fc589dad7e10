/* SPDX-License-Identifier: PostgreSQL */
/*
 * One life of two nodes, told in order: created, cloned, put under
 * synchronous replication, crashed, promoted, rewound, handed over, fenced.
 * The cases share the servers, so they run in one process.
 */

#include <check.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "pg/control.h"
#include "pg/disk.h"
#include "unit/pg/pair.h"

#define ROUNDS 5

static struct pair_node *const one = &pair_nodes[0];
static struct pair_node *const two = &pair_nodes[1];
static uint32_t timeline = 1;
static uint32_t admission;
static uint32_t version;

/* ---- what is waited for ----------------------------------------------------------- */

static bool
is_primary(const struct observation *seen)
{
	return seen->pg == PG_PRIMARY;
}

static bool
streams(const struct observation *seen)
{
	return seen->pg == PG_STANDBY && seen->streaming;
}

static bool
has_streaming_member(const struct observation *seen)
{
	return seen->pg == PG_PRIMARY && seen->member_count == 1 && seen->members[0].streaming &&
	       seen->members[0].admission == admission;
}

static bool
has_exited(const struct observation *seen)
{
	return seen->pg == PG_EXITED;
}

/* ---- steps that recur ------------------------------------------------------------- */

static void
follow(struct pair_node *node, uint32_t number)
{
	struct step_order order = pair_order(node, STEP_FOLLOW);

	order.goal.admission = number;
	pair_run(node, &order, STEP_DONE);
}

/* The primary waits for its peer. */
static const struct step_result *
apply(struct pair_node *node, uint32_t required, bool from_async)
{
	struct step_order order = pair_order(node, STEP_APPLY_SET);

	order.goal.set = (struct sync_set){.version = ++version, .required = required};
	order.from_async = from_async;
	if (required > 0) {
		order.goal.set.count = 1;
		order.goal.set.members[0].node = pair_peer(node)->id;
		order.goal.set.members[0].admission = admission;
	}
	return pair_run(node, &order, STEP_DONE);
}

static struct step_order
promotion(struct pair_node *node, uint32_t number)
{
	struct step_order order = pair_order(node, STEP_PROMOTE);

	order.goal.timeline = number;
	order.deadline = loop_now(pair_loop) + PGAF_SECONDS(1);
	return order;
}

static pgaf_time
crash(struct pair_node *node)
{
	pgaf_time began = loop_now(pair_loop);
	pid_t pid = pair_postmaster(node);

	ck_assert_int_gt(pid, 0);
	node->exited = false;
	kill(pid, SIGKILL);
	pair_wait(&node->exited, PGAF_SECONDS(2));
	ck_assert(node->exited);
	ck_assert(!node->exit_inside);
	return node->exited_at - began;
}

/* The old primary comes back under the new one. */
static void
come_back(struct pair_node *node)
{
	struct step_order prove = pair_order(node, STEP_PROVE_HISTORY);

	pair_step(node, STEP_REAP);
	node->stepped = false;
	instance_step(node->instance, &prove);
	pair_wait(&node->stepped, PGAF_SECONDS(20));
	ck_assert(node->stepped);
	if (node->result.outcome == STEP_DIVERGED) {
		pair_step(node, STEP_KEEP_WAL);
		pair_step(node, STEP_REWIND);
		pair_step(node, STEP_PROVE_HISTORY);
	} else {
		ck_assert_msg(node->result.outcome == STEP_DONE, "%s", node->result.text);
	}
	follow(node, ++admission);
	pair_step(node, STEP_START_STANDBY);
	pair_until(node, streams, PGAF_SECONDS(20));
	pair_until(pair_peer(node), has_streaming_member, PGAF_SECONDS(20));
}

/* ---- the cases -------------------------------------------------------------------- */

START_TEST(test_instance_creates_a_primary)
{
	const struct observation *seen = NULL;

	pair_open(one);
	seen = pair_observe(one);
	ck_assert_int_eq(seen->pg, PG_ABSENT);
	ck_assert(!seen->has_data);

	pair_step(one, STEP_INITDB);
	pair_step(one, STEP_CONFIGURE);
	ck_assert_int_eq(pair_observe(one)->pg, PG_STOPPED);
	pair_step(one, STEP_START_PRIMARY);
	pair_step(one, STEP_ROLES);
	pair_step(one, STEP_SLOTS);

	seen = pair_observe(one);
	ck_assert_int_eq(seen->pg, PG_PRIMARY);
	ck_assert_uint_eq(seen->timeline, 1);
	ck_assert_uint_eq(seen->vetoes, 0);
	ck_assert(seen->lsn_complete);
	ck_assert_uint_ne(seen->system_identifier, 0);
	ck_assert_str_eq(pair_sql(one, "SELECT count(*) FROM pg_replication_slots"), "1");
	ck_assert_str_eq(pair_sql(one, "SELECT datname FROM pg_database WHERE datname = 'shop'"),
	                 "shop");
	ck_assert_str_eq(pair_sql(one, "SELECT count(*) FROM pg_authid WHERE rolpassword LIKE "
	                               "'SCRAM-SHA-256$%' AND rolname IN ('clerk', 'pgaf_probe', "
	                               "'pgaf_replicator')"),
	                 "3");
	pair_sql(one, "CREATE TABLE row (n int)");
}
END_TEST

/* The layout of its release is what we take it for: the server reads the same. */
START_TEST(test_instance_reads_the_control_file)
{
	static const char sql[] =
		"SELECT concat_ws(' ', s.system_identifier, checkpoint_lsn, redo_lsn, timeline_id,"
		" bytes_per_wal_segment, (data_page_checksum_version > 0)::int,"
		" (current_setting('wal_log_hints') = 'on')::int,"
		" current_setting('max_connections'), current_setting('max_worker_processes'),"
		" current_setting('max_wal_senders'),"
		" current_setting('max_prepared_transactions'),"
		" current_setting('max_locks_per_transaction'))"
		" FROM pg_control_system() s, pg_control_checkpoint(), pg_control_init()";
	struct control control;
	struct pgaf_error error = {0};
	char lsn[2][LSN_TEXT_MAX];
	char read[300];
	struct text text = TEXT(read);

	ck_assert_msg(control_read(one->pgdata, &control, &error) == 0, "%s", error.text);
	lsn_format(control.checkpoint, lsn[0]);
	lsn_format(control.redo, lsn[1]);
	text_addf(&text, "%llu %s %s %u %u %d %d", (unsigned long long)control.system_identifier,
	          lsn[0], lsn[1], (unsigned)control.timeline, (unsigned)control.segment_bytes,
	          (int)control.checksums, (int)control.wal_log_hints);
	for (size_t i = 0; i < LIMIT_COUNT; i++)
		text_addf(&text, " %u", (unsigned)control.limits[i]);
	ck_assert_str_eq(read, pair_sql(one, sql));
	ck_assert_int_eq(control.state, CONTROL_IN_PRODUCTION);
}
END_TEST

static bool
lets_in(const struct pair_node *node, const char *user, const char *password)
{
	char port[16];
	struct text text = TEXT(port);

	text_addf(&text, "%u", (unsigned)node->port);
	/* No file of somebody's home directory. */
	const char *const none = "/nonexistent";
	const char *keywords[] = {"host",   "port",        "user",    "password",
	                          "dbname", "sslmode",     "sslcert", "gssencmode",
	                          "sslkey", "sslrootcert", NULL};
	const char *values[] = {"127.0.0.1", port,      user, password, "postgres", "require",
	                        none,        "disable", none, none,     NULL};
	PGconn *conn = PQconnectdbParams(keywords, values, 0);
	bool in = PQstatus(conn) == CONNECTION_OK;

	if (!in)
		ck_assert_msg(strstr(PQerrorMessage(conn), "pg_hba.conf rejects") != NULL, "%s",
		              PQerrorMessage(conn));
	PQfinish(conn);
	return in;
}

static bool
lets_clients_in(const struct pair_node *node)
{
	return lets_in(node, "clerk", "it's a:secret\\");
}

/* Until they are let in, by this process or the next; our own roles come in always. */
START_TEST(test_instance_holds_clients_back)
{
	ck_assert(pair_observe(one)->closed);
	ck_assert(!lets_clients_in(one));
	ck_assert(lets_in(one, "pgaf_probe", "probe"));
	ck_assert(lets_in(one, "pgaf_replicator", "re:pli\\cate'"));

	pair_close(one);
	pair_open(one);
	ck_assert(pair_observe(one)->closed);
	pair_step(one, STEP_CONFIGURE);
	ck_assert(!lets_clients_in(one));
	pair_step(one, STEP_OPEN);
	ck_assert(lets_clients_in(one));
	ck_assert(!pair_observe(one)->closed);
	pair_step(one, STEP_OPEN);
	pair_step(one, STEP_CONFIGURE);
	ck_assert(lets_clients_in(one));
}
END_TEST

START_TEST(test_instance_repeats_steps)
{
	pid_t pid = pair_postmaster(one);

	pair_step(one, STEP_INITDB);
	pair_step(one, STEP_CONFIGURE);
	pair_step(one, STEP_START_PRIMARY);
	pair_step(one, STEP_ROLES);
	pair_step(one, STEP_SLOTS);
	ck_assert_int_eq(pair_postmaster(one), pid);
	ck_assert_str_eq(pair_sql(one, "SELECT count(*) FROM pg_hba_file_rules WHERE user_name @> "
	                               "'{pgaf_probe}'"),
	                 "1");
}
END_TEST

START_TEST(test_instance_resets_what_alter_system_took)
{
	pair_sql(one, "ALTER SYSTEM SET wal_sender_timeout = '1h'");
	pair_step(one, STEP_CONFIGURE);
	ck_assert_ptr_nonnull(strstr(one->log, "wal_sender_timeout"));
	ck_assert_str_eq(pair_sql(one,
	                          "SELECT count(*) FROM pg_file_settings WHERE sourcefile LIKE "
	                          "'%auto.conf'"),
	                 "0");
}
END_TEST

static bool
is_weak(const struct observation *seen)
{
	return seen->weak_commits;
}

static bool
is_not_weak(const struct observation *seen)
{
	return !seen->weak_commits;
}

/* Roles and databases may choose not to wait for standbys: that is said. */
START_TEST(test_instance_sees_who_does_not_wait)
{
	pair_until(one, is_not_weak, PGAF_SECONDS(5));
	pair_sql(one, "ALTER ROLE clerk IN DATABASE shop SET synchronous_commit = local");
	pair_sql(one, "ALTER ROLE clerk SET synchronous_commit = remote_apply");
	pair_step(one, STEP_CONFIGURE); /* settings are asked for again */
	pair_until(one, is_weak, PGAF_SECONDS(5));
	ck_assert_ptr_nonnull(strstr(one->log, "role clerk in database shop (local)"));
	ck_assert_ptr_null(strstr(one->log, "remote_apply"));
	pair_sql(one, "ALTER ROLE clerk IN DATABASE shop RESET synchronous_commit");
	pair_step(one, STEP_CONFIGURE);
	pair_until(one, is_not_weak, PGAF_SECONDS(5));
}
END_TEST

START_TEST(test_instance_clones_a_standby)
{
	pair_open(two);
	pair_step(two, STEP_CLONE);
	follow(two, 0);
	ck_assert(pair_observe(two)->standby_signal);
	pair_step(two, STEP_START_STANDBY);
	pair_until(two, streams, PGAF_SECONDS(10));

	ck_assert_uint_eq(two->seen.upstream, 1);
	ck_assert_uint_eq(two->seen.admission, 0);
	ck_assert_uint_eq(two->seen.vetoes, 0);
	ck_assert_uint_eq(two->seen.timeline, 1);
	ck_assert(two->seen.walreceiver);
	pair_step(two, STEP_PROVE_HISTORY);
	pair_step(two, STEP_SLOTS);

	follow(two, ++admission);
	pair_until(one, has_streaming_member, PGAF_SECONDS(10));
	ck_assert_uint_eq(one->seen.members[0].node, 2);
	pair_until(two, streams, PGAF_SECONDS(5));
	ck_assert_uint_eq(two->seen.admission, admission);
}
END_TEST

START_TEST(test_instance_refuses_to_start_in_the_other_role)
{
	struct step_order order = pair_order(two, STEP_START_PRIMARY);

	pair_run(two, &order, STEP_FAILED);
}
END_TEST

START_TEST(test_instance_proves_the_set)
{
	const struct step_result *result = apply(one, 1, true);

	ck_assert_uint_ne(result->lsn, 0);
	ck_assert_uint_eq(result->timeline, 1);
	uint64_t start = result->server_start;
	pair_observe(one);
	ck_assert_uint_eq(one->seen.server_start, start);
	ck_assert_ptr_nonnull(strstr(one->seen.sync_names, "ANY 1 (pgaf_2_"));
	ck_assert_uint_ge(one->seen.members[0].flush, one->result.lsn);

	/* Stacked on a set in force: no fence. */
	apply(one, 1, false);
	apply(one, 0, false);
	ck_assert_str_eq(pair_observe(one)->sync_names, "");
	apply(one, 1, true);
}
END_TEST

START_TEST(test_instance_cancels_a_proof)
{
	struct step_order order = pair_order(one, STEP_APPLY_SET);

	order.from_async = true;
	order.goal.set = (struct sync_set){.version = ++version, .required = 1, .count = 1};
	order.goal.set.members[0] = (struct member){.node = 2, .admission = 999};
	one->stepped = false;
	instance_step(one->instance, &order);
	pair_turn(PGAF_MSEC(700));
	ck_assert(!one->stepped);
	instance_cancel(one->instance);
	pair_turn(PGAF_MSEC(50));
	ck_assert(!one->stepped);
	apply(one, 1, true);
	ck_assert_uint_eq(pair_observe(one)->waiters, 0);
}
END_TEST

START_TEST(test_instance_sees_waiters)
{
	pid_t receiver =
		(pid_t)strtol(pair_sql(two, "SELECT pid FROM pg_stat_wal_receiver"), NULL, 10);

	kill(receiver, SIGSTOP);
	pid_t client = pair_sql_start(one, "INSERT INTO row VALUES (1)");
	for (int i = 0; i < 100 && pair_observe(one)->waiters == 0; i++)
		pair_turn(PGAF_MSEC(10));
	ck_assert_uint_eq(one->seen.waiters, 1);
	kill(receiver, SIGCONT);
	int status = 0;
	ck_assert_int_eq(waitpid(client, &status, 0), client);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* Everything written so far is held back by nobody but slots without a user. */
static void
wait_for_peer(void)
{
	pgaf_time limit = loop_now(pair_loop) + PGAF_SECONDS(10);

	while (strcmp(pair_sql(one, "SELECT bool_and(restart_lsn >= pg_current_wal_flush_lsn())"
	                            " FROM pg_replication_slots WHERE active"),
	              "t") != 0) {
		ck_assert_msg(loop_now(pair_loop) < limit, "the standby does not catch up");
		pair_turn(PGAF_MSEC(5));
	}
}

/* An invalidated slot is seen, and made anew or dropped like any that is of no use (33b). */
START_TEST(test_instance_sees_a_lost_slot)
{
	ck_assert_uint_eq(pair_observe(one)->slot_lost, 0);
	pair_sql(one, "SELECT pg_create_physical_replication_slot('pgaf_9', true)");
	pair_sql(one, "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
	pair_sql(one, "ALTER SYSTEM SET wal_keep_size = 0");
	pair_sql(one, "SELECT pg_reload_conf()");
	for (int i = 0; i < 3; i++) {
		pair_sql(one, "SELECT pg_logical_emit_message(false, 'pgaf', 'x')");
		pair_sql(one, "SELECT pg_switch_wal()");
	}
	wait_for_peer();
	pair_sql(one, "CHECKPOINT");
	ck_assert_uint_eq(pair_observe(one)->slot_lost, 9);
	pair_sql(one, "ALTER SYSTEM RESET max_slot_wal_keep_size");
	pair_sql(one, "ALTER SYSTEM RESET wal_keep_size");
	pair_sql(one, "SELECT pg_reload_conf()");
	pair_step(one, STEP_SLOTS);
	ck_assert_uint_eq(pair_observe(one)->slot_lost, 0);
	ck_assert_str_eq(pair_sql(one, "SELECT count(*) FROM pg_replication_slots"
	                               " WHERE slot_name = 'pgaf_9'"),
	                 "0");
}
END_TEST

/* What a promotion would open with follows the setting, under the same walreceiver (14). */
START_TEST(test_instance_rests_with_the_setting)
{
	static const char receiver[] = "SELECT pid FROM pg_stat_wal_receiver";
	struct step_order order = pair_order(two, STEP_REST);
	char pid[32];

	text_copy(pid, sizeof(pid), pair_sql(two, receiver));
	ck_assert_str_eq(pair_sql(two, "SHOW synchronous_standby_names"), "");
	order.settings.number_sync = 1;
	pair_run(two, &order, STEP_DONE);
	ck_assert_str_eq(pair_sql(two, "SHOW synchronous_standby_names"), "ANY 1 (pgaf_fence)");
	ck_assert_str_eq(pair_observe(two)->sync_names, "ANY 1 (pgaf_fence)");
	pair_run(two, &order, STEP_DONE);
	ck_assert_str_eq(pair_sql(two, "SHOW synchronous_standby_names"), "ANY 1 (pgaf_fence)");
	order.settings.number_sync = 0;
	pair_run(two, &order, STEP_DONE);
	ck_assert_str_eq(pair_sql(two, "SHOW synchronous_standby_names"), "");
	ck_assert_str_eq(pair_sql(two, receiver), pid);
}
END_TEST

/* Detached for good, then the primary goes on alone: what it writes is divergent. */
START_TEST(test_instance_detaches)
{
	char text[LSN_TEXT_MAX];
	pgaf_lsn held = 0;

	apply(one, 0, false);
	held = pair_step(two, STEP_DETACH)->lsn;
	ck_assert_uint_ne(held, 0);
	ck_assert(!pair_observe(two)->walreceiver);
	pair_sql(one, "INSERT INTO row SELECT generate_series(1, 1000)");
	ck_assert(pair_observe(one)->lsn > held);
	pair_turn(PGAF_MSEC(100));
	ck_assert(!pair_observe(two)->walreceiver);
	ck_assert_msg(two->seen.lsn == held, "%s", lsn_format(two->seen.lsn, text));
	ck_assert(two->seen.lsn_complete);
}
END_TEST

START_TEST(test_instance_promotes_onto_the_given_timeline)
{
	struct step_order order = promotion(two, 4);

	/* Too much is asked for; then too late. */
	order.goal.min_lsn = UINT64_MAX;
	pair_run(two, &order, STEP_REFUSED);
	order = promotion(two, 4);
	order.deadline = loop_now(pair_loop) - 1;
	pair_run(two, &order, STEP_LOST);
	ck_assert_int_eq(pair_observe(two)->pg, PG_STANDBY);

	pgaf_time noticed = crash(one);
	ck_assert_msg(noticed < PGAF_MSEC(100), "%lld ms", (long long)(noticed / PGAF_MSEC(1)));
	order = promotion(two, 4);
	const struct step_result *result = pair_run(two, &order, STEP_DONE);
	ck_assert_uint_eq(result->timeline, 4);
	ck_assert_uint_ne(result->lsn, 0);
	timeline = 4;
	pair_step(two, STEP_SETTLE);
	pair_until(two, is_primary, PGAF_SECONDS(5));
	ck_assert_uint_eq(two->seen.timeline, 4);
	ck_assert_uint_eq(two->seen.disk_timeline, 4);
}
END_TEST

START_TEST(test_instance_keeps_divergent_wal_and_rewinds)
{
	struct step_order order = pair_order(one, STEP_PROVE_HISTORY);

	pair_until(one, has_exited, PGAF_SECONDS(5));
	pair_step(one, STEP_REAP);
	ck_assert(!one->result.clean);
	pair_run(one, &order, STEP_DIVERGED);
	pair_step(one, STEP_KEEP_WAL);
	ck_assert_ptr_nonnull(strstr(one->log, "wal-kept: "));
	pair_step(one, STEP_KEEP_WAL);
	pair_step(one, STEP_REWIND);
	ck_assert(pair_observe(one)->standby_signal);
	ck_assert(!one->seen.clone_unfinished);
	follow(one, ++admission);
	pair_step(one, STEP_START_STANDBY);
	pair_until(one, streams, PGAF_SECONDS(20));
	pair_step(one, STEP_PROVE_HISTORY);
	ck_assert_str_eq(pair_sql(one, "SELECT count(*) FROM row"), "1");
	pair_until(two, has_streaming_member, PGAF_SECONDS(10));
}
END_TEST

/* What ships is quick. With PGAF_COVERAGE each process that ends writes its counters first. */
#ifdef PGAF_COVERAGE
#define PROMOTION_MS 2000
#else
#define PROMOTION_MS 300
#endif

static int
compare_times(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

START_TEST(test_instance_promotes_quickly)
{
	uint32_t times[ROUNDS];
	struct pair_node *primary = two;

	for (int i = 0; i < ROUNDS; i++) {
		struct pair_node *standby = pair_peer(primary);

		apply(primary, 1, true);
		pair_sql(primary, "INSERT INTO row VALUES (2)");
		pair_observe(standby);
		crash(primary);
		/* PROTOCOL 39: the window in which a promotion sleeps over its signal. */
		pair_turn(PGAF_MSEC(2 * i));
		struct step_order order = promotion(standby, ++timeline);
		times[i] = pair_run(standby, &order, STEP_DONE)->ms;
		pair_step(standby, STEP_SETTLE);
		come_back(primary);
		primary = standby;
	}
	ck_assert_str_eq(pair_sql(primary, "SELECT count(*) FROM row WHERE n = 2"), "5");
	qsort(times, ROUNDS, sizeof(times[0]), compare_times);
	printf("promotions: median %u ms, worst %u ms of %d\n", (unsigned)times[ROUNDS / 2],
	       (unsigned)times[ROUNDS - 1], ROUNDS);
	ck_assert_uint_lt(times[ROUNDS / 2], PROMOTION_MS);
	ck_assert_uint_lt(times[ROUNDS - 1], 2000);
}
END_TEST

/* An odd number of rounds: node 1 is the primary now. */
START_TEST(test_instance_attaches_again)
{
	pid_t pid = pair_postmaster(one);

	ck_assert(is_primary(pair_observe(one)));
	pair_close(one);
	ck_assert_int_eq(pair_postmaster(one), pid);
	pair_open(one);
	ck_assert(is_primary(pair_observe(one)));
	ck_assert_int_eq(pair_postmaster(one), pid);
	ck_assert_ptr_nonnull(strstr(one->log, "postgres-attached"));
	pair_step(one, STEP_CONFIGURE);
	apply(one, 1, true);
}
END_TEST

START_TEST(test_instance_hands_over_cleanly)
{
	struct step_order order = pair_order(one, STEP_HAND_OVER);
	const struct step_result *result = NULL;

	pid_t client = pair_sql_start(one, "SELECT pg_sleep(60)");
	pair_turn(PGAF_MSEC(100));
	order.goal.upstream = 2;
	result = pair_run(one, &order, STEP_DONE);
	ck_assert(result->clean);
	printf("hand-over: %u ms\n", (unsigned)result->ms);
	pair_observe(two);
	ck_assert_uint_eq(two->seen.lsn, result->lsn);
	ck_assert_int_eq(pair_observe(one)->pg, PG_STOPPED);
	ck_assert(one->seen.clean);
	ck_assert(one->seen.was_primary);
	ck_assert(!one->exited || one->seen.exits == 0);
	ck_assert_int_eq(waitpid(client, NULL, 0), client);

	order = promotion(two, ++timeline);
	order.goal.min_lsn = one->result.lsn;
	pair_run(two, &order, STEP_DONE);
	pair_step(two, STEP_SETTLE);
	/* A clean handover needs no rewind. */
	struct step_order keep = pair_order(one, STEP_KEEP_STANDBY);
	pair_run(one, &keep, STEP_DONE);
	pair_step(one, STEP_PROVE_HISTORY);
	come_back(one);
}
END_TEST

START_TEST(test_instance_fences)
{
	apply(two, 1, true);
	pair_step(two, STEP_FENCE);
	pair_observe(two);
	ck_assert_int_eq(two->seen.pg, PG_STANDBY);
	ck_assert(two->seen.standby_signal);
	ck_assert_uint_eq(two->seen.upstream, 0);
	ck_assert(!two->seen.walreceiver);
	pair_step(two, STEP_FENCE);
	pair_step(two, STEP_CUT_CLIENTS);

	/* It opens again on the timeline it had. */
	pair_step(two, STEP_STOP);
	ck_assert(two->result.clean);
	pair_step(two, STEP_START_PRIMARY);
	ck_assert(is_primary(pair_observe(two)));
	ck_assert_uint_eq(two->seen.timeline, timeline);
}
END_TEST

/* What held them back when it was the primary is gone before it is a standby. */
START_TEST(test_instance_holds_back_no_client_of_a_standby)
{
	ck_assert(pair_observe(two)->closed);
	ck_assert(!lets_clients_in(two));
	pair_step(two, STEP_STOP);
	pair_step(two, STEP_START_STANDBY);
	ck_assert(lets_clients_in(two));
	ck_assert(!pair_observe(two)->closed);
	pair_step(two, STEP_STOP);
	pair_step(two, STEP_START_PRIMARY);
	ck_assert(!lets_clients_in(two));
	pair_step(two, STEP_OPEN);
	ck_assert(lets_clients_in(two));
}
END_TEST

/* A crashed backend takes the postmaster with it, and that is not a signal from outside. */
START_TEST(test_instance_tells_a_crash_from_inside)
{
	pid_t client = pair_sql_start(two, "SELECT pg_sleep(60)");

	pair_turn(PGAF_MSEC(200));
	pid_t backend = (pid_t)strtol(pair_sql(two, "SELECT pid FROM pg_stat_activity WHERE query "
	                                            "LIKE 'SELECT pg_sleep%'"),
	                              NULL, 10);
	two->exited = false;
	kill(backend, SIGSEGV);
	pair_wait(&two->exited, PGAF_SECONDS(10));
	ck_assert(two->exited);
	ck_assert(two->exit_inside);
	ck_assert_int_eq(waitpid(client, NULL, 0), client);
	pair_step(two, STEP_REAP);
	pair_step(two, STEP_START_PRIMARY);
	pair_step(two, STEP_STOP_IMMEDIATE);
	ck_assert(!two->result.clean);
}
END_TEST

START_TEST(test_instance_clones_over_old_data)
{
	pair_step(two, STEP_START_PRIMARY);
	pair_step(one, STEP_STOP);
	pair_step(one, STEP_CLONE);
	ck_assert(pair_observe(one)->has_data);
	ck_assert(one->seen.standby_signal);
	follow(one, ++admission);
	pair_step(one, STEP_START_STANDBY);
	pair_until(one, streams, PGAF_SECONDS(20));
	pair_step(one, STEP_STOP);
	pair_step(two, STEP_STOP);
}
END_TEST

static Suite *
instance_suite(void)
{
	Suite *suite = suite_create("instance");
	TCase *tcase = tcase_create("life");

	tcase_add_unchecked_fixture(tcase, pair_create, pair_remove);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_instance_creates_a_primary);
	tcase_add_test(tcase, test_instance_reads_the_control_file);
	tcase_add_test(tcase, test_instance_holds_clients_back);
	tcase_add_test(tcase, test_instance_repeats_steps);
	tcase_add_test(tcase, test_instance_resets_what_alter_system_took);
	tcase_add_test(tcase, test_instance_sees_who_does_not_wait);
	tcase_add_test(tcase, test_instance_clones_a_standby);
	tcase_add_test(tcase, test_instance_refuses_to_start_in_the_other_role);
	tcase_add_test(tcase, test_instance_proves_the_set);
	tcase_add_test(tcase, test_instance_cancels_a_proof);
	tcase_add_test(tcase, test_instance_sees_waiters);
	tcase_add_test(tcase, test_instance_sees_a_lost_slot);
	tcase_add_test(tcase, test_instance_rests_with_the_setting);
	tcase_add_test(tcase, test_instance_detaches);
	tcase_add_test(tcase, test_instance_promotes_onto_the_given_timeline);
	tcase_add_test(tcase, test_instance_keeps_divergent_wal_and_rewinds);
	tcase_add_test(tcase, test_instance_promotes_quickly);
	tcase_add_test(tcase, test_instance_attaches_again);
	tcase_add_test(tcase, test_instance_hands_over_cleanly);
	tcase_add_test(tcase, test_instance_fences);
	tcase_add_test(tcase, test_instance_holds_back_no_client_of_a_standby);
	tcase_add_test(tcase, test_instance_tells_a_crash_from_inside);
	tcase_add_test(tcase, test_instance_clones_over_old_data);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	pair_become();
	SRunner *runner = srunner_create(instance_suite());
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
