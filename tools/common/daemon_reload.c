/* SPDX-License-Identifier: PostgreSQL */
/* What a daemon does when its operator has changed something and says so by SIGHUP. */

#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "common/daemon.h"

static void
daemon_say(struct daemon_log *log, enum pgaf_log_level level, const char *event, const char *text)
{
	daemon_log_write(log, &(struct pgaf_log){
				      .level = level,
				      .event = event,
				      .text = text,
				      .formation = "",
				      .node_name = "",
			      });
}

/* Of what cannot change while it runs the names are said, and not the values. */
static void
daemon_say_later(const struct daemon_program *program, const void *settings, struct daemon_log *log)
{
	const struct option_spec *end = program->specs + program->spec_count;
	const struct option_spec *spec = program->specs;
	char room[1024] = "";
	struct text text = TEXT(room);

	while ((spec = options_difference(spec, end, program->settings, settings))) {
		if (!spec->reread)
			text_addf(&text, "%s%s", text.used > 0 ? ", " : "", spec->name);
		spec++;
	}
	if (text.used == 0)
		return;
	text_add(&text, " changed, which takes effect at the next start");
	daemon_say(log, PGAF_LOG_WARNING, "reload-later", room);
}

static int
daemon_reread(const struct daemon_handle *handle, void *settings, struct daemon_log *log,
              struct pgaf_error *error)
{
	const struct daemon_program *program = handle->program;
	int result = options_load(program->specs, program->spec_count, "config", handle->argc,
	                          handle->argv, settings, error);

	if (result < 0)
		return result;
	result = program->take(handle->handle, settings, error);
	if (result == 0)
		daemon_say_later(program, settings, log);
	return result;
}

void
daemon_reload(const struct daemon_handle *handle, struct daemon_log *log)
{
	const struct daemon_program *program = handle->program;
	struct pgaf_error error = {.text = "out of memory"};
	char room[sizeof(error.text) + 64] = "";
	struct text text = TEXT(room);
	void *settings = calloc(1, program->settings_size);

	daemon_notify_reloading(&handle->notify);
	daemon_log_reopen(log);
	if (settings && daemon_reread(handle, settings, log, &error) == 0) {
		daemon_say(log, PGAF_LOG_INFO, "reloaded", "read settings and certificates again");
	} else {
		text_addf(&text, "the settings stay as they were: %s", error.text);
		daemon_say(log, PGAF_LOG_WARNING, "reload-failed", room);
	}
	if (settings)
		explicit_bzero(settings, program->settings_size);
	free(settings);
	handle->calls->reload(handle->handle);
	daemon_notify_ready(&handle->notify);
}
