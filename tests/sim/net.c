/* SPDX-License-Identifier: PostgreSQL */
/*
 * The network between hosts: every message is part of some TCP connection, so
 * it is late or held back by a cut, and lost only when its receiver dies. One
 * random delay law per run; a lost packet costs a retransmission.
 */

#include "sim/sim.h"

void
net_init(struct sim *sim)
{
	struct rng *rng = &sim->setup;

	sim->net.typical =
		rng_between(rng, PGAF_USEC(30), PGAF_USEC(rng_percent(rng, 20) ? 5000 : 400));
	sim->net.worst = rng_between(rng, PGAF_MSEC(1), PGAF_MSEC(60));
	sim->net.loss = rng_percent(rng, 25) ? (uint32_t)rng_below(rng, 20) : 0;
}

pgaf_time
net_delay(struct sim *sim)
{
	pgaf_time delay = rng_tailed(&sim->network, sim->net.typical, sim->net.worst);

	for (pgaf_time again = PGAF_MSEC(200); sim->net.loss > 0 && again < PGAF_SECONDS(2);
	     again *= 2) {
		if (rng_below(&sim->network, 1000) >= sim->net.loss)
			break;
		delay += again;
	}
	return delay;
}

struct event *
net_send(struct sim *sim, struct route_to route, event_fn fn)
{
	struct path *path = &sim->net.path[route.from][route.to];
	pgaf_time at = sim->now + net_delay(sim);

	if (at <= path->busy_until)
		at = path->busy_until + 1;
	if (route.last && at <= *route.last)
		at = *route.last + 1;
	if (route.last)
		*route.last = at;

	struct event *event = sim_after(sim, route.receiver, at - sim->now, fn);

	event->from = route.from;
	event->to = route.to;
	return event;
}

bool
net_is_open(const struct sim *sim, uint32_t a, uint32_t b)
{
	return !sim->net.path[a][b].cut && !sim->net.path[b][a].cut && sim->host_up[a] &&
	       sim->host_up[b];
}

void
net_cut(struct sim *sim, uint32_t from, uint32_t to)
{
	sim->net.path[from][to].cut = true;
}

void
net_heal(struct sim *sim, uint32_t from, uint32_t to)
{
	struct path *path = &sim->net.path[from][to];

	if (!path->cut)
		return;
	path->cut = false;

	/* TCP tries again when its timer says so, not when the cable is back. */
	pgaf_time delay = rng_between(&sim->network, 0, PGAF_MSEC(800));

	path->busy_until = sched_release(sim, &path->parked, delay, 2000);
}
