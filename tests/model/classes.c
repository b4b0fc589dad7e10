/* SPDX-License-Identifier: PostgreSQL */
/*
 * The small numbers stand for classes: numbers are known by their order, ages
 * by being fresh or over. Here decide() and the keeper are asked again about
 * other members of the class, drawn at random, and must answer the same:
 * numbers far apart instead of 1, 2, 3, and other ages. Positions are drawn
 * within reach of each other (16 MB), as all that the model knows are.
 */
#include <string.h>

#include "base/pure/text.h"
#include "model/classes.h"

#define DRAWS 2

enum kind { EPOCH, VERSION, TIMELINE, ADMISSION, LSN, KINDS };

static struct {
	uint64_t to[KINDS][UINT8_MAX + 1];
	bool back;
	uint64_t shift, fresh; /* of ages: that are over, in parts of 256 that are not */
} drawn;

static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t
below(uint64_t most)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % most;
}

static void
draw(void)
{
	static const uint64_t gaps[KINDS] = {
		[EPOCH] = UINT64_C(1) << 40, [VERSION] = 1 << 20, [TIMELINE] = 1 << 20,
		[ADMISSION] = 1 << 20,       [LSN] = 1 << 14,
	};

	for (enum kind kind = 0; kind < KINDS; kind++)
		for (unsigned i = 1; i <= UINT8_MAX; i++)
			drawn.to[kind][i] = drawn.to[kind][i - 1] + 1 + below(gaps[kind]);
	drawn.shift = below(PGAF_SECONDS(100000));
	drawn.fresh = 32 + below(225);
	drawn.back = false;
}

/* The number there for the one here, and back; what was made there follows what was known. */
static uint64_t
other(enum kind kind, uint64_t number)
{
	const uint64_t *to = drawn.to[kind];
	unsigned i = 0;

	if (!drawn.back)
		return to[number];
	while (i < UINT8_MAX && to[i + 1] <= number)
		i++;
	return to[i] == number ? i : i + (number - to[i]);
}

#define OTHER(kind, field) ((field) = (__typeof__(field))other((kind), (field)))

static void
move_set(struct sync_set *set)
{
	OTHER(VERSION, set->version);
	for (uint32_t i = 0; i < set->count; i++)
		OTHER(ADMISSION, set->members[i].admission);
}

static void
move_goal(struct goal *goal)
{
	OTHER(EPOCH, goal->epoch);
	OTHER(TIMELINE, goal->timeline);
	OTHER(ADMISSION, goal->admission);
	OTHER(LSN, goal->min_lsn);
	move_set(&goal->set);
}

static void
move_report(struct report *report)
{
	OTHER(EPOCH, report->epoch);
	OTHER(TIMELINE, report->timeline);
	OTHER(TIMELINE, report->disk_timeline);
	OTHER(LSN, report->lsn);
	OTHER(LSN, report->replay);
	OTHER(ADMISSION, report->streaming_admission);
	OTHER(VERSION, report->declined_version);
	OTHER(VERSION, report->about_version);
	OTHER(VERSION, report->in_force_version);
	OTHER(TIMELINE, report->in_force_timeline);
	OTHER(EPOCH, report->renounced_epoch);
	OTHER(EPOCH, report->promoted_epoch);
	OTHER(TIMELINE, report->promoted_timeline);
	OTHER(EPOCH, report->stopped_epoch);
	OTHER(LSN, report->stopped_lsn);
}

static void
move_group(struct group *group)
{
	OTHER(EPOCH, group->epoch);
	OTHER(TIMELINE, group->timeline);
	OTHER(TIMELINE, group->next_timeline);
	OTHER(VERSION, group->next_version);
	OTHER(ADMISSION, group->next_admission);
	OTHER(EPOCH, group->promotion.epoch);
	OTHER(TIMELINE, group->promotion.timeline);
	for (uint32_t i = 0; i < group->possible_count; i++)
		move_set(&group->possible[i]);
}

static void
move_decision(struct decision *decision)
{
	OTHER(EPOCH, decision->from_epoch);
	move_group(&decision->group);
	for (uint32_t i = 0; i < decision->assignment_count; i++)
		move_goal(&decision->assignments[i].goal);
	for (uint32_t i = 0; i < decision->admission_count; i++) {
		OTHER(ADMISSION, decision->admissions[i].admission);
		OTHER(LSN, decision->admissions[i].high_lsn);
	}
}

/* ---- ages --------------------------------------------------------------- */

static void
move_time(pgaf_time *at)
{
	pgaf_time age = NOW - *at;

	if (*at == 0)
		return;
	if (age > PGAF_SECONDS(1))
		*at -= (pgaf_time)drawn.shift;
	else
		*at = NOW - age * (pgaf_time)drawn.fresh / 256;
}

static void
move_times(struct snapshot *snap)
{
	move_time(&snap->listening_since);
	move_time(&snap->group.promotion_since);
	move_time(&snap->group.handover_since);
	move_time(&snap->group.relaxed_at);
	for (uint32_t i = 0; i < snap->count; i++) {
		struct node *node = &snap->nodes[i];

		move_time(&node->sighting.answered_at);
		move_time(&node->sighting.accepted_at);
		move_time(&node->sighting.closed_at);
		move_time(&node->sighting.gone_at);
		move_time(&node->reported_at);
		move_time(&node->trouble_since);
		move_time(&node->goal_since);
	}
}

/* ---- decide() ----------------------------------------------------------- */

static void
move_snapshot(struct snapshot *snap)
{
	move_group(&snap->group);
	for (uint32_t i = 0; i < snap->count; i++) {
		struct node *node = &snap->nodes[i];

		OTHER(ADMISSION, node->admission);
		OTHER(LSN, node->high_lsn);
		move_goal(&node->goal);
		move_report(&node->report);
	}
	move_times(snap);
}

void
class_break(struct snapshot *snap)
{
	for (uint32_t i = 0; run.brk == BREAK_CLASS && i < snap->count; i++)
		if (snap->nodes[i].report.lsn > 4096)
			snap->nodes[i].report.vetoes |= VETO_BIT(DISK_FULL);
}

void
class_of_decision(const struct m_group *before, const struct snapshot *seen,
                  const struct decision *expected)
{
	static struct snapshot snap;
	static struct decision decision;
	struct m_group here, there;

	for (unsigned i = 0; i < DRAWS; i++) {
		draw();
		snap = *seen;
		move_snapshot(&snap);
		class_break(&snap);
		if (decide(&snap, NOW, &decision) != (expected != NULL)) {
			violate("CLASS", "decide() acts for one representative of a state only");
			return;
		}
		if (expected == NULL)
			continue;
		drawn.back = true;
		move_decision(&decision);
		group_narrow(expected, before, &here);
		group_narrow(&decision, before, &there);
		if (decision.rule != expected->rule || decision.subject != expected->subject ||
		    decision.from_epoch != expected->from_epoch ||
		    memcmp(&here, &there, sizeof(here)) != 0)
			violate("CLASS", "decide() tells two representatives apart: rules %u, %u",
			        expected->rule, decision.rule);
	}
}

/* ---- the keeper --------------------------------------------------------- */

static void
move_note(struct note *note)
{
	OTHER(EPOCH, note->epoch);
	OTHER(TIMELINE, note->timeline);
	OTHER(EPOCH, note->promotion);
	OTHER(VERSION, note->about_version);
	OTHER(VERSION, note->applied_version);
	OTHER(VERSION, note->declined_version);
	OTHER(EPOCH, note->renounced_epoch);
	move_goal(&note->goal);
}

static void
move_seen(const struct m_state *s, unsigned node, struct observation *seen)
{
	struct sync_set set;
	struct text names = TEXT(seen->sync_names);

	OTHER(TIMELINE, seen->timeline);
	OTHER(TIMELINE, seen->disk_timeline);
	OTHER(LSN, seen->lsn);
	OTHER(LSN, seen->replay);
	OTHER(LSN, seen->upstream_lsn);
	OTHER(ADMISSION, seen->admission);
	for (uint32_t i = 0; i < seen->member_count; i++) {
		OTHER(ADMISSION, seen->members[i].admission);
		OTHER(LSN, seen->members[i].flush);
		OTHER(LSN, seen->members[i].replay);
	}
	if (drawn.back || !pg_runs(&s->pg[node]))
		return;
	set_widen(&s->pg[node].file, &set);
	move_set(&set);
	seen->sync_names[0] = '\0';
	sync_set_names(&set, &names);
}

static void
move_keeper(void)
{
	move_note(&keeper.view.note);
	move_note(&keeper.pending);
	OTHER(EPOCH, keeper.view.orders.epoch);
	move_goal(&keeper.view.orders.goal);
	move_goal(&keeper.order.goal);
	OTHER(EPOCH, keeper.view.crash_epoch);
	OTHER(VERSION, keeper.view.proved_version);
	OTHER(ADMISSION, keeper.view.followed_as);
	OTHER(VERSION, keeper.facts.in_force_version);
	OTHER(TIMELINE, keeper.facts.in_force_timeline);
	OTHER(EPOCH, keeper.facts.renounced_epoch);
	OTHER(EPOCH, keeper.facts.stopped_epoch);
	OTHER(LSN, keeper.facts.stopped_lsn);
	for (uint32_t i = 0; i < keeper.peer_count; i++)
		OTHER(TIMELINE, keeper.peers[i].timeline);
	if (!drawn.back && keeper.view.answered_at != NOW)
		move_time(&keeper.view.answered_at);
}

static void
ask_keeper(struct m_state *s, unsigned node, bool over, bool elsewhere)
{
	struct observation seen;

	keeper_load(s, node);
	if (over)
		keeper.view.started_at = AGO(100);
	keeper_observe(s, node, &seen);
	if (elsewhere) {
		draw();
		move_seen(s, node, &keeper.view.seen);
		move_seen(s, node, &seen);
		move_keeper();
	}
	keeper_on_observation(&keeper, NOW, &seen);
	act(&keeper);
	if (elsewhere) {
		drawn.back = true;
		move_seen(s, node, &keeper.view.seen);
		move_keeper();
	}
	keeper_save(s, node);
}

void
class_of_keeper(const struct m_state *s, unsigned node, bool over)
{
	struct m_state here = *s;
	bool telling = run.telling;

	run.telling = false;
	ask_keeper(&here, node, over, false);
	for (unsigned i = 0; i < DRAWS; i++) {
		struct m_state there = *s;

		ask_keeper(&there, node, over, true);
		if (memcmp(&here, &there, sizeof(here)) != 0)
			violate("CLASS",
			        "the keeper of node%u tells two representatives of a state apart",
			        name_of(node));
	}
	run.telling = telling;
}
