/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_CONN_H
#define PG_CONN_H

/*
 * One asynchronous libpq session in the loop: connect, a queue of simple-protocol
 * statements, notifications, loss. Never blocks: hosts are resolved by the
 * loop and passed as hostaddr, gssencmode is off, a session is ended by
 * closing its socket (PROTOCOL 45).
 */

#include <libpq-fe.h>

#include "loop/loop.h"

struct conn;

/* How a connection was lost or could not be made. */
enum conn_failure {
	CONN_CLOSED,       /* it was open; the other side closed it */
	CONN_REFUSED,      /* ECONNREFUSED, or the socket file is missing */
	CONN_UNREACHABLE,  /* no route, or the name does not resolve */
	CONN_TIMEOUT,      /* nothing within the limit */
	CONN_STARTING,     /* 57P03, starting up or not yet accepting */
	CONN_STOPPING,     /* 57P03, shutting down; 57P01, 57P02 while open */
	CONN_FULL,         /* 53300, 53400 */
	CONN_REJECTED,     /* authentication or authorization failed: 28xxx, 3D000, HBA */
	CONN_OTHER,
};

struct conn_callbacks {
	void (*opened)(void *ctx);
	/* The connection is over; the owner may free it or call conn_open again. */
	void (*lost)(void *ctx, enum conn_failure failure, const struct pgaf_error *error);
	void (*notified)(void *ctx, const char *channel, const char *payload); /* may be NULL */
};

struct conn_options {
	/* libpq keyword/value pairs without host and hostaddr; NULL-terminated lists. */
	const char *const *keywords;
	const char *const *values;
	const char        *host; /* name, address, or a directory (Unix socket) */
	pgaf_time          connect_limit;    /* relative */
	uint32_t           tcp_user_timeout_ms; /* 0 = the kernel's */
	void (*statement_log)(void *ctx, const char *text); /* NULL */
};

struct conn *conn_new(struct loop *loop, const struct conn_options *options,
                      const struct conn_callbacks *callbacks, void *ctx);
void conn_free(struct conn *conn); /* closes; pending statements are dropped without callback */
void conn_open(struct conn *conn); /* asynchronous; ends in opened or lost */
void conn_close(struct conn *conn); /* no callback */
bool conn_is_open(const struct conn *conn);
/* For quoting and PQserverVersion; NULL when closed. Borrowed until the next dispatch. */
PGconn *conn_pg(struct conn *conn);

/*
 * Send one statement (simple protocol). Statements run in order, pipelining is
 * not used. `done` gets the last result (borrowed; NULL when the connection was
 * lost first, in which case `lost` follows) and, on an error, the error filled
 * from it. limit: relative, 0 = none; passing it closes the connection (CONN_TIMEOUT).
 */
typedef void (*conn_done_fn)(void *ctx, const PGresult *result, const struct pgaf_error *error);
int conn_query(struct conn *conn, const char *sql, pgaf_time limit, conn_done_fn done, void *ctx);

/* Does the postmaster accept and fork? 8-byte SSLRequest without login (PROTOCOL 33). */
struct knock;
enum knock_outcome { KNOCK_ACCEPTED, KNOCK_REFUSED, KNOCK_UNREACHABLE, KNOCK_TIMEOUT };
struct knock_target {
	const char *host; /* used in the call only */
	uint32_t    port;
	pgaf_time   limit; /* relative */
};
struct knock *knock_start(struct loop *loop, const struct knock_target *target,
                          void (*answered)(void *ctx, enum knock_outcome outcome), void *ctx);
void knock_cancel(struct knock *knock); /* NULL is fine; not after `answered` */

/* Quoting helpers that need no connection: conforming strings only. */
struct text;
void sql_literal(struct text *to, const char *value);    /* E'' when needed */
void sql_identifier(struct text *to, const char *value);

#endif
