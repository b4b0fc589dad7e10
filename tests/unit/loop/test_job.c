/* SPDX-License-Identifier: PostgreSQL */
/* Work on threads: blocking jobs, and names resolved off the loop. */

#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "unit/loop/turn.h"

#define LIMIT PGAF_SECONDS(60)

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

/* ---- jobs --------------------------------------------------------------------------------- */

struct chore {
	pthread_t by;
	int pause_ms;
	atomic_bool worked;
	bool finished;
};

static void
work(void *arg)
{
	struct chore *chore = arg;

	poll(NULL, 0, chore->pause_ms);
	chore->by = pthread_self();
	chore->worked = true;
}

static void
finish(void *arg)
{
	struct chore *chore = arg;

	ck_assert(chore->worked);
	chore->finished = true;
}

START_TEST(test_job_works_elsewhere_and_finishes_here)
{
	struct chore chore = {0};

	ck_assert_int_eq(loop_job(loop, work, finish, &chore), 0);
	ck_assert(turn_until(loop, &chore.finished, LIMIT));
	ck_assert(!pthread_equal(chore.by, pthread_self()));
}
END_TEST

/* More slow jobs than any pool has threads do not hold up a quick one. */
START_TEST(test_job_does_not_wait_for_others)
{
	struct chore slow[12] = {0};
	struct chore quick = {0};

	for (size_t i = 0; i < 12; i++) {
		slow[i].pause_ms = 1000;
		ck_assert_int_eq(loop_job(loop, work, finish, &slow[i]), 0);
	}
	ck_assert_int_eq(loop_job(loop, work, finish, &quick), 0);
	ck_assert(turn_until(loop, &quick.finished, LIMIT));
	for (size_t i = 0; i < 12; i++)
		ck_assert(!slow[i].finished);
	for (size_t i = 0; i < 12; i++)
		ck_assert(turn_until(loop, &slow[i].finished, LIMIT));
}
END_TEST

START_TEST(test_free_waits_for_jobs)
{
	struct loop *other = turn_new();
	struct chore chore = {.pause_ms = 50};

	ck_assert_int_eq(loop_job(other, work, finish, &chore), 0);
	loop_free(other);
	ck_assert(chore.finished);
}
END_TEST

/* ---- names -------------------------------------------------------------------------------- */

struct question {
	bool over;
	char address[128];
	int calls;
	const char *again; /* ask for this from within the callback */
	struct question *next;
	struct loop_resolve *victim;
};

static void
hear(void *ctx, const char *address)
{
	struct question *question = ctx;

	question->over = true;
	question->calls++;
	text_copy(question->address, sizeof(question->address), address);
	loop_resolve_cancel(question->victim);
	question->victim = NULL;
	if (question->again != NULL)
		loop_resolve_start(loop, question->again, hear, question->next);
}

static void
expect_loopback(const struct question *question)
{
	ck_assert(strcmp(question->address, "127.0.0.1") == 0 ||
	          strcmp(question->address, "::1") == 0);
}

START_TEST(test_numeric_hosts_are_answered_at_once)
{
	static const char *const hosts[] = {"10.1.2.3", "::1", "fe80::1%lo", "2001:db8::5"};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct question question = {0};
		ck_assert_ptr_null(loop_resolve_start(loop, hosts[i], hear, &question));
		ck_assert(question.over);
		ck_assert_str_eq(question.address, hosts[i]);
	}
}
END_TEST

START_TEST(test_name_is_asked_for_once_and_remembered)
{
	struct question first = {0};
	struct question second = {0};
	struct question later = {0};

	ck_assert_ptr_nonnull(loop_resolve_start(loop, "localhost", hear, &first));
	ck_assert_ptr_nonnull(loop_resolve_start(loop, "localhost", hear, &second));
	ck_assert(!first.over);
	ck_assert(turn_until(loop, &second.over, LIMIT));
	ck_assert(first.over);
	expect_loopback(&first);
	ck_assert_str_eq(first.address, second.address);

	ck_assert_ptr_null(loop_resolve_start(loop, "localhost", hear, &later));
	ck_assert(later.over);
	ck_assert_str_eq(later.address, first.address);
}
END_TEST

START_TEST(test_doubted_name_is_asked_for_again)
{
	struct question first = {0};
	struct question again = {0};
	struct question later = {0};

	loop_resolve_start(loop, "localhost", hear, &first);
	ck_assert(turn_until(loop, &first.over, LIMIT));
	loop_resolve_forget(loop, "localhost");
	loop_resolve_forget(loop, "never.asked");
	ck_assert_ptr_nonnull(loop_resolve_start(loop, "localhost", hear, &again));
	ck_assert(!again.over);
	ck_assert(turn_until(loop, &again.over, LIMIT));
	expect_loopback(&again);
	ck_assert_ptr_null(loop_resolve_start(loop, "localhost", hear, &later));
}
END_TEST

START_TEST(test_name_that_does_not_exist)
{
	struct question question = {0};
	struct question next = {0};
	char long_name[400];

	question.again = "bad..name";
	question.next = &next;
	ck_assert_ptr_nonnull(loop_resolve_start(loop, "bad..name", hear, &question));
	ck_assert(turn_until(loop, &next.over, LIMIT));
	ck_assert_str_eq(question.address, "");
	ck_assert_str_eq(next.address, "");
	ck_assert_int_eq(question.calls, 1);

	memset(long_name, 'a', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	question = (struct question){0};
	ck_assert_ptr_null(loop_resolve_start(loop, long_name, hear, &question));
	ck_assert_str_eq(question.address, "");
}
END_TEST

START_TEST(test_cancelled_question_is_not_answered)
{
	struct question cancelled = {0};
	struct question killer = {0};
	struct question victim = {0};
	struct question last = {0};

	loop_resolve_cancel(loop_resolve_start(loop, "localhost", hear, &cancelled));
	loop_resolve_start(loop, "localhost", hear, &killer);
	killer.victim = loop_resolve_start(loop, "localhost", hear, &victim);
	loop_resolve_start(loop, "localhost", hear, &last);
	ck_assert(turn_until(loop, &last.over, LIMIT));
	ck_assert(killer.over);
	ck_assert(!victim.over);
	ck_assert(!cancelled.over);
}
END_TEST

START_TEST(test_free_does_not_wait_for_a_name_server)
{
	struct loop *other = turn_new();
	struct question question = {0};

	loop_resolve_cancel(loop_resolve_start(other, "localhost", hear, &question));
	loop_free(other);
	ck_assert(!question.over);
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("job");
	TCase *jobs = tcase_create("jobs");
	TCase *names = tcase_create("names");

	tcase_set_timeout(jobs, 120);
	tcase_add_checked_fixture(jobs, start, stop);
	tcase_add_test(jobs, test_job_works_elsewhere_and_finishes_here);
	tcase_add_test(jobs, test_job_does_not_wait_for_others);
	tcase_add_test(jobs, test_free_waits_for_jobs);
	suite_add_tcase(all, jobs);

	tcase_set_timeout(names, 120);
	tcase_add_checked_fixture(names, start, stop);
	tcase_add_test(names, test_numeric_hosts_are_answered_at_once);
	tcase_add_test(names, test_name_is_asked_for_once_and_remembered);
	tcase_add_test(names, test_doubted_name_is_asked_for_again);
	tcase_add_test(names, test_name_that_does_not_exist);
	tcase_add_test(names, test_cancelled_question_is_not_answered);
	tcase_add_test(names, test_free_does_not_wait_for_a_name_server);
	suite_add_tcase(all, names);
	return all;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
