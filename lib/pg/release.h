/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_RELEASE_H
#define PG_RELEASE_H

/*
 * Releases of PostgreSQL as numbers, 150013 for 15.13, and which of them start
 * with a race in synchronous replication (PROTOCOL 8b): pure.
 */

#include <stdbool.h>

/* From what `postgres --version` prints; 0 = not understood. */
int release_number(const char *printed);
bool release_is_old(int version);
/* The first release of that major version without the race; 0 = all of them. */
int release_needed(int version);

#endif
