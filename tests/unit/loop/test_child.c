/* SPDX-License-Identifier: PostgreSQL */
/* Programs that are started, processes that are watched. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/glibc.h"
#include "base/pure/text.h"
#include "unit/loop/turn.h"

#define LIMIT PGAF_SECONDS(20)

static struct loop *loop;

static void
start(void)
{
	loop = turn_new();
}

static void
stop(void)
{
	loop_free(loop);
}

struct story {
	bool over;
	int status;
	size_t length;
	char output[256];         /* its beginning */
	struct loop_child *child; /* freed (wrongly, but harmlessly) within the callback */
};

static void
end_story(void *ctx, int status, const char *output)
{
	struct story *story = ctx;

	story->over = true;
	story->status = status;
	story->length = strlen(output);
	text_copy(story->output, sizeof(story->output), output);
	loop_child_free(story->child);
}

static struct loop_child *
run(struct story *story, const char *script, const struct loop_child_options *more)
{
	struct pgaf_error error = {0};
	const char *argv[] = {"/bin/sh", "-c", script, NULL};
	struct loop_child_options options = {0};

	if (more != NULL)
		options = *more;
	options.argv = argv;
	options.ended = end_story;
	options.ctx = story;
	struct loop_child *child = loop_child_start(loop, &options, &error);
	ck_assert_msg(child != NULL, "%s", error.text);
	return child;
}

START_TEST(test_child_tells_status_and_output)
{
	struct story story = {0};

	run(&story, "echo one; echo two >&2; exit 3", NULL);
	ck_assert(turn_until(loop, &story.over, LIMIT));
	ck_assert(WIFEXITED(story.status));
	ck_assert_int_eq(WEXITSTATUS(story.status), 3);
	ck_assert_str_eq(story.output, "one\ntwo\n");
}
END_TEST

START_TEST(test_child_handle_may_be_freed_in_its_callback)
{
	struct story story = {0};

	story.child = run(&story, "exit 0", NULL);
	ck_assert(turn_until(loop, &story.over, LIMIT));
	ck_assert_str_eq(story.output, "");
}
END_TEST

START_TEST(test_child_keeps_the_end_of_much_output)
{
	struct story story = {0};

	run(&story, "seq 1 60000; printf 'a\\0b'", NULL);
	ck_assert(turn_until(loop, &story.over, LIMIT));
	ck_assert_uint_eq(story.length, 64 * 1024);
	ck_assert_ptr_nonnull(strchr(story.output, '\n'));
}
END_TEST

START_TEST(test_child_is_killed)
{
	struct story story = {0};
	struct loop_child *child = run(&story, "exec sleep 100", NULL);

	ck_assert_int_gt(loop_child_pid(child), 0);
	loop_child_kill(child, SIGTERM);
	ck_assert(turn_until(loop, &story.over, LIMIT));
	ck_assert(WIFSIGNALED(story.status));
	ck_assert_int_eq(WTERMSIG(story.status), SIGTERM);
}
END_TEST

START_TEST(test_child_end_does_not_wait_for_who_holds_its_output)
{
	struct story story = {0};

	run(&story, "sleep 100 & echo $!", NULL);
	ck_assert(turn_until(loop, &story.over, LIMIT));
	pid_t left = (pid_t)strtol(story.output, NULL, 10);
	ck_assert_int_gt(left, 1);
	ck_assert_int_eq(kill(left, SIGKILL), 0);
}
END_TEST

START_TEST(test_child_starts_clean)
{
	struct story story = {0};
	int leaked = open("/proc/self/exe", O_RDONLY); /* without close-on-exec, on purpose */
	sigset_t block;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, NULL);
	/* The last digits: what is above is the C library's own. */
	run(&story,
	    "ls /proc/$$/fd; readlink /proc/$$/fd/0;"
	    "exec sed -En 's/^(Sig(Blk|Ign)).*(.{7})$/\\1 \\3/p' /proc/self/status",
	    NULL);
	ck_assert(turn_until(loop, &story.over, LIMIT));
	ck_assert_str_eq(story.output, "0\n1\n2\n/dev/null\nSigBlk 0000000\nSigIgn 0000000\n");
	close(leaked);
}
END_TEST

START_TEST(test_child_environment_is_ours_with_additions)
{
	struct story story = {0};
	const char *const env[] = {"ONE=new", "TWO=2", NULL};

	setenv("ONE", "old", 1);
	setenv("ONES", "kept", 1);
	run(&story, "echo $ONE $ONES $TWO", &(struct loop_child_options){.env = env});
	ck_assert(turn_until(loop, &story.over, LIMIT));
	ck_assert_str_eq(story.output, "new kept 2\n");
}
END_TEST

START_TEST(test_child_gets_a_session_only_when_asked)
{
	struct story story = {0};
	struct story alone = {0};
	const char *script = "cut -d' ' -f6 /proc/$$/stat; echo $$";
	long session = 0;
	long pid = 0;

	run(&story, script, NULL);
	run(&alone, script, &(struct loop_child_options){.new_session = true});
	ck_assert(turn_until(loop, &story.over, LIMIT));
	ck_assert(turn_until(loop, &alone.over, LIMIT));
	char *end = NULL;
	session = strtol(story.output, &end, 10);
	ck_assert_int_eq(session, getsid(0));
	session = strtol(alone.output, &end, 10);
	pid = strtol(end, NULL, 10);
	ck_assert_int_eq(session, pid);
}
END_TEST

START_TEST(test_child_appends_to_a_file)
{
	char path[] = "/tmp/pgaf-child-XXXXXX";
	struct story story = {0};
	char read_back[32] = "";

	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "first\n", 6), 6);
	run(&story, "echo out; echo err >&2", &(struct loop_child_options){.output_file = path});
	ck_assert(turn_until(loop, &story.over, LIMIT));
	ck_assert_str_eq(story.output, "");
	ck_assert_int_gt(pread(fd, read_back, sizeof(read_back) - 1, 0), 0);
	ck_assert_str_eq(read_back, "first\nout\nerr\n");
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(test_child_that_does_not_exist)
{
	struct pgaf_error error = {0};
	const char *argv[] = {"/nonexistent/program", NULL};

	ck_assert_ptr_null(
		loop_child_start(loop, &(struct loop_child_options){.argv = argv}, &error));
	ck_assert_int_eq(error.code, PGAF_ESYS);
	ck_assert_int_eq(error.sys, ENOENT);
	ck_assert_str_eq(error.text, "start /nonexistent/program: No such file or directory");
}
END_TEST

START_TEST(test_freed_child_goes_on_and_is_reaped)
{
	struct story story = {0};
	char path[] = "/tmp/pgaf-child-XXXXXX";
	char script[128];
	struct text text = TEXT(script);

	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	text_addf(&text, "for i in 1 2 3 4 5 6; do seq 1 10000; done; echo done >%s", path);
	struct loop_child *child = run(&story, script, NULL);
	pid_t pid = loop_child_pid(child);
	loop_child_free(child);
	for (int i = 0; i < 2000 && kill(pid, 0) == 0; i++)
		turn_for(loop, PGAF_MSEC(5));

	ck_assert_int_eq(kill(pid, 0), -1);
	ck_assert(!story.over);
	ck_assert_int_eq(pread(fd, script, 5, 0), 5);
	close(fd);
	unlink(path);
}
END_TEST

/* ---- processes ---------------------------------------------------------------------------- */

struct death {
	bool over;
	int status;
	int calls;
	struct loop_process *process;
	bool free_it;
};

static void
note_death(void *ctx, int status)
{
	struct death *death = ctx;

	death->over = true;
	death->status = status;
	death->calls++;
	if (death->free_it)
		loop_process_free(death->process);
}

static void
watch_death(struct death *death, pid_t pid)
{
	death->process = loop_process_watch(loop, pid, note_death, death);
	ck_assert_ptr_nonnull(death->process);
}

START_TEST(test_process_of_somebody_else)
{
	struct story story = {0};
	struct death death = {.free_it = true};

	/* A grandchild, whose parent is gone. */
	run(&story, "sleep 100 >/dev/null 2>&1 & echo $!", NULL);
	ck_assert(turn_until(loop, &story.over, LIMIT));
	watch_death(&death, (pid_t)strtol(story.output, NULL, 10));
	turn_for(loop, PGAF_MSEC(5));
	ck_assert(!death.over);
	ck_assert_int_eq(loop_process_signal(death.process, SIGKILL), 0);
	ck_assert(turn_until(loop, &death.over, LIMIT));
	ck_assert_int_eq(death.status, -1);
	ck_assert_int_eq(death.calls, 1);
}
END_TEST

static pid_t
fork_child(int code)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(code);
	return pid;
}

START_TEST(test_process_of_ours_tells_its_status_once)
{
	struct death death = {0};

	watch_death(&death, fork_child(7));
	ck_assert(turn_until(loop, &death.over, LIMIT));
	ck_assert_int_eq(WEXITSTATUS(death.status), 7);
	turn_for(loop, PGAF_MSEC(5));
	ck_assert_int_eq(death.calls, 1);
	ck_assert_int_eq(loop_process_signal(death.process, SIGTERM), PGAF_ESYS);
	loop_process_free(death.process);
}
END_TEST

/* The child's handle and a watch of its pid: both learn the status, in either order. */
START_TEST(test_process_and_child_share_the_status)
{
	for (int i = 0; i < 2; i++) {
		struct story story = {0};
		struct death before = {0};
		struct loop_child *child = run(&story, "read x </dev/zero; exit 5", NULL);

		watch_death(&before, loop_child_pid(child));
		if (i == 1)
			loop_child_free(child);
		loop_process_signal(before.process, SIGINT);
		ck_assert(turn_until(loop, &before.over, LIMIT));
		ck_assert_int_eq(WTERMSIG(before.status), SIGINT);
		if (i == 0) {
			ck_assert(turn_until(loop, &story.over, LIMIT));
			ck_assert_int_eq(story.status, before.status);
		}
		loop_process_free(before.process);
	}
}
END_TEST

START_TEST(test_process_that_is_not_there)
{
	pid_t pid = fork_child(0);

	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_ptr_null(loop_process_watch(loop, pid, note_death, NULL));
	ck_assert_int_eq(errno, ESRCH);
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("child");
	TCase *children = tcase_create("children");
	TCase *processes = tcase_create("processes");

	tcase_set_timeout(children, 60);
	tcase_add_checked_fixture(children, start, stop);
	tcase_add_test(children, test_child_tells_status_and_output);
	tcase_add_test(children, test_child_handle_may_be_freed_in_its_callback);
	tcase_add_test(children, test_child_keeps_the_end_of_much_output);
	tcase_add_test(children, test_child_is_killed);
	tcase_add_test(children, test_child_end_does_not_wait_for_who_holds_its_output);
	tcase_add_test(children, test_child_starts_clean);
	tcase_add_test(children, test_child_environment_is_ours_with_additions);
	tcase_add_test(children, test_child_gets_a_session_only_when_asked);
	tcase_add_test(children, test_child_appends_to_a_file);
	tcase_add_test(children, test_child_that_does_not_exist);
	tcase_add_test(children, test_freed_child_goes_on_and_is_reaped);
	suite_add_tcase(all, children);

	tcase_set_timeout(processes, 60);
	tcase_add_checked_fixture(processes, start, stop);
	tcase_add_test(processes, test_process_of_somebody_else);
	tcase_add_test(processes, test_process_of_ours_tells_its_status_once);
	tcase_add_test(processes, test_process_and_child_share_the_status);
	tcase_add_test(processes, test_process_that_is_not_there);
	suite_add_tcase(all, processes);
	return all;
}

int
main(void)
{
	/* valgrind 3.19 does not know the call that all of this stands on. */
	if (pidfd_open(getpid(), 0) < 0 && errno == ENOSYS) {
		puts("no pidfd_open() here: nothing is tested");
		return EXIT_SUCCESS;
	}
	SRunner *runner = srunner_create(suite());

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
