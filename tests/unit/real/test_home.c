/* SPDX-License-Identifier: PostgreSQL */
/* Directories, locks, identity, and options of other versions of the library. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pgaf/keeper.h>
#include <pgaf/monitor.h>

#include "base/pure/text.h"
#include "engine/real/api.h"
#include "engine/real/home.h"
#include "engine/real/identity.h"
#include "unit/root.h"

static char root[ROOT_MAX];
static char pgdata[128];

static void
start(void)
{
	root_make(root, "home");
	snprintf(pgdata, sizeof(pgdata), "%s/data", root);
}

static void
stop(void)
{
	root_remove(root);
}

/* ---- directories and locks ---------------------------------------------------------- */

START_TEST(test_home_makes_what_is_missing)
{
	struct home home;
	struct pgaf_error error;
	struct stat st;

	ck_assert_int_eq(home_open(&home, pgdata, NULL, &error), 0);
	ck_assert_int_eq(stat(home.state_dir, &st), 0);
	ck_assert_int_eq((int)(st.st_mode & 0777), 0700);
	ck_assert_int_eq(stat(pgdata, &st), 0);
	ck_assert_ptr_nonnull(strstr(home.state_dir, "/data.pgaf"));
	home_close(&home);
}
END_TEST

START_TEST(test_home_admits_one)
{
	struct home home;
	struct home second;
	struct pgaf_error error = {0};
	char other[160];

	ck_assert_int_eq(home_open(&home, pgdata, NULL, &error), 0);
	ck_assert_int_eq(home_open(&second, pgdata, NULL, &error), PGAF_EREFUSED);
	ck_assert_ptr_nonnull(strstr(error.text, pgdata));
	home_close(&second);

	snprintf(other, sizeof(other), "%s/state", root);
	ck_assert_int_eq(home_open(&second, pgdata, other, &error), PGAF_EREFUSED);
	ck_assert_ptr_nonnull(strstr(error.text, pgdata));
	home_close(&second);

	home_close(&home);
	ck_assert_int_eq(home_open(&home, pgdata, other, &error), 0);
	home_close(&home);
}
END_TEST

START_TEST(test_home_locks_the_directory_that_took_the_place)
{
	struct home home;
	struct home second;
	struct pgaf_error error;
	char away[160];
	char other[160];

	snprintf(away, sizeof(away), "%s/away", root);
	snprintf(other, sizeof(other), "%s/state", root);
	ck_assert_int_eq(home_open(&home, pgdata, NULL, &error), 0);
	ck_assert_int_eq(rename(pgdata, away), 0);
	ck_assert_int_eq(mkdir(pgdata, 0700), 0);
	ck_assert_int_eq(home_lock_again(&home, &error), 0);
	ck_assert_int_eq(home_open(&second, pgdata, other, &error), PGAF_EREFUSED);
	home_close(&second);
	home_close(&home);
}
END_TEST

START_TEST(test_home_refuses_what_belongs_to_others)
{
	struct home home;
	struct pgaf_error error = {0};

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(mkdir(pgdata, 0700), 0);
	ck_assert_int_eq(chown(pgdata, 1, 1), 0);
	ck_assert_int_eq(home_open(&home, pgdata, NULL, &error), PGAF_EREFUSED);
	ck_assert_ptr_nonnull(strstr(error.text, "chown -R root: "));
	home_close(&home);
}
END_TEST

START_TEST(test_home_wants_absolute_paths)
{
	struct home home;
	struct pgaf_error error = {0};

	ck_assert_int_eq(home_set_paths(&home, "data", NULL, &error), PGAF_ECONFIG);
	ck_assert_int_eq(home_set_paths(&home, "/data", "state", &error), PGAF_ECONFIG);
	ck_assert_int_eq(home_set_paths(&home, "/data///", NULL, &error), 0);
	ck_assert_str_eq(home.pgdata, "/data");
	ck_assert_str_eq(home.state_dir, "/data.pgaf");
}
END_TEST

/* ---- identity -------------------------------------------------------------------------- */

START_TEST(test_identity_comes_back)
{
	struct home home;
	struct pgaf_error error = {0};
	struct identity read;
	bool known = true;
	const struct identity written = {
		.node_id = 7,
		.incarnation = UINT64_C(0xfedcba9876543210),
		.group_id = 2,
		.formation = "accounts",
		.token = "a-token",
		.replicator_password = "one=two",
		.probe_password = "three",
	};

	ck_assert_int_eq(home_open(&home, pgdata, NULL, &error), 0);
	ck_assert_int_eq(identity_load(&home, &read, &known, &error), 0);
	ck_assert(!known && read.node_id == 0);

	ck_assert_int_eq(identity_save(&home, &written, &error), 0);
	ck_assert_int_eq(identity_load(&home, &read, &known, &error), 0);
	ck_assert(known);
	ck_assert(identity_is_same(&read, &written));
	home_close(&home);
}
END_TEST

START_TEST(test_identity_that_is_damaged_is_not_guessed)
{
	struct home home;
	struct pgaf_error error = {0};
	struct identity read;
	bool known = false;
	char path[HOME_PATH_MAX + 64];
	FILE *file = NULL;

	ck_assert_int_eq(home_open(&home, pgdata, NULL, &error), 0);
	home_path(&home, "identity", path);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs("node_id=\n", file);
	fclose(file);
	ck_assert_int_eq(identity_load(&home, &read, &known, &error), PGAF_EREFUSED);
	ck_assert_ptr_nonnull(strstr(error.text, path));
	home_close(&home);
}
END_TEST

START_TEST(test_note_comes_back_and_a_cut_one_is_refused)
{
	struct home home;
	struct pgaf_error error = {0};
	struct note read;
	char line[IDENTITY_NOTE_MAX];
	struct text text = TEXT(line);
	const struct note written = {
		.node_id = 3, .epoch = 12, .role = NOTE_PRIMARY, .timeline = 4, .claimed = true};

	ck_assert_int_eq(home_open(&home, pgdata, NULL, &error), 0);
	ck_assert_int_eq(identity_load_note(&home, &read, &error), 0);
	ck_assert_uint_eq(read.node_id, 0);

	note_write(&written, &text);
	ck_assert_int_eq(identity_save_note(&home, line, &error), 0);
	ck_assert_int_eq(identity_load_note(&home, &read, &error), 0);
	ck_assert_uint_eq(read.node_id, 3);
	ck_assert_uint_eq(read.epoch, 12);
	ck_assert_int_eq(read.role, NOTE_PRIMARY);

	line[8] = '\0';
	ck_assert_int_eq(identity_save_note(&home, line, &error), 0);
	ck_assert_int_lt(identity_load_note(&home, &read, &error), 0);
	home_close(&home);
}
END_TEST

/* ---- options of other versions --------------------------------------------------------------- */

struct options {
	size_t size;
	int    one;
	int    two;
};

START_TEST(test_options_of_an_older_program_are_filled_up)
{
	struct options to = {.two = 5};
	const struct options from = {.size = offsetof(struct options, two), .one = 1, .two = 9};
	struct pgaf_error error = {0};

	ck_assert_int_eq(api_take_options(&to, sizeof(to), &from, &error), 0);
	ck_assert_int_eq(to.one, 1);
	ck_assert_int_eq(to.two, 0);
}
END_TEST

START_TEST(test_options_of_a_newer_program_are_taken_when_unused)
{
	struct {
		struct options known;
		int            three;
	} from = {.known = {.size = sizeof(from), .one = 1}};
	struct options to;
	struct pgaf_error error = {0};

	ck_assert_int_eq(api_take_options(&to, sizeof(to), &from, &error), 0);
	ck_assert_int_eq(to.one, 1);
	from.three = 1;
	ck_assert_int_eq(api_take_options(&to, sizeof(to), &from, &error), PGAF_E2BIG);
	from.known.size = 0;
	ck_assert_int_eq(api_take_options(&to, sizeof(to), &from, &error), PGAF_EINVAL);
}
END_TEST

static int
judge_keeper(struct pgaf_keeper_options options, struct pgaf_error *error)
{
	options.size = sizeof(options);
	return pgaf_keeper_check(&options, error);
}

START_TEST(test_keeper_options_are_judged_without_touching_anything)
{
	static const char *const monitors[] = {"postgres://pgaf_keeper@127.0.0.1:1/pgaf"};
	static const char *const wrong[] = {"http://example"};
	struct pgaf_error error;
	struct stat st;

	ck_assert_int_eq(judge_keeper((struct pgaf_keeper_options){.pgdata = pgdata,
	                                                           .monitors = monitors,
	                                                           .monitor_count = 1},
	                              &error),
	                 0);
	ck_assert_int_eq(
		judge_keeper((struct pgaf_keeper_options){.monitors = monitors, .monitor_count = 1},
	                     &error),
		PGAF_ECONFIG);
	ck_assert_int_eq(judge_keeper((struct pgaf_keeper_options){.pgdata = pgdata}, &error),
	                 PGAF_ECONFIG);
	ck_assert_int_eq(judge_keeper((struct pgaf_keeper_options){.pgdata = pgdata,
	                                                           .monitors = wrong,
	                                                           .monitor_count = 1},
	                              &error),
	                 PGAF_ECONFIG);
	ck_assert_ptr_nonnull(strstr(error.text, "http://example"));
	ck_assert_int_eq(judge_keeper((struct pgaf_keeper_options){.pgdata = pgdata,
	                                                           .monitors = monitors,
	                                                           .monitor_count = 1,
	                                                           .candidate_priority = 101},
	                              &error),
	                 PGAF_ECONFIG);
	ck_assert_int_lt(stat(pgdata, &st), 0);
}
END_TEST

START_TEST(test_monitor_options_are_judged)
{
	struct pgaf_monitor_options options = {.size = sizeof(options)};
	struct pgaf_error error;

	ck_assert_int_eq(pgaf_monitor_check(&options, &error), PGAF_ECONFIG);
	options.pgdata = pgdata;
	ck_assert_int_eq(pgaf_monitor_check(&options, NULL), 0);
	options.store_uri = "postgres://localhost/pgaf";
	ck_assert_int_eq(pgaf_monitor_check(&options, &error), PGAF_ECONFIG);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("home");
	TCase *tests = tcase_create("home");
	SRunner *runner = NULL;
	int failed = 0;

	tcase_add_checked_fixture(tests, start, stop);
	tcase_add_test(tests, test_home_makes_what_is_missing);
	tcase_add_test(tests, test_home_admits_one);
	tcase_add_test(tests, test_home_locks_the_directory_that_took_the_place);
	tcase_add_test(tests, test_home_refuses_what_belongs_to_others);
	tcase_add_test(tests, test_home_wants_absolute_paths);
	tcase_add_test(tests, test_identity_comes_back);
	tcase_add_test(tests, test_identity_that_is_damaged_is_not_guessed);
	tcase_add_test(tests, test_note_comes_back_and_a_cut_one_is_refused);
	tcase_add_test(tests, test_options_of_an_older_program_are_filled_up);
	tcase_add_test(tests, test_options_of_a_newer_program_are_taken_when_unused);
	tcase_add_test(tests, test_keeper_options_are_judged_without_touching_anything);
	tcase_add_test(tests, test_monitor_options_are_judged);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
