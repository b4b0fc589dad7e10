/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_NOTE_H
#define CORE_NOTE_H

/*
 * The keeper's durable note: what it must know after any crash before it acts
 * (PROTOCOL (c), 3, 4b, 6b, 11). Written with fsync before the step it is for.
 */

#include "core/model.h"

#define NOTE_ROLES(X)                                                                   \
	X(NONE, "none")           /* nothing was ever set up */                         \
	X(STANDBY, "standby")                                                           \
	X(CLONING, "cloning")     /* the data directory is being replaced */            \
	X(PROMOTING, "promoting") /* a promotion may have been sent */                  \
	X(PRIMARY, "primary")     /* may run read-write on `timeline` */                \
	X(FENCED, "fenced")       /* primary that stepped back by itself (26) */        \
	X(DEMOTED, "demoted")     /* was primary, told to stop */                       \
	X(DROPPED, "dropped")

enum note_role {
#define NOTE_ROLE_ENUM(name, word) NOTE_##name,
	NOTE_ROLES(NOTE_ROLE_ENUM)
#undef NOTE_ROLE_ENUM
};

struct note {
	pgaf_node_id    node_id;
	uint64_t        incarnation;
	uint64_t        epoch;          /* highest accepted */
	enum note_role  role;
	uint32_t        timeline;       /* PROMOTING: T ordered; PRIMARY: T reached */
	uint64_t        promotion;      /* epoch of the promotion under way or last finished */
	bool            claimed;        /* the store granted the claim of `promotion` */
	uint32_t        about_version;  /* highest version it may have applied (4b) */
	uint32_t        applied_version;
	uint32_t        declined_version; /* above that and up to here: never applied */
	uint64_t        detached_epoch; /* 6b; 0 = attached */
	uint64_t        renounced_epoch;
	uint64_t        system_identifier;
	pgaf_lsn        fork_lsn;       /* where the last promotion's timeline begins */
	struct goal     goal;           /* as last accepted */
};

#define RECORD_NOTE_WORD "note"

struct pgaf_error;
struct text;

/* One line, as the records of codec.h. */
void note_write(const struct note *note, struct text *to);
int note_read(const char *line, struct note *note, struct pgaf_error *error);
/* Whether this version of the set was declined: it was not and will not be applied (4b). */
bool note_declined(const struct note *note, uint32_t version);
const char *note_role_name(enum note_role role);

#endif
