/* SPDX-License-Identifier: PostgreSQL */
#ifndef STORE_TARGET_H
#define STORE_TARGET_H

/* Where a database is: a URI or keywords, taken apart for pg/conn.h. */

#include "pg/conn.h"
#include "store/store.h"

#define TARGET_WORDS_MAX 24

struct target {
	char        host[PGAF_HOST_MAX];
	const char *keywords[TARGET_WORDS_MAX + 1]; /* libpq's own words */
	const char *values[TARGET_WORDS_MAX + 1];   /* owned */
	size_t      count;
};

/* 0, or PGAF_ECONFIG: no URI, several hosts. The error names no password. */
int target_parse(struct target *target, const char *uri, struct pgaf_error *error);
/* Where the URI says nothing. `keyword` is static. 0 or PGAF_ENOMEM. */
int target_default(struct target *target, const char *keyword, const char *value);
void target_done(struct target *target);

/* How long to wait before the next try: 50 ms, doubling to 2 s, each with jitter. */
struct backoff {
	unsigned tries;
};
pgaf_time backoff_next(struct backoff *backoff);

/* 32 hexadecimal digits of random for each 16 bytes of room; 0 or PGAF_ESYS. */
int random_hex(char *to, size_t room);

/* The answer to a statement, as a code: what conn.h says and the SQLSTATEs of schema.sql, with the
 * server's hint in the text. `result` NULL: the connection was lost. */
int answer_code(const PGresult *result, const struct pgaf_error *error, struct pgaf_error *full);

/* Columns of a row. NULL and empty are 0. */
uint64_t column_u64(const PGresult *result, int row, int column); /* negative: two's complement */
uint32_t column_u32(const PGresult *result, int row, int column);
bool column_bool(const PGresult *result, int row, int column);
const char *column_text(const PGresult *result, int row, int column);

#endif
