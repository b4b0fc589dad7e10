/* SPDX-License-Identifier: PostgreSQL */
/*
 * Following an upstream, and leaving it for good. What the configuration says
 * is not what happens: the startup process restarts the walreceiver only from
 * its own loop, which may stand still (PROTOCOL 6). So the walreceiver itself
 * is looked at, and ended by signal.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/lsn.h"
#include "pg/instance_history.h"

#define LOOK_EVERY PGAF_MSEC(5)
#define DETACH_PATIENCE PGAF_MSEC(20)
#define FOLLOW_LOOKS 2
#define FOLLOW_EVERY PGAF_MSEC(20)
#define FOLLOW_PATIENCE PGAF_MSEC(300)
#define FOLLOW_LIMIT PGAF_SECONDS(6)
#define DETACH_LIMIT PGAF_SECONDS(30)

static pid_t
parse_pid(const char *digits)
{
	uint64_t pid = 0;

	return text_to_u64(digits, &pid) && pid > 1 && pid < INT_MAX ? (pid_t)pid : 0;
}

/* ---- detach ----------------------------------------------------------------------- */

static void detach_look(struct instance *in);

static void
detach_held(struct instance *in, const PGresult *rows)
{
	if (PQgetvalue(rows, 0, 2)[0] != 't') {
		task_end(in, STEP_REFUSED, "a primary has no upstream to leave");
	} else if (PQgetvalue(rows, 0, 0)[0] == 't') {
		lsn_parse(PQgetvalue(rows, 0, 1), &in->task.result.lsn);
		in->task.result.timeline = in->observer.seen.timeline;
		task_done(in);
	} else if (task_age(in) > DETACH_LIMIT) {
		task_end(in, STEP_FAILED, "recovery has not read all local WAL yet");
	} else {
		task_after(in, LOOK_EVERY, detach_look);
	}
}

/*
 * Gone twice in a row: the startup process may have been about to start one
 * when it got the signal to reload.
 */
static void
detach_receiver(struct instance *in, const PGresult *rows)
{
	pid_t pid = PQntuples(rows) == 0 ? 0 : parse_pid(PQgetvalue(rows, 0, 0));

	if (pid == 0 && ++in->task.number >= 2) {
		task_sql(in, HELD_SQL, detach_held);
		return;
	}
	if (pid != 0) {
		in->task.number = 0;
		if (task_age(in) > DETACH_PATIENCE)
			kill(pid, SIGTERM);
	}
	task_after(in, LOOK_EVERY, detach_look);
}

static void
detach_look(struct instance *in)
{
	task_sql(in, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walreceiver'",
	         detach_receiver);
}

static void
detach_saved(struct instance *in)
{
	if (!attach_look(in)) {
		task_end(in, STEP_FAILED, "Postgres does not run, so what it holds is not known");
		return;
	}
	task_stage(in);
	detach_look(in);
}

void
detach_start(struct instance *in)
{
	in->conf.upstream = 0;
	in->conf.admission = 0;
	in->conf.conninfo[0] = '\0';
	conf_save(in, detach_saved);
}

/* ---- follow ----------------------------------------------------------------------- */

static void follow_look(struct instance *in);

/* The log's last complaint about the upstream. */
static void
follow_failed(struct instance *in)
{
	char path[INSTANCE_PATH_MAX];
	char line[400];
	char reason[200] = "";
	FILE *file = NULL;

	instance_state_path(in, LOG_FILE, path, sizeof(path));
	file = fopen(path, "re");
	if (file != NULL && fseek(file, -8192, SEEK_END) != 0)
		rewind(file);
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		const char *said = strstr(line, "FATAL:  ");

		if (said == NULL)
			continue;
		text_copy(reason, sizeof(reason), said + 8);
		reason[strcspn(reason, "\n")] = '\0';
	}
	if (file != NULL)
		fclose(file);
	/* No repetition brings it back: only a copy does. */
	bool gone = strstr(reason, "requested WAL segment") != NULL &&
	            strstr(reason, "has already been removed") != NULL;
	task_end(in, gone ? STEP_REFUSED : STEP_FAILED, "does not stream from node %u: %s",
	         (unsigned)in->task.order.upstream.id,
	         reason[0] != '\0' ? reason : "see postgres.log in the state directory");
}

/* One that asked for WAL that is gone streams for a moment too, and another one comes after it. */
static bool
lasts(struct instance *in, pid_t pid)
{
	if (pid == 0 || pid != in->task.pid)
		in->task.number = 0;
	in->task.pid = pid;
	return in->task.number++ >= FOLLOW_LOOKS;
}

static void
follow_seen(struct instance *in, const PGresult *rows, const struct pgaf_error *error)
{
	if (error != NULL) {
		/* Not consistent yet: it may need the upstream to get there. */
		if (task_age(in) > FOLLOW_LIMIT)
			follow_failed(in);
		else
			task_after(in, FOLLOW_EVERY, follow_look);
		return;
	}
	bool recovery = PQgetvalue(rows, 0, 0)[0] == 't';
	bool streams = strcmp(PQgetvalue(rows, 0, 1), "streaming") == 0;
	bool ours = PQgetvalue(rows, 0, 2)[0] == 't';
	pid_t pid = parse_pid(PQgetvalue(rows, 0, 3));

	if (!recovery) {
		task_end(in, STEP_FAILED, "a primary cannot follow");
	} else if (streams && ours && lasts(in, pid)) {
		task_done(in);
	} else if (task_age(in) > FOLLOW_LIMIT) {
		follow_failed(in);
	} else {
		/* It streams as before, and the startup process does not come round. */
		if (pid != 0 && streams && !ours && task_age(in) > FOLLOW_PATIENCE)
			kill(pid, SIGTERM);
		task_after(in, FOLLOW_EVERY, follow_look);
	}
}

static void
follow_look(struct instance *in)
{
	struct text sql = TEXT(in->task.text);

	text_add(&sql, "SELECT pg_is_in_recovery(), w.status, coalesce(w.conninfo LIKE ");
	text_add(&sql, "'%application_name=");
	text_addf(&sql, "%s %%' AND (sender_host = ", in->task.stage);
	sql_literal(&sql, in->task.order.upstream.host);
	text_add(&sql, " OR sender_host = ");
	sql_literal(&sql, in->task.address);
	text_addf(&sql,
	          ") AND sender_port = %u, false), (SELECT pid FROM pg_stat_activity WHERE"
	          " backend_type = 'walreceiver') FROM (SELECT) x LEFT JOIN pg_stat_wal_receiver"
	          " w ON true",
	          (unsigned)in->task.order.upstream.port);
	task_try(in, in->task.text, PGAF_SECONDS(5), follow_seen);
}

static void
follow_saved(struct instance *in)
{
	if (!attach_look(in)) {
		/* It will stream from there when it is started. */
		task_done(in);
		return;
	}
	task_stage(in);
	follow_look(in);
}

static void
follow_resolved(struct instance *in)
{
	const struct step_order *order = &in->task.order;
	struct text name = TEXT(in->task.stage);
	struct text conninfo = TEXT(in->conf.conninfo);

	if (order->goal.admission != 0)
		text_addf(&name, "pgaf_%u_%u", (unsigned)order->self,
		          (unsigned)order->goal.admission);
	else
		text_addf(&name, "pgaf_join_%u", (unsigned)order->self);
	in->conf.conninfo[0] = '\0';
	upstream_conninfo(in, "", in->task.stage, &conninfo);
	in->conf.upstream = order->upstream.id;
	in->conf.admission = order->goal.admission;
	/* Where commits must always wait, no node ever comes up without names (PROTOCOL 14). */
	if (order->settings.number_sync > 0 && in->conf.sync_names[0] == '\0')
		text_copy(in->conf.sync_names, sizeof(in->conf.sync_names), FENCE_NAMES);
	conf_save(in, follow_saved);
}

static void
follow_role(struct instance *in, const PGresult *rows, const struct pgaf_error *error)
{
	/* One that is not consistent yet does not answer, and is no primary. */
	if (error == NULL && PQgetvalue(rows, 0, 0)[0] == 'f')
		task_end(in, STEP_FAILED, "a primary cannot follow");
	else
		task_resolve(in, follow_resolved);
}

void
follow_start(struct instance *in)
{
	if (attach_look(in))
		task_try(in, "SELECT pg_is_in_recovery()", PGAF_SECONDS(5), follow_role);
	else
		task_resolve(in, follow_resolved);
}
