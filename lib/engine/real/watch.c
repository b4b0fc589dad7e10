/* SPDX-License-Identifier: PostgreSQL */
/*
 * A session with the monitor that follows one group's primary: LISTEN first,
 * then read, and read again at each notification, each reconnect, and each
 * second while there is no primary (PROTOCOL 32).
 */
#include <pgaf/watch.h>

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/pure/error.h"
#include "base/pure/text.h"
#include "engine/real/api.h"
#include "pg/conn.h"
#include "store/target.h"

#define CONNECT_LIMIT PGAF_SECONDS(2)
#define ANSWER_LIMIT PGAF_SECONDS(2)
#define LOOK_AGAIN PGAF_SECONDS(1)

struct pgaf_watch {
	struct loop *loop;
	struct conn *conn;
	struct loop_timer *timer; /* connect again, or look again */
	struct target target;
	struct backoff backoff;
	struct logger logger;
	char formation[PGAF_NAME_MAX];
	uint32_t group_id;
	struct pgaf_primary primary;
	bool changed;
	bool connected; /* the group was read in this session */
	bool listening;
	bool reading;
	bool stale;  /* told of a change while reading */
	int failure; /* what waiting does not cure */
};

static void watch_read(struct pgaf_watch *watch);

/* ---- reading ------------------------------------------------------------------------------- */

static void
primary_take(struct pgaf_watch *watch, const PGresult *rows)
{
	struct pgaf_primary primary = {0};

	for (int row = 0; row < PQntuples(rows); row++) {
		enum pgaf_state reported = pgaf_state_parse(column_text(rows, row, 4));
		enum pgaf_state goal = pgaf_state_parse(column_text(rows, row, 5));

		if (!pgaf_state_is_writable(reported) || !pgaf_state_is_writable(goal))
			continue;
		primary.node_id = column_u32(rows, row, 0);
		text_copy(primary.name, sizeof(primary.name), column_text(rows, row, 1));
		text_copy(primary.host, sizeof(primary.host), column_text(rows, row, 2));
		primary.port = column_u32(rows, row, 3);
		primary.state = reported;
	}
	if (memcmp(&primary, &watch->primary, sizeof(primary)) == 0)
		return;
	watch->primary = primary;
	watch->changed = true;
}

static void
watch_answered(void *ctx, const PGresult *rows, const struct pgaf_error *error)
{
	struct pgaf_watch *watch = ctx;

	watch->reading = false;
	if (rows == NULL)
		return;
	if (error != NULL && error->code < 0) {
		log_at(&watch->logger, PGAF_LOG_WARNING, "watch-refused", "%s", error->text);
		loop_timer_set(watch->timer, loop_now(watch->loop) + LOOK_AGAIN);
		return;
	}
	watch->connected = true;
	primary_take(watch, rows);
	if (watch->stale)
		watch_read(watch);
	else if (watch->primary.node_id == 0 || !watch->listening)
		loop_timer_set(watch->timer, loop_now(watch->loop) + LOOK_AGAIN);
}

static void
watch_read(struct pgaf_watch *watch)
{
	char sql[512];
	struct text text = TEXT(sql);

	watch->stale = watch->reading;
	if (watch->reading || !conn_is_open(watch->conn))
		return;
	watch->reading = true;
	text_add(&text, "SELECT node_id, name, host, port, reported, goal_state FROM pgaf.nodes(");
	sql_literal(&text, watch->formation);
	text_addf(&text, ") WHERE group_id = %u", (unsigned)watch->group_id);
	if (conn_query(watch->conn, sql, ANSWER_LIMIT, watch_answered, watch) < 0)
		watch->reading = false;
}

/* ---- the session --------------------------------------------------------------------------- */

static void
watch_listens(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct pgaf_watch *watch = ctx;

	if (result == NULL)
		return;
	watch->listening = error == NULL || error->code == 0;
	watch_read(watch);
}

static void
watch_channel(void *ctx, const PGresult *rows, const struct pgaf_error *error)
{
	struct pgaf_watch *watch = ctx;
	char sql[256];
	struct text text = TEXT(sql);

	if (rows == NULL)
		return;
	/* A group without nodes has no channel yet: it is looked at each second. */
	if ((error != NULL && error->code < 0) || PQntuples(rows) != 1 ||
	    column_text(rows, 0, 0)[0] == '\0') {
		watch_read(watch);
		return;
	}
	text_add(&text, "LISTEN ");
	sql_identifier(&text, column_text(rows, 0, 0));
	conn_query(watch->conn, sql, ANSWER_LIMIT, watch_listens, watch);
}

static void
watch_find_channel(struct pgaf_watch *watch)
{
	char sql[256];
	struct text text = TEXT(sql);

	text_add(&text, "SELECT pgaf.channel(");
	sql_literal(&text, watch->formation);
	text_addf(&text, ", %u)", (unsigned)watch->group_id);
	conn_query(watch->conn, sql, ANSWER_LIMIT, watch_channel, watch);
}

static void
watch_opened(void *ctx)
{
	struct pgaf_watch *watch = ctx;

	watch->backoff = (struct backoff){0};
	watch->listening = false;
	watch_find_channel(watch);
}

static void
watch_lost(void *ctx, enum conn_failure failure, const struct pgaf_error *error)
{
	struct pgaf_watch *watch = ctx;

	watch->reading = false;
	watch->stale = false;
	watch->connected = false;
	if (failure == CONN_REJECTED) {
		watch->failure = PGAF_EAUTH;
		return;
	}
	if (watch->backoff.tries == 0)
		log_at(&watch->logger, PGAF_LOG_WARNING, "watch-lost", "the monitor is away: %s",
		       error->text);
	loop_timer_set(watch->timer, loop_now(watch->loop) + backoff_next(&watch->backoff));
}

static void
watch_notified(void *ctx, const char *channel, const char *payload)
{
	(void)channel;
	(void)payload;
	watch_read(ctx);
}

static void
watch_due(void *ctx)
{
	struct pgaf_watch *watch = ctx;

	if (!conn_is_open(watch->conn))
		conn_open(watch->conn);
	else if (!watch->listening)
		watch_find_channel(watch);
	else
		watch_read(watch);
}

/* ---- the handle ---------------------------------------------------------------------------- */

static int
watch_connect(struct pgaf_watch *watch, const struct pgaf_watch_options *options,
              struct pgaf_error *error)
{
	static const struct conn_callbacks callbacks = {
		.opened = watch_opened, .lost = watch_lost, .notified = watch_notified};
	struct conn_options how = {.connect_limit = CONNECT_LIMIT, .tcp_user_timeout_ms = 5000};

	if (options->monitor == NULL || options->monitor[0] == '\0')
		return error_set(error, PGAF_ECONFIG, "a watch needs the URI of a monitor");
	if (target_parse(&watch->target, options->monitor, error) < 0)
		return error->code;
	target_default(&watch->target, "dbname", "pgaf");
	target_default(&watch->target, "user", "pgaf_reader");
	target_default(&watch->target, "application_name", "pgaf-watch");
	if (options->password != NULL)
		target_default(&watch->target, "password", options->password);
	how.keywords = watch->target.keywords;
	how.values = watch->target.values;
	how.host = watch->target.host;
	watch->conn = conn_new(watch->loop, &how, &callbacks, watch);
	watch->timer = loop_timer_new(watch->loop, watch_due, watch);
	if (watch->conn == NULL || watch->timer == NULL)
		return error_set(error, PGAF_ENOMEM, "out of memory");
	conn_open(watch->conn);
	return 0;
}

struct pgaf_watch *
pgaf_watch_new(const struct pgaf_watch_options *options, struct pgaf_error *error)
{
	struct pgaf_watch_options own;
	struct pgaf_error unasked;
	struct pgaf_watch *watch;

	error = error != NULL ? error : &unasked;
	*error = (struct pgaf_error){0};
	if (api_take_options(&own, sizeof(own), options, error) < 0)
		return NULL;
	watch = calloc(1, sizeof(*watch));
	if (watch == NULL) {
		error_set(error, PGAF_ENOMEM, "out of memory");
		return NULL;
	}
	text_copy(watch->formation, sizeof(watch->formation), api_text(own.formation, "default"));
	watch->group_id = own.group_id;
	watch->logger = (struct logger){.fn = own.log,
	                                .ctx = own.log_ctx,
	                                .level = PGAF_LOG_INFO,
	                                .formation = watch->formation,
	                                .group_id = (int)own.group_id};
	watch->loop = loop_new(error);
	if (watch->loop == NULL || watch_connect(watch, &own, error) < 0) {
		pgaf_watch_free(watch);
		return NULL;
	}
	return watch;
}

void
pgaf_watch_free(struct pgaf_watch *watch)
{
	if (watch == NULL)
		return;
	if (watch->timer != NULL)
		loop_timer_free(watch->timer);
	if (watch->conn != NULL)
		conn_free(watch->conn);
	target_done(&watch->target);
	if (watch->loop != NULL)
		loop_free(watch->loop);
	free(watch);
}

int
pgaf_watch_fd(const struct pgaf_watch *watch)
{
	return loop_fd(watch->loop);
}

pgaf_time
pgaf_watch_deadline(const struct pgaf_watch *watch)
{
	return loop_deadline(watch->loop);
}

int
pgaf_watch_dispatch(struct pgaf_watch *watch)
{
	bool changed;

	loop_dispatch(watch->loop);
	if (watch->failure < 0)
		return watch->failure;
	changed = watch->changed;
	watch->changed = false;
	return changed ? 1 : 0;
}

void
pgaf_watch_primary(const struct pgaf_watch *watch, struct pgaf_primary *primary)
{
	*primary = watch->primary;
}

bool
pgaf_watch_is_connected(const struct pgaf_watch *watch)
{
	return watch->connected;
}
