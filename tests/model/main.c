/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgaf-model: every schedule of a few faults, tried out on the decisions that
 * ship. Exit 0: nothing is violated; 1: something is, with the shortest trace
 * (with --break: it was not noticed); 2: usage; 3: a limit was reached first.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "model/model.h"

static const struct {
	const char *word, *doc;
} breaks[] = {
#define BREAK_ROW(name, word, doc) {word, doc},
	BREAKS(BREAK_ROW)
#undef BREAK_ROW
};

static const char *const faults[] = {
#define FAULT_WORD(name, word) word,
	FAULTS(FAULT_WORD)
#undef FAULT_WORD
};

static void
usage(FILE *to)
{
	fputs("usage: pgaf-model [--nodes N] [--sync S] [--faults N | --pair A,B] [--commits N]\n"
	      "                  [--cancels N] [--messages] [--restore] [--requests] [--no-live]\n"
	      "                  [--representatives]\n"
	      "                  [--depth N] [--seconds N] [--states N] [--symmetry 0|1]\n"
	      "                  [--break NAME|list]\n"
	      "  --nodes N     nodes of the group, 2 or 3 (2)\n"
	      "  --sync S      number_sync_standbys (0)\n"
	      "  --faults N    how many faults may strike in one schedule (1)\n"
	      "  --pair A,B    instead: exactly these two, of: postmaster keeper freeze claiming\n"
	      "                host monitor rival store copy link session delay operator\n"
	      "  --commits N   how many commits clients may send (2)\n"
	      "  --cancels N   how many waiting commits may be cancelled (1)\n"
	      "  --messages    goals and reports may be under way, not only late\n"
	      "  --restore     the store may come back as an older copy, as a fault; not part of\n"
	      "                what is run by default: what a store that forgot may still do to\n"
	      "                a group is found by pgaf-sim --forget, too\n"
	      "  --requests    an operator may ask for a change of roles, as a fault\n"
	      "  --representatives\n"
	      "                decide() and the keeper are asked about others of each state's\n"
	      "                class, drawn at random, and must answer the same\n"
	      "  --no-live     only what must hold on every state\n"
	      "  --depth N     only schedules of up to so many actions, all of them: a bound that\n"
	      "                was asked for is no failure\n"
	      "  --symmetry 0|1\n"
	      "                one state stands for all that differ in the numbers of the nodes\n"
	      "                alone (1 with three nodes; with two it finds few and costs more)\n"
	      "  --seconds N   give up after this time (600)\n"
	      "  --states N    give up after this many states\n"
	      "  --break NAME  break one rule: the run must notice it; `list` names them.\n"
	      "                With two nodes nothing can be seen of admission and complete:\n"
	      "                the only standby has all it ever had.\n",
	      to);
}

static int
break_list(void)
{
	for (unsigned i = 0; i < BREAK_COUNT; i++)
		printf("%-10s %s\n", breaks[i].word, breaks[i].doc);
	return 0;
}

static bool
break_find(const char *word)
{
	for (unsigned i = 0; i < BREAK_COUNT; i++)
		if (strcmp(breaks[i].word, word) == 0) {
			run.brk = (enum m_break)i;
			return true;
		}
	fprintf(stderr, "pgaf-model: --break does not know \"%s\"\n", word);
	return false;
}

static bool
pair_find(const char *words)
{
	const char *comma = strchr(words, ',');

	for (unsigned i = 1; comma != NULL && i < MFAULT_COUNT; i++) {
		if (strlen(faults[i]) == (size_t)(comma - words) &&
		    strncmp(words, faults[i], (size_t)(comma - words)) == 0)
			run.pair[0] = (enum m_fault)i;
		if (strcmp(faults[i], comma + 1) == 0)
			run.pair[1] = (enum m_fault)i;
	}
	if (run.pair[0] != MFAULT_NONE && run.pair[1] != MFAULT_NONE)
		return true;
	fprintf(stderr, "pgaf-model: --pair wants two faults, not \"%s\"\n", words);
	return false;
}

static bool
number(const char *text, uint64_t most, unsigned *to)
{
	uint64_t value;

	if (!text_to_u64(text, &value) || value > most) {
		fprintf(stderr, "pgaf-model: \"%s\" is no number from 0 to %llu\n", text,
		        (unsigned long long)most);
		return false;
	}
	*to = (unsigned)value;
	return true;
}

enum choice {
	O_NODES = 256,
	O_SYNC,
	O_FAULTS,
	O_CANCELS,
	O_PAIR,
	O_COMMITS,
	O_MESSAGES,
	O_RESTORE,
	O_REQUESTS,
	O_NO_LIVE,
	O_SYMMETRY,
	O_DEPTH,
	O_REPRESENTATIVES,
	O_SECONDS,
	O_STATES,
	O_BREAK,
	O_HELP
};

static bool
take(int option)
{
	unsigned value = 0;

	switch ((enum choice)option) {
	case O_NODES:
		return number(optarg, NODES_MOST, &run.nodes) && run.nodes >= 2;
	case O_SYNC:
		return number(optarg, NODES_MOST - 1, &run.sync);
	case O_FAULTS:
		return number(optarg, 9, &run.faults);
	case O_CANCELS:
		return number(optarg, 9, &run.cancels);
	case O_PAIR:
		return pair_find(optarg);
	case O_COMMITS:
		return number(optarg, 9, &run.commits);
	case O_MESSAGES:
		return run.messages = true;
	case O_RESTORE:
		return run.restore = true;
	case O_REQUESTS:
		return run.requests = true;
	case O_REPRESENTATIVES:
		return run.representatives = true;
	case O_NO_LIVE:
		run.live = false;
		return true;
	case O_SYMMETRY:
		return number(optarg, 1, &run.symmetry);
	case O_DEPTH:
		return number(optarg, UINT16_MAX - 1, &run.depth);
	case O_SECONDS:
		if (!number(optarg, 86400, &value))
			return false;
		run.seconds = value;
		return true;
	case O_STATES:
		if (!number(optarg, UINT32_MAX - 1, &value))
			return false;
		run.states = value;
		return true;
	case O_BREAK:
		return break_find(optarg);
	case O_HELP:
		break;
	}
	return false;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{"nodes", required_argument, NULL, O_NODES},
		{"sync", required_argument, NULL, O_SYNC},
		{"faults", required_argument, NULL, O_FAULTS},
		{"cancels", required_argument, NULL, O_CANCELS},
		{"pair", required_argument, NULL, O_PAIR},
		{"commits", required_argument, NULL, O_COMMITS},
		{"messages", no_argument, NULL, O_MESSAGES},
		{"restore", no_argument, NULL, O_RESTORE},
		{"requests", no_argument, NULL, O_REQUESTS},
		{"representatives", no_argument, NULL, O_REPRESENTATIVES},
		{"no-live", no_argument, NULL, O_NO_LIVE},
		{"symmetry", required_argument, NULL, O_SYMMETRY},
		{"depth", required_argument, NULL, O_DEPTH},
		{"seconds", required_argument, NULL, O_SECONDS},
		{"states", required_argument, NULL, O_STATES},
		{"break", required_argument, NULL, O_BREAK},
		{"help", no_argument, NULL, O_HELP},
		{NULL, 0, NULL, 0},
	};
	int option, result;

	run = (struct m_run){.nodes = 2,
	                     .faults = 1,
	                     .cancels = 1,
	                     .commits = 2,
	                     .live = true,
	                     .symmetry = 2,
	                     .depth = UINT16_MAX,
	                     .seconds = 600,
	                     .states = UINT32_MAX};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == O_HELP) {
			usage(stdout);
			return 0;
		}
		if (option == O_BREAK && strcmp(optarg, "list") == 0)
			return break_list();
		if (!take(option)) {
			usage(stderr);
			return 2;
		}
	}
	if (run.symmetry > 1)
		run.symmetry = run.nodes > 2;
	result = search();
	if (run.brk != BREAK_NONE) {
		puts(result == 1 ? "the broken rule was noticed"
		                 : "the broken rule was NOT noticed");
		return result == 1 ? 0 : 1;
	}
	return result == 2 ? 3 : result;
}
