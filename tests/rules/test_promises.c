/* SPDX-License-Identifier: PostgreSQL */
/*
 * What the monitor's table never does, read the other way round: not what a
 * rule asks, but which rules may act at all while something holds. Proved over
 * the whole space of facts; a condition that a rule lost breaks a promise.
 */
#include <check.h>
#include <stdio.h>

#include "core/rules.h"
#include "rules/box.h"
#include "unit/suite.h"

#define ROWS_MOST 128
#define RANGES_MOST 14

#define STATE(name) IS(PGAF_STATE_##name)
#define WRITABLE                                                                      \
	(STATE(SINGLE) | STATE(WAIT_PRIMARY) | STATE(PRIMARY) | STATE(JOIN_PRIMARY) | \
	 STATE(APPLY_SETTINGS))
#define LEAVES_OFFICE                                                                              \
	(STATE(DEMOTED) | STATE(PREPARE_PROMOTION) | STATE(STOP_REPLICATION) | STATE(REPORT_LSN) | \
	 STATE(DRAINING))
#define OTHERS(states) (~(states) & ((UINT32_C(1) << PGAF_STATE_COUNT) - 1))
#define BUT(answer, last) (~IS(answer) & (IS((last) + 1) - 1))
#define STANDBY [FACT_SELF] = IS(IS_STANDBY)
#define PRIMARY [FACT_SELF] = IS(IS_PRIMARY)

struct range {
	uint32_t from, to; /* 0, 0: no more of them */
};

struct promise {
	const char *doc;
	uint32_t when[FACT_COUNT];
	bool bars; /* the ranges may not act; else nothing but them may */
	struct range ranges[RANGES_MOST];
};

static const struct promise promises[] = {
	{.doc = "A store that forgot decides nothing else before it knows all again (12).",
         .when = {[FACT_MEMORY] = BUT(MEMORY_SOUND, MEMORY_HEARD)},
         .ranges = {{100, 199}}},
	{.doc = "While a promotion is under way only it goes on, and a node may leave (3, 24).",
         .when = {[FACT_PROMOTION] = BUT(PROMOTION_NONE, PROMOTION_DONE)},
         .ranges = {{100, 210}, {300, 399}, {800, 800}}},
	{.doc = "Without a promotion there is nothing to finish, to restore or to offer again.",
         .when = {[FACT_PROMOTION] = IS(PROMOTION_NONE)},
         .bars = true,
         .ranges = {{300, 399}}},
	{.doc = "A claim is taken back by its holder or on the operator's word alone (3a).",
         .when = {[FACT_PROMOTION] = IS(PROMOTION_CLAIMED)},
         .ranges = {{100, 210}, {330, 330}, {800, 800}}},
	{.doc = "While a handover is under way it ends first, or a failover ends it (25).",
         .when = {[FACT_HANDOVER] = BUT(HANDOVER_NONE, HANDOVER_ORPHANED)},
         .ranges = {{100, 210}, {300, 410}, {500, 508}, {800, 800}}},
	{.doc = "A primary that stopped for a handover did not fail (25).",
         .when = {[FACT_HANDOVER] = IS(HANDOVER_STOPPED) | IS(HANDOVER_DIRTY)},
         .bars = true,
         .ranges = {{400, 422}}},
	{.doc = "Only what holds for a node without the role is decided for a standby.",
         .when = {STANDBY},
         .ranges = {{100, 220}, {630, 650}, {700, 700}, {710, 800}}},
	{.doc = "Only what holds for the node with the role is decided for the primary.",
         .when = {PRIMARY},
         .ranges = {{100, 210}, {230, 620}, {660, 670}, {705, 707}, {800, 800}}},
	{.doc = "A primary is replaced, and changes its set, only in its role (13).",
         .when = {PRIMARY, [FACT_GOAL] = OTHERS(WRITABLE | STATE(DRAINING))},
         .ranges = {{100, 210}, {300, 399}, {500, 508}, {590, 592}, {800, 800}}},
	{.doc = "A primary that hands over is replaced, or the handover is given up.",
         .when = {PRIMARY, [FACT_GOAL] = STATE(DRAINING)},
         .ranges = {{100, 210}, {300, 410}, {500, 508}, {590, 592}}},
	{.doc = "A node that is dropped leaves, and nothing else.",
         .when = {STANDBY, [FACT_GOAL] = STATE(DROPPED)},
         .ranges = {{100, 210}}},
	{.doc = "A node that joins is told to wait, then to follow (1a).",
         .when = {STANDBY, [FACT_GOAL] = STATE(UNKNOWN) | STATE(INIT)},
         .ranges = {{100, 199}, {220, 220}, {700, 700}, {800, 800}}},
	{.doc = "A node that waits is told to follow (1a).",
         .when = {STANDBY, [FACT_GOAL] = STATE(WAIT_STANDBY)},
         .ranges = {{100, 199}, {220, 220}, {710, 710}, {800, 800}}},
	{.doc = "A node that catches up is in no set before it has a name (4).",
         .when = {STANDBY, [FACT_GOAL] = STATE(CATCHINGUP)},
         .ranges = {{100, 199}, {220, 220}, {730, 740}}},
	{.doc = "Sets change by the standbys in good standing.",
         .when = {STANDBY, [FACT_GOAL] = STATE(SECONDARY)},
         .ranges = {{100, 199}, {220, 220}, {630, 650}, {730, 730}, {750, 755}}},
	{.doc = "Who was the primary, or was to be, follows when it has stopped (1a).",
         .when = {STANDBY, [FACT_GOAL] = LEAVES_OFFICE},
         .ranges = {{100, 199}, {220, 220}, {720, 720}}},
	{.doc = "Who has a writable goal without the role is told nothing.",
         .when = {STANDBY, [FACT_GOAL] = WRITABLE},
         .ranges = {{100, 199}, {220, 220}}},
	{.doc = "A node that the operator drops is given no other goal than to be cloned from.",
         .when = {[FACT_DROP] = IS(DROP_ASKED) | IS(DROP_FORCED)},
         .bars = true,
         .ranges = {{650, 650}, {700, 700}, {707, 800}}},
	{.doc = "Nobody leaves whom the operator did not drop.",
         .when = {[FACT_DROP] = IS(DROP_NO)},
         .bars = true,
         .ranges = {{210, 240}}},
	{.doc = "A node that is not dropped stays registered.",
         .when = {[FACT_GOAL] = OTHERS(STATE(DROPPED))},
         .bars = true,
         .ranges = {{200, 210}}},
	{.doc = "A dropped node is gone when it says so itself.",
         .when = {[FACT_REPORTED] = OTHERS(STATE(DROPPED))},
         .bars = true,
         .ranges = {{200, 200}}},
	{.doc = "Who may still write, or has not stopped yet, is not told to follow (1a).",
         .when = {[FACT_REPORTED] = WRITABLE | STATE(DRAINING) | STATE(DEMOTE_TIMEOUT)},
         .bars = true,
         .ranges = {{720, 720}}},
	{.doc = "What a node says of an older goal ends nothing (13).",
         .when = {[FACT_REACHED] = IS(NOT_REACHED)},
         .bars = true,
         .ranges = {{200, 200}, {710, 710}}},
	{.doc = "A monitor that has not listened long enough fails nobody over (8).",
         .when = {[FACT_MONITOR] = IS(MONITOR_LISTENING)},
         .bars = true,
         .ranges = {{400, 410}}},
	{.doc = "No failover of a primary that is well, is witnessed, or is not known (38).",
         .when = {[FACT_PRIMARY_FAULT] = IS(FAULT_NONE) | IS(FAULT_UNSURE) | IS(FAULT_WITNESSED)},
         .bars = true,
         .ranges = {{400, 422}, {540, 550}}},
	{.doc = "Without a proof nobody is promoted but on the operator's word (a).",
         .when = {[FACT_CANDIDATE] = IS(CANDIDATE_NONE) | IS(CANDIDATE_BLOCKED)},
         .bars = true,
         .ranges = {{230, 230}, {400, 410}, {502, 502}, {510, 530}}},
	{.doc = "A planned change waits for a candidate that receives all (43).",
         .when = {[FACT_CANDIDATE] = IS(CANDIDATE_READY)},
         .bars = true,
         .ranges = {{230, 230}, {510, 520}}},
	{.doc = "With a proof nothing is restarted, forgotten or lost (16).",
         .when = {[FACT_CANDIDATE] = IS(CANDIDATE_READY) | IS(CANDIDATE_CURRENT)},
         .bars = true,
         .ranges = {{420, 420}, {508, 508}, {540, 550}}},
	{.doc = "A planned change is for a primary that is well (43).",
         .when = {[FACT_PRIMARY_FAULT] = BUT(FAULT_NONE, FAULT_RECOVERING)},
         .bars = true,
         .ranges = {{230, 230}, {510, 520}}},
	{.doc = "The primary must be well to widen its set, and to be joined.",
         .when = {[FACT_PRIMARY_FAULT] = BUT(FAULT_NONE, FAULT_RECOVERING)},
         .bars = true,
         .ranges = {{636, 636}, {650, 670}, {710, 755}}},
	{.doc = "A primary that is not there cannot go on without a member.",
         .when = {[FACT_PRIMARY_FAULT] = BUT(FAULT_NONE, FAULT_RECOVERING) & ~IS(FAULT_WITNESSED)},
         .bars = true,
         .ranges = {{630, 640}}},
	{.doc = "Only a member can be waited for in vain.",
         .when = {[FACT_MEMBER] = IS(MEMBER_NO)},
         .bars = true,
         .ranges = {{630, 640}}},
	{.doc = "A member keeps its name and its upstream while commits wait for it (4).",
         .when = {[FACT_MEMBER] = IS(MEMBER_YES)},
         .bars = true,
         .ranges = {{650, 650}, {730, 730}, {750, 755}}},
	{.doc = "Where commits must wait, nothing that happens to a standby changes that (14).",
         .when = {[FACT_NUMBER] = IS(NUMBER_SOME)},
         .bars = true,
         .ranges = {{630, 632}, {636, 636}, {707, 707}}},
	{.doc = "Nobody is told to follow a primary that is not in its role (1a).",
         .when = {[FACT_PRIMARY_GOAL] = OTHERS(WRITABLE)},
         .bars = true,
         .ranges = {{650, 650}, {700, 700}, {710, 730}}},
	{.doc = "Nobody is told to follow before the timeline is on the primary's disk (10).",
         .when = {[FACT_PRIMARY_DISK] = IS(DISK_BEHIND)},
         .bars = true,
         .ranges = {{710, 730}}},
	{.doc = "Nobody copies a primary that is not ready for it.",
         .when = {[FACT_PRIMARY_REACHED] = IS(NOT_REACHED)},
         .bars = true,
         .ranges = {{710, 710}}},
	{.doc = "Commits do not wait for a standby that could never take over (19, 23).",
         .when = {[FACT_FIT] = IS(FIT_NO)},
         .bars = true,
         .ranges = {{650, 650}, {740, 740}}},
	{.doc = "A standby gets a name when it could take over (19, 23).",
         .when = {[FACT_FIT] = IS(FIT_NOT_YET)},
         .bars = true,
         .ranges = {{636, 636}, {740, 740}}},
	{.doc = "A standby is waited for when it streams under its name (4).",
         .when = {[FACT_STANDING] = BUT(STANDING_LISTED, STANDING_NO_PROGRESS)},
         .bars = true,
         .ranges = {{650, 650}}},
	{.doc = "A standby gets a name when its history is proved and it has caught up (1a, 9).",
         .when = {[FACT_STANDING] = BUT(STANDING_CAUGHT_UP, STANDING_NO_PROGRESS)},
         .bars = true,
         .ranges = {{740, 740}}},
	{.doc = "Only what is seen to be well is widened to, or asked to take over.",
         .when = {[FACT_SEEN] = BUT(SEEN_OK, SEEN_EMPTY)},
         .bars = true,
         .ranges = {{520, 520}, {650, 650}, {740, 740}}},
	{.doc = "The operator's word is needed for loss.",
         .when = {[FACT_ASKED] = BUT(ASKED_WITH_LOSS, ASKED_BEFORE)},
         .bars = true,
         .ranges = {{120, 120}, {330, 330}, {350, 350}, {540, 550}}},
	{.doc = "Without a request there is nothing to obey or to refuse.",
         .when = {[FACT_ASKED] = IS(ASKED_NOTHING) | IS(ASKED_BEFORE)},
         .bars = true,
         .ranges = {{520, 592}}},
	{.doc = "A request for a switchover moves nothing that is not well.",
         .when = {[FACT_ASKED] = IS(ASKED_SWITCHOVER)},
         .bars = true,
         .ranges = {{530, 550}}},
	{.doc = "What is known of the set in force is settled before the set is changed (a).",
         .when = {[FACT_SETS] = IS(SETS_PROVED) | IS(SETS_DECLINED)},
         .bars = true,
         .ranges = {{220, 220}, {634, 634}, {640, 670}}},
	{.doc = "A set that somebody else changed is doubted before it is changed (8c).",
         .when = {[FACT_SETS] = IS(SETS_DRIFTED)},
         .bars = true,
         .ranges = {{600, 610}, {634, 634}, {640, 670}}},
	{.doc = "The former primary gets its role back only when it is there.",
         .when = {[FACT_FORMER] = IS(FORMER_NONE) | IS(FORMER_AWAY)},
         .bars = true,
         .ranges = {{310, 330}}},
	{.doc = "Nobody is asked again while the former primary could have its role back.",
         .when = {[FACT_FORMER] = IS(FORMER_USABLE)},
         .bars = true,
         .ranges = {{340, 350}}},
	{.doc = "What needs its keeper is asked of a node whose keeper is there.",
         .when = {[FACT_KEEPER] = IS(KEEPER_UNSURE) | IS(KEEPER_GONE)},
         .bars = true,
         .ranges = {{520, 520}, {550, 550}, {720, 720}}},
	{.doc = "A node is removed without its word only when its keeper is gone.",
         .when = {[FACT_KEEPER] = IS(KEEPER_OPEN) | IS(KEEPER_UNSURE),
                  [FACT_REPORTED] = OTHERS(STATE(DROPPED))},
         .bars = true,
         .ranges = {{200, 210}}},
	{.doc = "The last node is the last.",
         .when = {[FACT_COMPANY] = IS(WITH_OTHERS)},
         .bars = true,
         .ranges = {{240, 240}, {707, 707}}},
	{.doc = "Readmission is held down after a link was cut (30).",
         .when = {[FACT_HOLD] = IS(HOLD_ON)},
         .bars = true,
         .ranges = {{740, 740}}},
	{.doc = "Nobody becomes the first primary while another may (12).",
         .when = {[FACT_START] = IS(START_NO) | IS(START_WAIT)},
         .bars = true,
         .ranges = {{800, 800}}},
};

static bool
is_in(const struct promise *promise, uint32_t id)
{
	for (size_t i = 0; i < RANGES_MOST && promise->ranges[i].from != 0; i++)
		if (id >= promise->ranges[i].from && id <= promise->ranges[i].to)
			return true;
	return false;
}

/* A point where this rule is the one that decides, though the promise forbids it. */
static bool
is_broken_by(const struct promise *promise, size_t row, struct box *hole)
{
	struct box earlier[ROWS_MOST], space, rule;

	box_of(&monitor_table, promise->when, &space);
	box_of(&monitor_table, rules[row].when, &rule);
	for (unsigned d = 0; d < FACT_COUNT; d++) {
		space.mask[d] &= rule.mask[d];
		if (space.mask[d] == 0)
			return false;
	}
	for (size_t i = 0; i < row; i++)
		box_of(&monitor_table, rules[i].when, &earlier[i]);
	return box_uncovered(&monitor_table, &space, earlier, row, hole);
}

START_TEST(test_monitor_keeps_its_promises)
{
	const struct promise *promise = &promises[_i];

	ck_assert_uint_le(rules_count, ROWS_MOST);
	for (size_t row = 0; row < rules_count; row++) {
		struct box hole;

		if (is_in(promise, rules[row].id) != promise->bars ||
		    !is_broken_by(promise, row, &hole))
			continue;
		box_print(&monitor_table, &hole);
		ck_abort_msg("rule %u acts here, but: %s", (unsigned)rules[row].id, promise->doc);
	}
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("promises");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_monitor_keeps_its_promises, 0,
	                    (int)(sizeof promises / sizeof promises[0]));
	return suite_run("promises", tcase);
}
