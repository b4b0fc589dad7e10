/* SPDX-License-Identifier: PostgreSQL */
/*
 * One rule, one decision: facts for each node in turn, the strongest rule of
 * all wins. A rule that would change nothing is not a decision.
 */
#include "core/decide.h"

#include <string.h>

#include "base/pure/text.h"
#include "core/effects.h"

bool
decide(const struct snapshot *snap, pgaf_time now, struct decision *decision)
{
	const struct rule *best = NULL;
	struct roles roles;
	struct roles chosen = {0};

	roles_bind(snap, now, &roles);
	for (uint32_t i = 0; i < snap->count; i++) {
		struct facts facts;
		const struct rule *rule;

		roles.self = &snap->nodes[i];
		facts_of(snap, now, &roles, &facts);
		rule = rule_find(&facts);
		if (rule != NULL && (best == NULL || rule->id < best->id)) {
			best = rule;
			chosen = roles;
		}
	}
	if (best == NULL)
		return false;
	effect_apply(snap, &chosen, best, now, decision);
	return true;
}

pgaf_time
decide_look_again(const struct snapshot *snap, pgaf_time now)
{
	return facts_next_change(snap, now);
}

static struct node *
find(struct snapshot *snap, pgaf_node_id id)
{
	for (uint32_t i = 0; i < snap->count; i++)
		if (snap->nodes[i].id == id)
			return &snap->nodes[i];
	return NULL;
}

static void
remove_node(struct snapshot *snap, pgaf_node_id id)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < snap->count; i++)
		if (snap->nodes[i].id != id)
			snap->nodes[kept++] = snap->nodes[i];
	snap->count = kept;
}

/* Timers start when this monitor knows that the decision holds. */
static void
start_timers(uint32_t rule, const struct group *before, pgaf_time now, struct group *group)
{
	if (group->promotion.node != 0 && group->promotion.epoch != before->promotion.epoch) {
		group->promotion_since = now;
		group->last_failover_at = now;
	}
	if (group->handover.from != 0 && before->handover.from == 0)
		group->handover_since = now;
	if (rule == 632)
		group->relaxed_at = now;
	if (rule == 400 && group->inside_crashes > 0)
		group->crash_at = now;
}

void
decision_apply(const struct decision *decision, pgaf_time now, struct snapshot *snap)
{
	struct group before = snap->group;

	snap->group = decision->group;
	/* Settings and requests are other people's rows: what was read since is newer. */
	snap->group.settings = before.settings;
	if (before.request.number > decision->group.request.number)
		snap->group.request = before.request;
	start_timers(decision->rule, &before, now, &snap->group);
	for (uint32_t i = 0; i < decision->assignment_count; i++) {
		struct node *node = find(snap, decision->assignments[i].node);

		if (node == NULL)
			continue;
		node->goal = decision->assignments[i].goal;
		node->goal_since = now;
	}
	for (uint32_t i = 0; i < decision->admission_count; i++) {
		struct node *node = find(snap, decision->admissions[i].node);

		if (node == NULL)
			continue;
		node->admission = decision->admissions[i].admission;
		node->high_lsn = decision->admissions[i].high_lsn;
	}
	if (decision->removed != 0)
		remove_node(snap, decision->removed);
}
