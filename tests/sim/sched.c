/* SPDX-License-Identifier: PostgreSQL */
/*
 * Virtual time: a heap of events, each owned by a process or by the world. A
 * message is an event that also asks the network when it arrives. Blocks are
 * taken from chunks and used again, so a running world allocates nothing.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#define CHUNK_EVENTS 256
#define CHUNK_LOADS 8
/* More than this at one moment is somebody turning in circles. */
#define MOMENT_EVENTS 10000

static void *
sched_chunk(struct sched *sched, size_t bytes)
{
	void **grown = realloc(sched->chunks, (sched->chunk_count + 1) * sizeof *grown);
	void *chunk = calloc(1, bytes);

	if (!grown || !chunk)
		abort();
	sched->chunks = grown;
	grown[sched->chunk_count++] = chunk;
	return chunk;
}

static struct event *
event_get(struct sched *sched)
{
	if (!sched->free_events) {
		struct event *chunk = sched_chunk(sched, CHUNK_EVENTS * sizeof *chunk);

		for (size_t i = 0; i < CHUNK_EVENTS; i++) {
			chunk[i].next = sched->free_events;
			sched->free_events = &chunk[i];
		}
	}

	struct event *event = sched->free_events;

	sched->free_events = event->next;
	*event = (struct event){.from = SIM_NOWHERE, .to = SIM_NOWHERE};
	return event;
}

static void
event_give(struct sim *sim, struct event *event)
{
	if (event->load)
		load_give(sim, event->load);
	event->next = sim->sched.free_events;
	sim->sched.free_events = event;
}

void *
load_get(struct sim *sim)
{
	struct sched *sched = &sim->sched;

	if (!sched->free_loads) {
		union load *chunk = sched_chunk(sched, CHUNK_LOADS * sizeof *chunk);

		for (size_t i = 0; i < CHUNK_LOADS; i++) {
			chunk[i].next = sched->free_loads;
			sched->free_loads = &chunk[i];
		}
	}

	union load *load = sched->free_loads;

	sched->free_loads = load->next;
	return load;
}

void
load_give(struct sim *sim, void *load)
{
	union load *block = load;

	block->next = sim->sched.free_loads;
	sim->sched.free_loads = block;
}

static bool
event_before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void
heap_push(struct sched *sched, struct event *event)
{
	if (sched->used == sched->room) {
		sched->room = sched->room ? sched->room * 2 : 1024;
		sched->heap = realloc(sched->heap, sched->room * sizeof *sched->heap);
		if (!sched->heap)
			abort();
	}

	size_t at = sched->used++;

	while (at > 0 && event_before(event, sched->heap[(at - 1) / 2])) {
		sched->heap[at] = sched->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	sched->heap[at] = event;
}

static struct event *
heap_pop(struct sched *sched)
{
	struct event *top = sched->heap[0];
	struct event *last = sched->heap[--sched->used];
	size_t at = 0;

	for (size_t child = 1; child < sched->used; child = 2 * at + 1) {
		if (child + 1 < sched->used &&
		    event_before(sched->heap[child + 1], sched->heap[child]))
			child++;
		if (!event_before(sched->heap[child], last))
			break;
		sched->heap[at] = sched->heap[child];
		at = child;
	}
	if (sched->used > 0)
		sched->heap[at] = last;
	return top;
}

struct event *
sim_after(struct sim *sim, struct proc *proc, pgaf_time delay, event_fn fn)
{
	struct event *event = event_get(&sim->sched);

	event->at = sim->now + (delay > 0 ? delay : 0);
	event->order = sim->sched.next_order++;
	event->fn = fn;
	event->proc = proc;
	event->run = proc ? proc->run : 0;
	heap_push(&sim->sched, event);
	return event;
}

static void
park(struct event **list, struct event ***end, struct event *event)
{
	event->next = NULL;
	if (!*list)
		*end = list;
	**end = event;
	*end = &event->next;
}

pgaf_time
sched_release(struct sim *sim, struct event **list, pgaf_time delay, pgaf_time gap)
{
	struct event *event = *list;
	pgaf_time at = sim->now + delay;

	*list = NULL;
	while (event) {
		struct event *next = event->next;

		event->at = at;
		event->order = sim->sched.next_order++;
		heap_push(&sim->sched, event);
		at += gap;
		event = next;
	}
	return at;
}

static void
event_fire(struct sim *sim, struct event *event)
{
	if (event->to != SIM_NOWHERE) {
		struct path *path = &sim->net.path[event->from][event->to];

		if (path->cut) {
			park(&path->parked, &path->parked_end, event);
			return;
		}
	}
	if (event->proc) {
		struct proc *proc = event->proc;

		if (!proc->alive || proc->run != event->run) {
			event_give(sim, event);
			return;
		}
		if (proc->frozen) {
			park(&proc->parked, &proc->parked_end, event);
			return;
		}
	}
	sim->sched.fired++;
	event->fn(sim, event);
	event_give(sim, event);
}

void
sim_run_until(struct sim *sim, pgaf_time until)
{
	struct sched *sched = &sim->sched;

	while (!sim->failed && sched->used > 0 && sched->heap[0]->at <= until) {
		struct event *event = heap_pop(sched);

		assert(event->at >= sim->now);
		if (event->at > sim->now)
			sched->moment = 0;
		else if (++sched->moment > MOMENT_EVENTS)
			violation(sim, "LIVE", "time stands still: somebody asks again at once");
		sim->now = event->at;
		event_fire(sim, event);
	}
	if (!sim->failed && sim->now < until)
		sim->now = until;
}

void
sched_done(struct sched *sched)
{
	for (size_t i = 0; i < sched->chunk_count; i++)
		free(sched->chunks[i]);
	free(sched->chunks);
	free(sched->heap);
	*sched = (struct sched){0};
}

/* ---- processes ------------------------------------------------------------- */

void
proc_start(struct proc *proc, uint32_t host)
{
	proc->alive = true;
	proc->frozen = false;
	proc->host = host;
	proc->run++;
}

void
proc_kill(struct sim *sim, struct proc *proc)
{
	proc->alive = false;
	proc->frozen = false;
	proc->run++;
	/* What waited for it is found to be of an old run and dropped. */
	sched_release(sim, &proc->parked, 0, 0);
}

void
proc_freeze(struct proc *proc)
{
	if (proc->alive)
		proc->frozen = true;
}

void
proc_thaw(struct sim *sim, struct proc *proc)
{
	if (!proc->alive || !proc->frozen)
		return;
	proc->frozen = false;
	sched_release(sim, &proc->parked, 0, 1000);
}
