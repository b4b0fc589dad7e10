/* SPDX-License-Identifier: PostgreSQL */
#ifndef PGAF_LOG_H
#define PGAF_LOG_H

/**
 * @file pgaf/log.h
 * How the library speaks: finished records to a callback, nowhere else.
 */

#include <pgaf/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** error: somebody must act. warning: somebody should look. */
enum pgaf_log_level {
	PGAF_LOG_ERROR,
	PGAF_LOG_WARNING,
	PGAF_LOG_INFO,
	PGAF_LOG_DEBUG,
	PGAF_LOG_TRACE,
};

/** One thing that happened. All pointers are borrowed for the call. */
struct pgaf_log {
	enum pgaf_log_level level;
	const char         *event;     /**< stable name, e.g. "goal-assigned" */
	const char         *text;      /**< one sentence */
	const char         *formation; /**< "" when not about one */
	int                 group_id;
	pgaf_node_id        node_id;   /**< 0 when not about one */
	const char         *node_name; /**< "" when not about one */
	unsigned            rule;      /**< rule that acted, or 0 */
};

typedef void (*pgaf_log_fn)(void *ctx, const struct pgaf_log *record);

#ifdef __cplusplus
}
#endif
#endif
