/* SPDX-License-Identifier: PostgreSQL */
/* JSON and paragraphs on stdout. */

#include "pgaf-ctl/print.h"

#include <err.h>
#include <stdio.h>
#include <string.h>

void
json_print(json_t *value)
{
	if (!value || json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY) < 0)
		errx(EXIT_FAILED, "could not write JSON");
	putchar('\n');
	json_decref(value);
}

/* Text of a server or a keeper may be no UTF-8; then it is left out rather than the document. */
void
json_set_text(json_t *object, const char *key, const char *text)
{
	json_t *string = json_string(text);

	json_object_set_new(object, key, string ? string : json_null());
}

void
json_set_number(json_t *object, const char *key, int64_t number)
{
	json_object_set_new(object, key, json_integer(number));
}

json_t *
json_of_lines(const char *lines)
{
	json_t *list = json_array();

	while (*lines != '\0') {
		size_t length = strcspn(lines, "\n");
		json_t *line = length > 0 ? json_stringn(lines, length) : NULL;

		if (line)
			json_array_append_new(list, line);
		lines += length + (lines[length] == '\n');
	}
	return list;
}

void
lines_print(const char *head, const char *lines)
{
	if (lines[0] == '\0')
		return;
	printf("%s\n", head);
	while (*lines != '\0') {
		size_t length = strcspn(lines, "\n");
		printf("  %.*s\n", (int)length, lines);
		lines += length + (lines[length] == '\n');
	}
}
