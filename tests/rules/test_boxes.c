/* SPDX-License-Identifier: PostgreSQL */
/*
 * Box arithmetic over the two policy tables: no dead rule, no silent overlap,
 * no uncovered point, a path in the keeper for every goal the monitor gives.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/keeper_rules.h"
#include "core/rules.h"
#include "rules/box.h"

/* ---- the monitor's rules --------------------------------------------------------------- */

START_TEST(test_rules_have_rising_ids_and_one_sentence)
{
	for (size_t i = 0; i < rules_count; i++) {
		size_t length = strlen(rules[i].doc);

		ck_assert_msg(i == 0 || rules[i].id > rules[i - 1].id, "rule %u is out of order",
		              (unsigned)rules[i].id);
		ck_assert_msg(length > 10 && rules[i].doc[length - 1] == '.',
		              "rule %u: not a sentence", (unsigned)rules[i].id);
	}
}
END_TEST

START_TEST(test_rules_use_only_answers_that_exist)
{
	for (size_t i = 0; i < rules_count; i++)
		for (unsigned d = 0; d < FACT_COUNT; d++)
			ck_assert_msg(
				(rules[i].when[d] & ~box_full(fact_answers((enum fact)d))) == 0,
				"rule %u, fact %s", (unsigned)rules[i].id, fact_name((enum fact)d));
}
END_TEST

START_TEST(test_no_rule_is_dead)
{
	for (size_t i = 0; i < rules_count; i++) {
		struct box later, hole;
		struct box earlier[128];
		size_t count = 0;

		box_of(&monitor_table, rules[i].when, &later);
		for (size_t j = 0; j < i; j++)
			box_of(&monitor_table, rules[j].when, &earlier[count++]);
		ck_assert_msg(box_uncovered(&monitor_table, &later, earlier, count, &hole),
		              "rule %u can never apply", (unsigned)rules[i].id);
	}
}
END_TEST

static bool
yields(const struct rule *later, const struct rule *earlier)
{
	for (size_t i = 0; i < sizeof(later->yields_to) / sizeof(later->yields_to[0]); i++)
		if (later->yields_to[i] == earlier->id)
			return true;
	return false;
}

/* Between sections the order is the policy; inside one it must be said. */
START_TEST(test_overlap_inside_a_section_is_declared)
{
	for (size_t i = 0; i < rules_count; i++)
		for (size_t j = 0; j < i; j++) {
			struct box later, earlier;

			if (rules[i].id / 100 != rules[j].id / 100)
				continue;
			box_of(&monitor_table, rules[i].when, &later);
			box_of(&monitor_table, rules[j].when, &earlier);
			if (!box_meets(&monitor_table, &later, &earlier)) {
				ck_assert_msg(!yields(&rules[i], &rules[j]),
				              "rule %u yields to %u without overlap",
				              (unsigned)rules[i].id, (unsigned)rules[j].id);
				continue;
			}
			ck_assert_msg(yields(&rules[i], &rules[j]),
			              "rules %u and %u overlap and do not say which wins",
			              (unsigned)rules[j].id, (unsigned)rules[i].id);
		}
}
END_TEST

/* Every point has a rule, or a sentence that says why nothing happens. */
START_TEST(test_every_point_is_decided_or_waits_for_something)
{
	struct box boxes[256], space, hole;
	size_t count = 0;

	for (size_t i = 0; i < waits_count; i++)
		box_of(&monitor_table, waits[i].when, &boxes[count++]);
	for (size_t i = 0; i < rules_count; i++)
		box_of(&monitor_table, rules[i].when, &boxes[count++]);
	box_space(&monitor_table, &space);
	if (box_uncovered(&monitor_table, &space, boxes, count, &hole)) {
		box_print(&monitor_table, &hole);
		ck_abort_msg("no rule and no wait covers this");
	}
}
END_TEST

START_TEST(test_no_wait_is_dead)
{
	for (size_t i = 0; i < waits_count; i++) {
		struct box later, hole;
		struct box earlier[256];
		size_t count = 0;

		box_of(&monitor_table, waits[i].when, &later);
		for (size_t j = 0; j < i; j++)
			box_of(&monitor_table, waits[j].when, &earlier[count++]);
		ck_assert_msg(box_uncovered(&monitor_table, &later, earlier, count, &hole),
		              "wait \"%s\" is never said", waits[i].doc);
	}
}
END_TEST

/* A rule that promotes takes the primary's role away in the same decision. */
START_TEST(test_no_rule_leaves_two_writable_nodes)
{
	for (size_t i = 0; i < rules_count; i++) {
		const enum pgaf_state *then = rules[i].then;
		unsigned writable = 0;

		for (unsigned role = 0; role < ROLE_COUNT; role++)
			if (pgaf_state_is_writable(then[role]) ||
			    then[role] == PGAF_STATE_PREPARE_PROMOTION)
				writable++;
		ck_assert_uint_le(writable, 1);
		if (then[TO_CANDIDATE] == PGAF_STATE_PREPARE_PROMOTION)
			ck_assert_int_eq(then[TO_SELF], PGAF_STATE_DEMOTED);
		if (then[TO_FORMER] == PGAF_STATE_PRIMARY)
			ck_assert_int_eq(then[TO_SELF], PGAF_STATE_SECONDARY);
	}
}
END_TEST

/* ---- the keeper's rules ------------------------------------------------------------------- */

START_TEST(test_keeper_rules_rise_and_speak)
{
	const struct keeper_rule *rule;

	for (size_t i = 0; (rule = keeper_rule_at(i)) != NULL; i++) {
		size_t length = strlen(rule->doc);

		ck_assert_msg(i == 0 || rule->id > keeper_rule_at(i - 1)->id, "K%u is out of order",
		              (unsigned)rule->id);
		ck_assert_msg(rule->doc[length - 1] == '.', "K%u: not a sentence",
		              (unsigned)rule->id);
		for (unsigned d = 0; d < KF_COUNT; d++)
			ck_assert_msg((rule->when[d] &
			               ~box_full(keeper_fact_answers((enum keeper_fact)d))) == 0,
			              "K%u, fact %s", (unsigned)rule->id,
			              keeper_fact_name((enum keeper_fact)d));
	}
}
END_TEST

START_TEST(test_no_keeper_rule_is_dead)
{
	const struct keeper_rule *rule;
	struct box earlier[128], hole;

	for (size_t i = 0; (rule = keeper_rule_at(i)) != NULL; i++) {
		box_of(&keeper_table, rule->when, &earlier[i]);
		ck_assert_msg(box_uncovered(&keeper_table, &earlier[i], earlier, i, &hole),
		              "K%u can never apply", (unsigned)rule->id);
	}
}
END_TEST

START_TEST(test_keeper_table_covers_every_point)
{
	struct box boxes[128], space, hole;
	size_t count = 0;

	for (; keeper_rule_at(count) != NULL; count++)
		box_of(&keeper_table, keeper_rule_at(count)->when, &boxes[count]);
	box_space(&keeper_table, &space);
	ck_assert(!box_uncovered(&keeper_table, &space, boxes, count, &hole));
}
END_TEST

/* The state that a keeper finally reports for a goal the monitor gives. */
static bool
keeper_ends_in(enum pgaf_state goal, enum pgaf_state state)
{
	const struct keeper_rule *rule;

	for (size_t i = 0; (rule = keeper_rule_at(i)) != NULL; i++) {
		if (rule->report == state && rule->step == STEP_NONE &&
		    (rule->when[KF_GOAL] == 0 ||
		     (rule->when[KF_GOAL] & (UINT32_C(1) << goal)) != 0))
			return true;
	}
	return false;
}

START_TEST(test_every_goal_has_a_path_in_the_keeper)
{
	static const struct {
		enum pgaf_state goal, ends;
	} others[] = {
		{PGAF_STATE_PREPARE_PROMOTION, PGAF_STATE_WAIT_PRIMARY},
		{PGAF_STATE_DRAINING, PGAF_STATE_DEMOTED},
	};

	for (size_t i = 0; i < rules_count; i++)
		for (unsigned role = 0; role < ROLE_COUNT; role++) {
			enum pgaf_state goal = rules[i].then[role];
			enum pgaf_state ends = goal;

			if (goal == PGAF_STATE_UNKNOWN)
				continue;
			for (size_t o = 0; o < sizeof(others) / sizeof(others[0]); o++)
				if (others[o].goal == goal)
					ends = others[o].ends;
			ck_assert_msg(keeper_ends_in(goal, ends),
			              "rule %u gives %s, which no keeper rule ends in",
			              (unsigned)rules[i].id, pgaf_state_name(goal));
		}
}
END_TEST

/* Whatever Postgres is, a goal that was accepted with the store in reach leads to a step or to
 * its end: a node that can die in a state has a way out of it (24). */
START_TEST(test_keeper_moves_from_every_state_of_postgres)
{
	static const enum pgaf_state goals[] = {PGAF_STATE_SINGLE,
	                                        PGAF_STATE_WAIT_PRIMARY,
	                                        PGAF_STATE_PRIMARY,
	                                        PGAF_STATE_CATCHINGUP,
	                                        PGAF_STATE_PREPARE_PROMOTION,
	                                        PGAF_STATE_DEMOTED,
	                                        PGAF_STATE_DRAINING,
	                                        PGAF_STATE_DROPPED};
	static const enum keeper_postgres pg[] = {K_PG_STOPPED, K_PG_EXITED, K_PG_STANDBY,
	                                          K_PG_PRIMARY};

	for (size_t g = 0; g < sizeof(goals) / sizeof(goals[0]); g++)
		for (size_t p = 0; p < sizeof(pg) / sizeof(pg[0]); p++)
			for (unsigned role = NOTE_STANDBY; role <= NOTE_DEMOTED; role++) {
				struct keeper_facts facts = {0};
				const struct keeper_rule *rule;

				facts.answer[KF_GOAL] = (uint8_t)goals[g];
				facts.answer[KF_ACCEPTED] = K_ACCEPTED;
				facts.answer[KF_CONTACT] = K_CONTACT_FRESH;
				facts.answer[KF_ROLE] = (uint8_t)role;
				facts.answer[KF_PG] = (uint8_t)pg[p];
				facts.answer[KF_FENCE] =
					role == NOTE_FENCED ? K_FENCE_RETURN : K_FENCE_NONE;
				facts.answer[KF_READY] = K_READY;
				facts.answer[KF_MAY_REWIND] = K_REWIND_NOW;
				rule = keeper_rule_find(&facts);
				/* A standby is never made a primary but by a promotion. */
				if (pgaf_state_is_writable(goals[g]) &&
				    (role == NOTE_STANDBY || role == NOTE_CLONING ||
				     role == NOTE_PROMOTING))
					continue;
				ck_assert_msg(rule->step != STEP_NONE ||
				                      rule->report != PGAF_STATE_UNKNOWN,
				              "goal %s, Postgres %s, role %s: K%u waits for ever",
				              pgaf_state_name(goals[g]),
				              keeper_fact_answer_name(KF_PG, pg[p]),
				              note_role_name((enum note_role)role),
				              (unsigned)rule->id);
			}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("boxes");
	TCase *tcase = tcase_create("boxes");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_rules_have_rising_ids_and_one_sentence);
	tcase_add_test(tcase, test_rules_use_only_answers_that_exist);
	tcase_add_test(tcase, test_no_rule_is_dead);
	tcase_add_test(tcase, test_overlap_inside_a_section_is_declared);
	tcase_add_test(tcase, test_every_point_is_decided_or_waits_for_something);
	tcase_add_test(tcase, test_no_wait_is_dead);
	tcase_add_test(tcase, test_no_rule_leaves_two_writable_nodes);
	tcase_add_test(tcase, test_keeper_rules_rise_and_speak);
	tcase_add_test(tcase, test_no_keeper_rule_is_dead);
	tcase_add_test(tcase, test_keeper_table_covers_every_point);
	tcase_add_test(tcase, test_every_goal_has_a_path_in_the_keeper);
	tcase_add_test(tcase, test_keeper_moves_from_every_state_of_postgres);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
