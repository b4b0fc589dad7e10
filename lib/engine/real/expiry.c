/* SPDX-License-Identifier: PostgreSQL */
/* A timer and a job; the loop ends with us, and abandons the job. */

#include "engine/real/expiry.h"

#include <stdlib.h>

#include "base/certificate.h"
#include "base/files.h"
#include "base/pure/text.h"

#define READ_EACH PGAF_SECONDS(60)
/* A certificate that is yet to be made is looked for more often. */
#define LOOK_EACH PGAF_SECONDS(2)
#define FILE_MOST (256 * 1024)

struct expiry {
	struct loop *loop;
	struct loop_timer *timer;
	void (*told)(void *ctx, uint64_t seconds);
	void *ctx;
	bool reading;
	char path[4096];
};

struct reading {
	struct expiry *owner;
	int64_t seconds;
	char path[4096];
};

static void
read_file(void *arg)
{
	struct reading *reading = arg;
	char *bytes = NULL;
	size_t count = 0;
	int64_t seconds = 0;

	if (files_read(reading->path, FILE_MOST, &bytes, &count, NULL) < 0)
		return;
	if (certificate_expiry(bytes, count, &seconds) && seconds > 0)
		reading->seconds = seconds;
	free(bytes);
}

static void
reading_finished(void *arg)
{
	struct reading *reading = arg;
	struct expiry *expiry = reading->owner;
	int64_t seconds = reading->seconds;

	free(reading);
	expiry->reading = false;
	loop_timer_set(expiry->timer,
	               loop_now(expiry->loop) + (seconds != 0 ? READ_EACH : LOOK_EACH));
	expiry->told(expiry->ctx, (uint64_t)seconds);
}

void
expiry_read(struct expiry *expiry)
{
	struct reading *reading = NULL;

	if (expiry->reading)
		return;
	reading = calloc(1, sizeof(*reading));
	if (reading == NULL)
		return;
	reading->owner = expiry;
	text_copy(reading->path, sizeof(reading->path), expiry->path);
	expiry->reading =
		loop_job_loose(expiry->loop, read_file, reading_finished, free, reading) == 0;
	if (!expiry->reading)
		free(reading);
}

static void
timer_fired(void *ctx)
{
	struct expiry *expiry = ctx;

	loop_timer_set(expiry->timer, loop_now(expiry->loop) + READ_EACH);
	expiry_read(expiry);
}

struct expiry *
expiry_new(struct loop *loop, const char *path, void (*told)(void *ctx, uint64_t seconds),
           void *ctx)
{
	struct expiry *expiry = calloc(1, sizeof(*expiry));

	if (expiry == NULL)
		return NULL;
	expiry->loop = loop;
	expiry->told = told;
	expiry->ctx = ctx;
	text_copy(expiry->path, sizeof(expiry->path), path);
	expiry->timer = loop_timer_new(loop, timer_fired, expiry);
	if (expiry->timer != NULL) {
		loop_timer_set(expiry->timer, loop_now(loop) + LOOK_EACH);
		return expiry;
	}
	free(expiry);
	return NULL;
}

void
expiry_free(struct expiry *expiry)
{
	if (expiry == NULL)
		return;
	loop_timer_free(expiry->timer);
	free(expiry);
}
