/* SPDX-License-Identifier: PostgreSQL */
/*
 * Behaviour as readable transcripts: a group, what is changed about it, and
 * what the core then says. Each file in transcripts/ is a list of cases:
 *
 *   # The promise.
 *   pair                      a healthy primary (node 1) and its standby (node 2)
 *   report 1 pg=exited        changes keys of a record of node 1
 *   ----
 *   the decisions, one after another until the core has nothing to say
 *
 * PGAF_REWRITE=1 writes the expectations anew; the diff is the review.
 */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pgaf/error.h>

#include "base/pure/text.h"
#include "core/codec.h"
#include "core/decide.h"
#include "core/rules.h"
#include "unit/core/situation.h"

#define NOW PGAF_SECONDS(1000)
#define ROUNDS_MOST 12
#define FILE_MAX 65536

static uint32_t seen_rules[128];
static size_t seen_count;

/* ---- the group ----------------------------------------------------------------------- */

struct scene {
	struct snapshot snap;
	char said[FILE_MAX];
};

static void
scene_read(struct scene *scene, const char *text)
{
	struct pgaf_error error = {0};

	ck_assert_msg(codec_read_snapshot(text, NOW, &scene->snap, &error) == 0, "%s\n%s",
	              error.text, text);
}

/* ---- what the core says -------------------------------------------------------------------- */

static void
remember_rule(uint32_t rule)
{
	for (size_t i = 0; i < seen_count; i++)
		if (seen_rules[i] == rule)
			return;
	seen_rules[seen_count++] = rule;
}

static void
scene_decide(struct scene *scene)
{
	struct text to = TEXT(scene->said);

	scene->said[0] = '\0';
	for (unsigned round = 0; round < ROUNDS_MOST; round++) {
		struct decision decision;
		struct snapshot before = scene->snap;

		if (!decide(&scene->snap, NOW, &decision)) {
			if (round == 0)
				decide_explain(&scene->snap, NOW, &to);
			return;
		}
		remember_rule(decision.rule);
		codec_write_decision(&decision, &before, &to);
		decision_apply(&decision, NOW, &scene->snap);
	}
	ck_abort_msg("the core does not come to rest:\n%s", scene->said);
}

/* ---- files --------------------------------------------------------------------------------- */

static char *
file_read(const char *path)
{
	char *bytes = calloc(1, FILE_MAX);
	FILE *file = fopen(path, "r");

	ck_assert_msg(file != NULL, "%s", path);
	ck_assert(fread(bytes, 1, FILE_MAX - 1, file) < FILE_MAX - 1);
	fclose(file);
	return bytes;
}

/* One case: from its first line to the blank line after what is expected. */
static char *
case_run(char *at, struct text *fresh, const char *path)
{
	char text[CODEC_SNAPSHOT_MAX] = "";
	static struct scene scene;
	char *expected;
	char *end;

	for (; strncmp(at, "----", 4) != 0; at = strchr(at, '\n') + 1) {
		char line[1024];
		size_t length = strcspn(at, "\n");

		ck_assert_msg(*at != '\0', "%s: a case without ----", path);
		snprintf(line, sizeof(line), "%.*s", (int)length, at);
		text_addf(fresh, "%s\n", line);
		if (line[0] != '#' && line[0] != '\0')
			situation_change(text, sizeof(text), line);
	}
	scene_read(&scene, text);
	scene_decide(&scene);
	text_addf(fresh, "----\n%s", scene.said);
	expected = strchr(at, '\n') + 1;
	end = *expected == '\n' ? expected : strstr(expected, "\n\n");
	end = end == NULL ? expected + strlen(expected) : end + (end != expected);
	if (getenv("PGAF_REWRITE") == NULL)
		ck_assert_msg((size_t)(end - expected) == strlen(scene.said) &&
		                      memcmp(expected, scene.said, strlen(scene.said)) == 0,
		              "%s: expected\n%.*s\ngot\n%s", path, (int)(end - expected), expected,
		              scene.said);
	while (*end == '\n') {
		text_add(fresh, "\n");
		end++;
	}
	return end;
}

static void
file_run(const char *path)
{
	char *bytes = file_read(path);
	char *fresh_bytes = calloc(1, FILE_MAX);
	struct text fresh;

	text_init(&fresh, fresh_bytes, FILE_MAX);
	for (char *at = bytes; *at != '\0';)
		at = case_run(at, &fresh, path);
	ck_assert(!fresh.cut);
	if (getenv("PGAF_REWRITE") != NULL) {
		FILE *file = fopen(path, "w");

		ck_assert(file != NULL);
		fputs(fresh_bytes, file);
		fclose(file);
	}
	free(fresh_bytes);
	free(bytes);
}

START_TEST(test_transcripts)
{
	static const char folder[] = PGAF_SOURCE_DIR "/tests/unit/core/transcripts";
	DIR *directory = opendir(folder);
	size_t files = 0;

	ck_assert_ptr_nonnull(directory);
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		char path[1024];

		if (strstr(entry->d_name, ".txt") == NULL)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		file_run(path);
		files++;
	}
	closedir(directory);
	ck_assert_uint_gt(files, 0);
	for (size_t i = 0; i < rules_count; i++) {
		bool seen = false;

		for (size_t s = 0; s < seen_count; s++)
			seen = seen || seen_rules[s] == rules[i].id;
		ck_assert_msg(seen, "no transcript shows rule %u", (unsigned)rules[i].id);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("transcripts");
	TCase *tcase = tcase_create("transcripts");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_transcripts);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
