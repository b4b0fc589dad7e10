/* SPDX-License-Identifier: PostgreSQL */
/*
 * What each step of a keeper needs to be taken, and each state to be reported,
 * whichever rule does it. Proved over the whole space of the keeper's facts: at
 * no point where a rule acts is something missing that its step needs.
 */
#include <check.h>
#include <stdio.h>

#include "core/keeper_rules.h"
#include "rules/box.h"
#include "unit/suite.h"

#define ROWS_MOST 128

#define IS(answer) (UINT32_C(1) << (answer))
#define STATE(name) IS(PGAF_STATE_##name)
#define NOTED(name) IS(NOTE_##name)
#define BUT(mask, last) (~(mask) & (IS((last) + 1) - 1))

#define GOAL(states) [KF_GOAL] = (states)
#define WRITABLE                                                                          \
	GOAL(STATE(SINGLE) | STATE(WAIT_PRIMARY) | STATE(PRIMARY) | STATE(JOIN_PRIMARY) | \
	     STATE(APPLY_SETTINGS))
#define FOLLOWING GOAL(STATE(CATCHINGUP) | STATE(SECONDARY) | STATE(JOIN_SECONDARY))
#define CATCHINGUP GOAL(STATE(CATCHINGUP))
#define PROMOTION GOAL(STATE(PREPARE_PROMOTION) | STATE(STOP_REPLICATION))
#define STEPS_DOWN GOAL(STATE(DEMOTED) | STATE(DRAINING) | STATE(DEMOTE_TIMEOUT))
#define TOLD [KF_ACCEPTED] = IS(K_ACCEPTED)
#define FRESH [KF_CONTACT] = IS(K_CONTACT_FRESH)
#define ALONE [KF_CONTACT] = IS(K_CONTACT_NEVER) | IS(K_CONTACT_STALE)
#define ROLE(roles) [KF_ROLE] = (roles)
#define PG(answers) [KF_PG] = (answers)
#define RUNS IS(K_PG_STARTING) | IS(K_PG_STANDBY) | IS(K_PG_PRIMARY)
#define SERVES ROLE(NOTED(PRIMARY)), PG(IS(K_PG_PRIMARY))
#define IN_OFFICE WRITABLE, SERVES
#define CLAIM(answers) [KF_CLAIM] = (answers)
#define CLAIMED PROMOTION, CLAIM(IS(K_CLAIM_GRANTED))
#define ON_ITS_TIMELINE [KF_TIMELINE] = IS(K_TIMELINE_RIGHT)
#define HISTORY(answers) [KF_HISTORY] = (answers)
#define DIFFERS HISTORY(IS(K_HISTORY_DIVERGED) | IS(K_HISTORY_CLONE))
#define NEEDS(answers) [KF_READY] = (answers)

/* One way in which a step may be taken; several make a choice. */
struct need {
	enum step step;
	enum note_role role; /* STEP_NOTE: what it writes */
	enum note_set set;
	uint32_t when[KF_COUNT];
};

static const struct need needs[] = {
	/* Steps into less power need no word of the store (A (b)). */
	{STEP_STOP_IMMEDIATE, .when = {PG(IS(K_PG_PRIMARY)), ROLE(NOTED(STANDBY) | NOTED(DEMOTED) |
                                                                  NOTED(FENCED) | NOTED(CLONING))}},
	{STEP_STOP_IMMEDIATE, .when = {PG(IS(K_PG_PRIMARY)), ROLE(NOTED(PROMOTING)),
                                       CLAIM(IS(K_CLAIM_LOST) | IS(K_CLAIM_RENOUNCED))}},
	{STEP_STOP_IMMEDIATE,
         .when = {PG(IS(K_PG_PRIMARY)), ROLE(NOTED(PROMOTING)),
                  CLAIM(IS(K_CLAIM_GRANTED)), [KF_TIMELINE] = IS(K_TIMELINE_OTHER)}},
	{STEP_STOP_IMMEDIATE,
         .when = {WRITABLE, ROLE(NOTED(PRIMARY)), PG(RUNS), [KF_WAL] = IS(K_WAL_REGRESSED)}},
	{STEP_REAP, .when = {PG(IS(K_PG_EXITED))}},
	{STEP_STOP, .when = {PG(RUNS), [KF_LEAVING] = IS(K_LEAVES)}},
	{STEP_FENCE, .when = {WRITABLE, ROLE(NOTED(FENCED)), PG(IS(K_PG_STOPPED))}},
	{STEP_NOTE, NOTE_FENCED, .when = {ROLE(NOTED(PRIMARY)), [KF_FENCE] = IS(K_FENCE_DUE)}},
	/* What is written down first, and what then allows (b). */
	{STEP_NOTE, /* a promotion's goal is noted with its claim: one flush, not two (44) */
         .when = {[KF_ACCEPTED] = IS(K_NOT_ACCEPTED),
                  GOAL(BUT(STATE(PREPARE_PROMOTION) | STATE(STOP_REPLICATION),
                           PGAF_STATE_COUNT - 1))}},
	/* … and which store it knows, once a promotion that this one forgot came to an end (12). */
	{STEP_NOTE, .when = {CLAIMED, [KF_ACCEPTED] = IS(K_NOT_ACCEPTED),
                             ROLE(NOTED(PRIMARY) | NOTED(FENCED))}},
	{STEP_NOTE,
         .when = {PROMOTION, CLAIM(IS(K_CLAIM_RENOUNCED)), [KF_ACCEPTED] = IS(K_NOT_ACCEPTED)}},
	{STEP_NOTE, NOTE_NONE, NOTE_SET_DECLINED,
         .when = {TOLD, WRITABLE, ROLE(NOTED(PRIMARY)), PG(IS(K_PG_EXITED) | IS(K_PG_STOPPED)),
                  [KF_CRASHED] = IS(K_CRASHED), [KF_NOTED] = IS(K_SET_NOT_NOTED)}},
	{STEP_NOTE, NOTE_NONE, NOTE_SET_BEGUN,
         .when = {TOLD, FRESH, IN_OFFICE, [KF_SET] = IS(K_SET_RELAX) | IS(K_SET_TIGHTEN),
                  [KF_NOTED] = IS(K_SET_NOT_NOTED)}},
	{STEP_NOTE, NOTE_PRIMARY,
         .when = {WRITABLE, ROLE(NOTED(FENCED)), [KF_FENCE] = IS(K_FENCE_RETURN)}},
	{STEP_NOTE, NOTE_PRIMARY,
         .when = {TOLD, FRESH, WRITABLE, ROLE(NOTED(NONE) | NOTED(DROPPED)),
                  PG(IS(K_PG_STOPPED) | IS(K_PG_PRIMARY) | IS(K_PG_STANDBY)),
                  NEEDS(BUT(IS(K_NEEDS_CONFIG), K_READY))}},
	{STEP_NOTE, NOTE_PRIMARY, .when = {TOLD, FRESH, WRITABLE, ROLE(NOTED(DEMOTED))}},
	{STEP_NOTE, NOTE_PRIMARY,
         .when = {CLAIMED, ROLE(NOTED(PROMOTING)), ON_ITS_TIMELINE,
                  PG(IS(K_PG_STOPPED) | IS(K_PG_PRIMARY) | IS(K_PG_STANDBY))}},
	{STEP_NOTE, NOTE_PRIMARY,
         .when = {FRESH, CLAIMED, ROLE(NOTED(FENCED)), PG(IS(K_PG_STOPPED) | IS(K_PG_STANDBY))}},
	{STEP_NOTE, NOTE_DEMOTED,
         .when = {TOLD, STEPS_DOWN, ROLE(NOTED(PRIMARY) | NOTED(FENCED)),
                  PG(IS(K_PG_STOPPED) | IS(K_PG_ABSENT))}},
	{STEP_NOTE, NOTE_DEMOTED,
         .when = {TOLD, STEPS_DOWN, ROLE(NOTED(PROMOTING)), PG(IS(K_PG_STOPPED)), ON_ITS_TIMELINE}},
	{STEP_NOTE, NOTE_STANDBY,
         .when = {TOLD, STEPS_DOWN, ROLE(NOTED(PROMOTING)),
                  PG(IS(K_PG_STOPPED) | IS(K_PG_ABSENT))}},
	{STEP_NOTE, NOTE_STANDBY,
         .when = {TOLD, FRESH, CATCHINGUP, ROLE(NOTED(CLONING)), PG(IS(K_PG_STOPPED)),
                  HISTORY(IS(K_HISTORY_COPIED))}},
	{STEP_NOTE, NOTE_STANDBY,
         .when = {TOLD, FRESH, FOLLOWING, PG(IS(K_PG_STOPPED) | IS(K_PG_STANDBY)),
                  ROLE(BUT(NOTED(STANDBY) | NOTED(CLONING), NOTE_DROPPED)),
                  HISTORY(IS(K_HISTORY_PROVED))}},
	{STEP_NOTE, NOTE_CLONING,
         .when = {TOLD, FRESH, CATCHINGUP, PG(IS(K_PG_ABSENT)),
                  ROLE(BUT(NOTED(CLONING), NOTE_DROPPED))}},
	{STEP_NOTE, NOTE_CLONING,
         .when = {TOLD, FRESH, CATCHINGUP, PG(IS(K_PG_STOPPED)), DIFFERS,
                  ROLE(BUT(NOTED(CLONING), NOTE_DROPPED)), [KF_KEPT] = IS(K_KEPT_YES)}},
	{STEP_NOTE, NOTE_DROPPED,
         .when = {TOLD, GOAL(STATE(DROPPED)), ROLE(BUT(NOTED(DROPPED), NOTE_DROPPED)),
                  PG(IS(K_PG_STOPPED) | IS(K_PG_ABSENT))}},
	/* A clean stop, by what is told now. */
	{STEP_STOP, .when = {FRESH, WRITABLE, ROLE(NOTED(PRIMARY)), PG(IS(K_PG_STANDBY))}},
	{STEP_STOP, .when = {WRITABLE, ROLE(NOTED(PRIMARY)),
                             PG(IS(K_PG_STANDBY)), [KF_RESTART] = IS(K_RESTART_ALONE)}},
	{STEP_STOP, .when = {TOLD, FRESH, IN_OFFICE, [KF_RELEASED] = IS(K_RELEASED_POISONED)}},
	{STEP_STOP, .when = {TOLD, FRESH, STEPS_DOWN, PG(RUNS)}},
	{STEP_STOP, .when = {TOLD, FRESH, FOLLOWING, PG(IS(K_PG_PRIMARY))}},
	{STEP_STOP,
         .when = {TOLD, FRESH, CATCHINGUP, PG(IS(K_PG_STANDBY) | IS(K_PG_STARTING)), DIFFERS}},
	{STEP_STOP, .when = {FRESH, CLAIMED, ROLE(NOTED(PRIMARY)), PG(IS(K_PG_STANDBY))}},
	{STEP_STOP, .when = {TOLD, FRESH, GOAL(STATE(DROPPED)), PG(RUNS)}},
	{STEP_HAND_OVER, .when = {TOLD, FRESH, GOAL(STATE(DRAINING)), PG(IS(K_PG_PRIMARY))}},
	/* A primary, in its term (3d, 16, 17d). */
	{STEP_INITDB,
         .when = {TOLD, FRESH, WRITABLE, ROLE(NOTED(NONE) | NOTED(DROPPED)), PG(IS(K_PG_ABSENT))}},
	{STEP_ADOPT, .when = {TOLD, FRESH, WRITABLE, ROLE(NOTED(NONE) | NOTED(DROPPED)),
                              PG(IS(K_PG_STOPPED) | IS(K_PG_PRIMARY) | IS(K_PG_STANDBY)),
                              NEEDS(IS(K_NEEDS_CONFIG))}},
	{STEP_CONFIGURE, .when = {WRITABLE, ROLE(NOTED(PRIMARY)), PG(IS(K_PG_STOPPED)),
                                  NEEDS(IS(K_NEEDS_CONFIG) | IS(K_NEW))}},
	{STEP_CONFIGURE, .when = {TOLD, IN_OFFICE, NEEDS(IS(K_NEEDS_CONFIG) | IS(K_NEW))}},
	{STEP_START_PRIMARY, .when = {FRESH, WRITABLE, ROLE(NOTED(PRIMARY)),
                                      PG(IS(K_PG_STOPPED)), [KF_RESTART] = IS(K_RESTART_FREE)}},
	{STEP_START_PRIMARY, .when = {WRITABLE, ROLE(NOTED(PRIMARY)),
                                      PG(IS(K_PG_STOPPED)), [KF_RESTART] = IS(K_RESTART_ALONE)}},
	{STEP_OPEN, .when = {TOLD, IN_OFFICE, [KF_CLIENTS] = IS(K_CLIENTS_DUE),
                             [KF_RELEASED] = IS(K_RELEASED_TRUE)}},
	{STEP_APPLY_SET,
         .when = {TOLD, FRESH, IN_OFFICE, [KF_SET] = IS(K_SET_RELAX) | IS(K_SET_TIGHTEN),
                  [KF_NOTED] = IS(K_SET_NOTED)}},
	{STEP_APPLY_SET, .when = {TOLD, IN_OFFICE, [KF_SET] = IS(K_SET_DRIFTED)}},
	{STEP_APPLY_SET,
         .when = {TOLD, ALONE, IN_OFFICE, [KF_SET] = IS(K_SET_TIGHTEN),
                  [KF_NOTED] = IS(K_SET_NOTED), [KF_CLIENTS] = IS(K_CLIENTS_UNCONFIRMED)}},
	{STEP_SETTLE, .when = {TOLD, IN_OFFICE, [KF_SETTLED] = IS(K_NOT_SETTLED)}},
	{STEP_ROLES, .when = {TOLD, IN_OFFICE, NEEDS(IS(K_NEEDS_ROLES))}},
	{STEP_SLOTS, .when = {TOLD, IN_OFFICE, NEEDS(IS(K_NEEDS_SLOTS))}},
	/* A standby: what changes its data needs the store's word (1a, 9, 10, 11). */
	{STEP_CONFIGURE,
         .when = {TOLD, FOLLOWING, ROLE(NOTED(STANDBY)), PG(IS(K_PG_STOPPED) | IS(K_PG_STANDBY)),
                  NEEDS(IS(K_NEEDS_CONFIG) | IS(K_NEW))}},
	{STEP_CLONE, .when = {TOLD, FRESH, CATCHINGUP, ROLE(NOTED(CLONING)), PG(IS(K_PG_ABSENT))}},
	{STEP_CLONE,
         .when = {TOLD, FRESH, CATCHINGUP, ROLE(NOTED(CLONING)), PG(IS(K_PG_STOPPED)),
                  HISTORY(IS(K_HISTORY_UNKNOWN) | IS(K_HISTORY_CLONE) | IS(K_HISTORY_PROVED))}},
	{STEP_REWIND,
         .when = {TOLD, FRESH, CATCHINGUP, ROLE(NOTED(CLONING)), PG(IS(K_PG_STOPPED)),
                  HISTORY(IS(K_HISTORY_DIVERGED)), [KF_MAY_REWIND] = IS(K_REWIND_NOW)}},
	{STEP_FOLLOW, .when = {TOLD, FRESH, FOLLOWING, ROLE(NOTED(STANDBY)),
                               PG(IS(K_PG_STOPPED)), [KF_UPSTREAM] = IS(K_UPSTREAM_WRONG),
                               HISTORY(IS(K_HISTORY_COPIED) | IS(K_HISTORY_PROVED))}},
	{STEP_FOLLOW, .when = {TOLD, FRESH, FOLLOWING, ROLE(NOTED(STANDBY)),
                               PG(IS(K_PG_STANDBY)), [KF_UPSTREAM] = IS(K_UPSTREAM_WRONG),
                               HISTORY(IS(K_HISTORY_PROVED))}},
	{STEP_PROVE_HISTORY,
         .when = {TOLD, FRESH, FOLLOWING, PG(IS(K_PG_STOPPED) | IS(K_PG_STANDBY)),
                  HISTORY(IS(K_HISTORY_UNKNOWN))}},
	{STEP_KEEP_WAL, .when = {TOLD, FRESH, CATCHINGUP, PG(IS(K_PG_STOPPED)),
                                 DIFFERS, [KF_KEPT] = IS(K_KEPT_NO)}},
	{STEP_REST, .when = {TOLD, FRESH, FOLLOWING, ROLE(NOTED(STANDBY)),
                             PG(IS(K_PG_STANDBY)), [KF_UPSTREAM] = IS(K_UPSTREAM_RIGHT),
                             [KF_UP] = IS(K_IS_UP), [KF_REST] = IS(K_REST_OTHER)}},
	{STEP_SLOTS, .when = {TOLD, FOLLOWING, ROLE(NOTED(STANDBY)),
                              PG(IS(K_PG_STANDBY)), [KF_UPSTREAM] = IS(K_UPSTREAM_RIGHT),
                              NEEDS(IS(K_NEEDS_SLOTS))}},
	{STEP_START_STANDBY,
         .when = {FOLLOWING, ROLE(NOTED(STANDBY)), PG(IS(K_PG_STOPPED)),
                  HISTORY(IS(K_HISTORY_UNKNOWN) | IS(K_HISTORY_PROVED) | IS(K_HISTORY_COPIED))}},
	{STEP_START_STANDBY,
         .when = {TOLD, GOAL(STATE(REPORT_LSN)), ROLE(NOTED(STANDBY)), PG(IS(K_PG_STOPPED))}},
	{STEP_DETACH, .when = {TOLD, GOAL(STATE(REPORT_LSN)), ROLE(NOTED(STANDBY)),
                               PG(IS(K_PG_STANDBY)), [KF_UPSTREAM] = IS(K_UPSTREAM_WRONG)}},
	/* A promotion: nothing without its claim (3a). */
	{STEP_CLAIM,
         .when = {FRESH, PROMOTION, CLAIM(IS(K_CLAIM_NONE)),
                  PG(IS(K_PG_STANDBY) | IS(K_PG_PRIMARY) | IS(K_PG_STOPPED) | IS(K_PG_ABSENT))}},
	{STEP_START_STANDBY,
         .when = {PROMOTION, CLAIM(IS(K_CLAIM_RENOUNCED)), PG(IS(K_PG_STOPPED))}},
	{STEP_START_STANDBY, .when = {FRESH, PROMOTION, CLAIM(IS(K_CLAIM_NONE)),
                                      PG(IS(K_PG_STOPPED)), ROLE(NOTED(STANDBY) | NOTED(DEMOTED))}},
	{STEP_START_STANDBY, .when = {CLAIMED, ROLE(NOTED(PROMOTING)), PG(IS(K_PG_STOPPED))}},
	{STEP_PROMOTE, .when = {CLAIMED, ROLE(NOTED(PROMOTING)), PG(IS(K_PG_STANDBY))}},
	{STEP_START_PRIMARY, .when = {FRESH, CLAIMED, ROLE(NOTED(PRIMARY)), PG(IS(K_PG_STOPPED))}},
	{STEP_OPEN, .when = {FRESH, CLAIMED, ROLE(NOTED(PRIMARY)), PG(IS(K_PG_PRIMARY)),
                             ON_ITS_TIMELINE, [KF_CLIENTS] = IS(K_CLIENTS_DUE)}},
	{STEP_SETTLE, .when = {CLAIMED, ROLE(NOTED(PRIMARY)), PG(IS(K_PG_PRIMARY)),
                               ON_ITS_TIMELINE, [KF_SETTLED] = IS(K_NOT_SETTLED)}},
};

/* What a keeper says while it has nothing to do: the monitor goes by it. */
struct word {
	enum pgaf_state state; /* UNKNOWN: it says nothing new, and waits */
	uint32_t when[KF_COUNT];
};

static const struct word words[] = {
	{PGAF_STATE_SINGLE, {TOLD, SERVES, GOAL(STATE(SINGLE)), [KF_SET] = IS(K_SET_IN_FORCE)}},
	{PGAF_STATE_WAIT_PRIMARY,
         {TOLD, SERVES, GOAL(STATE(WAIT_PRIMARY)), [KF_SET] = IS(K_SET_IN_FORCE)}},
	{PGAF_STATE_WAIT_PRIMARY, {CLAIMED, ROLE(NOTED(PRIMARY)), PG(IS(K_PG_PRIMARY))}},
	{PGAF_STATE_PRIMARY, {TOLD, SERVES, GOAL(STATE(PRIMARY)), [KF_SET] = IS(K_SET_IN_FORCE)}},
	{PGAF_STATE_DEMOTE_TIMEOUT, {WRITABLE, ROLE(NOTED(FENCED))}},
	{PGAF_STATE_DEMOTED, {TOLD, STEPS_DOWN, PG(IS(K_PG_STOPPED) | IS(K_PG_ABSENT))}},
	{PGAF_STATE_SECONDARY,
         {TOLD, GOAL(STATE(SECONDARY)), ROLE(NOTED(STANDBY)),
          PG(IS(K_PG_STANDBY)), [KF_UPSTREAM] = IS(K_UPSTREAM_RIGHT)}},
	{PGAF_STATE_CATCHINGUP, {FOLLOWING, PG(IS(K_PG_STANDBY) | IS(K_PG_STARTING))}},
	{PGAF_STATE_PREPARE_PROMOTION,
         {FRESH, PROMOTION, CLAIM(IS(K_CLAIM_NONE)),
          PG(IS(K_PG_STANDBY)), [KF_UP] = IS(K_COMES_UP)}},
	{PGAF_STATE_REPORT_LSN, {TOLD, GOAL(STATE(REPORT_LSN))}},
	{PGAF_STATE_REPORT_LSN,
         {PROMOTION, CLAIM(IS(K_CLAIM_RENOUNCED)),
          PG(IS(K_PG_STANDBY) | IS(K_PG_STARTING) | IS(K_PG_ABSENT))}},
	{PGAF_STATE_DROPPED,
         {TOLD, GOAL(STATE(DROPPED)), ROLE(NOTED(DROPPED)),
          PG(IS(K_PG_STOPPED) | IS(K_PG_ABSENT))}},
	{PGAF_STATE_WAIT_STANDBY, {TOLD, GOAL(STATE(WAIT_STANDBY))}},
	{PGAF_STATE_INIT, {GOAL(STATE(UNKNOWN) | STATE(INIT))}},
	{PGAF_STATE_UNKNOWN, {PG(IS(K_PG_UNKNOWN))}},
	{PGAF_STATE_UNKNOWN, {[KF_LEAVING] = IS(K_LEAVES)}},
	{PGAF_STATE_UNKNOWN, {WRITABLE, ROLE(NOTED(PRIMARY)), [KF_WAL] = IS(K_WAL_REGRESSED)}},
	{PGAF_STATE_UNKNOWN,
         {WRITABLE, ROLE(NOTED(PRIMARY)), PG(IS(K_PG_STOPPED)), [KF_RESTART] = IS(K_RESTART_ASKS)}},
	{PGAF_STATE_UNKNOWN,
         {ALONE, WRITABLE, ROLE(NOTED(PRIMARY)),
          PG(IS(K_PG_STOPPED)), [KF_RESTART] = IS(K_RESTART_FREE)}},
	{PGAF_STATE_UNKNOWN, {PROMOTION, CLAIM(IS(K_CLAIM_LOST))}},
};

#define NEEDS_COUNT (sizeof needs / sizeof needs[0])
#define WORDS_COUNT (sizeof words / sizeof words[0])

/* Where the rule acts and none of `allowed` holds, beside what earlier rules take. */
static bool
acts_outside(size_t row, struct box *allowed, size_t count, struct box *hole)
{
	struct box space;

	box_of(&keeper_table, keeper_rule_at(row)->when, &space);
	for (size_t i = 0; i < row; i++)
		box_of(&keeper_table, keeper_rule_at(i)->when, &allowed[count++]);
	return box_uncovered(&keeper_table, &space, allowed, count, hole);
}

START_TEST(test_no_step_without_what_it_needs)
{
	struct box allowed[NEEDS_COUNT + ROWS_MOST], hole;
	const struct keeper_rule *rule;

	ck_assert_ptr_null(keeper_rule_at(ROWS_MOST));
	for (size_t row = 0; (rule = keeper_rule_at(row)) != NULL; row++) {
		size_t count = 0;

		for (size_t i = 0; i < NEEDS_COUNT; i++)
			if (needs[i].step == rule->step && needs[i].role == rule->role &&
			    needs[i].set == rule->set)
				box_of(&keeper_table, needs[i].when, &allowed[count++]);
		if (rule->step == STEP_NONE || !acts_outside(row, allowed, count, &hole))
			continue;
		box_print(&keeper_table, &hole);
		ck_abort_msg("K%u: something is missing here to %s", (unsigned)rule->id,
		             step_doc(rule->step));
	}
}
END_TEST

/* The last rule of a section waits for whatever the others of it do not cover. */
static bool
is_last_of_its_section(uint32_t id)
{
	return id % 100 == 90;
}

START_TEST(test_no_state_is_reported_that_is_not_so)
{
	struct box allowed[WORDS_COUNT + ROWS_MOST], hole;
	const struct keeper_rule *rule;

	for (size_t row = 0; (rule = keeper_rule_at(row)) != NULL; row++) {
		size_t count = 0;

		if (rule->step != STEP_NONE || is_last_of_its_section(rule->id))
			continue;
		for (size_t i = 0; i < WORDS_COUNT; i++)
			if (words[i].state == rule->report)
				box_of(&keeper_table, words[i].when, &allowed[count++]);
		if (!acts_outside(row, allowed, count, &hole))
			continue;
		box_print(&keeper_table, &hole);
		ck_abort_msg("K%u reports %s, or waits, where that is not so", (unsigned)rule->id,
		             pgaf_state_name(rule->report));
	}
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("steps");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_no_step_without_what_it_needs);
	tcase_add_test(tcase, test_no_state_is_reported_that_is_not_so);
	return suite_run("steps", tcase);
}
