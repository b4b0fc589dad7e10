/* SPDX-License-Identifier: PostgreSQL */
/*
 * One-shot timers on CLOCK_BOOTTIME, never early, to the nanosecond the
 * kernel keeps. A program has some dozens, so a sorted list serves.
 */

#include <stdlib.h>
#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/pure/error.h"
#include "base/sys.h"
#include "loop/parts.h"

struct loop_timer {
	TAILQ_ENTRY(loop_timer) link;
	struct loop *loop;
	struct timer_list *list; /* it is in; NULL when stopped */
	pgaf_time at;
	void (*fired)(void *ctx);
	void *ctx;
};

/* The descriptor only ends a wait; what is due is found by the clock. */
static void
ignore_wake(void *ctx, int events)
{
	(void)ctx;
	(void)events;
}

int
timer_start(struct loop *loop, struct pgaf_error *error)
{
	loop->armed = PGAF_NEVER;
	loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (loop->timer_fd < 0)
		return sys_error(error, errno, "start the event loop: make a timer");
	loop->timer_watch = loop_watch_new(loop, loop->timer_fd, ignore_wake, NULL);
	if (loop->timer_watch == NULL)
		return error_set(error, PGAF_ENOMEM, "start the event loop: out of memory");
	loop_watch_set(loop->timer_watch, LOOP_READ);
	return 0;
}

void
timer_stop(struct loop *loop)
{
	loop_watch_free(loop->timer_watch);
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
}

pgaf_time
timer_next(const struct loop *loop)
{
	const struct loop_timer *first = TAILQ_FIRST(&loop->due);

	if (first == NULL)
		first = TAILQ_FIRST(&loop->timers);
	return first != NULL ? first->at : PGAF_NEVER;
}

/* Setting the descriptor also takes back its readiness, so it is never read. */
void
timer_arm(struct loop *loop, pgaf_time now)
{
	pgaf_time next = timer_next(loop);
	struct itimerspec when = {0};

	if (next == loop->armed && (next > now || next == PGAF_NEVER))
		return;
	if (next != PGAF_NEVER) {
		when.it_value.tv_sec = next / PGAF_SECONDS(1);
		when.it_value.tv_nsec = next % PGAF_SECONDS(1);
	}
	timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
	loop->armed = next;
}

/* Timers that these callbacks set wait for the next pass, even if they are due. */
void
timer_fire(struct loop *loop, pgaf_time now)
{
	struct loop_timer *timer;

	while ((timer = TAILQ_FIRST(&loop->timers)) != NULL && timer->at <= now) {
		TAILQ_REMOVE(&loop->timers, timer, link);
		TAILQ_INSERT_TAIL(&loop->due, timer, link);
		timer->list = &loop->due;
	}
	while ((timer = TAILQ_FIRST(&loop->due)) != NULL) {
		TAILQ_REMOVE(&loop->due, timer, link);
		timer->list = NULL;
		timer->fired(timer->ctx);
	}
}

struct loop_timer *
loop_timer_new(struct loop *loop, void (*fired)(void *ctx), void *ctx)
{
	struct loop_timer *timer = malloc(sizeof(*timer));

	if (timer != NULL)
		*timer = (struct loop_timer){.loop = loop, .fired = fired, .ctx = ctx};
	return timer;
}

static void
timer_insert(struct loop_timer *timer)
{
	struct timer_list *timers = &timer->loop->timers;
	struct loop_timer *before = TAILQ_LAST(timers, timer_list);

	while (before != NULL && before->at > timer->at)
		before = TAILQ_PREV(before, timer_list, link);
	if (before == NULL)
		TAILQ_INSERT_HEAD(timers, timer, link);
	else
		TAILQ_INSERT_AFTER(timers, before, timer, link);
	timer->list = timers;
}

void
loop_timer_set(struct loop_timer *timer, pgaf_time at)
{
	pgaf_time now = loop_now(timer->loop);

	if (timer->list != NULL)
		TAILQ_REMOVE(timer->list, timer, link);
	timer->list = NULL;
	/* One that is set into the past is due now and not late: loop_stalled() relies on it. */
	timer->at = at > now ? at : now;
	if (at != PGAF_NEVER)
		timer_insert(timer);
	if (!timer->loop->inside)
		timer_arm(timer->loop, now);
}

void
loop_timer_free(struct loop_timer *timer)
{
	if (timer == NULL)
		return;
	loop_timer_set(timer, PGAF_NEVER);
	free(timer);
}
