/* SPDX-License-Identifier: PostgreSQL */
/*
 * Bringing a diverged node back: the WAL that only it has is kept aside first,
 * since both pg_rewind and the recovery it runs write over it
 * (NO-SILENT-LOSS), then the files are rewound. A mark stands until what came
 * of it is whole: a rewind that broke off leaves nothing that may be started.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/pure/error.h"
#include "base/pure/lsn.h"
#include "base/sys.h"
#include "pg/disk.h"
#include "pg/instance_history.h"
#include "pg/wal.h"

#define KEPT_DIRECTORY "kept-wal"
#define BACKUP_LABEL_MAX 4096

/* ---- keep ------------------------------------------------------------------------- */

struct keep_job {
	char wal[INSTANCE_PATH_MAX + 16];
	char pgdata[INSTANCE_PATH_MAX];
	char root[INSTANCE_PATH_MAX];
	char directory[INSTANCE_PATH_MAX + 64];
	uint32_t timeline; /* the last common one */
	pgaf_lsn fork;
	char note[600];
	uint32_t segment_bytes;
};

/* A recycled file bears a name of the future; its first page still says what it was. */
static bool
holds_what_it_says(const char *path, uint32_t timeline, pgaf_lsn first)
{
	struct {
		uint16_t magic;
		uint16_t info;
		uint32_t timeline;
		uint64_t address;
	} page = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	ssize_t got = read(fd, &page, sizeof(page));
	close(fd);
	return got == sizeof(page) && page.address == first && page.timeline == timeline;
}

static bool
is_divergent(const struct keep_job *job, const char *path, const char *name)
{
	uint32_t timeline = 0;
	pgaf_lsn first = 0;

	if (!wal_file_parse(name, job->segment_bytes, &timeline, &first))
		return false;
	if (timeline < job->timeline ||
	    (timeline == job->timeline && first + job->segment_bytes <= job->fork))
		return false;
	return holds_what_it_says(path, timeline, first);
}

static int
keep_entry(const struct keep_job *job, const char *name, struct pgaf_error *error)
{
	char from[INSTANCE_PATH_MAX + 300];
	char to[INSTANCE_PATH_MAX + 400];
	struct text source = TEXT(from);
	struct text target = TEXT(to);
	size_t length = strlen(name);
	bool history = length == 16 && strcmp(name + 8, ".history") == 0;

	text_addf(&source, "%s/%s", job->wal, name);
	text_addf(&target, "%s/%s", job->directory, name);
	if (!history && !is_divergent(job, from, name))
		return 0;
	return disk_copy(from, to, error);
}

static int
keep_all(const struct keep_job *job, const atomic_bool *stop, struct pgaf_error *error)
{
	DIR *wal = opendir(job->wal);
	const struct dirent *entry = NULL;
	int code = 0;

	if (wal == NULL)
		return sys_error(error, errno, "read %s", job->wal);
	while (code == 0 && (entry = readdir(wal)) != NULL) {
		if (atomic_load(stop))
			code = error_set(error, PGAF_EREFUSED, "cancelled");
		else
			code = keep_entry(job, entry->d_name, error);
	}
	closedir(wal);
	return code < 0 ? code : files_sync_directory(job->directory, error);
}

static int
keep_work(void *arg, const atomic_bool *stop, struct pgaf_error *error)
{
	struct keep_job *job = arg;
	struct control control;
	char path[INSTANCE_PATH_MAX + 80];
	struct text name = TEXT(path);

	text_addf(&name, "%s/README", job->directory);
	if (disk_exists(path))
		return 0;
	int code = control_read(job->pgdata, &control, error);
	if (code == 0)
		code = disk_make_directory(job->root, error);
	if (code == 0)
		code = disk_make_directory(job->directory, error);
	if (code < 0)
		return code;
	job->segment_bytes = control.segment_bytes;
	code = keep_all(job, stop, error);
	/* Last: where it stands, the rest is complete. */
	return code < 0 ? code : disk_write(path, job->note, 0600, error);
}

static void
kept(struct instance *in)
{
	instance_log(in, PGAF_LOG_WARNING, "wal-kept",
	             "WAL that only this node has was kept in %s before it is given up",
	             in->task.text);
	task_done(in);
}

static void
keep_ancestry(struct instance *in)
{
	const struct ancestry *own = &in->task.own;
	char fork[LSN_TEXT_MAX];
	struct keep_job *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		task_end(in, STEP_FAILED, "out of memory");
		return;
	}
	struct text wal = TEXT(job->wal);
	struct text directory = TEXT(job->directory);
	struct text note = TEXT(job->note);
	text_copy(job->pgdata, sizeof(job->pgdata), in->pgdata);
	text_addf(&wal, "%s/pg_wal", in->pgdata);
	instance_state_path(in, KEPT_DIRECTORY, job->root, sizeof(job->root));
	text_addf(&directory, "%s/%08X-%08X%08X", job->root, (unsigned)own->timeline,
	          (unsigned)(own->fork >> 32), (unsigned)own->fork);
	text_addf(
		&note,
		"WAL of system %llu that only node %u had, kept by pgaf before the node was\n"
		"rewound or cloned. It ran on timeline %u; node %u went on with timeline\n"
		"%u from %s of timeline %u. Read it with pg_waldump; remove it when not needed.\n",
		(unsigned long long)own->system_identifier, (unsigned)in->conf.self,
		(unsigned)own->timeline, (unsigned)in->task.order.upstream.id,
		(unsigned)own->upstream_timeline, lsn_format(own->fork, fork),
		(unsigned)own->fork_timeline);
	job->timeline = own->fork_timeline;
	job->fork = own->fork;
	in->task.result.timeline = own->timeline;
	in->task.result.lsn = own->fork;
	text_copy(in->task.text, sizeof(in->task.text), job->directory);
	task_job(in, keep_work, job, kept);
}

void
keep_wal_start(struct instance *in)
{
	if (!instance_has_data(in))
		task_done(in);
	else
		ancestry_find(in, keep_ancestry);
}

/* ---- rewind ----------------------------------------------------------------------- */

struct mark_job {
	char pgdata[INSTANCE_PATH_MAX];
	char mark[INSTANCE_PATH_MAX];
	char signal[INSTANCE_PATH_MAX + 32];
};

static struct mark_job *
make_mark_job(const struct instance *in)
{
	struct mark_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	struct text signal = TEXT(job->signal);
	text_copy(job->pgdata, sizeof(job->pgdata), in->pgdata);
	instance_state_path(in, REPLACING_FILE, job->mark, sizeof(job->mark));
	text_addf(&signal, "%s/standby.signal", in->pgdata);
	return job;
}

static int
remove_file(const char *path, struct pgaf_error *error)
{
	if (unlink(path) != 0 && errno != ENOENT)
		return sys_error(error, errno, "remove %s", path);
	return disk_sync_parent(path, error);
}

/* The recovery that pg_rewind runs refuses a standby.signal; the mark guards in its place. */
static int
begin_work(void *arg, const atomic_bool *stop, struct pgaf_error *error)
{
	const struct mark_job *job = arg;
	int code = disk_write(job->mark, "the data directory is being rewound\n", 0600, error);

	(void)stop;
	return code < 0 ? code : remove_file(job->signal, error);
}

static int
signal_work(void *arg, const atomic_bool *stop, struct pgaf_error *error)
{
	const struct mark_job *job = arg;

	(void)stop;
	return disk_write(job->signal, "", 0600, error);
}

/* "START WAL LOCATION: 0/C002128 (file …)": where recovery will begin; 0 when not said. */
static pgaf_lsn
first_needed(const char *pgdata)
{
	static const char key[] = "START WAL LOCATION: ";
	char path[INSTANCE_PATH_MAX + 16];
	struct text name = TEXT(path);
	char *label = NULL;
	pgaf_lsn lsn = 0;

	text_addf(&name, "%s/backup_label", pgdata);
	label = disk_read(path, BACKUP_LABEL_MAX, NULL);
	if (label == NULL)
		return 0;
	char *at = strncmp(label, key, sizeof(key) - 1) == 0 ? label + sizeof(key) - 1 : NULL;
	if (at != NULL) {
		at[strcspn(at, " \n")] = '\0';
		if (!lsn_parse(at, &lsn))
			lsn = 0;
	}
	free(label);
	return lsn;
}

/* pg_rewind copies all WAL of its source; what recovery will not read need not reach the disk. */
static void
drop_old_wal(const char *pgdata)
{
	char path[INSTANCE_PATH_MAX + 300];
	struct text text = TEXT(path);
	pgaf_lsn needed = first_needed(pgdata);
	struct control control;
	const struct dirent *entry = NULL;
	uint32_t timeline = 0;
	pgaf_lsn first = 0;

	if (needed == 0 || control_read(pgdata, &control, NULL) < 0)
		return;
	text_addf(&text, "%s/pg_wal", pgdata);
	DIR *wal = opendir(path);
	if (wal == NULL)
		return;
	while ((entry = readdir(wal)) != NULL) {
		if (!wal_file_parse(entry->d_name, control.segment_bytes, &timeline, &first) ||
		    first + control.segment_bytes > needed)
			continue;
		text_init(&text, path, sizeof(path));
		text_addf(&text, "%s/pg_wal/%s", pgdata, entry->d_name);
		unlink(path);
	}
	closedir(wal);
}

static int
rewound_work(void *arg, const atomic_bool *stop, struct pgaf_error *error)
{
	const struct mark_job *job = arg;

	drop_old_wal(job->pgdata);
	return signal_work(arg, stop, error);
}

/* All that was written, once, instead of each file by itself. */
static int
sync_all(const char *pgdata, struct pgaf_error *error)
{
	int fd = open(pgdata, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int code = 0;

	if (fd < 0 || syncfs(fd) != 0)
		code = sys_error(error, errno, "sync %s", pgdata);
	if (fd >= 0)
		close(fd);
	return code;
}

static int
end_work(void *arg, const atomic_bool *stop, struct pgaf_error *error)
{
	const struct mark_job *job = arg;
	int code = signal_work(arg, stop, error);

	if (code >= 0)
		code = sync_all(job->pgdata, error);
	return code < 0 ? code : remove_file(job->mark, error);
}

static void
rewind_finished(struct instance *in)
{
	if (in->task.late)
		task_end(in, STEP_FAILED, "%s", in->task.text);
	else
		task_done(in);
}

static void
rewind_configured(struct instance *in)
{
	task_job(in, end_work, make_mark_job(in), rewind_finished);
}

static void
rewind_signalled(struct instance *in)
{
	in->conf.upstream = 0;
	in->conf.admission = 0;
	in->conf.conninfo[0] = '\0';
	in->conf.sync_names[0] = '\0';
	configure_all(in, rewind_configured);
}

static void
rewind_ran(struct instance *in, int status, const char *output)
{
	char line[180];
	struct text text = TEXT(in->task.text);

	if (status == 0) {
		task_job(in, rewound_work, make_mark_job(in), rewind_signalled);
		return;
	}
	text_addf(&text, "pg_rewind: %s", error_of_output(output, line, sizeof(line)));
	/* Nothing was touched yet: the upstream was not there. */
	if (strstr(output, "connection to server") != NULL ||
	    strstr(output, "could not connect") != NULL) {
		in->task.late = true;
		task_job(in, end_work, make_mark_job(in), rewind_finished);
		return;
	}
	instance_log(in, PGAF_LOG_WARNING, "rewind", "%s", in->task.text);
	task_end(in, STEP_DIVERGED, "%s", in->task.text);
}

/* One file system holds all of it: neither tablespaces nor WAL lie elsewhere. */
static bool
is_in_one_place(const char *pgdata)
{
	char path[INSTANCE_PATH_MAX + 16];
	struct text text = TEXT(path);
	struct dirent *entry = NULL;
	struct stat st;
	bool alone = true;

	text_addf(&text, "%s/pg_wal", pgdata);
	if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return false;
	text_init(&text, path, sizeof(path));
	text_addf(&text, "%s/pg_tblspc", pgdata);
	DIR *directory = opendir(path);
	if (directory == NULL)
		return false;
	while (alone && (entry = readdir(directory)) != NULL)
		alone = entry->d_name[0] == '.';
	closedir(directory);
	return alone;
}

static void
rewind_run(struct instance *in)
{
	char config[INSTANCE_PATH_MAX + 64];
	struct text text = TEXT(config);
	struct text source = TEXT(in->task.source);
	bool apart = strcmp(in->config_dir, in->pgdata) != 0;

	text_addf(&text, "--config-file=%s/postgresql.conf", in->config_dir);
	upstream_conninfo(in, "postgres", "pgaf_rewind", &source);
	const char *argv[8] = {"pg_rewind", "--target-pgdata", in->pgdata, "--source-server",
	                       in->task.source};
	size_t count = 5;
	if (is_in_one_place(in->pgdata))
		argv[count++] = "--no-sync"; /* end_work does it, before the mark goes */
	if (apart)
		argv[count++] = config;
	task_run_try(in, argv, rewind_ran);
}

static void
rewind_reaped(struct instance *in)
{
	task_job(in, begin_work, make_mark_job(in), rewind_run);
}

static void
rewind_resolved(struct instance *in)
{
	stop_reap(in, rewind_reaped);
}

void
rewind_start(struct instance *in)
{
	char mark[INSTANCE_PATH_MAX];

	instance_state_path(in, REPLACING_FILE, mark, sizeof(mark));
	if (!in->task.order.goal.may_rewind)
		task_end(in, STEP_FAILED, "node %u has not its timeline on disk yet",
		         (unsigned)in->task.order.upstream.id);
	else if (disk_exists(mark) || !instance_has_data(in))
		task_end(in, STEP_DIVERGED, "an earlier rewind or clone broke off");
	else if (attach_look(in))
		task_end(in, STEP_FAILED, "Postgres runs; it must be stopped before it is rewound");
	else
		task_resolve(in, rewind_resolved);
}
