/* SPDX-License-Identifier: PostgreSQL */
/*
 * Histories of WAL as a tree. A position is (branch, LSN); whether one history
 * holds another is a walk to the root. Branches are made by those who begin to
 * write, so two writers can never share one by accident of their numbers.
 */

#include <assert.h>

#include "sim/sim.h"

bool
wal_contains(const struct sim *sim, struct position whole, struct position part)
{
	uint32_t branch = whole.branch;
	pgaf_lsn limit = whole.lsn;

	if (part.branch == 0)
		return part.lsn == 0;
	while (branch != 0 && branch != part.branch) {
		if (sim->branches[branch].fork < limit)
			limit = sim->branches[branch].fork;
		branch = sim->branches[branch].parent;
	}
	return branch == part.branch && part.lsn <= limit;
}

struct position
wal_at(const struct sim *sim, struct position whole, pgaf_lsn lsn)
{
	uint32_t branch = whole.branch;

	if (lsn > whole.lsn)
		lsn = whole.lsn;
	while (sim->branches[branch].parent != 0 && lsn <= sim->branches[branch].fork)
		branch = sim->branches[branch].parent;
	return (struct position){.branch = branch, .lsn = lsn};
}

uint32_t
wal_branch(struct sim *sim, pgaf_node_id writer, uint32_t number, struct position from)
{
	uint32_t branch = ++sim->branch_count;

	if (branch >= BRANCHES_MAX) {
		violation(sim, "LIVE", "more than %d timelines", BRANCHES_MAX);
		return --sim->branch_count;
	}
	sim->branches[branch] = (struct branch){
		.number = number,
		.parent = from.branch,
		.fork = from.lsn,
		.writer = writer,
		.end = from.lsn,
		.given_up = sim->given_up[writer],
	};
	check_branch(sim, branch);
	return branch;
}
