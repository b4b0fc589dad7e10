/* SPDX-License-Identifier: PostgreSQL */
#ifndef PGAF_KEEPER_H
#define PGAF_KEEPER_H

/**
 * @file pgaf/keeper.h
 * A keeper: creates or joins one PostgreSQL, supervises it and carries out
 * what the monitor decides.
 *
 * It lives in any event loop: wait until the descriptor is readable or the
 * deadline is reached, then dispatch. No call blocks, but for pgaf_keeper_new()
 * and pgaf_keeper_free(), which read and write a few small files. It installs no
 * signal handler. A program that waits for all its children (wait, waitpid -1)
 * must leave those alone for which pgaf_keeper_owns() is true. Postgres outlives
 * the keeper unless pgaf_keeper_stop() has stopped it.
 *
 * One handle belongs to one thread; different handles are independent.
 */

#include <pgaf/error.h>
#include <pgaf/log.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pgaf_keeper;

/**
 * What a keeper must know. Strings and lists are copied. NULL means the default.
 * Fields that are not said to have one are needed.
 */
struct pgaf_keeper_options {
	size_t size; /**< sizeof(struct pgaf_keeper_options) of the caller */

	const char *pgdata;             /**< the data directory */
	const char *state_dir;          /**< default: pgdata with ".pgaf" behind it */
	const char *bindir;             /**< PostgreSQL's programs; default: by version */
	const char *const *monitors;    /**< URIs of monitors */
	size_t      monitor_count;
	const char *join_secret;        /**< default: what the URI or the passfile says */

	const char *name;               /**< of the node; default: the host's name */
	const char *hostname;           /**< where others reach it; default: the host's name */
	uint32_t    port;               /**< of Postgres; 0 = 5432 */
	const char *listen;             /**< addresses Postgres listens on; default: all */
	const char *http;               /**< "[::]:8008" by default; "off" */
	const char *formation;          /**< "default" */
	uint32_t    group_id;
	const char *region;
	uint32_t    candidate_priority; /**< 0 to 100; 0 = never promoted */
	bool        replication_quorum; /**< counts for synchronous replication */

	bool        no_bootstrap;       /**< never the first node with an empty directory */
	const char *dbname;             /**< made with the cluster, with `username` as its owner */
	const char *username;
	const char *password;           /**< of username */

	const char *auth;               /**< "scram-sha-256" by default, "cert", "trust" */
	bool        no_ssl;
	const char *ssl_ca_file;
	const char *server_cert;        /**< with server_key; default: a self-signed pair is made */
	const char *server_key;
	const char *const *client_networks; /**< CIDR, "samenet" (default), "all" */
	size_t      client_network_count;
	bool        skip_pg_hba;
	const char *maximum_backup_rate; /**< of a clone, as pg_basebackup reads it; "100M" */

	bool        no_handover;        /**< do not hand over when told to stop */
	bool        rejoin;             /**< come back after having been dropped */
	bool        keep_running;       /**< when dropped, leave Postgres running */
	bool        allow_old_minor;    /**< accept releases with known bugs in replication */

	pgaf_log_fn log;                /**< called during dispatch; NULL = silence */
	void       *log_ctx;
	enum pgaf_log_level log_level;  /**< records above it are not made */

	/** Whether a restarted primary lets clients in only when its standbys have confirmed the
	 * end of its recovery: "always", "never", or "auto" (the default): where commits always
	 * wait for standbys, number_sync_standbys >= 1. */
	const char *confirm_recovery;

	/** A file of SQL that psql runs in `dbname`, as its owner, when that database is made:
	 * all of it or nothing, before the database has its name. Default: none. */
	const char *init_file;

	/** Programs, by absolute path, that are called when this node changes its role, when a
	 * failover made it the primary, when its redundancy is lost or back, and when it is stuck;
	 * see pgaf-keeper(1). */
	const char *const *hooks;
	size_t      hook_count;
	pgaf_time   hook_limit;         /**< for one run; 0 = 10 s */
};

/**
 * Check the options, lock the directories, read what is known from before.
 * Nothing is started yet. NULL with *error: PGAF_ECONFIG or PGAF_EINVAL (the
 * options), PGAF_EREFUSED (unsafe or impossible now: another keeper runs, the
 * directory belongs to somebody else or holds something else), PGAF_ESYS.
 */
PGAF_API struct pgaf_keeper *pgaf_keeper_new(const struct pgaf_keeper_options *options,
                                             struct pgaf_error *error) PGAF_MUST_CHECK;

/** Whether these options would do, as far as can be told without touching anything. 0, or an
 * error as above. */
PGAF_API int pgaf_keeper_check(const struct pgaf_keeper_options *options,
                               struct pgaf_error *error) PGAF_MUST_CHECK;

/** Let go. Postgres goes on as it is. NULL is fine. */
PGAF_API void pgaf_keeper_free(struct pgaf_keeper *keeper);

/** The descriptor to wait for; the same for the life of the keeper. */
PGAF_API int pgaf_keeper_fd(const struct pgaf_keeper *keeper);

/** Dispatch at the latest at this time of CLOCK_BOOTTIME; PGAF_NEVER. */
PGAF_API pgaf_time pgaf_keeper_deadline(const struct pgaf_keeper *keeper);

/** Run all that is due. 1 while the keeper lives, 0 when it has ended. */
PGAF_API int pgaf_keeper_dispatch(struct pgaf_keeper *keeper);

/** Hand over, stop Postgres, end. A second call: stop at once. */
PGAF_API void pgaf_keeper_stop(struct pgaf_keeper *keeper);

/** End, and let Postgres run. */
PGAF_API void pgaf_keeper_leave(struct pgaf_keeper *keeper);

/** Read certificates again. */
PGAF_API void pgaf_keeper_reload(struct pgaf_keeper *keeper);

/**
 * Take over of these options what may change while it lives: hooks and hook_limit. The others are
 * not looked at. Other hooks than before are told what is true now. 0, or an error (PGAF_ECONFIG,
 * PGAF_EINVAL, PGAF_ENOMEM) with everything as it was.
 */
PGAF_API int pgaf_keeper_reconfigure(struct pgaf_keeper *keeper,
                                     const struct pgaf_keeper_options *options,
                                     struct pgaf_error *error) PGAF_MUST_CHECK;

/**
 * How it ended: 0 as it was told; 1 failed; 2 wrong configuration; 4 refused,
 * see *error. -1 while it lives. `error` may be NULL.
 */
PGAF_API int pgaf_keeper_exit_code(const struct pgaf_keeper *keeper, struct pgaf_error *error);

/** Whether this process was started by the keeper and is waited for by it. */
PGAF_API bool pgaf_keeper_owns(const struct pgaf_keeper *keeper, int pid);

#ifdef __cplusplus
}
#endif
#endif
