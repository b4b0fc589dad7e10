/* SPDX-License-Identifier: PostgreSQL */
#ifndef MUTATION_TABLES_H
#define MUTATION_TABLES_H

/* Both tables of rules as rows of bytes, and the changes of them that are tried: the mutants. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/box.h"

#define MUTANTS_MOST 2048
#define MUTANT_NAME_MOST 80

/*
 * One table as bytes: rows of `size`, each with its id and its conditions, in
 * one piece or in several; `count` is that of the last piece.
 */
struct rows {
	char letter;
	const struct table *table;
	const void *(*at)(size_t row); /* NULL after the last */
	const size_t *count;
	size_t size, id_at, when_at;
};

enum { MONITOR_ROWS, KEEPER_ROWS, ROWS_COUNT };

extern const struct rows tables[ROWS_COUNT];

/* A rule that is gone (M404), or one of its conditions (M404:SEEN). */
struct mutant {
	const struct rows *rows;
	size_t row;
	int fact; /* -1: all of the rule */
};

/* All there are; conditions that accept every answer are none. Fills `to`, says how many. */
size_t mutants_of(struct mutant to[MUTANTS_MOST]);
void mutant_name(const struct mutant *mutant, char name[MUTANT_NAME_MOST]);
/* The earlier rows decide all that the condition keeps out: without it no decision changes. */
bool mutant_is_implied(const struct mutant *mutant);
void rows_box(const struct rows *rows, size_t row, struct box *box);

#endif
