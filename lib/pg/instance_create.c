/* SPDX-License-Identifier: PostgreSQL */
/*
 * The first cluster of a node: a new one, or one that exists and is taken over
 * where it is.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pg/disk.h"
#include "pg/instance_parts.h"

#define CONF_BYTES_MAX ((size_t)1 << 20)

/* ---- initdb ----------------------------------------------------------------------- */

struct clear_job {
	char stage[INSTANCE_PATH_MAX];
};

static int
clear_work(void *arg, const atomic_bool *stop, struct pgaf_error *error)
{
	const struct clear_job *job = arg;

	return disk_remove(job->stage, stop, error);
}

static void
initdb_made(struct instance *in)
{
	swap_in(in, task_done);
}

static void
initdb_run(struct instance *in)
{
	const char *argv[] = {"initdb",
	                      "-D",
	                      in->task.stage,
	                      "--username=postgres",
	                      "--data-checksums",
	                      "--encoding=UTF8",
	                      "--locale=C.UTF-8",
	                      "--auth-local=peer",
	                      "--auth-host=scram-sha-256",
	                      NULL};

	task_run(in, argv, initdb_made);
}

void
create_initdb(struct instance *in)
{
	char mark[INSTANCE_PATH_MAX];
	struct clear_job *job = calloc(1, sizeof(*job));

	instance_state_path(in, REPLACING_FILE, mark, sizeof(mark));
	swap_stage(in, "initdb");
	if (instance_has_data(in) && !disk_exists(mark)) {
		free(job);
		task_done(in);
	} else if (!disk_exists(mark) && !disk_is_empty(in->pgdata)) {
		free(job);
		task_end(in, STEP_REFUSED, "%s is not empty and holds no cluster", in->pgdata);
	} else {
		if (job != NULL)
			text_copy(job->stage, sizeof(job->stage), in->task.stage);
		instance_choose_bindir(in);
		task_job(in, clear_work, job, initdb_run);
	}
}

/* ---- adopt ------------------------------------------------------------------------ */

static bool
file_exists(const char *directory, const char *name)
{
	char path[INSTANCE_PATH_MAX + 64];
	struct text text = TEXT(path);

	text_addf(&text, "%s/%s", directory, name);
	return disk_exists(path);
}

static bool
conf_mentions(const struct instance *in, const char *word)
{
	char path[INSTANCE_PATH_MAX + 64];
	struct text text = TEXT(path);

	text_addf(&text, "%s/postgresql.conf", in->config_dir);
	char *content = disk_read(path, CONF_BYTES_MAX, NULL);
	bool found = content != NULL && strstr(content, word) != NULL;
	free(content);
	return found;
}

/* Who else would start, stop or promote this cluster; NULL: nobody that can be seen. */
static const char *
foreign_supervisor(const struct instance *in)
{
	if (file_exists(in->pgdata, "patroni.dynamic.json") ||
	    conf_mentions(in, "overwritten by Patroni"))
		return "Patroni";
	if (file_exists(in->pgdata, "postgresql-auto-failover.conf") ||
	    conf_mentions(in, "postgresql-auto-failover.conf"))
		return "pg_auto_failover";
	if (conf_mentions(in, "shared_preload_libraries = 'repmgr"))
		return "repmgr";
	return NULL;
}

struct manual_job {
	char path[INSTANCE_PATH_MAX + 64];
};

static int
manual_work(void *arg, const atomic_bool *stop, struct pgaf_error *error)
{
	const struct manual_job *job = arg;

	(void)stop;
	return disk_write(job->path,
	                  "# Set by pgaf, which starts and stops this cluster.\nmanual\n", 0644,
	                  error);
}

static void
adopt_started(struct instance *in)
{
	instance_log(in, PGAF_LOG_WARNING, "adopt",
	             "Postgres was restarted once with our settings");
	task_done(in);
}

static void
adopt_start_again(struct instance *in)
{
	start_server(in, true, adopt_started);
}

static void
adopt_configure_stopped(struct instance *in)
{
	in->stopping = false;
	configure_all(in, adopt_start_again);
}

static void
adopt_pending(struct instance *in, const PGresult *rows)
{
	const char *names = PQgetvalue(rows, 0, 0);

	if (names[0] == '\0') {
		task_done(in);
		return;
	}
	instance_log(in, PGAF_LOG_WARNING, "adopt", "Postgres is restarted for: %s", names);
	stop_server(in, SIGINT, adopt_configure_stopped);
}

static void adopt_look(struct instance *in);

static void
adopt_reread(struct instance *in, const PGresult *rows)
{
	if (PQgetvalue(rows, 0, 0)[0] == 't')
		task_sql(in,
		         "SELECT coalesce(string_agg(name, ', '), '') FROM pg_settings"
		         " WHERE pending_restart",
		         adopt_pending);
	else
		task_after(in, PGAF_MSEC(20), adopt_look);
}

/* Until the reload has reached our session, nothing is pending yet. */
static void
adopt_look(struct instance *in)
{
	struct text sql = TEXT(in->task.text);

	text_addf(&sql, "SELECT current_setting('pgaf.node', true) IS NOT DISTINCT FROM '%u'",
	          (unsigned)in->conf.self);
	task_sql(in, in->task.text, adopt_reread);
}

static void
adopt_configured(struct instance *in)
{
	if (attach_look(in))
		adopt_look(in);
	else
		task_done(in);
}

static void
adopt_configure(struct instance *in)
{
	char socket[INSTANCE_PATH_MAX + 64];
	struct text text = TEXT(socket);

	text_addf(&text, "%s/.s.PGSQL.%s", in->socket_dir, in->port);
	if (attach_look(in) && !disk_exists(socket)) {
		instance_log(in, PGAF_LOG_WARNING, "adopt",
		             "Postgres is restarted for: unix_socket_directories");
		stop_server(in, SIGINT, adopt_configure_stopped);
	} else {
		configure_all(in, adopt_configured);
	}
}

static void
adopt_made_manual(struct instance *in)
{
	instance_log(in, PGAF_LOG_INFO, "adopt", "%s/start.conf says manual now", in->config_dir);
	adopt_configure(in);
}

static void
adopt_debian(struct instance *in)
{
	struct manual_job *job = calloc(1, sizeof(*job));

	if (job != NULL) {
		struct text text = TEXT(job->path);
		text_addf(&text, "%s/start.conf", in->config_dir);
	}
	task_job(in, manual_work, job, adopt_made_manual);
}

void
adopt_start(struct instance *in)
{
	struct control control = {0};
	struct pgaf_error error = {0};

	instance_find_config(in);
	const char *supervisor = foreign_supervisor(in);
	if (!instance_has_data(in)) {
		task_end(in, STEP_REFUSED, "there is no cluster in %s", in->pgdata);
	} else if (control_read(in->pgdata, &control, &error) < 0) {
		task_end(in, STEP_REFUSED, "%s", error.text);
	} else if (supervisor != NULL) {
		task_end(in, STEP_REFUSED, "%s is looked after by %s", in->pgdata, supervisor);
	} else if (file_exists(in->pgdata, "standby.signal") ||
	           file_exists(in->pgdata, "recovery.signal") || !control_was_primary(&control)) {
		task_end(in, STEP_REFUSED, "%s is a standby; only a standalone cluster is adopted",
		         in->pgdata);
	} else {
		instance_log(in, PGAF_LOG_INFO, "adopt",
		             "takes over %s: writes %s/" CONF_FILE " and a block in pg_hba.conf",
		             in->pgdata, in->config_dir);
		if (file_exists(in->config_dir, "start.conf"))
			adopt_debian(in);
		else
			adopt_configure(in);
	}
}
