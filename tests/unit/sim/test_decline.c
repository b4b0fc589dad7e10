/* SPDX-License-Identifier: PostgreSQL */
/*
 * Postgres ends between the moment a looser set is granted and the one in
 * which it is applied (4b): the keeper declines it, and the standby, which
 * meets the only set that ever was in force, takes over at once. Once the
 * keeper has begun to apply it nobody may.
 */

#include <check.h>

#include "sim/sim.h"
#include "unit/suite.h"

#define SEEDS 40
#define STEP PGAF_USEC(50)

static struct sim *sim;

/* A pair in good standing whose set may be relaxed. */
static pgaf_node_id
build(uint64_t seed)
{
	sim = sim_new(seed, 2, BREAK_NONE);
	sim->store.truth.group.settings.number_sync = 0;
	sim->store.settings.number_sync = 0;
	ck_assert(sim_build(sim, PGAF_SECONDS(60)));
	for (uint32_t i = 0; i < sim->store.truth.count; i++) {
		sim->store.truth.nodes[i].priority = 50;
		store_set_quorum(sim, sim->store.truth.nodes[i].id, true);
	}
	ck_assert(sim_until_good(sim, PGAF_SECONDS(60), PGAF_MSEC(100)));
	return sim->store.truth.group.primary;
}

/* The standby leaves the quorum; until that is granted, or the keeper begins with it. */
static void
relax_until(pgaf_node_id primary, bool begun)
{
	const struct note *note = &sim->keep[primary].disk_note;
	const struct goal *goal = &snapshot_node(&sim->store.truth, primary)->goal;
	uint32_t version = goal->set.version;
	pgaf_time limit = sim->now + PGAF_SECONDS(5);

	store_set_quorum(sim, 3 - primary, false);
	while (goal->set.version == version || (begun && note->about_version < goal->set.version)) {
		ck_assert_int_lt(sim->now, limit);
		sim_run_until(sim, sim->now + STEP);
	}
	ck_assert_uint_eq(goal->set.required, 0);
}

START_TEST(a_relax_not_begun_leaves_the_standby_promotable)
{
	unsigned moved = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		pgaf_node_id primary = build(seed);
		const struct note *note = &sim->keep[primary].disk_note;

		relax_until(primary, false);
		uint32_t next_timeline = sim->store.truth.group.next_timeline;
		sim_run_until(sim, sim->now + (pgaf_time)seed * STEP);
		pg_crash_postmaster(sim, primary, false);
		sim_run_until(sim, sim->now + PGAF_SECONDS(1));
		/* Unless the note that it begins was on its way to the disk already. A standby
		 * that was chosen and is slow to claim may give way to the old primary (320). */
		bool chosen = sim->store.truth.group.next_timeline > next_timeline;
		ck_assert_int_eq(chosen, note->declined_version != 0);
		moved += sim->store.truth.group.primary != primary;
		ck_assert_msg(!sim->failed, "seed %llu: %s", (unsigned long long)seed,
		              sim->failed_text);
		sim_free(sim);
	}
	ck_assert_uint_ge(moved, SEEDS / 2);
}
END_TEST

START_TEST(a_relax_that_was_begun_bars_the_standby)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		pgaf_node_id primary = build(seed);

		relax_until(primary, true);
		pg_crash_postmaster(sim, primary, false);
		sim_run_until(sim, sim->now + PGAF_SECONDS(1));
		ck_assert_uint_eq(sim->store.truth.group.primary, primary);
		ck_assert_uint_eq(sim->keep[primary].disk_note.declined_version, 0);
		ck_assert_msg(!sim->failed, "seed %llu: %s", (unsigned long long)seed,
		              sim->failed_text);
		sim_free(sim);
	}
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("decline");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_relax_not_begun_leaves_the_standby_promotable);
	tcase_add_test(tcase, a_relax_that_was_begun_bars_the_standby);
	return suite_run("decline", tcase);
}
