/* SPDX-License-Identifier: PostgreSQL */
/* Files that last, secrets, directories, locks, and the way from root to a user. */

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/privileges.h"
#include "base/pure/text.h"

static char folder[64];
static char path[128];
static struct pgaf_error error;

static const char *
inside(const char *name)
{
	struct text text = TEXT(path);

	text_addf(&text, "%s/%s", folder, name);
	return path;
}

static void
start(void)
{
	error = (struct pgaf_error){0};
	text_copy(folder, sizeof(folder), "/tmp/pgaf-files-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
stop(void)
{
	DIR *all = opendir(folder);
	struct dirent *entry = NULL;

	while ((entry = readdir(all)) != NULL)
		if (entry->d_name[0] != '.' && unlinkat(dirfd(all), entry->d_name, 0) != 0)
			unlinkat(dirfd(all), entry->d_name, AT_REMOVEDIR);
	closedir(all);
	rmdir(folder);
}

static int
count_entries(void)
{
	DIR *all = opendir(folder);
	int count = -2; /* . and .. */

	while (readdir(all) != NULL)
		count++;
	closedir(all);
	return count;
}

static mode_t
mode_of(const char *name)
{
	struct stat about;

	ck_assert_int_eq(stat(name, &about), 0);
	return about.st_mode & 07777;
}

static void
expect_text(const char *expected)
{
	/* Whatever the folder is called. */
	const char *at = strstr(error.text, folder);
	char said[512] = "";
	struct text text = TEXT(said);
	const char *rest = error.text;

	for (; at != NULL; at = strstr(rest, folder)) {
		text_add_bytes(&text, rest, (size_t)(at - rest));
		text_add(&text, "DIR");
		rest = at + strlen(folder);
	}
	text_add(&text, rest);
	ck_assert_str_eq(said, expected);
}

START_TEST(test_write_and_read_back)
{
	char *bytes = NULL;
	size_t count = 0;

	ck_assert_int_eq(files_write(inside("note"), "one", 3, 0640, &error), 0);
	ck_assert_int_eq(files_write(inside("note"), "t\0wo", 4, 0600, &error), 0);
	ck_assert_int_eq(files_read(inside("note"), 4, &bytes, &count, &error), 0);
	ck_assert_uint_eq(count, 4);
	ck_assert_mem_eq(bytes, "t\0wo", 5);
	ck_assert_int_eq(mode_of(path), 0600);
	ck_assert_int_eq(count_entries(), 1);
	free(bytes);
}
END_TEST

START_TEST(test_what_another_program_wrote_takes_its_place)
{
	char from[160];
	char *bytes = NULL;

	ck_assert_int_eq(files_write(inside("key.new"), "new", 3, 0644, &error), 0);
	text_copy(from, sizeof(from), path);
	ck_assert_int_eq(files_write(inside("key"), "old", 3, 0644, &error), 0);

	ck_assert_int_eq(files_settle(from, path, 0600, &error), 0);

	ck_assert_int_eq(files_read(path, 10, &bytes, NULL, &error), 0);
	ck_assert_str_eq(bytes, "new");
	ck_assert_int_eq(mode_of(path), 0600);
	ck_assert_int_eq(count_entries(), 1);
	free(bytes);
	ck_assert_int_eq(files_settle(from, path, 0600, &error), PGAF_ESYS);
	expect_text("read DIR/key.new: No such file or directory");
	ck_assert_int_eq(mode_of(path), 0600);
}
END_TEST

START_TEST(test_write_that_fails_leaves_the_old_content)
{
	ck_assert_int_eq(files_write(inside("missing/note"), "x", 1, 0600, &error), PGAF_ESYS);
	ck_assert_int_eq(error.sys, ENOENT);
	expect_text("write DIR/missing/note: No such file or directory");

	ck_assert_int_eq(mkdir(inside("taken"), 0700), 0);
	ck_assert_int_eq(files_write(inside("taken"), "x", 1, 0600, &error), PGAF_ESYS);
	expect_text("write DIR/taken: Is a directory");
	ck_assert_int_eq(count_entries(), 1);
}
END_TEST

START_TEST(test_read_says_what_is_wrong)
{
	char *bytes = NULL;

	ck_assert_int_eq(files_read(inside("none"), 10, &bytes, NULL, &error), PGAF_ENOENT);
	ck_assert_int_eq(error.code, PGAF_ENOENT);
	expect_text("read DIR/none: No such file or directory");
	ck_assert_int_eq(files_write(inside("big"), "12345", 5, 0600, &error), 0);
	ck_assert_int_eq(files_read(inside("big"), 4, &bytes, NULL, &error), PGAF_E2BIG);
	expect_text("read DIR/big: more than 4 bytes");
	ck_assert_int_eq(files_read(folder, 4, &bytes, NULL, &error), PGAF_ESYS);
	expect_text("read DIR: Is a directory");
}
END_TEST

static int
read_secret(const char *content, size_t count, char *to, size_t room)
{
	ck_assert_int_eq(files_write(inside("secret"), content, count, 0640, &error), 0);
	return files_read_secret(path, to, room, &error);
}

START_TEST(test_secret_is_one_line)
{
	char secret[9];

	ck_assert_int_eq(read_secret("word\n", 5, secret, sizeof(secret)), 0);
	ck_assert_str_eq(secret, "word");
	ck_assert_int_eq(read_secret("12345678\n", 9, secret, sizeof(secret)), 0);
	ck_assert_str_eq(secret, "12345678");
	ck_assert_int_eq(read_secret("12345678", 8, secret, sizeof(secret)), 0);
	ck_assert_int_eq(read_secret("123456789", 9, secret, sizeof(secret)), PGAF_ECONFIG);
	expect_text("the secret in DIR/secret is longer than 8 bytes");
	ck_assert_int_eq(read_secret("\n", 1, secret, sizeof(secret)), PGAF_ECONFIG);
	expect_text("the secret file DIR/secret is empty");
	ck_assert_int_eq(read_secret("a\nb\n", 4, secret, sizeof(secret)), PGAF_ECONFIG);
	expect_text("the secret file DIR/secret holds more than one line of text");
	ck_assert_int_eq(read_secret("a\0b", 3, secret, sizeof(secret)), PGAF_ECONFIG);
	expect_text("the secret file DIR/secret holds more than one line of text");
}
END_TEST

START_TEST(test_secret_for_everybody_is_refused)
{
	char secret[9];

	ck_assert_int_eq(files_write(inside("secret"), "word", 4, 0644, &error), 0);
	ck_assert_int_eq(files_read_secret(path, secret, sizeof(secret), &error), PGAF_ECONFIG);
	expect_text("the secret file DIR/secret can be read by everybody; "
	            "run: chmod o-rwx DIR/secret");
	ck_assert_int_eq(files_read_secret(inside("none"), secret, sizeof(secret), &error),
	                 PGAF_ENOENT);
}
END_TEST

START_TEST(test_directories_are_made_with_those_above)
{
	umask(077);
	ck_assert_int_eq(files_make_directories(inside("a/b/c"), 0700, FILES_OWNER_SELF, &error),
	                 0);
	ck_assert_int_eq(mode_of(path), 0700);
	ck_assert_int_eq(mode_of(inside("a")), 0755);
	ck_assert_int_eq(files_make_directories(inside("a/b/c/"), 0750, FILES_OWNER_SELF, &error),
	                 0);
	ck_assert_int_eq(mode_of(path), 0700);
	ck_assert_int_eq(files_write(inside("a/b/f"), "", 0, 0600, &error), 0);
	ck_assert_int_eq(files_make_directories(inside("a/b/f"), 0700, FILES_OWNER_SELF, &error),
	                 PGAF_ESYS);
	expect_text("make the directory DIR/a/b/f: Not a directory");
	ck_assert_int_eq(files_make_directories(inside("a/b/f/g"), 0700, FILES_OWNER_SELF, &error),
	                 PGAF_ESYS);
	expect_text("make the directory DIR/a/b/f/g: Not a directory");

	unlink(inside("a/b/f"));
	rmdir(inside("a/b/c"));
	rmdir(inside("a/b"));
}
END_TEST

START_TEST(test_lock_names_its_holder)
{
	char expected[64] = "";
	struct text text = TEXT(expected);
	int held = files_lock(inside("lock"), &error);
	ck_assert_int_ge(held, 0);

	ck_assert_int_eq(files_lock(inside("lock"), &error), PGAF_EREFUSED);
	text_addf(&text, "DIR/lock is locked by process %ld", (long)getpid());
	expect_text(expected);
	close(held);
	held = files_lock(inside("lock"), &error);
	ck_assert_int_ge(held, 0);
	close(held);
}
END_TEST

START_TEST(test_lock_of_a_directory)
{
	int held = files_lock_directory(folder, &error);
	ck_assert_int_ge(held, 0);

	ck_assert_int_eq(files_lock_directory(folder, &error), PGAF_EREFUSED);
	expect_text("DIR is locked by another process");
	ck_assert_int_eq(count_entries(), 0);
	close(held);
	ck_assert_int_eq(files_lock_directory(inside("none"), &error), PGAF_ESYS);
	expect_text("lock the directory DIR/none: No such file or directory");
}
END_TEST

/* ---- privileges --------------------------------------------------------------------------- */

START_TEST(test_accounts)
{
	struct account account;

	ck_assert_int_eq(privileges_find("root", &account, &error), 0);
	ck_assert_uint_eq(account.user, 0);
	ck_assert_int_eq(privileges_find("0", &account, &error), 0);
	ck_assert_str_eq(account.name, "root");
	ck_assert_int_eq(privileges_find("no-such-user", &account, &error), PGAF_ECONFIG);
	ck_assert_str_eq(error.text, "there is no user \"no-such-user\"");
	ck_assert_int_eq(privileges_self(&account, &error), 0);
	ck_assert_uint_eq(account.user, geteuid());
	ck_assert_int_eq(privileges_drop(&account, &error), 0);
}
END_TEST

static int
become_nobody(void)
{
	struct account nobody;
	struct account root;

	if (privileges_find("nobody", &nobody, &error) != 0)
		return 1;
	if (privileges_drop(&nobody, &error) != 0)
		return 2;
	if (geteuid() != nobody.user || getegid() != nobody.group || setuid(0) == 0)
		return 3;
	if (strcmp(getenv("USER"), "nobody") != 0)
		return 4;
	if (privileges_drop(&nobody, &error) != 0)
		return 5;
	if (privileges_find("root", &root, &error) != 0)
		return 6;
	return privileges_drop(&root, &error) == PGAF_EREFUSED ? 0 : 7;
}

START_TEST(test_root_becomes_a_user_for_good)
{
	int status = 0;

	if (geteuid() != 0)
		return;
	pid_t pid = fork();
	if (pid == 0)
		_exit(become_nobody());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

int
main(void)
{
	Suite *all = suite_create("files");
	TCase *tests = tcase_create("files");

	tcase_add_checked_fixture(tests, start, stop);
	tcase_add_test(tests, test_write_and_read_back);
	tcase_add_test(tests, test_what_another_program_wrote_takes_its_place);
	tcase_add_test(tests, test_write_that_fails_leaves_the_old_content);
	tcase_add_test(tests, test_read_says_what_is_wrong);
	tcase_add_test(tests, test_secret_is_one_line);
	tcase_add_test(tests, test_secret_for_everybody_is_refused);
	tcase_add_test(tests, test_directories_are_made_with_those_above);
	tcase_add_test(tests, test_lock_names_its_holder);
	tcase_add_test(tests, test_lock_of_a_directory);
	tcase_add_test(tests, test_accounts);
	tcase_add_test(tests, test_root_becomes_a_user_for_good);
	suite_add_tcase(all, tests);

	SRunner *runner = srunner_create(all);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
