/* SPDX-License-Identifier: PostgreSQL */
/*
 * Stories of a store that is put back to an older copy amid other faults (12).
 * Each was a violation once: what it was is said with it.
 */

#include <check.h>

#include "sim/sim.h"
#include "unit/suite.h"

#define CALM "calm settings programs network disks postgres clients;"

static const char *const stories[] = {
	/* LIVE: back to before a promotion of which the claim was granted and the end not noted.
	 * The new timeline was nobody's, so no primary was found, for ever. */
	"seed 294;nodes 2;sessions 0;" CALM "at 0 postmaster node1;at 0.01 forget monitor;"
	"at 0.02 keeper node2 for 0;end 0.02",
	/* ONE: the store decided before it had heard the keeper that knew of the promotion, and
	 * with its own decisions outgrew the epoch that would have told. */
	"seed 2322;nodes 2;sessions 1;" CALM "at 0 disk node1 for 0.1;at 0 postmaster node1;"
	"at 0.01 forget monitor;end 0.01",
	"seed 8020;nodes 2;sessions 1;" CALM "at 0 keeper node1 for 0.025;at 0 postmaster node1;"
	"at 0.025 forget monitor;end 0.025",
	/* LIVE: told to follow before the new timeline was on its upstream's disk, and never again
	 * after that: it was not allowed to rewind. */
	"seed 2041;nodes 2;sessions 3;at 17.7 postmaster-and-keeper node1 for 0.05;"
	"at 18 forget monitor;end 19",
	/* LIVE: an operator's word while no writer was heard ended the listening and decided
	 * nothing; when the writer was back nobody noticed. */
	"seed 8929;nodes 2;sessions 0;" CALM
	"at 0 cut-monitor node1 for 0.4;at 2 keeper node2 for 1;at 2 forget monitor;"
	"at 2.5 loss monitor;end 5",
	/* DUR, of the simulator: an operator's word gives up what unheard nodes hold. */
	"seed 7572;nodes 2;sessions 1;" CALM "at 0 switchover monitor detail 1;"
	"at 1 postmaster-and-keeper node2 for 0.2;at 1.2 store monitor for 0.5;"
	"at 1.7 freeze-keeper node1 for 5;at 5 forget monitor;at 5.9 loss monitor;end 6",
};

START_TEST(a_store_that_was_put_back_finds_its_primary)
{
	static struct story story;
	struct sim *sim;

	ck_assert_uint_eq(story_read(stories[_i], &story), 0);
	sim = sim_play(&story);
	ck_assert_msg(sim_story(sim), "%s: %s: %s", stories[_i], sim->failed_check,
	              sim->failed_text);
	sim_free(sim);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("forget");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_store_that_was_put_back_finds_its_primary, 0,
	                    (int)(sizeof stories / sizeof stories[0]));
	return suite_run("forget", tcase);
}
