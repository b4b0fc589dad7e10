/* SPDX-License-Identifier: PostgreSQL */
/*
 * Histories of WAL as ancestry, positions as order, and the renumbering that
 * makes two states equal when no rule can tell them apart.
 */
#include <string.h>

#include "model/model.h"

bool
wal_contains(const struct m_state *s, unsigned branch, unsigned lsn, unsigned of_branch,
             unsigned of_lsn)
{
	if (of_branch == 0)
		return true;
	while (branch != 0) {
		const struct m_branch *at = &s->world.branch[branch - 1];

		if (branch == of_branch)
			return of_lsn <= lsn;
		lsn = at->fork < lsn ? at->fork : lsn;
		branch = at->parent;
	}
	return false;
}

unsigned
wal_branch_at(const struct m_state *s, unsigned branch, unsigned lsn)
{
	while (s->world.branch[branch - 1].parent != 0 && s->world.branch[branch - 1].fork >= lsn)
		branch = s->world.branch[branch - 1].parent;
	return branch;
}

unsigned
wal_timeline(const struct m_state *s, unsigned branch)
{
	return branch == 0 ? 0 : s->world.branch[branch - 1].timeline;
}

unsigned
wal_next(struct m_state *s)
{
	unsigned last = 0;

	for (unsigned i = 0; i < run.nodes; i++)
		if (s->pg[i].lsn > last)
			last = s->pg[i].lsn;
	return last + 1;
}

void
wal_fork(struct m_state *s, unsigned node, unsigned timeline)
{
	struct m_pg *pg = &s->pg[node];

	for (unsigned i = 0; i < s->world.branches; i++)
		if (s->world.branch[i].timeline >= timeline)
			violate("TIMELINE", "node%u opens timeline %u, which was given before",
			        name_of(node), timeline);
	if (s->world.branches == BRANCHES_MOST) {
		violate("BOUND", "more histories than the model has room for");
		return;
	}
	s->world.branch[s->world.branches] = (struct m_branch){
		.timeline = (uint8_t)timeline,
		.parent = pg->branch,
		.fork = pg->lsn,
		.writer = (uint8_t)(node + 1),
	};
	pg->lsn = (uint8_t)wal_next(s);
	pg->branch = ++s->world.branches;
}

/* ---- histories that nobody refers to any more --------------------------- */

/* Branch `drop` (from 1) goes; its only child, if any, becomes a root. */
static void
branch_drop(struct m_state *s, unsigned drop)
{
	struct m_world *world = &s->world;

	for (unsigned i = 0; i < world->branches; i++) {
		struct m_branch *branch = &world->branch[i];

		if (branch->parent == drop)
			branch->parent = branch->fork = 0;
		else if (branch->parent > drop)
			branch->parent--;
	}
	for (unsigned i = drop; i < world->branches; i++)
		world->branch[i - 1] = world->branch[i];
	memset(&world->branch[--world->branches], 0, sizeof(world->branch[0]));
	if (world->acked_branch > drop)
		world->acked_branch--;
	for (unsigned i = 0; i < run.nodes; i++) {
		if (s->pg[i].branch > drop)
			s->pg[i].branch--;
		if (s->pg[i].disk_branch == drop)
			s->pg[i].disk_branch = 0;
		else if (s->pg[i].disk_branch > drop)
			s->pg[i].disk_branch--;
	}
}

static bool
branch_is_needed(const struct m_state *s, unsigned branch)
{
	unsigned children = 0;

	if (branch == s->world.branches || branch == s->world.acked_branch)
		return true;
	for (unsigned i = 0; i < run.nodes; i++)
		if (s->pg[i].branch == branch)
			return true;
	for (unsigned i = 0; i < s->world.branches; i++)
		children += s->world.branch[i].parent == branch;
	return children > 1 || (children == 1 && s->world.branch[branch - 1].parent != 0);
}

/* ---- ranks -------------------------------------------------------------- */

/* Admissions are only ever compared with others of the same node: each has ranks of its own. */
enum rank {
	RANK_EPOCH,
	RANK_VERSION,
	RANK_TIMELINE,
	RANK_LSN,
	RANK_ADMISSION,
	RANKS = RANK_ADMISSION + NODES_MOST
};

struct ranks {
	uint8_t *at[RANKS][512];
	unsigned count[RANKS];
};

static void
rank(struct ranks *ranks, unsigned kind, uint8_t *at)
{
	if (*at != 0)
		ranks->at[kind][ranks->count[kind]++] = at;
}

static void
rank_set(struct ranks *ranks, struct m_set *set)
{
	rank(ranks, RANK_VERSION, &set->version);
	for (unsigned i = 0; i < run.nodes; i++)
		rank(ranks, RANK_ADMISSION + i, &set->admission[i]);
}

static void
rank_goal(struct ranks *ranks, unsigned node, struct m_goal *goal)
{
	rank(ranks, RANK_EPOCH, &goal->epoch);
	rank(ranks, RANK_TIMELINE, &goal->timeline);
	rank(ranks, RANK_ADMISSION + node, &goal->admission);
	rank(ranks, RANK_LSN, &goal->min_lsn);
	rank_set(ranks, &goal->set);
}

static void
rank_report(struct ranks *ranks, unsigned node, struct m_report *report)
{
	rank(ranks, RANK_EPOCH, &report->epoch);
	rank(ranks, RANK_EPOCH, &report->renounced);
	rank(ranks, RANK_EPOCH, &report->promoted);
	rank(ranks, RANK_EPOCH, &report->stopped);
	rank(ranks, RANK_TIMELINE, &report->timeline);
	rank(ranks, RANK_TIMELINE, &report->disk_timeline);
	rank(ranks, RANK_TIMELINE, &report->in_force_timeline);
	rank(ranks, RANK_TIMELINE, &report->promoted_timeline);
	rank(ranks, RANK_VERSION, &report->in_force);
	rank(ranks, RANK_VERSION, &report->about);
	rank(ranks, RANK_VERSION, &report->declined);
	rank(ranks, RANK_ADMISSION + node, &report->admission);
	rank(ranks, RANK_LSN, &report->lsn);
	rank(ranks, RANK_LSN, &report->stopped_lsn);
}

static void
rank_group(struct ranks *ranks, struct m_group *group)
{
	rank(ranks, RANK_EPOCH, &group->epoch);
	rank(ranks, RANK_EPOCH, &group->promotion);
	rank(ranks, RANK_TIMELINE, &group->timeline);
	rank(ranks, RANK_TIMELINE, &group->next_timeline);
	rank(ranks, RANK_TIMELINE, &group->promotion_timeline);
	rank(ranks, RANK_VERSION, &group->next_version);
	for (unsigned i = 0; i < group->possible_count; i++)
		rank_set(ranks, &group->possible[i]);
	for (unsigned i = 0; i < run.nodes; i++) {
		rank_goal(ranks, i, &group->goal[i]);
		rank(ranks, RANK_ADMISSION + i, &group->admission[i]);
		rank(ranks, RANK_LSN, &group->high[i]);
	}
}

static void
rank_keeper(struct ranks *ranks, unsigned node, struct m_keeper *keeper)
{
	struct m_note *note = &keeper->note;

	rank(ranks, RANK_EPOCH, &note->epoch);
	rank(ranks, RANK_EPOCH, &note->promotion);
	rank(ranks, RANK_EPOCH, &note->renounced);
	rank(ranks, RANK_TIMELINE, &note->timeline);
	rank(ranks, RANK_VERSION, &note->about);
	rank(ranks, RANK_VERSION, &note->declined);
	rank(ranks, RANK_VERSION, &note->applied);
	rank_goal(ranks, node, &note->goal);
	rank(ranks, RANK_EPOCH, &keeper->orders_epoch);
	rank_goal(ranks, node, &keeper->orders);
	rank(ranks, RANK_EPOCH, &keeper->crash_epoch);
	rank(ranks, RANK_VERSION, &keeper->proved);
	rank(ranks, RANK_ADMISSION + node, &keeper->followed_as);
	rank(ranks, RANK_VERSION, &keeper->in_force);
	rank(ranks, RANK_TIMELINE, &keeper->in_force_timeline);
	rank(ranks, RANK_EPOCH, &keeper->stopped);
	rank(ranks, RANK_LSN, &keeper->stopped_lsn);
	rank(ranks, RANK_LSN, &keeper->barrier);
	rank_goal(ranks, node, &keeper->order);
	rank(ranks, RANK_EPOCH, &keeper->claim_epoch);
	rank(ranks, RANK_EPOCH, &keeper->sent_epoch);
	rank_report(ranks, node, &keeper->report);
	rank_report(ranks, node, &keeper->old);
	rank_goal(ranks, node, &keeper->sent);
}

static void
rank_pg(struct ranks *ranks, unsigned node, struct m_pg *pg)
{
	rank(ranks, RANK_LSN, &pg->lsn);
	rank(ranks, RANK_LSN, &pg->waiter);
	rank(ranks, RANK_ADMISSION + node, &pg->admission);
	rank(ranks, RANK_TIMELINE, &pg->promote);
	rank_set(ranks, &pg->file);
	for (unsigned i = 0; i < run.nodes; i++) {
		rank(ranks, RANK_ADMISSION + i, &pg->sender[i].admission);
		rank(ranks, RANK_LSN, &pg->sender[i].flush);
		rank_set(ranks, &pg->sender[i].set);
	}
}

static void
rank_world(struct ranks *ranks, struct m_world *world)
{
	rank(ranks, RANK_LSN, &world->acked);
	for (unsigned i = 0; i < world->branches; i++) {
		rank(ranks, RANK_TIMELINE, &world->branch[i].timeline);
		rank(ranks, RANK_LSN, &world->branch[i].fork);
	}
}

static void
renumber(struct ranks *ranks, unsigned kind)
{
	uint8_t new[256];
	uint8_t next = 0;
	unsigned most = 0;
	uint8_t **at = ranks->at[kind];
	unsigned count = ranks->count[kind];

	for (unsigned i = 0; i < count; i++)
		most = *at[i] > most ? *at[i] : most;
	memset(new, 0, most + 1);
	for (unsigned i = 0; i < count; i++)
		new[*at[i]] = 1;
	for (unsigned value = 1; value <= most; value++)
		if (new[value] != 0)
			new[value] = ++next;
	for (unsigned i = 0; next != most && i < count; i++)
		*at[i] = new[*at[i]];
}

/* The next admission is above all others, which is all that matters of it. */
static void
next_admissions(struct m_state *s, const struct ranks *ranks)
{
	uint8_t last = 0;

	for (unsigned i = 0; i < run.nodes; i++)
		for (unsigned at = 0; at < ranks->count[RANK_ADMISSION + i]; at++)
			if (*ranks->at[RANK_ADMISSION + i][at] > last)
				last = *ranks->at[RANK_ADMISSION + i][at];
	s->store.group.next_admission = last + 1;
	for (unsigned by = 0; by < MONITORS; by++)
		if (s->monitor[by].pending)
			s->monitor[by].next.next_admission = last + 1;
}

/* What an older copy takes for the next admission may have been given since: all have one order. */
static void
rank_restored(struct ranks *ranks, struct m_state *s)
{
	for (unsigned i = 1; i < NODES_MOST; i++) {
		for (unsigned at = 0; at < ranks->count[RANK_ADMISSION + i]; at++)
			rank(ranks, RANK_ADMISSION, ranks->at[RANK_ADMISSION + i][at]);
		ranks->count[RANK_ADMISSION + i] = 0;
	}
	rank(ranks, RANK_ADMISSION, &s->store.group.next_admission);
	rank(ranks, RANK_ADMISSION, &s->copy.next_admission);
	for (unsigned by = 0; by < MONITORS; by++)
		rank(ranks, RANK_ADMISSION, &s->monitor[by].next.next_admission);
}

void
normalise(struct m_state *s)
{
	struct ranks ranks;

	for (unsigned branch = s->world.branches; branch > 0; branch--)
		if (!branch_is_needed(s, branch))
			branch_drop(s, branch);
	memset(ranks.count, 0, sizeof(ranks.count));
	rank_group(&ranks, &s->store.group);
	for (unsigned by = 0; by < MONITORS; by++) {
		if (!s->monitor[by].pending)
			continue;
		rank(&ranks, RANK_EPOCH, &s->monitor[by].from_epoch);
		rank_group(&ranks, &s->monitor[by].next);
	}
	if (s->copy.epoch != 0)
		rank_group(&ranks, &s->copy);
	rank_world(&ranks, &s->world);
	for (unsigned i = 0; i < run.nodes; i++) {
		rank_report(&ranks, i, &s->store.report[i]);
		rank_keeper(&ranks, i, &s->keeper[i]);
		rank_pg(&ranks, i, &s->pg[i]);
	}
	if (run.restore)
		rank_restored(&ranks, s);
	for (unsigned kind = 0; kind < RANKS; kind++)
		renumber(&ranks, kind);
	if (!run.restore)
		next_admissions(s, &ranks);
}
