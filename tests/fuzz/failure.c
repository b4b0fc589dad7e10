/* SPDX-License-Identifier: PostgreSQL */
/*
 * What a server's refusal or error means. libpq's accessors are replaced: they
 * return the fields of the input, NULL for one that is empty.
 */

#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "pg/failure.h"
#include "store/target.h"

static char *message;
static char *state;
static char *primary;
static char *detail;
static char *hint;

char *
PQerrorMessage(const PGconn *conn)
{
	(void)conn;
	return message;
}

int
PQconnectionNeedsPassword(const PGconn *conn)
{
	(void)conn;
	return message[0] == '!';
}

ExecStatusType
PQresultStatus(const PGresult *result)
{
	(void)result;
	return PGRES_FATAL_ERROR;
}

char *
PQresultErrorMessage(const PGresult *result)
{
	(void)result;
	return message;
}

char *
PQresultErrorField(const PGresult *result, int field)
{
	char *value = field == PG_DIAG_SQLSTATE          ? state
	              : field == PG_DIAG_MESSAGE_PRIMARY ? primary
	              : field == PG_DIAG_MESSAGE_DETAIL  ? detail
	              : field == PG_DIAG_MESSAGE_HINT    ? hint
	                                                 : NULL;

	(void)result;
	return value != NULL && value[0] != '\0' ? value : NULL;
}

static void
check_sentence(const struct pgaf_error *error)
{
	FUZZ_CHECK(error->code < 0);
	FUZZ_CHECK(strpbrk(error->text, "\r\n") == NULL);
	FUZZ_CHECK(strlen(error->sqlstate) < sizeof(error->sqlstate));
}

static void
check_connection(bool was_open)
{
	struct pgaf_error error = {0};
	enum conn_failure failure = failure_of_connection(NULL, was_open, state, &error);

	FUZZ_CHECK(failure <= CONN_OTHER);
	check_sentence(&error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char result;
	struct pgaf_error error = {0};
	struct pgaf_error full = {0};
	char *fields = fuzz_string(data, size);
	char *rest = fields;

	state = fuzz_field(&rest, '\t');
	primary = fuzz_field(&rest, '\t');
	detail = fuzz_field(&rest, '\t');
	hint = fuzz_field(&rest, '\t');
	message = rest;
	check_connection(false);
	check_connection(true);
	FUZZ_CHECK(failure_of_result((const PGresult *)&result, &error) == PGAF_ESQL);
	check_sentence(&error);
	FUZZ_CHECK(answer_code((const PGresult *)&result, &error, &full) < 0);
	check_sentence(&full);
	free(fields);
	return 0;
}
