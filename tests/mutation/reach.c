/* SPDX-License-Identifier: PostgreSQL */
/*
 * Linked into a copy of the simulator or the model checker, with the search of
 * both tables wrapped: says at the end in which runs each mutant would have
 * decided otherwise at some point of the space of facts that the run came to.
 * Up to its first such point a mutant's run is the very same, so no other run
 * can notice it.
 */
#include "mutation/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/keeper_rules.h"
#include "core/rules.h"
#include "mutation/tables.h"

#define POINTS_MAX (UINT32_C(1) << 18)
#define RUNS_MOST 1000
#define RUN_MOST 12
#define WORDS (MUTANTS_MOST / 64)

struct mutants {
	uint64_t bits[WORDS];
};

/* A point, and which mutants decide otherwise there. */
struct point {
	bool used;
	uint32_t run; /* the last that came here */
	uint8_t answer[DIMENSIONS_MAX];
	struct mutants otherwise;
};

static struct point *points[ROWS_COUNT];
static uint32_t points_used[ROWS_COUNT];
static struct mutant mutants[MUTANTS_MOST];
static size_t mutants_count;
static struct box boxes[MUTANTS_MOST]; /* what the mutant's row accepts, changed as it is */
static uint32_t run = 1;
static struct mutants in_run;
static uint32_t runs[MUTANTS_MOST];
static char (*names[MUTANTS_MOST])[RUN_MOST];

const struct rule *__real_rule_find(const struct facts *facts);
const struct rule *__wrap_rule_find(const struct facts *facts);
const struct keeper_rule *__real_keeper_rule_find(const struct keeper_facts *facts);
const struct keeper_rule *__wrap_keeper_rule_find(const struct keeper_facts *facts);

static void
begin(void)
{
	if (mutants_count > 0)
		return;
	mutants_count = mutants_of(mutants);
	for (size_t i = 0; i < mutants_count; i++) {
		const struct mutant *mutant = &mutants[i];

		rows_box(mutant->rows, mutant->row, &boxes[i]);
		if (mutant->fact >= 0)
			boxes[i].mask[mutant->fact] =
				box_full(mutant->rows->table->answers((unsigned)mutant->fact));
	}
	for (size_t t = 0; t < ROWS_COUNT; t++) {
		points[t] = calloc(POINTS_MAX, sizeof *points[t]);
		if (!points[t])
			abort();
	}
}

static bool
is_in(const struct box *box, size_t dimensions, const uint8_t *answer)
{
	for (size_t d = 0; d < dimensions; d++)
		if (!(box->mask[d] >> answer[d] & 1))
			return false;
	return true;
}

/* Without a rule its own points go elsewhere; without a condition it takes those of later rules. */
static void
find_otherwise(const struct rows *rows, const uint8_t *answer, size_t row, struct mutants *found)
{
	for (size_t i = 0; i < mutants_count; i++) {
		const struct mutant *mutant = &mutants[i];

		if (mutant->rows == rows &&
		    (mutant->fact < 0 ? mutant->row == row
		                      : mutant->row < row &&
		                                is_in(&boxes[i], rows->table->dimensions, answer)))
			found->bits[i / 64] |= UINT64_C(1) << i % 64;
	}
}

static struct point *
point_at(size_t table, const uint8_t *answer, size_t row)
{
	size_t length = tables[table].table->dimensions;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	struct point *point;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ answer[i]) * UINT64_C(0x100000001b3);
	for (uint64_t at = hash % POINTS_MAX;; at = (at + 1) % POINTS_MAX) {
		point = &points[table][at];
		if (!point->used)
			break;
		if (memcmp(point->answer, answer, length) == 0)
			return point;
	}
	if (++points_used[table] > POINTS_MAX / 2)
		abort();
	point->used = true;
	memcpy(point->answer, answer, length);
	find_otherwise(&tables[table], answer, row, &point->otherwise);
	return point;
}

static void
come_to(size_t table, const uint8_t *answer, size_t row)
{
	struct point *point;

	begin();
	point = point_at(table, answer, row);
	if (point->run == run)
		return;
	point->run = run;
	for (size_t i = 0; i < WORDS; i++)
		in_run.bits[i] |= point->otherwise.bits[i];
}

const struct rule *
__wrap_rule_find(const struct facts *facts)
{
	const struct rule *rule = __real_rule_find(facts);

	come_to(MONITOR_ROWS, facts->answer, rule ? (size_t)(rule - rules) : rules_count);
	return rule;
}

const struct keeper_rule *
__wrap_keeper_rule_find(const struct keeper_facts *facts)
{
	const struct keeper_rule *rule = __real_keeper_rule_find(facts);
	size_t row = 0;

	while (keeper_rule_at(row) != rule)
		row++;
	come_to(KEEPER_ROWS, facts->answer, row);
	return rule;
}

static void
remember(size_t mutant, const char *name)
{
	if (!names[mutant])
		names[mutant] = calloc(RUNS_MOST, RUN_MOST);
	if (!names[mutant])
		abort();
	if (runs[mutant] < RUNS_MOST)
		snprintf(names[mutant][runs[mutant]], RUN_MOST, "%s", name);
	runs[mutant]++;
}

void
reach_run_over(const char *name)
{
	for (size_t i = 0; i < mutants_count; i++)
		if (in_run.bits[i / 64] >> i % 64 & 1)
			remember(i, name);
	memset(&in_run, 0, sizeof in_run);
	run++;
}

/* One line each: the mutant, in how many runs, and the first of them. */
__attribute__((destructor)) static void
report(void)
{
	char name[MUTANT_NAME_MOST];

	reach_run_over("all");
	for (size_t i = 0; i < mutants_count; i++) {
		mutant_name(&mutants[i], name);
		fprintf(stderr, "%s %u", name, runs[i]);
		for (uint32_t k = 0; k < runs[i] && k < RUNS_MOST; k++)
			fprintf(stderr, " %s", names[i][k]);
		fputc('\n', stderr);
	}
}
