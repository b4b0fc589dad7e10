/* SPDX-License-Identifier: PostgreSQL */
#ifndef COMMON_LISTS_H
#define COMMON_LISTS_H

/* From option values to what the public interface takes. */

#include "base/options.h"

/* Point at the items; `to` has OPTION_LIST_MAX places. */
static inline void
lists_borrow(const struct option_list *from, const char **to)
{
	for (size_t i = 0; i < from->count; i++)
		to[i] = from->items[i];
}

/* NULL when it was not given. */
static inline const char *
lists_given(const char *value)
{
	return value[0] != '\0' ? value : NULL;
}

#endif
