/* SPDX-License-Identifier: PostgreSQL */
/*
 * Before the fix backends did not wait for standbys until the checkpointer's
 * first pass, so each start of a primary acknowledged what nobody else had.
 */

#include <stddef.h>
#include <stdio.h>

#include "pg/release.h"

#define MAJOR(version) ((version) / 10000)

static const int first_good[] = {130021, 140018, 150013, 160009, 170005};

int
release_number(const char *printed)
{
	int major = 0;
	int minor = 0;
	int found = sscanf(printed, "postgres (PostgreSQL) %2d.%3d", &major, &minor);

	/* 17beta1 and 17devel have no minor number, and come before 17.0. */
	return found >= 1 && major >= 10 && minor >= 0 ? major * 10000 + minor : 0;
}

int
release_needed(int version)
{
	for (size_t i = 0; i < sizeof(first_good) / sizeof(first_good[0]); i++)
		if (MAJOR(version) == MAJOR(first_good[i]))
			return first_good[i];
	return 0;
}

bool
release_is_old(int version)
{
	return version < release_needed(version);
}
