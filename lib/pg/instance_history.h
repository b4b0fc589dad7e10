/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_INSTANCE_HISTORY_H
#define PG_INSTANCE_HISTORY_H

/* Own WAL against an upstream's history: for the steps that prove, keep, rewind and clone. */

#include "pg/instance_parts.h"

/*
 * Complete (PROTOCOL 7), position. Of a primary what is flushed, of a standby
 * the larger of received and replayed.
 */
#define HELD_SQL                                                                               \
	"SELECT NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() IS NOT NULL OR EXISTS"    \
	" (SELECT FROM pg_stat_activity WHERE backend_type = 'startup' AND wait_event IN"      \
	" ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval')),"                            \
	" CASE WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(),"              \
	" pg_last_wal_replay_lsn()) ELSE pg_current_wal_flush_lsn() END, pg_is_in_recovery()," \
	" pg_last_wal_replay_lsn() < pg_last_wal_receive_lsn()"

/* Fills task.own, then goes on. */
void ancestry_find(struct instance *in, task_then then);

/* A walsender session with the order's upstream; the step fails when it cannot be had. */
void remote_open(struct instance *in, task_then then);
void remote_sql(struct instance *in, const char *sql, task_rows then);

void own_ask(struct instance *in);

#endif
