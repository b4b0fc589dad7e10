/* SPDX-License-Identifier: PostgreSQL */
#ifndef PURE_TEXT_H
#define PURE_TEXT_H

/*
 * Bounded text in storage of the caller. Appending past the end cuts and
 * sets `cut`; nothing here allocates or looks at a locale.
 */

#include <pgaf/types.h>

struct text {
	char  *at;   /* always zero-terminated */
	size_t room; /* bytes at `at`, terminating zero included */
	size_t used;
	bool   cut;
};

#define TEXT(array) ((struct text){.at = (array), .room = sizeof(array)})

void text_init(struct text *text, char *at, size_t room);
void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const char *bytes, size_t count);
void text_addf(struct text *text, const char *format, ...) PGAF_PRINTF(2, 3);
/* A line of postgresql.conf: quotes and backslashes in the value are doubled. */
void text_add_setting(struct text *text, const char *name, const char *value);

/* Copy with truncation; always terminates. Returns false when cut. */
bool text_copy(char *to, size_t room, const char *from);

/* Strict decimal without sign; the whole string must be the number. */
bool text_to_u64(const char *string, uint64_t *value);

#endif
