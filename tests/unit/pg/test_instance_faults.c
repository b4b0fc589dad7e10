/* SPDX-License-Identifier: PostgreSQL */
/*
 * What goes wrong: a stuck replay, a backend that does not end, a pid file
 * that names a zombie, a copy that is broken off, commits that hang while the
 * primary is fenced.
 */

#include <check.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "pg/disk.h"
#include "pg/process.h"
#include "unit/pg/pair.h"

static struct pair_node *const one = &pair_nodes[0];
static struct pair_node *const two = &pair_nodes[1];

static bool
streams(const struct observation *seen)
{
	return seen->pg == PG_STANDBY && seen->streaming;
}

static bool
is_paused(const struct observation *seen)
{
	return (seen->vetoes & VETO_BIT(RECOVERY_PAUSED)) != 0;
}

static bool
has_waiter(const struct observation *seen)
{
	return seen->waiters == 1;
}

static bool
has_member(const struct observation *seen)
{
	return seen->member_count == 1 && seen->members[0].streaming &&
	       seen->members[0].admission == 1;
}

static void
follow(struct pair_node *node)
{
	struct step_order order = pair_order(node, STEP_FOLLOW);

	order.goal.admission = 1;
	pair_run(node, &order, STEP_DONE);
}

static const char *
path_in(const char *directory, const char *name)
{
	static char path[256];
	struct text text = TEXT(path);

	text_addf(&text, "%s/%s", directory, name);
	return path;
}

START_TEST(test_faults_begin_with_two_nodes)
{
	pair_open(one);
	pair_step(one, STEP_INITDB);
	pair_step(one, STEP_CONFIGURE);
	pair_step(one, STEP_START_PRIMARY);
	pair_step(one, STEP_ROLES);
	pair_step(one, STEP_SLOTS);
	pair_sql(one, "CREATE TABLE row AS SELECT generate_series(1, 1000) AS n");
	two->backup_rate = "1M";
	pair_open(two);
}
END_TEST

/* Cancelled in the middle: the program and its streaming process end, the next order runs. */
START_TEST(test_faults_clone_can_be_cancelled)
{
	struct step_order order = pair_order(two, STEP_CLONE);

	two->stepped = false;
	instance_step(two->instance, &order);
	pair_turn(PGAF_MSEC(1500));
	ck_assert(!two->stepped);
	ck_assert_str_eq(pair_sql(one, "SELECT count(*) > 0 FROM pg_stat_replication WHERE "
	                               "application_name = 'pgaf_clone_2'"),
	                 "t");
	instance_cancel(two->instance);
	pair_step(two, STEP_KEEP_STANDBY);
	ck_assert(!pair_observe(two)->has_data);
	ck_assert(!two->seen.clone_unfinished);
	for (int i = 0; i < 200; i++) {
		if (pair_sql(one, "SELECT count(*) > 0 FROM pg_stat_replication WHERE "
		                  "application_name = 'pgaf_clone_2'")[0] == 'f')
			break;
		pair_turn(PGAF_MSEC(10));
	}
	pair_close(two);
	two->backup_rate = NULL;
	pair_open(two);
}
END_TEST

/* A mark is left by a swap or rewind that broke off: only a clone helps then. */
START_TEST(test_faults_clone_that_broke_off_is_made_again)
{
	struct step_order order = pair_order(two, STEP_REWIND);

	pair_step(two, STEP_CLONE);
	ck_assert_int_eq(disk_write(path_in(two->state_dir, "replacing"), "", 0600, NULL), 0);
	pair_observe(two);
	ck_assert(two->seen.clone_unfinished);
	ck_assert(!two->seen.has_data);
	ck_assert(!two->seen.foreign);
	pair_run(two, &order, STEP_DIVERGED);
	pair_step(two, STEP_CLONE);
	ck_assert(!pair_observe(two)->clone_unfinished);
	follow(two);
	pair_step(two, STEP_START_STANDBY);
	pair_until(two, streams, PGAF_SECONDS(20));
}
END_TEST

START_TEST(test_faults_clone_refuses_another_cluster)
{
	struct step_order order = pair_order(one, STEP_PROVE_HISTORY);

	order = pair_order(two, STEP_CLONE);
	order.system_identifier = 1;
	pair_run(two, &order, STEP_FAILED); /* it runs */
	pair_step(two, STEP_STOP);
	pair_run(two, &order, STEP_REFUSED);
	pair_step(two, STEP_START_STANDBY);
	pair_until(two, streams, PGAF_SECONDS(20));
}
END_TEST

/* PROTOCOL 6: what the configuration says is not what the walreceiver does. */
START_TEST(test_faults_detach_with_a_stuck_replay)
{
	pair_sql(two, "SELECT pg_wal_replay_pause()");
	/* The first answer may be to a question asked before. */
	pair_until(two, is_paused, PGAF_SECONDS(5));
	pair_sql(one, "INSERT INTO row SELECT generate_series(1, 1000)");
	pair_turn(PGAF_MSEC(200));
	pgaf_lsn held = pair_step(two, STEP_DETACH)->lsn;
	pair_sql(one, "INSERT INTO row SELECT generate_series(1, 1000)");
	pair_turn(PGAF_MSEC(300));
	pair_observe(two);
	ck_assert(!two->seen.walreceiver);
	ck_assert_uint_eq(two->seen.lsn, held);
	ck_assert_uint_lt(two->seen.replay, held);

	struct step_order order = pair_order(two, STEP_PROMOTE);
	order.goal.timeline = 2;
	pair_run(two, &order, STEP_REFUSED);

	pair_sql(two, "SELECT pg_wal_replay_resume()");
	follow(two);
	pair_until(two, streams, PGAF_SECONDS(20));
	ck_assert_uint_eq(pair_observe(two)->vetoes, 0);
}
END_TEST

/* A primary that follows would be asynchronous at once. */
START_TEST(test_faults_a_primary_does_not_follow)
{
	struct step_order order = pair_order(one, STEP_FOLLOW);

	pair_run(one, &order, STEP_FAILED);
	order.step = STEP_DETACH;
	pair_run(one, &order, STEP_REFUSED);
}
END_TEST

static struct step_order
set_order(uint32_t required, bool from_async)
{
	struct step_order order = pair_order(one, STEP_APPLY_SET);

	order.from_async = from_async;
	order.goal.set = (struct sync_set){.version = 1, .required = required};
	if (required > 0) {
		order.goal.set.count = 1;
		order.goal.set.members[0] = (struct member){.node = 2, .admission = 1};
	}
	return order;
}

/* The step does not end while this process stands still, and does once it goes on. */
static void
waits_for(pid_t pid, const struct step_order *order)
{
	ck_assert_int_gt(pid, 1);
	kill(pid, SIGSTOP);
	one->stepped = false;
	instance_step(one->instance, order);
	pair_turn(PGAF_MSEC(500));
	kill(pid, SIGCONT);
	ck_assert(!one->stepped);
	pair_wait(&one->stepped, PGAF_SECONDS(20));
	ck_assert(one->stepped);
	ck_assert_msg(one->result.outcome == STEP_DONE, "%s", one->result.text);
}

static pid_t
process_named(const char *type)
{
	char sql[200];
	struct text text = TEXT(sql);

	text_addf(&text,
	          "SELECT coalesce(min(pid), 0) FROM pg_stat_activity WHERE backend_type = '%s'"
	          " AND application_name <> 'pgaf_keeper'",
	          type);
	return (pid_t)strtol(pair_sql(one, sql), NULL, 10);
}

/* PROTOCOL 8, 42: what sessions show is not what is in force; the checkpointer sets the flag. */
START_TEST(test_faults_the_proof_waits_for_the_checkpointer)
{
	struct step_order tighten = set_order(1, true);
	struct step_order relax = set_order(0, false);

	pair_until(one, has_member, PGAF_SECONDS(10));
	waits_for(process_named("checkpointer"), &tighten);
	waits_for(process_named("checkpointer"), &relax);
}
END_TEST

/* PROTOCOL 5: a walsender that still has the old names may release a commit by them. */
START_TEST(test_faults_the_proof_waits_for_old_walsenders)
{
	struct step_order tighten = set_order(1, true);
	struct step_order again = set_order(1, false);
	struct step_order relax = set_order(0, false);

	pair_run(one, &tighten, STEP_DONE);
	waits_for(process_named("walsender"), &again);
	pair_until(one, has_member, PGAF_SECONDS(10));
	pair_run(one, &relax, STEP_DONE);
}
END_TEST

/* A standby status update, as a walreceiver sends it: written, flushed, replayed, time, reply. */
static void
claim_to_hold(PGconn *pg, pgaf_lsn lsn)
{
	char bytes[34] = "r";

	for (int part = 0; part < 3; part++)
		for (int i = 0; i < 8; i++)
			bytes[1 + part * 8 + i] = (char)(lsn >> (56 - 8 * i));
	ck_assert_int_eq(PQputCopyData(pg, bytes, sizeof(bytes)), 1);
	ck_assert_int_eq(PQflush(pg), 0);
}

/* PROTOCOL 1c: one that claims more than was written makes everything that is proved a lie. */
START_TEST(test_faults_a_liar_poisons_the_proof)
{
	char conninfo[400];
	struct text text = TEXT(conninfo);
	struct step_order order = set_order(1, true);

	pair_observe(one);
	text_addf(&text,
	          "host=%s port=%u user=postgres replication=true "
	          "application_name=pgaf_2_9 sslmode=disable",
	          one->state_dir, (unsigned)one->port);
	PGconn *pg = PQconnectdb(conninfo);
	ck_assert_msg(PQstatus(pg) == CONNECTION_OK, "%s", PQerrorMessage(pg));
	char start[LSN_TEXT_MAX];
	char sql[100];
	struct text command = TEXT(sql);
	text_addf(&command, "START_REPLICATION PHYSICAL %s TIMELINE 1",
	          lsn_format(one->seen.lsn & ~UINT64_C(0xFFFFFF), start));
	PGresult *begun = PQexec(pg, sql);
	ck_assert_msg(PQresultStatus(begun) == PGRES_COPY_BOTH, "%s", PQerrorMessage(pg));
	PQclear(begun);
	claim_to_hold(pg, one->seen.lsn + (1 << 20));
	for (int i = 0; i < 100 && strstr(one->log, "poisoned") == NULL; i++) {
		pair_turn(PGAF_MSEC(20));
		pair_observe(one);
	}
	PQfinish(pg);
	ck_assert_ptr_nonnull(strstr(one->log, "poisoned"));
	pair_run(one, &order, STEP_FAILED);
	pair_step(one, STEP_STOP);
	pair_step(one, STEP_START_PRIMARY);
}
END_TEST

/* A slot on a standby holds back what its node has long replayed. */
START_TEST(test_faults_slots_of_a_standby_move_on)
{
	pair_step(two, STEP_SLOTS);
	for (int i = 0; i < 6; i++) {
		pair_sql(one, "SELECT pg_switch_wal()");
		pair_sql(one, "INSERT INTO row VALUES (7)");
	}
	pair_until(two, streams, PGAF_SECONDS(10));
	char before[64];
	ck_assert(text_copy(before, sizeof(before),
	                    pair_sql(two, "SELECT restart_lsn FROM pg_replication_slots")));
	for (int i = 0; i < 200; i++) {
		pair_step(two, STEP_SLOTS);
		if (strcmp(pair_sql(two, "SELECT restart_lsn FROM pg_replication_slots"), before))
			return;
		pair_turn(PGAF_MSEC(20));
	}
	ck_abort_msg("the slot stays at %s", before);
}
END_TEST

static bool
is_below(const struct observation *seen)
{
	return (seen->vetoes & VETO_BIT(PARAMETERS)) != 0;
}

/* PROTOCOL 23: below the primary's values recovery stands still, and a restart with them helps. */
START_TEST(test_faults_configuring_raises_a_standby_to_its_primary)
{
	pair_sql(one, "ALTER SYSTEM SET max_connections = 130");
	pair_step(one, STEP_STOP);
	pair_step(one, STEP_START_PRIMARY);
	pair_until(two, is_below, PGAF_SECONDS(20));
	ck_assert_str_eq(pair_sql(two, "SELECT pg_get_wal_replay_pause_state()"), "paused");
	pair_step(two, STEP_CONFIGURE);
	ck_assert_str_eq(pair_sql(two, "SHOW max_connections"), "130");
	pair_until(two, streams, PGAF_SECONDS(20));
	ck_assert_uint_eq(pair_observe(two)->vetoes, 0);
	ck_assert_ptr_nonnull(strstr(two->log, "limits-raised"));
	ck_assert(!two->exited);
}
END_TEST

/* What the upstream has thrown away cannot be streamed: the node has to be copied. */
START_TEST(test_faults_follow_says_when_wal_is_gone)
{
	struct step_order order = pair_order(two, STEP_FOLLOW);

	pair_step(two, STEP_STOP);
	pair_sql(one, "ALTER SYSTEM SET wal_keep_size = 0");
	pair_sql(one, "SELECT pg_reload_conf()");
	pair_sql(one, "SELECT pg_drop_replication_slot('pgaf_2')");
	for (int i = 0; i < 3; i++) {
		pair_sql(one, "INSERT INTO row VALUES (8)");
		pair_sql(one, "SELECT pg_switch_wal()");
	}
	pair_sql(one, "CHECKPOINT");
	pair_sql(one, "CHECKPOINT");
	pair_step(one, STEP_CONFIGURE);
	pair_step(one, STEP_SLOTS);
	pair_step(two, STEP_START_STANDBY);
	order.goal.admission = 2;
	pair_run(two, &order, STEP_REFUSED);
	ck_assert_ptr_nonnull(strstr(two->result.text, "removed"));
	pair_step(two, STEP_STOP);
	pair_step(two, STEP_CLONE);
	follow(two);
	pair_step(two, STEP_START_STANDBY);
	pair_until(two, streams, PGAF_SECONDS(20));
}
END_TEST

/* PROTOCOL 26: nothing that hung is acknowledged by fencing. */
START_TEST(test_faults_fence_acknowledges_nothing)
{
	struct step_order order = set_order(1, true);
	int status = 0;

	pair_until(one, has_member, PGAF_SECONDS(10));
	pair_run(one, &order, STEP_DONE);
	pair_step(two, STEP_STOP);
	pid_t client = pair_sql_start(one, "INSERT INTO row VALUES (-1)");
	pair_until(one, has_waiter, PGAF_SECONDS(10));
	pair_step(one, STEP_FENCE);
	ck_assert_int_eq(waitpid(client, &status, 0), client);
	ck_assert_int_ne(status, 0);
	ck_assert_int_eq(pair_observe(one)->pg, PG_STANDBY);
	ck_assert(!one->exited);
	pair_step(one, STEP_STOP);
	pair_step(one, STEP_START_PRIMARY);
	ck_assert_ptr_nonnull(strstr(pair_observe(one)->sync_names, "pgaf_2_1"));
}
END_TEST

/* PROTOCOL 18: nothing is left when it is reported as stopped. */
START_TEST(test_faults_stop_ends_what_does_not_end)
{
	struct step_order order = pair_order(one, STEP_STOP);
	pid_t client = pair_sql_start(one, "SELECT pg_sleep(60)");
	pid_t left[8];

	pair_turn(PGAF_MSEC(300));
	pid_t backend = (pid_t)strtol(pair_sql(one, "SELECT pid FROM pg_stat_activity WHERE "
	                                            "query LIKE 'SELECT pg_sleep%'"),
	                              NULL, 10);
	ck_assert_int_gt(backend, 1);
	kill(backend, SIGSTOP);
	order.stop_budget = PGAF_MSEC(300);
	order.settings.immediate_stop_limit = PGAF_MSEC(300);
	const struct step_result *result = pair_run(one, &order, STEP_DONE);
	ck_assert(!result->clean);
	ck_assert_uint_eq(process_list(one->pgdata, left, 8), 0);
	ck_assert(!one->exited);
	ck_assert_int_eq(waitpid(client, NULL, 0), client);
}
END_TEST

/* A start waits for the end of a zombie that the pid file names. */
START_TEST(test_faults_start_with_a_zombie_in_the_pid_file)
{
	struct step_order order = pair_order(one, STEP_START_PRIMARY);
	char line[200];
	struct text text = TEXT(line);
	pid_t zombie = fork();

	if (zombie == 0)
		_exit(0);
	text_addf(&text, "%ld\n%s\n1\n5432\n\n\n\n\n", (long)zombie, one->pgdata);
	ck_assert_int_eq(disk_write(path_in(one->pgdata, "postmaster.pid"), line, 0600, NULL), 0);
	ck_assert_int_eq(pair_observe(one)->pg, PG_STOPPED);
	one->stepped = false;
	instance_step(one->instance, &order);
	pair_turn(PGAF_MSEC(300));
	ck_assert(!one->stepped);
	ck_assert_int_eq(waitpid(zombie, NULL, 0), zombie);
	pair_wait(&one->stepped, PGAF_SECONDS(20));
	ck_assert(one->stepped);
	ck_assert_msg(one->result.outcome == STEP_DONE, "%s", one->result.text);
	pair_step(one, STEP_STOP_IMMEDIATE);
}
END_TEST

int
main(void)
{
	pair_become();
	Suite *suite = suite_create("instance_faults");
	TCase *tcase = tcase_create("faults");

	tcase_add_unchecked_fixture(tcase, pair_create, pair_remove);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_faults_begin_with_two_nodes);
	tcase_add_test(tcase, test_faults_clone_can_be_cancelled);
	tcase_add_test(tcase, test_faults_clone_that_broke_off_is_made_again);
	tcase_add_test(tcase, test_faults_clone_refuses_another_cluster);
	tcase_add_test(tcase, test_faults_detach_with_a_stuck_replay);
	tcase_add_test(tcase, test_faults_a_primary_does_not_follow);
	tcase_add_test(tcase, test_faults_the_proof_waits_for_the_checkpointer);
	tcase_add_test(tcase, test_faults_the_proof_waits_for_old_walsenders);
	tcase_add_test(tcase, test_faults_slots_of_a_standby_move_on);
	tcase_add_test(tcase, test_faults_configuring_raises_a_standby_to_its_primary);
	tcase_add_test(tcase, test_faults_follow_says_when_wal_is_gone);
	tcase_add_test(tcase, test_faults_a_liar_poisons_the_proof);
	tcase_add_test(tcase, test_faults_fence_acknowledges_nothing);
	tcase_add_test(tcase, test_faults_stop_ends_what_does_not_end);
	tcase_add_test(tcase, test_faults_start_with_a_zombie_in_the_pid_file);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
