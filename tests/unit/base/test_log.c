/* SPDX-License-Identifier: PostgreSQL */
/* What reaches the callback, and how a record looks. */

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/pure/text.h"

struct heard {
	int count;
	char line[8192];
};

static enum log_format format;

static void
hear(void *ctx, const struct pgaf_log *record)
{
	struct heard *heard = ctx;
	struct text line = TEXT(heard->line);

	heard->count++;
	log_render(record, format, &line);
}

static struct logger
logger_for(struct heard *heard)
{
	return (struct logger){.fn = hear,
	                       .ctx = heard,
	                       .level = PGAF_LOG_INFO,
	                       .formation = "default",
	                       .group_id = 3,
	                       .node_id = 7,
	                       .node_name = "node7"};
}

/* The line without its time, whose form is looked at here. */
static const char *
after_time(const char *line)
{
	const char *form = "0000-00-00 00:00:00.000Z ";

	for (size_t i = 0; form[i] != '\0'; i++) {
		if (form[i] == '0')
			ck_assert(line[i] >= '0' && line[i] <= '9');
		else
			ck_assert_int_eq(line[i], form[i]);
	}
	return line + strlen(form);
}

START_TEST(test_text_names_place_and_rule)
{
	struct heard heard = {0};
	struct logger logger = logger_for(&heard);

	format = LOG_TEXT;
	log_rule(&logger, PGAF_LOG_WARNING, "goal-assigned", 510, "the primary is gone");
	ck_assert_str_eq(after_time(heard.line),
	                 "WARN  [default/3 node7] the primary is gone (rule 510)");

	logger.node_name = NULL;
	log_at(&logger, PGAF_LOG_INFO, "started", "answers on %s:%d", "::1", 80);
	ck_assert_str_eq(after_time(heard.line), "INFO  [default/3] answers on ::1:80");

	logger.formation = NULL;
	log_at(&logger, PGAF_LOG_ERROR, "broken", "no%cnews\x1b[31m", '\n');
	ck_assert_str_eq(after_time(heard.line), "ERROR no news [31m");

	logger.node_name = "alone";
	log_at(&logger, PGAF_LOG_ERROR, "broken", "x");
	ck_assert_str_eq(after_time(heard.line), "ERROR [alone] x");
}
END_TEST

START_TEST(test_levels_above_the_wanted_are_dropped)
{
	struct heard heard = {0};
	struct logger logger = logger_for(&heard);

	log_at(&logger, PGAF_LOG_DEBUG, "detail", "x");
	log_rule(&logger, PGAF_LOG_TRACE, "detail", 1, "x");
	ck_assert_int_eq(heard.count, 0);
	logger.level = PGAF_LOG_TRACE;
	log_at(&logger, PGAF_LOG_DEBUG, "detail", "x");
	log_rule(&logger, PGAF_LOG_TRACE, "detail", 1, "x");
	ck_assert_int_eq(heard.count, 2);
	logger.fn = NULL;
	log_at(&logger, PGAF_LOG_ERROR, "detail", "x");
}
END_TEST

START_TEST(test_json_is_one_object_of_typed_fields)
{
	struct heard heard = {0};
	struct logger logger = logger_for(&heard);
	json_error_t error;

	format = LOG_JSON;
	log_rule(&logger, PGAF_LOG_INFO, "goal-assigned", 510, "say \"go\"\n");
	json_t *object = json_loads(heard.line, 0, &error);
	ck_assert_msg(object != NULL, "%s", error.text);
	ck_assert_str_eq(json_string_value(json_object_get(object, "level")), "info");
	ck_assert_str_eq(json_string_value(json_object_get(object, "event")), "goal-assigned");
	ck_assert_str_eq(json_string_value(json_object_get(object, "text")), "say \"go\"\n");
	ck_assert_str_eq(json_string_value(json_object_get(object, "formation")), "default");
	ck_assert_str_eq(json_string_value(json_object_get(object, "node")), "node7");
	ck_assert_int_eq(json_integer_value(json_object_get(object, "group")), 3);
	ck_assert_int_eq(json_integer_value(json_object_get(object, "node_id")), 7);
	ck_assert_int_eq(json_integer_value(json_object_get(object, "rule")), 510);
	ck_assert_uint_eq(strlen(json_string_value(json_object_get(object, "time"))), 24);
	ck_assert_ptr_null(strchr(heard.line, '\n'));
	json_decref(object);
}
END_TEST

START_TEST(test_json_survives_what_is_no_text)
{
	struct heard heard = {0};
	struct logger logger = {.fn = hear, .ctx = &heard, .level = PGAF_LOG_INFO};
	json_error_t error;

	format = LOG_JSON;
	log_at(&logger, PGAF_LOG_INFO, "odd", "caf\xe9 au lait");
	json_t *object = json_loads(heard.line, 0, &error);
	ck_assert_msg(object != NULL, "%s", error.text);
	ck_assert_str_eq(json_string_value(json_object_get(object, "text")), "caf? au lait");
	ck_assert_ptr_null(json_object_get(object, "formation"));
	ck_assert_ptr_null(json_object_get(object, "rule"));
	json_decref(object);
}
END_TEST

int
main(void)
{
	Suite *all = suite_create("log");
	TCase *tests = tcase_create("log");

	tcase_add_test(tests, test_text_names_place_and_rule);
	tcase_add_test(tests, test_levels_above_the_wanted_are_dropped);
	tcase_add_test(tests, test_json_is_one_object_of_typed_fields);
	tcase_add_test(tests, test_json_survives_what_is_no_text);
	suite_add_tcase(all, tests);

	SRunner *runner = srunner_create(all);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
