/* SPDX-License-Identifier: PostgreSQL */
/* Sessions, their statements and their ends, against a real server. */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "pg/conn.h"
#include "unit/pg/scratch.h"

#define LIMIT PGAF_SECONDS(10)

struct session {
	struct conn      *conn;
	bool              opened, lost, done, notified;
	enum conn_failure failure;
	struct pgaf_error error;
	unsigned          answers, empty_answers;
	char              value[64];
	char              sqlstate[6];
	char              channel[64], payload[64];
	bool              free_in_done;
};

static struct loop *loop;
static pid_t postmaster;

static void
on_opened(void *ctx)
{
	((struct session *)ctx)->opened = true;
}

static void
on_lost(void *ctx, enum conn_failure failure, const struct pgaf_error *error)
{
	struct session *session = ctx;

	session->lost = true;
	session->failure = failure;
	session->error = *error;
}

static void
on_notified(void *ctx, const char *channel, const char *payload)
{
	struct session *session = ctx;

	session->notified = true;
	text_copy(session->channel, sizeof(session->channel), channel);
	text_copy(session->payload, sizeof(session->payload), payload);
}

static void
on_done(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct session *session = ctx;

	session->done = true;
	session->answers++;
	if (!result)
		session->empty_answers++;
	if (result && PQntuples(result) > 0)
		text_copy(session->value, sizeof(session->value), PQgetvalue(result, 0, 0));
	if (error) {
		text_copy(session->sqlstate, sizeof(session->sqlstate), error->sqlstate);
		session->error = *error;
	}
	if (session->free_in_done) {
		conn_free(session->conn);
		session->conn = NULL;
	}
}

struct wanted {
	const char *host;     /* NULL: the scratch server over TCP */
	uint32_t    port;
	const char *user;     /* NULL: pgaf_probe */
	const char *password;
	const char *dbname;
	const char *sslmode;
	const char *replication;
};

static void
session_open(struct session *session, struct wanted wanted)
{
	char port[16];
	const char *keywords[] = {"port",    "user",        "password", "dbname",
	                          "sslmode", "replication", NULL};
	const char *values[] = {port,
	                        wanted.user ? wanted.user : "pgaf_probe",
	                        wanted.password ? wanted.password : "open sesame",
	                        wanted.dbname ? wanted.dbname : "postgres",
	                        wanted.sslmode ? wanted.sslmode : "prefer",
	                        wanted.replication ? wanted.replication : "",
	                        NULL};

	snprintf(port, sizeof(port), "%u", wanted.port ? wanted.port : scratch_port);
	const struct conn_options options = {
		.keywords = keywords,
		.values = values,
		.host = wanted.host ? wanted.host : SCRATCH_HOST,
		.connect_limit = PGAF_MSEC(1500),
		.tcp_user_timeout_ms = 5000,
	};
	static const struct conn_callbacks callbacks = {
		.opened = on_opened, .lost = on_lost, .notified = on_notified};

	session->conn = conn_new(loop, &options, &callbacks, session);
	ck_assert_ptr_nonnull(session->conn);
	conn_open(session->conn);
	ck_assert(!session->opened && !session->lost);
}

static void
session_connect(struct session *session, struct wanted wanted)
{
	session_open(session, wanted);
	scratch_wait(loop, &session->opened, LIMIT);
	ck_assert(conn_is_open(session->conn));
}

static void
session_fail(struct session *session, struct wanted wanted)
{
	session_open(session, wanted);
	scratch_wait(loop, &session->lost, LIMIT);
	ck_assert(!session->opened && !conn_is_open(session->conn));
	ck_assert_ptr_null(strchr(session->error.text, '\n'));
	ck_assert_ptr_null(strstr(session->error.text, "sesame"));
	ck_assert_str_ne(session->error.text, "");
	conn_free(session->conn);
}

static void
session_query(struct session *session, const char *sql)
{
	session->done = false;
	ck_assert_int_eq(conn_query(session->conn, sql, 0, on_done, session), 0);
	scratch_wait(loop, &session->done, LIMIT);
}

static void
start(void)
{
	loop = loop_new(NULL);
	ck_assert_ptr_nonnull(loop);
	postmaster = scratch_start();
}

static void
stop(void)
{
	loop_free(loop);
	scratch_stop();
}

/* ---- quoting ------------------------------------------------------------------ */

START_TEST(test_sql_quotes_literals_and_identifiers)
{
	char room[128];
	struct text text = TEXT(room);

	sql_literal(&text, "it's");
	ck_assert_str_eq(room, "'it''s'");

	text = TEXT(room);
	sql_literal(&text, "a\\'b");
	ck_assert_str_eq(room, " E'a\\\\''b'");

	text = TEXT(room);
	sql_identifier(&text, "my \"own\" 'table'");
	ck_assert_str_eq(room, "\"my \"\"own\"\" 'table'\"");
}
END_TEST

START_TEST(test_sql_literal_arrives_as_it_was)
{
	static const char *const values[] = {"",   "'", "\\", "\\'", "a\\nb", "'; SELECT 1 --",
	                                     "é\t"};
	struct session session = {0};
	char room[128];

	session_connect(&session, (struct wanted){0});
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct text text = TEXT(room);

		text_add(&text, "SELECT");
		sql_literal(&text, values[i]);
		session_query(&session, room);
		ck_assert_str_eq(session.value, values[i]);
	}
	conn_free(session.conn);
}
END_TEST

/* ---- statements ------------------------------------------------------------------ */

START_TEST(test_conn_answers_statements_in_order)
{
	struct session session = {0};

	session_connect(&session, (struct wanted){.replication = "database"});
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(conn_query(session.conn, i == 2 ? "SELECT 2" : "SELECT 7", 0,
		                            on_done, &session),
		                 0);
	while (session.answers < 3)
		scratch_run(loop, PGAF_MSEC(2));
	ck_assert_str_eq(session.value, "2");

	session_query(&session, "SELECT 1; SELECT 5");
	ck_assert_str_eq(session.value, "5");

	session_query(&session, "IDENTIFY_SYSTEM");
	ck_assert_uint_gt(strlen(session.value), 15);
	conn_free(session.conn);
}
END_TEST

START_TEST(test_conn_reports_errors_with_sqlstate_and_stays_open)
{
	struct session session = {0};

	session_connect(&session, (struct wanted){0});
	session_query(&session, "SELECT 1/0");
	ck_assert_str_eq(session.sqlstate, "22012");
	ck_assert_str_eq(session.error.text, "division by zero");
	ck_assert_int_eq(session.error.code, PGAF_ESQL);
	session_query(&session, "SELECT 3");
	ck_assert_str_eq(session.value, "3");
	ck_assert(!session.lost);
	conn_free(session.conn);
}
END_TEST

START_TEST(test_conn_takes_large_answers_over_tls)
{
	struct session session = {0};

	session_connect(&session, (struct wanted){.sslmode = "require"});
	ck_assert_int_eq(PQsslInUse(conn_pg(session.conn)), 1);
	for (int size = 8000; size < 70000; size += 7001) {
		char sql[128];

		snprintf(sql, sizeof(sql), "SELECT 'x', repeat('y', %d)", size);
		session_query(&session, sql);
		ck_assert_str_eq(session.value, "x");
	}
	conn_free(session.conn);
}
END_TEST

START_TEST(test_conn_hands_over_notifications)
{
	struct session session = {0};

	session_connect(&session, (struct wanted){0});
	session_query(&session, "LISTEN news");
	scratch_sql("NOTIFY news, 'a word'");
	scratch_wait(loop, &session.notified, LIMIT);
	ck_assert_str_eq(session.channel, "news");
	ck_assert_str_eq(session.payload, "a word");
	conn_free(session.conn);
}
END_TEST

START_TEST(test_conn_closes_when_a_statement_takes_too_long)
{
	struct session session = {0};
	pgaf_time took = 0;

	session_connect(&session, (struct wanted){0});
	ck_assert_int_eq(
		conn_query(session.conn, "SELECT pg_sleep(30)", PGAF_MSEC(100), on_done, &session),
		0);
	took = scratch_wait(loop, &session.lost, LIMIT);

	ck_assert_int_eq(session.failure, CONN_TIMEOUT);
	ck_assert_uint_eq(session.empty_answers, 1);
	ck_assert_int_ge(took, PGAF_MSEC(90));
	ck_assert_int_lt(took, PGAF_MSEC(1000));
	ck_assert_int_eq(conn_query(session.conn, "SELECT 1", 0, on_done, &session), PGAF_ECONN);
	conn_free(session.conn);
}
END_TEST

START_TEST(test_conn_may_be_freed_in_its_callback)
{
	struct session session = {.free_in_done = true};

	session_connect(&session, (struct wanted){0});
	ck_assert_int_eq(conn_query(session.conn, "SELECT 1", 0, on_done, &session), 0);
	ck_assert_int_eq(conn_query(session.conn, "SELECT 2", 0, on_done, &session), 0);
	scratch_wait(loop, &session.done, LIMIT);
	scratch_run(loop, PGAF_MSEC(20));
	ck_assert_uint_eq(session.answers, 1);
	ck_assert(!session.lost);
}
END_TEST

START_TEST(test_conn_may_be_opened_again)
{
	struct session session = {0};

	session_connect(&session, (struct wanted){0});
	session_query(&session, "SELECT 1");
	conn_close(session.conn);
	session.opened = false;
	conn_open(session.conn);
	scratch_wait(loop, &session.opened, LIMIT);
	session_query(&session, "SELECT 2");
	ck_assert_str_eq(session.value, "2");
	ck_assert(!session.lost);
	conn_free(session.conn);
}
END_TEST

/* ---- ends ---------------------------------------------------------------------------- */

START_TEST(test_conn_sees_a_killed_server_at_once)
{
	struct session session = {0};
	pgaf_time took = 0;

	session_connect(&session, (struct wanted){.replication = "database"});
	kill(postmaster, SIGKILL);
	took = scratch_wait(loop, &session.lost, LIMIT);
	printf("idle session: end seen %.1f ms after SIGKILL of the postmaster\n",
	       (double)took / 1e6);
	ck_assert(session.failure == CONN_CLOSED || session.failure == CONN_STOPPING);
	ck_assert_int_lt(took, PGAF_MSEC(100));
	conn_free(session.conn);
}
END_TEST

START_TEST(test_conn_knows_that_it_was_terminated)
{
	struct session session = {0};

	session_connect(&session, (struct wanted){0});
	scratch_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
	            "WHERE usename = 'pgaf_probe'");
	scratch_wait(loop, &session.lost, LIMIT);
	ck_assert_int_eq(session.failure, CONN_STOPPING);
	ck_assert_str_eq(session.error.sqlstate, "57P01");
	conn_free(session.conn);
}
END_TEST

START_TEST(test_conn_answers_the_statement_that_was_terminated)
{
	struct session session = {0};

	session_connect(&session, (struct wanted){0});
	ck_assert_int_eq(conn_query(session.conn, "SELECT pg_sleep(60)", 0, on_done, &session), 0);
	ck_assert_int_eq(conn_query(session.conn, "SELECT 2", 0, on_done, &session), 0);
	scratch_run(loop, PGAF_MSEC(100));
	scratch_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
	            "WHERE usename = 'pgaf_probe'");
	scratch_wait(loop, &session.lost, LIMIT);
	ck_assert_uint_eq(session.answers, 2);
	ck_assert_uint_eq(session.empty_answers, 1);
	ck_assert_int_eq(session.failure, CONN_STOPPING);
	conn_free(session.conn);
}
END_TEST

/* ---- failures to connect -------------------------------------------------------------- */

START_TEST(test_conn_tells_refused)
{
	struct session session = {0};

	session_fail(&session, (struct wanted){.port = scratch_free_port()});
	ck_assert_int_eq(session.failure, CONN_REFUSED);
	ck_assert_int_eq(session.error.code, PGAF_ECONN);

	session = (struct session){0};
	session_fail(&session, (struct wanted){.host = "/tmp", .port = scratch_free_port()});
	ck_assert_int_eq(session.failure, CONN_REFUSED);
}
END_TEST

START_TEST(test_conn_tells_unreachable)
{
	struct session session = {0};

	session_fail(&session, (struct wanted){.host = "no.such.name.invalid"});
	ck_assert_int_eq(session.failure, CONN_UNREACHABLE);
	ck_assert_ptr_nonnull(strstr(session.error.text, "no.such.name.invalid"));
}
END_TEST

START_TEST(test_conn_tells_timeout)
{
	struct session session = {0};
	int fd = -1;

	session_fail(&session, (struct wanted){.port = scratch_silent_listener(&fd)});
	ck_assert_int_eq(session.failure, CONN_TIMEOUT);
	ck_assert_int_eq(session.error.code, PGAF_ETIMEOUT);
	close(fd);
}
END_TEST

START_TEST(test_conn_tells_rejected)
{
	struct session session = {0};

	session_fail(&session, (struct wanted){.password = "wrong"});
	ck_assert_int_eq(session.failure, CONN_REJECTED);
	ck_assert_str_eq(session.error.sqlstate, "28P01");
	ck_assert_int_eq(session.error.code, PGAF_EAUTH);

	session = (struct session){0};
	session_fail(&session, (struct wanted){.dbname = "nowhere"});
	ck_assert_int_eq(session.failure, CONN_REJECTED);
	ck_assert_str_eq(session.error.sqlstate, "3D000");
}
END_TEST

START_TEST(test_conn_tells_rejected_though_the_second_try_is_forbidden)
{
	struct session session = {0};
	char path[128];
	FILE *file = NULL;

	/* Without TLS nobody may enter, and libpq tries that after the password was wrong. */
	snprintf(path, sizeof(path), "%s/data/pg_hba.conf", scratch_directory);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n", file);
	fclose(file);
	scratch_sql("SELECT pg_reload_conf()");
	scratch_run(loop, PGAF_MSEC(200));

	session_fail(&session, (struct wanted){.password = "wrong"});
	ck_assert_int_eq(session.failure, CONN_REJECTED);
	ck_assert_str_eq(session.error.sqlstate, "28P01");
}
END_TEST

START_TEST(test_conn_tells_full)
{
	struct session others[4] = {0};
	struct session session = {0};

	for (int i = 0; i < 4; i++)
		session_connect(&others[i], (struct wanted){.replication = "database"});
	session_fail(&session, (struct wanted){.replication = "database"});
	ck_assert_int_eq(session.failure, CONN_FULL);
	ck_assert_str_eq(session.error.sqlstate, "53300");
	for (int i = 0; i < 4; i++)
		conn_free(others[i].conn);
}
END_TEST

START_TEST(test_conn_tells_stopping)
{
	struct session session = {0};
	pid_t checkpointer = scratch_pid("SELECT pid FROM pg_stat_activity "
	                                 "WHERE backend_type = 'checkpointer'");

	kill(checkpointer, SIGSTOP);
	kill(postmaster, SIGINT);
	scratch_run(loop, PGAF_MSEC(200));
	session_fail(&session, (struct wanted){0});
	kill(checkpointer, SIGCONT);
	ck_assert_int_eq(session.failure, CONN_STOPPING);
	ck_assert_str_eq(session.error.sqlstate, "57P03");
}
END_TEST

START_TEST(test_conn_tells_starting)
{
	struct session session = {0};
	char path[128];
	FILE *file = NULL;

	scratch_stop();
	snprintf(path, sizeof(path), "%s/data/standby.signal", scratch_directory);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fclose(file);
	scratch_set("hot_standby = off");
	scratch_start();
	session_fail(&session, (struct wanted){0});
	scratch_set("hot_standby = on");
	unlink(path);
	ck_assert_int_eq(session.failure, CONN_STARTING);
	ck_assert_str_eq(session.error.sqlstate, "57P03");
}
END_TEST

/* ---- knocks ------------------------------------------------------------------------------ */

struct knocking {
	bool               answered;
	enum knock_outcome outcome;
};

static void
on_answered(void *ctx, enum knock_outcome outcome)
{
	struct knocking *knocking = ctx;

	knocking->answered = true;
	knocking->outcome = outcome;
}

static enum knock_outcome
knock(const char *host, uint32_t port, pgaf_time *took)
{
	struct knocking knocking = {0};
	pgaf_time started = loop_now(loop);

	ck_assert_ptr_nonnull(knock_start(
		loop, &(struct knock_target){.host = host, .port = port, .limit = PGAF_MSEC(200)},
		on_answered, &knocking));
	ck_assert(!knocking.answered);
	scratch_wait(loop, &knocking.answered, LIMIT);
	*took = loop_now(loop) - started;
	return knocking.outcome;
}

START_TEST(test_knock_tells_who_is_there)
{
	pgaf_time took = 0;
	int fd = -1;

	ck_assert_int_eq(knock(SCRATCH_HOST, scratch_port, &took), KNOCK_ACCEPTED);
	printf("knock: answered in %.1f ms\n", (double)took / 1e6);
	ck_assert_int_eq(knock("localhost", scratch_port, &took), KNOCK_ACCEPTED);
	ck_assert_int_eq(knock(scratch_directory, scratch_port, &took), KNOCK_ACCEPTED);
	ck_assert_int_eq(knock(SCRATCH_HOST, scratch_free_port(), &took), KNOCK_REFUSED);
	ck_assert_int_eq(knock("/tmp", 1, &took), KNOCK_REFUSED);
	ck_assert_int_eq(knock("no.such.name.invalid", 1, &took), KNOCK_UNREACHABLE);
	ck_assert_int_eq(knock(SCRATCH_HOST, scratch_silent_listener(&fd), &took), KNOCK_TIMEOUT);
	ck_assert_int_ge(took, PGAF_MSEC(200));
	close(fd);

	kill(postmaster, SIGSTOP);
	ck_assert_int_eq(knock(SCRATCH_HOST, scratch_port, &took), KNOCK_TIMEOUT);
	kill(postmaster, SIGCONT);
}
END_TEST

START_TEST(test_knock_leaves_no_line_in_the_log)
{
	pgaf_time took = 0;
	char path[128];
	char line[512];
	FILE *file = NULL;
	long before = 0;

	snprintf(path, sizeof(path), "%s/log", scratch_directory);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	fseek(file, 0, SEEK_END);
	before = ftell(file);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(knock(SCRATCH_HOST, scratch_port, &took), KNOCK_ACCEPTED);
	scratch_run(loop, PGAF_MSEC(200));
	fseek(file, before, SEEK_SET);
	ck_assert_msg(!fgets(line, sizeof(line), file), "the server logged: %s", line);
	fclose(file);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conn");
	TCase *tests = tcase_create("conn");
	SRunner *runner = NULL;
	int failed = 0;

	tcase_set_timeout(tests, 30);
	tcase_add_unchecked_fixture(tests, scratch_create, scratch_remove);
	tcase_add_checked_fixture(tests, start, stop);
	tcase_add_test(tests, test_sql_quotes_literals_and_identifiers);
	tcase_add_test(tests, test_sql_literal_arrives_as_it_was);
	tcase_add_test(tests, test_conn_answers_statements_in_order);
	tcase_add_test(tests, test_conn_reports_errors_with_sqlstate_and_stays_open);
	tcase_add_test(tests, test_conn_takes_large_answers_over_tls);
	tcase_add_test(tests, test_conn_hands_over_notifications);
	tcase_add_test(tests, test_conn_closes_when_a_statement_takes_too_long);
	tcase_add_test(tests, test_conn_may_be_freed_in_its_callback);
	tcase_add_test(tests, test_conn_may_be_opened_again);
	tcase_add_test(tests, test_conn_sees_a_killed_server_at_once);
	tcase_add_test(tests, test_conn_knows_that_it_was_terminated);
	tcase_add_test(tests, test_conn_answers_the_statement_that_was_terminated);
	tcase_add_test(tests, test_conn_tells_refused);
	tcase_add_test(tests, test_conn_tells_unreachable);
	tcase_add_test(tests, test_conn_tells_timeout);
	tcase_add_test(tests, test_conn_tells_rejected);
	tcase_add_test(tests, test_conn_tells_full);
	tcase_add_test(tests, test_conn_tells_stopping);
	tcase_add_test(tests, test_conn_tells_starting);
	tcase_add_test(tests, test_knock_tells_who_is_there);
	tcase_add_test(tests, test_knock_leaves_no_line_in_the_log);
	tcase_add_test(tests, test_conn_tells_rejected_though_the_second_try_is_forbidden);
	suite_add_tcase(suite, tests);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
