/* SPDX-License-Identifier: PostgreSQL */
#ifndef ENGINE_MONITOR_ENV_H
#define ENGINE_MONITOR_ENV_H

/*
 * The monitor engine of one group and its world; the same contract as
 * keeper_env.h: happenings in by monitor_on_*, actions out by the operations,
 * no blocking, no clock but `now`, no call back before an operation returns.
 */

#include <pgaf/log.h>

#include "core/decide.h"
#include "core/hook.h"
#include "core/model.h"

struct monitor;

struct monitor_ops {
	/* Read the whole group (stored part) again; monitor_on_group() follows. */
	void (*load)(void *world);
	/* Write one decision durably by compare-and-swap on (epoch, claimed);
	 * monitor_on_commit() follows: 0, PGAF_ESTALE, or another error (unknown outcome). */
	void (*commit)(void *world, const struct decision *decision);
	/* Probe exactly these nodes; monitor_on_sighting() after each change. */
	void (*probe)(void *world, const struct node *nodes, uint32_t count,
	              const struct settings *settings);
	/* Ask the store whether these keepers' sessions are open; monitor_on_session() follows for
	 * each node, or monitor_on_sessions_unknown(). */
	void (*ask_sessions)(void *world);
	/* The core was asked: this was its input, and its answer (NULL: nothing). Comes after the
	 * answer's commit() and must not hold it up. NULL: nobody wants to know. */
	void (*record)(void *world, const struct snapshot *snap, pgaf_time now,
	               const struct decision *decision);
	/* Something to tell to the operator's programs of this node. Must not wait for them.
	 * NULL: nobody wants to know. */
	void (*hook)(void *world, const struct node *node, const struct hook_call *call);
	pgaf_log_fn log;
};

struct monitor *monitor_new(const char *formation, uint32_t group_id, const struct monitor_ops *ops,
                            void *world, pgaf_time now);
void monitor_free(struct monitor *monitor);

/* The stored group was read. Runtime fields of `snap` are ignored; the engine keeps its own.
 * `first_start`: this store was created less than bootstrap_grace ago, so long ago; else < 0. */
void monitor_on_group(struct monitor *monitor, pgaf_time now, const struct snapshot *snap,
                      pgaf_time store_age);
void monitor_on_commit(struct monitor *monitor, pgaf_time now, int result);
void monitor_on_store(struct monitor *monitor, pgaf_time now, bool open);
/* A keeper's report arrived (already stored). */
void monitor_on_report(struct monitor *monitor, pgaf_time now, pgaf_node_id node,
                       const struct report *report);
void monitor_on_sighting(struct monitor *monitor, pgaf_time now, pgaf_node_id node,
                         const struct sighting *sighting);
void monitor_on_session(struct monitor *monitor, pgaf_time now, pgaf_node_id node, bool open);
/* The store could not say, and is still there: it is asked again when that is due. */
void monitor_on_sessions_unknown(struct monitor *monitor, pgaf_time now);
/* This process was not scheduled until now: silence before counts for nothing. */
void monitor_on_stall(struct monitor *monitor, pgaf_time now);

/* There are other programs to tell: what is true now is told again. */
void monitor_on_hooks(struct monitor *monitor, pgaf_time now);

void monitor_run(struct monitor *monitor, pgaf_time now);
pgaf_time monitor_deadline(const struct monitor *monitor);

/* The picture decisions are made from; borrowed until the next call. */
const struct snapshot *monitor_snapshot(const struct monitor *monitor);

#endif
