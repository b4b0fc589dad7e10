/* SPDX-License-Identifier: PostgreSQL */
/*
 * Questions kept open to a Postgres, as lib/pg/probe.h describes them: the
 * monitor asks every node (observer 0), keepers ask each other. Sightings are
 * in the observer's own time.
 */

#include "sim/sim.h"

/* As lib/pg/probe.c does it with the default of connect_interval. */
#define CONNECT_INTERVAL PGAF_SECONDS(2)
#define PROBE_PATIENCE PGAF_MSEC(500)

static void probe_knock(struct sim *sim, struct event *event);
static void probe_tick(struct sim *sim, struct event *event);

static struct probe_state *
probe_of(struct sim *sim, uint32_t observer, uint32_t target)
{
	return observer == 0 ? &sim->mon.probes[target] : &sim->keep[observer].peers[target];
}

static struct proc *
probe_proc(struct sim *sim, uint32_t observer)
{
	return observer == 0 ? &sim->mon.proc : &sim->keep[observer].proc;
}

static pgaf_time
probe_now(const struct sim *sim, uint32_t observer)
{
	return observer == 0 ? mon_now(sim) : keep_now(sim, observer);
}

static struct event *
probe_event(struct sim *sim, uint32_t observer, uint32_t target, pgaf_time delay, event_fn fn)
{
	struct event *event = sim_after(sim, probe_proc(sim, observer), delay, fn);

	event->a = observer;
	event->b = target;
	event->x = probe_of(sim, observer, target)->serial;
	return event;
}

/* An answer comes over the network: it can be held back on its way. */
static struct event *
probe_answer_event(struct sim *sim, uint32_t observer, uint32_t target, event_fn fn)
{
	struct event *event =
		probe_event(sim, observer, target, net_delay(sim) + net_delay(sim), fn);

	event->from = target;
	event->to = observer;
	return event;
}

/* Tell the engine what changed. */
static void
probe_tell(struct sim *sim, uint32_t observer, uint32_t target, bool reached)
{
	struct probe_state *probe = probe_of(sim, observer, target);
	const struct pg *pg = &sim->pg[target];

	if (observer == 0) {
		monitor_on_sighting(sim->mon.engine, mon_now(sim), target, &probe->sighting);
		mon_run(sim);
		return;
	}

	struct peer_view view = {
		.node = target,
		.reached = reached,
		.in_recovery = probe->sighting.in_recovery,
		.timeline = probe->sighting.timeline,
	};
	pgaf_time age = probe->sighting.answered_at == 0
	                        ? PGAF_SECONDS(3600)
	                        : keep_now(sim, observer) - probe->sighting.answered_at;

	view.age_ms = (uint32_t)(age / PGAF_MSEC(1));
	keeper_on_peer(sim->keep[observer].engine, keep_now(sim, observer), &view,
	               reached && pg->status == PG_STANDBY && pg->receiver.streaming &&
	                       pg->receiver.upstream == observer);
	keep_run(sim, observer);
}

static void
probe_answered(struct sim *sim, struct event *event)
{
	struct probe_state *probe = probe_of(sim, event->a, event->b);
	const struct pg *pg = &sim->pg[event->b];

	if (probe->serial != event->x || !probe->open || probe->target_run != pg->proc.run ||
	    !pg_answers(pg))
		return;
	probe->sighting.answered_at = probe_now(sim, event->a);
	probe->sighting.in_recovery = pg->status == PG_STANDBY;
	probe->sighting.timeline = pg_timeline(sim, pg);
	probe->sighting.lsn = pg->flush;
	probe->sighting.round_trip_us = 300;
	probe_tell(sim, event->a, event->b, true);
}

static void
probe_accepted(struct sim *sim, struct event *event)
{
	struct probe_state *probe = probe_of(sim, event->a, event->b);

	if (probe->serial != event->x)
		return;
	probe->sighting.accepted_at = probe_now(sim, event->a);
	probe->sighting.asked_new_at = 0;
}

static void
probe_closed(struct sim *sim, struct event *event)
{
	struct probe_state *probe = probe_of(sim, event->a, event->b);

	if (probe->serial != event->x || !probe->open)
		return;
	probe->open = false;
	probe->sighting.closed_at = probe_now(sim, event->a);
	probe->sighting.refusals = 0;
	probe->serial = ++sim->next_id;
	probe_tell(sim, event->a, event->b, false);
	if (probe->wanted)
		probe_event(sim, event->a, event->b, PGAF_USEC(50), probe_knock);
}

static void
probe_gone(struct sim *sim, uint32_t observer, uint32_t target)
{
	struct probe_state *probe = probe_of(sim, observer, target);

	if (probe->sighting.closed_at != 0 && probe->sighting.gone_at == 0)
		probe->sighting.gone_at = probe_now(sim, observer);
	probe_event(sim, observer, target, probe->interval, probe_knock);
	probe_tell(sim, observer, target, false);
}

static void
probe_refused(struct sim *sim, struct event *event)
{
	struct probe_state *probe = probe_of(sim, event->a, event->b);

	if (probe->serial != event->x)
		return;
	probe->sighting.starting = false;
	probe->sighting.stopping = false;
	if (probe->sighting.closed_at == 0)
		probe->sighting.closed_at = probe_now(sim, event->a);
	if (++probe->sighting.refusals < 2) {
		probe_event(sim, event->a, event->b, PGAF_MSEC(5), probe_knock);
		probe_tell(sim, event->a, event->b, false);
	} else {
		probe_gone(sim, event->a, event->b);
	}
}

/* Nothing within 100 ms. */
static void
probe_unanswered(struct sim *sim, struct event *event)
{
	struct probe_state *probe = probe_of(sim, event->a, event->b);

	if (probe->serial != event->x)
		return;
	if (probe->sighting.asked_new_at == 0)
		probe->sighting.asked_new_at = probe_now(sim, event->a) - PGAF_MSEC(100);
	probe_gone(sim, event->a, event->b);
}

static void
probe_not_yet(struct sim *sim, struct event *event)
{
	struct probe_state *probe = probe_of(sim, event->a, event->b);

	if (probe->serial != event->x)
		return;
	probe->sighting.starting = event->y == PG_STARTING;
	probe->sighting.stopping = event->y == PG_STOPPING;
	probe->sighting.gone_at = 0;
	probe->sighting.refusals = 0;
	probe_event(sim, event->a, event->b, PGAF_MSEC(100), probe_knock);
	probe_tell(sim, event->a, event->b, false);
}

static void
probe_opened(struct sim *sim, struct event *event)
{
	struct probe_state *probe = probe_of(sim, event->a, event->b);

	if (probe->serial != event->x)
		return;
	if (probe->target_run != sim->pg[event->b].proc.run || !pg_accepts(&sim->pg[event->b])) {
		probe_event(sim, event->a, event->b, PGAF_MSEC(5), probe_knock);
		return;
	}
	probe->open = true;
	probe->sighting.closed_at = 0;
	probe->sighting.gone_at = 0;
	probe->sighting.asked_new_at = 0;
	probe->sighting.refusals = 0;
	probe->sighting.starting = false;
	probe->sighting.stopping = false;
	probe->sighting.accepted_at = probe_now(sim, event->a);
	probe->tested_at = sim->now;
	probe->heard_at = sim->now;
	probe_answered(sim, event);
	probe_event(sim, event->a, event->b, probe->interval, probe_tick);
}

static void
probe_knock(struct sim *sim, struct event *event)
{
	struct probe_state *probe = probe_of(sim, event->a, event->b);
	const struct pg *pg = &sim->pg[event->b];

	if (probe->serial != event->x || !probe->wanted)
		return;
	if (!net_is_open(sim, event->a, event->b) || pg->proc.frozen || pg->postmaster_frozen) {
		probe_event(sim, event->a, event->b, PGAF_MSEC(100), probe_unanswered);
	} else if (!pg->postmaster) {
		probe_answer_event(sim, event->a, event->b, probe_refused);
	} else if (pg->status == PG_STARTING || pg->status == PG_STOPPING) {
		probe_answer_event(sim, event->a, event->b, probe_not_yet)->y = pg->status;
	} else {
		probe->target_run = pg->proc.run;
		probe_answer_event(sim, event->a, event->b, probe_opened);
	}
}

static void
probe_test(struct sim *sim, uint32_t observer, uint32_t target)
{
	struct probe_state *probe = probe_of(sim, observer, target);

	probe->tested_at = sim->now;
	if (net_is_open(sim, observer, target) && pg_accepts(&sim->pg[target]))
		probe_answer_event(sim, observer, target, probe_accepted);
	else if (probe->sighting.asked_new_at == 0)
		probe->sighting.asked_new_at = probe_now(sim, observer);
}

static void
probe_tick(struct sim *sim, struct event *event)
{
	struct probe_state *probe = probe_of(sim, event->a, event->b);
	const struct pg *pg = &sim->pg[event->b];

	if (probe->serial != event->x || !probe->wanted || !probe->open)
		return;

	bool there = pg->proc.run == probe->target_run && pg->postmaster;

	if (net_is_open(sim, event->a, event->b)) {
		if (!there)
			probe_answer_event(sim, event->a, event->b, probe_closed);
		else if (pg_answers(pg)) {
			probe->heard_at = sim->now;
			probe_answer_event(sim, event->a, event->b, probe_answered);
		}
	}
	bool hangs = sim->now - probe->heard_at > PROBE_PATIENCE;
	/* One that was not answered is given up by then, and another follows. */
	bool again = hangs || probe->sighting.asked_new_at != 0;

	if (sim->now - probe->tested_at >= (again ? PROBE_PATIENCE : CONNECT_INTERVAL))
		probe_test(sim, event->a, event->b);
	probe_event(sim, event->a, event->b, probe->interval, probe_tick);
}

void
probe_want(struct sim *sim, uint32_t observer, uint32_t target, pgaf_time interval)
{
	struct probe_state *probe = probe_of(sim, observer, target);

	probe->interval = interval;
	if (interval == 0) {
		*probe = (struct probe_state){0};
	} else if (!probe->wanted) {
		*probe = (struct probe_state){
			.wanted = true, .serial = ++sim->next_id, .interval = interval};
		probe_event(sim, observer, target, PGAF_USEC(10), probe_knock);
	}
}

void
probe_reset(struct sim *sim, uint32_t observer)
{
	for (uint32_t target = 0; target < SIM_HOSTS; target++)
		*probe_of(sim, observer, target) = (struct probe_state){0};
}

void
probe_target_died(struct sim *sim, uint32_t target, bool silent)
{
	for (uint32_t observer = 0; observer <= sim->nodes && !silent; observer++) {
		struct probe_state *probe = probe_of(sim, observer, target);
		struct event *event;

		if (!probe->open || !probe_proc(sim, observer)->alive)
			continue;
		event = probe_event(sim, observer, target,
		                    net_delay(sim) +
		                            rng_between(&sim->rng, PGAF_MSEC(1), PGAF_MSEC(19)),
		                    probe_closed);
		event->from = target;
		event->to = observer;
	}
}
