/* SPDX-License-Identifier: PostgreSQL */
/* The store in memory: the conformance suite, and the faults a simulation asks for. */

#include <check.h>
#include <stdlib.h>

#include "unit/store/conformance.h"
#include "unit/store/stand.h"

static const struct report running = {.state = PGAF_STATE_PRIMARY, .run = 1, .has_data = true};

START_TEST(a_crash_loses_what_was_not_durable)
{
	struct monitor_log *monitor = stand_monitor();
	struct keeper_log *keeper = stand_node("node1", 5001);
	struct report report = running;
	struct decision decision;

	stand_report(keeper, &report, false);
	decision = stand_decision(stand_load(monitor), "durable, with what it read");
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
	report.state = PGAF_STATE_DEMOTED;
	stand_report(keeper, &report, false);
	memory_store_crash(stand_memory);
	stand_settle(0);
	ck_assert_int_eq(monitor->opened, 2);
	ck_assert_int_eq(keeper->opened, 2);
	stand_load(monitor);
	ck_assert_uint_eq(monitor->snap.group.epoch, 1);
	ck_assert_int_eq(monitor->snap.nodes[0].report.state, PGAF_STATE_PRIMARY);
}
END_TEST

START_TEST(a_muted_commit_is_an_unknown_outcome)
{
	struct monitor_log *monitor = stand_monitor();
	struct decision decision;

	stand_node("node1", 5001);
	decision = stand_decision(stand_load(monitor), "who knows");
	memory_store_mute(monitor->store);
	stand_settle(0);
	memory_store_cut(monitor->store, true);
	memory_store_cut(monitor->store, false);
	ck_assert_uint_eq(stand_load(monitor)->group.epoch, 0);

	/* Mute first, then commit: it takes effect, and its answer is lost. */
	memory_store_mute(monitor->store);
	monitor->store->ops->commit(monitor->store, &stand_group, &decision, NULL, monitor);
	stand_settle(0);
	ck_assert_int_eq(monitor->commits, 0);
}
END_TEST

START_TEST(a_restored_copy_forgets)
{
	struct monitor_log *monitor = stand_monitor();
	struct keeper_log *keeper = stand_node("node1", 5001);
	struct memory_store_copy *copy = memory_store_save(stand_memory);
	struct decision decision = stand_decision(stand_load(monitor), "will be forgotten");

	stand_report(keeper, &running, false);
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
	memory_store_restore(stand_memory, copy, 78);
	memory_store_copy_free(copy);
	stand_settle(0);
	ck_assert_uint_eq(monitor->incarnation, 78);
	ck_assert_uint_eq(stand_load(monitor)->group.epoch, 0);
	ck_assert_uint_eq(keeper->orders.incarnation, 78);
}
END_TEST

START_TEST(a_rebuilt_store_is_registered_with_again)
{
	struct monitor_log *monitor = stand_monitor();
	struct memory_store_copy *empty = memory_store_save(stand_memory);
	struct keeper_log *keeper = stand_node("node1", 5001);

	stand_report(keeper, &running, false);
	memory_store_restore(stand_memory, empty, 79);
	memory_store_copy_free(empty);
	stand_settle(0);
	ck_assert_int_eq(keeper->registered_calls, 2);
	ck_assert_int_eq(keeper->registered, 0);
	ck_assert_int_eq(keeper->dropped, 0);
	ck_assert_uint_eq(stand_load(monitor)->count, 1);
	ck_assert(monitor->snap.nodes[0].bootstrap);
}
END_TEST

START_TEST(operators_are_heard)
{
	struct monitor_log *monitor = stand_monitor();
	struct keeper_log *keeper = stand_node("node1", 5001);
	struct request request = {.kind = REQUEST_SWITCHOVER};
	struct settings settings;
	struct decision decision;

	ck_assert_int_eq(memory_store_ask(stand_memory, &stand_group, &request), 0);
	ck_assert_int_eq(memory_store_ask(stand_memory, &stand_group, &request), PGAF_EREFUSED);
	ck_assert_int_eq(stand_load(monitor)->group.request.kind, REQUEST_SWITCHOVER);
	decision = stand_decision(&monitor->snap, "done");
	decision.group.request = (struct request){.kind = REQUEST_NONE};
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
	ck_assert_int_eq(stand_load(monitor)->group.request.kind, REQUEST_NONE);

	/* One that comes after the decision was made stays. */
	decision = stand_decision(&monitor->snap, "of something else");
	ck_assert_int_eq(memory_store_ask(stand_memory, &stand_group, &request), 0);
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
	ck_assert_int_eq(stand_load(monitor)->group.request.kind, REQUEST_SWITCHOVER);

	settings_init(&settings);
	settings.silence_limit = PGAF_SECONDS(9);
	ck_assert_int_eq(memory_store_set_settings(stand_memory, "default", &settings), 0);
	stand_settle(0);
	ck_assert_int_eq(keeper->orders.settings.silence_limit, PGAF_SECONDS(9));
	ck_assert_int_eq(memory_store_drop(stand_memory, 1, false), 0);
	ck_assert_int_eq(memory_store_set_node(stand_memory, 1, 3, false), 0);
	stand_load(monitor);
	ck_assert(monitor->snap.nodes[0].drop_asked && !monitor->snap.nodes[0].quorum);
	ck_assert_uint_eq(monitor->snap.nodes[0].priority, 3);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("memory store");
	TCase *faults = tcase_create("faults");
	SRunner *runner = NULL;
	int failed = 0;

	stand_kind = STAND_MEMORY;
	suite_add_tcase(suite, conformance_case());
	suite_add_tcase(suite, conformance_registration_case());
	tcase_add_checked_fixture(faults, stand_setup, stand_teardown);
	tcase_add_test(faults, a_crash_loses_what_was_not_durable);
	tcase_add_test(faults, a_muted_commit_is_an_unknown_outcome);
	tcase_add_test(faults, a_restored_copy_forgets);
	tcase_add_test(faults, a_rebuilt_store_is_registered_with_again);
	tcase_add_test(faults, operators_are_heard);
	suite_add_tcase(suite, faults);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
