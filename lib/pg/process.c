/* SPDX-License-Identifier: PostgreSQL */
/*
 * /proc tells who works in a data directory. A zombie has neither a working
 * directory nor a program any more, so it never counts.
 */

#include <dirent.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "pg/process.h"

static bool
read_link(pid_t pid, const char *what, char *to, size_t room)
{
	char path[64];
	struct text name = TEXT(path);

	text_addf(&name, "/proc/%ld/%s", (long)pid, what);
	ssize_t got = readlink(path, to, room - 1);
	if (got < 0)
		return false;
	to[got] = '\0';
	return true;
}

/*
 * The directory itself is compared and not its name: a server that an earlier
 * process started in another mount namespace, as systemd and `ip netns` make
 * one for each start, may see it under another name.
 */
static bool
works_in(pid_t pid, const struct stat *directory)
{
	char path[64];
	struct text name = TEXT(path);
	struct stat cwd;

	text_addf(&name, "/proc/%ld/cwd", (long)pid);
	return stat(path, &cwd) == 0 && cwd.st_dev == directory->st_dev &&
	       cwd.st_ino == directory->st_ino;
}

static bool
is_server_of(pid_t pid, const struct stat *directory)
{
	char link[PATH_MAX];

	if (!works_in(pid, directory) || !read_link(pid, "exe", link, sizeof(link)))
		return false;
	const char *base = strrchr(link, '/');
	base = base == NULL ? link : base + 1;
	/* An upgraded package leaves the old program running without a file. */
	return strcmp(base, "postgres") == 0 || strcmp(base, "postgres (deleted)") == 0;
}

static enum postmaster_status
parse_status(const char *line)
{
	if (strncmp(line, "ready", 5) == 0)
		return POSTMASTER_READY;
	if (strncmp(line, "standby", 7) == 0)
		return POSTMASTER_STANDBY;
	if (strncmp(line, "stopping", 8) == 0)
		return POSTMASTER_STOPPING;
	return POSTMASTER_STARTING;
}

void
process_find_postmaster(const char *pgdata, struct postmaster *found)
{
	char path[PATH_MAX];
	char line[PATH_MAX];
	struct text name = TEXT(path);
	struct stat directory;
	uint64_t pid = 0;
	enum postmaster_status status = POSTMASTER_STARTING;

	*found = (struct postmaster){0};
	text_addf(&name, "%s/postmaster.pid", pgdata);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return;
	for (int number = 1; fgets(line, sizeof(line), file) != NULL; number++) {
		line[strcspn(line, "\r\n")] = '\0';
		if (number == 5)
			text_copy(found->socket_dir, sizeof(found->socket_dir), line);
		line[strcspn(line, " \t")] = '\0';
		if (number == 1 && (!text_to_u64(line, &pid) || pid == 0 || pid > INT_MAX))
			break;
		if (number == 4)
			text_copy(found->port, sizeof(found->port), line);
		if (number == 8)
			status = parse_status(line);
	}
	fclose(file);
	if (pid == 0 || pid > INT_MAX)
		return;
	found->named = (pid_t)pid;
	/* Postgres itself takes no notice of other users' processes. */
	found->named_lives = kill(found->named, 0) == 0;
	if (stat(pgdata, &directory) != 0 || !is_server_of(found->named, &directory))
		return;
	found->pid = found->named;
	found->status = status;
}

size_t
process_list(const char *pgdata, pid_t *pids, size_t room)
{
	size_t count = 0;
	struct stat directory;
	const struct dirent *entry = NULL;

	if (stat(pgdata, &directory) != 0)
		return 0;
	DIR *proc = opendir("/proc");
	if (proc == NULL)
		return 0;
	while (count < room && (entry = readdir(proc)) != NULL) {
		uint64_t pid = 0;

		if (text_to_u64(entry->d_name, &pid) && pid <= INT_MAX &&
		    is_server_of((pid_t)pid, &directory))
			pids[count++] = (pid_t)pid;
	}
	closedir(proc);
	return count;
}

bool
process_real_path(const char *path, char *to, size_t room)
{
	char real[PATH_MAX];
	char parent[PATH_MAX];
	char name[PATH_MAX];

	if (realpath(path, real) != NULL)
		return text_copy(to, room, real);
	if (!text_copy(parent, sizeof(parent), path) || !text_copy(name, sizeof(name), path))
		return false;
	if (realpath(dirname(parent), real) == NULL)
		return false;
	struct text full = {0};
	text_init(&full, to, room);
	text_addf(&full, "%s/%s", strcmp(real, "/") == 0 ? "" : real, basename(name));
	return !full.cut;
}
