/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

/*
 * A small HTTP server in the loop (libmicrohttpd in epoll mode): GET, HEAD and
 * OPTIONS, answered from memory by one function. Never blocks, never runs SQL.
 * POST is refused unless the server was told to take it, and then has no body.
 * Connections, what they send and what waits for them are all bounded.
 */

#include "loop/loop.h"

struct http;
struct http_stream;

/* Whom a request comes from: an IPv6 address, or an IPv4 address mapped into one. */
struct http_peer {
	unsigned char bytes[16];
};

struct http_request {
	const char *method; /* GET, HEAD, OPTIONS; POST after http_take_post() */
	const char *path;   /* "/primary", without the query */
	/* NULL = absent */
	const char *(*argument)(const struct http_request *request, const char *name);
	const char *(*header)(const struct http_request *request, const char *name);
	struct http_peer peer;
	const char *user; /* basic authentication; NULL when absent */
	const char *password;
	void *internal;
};

struct http_answer {
	int status;
	const char *type;           /* static: "application/json" */
	char *body;                 /* malloc'ed; freed by the server; NULL = empty */
	struct http_stream *stream; /* instead of a body: it is sent as it is written */
	char policy[256];           /* Content-Security-Policy; "" = none */
	unsigned retry_after;       /* seconds; 0 = nothing is said */
	const char *allow;          /* static: what may be asked of it; NULL: all but POST */
};

typedef void (*http_handler_fn)(void *ctx, const struct http_request *request,
                                struct http_answer *answer);

/*
 * `address`: "[::]:8008" and ":8008" (IPv4 and IPv6 alike, IPv4 alone where there is no IPv6),
 * "127.0.0.1:8009". PGAF_EINVAL for a bad one, PGAF_ESYS with the errno when it cannot listen.
 * An answer 401 asks for basic authentication. `handler` must not free the server.
 */
struct http *http_new(struct loop *loop, const char *address, http_handler_fn handler, void *ctx,
                      struct pgaf_error *error);
void http_free(struct http *http);
/* From now on POST comes to the handler too, which must refuse it where it means nothing. */
void http_take_post(struct http *http);

/* ---- answers without an end ------------------------------------------------------- */
#define HTTP_STREAMS_MAX 16
#define HTTP_STREAM_ROOM ((size_t)1024 * 1024) /* what may wait for a slow reader */

/*
 * For `answer->stream` of a GET, NULL when there are too many. It ends by itself: when the other
 * side goes, is too slow, or the server is freed; `gone` is called last, and the stream must not
 * be touched from there on.
 */
struct http_stream *http_stream_new(struct http *http, void (*gone)(void *ctx), void *ctx);
void http_stream_write(struct http_stream *stream, const char *bytes, size_t count);

#endif
