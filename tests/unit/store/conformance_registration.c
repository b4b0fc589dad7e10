/* SPDX-License-Identifier: PostgreSQL */
/* Who may register as what: the same for every store. */

#include <stdio.h>
#include <string.h>

#include "base/pure/text.h"
#include "unit/store/conformance.h"
#include "unit/store/stand.h"

static const struct report lived = {.state = PGAF_STATE_SECONDARY, .run = 1, .has_data = true};

/* A new keeper with this registration: its answer. */
static int
try(const struct link_registration *registration, struct keeper_log **keeper)
{
	struct keeper_log *log = stand_keeper();
	int result = stand_enroll(log, registration);

	if (keeper)
		*keeper = log;
	return result;
}

static void
refused(const struct link_registration *registration, int code, const char *word)
{
	struct keeper_log *keeper = NULL;

	ck_assert_int_eq(try(registration, &keeper), code);
	ck_assert_msg(strstr(keeper->error.text, word), "%s in: %s", word, keeper->error.text);
	stand_free_keeper(keeper);
}

static struct monitor_log *
open_monitor(void)
{
	struct monitor_log *monitor = stand_monitor();

	stand_wait(&monitor->opened, 1, "the store");
	return monitor;
}

static void
make_primary(struct monitor_log *monitor, pgaf_node_id node)
{
	struct decision decision = stand_decision(stand_load(monitor), "primary");

	decision.group.primary = node;
	decision.group.possible_count = 1;
	decision.group.possible[0] = (struct sync_set){.version = 1};
	decision.group.system_identifier = 4242;
	ck_assert_int_eq(stand_commit(monitor, &decision), 0);
}

START_TEST(a_live_node_keeps_name_and_address)
{
	struct link_registration registration = stand_registration("node1", 5009);

	open_monitor();
	stand_node("node1", 5001);
	refused(&registration, PGAF_EREFUSED, "node 1 \"node1\"");
	registration = stand_registration("other", 5001);
	refused(&registration, PGAF_EREFUSED, "node 1 \"node1\"");
	registration = stand_registration("node1", 5001);
	refused(&registration, PGAF_EREFUSED, "node 1 \"node1\"");
	registration = stand_registration("node2", 5002);
	ck_assert_int_eq(try(&registration, NULL), 0);
}
END_TEST

START_TEST(a_known_node_comes_back)
{
	struct link_registration registration = stand_registration("node1", 5001);
	struct monitor_log *monitor = open_monitor();
	struct keeper_log *first = stand_node("node1", 5001);
	struct keeper_log *again = NULL;

	registration.node_id = first->answer.node_id;
	text_copy(registration.token, sizeof(registration.token), first->answer.token);
	registration.has_data = true;
	stand_report(first, &lived, false);
	stand_free_keeper(first);
	registration.port = 5011;
	registration.priority = 7;
	ck_assert_int_eq(try(&registration, &again), 0);
	ck_assert_uint_eq(again->answer.node_id, 1);
	ck_assert_uint_eq(stand_load(monitor)->count, 1);
	ck_assert_uint_eq(monitor->snap.nodes[0].port, 5011);
	/* What an operator may have set since is not taken back. */
	ck_assert_uint_eq(monitor->snap.nodes[0].priority, 50);
	ck_assert_int_eq(monitor->snap.nodes[0].report.state, PGAF_STATE_SECONDARY);
}
END_TEST

START_TEST(an_identity_is_not_shared)
{
	struct link_registration registration = stand_registration("node1", 5011);
	struct keeper_log *keeper = NULL;

	open_monitor();
	keeper = stand_node("node1", 5001);
	registration.node_id = 1;
	text_copy(registration.token, sizeof(registration.token), keeper->answer.token);
	refused(&registration, PGAF_EREFUSED, "two keepers have one identity");
}
END_TEST

START_TEST(another_nodes_token_is_wrong)
{
	struct link_registration registration = stand_registration("node1", 5001);
	struct keeper_log *one = NULL;
	struct keeper_log *two = NULL;

	open_monitor();
	one = stand_node("node1", 5001);
	two = stand_node("node2", 5002);
	registration.node_id = one->answer.node_id;
	text_copy(registration.token, sizeof(registration.token), two->answer.token);
	stand_free_keeper(one);
	refused(&registration, PGAF_EAUTH, "not the token of node 1");
}
END_TEST

START_TEST(a_registration_that_was_never_used_is_taken_over)
{
	struct link_registration registration = stand_registration("node1", 5001);
	struct keeper_log *again = NULL;

	open_monitor();
	stand_free_keeper(stand_node("node1", 5001));
	ck_assert_int_eq(try(&registration, &again), 0);
	ck_assert_uint_eq(again->answer.node_id, 1);
}
END_TEST

START_TEST(a_lost_standby_is_replaced)
{
	struct link_registration registration = stand_registration("node2", 5002);
	struct monitor_log *monitor = open_monitor();
	struct keeper_log *one = stand_node("node1", 5001);
	struct keeper_log *two = stand_node("node2", 5002);
	struct keeper_log *again = NULL;
	uint64_t epoch = 0;

	make_primary(monitor, 1);
	epoch = stand_load(monitor)->group.epoch;
	stand_report(one, &lived, false);
	stand_report(two, &lived, false);
	stand_free_keeper(two);
	registration.port = 5003;
	refused(&registration, PGAF_EREFUSED, "node 2 \"node2\"");
	registration.port = 5002;
	registration.has_data = true;
	registration.system_identifier = 4242;
	refused(&registration, PGAF_EREFUSED, "node 2 \"node2\"");
	registration.has_data = false;
	registration.system_identifier = 0;
	ck_assert_int_eq(try(&registration, &again), 0);
	ck_assert_uint_eq(again->answer.node_id, 3);
	ck_assert_uint_eq(stand_load(monitor)->count, 2);
	/* A decision that still counts on the old one is stale. */
	ck_assert_uint_eq(monitor->snap.group.epoch, epoch + 1);
}
END_TEST

START_TEST(what_may_hold_commits_is_not_replaced)
{
	struct link_registration first = stand_registration("node1", 5001);
	struct link_registration second = stand_registration("node2", 5002);
	struct monitor_log *monitor = open_monitor();
	struct keeper_log *one = stand_node("node1", 5001);
	struct keeper_log *two = stand_node("node2", 5002);

	make_primary(monitor, 1);
	stand_report(one, &lived, false);
	stand_report(two, &lived, false);
	stand_free_keeper(one);
	refused(&first, PGAF_EREFUSED, "node 1 \"node1\"");
	stand_free_keeper(two);
	refused(&second, PGAF_EREFUSED, "node 2 \"node2\"");
}
END_TEST

START_TEST(foreign_data_stays_out)
{
	struct link_registration registration = stand_registration("node2", 5002);
	struct monitor_log *monitor = open_monitor();

	stand_node("node1", 5001);
	make_primary(monitor, 1);
	registration.has_data = true;
	registration.system_identifier = UINT64_MAX - 1;
	refused(&registration, PGAF_EREFUSED, "18446744073709551614");
	registration.system_identifier = 4242;
	ck_assert_int_eq(try(&registration, NULL), 0);
}
END_TEST

START_TEST(two_foreign_ones_do_not_meet)
{
	struct link_registration registration = stand_registration("node1", 5001);

	open_monitor();
	registration.has_data = true;
	registration.system_identifier = 1;
	ck_assert_int_eq(try(&registration, NULL), 0);
	registration = stand_registration("node2", 5002);
	registration.has_data = true;
	registration.system_identifier = 2;
	refused(&registration, PGAF_EREFUSED, "another cluster");
}
END_TEST

/* The member, not the newcomer, may be the first in a store that was made anew. */
START_TEST(who_may_be_the_first)
{
	struct monitor_log *monitor = open_monitor();
	struct link_registration registration = stand_registration("node1", 5001);

	registration.was_member = true;
	ck_assert_int_eq(try(&registration, NULL), 0);
	registration = stand_registration("node2", 5002);
	registration.bootstrap = false;
	registration.was_member = true;
	registration.has_data = true;
	registration.system_identifier = 4242;
	ck_assert_int_eq(try(&registration, NULL), 0);
	stand_load(monitor);
	ck_assert(!monitor->snap.nodes[0].bootstrap);
	ck_assert(monitor->snap.nodes[1].bootstrap);
}
END_TEST

START_TEST(who_may_never_be_the_first)
{
	struct monitor_log *monitor = open_monitor();
	struct link_registration registration = stand_registration("node1", 5001);

	registration.bootstrap = false;
	ck_assert_int_eq(try(&registration, NULL), 0);
	stand_load(monitor);
	ck_assert(!monitor->snap.nodes[0].bootstrap);
}
END_TEST

START_TEST(a_group_has_room_for_a_pair)
{
	char name[16];

	open_monitor();
	for (uint32_t i = 1; i <= GROUP_NODES_SERVED; i++) {
		snprintf(name, sizeof(name), "node%u", i);
		stand_node(name, 5000 + i);
	}
	struct link_registration registration = stand_registration("one-more", 5050);
	refused(&registration, PGAF_EREFUSED, "is full");
}
END_TEST

TCase *
conformance_registration_case(void)
{
	TCase *tcase = tcase_create("registration");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, stand_setup, stand_teardown);
	tcase_add_test(tcase, a_live_node_keeps_name_and_address);
	tcase_add_test(tcase, a_known_node_comes_back);
	tcase_add_test(tcase, an_identity_is_not_shared);
	tcase_add_test(tcase, another_nodes_token_is_wrong);
	tcase_add_test(tcase, a_registration_that_was_never_used_is_taken_over);
	tcase_add_test(tcase, a_lost_standby_is_replaced);
	tcase_add_test(tcase, what_may_hold_commits_is_not_replaced);
	tcase_add_test(tcase, foreign_data_stays_out);
	tcase_add_test(tcase, two_foreign_ones_do_not_meet);
	tcase_add_test(tcase, who_may_be_the_first);
	tcase_add_test(tcase, who_may_never_be_the_first);
	tcase_add_test(tcase, a_group_has_room_for_a_pair);
	return tcase;
}
