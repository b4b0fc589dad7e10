/* SPDX-License-Identifier: PostgreSQL */
/*
 * A batch of seeds. One process, or several that share nothing: each takes
 * every n-th seed and writes what it counted into a pipe when it ends.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/batch.h"

#define JOBS_MOST 64

/* What one process says at its end. */
struct share {
	struct counts counts;
	struct batch_result result;
};

void
counts_add(struct counts *sum, const struct counts *one)
{
	sum->seeds += one->seeds;
	sum->failovers += one->failovers;
	sum->switchovers += one->switchovers;
	sum->crashes += one->crashes;
	sum->partitions += one->partitions;
	sum->acknowledged += one->acknowledged;
	sum->with_failover += one->with_failover;
	sum->with_second_fault += one->with_second_fault;
	sum->second_faults += one->second_faults;
	sum->declined += one->declined;
	sum->promotions += one->promotions;
	sum->events += one->events;
	sum->virtual_time += one->virtual_time;
	for (int i = 0; i < SIM_FAULT_COUNT; i++)
		sum->by_kind[i] += one->by_kind[i];
}

static uint64_t
wall_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

static void
share_run(const struct batch *batch, unsigned job, struct share *share)
{
	uint64_t enough = (batch->failovers + batch->jobs - 1) / batch->jobs;
	uint64_t began = wall_seconds();

	*share = (struct share){.result.end = BATCH_SEEDS};
	for (uint64_t seed = batch->first + job; seed <= batch->last; seed += batch->jobs) {
		if (enough > 0 && share->counts.failovers >= enough) {
			share->result.end = BATCH_FAILOVERS;
			return;
		}
		if (batch->seconds > 0 && wall_seconds() - began >= batch->seconds) {
			share->result.end = BATCH_SECONDS;
			return;
		}
		if (batch->run(batch->context, seed, &share->counts))
			continue;
		share->result.violations++;
		share->result.end = BATCH_VIOLATION;
		if (!batch->all)
			return;
	}
}

/* ---- several processes --------------------------------------------------------------------- */

struct crew {
	unsigned count;
	pid_t pid[JOBS_MOST];
	int from[JOBS_MOST];
};

static void
crew_hire(struct crew *crew, const struct batch *batch, unsigned job)
{
	int ends[2];

	fflush(stdout);
	if (pipe(ends) != 0)
		abort();
	crew->pid[job] = fork();
	if (crew->pid[job] < 0)
		abort();
	if (crew->pid[job] == 0) {
		struct share share;

		share_run(batch, job, &share);
		fflush(stdout);
		_exit(write(ends[1], &share, sizeof share) == (ssize_t)sizeof share ? 0 : 1);
	}
	close(ends[1]);
	crew->from[job] = ends[0];
	crew->count++;
}

static unsigned
crew_find(const struct crew *crew, pid_t pid)
{
	unsigned job = 0;

	while (job < crew->count && crew->pid[job] != pid)
		job++;
	return job;
}

/* One that ends without a word has crashed, or was told to stop by `crew_dismiss`. */
static bool
crew_hear(struct crew *crew, unsigned job, struct share *share)
{
	bool heard = read(crew->from[job], share, sizeof *share) == (ssize_t)sizeof *share;

	close(crew->from[job]);
	crew->pid[job] = 0;
	return heard;
}

static void
crew_dismiss(const struct crew *crew)
{
	for (unsigned job = 0; job < crew->count; job++)
		if (crew->pid[job] > 0)
			kill(crew->pid[job], SIGTERM);
}

/* Time ends a batch for all; a violation says more than any other end. */
static void
result_add(struct batch_result *sum, const struct batch_result *one)
{
	sum->violations += one->violations;
	if (one->end > sum->end)
		sum->end = one->end;
}

static struct batch_result
crew_run(const struct batch *batch, struct counts *sum)
{
	struct crew crew = {0};
	struct batch_result result = {.end = BATCH_SEEDS};
	bool dismissed = false;

	for (unsigned job = 0; job < batch->jobs; job++)
		crew_hire(&crew, batch, job);
	for (unsigned left = crew.count; left > 0; left--) {
		struct share share;
		int status;
		unsigned job = crew_find(&crew, wait(&status));

		if (job == crew.count)
			abort();
		if (crew_hear(&crew, job, &share)) {
			counts_add(sum, &share.counts);
			result_add(&result, &share.result);
		} else if (!dismissed) {
			fprintf(stderr, "pgaf-sim: a process of seeds %llu… crashed (status %d)\n",
			        (unsigned long long)batch->first + job, status);
			result_add(&result, &(struct batch_result){1, BATCH_VIOLATION});
		}
		if (result.violations > 0 && !batch->all && !dismissed) {
			crew_dismiss(&crew);
			dismissed = true;
		}
	}
	return result;
}

struct batch_result
batch_run(const struct batch *batch, struct counts *sum)
{
	struct share share;

	if (batch->jobs > 1 && batch->jobs <= JOBS_MOST)
		return crew_run(batch, sum);
	share_run(batch, 0, &share);
	counts_add(sum, &share.counts);
	return share.result;
}
