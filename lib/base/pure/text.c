/* SPDX-License-Identifier: PostgreSQL */
/*
 * Bounded text. What does not fit is cut, and cut between characters: half a
 * UTF-8 sequence would be refused by PostgreSQL and by every JSON reader.
 */

#include "base/pure/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/utf8.h"

void
text_init(struct text *text, char *at, size_t room)
{
	*text = (struct text){.at = at, .room = room};
	if (room > 0)
		at[0] = '\0';
}

void
text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, strlen(string));
}

void
text_add_bytes(struct text *text, const char *bytes, size_t count)
{
	if (text->room == 0 || text->cut) {
		text->cut = text->cut || count > 0;
		return;
	}

	size_t left = text->room - text->used - 1;
	if (count > left) {
		text->cut = true;
		count = left;
	}
	memcpy(text->at + text->used, bytes, count);
	text->used += count;
	if (text->cut)
		text->used = utf8_whole(text->at, text->used);
	text->at[text->used] = '\0';
}

void
text_addf(struct text *text, const char *format, ...)
{
	if (text->room == 0 || text->cut) {
		text->cut = true;
		return;
	}

	va_list args;
	va_start(args, format);
	size_t left = text->room - text->used;
	int needed = vsnprintf(text->at + text->used, left, format, args);
	va_end(args);

	if (needed < 0)
		needed = 0;
	if ((size_t)needed < left) {
		text->used += (size_t)needed;
	} else {
		text->cut = true;
		text->used = utf8_whole(text->at, text->room - 1);
	}
	text->at[text->used] = '\0';
}

void
text_add_setting(struct text *text, const char *name, const char *value)
{
	text_addf(text, "%s = '", name);
	for (const char *at = value; *at != '\0'; at++) {
		if (*at == '\'' || *at == '\\')
			text_add_bytes(text, at, 1);
		text_add_bytes(text, at, 1);
	}
	text_add(text, "'\n");
}

bool
text_copy(char *to, size_t room, const char *from)
{
	struct text text;

	text_init(&text, to, room);
	text_add(&text, from);
	return !text.cut;
}

bool
text_to_u64(const char *string, uint64_t *value)
{
	uint64_t sum = 0;

	if (string[0] == '\0')
		return false;
	for (const char *at = string; *at != '\0'; at++) {
		if (*at < '0' || *at > '9')
			return false;
		uint64_t digit = (uint64_t)(*at - '0');
		if (sum > (UINT64_MAX - digit) / 10)
			return false;
		sum = sum * 10 + digit;
	}
	*value = sum;
	return true;
}
