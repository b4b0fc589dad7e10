/* SPDX-License-Identifier: PostgreSQL */
#ifndef REAL_HOOKS_H
#define REAL_HOOKS_H

/*
 * The operator's programs. Each is told of every event, in order and one at a
 * time. While one still runs, what it would be told next waits; of one topic
 * and node only the newest does, and that the one before it is left out is
 * logged. Nothing waits for a program: it is started from a turn of its own,
 * through a shell, so that a file that cannot be read hangs that shell and
 * nobody else, and is ended with all that it started when its time is over.
 */

#include "base/variables.h"
#include "base/log.h"
#include "core/hook.h"
#include "loop/loop.h"

struct hooks;

#define HOOKS_LIMIT_USUAL PGAF_SECONDS(10)
#define HOOKS_LIMIT_LEAST PGAF_MSEC(100)

struct hooks_list {
	const char *const *files; /* absolute paths; copied */
	size_t count;
	pgaf_time limit; /* for one run; 0 = the usual one */
};

/* 0, or PGAF_ECONFIG. */
int hooks_check(const struct hooks_list *list, struct pgaf_error *error);
/* `logger` is borrowed. */
struct hooks *hooks_new(struct loop *loop, const struct logger *logger,
                        const struct hooks_list *list, struct pgaf_error *error);
/* What runs goes on by itself; what waits is not run. Both are logged. */
void hooks_free(struct hooks *hooks);

/* Other programs from now on, or another limit for runs that begin later. 0, or PGAF_ENOMEM with
 * the programs as they were. */
int hooks_set(struct hooks *hooks, const struct hooks_list *list, bool *changed,
              struct pgaf_error *error);

bool hooks_any(const struct hooks *hooks);
void hooks_run(struct hooks *hooks, pgaf_node_id node, enum hook_event event,
               const struct variable *told, size_t count);

#endif
