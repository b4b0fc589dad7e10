/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_HISTORY_H
#define PG_HISTORY_H

/* Timelines: what a .history file says, and where two histories part. Pure. */

#include <pgaf/types.h>

#define HISTORY_ENTRIES_MAX 256

struct history {
	uint32_t count;
	struct {
		uint32_t timeline;
		pgaf_lsn end; /* UINT64_MAX: goes on */
	} entries[HISTORY_ENTRIES_MAX];
};

/* `content` of the file of `timeline`; "" for the first. False when it is no history. */
bool history_parse(const char *content, uint32_t timeline, struct history *history);

/* The last common timeline and where the first of the two leaves it. False: nothing in common. */
bool history_fork(const struct history *one, const struct history *other, uint32_t *timeline,
                  pgaf_lsn *end);

#endif
