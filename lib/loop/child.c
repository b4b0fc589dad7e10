/* SPDX-License-Identifier: PostgreSQL */
/*
 * Programs we start: posix_spawn, their output through a pipe, their end
 * through a pidfd. A child starts with default signals and without any
 * descriptor of ours. One that nobody waits for any more is still read and
 * reaped as long as the loop lives.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/glibc.h"
#include "base/pure/error.h"
#include "base/sys.h"
#include "loop/parts.h"

/* The end of the output that is kept. The buffer is twice as large so that it is moved rarely. */
#define KEPT ((size_t)64 * 1024)

struct loop_child {
	TAILQ_ENTRY(loop_child) link;
	struct loop *loop;
	pid_t pid;
	int pidfd;
	bool reaped;
	int status;
	bool ending; /* `ended` runs */
	struct loop_watch *end;
	int out; /* read end of the pipe, -1 = none */
	struct loop_watch *more;
	char *output;
	size_t used, room;
	void (*ended)(void *ctx, int status, const char *output); /* NULL: nobody waits */
	void *ctx;
};

/* ---- output ------------------------------------------------------------------------------- */

static bool
make_room(struct loop_child *child)
{
	if (child->used + 1 < child->room)
		return true;
	if (child->room >= 2 * KEPT) {
		memmove(child->output, child->output + child->used - KEPT, KEPT);
		child->used = KEPT;
		return true;
	}
	size_t room = child->room == 0 ? 4096 : 2 * child->room;
	char *output = realloc(child->output, room);
	if (output == NULL)
		return false;
	child->output = output;
	child->room = room;
	return true;
}

/* False at the end of the output, true when there may be more later. */
static bool
read_output(struct loop_child *child)
{
	/* Bounded: a child that writes without end must not keep the loop. */
	for (int i = 0; i < 64; i++) {
		if (!make_room(child))
			return false;
		ssize_t count = read(child->out, child->output + child->used,
		                     child->room - child->used - 1);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return errno == EAGAIN;
		if (count == 0)
			return false;
		child->used += (size_t)count;
		if (child->ended == NULL)
			child->used = 0;
	}
	return true;
}

static void
close_output(struct loop_child *child)
{
	if (child->out < 0)
		return;
	loop_watch_free(child->more);
	close(child->out);
	child->more = NULL;
	child->out = -1;
}

static void
output_ready(void *ctx, int events)
{
	struct loop_child *child = ctx;

	(void)events;
	if (!read_output(child))
		close_output(child);
}

static const char *
kept_output(struct loop_child *child)
{
	if (child->used == 0)
		return "";
	for (size_t i = 0; i < child->used; i++)
		if (child->output[i] == '\0')
			child->output[i] = ' ';
	child->output[child->used] = '\0';
	return child->output + (child->used > KEPT ? child->used - KEPT : 0);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void
free_child(struct loop_child *child)
{
	TAILQ_REMOVE(&child->loop->children, child, link);
	close_output(child);
	loop_watch_free(child->end);
	if (child->pidfd >= 0)
		close(child->pidfd);
	free(child->output);
	free(child);
}

static bool
reap(struct loop_child *child)
{
	if (!child->reaped && process_reap(child->pidfd, &child->status)) {
		child->reaped = true;
		process_reaped(child->loop, child->pid, child->status);
	}
	return child->reaped;
}

bool
child_status(struct loop *loop, pid_t pid, int *status)
{
	struct loop_child *child = NULL;

	TAILQ_FOREACH (child, &loop->children, link) {
		if (child->pid != pid || !reap(child))
			continue;
		*status = child->status;
		return true;
	}
	return false;
}

/* What it wrote is read, but the end of the pipe is not waited for: a daemon that it left behind
 * may hold the other side. */
static void
child_ended(void *ctx, int events)
{
	struct loop_child *child = ctx;

	(void)events;
	if (!reap(child))
		return;
	if (child->out >= 0)
		read_output(child);
	child->ending = true;
	if (child->ended != NULL)
		child->ended(child->ctx, child->status, kept_output(child));
	free_child(child);
}

/* ---- the start ---------------------------------------------------------------------------- */

static bool
same_key(const char *one, const char *other)
{
	size_t length = strcspn(one, "=");

	return strncmp(one, other, length) == 0 && other[length] == '=';
}

static bool
is_replaced(const char *entry, const char *const *additions)
{
	for (size_t i = 0; additions[i] != NULL; i++)
		if (same_key(additions[i], entry))
			return true;
	return false;
}

/* Our environment, unless it is not wanted, with additions; only the array is ours. */
static char **
merge_environment(const char *const *additions, bool only)
{
	static const char *const none[] = {NULL};
	size_t count = 1;
	size_t used = 0;

	if (additions == NULL)
		additions = none;
	for (size_t i = 0; !only && environ[i] != NULL; i++)
		count++;
	for (size_t i = 0; additions[i] != NULL; i++)
		count++;
	char **merged = calloc(count, sizeof(*merged));
	if (merged == NULL)
		return NULL;
	for (size_t i = 0; !only && environ[i] != NULL; i++)
		if (!is_replaced(environ[i], additions))
			merged[used++] = environ[i];
	for (size_t i = 0; additions[i] != NULL; i++)
		merged[used++] = (char *)additions[i];
	return merged;
}

static void
init_attributes(posix_spawnattr_t *attributes, bool new_session)
{
	int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
	sigset_t set;

	posix_spawnattr_init(attributes);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(attributes, &set);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(attributes, &set);
	if (new_session)
		flags |= POSIX_SPAWN_SETSID;
	posix_spawnattr_setflags(attributes, (short)flags);
}

/*
 * What the child is to read, in memory: a pipe would fill up, and its reader may be gone. -1 when
 * there is nothing; -2 and errno when it cannot be made.
 */
static int
make_input(const char *input)
{
	size_t length = input != NULL ? strlen(input) : 0;
	int fd = input != NULL ? memfd_create("input", MFD_CLOEXEC) : -1;

	if (input == NULL)
		return -1;
	if (fd >= 0 && write(fd, input, length) == (ssize_t)length && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	int failed = errno;
	if (fd >= 0)
		close(fd);
	errno = failed;
	return -2;
}

/* `in`: what it reads, or -1; `out`: the write end of the pipe, unused with an output file. */
static void
init_actions(posix_spawn_file_actions_t *actions, const struct loop_child_options *options, int in,
             int out)
{
	posix_spawn_file_actions_init(actions);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(actions, in, STDIN_FILENO);
	else
		posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (options->output_file != NULL)
		posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, options->output_file,
		                                 O_WRONLY | O_CREAT | O_APPEND, 0600);
	else
		posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
	/* An embedder's descriptors may lack close-on-exec. */
	posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
}

static int
spawn(struct loop_child *child, const struct loop_child_options *options, int out)
{
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t actions;
	int in = make_input(options->input);
	char **environment = in != -2 ? merge_environment(options->env, options->env_only) : NULL;

	if (environment == NULL) {
		int failed_at = in == -2 ? errno : ENOMEM;

		if (in >= 0)
			close(in);
		return failed_at;
	}
	init_attributes(&attributes, options->new_session);
	init_actions(&actions, options, in, out);
	int failed = posix_spawn(&child->pid, options->argv[0], &actions, &attributes,
	                         (char *const *)options->argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	free(environment);
	if (in >= 0)
		close(in);
	return failed;
}

/* It cannot be watched: do not leave it running unseen. */
static int
give_up(struct loop_child *child, int number)
{
	int status = 0;

	if (child->pid <= 0)
		return number;
	kill(child->pid, SIGKILL);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	return number;
}

static int
watch_child(struct loop_child *child)
{
	child->pidfd = pidfd_open(child->pid, 0);
	if (child->pidfd < 0)
		return give_up(child, errno);
	child->end = loop_watch_new(child->loop, child->pidfd, child_ended, child);
	if (child->out >= 0)
		child->more = loop_watch_new(child->loop, child->out, output_ready, child);
	if (child->end == NULL || (child->out >= 0 && child->more == NULL))
		return give_up(child, ENOMEM);
	loop_watch_set(child->end, LOOP_READ);
	if (child->more != NULL)
		loop_watch_set(child->more, LOOP_READ);
	return 0;
}

/* 0 or an errno. */
static int
start(struct loop_child *child, const struct loop_child_options *options)
{
	int ends[2] = {-1, -1};

	if (options->output_file == NULL && pipe2(ends, O_CLOEXEC) != 0)
		return errno;
	child->out = ends[0];
	int failed = spawn(child, options, ends[1]);
	if (ends[1] >= 0)
		close(ends[1]);
	return failed != 0 ? failed : watch_child(child);
}

struct loop_child *
loop_child_start(struct loop *loop, const struct loop_child_options *options,
                 struct pgaf_error *error)
{
	struct loop_child *child = calloc(1, sizeof(*child));

	if (child == NULL) {
		error_set(error, PGAF_ENOMEM, "start %s: out of memory", options->argv[0]);
		return NULL;
	}
	child->loop = loop;
	child->pidfd = -1;
	child->ended = options->ended;
	child->ctx = options->ctx;
	TAILQ_INSERT_TAIL(&loop->children, child, link);
	int failed = start(child, options);
	if (failed == 0)
		return child;
	free_child(child);
	sys_error(error, failed, "start %s", options->argv[0]);
	return NULL;
}

pid_t
loop_child_pid(const struct loop_child *child)
{
	return child->pid;
}

void
loop_child_kill(struct loop_child *child, int signal)
{
	pidfd_send_signal(child->pidfd, signal, NULL, 0);
}

void
loop_child_kill_group(struct loop_child *child, int signal)
{
	kill(-child->pid, signal);
}

bool
loop_owns(const struct loop *loop, pid_t pid)
{
	const struct loop_child *child = NULL;

	TAILQ_FOREACH (child, &loop->children, link)
		if (child->pid == pid && !child->reaped)
			return true;
	return false;
}

void
loop_child_free(struct loop_child *child)
{
	if (child != NULL && !child->ending)
		child->ended = NULL;
}

void
child_end(struct loop *loop)
{
	struct loop_child *child = NULL;

	while ((child = TAILQ_FIRST(&loop->children)) != NULL)
		free_child(child);
}
