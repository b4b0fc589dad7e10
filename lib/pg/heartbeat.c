/* SPDX-License-Identifier: PostgreSQL */
/*
 * A small write with fsync beside the WAL, once a second while the server
 * runs: what tells a stalled disk, which a commit cannot, since that may wait
 * for a standby (PROTOCOL 37). At most one is under way; one that is overdue
 * is seen as such while it hangs. The same thread keeps the server's log
 * within bounds.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pg/disk.h"
#include "pg/instance_parts.h"

#define LOG_BYTES_MAX ((off_t)16 << 20)
#define INTERVAL PGAF_SECONDS(1)
#define FILE_NAME "pg_wal/pgaf_heartbeat"
/* Less than this, and the next WAL files may not find room. */
#define FREE_LEAST ((uint64_t)64 << 20)

struct task_beat {
	struct instance *in; /* NULL: nobody waits any more */
	char path[INSTANCE_PATH_MAX + sizeof(FILE_NAME)];
	char log[INSTANCE_PATH_MAX];
	int failed; /* errno */
	uint32_t took_ms;
	atomic_bool written; /* what is measured is over */
	uint64_t free_bytes;
};

/*
 * A standby that cannot reach its upstream writes a line each 20 ms, for days
 * if need be. The server appends, so what it writes next is at the new end;
 * a line that comes in between is lost.
 */
static void
bound_log(const char *path)
{
	char old[INSTANCE_PATH_MAX + 8];
	struct text text = TEXT(old);
	struct stat status;

	text_addf(&text, "%s.1", path);
	if (stat(path, &status) != 0 || status.st_size < LOG_BYTES_MAX)
		return;
	if (disk_copy(path, old, NULL) == 0 && truncate(path, 0) != 0)
		unlink(old);
}

static uint32_t
elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint32_t)((now.tv_sec - since->tv_sec) * 1000 +
	                  (now.tv_nsec - since->tv_nsec) / 1000000);
}

static void
beat_work(void *arg)
{
	struct timespec began;
	struct task_beat *beat = arg;
	char bytes[16] = "pgaf heartbeat\n";

	clock_gettime(CLOCK_BOOTTIME, &began);
	int fd = open(beat->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0) {
		beat->failed = errno;
		return;
	}
	if (pwrite(fd, bytes, sizeof(bytes), 0) < 0 || fsync(fd) != 0)
		beat->failed = errno;
	close(fd);
	beat->took_ms = elapsed_ms(&began);
	atomic_store(&beat->written, true);
	beat->free_bytes = disk_free_bytes(beat->path);
	bound_log(beat->log);
}

static void
beat_finished(void *arg)
{
	struct task_beat *beat = arg;
	struct instance *in = beat->in;

	if (in != NULL) {
		in->heartbeat.beat = NULL;
		in->heartbeat.last_ms = beat->took_ms;
		in->heartbeat.free_bytes = beat->free_bytes;
		in->heartbeat.full = beat->failed == ENOSPC || beat->failed == EDQUOT;
	}
	free(beat);
}

static void
beat_start(struct instance *in)
{
	struct task_beat *beat = calloc(1, sizeof(*beat));
	struct text path = {0};

	if (beat == NULL)
		return;
	text_init(&path, beat->path, sizeof(beat->path));
	text_addf(&path, "%s/" FILE_NAME, in->pgdata);
	instance_state_path(in, LOG_FILE, beat->log, sizeof(beat->log));
	beat->in = in;
	in->heartbeat.beat = beat;
	in->heartbeat.began = loop_now(in->loop);
	/* A disk that hangs must not hold up the end of the program. */
	if (loop_job_loose(in->loop, beat_work, beat_finished, free, beat) == 0)
		return;
	in->heartbeat.beat = NULL;
	free(beat);
}

static void
timer_fired(void *ctx)
{
	struct instance *in = ctx;

	loop_timer_set(in->heartbeat.timer, loop_now(in->loop) + INTERVAL);
	if (in->postmaster != 0 && in->heartbeat.beat == NULL)
		beat_start(in);
}

void
heartbeat_init(struct instance *in)
{
	in->heartbeat.timer = loop_timer_new(in->loop, timer_fired, in);
	if (in->heartbeat.timer != NULL)
		loop_timer_set(in->heartbeat.timer, loop_now(in->loop));
}

void
heartbeat_free(struct instance *in)
{
	loop_timer_free(in->heartbeat.timer);
	if (in->heartbeat.beat != NULL)
		in->heartbeat.beat->in = NULL;
}

void
heartbeat_see(struct instance *in, struct observation *seen)
{
	const struct heartbeat *heartbeat = &in->heartbeat;

	seen->disk_ms = heartbeat->last_ms;
	seen->disk_free = heartbeat->free_bytes;
	if (heartbeat->beat != NULL && !atomic_load(&heartbeat->beat->written)) {
		pgaf_time age = loop_now(in->loop) - heartbeat->began;

		if (age > in->settings.disk_deadline)
			seen->disk_ms = UINT32_MAX;
		else if (age / PGAF_MSEC(1) > seen->disk_ms)
			seen->disk_ms = (uint32_t)(age / PGAF_MSEC(1));
	}
	if (heartbeat->full || (heartbeat->free_bytes > 0 && heartbeat->free_bytes < FREE_LEAST))
		seen->vetoes |= VETO_BIT(DISK_FULL);
}
