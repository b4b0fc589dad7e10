/* SPDX-License-Identifier: PostgreSQL */
/*
 * Preloaded into the daemons and PostgreSQL of a host: its disk is slow or hangs, and its clock is
 * elsewhere. What holds now stands in a page of memory shared with the test, so that a fault begins
 * and ends for all processes at once. The monotonic clocks are never touched.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The file that PGAF_TEST_FAULTS names; harness/preload.py writes it. */
struct faults {
	int64_t clock_offset_ns;
	int64_t fsync_delay_ms;
	int64_t fsync_hangs;
	int64_t fsync_skipped; /* nothing is synced: the test does that itself, once for all */
};

static const struct faults none;
static const volatile struct faults *faults = &none;

__attribute__((constructor)) static void
map_faults(void)
{
	const char *path = getenv("PGAF_TEST_FAULTS");
	void *page;
	int fd;

	if (path == NULL || (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return;
	page = mmap(NULL, sizeof(struct faults), PROT_READ, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED)
		faults = page;
	close(fd);
}

static void
wait_ms(int64_t ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) != 0)
		continue;
}

static void
wait_for_disk(void)
{
	if (faults->fsync_delay_ms > 0)
		wait_ms(faults->fsync_delay_ms);
	while (faults->fsync_hangs)
		wait_ms(10);
}

int
fsync(int fd)
{
	if (faults->fsync_skipped)
		return 0;
	wait_for_disk();
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	if (faults->fsync_skipped)
		return 0;
	wait_for_disk();
	return (int)syscall(SYS_fdatasync, fd);
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int64_t offset = faults->clock_offset_ns;
	int64_t ns;
	int status = (int)syscall(SYS_clock_gettime, id, ts);

	if (status == 0 && offset != 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
		ns = (int64_t)ts->tv_nsec + offset % 1000000000 + 1000000000;
		ts->tv_sec += offset / 1000000000 + ns / 1000000000 - 1;
		ts->tv_nsec = ns % 1000000000;
	}
	return status;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *out)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (out != NULL)
		*out = ts.tv_sec;
	return ts.tv_sec;
}
