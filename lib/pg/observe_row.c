/* SPDX-License-Identifier: PostgreSQL */
/*
 * One statement asks for everything, so one round trip is one consistent look.
 * Settings are read with current_setting(), which costs nothing; the view of
 * all settings is looked at only after a reload.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "pg/observe.h"
#include "pg/release.h"

/* Column, SQL. The order matters: flush comes after the members it is compared with (1c). */
#define COLUMNS(X)                                                                               \
	X(RECOVERY, "r")                                                                         \
	X(MEMBERS, "CASE WHEN r THEN NULL ELSE (SELECT string_agg(concat_ws(',',"                \
	           "application_name, state, coalesce(flush_lsn, '0/0'),"                        \
	           "coalesce(replay_lsn, '0/0'), pid), ';') FROM pg_stat_replication"            \
	           " WHERE application_name ~ '^pgaf_([0-9]+|join)_[0-9]+$') END")               \
	X(LSN, "CASE WHEN r THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_flush_lsn() END") \
	X(REPLAY, "CASE WHEN r THEN pg_last_wal_replay_lsn() END")                               \
	X(WAL_FILE, "CASE WHEN NOT r THEN pg_walfile_name(pg_current_wal_insert_lsn()) END")     \
	X(STARTUP, "(SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'startup')")   \
	X(RECEIVER_PID, "(SELECT pid FROM pg_stat_activity WHERE backend_type = 'walreceiver')") \
	X(RECEIVER_STATUS, "w.status")                                                           \
	X(RECEIVER_END, "w.latest_end_lsn")                                                      \
	X(RECEIVER_INFO, "w.conninfo")                                                           \
	X(LAG, "CASE WHEN r AND pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn() THEN"       \
	       " (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())"       \
	       " * 1000)::bigint END")                                                           \
	X(WAITERS, "(SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"         \
	           " AND application_name <> 'pgaf_keeper')")                                    \
	X(NAMES, "current_setting('synchronous_standby_names')")                                 \
	X(CONNINFO, "current_setting('primary_conninfo')")                                       \
	X(UPSTREAM, "current_setting('pgaf.upstream', true)")                                    \
	X(CLOSED, "current_setting('pgaf.closed', true) = 'on'")                                 \
	X(START, "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint")           \
	X(RETAINED, "(SELECT max(pg_wal_lsn_diff(CASE WHEN r THEN pg_last_wal_replay_lsn()"      \
	            " ELSE pg_current_wal_lsn() END, restart_lsn))::bigint"                      \
	            " FROM pg_replication_slots)")                                               \
	X(LOST, "(SELECT min(substring(slot_name FROM 6)::int) FROM pg_replication_slots"        \
	        " WHERE slot_name ~ '^pgaf_[0-9]{1,9}$' AND wal_status = 'lost')")               \
	X(UNSAFE, "current_setting('fsync') = 'off' OR current_setting('full_page_writes')"      \
	          " = 'off' OR current_setting('hot_standby') = 'off'")                          \
	X(TARGET,                                                                                \
	  "concat(current_setting('recovery_target'),"                                           \
	  "current_setting('recovery_target_lsn'), current_setting('recovery_target_name'),"     \
	  "current_setting('recovery_target_time'), current_setting('recovery_target_xid'))"     \
	  " <> '' OR current_setting('recovery_target_timeline') <> 'latest'")                   \
	X(DELAY, "current_setting('recovery_min_apply_delay') <> '0'")                           \
	X(HINTS, "current_setting('data_checksums') = 'on' OR current_setting('wal_log_hints')"  \
	         " = 'on'")                                                                      \
	X(LIMITS, "concat_ws(',', current_setting('max_connections'),"                           \
	          "current_setting('max_worker_processes'), current_setting('max_wal_senders')," \
	          "current_setting('max_prepared_transactions'),"                                \
	          "current_setting('max_locks_per_transaction'))")

enum column {
#define COLUMN_ENUM(name, sql) COLUMN_##name,
	COLUMNS(COLUMN_ENUM)
#undef COLUMN_ENUM
		COLUMN_PAUSED
};

static const char *const expressions[] = {
#define COLUMN_SQL(name, sql) [COLUMN_##name] = (sql),
	COLUMNS(COLUMN_SQL)
#undef COLUMN_SQL
};

void
observe_statement(int server_version, struct text *to)
{
	text_add(to, "WITH x AS MATERIALIZED (SELECT pg_is_in_recovery() AS r) SELECT ");
	for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++)
		text_addf(to, "%s, ", expressions[i]);
	text_addf(to, "CASE WHEN r THEN %s END", release_of_number(server_version)->paused);
	text_add(to, " FROM x LEFT JOIN pg_stat_wal_receiver w ON true");
}

/* ---- values ----------------------------------------------------------------------- */

static const char *
get(const PGresult *rows, enum column column)
{
	return PQgetvalue(rows, 0, (int)column);
}

static bool
is_true(const PGresult *rows, enum column column)
{
	return get(rows, column)[0] == 't';
}

static pgaf_lsn
get_lsn(const PGresult *rows, enum column column)
{
	pgaf_lsn lsn = 0;

	lsn_parse(get(rows, column), &lsn);
	return lsn;
}

static uint64_t
get_number(const PGresult *rows, enum column column)
{
	uint64_t number = 0;

	text_to_u64(get(rows, column), &number);
	return number;
}

/* The longest there is when it is longer than that: a standby months behind is not fresh. */
static uint32_t
get_milliseconds(const PGresult *rows, enum column column)
{
	uint64_t number = get_number(rows, column);

	return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

void
observe_conninfo_value(const char *conninfo, const char *keyword, char *to, size_t room)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);

	text_copy(to, room, "");
	for (const PQconninfoOption *at = options; at != NULL && at->keyword != NULL; at++)
		if (strcmp(at->keyword, keyword) == 0 && at->val != NULL)
			text_copy(to, room, at->val);
	PQconninfoFree(options);
}

static bool
take_number(const char **at, const char *end, uint32_t *number)
{
	char digits[16];
	struct text text = TEXT(digits);
	uint64_t value = 0;
	size_t length = strcspn(*at, end);

	text_add_bytes(&text, *at, length);
	if (text.cut || !text_to_u64(digits, &value) || value > UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	*at += length;
	return true;
}

bool
observe_parse_name(const char *name, pgaf_node_id *node, uint32_t *admission)
{
	static const char prefix[] = "pgaf_";
	static const char join[] = "pgaf_join_";
	const char *at = name;

	if (strncmp(name, join, sizeof(join) - 1) == 0) {
		at += sizeof(join) - 1;
		*admission = 0;
		return take_number(&at, "", node) && *at == '\0';
	}
	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return false;
	at += sizeof(prefix) - 1;
	if (!take_number(&at, "_", node) || *at != '_')
		return false;
	at++;
	return take_number(&at, "", admission) && *at == '\0';
}

/* ---- members ---------------------------------------------------------------------- */

struct sender {
	char name[64];
	char state[24];
	char flush[24];
	char replay[24];
	unsigned pid;
};

/* The node may have an old walsender that has not noticed its end: the one that streams counts. */
static void
add_member(struct observation *seen, const struct member_view *view)
{
	for (uint32_t i = 0; i < seen->member_count; i++) {
		struct member_view *known = &seen->members[i];

		if (known->node != view->node)
			continue;
		if (view->streaming && (!known->streaming || view->flush > known->flush))
			*known = *view;
		return;
	}
	if (seen->member_count < PGAF_NODES_MAX)
		seen->members[seen->member_count++] = *view;
}

static void
read_member(const char *entry, struct observation *seen, struct observe_pids *pids)
{
	struct sender sender = {0};
	struct member_view view = {0};

	if (sscanf(entry, "%63[^,],%23[^,],%23[^,],%23[^,],%u", sender.name, sender.state,
	           sender.flush, sender.replay, &sender.pid) != 5)
		return;
	if (!observe_parse_name(sender.name, &view.node, &view.admission))
		return;
	view.streaming = strcmp(sender.state, "streaming") == 0;
	lsn_parse(sender.flush, &view.flush);
	lsn_parse(sender.replay, &view.replay);
	add_member(seen, &view);
	if (view.flush > seen->lsn)
		pids->liar = (long)sender.pid;
}

static void
read_members(const char *list, struct observation *seen, struct observe_pids *pids)
{
	while (*list != '\0') {
		size_t length = strcspn(list, ";");
		char entry[256];
		struct text text = TEXT(entry);

		text_add_bytes(&text, list, length);
		read_member(entry, seen, pids);
		list += length + (list[length] == ';');
	}
}

/* ---- the row ---------------------------------------------------------------------- */

static bool
limits_are_lower(const char *list, const struct control *control)
{
	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		uint32_t own = 0;

		if (!take_number(&list, ",", &own))
			return false;
		list += *list == ',';
		if (own < control->limits[i])
			return true;
	}
	return false;
}

static uint32_t
read_vetoes(const PGresult *rows, const struct control *control, bool recovery)
{
	uint32_t vetoes = 0;

	if (is_true(rows, COLUMN_UNSAFE))
		vetoes |= VETO_BIT(UNSAFE_SETTINGS);
	if (is_true(rows, COLUMN_TARGET))
		vetoes |= VETO_BIT(RECOVERY_TARGET);
	if (is_true(rows, COLUMN_DELAY))
		vetoes |= VETO_BIT(APPLY_DELAY);
	if (!is_true(rows, COLUMN_HINTS))
		vetoes |= VETO_BIT(NOT_REWINDABLE);
	if (is_true(rows, COLUMN_PAUSED))
		vetoes |= VETO_BIT(RECOVERY_PAUSED);
	if (recovery && limits_are_lower(get(rows, COLUMN_LIMITS), control))
		vetoes |= VETO_BIT(PARAMETERS);
	return vetoes;
}

static void
read_standby(const PGresult *rows, struct observation *seen)
{
	char configured[64];
	char used[64];
	pgaf_lsn receive = get_lsn(rows, COLUMN_LSN);
	const char *waits = get(rows, COLUMN_STARTUP);

	seen->replay = get_lsn(rows, COLUMN_REPLAY);
	seen->lsn = receive > seen->replay ? receive : seen->replay;
	seen->lsn_complete = receive != 0 || strcmp(waits, "RecoveryWalStream") == 0 ||
	                     strcmp(waits, "RecoveryRetrieveRetryInterval") == 0;
	if (!seen->lsn_complete)
		seen->vetoes |= VETO_BIT(LSN_UNKNOWN);
	seen->replay_lag_ms = get_milliseconds(rows, COLUMN_LAG);
	seen->walreceiver = get(rows, COLUMN_RECEIVER_PID)[0] != '\0';
	seen->upstream_lsn = get_lsn(rows, COLUMN_RECEIVER_END);
	/* A receiver that still runs with an older conninfo does not stream as we want it to. */
	observe_conninfo_value(get(rows, COLUMN_CONNINFO), "application_name", configured,
	                       sizeof(configured));
	observe_conninfo_value(get(rows, COLUMN_RECEIVER_INFO), "application_name", used,
	                       sizeof(used));
	seen->streaming = strcmp(get(rows, COLUMN_RECEIVER_STATUS), "streaming") == 0 &&
	                  strcmp(configured, used) == 0;
	pgaf_node_id self = 0;
	observe_parse_name(configured, &self, &seen->admission);
}

static void
read_primary(const PGresult *rows, struct observation *seen, struct observe_pids *pids)
{
	unsigned timeline = 0;

	seen->lsn = get_lsn(rows, COLUMN_LSN);
	seen->replay = seen->lsn;
	seen->lsn_complete = true;
	if (sscanf(get(rows, COLUMN_WAL_FILE), "%8X", &timeline) == 1)
		seen->timeline = timeline;
	seen->waiters = (uint32_t)get_number(rows, COLUMN_WAITERS);
	read_members(get(rows, COLUMN_MEMBERS), seen, pids);
}

void
observe_read(const PGresult *rows, const struct control *control, struct observation *seen,
             struct observe_pids *pids)
{
	bool recovery = is_true(rows, COLUMN_RECOVERY);

	*pids = (struct observe_pids){0};
	seen->pg = recovery ? PG_STANDBY : PG_PRIMARY;
	seen->consistent = true;
	seen->vetoes |= read_vetoes(rows, control, recovery);
	seen->upstream = (pgaf_node_id)get_number(rows, COLUMN_UPSTREAM);
	seen->server_start = get_number(rows, COLUMN_START);
	seen->closed = is_true(rows, COLUMN_CLOSED);
	seen->slot_lost = (pgaf_node_id)get_number(rows, COLUMN_LOST);
	seen->slot_retained = get_number(rows, COLUMN_RETAINED);
	text_copy(seen->sync_names, sizeof(seen->sync_names), get(rows, COLUMN_NAMES));
	pids->receiver = (long)get_number(rows, COLUMN_RECEIVER_PID);
	if (recovery)
		read_standby(rows, seen);
	else
		read_primary(rows, seen, pids);
}
