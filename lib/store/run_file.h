/* SPDX-License-Identifier: PostgreSQL */
#ifndef STORE_RUN_FILE_H
#define STORE_RUN_FILE_H

/*
 * What a monitor remembers of its database outside of it, so that a database
 * which was put back from a copy is noticed: the nonce that its last run
 * wrote into it, and how far it had come.
 */

#include <pgaf/error.h>

#define NONCE_ROOM 33

struct run_file {
	bool     exists;
	char     nonce[NONCE_ROOM];
	char     before[NONCE_ROOM]; /* the one before: the last write may not have come through */
	uint64_t epochs;             /* sum of all groups' epochs */
	pgaf_lsn lsn;
};

/* A missing file is not an error. */
int run_file_read(const char *path, struct run_file *run, struct pgaf_error *error);
/* Durable after a return of 0. Blocks: for a job. */
int run_file_write(const char *path, const struct run_file *run, struct pgaf_error *error);

/* Is a database that holds this what the file knows, or something older? */
bool run_file_fits(const struct run_file *run, const char *nonce, uint64_t epochs, pgaf_lsn lsn);

#endif
