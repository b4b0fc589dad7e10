/* SPDX-License-Identifier: PostgreSQL */
/* The recorder: news is written once, off the loop, and what cannot be written holds up nobody. */

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/pure/text.h"
#include "base/ring.h"
#include "core/decide.h"
#include "engine/real/recorder.h"
#include "loop/loop.h"
#include "unit/root.h"

#define LIMIT PGAF_SECONDS(20)

static char root[ROOT_MAX];
static char directory[128];
static struct loop *loop;
static unsigned failures, recoveries;
static struct pgaf_error error;

static void
take_log(void *ctx, const struct pgaf_log *record)
{
	(void)ctx;
	failures += strcmp(record->event, "recording-failed") == 0;
	recoveries += strcmp(record->event, "recording-again") == 0;
}

static void
start(void)
{
	root_make(root, "recorder");
	snprintf(directory, sizeof(directory), "%s/recording", root);
	loop = loop_new(&error);
	ck_assert_ptr_nonnull(loop);
	failures = recoveries = 0;
}

static void
stop(void)
{
	loop_free(loop);
	root_remove(root);
}

static struct recorder *
recorder_make(void)
{
	struct recorder *recorder =
		recorder_new(loop, &(struct recorder_options){
					   .directory = directory,
					   .size = 1 << 20,
					   .logger = {.fn = take_log, .level = PGAF_LOG_TRACE},
				   });

	ck_assert_ptr_nonnull(recorder);
	return recorder;
}

static void
finish(const struct recorder *recorder)
{
	pgaf_time until = loop_now(loop) + LIMIT;

	while (recorder_busy(recorder)) {
		struct pollfd ready = {.fd = loop_fd(loop), .events = POLLIN};

		poll(&ready, 1, 1000);
		loop_dispatch(loop);
		ck_assert_msg(loop_now(loop) < until, "it is still writing");
	}
}

static void
group_make(struct snapshot *snap)
{
	static const char text[] =
		"group formation=default epoch=3\nsettings\ntimers listening_since=60s\n"
		"node id=1 name=node1 host=h1 port=5432 priority=50 quorum=true bootstrap=true\n"
		"report state=init pg=absent\nsighting\nwatch\n";

	ck_assert_int_eq(codec_read_snapshot(text, PGAF_SECONDS(1000), snap, &error), 0);
}

/* Inputs in all files; each must be decided as it was. */
static unsigned
count_inputs(uint64_t *same)
{
	static struct recorded recorded;
	static struct replay replay;
	struct recording recording;
	uint32_t *numbers = NULL;
	int files = ring_list(directory, RECORDER_FILES, &numbers, &error);
	unsigned count = 0;

	for (int i = 0; i < files; i++) {
		char path[256], *bytes = NULL;

		ck_assert(ring_path(directory, RECORDER_FILES, numbers[i], path, sizeof(path)));
		ck_assert_int_eq(files_read(path, 1 << 20, &bytes, NULL, &error), 0);
		ck_assert_int_eq(recording_open(&recording, bytes, &error), 0);
		while (recording_next(&recording, &recorded, &error) == RECORDED_INPUT) {
			recording_replay(&recorded, &replay);
			ck_assert(replay.agrees);
			*same = recorded.input.same;
			count++;
		}
		free(bytes);
	}
	free(numbers);
	return count;
}

START_TEST(test_news_is_written_once)
{
	struct recorder *recorder = recorder_make();
	struct recorder_seen seen = {0};
	struct snapshot snap;
	uint64_t same = 0;

	group_make(&snap);
	for (unsigned i = 0; i < 5; i++)
		recorder_take(recorder, &seen, &snap, PGAF_SECONDS(1000) + i, NULL);
	snap.group.epoch++;
	recorder_take(recorder, &seen, &snap, PGAF_SECONDS(1000) + 5, NULL);
	finish(recorder);
	ck_assert_uint_eq(count_inputs(&same), 2);
	ck_assert_uint_eq(same, 4);
	ck_assert_uint_eq(recorder_dropped(recorder), 0);
	recorder_free(recorder);
}
END_TEST

/* A decision is recorded though nothing else is new: the store may have refused the one before. */
START_TEST(test_every_decision_is_written)
{
	struct recorder *recorder = recorder_make();
	struct recorder_seen seen = {0};
	struct decision decision;
	struct snapshot snap;
	uint64_t same = 0;

	group_make(&snap);
	snap.may_bootstrap = true;
	snap.nodes[0].report.incarnation = snap.group.incarnation;
	snap.nodes[0].reported_at = PGAF_SECONDS(999);
	bool decided = decide(&snap, PGAF_SECONDS(1000), &decision);
	for (unsigned i = 0; i < 3; i++)
		recorder_take(recorder, &seen, &snap, PGAF_SECONDS(1000),
		              decided ? &decision : NULL);
	finish(recorder);
	ck_assert(decided);
	ck_assert_uint_eq(count_inputs(&same), 3);
	recorder_free(recorder);
}
END_TEST

/* Tried again after a pause only, said once, counted; and then it goes on. */
START_TEST(test_failure_is_counted_and_said_once)
{
	struct recorder *recorder = NULL;
	struct recorder_seen seen = {0};
	struct snapshot snap;
	uint64_t same = 0;
	pgaf_time now = loop_now(loop);

	/* A file in the place of the directory. */
	ck_assert_int_eq(files_write(directory, "x", 1, 0600, &error), 0);
	recorder = recorder_make();
	group_make(&snap);
	for (unsigned i = 0; i < 10; i++) {
		snap.group.epoch++;
		recorder_take(recorder, &seen, &snap, now, NULL);
		finish(recorder);
	}
	ck_assert_uint_eq(failures, 1);
	ck_assert_uint_eq(recorder_dropped(recorder), 10);

	/* Still in the way a while later: nothing new to say. */
	now += PGAF_SECONDS(60);
	recorder_take(recorder, &seen, &snap, now, NULL);
	finish(recorder);
	ck_assert_uint_eq(failures, 1);

	ck_assert_int_eq(unlink(directory), 0);
	now += PGAF_SECONDS(60);
	recorder_take(recorder, &seen, &snap, now, NULL);
	finish(recorder);
	ck_assert_uint_eq(recoveries, 1);
	ck_assert_uint_eq(recorder_dropped(recorder), 11);
	ck_assert_uint_eq(count_inputs(&same), 1);
	recorder_free(recorder);
}
END_TEST

/* A disk that hangs: what comes meanwhile is kept up to a limit, and the rest is counted. */
START_TEST(test_slow_disk_holds_up_nobody)
{
	struct recorder *recorder = recorder_make();
	struct recorder_seen seen = {0};
	struct snapshot snap;
	pgaf_time before = loop_now(loop);

	group_make(&snap);
	for (unsigned i = 0; i < 20000; i++) {
		snap.group.epoch++;
		recorder_take(recorder, &seen, &snap, PGAF_SECONDS(1000), NULL);
	}
	/* The job was started with the first one and cannot hand back before the loop turns. */
	ck_assert(recorder_busy(recorder));
	ck_assert_uint_gt(recorder_dropped(recorder), 1000);
	ck_assert_uint_lt(recorder_dropped(recorder), 20000 - 1000);
	ck_assert_msg(loop_now(loop) - before < LIMIT, "it took too long");
	recorder_free(recorder);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("recorder");
	TCase *tcase = tcase_create("recorder");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tcase, start, stop);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_news_is_written_once);
	tcase_add_test(tcase, test_every_decision_is_written);
	tcase_add_test(tcase, test_failure_is_counted_and_said_once);
	tcase_add_test(tcase, test_slow_disk_holds_up_nobody);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
