/* SPDX-License-Identifier: PostgreSQL */
#ifndef PGAF_MONITOR_H
#define PGAF_MONITOR_H

/**
 * @file pgaf/monitor.h
 * A monitor: watches the nodes of all groups, decides, and keeps the store
 * that it shares with the keepers.
 *
 * It lives in any event loop: wait until the descriptor is readable or the
 * deadline is reached, then dispatch. No call blocks, but for pgaf_monitor_new()
 * and pgaf_monitor_free(), which read and write a few small files. It installs no
 * signal handler. A program that waits for all its children (wait, waitpid -1)
 * must leave those alone for which pgaf_monitor_owns() is true.
 *
 * One handle belongs to one thread; different handles are independent.
 */

#include <pgaf/error.h>
#include <pgaf/log.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pgaf_monitor;

/** What a monitor must know. Strings and lists are copied. NULL means the default. */
struct pgaf_monitor_options {
	size_t size; /**< sizeof(struct pgaf_monitor_options) of the caller */

	const char *pgdata;      /**< of its own PostgreSQL; needed without store_uri */
	const char *state_dir;   /**< default: pgdata with ".pgaf" behind it */
	const char *bindir;      /**< PostgreSQL's programs; default: the newest installed */
	const char *store_uri;   /**< a database to use instead of its own PostgreSQL */

	uint32_t    port;        /**< of its PostgreSQL; 0 = 5432 */
	const char *listen;      /**< addresses it listens on; default: all */
	const char *hostname;    /**< where keepers reach it; default: the host's name */
	const char *http;        /**< "127.0.0.1:8009" by default; "off" */

	const char *auth;        /**< "scram-sha-256" by default, "cert", "trust" */
	bool        no_ssl;
	const char *ssl_ca_file;
	const char *server_cert; /**< with server_key; default: a self-signed pair is made */
	const char *server_key;
	const char *join_secret; /**< of keepers; default: one is made in the state directory */
	const char *const *client_networks; /**< CIDR, "samenet" (default), "all" */
	size_t      client_network_count;

	pgaf_log_fn log;         /**< called during dispatch; NULL = silence */
	void       *log_ctx;
	enum pgaf_log_level log_level; /**< records above it are not made */

	const char *record_dir;  /**< of the flight recording; default: "recording" in the state
	                              directory; "off": none is made */
	uint64_t    record_size; /**< bytes that it may take, at least 1 MiB; 0 = 16 MiB */

	const char *http_user;     /**< who may ask over HTTP; default: "pgaf" */
	const char *http_password; /**< NULL: everybody may, and http must then be loopback */
	bool        http_actions;  /**< they may switch over and drop nodes; needs http_password */

	/** Programs, by absolute path, that are called when a node of any group changes its role,
	 * when a failover made it the primary, when its redundancy is lost or back, and when it is
	 * stuck; see pgaf-monitor(1). */
	const char *const *hooks;
	size_t      hook_count;
	pgaf_time   hook_limit;    /**< for one run; 0 = 10 s */
};

/**
 * Check the options, lock the directories, make or read secrets. Nothing is
 * started yet. NULL with *error: PGAF_ECONFIG or PGAF_EINVAL (the options),
 * PGAF_EREFUSED (another monitor runs, the directory belongs to somebody else),
 * PGAF_ESYS.
 */
PGAF_API struct pgaf_monitor *pgaf_monitor_new(const struct pgaf_monitor_options *options,
                                               struct pgaf_error *error) PGAF_MUST_CHECK;

/** Whether these options would do, as far as can be told without touching anything. 0, or an
 * error as above. */
PGAF_API int pgaf_monitor_check(const struct pgaf_monitor_options *options,
                                struct pgaf_error *error) PGAF_MUST_CHECK;

/** Let go. Its PostgreSQL goes on as it is. NULL is fine. */
PGAF_API void pgaf_monitor_free(struct pgaf_monitor *monitor);

/** The descriptor to wait for; the same for the life of the monitor. */
PGAF_API int pgaf_monitor_fd(const struct pgaf_monitor *monitor);

/** Dispatch at the latest at this time of CLOCK_BOOTTIME; PGAF_NEVER. */
PGAF_API pgaf_time pgaf_monitor_deadline(const struct pgaf_monitor *monitor);

/** Run all that is due. 1 while the monitor lives, 0 when it has ended. */
PGAF_API int pgaf_monitor_dispatch(struct pgaf_monitor *monitor);

/** Stop its PostgreSQL and end. A second call: at once. */
PGAF_API void pgaf_monitor_stop(struct pgaf_monitor *monitor);

/** End, and let its PostgreSQL run. */
PGAF_API void pgaf_monitor_leave(struct pgaf_monitor *monitor);

/** Read certificates and access rules again. */
PGAF_API void pgaf_monitor_reload(struct pgaf_monitor *monitor);

/**
 * Take over of these options what may change while it lives: hooks, hook_limit, http_user and
 * http_password. The others are not looked at. Other hooks than before are told what is true now.
 * 0, or an error (PGAF_ECONFIG, PGAF_EINVAL, PGAF_ENOMEM) with everything as it was.
 */
PGAF_API int pgaf_monitor_reconfigure(struct pgaf_monitor *monitor,
                                      const struct pgaf_monitor_options *options,
                                      struct pgaf_error *error) PGAF_MUST_CHECK;

/**
 * How it ended: 0 as it was told; 1 failed; 2 wrong configuration; 4 refused,
 * see *error. -1 while it lives. `error` may be NULL.
 */
PGAF_API int pgaf_monitor_exit_code(const struct pgaf_monitor *monitor, struct pgaf_error *error);

/** Whether this process was started by the monitor and is waited for by it. */
PGAF_API bool pgaf_monitor_owns(const struct pgaf_monitor *monitor, int pid);

#ifdef __cplusplus
}
#endif
#endif
