/* SPDX-License-Identifier: PostgreSQL */
/*
 * Boxes in the space of facts: a rule accepts a product of sets, so whether
 * rules overlap, hide each other or leave holes is computed exactly.
 */
#include "rules/box.h"

#include <stdio.h>

#include "core/keeper_rules.h"
#include "core/rules.h"

uint32_t
box_full(unsigned answers)
{
	return (UINT32_C(1) << answers) - 1;
}

/* ---- two tables behind one face --------------------------------------------------- */

static unsigned
monitor_answers(unsigned dimension)
{
	return fact_answers((enum fact)dimension);
}

static const char *
monitor_dimension(unsigned dimension)
{
	return fact_name((enum fact)dimension);
}

static const char *
monitor_answer(unsigned dimension, unsigned answer)
{
	return fact_answer_name((enum fact)dimension, answer);
}

static unsigned
keeper_answers(unsigned dimension)
{
	return keeper_fact_answers((enum keeper_fact)dimension);
}

static const char *
keeper_dimension(unsigned dimension)
{
	return keeper_fact_name((enum keeper_fact)dimension);
}

static const char *
keeper_answer(unsigned dimension, unsigned answer)
{
	return keeper_fact_answer_name((enum keeper_fact)dimension, answer);
}

const struct table monitor_table = {FACT_COUNT, monitor_answers, monitor_dimension, monitor_answer};
const struct table keeper_table = {KF_COUNT, keeper_answers, keeper_dimension, keeper_answer};

void
box_of(const struct table *table, const uint32_t *when, struct box *box)
{
	for (unsigned d = 0; d < table->dimensions; d++)
		box->mask[d] = when[d] == 0 ? box_full(table->answers(d)) : when[d];
}

bool
box_meets(const struct table *table, const struct box *a, const struct box *b)
{
	for (unsigned d = 0; d < table->dimensions; d++)
		if ((a->mask[d] & b->mask[d]) == 0)
			return false;
	return true;
}

void
box_print(const struct table *table, const struct box *box)
{
	for (unsigned d = 0; d < table->dimensions; d++) {
		if (box->mask[d] == box_full(table->answers(d)))
			continue;
		printf("  %s:", table->dimension_name(d));
		for (unsigned a = 0; a < table->answers(d); a++)
			if (box->mask[d] & (UINT32_C(1) << a))
				printf(" %s", table->answer_name(d, a));
		printf("\n");
	}
}

bool
box_uncovered(const struct table *table, const struct box *space, const struct box *boxes,
              size_t count, struct box *hole)
{
	for (size_t i = 0; i < count; i++) {
		struct box rest = *space;

		if (!box_meets(table, space, &boxes[i]))
			continue;
		for (unsigned d = 0; d < table->dimensions; d++) {
			struct box piece = rest;

			piece.mask[d] = rest.mask[d] & ~boxes[i].mask[d];
			rest.mask[d] &= boxes[i].mask[d];
			if (piece.mask[d] != 0 &&
			    box_uncovered(table, &piece, boxes + i + 1, count - i - 1, hole))
				return true;
		}
		return false;
	}
	*hole = *space;
	return true;
}

void
box_space(const struct table *table, struct box *space)
{
	for (unsigned d = 0; d < table->dimensions; d++)
		space->mask[d] = box_full(table->answers(d));
}
