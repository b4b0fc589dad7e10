/* SPDX-License-Identifier: PostgreSQL */
/* What an operator's programs are told of redundancy, seen by the core alone. */
#include <check.h>

#include "core/hook.h"
#include "unit/suite.h"

static const struct hook_sight covered = {.role = HOOK_ROLE_PRIMARY, .covered = true};
static const struct hook_sight alone = {.role = HOOK_ROLE_PRIMARY, .alone = true};

/* Tells all there is to tell now; returns how much, and the last of it. */
static unsigned
tell(struct hook_watch *watch, const struct hook_sight *sight, pgaf_time now, enum hook_event *last)
{
	struct hook_call call = {0};
	unsigned told = 0;

	while (hook_next(watch, sight, now, &call)) {
		ck_assert_uint_lt(++told, 10);
		*last = call.event;
	}
	return told;
}

START_TEST(test_the_first_node_of_a_group_has_lost_nothing)
{
	struct hook_watch watch = {0};
	enum hook_event last = HOOK_UNSTUCK;

	ck_assert_uint_eq(tell(&watch, &alone, PGAF_SECONDS(100), &last), 1);
	ck_assert_int_eq(last, HOOK_ROLE_CHANGE);
	ck_assert_uint_eq(tell(&watch, &alone, PGAF_SECONDS(200), &last), 0);
}
END_TEST

START_TEST(test_a_primary_whose_standby_was_dropped_has)
{
	struct hook_watch watch = {0};
	enum hook_event last = HOOK_UNSTUCK;

	ck_assert_uint_eq(tell(&watch, &covered, PGAF_SECONDS(100), &last), 2);
	ck_assert_int_eq(last, HOOK_REDUNDANCY_REGAINED);
	ck_assert_uint_eq(tell(&watch, &alone, PGAF_SECONDS(101), &last), 0);
	ck_assert_uint_eq(tell(&watch, &alone, PGAF_SECONDS(101) + HOOK_BARE_AFTER, &last), 1);
	ck_assert_int_eq(last, HOOK_REDUNDANCY_LOST);
	ck_assert_uint_eq(tell(&watch, &alone, PGAF_SECONDS(200), &last), 0);
}
END_TEST

/* When it is asked at that time, and at no other, nothing is told late. */
START_TEST(test_it_is_known_when_to_ask_again)
{
	const struct hook_sight bare = {.role = HOOK_ROLE_PRIMARY};
	const struct hook_sight stuck = {.role = HOOK_ROLE_PRIMARY, .stuck = "why"};
	const struct hook_sight none = {.role = HOOK_ROLE_NONE, .stuck = "why"};
	struct hook_watch watch = {0};
	enum hook_event last = HOOK_UNSTUCK;
	pgaf_time now = PGAF_SECONDS(100);

	ck_assert_int_eq(hook_due(&watch), PGAF_NEVER);
	tell(&watch, &bare, now, &last);
	ck_assert_int_eq(hook_due(&watch), now + HOOK_BARE_AFTER);
	tell(&watch, &stuck, now, &last);
	ck_assert_int_eq(hook_due(&watch), now + HOOK_BARE_AFTER);
	now = hook_due(&watch);
	ck_assert_uint_eq(tell(&watch, &stuck, now, &last), 1);
	ck_assert_int_eq(last, HOOK_REDUNDANCY_LOST);
	ck_assert_int_eq(hook_due(&watch), PGAF_SECONDS(100) + HOOK_STUCK_AFTER);
	now = hook_due(&watch);
	ck_assert_uint_eq(tell(&watch, &stuck, now, &last), 1);
	ck_assert_int_eq(last, HOOK_STUCK);
	ck_assert_int_eq(hook_due(&watch), PGAF_NEVER);
	/* A role that is gone takes what was waited for with it. */
	watch = (struct hook_watch){0};
	tell(&watch, &bare, now, &last);
	tell(&watch, &none, now, &last);
	ck_assert_int_eq(hook_due(&watch), now + HOOK_STUCK_AFTER);
}
END_TEST

START_TEST(test_a_new_primary_that_is_left_alone_waits_for_nobody)
{
	const struct hook_sight bare = {.role = HOOK_ROLE_PRIMARY};
	struct hook_watch watch = {0};
	enum hook_event last = HOOK_UNSTUCK;

	tell(&watch, &bare, PGAF_SECONDS(100), &last);
	tell(&watch, &alone, PGAF_SECONDS(101), &last);
	ck_assert_int_eq(hook_due(&watch), PGAF_NEVER);
}
END_TEST

START_TEST(test_who_streams_without_an_admission_covers_nobody)
{
	struct report report = {.member_count = 2};

	ck_assert(!hook_is_covered(&report));
	report.members[0].streaming = true;
	report.members[1].admission = 3;
	ck_assert(!hook_is_covered(&report));
	report.members[1].streaming = true;
	ck_assert(hook_is_covered(&report));
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("hook");

	tcase_add_test(tcase, test_the_first_node_of_a_group_has_lost_nothing);
	tcase_add_test(tcase, test_a_primary_whose_standby_was_dropped_has);
	tcase_add_test(tcase, test_it_is_known_when_to_ask_again);
	tcase_add_test(tcase, test_a_new_primary_that_is_left_alone_waits_for_nobody);
	tcase_add_test(tcase, test_who_streams_without_an_admission_covers_nobody);
	return suite_run("hook", tcase);
}
