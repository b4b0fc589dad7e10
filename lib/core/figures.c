/* SPDX-License-Identifier: PostgreSQL */
/* Numbers for people. Integers only: nothing here may look at a locale. */

#include "core/figures.h"

#include <inttypes.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"

struct unit {
	uint64_t worth;
	const char *word;
};

/* One decimal below ten, none above: as precise as anybody acts on. */
static void
say_scaled(uint64_t value, const struct unit *units, struct text *to)
{
	while (value < units->worth)
		units++;
	uint64_t tenths = value / units->worth * 10 + value % units->worth * 10 / units->worth;
	if (tenths < 100 && tenths % 10 != 0)
		text_addf(to, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, units->word);
	else
		text_addf(to, "%" PRIu64 " %s", value / units->worth, units->word);
}

void
say_size(uint64_t bytes, struct text *to)
{
	static const struct unit units[] = {
		{UINT64_C(1) << 40, "TB"},
		{UINT64_C(1) << 30, "GB"},
		{UINT64_C(1) << 20, "MB"},
		{UINT64_C(1) << 10, "kB"},
	};

	if (bytes < 1024)
		text_addf(to, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
	else
		say_scaled(bytes, units, to);
}

void
say_time(pgaf_time duration, struct text *to)
{
	static const struct unit units[] = {{(uint64_t)PGAF_SECONDS(1), "s"}};

	if (duration < 0)
		duration = 0;
	if (duration < PGAF_SECONDS(1))
		text_addf(to, "%" PRId64 " ms", duration / PGAF_MSEC(1));
	else if (duration < PGAF_SECONDS(120))
		say_scaled((uint64_t)duration, units, to);
	else if (duration < PGAF_SECONDS(7200))
		text_addf(to, "%" PRId64 " min", duration / PGAF_SECONDS(60));
	else
		text_addf(to, "%" PRId64 " h", duration / PGAF_SECONDS(3600));
}

void
say_age(pgaf_time now, pgaf_time at, struct text *to)
{
	if (at == 0) {
		text_add(to, "never");
		return;
	}
	say_time(now - at, to);
	text_add(to, " ago");
}

void
say_limit(pgaf_time lasted, pgaf_time limit, struct text *to)
{
	text_add(to, "for ");
	say_time(lasted, to);
	text_add(to, ", the limit is ");
	say_time(limit, to);
}

void
say_lsn(pgaf_lsn lsn, struct text *to)
{
	char position[LSN_TEXT_MAX];

	text_add(to, lsn_format(lsn, position));
}

void
say_node(const struct snapshot *snap, pgaf_node_id id, struct text *to)
{
	const struct node *node = snapshot_node(snap, id);

	if (node != NULL)
		text_add(to, node->name);
	else
		text_addf(to, "node %" PRIu32, id);
}

void
say_set(const struct snapshot *snap, const struct sync_set *set, struct text *to)
{
	text_addf(to, "version %" PRIu32, set->version);
	if (set->unknown) {
		text_add(to, " (unknown)");
	} else if (set->required == 0) {
		text_add(to, " (asynchronous)");
	} else {
		text_addf(to, " (%" PRIu32 " of ", set->required);
		if (set->count == 0)
			text_add(to, "nobody: writes wait");
		for (uint32_t i = 0; i < set->count; i++) {
			text_add(to, i > 0 ? ", " : "");
			say_node(snap, set->members[i].node, to);
		}
		text_add(to, ")");
	}
}
