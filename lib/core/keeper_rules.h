/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_KEEPER_RULES_H
#define CORE_KEEPER_RULES_H

/*
 * The keeper's side of the policy as data: from what it sees, remembers and
 * was told to the next named step. One step at a time; after each the table
 * is asked again, so a keeper that died between any two steps goes on where
 * its note and its Postgres are.
 */

#include "core/note.h"
#include "core/steps.h"

#define KEEPER_STATE(X) /* enum pgaf_state */
#define KEEPER_ROLE(X)  /* enum note_role */
#define KEEPER_POSTGRES(X)                                                            \
	X(K_PG_UNKNOWN, "unknown") X(K_PG_ABSENT, "absent") X(K_PG_STOPPED, "stopped") \
	X(K_PG_EXITED, "exited") X(K_PG_STARTING, "starting") X(K_PG_STANDBY, "standby") \
	X(K_PG_PRIMARY, "primary")
#define KEEPER_ACCEPTED(X) X(K_NOT_ACCEPTED, "no") X(K_ACCEPTED, "yes")
#define KEEPER_CONTACT(X)                                                             \
	X(K_CONTACT_NEVER, "never") X(K_CONTACT_STALE, "stale") X(K_CONTACT_FRESH, "fresh")
#define KEEPER_RESTART(X)                                                             \
	X(K_RESTART_FREE, "free") X(K_RESTART_ASKS, "asks") X(K_RESTART_ALONE, "alone")
#define KEEPER_LEAVING(X) X(K_STAYS, "no") X(K_ANNOUNCED, "announced") X(K_LEAVES, "now")
#define KEEPER_FENCE(X)                                                               \
	X(K_FENCE_NONE, "none") X(K_FENCE_DUE, "due") X(K_FENCE_ON, "on")             \
	X(K_FENCE_RETURN, "return")
#define KEEPER_UPSTREAM(X) X(K_UPSTREAM_WRONG, "wrong") X(K_UPSTREAM_RIGHT, "right")
#define KEEPER_STREAM(X) X(K_STREAM_NO, "no") X(K_STREAM_YES, "yes")
#define KEEPER_HISTORY(X)                                                             \
	X(K_HISTORY_UNKNOWN, "unknown") X(K_HISTORY_PROVED, "proved")                 \
	X(K_HISTORY_DIVERGED, "diverged") X(K_HISTORY_CLONE, "clone")                 \
	X(K_HISTORY_COPIED, "copied")
#define KEEPER_KEPT(X) X(K_KEPT_NO, "no") X(K_KEPT_YES, "yes")
#define KEEPER_SET(X)                                                                 \
	X(K_SET_IN_FORCE, "in-force") X(K_SET_RELAX, "relax") X(K_SET_TIGHTEN, "tighten") \
	X(K_SET_DRIFTED, "drifted")
#define KEEPER_NOTED(X)                                                               \
	X(K_SET_NOT_NOTED, "no") X(K_SET_NOTED, "yes") X(K_SET_DECLINED, "declined")
#define KEEPER_CRASHED(X) X(K_RAN, "no") X(K_CRASHED, "yes")
#define KEEPER_CLAIM(X)                                                               \
	X(K_CLAIM_NONE, "none") X(K_CLAIM_GRANTED, "granted") X(K_CLAIM_LOST, "lost") \
	X(K_CLAIM_RENOUNCED, "renounced")
#define KEEPER_TIMELINE(X) X(K_TIMELINE_OTHER, "other") X(K_TIMELINE_RIGHT, "right")
#define KEEPER_READY(X)                                                               \
	X(K_NEEDS_CONFIG, "needs-config") X(K_NEW, "new")                             \
	X(K_NEEDS_ROLES, "needs-roles")                                               \
	X(K_NEEDS_SLOTS, "needs-slots") X(K_READY, "ready")
#define KEEPER_CLIENTS(X)                                                             \
	X(K_CLIENTS_IN, "in") X(K_CLIENTS_HELD, "held-back")                          \
	X(K_CLIENTS_UNCONFIRMED, "unconfirmed") X(K_CLIENTS_DUE, "due")
#define KEEPER_SETTLED(X) X(K_NOT_SETTLED, "no") X(K_SETTLED, "yes")
#define KEEPER_RELEASED(X) X(K_RELEASED_TRUE, "true") X(K_RELEASED_POISONED, "poisoned")
#define KEEPER_WAL(X) X(K_WAL_WHOLE, "whole") X(K_WAL_REGRESSED, "regressed")
#define KEEPER_UP(X) X(K_COMES_UP, "comes-up") X(K_IS_UP, "up")
#define KEEPER_REST(X) X(K_REST_OTHER, "other") X(K_REST_RIGHT, "right")
#define KEEPER_MAY_REWIND(X) X(K_REWIND_LATER, "later") X(K_REWIND_NOW, "now")

/* name, answers, question */
#define KEEPER_FACTS(X)                                                               \
	X(GOAL, KEEPER_STATE, "what is the goal")                                     \
	X(ACCEPTED, KEEPER_ACCEPTED, "is the goal written in the note")               \
	X(ROLE, KEEPER_ROLE, "what does the note allow")                              \
	X(PG, KEEPER_POSTGRES, "how is Postgres")                                     \
	X(CONTACT, KEEPER_CONTACT, "when did the store last answer this process")     \
	X(RESTART, KEEPER_RESTART, "may a crashed primary be started again")          \
	X(LEAVING, KEEPER_LEAVING, "was this keeper told to stop")                    \
	X(FENCE, KEEPER_FENCE, "is self-fencing due")                                 \
	X(UPSTREAM, KEEPER_UPSTREAM, "is the upstream of the goal configured")        \
	X(STREAM, KEEPER_STREAM, "does it stream from there")                         \
	X(HISTORY, KEEPER_HISTORY, "is its history the upstream's")                   \
	X(KEPT, KEEPER_KEPT, "is divergent WAL kept aside")                           \
	X(MAY_REWIND, KEEPER_MAY_REWIND, "is the upstream's timeline on its disk")    \
	X(SET, KEEPER_SET, "is the set of the goal proved in force")                  \
	X(RELEASED, KEEPER_RELEASED, "do released commits have a standby")            \
	X(WAL, KEEPER_WAL, "does a primary still hold what it once reported")         \
	X(UP, KEEPER_UP, "is a standby consistent, and its end of WAL known")         \
	X(REST, KEEPER_REST, "does a standby carry what its promotion would open with") \
	X(NOTED, KEEPER_NOTED, "does the note say that it may be applied")            \
	X(CRASHED, KEEPER_CRASHED, "did Postgres end by itself, or not start")        \
	X(CLAIM, KEEPER_CLAIM, "is the promotion claimed")                            \
	X(TIMELINE, KEEPER_TIMELINE, "is it on the timeline of the note")             \
	X(READY, KEEPER_READY, "are configuration, roles and slots done")             \
	X(CLIENTS, KEEPER_CLIENTS, "may clients come in that the start held back")    \
	X(SETTLED, KEEPER_SETTLED, "is the work after opening done")

enum keeper_fact {
#define KEEPER_FACT_ENUM(name, answers, question) KF_##name,
	KEEPER_FACTS(KEEPER_FACT_ENUM)
#undef KEEPER_FACT_ENUM
	KF_COUNT
};

#define ANSWER_ENUM(name, word) name,
enum keeper_postgres { KEEPER_POSTGRES(ANSWER_ENUM) };
enum keeper_accepted { KEEPER_ACCEPTED(ANSWER_ENUM) };
enum keeper_contact { KEEPER_CONTACT(ANSWER_ENUM) };
enum keeper_restart { KEEPER_RESTART(ANSWER_ENUM) };
enum keeper_leaving { KEEPER_LEAVING(ANSWER_ENUM) };
enum keeper_fence { KEEPER_FENCE(ANSWER_ENUM) };
enum keeper_upstream { KEEPER_UPSTREAM(ANSWER_ENUM) };
enum keeper_stream { KEEPER_STREAM(ANSWER_ENUM) };
enum keeper_history { KEEPER_HISTORY(ANSWER_ENUM) };
enum keeper_kept { KEEPER_KEPT(ANSWER_ENUM) };
enum keeper_set { KEEPER_SET(ANSWER_ENUM) };
enum keeper_rest { KEEPER_REST(ANSWER_ENUM) };
enum keeper_noted { KEEPER_NOTED(ANSWER_ENUM) };
enum keeper_crashed { KEEPER_CRASHED(ANSWER_ENUM) };
enum keeper_claim { KEEPER_CLAIM(ANSWER_ENUM) };
enum keeper_timeline { KEEPER_TIMELINE(ANSWER_ENUM) };
enum keeper_ready { KEEPER_READY(ANSWER_ENUM) };
enum keeper_clients { KEEPER_CLIENTS(ANSWER_ENUM) };
enum keeper_settled { KEEPER_SETTLED(ANSWER_ENUM) };
enum keeper_released { KEEPER_RELEASED(ANSWER_ENUM) };
enum keeper_wal { KEEPER_WAL(ANSWER_ENUM) };
enum keeper_up { KEEPER_UP(ANSWER_ENUM) };
enum keeper_may_rewind { KEEPER_MAY_REWIND(ANSWER_ENUM) };
#undef ANSWER_ENUM

/* Whether a restarted primary waits for its standbys before it lets clients in (17d). */
enum keeper_confirm {
	CONFIRM_AUTO, /* where commits always wait for a standby: number_sync >= 1 */
	CONFIRM_ALWAYS,
	CONFIRM_NEVER,
};

/* What STEP_NOTE writes of the goal's set (4b). */
enum note_set {
	NOTE_SET_AS_IS,
	NOTE_SET_BEGUN,    /* it is about to be applied, or was */
	NOTE_SET_DECLINED, /* it never will be */
};

/* Beside the step: what the durable note says afterwards (STEP_NOTE), NOTE_NONE keeps the role. */
struct keeper_rule {
	uint32_t        id;   /* K-number, published, never reused */
	const char     *doc;  /* one sentence: why */
	uint32_t        when[KF_COUNT];
	enum step       step;
	enum note_role  role;
	enum note_set   set;
	enum pgaf_state report; /* the state while this rule applies; UNKNOWN keeps the last */
};

struct keeper_facts {
	uint8_t answer[KF_COUNT];
};

/* What a keeper knows; filled by the engine, read by the facts. */
struct keeper_view {
	struct note          note;
	struct observation   seen;
	bool                 seen_known;
	struct keeper_orders orders;
	bool                 orders_known; /* the store told this process */
	bool                 forgotten;    /* … a goal older than the accepted one (12) */
	pgaf_time            answered_at;  /* last answer of the store; 0 never */
	pgaf_time            started_at;   /* of this process */
	pgaf_time            member_at;    /* a member answered or progressed; 0 never */
	bool                 member_follows; /* a peer on our timeline streams from us */
	/* the set in force was not ours, not proved since (8c) */
	bool                 drifted;
	bool                 stayed;       /* the fencing happened in this process */
	bool                 crashed;      /* Postgres ended by itself and was not started since */
	bool                 crash_seen;   /* … seen by this process */
	bool                 declined;     /* a set, since it crashed or did not start */
	bool                 start_failed; /* it was to be started as a primary, and did not */
	bool                 regressed;    /* ran as the primary with less WAL than it had (1e) */
	bool                 witness;      /* … or fenced by it, and started again since */
	enum keeper_confirm  confirm;
	uint64_t             crash_epoch;  /* accepted epoch at that time */
	enum keeper_leaving  leaving;
	enum keeper_history  history;      /* towards orders.goal's upstream and timeline */
	bool                 wal_kept;
	uint32_t             proved_version; /* in force, proved since server_start */
	enum keeper_ready    ready;
	bool                 settled;
	enum keeper_claim    claim;
	bool                 link_open;
	pgaf_node_id         followed;     /* upstream configured by this process's last FOLLOW */
	uint32_t             followed_as;  /* … under this admission */
	bool                 dry;          /* a standby that has not streamed for long */
};

void keeper_facts_of(const struct keeper_view *view, pgaf_time now, struct keeper_facts *facts);
/* In the order of the table; NULL after the last. */
const struct keeper_rule *keeper_rule_at(size_t row);
/* Never NULL: the table covers every point, which a test proves. */
const struct keeper_rule *keeper_rule_find(const struct keeper_facts *facts);

unsigned keeper_fact_answers(enum keeper_fact fact);
const char *keeper_fact_name(enum keeper_fact fact);
const char *keeper_fact_question(enum keeper_fact fact);
const char *keeper_fact_answer_name(enum keeper_fact fact, unsigned answer);

/* A store's answer older than this proves nothing before an irreversible step (3d). */
#define CONTACT_FRESH PGAF_SECONDS(1)

#endif
