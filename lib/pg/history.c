/* SPDX-License-Identifier: PostgreSQL */
/* A line is "timeline <tab> switch point <tab> reason"; comments and empty lines say nothing. */

#include <stdio.h>
#include <string.h>

#include "base/pure/lsn.h"
#include "pg/history.h"

static bool
add(struct history *history, uint32_t timeline, pgaf_lsn end)
{
	if (history->count == HISTORY_ENTRIES_MAX)
		return false;
	history->entries[history->count].timeline = timeline;
	history->entries[history->count].end = end;
	history->count++;
	return true;
}

static bool
parse_line(const char *line, struct history *history)
{
	unsigned timeline = 0;
	char position[LSN_TEXT_MAX + 1];
	pgaf_lsn end = 0;

	line += strspn(line, " \t\r");
	if (*line == '#' || *line == '\n' || *line == '\0')
		return true;
	return sscanf(line, "%u %18[0-9A-Fa-f/]", &timeline, position) == 2 &&
	       lsn_parse(position, &end) && add(history, timeline, end);
}

bool
history_parse(const char *content, uint32_t timeline, struct history *history)
{
	*history = (struct history){0};
	for (const char *line = content; *line != '\0';) {
		if (!parse_line(line, history))
			return false;
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return add(history, timeline, UINT64_MAX);
}

bool
history_fork(const struct history *one, const struct history *other, uint32_t *timeline,
             pgaf_lsn *end)
{
	uint32_t i = 0;

	while (i < one->count && i < other->count &&
	       one->entries[i].timeline == other->entries[i].timeline) {
		*timeline = one->entries[i].timeline;
		*end = one->entries[i].end < other->entries[i].end ? one->entries[i].end
		                                                   : other->entries[i].end;
		/* Left at different places: what follows under the same number is not the same. */
		if (one->entries[i].end != other->entries[i].end)
			return true;
		i++;
	}
	return i > 0;
}
