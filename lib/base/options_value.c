/* SPDX-License-Identifier: PostgreSQL */
/* One option from its written value into the program's struct, whatever the source. */

#include <string.h>

#include "base/options_parts.h"
#include "base/pure/text.h"

/* A value in a message: short, and printable. */
static void
add_value(struct text *why, const char *value)
{
	text_add(why, "\"");
	for (size_t i = 0; value[i] != '\0' && i < 40; i++)
		text_add_bytes(why, (unsigned char)value[i] < ' ' ? "?" : value + i, 1);
	text_add(why, strlen(value) > 40 ? "...\"" : "\"");
}

static void *
field(const struct options *options, const struct option_spec *spec)
{
	return (char *)options->into + spec->offset;
}

static bool
refuse(struct text *why, const char *value, const char *what)
{
	add_value(why, value);
	text_addf(why, " is %s", what);
	return false;
}

static bool
set_text(char *to, size_t room, const char *value, struct text *why)
{
	if (text_copy(to, room, value))
		return true;
	text_addf(why, "is longer than %zu bytes", room - 1);
	return false;
}

static bool
add_item(struct option_list *list, const char *value, struct text *why)
{
	if (list->count == OPTION_LIST_MAX) {
		text_addf(why, "is given more than %d times", OPTION_LIST_MAX);
		return false;
	}
	if (value[0] == '\0') {
		text_add(why, "has an empty value");
		return false;
	}
	if (!set_text(list->items[list->count], sizeof(list->items[0]), value, why))
		return false;
	list->count++;
	return true;
}

static bool
set_bool(bool *to, const char *value, struct text *why)
{
	static const struct {
		const char *word;
		bool means;
	} words[] = {{"true", true},   {"yes", true}, {"on", true},
	             {"false", false}, {"no", false}, {"off", false}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(value, words[i].word) == 0) {
			*to = words[i].means;
			return true;
		}
	}
	return refuse(why, value, "neither true nor false");
}

static void
add_limit(struct text *why, enum option_type type, int64_t limit)
{
	if (type == OPTION_DURATION)
		duration_format(limit, why);
	else if (type == OPTION_SIZE)
		size_format((uint64_t)limit, why);
	else
		text_addf(why, "%lld", (long long)limit);
}

static bool
is_within(const struct option_spec *spec, int64_t number, const char *value, struct text *why)
{
	bool limited = spec->least != 0 || spec->most != 0;

	if (!limited || (number >= spec->least && (spec->most == 0 || number <= spec->most)))
		return true;
	add_value(why, value);
	if (spec->most == 0) {
		text_add(why, " is less than ");
		add_limit(why, spec->type, spec->least);
		return false;
	}
	text_add(why, " is not within ");
	add_limit(why, spec->type, spec->least);
	text_add(why, " to ");
	add_limit(why, spec->type, spec->most);
	return false;
}

static bool
set_number(const struct option_spec *spec, uint32_t *to, const char *value, struct text *why)
{
	uint64_t number = 0;

	if (!text_to_u64(value, &number) || number > UINT32_MAX)
		return refuse(why, value, "no whole number");
	if (!is_within(spec, (int64_t)number, value, why))
		return false;
	*to = (uint32_t)number;
	return true;
}

static bool
set_duration(const struct option_spec *spec, pgaf_time *to, const char *value, struct text *why)
{
	pgaf_time duration = 0;

	if (!duration_parse(value, &duration))
		return refuse(why, value, "no duration such as 250ms, 1.5s or 10min");
	if (!is_within(spec, duration, value, why))
		return false;
	*to = duration;
	return true;
}

static bool
set_size(const struct option_spec *spec, uint64_t *to, const char *value, struct text *why)
{
	uint64_t bytes = 0;

	if (!size_parse(value, &bytes))
		return refuse(why, value, "no size such as 16kB, 10MB or 1GB");
	if (!is_within(spec, (int64_t)bytes, value, why))
		return false;
	*to = bytes;
	return true;
}

static bool
set_choice(const struct option_spec *spec, char *to, const char *value, struct text *why)
{
	const char *at = spec->choices;

	while (at != NULL) {
		size_t length = strcspn(at, "|");

		if (strlen(value) == length && strncmp(at, value, length) == 0)
			return set_text(to, spec->room, value, why);
		at = at[length] == '|' ? at + length + 1 : NULL;
	}
	add_value(why, value);
	text_addf(why, " is not one of %s", spec->choices);
	return false;
}

static bool
set_address(const struct option_spec *spec, char *to, const char *value, struct text *why)
{
	char host[PGAF_HOST_MAX];
	uint16_t port = 0;

	if (strcmp(value, "off") != 0 && !address_split(value, host, sizeof(host), &port))
		return refuse(why, value, "neither HOST:PORT, [IPV6]:PORT, :PORT nor off");
	return set_text(to, spec->room, value, why);
}

bool
options_set(const struct options *options, const struct option_spec *spec, const char *value,
            struct text *why)
{
	void *to = field(options, spec);

	switch (spec->type) {
	case OPTION_TEXT:
		return set_text(to, spec->room, value, why);
	case OPTION_LIST:
		return add_item(to, value, why);
	case OPTION_BOOL:
	case OPTION_FLAG:
		return set_bool(to, value, why);
	case OPTION_COUNT:
	case OPTION_NUMBER:
		return set_number(spec, to, value, why);
	case OPTION_DURATION:
		return set_duration(spec, to, value, why);
	case OPTION_SIZE:
		return set_size(spec, to, value, why);
	case OPTION_CHOICE:
		return set_choice(spec, to, value, why);
	case OPTION_ADDRESS:
		return set_address(spec, to, value, why);
	}
	return false;
}

void
options_clear_list(const struct options *options, const struct option_spec *spec)
{
	if (spec->type == OPTION_LIST)
		*(struct option_list *)field(options, spec) = (struct option_list){0};
}

/* The empty value of a type, which need not be one that could be written. */
static void
clear(const struct options *options, const struct option_spec *spec)
{
	void *to = field(options, spec);

	switch (spec->type) {
	case OPTION_TEXT:
	case OPTION_CHOICE:
	case OPTION_ADDRESS:
		*(char *)to = '\0';
		break;
	case OPTION_LIST:
		options_clear_list(options, spec);
		break;
	case OPTION_BOOL:
	case OPTION_FLAG:
		*(bool *)to = false;
		break;
	case OPTION_COUNT:
	case OPTION_NUMBER:
		*(uint32_t *)to = 0;
		break;
	case OPTION_DURATION:
		*(pgaf_time *)to = 0;
		break;
	case OPTION_SIZE:
		*(uint64_t *)to = 0;
		break;
	}
}

bool
options_set_defaults(const struct options *options, struct text *why)
{
	for (size_t i = 0; i < options->count; i++) {
		const struct option_spec *spec = &options->specs[i];
		clear(options, spec);
		if (spec->initial != NULL && spec->initial[0] != '\0' &&
		    !options_set(options, spec, spec->initial, why))
			return false;
	}
	return true;
}

void
options_key(const struct option_spec *spec, struct text *to)
{
	for (const char *at = spec->name; *at != '\0'; at++)
		text_add_bytes(to, *at == '-' ? "_" : at, 1);
}

const struct option_spec *
options_find(const struct options *options, const char *name)
{
	for (size_t i = 0; i < options->count; i++)
		if (strcmp(options->specs[i].name, name) == 0)
			return &options->specs[i];
	return NULL;
}
