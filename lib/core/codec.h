/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_CODEC_H
#define CORE_CODEC_H

/*
 * The one text form of the data model: transcripts, simulator traces, the
 * store's columns, messages of the link, flight recorder. A record is a word
 * and key=value pairs on one line; fields with their empty value are left
 * out; unknown keys are an error with the key's name. Written and read by the
 * same field tables, so both directions cannot disagree.
 *
 *   goal state=secondary epoch=7 rule=510 timeline=1 admission=3 upstream=1
 *   report state=primary epoch=7 pg=primary lsn=0/3000060 members=2.3:streaming:0/3000060:0/3000060
 *   group formation=default epoch=7 possible=4:1/2.3;5:async
 */

#include "core/model.h"

struct pgaf_error;
struct text;

enum record {
	RECORD_GROUP,    /* struct group, stored part */
	RECORD_NODE,     /* struct node without goal, report, and what is never stored */
	RECORD_GOAL,     /* struct goal */
	RECORD_REPORT,   /* struct report */
	RECORD_SIGHTING, /* struct sighting */
	RECORD_SETTINGS, /* struct settings */
	RECORD_SET,      /* struct sync_set: version=4 required=1 members=2.3,3.1 */
};

/* Append one record. */
void codec_write(enum record kind, const void *record, struct text *to);

/*
 * Read one record from a zero-terminated line into *record, which is first set
 * to its empty value (settings: to the defaults). 0, or PGAF_EINVAL with the
 * offending key; *record is then unspecified.
 */
int codec_read(enum record kind, const char *line, void *record, struct pgaf_error *error);

/* A whole snapshot: one group line, one settings line, and node/goal/report/sighting/watch lines
 * per node; `watch` holds what the monitor sees and never stores. Times are relative to `now`. */
void codec_write_snapshot(const struct snapshot *snap, pgaf_time now, struct text *to);
int codec_read_snapshot(const char *text, pgaf_time now, struct snapshot *snap,
                        struct pgaf_error *error);

/* A decision, for transcripts and traces: rule, goals, changes of the group, event text. */
void codec_write_decision(const struct decision *decision, const struct snapshot *before,
                          struct text *to);

#define CODEC_LINE_MAX     16384
#define CODEC_SNAPSHOT_MAX (CODEC_LINE_MAX * 6)

#endif
