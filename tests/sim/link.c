/* SPDX-License-Identifier: PostgreSQL */
/*
 * The session between one keeper and the store: made again with back-off, lost
 * at once when the other side says so and after a limit when it is silent.
 * Each half second both ends look whether they could still hear each other.
 */

#include "sim/sim.h"

#define SILENCE PGAF_SECONDS(4)
#define BACKOFF_MIN PGAF_MSEC(50)
#define BACKOFF_MAX PGAF_SECONDS(2)
#define TICK PGAF_MSEC(500)

static void link_try(struct sim *sim, struct event *event);

static bool
link_is(const struct sim *sim, const struct event *event)
{
	const struct keep *keep = &sim->keep[event->a];

	return keep->link_open && keep->link_serial == event->x;
}

static struct event *
link_up(struct sim *sim, pgaf_node_id node, event_fn fn)
{
	struct keep *keep = &sim->keep[node];
	struct event *event = net_send(sim,
	                               (struct route_to){.from = node,
	                                                 .to = 0,
	                                                 .receiver = &sim->store.proc,
	                                                 .last = &keep->link_up_last},
	                               fn);

	event->a = node;
	event->x = keep->link_serial;
	return event;
}

static struct event *
link_down(struct sim *sim, pgaf_node_id node, event_fn fn)
{
	struct keep *keep = &sim->keep[node];
	struct event *event = net_send(sim,
	                               (struct route_to){.from = 0,
	                                                 .to = node,
	                                                 .receiver = &keep->proc,
	                                                 .last = &keep->link_down_last},
	                               fn);

	event->a = node;
	event->x = keep->link_serial;
	return event;
}

/* ---- opening and losing ------------------------------------------------------------- */

static void
link_retry(struct sim *sim, pgaf_node_id node)
{
	struct keep *keep = &sim->keep[node];

	if (keep->link_trying || !keep->proc.alive)
		return;
	keep->link_trying = true;
	sim_after(sim, &keep->proc,
	          keep->link_backoff / 2 +
	                  (pgaf_time)rng_below(&sim->rng, (uint64_t)keep->link_backoff / 2 + 1),
	          link_try)
		->a = node;
	keep->link_backoff *= 2;
	if (keep->link_backoff > BACKOFF_MAX)
		keep->link_backoff = BACKOFF_MAX;
}

static void
link_lose(struct sim *sim, pgaf_node_id node)
{
	struct keep *keep = &sim->keep[node];

	if (!keep->link_open)
		return;
	keep->link_open = false;
	keep->link_serial = ++sim->next_id;
	TRACE(sim, host_name(node), "keeper > lost its session with the store");
	if (keep->claim_open)
		keeper_on_claim(keep->engine, keep_now(sim, node), false, false);
	keep->claim_open = false;
	keeper_on_link(keep->engine, keep_now(sim, node), false);
	keep_run(sim, node);
	link_retry(sim, node);
}

static void
link_lost(struct sim *sim, struct event *event)
{
	if (link_is(sim, event))
		link_lose(sim, event->a);
}

static void
link_session_ended(struct sim *sim, struct event *event)
{
	struct keep *keep = &sim->keep[event->a];

	/* A newer session of the same keeper may have come in between. */
	if (keep->link_open && keep->proc.alive)
		return;
	if (sim->store.session_open[event->a])
		TRACE(sim, "store", "the session of %s's keeper ended", host_name(event->a));
	sim->store.session_open[event->a] = false;
}

static void
link_opened(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;
	struct keep *keep = &sim->keep[node];

	keep->link_trying = false;
	if (keep->link_open)
		return;
	if (!sim->store.proc.alive) {
		link_retry(sim, node);
		return;
	}
	if (!keep->enrolled) {
		keep->enrolled = store_register(sim, node);
		keep->disk_note.node_id = node;
	}
	keep->link_open = true;
	keep->link_serial = ++sim->next_id;
	keep->link_heard_at = sim->now;
	keep->link_backoff = BACKOFF_MIN;
	sim->store.session_open[node] = true;
	sim->store.session_lost_at[node] = sim->now;
	keeper_on_link(keep->engine, keep_now(sim, node), true);
	link_refresh(sim, node);
	keep_run(sim, node);
}

static void
link_try(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;
	struct keep *keep = &sim->keep[node];

	keep->link_trying = false;
	if (keep->link_open)
		return;
	if (!net_is_open(sim, 0, node) || !sim->store.proc.alive || sim->store.proc.frozen) {
		link_retry(sim, node);
		return;
	}
	keep->link_trying = true;

	/* Connect, authenticate, hello: three round trips. */
	struct event *opened =
		sim_after(sim, &keep->proc, 6 * net_delay(sim) + PGAF_MSEC(3), link_opened);

	opened->a = node;
	opened->from = 0;
	opened->to = node;
}

void
link_start(struct sim *sim, pgaf_node_id node)
{
	struct keep *keep = &sim->keep[node];

	keep->link_open = false;
	keep->link_trying = false;
	keep->claim_open = false;
	keep->link_serial = ++sim->next_id;
	keep->link_backoff = PGAF_MSEC(2);
	link_retry(sim, node);
	keep->link_backoff = BACKOFF_MIN;
}

void
link_store_gone(struct sim *sim, bool silent)
{
	for (pgaf_node_id node = 1; node <= sim->nodes && !silent; node++)
		if (sim->keep[node].proc.alive && sim->keep[node].link_open)
			link_down(sim, node, link_lost);
}

void
link_keeper_gone(struct sim *sim, pgaf_node_id node, bool silent)
{
	struct keep *keep = &sim->keep[node];

	keep->link_open = false;
	keep->claim_open = false;
	keep->link_trying = false;
	if (!silent && sim->store.proc.alive)
		link_up(sim, node, link_session_ended);
	keep->link_serial = ++sim->next_id;
}

/* The store's side finds out by itself that nobody is there any more. */
static void
link_tick_store(struct sim *sim, pgaf_node_id node)
{
	struct simstore *store = &sim->store;
	bool there = sim->keep[node].proc.alive && sim->keep[node].link_open;

	if (!store->session_open[node] || store->proc.frozen)
		return;
	if (net_is_open(sim, 0, node) && there && !sim->keep[node].proc.frozen)
		store->session_lost_at[node] = sim->now;
	if ((net_is_open(sim, 0, node) && !there) ||
	    sim->now - store->session_lost_at[node] > SILENCE)
		store->session_open[node] = false;
}

void
link_tick(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;
	struct keep *keep = &sim->keep[node];

	link_tick_store(sim, node);
	if (keep->proc.alive && !keep->proc.frozen && keep->link_open) {
		bool open = net_is_open(sim, 0, node);
		bool there = sim->store.proc.alive && sim->store.session_open[node];

		if (open && there && !sim->store.proc.frozen)
			keep->link_heard_at = sim->now;
		if ((open && !there) || sim->now - keep->link_heard_at > SILENCE)
			link_lose(sim, node);
	}
	sim_after(sim, NULL, TICK, link_tick)->a = node;
}

/* ---- what passes -------------------------------------------------------------------------- */

static void
link_goal(struct sim *sim, struct event *event)
{
	struct keep *keep = &sim->keep[event->a];

	if (!link_is(sim, event))
		return;
	keep->link_heard_at = sim->now;
	if (sim->brk != BREAK_DEAF || sim->now < SIM_EPOCH + PGAF_SECONDS(20))
		keeper_on_goal(keep->engine, keep_now(sim, event->a), event->load);
	if (event->b != 0)
		keeper_on_answer(keep->engine, keep_now(sim, event->a), event->y == keep->reports);
	keep_run(sim, event->a);
}

static void
link_send_orders(struct sim *sim, pgaf_node_id node, uint64_t report)
{
	struct event *event = link_down(sim, node, link_goal);

	event->load = load_get(sim);
	event->b = report != 0;
	event->y = report;
	store_orders(sim, node, event->load);
}

static void
link_report_arrives(struct sim *sim, struct event *event)
{
	if (!link_is(sim, event))
		return;
	store_report(sim, event->a, event->load, event->b != 0);
	link_send_orders(sim, event->a, event->y);
}

void
link_report(struct sim *sim, pgaf_node_id node, const struct report *report, bool urgent)
{
	if (!sim->keep[node].link_open)
		return;

	struct event *event = link_up(sim, node, link_report_arrives);

	event->load = load_get(sim);
	event->b = urgent;
	event->y = ++sim->keep[node].reports;
	*(struct report *)event->load = *report;
}

static void
link_refresh_arrives(struct sim *sim, struct event *event)
{
	if (link_is(sim, event))
		link_send_orders(sim, event->a, 0);
}

void
link_refresh(struct sim *sim, pgaf_node_id node)
{
	if (sim->keep[node].link_open)
		link_up(sim, node, link_refresh_arrives);
}

static void
link_claim_result(struct sim *sim, struct event *event)
{
	struct keep *keep = &sim->keep[event->a];

	if (!link_is(sim, event) || !keep->claim_open)
		return;
	keep->claim_open = false;
	keep->link_heard_at = sim->now;
	keeper_on_claim(keep->engine, keep_now(sim, event->a), event->b != 0, true);
	keep_run(sim, event->a);
}

/* The flush is over: the claim is decided and durable at this moment. */
static void
link_claim_flushed(struct sim *sim, struct event *event)
{
	bool granted = store_claim(sim, event->a, event->y);

	if (link_is(sim, event))
		link_down(sim, event->a, link_claim_result)->b = granted;
}

static void
link_claim_arrives(struct sim *sim, struct event *event)
{
	struct event *flushed;

	if (!link_is(sim, event))
		return;
	flushed = sim_after(sim, &sim->store.proc, store_flush_time(sim), link_claim_flushed);
	flushed->a = event->a;
	flushed->x = event->x;
	flushed->y = event->y;
}

void
link_claim(struct sim *sim, pgaf_node_id node, uint64_t epoch)
{
	struct keep *keep = &sim->keep[node];

	if (!keep->link_open)
		return;
	keep->claim_open = true;
	if (sim->brk == BREAK_CLAIM) {
		struct event *granted = sim_after(sim, &keep->proc, 1000, link_claim_result);

		granted->a = node;
		granted->b = true;
		granted->x = keep->link_serial;
		return;
	}
	link_up(sim, node, link_claim_arrives)->y = epoch;
}

static void
link_hint_arrives(struct sim *sim, struct event *event)
{
	if (link_is(sim, event))
		link_refresh(sim, event->a);
}

void
link_hint(struct sim *sim, pgaf_node_id node)
{
	if (sim->store.session_open[node] && sim->keep[node].link_open &&
	    !rng_once_in(&sim->rng, 100))
		link_down(sim, node, link_hint_arrives);
}
