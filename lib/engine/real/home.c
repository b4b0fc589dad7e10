/* SPDX-License-Identifier: PostgreSQL */
/*
 * Directories and their locks. The lock in the state directory names its
 * holder; the one on the data directory itself catches a second daemon with
 * another state directory.
 */

#include "engine/real/home.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/pure/error.h"
#include "base/pure/text.h"
#include "base/sys.h"

static void
home_user_name(uid_t uid, char to[64])
{
	char buffer[4096];
	struct passwd entry;
	struct passwd *found = NULL;

	snprintf(to, 64, "%u", (unsigned)uid);
	if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
		text_copy(to, 64, found->pw_name);
}

/* It exists, is a directory, and belongs to us. */
static int
home_look_at(const char *path, struct pgaf_error *error)
{
	struct stat st;
	char owner[64];
	char self[64];

	if (stat(path, &st) < 0)
		return sys_error(error, errno, "look at %s", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(error, PGAF_EREFUSED, "%s is not a directory", path);
	if (st.st_uid == geteuid())
		return 0;
	home_user_name(st.st_uid, owner);
	home_user_name(geteuid(), self);
	return error_set(error, PGAF_EREFUSED,
	                 "the directory %s belongs to user %s, not to %s; run: chown -R %s: %s",
	                 path, owner, self, self, path);
}

static int
home_make(const char *path, struct pgaf_error *error)
{
	struct stat st;
	int result = 0;

	if (stat(path, &st) < 0 && errno == ENOENT)
		result = files_make_directories(path, 0700, FILES_OWNER_SELF, error);
	return result < 0 ? result : home_look_at(path, error);
}

static int
home_take_path(char to[HOME_PATH_MAX], const char *path, const char *what, struct pgaf_error *error)
{
	size_t length = strlen(path);

	if (path[0] != '/')
		return error_set(error, PGAF_ECONFIG, "%s must be an absolute path, not \"%s\"",
		                 what, path);
	while (length > 1 && path[length - 1] == '/')
		length--;
	if (length >= HOME_PATH_MAX)
		return error_set(error, PGAF_ECONFIG, "%s is too long", what);
	memcpy(to, path, length);
	to[length] = '\0';
	return 0;
}

int
home_set_paths(struct home *home, const char *pgdata, const char *state_dir,
               struct pgaf_error *error)
{
	int result = 0;

	*home = (struct home){.state_lock = -1, .data_lock = -1};
	if (pgdata)
		result = home_take_path(home->pgdata, pgdata, "pgdata", error);
	if (result < 0)
		return result;
	if (state_dir)
		return home_take_path(home->state_dir, state_dir, "state-dir", error);
	if (strlen(home->pgdata) + sizeof(".pgaf") > HOME_PATH_MAX)
		return error_set(error, PGAF_ECONFIG, "pgdata is too long");
	snprintf(home->state_dir, sizeof(home->state_dir), "%.*s.pgaf", HOME_PATH_MAX - 6,
	         home->pgdata);
	return 0;
}

int
home_open(struct home *home, const char *pgdata, const char *state_dir, struct pgaf_error *error)
{
	char lock[HOME_PATH_MAX + 64];
	int result = 0;

	result = home_set_paths(home, pgdata, state_dir, error);
	if (result < 0)
		return result;
	result = home_make(home->state_dir, error);
	if (result < 0)
		return result;
	home_path(home, "lock", lock);
	home->state_lock = files_lock(lock, error);
	if (home->state_lock < 0)
		return home->state_lock;
	if (home->pgdata[0] == '\0')
		return 0;
	result = home_make(home->pgdata, error);
	return result < 0 ? result : home_lock_again(home, error);
}

static bool
home_is_same(int fd, const char *path)
{
	struct stat held;
	struct stat there;

	return fd >= 0 && fstat(fd, &held) == 0 && stat(path, &there) == 0 &&
	       held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

int
home_lock_again(struct home *home, struct pgaf_error *error)
{
	struct stat st;
	int fd = -1;

	if (home_is_same(home->data_lock, home->pgdata))
		return 0;
	/* Nothing is there at the moment: a copy that broke off, and is made again. */
	if (home->data_lock >= 0 && stat(home->pgdata, &st) < 0 && errno == ENOENT)
		return 0;
	fd = files_lock_directory(home->pgdata, error);
	if (fd < 0)
		return fd;
	if (home->data_lock >= 0)
		close(home->data_lock);
	home->data_lock = fd;
	return 0;
}

void
home_close(struct home *home)
{
	if (home->data_lock >= 0)
		close(home->data_lock);
	if (home->state_lock >= 0)
		close(home->state_lock);
	home->data_lock = -1;
	home->state_lock = -1;
}

void
home_path(const struct home *home, const char *name, char to[HOME_PATH_MAX + 64])
{
	snprintf(to, HOME_PATH_MAX + 64, "%s/%s", home->state_dir, name);
}
