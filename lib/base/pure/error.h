/* SPDX-License-Identifier: PostgreSQL */
#ifndef PURE_ERROR_H
#define PURE_ERROR_H

/* Filling a struct pgaf_error; a NULL error is accepted everywhere. */

#include <stddef.h>

#include <pgaf/error.h>

/* Set code and sentence; returns code, so that `return error_set(…)` reads well. */
int error_set(struct pgaf_error *error, int code, const char *format, ...) PGAF_PRINTF(3, 4);

/* Put "prefix: " before the sentence; returns the code that is set. */
int error_prefix(struct pgaf_error *error, const char *format, ...) PGAF_PRINTF(2, 3);

/*
 * The line in which the output of a failed program says why: its last "error: ", else the last
 * line that does not tell of tidying up. Copied without its end; "" when there is none.
 */
const char *error_of_output(const char *output, char *to, size_t room);

#endif
