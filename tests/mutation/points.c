/* SPDX-License-Identifier: PostgreSQL */
/*
 * Linked into a copy of the simulator, with the search of both tables wrapped:
 * collects every point of the spaces of facts that the run comes to, and says
 * at the end at how many of them each mutant decides otherwise. Where that is
 * none, no schedule of this run could have told the mutant from what ships.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/keeper_rules.h"
#include "core/rules.h"
#include "rules/box.h"

#define POINTS_MAX (UINT32_C(1) << 20)

struct point {
	bool used;
	uint16_t row; /* that decides; the count of rows when none does */
	uint8_t answer[DIMENSIONS_MAX];
};

struct space {
	char letter;
	const struct table *table;
	const char *rows; /* of `size`, each with its id and its conditions */
	const size_t *rows_count;
	size_t size, id_at, when_at;
	struct point *points;
	uint32_t used;
};

static struct space monitor_space = {
	.letter = 'M',
	.table = &monitor_table,
	.rows = (const char *)rules,
	.rows_count = &rules_count,
	.size = sizeof(struct rule),
	.id_at = offsetof(struct rule, id),
	.when_at = offsetof(struct rule, when),
};
static struct space keeper_space = {
	.letter = 'K',
	.table = &keeper_table,
	.rows = (const char *)keeper_rules,
	.rows_count = &keeper_rules_count,
	.size = sizeof(struct keeper_rule),
	.id_at = offsetof(struct keeper_rule, id),
	.when_at = offsetof(struct keeper_rule, when),
};

const struct rule *__real_rule_find(const struct facts *facts);
const struct rule *__wrap_rule_find(const struct facts *facts);
const struct keeper_rule *__real_keeper_rule_find(const struct keeper_facts *facts);
const struct keeper_rule *__wrap_keeper_rule_find(const struct keeper_facts *facts);

static void
remember(struct space *space, const uint8_t *answer, uint16_t row)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	if (!space->points)
		space->points = calloc(POINTS_MAX, sizeof *space->points);
	if (!space->points || space->used > POINTS_MAX / 2)
		abort();
	for (size_t i = 0; i < space->table->dimensions; i++)
		hash = (hash ^ answer[i]) * UINT64_C(0x100000001b3);
	for (uint64_t at = hash % POINTS_MAX;; at = (at + 1) % POINTS_MAX) {
		struct point *point = &space->points[at];

		if (point->used && memcmp(point->answer, answer, space->table->dimensions) == 0)
			return;
		if (point->used)
			continue;
		point->used = true;
		point->row = row;
		memcpy(point->answer, answer, space->table->dimensions);
		space->used++;
		return;
	}
}

const struct rule *
__wrap_rule_find(const struct facts *facts)
{
	const struct rule *rule = __real_rule_find(facts);

	remember(&monitor_space, facts->answer,
	         (uint16_t)(rule ? (size_t)(rule - rules) : rules_count));
	return rule;
}

const struct keeper_rule *
__wrap_keeper_rule_find(const struct keeper_facts *facts)
{
	const struct keeper_rule *rule = __real_keeper_rule_find(facts);

	remember(&keeper_space, facts->answer, (uint16_t)(rule - keeper_rules));
	return rule;
}

/* Whether the row accepts the point when `without` is not asked. */
static bool
accepts(const struct space *space, size_t row, const struct point *point, unsigned without)
{
	uint32_t when[DIMENSIONS_MAX];

	memcpy(when, space->rows + row * space->size + space->when_at,
	       space->table->dimensions * sizeof when[0]);
	for (unsigned d = 0; d < space->table->dimensions; d++)
		if (d != without && when[d] != 0 && !(when[d] >> point->answer[d] & 1))
			return false;
	return true;
}

static uint32_t
differs(const struct space *space, size_t row, unsigned fact)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < POINTS_MAX; i++)
		count += space->points[i].used && row < space->points[i].row &&
		         accepts(space, row, &space->points[i], fact);
	return count;
}

static bool
has_condition(const struct space *space, size_t row, unsigned fact)
{
	uint32_t when;

	memcpy(&when, space->rows + row * space->size + space->when_at + fact * sizeof when,
	       sizeof when);
	return when != 0 && when != box_full(space->table->answers(fact));
}

static void
space_report(const struct space *space)
{
	if (!space->points)
		return;
	for (size_t row = 0; row < *space->rows_count; row++) {
		uint32_t id;

		memcpy(&id, space->rows + row * space->size + space->id_at, sizeof id);
		for (unsigned fact = 0; fact < space->table->dimensions; fact++)
			if (has_condition(space, row, fact))
				fprintf(stderr, "%c%u:%s %u\n", space->letter, id,
				        space->table->dimension_name(fact),
				        differs(space, row, fact));
	}
	fprintf(stderr, "points %c %u\n", space->letter, space->used);
}

__attribute__((destructor)) static void
points_report(void)
{
	space_report(&monitor_space);
	space_report(&keeper_space);
}
