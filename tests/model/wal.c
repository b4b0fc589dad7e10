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
			        node + 1, timeline);
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

enum rank { RANK_EPOCH, RANK_VERSION, RANK_TIMELINE, RANK_ADMISSION, RANK_LSN, RANKS };

struct ranks {
	uint8_t *at[RANKS][256];
	unsigned count[RANKS];
};

static void
rank(struct ranks *ranks, enum rank kind, uint8_t *at)
{
	if (*at != 0)
		ranks->at[kind][ranks->count[kind]++] = at;
}

static void
rank_set(struct ranks *ranks, struct m_set *set)
{
	rank(ranks, RANK_VERSION, &set->version);
	for (unsigned i = 0; i < run.nodes; i++)
		rank(ranks, RANK_ADMISSION, &set->admission[i]);
}

static void
rank_goal(struct ranks *ranks, struct m_goal *goal)
{
	rank(ranks, RANK_EPOCH, &goal->epoch);
	rank(ranks, RANK_TIMELINE, &goal->timeline);
	rank(ranks, RANK_ADMISSION, &goal->admission);
	rank(ranks, RANK_LSN, &goal->min_lsn);
	rank_set(ranks, &goal->set);
}

static void
rank_report(struct ranks *ranks, struct m_report *report)
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
	rank(ranks, RANK_ADMISSION, &report->admission);
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
	rank(ranks, RANK_ADMISSION, &group->next_admission);
	for (unsigned i = 0; i < group->possible_count; i++)
		rank_set(ranks, &group->possible[i]);
	for (unsigned i = 0; i < run.nodes; i++) {
		rank_goal(ranks, &group->goal[i]);
		rank(ranks, RANK_ADMISSION, &group->admission[i]);
		rank(ranks, RANK_LSN, &group->high[i]);
	}
}

static void
rank_keeper(struct ranks *ranks, struct m_keeper *keeper)
{
	struct m_note *note = &keeper->note;

	rank(ranks, RANK_EPOCH, &note->epoch);
	rank(ranks, RANK_EPOCH, &note->promotion);
	rank(ranks, RANK_EPOCH, &note->renounced);
	rank(ranks, RANK_TIMELINE, &note->timeline);
	rank(ranks, RANK_VERSION, &note->about);
	rank(ranks, RANK_VERSION, &note->declined);
	rank(ranks, RANK_VERSION, &note->applied);
	rank_goal(ranks, &note->goal);
	rank(ranks, RANK_EPOCH, &keeper->orders_epoch);
	rank_goal(ranks, &keeper->orders);
	rank(ranks, RANK_EPOCH, &keeper->crash_epoch);
	rank(ranks, RANK_VERSION, &keeper->proved);
	rank(ranks, RANK_ADMISSION, &keeper->followed_as);
	rank(ranks, RANK_VERSION, &keeper->in_force);
	rank(ranks, RANK_TIMELINE, &keeper->in_force_timeline);
	rank(ranks, RANK_EPOCH, &keeper->stopped);
	rank(ranks, RANK_LSN, &keeper->stopped_lsn);
	rank(ranks, RANK_LSN, &keeper->barrier);
	rank_goal(ranks, &keeper->order);
	rank(ranks, RANK_EPOCH, &keeper->claim_epoch);
	rank(ranks, RANK_EPOCH, &keeper->sent_epoch);
	rank_report(ranks, &keeper->report);
	rank_goal(ranks, &keeper->sent);
}

static void
rank_pg(struct ranks *ranks, struct m_pg *pg)
{
	rank(ranks, RANK_LSN, &pg->lsn);
	rank(ranks, RANK_LSN, &pg->waiter);
	rank(ranks, RANK_ADMISSION, &pg->admission);
	rank(ranks, RANK_TIMELINE, &pg->promote);
	rank_set(ranks, &pg->file);
	for (unsigned i = 0; i < run.nodes; i++) {
		rank(ranks, RANK_ADMISSION, &pg->sender[i].admission);
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
renumber(struct ranks *ranks, enum rank kind)
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

void
normalise(struct m_state *s)
{
	struct ranks ranks;

	for (unsigned branch = s->world.branches; branch > 0; branch--)
		if (!branch_is_needed(s, branch))
			branch_drop(s, branch);
	memset(ranks.count, 0, sizeof(ranks.count));
	rank_group(&ranks, &s->store.group);
	if (s->monitor.pending) {
		rank(&ranks, RANK_EPOCH, &s->monitor.from_epoch);
		rank_group(&ranks, &s->monitor.next);
	}
	if (run.restore)
		rank_group(&ranks, &s->copy);
	rank_world(&ranks, &s->world);
	for (unsigned i = 0; i < run.nodes; i++) {
		rank_report(&ranks, &s->store.report[i]);
		rank_keeper(&ranks, &s->keeper[i]);
		rank_pg(&ranks, &s->pg[i]);
	}
	for (enum rank kind = 0; kind < RANKS; kind++)
		renumber(&ranks, kind);
}
