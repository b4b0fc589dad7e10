/* SPDX-License-Identifier: PostgreSQL */
/* What the keeper tells to the operator's programs, from what it shows to load balancers. */

#include "engine/keeper_state.h"

static enum hook_role
role_shown(const struct keeper *keeper, enum route route)
{
	enum pgaf_state goal = keeper->view.orders.goal.state;

	switch (route) {
	case ROUTE_PRIMARY:
		return HOOK_ROLE_PRIMARY;
	case ROUTE_STANDBY:
		return HOOK_ROLE_REPLICA;
	case ROUTE_CLOSED:
		break;
	}
	/* A promotion takes a moment, until it is open, and nothing is started on its way. */
	if (keeper->hooks.role == HOOK_ROLE_REPLICA &&
	    (goal == PGAF_STATE_PREPARE_PROMOTION || goal == PGAF_STATE_STOP_REPLICATION ||
	     pgaf_state_is_writable(goal)))
		return HOOK_ROLE_REPLICA;
	return HOOK_ROLE_NONE;
}

static bool
is_down(const struct keeper_view *view)
{
	return view->seen_known && (view->seen.pg == PG_ABSENT || view->seen.pg == PG_STOPPED ||
	                            view->seen.pg == PG_EXITED);
}

/* A step that takes long is no trouble: a copy takes hours. */
static const char *
held_up_by(const struct keeper *keeper, const struct report *report, const char *held_back)
{
	if (report->waiters_ms > 0)
		return "commits wait for a standby, and none confirms them";
	if (keeper->trouble[0] != '\0')
		return keeper->trouble;
	if (held_back != NULL)
		return held_back;
	if (!keeper->view.orders_known || !keeper->view.link_open)
		return "the monitor is not reached";
	return NULL;
}

void
hooks_tell(struct keeper *keeper, const struct keeper_status *status, const char *held_back)
{
	const struct hook_sight sight = {
		.role = role_shown(keeper, status->route),
		.down = is_down(&keeper->view),
		.promotion = status->report->promoted_epoch,
		.covered = hook_is_covered(status->report),
		.alone = keeper->view.orders.peer_count == 0,
		.stuck = held_up_by(keeper, status->report, held_back),
	};
	struct hook_call call;

	if (keeper->ops->hook == NULL)
		return;
	while (hook_next(&keeper->hooks, &sight, keeper->now, &call))
		keeper->ops->hook(keeper->world, &call);
}

void
keeper_on_hooks(struct keeper *keeper, pgaf_time now)
{
	keeper->now = now;
	keeper->hooks = (struct hook_watch){.promotion = keeper->hooks.promotion};
}
