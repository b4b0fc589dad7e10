/* SPDX-License-Identifier: PostgreSQL */
/*
 * The steps of core/steps.h on the model PostgreSQL. A step is a function that
 * is called again after the delay it returns, so a crash, a freeze or a
 * cancellation falls between any two of its stages.
 */

#include <stdio.h>

#include "sim/sim.h"
#include "sim/steps.h"

static void
step_call(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;
	struct run_step *run = &sim->keep[node].step;
	pgaf_time again;

	if (!run->active || run->serial != event->x)
		return;
	again = step_advance(sim, node, run);
	if (again >= 0) {
		struct event *next = sim_after(sim, &sim->keep[node].proc, again, step_call);

		next->a = node;
		next->x = run->serial;
		return;
	}

	struct step_result result = run->result;

	run->active = false;
	result.ms = (uint32_t)((sim->now - run->began) / PGAF_MSEC(1));
	if (result.outcome != STEP_DONE || result.ms > 1000)
		TRACE(sim, host_name(node), "keeper > %s: outcome %d after %u ms %s",
		      step_name(result.step), (int)result.outcome, result.ms, result.text);
	keep_step_result(sim, node, &result);
}

void
keep_step(void *world, const struct step_order *order)
{
	struct keeper_world *keeper = world;
	struct sim *sim = keeper->sim;
	struct run_step *run = &sim->keep[keeper->node].step;
	struct event *event;

	TRACE(sim, host_name(keeper->node), "keeper > begins %s", step_name(order->step));
	if (order->step == STEP_STOP)
		check_stop(sim, keeper->node, &order->goal);
	*run = (struct run_step){
		.active = true,
		.serial = ++sim->next_id,
		.order = *order,
		.began = sim->now,
		.result = {.number = order->number, .step = order->step},
	};
	event = sim_after(sim, &sim->keep[keeper->node].proc,
	                  rng_tailed(&sim->rng, PGAF_USEC(300), PGAF_MSEC(20)), step_call);
	event->a = keeper->node;
	event->x = run->serial;
}

void
keep_step_cancel(void *world)
{
	struct keeper_world *keeper = world;

	keeper->sim->keep[keeper->node].step.active = false;
}

/* ---- outcomes ------------------------------------------------------------------------- */

pgaf_time
step_ends(struct run_step *run, enum step_outcome outcome, const char *text)
{
	run->result.outcome = outcome;
	snprintf(run->result.text, sizeof run->result.text, "%s", text);
	return STEP_OVER;
}

bool
step_reaches(const struct sim *sim, pgaf_node_id node, pgaf_node_id upstream)
{
	return upstream != 0 && net_is_open(sim, node, upstream) && pg_accepts(&sim->pg[upstream]);
}

/* ---- small steps ---------------------------------------------------------------------------- */

static pgaf_time
step_initdb(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	if (sim->pg[node].has_data)
		return step_ends(run, STEP_DONE, "");
	if (run->stage++ == 0)
		return rng_between(&sim->rng, PGAF_MSEC(400), PGAF_MSEC(1500));
	pg_initdb(sim, node);
	return step_ends(run, STEP_DONE, "");
}

static pgaf_time
step_brief(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	struct pg *pg = &sim->pg[node];

	if (run->stage++ == 0)
		return pg_disk(sim, node, PGAF_MSEC(3));
	if (run->order.step == STEP_CONFIGURE)
		pg_reload(sim, node);
	if (run->order.step == STEP_KEEP_STANDBY && pg->has_data && !pg->postmaster)
		pg->standby_signal = true;
	if (run->order.step == STEP_ROLES && pg->status != PG_PRIMARY)
		return step_ends(run, STEP_FAILED, "it is not open for writes");
	if (run->order.step == STEP_KEEP_WAL && sim->brk != BREAK_KEEP)
		pg->kept = pg_end(pg);
	if (run->order.step == STEP_SLOTS)
		slots_make(sim, node);
	if (run->order.step == STEP_CUT_CLIENTS)
		clients_cut(sim, node);
	return step_ends(run, STEP_DONE, "");
}

static pgaf_time
step_start(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	struct pg *pg = &sim->pg[node];
	bool primary = run->order.step == STEP_START_PRIMARY;
	enum pg_status wanted = primary ? PG_PRIMARY : PG_STANDBY;

	if (pg->postmaster && pg->status == wanted)
		return step_ends(run, STEP_DONE, "");
	if (run->stage == 0) {
		if (pg->postmaster && pg->status != PG_STARTING)
			return step_ends(run, STEP_FAILED, "it runs, but not so");
		if (!pg->has_data)
			return step_ends(run, STEP_FAILED, "there is no data directory");
		run->stage = 1;
		if (!pg->postmaster) {
			if (primary || sim->brk != BREAK_SIGNAL)
				pg->standby_signal = !primary;
			pg->closed = primary;
			pg_start(sim, node);
		}
		return PGAF_MSEC(5);
	}
	if (!pg->postmaster)
		return step_ends(run, STEP_FAILED, "it ended while it was starting");
	if (sim->now - run->began > PGAF_SECONDS(60))
		return step_ends(run, STEP_FAILED, "it does not come up");
	return PGAF_MSEC(5);
}

/* The files, then the reload, which may come after the keeper has died. */
static pgaf_time
step_open(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	struct pg *pg = &sim->pg[node];

	if (!pg->postmaster || pg->status != PG_PRIMARY)
		return step_ends(run, STEP_FAILED, "it is not open for writes");
	if (run->stage++ == 0)
		return pg_disk(sim, node, PGAF_MSEC(3));
	if (pg->postmaster_frozen)
		return PGAF_MSEC(5);
	if (pg->closed)
		pg_let_in(sim, node);
	return step_ends(run, STEP_DONE, "");
}

static pgaf_time
step_stop_result(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	const struct pg *pg = &sim->pg[node];

	run->result.lsn = pg->flush;
	run->result.clean = pg->clean;
	run->result.timeline = pg_timeline(sim, pg);
	return step_ends(run, STEP_DONE, "");
}

static pgaf_time
step_stop(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	struct pg *pg = &sim->pg[node];

	if (sim->brk == BREAK_DEMOTE && run->order.goal.state == PGAF_STATE_DEMOTED)
		return step_stop_result(sim, node, run);
	if (run->stage == 0) {
		run->stage = 1;
		run->limit = run->order.stop_budget != 0 ? run->order.stop_budget
		                                         : run->order.settings.fast_stop_limit;
		if (run->order.step == STEP_STOP)
			pg_stop_clean(sim, node);
		return PGAF_MSEC(3);
	}
	if (run->order.step == STEP_REAP) {
		if (pg->postmaster)
			return step_ends(run, STEP_FAILED, "its postmaster runs");
		pg_reap(sim, node);
	} else if (run->order.step == STEP_STOP_IMMEDIATE || sim->now - run->began > run->limit) {
		pg_stop_now(sim, node, false);
	}
	return pg->proc.alive ? PGAF_MSEC(3) : step_stop_result(sim, node, run);
}

static pgaf_time
step_hand_over(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	struct pg *pg = &sim->pg[node];

	if (sim->brk == BREAK_DEMOTE)
		return PGAF_MSEC(20);
	if (!pg->proc.alive)
		return step_stop_result(sim, node, run);
	switch (run->stage++) {
	case 0: /* two checkpoints while clients go on */
		return pg_disk(sim, node, PGAF_MSEC(20));
	case 1:
		pg_checkpoint(sim, node);
		run->limit = sim->now + (run->order.stop_budget != 0
		                                 ? run->order.stop_budget
		                                 : run->order.settings.handover_limit);
		if (pg->status == PG_EXITED)
			pg_reap(sim, node);
		else
			pg_stop_clean(sim, node);
		return PGAF_MSEC(3);
	default:
		if (sim->now > run->limit)
			pg_stop_now(sim, node, false);
		return PGAF_MSEC(3);
	}
}

static pgaf_time
step_detach(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	struct pg *pg = &sim->pg[node];

	if (pg->status != PG_STANDBY)
		return step_ends(run, STEP_FAILED, "it is not a standby that answers");
	if (run->stage == 0) {
		run->stage = 1;
		pg->upstream = 0;
		pg->admission = 0;
		return rng_tailed(&sim->rng, PGAF_MSEC(4), PGAF_MSEC(60));
	}
	stream_end_receiver(sim, node);
	if (!pg->local_wal_read)
		return PGAF_MSEC(10);
	run->result.lsn = pg->flush;
	run->result.timeline = pg_timeline(sim, pg);
	return step_ends(run, STEP_DONE, "");
}

/* Where commits must always wait, no node ever comes up without names (14). */
static void
follow_configure(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	static const struct sync_set fence = {.required = 1};
	struct pg *pg = &sim->pg[node];

	if (run->order.settings.number_sync > 0 && pg->file.required == 0 && sim->brk != BREAK_LATE)
		pg_set_names(sim, node, &fence);
	pg_reload(sim, node);
	pg_follow(sim, node, run->order.goal.upstream, run->order.goal.admission);
}

static pgaf_time
step_follow(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	struct pg *pg = &sim->pg[node];

	if (!pg->has_data || pg->status == PG_PRIMARY)
		return step_ends(run, STEP_FAILED, "it is no standby");
	switch (run->stage++) {
	case 0:
		return pg_disk(sim, node, PGAF_MSEC(2));
	case 1:
		if (pg->upstream != run->order.goal.upstream ||
		    pg->admission != run->order.goal.admission)
			follow_configure(sim, node, run);
		return pg->postmaster ? PGAF_MSEC(20) : step_ends(run, STEP_DONE, "");
	default:
		if (pg->receiver.streaming && pg->receiver.admission == run->order.goal.admission)
			return step_ends(run, STEP_DONE, "");
		if (sim->now - run->began > PGAF_SECONDS(6))
			return step_ends(run, pg->wal_gone ? STEP_REFUSED : STEP_FAILED,
			                 "it does not stream from there");
		return PGAF_MSEC(20);
	}
}

/* ---- against another node -------------------------------------------------------------------- */

static pgaf_time
step_prove(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	const struct pg *pg = &sim->pg[node];
	pgaf_node_id upstream = run->order.goal.upstream;

	if (run->stage++ == 0)
		return net_delay(sim) * 4 + PGAF_MSEC(2);
	if (sim->brk == BREAK_HISTORY)
		return step_ends(run, STEP_DONE, "");
	if (!step_reaches(sim, node, upstream))
		return step_ends(run, STEP_FAILED, "the upstream cannot be reached");
	if (pg->postmaster && !pg->local_wal_read)
		return step_ends(run, STEP_FAILED, "its end of WAL is not known yet");
	if (pg->system_identifier != sim->pg[upstream].system_identifier)
		return step_ends(run, STEP_REFUSED, "another system identifier");
	if (wal_contains(sim, pg_end(&sim->pg[upstream]), pg_end(pg)))
		return step_ends(run, STEP_DONE, "");
	return step_ends(run, STEP_DIVERGED, "its WAL goes beyond the fork");
}

static pgaf_time
step_rewind(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	struct pg *pg = &sim->pg[node];
	pgaf_node_id upstream = run->order.goal.upstream;
	const struct pg *source = &sim->pg[upstream];

	if (!step_reaches(sim, node, upstream) || source->status != PG_PRIMARY ||
	    (run->stage > 0 && run->y != source->start_number))
		return step_ends(run, STEP_FAILED, "the upstream is not reachable as a primary");
	if (run->stage == 0) {
		if (pg->proc.alive)
			return step_ends(run, STEP_FAILED, "it runs");
		if (pg->at.branch != 0 && wal_contains(sim, pg_end(source), pg_end(pg)))
			return step_ends(run, STEP_DONE, "");
		/* Trap 10: before the checkpoint pg_rewind finds nothing to do, and says so. */
		if (source->disk_branch != source->at.branch)
			return step_ends(run, STEP_DONE, "");
		check_discard(sim, node, upstream);
		run->stage = 1;
		run->y = source->start_number;
		pg->clone_unfinished = true;
		return rng_between(&sim->rng, PGAF_MSEC(150), PGAF_MSEC(1200));
	}
	pg_rewind(sim, node, upstream);
	pg->clone_unfinished = false;
	return step_ends(run, STEP_DONE, "");
}

static pgaf_time
step_clone(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	struct pg *pg = &sim->pg[node];
	pgaf_node_id upstream = run->order.goal.upstream;
	const struct pg *source = &sim->pg[upstream];
	uint64_t wanted = run->order.system_identifier;

	if (!step_reaches(sim, node, upstream) ||
	    (run->stage > 0 && run->y != source->start_number))
		return step_ends(run, STEP_FAILED, "the upstream cannot be reached");
	if (wanted != 0 && wanted != source->system_identifier)
		return step_ends(run, STEP_REFUSED, "another system identifier");
	if (run->stage == 0) {
		if (pg->proc.alive)
			return step_ends(run, STEP_FAILED, "it runs");
		check_discard(sim, node, upstream);
		run->stage = 1;
		run->y = source->start_number;
		pg->has_data = false;
		pg->clone_unfinished = true;
		return rng_between(&sim->rng, PGAF_MSEC(300), PGAF_MSEC(2500));
	}
	pg_copy(sim, upstream, node);
	return step_ends(run, STEP_DONE, "");
}

/* ---- the primary's ------------------------------------------------------------------------- */

static pgaf_time
step_promote(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	struct pg *pg = &sim->pg[node];
	const struct goal *goal = &run->order.goal;

	if (pg->status == PG_PRIMARY &&
	    (run->stage >= 3 || pg_timeline(sim, pg) == goal->timeline)) {
		run->result.timeline = pg_timeline(sim, pg);
		run->result.lsn = sim->branches[pg->at.branch].fork;
		return step_ends(run,
		                 run->result.timeline == goal->timeline ? STEP_DONE
		                                                        : STEP_WRONG_TIMELINE,
		                 "");
	}
	if (pg->status != PG_STANDBY)
		return step_ends(run, STEP_FAILED, "it is not a standby that answers");
	switch (run->stage++) {
	case 0:
		if (!pg->local_wal_read)
			return step_ends(run, STEP_FAILED, "its end of WAL is not known yet");
		if (pg->flush < goal->min_lsn)
			return step_ends(run, STEP_REFUSED, "it does not hold enough");
		if (sim->brk != BREAK_LATE)
			pg_set_names(sim, node, &goal->set);
		pg_reload(sim, node);
		return pg_disk(sim, node, PGAF_MSEC(2));
	case 1: /* placeholders for the timelines between; the statement is sent */
		return rng_tailed(&sim->rng, PGAF_USEC(500), PGAF_MSEC(30));
	case 2: /* the server looks at its clock before it does anything (3b) */
		if (keep_now(sim, node) > run->order.deadline)
			return step_ends(run, STEP_LOST, "the claim is too old");
		pg_promote(sim, node, goal->timeline);
		return PGAF_MSEC(2);
	default:
		/* Reloads at +10, +30, +100 ms. */
		if (run->stage == 8 || run->stage == 18 || run->stage == 53)
			pg_kick(sim, node);
		return PGAF_MSEC(2);
	}
}

static pgaf_time
step_settle(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	struct pg *pg = &sim->pg[node];

	if (pg->status != PG_PRIMARY)
		return step_ends(run, STEP_FAILED, "it is not open for writes");
	if (run->stage++ == 0) {
		pgaf_time busy = rng_tailed(&sim->rng, PGAF_MSEC(60), PGAF_SECONDS(4));

		pg->checkpointer_busy_until = sim->now + busy;
		pg->at.lsn = (pg->at.lsn + SEGMENT) & ~(SEGMENT - 1);
		return busy;
	}
	slots_make(sim, node);
	pg_checkpoint(sim, node);
	return step_ends(run, STEP_DONE, "");
}

static pgaf_time
step_fence(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	struct pg *pg = &sim->pg[node];

	if (pg->status == PG_STANDBY && pg->upstream == 0)
		return step_ends(run, STEP_DONE, "");
	if (run->stage == 0) {
		run->stage = 1;
		pg_stop_now(sim, node, false);
		pg->standby_signal = true;
		pg->upstream = 0;
		pg->admission = 0;
		return PGAF_MSEC(5);
	}
	if (!pg->has_data || sim->now - run->began > PGAF_SECONDS(30))
		return step_ends(run, STEP_FAILED, "it does not come up as a standby");
	if (!pg->postmaster) {
		pg->closed = false;
		pg_start(sim, node);
	}
	return PGAF_MSEC(5);
}

/* ---- all of them ------------------------------------------------------------------ */

pgaf_time
step_advance(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	switch (run->order.step) {
	case STEP_INITDB:
		return step_initdb(sim, node, run);
	case STEP_START_PRIMARY:
	case STEP_START_STANDBY:
		return step_start(sim, node, run);
	case STEP_OPEN:
		return step_open(sim, node, run);
	case STEP_STOP:
	case STEP_STOP_IMMEDIATE:
	case STEP_REAP:
		return step_stop(sim, node, run);
	case STEP_HAND_OVER:
		return step_hand_over(sim, node, run);
	case STEP_APPLY_SET:
		return step_apply_set(sim, node, run);
	case STEP_DETACH:
		return step_detach(sim, node, run);
	case STEP_FOLLOW:
		return step_follow(sim, node, run);
	case STEP_REST:
		return step_rest(sim, node, run);
	case STEP_PROVE_HISTORY:
		return step_prove(sim, node, run);
	case STEP_REWIND:
		return step_rewind(sim, node, run);
	case STEP_CLONE:
		return step_clone(sim, node, run);
	case STEP_PROMOTE:
		return step_promote(sim, node, run);
	case STEP_SETTLE:
		return step_settle(sim, node, run);
	case STEP_FENCE:
		return step_fence(sim, node, run);
	case STEP_ADOPT:
	case STEP_CONFIGURE:
	case STEP_CUT_CLIENTS:
	case STEP_ROLES:
	case STEP_SLOTS:
	case STEP_KEEP_WAL:
	case STEP_KEEP_STANDBY:
		return step_brief(sim, node, run);
	case STEP_NONE:
	case STEP_NOTE:
	case STEP_CLAIM:
	case STEP_COUNT:
		break;
	}
	return step_ends(run, STEP_REFUSED, "this is no step of an instance");
}
