/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_RELEASE_H
#define PG_RELEASE_H

/*
 * Releases of PostgreSQL as numbers, 150013 for 15.13, which of them start
 * with a race in synchronous replication (PROTOCOL 8b), and all that the major
 * versions do differently here: pure.
 */

#include <stdbool.h>
#include <stdint.h>

struct release {
	int major;
	/* The first one without the race; 0 = all of them. */
	int needed;
	/* pg_control says this version of its layout. */
	uint32_t control;
	/* SQL: whether replay is paused. */
	const char *paused;
	/* SQL: where a standby's unused slot may stand; less what a peer may be behind (33b). */
	const char *slot_at;
};

/* For a major version, 15; of one that is not known, the nearest that is. */
const struct release *release_of(unsigned major);
/* For a number, 150013, as PQserverVersion gives it. */
const struct release *release_of_number(int version);
/* Whether a release writes its control file in this version. */
bool release_has_control(uint32_t control);

/* From what `postgres --version` prints; 0 = not understood. */
int release_number(const char *printed);
bool release_is_old(int version);
/* The first release of that major version without the race; 0 = all of them. */
int release_needed(int version);

#endif
