/* SPDX-License-Identifier: PostgreSQL */
/*
 * Small files in the state directory: `identity` (key=value lines), `token` and
 * `passwords` (secrets, one a line), `note` (core/note.h). Identity is written
 * last: while it is missing the others mean nothing.
 */

#include "engine/real/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/pure/error.h"
#include "base/pure/text.h"

#define IDENTITY_FILE_MAX 8192

bool
identity_is_same(const struct identity *a, const struct identity *b)
{
	return a->node_id == b->node_id && a->incarnation == b->incarnation &&
	       a->group_id == b->group_id && strcmp(a->formation, b->formation) == 0 &&
	       strcmp(a->token, b->token) == 0 &&
	       strcmp(a->replicator_password, b->replicator_password) == 0 &&
	       strcmp(a->probe_password, b->probe_password) == 0;
}

/* The value of `key` in "key=value" lines; "" when it is not there. */
static void
identity_find(const char *lines, const char *key, char *to, size_t room)
{
	size_t length = strlen(key);

	to[0] = '\0';
	while (*lines != '\0') {
		size_t line = strcspn(lines, "\n");

		if (line > length && strncmp(lines, key, length) == 0 && lines[length] == '=') {
			snprintf(to, room, "%.*s", (int)(line - length - 1), lines + length + 1);
			return;
		}
		lines += line + (lines[line] == '\n');
	}
}

static bool
identity_find_number(const char *lines, const char *key, uint64_t most, uint64_t *to)
{
	char value[32];

	identity_find(lines, key, value, sizeof(value));
	return text_to_u64(value, to) && *to <= most;
}

static int
identity_parse(const char *path, const char *lines, struct identity *identity,
               struct pgaf_error *error)
{
	uint64_t node_id = 0;
	uint64_t group_id = 0;

	if (!identity_find_number(lines, "node_id", UINT32_MAX, &node_id) ||
	    !identity_find_number(lines, "group", UINT32_MAX, &group_id) ||
	    !identity_find_number(lines, "incarnation", UINT64_MAX, &identity->incarnation))
		return error_set(error, PGAF_EREFUSED,
		                 "%s is damaged; put it back, or remove the state directory and "
		                 "drop the node to join anew",
		                 path);
	identity->node_id = (pgaf_node_id)node_id;
	identity->group_id = (uint32_t)group_id;
	identity_find(lines, "formation", identity->formation, sizeof(identity->formation));
	return 0;
}

static int
identity_load_secrets(const struct home *home, struct identity *identity, struct pgaf_error *error)
{
	char path[HOME_PATH_MAX + 64];
	char *lines = NULL;
	int result = 0;

	home_path(home, "token", path);
	result = files_read_secret(path, identity->token, sizeof(identity->token), error);
	if (result < 0)
		return result;
	home_path(home, "passwords", path);
	result = files_read(path, IDENTITY_FILE_MAX, &lines, NULL, error);
	if (result < 0)
		return result;
	identity_find(lines, "replicator", identity->replicator_password,
	              sizeof(identity->replicator_password));
	identity_find(lines, "probe", identity->probe_password, sizeof(identity->probe_password));
	free(lines);
	return 0;
}

int
identity_load(const struct home *home, struct identity *identity, bool *known,
              struct pgaf_error *error)
{
	char path[HOME_PATH_MAX + 64];
	char *lines = NULL;
	int result = 0;

	*identity = (struct identity){0};
	*known = false;
	home_path(home, "identity", path);
	result = files_read(path, IDENTITY_FILE_MAX, &lines, NULL, error);
	if (result == PGAF_ENOENT) {
		if (error)
			*error = (struct pgaf_error){0};
		return 0;
	}
	if (result < 0)
		return result;
	*known = true;
	result = identity_parse(path, lines, identity, error);
	free(lines);
	return result < 0 ? result : identity_load_secrets(home, identity, error);
}

static int
identity_write(const struct home *home, const char *name, const char *content,
               struct pgaf_error *error)
{
	char path[HOME_PATH_MAX + 64];

	home_path(home, name, path);
	return files_write(path, content, strlen(content), 0600, error);
}

int
identity_save(const struct home *home, const struct identity *identity, struct pgaf_error *error)
{
	char room[1024];
	struct text text = TEXT(room);
	int result = 0;

	text_addf(&text, "%s\n", identity->token);
	result = identity_write(home, "token", room, error);
	if (result < 0)
		return result;
	text = TEXT(room);
	text_addf(&text, "replicator=%s\nprobe=%s\n", identity->replicator_password,
	          identity->probe_password);
	result = identity_write(home, "passwords", room, error);
	if (result < 0)
		return result;
	text = TEXT(room);
	text_addf(&text, "node_id=%u\nincarnation=%llu\nformation=%s\ngroup=%u\n",
	          identity->node_id, (unsigned long long)identity->incarnation, identity->formation,
	          identity->group_id);
	return identity_write(home, "identity", room, error);
}

int
identity_load_note(const struct home *home, struct note *note, struct pgaf_error *error)
{
	char path[HOME_PATH_MAX + 64];
	char *line = NULL;
	int result = 0;

	*note = (struct note){0};
	home_path(home, "note", path);
	result = files_read(path, IDENTITY_NOTE_MAX, &line, NULL, error);
	if (result == PGAF_ENOENT) {
		if (error)
			*error = (struct pgaf_error){0};
		return 0;
	}
	if (result < 0)
		return result;
	line[strcspn(line, "\n")] = '\0';
	result = note_read(line, note, error);
	free(line);
	if (result < 0) {
		error_prefix(error, "%s", path);
		return error_set(error, PGAF_EREFUSED, "%s", error ? error->text : "");
	}
	return 0;
}

int
identity_save_note(const struct home *home, const char *line, struct pgaf_error *error)
{
	return identity_write(home, "note", line, error);
}
