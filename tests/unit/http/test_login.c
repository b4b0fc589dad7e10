/* SPDX-License-Identifier: PostgreSQL */
/* Who is let in, and how often one may be wrong. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "http/login.h"
#include "unit/suite.h"

#define NOW PGAF_SECONDS(1000)

static struct login login;

static enum login_answer
say(unsigned char from, const char *user, const char *password, pgaf_time now)
{
	struct http_request request = {.user = user, .password = password};

	request.peer.bytes[15] = from;
	return login_check(&login, &request, now);
}

static void
start(void)
{
	login_init(&login, "pgaf", "sesame");
}

START_TEST(without_a_password_everybody_is_let_in)
{
	login_init(&login, "pgaf", "");
	ck_assert_int_eq(say(1, NULL, NULL, NOW), LOGIN_OK);
	ck_assert_int_eq(say(1, "x", "y", NOW), LOGIN_OK);
}
END_TEST

START_TEST(only_the_whole_user_and_the_whole_password_will_do)
{
	char large[2 * LOGIN_TEXT_MAX];

	memset(large, 's', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	ck_assert_int_eq(say(1, "pgaf", "sesame", NOW), LOGIN_OK);
	ck_assert_int_eq(say(1, NULL, NULL, NOW), LOGIN_ASK);
	ck_assert_int_eq(say(1, "pgaf", NULL, NOW), LOGIN_ASK);
	ck_assert_int_eq(say(1, "pgaf", "sesam", NOW), LOGIN_ASK);
	ck_assert_int_eq(say(1, "pgaf", "sesame1", NOW), LOGIN_ASK);
	ck_assert_int_eq(say(1, "pgaf", "", NOW), LOGIN_ASK);
	ck_assert_int_eq(say(1, "PGAF", "sesame", NOW), LOGIN_ASK);
	ck_assert_int_eq(say(1, "pgaf", large, NOW), LOGIN_ASK);
	ck_assert_int_eq(say(1, "pgaf", "sesame", NOW), LOGIN_OK);
}
END_TEST

START_TEST(who_guesses_is_not_listened_to_for_a_while)
{
	pgaf_time later = NOW + LOGIN_PAUSE;

	for (int i = 0; i < LOGIN_FAILURES_MAX; i++)
		ck_assert_int_eq(say(1, "pgaf", "guess", NOW), LOGIN_ASK);
	ck_assert_int_eq(say(1, "pgaf", "sesame", later - 1), LOGIN_LIMITED);
	ck_assert_int_eq(say(1, NULL, NULL, later - 1), LOGIN_LIMITED);
	ck_assert_int_eq(say(2, "pgaf", "sesame", later - 1), LOGIN_OK);
	ck_assert_int_eq(say(1, "pgaf", "guess", later), LOGIN_ASK);
	ck_assert_int_eq(say(1, "pgaf", "sesame", later), LOGIN_OK);
}
END_TEST

START_TEST(to_ask_without_a_password_is_no_guess)
{
	for (int i = 0; i < 3 * LOGIN_FAILURES_MAX; i++)
		ck_assert_int_eq(say(1, NULL, NULL, NOW), LOGIN_ASK);
	ck_assert_int_eq(say(1, "pgaf", "sesame", NOW), LOGIN_OK);
}
END_TEST

START_TEST(the_one_who_failed_longest_ago_is_forgotten_first)
{
	for (int i = 0; i < LOGIN_FAILURES_MAX; i++)
		say(200, "pgaf", "guess", NOW + 5);
	for (int i = 0; i < LOGIN_SOURCES_MAX; i++)
		ck_assert_int_eq(say((unsigned char)i, "pgaf", "guess", NOW + i), LOGIN_ASK);
	ck_assert_int_eq(say(200, "pgaf", "sesame", NOW + 100), LOGIN_LIMITED);
	for (int i = 0; i < LOGIN_SOURCES_MAX; i++)
		say((unsigned char)(100 + i), "pgaf", "guess", NOW + 200 + i);
	ck_assert_int_eq(say(200, "pgaf", "sesame", NOW + 300), LOGIN_OK);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("login");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, start, NULL);
	tcase_add_test(tests, without_a_password_everybody_is_let_in);
	tcase_add_test(tests, only_the_whole_user_and_the_whole_password_will_do);
	tcase_add_test(tests, who_guesses_is_not_listened_to_for_a_while);
	tcase_add_test(tests, to_ask_without_a_password_is_no_guess);
	tcase_add_test(tests, the_one_who_failed_longest_ago_is_forgotten_first);
	return suite_run("login", tests);
}
