/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_MODEL_H
#define CORE_MODEL_H

/*
 * The data model: what the store remembers of a group (truth), what keepers
 * say of themselves (reports), what is seen from outside (evidence). Plain
 * values that own nothing; all zero is the meaningful empty value.
 *
 * PROTOCOL part A names everything here: epoch, possible, admission,
 * timelines given by the store, claim, renounce, declined, in force.
 */

#include <pgaf/state.h>
#include <pgaf/types.h>

/* ---- the synchronous set ------------------------------------------------ */

#define POSSIBLE_MAX 4
#define HISTORY_MAX  64

/* One admission of one node: the listed name is pgaf_<node>_<admission>. */
struct member {
	pgaf_node_id node;
	uint32_t     admission;
};

/*
 * Version v of the set: commits wait for `required` of `count` members.
 * required 0 is asynchronous. required 1, count 0 is the fence: nothing is
 * acknowledged. `unknown` (after a drift or a store that forgot) counts as
 * asynchronous whatever the rest says.
 */
struct sync_set {
	uint32_t      version;
	uint32_t      required;
	bool          unknown;
	uint32_t      count;
	struct member members[PGAF_NODES_MAX];
};

/* ---- settings: rows of the store, changed at run time -------------------- */

/* name, default ns, least ns, most ns, meaning */
#define TIMINGS(X)                                                                                 \
	X(probe_interval, PGAF_MSEC(250), PGAF_MSEC(50), PGAF_SECONDS(10),                         \
	  "time between two questions over the probe's open connection")                           \
	X(connect_interval, PGAF_SECONDS(2), PGAF_MSEC(100), PGAF_SECONDS(60),                     \
	  "time between two fresh connections that test whether new ones are accepted")            \
	X(silence_limit, PGAF_MSEC(1500), PGAF_MSEC(500), PGAF_SECONDS(600),                       \
	  "a node that was not heard for this long is silent")                                     \
	X(peer_report_age, PGAF_SECONDS(1), PGAF_MSEC(100), PGAF_SECONDS(60),                      \
	  "a witness's answer counts no longer than this")                                         \
	X(fencing_limit, PGAF_SECONDS(5), PGAF_SECONDS(1), PGAF_SECONDS(600),                      \
	  "a primary that hears neither monitor nor standby for this long fences itself")          \
	X(handover_limit, PGAF_SECONDS(5), PGAF_MSEC(500), PGAF_SECONDS(600),                      \
	  "a planned handover that takes longer is taken back")                                    \
	X(fast_stop_limit, PGAF_SECONDS(5), PGAF_MSEC(100), PGAF_SECONDS(600),                     \
	  "a fast shutdown that takes longer becomes an immediate one")                            \
	X(immediate_stop_limit, PGAF_SECONDS(2), PGAF_MSEC(100), PGAF_SECONDS(60),                 \
	  "an immediate shutdown that takes longer ends in SIGKILL")                               \
	X(stop_limit, PGAF_SECONDS(9), PGAF_SECONDS(2), PGAF_SECONDS(600),                         \
	  "from SIGTERM to the keeper's exit at most this long")                                   \
	X(bootstrap_grace, PGAF_SECONDS(3), 0, PGAF_SECONDS(600),                                  \
	  "how long an empty node waits for one with data after the monitor's first start")        \
	X(flap_window, PGAF_SECONDS(60), 0, PGAF_SECONDS(86400),                                   \
	  "after a failover, for this long, silence must last twice as long to cause another")     \
	X(disk_deadline, PGAF_SECONDS(5), PGAF_MSEC(500), PGAF_SECONDS(600),                       \
	  "a write with fsync beside the WAL that takes longer means a stalled disk")              \
	X(report_interval, PGAF_SECONDS(1), PGAF_MSEC(100), PGAF_SECONDS(60),                      \
	  "a keeper reports at least this often")

struct settings {
	uint32_t number_sync; /* number_sync_standbys */
	bool     move_on_disagreement;
#define TIMING_FIELD(name, initial, least, most, doc) pgaf_time name;
	TIMINGS(TIMING_FIELD)
#undef TIMING_FIELD
};

/* ---- goals --------------------------------------------------------------- */

/* What a node should become. Given by a decision, never changed afterwards. */
struct goal {
	enum pgaf_state state;
	uint64_t        epoch;     /* of the decision that gave it */
	uint32_t        rule;      /* that gave it */
	uint32_t        timeline;  /* promote: T; follow: the group's; else 0 */
	uint32_t        admission; /* standby: its own listed name, 0 = join name */
	pgaf_node_id    upstream;  /* standby: whom to follow, 0 = nobody */
	pgaf_lsn        min_lsn;   /* promote: the least it must hold */
	pgaf_time       budget;    /* draining: time to stop in; 0 = handover_limit */
	bool            may_rewind; /* follow: the upstream's T is on its disk (10) */
	struct sync_set set;       /* writable: the version to run; promote: v' */
};

/* ---- reports: what a keeper says ---------------------------------------- */

#define PG_STATUSES(X)                                                                    \
	X(UNKNOWN, "unknown")   /* not looked yet */                                      \
	X(ABSENT, "absent")     /* no data directory, or an empty one */                  \
	X(STOPPED, "stopped")   /* no process of it is left */                            \
	X(EXITED, "exited")     /* the postmaster ended by itself; processes may linger */ \
	X(STARTING, "starting") /* postmaster runs, no session yet */                     \
	X(STOPPING, "stopping")                                                           \
	X(STANDBY, "standby")   /* answers, in recovery */                                \
	X(PRIMARY, "primary")   /* answers, not in recovery */

enum pg_status {
#define PG_STATUS_ENUM(name, word) PG_##name,
	PG_STATUSES(PG_STATUS_ENUM)
#undef PG_STATUS_ENUM
};

/* Why a node may not be promoted; a set of bits (PROTOCOL 19, 23, 40). */
#define VETOES(X)                                                                              \
	X(PRIORITY_ZERO, "priority-zero", "its candidate priority is 0")                       \
	X(RECOVERY_PAUSED, "recovery-paused", "replay is paused")                              \
	X(PARAMETERS, "parameters", "a parameter is lower than the primary's") \
	X(UNSAFE_SETTINGS, "unsafe-settings", "fsync, full_page_writes or hot_standby is off")     \
	X(RECOVERY_TARGET, "recovery-target", "a recovery target is configured")               \
	X(NOT_REWINDABLE, "not-rewindable", "neither checksums nor wal_log_hints")             \
	X(APPLY_DELAY, "apply-delay", "recovery_min_apply_delay is set")                       \
	X(SETTINGS_NOT_OURS, "settings-not-ours", "an owned parameter is overridden elsewhere") \
	X(NOT_CONSISTENT, "not-consistent", "recovery has not reached consistency")            \
	X(LSN_UNKNOWN, "lsn-unknown", "its end of WAL is not known yet")                       \
	X(REGRESSED, "regressed", "it holds less than it once reported")                       \
	X(LEAVING, "leaving", "it was told to stop")                                           \
	X(DISK_FULL, "disk-full", "its disk is full")                                          \
	X(OLD_MINOR, "old-minor", "its PostgreSQL release has bugs in synchronous replication")

enum veto {
#define VETO_ENUM(name, word, doc) VETO_##name,
	VETOES(VETO_ENUM)
#undef VETO_ENUM
	VETO_COUNT
};

#define VETO_BIT(name) (UINT32_C(1) << VETO_##name)
/* What passes by itself while a standby comes up: waited for, no reason to renounce. */
#define VETOES_PASSING (VETO_BIT(LSN_UNKNOWN) | VETO_BIT(NOT_CONSISTENT))

/* A member as its primary sees it. */
struct member_view {
	pgaf_node_id node;
	uint32_t     admission; /* of the name it streams under; 0 = join name */
	bool         streaming;
	pgaf_lsn     flush;
	pgaf_lsn     replay;
};

/* Another node's Postgres as this keeper reaches it. */
struct peer_view {
	pgaf_node_id node;
	bool         reached;      /* the last question was answered */
	uint32_t     age_ms;       /* of the last answer when the report was made */
	bool         in_recovery;
	uint32_t     timeline;
};

/*
 * A keeper's report. The facts marked S are stable within their epoch: a
 * keeper reports them only after accepting that epoch durably and cannot take
 * them back except under a later one. Only they prove anything (PROTOCOL 13).
 */
struct report {
	enum pgaf_state state;
	uint64_t        epoch;       /* highest accepted, durably */
	uint64_t        incarnation; /* of the store it accepted it from */
	uint64_t        run;         /* random, new with each keeper process */
	enum pg_status  pg;
	uint64_t        system_identifier;
	uint32_t        server_version; /* as PQserverVersion, e.g. 150018 */
	uint32_t        timeline;
	uint32_t        disk_timeline; /* of the last checkpoint in the control file */
	pgaf_lsn        lsn;           /* primary: flush; standby: max(receive, replay) */
	bool            lsn_complete;  /* PROTOCOL 7 */
	pgaf_lsn        replay;
	uint32_t        vetoes;        /* bits */
	bool            leaving;       /* SIGTERM was taken */
	bool            has_data;      /* the data directory holds a cluster */
	bool            crashed_inside; /* the last exit was by itself, not by a signal (36) */
	bool            fenced;
	bool            route_open;    /* HTTP answers 200 on /primary */
	bool            weak_commits;  /* a role or database commits with less than `on` (17) */
	bool            drifted;       /* the set in force was not ours, not proved since (8c) */
	bool            needs_clone;   /* it can only come back as a copy */
	bool            writer;        /* its note says that it wrote: primary, fenced or demoted */
	uint32_t        kept_timeline; /* WAL that only it had was kept aside by this process, … */
	pgaf_lsn        kept_lsn;      /* … from here on; 0 = none */
	uint32_t        streaming_admission; /* standby: admission in the name it streams under */
	bool            streaming;
	bool            history_proved; /* standby: 1a held against this upstream and timeline */
	bool            caught_up;      /* standby: consistent, the upstream in reach */
	uint32_t        replay_lag_ms;
	uint32_t        waiters_ms;     /* primary: SyncRep waiters without progress since */
	pgaf_node_id    slot_lost;      /* primary: a node whose slot was invalidated (33b) */
	uint32_t        disk_ms;        /* last heartbeat write+fsync; UINT32_MAX: overdue */
	/* S */ uint64_t detached_epoch;
	pgaf_lsn detached_lsn;
	/* S */ uint32_t declined_version; /* above about_version and up to here (4b) */
	uint32_t about_version;            /* highest version it may have applied */
	/* S */ uint32_t in_force_version;
	pgaf_lsn in_force_lsn;
	uint32_t in_force_timeline;
	/* S */ uint64_t renounced_epoch;
	/* S */ uint64_t promoted_epoch;
	uint32_t promoted_timeline;
	pgaf_lsn fork_lsn;
	/* S */ uint64_t stopped_epoch;
	pgaf_lsn stopped_lsn;
	bool stopped_clean;
	uint32_t           member_count;
	struct member_view members[PGAF_NODES_MAX];
	uint32_t           peer_count;
	struct peer_view   peers[PGAF_NODES_MAX];
	/* Phases of this node's last promotion, durations on its own clock: until the claim was
	 * granted, until Postgres was promoted, and from there until clients were let in. */
	uint32_t claim_ms, promote_ms, open_ms;
};

/* ---- evidence: what is seen from outside --------------------------------- */

/* Raw observations of one node by the monitor's own probe; the clock is its own. */
struct sighting {
	pgaf_time answered_at;    /* last query answered on the open connection */
	pgaf_time accepted_at;    /* last fresh connection accepted */
	pgaf_time asked_new_at;   /* first unanswered fresh connection since accepted_at; 0 none */
	pgaf_time closed_at;      /* the other side closed the open connection; 0 while open */
	uint32_t  refusals;       /* fresh connections refused or unreachable since closed_at */
	pgaf_time gone_at;        /* closed, and no fresh connection answered: refused twice,
	                           * unreachable, or nothing within 100 ms; 0 otherwise */
	bool      starting;       /* the last fresh connection said 57P03, starting up */
	bool      stopping;       /* … shutting down */
	bool      full;           /* … 53300/53400: alive, no slot left */
	bool      in_recovery;
	uint32_t  timeline;
	pgaf_lsn  lsn;
	uint32_t  round_trip_us;
};

#define EVIDENCES(X)                                                                            \
	X(UNKNOWN, "unknown", "not listened to long enough")                                    \
	X(OK, "ok", "answers and accepts new connections")                                      \
	X(STARTING, "starting", "says that it is starting up")                                  \
	X(STOPPING, "stopping", "says that it is shutting down")                                \
	X(DOWN, "down", "its Postgres has ended")                                               \
	X(CONTRADICTED, "contradicted", "refused to the monitor, vouched for by its keeper")    \
	X(NO_NEW_CONNECTIONS, "no_new_connections", "answers, but accepts no new connection")   \
	X(SILENT, "silent", "nothing was heard for the silence limit")                          \
	X(STALLED, "stalled", "its disk does not finish writing")

enum evidence {
#define EVIDENCE_ENUM(name, word, doc) EVIDENCE_##name,
	EVIDENCES(EVIDENCE_ENUM)
#undef EVIDENCE_ENUM
	EVIDENCE_COUNT
};

/* The keeper's session with the store, as the store sees it. */
enum session { SESSION_UNKNOWN, SESSION_OPEN, SESSION_GONE };

/* Nodes of a group that the rules serve today. A third one would make the proof of a failover need
 * two witnesses, which no rule gathers yet: the store refuses it instead of weakening the pair. */
#define GROUP_NODES_SERVED 2

/* ---- nodes and groups ----------------------------------------------------- */

struct node {
	pgaf_node_id    id;
	char            name[PGAF_NAME_MAX];
	char            host[PGAF_HOST_MAX];
	uint32_t        port;
	uint32_t        http_port;
	char            region[PGAF_NAME_MAX];
	uint32_t        priority; /* 0 = never promoted */
	bool            quorum;   /* counted for synchronous replication */
	bool            bootstrap; /* may become the first node of a group */
	uint32_t        admission; /* the one in force, 0 = none */
	pgaf_lsn        high_lsn;  /* highest complete L seen for this admission (15) */
	bool            drop_asked;
	bool            drop_force;
	struct goal     goal;
	struct report   report;
	pgaf_time       reported_at; /* on the monitor's clock; 0 = not since it started */
	/* Seen by this monitor; never stored. */
	struct sighting sighting;
	enum session    session;
	pgaf_time       session_gone_at;
	pgaf_time       goal_since; /* when this monitor first saw this goal */
	pgaf_time       trouble_since; /* member: not streaming since; 0 = streams */
};

struct timeline {
	uint32_t     number;
	uint32_t     parent;
	pgaf_lsn     fork;
	pgaf_node_id node; /* that was promoted onto it */
};

/* What the operator asked for and has not got yet. */
#define REQUESTS(X)               \
	X(NONE, "none")           \
	X(SWITCHOVER, "switchover") \
	X(FAILOVER, "failover")

enum request_kind {
#define REQUEST_ENUM(name, word) REQUEST_##name,
	REQUESTS(REQUEST_ENUM)
#undef REQUEST_ENUM
};

struct request {
	enum request_kind kind;
	uint64_t          number;    /* of the request, for its asker */
	uint64_t          epoch;     /* of the group when it was made */
	pgaf_node_id      to;        /* 0 = the best candidate */
	bool              allow_loss;
};

/* A promotion that was ordered and is not finished. node 0 = none. */
struct promotion {
	pgaf_node_id node;
	pgaf_node_id from;     /* the primary before */
	uint64_t     epoch;
	uint32_t     timeline;
	bool         claimed;  /* durable, written by the candidate's claim (3a) */
	uint32_t     attempts; /* unclaimed offers so far; the wait doubles */
	uint32_t     cause;    /* rule that began it */
};

/* A planned handover under way: the primary drains for `to`. node 0 = none. */
struct handover {
	pgaf_node_id from;
	pgaf_node_id to;
	uint32_t     cause;
};

struct group {
	char             formation[PGAF_NAME_MAX];
	uint32_t         id;
	uint64_t         epoch;
	uint64_t         incarnation;
	uint64_t         system_identifier;
	pgaf_node_id     primary;
	uint32_t         timeline;
	uint32_t         next_timeline;
	uint32_t         next_version;
	uint32_t         next_admission;
	uint32_t         possible_count;
	struct sync_set  possible[POSSIBLE_MAX];
	struct promotion promotion;
	struct handover  handover;
	struct request   request;
	bool             went_back;   /* the last decision is of another incarnation (12) */
	bool             recovering;  /* the store forgot (12) */
	pgaf_lsn         high_lsn;    /* highest L known on `timeline` (1e) */
	uint32_t         hold_downs;  /* readmissions after a relax by link (30) */
	uint32_t         inside_crashes; /* counted by 36 */
	uint32_t         failovers;
	uint32_t         history_count;
	struct timeline  history[HISTORY_MAX];
	struct settings  settings;
	/* Timers of this monitor; never stored. */
	pgaf_time        promotion_since;
	pgaf_time        handover_since;
	pgaf_time        last_failover_at;
	pgaf_time        relaxed_at;  /* last relax by link; hold-down counts from here */
	pgaf_time        crash_at;    /* last counted crash from inside */
};

/* Everything a decision may depend on. Nodes are sorted by id. */
struct snapshot {
	struct group group;
	uint32_t     count;
	struct node  nodes[PGAF_NODES_MAX];
	pgaf_time    listening_since; /* this monitor has listened without a stall since */
	pgaf_time    first_start;     /* of a new store; bootstrap_grace counts from here */
	bool         may_bootstrap;   /* the group never had a primary */
};

/* ---- decisions ------------------------------------------------------------ */

struct assignment {
	pgaf_node_id node;
	struct goal  goal;
};

#define EVENT_TEXT_MAX 240

/*
 * What a rule changes: the group as it will be (epoch raised by one), goals,
 * node rows. The store writes it in one durable statement that succeeds only
 * when epoch and claim are what the decision was made from.
 */
struct decision {
	uint32_t          rule;
	pgaf_node_id      subject;
	uint64_t          from_epoch;
	bool              from_claimed;
	struct group      group;
	uint32_t          assignment_count;
	struct assignment assignments[PGAF_NODES_MAX];
	struct {
		pgaf_node_id node;
		uint32_t     admission;
		pgaf_lsn     high_lsn;
	} admissions[PGAF_NODES_MAX]; /* node rows whose admission changes */
	uint32_t     admission_count;
	pgaf_node_id removed; /* node row to delete, 0 = none */
	char         text[EVENT_TEXT_MAX]; /* the event: what was decided and why */
};

/* Questions asked everywhere. NULL when absent. */
const struct node *snapshot_node(const struct snapshot *snap, pgaf_node_id id);
/* The node that wrote the newest history, by what the nodes themselves say; NULL when a follower
 * holds a newer one than any node that wrote. */
const struct node *snapshot_writer(const struct snapshot *snap);
const struct sync_set *group_newest(const struct group *group);
bool sync_set_has(const struct sync_set *set, pgaf_node_id node, uint32_t admission);
bool sync_set_is_async(const struct sync_set *set); /* acknowledges without a standby */
/* Whether the newest version has this node in it, under the admission it has now. */
bool group_waits_for(const struct group *group, const struct node *node);
void settings_init(struct settings *settings);

/* The value of synchronous_standby_names for a set: '', ANY n (…), or the fence. */
struct text;
void sync_set_names(const struct sync_set *set, struct text *to);

/* Words of the small enums; static, never NULL. */
const char *pg_status_name(enum pg_status status);
const char *evidence_name(enum evidence evidence);
const char *evidence_doc(enum evidence evidence);
const char *veto_name(enum veto veto);
const char *veto_doc(enum veto veto);

#endif
