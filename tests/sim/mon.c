/* SPDX-License-Identifier: PostgreSQL */
/*
 * The monitor's process: the engine that ships and its operations on the
 * simulated world. Store and monitor share a host, so between them there is no
 * network, only time.
 */

#include <pgaf/error.h>

#include "sim/sim.h"

pgaf_time
mon_now(const struct sim *sim)
{
	return sim->now + sim->mon.clock_offset;
}

static void
mon_timer(struct sim *sim, struct event *event)
{
	if (event->x != sim->mon.timer_serial)
		return;
	sim->mon.timer_at = PGAF_NEVER;
	mon_run(sim);
}

void
mon_run(struct sim *sim)
{
	struct mon *mon = &sim->mon;
	pgaf_time deadline;

	monitor_run(mon->engine, mon_now(sim));
	deadline = monitor_deadline(mon->engine);
	if (deadline >= mon->timer_at)
		return;
	mon->timer_at = deadline;
	mon->timer_serial = ++sim->next_id;
	sim_after(sim, &mon->proc, deadline - mon_now(sim), mon_timer)->x = mon->timer_serial;
}

/* ---- operations ------------------------------------------------------------------ */

static struct event *
mon_later(struct sim *sim, pgaf_time typical, event_fn fn)
{
	return sim_after(sim, &sim->mon.proc, rng_tailed(&sim->rng, typical, typical * 30), fn);
}

static void
mon_loaded(struct sim *sim, struct event *event)
{
	struct simstore *store = &sim->store;
	pgaf_time age = sim->now - store->born;
	struct snapshot snap;

	(void)event;
	if (!sim->mon.store_open || !store->proc.alive)
		return;
	snap = store->truth;
	if (sim->brk == BREAK_NARROW)
		store_forget_async(&snap.group);
	monitor_on_group(sim->mon.engine, mon_now(sim), &snap,
	                 age < snap.group.settings.bootstrap_grace ? age : -1);
	mon_run(sim);
}

static void
mon_load(void *world)
{
	mon_later(world, PGAF_USEC(300), mon_loaded);
}

static void
mon_committed(struct sim *sim, struct event *event)
{
	if (!sim->mon.store_open)
		return; /* the loss of the session told it already */
	monitor_on_commit(sim->mon.engine, mon_now(sim), event->a == 0 ? 0 : PGAF_ESTALE);
	mon_run(sim);
}

static void
mon_commit_flushed(struct sim *sim, struct event *event)
{
	bool stale = store_commit(sim, event->load) != 0;

	if (sim->mon.proc.alive && sim->mon.proc.run == event->x)
		mon_later(sim, PGAF_USEC(100), mon_committed)->a = stale;
}

static void
mon_commit(void *world, const struct decision *decision)
{
	struct sim *sim = world;
	struct event *event;

	if (!sim->store.proc.alive)
		return;
	pgaf_time delay = store_flush_time(sim);
	/* A decision that takes its time gets the chance to be stale. */
	if (sim->brk == BREAK_CAS)
		delay += rng_between(&sim->rng, 0, PGAF_MSEC(500));
	event = sim_after(sim, &sim->store.proc, delay, mon_commit_flushed);
	event->load = load_get(sim);
	event->x = sim->mon.proc.run;
	*(struct decision *)event->load = *decision;
}

static void
mon_probe(void *world, const struct node *nodes, uint32_t count, const struct settings *settings)
{
	struct sim *sim = world;
	bool wanted[SIM_HOSTS] = {false};

	for (uint32_t i = 0; i < count; i++)
		wanted[nodes[i].id] = true;
	for (pgaf_node_id node = 1; node <= sim->nodes; node++)
		if (wanted[node] || sim->mon.probes[node].wanted)
			probe_want(sim, 0, node, wanted[node] ? settings->probe_interval : 0);
}

static void
mon_sessions(struct sim *sim, struct event *event)
{
	(void)event;
	if (!sim->mon.store_open)
		return;
	for (uint32_t i = 0; i < sim->store.truth.count; i++) {
		pgaf_node_id node = sim->store.truth.nodes[i].id;

		monitor_on_session(sim->mon.engine, mon_now(sim), node,
		                   sim->store.session_open[node]);
	}
	mon_run(sim);
}

static void
mon_ask_sessions(void *world)
{
	mon_later(world, PGAF_USEC(300), mon_sessions);
}

static void
mon_log(void *world, const struct pgaf_log *record)
{
	struct sim *sim = world;

	if (record->level <= PGAF_LOG_INFO)
		TRACE(sim, "monitor", "%s", record->text);
}

static const struct monitor_ops mon_ops = {
	.load = mon_load,
	.commit = mon_commit,
	.probe = mon_probe,
	.ask_sessions = mon_ask_sessions,
	.log = mon_log,
};

/* ---- what it hears ------------------------------------------------------------------ */

static void
mon_news(struct sim *sim, struct event *event)
{
	struct node *node = store_node(&sim->store.truth, event->a);

	if (!sim->mon.store_open || !node)
		return;
	if (event->b != 0) {
		mon_load(sim);
		return;
	}
	sim->store.reported[event->a] = false;
	monitor_on_report(sim->mon.engine, mon_now(sim), event->a, &node->report);
	mon_run(sim);
}

/* A notification: lost now and then, which the next poll makes good. */
void
mon_hint(struct sim *sim, pgaf_node_id node, bool changed)
{
	struct event *event;

	if (!sim->mon.proc.alive || !sim->mon.store_open || rng_once_in(&sim->rng, 100))
		return;
	event = mon_later(sim, PGAF_USEC(400), mon_news);
	event->a = node;
	event->b = changed;
}

static void
mon_poll(struct sim *sim, struct event *event)
{
	(void)event;
	sim_after(sim, &sim->mon.proc, PGAF_SECONDS(1), mon_poll);
	if (!sim->mon.store_open)
		return;
	for (pgaf_node_id id = 1; id <= sim->nodes; id++) {
		struct node *node = store_node(&sim->store.truth, id);

		if (!node || !sim->store.reported[id])
			continue;
		sim->store.reported[id] = false;
		monitor_on_report(sim->mon.engine, mon_now(sim), id, &node->report);
	}
	mon_load(sim);
	mon_run(sim);
}

/* ---- its life -------------------------------------------------------------------------- */

static void
mon_connected(struct sim *sim, struct event *event)
{
	(void)event;
	if (!sim->store.proc.alive || sim->mon.store_open)
		return;
	sim->mon.store_open = true;
	monitor_on_store(sim->mon.engine, mon_now(sim), true);
	mon_run(sim);
}

void
mon_store_opened(struct sim *sim)
{
	if (sim->mon.proc.alive && !sim->mon.store_open)
		mon_later(sim, PGAF_MSEC(5), mon_connected);
}

static void
mon_disconnected(struct sim *sim, struct event *event)
{
	(void)event;
	monitor_on_store(sim->mon.engine, mon_now(sim), false);
	mon_run(sim);
	if (sim->store.proc.alive)
		mon_store_opened(sim);
}

void
mon_store_lost(struct sim *sim)
{
	if (!sim->mon.proc.alive || !sim->mon.store_open)
		return;
	sim->mon.store_open = false;
	/* Always before the next session is open. */
	sim_after(sim, &sim->mon.proc, PGAF_MSEC(1), mon_disconnected);
}

void
mon_start(struct sim *sim)
{
	struct mon *mon = &sim->mon;

	if (mon->proc.alive || !sim->host_up[0])
		return;
	proc_start(&mon->proc, 0);
	mon->clock_offset = rng_between(&sim->rng, 0, PGAF_SECONDS(1000));
	mon->timer_at = PGAF_NEVER;
	mon->store_open = false;
	probe_reset(sim, 0);
	TRACE(sim, "monitor", "starts");
	mon->engine = monitor_new("default", 0, &mon_ops, sim, mon_now(sim));
	sim_after(sim, &mon->proc, PGAF_SECONDS(1), mon_poll);
	mon_run(sim);
	if (sim->store.proc.alive)
		mon_store_opened(sim);
}

void
mon_kill(struct sim *sim)
{
	struct mon *mon = &sim->mon;

	if (!mon->proc.alive)
		return;
	TRACE(sim, "monitor", "is killed");
	proc_kill(sim, &mon->proc);
	monitor_free(mon->engine);
	mon->engine = NULL;
	mon->store_open = false;
	probe_reset(sim, 0);
}

void
mon_thawed(struct sim *sim)
{
	if (!sim->mon.proc.alive || !sim->mon.proc.frozen)
		return;
	monitor_on_stall(sim->mon.engine, mon_now(sim));
	proc_thaw(sim, &sim->mon.proc);
}
