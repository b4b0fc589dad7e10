/* SPDX-License-Identifier: PostgreSQL */
#ifndef UNIT_SUITE_H
#define UNIT_SUITE_H

/* The end of a test program that has one test case: it is run, and its result is the exit code. */

#include <check.h>
#include <stdlib.h>

static inline int
suite_run(const char *name, TCase *tcase)
{
	Suite *suite = suite_create(name);
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
