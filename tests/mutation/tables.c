/* SPDX-License-Identifier: PostgreSQL */
/* Both tables of rules behind one face, and what can be taken out of them. */
#include "mutation/tables.h"

#include <stdio.h>
#include <string.h>

#include "core/keeper_rules_parts.h"
#include "core/rules.h"

#define ROWS_MOST 200

static const void *
monitor_row(size_t row)
{
	return row < rules_count ? &rules[row] : NULL;
}

static const void *
keeper_row(size_t row)
{
	return keeper_rule_at(row);
}

const struct rows tables[ROWS_COUNT] = {
	[MONITOR_ROWS] = {'M', &monitor_table, monitor_row, &rules_count, sizeof(struct rule),
                          offsetof(struct rule, id), offsetof(struct rule, when)},
	[KEEPER_ROWS] = {'K', &keeper_table, keeper_row, &keeper_rules_apart_count,
                         sizeof(struct keeper_rule), offsetof(struct keeper_rule, id),
                         offsetof(struct keeper_rule, when)},
};

void
rows_box(const struct rows *rows, size_t row, struct box *box)
{
	uint32_t when[DIMENSIONS_MAX];

	memcpy(when, (const char *)rows->at(row) + rows->when_at,
	       rows->table->dimensions * sizeof when[0]);
	box_of(rows->table, when, box);
}

void
mutant_name(const struct mutant *mutant, char name[MUTANT_NAME_MOST])
{
	const struct rows *rows = mutant->rows;
	uint32_t id;
	int used;

	memcpy(&id, (const char *)rows->at(mutant->row) + rows->id_at, sizeof id);
	used = snprintf(name, MUTANT_NAME_MOST, "%c%u", rows->letter, id);
	if (mutant->fact >= 0)
		snprintf(name + used, MUTANT_NAME_MOST - (size_t)used, ":%s",
		         rows->table->dimension_name((unsigned)mutant->fact));
}

/* What the row would accept beside what it does, without this condition; false = nothing. */
static bool
accepts_more(const struct mutant *mutant, struct box *more)
{
	unsigned fact = (unsigned)mutant->fact;

	rows_box(mutant->rows, mutant->row, more);
	more->mask[fact] ^= box_full(mutant->rows->table->answers(fact));
	return more->mask[fact] != 0;
}

bool
mutant_is_implied(const struct mutant *mutant)
{
	struct box earlier[ROWS_MOST], more, hole;

	if (mutant->fact < 0 || mutant->row > ROWS_MOST || !accepts_more(mutant, &more))
		return false;
	for (size_t i = 0; i < mutant->row; i++)
		rows_box(mutant->rows, i, &earlier[i]);
	return !box_uncovered(mutant->rows->table, &more, earlier, mutant->row, &hole);
}

size_t
mutants_of(struct mutant to[MUTANTS_MOST])
{
	struct box more;
	size_t count = 0;

	for (size_t t = 0; t < ROWS_COUNT; t++)
		for (size_t row = 0; tables[t].at(row) != NULL; row++)
			for (int fact = -1; fact < (int)tables[t].table->dimensions; fact++) {
				struct mutant mutant = {&tables[t], row, fact};

				if (count < MUTANTS_MOST &&
				    (fact < 0 || accepts_more(&mutant, &more)))
					to[count++] = mutant;
			}
	return count;
}
