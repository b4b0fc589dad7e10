/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_PROBE_H
#define PG_PROBE_H

/*
 * Are you alive, who do you think you are: one other node's Postgres watched
 * over one persistent walsender-pool connection (replication=database), a
 * question each interval, and fresh connects that tell a stopped postmaster
 * and classify a loss. Used by the monitor for every node and by keepers for
 * their peers. Fills a struct sighting with times on loop_now's clock and
 * calls `changed` after each answer and each change.
 *
 * On a loss it tries at once: refused, again 5 ms later; unreachable; nothing
 * within 100 ms: then `gone_at` is set. After that it knocks every
 * probe_interval until the node is back, and reconnects. Its first connect
 * behaves the same, with closed_at = the time of the first failure.
 */

#include "core/model.h"
#include "loop/loop.h"

struct probe;

struct probe_target {
	pgaf_node_id node;
	const char  *host; /* copied */
	uint32_t     port;
	const char  *user;     /* pgaf_probe */
	const char  *password; /* "" = none */
	const char  *dbname;   /* postgres */
	const char  *sslmode;  /* prefer, require … */
	const char  *member_prefix; /* slot/application name by which we would follow it; "" */
};

typedef void (*probe_changed_fn)(void *ctx, pgaf_node_id node, const struct sighting *sighting,
                                 bool follows_us);

struct probe *probe_new(struct loop *loop, const struct probe_target *target,
                        pgaf_time probe_interval, pgaf_time connect_interval,
                        probe_changed_fn changed, void *ctx);
/* New intervals take effect with the next question. */
void probe_set_intervals(struct probe *probe, pgaf_time probe_interval, pgaf_time connect_interval);
void probe_free(struct probe *probe);

#endif
