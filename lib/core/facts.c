/* SPDX-License-Identifier: PostgreSQL */
/*
 * Answers to the questions of facts.h. Every number, time and position that
 * steers a decision is compared here and nowhere else.
 */
#include "core/facts.h"

#include <assert.h>
#include <string.h>

#include "core/decide.h"
#include "core/quorum.h"

/* ---- words ------------------------------------------------------------- */

#define WORD(name, word) word,
#define STATE_WORD(name, word, meaning) word,
static const char *const words_ANSWERS_STATE[] = {PGAF_STATES(STATE_WORD)};
static const char *const words_ANSWERS_SELF[] = {ANSWERS_SELF(WORD)};
static const char *const words_ANSWERS_REACHED[] = {ANSWERS_REACHED(WORD)};
static const char *const words_ANSWERS_SEEN[] = {ANSWERS_SEEN(WORD)};
static const char *const words_ANSWERS_KEEPER[] = {ANSWERS_KEEPER(WORD)};
static const char *const words_ANSWERS_STANDING[] = {ANSWERS_STANDING(WORD)};
static const char *const words_ANSWERS_FIT[] = {ANSWERS_FIT(WORD)};
static const char *const words_ANSWERS_MEMBER[] = {ANSWERS_MEMBER(WORD)};
static const char *const words_ANSWERS_COUNTED[] = {ANSWERS_COUNTED(WORD)};
static const char *const words_ANSWERS_FOLLOWS[] = {ANSWERS_FOLLOWS(WORD)};
static const char *const words_ANSWERS_DROP[] = {ANSWERS_DROP(WORD)};
static const char *const words_ANSWERS_START[] = {ANSWERS_START(WORD)};
static const char *const words_ANSWERS_FAULT[] = {ANSWERS_FAULT(WORD)};
static const char *const words_ANSWERS_DISK[] = {ANSWERS_DISK(WORD)};
static const char *const words_ANSWERS_CANDIDATE[] = {ANSWERS_CANDIDATE(WORD)};
static const char *const words_ANSWERS_SETS[] = {ANSWERS_SETS(WORD)};
static const char *const words_ANSWERS_WANTED[] = {ANSWERS_WANTED(WORD)};
static const char *const words_ANSWERS_PROMOTION[] = {ANSWERS_PROMOTION(WORD)};
static const char *const words_ANSWERS_FORMER[] = {ANSWERS_FORMER(WORD)};
static const char *const words_ANSWERS_AGAIN[] = {ANSWERS_AGAIN(WORD)};
static const char *const words_ANSWERS_HANDOVER[] = {ANSWERS_HANDOVER(WORD)};
static const char *const words_ANSWERS_ASKED[] = {ANSWERS_ASKED(WORD)};
static const char *const words_ANSWERS_COMPANY[] = {ANSWERS_COMPANY(WORD)};
static const char *const words_ANSWERS_MONITOR[] = {ANSWERS_MONITOR(WORD)};
static const char *const words_ANSWERS_NUMBER[] = {ANSWERS_NUMBER(WORD)};
static const char *const words_ANSWERS_MEMORY[] = {ANSWERS_MEMORY(WORD)};
static const char *const words_ANSWERS_HOLD[] = {ANSWERS_HOLD(WORD)};

static const struct {
	const char *name;
	const char *question;
	const char *const *words;
	unsigned answers;
} fact_table[FACT_COUNT] = {
#define FACT_ROW(fact, answers, question)                  \
	[FACT_##fact] = {#fact, question, words_##answers, \
	                 sizeof(words_##answers) / sizeof(words_##answers[0])},
	FACTS(FACT_ROW)
#undef FACT_ROW
};

unsigned
fact_answers(enum fact fact)
{
	return fact_table[fact].answers;
}

const char *
fact_name(enum fact fact)
{
	return fact_table[fact].name;
}

const char *
fact_question(enum fact fact)
{
	return fact_table[fact].question;
}

const char *
fact_answer_name(enum fact fact, unsigned answer)
{
	return answer < fact_table[fact].answers ? fact_table[fact].words[answer] : "?";
}

/* ---- the candidate ----------------------------------------------------- */

/* Of one whose keeper speaks; while that says that it is a standby, it is not down. */
static bool
is_ready(const struct snapshot *snap, const struct node *node, pgaf_time now)
{
	assert(node->session != SESSION_GONE && node->reported_at != 0);
	return node->goal.state == PGAF_STATE_SECONDARY && node->report.epoch >= node->goal.epoch &&
	       node->report.pg == PG_STANDBY && evidence_of(snap, node, now) != EVIDENCE_SILENT &&
	       veto_of(snap, node, now) == 0 && proof_of(snap, node) == PROOF_HOLDS;
}

/* It receives everything the primary sends: a handover to it loses no time. */
static bool
is_current(const struct snapshot *snap, const struct node *node)
{
	const struct report *report = &node->report;

	return report->state == PGAF_STATE_SECONDARY && report->streaming && node->admission != 0 &&
	       report->streaming_admission == node->admission &&
	       group_waits_for(&snap->group, node);
}

static enum answers_candidate
candidate_answer(const struct snapshot *snap, const struct node *node, pgaf_time now)
{
	if (node == NULL)
		return CANDIDATE_NONE;
	if (!is_ready(snap, node, now))
		return CANDIDATE_BLOCKED;
	return is_current(snap, node) ? CANDIDATE_CURRENT : CANDIDATE_READY;
}

/* Larger is better; 0 cannot be considered at all. */
static uint64_t
candidate_rank(const struct snapshot *snap, const struct node *node, pgaf_time now)
{
	uint64_t rank;

	if (node->id == snap->group.primary || node->goal.state == PGAF_STATE_DROPPED ||
	    node->session == SESSION_GONE || node->reported_at == 0)
		return 0;
	/* A stopped one is better than none, when the operator accepts the loss. */
	if (node->report.pg == PG_STOPPED && node->report.has_data)
		return 1;
	if (node->report.pg != PG_STANDBY)
		return 0;
	rank = (uint64_t)candidate_answer(snap, node, now) << 32;
	if (node->id == snap->group.request.to || node->id == snap->group.handover.to)
		rank += UINT64_C(1) << 31;
	return rank + ((uint64_t)node->priority << 8) + 1;
}

void
roles_bind(const struct snapshot *snap, pgaf_time now, struct roles *roles)
{
	uint64_t best = 0;

	memset(roles, 0, sizeof(*roles));
	roles->primary = snapshot_node(snap, snap->group.primary);
	if (snap->group.promotion.node != 0)
		roles->former = snapshot_node(snap, snap->group.promotion.from);
	for (uint32_t i = 0; i < snap->count; i++) {
		uint64_t rank = candidate_rank(snap, &snap->nodes[i], now);

		/* Among equals the one that holds more. */
		if (rank > best || (rank == best && best != 0 &&
		                    snap->nodes[i].report.lsn > roles->candidate->report.lsn)) {
			best = rank;
			roles->candidate = &snap->nodes[i];
		}
	}
}

/* ---- one function per question ----------------------------------------- */

static bool
has_lost_slot(const struct node *primary, const struct node *node)
{
	return primary != NULL && primary->session != SESSION_GONE && primary->reported_at != 0 &&
	       primary->report.pg == PG_PRIMARY && primary->report.slot_lost == node->id;
}

static enum answers_seen
seen_answer(const struct snapshot *snap, const struct node *node, pgaf_time now,
            const struct node *primary)
{
	bool speaks = node->session != SESSION_GONE && node->reported_at != 0;

	if (speaks && (node->report.pg == PG_ABSENT || node->report.needs_clone))
		return SEEN_EMPTY;
	/* Whatever it holds, it can only come back as a copy: its next WAL is gone (33b). */
	if (node != primary && has_lost_slot(primary, node))
		return SEEN_EMPTY;
	if (speaks && node->report.leaving)
		return SEEN_LEAVING;
	switch (evidence_of(snap, node, now)) {
	case EVIDENCE_OK:
		return SEEN_OK;
	case EVIDENCE_DOWN:
		return SEEN_DOWN;
	case EVIDENCE_SILENT:
		break;
	case EVIDENCE_UNKNOWN:
	case EVIDENCE_STARTING:
	case EVIDENCE_STOPPING:
	case EVIDENCE_CONTRADICTED:
	case EVIDENCE_NO_NEW_CONNECTIONS:
	case EVIDENCE_STALLED:
	case EVIDENCE_COUNT:
	default:
		return SEEN_UNSURE;
	}
	/* The primary's fresh word that it streams outweighs our own silence. */
	if (primary != NULL &&
	    now - primary->reported_at < 2 * snap->group.settings.report_interval)
		for (uint32_t i = 0; i < primary->report.member_count; i++)
			if (primary->report.members[i].node == node->id &&
			    primary->report.members[i].streaming && primary->report.waiters_ms == 0)
				return SEEN_UNSURE;
	return SEEN_SILENT;
}

/* What keeps a standby from being counted: it could acknowledge, but never take over (19, 23). */
static enum answers_fit
fit_answer(const struct node *self)
{
	uint32_t lasting = VETO_BIT(RECOVERY_PAUSED) | VETO_BIT(PARAMETERS) |
	                   VETO_BIT(UNSAFE_SETTINGS) | VETO_BIT(RECOVERY_TARGET) |
	                   VETO_BIT(APPLY_DELAY);

	if (self->reported_at == 0 || self->report.pg != PG_STANDBY)
		return FIT_YES;
	if ((self->report.vetoes & lasting) != 0)
		return FIT_NO;
	return (self->report.vetoes & ~VETOES_PASSING) != 0 ? FIT_NOT_YET : FIT_YES;
}

static enum answers_standing
standing_answer(const struct snapshot *snap, const struct node *self, pgaf_time now,
                const struct node *primary)
{
	const struct report *report = &self->report;
	bool accepted = report->epoch >= self->goal.epoch && self->reported_at != 0;
	/* Commits that wait for others, or under the fence, say nothing of this standby. */
	bool member = group_waits_for(&snap->group, self);

	if (primary != NULL && primary->reported_at != 0 && member &&
	    primary->report.waiters_ms >= LINK_WAIT_MS &&
	    now - primary->reported_at < 2 * snap->group.settings.report_interval)
		return STANDING_NO_PROGRESS;
	if (self->admission != 0 && self->trouble_since != 0 && !report->streaming &&
	    now - self->trouble_since >= MEMBER_WAIT)
		return STANDING_NO_PROGRESS;
	if (!accepted || !report->streaming || report->pg != PG_STANDBY)
		return STANDING_NONE;
	if (self->admission != 0 && report->streaming_admission == self->admission &&
	    report->state == PGAF_STATE_SECONDARY)
		return STANDING_LISTED;
	if (self->admission == 0 && report->streaming_admission == 0 && report->history_proved &&
	    report->caught_up)
		return STANDING_CAUGHT_UP;
	return STANDING_NONE;
}

/*
 * The newest version is all that bars the candidate, and the primary did not begin to apply it: its
 * keeper declines it as soon as that is written, and the candidate is proved (4b).
 */
static bool
will_decline(const struct snapshot *snap, const struct node *primary, const struct node *candidate)
{
	const struct sync_set *newest = group_newest(&snap->group);

	return candidate != NULL && newest != NULL && !newest->unknown &&
	       newest->version > primary->report.about_version &&
	       newest->version > primary->report.declined_version &&
	       proof_of(snap, candidate) != PROOF_HOLDS &&
	       proof_without(snap, candidate, newest->version) == PROOF_HOLDS;
}

static enum answers_fault
fault_down(const struct snapshot *snap, const struct node *primary, const struct node *candidate,
           pgaf_time now)
{
	const struct group *group = &snap->group;
	bool long_ago = primary->trouble_since != 0 &&
	                now - primary->trouble_since >= group->settings.silence_limit;

	if (primary->session == SESSION_GONE || primary->report.pg == PG_ABSENT)
		return FAULT_GONE;
	if (primary->report.pg != PG_EXITED)
		return long_ago ? FAULT_GONE : FAULT_UNSURE;
	/* A goal newer than the crash is permission to restart: wait for it to be used. */
	if (primary->report.epoch < primary->goal.epoch)
		return long_ago ? FAULT_GONE : FAULT_UNSURE;
	if (!long_ago && will_decline(snap, primary, candidate))
		return FAULT_UNSURE;
	if (primary->report.crashed_inside && group->inside_crashes >= CRASHES_MOST &&
	    now - group->crash_at < CRASH_WINDOW)
		return FAULT_CRASHED_AGAIN;
	return FAULT_CRASHED;
}

/* The monitor cannot reach it and somebody else can: stay, or move after a while (38). */
static enum answers_fault
fault_disputed(const struct snapshot *snap, const struct node *primary, pgaf_time now)
{
	pgaf_time heard = primary->sighting.answered_at;

	if (snap->listening_since > heard)
		heard = snap->listening_since;
	return snap->group.settings.move_on_disagreement && now - heard >= DISPUTE_WAIT
	               ? FAULT_SILENT
	               : FAULT_WITNESSED;
}

/* A storm that stalls every disk is no reason to move, and one move in a while is enough (37). */
static enum answers_fault
fault_stalled(const struct snapshot *snap, const struct node *candidate, pgaf_time now)
{
	const struct group *group = &snap->group;

	if (candidate == NULL || candidate->report.disk_ms >= DISK_FINE_MS)
		return FAULT_UNSURE;
	return group->last_failover_at != 0 && now - group->last_failover_at < CRASH_WINDOW
	               ? FAULT_UNSURE
	               : FAULT_STALLED;
}

static enum answers_fault
fault_answer(const struct snapshot *snap, const struct node *primary, const struct node *candidate,
             pgaf_time now)
{
	pgaf_node_id who;

	if (primary == NULL)
		return FAULT_UNSURE;
	/* Its keeper says that it cannot be what it was: wiped, or an older copy. */
	if (primary->session != SESSION_GONE && primary->reported_at != 0 &&
	    primary->report.needs_clone)
		return FAULT_GONE;
	switch (evidence_of(snap, primary, now)) {
	case EVIDENCE_OK:
		return FAULT_NONE;
	case EVIDENCE_DOWN:
		return fault_down(snap, primary, candidate, now);
	case EVIDENCE_SILENT:
		return witness_of(snap, primary, now, &who) == WITNESS_OK
		               ? fault_disputed(snap, primary, now)
		               : FAULT_SILENT;
	case EVIDENCE_CONTRADICTED:
		return fault_disputed(snap, primary, now);
	case EVIDENCE_NO_NEW_CONNECTIONS:
		return FAULT_DEAF;
	case EVIDENCE_STALLED:
		return fault_stalled(snap, candidate, now);
	case EVIDENCE_STARTING:
		if (primary->trouble_since != 0 &&
		    now - primary->trouble_since >= snap->group.settings.silence_limit)
			return FAULT_RECOVERING;
		break;
	case EVIDENCE_UNKNOWN:
	case EVIDENCE_STOPPING:
	case EVIDENCE_COUNT:
	default:
		break;
	}
	return FAULT_UNSURE;
}

static enum answers_sets
sets_answer(const struct snapshot *snap, const struct node *primary)
{
	const struct group *group = &snap->group;
	const struct sync_set *newest = group_newest(group);
	const struct report *report;

	if (primary == NULL || newest == NULL)
		return SETS_SETTLED;
	report = &primary->report;
	if (report->epoch >= primary->goal.epoch && primary->reported_at != 0) {
		if (set_is_declined(snap, newest))
			return SETS_DECLINED;
		if (report->drifted && group->possible_count == 1 && !newest->unknown)
			return SETS_DRIFTED;
		if (group->possible_count > 1 && !report->drifted &&
		    report->in_force_version == newest->version &&
		    report->in_force_timeline == group->timeline)
			return SETS_PROVED;
	}
	if (group->possible_count >= POSSIBLE_MAX - 1)
		return SETS_FULL;
	return group->possible_count > 1 ? SETS_CHANGING : SETS_SETTLED;
}

/* A name in the set that nobody has any more, as after a replacement, is waited for for ever. */
static bool
names_nobody(const struct snapshot *snap, const struct sync_set *set)
{
	for (uint32_t i = 0; i < set->count; i++) {
		const struct node *node = snapshot_node(snap, set->members[i].node);

		if (node == NULL || node->admission != set->members[i].admission)
			return true;
	}
	return false;
}

static enum answers_wanted
wanted_answer(const struct snapshot *snap)
{
	const struct sync_set *newest = group_newest(&snap->group);
	uint32_t number = snap->group.settings.number_sync;

	if (newest == NULL)
		return WANTED_AS_IS;
	if (newest->unknown || names_nobody(snap, newest))
		return number > 0 ? WANTED_STRICTER : WANTED_LOOSER;
	if (number > 0)
		return newest->required == number ? WANTED_AS_IS : WANTED_STRICTER;
	if (newest->required > 1 || newest->required > newest->count)
		return WANTED_LOOSER;
	return WANTED_AS_IS;
}

static enum answers_promotion
promotion_answer(const struct snapshot *snap, pgaf_time now)
{
	const struct promotion *promotion = &snap->group.promotion;
	const struct node *node = snapshot_node(snap, promotion->node);
	unsigned doubled = promotion->attempts < 6 ? promotion->attempts : 6;

	if (node == NULL)
		return PROMOTION_NONE;
	if (node->report.promoted_epoch == promotion->epoch)
		return PROMOTION_DONE;
	if (node->report.renounced_epoch == promotion->epoch)
		return PROMOTION_RENOUNCED;
	if (promotion->claimed)
		return PROMOTION_CLAIMED;
	return now - snap->group.promotion_since >= (CLAIM_WAIT << doubled) ? PROMOTION_OVERDUE
	                                                                    : PROMOTION_OFFERED;
}

/* Its keeper is there to give it back what it never lost. */
static enum answers_former
former_answer(const struct snapshot *snap, const struct node *former, pgaf_time now)
{
	if (former == NULL)
		return FORMER_NONE;
	if (former->session == SESSION_GONE || former->reported_at == 0 ||
	    now - former->reported_at > 2 * snap->group.settings.report_interval ||
	    former->report.leaving || !former->report.has_data || former->report.needs_clone ||
	    former->goal.state == PGAF_STATE_DROPPED)
		return FORMER_AWAY;
	return FORMER_USABLE;
}

/* A renounce for a reason that has passed is no dead end when nobody else is left. */
static enum answers_again
again_answer(const struct snapshot *snap, pgaf_time now)
{
	const struct promotion *promotion = &snap->group.promotion;
	const struct node *node = snapshot_node(snap, promotion->node);
	unsigned doubled = promotion->attempts < 6 ? promotion->attempts : 6;

	if (node == NULL || node->report.renounced_epoch != promotion->epoch ||
	    node->session == SESSION_GONE || node->reported_at == 0 ||
	    node->report.pg != PG_STANDBY ||
	    now - snap->group.promotion_since < (CLAIM_WAIT << doubled))
		return AGAIN_NO;
	if (promotion_is_lossy(promotion))
		return AGAIN_READY;
	return veto_of(snap, node, now) == 0 &&
	                       proof_without(snap, node, node->goal.set.version) == PROOF_HOLDS
	               ? AGAIN_READY
	               : AGAIN_UNPROVED;
}

static enum answers_handover
handover_answer(const struct snapshot *snap, const struct node *primary, pgaf_time now)
{
	const struct handover *handover = &snap->group.handover;
	const struct node *target = snapshot_node(snap, handover->to);

	if (handover->from == 0 || primary == NULL)
		return HANDOVER_NONE;
	if (target == NULL || target->session == SESSION_GONE ||
	    target->goal.state != PGAF_STATE_SECONDARY || target->report.pg != PG_STANDBY ||
	    (veto_of(snap, target, now) & ~VETO_BIT(LSN_UNKNOWN)) != 0 ||
	    evidence_of(snap, target, now) == EVIDENCE_SILENT)
		return HANDOVER_ORPHANED;
	if (primary->report.stopped_epoch == primary->goal.epoch)
		return primary->report.stopped_clean ? HANDOVER_STOPPED : HANDOVER_DIRTY;
	if (now - snap->group.handover_since >= snap->group.settings.handover_limit)
		return HANDOVER_EXPIRED;
	return HANDOVER_RUNNING;
}

/* What was asked of the primary before is answered by the promotion that came since: a word that
 * accepts loss must not undo it. */
static enum answers_asked
asked_answer(const struct group *group)
{
	const struct request *request = &group->request;

	if (request->kind != REQUEST_NONE && group->promotion.node != 0 &&
	    request->epoch < group->promotion.epoch)
		return ASKED_BEFORE;
	switch (request->kind) {
	case REQUEST_SWITCHOVER:
		return ASKED_SWITCHOVER;
	case REQUEST_FAILOVER:
		return request->allow_loss ? ASKED_WITH_LOSS : ASKED_FAILOVER;
	case REQUEST_NONE:
	default:
		return ASKED_NOTHING;
	}
}

static enum answers_monitor
monitor_answer(const struct snapshot *snap, pgaf_time now)
{
	pgaf_time limit = snap->group.settings.silence_limit;

	if (now - snap->listening_since < limit)
		return MONITOR_LISTENING;
	for (uint32_t i = 0; i < snap->count; i++)
		if (snap->nodes[i].sighting.answered_at != 0 &&
		    now - snap->nodes[i].sighting.answered_at < limit)
			return MONITOR_AWAKE;
	return MONITOR_LISTENING;
}

/* What it says is of a store that this one does not remember to have been. */
static bool
remembers_more(const struct group *group, const struct report *report)
{
	return report->epoch > group->epoch || (!group->recovering && report->incarnation != 0 &&
	                                        report->incarnation != group->incarnation);
}

/* It has accepted this store, and no promotion that the store forgot is under way there any more:
 * what it has written it has written. */
static bool
is_settled(const struct group *group, const struct report *report)
{
	return report->incarnation == group->incarnation &&
	       report->state != PGAF_STATE_PREPARE_PROMOTION &&
	       report->state != PGAF_STATE_STOP_REPLICATION;
}

static enum answers_memory
memory_answer(const struct snapshot *snap)
{
	bool all = true;

	if (snap->group.went_back && !snap->group.recovering)
		return MEMORY_FORGOT;
	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *node = &snap->nodes[i];
		bool heard = node->reported_at != 0 && node->session != SESSION_GONE;

		if (heard && remembers_more(&snap->group, &node->report))
			return MEMORY_FORGOT;
		if (!heard || !is_settled(&snap->group, &node->report))
			all = false;
	}
	if (!snap->group.recovering)
		return MEMORY_SOUND;
	return all && snapshot_writer(snap) != NULL ? MEMORY_HEARD : MEMORY_LISTENING;
}

/* The group had a primary once: only what it wrote may come back as the first. */
static enum answers_start
start_again(const struct group *group, const struct node *self)
{
	return self->report.has_data &&
	                       self->report.system_identifier == group->system_identifier &&
	                       self->report.timeline >= group->timeline
	               ? START_YES
	               : START_NO;
}

static enum answers_start
start_answer(const struct snapshot *snap, const struct node *self, pgaf_time now)
{
	if (snap->group.primary != 0 || self->reported_at == 0 || self->session == SESSION_GONE)
		return START_NO;
	if (snap->group.system_identifier != 0)
		return start_again(&snap->group, self);
	if (!self->bootstrap)
		return START_NO;
	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *other = &snap->nodes[i];

		if (other == self || other->reported_at == 0 || !other->bootstrap)
			continue;
		if (other->report.has_data && !self->report.has_data)
			return START_NO;
		if (other->id < self->id && other->report.has_data == self->report.has_data)
			return START_NO;
	}
	if (!self->report.has_data && snap->first_start != 0 &&
	    now - snap->first_start < snap->group.settings.bootstrap_grace)
		return START_WAIT;
	return START_YES;
}

static pgaf_time
hold_down(const struct group *group)
{
	pgaf_time hold;

	if (group->hold_downs == 0)
		return 0;
	hold = PGAF_SECONDS(1) << (group->hold_downs < 7 ? group->hold_downs - 1 : 6);
	return hold < HOLD_MOST ? hold : HOLD_MOST;
}

static bool
has_company(const struct snapshot *snap, const struct node *self)
{
	for (uint32_t i = 0; i < snap->count; i++)
		if (&snap->nodes[i] != self && snap->nodes[i].goal.state != PGAF_STATE_DROPPED)
			return true;
	return false;
}

static bool
has_reached(const struct node *node)
{
	return node != NULL && node->reported_at != 0 && node->report.epoch >= node->goal.epoch &&
	       node->report.state == node->goal.state;
}

static enum answers_follows
follows_answer(const struct group *group, const struct node *self)
{
	if (self->goal.upstream == 0)
		return FOLLOWS_NOBODY;
	return self->goal.upstream == group->primary && self->goal.timeline == group->timeline
	               ? FOLLOWS_PRIMARY
	               : FOLLOWS_OTHER;
}

static void
facts_of_self(const struct snapshot *snap, pgaf_time now, const struct roles *roles,
              uint8_t *answer)
{
	const struct node *self = roles->self;

	answer[FACT_SELF] = self == roles->primary ? IS_PRIMARY : IS_STANDBY;
	answer[FACT_GOAL] = (uint8_t)self->goal.state;
	answer[FACT_REPORTED] = (uint8_t)self->report.state;
	answer[FACT_REACHED] = has_reached(self) ? REACHED : NOT_REACHED;
	answer[FACT_SEEN] = (uint8_t)seen_answer(snap, self, now, roles->primary);
	answer[FACT_KEEPER] = self->session == SESSION_GONE   ? KEEPER_GONE
	                      : self->session == SESSION_OPEN ? KEEPER_OPEN
	                                                      : KEEPER_UNSURE;
	answer[FACT_STANDING] = (uint8_t)standing_answer(snap, self, now, roles->primary);
	answer[FACT_FIT] = (uint8_t)fit_answer(self);
	answer[FACT_MEMBER] = self->admission != 0 && group_waits_for(&snap->group, self)
	                              ? MEMBER_YES
	                              : MEMBER_NO;
	answer[FACT_COUNTED] = self->quorum ? COUNTED_YES : COUNTED_NO;
	answer[FACT_FOLLOWS] = (uint8_t)follows_answer(&snap->group, self);
	answer[FACT_DROP] = !self->drop_asked  ? DROP_NO
	                    : self->drop_force ? DROP_FORCED
	                                       : DROP_ASKED;
	answer[FACT_START] = (uint8_t)start_answer(snap, self, now);
	answer[FACT_COMPANY] = has_company(snap, self) ? WITH_OTHERS : ALONE;
}

void
facts_of(const struct snapshot *snap, pgaf_time now, const struct roles *roles, struct facts *facts)
{
	const struct group *group = &snap->group;
	const struct node *primary = roles->primary;
	uint8_t *answer = facts->answer;

	memset(facts, 0, sizeof(*facts));
	facts_of_self(snap, now, roles, answer);
	answer[FACT_PRIMARY_GOAL] = primary != NULL ? (uint8_t)primary->goal.state : 0;
	answer[FACT_PRIMARY_REACHED] = has_reached(primary) ? REACHED : NOT_REACHED;
	answer[FACT_PRIMARY_FAULT] = (uint8_t)fault_answer(snap, primary, roles->candidate, now);
	answer[FACT_PRIMARY_DISK] =
		primary != NULL && primary->report.disk_timeline >= group->timeline ? DISK_READY
										    : DISK_BEHIND;
	answer[FACT_CANDIDATE] = (uint8_t)candidate_answer(snap, roles->candidate, now);
	answer[FACT_SETS] = (uint8_t)sets_answer(snap, primary);
	answer[FACT_WANTED] = (uint8_t)wanted_answer(snap);
	answer[FACT_PROMOTION] = (uint8_t)promotion_answer(snap, now);
	answer[FACT_FORMER] = (uint8_t)former_answer(snap, roles->former, now);
	answer[FACT_AGAIN] = (uint8_t)again_answer(snap, now);
	answer[FACT_HANDOVER] = (uint8_t)handover_answer(snap, primary, now);
	answer[FACT_ASKED] = (uint8_t)asked_answer(group);
	answer[FACT_MONITOR] = (uint8_t)monitor_answer(snap, now);
	answer[FACT_NUMBER] = group->settings.number_sync > 0 ? NUMBER_SOME : NUMBER_ZERO;
	answer[FACT_MEMORY] = (uint8_t)memory_answer(snap);
	answer[FACT_HOLD] = now - group->relaxed_at < hold_down(group) ? HOLD_ON : HOLD_OVER;
}

/* ---- when something changes by itself ---------------------------------- */

static void
earliest(pgaf_time *first, pgaf_time now, pgaf_time since, pgaf_time wait)
{
	if (since != 0 && since + wait > now && since + wait < *first)
		*first = since + wait;
}

pgaf_time
facts_next_change(const struct snapshot *snap, pgaf_time now)
{
	const struct group *group = &snap->group;
	const struct settings *settings = &group->settings;
	pgaf_time first = PGAF_NEVER;

	earliest(&first, now, snap->listening_since, settings->silence_limit);
	earliest(&first, now, snap->listening_since, 2 * settings->silence_limit);
	earliest(&first, now, snap->first_start, settings->bootstrap_grace);
	earliest(&first, now, group->relaxed_at, hold_down(group));
	earliest(&first, now, group->last_failover_at, settings->flap_window);
	if (group->promotion.node != 0)
		earliest(&first, now, group->promotion_since,
		         CLAIM_WAIT << (group->promotion.attempts < 6 ? group->promotion.attempts
		                                                      : 6));
	if (group->handover.from != 0)
		earliest(&first, now, group->handover_since, settings->handover_limit);
	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *node = &snap->nodes[i];

		earliest(&first, now, node->sighting.answered_at, settings->silence_limit);
		earliest(&first, now, node->sighting.answered_at, 2 * settings->silence_limit);
		earliest(&first, now, node->sighting.asked_new_at, settings->silence_limit);
		earliest(&first, now, node->trouble_since, settings->silence_limit);
		earliest(&first, now, node->trouble_since, MEMBER_WAIT);
		earliest(&first, now, node->reported_at,
		         settings->report_interval + settings->peer_report_age);
		earliest(&first, now, node->reported_at, 2 * settings->report_interval);
	}
	return first;
}
