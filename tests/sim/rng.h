/* SPDX-License-Identifier: PostgreSQL */
#ifndef SIM_RNG_H
#define SIM_RNG_H

/* All chance of a run comes from one seed: splitmix64 fills xoshiro256**. */

#include <pgaf/types.h>

struct rng {
	uint64_t word[4];
	bool calm; /* what is drawn is the middle, always; rng_next stays as it is */
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* Uniform in [0, count); count 0 gives 0. */
uint64_t rng_below(struct rng *rng, uint64_t count);
/* True once in `count` times on average. */
bool rng_once_in(struct rng *rng, uint64_t count);
bool rng_percent(struct rng *rng, uint32_t percent);
/* Uniform in [least, most]. */
pgaf_time rng_between(struct rng *rng, pgaf_time least, pgaf_time most);
/* Mostly near `typical`, seldom up to ten times as much, now and then up to `worst`. */
pgaf_time rng_tailed(struct rng *rng, pgaf_time typical, pgaf_time worst);

#endif
