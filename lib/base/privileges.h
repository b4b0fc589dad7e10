/* SPDX-License-Identifier: PostgreSQL */
#ifndef BASE_PRIVILEGES_H
#define BASE_PRIVILEGES_H

/* From root to the user that Postgres runs as, for good. */

#include <sys/types.h>

#include <pgaf/error.h>

struct account {
	char name[PGAF_NAME_MAX];
	char home[1024];
	uid_t user;
	gid_t group;
};

/* By name or number. PGAF_ECONFIG when there is no such user. */
int privileges_find(const char *name, struct account *account, struct pgaf_error *error);

/* The account this process runs as; a number as its name when it has none. */
int privileges_self(struct account *account, struct pgaf_error *error);

/*
 * Become that user with its groups, irrevocably, and set HOME, USER and
 * LOGNAME. Fails when any way back is left. Nothing to do when we are that
 * user; PGAF_EREFUSED when we are another one that is not root.
 */
int privileges_drop(const struct account *account, struct pgaf_error *error);

#endif
