/* SPDX-License-Identifier: PostgreSQL */
#ifndef SIM_SIM_H
#define SIM_SIM_H

/*
 * The simulated world: virtual time, hosts and processes, a network, one
 * monitor with its store, keepers with model PostgreSQLs. The engines are the
 * ones that ship. One struct sim is one run of one seed; nothing is shared
 * between runs, nothing reads a real clock.
 */

#include <pgaf/log.h>

#include "core/note.h"
#include "core/steps.h"
#include "engine/keeper_env.h"
#include "engine/monitor_env.h"
#include "sim/rng.h"
#include "sim/story.h"

#define SIM_HOSTS (PGAF_NODES_MAX + 1) /* 0 is the monitor's; node n lives on host n */
#define SIM_NOWHERE SIM_HOSTS
#define SIM_EPOCH PGAF_SECONDS(100) /* when a run begins: 0 means "not yet" to the engines */

struct sim;
struct event;

/* ---- time (sched.c) -------------------------------------------------------- */

typedef void (*event_fn)(struct sim *sim, struct event *event);

/* A process: its events die with it and wait while it is frozen. */
struct proc {
	bool alive;
	bool frozen;
	uint64_t run; /* new with each start and each death */
	uint32_t host;
	struct event *parked; /* due while frozen, oldest first */
	struct event **parked_end;
};

struct event {
	pgaf_time at;
	uint64_t order; /* events of one moment keep the order they were made in */
	event_fn fn;
	struct proc *proc; /* NULL: the world itself */
	uint64_t run;
	uint32_t from; /* a message of this host … */
	uint32_t to;   /* … to that one; SIM_NOWHERE: no message */
	uint32_t a, b;
	uint64_t x, y, z;
	void *load; /* a block of load_get, given back after fn */
	struct event *next;
};

/* Sizes of what messages carry. */
union load {
	struct report report;
	struct keeper_orders orders;
	struct decision decision;
	struct snapshot snapshot;
	struct step_result result;
	struct observation seen;
	struct note note;
	union load *next;
};

struct sched {
	struct event **heap;
	size_t used, room;
	uint64_t next_order;
	struct event *free_events;
	union load *free_loads;
	void **chunks;
	size_t chunk_count;
	uint64_t fired;
	uint64_t moment; /* events of this moment so far */
};

/* An event of `proc` after `delay`; the caller fills a, b, x, y, load. */
struct event *sim_after(struct sim *sim, struct proc *proc, pgaf_time delay, event_fn fn);
void *load_get(struct sim *sim);
void load_give(struct sim *sim, void *load);
void sched_done(struct sched *sched);
/* Run everything due until `until`, or until the run has failed. */
void sim_run_until(struct sim *sim, pgaf_time until);
void proc_start(struct proc *proc, uint32_t host);
void proc_kill(struct sim *sim, struct proc *proc);
void proc_freeze(struct proc *proc);
void proc_thaw(struct sim *sim, struct proc *proc);
/* Put back what waited in `list` from now on, `gap` apart, in order; when the last is due. */
pgaf_time sched_release(struct sim *sim, struct event **list, pgaf_time delay, pgaf_time gap);

/* ---- the network (net.c) --------------------------------------------------- */

struct path {
	bool cut;
	pgaf_time busy_until; /* what was held back is delivered before anything newer */
	struct event *parked; /* held back by the cut, oldest first */
	struct event **parked_end;
};

struct net {
	pgaf_time typical; /* one way */
	pgaf_time worst;
	uint32_t loss; /* per 1000 messages: costs a retransmission */
	struct path path[SIM_HOSTS][SIM_HOSTS];
};

/* Where a message goes. `last` keeps the order of one direction of a connection; may be NULL. */
struct route_to {
	uint32_t from, to;
	struct proc *receiver;
	pgaf_time *last;
};

/* A message; it arrives unless the receiver dies. */
struct event *net_send(struct sim *sim, struct route_to route, event_fn fn);
pgaf_time net_delay(struct sim *sim);
bool net_is_open(const struct sim *sim, uint32_t a, uint32_t b); /* both ways, both hosts up */
void net_cut(struct sim *sim, uint32_t from, uint32_t to);
void net_heal(struct sim *sim, uint32_t from, uint32_t to);
void net_init(struct sim *sim);

/* ---- histories of WAL (wal.c) ---------------------------------------------- */

#define BRANCHES_MAX 512

/* A stretch of history that one instance wrote as primary. Index 0 is nothing. */
struct branch {
	uint32_t number; /* the timeline's */
	uint32_t parent; /* index; 0 = none */
	pgaf_lsn fork;
	pgaf_node_id writer;
	pgaf_lsn end;     /* furthest flushed position that anybody ever had */
	pgaf_lsn counted; /* furthest acknowledged commit that counts under DUR */
	pgaf_lsn acked;   /* furthest acknowledged commit at all */
	bool given_up;    /* an operator accepted that what comes after is lost */
	pgaf_time acked_at;
};

/* Where somebody's WAL ends. */
struct position {
	uint32_t branch;
	pgaf_lsn lsn;
};

bool wal_contains(const struct sim *sim, struct position whole, struct position part);
/* The end of `whole` cut at lsn. */
struct position wal_at(const struct sim *sim, struct position whole, pgaf_lsn lsn);
uint32_t wal_branch(struct sim *sim, pgaf_node_id writer, uint32_t number, struct position from);

/* ---- the model PostgreSQL (pg*.c) ------------------------------------------ */

#define WALSENDERS_MAX 8
#define WAITERS_MAX 16
#define SESSIONS_MAX STORY_SESSIONS_MAX
#define SEGMENT (UINT64_C(16) << 20)
#define WAL_BURST (UINT64_C(64) << 20) /* more than a slot may keep */

struct walsender {
	bool used;
	bool streaming; /* not in startup any more */
	bool lying;     /* its standby is beyond the fork: it only ever says so (trap 1) */
	uint64_t id;
	pgaf_node_id standby;
	uint32_t admission;  /* in its application_name; 0 = join name */
	struct sync_set set; /* its own copy */
	uint64_t set_serial; /* of the reload it has taken */
	pgaf_time takes_at;  /* when it takes the newest, 0 = it has */
	pgaf_lsn sent, flush, replay;
	pgaf_time heard_at;
	pgaf_time last_arrival; /* of what was sent to the standby */
	bool data_under_way;
};

struct walreceiver {
	bool running;
	bool streaming;
	uint64_t id;
	pgaf_node_id upstream;
	uint32_t admission;
	pgaf_time heard_at;
	pgaf_time last_arrival; /* of what was sent to the upstream */
	pgaf_lsn upstream_lsn;
};

/* Of one other node; 0 = there is none. */
struct slot {
	pgaf_lsn restart; /* it keeps the WAL from here on */
	bool lost;        /* invalidated: nobody streams through it any more */
};

/* A commit that waits for standbys. */
struct waiter {
	pgaf_lsn lsn;
	uint32_t session; /* SESSIONS_MAX: the keeper's own */
	pgaf_time since;
};

/* A client's session: commits, waits, thinks. */
struct client {
	bool open;
	uint64_t number; /* of the session, so that late events of an old one are known */
};

struct pg {
	struct proc proc;      /* all processes of one run of the instance */
	enum pg_status status; /* ABSENT, STOPPED, EXITED, STARTING, STOPPING, STANDBY, PRIMARY */
	bool postmaster;       /* runs; false with status EXITED while others linger */
	bool postmaster_frozen;
	bool closed; /* started with clients held back, and they were not let in yet */
	uint64_t start_number;
	uint32_t starts; /* lately: more than a few are circles */
	pgaf_time starts_since;
	uint64_t exits;
	bool exit_inside;
	/* The data directory. */
	bool has_data;
	bool clone_unfinished;
	bool standby_signal;
	bool clean;
	bool was_primary;
	uint64_t system_identifier;
	struct position at; /* primary: insert; standby: received; stopped: end of WAL */
	pgaf_lsn flush;
	pgaf_lsn replay;
	uint32_t disk_branch; /* of the last checkpoint */
	struct position kept; /* what of its WAL was put aside */
	pgaf_lsn redo;        /* where recovery begins */
	pgaf_lsn consistent_at;
	bool local_wal_read; /* all local WAL was read: L is complete (trap 7) */
	pgaf_time promoting_since;
	uint32_t promoting_to; /* timeline */
	bool promotion_stalls; /* trap 39: until a reload wakes the startup process */
	/* Configuration: in the file, in a new session, in the checkpointer. */
	struct sync_set file, shown;
	uint64_t reload_serial;
	uint64_t shown_serial; /* of the last reload the postmaster has read */
	bool flag;             /* backends wait at all */
	pgaf_time checkpointer_busy_until;
	pgaf_node_id upstream;
	uint32_t admission;
	pgaf_lsn released;
	bool poisoned;
	struct walreceiver receiver;
	struct walsender senders[WALSENDERS_MAX];
	struct slot slots[SIM_HOSTS];
	pgaf_lsn wal_from; /* older WAL was removed */
	bool wal_gone;     /* its upstream said so of what it asked for last */
	struct waiter waiters[WAITERS_MAX];
	uint32_t waiter_count;
	struct client sessions[SESSIONS_MAX];
	bool flush_under_way;
	pgaf_time disk_since, disk_until; /* the disk hangs from then to then */
	pgaf_time slow_until, full_until;
};

void pg_init(struct sim *sim, pgaf_node_id node);
bool pg_answers(const struct pg *pg); /* runs, and a session gets answers */
bool pg_accepts(const struct pg *pg); /* a new session would be let in */
struct position pg_end(const struct pg *pg);
uint32_t pg_timeline(const struct sim *sim, const struct pg *pg);
void pg_start(struct sim *sim, pgaf_node_id node);
void pg_stop_clean(struct sim *sim, pgaf_node_id node);            /* asks: fast shutdown begins */
void pg_stop_now(struct sim *sim, pgaf_node_id node, bool inside); /* SIGQUIT: all gone at once */
void pg_crash_postmaster(struct sim *sim, pgaf_node_id node, bool inside);
void pg_reap(struct sim *sim, pgaf_node_id node);
void pg_host_lost(struct sim *sim, pgaf_node_id node);
void pg_promote(struct sim *sim, pgaf_node_id node, uint32_t timeline);
/* The reload that ends the stall of trap 39. */
void pg_kick(struct sim *sim, pgaf_node_id node);
void pg_initdb(struct sim *sim, pgaf_node_id node);
void pg_copy(struct sim *sim, pgaf_node_id from, pgaf_node_id to);
void pg_rewind(struct sim *sim, pgaf_node_id node, pgaf_node_id upstream);
void pg_checkpoint(struct sim *sim, pgaf_node_id node);
void pg_reload(struct sim *sim, pgaf_node_id node);
void pg_follow(struct sim *sim, pgaf_node_id node, pgaf_node_id upstream, uint32_t admission);
/* Write the file; required 1 without members is the fence. */
void pg_set_names(struct sim *sim, pgaf_node_id node, const struct sync_set *set);
pgaf_time pg_disk(struct sim *sim, pgaf_node_id node, pgaf_time typical);
/* It has no room: WAL cannot be written. */
bool pg_disk_is_full(const struct sim *sim, pgaf_node_id node);
void pg_observe(const struct sim *sim, pgaf_node_id node, struct observation *seen);

/* Streaming (stream.c). */
void stream_tick(struct sim *sim, pgaf_node_id node);
void stream_end_receiver(struct sim *sim, pgaf_node_id node);
void stream_end_sender(struct sim *sim, pgaf_node_id node, struct walsender *sender);
void stream_end_all(struct sim *sim, pgaf_node_id node);
void stream_pump(struct sim *sim, pgaf_node_id node);
bool stream_is_drained(const struct sim *sim, pgaf_node_id node);
void stream_connect(struct sim *sim, pgaf_node_id node);

/* Slots (slots.c). */
void slots_checkpoint(struct sim *sim, pgaf_node_id node);
void slots_make(struct sim *sim, pgaf_node_id node);
void slots_advance(struct sim *sim, pgaf_node_id node);
void slot_confirm(struct pg *pg, pgaf_node_id standby, pgaf_lsn flush);
bool slot_serves(const struct pg *pg, pgaf_node_id standby);
pgaf_node_id slots_lost(const struct pg *pg);

/* Synchronous commit (sync.c). */
void sync_names_changed(struct sim *sim, pgaf_node_id node);
void sync_take(struct sim *sim, pgaf_node_id node, struct walsender *sender);
void sync_release(struct sim *sim, pgaf_node_id node, const struct walsender *sender);
/* Insert one record and commit it; acknowledged by client_acknowledged. */
pgaf_lsn sync_commit(struct sim *sim, pgaf_node_id node, uint32_t session);
bool sync_keeper_waits(const struct sim *sim, pgaf_node_id node, pgaf_lsn lsn);

/* ---- keepers (keep.c, keep_steps.c) ---------------------------------------- */

struct run_step {
	bool active;
	uint64_t serial;
	struct step_order order;
	uint32_t stage;
	pgaf_time began;
	pgaf_time limit;
	pgaf_lsn x;
	uint64_t y;
	uint64_t mark;
	struct step_result result;
};

/* A question kept open to one Postgres (probe.c). */
struct probe_state {
	bool wanted;
	bool open;
	uint64_t target_run; /* of the instance that the open connection is with */
	uint64_t serial;     /* events of an older one are stale */
	pgaf_time tested_at; /* last fresh connection beside the open one */
	pgaf_time heard_at;  /* last answer over the open one */
	pgaf_time interval;
	struct sighting sighting;
};

struct keeper_world {
	struct sim *sim;
	pgaf_node_id node;
};

struct keep {
	struct keeper_world world;
	struct proc proc;
	struct keeper *engine;
	bool enrolled;
	struct note disk_note;
	/* The versions of the set that it declined last, by what it noted: above and up to. */
	uint32_t declined_above, declined_upto;
	pgaf_time clock_offset;
	uint64_t run_number;
	uint64_t timer_serial;
	pgaf_time timer_at;
	bool observing;
	pgaf_time asked_at;
	struct observation seen; /* taken, and on its way */
	pgaf_time disk_deadline; /* as it was told last */
	bool link_open;
	uint64_t reports; /* said by this process, numbers them */
	uint64_t link_serial;
	pgaf_time link_heard_at;
	pgaf_time link_backoff;
	bool link_trying;
	bool claim_open;
	pgaf_time link_up_last, link_down_last; /* arrivals, to keep their order */
	uint64_t exits_before;                  /* of Postgres when this process began */
	struct run_step step;
	struct probe_state peers[SIM_HOSTS];
	uint32_t peer_count;
	pgaf_time peer_interval;
	bool exited;
	bool told_to_end; /* by SIGTERM, or to leave */
	int exit_code;
	bool wanted; /* whether a service manager starts it again */
	enum route route;
	char waiting[160];
	enum pgaf_state last_state;
	pgaf_time died_at;
	bool dropped;    /* by an operator, and has not joined again */
	bool asked_back; /* as soon as it has left */
};

void keep_start(struct sim *sim, pgaf_node_id node);
void keep_kill(struct sim *sim, pgaf_node_id node);
void keep_terminate(struct sim *sim, pgaf_node_id node);
void keep_leave(struct sim *sim, pgaf_node_id node);
void keep_run(struct sim *sim,
              pgaf_node_id node); /* after any keeper_on_*: run and arm the timer */
pgaf_time keep_now(const struct sim *sim, pgaf_node_id node);
void keep_exit_seen(struct sim *sim, pgaf_node_id node);
void keep_observe(struct sim *sim, pgaf_node_id node);
void keep_step(void *world, const struct step_order *order);
void keep_step_cancel(void *world);
void keep_step_result(struct sim *sim, pgaf_node_id node, const struct step_result *result);

/* ---- the link between keepers and store (link.c) ---------------------------- */

void link_start(struct sim *sim, pgaf_node_id node);
void link_report(struct sim *sim, pgaf_node_id node, const struct report *report, bool urgent);
void link_claim(struct sim *sim, pgaf_node_id node, uint64_t epoch);
void link_refresh(struct sim *sim, pgaf_node_id node);
void link_hint(struct sim *sim, pgaf_node_id node); /* the store's notification */
void link_store_gone(struct sim *sim, bool silent);
void link_keeper_gone(struct sim *sim, pgaf_node_id node, bool silent);
void link_tick(struct sim *sim, struct event *event); /* each half second for node a, for ever */

/* ---- the store (store.c) ----------------------------------------------------- */

struct simstore {
	struct proc proc;
	struct snapshot truth;
	struct snapshot durable;
	struct snapshot copy;
	bool dirty;
	pgaf_time born;
	pgaf_time disk_until;                 /* nothing is flushed before */
	bool session_open[SIM_HOSTS];         /* the keepers', as the store sees them */
	pgaf_time session_lost_at[SIM_HOSTS]; /* when they were last heard */
	bool reported[SIM_HOSTS];             /* news the monitor has not read */
	struct settings
		settings; /* as the seed has them, but for what an operator does meanwhile */
	bool quorum[SIM_HOSTS];
	uint32_t promote_version; /* first version of the term that begins with the promotion */
	bool forgot;              /* it was put back, and did not outgrow that yet */
};

void store_init(struct sim *sim);
void store_start(struct sim *sim);
void store_crash(struct sim *sim);
/* A copy as of now, and putting it back: the store forgets (PROTOCOL 12). */
void store_save(struct sim *sim);
void store_restore(struct sim *sim);
bool store_register(struct sim *sim, pgaf_node_id node);
void store_orders(const struct sim *sim, pgaf_node_id node, struct keeper_orders *orders);
void store_report(struct sim *sim, pgaf_node_id node, const struct report *report, bool urgent);
/* Both are durable when they return: the caller lets the flush pass before. */
bool store_claim(struct sim *sim, pgaf_node_id node, uint64_t epoch);
int store_commit(struct sim *sim, const struct decision *decision);
void store_request(struct sim *sim, enum request_kind kind, pgaf_node_id to, bool allow_loss);
struct node *store_node(struct snapshot *snap, pgaf_node_id node);
pgaf_time store_flush_time(struct sim *sim);
/* The snapshot without asynchronous versions, if another is there. */
void store_forget_async(struct group *group);
/* Operators' changes while the group runs; at the end everything is as the seed has it. */
void store_set_quorum(struct sim *sim, pgaf_node_id node, bool quorum);
void store_set_number(struct sim *sim, uint32_t number);
void store_written_by_operator(struct sim *sim);
/* For BREAK_FLAP: each few seconds, for ever. */
void store_flap(struct sim *sim, struct event *event);

/* ---- an operator (operator.c) ------------------------------------------------ */

enum timings {
	TIMINGS_QUICK,
	TIMINGS_PATIENT,
	TIMINGS_OWN, /* the seed's */
};

void operator_sets_timings(struct sim *sim, enum timings timings);
/* The node leaves, and joins again once it has left and was asked back, or all faults are over. */
void operator_drops(struct sim *sim, pgaf_node_id node);
void operator_asks_back(struct sim *sim, pgaf_node_id node);
/* Everything is again as the seed has it. */
void operator_is_done(struct sim *sim);

/* ---- the monitor (mon.c) ------------------------------------------------------ */

struct mon {
	struct proc proc;
	struct monitor *engine;
	pgaf_time clock_offset;
	uint64_t timer_serial;
	pgaf_time timer_at;
	bool store_open;
	struct probe_state probes[SIM_HOSTS];
	struct settings settings;
};

void mon_start(struct sim *sim);
void mon_kill(struct sim *sim);
void mon_run(struct sim *sim);
void mon_thawed(struct sim *sim);
void mon_store_opened(struct sim *sim);
void mon_store_lost(struct sim *sim);
void mon_hint(struct sim *sim, pgaf_node_id node, bool changed);
pgaf_time mon_now(const struct sim *sim);

/* ---- probes (probe.c): observer 0 is the monitor ------------------------------- */

void probe_want(struct sim *sim, uint32_t observer, uint32_t target, pgaf_time interval);
void probe_reset(struct sim *sim, uint32_t observer);
void probe_target_died(struct sim *sim, uint32_t target, bool silent);

/* ---- clients (clients.c) --------------------------------------------------------- */

void pg_let_in(struct sim *sim, pgaf_node_id node);    /* the clients that were held back */
void clients_wake(struct sim *sim, pgaf_node_id node); /* it may accept writes now */
void clients_cut(struct sim *sim, pgaf_node_id node);
void client_acknowledged(struct sim *sim, pgaf_node_id node, uint32_t session, pgaf_lsn lsn);

/* ---- faults (faults.c) ------------------------------------------------------------- */

struct counts {
	uint64_t seeds, failovers, switchovers, crashes, partitions, acknowledged;
	uint64_t with_failover, with_second_fault, second_faults, promotions, events;
	uint64_t declined; /* promotions that a declined version did not bar */
	uint64_t by_kind[SIM_FAULT_COUNT];
	pgaf_time virtual_time;
};

/* Choose this seed's faults and set them to work; when the last of them is over. */
pgaf_time faults_plan(struct sim *sim);
/* A failover has begun: some seeds strike again now. */
void faults_on_failover(struct sim *sim, pgaf_node_id candidate);
/* The primary is to apply a new version of the set: some seeds crash it before it does. */
void faults_on_set(struct sim *sim, pgaf_node_id primary, bool relaxes);
/* Everything that was broken works again. */
void faults_end(struct sim *sim);
void fault_strike(struct sim *sim, const struct blow *blow);

/* ---- checks (checks.c) ---------------------------------------------------------------- */

/* Its note is on disk. */
void check_noted(struct keep *keep);
/* Whether this node's keeper noted durably that it never applies that version (4b). */
bool check_is_declined(const struct sim *sim, pgaf_node_id node, const struct sync_set *set);
/* A primary's set is written: none that it declined. */
void check_set(struct sim *sim, pgaf_node_id node, const struct sync_set *set);
/* The set that a primary runs is one that the store takes for possible (PROTOCOL D). */
void check_running(struct sim *sim, pgaf_node_id node);
void check_acknowledged(struct sim *sim, pgaf_node_id node, struct position at, bool counted);
/* Whether what the store knows allows this promotion, worked out apart from the core. */
void check_decision(struct sim *sim, const struct decision *decision);
/* The operator's word: what this node does not hold counts no more. */
void check_excuse(struct sim *sim, pgaf_node_id node);
void check_promotion(struct sim *sim, pgaf_node_id node);
void check_opened(struct sim *sim, pgaf_node_id node);
void check_branch(struct sim *sim, uint32_t branch);
/* WAL that only this node has is about to be replaced by the upstream's. */
void check_discard(struct sim *sim, pgaf_node_id node, pgaf_node_id upstream);
void check_start(struct sim *sim, pgaf_node_id node);
/* What was promoted and runs is not stopped by itself while its promotion is the goal. */
void check_stop(struct sim *sim, pgaf_node_id node, const struct goal *goal);
void check_end(struct sim *sim);
bool check_is_good(const struct sim *sim, char *why, size_t room);
bool check_counts(const struct sim *sim, pgaf_node_id node);
void violation(struct sim *sim, const char *check, const char *format, ...) PGAF_PRINTF(3, 4);

/* ---- rules that are broken on purpose (breaks.c) ------------------------------------------ */

#define BREAKS(X)                                                                                  \
	X(NONE, "none", "", "nothing")                                                             \
	X(CAS, "cas", "ONE", "the store takes every decision, however stale")                      \
	X(CLAIM, "claim", "ONE", "a keeper promotes without asking for its claim")                 \
	X(FORCE, "force", "DUR", "a set counts as in force though backends do not wait")           \
	X(FENCE, "fence", "DUR", "the fence is not seen holding a commit before names count")      \
	X(SIGNAL, "signal", "TIMELINE", "a standby is started as its files happen to be")          \
	X(NARROW, "narrow", "SAFE-PROMOTE", "the monitor overlooks asynchronous versions")         \
	X(WIDEN, "widen", "RUNNING", "a new version of the set strikes others before its proof")   \
	X(TERM, "term", "RUNNING", "a promotion strikes the old term's versions of the set")       \
	X(LATE, "late", "RUNNING", "a promoted node writes its set after it has opened")           \
	X(HISTORY, "history", "LIVE", "a node follows without a proof of its history")             \
	X(TIMELINE, "timeline", "TIMELINE", "timeline numbers are given out twice")                \
	X(DEMOTE, "demote", "LIVE", "a keeper ignores that it was demoted")                        \
	X(KEEP, "keep", "SILENT-LOSS", "divergent WAL is not kept aside")                          \
	X(DEAF, "deaf", "LIVE", "goals do not reach keepers")                                      \
	X(REST, "rest", "LIVE", "a standby keeps the set it was once told to rest with")           \
	X(DECLINE, "decline", "SAFE-PROMOTE", "a keeper says that it declined before it noted it") \
	X(FLAP, "flap", "STABLE", "a goal is given again and again")

enum brk {
#define BREAK_ENUM(name, word, check, doc) BREAK_##name,
	BREAKS(BREAK_ENUM)
#undef BREAK_ENUM
		BREAK_COUNT
};

const char *break_word(enum brk brk);
const char *break_doc(enum brk brk);
const char *break_check(enum brk brk);
bool break_find(const char *word, enum brk *brk);

/* ---- the whole (world.c) ----------------------------------------------------------------- */

#define TRACE_LINES 20000

struct sim {
	uint64_t seed;
	uint32_t nodes;
	enum brk brk;
	struct story story; /* as recorded so far, or as it is played */
	bool playing;       /* faults come from the story, not from the seed */
	pgaf_time built_at; /* the story's time 0 */
	uint32_t failovers; /* begun so far */
	uint32_t sets;      /* decided for the primary in office, since the group was built */
	uint64_t extra;     /* bits of enum fault: those that strike, too */
	pgaf_time now;
	struct rng plan; /* the faults', so that a change of the world keeps the plan */
	struct rng rng;  /* the programs'; the others are named in CHANCES */
	struct rng setup, network, disks, postgres, clients;
	struct sched sched;
	struct net net;
	bool host_up[SIM_HOSTS];
	struct pg pg[SIM_HOSTS];
	struct keep keep[SIM_HOSTS];
	struct simstore store;
	struct mon mon;
	struct branch branches[BRANCHES_MAX];
	uint32_t branch_count;
	uint64_t next_id;
	struct counts counts;
	bool strikes_twice; /* this seed has a second fault for its failovers */
	bool quiet;         /* faults are over */
	bool writers_off;
	bool failed;
	char failed_check[16];
	char failed_text[512];
	bool given_up[SIM_HOSTS]; /* by an operator's word: what this node writes does not count */
	bool failover_open;       /* a promotion by a failover is not finished */
	uint64_t seen_epoch;
	bool had_failover, had_second;
	/* Trace. */
	bool tracing;
	bool telling; /* only the main points, in words */
	bool trace_to_stdout;
	char *lines;
	uint32_t line_count;
};

struct sim *sim_new(uint64_t seed, uint32_t nodes, enum brk brk);
/* A run that plays this story instead of making one up. */
struct sim *sim_play(const struct story *story);
void sim_free(struct sim *sim);
/* From empty directories through faults to the last check; false = a violation. */
bool sim_story(struct sim *sim);
/* Only build the group and wait until it is good; for tests that drive faults by themselves. */
bool sim_build(struct sim *sim, pgaf_time limit);
/* Run until the group has been good for `calm`; false when `limit` passes first. */
bool sim_until_good(struct sim *sim, pgaf_time limit, pgaf_time calm);

/* One line of the trace; costs nothing unless traced. */
void trace_line(struct sim *sim, const char *who, const char *format, ...) PGAF_PRINTF(3, 4);
#define TRACE(sim, ...)                                 \
	do {                                            \
		if ((sim)->tracing)                     \
			trace_line((sim), __VA_ARGS__); \
	} while (0)
/* A line that a story in words has too. */
#define TELL(sim, ...)                                  \
	do {                                            \
		if ((sim)->tracing || (sim)->telling)   \
			trace_line((sim), __VA_ARGS__); \
	} while (0)
const char *host_name(uint32_t host);
void trace_write(const struct sim *sim, uint32_t lines, FILE *to); /* the last `lines` */

#endif
