/* SPDX-License-Identifier: PostgreSQL */
/*
 * Changing the synchronous set and proving that it is in force (PROTOCOL
 * a.2, a.3). What the file or a session says proves nothing: the flag that
 * makes commits wait is set by the checkpointer, and each walsender releases
 * waiters by its own copy of the names. So from '' a commit must be seen
 * waiting under the fence, and every walsender that may hold the old names
 * must be gone or beyond a commit that came after the change.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/lsn.h"
#include "pg/instance_parts.h"

#define NAMES_EVERY PGAF_MSEC(2)
#define FENCE_EVERY PGAF_MSEC(3)
#define SENDERS_EVERY PGAF_MSEC(3)
#define BARRIER_EVERY PGAF_MSEC(20)
#define FENCE_LIMIT PGAF_SECONDS(30)
#define NAMES_LIMIT PGAF_SECONDS(30)
#define STRAGGLER_AFTER PGAF_SECONDS(1)
#define BARRIER_SQL "SELECT pg_logical_emit_message(true, 'pgaf', 'barrier')"

/* ---- (i) a new session shows the names -------------------------------------------- */

static void names_ask(struct instance *in);

static void
names_answered(void *ctx, const PGresult *rows, const struct pgaf_error *error)
{
	struct instance *in = ctx;

	if (error == NULL && strcmp(PQgetvalue(rows, 0, 0), in->task.wanted) == 0) {
		conn_free(in->task.fresh);
		in->task.fresh = NULL;
		in->task.names_then(in);
	} else if (task_age(in) > NAMES_LIMIT) {
		task_end(in, STEP_FAILED, "synchronous_standby_names is not %s in new sessions",
		         in->task.wanted);
	} else {
		conn_close(in->task.fresh);
		task_after(in, NAMES_EVERY, names_ask);
	}
}

static void
names_opened(void *ctx)
{
	struct instance *in = ctx;

	conn_query(in->task.fresh, "SELECT current_setting('synchronous_standby_names')",
	           PGAF_SECONDS(5), names_answered, in);
}

static void
names_lost(void *ctx, enum conn_failure failure, const struct pgaf_error *error)
{
	struct instance *in = ctx;

	(void)failure;
	if (task_age(in) > NAMES_LIMIT)
		task_end(in, STEP_FAILED, "%s", error->text);
	else
		task_after(in, NAMES_EVERY, names_ask);
}

static void
names_ask(struct instance *in)
{
	static const struct conn_callbacks callbacks = {.opened = names_opened, .lost = names_lost};

	if (in->task.fresh == NULL)
		in->task.fresh = instance_session(in, NULL, &callbacks);
	if (in->task.fresh == NULL)
		task_end(in, STEP_FAILED, "out of memory");
	else
		conn_open(in->task.fresh);
}

void
names_seen(struct instance *in, task_then then)
{
	in->task.names_then = then;
	task_stage(in);
	names_ask(in);
}

static void
names_saved(struct instance *in)
{
	names_seen(in, in->task.swap_then);
}

/* Durably, then the reload, then (i). */
static void
names_set(struct instance *in, const char *names, task_then then)
{
	in->task.swap_then = then;
	text_copy(in->task.wanted, sizeof(in->task.wanted), names);
	text_copy(in->conf.sync_names, sizeof(in->conf.sync_names), names);
	conf_save(in, names_saved);
}

/* ---- a standby's, for the day of its promotion ------------------------------------ */

/* Names that it has are as strict as the fence, and may be of a set that it will go on with. */
void
rest_start(struct instance *in)
{
	char names[sizeof(in->conf.sync_names)];

	text_copy(names, sizeof(names), in->conf.sync_names);
	if (in->task.order.settings.number_sync == 0)
		names[0] = '\0';
	else if (names[0] == '\0')
		text_copy(names, sizeof(names), FENCE_NAMES);
	names_set(in, names, task_done);
}

/* ---- a commit of our own that waits ----------------------------------------------- */

static void
barrier_answered(void *ctx, const PGresult *rows, const struct pgaf_error *error)
{
	struct instance *in = ctx;

	(void)rows;
	in->task.barrier_pending = false;
	in->task.barrier_done = error == NULL;
	in->task.barrier_then(in);
}

static void
barrier_opened(void *ctx)
{
	struct instance *in = ctx;

	in->task.pid = PQbackendPID(conn_pg(in->task.barrier));
	conn_query(in->task.barrier, BARRIER_SQL, 0, barrier_answered, in);
}

static void
barrier_lost(void *ctx, enum conn_failure failure, const struct pgaf_error *error)
{
	struct instance *in = ctx;

	(void)failure;
	(void)error;
	in->task.barrier_pending = false;
	in->task.barrier_done = false;
	in->task.barrier_then(in);
}

static void
barrier_send(struct instance *in, task_then then)
{
	static const struct conn_callbacks callbacks = {.opened = barrier_opened,
	                                                .lost = barrier_lost};

	in->task.barrier_then = then;
	if (in->task.barrier == NULL)
		in->task.barrier = instance_session(in, "on", &callbacks);
	if (in->task.barrier == NULL)
		return;
	in->task.barrier_pending = true;
	in->task.barrier_done = false;
	if (conn_is_open(in->task.barrier))
		barrier_opened(in);
	else
		conn_open(in->task.barrier);
}

/* ---- (v) enough members are beyond X ---------------------------------------------- */

static void senders_look(struct instance *in);

static void
add_member_names(const struct sync_set *set, struct text *to)
{
	for (uint32_t i = 0; i < set->count; i++)
		text_addf(to, "%s'pgaf_%u_%u'", i == 0 ? "" : ", ", (unsigned)set->members[i].node,
		          (unsigned)set->members[i].admission);
	if (set->count == 0)
		text_add(to, "'pgaf_fence'");
}

static void
settled(struct instance *in)
{
	in->task.result.lsn = in->task.lsn;
	observe_start(in);
	task_done(in);
}

/* An old walsender that does not move may be stuck; a new one reads the new names. */
static void
signal_straggler(struct walsender *sender)
{
	if (!sender->signalled)
		kill(sender->pid, SIGTERM);
	sender->signalled = true;
}

static uint32_t
senders_left(struct instance *in, const char *list)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < in->task.sender_count; i++) {
		struct walsender *sender = &in->task.senders[i];
		char entry[32];
		struct text text = TEXT(entry);

		text_addf(&text, ",%ld,", (long)sender->pid);
		if (!sender->passed && strstr(list, entry) == NULL)
			sender->passed = true;
		if (sender->passed)
			continue;
		left++;
		if (task_age(in) > STRAGGLER_AFTER)
			signal_straggler(sender);
	}
	return left;
}

static void
senders_seen(struct instance *in, const PGresult *rows)
{
	uint64_t beyond = 0;
	uint32_t left = senders_left(in, PQgetvalue(rows, 0, 0));

	text_to_u64(PQgetvalue(rows, 0, 1), &beyond);
	/* More than there are: nothing is acknowledged, and nobody can be beyond X. */
	bool hopeless = in->task.order.goal.set.required > in->task.order.goal.set.count;
	if (left == 0 && (hopeless || beyond >= in->task.order.goal.set.required))
		settled(in);
	else
		task_after(in, SENDERS_EVERY, senders_look);
}

/* The list holds the old names' possible users: streaming ones that are not beyond X. */
static void
senders_ask(struct instance *in, const PGresult *rows)
{
	struct text sql = TEXT(in->task.text);
	char x[LSN_TEXT_MAX];

	(void)rows;
	lsn_format(in->task.lsn, x);
	text_addf(&sql,
	          "SELECT (SELECT ',' || coalesce(string_agg(pid::text, ',,'), '') || ',' FROM"
	          " pg_stat_replication WHERE state IN ('catchup', 'streaming', 'stopping') AND"
	          " (flush_lsn IS NULL OR flush_lsn < '%s')), (SELECT count(DISTINCT"
	          " application_name) FROM pg_stat_replication WHERE state = 'streaming' AND"
	          " flush_lsn >= '%s' AND flush_lsn <= pg_current_wal_flush_lsn() AND"
	          " application_name IN (",
	          x, x);
	add_member_names(&in->task.order.goal.set, &sql);
	text_add(&sql, "))");
	task_sql(in, in->task.text, senders_seen);
}

static void
senders_look(struct instance *in)
{
	/* New WAL makes standbys reply, which releases those who waited under the fence. */
	if (task_age(in) - in->task.kicked > BARRIER_EVERY) {
		in->task.kicked = task_age(in);
		task_sql(in, BARRIER_SQL, senders_ask);
	} else {
		senders_ask(in, NULL);
	}
}

/* ---- (iii), (iv) X, and who was there before it ----------------------------------- */

static void
x_read(struct instance *in, const PGresult *rows)
{
	unsigned timeline = 0;
	uint64_t pid = 0;

	lsn_parse(PQgetvalue(rows, 0, 0), &in->task.lsn);
	timeline = (unsigned)strtoul(PQgetvalue(rows, 0, 1), NULL, 16);
	in->task.result.timeline = timeline;
	text_to_u64(PQgetvalue(rows, 0, 2), &in->task.result.server_start);
	for (const char *at = PQgetvalue(rows, 0, 3); *at != '\0';) {
		char digits[16];
		struct text text = TEXT(digits);
		size_t length = strcspn(at, ",");

		text_add_bytes(&text, at, length);
		if (in->task.sender_count == WALSENDERS_MAX) {
			task_end(in, STEP_FAILED, "too many walsenders");
			return;
		}
		if (text_to_u64(digits, &pid) && pid < INT_MAX)
			in->task.senders[in->task.sender_count++].pid = (pid_t)pid;
		at += length + (at[length] == ',');
	}
	task_stage(in);
	in->task.kicked = 0;
	if (in->task.order.goal.set.required == 0)
		settled(in);
	else
		senders_look(in);
}

static void
x_ask(struct instance *in, const PGresult *rows)
{
	(void)rows;
	task_sql(in,
	         "SELECT pg_current_wal_flush_lsn(), substr(pg_walfile_name("
	         "pg_current_wal_insert_lsn()), 1, 8), (extract(epoch FROM"
	         " pg_postmaster_start_time()) * 1000000)::bigint, (SELECT string_agg(pid::text,"
	         " ',') FROM pg_stat_replication WHERE state IN ('catchup', 'streaming',"
	         " 'stopping'))",
	         x_read);
}

/* Committed locally and flushed; whoever was listed before it has to pass it. */
static void
names_in_force(struct instance *in)
{
	task_sql(in, BARRIER_SQL, x_ask);
}

/* ---- relaxing --------------------------------------------------------------------- */

static void
relax_returned(struct instance *in)
{
	if (!in->task.barrier_done)
		task_end(in, STEP_FAILED, "the session that commits was lost");
	else
		names_in_force(in);
}

/* Our own commit returns when the checkpointer has seen it (PROTOCOL 42): that is measured. */
static void
relax_seen(struct instance *in)
{
	barrier_send(in, relax_returned);
}

/* ---- (ii) the fence --------------------------------------------------------------- */

static void fence_look(struct instance *in);

static void
fence_returned(struct instance *in)
{
	/* Not waiting yet, or poisoned: the next one tells. Once seen, nobody cares. */
	(void)in;
}

static void
fence_proved(struct instance *in)
{
	char names[512];
	struct text text = TEXT(names);

	sync_set_names(&in->task.order.goal.set, &text);
	names_set(in, names, names_in_force);
}

static void
fence_seen_waiting(struct instance *in, const PGresult *rows)
{
	if (PQgetvalue(rows, 0, 0)[0] == 't' && in->task.barrier_pending) {
		fence_proved(in);
	} else if (task_age(in) > FENCE_LIMIT) {
		task_end(in, STEP_FAILED,
		         "commits do not wait under %s: the checkpointer is busy, or the released "
		         "position is wrong until Postgres is restarted",
		         FENCE_NAMES);
	} else {
		if (!in->task.barrier_pending)
			barrier_send(in, fence_returned);
		task_after(in, FENCE_EVERY, fence_look);
	}
}

static void
fence_look(struct instance *in)
{
	struct text sql = TEXT(in->task.text);

	text_addf(&sql,
	          "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %ld AND wait_event ="
	          " 'SyncRep')",
	          (long)in->task.pid);
	task_sql(in, in->task.text, fence_seen_waiting);
}

static void
fence_written(struct instance *in)
{
	task_stage(in);
	barrier_send(in, fence_returned);
	task_after(in, FENCE_EVERY, fence_look);
}

/* ---- the step --------------------------------------------------------------------- */

static void
sync_set_role(struct instance *in, const PGresult *rows)
{
	const struct sync_set *set = &in->task.order.goal.set;
	char names[512] = "";
	struct text text = TEXT(names);
	uint64_t start = 0;

	text_to_u64(PQgetvalue(rows, 0, 1), &start);
	sync_set_names(set, &text);
	if (PQgetvalue(rows, 0, 0)[0] == 't')
		task_end(in, STEP_REFUSED, "a standby applies no set");
	else if (set->required > 0 && in->observer.poisoned == start)
		task_end(in, STEP_FAILED,
		         "nothing is proved before Postgres is restarted: a "
		         "standby claimed more than was written");
	else if (set->required == 0)
		names_set(in, "", relax_seen);
	else if (in->task.order.from_async)
		names_set(in, FENCE_NAMES, fence_written);
	else
		names_set(in, names, names_in_force);
}

void
sync_set_start(struct instance *in)
{
	if (!attach_look(in))
		task_end(in, STEP_FAILED, "Postgres does not run");
	else
		task_sql(in,
		         "SELECT pg_is_in_recovery(), (extract(epoch FROM"
		         " pg_postmaster_start_time()) * 1000000)::bigint",
		         sync_set_role);
}
