/* SPDX-License-Identifier: PostgreSQL */
#ifndef UNIT_MEMORY_ALLOC_H
#define UNIT_MEMORY_ALLOC_H

/*
 * Between the library and the C library's allocator: the linker sends every
 * call of malloc, calloc, realloc, strdup, open_memstream and free here (--wrap), and
 * jansson is told to come here too. What other shared libraries allocate for
 * themselves is not seen.
 */

#include <stdbool.h>
#include <stddef.h>

/* Fail the allocation of this number, counted from 1 and from now on; `on`: and all after it.
 * 0 = none. Forgets what was counted before. */
void alloc_fail(unsigned long number, bool on);
/* Whether one has failed since. */
bool alloc_has_failed(void);
/* How many that were made since are not freed. */
size_t alloc_live(void);

#endif
