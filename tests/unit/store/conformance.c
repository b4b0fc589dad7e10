/* SPDX-License-Identifier: PostgreSQL */
/* Groups, decisions, claims, reports, sessions: the same for every store. */

#include "unit/store/conformance.h"

#include <stdio.h>
#include <string.h>

#include "base/pure/text.h"
#include "unit/store/stand.h"

static struct report
standing_report(void)
{
	struct report report = {
		.state = PGAF_STATE_SECONDARY,
		.run = 5,
		.pg = PG_STANDBY,
		.lsn = 1000,
		.lsn_complete = true,
		.has_data = true,
		.peer_count = 1,
		.peers = {{.node = 2, .reached = true, .age_ms = 40}},
	};

	return report;
}

START_TEST(a_group_comes_with_its_first_node)
{
	struct monitor_log *monitor = stand_monitor();
	const struct snapshot *snap = NULL;
	struct keeper_log *keeper = NULL;

	stand_wait(&monitor->opened, 1, "the store");
	ck_assert(monitor->age >= 0);
	keeper = stand_node("node1", 5001);
	ck_assert_uint_eq(keeper->answer.node_id, 1);
	ck_assert_uint_ge(strlen(keeper->answer.token), 32);
	ck_assert_str_ne(keeper->answer.replicator_password, "");
	ck_assert_str_ne(keeper->answer.probe_password, "");
	ck_assert_uint_eq(keeper->answer.incarnation, monitor->incarnation);
	stand_wait(&monitor->changed, 1, "a hint");

	snap = stand_load(monitor);
	ck_assert_str_eq(snap->group.formation, "default");
	ck_assert_uint_eq(snap->group.incarnation, monitor->incarnation);
	ck_assert_uint_eq(snap->count, 1);
	ck_assert_str_eq(snap->nodes[0].name, "node1");
	ck_assert_str_eq(snap->nodes[0].host, "127.0.0.1");
	ck_assert_uint_eq(snap->nodes[0].port, 5001);
	ck_assert_uint_eq(snap->nodes[0].priority, 50);
	ck_assert(snap->nodes[0].quorum && snap->nodes[0].bootstrap);
	ck_assert_int_eq(snap->group.settings.probe_interval, PGAF_MSEC(250));
	ck_assert_uint_eq(stand_sessions(monitor), 1);
}
END_TEST

START_TEST(a_decision_is_written_whole_and_once)
{
	struct monitor_log *monitor = stand_monitor();
	struct keeper_log *keeper = stand_node("node1", 5001);
	struct decision decision;
	const struct snapshot *snap = NULL;

	stand_wait(&monitor->opened, 1, "the store");
	decision = stand_decision(stand_load(monitor), "node \"node1\" isn't alone\\");
	decision.group.primary = 1;
	decision.group.timeline = 3;
	decision.group.system_identifier = UINT64_MAX - 5;
	decision.group.high_lsn = 0x123456789a;
	decision.group.possible_count = 1;
	decision.group.possible[0] = (struct sync_set){
		.version = 4,
		.required = 1,
		.count = 1,
		.members = {{.node = 1, .admission = 2}},
	};
	decision.assignment_count = 1;
	decision.assignments[0].node = 1;
	decision.assignments[0].goal = (struct goal){
		.state = PGAF_STATE_SINGLE,
		.epoch = 1,
		.rule = 100,
		.min_lsn = 77,
	};
	decision.admission_count = 1;
	decision.admissions[0].node = 1;
	decision.admissions[0].admission = 9;
	decision.admissions[0].high_lsn = 0x99;
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
	ck_assert_int_eq(stand_commit(monitor, &decision), PGAF_ESTALE);

	snap = stand_load(monitor);
	ck_assert_uint_eq(snap->group.epoch, 1);
	ck_assert_uint_eq(snap->group.system_identifier, UINT64_MAX - 5);
	ck_assert_uint_eq(snap->group.high_lsn, 0x123456789a);
	ck_assert_uint_eq(snap->group.possible_count, 1);
	ck_assert_uint_eq(snap->group.possible[0].members[0].admission, 2);
	ck_assert_uint_eq(snap->nodes[0].admission, 9);
	ck_assert_uint_eq(snap->nodes[0].high_lsn, 0x99);
	ck_assert_int_eq(snap->nodes[0].goal.state, PGAF_STATE_SINGLE);
	ck_assert_uint_eq(snap->nodes[0].goal.min_lsn, 77);

	/* The keeper was told without asking. */
	stand_wait(&keeper->orders_calls, 2, "pushed orders");
	ck_assert_uint_eq(keeper->orders.epoch, 1);
	ck_assert_int_eq(keeper->orders.goal.state, PGAF_STATE_SINGLE);
	ck_assert_uint_eq(keeper->orders.primary, 1);
	ck_assert_uint_eq(keeper->orders.timeline, 3);
	ck_assert_uint_eq(keeper->orders.high_lsn, 0x123456789a);
	ck_assert_uint_eq(keeper->orders.system_identifier, UINT64_MAX - 5);
	ck_assert_uint_eq(keeper->orders.incarnation, monitor->incarnation);
}
END_TEST

static void
order_promotion(struct monitor_log *monitor, pgaf_node_id node)
{
	struct decision decision = stand_decision(stand_load(monitor), "promotion");

	decision.group.promotion = (struct promotion){
		.node = node,
		.from = 1,
		.epoch = decision.group.epoch,
		.timeline = 2,
	};
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
}

START_TEST(a_claim_and_a_decision_exclude_each_other)
{
	struct monitor_log *monitor = stand_monitor();
	struct keeper_log *one = stand_node("node1", 5001);
	struct keeper_log *two = stand_node("node2", 5002);
	struct decision stale;
	struct decision fresh;
	uint64_t epoch = 0;

	stand_wait(&monitor->opened, 1, "the store");
	order_promotion(monitor, 2);
	epoch = monitor->snap.group.epoch + 1;
	stale = stand_decision(stand_load(monitor), "made before the claim");
	ck_assert(!stand_claim(one, epoch));
	ck_assert(!stand_claim(two, epoch - 1));
	ck_assert(stand_claim(two, epoch));
	ck_assert(stand_claim(two, epoch));
	ck_assert_int_eq(stand_commit(monitor, &stale), PGAF_ESTALE);

	fresh = stand_decision(stand_load(monitor), "another is chosen with proof");
	ck_assert(fresh.from_claimed);
	fresh.group.promotion = (struct promotion){.node = 1, .epoch = fresh.group.epoch};
	ck_assert_int_eq(stand_commit(monitor, &fresh), 0);
	ck_assert(!stand_claim(two, epoch));
	ck_assert(!stand_load(monitor)->group.promotion.claimed);
	stand_settle(PGAF_MSEC(50));
	ck_assert(!two->orders.claimed);
}
END_TEST

START_TEST(a_claim_is_in_the_orders)
{
	struct monitor_log *monitor = stand_monitor();
	struct keeper_log *one = stand_node("node1", 5001);
	struct keeper_log *two = stand_node("node2", 5002);
	struct report report = standing_report();

	stand_wait(&monitor->opened, 1, "the store");
	order_promotion(monitor, 2);
	ck_assert(stand_claim(two, monitor->snap.group.epoch + 1));
	stand_report(one, &report, false);
	stand_report(two, &report, false);
	stand_settle(PGAF_MSEC(50));
	ck_assert(two->orders.claimed);
	ck_assert(!one->orders.claimed);
	ck_assert_uint_eq(two->orders.peer_count, 1);
	ck_assert_str_eq(two->orders.peers[0].name, "node1");
	ck_assert_uint_eq(two->orders.peers[0].port, 5001);
	ck_assert_uint_eq(two->orders.peers[0].http_port, 8008);
}
END_TEST

START_TEST(new_facts_are_told_and_heartbeats_are_found)
{
	struct monitor_log *monitor = stand_monitor();
	struct keeper_log *keeper = stand_node("node1", 5001);
	struct report report = standing_report();
	int told = 0;

	stand_wait(&monitor->opened, 1, "the store");
	stand_load(monitor);
	ck_assert_int_eq(stand_reports(monitor), 0);

	stand_report(keeper, &report, false);
	stand_wait(&monitor->reported, 1, "the hint");
	ck_assert_int_eq(stand_reports(monitor), 1);
	ck_assert_uint_eq(monitor->reporter, 1);
	ck_assert_uint_eq(monitor->report.lsn, 1000);
	ck_assert_uint_ge(monitor->report.peers[0].age_ms, 40);
	ck_assert_int_eq(stand_reports(monitor), 0);
	told = monitor->reported;

	/* The same again: no hint, but whoever asks hears that it was said. */
	stand_report(keeper, &report, false);
	report.lsn = 2000;
	report.peers[0].age_ms = 90;
	stand_report(keeper, &report, false);
	stand_settle(PGAF_MSEC(50));
	ck_assert_int_eq(monitor->reported, told);
	ck_assert_int_eq(stand_reports(monitor), 1);
	ck_assert_uint_eq(monitor->report.lsn, 2000);
	ck_assert_int_eq(stand_reports(monitor), 0);

	stand_report(keeper, &report, true);
	stand_wait(&monitor->reported, told + 1, "the hint of an urgent one");
	report.pg = PG_EXITED;
	stand_report(keeper, &report, false);
	stand_wait(&monitor->reported, told + 2, "the hint of a new fact");
	ck_assert_int_eq(stand_load(monitor)->nodes[0].report.pg, PG_EXITED);
	ck_assert_int_eq(stand_reports(monitor), 0);
}
END_TEST

START_TEST(the_newest_report_wins)
{
	struct monitor_log *monitor = stand_monitor();
	struct keeper_log *keeper = stand_node("node1", 5001);
	struct report report = standing_report();

	stand_wait(&monitor->opened, 1, "the store");
	for (pgaf_lsn lsn = 1; lsn <= 50; lsn++) {
		report.lsn = lsn;
		report.detached_epoch = lsn;
		keeper->link->ops->report(keeper->link, &report, lsn == 25);
	}
	stand_wait(&keeper->answered, 1, "an answer");
	ck_assert(!keeper->answered_newest);
	stand_wait(&keeper->answered, 2, "two answers");
	stand_settle(PGAF_MSEC(50));
	ck_assert_uint_eq(stand_load(monitor)->nodes[0].report.lsn, 50);
	ck_assert_uint_eq(stand_load(monitor)->nodes[0].report.detached_epoch, 50);
}
END_TEST

static bool
one_session(void *ctx)
{
	return stand_sessions(ctx) == 1;
}

START_TEST(a_lost_session_is_made_again)
{
	struct monitor_log *monitor = stand_monitor();
	struct keeper_log *one = stand_node("node1", 5001);
	struct keeper_log *two = stand_node("node2", 5002);
	struct report report = standing_report();
	struct decision decision;
	int orders = 0;

	stand_wait(&monitor->opened, 1, "the store");
	ck_assert_uint_eq(stand_sessions(monitor), 2);
	stand_cut(one);
	ck_assert_uint_eq(stand_sessions(monitor), 2);
	stand_report(one, &report, false);
	stand_settle(PGAF_MSEC(50));
	orders = one->orders_calls;
	decision = stand_decision(stand_load(monitor), "listens again");
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
	stand_wait(&one->orders_calls, orders + 1, "pushed orders");
	ck_assert_uint_eq(one->orders.epoch, 1);
	ck_assert_int_eq(one->registered_calls, 1);

	stand_free_keeper(two);
	stand_wait_true(one_session, monitor, "the end of the session");
}
END_TEST

/* What a keeper asks for, and that it is back, says nothing of its node: only a report does. The
 * store in memory has no clock. */
START_TEST(only_a_report_is_fresh)
{
	struct monitor_log *monitor = stand_monitor();
	struct keeper_log *keeper = stand_node("node1", 5001);
	struct report report = standing_report();
	uint32_t waited = stand_kind == STAND_MEMORY ? 0 : 60;
	struct decision decision;
	int orders = 0;

	stand_wait(&monitor->opened, 1, "the store");
	stand_report(keeper, &report, false);
	stand_wait(&keeper->answered, 1, "the answer");
	stand_settle(PGAF_MSEC(60));
	orders = keeper->orders_calls;
	decision = stand_decision(stand_load(monitor), "asks for its orders");
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
	stand_wait(&keeper->orders_calls, orders + 1, "pushed orders");
	ck_assert_uint_ge(stand_load(monitor)->nodes[0].report.peers[0].age_ms, 40 + waited);

	stand_cut(keeper);
	ck_assert_uint_eq(stand_sessions(monitor), 1);
	ck_assert_uint_ge(stand_load(monitor)->nodes[0].report.peers[0].age_ms, 40 + waited);
}
END_TEST

START_TEST(what_happens_while_cut_off_is_read_afterwards)
{
	struct monitor_log *monitor = stand_monitor();
	struct keeper_log *keeper = stand_node("node1", 5001);
	struct decision decision;

	stand_wait(&monitor->opened, 1, "the store");
	decision = stand_decision(stand_load(monitor), "while nobody listens");
	decision.assignment_count = 1;
	decision.assignments[0].node = 1;
	decision.assignments[0].goal = (struct goal){.state = PGAF_STATE_DRAINING, .epoch = 1};
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
	stand_cut(keeper);
	stand_settle(PGAF_MSEC(50));
	ck_assert_int_eq(keeper->orders.goal.state, PGAF_STATE_DRAINING);
}
END_TEST

START_TEST(a_dropped_node_is_told)
{
	struct monitor_log *monitor = stand_monitor();
	struct keeper_log *one = stand_node("node1", 5001);
	struct keeper_log *two = stand_node("node2", 5002);
	struct link_registration registration = stand_registration("node2", 5002);
	struct report report = standing_report();
	struct decision decision;
	struct keeper_log *again = NULL;

	stand_wait(&monitor->opened, 1, "the store");
	decision = stand_decision(stand_load(monitor), "drop");
	decision.removed = 2;
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
	ck_assert_uint_eq(stand_load(monitor)->count, 1);
	two->link->ops->report(two->link, &report, false);
	stand_wait(&two->dropped, 1, "the word");
	stand_report(one, &report, false);
	ck_assert_int_eq(one->dropped, 0);
	stand_settle(PGAF_MSEC(50));
	ck_assert_uint_eq(one->orders.peer_count, 0);

	registration.node_id = 2;
	text_copy(registration.token, sizeof(registration.token), two->answer.token);
	again = stand_keeper();
	ck_assert_int_eq(stand_enroll(again, &registration), PGAF_EREFUSED);
	ck_assert_ptr_nonnull(strstr(again->error.text, "was dropped"));
	registration.rejoin = true;
	ck_assert_int_eq(stand_enroll(again, &registration), 0);
	ck_assert_uint_eq(again->answer.node_id, 3);
}
END_TEST

TCase *
conformance_case(void)
{
	TCase *tcase = tcase_create("conformance");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, stand_setup, stand_teardown);
	tcase_add_test(tcase, a_group_comes_with_its_first_node);
	tcase_add_test(tcase, a_decision_is_written_whole_and_once);
	tcase_add_test(tcase, a_claim_and_a_decision_exclude_each_other);
	tcase_add_test(tcase, a_claim_is_in_the_orders);
	tcase_add_test(tcase, new_facts_are_told_and_heartbeats_are_found);
	tcase_add_test(tcase, the_newest_report_wins);
	tcase_add_test(tcase, a_lost_session_is_made_again);
	tcase_add_test(tcase, only_a_report_is_fresh);
	tcase_add_test(tcase, what_happens_while_cut_off_is_read_afterwards);
	tcase_add_test(tcase, a_dropped_node_is_told);
	return tcase;
}
