/* SPDX-License-Identifier: PostgreSQL */
/*
 * What must hold, as named checks. A commit is a position in a history, so
 * "present on a later primary" is a question to the tree of histories, and the
 * furthest commit of a branch speaks for all before it.
 */

#include <stdarg.h>
#include <stdio.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "core/codec.h"
#include "core/decide.h"
#include "core/quorum.h"
#include "sim/sim.h"

/* The monitor's picture and what it waits for, when that is the question. */
static void
trace_picture(struct sim *sim)
{
	const struct snapshot *snap;
	char lines[CODEC_LINE_MAX];
	struct text text = TEXT(lines);

	codec_write(RECORD_GROUP, &sim->store.truth.group, &text);
	TRACE(sim, "store", "%s", lines);
	for (uint32_t i = 0; i < sim->store.truth.count; i++) {
		text_init(&text, lines, sizeof lines);
		codec_write(RECORD_REPORT, &sim->store.truth.nodes[i].report, &text);
		TRACE(sim, "store", "%s: %s", sim->store.truth.nodes[i].name, lines);
	}
	if (!sim->mon.proc.alive)
		return;
	snap = monitor_snapshot(sim->mon.engine);
	text_init(&text, lines, sizeof lines);
	codec_write(RECORD_GROUP, &snap->group, &text);
	TRACE(sim, "monitor", "%s", lines);
	text_init(&text, lines, sizeof lines);
	decide_explain(snap, mon_now(sim), &text);
	TRACE(sim, "monitor", "explains: %s", lines);
}

#define STARTS_MOST 20

void
violation(struct sim *sim, const char *check, const char *format, ...)
{
	va_list args;

	if (sim->failed)
		return;
	sim->failed = true;
	text_copy(sim->failed_check, sizeof sim->failed_check, check);
	va_start(args, format);
	vsnprintf(sim->failed_text, sizeof sim->failed_text, format, args);
	va_end(args);
	if (sim->tracing)
		trace_picture(sim);
	TELL(sim, "check", "%s violated: %s", check, sim->failed_text);
}

/* The note forgets what was declined once a later version may have been applied; we do not. */
void
check_noted(struct keep *keep)
{
	const struct note *note = &keep->disk_note;

	if (note->declined_version <= note->about_version)
		return;
	keep->declined_above = note->about_version;
	keep->declined_upto = note->declined_version;
}

bool
check_is_declined(const struct sim *sim, pgaf_node_id node, const struct sync_set *set)
{
	const struct keep *keep = &sim->keep[node];

	return !set->unknown && set->version > keep->declined_above &&
	       set->version <= keep->declined_upto;
}

void
check_set(struct sim *sim, pgaf_node_id node, const struct sync_set *set)
{
	if (check_is_declined(sim, node, set))
		violation(sim, "SAFE-PROMOTE",
		          "%s applies version %u of the set, which it declined", host_name(node),
		          set->version);
}

/* Whether acknowledgements of this node count under DUR: its term's versions bar asynchronous. */
bool
check_counts(const struct sim *sim, pgaf_node_id node)
{
	const struct group *group = &sim->store.truth.group;
	bool within = false;
	bool former = group->promotion.node != 0 && node == group->promotion.from;

	if (node != group->primary && !former)
		return false;
	for (uint32_t i = 0; i < group->possible_count; i++) {
		const struct sync_set *set = &group->possible[i];

		if (group->promotion.node != 0 &&
		    former == (set->version >= sim->store.promote_version))
			continue;
		if (check_is_declined(sim, node, set))
			continue;
		if (sync_set_is_async(set))
			return false;
		within = true;
	}
	return within;
}

static bool
is_possible(const struct group *group, const struct sync_set *set)
{
	/* The fence acknowledges nothing: it is stricter than any set. */
	bool possible = set->required > set->count;

	for (uint32_t i = 0; i < group->possible_count && !possible; i++) {
		const struct sync_set *other = &group->possible[i];

		possible = other->unknown ||
		           (other->required == set->required && other->count == set->count);
		for (uint32_t k = 0; k < other->count && possible && !other->unknown; k++)
			possible = sync_set_has(set, other->members[k].node,
			                        other->members[k].admission);
	}
	return possible;
}

void
check_running(struct sim *sim, pgaf_node_id node)
{
	const struct group *group = &sim->store.truth.group;
	const struct pg *pg = &sim->pg[node];
	bool former = group->promotion.node != 0 && node == group->promotion.from;

	/* A store that forgot knows nothing for sure, and says so. */
	if (group->recovering || sim->store.forgot || pg->status != PG_PRIMARY ||
	    (node != group->primary && !former))
		return;
	if (!is_possible(group, &pg->file) || !is_possible(group, &pg->shown))
		violation(sim, "RUNNING", "%s acknowledges under version %u of the set, which %s",
		          host_name(node), pg->shown.version, "the store takes for impossible");
}

void
check_acknowledged(struct sim *sim, pgaf_node_id node, struct position at, bool counted)
{
	struct branch *branch = &sim->branches[at.branch];
	bool excused = branch->given_up || sim->given_up[node];

	check_running(sim, node);
	for (uint32_t later = at.branch + 1; later <= sim->branch_count; later++) {
		const struct branch *other = &sim->branches[later];
		char text[LSN_TEXT_MAX];

		if (other->acked == 0 || excused || other->given_up ||
		    wal_contains(sim, (struct position){.branch = later, .lsn = other->acked}, at))
			continue;
		violation(sim, "ONE",
		          "%s acknowledged %s on timeline %u, %lld ms after %s had on timeline %u",
		          host_name(node), lsn_format(at.lsn, text), branch->number,
		          (long long)((sim->now - other->acked_at) / PGAF_MSEC(1)),
		          host_name(other->writer), other->number);
	}
	if (branch->acked == 0)
		TELL(sim, host_name(node), "clients > first commit acknowledged on timeline %u%s",
		     branch->number, counted ? "" : ", not counted under DUR");
	if (at.lsn > branch->acked)
		branch->acked = at.lsn;
	branch->acked_at = sim->now;
	if (counted && !branch->given_up && at.lsn > branch->counted)
		branch->counted = at.lsn;
}

static void
check_holds_all(struct sim *sim, pgaf_node_id node, const char *check, const char *when)
{
	struct position end = pg_end(&sim->pg[node]);

	for (uint32_t branch = 1; branch <= sim->branch_count; branch++) {
		const struct branch *other = &sim->branches[branch];
		struct position last = {.branch = branch, .lsn = other->counted};
		char text[2][LSN_TEXT_MAX];

		if (other->counted == 0 || wal_contains(sim, end, last))
			continue;
		violation(sim, check,
		          "%s %s with timeline %u up to %s, but %s acknowledged %s on timeline %u",
		          host_name(node), when, sim->branches[end.branch].number,
		          lsn_format(end.lsn, text[0]), host_name(other->writer),
		          lsn_format(other->counted, text[1]), other->number);
	}
}

/* Struck because the primary's keeper says that it declined it: did it? */
static void
check_struck(struct sim *sim, const struct decision *decision)
{
	const struct snapshot *truth = &sim->store.truth;

	for (uint32_t i = 0; i < truth->group.possible_count; i++) {
		const struct sync_set *set = &truth->group.possible[i];
		bool struck = true;

		for (uint32_t k = 0; k < decision->group.possible_count; k++)
			struck &= decision->group.possible[k].version != set->version;
		if (struck && set_is_declined(truth, set) &&
		    !check_is_declined(sim, truth->group.primary, set))
			violation(sim, "SAFE-PROMOTE",
			          "version %u of the set is struck, but its decline was not noted",
			          set->version);
	}
}

/*
 * One node is chosen without asking others: each version that the primary may
 * be running must need just this node's word (k members, s required, k - s + 1
 * heard), unless the primary stopped cleanly and this node holds its last record,
 * or it was itself the primary.
 */
void
check_decision(struct sim *sim, const struct decision *decision)
{
	const struct group *before = &sim->store.truth.group;
	const struct group *after = &decision->group;
	const struct node *chosen = snapshot_node(&sim->store.truth, after->promotion.node);
	const struct node *former = snapshot_node(&sim->store.truth, before->primary);
	bool declined = false;

	check_struck(sim, decision);
	if (!chosen || after->promotion.epoch == before->promotion.epoch || chosen == former)
		return;
	if (former && former->report.stopped_clean && former->report.stopped_epoch != 0 &&
	    former->report.stopped_epoch == former->goal.epoch &&
	    chosen->report.lsn >= former->report.stopped_lsn)
		return;
	for (uint32_t i = 0; i < before->possible_count; i++) {
		const struct sync_set *set = &before->possible[i];
		bool member = sync_set_has(set, chosen->id, chosen->admission);

		if (former && check_is_declined(sim, former->id, set)) {
			declined = true;
			continue;
		}
		if (!sync_set_is_async(set) && (uint32_t)member + set->required >= set->count + 1)
			continue;
		violation(sim, "SAFE-PROMOTE",
		          "%s is chosen by rule %u, but version %u of the set does not allow it",
		          host_name(chosen->id), decision->rule, set->version);
	}
	sim->counts.declined += declined;
}

void
check_excuse(struct sim *sim, pgaf_node_id node)
{
	struct position end = pg_end(&sim->pg[node]);

	TELL(sim, "check", "the operator gave up what %s does not hold", host_name(node));
	for (pgaf_node_id other = 1; other <= sim->nodes; other++)
		sim->given_up[other] = other != node;
	for (uint32_t branch = 1; branch <= sim->branch_count; branch++) {
		struct branch *other = &sim->branches[branch];

		if (!wal_contains(sim, end, (struct position){.branch = branch, .lsn = other->end}))
			other->given_up = true;
		if (!wal_contains(sim, end,
		                  (struct position){.branch = branch, .lsn = other->counted}))
			other->counted = 0;
	}
}

void
check_promotion(struct sim *sim, pgaf_node_id node)
{
	check_holds_all(sim, node, "DUR", "is promoted");
}

void
check_opened(struct sim *sim, pgaf_node_id node)
{
	/* A former primary may be behind; it must not acknowledge, which ONE sees. */
	if (sim->store.truth.group.primary == node)
		check_holds_all(sim, node, "DUR", "accepts clients");
}

void
check_branch(struct sim *sim, uint32_t branch)
{
	const struct branch *own = &sim->branches[branch];

	for (uint32_t other = 1; other < branch; other++)
		if (sim->branches[other].number == own->number)
			violation(sim, "TIMELINE", "%s and %s both wrote a timeline %u",
			          host_name(sim->branches[other].writer), host_name(own->writer),
			          own->number);
}

void
check_discard(struct sim *sim, pgaf_node_id node, pgaf_node_id upstream)
{
	const struct pg *pg = &sim->pg[node];
	bool kept = pg->kept.branch == pg->at.branch && pg->kept.lsn == pg->flush;

	if (pg->has_data && !kept && !wal_contains(sim, pg_end(&sim->pg[upstream]), pg_end(pg)))
		violation(sim, "SILENT-LOSS", "%s gives up WAL of timeline %u that was not kept",
		          host_name(node), pg_timeline(sim, pg));
}

void
check_stop(struct sim *sim, pgaf_node_id node, const struct goal *goal)
{
	const struct pg *pg = &sim->pg[node];
	bool promotion = goal->state == PGAF_STATE_PREPARE_PROMOTION ||
	                 goal->state == PGAF_STATE_STOP_REPLICATION;

	if (promotion && pg->postmaster && pg->status == PG_PRIMARY &&
	    sim->keep[node].disk_note.role == NOTE_PRIMARY && !sim->keep[node].told_to_end)
		violation(sim, "NEEDLESS", "%s stops the primary that it has just promoted",
		          host_name(node));
}

/* Faults strike a few times in ten seconds; starts without an end are the keeper's own doing. */
void
check_start(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	if (sim->now - pg->starts_since > PGAF_SECONDS(10)) {
		pg->starts_since = sim->now;
		pg->starts = 0;
	}
	if (++pg->starts > STARTS_MOST)
		violation(sim, "LIVE", "%s starts Postgres in circles", host_name(node));
}

/* What a standby would open with waits exactly where commits must (14). */
static bool
rests_well(const struct sim *sim, pgaf_node_id node)
{
	return (sim->pg[node].shown.required > 0) ==
	       (sim->store.truth.group.settings.number_sync > 0);
}

/* Commits reach it under its name, whether they wait for it or not (33b). */
static bool
streams_well(const struct sim *sim, const struct node *node)
{
	const struct pg *pg = &sim->pg[node->id];

	return pg->receiver.running && pg->receiver.streaming &&
	       pg->receiver.upstream == sim->store.truth.group.primary &&
	       pg->receiver.admission == node->admission;
}

/* What a primary is when all is well: alone if no set may wait for a standby. */
static enum pgaf_state
primary_state(const struct sim *sim, pgaf_node_id primary)
{
	const struct snapshot *snap = &sim->store.truth;

	if (snap->count == 1)
		return PGAF_STATE_SINGLE;
	for (uint32_t i = 0; i < snap->count; i++)
		if (snap->nodes[i].id != primary && snap->nodes[i].quorum)
			return PGAF_STATE_PRIMARY;
	return PGAF_STATE_WAIT_PRIMARY;
}

static bool
node_is_good(const struct sim *sim, const struct node *node, char *why, size_t room)
{
	const struct group *group = &sim->store.truth.group;
	const struct pg *pg = &sim->pg[node->id];
	bool primary = node->id == group->primary;
	enum pgaf_state wanted = primary ? primary_state(sim, node->id) : PGAF_STATE_SECONDARY;
	enum pg_status status = primary ? PG_PRIMARY : PG_STANDBY;

	if (node->goal.state == wanted && node->report.state == wanted && pg->status == status &&
	    (primary || (rests_well(sim, node->id) && streams_well(sim, node))) &&
	    sim->keep[node->id].proc.alive &&
	    sim->keep[node->id].route == (primary ? ROUTE_PRIMARY : ROUTE_STANDBY))
		return true;
	snprintf(why, room,
	         "%s reports %s, its goal is %s (epoch %llu, rule %u), its Postgres is %s",
	         host_name(node->id), pgaf_state_name(node->report.state),
	         pgaf_state_name(node->goal.state), (unsigned long long)node->goal.epoch,
	         node->goal.rule, pg_status_name(pg->status));
	return false;
}

bool
check_is_good(const struct sim *sim, char *why, size_t room)
{
	const struct snapshot *snap = &sim->store.truth;

	if (snap->count < sim->nodes || snap->group.primary == 0) {
		snprintf(why, room, "%u nodes are registered, the primary is node %u", snap->count,
		         snap->group.primary);
		return false;
	}
	for (uint32_t i = 0; i < snap->count; i++)
		if (!node_is_good(sim, &snap->nodes[i], why, room))
			return false;
	if (snap->group.promotion.node == 0 && snap->group.handover.to == 0 &&
	    !snap->group.went_back && !snap->group.recovering && snap->group.possible_count == 1 &&
	    snap->group.request.kind == REQUEST_NONE)
		return true;
	snprintf(why, room,
	         "a promotion, a handover, a recovery, a request or a version of the set is open");
	return false;
}

void
check_end(struct sim *sim)
{
	pgaf_node_id primary = sim->store.truth.group.primary;

	check_holds_all(sim, primary, "DUR", "is the primary at the end");
	for (pgaf_node_id node = 1; node <= sim->nodes; node++) {
		const struct pg *pg = &sim->pg[node];

		if (node != primary && !wal_contains(sim, pg_end(&sim->pg[primary]), pg_end(pg)))
			violation(sim, "TIMELINE", "%s follows %s, but their histories differ",
			          host_name(node), host_name(primary));
	}
}
