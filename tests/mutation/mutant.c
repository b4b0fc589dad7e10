/* SPDX-License-Identifier: PostgreSQL */
/*
 * Linked into a copy of a test program, this changes one thing of the tables
 * of rules before main(): PGAF_MUTANT names it, `list` prints all there are.
 * A rule goes (M404, K330), or one of its conditions does (M404:hold). The
 * tables are constant in what ships; here their pages are made writable.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/keeper_rules.h"
#include "core/rules.h"
#include "rules/box.h"

#define NAME_MOST 80
#define ROWS_MOST 200

/* One table as bytes: rows of `size`, each with its id and its conditions. */
struct rows {
	char letter;
	const struct table *table;
	const void *at;
	const size_t *count;
	size_t size, id_at, when_at;
};

static const struct rows tables[] = {
	{'M', &monitor_table, rules, &rules_count, sizeof(struct rule), offsetof(struct rule, id),
         offsetof(struct rule, when)},
	{'K', &keeper_table, keeper_rules, &keeper_rules_count, sizeof(struct keeper_rule),
         offsetof(struct keeper_rule, id), offsetof(struct keeper_rule, when)},
};

static uint32_t
row_id(const struct rows *rows, size_t row)
{
	uint32_t id;

	memcpy(&id, (const char *)rows->at + row * rows->size + rows->id_at, sizeof id);
	return id;
}

static void
row_box(const struct rows *rows, size_t row, struct box *box)
{
	uint32_t when[DIMENSIONS_MAX];

	memcpy(when, (const char *)rows->at + row * rows->size + rows->when_at,
	       rows->table->dimensions * sizeof when[0]);
	box_of(rows->table, when, box);
}

/* What the row would accept beside what it does, without this condition; false = nothing. */
static bool
row_more(const struct rows *rows, size_t row, unsigned fact, struct box *more)
{
	row_box(rows, row, more);
	more->mask[fact] ^= box_full(rows->table->answers(fact));
	return more->mask[fact] != 0;
}

/* The earlier rows decide all of that: the condition says something, but changes no decision. */
static bool
is_implied(const struct rows *rows, size_t row, unsigned fact)
{
	struct box earlier[ROWS_MOST], more, hole;

	if (row > ROWS_MOST || !row_more(rows, row, fact, &more))
		return false;
	for (size_t i = 0; i < row; i++)
		row_box(rows, i, &earlier[i]);
	return !box_uncovered(rows->table, &more, earlier, row, &hole);
}

static void
mutant_name(const struct rows *rows, size_t row, int fact, char *name)
{
	int used = snprintf(name, NAME_MOST, "%c%u", rows->letter, row_id(rows, row));

	if (fact >= 0)
		snprintf(name + used, NAME_MOST - (size_t)used, ":%s",
		         rows->table->dimension_name((unsigned)fact));
}

/* The tables' pages, and no others of the program's constants, are changed. */
static void *
writable(const void *at, size_t size)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)at / page * page;
	uintptr_t to = ((uintptr_t)at + size + page - 1) / page * page;

	if (mprotect((void *)from, to - from, PROT_READ | PROT_WRITE) != 0) {
		perror("mprotect");
		_exit(120);
	}
	return (void *)(uintptr_t)at;
}

static void
delete_row(const struct rows *rows, size_t row)
{
	char *at = writable(rows->at, *rows->count * rows->size);
	size_t *count = writable(rows->count, sizeof *count);
	size_t rest = *count - row - 1;

	memmove(at + row * rows->size, at + (row + 1) * rows->size, rest * rows->size);
	(*count)--;
}

static void
drop_condition(const struct rows *rows, size_t row, unsigned fact)
{
	char *at = writable(rows->at, *rows->count * rows->size);

	memset(at + row * rows->size + rows->when_at + fact * sizeof(uint32_t), 0,
	       sizeof(uint32_t));
}

/* True when this row, or one of its conditions, is the one meant; NULL lists all. */
static bool
visit_row(const struct rows *rows, size_t row, const char *wanted)
{
	char name[NAME_MOST];
	struct box more;

	for (int fact = -1; fact < (int)rows->table->dimensions; fact++) {
		if (fact >= 0 && !row_more(rows, row, (unsigned)fact, &more))
			continue;
		mutant_name(rows, row, fact, name);
		if (!wanted) {
			printf("%s%s\n", name,
			       fact >= 0 && is_implied(rows, row, (unsigned)fact) ? " implied"
			                                                          : "");
			continue;
		}
		if (strcmp(name, wanted) != 0)
			continue;
		if (fact < 0)
			delete_row(rows, row);
		else
			drop_condition(rows, row, (unsigned)fact);
		return true;
	}
	return false;
}

static bool
visit(const char *wanted)
{
	for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
		for (size_t row = 0; row < *tables[t].count; row++)
			if (visit_row(&tables[t], row, wanted))
				return true;
	return false;
}

__attribute__((constructor)) static void
mutate(void)
{
	const char *wanted = getenv("PGAF_MUTANT");

	if (!wanted)
		return;
	if (strcmp(wanted, "list") == 0) {
		visit(NULL);
		exit(0);
	}
	if (!visit(wanted)) {
		fprintf(stderr, "there is no mutant %s\n", wanted);
		_exit(120);
	}
}
