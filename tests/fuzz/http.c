/* SPDX-License-Identifier: PostgreSQL */
/*
 * The HTTP server over a real socket: every input is one connection whose other
 * end sends it, reads what comes and goes away without a word.
 */

#include "fuzz/fuzz.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http.h"

#define SEND_MAX 65536 /* what the kernel takes at once */
#define IDLE_TURNS 3   /* of the loop without a byte: the server waits for us */

static struct loop *loop;
static uint16_t port;

static void
answer(void *ctx, const struct http_request *request, struct http_answer *reply)
{
	const char *lag = request->argument(request, "lag");

	(void)ctx;
	FUZZ_CHECK(strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0 ||
	           strcmp(request->method, "OPTIONS") == 0);
	FUZZ_CHECK(request->path != NULL);
	FUZZ_CHECK(request->user != NULL || request->password == NULL);
	reply->status = strcmp(request->path, "/secret") == 0 ? 401 : 200;
	reply->type = "text/plain";
	reply->body = strdup(lag != NULL ? lag : "");
}

/* A port nobody has at this moment. */
static uint16_t
free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t length = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	FUZZ_CHECK(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	FUZZ_CHECK(getsockname(fd, (struct sockaddr *)&at, &length) == 0);
	close(fd);
	return ntohs(at.sin_port);
}

static void
start(void)
{
	struct pgaf_error error = {0};
	char address[32];

	loop = loop_new(&error);
	FUZZ_CHECK(loop != NULL);
	port = free_port();
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	FUZZ_CHECK(http_new(loop, address, answer, NULL, &error) != NULL);
}

static int
dial(void)
{
	/* An end with RST leaves no port in TIME_WAIT, of which there are not enough. */
	const struct linger linger = {.l_onoff = 1};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	FUZZ_CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	FUZZ_CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
	return fd;
}

/* What there is of an answer once the server has nothing more to do: loopback delivers at once, so
 * there is nothing to wait for. */
static size_t
exchange(int fd, char *reply, size_t room)
{
	size_t used = 0;

	for (int idle = 0; idle < IDLE_TURNS && used < room; idle++) {
		loop_dispatch(loop);
		ssize_t got = recv(fd, reply + used, room - used, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			break;
		if (got > 0) {
			used += (size_t)got;
			idle = 0;
		}
	}
	return used;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char reply[1 << 16];

	if (loop == NULL)
		start();
	int fd = dial();
	size = size < SEND_MAX ? size : SEND_MAX;
	FUZZ_CHECK(send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size);
	size_t used = exchange(fd, reply, sizeof(reply));
	FUZZ_CHECK(used == 0 || (used > 12 && strncmp(reply, "HTTP/1.", 7) == 0));
	close(fd);
	loop_dispatch(loop);
	return 0;
}
