/* SPDX-License-Identifier: PostgreSQL */
/*
 * Putting a finished directory in the place of the data directory. A mark in
 * the state directory stands from before the old one is touched until the new
 * one is whole, so that no crash leaves something that looks like a cluster
 * and is none.
 */

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/sys.h"
#include "pg/disk.h"
#include "pg/instance_parts.h"

struct swap_job {
	char pgdata[INSTANCE_PATH_MAX];
	char stage[INSTANCE_PATH_MAX];
	char mark[INSTANCE_PATH_MAX];
	char old[INSTANCE_PATH_MAX + 32];
	bool inside; /* the stage lies in PGDATA, which cannot be renamed */
};

static bool
same_volume(const char *one, const char *other)
{
	struct stat a;
	struct stat b;

	return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev;
}

/* A mount point, or in a directory that is not ours to write: only the content can be replaced. */
static bool
must_stay(const char *pgdata)
{
	char copy[INSTANCE_PATH_MAX];

	text_copy(copy, sizeof(copy), pgdata);
	return disk_is_mount(pgdata) || access(dirname(copy), W_OK) != 0;
}

void
swap_stage(struct instance *in, const char *name)
{
	char parent[INSTANCE_PATH_MAX];
	struct text stage = TEXT(in->task.stage);

	text_copy(parent, sizeof(parent), in->pgdata);
	if (must_stay(in->pgdata))
		text_addf(&stage, "%s/" DISK_STAGE "%s", in->pgdata, name);
	else if (same_volume(in->state_dir, dirname(parent)))
		text_addf(&stage, "%s/%s", in->state_dir, name);
	else
		text_addf(&stage, "%s.pgaf-%s", in->pgdata, name);
}

static int
swap_inside(const struct swap_job *job, const atomic_bool *stop, struct pgaf_error *error)
{
	int code = disk_empty(job->pgdata, strrchr(job->stage, '/') + 1, stop, error);

	if (code == 0)
		code = disk_move_entries(job->stage, job->pgdata, error);
	if (code == 0 && rmdir(job->stage) != 0)
		code = sys_error(error, errno, "remove %s", job->stage);
	if (code == 0 && chmod(job->pgdata, 0700) != 0)
		code = sys_error(error, errno, "chmod %s", job->pgdata);
	return code < 0 ? code : files_sync_directory(job->pgdata, error);
}

static int
swap_beside(const struct swap_job *job, const atomic_bool *stop, struct pgaf_error *error)
{
	int code = disk_remove(job->old, stop, error);

	if (code < 0)
		return code;
	if (rename(job->pgdata, job->old) != 0 && errno != ENOENT)
		return sys_error(error, errno, "rename %s", job->pgdata);
	if (rename(job->stage, job->pgdata) != 0)
		return sys_error(error, errno, "rename %s", job->stage);
	code = disk_sync_parent(job->pgdata, error);
	return code < 0 ? code : disk_sync_parent(job->stage, error);
}

static int
swap_work(void *arg, const atomic_bool *stop, struct pgaf_error *error)
{
	const struct swap_job *job = arg;
	int code = disk_write(job->mark, "the data directory is being replaced\n", 0600, error);

	if (code < 0)
		return code;
	code = job->inside ? swap_inside(job, stop, error) : swap_beside(job, stop, error);
	if (code < 0)
		return code;
	if (unlink(job->mark) != 0)
		return sys_error(error, errno, "remove %s", job->mark);
	code = disk_sync_parent(job->mark, error);
	/* Only room is lost when this fails, and the next swap tries again. */
	if (code == 0 && !job->inside)
		disk_remove(job->old, stop, NULL);
	return code;
}

static void
swapped(struct instance *in)
{
	/* What the copied configuration says is somebody else's. */
	in->conf_loaded = true;
	in->conf.upstream = 0;
	in->conf.admission = 0;
	in->conf.conninfo[0] = '\0';
	in->conf.sync_names[0] = '\0';
	instance_choose_bindir(in);
	instance_find_config(in);
	in->task.swap_then(in);
}

void
swap_in(struct instance *in, task_then then)
{
	struct swap_job *job = calloc(1, sizeof(*job));
	struct text old = {0};

	in->task.swap_then = then;
	if (job != NULL) {
		text_copy(job->pgdata, sizeof(job->pgdata), in->pgdata);
		text_copy(job->stage, sizeof(job->stage), in->task.stage);
		instance_state_path(in, REPLACING_FILE, job->mark, sizeof(job->mark));
		text_init(&old, job->old, sizeof(job->old));
		text_addf(&old, "%s-old", in->task.stage);
		job->inside = strncmp(job->stage, job->pgdata, strlen(job->pgdata)) == 0 &&
		              job->stage[strlen(job->pgdata)] == '/';
	}
	task_job(in, swap_work, job, swapped);
}
