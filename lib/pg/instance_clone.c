/* SPDX-License-Identifier: PostgreSQL */
/*
 * A copy of the upstream in the place of the data directory. The old one stays
 * until the copy is complete and durable. The copy streams under a name that
 * is never listed (PROTOCOL 9), with the node's own slot.
 */

#include <stdlib.h>
#include <string.h>

#include "base/pure/error.h"
#include "pg/disk.h"
#include "pg/instance_history.h"

struct stage_job {
	char stage[INSTANCE_PATH_MAX];
	char old[INSTANCE_PATH_MAX + 8];
	char signal[INSTANCE_PATH_MAX + 32];
};

static struct stage_job *
make_stage_job(const struct instance *in)
{
	struct stage_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	struct text old = TEXT(job->old);
	struct text signal = TEXT(job->signal);
	text_copy(job->stage, sizeof(job->stage), in->task.stage);
	text_addf(&old, "%s-old", in->task.stage);
	text_addf(&signal, "%s/standby.signal", in->task.stage);
	return job;
}

static void
clone_configured(struct instance *in)
{
	task_done(in);
}

static void
clone_swapped(struct instance *in)
{
	configure_all(in, clone_configured);
}

static void
clone_marked(struct instance *in)
{
	struct control control;
	struct pgaf_error error = {0};

	if (control_read(in->task.stage, &control, &error) < 0) {
		task_end(in, STEP_FAILED, "the copy is no cluster: %s", error.text);
		return;
	}
	uint64_t wanted = in->task.order.system_identifier;
	if (wanted != 0 && control.system_identifier != wanted)
		task_end(in, STEP_REFUSED, "node %u is another cluster (system identifier %llu)",
		         (unsigned)in->task.order.upstream.id,
		         (unsigned long long)control.system_identifier);
	else
		swap_in(in, clone_swapped);
}

static int
mark_work(void *arg, const atomic_bool *stop, struct pgaf_error *error)
{
	const struct stage_job *job = arg;

	(void)stop;
	return disk_write(job->signal, "", 0600, error);
}

static int
clear_work(void *arg, const atomic_bool *stop, struct pgaf_error *error)
{
	const struct stage_job *job = arg;
	int code = disk_remove(job->stage, stop, error);

	/* What an earlier swap could not remove. */
	return code < 0 ? code : disk_remove(job->old, stop, error);
}

static void
clone_failed(struct instance *in)
{
	task_end(in, STEP_FAILED, "%s", in->task.text);
}

static void
clone_copied(struct instance *in, int status, const char *output)
{
	char line[180];
	struct text text = TEXT(in->task.text);

	if (status == 0) {
		/* Before it is in place: nothing may ever start it read-write (PROTOCOL 11). */
		task_job(in, mark_work, make_stage_job(in), clone_marked);
		return;
	}
	text_addf(&text, "node %u cannot be copied: %s", (unsigned)in->task.order.upstream.id,
	          error_of_output(output, line, sizeof(line)));
	if (strstr(output, "No space left") != NULL)
		text_add(&text, instance_has_data(in)
		                        ? " (the old data is kept until the copy is whole, "
		                          "so there must be room for both)"
		                        : " (there is not enough room for the copy)");
	task_job(in, clear_work, make_stage_job(in), clone_failed);
}

static void
clone_copy(struct instance *in)
{
	char slot[32];
	char name[32];
	char rate[64];
	struct text slot_text = TEXT(slot);
	struct text name_text = TEXT(name);
	struct text rate_text = TEXT(rate);
	struct text source = TEXT(in->task.source);

	text_addf(&slot_text, "pgaf_%u", (unsigned)in->conf.self);
	text_addf(&name_text, "pgaf_clone_%u", (unsigned)in->conf.self);
	text_addf(&rate_text, "--max-rate=%s", in->backup_rate);
	upstream_conninfo(in, "", name, &source);
	const char *argv[] = {"pg_basebackup",
	                      "-d",
	                      in->task.source,
	                      "-D",
	                      in->task.stage,
	                      "--wal-method=stream",
	                      "--checkpoint=fast",
	                      "--no-password",
	                      "-S",
	                      slot,
	                      in->backup_rate[0] != '\0' ? rate : NULL,
	                      NULL};
	task_run_try(in, argv, clone_copied);
}

static void
clone_cleared(struct instance *in)
{
	instance_log(in, PGAF_LOG_INFO, "clone", "copies node %u",
	             (unsigned)in->task.order.upstream.id);
	task_resolve(in, clone_copy);
}

/* What was never a node of this group is not ours to replace. True when the step is over. */
static bool
clone_refused(struct instance *in)
{
	struct control control;
	uint64_t wanted = in->task.order.system_identifier;
	char mark[INSTANCE_PATH_MAX];

	instance_state_path(in, REPLACING_FILE, mark, sizeof(mark));
	if (disk_exists(mark))
		return false;
	if (!instance_has_data(in) && !disk_is_empty(in->pgdata)) {
		task_end(in, STEP_REFUSED, "%s is not empty and holds no cluster", in->pgdata);
		return true;
	}
	if (wanted == 0 || control_read(in->pgdata, &control, NULL) < 0 ||
	    control.system_identifier == wanted)
		return false;
	task_end(in, STEP_REFUSED, "%s holds another cluster (system identifier %llu)", in->pgdata,
	         (unsigned long long)control.system_identifier);
	return true;
}

void
clone_start(struct instance *in)
{
	if (attach_look(in)) {
		task_end(in, STEP_FAILED,
		         "Postgres runs; it must be stopped before it is replaced");
		return;
	}
	if (clone_refused(in))
		return;
	instance_choose_bindir(in);
	swap_stage(in, "clone");
	task_job(in, clear_work, make_stage_job(in), clone_cleared);
}
