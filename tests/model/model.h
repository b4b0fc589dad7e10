/* SPDX-License-Identifier: PostgreSQL */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

/*
 * The exhaustive model: a group as a few hundred small numbers, the actions
 * that change it, and what must hold. The decisions are made by the very
 * decide() and the very keeper engine that ship: both are filled with a
 * representative of the small numbers, run once, and read back.
 *
 * Every member is one byte, so that states are compared as memory. Epochs,
 * versions, timelines and positions are ranks: after each action they are
 * renumbered in their order, which no rule can tell (classes.c asks again
 * about others of the same order). Admissions are ranks per node, for they are
 * only compared with others of that node. Nodes that differ in their number
 * alone are one (symmetry.c).
 *
 * What is no part of it, or coarser than the world:
 * - A timer is running or over. That it is over while something else could
 *   still happen means that somebody was stopped for so long: a fault.
 * - A stopped (SIGSTOP) keeper does nothing until it goes on; what it was told
 *   meanwhile lies in its socket. Its steps stop with it, PostgreSQL does not.
 *   A stopped host is a cut link: the monitor sees the same of it.
 * - Per link and direction at most two messages are under way, one of a kind:
 *   report and claim up, goal and answer down. Without --messages goals are
 *   late but never under way, and of reports only that of a session that broke
 *   is. It may come after the session's end in any order with what follows, up
 *   to the node's next session; sessions are TCP, within one nothing overtakes.
 * - A cut loses what is under way; loss alone would only be a later message.
 * - A second monitor sees the same links, and knows what it heard itself.
 * - The older copy of the store is the first state or any one later.
 * - Clients commit one at a time on each node and get in with every start.
 * - Notes are on disk at once, or the keeper has died before.
 */

#include "core/model.h"
#include "core/steps.h"

#define NODES_MOST 3
#define MONITORS 2 /* the second one is there by mistake */
#define BRANCHES_MOST 8
#define NOW PGAF_SECONDS(1000000)
#define AGO(seconds) (NOW - PGAF_SECONDS(seconds))

/* ---- the small numbers -------------------------------------------------- */

struct m_set {
	uint8_t version, required, unknown, members; /* a bit per node */
	uint8_t admission[NODES_MOST];
};

struct m_goal {
	uint8_t state, epoch, timeline, admission, upstream, min_lsn, may_rewind;
	struct m_set set;
};

struct m_report {
	uint8_t state, epoch, pg, timeline, disk_timeline, lsn, complete, has_data, fenced;
	uint8_t drifted, needs_clone, admission, streaming, proved, caught_up;
	uint8_t in_force, in_force_timeline, renounced, promoted, promoted_timeline;
	uint8_t about, declined;
	uint8_t stopped, stopped_lsn, clean, stuck, members, reached;
};

/* What the store holds but for reports. */
struct m_group {
	uint8_t epoch, primary, timeline, next_timeline, next_version, next_admission;
	uint8_t promoted, from, promotion, promotion_timeline, claimed, attempts;
	uint8_t handover_from, handover_to, request, recovering, hold_downs, possible_count;
	struct m_set possible[POSSIBLE_MAX];
	struct m_goal goal[NODES_MOST];
	uint8_t admission[NODES_MOST], high[NODES_MOST];
};

struct m_store {
	struct m_group group;
	struct m_report report[NODES_MOST];
};

/* What the monitor sees is no part of the state: at each decision it sees a node as it is, or
 * has not noticed yet that something about it has ended. */
struct m_monitor {
	uint8_t up, pending, rule, from_epoch, from_claimed;
	uint8_t heard[NODES_MOST]; /* a report came since it was started */
	struct m_group next;       /* the decision being committed */
};

struct m_note {
	uint8_t epoch, role, timeline, promotion, about, applied, declined, renounced;
	struct m_goal goal;
};

enum m_claim { CLAIM_NO, CLAIM_ASKED, CLAIM_GRANTED, CLAIM_DENIED };

struct m_keeper {
	uint8_t alive, frozen, link, contact; /* frozen: see enum m_frozen */
	struct m_note note;
	uint8_t known, orders_epoch;
	struct m_goal orders;
	uint8_t stayed, crashed, declined, crash_seen, crash_epoch, history, kept, proved, ready;
	uint8_t settled, claim, followed, followed_as, state, drifted;
	uint8_t in_force, in_force_timeline, stopped, stopped_lsn, clean;
	uint8_t busy, stage, barrier, promote_sent, give_up, claiming;
	struct m_goal order; /* of the step under way */
	uint8_t order_async;
	/* Messages under way: claim and report up, claim's answer and orders down. */
	uint8_t claim_message, claim_epoch, report_sent, orders_sent, sent_epoch;
	uint8_t old_sent; /* a report that a session which is over had on its way */
	struct m_report report, old;
	struct m_goal sent;
};

/* A process that is stopped; one that goes on, and has not heard anything since. */
enum m_frozen { RUNS, FROZEN, THAWED };

struct m_sender {
	uint8_t used, admission, flush, old; /* old: existed before the set under proof */
	struct m_set set;                    /* its own copy */
};

struct m_pg {
	uint8_t status, unfinished, clean, restarted, complete;
	uint8_t branch, lsn, disk_branch;
	uint8_t upstream, admission, streaming, promote; /* a promotion was requested */
	uint8_t waits;                                   /* backends wait at all */
	uint8_t poisoned, waiter;                        /* position of the waiting commit */
	struct m_set file;
	struct m_sender sender[NODES_MOST];
};

struct m_branch {
	uint8_t timeline, parent, fork, writer;
};

struct m_world {
	uint8_t faults, cancels, commits, copied, restored;
	/* restored: the store is an older copy (1), and all nodes were heard since (2) */
	uint8_t kinds[2];            /* of a pair: the faults that are left */
	uint8_t cut[NODES_MOST + 1]; /* [from], a bit per receiver; 0 is the monitor */
	uint8_t branches, acked_branch, acked, acked_writer;
	struct m_branch branch[BRANCHES_MOST];
};

struct m_state {
	struct m_store store;
	struct m_monitor monitor[MONITORS];
	struct m_world world;
	struct m_keeper keeper[NODES_MOST];
	struct m_pg pg[NODES_MOST];
	struct m_group copy; /* an older copy of the store's group, if one is kept */
};

/* ---- faults ------------------------------------------------------------- */

#define FAULTS(X)                   \
	X(NONE, "none")             \
	X(POSTMASTER, "postmaster") \
	X(KEEPER, "keeper")         \
	X(FREEZE, "freeze")         \
	X(CLAIMING, "claiming")     \
	X(HOST, "host")             \
	X(MONITOR, "monitor")       \
	X(RIVAL, "rival")           \
	X(STORE, "store")           \
	X(COPY, "copy")             \
	X(LINK, "link")             \
	X(SESSION, "session")       \
	X(DELAY, "delay")           \
	X(OPERATOR, "operator")

enum m_fault {
#define FAULT_ENUM(name, word) MFAULT_##name,
	FAULTS(FAULT_ENUM)
#undef FAULT_ENUM
		MFAULT_COUNT
};

/* One fault of this kind is taken from what is left. False: none is left. */
bool pay(struct m_state *s, enum m_fault fault);

/* ---- the run ------------------------------------------------------------ */

#define BREAKS(X)                                                                     \
	X(NONE, "none", "nothing is broken")                                          \
	X(NARROW, "narrow", "a wider set replaces the old one before it is proved")   \
	X(CLAIM, "claim", "every claim is granted, whatever was decided since")       \
	X(ADMISSION, "admission", "the admission number never changes")               \
	X(COMPLETE, "complete", "an end of WAL counts though it is not complete")     \
	X(TERM, "term", "a promotion drops the old term's versions")                  \
	X(LATE, "late", "the set is written after the promotion")                     \
	X(CAS, "cas", "every decision is written, however stale")                     \
	X(FORCE, "force", "a set counts as in force as soon as it is written")        \
	X(EPOCH, "epoch", "a decision is written though the epoch is another")        \
	X(SESSION, "session", "a report counts whatever session it comes from")       \
	X(ANSWER, "answer", "an answer that lay in the socket counts as a fresh one") \
	X(CLASS, "class", "a position counts by its value, not by its order")         \
	X(FLAP, "flap", "a node that is well is taken for gone in time")              \
	X(HISTORY, "history", "a node follows without a proof of its history")

enum m_break {
#define BREAK_ENUM(name, word, doc) BREAK_##name,
	BREAKS(BREAK_ENUM)
#undef BREAK_ENUM
		BREAK_COUNT
};

struct m_run {
	unsigned nodes, sync, faults, cancels, commits, depth, symmetry;
	enum m_fault pair[2]; /* exactly these two instead of `faults` of any kind */
	bool messages;        /* they may be under way; else only late */
	bool restore, requests, live, representatives;
	enum m_break brk;
	double seconds; /* limit */
	size_t states;  /* limit */
	/* A violation of the action just done; "" = none. */
	char check[16];
	char violation[256];
	/* The story of the action just done, filled while `telling`; names as at first. */
	bool telling;
	uint8_t name[NODES_MOST];
	char story[512];
};

extern struct m_run run;

/* For people. */
static inline unsigned
name_of(unsigned node)
{
	return run.name[node] + 1U;
}

void violate(const char *check, const char *format, ...) PGAF_PRINTF(2, 3);
void tell(const char *format, ...) PGAF_PRINTF(1, 2);

/* ---- positions (wal.c) -------------------------------------------------- */

bool wal_contains(const struct m_state *s, unsigned branch, unsigned lsn, unsigned of_branch,
                  unsigned of_lsn);
/* The branch of the history that ends at `branch` on which `lsn` lies. */
unsigned wal_branch_at(const struct m_state *s, unsigned branch, unsigned lsn);
unsigned wal_timeline(const struct m_state *s, unsigned branch);
/* A new branch from where this node is; the node is on it, one record further. */
void wal_fork(struct m_state *s, unsigned node, unsigned timeline);
/* A record: the position after everything that is known. */
unsigned wal_next(struct m_state *s);
void normalise(struct m_state *s);

/* ---- numberings of the nodes (symmetry.c) ------------------------------- */

unsigned numberings_count(void);
void renumber_nodes(struct m_state *s, unsigned numbering);
/* The state that stands for this one and its likes; under which numbering it is that. */
unsigned canonical(struct m_state *s);
/* What nodes are called in a story goes with their numbers. */
void renumber_names(unsigned numbering);

/* ---- parts -------------------------------------------------------------- */

bool link_open(const struct m_state *s, unsigned from, unsigned to);
bool both_open(const struct m_state *s, unsigned a, unsigned b);
bool pg_runs(const struct m_pg *pg);
void goal_widen(const struct m_goal *from, struct goal *to);
void goal_narrow(const struct goal *from, struct m_goal *to);
void group_narrow(const struct decision *decision, const struct m_group *before,
                  struct m_group *to);
void set_widen(const struct m_set *from, struct sync_set *to);
void set_narrow(const struct sync_set *from, struct m_set *to);
bool set_same(const struct m_set *a, const struct m_set *b);

/* A step under way goes on; true when `result` is filled: the step has ended. */
bool step_go(struct m_state *s, unsigned node, struct step_result *result);
void pg_end(struct m_state *s, unsigned node, enum pg_status status);
void pg_disconnect(struct m_state *s, unsigned standby);
void pg_write_set(struct m_state *s, unsigned node, const struct m_set *set);
void keeper_die(struct m_state *s, unsigned node);
void keeper_lose_link(struct m_state *s, unsigned node);
void report_now(const struct m_state *s, unsigned node, struct m_report *report);
bool monitor_may_decide(const struct m_state *s, unsigned by);
void monitor_reset(struct m_monitor *monitor);

/* Checks (check.c). */
void check_acknowledged(struct m_state *s, unsigned node, unsigned lsn);
void check_promoted(const struct m_state *s, unsigned node);
void check_decision(const struct m_state *s, const struct m_group *next, unsigned rule);
void check_needed(const struct m_state *s, const struct decision *decision);
void check_state(const struct m_state *s);
bool is_good(const struct m_state *s);
const char *why_not_good(const struct m_state *s);

/* Actions: each is one thing that can happen. False: not possible now, and nothing was changed. */
typedef bool (*action_fn)(struct m_state *s, unsigned node, unsigned variant);

/* Once, or once per node, or once per numbering of the nodes. */
enum m_per { ONCE, NODE, NUMBERING };

/* Whether it belongs to a fair run without faults. TIMED: variant 1 is a timer that is over. */
enum m_fair { UNFAIR, REPAIR, FAIR, TIMED };

struct action {
	const char *text;
	action_fn fn;
	uint8_t per;      /* enum m_per */
	uint8_t variants; /* 0: one per other end (nodes and the monitor) */
	enum m_fair fair;
};

extern const struct action actions[];
extern const size_t actions_count;

bool keeper_acts(struct m_state *s, unsigned node, unsigned variant);
bool keeper_steps(struct m_state *s, unsigned node, unsigned variant);
bool keeper_notices(struct m_state *s, unsigned node, unsigned variant);
bool keeper_reports(struct m_state *s, unsigned node, unsigned variant);
bool keeper_hears_claim(struct m_state *s, unsigned node, unsigned variant);
bool keeper_hears_orders(struct m_state *s, unsigned node, unsigned variant);
bool keeper_links(struct m_state *s, unsigned node, unsigned variant);
bool keeper_unlinks(struct m_state *s, unsigned node, unsigned variant);
bool keeper_starts(struct m_state *s, unsigned node, unsigned variant);
bool keeper_dies_claiming(struct m_state *s, unsigned node, unsigned variant);
bool keeper_freezes(struct m_state *s, unsigned node, unsigned variant);
bool keeper_thaws(struct m_state *s, unsigned node, unsigned variant);
bool keeper_session_breaks(struct m_state *s, unsigned node, unsigned variant);
bool store_takes_old_report(struct m_state *s, unsigned node, unsigned variant);
bool store_takes_report(struct m_state *s, unsigned node, unsigned variant);
bool store_takes_claim(struct m_state *s, unsigned node, unsigned variant);
bool store_sends_orders(struct m_state *s, unsigned node, unsigned variant);
bool monitor_decides(struct m_state *s, unsigned node, unsigned variant);
bool monitor_commits(struct m_state *s, unsigned node, unsigned variant);
bool rival_decides(struct m_state *s, unsigned node, unsigned variant);
bool rival_commits(struct m_state *s, unsigned node, unsigned variant);
bool pg_commits(struct m_state *s, unsigned node, unsigned variant);
bool pg_cancels(struct m_state *s, unsigned node, unsigned variant);
bool pg_receives(struct m_state *s, unsigned node, unsigned variant);
bool pg_replies(struct m_state *s, unsigned node, unsigned variant);
bool pg_connects(struct m_state *s, unsigned node, unsigned variant);
bool pg_times_out(struct m_state *s, unsigned node, unsigned variant);
bool pg_reads_all(struct m_state *s, unsigned node, unsigned variant);
bool pg_sender_takes(struct m_state *s, unsigned node, unsigned variant);
bool pg_checkpointer_takes(struct m_state *s, unsigned node, unsigned variant);
bool pg_promoted(struct m_state *s, unsigned node, unsigned variant);

/*
 * A limit may be over when nothing else can happen any more. That it is over sooner, because
 * somebody was stopped for so long, costs a fault. False: it cannot be paid.
 */
bool limit_over(struct m_state *s);

/* The first state: a primary and standbys in good standing. */
void first_state(struct m_state *s);

/* The search (search.c): 0, or 1 with a violation, or 2 when a limit was reached. */
int search(void);

#endif
