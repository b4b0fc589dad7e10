/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_STEPS_H
#define CORE_STEPS_H

/*
 * What a keeper sees of its own Postgres and what it can do to it: the
 * vocabulary between the keeper's rules, the engine that carries them out,
 * and the two worlds (real and simulated) that execute single steps.
 *
 * Every step is idempotent and may be repeated after any crash; a step that
 * finds its work done succeeds at once. One step runs at a time.
 */

#include "core/model.h"

#define STEPS(X)                                                                                   \
	X(NONE, "none", "nothing")                                                                 \
	X(NOTE, "note", "write the durable note")                                                  \
	X(CLAIM, "claim", "write the note and claim the promotion at the store")                   \
	X(INITDB, "initdb", "create an empty cluster with checksums")                              \
	X(ADOPT, "adopt", "take over an existing standalone cluster where it is")                  \
	X(CONFIGURE, "configure", "write owned settings and the HBA block, reload if it runs")     \
	X(START_PRIMARY, "start-primary", "start read-write, with clients held back")              \
	X(OPEN, "open", "let the clients in that were held back since the start")                  \
	X(START_STANDBY, "start-standby", "start with standby.signal")                             \
	X(STOP, "stop", "stop, immediately if a fast stop takes too long, and reap")               \
	X(STOP_IMMEDIATE, "stop-immediate", "stop without a checkpoint, and reap")                 \
	X(REAP, "reap", "end what a dead postmaster left behind, read the control file")           \
	X(HAND_OVER, "hand-over", "checkpoint, cut clients, stop cleanly")                         \
	X(CUT_CLIENTS, "cut-clients", "terminate the sessions of clients")                         \
	X(ROLES, "roles", "create our roles, and the application's user and database")             \
	X(SLOTS, "slots", "create the slots of the peers, drop stale ones")                        \
	X(APPLY_SET, "apply-set", "write the synchronous set and prove that it is in force")       \
	X(DETACH, "detach", "leave the upstream for good and read what is held")                   \
	X(FOLLOW, "follow", "stream from the upstream under the name of the goal")                 \
	X(REST, "rest", "write the set that a standby would be promoted with")                     \
	X(PROVE_HISTORY, "prove-history", "compare own end of WAL with the upstream's history")    \
	X(KEEP_WAL, "keep-wal", "copy the divergent WAL aside")                                    \
	X(REWIND, "rewind", "rewind to the upstream's history")                                    \
	X(CLONE, "clone", "replace the data directory by a copy of the upstream's")                \
	X(PROMOTE, "promote", "promote onto the timeline of the goal")                             \
	X(SETTLE, "settle", "after opening: switch WAL, checkpoint, slots")                        \
	X(FENCE, "fence", "cut clients and come back as a standby without upstream")               \
	X(KEEP_STANDBY, "keep-standby", "create standby.signal so that nothing starts read-write")

enum step {
#define STEP_ENUM(name, word, doc) STEP_##name,
	STEPS(STEP_ENUM)
#undef STEP_ENUM
	STEP_COUNT
};

/* Where another node is and how to name us there. */
struct peer {
	pgaf_node_id id;
	char         name[PGAF_NAME_MAX];
	char         host[PGAF_HOST_MAX];
	uint32_t     port;
	uint32_t     http_port;
};

/* One step with all it needs. The same struct for every step: a step reads what it is said to. */
struct step_order {
	enum step        step;
	uint64_t         number;     /* of this order; comes back with the result */
	pgaf_node_id     self;
	struct goal      goal;       /* APPLY_SET: goal.set; PROMOTE: timeline, set, min_lsn;
	                              * FOLLOW…CLONE: upstream, timeline, admission, may_rewind */
	struct peer      upstream;   /* of the goal; id 0 = none */
	uint32_t         peer_count; /* all other nodes of the group: SLOTS, CONFIGURE */
	struct peer      peers[PGAF_NODES_MAX];
	struct settings  settings;   /* limits */
	uint32_t         old_version; /* APPLY_SET: the version that was applied before, 0 = '' */
	bool             from_async;  /* APPLY_SET: the fence must be seen (a.3.ii) */
	pgaf_time        deadline;   /* absolute, PGAF_NEVER; PROMOTE: claim sent + 1 s (3b) */
	pgaf_time        stop_budget; /* STOP, HAND_OVER: relative; 0 = the settings' */
	uint64_t         system_identifier; /* CLONE and PROVE_HISTORY refuse another; 0 = any */
};

enum step_outcome {
	STEP_DONE,
	STEP_FAILED,   /* try again later, with back-off; text says why */
	STEP_REFUSED,  /* will not succeed by repeating: text says why (PROMOTE: checks failed) */
	STEP_DIVERGED, /* PROVE_HISTORY: a rewind is needed. REWIND: impossible, clone */
	STEP_LOST,     /* PROMOTE: the deadline passed, nothing was done */
	STEP_WRONG_TIMELINE, /* PROMOTE: Postgres chose another timeline */
};

struct step_result {
	uint64_t          number;
	enum step         step;
	enum step_outcome outcome;
	pgaf_lsn          lsn;      /* STOP/REAP/HAND_OVER: end of WAL by the control file;
	                             * DETACH: what is held; APPLY_SET: X; PROMOTE: fork point;
	                             * KEEP_WAL: where our own history parts, 0 = nowhere */
	bool              clean;    /* STOP/HAND_OVER: "shut down" by the control file */
	uint32_t          timeline; /* APPLY_SET, PROMOTE: timeline it was done on */
	uint64_t          server_start; /* APPLY_SET: postmaster start, any comparable number */
	uint32_t          ms;       /* how long it took */
	char              text[256]; /* why it failed; "" on success */
};

/* All that can be seen of the local Postgres at one moment, without the network. */
struct observation {
	pgaf_time      asked_at;       /* when the question was put, not when its answer came */
	enum pg_status pg;
	uint64_t       exits;          /* counts postmaster exits seen by this process */
	bool           exit_inside;    /* the last one was by itself (36) */
	bool           has_data;       /* the data directory holds a cluster */
	bool           clone_unfinished; /* a clone began and did not end: not a cluster yet */
	bool           foreign;        /* not empty and not a cluster */
	uint64_t       system_identifier;
	uint32_t       server_version;
	bool           clean;          /* stopped: "shut down" or "shut down in recovery" */
	bool           was_primary;    /* stopped: control file says it was no standby */
	bool           standby_signal;
	uint32_t       timeline;       /* running: current; stopped: of the control file */
	uint32_t       disk_timeline;
	pgaf_lsn       lsn;            /* primary: flush; standby: max(receive, replay) */
	bool           lsn_complete;
	pgaf_lsn       replay;
	uint32_t       replay_lag_ms;
	uint32_t       vetoes;
	bool           consistent;     /* read queries are answered */
	bool           streaming;      /* a walreceiver streams */
	pgaf_node_id   upstream;       /* by primary_conninfo in force; 0 = none */
	uint32_t       admission;      /* by its application_name; 0 = join name */
	bool           walreceiver;    /* a walreceiver process exists */
	pgaf_lsn       upstream_lsn;   /* latest_end_lsn of the walreceiver */
	char           sync_names[512]; /* synchronous_standby_names as a new session sees it */
	uint64_t       server_start;   /* postmaster start, as in step_result */
	bool           closed;         /* clients are held back (16) */
	bool           weak_commits;   /* a role or database commits with less than `on` (17) */
	bool           poisoned;       /* what it released lies until it is restarted (1c) */
	uint32_t       waiters;        /* sessions waiting for SyncRep */
	uint32_t       member_count;   /* primary: walsenders with one of our names */
	struct member_view members[PGAF_NODES_MAX];
	uint32_t       disk_ms;
	uint64_t       disk_free;
	pgaf_node_id   slot_lost;      /* a node whose slot here was invalidated (33b); 0 = none */
	uint64_t       slot_retained;  /* bytes kept by the slot furthest behind */
};

/* What the store tells a keeper: its goal, the group's truth, where the others are. */
struct keeper_orders {
	uint64_t        incarnation;
	uint64_t        epoch;
	pgaf_node_id    primary;
	struct goal     goal;
	struct settings settings;
	uint64_t        system_identifier; /* of the group; 0 = none yet */
	pgaf_lsn        high_lsn;          /* for 1e, on the group's timeline */
	uint32_t        timeline;
	bool            claimed;           /* the promotion of `epoch` is claimed by us */
	uint32_t        peer_count;
	struct peer     peers[PGAF_NODES_MAX];
};

const char *step_name(enum step step);
const char *step_doc(enum step step);

#endif
