/* SPDX-License-Identifier: PostgreSQL */
/*
 * The keeper engine: takes in what happened, keeps the view that the table
 * of keeper rules is asked with, and runs it.
 */
#include "engine/keeper_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"

struct keeper *
keeper_new(const struct keeper_options *options, const struct keeper_ops *ops, void *world,
           const struct note *note, pgaf_time now)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	if (keeper == NULL)
		return NULL;
	keeper->options = *options;
	keeper->ops = ops;
	keeper->world = world;
	keeper->logger = (struct logger){
		.fn = ops->log,
		.ctx = world,
		.level = PGAF_LOG_TRACE,
		.formation = keeper->options.formation,
		.group_id = (int)options->group_id,
		.node_id = note->node_id,
		.node_name = keeper->options.name,
	};
	keeper->now = now;
	keeper->view.note = *note;
	keeper->view.started_at = now;
	keeper->view.settled = true;
	keeper->view.confirm = options->confirm;
	settings_init(&keeper->view.orders.settings);
	keeper->state = note->role == NOTE_NONE ? PGAF_STATE_INIT : PGAF_STATE_UNKNOWN;
	keeper->facts.run = ops->random(world) | 1;
	keeper->facts.fork_lsn = note->fork_lsn;
	keeper->facts.detached_epoch = note->detached_epoch;
	/* One that was under way is told of when it is done. */
	keeper->hooks.promotion = note->role == NOTE_PROMOTING ? 0 : note->promotion;
	keeper->report_due = PGAF_NEVER;
	look(keeper);
	return keeper;
}

void
keeper_free(struct keeper *keeper)
{
	free(keeper);
}

void
keeper_on_link(struct keeper *keeper, pgaf_time now, bool open)
{
	keeper->now = now;
	keeper->view.link_open = open;
	keeper->refreshing = false;
	if (open) {
		keeper->report_due = now;
		keeper->again = true;
	}
	status_show(keeper);
}

/* ---- goals ------------------------------------------------------------- */

static bool
same_target(const struct goal *a, const struct goal *b)
{
	return a->upstream == b->upstream && a->timeline == b->timeline;
}

/* An answer that lay in the socket while we were not scheduled says nothing of this moment. */
static void
heard_store(struct keeper *keeper)
{
	keeper->view.link_open = true;
	keeper->refreshing = false;
	if (keeper->due != 0 && keeper->now - keeper->due > STALL_LIMIT)
		keeper->late = true;
	if (keeper->late)
		keeper->ops->refresh(keeper->world);
	else
		keeper->view.answered_at = keeper->now;
	keeper->late = false;
}

static void
goal_changed(struct keeper *keeper, const struct goal *before)
{
	struct keeper_view *view = &keeper->view;
	const struct goal *goal = &view->orders.goal;

	if (!same_target(before, goal)) {
		view->history = K_HISTORY_UNKNOWN;
		view->wal_kept = false;
	}
	view->regressed = false; /* asked again by what the store knows now */
	view->claim = view->note.renounced_epoch == goal->epoch && goal->epoch != 0
	                      ? K_CLAIM_RENOUNCED
	                      : K_CLAIM_NONE;
	keeper->promote_sent = view->note.role == NOTE_PROMOTING;
	keeper->give_up[0] = '\0';
	keeper->failures = 0;
	keeper->retry_at = 0;
	keeper->trouble[0] = '\0';
	/* As the other of primary and standby it may well come up. */
	if (pgaf_state_is_writable(before->state) != pgaf_state_is_writable(goal->state)) {
		keeper->falls = 0;
		keeper->start_after = 0;
	}
	log_at(&keeper->logger, PGAF_LOG_INFO, "goal", "goal is %s (epoch %llu, rule %u)",
	       pgaf_state_name(goal->state), (unsigned long long)goal->epoch, (unsigned)goal->rule);
}

/* The step under way serves another goal: give it up unless the new one wants the same. */
static void
reconsider(struct keeper *keeper)
{
	struct keeper_facts facts;
	const struct keeper_rule *rule;

	if (!keeper->busy || !step_is_cancellable(keeper->order.step))
		return;
	keeper_facts_of(&keeper->view, keeper->now, &facts);
	facts.answer[KF_ACCEPTED] = K_ACCEPTED;
	rule = keeper_rule_find(&facts);
	if (rule->step == keeper->order.step &&
	    same_target(&keeper->order.goal, &keeper->view.orders.goal) &&
	    keeper->order.goal.set.version == keeper->view.orders.goal.set.version &&
	    keeper->order.goal.admission == keeper->view.orders.goal.admission)
		return;
	step_cancel(keeper);
}

static bool
same_peers(const struct keeper_orders *a, const struct keeper_orders *b)
{
	return a->peer_count == b->peer_count &&
	       memcmp(a->peers, b->peers, sizeof(a->peers[0]) * a->peer_count) == 0;
}

static void
peers_changed(struct keeper *keeper)
{
	struct keeper_view *view = &keeper->view;

	if (view->ready == K_READY)
		view->ready = K_NEEDS_SLOTS;
	keeper->peer_count = 0;
	for (uint32_t i = 0; i < view->orders.peer_count; i++) {
		keeper->peers[keeper->peer_count] =
			(struct peer_view){.node = view->orders.peers[i].id};
		keeper->peer_at[keeper->peer_count++] = 0;
	}
	keeper->ops->watch_peers(keeper->world, view->orders.peers, view->orders.peer_count,
	                         view->orders.settings.probe_interval);
}

/* A restored store raises its epoch before it knows what was decided since: a goal that is older
 * than the one accepted is history, whatever epoch it comes with (12). */
static void
keep_newer_goal(struct keeper_view *view)
{
	view->forgotten = view->orders.goal.epoch < view->note.goal.epoch;
	if (view->forgotten)
		view->orders.goal = view->note.goal;
}

void
keeper_on_goal(struct keeper *keeper, pgaf_time now, const struct keeper_orders *orders)
{
	struct keeper_view *view = &keeper->view;
	struct keeper_orders before = view->orders;
	bool known = view->orders_known;

	keeper->now = now;
	if (orders->epoch < view->note.epoch) {
		keeper->refreshing = false;
		/* The store forgot (12): it learns what we accepted from our report. */
		if (now - keeper->reminded_at >= REMIND_AFTER || keeper->reminded_at == 0)
			log_at(&keeper->logger, PGAF_LOG_WARNING, "epoch-behind",
			       "the store is at epoch %llu, we accepted %llu: orders refused",
			       (unsigned long long)orders->epoch,
			       (unsigned long long)view->note.epoch);
		keeper->reminded_at = now;
		return;
	}
	heard_store(keeper);
	view->orders = *orders;
	keep_newer_goal(view);
	view->orders_known = true;
	if (!known || !same_peers(&before, orders) ||
	    before.settings.probe_interval != orders->settings.probe_interval)
		peers_changed(keeper);
	if (!known || memcmp(&before.settings, &orders->settings, sizeof(orders->settings)) != 0)
		keeper->ops->tune(keeper->world, &orders->settings);
	if (!known || before.goal.epoch != view->orders.goal.epoch ||
	    before.goal.state != view->orders.goal.state) {
		goal_changed(keeper, known ? &before.goal : &view->note.goal);
		reconsider(keeper);
		keeper->look_due = now + LOOK_SOON;
		status_show(keeper);
	}
	keeper->again = true;
}

void
keeper_on_answer(struct keeper *keeper, pgaf_time now, bool newest)
{
	keeper->now = now;
	/* What an older one is answered says nothing of a last word that still waits behind it. */
	if (newest)
		keeper->answered_since = true;
	heard_store(keeper);
	keeper->again = true;
}

void
keeper_on_identity(struct keeper *keeper, pgaf_time now, pgaf_node_id node_id)
{
	struct keeper_view *view = &keeper->view;

	keeper->now = now;
	if (keeper->busy && step_is_cancellable(keeper->order.step))
		step_cancel(keeper);
	log_at(&keeper->logger, PGAF_LOG_WARNING, "renumbered",
	       "the store was rebuilt and knows this node as %u", (unsigned)node_id);
	view->note.node_id = node_id;
	keeper->pending.node_id = node_id;
	keeper->logger.node_id = node_id;
	/* Names of slots and standbys carry the number: all of that is made anew. */
	view->orders_known = false;
	view->claim = K_CLAIM_NONE;
	view->proved_version = 0;
	view->history = K_HISTORY_UNKNOWN;
	view->followed = 0;
	view->ready = K_NEEDS_CONFIG;
	keeper->again = true;
}

void
keeper_on_secrets(struct keeper *keeper, pgaf_time now)
{
	keeper->now = now;
	if (keeper->view.ready == K_READY || keeper->view.ready == K_NEEDS_SLOTS)
		keeper->view.ready =
			keeper->view.note.role == NOTE_PRIMARY ? K_NEEDS_ROLES : K_NEEDS_CONFIG;
	peers_changed(keeper);
	keeper->again = true;
}

/* ---- what is seen ------------------------------------------------------ */

static void
see_members(struct keeper *keeper, const struct observation *seen)
{
	pgaf_lsn flush = 0;

	for (uint32_t i = 0; i < seen->member_count; i++)
		flush += seen->members[i].flush;
	if (flush != keeper->members_flush && seen->member_count > 0) {
		keeper->view.member_at = keeper->now;
		keeper->stuck_since = 0;
	}
	keeper->members_flush = flush;
	if (seen->pg != PG_PRIMARY || seen->waiters == 0)
		keeper->stuck_since = 0;
	else if (keeper->stuck_since == 0)
		keeper->stuck_since = keeper->now;
	/* One waiter seen once is a commit under way: look again soon. */
	if (keeper->stuck_since != 0 && keeper->look_due > keeper->now + LOOK_WAITERS)
		keeper->look_due = keeper->now + LOOK_WAITERS;
	keeper->seen_at = keeper->now;
}

/* Another set is in force than the one that was proved (8c). */
static void
see_drift(struct keeper *keeper, const struct observation *seen)
{
	struct keeper_view *view = &keeper->view;
	char names[sizeof(seen->sync_names)] = "";
	struct text text = TEXT(names);

	if (seen->poisoned && view->proved_version != 0) {
		view->proved_version = 0;
		keeper->view.drifted = true;
	}
	if (seen->pg != PG_PRIMARY || view->proved_version == 0 || keeper->busy ||
	    view->proved_version != view->orders.goal.set.version)
		return;
	sync_set_names(&view->orders.goal.set, &text);
	if (strcmp(names, seen->sync_names) == 0)
		return;
	log_at(&keeper->logger, PGAF_LOG_WARNING, "set-drifted",
	       "synchronous_standby_names is '%s', not '%s': written again", seen->sync_names,
	       names);
	view->proved_version = 0;
	keeper->view.drifted = true;
}

/* A primary only ever gains WAL; one that has less than it reported is another copy (1e). */
static void
see_regress(struct keeper *keeper, const struct observation *seen)
{
	struct keeper_view *view = &keeper->view;

	if (view->seen.pg == PG_PRIMARY && seen->lsn >= view->orders.high_lsn)
		view->regressed = false;
	/* Not while it starts: a record that was flushed in part is overwritten at first. */
	if (keeper->busy || seen->pg != PG_PRIMARY || view->note.role != NOTE_PRIMARY ||
	    !view->orders_known || seen->timeline != view->orders.timeline ||
	    seen->lsn >= view->orders.high_lsn || view->regressed)
		return;
	view->regressed = true;
	log_at(&keeper->logger, PGAF_LOG_ERROR, "regressed",
	       "this data directory holds less than this node once reported: a restored copy?");
}

static bool
is_member(const struct sync_set *set, pgaf_node_id node)
{
	for (uint32_t i = 0; i < set->count; i++)
		if (set->members[i].node == node)
			return true;
	return false;
}

/*
 * What a node needs next is gone with its slot, and a slot that is lost lets nobody stream, not
 * even a fresh copy: it is made anew. On a primary the monitor ends the node's admission first
 * (33b): a member is out of the set by then, of another it has had the time to hear.
 */
static void
see_slots(struct keeper *keeper, const struct observation *seen)
{
	struct keeper_view *view = &keeper->view;
	bool primary = seen->pg == PG_PRIMARY;
	pgaf_time heard = 2 * view->orders.settings.report_interval;

	if (seen->slot_lost == 0) {
		keeper->slot_lost_at = 0;
		return;
	}
	if (keeper->slot_lost_at == 0) {
		keeper->slot_lost_at = keeper->now;
		log_at(&keeper->logger, PGAF_LOG_WARNING, "slot-lost",
		       "the slot of node %u is invalid: max_slot_wal_keep_size was not enough",
		       (unsigned)seen->slot_lost);
	}
	if (view->ready != K_READY || keeper->busy ||
	    (primary && (is_member(&view->orders.goal.set, seen->slot_lost) ||
	                 keeper->now - keeper->slot_lost_at < heard)))
		return;
	view->ready = K_NEEDS_SLOTS;
}

static void
see_restart(struct keeper *keeper, const struct observation *seen)
{
	struct keeper_view *view = &keeper->view;

	if (seen->server_start == 0 || seen->server_start == keeper->server_start)
		return;
	keeper->server_start = seen->server_start;
	keeper->up_at = keeper->now;
	view->proved_version = 0;
	if (seen->pg == PG_PRIMARY) {
		view->crashed = false;
		view->start_failed = false;
		view->declined = false;
	}
}

static bool
runs(enum pg_status pg)
{
	return pg == PG_STARTING || pg == PG_STOPPING || pg == PG_STANDBY || pg == PG_PRIMARY;
}

/* These end Postgres on purpose. */
static bool
step_ends_postgres(enum step step)
{
	return step == STEP_STOP || step == STEP_STOP_IMMEDIATE || step == STEP_HAND_OVER ||
	       step == STEP_REAP || step == STEP_FENCE || step == STEP_ADOPT ||
	       step == STEP_REWIND || step == STEP_CLONE || step == STEP_CONFIGURE;
}

/*
 * Each permission to restart is a new goal, and clears what failed before: without this a primary
 * whose disk is full is restarted, by a decision each time, as fast as it can end.
 */
static void
count_fall(struct keeper *keeper)
{
	bool soon = keeper->start_began != 0 && keeper->now - keeper->start_began < FELL_SOON;

	keeper->start_began = 0;
	if (!soon) {
		keeper->falls = 0;
		return;
	}
	keeper->start_after = keeper->now + retry_wait(keeper, keeper->falls++);
	if (keeper->falls == 1)
		log_at(&keeper->logger, PGAF_LOG_WARNING, "ends-soon",
		       "Postgres ends as soon as it is started: the next start waits, longer each "
		       "time");
}

/* witnessed: by a process that had seen it run, not one that found what is left of it. */
static void
postgres_exited(struct keeper *keeper, bool inside, bool witnessed)
{
	struct keeper_view *view = &keeper->view;

	view->proved_version = 0;
	if (keeper->busy && step_ends_postgres(keeper->order.step))
		return;
	if (keeper->busy)
		step_cancel(keeper);
	keeper->looking = false;
	keeper->changed_at = keeper->now;
	view->seen.pg = PG_EXITED;
	view->seen_known = true;
	view->seen.streaming = false;
	view->crashed = true;
	view->crash_seen = witnessed;
	view->witness = false;
	view->declined = false;
	view->crash_epoch = view->note.epoch;
	view->seen.exit_inside = inside;
	keeper->failures = 0;
	keeper->retry_at = 0;
	log_at(&keeper->logger, PGAF_LOG_WARNING, "postgres-exited", "Postgres has ended %s",
	       inside ? "by itself" : "by a signal");
	count_fall(keeper);
	/* The monitor first: everything else can wait for its decision. */
	report_send(keeper, true);
	status_show(keeper);
	keeper->again = true;
}

void
keeper_on_exit(struct keeper *keeper, pgaf_time now, bool inside)
{
	keeper->now = now;
	postgres_exited(keeper, inside, true);
}

static void
see_stream(struct keeper *keeper, const struct observation *seen)
{
	if (!seen->streaming)
		keeper->streaming_since = 0;
	else if (keeper->streaming_since == 0)
		keeper->streaming_since = keeper->now;
	if (seen->streaming || seen->pg != PG_STANDBY)
		keeper->dry_since = 0;
	else if (keeper->dry_since == 0)
		keeper->dry_since = keeper->now;
	keeper->view.dry = keeper->dry_since != 0 && keeper->now - keeper->dry_since >= DRY_AFTER;
}

void
keeper_on_observation(struct keeper *keeper, pgaf_time now, const struct observation *seen)
{
	struct keeper_view *view = &keeper->view;
	bool ran = view->seen_known && runs(view->seen.pg);

	keeper->now = now;
	/* A promoted primary would be taken for the standby that it was, and stopped. */
	if (seen->asked_at < keeper->changed_at) {
		keeper->ops->observe(keeper->world);
		return;
	}
	keeper->looking = false;
	see_restart(keeper, seen);
	see_members(keeper, seen);
	see_stream(keeper, seen);
	view->seen = *seen;
	view->seen_known = true;
	see_drift(keeper, seen);
	see_regress(keeper, seen);
	see_slots(keeper, seen);
	if (seen->pg == PG_PRIMARY && seen->disk_timeline != seen->timeline &&
	    view->note.role == NOTE_PRIMARY && !keeper->busy)
		view->settled = false;
	if (seen->pg == PG_STANDBY && view->history == K_HISTORY_COPIED)
		view->history = K_HISTORY_UNKNOWN;
	if (seen->pg == PG_EXITED && !view->crashed && !keeper->busy)
		postgres_exited(keeper, seen->exit_inside, ran);
	keeper->again = true;
}

void
keeper_on_peer(struct keeper *keeper, pgaf_time now, const struct peer_view *view, bool follows_us)
{
	keeper->now = now;
	for (uint32_t i = 0; i < keeper->peer_count; i++) {
		struct peer_view *peer = &keeper->peers[i];

		if (peer->node != view->node)
			continue;
		*peer = *view;
		if (!view->reached) {
			keeper->view.member_follows = false;
			continue;
		}
		keeper->peer_at[i] = now - PGAF_MSEC(view->age_ms);
		if (view->in_recovery)
			keeper->view.member_at = keeper->peer_at[i];
		keeper->view.member_follows =
			follows_us && view->in_recovery &&
			(view->timeline == 0 || view->timeline == keeper->view.note.timeline);
	}
	keeper->again = true;
}

void
keeper_on_noted(struct keeper *keeper, pgaf_time now, bool saved)
{
	keeper->now = now;
	if (!keeper->saving)
		return;
	keeper->saving = false;
	if (!saved) {
		/* Nothing else happens before it is written; a claim under way waits for it too. */
		keeper->retry_at = now + RETRY_FIRST;
		keeper->resave = true;
		text_copy(keeper->trouble, sizeof(keeper->trouble), "the note cannot be written");
		return;
	}
	if (keeper->view.ready == K_NEW && keeper->pending.role == NOTE_PRIMARY)
		keeper->view.ready = K_NEEDS_CONFIG;
	if (keeper->pending.declined_version != keeper->view.note.declined_version)
		keeper->view.declined = true;
	keeper->view.note = keeper->pending;
	/* What was accepted while the store lost it. */
	if (keeper->view.orders_known &&
	    keeper->view.orders.goal.epoch < keeper->view.note.goal.epoch) {
		keep_newer_goal(&keeper->view);
		goal_changed(keeper, &keeper->pending.goal);
	}
	keeper->noted = true;
	keeper->again = true;
	claim_settle(keeper);
}

void
keeper_on_claim(struct keeper *keeper, pgaf_time now, bool granted, bool known)
{
	keeper->now = now;
	if (!keeper->claiming)
		return;
	if (!known) {
		keeper->claiming = false;
		keeper->retry_at = now + RETRY_FIRST;
		keeper->again = true;
		return;
	}
	keeper->view.answered_at = now;
	if (!granted) {
		keeper->claiming = false;
		keeper->again = true;
		if (!claim_is_current(keeper))
			return;
		keeper->view.claim = K_CLAIM_LOST;
		log_at(&keeper->logger, PGAF_LOG_WARNING, "claim-lost",
		       "the promotion of epoch %llu was decided otherwise",
		       (unsigned long long)keeper->view.orders.goal.epoch);
		keeper->ops->refresh(keeper->world);
		return;
	}
	keeper->claim_granted = true;
	claim_settle(keeper);
}

void
keeper_on_step(struct keeper *keeper, pgaf_time now, const struct step_result *result)
{
	keeper->now = now;
	if (!keeper->busy || result->number != keeper->order.number)
		return;
	keeper->busy = false;
	keeper->again = true;
	keeper->changed_at = now;
	step_finished(keeper, result);
}

/* ---- running ----------------------------------------------------------- */

static bool
is_settling(const struct keeper *keeper)
{
	const struct keeper_view *view = &keeper->view;

	return keeper->state != view->orders.goal.state || view->seen.pg == PG_STARTING ||
	       keeper->state == PGAF_STATE_CATCHINGUP ||
	       (view->orders.goal.state == PGAF_STATE_SECONDARY && !view->seen.streaming);
}

static void
look_if_due(struct keeper *keeper)
{
	pgaf_time soon = keeper->view.seen.waiters > 0 ? LOOK_WAITERS
	                 : is_settling(keeper)         ? LOOK_SOON
	                                       : keeper->view.orders.settings.report_interval;

	if (keeper->busy && soon < LOOK_WAITERS)
		soon = LOOK_WAITERS;
	if (keeper->now < keeper->look_due)
		return;
	keeper->look_due = keeper->now + soon;
	keeper->ops->observe(keeper->world);
}

/* A process that did not run heard nobody, and that is nobody's silence but its own; nor did it
 * see whether commits went on (30): a host that stood still had members that did not move. */
static void
notice_stall(struct keeper *keeper)
{
	if (keeper->due != 0 && keeper->now - keeper->due > STALL_LIMIT) {
		keeper->view.started_at = keeper->now;
		keeper->stuck_since = keeper->stuck_since != 0 ? keeper->now : 0;
	}
	keeper->due = 0;
}

void
keeper_run(struct keeper *keeper, pgaf_time now)
{
	keeper->now = now;
	if (keeper->ended)
		return;
	notice_stall(keeper);
	leave_run(keeper);
	/* Bounded: each round starts something or has nothing to do. */
	for (unsigned rounds = 0; rounds < 8 && !keeper->ended; rounds++) {
		keeper->again = false;
		act(keeper);
		if (!keeper->again)
			break;
	}
	if (keeper->ended)
		return;
	report_send_if_changed(keeper);
	warn_if_held(keeper);
	look_if_due(keeper);
	status_show(keeper);
	keeper->due = keeper_deadline(keeper);
}

pgaf_time
keeper_deadline(const struct keeper *keeper)
{
	pgaf_time first = keeper->look_due;
	pgaf_time leave = leave_deadline(keeper);

	if (keeper->ended)
		return PGAF_NEVER;
	if (keeper->view.link_open && keeper->view.seen_known && keeper->report_due < first)
		first = keeper->report_due;
	if (keeper->retry_at > keeper->now && keeper->retry_at < first)
		first = keeper->retry_at;
	if (keeper->start_after > keeper->now && keeper->start_after < first)
		first = keeper->start_after;
	return leave < first ? leave : first;
}
