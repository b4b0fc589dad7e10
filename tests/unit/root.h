/* SPDX-License-Identifier: PostgreSQL */
#ifndef UNIT_ROOT_H
#define UNIT_ROOT_H

/* A directory of a test's own below /tmp. */

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOT_MAX 64

/* `what` is a part of its name. */
static inline void
root_make(char root[ROOT_MAX], const char *what)
{
	snprintf(root, ROOT_MAX, "/tmp/pgaf-%s-XXXXXX", what);
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static inline int
root_remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where)
{
	(void)about;
	(void)kind;
	(void)where;
	return remove(path);
}

/* With all that is in it. */
static inline void
root_remove(const char *root)
{
	ck_assert_int_eq(nftw(root, root_remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
