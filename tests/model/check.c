/* SPDX-License-Identifier: PostgreSQL */
/*
 * What must hold: DUR, ONE, SAFE-PROMOTE, TIMELINE and RUNNING (the running
 * set is a possible one) on every state, STABLE at every decision; what a good
 * state is, for LIVE. Worked out here apart from the core.
 */
#include <string.h>

#include "core/note.h"
#include "model/model.h"

static bool
is_writable(unsigned state)
{
	return pgaf_state_is_writable((enum pgaf_state)state);
}

/* ---- promises to clients ------------------------------------------------ */

/* Whether this node's note says that it never applies that set (4b). */
static bool
is_declined(const struct m_state *s, unsigned node, const struct m_set *set)
{
	const struct m_note *note = &s->keeper[node].note;

	return !set->unknown && set->version > note->about && set->version <= note->declined;
}

/* Whether what this node acknowledges counts: no version of its term is asynchronous. */
static bool
counts(const struct m_state *s, unsigned node)
{
	const struct m_group *group = &s->store.group;
	bool former = group->promoted != 0 && group->from == node + 1;
	unsigned first = group->promoted != 0 ? group->goal[group->promoted - 1].set.version : 0;
	bool within = false;

	if (group->primary != node + 1 && !former)
		return false;
	for (unsigned i = 0; i < group->possible_count; i++) {
		const struct m_set *set = &group->possible[i];

		if (first != 0 && former == (set->version >= first))
			continue;
		if (is_declined(s, node, set))
			continue;
		if (set->unknown || set->required == 0)
			return false;
		within = true;
	}
	return within;
}

void
check_acknowledged(struct m_state *s, unsigned node, unsigned lsn)
{
	struct m_world *world = &s->world;
	unsigned branch = wal_branch_at(s, s->pg[node].branch, lsn);
	const struct m_branch *last = &world->branch[world->branches - 1];

	/* The newest history was opened by another node and does not hold it. */
	if (last->writer != node + 1 && !wal_contains(s, world->branches, 255, branch, lsn))
		violate("ONE", "node%u acknowledges a commit after node%u was promoted without it",
		        name_of(node), name_of(last->writer - 1U));
	/* An older copy knows nothing of the set in force, until all nodes were heard (12). */
	if (!counts(s, node) || world->restored == 1)
		return;
	tell("it counts; ");
	world->acked_branch = (uint8_t)branch;
	world->acked = (uint8_t)lsn;
	world->acked_writer = (uint8_t)(node + 1);
}

void
check_promoted(const struct m_state *s, unsigned node)
{
	const struct m_world *world = &s->world;
	const struct m_pg *pg = &s->pg[node];

	if (world->acked != 0 &&
	    !wal_contains(s, pg->branch, pg->lsn, world->acked_branch, world->acked))
		violate("DUR", "node%u is promoted without the commit that node%u acknowledged",
		        name_of(node), name_of(world->acked_writer - 1U));
	/* Executed late: it was decided otherwise since (trap 3). */
	if (!s->store.group.recovering && world->restored != 1 &&
	    (s->store.group.promoted != node + 1 || !s->store.group.claimed))
		violate("SAFE-PROMOTE", "node%u is promoted, and the role is not its own",
		        name_of(node));
}

/* ---- decisions ---------------------------------------------------------- */

static bool
proves(const struct m_state *s, const struct m_set *set, unsigned candidate)
{
	unsigned heard = 0, members = 0;

	if (set->unknown || set->required == 0)
		return false;
	for (unsigned i = 0; i < run.nodes; i++) {
		if ((set->members >> i & 1U) == 0)
			continue;
		members++;
		/* No rule orders a detachment today: only the candidate itself is heard. */
		heard += i == candidate && set->admission[i] == s->store.group.admission[i];
	}
	return heard + set->required >= members + 1;
}

static void
check_order(const struct m_state *s, const struct m_group *next, unsigned rule)
{
	const struct m_group *group = &s->store.group;
	unsigned candidate = next->promoted - 1u;

	if (group->handover_to == next->promoted && rule == 500) {
		const struct m_report *from = &s->store.report[group->primary - 1];

		if (!from->clean || next->goal[candidate].min_lsn < from->stopped_lsn)
			violate("SAFE-PROMOTE", "node%u is to take over what did not stop cleanly",
			        name_of(candidate));
		return;
	}
	if (group->possible_count == 0)
		violate("SAFE-PROMOTE", "nothing is known of the set in force");
	for (unsigned i = 0; i < group->possible_count; i++)
		if (!is_declined(s, group->primary - 1u, &group->possible[i]) &&
		    !proves(s, &group->possible[i], candidate))
			violate("SAFE-PROMOTE",
			        "node%u is to be promoted, but set %u may be in force",
			        name_of(candidate), group->possible[i].version);
}

void
check_decision(const struct m_state *s, const struct m_group *next, unsigned rule)
{
	const struct m_group *group = &s->store.group;

	if (next->promoted != 0 && next->promotion != group->promotion)
		check_order(s, next, rule);
	/* Whoever takes a claimed role away needs the claimant's word. */
	if (group->promoted != 0 && group->claimed && next->promoted != group->promoted &&
	    !next->recovering) {
		const struct m_report *report = &s->store.report[group->promoted - 1];

		if (report->renounced != group->promotion && report->promoted != group->promotion)
			violate("SAFE-PROMOTE", "a claimed promotion is given to somebody else");
	}
}

/* ---- every state -------------------------------------------------------- */

static bool
is_possible(const struct m_group *group, const struct m_set *set)
{
	for (unsigned i = 0; i < group->possible_count; i++)
		if (group->possible[i].unknown || set_same(&group->possible[i], set))
			return true;
	/* The fence acknowledges nothing: it is stricter than any set. */
	return set->required > 0 && set->members == 0;
}

/* The primary of the group runs no set that the store does not know of. */
static void
check_running(const struct m_state *s, unsigned node)
{
	const struct m_group *group = &s->store.group;
	const struct m_pg *pg = &s->pg[node];

	bool former = group->promoted != 0 && group->from == node + 1;

	/* A former primary may come back with the set it had. */
	if (group->recovering || s->world.restored == 1 || pg->unfinished ||
	    (!former && (group->primary != node + 1 || pg->status != PG_PRIMARY)))
		return;
	if (is_declined(s, node, &pg->file))
		violate("RUNNING", "node%u runs set %u, which it declined", name_of(node),
		        pg->file.version);
	if (!is_possible(group, &pg->file))
		violate("RUNNING", "node%u runs set %u (%u of members %u), which is not possible",
		        name_of(node), pg->file.version, pg->file.required, pg->file.members);
	/* A walsender that is stricter than it need be harms nobody. */
	for (unsigned i = 0; i < group->possible_count; i++)
		if (group->possible[i].unknown || group->possible[i].required == 0)
			return;
	for (unsigned i = 0; i < run.nodes; i++)
		if (pg->sender[i].used && !is_possible(group, &pg->sender[i].set) &&
		    pg->sender[i].set.required > 0)
			violate("RUNNING", "a walsender of node%u still uses set %u", name_of(node),
			        pg->sender[i].set.version);
}

void
check_state(const struct m_state *s)
{
	const struct m_world *world = &s->world;

	for (unsigned i = 0; i < run.nodes; i++) {
		const struct m_pg *pg = &s->pg[i];

		check_running(s, i);
		for (unsigned k = 0; k < run.nodes; k++)
			if (i != k && pg->status == PG_PRIMARY && s->pg[k].status == PG_PRIMARY &&
			    pg->branch == s->pg[k].branch)
				violate("TIMELINE", "node%u and node%u write the same timeline",
				        name_of(i), name_of(k));
	}
	/* What the newest writer opened holds everything that counts. */
	if (world->acked != 0 &&
	    !wal_contains(s, world->branches, 255, world->acked_branch, world->acked))
		violate("DUR", "the commit that node%u acknowledged is not in the newest history",
		        name_of(world->acked_writer - 1U));
}

/* ---- good states -------------------------------------------------------- */

static const char *
why_not_standby(const struct m_state *s, unsigned node)
{
	const struct m_group *group = &s->store.group;
	const struct m_pg *pg = &s->pg[node];

	if (!s->keeper[node].alive || s->keeper[node].frozen == FROZEN)
		return "a keeper is dead or frozen";
	if (pg->status != PG_STANDBY || !pg->streaming || pg->upstream != group->primary)
		return "a standby does not follow the primary";
	if (s->store.report[node].state != PGAF_STATE_SECONDARY ||
	    group->goal[node].state != PGAF_STATE_SECONDARY)
		return "a standby is not in good standing";
	if ((group->possible[0].members >> node & 1U) == 0)
		return "nobody waits for a standby in good standing";
	return NULL;
}

const char *
why_not_good(const struct m_state *s)
{
	const struct m_group *group = &s->store.group;
	unsigned primary = group->primary - 1u;
	const char *why = NULL;

	if (group->promoted != 0 || group->handover_from != 0 || group->recovering)
		return "a promotion, handover or recovery is under way";
	if (group->primary == 0 || s->pg[primary].status != PG_PRIMARY)
		return "the primary does not run";
	if (s->pg[primary].branch != s->world.branches)
		return "the primary is not on the newest history";
	if (!is_writable(group->goal[primary].state) || !s->keeper[primary].alive ||
	    s->keeper[primary].frozen == FROZEN || s->keeper[primary].note.role != NOTE_PRIMARY ||
	    s->store.report[primary].state != group->goal[primary].state)
		return "the primary has not reached its goal";
	if (group->possible_count != 1)
		return "the set in force is not proved";
	for (unsigned i = 0; i < run.nodes && why == NULL; i++)
		if (i != primary)
			why = why_not_standby(s, i);
	return why;
}

bool
is_good(const struct m_state *s)
{
	return why_not_good(s) == NULL;
}

/* ---- decisions that nothing asks for ------------------------------------ */

/* Nothing about it is broken, and what the store has of it is how it is. */
static bool
is_well(const struct m_state *s, unsigned node)
{
	struct m_report report;

	if (!s->keeper[node].alive || s->keeper[node].frozen != RUNS || !s->keeper[node].link ||
	    !pg_runs(&s->pg[node]) || !both_open(s, 0, node + 1))
		return false;
	report_now(s, node, &report);
	report.lsn = s->store.report[node].lsn;
	return memcmp(&report, &s->store.report[node], sizeof(report)) == 0;
}

/* Whether this decision gives a node another state to be in. */
static bool
moves(const struct m_state *s, const struct decision *decision)
{
	for (unsigned i = 0; i < decision->assignment_count; i++)
		if (decision->assignments[i].goal.state !=
		    (enum pgaf_state)s->store.group.goal[decision->assignments[i].node - 1].state)
			return true;
	return decision->group.primary != s->store.group.primary;
}

/* Asked where no fault is paid for: a good group in which all is well, and of which nothing is
 * asked, is left as it is. */
void
check_needed(const struct m_state *s, const struct decision *decision)
{
	if (s->store.group.request != REQUEST_NONE || s->world.restored == 1 || !is_good(s) ||
	    !moves(s, decision))
		return;
	for (unsigned i = 0; i < run.nodes; i++)
		if (!is_well(s, i))
			return;
	violate("STABLE", "rule %u changes a good group", decision->rule);
}
