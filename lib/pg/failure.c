/* SPDX-License-Identifier: PostgreSQL */
/*
 * Classes of failure. A statement's error carries its SQLSTATE. A failed
 * connect has no result in libpq 15: with verbose errors the SQLSTATE stands in
 * the text between the severity and the message, which holds in every
 * language; without one it was the system, whose words are compared with
 * strerror's, which speaks the same language.
 */

#include "pg/failure.h"

#include <errno.h>
#include <string.h>

#include "base/pure/error.h"
#include "base/pure/text.h"

static bool
failure_is_code_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

/* Does "SEVERITY:  57P03: message" continue like that after the severity? */
static bool
failure_is_code(const char *at)
{
	for (int i = 0; i < 5; i++)
		if (!failure_is_code_char(at[i]))
			return false;
	return at[5] == ':' && at[6] == ' ';
}

/*
 * With sslmode prefer libpq tries twice and joins both texts. A rejection by
 * access rules may be due to the way of the second try, so any other code wins.
 */
static void
failure_find_code(const char *message, char code[6])
{
	const char *at = message;

	code[0] = '\0';
	while ((at = strstr(at, ":  "))) {
		at += 3;
		if (!failure_is_code(at))
			continue;
		if (code[0] == '\0' || (strncmp(code, "28", 2) == 0 && strncmp(at, "28", 2) != 0)) {
			memcpy(code, at, 5);
			code[5] = '\0';
		}
	}
}

static enum conn_failure
failure_of_code(const char *code, const char *message)
{
	/* One SQLSTATE for both; a translated message counts as starting. */
	if (strcmp(code, "57P03") == 0)
		return strstr(message, "shutting down") ? CONN_STOPPING : CONN_STARTING;
	if (strcmp(code, "57P01") == 0 || strcmp(code, "57P02") == 0)
		return CONN_STOPPING;
	if (strcmp(code, "53300") == 0 || strcmp(code, "53400") == 0)
		return CONN_FULL;
	if (strncmp(code, "28", 2) == 0 || strcmp(code, "3D000") == 0)
		return CONN_REJECTED;
	return CONN_OTHER;
}

enum conn_failure
failure_of_errno(int code)
{
	switch (code) {
	case ECONNREFUSED:
	case ENOENT:
		return CONN_REFUSED;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
	case EADDRNOTAVAIL:
		return CONN_UNREACHABLE;
	case ETIMEDOUT:
		return CONN_TIMEOUT;
	case ECONNRESET:
	case EPIPE:
		return CONN_CLOSED;
	default:
		return CONN_OTHER;
	}
}

/* The errno that the text speaks of, or 0. */
static int
failure_find_errno(const char *message)
{
	static const int codes[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH,   EHOSTDOWN, ENETDOWN,
	                            ETIMEDOUT,    ECONNRESET,   EADDRNOTAVAIL, EPIPE,     ENOENT};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strstr(message, strerror(codes[i])))
			return codes[i];
	return 0;
}

/* The first line: the others hold the source location, hints, and the second try. */
static void
failure_sentence(const char *message, struct pgaf_error *error, int code)
{
	size_t length = strcspn(message, "\n");

	error_set(error, code, "%.*s", (int)(length < 400 ? length : 400), message);
}

static int
failure_error_code(enum conn_failure failure)
{
	if (failure == CONN_REJECTED)
		return PGAF_EAUTH;
	return failure == CONN_TIMEOUT ? PGAF_ETIMEOUT : PGAF_ECONN;
}

enum conn_failure
failure_of_connection(const PGconn *pg, bool was_open, const char *ended_by,
                      struct pgaf_error *error)
{
	const char *message = PQerrorMessage(pg);
	enum conn_failure failure = CONN_OTHER;
	char code[6] = "";
	int sys = 0;

	failure_find_code(message, code);
	if (code[0] == '\0')
		text_copy(code, sizeof(code), ended_by);
	if (code[0] == '\0')
		sys = failure_find_errno(message);

	if (code[0] != '\0')
		failure = failure_of_code(code, message);
	else if (!was_open && PQconnectionNeedsPassword(pg))
		failure = CONN_REJECTED;
	else if (sys != 0)
		failure = failure_of_errno(sys);
	/* No word of an errno: the end of the stream. While connecting it may also be
	 * a disagreement of ours (certificate, SSL required), which is no end. */
	else if (was_open || strstr(message, "closed the connection unexpectedly"))
		failure = CONN_CLOSED;

	failure_sentence(message[0] ? message : "the server closed the connection", error,
	                 failure_error_code(failure));
	error->sys = sys;
	text_copy(error->sqlstate, sizeof(error->sqlstate), code);
	return failure;
}

int
failure_of_result(const PGresult *result, struct pgaf_error *error)
{
	ExecStatusType status = result ? PQresultStatus(result) : PGRES_FATAL_ERROR;
	const char *state = NULL;
	const char *primary = NULL;
	const char *detail = NULL;

	if (status != PGRES_FATAL_ERROR && status != PGRES_BAD_RESPONSE &&
	    status != PGRES_NONFATAL_ERROR)
		return 0;
	state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	detail = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;
	if (primary)
		error_set(error, PGAF_ESQL, "%s%s%s%s", primary, detail ? " (" : "",
		          detail ? detail : "", detail ? ")" : "");
	else
		failure_sentence(result ? PQresultErrorMessage(result) : "no result", error,
		                 PGAF_ESQL);
	if (state)
		text_copy(error->sqlstate, sizeof(error->sqlstate), state);
	for (char *at = error->text; (at = strchr(at, '\n'));)
		*at = ' ';
	return PGAF_ESQL;
}
