/* SPDX-License-Identifier: PostgreSQL */
/* What the monitor's metrics say of a group, and that they are what Prometheus can read. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "http/exposition.h"
#include "http/monitor_metrics.h"
#include "unit/suite.h"

#define NOW PGAF_SECONDS(1000)
#define GROUP "formation=\"default\",group=\"2\""

static struct snapshot pair;

static void
make_pair(void)
{
	memset(&pair, 0, sizeof(pair));
	pair = (struct snapshot){.count = 2, .listening_since = PGAF_SECONDS(1)};
	pair.group = (struct group){.formation = "default",
	                            .id = 2,
	                            .epoch = 42,
	                            .primary = 1,
	                            .failovers = 3,
	                            .possible_count = 1};
	settings_init(&pair.group.settings);
	/* Since this monitor knows that there is none. */
	pair.group.promotion_since = NOW - PGAF_SECONDS(60);
	pair.group.last_failover_at = NOW - PGAF_MSEC(12345);
	pair.group.possible[0] = (struct sync_set){
		.version = 5, .required = 1, .count = 1, .members = {{.node = 2, .admission = 7}}};
	for (uint32_t i = 0; i < 2; i++) {
		struct node *node = &pair.nodes[i];

		*node = (struct node){.id = i + 1,
		                      .session = SESSION_OPEN,
		                      .quorum = true,
		                      .reported_at = NOW - PGAF_MSEC(250)};
		node->report.pg = i == 0 ? PG_PRIMARY : PG_STANDBY;
		node->report.state = i == 0 ? PGAF_STATE_PRIMARY : PGAF_STATE_SECONDARY;
		node->goal.state = node->report.state;
		node->sighting = (struct sighting){.answered_at = NOW,
		                                   .accepted_at = NOW,
		                                   .timeline = 4,
		                                   .lsn = 0x5000060,
		                                   .round_trip_us = 1234};
	}
	text_copy(pair.nodes[0].name, sizeof(pair.nodes[0].name), "node1");
	text_copy(pair.nodes[1].name, sizeof(pair.nodes[1].name), "no\"de\\2");
	pair.nodes[0].report.route_open = true;
	pair.nodes[1].admission = 7;
	pair.nodes[1].report.streaming = true;
}

static char *
metrics_of_pair(void)
{
	static const struct snapshot *const groups[] = {&pair};
	char *body = monitor_metrics(&(struct monitor_metrics){.now = NOW,
	                                                       .store_open = true,
	                                                       .decisions = 9,
	                                                       .group_count = 1,
	                                                       .groups = groups});

	ck_assert_ptr_nonnull(body);
	return body;
}

static void
expect_line(const char *body, const char *line)
{
	char whole[256] = "";
	struct text text = TEXT(whole);

	text_addf(&text, "\n%s\n", line);
	ck_assert_msg(strstr(body, whole) != NULL, "%s is not in\n%s", line, body);
}

START_TEST(test_monitor_metrics_of_a_pair)
{
	char *body = metrics_of_pair();

	expect_line(body, "pgaf_store_open 1");
	expect_line(body, "pgaf_decisions_total 9");
	expect_line(body, "pgaf_group_epoch{" GROUP "} 42");
	expect_line(body, "pgaf_group_failovers_total{" GROUP "} 3");
	expect_line(body, "pgaf_group_last_failover_age_seconds{" GROUP "} 12.345");
	expect_line(body, "pgaf_group_primary_ok{" GROUP "} 1");
	expect_line(body, "pgaf_group_standbys_ready{" GROUP "} 1");
	expect_line(body, "pgaf_group_promotion_age_seconds{" GROUP "} 0.000");
	expect_line(body, "pgaf_node_ok{" GROUP ",node=\"node1\"} 1");
	expect_line(body, "pgaf_node_streaming{" GROUP ",node=\"no\\\"de\\\\2\"} 1");
	expect_line(body, "pgaf_node_report_age_seconds{" GROUP ",node=\"node1\"} 0.250");
	expect_line(body, "pgaf_probe_round_trip_seconds{" GROUP ",node=\"node1\"} 0.001234");
	expect_line(body, "pgaf_node_reported_state{" GROUP ",node=\"node1\",state=\"primary\"} 1");
	/* A primary streams from nobody. */
	ck_assert_ptr_null(strstr(body, "pgaf_node_streaming{" GROUP ",node=\"node1\"}"));
	free(body);
}
END_TEST

START_TEST(test_monitor_metrics_without_redundancy)
{
	pair.nodes[1].report.streaming = false;
	char *body = metrics_of_pair();

	expect_line(body, "pgaf_group_standbys_ready{" GROUP "} 0");
	free(body);
}
END_TEST

/* It streams, and nobody waits for it. */
START_TEST(test_monitor_metrics_of_a_standby_that_does_not_count)
{
	pair.group.possible[0].members[0].admission = 6;
	char *body = metrics_of_pair();

	expect_line(body, "pgaf_group_standbys_ready{" GROUP "} 0");
	expect_line(body, "pgaf_node_counted{" GROUP ",node=\"no\\\"de\\\\2\"} 0");
	free(body);
}
END_TEST

START_TEST(test_monitor_metrics_of_a_closed_primary)
{
	pair.nodes[0].report.route_open = false;
	char *body = metrics_of_pair();

	expect_line(body, "pgaf_group_primary_ok{" GROUP "} 0");
	free(body);
}
END_TEST

START_TEST(test_monitor_metrics_of_a_promotion)
{
	make_pair();
	pair.group.promotion.node = 2;
	char *body = metrics_of_pair();
	expect_line(body, "pgaf_group_promotion_age_seconds{" GROUP "} 60.000");
	free(body);
}
END_TEST

START_TEST(test_monitor_metrics_without_groups)
{
	char *body = monitor_metrics(&(struct monitor_metrics){.now = NOW});

	ck_assert_ptr_nonnull(body);
	expect_line(body, "pgaf_store_open 0");
	ck_assert_ptr_null(strstr(body, "formation="));
	free(body);
}
END_TEST

START_TEST(test_histogram_counts_up_to_each_limit)
{
	struct histogram histogram = {.count = 0};
	char *body = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&body, &length);

	histogram_add(&histogram, 10);
	histogram_add(&histogram, 11);
	histogram_add(&histogram, 700);
	histogram_add(&histogram, 60000);
	fputc('\n', out);
	exposition_histogram(out, "x_seconds", "a=\"b\"", &histogram);
	ck_assert_int_eq(fclose(out), 0);

	expect_line(body, "x_seconds_bucket{a=\"b\",le=\"0.01\"} 1");
	expect_line(body, "x_seconds_bucket{a=\"b\",le=\"0.025\"} 2");
	expect_line(body, "x_seconds_bucket{a=\"b\",le=\"0.5\"} 2");
	expect_line(body, "x_seconds_bucket{a=\"b\",le=\"1\"} 3");
	expect_line(body, "x_seconds_bucket{a=\"b\",le=\"10\"} 3");
	expect_line(body, "x_seconds_bucket{a=\"b\",le=\"+Inf\"} 4");
	expect_line(body, "x_seconds_sum{a=\"b\"} 60.721");
	expect_line(body, "x_seconds_count{a=\"b\"} 4");
	free(body);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("text");

	tcase_add_checked_fixture(tests, make_pair, NULL);
	tcase_add_test(tests, test_monitor_metrics_of_a_pair);
	tcase_add_test(tests, test_monitor_metrics_without_redundancy);
	tcase_add_test(tests, test_monitor_metrics_of_a_promotion);
	tcase_add_test(tests, test_monitor_metrics_of_a_standby_that_does_not_count);
	tcase_add_test(tests, test_monitor_metrics_of_a_closed_primary);
	tcase_add_test(tests, test_monitor_metrics_without_groups);
	tcase_add_test(tests, test_histogram_counts_up_to_each_limit);
	return suite_run("metrics of the monitor", tests);
}
