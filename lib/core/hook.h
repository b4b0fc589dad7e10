/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_HOOK_H
#define CORE_HOOK_H

/*
 * When an operator's program is called: each change of role of a node, each
 * failover to it, the loss and the return of redundancy, and being stuck. What
 * was told is remembered, so that nothing is told twice; what passes by itself
 * in a moment is not told at all.
 */

#include "core/model.h"

/* What is told of one topic makes what was told of it before obsolete. */
enum hook_topic {
	HOOK_TOPIC_ROLE,
	HOOK_TOPIC_FAILOVER,
	HOOK_TOPIC_REDUNDANCY,
	HOOK_TOPIC_STUCK,
	HOOK_TOPIC_COUNT,
};

#define HOOK_EVENTS(X)                                            \
	X(ROLE_CHANGE, ROLE, "role-change")                       \
	X(FAILOVER, FAILOVER, "failover")                         \
	X(REDUNDANCY_LOST, REDUNDANCY, "redundancy-lost")         \
	X(REDUNDANCY_REGAINED, REDUNDANCY, "redundancy-regained") \
	X(STUCK, STUCK, "stuck")                                  \
	X(UNSTUCK, STUCK, "unstuck")

enum hook_event {
#define HOOK_EVENT_ENUM(name, topic, word) HOOK_##name,
	HOOK_EVENTS(HOOK_EVENT_ENUM)
#undef HOOK_EVENT_ENUM
};

#define HOOK_ROLES(X)                                                    \
	X(UNKNOWN, "unknown") /* nothing was told by this process yet */ \
	X(NONE, "none")       /* clients are not let in */               \
	X(REPLICA, "replica")                                            \
	X(PRIMARY, "primary")

enum hook_role {
#define HOOK_ROLE_ENUM(name, word) HOOK_ROLE_##name,
	HOOK_ROLES(HOOK_ROLE_ENUM)
#undef HOOK_ROLE_ENUM
};

/* A primary that is alone for no longer than this has not lost its redundancy: standbys
 * that were restarted, or follow a new primary, come back. */
#define HOOK_BARE_AFTER PGAF_SECONDS(5)
/* What holds a node up for no longer than this is no news. */
#define HOOK_STUCK_AFTER PGAF_SECONDS(10)

/* How a node is now. */
struct hook_sight {
	enum hook_role role; /* never UNKNOWN */
	bool down;           /* no Postgres runs whose role would show in a moment */
	uint64_t promotion;  /* epoch of its last finished one; 0 = none */
	bool covered;        /* primary: a standby that counts streams from it */
	bool alone;          /* no other node is registered */
	const char *stuck;   /* what holds it up; NULL = nothing */
};

enum hook_redundancy { HOOK_NOT_TOLD, HOOK_TOLD_COVERED, HOOK_TOLD_BARE };

/* What was told; all zero but `promotion` at first. */
struct hook_watch {
	enum hook_role role;
	uint64_t promotion;
	enum hook_redundancy redundancy;
	pgaf_time bare_since;  /* 0 = is not */
	pgaf_time stuck_since; /* 0 = is not */
	bool stuck;
};

struct hook_call {
	enum hook_event event;
	enum hook_role role;
	enum hook_role before; /* the role that was told last */
	char reason[256];
};

/* The next thing to tell; false when there is nothing (more). To be asked until then. */
bool hook_next(struct hook_watch *watch, const struct hook_sight *sight, pgaf_time now,
               struct hook_call *call);

/* When there may be something to tell though nothing changes; PGAF_NEVER. */
pgaf_time hook_due(const struct hook_watch *watch);

/* Whether a standby that counts streams from the primary that reports this. */
bool hook_is_covered(const struct report *report);

const char *hook_event_name(enum hook_event event);
enum hook_topic hook_event_topic(enum hook_event event);
const char *hook_role_name(enum hook_role role);

#endif
