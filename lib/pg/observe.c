/* SPDX-License-Identifier: PostgreSQL */
/*
 * Rounds of observation on a session of their own, so that a step that waits
 * in a statement does not blind us. Files are read when no server answers.
 */

#include <signal.h>
#include <string.h>

#include "pg/disk.h"
#include "pg/instance_parts.h"
#include "pg/observe.h"
#include "pg/release.h"

/* A server that does not answer for this long is asked again in a new session. */
#define ANSWER_LIMIT PGAF_SECONDS(2)
/* A walreceiver that is still there then has been given something. */
#define RECEIVER_LASTS PGAF_MSEC(50)
#define SLOTS_EVERY PGAF_SECONDS(30)
#define SETTINGS_EVERY PGAF_SECONDS(60)
#define STATEMENT_ROOM 8192

/* ---- without the server ----------------------------------------------------------- */

static bool
state_file_exists(const struct instance *in, const char *name)
{
	char path[INSTANCE_PATH_MAX];

	instance_state_path(in, name, path, sizeof(path));
	return disk_exists(path);
}

static bool
data_file_exists(const struct instance *in, const char *name)
{
	char path[INSTANCE_PATH_MAX + 32];
	struct text text = TEXT(path);

	text_addf(&text, "%s/%s", in->pgdata, name);
	return disk_exists(path);
}

static void
see_control(const struct instance *in, struct observation *seen, struct control *control)
{
	if (control_read(in->pgdata, control, NULL) < 0)
		return;
	seen->system_identifier = control->system_identifier;
	seen->disk_timeline = control->timeline;
	seen->timeline = control->timeline > control->min_recovery_timeline
	                         ? control->timeline
	                         : control->min_recovery_timeline;
	seen->clean = control_is_clean(control);
	seen->was_primary = control_was_primary(control);
}

static void
see_directory(struct instance *in, struct observation *seen)
{
	seen->exits = in->exits;
	seen->exit_inside = in->exit_inside;
	seen->clone_unfinished = state_file_exists(in, REPLACING_FILE);
	seen->has_data = instance_has_data(in) && !seen->clone_unfinished;
	seen->foreign = !seen->has_data && !seen->clone_unfinished && !disk_is_empty(in->pgdata);
	seen->standby_signal = data_file_exists(in, "standby.signal");
	seen->upstream = in->conf.upstream;
	seen->admission = in->conf.admission;
	seen->closed = in->held_back;
	text_copy(seen->sync_names, sizeof(seen->sync_names), in->conf.sync_names);
	heartbeat_see(in, seen);
}

void
observe_files(struct instance *in, struct observation *seen)
{
	struct control control = {0};
	pid_t left[1];

	*seen = (struct observation){0};
	see_directory(in, seen);
	seen->pg = PG_ABSENT;
	if (!seen->has_data)
		return;
	see_control(in, seen, &control);
	seen->vetoes |= VETO_BIT(NOT_CONSISTENT) | VETO_BIT(LSN_UNKNOWN);
	if (in->postmaster != 0)
		seen->pg = PG_STARTING;
	else if (in->exited || process_list(in->pgdata, left, 1) > 0)
		seen->pg = PG_EXITED;
	else
		seen->pg = PG_STOPPED;
}

/* ---- delivery --------------------------------------------------------------------- */

static void
deliver(struct instance *in, const struct observation *seen)
{
	struct observer *observer = &in->observer;

	observer->seen = *seen;
	observer->seen.asked_at = observer->asked_at;
	observer->any = true;
	observer->busy = false;
	struct observation copy = observer->seen;
	in->callbacks.observed(in->ctx, &copy);
	/* A round that the callback began is as late as one that was wanted before. */
	bool again = observer->again && !observer->busy;
	observer->again = false;
	if (again)
		observe_start(in);
}

/*
 * It takes sessions, and none of ours: it was set up by somebody else. The
 * control file says what it is; its position stays unknown.
 */
static void
see_stranger(const struct instance *in, struct observation *seen)
{
	struct postmaster found;
	struct control control;

	process_find_postmaster(in->pgdata, &found);
	if (found.status != POSTMASTER_READY || control_read(in->pgdata, &control, NULL) < 0)
		return;
	if (control.state == CONTROL_IN_PRODUCTION)
		seen->pg = PG_PRIMARY;
	else if (control.state == CONTROL_IN_ARCHIVE_RECOVERY)
		seen->pg = PG_STANDBY;
}

static bool
is_still_true(const struct instance *in)
{
	return in->observer.any && in->observer.seen.asked_at >= in->observer.changed_at;
}

/* The server lives and does not answer: what is known of it stays, apart from what files say. */
static void
deliver_silence(struct instance *in, enum conn_failure failure)
{
	struct observation seen;
	const struct observation *last = &in->observer.seen;

	observe_files(in, &seen);
	if (in->postmaster != 0 && failure == CONN_STOPPING)
		seen.pg = PG_STOPPING;
	else if (in->postmaster != 0 && is_still_true(in) && failure != CONN_STARTING &&
	         failure != CONN_REFUSED && (last->pg == PG_PRIMARY || last->pg == PG_STANDBY))
		seen = *last;
	else if (in->postmaster != 0 && (failure == CONN_REFUSED || failure == CONN_REJECTED))
		see_stranger(in, &seen);
	deliver(in, &seen);
}

/* ---- with the server -------------------------------------------------------------- */

static void
poisoned(struct instance *in, struct observation *seen, long pid)
{
	if (in->observer.poisoned != seen->server_start)
		instance_log(in, PGAF_LOG_ERROR, "poisoned",
		             "a standby claims to hold more than was written here; synchronous "
		             "replication proves nothing until Postgres is restarted");
	in->observer.poisoned = seen->server_start;
	kill((pid_t)pid, SIGTERM);
}

static void
slots_advanced(void *ctx, const PGresult *rows, const struct pgaf_error *error)
{
	(void)rows;
	if (error != NULL)
		instance_log(ctx, PGAF_LOG_DEBUG, "slots", "%s", error->text);
}

/* Nobody streams from them here, so nobody else moves them on, and they hold WAL back. */
static void
advance_slots(struct instance *in)
{
	char sql[STATEMENT_ROOM];
	struct text text = TEXT(sql);

	if (loop_now(in->loop) - in->observer.slots_at < SLOTS_EVERY)
		return;
	in->observer.slots_at = loop_now(in->loop);
	slots_advance_sql(PQserverVersion(conn_pg(in->observer.conn)), &text);
	conn_query(in->observer.conn, sql, 0, slots_advanced, in);
}

static void
look_later(struct instance *in)
{
	if (in->observer.busy)
		return;
	in->observer.busy = true;
	loop_timer_set(in->observer.starter, loop_now(in->loop) + RECEIVER_LASTS);
}

static void
row_arrived(void *ctx, const PGresult *rows, const struct pgaf_error *error)
{
	struct instance *in = ctx;
	struct observation seen = {0};
	struct control control = {0};
	struct observe_pids pids;

	if (in->postmaster == 0 && rows != NULL) {
		/* Its last words: it has ended since. */
		deliver_silence(in, CONN_CLOSED);
		return;
	}
	if (error != NULL && PQresultStatus(rows) != PGRES_TUPLES_OK) {
		if (rows == NULL)
			return; /* the session is lost: that callback follows */
		instance_log(in, PGAF_LOG_WARNING, "observe", "%s", error->text);
		deliver_silence(in, CONN_OTHER);
		return;
	}
	see_directory(in, &seen);
	see_control(in, &seen, &control);
	seen.clean = false;
	seen.upstream = 0;
	seen.admission = 0;
	seen.timeline = in->observer.timeline;
	seen.system_identifier = in->observer.system_identifier;
	seen.server_version = (uint32_t)PQserverVersion(conn_pg(in->observer.conn));
	observe_read(rows, &control, &seen, &pids);
	if (pids.liar != 0)
		poisoned(in, &seen, pids.liar);
	/* What was asked before they came in may not know it yet. */
	seen.closed =
		(seen.closed && in->observer.asked_at > in->observer.opened_at) || in->held_back;
	seen.poisoned = seen.server_start != 0 && in->observer.poisoned == seen.server_start;
	seen.weak_commits = in->observer.weak_commits;
	if (in->observer.settings_not_ours)
		seen.vetoes |= VETO_BIT(SETTINGS_NOT_OURS);
	if (release_is_old((int)seen.server_version) && !in->allow_old_minor)
		seen.vetoes |= VETO_BIT(OLD_MINOR);
	if (seen.pg == PG_STANDBY)
		advance_slots(in);
	bool fresh = seen.streaming && pids.receiver != in->observer.receiver;
	in->observer.receiver = pids.receiver;
	/* One that asked for WAL that is gone streams for a moment, and then comes another. */
	if (fresh)
		seen.streaming = false;
	/* A promotion must not wait for a login. */
	task_warm(in);
	deliver(in, &seen);
	if (fresh)
		look_later(in);
}

static void
identified(void *ctx, const PGresult *rows, const struct pgaf_error *error)
{
	struct instance *in = ctx;
	uint64_t number = 0;

	if (error != NULL || PQntuples(rows) != 1 || PQnfields(rows) < 2)
		return;
	if (text_to_u64(PQgetvalue(rows, 0, 0), &number))
		in->observer.system_identifier = number;
	if (text_to_u64(PQgetvalue(rows, 0, 1), &number))
		in->observer.timeline = (uint32_t)number;
}

static void
settings_arrived(void *ctx, const PGresult *rows, const struct pgaf_error *error)
{
	struct instance *in = ctx;

	if (error != NULL || PQntuples(rows) != 1)
		return;
	const char *names = PQgetvalue(rows, 0, 0);
	bool drifted = names[0] != '\0';
	if (drifted && !in->observer.settings_not_ours)
		instance_log(in, PGAF_LOG_WARNING, "settings-not-ours",
		             "set elsewhere or not in force before a restart: %s", names);
	in->observer.settings_not_ours = drifted;
	in->observer.settings_read = true;
	in->observer.settings_at = loop_now(in->loop);
}

/* Who chose so gave up what is promised; whoever runs the server should know (PROTOCOL 17). */
static void
weak_arrived(void *ctx, const PGresult *rows, const struct pgaf_error *error)
{
	struct instance *in = ctx;

	if (error != NULL || PQntuples(rows) != 1)
		return;
	const char *whose = PQgetvalue(rows, 0, 0);
	bool weak = whose[0] != '\0';
	if (weak && !in->observer.weak_commits)
		instance_log(in, PGAF_LOG_WARNING, "weak-commits",
		             "commits return before a standby has them where synchronous_commit "
		             "is set lower: %s",
		             whose);
	in->observer.weak_commits = weak;
}

static void
ask_weak(struct instance *in)
{
	conn_query(
		in->observer.conn,
		"SELECT coalesce(string_agg(coalesce(nullif(concat_ws(' in ', 'role ' || rolname,"
		" 'database ' || datname), ''), 'all roles') || ' (' || split_part(c, '=', 2)"
		" || ')', ', '), '')"
		" FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(setconfig) c"
		" LEFT JOIN pg_roles r ON r.oid = setrole"
		" LEFT JOIN pg_database d ON d.oid = setdatabase"
		" WHERE c ~* '^synchronous_commit=(off|local|remote_write|false|no|0)$'",
		ANSWER_LIMIT, weak_arrived, in);
}

static void
ask_settings(struct instance *in)
{
	char sql[STATEMENT_ROOM];
	struct text text = TEXT(sql);

	text_add(&text,
	         "SELECT coalesce(string_agg(name, ', '), '') FROM pg_settings"
	         " WHERE NOT (source = 'configuration file' AND sourcefile LIKE '%/" CONF_FILE
	         "') AND source NOT IN ('client', 'user', 'database', 'database user',"
	         " 'session', 'override') AND name IN (");
	struct text names = {.at = sql + text.used, .room = sizeof(sql) - text.used};
	conf_owned_names(&in->conf, &names);
	text.used += names.used;
	text_add(&text, ")");
	conn_query(in->observer.conn, sql, ANSWER_LIMIT, settings_arrived, in);
}

static void
ask_both(struct instance *in)
{
	ask_settings(in);
	ask_weak(in);
}

static void
ask(struct instance *in)
{
	struct observer *observer = &in->observer;
	char sql[STATEMENT_ROOM];
	struct text text = TEXT(sql);

	observer->asked_at = loop_now(in->loop);
	if (!observer->settings_read || observer->settings_not_ours ||
	    loop_now(in->loop) - observer->settings_at > SETTINGS_EVERY)
		ask_both(in);
	/* Planned once a session: planning costs five times what the answer does. When it fails,
	 * so does the EXECUTE. */
	if (!observer->prepared) {
		text_add(&text, "PREPARE pgaf_observe AS ");
		observe_statement(PQserverVersion(conn_pg(observer->conn)), &text);
		conn_query(observer->conn, sql, ANSWER_LIMIT, NULL, NULL);
		observer->prepared = true;
	}
	if (conn_query(observer->conn, "IDENTIFY_SYSTEM", ANSWER_LIMIT, identified, in) < 0 ||
	    conn_query(observer->conn, "EXECUTE pgaf_observe", ANSWER_LIMIT, row_arrived, in) < 0)
		deliver_silence(in, CONN_OTHER);
}

static void
session_opened(void *ctx)
{
	struct instance *in = ctx;

	in->observer.settings_read = false;
	in->observer.prepared = false;
	if (in->observer.busy)
		ask(in);
}

static void
session_lost(void *ctx, enum conn_failure failure, const struct pgaf_error *error)
{
	struct instance *in = ctx;

	if (in->observer.busy) {
		if (failure == CONN_REJECTED || failure == CONN_OTHER)
			instance_log(in, PGAF_LOG_WARNING, "observe", "%s", error->text);
		deliver_silence(in, failure);
		return;
	}
	/* The end of our session is news: look at what is left. */
	observe_start(in);
}

static bool
takes_no_sessions(const struct instance *in)
{
	struct postmaster found;

	process_find_postmaster(in->pgdata, &found);
	return found.status == POSTMASTER_STARTING || found.status == POSTMASTER_STANDBY;
}

static void
begin(void *ctx)
{
	static const struct conn_callbacks callbacks = {.opened = session_opened,
	                                                .lost = session_lost};
	struct instance *in = ctx;
	struct observer *observer = &in->observer;
	struct observation seen;

	observer->asked_at = loop_now(in->loop);
	if (!attach_look(in)) {
		if (observer->conn != NULL)
			conn_close(observer->conn);
		observe_files(in, &seen);
		deliver(in, &seen);
		return;
	}
	if (observer->conn != NULL && conn_is_open(observer->conn)) {
		ask(in);
		return;
	}
	/* Its file says as much as an attempt that is turned away, and fills no log. */
	if (takes_no_sessions(in)) {
		observe_files(in, &seen);
		deliver(in, &seen);
		return;
	}
	conn_free(observer->conn);
	observer->conn = instance_session(in, NULL, &callbacks);
	if (observer->conn == NULL)
		deliver_silence(in, CONN_OTHER);
	else
		conn_open(observer->conn);
}

void
observe_start(struct instance *in)
{
	struct observer *observer = &in->observer;

	if (observer->busy) {
		observer->again = true;
		return;
	}
	observer->busy = true;
	loop_timer_set(observer->starter, loop_now(in->loop));
}

void
observe_settings_changed(struct instance *in)
{
	in->observer.settings_read = false;
}

void
observe_init(struct instance *in)
{
	in->observer.starter = loop_timer_new(in->loop, begin, in);
}

void
observe_free(struct instance *in)
{
	loop_timer_free(in->observer.starter);
	conn_free(in->observer.conn);
}
