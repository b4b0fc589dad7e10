/* SPDX-License-Identifier: PostgreSQL */
/* A ring of files: bounded, private, one piece in one file, and a failure leaves no trace. */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/ring.h"
#include "unit/root.h"

#define NAME "story"
#define HEAD "head\n"

static char root[ROOT_MAX];
static char directory[128];
static struct pgaf_error error;

static void
start(void)
{
	root_make(root, "ring");
	snprintf(directory, sizeof(directory), "%s/recording", root);
}

static void
stop(void)
{
	root_remove(root);
}

static struct ring *
ring_make(uint64_t size)
{
	struct ring *ring = ring_new(&(struct ring_options){
		.directory = directory, .name = NAME, .head = HEAD, .size = size});

	ck_assert_ptr_nonnull(ring);
	return ring;
}

static void
put(struct ring *ring, const char *bytes)
{
	ck_assert_msg(ring_write(ring, bytes, strlen(bytes), &error) == 0, "%s", error.text);
}

/* All of one file, malloc'ed. */
static char *
content(uint32_t number)
{
	char path[256];
	char *bytes = NULL;

	ck_assert(ring_path(directory, NAME, number, path, sizeof(path)));
	ck_assert_msg(files_read(path, 1 << 20, &bytes, NULL, &error) == 0, "%s", error.text);
	return bytes;
}

static void
expect(uint32_t number, const char *wanted)
{
	char *bytes = content(number);

	ck_assert_str_eq(bytes, wanted);
	free(bytes);
}

static int
count_files(uint32_t *first)
{
	uint32_t *numbers = NULL;
	int count = ring_list(directory, NAME, &numbers, &error);

	if (count > 0 && first)
		*first = numbers[0];
	free(numbers);
	return count;
}

START_TEST(test_ring_is_private)
{
	struct ring *ring = ring_make(1 << 20);
	char path[256];
	struct stat about;

	/* Nothing is touched before there is something to write. */
	ck_assert_int_ne(stat(directory, &about), 0);
	put(ring, "one\n");
	ck_assert_int_eq(stat(directory, &about), 0);
	ck_assert_uint_eq(about.st_mode & 0777, 0700);
	ck_assert(ring_path(directory, NAME, 1, path, sizeof(path)));
	ck_assert_int_eq(stat(path, &about), 0);
	ck_assert_uint_eq(about.st_mode & 0777, 0600);
	expect(1, HEAD "one\n");
	ring_free(ring);
}
END_TEST

START_TEST(test_ring_never_takes_more_than_its_size)
{
	enum { SIZE = 8000, PIECE = 300 };
	struct ring *ring = ring_make(SIZE);
	char piece[PIECE + 1];

	for (unsigned i = 1; i <= 400; i++) {
		uint64_t total = 0;
		uint32_t *numbers = NULL;

		memset(piece, 'a' + (int)(i % 26), PIECE - 1);
		piece[PIECE - 1] = '\n';
		piece[PIECE] = '\0';
		put(ring, piece);
		int count = ring_list(directory, NAME, &numbers, &error);
		ck_assert_int_gt(count, 0);
		for (int k = 0; k < count; k++) {
			char *bytes = content(numbers[k]);

			/* Whole pieces behind a head. */
			ck_assert_int_eq(strncmp(bytes, HEAD, strlen(HEAD)), 0);
			ck_assert_uint_eq((strlen(bytes) - strlen(HEAD)) % PIECE, 0);
			total += strlen(bytes);
			free(bytes);
		}
		free(numbers);
		ck_assert_uint_le(total, SIZE);
		/* When it is full, most of what fits is kept. */
		if (i > SIZE / PIECE)
			ck_assert_uint_ge(total, SIZE * 3 / 4 - PIECE);
	}
	ring_free(ring);
}
END_TEST

START_TEST(test_next_process_goes_on)
{
	struct ring *ring = ring_make(1 << 20);
	char path[256];

	put(ring, "one\n");
	ring_free(ring);
	ring = ring_make(1 << 20);
	put(ring, "two\n");
	ring_free(ring);
	expect(1, HEAD "one\ntwo\n");

	/* A line that the last one did not finish does not swallow ours. */
	ck_assert(ring_path(directory, NAME, 1, path, sizeof(path)));
	ck_assert_int_eq(truncate(path, (off_t)strlen(HEAD "one\ntw")), 0);
	ring = ring_make(1 << 20);
	put(ring, "three\n");
	ring_free(ring);
	expect(1, HEAD "one\ntw\nthree\n");

	/* Another first line, and a file that others may read, are left alone. */
	ring = ring_new(&(struct ring_options){
		.directory = directory, .name = NAME, .head = "newer\n", .size = 1 << 20});
	put(ring, "four\n");
	ring_free(ring);
	expect(2, "newer\nfour\n");
	ck_assert(ring_path(directory, NAME, 2, path, sizeof(path)));
	ck_assert_int_eq(chmod(path, 0644), 0);
	ring = ring_make(1 << 20);
	put(ring, "five\n");
	ring_free(ring);
	expect(3, HEAD "five\n");
	ck_assert_int_eq(count_files(NULL), 3);
}
END_TEST

START_TEST(test_links_are_not_followed)
{
	char path[256], target[256], *bytes = NULL;
	struct ring *ring = ring_make(1 << 20);

	put(ring, "one\n");
	ring_free(ring);
	ck_assert(ring_path(directory, NAME, 2, path, sizeof(path)));
	snprintf(target, sizeof(target), "%s/target", root);
	ck_assert_int_eq(files_write(target, HEAD, strlen(HEAD), 0600, &error), 0);
	ck_assert_int_eq(symlink(target, path), 0);
	ring = ring_make(1 << 20);
	put(ring, "two\n");
	ring_free(ring);
	expect(3, HEAD "two\n");
	ck_assert_int_eq(files_read(target, 100, &bytes, NULL, &error), 0);
	ck_assert_str_eq(bytes, HEAD);
	free(bytes);
}
END_TEST

START_TEST(test_removed_file_is_made_again)
{
	struct ring *ring = ring_make(1 << 20);
	char path[256];

	put(ring, "one\n");
	ck_assert(ring_path(directory, NAME, 1, path, sizeof(path)));
	ck_assert_int_eq(unlink(path), 0);
	put(ring, "two\n");
	expect(1, HEAD "two\n");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(directory), 0);
	put(ring, "three\n");
	expect(1, HEAD "three\n");
	ring_free(ring);
}
END_TEST

/* The disk is full: what was written of a piece is taken back, and later all goes on. */
START_TEST(test_full_disk)
{
	struct rlimit limit = {.rlim_cur = 64, .rlim_max = RLIM_INFINITY};
	struct ring *ring = ring_make(1 << 20);
	char piece[100];

	memset(piece, 'x', sizeof(piece));
	signal(SIGXFSZ, SIG_IGN);
	put(ring, "one\n");
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(ring_write(ring, piece, sizeof(piece), &error), PGAF_ESYS);
	ck_assert_ptr_nonnull(strstr(error.text, directory));
	expect(1, HEAD "one\n");
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	put(ring, "two\n");
	expect(1, HEAD "one\ntwo\n");
	ring_free(ring);
}
END_TEST

START_TEST(test_directory_that_cannot_be)
{
	struct ring *ring = NULL;

	snprintf(directory, sizeof(directory), "/proc/pgaf-ring");
	ring = ring_make(1 << 20);
	ck_assert_int_eq(ring_write(ring, "one\n", 4, &error), PGAF_ESYS);
	ck_assert_int_eq(ring_write(ring, "one\n", 4, &error), PGAF_ESYS);
	ck_assert_int_lt(count_files(NULL), 0);
	ring_free(ring);
}
END_TEST

/* Names that are none of ours, and numbers beyond six digits. */
START_TEST(test_names)
{
	const char *names[] = {"story-000007.txt", "story-1000000.txt",    "story-00001.txt",
	                       "story-000000.txt", "story-000008.txt~",    "other-000009.txt",
	                       "story-00000a.txt", "story-99999999999.txt"};
	char path[256];
	struct ring *ring = ring_make(1 << 20);
	uint32_t first = 0;

	ck_assert_int_eq(files_make_directories(directory, 0700, FILES_OWNER_SELF, &error), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		ck_assert_int_eq(files_write(path, "x", 1, 0600, &error), 0);
	}
	ck_assert_int_eq(count_files(&first), 2);
	ck_assert_uint_eq(first, 7);
	put(ring, "one\n");
	expect(1000001, HEAD "one\n");
	ring_free(ring);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ring");
	TCase *tcase = tcase_create("ring");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tcase, start, stop);
	tcase_add_test(tcase, test_ring_is_private);
	tcase_add_test(tcase, test_ring_never_takes_more_than_its_size);
	tcase_add_test(tcase, test_next_process_goes_on);
	tcase_add_test(tcase, test_links_are_not_followed);
	tcase_add_test(tcase, test_removed_file_is_made_again);
	tcase_add_test(tcase, test_full_disk);
	tcase_add_test(tcase, test_directory_that_cannot_be);
	tcase_add_test(tcase, test_names);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
