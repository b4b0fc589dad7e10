/* SPDX-License-Identifier: PostgreSQL */
/*
 * libmicrohttpd without threads: its epoll descriptor is watched by the loop,
 * its idea of the next timeout is a timer. Requests are answered at once and
 * their bodies refused unread.
 */

#include "http/http_parts.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/options.h"
#include "base/pure/error.h"
#include "base/pure/text.h"
#include "base/sys.h"

#define CONNECTIONS_MAX 64u
#define CONNECTION_SECONDS 10u
#define CONNECTION_MEMORY ((size_t)8 * 1024)
#define LISTEN_BACKLOG 64
#define ALLOW "GET, HEAD, OPTIONS" /* unless an answer says more */
#define CONTENT_TOO_LARGE 413u     /* its name differs between releases of libmicrohttpd */

/* ---- one request -------------------------------------------------------------------------- */

static struct MHD_Response *
make_response(struct MHD_Connection *connection, const struct http_answer *answer)
{
	char *body = answer->body;

	if (answer->stream != NULL)
		return http_stream_answer(answer->stream, connection);
	struct MHD_Response *response = MHD_create_response_from_buffer(
		body != NULL ? strlen(body) : 0, body != NULL ? body : "",
		body != NULL ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		free(body);
	return response;
}

static void
add_headers(struct MHD_Response *response, const struct http_answer *answer)
{
	char seconds[16] = "";
	struct text text = TEXT(seconds);

	if (answer->type != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
	                        answer->allow != NULL ? answer->allow : ALLOW);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (answer->policy[0] != '\0')
		MHD_add_response_header(response, "Content-Security-Policy", answer->policy);
	text_addf(&text, "%u", answer->retry_after);
	if (answer->retry_after > 0)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
	if (answer->status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
		                        "Basic realm=\"pgaf\", charset=\"UTF-8\"");
}

static enum MHD_Result
send_answer(struct MHD_Connection *connection, const struct http_answer *answer)
{
	struct MHD_Response *response = make_response(connection, answer);

	if (response == NULL)
		return MHD_NO;
	add_headers(response, answer);
	enum MHD_Result result =
		MHD_queue_response(connection, (unsigned int)answer->status, response);
	MHD_destroy_response(response);
	return result;
}

/* An answer before the body is read ends the connection, unless there is none. */
static enum MHD_Result
refuse(struct MHD_Connection *connection, int status)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);

	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, ALLOW);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	enum MHD_Result result = MHD_queue_response(connection, (unsigned int)status, response);
	MHD_destroy_response(response);
	return result;
}

static const char *
find_argument(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->internal, MHD_GET_ARGUMENT_KIND, name);
}

static const char *
find_header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->internal, MHD_HEADER_KIND, name);
}

static struct http_peer
peer_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct http_peer peer = {.bytes = {[10] = 0xff, [11] = 0xff}};

	if (info != NULL && info->client_addr->sa_family == AF_INET6) {
		struct sockaddr_in6 six;
		memcpy(&six, info->client_addr, sizeof(six));
		memcpy(peer.bytes, &six.sin6_addr, sizeof(peer.bytes));
	} else if (info != NULL && info->client_addr->sa_family == AF_INET) {
		struct sockaddr_in four;
		memcpy(&four, info->client_addr, sizeof(four));
		memcpy(peer.bytes + 12, &four.sin_addr, sizeof(four.sin_addr));
	}
	return peer;
}

static bool
has_body(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
	                                                 MHD_HTTP_HEADER_CONTENT_LENGTH);

	if (length != NULL && strcmp(length, "0") != 0)
		return true;
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
	                                   MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

static bool
is_method(const struct http *http, const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
	       strcmp(method, "OPTIONS") == 0 || (http->takes_post && strcmp(method, "POST") == 0);
}

static enum MHD_Result
answer(struct http *http, struct MHD_Connection *connection, struct http_request *request)
{
	struct http_answer reply = {.status = MHD_HTTP_NOT_FOUND};
	char *password = NULL;
	char *user = MHD_basic_auth_get_username_password(connection, &password);

	request->argument = find_argument;
	request->header = find_header;
	request->peer = peer_of(connection);
	request->user = user;
	request->password = password;
	request->internal = connection;
	http->handler(http->ctx, request, &reply);
	MHD_free(user);
	MHD_free(password);
	return send_answer(connection, &reply);
}

/* Called once with the headers and once more when the request is complete; the signature is
 * libmicrohttpd's. */
/* NOLINTBEGIN(readability-function-size) */
static enum MHD_Result
requested(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
          const char *version, const char *upload, size_t *upload_size, void **state)
{
	static int begun;

	(void)version;
	(void)upload;
	if (*state == NULL) {
		*state = &begun;
		if (!is_method(ctx, method))
			return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED);
		return has_body(connection) ? refuse(connection, CONTENT_TOO_LARGE) : MHD_YES;
	}
	if (*upload_size != 0)
		return MHD_NO;
	return answer(ctx, connection, &(struct http_request){.method = method, .path = url});
}
/* NOLINTEND(readability-function-size) */

/* ---- in the loop -------------------------------------------------------------------------- */

static bool
is_full(const struct http *http)
{
	const union MHD_DaemonInfo *now =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return now != NULL && now->num_connections >= CONNECTIONS_MAX;
}

static void
run(struct http *http)
{
	MHD_UNSIGNED_LONG_LONG wait_ms = 0;
	bool was_full = is_full(http);

	http->is_woken = false;
	MHD_run(http->daemon);
	/* A full server does not listen, and begins to only in the run after connections ended,
	 * of which nothing would tell the loop. */
	if (was_full)
		MHD_run(http->daemon);
	/* It may have been woken by the request that was just answered. */
	if (http->is_woken)
		loop_timer_set(http->timer, loop_now(http->loop));
	else if (MHD_get_timeout(http->daemon, &wait_ms) != MHD_YES)
		loop_timer_set(http->timer, PGAF_NEVER);
	else
		loop_timer_set(http->timer, loop_now(http->loop) + PGAF_MSEC((pgaf_time)wait_ms));
}

static void
run_timer(void *ctx)
{
	run(ctx);
}

static void
run_ready(void *ctx, int events)
{
	(void)events;
	run(ctx);
}

/* ---- listening ---------------------------------------------------------------------------- */

static int
listen_at(const struct addrinfo *where)
{
	int on = 1;
	int off = 0;
	int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	/* A restarted daemon takes its port back although old connections linger. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (where->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, where->ai_addr, where->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
		int number = errno;
		close(fd);
		errno = number;
		return -1;
	}
	return fd;
}

/* -1 with errno, or EINVAL when it is no address of this host. */
static int
listen_on_host(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
	                         .ai_socktype = SOCK_STREAM,
	                         .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found = NULL;

	if (getaddrinfo(host, port, &hints, &found) != 0) {
		errno = EINVAL;
		return -1;
	}
	int fd = listen_at(found);
	int number = errno;
	freeaddrinfo(found);
	errno = number;
	return fd;
}

static int
listen_on(const char *address, struct pgaf_error *error)
{
	char host[PGAF_HOST_MAX];
	uint16_t number = 0;

	if (!address_split(address, host, sizeof(host), &number))
		return error_set(error, PGAF_EINVAL, "\"%s\" is no address to serve HTTP on",
		                 address);
	const char *port = strrchr(address, ':') + 1;
	bool everywhere = host[0] == '\0' || strcmp(host, "::") == 0;
	int fd = listen_on_host(everywhere ? "::" : host, port);
	if (fd < 0 && everywhere && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
		fd = listen_on_host("0.0.0.0", port);
	return fd >= 0 ? fd : sys_error(error, errno, "serve HTTP on %s", address);
}

static struct MHD_Daemon *
start_daemon(struct http *http, int fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, requested,
	                        http, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
	                        CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_SECONDS,
	                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
	                        MHD_OPTION_END);
}

static int
start(struct http *http, const char *address, struct pgaf_error *error)
{
	int fd = listen_on(address, error);

	if (fd < 0)
		return fd;
	http->daemon = start_daemon(http, fd);
	if (http->daemon == NULL) {
		close(fd);
		return error_set(error, PGAF_ENOMEM, "serve HTTP on %s: out of memory", address);
	}
	const union MHD_DaemonInfo *epoll =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	http->timer = loop_timer_new(http->loop, run_timer, http);
	if (epoll != NULL)
		http->watch = loop_watch_new(http->loop, epoll->epoll_fd, run_ready, http);
	if (http->timer == NULL || http->watch == NULL)
		return error_set(error, PGAF_ENOMEM, "serve HTTP on %s: out of memory", address);
	loop_watch_set(http->watch, LOOP_READ);
	return 0;
}

struct http *
http_new(struct loop *loop, const char *address, http_handler_fn handler, void *ctx,
         struct pgaf_error *error)
{
	struct http *http = calloc(1, sizeof(*http));

	if (http == NULL) {
		error_set(error, PGAF_ENOMEM, "serve HTTP on %s: out of memory", address);
		return NULL;
	}
	*http = (struct http){.loop = loop, .handler = handler, .ctx = ctx};
	TAILQ_INIT(&http->streams);
	if (start(http, address, error) < 0) {
		http_free(http);
		return NULL;
	}
	return http;
}

void
http_take_post(struct http *http)
{
	http->takes_post = true;
}

void
http_free(struct http *http)
{
	if (http == NULL)
		return;
	loop_watch_free(http->watch);
	loop_timer_free(http->timer);
	http->timer = NULL;
	http_streams_end(http);
	if (http->daemon != NULL)
		MHD_stop_daemon(http->daemon);
	free(http);
}
