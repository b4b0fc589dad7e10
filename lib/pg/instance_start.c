/* SPDX-License-Identifier: PostgreSQL */
/*
 * Starting the server: what is left of the last one ends first, the signal
 * file says which role it comes up in, and the step is over when it answers in
 * that role. A recovery may take as long as it takes.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/sys.h"
#include "pg/disk.h"
#include "pg/instance_parts.h"

#define LOOK_EVERY PGAF_MSEC(5)
/* A standby that is not consistent yet goes on by itself. */
#define STANDBY_PATIENCE PGAF_SECONDS(2)
#define OPEN_EVERY PGAF_MSEC(1)
#define OPEN_LIMIT PGAF_SECONDS(30)
#define STALE_AGAIN PGAF_MSEC(100)
#define STALE_PATIENCE PGAF_SECONDS(10)

struct signal_job {
	char directory[INSTANCE_PATH_MAX];
	bool standby;
};

static int
remove_signal(const char *directory, const char *name, struct pgaf_error *error)
{
	char path[INSTANCE_PATH_MAX + 32];
	struct text text = TEXT(path);

	text_addf(&text, "%s/%s", directory, name);
	if (unlink(path) != 0 && errno != ENOENT)
		return sys_error(error, errno, "remove %s", path);
	return 0;
}

static int
signal_work(void *arg, const atomic_bool *stop, struct pgaf_error *error)
{
	const struct signal_job *job = arg;
	char path[INSTANCE_PATH_MAX + 32];
	struct text text = TEXT(path);
	int code = 0;

	(void)stop;
	text_addf(&text, "%s/standby.signal", job->directory);
	if (job->standby)
		return disk_exists(path) ? files_sync_directory(job->directory, error)
		                         : disk_write(path, "", 0600, error);
	code = remove_signal(job->directory, "standby.signal", error);
	if (code == 0)
		code = remove_signal(job->directory, "recovery.signal", error);
	return code < 0 ? code : files_sync_directory(job->directory, error);
}

void
start_signal_file(struct instance *in, bool standby, task_then then)
{
	struct signal_job *job = calloc(1, sizeof(*job));

	if (job != NULL) {
		text_copy(job->directory, sizeof(job->directory), in->pgdata);
		job->standby = standby;
	}
	task_job(in, signal_work, job, then);
}

void
keep_standby_start(struct instance *in)
{
	if (instance_has_data(in))
		start_signal_file(in, true, task_done);
	else
		task_done(in);
}

/* ---- until it answers ------------------------------------------------------------- */

static void look(struct instance *in);
static void spawn(struct instance *in);
static void wait_for_name(struct instance *in);

static void
started(struct instance *in)
{
	in->stopping = false;
	observe_settings_changed(in);
	in->task.start_then(in);
}

/* The primary's values were raised: ours follow, and it is tried once more (PROTOCOL 23). */
static bool
raise_limits(struct instance *in)
{
	struct control control;

	if (in->task.kicks++ > 0 || control_read(in->pgdata, &control, NULL) < 0)
		return false;
	for (size_t i = 0; i < LIMIT_COUNT; i++)
		if (in->conf.limits[i] < control.limits[i])
			in->conf.limits[i] = control.limits[i];
	instance_log(in, PGAF_LOG_WARNING, "limits-raised",
	             "max_connections and its like are raised to the primary's");
	conf_save(in, spawn);
	return true;
}

/* The last line of the log that says why; for sockets, the one before it does. */
static void
read_reason(FILE *file, char *reason, size_t room, char *socket, size_t socket_room)
{
	char line[400];

	while (fgets(line, sizeof(line), file) != NULL) {
		const char *fatal = strstr(line, "FATAL:  ");
		const char *bind = strstr(line, "could not bind");

		line[strcspn(line, "\n")] = '\0';
		fatal = fatal == NULL ? strstr(line, "PANIC:  ") : fatal;
		if (bind != NULL)
			text_copy(socket, socket_room, bind);
		if (fatal != NULL)
			text_copy(reason, room, fatal + 8);
	}
}

static void
start_failed(struct instance *in)
{
	char path[INSTANCE_PATH_MAX];
	char reason[240] = "";
	char socket[160] = "";
	FILE *file = NULL;

	instance_state_path(in, LOG_FILE, path, sizeof(path));
	file = fopen(path, "re");
	if (file != NULL && fseek(file, -4096, SEEK_END) != 0)
		rewind(file);
	if (file != NULL)
		read_reason(file, reason, sizeof(reason), socket, sizeof(socket));
	if (file != NULL)
		fclose(file);
	/* A zombie keeps the lock file of the socket valid; it goes when its parent looks. */
	if (strstr(reason, "lock file") != NULL &&
	    loop_now(in->loop) - in->task.began < STALE_PATIENCE) {
		task_after(in, STALE_AGAIN, wait_for_name);
		return;
	}
	if (strstr(reason, "insufficient parameter settings") != NULL && raise_limits(in))
		return;
	if (strstr(reason, "could not create any") != NULL && socket[0] != '\0')
		task_end(in, STEP_FAILED, "Postgres does not start: port %s: %s", in->port, socket);
	else
		task_end(in, STEP_FAILED, "Postgres does not start: %s",
		         reason[0] != '\0' ? reason : "see postgres.log in the state directory");
}

static void
role_seen(struct instance *in, const PGresult *rows, const struct pgaf_error *error)
{
	if (error != NULL) {
		task_after(in, LOOK_EVERY, look);
		return;
	}
	bool recovery = PQgetvalue(rows, 0, 0)[0] == 't';
	if (recovery == in->task.primary)
		task_end(in, STEP_FAILED, "Postgres runs as a %s",
		         recovery ? "standby" : "primary");
	else
		started(in);
}

static void
look(struct instance *in)
{
	struct postmaster found;

	if (in->postmaster == 0) {
		start_failed(in);
		return;
	}
	process_find_postmaster(in->pgdata, &found);
	if (found.pid != 0 && found.status == POSTMASTER_READY)
		task_try(in, "SELECT pg_is_in_recovery()", PGAF_SECONDS(10), role_seen);
	else if (!in->task.primary && found.pid != 0 && task_age(in) > STANDBY_PATIENCE)
		started(in);
	else
		task_after(in, LOOK_EVERY, look);
}

/* ---- the start itself ------------------------------------------------------------- */

static void
spawn(struct instance *in)
{
	char program[INSTANCE_PATH_MAX];
	char log[INSTANCE_PATH_MAX];
	char config[INSTANCE_PATH_MAX + 64];
	struct text text = TEXT(config);
	struct pgaf_error error = {0};
	bool apart = strcmp(in->config_dir, in->pgdata) != 0;

	instance_program(in, "postgres", program, sizeof(program));
	instance_state_path(in, LOG_FILE, log, sizeof(log));
	text_addf(&text, "config_file=%s/postgresql.conf", in->config_dir);
	const char *argv[] = {program, "-D", in->pgdata, apart ? "-c" : NULL, config, NULL};
	in->stopping = true; /* should it end at once, this step says so */
	if (attach_start(in, argv, log, &error) < 0) {
		task_end(in, STEP_FAILED, "%s", error.text);
		return;
	}
	in->held_back = in->conf.closed;
	task_stage(in);
	task_after(in, LOOK_EVERY, look);
}

/* A zombie or a stranger with the pid of the last postmaster would make the start fail. */
static void
wait_for_name(struct instance *in)
{
	struct postmaster found;

	process_find_postmaster(in->pgdata, &found);
	if (!found.named_lives)
		spawn(in);
	else if (task_age(in) > STALE_PATIENCE)
		task_end(in, STEP_FAILED,
		         "postmaster.pid names process %ld, which lives and is no server of %s",
		         (long)found.named, in->pgdata);
	else
		task_after(in, PGAF_MSEC(20), wait_for_name);
}

static void
signal_set(struct instance *in)
{
	task_stage(in);
	wait_for_name(in);
}

static void
gate_set(struct instance *in)
{
	start_signal_file(in, !in->task.primary, signal_set);
}

/* A standby's clients are never held back, and a promotion finds nothing to open. */
static void
nothing_left(struct instance *in)
{
	if (in->task.hold || in->conf.closed)
		gate_save(in, in->task.hold, gate_set);
	else
		gate_set(in);
}

void
start_server(struct instance *in, bool primary, task_then then)
{
	in->task.primary = primary;
	in->task.start_then = then;
	task_stage(in);
	if (!instance_has_data(in)) {
		task_end(in, STEP_REFUSED, "there is no cluster in %s", in->pgdata);
	} else if (attach_look(in)) {
		in->stopping = true;
		look(in);
	} else {
		instance_choose_bindir(in);
		instance_find_config(in);
		stop_reap(in, nothing_left);
	}
}

/* ---- the steps -------------------------------------------------------------------- */

static void
wal_switched(struct instance *in, const PGresult *rows)
{
	(void)rows;
	task_done(in);
}

/* What a liar confirms reaches no further than this segment (PROTOCOL 1d). */
static void
primary_started(struct instance *in)
{
	if (in->task.number == 0)
		task_done(in);
	else
		task_sql(in, "SELECT pg_switch_wal()", wal_switched);
}

void
start_primary(struct instance *in)
{
	in->task.number = !attach_look(in);
	in->task.hold = !in->skip_hba;
	if (in->task.number != 0 && in->skip_hba)
		instance_log(in, PGAF_LOG_WARNING, "clients-not-held-back",
		             "pg_hba.conf is left alone: clients that connect directly come in "
		             "before the role of this primary is confirmed");
	start_server(in, true, primary_started);
}

/* ---- clients come in --------------------------------------------------------------- */

static void open_look(struct instance *in);

static void
open_seen(struct instance *in, const PGresult *rows)
{
	if (PQgetvalue(rows, 0, 0)[0] == 't') {
		in->held_back = false;
		in->observer.opened_at = loop_now(in->loop);
		in->observer.seen.closed = false;
		observe_start(in);
		task_done(in);
	} else if (task_age(in) > OPEN_LIMIT) {
		task_end(in, STEP_FAILED, "the server does not read its configuration again");
	} else {
		task_after(in, OPEN_EVERY, open_look);
	}
}

/* The postmaster signals our session, then reads pg_hba.conf, then takes the next client. */
static void
open_look(struct instance *in)
{
	task_sql(in, "SELECT current_setting('pgaf.closed', true) IS DISTINCT FROM 'on'",
	         open_seen);
}

static void
open_saved(struct instance *in)
{
	attach_signal(in, SIGHUP);
	observe_settings_changed(in);
	task_stage(in);
	open_look(in);
}

void
open_start(struct instance *in)
{
	if (!attach_look(in))
		task_end(in, STEP_FAILED, "Postgres does not run");
	else
		gate_save(in, false, open_saved);
}

void
start_standby(struct instance *in)
{
	start_server(in, false, task_done);
}
