/* SPDX-License-Identifier: PostgreSQL */
#ifndef REAL_IDENTITY_H
#define REAL_IDENTITY_H

/* Who this keeper is, as its state directory remembers it. Blocking. */

#include "core/note.h"
#include "engine/real/home.h"

struct identity {
	pgaf_node_id node_id; /* 0 = not registered */
	uint64_t     incarnation;
	uint32_t     group_id;
	char         formation[PGAF_NAME_MAX];
	char         token[72];
	char         replicator_password[72];
	char         probe_password[72];
};

bool identity_is_same(const struct identity *a, const struct identity *b);

/* *known: it was a member before, even if it was dropped since. */
int identity_load(const struct home *home, struct identity *identity, bool *known,
                  struct pgaf_error *error);
int identity_save(const struct home *home, const struct identity *identity,
                  struct pgaf_error *error);

#define IDENTITY_NOTE_MAX 4096

/* A missing note is an empty one. */
int identity_load_note(const struct home *home, struct note *note, struct pgaf_error *error);
int identity_save_note(const struct home *home, const char *line, struct pgaf_error *error);

#endif
