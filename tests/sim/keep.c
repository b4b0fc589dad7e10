/* SPDX-License-Identifier: PostgreSQL */
/*
 * The keepers' processes: the engine that ships and its operations on the
 * simulated world. What a keeper remembers over a crash is its note alone.
 */

#include <stdio.h>
#include <string.h>

#include "base/pure/text.h"
#include "sim/sim.h"

pgaf_time
keep_now(const struct sim *sim, pgaf_node_id node)
{
	return sim->now + sim->keep[node].clock_offset;
}

static void
keep_timer(struct sim *sim, struct event *event)
{
	struct keep *keep = &sim->keep[event->a];

	if (event->x != keep->timer_serial)
		return;
	keep->timer_at = PGAF_NEVER;
	keep_run(sim, event->a);
}

void
keep_run(struct sim *sim, pgaf_node_id node)
{
	struct keep *keep = &sim->keep[node];
	struct event *event;
	pgaf_time deadline;

	if (keep->exited)
		return;
	keeper_run(keep->engine, keep_now(sim, node));
	deadline = keeper_deadline(keep->engine);
	if (deadline >= keep->timer_at)
		return;
	keep->timer_at = deadline;
	keep->timer_serial = ++sim->next_id;
	event = sim_after(sim, &keep->proc, deadline - keep_now(sim, node), keep_timer);
	event->a = node;
	event->x = keep->timer_serial;
}

/* ---- operations --------------------------------------------------------------------- */

static void
keep_observed(struct sim *sim, struct event *event)
{
	struct keep *keep = &sim->keep[event->a];

	keep->observing = false;
	keeper_on_observation(keep->engine, keep_now(sim, event->a), &keep->seen);
	keep_run(sim, event->a);
}

/* Postgres says what it is in one moment, and it is heard in another: a step may end between. */
static void
keep_looked(struct sim *sim, struct event *event)
{
	struct keep *keep = &sim->keep[event->a];
	struct observation *seen = &keep->seen;

	pg_observe(sim, event->a, seen);
	seen->asked_at = keep->asked_at;
	seen->exits = seen->exits > keep->exits_before ? seen->exits - keep->exits_before : 0;
	sim_after(sim, &keep->proc, (pgaf_time)event->x, keep_observed)->a = event->a;
}

void
keep_observe(struct sim *sim, pgaf_node_id node)
{
	struct keep *keep = &sim->keep[node];
	struct event *event;
	pgaf_time takes, back;

	if (keep->observing || !keep->proc.alive || !keep->engine)
		return;
	keep->observing = true;
	keep->asked_at = keep_now(sim, node);
	takes = rng_tailed(&sim->rng, PGAF_USEC(500),
	                   rng_once_in(&sim->rng, 20) ? PGAF_SECONDS(2) : PGAF_MSEC(40));
	back = rng_between(&sim->rng, 0, takes);
	event = sim_after(sim, &keep->proc, takes - back, keep_looked);
	event->a = node;
	event->x = (uint64_t)back;
}

static void
ops_observe(void *world)
{
	struct keeper_world *keeper = world;

	keep_observe(keeper->sim, keeper->node);
}

static void
ops_report(void *world, const struct report *report, bool urgent)
{
	struct keeper_world *keeper = world;
	struct report said = *report;

	/* Its goal's set, which it has not begun to apply yet and will. */
	if (keeper->sim->brk == BREAK_DECLINE) {
		const struct note *note = &keeper->sim->keep[keeper->node].disk_note;

		if (note->goal.set.version > said.about_version)
			said.declined_version = note->goal.set.version;
	}
	link_report(keeper->sim, keeper->node, &said, urgent);
}

static void
ops_claim(void *world, uint64_t epoch)
{
	struct keeper_world *keeper = world;

	link_claim(keeper->sim, keeper->node, epoch);
}

static void
ops_refresh(void *world)
{
	struct keeper_world *keeper = world;

	link_refresh(keeper->sim, keeper->node);
}

static void
keep_saved(struct sim *sim, struct event *event)
{
	struct keep *keep = &sim->keep[event->a];

	keeper_on_noted(keep->engine, keep_now(sim, event->a), true);
	keep_run(sim, event->a);
}

/* It is on disk at some moment before the keeper learns so. */
static void
keep_saving(struct sim *sim, struct event *event)
{
	sim->keep[event->a].disk_note = *(const struct note *)event->load;
	check_noted(&sim->keep[event->a]);
	sim_after(sim, &sim->keep[event->a].proc, PGAF_USEC(100), keep_saved)->a = event->a;
}

static void
ops_save(void *world, const struct note *note)
{
	struct keeper_world *keeper = world;
	struct sim *sim = keeper->sim;
	struct event *event;

	event = sim_after(sim, &sim->keep[keeper->node].proc,
	                  pg_disk(sim, keeper->node, PGAF_MSEC(1)), keep_saving);
	event->a = keeper->node;
	event->load = load_get(sim);
	*(struct note *)event->load = *note;
}

static void
ops_watch_peers(void *world, const struct peer *peers, uint32_t count, pgaf_time interval)
{
	struct keeper_world *keeper = world;
	struct sim *sim = keeper->sim;
	bool wanted[SIM_HOSTS] = {false};

	for (uint32_t i = 0; i < count; i++)
		wanted[peers[i].id] = true;
	for (pgaf_node_id node = 1; node <= sim->nodes; node++)
		if (wanted[node] || sim->keep[keeper->node].peers[node].wanted)
			probe_want(sim, keeper->node, node, wanted[node] ? interval : 0);
}

static void
ops_tune(void *world, const struct settings *settings)
{
	struct keeper_world *keeper = world;

	keeper->sim->keep[keeper->node].disk_deadline = settings->disk_deadline;
}

static const char *
route_name(enum route route)
{
	switch (route) {
	case ROUTE_CLOSED:
		return "closed";
	case ROUTE_PRIMARY:
		return "primary";
	case ROUTE_STANDBY:
		return "standby";
	}
	return "closed";
}

static void
ops_show(void *world, const struct keeper_status *status)
{
	struct keeper_world *keeper = world;
	struct sim *sim = keeper->sim;
	struct keep *keep = &sim->keep[keeper->node];

	if (status->route != keep->route)
		TRACE(sim, host_name(keeper->node), "keeper > its route is %s",
		      route_name(status->route));
	keep->route = status->route;
	if (!sim->tracing || !status->waiting || strcmp(status->waiting, keep->waiting) == 0)
		return;
	text_copy(keep->waiting, sizeof keep->waiting, status->waiting);
	if (keep->waiting[0] != '\0')
		TRACE(sim, host_name(keeper->node), "keeper > waits: %s", keep->waiting);
}

static void
keep_again(struct sim *sim, struct event *event)
{
	keep_start(sim, event->a);
}

static void
keep_end(struct sim *sim, struct event *event)
{
	keep_kill(sim, event->a);
	/* Nobody stays away for good: the fault that stopped it may be over already. */
	if (sim->quiet)
		sim_after(sim, NULL, PGAF_SECONDS(1), keep_again)->a = event->a;
}

static void
ops_ended(void *world, int code)
{
	struct keeper_world *keeper = world;
	struct sim *sim = keeper->sim;
	struct keep *keep = &sim->keep[keeper->node];

	TRACE(sim, host_name(keeper->node), "keeper > ends with code %d", code);
	keep->exited = true;
	keep->exit_code = code;
	sim_after(sim, NULL, 0, keep_end)->a = keeper->node;
}

static uint64_t
ops_random(void *world)
{
	struct keeper_world *keeper = world;

	return rng_next(&keeper->sim->rng);
}

static void
ops_log(void *world, const struct pgaf_log *record)
{
	struct keeper_world *keeper = world;

	if (record->level <= PGAF_LOG_INFO)
		TRACE(keeper->sim, host_name(keeper->node), "keeper > %s", record->text);
}

static const struct keeper_ops keep_ops = {
	.step = keep_step,
	.cancel = keep_step_cancel,
	.observe = ops_observe,
	.report = ops_report,
	.claim = ops_claim,
	.refresh = ops_refresh,
	.save = ops_save,
	.watch_peers = ops_watch_peers,
	.tune = ops_tune,
	.show = ops_show,
	.ended = ops_ended,
	.random = ops_random,
	.log = ops_log,
};

/* ---- what it hears --------------------------------------------------------------------- */

void
keep_step_result(struct sim *sim, pgaf_node_id node, const struct step_result *result)
{
	keeper_on_step(sim->keep[node].engine, keep_now(sim, node), result);
	keep_run(sim, node);
}

static void
keep_exit(struct sim *sim, struct event *event)
{
	struct keep *keep = &sim->keep[event->a];

	if (!keep->engine)
		return;
	keeper_on_exit(keep->engine, keep_now(sim, event->a), event->b != 0);
	keep_observe(sim, event->a);
	keep_run(sim, event->a);
}

static bool
keep_stops_it(const struct keep *keep)
{
	enum step step = keep->step.order.step;

	return keep->step.active && (step == STEP_STOP || step == STEP_STOP_IMMEDIATE ||
	                             step == STEP_HAND_OVER || step == STEP_FENCE);
}

/* The pidfd fires; an end that a step of ours brought about is that step's result. */
void
keep_exit_seen(struct sim *sim, pgaf_node_id node)
{
	struct keep *keep = &sim->keep[node];
	struct event *event;

	if (!keep->proc.alive || keep_stops_it(keep))
		return;
	event = sim_after(sim, &keep->proc, rng_between(&sim->rng, PGAF_USEC(100), PGAF_MSEC(1)),
	                  keep_exit);
	event->a = node;
	event->b = sim->pg[node].exit_inside;
}

/* ---- its life ------------------------------------------------------------------------------ */

static void
keep_new(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;
	struct keep *keep = &sim->keep[node];
	struct keeper_options options = {.formation = "default"};

	snprintf(options.name, sizeof options.name, "%s", host_name(node));
	keep->disk_note.node_id = node;
	keep->engine = keeper_new(&options, &keep_ops, &keep->world, &keep->disk_note,
	                          keep_now(sim, node));
	link_start(sim, node);
	keep_observe(sim, node);
	keep_run(sim, node);
}

void
keep_start(struct sim *sim, pgaf_node_id node)
{
	struct keep *keep = &sim->keep[node];

	if (keep->proc.alive || !sim->host_up[node])
		return;
	/* It was dropped and says so: whoever wants it back has to say that (operator.c). */
	if (keep->disk_note.role == NOTE_DROPPED)
		return;
	proc_start(&keep->proc, node);
	keep->world = (struct keeper_world){.sim = sim, .node = node};
	keep->clock_offset = rng_between(&sim->rng, 0, PGAF_SECONDS(1000));
	keep->timer_at = PGAF_NEVER;
	keep->observing = false;
	keep->disk_deadline = PGAF_SECONDS(5); /* until it is told */
	keep->exited = false;
	keep->told_to_end = false;
	keep->step = (struct run_step){.serial = ++sim->next_id};
	keep->exits_before = sim->pg[node].exits;
	keep->route = ROUTE_CLOSED;
	probe_reset(sim, node);
	TRACE(sim, host_name(node), "keeper > starts");
	sim_after(sim, &keep->proc, PGAF_MSEC(2), keep_new)->a = node;
}

void
keep_kill(struct sim *sim, pgaf_node_id node)
{
	struct keep *keep = &sim->keep[node];

	if (!keep->proc.alive)
		return;
	if (!keep->exited)
		TRACE(sim, host_name(node), "keeper > is killed");
	proc_kill(sim, &keep->proc);
	keeper_free(keep->engine);
	keep->engine = NULL;
	keep->step.active = false;
	keep->died_at = sim->now;
	link_keeper_gone(sim, node, !sim->host_up[node]);
	probe_reset(sim, node);
}

void
keep_terminate(struct sim *sim, pgaf_node_id node)
{
	struct keep *keep = &sim->keep[node];

	if (!keep->proc.alive || keep->proc.frozen || !keep->engine || keep->exited)
		return;
	TRACE(sim, host_name(node), "keeper > gets SIGTERM");
	keep->told_to_end = true;
	keeper_on_terminate(keep->engine, keep_now(sim, node));
	keep_run(sim, node);
}

void
keep_leave(struct sim *sim, pgaf_node_id node)
{
	struct keep *keep = &sim->keep[node];

	if (!keep->proc.alive || keep->proc.frozen || !keep->engine || keep->exited)
		return;
	TRACE(sim, host_name(node), "keeper > gets SIGUSR2");
	keep->told_to_end = true;
	keeper_on_leave(keep->engine, keep_now(sim, node));
	keep_run(sim, node);
}
