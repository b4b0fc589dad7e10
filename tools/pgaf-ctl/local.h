/* SPDX-License-Identifier: PostgreSQL */
#ifndef CTL_LOCAL_H
#define CTL_LOCAL_H

/*
 * The monitor to talk to when nobody named one: the one that runs on this
 * machine, else the one that the keeper on this machine reports to.
 */

#include <pgaf/types.h>

struct local_monitor {
	char uri[PGAF_URI_MAX];
	const char *user; /* NULL: the URI's, or pgaf_operator */
};

/* False after printing that there is none. */
bool local_find(struct local_monitor *local);

#endif
