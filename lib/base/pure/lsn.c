/* SPDX-License-Identifier: PostgreSQL */
/* Printing and reading WAL positions. */

#include "base/pure/lsn.h"

#include <inttypes.h>
#include <stdio.h>

const char *
lsn_format(pgaf_lsn lsn, char to[LSN_TEXT_MAX])
{
	snprintf(to, LSN_TEXT_MAX, "%" PRIX32 "/%" PRIX32, (uint32_t)(lsn >> 32), (uint32_t)lsn);
	return to;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One half: 1 to 8 digits. Returns what follows, or NULL. */
static const char *
half_parse(const char *at, uint32_t *value)
{
	const char *start = at;

	*value = 0;
	for (; hex_digit(*at) >= 0; at++) {
		if (at - start == 8)
			return NULL;
		*value = *value << 4 | (uint32_t)hex_digit(*at);
	}
	return at == start ? NULL : at;
}

bool
lsn_parse(const char *string, pgaf_lsn *lsn)
{
	uint32_t high;
	uint32_t low;
	const char *at = half_parse(string, &high);

	if (!at || *at != '/')
		return false;
	at = half_parse(at + 1, &low);
	if (!at || *at != '\0')
		return false;
	*lsn = (pgaf_lsn)high << 32 | low;
	return true;
}
