/* SPDX-License-Identifier: PostgreSQL */
#ifndef UNIT_STORE_STAND_H
#define UNIT_STORE_STAND_H

/*
 * One monitor and some keepers on a store, in memory or in a real PostgreSQL
 * made for the test program, with everything they were told written down.
 */

#include <libpq-fe.h>

#include "loop/loop.h"
#include "store/memory.h"
#include "store/postgres.h"
#include "store/server.h"

/* Generous: the machine may be busy with other things. */
#define STAND_LIMIT PGAF_SECONDS(50)

enum stand_kind { STAND_MEMORY, STAND_POSTGRES };

/* What a keeper was told. */
struct keeper_log {
	struct link *link;
	int registered_calls;
	int registered;
	struct link_registered answer;
	struct pgaf_error error;
	int opened;
	int lost;
	int orders_calls;
	struct keeper_orders orders;
	int answered;
	bool answered_newest;
	int claims;
	bool granted;
	bool known;
	int dropped;
};

/* What the monitor was told. */
struct monitor_log {
	struct store *store;
	int opened;
	uint64_t incarnation;
	pgaf_time age;
	int lost;
	struct pgaf_error error;
	int changed;
	int reported; /* hints that a node has new facts */
	int loads;
	int load_result;
	struct snapshot snap;
	int commits;
	int commit_result;
	int answers; /* of reports */
	int report_count;
	pgaf_node_id reporter;
	struct report report;
	int session_answers;
	uint32_t session_count;
	int group_answers;
	uint32_t group_count;
};

extern enum stand_kind stand_kind;
extern struct memory_store *stand_memory;
extern struct loop *stand_loop;
extern struct server *stand_server;
extern const struct store_group_key stand_group; /* default/0 */
extern char stand_directory[64];
extern uint32_t stand_port;

/* Becomes user postgres when root; makes the server when it is for PostgreSQL. Once a program. */
void stand_begin(char **argv);
void stand_end(void);
/* A port that nobody uses, for this program alone. */
uint32_t stand_reserve_port(void);
/* An empty store before each test, and nothing left after it. */
void stand_setup(void);
/* Failures are a test's from here on; stand_setup() says so too. */
void stand_testing(bool is);
void stand_teardown(void);

/* Until *counter is at least `least`, or fail. */
void stand_wait(const int *counter, int least, const char *what);
void stand_wait_true(bool (*is)(void *ctx), void *ctx, const char *what);
/* Run all that comes within this time; memory: all that is queued. */
void stand_settle(pgaf_time time);

/* The faces; freed by stand_teardown at the latest. */
struct monitor_log *stand_monitor(void);
struct keeper_log *stand_keeper(void);
/* Another link for the same log, with a secret of its own (PostgreSQL only). */
void stand_relink(struct keeper_log *keeper, const char *secret);
void stand_free_keeper(struct keeper_log *keeper);
void stand_free_monitor(struct monitor_log *monitor);

/* A registration of node `name` on `port`, empty directory, bootstrap auto. */
struct link_registration stand_registration(const char *name, uint32_t port);
/* Enrolls and waits for the answer. Returns its result. */
int stand_enroll(struct keeper_log *keeper, const struct link_registration *registration);
/* A keeper that is registered and has its session. */
struct keeper_log *stand_node(const char *name, uint32_t port);
/* Cuts it off by force and waits until it is back. */
void stand_cut(struct keeper_log *keeper);

/* Each waits for its answer. */
const struct snapshot *stand_load(struct monitor_log *monitor);
int stand_commit(struct monitor_log *monitor, const struct decision *decision);
int stand_reports(struct monitor_log *monitor); /* how many */
uint32_t stand_sessions(struct monitor_log *monitor);
void stand_report(struct keeper_log *keeper, const struct report *report, bool urgent);
bool stand_claim(struct keeper_log *keeper, uint64_t epoch);

/* A decision from the group as loaded: epoch + 1 and nothing else. */
struct decision stand_decision(const struct snapshot *snap, const char *text);

/* Blocking SQL as the store's owner; the first field, owned by the stand until the next call. */
const char *stand_sql(const char *sql);
PGconn *stand_connect(const char *user, const char *password);

#endif
