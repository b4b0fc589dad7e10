/* SPDX-License-Identifier: PostgreSQL */
/*
 * The YAML face of the options: one flat mapping. What a settings file has no
 * use for (aliases, anchors, tags, nesting, several documents) is refused, so
 * that nothing in it means something else than it looks like.
 */

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/files.h"
#include "base/options_parts.h"
#include "base/pure/error.h"
#include "base/pure/text.h"

#define FILE_MAX ((size_t)1024 * 1024)

struct reader {
	const struct options *options;
	const char *path;
	yaml_parser_t parser;
	yaml_event_t event; /* the one under way */
	char key[128];
	size_t key_line;
	size_t seen[OPTIONS_MAX]; /* line of each key, 0 = not there */
	struct pgaf_error *error;
};

static size_t
line_of(const struct reader *reader)
{
	return reader->event.start_mark.line + 1;
}

static int
refuse_file(struct reader *reader, const char *what)
{
	return error_set(reader->error, PGAF_ECONFIG, "%s:%zu: %s", reader->path, line_of(reader),
	                 what);
}

static int
refuse_key(struct reader *reader, const char *what)
{
	return error_set(reader->error, PGAF_ECONFIG, "%s:%zu: key \"%s\": %s", reader->path,
	                 reader->key_line, reader->key, what);
}

/* With the key when there is one already. */
static int
refuse(struct reader *reader, const char *what)
{
	if (reader->key[0] == '\0')
		return refuse_file(reader, what);
	reader->key_line = line_of(reader);
	return refuse_key(reader, what);
}

/* The next event; the one before is dropped. */
static int
next(struct reader *reader)
{
	yaml_event_delete(&reader->event);
	if (yaml_parser_parse(&reader->parser, &reader->event) != 0)
		return 0;
	const char *problem = reader->parser.problem;
	size_t line = reader->parser.problem_mark.line;
	if (line == 0)
		line = reader->parser.mark.line;
	return error_set(reader->error, PGAF_ECONFIG, "%s:%zu: %s", reader->path, line + 1,
	                 problem != NULL ? problem : "this is no YAML");
}

/* Aliases, anchors and tags, wherever they are. */
static int
refuse_tricks(struct reader *reader)
{
	const yaml_event_t *event = &reader->event;
	const yaml_char_t *anchor = NULL;
	const yaml_char_t *tag = NULL;

	if (event->type == YAML_ALIAS_EVENT)
		return refuse(reader, "aliases are not allowed");
	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	if (anchor != NULL)
		return refuse(reader, "anchors are not allowed");
	return tag != NULL ? refuse(reader, "tags are not allowed") : 0;
}

/* The scalar's text, or NULL after an error. */
static const char *
scalar(struct reader *reader)
{
	const char *value = (const char *)reader->event.data.scalar.value;

	if (strlen(value) != reader->event.data.scalar.length) {
		refuse(reader, "a zero byte is not allowed");
		return NULL;
	}
	return value;
}

static bool
is_null(const yaml_event_t *event, const char *value)
{
	return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (value[0] == '\0' || strcmp(value, "~") == 0 || strcmp(value, "null") == 0);
}

static int
set(struct reader *reader, const struct option_spec *spec)
{
	char reason[256] = "";
	struct text why = TEXT(reason);
	const char *value = scalar(reader);

	if (value == NULL)
		return PGAF_ECONFIG;
	if (is_null(&reader->event, value))
		return refuse(reader, "has no value");
	return options_set(reader->options, spec, value, &why) ? 0 : refuse(reader, reason);
}

static int
read_sequence(struct reader *reader, const struct option_spec *spec)
{
	if (spec->type != OPTION_LIST)
		return refuse(reader, "takes one value, not a list");
	while (true) {
		int failed = next(reader);
		if (failed == 0)
			failed = refuse_tricks(reader);
		if (failed < 0)
			return failed;
		if (reader->event.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		if (reader->event.type != YAML_SCALAR_EVENT)
			return refuse(reader, "a list holds plain values only");
		failed = set(reader, spec);
		if (failed < 0)
			return failed;
	}
}

static int
read_value(struct reader *reader, const struct option_spec *spec)
{
	int failed = next(reader);

	if (failed == 0)
		failed = refuse_tricks(reader);
	if (failed < 0)
		return failed;
	if (reader->event.type == YAML_SCALAR_EVENT)
		return set(reader, spec);
	if (reader->event.type == YAML_SEQUENCE_START_EVENT)
		return read_sequence(reader, spec);
	return refuse(reader, "a mapping is not allowed here");
}

static const struct option_spec *
find_key(const struct options *options, const char *key)
{
	for (size_t i = 0; i < options->count; i++) {
		char name[128] = "";
		struct text text = TEXT(name);

		options_key(&options->specs[i], &text);
		if (strcmp(name, key) == 0)
			return &options->specs[i];
	}
	return NULL;
}

static int
unknown_key(struct reader *reader)
{
	char underscored[128];
	char what[200] = "";
	struct text text = TEXT(what);

	text_copy(underscored, sizeof(underscored), reader->key);
	for (char *at = underscored; *at != '\0'; at++)
		if (*at == '-')
			*at = '_';
	text_add(&text, "unknown");
	if (find_key(reader->options, underscored) != NULL)
		text_addf(&text, "; write \"%s\"", underscored);
	return refuse_key(reader, what);
}

static int
read_key(struct reader *reader, const struct option_spec **spec)
{
	char what[128] = "";
	struct text text = TEXT(what);
	const char *key = scalar(reader);

	if (key == NULL)
		return PGAF_ECONFIG;
	text_copy(reader->key, sizeof(reader->key), key);
	reader->key_line = line_of(reader);
	*spec = find_key(reader->options, key);
	if (*spec == NULL)
		return unknown_key(reader);
	if ((*spec)->only_command_line || *spec == reader->options->file)
		return refuse_key(reader, "is for the command line only");

	size_t *seen = &reader->seen[*spec - reader->options->specs];
	text_addf(&text, "was given in line %zu already", *seen);
	if (*seen != 0)
		return refuse_key(reader, what);
	*seen = reader->key_line;
	options_clear_list(reader->options, *spec);
	return 0;
}

static int
read_mapping(struct reader *reader)
{
	while (true) {
		const struct option_spec *spec = NULL;
		reader->key[0] = '\0';
		int failed = next(reader);
		if (failed == 0)
			failed = refuse_tricks(reader);
		if (failed < 0)
			return failed;
		if (reader->event.type == YAML_MAPPING_END_EVENT)
			return 0;
		if (reader->event.type != YAML_SCALAR_EVENT)
			return refuse_file(reader, "a key must be a plain word");
		failed = read_key(reader, &spec);
		if (failed == 0)
			failed = read_value(reader, spec);
		if (failed < 0)
			return failed;
	}
}

static int
read_document(struct reader *reader)
{
	int failed = next(reader);

	if (failed == 0)
		failed = refuse_tricks(reader);
	if (failed < 0)
		return failed;
	/* Only comments between the markers. */
	if (reader->event.type == YAML_SCALAR_EVENT &&
	    is_null(&reader->event, (const char *)reader->event.data.scalar.value))
		return next(reader);
	if (reader->event.type != YAML_MAPPING_START_EVENT)
		return refuse_file(reader, "expected lines of the form \"key: value\"");
	failed = read_mapping(reader);
	return failed < 0 ? failed : next(reader); /* the end of the document */
}

static int
read_stream(struct reader *reader)
{
	bool had_document = false;

	do {
		int failed = next(reader);
		if (failed == 0 && reader->event.type == YAML_DOCUMENT_START_EVENT) {
			failed = had_document ? refuse_file(reader, "only one document is allowed")
			                      : read_document(reader);
			had_document = true;
		}
		if (failed < 0)
			return failed;
	} while (reader->event.type != YAML_STREAM_END_EVENT);
	return 0;
}

int
options_read_yaml(const struct options *options, const char *path, struct pgaf_error *error)
{
	struct reader reader = {.options = options, .path = path, .error = error};
	char *bytes = NULL;
	size_t count = 0;

	int failed = files_read(path, FILE_MAX, &bytes, &count, error);
	if (failed < 0)
		return failed;
	if (yaml_parser_initialize(&reader.parser) == 0) {
		free(bytes);
		return error_set(error, PGAF_ENOMEM, "read %s: out of memory", path);
	}
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)bytes, count);
	failed = read_stream(&reader);
	yaml_event_delete(&reader.event);
	yaml_parser_delete(&reader.parser);
	free(bytes);
	return failed;
}
