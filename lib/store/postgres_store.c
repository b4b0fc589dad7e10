/* SPDX-License-Identifier: PostgreSQL */
/*
 * The monitor's face of the store in PostgreSQL: one session, calls answered
 * in order, notifications told as hints. After every loss the session is made
 * anew and everything is to be read again, which `opened` says (PROTOCOL 32).
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/error.h"
#include "store/postgres_parts.h"

#define ASK_VALID_SECONDS 60 /* a request is not answered later than this */

static struct postgres_store *
store_of(struct store *base)
{
	return (struct postgres_store *)base;
}

/* ---- calls --------------------------------------------------------------------------- */

static void
call_free(struct call *call)
{
	free(call->without_notify);
	free(call);
}

/* The owner's callback for a call that brought nothing. Frees the call. */
static void
call_fail(struct call *call, const struct pgaf_error *error)
{
	switch (call->kind) {
	case CALL_GROUPS:
		call->done.groups(call->ctx, error->code, NULL, 0);
		break;
	case CALL_LOAD:
		call->done.load(call->ctx, error->code, NULL);
		break;
	case CALL_REPORTS:
		call->done.reports(call->ctx, error->code, 0, NULL, true);
		break;
	case CALL_COMMIT:
	case CALL_ASK:
		call->done.commit(call->ctx, error->code, error);
		break;
	case CALL_SESSIONS:
		call->done.sessions(call->ctx, error->code, NULL, 0);
		break;
	case CALL_EVENTS:
		call->done.events(call->ctx, error->code, NULL, 0);
		break;
	}
	call_free(call);
}

/* The calls in this list were not sent; the owner hears of it from the loop. A call that there was
 * no memory for can only be answered by the session's end, which is an answer to all of them. */
static void
store_answer_unsent(void *ctx)
{
	struct postgres_store *store = ctx;
	struct pgaf_error error = {0};
	struct call *call = TAILQ_FIRST(&store->unsent);

	if (store->starved && store->open) {
		store->starved = false;
		error_set(&error, PGAF_ENOMEM, "out of memory");
		store_failed(store, &error);
		return;
	}
	if (!call)
		return;
	TAILQ_REMOVE(&store->unsent, call, next);
	if (!TAILQ_EMPTY(&store->unsent))
		loop_timer_set(store->answer, loop_now(store->loop));
	error_set(&error, PGAF_ECONN, "the store is not reachable");
	call_fail(call, &error);
}

static struct call *
call_new(struct store *base, enum call_kind kind, const struct store_group_key *key, void *ctx)
{
	struct postgres_store *store = store_of(base);
	struct call *call = calloc(1, sizeof(*call));

	if (!call) {
		store->starved = true;
		loop_timer_set(store->answer, loop_now(store->loop));
		return NULL;
	}
	call->store = store;
	call->kind = kind;
	call->ctx = ctx;
	if (key)
		call->key = *key;
	text_init(&store->sql, store->sql_room, sizeof(store->sql_room));
	return call;
}

static void
call_send(struct call *call, const char *sql, conn_done_fn done)
{
	struct postgres_store *store = call->store;

	if (store->open && !store->sql.cut &&
	    conn_query(store->conn, sql, STORE_LIMIT, done, call) == 0) {
		TAILQ_INSERT_TAIL(&store->sent, call, next);
		return;
	}
	TAILQ_INSERT_TAIL(&store->unsent, call, next);
	loop_timer_set(store->answer, loop_now(store->loop));
}

/* Takes the call from the list. False when it failed, and then it is answered and freed. */
static bool
call_take(struct call *call, const PGresult *result, const struct pgaf_error *error)
{
	struct pgaf_error full;

	TAILQ_REMOVE(&call->store->sent, call, next);
	if (answer_code(result, error, &full) == 0)
		return true;
	call_fail(call, &full);
	return false;
}

static void
add_execute(struct postgres_store *store, const char *what, const struct store_group_key *key)
{
	text_addf(&store->sql, "EXECUTE %s (", what);
	sql_literal(&store->sql, key->formation);
	text_addf(&store->sql, ", %" PRIu32 ")", key->id);
}

/* ---- groups -------------------------------------------------------------------------- */

static void
groups_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct call *call = ctx;
	struct store_group_key *keys = NULL;
	int count = 0;

	if (!call_take(call, result, error))
		return;
	count = PQntuples(result);
	keys = calloc((size_t)count + 1, sizeof(*keys));
	for (int i = 0; keys && i < count; i++) {
		text_copy(keys[i].formation, sizeof(keys[i].formation), column_text(result, i, 0));
		keys[i].id = column_u32(result, i, 1);
	}
	call->done.groups(call->ctx, keys ? 0 : PGAF_ENOMEM, keys, keys ? (uint32_t)count : 0);
	free(keys);
	call_free(call);
}

static void
postgres_groups(struct store *base, store_groups_fn done, void *ctx)
{
	struct call *call = call_new(base, CALL_GROUPS, NULL, ctx);

	if (!call)
		return;
	call->done.groups = done;
	call_send(call, "SELECT formation, id FROM pgaf.grp ORDER BY 1, 2", groups_answered);
}

/* ---- what was handed out ------------------------------------------------------------- */

/* Room for one more entry of `size`; NULL when out of memory. */
static void *
list_add(void **list, size_t *count, size_t size)
{
	char *larger = realloc(*list, (*count + 1) * size);

	if (!larger)
		return NULL;
	*list = larger;
	memset(larger + *count * size, 0, size);
	return larger + (*count)++ * size;
}

/* Has the node reported since it was asked for last? From now on it has not. */
static bool
node_is_news(struct postgres_store *store, pgaf_node_id node, const char *news)
{
	struct known_node *known = NULL;

	for (size_t i = 0; i < store->node_count && !known; i++) {
		if (store->nodes[i].node == node)
			known = &store->nodes[i];
	}
	if (known && strcmp(known->news, news) == 0)
		return false;
	if (!known)
		known = list_add((void **)&store->nodes, &store->node_count, sizeof(*known));
	if (known) {
		known->node = node;
		text_copy(known->news, sizeof(known->news), news);
	}
	return true;
}

static uint64_t *
request_seen(struct postgres_store *store, const struct store_group_key *key)
{
	struct known_request *known = NULL;

	for (size_t i = 0; i < store->request_count; i++) {
		known = &store->requests[i];
		if (known->key.id == key->id && strcmp(known->key.formation, key->formation) == 0)
			return &known->number;
	}
	known = list_add((void **)&store->requests, &store->request_count, sizeof(*known));
	if (!known)
		return NULL;
	known->key = *key;
	return &known->number;
}

/* ---- load and reports ---------------------------------------------------------------- */

static void
load_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct call *call = ctx;
	struct postgres_store *store = call->store;
	struct pgaf_error damaged = {0};
	uint64_t *seen = NULL;

	if (!call_take(call, result, error))
		return;
	if (rows_read(result, &call->key, &store->snap, &damaged) < 0) {
		call_fail(call, &damaged);
		return;
	}
	for (int row = 0; row < PQntuples(result); row++) {
		if (rows_node(result, row) != 0)
			node_is_news(store, rows_node(result, row), rows_news(result, row));
	}
	seen = request_seen(store, &call->key);
	if (seen)
		*seen = store->snap.group.request.number;
	call->done.load(call->ctx, 0, &store->snap);
	call_free(call);
}

static void
postgres_load(struct store *base, const struct store_group_key *key, store_group_fn done, void *ctx)
{
	struct call *call = call_new(base, CALL_LOAD, key, ctx);

	if (!call)
		return;
	call->done.load = done;
	add_execute(store_of(base), "pgaf_rows", key);
	call_send(call, store_of(base)->sql.at, load_answered);
}

/* The callback may free the store: what is handed out is copied before the first call. */
static void
reports_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct call *call = ctx;
	struct postgres_store *store = call->store;
	struct pgaf_error damaged = {0};
	struct node news[PGAF_NODES_MAX];
	uint32_t count = 0;

	if (!call_take(call, result, error))
		return;
	if (rows_read(result, &call->key, &store->snap, &damaged) < 0) {
		call_fail(call, &damaged);
		return;
	}
	for (int row = 0, i = 0; row < PQntuples(result); row++) {
		if (rows_node(result, row) == 0)
			continue;
		if (node_is_news(store, rows_node(result, row), rows_news(result, row)))
			news[count++] = store->snap.nodes[i];
		i++;
	}
	for (uint32_t i = 0; i < count; i++)
		call->done.reports(call->ctx, 0, news[i].id, &news[i].report, i + 1 == count);
	if (count == 0)
		call->done.reports(call->ctx, 0, 0, NULL, true);
	call_free(call);
}

static void
postgres_reports(struct store *base, const struct store_group_key *key, store_reports_fn done,
                 void *ctx)
{
	struct call *call = call_new(base, CALL_REPORTS, key, ctx);

	if (!call)
		return;
	call->done.reports = done;
	add_execute(store_of(base), "pgaf_rows", key);
	call_send(call, store_of(base)->sql.at, reports_answered);
}

/* ---- commit -------------------------------------------------------------------------- */

static void
commit_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct call *call = ctx;
	struct postgres_store *store = call->store;
	struct pgaf_error full = {0};

	/* The queue of notifications is full: the decision must not fail for it. */
	if (result && error && strcmp(error->sqlstate, "54000") == 0 && call->without_notify) {
		char *sql = call->without_notify;

		TAILQ_REMOVE(&store->sent, call, next);
		call->without_notify = NULL;
		store->sql.cut = false;
		call_send(call, sql, commit_answered);
		free(sql);
		return;
	}
	if (!call_take(call, result, error))
		return;
	loop_timer_set(store->remember, loop_now(store->loop) + PGAF_SECONDS(1));
	if (!column_bool(result, 0, 0)) {
		error_set(&full, PGAF_ESTALE,
		          "epoch or claim of group %s/%u are not what the "
		          "decision was made from",
		          call->key.formation, call->key.id);
		call_fail(call, &full);
		return;
	}
	call->done.commit(call->ctx, 0, NULL);
	call_free(call);
}

static void
postgres_commit(struct store *base, const struct store_group_key *key,
                const struct decision *decision, store_commit_fn done, void *ctx)
{
	struct postgres_store *store = store_of(base);
	struct call *call = call_new(base, CALL_COMMIT, key, ctx);
	uint64_t *seen = request_seen(store, key);

	if (!call)
		return;
	call->done.commit = done;
	decide_sql(&store->sql, key, decision, seen ? *seen : 0, false);
	call->without_notify = strdup(store->sql.at);
	text_init(&store->sql, store->sql_room, sizeof(store->sql_room));
	decide_sql(&store->sql, key, decision, seen ? *seen : 0, true);
	call_send(call, store->sql.at, commit_answered);
}

/* ---- sessions, pictures -------------------------------------------------------------- */

static void
sessions_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct call *call = ctx;
	pgaf_node_id open[PGAF_NODES_MAX];
	uint32_t count = 0;

	if (!call_take(call, result, error))
		return;
	for (int i = 0; i < PQntuples(result) && count < PGAF_NODES_MAX; i++)
		open[count++] = column_u32(result, i, 0);
	call->done.sessions(call->ctx, 0, open, count);
	call_free(call);
}

static void
postgres_sessions(struct store *base, const struct store_group_key *key, store_sessions_fn done,
                  void *ctx)
{
	struct call *call = call_new(base, CALL_SESSIONS, key, ctx);

	if (!call)
		return;
	call->done.sessions = done;
	add_execute(store_of(base), "pgaf_sessions", key);
	call_send(call, store_of(base)->sql.at, sessions_answered);
}

static void
postgres_publish(struct store *base, const struct store_group_key *key, const char *picture)
{
	struct postgres_store *store = store_of(base);
	struct text *sql = &store->sql;

	if (!store->open)
		return;
	text_init(sql, store->sql_room, sizeof(store->sql_room));
	text_add(sql, "SET LOCAL synchronous_commit = off; "
	              "INSERT INTO pgaf.picture VALUES (");
	sql_literal(sql, key->formation);
	text_addf(sql, ", %" PRIu32 ", clock_timestamp(), ", key->id);
	sql_literal(sql, picture);
	text_add(sql, ") ON CONFLICT (formation, grp) DO UPDATE SET time = excluded.time, "
	              "line = excluded.line");
	if (!sql->cut)
		conn_query(store->conn, sql->at, STORE_LIMIT, NULL, NULL);
}

/* ---- events -------------------------------------------------------------------------- */

static void
event_read(const PGresult *result, int row, struct store_event *event)
{
	int column = 0;

	event->id = (int64_t)column_u64(result, row, column++);
	text_copy(event->time, sizeof(event->time), column_text(result, row, column++));
	text_copy(event->key.formation, sizeof(event->key.formation),
	          column_text(result, row, column++));
	event->key.id = column_u32(result, row, column++);
	event->epoch = column_u64(result, row, column++);
	event->node = column_u32(result, row, column++);
	text_copy(event->node_name, sizeof(event->node_name), column_text(result, row, column++));
	text_copy(event->reported, sizeof(event->reported), column_text(result, row, column++));
	text_copy(event->assigned, sizeof(event->assigned), column_text(result, row, column++));
	event->rule = column_u32(result, row, column++);
	text_copy(event->text, sizeof(event->text), column_text(result, row, column++));
}

static void
events_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct call *call = ctx;
	struct store_event *events = NULL;
	int count = 0;

	if (!call_take(call, result, error))
		return;
	count = PQntuples(result);
	events = calloc((size_t)count + 1, sizeof(*events));
	for (int i = 0; events && i < count; i++)
		event_read(result, count - 1 - i, &events[i]);
	call->done.events(call->ctx, events ? 0 : PGAF_ENOMEM, events,
	                  events ? (uint32_t)count : 0);
	free(events);
	call_free(call);
}

static void
postgres_events(struct store *base, int64_t after, uint32_t most, store_events_fn done, void *ctx)
{
	struct call *call = call_new(base, CALL_EVENTS, NULL, ctx);
	struct text *sql = &store_of(base)->sql;

	if (!call)
		return;
	call->done.events = done;
	text_addf(sql,
	          "SELECT event_id, "
	          "to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), "
	          "formation, grp, epoch, node_id, node_name, reported, goal, rule, text "
	          "FROM pgaf.event WHERE event_id > %" PRId64
	          " ORDER BY event_id DESC LIMIT %" PRIu32,
	          after, most);
	call_send(call, sql->at, events_answered);
}

/* ---- what operators ask for ---------------------------------------------------------- */

static void
ask_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct call *call = ctx;

	if (!call_take(call, result, error))
		return;
	call->done.commit(call->ctx, 0, NULL);
	call_free(call);
}

static void
postgres_ask(struct store *base, const struct store_group_key *key, const struct request *request,
             pgaf_node_id drop, store_commit_fn done, void *ctx)
{
	struct call *call = call_new(base, CALL_ASK, key, ctx);
	struct text *sql = &store_of(base)->sql;

	if (!call)
		return;
	call->done.commit = done;
	text_addf(sql, "SELECT pgaf.%s(", request ? "perform" : "drop_node");
	sql_literal(sql, key->formation);
	if (request)
		text_addf(sql, ", %" PRIu32 ", '%s', %" PRIu32 ", %s, %d)", key->id,
		          request->kind == REQUEST_FAILOVER ? "failover" : "switchover",
		          request->to, request->allow_loss ? "true" : "false", ASK_VALID_SECONDS);
	else
		text_addf(sql, ", %" PRIu32 ", false)", drop);
	call_send(call, sql->at, ask_answered);
}

/* ---- the session --------------------------------------------------------------------- */

static void
store_log(const struct postgres_store *store, enum pgaf_log_level level, const char *event,
          const char *text)
{
	if (store->log)
		store->log(store->log_ctx, &(struct pgaf_log){
						   .level = level,
						   .event = event,
						   .text = text,
						   .formation = "",
						   .node_name = "",
					   });
}

bool
store_is_final(int code)
{
	return code == PGAF_EREFUSED || code == PGAF_ECONFIG || code == PGAF_EAUTH;
}

/* The session is over, or could not be made useful. */
void
store_failed(struct postgres_store *store, const struct pgaf_error *error)
{
	struct pgaf_error copy = *error;

	store->open = false;
	open_cancel(store);
	conn_close(store->conn);
	store->final = store_is_final(copy.code);
	if (!store->final)
		loop_timer_set(store->retry, loop_now(store->loop) + backoff_next(&store->backoff));
	/* Calls that were under way: their outcome is not known. */
	TAILQ_CONCAT(&store->unsent, &store->sent, next);
	if (!TAILQ_EMPTY(&store->unsent))
		loop_timer_set(store->answer, loop_now(store->loop));
	store->callbacks.lost(store->ctx, &copy);
}

void
store_opened(struct postgres_store *store)
{
	store->open = true;
	store->starved = false;
	store->backoff.tries = 0;
	if (store->forgot)
		store_log(store, PGAF_LOG_WARNING, "store-forgot",
		          "the database is older than this monitor remembers: its incarnation is "
		          "new, all keepers will be heard before anything is decided");
	store->forgot = false;
	store->callbacks.opened(store->ctx, store->incarnation, store->age);
}

static void
store_connected(void *ctx)
{
	open_begin(ctx);
}

static void
store_lost(void *ctx, enum conn_failure failure, const struct pgaf_error *error)
{
	(void)failure;
	store_failed(ctx, error);
}

static void
store_retry(void *ctx)
{
	struct postgres_store *store = ctx;

	conn_open(store->conn);
}

/* "R formation/group node": the formation's name holds no slash. */
static void
store_notified(void *ctx, const char *channel, const char *payload)
{
	struct postgres_store *store = ctx;
	struct store_group_key key = {.id = 0};
	unsigned node = 0;
	char what = 0;

	(void)channel;
	if (!store->open ||
	    sscanf(payload, "%c %63[^/]/%" SCNu32 " %u", &what, key.formation, &key.id, &node) != 4)
		return;
	store->callbacks.changed(store->ctx, &key, what == 'R' ? STORE_REPORTED : STORE_CHANGED,
	                         node);
}

/* ---- construction -------------------------------------------------------------------- */

static void
calls_free(struct calls *calls)
{
	struct call *call = NULL;

	while ((call = TAILQ_FIRST(calls))) {
		TAILQ_REMOVE(calls, call, next);
		call_free(call);
	}
}

static void
postgres_free(struct store *base)
{
	struct postgres_store *store = store_of(base);

	if (!store)
		return;
	open_cancel(store);
	conn_free(store->conn);
	loop_timer_free(store->retry);
	loop_timer_free(store->answer);
	loop_timer_free(store->remember);
	calls_free(&store->sent);
	calls_free(&store->unsent);
	for (size_t i = 0; i < sizeof(store->secrets) / sizeof(store->secrets[0]); i++)
		free(store->secrets[i]);
	free(store->run_path);
	free(store->nodes);
	free(store->requests);
	free(store);
}

static const struct store_ops postgres_store_ops = {
	.free = postgres_free,
	.groups = postgres_groups,
	.load = postgres_load,
	.reports = postgres_reports,
	.commit = postgres_commit,
	.sessions = postgres_sessions,
	.publish = postgres_publish,
	.events = postgres_events,
	.ask = postgres_ask,
};

const char *
postgres_store_probe_password(const struct store *store)
{
	return ((const struct postgres_store *)store)->probe_password;
}

static int
store_copy(char **to, const char *from)
{
	if (!from || from[0] == '\0')
		return 0;
	*to = strdup(from);
	return *to ? 0 : PGAF_ENOMEM;
}

static int
store_fill(struct postgres_store *store, const struct postgres_store_options *options,
           struct pgaf_error *error)
{
	struct target target;
	int result = target_parse(&target, options->uri, error);

	if (result < 0)
		return result;
	if (target_default(&target, "dbname", "pgaf") < 0 ||
	    target_default(&target, "application_name", "pgaf-monitor") < 0) {
		target_done(&target);
		return error_set(error, PGAF_ENOMEM, "out of memory");
	}
	store->conn = conn_new(store->loop,
	                       &(struct conn_options){
				       .keywords = target.keywords,
				       .values = target.values,
				       .host = target.host,
				       .connect_limit = PGAF_SECONDS(5),
				       .tcp_user_timeout_ms = 5000,
			       },
	                       &(struct conn_callbacks){
				       .opened = store_connected,
				       .lost = store_lost,
				       .notified = store_notified,
			       },
	                       store);
	target_done(&target);
	store->retry = loop_timer_new(store->loop, store_retry, store);
	store->answer = loop_timer_new(store->loop, store_answer_unsent, store);
	store->remember = loop_timer_new(store->loop, open_remember, store);
	if (!store->conn || !store->retry || !store->answer || !store->remember ||
	    store_copy(&store->run_path, options->run_file) < 0 ||
	    store_copy(&store->secrets[0], options->join_secret) < 0 ||
	    store_copy(&store->secrets[1], options->operator_password) < 0 ||
	    store_copy(&store->secrets[2], options->reader_password) < 0)
		return error_set(error, PGAF_ENOMEM, "out of memory");
	return 0;
}

struct store *
postgres_store_new(struct loop *loop, const struct postgres_store_options *options,
                   const struct store_callbacks *callbacks, void *ctx, struct pgaf_error *error)
{
	struct postgres_store *store = calloc(1, sizeof(*store));

	if (!store) {
		error_set(error, PGAF_ENOMEM, "out of memory");
		return NULL;
	}
	store->base.ops = &postgres_store_ops;
	store->loop = loop;
	store->callbacks = *callbacks;
	store->ctx = ctx;
	store->log = options->log;
	store->log_ctx = options->log_ctx;
	TAILQ_INIT(&store->sent);
	TAILQ_INIT(&store->unsent);
	if (store_fill(store, options, error) < 0) {
		postgres_free(&store->base);
		return NULL;
	}
	loop_timer_set(store->retry, loop_now(loop));
	return &store->base;
}
