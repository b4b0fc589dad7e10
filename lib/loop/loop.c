/* SPDX-License-Identifier: PostgreSQL */
/*
 * The loop itself: passes over what is ready and what is due, and how long it
 * was kept from making them.
 */

#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "base/pure/error.h"
#include "base/sys.h"
#include "loop/parts.h"

/* A dispatch returns to its embedder after this many passes even if more is ready. */
#define PASSES_MAX 6

struct loop *
loop_new(struct pgaf_error *error)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (loop == NULL) {
		error_set(error, PGAF_ENOMEM, "start the event loop: out of memory");
		return NULL;
	}
	int failed = uv_loop_init(&loop->uv);
	if (failed != 0) {
		sys_error(error, -failed, "start the event loop");
		free(loop);
		return NULL;
	}
	TAILQ_INIT(&loop->timers);
	TAILQ_INIT(&loop->due);
	TAILQ_INIT(&loop->names);
	TAILQ_INIT(&loop->children);
	TAILQ_INIT(&loop->processes);
	loop->timer_fd = -1;
	if (timer_start(loop, error) < 0 || job_begin(loop, error) < 0) {
		loop_free(loop);
		return NULL;
	}
	/* Nothing has an owner yet, so no callback of anybody can run here. */
	uv_run(&loop->uv, UV_RUN_NOWAIT);
	loop->started = false;
	return loop;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	assert(!loop->inside);
	job_end(loop);
	resolve_end(loop);
	child_end(loop);
	timer_stop(loop);
	assert(loop->watches == 0 && TAILQ_EMPTY(&loop->processes));

	while (uv_loop_close(&loop->uv) == UV_EBUSY)
		uv_run(&loop->uv, UV_RUN_NOWAIT);
	free(loop);
}

pgaf_time
loop_now(const struct loop *loop)
{
	struct timespec now;

	(void)loop;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return PGAF_SECONDS(now.tv_sec) + now.tv_nsec;
}

int
loop_fd(const struct loop *loop)
{
	return uv_backend_fd(&loop->uv);
}

/* Something that cannot wait: closed handles to be freed, or news for epoll. */
static bool
has_pending(const struct loop *loop)
{
	return loop->started || uv_backend_timeout(&loop->uv) == 0;
}

pgaf_time
loop_deadline(const struct loop *loop)
{
	return has_pending(loop) ? loop_now(loop) : timer_next(loop);
}

static void
note_gap(struct loop *loop, pgaf_time since, pgaf_time now)
{
	if (now - since > loop->worst_gap)
		loop->worst_gap = now - since;
}

/*
 * A gap is the time by which a timer is late, whether the process was not
 * scheduled or its embedder was busy, and the time one dispatch takes. Sleep
 * while nothing was due is none.
 */
void
loop_dispatch(struct loop *loop)
{
	assert(!loop->inside);
	loop->inside = true;
	loop->entered = loop_now(loop);
	if (timer_next(loop) < loop->entered)
		note_gap(loop, timer_next(loop), loop->entered);

	/* Watches that a callback starts reach epoll only in a pass after it. */
	for (int pass = 0; pass < PASSES_MAX && (pass < 2 || has_pending(loop)); pass++) {
		loop->started = false;
		uv_run(&loop->uv, UV_RUN_NOWAIT);
		timer_fire(loop, loop_now(loop));
	}

	pgaf_time now = loop_now(loop);
	note_gap(loop, loop->entered, now);
	timer_arm(loop, now);
	loop->inside = false;
}

void
loop_run(struct loop *loop)
{
	struct pollfd ready = {.fd = loop_fd(loop), .events = POLLIN};

	while (!loop->stopped) {
		/* The timer's descriptor ends the wait; a signal may, too. */
		int timeout = loop_deadline(loop) <= loop_now(loop) ? 0 : -1;
		int count = poll(&ready, 1, timeout);
		assert(count >= 0 || errno == EINTR);
		(void)count;
		loop_dispatch(loop);
	}
	loop->stopped = false;
}

void
loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

bool
loop_stalled(struct loop *loop, pgaf_time limit)
{
	if (loop->inside) {
		pgaf_time now = loop_now(loop);
		note_gap(loop, loop->entered, now);
		loop->entered = now;
	}
	bool stalled = loop->worst_gap > limit;
	loop->worst_gap = 0;
	return stalled;
}
