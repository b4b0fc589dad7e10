/* SPDX-License-Identifier: PostgreSQL */
/*
 * The flight recorder. One job at a time owns the files; what comes meanwhile
 * is gathered, up to a limit. After a failure nothing is tried for a while, so
 * that a full disk costs nothing either.
 */

#include "engine/real/recorder.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "base/ring.h"

#define PENDING_MAX ((size_t)1024 * 1024)
#define RETRY_AFTER PGAF_SECONDS(10)
/* In the place of a number of failures: what was seen last is not in the recording. */
#define SEEN_LOST UINT64_MAX

/* Text on its way to the files. */
struct batch {
	char *bytes;
	size_t used;
	size_t room;
	uint64_t inputs;
};

/* Owns the ring while it runs. `recorder` is for the loop's thread alone; NULL: it is gone. */
struct recorder_job {
	struct recorder *recorder;
	struct ring *ring;
	struct batch batch;
	struct pgaf_error error;
	int result;
};

struct recorder {
	struct loop *loop;
	struct logger logger;
	struct ring *ring;        /* NULL while a job has it */
	struct recorder_job *job; /* under way */
	struct batch pending;
	uint64_t failures;
	uint64_t dropped;
	uint64_t missing;   /* of them since it last worked */
	pgaf_time retry_at; /* 0: it works */
	char input[RECORDING_INPUT_MAX];
};

/* ---- life ------------------------------------------------------------------------------ */

struct recorder *
recorder_new(struct loop *loop, const struct recorder_options *options)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	char head[128];
	struct text text = TEXT(head);

	if (!recorder)
		return NULL;
	recording_write_head(&text);
	recorder->loop = loop;
	recorder->logger = options->logger;
	recorder->ring = ring_new(&(struct ring_options){.directory = options->directory,
	                                                 .name = RECORDER_FILES,
	                                                 .head = head,
	                                                 .size = options->size});
	if (!recorder->ring) {
		free(recorder);
		return NULL;
	}
	return recorder;
}

void
recorder_free(struct recorder *recorder)
{
	if (!recorder)
		return;
	if (recorder->job)
		recorder->job->recorder = NULL;
	ring_free(recorder->ring);
	free(recorder->pending.bytes);
	free(recorder);
}

uint64_t
recorder_dropped(const struct recorder *recorder)
{
	return recorder->dropped;
}

bool
recorder_busy(const struct recorder *recorder)
{
	return recorder->job != NULL;
}

/* ---- trouble --------------------------------------------------------------------------- */

static void
recorder_drop(struct recorder *recorder, uint64_t inputs)
{
	recorder->dropped += inputs;
	recorder->missing += inputs;
}

/* Said once, until it works again. */
static void
recorder_failed(struct recorder *recorder, const struct pgaf_error *error)
{
	if (recorder->retry_at == 0)
		log_at(&recorder->logger, PGAF_LOG_WARNING, "recording-failed",
		       "decisions are made, but not recorded: %s", error->text);
	recorder->failures++;
	recorder->retry_at = loop_now(recorder->loop) + RETRY_AFTER;
}

static void
recorder_works(struct recorder *recorder)
{
	recorder->retry_at = 0;
	if (recorder->missing == 0)
		return;
	log_at(&recorder->logger, PGAF_LOG_INFO, "recording-again",
	       "decisions are recorded again; %llu inputs are missing in the recording",
	       (unsigned long long)recorder->missing);
	recorder->missing = 0;
}

/* ---- writing --------------------------------------------------------------------------- */

static void
recorder_work(void *arg)
{
	struct recorder_job *job = arg;

	job->result = ring_write(job->ring, job->batch.bytes, job->batch.used, &job->error);
}

static void
recorder_abandoned(void *arg)
{
	struct recorder_job *job = arg;

	ring_free(job->ring);
	free(job->batch.bytes);
	free(job);
}

static void recorder_start(struct recorder *recorder);

static void
recorder_finished(void *arg)
{
	struct recorder_job *job = arg;
	struct recorder *recorder = job->recorder;

	if (!recorder) {
		recorder_abandoned(job);
		return;
	}
	recorder->job = NULL;
	recorder->ring = job->ring;
	if (job->result < 0) {
		recorder_drop(recorder, job->batch.inputs);
		recorder_failed(recorder, &job->error);
	} else {
		recorder_works(recorder);
	}
	free(job->batch.bytes);
	free(job);
	recorder_start(recorder);
}

/* Hand what has been gathered to a job, unless one is at it. */
static void
recorder_start(struct recorder *recorder)
{
	struct recorder_job *job = NULL;

	if (recorder->job || recorder->pending.used == 0)
		return;
	job = calloc(1, sizeof(*job));
	if (job) {
		job->recorder = recorder;
		job->ring = recorder->ring;
		job->batch = recorder->pending;
		recorder->job = job;
	}
	if (!job || loop_job_loose(recorder->loop, recorder_work, recorder_finished,
	                           recorder_abandoned, job) < 0) {
		struct pgaf_error error = {0};

		error_set(&error, PGAF_ENOMEM, "no thread for it");
		recorder_drop(recorder, recorder->pending.inputs);
		recorder_failed(recorder, &error);
		free(recorder->pending.bytes);
		free(job);
		recorder->job = NULL;
	} else {
		recorder->ring = NULL;
	}
	recorder->pending = (struct batch){.used = 0};
}

/* ---- taking ---------------------------------------------------------------------------- */

static bool
batch_add(struct batch *batch, const struct text *text)
{
	if (batch->used + text->used > PENDING_MAX)
		return false;
	if (batch->used + text->used > batch->room) {
		size_t room = 2 * (batch->used + text->used);
		char *bytes = realloc(batch->bytes, room);

		if (!bytes)
			return false;
		batch->bytes = bytes;
		batch->room = room;
	}
	memcpy(batch->bytes + batch->used, text->at, text->used);
	batch->used += text->used;
	batch->inputs++;
	return true;
}

static void
write_wall_clock(char *to, size_t room)
{
	struct text text;
	struct timespec now;
	struct tm parts;

	text_init(&text, to, room);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	text_addf(&text, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", parts.tm_year + 1900,
	          parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
	          now.tv_nsec / 1000000);
}

static bool
recorder_add(struct recorder *recorder, const struct recorder_seen *seen,
             const struct snapshot *snap, pgaf_time now, const struct decision *decision)
{
	struct recording_input input = {.now = now, .same = seen->same};
	struct text text = TEXT(recorder->input);

	write_wall_clock(input.at, sizeof(input.at));
	recording_write(&input, snap, decision, &text);
	return !text.cut && batch_add(&recorder->pending, &text);
}

void
recorder_take(struct recorder *recorder, struct recorder_seen *seen, const struct snapshot *snap,
              pgaf_time now, const struct decision *decision)
{
	uint64_t shape = recording_shape(snap, now);
	bool news = decision || shape != seen->shape;
	bool lost = seen->failures != recorder->failures;
	/* While a disk is full, an attempt now and then is enough. */
	bool paused = recorder->retry_at != 0 && now < recorder->retry_at;

	if (!news && (!lost || paused)) {
		seen->same++;
		return;
	}
	seen->shape = shape;
	if (paused || !recorder_add(recorder, seen, snap, now, decision)) {
		recorder_drop(recorder, news ? 1 : 0);
		seen->failures = SEEN_LOST;
		return;
	}
	seen->same = 0;
	seen->failures = recorder->failures;
	recorder_start(recorder);
}
