/* SPDX-License-Identifier: PostgreSQL */
/*
 * Settings from all their sources. The command line is read twice: once for
 * the name of the file, and again after file and environment, because it is
 * stronger than both.
 */

#include "base/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/options_parts.h"
#include "base/pure/error.h"
#include "base/pure/text.h"

/* The command line while it is read. */
struct line {
	const struct options *options;
	int argc;
	char **argv;
	int at;                   /* next argument */
	int first;                /* of those that are no options, seen so far */
	bool listed[OPTIONS_MAX]; /* list options that were given */
	bool file_named;
	struct pgaf_error *error;
};

static int
refuse_value(struct line *line, const char *shown, const struct text *why)
{
	return error_set(line->error, PGAF_ECONFIG, "option %s: %s", shown, why->at);
}

static int
set(struct line *line, const struct option_spec *spec, const char *shown, const char *value)
{
	char reason[256] = "";
	struct text why = TEXT(reason);
	bool *listed = &line->listed[spec - line->options->specs];

	if (!*listed)
		options_clear_list(line->options, spec);
	*listed = true;
	if (spec == line->options->file)
		line->file_named = true;
	return options_set(line->options, spec, value, &why) ? 0 : refuse_value(line, shown, &why);
}

static int
count_up(struct line *line, const struct option_spec *spec)
{
	++*(uint32_t *)((char *)line->options->into + spec->offset);
	return 0;
}

static bool
is_bool_word(const char *word)
{
	return word != NULL && (strcmp(word, "true") == 0 || strcmp(word, "false") == 0);
}

/* `value`: what stood behind '=', or NULL. */
static int
take(struct line *line, const struct option_spec *spec, const char *shown, const char *value)
{
	const char *next = line->at < line->argc ? line->argv[line->at] : NULL;

	if (spec->type == OPTION_FLAG || spec->type == OPTION_COUNT) {
		if (value != NULL)
			return error_set(line->error, PGAF_ECONFIG, "option %s takes no value",
			                 shown);
		return spec->type == OPTION_COUNT ? count_up(line, spec)
		                                  : set(line, spec, shown, "true");
	}
	if (value != NULL)
		return set(line, spec, shown, value);
	if (spec->type == OPTION_BOOL && !is_bool_word(next))
		return set(line, spec, shown, "true");
	if (next == NULL)
		return error_set(line->error, PGAF_ECONFIG, "option %s needs a value", shown);
	line->at++;
	return set(line, spec, shown, next);
}

static int
unknown(struct line *line, const char *shown)
{
	return error_set(line->error, PGAF_ECONFIG, "unknown option \"%s\"; see --help", shown);
}

static int
take_long(struct line *line, const char *argument)
{
	char name[128] = "";
	struct text text = TEXT(name);
	const char *value = strchr(argument, '=');
	char shown[140] = "--";

	text_add_bytes(&text, argument + 2,
	               value != NULL ? (size_t)(value - argument - 2) : strlen(argument + 2));
	value = value != NULL ? value + 1 : NULL;
	text_copy(shown + 2, sizeof(shown) - 2, name);

	const struct option_spec *spec = options_find(line->options, name);
	if (spec != NULL)
		return take(line, spec, shown, value);
	if (strncmp(name, "no-", 3) == 0) {
		spec = options_find(line->options, name + 3);
		if (spec != NULL && spec->type == OPTION_BOOL)
			return value == NULL ? set(line, spec, shown, "false")
			                     : error_set(line->error, PGAF_ECONFIG,
			                                 "option %s takes no value", shown);
	}
	return unknown(line, shown);
}

static const struct option_spec *
find_letter(const struct options *options, char letter)
{
	for (size_t i = 0; i < options->count; i++)
		if (options->specs[i].letter == letter)
			return &options->specs[i];
	return NULL;
}

static bool
takes_value(const struct option_spec *spec)
{
	return spec->type != OPTION_FLAG && spec->type != OPTION_COUNT && spec->type != OPTION_BOOL;
}

/* -v, -vvq, -c FILE, -cFILE */
static int
take_letters(struct line *line, const char *argument)
{
	for (const char *at = argument + 1; *at != '\0'; at++) {
		char shown[] = {'-', *at, '\0'};
		const struct option_spec *spec = find_letter(line->options, *at);
		if (spec == NULL)
			return unknown(line, shown);
		bool rest = takes_value(spec) && at[1] != '\0';
		int failed = take(line, spec, shown, rest ? at + 1 : NULL);
		if (failed < 0 || rest)
			return failed;
	}
	return 0;
}

/* Arguments from `from` up to line->at go before those that are no options. */
static void
move_forward(struct line *line, int from)
{
	for (int i = from; i < line->at; i++) {
		char *argument = line->argv[i];
		memmove(&line->argv[line->first + 1], &line->argv[line->first],
		        (size_t)(i - line->first) * sizeof(line->argv[0]));
		line->argv[line->first++] = argument;
	}
}

/* Returns the index of the first argument that is no option, or PGAF_ECONFIG. */
static int
read_arguments(struct line *line)
{
	line->at = line->first = 1;
	memset(line->listed, 0, sizeof(line->listed));
	while (line->at < line->argc) {
		int from = line->at;
		const char *argument = line->argv[line->at++];
		int failed = 0;
		if (argument[0] != '-' || argument[1] == '\0')
			continue;
		bool end = strcmp(argument, "--") == 0;
		if (!end)
			failed = argument[1] == '-' ? take_long(line, argument)
			                            : take_letters(line, argument);
		if (failed < 0)
			return failed;
		move_forward(line, from);
		if (end)
			break;
	}
	return line->first;
}

/* ---- environment -------------------------------------------------------------------------- */

static void
environment_name(const struct option_spec *spec, struct text *to)
{
	text_add(to, "PGAF_");
	for (const char *at = spec->name; *at != '\0'; at++) {
		char byte = *at == '-' ? '_' : *at;
		if (byte >= 'a' && byte <= 'z')
			byte = (char)(byte - 'a' + 'A');
		text_add_bytes(to, &byte, 1);
	}
}

/* Items between commas. */
static bool
set_list(const struct options *options, const struct option_spec *spec, const char *value,
         struct text *why)
{
	options_clear_list(options, spec);
	while (true) {
		char item[sizeof(((struct option_list *)NULL)->items[0]) + 1] = "";
		struct text text = TEXT(item);
		size_t length = strcspn(value, ",");

		text_add_bytes(&text, value, length);
		if (!options_set(options, spec, item, why))
			return false;
		if (value[length] == '\0')
			return true;
		value += length + 1;
	}
}

static int
read_environment(const struct options *options, bool *file_named, struct pgaf_error *error)
{
	for (size_t i = 0; i < options->count; i++) {
		const struct option_spec *spec = &options->specs[i];
		char variable[128] = "";
		char reason[256] = "";
		struct text name = TEXT(variable);
		struct text why = TEXT(reason);

		environment_name(spec, &name);
		const char *value = spec->only_command_line ? NULL : getenv(variable);
		if (value == NULL || value[0] == '\0')
			continue;
		if (spec == options->file)
			*file_named = true;
		bool done = spec->type == OPTION_LIST ? set_list(options, spec, value, &why)
		                                      : options_set(options, spec, value, &why);
		if (!done)
			return error_set(error, PGAF_ECONFIG, "environment variable %s: %s",
			                 variable, reason);
	}
	return 0;
}

/* ---- all together ------------------------------------------------------------------------- */

static int
set_defaults(const struct options *options, struct pgaf_error *error)
{
	char reason[256] = "";
	struct text why = TEXT(reason);

	if (options_set_defaults(options, &why))
		return 0;
	return error_set(error, PGAF_ECONFIG, "a default is wrong: %s", reason);
}

static int
read_file(const struct options *options, bool named, struct pgaf_error *error)
{
	char path[4096];

	/* Copied: the file may be told to set anything but this. */
	text_copy(path, sizeof(path), (const char *)options->into + options->file->offset);
	int failed = set_defaults(options, error);
	if (failed < 0 || path[0] == '\0')
		return failed;
	struct pgaf_error own = {0};
	failed = options_read_yaml(options, path, &own);
	if (failed == PGAF_ENOENT && !named)
		return 0;
	if (failed < 0)
		return error_set(error, PGAF_ECONFIG, "%s", own.text);
	return 0;
}

/* argc and argv belong together, as do specs and count. */
/* NOLINTBEGIN(readability-function-size) */
int
options_load(const struct option_spec *specs, size_t count, const char *file_option, int argc,
             char **argv, void *into, struct pgaf_error *error)
{
	struct options options = {.specs = specs, .count = count, .into = into};
	struct line line = {.options = &options, .argc = argc, .argv = argv, .error = error};

	if (count > OPTIONS_MAX)
		return error_set(error, PGAF_EINVAL, "more than %d options", OPTIONS_MAX);
	if (file_option != NULL)
		options.file = options_find(&options, file_option);
	int result = set_defaults(&options, error);
	if (result == 0)
		result = read_environment(&options, &line.file_named, error);
	if (result == 0)
		result = read_arguments(&line);
	if (result < 0 || options.file == NULL)
		return result;

	result = read_file(&options, line.file_named, error);
	if (result == 0)
		result = read_environment(&options, &line.file_named, error);
	return result < 0 ? result : read_arguments(&line);
}
/* NOLINTEND(readability-function-size) */

/* ---- two of them -------------------------------------------------------------------------- */

static bool
is_same_list(const struct option_list *one, const struct option_list *other)
{
	if (one->count != other->count)
		return false;
	for (size_t i = 0; i < one->count; i++)
		if (strcmp(one->items[i], other->items[i]) != 0)
			return false;
	return true;
}

static bool
is_same(const struct option_spec *spec, const void *one, const void *other)
{
	switch (spec->type) {
	case OPTION_LIST:
		return is_same_list(one, other);
	case OPTION_BOOL:
	case OPTION_FLAG:
		return *(const bool *)one == *(const bool *)other;
	case OPTION_COUNT:
	case OPTION_NUMBER:
		return *(const uint32_t *)one == *(const uint32_t *)other;
	case OPTION_DURATION:
		return *(const pgaf_time *)one == *(const pgaf_time *)other;
	case OPTION_SIZE:
		return *(const uint64_t *)one == *(const uint64_t *)other;
	case OPTION_TEXT:
	case OPTION_CHOICE:
	case OPTION_ADDRESS:
	default:
		return strcmp(one, other) == 0;
	}
}

const struct option_spec *
options_difference(const struct option_spec *from, const struct option_spec *end, const void *one,
                   const void *other)
{
	for (const struct option_spec *spec = from; spec < end; spec++)
		if (!is_same(spec, (const char *)one + spec->offset,
		             (const char *)other + spec->offset))
			return spec;
	return NULL;
}
