/* SPDX-License-Identifier: PostgreSQL */
/*
 * Promotion (PROTOCOL b.3 to b.6). The claim has been granted; here the last
 * checks are made on what the server says now, the names of the coming set are
 * written, the timeline's number is forced, and the trigger is sent with a
 * deadline that the server itself looks at. A promotion can sleep over its
 * signal, so it is kicked.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pure/lsn.h"
#include "pg/disk.h"
#include "pg/history.h"
#include "pg/instance_history.h"

#define POLL_EVERY PGAF_MSEC(1)
#define PLACEHOLDER "# pgaf: this timeline number was given away and is not used\n"
#define PLACEHOLDERS_MAX 1000

/* What makes recovery end in a FATAL, or in the wrong place. */
#define BARRED                                                                          \
	(VETO_BIT(RECOVERY_PAUSED) | VETO_BIT(PARAMETERS) | VETO_BIT(RECOVERY_TARGET) | \
	 VETO_BIT(DISK_FULL) | VETO_BIT(UNSAFE_SETTINGS))

/* ---- after the fact --------------------------------------------------------------- */

static pgaf_lsn
read_fork(const struct instance *in, uint32_t timeline)
{
	char path[INSTANCE_PATH_MAX + 64];
	struct text text = TEXT(path);
	struct history history;
	pgaf_lsn fork = 0;

	text_addf(&text, "%s/pg_wal/%08X.history", in->pgdata, (unsigned)timeline);
	char *content = disk_read(path, (size_t)1 << 20, NULL);
	if (content != NULL && history_parse(content, timeline, &history) && history.count > 1)
		fork = history.entries[history.count - 2].end;
	free(content);
	return fork;
}

static void
wrong_stopped(struct instance *in)
{
	task_end(in, STEP_WRONG_TIMELINE, "Postgres chose timeline %u instead of %u",
	         (unsigned)in->task.result.timeline, (unsigned)in->task.order.goal.timeline);
}

static void
wrong_signalled(struct instance *in)
{
	stop_server(in, SIGQUIT, wrong_stopped);
}

static void
promoted(struct instance *in, const char *wal_file)
{
	char digits[9];
	struct text text = TEXT(digits);

	text_add_bytes(&text, wal_file, strnlen(wal_file, 8));
	uint32_t timeline = (uint32_t)strtoul(digits, NULL, 16);
	in->task.result.timeline = timeline;
	if (timeline != in->task.order.goal.timeline) {
		start_signal_file(in, true, wrong_signalled);
		return;
	}
	in->task.result.lsn = read_fork(in, timeline);
	in->conf.upstream = 0;
	in->conf.admission = 0;
	in->conf.conninfo[0] = '\0';
	observe_start(in);
	task_done(in);
}

/* ---- the trigger, and the wait ---------------------------------------------------- */

static void promote_look(struct instance *in);

/* At 10, 30, 100 ms, then each 100: SIGHUP sets the latch that was missed (PROTOCOL 39). */
static void
kick(struct instance *in)
{
	static const pgaf_time first[] = {PGAF_MSEC(10), PGAF_MSEC(30), PGAF_MSEC(100)};
	pgaf_time next =
		in->task.kicks < 3 ? first[in->task.kicks] : PGAF_MSEC(100) * (in->task.kicks - 1);

	if (task_age(in) < next)
		return;
	in->task.kicks++;
	attach_signal(in, SIGHUP);
}

static void
promote_seen(struct instance *in, const PGresult *rows)
{
	if (PQgetvalue(rows, 0, 0)[0] == 'f') {
		promoted(in, PQgetvalue(rows, 0, 1));
		return;
	}
	kick(in);
	task_after(in, POLL_EVERY, promote_look);
}

static void
promote_look(struct instance *in)
{
	task_sql(in,
	         "SELECT r, CASE WHEN NOT r THEN pg_walfile_name(pg_current_wal_insert_lsn()) END"
	         " FROM (SELECT pg_is_in_recovery() AS r OFFSET 0) x",
	         promote_seen);
}

static void
promote_sent(struct instance *in, const PGresult *rows)
{
	if (PQntuples(rows) == 0) {
		task_end(in, STEP_LOST, "the deadline of the claim passed");
		return;
	}
	task_stage(in);
	in->task.kicks = 0;
	promote_look(in);
}

/* Wall clock only to refuse: the statement does nothing once the claim is too old (3b). */
static void
promote_send(struct instance *in)
{
	pgaf_time left = in->task.order.deadline == PGAF_NEVER || in->task.order.deadline == 0
	                         ? PGAF_SECONDS(1)
	                         : in->task.order.deadline - loop_now(in->loop);
	struct timespec now;
	struct text sql = TEXT(in->task.text);

	if (left <= 0) {
		task_end(in, STEP_LOST, "the deadline of the claim passed");
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	long long micros = (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000 + left / 1000;
	text_addf(&sql,
	          "SELECT pg_promote(false) WHERE clock_timestamp() <"
	          " to_timestamp(%lld / 1000000.0)",
	          micros);
	task_sql(in, in->task.text, promote_sent);
}

static void
sessions_ended(struct instance *in, const PGresult *rows)
{
	(void)rows;
	promote_send(in);
}

/* A query may hold up replay; it ends now (PROTOCOL 40). */
static void
promote_clear(struct instance *in)
{
	if (in->task.late)
		task_sql(in,
		         "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
		         " WHERE backend_type = 'client backend'",
		         sessions_ended);
	else
		promote_send(in);
}

/* ---- the timeline's number (2b) --------------------------------------------------- */

struct placeholder_job {
	char wal[INSTANCE_PATH_MAX + 16];
	uint32_t first;
	uint32_t count;
};

static int
placeholder_work(void *arg, const atomic_bool *stop, struct pgaf_error *error)
{
	const struct placeholder_job *job = arg;
	int code = 0;

	(void)stop;
	for (uint32_t i = 0; code == 0 && i < job->count; i++) {
		char path[INSTANCE_PATH_MAX + 64];
		struct text text = TEXT(path);

		text_addf(&text, "%s/%08X.history", job->wal, (unsigned)(job->first + i));
		if (!disk_exists(path))
			code = disk_write(path, PLACEHOLDER, 0600, error);
	}
	return code;
}

static void
promote_number(struct instance *in)
{
	uint32_t timeline = in->task.number;
	uint32_t wanted = in->task.order.goal.timeline;

	if (wanted <= timeline || wanted - timeline - 1 > PLACEHOLDERS_MAX) {
		task_end(in, STEP_REFUSED, "timeline %u cannot follow timeline %u",
		         (unsigned)wanted, (unsigned)timeline);
		return;
	}
	if (wanted == timeline + 1) {
		promote_clear(in);
		return;
	}
	struct placeholder_job *job = calloc(1, sizeof(*job));
	if (job != NULL) {
		struct text wal = TEXT(job->wal);
		text_addf(&wal, "%s/pg_wal", in->pgdata);
		job->first = timeline + 1;
		job->count = wanted - timeline - 1;
	}
	task_job(in, placeholder_work, job, promote_clear);
}

/* ---- checks ----------------------------------------------------------------------- */

/* What it will run as primary is there before it is one (PROTOCOL 14). */
static void
promote_names(struct instance *in)
{
	char names[512] = "";
	struct text text = TEXT(names);

	sync_set_names(&in->task.order.goal.set, &text);
	if (strcmp(in->conf.sync_names, names) == 0) {
		promote_number(in);
		return;
	}
	text_copy(in->conf.sync_names, sizeof(in->conf.sync_names), names);
	conf_save(in, promote_number);
}

static void
promote_held(struct instance *in, const PGresult *rows)
{
	const struct goal *goal = &in->task.order.goal;
	pgaf_lsn held = 0;
	char text[LSN_TEXT_MAX];
	char wanted[LSN_TEXT_MAX];

	lsn_parse(PQgetvalue(rows, 0, 1), &held);
	in->task.late = PQgetvalue(rows, 0, 3)[0] == 't';
	if (PQgetvalue(rows, 0, 2)[0] != 't')
		promote_look(in); /* it is done already, or something is very wrong */
	else if (PQgetvalue(rows, 0, 0)[0] != 't')
		task_end(in, STEP_FAILED, "its end of WAL is not known yet");
	else if (held < goal->min_lsn)
		task_end(in, STEP_REFUSED, "it holds %s, and %s is needed", lsn_format(held, text),
		         lsn_format(goal->min_lsn, wanted));
	else
		promote_names(in);
}

static void
promote_identified(struct instance *in, const PGresult *rows)
{
	uint64_t system = 0;
	uint64_t timeline = 0;
	uint64_t wanted = in->task.order.system_identifier;

	if (!text_to_u64(PQgetvalue(rows, 0, 0), &system) ||
	    !text_to_u64(PQgetvalue(rows, 0, 1), &timeline)) {
		task_end(in, STEP_FAILED, "the server does not say who it is");
		return;
	}
	if (wanted != 0 && system != wanted) {
		task_end(in, STEP_REFUSED, "it is another cluster");
		return;
	}
	in->task.number = (uint32_t)timeline;
	task_sql(in, HELD_SQL, promote_held);
}

void
promote_start(struct instance *in)
{
	const struct observation *seen = &in->observer.seen;

	if (!attach_look(in)) {
		task_end(in, STEP_FAILED, "Postgres does not run");
		return;
	}
	for (uint32_t veto = 0; in->observer.any && veto < VETO_COUNT; veto++)
		if ((seen->vetoes & BARRED & (UINT32_C(1) << veto)) != 0) {
			task_end(in, STEP_REFUSED, "%s", veto_doc((enum veto)veto));
			return;
		}
	task_sql(in, "IDENTIFY_SYSTEM", promote_identified);
}

/* ---- after opening ---------------------------------------------------------------- */

static void
settle_checkpointed(struct instance *in, const PGresult *rows)
{
	(void)rows;
	observe_start(in);
	slots_sync(in, task_done);
}

static void
settle_saved(struct instance *in)
{
	task_sql(in, "CHECKPOINT", settle_checkpointed);
}

static void
settle_switched(struct instance *in, const PGresult *rows)
{
	(void)rows;
	/* A primary follows nobody: what it followed is no longer in its file either. */
	conf_save(in, settle_saved);
}

void
settle_start(struct instance *in)
{
	if (!attach_look(in))
		task_end(in, STEP_FAILED, "Postgres does not run");
	else
		task_sql(in, "SELECT pg_switch_wal()", settle_switched);
}
