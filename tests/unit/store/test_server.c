/* SPDX-License-Identifier: PostgreSQL */
/* The monitor's own PostgreSQL: made, found again, started again, refused. */

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "pg/process.h"
#include "unit/store/stand.h"

/* What this server told, beside the stand's own. */
struct told {
	int ready;
	int down;
	int failed;
	int stopped;
	struct pgaf_error error;
};

static char data[80];
static char state[80];
static uint32_t port;

static void
on_ready(void *ctx)
{
	((struct told *)ctx)->ready++;
}

static void
on_down(void *ctx, const struct pgaf_error *error)
{
	((struct told *)ctx)->down++;
	((struct told *)ctx)->error = *error;
}

static void
on_failed(void *ctx, const struct pgaf_error *error)
{
	((struct told *)ctx)->failed++;
	((struct told *)ctx)->error = *error;
}

static void
on_stopped(void *ctx)
{
	((struct told *)ctx)->stopped++;
}

static struct server *
server(struct told *told)
{
	struct pgaf_error error = {0};
	struct server *made = server_new(stand_loop,
	                                 &(struct server_options){
						 .pgdata = data,
						 .state_dir = state,
						 .port = port,
						 .listen = "127.0.0.1",
					 },
	                                 &(struct server_callbacks){
						 .ready = on_ready,
						 .down = on_down,
						 .failed = on_failed,
						 .stopped = on_stopped,
					 },
	                                 told, &error);

	ck_assert_msg(made != NULL, "%s", error.text);
	return made;
}

/* Directories of its own beside the stand's, and the next port. */
static void
setup(void)
{
	static int count;

	snprintf(data, sizeof(data), "%s/data%d", stand_directory, ++count);
	snprintf(state, sizeof(state), "%s/state%d", stand_directory, count);
	ck_assert_int_eq(mkdir(state, 0700), 0);
	if (port == 0)
		port = stand_reserve_port();
	stand_testing(true);
}

static void
teardown(void)
{
	stand_testing(false);
}

static pid_t
postmaster(void)
{
	struct postmaster found;

	process_find_postmaster(data, &found);
	return found.pid;
}

static void
stop(struct server *running, struct told *told)
{
	server_stop(running, PGAF_SECONDS(5));
	stand_wait(&told->stopped, 1, "the end");
	server_free(running);
	ck_assert_int_eq(postmaster(), 0);
}

START_TEST(it_is_made_and_started_again)
{
	struct told told = {0};
	struct server *running = server(&told);
	pgaf_time begin = loop_now(stand_loop);

	ck_assert(server_made_join_secret(running));
	server_start(running);
	stand_wait(&told.ready, 1, "the first start");
	printf("first start: %lld ms\n",
	       (long long)((loop_now(stand_loop) - begin) / PGAF_MSEC(1)));
	stop(running, &told);

	told = (struct told){0};
	running = server(&told);
	ck_assert(!server_made_join_secret(running));
	begin = loop_now(stand_loop);
	server_start(running);
	stand_wait(&told.ready, 1, "the second start");
	printf("second start: %lld ms\n",
	       (long long)((loop_now(stand_loop) - begin) / PGAF_MSEC(1)));
	stop(running, &told);
}
END_TEST

START_TEST(it_is_watched_and_found_again)
{
	struct told told = {0};
	struct server *running = server(&told);
	pid_t pid = 0;

	server_start(running);
	stand_wait(&told.ready, 1, "the start");
	ck_assert_int_eq(kill(postmaster(), SIGKILL), 0);
	stand_wait(&told.down, 1, "the word");
	stand_wait(&told.ready, 2, "the start after the kill");

	/* The monitor goes, its server stays, the next one finds it. */
	pid = postmaster();
	server_free(running);
	told = (struct told){0};
	running = server(&told);
	server_start(running);
	stand_wait(&told.ready, 1, "finding it");
	ck_assert_int_eq(postmaster(), pid);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	stand_wait(&told.ready, 2, "the start after the kill");
	stop(running, &told);
}
END_TEST

START_TEST(a_foreign_directory_is_refused)
{
	struct told told = {0};
	struct server *running = server(&told);
	char path[100];
	int fd = -1;

	ck_assert_int_eq(mkdir(data, 0700), 0);
	snprintf(path, sizeof(path), "%s/precious", data);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	server_start(running);
	stand_wait(&told.failed, 1, "the refusal");
	ck_assert_int_eq(told.error.code, PGAF_EREFUSED);
	ck_assert_ptr_nonnull(strstr(told.error.text, data));
	ck_assert_int_eq(access(path, F_OK), 0);
	server_free(running);
}
END_TEST

START_TEST(an_unfinished_one_is_made_anew)
{
	struct told told = {0};
	struct server *running = server(&told);
	char path[100];
	int fd = -1;

	ck_assert_int_eq(mkdir(data, 0700), 0);
	snprintf(path, sizeof(path), "%s/PG_VERSION", data);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/making-the-store", state);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	server_start(running);
	stand_wait(&told.ready, 1, "the start");
	stop(running, &told);
}
END_TEST

START_TEST(a_port_in_use_is_told)
{
	struct told told = {0};
	struct server *running = server(&told);
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	server_start(running);
	stand_wait(&told.failed, 1, "the refusal");
	ck_assert_int_eq(told.error.code, PGAF_EREFUSED);
	ck_assert_ptr_nonnull(strstr(told.error.text, "in use"));
	server_free(running);
	close(fd);
}
END_TEST

START_TEST(bad_options_are_told)
{
	const char *networks[] = {"10.0.0.0/8; DROP"};
	const struct server_options bad[] = {
		{.server_cert = "/etc/cert.pem"},
		{.auth = "cert"},
		{.client_networks = networks, .client_network_count = 1},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct server_options options = bad[i];
		struct pgaf_error error = {0};

		options.pgdata = data;
		options.state_dir = state;
		ck_assert_ptr_null(server_new(stand_loop, &options,
		                              &(struct server_callbacks){.ready = on_ready}, NULL,
		                              &error));
		ck_assert_int_lt(error.code, 0);
	}
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("the monitor's PostgreSQL");
	TCase *tcase = tcase_create("server");
	SRunner *runner = NULL;
	int failed = 0;

	(void)argc;
	stand_kind = STAND_POSTGRES;
	stand_begin(argv);
	tcase_set_timeout(tcase, 100);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, it_is_made_and_started_again);
	tcase_add_test(tcase, it_is_watched_and_found_again);
	tcase_add_test(tcase, a_foreign_directory_is_refused);
	tcase_add_test(tcase, an_unfinished_one_is_made_anew);
	tcase_add_test(tcase, a_port_in_use_is_told);
	tcase_add_test(tcase, bad_options_are_told);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	stand_end();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
