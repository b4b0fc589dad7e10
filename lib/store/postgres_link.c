/* SPDX-License-Identifier: PostgreSQL */
/*
 * The keeper's face of the store in PostgreSQL: one session as pgaf_keeper.
 * It registers once, says hello on each new session, then reports; the
 * orders come with each answer, or are fetched when a notification says that
 * there are new ones. At most one report is under way and one waits.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/error.h"
#include "store/link_parts.h"
#include "store/postgres.h"
#include "store/report.h"

/* A monitor that does not answer for this long is gone: reconnect. */
#define LINK_LIMIT PGAF_SECONDS(2)

#define LINK_MONITORS_MAX 8

struct postgres_link {
	struct link base;
	struct loop *loop;
	struct link_callbacks callbacks;
	void *ctx;
	struct conn *conns[LINK_MONITORS_MAX]; /* one is in use */
	size_t conn_count;
	size_t current;
	struct loop_timer *retry;
	struct loop_timer *unsent_claim; /* answered by the loop */
	struct backoff backoff;
	struct link_registration registration;
	bool enrolled;
	bool open;  /* said hello on this session */
	bool ended; /* refused or dropped: nothing more is tried */
	struct link_identity self;
	char channel[ORDERS_CHANNEL_MAX];
	uint64_t epoch; /* of the last orders */
	bool fetching;
	bool fetch_again;
	bool reporting;
	bool waiting; /* `report` is to be sent */
	bool waiting_urgent;
	pgaf_time waiting_since;
	struct report report;
	uint64_t beat;
	struct text sql;
	char sql_room[LINK_SQL_ROOM];
};

static struct postgres_link *
link_of(struct link *base)
{
	return (struct postgres_link *)base;
}

static struct conn *
link_conn(const struct postgres_link *link)
{
	return link->conns[link->current];
}

static void
link_begin_sql(struct postgres_link *link)
{
	text_init(&link->sql, link->sql_room, sizeof(link->sql_room));
}

static int
link_send(struct postgres_link *link, conn_done_fn done)
{
	if (link->sql.cut)
		return PGAF_E2BIG;
	return conn_query(link_conn(link), link->sql.at, LINK_LIMIT, done, link);
}

/* ---- endings ------------------------------------------------------------------------- */

/* The session is of no use (any more): the next one after a while. */
static void
link_lose(struct postgres_link *link, const struct pgaf_error *error)
{
	struct pgaf_error copy = *error;

	conn_close(link_conn(link));
	link->open = false;
	link->fetching = false;
	link->fetch_again = false;
	link->reporting = false;
	link->current = (link->current + 1) % link->conn_count;
	loop_timer_set(link->retry, loop_now(link->loop) + backoff_next(&link->backoff));
	link->callbacks.lost(link->ctx, &copy);
}

static void
link_end(struct postgres_link *link)
{
	link->ended = true;
	link->open = false;
	link->waiting = false;
	conn_close(link_conn(link));
	loop_timer_set(link->retry, PGAF_NEVER);
}

static void link_register(struct postgres_link *link);

/*
 * The store does not know this node by this token, and does not say that it
 * was dropped: it is another store than before, a rebuilt one. Register there
 * as what the node is now.
 */
static void
link_register_again(struct postgres_link *link)
{
	if (!link->enrolled)
		return; /* under way */
	link->open = false;
	link->enrolled = false;
	link->registration.was_member = true;
	link->registration.has_data = link->report.has_data;
	link->registration.system_identifier = link->report.system_identifier;
	link->registration.timeline = link->report.timeline;
	link->registration.lsn = link->report.lsn;
	link_register(link);
}

/* An answer that is an error. False: it was none. */
static bool
link_failed(struct postgres_link *link, const PGresult *result, const struct pgaf_error *error)
{
	struct pgaf_error full;

	if (answer_code(result, error, &full) == 0)
		return false;
	if (!result)
		return true; /* `lost` follows */
	if (strcmp(full.sqlstate, "PG904") == 0) {
		link_end(link);
		link->callbacks.dropped(link->ctx);
	} else if (strcmp(full.sqlstate, "PG900") == 0 || strcmp(full.sqlstate, "28PG1") == 0) {
		link_register_again(link);
	} else {
		link_lose(link, &full);
	}
	return true;
}

/* ---- orders -------------------------------------------------------------------------- */

static void
link_tell_orders(struct postgres_link *link, const PGresult *result)
{
	struct keeper_orders orders;
	struct pgaf_error error = {0};

	if (link_read_orders(result, &orders, link->channel, &error) < 0) {
		link_lose(link, &error);
		return;
	}
	link->epoch = orders.epoch;
	link->callbacks.orders(link->ctx, &orders);
}

static void link_fetch(struct postgres_link *link);

static void
orders_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct postgres_link *link = ctx;
	bool again = link->fetch_again;

	link->fetching = false;
	link->fetch_again = false;
	if (link_failed(link, result, error))
		return;
	if (again)
		link_fetch(link);
	link_tell_orders(link, result);
}

static void
link_fetch(struct postgres_link *link)
{
	if (!link->open)
		return;
	if (link->fetching) {
		link->fetch_again = true;
		return;
	}
	link_begin_sql(link);
	link_sql_orders(&link->sql, &link->self);
	link->fetching = link_send(link, orders_answered) == 0;
}

/* "group epoch"; epoch 0 says that something else than a goal has changed. */
static void
link_notified(void *ctx, const char *channel, const char *payload)
{
	struct postgres_link *link = ctx;
	uint64_t epoch = 0;

	if (strcmp(channel, link->channel) == 0 && sscanf(payload, "%*u %" SCNu64, &epoch) == 1 &&
	    (epoch == 0 || epoch > link->epoch))
		link_fetch(link);
}

/* ---- reports ------------------------------------------------------------------------- */

static void link_send_report(struct postgres_link *link);

static void
report_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct postgres_link *link = ctx;
	struct keeper_orders orders;
	struct pgaf_error unreadable = {0};

	link->reporting = false;
	if (link_failed(link, result, error))
		return;
	link_send_report(link);
	if (link_read_orders(result, &orders, link->channel, &unreadable) < 0) {
		link_lose(link, &unreadable);
		return;
	}
	link->epoch = orders.epoch;
	link->callbacks.answered(link->ctx, !link->reporting && !link->waiting);
	link->callbacks.orders(link->ctx, &orders);
}

static void
link_send_report(struct postgres_link *link)
{
	pgaf_time waited = loop_now(link->loop) - link->waiting_since;
	struct report report = link->report;

	if (!link->open || !link->waiting || link->reporting)
		return;
	report_age(&report, (uint32_t)(waited / PGAF_MSEC(1)));
	link_begin_sql(link);
	link_sql_report(&link->sql, &link->self, &report, link->waiting_urgent, ++link->beat);
	link->reporting = link_send(link, report_answered) == 0;
	if (link->reporting) {
		link->waiting = false;
		link->waiting_urgent = false;
	}
}

static void
postgres_report(struct link *base, const struct report *report, bool urgent)
{
	struct postgres_link *link = link_of(base);

	link->report = *report;
	link->waiting = true;
	link->waiting_urgent = link->waiting_urgent || urgent;
	link->waiting_since = loop_now(link->loop);
	link_send_report(link);
}

/* ---- claims -------------------------------------------------------------------------- */

static void
claim_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct postgres_link *link = ctx;
	bool known = result && !error;

	/* What is wrong with the session the next report will tell. */
	link->callbacks.claimed(link->ctx, known && column_bool(result, 0, 0), known);
}

static void
claim_unsent(void *ctx)
{
	struct postgres_link *link = ctx;

	link->callbacks.claimed(link->ctx, false, false);
}

static void
postgres_claim(struct link *base, uint64_t epoch)
{
	struct postgres_link *link = link_of(base);

	link_begin_sql(link);
	link_sql_claim(&link->sql, &link->self, epoch);
	if (!link->open || link_send(link, claim_answered) < 0)
		loop_timer_set(link->unsent_claim, loop_now(link->loop));
}

static void
postgres_refresh(struct link *base)
{
	link_fetch(link_of(base));
}

/* ---- the session --------------------------------------------------------------------- */

static void
listen_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	link_failed(ctx, result, error);
}

/* Authenticated: listen first, then read (PROTOCOL 32). */
static void
hello_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct postgres_link *link = ctx;
	struct keeper_orders orders;
	struct pgaf_error unreadable = {0};

	if (link_failed(link, result, error))
		return;
	if (link_read_orders(result, &orders, link->channel, &unreadable) < 0) {
		link_lose(link, &unreadable);
		return;
	}
	link->open = true;
	link->backoff.tries = 0;
	link_begin_sql(link);
	text_add(&link->sql, "LISTEN ");
	sql_identifier(&link->sql, link->channel);
	link_send(link, listen_answered);
	link_fetch(link);
	/* A report of now; what waited for this session may have passed since. */
	link->callbacks.opened(link->ctx);
	link_send_report(link);
}

static void
link_hello(struct postgres_link *link)
{
	link_begin_sql(link);
	link_sql_hello(&link->sql, &link->self);
	link_send(link, hello_answered);
}

/* The server's code for what no waiting cures; anything else may be a store that is being made. */
static bool
refusal_is_final(const struct pgaf_error *error)
{
	return error->code == PGAF_EREFUSED || error->code == PGAF_EAUTH ||
	       error->code == PGAF_EINVAL || error->code == PGAF_ENOENT;
}

static void
register_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct postgres_link *link = ctx;
	struct link_registered registered = {0};
	struct pgaf_error full;

	if (answer_code(result, error, &full) < 0) {
		if (!result)
			return;
		if (!refusal_is_final(&full)) {
			link_lose(link, &full);
			return;
		}
		link_end(link);
		link->callbacks.registered(link->ctx, full.code, NULL, &full);
		return;
	}
	link_read_registered(result, &registered);
	text_copy(registered.token, sizeof(registered.token), link->registration.token);
	link->registration.node_id = registered.node_id;
	link->registration.rejoin = false;
	link->self.node = registered.node_id;
	text_copy(link->self.token, sizeof(link->self.token), registered.token);
	link->enrolled = true;
	link_hello(link);
	link->callbacks.registered(link->ctx, 0, &registered, NULL);
}

static void
link_register(struct postgres_link *link)
{
	link_begin_sql(link);
	link_sql_register(&link->sql, &link->registration);
	link_send(link, register_answered);
}

static void
link_connected(void *ctx)
{
	struct postgres_link *link = ctx;

	if (link->enrolled)
		link_hello(link);
	else
		link_register(link);
}

/* A wrong password stays wrong. No entry in pg_hba.conf or no database yet: the monitor may be
 * in the middle of making its store. */
static bool
rejection_is_final(const struct postgres_link *link, enum conn_failure failure,
                   const struct pgaf_error *error)
{
	return failure == CONN_REJECTED && !link->enrolled &&
	       (error->sqlstate[0] == '\0' || strcmp(error->sqlstate, "28P01") == 0);
}

static void
link_lost(void *ctx, enum conn_failure failure, const struct pgaf_error *error)
{
	struct postgres_link *link = ctx;
	struct pgaf_error copy = *error;

	if (!rejection_is_final(link, failure, error)) {
		link_lose(link, &copy);
		return;
	}
	link_end(link);
	copy.code = PGAF_EAUTH;
	error_prefix(&copy, "the monitor refuses the join secret");
	link->callbacks.registered(link->ctx, copy.code, NULL, &copy);
}

static void
link_retry(void *ctx)
{
	struct postgres_link *link = ctx;

	conn_open(link_conn(link));
}

/* A node without a token gets one here, so that a registration whose answer was lost can be
 * repeated and is recognized. */
static void
postgres_enroll(struct link *base, const struct link_registration *registration)
{
	struct postgres_link *link = link_of(base);

	link->registration = *registration;
	link->ended = false;
	link->enrolled = false;
	link->open = false;
	if (link->registration.token[0] == '\0') {
		link->registration.node_id = 0;
		if (random_hex(link->registration.token, 65) < 0)
			abort(); /* a kernel without random numbers */
	}
	link->report.has_data = registration->has_data;
	link->report.system_identifier = registration->system_identifier;
	loop_timer_set(link->retry, loop_now(link->loop));
}

/* ---- construction -------------------------------------------------------------------- */

static void
postgres_free(struct link *base)
{
	struct postgres_link *link = link_of(base);

	if (!link)
		return;
	for (size_t i = 0; i < link->conn_count; i++)
		conn_free(link->conns[i]);
	loop_timer_free(link->retry);
	loop_timer_free(link->unsent_claim);
	free(link);
}

static const struct link_ops postgres_link_ops = {
	.free = postgres_free,
	.enroll = postgres_enroll,
	.report = postgres_report,
	.claim = postgres_claim,
	.refresh = postgres_refresh,
};

/* What the URI does not say. One that is left out could mean a connection without encryption. */
static int
link_add_defaults(struct target *target, const struct postgres_link_options *options)
{
	const struct {
		const char *keyword;
		const char *value;
	} defaults[] = {
		{"dbname", "pgaf"},
		{"user", "pgaf_keeper"},
		{"application_name", "pgaf-keeper"},
		{"password", options->join_secret},
		{"sslmode", options->sslmode},
	};
	int result = 0;

	for (size_t i = 0; result == 0 && i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		if (defaults[i].value && defaults[i].value[0] != '\0')
			result = target_default(target, defaults[i].keyword, defaults[i].value);
	}
	return result;
}

static int
link_add_monitor(struct postgres_link *link, const char *uri,
                 const struct postgres_link_options *options, struct pgaf_error *error)
{
	struct target target;
	struct conn *conn = NULL;

	if (link->conn_count == LINK_MONITORS_MAX)
		return error_set(error, PGAF_ECONFIG, "at most %d monitors", LINK_MONITORS_MAX);
	if (target_parse(&target, uri, error) < 0)
		return error->code;
	if (link_add_defaults(&target, options) < 0) {
		target_done(&target);
		return error_set(error, PGAF_ENOMEM, "out of memory");
	}
	conn = conn_new(link->loop,
	                &(struct conn_options){
				.keywords = target.keywords,
				.values = target.values,
				.host = target.host,
				.connect_limit = LINK_LIMIT,
				.tcp_user_timeout_ms = (uint32_t)(LINK_LIMIT / PGAF_MSEC(1)),
			},
	                &(struct conn_callbacks){
				.opened = link_connected,
				.lost = link_lost,
				.notified = link_notified,
			},
	                link);
	target_done(&target);
	if (!conn)
		return error_set(error, PGAF_ENOMEM, "out of memory");
	link->conns[link->conn_count++] = conn;
	return 0;
}

struct link *
postgres_link_new(struct loop *loop, const struct postgres_link_options *options,
                  const struct link_callbacks *callbacks, void *ctx, struct pgaf_error *error)
{
	struct postgres_link *link = calloc(1, sizeof(*link));
	struct pgaf_error local = {0};
	int result = 0;

	if (!link) {
		error_set(error, PGAF_ENOMEM, "out of memory");
		return NULL;
	}
	link->base.ops = &postgres_link_ops;
	link->loop = loop;
	link->callbacks = *callbacks;
	link->ctx = ctx;
	link->retry = loop_timer_new(loop, link_retry, link);
	link->unsent_claim = loop_timer_new(loop, claim_unsent, link);
	if (!link->retry || !link->unsent_claim)
		result = error_set(&local, PGAF_ENOMEM, "out of memory");
	for (size_t i = 0; result == 0 && i < options->uri_count; i++)
		result = link_add_monitor(link, options->uris[i], options, &local);
	if (result == 0 && link->conn_count == 0)
		result = error_set(&local, PGAF_ECONFIG, "no monitor is named");
	if (result < 0) {
		if (error)
			*error = local;
		postgres_free(&link->base);
		return NULL;
	}
	return &link->base;
}
