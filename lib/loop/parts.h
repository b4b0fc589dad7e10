/* SPDX-License-Identifier: PostgreSQL */
#ifndef LOOP_PARTS_H
#define LOOP_PARTS_H

/* The inside of a loop, shared by the files of this folder and by nobody else. */

#include <sys/queue.h>

#include <uv.h>

#include "loop/loop.h"

struct hub;
struct name;

TAILQ_HEAD(timer_list, loop_timer);
TAILQ_HEAD(child_list, loop_child);
TAILQ_HEAD(process_list, loop_process);
TAILQ_HEAD(name_list, name);

struct loop {
	uv_loop_t uv;
	bool started; /* libuv has not told epoll yet about something that began */
	bool inside;  /* in loop_dispatch() */
	bool stopped;
	uint32_t watches; /* not freed yet */

	/* Timers are ours and not libuv's: those count milliseconds of a clock that stands still
	 * in suspend. The descriptor fires at the earliest, so that a loop that sleeps on
	 * loop_fd() alone wakes in time. */
	struct timer_list timers; /* by time, equal ones in the order they were set */
	struct timer_list due;    /* taken out for the pass under way */
	int timer_fd;
	pgaf_time armed; /* what timer_fd is set to; PGAF_NEVER: nothing */
	struct loop_watch *timer_watch;

	pgaf_time entered;   /* the dispatch under way began */
	pgaf_time worst_gap; /* since loop_stalled() was last asked */

	struct hub *hub;
	struct name_list names;
	struct child_list children;
	struct process_list processes;
};

int timer_start(struct loop *loop, struct pgaf_error *error);
void timer_stop(struct loop *loop);
pgaf_time timer_next(const struct loop *loop);
void timer_fire(struct loop *loop, pgaf_time now);
void timer_arm(struct loop *loop, pgaf_time now);

/*
 * Work on a thread of its own: a disk that hangs or a name server that is
 * silent must hold up neither other work (as it would in libuv's pool of
 * four) nor the end of the process (the pool is joined at exit).
 */
struct work {
	void (*run)(void *arg);      /* on the thread */
	void (*finished)(void *arg); /* on the loop */
	/* When the loop is freed first: on the thread. NULL: loop_free() waits for the work. */
	void (*abandoned)(void *arg);
	void *arg;
};

int job_begin(struct loop *loop, struct pgaf_error *error);
void job_end(struct loop *loop);
int job_start(struct loop *loop, const struct work *work);

void resolve_end(struct loop *loop);

/* Free the children nobody waits for any more. */
void child_end(struct loop *loop);
/* The status of a child of ours that has ended, whoever of its watchers asks first. */
bool child_status(struct loop *loop, pid_t pid, int *status);
/* A child was reaped: tell whoever else watches the same process. */
void process_reaped(struct loop *loop, pid_t pid, int status);
/* Whether it has ended; *status is its wait status, or -1 when it is not our child. */
bool process_reap(int pidfd, int *status);

#endif
