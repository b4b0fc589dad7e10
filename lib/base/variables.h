/* SPDX-License-Identifier: PostgreSQL */
#ifndef BASE_VARIABLES_H
#define BASE_VARIABLES_H

/* What a program is told: once as variables of its environment, once as a JSON object. */

#include <pgaf/types.h>

struct variable {
	const char *name;  /* lower_case: key in JSON, PGAF_LOWER_CASE in the environment */
	const char *value; /* NULL = not known: null, an empty variable */
	bool number;       /* the value is a decimal number */
};

/* NULL-terminated, in one allocation with its strings; free() it. The variables in `kept` are
 * taken over from our own environment. NULL: out of memory. */
char **variables_environment(const struct variable *variables, size_t count,
                             const char *const *kept, size_t kept_count);
/* One line that ends in a newline; free() it. NULL: out of memory. */
char *variables_json(const struct variable *variables, size_t count);

#endif
