/* SPDX-License-Identifier: PostgreSQL */
/* The lines of sd_notify(3). One that cannot be sent is lost: it must not hold anything up. */

#include "common/daemon_notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/pure/text.h"

/* -1 when there is none, or when it cannot be reached. */
static int
notify_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = path ? strlen(path) : 0;
	int fd = -1;

	if (length < 2 || length >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return -1;
	memcpy(address.sun_path, path, length);
	/* The name of an abstract socket begins with a zero. */
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address,
	                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Twice in the time after which we would be taken for dead. */
static pgaf_time
notify_interval(const char *limit, const char *pid)
{
	uint64_t us = 0;
	uint64_t whose = 0;

	if (!limit || !text_to_u64(limit, &us) || us == 0 || us > INT64_MAX / 1000)
		return PGAF_NEVER;
	if (pid && (!text_to_u64(pid, &whose) || whose != (uint64_t)getpid()))
		return PGAF_NEVER;
	return (pgaf_time)us * 1000 / 2;
}

void
daemon_notify_init(struct daemon_notify *notify)
{
	*notify = (struct daemon_notify){
		.fd = notify_connect(getenv("NOTIFY_SOCKET")),
		.interval = notify_interval(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID")),
	};
	if (notify->fd < 0)
		notify->interval = PGAF_NEVER;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void
daemon_notify_done(struct daemon_notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

static void
notify_send(const struct daemon_notify *notify, const char *lines)
{
	ssize_t sent = 0;

	if (notify->fd >= 0)
		sent = send(notify->fd, lines, strlen(lines), MSG_NOSIGNAL);
	(void)sent;
}

void
daemon_notify_ready(const struct daemon_notify *notify)
{
	notify_send(notify, "READY=1");
}

void
daemon_notify_reloading(const struct daemon_notify *notify)
{
	struct timespec now;
	char lines[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%lld",
	         (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify_send(notify, lines);
}

void
daemon_notify_stopping(const struct daemon_notify *notify)
{
	notify_send(notify, "STOPPING=1");
}

pgaf_time
daemon_notify_alive(struct daemon_notify *notify, pgaf_time now)
{
	if (notify->interval == PGAF_NEVER)
		return PGAF_NEVER;
	if (now >= notify->due) {
		notify_send(notify, "WATCHDOG=1");
		notify->due = now + notify->interval;
	}
	return notify->due;
}
