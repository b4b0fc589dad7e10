/* SPDX-License-Identifier: PostgreSQL */
/* Errors as PostgreSQL's own tools print them. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/text.h"
#include "pgaf-ctl/ctl.h"

/* While a screen is drawn nothing may be written beside it. */
static struct text *sink;

void
say_into(struct text *to)
{
	sink = to;
}

static void say(const char *head, const char *format, va_list args) PGAF_PRINTF(2, 0);

static void
say(const char *head, const char *format, va_list args)
{
	char line[2048];
	size_t used;

	vsnprintf(line, sizeof(line), format, args);
	for (used = strlen(line); used > 0 && line[used - 1] == '\n'; used--)
		line[used - 1] = '\0';
	if (sink) {
		text_addf(sink, "%s%s\n", head, line);
		return;
	}
	fflush(stdout);
	fprintf(stderr, "%s%s\n", head, line);
}

int
say_error(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("pgaf-ctl: error: ", format, args);
	va_end(args);
	return code;
}

void
say_detail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("detail: ", format, args);
	va_end(args);
}

void
say_hint(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("hint: ", format, args);
	va_end(args);
}
