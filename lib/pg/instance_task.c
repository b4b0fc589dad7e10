/* SPDX-License-Identifier: PostgreSQL */
/*
 * What a step may ask for. At most one thing is under way for it at any time;
 * cancelling ends that thing: a statement by closing its session, a program
 * with its whole group of processes, a job by its flag. The next order waits
 * until a program or a job is really gone, since both write into directories.
 */

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/pure/error.h"
#include "pg/instance_parts.h"

static const task_then starters[STEP_COUNT] = {
	[STEP_INITDB] = create_initdb,
	[STEP_ADOPT] = adopt_start,
	[STEP_CONFIGURE] = configure_start,
	[STEP_START_PRIMARY] = start_primary,
	[STEP_OPEN] = open_start,
	[STEP_START_STANDBY] = start_standby,
	[STEP_STOP] = stop_fast,
	[STEP_STOP_IMMEDIATE] = stop_immediate,
	[STEP_REAP] = stop_reap_only,
	[STEP_HAND_OVER] = hand_over_start,
	[STEP_CUT_CLIENTS] = cut_clients_start,
	[STEP_ROLES] = roles_start,
	[STEP_SLOTS] = slots_start,
	[STEP_APPLY_SET] = sync_set_start,
	[STEP_DETACH] = detach_start,
	[STEP_FOLLOW] = follow_start,
	[STEP_REST] = rest_start,
	[STEP_PROVE_HISTORY] = history_start,
	[STEP_KEEP_WAL] = keep_wal_start,
	[STEP_REWIND] = rewind_start,
	[STEP_CLONE] = clone_start,
	[STEP_PROMOTE] = promote_start,
	[STEP_SETTLE] = settle_start,
	[STEP_FENCE] = fence_start,
	[STEP_KEEP_STANDBY] = keep_standby_start,
};

/* ---- begin and end ---------------------------------------------------------------- */

static void
task_begin(struct instance *in, const struct step_order *order)
{
	in->task = (struct task){
		.active = true,
		.serial = ++in->serial,
		.order = *order,
		.result = {.number = order->number, .step = order->step},
		.began = loop_now(in->loop),
		.mark = loop_now(in->loop),
	};
	in->settings = order->settings;
	if (order->self != 0)
		in->conf.self = order->self;
	if (order->step <= STEP_NONE || order->step >= STEP_COUNT ||
	    starters[order->step] == NULL) {
		task_end(in, STEP_REFUSED, "%s is no step of an instance", step_name(order->step));
		return;
	}
	starters[order->step](in);
}

static void
free_conn(struct conn **conn)
{
	if (*conn != NULL)
		conn_free(*conn);
	*conn = NULL;
}

/* Sessions, timers and names end at once; programs and jobs do not. */
static void
release(struct instance *in)
{
	struct task *task = &in->task;

	/* It waits for a standby, and would not notice that nobody waits for it. */
	if (task->barrier_pending && task->pid > 0)
		kill(task->pid, SIGTERM);
	loop_timer_free(task->timer);
	if (task->resolve != NULL)
		loop_resolve_cancel(task->resolve);
	if (task->leftover != NULL)
		loop_process_free(task->leftover);
	free_conn(&task->remote);
	free_conn(&task->fresh);
	free_conn(&task->barrier);
	free(task->sql);
	task->timer = NULL;
	task->resolve = NULL;
	task->leftover = NULL;
	task->sql = NULL;
}

static void
finish(struct instance *in)
{
	struct step_result result = in->task.result;

	result.ms = (uint32_t)((loop_now(in->loop) - in->task.began) / PGAF_MSEC(1));
	release(in);
	in->task.active = false;
	in->stopping = false;
	in->observer.changed_at = loop_now(in->loop);
	in->callbacks.step_done(in->ctx, &result);
}

void
task_done(struct instance *in)
{
	in->task.result.outcome = STEP_DONE;
	in->task.result.text[0] = '\0';
	finish(in);
}

void
task_end(struct instance *in, enum step_outcome outcome, const char *format, ...)
{
	char sentence[sizeof(in->task.result.text)] = "";
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	text_copy(in->task.result.text, sizeof(in->task.result.text), sentence);
	in->task.result.outcome = outcome;
	finish(in);
}

pgaf_time
task_age(const struct instance *in)
{
	return loop_now(in->loop) - in->task.mark;
}

void
task_stage(struct instance *in)
{
	in->task.mark = loop_now(in->loop);
}

/* ---- cancel ----------------------------------------------------------------------- */

static void
start_waiting(void *ctx)
{
	struct instance *in = ctx;

	if (!in->waiting || in->leaving > 0)
		return;
	in->waiting = false;
	struct step_order order = in->next;
	task_begin(in, &order);
}

void
task_order(struct instance *in, const struct step_order *order)
{
	task_cancel(in);
	in->next = *order;
	in->waiting = true;
	/* Later, so that no result comes before the call that asked for it has returned. */
	if (in->starter == NULL)
		in->starter = loop_timer_new(in->loop, start_waiting, in);
	if (in->starter != NULL)
		loop_timer_set(in->starter, loop_now(in->loop));
}

static void
cancelled_child_ended(void *ctx, int status, const char *output)
{
	struct instance *in = ctx;

	(void)status;
	(void)output;
	in->leaving--;
	start_waiting(in);
}

static void
child_ended(void *ctx, int status, const char *output)
{
	struct instance *in = ctx;

	in->task.child = NULL;
	if (in->task.child_then == NULL) {
		cancelled_child_ended(ctx, status, output);
		return;
	}
	task_output then = in->task.child_then;
	in->task.child_then = NULL;
	then(in, status, output);
}

static void
kill_child(const struct task *task)
{
	/* pg_basebackup has a process of its own that streams: the whole group ends. */
	kill(-loop_child_pid(task->child), SIGKILL);
}

void
task_cancel(struct instance *in)
{
	struct task *task = &in->task;

	in->waiting = false;
	if (!task->active)
		return;
	if (task->child != NULL) {
		kill_child(task);
		task->child_then = NULL;
		in->leaving++;
	}
	if (task->job != NULL) {
		atomic_store(&task->job->stop, true);
		task->job->serial = 0;
		in->leaving++;
	}
	if (task->sql_pending)
		task_close_session(in);
	release(in);
	task->active = false;
	in->stopping = false;
}

void
task_abandon(struct instance *in)
{
	struct task *task = &in->task;

	loop_timer_free(in->starter);
	in->starter = NULL;
	if (task->active)
		release(in);
	if (task->child != NULL) {
		kill_child(task);
		loop_child_free(task->child);
	}
	if (task->job != NULL) {
		atomic_store(&task->job->stop, true);
		task->job->in = NULL;
	}
	task_close_session(in);
}

/* ---- statements ------------------------------------------------------------------- */

void
task_rows_or_fail(struct instance *in, const PGresult *rows, const struct pgaf_error *error)
{
	task_rows then = in->task.rows_then;

	if (error != NULL) {
		task_end(in, STEP_FAILED, "%s", error->text);
		return;
	}
	then(in, rows);
}

static void
answered(void *ctx, const PGresult *rows, const struct pgaf_error *error)
{
	static const struct pgaf_error lost = {.code = PGAF_ECONN,
	                                       .text = "the session with the server was lost"};
	struct instance *in = ctx;

	if (!in->task.active || !in->task.sql_pending)
		return;
	in->task.sql_pending = false;
	if (rows == NULL && error == NULL)
		error = &lost;
	in->task.answer_then(in, error != NULL ? NULL : rows, error);
}

static void
send_statement(struct instance *in)
{
	struct task *task = &in->task;
	char *sql = task->sql;

	task->sql = NULL;
	int code = conn_query(in->work, sql, task->sql_limit, answered, in);
	free(sql);
	if (code < 0) {
		struct pgaf_error error = {0};

		error_set(&error, code, "a statement cannot be sent");
		answered(in, NULL, &error);
	}
}

static void
session_opened(void *ctx)
{
	struct instance *in = ctx;

	in->work_opening = false;
	if (in->task.active && in->task.sql != NULL)
		send_statement(in);
}

static void
session_lost(void *ctx, enum conn_failure failure, const struct pgaf_error *error)
{
	struct instance *in = ctx;

	(void)failure;
	in->work_opening = false;
	if (!in->task.active || in->task.sql == NULL)
		return;
	free(in->task.sql);
	in->task.sql = NULL;
	answered(in, NULL, error);
}

/* NULL only when out of memory. */
static struct conn *
work_session(struct instance *in)
{
	static const struct conn_callbacks callbacks = {.opened = session_opened,
	                                                .lost = session_lost};

	/* A new one each time: the server may be another one by now, and listen elsewhere. */
	if (in->work != NULL && !conn_is_open(in->work) && !in->work_opening) {
		conn_free(in->work);
		in->work = NULL;
	}
	if (in->work == NULL)
		in->work = instance_session(in, "local", &callbacks);
	return in->work;
}

static void
work_open(struct instance *in)
{
	if (in->work_opening)
		return;
	in->work_opening = true;
	conn_open(in->work);
}

void
task_warm(struct instance *in)
{
	if (!in->task.active && work_session(in) != NULL && !conn_is_open(in->work))
		work_open(in);
}

void
task_try(struct instance *in, const char *sql, pgaf_time limit, task_answer then)
{
	struct task *task = &in->task;

	task->answer_then = then;
	task->sql_pending = true;
	task->sql_limit = limit;
	task->sql = strdup(sql);
	if (work_session(in) == NULL || task->sql == NULL) {
		struct pgaf_error error = {0};

		error_set(&error, PGAF_ENOMEM, "out of memory");
		free(task->sql);
		task->sql = NULL;
		answered(in, NULL, &error);
		return;
	}
	if (conn_is_open(in->work))
		send_statement(in);
	else
		work_open(in);
}

void
task_sql(struct instance *in, const char *sql, task_rows then)
{
	in->task.rows_then = then;
	task_try(in, sql, 0, task_rows_or_fail);
}

void
task_close_session(struct instance *in)
{
	if (in->work != NULL)
		conn_free(in->work);
	in->work = NULL;
	in->work_opening = false;
	in->task.sql_pending = false;
}

/* ---- programs --------------------------------------------------------------------- */

static void
output_or_fail(struct instance *in, int status, const char *output)
{
	char line[200];

	if (status == 0) {
		in->task.run_then(in);
		return;
	}
	error_of_output(output, line, sizeof(line));
	task_end(in, STEP_FAILED, "%s", line[0] != '\0' ? line : "a program failed without a word");
}

void
task_run_try(struct instance *in, const char *const *argv, task_output then)
{
	/* Messages are read by us, and passwords come from nowhere but our own file. */
	static const char *const env[] = {"LC_ALL=C", "PGPASSWORD=", "PGCONNECT_TIMEOUT=10", NULL};
	char program[INSTANCE_PATH_MAX];
	const char *words[32] = {program};
	struct pgaf_error error = {0};
	size_t count = 1;

	instance_program(in, argv[0], program, sizeof(program));
	for (; argv[count] != NULL && count < sizeof(words) / sizeof(words[0]) - 1; count++)
		words[count] = argv[count];
	in->task.child_then = then;
	in->task.child = loop_child_start(in->loop,
	                                  &(struct loop_child_options){
						  .argv = words,
						  .env = env,
						  .new_session = true,
						  .ended = child_ended,
						  .ctx = in,
					  },
	                                  &error);
	if (in->task.child == NULL) {
		in->task.child_then = NULL;
		task_end(in, STEP_FAILED, "%s", error.text);
	}
}

void
task_run(struct instance *in, const char *const *argv, task_then then)
{
	in->task.run_then = then;
	task_run_try(in, argv, output_or_fail);
}

/* ---- jobs ------------------------------------------------------------------------- */

static void
job_work(void *arg)
{
	struct task_job *job = arg;

	job->code = job->work(job->arg, &job->stop, &job->error);
}

static void
job_finished(void *arg)
{
	struct task_job *job = arg;
	struct instance *in = job->in;

	if (in == NULL) {
		free(job->arg);
		free(job);
		return;
	}
	in->task.job = in->task.job == job ? NULL : in->task.job;
	if (job->serial != in->task.serial || !in->task.active) {
		in->leaving--;
		start_waiting(in);
	} else if (job->code < 0) {
		task_end(in, STEP_FAILED, "%s", job->error.text);
	} else {
		job->then(in);
	}
	free(job->arg);
	free(job);
}

void
task_job(struct instance *in, task_work work, void *arg, task_then then)
{
	struct task_job *job = malloc(sizeof(*job));

	if (arg == NULL || job == NULL) {
		free(arg);
		free(job);
		task_end(in, STEP_FAILED, "out of memory");
		return;
	}
	*job = (struct task_job){
		.in = in, .serial = in->task.serial, .work = work, .arg = arg, .then = then};
	atomic_init(&job->stop, false);
	in->task.job = job;
	if (loop_job(in->loop, job_work, job_finished, job) < 0) {
		in->task.job = NULL;
		free(arg);
		free(job);
		task_end(in, STEP_FAILED, "a thread cannot be started");
	}
}

/* ---- timers and names ------------------------------------------------------------- */

static void
timer_fired(void *ctx)
{
	struct instance *in = ctx;

	if (in->task.active)
		in->task.timer_then(in);
}

void
task_after(struct instance *in, pgaf_time delay, task_then then)
{
	if (in->task.timer == NULL)
		in->task.timer = loop_timer_new(in->loop, timer_fired, in);
	if (in->task.timer == NULL) {
		task_end(in, STEP_FAILED, "out of memory");
		return;
	}
	in->task.timer_then = then;
	loop_timer_set(in->task.timer, loop_now(in->loop) + delay);
}

void
task_quiet(struct instance *in)
{
	if (in->task.timer != NULL)
		loop_timer_set(in->task.timer, PGAF_NEVER);
}

static void
resolved(void *ctx, const char *address)
{
	struct instance *in = ctx;

	in->task.resolve = NULL;
	if (!text_copy(in->task.address, sizeof(in->task.address), address) ||
	    in->task.address[0] == '\0') {
		task_end(in, STEP_FAILED, "the name %s of node %u does not resolve",
		         in->task.order.upstream.host, (unsigned)in->task.order.upstream.id);
		return;
	}
	in->task.resolve_then(in);
}

void
task_resolve(struct instance *in, task_then then)
{
	in->task.resolve_then = then;
	if (in->task.order.upstream.id == 0) {
		task_end(in, STEP_FAILED, "no upstream is given");
		return;
	}
	in->task.address[0] = '\0';
	/* NULL: it has answered in this very call, and the step may be over. */
	struct loop_resolve *resolve =
		loop_resolve_start(in->loop, in->task.order.upstream.host, resolved, in);
	if (resolve != NULL)
		in->task.resolve = resolve;
}
