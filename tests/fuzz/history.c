/* SPDX-License-Identifier: PostgreSQL */
/*
 * Timeline history files. A file is its lines: it is a history when each of
 * them is, and then holds what they hold.
 */

#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "pg/history.h"

static bool
is_same(const struct history *one, const struct history *other)
{
	for (uint32_t i = 0; i < one->count && i < other->count; i++)
		if (one->entries[i].timeline != other->entries[i].timeline ||
		    one->entries[i].end != other->entries[i].end)
			return false;
	return one->count == other->count;
}

/* Line by line; false when one of them, or all together, are no history. */
static bool
parse_lines(char *lines, struct history *history)
{
	static struct history line_alone;

	*history = (struct history){0};
	while (*lines != '\0') {
		if (!history_parse(fuzz_field(&lines, '\n'), 1, &line_alone))
			return false;
		FUZZ_CHECK(line_alone.count <= 2);
		for (uint32_t i = 0; i + 1 < line_alone.count; i++) {
			if (history->count == HISTORY_ENTRIES_MAX)
				return false;
			history->entries[history->count++] = line_alone.entries[i];
		}
	}
	if (history->count == HISTORY_ENTRIES_MAX)
		return false;
	history->entries[history->count].timeline = 7;
	history->entries[history->count++].end = UINT64_MAX;
	return true;
}

/* As Postgres writes them. */
static void
print(const struct history *history, struct text *to)
{
	char position[LSN_TEXT_MAX];

	for (uint32_t i = 0; i + 1 < history->count; i++)
		text_addf(to, "%u\t%s\tno recovery target specified\n",
		          history->entries[i].timeline,
		          lsn_format(history->entries[i].end, position));
}

static void
check_fork(const struct history *one, const struct history *other)
{
	uint32_t timeline = 0;
	uint32_t timeline_back = 0;
	pgaf_lsn end = 0;
	pgaf_lsn end_back = 0;
	bool found = history_fork(one, other, &timeline, &end);

	FUZZ_CHECK(found == history_fork(other, one, &timeline_back, &end_back));
	FUZZ_CHECK(timeline == timeline_back && end == end_back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char room[HISTORY_ENTRIES_MAX * 64];
	static struct history whole;
	static struct history again;
	struct text text = TEXT(room);
	char *content = fuzz_string(data, size);
	bool parsed = history_parse(content, 7, &whole);

	if (parsed) {
		text_add(&text, "");
		print(&whole, &text);
		FUZZ_CHECK(!text.cut && history_parse(room, 7, &again) && is_same(&whole, &again));
	}
	FUZZ_CHECK(parsed == parse_lines(content, &again));
	if (parsed) {
		FUZZ_CHECK(is_same(&whole, &again));
		again.count -= again.count / 2;
		again.entries[again.count - 1].end = UINT64_MAX;
		check_fork(&whole, &again);
	}
	free(content);
	return 0;
}
