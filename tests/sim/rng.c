/* SPDX-License-Identifier: PostgreSQL */
/*
 * Seeded chance. xoshiro256** because its state is four words and its output
 * is the same on every machine.
 */

#include "sim/rng.h"

static uint64_t
splitmix(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void
rng_init(struct rng *rng, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		rng->word[i] = splitmix(&seed);
}

static uint64_t
rotate(uint64_t x, int by)
{
	return (x << by) | (x >> (64 - by));
}

uint64_t
rng_next(struct rng *rng)
{
	uint64_t *s = rng->word;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

uint64_t
rng_below(struct rng *rng, uint64_t count)
{
	if (rng->calm)
		return count / 2;
	return count ? rng_next(rng) % count : 0;
}

bool
rng_once_in(struct rng *rng, uint64_t count)
{
	return rng_below(rng, count) == 0;
}

bool
rng_percent(struct rng *rng, uint32_t percent)
{
	return rng_below(rng, 100) < percent;
}

pgaf_time
rng_between(struct rng *rng, pgaf_time least, pgaf_time most)
{
	return most <= least ? least
	                     : least + (pgaf_time)rng_below(rng, (uint64_t)(most - least) + 1);
}

pgaf_time
rng_tailed(struct rng *rng, pgaf_time typical, pgaf_time worst)
{
	if (rng->calm)
		return typical;

	uint64_t dice = rng_below(rng, 1000);

	if (dice < 5)
		return rng_between(rng, typical, worst);
	if (dice < 50)
		return rng_between(rng, typical, typical * 10 < worst ? typical * 10 : worst);
	return rng_between(rng, typical / 2, typical + typical / 2);
}
