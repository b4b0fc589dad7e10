/* SPDX-License-Identifier: PostgreSQL */
/* fts walks trees: never across a symbolic link, so a tablespace is unlinked and not emptied. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "base/files.h"
#include "base/sys.h"
#include "pg/disk.h"

static int
write_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t wrote = write(fd, bytes, count);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -1;
		bytes += wrote;
		count -= (size_t)wrote;
	}
	return 0;
}

static int
join(char path[PATH_MAX], const char *directory, const char *name, struct pgaf_error *error)
{
	struct text full = {0};

	text_init(&full, path, PATH_MAX);
	text_addf(&full, "%s/%s", directory, name);
	return full.cut ? error_set(error, PGAF_E2BIG, "the path %s/… is too long", directory) : 0;
}

int
disk_sync_parent(const char *path, struct pgaf_error *error)
{
	char copy[PATH_MAX];

	if (!text_copy(copy, sizeof(copy), path))
		return error_set(error, PGAF_E2BIG, "the path %s is too long", path);
	return files_sync_directory(dirname(copy), error);
}

int
disk_write(const char *path, const char *content, unsigned mode, struct pgaf_error *error)
{
	return files_write(path, content, strlen(content), (mode_t)mode, error);
}

char *
disk_read(const char *path, size_t most, struct pgaf_error *error)
{
	char *content = NULL;

	return files_read(path, most, &content, NULL, error) < 0 ? NULL : content;
}

int
disk_make_directory(const char *path, struct pgaf_error *error)
{
	if (mkdir(path, 0700) == 0)
		return disk_sync_parent(path, error);
	return errno == EEXIST ? 0 : sys_error(error, errno, "create %s", path);
}

bool
disk_exists(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

bool
disk_is_empty(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry = NULL;
	bool empty = true;

	if (directory == NULL)
		return errno == ENOENT;
	while (empty && (entry = readdir(directory)) != NULL)
		empty = is_dots(entry->d_name) || strcmp(entry->d_name, "lost+found") == 0 ||
		        strncmp(entry->d_name, DISK_STAGE, strlen(DISK_STAGE)) == 0;
	closedir(directory);
	return empty;
}

bool
disk_is_mount(const char *path)
{
	char copy[PATH_MAX];
	struct stat self;
	struct stat parent;

	if (!text_copy(copy, sizeof(copy), path) || stat(path, &self) != 0 ||
	    stat(dirname(copy), &parent) != 0)
		return false;
	return self.st_dev != parent.st_dev;
}

int
disk_remove(const char *path, const atomic_bool *stop, struct pgaf_error *error)
{
	char root[PATH_MAX];
	char *roots[] = {root, NULL};
	int code = 0;

	if (!disk_exists(path))
		return 0;
	if (!text_copy(root, sizeof(root), path))
		return error_set(error, PGAF_E2BIG, "the path %s is too long", path);
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (tree == NULL)
		return sys_error(error, errno, "read %s", path);
	for (FTSENT *entry = fts_read(tree); entry != NULL; entry = fts_read(tree)) {
		if (stop != NULL && atomic_load(stop)) {
			code = error_set(error, PGAF_EREFUSED, "cancelled");
			break;
		}
		if (entry->fts_info == FTS_D)
			continue;
		if (remove(entry->fts_accpath) != 0 && errno != ENOENT) {
			code = sys_error(error, errno, "remove %s", entry->fts_path);
			break;
		}
	}
	fts_close(tree);
	return code;
}

int
disk_empty(const char *path, const char *kept, const atomic_bool *stop, struct pgaf_error *error)
{
	DIR *directory = opendir(path);
	const struct dirent *entry = NULL;
	int code = 0;

	if (directory == NULL)
		return errno == ENOENT ? 0 : sys_error(error, errno, "open %s", path);
	while (code == 0 && (entry = readdir(directory)) != NULL) {
		char full[PATH_MAX];

		if (is_dots(entry->d_name) || strcmp(entry->d_name, "lost+found") == 0 ||
		    (kept != NULL && strcmp(entry->d_name, kept) == 0))
			continue;
		code = join(full, path, entry->d_name, error);
		if (code == 0)
			code = disk_remove(full, stop, error);
	}
	closedir(directory);
	return code;
}

int
disk_move_entries(const char *from, const char *to, struct pgaf_error *error)
{
	DIR *directory = opendir(from);
	const struct dirent *entry = NULL;
	int code = 0;

	if (directory == NULL)
		return sys_error(error, errno, "open %s", from);
	while (code == 0 && (entry = readdir(directory)) != NULL) {
		char source[PATH_MAX];
		char target[PATH_MAX];

		if (is_dots(entry->d_name))
			continue;
		code = join(source, from, entry->d_name, error);
		if (code == 0)
			code = join(target, to, entry->d_name, error);
		if (code == 0 && rename(source, target) != 0)
			code = sys_error(error, errno, "rename %s", source);
	}
	closedir(directory);
	return code < 0 ? code : files_sync_directory(to, error);
}

int
disk_copy(const char *from, const char *to, struct pgaf_error *error)
{
	int code = 0;
	char bytes[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);

	if (in < 0)
		return sys_error(error, errno, "open %s", from);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out < 0)
		code = sys_error(error, errno, "create %s", to);
	while (code == 0) {
		ssize_t got = read(in, bytes, sizeof(bytes));

		if (got < 0)
			code = sys_error(error, errno, "read %s", from);
		if (got <= 0)
			break;
		if (write_all(out, bytes, (size_t)got) != 0)
			code = sys_error(error, errno, "write %s", to);
	}
	if (code == 0 && fsync(out) != 0)
		code = sys_error(error, errno, "fsync %s", to);
	close(in);
	if (out >= 0)
		close(out);
	return code;
}

uint64_t
disk_free_bytes(const char *path)
{
	struct statvfs status;

	if (statvfs(path, &status) != 0)
		return 0;
	return (uint64_t)status.f_bavail * status.f_frsize;
}
