/* SPDX-License-Identifier: PostgreSQL */
#ifndef ENGINE_SCRIPT_H
#define ENGINE_SCRIPT_H

/*
 * Engines driven by a scripted world. A file is a list of cases:
 *
 *   # The promise.
 *   > what happens to the engine
 *       what the engine does about it
 *
 * PGAF_REWRITE=1 writes the indented lines anew; the diff is the review.
 */

#include "base/pure/text.h"

struct hook_call;
struct record_spec;

/* The world of one engine: opened for each case. */
struct script {
	void *(*open)(void);
	/* `rest` is what follows the word, "" if nothing; false for a word that means nothing. */
	bool (*command)(void *stand, const char *word, const char *rest, struct text *said);
	void (*close)(void *stand);
};

/* Every file of tests/unit/engine/<folder>; fails the running test where they differ. */
void script_run(const struct script *script, const char *folder);

/* key=value pairs of `rest` into a record; returns what follows them. Fails the test. */
const char *script_read(const struct record_spec *spec, pgaf_time now, const char *rest,
                        void *record);

/* What the operator's programs are told, as a line; returns `to`. */
const char *script_hook(const struct hook_call *call, char *to, size_t room);

#endif
