/* SPDX-License-Identifier: PostgreSQL */
#ifndef RULES_BOX_H
#define RULES_BOX_H

/* Box arithmetic over the two tables of rules. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIMENSIONS_MAX 40

struct box {
	uint32_t mask[DIMENSIONS_MAX];
};

/* Two tables behind one face. */
struct table {
	size_t dimensions;
	unsigned (*answers)(unsigned dimension);
	const char *(*dimension_name)(unsigned dimension);
	const char *(*answer_name)(unsigned dimension, unsigned answer);
};

extern const struct table monitor_table, keeper_table;

/* All answers, as bits. */
uint32_t box_full(unsigned answers);
/* The box of a rule's conditions. */
void box_of(const struct table *table, const uint32_t *when, struct box *box);
void box_space(const struct table *table, struct box *space);
bool box_meets(const struct table *table, const struct box *a, const struct box *b);
void box_print(const struct table *table, const struct box *box);
/*
 * A part of `space` that none of `boxes` covers, in *hole; false when there is none. Splits along
 * the dimensions of the first box that meets the space.
 */
bool box_uncovered(const struct table *table, const struct box *space, const struct box *boxes,
                   size_t count, struct box *hole);

#endif
