/* SPDX-License-Identifier: PostgreSQL */
#ifndef BASE_RING_H
#define BASE_RING_H

/*
 * A ring of files: text is appended to the newest one, and the oldest are
 * removed so that all together never take more than a given size. They are
 * named by rising numbers, NAME-000001.txt, and readable by their owner alone.
 * These calls block; nothing is synced, since a lost end is bearable here.
 */

#include <pgaf/error.h>

/* Of this many files one is written, so that a full ring keeps most of what fits. */
#define RING_FILES 8

struct ring;

struct ring_options {
	const char *directory; /* made when missing */
	const char *name;
	const char *head; /* the first line of each file, with its newline */
	uint64_t size;    /* of all files together */
};

/* Strings are copied; touches nothing yet. NULL: out of memory. */
struct ring *ring_new(const struct ring_options *options);
void ring_free(struct ring *ring);

/*
 * Append these bytes, all of them in one file. After a failure the file is
 * as it was, and the next call starts anew, the directory included. 0, PGAF_ESYS,
 * PGAF_EREFUSED: the directory or file belongs to somebody else.
 */
int ring_write(struct ring *ring, const char *bytes, size_t count, struct pgaf_error *error);

/*
 * The numbers of the ring's files, rising, malloc'ed; their count or a
 * negative error. `ring_path` names one of them.
 */
int ring_list(const char *directory, const char *name, uint32_t **numbers,
              struct pgaf_error *error);
bool ring_path(const char *directory, const char *name, uint32_t number, char *to, size_t room);

#endif
