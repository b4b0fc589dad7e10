/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_CODEC_FIELD_H
#define CORE_CODEC_FIELD_H

/*
 * The field tables of the text form: one row per key says where the value
 * lies and what it is. Writer and reader both walk the same row.
 */

#include "core/codec.h"

enum field_type {
	FIELD_TEXT, /* char array of .room bytes */
	FIELD_U32,
	FIELD_U64,
	FIELD_COUNTER, /* uint32_t that is counted up from what is read */
	FIELD_EPOCH,   /* uint64_t, likewise */
	FIELD_BOOL,
	FIELD_LSN,
	FIELD_DURATION, /* pgaf_time */
	FIELD_TIME,     /* pgaf_time at which something happened; in a snapshot how long ago */
	FIELD_VETOES,   /* uint32_t bits */
	FIELD_SET,      /* struct sync_set */
	/* Words. */
	FIELD_STATE,
	FIELD_PG,
	FIELD_REQUEST,
	FIELD_ROLE,
	FIELD_SESSION,
	/* Arrays; .count is the offset of their uint32_t length, .room their capacity. */
	FIELD_SETS,
	FIELD_MEMBERS,
	FIELD_VIEWS,
	FIELD_PEERS,
	FIELD_HISTORY,
};

struct field {
	const char *key;
	enum field_type type;
	size_t offset;
	size_t room;
	size_t count;
};

/*
 * One kind of line. `size` is 0 when it covers only a part of its struct. The
 * empty value is all zero, unless `initial` says otherwise (settings).
 */
struct record_spec {
	const char *word;
	const struct field *fields;
	size_t field_count;
	size_t size;
	void (*initial)(void *record);
};

/* How moments are written: as they are, or as their distance to `now`. */
struct clock {
	bool relative;
	pgaf_time now;
};

/* The type of a value and what its text needs to be read back. */
struct value {
	const struct field *field;
	const struct clock *clock;
};

/*
 * Nobody counts this far: more is damage, and must not be believed, since the next number would
 * wrap, or be larger than a column of the store holds.
 */
#define COUNTER_MAX (UINT32_MAX / 4)
#define EPOCH_MAX   (UINT64_MAX / 4)

/* The longest value: a full history. */
#define VALUE_MAX 4096

/* codec_value.c: one value, without its key. `initial` NULL: the empty value is all zero. */
bool value_is_empty(const struct field *field, const void *record, const void *initial);
void value_write(const struct value *value, const void *record, struct text *to);
/* False when `string`, already decoded, is not a value of this type. */
bool value_read(const struct value *value, const char *string, void *record);

/* codec_list.c: the values that are made of several. */
bool list_is_empty(const struct field *field, const void *record);
void list_write(const struct field *field, const void *record, struct text *to);
bool list_read(const struct field *field, const char *string, void *record);

/* codec.c: whole lines. */
void record_write(const struct record_spec *spec, const struct clock *clock, const void *record,
                  struct text *to);
/* Reads key=value pairs up to the line's end or to a bare word, at which *line is left. */
int record_read(const struct record_spec *spec, const struct clock *clock, const char **line,
                void *record, struct pgaf_error *error);
/* Whether `line` starts with this word; *line is then moved behind it. */
bool record_starts(const char **line, const char *word);

/* codec_tables.c */
const struct record_spec *record_spec_of(enum record kind);
extern const struct record_spec record_note;   /* struct note without its goal */
extern const struct record_spec record_watch;  /* struct node: seen by the monitor, never stored */
extern const struct record_spec record_timers; /* struct snapshot: the monitor's own clocks */
extern const struct record_spec record_decision;
extern const struct record_spec record_admit; /* an element of decision.admissions */
extern const struct record_spec record_recording; /* struct recording_head */
extern const struct record_spec record_input;     /* struct recording_input */

#endif
