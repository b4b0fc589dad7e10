/* SPDX-License-Identifier: PostgreSQL */
/*
 * What the keeper says: its report to the store, at once when a fact has
 * changed, and its face to load balancers.
 */
#include "engine/keeper_state.h"

#include <string.h>

static bool
is_caught_up(const struct keeper *keeper)
{
	const struct observation *seen = &keeper->view.seen;
	/* An upstream with nothing to send says nothing before its first keepalive; one that has
	 * more sends at once, and says how far it is. */
	bool quiet = seen->upstream_lsn == 0 && keeper->streaming_since != 0 &&
	             keeper->now - keeper->streaming_since >= STREAM_QUIET;
	bool close = seen->upstream_lsn != 0 && seen->lsn + REACH_RECEIVE >= seen->upstream_lsn;

	return seen->pg == PG_STANDBY && seen->streaming && seen->consistent && (quiet || close) &&
	       seen->replay + REACH_REPLAY >= seen->lsn;
}

static void
report_peers(const struct keeper *keeper, struct report *report)
{
	report->peer_count = keeper->peer_count;
	for (uint32_t i = 0; i < keeper->peer_count; i++) {
		report->peers[i] = keeper->peers[i];
		if (keeper->peers[i].reached)
			report->peers[i].age_ms =
				(uint32_t)((keeper->now - keeper->peer_at[i]) / PGAF_MSEC(1));
	}
}

static bool
is_open(const struct keeper *keeper)
{
	const struct keeper_view *view = &keeper->view;
	enum pgaf_state goal = view->orders.goal.state;
	bool ending =
		keeper->busy &&
		(keeper->order.step == STEP_STOP || keeper->order.step == STEP_STOP_IMMEDIATE ||
	         keeper->order.step == STEP_HAND_OVER || keeper->order.step == STEP_FENCE);

	return view->seen.pg == PG_PRIMARY && !view->seen.closed &&
	       view->note.role == NOTE_PRIMARY && view->orders_known && !view->regressed &&
	       view->leaving != K_LEAVES && !ending &&
	       (pgaf_state_is_writable(goal) || goal == PGAF_STATE_PREPARE_PROMOTION ||
	        goal == PGAF_STATE_STOP_REPLICATION);
}

/* A crash stays one until a goal, or its absence, permitted to start again. */
static enum pg_status
crashed_status(const struct keeper_view *view)
{
	const struct goal *goal = &view->note.goal;
	/* A goal whose set was declined, or will be, was given before the crash was known. */
	bool meant = view->declined ? !note_declined(&view->note, goal->set.version)
	                            : goal->set.version <= view->note.about_version;
	bool permitted =
		meant && goal->epoch > view->crash_epoch && pgaf_state_is_writable(goal->state);

	return permitted ? PG_STARTING : PG_EXITED;
}

/* A standby's copy is nothing that a group may begin with: when all of its nodes were dropped, the
 * last primary comes back first, and the others follow that. */
static bool
has_data(const struct keeper *keeper)
{
	const struct observation *seen = &keeper->view.seen;
	bool unplaced = keeper->state == PGAF_STATE_UNKNOWN || keeper->state == PGAF_STATE_INIT ||
	                keeper->state == PGAF_STATE_WAIT_STANDBY;
	bool copy = seen->pg == PG_STOPPED && !seen->was_primary;

	return seen->has_data && !seen->clone_unfinished && !(unplaced && copy);
}

void
report_build(const struct keeper *keeper, struct report *report)
{
	const struct keeper_view *view = &keeper->view;
	const struct observation *seen = &view->seen;

	*report = keeper->facts;
	report->state = keeper->state;
	report->epoch = view->note.epoch;
	report->incarnation = view->note.incarnation;
	report->pg = view->crashed && seen->pg == PG_STOPPED ? crashed_status(view) : seen->pg;
	report->system_identifier = seen->system_identifier;
	report->server_version = seen->server_version;
	report->timeline = seen->timeline;
	report->disk_timeline = seen->disk_timeline;
	report->lsn = seen->lsn;
	report->lsn_complete = seen->lsn_complete;
	report->replay = seen->replay;
	report->vetoes = seen->vetoes;
	report->leaving = view->leaving != K_STAYS;
	report->has_data = has_data(keeper);
	report->crashed_inside = view->crashed && seen->exit_inside;
	report->fenced = view->note.role == NOTE_FENCED;
	report->route_open = is_open(keeper);
	report->streaming = seen->pg == PG_STANDBY && seen->streaming;
	report->streaming_admission = report->streaming ? seen->admission : 0;
	report->history_proved = view->history == K_HISTORY_PROVED;
	report->caught_up = is_caught_up(keeper);
	report->needs_clone = view->history == K_HISTORY_DIVERGED ||
	                      view->history == K_HISTORY_CLONE || view->note.role == NOTE_CLONING;
	report->writer = view->note.role == NOTE_PRIMARY || view->note.role == NOTE_FENCED ||
	                 view->note.role == NOTE_DEMOTED;
	report->replay_lag_ms = seen->replay_lag_ms;
	report->disk_ms = seen->disk_ms;
	report->drifted = keeper->view.drifted;
	report->weak_commits = seen->weak_commits;
	report->renounced_epoch = view->note.renounced_epoch; /* noted, or not said (13) */
	report->declined_version = view->note.declined_version;
	report->about_version = view->note.about_version;
	if (view->proved_version != report->in_force_version)
		report->in_force_version = 0;
	/* Only a promotion that is noted counts as done; the note outlives this process. */
	report->promoted_epoch = view->note.role == NOTE_PRIMARY ? view->note.promotion : 0;
	report->promoted_timeline = report->promoted_epoch != 0 ? view->note.timeline : 0;
	if (keeper->stuck_since != 0 && keeper->seen_at > keeper->stuck_since)
		report->waiters_ms =
			(uint32_t)((keeper->seen_at - keeper->stuck_since) / PGAF_MSEC(1));
	if (seen->pg == PG_PRIMARY) {
		report->slot_lost = seen->slot_lost;
		report->member_count = seen->member_count;
		memcpy(report->members, seen->members, sizeof(report->members));
	}
	report_peers(keeper, report);
}

static bool
peers_differ(const struct report *a, const struct report *b)
{
	if (a->peer_count != b->peer_count)
		return true;
	for (uint32_t i = 0; i < a->peer_count; i++)
		if (a->peers[i].node != b->peers[i].node ||
		    a->peers[i].reached != b->peers[i].reached ||
		    a->peers[i].in_recovery != b->peers[i].in_recovery)
			return true;
	return false;
}

static bool
members_differ(const struct report *a, const struct report *b)
{
	if (a->member_count != b->member_count)
		return true;
	for (uint32_t i = 0; i < a->member_count; i++)
		if (a->members[i].node != b->members[i].node ||
		    a->members[i].admission != b->members[i].admission ||
		    a->members[i].streaming != b->members[i].streaming)
			return true;
	return false;
}

/* A fact that a decision may wait for; positions and ages are none. */
bool
report_differs(const struct report *a, const struct report *b)
{
#define DIFFERS(field) (a->field != b->field)
	return DIFFERS(state) || DIFFERS(epoch) || DIFFERS(incarnation) || DIFFERS(run) ||
	       DIFFERS(pg) || DIFFERS(system_identifier) || DIFFERS(timeline) ||
	       DIFFERS(disk_timeline) || DIFFERS(lsn_complete) || DIFFERS(vetoes) ||
	       DIFFERS(leaving) || DIFFERS(has_data) || DIFFERS(crashed_inside) ||
	       DIFFERS(fenced) || DIFFERS(route_open) || DIFFERS(weak_commits) ||
	       DIFFERS(drifted) || DIFFERS(needs_clone) || DIFFERS(writer) || DIFFERS(slot_lost) ||
	       DIFFERS(kept_lsn) || DIFFERS(streaming_admission) || DIFFERS(streaming) ||
	       DIFFERS(history_proved) || DIFFERS(caught_up) || DIFFERS(detached_epoch) ||
	       DIFFERS(declined_version) || DIFFERS(in_force_version) ||
	       DIFFERS(in_force_timeline) || DIFFERS(renounced_epoch) || DIFFERS(promoted_epoch) ||
	       DIFFERS(stopped_epoch) || DIFFERS(stopped_clean) ||
	       (a->waiters_ms >= 1000) != (b->waiters_ms >= 1000) ||
	       (a->disk_ms == UINT32_MAX) != (b->disk_ms == UINT32_MAX) || peers_differ(a, b) ||
	       members_differ(a, b);
#undef DIFFERS
}

/* The last phase of a promotion ends when clients are let in. */
static void
stamp_open(struct keeper *keeper)
{
	if (keeper->promoted_at == 0 || !is_open(keeper))
		return;
	keeper->facts.open_ms = (uint32_t)((keeper->now - keeper->promoted_at) / PGAF_MSEC(1));
	keeper->promoted_at = 0;
}

void
report_send(struct keeper *keeper, bool urgent)
{
	stamp_open(keeper);
	report_build(keeper, &keeper->report);
	keeper->answered_since = false;
	keeper->report_due = keeper->now + keeper->view.orders.settings.report_interval;
	keeper->ops->report(keeper->world, &keeper->report, urgent);
}

void
report_send_if_changed(struct keeper *keeper)
{
	struct report next;

	if (!keeper->view.link_open || !keeper->view.seen_known)
		return;
	stamp_open(keeper);
	report_build(keeper, &next);
	if (report_differs(&keeper->report, &next))
		report_send(keeper, true);
	else if (keeper->now >= keeper->report_due)
		report_send(keeper, false);
}

/* Why clients are kept out of a primary that runs (16, 17d); NULL when they are not. */
static const char *
held_back_until(const struct keeper *keeper)
{
	struct keeper_facts facts;

	if (keeper->view.seen.pg != PG_PRIMARY || !keeper->view.seen.closed)
		return NULL;
	keeper_facts_of(&keeper->view, keeper->now, &facts);
	switch ((enum keeper_clients)facts.answer[KF_CLIENTS]) {
	case K_CLIENTS_HELD:
		return "clients are held back until the monitor confirms the role";
	case K_CLIENTS_UNCONFIRMED:
		return "clients are held back until standbys confirm the end of recovery";
	case K_CLIENTS_IN:
	case K_CLIENTS_DUE:
		break;
	}
	return NULL;
}

void
warn_if_held(struct keeper *keeper)
{
	const char *why = held_back_until(keeper);

	if (why == NULL) {
		keeper->held_since = 0;
		keeper->held_said = false;
		return;
	}
	if (keeper->held_since == 0)
		keeper->held_since = keeper->now;
	if (keeper->held_said || keeper->now - keeper->held_since < HELD_QUIET)
		return;
	keeper->held_said = true;
	log_at(&keeper->logger, PGAF_LOG_WARNING, "clients-held-back", "%s", why);
}

static const char *
waiting_for(const struct keeper *keeper)
{
	if (!keeper->view.orders_known)
		return "the monitor";
	if (keeper->trouble[0] != '\0')
		return keeper->trouble;
	if (held_back_until(keeper) != NULL)
		return held_back_until(keeper);
	if (keeper->busy)
		return step_doc(keeper->order.step);
	return "";
}

void
status_show(struct keeper *keeper)
{
	const struct keeper_view *view = &keeper->view;
	enum pgaf_state goal = view->orders.goal.state;
	struct report report;
	struct keeper_status status = {
		.route = ROUTE_CLOSED,
		.alive = true,
		.waiting = waiting_for(keeper),
		.report = &report,
		.seen = &view->seen,
		.note = &view->note,
		.formation = keeper->options.formation,
		.group_id = keeper->options.group_id,
		.node_id = view->note.node_id,
		.name = keeper->options.name,
		.peer_count = view->orders.peer_count,
		.peers = view->orders.peers,
		.primary = view->orders.primary,
	};

	report_build(keeper, &report);
	if (report.route_open)
		status.route = ROUTE_PRIMARY;
	else if (view->seen.pg == PG_STANDBY && view->seen.consistent &&
	         view->note.role == NOTE_STANDBY && view->leaving != K_LEAVES &&
	         (goal == PGAF_STATE_SECONDARY || goal == PGAF_STATE_CATCHINGUP))
		status.route = ROUTE_STANDBY;
	status.ready = status.route != ROUTE_CLOSED;
	status.synchronous = report.streaming_admission != 0;
	keeper->ops->show(keeper->world, &status);
	hooks_tell(keeper, &status, held_back_until(keeper));
}
