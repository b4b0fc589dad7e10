/* SPDX-License-Identifier: PostgreSQL */
/*
 * What the core has words for: every enum, every fact, every effect, and the
 * sentences of explain. Beside them the small questions asked of the model.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <pgaf/error.h>

#include "base/pure/text.h"
#include "core/codec.h"
#include "core/decide.h"
#include "core/note.h"
#include "core/rules.h"
#include "core/steps.h"

#define NOW PGAF_SECONDS(1000)
#define BEYOND 9999

START_TEST(test_a_bad_value_has_a_word_too)
{
	ck_assert_str_eq(pg_status_name((enum pg_status)BEYOND), "unknown");
	ck_assert_str_eq(evidence_name((enum evidence)BEYOND), "unknown");
	ck_assert_str_eq(evidence_doc((enum evidence)BEYOND), "unknown");
	ck_assert_str_eq(veto_name((enum veto)BEYOND), "unknown");
	ck_assert_str_eq(veto_doc((enum veto)BEYOND), "unknown");
	ck_assert_str_eq(note_role_name((enum note_role)BEYOND), "none");
	ck_assert_str_eq(step_name((enum step)BEYOND), "none");
	ck_assert_str_eq(step_doc((enum step)BEYOND), "nothing");
}
END_TEST

START_TEST(test_steps_and_vetoes_differ_in_their_words)
{
	ck_assert_str_eq(step_name(STEP_NONE), "none");
	ck_assert_str_eq(step_doc(STEP_NONE), "nothing");
	for (unsigned i = 1; i < STEP_COUNT; i++) {
		ck_assert_str_ne(step_name((enum step)i), "none");
		ck_assert_str_ne(step_doc((enum step)i), "nothing");
	}
	for (unsigned i = 0; i < VETO_COUNT; i++) {
		ck_assert_str_ne(veto_name((enum veto)i), "unknown");
		ck_assert_str_ne(veto_doc((enum veto)i), "unknown");
	}
}
END_TEST

START_TEST(test_facts_have_names_questions_and_words)
{
	for (unsigned fact = 0; fact < FACT_COUNT; fact++) {
		unsigned answers = fact_answers((enum fact)fact);

		ck_assert_str_ne(fact_name((enum fact)fact), "");
		ck_assert_str_ne(fact_question((enum fact)fact), "");
		for (unsigned i = 0; i < answers; i++)
			ck_assert_str_ne(fact_answer_name((enum fact)fact, i), "?");
		ck_assert_str_eq(fact_answer_name((enum fact)fact, answers), "?");
	}
}
END_TEST

START_TEST(test_rules_are_found_by_their_number)
{
	for (size_t i = 0; i < rules_count; i++) {
		ck_assert_ptr_eq(rule_by_id(rules[i].id), &rules[i]);
		ck_assert_str_ne(effect_name(rules[i].effect), "");
	}
	ck_assert_ptr_null(rule_by_id(BEYOND));
}
END_TEST

/* ---- notes ------------------------------------------------------------------------------ */

START_TEST(test_a_note_that_was_cut_is_none)
{
	static struct note note;
	struct note read;
	struct pgaf_error error = {0};
	char bytes[CODEC_LINE_MAX] = "";
	struct text line = TEXT(bytes);

	note.role = NOTE_PRIMARY;
	note.goal.state = PGAF_STATE_PRIMARY;
	note.goal.epoch = 7;
	note_write(&note, &line);
	ck_assert_int_eq(note_read(bytes, &read, &error), 0);
	ck_assert_uint_eq(read.goal.epoch, 7);

	*strstr(bytes, " goal") = '\0';
	ck_assert_int_eq(note_read(bytes, &read, &error), PGAF_EINVAL);
	ck_assert_int_eq(note_read("goal state=primary", &read, &error), PGAF_EINVAL);
	ck_assert_int_eq(note_read("note role=king goal", &read, &error), PGAF_EINVAL);
	ck_assert_ptr_nonnull(strstr(error.text, "role"));
}
END_TEST

START_TEST(test_a_snapshot_with_nodes_in_disorder_is_refused)
{
	static struct snapshot snap;
	static char value[8192];
	struct pgaf_error error = {0};
	struct text line = TEXT(value);
	char many[512];
	struct text to;

	ck_assert_int_eq(codec_read_snapshot("group\nnode id=2\nnode id=1\n", NOW, &snap, &error),
	                 PGAF_EINVAL);
	ck_assert_str_eq(error.text, "line 3: nodes are not in the order of their ids");
	text_init(&to, many, sizeof(many));
	text_add(&to, "group\n");
	for (unsigned i = 1; i <= PGAF_NODES_MAX + 1; i++)
		text_addf(&to, "node id=%u\n", i);
	ck_assert_int_lt(codec_read_snapshot(many, NOW, &snap, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.text, "more than 9 nodes"));

	text_add(&line, "settings fast_stop_limit=");
	for (unsigned i = 0; i < 5000; i++)
		text_add(&line, "1");
	ck_assert_int_eq(codec_read(RECORD_SETTINGS, value, &snap.group.settings, &error),
	                 PGAF_EINVAL);
	value[100] = '\0';
	ck_assert_int_eq(codec_read(RECORD_SETTINGS, value, &snap.group.settings, &error),
	                 PGAF_EINVAL);
}
END_TEST

/* ---- the newest writer ------------------------------------------------------------------- */

static void
writers_of(struct snapshot *snap)
{
	*snap = (struct snapshot){.count = 2};
	for (uint32_t i = 0; i < 2; i++) {
		snap->nodes[i].id = i + 1;
		snap->nodes[i].report.has_data = true;
		snap->nodes[i].report.writer = true;
		snap->nodes[i].report.timeline = 1;
		snap->nodes[i].report.lsn = 100;
	}
}

static pgaf_node_id
writer(const struct snapshot *snap)
{
	const struct node *node = snapshot_writer(snap);

	return node == NULL ? 0 : node->id;
}

START_TEST(test_the_newest_writer_is_known_by_timeline_state_role_and_position)
{
	struct snapshot snap;

	writers_of(&snap);
	snap.nodes[1].report.lsn = 101;
	ck_assert_uint_eq(writer(&snap), 2);
	snap.group.primary = 1;
	ck_assert_uint_eq(writer(&snap), 1);
	snap.nodes[1].report.pg = PG_PRIMARY;
	ck_assert_uint_eq(writer(&snap), 2);
	snap.nodes[0].report.promoted_timeline = 2; /* it was promoted and has not said more yet */
	ck_assert_uint_eq(writer(&snap), 1);
}
END_TEST

START_TEST(test_who_has_nothing_or_left_or_is_behind_a_follower_is_no_writer)
{
	struct snapshot snap;

	writers_of(&snap);
	snap.nodes[1].report.writer = false;
	snap.nodes[1].report.timeline = 2;
	ck_assert_uint_eq(writer(&snap), 0);
	snap.nodes[1].report.has_data = false;
	ck_assert_uint_eq(writer(&snap), 1);
	snap.nodes[0].goal.state = PGAF_STATE_DROPPED;
	ck_assert_uint_eq(writer(&snap), 0);
}
END_TEST

START_TEST(test_nobody_has_no_node)
{
	struct snapshot snap;

	writers_of(&snap);
	snap.nodes[0].id = 0;
	ck_assert_ptr_null(snapshot_node(&snap, 0));
	ck_assert_ptr_null(snapshot_node(&snap, 7));
	ck_assert_ptr_eq(snapshot_node(&snap, 2), &snap.nodes[1]);
}
END_TEST

/* ---- decisions and explanations ---------------------------------------------------------- */

START_TEST(test_a_decision_about_a_node_that_left_changes_the_rest)
{
	static struct snapshot snap;
	static struct decision decision;

	writers_of(&snap);
	decision.group.epoch = 8;
	decision.assignment_count = 2;
	decision.assignments[0].node = 7;
	decision.assignments[1].node = 2;
	decision.assignments[1].goal.epoch = 8;
	decision.admission_count = 2;
	decision.admissions[0].node = 7;
	decision.admissions[1].node = 2;
	decision.admissions[1].admission = 5;
	decision_apply(&decision, NOW, &snap);
	ck_assert_uint_eq(snap.group.epoch, 8);
	ck_assert_uint_eq(snap.nodes[1].goal.epoch, 8);
	ck_assert_uint_eq(snap.nodes[1].admission, 5);
	ck_assert_uint_eq(snap.nodes[0].goal.epoch, 0);
}
END_TEST

/* A dropped node leaves while others are promoted or hand over: their time goes on. */
START_TEST(test_what_goes_on_keeps_its_timer)
{
	static struct snapshot snap;
	static struct decision decision;

	writers_of(&snap);
	decision.rule = 200;
	decision.group.promotion = (struct promotion){.node = 2, .epoch = 8};
	decision.group.handover.from = 1;
	decision_apply(&decision, NOW, &snap);
	ck_assert_int_eq(snap.group.promotion_since, NOW);
	ck_assert_int_eq(snap.group.last_failover_at, NOW);
	ck_assert_int_eq(snap.group.handover_since, NOW);

	decision.group = snap.group;
	decision_apply(&decision, NOW + 1, &snap);
	ck_assert_int_eq(snap.group.promotion_since, NOW);
	ck_assert_int_eq(snap.group.last_failover_at, NOW);
	ck_assert_int_eq(snap.group.handover_since, NOW);
}
END_TEST

START_TEST(test_explain_names_what_forbids_a_promotion)
{
	static struct snapshot snap;
	char bytes[4096] = "";
	struct text said = TEXT(bytes);
	struct sync_set *set = &snap.group.possible[0];

	decide_explain(&snap, NOW, &said);
	ck_assert_str_eq(bytes, "no node is registered in this group\n");

	writers_of(&snap);
	settings_init(&snap.group.settings);
	text_copy(snap.nodes[1].name, sizeof(snap.nodes[1].name), "node2");
	snap.group.primary = 1;
	snap.group.epoch = 8;
	snap.nodes[1].report.pg = PG_STANDBY;
	snap.nodes[1].report.vetoes = VETO_BIT(RECOVERY_PAUSED);
	decide_explain(&snap, NOW, &said);
	ck_assert_ptr_nonnull(strstr(bytes, "node2 may not be promoted: replay is paused"));
	ck_assert_ptr_nonnull(strstr(bytes, "without waiting for a standby"));

	snap.group.possible_count = 1;
	set->version = set->required = 1;
	set->count = 2;
	set->members[0].node = 1;
	set->members[1].node = 2;
	decide_explain(&snap, NOW, &said);
	ck_assert_ptr_nonnull(strstr(bytes, "more members must be heard"));
	snap.nodes[0].report.detached_epoch = 8;
	snap.nodes[0].report.detached_lsn = 500;
	decide_explain(&snap, NOW, &said);
	ck_assert_ptr_nonnull(strstr(bytes, "another member holds more"));

	ck_assert_ptr_null(strstr(bytes, "synchronous_commit"));
	snap.nodes[0].report.weak_commits = true;
	decide_explain(&snap, NOW, &said);
	ck_assert_ptr_nonnull(strstr(bytes, "synchronous_commit is below on"));

	snap.nodes[1].report.epoch = 99; /* … and what would be decided now is no secret */
	snap.nodes[0].reported_at = snap.nodes[1].reported_at = NOW;
	decide_explain(&snap, NOW, &said);
	ck_assert_ptr_nonnull(strstr(bytes, "rule 100 applies to "));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("words");
	TCase *tcase = tcase_create("words");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_a_bad_value_has_a_word_too);
	tcase_add_test(tcase, test_steps_and_vetoes_differ_in_their_words);
	tcase_add_test(tcase, test_facts_have_names_questions_and_words);
	tcase_add_test(tcase, test_rules_are_found_by_their_number);
	tcase_add_test(tcase, test_a_note_that_was_cut_is_none);
	tcase_add_test(tcase, test_a_snapshot_with_nodes_in_disorder_is_refused);
	tcase_add_test(tcase, test_the_newest_writer_is_known_by_timeline_state_role_and_position);
	tcase_add_test(tcase, test_who_has_nothing_or_left_or_is_behind_a_follower_is_no_writer);
	tcase_add_test(tcase, test_nobody_has_no_node);
	tcase_add_test(tcase, test_a_decision_about_a_node_that_left_changes_the_rest);
	tcase_add_test(tcase, test_what_goes_on_keeps_its_timer);
	tcase_add_test(tcase, test_explain_names_what_forbids_a_promotion);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
