/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_DISK_H
#define PG_DISK_H

/*
 * Files and trees on the volume of the data directory, written so that they
 * are still there after a power failure. All of this blocks: it belongs into
 * jobs, except where a file is small and only read.
 */

#include <stdatomic.h>

#include <pgaf/error.h>

/* Text files by base/files.h: durable when written; read whole, given, free() them. */
int disk_write(const char *path, const char *content, unsigned mode, struct pgaf_error *error);
char *disk_read(const char *path, size_t most, struct pgaf_error *error);

int disk_sync_parent(const char *path, struct pgaf_error *error);
int disk_make_directory(const char *path, struct pgaf_error *error);

/* How a directory begins in which a cluster is made, when that is inside the data directory. */
#define DISK_STAGE "pgaf-stage-"

/* Nothing in it, or only what a new volume has or a broken-off stage; a missing one is too. */
bool disk_is_empty(const char *path);
bool disk_exists(const char *path);

/* Another volume than its parent's, so it cannot be renamed. */
bool disk_is_mount(const char *path);

/* Remove with all it contains; stops early when *stop. A missing one is fine. */
int disk_remove(const char *path, const atomic_bool *stop, struct pgaf_error *error);

/* Remove all entries of a directory but `kept` (a name, or NULL). */
int disk_empty(const char *path, const char *kept, const atomic_bool *stop,
               struct pgaf_error *error);

/* Move all entries of one directory into another on the same volume. */
int disk_move_entries(const char *from, const char *to, struct pgaf_error *error);

/* A copy with fsync. No hard link: recovery writes into WAL files in place. */
int disk_copy(const char *from, const char *to, struct pgaf_error *error);

uint64_t disk_free_bytes(const char *path); /* 0 when unknown */

#endif
