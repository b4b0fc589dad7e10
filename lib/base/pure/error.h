/* SPDX-License-Identifier: PostgreSQL */
#ifndef PURE_ERROR_H
#define PURE_ERROR_H

/* Filling a struct pgaf_error; a NULL error is accepted everywhere. */

#include <pgaf/error.h>

/* Set code and sentence; returns code, so that `return error_set(…)` reads well. */
int error_set(struct pgaf_error *error, int code, const char *format, ...) PGAF_PRINTF(3, 4);

/* Put "prefix: " before the sentence; returns the code that is set. */
int error_prefix(struct pgaf_error *error, const char *format, ...) PGAF_PRINTF(2, 3);

#endif
