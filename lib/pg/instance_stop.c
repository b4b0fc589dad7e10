/* SPDX-License-Identifier: PostgreSQL */
/*
 * Stopping: fast, then immediate, then SIGKILL, and never reported before no
 * process of the data directory is left (PROTOCOL 18): a backend may outlive
 * its postmaster and commit.
 */

#include <signal.h>

#include "pg/instance_parts.h"

#define LEFTOVERS_MAX 256
#define QUIT_PATIENCE PGAF_MSEC(500)
#define REAP_PATIENCE PGAF_SECONDS(30)
#define HAND_OVER_BASE PGAF_MSEC(300)

/* ---- what a dead postmaster leaves ------------------------------------------------ */

static void reap_look(struct instance *in);

static void
free_leftover(struct instance *in)
{
	loop_process_free(in->task.leftover);
	in->task.leftover = NULL;
}

static void
leftover_ended(void *ctx, int status)
{
	struct instance *in = ctx;

	(void)status;
	task_quiet(in);
	free_leftover(in);
	reap_look(in);
}

static void
leftover_late(struct instance *in)
{
	free_leftover(in);
	reap_look(in);
}

static void
reap_signal(struct instance *in, const pid_t *pids, size_t count)
{
	int signal = task_age(in) < QUIT_PATIENCE ? SIGQUIT : SIGKILL;

	if (signal == SIGQUIT && in->task.attempts++ > 0)
		return;
	for (size_t i = 0; i < count; i++)
		kill(pids[i], signal);
}

static void
reap_look(struct instance *in)
{
	pid_t pids[LEFTOVERS_MAX];
	size_t count = process_list(in->pgdata, pids, LEFTOVERS_MAX);

	if (count == 0) {
		in->exited = false;
		in->task.reap_then(in);
		return;
	}
	if (task_age(in) > REAP_PATIENCE) {
		task_end(in, STEP_FAILED, "process %ld of the old server does not end",
		         (long)pids[0]);
		return;
	}
	reap_signal(in, pids, count);
	in->task.leftover = loop_process_watch(in->loop, pids[0], leftover_ended, in);
	task_after(in, in->task.leftover == NULL ? 0 : QUIT_PATIENCE, leftover_late);
}

void
stop_reap(struct instance *in, task_then then)
{
	in->task.reap_then = then;
	in->task.attempts = 0;
	task_stage(in);
	reap_look(in);
}

/* ---- stop ------------------------------------------------------------------------- */

static void
postmaster_ended(struct instance *in)
{
	task_quiet(in);
	stop_reap(in, in->task.stop_then);
}

static void
kill_now(struct instance *in)
{
	attach_signal(in, SIGKILL);
}

static void
quit_now(struct instance *in)
{
	in->task.late = true;
	attach_signal(in, SIGQUIT);
	task_after(in, in->task.order.settings.immediate_stop_limit, kill_now);
}

static pgaf_time
stop_limit(const struct instance *in)
{
	pgaf_time limit = in->task.order.settings.fast_stop_limit;
	pgaf_time budget = in->task.order.stop_budget;

	return budget > 0 && budget < limit ? budget : limit;
}

static void
stop_within(struct instance *in, int first_signal, pgaf_time limit, task_then then)
{
	in->task.stop_then = then;
	in->task.late = false;
	in->stopping = true;
	if (!attach_look(in)) {
		postmaster_ended(in);
		return;
	}
	in->task.ended_then = postmaster_ended;
	in->signalled = true;
	task_stage(in);
	/* Our own sessions would only be told to go. */
	task_close_session(in);
	if (first_signal == SIGQUIT) {
		quit_now(in);
		return;
	}
	attach_signal(in, first_signal);
	task_after(in, limit, quit_now);
}

void
stop_server(struct instance *in, int first_signal, task_then then)
{
	stop_within(in, first_signal, stop_limit(in), then);
}

void
stop_read_control(struct instance *in)
{
	struct control control;
	struct step_result *result = &in->task.result;

	if (control_read(in->pgdata, &control, NULL) < 0)
		return;
	result->clean = control_is_clean(&control);
	result->timeline = control.timeline;
	result->lsn = control_end_of_wal(in->pgdata, &control);
	/* Not the end then, but the least that is held. */
	if (result->lsn == 0)
		result->lsn = control.min_recovery > control.checkpoint ? control.min_recovery
		                                                        : control.checkpoint;
}

static void
stopped(struct instance *in)
{
	stop_read_control(in);
	task_done(in);
}

void
stop_fast(struct instance *in)
{
	stop_server(in, SIGINT, stopped);
}

void
stop_immediate(struct instance *in)
{
	stop_server(in, SIGQUIT, stopped);
}

void
stop_reap_only(struct instance *in)
{
	/* A postmaster that lives is not what this step is for. */
	if (attach_look(in))
		task_end(in, STEP_FAILED, "the postmaster %ld lives", (long)in->postmaster);
	else
		stop_reap(in, stopped);
}

/* ---- hand over (PROTOCOL 43) ------------------------------------------------------ */

static pgaf_time
hand_over_budget(const struct instance *in)
{
	const struct step_order *order = &in->task.order;

	if (order->stop_budget > 0)
		return order->stop_budget;
	return order->goal.budget > 0 ? order->goal.budget : order->settings.handover_limit;
}

static void
hand_over_stop(struct instance *in, const PGresult *rows)
{
	pgaf_time left = in->task.began + hand_over_budget(in) - loop_now(in->loop);
	pgaf_time limit = HAND_OVER_BASE + 2 * (pgaf_time)in->task.lsn;

	(void)rows;
	if (limit > left)
		limit = left > PGAF_MSEC(50) ? left : PGAF_MSEC(50);
	stop_within(in, SIGINT, limit, stopped);
}

/* A standby that hangs would hold up the stop; the successor must get the last record. */
static void
hand_over_cut(struct instance *in, const PGresult *rows)
{
	char sql[600];
	struct text text = TEXT(sql);
	pgaf_node_id target = in->task.order.upstream.id != 0 ? in->task.order.upstream.id
	                                                      : in->task.order.goal.upstream;

	(void)rows;
	in->task.lsn = (pgaf_lsn)task_age(in); /* of the second checkpoint */
	text_add(&text, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
	                " WHERE pid <> pg_backend_pid() AND (backend_type = 'client backend'");
	if (target == 0)
		text_add(&text, " OR backend_type = 'walsender' AND pid IN (SELECT pid FROM"
		                " pg_stat_replication WHERE application_name !~"
		                " '^pgaf_[0-9]+_[0-9]+$')");
	else
		text_addf(&text,
		          " OR backend_type = 'walsender' AND pid IN (SELECT pid FROM"
		          " pg_stat_replication WHERE application_name !~ '^pgaf_%u_[0-9]+$')",
		          (unsigned)target);
	text_add(&text, ")");
	task_sql(in, sql, hand_over_stop);
}

static void
hand_over_checkpoint(struct instance *in, task_rows then)
{
	task_stage(in);
	in->task.rows_then = then;
	task_try(in, "CHECKPOINT", hand_over_budget(in), task_rows_or_fail);
}

static void
hand_over_again(struct instance *in, const PGresult *rows)
{
	(void)rows;
	/* There is little left to write now, so the one of the stop will be short. */
	hand_over_checkpoint(in, hand_over_cut);
}

void
hand_over_start(struct instance *in)
{
	if (attach_look(in))
		hand_over_checkpoint(in, hand_over_again);
	else
		stop_reap(in, stopped);
}

/* ---- clients ---------------------------------------------------------------------- */

static void
clients_cut(struct instance *in, const PGresult *rows)
{
	(void)rows;
	task_done(in);
}

void
cut_clients_start(struct instance *in)
{
	if (!attach_look(in))
		task_done(in);
	else
		task_sql(in,
		         "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
		         " WHERE backend_type = 'client backend'",
		         clients_cut);
}

/* ---- fence (PROTOCOL 26) ---------------------------------------------------------- */

static void
fence_restart(struct instance *in)
{
	start_server(in, false, task_done);
}

static void
fence_configure(struct instance *in)
{
	in->conf.upstream = 0;
	in->conf.admission = 0;
	in->conf.conninfo[0] = '\0';
	conf_save(in, fence_restart);
}

static void
fence_stop(struct instance *in)
{
	stop_server(in, SIGINT, fence_configure);
}

static void
fence_role(struct instance *in, const PGresult *rows, const struct pgaf_error *error)
{
	if (error == NULL && PQgetvalue(rows, 0, 0)[0] == 't')
		task_done(in);
	else
		/* First the file: whatever starts it from here on starts a standby. */
		start_signal_file(in, true, fence_stop);
}

void
fence_start(struct instance *in)
{
	if (attach_look(in))
		task_try(in,
		         "SELECT pg_is_in_recovery() AND current_setting('primary_conninfo') = ''",
		         PGAF_SECONDS(1), fence_role);
	else
		start_signal_file(in, true, fence_stop);
}
