/* SPDX-License-Identifier: PostgreSQL */
/*
 * Linked into a copy of a test program, this changes one thing of the tables
 * of rules before main(): PGAF_MUTANT names it, `list` prints all there are.
 * The tables are constant in what ships; here their pages are made writable.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mutation/mutant.h"
#include "mutation/tables.h"

#define NO_SUCH_MUTANT 120

/* The tables' pages, and no others of the program's constants, are changed. */
static void *
writable(const void *at, size_t size)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)at / page * page;
	uintptr_t to = ((uintptr_t)at + size + page - 1) / page * page;

	if (mprotect((void *)from, to - from, PROT_READ | PROT_WRITE) != 0) {
		perror("mprotect");
		_exit(NO_SUCH_MUTANT);
	}
	return (void *)(uintptr_t)at;
}

static void
delete_row(const struct rows *rows, size_t row)
{
	size_t *count = writable(rows->count, sizeof *count);

	for (; rows->at(row + 1) != NULL; row++)
		memcpy(writable(rows->at(row), rows->size), rows->at(row + 1), rows->size);
	(*count)--;
}

static void
drop_condition(const struct rows *rows, size_t row, unsigned fact)
{
	char *at = writable(rows->at(row), rows->size);

	memset(at + rows->when_at + fact * sizeof(uint32_t), 0, sizeof(uint32_t));
}

static void
list(const struct mutant *mutants, size_t count)
{
	char name[MUTANT_NAME_MOST];

	for (size_t i = 0; i < count; i++) {
		mutant_name(&mutants[i], name);
		printf("%s%s\n", name, mutant_is_implied(&mutants[i]) ? " implied" : "");
	}
}

bool
mutant_apply(const char *wanted)
{
	static struct mutant mutants[MUTANTS_MOST];
	size_t count = mutants_of(mutants);
	char name[MUTANT_NAME_MOST];

	for (size_t i = 0; i < count; i++) {
		mutant_name(&mutants[i], name);
		if (strcmp(name, wanted) != 0)
			continue;
		if (mutants[i].fact < 0)
			delete_row(mutants[i].rows, mutants[i].row);
		else
			drop_condition(mutants[i].rows, mutants[i].row, (unsigned)mutants[i].fact);
		return true;
	}
	return false;
}

__attribute__((constructor)) static void
mutate(void)
{
	static struct mutant mutants[MUTANTS_MOST];
	const char *wanted = getenv("PGAF_MUTANT");

	if (!wanted)
		return;
	if (strcmp(wanted, "list") == 0) {
		list(mutants, mutants_of(mutants));
		exit(0);
	}
	if (!mutant_apply(wanted)) {
		fprintf(stderr, "there is no mutant %s\n", wanted);
		_exit(NO_SUCH_MUTANT);
	}
}
