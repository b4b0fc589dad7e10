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
 * When the other side ends the connection it tries at once: refused, again
 * 5 ms later; unreachable; nothing within 100 ms: then `gone_at` is set. After
 * that it knocks every probe_interval until the node is back, and reconnects.
 * A connection that ends by a limit of ours or by the network was not ended by
 * the other side: closed_at stays 0 and the node becomes silent, not gone. A
 * node that was never connected counts as closed from its first refusal.
 *
 * A login that is refused for want of a slot, or by access rules, is an answer of a
 * living server: it counts as answered_at, with closed_at set.
 *
 * `follows_us`: it is in recovery and its walreceiver streams from own_host (or
 * the address that resolves to) and own_port.
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
	const char  *own_host; /* where it would follow us; "" = nobody follows us */
	uint32_t     own_port;
	pgaf_time    probe_interval;
	/* 0: fresh connects only when a question waits for long; each costs the node a fork. */
	pgaf_time    connect_interval;
};

typedef void (*probe_changed_fn)(void *ctx, pgaf_node_id node, const struct sighting *sighting,
                                 bool follows_us);

struct probe *probe_new(struct loop *loop, const struct probe_target *target,
                        probe_changed_fn changed, void *ctx);
/* New intervals take effect with the next question. */
void probe_set_intervals(struct probe *probe, pgaf_time probe_interval, pgaf_time connect_interval);
void probe_free(struct probe *probe);

#endif
