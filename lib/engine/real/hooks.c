/* SPDX-License-Identifier: PostgreSQL */
/* Messages wait in a place per topic of each program; one timer per program starts and ends it. */

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
	uint64_t number; /* in the order of events */
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
	struct hook_message *waiting[HOOK_TOPIC_COUNT];
};

struct hooks {
	struct loop *loop;
	const struct logger *logger;
	pgaf_time limit;
	uint64_t sent;
	size_t count;
	struct hook_program programs[];
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
message_new(uint64_t number, enum hook_event event, const struct variable *told, size_t count)
{
	struct hook_message *message = calloc(1, sizeof(*message));

	if (message == NULL)
		return NULL;
	message->users = 1;
	message->number = number;
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
take_oldest(struct hook_program *program)
{
	struct hook_message **oldest = NULL;
	struct hook_message *taken = NULL;

	for (int i = 0; i < HOOK_TOPIC_COUNT; i++) {
		struct hook_message **at = &program->waiting[i];

		if (*at != NULL && (oldest == NULL || (*at)->number < (*oldest)->number))
			oldest = at;
	}
	if (oldest == NULL)
		return NULL;
	taken = *oldest;
	*oldest = NULL;
	return taken;
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

static bool
has_waiting(const struct hook_program *program)
{
	for (int i = 0; i < HOOK_TOPIC_COUNT; i++)
		if (program->waiting[i] != NULL)
			return true;
	return false;
}

static void
start_soon(struct hook_program *program)
{
	if (program->child == NULL && has_waiting(program))
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

void
hooks_run(struct hooks *hooks, enum hook_event event, const struct variable *told, size_t count)
{
	struct hook_message *message = NULL;

	if (hooks == NULL || hooks->count == 0)
		return;
	message = message_new(++hooks->sent, event, told, count);
	if (message == NULL) {
		log_at(hooks->logger, PGAF_LOG_WARNING, "hook-skipped",
		       "no hook is called for %s: out of memory", hook_event_name(event));
		return;
	}
	for (size_t i = 0; i < hooks->count; i++) {
		struct hook_program *program = &hooks->programs[i];
		struct hook_message **place = &program->waiting[hook_event_topic(event)];

		if (*place != NULL)
			log_skipped(program, *place, "a newer one waits, and it still runs");
		message_release(*place);
		*place = message;
		message->users++;
		start_soon(program);
	}
	message_release(message);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void
program_free(struct hook_program *program)
{
	struct hook_message *message = NULL;

	while ((message = take_oldest(program)) != NULL) {
		log_skipped(program, message, "the keeper ends");
		message_release(message);
	}
	if (program->child != NULL)
		log_at(program->hooks->logger, PGAF_LOG_INFO, "hook-left",
		       "%s for %s still runs, and nobody ends it", program->path,
		       hook_event_name(program->running));
	loop_child_free(program->child);
	loop_timer_free(program->timer);
	free(program->path);
}

void
hooks_free(struct hooks *hooks)
{
	if (hooks == NULL)
		return;
	for (size_t i = 0; i < hooks->count; i++)
		program_free(&hooks->programs[i]);
	free(hooks);
}

struct hooks *
hooks_new(struct loop *loop, const struct hooks_options *options, struct pgaf_error *error)
{
	struct hooks *hooks =
		calloc(1, sizeof(*hooks) + options->count * sizeof(hooks->programs[0]));

	if (hooks != NULL) {
		hooks->loop = loop;
		hooks->logger = options->logger;
		hooks->limit = options->limit;
	}
	for (size_t i = 0; hooks != NULL && i < options->count; i++) {
		struct hook_program *program = &hooks->programs[hooks->count++];

		program->hooks = hooks;
		program->path = strdup(options->files[i]);
		program->timer = loop_timer_new(loop, program_timer, program);
		if (program->path != NULL && program->timer != NULL)
			continue;
		hooks_free(hooks);
		hooks = NULL;
	}
	if (hooks == NULL)
		error_set(error, PGAF_ENOMEM, "out of memory");
	return hooks;
}
