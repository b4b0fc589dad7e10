/* SPDX-License-Identifier: PostgreSQL */
/*
 * A dry run in sentences: the plan, the proof, what would be lost, and how
 * long writes would wait.
 */
#include <inttypes.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/decide.h"
#include "core/dry_run.h"
#include "core/figures.h"
#include "core/quorum.h"
#include "core/rules.h"
#include "core/why.h"

static const struct node *
node_of(const struct dry_run *run, pgaf_node_id id)
{
	return snapshot_node(&run->snap, id);
}

static void
add_node(const struct dry_run *run, pgaf_node_id id, struct text *to)
{
	say_node(&run->snap, id, to);
}

/* ---- the plan -------------------------------------------------------------- */

static void
plan_handover(const struct dry_run *run, struct text *to)
{
	add_node(run, run->primary, to);
	text_add(to, " stops accepting writes and stops its Postgres cleanly\n");
	add_node(run, run->candidate, to);
	text_addf(to, " is promoted onto timeline %" PRIu32 " when it holds the last record of ",
	          run->snap.group.next_timeline);
	add_node(run, run->primary, to);
	text_add(to, "\n");
	add_node(run, run->primary, to);
	text_add(to, run->subject != 0 ? " is then dropped: its keeper stops Postgres and ends\n"
	                               : " then follows it as a standby\n");
	text_add(to, "if it takes longer than ");
	say_time(run->snap.group.settings.handover_limit, to);
	text_add(to, " (handover_limit), ");
	add_node(run, run->primary, to);
	text_add(to, " keeps its role\n");
}

static void
plan_promotion(const struct dry_run *run, struct text *to)
{
	add_node(run, run->candidate, to);
	text_addf(to, " is promoted at once, onto timeline %" PRIu32 "\n",
	          run->decision.group.promotion.timeline);
	if (run->primary == run->candidate)
		return;
	add_node(run, run->primary, to);
	text_add(to, " loses its role, and follows as a standby when it is back\n");
}

/* Who is left when the node is gone, and whom commits wait for then. */
static void
plan_leave(const struct dry_run *run, struct text *to)
{
	const struct sync_set *newest = group_newest(&run->decision.group);
	const struct node *subject = node_of(run, run->subject);
	bool is_gone = subject->session == SESSION_GONE;

	text_add(to, subject->name);
	if (run->decision.removed == subject->id || (is_gone && subject->drop_force))
		text_add(to, " is taken from the group; its keeper is not waited for\n");
	else if (is_gone)
		text_add(to, " leaves the group when its keeper answers; --force does not wait"
		             " for it\n");
	else
		text_add(to, " leaves the group: its keeper stops Postgres and ends\n");
	if (run->primary == 0) {
		text_add(to, "there is no primary: writes wait for one as before\n");
		return;
	}
	add_node(run, run->primary, to);
	text_add(to, " stays the primary, writes go on\n");
	if (newest != NULL && !newest->unknown && newest->required == 0)
		text_add(to, "afterwards no commit waits for a standby: when the primary is lost,"
		             " nobody is proved to hold everything\n");
}

static void
plan_end(const struct dry_run *run, struct text *to)
{
	add_node(run, run->subject, to);
	text_add(to, " is the last node: its Postgres stops and nobody accepts writes\n");
	text_add(to, "its data stays where it is; started with --rejoin it comes back as the"
	             " primary\n");
}

/* A line each, indented no further: why a candidate cannot be taken. */
static void
plan_refusal(const struct dry_run *run, pgaf_time now, struct text *to)
{
	const struct node *candidate = node_of(run, run->candidate);
	char bytes[768] = "";
	struct text blockers = TEXT(bytes);

	if (run->decision.rule != 0)
		text_addf(to, "rule %" PRIu32 ": %s\n", run->decision.rule,
		          rule_by_id(run->decision.rule)->doc);
	else
		text_add(to, "no rule would act on it now\n");
	if (candidate == NULL) {
		if (run->verdict == DRY_REFUSED)
			text_add(to, "no standby is there that could be promoted\n");
		return;
	}
	blockers_say(&run->snap, candidate, now, &blockers);
	if (blockers.used > 0)
		text_addf(to, "%s may not be promoted: %s\n", candidate->name, bytes);
}

void
dry_run_plan(const struct dry_run *run, pgaf_time now, struct text *to)
{
	if (dry_run_is_possible(run))
		text_addf(to, "rule %" PRIu32 " would act: %s\n", run->decision.rule,
		          rule_by_id(run->decision.rule)->doc);
	switch (run->verdict) {
	case DRY_WAITS:
		plan_refusal(run, now, to);
		decide_explain(&run->snap, now, to);
		break;
	case DRY_REFUSED:
		plan_refusal(run, now, to);
		break;
	case DRY_HANDS_OVER:
		plan_handover(run, to);
		break;
	case DRY_PROMOTES:
		plan_promotion(run, to);
		break;
	case DRY_LEAVES:
		plan_leave(run, to);
		break;
	case DRY_ENDS:
		plan_end(run, to);
		break;
	case DRY_FORGETS:
	default:
		text_add(to, "nobody is promoted: what is lost is not waited for any more\n");
		break;
	}
}

/* ---- the proof ------------------------------------------------------------- */

static void
proof_member(const struct dry_run *run, const struct member *member, struct text *to)
{
	const struct snapshot *snap = &run->snap;
	const struct node *node = snapshot_node(snap, member->node);

	say_node(snap, member->node, to);
	if (node == NULL || node->admission != member->admission) {
		text_add(to, " (no longer under that name)");
	} else if (node->id == run->candidate) {
		text_add(to, " (the candidate, holds ");
		say_lsn(node->report.lsn, to);
		text_add(to, ")");
	} else if (node_is_detached(snap, node)) {
		text_add(to, " (detached at ");
		say_lsn(node->report.detached_lsn, to);
		text_add(to, ")");
	} else {
		text_add(to, " (not detached)");
	}
}

static void
proof_set(const struct dry_run *run, const struct sync_set *set, struct text *to)
{
	text_addf(to, "set version %" PRIu32 ": ", set->version);
	if (set_is_declined(&run->snap, set)) {
		text_add(to, "the primary declined it before it applied any of it; it binds"
		             " nobody\n");
		return;
	}
	if (sync_set_is_async(set)) {
		text_add(to, set->unknown ? "unknown: commits may have waited for nobody\n"
		                          : "asynchronous: commits waited for nobody\n");
		return;
	}
	text_addf(to,
	          "each commit waited for %" PRIu32 " of %" PRIu32 ", so %" PRIu32
	          " must be heard; members: ",
	          set->required, set->count, quorum_needed(set));
	for (uint32_t i = 0; i < set->count; i++) {
		text_add(to, i > 0 ? ", " : "");
		proof_member(run, &set->members[i], to);
	}
	text_add(to, set->count == 0 ? "none\n" : "\n");
}

static void
proof_holdings(const struct dry_run *run, pgaf_time now, struct text *to)
{
	for (uint32_t i = 0; i < run->snap.count; i++) {
		const struct node *node = &run->snap.nodes[i];

		if (node->report.lsn == 0)
			continue;
		text_addf(to, "%s holds ", node->name);
		say_lsn(node->report.lsn, to);
		text_addf(to, " on timeline %" PRIu32, node->report.timeline);
		if (node->reported_at != 0) {
			text_add(to, ", reported ");
			say_age(now, node->reported_at, to);
		}
		text_add(to, "\n");
	}
}

static void
proof_conclusion(const struct dry_run *run, const struct node *candidate, struct text *to)
{
	static const char *const verdicts[] = {
		[PROOF_NONE] =
			"so it is not proved that %s holds every acknowledged commit: some may"
			" not have waited for it",
		[PROOF_HEAR] = "so it is not proved that %s holds every acknowledged commit: more"
			       " members must be heard",
		[PROOF_BEHIND] = "so %s does not hold every acknowledged commit: a member holds"
				 " more",
		[PROOF_HOLDS] = "so %s holds every acknowledged commit",
	};
	const char *words = verdicts[proof_of(&run->snap, candidate)];
	const char *place = strstr(words, "%s");

	text_add_bytes(to, words, (size_t)(place - words));
	text_addf(to, "%s%s\n", candidate->name, place + 2);
}

void
dry_run_proof(const struct dry_run *run, pgaf_time now, struct text *to)
{
	const struct node *candidate = node_of(run, run->candidate);

	if (run->verdict == DRY_LEAVES || run->verdict == DRY_ENDS) {
		text_add(to, "none is needed: nobody is promoted\n");
		return;
	}
	proof_holdings(run, now, to);
	if (candidate == NULL) {
		text_add(to, "there is no candidate\n");
		return;
	}
	if (run->verdict == DRY_HANDS_OVER) {
		add_node(run, run->primary, to);
		text_addf(to,
		          " stops cleanly, and %s is promoted only if it holds the last"
		          " record: that is proof by itself\n",
		          candidate->name);
		text_add(to, "should it have to be stopped at once, the sets count:\n");
	}
	for (uint32_t i = 0; i < run->snap.group.possible_count; i++)
		proof_set(run, &run->snap.group.possible[i], to);
	proof_conclusion(run, candidate, to);
	if (run->lossy)
		text_add(to, "your word that loss is accepted stands in for the proof\n");
}

/* ---- what would be lost ------------------------------------------------------ */

static pgaf_lsn
last_known_end(const struct node *primary)
{
	return primary->sighting.timeline == primary->report.timeline &&
	                       primary->sighting.lsn > primary->report.lsn
	               ? primary->sighting.lsn
	               : primary->report.lsn;
}

static struct dry_loss
loss_known(const struct node *primary, const struct node *candidate, pgaf_time now, struct text *to)
{
	pgaf_lsn end = last_known_end(primary);
	int64_t bytes = end > candidate->report.lsn ? (int64_t)(end - candidate->report.lsn) : 0;

	if (bytes == 0) {
		text_addf(to, "nothing that is known: %s holds the last known end of WAL of %s, ",
		          candidate->name, primary->name);
		say_lsn(end, to);
	} else {
		text_add(to, "up to ");
		say_size((uint64_t)bytes, to);
		text_addf(to, " of WAL: %s is known to have written up to ", primary->name);
		say_lsn(end, to);
		text_addf(to, ", %s holds ", candidate->name);
		say_lsn(candidate->report.lsn, to);
	}
	text_addf(to, "\nwhat %s acknowledged after its last report, ", primary->name);
	say_age(now, primary->reported_at, to);
	text_add(to, ", is not known, and would be lost too\n");
	return (struct dry_loss){bytes, false};
}

struct dry_loss
dry_run_loss(const struct dry_run *run, pgaf_time now, struct text *to)
{
	const struct node *primary = node_of(run, run->primary);
	const struct node *candidate = node_of(run, run->candidate);

	if (run->verdict == DRY_LEAVES || run->verdict == DRY_ENDS) {
		text_add(to, "nothing\n");
		return (struct dry_loss){0, true};
	}
	if (run->verdict == DRY_WAITS) {
		text_add(to, "nothing now, since nothing would be done\n");
		return (struct dry_loss){0, true};
	}
	if (run->verdict == DRY_HANDS_OVER ||
	    (candidate != NULL && proof_of(&run->snap, candidate) == PROOF_HOLDS)) {
		text_addf(to, "nothing: %s\n",
		          run->verdict == DRY_HANDS_OVER
		                  ? "no commit is acknowledged that the candidate does not hold"
		                  : "the proof holds");
		return (struct dry_loss){0, true};
	}
	if (primary == NULL || candidate == NULL || primary == candidate ||
	    primary->report.lsn == 0 || candidate->report.lsn == 0 ||
	    primary->report.timeline != candidate->report.timeline) {
		text_add(to, "not known: the nodes' positions cannot be compared\n");
		return (struct dry_loss){-1, false};
	}
	return loss_known(primary, candidate, now, to);
}

/* ---- how long writes wait ------------------------------------------------------ */

static uint32_t
median_of(const struct past *past)
{
	uint32_t sorted[PAST_MOST];

	for (uint32_t i = 0; i < past->count; i++) {
		uint32_t at = i;

		for (; at > 0 && sorted[at - 1] > past->ms[i]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = past->ms[i];
	}
	return sorted[past->count / 2];
}

static void
outage_past(const struct dry_run *run, const struct past *past, struct text *to)
{
	const char *what = run->verdict == DRY_HANDS_OVER ? "handover" : "promotion";

	if (past->count == 0) {
		text_addf(to, "no %s of this group was measured yet\n", what);
		return;
	}
	text_addf(to,
	          "measured, from the decision to the end of the promotion, the last %s%s: ", what,
	          past->count == 1 ? "" : "s");
	for (uint32_t i = 0; i < past->count; i++) {
		text_add(to, i > 0 ? ", " : "");
		say_time(PGAF_MSEC(past->ms[i]), to);
	}
	text_add(to, "\n");
}

static void
outage_replay(const struct node *candidate, struct text *to)
{
	const struct report *report = &candidate->report;

	if (report->replay >= report->lsn) {
		text_addf(to, "%s has replayed all that it holds\n", candidate->name);
	} else {
		text_addf(to, "%s has ", candidate->name);
		say_size(report->lsn - report->replay, to);
		text_add(to, " to replay before it opens");
		if (report->replay_lag_ms > 0) {
			text_add(to, ", it lags by ");
			say_time(PGAF_MSEC(report->replay_lag_ms), to);
		}
		text_add(to, "\n");
	}
	if (report->promote_ms > 0) {
		text_addf(to, "the last promotion of %s took it ", candidate->name);
		say_time(PGAF_MSEC(report->claim_ms), to);
		text_add(to, " to claim and ");
		say_time(PGAF_MSEC(report->promote_ms), to);
		text_add(to, " to promote\n");
	}
}

static void
outage_before(const struct dry_run *run, pgaf_time now, struct text *to)
{
	const struct node *primary = node_of(run, run->primary);

	if (run->verdict == DRY_HANDS_OVER) {
		add_node(run, run->primary, to);
		text_add(to, " writes a checkpoint as it stops; how much is dirty is not reported,"
		             " so that time is not in the estimate\n");
	} else if (primary->sighting.answered_at != 0) {
		text_addf(to, "%s answered last ", primary->name);
		say_age(now, primary->sighting.answered_at, to);
		text_add(to, "; what writes have waited already is not in the estimate\n");
	}
}

int64_t
dry_run_outage(const struct dry_run *run, pgaf_time now, const struct past *past, struct text *to)
{
	const struct node *candidate = node_of(run, run->candidate);
	bool moves = run->verdict == DRY_HANDS_OVER || run->verdict == DRY_PROMOTES;
	int64_t estimate;

	if (run->verdict == DRY_LEAVES) {
		text_add(to, "none: writes go on\n");
		return 0;
	}
	if (!moves) {
		text_add(to, run->verdict == DRY_ENDS ? "for good: nobody is left\n"
		                                      : "no figure: nobody would be promoted\n");
		return -1;
	}
	estimate = past->count == 0
	                   ? -1
	                   : (int64_t)median_of(past) + (int64_t)candidate->report.replay_lag_ms;
	if (estimate >= 0) {
		text_add(to, "about ");
		say_time(PGAF_MSEC(estimate), to);
		text_add(to, "\n");
	}
	outage_past(run, past, to);
	outage_replay(candidate, to);
	outage_before(run, now, to);
	return estimate;
}
