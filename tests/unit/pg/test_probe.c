/* SPDX-License-Identifier: PostgreSQL */
/* What a probe says of a real server while things happen to it. */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "pg/conn.h"
#include "pg/probe.h"
#include "unit/pg/scratch.h"

#define LIMIT PGAF_SECONDS(15)
#define INTERVAL PGAF_MSEC(100)
#define CONNECT PGAF_MSEC(300)

struct seen {
	struct probe *probe;
	struct sighting now;
	unsigned tellings;
	bool follows;
	/* Wait for a condition of the sighting. */
	bool (*wanted)(const struct seen *seen);
	bool reached;
	bool free_when_reached;
};

static struct loop *loop;
static pid_t postmaster;

static void
on_changed(void *ctx, pgaf_node_id node, const struct sighting *sighting, bool follows_us)
{
	struct seen *seen = ctx;

	ck_assert_uint_eq(node, 7);
	seen->now = *sighting;
	seen->follows = follows_us;
	seen->tellings++;
	if (seen->wanted && seen->wanted(seen))
		seen->reached = true;
	if (seen->reached && seen->free_when_reached) {
		probe_free(seen->probe);
		seen->probe = NULL;
	}
}

static void
watch_port(struct seen *seen, uint32_t port, const char *password)
{
	seen->probe = probe_new(loop,
	                        &(struct probe_target){
					.node = 7,
					.host = SCRATCH_HOST,
					.port = port,
					.user = "pgaf_probe",
					.password = password,
					.dbname = "postgres",
					.sslmode = "prefer",
					.own_host = "localhost",
					.own_port = scratch_port + 1,
					.probe_interval = INTERVAL,
					.connect_interval = CONNECT,
				},
	                        on_changed, seen);
	ck_assert_ptr_nonnull(seen->probe);
}

static pgaf_time
until(struct seen *seen, bool (*wanted)(const struct seen *seen))
{
	seen->wanted = wanted;
	seen->reached = false;
	return scratch_wait(loop, &seen->reached, LIMIT);
}

static bool
is_answered(const struct seen *seen)
{
	return seen->now.answered_at != 0 && seen->now.closed_at == 0;
}

static pgaf_time answered_before;

static bool
is_answered_again(const struct seen *seen)
{
	return is_answered(seen) && seen->now.answered_at > answered_before;
}

static bool
is_gone(const struct seen *seen)
{
	return seen->now.gone_at != 0;
}

static bool
is_starting(const struct seen *seen)
{
	return seen->now.starting;
}

static bool
is_stopping(const struct seen *seen)
{
	return seen->now.stopping;
}

static bool
is_full(const struct seen *seen)
{
	return seen->now.full;
}

static bool
is_asked_new(const struct seen *seen)
{
	return seen->now.asked_new_at != 0;
}

static bool
is_accepted(const struct seen *seen)
{
	return seen->now.asked_new_at == 0;
}

static bool
is_turned_away(const struct seen *seen)
{
	return seen->now.closed_at != 0 && seen->now.answered_at != 0;
}

static bool
is_standby(const struct seen *seen)
{
	return is_answered(seen) && seen->now.in_recovery;
}

static bool
is_promoted(const struct seen *seen)
{
	return is_answered(seen) && !seen->now.in_recovery && seen->now.timeline > 1;
}

static void
start(void)
{
	loop = loop_new(NULL);
	ck_assert_ptr_nonnull(loop);
	postmaster = scratch_start();
}

static void
stop(void)
{
	loop_free(loop);
	scratch_stop();
}

static void
watch(struct seen *seen)
{
	watch_port(seen, scratch_port, "open sesame");
}

static void
watch_answered(struct seen *seen)
{
	watch(seen);
	until(seen, is_answered);
}

/* Stops the postmaster; how long it took to be known. */
static pgaf_time
until_silent(struct seen *seen)
{
	kill(postmaster, SIGSTOP);
	return until(seen, is_asked_new);
}

static pgaf_time
until_back(struct seen *seen)
{
	kill(postmaster, SIGCONT);
	return until(seen, is_accepted);
}

/* ---- answers -------------------------------------------------------------------- */

START_TEST(test_probe_says_what_the_server_is)
{
	struct seen seen = {0};

	watch_answered(&seen);
	ck_assert(!seen.now.in_recovery);
	ck_assert_uint_eq(seen.now.timeline, 1);
	ck_assert_uint_gt(seen.now.lsn, 0);
	ck_assert_uint_gt(seen.now.round_trip_us, 0);
	ck_assert_int_ne(seen.now.accepted_at, 0);
	ck_assert(!seen.follows);
	probe_free(seen.probe);
}
END_TEST

START_TEST(test_probe_asks_each_interval_over_one_session)
{
	struct seen seen = {0};
	pid_t first = 0;
	pgaf_time accepted_at = 0;

	watch_answered(&seen);
	first = scratch_pid("SELECT pid FROM pg_stat_activity WHERE usename = 'pgaf_probe'");
	accepted_at = seen.now.accepted_at;
	seen.tellings = 0;
	scratch_run(loop, 10 * INTERVAL);
	ck_assert_uint_ge(seen.tellings, 8);
	ck_assert_uint_le(seen.tellings, 16); /* answers and knocks */
	ck_assert_int_ge(seen.now.accepted_at, accepted_at + CONNECT);
	ck_assert_int_eq(first, scratch_pid("SELECT pid FROM pg_stat_activity "
	                                    "WHERE usename = 'pgaf_probe'"));
	probe_free(seen.probe);
}
END_TEST

START_TEST(test_probe_may_be_freed_when_it_tells)
{
	struct seen seen = {.free_when_reached = true};

	watch_answered(&seen);
	ck_assert_ptr_null(seen.probe);

	seen.free_when_reached = false;
	watch_answered(&seen);
	seen.free_when_reached = true;
	kill(postmaster, SIGKILL);
	until(&seen, is_gone);
	ck_assert_ptr_null(seen.probe);
}
END_TEST

/* ---- ends -------------------------------------------------------------------------- */

START_TEST(test_probe_knows_a_killed_server_within_50_ms)
{
	struct seen seen = {0};
	pgaf_time took = 0;

	watch_answered(&seen);
	kill(postmaster, SIGKILL);
	took = until(&seen, is_gone);
	printf("gone_at %.1f ms after SIGKILL of the postmaster\n", (double)took / 1e6);
	ck_assert_int_lt(took, PGAF_MSEC(50));
	ck_assert_int_ne(seen.now.closed_at, 0);
	ck_assert_uint_ge(seen.now.refusals, 2);
	ck_assert_int_ge(seen.now.gone_at - seen.now.closed_at, PGAF_MSEC(5));

	scratch_start();
	took = until(&seen, is_answered);
	printf("answers again %.1f ms after its start\n", (double)took / 1e6);
	ck_assert_int_eq(seen.now.gone_at, 0);
	ck_assert_uint_eq(seen.now.refusals, 0);
	probe_free(seen.probe);
}
END_TEST

START_TEST(test_probe_finds_nobody_from_the_start)
{
	struct seen seen = {0};

	watch_port(&seen, scratch_free_port(), "");
	until(&seen, is_gone);
	ck_assert_int_ne(seen.now.closed_at, 0);
	ck_assert_int_eq(seen.now.answered_at, 0);
	probe_free(seen.probe);
}
END_TEST

START_TEST(test_probe_calls_a_node_it_never_heard_silent_not_gone)
{
	struct seen seen = {0};
	int fd = -1;

	watch_port(&seen, scratch_silent_listener(&fd), "");
	scratch_run(loop, PGAF_MSEC(1300));
	ck_assert_int_ne(seen.now.asked_new_at, 0);
	ck_assert_int_eq(seen.now.gone_at, 0);
	ck_assert_int_eq(seen.now.closed_at, 0);
	ck_assert_int_eq(seen.now.answered_at, 0);
	probe_free(seen.probe);
	close(fd);
}
END_TEST

START_TEST(test_probe_session_that_is_terminated_is_made_anew)
{
	struct seen seen = {0};

	watch_answered(&seen);
	answered_before = seen.now.answered_at;
	scratch_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
	            "WHERE usename = 'pgaf_probe'");
	until(&seen, is_answered_again);
	ck_assert_int_eq(seen.now.gone_at, 0);
	probe_free(seen.probe);
}
END_TEST

START_TEST(test_probe_knows_a_stopped_postmaster)
{
	struct seen seen = {0};
	pgaf_time took = 0;
	pgaf_time stopped_at = 0;

	watch_answered(&seen);
	stopped_at = loop_now(loop);
	took = until_silent(&seen);
	printf("asked_new_at known %.1f ms after SIGSTOP of the postmaster\n", (double)took / 1e6);
	ck_assert_int_eq(seen.now.closed_at, 0);
	scratch_run(loop, PGAF_SECONDS(1));
	ck_assert_int_gt(seen.now.answered_at, stopped_at + PGAF_MSEC(800));
	ck_assert_int_lt(seen.now.asked_new_at, stopped_at + CONNECT + PGAF_MSEC(200));

	until_back(&seen);
	ck_assert_int_eq(seen.now.asked_new_at, 0);
	probe_free(seen.probe);
}
END_TEST

/* A knock that nobody answered is followed by another at once, not when the next one is due. */
START_TEST(test_probe_knocks_again_when_nobody_opened)
{
	struct seen seen = {0};
	pgaf_time took = 0;

	watch_answered(&seen);
	probe_set_intervals(seen.probe, INTERVAL, PGAF_SECONDS(6));
	until_silent(&seen);
	took = until_back(&seen);
	printf("accepted %.1f ms after SIGCONT of the postmaster\n", (double)took / 1e6);
	ck_assert_int_lt(took, PGAF_SECONDS(2));
	probe_free(seen.probe);
}
END_TEST

/* Silence is known by two signs, and the second is not waited for as long as among the living. */
START_TEST(test_probe_knocks_soon_when_a_question_waits)
{
	struct seen seen = {0};
	pid_t backend = 0;
	pgaf_time took = 0;

	watch_answered(&seen);
	probe_set_intervals(seen.probe, INTERVAL, PGAF_SECONDS(60));
	backend = scratch_pid("SELECT pid FROM pg_stat_activity WHERE usename = 'pgaf_probe'");
	scratch_run(loop, CONNECT + PGAF_MSEC(300)); /* a knock by the old interval may be due */
	kill(backend, SIGSTOP);
	took = until_silent(&seen);
	kill(postmaster, SIGCONT);
	kill(backend, SIGCONT);
	ck_assert_int_lt(took, PGAF_SECONDS(3));
	probe_free(seen.probe);
}
END_TEST

START_TEST(test_probe_leaves_a_session_that_hangs)
{
	struct seen seen = {0};
	pid_t backend = 0;
	pgaf_time answered_at = 0;

	watch_answered(&seen);
	backend = scratch_pid("SELECT pid FROM pg_stat_activity WHERE usename = 'pgaf_probe'");
	kill(backend, SIGSTOP);
	scratch_run(loop, PGAF_MSEC(300));
	answered_at = seen.now.answered_at;
	scratch_run(loop, PGAF_MSEC(1500));
	ck_assert_int_gt(seen.now.answered_at, answered_at + PGAF_MSEC(500));
	ck_assert_int_eq(seen.now.gone_at, 0);
	kill(backend, SIGCONT);
	probe_free(seen.probe);
}
END_TEST

/* ---- turned away ---------------------------------------------------------------------- */

START_TEST(test_probe_counts_a_full_server_as_alive)
{
	struct seen others[4] = {0};
	struct seen seen = {0};
	pgaf_time answered_at = 0;

	for (int i = 0; i < 4; i++) {
		watch(&others[i]);
		until(&others[i], is_answered);
	}
	watch(&seen);
	until(&seen, is_full);
	answered_at = seen.now.answered_at;
	ck_assert_int_ne(answered_at, 0);
	scratch_run(loop, PGAF_MSEC(500));
	ck_assert_int_gt(seen.now.answered_at, answered_at);
	ck_assert_int_eq(seen.now.gone_at, 0);

	probe_free(others[0].probe);
	until(&seen, is_answered);
	ck_assert(!seen.now.full);
	for (int i = 1; i < 4; i++)
		probe_free(others[i].probe);
	probe_free(seen.probe);
}
END_TEST

static void
on_client(void *ctx)
{
	*(bool *)ctx = true;
}

static void
on_client_lost(void *ctx, enum conn_failure failure, const struct pgaf_error *error)
{
	(void)ctx;
	ck_abort_msg("client lost: %d, %s", (int)failure, error->text);
}

/* A superuser's session over the socket, where no password is asked for. */
static struct conn *
open_client(void)
{
	char port[16];
	const char *keywords[] = {"port", "user", "dbname", NULL};
	const char *values[] = {port, "postgres", "postgres", NULL};
	struct conn *client = NULL;
	bool opened = false;

	snprintf(port, sizeof(port), "%u", scratch_port);
	client = conn_new(loop,
	                  &(struct conn_options){.keywords = keywords,
	                                         .values = values,
	                                         .host = scratch_directory,
	                                         .connect_limit = PGAF_SECONDS(2)},
	                  &(struct conn_callbacks){.opened = on_client, .lost = on_client_lost},
	                  &opened);
	conn_open(client);
	scratch_wait(loop, &opened, LIMIT);
	return client;
}

START_TEST(test_probe_needs_no_client_slot)
{
	struct seen seen = {0};
	struct conn *clients[5];

	scratch_stop();
	scratch_set("max_connections = 5");
	scratch_start();
	for (int i = 0; i < 5; i++)
		clients[i] = open_client();
	watch_answered(&seen);
	probe_free(seen.probe);
	for (int i = 0; i < 5; i++)
		conn_free(clients[i]);
	scratch_set("max_connections = 20");
}
END_TEST

START_TEST(test_probe_counts_a_rejection_as_life)
{
	struct seen seen = {0};

	watch_port(&seen, scratch_port, "wrong");
	until(&seen, is_turned_away);
	ck_assert_int_eq(seen.now.gone_at, 0);
	ck_assert_uint_eq(seen.now.timeline, 0);
	probe_free(seen.probe);
}
END_TEST

START_TEST(test_probe_follows_a_stop)
{
	struct seen seen = {0};
	pid_t checkpointer = scratch_pid("SELECT pid FROM pg_stat_activity "
	                                 "WHERE backend_type = 'checkpointer'");

	/* A session would still answer: the probe's is a walsender's, and those end last. */
	kill(checkpointer, SIGSTOP);
	kill(postmaster, SIGINT);
	scratch_run(loop, PGAF_MSEC(100));
	watch(&seen);
	until(&seen, is_stopping);
	ck_assert_int_eq(seen.now.gone_at, 0);
	kill(checkpointer, SIGCONT);
	until(&seen, is_gone);
	ck_assert(!seen.now.stopping);
	probe_free(seen.probe);
}
END_TEST

/* ---- standbys --------------------------------------------------------------------------- */

static void
make_standby_signal(char path[128])
{
	FILE *file = NULL;

	snprintf(path, 128, "%s/data/standby.signal", scratch_directory);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fclose(file);
}

START_TEST(test_probe_tells_starting_standby_and_promoted)
{
	struct seen seen = {0};
	char path[128];

	scratch_stop();
	make_standby_signal(path);
	scratch_set("hot_standby = off");
	scratch_start();
	watch(&seen);
	until(&seen, is_starting);

	scratch_stop();
	scratch_set("hot_standby = on");
	scratch_start();
	until(&seen, is_standby);
	ck_assert_uint_ge(seen.now.timeline, 1);
	ck_assert_uint_gt(seen.now.lsn, 0);
	ck_assert(!seen.follows);

	scratch_sql("SELECT pg_promote()");
	until(&seen, is_promoted);
	probe_free(seen.probe);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("probe");
	TCase *tests = tcase_create("probe");
	SRunner *runner = NULL;
	int failed = 0;

	tcase_set_timeout(tests, 40);
	tcase_add_unchecked_fixture(tests, scratch_create, scratch_remove);
	tcase_add_checked_fixture(tests, start, stop);
	tcase_add_test(tests, test_probe_says_what_the_server_is);
	tcase_add_test(tests, test_probe_asks_each_interval_over_one_session);
	tcase_add_test(tests, test_probe_may_be_freed_when_it_tells);
	tcase_add_test(tests, test_probe_knows_a_killed_server_within_50_ms);
	tcase_add_test(tests, test_probe_finds_nobody_from_the_start);
	tcase_add_test(tests, test_probe_calls_a_node_it_never_heard_silent_not_gone);
	tcase_add_test(tests, test_probe_session_that_is_terminated_is_made_anew);
	tcase_add_test(tests, test_probe_knows_a_stopped_postmaster);
	tcase_add_test(tests, test_probe_knocks_again_when_nobody_opened);
	tcase_add_test(tests, test_probe_knocks_soon_when_a_question_waits);
	tcase_add_test(tests, test_probe_leaves_a_session_that_hangs);
	tcase_add_test(tests, test_probe_counts_a_full_server_as_alive);
	tcase_add_test(tests, test_probe_needs_no_client_slot);
	tcase_add_test(tests, test_probe_counts_a_rejection_as_life);
	tcase_add_test(tests, test_probe_follows_a_stop);
	tcase_add_test(tests, test_probe_tells_starting_standby_and_promoted);
	suite_add_tcase(suite, tests);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
