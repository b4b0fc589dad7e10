/* SPDX-License-Identifier: PostgreSQL */
/*
 * A run from beginning to end: build a group from empty directories, let the
 * seed's faults loose on it, then demand that it heals (LIVE), stays as it is
 * (STABLE), and holds what it acknowledged (DUR).
 */

#include <stdlib.h>

#include "sim/sim.h"

#define BUILD_LIMIT PGAF_SECONDS(60)
#define LIVE_LIMIT PGAF_SECONDS(120)
#define STABLE_TIME PGAF_SECONDS(60)
/* What the last fault set off has had its effect by then. */
#define CALM_TIME PGAF_SECONDS(5)

static void
chance_init(struct sim *sim)
{
	struct rng *const streams[CHANCE_COUNT] = {
#define CHANCE_STREAM(field, word, doc) &sim->field,
		CHANCES(CHANCE_STREAM)
#undef CHANCE_STREAM
	};

	rng_init(&sim->plan, sim->seed * (CHANCE_COUNT + 1) + CHANCE_COUNT);
	for (uint32_t i = 0; i < CHANCE_COUNT; i++) {
		rng_init(streams[i], sim->seed * (CHANCE_COUNT + 1) + i);
		streams[i]->calm = sim->story.calm >> i & 1;
	}
}

static struct sim *
sim_of(const struct story *story)
{
	struct sim *sim = calloc(1, sizeof *sim);

	if (!sim)
		abort();
	sim->story = *story;
	sim->seed = story->seed;
	sim->nodes = story->nodes;
	sim->brk = (enum brk)story->brk;
	sim->now = SIM_EPOCH;
	chance_init(sim);
	net_init(sim);
	for (uint32_t host = 0; host <= sim->nodes; host++) {
		sim->host_up[host] = true;
		sim->keep[host].proc.host = host;
		pg_init(sim, host);
	}
	store_init(sim);
	return sim;
}

struct sim *
sim_new(uint64_t seed, uint32_t nodes, enum brk brk)
{
	struct story story = {.seed = seed, .nodes = nodes, .brk = brk, .sessions = SESSIONS_MAX};

	return sim_of(&story);
}

struct sim *
sim_play(const struct story *story)
{
	struct sim *sim = sim_of(story);

	sim->playing = true;
	return sim;
}

void
sim_free(struct sim *sim)
{
	if (!sim)
		return;
	mon_kill(sim);
	for (pgaf_node_id node = 1; node <= sim->nodes; node++)
		keep_kill(sim, node);
	sched_done(&sim->sched);
	free(sim->lines);
	free(sim);
}

static void
start_keeper(struct sim *sim, struct event *event)
{
	keep_start(sim, event->a);
}

bool
sim_until_good(struct sim *sim, pgaf_time limit, pgaf_time calm)
{
	char why[256];
	pgaf_time until = sim->now + limit;
	pgaf_time since = sim->now;

	while (!sim->failed && sim->now < until) {
		uint64_t epoch = sim->store.truth.group.epoch;

		sim_run_until(sim, sim->now + PGAF_MSEC(100));
		if (!check_is_good(sim, why, sizeof why) || epoch != sim->store.truth.group.epoch)
			since = sim->now;
		if (sim->now - since >= calm)
			return !sim->failed;
	}
	return false;
}

bool
sim_build(struct sim *sim, pgaf_time limit)
{
	store_start(sim);
	mon_start(sim);
	for (pgaf_node_id node = 1; node <= sim->nodes; node++) {
		sim_after(sim, NULL, rng_between(&sim->rng, 0, PGAF_SECONDS(2)), start_keeper)->a =
			node;
		sim_after(sim, NULL, PGAF_MSEC(500), link_tick)->a = node;
	}
	return sim_until_good(sim, limit, PGAF_MSEC(100));
}

static void
demand_stable(struct sim *sim)
{
	char why[256];
	uint64_t epoch = sim->store.truth.group.epoch;

	TELL(sim, "check", "the group is good; nothing may change from here");
	sim_run_until(sim, sim->now + STABLE_TIME);
	if (sim->failed)
		return;
	if (sim->store.truth.group.epoch != epoch)
		violation(sim, "STABLE", "without a fault the epoch went from %llu to %llu",
		          (unsigned long long)epoch,
		          (unsigned long long)sim->store.truth.group.epoch);
	else if (!check_is_good(sim, why, sizeof why))
		violation(sim, "STABLE", "without a fault: %s", why);
}

/* LIVE, then STABLE. */
static void
demand_healing(struct sim *sim, const char *since)
{
	char why[256] = "";

	if (sim->failed)
		return;
	if (!sim_until_good(sim, LIVE_LIMIT, CALM_TIME) && !sim->failed) {
		check_is_good(sim, why, sizeof why);
		violation(sim, "LIVE", "%d s after %s: %s", (int)(LIVE_LIMIT / PGAF_SECONDS(1)),
		          since, why);
	}
	if (!sim->failed)
		demand_stable(sim);
}

static void
demand_built(struct sim *sim)
{
	char why[256] = "";

	if (sim_build(sim, BUILD_LIMIT) || sim->failed)
		return;
	check_is_good(sim, why, sizeof why);
	violation(sim, "LIVE", "the group was not built in %d s: %s",
	          (int)(BUILD_LIMIT / PGAF_SECONDS(1)), why);
}

bool
sim_story(struct sim *sim)
{
	demand_built(sim);
	if (!sim->failed) {
		pgaf_time end = faults_plan(sim);

		TELL(sim, "check", "the group is built");
		store_save(sim);
		sim_run_until(sim, end);
		if (!sim->failed)
			faults_end(sim);
	}
	demand_healing(sim, "the last fault");
	if (!sim->failed && sim->story.forget) {
		store_restore(sim);
		demand_healing(sim, "the store forgot");
	}
	if (!sim->failed) {
		sim->writers_off = true;
		sim_run_until(sim, sim->now + PGAF_SECONDS(2));
		check_end(sim);
	}
	sim->counts.seeds = 1;
	sim->counts.with_failover = sim->had_failover;
	sim->counts.with_second_fault = sim->had_second;
	sim->counts.virtual_time = sim->now - SIM_EPOCH;
	sim->counts.events = sim->sched.fired;
	return !sim->failed;
}
