/* SPDX-License-Identifier: PostgreSQL */
/*
 * Which postmaster is ours, and how it ended. Both a child and one that was
 * found are watched through a pidfd, so the end is known in milliseconds and
 * never mistaken for that of a later process with the same number.
 */

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/pure/error.h"
#include "pg/instance_parts.h"

#define LOG_TAIL 4096

/* Whether the end of the log says that the server gave up because one of its processes crashed. */
static bool
log_says_crash(struct instance *in)
{
	char path[INSTANCE_PATH_MAX];
	char tail[LOG_TAIL + 1];
	FILE *file = NULL;
	long size = 0;

	instance_state_path(in, LOG_FILE, path, sizeof(path));
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fseek(file, 0, SEEK_END) == 0)
		size = ftell(file);
	fseek(file, size > LOG_TAIL ? size - LOG_TAIL : 0, SEEK_SET);
	size_t got = fread(tail, 1, LOG_TAIL, file);
	tail[got] = '\0';
	fclose(file);
	return strstr(tail, "restart_after_crash") != NULL;
}

void
attach_forget(struct instance *in)
{
	loop_child_free(in->child);
	loop_process_free(in->process);
	in->child = NULL;
	in->process = NULL;
	in->postmaster = 0;
	in->signalled = false;
	in->held_back = false;
}

void
attach_ended(struct instance *in, int status, bool is_child)
{
	bool planned = in->stopping || in->signalled;

	in->child = is_child ? NULL : in->child; /* its handle is freed by itself */
	attach_forget(in);
	if (planned) {
		task_then then = in->task.ended_then;

		in->task.ended_then = NULL;
		if (in->task.active && then != NULL)
			then(in);
		else
			observe_start(in);
		return;
	}
	in->exited = true;
	in->exits++;
	/* With restart_after_crash off, a crashed backend ends the postmaster: status 1 (36). */
	in->exit_inside =
		status >= 0 ? WIFEXITED(status) && WEXITSTATUS(status) != 0 : log_says_crash(in);
	instance_log(in, PGAF_LOG_DEBUG, "postgres-exited", "the postmaster ended%s",
	             in->exit_inside ? " because of a crash inside" : "");
	in->callbacks.exited(in->ctx, in->exit_inside);
	observe_start(in);
}

static void
child_ended(void *ctx, int status, const char *output)
{
	struct instance *in = ctx;

	(void)output;
	attach_ended(in, status, true);
}

static void
process_ended(void *ctx, int status)
{
	attach_ended(ctx, status, false);
}

int
attach_start(struct instance *in, const char *const *argv, const char *log_file,
             struct pgaf_error *error)
{
	attach_forget(in);
	in->child = loop_child_start(in->loop,
	                             &(struct loop_child_options){
					     .argv = argv,
					     .output_file = log_file,
					     .new_session = true,
					     .ended = child_ended,
					     .ctx = in,
				     },
	                             error);
	if (in->child == NULL)
		return PGAF_ECHILD;
	in->postmaster = loop_child_pid(in->child);
	in->exited = false;
	return 0;
}

bool
attach_look(struct instance *in)
{
	struct postmaster found;

	if (in->postmaster != 0)
		return true;
	process_find_postmaster(in->pgdata, &found);
	if (found.pid == 0)
		return false;
	in->process = loop_process_watch(in->loop, found.pid, process_ended, in);
	if (in->process == NULL)
		return false;
	in->postmaster = found.pid;
	in->exited = false;
	instance_log(in, PGAF_LOG_INFO, "postgres-attached",
	             "attached to the running postmaster %ld", (long)found.pid);
	return true;
}

int
attach_signal(struct instance *in, int signal)
{
	if (in->child != NULL)
		loop_child_kill(in->child, signal);
	else if (in->process != NULL)
		return loop_process_signal(in->process, signal);
	return in->postmaster == 0 ? PGAF_ENOENT : 0;
}
