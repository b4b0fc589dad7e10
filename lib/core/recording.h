/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_RECORDING_H
#define CORE_RECORDING_H

/*
 * The flight recording: inputs of decide(), each with what was decided, in
 * the one text form. A file is a line that says the format, and inputs:
 *
 *   pgaf-recording format=1 version=0.1.0
 *   input now=71s at=2026-01-31T12:00:00.123Z same=412
 *   group …                     the snapshot, its times as ages at `now`
 *   decision …                  and what belongs to it; absent when nothing was decided
 *   end
 *
 * An input that says nothing new is counted by the next one and not written.
 */

#include "core/codec.h"

#define RECORDING_FORMAT 1

struct recording_head {
	uint32_t format;
	char     version[32]; /* of the core that decided */
};

struct recording_input {
	pgaf_time now;    /* the moment of the decision, on the monitor's clock */
	char      at[32]; /* the same for people: wall clock, UTC; "" = not known */
	uint64_t  same;   /* inputs of this group left out before this one */
};

/* Room for one input with its decision. */
#define RECORDING_DECISION_MAX CODEC_LINE_MAX
#define RECORDING_INPUT_MAX    (CODEC_SNAPSHOT_MAX + RECORDING_DECISION_MAX + 256)

/* ---- writing -------------------------------------------------------------- */

/*
 * A number that stands for all that a decision could be about: two inputs
 * with the same one differ in ages, WAL positions and measured durations only,
 * and every fact the rules see is the same. Never 0.
 */
uint64_t recording_shape(const struct snapshot *snap, pgaf_time now);

void recording_write_head(struct text *to);
/* `decision` NULL: nothing was decided. */
void recording_write(const struct recording_input *input, const struct snapshot *snap,
                     const struct decision *decision, struct text *to);

/* ---- reading -------------------------------------------------------------- */

struct recording {
	struct recording_head head;
	char    *rest; /* not read yet */
	unsigned line; /* its number */
};

/* `text` is changed while it is read, and lent until then. 0, or PGAF_EINVAL: no recording, or
 * one in a format that is not known here. */
int recording_open(struct recording *recording, char *text, struct pgaf_error *error);

enum recorded_kind {
	RECORDED_NO_MORE,
	RECORDED_INPUT,
	RECORDED_CUT,        /* its end is missing: the writer was interrupted */
	RECORDED_UNREADABLE, /* *error says why; of another version, or damaged */
};

struct recorded {
	struct recording_input input;
	struct snapshot        snap;
	const char            *decision; /* lines; "" = nothing was decided */
	unsigned               line;     /* where it begins */
};

enum recorded_kind recording_next(struct recording *recording, struct recorded *recorded,
                                  struct pgaf_error *error);

/* ---- deciding again --------------------------------------------------------- */

struct replay {
	bool            decided;
	struct decision decision; /* when it is true */
	bool            agrees;   /* with what was recorded, but for the wording of the event */
};

void recording_replay(const struct recorded *recorded, struct replay *replay);

#endif
