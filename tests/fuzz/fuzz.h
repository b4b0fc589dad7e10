/* SPDX-License-Identifier: PostgreSQL */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

/*
 * What the targets share. A target is one file with LLVMFuzzerTestOneInput():
 * it gives bytes to code that reads bytes from outside and checks what must
 * hold of every answer. libFuzzer finds the bytes; replay.c feeds those in
 * corpus/ to the same function in every build.
 */

#include <stddef.h>
#include <stdint.h>

struct pg_result;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property of the answer; what fails ends the program as a crash would. */
#define FUZZ_CHECK(condition)                                                  \
	do {                                                                   \
		if (!(condition))                                              \
			fuzz_failed(__FILE__, __LINE__, #condition, __func__); \
	} while (0)
_Noreturn void fuzz_failed(const char *file, int line, const char *what, const char *function);

/* The bytes as a string in memory of its own, so that reading past its end is seen; free it. */
char *fuzz_string(const uint8_t *data, size_t size);

/*
 * The next field of a string that is taken apart: up to `end`, which is overwritten, or to the
 * end of the string. "" when nothing is left.
 */
char *fuzz_field(char **rest, char end);

/* A file of this name, "a" or "a/b", in a directory of this process; its path is valid until the
 * next call. */
const char *fuzz_file(const char *name, const void *bytes, size_t size);
const char *fuzz_directory(void);

/*
 * Rows as libpq hands them out: one a line, columns between tabs, "\N" is NULL; as many columns
 * as are asked for, whatever the lines say. Free it with PQclear().
 */
struct pg_result *fuzz_rows(char *lines, int columns);

#endif
