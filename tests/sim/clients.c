/* SPDX-License-Identifier: PostgreSQL */
/*
 * Clients: a few sessions beside every node that write whenever it lets them,
 * so nobody's partition keeps a node that should not accept from being tried.
 * They commit, wait, think and commit again.
 */

#include "sim/sim.h"

static void session_commit(struct sim *sim, struct event *event);
static void session_open(struct sim *sim, struct event *event);

static void
session_later(struct sim *sim, pgaf_node_id node, uint32_t number, pgaf_time delay, event_fn fn)
{
	struct event *event = sim_after(sim, &sim->pg[node].proc, delay, fn);

	event->a = node;
	event->b = number;
	event->x = sim->pg[node].sessions[number].number;
}

static void
session_commit(struct sim *sim, struct event *event)
{
	struct pg *pg = &sim->pg[event->a];
	struct client *session = &pg->sessions[event->b];

	if (!session->open || session->number != event->x)
		return;
	/* A backend without its postmaster notices when it reads: most of them, most times. */
	if (pg->status == PG_EXITED && rng_percent(&sim->clients, 70)) {
		session->open = false;
		return;
	}
	if (pg->status == PG_PRIMARY || pg->status == PG_EXITED)
		sync_commit(sim, event->a, event->b);
}

static void
session_open(struct sim *sim, struct event *event)
{
	struct pg *pg = &sim->pg[event->a];
	struct client *session = &pg->sessions[event->b];

	if (session->open || session->number != event->x || sim->writers_off)
		return;
	if (!pg_accepts(pg) || pg->status != PG_PRIMARY || pg->closed) {
		session_later(sim, event->a, event->b, PGAF_MSEC(100), session_open);
		return;
	}
	session->open = true;
	session->number = ++sim->next_id;
	check_opened(sim, event->a);
	session_later(sim, event->a, event->b, rng_between(&sim->clients, 0, PGAF_MSEC(20)),
	              session_commit);
}

void
clients_wake(struct sim *sim, pgaf_node_id node)
{
	for (uint32_t i = 0; i < sim->story.sessions; i++)
		session_later(sim, node, i,
		              rng_between(&sim->clients, PGAF_USEC(100), PGAF_MSEC(60)),
		              session_open);
}

void
clients_cut(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	/* Who waits for a standby ends with a warning: that is no acknowledgement. */
	pg->waiter_count = 0;
	for (uint32_t i = 0; i < sim->story.sessions; i++) {
		pg->sessions[i].open = false;
		pg->sessions[i].number = ++sim->next_id;
		if (pg->status == PG_PRIMARY)
			session_later(sim, node, i,
			              rng_between(&sim->clients, PGAF_MSEC(5), PGAF_MSEC(100)),
			              session_open);
	}
}

void
client_acknowledged(struct sim *sim, pgaf_node_id node, uint32_t session, pgaf_lsn lsn)
{
	if (session >= SESSIONS_MAX)
		return;

	struct pg *pg = &sim->pg[node];
	struct position at = {.branch = pg->at.branch, .lsn = lsn};

	sim->counts.acknowledged++;
	check_acknowledged(sim, node, at, check_counts(sim, node));
	if (pg->sessions[session].open && !sim->writers_off)
		session_later(sim, node, session,
		              rng_between(&sim->clients, PGAF_MSEC(2),
		                          sim->quiet ? PGAF_MSEC(900) : PGAF_MSEC(120)),
		              session_commit);
}
