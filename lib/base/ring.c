/* SPDX-License-Identifier: PostgreSQL */
/*
 * A ring of files. The directory is the only truth: what is there is looked at
 * when the first file is opened and each time a new one is begun.
 */

#include "base/ring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/pure/error.h"
#include "base/pure/text.h"
#include "base/sys.h"

#define PATH_ROOM 4096
#define SUFFIX ".txt"

struct ring {
	char *directory;
	char *name;
	char *head;
	uint64_t size;
	int fd;        /* -1: none is open */
	uint64_t used; /* bytes in it */
};

/* ---- names ------------------------------------------------------------------------- */

bool
ring_path(const char *directory, const char *name, uint32_t number, char *to, size_t room)
{
	struct text text;

	text_init(&text, to, room);
	text_addf(&text, "%s/%s-%06u" SUFFIX, directory, name, (unsigned)number);
	return !text.cut;
}

/* 0: it is no file of this ring. */
static uint32_t
number_of(const char *file, const char *name)
{
	size_t length = strlen(name);
	char digits[16];
	uint64_t number = 0;

	if (strncmp(file, name, length) != 0 || file[length] != '-')
		return 0;
	file += length + 1;
	length = strspn(file, "0123456789");
	if (length < 6 || length >= sizeof(digits) || strcmp(file + length, SUFFIX) != 0)
		return 0;
	memcpy(digits, file, length);
	digits[length] = '\0';
	return text_to_u64(digits, &number) && number < UINT32_MAX ? (uint32_t)number : 0;
}

static int
compare_numbers(const void *a, const void *b)
{
	const uint32_t *left = a;
	const uint32_t *right = b;

	return (*left > *right) - (*left < *right);
}

/* Adds to a growing list; its new count, or PGAF_ENOMEM. */
static int
number_add(uint32_t **numbers, int count, uint32_t number)
{
	uint32_t *grown = *numbers;

	if (count % 16 == 0)
		grown = reallocarray(*numbers, (size_t)count + 16, sizeof(*grown));
	if (!grown)
		return PGAF_ENOMEM;
	grown[count] = number;
	*numbers = grown;
	return count + 1;
}

int
ring_list(const char *directory, const char *name, uint32_t **numbers, struct pgaf_error *error)
{
	DIR *dir = opendir(directory);
	struct dirent *entry = NULL;
	int count = 0;

	*numbers = NULL;
	if (!dir)
		return sys_error(error, errno, "read the directory %s", directory);
	while (count >= 0 && (entry = readdir(dir))) {
		uint32_t number = number_of(entry->d_name, name);

		if (number != 0)
			count = number_add(numbers, count, number);
	}
	closedir(dir);
	if (count < 0) {
		free(*numbers);
		*numbers = NULL;
		return error_set(error, PGAF_ENOMEM, "read the directory %s: out of memory",
		                 directory);
	}
	if (count > 0)
		qsort(*numbers, (size_t)count, sizeof(**numbers), compare_numbers);
	return count;
}

/* ---- life ---------------------------------------------------------------------------- */

struct ring *
ring_new(const struct ring_options *options)
{
	struct ring *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return NULL;
	ring->fd = -1;
	ring->size = options->size;
	ring->directory = strdup(options->directory);
	ring->name = strdup(options->name);
	ring->head = strdup(options->head);
	if (!ring->directory || !ring->name || !ring->head) {
		ring_free(ring);
		return NULL;
	}
	return ring;
}

static void
ring_close(struct ring *ring)
{
	if (ring->fd >= 0)
		close(ring->fd);
	ring->fd = -1;
}

void
ring_free(struct ring *ring)
{
	if (!ring)
		return;
	ring_close(ring);
	free(ring->directory);
	free(ring->name);
	free(ring->head);
	free(ring);
}

/* ---- files --------------------------------------------------------------------------- */

/* All or nothing; what a full disk took of it is given back. */
static int
file_append(struct ring *ring, const char *bytes, size_t count)
{
	size_t done = 0;

	while (done < count) {
		ssize_t written = write(ring->fd, bytes + done, count - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			int number = errno;
			/* Without it a reader finds a part, which it knows how to skip. */
			int ignored = ftruncate(ring->fd, (off_t)ring->used);
			(void)ignored;
			errno = number;
			return -1;
		}
		done += (size_t)written;
	}
	ring->used += count;
	return 0;
}

static uint64_t
file_share(const struct ring *ring)
{
	return ring->size / RING_FILES;
}

/* Remove the oldest until one more file fits; the last of `count` numbers is the newest. */
static int
ring_make_room(const struct ring *ring, const uint32_t *numbers, int count,
               struct pgaf_error *error)
{
	uint64_t kept = file_share(ring);
	char path[PATH_ROOM];

	for (int i = count - 1; i >= 0; i--) {
		struct stat about;

		if (!ring_path(ring->directory, ring->name, numbers[i], path, sizeof(path)))
			return sys_error(error, ENAMETOOLONG, "record in %s", ring->directory);
		if (lstat(path, &about) != 0)
			continue;
		/* Once one is too much, so are all that are older. */
		kept += (uint64_t)about.st_size;
		if (kept <= ring->size)
			continue;
		kept = ring->size;
		if (unlink(path) != 0 && errno != ENOENT)
			return sys_error(error, errno, "remove %s", path);
	}
	return 0;
}

static int
file_begin(struct ring *ring, uint32_t number, struct pgaf_error *error)
{
	char path[PATH_ROOM];

	if (!ring_path(ring->directory, ring->name, number, path, sizeof(path)))
		return sys_error(error, ENAMETOOLONG, "record in %s", ring->directory);
	ring->fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (ring->fd < 0)
		return sys_error(error, errno, "make %s", path);
	ring->used = 0;
	if (file_append(ring, ring->head, strlen(ring->head)) == 0)
		return 0;
	int failed = errno;
	ring_close(ring);
	unlink(path);
	return sys_error(error, failed, "write %s", path);
}

/* The last byte, and whether the first line is ours. */
static bool
file_is_ours(const struct ring *ring, int fd, off_t size, char *last)
{
	size_t length = strlen(ring->head);
	char *first = malloc(length);
	bool ours = first && size >= (off_t)length &&
	            pread(fd, first, length, 0) == (ssize_t)length &&
	            memcmp(first, ring->head, length) == 0 && pread(fd, last, 1, size - 1) == 1;

	free(first);
	return ours;
}

/* Go on with the newest file of an earlier process, when it has room and the same first line; so
 * a program that is started again and again does not fill the ring with heads. */
static bool
file_continue(struct ring *ring, uint32_t number)
{
	char path[PATH_ROOM];
	struct stat about;
	char last = '\0';

	if (!ring_path(ring->directory, ring->name, number, path, sizeof(path)))
		return false;
	int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_uid != geteuid() ||
	    (about.st_mode & 077) != 0 || (uint64_t)about.st_size >= file_share(ring) ||
	    !file_is_ours(ring, fd, about.st_size, &last)) {
		close(fd);
		return false;
	}
	ring->fd = fd;
	ring->used = (uint64_t)about.st_size;
	/* A line that was not finished must not swallow the next one. */
	return last == '\n' || file_append(ring, "\n", 1) == 0;
}

static int
ring_next_file(struct ring *ring, bool may_continue, struct pgaf_error *error)
{
	uint32_t *numbers = NULL;
	int count = ring_list(ring->directory, ring->name, &numbers, error);
	int result = count < 0 ? count : 0;

	if (count > 0 && may_continue && file_continue(ring, numbers[count - 1])) {
		free(numbers);
		return 0;
	}
	ring_close(ring);
	if (result == 0)
		result = ring_make_room(ring, numbers, count, error);
	if (result == 0)
		result = file_begin(ring, count > 0 ? numbers[count - 1] + 1 : 1, error);
	free(numbers);
	return result;
}

/* By somebody who wanted the room, or the recording. */
static bool
file_is_removed(const struct ring *ring)
{
	struct stat about;

	return fstat(ring->fd, &about) != 0 || about.st_nlink == 0;
}

/* The directory as it must be for what is written there to stay private. */
static int
ring_make_directory(const struct ring *ring, struct pgaf_error *error)
{
	struct stat about;
	int result = files_make_directories(ring->directory, 0700, FILES_OWNER_SELF, error);

	if (result < 0)
		return result;
	if (stat(ring->directory, &about) != 0)
		return sys_error(error, errno, "look at %s", ring->directory);
	if (about.st_uid != geteuid())
		return error_set(error, PGAF_EREFUSED, "the directory %s belongs to somebody else",
		                 ring->directory);
	return 0;
}

int
ring_write(struct ring *ring, const char *bytes, size_t count, struct pgaf_error *error)
{
	int result = 0;

	if (ring->fd >= 0 && file_is_removed(ring))
		ring_close(ring);
	if (ring->fd < 0) {
		result = ring_make_directory(ring, error);
		if (result == 0)
			result = ring_next_file(ring, true, error);
	}
	if (result == 0 && ring->used > strlen(ring->head) && ring->used + count > file_share(ring))
		result = ring_next_file(ring, false, error);
	if (result < 0)
		return result;
	if (file_append(ring, bytes, count) == 0)
		return 0;
	result = sys_error(error, errno, "write to a file in %s", ring->directory);
	ring_close(ring);
	return result;
}
