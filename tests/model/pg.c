/* SPDX-License-Identifier: PostgreSQL */
/*
 * PostgreSQL as far as it matters: streaming, synchronous commit with the
 * checkpointer's delay and each walsender's own copy of the set, promotion
 * that is requested at one time and happens at another.
 */
#include <assert.h>

#include <string.h>

#include "model/model.h"

/* ---- ends and beginnings ------------------------------------------------ */

void
pg_disconnect(struct m_state *s, unsigned standby)
{
	s->pg[standby].streaming = 0;
	for (unsigned i = 0; i < run.nodes; i++)
		memset(&s->pg[i].sender[standby], 0, sizeof(s->pg[i].sender[standby]));
}

/* Its processes are gone; what is in memory goes with them. */
void
pg_end(struct m_state *s, unsigned node, enum pg_status status)
{
	struct m_pg *pg = &s->pg[node];

	for (unsigned i = 0; i < run.nodes; i++)
		if (pg->sender[i].used)
			pg_disconnect(s, i);
	pg_disconnect(s, node);
	pg->status = (uint8_t)status;
	pg->clean = 0;
	pg->restarted = 0;
	pg->complete = 0;
	pg->promote = 0;
	pg->waits = 0;
	pg->poisoned = 0;
	pg->waiter = 0;
}

/* Written with fsync, read by the postmaster and signalled to all its children. */
void
pg_write_set(struct m_state *s, unsigned node, const struct m_set *set)
{
	struct m_pg *pg = &s->pg[node];

	pg->file = *set;
	for (unsigned i = 0; i < run.nodes; i++)
		pg->sender[i].old = pg->sender[i].used;
}

/* ---- commits ------------------------------------------------------------ */

static void
acknowledge(struct m_state *s, unsigned node)
{
	tell("position %u is acknowledged to the client; ", s->pg[node].waiter);
	check_acknowledged(s, node, s->pg[node].waiter);
	s->pg[node].waiter = 0;
}

/* A walsender works out by its own copy of the set how far commits are confirmed. */
static void
release(struct m_state *s, unsigned node, unsigned sender)
{
	struct m_pg *pg = &s->pg[node];
	unsigned count = 0;

	assert(sender < NODES_MOST);
	const struct m_set *set = &pg->sender[sender].set;
	if (pg->waiter == 0 || set->required == 0 || (set->members >> sender & 1U) == 0 ||
	    set->admission[sender] != pg->sender[sender].admission)
		return;
	for (unsigned i = 0; i < run.nodes; i++)
		count += pg->sender[i].used && (set->members >> i & 1U) != 0 &&
		         set->admission[i] == pg->sender[i].admission &&
		         pg->sender[i].flush >= pg->waiter;
	if (count >= set->required)
		acknowledge(s, node);
}

bool
pg_commits(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_pg *pg = &s->pg[node];

	(void)variant;
	if (pg->status != PG_PRIMARY || pg->waiter != 0 || s->world.commits == 0)
		return false;
	s->world.commits--;
	pg->waiter = pg->lsn = (uint8_t)wal_next(s);
	if (!pg->waits || pg->poisoned)
		acknowledge(s, node);
	return true;
}

/* The client is told that its commit may not be on any standby: no acknowledgement. */
bool
pg_cancels(struct m_state *s, unsigned node, unsigned variant)
{
	(void)variant;
	if (s->pg[node].waiter == 0 || s->world.cancels == 0)
		return false;
	s->world.cancels--;
	s->pg[node].waiter = 0;
	return true;
}

bool
pg_sender_takes(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_pg *pg = &s->pg[node];

	if (variant == 0 || variant > run.nodes || !pg->sender[variant - 1].used ||
	    set_same(&pg->sender[variant - 1].set, &pg->file))
		return false;
	pg->sender[variant - 1].set = pg->file;
	release(s, node, variant - 1);
	return true;
}

bool
pg_checkpointer_takes(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_pg *pg = &s->pg[node];
	bool waits = pg->file.required > 0;

	(void)variant;
	if (pg->status != PG_PRIMARY || pg->waits == waits)
		return false;
	pg->waits = waits;
	if (!waits && pg->waiter != 0)
		acknowledge(s, node);
	return true;
}

/* ---- streaming ---------------------------------------------------------- */

/* The walreceiver's reply, where it gets through. */
bool
pg_replies(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_pg *pg = &s->pg[node];
	struct m_sender *sender;

	(void)variant;
	if (!pg->streaming || !link_open(s, node + 1, pg->upstream))
		return false;
	sender = &s->pg[pg->upstream - 1].sender[node];
	if (sender->flush == pg->lsn)
		return false;
	sender->flush = pg->lsn;
	release(s, pg->upstream - 1u, node);
	return true;
}

/* One position, flushed and confirmed at once. */
bool
pg_receives(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_pg *pg = &s->pg[node];
	const struct m_pg *from;

	if (!pg->streaming || !link_open(s, pg->upstream, node + 1))
		return false;
	from = &s->pg[pg->upstream - 1];
	if (pg->lsn >= from->lsn)
		return false;
	pg->lsn++;
	pg->branch = (uint8_t)wal_branch_at(s, from->branch, pg->lsn);
	pg_replies(s, node, variant);
	return true;
}

bool
pg_connects(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_pg *pg = &s->pg[node];
	struct m_pg *from;

	(void)variant;
	if (pg->status != PG_STANDBY || pg->streaming || pg->upstream == 0 || !pg->complete)
		return false;
	from = &s->pg[pg->upstream - 1];
	if (!pg_runs(from) || !both_open(s, node + 1, pg->upstream))
		return false;
	if (!wal_contains(s, from->branch, from->lsn, pg->branch, pg->lsn)) {
		/* Refused by the upstream, unless an older segment lets it in (trap 1). */
		if (pg->lsn > from->lsn || pg->admission == 0)
			return false;
		violate("TIMELINE", "node%u attaches to node%u, whose history is another",
		        name_of(node), name_of(pg->upstream - 1U));
		return true;
	}
	pg->streaming = 1;
	from->sender[node] = (struct m_sender){
		.used = 1,
		.admission = pg->admission,
		.flush = pg->lsn,
		.set = from->file,
	};
	release(s, pg->upstream - 1u, node);
	return true;
}

bool
pg_times_out(struct m_state *s, unsigned node, unsigned variant)
{
	(void)variant;
	if (!s->pg[node].streaming || both_open(s, node + 1, s->pg[node].upstream))
		return false;
	pg_disconnect(s, node);
	return true;
}

bool
pg_reads_all(struct m_state *s, unsigned node, unsigned variant)
{
	(void)variant;
	if (s->pg[node].status != PG_STANDBY || s->pg[node].complete)
		return false;
	s->pg[node].complete = 1;
	return true;
}

bool
pg_promoted(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_pg *pg = &s->pg[node];

	(void)variant;
	if (pg->promote == 0 || pg->status != PG_STANDBY)
		return false;
	check_promoted(s, node);
	pg_disconnect(s, node);
	wal_fork(s, node, pg->promote);
	pg->status = PG_PRIMARY;
	pg->promote = 0;
	pg->complete = 1;
	pg->clean = 0;
	tell("it runs on timeline %u; ", wal_timeline(s, pg->branch));
	return true;
}
