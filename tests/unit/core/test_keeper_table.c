/* SPDX-License-Identifier: PostgreSQL */
/*
 * An example for each rule of the keeper's table: a keeper as it is when that
 * rule acts. A rule without an example fails, so does an example that another
 * rule takes. Below it, the borders of the answers that are made of times.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/keeper_rules.h"

#define NOW PGAF_SECONDS(1000)

/* What differs from a keeper in contact, with a goal it accepted and nothing to do for it. */
enum difference {
	NEW_GOAL = 1 << 0,      /* the goal is not noted yet */
	CUT_OFF = 1 << 1,       /* the link is closed since a moment ago */
	SILENCE = 1 << 2,       /* nobody was heard for longer than the fencing limit */
	LEAVES = 1 << 3,        /* told to stop, and nothing to wait for */
	CRASHED = 1 << 4,       /* Postgres ended under the goal that holds */
	STAYED = 1 << 5,        /* this process did the fencing */
	REGRESSED = 1 << 6,     /* less WAL than it once reported */
	ASYNC = 1 << 7,         /* the goal's set waits for nobody */
	UNPROVED = 1 << 8,      /* another set is in force */
	UNNOTED = 1 << 9,       /* … and the note does not say that this one may be */
	DRIFTED = 1 << 10,      /* somebody changed the set */
	POISONED = 1 << 11,     /* commits were released that no standby holds */
	UNSETTLED = 1 << 12,    /* the work after opening is left */
	NEEDS_CONFIG = 1 << 13, /* what is ours to configure is not written */
	NEEDS_ROLES = 1 << 14,
	NEEDS_SLOTS = 1 << 15,
	NEW = 1 << 16,       /* created a moment ago */
	ELSEWHERE = 1 << 17, /* follows another upstream than the goal's */
	MAY_REWIND = 1 << 18,
	KEPT = 1 << 19,           /* divergent WAL was kept aside */
	OTHER_TIMELINE = 1 << 20, /* not on the timeline of the note */
	COMES_UP = 1 << 21,     /* not consistent yet */
	CLOSED = 1 << 22,       /* started with clients held back */
	WITNESS = 1 << 23,      /* … by the process that saw the crash */
	CONFIRMS = 1 << 24,     /* … until standbys confirmed the end of recovery */
	DECLINED = 1 << 25,     /* the note says that the goal's set never will be applied */
	NO_START = 1 << 26,     /* it was to be started, and did not */
	RESTS = 1 << 27,        /* it has the names of another number_sync_standbys */
	NEW_STORE = 1 << 28,    /* the note is of another incarnation of the store */
};

struct example {
	uint32_t rule;
	enum pgaf_state goal;
	enum note_role role;
	enum pg_status pg;
	uint32_t differences;
	enum keeper_history history;
	enum keeper_claim claim;
};

#define EXAMPLE(number, goal_word, role_word, pg_word, ...)                                 \
	{                                                                                   \
		.rule = (number), .goal = PGAF_STATE_##goal_word, .role = NOTE_##role_word, \
		.pg = PG_##pg_word, .differences = __VA_ARGS__                              \
	}

static const struct example examples[] = {
	EXAMPLE(100, PRIMARY, PRIMARY, UNKNOWN, 0),
	EXAMPLE(110, SECONDARY, STANDBY, PRIMARY, 0),
	EXAMPLE(110, PRIMARY, FENCED, PRIMARY, 0),
	EXAMPLE(112, PREPARE_PROMOTION, PROMOTING, PRIMARY, 0, .claim = K_CLAIM_LOST),
	EXAMPLE(114, PREPARE_PROMOTION, PROMOTING, PRIMARY, OTHER_TIMELINE,
                .claim = K_CLAIM_GRANTED),
	EXAMPLE(118, WAIT_PRIMARY, PRIMARY, EXITED, ASYNC | UNPROVED | UNNOTED | CRASHED),
	EXAMPLE(118, WAIT_PRIMARY, PRIMARY, STOPPED, ASYNC | UNPROVED | UNNOTED | NO_START),
	EXAMPLE(120, PRIMARY, PRIMARY, EXITED, 0),
	EXAMPLE(120, PRIMARY, PRIMARY, EXITED, CRASHED | UNNOTED | DECLINED),
	EXAMPLE(200, PRIMARY, PRIMARY, PRIMARY, LEAVES),
	EXAMPLE(210, PRIMARY, PRIMARY, STOPPED, LEAVES),
	EXAMPLE(250, DEMOTED, PRIMARY, PRIMARY, NEW_GOAL),
	EXAMPLE(252, PREPARE_PROMOTION, PRIMARY, PRIMARY, NEW_STORE, .claim = K_CLAIM_GRANTED),
	EXAMPLE(252, STOP_REPLICATION, FENCED, STANDBY, NEW_STORE, .claim = K_CLAIM_GRANTED),
	EXAMPLE(254, PREPARE_PROMOTION, STANDBY, STANDBY, NEW_STORE, .claim = K_CLAIM_RENOUNCED),

	EXAMPLE(300, PRIMARY, PRIMARY, PRIMARY, SILENCE),
	EXAMPLE(310, PRIMARY, FENCED, STANDBY, 0),
	EXAMPLE(320, PRIMARY, FENCED, STOPPED, CUT_OFF),
	EXAMPLE(330, PRIMARY, FENCED, STANDBY, CUT_OFF),

	EXAMPLE(400, SINGLE, NONE, ABSENT, 0),
	EXAMPLE(401, SINGLE, NONE, STOPPED, NEW),
	EXAMPLE(402, SINGLE, NONE, PRIMARY, NEEDS_CONFIG),
	EXAMPLE(404, SINGLE, NONE, PRIMARY, 0),
	EXAMPLE(406, PRIMARY, DEMOTED, STOPPED, 0),
	EXAMPLE(408, PRIMARY, PRIMARY, PRIMARY, REGRESSED),
	EXAMPLE(409, PRIMARY, PRIMARY, STOPPED, REGRESSED),
	EXAMPLE(410, PRIMARY, PRIMARY, STOPPED, CRASHED),
	EXAMPLE(410, PRIMARY, PRIMARY, STOPPED, CRASHED | UNNOTED | DECLINED),
	EXAMPLE(412, PRIMARY, PRIMARY, STOPPED, CUT_OFF),
	EXAMPLE(414, PRIMARY, PRIMARY, STOPPED, NEEDS_CONFIG),
	EXAMPLE(416, PRIMARY, PRIMARY, STOPPED, 0),
	EXAMPLE(417, PRIMARY, PRIMARY, PRIMARY, CLOSED),
	EXAMPLE(417, PRIMARY, PRIMARY, PRIMARY, CLOSED | UNPROVED),
	EXAMPLE(417, PRIMARY, PRIMARY, PRIMARY, CLOSED | CONFIRMS),
	EXAMPLE(417, PRIMARY, PRIMARY, PRIMARY, CLOSED | CUT_OFF | WITNESS),
	EXAMPLE(418, PRIMARY, PRIMARY, STANDBY, 0),
	EXAMPLE(419, PRIMARY, PRIMARY, STANDBY, CUT_OFF | STAYED),
	EXAMPLE(420, WAIT_PRIMARY, PRIMARY, PRIMARY, ASYNC | UNPROVED | UNNOTED),
	EXAMPLE(422, WAIT_PRIMARY, PRIMARY, PRIMARY, ASYNC | UNPROVED),
	EXAMPLE(424, PRIMARY, PRIMARY, PRIMARY, POISONED),
	EXAMPLE(426, PRIMARY, PRIMARY, PRIMARY, DRIFTED),
	EXAMPLE(428, PRIMARY, PRIMARY, PRIMARY, UNSETTLED),
	EXAMPLE(430, PRIMARY, PRIMARY, PRIMARY, NEEDS_CONFIG),
	EXAMPLE(432, PRIMARY, PRIMARY, PRIMARY, NEEDS_ROLES),
	EXAMPLE(434, PRIMARY, PRIMARY, PRIMARY, NEEDS_SLOTS),
	EXAMPLE(440, PRIMARY, PRIMARY, PRIMARY, UNPROVED | UNNOTED),
	EXAMPLE(442, PRIMARY, PRIMARY, PRIMARY, UNPROVED),
	EXAMPLE(442, PRIMARY, PRIMARY, PRIMARY, CLOSED | CONFIRMS | UNPROVED),
	EXAMPLE(444, PRIMARY, PRIMARY, PRIMARY, CLOSED | CUT_OFF | WITNESS | CONFIRMS | UNPROVED),
	EXAMPLE(450, SINGLE, PRIMARY, PRIMARY, ASYNC),
	EXAMPLE(452, WAIT_PRIMARY, PRIMARY, PRIMARY, ASYNC),
	EXAMPLE(454, PRIMARY, PRIMARY, PRIMARY, 0),
	EXAMPLE(454, PRIMARY, PRIMARY, PRIMARY, CLOSED | CUT_OFF),
	EXAMPLE(452, WAIT_PRIMARY, PRIMARY, PRIMARY, CLOSED | CUT_OFF | WITNESS | ASYNC),
	EXAMPLE(490, PRIMARY, STANDBY, STOPPED, 0),
	EXAMPLE(490, PRIMARY, PRIMARY, PRIMARY, CLOSED | CUT_OFF | UNPROVED),
	EXAMPLE(490, WAIT_PRIMARY, PRIMARY, PRIMARY, ASYNC | UNPROVED | UNNOTED | DECLINED),
	EXAMPLE(490, PRIMARY, PRIMARY, PRIMARY, UNPROVED | UNNOTED | DECLINED),

	EXAMPLE(500, DRAINING, PRIMARY, PRIMARY, 0),
	EXAMPLE(510, DEMOTED, PRIMARY, PRIMARY, 0),
	EXAMPLE(520, DEMOTED, PRIMARY, STOPPED, 0),
	EXAMPLE(522, DEMOTED, PROMOTING, STOPPED, 0),
	EXAMPLE(524, DEMOTED, PROMOTING, STOPPED, OTHER_TIMELINE),
	EXAMPLE(530, DEMOTED, DEMOTED, STOPPED, 0),

	EXAMPLE(600, CATCHINGUP, NONE, ABSENT, 0),
	EXAMPLE(602, CATCHINGUP, CLONING, ABSENT, 0),
	EXAMPLE(603, CATCHINGUP, CLONING, STOPPED, 0),
	EXAMPLE(604, CATCHINGUP, CLONING, STOPPED, MAY_REWIND, .history = K_HISTORY_DIVERGED),
	EXAMPLE(606, CATCHINGUP, CLONING, STOPPED, 0, .history = K_HISTORY_COPIED),
	EXAMPLE(610, CATCHINGUP, PRIMARY, PRIMARY, 0),
	EXAMPLE(612, SECONDARY, STANDBY, STANDBY, NEEDS_CONFIG),
	EXAMPLE(614, CATCHINGUP, STANDBY, STOPPED, ELSEWHERE, .history = K_HISTORY_COPIED),
	EXAMPLE(616, SECONDARY, STANDBY, STOPPED, 0),
	EXAMPLE(620, SECONDARY, STANDBY, STANDBY, ELSEWHERE),
	EXAMPLE(621, CATCHINGUP, DEMOTED, STOPPED, 0),
	EXAMPLE(622, CATCHINGUP, STANDBY, STANDBY, 0),
	EXAMPLE(624, SECONDARY, PROMOTING, STANDBY, 0),
	EXAMPLE(630, CATCHINGUP, STANDBY, STANDBY, 0, .history = K_HISTORY_DIVERGED),
	EXAMPLE(632, CATCHINGUP, DEMOTED, STOPPED, 0, .history = K_HISTORY_DIVERGED),
	EXAMPLE(634, CATCHINGUP, DEMOTED, STOPPED, KEPT, .history = K_HISTORY_DIVERGED),
	EXAMPLE(640, CATCHINGUP, DEMOTED, STOPPED, 0, .history = K_HISTORY_PROVED),
	EXAMPLE(644, SECONDARY, STANDBY, STANDBY, ELSEWHERE, .history = K_HISTORY_PROVED),
	EXAMPLE(646, SECONDARY, STANDBY, STANDBY, RESTS),
	EXAMPLE(646, CATCHINGUP, STANDBY, STANDBY, RESTS, .history = K_HISTORY_PROVED),
	EXAMPLE(648, SECONDARY, STANDBY, STANDBY, NEEDS_SLOTS),
	EXAMPLE(650, SECONDARY, STANDBY, STANDBY, 0),
	EXAMPLE(660, SECONDARY, STANDBY, STARTING, 0),
	EXAMPLE(690, CATCHINGUP, CLONING, STOPPED, KEPT, .history = K_HISTORY_DIVERGED),

	EXAMPLE(700, PREPARE_PROMOTION, STANDBY, STANDBY, 0, .claim = K_CLAIM_RENOUNCED),
	EXAMPLE(702, PREPARE_PROMOTION, STANDBY, STOPPED, 0, .claim = K_CLAIM_RENOUNCED),
	EXAMPLE(710, PREPARE_PROMOTION, PROMOTING, STANDBY, 0, .claim = K_CLAIM_LOST),
	EXAMPLE(718, PREPARE_PROMOTION, PRIMARY, PRIMARY, CLOSED, .claim = K_CLAIM_GRANTED),
	EXAMPLE(720, PREPARE_PROMOTION, PRIMARY, PRIMARY, UNSETTLED, .claim = K_CLAIM_GRANTED),
	EXAMPLE(722, PREPARE_PROMOTION, PRIMARY, PRIMARY, 0, .claim = K_CLAIM_GRANTED),
	EXAMPLE(724, PREPARE_PROMOTION, PRIMARY, STOPPED, 0, .claim = K_CLAIM_GRANTED),
	EXAMPLE(725, PREPARE_PROMOTION, PRIMARY, STANDBY, 0, .claim = K_CLAIM_GRANTED),
	EXAMPLE(726, PREPARE_PROMOTION, FENCED, STANDBY, 0, .claim = K_CLAIM_GRANTED),
	EXAMPLE(730, PREPARE_PROMOTION, PROMOTING, PRIMARY, 0, .claim = K_CLAIM_GRANTED),
	EXAMPLE(738, PREPARE_PROMOTION, STANDBY, STOPPED, 0),
	EXAMPLE(739, PREPARE_PROMOTION, STANDBY, STANDBY, COMES_UP),
	EXAMPLE(740, PREPARE_PROMOTION, STANDBY, STANDBY, 0),
	EXAMPLE(748, PREPARE_PROMOTION, PROMOTING, STOPPED, 0, .claim = K_CLAIM_GRANTED),
	EXAMPLE(750, PREPARE_PROMOTION, PROMOTING, STANDBY, OTHER_TIMELINE,
                .claim = K_CLAIM_GRANTED),
	EXAMPLE(752, PREPARE_PROMOTION, PROMOTING, STOPPED, OTHER_TIMELINE,
                .claim = K_CLAIM_GRANTED),
	EXAMPLE(790, PREPARE_PROMOTION, STANDBY, STARTING, 0),

	EXAMPLE(800, REPORT_LSN, STANDBY, STANDBY, ELSEWHERE),
	EXAMPLE(802, REPORT_LSN, STANDBY, STOPPED, 0),
	EXAMPLE(804, REPORT_LSN, STANDBY, STANDBY, 0),
	EXAMPLE(810, DROPPED, STANDBY, STANDBY, 0),
	EXAMPLE(812, DROPPED, STANDBY, STOPPED, 0),
	EXAMPLE(814, DROPPED, DROPPED, STOPPED, 0),
	EXAMPLE(820, WAIT_STANDBY, NONE, ABSENT, 0),
	EXAMPLE(830, INIT, NONE, ABSENT, 0),
	EXAMPLE(890, MAINTENANCE, STANDBY, STANDBY, 0),
};

/* ---- from an example to a view --------------------------------------------------------- */

static void
view_calm(const struct example *example, struct keeper_view *view)
{
	struct goal *goal = &view->orders.goal;

	*view = (struct keeper_view){
		.seen_known = true,
		.orders_known = true,
		.answered_at = NOW,
		.started_at = NOW,
		.link_open = true,
		.settled = true,
		.ready = K_READY,
		.followed = 2,
		.followed_as = 3,
		.proved_version = 4,
		.history = example->history,
		.claim = example->claim,
	};
	settings_init(&view->orders.settings);
	*goal = (struct goal){
		.state = example->goal,
		.epoch = 5,
		.upstream = 2,
		.admission = 3,
		.set = {.version = 4, .required = 1, .count = 1, .members = {{2, 3}}},
	};
	view->seen = (struct observation){
		.pg = example->pg,
		.timeline = 1,
		.upstream = 2,
		.admission = 3,
		.consistent = true,
		.lsn_complete = true,
	};
	view->note.epoch = 5;
	view->note.role = example->role;
	view->note.timeline = 1;
	view->note.about_version = 4;
}

static void
view_differ(uint32_t differences, struct keeper_view *view)
{
	struct goal *goal = &view->orders.goal;

	goal->may_rewind = (differences & MAY_REWIND) != 0;
	goal->set.required = (differences & ASYNC) != 0 ? 0 : 1;
	/* All examples have names: those that a standby has where commits must wait. */
	view->orders.settings.number_sync =
		view->seen.pg == PG_STANDBY && (differences & RESTS) == 0;
	view->link_open = (differences & CUT_OFF) == 0;
	view->settled = (differences & UNSETTLED) == 0;
	view->crashed = (differences & CRASHED) != 0;
	view->crash_epoch = goal->epoch;
	view->start_failed = (differences & NO_START) != 0;
	view->stayed = (differences & STAYED) != 0;
	view->regressed = (differences & REGRESSED) != 0;
	view->seen.closed = (differences & CLOSED) != 0;
	view->witness = (differences & WITNESS) != 0;
	view->confirm = (differences & CONFIRMS) != 0 ? CONFIRM_ALWAYS : CONFIRM_AUTO;
	view->drifted = (differences & DRIFTED) != 0;
	view->wal_kept = (differences & KEPT) != 0;
	view->leaving = (differences & LEAVES) != 0 ? K_LEAVES : K_STAYS;
	view->seen.poisoned = (differences & POISONED) != 0;
	view->seen.consistent = (differences & COMES_UP) == 0;
	view->ready = (differences & NEEDS_CONFIG) != 0  ? K_NEEDS_CONFIG
	              : (differences & NEEDS_ROLES) != 0 ? K_NEEDS_ROLES
	              : (differences & NEEDS_SLOTS) != 0 ? K_NEEDS_SLOTS
	              : (differences & NEW) != 0         ? K_NEW
	                                                 : K_READY;
	if ((differences & SILENCE) != 0)
		view->answered_at = view->started_at = NOW - PGAF_SECONDS(10);
	if ((differences & UNNOTED) != 0)
		view->note.about_version = goal->set.version - 1;
	if ((differences & DECLINED) != 0)
		view->note.declined_version = goal->set.version;
	if ((differences & ELSEWHERE) != 0)
		view->seen.upstream = view->followed = 9;
	if ((differences & OTHER_TIMELINE) != 0)
		view->seen.timeline = 2;
	if ((differences & UNPROVED) != 0)
		view->proved_version = 0;
}

static void
view_of(const struct example *example, struct keeper_view *view)
{
	struct text names = TEXT(view->seen.sync_names);

	view_calm(example, view);
	view_differ(example->differences, view);
	sync_set_names(&view->orders.goal.set, &names);
	view->note.goal = view->orders.goal;
	if ((example->differences & NEW_GOAL) != 0)
		view->note.goal.epoch--;
	if ((example->differences & NEW_STORE) != 0)
		view->note.incarnation = view->orders.incarnation + 1;
}

static uint32_t
rule_of(const struct keeper_view *view)
{
	struct keeper_facts facts;

	keeper_facts_of(view, NOW, &facts);
	return keeper_rule_find(&facts)->id;
}

START_TEST(test_each_example_meets_its_rule)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct keeper_view view;

		view_of(&examples[i], &view);
		ck_assert_msg(rule_of(&view) == examples[i].rule,
		              "example %zu is of rule %u and meets rule %u", i, examples[i].rule,
		              rule_of(&view));
	}
}
END_TEST

START_TEST(test_each_rule_has_an_example)
{
	const struct keeper_rule *rule;

	for (size_t r = 0; (rule = keeper_rule_at(r)) != NULL; r++) {
		size_t i = 0;

		while (i < sizeof(examples) / sizeof(examples[0]) && examples[i].rule != rule->id)
			i++;
		ck_assert_msg(i < sizeof(examples) / sizeof(examples[0]),
		              "rule %u has no example: %s", rule->id, rule->doc);
	}
}
END_TEST

/* ---- borders ------------------------------------------------------------------------------ */

static const struct example calm = EXAMPLE(454, PRIMARY, PRIMARY, PRIMARY, 0);

static unsigned
answer_of(const struct keeper_view *view, enum keeper_fact fact)
{
	struct keeper_facts facts;

	keeper_facts_of(view, NOW, &facts);
	ck_assert_uint_lt(facts.answer[fact], keeper_fact_answers(fact));
	return facts.answer[fact];
}

#define ASSERT_ANSWER(view, fact, word) ck_assert_uint_eq(answer_of(view, KF_##fact), K_##word)

START_TEST(test_an_answer_counts_until_two_reports_are_overdue)
{
	struct keeper_view view;

	view_of(&calm, &view);
	view.answered_at = NOW - 2 * view.orders.settings.report_interval;
	ASSERT_ANSWER(&view, CONTACT, CONTACT_FRESH);
	view.answered_at--;
	ASSERT_ANSWER(&view, CONTACT, CONTACT_STALE);
	view.answered_at = 0;
	ASSERT_ANSWER(&view, CONTACT, CONTACT_NEVER);
	view.answered_at = NOW;
	view.orders_known = false;
	ASSERT_ANSWER(&view, CONTACT, CONTACT_NEVER);
}
END_TEST

START_TEST(test_fencing_is_due_at_its_limit_and_not_before)
{
	struct keeper_view view;
	pgaf_time limit;

	view_of(&calm, &view);
	limit = view.orders.settings.fencing_limit;
	view.started_at = 1;
	view.answered_at = NOW - limit + 1;
	ASSERT_ANSWER(&view, FENCE, FENCE_NONE);
	view.answered_at--;
	ASSERT_ANSWER(&view, FENCE, FENCE_DUE);

	view.member_at = NOW - limit + 1;
	ASSERT_ANSWER(&view, FENCE, FENCE_NONE);
	view.member_at = 0;
	view.started_at = NOW - limit + 1;
	ASSERT_ANSWER(&view, FENCE, FENCE_NONE);
}
END_TEST

START_TEST(test_only_a_primary_with_a_strict_set_is_fenced)
{
	struct keeper_view view;

	view_of(&(struct example)EXAMPLE(300, PRIMARY, PRIMARY, PRIMARY, SILENCE), &view);
	ASSERT_ANSWER(&view, FENCE, FENCE_DUE);
	view.seen.pg = PG_STOPPED;
	ASSERT_ANSWER(&view, FENCE, FENCE_NONE);
	view.orders_known = false; /* a cold start without a monitor comes up fenced */
	ASSERT_ANSWER(&view, FENCE, FENCE_DUE);
	view.seen.pg = PG_PRIMARY;
	view.note.goal.set.unknown = true;
	ASSERT_ANSWER(&view, FENCE, FENCE_NONE);
	view.note.goal.set.unknown = false;
	view.note.goal.state = PGAF_STATE_WAIT_PRIMARY;
	ASSERT_ANSWER(&view, FENCE, FENCE_NONE);
}
END_TEST

START_TEST(test_a_fenced_node_returns_for_the_store_or_with_its_member)
{
	struct keeper_view view;

	view_of(&(struct example)EXAMPLE(330, PRIMARY, FENCED, STANDBY, CUT_OFF), &view);
	ASSERT_ANSWER(&view, FENCE, FENCE_ON);
	view.member_follows = true; /* … but it is another process's fencing */
	ASSERT_ANSWER(&view, FENCE, FENCE_ON);
	view.stayed = true;
	ASSERT_ANSWER(&view, FENCE, FENCE_ON);
	view.member_at = NOW - view.orders.settings.fencing_limit + 1;
	ASSERT_ANSWER(&view, FENCE, FENCE_RETURN);
	view.member_at--; /* it follows, but was not heard for too long */
	ASSERT_ANSWER(&view, FENCE, FENCE_ON);
	view.member_follows = false;
	view.link_open = true;
	ASSERT_ANSWER(&view, FENCE, FENCE_RETURN);
	view.orders.goal.epoch++; /* what it says is not accepted yet */
	ASSERT_ANSWER(&view, FENCE, FENCE_ON);
}
END_TEST

START_TEST(test_a_crash_asks_and_a_newer_goal_permits)
{
	struct keeper_view view;

	view_of(&(struct example)EXAMPLE(410, PRIMARY, PRIMARY, STOPPED, CRASHED), &view);
	ASSERT_ANSWER(&view, RESTART, RESTART_ASKS);
	view.orders.goal.epoch++;
	ASSERT_ANSWER(&view, RESTART, RESTART_FREE);
	view.orders.goal.epoch--;
	view.link_open = false; /* nobody to ask: only the process that saw it knows */
	ASSERT_ANSWER(&view, RESTART, RESTART_ASKS);
	view.crash_seen = true;
	ASSERT_ANSWER(&view, RESTART, RESTART_ALONE);
}
END_TEST

START_TEST(test_each_way_postgres_can_be)
{
	static const enum keeper_postgres answers[] = {
		[PG_UNKNOWN] = K_PG_UNKNOWN,   [PG_ABSENT] = K_PG_ABSENT,
		[PG_STOPPED] = K_PG_STOPPED,   [PG_EXITED] = K_PG_EXITED,
		[PG_STARTING] = K_PG_STARTING, [PG_STOPPING] = K_PG_STARTING,
		[PG_STANDBY] = K_PG_STANDBY,   [PG_PRIMARY] = K_PG_PRIMARY,
	};
	struct keeper_view view;

	view_of(&calm, &view);
	for (unsigned pg = PG_UNKNOWN; pg <= PG_PRIMARY; pg++) {
		view.seen.pg = (enum pg_status)pg;
		ck_assert_uint_eq(answer_of(&view, KF_PG), answers[pg]);
	}
	view.seen.pg = PG_STOPPED;
	view.seen.clone_unfinished = true;
	ASSERT_ANSWER(&view, PG, PG_ABSENT);
	view.seen_known = false;
	ASSERT_ANSWER(&view, PG, PG_UNKNOWN);
}
END_TEST

/* Its recovery stands still until the primary's values are written and it is restarted (23). */
START_TEST(test_a_standby_below_the_primary_is_configured)
{
	struct keeper_view view;

	view_of(&calm, &view);
	view.ready = K_READY;
	view.seen.vetoes = VETO_BIT(PARAMETERS);
	view.seen.pg = PG_PRIMARY;
	ck_assert_uint_eq(answer_of(&view, KF_READY), K_READY);
	view.seen.pg = PG_STANDBY;
	ck_assert_uint_eq(answer_of(&view, KF_READY), K_NEEDS_CONFIG);
	view.seen.vetoes = VETO_BIT(RECOVERY_PAUSED);
	ck_assert_uint_eq(answer_of(&view, KF_READY), K_READY);
}
END_TEST

START_TEST(test_a_goal_is_accepted_when_all_of_it_is_noted)
{
	struct keeper_view view;

	view_of(&calm, &view);
	ASSERT_ANSWER(&view, ACCEPTED, ACCEPTED);
	view.orders.incarnation = 78; /* a rebuilt store is noted too */
	ASSERT_ANSWER(&view, ACCEPTED, NOT_ACCEPTED);
	view.orders_known = false;
	ASSERT_ANSWER(&view, ACCEPTED, ACCEPTED);

	view_of(&calm, &view);
	view.note.epoch--;
	ASSERT_ANSWER(&view, ACCEPTED, NOT_ACCEPTED);
	view_of(&calm, &view);
	view.note.goal.state = PGAF_STATE_SINGLE;
	ASSERT_ANSWER(&view, ACCEPTED, NOT_ACCEPTED);
}
END_TEST

START_TEST(test_a_set_is_in_force_when_it_is_proved_and_seen)
{
	struct keeper_view view;

	view_of(&calm, &view);
	ASSERT_ANSWER(&view, SET, SET_IN_FORCE);
	view.proved_version--;
	ASSERT_ANSWER(&view, SET, SET_TIGHTEN);
	view.proved_version++;
	view.seen.sync_names[0] = '\0';
	ASSERT_ANSWER(&view, SET, SET_TIGHTEN);
	view.drifted = true;
	ASSERT_ANSWER(&view, SET, SET_DRIFTED);
	view.note.about_version--; /* written again only when the note says it may be */
	ASSERT_ANSWER(&view, SET, SET_TIGHTEN);

	/* The fence acknowledges nothing: seen is enough. */
	view_of(&calm, &view);
	view.orders.goal.set.count = 0;
	text_copy(view.seen.sync_names, sizeof(view.seen.sync_names), "ANY 1 (pgaf_fence)");
	view.proved_version = 0;
	ASSERT_ANSWER(&view, SET, SET_IN_FORCE);
	view.drifted = true;
	ASSERT_ANSWER(&view, SET, SET_IN_FORCE);
}
END_TEST

START_TEST(test_who_is_held_back_waits_for_the_store)
{
	struct keeper_view view;

	view_of(&(struct example)EXAMPLE(417, PRIMARY, PRIMARY, PRIMARY, CLOSED), &view);
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_DUE);
	view.link_open = false; /* a process that did not see the crash asks */
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_HELD);
	view.witness = true;
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_DUE);
	view.seen.sync_names[0] = '\0'; /* the set of the note is not what runs */
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_HELD);

	/* Where no commit waits the store must be asked. */
	view_of(&(struct example)EXAMPLE(417, SINGLE, PRIMARY, PRIMARY, CLOSED | ASYNC | WITNESS),
	        &view);
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_DUE);
	view.link_open = false;
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_HELD);
	view.seen.closed = false;
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_IN);
	view.seen.closed = true;
	view.seen.pg = PG_STARTING;
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_IN);
}
END_TEST

START_TEST(test_recovery_is_confirmed_where_commits_always_wait)
{
	struct keeper_view view;

	view_of(&(struct example)EXAMPLE(417, PRIMARY, PRIMARY, PRIMARY, CLOSED | UNPROVED), &view);
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_DUE);
	view.orders.settings.number_sync = 1;
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_UNCONFIRMED);
	view.proved_version = view.orders.goal.set.version;
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_DUE);
	view.orders.goal.set.count = 0; /* more than there are: nobody confirms */
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_UNCONFIRMED);
	view.confirm = CONFIRM_NEVER;
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_DUE);

	/* Cut off it confirms as well; who was never told how many assumes so. */
	view_of(&(struct example)EXAMPLE(444, PRIMARY, PRIMARY, PRIMARY,
	                                 CLOSED | CUT_OFF | WITNESS | CONFIRMS | UNPROVED),
	        &view);
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_UNCONFIRMED);
	view.confirm = CONFIRM_AUTO;
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_DUE);
	view.orders_known = false;
	ASSERT_ANSWER(&view, CLIENTS, CLIENTS_UNCONFIRMED);
}
END_TEST

START_TEST(test_an_upstream_is_right_with_its_admission)
{
	struct keeper_view view;

	view_of(&(struct example)EXAMPLE(650, SECONDARY, STANDBY, STANDBY, 0), &view);
	ASSERT_ANSWER(&view, UPSTREAM, UPSTREAM_RIGHT);
	view.dry = true; /* a member without a stream is the monitor's affair */
	ASSERT_ANSWER(&view, UPSTREAM, UPSTREAM_RIGHT);
	view.orders.goal.state = PGAF_STATE_CATCHINGUP; /* another one asks why */
	ASSERT_ANSWER(&view, UPSTREAM, UPSTREAM_WRONG);
	view.dry = false;
	ASSERT_ANSWER(&view, UPSTREAM, UPSTREAM_RIGHT);
	view.orders.goal.state = PGAF_STATE_SECONDARY;
	view.seen.admission = 4;
	ASSERT_ANSWER(&view, UPSTREAM, UPSTREAM_WRONG);
	view.seen.pg = PG_STOPPED; /* then it is what this process configured */
	ASSERT_ANSWER(&view, UPSTREAM, UPSTREAM_RIGHT);
	view.followed_as = 0;
	ASSERT_ANSWER(&view, UPSTREAM, UPSTREAM_WRONG);
	view.orders.goal.upstream = view.followed = 0; /* nobody has no admission */
	ASSERT_ANSWER(&view, UPSTREAM, UPSTREAM_RIGHT);
	view.seen.pg = PG_STARTING;
	ASSERT_ANSWER(&view, UPSTREAM, UPSTREAM_WRONG);
}
END_TEST

START_TEST(test_a_standby_comes_up_until_its_end_is_known)
{
	struct keeper_view view;

	view_of(&(struct example)EXAMPLE(740, PREPARE_PROMOTION, STANDBY, STANDBY, 0), &view);
	ASSERT_ANSWER(&view, UP, IS_UP);
	view.seen.lsn_complete = false;
	ASSERT_ANSWER(&view, UP, COMES_UP);
	view.seen.lsn_complete = true;
	view.seen.vetoes = VETOES_PASSING;
	ASSERT_ANSWER(&view, UP, COMES_UP);
	view.seen.pg = PG_STARTING;
	ASSERT_ANSWER(&view, UP, IS_UP);
}
END_TEST

START_TEST(test_facts_have_names_questions_and_words)
{
	for (unsigned fact = 0; fact < KF_COUNT; fact++) {
		unsigned answers = keeper_fact_answers((enum keeper_fact)fact);

		ck_assert_str_ne(keeper_fact_name((enum keeper_fact)fact), "");
		ck_assert_str_ne(keeper_fact_question((enum keeper_fact)fact), "");
		for (unsigned i = 0; i < answers; i++)
			ck_assert_str_ne(keeper_fact_answer_name((enum keeper_fact)fact, i), "?");
		ck_assert_str_eq(keeper_fact_answer_name((enum keeper_fact)fact, answers), "?");
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("keeper table");
	TCase *rules = tcase_create("rules");
	TCase *answers = tcase_create("answers");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(rules, test_each_example_meets_its_rule);
	tcase_add_test(rules, test_each_rule_has_an_example);
	suite_add_tcase(suite, rules);
	tcase_add_test(answers, test_an_answer_counts_until_two_reports_are_overdue);
	tcase_add_test(answers, test_fencing_is_due_at_its_limit_and_not_before);
	tcase_add_test(answers, test_only_a_primary_with_a_strict_set_is_fenced);
	tcase_add_test(answers, test_a_fenced_node_returns_for_the_store_or_with_its_member);
	tcase_add_test(answers, test_a_crash_asks_and_a_newer_goal_permits);
	tcase_add_test(answers, test_each_way_postgres_can_be);
	tcase_add_test(answers, test_a_standby_below_the_primary_is_configured);
	tcase_add_test(answers, test_a_goal_is_accepted_when_all_of_it_is_noted);
	tcase_add_test(answers, test_a_set_is_in_force_when_it_is_proved_and_seen);
	tcase_add_test(answers, test_who_is_held_back_waits_for_the_store);
	tcase_add_test(answers, test_recovery_is_confirmed_where_commits_always_wait);
	tcase_add_test(answers, test_an_upstream_is_right_with_its_admission);
	tcase_add_test(answers, test_a_standby_comes_up_until_its_end_is_known);
	tcase_add_test(answers, test_facts_have_names_questions_and_words);
	suite_add_tcase(suite, answers);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
