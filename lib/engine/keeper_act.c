/* SPDX-License-Identifier: PostgreSQL */
/*
 * The one executor: asks the table for the next step, starts it, and takes
 * its result into the view.
 */
#include "engine/keeper_state.h"

#include <string.h>

#include "base/pure/text.h"

void
look(struct keeper *keeper)
{
	keeper->looking = true;
	keeper->look_due = keeper->now + LOOK_SOON;
	keeper->ops->observe(keeper->world);
}

bool
step_is_cancellable(enum step step)
{
	switch (step) {
	case STEP_CONFIGURE:
	case STEP_ROLES:
	case STEP_SLOTS:
	case STEP_APPLY_SET:
	case STEP_DETACH:
	case STEP_FOLLOW:
	case STEP_REST:
	case STEP_PROVE_HISTORY:
	case STEP_KEEP_WAL:
	case STEP_REWIND:
	case STEP_CLONE:
	case STEP_SETTLE:
	case STEP_START_STANDBY:
	case STEP_START_PRIMARY:
	case STEP_OPEN:
		return true;
	case STEP_NONE:
	case STEP_NOTE:
	case STEP_CLAIM:
	case STEP_INITDB:
	case STEP_ADOPT:
	case STEP_STOP:
	case STEP_STOP_IMMEDIATE:
	case STEP_REAP:
	case STEP_HAND_OVER:
	case STEP_CUT_CLIENTS:
	case STEP_PROMOTE:
	case STEP_FENCE:
	case STEP_KEEP_STANDBY:
	case STEP_COUNT:
		break;
	}
	return false;
}

void
step_cancel(struct keeper *keeper)
{
	log_at(&keeper->logger, PGAF_LOG_INFO, "step-cancelled", "gave up: %s",
	       step_doc(keeper->order.step));
	keeper->ops->cancel(keeper->world);
	keeper->busy = false;
	look(keeper);
}

/* These cannot be undone: the goal must have been read a moment ago (3d). */
static bool
step_needs_goal(const struct keeper_rule *rule)
{
	switch (rule->step) {
	case STEP_INITDB:
	case STEP_ADOPT:
	case STEP_HAND_OVER:
	case STEP_REWIND:
	case STEP_CLONE:
	case STEP_CLAIM:
		return true;
	case STEP_STOP:
		return rule->id >= 400; /* not a stop by SIGTERM */
	case STEP_APPLY_SET:
		return rule->id != 426 && rule->id != 444; /* exempt: applied already (A(b)) */
	case STEP_START_PRIMARY:
	case STEP_OPEN:
		return true;
	case STEP_NONE:
	case STEP_NOTE:
	case STEP_CONFIGURE:
	case STEP_START_STANDBY:
	case STEP_STOP_IMMEDIATE:
	case STEP_REAP:
	case STEP_CUT_CLIENTS:
	case STEP_ROLES:
	case STEP_SLOTS:
	case STEP_DETACH:
	case STEP_FOLLOW:
	case STEP_REST:
	case STEP_PROVE_HISTORY:
	case STEP_KEEP_WAL:
	case STEP_PROMOTE:
	case STEP_SETTLE:
	case STEP_FENCE:
	case STEP_KEEP_STANDBY:
	case STEP_COUNT:
		break;
	}
	return false;
}

/* … and clients come in only on what was said after the server had come up (16). */
static bool
goal_is_recent(const struct keeper *keeper, const struct keeper_rule *rule)
{
	pgaf_time said = keeper->view.answered_at;

	return keeper->now - said <= CONTACT_FRESH &&
	       (rule->step != STEP_OPEN || said >= keeper->up_at);
}

/* ---- the note ---------------------------------------------------------- */

static void
note_accept(const struct keeper_view *view, struct note *note)
{
	const struct keeper_orders *orders = &view->orders;

	if (!view->orders_known)
		return;
	if (orders->epoch > note->epoch)
		note->epoch = orders->epoch;
	note->incarnation = orders->incarnation;
	if (orders->goal.epoch != note->goal.epoch &&
	    (orders->goal.upstream != 0 || pgaf_state_is_writable(orders->goal.state)))
		note->detached_epoch = 0;
	note->goal = orders->goal;
}

static void
note_save(struct keeper *keeper, const struct note *note)
{
	keeper->pending = *note;
	keeper->saving = true;
	keeper->noted = false;
	keeper->ops->save(keeper->world, &keeper->pending);
}

static void
note_again(struct keeper *keeper)
{
	keeper->resave = false;
	keeper->saving = true;
	keeper->ops->save(keeper->world, &keeper->pending);
}

static void
note_start(struct keeper *keeper, const struct keeper_rule *rule)
{
	struct keeper_view *view = &keeper->view;
	struct note note = view->note;
	uint32_t version;

	note_accept(view, &note);
	version = note.goal.set.version;
	if (rule->role != NOTE_NONE) {
		note.role = rule->role;
		if (rule->role == NOTE_PRIMARY && view->seen.timeline != 0)
			note.timeline = view->seen.timeline;
		if (rule->role == NOTE_PRIMARY && keeper->facts.fork_lsn != 0)
			note.fork_lsn = keeper->facts.fork_lsn;
		if (rule->role == NOTE_FENCED)
			view->stayed = true;
	}
	if (rule->set == NOTE_SET_BEGUN && version > note.about_version)
		note.about_version = version;
	if (rule->set == NOTE_SET_DECLINED && version > note.about_version) {
		note.declined_version = version;
		log_rule(&keeper->logger, PGAF_LOG_WARNING, "declined", rule->id, rule->doc);
	}
	if (view->seen.system_identifier != 0)
		note.system_identifier = view->seen.system_identifier;
	note.applied_version = view->proved_version;
	note_save(keeper, &note);
}

/* ---- promotion --------------------------------------------------------- */

void
renounce(struct keeper *keeper, const char *why)
{
	struct note note = keeper->view.note;

	log_at(&keeper->logger, PGAF_LOG_WARNING, "renounced", "renounces the promotion: %s", why);
	note_accept(&keeper->view, &note);
	note.renounced_epoch = keeper->view.orders.goal.epoch;
	if (note.role == NOTE_PROMOTING || note.role == NOTE_PRIMARY)
		note.role = NOTE_STANDBY;
	keeper->claiming = false;
	keeper->view.claim = K_CLAIM_RENOUNCED;
	note_save(keeper, &note);
}

/* Why the last look at Postgres forbids this promotion; NULL when it does not. */
static const char *
claim_obstacle(const struct keeper *keeper)
{
	const struct observation *seen = &keeper->view.seen;
	const struct goal *goal = &keeper->view.orders.goal;

	/* It claimed this promotion before and may have acknowledged commits since: only
	 * forward from there. */
	if (keeper->view.note.promotion == goal->epoch || seen->timeline == goal->timeline)
		return NULL;
	if (keeper->view.leaving != K_STAYS)
		return "it was told to stop";
	if (seen->pg != PG_STANDBY)
		return "its Postgres is not a running standby";
	for (uint32_t bit = 0; bit < VETO_COUNT; bit++)
		if ((seen->vetoes & (UINT32_C(1) << bit) & ~VETOES_PASSING) != 0)
			return veto_doc((enum veto)bit);
	return NULL;
}

static void
claim_start(struct keeper *keeper)
{
	struct keeper_view *view = &keeper->view;
	const struct goal *goal = &view->orders.goal;
	const char *obstacle = claim_obstacle(keeper);
	struct note note = view->note;

	if (obstacle != NULL) {
		renounce(keeper, obstacle);
		return;
	}
	note_accept(view, &note);
	/* Whoever reports that it knows the new store has nothing under way that it forgot. */
	if (view->forgotten)
		note.incarnation = view->note.incarnation;
	if (note.promotion != goal->epoch ||
	    (note.role != NOTE_PRIMARY && note.role != NOTE_FENCED))
		note.role = NOTE_PROMOTING;
	note.promotion = goal->epoch;
	note.timeline = goal->timeline;
	if (goal->set.version > note.about_version)
		note.about_version = goal->set.version;
	keeper->claiming = true;
	keeper->claim_granted = false;
	keeper->claim_sent_at = keeper->now;
	/* Both flushes at once; nothing happens before both are done. */
	note_save(keeper, &note);
	keeper->ops->claim(keeper->world, goal->epoch);
}

/* The answer to the claim of an older goal says nothing of the one that came since. */
bool
claim_is_current(const struct keeper *keeper)
{
	return keeper->pending.promotion == keeper->view.orders.goal.epoch;
}

void
claim_settle(struct keeper *keeper)
{
	if (!keeper->claiming || !keeper->claim_granted || !keeper->noted)
		return;
	keeper->claiming = false;
	keeper->again = true;
	if (!claim_is_current(keeper))
		return;
	keeper->view.claim = K_CLAIM_GRANTED;
	keeper->facts.claim_ms = (uint32_t)((keeper->now - keeper->claim_sent_at) / PGAF_MSEC(1));
}

/* ---- steps ------------------------------------------------------------- */

static void
order_fill(struct keeper *keeper, enum step step, struct step_order *order)
{
	const struct keeper_view *view = &keeper->view;
	const struct keeper_orders *orders = &view->orders;

	memset(order, 0, sizeof(*order));
	order->step = step;
	order->number = ++keeper->orders_sent;
	order->self = view->note.node_id;
	order->goal = view->orders_known ? orders->goal : view->note.goal;
	order->settings = orders->settings;
	order->system_identifier = orders->system_identifier;
	order->old_version = view->note.applied_version;
	/* The fence is left out only when a strict set was proved since this server started: what
	 * failed under the fence must be seen under it again. */
	order->from_async = view->proved_version == 0 || view->seen.sync_names[0] == '\0';
	order->deadline =
		step == STEP_PROMOTE ? keeper->claim_sent_at + PGAF_SECONDS(1) : PGAF_NEVER;
	if (step == STEP_HAND_OVER)
		order->stop_budget = orders->goal.budget;
	if (keeper->leave_at != 0 && order->stop_budget == 0)
		order->stop_budget = orders->settings.fast_stop_limit;
	for (uint32_t i = 0; i < orders->peer_count; i++) {
		order->peers[order->peer_count++] = orders->peers[i];
		if (orders->peers[i].id == order->goal.upstream)
			order->upstream = orders->peers[i];
	}
}

/* It knows how the server's last run ended, so nobody else can have been let in since (16). */
static bool
is_witness(const struct keeper_view *view)
{
	return (view->crashed && view->crash_seen) || view->stayed;
}

static bool
step_is_start(enum step step)
{
	return step == STEP_START_PRIMARY || step == STEP_START_STANDBY;
}

static void
step_start(struct keeper *keeper, const struct keeper_rule *rule)
{
	order_fill(keeper, rule->step, &keeper->order);
	keeper->busy = true;
	if (step_is_start(rule->step))
		keeper->start_began = keeper->now;
	if (rule->step == STEP_PROMOTE)
		keeper->promote_sent = true;
	if (rule->step == STEP_START_PRIMARY && is_witness(&keeper->view))
		keeper->view.witness = true;
	/* From here on what was proved may not be in force any more, done or not. */
	if (rule->step == STEP_APPLY_SET)
		keeper->view.proved_version = 0;
	if (rule->id != keeper->rule)
		log_rule(&keeper->logger, PGAF_LOG_INFO, step_name(rule->step), rule->id,
		         rule->doc);
	/* Load balancers learn of the end before clients feel it. */
	if (rule->step == STEP_HAND_OVER || rule->step == STEP_STOP ||
	    rule->step == STEP_STOP_IMMEDIATE || rule->step == STEP_FENCE)
		status_show(keeper);
	keeper->ops->step(keeper->world, &keeper->order);
}

/*
 * A claimed promotion is given up only when it is certain that it did not and will not happen:
 * a request that may have been sent dies with the server process, and the control file then
 * tells whether the timeline was reached. True when something was started for that.
 */
static bool
give_up(struct keeper *keeper)
{
	const struct observation *seen = &keeper->view.seen;

	if (seen->timeline == keeper->view.orders.goal.timeline || seen->pg == PG_PRIMARY) {
		keeper->give_up[0] = '\0';
		return false;
	}
	if (keeper->promote_sent && (seen->pg == PG_STANDBY || seen->pg == PG_STARTING)) {
		order_fill(keeper, STEP_STOP_IMMEDIATE, &keeper->order);
		keeper->busy = true;
		keeper->ops->step(keeper->world, &keeper->order);
		return true;
	}
	if (seen->pg == PG_EXITED)
		return false;
	renounce(keeper, keeper->give_up);
	keeper->give_up[0] = '\0';
	return true;
}

/*
 * The store forgot the promotion of which it was asked, so it refuses the claim. Whoever is on the
 * ordered timeline has had it granted, and may have acknowledged commits; anybody else gives up.
 */
static void
resolve_forgotten(struct keeper *keeper)
{
	struct keeper_view *view = &keeper->view;

	if (!view->forgotten || view->claim != K_CLAIM_LOST)
		return;
	if (view->seen.timeline == view->orders.goal.timeline)
		view->claim = K_CLAIM_GRANTED;
	else if (keeper->give_up[0] == '\0')
		text_copy(keeper->give_up, sizeof(keeper->give_up), "the store forgot it");
}

void
act(struct keeper *keeper)
{
	struct keeper_facts facts;
	const struct keeper_rule *rule;

	if (keeper->busy || keeper->saving || keeper->looking)
		return;
	/* A claim under way waits for its note: this comes before the wait for the claim. */
	if (keeper->resave) {
		if (keeper->now >= keeper->retry_at)
			note_again(keeper);
		return;
	}
	if (keeper->claiming)
		return;
	resolve_forgotten(keeper);
	if (keeper->give_up[0] != '\0' && give_up(keeper))
		return;
	keeper_facts_of(&keeper->view, keeper->now, &facts);
	rule = keeper_rule_find(&facts);
	if (rule->report != PGAF_STATE_UNKNOWN && rule->report != keeper->state) {
		log_rule(&keeper->logger, PGAF_LOG_INFO, "state", rule->id,
		         pgaf_state_name(rule->report));
		keeper->state = rule->report;
	}
	if (rule->step == STEP_NONE || keeper->now < keeper->retry_at ||
	    (step_is_start(rule->step) && keeper->now < keeper->start_after)) {
		keeper->rule = rule->id;
		return;
	}
	if (step_needs_goal(rule) && keeper->view.link_open && !goal_is_recent(keeper, rule)) {
		if (!keeper->refreshing)
			keeper->ops->refresh(keeper->world);
		keeper->refreshing = true;
		return;
	}
	if (rule->step == STEP_NOTE)
		note_start(keeper, rule);
	else if (rule->step == STEP_CLAIM)
		claim_start(keeper);
	else
		step_start(keeper, rule);
	keeper->rule = rule->id;
}

/* ---- results ----------------------------------------------------------- */

static void
done_stop(struct keeper *keeper, const struct step_result *result)
{
	struct keeper_view *view = &keeper->view;
	const struct goal *goal = &view->orders.goal;

	/* Known without another look: the report of a handover is on the path of the outage. */
	view->seen.pg = PG_STOPPED;
	view->seen.streaming = false;
	view->seen.waiters = 0;
	view->seen.member_count = 0;
	view->witness = false;
	keeper->facts.stopped_lsn = result->lsn;
	keeper->facts.stopped_clean = result->clean;
	/* For the handover that was ordered, and for no other (25). */
	keeper->facts.stopped_epoch =
		goal->state == PGAF_STATE_DRAINING && view->note.goal.epoch == goal->epoch
			? goal->epoch
			: 0;
	if (result->step != STEP_REAP)
		view->crashed = false;
}

static void
done_apply_set(struct keeper *keeper, const struct step_result *result)
{
	keeper->view.proved_version = keeper->order.goal.set.version;
	keeper->facts.in_force_version = keeper->order.goal.set.version;
	keeper->facts.in_force_lsn = result->lsn;
	keeper->facts.in_force_timeline = result->timeline;
	keeper->view.drifted = false;
	keeper->stuck_since = 0;
}

static void
done_promote(struct keeper *keeper, const struct step_result *result)
{
	struct keeper_view *view = &keeper->view;
	struct text names;

	view->seen.pg = PG_PRIMARY;
	view->seen.timeline = result->timeline;
	/* What was received beyond the fork is not part of this history. */
	view->seen.lsn = result->lsn;
	view->seen.replay = result->lsn;
	view->seen.streaming = false;
	view->seen.waiters = 0;
	text_init(&names, view->seen.sync_names, sizeof(view->seen.sync_names));
	sync_set_names(&keeper->order.goal.set, &names);
	view->settled = false;
	view->ready = K_NEEDS_SLOTS;
	/* Written before the promotion; an asynchronous set asks for no other proof. */
	view->proved_version = 0;
	if (keeper->order.goal.set.required == 0)
		done_apply_set(keeper, result);
	keeper->facts.promote_ms = result->ms;
	keeper->facts.open_ms = 0;
	keeper->promoted_at = keeper->now;
	keeper->facts.fork_lsn = result->lsn;
}

static void
done_detach(struct keeper *keeper, const struct step_result *result)
{
	keeper->facts.detached_lsn = result->lsn;
	keeper->facts.detached_epoch = keeper->order.goal.epoch;
}

static void
done_keep_wal(struct keeper *keeper, const struct step_result *result)
{
	keeper->view.wal_kept = true;
	keeper->facts.kept_timeline = result->timeline;
	keeper->facts.kept_lsn = result->lsn;
}

static void
done_copy(struct keeper_view *view)
{
	view->history = K_HISTORY_COPIED;
	view->ready = K_NEEDS_CONFIG;
	view->followed = 0;
}

/* What it has become shows the look that follows; stopped it is no more. */
static void
done_start(struct keeper_view *view, enum step step)
{
	view->seen.pg = PG_STARTING;
	view->crashed = false;
	view->start_failed = false;
	view->declined = false;
	if (step == STEP_START_PRIMARY)
		view->stayed = false;
}

static void
done_follow(struct keeper_view *view, const struct goal *goal)
{
	view->followed = goal->upstream;
	view->followed_as = goal->admission;
}

static void
done_configure(struct keeper_view *view)
{
	view->ready = view->note.role == NOTE_STANDBY ? K_NEEDS_SLOTS : K_NEEDS_ROLES;
	/* Until the next look says otherwise. */
	view->seen.vetoes &= ~VETO_BIT(PARAMETERS);
}

static void
done_settle(struct keeper_view *view)
{
	view->settled = true;
	view->ready = K_READY;
}

static void
done(struct keeper *keeper, const struct step_result *result)
{
	struct keeper_view *view = &keeper->view;

	switch (result->step) {
	case STEP_INITDB:
		view->ready = K_NEW;
		break;
	case STEP_ADOPT:
		view->ready = K_NEEDS_ROLES;
		break;
	case STEP_CONFIGURE:
		done_configure(view);
		break;
	case STEP_ROLES:
		view->ready = K_NEEDS_SLOTS;
		break;
	case STEP_SLOTS:
		view->ready = K_READY;
		break;
	case STEP_START_PRIMARY:
	case STEP_START_STANDBY:
		done_start(view, result->step);
		break;
	case STEP_OPEN:
		view->seen.closed = false;
		break;
	case STEP_STOP:
	case STEP_STOP_IMMEDIATE:
	case STEP_HAND_OVER:
	case STEP_REAP:
		done_stop(keeper, result);
		break;
	case STEP_APPLY_SET:
		done_apply_set(keeper, result);
		break;
	case STEP_DETACH:
		done_detach(keeper, result);
		break;
	case STEP_FOLLOW:
		done_follow(view, &keeper->order.goal);
		break;
	case STEP_PROVE_HISTORY:
		view->history = K_HISTORY_PROVED;
		break;
	case STEP_KEEP_WAL:
		done_keep_wal(keeper, result);
		break;
	case STEP_REWIND:
	case STEP_CLONE:
		done_copy(view);
		break;
	case STEP_PROMOTE:
		done_promote(keeper, result);
		break;
	case STEP_SETTLE:
		done_settle(view);
		break;
	case STEP_NONE:
	case STEP_NOTE:
	case STEP_CLAIM:
	case STEP_CUT_CLIENTS:
	case STEP_REST:
	case STEP_FENCE:
	case STEP_KEEP_STANDBY:
	case STEP_COUNT:
		break;
	}
}

/* Longer each time, and not in step with others. */
pgaf_time
retry_wait(const struct keeper *keeper, uint32_t times)
{
	pgaf_time wait = RETRY_FIRST << (times < 6 ? times : 6);

	if (wait > RETRY_MOST)
		wait = RETRY_MOST;
	return wait + (pgaf_time)(keeper->ops->random(keeper->world) % (uint64_t)(wait / 4 + 1));
}

static void
back_off(struct keeper *keeper, const struct step_result *result)
{
	keeper->retry_at = keeper->now + retry_wait(keeper, keeper->failures);
	keeper->failures++;
	text_copy(keeper->trouble, sizeof(keeper->trouble), result->text);
	if (keeper->failures == 1 || keeper->now - keeper->reminded_at >= REMIND_AFTER) {
		keeper->reminded_at = keeper->now;
		log_at(&keeper->logger, PGAF_LOG_WARNING, "step-failed", "%s failed: %s",
		       step_name(result->step), result->text);
	}
}

static void
refused(struct keeper *keeper, const struct step_result *result)
{
	if (result->step == STEP_PROMOTE) {
		text_copy(keeper->give_up, sizeof(keeper->give_up), result->text);
		return;
	}
	if (result->step == STEP_ADOPT || result->step == STEP_INITDB) {
		log_at(&keeper->logger, PGAF_LOG_ERROR, "refused", "%s", result->text);
		keeper_end(keeper, 4);
		return;
	}
	if (result->step == STEP_FOLLOW || result->step == STEP_REWIND)
		keeper->view.history = K_HISTORY_CLONE;
	back_off(keeper, result);
}

static void
diverged(struct keeper *keeper, const struct step_result *result)
{
	log_at(&keeper->logger, PGAF_LOG_WARNING, "diverged", "%s: %s", step_name(result->step),
	       result->text);
	keeper->view.history = result->step == STEP_REWIND ? K_HISTORY_CLONE : K_HISTORY_DIVERGED;
}

void
step_finished(struct keeper *keeper, const struct step_result *result)
{
	if (result->step != STEP_PROMOTE || result->outcome != STEP_DONE)
		look(keeper);
	switch (result->outcome) {
	case STEP_DONE:
		keeper->failures = 0;
		keeper->retry_at = 0;
		keeper->trouble[0] = '\0';
		done(keeper, result);
		break;
	case STEP_FAILED:
		if (result->step == STEP_START_PRIMARY)
			keeper->view.start_failed = true;
		back_off(keeper, result);
		break;
	case STEP_REFUSED:
		refused(keeper, result);
		break;
	case STEP_DIVERGED:
		diverged(keeper, result);
		break;
	case STEP_LOST:
		keeper->view.claim = K_CLAIM_NONE;
		break;
	case STEP_WRONG_TIMELINE:
		text_copy(keeper->give_up, sizeof(keeper->give_up), result->text);
		break;
	}
}
