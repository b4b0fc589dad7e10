/* SPDX-License-Identifier: PostgreSQL */
/* The server over real sockets, client and server turned by one loop. */

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "http/http.h"

#define LIMIT PGAF_SECONDS(20)

static struct loop *loop;
static struct http *http;
static uint16_t port;
static char seen[512]; /* what the handler was asked */

static void
answer(void *ctx, const struct http_request *request, struct http_answer *reply)
{
	struct text text = TEXT(seen);
	const char *lag = request->argument(request, "lag");

	ck_assert_ptr_eq(ctx, &port);
	text_addf(&text, "%s %s lag=%s user=%s password=%s", request->method, request->path,
	          lag != NULL ? lag : "-", request->user != NULL ? request->user : "-",
	          request->password != NULL ? request->password : "-");
	reply->status = strcmp(request->path, "/secret") == 0 ? 401 : 200;
	reply->type = "application/json";
	reply->body = strdup("{\"a\":1}");
}

/* A port nobody has at this moment. */
static uint16_t
free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t length = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &length), 0);
	close(fd);
	return ntohs(at.sin_port);
}

static struct http *
serve(const char *host, struct pgaf_error *error)
{
	char address[64] = "";
	struct text text = TEXT(address);

	text_addf(&text, "%s:%u", host, port);
	return http_new(loop, address, answer, &port, error);
}

static void
start(void)
{
	struct pgaf_error error = {0};

	loop = loop_new(&error);
	port = free_port();
	http = serve("[::]", &error);
	ck_assert_msg(http != NULL, "%s", error.text);
}

static void
stop(void)
{
	http_free(http);
	loop_free(loop);
}

static void
turn(int timeout_ms)
{
	struct pollfd ready = {.fd = loop_fd(loop), .events = POLLIN};
	pgaf_time left = loop_deadline(loop) - loop_now(loop);

	if (left < PGAF_MSEC(timeout_ms))
		timeout_ms = left <= 0 ? 0 : (int)(left / PGAF_MSEC(1)) + 1;
	poll(&ready, 1, timeout_ms);
	loop_dispatch(loop);
}

static int
dial(int family)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in four = {.sin_family = AF_INET};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	four.sin_port = six.sin6_port = htons(port);
	int failed = family == AF_INET ? connect(fd, (struct sockaddr *)&four, sizeof(four))
	                               : connect(fd, (struct sockaddr *)&six, sizeof(six));
	if (failed == 0)
		return fd;
	close(fd);
	return -1;
}

/* Everything up to the end of the connection. */
static void
read_answer(int fd, char *to, size_t room)
{
	pgaf_time until = loop_now(loop) + LIMIT;
	size_t used = 0;

	while (loop_now(loop) < until) {
		ssize_t count = recv(fd, to + used, room - used - 1, MSG_DONTWAIT);
		if (count == 0 || (count < 0 && errno == ECONNRESET))
			break;
		if (count < 0)
			turn(5);
		else
			used += (size_t)count;
	}
	ck_assert(loop_now(loop) < until);
	to[used] = '\0';
}

static const char *
ask_over(int family, const char *request)
{
	static char reply[8192];
	int fd = dial(family);

	ck_assert_int_ge(fd, 0);
	seen[0] = '\0';
	ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL),
	                 (ssize_t)strlen(request));
	read_answer(fd, reply, sizeof(reply));
	close(fd);
	return reply;
}

static const char *
ask(const char *request)
{
	return ask_over(AF_INET, request);
}

#define END " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void
expect_status(const char *reply, int status)
{
	char line[32] = "";
	struct text text = TEXT(line);

	text_addf(&text, "HTTP/1.1 %d ", status);
	ck_assert_msg(strncmp(reply, line, strlen(line)) == 0, "%s", reply);
}

static const char *
body_of(const char *reply)
{
	const char *gap = strstr(reply, "\r\n\r\n");

	ck_assert_ptr_nonnull(gap);
	return gap + 4;
}

START_TEST(test_get_is_answered_with_body_and_type)
{
	const char *reply = ask("GET /replica?lag=10MB" END);

	expect_status(reply, 200);
	ck_assert_ptr_nonnull(strstr(reply, "Content-Type: application/json\r\n"));
	ck_assert_ptr_nonnull(strstr(reply, "Content-Length: 7\r\n"));
	ck_assert_str_eq(body_of(reply), "{\"a\":1}");
	ck_assert_str_eq(seen, "GET /replica lag=10MB user=- password=-");
}
END_TEST

START_TEST(test_head_and_options)
{
	expect_status(ask("HEAD /primary" END), 200);
	ck_assert_str_eq(body_of(ask("HEAD /primary" END)), "");
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
		expect_status(reply, 405);
		ck_assert_ptr_nonnull(strstr(reply, "Allow: GET, HEAD, OPTIONS\r\n"));
		ck_assert_str_eq(seen, "");
	}
}
END_TEST

START_TEST(test_bodies_are_refused_unread)
{
	expect_status(ask("GET /primary HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nx"),
	              413);
	ck_assert_str_eq(seen, "");
	expect_status(ask("GET /primary HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
	                  "Connection: close\r\n\r\n"),
	              200);
}
END_TEST

START_TEST(test_basic_authentication)
{
	const char *reply = ask("GET /secret" END);

	expect_status(reply, 401);
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
	int fd = dial(AF_INET);

	ck_assert_int_eq(send(fd, both, strlen(both), MSG_NOSIGNAL), (ssize_t)strlen(both));
	read_answer(fd, reply, sizeof(reply));
	const char *second = strstr(body_of(reply), "HTTP/1.1 200");
	ck_assert_ptr_nonnull(second);
	ck_assert_str_eq(seen, "GET /two lag=- user=- password=-");
	close(fd);
}
END_TEST

START_TEST(test_ipv6_and_ipv4_alike)
{
	int six = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	expect_status(ask_over(AF_INET, "GET /" END), 200);
	if (six < 0)
		return;
	close(six);
	expect_status(ask_over(AF_INET6, "GET /" END), 200);
}
END_TEST

START_TEST(test_more_connections_than_allowed_do_no_harm)
{
	int idle[80];

	for (size_t i = 0; i < 80; i++) {
		idle[i] = dial(AF_INET);
		ck_assert_int_ge(idle[i], 0);
		turn(0);
	}
	for (size_t i = 0; i < 80; i++)
		close(idle[i]);
	for (int i = 0; i < 20; i++)
		turn(1);
	expect_status(ask("GET /" END), 200);
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
	int fd = dial(AF_INET);
	send(fd, huge, sizeof(huge) - 1, MSG_NOSIGNAL);
	read_answer(fd, huge, sizeof(huge));
	close(fd);
	ck_assert_str_eq(seen, "");
	expect_status(ask("GET /" END), 200);
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
	text_addf(&text, "serve HTTP on [::]:%u: Address already in use", port);
	ck_assert_str_eq(error.text, expected);
	ck_assert_ptr_null(serve("127.0.0.1", &error));

	ck_assert_ptr_null(http_new(loop, "nonsense", answer, &port, &error));
	ck_assert_int_eq(error.code, PGAF_EINVAL);
	ck_assert_str_eq(error.text, "\"nonsense\" is no address to serve HTTP on");
	ck_assert_ptr_null(http_new(loop, "192.0.2.1:22000", answer, &port, &error));
	ck_assert_int_eq(error.code, PGAF_ESYS);

	http_free(http);
	http = serve("127.0.0.1", &error);
	ck_assert_ptr_nonnull(http);
	expect_status(ask("GET /" END), 200);
	ck_assert_int_lt(dial(AF_INET6), 0);

	/* The port is free again at once, although a connection has just been closed. */
	http_free(http);
	http = serve("", &error);
	ck_assert_msg(http != NULL, "%s", error.text);
	expect_status(ask("GET /" END), 200);
}
END_TEST

int
main(void)
{
	Suite *all = suite_create("http");
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
	suite_add_tcase(all, tests);

	SRunner *runner = srunner_create(all);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
