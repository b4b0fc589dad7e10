/* SPDX-License-Identifier: PostgreSQL */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

/*
 * The event loop of the real world: file descriptors, timers, names resolved
 * off the loop, blocking jobs on a worker thread, child processes. The only
 * user of libuv. Nests in any other loop: one descriptor, one deadline, one
 * dispatch call (PROTOCOL 47: every dispatch ends with a pass that does not
 * wait, so nothing that was just started is forgotten).
 *
 * All handles are freed by their own call only; no callback runs after it.
 * Callbacks may free their own handle and start others.
 */

#include <sys/types.h>

#include <pgaf/error.h>

struct loop;

struct loop *loop_new(struct pgaf_error *error);
/* Handles must be freed before; jobs under way are waited for. */
void loop_free(struct loop *loop);

int loop_fd(const struct loop *loop);
pgaf_time loop_deadline(const struct loop *loop); /* absolute; PGAF_NEVER */
/* Run all that is due without waiting. */
void loop_dispatch(struct loop *loop);
/* For tools: wait for events until loop_stop() was called. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* CLOCK_BOOTTIME, so that time in suspend counts for what fences (PROTOCOL 49). */
pgaf_time loop_now(const struct loop *loop);
/* True when the loop was not able to run for longer than `limit` since last asked. */
bool loop_stalled(struct loop *loop, pgaf_time limit);

/* ---- timers: one shot ----------------------------------------------------- */
struct loop_timer;
struct loop_timer *loop_timer_new(struct loop *loop, void (*fired)(void *ctx), void *ctx);
void loop_timer_set(struct loop_timer *timer, pgaf_time at); /* absolute; PGAF_NEVER stops it */
void loop_timer_free(struct loop_timer *timer);

/* ---- descriptors ----------------------------------------------------------- */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
struct loop_watch;
struct loop_watch *loop_watch_new(struct loop *loop, int fd, void (*ready)(void *ctx, int events),
                                  void *ctx);
void loop_watch_set(struct loop_watch *watch, int events); /* 0 pauses */
void loop_watch_free(struct loop_watch *watch);            /* does not close fd */

/* ---- names ------------------------------------------------------------------ */
/*
 * Resolves in a worker; remembers the last good address of each name and
 * answers with it at once (in the same call) when there is one, resolving
 * again in the background when it is older than a minute. Numeric hosts are
 * answered at once. `address` is numeric text, "" on failure.
 */
struct loop_resolve;
struct loop_resolve *loop_resolve_start(struct loop *loop, const char *host,
                                        void (*resolved)(void *ctx, const char *address),
                                        void *ctx);
/* NULL is fine. Must not be called after `resolved` ran (which frees the request). */
void loop_resolve_cancel(struct loop_resolve *resolve);
/*
 * Call when connecting to its address fails: the next request asks anew, and is
 * answered with the old address only when the name server is silent or fails.
 */
void loop_resolve_forget(struct loop *loop, const char *host);

/* ---- blocking jobs ------------------------------------------------------------ */
/* `work` runs on a worker thread, then `finished` on the loop. Cannot be cancelled: the owner
 * must outlive it, or let `arg` be owned by the job and freed in `finished`. */
int loop_job(struct loop *loop, void (*work)(void *arg), void (*finished)(void *arg), void *arg);
/* The same for work that loop_free() does not wait for: `abandoned` then runs instead of
 * `finished`, on either thread. */
int loop_job_loose(struct loop *loop, void (*work)(void *arg), void (*finished)(void *arg),
                   void (*abandoned)(void *arg), void *arg);

/* ---- child processes ------------------------------------------------------------ */
/*
 * posix_spawn + pidfd, no SIGCHLD handler. Output (stdout and stderr together)
 * is collected up to 64 KiB, keeping the end.
 */
struct loop_child;
struct loop_child_options {
	const char *const *argv; /* argv[0] is a path */
	const char *const *env;  /* KEY=VALUE added to the environment, NULL-terminated; NULL */
	bool env_only;           /* … instead of the environment */
	const char *input;       /* what it reads from its standard input; NULL: nothing */
	const char *output_file; /* append stdout+stderr there instead of collecting; NULL */
	bool new_session;        /* setsid: survives our terminal and our group's signals */
	void (*ended)(void *ctx, int status, const char *output); /* waitpid status */
	void *ctx;
};
struct loop_child *loop_child_start(struct loop *loop, const struct loop_child_options *options,
                                    struct pgaf_error *error);
pid_t loop_child_pid(const struct loop_child *child);
void loop_child_kill(struct loop_child *child, int signal);
/* With new_session: to all that it started and that did not leave its group. Only before `ended`,
 * or in it. */
void loop_child_kill_group(struct loop_child *child, int signal);
/* Stop waiting; the process goes on (detached). After `ended` the handle is already freed. */
void loop_child_free(struct loop_child *child);
/* Whether this is a child that was started here and is not reaped yet, detached ones included: a
 * host that reaps for the whole process must leave it alone. */
bool loop_owns(const struct loop *loop, pid_t pid);

/* Watch any process by pidfd. `ended` runs once; status is -1 when it is not our child. The
 * handle must be freed by its owner. NULL with errno when there is no such process. */
struct loop_process;
struct loop_process *loop_process_watch(struct loop *loop, pid_t pid,
                                        void (*ended)(void *ctx, int status), void *ctx);
int loop_process_signal(const struct loop_process *process, int signal); /* pidfd_send_signal */
void loop_process_free(struct loop_process *process);

#endif
