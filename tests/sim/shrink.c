/* SPDX-License-Identifier: PostgreSQL */
/*
 * From a run that violates something to a short story that violates the same:
 * fewer faults, less chance, simpler and shorter faults, nearer times. What is
 * tried is always simpler than what there is, so it comes to an end.
 */

#include <string.h>

#include "base/pure/text.h"
#include "sim/sim.h"

/* How many other seeds lend their chance to a story with a fault less. */
#define OTHER_SEEDS 60

struct shrink {
	struct shrunk *out;
	struct story *best; /* in `out` */
	uint32_t runs_most;
};

/* Play it; what fails in the same way becomes the story. */
static bool
fails(const struct story *story, struct shrunk *shrunk)
{
	struct sim *sim = sim_play(story);
	bool failed = !sim_story(sim);
	bool same = shrunk->runs == 0 || (strcmp(sim->failed_check, shrunk->check) == 0 &&
	                                  (sim->built_at != 0) == shrunk->built);

	shrunk->runs++;
	failed = failed && same;
	if (failed) {
		text_copy(shrunk->check, sizeof shrunk->check, sim->failed_check);
		text_copy(shrunk->text, sizeof shrunk->text, sim->failed_text);
		shrunk->story = *story;
		shrunk->built = sim->built_at != 0;
	}
	sim_free(sim);
	return failed;
}

static bool
try(struct shrink *shrink, const struct story *story)
{
	return shrink->out->runs < shrink->runs_most && fails(story, shrink->out);
}

/* ---- fewer faults ----------------------------------------------------------------------- */

static void
cut_out(struct story *story, uint32_t from, uint32_t count)
{
	uint32_t rest = story->count - from - count;

	memmove(&story->blows[from], &story->blows[from + count], rest * sizeof story->blows[0]);
	story->count -= count;
}

static bool
drop_faults(struct shrink *shrink)
{
	bool progress = false;

	for (uint32_t size = shrink->best->count; size > 0; size /= 2) {
		for (uint32_t from = 0; from < shrink->best->count;) {
			uint32_t left = shrink->best->count - from;
			struct story story = *shrink->best;

			cut_out(&story, from, size < left ? size : left);
			if (try(shrink, &story))
				progress = true;
			else
				from += size;
		}
	}
	return progress;
}

static pgaf_node_id
exchanged(pgaf_node_id node, pgaf_node_id a, pgaf_node_id b)
{
	return node == a ? b : node == b ? a : node;
}

/* Two nodes change parts, and failovers and sets have come `less` times before. */
static void
renumber(struct story *story, pgaf_node_id a, pgaf_node_id b, uint32_t less)
{
	for (uint32_t i = 0; i < story->count; i++) {
		struct blow *blow = &story->blows[i];

		blow->host = exchanged(blow->host, a, b);
		if (blow->kind == SIM_FAULT_SWITCHOVER)
			blow->detail = exchanged(blow->detail, a, b);
		if (blow->number > less)
			blow->number -= less;
	}
}

/* Without a switchover or failover the primary is another one, and later ones count otherwise. */
static bool
drop_and_renumber(struct shrink *shrink)
{
	for (uint32_t i = 0; i < shrink->best->count; i++)
		for (pgaf_node_id a = 1; a <= shrink->best->nodes; a++)
			for (pgaf_node_id b = a; b <= shrink->best->nodes; b++)
				for (uint32_t less = 0; less <= 1; less++) {
					struct story story = *shrink->best;

					cut_out(&story, i, 1);
					renumber(&story, a, b, less);
					if (try(shrink, &story))
						return true;
				}
	return false;
}

/*
 * With a fault less, all that comes later meets other delays; what needs rare ones may be found
 * with the chance of another seed.
 */
static bool
drop_with_other_chance(struct shrink *shrink)
{
	for (uint32_t i = 0; i < shrink->best->count; i++) {
		for (uint64_t seed = 1; seed <= OTHER_SEEDS; seed++) {
			struct story story = *shrink->best;

			cut_out(&story, i, 1);
			story.seed = seed;
			if (try(shrink, &story))
				return true;
		}
	}
	return false;
}

/* ---- less chance, fewer clients ------------------------------------------------------------ */

static bool
calm_down(struct shrink *shrink)
{
	const uint32_t all = (UINT32_C(1) << CHANCE_COUNT) - 1;
	struct story story = *shrink->best;
	bool progress = false;

	story.calm = all;
	if (shrink->best->calm == all)
		return false;
	if (try(shrink, &story))
		return true;
	for (uint32_t i = 0; i < CHANCE_COUNT; i++) {
		story = *shrink->best;
		story.calm |= UINT32_C(1) << i;
		if (story.calm != shrink->best->calm && try(shrink, &story))
			progress = true;
	}
	return progress;
}

static bool
fewer_sessions(struct shrink *shrink)
{
	for (uint32_t sessions = 0; sessions < shrink->best->sessions; sessions++) {
		struct story story = *shrink->best;

		story.sessions = sessions;
		if (try(shrink, &story))
			return true;
	}
	return false;
}

static bool
forget_nothing(struct shrink *shrink)
{
	struct story story = *shrink->best;

	story.forget = false;
	return shrink->best->forget && try(shrink, &story);
}

/* ---- simpler faults -------------------------------------------------------------------------- */

struct simpler {
	enum fault from, to;
};

/* No way leads back, so this ends. */
static const struct simpler simpler[] = {
	{SIM_FAULT_POSTMASTER_AND_KEEPER, SIM_FAULT_POSTMASTER},
	{SIM_FAULT_POSTMASTER_AND_KEEPER, SIM_FAULT_KEEPER},
	{SIM_FAULT_HOST, SIM_FAULT_POSTMASTER},
	{SIM_FAULT_HOST, SIM_FAULT_KEEPER},
	{SIM_FAULT_HOST, SIM_FAULT_POSTMASTER_AND_KEEPER},
	{SIM_FAULT_FREEZE_HOST, SIM_FAULT_FREEZE_KEEPER},
	{SIM_FAULT_FREEZE_HOST, SIM_FAULT_ISOLATE},
	{SIM_FAULT_BACKEND, SIM_FAULT_POSTMASTER},
	{SIM_FAULT_LOSS, SIM_FAULT_FAILOVER},
	{SIM_FAULT_ISOLATE, SIM_FAULT_CUT_MONITOR},
	{SIM_FAULT_ISOLATE, SIM_FAULT_CUT_PEERS},
	{SIM_FAULT_MONITOR_HOST, SIM_FAULT_MONITOR},
	{SIM_FAULT_MONITOR_HOST, SIM_FAULT_STORE},
	{SIM_FAULT_LEAVE, SIM_FAULT_KEEPER},
};

static bool
simpler_faults(struct shrink *shrink)
{
	bool progress = false;

	for (uint32_t i = 0; i < shrink->best->count; i++) {
		for (size_t s = 0; s < sizeof simpler / sizeof simpler[0]; s++) {
			struct story story = *shrink->best;
			struct blow *blow = &story.blows[i];

			if (blow->kind != simpler[s].from)
				continue;
			blow->kind = simpler[s].to;
			if (!fault_lasts(blow->kind))
				blow->length = 0;
			progress |= try(shrink, &story);
		}
	}
	return progress;
}

/* ---- shorter, nearer, rounder -------------------------------------------------------------- */

static const pgaf_time units[] = {PGAF_SECONDS(1), PGAF_MSEC(100), PGAF_MSEC(10), PGAF_MSEC(1),
                                  PGAF_USEC(100)};

#define UNITS (sizeof units / sizeof units[0])
#define FEWER_MOST (UNITS * 2 + 6)

/* Smaller values to try instead of `value`, least first. */
static uint32_t
fewer(pgaf_time value, pgaf_time *tries)
{
	static const pgaf_time nice[] = {0, PGAF_MSEC(10), PGAF_MSEC(100), PGAF_SECONDS(1),
	                                 PGAF_SECONDS(5)};
	uint32_t count = 0;

	for (size_t i = 0; i < sizeof nice / sizeof nice[0]; i++)
		if (nice[i] < value)
			tries[count++] = nice[i];
	for (size_t i = 0; i < UNITS; i++) {
		pgaf_time half = value / 2 / units[i] * units[i];
		pgaf_time whole = value / units[i] * units[i];

		if (half > 0 && half >= units[i] * 2)
			tries[count++] = half;
		if (whole > 0 && whole < value)
			tries[count++] = whole;
	}
	return count;
}

/* One number of a story, with what moves along when it shrinks. */
typedef pgaf_time *(*number_fn)(struct story *story, uint32_t i, pgaf_time by);

static pgaf_time *
number_length(struct story *story, uint32_t i, pgaf_time by)
{
	(void)by;
	return &story->blows[i].length;
}

static pgaf_time *
number_at(struct story *story, uint32_t i, pgaf_time by)
{
	(void)by;
	return &story->blows[i].at;
}

/* Everything from this fault on comes earlier. */
static pgaf_time *
number_all_from(struct story *story, uint32_t i, pgaf_time by)
{
	if (story->blows[i].since != SINCE_BUILT)
		return NULL;
	for (uint32_t later = i + 1; by > 0 && later < story->count; later++)
		if (story->blows[later].since == SINCE_BUILT && story->blows[later].at >= by)
			story->blows[later].at -= by;
	if (story->end >= by)
		story->end -= by;
	return &story->blows[i].at;
}

static pgaf_time *
number_end(struct story *story, uint32_t i, pgaf_time by)
{
	(void)by;
	return i == 0 ? &story->end : NULL;
}

static bool
fewer_of(struct shrink *shrink, number_fn number, uint32_t i)
{
	pgaf_time tries[FEWER_MOST];
	struct story story = *shrink->best;
	pgaf_time *at = number(&story, i, 0);
	uint32_t count = at ? fewer(*at, tries) : 0;
	pgaf_time old = at ? *at : 0;

	for (uint32_t t = 0; t < count; t++) {
		story = *shrink->best;
		*number(&story, i, old - tries[t]) = tries[t];
		if (try(shrink, &story))
			return true;
	}
	return false;
}

static bool
shorter(struct shrink *shrink)
{
	static const number_fn numbers[] = {number_all_from, number_at, number_length};
	bool progress = fewer_of(shrink, number_end, 0);

	for (uint32_t i = 0; i < shrink->best->count; i++)
		for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++)
			progress |= fewer_of(shrink, numbers[n], i);
	return progress;
}

/* ---- the whole ----------------------------------------------------------------------------- */

bool
story_shrink(const struct story *story, uint32_t runs_most, struct shrunk *shrunk)
{
	static bool (*const passes[])(struct shrink *) = {
		drop_faults, calm_down, fewer_sessions, forget_nothing, simpler_faults, shorter,
	};
	struct shrink shrink = {.out = shrunk, .best = &shrunk->story, .runs_most = runs_most};
	bool progress = true;

	*shrunk = (struct shrunk){0};
	if (!fails(story, shrunk))
		return false;
	while (progress && shrunk->runs < runs_most) {
		progress = false;
		for (size_t i = 0; i < sizeof passes / sizeof passes[0]; i++)
			progress |= passes[i](&shrink);
		if (!progress)
			progress = drop_and_renumber(&shrink) || drop_with_other_chance(&shrink);
	}
	return true;
}

bool
story_tell(const struct story *story)
{
	struct sim *sim = sim_play(story);
	bool failed;

	sim->telling = true;
	sim->trace_to_stdout = true;
	failed = !sim_story(sim);
	sim_free(sim);
	return failed;
}
