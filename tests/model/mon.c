/* SPDX-License-Identifier: PostgreSQL */
/*
 * Monitor and store: the picture for decide() is made of representatives (an
 * age is either fresh or over every limit), its decision becomes a message
 * that is written by compare-and-set at some later time, or never.
 */
#include <stdio.h>
#include <string.h>

#include "core/rules.h"
#include "model/classes.h"

/* ---- the store's rows --------------------------------------------------- */

static void
group_widen(const struct m_group *from, struct group *to)
{
	to->epoch = from->epoch;
	to->incarnation = 1;
	to->system_identifier = 1;
	to->primary = from->primary;
	to->timeline = from->timeline;
	to->next_timeline = from->next_timeline;
	to->next_version = from->next_version;
	to->next_admission = from->next_admission;
	to->possible_count = from->possible_count;
	for (unsigned i = 0; i < from->possible_count; i++)
		set_widen(&from->possible[i], &to->possible[i]);
	to->promotion = (struct promotion){
		.node = from->promoted,
		.from = from->from,
		.epoch = from->promotion,
		.timeline = from->promotion_timeline,
		.claimed = from->claimed,
		.attempts = from->attempts,
	};
	to->handover = (struct handover){.from = from->handover_from, .to = from->handover_to};
	to->request = (struct request){.kind = (enum request_kind)from->request};
	to->recovering = from->recovering;
	to->hold_downs = from->hold_downs;
	to->inside_crashes = to->failovers = to->history_count = 0;
	to->high_lsn = 0;
}

void
group_narrow(const struct decision *decision, const struct m_group *before, struct m_group *to)
{
	const struct group *from = &decision->group;

	*to = *before; /* goals and admissions that stay */
	to->epoch = (uint8_t)from->epoch;
	to->primary = (uint8_t)from->primary;
	to->timeline = (uint8_t)from->timeline;
	to->next_timeline = (uint8_t)from->next_timeline;
	to->next_version = (uint8_t)from->next_version;
	to->next_admission = (uint8_t)from->next_admission;
	to->possible_count = (uint8_t)from->possible_count;
	memset(to->possible, 0, sizeof(to->possible));
	for (unsigned i = 0; i < from->possible_count; i++)
		set_narrow(&from->possible[i], &to->possible[i]);
	to->promoted = (uint8_t)from->promotion.node;
	to->from = (uint8_t)from->promotion.from;
	to->promotion = (uint8_t)from->promotion.epoch;
	to->promotion_timeline = (uint8_t)from->promotion.timeline;
	to->claimed = from->promotion.claimed;
	to->attempts = from->promotion.attempts < 2 ? (uint8_t)from->promotion.attempts : 2;
	to->handover_from = (uint8_t)from->handover.from;
	to->handover_to = (uint8_t)from->handover.to;
	to->request = (uint8_t)from->request.kind;
	to->recovering = from->recovering;
	to->hold_downs = from->hold_downs < 2 ? (uint8_t)from->hold_downs : 2;
	for (unsigned i = 0; i < decision->assignment_count; i++)
		goal_narrow(&decision->assignments[i].goal,
		            &to->goal[decision->assignments[i].node - 1]);
	for (unsigned i = 0; i < decision->admission_count; i++) {
		unsigned node = decision->admissions[i].node - 1;

		to->admission[node] = (uint8_t)decision->admissions[i].admission;
		to->high[node] = (uint8_t)decision->admissions[i].high_lsn;
	}
}

static void
report_widen(const struct m_report *from, struct report *to)
{
	memset(to, 0, sizeof(*to));
	to->state = (enum pgaf_state)from->state;
	to->epoch = from->epoch;
	to->incarnation = from->epoch != 0;
	to->run = 1;
	to->pg = (enum pg_status)from->pg;
	to->system_identifier = 1;
	to->server_version = 150018;
	to->timeline = from->timeline;
	to->disk_timeline = from->disk_timeline;
	to->lsn = to->replay = from->lsn;
	to->lsn_complete = from->complete;
	to->has_data = from->has_data;
	to->fenced = from->fenced;
	to->drifted = from->drifted;
	to->needs_clone = from->needs_clone;
	to->streaming_admission = from->admission;
	to->streaming = from->streaming;
	to->history_proved = from->proved;
	to->caught_up = from->caught_up;
	to->about_version = from->about;
	to->declined_version = from->declined;
	to->in_force_version = from->in_force;
	to->in_force_timeline = from->in_force_timeline;
	to->renounced_epoch = from->renounced;
	to->promoted_epoch = from->promoted;
	to->promoted_timeline = from->promoted_timeline;
	to->stopped_epoch = from->stopped;
	to->stopped_lsn = from->stopped_lsn;
	to->stopped_clean = from->clean;
	to->waiters_ms = from->stuck ? 2000 : 0;
	for (unsigned i = 0; i < run.nodes; i++) {
		if ((from->members >> i & 1U) != 0)
			to->members[to->member_count++] =
				(struct member_view){.node = i + 1, .streaming = true};
		to->peers[to->peer_count++] = (struct peer_view){
			.node = i + 1, .reached = (from->reached >> i & 1U) != 0};
	}
}

/* ---- the picture -------------------------------------------------------- */

/* With BREAK_FLAP: the primary, as soon as it was well for long. */
static bool
is_taken_for_gone(const struct m_state *s, unsigned node, bool over)
{
	return run.brk == BREAK_FLAP && over && s->store.group.primary == node + 1;
}

/* It answers; or its end, or its silence, was noticed: a moment ago, or long ago. */
static void
sighting_widen(const struct m_state *s, unsigned node, bool noticed, bool over, struct sighting *to)
{
	bool silent = !both_open(s, 0, node + 1);
	bool answers = !noticed || (!silent && pg_runs(&s->pg[node]));
	pgaf_time since = over ? AGO(100) : NOW - PGAF_MSEC(100);

	*to = (struct sighting){0};
	if (answers && !is_taken_for_gone(s, node, over))
		since = NOW - PGAF_MSEC(10);
	else if (!silent)
		*to = (struct sighting){.closed_at = since + PGAF_MSEC(10),
		                        .gone_at = since + PGAF_MSEC(10),
		                        .refusals = 2};
	to->answered_at = to->accepted_at = since;
}

static enum session
session_of(const struct m_state *s, unsigned by, unsigned node, bool noticed, bool over)
{
	if (noticed && (!s->keeper[node].alive || !both_open(s, 0, node + 1)))
		return SESSION_GONE;
	if (is_taken_for_gone(s, node, over))
		return SESSION_GONE;
	return s->monitor[by].heard[node] ? SESSION_OPEN : SESSION_UNKNOWN;
}

/* Whether there is anything about the node that may not be noticed yet. */
static bool
has_ended(const struct m_state *s, unsigned node)
{
	return !s->keeper[node].alive || !both_open(s, 0, node + 1) || !pg_runs(&s->pg[node]);
}

/* Whether the last report of a node may have grown old. */
static bool
may_be_late(const struct m_state *s, unsigned node)
{
	return !s->keeper[node].alive || s->keeper[node].frozen == FROZEN ||
	       !both_open(s, 0, node + 1) || !s->keeper[node].link;
}

static void
node_widen(const struct m_state *s, unsigned by, unsigned i, unsigned variant, struct node *node)
{
	bool over = (variant & 1U) != 0;
	bool noticed = (variant >> (i + 1) & 1U) == 0;

	node->id = i + 1;
	node->name[0] = 'n';
	node->name[1] = (char)('1' + run.name[i]);
	node->priority = 50;
	node->quorum = node->bootstrap = true;
	node->admission = s->store.group.admission[i];
	node->high_lsn = s->store.group.high[i];
	goal_widen(&s->store.group.goal[i], &node->goal);
	report_widen(&s->store.report[i], &node->report);
	sighting_widen(s, i, noticed, over, &node->sighting);
	node->session = session_of(s, by, i, noticed, over);
	node->reported_at = !s->monitor[by].heard[i]    ? 0
	                    : over && may_be_late(s, i) ? AGO(200)
	                                                : NOW - PGAF_MSEC(95);
	node->goal_since = over ? AGO(100) : NOW;
}

/* As the monitor's engine does before each decision. */
static void
watch_trouble(struct snapshot *snap, struct node *node, bool over)
{
	bool primary = node->id == snap->group.primary;
	bool well = evidence_of(snap, node, NOW) == EVIDENCE_OK &&
	            (primary || node->admission == 0 || node->report.streaming);

	node->trouble_since = well ? 0 : over ? AGO(100) : NOW;
}

static struct snapshot *
picture_of(const struct m_state *s, unsigned by, unsigned variant)
{
	static struct snapshot snap;
	bool over = (variant & 1U) != 0;
	pgaf_time since = over ? AGO(100) : NOW;

	if (snap.count == 0)
		settings_init(&snap.group.settings);
	snap.group.settings.number_sync = run.sync;
	group_widen(&s->store.group, &snap.group);
	snap.count = run.nodes;
	for (unsigned i = 0; i < run.nodes; i++)
		node_widen(s, by, i, variant, &snap.nodes[i]);
	snap.listening_since = AGO(300);
	snap.group.promotion_since = snap.group.handover_since = since;
	snap.group.relaxed_at = since;
	for (unsigned i = 0; i < run.nodes; i++)
		watch_trouble(&snap, &snap.nodes[i], over);
	return &snap;
}

/* ---- deciding ----------------------------------------------------------- */

/* Rules that are broken on purpose. */
static void
break_decision(const struct m_state *s, struct decision *decision)
{
	struct group *group = &decision->group;
	const struct sync_set *newest = group_newest(group);
	bool promotes = group->promotion.node != 0 && s->store.group.promoted == 0;

	if (newest != NULL && group->possible_count > 1 &&
	    ((run.brk == BREAK_TERM && promotes) ||
	     (run.brk == BREAK_NARROW && !promotes &&
	      newest->version >= s->store.group.next_version))) {
		group->possible[0] = *newest;
		group->possible_count = 1;
	}
	if (run.brk == BREAK_ADMISSION)
		group->next_admission = s->store.group.next_admission;
}

/* The decision; it must be the same for other representatives of the state. */
static bool
decides(const struct m_state *s, unsigned by, unsigned variant, struct decision *decision)
{
	struct snapshot *snap = picture_of(s, by, variant);
	bool acts;

	class_break(snap);
	acts = decide(snap, NOW, decision);
	if (run.representatives)
		class_of_decision(&s->store.group, snap, acts ? decision : NULL);
	return acts;
}

bool
monitor_may_decide(const struct m_state *s, unsigned by)
{
	return s->monitor[by].up && !s->monitor[by].pending;
}

/* Bit 0 of the variant: every timer that is running is over. The others: what ended about this
 * node is not noticed yet. */
static bool
decides_by(struct m_state *s, unsigned by, unsigned variant)
{
	static struct decision decision;
	struct m_monitor *monitor = &s->monitor[by];
	struct m_world world = s->world;

	if (!monitor_may_decide(s, by) || variant >> 1 >> run.nodes != 0)
		return false;
	for (unsigned i = 0; i < run.nodes; i++)
		if ((variant >> (i + 1) & 1U) != 0 && !has_ended(s, i))
			return false;
	if ((variant & 1U) != 0 && decides(s, by, variant - 1, &decision))
		return false;
	if (!decides(s, by, variant, &decision))
		return false;
	/* To see whether it may be over, other decisions are tried: decide again. */
	if ((variant & 1U) != 0 && (!limit_over(s) || !decides(s, by, variant, &decision)))
		return false;
	break_decision(s, &decision);
	if (memcmp(&world, &s->world, sizeof(world)) == 0)
		check_needed(s, &decision);
	monitor->pending = 1;
	monitor->rule = (uint8_t)(rule_by_id(decision.rule) - rules + 1);
	monitor->from_epoch = (uint8_t)decision.from_epoch;
	monitor->from_claimed = decision.from_claimed;
	group_narrow(&decision, &s->store.group, &monitor->next);
	tell("rule %u: %s", decision.rule, decision.text);
	return true;
}

bool
monitor_decides(struct m_state *s, unsigned node, unsigned variant)
{
	(void)node;
	return decides_by(s, 0, variant);
}

bool
rival_decides(struct m_state *s, unsigned node, unsigned variant)
{
	(void)node;
	return decides_by(s, 1, variant);
}

/* The condition of the store's one statement. */
static bool
is_stale(const struct m_group *group, const struct m_monitor *monitor)
{
	bool epoch = group->epoch != monitor->from_epoch && run.brk != BREAK_EPOCH;

	return run.brk != BREAK_CAS && (epoch || group->claimed != monitor->from_claimed);
}

static bool
commits_by(struct m_state *s, unsigned by)
{
	struct m_monitor *monitor = &s->monitor[by];
	struct m_group *group = &s->store.group;

	if (!monitor->pending)
		return false;
	if (!is_stale(group, monitor)) {
		check_decision(s, &monitor->next, rules[monitor->rule - 1].id);
		if (group->recovering && !monitor->next.recovering)
			s->world.restored = 2;
		*group = monitor->next;
		tell("epoch %u is written", group->epoch);
	} else {
		tell("it was decided otherwise meanwhile");
	}
	monitor->pending = monitor->rule = monitor->from_epoch = monitor->from_claimed = 0;
	memset(&monitor->next, 0, sizeof(monitor->next));
	return true;
}

bool
monitor_commits(struct m_state *s, unsigned node, unsigned variant)
{
	(void)node;
	(void)variant;
	return commits_by(s, 0);
}

bool
rival_commits(struct m_state *s, unsigned node, unsigned variant)
{
	(void)node;
	(void)variant;
	return commits_by(s, 1);
}

/* What a new process knows: nothing. A decision on its way to the store stays there. */
void
monitor_reset(struct m_monitor *monitor)
{
	memset(monitor, 0, sizeof(*monitor));
}

/* ---- messages ----------------------------------------------------------- */

static void
remember_high(struct m_group *group, unsigned node, const struct m_report *report)
{
	if (report->timeline == group->timeline && group->admission[node] != 0 &&
	    report->admission == group->admission[node] && report->complete &&
	    report->lsn > group->high[node])
		group->high[node] = report->lsn;
}

static void
take_report(struct m_state *s, unsigned node, const struct m_report *report)
{
	bool heard = false;

	s->store.report[node] = *report;
	for (unsigned by = 0; by < MONITORS; by++) {
		heard |= s->monitor[by].up;
		if (s->monitor[by].up)
			s->monitor[by].heard[node] = 1;
	}
	if (heard)
		remember_high(&s->store.group, node, report);
}

bool
store_takes_report(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_keeper *k = &s->keeper[node];

	(void)variant;
	if (!k->report_sent || !link_open(s, node + 1, 0))
		return false;
	take_report(s, node, &k->report);
	k->report_sent = 0;
	memset(&k->report, 0, sizeof(k->report));
	if (link_open(s, 0, node + 1) && k->frozen != FROZEN)
		k->contact = 1;
	return true;
}

/* The session that sent it is over, and its report is still heard: until another one speaks for
 * the node. */
bool
store_takes_old_report(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_keeper *k = &s->keeper[node];

	(void)variant;
	if (!k->old_sent)
		return false;
	take_report(s, node, &k->old);
	k->old_sent = 0;
	memset(&k->old, 0, sizeof(k->old));
	return true;
}

bool
store_takes_claim(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_keeper *k = &s->keeper[node];
	struct m_group *group = &s->store.group;
	bool granted;

	(void)variant;
	if (k->claim_message != CLAIM_ASKED || !link_open(s, node + 1, 0))
		return false;
	granted = group->promoted == node + 1 && group->promotion == k->claim_epoch;
	if (granted)
		group->claimed = 1;
	tell("the claim is %s", granted ? "granted" : "denied");
	if (run.brk == BREAK_CLAIM)
		granted = true;
	k->claim_message = !k->claiming ? CLAIM_NO : granted ? CLAIM_GRANTED : CLAIM_DENIED;
	if (k->claim_message == CLAIM_NO)
		k->claim_epoch = 0;
	return true;
}

bool
store_sends_orders(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_keeper *k = &s->keeper[node];
	const struct m_goal *goal = &s->store.group.goal[node];

	(void)variant;
	if (!k->alive || !k->link || k->orders_sent || !link_open(s, 0, node + 1))
		return false;
	if (k->known && k->contact && memcmp(goal, &k->orders, sizeof(*goal)) == 0)
		return false;
	k->orders_sent = 1;
	k->sent = *goal;
	k->sent_epoch = s->store.group.epoch;
	if (!run.messages && k->frozen == RUNS)
		keeper_hears_orders(s, node, 0);
	return true;
}
