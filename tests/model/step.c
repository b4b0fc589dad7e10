/* SPDX-License-Identifier: PostgreSQL */
/*
 * The steps of core/steps.h on the model's PostgreSQL, in as many stages as a
 * crash, a cut link or another process may fall between.
 */
#include <stdio.h>
#include <string.h>

#include "model/model.h"

static bool
ends(struct step_result *result, enum step_outcome outcome, const char *text)
{
	result->outcome = outcome;
	snprintf(result->text, sizeof(result->text), "%s", text);
	return true;
}

/* ---- start and stop ----------------------------------------------------- */

static void
begin(struct m_state *s, unsigned node, enum pg_status status)
{
	struct m_pg *pg = &s->pg[node];

	pg->status = (uint8_t)status;
	pg->restarted = 1;
	pg->clean = 0;
	pg->complete = status == PG_PRIMARY;
	pg->waits = pg->file.required > 0;
}

static bool
step_start(struct m_state *s, unsigned node, struct step_result *result)
{
	enum pg_status wanted = result->step == STEP_START_PRIMARY ? PG_PRIMARY : PG_STANDBY;
	struct m_pg *pg = &s->pg[node];

	if (pg->status == wanted)
		return ends(result, STEP_DONE, "");
	if (pg->status != PG_STOPPED)
		return ends(result, STEP_FAILED, "it runs, or is not whole");
	begin(s, node, wanted);
	return ends(result, STEP_DONE, "");
}

/* A clean stop waits until connected standbys have all of it. */
static void
stop_cleanly(struct m_state *s, unsigned node)
{
	struct m_pg *pg = &s->pg[node];
	bool primary = pg->status == PG_PRIMARY;

	if (primary)
		pg->lsn = (uint8_t)wal_next(s);
	for (unsigned i = 0; primary && i < run.nodes; i++) {
		if (!pg->sender[i].used || !both_open(s, node + 1, i + 1))
			continue;
		s->pg[i].lsn = pg->lsn;
		s->pg[i].branch = pg->branch;
	}
	pg_end(s, node, PG_STOPPED);
	pg->clean = primary;
}

static bool
step_stop(struct m_state *s, unsigned node, struct step_result *result)
{
	struct m_pg *pg = &s->pg[node];
	bool at_once = result->step == STEP_STOP_IMMEDIATE || result->step == STEP_REAP;

	if (pg_runs(pg) && result->step == STEP_REAP)
		return ends(result, STEP_FAILED, "its postmaster runs");
	for (unsigned i = 0; i < run.nodes; i++)
		at_once |= pg->sender[i].used && !both_open(s, node + 1, i + 1);
	if (pg_runs(pg) && !at_once)
		stop_cleanly(s, node);
	else if (pg->status != PG_ABSENT && pg->status != PG_STOPPED)
		pg_end(s, node, PG_STOPPED);
	result->lsn = pg->lsn;
	result->clean = pg->clean;
	result->timeline = wal_timeline(s, pg->branch);
	return ends(result, STEP_DONE, "");
}

static bool
step_fence(struct m_state *s, unsigned node, struct step_result *result)
{
	struct m_pg *pg = &s->pg[node];

	if (pg->status == PG_ABSENT)
		return ends(result, STEP_FAILED, "there is no data directory");
	pg_end(s, node, PG_STOPPED);
	pg->upstream = pg->admission = 0;
	begin(s, node, PG_STANDBY);
	return ends(result, STEP_DONE, "");
}

/* ---- against another node ----------------------------------------------- */

static struct m_pg *
upstream_of(struct m_state *s, unsigned node)
{
	unsigned upstream = s->keeper[node].order.upstream;

	if (upstream == 0 || !pg_runs(&s->pg[upstream - 1]) || !both_open(s, node + 1, upstream))
		return NULL;
	return &s->pg[upstream - 1];
}

static bool
step_follow(struct m_state *s, unsigned node, struct step_result *result)
{
	struct m_pg *pg = &s->pg[node];
	const struct m_goal *goal = &s->keeper[node].order;

	if (pg->status != PG_STANDBY && pg->status != PG_STOPPED)
		return ends(result, STEP_FAILED, "it is no standby");
	if (pg->upstream != goal->upstream || pg->admission != goal->admission)
		pg_disconnect(s, node);
	pg->upstream = goal->upstream;
	pg->admission = goal->admission;
	return ends(result, STEP_DONE, "");
}

/* A standby's own file: nobody waits on it before it is promoted. */
static bool
step_rest(struct m_state *s, unsigned node, struct step_result *result)
{
	struct m_pg *pg = &s->pg[node];

	if (pg->status != PG_STANDBY)
		return ends(result, STEP_FAILED, "it is not a standby that answers");
	if (run.sync == 0)
		pg->file = (struct m_set){0};
	else if (pg->file.required == 0)
		pg->file = (struct m_set){.required = 1};
	return ends(result, STEP_DONE, "");
}

static bool
step_prove(struct m_state *s, unsigned node, struct step_result *result)
{
	const struct m_pg *pg = &s->pg[node];
	const struct m_pg *from = upstream_of(s, node);

	if (run.brk == BREAK_HISTORY)
		return ends(result, STEP_DONE, "");
	if (from == NULL)
		return ends(result, STEP_FAILED, "the upstream cannot be reached");
	if (pg->status == PG_STANDBY && !pg->complete)
		return ends(result, STEP_FAILED, "its end of WAL is not known yet");
	if (wal_contains(s, from->branch, from->lsn, pg->branch, pg->lsn))
		return ends(result, STEP_DONE, "");
	return ends(result, STEP_DIVERGED, "");
}

static void
copy_position(struct m_pg *pg, const struct m_pg *from)
{
	pg->branch = from->branch;
	pg->lsn = from->lsn;
	pg->disk_branch = from->disk_branch;
	pg->unfinished = 0;
	pg->status = PG_STOPPED;
	pg->upstream = pg->admission = 0;
	pg->file = from->file;
}

/* Stage 0 touches the directory, stage 1 completes it. */
static bool
step_copy(struct m_state *s, unsigned node, struct step_result *result)
{
	struct m_pg *pg = &s->pg[node];
	const struct m_pg *from = upstream_of(s, node);

	if (from == NULL || from->status != PG_PRIMARY)
		return ends(result, STEP_FAILED, "the upstream cannot be reached as a primary");
	if (pg_runs(pg) || pg->status == PG_EXITED)
		return ends(result, STEP_FAILED, "it runs");
	if (result->step == STEP_REWIND && s->keeper[node].stage == 0) {
		/* Trap 10: before the checkpoint pg_rewind finds nothing to do, and says so. */
		if (from->disk_branch != from->branch)
			return ends(result, STEP_DONE, "");
		if (pg->unfinished)
			return ends(result, STEP_DIVERGED, "it is not whole");
	}
	if (s->keeper[node].stage == 0) {
		s->keeper[node].stage = 1;
		pg->unfinished = 1;
		return false;
	}
	copy_position(pg, from);
	return ends(result, STEP_DONE, "");
}

/* ---- the primary's ------------------------------------------------------ */

static bool
step_promote(struct m_state *s, unsigned node, struct step_result *result)
{
	struct m_keeper *k = &s->keeper[node];
	struct m_pg *pg = &s->pg[node];
	unsigned timeline = wal_timeline(s, pg->branch);

	if (pg->status == PG_PRIMARY) {
		if (run.brk == BREAK_LATE && k->stage == 1) {
			k->stage = 2;
			return false;
		}
		if (run.brk == BREAK_LATE)
			pg_write_set(s, node, &k->order.set);
		result->timeline = timeline;
		return ends(result, timeline == k->order.timeline ? STEP_DONE : STEP_WRONG_TIMELINE,
		            "");
	}
	if (pg->status != PG_STANDBY)
		return ends(result, STEP_FAILED, "it is not a standby that answers");
	if (k->stage == 1)
		return false;
	if (!pg->complete && run.brk != BREAK_COMPLETE)
		return ends(result, STEP_FAILED, "its end of WAL is not known yet");
	if (pg->lsn < k->order.min_lsn)
		return ends(result, STEP_REFUSED, "it does not hold enough");
	if (run.brk != BREAK_LATE)
		pg_write_set(s, node, &k->order.set);
	pg->waits = pg->file.required > 0;
	pg->promote = k->order.timeline;
	k->stage = 1;
	return false;
}

static bool
step_settle(struct m_state *s, unsigned node, struct step_result *result)
{
	if (s->pg[node].status != PG_PRIMARY)
		return ends(result, STEP_FAILED, "it is not open for writes");
	s->pg[node].disk_branch = s->pg[node].branch;
	return ends(result, STEP_DONE, "");
}

enum apply_stage { APPLY_BEGIN, APPLY_FENCED, APPLY_WRITTEN, APPLY_BARRIER };

/* Walsenders that existed before the set are gone or past the barrier, members are past it. */
static bool
barrier_is_passed(struct m_state *s, unsigned node)
{
	const struct m_keeper *k = &s->keeper[node];
	struct m_pg *pg = &s->pg[node];
	unsigned past = 0;

	for (unsigned i = 0; i < run.nodes; i++) {
		struct m_sender *sender = &pg->sender[i];
		bool member = (k->order.set.members >> i & 1U) != 0 &&
		              k->order.set.admission[i] == sender->admission;

		if (!sender->used)
			continue;
		/* It took the new set before it confirmed the barrier, sent after it. */
		if (sender->flush >= k->barrier && sender->old)
			sender->set = pg->file;
		if (sender->flush >= k->barrier)
			past += member;
		else if (sender->old && member)
			return false;
		else if (sender->old)
			pg_disconnect(s, i);
	}
	return past >= k->order.set.required;
}

static bool
step_apply(struct m_state *s, unsigned node, struct step_result *result)
{
	static const struct m_set fence = {.required = 1};
	struct m_keeper *k = &s->keeper[node];
	struct m_pg *pg = &s->pg[node];

	if (pg->status != PG_PRIMARY || pg->restarted)
		return ends(result, STEP_FAILED, "it is not open for writes, or was restarted");
	result->timeline = wal_timeline(s, pg->branch);
	switch ((enum apply_stage)k->stage) {
	case APPLY_BEGIN:
		if (k->order.set.required > 0 && k->order_async && run.brk != BREAK_FORCE) {
			pg_write_set(s, node, &fence);
			k->stage = APPLY_FENCED;
			return false;
		}
		break;
	case APPLY_FENCED:
		if (!pg->waits || pg->poisoned)
			return false; /* its own commit is not held yet */
		break;
	case APPLY_WRITTEN:
		pg->lsn = k->barrier = (uint8_t)wal_next(s);
		k->stage = APPLY_BARRIER;
		return false;
	case APPLY_BARRIER:
		if (!barrier_is_passed(s, node))
			return false;
		result->lsn = k->barrier;
		return ends(result, STEP_DONE, "");
	}
	pg_write_set(s, node, &k->order.set);
	k->stage = APPLY_WRITTEN;
	if (k->order.set.required == 0 || run.brk == BREAK_FORCE)
		return ends(result, STEP_DONE, "");
	return false;
}

/* ---- all of them -------------------------------------------------------- */

bool
step_go(struct m_state *s, unsigned node, struct step_result *result)
{
	switch (result->step) {
	case STEP_START_PRIMARY:
	case STEP_START_STANDBY:
		return step_start(s, node, result);
	case STEP_STOP:
	case STEP_STOP_IMMEDIATE:
	case STEP_REAP:
	case STEP_HAND_OVER:
		return step_stop(s, node, result);
	case STEP_FENCE:
		return step_fence(s, node, result);
	case STEP_FOLLOW:
		return step_follow(s, node, result);
	case STEP_REST:
		return step_rest(s, node, result);
	case STEP_PROVE_HISTORY:
		return step_prove(s, node, result);
	case STEP_REWIND:
	case STEP_CLONE:
		return step_copy(s, node, result);
	case STEP_PROMOTE:
		return step_promote(s, node, result);
	case STEP_SETTLE:
		return step_settle(s, node, result);
	case STEP_APPLY_SET:
		return step_apply(s, node, result);
	case STEP_CONFIGURE:
	case STEP_ROLES:
	case STEP_SLOTS:
	case STEP_KEEP_WAL:
	case STEP_KEEP_STANDBY:
	case STEP_CUT_CLIENTS:
	case STEP_OPEN: /* clients get in with every start, as with --skip-pg-hba */
		return ends(result, STEP_DONE, "");
	case STEP_DETACH:
	case STEP_INITDB:
	case STEP_ADOPT:
	case STEP_NONE:
	case STEP_NOTE:
	case STEP_CLAIM:
	case STEP_COUNT:
		break;
	}
	return ends(result, STEP_REFUSED, "the model does not know this step");
}
