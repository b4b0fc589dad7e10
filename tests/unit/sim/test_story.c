/* SPDX-License-Identifier: PostgreSQL */
/*
 * Stories: a run is its story and nothing else, in memory and as text, and a
 * violation is cut down to what it needs.
 */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#define SEEDS 30
#define TEXT_BYTES (64 << 10)

/* The last lines of a run's trace, one after another. */
static char *
trace_of(struct sim *sim)
{
	char *text;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(to);
	sim->tracing = true;
	sim->story.forget = sim->seed % 5 == 0;
	sim_story(sim);
	trace_write(sim, TRACE_LINES, to);
	fclose(to);
	ck_assert_uint_gt(length, 1000);
	return text;
}

static void
text_of(const struct story *story, char *text)
{
	FILE *to = fmemopen(text, TEXT_BYTES, "w");

	ck_assert_ptr_nonnull(to);
	story_write(story, to);
	fclose(to);
}

/* Same seed, same run, byte for byte; and the same as its story, and as the story's text. */
START_TEST(run_is_its_story)
{
	static char text[TEXT_BYTES], again[TEXT_BYTES];
	static struct story read;
	struct sim *runs[4];
	char *traces[4];

	for (int i = 0; i < 2; i++) {
		runs[i] = sim_new((uint64_t)_i, 2, BREAK_NONE);
		traces[i] = trace_of(runs[i]);
	}
	text_of(&runs[0]->story, text);
	ck_assert_uint_eq(story_read(text, &read), 0);
	text_of(&read, again);
	runs[2] = sim_play(&runs[0]->story);
	runs[3] = sim_play(&read);
	for (int i = 2; i < 4; i++)
		traces[i] = trace_of(runs[i]);

	ck_assert_str_eq(text, again);
	for (int i = 1; i < 4; i++)
		ck_assert_msg(strcmp(traces[0], traces[i]) == 0,
		              "seed %d: run %d has another trace", _i, i);

	for (int i = 0; i < 4; i++) {
		free(traces[i]);
		sim_free(runs[i]);
	}
}
END_TEST

/* Writes are slow on a slow disk; they end the instance that has no room, and wait for a standby
 * that has none. */
static const struct {
	const char *fault;
	uint64_t least, most; /* commits in the next second */
	bool ends;
} disks[] = {
	{"", 40, 100, false},
	{"at 0 disk-slow node1 for 10", 5, 35, false},
	{"at 0 disk-full node1 for 10", 0, 100, true},
	{"at 0 disk-full node2 for 10", 0, 0, false},
};

START_TEST(disks_hurt)
{
	static struct story story;
	char text[200];
	struct sim *sim;
	uint64_t before, exits;

	snprintf(text, sizeof text, "calm settings programs network disks postgres clients;%s",
	         disks[_i].fault);
	ck_assert_uint_eq(story_read(text, &story), 0);
	sim = sim_play(&story);
	ck_assert(sim_build(sim, PGAF_SECONDS(60)));
	sim_run_until(sim, sim->now + PGAF_SECONDS(1));
	exits = sim->pg[1].exits;
	faults_plan(sim);
	sim_run_until(sim, sim->now + PGAF_MSEC(10)); /* what was flushed before is acknowledged */
	before = sim->counts.acknowledged;
	sim_run_until(sim, sim->now + PGAF_SECONDS(1));

	ck_assert_uint_ge(sim->counts.acknowledged - before, disks[_i].least);
	ck_assert_uint_le(sim->counts.acknowledged - before, disks[_i].most);
	ck_assert_int_eq(sim->pg[1].exits > exits, disks[_i].ends);
	sim_free(sim);
}
END_TEST

/* The rules that a schedule of faults has to meet, and how short its story has to be. */
struct broken {
	enum brk brk;
	uint32_t faults_most;
};

static const struct broken broken[] = {
	{BREAK_CLAIM, 3},  {BREAK_FORCE, 2}, {BREAK_NARROW, 3},
	{BREAK_DEMOTE, 3}, {BREAK_KEEP, 3},  {BREAK_TIMELINE, 3},
};

static struct sim *
first_violation(enum brk brk)
{
	for (uint64_t seed = 1; seed <= 500; seed++) {
		struct sim *sim = sim_new(seed, 2, brk);

		if (!sim_story(sim) && strcmp(sim->failed_check, break_check(brk)) == 0)
			return sim;
		sim_free(sim);
	}
	ck_abort_msg("%s is not caught", break_word(brk));
}

START_TEST(violation_becomes_short)
{
	static struct shrunk shrunk;
	const struct broken *rule = &broken[_i];
	struct sim *sim = first_violation(rule->brk);

	ck_assert(story_shrink(&sim->story, 4000, &shrunk));
	sim_free(sim);

	ck_assert_uint_le(shrunk.story.count, rule->faults_most);
	ck_assert_str_eq(shrunk.check, break_check(rule->brk));

	/* It is this rule that the story is about. */
	shrunk.story.brk = BREAK_NONE;
	sim = sim_play(&shrunk.story);
	ck_assert_msg(sim_story(sim), "%s without the break: %s", break_word(rule->brk),
	              sim->failed_text);
	sim_free(sim);
}
END_TEST

START_TEST(nothing_to_shrink)
{
	static struct shrunk shrunk;
	struct story story = {.seed = 1, .nodes = 2, .sessions = 1, .end = PGAF_SECONDS(1)};

	ck_assert(!story_shrink(&story, 100, &shrunk));
	ck_assert_uint_eq(shrunk.runs, 1);
}
END_TEST

START_TEST(text_is_read)
{
	struct story story;

	ck_assert_uint_eq(story_read("# a comment\nseed 5; nodes 3\n"
	                             "failover 2 0.012 freeze-keeper node3 for 1.5; forget\n"
	                             "at 3 cut-peers-one-way node1 detail 2 for 2\n"
	                             "set 4 0.003 backend node1\nend 9",
	                             &story),
	                  0);
	ck_assert_uint_eq(story.seed, 5);
	ck_assert_uint_eq(story.count, 3);
	ck_assert(story.forget);
	ck_assert_uint_eq(story.blows[0].since, SINCE_FAILOVER);
	ck_assert_uint_eq(story.blows[0].number, 2);
	ck_assert_int_eq(story.blows[0].at, PGAF_MSEC(12));
	ck_assert_int_eq(story.blows[0].length, PGAF_MSEC(1500));
	ck_assert_uint_eq(story.blows[0].host, 3);
	ck_assert_uint_eq(story.blows[1].detail, 2);
	ck_assert_uint_eq(story.blows[2].since, SINCE_SET);
	ck_assert_uint_eq(story.blows[2].number, 4);
	ck_assert_int_eq(story.end, PGAF_SECONDS(9));
}
END_TEST

static const char *const unreadable[] = {
	"seed",
	"seed x",
	"nodes 0",
	"nodes 99",
	"sessions 4",
	"break nobody",
	"calm",
	"calm weather",
	"at 1 earthquake node1",
	"at 1 site node1 for 2", /* is a loss of each host */
	"at 1 keeper node7",     /* of two nodes */
	"at 1 keeper node1 for",
	"at 1 keeper node1 for 1 s",
	"at -1 keeper node1",
	"failover 0 1 keeper node1",
	"failover",
	"set 0.003 keeper node1",
	"end 1.5x",
	"no such thing",
};

START_TEST(nonsense_is_refused)
{
	struct story story;

	ck_assert_msg(story_read(unreadable[_i], &story) > 0, "'%s' was read", unreadable[_i]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("story");
	TCase *tcase = tcase_create("story");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, run_is_its_story, 1, SEEDS + 1);
	tcase_add_loop_test(tcase, violation_becomes_short, 0,
	                    (int)(sizeof broken / sizeof broken[0]));
	tcase_add_loop_test(tcase, disks_hurt, 0, 4);
	tcase_add_test(tcase, nothing_to_shrink);
	tcase_add_test(tcase, text_is_read);
	tcase_add_loop_test(tcase, nonsense_is_refused, 0,
	                    (int)(sizeof unreadable / sizeof unreadable[0]));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
