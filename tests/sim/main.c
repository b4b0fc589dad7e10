/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgaf-sim: runs seeds one after another, prints the first violation with the
 * tail of its trace, and ends with one line of counts.
 */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "sim/batch.h"

#define SHRINK_RUNS 4000
#define STORY_BYTES (64 << 10)
/* A node alone has less to go wrong: one seed in so many. */
#define ONE_NODE_IN 10

struct options {
	uint64_t first, last;
	uint64_t failovers, seconds;
	unsigned jobs;
	uint32_t nodes;
	bool trace;
	bool kinds;
	bool forget;
	bool all; /* go on after a violation, one line each */
	enum brk brk;
	bool every_break;
	bool shrink; /* also what a broken rule or --all finds */
	bool brief;  /* a violation is one line */
	uint64_t extra;
	const char *story;
};

static void
usage(FILE *to)
{
	fputs("usage: pgaf-sim --seeds A..[B] [--nodes N] [--trace] [--kinds] [--all] [--forget]\n"
	      "                [--with FAULT] [--failovers ENOUGH] [--seconds MOST] [--jobs N]\n"
	      "                [--break RULE|all|list] [--shrink|--brief]\n"
	      "       pgaf-sim --story FILE|TEXT [--trace]\n",
	      to);
}

static bool
parse_seeds(const char *text, struct options *options)
{
	char *end;

	options->first = strtoull(text, &end, 10);
	options->last = options->first;
	if (end == text)
		return false;
	if (strncmp(end, "..", 2) == 0) {
		text = end + 2;
		options->last = *text == '\0' ? UINT64_MAX / 2 : strtoull(text, &end, 10);
		if (*text == '\0')
			return true;
	}
	return *end == '\0' && end != text && options->first <= options->last;
}

static void
list_breaks(void)
{
	for (int i = 1; i < BREAK_COUNT; i++)
		printf("%-10s %-13s %s\n", break_word((enum brk)i), break_check((enum brk)i),
		       break_doc((enum brk)i));
}

static bool
parse_break(const char *word, struct options *options)
{
	if (strcmp(word, "list") == 0) {
		list_breaks();
		exit(0);
	}
	options->every_break = strcmp(word, "all") == 0;
	return options->every_break || break_find(word, &options->brk);
}

static bool
parse_option(int c, struct options *options)
{
	enum fault fault;

	switch (c) {
	case 's':
		return parse_seeds(optarg, options);
	case 'e':
		options->failovers = strtoull(optarg, NULL, 10);
		return options->failovers > 0;
	case 'l':
		options->seconds = strtoull(optarg, NULL, 10);
		return options->seconds > 0;
	case 'j':
		options->jobs = (unsigned)strtoul(optarg, NULL, 10);
		return options->jobs > 0 && options->jobs <= 64;
	case 'n':
		options->nodes = (uint32_t)strtoul(optarg, NULL, 10);
		return options->nodes >= 1 && options->nodes <= PGAF_NODES_MAX;
	case 't':
		return options->trace = true;
	case 'k':
		return options->kinds = true;
	case 'a':
		return options->all = true;
	case 'f':
		return options->forget = true;
	case 'm':
		return options->shrink = true;
	case 'w':
		options->extra |= fault_find(optarg, &fault) ? UINT64_C(1) << fault : 0;
		return options->extra != 0;
	case 'q':
		return options->brief = true;
	case 'y':
		options->story = optarg;
		return true;
	case 'b':
		return parse_break(optarg, options);
	case 'h':
		usage(stdout);
		exit(0);
	default:
		return false;
	}
}

static bool
parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{"seeds", required_argument, NULL, 's'},
		{"failovers", required_argument, NULL, 'e'},
		{"seconds", required_argument, NULL, 'l'},
		{"jobs", required_argument, NULL, 'j'},
		{"nodes", required_argument, NULL, 'n'},
		{"trace", no_argument, NULL, 't'},
		{"break", required_argument, NULL, 'b'},
		{"kinds", no_argument, NULL, 'k'},
		{"all", no_argument, NULL, 'a'},
		{"forget", no_argument, NULL, 'f'},
		{"shrink", no_argument, NULL, 'm'},
		{"with", required_argument, NULL, 'w'},
		{"brief", no_argument, NULL, 'q'},
		{"story", required_argument, NULL, 'y'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};

	for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;)
		if (!parse_option(c, options))
			return false;
	return (options->last > 0) != (options->story != NULL) && optind == argc;
}

/* One line that plays it again; times keep their last digit. */
static void
print_command(const struct story *story)
{
	char text[STORY_BYTES] = "";
	FILE *to = fmemopen(text, sizeof text, "w");

	if (!to)
		abort();
	story_write(story, to);
	fclose(to);
	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = c[1] ? ';' : '\0';
	printf("again: pgaf-sim --story '%s'\n", text);
}

/* What the run of a seed came to, cut down to what it needs. */
static void
print_shrunk(const struct story *story)
{
	static struct shrunk shrunk;

	if (!story_shrink(story, SHRINK_RUNS, &shrunk)) {
		printf("the story of seed %llu, played again, violates nothing: the simulator is "
		       "not deterministic\n",
		       (unsigned long long)story->seed);
		return;
	}
	printf("\nseed %llu in short: %u of %u faults (%u runs); time 0 is the built group\n",
	       (unsigned long long)story->seed, shrunk.story.count, story->count, shrunk.runs);
	story_tell(&shrunk.story);
	print_command(&shrunk.story);
}

static void
print_again(const struct options *options, const struct sim *sim)
{
	printf("again: pgaf-sim --seeds %llu --nodes %u --trace%s", (unsigned long long)sim->seed,
	       sim->nodes, options->forget ? " --forget" : "");
	for (int i = 0; i < SIM_FAULT_COUNT; i++)
		if (options->extra >> i & 1)
			printf(" --with %s", fault_word((enum fault)i));
	putchar('\n');
}

static void
report_violation(const struct options *options, const struct sim *sim)
{
	unsigned long long seed = (unsigned long long)sim->seed;

	if (options->brk != BREAK_NONE)
		printf("broken rule %s: caught by %s at seed %llu: %s\n", break_word(options->brk),
		       sim->failed_check, seed, sim->failed_text);
	else if (options->all)
		printf("seed %llu: %s: %s\n", seed, sim->failed_check, sim->failed_text);
	else
		printf("seed %llu, %lld ms: %s violated: %s\n", seed,
		       (long long)((sim->now - SIM_EPOCH) / PGAF_MSEC(1)), sim->failed_check,
		       sim->failed_text);
	if (options->brk == BREAK_NONE && !options->all)
		print_again(options, sim);
	if (options->shrink || !(options->brk || options->all || options->trace || options->brief))
		print_shrunk(&sim->story);
}

static bool
run_seed(void *context, uint64_t seed, struct counts *sum)
{
	const struct options *options = context;
	uint32_t nodes = options->nodes ? options->nodes : seed % ONE_NODE_IN == 0 ? 1 : 2;
	struct sim *sim = sim_new(seed, nodes, options->brk);
	bool good;

	sim->story.forget = options->forget;
	sim->extra = options->extra;
	sim->tracing = options->trace;
	sim->trace_to_stdout = options->trace;
	good = sim_story(sim);
	counts_add(sum, &sim->counts);
	/* A broken rule has to be found by the check that it is for. */
	if (options->brk != BREAK_NONE)
		good = good || strcmp(sim->failed_check, break_check(options->brk)) != 0;
	if (!good)
		report_violation(options, sim);
	sim_free(sim);
	return good;
}

static double
seconds_of(int who)
{
	struct rusage used;

	getrusage(who, &used);
	return (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* Of all our processes: other work on the machine does not make them slower. */
static double
seconds_now(void)
{
	return seconds_of(RUSAGE_SELF) + seconds_of(RUSAGE_CHILDREN);
}

static unsigned
per_cent(uint64_t part, uint64_t whole)
{
	return whole ? (unsigned)(part * 100 / whole) : 0;
}

static void
report_counts(const struct counts *sum, double seconds, uint64_t violations)
{
	printf("seeds=%llu failovers=%llu switchovers=%llu crashes=%llu partitions=%llu "
	       "acknowledged=%llu second_faults=%llu with_failover=%u%% with_second_fault=%u%% "
	       "speed=%.0fx violations=%llu\n",
	       (unsigned long long)sum->seeds, (unsigned long long)sum->failovers,
	       (unsigned long long)sum->switchovers, (unsigned long long)sum->crashes,
	       (unsigned long long)sum->partitions, (unsigned long long)sum->acknowledged,
	       (unsigned long long)sum->second_faults, per_cent(sum->with_failover, sum->seeds),
	       per_cent(sum->with_second_fault, sum->seeds),
	       (double)sum->virtual_time / 1e9 / (seconds > 0 ? seconds : 1e-9),
	       (unsigned long long)violations);
}

static uint64_t
run_seeds(struct options *options, struct counts *sum)
{
	struct batch batch = {
		.first = options->first,
		.last = options->last,
		.failovers = options->failovers,
		.seconds = options->seconds,
		.jobs = options->jobs,
		.all = options->all,
		.run = run_seed,
		.context = options,
	};
	struct batch_result result = batch_run(&batch, sum);

	if (options->failovers > 0 && result.end == BATCH_FAILOVERS)
		printf("ended by: %llu failovers\n", (unsigned long long)options->failovers);
	if (options->seconds > 0 && result.end == BATCH_SECONDS)
		printf("ended by: %llu seconds\n", (unsigned long long)options->seconds);
	return result.violations;
}

/* Every broken rule has to be caught; how many were not. */
static uint64_t
run_breaks(struct options *options, struct counts *sum)
{
	uint64_t missed = 0;

	for (int i = 1; i < BREAK_COUNT; i++) {
		options->brk = (enum brk)i;
		if (run_seeds(options, sum) > 0)
			continue;
		printf("broken rule %s: NOT caught by %s\n", break_word(options->brk),
		       break_check(options->brk));
		missed++;
	}
	return missed;
}

/* The text of a story: a file of that name, or the argument itself. */
static bool
load_story(const char *name, struct story *story)
{
	static char text[STORY_BYTES];
	FILE *file = strchr(name, ';') ? NULL : fopen(name, "r");
	uint32_t wrong;

	if (file) {
		text[fread(text, 1, sizeof text - 1, file)] = '\0';
		fclose(file);
	}
	wrong = story_read(file ? text : name, story);
	if (wrong > 0)
		fprintf(stderr, "pgaf-sim: line %u of the story cannot be read\n", wrong);
	return wrong == 0;
}

/* 0: it violates nothing; 1: it does; 2: there is no such story. */
static int
run_story(const struct options *options)
{
	static struct story story;
	struct sim *sim;
	bool good;

	if (!load_story(options->story, &story))
		return 2;
	sim = sim_play(&story);
	sim->tracing = options->trace;
	sim->telling = true;
	sim->trace_to_stdout = true;
	good = sim_story(sim);
	sim_free(sim);
	return good ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct options options = {.jobs = 1};
	struct counts sum = {0};
	double began = seconds_now();
	uint64_t bad;

	if (!parse(argc, argv, &options)) {
		usage(stderr);
		return 2;
	}
	if (options.story)
		return run_story(&options);
	if (options.every_break)
		bad = run_breaks(&options, &sum);
	else if (options.brk != BREAK_NONE)
		bad = run_seeds(&options, &sum) == 0;
	else
		bad = run_seeds(&options, &sum);
	for (int i = 0; options.kinds && i < SIM_FAULT_COUNT; i++)
		printf("%8llu  %s\n", (unsigned long long)sum.by_kind[i],
		       fault_text((enum fault)i));
	if (options.kinds)
		printf("%8llu  (a failover because a set was declined)\n",
		       (unsigned long long)sum.declined);
	report_counts(&sum, seconds_now() - began, bad);
	return bad > 0 ? 1 : 0;
}
