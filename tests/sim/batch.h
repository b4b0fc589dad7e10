/* SPDX-License-Identifier: PostgreSQL */
#ifndef SIM_BATCH_H
#define SIM_BATCH_H

/* Many seeds, on several cores, until there are enough failovers or no time is left. */

#include "sim/sim.h"

struct batch {
	uint64_t first, last;
	uint64_t failovers; /* enough; 0: all seeds */
	uint64_t seconds;   /* of the clock on the wall; 0: as long as it takes */
	unsigned jobs;      /* processes; each takes every n-th seed and its share of failovers */
	bool all;           /* go on after a violation */
	/* Runs one, adds what it counted; false = a violation. */
	bool (*run)(void *context, uint64_t seed, struct counts *sum);
	void *context;
};

enum batch_end {
	BATCH_SEEDS,
	BATCH_FAILOVERS,
	BATCH_SECONDS,
	BATCH_VIOLATION,
};

struct batch_result {
	uint64_t violations;
	enum batch_end end;
};

/* Adds to `sum`. Without a limit of time the result depends on nothing but the batch. */
struct batch_result batch_run(const struct batch *batch, struct counts *sum);
void counts_add(struct counts *sum, const struct counts *one);

#endif
