/* SPDX-License-Identifier: PostgreSQL */
/*
 * Synchronous commit as PostgreSQL does it: backends wait when the
 * checkpointer's flag says so and their position is not released yet; each
 * walsender releases by its own copy of synchronous_standby_names, which it
 * takes at a time of its own (traps 5 and 8). The released position never goes
 * back while the server runs (trap 1).
 */

#include "sim/sim.h"

static void
acknowledge_up_to(struct sim *sim, pgaf_node_id node, pgaf_lsn released)
{
	struct pg *pg = &sim->pg[node];
	uint32_t kept = 0;

	for (uint32_t i = 0; i < pg->waiter_count; i++) {
		struct waiter waiter = pg->waiters[i];

		if (waiter.lsn > released)
			pg->waiters[kept++] = waiter;
		else
			client_acknowledged(sim, node, waiter.session, waiter.lsn);
	}
	pg->waiter_count = kept;
}

/* The flush position that `required` of the listed walsenders have reached; 0 = none. */
static pgaf_lsn
quorum_position(const struct pg *pg, const struct sync_set *set)
{
	pgaf_lsn sorted[WALSENDERS_MAX];
	uint32_t count = 0;

	for (int i = 0; i < WALSENDERS_MAX; i++) {
		const struct walsender *sender = &pg->senders[i];

		if (!sender->used || !sender->streaming ||
		    !sync_set_has(&sender->set, sender->standby, sender->admission))
			continue;

		uint32_t at = count++;

		for (; at > 0 && sorted[at - 1] < sender->flush; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = sender->flush;
	}
	return set->required > 0 && count >= set->required ? sorted[set->required - 1] : 0;
}

void
sync_release(struct sim *sim, pgaf_node_id node, const struct walsender *sender)
{
	struct pg *pg = &sim->pg[node];

	if (pg->status != PG_PRIMARY && pg->status != PG_STOPPING)
		return;
	if (!sync_set_has(&sender->set, sender->standby, sender->admission))
		return;

	pgaf_lsn position = quorum_position(pg, &sender->set);

	if (position <= pg->released)
		return;
	pg->released = position;
	acknowledge_up_to(sim, node, position);
}

static void
sender_takes(struct sim *sim, struct event *event)
{
	struct pg *pg = &sim->pg[event->a];

	for (int i = 0; i < WALSENDERS_MAX; i++) {
		struct walsender *sender = &pg->senders[i];

		if (sender->used && sender->id == event->x && sender->takes_at <= sim->now)
			sync_take(sim, event->a, sender);
	}
	stream_pump(sim, event->a);
}

void
sync_take(struct sim *sim, pgaf_node_id node, struct walsender *sender)
{
	struct pg *pg = &sim->pg[node];

	sender->takes_at = 0;
	sender->set = pg->shown;
	sender->set_serial = pg->shown_serial;
	/* The main loop re-evaluates after it has read the configuration. */
	sync_release(sim, node, sender);
}

static void
checkpointer_takes(struct sim *sim, struct event *event)
{
	struct pg *pg = &sim->pg[event->a];

	if (event->x != pg->shown_serial)
		return; /* a newer reload is on its way to it */
	pg->flag = pg->shown.required > 0 && sim->brk != BREAK_FORCE;
	if (!pg->flag)
		acknowledge_up_to(sim, event->a, UINT64_MAX);
}

/* The postmaster reads the file and signals its children. */
static void
postmaster_reads(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;
	struct pg *pg = &sim->pg[node];

	if (!pg->postmaster || event->x < pg->shown_serial)
		return;
	if (pg->postmaster_frozen) {
		struct event *again = sim_after(sim, &pg->proc, PGAF_MSEC(100), postmaster_reads);

		again->a = node;
		again->x = event->x;
		return;
	}
	pg->shown = pg->file;
	pg->shown_serial = event->x;
	sync_names_changed(sim, node);
}

void
sync_names_changed(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	for (int i = 0; i < WALSENDERS_MAX; i++) {
		struct walsender *sender = &pg->senders[i];
		struct event *event;

		if (!sender->used)
			continue;

		/* Now and then one is not scheduled for long. */
		pgaf_time delay = rng_tailed(&sim->postgres, PGAF_USEC(500),
		                             rng_once_in(&sim->postgres, 50) ? PGAF_SECONDS(2)
		                                                             : PGAF_MSEC(20));

		sender->takes_at = sim->now + delay;
		event = sim_after(sim, &pg->proc, delay, sender_takes);
		event->a = node;
		event->x = sender->id;
	}

	pgaf_time busy =
		pg->checkpointer_busy_until > sim->now ? pg->checkpointer_busy_until - sim->now : 0;
	struct event *event = sim_after(
		sim, &pg->proc, busy + rng_tailed(&sim->postgres, PGAF_MSEC(1), PGAF_MSEC(500)),
		checkpointer_takes);

	event->a = node;
	event->x = pg->shown_serial;
}

void
pg_set_names(struct sim *sim, pgaf_node_id node, const struct sync_set *set)
{
	sim->pg[node].file = *set;
}

void
pg_reload(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	pg->reload_serial = ++sim->next_id;
	if (!pg->postmaster)
		return;

	struct event *event =
		sim_after(sim, &pg->proc, rng_tailed(&sim->postgres, PGAF_USEC(800), PGAF_MSEC(30)),
	                  postmaster_reads);

	event->a = node;
	event->x = pg->reload_serial;
}

/* ---- commits --------------------------------------------------------------------- */

static void
commit_flushed(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;
	struct pg *pg = &sim->pg[node];
	pgaf_lsn lsn = event->x;

	if (pg->status != PG_PRIMARY && pg->status != PG_EXITED)
		return;
	/* WAL that cannot be written is a panic, which ends the instance (restart_after_crash). */
	if (pg->flush < lsn && pg_disk_is_full(sim, node)) {
		pg_crash_postmaster(sim, node, true);
		return;
	}
	if (pg->flush < lsn) {
		pg->flush = lsn;
		sim->branches[pg->at.branch].end = lsn;
		stream_pump(sim, node);
	}
	if (event->b < SESSIONS_MAX &&
	    (!pg->sessions[event->b].open || pg->sessions[event->b].number != event->y))
		return; /* its session ended before the wait */
	if (!pg->flag || lsn <= pg->released)
		client_acknowledged(sim, node, event->b, lsn);
	else if (pg->status == PG_PRIMARY && pg->waiter_count < WAITERS_MAX)
		pg->waiters[pg->waiter_count++] =
			(struct waiter){.lsn = lsn, .session = event->b, .since = sim->now};
}

pgaf_lsn
sync_commit(struct sim *sim, pgaf_node_id node, uint32_t session)
{
	struct pg *pg = &sim->pg[node];
	struct event *event;

	pg->at.lsn += 64 + rng_below(&sim->clients, 2000) / 8 * 8;
	event = sim_after(sim, &pg->proc, pg_disk(sim, node, PGAF_USEC(400)), commit_flushed);
	event->a = node;
	event->b = session;
	event->x = pg->at.lsn;
	event->y = session < SESSIONS_MAX ? pg->sessions[session].number : 0;
	return pg->at.lsn;
}

bool
sync_keeper_waits(const struct sim *sim, pgaf_node_id node, pgaf_lsn lsn)
{
	const struct pg *pg = &sim->pg[node];

	for (uint32_t i = 0; i < pg->waiter_count; i++)
		if (pg->waiters[i].session == SESSIONS_MAX && pg->waiters[i].lsn == lsn)
			return true;
	return false;
}
