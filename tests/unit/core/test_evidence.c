/* SPDX-License-Identifier: PostgreSQL */
/*
 * From raw sightings to classes of evidence, with the borders of each limit:
 * what is enough at a moment was not enough a nanosecond before.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/decide.h"

#define NOW PGAF_SECONDS(1000)
#define LIMIT PGAF_MSEC(1500) /* silence_limit */

/* Node 1 is the primary, node 2 its standby; both answered now, both keepers are there. */
static void
pair_of(struct snapshot *snap)
{
	memset(snap, 0, sizeof(*snap));
	settings_init(&snap->group.settings);
	snap->group.primary = 1;
	snap->group.timeline = 1;
	snap->listening_since = 1;
	snap->count = 2;
	for (uint32_t i = 0; i < snap->count; i++) {
		struct node *node = &snap->nodes[i];

		node->id = i + 1;
		node->priority = 50;
		node->session = SESSION_OPEN;
		node->reported_at = NOW;
		node->report.pg = i == 0 ? PG_PRIMARY : PG_STANDBY;
		node->report.timeline = 1;
		node->report.lsn = 100;
		node->report.lsn_complete = true;
		node->sighting.answered_at = node->sighting.accepted_at = NOW;
	}
}

static enum evidence
seen(const struct snapshot *snap)
{
	return evidence_of(snap, &snap->nodes[0], NOW);
}

#define ASSERT_SEEN(snap, word) \
	ck_assert_str_eq(evidence_name(seen(snap)), evidence_name(EVIDENCE_##word))

/* The moment `at` of the snapshot is one silence limit ago, and a nanosecond less before. */
static void
check_border(const struct snapshot *snap, pgaf_time *at, enum evidence before, enum evidence then)
{
	*at = NOW - LIMIT + 1;
	ck_assert_str_eq(evidence_name(seen(snap)), evidence_name(before));
	--*at;
	ck_assert_str_eq(evidence_name(seen(snap)), evidence_name(then));
}

/* ---- classes ------------------------------------------------------------------------------ */

START_TEST(test_answers_and_accepts_is_ok)
{
	struct snapshot snap;

	pair_of(&snap);
	ASSERT_SEEN(&snap, OK);
	ck_assert_str_eq(health_of(&snap, &snap.nodes[0], NOW), "ok");
	snap.nodes[0].session = SESSION_GONE;
	ASSERT_SEEN(&snap, OK);
	ck_assert_str_eq(health_of(&snap, &snap.nodes[0], NOW), "degraded");
}
END_TEST

START_TEST(test_its_keeper_says_that_it_ended)
{
	static const enum pg_status ended[] = {PG_EXITED, PG_STOPPED, PG_ABSENT};
	struct snapshot snap;

	for (size_t i = 0; i < sizeof(ended) / sizeof(ended[0]); i++) {
		pair_of(&snap);
		snap.nodes[0].report.pg = ended[i];
		ASSERT_SEEN(&snap, DOWN);
		ck_assert_str_eq(health_of(&snap, &snap.nodes[0], NOW), "down");

		/* The word of a keeper that is gone, or was never heard, is none. */
		snap.nodes[0].session = SESSION_GONE;
		ASSERT_SEEN(&snap, OK);
		snap.nodes[0].session = SESSION_OPEN;
		snap.nodes[0].reported_at = 0;
		ASSERT_SEEN(&snap, OK);
	}
}
END_TEST

START_TEST(test_gone_with_its_keeper_is_down)
{
	struct snapshot snap;

	pair_of(&snap);
	snap.nodes[0].sighting.closed_at = snap.nodes[0].sighting.gone_at = NOW;
	snap.nodes[0].session = SESSION_GONE;
	ASSERT_SEEN(&snap, DOWN);
}
END_TEST

START_TEST(test_a_keeper_vouches_for_it_only_after_it_was_lost)
{
	struct snapshot snap;

	pair_of(&snap);
	snap.nodes[0].sighting.closed_at = snap.nodes[0].sighting.gone_at = NOW - 1;
	ASSERT_SEEN(&snap, CONTRADICTED);
	snap.nodes[0].report.pg = PG_STANDBY;
	ASSERT_SEEN(&snap, CONTRADICTED);
	snap.nodes[0].report.pg = PG_STARTING; /* that is no word for it */
	ASSERT_SEEN(&snap, UNKNOWN);
	snap.nodes[0].report.pg = PG_PRIMARY;
	snap.nodes[0].sighting.closed_at = NOW; /* the report is as old as the loss */
	ASSERT_SEEN(&snap, UNKNOWN);
	ck_assert_str_eq(health_of(&snap, &snap.nodes[0], NOW), "unknown");
	snap.nodes[0].sighting.answered_at = NOW - LIMIT;
	ASSERT_SEEN(&snap, SILENT);
}
END_TEST

START_TEST(test_it_says_that_it_starts_or_stops)
{
	struct snapshot snap;

	pair_of(&snap);
	snap.nodes[0].sighting.stopping = true;
	ASSERT_SEEN(&snap, STOPPING);
	snap.nodes[0].sighting.starting = true;
	ASSERT_SEEN(&snap, STARTING);

	pair_of(&snap);
	snap.nodes[0].report.pg = PG_STARTING;
	ASSERT_SEEN(&snap, STARTING);
	ck_assert_str_eq(health_of(&snap, &snap.nodes[0], NOW), "degraded");
	snap.nodes[0].report.pg = PG_STOPPING;
	ASSERT_SEEN(&snap, STOPPING);
}
END_TEST

START_TEST(test_its_disk_does_not_finish)
{
	struct snapshot snap;

	pair_of(&snap);
	snap.nodes[0].report.disk_ms = UINT32_MAX;
	ASSERT_SEEN(&snap, STALLED);
	snap.nodes[0].report.disk_ms--;
	ASSERT_SEEN(&snap, OK);
	snap.nodes[0].report.disk_ms++;
	snap.nodes[0].session = SESSION_GONE;
	ASSERT_SEEN(&snap, OK);
}
END_TEST

START_TEST(test_it_was_not_listened_to_long_enough)
{
	struct snapshot snap;

	pair_of(&snap);
	snap.nodes[0].sighting.answered_at = 0;
	check_border(&snap, &snap.listening_since, EVIDENCE_UNKNOWN, EVIDENCE_SILENT);
}
END_TEST

/* ---- limits ------------------------------------------------------------------------------- */

START_TEST(test_silence_begins_at_the_limit)
{
	struct snapshot snap;

	pair_of(&snap);
	check_border(&snap, &snap.nodes[0].sighting.answered_at, EVIDENCE_OK, EVIDENCE_SILENT);
	ck_assert_str_eq(health_of(&snap, &snap.nodes[0], NOW), "down");
}
END_TEST

START_TEST(test_silence_means_nothing_to_a_monitor_that_hears_nobody)
{
	struct snapshot snap;

	pair_of(&snap);
	snap.nodes[0].sighting.answered_at = NOW - 2 * LIMIT;
	check_border(&snap, &snap.nodes[1].sighting.answered_at, EVIDENCE_SILENT, EVIDENCE_OK);
	snap.nodes[1].sighting.answered_at = 0;
	ASSERT_SEEN(&snap, OK);
}
END_TEST

START_TEST(test_silence_after_a_failover_must_last_twice_as_long)
{
	struct snapshot snap;
	pgaf_time window;

	pair_of(&snap);
	window = snap.group.settings.flap_window;
	snap.nodes[0].sighting.answered_at = NOW - 2 * LIMIT + 1;
	ASSERT_SEEN(&snap, SILENT);
	snap.group.last_failover_at = NOW - window + 1;
	ASSERT_SEEN(&snap, OK);
	snap.nodes[0].sighting.answered_at--;
	ASSERT_SEEN(&snap, SILENT);
	snap.nodes[0].sighting.answered_at++;
	snap.group.last_failover_at--; /* the window is over */
	ASSERT_SEEN(&snap, SILENT);
	snap.group.last_failover_at++;
	snap.group.primary = 2; /* a standby may be left out at any time */
	ASSERT_SEEN(&snap, SILENT);
}
END_TEST

START_TEST(test_no_new_connection_counts_from_the_first_unanswered)
{
	struct snapshot snap;

	pair_of(&snap);
	check_border(&snap, &snap.nodes[0].sighting.asked_new_at, EVIDENCE_OK,
	             EVIDENCE_NO_NEW_CONNECTIONS);
	ck_assert_str_eq(health_of(&snap, &snap.nodes[0], NOW), "degraded");
}
END_TEST

/* ---- witnesses ---------------------------------------------------------------------------- */

static void
vouch(struct snapshot *snap, bool reached, uint32_t age_ms)
{
	snap->nodes[1].report.peer_count = 1;
	snap->nodes[1].report.peers[0] =
		(struct peer_view){.node = 1, .reached = reached, .age_ms = age_ms};
}

static enum witness
witness(const struct snapshot *snap)
{
	pgaf_node_id who = 0;
	enum witness answer = witness_of(snap, &snap->nodes[0], NOW, &who);

	ck_assert_uint_eq(who, answer == WITNESS_NONE ? 0 : 2);
	return answer;
}

START_TEST(test_a_witness_reached_it_or_lost_it)
{
	struct snapshot snap;

	pair_of(&snap);
	ck_assert_int_eq(witness(&snap), WITNESS_NONE);
	vouch(&snap, true, 0);
	ck_assert_int_eq(witness(&snap), WITNESS_OK);
	vouch(&snap, false, 0);
	ck_assert_int_eq(witness(&snap), WITNESS_LOST);
	snap.nodes[1].report.peers[0].node = 7; /* it speaks of somebody else */
	ck_assert_int_eq(witness(&snap), WITNESS_NONE);
}
END_TEST

START_TEST(test_a_witness_is_believed_for_a_while)
{
	struct snapshot snap;
	pgaf_time most;

	pair_of(&snap);
	most = snap.group.settings.peer_report_age + snap.group.settings.report_interval;
	vouch(&snap, true, 0);
	snap.nodes[1].reported_at = NOW - most;
	ck_assert_int_eq(witness(&snap), WITNESS_OK);
	snap.nodes[1].reported_at--;
	ck_assert_int_eq(witness(&snap), WITNESS_NONE);

	/* Its own answer ages as well. */
	snap.nodes[1].reported_at = NOW;
	vouch(&snap, true, (uint32_t)(most / PGAF_MSEC(1)));
	ck_assert_int_eq(witness(&snap), WITNESS_OK);
	snap.nodes[1].reported_at--;
	ck_assert_int_eq(witness(&snap), WITNESS_LOST);
}
END_TEST

START_TEST(test_a_witness_that_is_gone_is_none)
{
	struct snapshot snap;

	pair_of(&snap);
	vouch(&snap, true, 0);
	snap.nodes[1].session = SESSION_GONE;
	ck_assert_int_eq(witness(&snap), WITNESS_NONE);
	snap.nodes[1].session = SESSION_OPEN;
	snap.nodes[1].reported_at = 0;
	ck_assert_int_eq(witness(&snap), WITNESS_NONE);
}
END_TEST

/* ---- vetoes ------------------------------------------------------------------------------- */

static uint32_t
vetoes(const struct snapshot *snap)
{
	return veto_of(snap, &snap->nodes[1], NOW);
}

START_TEST(test_vetoes_of_the_keeper_and_of_the_monitor)
{
	struct snapshot snap;
	struct node *node = &snap.nodes[1];

	pair_of(&snap);
	ck_assert_uint_eq(vetoes(&snap), 0);
	node->report.vetoes = VETO_BIT(RECOVERY_PAUSED);
	ck_assert_uint_eq(vetoes(&snap), VETO_BIT(RECOVERY_PAUSED));
	node->priority = 0;
	ck_assert_uint_eq(vetoes(&snap), VETO_BIT(RECOVERY_PAUSED) | VETO_BIT(PRIORITY_ZERO));

	pair_of(&snap);
	node->report.leaving = true;
	ck_assert_uint_eq(vetoes(&snap), VETO_BIT(LEAVING));
}
END_TEST

START_TEST(test_an_end_that_is_not_known_or_went_back)
{
	struct snapshot snap;
	struct node *node = &snap.nodes[1];

	pair_of(&snap);
	node->report.lsn_complete = false;
	ck_assert_uint_eq(vetoes(&snap), VETO_BIT(LSN_UNKNOWN));
	node->report.lsn_complete = true;
	node->report.lsn = 0;
	ck_assert_uint_eq(vetoes(&snap), VETO_BIT(LSN_UNKNOWN));

	pair_of(&snap);
	node->high_lsn = node->report.lsn;
	ck_assert_uint_eq(vetoes(&snap), 0);
	node->high_lsn++;
	ck_assert_uint_eq(vetoes(&snap), VETO_BIT(REGRESSED));
	node->report.timeline = 2; /* positions of two timelines are not compared */
	ck_assert_uint_eq(vetoes(&snap), 0);
}
END_TEST

START_TEST(test_words_for_every_class)
{
	for (unsigned i = 0; i < EVIDENCE_COUNT; i++) {
		ck_assert_str_ne(evidence_name((enum evidence)i), "");
		ck_assert_str_ne(evidence_doc((enum evidence)i), "");
	}
	for (unsigned i = 0; i < VETO_COUNT; i++)
		ck_assert_str_ne(veto_doc((enum veto)i), veto_name((enum veto)i));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("evidence");
	TCase *tcase = tcase_create("evidence");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_answers_and_accepts_is_ok);
	tcase_add_test(tcase, test_its_keeper_says_that_it_ended);
	tcase_add_test(tcase, test_gone_with_its_keeper_is_down);
	tcase_add_test(tcase, test_a_keeper_vouches_for_it_only_after_it_was_lost);
	tcase_add_test(tcase, test_it_says_that_it_starts_or_stops);
	tcase_add_test(tcase, test_its_disk_does_not_finish);
	tcase_add_test(tcase, test_it_was_not_listened_to_long_enough);
	tcase_add_test(tcase, test_silence_begins_at_the_limit);
	tcase_add_test(tcase, test_silence_means_nothing_to_a_monitor_that_hears_nobody);
	tcase_add_test(tcase, test_silence_after_a_failover_must_last_twice_as_long);
	tcase_add_test(tcase, test_no_new_connection_counts_from_the_first_unanswered);
	tcase_add_test(tcase, test_a_witness_reached_it_or_lost_it);
	tcase_add_test(tcase, test_a_witness_is_believed_for_a_while);
	tcase_add_test(tcase, test_a_witness_that_is_gone_is_none);
	tcase_add_test(tcase, test_vetoes_of_the_keeper_and_of_the_monitor);
	tcase_add_test(tcase, test_an_end_that_is_not_known_or_went_back);
	tcase_add_test(tcase, test_words_for_every_class);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
