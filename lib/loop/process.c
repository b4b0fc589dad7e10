/* SPDX-License-Identifier: PostgreSQL */
/*
 * The end of any process, by pidfd: no SIGCHLD, no polling, no confusion with
 * a later process of the same number.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/glibc.h"
#include "loop/parts.h"

struct loop_process {
	TAILQ_ENTRY(loop_process) link;
	struct loop *loop;
	pid_t pid;
	int pidfd;
	bool reaped; /* by the child's own handle, which left the status here */
	int status;
	struct loop_watch *watch;
	void (*ended)(void *ctx, int status);
	void *ctx;
};

static int
wait_status(const siginfo_t *what)
{
	if (what->si_code == CLD_EXITED)
		return what->si_status << 8;
	return what->si_status | (what->si_code == CLD_DUMPED ? 0x80 : 0);
}

bool
process_reap(int pidfd, int *status)
{
	siginfo_t what = {0};
	int failed = 0;

	do
		failed = waitid(P_PIDFD, (id_t)pidfd, &what, WEXITED | WNOHANG);
	while (failed != 0 && errno == EINTR);

	/* Somebody else's child, or somebody else has reaped it: over, as the pidfd said. */
	*status = -1;
	if (failed != 0)
		return errno == ECHILD;
	if (what.si_pid == 0)
		return false;
	*status = wait_status(&what);
	return true;
}

static void
process_ended(void *ctx, int events)
{
	struct loop_process *process = ctx;
	int status = process->status;

	(void)events;
	if (!process->reaped && !child_status(process->loop, process->pid, &status) &&
	    !process_reap(process->pidfd, &status))
		return;
	loop_watch_set(process->watch, 0);
	process->ended(process->ctx, status);
}

void
process_reaped(struct loop *loop, pid_t pid, int status)
{
	struct loop_process *process = NULL;

	TAILQ_FOREACH (process, &loop->processes, link) {
		if (process->pid != pid || process->reaped)
			continue;
		process->reaped = true;
		process->status = status;
	}
}

struct loop_process *
loop_process_watch(struct loop *loop, pid_t pid, void (*ended)(void *ctx, int status), void *ctx)
{
	struct loop_process *process = calloc(1, sizeof(*process));

	if (process == NULL)
		return NULL;
	*process = (struct loop_process){.loop = loop, .pid = pid, .ended = ended, .ctx = ctx};
	process->pidfd = pidfd_open(pid, 0);
	if (process->pidfd >= 0)
		process->watch = loop_watch_new(loop, process->pidfd, process_ended, process);
	if (process->watch == NULL) {
		int number = process->pidfd < 0 ? errno : ENOMEM;
		if (process->pidfd >= 0)
			close(process->pidfd);
		free(process);
		errno = number;
		return NULL;
	}
	TAILQ_INSERT_TAIL(&loop->processes, process, link);
	loop_watch_set(process->watch, LOOP_READ);
	return process;
}

int
loop_process_signal(const struct loop_process *process, int signal)
{
	return pidfd_send_signal(process->pidfd, signal, NULL, 0) == 0 ? 0 : PGAF_ESYS;
}

void
loop_process_free(struct loop_process *process)
{
	if (process == NULL)
		return;
	TAILQ_REMOVE(&process->loop->processes, process, link);
	loop_watch_free(process->watch);
	close(process->pidfd);
	free(process);
}
