/* SPDX-License-Identifier: PostgreSQL */
/*
 * Finished records to the caller's callback, and the two forms the tools
 * print: one line of text or one JSON object, in UTC.
 */

#include "base/log.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/pure/text.h"

static void
emit(const struct logger *logger, const struct pgaf_log *what)
{
	struct pgaf_log record = *what;

	record.formation = logger->formation != NULL ? logger->formation : "";
	record.group_id = logger->group_id;
	record.node_id = logger->node_id;
	record.node_name = logger->node_name != NULL ? logger->node_name : "";
	logger->fn(logger->ctx, &record);
}

static bool
is_wanted(const struct logger *logger, enum pgaf_log_level level)
{
	return logger->fn != NULL && level <= logger->level;
}

void
log_at(const struct logger *logger, enum pgaf_log_level level, const char *event,
       const char *format, ...)
{
	char text[1024];
	va_list arguments;

	if (!is_wanted(logger, level))
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	emit(logger, &(struct pgaf_log){.level = level, .event = event, .text = text});
}

void
log_rule(const struct logger *logger, enum pgaf_log_level level, const char *event, unsigned rule,
         const char *text)
{
	if (is_wanted(logger, level))
		emit(logger, &(struct pgaf_log){
				     .level = level, .event = event, .text = text, .rule = rule});
}

/* ---- rendering ---------------------------------------------------------------------------- */

static const char *
level_word(enum pgaf_log_level level)
{
	switch (level) {
	case PGAF_LOG_ERROR:
		return "error";
	case PGAF_LOG_WARNING:
		return "warning";
	case PGAF_LOG_INFO:
		return "info";
	case PGAF_LOG_DEBUG:
		return "debug";
	case PGAF_LOG_TRACE:
		return "trace";
	}
	return "info";
}

/* Five letters wide in a column of text. */
static const char *
level_column(enum pgaf_log_level level)
{
	switch (level) {
	case PGAF_LOG_ERROR:
		return "ERROR";
	case PGAF_LOG_WARNING:
		return "WARN ";
	case PGAF_LOG_INFO:
		return "INFO ";
	case PGAF_LOG_DEBUG:
		return "DEBUG";
	case PGAF_LOG_TRACE:
		return "TRACE";
	}
	return "INFO ";
}

static void
add_time(struct text *to, char between)
{
	struct timespec now;
	struct tm parts;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	text_addf(to, "%04d-%02d-%02d%c%02d:%02d:%02d.%03ldZ", parts.tm_year + 1900,
	          parts.tm_mon + 1, parts.tm_mday, between, parts.tm_hour, parts.tm_min,
	          parts.tm_sec, now.tv_nsec / 1000000);
}

/* One record is one line, and a message from elsewhere must not draw on a terminal. */
static void
add_line(struct text *to, const char *string)
{
	for (const char *at = string; *at != '\0'; at++) {
		char byte = (unsigned char)*at < ' ' || *at == 0x7f ? ' ' : *at;
		text_add_bytes(to, &byte, 1);
	}
}

static void
add_place(struct text *to, const struct pgaf_log *record)
{
	if (record->formation[0] == '\0' && record->node_name[0] == '\0')
		return;
	text_add(to, "[");
	if (record->formation[0] != '\0')
		text_addf(to, "%s/%d", record->formation, record->group_id);
	if (record->formation[0] != '\0' && record->node_name[0] != '\0')
		text_add(to, " ");
	add_line(to, record->node_name);
	text_add(to, "] ");
}

static void
render_text(const struct pgaf_log *record, struct text *to)
{
	add_time(to, ' ');
	text_addf(to, " %s ", level_column(record->level));
	add_place(to, record);
	add_line(to, record->text);
	if (record->rule != 0)
		text_addf(to, " (rule %u)", record->rule);
}

/* Text that is no UTF-8 (a path, a server's message) with '?' for what is above ASCII. */
static json_t *
json_text(const char *string)
{
	json_t *value = json_string(string);
	char ascii[1024];

	if (value != NULL)
		return value;
	text_copy(ascii, sizeof(ascii), string);
	for (char *at = ascii; *at != '\0'; at++)
		if ((*at & 0x80) != 0)
			*at = '?';
	return json_string(ascii);
}

static json_t *
json_record(const struct pgaf_log *record)
{
	char when[40];
	struct text time = TEXT(when);
	json_t *object = json_object();

	add_time(&time, 'T');
	json_object_set_new(object, "time", json_string(when));
	json_object_set_new(object, "level", json_string(level_word(record->level)));
	json_object_set_new(object, "event", json_text(record->event));
	json_object_set_new(object, "text", json_text(record->text));
	if (record->formation[0] != '\0') {
		json_object_set_new(object, "formation", json_text(record->formation));
		json_object_set_new(object, "group", json_integer(record->group_id));
	}
	if (record->node_id != 0)
		json_object_set_new(object, "node_id", json_integer(record->node_id));
	if (record->node_name[0] != '\0')
		json_object_set_new(object, "node", json_text(record->node_name));
	if (record->rule != 0)
		json_object_set_new(object, "rule", json_integer(record->rule));
	return object;
}

static int
add_chunk(const char *bytes, size_t count, void *ctx)
{
	text_add_bytes(ctx, bytes, count);
	return 0;
}

void
log_render(const struct pgaf_log *record, enum log_format format, struct text *to)
{
	if (format == LOG_TEXT) {
		render_text(record, to);
		return;
	}
	json_t *object = json_record(record);
	json_dump_callback(object, add_chunk, to, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(object);
}
