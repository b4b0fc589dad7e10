/* SPDX-License-Identifier: PostgreSQL */
/*
 * What a monitor does before it may use its database, as a table of
 * statements sent one after the other: is it safe, is nobody else deciding,
 * is the schema ours, is it the database it was.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/error.h"
#include "store/postgres_parts.h"

extern const char store_schema_sql[];
extern const size_t store_schema_sql_len;

/* Writes the run file on a worker; owned by itself once the store let go of it. */
struct run_job {
	struct postgres_store *store; /* NULL: nobody waits */
	bool opening;
	char *path;
	struct run_file run;
	struct pgaf_error error;
};

static void open_next(struct postgres_store *store);

static void
run_job_work(void *arg)
{
	struct run_job *job = arg;

	run_file_write(job->path, &job->run, &job->error);
}

static void
run_job_finished(void *arg)
{
	struct run_job *job = arg;
	struct postgres_store *store = job->store;
	struct pgaf_error error = job->error;
	bool opening = job->opening;

	free(job->path);
	free(job);
	if (!store)
		return;
	store->job = NULL;
	if (!opening)
		return;
	if (error.code < 0)
		store_failed(store, &error);
	else
		open_next(store);
}

static int
run_job_start(struct postgres_store *store, bool opening)
{
	struct run_job *job = calloc(1, sizeof(*job));

	if (!job)
		return PGAF_ENOMEM;
	job->store = store;
	job->opening = opening;
	job->path = strdup(store->run_path);
	job->run = store->run;
	if (!job->path || loop_job(store->loop, run_job_work, run_job_finished, job) < 0) {
		free(job->path);
		free(job);
		return PGAF_ENOMEM;
	}
	store->job = job;
	return 0;
}

void
open_cancel(struct postgres_store *store)
{
	if (store->job)
		store->job->store = NULL;
	store->job = NULL;
}

/* ---- steps --------------------------------------------------------------------------- */

static void
sql_lock(struct postgres_store *store)
{
	text_add(&store->sql, "SELECT pg_try_advisory_lock(" STORE_LOCK ")");
}

static int
take_lock(struct postgres_store *store, const PGresult *result, struct pgaf_error *error)
{
	(void)store;
	if (column_bool(result, 0, 0))
		return 0;
	return error_set(error, PGAF_ECONN, "another monitor decides with this database");
}

static void
sql_server(struct postgres_store *store)
{
	text_add(
		&store->sql,
		"SELECT current_setting('fsync')::bool, current_setting('full_page_writes')::bool, "
		"NOT pg_is_in_recovery(), current_setting('track_activities')::bool, "
		"pg_has_role(current_user, 'pg_read_all_stats', 'usage'), "
		"current_setting('server_version_num')::int >= 130000, "
		"to_regclass('pgaf.version') IS NOT NULL");
}

static int
take_server(struct postgres_store *store, const PGresult *result, struct pgaf_error *error)
{
	static const char *const refusals[] = {
		"fsync is off: a decision could be forgotten; turn it on",
		"full_page_writes is off: a decision could be forgotten; turn it on",
		"the server is a standby; name the primary",
		"track_activities is off: sessions of keepers cannot be told; turn it on",
		"the user cannot see other sessions; GRANT pg_read_all_stats TO it",
		"PostgreSQL 13 or newer is needed",
	};

	for (int i = 0; i < (int)(sizeof(refusals) / sizeof(refusals[0])); i++) {
		if (!column_bool(result, 0, i))
			return error_set(error, PGAF_EREFUSED, "the store cannot be used: %s",
			                 refusals[i]);
	}
	store->version = column_bool(result, 0, 6) ? STORE_SCHEMA_VERSION : 0;
	if (store->version == 0)
		store->passwords_set = false;
	return 0;
}

/* One simple query is one transaction: all of the schema, or nothing. */
static void
sql_install(struct postgres_store *store)
{
	if (store->version == 0)
		text_add(&store->sql, store_schema_sql);
}

static void
sql_version(struct postgres_store *store)
{
	text_add(&store->sql, "SELECT version FROM pgaf.version");
}

static int
take_version(struct postgres_store *store, const PGresult *result, struct pgaf_error *error)
{
	store->version = PQntuples(result) == 1 ? (int)column_u32(result, 0, 0) : 0;
	if (store->version == STORE_SCHEMA_VERSION)
		return 0;
	return error_set(error, PGAF_EREFUSED,
	                 "the store's schema has version %d, this monitor knows version %d; run a "
	                 "newer pgaf-monitor",
	                 store->version, STORE_SCHEMA_VERSION);
}

static void
add_setting_kinds(struct text *sql)
{
	int place = 2;

	text_add(sql,
	         "DELETE FROM pgaf.setting_kind; INSERT INTO pgaf.setting_kind VALUES "
	         "('number_sync_standbys', 'number', '0', 0, 8, '', 'standbys that each commit "
	         "waits for; 0: one while one is in good standing', 1), "
	         "('on_disagreement', 'choice', 'stay', 0, 1, 'stay|move', 'what to do when the "
	         "monitor cannot reach the primary and a witness can', 2)");
#define TIMING_KIND(name, initial, lowest, highest, text)                                        \
	text_addf(sql,                                                                           \
	          ", ('" #name "', 'duration', '%" PRId64 "ms', %" PRId64 ", %" PRId64 ", '', ", \
	          (initial) / PGAF_MSEC(1), (pgaf_time)(lowest), (pgaf_time)(highest));          \
	sql_literal(sql, (text));                                                                \
	text_addf(sql, ", %d)", ++place);
	TIMINGS(TIMING_KIND)
#undef TIMING_KIND
	/* Written as pgaf writes every value. */
	text_add(sql, "; UPDATE pgaf.setting_kind k SET initial = "
	              "pgaf._show(k, pgaf._read(k, k.initial));");
}

static void
add_password(struct postgres_store *store, const char *role, const char *secret)
{
	char *verifier = NULL;

	if (!secret)
		return;
	verifier = PQencryptPasswordConn(conn_pg(store->conn), secret, role, "scram-sha-256");
	if (!verifier)
		return;
	text_addf(&store->sql, " ALTER ROLE %s LOGIN PASSWORD ", role);
	sql_literal(&store->sql, verifier);
	text_add(&store->sql, ";");
	PQfreemem(verifier);
}

static void
sql_setup(struct postgres_store *store)
{
	if (store->passwords_set)
		return;
	add_setting_kinds(&store->sql);
	add_password(store, "pgaf_keeper", store->secrets[0]);
	add_password(store, "pgaf_operator", store->secrets[1]);
	add_password(store, "pgaf_reader", store->secrets[2]);
}

static void
sql_recall(struct postgres_store *store)
{
	store->passwords_set = true;
	text_add(&store->sql, "SELECT s.nonce, pgaf.epochs(), pg_current_wal_flush_lsn() - '0/0' "
	                      "FROM pgaf.store s");
}

/* The nonce goes to the file first: whichever write is the last, the file knows it. */
static int
take_recall(struct postgres_store *store, const PGresult *result, struct pgaf_error *error)
{
	struct run_file *run = &store->run;
	const char *nonce = column_text(result, 0, 0);
	uint64_t epochs = column_u64(result, 0, 1);
	pgaf_lsn lsn = column_u64(result, 0, 2);

	if (store->run_path && run_file_read(store->run_path, run, error) < 0)
		return error->code;
	store->forgot = store->run_path && !run_file_fits(run, nonce, epochs, lsn);
	text_copy(run->before, sizeof(run->before), nonce);
	if (random_hex(run->nonce, sizeof(run->nonce)) < 0)
		return error_set(error, PGAF_ESYS, "no random numbers");
	run->epochs = epochs;
	run->lsn = lsn;
	return 0;
}

static void
sql_begin(struct postgres_store *store)
{
	text_addf(&store->sql, "SELECT * FROM pgaf.begin_run(%s, '%s')",
	          store->forgot ? "true" : "false", store->run.nonce);
}

static int
take_begin(struct postgres_store *store, const PGresult *result, struct pgaf_error *error)
{
	int64_t age_ms = (int64_t)column_u64(result, 0, 1);

	(void)error;
	store->incarnation = column_u64(result, 0, 0);
	/* The wall clock only tells a new store from an old one. */
	store->age = age_ms >= 0 && age_ms < 86400000 ? PGAF_MSEC(age_ms) : -1;
	text_copy(store->probe_password, sizeof(store->probe_password), column_text(result, 0, 2));
	return 0;
}

static void
sql_listen(struct postgres_store *store)
{
	text_add(&store->sql,
	         "LISTEN pgaf_monitor; PREPARE pgaf_rows (text, int) AS SELECT " STORE_ROW_COLUMNS
	         " FROM pgaf.snapshot WHERE formation = $1 AND "
	         "grp = $2 ORDER BY node_id; PREPARE pgaf_sessions (text, int) AS "
	         "SELECT * FROM pgaf.sessions($1, $2)");
}

static const struct opening {
	void (*sql)(
		struct postgres_store *store); /* leaves it empty when there is nothing to send */
	int (*take)(struct postgres_store *store, const PGresult *result, struct pgaf_error *error);
	bool writes_run_file; /* then, before the next step */
} openings[] = {
	{.sql = sql_lock, .take = take_lock},
	{.sql = sql_server, .take = take_server},
	{.sql = sql_install},
	{.sql = sql_version, .take = take_version},
	{.sql = sql_setup},
	{.sql = sql_recall, .take = take_recall, .writes_run_file = true},
	{.sql = sql_begin, .take = take_begin},
	{.sql = sql_listen},
};

static void
open_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct postgres_store *store = ctx;
	const struct opening *opening = &openings[store->opening];
	struct pgaf_error full;

	if (!result)
		return; /* `lost` follows */
	if (answer_code(result, error, &full) == 0 && opening->take)
		opening->take(store, result, &full);
	if (full.code < 0) {
		error_prefix(&full, "open the store");
		store_failed(store, &full);
		return;
	}
	store->opening++;
	if (!opening->writes_run_file || !store->run_path)
		open_next(store);
	else if (run_job_start(store, true) < 0) {
		error_set(&full, PGAF_ENOMEM, "open the store: out of memory");
		store_failed(store, &full);
	}
}

static void
open_next(struct postgres_store *store)
{
	struct pgaf_error error = {0};

	for (; store->opening < sizeof(openings) / sizeof(openings[0]); store->opening++) {
		text_init(&store->sql, store->sql_room, sizeof(store->sql_room));
		openings[store->opening].sql(store);
		if (store->sql.used == 0)
			continue;
		if (!store->sql.cut && conn_query(store->conn, store->sql.at, PGAF_SECONDS(30),
		                                  open_answered, store) == 0)
			return;
		error_set(&error, PGAF_ECONN, "open the store: a statement cannot be sent");
		store_failed(store, &error);
		return;
	}
	store_opened(store);
}

void
open_begin(struct postgres_store *store)
{
	store->opening = 0;
	open_next(store);
}

/* ---- while it is open ---------------------------------------------------------------- */

static void
open_position(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct postgres_store *store = ctx;

	if (error || !result || store->job)
		return;
	store->run.epochs = column_u64(result, 0, 0);
	store->run.lsn = column_u64(result, 0, 1);
	run_job_start(store, false);
}

void
open_remember(void *ctx)
{
	struct postgres_store *store = ctx;

	if (store->open && store->run_path)
		conn_query(store->conn, "SELECT pgaf.epochs(), pg_current_wal_flush_lsn() - '0/0'",
		           STORE_LIMIT, open_position, store);
}
