/* SPDX-License-Identifier: PostgreSQL */
/* What store and link share in talking to PostgreSQL: addresses, waits, answers. */

#include "store/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "base/sys.h"

static int
target_set(struct target *target, const char *keyword, const char *value)
{
	char *copy = strdup(value);

	if (!copy || target->count == TARGET_WORDS_MAX) {
		free(copy);
		return PGAF_ENOMEM;
	}
	target->keywords[target->count] = keyword;
	target->values[target->count] = copy;
	target->count++;
	return 0;
}

/* libpq's word, static, so that it outlives the parsed list. */
static const char *
target_word(const char *keyword)
{
	static const char *const words[] = {
		"port",
		"dbname",
		"user",
		"password",
		"passfile",
		"sslmode",
		"sslrootcert",
		"sslcert",
		"sslkey",
		"sslcrl",
		"sslsni",
		"application_name",
		"options",
		"channel_binding",
		"keepalives",
		"keepalives_idle",
		"keepalives_interval",
		"keepalives_count",
		"ssl_min_protocol_version",
		"krbsrvname",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], keyword) == 0)
			return words[i];
	}
	return NULL;
}

static int
target_take(struct target *target, const PQconninfoOption *option, struct pgaf_error *error)
{
	const char *word = target_word(option->keyword);

	if (strcmp(option->keyword, "host") == 0 || strcmp(option->keyword, "hostaddr") == 0) {
		if (strchr(option->val, ','))
			return error_set(error, PGAF_ECONFIG, "one host in each URI of a monitor");
		if (!text_copy(target->host, sizeof(target->host), option->val))
			return error_set(error, PGAF_ECONFIG, "the host in the URI is too long");
		return 0;
	}
	/* How the connection is made is ours to say (pg/conn.h); the rest means nothing here. */
	if (!word || target_set(target, word, option->val) == 0)
		return 0;
	return error_set(error, PGAF_ENOMEM, "out of memory");
}

int
target_parse(struct target *target, const char *uri, struct pgaf_error *error)
{
	char *reason = NULL;
	PQconninfoOption *options = PQconninfoParse(uri, &reason);
	int result = 0;

	*target = (struct target){.count = 0};
	if (!options)
		/* libpq's text may quote the URI with its password. */
		result = error_set(error, PGAF_ECONFIG, "this is no URI of a PostgreSQL database");
	PQfreemem(reason);
	for (PQconninfoOption *at = options; result == 0 && at && at->keyword; at++) {
		if (at->val && at->val[0] != '\0')
			result = target_take(target, at, error);
	}
	PQconninfoFree(options);
	if (result == 0 && target->host[0] == '\0')
		result = error_set(error, PGAF_ECONFIG, "the URI names no host");
	if (result < 0)
		target_done(target);
	return result;
}

int
target_default(struct target *target, const char *keyword, const char *value)
{
	for (size_t i = 0; i < target->count; i++) {
		if (strcmp(target->keywords[i], keyword) == 0)
			return 0;
	}
	return target_set(target, keyword, value);
}

void
target_done(struct target *target)
{
	for (size_t i = 0; i < target->count; i++)
		free((char *)(uintptr_t)target->values[i]);
	*target = (struct target){.count = 0};
}

/* ---- waits and random numbers -------------------------------------------------------- */

pgaf_time
backoff_next(struct backoff *backoff)
{
	pgaf_time wait = PGAF_MSEC(50) << (backoff->tries < 6 ? backoff->tries : 6);
	uint32_t random = 0;

	if (wait > PGAF_SECONDS(2))
		wait = PGAF_SECONDS(2);
	backoff->tries++;
	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		random = 0;
	/* Between three quarters and five quarters, so that keepers do not come back in step. */
	return wait - wait / 4 + wait / 2 * (pgaf_time)(random % 1024) / 1024;
}

int
random_hex(char *to, size_t room)
{
	unsigned char bytes[64];
	size_t count = (room - 1) / 2;

	if (count > sizeof(bytes) || getrandom(bytes, count, 0) != (ssize_t)count)
		return PGAF_ESYS;
	for (size_t i = 0; i < count; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* ---- answers ------------------------------------------------------------------------- */

static const struct {
	const char *sqlstate;
	int code;
} answer_codes[] = {
	{"PG900", PGAF_ENOENT},                           /* no such node in this store */
	{"PG901", PGAF_EREFUSED},                         /* name or address taken */
	{"PG902", PGAF_EREFUSED},                         /* foreign data */
	{"PG903", PGAF_EREFUSED},                         /* dropped */
	{"PG904", PGAF_ENOENT},                           /* dropped */
	{"PG905", PGAF_EREFUSED}, {"PG906", PGAF_ESTALE}, /* another session speaks */
	{"PG907", PGAF_EREFUSED}, {"PG908", PGAF_ENOENT},
	{"28PG1", PGAF_EAUTH},    {"42501", PGAF_EAUTH}, /* insufficient privilege */
	{"23514", PGAF_EINVAL},                          /* a value that no column takes */
};

int
answer_code(const PGresult *result, const struct pgaf_error *error, struct pgaf_error *full)
{
	const char *hint = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_HINT) : NULL;

	*full = (struct pgaf_error){.code = 0};
	if (!error)
		return 0;
	*full = *error;
	if (!result)
		return full->code = error->code < 0 ? error->code : PGAF_ECONN;
	for (size_t i = 0; i < sizeof(answer_codes) / sizeof(answer_codes[0]); i++) {
		if (strcmp(error->sqlstate, answer_codes[i].sqlstate) == 0)
			full->code = answer_codes[i].code;
	}
	if (hint)
		error_set(full, full->code, "%s; %s", error->text, hint);
	text_copy(full->sqlstate, sizeof(full->sqlstate), error->sqlstate);
	return full->code;
}

const char *
column_text(const PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column);
}

uint64_t
column_u64(const PGresult *result, int row, int column)
{
	const char *text = column_text(result, row, column);

	return text[0] == '-' ? (uint64_t)strtoll(text, NULL, 10) : strtoull(text, NULL, 10);
}

uint32_t
column_u32(const PGresult *result, int row, int column)
{
	return (uint32_t)column_u64(result, row, column);
}

bool
column_bool(const PGresult *result, int row, int column)
{
	return column_text(result, row, column)[0] == 't';
}
