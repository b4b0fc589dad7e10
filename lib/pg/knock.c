/* SPDX-License-Identifier: PostgreSQL */
/*
 * A knock: connect, ask for encryption, wait for one byte. The answer needs
 * the postmaster to accept and to fork, but no login, no slot, and leaves no
 * line in the server's log. The request is for GSSAPI encryption rather than
 * TLS: after a "yes" to TLS the server logs that we did not go on, after a "yes"
 * to GSSAPI it does not (measured, 15.18).
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "pg/conn.h"
#include "pg/failure.h"

struct knock {
	struct loop         *loop;
	struct loop_timer   *timer; /* the limit, or an outcome to tell */
	struct loop_resolve *resolve;
	struct loop_watch   *watch;
	int                  fd;
	uint32_t             port;
	bool                 asked; /* connected, the request is written */
	bool                 decided;
	enum knock_outcome   outcome;
	void (*answered)(void *ctx, enum knock_outcome outcome);
	void                *ctx;
};

void
knock_cancel(struct knock *knock)
{
	if (!knock)
		return;
	loop_resolve_cancel(knock->resolve);
	loop_watch_free(knock->watch);
	loop_timer_free(knock->timer);
	if (knock->fd >= 0)
		close(knock->fd);
	free(knock);
}

static void
knock_tell(struct knock *knock, enum knock_outcome outcome)
{
	void (*answered)(void *ctx, enum knock_outcome outcome) = knock->answered;
	void *ctx = knock->ctx;

	knock_cancel(knock);
	answered(ctx, outcome);
}

static void
knock_timer_fired(void *ctx)
{
	struct knock *knock = ctx;

	knock_tell(knock, knock->decided ? knock->outcome : KNOCK_TIMEOUT);
}

/* From within knock_start: the outcome is told by the loop, not by the call. */
static void
knock_tell_soon(struct knock *knock, enum knock_outcome outcome)
{
	knock->decided = true;
	knock->outcome = outcome;
	loop_timer_set(knock->timer, loop_now(knock->loop));
}

static enum knock_outcome
knock_outcome_of(int code)
{
	switch (failure_of_errno(code)) {
	case CONN_TIMEOUT:
		return KNOCK_TIMEOUT;
	case CONN_REFUSED:
	case CONN_CLOSED:
		return KNOCK_REFUSED;
	case CONN_UNREACHABLE:
	case CONN_STARTING:
	case CONN_STOPPING:
	case CONN_FULL:
	case CONN_REJECTED:
	case CONN_OTHER:
	default:
		return KNOCK_UNREACHABLE;
	}
}

/* Request codes of the startup protocol: length 8, then 1234.5680. */
static int
knock_ask(struct knock *knock)
{
	static const unsigned char request[8] = {0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30};
	int code = 0;
	socklen_t size = sizeof(code);

	if (getsockopt(knock->fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0)
		return errno;
	if (code != 0)
		return code;
	if (send(knock->fd, request, sizeof(request), MSG_NOSIGNAL) < 0)
		return errno;
	knock->asked = true;
	return 0;
}

static void
knock_ready(void *ctx, int events)
{
	struct knock *knock = ctx;
	ssize_t got = 0;
	char answer = 0;
	int code = 0;

	(void)events;
	if (!knock->asked) {
		code = knock_ask(knock);
		if (code != 0)
			knock_tell(knock, knock_outcome_of(code));
		else
			loop_watch_set(knock->watch, LOOP_READ);
		return;
	}
	got = recv(knock->fd, &answer, 1, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* An end without a word is a proxy whose server is gone, or a dying postmaster. */
	if (got == 0)
		knock_tell(knock, KNOCK_REFUSED);
	else
		knock_tell(knock, got > 0 ? KNOCK_ACCEPTED : knock_outcome_of(errno));
}

static void
knock_connect(struct knock *knock, const struct sockaddr *address, socklen_t size)
{
	knock->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (knock->fd < 0) {
		knock_tell_soon(knock, KNOCK_UNREACHABLE);
		return;
	}
	/* A Unix socket whose backlog is full says EAGAIN: the postmaster does not accept. */
	if (connect(knock->fd, address, size) < 0 && errno != EINPROGRESS) {
		if (errno != EAGAIN)
			knock_tell_soon(knock, knock_outcome_of(errno));
		return;
	}
	knock->watch = loop_watch_new(knock->loop, knock->fd, knock_ready, knock);
	if (knock->watch)
		loop_watch_set(knock->watch, LOOP_WRITE);
	else
		knock_tell_soon(knock, KNOCK_UNREACHABLE);
}

static void
knock_resolved(void *ctx, const char *address)
{
	struct knock *knock = ctx;
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	                         .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char port[16];

	knock->resolve = NULL;
	snprintf(port, sizeof(port), "%u", knock->port);
	if (address[0] == '\0' || getaddrinfo(address, port, &hints, &found) != 0) {
		knock_tell_soon(knock, KNOCK_UNREACHABLE);
		return;
	}
	knock_connect(knock, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
}

static void
knock_connect_unix(struct knock *knock, const char *directory)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.%u",
	                      directory, knock->port);

	if (length < 0 || (size_t)length >= sizeof(address.sun_path))
		knock_tell_soon(knock, KNOCK_UNREACHABLE);
	else
		knock_connect(knock, (const struct sockaddr *)&address, sizeof(address));
}

struct knock *
knock_start(struct loop *loop, const struct knock_target *target,
            void (*answered)(void *ctx, enum knock_outcome outcome), void *ctx)
{
	struct knock *knock = calloc(1, sizeof(*knock));
	struct loop_resolve *resolve = NULL;

	if (!knock)
		return NULL;
	*knock = (struct knock){
		.loop = loop, .fd = -1, .port = target->port, .answered = answered, .ctx = ctx};
	knock->timer = loop_timer_new(loop, knock_timer_fired, knock);
	if (!knock->timer) {
		knock_cancel(knock);
		return NULL;
	}
	loop_timer_set(knock->timer, loop_now(loop) + target->limit);
	if (target->host[0] == '/') {
		knock_connect_unix(knock, target->host);
		return knock;
	}
	resolve = loop_resolve_start(loop, target->host, knock_resolved, knock);
	/* NULL: it was answered in the call, and what came of it waits in the loop. */
	if (resolve)
		knock->resolve = resolve;
	return knock;
}
