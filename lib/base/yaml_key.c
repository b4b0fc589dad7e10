/* SPDX-License-Identifier: PostgreSQL */
/*
 * Looking up one value of another program's configuration. The rest of the
 * file is that program's business and only has to be YAML.
 */

#include "base/yaml_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "base/sys.h"

struct lookup {
	const char *key;
	char *to;
	size_t room;
	unsigned depth; /* of mappings and sequences that are open */
	bool is_key;    /* the next scalar of the top mapping is a key */
	bool wanted;    /* … was ours: take the next scalar */
	bool found;
};

static void
scalar_look(struct lookup *lookup, const char *value)
{
	if (lookup->depth == 1 && lookup->is_key) {
		lookup->wanted = strcmp(value, lookup->key) == 0;
		lookup->is_key = false;
		return;
	}
	if (lookup->wanted && !lookup->found && lookup->depth <= 2) {
		lookup->found = true;
		text_copy(lookup->to, lookup->room, value);
	}
	if (lookup->depth == 1)
		lookup->is_key = true;
}

static void
event_look(struct lookup *lookup, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		scalar_look(lookup, (const char *)event->data.scalar.value);
		break;
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		lookup->depth++;
		if (lookup->depth == 1)
			lookup->is_key = true;
		break;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		lookup->depth--;
		if (lookup->depth == 1)
			lookup->is_key = true;
		break;
	case YAML_ALIAS_EVENT:
		if (lookup->depth == 1)
			lookup->is_key = true;
		break;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	default:
		break;
	}
}

static int
stream_look(struct lookup *lookup, yaml_parser_t *parser, const char *path,
            struct pgaf_error *error)
{
	bool end = false;

	while (!end) {
		yaml_event_t event;
		if (!yaml_parser_parse(parser, &event))
			return error_set(error, PGAF_ECONFIG, "%s:%zu: %s", path,
			                 parser->problem_mark.line + 1,
			                 parser->problem ? parser->problem : "no YAML");
		event_look(lookup, &event);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return 0;
}

int
yaml_key_read(const char *path, const char *key, char *to, size_t room, struct pgaf_error *error)
{
	struct lookup lookup = {.key = key, .to = to, .room = room};
	yaml_parser_t parser;
	FILE *file = fopen(path, "re");
	int result;

	to[0] = '\0';
	if (!file && errno == ENOENT)
		return 0;
	if (!file) {
		sys_error(error, errno, "%s", path);
		return PGAF_ECONFIG;
	}
	if (!yaml_parser_initialize(&parser)) {
		result = error_set(error, PGAF_ENOMEM, "out of memory");
	} else {
		yaml_parser_set_input_file(&parser, file);
		result = stream_look(&lookup, &parser, path, error);
		yaml_parser_delete(&parser);
	}
	fclose(file);
	return result;
}
