/* SPDX-License-Identifier: PostgreSQL */
/*
 * Values in SQL: what a server would read out of a literal or an identifier is
 * what was put into it, and the statements of a keeper hold nothing else.
 */

#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/codec.h"
#include "pg/conn.h"
#include "store/link_parts.h"

#define ROOM (1 << 15)

/* As PostgreSQL's scanner reads it; returns what follows the closing quote, NULL if none closes. */
static const char *
unquote(const char *at, char quote, bool escapes, char *to)
{
	while (*at != '\0') {
		if (*at == '\\' && escapes) {
			at++;
			FUZZ_CHECK(*at == '\\' || *at == quote);
		} else if (*at == quote) {
			if (at[1] != quote) {
				*to = '\0';
				return at + 1;
			}
			at++;
		}
		*to++ = *at++;
	}
	return NULL;
}

static void
check_value(const char *value)
{
	static char sql[ROOM];
	static char back[ROOM];
	struct text text = TEXT(sql);

	sql_literal(&text, value);
	bool escapes = strncmp(sql, " E'", 3) == 0;
	FUZZ_CHECK(!text.cut && (escapes || sql[0] == '\''));
	const char *end = unquote(sql + (escapes ? 3 : 1), '\'', escapes, back);
	FUZZ_CHECK(end != NULL && *end == '\0' && strcmp(back, value) == 0);

	text_init(&text, sql, sizeof(sql));
	sql_identifier(&text, value);
	end = unquote(sql + 1, '"', false, back);
	FUZZ_CHECK(sql[0] == '"' && end != NULL && *end == '\0' && strcmp(back, value) == 0);
}

/* The statement without its literals: equal for every registration, so no value is outside one. */
static void
strip(const char *sql, struct text *to)
{
	static char value[LINK_SQL_ROOM];

	while (*sql != '\0') {
		bool escapes = strncmp(sql, " E'", 3) == 0;

		if (*sql != '\'' && !escapes) {
			text_add_bytes(to, sql++, 1);
			continue;
		}
		sql = unquote(sql + (escapes ? 3 : 1), '\'', escapes, value);
		FUZZ_CHECK(sql != NULL);
		text_add(to, "?");
	}
}

static void
strip_registration(const char *value, struct text *to)
{
	static char sql[LINK_SQL_ROOM];
	static struct link_registration registration;
	struct text text = TEXT(sql);

	registration = (struct link_registration){.port = 5432};
	text_copy(registration.name, sizeof(registration.name), value);
	text_copy(registration.host, sizeof(registration.host), value);
	text_copy(registration.region, sizeof(registration.region), value);
	text_copy(registration.formation, sizeof(registration.formation), value);
	text_copy(registration.token, sizeof(registration.token), value);
	link_sql_register(&text, &registration);
	FUZZ_CHECK(!text.cut);
	strip(sql, to);
}

static void
check_statement(const char *value)
{
	static char plain[LINK_SQL_ROOM];
	static char other[LINK_SQL_ROOM];
	struct text text = TEXT(plain);
	struct text text_other = TEXT(other);

	strip_registration("", &text);
	strip_registration(value, &text_other);
	/* An E stands before a literal with a blank, which is none of the statement's. */
	FUZZ_CHECK(strcmp(plain, other) == 0 || strchr(value, '\\') != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *value = fuzz_string(data, size);

	check_value(value);
	check_statement(value);
	free(value);
	return 0;
}
