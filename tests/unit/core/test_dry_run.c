/* SPDX-License-Identifier: PostgreSQL */
/*
 * A dry run decides as the monitor would, changes nothing, and says on what
 * proof, how long writes would wait and what would be lost.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/dry_run.h"
#include "unit/core/pair_read.h"
#include "unit/suite.h"

#define SAID_MAX 8192

static struct snapshot snap;
static struct snapshot before;
static struct dry_run run;
static char said_at[SAID_MAX];
static struct text said;

static void
setup(void)
{
	pair_read(&snap);
}

static void
fresh(void)
{
	text_init(&said, said_at, sizeof(said_at));
}

static void
must_say(const char *words)
{
	ck_assert_msg(strstr(said_at, words) != NULL, "no \"%s\" in\n%s", words, said_at);
}

static void
must_not_say(const char *words)
{
	ck_assert_msg(strstr(said_at, words) == NULL, "\"%s\" in\n%s", words, said_at);
}

/* With the promise that belongs to the name: the snapshot is as it was. */
static void
ask(enum request_kind kind, bool allow_loss)
{
	struct request request = {.kind = kind, .allow_loss = allow_loss};

	memcpy(&before, &snap, sizeof(snap));
	dry_run_request(&snap, NOW, &request, &run);
	ck_assert_int_eq(memcmp(&before, &snap, sizeof(snap)), 0);
}

static void
ask_drop(pgaf_node_id node, bool force)
{
	memcpy(&before, &snap, sizeof(snap));
	dry_run_drop(&snap, NOW, node, force, &run);
	ck_assert_int_eq(memcmp(&before, &snap, sizeof(snap)), 0);
}

static struct dry_loss
lost(void)
{
	fresh();
	return dry_run_loss(&run, NOW, &said);
}

static void
plan(void)
{
	fresh();
	dry_run_plan(&run, NOW, &said);
}

static void
proof(void)
{
	fresh();
	dry_run_proof(&run, NOW, &said);
}

/* The pair as a primary that commits without waiting, and is gone. */
static void
gone_and_asynchronous(void)
{
	snap.group.possible[0] = (struct sync_set){.version = 4};
	snap.nodes[0].goal.set = snap.group.possible[0];
	snap.nodes[0].goal.state = PGAF_STATE_WAIT_PRIMARY;
	snap.nodes[0].report.lsn = 0x3000000 + (24 << 20);
	snap.nodes[0].session = SESSION_GONE;
	snap.nodes[0].sighting.gone_at = NOW - PGAF_MSEC(50);
}

/* Node 2 was chosen in place of node 1, gave it back, and cannot prove what it holds. */
static void
renounced(void)
{
	snap.group.epoch = 11;
	snap.group.primary = 2;
	snap.group.promotion =
		(struct promotion){.node = 2, .from = 1, .epoch = 11, .timeline = 2, .cause = 402};
	snap.group.promotion_since = NOW - PGAF_MSEC(300);
	snap.group.possible[0].unknown = true;
	snap.group.possible[1] = (struct sync_set){.version = 4};
	snap.group.possible_count = 2;
	snap.nodes[0].goal.state = PGAF_STATE_DEMOTED;
	snap.nodes[1].goal.state = PGAF_STATE_PREPARE_PROMOTION;
	snap.nodes[1].goal.set = snap.group.possible[1];
	snap.nodes[0].goal.epoch = snap.nodes[1].goal.epoch = 11;
	snap.nodes[1].report.renounced_epoch = 11;
}

/* ---- switchover and failover ----------------------------------------------------------- */

START_TEST(test_a_switchover_of_a_healthy_pair_loses_nothing)
{
	ask(REQUEST_SWITCHOVER, false);
	ck_assert_int_eq(run.verdict, DRY_HANDS_OVER);
	ck_assert(dry_run_is_possible(&run));
	ck_assert_uint_eq(run.decision.rule, 520);
	ck_assert_uint_eq(run.candidate, 2);
	ck_assert(lost().proved);
	must_say("nothing: ");
	plan();
	must_say("rule 520 would act: ");
	must_say("node2 is promoted onto timeline 2 when it holds the last record of node1\n");
	must_say("longer than 5 s (handover_limit), node1 keeps its role\n");
	proof();
	must_say("node1 holds 0/3000000 on timeline 1, reported 200 ms ago\n");
	must_say("set version 3: each commit waited for 1 of 1, so 1 must be heard; members: node2 "
	         "(the candidate, holds 0/3000000)\n");
	must_say("so node2 holds every acknowledged commit\n");
}
END_TEST

START_TEST(test_a_failover_of_a_broken_primary_promotes_with_proof)
{
	snap.nodes[0].session = SESSION_GONE;
	snap.nodes[0].sighting.gone_at = NOW - PGAF_MSEC(50);
	ask(REQUEST_FAILOVER, false);
	ck_assert_int_eq(run.verdict, DRY_PROMOTES);
	ck_assert(!run.lossy);
	ck_assert_uint_eq(run.candidate, 2);
	ck_assert(lost().proved);
	must_say("nothing: the proof holds\n");
	plan();
	must_say("node2 is promoted at once, onto timeline 2\n");
	must_say("node1 loses its role, and follows as a standby when it is back\n");
}
END_TEST

START_TEST(test_without_proof_a_failover_is_refused_and_says_why)
{
	gone_and_asynchronous();
	ask(REQUEST_FAILOVER, false);
	ck_assert_int_eq(run.verdict, DRY_REFUSED);
	ck_assert(!dry_run_is_possible(&run));
	plan();
	must_say("rule 590: ");
	must_say(
		"node2 may not be promoted: commits may have been acknowledged without waiting for "
		"a standby\n");
	proof();
	must_say("set version 4: asynchronous: commits waited for nobody\n");
	must_say("so it is not proved that node2 holds every acknowledged commit");
	snap.group.possible[0].unknown = true;
	ask(REQUEST_FAILOVER, false);
	proof();
	must_say("set version 4: unknown: commits may have waited for nobody\n");
}
END_TEST

START_TEST(test_with_loss_accepted_it_says_how_much)
{
	gone_and_asynchronous();
	ask(REQUEST_FAILOVER, true);
	ck_assert_int_eq(run.verdict, DRY_PROMOTES);
	ck_assert(run.lossy);
	ck_assert_int_eq(lost().bytes, 24 << 20);
	ck_assert(!lost().proved);
	must_say("up to 24 MB of WAL: node1 is known to have written up to 0/4800000, node2 holds "
	         "0/3000000\n");
	must_say("acknowledged after its last report, 200 ms ago, is not known");
	proof();
	must_say("your word that loss is accepted stands in for the proof\n");
	snap.nodes[0].report.lsn = 0x3000000;
	ask(REQUEST_FAILOVER, true);
	ck_assert_int_eq(lost().bytes, 0);
	ck_assert(!lost().proved);
	must_say("nothing that is known: ");
	snap.nodes[0].report.timeline = 2;
	ask(REQUEST_FAILOVER, true);
	ck_assert_int_eq(lost().bytes, -1);
	must_say("not known: ");
}
END_TEST

/* Without comparable positions nobody knows how much; nor of somebody who replaces nobody. */
START_TEST(test_what_cannot_be_compared_is_not_known)
{
	gone_and_asynchronous();
	snap.nodes[1].report.lsn = 0;
	ask(REQUEST_FAILOVER, true);
	ck_assert_int_eq(run.verdict, DRY_PROMOTES);
	ck_assert_int_eq(lost().bytes, -1);
	must_say("not known: ");
	setup();
	renounced();
	snap.nodes[0].session = SESSION_GONE;
	ask(REQUEST_FAILOVER, true);
	ck_assert_uint_eq(run.decision.rule, 350);
	ck_assert(run.lossy);
	ck_assert_int_eq(lost().bytes, -1);
	plan();
	must_say("node2 is promoted at once, onto timeline 2\n");
	must_not_say("loses its role");
}
END_TEST

/* Who was chosen with loss accepted is asked again on the same word. */
START_TEST(test_a_word_that_was_given_holds_until_the_promotion_is_over)
{
	renounced();
	snap.nodes[0].session = SESSION_GONE;
	snap.group.promotion.cause = 540;
	ask(REQUEST_FAILOVER, false);
	ck_assert_uint_eq(run.decision.rule, 340);
	ck_assert(run.lossy);
	snap.group.promotion.cause = 402;
	ask(REQUEST_FAILOVER, false);
	ck_assert_int_eq(run.verdict, DRY_WAITS);
	ck_assert(!run.lossy);
}
END_TEST

/* It has lost nothing itself: that is the other one, which may have acknowledged already. */
START_TEST(test_a_former_primary_is_promoted_for_one_that_does_not_claim)
{
	renounced();
	snap.nodes[1].report.renounced_epoch = 0;
	snap.group.promotion_since = NOW;
	ask(REQUEST_FAILOVER, true);
	ck_assert_uint_eq(run.decision.rule, 330);
	ck_assert_uint_eq(run.candidate, 1);
	ck_assert(run.lossy);
	plan();
	must_say("node1 is promoted at once, onto timeline 2\n");
	must_say("node2 loses its role, and follows as a standby when it is back\n");
}
END_TEST

/* Its Postgres has ended, its keeper is there: it is restarted before anything else. */
START_TEST(test_what_is_decided_first_comes_first)
{
	gone_and_asynchronous();
	snap.nodes[0].session = SESSION_OPEN;
	snap.nodes[0].report.about_version = 4;
	snap.nodes[0].report.pg = PG_EXITED;
	ask(REQUEST_FAILOVER, false);
	ck_assert_int_eq(run.verdict, DRY_REFUSED);
	ck_assert_uint_eq(run.before, 1);
	ck_assert_uint_eq(run.snap.nodes[0].goal.rule, 420);
}
END_TEST

/* The monitor's own question may be newer than the report. */
START_TEST(test_the_last_known_end_is_the_newest_that_was_seen)
{
	gone_and_asynchronous();
	snap.nodes[0].sighting.lsn = 0x3000000 + (32 << 20);
	ask(REQUEST_FAILOVER, true);
	ck_assert_int_eq(lost().bytes, 32 << 20);
	snap.nodes[0].sighting.timeline = 2;
	ask(REQUEST_FAILOVER, true);
	ck_assert_int_eq(lost().bytes, 24 << 20);
}
END_TEST

/* The primary of a group that has none yet is chosen first, and then hands over. */
START_TEST(test_a_request_to_a_group_without_primary_is_about_its_first)
{
	snap.group.primary = 0;
	snap.nodes[0].goal.state = snap.nodes[1].goal.state = PGAF_STATE_INIT;
	ask(REQUEST_SWITCHOVER, false);
	ck_assert_uint_eq(run.primary, 1);
	ck_assert_uint_gt(run.before, 0);
	plan();
	must_not_say("node 0");
}
END_TEST

/* It would be decided, but only after what is decided about everybody else. */
START_TEST(test_behind_too_many_decisions_a_request_waits)
{
	pair_grow(&snap, PGAF_NODES_MAX);
	for (uint32_t i = 1; i < snap.count; i++) {
		snap.nodes[i].drop_asked = snap.nodes[i].drop_force = true;
		snap.nodes[i].session = SESSION_GONE;
	}
	ask(REQUEST_SWITCHOVER, false);
	ck_assert_uint_eq(run.before, 16);
	ck_assert_int_eq(run.verdict, DRY_WAITS);
	plan();
	must_say("no rule would act on it now\n");
}
END_TEST

START_TEST(test_a_switchover_without_a_fit_candidate_is_refused)
{
	snap.nodes[1].priority = 0;
	ask(REQUEST_SWITCHOVER, false);
	ck_assert_int_eq(run.verdict, DRY_REFUSED);
	plan();
	must_say("node2 may not be promoted: its candidate priority is 0\n");
	snap.count = 1;
	ask(REQUEST_SWITCHOVER, false);
	plan();
	must_say("no standby is there that could be promoted\n");
	proof();
	must_say("there is no candidate\n");
}
END_TEST

START_TEST(test_while_something_is_under_way_a_request_waits)
{
	snap.group.promotion = (struct promotion){.node = 1, .from = 2, .epoch = 10, .timeline = 2};
	snap.group.promotion_since = NOW;
	snap.nodes[0].goal.state = PGAF_STATE_PREPARE_PROMOTION;
	ask(REQUEST_SWITCHOVER, false);
	ck_assert_int_eq(run.verdict, DRY_WAITS);
	ck_assert(!dry_run_is_possible(&run));
	plan();
	must_say("no rule would act on it now\n");
	must_say("node1 was chosen and has not claimed the promotion yet\n");
	must_not_say("no standby is there");
	ck_assert(lost().proved);
	must_say("nothing now, since nothing would be done\n");
}
END_TEST

START_TEST(test_what_was_declined_binds_nobody)
{
	snap.group.possible[1] = (struct sync_set){.version = 4};
	snap.group.possible_count = 2;
	snap.nodes[0].report.about_version = 3;
	snap.nodes[0].report.declined_version = 4;
	snap.nodes[0].report.pg = PG_EXITED;
	ask(REQUEST_FAILOVER, false);
	ck_assert_int_eq(run.verdict, DRY_PROMOTES);
	proof();
	must_say("set version 4: the primary declined it");
}
END_TEST

START_TEST(test_members_that_were_heard_or_left_are_told_apart)
{
	struct sync_set *set = &snap.group.possible[0];

	snap.nodes[0].admission = 4;
	set->members[set->count++] = (struct member){1, 4};
	set->members[set->count++] = (struct member){7, 1};
	set->members[set->count++] = (struct member){1, 3};
	ask(REQUEST_SWITCHOVER, false);
	proof();
	must_say("node1 (not detached), node 7 (no longer under that name), node1 (no longer under "
	         "that name)\n");
	must_say("more members must be heard");
	snap.nodes[0].report.detached_epoch = snap.group.epoch - 1;
	ask(REQUEST_SWITCHOVER, false);
	proof();
	must_say("node1 (not detached)");
	snap.nodes[0].report.detached_epoch = snap.group.epoch;
	snap.nodes[0].report.detached_lsn = 0x5000000;
	ask(REQUEST_SWITCHOVER, false);
	proof();
	must_say("node1 (detached at 0/5000000)");
	must_say("so node2 does not hold every acknowledged commit: a member holds more\n");
	set->count = 0;
	ask(REQUEST_SWITCHOVER, false);
	proof();
	must_say("each commit waited for 1 of 0, so 0 must be heard; members: none\n");
}
END_TEST

/* ---- drop -------------------------------------------------------------------------------- */

START_TEST(test_to_drop_a_standby_leaves_writes_alone)
{
	struct past past = {0};

	ask_drop(2, false);
	ck_assert_int_eq(run.verdict, DRY_LEAVES);
	ck_assert_uint_eq(run.decision.rule, 220);
	plan();
	must_say("node2 leaves the group: its keeper stops Postgres and ends\n");
	must_say("node1 stays the primary, writes go on\n");
	must_say("afterwards no commit waits for a standby");
	proof();
	must_say("none is needed");
	ck_assert(lost().proved);
	fresh();
	ck_assert_int_eq(dry_run_outage(&run, NOW, &past, &said), 0);
	must_say("none: writes go on\n");
}
END_TEST

START_TEST(test_of_two_drops_each_has_its_own_answer)
{
	pair_grow(&snap, 3);
	snap.nodes[1].drop_asked = true;
	ask_drop(3, false);
	ck_assert_int_eq(run.verdict, DRY_LEAVES);
	ck_assert_uint_eq(run.before, 1);
	ck_assert_uint_eq(run.decision.subject, 3);
}
END_TEST

/* Whom commits wait for afterwards is said only when it is known. */
START_TEST(test_to_drop_a_standby_nobody_waits_for)
{
	snap.nodes[1].admission = 0;
	snap.group.possible[0].unknown = true;
	ask_drop(2, false);
	plan();
	must_say("node1 stays the primary, writes go on\n");
	must_not_say("afterwards");
	snap.group.possible_count = 0;
	ask_drop(2, false);
	plan();
	must_say("node1 stays the primary, writes go on\n");
	must_not_say("afterwards");
	snap.group.primary = 0;
	ask_drop(2, false);
	ck_assert_int_eq(run.verdict, DRY_LEAVES);
	plan();
	must_say("there is no primary: writes wait for one as before\n");
	must_not_say("stays the primary");
}
END_TEST

START_TEST(test_to_drop_a_primary_hands_over_first)
{
	ask_drop(1, false);
	ck_assert_int_eq(run.verdict, DRY_HANDS_OVER);
	ck_assert_uint_eq(run.candidate, 2);
	plan();
	must_say("node1 is then dropped");
	snap.nodes[1].priority = 0;
	ask_drop(1, false);
	ck_assert_int_eq(run.verdict, DRY_WAITS);
	plan();
	must_say("node1 is to be dropped: waiting until the group is calm");
}
END_TEST

START_TEST(test_to_drop_the_last_node_ends_the_group)
{
	struct past past = {0};

	snap.count = 1;
	snap.group.possible[0] = (struct sync_set){.version = 4};
	snap.nodes[0].goal.set = snap.group.possible[0];
	snap.nodes[0].goal.state = snap.nodes[0].report.state = PGAF_STATE_SINGLE;
	ask_drop(1, false);
	ck_assert_int_eq(run.verdict, DRY_ENDS);
	ck_assert(lost().proved);
	plan();
	must_say("node1 is the last node: its Postgres stops and nobody accepts writes\n");
	proof();
	must_say("none is needed");
	fresh();
	ck_assert_int_eq(dry_run_outage(&run, NOW, &past, &said), -1);
	must_say("for good");
}
END_TEST

START_TEST(test_a_keeper_that_is_gone_is_waited_for_unless_forced)
{
	snap.nodes[1].session = SESSION_GONE;
	ask_drop(2, false);
	plan();
	must_say("node2 leaves the group when its keeper answers; --force does not wait for it\n");
	ask_drop(2, true);
	ck_assert_int_eq(run.verdict, DRY_LEAVES);
	plan();
	must_say("node2 is taken from the group; its keeper is not waited for\n");
	snap.nodes[1].goal.state = PGAF_STATE_DROPPED;
	ask_drop(2, true);
	ck_assert_uint_eq(run.decision.rule, 210);
	plan();
	must_say("node2 is taken from the group; its keeper is not waited for\n");
}
END_TEST

/* ---- how long writes wait ------------------------------------------------------------------ */

START_TEST(test_the_estimate_is_the_median_of_what_was_measured)
{
	struct past past = {.count = 3, .ms = {900, 60, 70}};

	ask(REQUEST_SWITCHOVER, false);
	run.snap.nodes[1].report.replay = 0x3000000 - (24 << 20);
	run.snap.nodes[1].report.replay_lag_ms = 400;
	run.snap.nodes[1].report.claim_ms = 12;
	run.snap.nodes[1].report.promote_ms = 31;
	fresh();
	ck_assert_int_eq(dry_run_outage(&run, NOW, &past, &said), 470);
	must_say("about 470 ms\n");
	must_say("the last handovers: 900 ms, 60 ms, 70 ms\n");
	must_say("node2 has 24 MB to replay before it opens, it lags by 400 ms\n");
	must_say("the last promotion of node2 took it 12 ms to claim and 31 ms to promote\n");
	must_say("how much is dirty is not reported");
}
END_TEST

START_TEST(test_one_measurement_is_an_estimate_too)
{
	struct past past = {.count = 1, .ms = {60}};

	ask(REQUEST_SWITCHOVER, false);
	run.snap.nodes[1].report.replay = 0x3000000 - 1;
	fresh();
	ck_assert_int_eq(dry_run_outage(&run, NOW, &past, &said), 60);
	must_say("the last handover: 60 ms\n");
	must_say("node2 has 1 byte to replay before it opens\n");
}
END_TEST

START_TEST(test_without_measurements_there_is_no_estimate)
{
	struct past past = {0};

	snap.nodes[0].report.pg = PG_EXITED;
	ask(REQUEST_FAILOVER, false);
	fresh();
	ck_assert_int_eq(dry_run_outage(&run, NOW, &past, &said), -1);
	must_say("no promotion of this group was measured yet\n");
	must_say("node2 has replayed all that it holds\n");
	must_say("node1 answered last 100 ms ago");
	run.snap.nodes[0].sighting.answered_at = 0;
	fresh();
	dry_run_outage(&run, NOW, &past, &said);
	must_not_say("answered last");
}
END_TEST

START_TEST(test_who_is_not_promoted_has_no_estimate)
{
	struct past past = {.count = 1, .ms = {60}};

	snap.nodes[1].priority = 0;
	ask(REQUEST_SWITCHOVER, false);
	fresh();
	ck_assert_int_eq(dry_run_outage(&run, NOW, &past, &said), -1);
	must_say("no figure: nobody would be promoted\n");
}
END_TEST

START_TEST(test_what_nobody_can_replace_may_be_forgotten)
{
	snap.count = 1;
	snap.nodes[0].report.needs_clone = true;
	ask(REQUEST_FAILOVER, true);
	ck_assert_int_eq(run.verdict, DRY_FORGETS);
	ck_assert(run.lossy);
	plan();
	must_say("rule 550 would act: ");
	must_say("nobody is promoted: what is lost is not waited for any more\n");
}
END_TEST

/* After the store was put back: without the word of the operator an unheard node is waited for. */
START_TEST(test_what_an_unheard_node_holds_may_be_forgotten)
{
	snap.group.recovering = true;
	snap.group.primary = 0;
	snap.nodes[0].report.pg = PG_STANDBY;
	snap.nodes[1].session = SESSION_GONE;
	ask(REQUEST_FAILOVER, true);
	ck_assert_int_eq(run.verdict, DRY_FORGETS);
	ck_assert_uint_eq(run.decision.rule, 120);
	ck_assert_int_eq(lost().bytes, -1);
	must_say("not known: ");
	ask(REQUEST_FAILOVER, false);
	ck_assert_int_eq(run.verdict, DRY_WAITS);
}
END_TEST

START_TEST(test_nothing_is_forgotten_when_every_node_was_heard)
{
	snap.group.recovering = true;
	ask(REQUEST_FAILOVER, true);
	ck_assert_uint_gt(run.before, 0);
	ck_assert_int_ne(run.verdict, DRY_FORGETS);
	ck_assert(!run.lossy);
}
END_TEST

START_TEST(test_verdicts_have_names)
{
	for (unsigned i = DRY_WAITS; i <= DRY_FORGETS; i++)
		ck_assert_str_ne(dry_verdict_name((enum dry_verdict)i), "");
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("dry_run");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, test_a_switchover_of_a_healthy_pair_loses_nothing);
	tcase_add_test(tcase, test_a_failover_of_a_broken_primary_promotes_with_proof);
	tcase_add_test(tcase, test_without_proof_a_failover_is_refused_and_says_why);
	tcase_add_test(tcase, test_with_loss_accepted_it_says_how_much);
	tcase_add_test(tcase, test_what_cannot_be_compared_is_not_known);
	tcase_add_test(tcase, test_a_word_that_was_given_holds_until_the_promotion_is_over);
	tcase_add_test(tcase, test_a_former_primary_is_promoted_for_one_that_does_not_claim);
	tcase_add_test(tcase, test_what_is_decided_first_comes_first);
	tcase_add_test(tcase, test_a_request_to_a_group_without_primary_is_about_its_first);
	tcase_add_test(tcase, test_behind_too_many_decisions_a_request_waits);
	tcase_add_test(tcase, test_the_last_known_end_is_the_newest_that_was_seen);
	tcase_add_test(tcase, test_a_switchover_without_a_fit_candidate_is_refused);
	tcase_add_test(tcase, test_while_something_is_under_way_a_request_waits);
	tcase_add_test(tcase, test_what_was_declined_binds_nobody);
	tcase_add_test(tcase, test_members_that_were_heard_or_left_are_told_apart);
	tcase_add_test(tcase, test_to_drop_a_standby_leaves_writes_alone);
	tcase_add_test(tcase, test_of_two_drops_each_has_its_own_answer);
	tcase_add_test(tcase, test_to_drop_a_standby_nobody_waits_for);
	tcase_add_test(tcase, test_to_drop_a_primary_hands_over_first);
	tcase_add_test(tcase, test_to_drop_the_last_node_ends_the_group);
	tcase_add_test(tcase, test_a_keeper_that_is_gone_is_waited_for_unless_forced);
	tcase_add_test(tcase, test_the_estimate_is_the_median_of_what_was_measured);
	tcase_add_test(tcase, test_one_measurement_is_an_estimate_too);
	tcase_add_test(tcase, test_without_measurements_there_is_no_estimate);
	tcase_add_test(tcase, test_who_is_not_promoted_has_no_estimate);
	tcase_add_test(tcase, test_what_nobody_can_replace_may_be_forgotten);
	tcase_add_test(tcase, test_what_an_unheard_node_holds_may_be_forgotten);
	tcase_add_test(tcase, test_nothing_is_forgotten_when_every_node_was_heard);
	tcase_add_test(tcase, test_verdicts_have_names);
	return suite_run("dry_run", tcase);
}
