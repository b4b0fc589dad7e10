/* SPDX-License-Identifier: PostgreSQL */
/* Strings, files and rows made of the bytes of an input. */

#include "fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[256];

_Noreturn void
fuzz_failed(const char *file, int line, const char *what, const char *function)
{
	fprintf(stderr, "%s:%d: %s: does not hold: %s\n", file, line, function, what);
	abort();
}

char *
fuzz_string(const uint8_t *data, size_t size)
{
	char *string = malloc(size + 1);

	FUZZ_CHECK(string != NULL);
	if (size > 0)
		memcpy(string, data, size);
	string[size] = '\0';
	return string;
}

char *
fuzz_field(char **rest, char end)
{
	char *field = *rest;
	char *stop = strchr(field, end);

	*rest = stop != NULL ? stop + 1 : field + strlen(field);
	if (stop != NULL)
		*stop = '\0';
	return field;
}

/* ---- files --------------------------------------------------------------------------------- */

static int
remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where)
{
	(void)about;
	(void)kind;
	(void)where;
	return remove(path);
}

static void
remove_directory(void)
{
	nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
fuzz_directory(void)
{
	const char *parent = getenv("TMPDIR");

	if (directory[0] != '\0')
		return directory;
	/* In memory: thousands of files a second, of which none has to last. */
	if (parent == NULL)
		parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(directory, sizeof(directory), "%s/pgaf-fuzz-XXXXXX", parent);
	FUZZ_CHECK(mkdtemp(directory) != NULL);
	atexit(remove_directory);
	return directory;
}

const char *
fuzz_file(const char *name, const void *bytes, size_t size)
{
	static char path[512];
	const char *slash = strchr(name, '/');

	snprintf(path, sizeof(path), "%s/%.*s", fuzz_directory(),
	         slash != NULL ? (int)(slash - name) : 0, name);
	FUZZ_CHECK(mkdir(path, 0700) == 0 || errno == EEXIST);
	snprintf(path, sizeof(path), "%s/%s", fuzz_directory(), name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(write(fd, bytes, size) == (ssize_t)size);
	close(fd);
	return path;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void
add_row(PGresult *rows, int row, int columns, char *line)
{
	for (int column = 0; column < columns; column++) {
		char *value = fuzz_field(&line, '\t');
		bool null = strcmp(value, "\\N") == 0;

		FUZZ_CHECK(PQsetvalue(rows, row, column, null ? NULL : value,
		                      null ? -1 : (int)strlen(value)) == 1);
	}
}

PGresult *
fuzz_rows(char *lines, int columns)
{
	static char name[] = "column";
	PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc *heads = calloc((size_t)columns, sizeof(*heads));

	FUZZ_CHECK(rows != NULL && heads != NULL);
	for (int column = 0; column < columns; column++)
		heads[column] = (PGresAttDesc){.name = name, .typid = 25, .typlen = -1};
	FUZZ_CHECK(PQsetResultAttrs(rows, columns, heads) == 1);
	free(heads);
	for (int row = 0; *lines != '\0' && row < 64; row++)
		add_row(rows, row, columns, fuzz_field(&lines, '\n'));
	return rows;
}
