/* SPDX-License-Identifier: PostgreSQL */
/*
 * The traps of the protocol that are schedules of two nodes: without its rule
 * each of them bites here, with it the same runs are good. A rule of the tables
 * is taken out by its number (M404, K330; M404:MONITOR is one condition), a
 * rule of the simulated programs by its word.
 */

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mutation/mutant.h"
#include "sim/sim.h"

#define CALM "calm settings programs network disks postgres clients;"

struct trap {
	const char *name;    /* number, and what it is about */
	const char *without; /* the rule that is taken out */
	/* What happens then: a check of the simulator, or WRITES: no commit returns in the
	 * time from..to, or ROLE: the primary is replaced in it. */
	const char *bites;
	const char *story; /* of faults; NULL: the runs of seeds, until one fails, … */
	uint64_t seed;     /* … from this one on; 0: from the first */
	pgaf_time from, to;
	bool forget; /* seeds only: and in the end the store is put back to an old copy */
};

static const struct trap traps[] = {
	{.name = "1: a node follows whose history was not compared",
         .without = "history",
         .bites = "LIVE"},
	{.name = "2: a timeline number is given out twice",
         .without = "timeline",
         .bites = "TIMELINE"},
	{.name = "3: a goal executed late, without a claim", .without = "claim", .bites = "ONE"},
	{.name = "4: an asynchronous version that may be in force is overlooked",
         .without = "narrow",
         .bites = "SAFE-PROMOTE"},
	{.name = "4b: a version counts as declined and may still be applied",
         .without = "decline",
         .bites = "SAFE-PROMOTE"},
	{.name = "8: names that a new session shows count as in force",
         .without = "force",
         .bites = "DUR"},
	{.name = "8: names count without the fence that held a commit",
         .without = "fence",
         .bites = "DUR"},
	{.name = "10: a former primary is told to follow before the checkpoint of the new one",
         .without = "M720:PRIMARY_DISK",
         .bites = "LIVE"},
	{.name = "11: a standby is started as its files happen to be",
         .seed = 1754, /* rare */
         .without = "signal",
         .bites = "TIMELINE"},
	{.name = "13: a decision is written on facts that have changed",
         .without = "cas",
         .bites = "ONE"},
	{.name = "14: a standby rests with the set it was once told",
         .without = "rest",
         .bites = "LIVE"},
	{.name = "14: nothing is written on a standby before its promotion",
         .without = "K646",
         .bites = "LIVE"},
	{.name = "11: a promotion that was cut short does not go on",
         .without = "K752",
         .bites = "LIVE"},
	{.name = "21: a standby is promoted whatever the primary may have acknowledged",
         .without = "M404:CANDIDATE",
         .bites = "SAFE-PROMOTE"},
	{.name = "24: the candidate renounced, and nobody is primary",
         .without = "M310",
         .bites = "LIVE"},
	{.name = "25: the primary that restarts holds everything",
         .without = "M420",
         .bites = "LIVE"},
	{.name = "25: the primary stopped cleanly and the standby has its last record",
         .without = "M500",
         .bites = "LIVE"},
	{.name = "26: a fenced primary does not come back", .without = "K310", .bites = "LIVE"},
	{.name = "12: the store forgot, and is believed",
         .without = "M100",
         .bites = "LIVE",
         .forget = true},
	{.name = "30: the link between the nodes alone is cut",
         .without = "M632",
         .bites = "WRITES",
         .story = "at 0.5 cut-peers node1 for 40;end 50",
         .from = PGAF_SECONDS(10),
         .to = PGAF_SECONDS(30)},
	{.name = "27: the primary's host is lost while the monitor is away",
         .without = "M404",
         .bites = "WRITES",
         .story = "at 0.5 monitor monitor for 3;at 1 host node1 for 60;end 70",
         .from = PGAF_SECONDS(15),
         .to = PGAF_SECONDS(40)},
	{.name = "26: fenced, its member follows again, and the monitor stays away",
         .without = "K419",
         .bites = "WRITES",
         .story = "at 0.5 monitor-host monitor for 60;at 1 cut-peers node1 for 12;end 70",
         .from = PGAF_SECONDS(30),
         .to = PGAF_SECONDS(55)},
	{.name = "36: a query crashes each primary that it is sent to",
         .without = "M422",
         .bites = "WRITES",
         .story = "at 0.5 backend node1;at 20 backend node2;at 40 backend node1;end 70",
         .from = PGAF_SECONDS(45),
         .to = PGAF_SECONDS(65)},
	{.name = "37: the disk hangs, and nobody takes over",
         .without = "M408",
         .bites = "WRITES",
         .story = "at 0.5 disk node1 for 60;end 70",
         .from = PGAF_SECONDS(15),
         .to = PGAF_SECONDS(40)},
};

#define TRAPS ((int)(sizeof traps / sizeof traps[0]))
#define SEEDS_MOST 600

struct outcome {
	bool failed; /* the run itself, by this check */
	char check[16];
	char text[200];
	uint64_t seed;
	uint64_t writes, failovers; /* of the story's time */
};

/* ---- runs ------------------------------------------------------------------------- */

static void
note_failure(struct sim *sim, struct outcome *outcome)
{
	outcome->failed = sim->failed;
	snprintf(outcome->check, sizeof outcome->check, "%s", sim->failed_check);
	snprintf(outcome->text, sizeof outcome->text, "%.190s", sim->failed_text);
}

static void
run_seed(const struct trap *trap, enum brk brk, uint64_t seed, struct outcome *outcome)
{
	struct sim *sim = sim_new(seed, 2, brk);

	sim->story.forget = trap->forget;
	sim_story(sim);
	outcome->seed = seed;
	note_failure(sim, outcome);
	sim_free(sim);
}

static void
run_story(const struct trap *trap, enum brk brk, struct outcome *outcome)
{
	static struct story story;
	char text[400];
	struct sim *sim;

	snprintf(text, sizeof text, CALM "%s", trap->story);
	if (story_read(text, &story) != 0)
		abort();
	story.brk = brk;
	sim = sim_play(&story);
	if (!sim_build(sim, PGAF_SECONDS(60)))
		abort();

	pgaf_time began = sim->now;

	faults_plan(sim);
	sim_run_until(sim, began + trap->from);
	outcome->writes = sim->counts.acknowledged;
	outcome->failovers = sim->counts.failovers;
	sim_run_until(sim, began + trap->to);
	outcome->writes = sim->counts.acknowledged - outcome->writes;
	outcome->failovers = sim->counts.failovers - outcome->failovers;
	note_failure(sim, outcome);
	sim_free(sim);
}

static bool
bites(const struct trap *trap, const struct outcome *outcome)
{
	if (strcmp(trap->bites, "WRITES") == 0)
		return outcome->writes == 0;
	if (strcmp(trap->bites, "ROLE") == 0)
		return outcome->failovers > 0;
	return outcome->failed && strcmp(outcome->check, trap->bites) == 0;
}

/* Without the rule, until it bites. */
static void
run_without(const struct trap *trap, struct outcome *outcome)
{
	enum brk brk = BREAK_NONE;

	if (!break_find(trap->without, &brk) && !mutant_apply(trap->without))
		_exit(EXIT_FAILURE);
	if (trap->story) {
		run_story(trap, brk, outcome);
		return;
	}
	for (uint64_t i = 0; i < SEEDS_MOST && !bites(trap, outcome); i++)
		run_seed(trap, brk, (trap->seed ? trap->seed : 1) + i, outcome);
}

/* The tables are changed, so in a process of its own. */
static struct outcome
outcome_without(const struct trap *trap)
{
	struct outcome outcome = {0};
	int ends[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		run_without(trap, &outcome);
		_exit(write(ends[1], &outcome, sizeof outcome) == sizeof outcome ? 0 : 1);
	}
	close(ends[1]);
	ck_assert_msg(read(ends[0], &outcome, sizeof outcome) == sizeof outcome,
	              "%s: there is no rule %s", trap->name, trap->without);
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	return outcome;
}

/* ---- the test --------------------------------------------------------------------- */

START_TEST(a_trap_bites_without_its_rule_and_not_with_it)
{
	const struct trap *trap = &traps[_i];
	struct outcome without = outcome_without(trap);
	struct outcome with = {0};

	ck_assert_msg(bites(trap, &without),
	              "%s: without %s no %s; %s %s, %llu writes, %llu failovers", trap->name,
	              trap->without, trap->bites, without.check, without.text,
	              (unsigned long long)without.writes, (unsigned long long)without.failovers);
	if (trap->story)
		run_story(trap, BREAK_NONE, &with);
	else
		run_seed(trap, BREAK_NONE, without.seed, &with);
	ck_assert_msg(!with.failed && !bites(trap, &with),
	              "%s: with %s, too: %s %s, %llu writes, %llu failovers", trap->name,
	              trap->without, with.check, with.text, (unsigned long long)with.writes,
	              (unsigned long long)with.failovers);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("traps");
	TCase *tests = tcase_create("traps");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 240);
	tcase_add_loop_test(tests, a_trap_bites_without_its_rule_and_not_with_it, 0, TRAPS);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
