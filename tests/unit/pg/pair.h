/* SPDX-License-Identifier: PostgreSQL */
#ifndef UNIT_PG_PAIR_H
#define UNIT_PG_PAIR_H

/*
 * Two instances in directories of the test's own, driven through one loop.
 * Node 1 and node 2 are peers; each order names the other as upstream.
 */

#include "pg/instance.h"

struct pair_node {
	pgaf_node_id id;
	uint32_t port;
	char pgdata[160];
	char state_dir[160];
	const char *backup_rate; /* NULL: as fast as it goes */
	struct instance *instance;
	struct step_result result;
	bool stepped;
	struct observation seen;
	bool observed;
	bool exited;
	bool exit_inside;
	pgaf_time exited_at;
	char log[4096]; /* events of the log, as "event: text" lines */
};

extern struct loop *pair_loop;
extern struct pair_node pair_nodes[2];
extern char pair_directory[64];

void pair_become(void); /* user postgres, when run as root: first thing in main */
void pair_create(void); /* directories and ports; nothing is started */
void pair_remove(void); /* ends both servers */

struct pair_node *pair_peer(const struct pair_node *node);
void pair_open(struct pair_node *node);
void pair_close(struct pair_node *node);

/* An order with everything filled in that most steps want. */
struct step_order pair_order(const struct pair_node *node, enum step step);
/* Run it to its end and insist on this outcome. */
const struct step_result *pair_run(struct pair_node *node, const struct step_order *order,
                                   enum step_outcome outcome);
const struct step_result *pair_step(struct pair_node *node, enum step step);
const struct observation *pair_observe(struct pair_node *node);
/* Observe until it holds, for at most `limit`; fails the test otherwise. */
typedef bool (*pair_holds)(const struct observation *seen);
void pair_until(struct pair_node *node, pair_holds holds, pgaf_time limit);
/* Turn the loop until *flag. */
void pair_wait(const bool *flag, pgaf_time limit);
void pair_turn(pgaf_time span);

/* One value by psql over the socket; fails the test on an error. */
const char *pair_sql(const struct pair_node *node, const char *sql);
/* Begin psql in the background; returns its pid. */
pid_t pair_sql_start(const struct pair_node *node, const char *sql);
pid_t pair_postmaster(const struct pair_node *node); /* by postmaster.pid; 0 = none */

#endif
