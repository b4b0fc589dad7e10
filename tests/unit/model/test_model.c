/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgaf-model with a small budget finds nothing, and notices each rule that is
 * broken on purpose. Which mutations need a third node is said in its usage.
 */

#include <check.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>

#define ARGUMENTS_MOST 12

extern char **environ;

/* The checker's exit code; its output is of interest only to people. */
static int
model(const char *const arguments[ARGUMENTS_MOST])
{
	char *argv[ARGUMENTS_MOST + 2] = {"pgaf-model"};
	posix_spawn_file_actions_t quiet;
	pid_t pid = 0;
	int status = 0;

	for (size_t i = 0; i < ARGUMENTS_MOST && arguments[i] != NULL; i++)
		argv[i + 1] = (char *)(uintptr_t)arguments[i];
	ck_assert_int_eq(posix_spawn_file_actions_init(&quiet), 0);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	ck_assert_int_eq(
		posix_spawn(&pid, PGAF_BINARY_DIR "/pgaf-model", &quiet, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&quiet);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(one_fault_breaks_nothing)
{
	ck_assert_int_eq(model((const char *[ARGUMENTS_MOST]){"--commits", "0", "--cancels", "0",
	                                                      "--representatives"}),
	                 0);
}
END_TEST

START_TEST(nor_with_one_synchronous_standby_required)
{
	ck_assert_int_eq(model((const char *[ARGUMENTS_MOST]){"--commits", "0", "--cancels", "0",
	                                                      "--sync", "1"}),
	                 0);
}
END_TEST

static const struct {
	const char *rule, *pair;
} broken[] = {
	{"narrow", "host,host"},       {"claim", "postmaster,delay"}, {"term", "host,host"},
	{"late", "postmaster,keeper"}, {"cas", "postmaster,delay"},   {"claim", "host,freeze"},
};

START_TEST(a_broken_rule_is_noticed)
{
	ck_assert_int_eq(model((const char *[ARGUMENTS_MOST]){"--break", broken[_i].rule, "--pair",
	                                                      broken[_i].pair, "--commits", "0",
	                                                      "--cancels", "0"}),
	                 0);
}
END_TEST

static const char *const broken_once[] = {"force", "history", "flap"};

START_TEST(a_broken_rule_is_noticed_after_one_fault)
{
	ck_assert_int_eq(model((const char *[ARGUMENTS_MOST]){"--break", broken_once[_i],
	                                                      "--commits", "0", "--cancels", "0"}),
	                 0);
}
END_TEST

START_TEST(a_rule_that_looks_at_the_position_itself_is_noticed)
{
	ck_assert_int_eq(model((const char *[ARGUMENTS_MOST]){
				 "--break", "class", "--representatives", "--commits", "0"}),
	                 0);
}
END_TEST

/* Bounded: more nodes than today's rules are for. */
START_TEST(three_nodes_find_nothing_as_far_as_they_go)
{
	ck_assert_int_eq(model((const char *[ARGUMENTS_MOST]){"--nodes", "3", "--sync", "1",
	                                                      "--depth", "7"}),
	                 0);
}
END_TEST

/* Numbers of nodes mean nothing: one state stands for all numberings, and nothing is missed. */
START_TEST(a_broken_rule_is_noticed_under_any_numbering)
{
	ck_assert_int_eq(model((const char *[ARGUMENTS_MOST]){"--break", "late", "--symmetry", "1",
	                                                      "--commits", "0"}),
	                 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("model");
	TCase *tests = tcase_create("model");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, one_fault_breaks_nothing);
	tcase_add_test(tests, nor_with_one_synchronous_standby_required);
	tcase_add_loop_test(tests, a_broken_rule_is_noticed, 0,
	                    (int)(sizeof(broken) / sizeof(broken[0])));
	tcase_add_loop_test(tests, a_broken_rule_is_noticed_after_one_fault, 0,
	                    (int)(sizeof(broken_once) / sizeof(broken_once[0])));
	tcase_add_test(tests, a_rule_that_looks_at_the_position_itself_is_noticed);
	tcase_add_test(tests, three_nodes_find_nothing_as_far_as_they_go);
	tcase_add_test(tests, a_broken_rule_is_noticed_under_any_numbering);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
