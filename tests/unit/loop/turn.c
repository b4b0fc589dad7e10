/* SPDX-License-Identifier: PostgreSQL */
/* The outer loop of the tests. */

#include "unit/loop/turn.h"

#include <check.h>
#include <poll.h>
#include <time.h>

static void
turn(struct loop *loop, pgaf_time until)
{
	struct pollfd ready = {.fd = loop_fd(loop), .events = POLLIN};
	pgaf_time deadline = loop_deadline(loop) < until ? loop_deadline(loop) : until;
	pgaf_time wait = deadline - loop_now(loop);
	struct timespec timeout = {0};

	if (wait > 0) {
		timeout.tv_sec = wait / PGAF_SECONDS(1);
		timeout.tv_nsec = wait % PGAF_SECONDS(1);
	}
	ppoll(&ready, 1, &timeout, NULL);
	loop_dispatch(loop);
}

bool
turn_until(struct loop *loop, const bool *done, pgaf_time limit)
{
	pgaf_time until = loop_now(loop) + limit;

	while (!*done && loop_now(loop) < until)
		turn(loop, until);
	return *done;
}

void
turn_for(struct loop *loop, pgaf_time span)
{
	static const bool never = false;

	turn_until(loop, &never, span);
}

struct loop *
turn_new(void)
{
	struct pgaf_error error = {0};
	struct loop *loop = loop_new(&error);

	ck_assert_msg(loop != NULL, "%s", error.text);
	return loop;
}
