/* SPDX-License-Identifier: PostgreSQL */
#ifndef PGAF_WATCH_H
#define PGAF_WATCH_H

/**
 * @file pgaf/watch.h
 * Who is the primary, and tell me when it changes: for programs that use a
 * group of PostgreSQL servers.
 *
 * A watch keeps one session to the monitor, is told of each decision, and
 * goes on with what it knew last while the monitor is away. It lives in any
 * event loop: wait until the descriptor is readable or the deadline is
 * reached, then dispatch. No call blocks; names are resolved on a thread of
 * the library's. It installs no signal handler.
 *
 * One handle belongs to one thread; different handles are independent.
 */

#include <pgaf/error.h>
#include <pgaf/log.h>
#include <pgaf/state.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pgaf_watch;

/** What a watch must know. Strings are copied. NULL means the default. */
struct pgaf_watch_options {
	size_t      size;      /**< sizeof(struct pgaf_watch_options) of the caller */
	const char *monitor;   /**< postgres://pgaf_reader@HOST:PORT/pgaf; needed */
	const char *password;  /**< default: what the URI or the passfile says */
	const char *formation; /**< "default" */
	uint32_t    group_id;

	pgaf_log_fn log;       /**< called during dispatch; NULL = silence */
	void       *log_ctx;
};

/** Where to write. A plain value; owns nothing. */
struct pgaf_primary {
	pgaf_node_id    node_id;             /**< 0: there is none now */
	char            name[PGAF_NAME_MAX]; /**< of the node */
	char            host[PGAF_HOST_MAX];
	uint32_t        port;
	enum pgaf_state state;               /**< as it reports it */
};

/**
 * Begin to watch. NULL with *error: PGAF_ECONFIG (no URI, or a wrong one),
 * PGAF_E2BIG (options of a newer version), PGAF_ENOMEM, PGAF_ESYS.
 */
PGAF_API struct pgaf_watch *pgaf_watch_new(const struct pgaf_watch_options *options,
                                           struct pgaf_error *error) PGAF_MUST_CHECK;

/** End the session. NULL is fine. */
PGAF_API void pgaf_watch_free(struct pgaf_watch *watch);

/** The descriptor to wait for; the same for the life of the watch. */
PGAF_API int pgaf_watch_fd(const struct pgaf_watch *watch);

/** Dispatch at the latest at this time of CLOCK_BOOTTIME; PGAF_NEVER. */
PGAF_API pgaf_time pgaf_watch_deadline(const struct pgaf_watch *watch);

/**
 * Run all that is due. 1 when the primary has changed since the last call, 0
 * when it has not; PGAF_EAUTH when the monitor does not let us in, which
 * waiting does not cure. What is not reachable now is tried again inside.
 */
PGAF_API int pgaf_watch_dispatch(struct pgaf_watch *watch) PGAF_MUST_CHECK;

/** The primary as last told, copied to *primary. */
PGAF_API void pgaf_watch_primary(const struct pgaf_watch *watch, struct pgaf_primary *primary);

/** Whether the monitor answers; without it the primary may be an old one. */
PGAF_API bool pgaf_watch_is_connected(const struct pgaf_watch *watch);

#ifdef __cplusplus
}
#endif
#endif
