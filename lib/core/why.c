/* SPDX-License-Identifier: PostgreSQL */
/*
 * The answers of facts.h as phrases. A table has the words of each answer;
 * beside some stands a function that adds the figures which facts.c compared.
 * In the words %s is SELF, %p the primary, %c the candidate, %f the former one.
 */
#include "core/why.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/decide.h"
#include "core/figures.h"
#include "core/quorum.h"

struct view {
	const struct snapshot *snap;
	const struct roles *roles;
	pgaf_time now;
	uint8_t answer;
};

typedef void figures_fn(const struct view *view, struct text *to);

/* ---- figures ------------------------------------------------------------ */

/* Silence counts while this monitor was listening. */
static pgaf_time
silent_for(const struct view *view, const struct node *node)
{
	pgaf_time heard = node->sighting.answered_at;

	return view->now -
	       (view->snap->listening_since > heard ? view->snap->listening_since : heard);
}

static void
add_heard(const struct view *view, const struct node *node, struct text *to)
{
	pgaf_time heard = node->sighting.answered_at;

	if (heard == 0)
		text_add(to, "it has not answered this monitor yet");
	else {
		text_add(to, "it answered ");
		say_age(view->now, heard, to);
	}
}

static void
add_evidence(const struct view *view, const struct node *node, struct text *to)
{
	static const char *const docs[EVIDENCE_COUNT] = {
#define DOC(name, word, doc) [EVIDENCE_##name] = doc,
		EVIDENCES(DOC)
#undef DOC
	};

	text_addf(to, "%s, ", docs[evidence_of(view->snap, node, view->now)]);
	add_heard(view, node, to);
}

static void
goal_figures(const struct view *view, struct text *to)
{
	const struct node *self = view->roles->self;

	if (self->goal.rule != 0)
		text_addf(to, "given by rule %" PRIu32 " in epoch %" PRIu64, self->goal.rule,
		          self->goal.epoch);
}

static void
reported_figures(const struct view *view, struct text *to)
{
	text_add(to, "heard by this monitor ");
	say_age(view->now, view->roles->self->reported_at, to);
}

static void
add_goal_and_report(const struct node *node, struct text *to)
{
	text_addf(to, "goal %s of epoch %" PRIu64 ", reports %s and has accepted epoch %" PRIu64,
	          pgaf_state_name(node->goal.state), node->goal.epoch,
	          pgaf_state_name(node->report.state), node->report.epoch);
}

static void
reached_figures(const struct view *view, struct text *to)
{
	add_goal_and_report(view->roles->self, to);
}

static void
primary_reached_figures(const struct view *view, struct text *to)
{
	if (view->roles->primary != NULL)
		add_goal_and_report(view->roles->primary, to);
}

static void
seen_figures(const struct view *view, struct text *to)
{
	const struct node *self = view->roles->self;

	if (view->answer == SEEN_SILENT)
		say_limit(silent_for(view, self), view->snap->group.settings.silence_limit, to);
	else if (view->answer == SEEN_UNSURE)
		add_evidence(view, self, to);
	else
		add_heard(view, self, to);
}

static void
keeper_figures(const struct view *view, struct text *to)
{
	const struct node *self = view->roles->self;

	if (view->answer == KEEPER_GONE && self->session_gone_at != 0) {
		text_add(to, "it ended ");
		say_age(view->now, self->session_gone_at, to);
	} else {
		text_add(to, "its last report came ");
		say_age(view->now, self->reported_at, to);
	}
}

static void
standing_figures(const struct view *view, struct text *to)
{
	const struct node *self = view->roles->self;
	const struct node *primary = view->roles->primary;

	if (view->answer != STANDING_NO_PROGRESS) {
		text_add(to, "it holds ");
		say_lsn(self->report.lsn, to);
		if (primary != NULL && primary->report.lsn > self->report.lsn) {
			text_add(to, ", ");
			say_size(primary->report.lsn - self->report.lsn, to);
			text_addf(to, " behind %s", primary->name);
		}
	} else if (primary != NULL && primary->report.waiters_ms >= LINK_WAIT_MS) {
		text_add(to, "commits have waited ");
		say_limit(PGAF_MSEC(primary->report.waiters_ms), PGAF_MSEC(LINK_WAIT_MS), to);
	} else {
		text_add(to, "it has not streamed ");
		say_limit(view->now - self->trouble_since, MEMBER_WAIT, to);
	}
}

static void
add_vetoes(uint32_t vetoes, struct text *to)
{
	const char *between = "";

	for (unsigned i = 0; i < VETO_COUNT; i++) {
		if ((vetoes & (UINT32_C(1) << i)) == 0)
			continue;
		text_addf(to, "%s%s", between, veto_doc((enum veto)i));
		between = "; ";
	}
}

static void
fit_figures(const struct view *view, struct text *to)
{
	add_vetoes(view->roles->self->report.vetoes, to);
}

static void
member_figures(const struct view *view, struct text *to)
{
	const struct sync_set *newest = group_newest(&view->snap->group);

	if (newest == NULL)
		return;
	text_add(to, "the newest set is ");
	say_set(view->snap, newest, to);
}

static void
follows_figures(const struct view *view, struct text *to)
{
	const struct goal *goal = &view->roles->self->goal;

	if (goal->upstream == 0)
		return;
	text_add(to, "it is to follow ");
	say_node(view->snap, goal->upstream, to);
	text_addf(to, " on timeline %" PRIu32 ", the group's is %" PRIu32, goal->timeline,
	          view->snap->group.timeline);
}

static void
start_figures(const struct view *view, struct text *to)
{
	if (view->answer != START_WAIT)
		return;
	say_limit(view->now - view->snap->first_start, view->snap->group.settings.bootstrap_grace,
	          to);
}

/* The rule of 38: somebody else reaches it. */
static void
add_witness(const struct view *view, const struct node *node, struct text *to)
{
	pgaf_node_id who = 0;

	if (witness_of(view->snap, node, view->now, &who) == WITNESS_OK) {
		text_add(to, "unheard by the monitor, alive for ");
		say_node(view->snap, who, to);
	} else {
		text_add(to, "its own keeper vouches for it");
	}
}

static void
fault_figures(const struct view *view, struct text *to)
{
	const struct node *primary = view->roles->primary;
	pgaf_time limit = view->snap->group.settings.silence_limit;

	if (primary == NULL)
		return;
	switch (view->answer) {
	case FAULT_SILENT:
		say_limit(silent_for(view, primary), limit, to);
		break;
	case FAULT_DEAF:
		say_limit(view->now - primary->sighting.asked_new_at, limit, to);
		break;
	case FAULT_RECOVERING:
		say_limit(view->now - primary->trouble_since, limit, to);
		break;
	case FAULT_WITNESSED:
		add_witness(view, primary, to);
		break;
	case FAULT_CRASHED_AGAIN:
		text_addf(to, "%" PRIu32 " crashes from inside, the last ",
		          view->snap->group.inside_crashes);
		say_age(view->now, view->snap->group.crash_at, to);
		break;
	case FAULT_NONE:
		add_heard(view, primary, to);
		break;
	default:
		add_evidence(view, primary, to);
		break;
	}
}

static void
disk_figures(const struct view *view, struct text *to)
{
	const struct node *primary = view->roles->primary;

	if (primary != NULL)
		text_addf(to, "its disk has timeline %" PRIu32 ", the group's is %" PRIu32,
		          primary->report.disk_timeline, view->snap->group.timeline);
}

static void
candidate_figures(const struct view *view, struct text *to)
{
	const struct node *candidate = view->roles->candidate;

	if (candidate == NULL)
		return;
	if (view->answer == CANDIDATE_BLOCKED) {
		blockers_say(view->snap, candidate, view->now, to);
		return;
	}
	text_add(to, "it holds ");
	say_lsn(candidate->report.lsn, to);
}

static void
sets_figures(const struct view *view, struct text *to)
{
	const struct group *group = &view->snap->group;

	for (uint32_t i = 0; i < group->possible_count; i++) {
		text_add(to, i > 0 ? ", " : "possible: ");
		say_set(view->snap, &group->possible[i], to);
	}
}

static void
number_figures(const struct view *view, struct text *to)
{
	const struct sync_set *newest = group_newest(&view->snap->group);

	text_addf(to, "number_sync_standbys is %" PRIu32, view->snap->group.settings.number_sync);
	if (newest != NULL)
		text_addf(to, ", the newest set waits for %" PRIu32 " of %" PRIu32,
		          newest->required, newest->count);
}

static pgaf_time
claim_limit(const struct snapshot *snap)
{
	uint32_t attempts = snap->group.promotion.attempts;

	return CLAIM_WAIT << (attempts < 6 ? attempts : 6);
}

static void
promotion_figures(const struct view *view, struct text *to)
{
	const struct group *group = &view->snap->group;

	if (group->promotion.node == 0)
		return;
	say_node(view->snap, group->promotion.node, to);
	text_addf(to, " onto timeline %" PRIu32 " by rule %" PRIu32 ", chosen ",
	          group->promotion.timeline, group->promotion.cause);
	say_age(view->now, group->promotion_since, to);
	text_add(to, "; a claim is due within ");
	say_time(claim_limit(view->snap), to);
}

static void
former_figures(const struct view *view, struct text *to)
{
	const struct node *former = view->roles->former;

	if (former == NULL)
		return;
	text_add(to, "its last report came ");
	say_age(view->now, former->reported_at, to);
}

static void
handover_figures(const struct view *view, struct text *to)
{
	const struct group *group = &view->snap->group;

	if (group->handover.from == 0)
		return;
	say_node(view->snap, group->handover.from, to);
	text_add(to, " hands over to ");
	say_node(view->snap, group->handover.to, to);
	text_add(to, " ");
	say_limit(view->now - group->handover_since, group->settings.handover_limit, to);
}

static void
asked_figures(const struct view *view, struct text *to)
{
	const struct request *request = &view->snap->group.request;

	if (request->kind == REQUEST_NONE || request->to == 0)
		return;
	text_add(to, "to ");
	say_node(view->snap, request->to, to);
}

static void
company_figures(const struct view *view, struct text *to)
{
	text_addf(to, "nodes registered: %" PRIu32, view->snap->count);
}

static void
monitor_figures(const struct view *view, struct text *to)
{
	text_add(to, "it has listened ");
	say_limit(view->now - view->snap->listening_since, view->snap->group.settings.silence_limit,
	          to);
}

static void
memory_figures(const struct view *view, struct text *to)
{
	const struct snapshot *snap = view->snap;
	uint64_t most = 0;

	for (uint32_t i = 0; i < snap->count; i++)
		if (snap->nodes[i].report.epoch > most)
			most = snap->nodes[i].report.epoch;
	text_addf(to, "the store is in epoch %" PRIu64 ", keepers remember %" PRIu64,
	          snap->group.epoch, most);
}

static void
hold_figures(const struct view *view, struct text *to)
{
	const struct group *group = &view->snap->group;

	if (group->hold_downs == 0)
		return;
	text_addf(to, "held down %" PRIu32 " times, last relaxed ", group->hold_downs);
	say_age(view->now, group->relaxed_at, to);
}

/* ---- words --------------------------------------------------------------- */

#define ANSWERS_MOST 10

static const struct {
	figures_fn *figures;
	const char *states; /* for facts whose answers are states */
	const char *words[ANSWERS_MOST];
} phrases[FACT_COUNT] = {
	[FACT_SELF] = {NULL,
                       NULL,
                       {[IS_PRIMARY] = "%s has the primary's role",
                        [IS_STANDBY] = "the primary's role is not with %s"}},
	[FACT_GOAL] = {goal_figures, "the goal of %s is", {0}},
	[FACT_REPORTED] = {reported_figures, "%s reports", {0}},
	[FACT_REACHED] = {reached_figures,
                          NULL,
                          {[NOT_REACHED] = "%s has not accepted and reached its goal",
                           [REACHED] = "%s has reached its goal"}},
	[FACT_SEEN] = {seen_figures,
                       NULL,
                       {[SEEN_OK] = "%s is well",
                        [SEEN_UNSURE] = "it is not certain yet how %s is",
                        [SEEN_LEAVING] = "%s was told to stop",
                        [SEEN_DOWN] = "the Postgres of %s has ended",
                        [SEEN_SILENT] = "nothing was heard of %s",
                        [SEEN_EMPTY] = "%s can only come back as a copy"}},
	[FACT_KEEPER] = {keeper_figures,
                         NULL,
                         {[KEEPER_OPEN] = "the keeper of %s is connected",
                          [KEEPER_UNSURE] = "it is not known whether the keeper of %s is connected",
                          [KEEPER_GONE] = "the keeper of %s is gone"}},
	[FACT_STANDING] = {standing_figures,
                           NULL,
                           {[STANDING_NONE] = "%s does not stream in good standing",
                            [STANDING_CAUGHT_UP] =
                                    "%s has caught up and has no name of its own yet",
                            [STANDING_LISTED] = "%s streams under its own name",
                            [STANDING_NO_PROGRESS] = "%s makes no progress"}},
	[FACT_FIT] = {fit_figures,
                      NULL,
                      {[FIT_YES] = "nothing lasting keeps %s from taking over",
                       [FIT_NOT_YET] = "%s could not take over yet",
                       [FIT_NO] = "%s could never take over as it is"}},
	[FACT_MEMBER] = {member_figures,
                         NULL,
                         {[MEMBER_NO] = "commits do not wait for %s",
                          [MEMBER_YES] = "commits wait for %s"}},
	[FACT_COUNTED] = {NULL,
                          NULL,
                          {[COUNTED_NO] = "replication-quorum of %s is false",
                           [COUNTED_YES] = "replication-quorum of %s is true"}},
	[FACT_FOLLOWS] = {follows_figures,
                          NULL,
                          {[FOLLOWS_NOBODY] = "%s is to follow nobody",
                           [FOLLOWS_PRIMARY] = "%s is to follow the primary",
                           [FOLLOWS_OTHER] = "%s is to follow what the primary has left behind"}},
	[FACT_DROP] = {NULL,
                       NULL,
                       {[DROP_NO] = "nobody asked to drop %s",
                        [DROP_ASKED] = "the operator asked to drop %s",
                        [DROP_FORCED] = "the operator asked to drop %s whether it answers or not"}},
	[FACT_START] = {start_figures,
                        NULL,
                        {[START_NO] = "%s is not to become a first primary",
                         [START_WAIT] = "%s waits in case a node with data appears",
                         [START_YES] = "%s may become the first primary"}},
	[FACT_PRIMARY_GOAL] = {NULL, "the goal of %p is", {0}},
	[FACT_PRIMARY_REACHED] = {primary_reached_figures,
                                  NULL,
                                  {[NOT_REACHED] = "%p has not accepted and reached its goal",
                                   [REACHED] = "%p has reached its goal"}},
	[FACT_PRIMARY_FAULT] = {fault_figures,
                                NULL,
                                {[FAULT_NONE] = "%p is well",
                                 [FAULT_UNSURE] = "it is not certain yet how %p is",
                                 [FAULT_CRASHED] = "the Postgres of %p has ended",
                                 [FAULT_CRASHED_AGAIN] = "the Postgres of %p crashed again",
                                 [FAULT_GONE] = "%p is gone",
                                 [FAULT_SILENT] = "nobody has heard %p",
                                 [FAULT_WITNESSED] = "monitor and witness disagree about %p",
                                 [FAULT_DEAF] = "%p accepts no new connection",
                                 [FAULT_STALLED] = "the disk of %p does not finish writing",
                                 [FAULT_RECOVERING] = "%p recovers from a crash"}},
	[FACT_PRIMARY_DISK] = {disk_figures,
                               NULL,
                               {[DISK_BEHIND] = "the timeline of %p is not on its disk yet",
                                [DISK_READY] = "the timeline of %p is on its disk"}},
	[FACT_CANDIDATE] = {candidate_figures,
                            NULL,
                            {[CANDIDATE_NONE] = "no standby is there that could be promoted",
                             [CANDIDATE_BLOCKED] = "%c may not be promoted",
                             [CANDIDATE_READY] = "%c holds every acknowledged commit",
                             [CANDIDATE_CURRENT] =
                                     "%c holds every acknowledged commit and streams"}},
	[FACT_SETS] = {sets_figures,
                       NULL,
                       {[SETS_SETTLED] = "the synchronous set is settled",
                        [SETS_CHANGING] = "the synchronous set is changing",
                        [SETS_PROVED] = "the newest set is proved to be in force",
                        [SETS_DECLINED] = "%p declined the newest set",
                        [SETS_DRIFTED] = "somebody else changed the set of %p",
                        [SETS_FULL] = "as many sets are possible as can be kept"}},
	[FACT_WANTED] = {number_figures,
                         NULL,
                         {[WANTED_AS_IS] = "the newest set is as it should be",
                          [WANTED_STRICTER] = "a stricter set is wanted",
                          [WANTED_LOOSER] = "a looser set is allowed"}},
	[FACT_PROMOTION] = {promotion_figures,
                            NULL,
                            {[PROMOTION_NONE] = "nobody is being promoted",
                             [PROMOTION_OFFERED] = "a promotion is offered",
                             [PROMOTION_OVERDUE] = "a promotion was not claimed in time",
                             [PROMOTION_CLAIMED] = "a promotion is claimed",
                             [PROMOTION_RENOUNCED] = "a promotion was renounced",
                             [PROMOTION_DONE] = "a promotion is done"}},
	[FACT_FORMER] = {former_figures,
                         NULL,
                         {[FORMER_NONE] = "there is no former primary to go back to",
                          [FORMER_AWAY] = "%f is away and cannot have its role back",
                          [FORMER_USABLE] = "%f could have its role back"}},
	[FACT_AGAIN] = {NULL,
                        NULL,
                        {[AGAIN_NO] = "nobody who renounced could be asked again",
                         [AGAIN_UNPROVED] = "who renounced cannot prove what it holds",
                         [AGAIN_READY] = "who renounced could be asked again"}},
	[FACT_HANDOVER] = {handover_figures,
                           NULL,
                           {[HANDOVER_NONE] = "no handover is under way",
                            [HANDOVER_RUNNING] = "a handover is under way",
                            [HANDOVER_STOPPED] = "%p has stopped cleanly",
                            [HANDOVER_DIRTY] = "%p had to be stopped at once",
                            [HANDOVER_EXPIRED] = "the handover takes too long",
                            [HANDOVER_ORPHANED] = "the target of the handover is lost"}},
	[FACT_ASKED] = {asked_figures,
                        NULL,
                        {[ASKED_NOTHING] = "the operator has asked for nothing",
                         [ASKED_SWITCHOVER] = "the operator asked for a switchover",
                         [ASKED_FAILOVER] = "the operator asked for a failover",
                         [ASKED_WITH_LOSS] = "the operator asked for a failover and accepts loss",
                         [ASKED_BEFORE] = "what was asked for came before this promotion"}},
	[FACT_COMPANY] = {company_figures,
                          NULL,
                          {[ALONE] = "%s is alone", [WITH_OTHERS] = "%s is not alone"}},
	[FACT_MONITOR] = {monitor_figures,
                          NULL,
                          {[MONITOR_LISTENING] = "the monitor listens before it decides",
                           [MONITOR_AWAKE] = "the monitor has listened long enough"}},
	[FACT_NUMBER] = {number_figures,
                         NULL,
                         {[NUMBER_ZERO] = "writes may go on without a standby",
                          [NUMBER_SOME] = "writes may not go on without a standby"}},
	[FACT_MEMORY] = {memory_figures,
                         NULL,
                         {[MEMORY_SOUND] = "the store remembers all that keepers do",
                          [MEMORY_FORGOT] = "the store forgot a decision",
                          [MEMORY_LISTENING] = "the store forgot, not every node was heard since",
                          [MEMORY_HEARD] = "the store forgot, every node was heard since"}},
	[FACT_HOLD] = {hold_figures,
                       NULL,
                       {[HOLD_OVER] = "readmission is not held down",
                        [HOLD_ON] = "readmission is held down"}},
};

static void
add_name(const struct node *node, const char *otherwise, struct text *to)
{
	text_add(to, node != NULL ? node->name : otherwise);
}

static void
add_words(const char *words, const struct roles *roles, struct text *to)
{
	const char *place;

	while ((place = strchr(words, '%')) != NULL) {
		text_add_bytes(to, words, (size_t)(place - words));
		switch (place[1]) {
		case 's':
			add_name(roles->self, "the node", to);
			break;
		case 'p':
			add_name(roles->primary, "the primary", to);
			break;
		case 'c':
			add_name(roles->candidate, "the standby", to);
			break;
		default:
			add_name(roles->former, "the former primary", to);
			break;
		}
		words = place + 2;
	}
	text_add(to, words);
}

void
fact_say(const struct look *look, enum fact fact, struct text *to)
{
	struct view view = {look->snap, &look->roles, look->now, look->facts.answer[fact]};
	char bytes[512] = "";
	struct text figures = TEXT(bytes);

	if (phrases[fact].states != NULL) {
		add_words(phrases[fact].states, &look->roles, to);
		text_addf(to, " %s", pgaf_state_name((enum pgaf_state)view.answer));
	} else {
		assert(view.answer < fact_answers(fact));
		add_words(phrases[fact].words[view.answer], &look->roles, to);
	}
	if (phrases[fact].figures != NULL)
		phrases[fact].figures(&view, &figures);
	if (figures.used > 0)
		text_addf(to, ", %s", bytes);
}
