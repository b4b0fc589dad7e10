/* SPDX-License-Identifier: PostgreSQL */
/* Which path says what in which situation, and what stands in the bodies. */

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "http/keeper_pages.h"

static const char *lag_argument;

static const char *
argument(const struct http_request *request, const char *name)
{
	(void)request;
	return strcmp(name, "lag") == 0 ? lag_argument : NULL;
}

static struct keeper_page_data
anybody(void)
{
	struct keeper_page_data data = {
		.ready = true,
		.alive = true,
		.formation = "default",
		.group_id = 2,
		.node_id = 1,
		.name = "node1",
		.report = {.state = PGAF_STATE_PRIMARY,
	                   .epoch = 42,
	                   .system_identifier = UINT64_C(7234567890123456789),
	                   .server_version = 150018,
	                   .timeline = 3,
	                   .has_data = true,
	                   .lsn = 0x5000060,
	                   .peer_count = 1,
	                   .peers = {{.node = 2,
	                              .reached = true,
	                              .age_ms = 40,
	                              .in_recovery = true,
	                              .timeline = 3}}},
		.peer_count = 2,
		.peers =
			{{.id = 2, .name = "node2", .host = "::1", .port = 5433, .http_port = 8009},
	                 {.id = 3, .name = "node3", .host = "db3", .port = 5434}},
	};
	return data;
}

static struct keeper_page_data
primary(void)
{
	struct keeper_page_data data = anybody();

	data.primary_open = true;
	data.primary = 1;
	data.promotions = 2;
	data.report.pg = PG_PRIMARY;
	data.report.promoted_timeline = 3;
	data.report.fork_lsn = 0x4000000;
	data.report.claim_ms = 7;
	data.report.promote_ms = 41;
	data.report.open_ms = 1203;
	data.report.member_count = 2;
	data.report.members[0] = (struct member_view){.node = 2,
	                                              .admission = 5,
	                                              .streaming = true,
	                                              .flush = 0x5000060,
	                                              .replay = 0x5000000};
	data.report.members[1] = (struct member_view){.node = 9};
	data.note.goal = (struct goal){.state = PGAF_STATE_PRIMARY};
	data.note.goal.set = (struct sync_set){.required = 1, .count = 1};
	data.note.goal.set.members[0] = (struct member){.node = 2, .admission = 5};
	data.seen.disk_free = UINT64_C(123456789012345);
	data.seen.slot_retained = 4096;
	data.seen.waiters = 3;
	return data;
}

static struct keeper_page_data
standby(void)
{
	struct keeper_page_data data = anybody();

	data.standby_open = true;
	data.synchronous = true;
	data.primary = 2;
	data.report.state = PGAF_STATE_SECONDARY;
	data.report.pg = PG_STANDBY;
	data.report.replay = 0x5000000;
	data.report.replay_lag_ms = 250;
	data.seen.streaming = true;
	data.seen.replay = 0x5000000;
	data.seen.upstream_lsn = 0x5000000 + 20 * 1024;
	return data;
}

static struct http_answer
get(const struct keeper_page_data *data, const char *path)
{
	struct http_request request = {.method = "GET", .path = path, .argument = argument};
	struct http_answer answer = {0};

	keeper_page(data, &request, &answer);
	return answer;
}

static int
status(const struct keeper_page_data *data, const char *path)
{
	struct http_answer answer = get(data, path);

	free(answer.body);
	return answer.status;
}

static json_t *
get_json(const struct keeper_page_data *data, const char *path)
{
	struct http_answer answer = get(data, path);
	json_error_t error;
	json_t *value = json_loads(answer.body, 0, &error);

	ck_assert_str_eq(answer.type, "application/json");
	ck_assert_msg(value != NULL, "%s in %s", error.text, answer.body);
	free(answer.body);
	return value;
}

/* The word or number at a path of keys and indexes, e.g. "members.0.name". */
static const char *
at(json_t *value, const char *path)
{
	static char said[64];
	struct text text = TEXT(said);

	while (value != NULL && *path != '\0') {
		char key[64];
		size_t length = strcspn(path, ".");
		memcpy(key, path, length);
		key[length] = '\0';
		path += length + (path[length] == '.');
		value = json_is_array(value) ? json_array_get(value, strtoul(key, NULL, 10))
		                             : json_object_get(value, key);
	}
	if (json_is_string(value))
		return json_string_value(value);
	if (value == NULL)
		return "absent";
	char *dumped = json_dumps(value, JSON_ENCODE_ANY);
	text_add(&text, dumped);
	free(dumped);
	return said;
}

START_TEST(test_status_of_each_page)
{
	static const struct {
		const char *path;
		int primary, synchronous, asynchronous, closed;
	} pages[] = {
		{"/", 200, 503, 503, 503},
		{"/primary", 200, 503, 503, 503},
		{"/read-write", 200, 503, 503, 503},
		{"/leader", 200, 503, 503, 503},
		{"/replica", 503, 200, 200, 503},
		{"/read-only", 200, 200, 200, 503},
		{"/synchronous", 503, 200, 503, 503},
		{"/quorum", 503, 200, 503, 503},
		{"/asynchronous", 503, 503, 200, 503},
		{"/read-only-sync", 200, 200, 503, 503},
		{"/read-only-quorum", 200, 200, 503, 503},
		{"/health", 200, 200, 200, 503},
		{"/liveness", 200, 200, 200, 503},
		{"/readiness", 200, 200, 200, 503},
		{"/metrics", 200, 200, 200, 200},
		{"/cluster", 200, 200, 200, 200},
		{"/history", 200, 200, 200, 200},
		{"/nothing", 404, 404, 404, 404},
		{"/primary/", 404, 404, 404, 404},
		{"", 404, 404, 404, 404},
	};
	struct keeper_page_data one = primary();
	struct keeper_page_data two = standby();
	struct keeper_page_data three = standby();
	struct keeper_page_data four = {0};

	three.synchronous = false;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		ck_assert_msg(status(&one, pages[i].path) == pages[i].primary, "%s", pages[i].path);
		ck_assert_msg(status(&two, pages[i].path) == pages[i].synchronous, "%s",
		              pages[i].path);
		ck_assert_msg(status(&three, pages[i].path) == pages[i].asynchronous, "%s",
		              pages[i].path);
		ck_assert_msg(status(&four, pages[i].path) == pages[i].closed, "%s", pages[i].path);
	}
}
END_TEST

START_TEST(test_lag_limits_the_replica_page)
{
	struct keeper_page_data data = standby();
	struct keeper_page_data open = primary();

	lag_argument = "20kB";
	ck_assert_int_eq(status(&data, "/replica"), 200);
	ck_assert_int_eq(status(&data, "/read-only"), 200);
	ck_assert_int_eq(status(&open, "/read-only"), 200);
	lag_argument = "20479";
	ck_assert_int_eq(status(&data, "/replica"), 503);
	ck_assert_int_eq(status(&data, "/read-only"), 503);
	lag_argument = "much";
	ck_assert_int_eq(status(&data, "/replica"), 400);
	ck_assert_int_eq(status(&data, "/synchronous"), 200);

	/* Cut off from its upstream, nobody knows. */
	data.seen.streaming = false;
	lag_argument = "1TB";
	ck_assert_int_eq(status(&data, "/replica"), 503);
	lag_argument = NULL;
	ck_assert_int_eq(status(&data, "/replica"), 200);
}
END_TEST

START_TEST(test_only_get_has_a_body)
{
	struct keeper_page_data data = primary();
	struct http_request request = {
		.method = "OPTIONS", .path = "/primary", .argument = argument};
	struct http_answer answer = {0};

	keeper_page(&data, &request, &answer);
	ck_assert_int_eq(answer.status, 200);
	ck_assert_ptr_null(answer.body);
	request.method = "HEAD";
	request.path = "/replica";
	keeper_page(&data, &request, &answer);
	ck_assert_int_eq(answer.status, 503);
	ck_assert_ptr_null(answer.body);
}
END_TEST

START_TEST(test_status_of_a_primary)
{
	struct keeper_page_data data = primary();
	json_t *value = get_json(&data, "/primary");

	ck_assert_str_eq(at(value, "state"), "running");
	ck_assert_str_eq(at(value, "role"), "primary");
	ck_assert_str_eq(at(value, "server_version"), "150018");
	ck_assert_str_eq(at(value, "timeline"), "3");
	ck_assert_str_eq(at(value, "xlog.location"), "83886176");
	ck_assert_str_eq(at(value, "replication.0.application_name"), "pgaf_2_5");
	ck_assert_str_eq(at(value, "replication.0.node"), "node2");
	ck_assert_str_eq(at(value, "replication.0.client_addr"), "::1");
	ck_assert_str_eq(at(value, "replication.0.state"), "streaming");
	ck_assert_str_eq(at(value, "replication.0.sync_state"), "quorum");
	ck_assert_str_eq(at(value, "replication.1.application_name"), "pgaf_join_9");
	ck_assert_str_eq(at(value, "replication.1.sync_state"), "async");
	ck_assert_str_eq(at(value, "database_system_identifier"), "7234567890123456789");
	ck_assert_str_eq(at(value, "pgaf.version"), PGAF_VERSION);
	ck_assert_str_eq(at(value, "pgaf.formation"), "default");
	ck_assert_str_eq(at(value, "pgaf.group"), "2");
	ck_assert_str_eq(at(value, "pgaf.name"), "node1");
	ck_assert_str_eq(at(value, "pgaf.reported_state"), "primary");
	ck_assert_str_eq(at(value, "pgaf.assigned_state"), "primary");
	ck_assert_str_eq(at(value, "pgaf.epoch"), "42");
	ck_assert_str_eq(at(value, "pgaf.waiting_for"), "null");
	json_decref(value);
}
END_TEST

START_TEST(test_status_of_a_standby)
{
	struct keeper_page_data data = standby();

	data.report.vetoes = VETO_BIT(RECOVERY_PAUSED);
	text_copy(data.waiting, sizeof(data.waiting), "the monitor");
	json_t *value = get_json(&data, "/replica");
	ck_assert_str_eq(at(value, "role"), "replica");
	ck_assert_str_eq(at(value, "xlog.received_location"), "83886176");
	ck_assert_str_eq(at(value, "xlog.replayed_location"), "83886080");
	ck_assert_str_eq(at(value, "xlog.paused"), "true");
	ck_assert_str_eq(at(value, "replication"), "absent");
	ck_assert_str_eq(at(value, "replication_state"), "streaming");
	ck_assert_str_eq(at(value, "lag"), "20480");
	ck_assert_str_eq(at(value, "sync_standby"), "true");
	ck_assert_str_eq(at(value, "pgaf.waiting_for"), "the monitor");
	json_decref(value);
}
END_TEST

START_TEST(test_status_words_of_what_does_not_run)
{
	static const struct {
		enum pg_status pg;
		const char *state;
	} words[] = {{PG_UNKNOWN, "unknown"},   {PG_ABSENT, "uninitialized"},
	             {PG_STOPPED, "stopped"},   {PG_EXITED, "crashed"},
	             {PG_STARTING, "starting"}, {PG_STOPPING, "stopping"}};
	struct keeper_page_data data = anybody();

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		data.report.pg = words[i].pg;
		json_t *value = get_json(&data, "/health");
		ck_assert_str_eq(at(value, "state"), words[i].state);
		ck_assert_str_eq(at(value, "role"), "replica");
		json_decref(value);
	}
	data.report.has_data = false;
	json_t *value = get_json(&data, "/health");
	ck_assert_str_eq(at(value, "role"), "uninitialized");
	json_decref(value);
}
END_TEST

START_TEST(test_cluster_and_history)
{
	struct keeper_page_data data = primary();
	json_t *value = get_json(&data, "/cluster");

	ck_assert_str_eq(at(value, "scope"), "default");
	ck_assert_str_eq(at(value, "members.0.name"), "node1");
	ck_assert_str_eq(at(value, "members.0.role"), "leader");
	ck_assert_str_eq(at(value, "members.1.name"), "node2");
	ck_assert_str_eq(at(value, "members.1.role"), "replica");
	ck_assert_str_eq(at(value, "members.1.state"), "running");
	ck_assert_str_eq(at(value, "members.1.api_url"), "http://[::1]:8009/");
	ck_assert_str_eq(at(value, "members.1.port"), "5433");
	ck_assert_str_eq(at(value, "members.1.lag"), "96");
	ck_assert_str_eq(at(value, "members.2.state"), "unknown");
	ck_assert_str_eq(at(value, "members.2.lag"), "unknown");
	ck_assert_str_eq(at(value, "members.2.api_url"), "absent");
	json_decref(value);

	value = get_json(&data, "/history");
	ck_assert_str_eq(at(value, "0.1"), "67108864");
	ck_assert_str_eq(at(value, "0.2"), "promoted onto timeline 3");
	ck_assert_str_eq(at(value, "0.4"), "node1");
	json_decref(value);
	data.report.promoted_timeline = 0;
	value = get_json(&data, "/history");
	ck_assert_uint_eq(json_array_size(value), 0);
	json_decref(value);
}
END_TEST

/* ---- metrics ------------------------------------------------------------------------------ */

#define PHASE "pgaf_promotion_phase_seconds"
#define PLACE "formation=\"default\",group=\"2\",name=\"node1\""

static void
expect_sample(const char *body, const char *line)
{
	char whole[256] = "";
	struct text text = TEXT(whole);

	text_addf(&text, "\n%s\n", line);
	ck_assert_msg(strstr(body, whole) != NULL, "%s is not in\n%s", line, body);
}

START_TEST(test_metrics_of_a_primary)
{
	struct keeper_page_data data = primary();

	data.report.disk_ms = 12;
	histogram_add(&data.claims, 7);
	data.report.vetoes = VETO_BIT(DISK_FULL);
	struct http_answer answer = get(&data, "/metrics");
	ck_assert_ptr_nonnull(strstr(answer.type, "version=0.0.4"));
	expect_sample(answer.body, "pgaf_up{" PLACE "} 1");
	expect_sample(answer.body, "pgaf_role{" PLACE ",role=\"primary\"} 1");
	expect_sample(answer.body, "pgaf_role{" PLACE ",role=\"replica\"} 0");
	expect_sample(answer.body, "pgaf_state{" PLACE ",state=\"primary\"} 1");
	expect_sample(answer.body, "pgaf_timeline{" PLACE "} 3");
	expect_sample(answer.body, "pgaf_lsn_bytes{" PLACE "} 83886176");
	expect_sample(answer.body, "pgaf_promotions_total{" PLACE "} 2");
	expect_sample(answer.body, "pgaf_last_promotion_seconds{" PLACE ",phase=\"claim\"} 0.007");
	expect_sample(answer.body, "pgaf_last_promotion_seconds{" PLACE ",phase=\"open\"} 1.203");
	expect_sample(answer.body, PHASE "_bucket{" PLACE ",phase=\"claim\",le=\"0.01\"} 1");
	expect_sample(answer.body, PHASE "_count{" PLACE ",phase=\"promote\"} 0");
	expect_sample(answer.body, "pgaf_standbys_ready{" PLACE "} 1");
	expect_sample(answer.body, "pgaf_slot_retained_bytes{" PLACE "} 4096");
	expect_sample(answer.body, "pgaf_disk_free_bytes{" PLACE "} 123456789012345");
	expect_sample(answer.body, "pgaf_disk_heartbeat_seconds{" PLACE "} 0.012");
	expect_sample(answer.body, "pgaf_disk_overdue{" PLACE "} 0");
	expect_sample(answer.body, "pgaf_waiting_commits{" PLACE "} 3");
	expect_sample(answer.body, "pgaf_veto{" PLACE ",reason=\"disk-full\"} 1");
	expect_sample(answer.body, "pgaf_member_replay_lag_bytes{" PLACE ",member=\"node2\"} 96");
	expect_sample(answer.body, "pgaf_member_streaming{" PLACE ",member=\"node 9\"} 0");
	expect_sample(answer.body, "pgaf_peer_reached{" PLACE ",peer=\"node2\"} 1");
	expect_sample(answer.body, "pgaf_peer_answer_age_seconds{" PLACE ",peer=\"node2\"} 0.040");
	ck_assert_ptr_null(strstr(answer.body, "pgaf_replication_lag_bytes"));
	free(answer.body);
}
END_TEST

START_TEST(test_metrics_of_a_standby)
{
	struct keeper_page_data data = standby();

	data.report.disk_ms = UINT32_MAX;
	text_copy(data.name, sizeof(data.name), "a\"b\\c\nx");
	struct http_answer answer = get(&data, "/metrics");
	ck_assert_ptr_nonnull(strstr(answer.body, "name=\"a\\\"b\\\\c\\nx\""));
	ck_assert_ptr_nonnull(strstr(answer.body, "\npgaf_replication_lag_bytes{"));
	ck_assert_ptr_nonnull(strstr(answer.body, "\"} 20480\n"));
	ck_assert_ptr_nonnull(strstr(answer.body, "\npgaf_replay_lag_seconds{"));
	ck_assert_ptr_null(strstr(answer.body, "pgaf_disk_heartbeat_seconds"));
	ck_assert_ptr_null(strstr(answer.body, "pgaf_last_promotion_seconds"));
	ck_assert_ptr_null(strstr(answer.body, "pgaf_member_"));
	free(answer.body);
}
END_TEST

/* Every sample stands below a HELP and a TYPE of its name, and each name has one of them. */
START_TEST(test_metrics_have_their_heads)
{
	struct keeper_page_data data = primary();
	struct http_answer answer = get(&data, "/metrics");
	char name[64] = "";
	bool histogram = false;

	for (const char *line = answer.body; *line != '\0'; line = strchr(line, '\n') + 1) {
		char head[128] = "";
		struct text text = TEXT(head);
		if (strncmp(line, "# HELP ", 7) == 0) {
			size_t length = strcspn(line + 7, " ");
			memcpy(name, line + 7, length);
			name[length] = '\0';
			text_addf(&text, "# HELP %s ", name);
			ck_assert_ptr_null(strstr(line + 1, head));
			line = strchr(line, '\n') + 1;
			text = TEXT(head);
			text_addf(&text, "# TYPE %s ", name);
			ck_assert_int_eq(strncmp(line, head, strlen(head)), 0);
			histogram = strncmp(line + strlen(head), "histogram\n", 10) == 0;
			continue;
		}
		ck_assert_int_eq(strncmp(line, name, strlen(name)), 0);
		if (histogram)
			ck_assert_int_eq(strncmp(line + strlen(name), "_", 1), 0);
		else
			ck_assert_int_eq(line[strlen(name)], '{');
	}
	free(answer.body);
}
END_TEST

int
main(void)
{
	Suite *all = suite_create("keeper_pages");
	TCase *tests = tcase_create("pages");

	tcase_add_test(tests, test_status_of_each_page);
	tcase_add_test(tests, test_lag_limits_the_replica_page);
	tcase_add_test(tests, test_only_get_has_a_body);
	tcase_add_test(tests, test_status_of_a_primary);
	tcase_add_test(tests, test_status_of_a_standby);
	tcase_add_test(tests, test_status_words_of_what_does_not_run);
	tcase_add_test(tests, test_cluster_and_history);
	tcase_add_test(tests, test_metrics_of_a_primary);
	tcase_add_test(tests, test_metrics_of_a_standby);
	tcase_add_test(tests, test_metrics_have_their_heads);
	suite_add_tcase(all, tests);

	SRunner *runner = srunner_create(all);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
