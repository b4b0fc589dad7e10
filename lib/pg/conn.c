/* SPDX-License-Identifier: PostgreSQL */
/*
 * libpq's asynchronous interface in the loop. While connecting the socket may
 * change with every poll, so the watch is made anew each time; afterwards the
 * socket is always read, so that an end of the session is seen at once. All
 * endings go through conn_fail, never inside a call of the owner's.
 */

#include "pg/conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "pg/failure.h"

enum phase { PHASE_CLOSED, PHASE_RESOLVING, PHASE_CONNECTING, PHASE_OPEN, PHASE_FAILED };

struct statement {
	STAILQ_ENTRY(statement) next;
	pgaf_time    limit;
	conn_done_fn done;
	void        *ctx;
	char         sql[];
};

STAILQ_HEAD(statements, statement);

struct conn {
	struct loop          *loop;
	struct conn_callbacks callbacks;
	void                 *ctx;
	void (*statement_log)(void *ctx, const char *text);
	char                 *host;
	char                **keywords; /* NULL-terminated, owned */
	char                **values;
	pgaf_time             connect_limit;
	char                  tcp_user_timeout[16];

	enum phase            phase;
	PGconn               *pg;
	struct loop_watch    *watch;
	struct loop_timer    *timer; /* limit of the connect or statement, or a failure to tell */
	struct loop_resolve  *resolve;
	struct statements     statements; /* the first one is under way when `sent` */
	bool                  sent;
	PGresult             *result;
	char                  ended_by[6]; /* 57P0x that the server said before it closed */
	enum conn_failure     failure;     /* PHASE_FAILED */
	struct pgaf_error     error;

	uint64_t              generation; /* changes with each close */
	unsigned              calls;      /* callbacks of the owner under way */
	bool                  freed;
};

static void conn_step(struct conn *conn);
static void conn_ready(void *ctx, int events);

/* ---- construction ----------------------------------------------------------- */

static void
conn_free_list(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

/* NULL when out of memory: half a list would be a connection with half its parameters. */
static char **
conn_copy_list(const char *const *from)
{
	size_t count = 0;
	char **to = NULL;

	while (from && from[count])
		count++;
	to = calloc(count + 1, sizeof(*to));
	for (size_t i = 0; to && i < count; i++) {
		to[i] = strdup(from[i]);
		if (!to[i]) {
			conn_free_list(to);
			return NULL;
		}
	}
	return to;
}

static size_t
conn_list_length(char **list)
{
	size_t count = 0;

	while (list && list[count])
		count++;
	return count;
}

static void
conn_destroy(struct conn *conn)
{
	loop_timer_free(conn->timer);
	conn_free_list(conn->keywords);
	conn_free_list(conn->values);
	free(conn->host);
	free(conn);
}

static void conn_timer_fired(void *ctx);

struct conn *
conn_new(struct loop *loop, const struct conn_options *options,
         const struct conn_callbacks *callbacks, void *ctx)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->loop = loop;
	conn->callbacks = *callbacks;
	conn->ctx = ctx;
	conn->statement_log = options->statement_log;
	conn->connect_limit = options->connect_limit;
	conn->host = strdup(options->host);
	conn->keywords = conn_copy_list(options->keywords);
	conn->values = conn_copy_list(options->values);
	conn->timer = loop_timer_new(loop, conn_timer_fired, conn);
	STAILQ_INIT(&conn->statements);
	snprintf(conn->tcp_user_timeout, sizeof(conn->tcp_user_timeout), "%u",
	         options->tcp_user_timeout_ms);
	if (!conn->host || !conn->keywords || !conn->values || !conn->timer ||
	    conn_list_length(conn->keywords) != conn_list_length(conn->values)) {
		conn_destroy(conn);
		return NULL;
	}
	return conn;
}

/* Let go of everything that belongs to this session, silently. */
static void
conn_drop(struct conn *conn)
{
	struct statement *statement = NULL;

	conn->generation++;
	conn->phase = PHASE_CLOSED;
	loop_timer_set(conn->timer, PGAF_NEVER);
	loop_resolve_cancel(conn->resolve);
	conn->resolve = NULL;
	loop_watch_free(conn->watch);
	conn->watch = NULL;
	PQclear(conn->result);
	conn->result = NULL;
	conn->sent = false;
	conn->ended_by[0] = '\0';
	if (conn->pg)
		PQfinish(conn->pg);
	conn->pg = NULL;
	while ((statement = STAILQ_FIRST(&conn->statements))) {
		STAILQ_REMOVE_HEAD(&conn->statements, next);
		free(statement);
	}
}

void
conn_close(struct conn *conn)
{
	conn_drop(conn);
}

void
conn_free(struct conn *conn)
{
	if (!conn)
		return;
	conn_drop(conn);
	conn->freed = true;
	if (conn->calls == 0)
		conn_destroy(conn);
}

bool
conn_is_open(const struct conn *conn)
{
	return conn->phase == PHASE_OPEN;
}

PGconn *
conn_pg(struct conn *conn)
{
	return conn->phase == PHASE_OPEN ? conn->pg : NULL;
}

/*
 * After a callback: false when the owner freed or closed the session in it,
 * and then `conn` must not be touched.
 */
static bool
conn_called(struct conn *conn, uint64_t generation)
{
	bool same = conn->generation == generation && !conn->freed;

	conn->calls--;
	if (conn->freed && conn->calls == 0)
		conn_destroy(conn);
	return same;
}

/* ---- endings ------------------------------------------------------------------ */

static void
conn_fail(struct conn *conn, enum conn_failure failure, const struct pgaf_error *reason)
{
	struct pgaf_error error = *reason;
	struct statements left = STAILQ_HEAD_INITIALIZER(left);
	struct statement *statement = NULL;
	uint64_t generation = 0;
	bool same = true;

	STAILQ_CONCAT(&left, &conn->statements);
	conn_drop(conn);
	generation = conn->generation;
	conn->calls++;
	while ((statement = STAILQ_FIRST(&left))) {
		STAILQ_REMOVE_HEAD(&left, next);
		if (same && statement->done)
			statement->done(statement->ctx, NULL, &error);
		same = same && conn->generation == generation && !conn->freed;
		free(statement);
	}
	if (same)
		conn->callbacks.lost(conn->ctx, failure, &error);
	conn_called(conn, generation);
}

/* From within a call of the owner: the loss is told by the loop, not by the call. */
static void
conn_fail_soon(struct conn *conn, enum conn_failure failure)
{
	loop_watch_free(conn->watch);
	conn->watch = NULL;
	conn->phase = PHASE_FAILED;
	conn->failure = failure;
	loop_timer_set(conn->timer, loop_now(conn->loop));
}

static void
conn_timer_fired(void *ctx)
{
	struct conn *conn = ctx;
	struct pgaf_error error = {0};

	if (conn->phase == PHASE_FAILED) {
		conn_fail(conn, conn->failure, &conn->error);
		return;
	}
	if (conn->phase == PHASE_OPEN) {
		error_set(&error, PGAF_ETIMEOUT, "no answer to a statement in time");
	} else {
		error_set(&error, PGAF_ETIMEOUT, "connect to %s: no answer in time", conn->host);
		loop_resolve_forget(conn->loop, conn->host);
	}
	conn_fail(conn, CONN_TIMEOUT, &error);
}

static enum conn_failure
conn_why(struct conn *conn, struct pgaf_error *error)
{
	enum conn_failure failure =
		failure_of_connection(conn->pg, conn->phase == PHASE_OPEN, conn->ended_by, error);

	if (failure == CONN_REFUSED || failure == CONN_UNREACHABLE || failure == CONN_TIMEOUT)
		loop_resolve_forget(conn->loop, conn->host);
	return failure;
}

/* ---- connecting ----------------------------------------------------------------- */

/* The server says why it ends a session as a notice when no statement is under way. */
static void
conn_noticed(void *ctx, const PGresult *notice)
{
	struct conn *conn = ctx;
	const char *state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);

	if (state && strncmp(state, "57P", 3) == 0)
		text_copy(conn->ended_by, sizeof(conn->ended_by), state);
}

static int
conn_start_libpq(struct conn *conn, const char *address)
{
	size_t count = conn_list_length(conn->keywords);
	const char **keywords = calloc(count + 6, sizeof(*keywords));
	const char **values = calloc(count + 6, sizeof(*values));

	if (keywords && values) {
		memcpy(keywords, conn->keywords, count * sizeof(*keywords));
		memcpy(values, conn->values, count * sizeof(*values));
		keywords[count] = "host";
		values[count++] = conn->host;
		keywords[count] = "hostaddr";
		values[count++] = address;
		keywords[count] = "gssencmode";
		values[count++] = "disable";
		keywords[count] = "tcp_user_timeout";
		values[count++] = conn->tcp_user_timeout;
		keywords[count] = "fallback_application_name";
		values[count++] = "pgaf";
		conn->pg = PQconnectStartParams(keywords, values, 0);
	}
	free(keywords);
	free(values);
	return conn->pg ? 0 : PGAF_ENOMEM;
}

static void
conn_watch(struct conn *conn, int events)
{
	conn->watch = loop_watch_new(conn->loop, PQsocket(conn->pg), conn_ready, conn);
	if (conn->watch) {
		loop_watch_set(conn->watch, events);
		return;
	}
	error_set(&conn->error, PGAF_ENOMEM, "cannot watch the connection to %s", conn->host);
	conn_fail_soon(conn, CONN_OTHER);
}

static void
conn_start(struct conn *conn, const char *address)
{
	conn->phase = PHASE_CONNECTING;
	if (conn_start_libpq(conn, address) < 0) {
		error_set(&conn->error, PGAF_ENOMEM, "connect to %s: out of memory", conn->host);
		conn_fail_soon(conn, CONN_OTHER);
		return;
	}
	/* The SQLSTATE of a refusal is only to be had from the text, and only when verbose. */
	PQsetErrorVerbosity(conn->pg, PQERRORS_VERBOSE);
	PQsetNoticeReceiver(conn->pg, conn_noticed, conn);
	if (PQstatus(conn->pg) == CONNECTION_BAD) {
		enum conn_failure failure = conn_why(conn, &conn->error);

		conn_fail_soon(conn, failure);
		return;
	}
	conn_watch(conn, LOOP_WRITE);
}

static void
conn_resolved(void *ctx, const char *address)
{
	struct conn *conn = ctx;

	conn->resolve = NULL;
	if (address[0] != '\0') {
		conn_start(conn, address);
		return;
	}
	error_set(&conn->error, PGAF_ECONN, "the name %s does not resolve", conn->host);
	conn_fail_soon(conn, CONN_UNREACHABLE);
}

void
conn_open(struct conn *conn)
{
	struct loop_resolve *resolve = NULL;

	conn_drop(conn);
	if (conn->connect_limit > 0)
		loop_timer_set(conn->timer, loop_now(conn->loop) + conn->connect_limit);
	if (conn->host[0] == '/' || conn->host[0] == '@') {
		conn_start(conn, "");
		return;
	}
	conn->phase = PHASE_RESOLVING;
	resolve = loop_resolve_start(conn->loop, conn->host, conn_resolved, conn);
	if (conn->phase != PHASE_RESOLVING)
		return;
	conn->resolve = resolve;
	if (!resolve) {
		error_set(&conn->error, PGAF_ENOMEM, "resolve %s: out of memory", conn->host);
		conn_fail_soon(conn, CONN_OTHER);
	}
}

static void
conn_opened(struct conn *conn)
{
	uint64_t generation = conn->generation;

	conn->phase = PHASE_OPEN;
	loop_timer_set(conn->timer, PGAF_NEVER);
	PQsetnonblocking(conn->pg, 1);
	PQsetErrorVerbosity(conn->pg, PQERRORS_DEFAULT);
	conn_watch(conn, LOOP_READ);
	if (conn->phase != PHASE_OPEN)
		return;
	conn->calls++;
	conn->callbacks.opened(conn->ctx);
	conn_called(conn, generation);
}

/* One step of libpq's connecting; the old watch goes first, as libpq may close its socket. */
static void
conn_step(struct conn *conn)
{
	struct pgaf_error error = {0};
	enum conn_failure failure = CONN_OTHER;

	loop_watch_free(conn->watch);
	conn->watch = NULL;
	switch (PQconnectPoll(conn->pg)) {
	case PGRES_POLLING_READING:
		conn_watch(conn, LOOP_READ);
		break;
	case PGRES_POLLING_WRITING:
	case PGRES_POLLING_ACTIVE:
		conn_watch(conn, LOOP_WRITE);
		break;
	case PGRES_POLLING_OK:
		conn_opened(conn);
		break;
	case PGRES_POLLING_FAILED:
		failure = conn_why(conn, &error);
		conn_fail(conn, failure, &error);
		break;
	}
}

/* ---- statements ------------------------------------------------------------------- */

static void
conn_flush(struct conn *conn)
{
	/* A failed write is found by reading, where the server may have said why. */
	loop_watch_set(conn->watch, PQflush(conn->pg) == 1 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void
conn_send_next(struct conn *conn)
{
	struct statement *statement = STAILQ_FIRST(&conn->statements);

	if (conn->phase != PHASE_OPEN || conn->sent || !statement)
		return;
	if (conn->statement_log)
		conn->statement_log(conn->ctx, statement->sql);
	if (PQsendQuery(conn->pg, statement->sql) == 0) {
		enum conn_failure failure = conn_why(conn, &conn->error);

		conn_fail_soon(conn, failure);
		return;
	}
	conn->sent = true;
	if (statement->limit > 0)
		loop_timer_set(conn->timer, loop_now(conn->loop) + statement->limit);
	conn_flush(conn);
}

int
conn_query(struct conn *conn, const char *sql, pgaf_time limit, conn_done_fn done, void *ctx)
{
	size_t size = strlen(sql) + 1;
	struct statement *statement = NULL;

	if (conn->phase != PHASE_OPEN)
		return PGAF_ECONN;
	statement = malloc(sizeof(*statement) + size);
	if (!statement)
		return PGAF_ENOMEM;
	statement->limit = limit;
	statement->done = done;
	statement->ctx = ctx;
	memcpy(statement->sql, sql, size);
	STAILQ_INSERT_TAIL(&conn->statements, statement, next);
	conn_send_next(conn);
	return 0;
}

/* The statement under way is over. False when the session is no longer the same. */
static bool
conn_finish_statement(struct conn *conn)
{
	struct statement *statement = STAILQ_FIRST(&conn->statements);
	PGresult *result = conn->result;
	struct pgaf_error error = {0};
	uint64_t generation = conn->generation;
	bool failed = failure_of_result(result, &error) < 0;

	STAILQ_REMOVE_HEAD(&conn->statements, next);
	conn->result = NULL;
	conn->sent = false;
	loop_timer_set(conn->timer, PGAF_NEVER);
	if (strncmp(error.sqlstate, "57P", 3) == 0)
		text_copy(conn->ended_by, sizeof(conn->ended_by), error.sqlstate);
	conn->calls++;
	if (statement->done)
		statement->done(statement->ctx, result, failed ? &error : NULL);
	PQclear(result);
	free(statement);
	if (!conn_called(conn, generation))
		return false;
	conn_send_next(conn);
	return conn->phase == PHASE_OPEN;
}

static bool
conn_is_copy(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

/*
 * Take what has arrived. When the session is `broken`, libpq makes up a last
 * result without SQLSTATE for a statement that got no answer: not an answer.
 * False when the session is no longer the same.
 */
static bool
conn_take_results(struct conn *conn, bool broken)
{
	while (!PQisBusy(conn->pg) && conn->sent) {
		PGresult *result = PQgetResult(conn->pg);

		if (!result) {
			if (!conn_finish_statement(conn))
				return false;
			continue;
		}
		if (broken && PQresultStatus(result) == PGRES_FATAL_ERROR &&
		    !PQresultErrorField(result, PG_DIAG_SQLSTATE)) {
			PQclear(result);
			return true;
		}
		PQclear(conn->result);
		conn->result = result;
		if (conn_is_copy(result)) {
			struct pgaf_error error = {0};

			error_set(&error, PGAF_ESQL, "COPY is not expected here");
			conn_fail(conn, CONN_OTHER, &error);
			return false;
		}
	}
	return true;
}

static bool
conn_take_notifications(struct conn *conn)
{
	uint64_t generation = conn->generation;
	PGnotify *notify = NULL;

	while ((notify = PQnotifies(conn->pg))) {
		conn->calls++;
		if (conn->callbacks.notified)
			conn->callbacks.notified(conn->ctx, notify->relname, notify->extra);
		PQfreemem(notify);
		if (!conn_called(conn, generation))
			return false;
	}
	return true;
}

/* An error that the server sent as its last word answers the statement under way. */
static void
conn_broken(struct conn *conn)
{
	struct pgaf_error error = {0};
	enum conn_failure failure = CONN_CLOSED;

	if (conn->sent && conn->result && !conn_finish_statement(conn))
		return;
	failure = conn_why(conn, &error);
	conn_fail(conn, failure, &error);
}

static void
conn_ready(void *ctx, int events)
{
	struct conn *conn = ctx;
	bool readable = (events & LOOP_READ) != 0;
	bool broken = false;

	if (conn->phase == PHASE_CONNECTING) {
		conn_step(conn);
		return;
	}
	if (conn->phase != PHASE_OPEN)
		return;
	/* Twice with TLS: a record may be larger than the room libpq offers at first, and what
	 * stays inside the TLS object does not make the socket readable again. */
	if (readable)
		broken = PQconsumeInput(conn->pg) == 0 ||
		         (PQsslInUse(conn->pg) && PQconsumeInput(conn->pg) == 0);
	if (!conn_take_results(conn, broken) || !conn_take_notifications(conn))
		return;
	if (broken)
		conn_broken(conn);
	else
		conn_flush(conn);
}
