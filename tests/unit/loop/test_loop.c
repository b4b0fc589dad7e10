/* SPDX-License-Identifier: PostgreSQL */
/* Timers, descriptors, nesting in poll(2), and how a loop notices that it was kept from running. */

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "unit/loop/turn.h"

static struct loop *loop;

static void
start(void)
{
	loop = turn_new();
}

static void
stop(void)
{
	loop_free(loop);
}

/* ---- timers ------------------------------------------------------------------------------- */

struct bell {
	const char *name;
	struct text *order;
	struct loop_timer *timer;
	struct loop_timer *victim; /* freed when this one fires */
	pgaf_time at;
	bool again; /* set it to now, once */
	bool rang;
};

static void
ring(void *ctx)
{
	struct bell *bell = ctx;

	ck_assert_int_ge(loop_now(loop), bell->at);
	if (bell->order != NULL)
		text_add(bell->order, bell->name);
	if (bell->victim != NULL) {
		loop_timer_free(bell->victim);
		bell->victim = NULL;
	}
	if (bell->again) {
		bell->again = false;
		loop_timer_set(bell->timer, 0);
		return;
	}
	bell->rang = true;
}

static void
set_bell(struct bell *bell, pgaf_time at)
{
	bell->at = at;
	if (bell->timer == NULL)
		bell->timer = loop_timer_new(loop, ring, bell);
	loop_timer_set(bell->timer, at);
}

START_TEST(test_timers_fire_in_order_of_time_then_of_setting)
{
	char said[32] = "";
	struct text order = TEXT(said);
	struct bell bells[] = {{.name = "c", .order = &order},
	                       {.name = "a", .order = &order},
	                       {.name = "b", .order = &order},
	                       {.name = "d", .order = &order}};
	pgaf_time now = loop_now(loop);

	set_bell(&bells[0], now + PGAF_MSEC(6));
	set_bell(&bells[1], now + PGAF_MSEC(2));
	set_bell(&bells[2], now + PGAF_MSEC(2));
	set_bell(&bells[3], now + PGAF_MSEC(9));
	ck_assert(turn_until(loop, &bells[3].rang, PGAF_SECONDS(5)));

	ck_assert_str_eq(said, "abcd");
	for (size_t i = 0; i < 4; i++)
		loop_timer_free(bells[i].timer);
}
END_TEST

START_TEST(test_timer_is_not_early_and_hardly_late)
{
	struct bell bell = {.name = "x"};

	for (int i = 0; i < 20; i++) {
		bell.rang = false;
		set_bell(&bell, loop_now(loop) + PGAF_USEC(700));
		ck_assert(turn_until(loop, &bell.rang, PGAF_SECONDS(5)));
	}
	loop_timer_free(bell.timer);
}
END_TEST

START_TEST(test_timer_moves_and_stops)
{
	struct bell early = {.name = "early"};
	struct bell late = {.name = "late"};

	set_bell(&early, loop_now(loop) + PGAF_MSEC(1));
	set_bell(&late, loop_now(loop) + PGAF_SECONDS(60));
	loop_timer_set(early.timer, PGAF_NEVER);
	set_bell(&late, loop_now(loop) + PGAF_MSEC(5));
	ck_assert(turn_until(loop, &late.rang, PGAF_SECONDS(5)));

	ck_assert(!early.rang);
	ck_assert_int_eq(loop_deadline(loop), PGAF_NEVER);
	loop_timer_free(early.timer);
	loop_timer_free(late.timer);
}
END_TEST

START_TEST(test_timer_may_be_set_to_now_again_without_keeping_the_loop)
{
	struct bell bell = {.name = "x", .again = true};

	set_bell(&bell, 0);
	ck_assert_int_le(loop_deadline(loop), loop_now(loop));
	ck_assert(turn_until(loop, &bell.rang, PGAF_SECONDS(5)));
	loop_timer_free(bell.timer);
}
END_TEST

START_TEST(test_timer_frees_itself_and_another_that_is_due)
{
	struct bell victim = {.name = "victim"};
	struct bell killer = {.name = "killer"};
	struct bell suicide = {.name = "suicide"};
	pgaf_time now = loop_now(loop);

	set_bell(&killer, now);
	set_bell(&victim, now);
	set_bell(&suicide, now);
	killer.victim = victim.timer;
	suicide.victim = suicide.timer;
	ck_assert(turn_until(loop, &suicide.rang, PGAF_SECONDS(5)));

	ck_assert(killer.rang);
	ck_assert(!victim.rang);
	loop_timer_free(killer.timer);
}
END_TEST

START_TEST(test_descriptor_alone_wakes_for_a_timer)
{
	struct bell bell = {.name = "x"};
	struct pollfd ready = {.fd = loop_fd(loop), .events = POLLIN};

	loop_dispatch(loop);
	set_bell(&bell, loop_now(loop) + PGAF_MSEC(5));
	ck_assert_int_eq(poll(&ready, 1, 5000), 1);
	loop_dispatch(loop);
	ck_assert(bell.rang);
	ck_assert_int_eq(poll(&ready, 1, 0), 0);
	loop_timer_free(bell.timer);
}
END_TEST

/* ---- descriptors -------------------------------------------------------------------------- */

struct ear {
	struct loop_watch *watch;
	struct loop_watch *victim;
	struct ear *next; /* watched from within the callback */
	int fd;
	int seen;
	int calls;
	bool drain;
	bool heard;
};

static void
hear(void *ctx, int events)
{
	struct ear *ear = ctx;
	char byte = 0;

	ear->heard = true;
	ear->seen = events;
	ear->calls++;
	if (ear->drain)
		ck_assert_int_eq(read(ear->fd, &byte, 1), 1);
	if (ear->next != NULL) {
		ear->next->watch = loop_watch_new(loop, ear->next->fd, hear, ear->next);
		loop_watch_set(ear->next->watch, LOOP_READ);
		ear->next = NULL;
	}
	if (ear->victim != NULL) {
		loop_watch_free(ear->victim);
		ear->victim = NULL;
	}
}

static void
listen_to(struct ear *ear, int fd, int events)
{
	ear->fd = fd;
	ear->watch = loop_watch_new(loop, fd, hear, ear);
	ck_assert_ptr_nonnull(ear->watch);
	loop_watch_set(ear->watch, events);
}

static void
say(int fd)
{
	ck_assert_int_eq(write(fd, "x", 1), 1);
}

START_TEST(test_watch_reads_writes_and_pauses)
{
	struct ear ear = {.drain = true};
	int ends[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);

	listen_to(&ear, ends[0], LOOP_READ);
	say(ends[1]);
	ck_assert(turn_until(loop, &ear.heard, PGAF_SECONDS(5)));
	ck_assert_int_eq(ear.seen, LOOP_READ);

	ear.heard = ear.drain = false;
	loop_watch_set(ear.watch, LOOP_READ | LOOP_WRITE);
	ck_assert(turn_until(loop, &ear.heard, PGAF_SECONDS(5)));
	ck_assert_int_eq(ear.seen, LOOP_WRITE);

	loop_watch_set(ear.watch, 0);
	int calls = ear.calls;
	say(ends[1]);
	turn_for(loop, PGAF_MSEC(5));
	ck_assert_int_eq(ear.calls, calls);

	loop_watch_free(ear.watch);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(test_watch_started_outside_makes_the_deadline_now)
{
	struct ear ear = {.drain = true};
	int ends[2];
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);

	loop_dispatch(loop);
	ck_assert_int_eq(loop_deadline(loop), PGAF_NEVER);
	listen_to(&ear, ends[0], LOOP_READ);
	ck_assert_int_le(loop_deadline(loop), loop_now(loop));
	loop_dispatch(loop);
	ck_assert_int_eq(loop_deadline(loop), PGAF_NEVER);

	loop_watch_free(ear.watch);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(test_watch_started_by_a_callback_is_not_forgotten)
{
	int first[2];
	int second[2];
	ck_assert_int_eq(pipe2(first, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(second, O_CLOEXEC), 0);
	struct ear later = {.drain = true, .fd = second[0]};
	struct ear ear = {.drain = true, .next = &later};

	listen_to(&ear, first[0], LOOP_READ);
	say(first[1]);
	loop_dispatch(loop);
	ck_assert(ear.heard);

	/* An embedder that only looks at the descriptor is woken. */
	struct pollfd ready = {.fd = loop_fd(loop), .events = POLLIN};
	ck_assert_int_eq(poll(&ready, 1, 0), 0);
	say(second[1]);
	ck_assert_int_eq(poll(&ready, 1, 1000), 1);
	loop_dispatch(loop);
	ck_assert(later.heard);

	loop_watch_free(ear.watch);
	loop_watch_free(later.watch);
	for (int i = 0; i < 2; i++) {
		close(first[i]);
		close(second[i]);
	}
}
END_TEST

START_TEST(test_watch_frees_itself_and_another_that_is_ready)
{
	int first[2];
	int second[2];
	ck_assert_int_eq(pipe2(first, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(second, O_CLOEXEC), 0);
	struct ear one = {0};
	struct ear other = {0};

	listen_to(&one, first[0], LOOP_READ);
	listen_to(&other, second[0], LOOP_READ);
	one.victim = other.watch;
	other.victim = one.watch;
	say(first[1]);
	say(second[1]);
	loop_dispatch(loop);
	ck_assert_int_eq(one.calls + other.calls > 0, 1);
	ck_assert(one.heard != other.heard);
	ck_assert_int_eq(loop_deadline(loop), PGAF_NEVER);

	/* Whoever was heard is still there; it frees itself now. */
	struct ear *left = one.heard ? &one : &other;
	left->heard = false;
	left->victim = left->watch;
	ck_assert(turn_until(loop, &left->heard, PGAF_SECONDS(5)));
	int calls = left->calls;
	turn_for(loop, PGAF_MSEC(3));
	ck_assert_int_eq(left->calls, calls);

	for (int i = 0; i < 2; i++) {
		close(first[i]);
		close(second[i]);
	}
}
END_TEST

/* A descriptor may be closed and its number used again as soon as its watch is freed. */
START_TEST(test_watch_of_a_reused_descriptor)
{
	for (int i = 0; i < 3; i++) {
		struct ear ear = {.drain = true};
		int ends[2];
		ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
		listen_to(&ear, ends[0], LOOP_READ);
		say(ends[1]);
		ck_assert(turn_until(loop, &ear.heard, PGAF_SECONDS(5)));
		loop_watch_free(ear.watch);
		close(ends[0]);
		close(ends[1]);
	}
}
END_TEST

static int
refused_socket(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	socklen_t length = sizeof(to);
	int closed = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* A port that is bound and not listened on refuses. */
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(closed, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(getsockname(closed, (struct sockaddr *)&to, &length), 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(closed);
	return fd;
}

START_TEST(test_watch_reports_an_error_as_what_was_wanted_and_goes_on)
{
	struct ear ear = {0};
	int fd = refused_socket();

	listen_to(&ear, fd, LOOP_WRITE);
	ck_assert(turn_until(loop, &ear.heard, PGAF_SECONDS(5)));
	ck_assert_int_eq(ear.seen, LOOP_WRITE);
	ear.heard = false;
	ck_assert(turn_until(loop, &ear.heard, PGAF_SECONDS(5)));

	loop_watch_free(ear.watch);
	close(fd);
}
END_TEST

START_TEST(test_watch_refuses_a_file)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ck_assert_ptr_null(loop_watch_new(loop, fd, hear, NULL));
	close(fd);
}
END_TEST

/* ---- the loop itself ---------------------------------------------------------------------- */

static void
stop_it(void *ctx)
{
	(void)ctx;
	loop_stop(loop);
}

START_TEST(test_run_ends_when_stopped)
{
	struct loop_timer *timer = loop_timer_new(loop, stop_it, NULL);

	loop_timer_set(timer, loop_now(loop) + PGAF_MSEC(3));
	loop_run(loop);
	loop_timer_set(timer, loop_now(loop) + PGAF_MSEC(3));
	loop_run(loop);
	loop_timer_free(timer);
}
END_TEST

static void
pass_time(pgaf_time span)
{
	poll(NULL, 0, (int)(span / PGAF_MSEC(1)));
}

START_TEST(test_stall_is_the_lateness_of_what_was_due)
{
	struct bell bell = {.name = "x"};

	/* Nothing is due: doing something else is no stall. */
	loop_dispatch(loop);
	ck_assert(!loop_stalled(loop, PGAF_MSEC(20)));
	pass_time(PGAF_MSEC(30));
	loop_dispatch(loop);
	ck_assert(!loop_stalled(loop, PGAF_MSEC(20)));

	set_bell(&bell, loop_now(loop) + PGAF_MSEC(5));
	pass_time(PGAF_MSEC(60));
	loop_dispatch(loop);
	ck_assert(bell.rang);
	ck_assert(loop_stalled(loop, PGAF_MSEC(20)));
	ck_assert(!loop_stalled(loop, PGAF_MSEC(20)));
	loop_timer_free(bell.timer);
}
END_TEST

static bool saw_stall;

static void
be_slow(void *ctx)
{
	bool *first = ctx;

	if (*first)
		pass_time(PGAF_MSEC(40));
	else
		saw_stall = loop_stalled(loop, PGAF_MSEC(20));
	*first = false;
}

START_TEST(test_stall_includes_slow_callbacks_and_the_pass_under_way)
{
	bool first = true;
	struct loop_timer *slow = loop_timer_new(loop, be_slow, &first);
	struct loop_timer *next = loop_timer_new(loop, be_slow, &first);

	loop_timer_set(slow, 0);
	loop_timer_set(next, 0);
	loop_dispatch(loop);
	ck_assert(saw_stall);
	ck_assert(!loop_stalled(loop, PGAF_MSEC(20)));
	loop_timer_free(slow);
	loop_timer_free(next);
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("loop");
	TCase *timers = tcase_create("timers");
	TCase *watches = tcase_create("watches");
	TCase *itself = tcase_create("loop");

	tcase_add_checked_fixture(timers, start, stop);
	tcase_add_test(timers, test_timers_fire_in_order_of_time_then_of_setting);
	tcase_add_test(timers, test_timer_is_not_early_and_hardly_late);
	tcase_add_test(timers, test_timer_moves_and_stops);
	tcase_add_test(timers, test_timer_may_be_set_to_now_again_without_keeping_the_loop);
	tcase_add_test(timers, test_timer_frees_itself_and_another_that_is_due);
	tcase_add_test(timers, test_descriptor_alone_wakes_for_a_timer);
	suite_add_tcase(all, timers);

	tcase_add_checked_fixture(watches, start, stop);
	tcase_add_test(watches, test_watch_reads_writes_and_pauses);
	tcase_add_test(watches, test_watch_started_outside_makes_the_deadline_now);
	tcase_add_test(watches, test_watch_started_by_a_callback_is_not_forgotten);
	tcase_add_test(watches, test_watch_frees_itself_and_another_that_is_ready);
	tcase_add_test(watches, test_watch_of_a_reused_descriptor);
	tcase_add_test(watches, test_watch_reports_an_error_as_what_was_wanted_and_goes_on);
	tcase_add_test(watches, test_watch_refuses_a_file);
	suite_add_tcase(all, watches);

	tcase_add_checked_fixture(itself, start, stop);
	tcase_add_test(itself, test_run_ends_when_stopped);
	tcase_add_test(itself, test_stall_is_the_lateness_of_what_was_due);
	tcase_add_test(itself, test_stall_includes_slow_callbacks_and_the_pass_under_way);
	suite_add_tcase(all, itself);
	return all;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
