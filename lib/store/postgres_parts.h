/* SPDX-License-Identifier: PostgreSQL */
#ifndef STORE_POSTGRES_PARTS_H
#define STORE_POSTGRES_PARTS_H

/* What the files of the monitor's face in PostgreSQL share. */

#include <sys/queue.h>

#include "base/pure/text.h"
#include "store/postgres.h"
#include "store/run_file.h"
#include "store/target.h"

#define STORE_SCHEMA_VERSION 1
#define STORE_SQL_ROOM       131072
#define STORE_GROUPS_MAX     256
#define STORE_LOCK           "1885823334, 1" /* the decider's; pgaf.pictures looks for it */
#define STORE_LIMIT          PGAF_SECONDS(5) /* of a statement; a durable one may wait for a disk */

enum call_kind {
	CALL_GROUPS,
	CALL_LOAD,
	CALL_REPORTS,
	CALL_COMMIT,
	CALL_SESSIONS,
	CALL_EVENTS,
	CALL_ASK
};

/* A call of the owner's that has not been answered. */
struct call {
	TAILQ_ENTRY(call)      next;
	struct postgres_store *store;
	enum call_kind         kind;
	struct store_group_key key;
	char                  *without_notify; /* COMMIT: the same once more (PROTOCOL 32) */
	union {
		store_groups_fn   groups;
		store_group_fn    load;
		store_reports_fn  reports;
		store_commit_fn   commit;
		store_sessions_fn sessions;
		store_events_fn   events;
	} done;
	void                  *ctx;
};

TAILQ_HEAD(calls, call);

/* What was handed out of a node last. */
struct known_node {
	pgaf_node_id node;
	char         news[128];
};

/* The request that the last load of a group showed. */
struct known_request {
	struct store_group_key key;
	uint64_t               number;
};

struct postgres_store {
	struct store           base;
	struct loop           *loop;
	struct store_callbacks callbacks;
	void                  *ctx;
	pgaf_log_fn            log;
	void                  *log_ctx;
	struct conn           *conn;
	struct loop_timer     *retry;
	struct loop_timer     *answer; /* calls that cannot be sent are answered by the loop */
	struct loop_timer     *remember;
	struct backoff         backoff;
	bool                   open;
	bool                   final; /* not tried again */
	bool                   starved; /* there was no memory for a call: it has no answer */
	bool                   passwords_set;
	size_t                 opening; /* step */
	char                  *run_path;
	char                  *secrets[3]; /* of keeper, operator, reader; NULL = leave alone */
	struct run_file        run;
	struct run_job        *job; /* under way */
	bool                   forgot;
	int                    version; /* of the schema, 0 = none */
	uint64_t               incarnation;
	pgaf_time              age;
	char                   probe_password[72];
	struct calls           sent;
	struct calls           unsent;
	struct known_node     *nodes;
	size_t                 node_count;
	struct known_request  *requests;
	size_t                 request_count;
	struct snapshot        snap; /* an answer to load, borrowed by its callback */
	struct text            sql;
	char                   sql_room[STORE_SQL_ROOM];
};

/* postgres_open.c: from an open session to `opened` or a failure. */
void open_begin(struct postgres_store *store);
void open_cancel(struct postgres_store *store);
/* Note soon how far the database has come. */
void open_remember(void *ctx);

/* postgres_store.c: the opening ended. Code 0, or why not. */
void store_opened(struct postgres_store *store);
void store_failed(struct postgres_store *store, const struct pgaf_error *error);
bool store_is_final(int code);

/* postgres_rows.c: *snap from the rows of pgaf.snapshot; 0, PGAF_ENOENT, or a line that cannot be
 * read. The number of the request is left in snap->group.request. */
#define STORE_ROW_COLUMNS                                                                         \
	"group_line, epoch, claimed, incarnation, settings, request_number, request_kind, "       \
	"request_epoch, request_to, request_allow_loss, node_id, name, host, port, http_port, "   \
	"region, priority, quorum, bootstrap, admission, high_lsn, drop_asked, drop_force, "      \
	"goal, report, age_ms, news"
int rows_read(const PGresult *result, const struct store_group_key *key, struct snapshot *snap,
              struct pgaf_error *error);
pgaf_node_id rows_node(const PGresult *result, int row);
const char *rows_news(const PGresult *result, int row);

/* postgres_decide.c: the statement for a decision. */
void decide_sql(struct text *to, const struct store_group_key *key, const struct decision *decision,
                uint64_t request_seen, bool notify);

#endif
