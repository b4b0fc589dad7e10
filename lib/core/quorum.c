/* SPDX-License-Identifier: PostgreSQL */
/*
 * A promotion must satisfy every version of the synchronous set that the
 * primary may have been running: for k members of which s acknowledge,
 * k - s + 1 heard members are sure to contain one that has each commit.
 */
#include "core/quorum.h"

uint32_t
quorum_needed(const struct sync_set *set)
{
	return set->count >= set->required ? set->count - set->required + 1 : 0;
}

bool
promotion_is_lossy(const struct promotion *promotion)
{
	return promotion->node != 0 &&
	       (promotion->cause == 330 || promotion->cause == 350 || promotion->cause == 540);
}

bool
set_is_declined(const struct snapshot *snap, const struct sync_set *set)
{
	const struct node *primary = snapshot_node(snap, snap->group.primary);

	/* An unknown version also stands for older ones. */
	return primary != NULL && !set->unknown && primary->report.epoch >= primary->goal.epoch &&
	       set->version > primary->report.about_version &&
	       set->version <= primary->report.declined_version;
}

bool
node_is_detached(const struct snapshot *snap, const struct node *node)
{
	return node->report.detached_epoch != 0 && node->report.detached_epoch == snap->group.epoch;
}

static enum proof
proof_for(const struct snapshot *snap, const struct node *candidate, const struct sync_set *set)
{
	uint32_t heard = 0;

	if (sync_set_is_async(set))
		return PROOF_NONE;
	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *node = &snap->nodes[i];

		if (!sync_set_has(set, node->id, node->admission))
			continue;
		if (node != candidate && !node_is_detached(snap, node))
			continue;
		heard++;
		if (node != candidate && node->report.detached_lsn > candidate->report.lsn)
			return PROOF_BEHIND;
	}
	return heard >= quorum_needed(set) ? PROOF_HOLDS : PROOF_HEAR;
}

enum proof
proof_without(const struct snapshot *snap, const struct node *candidate, uint32_t version)
{
	enum proof worst = PROOF_HOLDS;
	uint32_t asked = 0;

	if (snap->group.recovering)
		return PROOF_NONE;
	for (uint32_t i = 0; i < snap->group.possible_count; i++) {
		enum proof proof;

		if (snap->group.possible[i].version == version ||
		    set_is_declined(snap, &snap->group.possible[i]))
			continue;
		asked++;
		proof = proof_for(snap, candidate, &snap->group.possible[i]);
		if (proof < worst)
			worst = proof;
	}
	return asked > 0 ? worst : PROOF_NONE;
}

enum proof
proof_of(const struct snapshot *snap, const struct node *candidate)
{
	return proof_without(snap, candidate, 0);
}
