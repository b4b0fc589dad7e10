/* SPDX-License-Identifier: PostgreSQL */
/* Bounded text, positions, errors, words: all that the core may see of the rest. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <pgaf/state.h>

#include "base/pure/error.h"
#include "base/pure/lsn.h"
#include "base/pure/text.h"

/* ---- text --------------------------------------------------------------- */

START_TEST(text_grows_to_its_room)
{
	char at[8];
	struct text text = TEXT(at);

	text_add(&text, "abc");
	text_addf(&text, "%d", 1234);
	ck_assert_str_eq(at, "abc1234");
	ck_assert(!text.cut);
	text_add(&text, "");
	ck_assert(!text.cut);
	text_add(&text, "x");
	ck_assert(text.cut);
	ck_assert_str_eq(at, "abc1234");
	ck_assert_uint_eq(text.used, 7);
}
END_TEST

START_TEST(text_once_cut_stays_cut)
{
	char at[4];
	struct text text = TEXT(at);

	text_addf(&text, "%s", "abcdef");
	ck_assert_str_eq(at, "abc");
	text_add(&text, "g");
	text_addf(&text, "h");
	ck_assert_str_eq(at, "abc");
	ck_assert(text.cut);
}
END_TEST

START_TEST(text_without_room)
{
	char at[1] = {'x'};
	struct text none;
	struct text one = TEXT(at);

	text_init(&none, at, 0);
	text_add(&none, "a");
	text_addf(&none, "a");
	ck_assert(none.cut);
	ck_assert_int_eq(at[0], 'x');
	text_add(&one, "a");
	ck_assert(one.cut);
	ck_assert_str_eq(at, "");
}
END_TEST

START_TEST(text_is_cut_between_characters)
{
	const char *word = "n\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x98";
	size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};

	for (size_t room = 1; room <= 11; room++) {
		char at[16];
		char again[16];
		struct text text;
		text_init(&text, at, room);
		text_addf(&text, "%s", word);
		ck_assert_uint_eq(strlen(at), whole[room - 1]);
		ck_assert_int_eq(text_copy(again, room, word), room == 11);
		ck_assert_str_eq(at, again);
	}
}
END_TEST

START_TEST(text_keeps_what_is_no_utf8)
{
	char at[4];

	ck_assert(!text_copy(at, sizeof(at), "\x80\x80\x80\x80\x80"));
	ck_assert_str_eq(at, "\x80\x80\x80");
}
END_TEST

START_TEST(numbers_are_strict)
{
	const char *bad[] = {"",
	                     " 1",
	                     "1 ",
	                     "+1",
	                     "-1",
	                     "0x1",
	                     "1.0",
	                     "18446744073709551616",
	                     "99999999999999999999999"};
	uint64_t value = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!text_to_u64(bad[i], &value), "\"%s\"", bad[i]);
	ck_assert_uint_eq(value, 7);
	ck_assert(text_to_u64("18446744073709551615", &value));
	ck_assert_uint_eq(value, UINT64_MAX);
	ck_assert(text_to_u64("007", &value));
	ck_assert_uint_eq(value, 7);
}
END_TEST

/* ---- positions ---------------------------------------------------------- */

START_TEST(lsn_reads_back)
{
	pgaf_lsn values[] = {0, 1, 0x3000060, UINT32_MAX, (pgaf_lsn)1 << 32, UINT64_MAX};
	char at[LSN_TEXT_MAX];
	pgaf_lsn again;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		ck_assert(lsn_parse(lsn_format(values[i], at), &again));
		ck_assert_uint_eq(again, values[i]);
	}
	ck_assert_str_eq(lsn_format(0x3000060, at), "0/3000060");
	ck_assert_str_eq(lsn_format(UINT64_MAX, at), "FFFFFFFF/FFFFFFFF");
	ck_assert(lsn_parse("a/b", &again));
	ck_assert_uint_eq(again, (UINT64_C(10) << 32) + 11);
}
END_TEST

START_TEST(lsn_is_strict)
{
	const char *bad[] = {"",     "/",     "0",   "0/",          "/0",          "0/0/0", " 0/0",
	                     "0/0 ", "0x1/0", "g/0", "100000000/0", "0/100000000", "-1/0"};
	pgaf_lsn lsn = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!lsn_parse(bad[i], &lsn), "\"%s\"", bad[i]);
	ck_assert_uint_eq(lsn, 7);
}
END_TEST

/* ---- errors ------------------------------------------------------------- */

START_TEST(error_holds_one_sentence)
{
	struct pgaf_error error = {.sys = 5, .sqlstate = "42601", .text = "old"};

	ck_assert_int_eq(error_set(&error, PGAF_ECONN, "port %d\nsays: %s", 5432, "no\n"),
	                 PGAF_ECONN);
	ck_assert_int_eq(error.code, PGAF_ECONN);
	ck_assert_str_eq(error.text, "port 5432 says: no");
	ck_assert_int_eq(error.sys, 0);
	ck_assert_str_eq(error.sqlstate, "");
	ck_assert_int_eq(error_prefix(&error, "node %s", "a"), PGAF_ECONN);
	ck_assert_str_eq(error.text, "node a: port 5432 says: no");
	ck_assert_int_eq(error_set(&error, PGAF_ESQL, "again: %s", error.text), PGAF_ESQL);
	ck_assert_str_eq(error.text, "again: node a: port 5432 says: no");
}
END_TEST

START_TEST(error_may_be_absent)
{
	ck_assert_int_eq(error_set(NULL, PGAF_ECONN, "x"), PGAF_ECONN);
	ck_assert_int_lt(error_prefix(NULL, "x"), 0);
}
END_TEST

START_TEST(error_is_cut_to_its_room)
{
	struct pgaf_error error;
	char word[1000];

	memset(word, 'a', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	error_set(&error, PGAF_ESYS, "%s", word);
	error_prefix(&error, "%s", "first");
	ck_assert_uint_eq(strlen(error.text), sizeof(error.text) - 1);
	ck_assert_int_eq(strncmp(error.text, "first: aaa", 10), 0);
}
END_TEST

static const struct output_case {
	const char *output, *line;
} output_cases[] = {
	{"", ""},
	{" \n\n", ""},
	{"one\ntwo\n", "two"},
	{"pg_rewind: error: no common ancestor\npg_rewind: done\n",
         "pg_rewind: error: no common ancestor"},
	{"x: error: first\nx: error: second\r\n  hint\n", "x: error: second"},
	{"child process exited with exit code 2\ninitdb: removing data directory \"/d\"\n",
         "child process exited with exit code 2"},
	{"x: removing a\n", ""},
};

START_TEST(the_line_that_says_why)
{
	const struct output_case *c = &output_cases[_i];
	char line[200];
	char small[4];

	ck_assert_str_eq(error_of_output(c->output, line, sizeof(line)), c->line);
	ck_assert_uint_lt(strlen(error_of_output(c->output, small, sizeof(small))), sizeof(small));
}
END_TEST

START_TEST(every_code_has_its_meaning)
{
	ck_assert_str_eq(pgaf_strerror(0), "no error");
	ck_assert_str_eq(pgaf_strerror(1), "unknown error");
	ck_assert_str_eq(pgaf_strerror(-1000), "unknown error");
#define MEANS(name, number, text) ck_assert_str_eq(pgaf_strerror(PGAF_##name), text);
	PGAF_ERRORS(MEANS)
}
END_TEST

/* ---- states ------------------------------------------------------------- */

START_TEST(states_read_back)
{
	for (int i = 0; i < PGAF_STATE_COUNT; i++) {
		enum pgaf_state state = (enum pgaf_state)i;
		ck_assert_int_eq(pgaf_state_parse(pgaf_state_name(state)), state);
		ck_assert(pgaf_state_doc(state)[0] != '\0');
	}
	ck_assert_int_eq(pgaf_state_parse("leader"), PGAF_STATE_UNKNOWN);
	ck_assert_str_eq(pgaf_state_name((enum pgaf_state)99), "unknown");
	ck_assert_str_eq(pgaf_version(), PGAF_VERSION);
}
END_TEST

START_TEST(writable_states)
{
	ck_assert(pgaf_state_is_writable(PGAF_STATE_SINGLE));
	ck_assert(pgaf_state_is_writable(PGAF_STATE_WAIT_PRIMARY));
	ck_assert(pgaf_state_is_writable(PGAF_STATE_PRIMARY));
	ck_assert(!pgaf_state_is_writable(PGAF_STATE_DRAINING));
	ck_assert(!pgaf_state_is_writable(PGAF_STATE_STOP_REPLICATION));
	ck_assert(!pgaf_state_is_writable(PGAF_STATE_SECONDARY));
	ck_assert(!pgaf_state_is_writable(PGAF_STATE_UNKNOWN));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pure");
	TCase *tests = tcase_create("all");
	SRunner *runner = srunner_create(suite);

	tcase_add_test(tests, text_grows_to_its_room);
	tcase_add_test(tests, text_once_cut_stays_cut);
	tcase_add_test(tests, text_without_room);
	tcase_add_test(tests, text_is_cut_between_characters);
	tcase_add_test(tests, text_keeps_what_is_no_utf8);
	tcase_add_test(tests, numbers_are_strict);
	tcase_add_test(tests, lsn_reads_back);
	tcase_add_test(tests, lsn_is_strict);
	tcase_add_test(tests, error_holds_one_sentence);
	tcase_add_test(tests, error_may_be_absent);
	tcase_add_test(tests, error_is_cut_to_its_room);
	tcase_add_loop_test(tests, the_line_that_says_why, 0,
	                    sizeof(output_cases) / sizeof(output_cases[0]));
	tcase_add_test(tests, every_code_has_its_meaning);
	tcase_add_test(tests, states_read_back);
	tcase_add_test(tests, writable_states);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
