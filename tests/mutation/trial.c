/* SPDX-License-Identifier: PostgreSQL */
/*
 * Simulated runs until one violates something: 17 is seed 17 with two nodes,
 * 17f one after which the store forgets, 17s one with a single node;
 * 1..300f is each of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mutation/reach.h"
#include "sim/sim.h"

static bool
run_seed(uint64_t seed, const char *kind)
{
	struct sim *sim = sim_new(seed, *kind == 's' ? 1 : 2, BREAK_NONE);
	char name[24];
	bool good;

	sim->story.forget = *kind == 'f';
	good = sim_story(sim);
	snprintf(name, sizeof name, "%llu%s", (unsigned long long)seed, kind);
	if (!good)
		printf("%s %s: %s\n", name, sim->failed_check, sim->failed_text);
	if (reach_run_over)
		reach_run_over(name);
	sim_free(sim);
	return good;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *end;
		uint64_t first = strtoull(argv[i], &end, 10), last = first;

		if (strncmp(end, "..", 2) == 0)
			last = strtoull(end + 2, &end, 10);
		if (last < first || end == argv[i] || strspn(end, "fs") != strlen(end) ||
		    strlen(end) > 1) {
			fprintf(stderr, "%s is no run; 17, 17f, 17s or 1..300 are\n", argv[i]);
			return 2;
		}
		for (uint64_t seed = first; seed <= last; seed++)
			if (!run_seed(seed, end))
				return 1;
	}
	return 0;
}
