/* SPDX-License-Identifier: PostgreSQL */
/*
 * The loop of a daemon: the library's descriptor and deadline, signals by
 * signalfd, and the children that nobody else waits for.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"
#include "common/daemon.h"

int
daemon_take_signals(struct pgaf_error *error)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;
	int fd = -1;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? sys_error(error, errno, "take signals") : fd;
}

/* True when children may have ended. */
static bool
daemon_take_signal(const struct daemon_handle *handle, int number, struct daemon_log *log)
{
	switch (number) {
	case SIGTERM:
	case SIGINT:
		daemon_notify_stopping(&handle->notify);
		handle->calls->stop(handle->handle);
		return false;
	case SIGUSR2:
		daemon_notify_stopping(&handle->notify);
		handle->calls->leave(handle->handle);
		return false;
	case SIGHUP:
		daemon_reload(handle, log);
		return false;
	default:
		return true;
	}
}

static bool
daemon_read_signals(const struct daemon_handle *handle, int signals, struct daemon_log *log)
{
	struct signalfd_siginfo info;
	bool children = false;

	while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		children = daemon_take_signal(handle, (int)info.ssi_signo, log) || children;
	return children;
}

/*
 * Reap what was not started by the library. True when one of the library's is
 * in front: it hides what is behind until the library has reaped it.
 */
static bool
daemon_reap(const struct daemon_handle *handle)
{
	for (;;) {
		siginfo_t info = {0};

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
			return false;
		if (handle->calls->owns(handle->handle, info.si_pid))
			return true;
		waitpid(info.si_pid, NULL, WNOHANG);
	}
}

/* Only from the loop, which is what must turn for us to be alive. */
static void
daemon_wait(struct daemon_handle *handle, int signals)
{
	struct pollfd ready[2] = {
		{.fd = handle->calls->fd(handle->handle), .events = POLLIN},
		{.fd = signals, .events = POLLIN},
	};
	pgaf_time deadline = handle->calls->deadline(handle->handle);
	struct timespec now;
	struct timespec wait = {0};
	pgaf_time left = 0;
	pgaf_time alive = 0;

	clock_gettime(CLOCK_BOOTTIME, &now);
	left = PGAF_SECONDS(now.tv_sec) + now.tv_nsec;
	alive = daemon_notify_alive(&handle->notify, left);
	deadline = alive < deadline ? alive : deadline;
	left = deadline - left;
	if (left > 0) {
		wait.tv_sec = left / PGAF_SECONDS(1);
		wait.tv_nsec = left % PGAF_SECONDS(1);
	}
	ppoll(ready, 2, deadline == PGAF_NEVER ? NULL : &wait, NULL);
}

int
daemon_run(struct daemon_handle *handle, int signals, struct daemon_log *log)
{
	struct pgaf_error error = {0};
	bool children = true;
	int code = 0;

	while (handle->calls->dispatch(handle->handle) != 0) {
		if (children)
			children = daemon_reap(handle);
		daemon_wait(handle, signals);
		children = daemon_read_signals(handle, signals, log) || children;
	}
	code = handle->calls->exit_code(handle->handle, &error);
	if (error.code != 0)
		daemon_log_write(log, &(struct pgaf_log){
					      .level = PGAF_LOG_ERROR,
					      .event = "ended",
					      .text = error.text,
					      .formation = "",
					      .node_name = "",
				      });
	return code;
}
