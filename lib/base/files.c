/* SPDX-License-Identifier: PostgreSQL */
/*
 * Small files that must survive a crash: written beside, synced, renamed, and
 * the directory synced, in this order.
 */

#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "base/sys.h"

#define PATH_ROOM 4096

/* ---- writing ------------------------------------------------------------------------------ */

static int
write_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t written = write(fd, bytes, count);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		bytes += written;
		count -= (size_t)written;
	}
	return 0;
}

/* Everything up to the rename; the caller removes what is left after a failure. */
static int
write_beside(int fd, const void *bytes, size_t count, mode_t mode)
{
	/* Some file systems tell of a full disk only in fsync or close. */
	if (fchmod(fd, mode) != 0 || write_all(fd, bytes, count) != 0 || fsync(fd) != 0) {
		int number = errno;
		close(fd);
		errno = number;
		return -1;
	}
	return close(fd);
}

static bool
parent_of(const char *path, char *to, size_t room)
{
	char copy[PATH_ROOM];

	if (!text_copy(copy, sizeof(copy), path))
		return false;
	return text_copy(to, room, dirname(copy));
}

int
files_sync_directory(const char *path, struct pgaf_error *error)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return sys_error(error, errno, "open the directory %s", path);
	int failed = fsync(fd) != 0 ? errno : 0;
	close(fd);
	return failed == 0 ? 0 : sys_error(error, failed, "sync the directory %s", path);
}

int
files_write(const char *path, const void *bytes, size_t count, mode_t mode,
            struct pgaf_error *error)
{
	char temporary[PATH_ROOM];
	char directory[PATH_ROOM];
	struct text name = TEXT(temporary);

	text_addf(&name, "%s.XXXXXX", path);
	if (name.cut || !parent_of(path, directory, sizeof(directory)))
		return sys_error(error, ENAMETOOLONG, "write %s", path);
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return sys_error(error, errno, "write %s", path);
	if (write_beside(fd, bytes, count, mode) != 0 || rename(temporary, path) != 0) {
		int number = errno;
		unlink(temporary);
		return sys_error(error, number, "write %s", path);
	}
	return files_sync_directory(directory, error);
}

int
files_settle(const char *from, const char *path, mode_t mode, struct pgaf_error *error)
{
	char directory[PATH_ROOM];
	int fd = open(from, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return sys_error(error, errno, "read %s", from);
	int failed = fchmod(fd, mode) != 0 || fsync(fd) != 0 ? errno : 0;
	close(fd);
	if (failed == 0 && !parent_of(path, directory, sizeof(directory)))
		failed = ENAMETOOLONG;
	if (failed == 0 && rename(from, path) != 0)
		failed = errno;
	return failed != 0 ? sys_error(error, failed, "write %s", path)
	                   : files_sync_directory(directory, error);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* At most `room` bytes; -1 with errno. */
static ssize_t
read_all(int fd, char *to, size_t room)
{
	size_t used = 0;

	while (used < room) {
		ssize_t count = read(fd, to + used, room - used);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		if (count == 0)
			break;
		used += (size_t)count;
	}
	return (ssize_t)used;
}

static int
open_to_read(const char *path, struct stat *about, struct pgaf_error *error)
{
	/* Not to be held up by a pipe that nobody writes to. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		int code = errno == ENOENT ? PGAF_ENOENT : PGAF_ESYS;
		sys_error(error, errno, "read %s", path);
		if (error != NULL)
			error->code = code;
		return code;
	}
	int failed = fstat(fd, about) != 0 ? errno : 0;
	if (failed == 0 && S_ISDIR(about->st_mode))
		failed = EISDIR;
	if (failed != 0) {
		close(fd);
		return sys_error(error, failed, "read %s", path);
	}
	return fd;
}

int
files_read(const char *path, size_t most, char **bytes, size_t *count, struct pgaf_error *error)
{
	struct stat about;
	int fd = open_to_read(path, &about, error);

	if (fd < 0)
		return fd;
	/* One byte more than allowed tells whether there is more. */
	char *content = malloc(most + 2);
	ssize_t used = content != NULL ? read_all(fd, content, most + 1) : 0;
	int number = errno;
	close(fd);
	if (content == NULL)
		return error_set(error, PGAF_ENOMEM, "read %s: out of memory", path);
	if (used < 0 || (size_t)used > most) {
		free(content);
		return used < 0 ? sys_error(error, number, "read %s", path)
		                : error_set(error, PGAF_E2BIG, "read %s: more than %zu bytes", path,
		                            most);
	}
	content[used] = '\0';
	*bytes = content;
	if (count != NULL)
		*count = (size_t)used;
	return 0;
}

static int
check_secret(const char *path, const char *secret, size_t count, struct pgaf_error *error)
{
	if (count == 0)
		return error_set(error, PGAF_ECONFIG, "the secret file %s is empty", path);
	if (strlen(secret) != count || strpbrk(secret, "\r\n") != NULL)
		return error_set(error, PGAF_ECONFIG,
		                 "the secret file %s holds more than one line of text", path);
	return 0;
}

int
files_read_secret(const char *path, char *to, size_t room, struct pgaf_error *error)
{
	struct stat about;
	int fd = open_to_read(path, &about, error);

	if (fd < 0)
		return fd;
	if ((about.st_mode & S_IROTH) != 0) {
		close(fd);
		return error_set(error, PGAF_ECONFIG,
		                 "the secret file %s can be read by everybody; run: chmod o-rwx %s",
		                 path, path);
	}
	/* Room for the newline that is stripped is taken from the terminating zero's. */
	ssize_t used = read_all(fd, to, room);
	int number = errno;
	close(fd);
	if (used < 0)
		return sys_error(error, number, "read %s", path);
	size_t length = (size_t)used;
	if (length > 0 && to[length - 1] == '\n')
		length--;
	if (length >= room) {
		explicit_bzero(to, room);
		return error_set(error, PGAF_ECONFIG, "the secret in %s is longer than %zu bytes",
		                 path, room - 1);
	}
	to[length] = '\0';
	return check_secret(path, to, length, error);
}

/* ---- directories -------------------------------------------------------------------------- */

static int
make_directory(const char *path, mode_t mode, struct files_owner owner, struct pgaf_error *error)
{
	if (mkdir(path, mode) != 0)
		return errno == EEXIST ? 0 : sys_error(error, errno, "make the directory %s", path);
	/* mkdir obeys the umask. */
	if (chmod(path, mode) != 0)
		return sys_error(error, errno, "set the mode of %s", path);
	if (owner.user != (uid_t)-1 && chown(path, owner.user, owner.group) != 0)
		return sys_error(error, errno, "set the owner of %s", path);
	return 0;
}

int
files_make_directories(const char *path, mode_t mode, struct files_owner owner,
                       struct pgaf_error *error)
{
	char part[PATH_ROOM];
	struct stat about;

	if (!text_copy(part, sizeof(part), path))
		return sys_error(error, ENAMETOOLONG, "make the directory %s", path);
	for (char *slash = strchr(part + (part[0] == '/'), '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int failed = make_directory(part, 0755, owner, error);
		if (failed < 0)
			return failed;
		*slash = '/';
	}
	int failed = make_directory(path, mode, owner, error);
	if (failed < 0)
		return failed;
	if (stat(path, &about) != 0)
		return sys_error(error, errno, "make the directory %s", path);
	if (!S_ISDIR(about.st_mode))
		return sys_error(error, ENOTDIR, "make the directory %s", path);
	return 0;
}

/* ---- locks -------------------------------------------------------------------------------- */

static int
lock_refused(const char *path, int fd, struct pgaf_error *error)
{
	char holder[32];
	uint64_t pid = 0;
	ssize_t used = pread(fd, holder, sizeof(holder) - 1, 0);

	holder[used > 0 ? used : 0] = '\0';
	holder[strcspn(holder, "\n")] = '\0';
	if (text_to_u64(holder, &pid) && pid > 0)
		return error_set(error, PGAF_EREFUSED, "%s is locked by process %llu", path,
		                 (unsigned long long)pid);
	return error_set(error, PGAF_EREFUSED, "%s is locked by another process", path);
}

static int
lock_open_file(const char *path, int fd, struct pgaf_error *error)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? lock_refused(path, fd, error)
	                            : sys_error(error, errno, "lock %s", path);
}

int
files_lock(const char *path, struct pgaf_error *error)
{
	char self[32];
	struct text text = TEXT(self);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return sys_error(error, errno, "lock %s", path);
	int failed = lock_open_file(path, fd, error);
	text_addf(&text, "%ld\n", (long)getpid());
	if (failed == 0 && (ftruncate(fd, 0) != 0 || write_all(fd, self, text.used) != 0))
		failed = sys_error(error, errno, "lock %s", path);
	if (failed < 0)
		close(fd);
	return failed < 0 ? failed : fd;
}

int
files_lock_directory(const char *path, struct pgaf_error *error)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return sys_error(error, errno, "lock the directory %s", path);
	int failed = lock_open_file(path, fd, error);
	if (failed < 0)
		close(fd);
	return failed < 0 ? failed : fd;
}
