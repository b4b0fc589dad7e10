/* SPDX-License-Identifier: PostgreSQL */
#ifndef ENGINE_MONITOR_HOOKS_H
#define ENGINE_MONITOR_HOOKS_H

/* What the operator's programs were told of the nodes of one group. */

#include "engine/monitor_env.h"

/* All zero at first. */
struct monitor_hooks {
	struct {
		pgaf_node_id node; /* 0 = none */
		struct hook_watch watch;
	} places[PGAF_NODES_MAX];
};

/* Tells all there is to tell now; returns when to look again though nothing happens. */
pgaf_time monitor_hooks_tell(struct monitor_hooks *hooks, const struct snapshot *snap,
                             pgaf_time now, const struct monitor_ops *ops, void *world);

#endif
