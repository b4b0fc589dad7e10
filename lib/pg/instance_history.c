/* SPDX-License-Identifier: PostgreSQL */
/*
 * Does the upstream's history contain our own? (PROTOCOL 1a) Asked over a
 * walsender session; the own end of WAL is what the server says, or what is
 * really in the files when none runs.
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/error.h"
#include "base/pure/lsn.h"
#include "pg/disk.h"
#include "pg/history.h"
#include "pg/instance_history.h"
#include "pg/wal.h"

#define REMOTE_LIMIT PGAF_SECONDS(5)

/* ---- the session with the upstream ------------------------------------------------ */

static void
remote_answered(void *ctx, const PGresult *rows, const struct pgaf_error *error)
{
	struct instance *in = ctx;

	if (error != NULL)
		task_end(in, STEP_FAILED, "node %u: %s", (unsigned)in->task.order.upstream.id,
		         error->text);
	else
		in->task.rows_then(in, rows);
}

void
remote_sql(struct instance *in, const char *sql, task_rows then)
{
	in->task.rows_then = then;
	if (conn_query(in->task.remote, sql, REMOTE_LIMIT, remote_answered, in) < 0)
		task_end(in, STEP_FAILED, "node %u cannot be asked",
		         (unsigned)in->task.order.upstream.id);
}

static void
remote_opened(void *ctx)
{
	struct instance *in = ctx;

	in->task.remote_then(in);
}

static void
remote_lost(void *ctx, enum conn_failure failure, const struct pgaf_error *error)
{
	struct instance *in = ctx;

	(void)failure;
	task_end(in, STEP_FAILED, "node %u: %s", (unsigned)in->task.order.upstream.id, error->text);
}

void
remote_open(struct instance *in, task_then then)
{
	static const struct conn_callbacks callbacks = {.opened = remote_opened,
	                                                .lost = remote_lost};
	static const char *const keywords[] = {
		"user",    "port",        "replication", "passfile", "application_name",
		"sslmode", "sslrootcert", "sslcert",     "sslkey",   NULL};
	const struct peer *upstream = &in->task.order.upstream;
	struct upstream_files files;
	char port[16];
	char passfile[INSTANCE_PATH_MAX];
	struct text text = TEXT(port);

	in->task.remote_then = then;
	if (upstream->id == 0) {
		task_end(in, STEP_FAILED, "no upstream is given");
		return;
	}
	text_addf(&text, "%u", (unsigned)upstream->port);
	instance_state_path(in, "replicator.pass", passfile, sizeof(passfile));
	upstream_certificates(in, &files);
	const char *const values[] = {"pgaf_replicator",
	                              port,
	                              "true",
	                              passfile,
	                              "pgaf_history",
	                              !in->ssl                 ? "disable"
	                              : in->ca_file[0] != '\0' ? "verify-ca"
	                                                       : "require",
	                              files.root,
	                              files.cert,
	                              files.key,
	                              NULL};
	conn_free(in->task.remote);
	in->task.remote = conn_new(in->loop,
	                           &(struct conn_options){
					   .keywords = keywords,
					   .values = values,
					   .host = upstream->host,
					   .connect_limit = REMOTE_LIMIT,
					   .tcp_user_timeout_ms = 5000,
				   },
	                           &callbacks, in);
	if (in->task.remote == NULL)
		task_end(in, STEP_FAILED, "out of memory");
	else
		conn_open(in->task.remote);
}

/* ---- the own side ----------------------------------------------------------------- */

static void upstream_ask(struct instance *in);

static void
own_position(struct instance *in, const PGresult *rows)
{
	struct ancestry *own = &in->task.own;

	if (PQgetvalue(rows, 0, 0)[0] == 't') {
		lsn_parse(PQgetvalue(rows, 0, 1), &own->end);
		own->end_known = true;
		upstream_ask(in);
	} else if (task_age(in) < PGAF_SECONDS(10)) {
		task_after(in, PGAF_MSEC(20), own_ask);
	} else {
		task_end(in, STEP_FAILED, "the own end of WAL is not known yet");
	}
}

static void
own_identified(struct instance *in, const PGresult *rows)
{
	uint64_t number = 0;

	if (text_to_u64(PQgetvalue(rows, 0, 0), &number))
		in->task.own.system_identifier = number;
	if (text_to_u64(PQgetvalue(rows, 0, 1), &number))
		in->task.own.timeline = (uint32_t)number;
	task_sql(in, HELD_SQL, own_position);
}

static void
own_running(struct instance *in, const PGresult *rows, const struct pgaf_error *error)
{
	if (error != NULL)
		task_end(in, STEP_FAILED, "%s", error->text);
	else
		own_identified(in, rows);
}

/* Recovery begins at the redo point, in whichever timeline's file that is. */
static bool
has_redo(const struct instance *in, const struct control *control)
{
	char path[INSTANCE_PATH_MAX + 16];
	struct text text = TEXT(path);
	struct dirent *entry = NULL;
	bool found = false;

	text_addf(&text, "%s/pg_wal", in->pgdata);
	DIR *directory = opendir(path);
	if (directory == NULL)
		return true; /* not known to be lost */
	while (!found && (entry = readdir(directory)) != NULL) {
		uint32_t timeline = 0;
		pgaf_lsn first = 0;

		found = wal_file_parse(entry->d_name, control->segment_bytes, &timeline, &first) &&
		        first <= control->redo && control->redo - first < control->segment_bytes;
	}
	closedir(directory);
	return found;
}

void
own_ask(struct instance *in)
{
	struct control control;
	struct pgaf_error error = {0};
	struct ancestry *own = &in->task.own;

	if (attach_look(in)) {
		task_try(in, "IDENTIFY_SYSTEM", PGAF_SECONDS(5), own_running);
		return;
	}
	if (control_read(in->pgdata, &control, &error) < 0) {
		task_end(in, STEP_REFUSED, "%s", error.text);
		return;
	}
	own->system_identifier = control.system_identifier;
	own->segment_bytes = control.segment_bytes;
	own->timeline = control.timeline > control.min_recovery_timeline
	                        ? control.timeline
	                        : control.min_recovery_timeline;
	own->end = control_end_of_wal(in->pgdata, &control);
	own->end_known = own->end != 0;
	own->checkpoint = control.checkpoint;
	own->start_lost = !has_redo(in, &control);
	upstream_ask(in);
}

/* ---- the upstream's side ---------------------------------------------------------- */

static bool
own_history(const struct instance *in, struct history *history)
{
	char path[INSTANCE_PATH_MAX + 64];
	struct text text = TEXT(path);

	text_addf(&text, "%s/pg_wal/%08X.history", in->pgdata, (unsigned)in->task.own.timeline);
	char *content = disk_read(path, (size_t)1 << 20, NULL);
	bool parsed = history_parse(content == NULL ? "" : content, in->task.own.timeline, history);
	free(content);
	return parsed;
}

static void
compare(struct instance *in, const char *content)
{
	struct ancestry *own = &in->task.own;
	struct history ours;
	struct history theirs;

	if (!own_history(in, &ours) || !history_parse(content, own->upstream_timeline, &theirs)) {
		task_end(in, STEP_FAILED, "a timeline history cannot be read");
		return;
	}
	own->related = history_fork(&ours, &theirs, &own->fork_timeline, &own->fork);
	/* On the same timeline nothing parts; we may only be ahead of what it has. */
	if (own->fork > own->upstream_flush && own->fork_timeline == own->upstream_timeline)
		own->fork = own->upstream_flush;
	/* Its end is no news any more. */
	conn_free(in->task.remote);
	in->task.remote = NULL;
	in->task.ancestry_then(in);
}

static void
upstream_history(struct instance *in, const PGresult *rows)
{
	if (PQntuples(rows) != 1 || PQnfields(rows) != 2)
		task_end(in, STEP_FAILED, "node %u sent no timeline history",
		         (unsigned)in->task.order.upstream.id);
	else
		compare(in, PQgetvalue(rows, 0, 1));
}

static void
upstream_identified(struct instance *in, const PGresult *rows)
{
	struct ancestry *own = &in->task.own;
	uint64_t system = 0;
	uint64_t timeline = 0;

	if (!text_to_u64(PQgetvalue(rows, 0, 0), &system) ||
	    !text_to_u64(PQgetvalue(rows, 0, 1), &timeline) ||
	    !lsn_parse(PQgetvalue(rows, 0, 2), &own->upstream_flush)) {
		task_end(in, STEP_FAILED, "node %u does not say who it is",
		         (unsigned)in->task.order.upstream.id);
		return;
	}
	if (system != own->system_identifier) {
		task_end(in, STEP_REFUSED, "node %u is another cluster (system identifier %llu)",
		         (unsigned)in->task.order.upstream.id, (unsigned long long)system);
		return;
	}
	own->upstream_timeline = (uint32_t)timeline;
	in->task.result.timeline = (uint32_t)timeline;
	if (timeline == 1) {
		compare(in, "");
		return;
	}
	struct text sql = TEXT(in->task.text);
	text_addf(&sql, "TIMELINE_HISTORY %u", (unsigned)timeline);
	remote_sql(in, in->task.text, upstream_history);
}

static void
upstream_identify(struct instance *in)
{
	remote_sql(in, "IDENTIFY_SYSTEM", upstream_identified);
}

static void
upstream_ask(struct instance *in)
{
	remote_open(in, upstream_identify);
}

void
ancestry_find(struct instance *in, task_then then)
{
	in->task.ancestry_then = then;
	task_stage(in);
	own_ask(in);
}

/* ---- the step --------------------------------------------------------------------- */

static void
judge(struct instance *in, bool beyond)
{
	const struct ancestry *own = &in->task.own;
	char fork[LSN_TEXT_MAX];

	in->task.result.lsn = own->end_known ? own->end : own->fork;
	if (own->related && own->fork_timeline == own->timeline && !beyond) {
		task_done(in);
		return;
	}
	task_end(in, STEP_DIVERGED,
	         "timeline %u here and timeline %u of node %u part at %s on timeline %u",
	         (unsigned)own->timeline, (unsigned)own->upstream_timeline,
	         (unsigned)in->task.order.upstream.id, lsn_format(own->fork, fork),
	         (unsigned)own->fork_timeline);
}

/* Only this message means that there is none; any other failure proves nothing. */
static void
record_searched(struct instance *in, int status, const char *output)
{
	char line[256];

	if (strstr(output, "rmgr:") != NULL)
		judge(in, true);
	else if (status == 0 || strstr(output, "could not find a valid record") != NULL)
		judge(in, false);
	else
		task_end(in, STEP_FAILED, "pg_waldump: %s",
		         error_of_output(output, line, sizeof(line)));
}

/* Made in advance: a segment whose first page has no header yet holds no record. */
static bool
is_unwritten(const char *path)
{
	uint16_t magic = 0;
	FILE *file = fopen(path, "rbe");
	bool unwritten = file != NULL && fread(&magic, sizeof(magic), 1, file) == 1 && magic == 0;

	if (file != NULL)
		fclose(file);
	return unwritten;
}

/*
 * Is there a record of ours where the other history has left ours? The file is
 * named: given only a directory, pg_waldump learns the segment size from any
 * file in it, and fails on one that was made in advance and is still empty.
 */
static void
search_record(struct instance *in)
{
	const struct ancestry *own = &in->task.own;
	char start[LSN_TEXT_MAX];
	char timeline[16];
	char file[WAL_NAME_MAX];
	char path[INSTANCE_PATH_MAX + 48];
	struct text number = TEXT(timeline);
	struct text wal = TEXT(path);

	wal_file_name(own->timeline, own->fork, own->segment_bytes, file);
	text_addf(&wal, "%s/pg_wal/%s", in->pgdata, file);
	/* WAL is whole from the last checkpoint on: where the file is missing, it ended before. */
	if (own->checkpoint >= own->fork || !disk_exists(path) || is_unwritten(path)) {
		judge(in, own->checkpoint >= own->fork);
		return;
	}
	text_addf(&number, "%u", (unsigned)own->timeline);
	lsn_format(own->fork, start);
	const char *argv[] = {"pg_waldump", "-t", timeline, "-s", start, "-n", "1", path, NULL};
	task_run_try(in, argv, record_searched);
}

static void
prove(struct instance *in)
{
	const struct ancestry *own = &in->task.own;

	if (own->start_lost)
		task_end(in, STEP_DIVERGED, "the WAL that a start would begin with is gone");
	else if (!own->related || own->fork_timeline != own->timeline)
		judge(in, true);
	else if (own->end_known)
		judge(in, own->end > own->fork);
	else
		search_record(in);
}

void
history_start(struct instance *in)
{
	ancestry_find(in, prove);
}
