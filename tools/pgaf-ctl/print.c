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
