/* SPDX-License-Identifier: PostgreSQL */
/* Plain sockets, without any library for HTTP: what is sent is what a test says. */

#include "unit/http/client.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pure/text.h"

#define LIMIT PGAF_SECONDS(20)

struct loop *client_loop;
uint16_t client_port;

/* A port nobody has at this moment. */
uint16_t
client_free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t length = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &length), 0);
	close(fd);
	return ntohs(at.sin_port);
}

void
client_turn(int timeout_ms)
{
	struct pollfd ready = {.fd = loop_fd(client_loop), .events = POLLIN};
	pgaf_time left = loop_deadline(client_loop) - loop_now(client_loop);

	if (left < PGAF_MSEC(timeout_ms))
		timeout_ms = left <= 0 ? 0 : (int)(left / PGAF_MSEC(1)) + 1;
	poll(&ready, 1, timeout_ms);
	loop_dispatch(client_loop);
}

int
client_dial(int family)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in four = {.sin_family = AF_INET};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	four.sin_port = six.sin6_port = htons(client_port);
	int failed = family == AF_INET ? connect(fd, (struct sockaddr *)&four, sizeof(four))
	                               : connect(fd, (struct sockaddr *)&six, sizeof(six));
	if (failed == 0)
		return fd;
	close(fd);
	return -1;
}

/* Everything up to the end of the connection. */
void
client_read(int fd, char *to, size_t room)
{
	pgaf_time until = loop_now(client_loop) + LIMIT;
	size_t used = 0;

	while (loop_now(client_loop) < until) {
		ssize_t count = recv(fd, to + used, room - used - 1, MSG_DONTWAIT);
		if (count == 0 || (count < 0 && errno == ECONNRESET))
			break;
		if (count < 0)
			client_turn(5);
		else
			used += (size_t)count;
	}
	ck_assert(loop_now(client_loop) < until);
	to[used] = '\0';
}

const char *
client_ask(int family, const char *request)
{
	static char reply[1 << 18];
	int fd = client_dial(family);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL),
	                 (ssize_t)strlen(request));
	client_read(fd, reply, sizeof(reply));
	close(fd);
	return reply;
}

void
client_expect(const char *reply, int status)
{
	char line[32] = "";
	struct text text = TEXT(line);

	text_addf(&text, "HTTP/1.1 %d ", status);
	ck_assert_msg(strncmp(reply, line, strlen(line)) == 0, "%s", reply);
}

const char *
client_body(const char *reply)
{
	const char *gap = strstr(reply, "\r\n\r\n");

	ck_assert_ptr_nonnull(gap);
	return gap + 4;
}
