/* SPDX-License-Identifier: PostgreSQL */
/*
 * Blocking work on threads. Each job has a thread of its own, which hands the
 * job back through the hub: a list and a descriptor that the loop watches. The
 * hub outlives the loop when a thread is still at it.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/pure/error.h"
#include "base/sys.h"
#include "loop/parts.h"

/* Name service modules are hungry; the rest is not. */
#define STACK_BYTES ((size_t)512 * 1024)

struct job {
	TAILQ_ENTRY(job) link;
	struct hub *hub;
	struct work work;
};

TAILQ_HEAD(job_list, job);

struct hub {
	pthread_mutex_t lock; /* guards the members down to `loop_gone` */
	struct job_list finished;
	uint32_t users; /* the loop and each thread */
	bool loop_gone;
	int wake_fd; /* eventfd */
	struct loop_watch *watch;
	uint32_t awaited; /* jobs that loop_free() waits for */
};

static void
hub_leave(struct hub *hub)
{
	pthread_mutex_lock(&hub->lock);
	bool last = --hub->users == 0;
	pthread_mutex_unlock(&hub->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&hub->lock);
	close(hub->wake_fd);
	free(hub);
}

static struct job *
take_finished(struct hub *hub)
{
	pthread_mutex_lock(&hub->lock);
	struct job *job = TAILQ_FIRST(&hub->finished);
	if (job != NULL)
		TAILQ_REMOVE(&hub->finished, job, link);
	pthread_mutex_unlock(&hub->lock);
	return job;
}

static void
collect(void *ctx, int events)
{
	struct hub *hub = ctx;
	uint64_t count = 0;
	struct job *job = NULL;

	(void)events;
	/* Before the list is looked at: what is added afterwards wakes the loop again. */
	if (read(hub->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	while ((job = take_finished(hub)) != NULL) {
		struct work work = job->work;
		free(job);
		if (work.abandoned == NULL)
			hub->awaited--;
		work.finished(work.arg);
	}
}

int
job_begin(struct loop *loop, struct pgaf_error *error)
{
	struct hub *hub = calloc(1, sizeof(*hub));

	if (hub == NULL)
		return error_set(error, PGAF_ENOMEM, "start the event loop: out of memory");
	hub->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (hub->wake_fd < 0) {
		free(hub);
		return sys_error(error, errno, "start the event loop: make an eventfd");
	}
	pthread_mutex_init(&hub->lock, NULL);
	TAILQ_INIT(&hub->finished);
	hub->users = 1;
	loop->hub = hub;
	hub->watch = loop_watch_new(loop, hub->wake_fd, collect, hub);
	if (hub->watch == NULL)
		return error_set(error, PGAF_ENOMEM, "start the event loop: out of memory");
	loop_watch_set(hub->watch, LOOP_READ);
	return 0;
}

void
job_end(struct loop *loop)
{
	struct hub *hub = loop->hub;
	struct job *job = NULL;

	if (hub == NULL)
		return;
	while (hub->awaited > 0) {
		struct pollfd wake = {.fd = hub->wake_fd, .events = POLLIN};
		poll(&wake, 1, -1);
		collect(hub, LOOP_READ);
	}
	pthread_mutex_lock(&hub->lock);
	hub->loop_gone = true;
	pthread_mutex_unlock(&hub->lock);
	while ((job = take_finished(hub)) != NULL) {
		job->work.abandoned(job->work.arg);
		free(job);
	}
	loop_watch_free(hub->watch);
	hub_leave(hub);
	loop->hub = NULL;
}

static void
hand_back(struct job *job)
{
	struct hub *hub = job->hub;
	uint64_t one = 1;

	pthread_mutex_lock(&hub->lock);
	bool gone = hub->loop_gone;
	if (!gone) {
		TAILQ_INSERT_TAIL(&hub->finished, job, link);
		/* Fails only when the counter is full: the loop is awake then. */
		ssize_t written = write(hub->wake_fd, &one, sizeof(one));
		(void)written;
	}
	pthread_mutex_unlock(&hub->lock);
	if (gone) {
		job->work.abandoned(job->work.arg);
		free(job);
	}
	hub_leave(hub);
}

static void *
job_thread(void *arg)
{
	struct job *job = arg;

	job->work.run(job->work.arg);
	hand_back(job);
	return NULL;
}

/* A signal to the process is for the embedder's threads, never for this one. */
static int
start_thread(struct job *job)
{
	pthread_attr_t attributes;
	sigset_t all;
	sigset_t before;
	pthread_t thread;

	sigfillset(&all);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	/* The new one takes over the mask. */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&thread, &attributes, job_thread, job);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return failed;
}

int
job_start(struct loop *loop, const struct work *work)
{
	struct hub *hub = loop->hub;
	struct job *job = malloc(sizeof(*job));

	if (job == NULL)
		return PGAF_ENOMEM;
	*job = (struct job){.hub = hub, .work = *work};
	pthread_mutex_lock(&hub->lock);
	hub->users++;
	pthread_mutex_unlock(&hub->lock);
	if (start_thread(job) != 0) {
		hub_leave(hub);
		free(job);
		return PGAF_ESYS;
	}
	if (work->abandoned == NULL)
		hub->awaited++;
	return 0;
}

int
loop_job(struct loop *loop, void (*work)(void *arg), void (*finished)(void *arg), void *arg)
{
	return job_start(loop, &(struct work){.run = work, .finished = finished, .arg = arg});
}

int
loop_job_loose(struct loop *loop, void (*work)(void *arg), void (*finished)(void *arg),
               void (*abandoned)(void *arg), void *arg)
{
	return job_start(loop, &(struct work){.run = work,
	                                      .finished = finished,
	                                      .abandoned = abandoned,
	                                      .arg = arg});
}
