/* SPDX-License-Identifier: PostgreSQL */
/* Runs scripts and compares, or rewrites, what the engine did. */
#include "unit/engine/script.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pgaf/error.h>

#include "core/codec_field.h"
#include "core/hook.h"

#define FILE_MAX 262144
#define SAID_MAX 65536

const char *
script_read(const struct record_spec *spec, pgaf_time now, const char *rest, void *record)
{
	const struct clock clock = {.relative = true, .now = now};
	struct pgaf_error error = {0};

	ck_assert_msg(record_read(spec, &clock, &rest, record, &error) == 0, "%s", error.text);
	return rest;
}

const char *
script_hook(const struct hook_call *call, char *to, size_t room)
{
	struct text line;

	text_init(&line, to, room);
	text_addf(&line, "hook %s", hook_event_name(call->event));
	if (call->event == HOOK_ROLE_CHANGE)
		text_addf(&line, " from %s", hook_role_name(call->before));
	text_addf(&line, " as %s", hook_role_name(call->role));
	if (call->reason[0] != '\0')
		text_addf(&line, ": %s", call->reason);
	return to;
}

static char *
file_read(const char *path)
{
	FILE *file = fopen(path, "r");
	char *bytes = calloc(1, FILE_MAX);
	size_t used;

	ck_assert_msg(file != NULL && bytes != NULL, "%s", path);
	used = fread(bytes, 1, FILE_MAX - 1, file);
	ck_assert_msg(used < FILE_MAX - 1 && (used == 0 || bytes[used - 1] == '\n'), "%s", path);
	fclose(file);
	return bytes;
}

static void
file_write(const char *path, const char *bytes)
{
	FILE *file = fopen(path, "w");

	ck_assert(file != NULL);
	fputs(bytes, file);
	fclose(file);
}

/* One command, and what the engine did about it as indented lines. */
static void
command_run(const struct script *script, void *stand, const char *line, struct text *fresh)
{
	static char bytes[SAID_MAX];
	struct text said = TEXT(bytes);
	char word[32] = "";
	const char *rest = line + strcspn(line, " ");

	bytes[0] = '\0';
	snprintf(word, sizeof(word), "%.*s", (int)(rest - line), line);
	ck_assert_msg(stand != NULL, "a case begins with its promise: %s", line);
	ck_assert_msg(script->command(stand, word, rest + (*rest == ' '), &said),
	              "no such command: %s", line);
	ck_assert(!said.cut);
	for (const char *at = bytes; *at != '\0'; at += strcspn(at, "\n") + 1)
		text_addf(fresh, "    %.*s\n", (int)strcspn(at, "\n"), at);
}

static void
file_run(const struct script *script, const char *bytes, struct text *fresh)
{
	void *stand = NULL;
	bool heading = false;

	for (const char *at = bytes; *at != '\0'; at += strcspn(at, "\n") + 1) {
		char line[1024];

		snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
		if (line[0] == '#' && !heading) {
			if (stand != NULL)
				script->close(stand);
			stand = script->open();
		}
		heading = line[0] == '#';
		if (line[0] == ' ')
			continue;
		text_addf(fresh, "%s\n", line);
		if (line[0] == '>')
			command_run(script, stand, line + 2, fresh);
	}
	if (stand != NULL)
		script->close(stand);
}

/* Shows the first line that differs, under its case and command. */
static void
compare(const char *path, const char *want, const char *got)
{
	const char *promise = "";
	const char *command = "";

	while (*want != '\0' || *got != '\0') {
		size_t want_length = strcspn(want, "\n");
		size_t got_length = strcspn(got, "\n");

		if (*want == '#')
			promise = want;
		if (*want == '>')
			command = want;
		ck_assert_msg(want_length == got_length && memcmp(want, got, got_length) == 0,
		              "%s\n%.*s\n%.*s\nexpected:%.*s\ngot:     %.*s", path,
		              (int)strcspn(promise, "\n"), promise, (int)strcspn(command, "\n"),
		              command, (int)want_length, want, (int)got_length, got);
		want += want_length + (want[want_length] == '\n');
		got += got_length + (got[got_length] == '\n');
	}
}

void
script_run(const struct script *script, const char *folder)
{
	char path[1024];
	DIR *directory;
	size_t files = 0;

	snprintf(path, sizeof(path), "%s/tests/unit/engine/%s", PGAF_SOURCE_DIR, folder);
	directory = opendir(path);
	ck_assert_ptr_nonnull(directory);
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		char *fresh_bytes, *bytes;
		struct text fresh;

		if (strstr(entry->d_name, ".txt") == NULL)
			continue;
		snprintf(path, sizeof(path), "%s/tests/unit/engine/%s/%s", PGAF_SOURCE_DIR, folder,
		         entry->d_name);
		bytes = file_read(path);
		fresh_bytes = calloc(1, FILE_MAX);
		text_init(&fresh, fresh_bytes, FILE_MAX);
		file_run(script, bytes, &fresh);
		ck_assert(!fresh.cut);
		if (getenv("PGAF_REWRITE") != NULL)
			file_write(path, fresh_bytes);
		else
			compare(path, bytes, fresh_bytes);
		free(fresh_bytes);
		free(bytes);
		files++;
	}
	closedir(directory);
	ck_assert_uint_gt(files, 0);
}
