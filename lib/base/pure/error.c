/* SPDX-License-Identifier: PostgreSQL */
/*
 * Filling a struct pgaf_error. Sentences are built beside it first, so that
 * the old one may be among the arguments of the new one.
 */

#include "base/pure/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/text.h"

#define SENTENCE_MAX sizeof(((struct pgaf_error *)NULL)->text)

/* libpq ends its messages with newlines and puts several of them into one. */
static void
one_line(char *text)
{
	size_t used = strlen(text);

	while (used > 0 && (text[used - 1] == '\n' || text[used - 1] == '\r'))
		text[--used] = '\0';
	for (char *at = text; *at != '\0'; at++) {
		if (*at == '\n' || *at == '\r' || *at == '\t')
			*at = ' ';
	}
}

int
error_set(struct pgaf_error *error, int code, const char *format, ...)
{
	char sentence[SENTENCE_MAX];
	va_list args;

	if (!error)
		return code;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	one_line(sentence);

	*error = (struct pgaf_error){.code = code};
	text_copy(error->text, sizeof(error->text), sentence);
	return code;
}

int
error_prefix(struct pgaf_error *error, const char *format, ...)
{
	char sentence[SENTENCE_MAX];
	va_list args;

	/* Nobody kept the code; what failed must still not look like success. */
	if (!error)
		return PGAF_EINVAL;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	one_line(sentence);

	struct text text;
	char whole[SENTENCE_MAX];
	text_init(&text, whole, sizeof(whole));
	text_addf(&text, "%s: %s", sentence, error->text);
	text_copy(error->text, sizeof(error->text), whole);
	return error->code;
}

/* initdb, pg_basebackup and pg_rewind remove what they made, and say so, after the reason. */
static bool
tells_of_tidying(const char *line, size_t length)
{
	const char *word = strstr(line, ": removing ");

	return word != NULL && word < line + length;
}

const char *
error_of_output(const char *output, char *to, size_t room)
{
	struct text text;
	const char *best = output;
	size_t best_length = 0;
	bool best_is_error = false;

	while (*output != '\0') {
		size_t length = strcspn(output, "\r\n");
		const char *error = strstr(output, "error: ");
		bool is_error = error != NULL && error < output + length;

		if (is_error || (!best_is_error && strspn(output, " \t") < length &&
		                 !tells_of_tidying(output, length))) {
			best = output;
			best_length = length;
			best_is_error = is_error;
		}
		output += length;
		output += strspn(output, "\r\n");
	}
	text_init(&text, to, room);
	text_add_bytes(&text, best, best_length);
	return to;
}

const char *
pgaf_strerror(int code)
{
	switch (code) {
	case 0:
		return "no error";
#define PGAF_ERROR_TEXT(name, number, text) \
	case PGAF_##name:                   \
		return text;
		PGAF_ERRORS(PGAF_ERROR_TEXT)
#undef PGAF_ERROR_TEXT
	default:
		return "unknown error";
	}
}
