/* SPDX-License-Identifier: PostgreSQL */
/*
 * What the monitor tells to the operator's programs: the words of the keepers,
 * of every node, and also of one whose keeper cannot tell anything any more.
 */
#include <string.h>

#include "base/pure/text.h"
#include "core/why.h"
#include "engine/monitor_hooks.h"

/* Its Postgres has ended, or nobody hears of it: what its keeper said last is not true any more. */
static bool
is_gone(const struct node *node, enum evidence evidence)
{
	return evidence == EVIDENCE_DOWN ||
	       (evidence == EVIDENCE_SILENT && node->session == SESSION_GONE);
}

static bool
is_on_its_way(enum pgaf_state goal)
{
	return goal == PGAF_STATE_PREPARE_PROMOTION || goal == PGAF_STATE_STOP_REPLICATION ||
	       pgaf_state_is_writable(goal);
}

/* As its keeper shows it to load balancers, of which the report says enough. */
static enum hook_role
role_seen(const struct node *node, enum hook_role told)
{
	const struct report *report = &node->report;
	enum pgaf_state goal = node->goal.state;

	if (report->route_open && pgaf_state_is_writable(goal))
		return HOOK_ROLE_PRIMARY;
	/* A promotion takes a moment, until it is open. */
	if (told == HOOK_ROLE_REPLICA && is_on_its_way(goal))
		return HOOK_ROLE_REPLICA;
	if (report->pg == PG_STANDBY && !report->leaving &&
	    (report->vetoes & VETO_BIT(NOT_CONSISTENT)) == 0 &&
	    (goal == PGAF_STATE_SECONDARY || goal == PGAF_STATE_CATCHINGUP))
		return HOOK_ROLE_REPLICA;
	return HOOK_ROLE_NONE;
}

/* Whose trouble it is that nobody lets clients in. */
static bool
has_the_role(const struct group *group, pgaf_node_id id)
{
	return id == (group->promotion.node != 0 ? group->promotion.node : group->primary);
}

/* Why nobody lets clients in, in one line. */
static const char *
say_group(const struct snapshot *snap, const struct node *node, enum evidence evidence,
          pgaf_time now, struct text *to)
{
	if (evidence == EVIDENCE_OK && node->report.pg == PG_PRIMARY &&
	    pgaf_state_is_writable(node->report.state))
		return "it runs as the primary and lets no clients in";
	explain_group_state(snap, now, to);
	for (char *at = to->at; (at = strchr(at, '\n')) != NULL;)
		*at = at[1] != '\0' ? ' ' : '\0';
	return to->at;
}

/* A keeper that is there knows best why its Postgres does not run yet, and tells it itself. */
static const char *
held_up_by(const struct snapshot *snap, const struct node *node, enum evidence evidence,
           pgaf_time now, struct text *to)
{
	if (has_the_role(&snap->group, node->id) &&
	    (!node->report.route_open || !pgaf_state_is_writable(node->goal.state) ||
	     is_gone(node, evidence)))
		return say_group(snap, node, evidence, now, to);
	if (node->report.waiters_ms > 0)
		return "commits wait for a standby, and none confirms them";
	if (node->session == SESSION_GONE)
		return "its keeper has no session with the monitor";
	if (evidence == EVIDENCE_SILENT || evidence == EVIDENCE_CONTRADICTED ||
	    evidence == EVIDENCE_NO_NEW_CONNECTIONS || evidence == EVIDENCE_STALLED)
		return evidence_doc(evidence);
	return NULL;
}

static struct hook_watch *
watch_of(struct monitor_hooks *hooks, const struct snapshot *snap, const struct node *node)
{
	size_t empty = 0;

	for (size_t i = 0; i < PGAF_NODES_MAX; i++) {
		if (hooks->places[i].node == node->id)
			return &hooks->places[i].watch;
		if (snapshot_node(snap, hooks->places[i].node) == NULL)
			empty = i;
	}
	/* A promotion that was over before this monitor looked is no news. */
	hooks->places[empty].node = node->id;
	hooks->places[empty].watch = (struct hook_watch){.promotion = node->report.promoted_epoch};
	return &hooks->places[empty].watch;
}

static pgaf_time
tell_of(struct hook_watch *watch, const struct snapshot *snap, const struct node *node,
        pgaf_time now, const struct monitor_ops *ops, void *world)
{
	char room[sizeof(((struct hook_call *)NULL)->reason)] = "";
	struct text reason = TEXT(room);
	enum evidence evidence = evidence_of(snap, node, now);
	bool gone = is_gone(node, evidence);
	const struct hook_sight sight = {
		.role = gone ? HOOK_ROLE_NONE : role_seen(node, watch->role),
		.down = gone,
		.promotion = node->report.promoted_epoch,
		.covered = hook_is_covered(&node->report),
		.alone = snap->count == 1,
		.stuck = held_up_by(snap, node, evidence, now, &reason),
	};
	struct hook_call call;

	/* Nothing was heard of it since this monitor started: what is stored is old. */
	if (node->reported_at == 0 && !gone)
		return PGAF_NEVER;
	while (hook_next(watch, &sight, now, &call))
		ops->hook(world, node, &call);
	return hook_due(watch);
}

pgaf_time
monitor_hooks_tell(struct monitor_hooks *hooks, const struct snapshot *snap, pgaf_time now,
                   const struct monitor_ops *ops, void *world)
{
	pgaf_time first = PGAF_NEVER;

	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *node = &snap->nodes[i];
		pgaf_time due = tell_of(watch_of(hooks, snap, node), snap, node, now, ops, world);

		if (due < first)
			first = due;
	}
	return first;
}
