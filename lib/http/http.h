/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

/*
 * A small HTTP server in the loop (libmicrohttpd in epoll mode): GET, HEAD and
 * OPTIONS, answered from memory by one function. Never blocks, never runs SQL.
 */

#include "loop/loop.h"

struct http;

struct http_request {
	const char *method; /* GET, HEAD, OPTIONS */
	const char *path;   /* "/primary", without the query */
	/* NULL = absent */
	const char *(*argument)(const struct http_request *request, const char *name);
	const char *user; /* basic authentication; NULL when absent */
	const char *password;
	void *internal;
};

struct http_answer {
	int status;
	const char *type; /* static: "application/json" */
	char *body;       /* malloc'ed; freed by the server; NULL = empty */
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

#endif
