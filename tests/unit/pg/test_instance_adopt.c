/* SPDX-License-Identifier: PostgreSQL */
/*
 * Where a first cluster comes from: directories that are refused, clusters of
 * somebody else that are taken over, and a data directory that cannot be
 * renamed.
 */

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "pg/disk.h"
#include "unit/pg/pair.h"

#define BIN PGAF_POSTGRES_BIN "/"

static struct pair_node *const node = &pair_nodes[0];

static void
run(const char *const *argv)
{
	int status = 0;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "%s failed", argv[0]);
}

static const char *
in_data(const char *name)
{
	static char path[256];
	struct text text = TEXT(path);

	text_addf(&text, "%s/%s", node->pgdata, name);
	return path;
}

static void
start_by_hand(void)
{
	char log[256];
	struct text text = TEXT(log);

	text_addf(&text, "%s/by-hand.log", pair_directory);
	const char *argv[] = {BIN "pg_ctl",
	                      "-D",
	                      node->pgdata,
	                      "-l",
	                      log,
	                      "-w",
	                      "-s",
	                      "-o",
	                      "-c unix_socket_directories= -c port=24499 "
	                      "-c listen_addresses=127.0.0.1",
	                      "start",
	                      NULL};
	run(argv);
}

START_TEST(test_adopt_refuses_what_is_no_cluster)
{
	struct step_order order = pair_order(node, STEP_INITDB);

	ck_assert_int_eq(disk_make_directory(node->pgdata, NULL), 0);
	ck_assert_int_eq(disk_write(in_data("letter"), "dear", 0600, NULL), 0);
	pair_open(node);
	ck_assert(pair_observe(node)->foreign);
	pair_run(node, &order, STEP_REFUSED);
	order = pair_order(node, STEP_ADOPT);
	pair_run(node, &order, STEP_REFUSED);
	ck_assert_int_eq(disk_remove(node->pgdata, NULL, NULL), 0);
}
END_TEST

START_TEST(test_adopt_refuses_a_standby_and_other_supervisors)
{
	const char *argv[] = {BIN "initdb", "-D", node->pgdata, "-N", "-U",
	                      "postgres",   "-A", "trust",      "-k", NULL};
	/* 18 has checksums unless it is told otherwise, which no other release understands. */
	const char *plain[] = {BIN "pg_checksums", "--disable", "-N", "-D", node->pgdata, NULL};
	struct step_order order = pair_order(node, STEP_ADOPT);

	run(argv);
	run(plain);
	ck_assert_int_eq(disk_write(in_data("standby.signal"), "", 0600, NULL), 0);
	pair_run(node, &order, STEP_REFUSED);
	ck_assert_int_eq(unlink(in_data("standby.signal")), 0);
	ck_assert_int_eq(disk_write(in_data("patroni.dynamic.json"), "{}", 0600, NULL), 0);
	pair_run(node, &order, STEP_REFUSED);
	ck_assert_ptr_nonnull(strstr(node->result.text, "Patroni"));
	ck_assert_int_eq(unlink(in_data("patroni.dynamic.json")), 0);
}
END_TEST

START_TEST(test_adopt_takes_over_a_running_cluster)
{
	start_by_hand();
	pid_t pid = pair_postmaster(node);
	ck_assert_int_eq(pair_observe(node)->pg, PG_PRIMARY);

	pair_step(node, STEP_ADOPT);
	ck_assert_int_ne(pair_postmaster(node), pid);
	ck_assert_ptr_nonnull(strstr(node->log, "restarted"));
	ck_assert_int_eq(pair_observe(node)->pg, PG_PRIMARY);
	/* No checksums: hints are logged, so it can be rewound. */
	ck_assert_uint_eq(node->seen.vetoes, 0);
	ck_assert_str_eq(pair_sql(node, "SHOW wal_log_hints"), "on");

	/* Nothing is left to be changed the next time. */
	pid = pair_postmaster(node);
	pair_step(node, STEP_ADOPT);
	ck_assert_int_eq(pair_postmaster(node), pid);
	pair_step(node, STEP_ROLES);
}
END_TEST

/* Killed by somebody, restarted by somebody else: it is ours again without being asked. */
START_TEST(test_adopt_notices_a_foreign_start)
{
	struct stat before;

	ck_assert_int_eq(stat(in_data("postmaster.pid"), &before), 0);
	node->exited = false;
	kill(pair_postmaster(node), SIGKILL);
	pair_wait(&node->exited, PGAF_SECONDS(5));
	ck_assert(node->exited);
	pair_step(node, STEP_REAP);
	/* The stale file is left alone, and does not count. */
	ck_assert(disk_exists(in_data("postmaster.pid")));
	ck_assert_int_eq(pair_observe(node)->pg, PG_STOPPED);
	const char *argv[] = {BIN "pg_ctl", "-D", node->pgdata, "-l", "/dev/null",
	                      "-w",         "-s", "start",      NULL};
	run(argv);
	ck_assert_int_eq(pair_observe(node)->pg, PG_PRIMARY);
	node->exited = false;
	kill(pair_postmaster(node), SIGKILL);
	pair_wait(&node->exited, PGAF_SECONDS(5));
	ck_assert(node->exited);
	pair_step(node, STEP_STOP);
}
END_TEST

/* A volume mounted at PGDATA looks the same: its directory cannot be replaced, its content can. */
START_TEST(test_adopt_creates_where_it_cannot_rename)
{
	char parent[200];
	struct text text = TEXT(parent);
	struct text data = TEXT(node->pgdata);

	pair_close(node);
	text_addf(&text, "%s/locked", pair_directory);
	text_addf(&data, "%s/data", parent);
	ck_assert_int_eq(disk_make_directory(parent, NULL), 0);
	ck_assert_int_eq(disk_make_directory(node->pgdata, NULL), 0);
	ck_assert_int_eq(chmod(parent, 0500), 0);
	pair_open(node);
	pair_step(node, STEP_INITDB);
	ck_assert(pair_observe(node)->has_data);
	pair_step(node, STEP_CONFIGURE);
	pair_step(node, STEP_START_PRIMARY);
	ck_assert_int_eq(pair_observe(node)->pg, PG_PRIMARY);
	pair_step(node, STEP_STOP);
	ck_assert_int_eq(chmod(parent, 0700), 0);
}
END_TEST

int
main(void)
{
	pair_become();
	Suite *suite = suite_create("instance_adopt");
	TCase *tcase = tcase_create("adopt");

	tcase_add_unchecked_fixture(tcase, pair_create, pair_remove);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_adopt_refuses_what_is_no_cluster);
	tcase_add_test(tcase, test_adopt_refuses_a_standby_and_other_supervisors);
	tcase_add_test(tcase, test_adopt_takes_over_a_running_cluster);
	tcase_add_test(tcase, test_adopt_notices_a_foreign_start);
	tcase_add_test(tcase, test_adopt_creates_where_it_cannot_rename);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
