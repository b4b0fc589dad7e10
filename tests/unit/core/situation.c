/* SPDX-License-Identifier: PostgreSQL */
/* Lines of a snapshot, changed one by one. */

#include "unit/core/situation.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/codec.h"
#include "unit/core/pair.h"

/* The text of the snapshot with keys of one line changed. */
static void
line_patch(char *text, size_t room, const char *word, unsigned node, const char *pairs)
{
	char out[CODEC_SNAPSHOT_MAX];
	struct text to = TEXT(out);
	unsigned current = 0;
	bool done = false;

	out[0] = '\0';
	for (char *line = text, *next; *line != '\0'; line = next) {
		char *end = strchr(line, '\n');
		size_t length = strlen(word);

		next = end + 1;
		if (strncmp(line, "node ", 5) == 0)
			current++;
		if (strncmp(line, word, length) != 0 ||
		    (line[length] != ' ' && line[length] != '\n') ||
		    (node != 0 && current != node)) {
			text_add_bytes(&to, line, (size_t)(next - line));
			continue;
		}
		done = true;
		text_add(&to, word);
		/* Old keys that are not changed, then the new ones; "key=" alone removes. */
		for (char *at = line + length; at < end;) {
			size_t token = strcspn(at + 1, " \n");
			size_t key = strcspn(at + 1, "=");
			char name[64];

			snprintf(name, sizeof(name), " %.*s=", (int)key, at + 1);
			char padded[1024];
			snprintf(padded, sizeof(padded), " %s", pairs);
			if (strstr(padded, name) == NULL)
				text_add_bytes(&to, at, token + 1);
			at += token + 1;
		}
		for (const char *at = pairs; *at != '\0';) {
			size_t token = strcspn(at, " \n");

			if (token > 0 && at[token - 1] != '=')
				text_addf(&to, " %.*s", (int)token, at);
			at += token + (at[token] == ' ');
			if (*at == '\n')
				break;
		}
		text_add(&to, "\n");
	}
	ck_assert_msg(done, "no line \"%s\" for node %u", word, node);
	ck_assert(!to.cut);
	text_copy(text, room, out);
}

void
situation_change(char *text, size_t room, const char *line)
{
	char word[32];
	unsigned node;
	int used = 0;

	if (line[0] == '+') {
		ck_assert(text_copy(text + strlen(text), room - strlen(text), line + 1));
		return;
	}
	if (strncmp(line, "pair", 4) == 0) {
		text_copy(text, room, pair_text);
		return;
	}
	if (strncmp(line, "single", 6) == 0) {
		text_copy(text, room, pair_text);
		*strstr(text, "node id=2") = '\0';
		line_patch(text, room, "group", 0, "possible=3:async next_admission=1");
		line_patch(text, room, "goal", 1, "state=single rule=800 set=3:async");
		line_patch(text, room, "report", 1, "state=single members=");
		return;
	}
	if (sscanf(line, "%31s %u %n", word, &node, &used) == 2 && used > 0) {
		line_patch(text, room, word, node, line + used);
		return;
	}
	ck_assert_msg(sscanf(line, "%31s %n", word, &used) == 1, "%s", line);
	line_patch(text, room, word, 0, line + used);
}
