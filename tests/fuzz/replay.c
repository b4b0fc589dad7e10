/* SPDX-License-Identifier: PostgreSQL */
/*
 * Gives a target every file of its corpus, and every file cut short at each of
 * its first bytes, so that what was found once stays found in every build.
 * usage: test_fuzz_NAME [FILE]...
 */

#include "fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CUTS 64 /* of each file: more take longer than they find */

static unsigned fed;

/* In memory of its own size, so that valgrind and ASan see a step past the end. */
static void
feed_bytes(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	FUZZ_CHECK(copy != NULL);
	if (size > 0)
		memcpy(copy, bytes, size);
	FUZZ_CHECK(LLVMFuzzerTestOneInput(copy, size) == 0);
	free(copy);
	fed++;
}

static void
feed(const char *path)
{
	static uint8_t bytes[1 << 20];
	FILE *file = fopen(path, "re");

	if (file == NULL) {
		perror(path);
		exit(1);
	}
	size_t size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	/* Seen when it fails: which file it was. */
	printf("%s\n", path);
	fflush(stdout);
	feed_bytes(bytes, size);
	for (size_t cut = 1; cut <= CUTS; cut++)
		feed_bytes(bytes, size * cut / (CUTS + 1));
}

static int
is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void
feed_corpus(void)
{
	struct dirent **entries = NULL;
	int count = scandir(CORPUS, &entries, is_file, alphasort);

	for (int i = 0; i < count; i++) {
		char path[4096];
		snprintf(path, sizeof(path), "%s/%s", CORPUS, entries[i]->d_name);
		feed(path);
		free(entries[i]);
	}
	free(entries);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		feed(argv[i]);
	if (argc == 1)
		feed_corpus();
	if (fed == 0) {
		fprintf(stderr, "%s: no corpus\n", CORPUS);
		return 1;
	}
	printf("%u inputs\n", fed);
	return 0;
}
