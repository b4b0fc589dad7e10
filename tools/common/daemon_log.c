/* SPDX-License-Identifier: PostgreSQL */
/* Records to standard error or a file, one line each by one write, so that lines stay whole. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pure/error.h"
#include "base/pure/text.h"
#include "base/sys.h"
#include "common/daemon.h"

struct daemon_log {
	enum log_format     format;
	enum pgaf_log_level level;
	int                 fd;
	char                path[1024]; /* "" = standard error */
};

enum pgaf_log_level
daemon_log_level(const struct daemon_settings *settings)
{
	if (settings->quiet)
		return PGAF_LOG_WARNING;
	if (settings->verbose == 0)
		return PGAF_LOG_INFO;
	return settings->verbose == 1 ? PGAF_LOG_DEBUG : PGAF_LOG_TRACE;
}

static int
daemon_log_open_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
}

struct daemon_log *
daemon_log_open(const struct daemon_settings *settings, struct pgaf_error *error)
{
	struct daemon_log *log = calloc(1, sizeof(*log));

	if (!log) {
		error_set(error, PGAF_ENOMEM, "out of memory");
		return NULL;
	}
	log->format = strcmp(settings->log_format, "json") == 0 ? LOG_JSON : LOG_TEXT;
	log->level = daemon_log_level(settings);
	log->fd = STDERR_FILENO;
	text_copy(log->path, sizeof(log->path), settings->log_file);
	if (log->path[0] == '\0')
		return log;
	log->fd = daemon_log_open_file(log->path);
	if (log->fd >= 0)
		return log;
	sys_error(error, errno, "open the log file %s", log->path);
	free(log);
	return NULL;
}

void
daemon_log_write(void *ctx, const struct pgaf_log *record)
{
	const struct daemon_log *log = ctx;
	char line[4096];
	struct text text = TEXT(line);
	ssize_t written = 0;

	if (record->level > log->level)
		return;
	log_render(record, log->format, &text);
	if (text.used + 1 >= sizeof(line))
		text.used = sizeof(line) - 2;
	line[text.used] = '\n';
	/* A log that cannot be written must not stop the daemon. */
	written = write(log->fd, line, text.used + 1);
	(void)written;
}

/* The old file stays in use when the new one cannot be opened. */
void
daemon_log_reopen(struct daemon_log *log)
{
	int fd = log->path[0] != '\0' ? daemon_log_open_file(log->path) : -1;

	if (fd < 0)
		return;
	close(log->fd);
	log->fd = fd;
}

void
daemon_log_free(struct daemon_log *log)
{
	if (log && log->path[0] != '\0')
		close(log->fd);
	free(log);
}
