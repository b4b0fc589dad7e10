/* SPDX-License-Identifier: PostgreSQL */
/* A line is "timeline <tab> switch point <tab> reason"; comments and empty lines say nothing. */

#include <string.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "pg/history.h"

#define BLANKS " \t\r"
#define WORD_MAX 24 /* longer than any number or position */

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

/* Moves one word of the line out of *rest; false when there is none, or it is too long. */
static bool
take_word(const char **rest, char *word, size_t room)
{
	struct text text;
	size_t length = 0;

	*rest += strspn(*rest, BLANKS);
	length = strcspn(*rest, BLANKS "\n");
	text_init(&text, word, room);
	text_add_bytes(&text, *rest, length);
	*rest += length;
	return length > 0 && !text.cut;
}

static bool
parse_line(const char *line, struct history *history)
{
	char number[WORD_MAX];
	char position[WORD_MAX];
	uint64_t timeline = 0;
	pgaf_lsn end = 0;

	line += strspn(line, BLANKS);
	if (*line == '#' || *line == '\n' || *line == '\0')
		return true;
	return take_word(&line, number, sizeof(number)) &&
	       take_word(&line, position, sizeof(position)) && text_to_u64(number, &timeline) &&
	       timeline <= UINT32_MAX && lsn_parse(position, &end) &&
	       add(history, (uint32_t)timeline, end);
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
