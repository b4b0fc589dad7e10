/* SPDX-License-Identifier: PostgreSQL */
/*
 * Quoting without a connection, for conforming strings in an encoding that
 * is safe for ASCII (all server encodings are).
 */

#include <string.h>

#include "base/pure/text.h"
#include "pg/conn.h"

static void
sql_quote(struct text *to, const char *value, char quote, bool escapes)
{
	for (const char *at = value; *at != '\0'; at++) {
		if (*at == quote || (escapes && *at == '\\'))
			text_add_bytes(to, at, 1);
		text_add_bytes(to, at, 1);
	}
}

void
sql_literal(struct text *to, const char *value)
{
	bool escapes = strchr(value, '\\') != NULL;

	/* The space keeps the E from joining a word before it. */
	text_add(to, escapes ? " E'" : "'");
	sql_quote(to, value, '\'', escapes);
	text_add(to, "'");
}

void
sql_identifier(struct text *to, const char *value)
{
	text_add(to, "\"");
	sql_quote(to, value, '"', false);
	text_add(to, "\"");
}
