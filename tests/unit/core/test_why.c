/* SPDX-License-Identifier: PostgreSQL */
/*
 * Every answer to every question has words of its own, and every rule says
 * which fact keeps it from applying, with the figures behind that fact.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/decide.h"
#include "core/figures.h"
#include "core/why.h"
#include "unit/core/pair_read.h"
#include "unit/suite.h"

#define SAID_MAX 16384

static struct snapshot snap;
static char said_at[SAID_MAX];
static struct text said;

static void
fresh(void)
{
	text_init(&said, said_at, sizeof(said_at));
}

static void
setup(void)
{
	pair_read(&snap);
	fresh();
}

static void
must_say(const char *words)
{
	ck_assert_msg(strstr(said_at, words) != NULL, "no \"%s\" in\n%s", words, said_at);
}

/* ---- figures ----------------------------------------------------------------------- */

START_TEST(test_sizes_and_times_are_written_for_people)
{
	static const struct {
		uint64_t bytes;
		const char *words;
	} sizes[] = {
		{0, "0 bytes"},
		{1, "1 byte"},
		{1023, "1023 bytes"},
		{1024, "1 kB"},
		{1536, "1.5 kB"},
		{UINT64_C(24) << 20, "24 MB"},
		{UINT64_C(5) << 29, "2.5 GB"},
		{UINT64_MAX, "16777215 TB"},
	};
	static const struct {
		pgaf_time time;
		const char *words;
	} times[] = {
		{-1, "0 ms"},
		{PGAF_MSEC(120), "120 ms"},
		{PGAF_MSEC(2100), "2.1 s"},
		{PGAF_SECONDS(3), "3 s"},
		{PGAF_SECONDS(42), "42 s"},
		{PGAF_SECONDS(180), "3 min"},
		{PGAF_SECONDS(36000), "10 h"},
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fresh();
		say_size(sizes[i].bytes, &said);
		ck_assert_str_eq(said_at, sizes[i].words);
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		fresh();
		say_time(times[i].time, &said);
		ck_assert_str_eq(said_at, times[i].words);
	}
	fresh();
	say_age(NOW, 0, &said);
	ck_assert_str_eq(said_at, "never");
}
END_TEST

START_TEST(test_a_set_is_written_with_the_names_of_its_members)
{
	struct sync_set set = snap.group.possible[0];

	say_set(&snap, &set, &said);
	set.members[set.count++].node = 7;
	say_set(&snap, &set, &said);
	set.count = 0;
	say_set(&snap, &set, &said);
	set.required = 0;
	say_set(&snap, &set, &said);
	set.unknown = true;
	say_set(&snap, &set, &said);
	ck_assert_str_eq(said_at, "version 3 (1 of node2)"
	                          "version 3 (1 of node2, node 7)"
	                          "version 3 (1 of nobody: writes wait)"
	                          "version 3 (asynchronous)"
	                          "version 3 (unknown)");
}
END_TEST

/* ---- every answer ------------------------------------------------------------------- */

static void
say(const struct roles *roles, enum fact fact, unsigned answer)
{
	struct look look = {.snap = &snap, .now = NOW, .roles = *roles};

	look.facts.answer[fact] = (uint8_t)answer;
	fresh();
	fact_say(&look, fact, &said);
}

/* No two answers of a fact read alike, and no place for a name is left open. */
static void
walk_answers(const struct roles *roles)
{
	for (unsigned fact = 0; fact < FACT_COUNT; fact++) {
		char before[2048] = "";

		for (unsigned i = 0; i < fact_answers((enum fact)fact); i++) {
			say(roles, (enum fact)fact, i);
			ck_assert_msg(said.used > 8 && said_at[0] != ',', "%s: %s: \"%s\"",
			              fact_name((enum fact)fact),
			              fact_answer_name((enum fact)fact, i), said_at);
			ck_assert_msg(strchr(said_at, '%') == NULL, "%s", said_at);
			ck_assert_str_ne(said_at, before);
			text_copy(before, sizeof(before), said_at);
		}
	}
}

START_TEST(test_every_answer_has_words_of_its_own)
{
	struct roles roles = {&snap.nodes[0], &snap.nodes[0], &snap.nodes[1], &snap.nodes[1]};

	walk_answers(&roles);
	snap.group.promotion.node = 2;
	snap.group.handover.from = 1;
	snap.group.handover.to = 2;
	snap.group.request.kind = REQUEST_SWITCHOVER;
	snap.group.request.to = 2;
	snap.group.hold_downs = 3;
	snap.nodes[0].report.waiters_ms = 1500;
	snap.nodes[0].session_gone_at = NOW - PGAF_SECONDS(3);
	walk_answers(&roles);
	roles.self = &snap.nodes[1];
	walk_answers(&roles);
}
END_TEST

/* SELF always is a node; the others may be nobody. */
START_TEST(test_every_answer_has_words_without_the_other_roles)
{
	struct roles roles = {.self = &snap.nodes[1]};

	walk_answers(&roles);
	memset(&snap.nodes[1].sighting, 0, sizeof(snap.nodes[1].sighting));
	snap.nodes[1].reported_at = 0;
	snap.group.possible_count = 0;
	walk_answers(&roles);
}
END_TEST

START_TEST(test_a_goal_says_which_rule_gave_it)
{
	struct roles roles = {.self = &snap.nodes[0]};

	say(&roles, FACT_GOAL, PGAF_STATE_PRIMARY);
	ck_assert_str_eq(said_at, "the goal of node1 is primary, given by rule 650 in epoch 9");
	snap.nodes[0].goal.rule = 0;
	say(&roles, FACT_GOAL, PGAF_STATE_PRIMARY);
	ck_assert_str_eq(said_at, "the goal of node1 is primary");
}
END_TEST

START_TEST(test_all_that_keeps_a_standby_from_being_counted_is_named)
{
	struct roles roles = {.self = &snap.nodes[1]};

	snap.nodes[1].report.vetoes = VETO_BIT(RECOVERY_PAUSED) | VETO_BIT(DISK_FULL);
	say(&roles, FACT_FIT, FIT_NO);
	ck_assert_str_eq(said_at,
	                 "node2 could never take over as it is, replay is paused; its disk "
	                 "is full");
}
END_TEST

/* ---- every rule ---------------------------------------------------------------------- */

static uint8_t
some_answer(const struct rule *rule, unsigned fact, bool accepted)
{
	uint8_t answer = 0;

	while (answer < fact_answers((enum fact)fact) &&
	       ((rule->when[fact] & IS(answer)) != 0) != accepted)
		answer++;
	return answer;
}

/* Facts that the rule accepts, as far as it asks for any. */
static void
satisfy(const struct rule *rule, struct facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	for (unsigned fact = 0; fact < FACT_COUNT; fact++)
		if (rule->when[fact] != 0)
			facts->answer[fact] = some_answer(rule, fact, true);
}

START_TEST(test_every_rule_names_the_fact_that_keeps_it_from_applying)
{
	struct roles roles = {&snap.nodes[0], &snap.nodes[0], &snap.nodes[1], NULL};

	for (size_t i = 0; i < rules_count; i++) {
		struct facts facts;

		satisfy(&rules[i], &facts);
		ck_assert_int_eq(rule_first_miss(&rules[i], &facts), FACT_COUNT);
		ck_assert_uint_eq(rule_misses(&rules[i], &facts), 0);
		for (unsigned fact = 0; fact < FACT_COUNT; fact++) {
			uint8_t other = some_answer(&rules[i], fact, false);

			if (rules[i].when[fact] == 0 || other == fact_answers((enum fact)fact))
				continue;
			satisfy(&rules[i], &facts);
			facts.answer[fact] = other;
			ck_assert_int_eq(rule_first_miss(&rules[i], &facts), fact);
			ck_assert_uint_eq(rule_misses(&rules[i], &facts), 1);
			say(&roles, (enum fact)fact, other);
			ck_assert_uint_gt(said.used, 8);
		}
	}
}
END_TEST

/* Each rule of the table stands on exactly one line for each node, whatever the group is like. */
START_TEST(test_every_rule_is_accounted_for_once)
{
	for (unsigned node = 0; node < 2; node++) {
		unsigned found = 0;
		char *rest = NULL;

		fresh();
		explain_rules(&snap, &snap.nodes[node], NOW, &said);
		ck_assert(!said.cut);
		for (char *line = strtok_r(said_at, "\n", &rest); line != NULL;
		     line = strtok_r(NULL, "\n", &rest)) {
			line[strcspn(line, "abcdefghijklmnopqrstuvwxyz")] = '\0';
			for (const char *at = line; *at != '\0'; at += strspn(at, ", ")) {
				ck_assert_ptr_nonnull(rule_by_id((uint32_t)strtoul(at, NULL, 10)));
				at += strcspn(at, ", ");
				found++;
			}
		}
		ck_assert_uint_eq(found, rules_count);
	}
}
END_TEST

START_TEST(test_a_healthy_primary_is_one_fact_away_from_a_failover)
{
	explain_near(&snap, &snap.nodes[0], NOW, &said);
	must_say("400, 402, 404, 406, 408, 410, 422 would apply but PRIMARY_FAULT is none: "
	         "node1 is well, it answered 100 ms ago\n");
	must_say("520, 592 would apply but ASKED is nothing: the operator has asked for nothing\n");
}
END_TEST

START_TEST(test_a_standby_that_lost_wal_says_by_how_much)
{
	snap.nodes[0].report.pg = PG_EXITED;
	snap.nodes[1].report.lsn = 0x2000000;
	explain_near(&snap, &snap.nodes[0], NOW, &said);
	must_say("400 would apply but CANDIDATE is blocked: node2 may not be promoted, it holds "
	         "less than it once reported (0/2000000 < 0/2FFFFFF)\n");
}
END_TEST

START_TEST(test_silence_is_told_with_its_limit)
{
	snap.nodes[0].sighting.answered_at = NOW - PGAF_MSEC(2100);
	snap.listening_since = NOW - PGAF_MSEC(900);
	explain_rules(&snap, &snap.nodes[0], NOW, &said);
	must_say("PRIMARY_FAULT is none: node1 is well, it answered 2.1 s ago");
	snap.listening_since = NOW - PGAF_SECONDS(60);
	snap.nodes[1].priority = 0;
	fresh();
	explain_rules(&snap, &snap.nodes[0], NOW, &said);
	must_say(
		"404 would apply but CANDIDATE is blocked: node2 may not be promoted, its candidate"
		" priority is 0\n");
	must_say(
		"PRIMARY_FAULT is silent: nobody has heard node1, for 2.1 s, the limit is 1.5 s\n");
}
END_TEST

START_TEST(test_a_witness_is_named)
{
	snap.nodes[0].sighting.answered_at = NOW - PGAF_SECONDS(3);
	snap.nodes[1].report.peers[0] = (struct peer_view){.node = 1, .reached = true};
	snap.nodes[1].report.peer_count = 1;
	explain_rules(&snap, &snap.nodes[0], NOW, &said);
	must_say("PRIMARY_FAULT is witnessed: monitor and witness disagree about node1, unheard by "
	         "the monitor, alive for node2\n");
}
END_TEST

START_TEST(test_a_standby_that_is_behind_says_by_how_much)
{
	snap.nodes[0].report.lsn = 0x3000000 + (2 << 20);
	explain_rules(&snap, &snap.nodes[1], NOW, &said);
	must_say("120 does not apply, first of all ASKED is nothing: ");
	must_say("STANDING is listed: node2 streams under its own name, it holds 0/3000000, 2 MB "
	         "behind node1\n");
}
END_TEST

START_TEST(test_every_set_that_is_possible_is_listed)
{
	snap.group.possible[1] = (struct sync_set){.version = 4};
	snap.group.possible_count = 2;
	explain_rules(&snap, &snap.nodes[0], NOW, &said);
	must_say("SETS is changing: the synchronous set is changing, possible: version 3 (1 of "
	         "node2), version 4 (asynchronous)\n");
}
END_TEST

START_TEST(test_a_rule_that_comes_later_says_which_one_is_first)
{
	snap.nodes[0].report.pg = PG_EXITED;
	snap.group.request.kind = REQUEST_FAILOVER;
	explain_rules(&snap, &snap.nodes[0], NOW, &said);
	must_say("530 would apply but rule 400 comes first\n");
}
END_TEST

/* ---- blockers -------------------------------------------------------------------------- */

START_TEST(test_all_blockers_are_named)
{
	struct node *standby = &snap.nodes[1];

	blockers_say(&snap, standby, NOW, &said);
	ck_assert_str_eq(said_at, "");
	standby->session = SESSION_GONE;
	standby->goal.state = PGAF_STATE_CATCHINGUP;
	standby->goal.epoch = 99;
	standby->report.vetoes = VETO_BIT(RECOVERY_PAUSED) | VETO_BIT(DISK_FULL);
	snap.group.possible[0].required = 0;
	blockers_say(&snap, standby, NOW, &said);
	ck_assert_str_eq(
		said_at,
		"its keeper is not connected; it has not accepted its goal yet; its goal "
		"is catchingup, not secondary; replay is paused; its disk is full; commits "
		"may have been acknowledged without waiting for a standby");
	fresh();
	standby->reported_at = 0;
	standby->report.pg = PG_EXITED;
	blockers_say(&snap, standby, NOW, &said);
	must_say("it has not reported to this monitor yet");
	must_say("its Postgres is exited");
}
END_TEST

START_TEST(test_a_standby_that_is_not_heard_is_blocked)
{
	struct node *standby = &snap.nodes[1];

	standby->sighting.answered_at = NOW - PGAF_SECONDS(3);
	blockers_say(&snap, standby, NOW, &said);
	ck_assert_str_eq(said_at, "nothing is heard of its Postgres");
	fresh();
	standby->sighting.gone_at = NOW;
	standby->session = SESSION_GONE;
	blockers_say(&snap, standby, NOW, &said);
	ck_assert_str_eq(said_at, "its keeper is not connected; its Postgres has ended");
}
END_TEST

/* Of several the fullest, and only those that detached in this epoch. */
START_TEST(test_of_those_that_hold_more_the_fullest_is_named)
{
	static const pgaf_lsn held[] = {1 << 20, 0, 3 << 20, 2 << 20};
	struct sync_set *set = &snap.group.possible[0];

	pair_grow(&snap, 4);
	snap.nodes[0].admission = 4;
	for (unsigned i = 0; i < 4; i++) {
		struct node *node = &snap.nodes[i];

		set->members[i] = (struct member){node->id, node->admission};
		node->report.detached_epoch = held[i] != 0 ? 10 : 0;
		node->report.detached_lsn = 0x3000000 + held[i];
	}
	set->count = 4;
	blockers_say(&snap, &snap.nodes[1], NOW, &said);
	ck_assert_str_eq(said_at, "it holds less than node3, by 3 MB");
	fresh();
	snap.nodes[2].report.detached_epoch = 9;
	blockers_say(&snap, &snap.nodes[1], NOW, &said);
	ck_assert_str_eq(said_at, "it holds less than node4, by 2 MB");
}
END_TEST

START_TEST(test_who_holds_more_is_named_with_the_difference)
{
	struct sync_set *set = &snap.group.possible[0];

	set->members[set->count++] = (struct member){1, 4};
	snap.nodes[0].admission = 4;
	blockers_say(&snap, &snap.nodes[1], NOW, &said);
	must_say("more members must be heard");
	fresh();
	snap.nodes[0].report.detached_epoch = 10;
	snap.nodes[0].report.detached_lsn = 0x3000000 + (24 << 20);
	blockers_say(&snap, &snap.nodes[1], NOW, &said);
	ck_assert_str_eq(said_at, "it holds less than node1, by 24 MB");
}
END_TEST

/* ---- the group ------------------------------------------------------------------------- */

/* One line that names the primary, whatever it reports and should be. */
START_TEST(test_the_group_has_a_sentence_in_every_state)
{
	for (unsigned goal = 0; goal < PGAF_STATE_COUNT; goal++) {
		for (unsigned reported = 0; reported < PGAF_STATE_COUNT; reported++) {
			snap.nodes[0].goal.state = (enum pgaf_state)goal;
			snap.nodes[0].report.state = (enum pgaf_state)reported;
			fresh();
			explain_group_state(&snap, NOW, &said);
			must_say("node1 ");
			must_say(pgaf_state_name((enum pgaf_state)goal));
			must_say(pgaf_state_name((enum pgaf_state)reported));
			ck_assert_ptr_eq(strchr(said_at, '\n'), said_at + said.used - 1);
		}
	}
}
END_TEST

START_TEST(test_the_group_says_whom_commits_wait_for)
{
	struct sync_set *set = &snap.nodes[0].goal.set;

	explain_group_state(&snap, NOW, &said);
	ck_assert_str_eq(said_at,
	                 "node1 is the primary and accepts writes (reports primary, should "
	                 "be primary, health ok); each commit waits for 1 of node2\n");
	set->members[set->count++].node = 7;
	explain_group_state(&snap, NOW, &said);
	must_say("; each commit waits for 1 of node2, node 7\n");
	set->count = 0;
	explain_group_state(&snap, NOW, &said);
	must_say("; commits wait until there is a standby\n");
	set->required = 0;
	explain_group_state(&snap, NOW, &said);
	must_say("; no commit waits for a standby, so none could replace it with proof\n");
	set->unknown = true;
	explain_group_state(&snap, NOW, &said);
	must_say("; it is not known whom commits wait for\n");
	snap.count = 1;
	explain_group_state(&snap, NOW, &said);
	must_say("; it is the only node\n");
}
END_TEST

/* It accepts writes when its keeper is there and says so. */
START_TEST(test_a_primary_is_not_known_to_accept_writes_without_its_word)
{
	struct node *primary = &snap.nodes[0];

	primary->session = SESSION_GONE;
	explain_group_state(&snap, NOW, &said);
	must_say("node1 should be the primary and is not known to accept writes (reports primary,");
	primary->session = SESSION_OPEN;
	primary->report.pg = PG_STARTING;
	fresh();
	explain_group_state(&snap, NOW, &said);
	must_say("node1 should be the primary and is not known to accept writes (reports primary,");
}
END_TEST

START_TEST(test_what_is_under_way_is_said_first)
{
	snap.group.handover.from = 1;
	snap.group.handover.to = 2;
	explain_group_state(&snap, NOW, &said);
	must_say("node1 hands over to node2 and accepts no more writes\n");
	snap.group.promotion = (struct promotion){.node = 2, .from = 1, .timeline = 2};
	explain_group_state(&snap, NOW, &said);
	must_say("writes wait: node2 was chosen for timeline 2 in place of node1\n");
	snap.group.promotion.claimed = true;
	explain_group_state(&snap, NOW, &said);
	must_say("writes wait: node2 is being promoted onto timeline 2 in place of node1\n");
	snap.group.promotion.from = 0;
	explain_group_state(&snap, NOW, &said);
	must_say("writes wait: node2 is being promoted onto timeline 2\n");
	snap.group.recovering = true;
	snap.group.promotion.node = snap.group.handover.from = 0;
	snap.group.primary = 0;
	explain_group_state(&snap, NOW, &said);
	must_say("the store forgot decisions");
	must_say("the group has no primary: it is waiting for the node with its data\n");
	snap.group.system_identifier = 0;
	explain_group_state(&snap, NOW, &said);
	must_say("the group has no primary yet: it is waiting for its first\n");
	snap.count = 0;
	explain_group_state(&snap, NOW, &said);
	must_say("the group has no nodes\n");
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("why");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, test_sizes_and_times_are_written_for_people);
	tcase_add_test(tcase, test_a_set_is_written_with_the_names_of_its_members);
	tcase_add_test(tcase, test_every_answer_has_words_of_its_own);
	tcase_add_test(tcase, test_every_answer_has_words_without_the_other_roles);
	tcase_add_test(tcase, test_a_goal_says_which_rule_gave_it);
	tcase_add_test(tcase, test_all_that_keeps_a_standby_from_being_counted_is_named);
	tcase_add_test(tcase, test_every_rule_names_the_fact_that_keeps_it_from_applying);
	tcase_add_test(tcase, test_every_rule_is_accounted_for_once);
	tcase_add_test(tcase, test_a_healthy_primary_is_one_fact_away_from_a_failover);
	tcase_add_test(tcase, test_a_standby_that_lost_wal_says_by_how_much);
	tcase_add_test(tcase, test_silence_is_told_with_its_limit);
	tcase_add_test(tcase, test_a_witness_is_named);
	tcase_add_test(tcase, test_a_standby_that_is_behind_says_by_how_much);
	tcase_add_test(tcase, test_every_set_that_is_possible_is_listed);
	tcase_add_test(tcase, test_a_standby_that_is_not_heard_is_blocked);
	tcase_add_test(tcase, test_of_those_that_hold_more_the_fullest_is_named);
	tcase_add_test(tcase, test_a_rule_that_comes_later_says_which_one_is_first);
	tcase_add_test(tcase, test_all_blockers_are_named);
	tcase_add_test(tcase, test_who_holds_more_is_named_with_the_difference);
	tcase_add_test(tcase, test_the_group_has_a_sentence_in_every_state);
	tcase_add_test(tcase, test_the_group_says_whom_commits_wait_for);
	tcase_add_test(tcase, test_a_primary_is_not_known_to_accept_writes_without_its_word);
	tcase_add_test(tcase, test_what_is_under_way_is_said_first);
	return suite_run("why", tcase);
}
