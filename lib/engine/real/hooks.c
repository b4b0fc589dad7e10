/* SPDX-License-Identifier: PostgreSQL */
/* Messages wait in a list of each program; one timer per program starts and ends it. */

#include "engine/real/hooks.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pure/error.h"
#include "base/pure/text.h"

/* From SIGTERM to SIGKILL. */
#define KILL_AFTER PGAF_SECONDS(1)
/* Lines of a program's output that are logged after each run; the last ones. */
#define LINES_MOST 20

/* What one event is told by; shared by the programs that still have to be told. */
struct hook_message {
	unsigned users;
	pgaf_node_id node;
	enum hook_event event;
	char **env;
	char *json;
};

struct hook_program {
	struct hooks *hooks;
	char *path;
	struct loop_timer *timer; /* starts it, or ends it */
	struct loop_child *child; /* NULL = does not run */
	enum hook_event running;  /* which event it was started for */
	bool late;                /* its time was over */
	pgaf_time started_at;
	struct hook_message **waiting; /* the oldest first; one of a topic and node */
	size_t waiting_count, waiting_room;
};

struct hooks {
	struct loop *loop;
	const struct logger *logger;
	pgaf_time limit;
	size_t count;
	struct hook_program **programs;
};

/* Everything else stays with us: a variable of ours may hold a secret. */
static const char *const kept_variables[] = {"PATH", "HOME", "USER",   "LOGNAME",
                                             "LANG", "TZ",   "LC_ALL", "SHELL"};

/* ---- messages --------------------------------------------------------------------------- */

static void
message_release(struct hook_message *message)
{
	if (message == NULL || --message->users > 0)
		return;
	free(message->env);
	free(message->json);
	free(message);
}

/* NULL: out of memory. */
static struct hook_message *
message_new(pgaf_node_id node, enum hook_event event, const struct variable *told, size_t count)
{
	struct hook_message *message = calloc(1, sizeof(*message));

	if (message == NULL)
		return NULL;
	message->users = 1;
	message->node = node;
	message->event = event;
	message->env = variables_environment(told, count, kept_variables,
	                                     sizeof(kept_variables) / sizeof(kept_variables[0]));
	message->json = variables_json(told, count);
	if (message->env != NULL && message->json != NULL)
		return message;
	message_release(message);
	return NULL;
}

static struct hook_message *
take_at(struct hook_program *program, size_t at)
{
	struct hook_message *taken = program->waiting[at];

	program->waiting_count--;
	memmove(&program->waiting[at], &program->waiting[at + 1],
	        (program->waiting_count - at) * sizeof(program->waiting[0]));
	return taken;
}

static struct hook_message *
take_oldest(struct hook_program *program)
{
	return program->waiting_count > 0 ? take_at(program, 0) : NULL;
}

/* What waits and is obsolete with this; NULL. */
static struct hook_message *
take_same(struct hook_program *program, const struct hook_message *message)
{
	for (size_t i = 0; i < program->waiting_count; i++) {
		const struct hook_message *old = program->waiting[i];

		if (old->node == message->node &&
		    hook_event_topic(old->event) == hook_event_topic(message->event))
			return take_at(program, i);
	}
	return NULL;
}

/* False: out of memory. */
static bool
add_last(struct hook_program *program, struct hook_message *message)
{
	if (program->waiting_count == program->waiting_room) {
		size_t room = program->waiting_room * 2 + HOOK_TOPIC_COUNT;
		struct hook_message **longer =
			realloc(program->waiting, room * sizeof(program->waiting[0]));

		if (longer == NULL)
			return false;
		program->waiting = longer;
		program->waiting_room = room;
	}
	program->waiting[program->waiting_count++] = message;
	message->users++;
	return true;
}

/* ---- running ------------------------------------------------------------------------------ */

/* Only its end: nobody reads what a program that writes without end has to say. */
static void
log_output(const struct hook_program *program, const char *output)
{
	const char *at = output + strlen(output);
	unsigned lines = 0;

	while (at > output && (at[-1] != '\n' || at[0] == '\0' || ++lines < LINES_MOST))
		at--;
	while (*at != '\0') {
		size_t length = strcspn(at, "\n");

		if (length > 0)
			log_at(program->hooks->logger, PGAF_LOG_INFO, "hook-output", "%s: %.*s",
			       program->path, (int)length, at);
		at += length + (at[length] == '\n');
	}
}

static void
log_end(const struct hook_program *program, int status)
{
	const struct logger *logger = program->hooks->logger;
	const char *event = hook_event_name(program->running);
	long long ms =
		(long long)((loop_now(program->hooks->loop) - program->started_at) / PGAF_MSEC(1));

	if (WIFSIGNALED(status))
		log_at(logger, PGAF_LOG_WARNING, "hook-failed",
		       "%s for %s was ended by signal %d after %lld ms", program->path, event,
		       WTERMSIG(status), ms);
	else if (WEXITSTATUS(status) != 0)
		log_at(logger, PGAF_LOG_WARNING, "hook-failed",
		       "%s for %s failed with exit status %d after %lld ms", program->path, event,
		       WEXITSTATUS(status), ms);
	else
		log_at(logger, PGAF_LOG_INFO, "hook-done", "%s for %s took %lld ms", program->path,
		       event, ms);
}

static void
start_soon(struct hook_program *program)
{
	if (program->child == NULL && program->waiting_count > 0)
		loop_timer_set(program->timer, loop_now(program->hooks->loop));
}

static void
program_ended(void *ctx, int status, const char *output)
{
	struct hook_program *program = ctx;

	/* What ignored the request to end goes with it. */
	if (program->late)
		loop_child_kill_group(program->child, SIGKILL);
	log_output(program, output);
	log_end(program, status);
	program->child = NULL;
	loop_timer_set(program->timer, PGAF_NEVER);
	start_soon(program);
}

static void
program_start(struct hook_program *program)
{
	struct hooks *hooks = program->hooks;
	struct hook_message *message = take_oldest(program);
	struct pgaf_error error = {0};
	/* That a file is missing, or no program, is said by the shell. */
	const char *argv[] = {"/bin/sh", "-c", "exec \"$0\"", program->path, NULL};

	if (message == NULL)
		return;
	program->running = message->event;
	program->late = false;
	program->started_at = loop_now(hooks->loop);
	program->child = loop_child_start(hooks->loop,
	                                  &(struct loop_child_options){
						  .argv = argv,
						  .env = (const char *const *)message->env,
						  .env_only = true,
						  .input = message->json,
						  .new_session = true,
						  .ended = program_ended,
						  .ctx = program,
					  },
	                                  &error);
	message_release(message);
	if (program->child != NULL) {
		loop_timer_set(program->timer, program->started_at + hooks->limit);
		return;
	}
	log_at(hooks->logger, PGAF_LOG_WARNING, "hook-failed", "%s for %s was not started: %s",
	       program->path, hook_event_name(program->running), error.text);
	start_soon(program);
}

static void
program_is_late(struct hook_program *program)
{
	loop_child_kill_group(program->child, program->late ? SIGKILL : SIGTERM);
	if (program->late)
		return;
	program->late = true;
	loop_timer_set(program->timer, loop_now(program->hooks->loop) + KILL_AFTER);
	log_at(program->hooks->logger, PGAF_LOG_WARNING, "hook-late",
	       "%s for %s takes longer than %lld ms: it is ended", program->path,
	       hook_event_name(program->running),
	       (long long)(program->hooks->limit / PGAF_MSEC(1)));
}

static void
program_timer(void *ctx)
{
	struct hook_program *program = ctx;

	if (program->child != NULL)
		program_is_late(program);
	else
		program_start(program);
}

static void
log_skipped(const struct hook_program *program, const struct hook_message *message, const char *why)
{
	log_at(program->hooks->logger, PGAF_LOG_WARNING, "hook-skipped",
	       "%s is not called for %s: %s", program->path, hook_event_name(message->event), why);
}

static void
tell_program(struct hook_program *program, struct hook_message *message)
{
	struct hook_message *old = take_same(program, message);

	if (old != NULL)
		log_skipped(program, old, "a newer one waits, and it still runs");
	message_release(old);
	if (!add_last(program, message))
		log_skipped(program, message, "out of memory");
	start_soon(program);
}

bool
hooks_any(const struct hooks *hooks)
{
	return hooks->count > 0;
}

void
hooks_run(struct hooks *hooks, pgaf_node_id node, enum hook_event event,
          const struct variable *told, size_t count)
{
	struct hook_message *message = NULL;

	message = message_new(node, event, told, count);
	if (message == NULL) {
		log_at(hooks->logger, PGAF_LOG_WARNING, "hook-skipped",
		       "no hook is called for %s: out of memory", hook_event_name(event));
		return;
	}
	for (size_t i = 0; i < hooks->count; i++)
		tell_program(hooks->programs[i], message);
	message_release(message);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void
program_free(struct hook_program *program, const char *why)
{
	struct hook_message *message = NULL;

	if (program == NULL)
		return;
	while ((message = take_oldest(program)) != NULL) {
		log_skipped(program, message, why);
		message_release(message);
	}
	if (program->child != NULL)
		log_at(program->hooks->logger, PGAF_LOG_INFO, "hook-left",
		       "%s for %s still runs, and nobody ends it", program->path,
		       hook_event_name(program->running));
	loop_child_free(program->child);
	loop_timer_free(program->timer);
	free(program->waiting);
	free(program->path);
	free(program);
}

/* NULL: out of memory. */
static struct hook_program *
program_new(struct hooks *hooks, const char *path)
{
	struct hook_program *program = calloc(1, sizeof(*program));

	if (program == NULL)
		return NULL;
	program->hooks = hooks;
	program->path = strdup(path);
	program->timer = loop_timer_new(hooks->loop, program_timer, program);
	if (program->path != NULL && program->timer != NULL)
		return program;
	program_free(program, "");
	return NULL;
}

static void
programs_free(struct hook_program **programs, size_t count, const char *why)
{
	for (size_t i = 0; i < count; i++)
		program_free(programs[i], why);
	free(programs);
}

void
hooks_free(struct hooks *hooks)
{
	if (hooks == NULL)
		return;
	programs_free(hooks->programs, hooks->count, "this program ends");
	free(hooks);
}

/* No reason not to go on, and it may come later. At the start only, for a look may block. */
static void
warn_if_missing(const struct hooks *hooks, const char *path)
{
	if (access(path, X_OK) != 0)
		log_at(hooks->logger, PGAF_LOG_WARNING, "hook-missing",
		       "hook %s is missing or may not be executed", path);
}

static bool
is_same_list(const struct hooks *hooks, const char *const *files, size_t count)
{
	if (hooks->count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(hooks->programs[i]->path, files[i]) != 0)
			return false;
	return true;
}

/* A program that is in both lists goes on as it is, with what waits for it. */
static void
programs_keep(struct hooks *hooks, struct hook_program **programs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < hooks->count; k++) {
			struct hook_program *old = hooks->programs[k];

			if (old == NULL || strcmp(old->path, programs[i]->path) != 0)
				continue;
			program_free(programs[i], "");
			programs[i] = old;
			hooks->programs[k] = NULL;
			break;
		}
}

int
hooks_set(struct hooks *hooks, const struct hooks_list *list, bool *changed,
          struct pgaf_error *error)
{
	struct hook_program **programs = NULL;
	size_t made = 0;

	hooks->limit = list->limit != 0 ? list->limit : HOOKS_LIMIT_USUAL;
	*changed = !is_same_list(hooks, list->files, list->count);
	if (!*changed)
		return 0;
	programs = calloc(list->count + 1, sizeof(struct hook_program *));
	while (programs != NULL && made < list->count &&
	       (programs[made] = program_new(hooks, list->files[made])) != NULL)
		made++;
	if (programs == NULL || made < list->count) {
		programs_free(programs, programs != NULL ? made : 0, "");
		return error_set(error, PGAF_ENOMEM, "out of memory");
	}
	programs_keep(hooks, programs, made);
	programs_free(hooks->programs, hooks->count, "it is no hook any more");
	hooks->programs = programs;
	hooks->count = made;
	return 0;
}

struct hooks *
hooks_new(struct loop *loop, const struct logger *logger, const struct hooks_list *list,
          struct pgaf_error *error)
{
	struct hooks *hooks = calloc(1, sizeof(*hooks));
	bool changed = false;

	if (hooks == NULL) {
		error_set(error, PGAF_ENOMEM, "out of memory");
		return NULL;
	}
	hooks->loop = loop;
	hooks->logger = logger;
	if (hooks_set(hooks, list, &changed, error) < 0) {
		hooks_free(hooks);
		return NULL;
	}
	for (size_t i = 0; i < hooks->count; i++)
		warn_if_missing(hooks, hooks->programs[i]->path);
	return hooks;
}

int
hooks_check(const struct hooks_list *list, struct pgaf_error *error)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->files[i][0] != '/')
			return error_set(error, PGAF_ECONFIG, "hook: \"%s\" must begin with /",
			                 list->files[i]);
	if (list->limit != 0 && list->limit < HOOKS_LIMIT_LEAST)
		return error_set(error, PGAF_ECONFIG, "hook_limit is less than 100ms");
	return 0;
}
