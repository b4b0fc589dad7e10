/* SPDX-License-Identifier: PostgreSQL */
/*
 * The session with the monitor's store. A tool may wait, but never beyond its
 * deadline: every wait is a poll with what is left of it.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "pgaf-ctl/ctl.h"
#include "pgaf-ctl/local.h"

pgaf_time
ctl_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return PGAF_SECONDS(now.tv_sec) + now.tv_nsec;
}

/* False when the deadline passed first. */
static bool
wait_for_socket(struct ctl *ctl, short events, pgaf_time until)
{
	struct pollfd fd = {.fd = PQsocket(ctl->pg), .events = events};

	for (;;) {
		pgaf_time left = until - ctl_now();
		if (left <= 0)
			return false;
		int ready = poll(&fd, 1, (int)(left / PGAF_MSEC(1)) + 1);
		if (ready > 0 || (ready < 0 && errno != EINTR))
			return true;
	}
}

/* ---- connecting ----------------------------------------------------------- */

static void (*on_hang)(void);

void
session_on_hang(void (*restore)(void))
{
	on_hang = restore;
}

/* libpq resolves names in the calling thread and cannot be given a limit for that. */
static void
resolver_hangs(int signal)
{
	static const char text[] = "pgaf-ctl: error: the name of the monitor's host does not "
				   "resolve in time\n";

	(void)signal;
	if (on_hang)
		on_hang();
	if (write(STDERR_FILENO, text, sizeof(text) - 1) > 0)
		_exit(EXIT_UNREACHABLE);
	_exit(EXIT_UNREACHABLE);
}

static PostgresPollingStatusType
connect_wait(struct ctl *ctl, PGconn *pg)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	ctl->pg = pg;
	/* Nothing to wait for: it has failed already. */
	if (PQstatus(pg) == CONNECTION_BAD)
		return PGRES_POLLING_FAILED;
	while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
		short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		if (!wait_for_socket(ctl, events, ctl->deadline))
			return PGRES_POLLING_ACTIVE;
		status = PQconnectPoll(pg);
	}
	return status;
}

/* As libpq words them; the SQLSTATE of a failed login cannot be asked for. */
static bool
is_rejection(const char *message)
{
	static const char *const words[] = {
		"authentication failed", "no pg_hba.conf entry", "role \"",
		"database \"",           "no password supplied", "is not permitted"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strstr(message, words[i]))
			return true;
	}
	return false;
}

static int
connect_failed(const struct ctl *ctl, PostgresPollingStatusType status)
{
	const char *message = PQerrorMessage(ctl->pg);

	if (status == PGRES_POLLING_ACTIVE)
		say_error(EXIT_UNREACHABLE, "the monitor at %s port %s did not answer in time",
		          PQhost(ctl->pg), PQport(ctl->pg));
	else
		say_error(EXIT_UNREACHABLE, "could not connect to the monitor: %s", message);
	if (is_rejection(message))
		say_hint("the password of %s is in the state directory of the monitor;"
		         " libpq's passfile is the place for it here",
		         PQuser(ctl->pg));
	else if (!ctl->options.monitor)
		say_hint("name the monitor with --monitor or PGAF_MONITOR");
	return is_rejection(message) ? EXIT_FAILED : EXIT_UNREACHABLE;
}

/* The user is the operator unless the string names one, or we must be somebody else. */
static int
connect_start(struct ctl *ctl, const char *uri, const char *must_be)
{
	PQconninfoOption *given = NULL;
	char *why = NULL;
	const char *keywords[64];
	const char *values[64];
	unsigned count = 0;

	given = PQconninfoParse(uri, &why);
	if (!given) {
		say_error(EXIT_USAGE, "--monitor: %s", why ? why : "out of memory");
		PQfreemem(why);
		return EXIT_USAGE;
	}
	keywords[count] = "user";
	values[count++] = "pgaf_operator";
	keywords[count] = "dbname";
	values[count++] = "pgaf";
	keywords[count] = "fallback_application_name";
	values[count++] = "pgaf-ctl";
	for (const PQconninfoOption *option = given; option->keyword && count < 62; option++) {
		if (!option->val)
			continue;
		keywords[count] = option->keyword;
		values[count++] = option->val;
	}
	if (must_be) {
		keywords[count] = "user";
		values[count++] = must_be;
	}
	keywords[count] = NULL;
	values[count] = NULL;

	signal(SIGALRM, resolver_hangs);
	alarm((unsigned)((ctl->deadline - ctl_now()) / PGAF_SECONDS(1)) + 1);
	PGconn *pg = PQconnectStartParams(keywords, values, 0);
	alarm(0);
	PQconninfoFree(given);
	if (!pg)
		return say_error(EXIT_FAILED, "out of memory");

	PostgresPollingStatusType status = connect_wait(ctl, pg);
	return status == PGRES_POLLING_OK ? EXIT_DONE : connect_failed(ctl, status);
}

static void
drop_notice(void *ctx, const PGresult *result)
{
	(void)ctx;
	(void)result;
}

int
session_open(struct ctl *ctl)
{
	struct local_monitor local;
	const char *uri = ctl->options.monitor;
	const char *user = NULL;

	ctl->deadline =
		ctl_now() + (ctl->options.timeout ? ctl->options.timeout : CONNECTION_LIMIT);
	if (!uri) {
		if (!local_find(&local))
			return EXIT_USAGE;
		uri = local.uri;
		user = local.user;
	}
	int code = connect_start(ctl, uri, user);
	if (code == EXIT_DONE)
		PQsetNoticeReceiver(ctl->pg, drop_notice, NULL);
	return code;
}

/* ---- statements ------------------------------------------------------------- */

/* The store's own SQLSTATEs, and what they mean to who called us. */
static int
code_of(const char *sqlstate)
{
	static const struct {
		const char *sqlstate;
		int code;
	} codes[] = {
		{"PG901", EXIT_REFUSED},     /* belongs to another node */
		{"PG905", EXIT_REFUSED},     /* impossible now, or out of bounds */
		{"PG907", EXIT_REFUSED},     /* breaks a relation between settings */
		{"57P01", EXIT_UNREACHABLE}, /* the monitor's Postgres stops */
		{"57P02", EXIT_UNREACHABLE}, {"57P03", EXIT_UNREACHABLE},
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (strcmp(codes[i].sqlstate, sqlstate) == 0)
			return codes[i].code;
	}
	return EXIT_FAILED;
}

static int
result_failed(const struct ctl *ctl, const PGresult *result)
{
	const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	const char *detail = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;
	const char *hint = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_HINT) : NULL;

	if (!sqlstate)
		return say_error(EXIT_UNREACHABLE, "lost the connection to the monitor: %s",
		                 PQerrorMessage(ctl->pg));
	bool named = !ctl->about || strstr(primary, ctl->about);
	say_error(EXIT_FAILED, "%s%s%s", named ? "" : ctl->about, named ? "" : ": ", primary);
	if (detail)
		say_detail("%s", detail);
	if (hint)
		say_hint("%s", hint);
	else if (strcmp(sqlstate, "42501") == 0)
		say_hint("connect as pgaf_operator");
	else if (strcmp(sqlstate, "3F000") == 0 || strcmp(sqlstate, "42883") == 0)
		say_hint("is this the database of a pgaf monitor of version %s?", pgaf_version());
	return code_of(sqlstate);
}

static int
statement_wait(struct ctl *ctl, pgaf_time until)
{
	int unsent;

	while ((unsent = PQflush(ctl->pg)) == 1) {
		if (!wait_for_socket(ctl, POLLOUT, until))
			return EXIT_TIMED_OUT;
	}
	while (unsent == 0 && PQisBusy(ctl->pg)) {
		if (!wait_for_socket(ctl, POLLIN, until))
			return EXIT_TIMED_OUT;
		if (!PQconsumeInput(ctl->pg))
			break;
	}
	return EXIT_DONE;
}

PGresult *
session_query(struct ctl *ctl, int *code, const char *sql, unsigned count,
              const char *const *values)
{
	pgaf_time limit = ctl->options.timeout;
	pgaf_time until = ctl_now() + (limit ? limit : CONNECTION_LIMIT);
	PGresult *last = NULL;
	PGresult *result = NULL;

	*code = EXIT_DONE;
	if (!PQsendQueryParams(ctl->pg, sql, (int)count, NULL, values, NULL, NULL, 0)) {
		*code = result_failed(ctl, NULL);
		return NULL;
	}
	do {
		if (statement_wait(ctl, until) != EXIT_DONE) {
			PQclear(last);
			*code = say_error(EXIT_UNREACHABLE,
			                  "the monitor's store did not answer in time");
			return NULL;
		}
		result = PQgetResult(ctl->pg);
		if (result) {
			PQclear(last);
			last = result;
		}
	} while (result);

	ExecStatusType status = PQresultStatus(last);
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
		*code = result_failed(ctl, last);
		PQclear(last);
		return NULL;
	}
	return last;
}

int
session_wait(struct ctl *ctl, pgaf_time until)
{
	PGnotify *notify = PQnotifies(ctl->pg);

	if (!notify && wait_for_socket(ctl, POLLIN, until)) {
		if (!PQconsumeInput(ctl->pg))
			return result_failed(ctl, NULL);
		notify = PQnotifies(ctl->pg);
	}
	while (notify) {
		PQfreemem(notify);
		notify = PQnotifies(ctl->pg);
	}
	return EXIT_DONE;
}

int
session_listen(struct ctl *ctl, uint32_t group)
{
	char number[16];
	char listen[96];
	const char *values[] = {ctl->options.formation, number};
	int code;

	snprintf(number, sizeof(number), "%u", group);
	PGresult *result = session_query(ctl, &code, "SELECT pgaf.channel($1, $2)", 2, values);
	if (!result)
		return code;
	char *channel = PQescapeIdentifier(ctl->pg, PQgetvalue(result, 0, 0),
	                                   strlen(PQgetvalue(result, 0, 0)));
	bool known = !PQgetisnull(result, 0, 0) && channel;
	snprintf(listen, sizeof(listen), "LISTEN %s", known ? channel : "");
	PQfreemem(channel);
	PQclear(result);
	if (!known)
		return say_error(EXIT_FAILED, "there is no group %s/%u", ctl->options.formation,
		                 group);
	result = session_query(ctl, &code, listen, 0, NULL);
	PQclear(result);
	return code;
}

/* ---- cells -------------------------------------------------------------------- */

const char *
cell(const PGresult *result, int row, const char *name)
{
	int column = PQfnumber(result, name);

	return column < 0 ? "" : PQgetvalue(result, row, column);
}

bool
cell_is_null(const PGresult *result, int row, const char *name)
{
	int column = PQfnumber(result, name);

	return column < 0 || PQgetisnull(result, row, column);
}

int64_t
cell_number(const PGresult *result, int row, const char *name)
{
	const char *text = cell(result, row, name);
	uint64_t number = 0;
	bool negative = text[0] == '-';

	if (!text_to_u64(text + negative, &number))
		return 0;
	return negative ? -(int64_t)number : (int64_t)number;
}

bool
cell_bool(const PGresult *result, int row, const char *name)
{
	return cell(result, row, name)[0] == 't';
}
