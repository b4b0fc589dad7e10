/* SPDX-License-Identifier: PostgreSQL */
#ifndef BASE_FILES_H
#define BASE_FILES_H

/* Small files that must survive a crash, secrets, directories, locks. These calls block. */

#include <sys/types.h>

#include <pgaf/error.h>

/*
 * Replace `path` by these bytes: after a return of 0 they are there after any
 * crash, before it the old content is. A temporary file beside it is used.
 */
int files_write(const char *path, const void *bytes, size_t count, mode_t mode,
                struct pgaf_error *error);

/*
 * The same for what another program wrote beside it: `from` is synced and takes
 * the place of `path`. Both are in one directory.
 */
int files_settle(const char *from, const char *path, mode_t mode, struct pgaf_error *error);

/* The whole file, malloc'ed, zero-terminated (a zero byte inside stays); *count may be NULL.
 * PGAF_ENOENT when there is none, PGAF_E2BIG when it is larger than `most`. */
int files_read(const char *path, size_t most, char **bytes, size_t *count,
               struct pgaf_error *error);

/*
 * A secret of one line: without its newline, not empty, at most `room` - 1
 * bytes. Refused (PGAF_ECONFIG) when others than owner and group may read it.
 */
int files_read_secret(const char *path, char *to, size_t room, struct pgaf_error *error);

/*
 * Make a directory and those above it that are missing. Made ones belong to
 * owner and group ((uid_t)-1: whoever we are); `mode` is for the last one, those
 * above it get 0755. One that exists is left as it is.
 */
struct files_owner {
	uid_t user;
	gid_t group;
};
#define FILES_OWNER_SELF ((struct files_owner){(uid_t)-1, (gid_t)-1})
int files_make_directories(const char *path, mode_t mode, struct files_owner owner,
                           struct pgaf_error *error);

/* fsync of a directory, so that names made or removed in it last. */
int files_sync_directory(const char *path, struct pgaf_error *error);

/*
 * Lock by an open file (made when missing), until the descriptor is closed or
 * the process ends; not inherited by programs that are started. Returns the
 * descriptor. PGAF_EREFUSED when somebody else holds it: the sentence names
 * the process when it wrote its number there, as this does.
 */
int files_lock(const char *path, struct pgaf_error *error);

/* The same for a directory itself: nothing is written, so the holder is not named. */
int files_lock_directory(const char *path, struct pgaf_error *error);

#endif
