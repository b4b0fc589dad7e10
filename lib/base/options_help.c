/* SPDX-License-Identifier: PostgreSQL */
/* The --help text of a table of options: two columns, wrapped at 100. */

#include <string.h>

#include "base/options.h"
#include "base/pure/text.h"

#define WIDTH 100
#define MARGIN 40

static void
add_left(const struct option_spec *spec, struct text *to)
{
	if (spec->letter != '\0')
		text_addf(to, "  -%c, ", spec->letter);
	else
		text_add(to, "      ");
	text_addf(to, "--%s", spec->name);
	if (spec->type == OPTION_CHOICE)
		text_addf(to, " %s", spec->argument != NULL ? spec->argument : spec->choices);
	else if (spec->type == OPTION_BOOL)
		text_add(to, " true|false");
	else if (spec->type != OPTION_FLAG && spec->type != OPTION_COUNT)
		text_addf(to, " %s", spec->argument != NULL ? spec->argument : "VALUE");
}

static void
add_phrase(const struct option_spec *spec, struct text *to)
{
	bool silent = spec->type == OPTION_FLAG || spec->type == OPTION_COUNT;

	text_add(to, spec->doc);
	if (spec->type == OPTION_LIST)
		text_add(to, "; may be repeated");
	if (spec->initial != NULL && spec->initial[0] != '\0' && !silent)
		text_addf(to, " (default: %s)", spec->initial);
}

static void
add_blanks(struct text *to, size_t count)
{
	text_addf(to, "%*s", (int)count, "");
}

/* Words from `phrase`, continued under the second column. `column`: where the line is now. */
static void
add_wrapped(struct text *to, const char *phrase, size_t column)
{
	bool first = true;

	while (*phrase != '\0') {
		size_t length = strcspn(phrase, " ");
		if (!first && column + 1 + length > WIDTH) {
			text_add(to, "\n");
			add_blanks(to, MARGIN);
			column = MARGIN;
			first = true;
		}
		if (!first) {
			text_add(to, " ");
			column++;
		}
		text_add_bytes(to, phrase, length);
		column += length;
		first = false;
		phrase += length + (phrase[length] == ' ');
	}
	text_add(to, "\n");
}

void
options_help(const struct option_spec *specs, size_t count, struct text *to)
{
	for (size_t i = 0; i < count; i++) {
		char left[256] = "";
		char phrase[512] = "";
		struct text column = TEXT(left);
		struct text words = TEXT(phrase);

		add_left(&specs[i], &column);
		add_phrase(&specs[i], &words);
		text_add(to, left);
		if (column.used + 2 > MARGIN) {
			text_add(to, "\n");
			column.used = 0;
		}
		add_blanks(to, MARGIN - column.used);
		add_wrapped(to, phrase, MARGIN);
	}
}
