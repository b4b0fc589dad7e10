/* SPDX-License-Identifier: PostgreSQL */
#ifndef BASE_LOG_H
#define BASE_LOG_H

/* Handing records to the caller's callback, and rendering them for the tools' stderr. */

#include <pgaf/log.h>

struct logger {
	pgaf_log_fn fn;
	void *ctx;
	enum pgaf_log_level level; /* records above it are dropped */
	const char *formation;     /* borrowed; NULL = "" */
	int group_id;
	pgaf_node_id node_id;
	const char *node_name;
};

void log_at(const struct logger *logger, enum pgaf_log_level level, const char *event,
            const char *format, ...) PGAF_PRINTF(4, 5);
void log_rule(const struct logger *logger, enum pgaf_log_level level, const char *event,
              unsigned rule, const char *text);

/*
 * One line "2026-01-31 12:00:00.123Z INFO  [default/0 node1] text (rule 510)" or
 * one JSON object, without the newline. Give it 8 KiB: JSON that is cut is none.
 */
enum log_format { LOG_TEXT, LOG_JSON };
struct text;
void log_render(const struct pgaf_log *record, enum log_format format, struct text *to);

#endif
