/* SPDX-License-Identifier: PostgreSQL */
/*
 * Leaving: SIGTERM announces itself, hands over when it can, stops Postgres
 * and exits within stop_limit; a dropped node exits when the store knows.
 */
#include "engine/keeper_state.h"

/* Kept back of stop_limit so that SIGKILL still fits. */
#define KILL_RESERVE PGAF_SECONDS(1)
/* How long a handover, or permission to leave, may take to be decided. */
#define DECISION_WAIT PGAF_SECONDS(1)
#define LAST_WORD PGAF_MSEC(500)

void
keeper_end(struct keeper *keeper, int code)
{
	if (keeper->ended)
		return;
	keeper->ended = true;
	keeper->exit_code = code;
	keeper->ops->ended(keeper->world, code);
}

void
keeper_on_terminate(struct keeper *keeper, pgaf_time now)
{
	struct keeper_view *view = &keeper->view;

	keeper->now = now;
	if (keeper->leave_at != 0) {
		/* The second time: at once. */
		view->leaving = K_LEAVES;
		keeper->leave_at = now - view->orders.settings.stop_limit + KILL_RESERVE;
		return;
	}
	keeper->leave_at = now;
	view->leaving = K_ANNOUNCED;
	keeper->retry_at = 0;
	log_at(&keeper->logger, PGAF_LOG_INFO, "leaving", "told to stop");
	report_send(keeper, true);
}

void
keeper_on_leave(struct keeper *keeper, pgaf_time now)
{
	keeper->now = now;
	log_at(&keeper->logger, PGAF_LOG_INFO, "leaving", "leaves Postgres running");
	keeper_end(keeper, 0);
}

/* Whether anything but stopping is worth waiting for. */
static bool
may_wait(const struct keeper *keeper)
{
	const struct keeper_view *view = &keeper->view;
	enum pgaf_state goal = view->orders.goal.state;
	pgaf_time waited = keeper->now - keeper->leave_at;

	if (!view->orders_known || !view->link_open ||
	    waited >= view->orders.settings.stop_limit - KILL_RESERVE)
		return false;
	if (view->seen.pg != PG_PRIMARY && view->seen.pg != PG_STANDBY)
		return goal == PGAF_STATE_DRAINING && keeper->busy;
	if (goal == PGAF_STATE_DRAINING)
		return waited < view->orders.settings.handover_limit &&
		       waited < view->orders.settings.stop_limit - 2 * KILL_RESERVE;
	if (view->seen.pg == PG_PRIMARY)
		return goal == PGAF_STATE_PRIMARY && !keeper->options.no_handover &&
		       waited < DECISION_WAIT;
	/* A member: the primary must be allowed to go on without it. */
	return goal == PGAF_STATE_SECONDARY && waited < DECISION_WAIT;
}

static void
leave_dropped(struct keeper *keeper)
{
	if (keeper->state == PGAF_STATE_DROPPED && keeper->report.state == PGAF_STATE_DROPPED &&
	    keeper->answered_since)
		keeper_end(keeper, 0);
}

static void
leave_now(struct keeper *keeper)
{
	const struct keeper_view *view = &keeper->view;
	pgaf_time waited = keeper->now - keeper->leave_at;
	bool stopped = view->seen_known && !keeper->busy && !keeper->looking &&
	               (view->seen.pg == PG_STOPPED || view->seen.pg == PG_ABSENT);
	bool said = keeper->answered_since && keeper->report.pg != PG_PRIMARY &&
	            keeper->report.pg != PG_STANDBY;

	if (stopped && (said || !view->link_open || waited >= view->orders.settings.stop_limit))
		keeper_end(keeper, 0);
	else if (waited >= view->orders.settings.stop_limit + LAST_WORD)
		keeper_end(keeper, 1);
}

void
leave_run(struct keeper *keeper)
{
	struct keeper_view *view = &keeper->view;
	pgaf_time limit = view->orders.settings.stop_limit - KILL_RESERVE;

	leave_dropped(keeper);
	if (keeper->leave_at == 0 || keeper->ended)
		return;
	if (view->leaving == K_ANNOUNCED && !may_wait(keeper)) {
		view->leaving = K_LEAVES;
		if (keeper->busy && step_is_cancellable(keeper->order.step))
			step_cancel(keeper);
	}
	if (view->leaving == K_LEAVES && keeper->now - keeper->leave_at >= limit && keeper->busy &&
	    keeper->order.step == STEP_STOP) {
		keeper->ops->cancel(keeper->world);
		keeper->order.step = STEP_STOP_IMMEDIATE;
		keeper->order.number = ++keeper->orders_sent;
		keeper->ops->step(keeper->world, &keeper->order);
	}
	if (view->leaving == K_LEAVES)
		leave_now(keeper);
}

pgaf_time
leave_deadline(const struct keeper *keeper)
{
	const struct settings *settings = &keeper->view.orders.settings;
	pgaf_time since = keeper->leave_at;

	if (since == 0)
		return PGAF_NEVER;
	if (keeper->now < since + DECISION_WAIT)
		return since + DECISION_WAIT;
	if (keeper->now < since + settings->handover_limit)
		return since + settings->handover_limit;
	if (keeper->now < since + settings->stop_limit - KILL_RESERVE)
		return since + settings->stop_limit - KILL_RESERVE;
	if (keeper->now < since + settings->stop_limit)
		return since + settings->stop_limit;
	/* Never in the past: what could end by then has ended. */
	if (keeper->now < since + settings->stop_limit + LAST_WORD)
		return since + settings->stop_limit + LAST_WORD;
	return PGAF_NEVER;
}
