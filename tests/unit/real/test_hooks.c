/* SPDX-License-Identifier: PostgreSQL */
/* Operator's programs: what they are told, in which order, and that none is waited for. */

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "engine/real/hooks.h"
#include "unit/root.h"

#define LIMIT PGAF_SECONDS(20)

static struct loop *loop;
static struct hooks *hooks;
static struct logger logger;
static char directory[ROOT_MAX];
static char logged[8192]; /* "event text" a line */

static void
take_record(void *ctx, const struct pgaf_log *record)
{
	size_t used = strlen(logged);

	(void)ctx;
	snprintf(logged + used, sizeof(logged) - used, "%s %s\n", record->event, record->text);
}

static void
start(void)
{
	struct pgaf_error error = {0};

	loop = loop_new(&error);
	ck_assert_ptr_nonnull(loop);
	root_make(directory, "hooks");
	logger = (struct logger){
		.fn = take_record, .level = PGAF_LOG_TRACE, .formation = "", .node_name = ""};
	logged[0] = '\0';
	hooks = NULL;
	setenv("PGPASSWORD", "a-secret", 1);
}

static void
stop(void)
{
	hooks_free(hooks);
	loop_free(loop);
	root_remove(directory);
}

static void
write_file(const char *name, const char *text)
{
	char path[128];
	FILE *out = NULL;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	fprintf(out, "#!/bin/sh\ncd %s\n%s\n", directory, text);
	fclose(out);
	chmod(path, 0755);
}

static char *
read_file(const char *name)
{
	static char bytes[8192];
	char path[128];
	FILE *in = NULL;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	in = fopen(path, "r");
	if (in == NULL)
		return NULL;
	bytes[fread(bytes, 1, sizeof(bytes) - 1, in)] = '\0';
	fclose(in);
	return bytes;
}

/* Hooks of the files named here, in the test's directory; whether they are others than before. */
static bool
use(pgaf_time limit, const char *first, const char *second)
{
	static char paths[2][128];
	const char *files[] = {paths[0], paths[1]};
	struct pgaf_error error = {0};
	bool changed = false;

	snprintf(paths[0], sizeof(paths[0]), "%s/%s", directory, first);
	snprintf(paths[1], sizeof(paths[1]), "%s/%s", directory, second != NULL ? second : "");
	const struct hooks_list list = {
		.files = files, .count = second != NULL ? 2 : 1, .limit = limit};

	if (hooks == NULL) {
		hooks = hooks_new(loop, &logger, &list, &error);
		ck_assert_msg(hooks != NULL, "%s", error.text);
		return true;
	}
	ck_assert_msg(hooks_set(hooks, &list, &changed, &error) == 0, "%s", error.text);
	return changed;
}

static void
tell_of(pgaf_node_id node, enum hook_event event, const char *role)
{
	const struct variable told[] = {
		{.name = "event", .value = hook_event_name(event)},
		{.name = "role", .value = role},
		{.name = "port", .value = "5432", .number = true},
		{.name = "primary_host"},
	};

	hooks_run(hooks, node, event, told, sizeof(told) / sizeof(told[0]));
}

static void
tell(enum hook_event event, const char *role)
{
	tell_of(1, event, role);
}

static void
turn(void)
{
	struct pollfd ready = {.fd = loop_fd(loop), .events = POLLIN};

	poll(&ready, 1, 10);
	loop_dispatch(loop);
}

/* Until this many lines of the log begin with `word`. */
static void
turn_until_logged(const char *word, unsigned times)
{
	pgaf_time until = loop_now(loop) + LIMIT;

	for (;;) {
		unsigned found = 0;

		for (const char *at = logged; *at != '\0'; at += strcspn(at, "\n") + 1)
			found += strncmp(at, word, strlen(word)) == 0;
		if (found >= times)
			return;
		ck_assert_msg(loop_now(loop) < until, "no %u lines of \"%s\" in:\n%s", times, word,
		              logged);
		turn();
	}
}

START_TEST(test_hook_reads_the_facts_and_no_secret)
{
	write_file("one", "env >env; cat >json");
	use(LIMIT, "one", NULL);
	tell(HOOK_ROLE_CHANGE, "pri\"mary");
	turn_until_logged("hook-done", 1);

	ck_assert_str_eq(read_file("json"),
	                 "{\"event\":\"role-change\",\"role\":\"pri\\\"mary\",\"port\":5432,"
	                 "\"primary_host\":null}\n");
	ck_assert_ptr_nonnull(strstr(read_file("env"), "PGAF_EVENT=role-change\n"));
	ck_assert_ptr_nonnull(strstr(read_file("env"), "PGAF_PORT=5432\n"));
	ck_assert_ptr_nonnull(strstr(read_file("env"), "PGAF_PRIMARY_HOST=\n"));
	ck_assert_ptr_nonnull(strstr(read_file("env"), "PATH="));
	ck_assert_ptr_null(strstr(read_file("env"), "secret"));
}
END_TEST

START_TEST(test_hook_output_and_failure_are_logged)
{
	write_file("one", "echo said; echo more >&2; exit 3");
	use(LIMIT, "one", NULL);
	tell(HOOK_FAILOVER, "primary");
	turn_until_logged("hook-failed", 1);

	ck_assert_ptr_nonnull(strstr(logged, "/one: said\n"));
	ck_assert_ptr_nonnull(strstr(logged, "/one: more\n"));
	ck_assert_ptr_nonnull(strstr(logged, "/one for failover failed with exit status 3 "));
}
END_TEST

START_TEST(test_hook_output_is_logged_from_its_last_lines)
{
	write_file("one", "seq 1 500");
	use(LIMIT, "one", NULL);
	tell(HOOK_FAILOVER, "primary");
	turn_until_logged("hook-done", 1);

	ck_assert_ptr_null(strstr(logged, "/one: 480\n"));
	ck_assert_ptr_nonnull(strstr(logged, "/one: 481\n"));
	ck_assert_ptr_nonnull(strstr(logged, "/one: 500\n"));
}
END_TEST

START_TEST(test_hook_that_is_missing_or_crashes_is_a_line_in_the_log)
{
	write_file("two", "kill -SEGV $$");
	use(LIMIT, "one", "two");
	tell(HOOK_FAILOVER, "primary");
	turn_until_logged("hook-failed", 2);

	ck_assert_ptr_nonnull(strstr(logged, "/one for failover failed with exit status 127"));
	ck_assert_ptr_nonnull(strstr(logged, "/two for failover was ended by signal 11"));
}
END_TEST

/* One at a time, and all that can be told is told in its order. */
START_TEST(test_hook_is_told_of_one_event_after_the_other)
{
	write_file("one", "echo $PGAF_EVENT $PGAF_ROLE >>calls");
	use(LIMIT, "one", NULL);
	tell(HOOK_ROLE_CHANGE, "primary");
	tell(HOOK_FAILOVER, "primary");
	tell(HOOK_REDUNDANCY_REGAINED, "primary");
	turn_until_logged("hook-done", 3);

	ck_assert_str_eq(read_file("calls"), "role-change primary\nfailover primary\n"
	                                     "redundancy-regained primary\n");
	ck_assert_ptr_null(strstr(logged, "hook-skipped"));
}
END_TEST

/* While it runs the newest of a topic waits; what it replaces is logged. */
START_TEST(test_hook_that_is_slow_is_told_the_newest)
{
	write_file("one",
	           "echo $PGAF_EVENT $PGAF_ROLE >>calls; until [ -e go ]; do sleep .01; done");
	write_file("two", "echo $PGAF_EVENT $PGAF_ROLE >>others");
	use(LIMIT, "one", "two");
	tell(HOOK_ROLE_CHANGE, "none");
	turn_until_logged("hook-done", 1); /* the other does not wait for it */
	tell(HOOK_ROLE_CHANGE, "primary");
	turn_until_logged("hook-done", 2);
	tell(HOOK_FAILOVER, "primary");
	turn_until_logged("hook-done", 3);
	tell(HOOK_ROLE_CHANGE, "replica");
	turn_until_logged("hook-done", 4);
	write_file("go", "");
	turn_until_logged("hook-done", 7);

	ck_assert_str_eq(read_file("calls"),
	                 "role-change none\nfailover primary\nrole-change replica\n");
	ck_assert_str_eq(read_file("others"), "role-change none\nrole-change primary\n"
	                                      "failover primary\nrole-change replica\n");
	ck_assert_ptr_nonnull(strstr(logged, "/one is not called for role-change: a newer one"));
}
END_TEST

/* The news of one node does not replace those of another. */
START_TEST(test_hook_that_is_slow_is_told_the_newest_of_each_node)
{
	write_file("one",
	           "echo $PGAF_EVENT $PGAF_ROLE >>calls; until [ -e go ]; do sleep .01; done");
	use(LIMIT, "one", NULL);
	tell_of(1, HOOK_ROLE_CHANGE, "primary");
	while (read_file("calls") == NULL)
		turn();
	for (pgaf_node_id node = 1; node <= 9; node++)
		tell_of(node, HOOK_ROLE_CHANGE, "none");
	tell_of(2, HOOK_ROLE_CHANGE, "replica");
	write_file("go", "");
	turn_until_logged("hook-done", 10);

	ck_assert_str_eq(read_file("calls"),
	                 "role-change primary\nrole-change none\nrole-change none\n"
	                 "role-change none\nrole-change none\nrole-change none\n"
	                 "role-change none\nrole-change none\nrole-change none\n"
	                 "role-change replica\n");
}
END_TEST

/* Other programs: what is in both lists goes on, and is still told one thing at a time. */
START_TEST(test_hooks_change_while_one_runs)
{
	write_file("one", "echo $PGAF_ROLE >>calls; until [ -e go ]; do sleep .01; done");
	write_file("two", "echo $PGAF_ROLE >>others");
	use(LIMIT, "one", "missing");
	tell(HOOK_ROLE_CHANGE, "none");
	turn_until_logged("hook-failed", 1);
	while (read_file("calls") == NULL)
		turn();
	ck_assert(!use(LIMIT, "one", "missing"));
	tell(HOOK_FAILOVER, "primary");
	ck_assert(use(LIMIT, "two", "one"));
	ck_assert_ptr_nonnull(strstr(logged, "/missing is not called for failover: it is no hook"));
	tell(HOOK_ROLE_CHANGE, "replica");
	turn_until_logged("hook-done", 1);
	ck_assert_str_eq(read_file("others"), "replica\n");
	ck_assert_str_eq(read_file("calls"), "none\n");
	write_file("go", "");
	turn_until_logged("hook-done", 4);
	ck_assert_str_eq(read_file("calls"), "none\nprimary\nreplica\n");
}
END_TEST

/* Gone, or a zombie whose parent has yet to look. */
static bool
is_over(pid_t pid)
{
	char path[64];
	char state = 'Z';
	FILE *in = NULL;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	in = fopen(path, "r");
	if (in == NULL)
		return true;
	if (fscanf(in, "%*d %*s %c", &state) != 1)
		state = 'Z';
	fclose(in);
	return state == 'Z';
}

/* SIGTERM to all that it started; SIGKILL to what does not mind. */
START_TEST(test_hook_that_hangs_is_ended_with_all_that_it_started)
{
	write_file("one", "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ >>pids; sleep 100' & "
	                  "echo $$ >>pids; wait; sleep 100");
	use(PGAF_SECONDS(1), "one", NULL);
	tell(HOOK_STUCK, "primary");
	turn_until_logged("hook-late", 1);
	turn_until_logged("hook-failed", 1);

	ck_assert_ptr_nonnull(strstr(logged, "/one for stuck takes longer than 1000 ms"));
	ck_assert_ptr_nonnull(strstr(logged, "was ended by signal 9"));
	char *at = read_file("pids");
	pgaf_time until = loop_now(loop) + LIMIT;
	unsigned count = 0;
	for (pid_t pid; (pid = (pid_t)strtol(at, &at, 10)) > 0; count++)
		while (!is_over(pid)) {
			ck_assert_msg(loop_now(loop) < until, "process %d goes on", (int)pid);
			turn();
		}
	ck_assert_uint_eq(count, 2);
}
END_TEST

/* Telling takes no time: nothing is started before the turn is over. */
START_TEST(test_hook_starts_in_a_turn_of_its_own)
{
	write_file("one", "touch begun");
	use(LIMIT, "one", NULL);
	tell(HOOK_FAILOVER, "primary");
	ck_assert_int_le(loop_deadline(loop), loop_now(loop));
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* there is no child */
	ck_assert_int_eq(errno, ECHILD);
	turn_until_logged("hook-done", 1);
	ck_assert_ptr_nonnull(read_file("begun"));
}
END_TEST

START_TEST(test_hooks_that_are_given_up_say_so)
{
	write_file("one", "echo $$ >pid; exec sleep 100");
	use(LIMIT, "one", NULL);
	tell(HOOK_ROLE_CHANGE, "none");
	while (read_file("pid") == NULL || read_file("pid")[0] == '\0')
		turn();
	tell(HOOK_FAILOVER, "primary");
	hooks_free(hooks);
	hooks = NULL;

	ck_assert_ptr_nonnull(strstr(logged, "is not called for failover: this program ends"));
	ck_assert_ptr_nonnull(strstr(logged, "/one for role-change still runs"));
	ck_assert_int_eq(kill((pid_t)strtol(read_file("pid"), NULL, 10), SIGKILL), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("hooks");
	TCase *tcase = tcase_create("programs");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, start, stop);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_hook_reads_the_facts_and_no_secret);
	tcase_add_test(tcase, test_hook_output_and_failure_are_logged);
	tcase_add_test(tcase, test_hook_output_is_logged_from_its_last_lines);
	tcase_add_test(tcase, test_hook_that_is_missing_or_crashes_is_a_line_in_the_log);
	tcase_add_test(tcase, test_hook_is_told_of_one_event_after_the_other);
	tcase_add_test(tcase, test_hook_that_is_slow_is_told_the_newest);
	tcase_add_test(tcase, test_hook_that_is_slow_is_told_the_newest_of_each_node);
	tcase_add_test(tcase, test_hooks_change_while_one_runs);
	tcase_add_test(tcase, test_hook_that_hangs_is_ended_with_all_that_it_started);
	tcase_add_test(tcase, test_hook_starts_in_a_turn_of_its_own);
	tcase_add_test(tcase, test_hooks_that_are_given_up_say_so);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
