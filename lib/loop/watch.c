/* SPDX-License-Identifier: PostgreSQL */
/*
 * Descriptors. libuv ends a closed handle only in a later pass; until then the
 * memory stays, so an owner may free a watch from within its own callback.
 */

#include <stdlib.h>

#include "loop/parts.h"

struct loop_watch {
	uv_poll_t poll;
	int events; /* wanted */
	void (*ready)(void *ctx, int events);
	void *ctx;
};

static struct loop *
loop_of(const struct loop_watch *watch)
{
	return watch->poll.data;
}

struct loop_watch *
loop_watch_new(struct loop *loop, int fd, void (*ready)(void *ctx, int events), void *ctx)
{
	struct loop_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL || uv_poll_init(&loop->uv, &watch->poll, fd) != 0) {
		free(watch);
		return NULL;
	}
	watch->poll.data = loop;
	watch->ready = ready;
	watch->ctx = ctx;
	loop->watches++;
	return watch;
}

static void watch_start(struct loop_watch *watch);

static void
watch_ready(uv_poll_t *poll, int status, int events)
{
	struct loop_watch *watch = (struct loop_watch *)poll;
	int wanted = watch->events;
	int seen = 0;

	if ((events & UV_READABLE) != 0)
		seen |= LOOP_READ;
	if ((events & UV_WRITABLE) != 0)
		seen |= LOOP_WRITE;
	/* An error (a refused connection) is found by whoever reads or writes; libuv stopped. */
	if (status < 0)
		seen = wanted;

	watch->ready(watch->ctx, seen);
	if (status < 0 && !uv_is_closing((uv_handle_t *)poll) && watch->events != 0)
		watch_start(watch);
}

static void
watch_start(struct loop_watch *watch)
{
	int wanted = 0;

	if ((watch->events & LOOP_READ) != 0)
		wanted |= UV_READABLE;
	if ((watch->events & LOOP_WRITE) != 0)
		wanted |= UV_WRITABLE;
	uv_poll_start(&watch->poll, wanted, watch_ready);
	loop_of(watch)->started = true;
}

void
loop_watch_set(struct loop_watch *watch, int events)
{
	if (events == watch->events)
		return;
	watch->events = events;
	if (events == 0)
		uv_poll_stop(&watch->poll);
	else
		watch_start(watch);
}

static void
watch_closed(uv_handle_t *handle)
{
	free(handle); /* the handle is the first member of its watch */
}

void
loop_watch_free(struct loop_watch *watch)
{
	if (watch == NULL)
		return;
	loop_of(watch)->watches--;
	watch->events = 0;
	uv_poll_stop(&watch->poll);
	uv_close((uv_handle_t *)&watch->poll, watch_closed);
}
