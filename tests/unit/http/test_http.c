/* SPDX-License-Identifier: PostgreSQL */
/* The server over real sockets, client and server turned by one loop. */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "http/http.h"
#include "unit/http/client.h"
#include "unit/suite.h"

static struct http *http;
static char seen[512]; /* what the handler was asked */
static struct http_stream *stream;
static int streams_gone;

static void
stream_gone(void *ctx)
{
	ck_assert_ptr_eq(ctx, &seen);
	streams_gone++;
}

static void
answer(void *ctx, const struct http_request *request, struct http_answer *reply)
{
	struct text text = TEXT(seen);
	const char *lag = request->argument(request, "lag");

	ck_assert_ptr_eq(ctx, &client_port);
	text_addf(&text, "%s %s lag=%s user=%s password=%s", request->method, request->path,
	          lag != NULL ? lag : "-", request->user != NULL ? request->user : "-",
	          request->password != NULL ? request->password : "-");
	reply->status = strcmp(request->path, "/secret") == 0 ? 401 : 200;
	reply->type = "application/json";
	if (strcmp(request->path, "/stream") == 0) {
		stream = http_stream_new(http, stream_gone, &seen);
		reply->stream = stream;
		reply->status = stream ? 200 : 503;
		return;
	}
	reply->body = strdup("{\"a\":1}");
}

static struct http *
serve(const char *host, struct pgaf_error *error)
{
	char address[64] = "";
	struct text text = TEXT(address);

	text_addf(&text, "%s:%u", host, client_port);
	return http_new(client_loop, address, answer, &client_port, error);
}

static void
start(void)
{
	struct pgaf_error error = {0};

	client_loop = loop_new(&error);
	client_port = client_free_port();
	http = serve("[::]", &error);
	ck_assert_msg(http != NULL, "%s", error.text);
}

static void
stop(void)
{
	http_free(http);
	loop_free(client_loop);
}

static const char *
ask_over(int family, const char *request)
{
	seen[0] = '\0';
	return client_ask(family, request);
}

static const char *
ask(const char *request)
{
	return ask_over(AF_INET, request);
}

#define END " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

START_TEST(test_get_is_answered_with_body_and_type)
{
	const char *reply = ask("GET /replica?lag=10MB" END);

	client_expect(reply, 200);
	ck_assert_ptr_nonnull(strstr(reply, "Content-Type: application/json\r\n"));
	ck_assert_ptr_nonnull(strstr(reply, "Content-Length: 7\r\n"));
	ck_assert_str_eq(client_body(reply), "{\"a\":1}");
	ck_assert_str_eq(seen, "GET /replica lag=10MB user=- password=-");
}
END_TEST

START_TEST(test_head_and_options)
{
	client_expect(ask("HEAD /primary" END), 200);
	ck_assert_str_eq(client_body(ask("HEAD /primary" END)), "");
	ck_assert_str_eq(seen, "HEAD /primary lag=- user=- password=-");
	const char *reply = ask("OPTIONS /primary HTTP/1.0\r\n\r\n");
	ck_assert_ptr_nonnull(strstr(reply, " 200 "));
	ck_assert_ptr_nonnull(strstr(reply, "Allow: GET, HEAD, OPTIONS\r\n"));
	ck_assert_str_eq(seen, "OPTIONS /primary lag=- user=- password=-");
}
END_TEST

START_TEST(test_other_methods_are_refused)
{
	static const char *const requests[] = {
		"POST /primary HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"PUT /primary HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
		("DELETE /primary" END),
		"PATCH /primary HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		const char *reply = ask(requests[i]);
		client_expect(reply, 405);
		ck_assert_ptr_nonnull(strstr(reply, "Allow: GET, HEAD, OPTIONS\r\n"));
		ck_assert_str_eq(seen, "");
	}
}
END_TEST

START_TEST(test_bodies_are_refused_unread)
{
	client_expect(ask("GET /primary HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nx"),
	              413);
	ck_assert_str_eq(seen, "");
	client_expect(ask("GET /primary HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
	                  "Connection: close\r\n\r\n"),
	              200);
}
END_TEST

START_TEST(test_basic_authentication)
{
	const char *reply = ask("GET /secret" END);

	client_expect(reply, 401);
	ck_assert_ptr_nonnull(strstr(reply, "WWW-Authenticate: Basic realm=\"pgaf\""));
	ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	    "Authorization: Basic dXNlcjpwYTpzcw==\r\n\r\n");
	ck_assert_str_eq(seen, "GET / lag=- user=user password=pa:ss");
}
END_TEST

START_TEST(test_one_connection_serves_many_requests)
{
	char reply[4096];
	const char *both = "GET /one HTTP/1.1\r\nHost: x\r\n\r\nGET /two" END;
	int fd = client_dial(AF_INET);

	ck_assert_int_eq(send(fd, both, strlen(both), MSG_NOSIGNAL), (ssize_t)strlen(both));
	client_read(fd, reply, sizeof(reply));
	const char *second = strstr(client_body(reply), "HTTP/1.1 200");
	ck_assert_ptr_nonnull(second);
	ck_assert_str_eq(seen, "GET /two lag=- user=- password=-");
	close(fd);
}
END_TEST

START_TEST(test_ipv6_and_ipv4_alike)
{
	int six = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	client_expect(ask_over(AF_INET, "GET /" END), 200);
	if (six < 0)
		return;
	close(six);
	client_expect(ask_over(AF_INET6, "GET /" END), 200);
}
END_TEST

START_TEST(test_more_connections_than_allowed_do_no_harm)
{
	int idle[80];

	for (size_t i = 0; i < 80; i++) {
		idle[i] = client_dial(AF_INET);
		ck_assert_int_ge(idle[i], 0);
		client_turn(0);
	}
	for (size_t i = 0; i < 80; i++)
		close(idle[i]);
	for (int i = 0; i < 20; i++)
		client_turn(1);
	client_expect(ask("GET /" END), 200);
}
END_TEST

START_TEST(test_garbage_is_survived)
{
	char huge[20000];

	ask("\r\n\r\n\x01\x02nonsense\r\n\r\n");
	ck_assert_str_eq(seen, "");
	memset(huge, 'a', sizeof(huge) - 1);
	memcpy(huge, "GET /", 5);
	memcpy(huge + sizeof(huge) - 14, " HTTP/1.0\r\n\r\n", 14);
	int fd = client_dial(AF_INET);
	send(fd, huge, sizeof(huge) - 1, MSG_NOSIGNAL);
	client_read(fd, huge, sizeof(huge));
	close(fd);
	ck_assert_str_eq(seen, "");
	client_expect(ask("GET /" END), 200);
}
END_TEST

START_TEST(test_addresses)
{
	struct pgaf_error error = {0};
	char expected[128] = "";
	struct text text = TEXT(expected);

	ck_assert_ptr_null(serve("[::]", &error));
	ck_assert_int_eq(error.code, PGAF_ESYS);
	ck_assert_int_eq(error.sys, EADDRINUSE);
	text_addf(&text, "serve HTTP on [::]:%u: Address already in use", client_port);
	ck_assert_str_eq(error.text, expected);
	ck_assert_ptr_null(serve("127.0.0.1", &error));

	ck_assert_ptr_null(http_new(client_loop, "nonsense", answer, &client_port, &error));
	ck_assert_int_eq(error.code, PGAF_EINVAL);
	ck_assert_str_eq(error.text, "\"nonsense\" is no address to serve HTTP on");
	ck_assert_ptr_null(http_new(client_loop, "192.0.2.1:22000", answer, &client_port, &error));
	ck_assert_int_eq(error.code, PGAF_ESYS);

	http_free(http);
	http = serve("127.0.0.1", &error);
	ck_assert_ptr_nonnull(http);
	client_expect(ask("GET /" END), 200);
	ck_assert_int_lt(client_dial(AF_INET6), 0);

	/* The port is free again at once, although a connection has just been closed. */
	http_free(http);
	http = serve("", &error);
	ck_assert_msg(http != NULL, "%s", error.text);
	client_expect(ask("GET /" END), 200);
}
END_TEST

/* ---- answers without an end ------------------------------------------------------- */

static int
open_stream(void)
{
	static const char request[] = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";
	int fd = client_dial(AF_INET);

	ck_assert_int_ge(fd, 0);
	stream = NULL;
	seen[0] = '\0';
	ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL),
	                 (ssize_t)strlen(request));
	for (int i = 0; i < 1000 && seen[0] == '\0'; i++)
		client_turn(5);
	ck_assert_str_ne(seen, "");
	return fd;
}

/* Reads until this was seen. */
static void
read_until(int fd, const char *what)
{
	static char room[65536];
	pgaf_time until = loop_now(client_loop) + PGAF_SECONDS(20);
	size_t used = 0;

	room[0] = '\0';
	while (!strstr(room, what)) {
		ssize_t count = recv(fd, room + used, sizeof(room) - used - 1, MSG_DONTWAIT);
		ck_assert_msg(loop_now(client_loop) < until, "\"%s\" did not come: %s", what, room);
		if (count > 0)
			used += (size_t)count;
		else
			client_turn(5);
		room[used] = '\0';
	}
}

START_TEST(test_a_stream_sends_what_is_written_when_it_is_written)
{
	int fd = open_stream();

	ck_assert_ptr_nonnull(stream);
	read_until(fd, "\r\n\r\n");
	http_stream_write(stream, "one", 3);
	read_until(fd, "one");
	http_stream_write(stream, "two", 3);
	http_stream_write(stream, "three", 5);
	read_until(fd, "twothree");
	ck_assert_int_eq(streams_gone, 0);

	/* Nobody reads any more: it is noticed when there is something to send. */
	close(fd);
	for (int i = 0; i < 1000 && streams_gone == 0; i++) {
		http_stream_write(stream, "x", 1);
		client_turn(5);
		client_turn(0);
	}
	ck_assert_int_eq(streams_gone, 1);
}
END_TEST

START_TEST(test_a_slow_reader_is_dropped_and_harms_nobody)
{
	static char much[65536];
	int slow = open_stream();

	memset(much, 'a', sizeof(much));
	for (size_t sent = 0; sent < 64 * HTTP_STREAM_ROOM && streams_gone == 0;
	     sent += sizeof(much)) {
		http_stream_write(stream, much, sizeof(much));
		client_turn(0);
	}
	client_expect(ask("GET /" END), 200);
	for (int i = 0; i < 4000 && streams_gone == 0; i++)
		client_turn(5);
	ck_assert_int_eq(streams_gone, 1);
	close(slow);
}
END_TEST

START_TEST(test_streams_are_few_and_end_with_the_server)
{
	int fds[HTTP_STREAMS_MAX];

	for (size_t i = 0; i < HTTP_STREAMS_MAX; i++) {
		fds[i] = open_stream();
		ck_assert_ptr_nonnull(stream);
	}
	client_expect(ask("GET /stream" END), 503);
	ck_assert_ptr_null(stream);
	http_free(http);
	http = NULL;
	ck_assert_int_eq(streams_gone, HTTP_STREAMS_MAX);
	for (size_t i = 0; i < HTTP_STREAMS_MAX; i++)
		close(fds[i]);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("http");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, start, stop);
	tcase_add_test(tests, test_get_is_answered_with_body_and_type);
	tcase_add_test(tests, test_head_and_options);
	tcase_add_test(tests, test_other_methods_are_refused);
	tcase_add_test(tests, test_bodies_are_refused_unread);
	tcase_add_test(tests, test_basic_authentication);
	tcase_add_test(tests, test_one_connection_serves_many_requests);
	tcase_add_test(tests, test_ipv6_and_ipv4_alike);
	tcase_add_test(tests, test_more_connections_than_allowed_do_no_harm);
	tcase_add_test(tests, test_garbage_is_survived);
	tcase_add_test(tests, test_addresses);
	tcase_add_test(tests, test_a_stream_sends_what_is_written_when_it_is_written);
	tcase_add_test(tests, test_a_slow_reader_is_dropped_and_harms_nobody);
	tcase_add_test(tests, test_streams_are_few_and_end_with_the_server);
	return suite_run("http", tests);
}
