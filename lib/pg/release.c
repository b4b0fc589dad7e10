/* SPDX-License-Identifier: PostgreSQL */
/*
 * Before the fix backends did not wait for standbys until the checkpointer's
 * first pass, so each start of a primary acknowledged what nobody else had.
 */

#include <stddef.h>
#include <stdio.h>

#include "pg/release.h"

#define MAJOR(version) ((version) / 10000)

/* 13 has no word for a pause that is asked for, and cannot compute with positions. */
#define PAUSED_13 "pg_is_wal_replay_paused()"
#define PAUSED "pg_get_wal_replay_pause_state() <> 'not paused'"
#define SLOT_AT_13 "pg_last_wal_replay_lsn()"
#define SLOT_AT                                                              \
	"'0/0'::pg_lsn + greatest(pg_wal_lsn_diff(pg_last_wal_replay_lsn()," \
	" '0/0') - 67108864, 0)"

/* Ascending. */
static const struct release releases[] = {
	{13, 130021, 1300, PAUSED_13, SLOT_AT_13}, {14, 140018, 1300, PAUSED, SLOT_AT},
	{15, 150013, 1300, PAUSED, SLOT_AT},       {16, 160009, 1300, PAUSED, SLOT_AT},
	{17, 170005, 1700, PAUSED, SLOT_AT},       {18, 0, 1800, PAUSED, SLOT_AT},
};

#define RELEASES (sizeof(releases) / sizeof(releases[0]))

const struct release *
release_of(unsigned major)
{
	size_t at = RELEASES - 1;

	while (at > 0 && (unsigned)releases[at].major > major)
		at--;
	return &releases[at];
}

const struct release *
release_of_number(int version)
{
	return release_of(version > 0 ? (unsigned)MAJOR(version) : 0);
}

bool
release_has_control(uint32_t control)
{
	for (size_t i = 0; i < RELEASES; i++)
		if (releases[i].control == control)
			return true;
	return false;
}

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
	const struct release *release = release_of_number(version);

	return MAJOR(version) == release->major ? release->needed : 0;
}

bool
release_is_old(int version)
{
	return version < release_needed(version);
}
