/* SPDX-License-Identifier: PostgreSQL */
#ifndef REAL_RECORDER_H
#define REAL_RECORDER_H

/*
 * The flight recorder of a monitor: inputs of decide() that say something new
 * go to a ring of files. It never delays and never fails a decision: text is
 * made after the commit was sent, files are written by a job, and what cannot
 * be written is dropped and counted.
 */

#include "base/log.h"
#include "core/recording.h"
#include "loop/loop.h"

/* Names of its files and, in the state directory, of their directory. */
#define RECORDER_FILES     "pgaf-recording"
#define RECORDER_DIRECTORY "recording"
#define RECORDER_SIZE      (UINT64_C(16) * 1024 * 1024)
#define RECORDER_SIZE_LEAST (UINT64_C(1024) * 1024)

struct recorder;

struct recorder_options {
	const char *directory;
	uint64_t    size;
	struct logger logger;
};

/* What was recorded last of one group; all zero at first. */
struct recorder_seen {
	uint64_t shape;
	uint64_t same;
	uint64_t failures; /* of the recorder at that time: a later one may have lost it */
};

/* NULL: out of memory. Nothing is written before there is something to write. */
struct recorder *recorder_new(struct loop *loop, const struct recorder_options *options);
/* What is being written may be lost with the process, and is not waited for. */
void recorder_free(struct recorder *recorder);

/* An input, and what was decided (NULL: nothing). */
void recorder_take(struct recorder *recorder, struct recorder_seen *seen,
                   const struct snapshot *snap, pgaf_time now, const struct decision *decision);

/* Inputs that could not be written. */
uint64_t recorder_dropped(const struct recorder *recorder);
/* Whether something waits to be written. */
bool recorder_busy(const struct recorder *recorder);

#endif
