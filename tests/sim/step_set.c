/* SPDX-License-Identifier: PostgreSQL */
/*
 * APPLY_SET as PROTOCOL A (a) says: write, see it in a new session, see the
 * fence hold a commit when coming from '', then a barrier that every walsender
 * from before and enough members of the new set have passed.
 */

#include "sim/steps.h"

enum apply_stage {
	APPLY_BEGIN,
	APPLY_FENCE_SHOWN,
	APPLY_FENCE_SEEN,
	APPLY_NAMES_SHOWN,
	APPLY_BARRIER,
	APPLY_RELAXED,
	APPLY_LIMIT = 40, /* seconds */
};

static pgaf_time
write_names(struct sim *sim, pgaf_node_id node, struct run_step *run, const struct sync_set *set)
{
	check_set(sim, node, set);
	pg_set_names(sim, node, set);
	pg_reload(sim, node);
	run->y = sim->pg[node].reload_serial;
	return pg_disk(sim, node, PGAF_MSEC(2));
}

/* A new session shows the text. */
static bool
names_are_shown(const struct pg *pg, const struct run_step *run)
{
	return pg_accepts(pg) && pg->shown_serial >= run->y;
}

/* Walsenders from before the reload are gone or past the barrier; none of them lies. */
static bool
old_ones_are_past(const struct pg *pg, const struct run_step *run)
{
	for (int i = 0; i < WALSENDERS_MAX; i++) {
		const struct walsender *sender = &pg->senders[i];

		if (sender->used && sender->streaming && sender->id < run->mark &&
		    sender->flush < run->x)
			return false;
	}
	return true;
}

/* An old one that does not move may be stuck; a new one reads the new names. */
static void
end_stragglers(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	for (int i = 0; i < WALSENDERS_MAX; i++) {
		struct walsender *sender = &sim->pg[node].senders[i];

		if (sender->used && sender->id < run->mark && sender->flush < run->x)
			stream_end_sender(sim, node, sender);
	}
}

static uint32_t
members_past(const struct pg *pg, const struct run_step *run)
{
	uint32_t count = 0;

	for (int i = 0; i < WALSENDERS_MAX; i++) {
		const struct walsender *sender = &pg->senders[i];

		if (sender->used && sender->streaming && sender->flush >= run->x &&
		    sender->flush <= pg->flush &&
		    sync_set_has(&run->order.goal.set, sender->standby, sender->admission))
			count++;
	}
	return count;
}

static pgaf_time
apply_fence_seen(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	struct pg *pg = &sim->pg[node];

	if (pg->poisoned && run->x <= pg->released)
		return step_ends(run, STEP_FAILED, "a commit is not held: restart it");
	if (run->x != 0 && sync_keeper_waits(sim, node, run->x)) {
		run->stage = APPLY_NAMES_SHOWN;
		return write_names(sim, node, run, &run->order.goal.set);
	}
	if (run->x == 0 || pg->flush >= run->x)
		run->x = sync_commit(sim, node, SESSIONS_MAX);
	return PGAF_MSEC(10);
}

pgaf_time
step_apply_set(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	static const struct sync_set fence = {.required = 1};
	struct pg *pg = &sim->pg[node];
	const struct sync_set *set = &run->order.goal.set;

	if (pg->status != PG_PRIMARY)
		return step_ends(run, STEP_FAILED, "it is not open for writes");
	if (sim->now - run->began > PGAF_SECONDS(APPLY_LIMIT))
		return step_ends(run, STEP_FAILED, "not proved in time");
	if (run->stage == APPLY_BEGIN) {
		run->result.timeline = pg_timeline(sim, pg);
		run->result.server_start = pg->start_number;
		if (set->required > 0 && run->order.from_async && sim->brk != BREAK_FORCE &&
		    sim->brk != BREAK_FENCE) {
			run->stage = APPLY_FENCE_SHOWN;
			return write_names(sim, node, run, &fence);
		}
		run->stage = APPLY_NAMES_SHOWN;
		return write_names(sim, node, run, set);
	}
	if (run->result.server_start != pg->start_number)
		return step_ends(run, STEP_FAILED, "it was restarted meanwhile");
	switch ((enum apply_stage)run->stage) {
	case APPLY_FENCE_SHOWN:
		if (!names_are_shown(pg, run))
			return PGAF_MSEC(2);
		run->stage = APPLY_FENCE_SEEN;
		return apply_fence_seen(sim, node, run);
	case APPLY_FENCE_SEEN:
		return apply_fence_seen(sim, node, run);
	case APPLY_NAMES_SHOWN:
		if (!names_are_shown(pg, run))
			return PGAF_MSEC(2);
		run->stage = set->required > 0 ? APPLY_BARRIER : APPLY_RELAXED;
		run->mark = ++sim->next_id;
		run->limit = sim->now + PGAF_SECONDS(1);
		run->x = sync_commit(sim, node, SESSIONS_MAX);
		return PGAF_MSEC(2);
	case APPLY_RELAXED: /* our own commit returns when the checkpointer has seen it (42) */
		if (pg->flush < run->x || sync_keeper_waits(sim, node, run->x))
			return PGAF_MSEC(5);
		run->result.lsn = run->x;
		return step_ends(run, STEP_DONE, "");
	case APPLY_BARRIER:
		if (sim->now > run->limit)
			end_stragglers(sim, node, run);
		if (sim->brk != BREAK_FORCE &&
		    (!old_ones_are_past(pg, run) ||
		     (set->required <= set->count && members_past(pg, run) < set->required)))
			return PGAF_MSEC(5);
		run->result.lsn = run->x;
		return step_ends(run, STEP_DONE, "");
	case APPLY_BEGIN:
	case APPLY_LIMIT:
		break;
	}
	return step_ends(run, STEP_FAILED, "impossible stage");
}

pgaf_time
step_rest(struct sim *sim, pgaf_node_id node, struct run_step *run)
{
	static const struct sync_set fence = {.required = 1}, none = {0};
	struct pg *pg = &sim->pg[node];

	if (pg->status != PG_STANDBY)
		return step_ends(run, STEP_FAILED, "it is not a standby that answers");
	if (sim->brk == BREAK_REST || sim->brk == BREAK_LATE)
		return run->stage++ == 0 ? PGAF_MSEC(100) : step_ends(run, STEP_DONE, "");
	if (run->stage++ == 0)
		return write_names(sim, node, run,
		                   run->order.settings.number_sync == 0 ? &none
		                   : pg->file.required > 0              ? &pg->file
		                                                        : &fence);
	return names_are_shown(pg, run) ? step_ends(run, STEP_DONE, "") : PGAF_MSEC(2);
}
