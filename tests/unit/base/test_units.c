/* SPDX-License-Identifier: PostgreSQL */
/* Durations, sizes, addresses. */

#include <check.h>
#include <stdlib.h>

#include "base/options.h"
#include "base/pure/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

START_TEST(test_durations)
{
	static const struct {
		const char *written;
		pgaf_time value;
		const char *shown;
	} good[] = {
		{"250ms", PGAF_MSEC(250), "250ms"},
		{"1.5s", PGAF_MSEC(1500), "1500ms"},
		{"10min", PGAF_SECONDS(600), "10min"},
		{"2h", PGAF_SECONDS(7200), "2h"},
		{"1d", PGAF_SECONDS(86400), "24h"},
		{"90s", PGAF_SECONDS(90), "90s"},
		{"0", 0, "0"},
		{"0s", 0, "0"},
		{"0.001ms", PGAF_USEC(1), "1us"},
		{"7ns", 7, "7ns"},
		{"9223372036s", PGAF_SECONDS(INT64_C(9223372036)), "9223372036s"},
	};
	static const char *const bad[] = {"",
	                                  "5",
	                                  "s",
	                                  "-1s",
	                                  "1 s",
	                                  "1.s",
	                                  ".5s",
	                                  "1e3s",
	                                  "1sec",
	                                  "1M",
	                                  "1s ",
	                                  " 1s",
	                                  "9999999999999999s",
	                                  "9223372037s",
	                                  "1.2.3s"};
	pgaf_time value = 0;

	for (size_t i = 0; i < COUNT(good); i++) {
		char shown[32] = "";
		struct text text = TEXT(shown);
		ck_assert_msg(duration_parse(good[i].written, &value), "%s", good[i].written);
		ck_assert_int_eq(value, good[i].value);
		duration_format(value, &text);
		ck_assert_str_eq(shown, good[i].shown);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(!duration_parse(bad[i], &value), "%s", bad[i]);

	char never[16] = "";
	struct text text = TEXT(never);
	duration_format(PGAF_NEVER, &text);
	ck_assert_str_eq(never, "never");
}
END_TEST

START_TEST(test_sizes)
{
	static const struct {
		const char *written;
		uint64_t value;
		const char *shown;
	} good[] = {
		{"10MB", 10 << 20, "10MB"},
		{"1GB", 1 << 30, "1GB"},
		{"16kB", 16384, "16kB"},
		{"8192", 8192, "8kB"},
		{"1.5GB", 1536u << 20, "1536MB"},
		{"0", 0, "0B"},
		{"5B", 5, "5B"},
		{"2TB", UINT64_C(2) << 40, "2TB"},
	};
	static const char *const bad[] = {"", "MB", "-1", "1mb", "1 MB", "9999999999TB"};
	uint64_t value = 0;

	for (size_t i = 0; i < COUNT(good); i++) {
		char shown[32] = "";
		struct text text = TEXT(shown);
		ck_assert_msg(size_parse(good[i].written, &value), "%s", good[i].written);
		ck_assert_uint_eq(value, good[i].value);
		size_format(value, &text);
		ck_assert_str_eq(shown, good[i].shown);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(!size_parse(bad[i], &value), "%s", bad[i]);
}
END_TEST

START_TEST(test_addresses)
{
	static const struct {
		const char *written;
		const char *host;
		uint16_t port;
	} good[] = {
		{"db1:5432", "db1", 5432},
		{":8008", "", 8008},
		{"[::]:8008", "::", 8008},
		{"[fe80::1%eth0]:1", "fe80::1%eth0", 1},
		{"127.0.0.1:65535", "127.0.0.1", 65535},
	};
	static const char *const bad[] = {"",        "db1",     "db1:",      "db1:0",  "db1:65536",
	                                  "::1:80",  "[]:80",   "[::1:80",   "a b:80", "a:b:80",
	                                  "[::1]80", "db1:80 ", "[::1]x:80", "off"};
	char host[64];
	uint16_t port = 0;

	for (size_t i = 0; i < COUNT(good); i++) {
		ck_assert_msg(address_split(good[i].written, host, sizeof(host), &port), "%s",
		              good[i].written);
		ck_assert_str_eq(host, good[i].host);
		ck_assert_uint_eq(port, good[i].port);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(!address_split(bad[i], host, sizeof(host), &port), "%s", bad[i]);
	ck_assert(!address_split("abcdefgh:1", host, 8, &port));
}
END_TEST

int
main(void)
{
	Suite *all = suite_create("units");
	TCase *tests = tcase_create("units");

	tcase_add_test(tests, test_durations);
	tcase_add_test(tests, test_sizes);
	tcase_add_test(tests, test_addresses);
	suite_add_tcase(all, tests);

	SRunner *runner = srunner_create(all);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
