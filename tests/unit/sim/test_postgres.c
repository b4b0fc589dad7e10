/* SPDX-License-Identifier: PostgreSQL */
/*
 * The model PostgreSQL shows the traps of real ones: what the engines are
 * tested against must be able to hurt them.
 */

#include <check.h>
#include <stdlib.h>

#include "sim/sim.h"

static struct sim *sim;

static void
run(pgaf_time time)
{
	sim_run_until(sim, sim->now + time);
}

static void
names(pgaf_node_id node, struct sync_set set)
{
	pg_set_names(sim, node, &set);
	pg_reload(sim, node);
}

static const struct sync_set fence = {.version = 1, .required = 1};

static struct sync_set
one_of(pgaf_node_id node, uint32_t admission)
{
	return (struct sync_set){.version = 2,
	                         .required = 1,
	                         .count = 1,
	                         .members = {{.node = node, .admission = admission}}};
}

/* Node 1 writes, node 2 streams from it under the listed name pgaf_2_5. */
static void
setup(void)
{
	sim = sim_new(7, 2, BREAK_NONE);
	sim->postgres.calm = true; /* no checkpoints but those that a test asks for */
	pg_initdb(sim, 1);
	pg_start(sim, 1);
	run(PGAF_SECONDS(1));
	pg_copy(sim, 1, 2);
	pg_start(sim, 2);
	pg_follow(sim, 2, 1, 5);
	run(PGAF_SECONDS(1));
	ck_assert_int_eq(sim->pg[1].status, PG_PRIMARY);
	ck_assert_int_eq(sim->pg[2].status, PG_STANDBY);
	ck_assert(sim->pg[2].receiver.streaming);
}

static void
teardown(void)
{
	sim_free(sim);
	sim = NULL;
}

static uint64_t
acknowledged_in(pgaf_time time)
{
	uint64_t before = sim->counts.acknowledged;

	run(time);
	return sim->counts.acknowledged - before;
}

START_TEST(clients_are_held_back_until_they_are_let_in)
{
	ck_assert_uint_gt(acknowledged_in(PGAF_SECONDS(1)), 5);
	pg_stop_now(sim, 1, false);
	sim->pg[1].closed = true;
	pg_start(sim, 1);
	ck_assert_uint_eq(acknowledged_in(PGAF_SECONDS(3)), 0);
	ck_assert_int_eq(sim->pg[1].status, PG_PRIMARY);
	pg_let_in(sim, 1);
	ck_assert_uint_gt(acknowledged_in(PGAF_SECONDS(1)), 5);
}
END_TEST

START_TEST(commits_wait_for_the_standby)
{
	names(1, one_of(2, 5));
	run(PGAF_SECONDS(1));
	ck_assert_uint_gt(acknowledged_in(PGAF_SECONDS(1)), 5);
	net_cut(sim, 1, 2);
	run(PGAF_MSEC(100));
	ck_assert_uint_eq(acknowledged_in(PGAF_SECONDS(1)), 0);
	net_heal(sim, 1, 2);
	ck_assert_uint_gt(acknowledged_in(PGAF_SECONDS(4)), 5);
}
END_TEST

START_TEST(join_name_releases_nobody)
{
	pg_follow(sim, 2, 1, 0);
	names(1, one_of(2, 5));
	run(PGAF_SECONDS(1));
	ck_assert(sim->pg[2].receiver.streaming);
	ck_assert_uint_eq(acknowledged_in(PGAF_SECONDS(1)), 0);
}
END_TEST

/* Trap 1: one that has diverged within the segment only tries, and commits return. */
START_TEST(liar_poisons_the_released_position)
{
	pg_follow(sim, 2, 0, 0);
	run(PGAF_SECONDS(1)); /* node 1 writes on, alone */
	pg_crash_postmaster(sim, 1, false);
	pg_reap(sim, 1);
	pg_promote(sim, 2, 2);
	run(PGAF_MSEC(200));
	names(2, one_of(1, 6));
	run(PGAF_MSEC(300));
	sim->pg[2].at.lsn = sim->pg[2].flush = sim->branches[2].fork + 200;
	ck_assert_uint_lt(sim->pg[2].flush, sim->pg[1].flush);
	sim->pg[1].standby_signal = true;
	pg_start(sim, 1);
	pg_follow(sim, 1, 2, 6);
	run(PGAF_MSEC(400));
	ck_assert(sim->pg[2].poisoned);
	ck_assert_uint_ge(sim->pg[2].released, sim->pg[1].flush);
	ck_assert(!sim->pg[1].receiver.streaming);
}
END_TEST

/* Trap 7. */
START_TEST(restarted_standby_reports_too_little)
{
	struct observation seen;

	pg_follow(sim, 2, 1, 5);
	pg_stop_now(sim, 2, false);
	pg_start(sim, 2);
	while (sim->pg[2].status != PG_STANDBY)
		run(PGAF_MSEC(1));
	pg_observe(sim, 2, &seen);
	ck_assert(!seen.lsn_complete);
	ck_assert_uint_lt(seen.lsn, sim->pg[2].flush);
	run(PGAF_SECONDS(2));
	pg_observe(sim, 2, &seen);
	ck_assert(seen.lsn_complete);
}
END_TEST

/* Traps 8 and 42: a new session shows the names; what is in force is the checkpointer's matter. */
START_TEST(checkpointer_decides_what_is_in_force)
{
	sim->pg[1].checkpointer_busy_until = sim->now + PGAF_SECONDS(2);
	names(1, fence);
	run(PGAF_MSEC(200));
	ck_assert_uint_eq(sim->pg[1].shown.required, 1);
	ck_assert_uint_gt(acknowledged_in(PGAF_SECONDS(1)), 5);
	run(PGAF_SECONDS(2));
	ck_assert_uint_eq(acknowledged_in(PGAF_SECONDS(1)), 0);
	names(1, (struct sync_set){0});
	ck_assert_uint_gt(acknowledged_in(PGAF_SECONDS(1)), 5);
}
END_TEST

/* Trap 11: killed in mid-promotion it comes back read-write on the old timeline. */
START_TEST(signal_goes_before_the_timeline)
{
	pg_crash_postmaster(sim, 1, false);
	pg_promote(sim, 2, 2);
	while (sim->pg[2].standby_signal)
		run(PGAF_USEC(100));
	ck_assert_int_eq(sim->pg[2].status, PG_STANDBY);
	pg_stop_now(sim, 2, false);
	ck_assert(!sim->failed);
	pg_start(sim, 2);
	run(PGAF_SECONDS(3));
	ck_assert(sim->failed);
	ck_assert_str_eq(sim->failed_check, "TIMELINE");
}
END_TEST

/* Trap 18: the postmaster is dead, its backends are not. */
START_TEST(backends_outlive_the_postmaster)
{
	pg_crash_postmaster(sim, 1, false);
	ck_assert_int_eq(sim->pg[1].status, PG_EXITED);
	ck_assert(sim->pg[1].proc.alive);
	run(PGAF_SECONDS(3));
	ck_assert_int_eq(sim->pg[1].status, PG_STOPPED);
}
END_TEST

START_TEST(clean_stop_hands_over_the_last_record)
{
	pg_stop_clean(sim, 1);
	run(PGAF_SECONDS(2));
	ck_assert_int_eq(sim->pg[1].status, PG_STOPPED);
	ck_assert(sim->pg[1].clean);
	ck_assert_uint_eq(sim->pg[1].flush, sim->pg[2].flush);
}
END_TEST

START_TEST(clean_stop_waits_for_a_hung_standby)
{
	proc_freeze(&sim->pg[2].proc);
	pg_stop_clean(sim, 1);
	run(PGAF_SECONDS(3));
	ck_assert_int_eq(sim->pg[1].status, PG_STOPPING);
	run(PGAF_SECONDS(4));
	ck_assert_int_eq(sim->pg[1].status, PG_STOPPED);
}
END_TEST

START_TEST(crash_loses_what_was_not_flushed)
{
	sim->pg[1].disk_until = sim->now + PGAF_SECONDS(30);
	run(PGAF_SECONDS(1));

	pgaf_lsn flushed = sim->pg[1].flush;

	ck_assert_uint_gt(sim->pg[1].at.lsn, flushed);
	pg_host_lost(sim, 1);
	ck_assert_uint_eq(sim->pg[1].at.lsn, flushed);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("model postgres");
	TCase *tcase = tcase_create("traps");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, clients_are_held_back_until_they_are_let_in);
	tcase_add_test(tcase, commits_wait_for_the_standby);
	tcase_add_test(tcase, join_name_releases_nobody);
	tcase_add_test(tcase, liar_poisons_the_released_position);
	tcase_add_test(tcase, restarted_standby_reports_too_little);
	tcase_add_test(tcase, checkpointer_decides_what_is_in_force);
	tcase_add_test(tcase, signal_goes_before_the_timeline);
	tcase_add_test(tcase, backends_outlive_the_postmaster);
	tcase_add_test(tcase, clean_stop_hands_over_the_last_record);
	tcase_add_test(tcase, clean_stop_waits_for_a_hung_standby);
	tcase_add_test(tcase, crash_loses_what_was_not_flushed);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
