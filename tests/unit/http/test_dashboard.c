/* SPDX-License-Identifier: PostgreSQL */
/* The dashboard over a real socket: what each page says, and to whom. */

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "core/codec.h"
#include "core/model.h"
#include "http/dashboard.h"
#include "http/login.h"
#include "unit/core/pair.h"
#include "unit/http/client.h"
#include "unit/suite.h"

#define END " HTTP/1.1\r\nHost: localhost:8009\r\nConnection: close\r\n\r\n"
/* pgaf:sesame, pgaf:guess */
#define RIGHT "Authorization: Basic cGdhZjpzZXNhbWU=\r\n"
#define WRONG "Authorization: Basic cGdhZjpndWVzcw==\r\n"
#define END_WITH(header) " HTTP/1.1\r\nHost: db.example.org\r\n" header "Connection: close\r\n\r\n"

static struct dashboard *dashboard;
static struct snapshot groups[3];
static size_t group_count;
static bool works;

static const struct snapshot *
world_group(void *ctx, size_t index)
{
	(void)ctx;
	return index < group_count ? &groups[index] : NULL;
}

static bool
world_works(void *ctx)
{
	(void)ctx;
	return works;
}

static char *
world_metrics(void *ctx)
{
	(void)ctx;
	return strdup("pgaf_store_open 1\n");
}

static bool takes;
static int asked_count;
static struct dashboard_action asked;

static bool
world_ask(void *ctx, const struct dashboard_action *action)
{
	(void)ctx;
	asked = *action;
	asked_count += takes;
	return takes;
}

static void
serve_with(const char *password, bool actions)
{
	struct pgaf_error error = {0};
	char address[64] = "";
	struct text text = TEXT(address);

	client_loop = loop_new(&error);
	client_port = client_free_port();
	text_addf(&text, "127.0.0.1:%u", client_port);
	dashboard = dashboard_new(
		client_loop,
		&(struct dashboard_options){.address = address,
	                                    .user = "pgaf",
	                                    .password = password,
	                                    .world = {.group = world_group,
	                                              .works = world_works,
	                                              .metrics = world_metrics,
	                                              .ask = actions ? world_ask : NULL}},
		&error);
	ck_assert_msg(dashboard != NULL, "%s", error.text);
}

static void
serve(const char *password)
{
	serve_with(password, false);
}

/* A primary and its standby, a group beside them, and one of another formation. */
static void
start(void)
{
	pgaf_time now = 0;

	works = true;
	serve("");
	now = loop_now(client_loop);
	group_count = 3;
	memset(groups, 0, sizeof(groups));
	for (uint32_t i = 0; i < group_count; i++) {
		struct snapshot *snap = &groups[i];
		text_copy(snap->group.formation, sizeof(snap->group.formation),
		          i == 2 ? "another" : "default");
		snap->group.id = i == 2 ? 0 : 1 - i;
		snap->group.epoch = 40 + i;
		snap->listening_since = now - PGAF_SECONDS(100);
		snap->group.settings.silence_limit = PGAF_SECONDS(5);
	}
	struct snapshot *pair = &groups[1];
	pair->count = 2;
	for (uint32_t i = 0; i < pair->count; i++) {
		struct node *node = &pair->nodes[i];
		*node = (struct node){.id = i + 1,
		                      .host = "10.0.0.1",
		                      .port = 5432,
		                      .http_port = 8008,
		                      .priority = 50,
		                      .quorum = true,
		                      .session = SESSION_OPEN,
		                      .reported_at = now - PGAF_MSEC(300)};
		snprintf(node->name, sizeof(node->name), "node%u", i + 1);
		node->report.state = node->goal.state =
			i == 0 ? PGAF_STATE_PRIMARY : PGAF_STATE_SECONDARY;
		node->report.pg = i == 0 ? PG_PRIMARY : PG_STANDBY;
		node->report.timeline = 3;
		node->report.lsn = i == 0 ? 0x3000060 : 0x3000000;
		node->report.streaming = i == 1;
		node->sighting.answered_at = node->sighting.accepted_at = now;
	}
}

static void
stop(void)
{
	dashboard_free(dashboard);
	loop_free(client_loop);
}

static const char *
ask(const char *request)
{
	return client_ask(AF_INET, request);
}

static json_t *
json_at(const char *request)
{
	const char *reply = ask(request);
	json_error_t why;

	client_expect(reply, 200);
	ck_assert_ptr_nonnull(strstr(reply, "Content-Type: application/json\r\n"));
	json_t *value = json_loads(client_body(reply), 0, &why);
	ck_assert_msg(value != NULL, "%s", why.text);
	return value;
}

static const char *
text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int64_t
number_at(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

START_TEST(healthz_says_whether_the_store_answers)
{
	client_expect(ask("GET /healthz" END), 200);
	works = false;
	client_expect(ask("GET /healthz" END), 503);
	client_expect(ask("GET /metrics" END), 200);
	client_expect(ask("GET /nothing" END), 404);
}
END_TEST

START_TEST(the_state_is_that_of_each_formation)
{
	json_t *all = json_at("GET /api/v1/state" END);

	ck_assert_uint_eq(json_array_size(all), 2);
	ck_assert_str_eq(text_at(json_array_get(all, 0), "formation"), "another");
	const json_t *own = json_array_get(all, 1);
	ck_assert_str_eq(text_at(own, "formation"), "default");
	ck_assert_int_eq(number_at(own, "epoch"), 41);
	ck_assert_uint_eq(json_array_size(json_object_get(own, "nodes")), 2);
	json_decref(all);
}
END_TEST

START_TEST(a_node_is_shown_as_pgaf_ctl_shows_it)
{
	json_t *own = json_at("GET /api/v1/state?formation=default" END);
	const json_t *nodes = json_object_get(own, "nodes");
	const json_t *one = json_array_get(nodes, 0);
	const json_t *two = json_array_get(nodes, 1);

	ck_assert_str_eq(text_at(one, "name"), "node1");
	ck_assert_str_eq(text_at(one, "reported_state"), "primary");
	ck_assert_str_eq(text_at(one, "connection"), "read-write");
	ck_assert_str_eq(text_at(one, "lsn"), "0/3000060");
	ck_assert_int_eq(number_at(one, "lag_bytes"), 0);
	ck_assert_str_eq(text_at(two, "health"), "ok");
	ck_assert_str_eq(text_at(two, "connection"), "read-only");
	ck_assert_str_eq(text_at(two, "sync_state"), "async");
	ck_assert_int_eq(number_at(two, "lag_bytes"), 96);
	ck_assert_int_ge(number_at(two, "report_age_ms"), 300);
	json_decref(own);
}
END_TEST

START_TEST(one_group_and_none)
{
	json_t *own = json_at("GET /api/v1/state?formation=default&group=1" END);

	ck_assert_int_eq(number_at(own, "epoch"), 40);
	json_decref(own);
	client_expect(ask("GET /api/v1/state?formation=other" END), 404);
	client_expect(ask("GET /api/v1/state?formation=default&group=7" END), 404);
	client_expect(ask("GET /api/v1/state?group=x" END), 400);
}
END_TEST

static void
tell(int64_t id, const char *formation, uint32_t group)
{
	struct store_event event = {
		.id = id,
		.time = "2026-11-24T12:00:00.000Z",
		.key = {.id = group},
		.epoch = 7,
		.node = 1,
		.node_name = "node1",
		.reported = "secondary",
		.assigned = "prepare_promotion",
		.rule = 310,
		.text = "node1 is promoted",
	};

	text_copy(event.key.formation, sizeof(event.key.formation), formation);
	dashboard_events(dashboard, &event, 1);
}

/* The numbers of an answer, with commas between. */
static const char *
events_at(const char *request)
{
	static char room[256];
	struct text text = TEXT(room);
	json_t *list = json_at(request);

	room[0] = '\0';
	for (size_t i = 0; i < json_array_size(list); i++)
		text_addf(&text, "%s%lld", i > 0 ? "," : "",
		          (long long)number_at(json_array_get(list, i), "event_id"));
	json_decref(list);
	return room;
}

START_TEST(events_come_in_the_order_of_their_numbers)
{
	tell(5, "default", 0);
	tell(9, "another", 0);
	tell(7, "default", 1);
	tell(5, "default", 0);
	ck_assert_str_eq(events_at("GET /api/v1/events" END), "5,7,9");
	ck_assert_str_eq(events_at("GET /api/v1/events?count=2" END), "7,9");
	ck_assert_str_eq(events_at("GET /api/v1/events?formation=default" END), "5,7");
	ck_assert_str_eq(events_at("GET /api/v1/events?formation=default&group=0" END), "5");
	ck_assert_str_eq(events_at("GET /api/v1/events?count=0" END), "");
	client_expect(ask("GET /api/v1/events?count=many" END), 400);

	json_t *list = json_at("GET /api/v1/events?count=1" END);
	const json_t *event = json_array_get(list, 0);
	ck_assert_str_eq(text_at(event, "formation"), "another");
	ck_assert_str_eq(text_at(event, "assigned_state"), "prepare_promotion");
	ck_assert_int_eq(number_at(event, "rule"), 310);
	json_decref(list);

	dashboard_events_forget(dashboard);
	ck_assert_str_eq(events_at("GET /api/v1/events" END), "");
}
END_TEST

START_TEST(old_events_make_room)
{
	ck_assert_int_eq(dashboard_events_after(dashboard), 0);
	for (int64_t id = 1; id <= DASHBOARD_EVENTS_MAX + 3; id++)
		tell(2 * id, "default", 0);
	ck_assert_int_eq(dashboard_events_after(dashboard), 2 * (DASHBOARD_EVENTS_MAX + 3 - 31));
	tell(1, "default", 0);
	tell(2 * DASHBOARD_EVENTS_MAX + 5, "default", 0);
	json_t *list = json_at("GET /api/v1/events?count=100000" END);
	size_t count = json_array_size(list);
	ck_assert_uint_eq(count, DASHBOARD_EVENTS_MAX);
	ck_assert_int_eq(number_at(json_array_get(list, 0), "event_id"), 10);
	ck_assert_int_eq(number_at(json_array_get(list, count - 1), "event_id"),
	                 2 * DASHBOARD_EVENTS_MAX + 6);
	ck_assert_int_eq(number_at(json_array_get(list, count - 2), "event_id"),
	                 2 * DASHBOARD_EVENTS_MAX + 5);
	json_decref(list);
}
END_TEST

START_TEST(a_password_guards_all_but_healthz)
{
	stop();
	serve("sesame");
	client_expect(ask("GET /healthz" END), 200);
	client_expect(ask("GET /api/v1/state" END), 401);
	client_expect(ask("GET /api/v1/events" END), 401);
	client_expect(ask("GET /metrics" END), 401);
	client_expect(ask("GET /nothing" END), 401);
	client_expect(ask("GET /api/v1/state" END_WITH(WRONG)), 401);
	client_expect(ask("GET /api/v1/state" END_WITH(RIGHT)), 200);
	for (int i = 0; i < LOGIN_FAILURES_MAX; i++)
		client_expect(ask("GET /api/v1/state" END_WITH(WRONG)), 401);
	const char *reply = ask("GET /api/v1/state" END_WITH(RIGHT));
	client_expect(reply, 429);
	ck_assert_ptr_nonnull(strstr(reply, "Retry-After: 60\r\n"));
	client_expect(ask("GET /healthz" END), 200);
}
END_TEST

START_TEST(without_a_password_no_name_of_others_is_listened_to)
{
	client_expect(ask("GET /api/v1/state" END_WITH("")), 421);
	client_expect(ask("GET /healthz" END_WITH("")), 200);
	client_expect(ask("GET /api/v1/state HTTP/1.1\r\nHost: [::1]:8009\r\n"
	                  "Connection: close\r\n\r\n"),
	              200);
	client_expect(ask("GET /api/v1/state HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	                  "Connection: close\r\n\r\n"),
	              200);
	client_expect(ask("GET /api/v1/state HTTP/1.1\r\nHost: localhost.example.org\r\n"
	                  "Connection: close\r\n\r\n"),
	              421);
}
END_TEST

START_TEST(beyond_this_machine_a_password_is_needed)
{
	static const char *const fine[] = {"127.0.0.1:8009", "127.8.0.1:1", "[::1]:8009",
	                                   "localhost:8009", "off"};
	static const char *const bad[] = {"0.0.0.0:8009",  "[::]:8009",   ":8009",
	                                  "10.0.0.1:8009", "db.lan:8009", "nowhere"};
	struct pgaf_error error;

	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		ck_assert_int_eq(dashboard_check(fine[i], "", &error), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(dashboard_check(bad[i], "", &error), PGAF_ECONFIG);
	ck_assert_int_eq(dashboard_check("[::]:8009", "sesame", &error), 0);
	dashboard_check("[::]:8009", "", &error);
	ck_assert_str_eq(error.text,
	                 "http: [::]:8009 can be reached from other machines, which needs a "
	                 "password: give http-password-file, or listen on 127.0.0.1");
}
END_TEST

START_TEST(the_page_is_whole_and_may_run_only_what_is_in_it)
{
	static char first[1 << 18];
	const char *reply = ask("GET /" END);
	char nonce[33] = "";

	client_expect(reply, 200);
	ck_assert_ptr_nonnull(strstr(reply, "Content-Type: text/html; charset=utf-8\r\n"));
	const char *policy = strstr(reply, "Content-Security-Policy: default-src 'none'; ");
	ck_assert_ptr_nonnull(policy);
	ck_assert_ptr_nonnull(strstr(policy, "; frame-ancestors 'none'\r\n"));
	memcpy(nonce, strstr(policy, "script-src 'nonce-") + strlen("script-src 'nonce-"), 32);
	const char *script = strstr(reply, "<script nonce=\"");
	ck_assert_int_eq(strncmp(script + strlen("<script nonce=\""), nonce, 32), 0);
	ck_assert_ptr_null(strstr(reply, "@nonce@"));
	ck_assert_ptr_nonnull(strstr(reply, "</html>\n"));
	text_copy(first, sizeof(first), reply);
	reply = ask("GET /" END);
	ck_assert_str_ne(client_body(first), client_body(reply));
}
END_TEST

/* ---- what may be asked for ------------------------------------------------------------- */

#define SWITCHOVER "/api/v1/switchover?formation=default&group=0"
#define DROP "/api/v1/drop?formation=default&group=0&node=node2"
#define NOTHING "Content-Length: 0\r\n"

/* A healthy pair behind a password, and somebody who takes what is asked for. */
static void
serve_actions(void)
{
	struct pgaf_error error = {0};

	stop();
	serve_with("sesame", true);
	ck_assert_int_eq(codec_read_snapshot(pair_text, loop_now(client_loop), &groups[1], &error),
	                 0);
	takes = true;
	asked_count = 0;
}

/* What a dry run says; its ticket is copied. */
static json_t *
rehearse(const char *path, char ticket[64])
{
	char request[512] = "";
	struct text text = TEXT(request);

	text_addf(&text, "GET %s" END_WITH(RIGHT), path);
	json_t *told = json_at(request);
	text_copy(ticket, 64, text_at(told, "ticket"));
	return told;
}

/* POST with a ticket and these headers. */
static const char *
post(const char *path, const char *ticket, const char *headers)
{
	char request[1024] = "";
	struct text text = TEXT(request);

	text_addf(&text,
	          "POST %s HTTP/1.1\r\nHost: db.example.org:8009\r\n" NOTHING
	          "Connection: close\r\n%s",
	          path, headers);
	if (ticket)
		text_addf(&text, "X-Pgaf-Ticket: %s\r\n", ticket);
	text_add(&text, "\r\n");
	return ask(request);
}

START_TEST(nothing_is_asked_for_unless_that_is_enabled)
{
	client_expect(ask("GET " SWITCHOVER END), 403);
	client_expect(ask("POST " SWITCHOVER " HTTP/1.1\r\nHost: localhost\r\n" NOTHING
	                  "Connection: close\r\n\r\n"),
	              405);
	stop();
	serve_with("", true); /* not without a password */
	client_expect(ask("GET " SWITCHOVER END), 403);
	client_expect(ask("POST " SWITCHOVER " HTTP/1.1\r\nHost: localhost\r\n" NOTHING
	                  "Connection: close\r\n\r\n"),
	              405);
	serve_actions();
	client_expect(ask("GET " SWITCHOVER END_WITH("")), 401);
	client_expect(post(SWITCHOVER, NULL, ""), 401);
	client_expect(post(SWITCHOVER, NULL, WRONG), 401);
	client_expect(post("/api/v1/state", NULL, RIGHT), 405);
	client_expect(post("/", NULL, RIGHT), 405);
	client_expect(ask("POST " SWITCHOVER " HTTP/1.1\r\nHost: db\r\n" RIGHT
	                  "Content-Length: 1\r\nConnection: close\r\n\r\nx"),
	              413);
	ck_assert_int_eq(asked_count, 0);
}
END_TEST

START_TEST(a_switchover_is_shown_and_then_asked_for_once)
{
	char ticket[64];
	char other[64];

	serve_actions();
	json_t *told = rehearse(SWITCHOVER, ticket);
	ck_assert_str_eq(text_at(told, "dry_run"), "switchover");
	ck_assert_msg(json_is_true(json_object_get(told, "possible")), "%s",
	              json_dumps(told, JSON_INDENT(1)));
	ck_assert_str_eq(text_at(told, "candidate"), "node2");
	ck_assert_uint_gt(json_array_size(json_object_get(told, "plan")), 0);
	ck_assert_int_eq(number_at(told, "epoch"), 10);
	json_decref(told);
	ck_assert_uint_eq(strlen(ticket), 32);

	json_decref(rehearse(SWITCHOVER "&node=node2", other));
	ck_assert_str_ne(ticket, other);
	client_expect(post(SWITCHOVER, NULL, RIGHT), 403);
	client_expect(post(SWITCHOVER, "", RIGHT), 403);
	client_expect(post(SWITCHOVER, "0123456789abcdef0123456789abcdef", RIGHT), 403);
	const char *reply = post(SWITCHOVER "&node=node2", other, RIGHT);
	client_expect(reply, 202);
	ck_assert_ptr_nonnull(strstr(reply, "Allow: GET, HEAD, OPTIONS, POST\r\n"));
	ck_assert_int_eq(asked_count, 1);
	ck_assert_int_eq(asked.request.kind, REQUEST_SWITCHOVER);
	ck_assert_uint_eq(asked.request.to, 2);
	ck_assert_str_eq(asked.key.formation, "default");
	client_expect(post(SWITCHOVER "&node=node2", other, RIGHT), 403);
	client_expect(post(SWITCHOVER, ticket, RIGHT), 202);
	ck_assert_uint_eq(asked.request.to, 0);
	ck_assert_int_eq(asked_count, 2);
}
END_TEST

START_TEST(a_drop_is_shown_and_then_asked_for)
{
	char ticket[64];

	serve_actions();
	json_t *told = rehearse(DROP, ticket);
	ck_assert_str_eq(text_at(told, "dry_run"), "drop");
	ck_assert_msg(json_is_true(json_object_get(told, "possible")), "%s",
	              json_dumps(told, JSON_INDENT(1)));
	json_decref(told);
	client_expect(post(SWITCHOVER "&node=node2", ticket, RIGHT), 403);
	json_decref(rehearse(DROP, ticket));
	takes = false;
	client_expect(post(DROP, ticket, RIGHT), 503);
	takes = true;
	json_decref(rehearse(DROP, ticket));
	client_expect(post(DROP, ticket, RIGHT), 202);
	ck_assert_int_eq(asked_count, 1);
	ck_assert_int_eq(asked.request.kind, REQUEST_NONE);
	ck_assert_uint_eq(asked.node, 2);
}
END_TEST

START_TEST(no_page_of_another_site_can_ask)
{
	static const char *const others[] = {
		RIGHT "Origin: http://evil.example.org\r\n", RIGHT "Origin: null\r\n",
		RIGHT "Origin: http://db.example.org\r\n", /* another port */
		RIGHT "Sec-Fetch-Site: cross-site\r\n",      RIGHT "Sec-Fetch-Site: same-site\r\n",
	};
	char ticket[64];

	serve_actions();
	json_decref(rehearse(SWITCHOVER, ticket));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		client_expect(post(SWITCHOVER, ticket, others[i]), 403);
	const char *reply =
		ask("OPTIONS " SWITCHOVER END_WITH(RIGHT "Origin: http://evil.example.org\r\n"));
	ck_assert_ptr_null(strstr(reply, "Access-Control"));
	ck_assert_int_eq(asked_count, 0);
	client_expect(post(SWITCHOVER, ticket,
	                   RIGHT "Origin: http://db.example.org:8009\r\n"
	                         "Sec-Fetch-Site: same-origin\r\n"),
	              202);
	ck_assert_int_eq(asked_count, 1);
}
END_TEST

START_TEST(what_is_not_as_it_was_shown_is_not_done)
{
	char ticket[64];

	serve_actions();
	json_decref(rehearse(SWITCHOVER, ticket));
	groups[1].group.epoch++;
	client_expect(post(SWITCHOVER, ticket, RIGHT), 409);
	json_decref(rehearse(SWITCHOVER, ticket));
	groups[1].nodes[1].priority = 0;
	client_expect(post(SWITCHOVER, ticket, RIGHT), 409);
	json_t *told = rehearse(SWITCHOVER, ticket);
	ck_assert(json_is_false(json_object_get(told, "possible")));
	ck_assert_str_eq(ticket, "");
	json_decref(told);
	groups[1].group.request.kind = REQUEST_FAILOVER;
	client_expect(ask("GET " SWITCHOVER END_WITH(RIGHT)), 409);
	groups[1].group.request.kind = REQUEST_NONE;
	client_expect(ask("GET " SWITCHOVER "&node=node1" END_WITH(RIGHT)), 409);
	client_expect(ask("GET " SWITCHOVER "&node=node9" END_WITH(RIGHT)), 404);
	client_expect(ask("GET /api/v1/switchover?group=7" END_WITH(RIGHT)), 404);
	client_expect(ask("GET /api/v1/switchover?group=x" END_WITH(RIGHT)), 400);
	client_expect(ask("GET /api/v1/drop" END_WITH(RIGHT)), 400);
	ck_assert_int_eq(asked_count, 0);
}
END_TEST

/* ---- the stream ---------------------------------------------------------------------- */

static char heard[1 << 18];
static size_t heard_used;

static int
watch(void)
{
	static const char request[] = "GET /api/v1/stream" END;
	int fd = client_dial(AF_INET);

	heard_used = 0;
	ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL),
	                 (ssize_t)strlen(request));
	return fd;
}

/* Until this is heard behind what was waited for before. */
static void
wait_for(int fd, const char *what)
{
	pgaf_time until = loop_now(client_loop) + PGAF_SECONDS(20);
	const char *found = NULL;

	for (;;) {
		heard[heard_used] = '\0';
		found = strstr(heard, what);
		if (found)
			break;
		ck_assert_msg(loop_now(client_loop) < until, "\"%s\" was not heard", what);
		ssize_t count =
			recv(fd, heard + heard_used, sizeof(heard) - heard_used - 1, MSG_DONTWAIT);
		if (count > 0)
			heard_used += (size_t)count;
		else
			client_turn(5);
	}
	heard_used -= (size_t)(found - heard) + strlen(what);
	memmove(heard, found + strlen(what), heard_used);
}

START_TEST(who_watches_is_told_everything_and_then_what_changes)
{
	struct store_group_key key = {.formation = "default", .id = 0};
	int fd = 0;

	dashboard_changed(dashboard, &key);
	tell(4, "default", 0);
	fd = watch();
	wait_for(fd, "Content-Type: text/event-stream\r\n");
	wait_for(fd, "event: monitor\ndata: {\"version\":");
	wait_for(fd, "event: group\ndata: {\"formation\":\"another\"");
	wait_for(fd, "event: group\ndata: {\"formation\":\"default\",\"epoch\":41");
	wait_for(fd, "\"waits_for\":");
	wait_for(fd, "event: events\ndata: [{\"event_id\":4,");

	groups[1].group.epoch = 50;
	groups[1].group.history_count = 1;
	groups[1].group.history[0] =
		(struct timeline){.number = 4, .parent = 3, .fork = 0x3000060, .node = 2};
	groups[1].nodes[0].report.promoted_timeline = 3;
	groups[1].nodes[0].report.peer_count = 1;
	groups[1].nodes[0].report.peers[0] = (struct peer_view){.node = 2, .reached = true};
	dashboard_changed(dashboard, &key);
	dashboard_changed(dashboard, &key);
	wait_for(fd, "event: group\ndata: {\"formation\":\"default\",\"epoch\":50");
	wait_for(fd, "\"peers\":[{\"node_id\":2,\"reached\":true}]");
	wait_for(fd, "{\"number\":4,\"parent\":3,\"fork\":\"0/3000060\",\"node_id\":2}");
	tell(5, "default", 0);
	wait_for(fd, "event: events\ndata: [{\"event_id\":5,");
	const struct dashboard_action action = {.key = key, .node = 2};
	dashboard_asked(dashboard, &action, NULL);
	wait_for(fd, "event: asked\ndata: {\"asked\":\"drop\",\"formation\":\"default\",");
	wait_for(fd, "\"error\":null}");
	works = false;
	dashboard_store(dashboard);
	wait_for(fd, "\"store_open\":false");

	/* What looks as before is not told again; a group that is gone is. */
	dashboard_changed(dashboard, &key);
	key.id = 1;
	groups[0].group.id = 9;
	dashboard_changed(dashboard, &key);
	wait_for(fd, "event: gone\ndata: {\"formation\":\"default\",\"group_id\":1}");
	ck_assert_ptr_null(strstr(heard, "event: group"));
	close(fd);
}
END_TEST

START_TEST(the_stream_beats_and_is_for_a_few)
{
	int fds[HTTP_STREAMS_MAX];

	client_expect(ask("HEAD /api/v1/stream" END), 200);
	for (size_t i = 0; i < HTTP_STREAMS_MAX; i++) {
		fds[i] = watch();
		wait_for(fds[i], "event: events");
	}
	client_expect(ask("GET /api/v1/stream" END), 503);
	wait_for(fds[HTTP_STREAMS_MAX - 1], "\n:\n\n");
	for (size_t i = 0; i < HTTP_STREAMS_MAX; i++)
		close(fds[i]);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("dashboard");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, start, stop);
	tcase_add_test(tests, healthz_says_whether_the_store_answers);
	tcase_add_test(tests, the_state_is_that_of_each_formation);
	tcase_add_test(tests, a_node_is_shown_as_pgaf_ctl_shows_it);
	tcase_add_test(tests, one_group_and_none);
	tcase_add_test(tests, events_come_in_the_order_of_their_numbers);
	tcase_add_test(tests, old_events_make_room);
	tcase_add_test(tests, a_password_guards_all_but_healthz);
	tcase_add_test(tests, without_a_password_no_name_of_others_is_listened_to);
	tcase_add_test(tests, beyond_this_machine_a_password_is_needed);
	tcase_add_test(tests, the_page_is_whole_and_may_run_only_what_is_in_it);
	tcase_add_test(tests, nothing_is_asked_for_unless_that_is_enabled);
	tcase_add_test(tests, a_switchover_is_shown_and_then_asked_for_once);
	tcase_add_test(tests, a_drop_is_shown_and_then_asked_for);
	tcase_add_test(tests, no_page_of_another_site_can_ask);
	tcase_add_test(tests, what_is_not_as_it_was_shown_is_not_done);
	tcase_add_test(tests, who_watches_is_told_everything_and_then_what_changes);
	tcase_add_test(tests, the_stream_beats_and_is_for_a_few);
	return suite_run("dashboard", tests);
}
