/* SPDX-License-Identifier: PostgreSQL */
/* Deciding on a copy of the snapshot into which a request was put. */
#include "core/dry_run.h"

#include <inttypes.h>

#include "base/pure/text.h"
#include "core/decide.h"
#include "core/quorum.h"
#include "core/rules.h"

/* More come first only when a whole group is dropped by force. */
#define ROUNDS_MOST 16

struct answer {
	enum effect effect;
	enum dry_verdict verdict;
	bool asked; /* not by a rule that does the same unasked */
};

static const struct answer request_answers[] = {
	{EFFECT_REFUSE, DRY_REFUSED, false},         {EFFECT_HAND_OVER, DRY_HANDS_OVER, false},
	{EFFECT_PROMOTE, DRY_PROMOTES, false},       {EFFECT_PROMOTE_CLEAN, DRY_PROMOTES, false},
	{EFFECT_PROMOTE_LOSSY, DRY_PROMOTES, false}, {EFFECT_PROMOTE_FORMER, DRY_PROMOTES, false},
	{EFFECT_PROMOTE_AGAIN, DRY_PROMOTES, false}, {EFFECT_FORGET, DRY_FORGETS, false},
	{EFFECT_RECOVERED, DRY_FORGETS, true},
};

static const struct answer drop_answers[] = {
	{EFFECT_HAND_OVER, DRY_HANDS_OVER, false},
	{EFFECT_DROP, DRY_LEAVES, false},
	{EFFECT_REMOVE, DRY_LEAVES, false},
	{EFFECT_DROP_LAST, DRY_ENDS, false},
};

struct answers {
	const struct answer *at;
	size_t count;
	pgaf_node_id subject; /* 0: of any node */
};

static bool
is_answer(const struct answers *answers, const struct decision *decision, enum dry_verdict *verdict)
{
	const struct rule *rule = rule_by_id(decision->rule);

	if (answers->subject != 0 && decision->subject != answers->subject)
		return false;
	for (size_t i = 0; i < answers->count; i++) {
		const struct answer *answer = &answers->at[i];

		if (answer->effect != rule->effect ||
		    (answer->asked && rule->when[FACT_ASKED] == 0))
			continue;
		*verdict = answer->verdict;
		return true;
	}
	return false;
}

static pgaf_node_id
candidate_of(const struct dry_run *run, pgaf_time now)
{
	struct roles roles;

	if (run->verdict == DRY_HANDS_OVER)
		return run->decision.group.handover.to;
	if (run->verdict == DRY_PROMOTES)
		return run->decision.group.promotion.node;
	roles_bind(&run->snap, now, &roles);
	return roles.candidate != NULL ? roles.candidate->id : 0;
}

/* Decides until a decision answers what was asked for. Keepers do not act meanwhile. */
static void
run_until(struct dry_run *run, pgaf_time now, const struct answers *answers)
{
	run->verdict = DRY_WAITS;
	while (run->before < ROUNDS_MOST && decide(&run->snap, now, &run->decision) &&
	       !is_answer(answers, &run->decision, &run->verdict)) {
		decision_apply(&run->decision, now, &run->snap);
		run->before++;
	}
	if (run->verdict == DRY_WAITS)
		run->decision = (struct decision){0};
	run->primary = run->snap.group.primary;
	run->candidate = candidate_of(run, now);
	run->lossy =
		run->verdict == DRY_FORGETS || promotion_is_lossy(&run->decision.group.promotion);
}

static void
begin(const struct snapshot *snap, struct dry_run *run)
{
	*run = (struct dry_run){.snap = *snap};
}

void
dry_run_request(const struct snapshot *snap, pgaf_time now, const struct request *request,
                struct dry_run *run)
{
	struct answers answers = {request_answers,
	                          sizeof(request_answers) / sizeof(request_answers[0]), 0};

	begin(snap, run);
	run->snap.group.request = *request;
	run->snap.group.request.number = snap->group.request.number + 1;
	run->snap.group.request.epoch = snap->group.epoch;
	run_until(run, now, &answers);
}

void
dry_run_drop(const struct snapshot *snap, pgaf_time now, pgaf_node_id node, bool force,
             struct dry_run *run)
{
	struct answers answers = {drop_answers, sizeof(drop_answers) / sizeof(drop_answers[0]),
	                          node};

	begin(snap, run);
	run->subject = node;
	for (uint32_t i = 0; i < run->snap.count; i++) {
		struct node *at = &run->snap.nodes[i];

		if (at->id != node)
			continue;
		at->drop_asked = true;
		at->drop_force = at->drop_force || force;
	}
	run_until(run, now, &answers);
}

bool
dry_run_is_possible(const struct dry_run *run)
{
	return run->verdict != DRY_WAITS && run->verdict != DRY_REFUSED;
}

const char *
dry_verdict_name(enum dry_verdict verdict)
{
	static const char *const names[] = {
		[DRY_WAITS] = "waits",           [DRY_REFUSED] = "refused",
		[DRY_HANDS_OVER] = "handover",   [DRY_PROMOTES] = "promotion",
		[DRY_LEAVES] = "drop",           [DRY_ENDS] = "drop of the last node",
		[DRY_FORGETS] = "loss accepted",
	};

	return names[verdict];
}
