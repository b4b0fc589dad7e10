/* SPDX-License-Identifier: PostgreSQL */
#ifndef STORE_STORE_H
#define STORE_STORE_H

/*
 * The store proper: truth, used only by monitors. Asynchronous: each call ends in
 * one call of its callback, in order; a lost connection is re-made with
 * back-off inside, `opened` and `lost` tell. One object serves all groups.
 */

#include "core/model.h"

struct store;
struct pgaf_error;

struct store_group_key {
	char     formation[PGAF_NAME_MAX];
	uint32_t id;
};

/* What happened to a group, as a hint: read again. */
enum store_change {
	STORE_REPORTED,  /* node's report has a new fact; `report` is filled when it came along */
	STORE_CHANGED,   /* registrations, settings, requests, claim: load again */
};

struct store_callbacks {
	/* age < 0: not known to be new */
	void (*opened)(void *ctx, uint64_t incarnation, pgaf_time age);
	/* PGAF_EREFUSED, PGAF_ECONFIG, PGAF_EAUTH: waiting cures nothing, it is not tried again.
	 * Anything else (also: another monitor decides at the moment) is tried again inside. */
	void (*lost)(void *ctx, const struct pgaf_error *error);
	void (*changed)(void *ctx, const struct store_group_key *key, enum store_change change,
	                pgaf_node_id node);
};

typedef void (*store_group_fn)(void *ctx, int result, const struct snapshot *snap);
typedef void (*store_commit_fn)(void *ctx, int result, const struct pgaf_error *error);
typedef void (*store_reports_fn)(void *ctx, int result, pgaf_node_id node,
                                 const struct report *report, bool last);
typedef void (*store_sessions_fn)(void *ctx, int result, const pgaf_node_id *open, uint32_t count);
typedef void (*store_groups_fn)(void *ctx, int result, const struct store_group_key *keys,
                                uint32_t count);

/* A row of the event log. */
struct store_event {
	int64_t id;
	char time[32]; /* 2026-11-24T12:00:00.000Z */
	struct store_group_key key;
	uint64_t epoch;
	pgaf_node_id node;
	char node_name[PGAF_NAME_MAX];
	char reported[32];
	char assigned[32];
	uint32_t rule; /* 0 = none */
	char text[EVENT_TEXT_MAX];
};

typedef void (*store_events_fn)(void *ctx, int result, const struct store_event *events,
                                uint32_t count);

struct store_ops {
	void (*free)(struct store *store);
	void (*groups)(struct store *store, store_groups_fn done, void *ctx);
	void (*load)(struct store *store, const struct store_group_key *key, store_group_fn done,
	             void *ctx);
	/* Reports newer than those this store object handed out before (here or by load), one call
	 * each, or one with node 0 when there are none. New facts are told by `changed`; a report
	 * that only says "the same as before" is found by asking: do so every report_interval or
	 * oftener. Ages in it are as of now. Not stored: `report` is borrowed. */
	void (*reports)(struct store *store, const struct store_group_key *key,
	                store_reports_fn done, void *ctx);
	/* Durable; 0, PGAF_ESTALE when epoch or claim are not the decision's, else the outcome is
	 * not known. */
	void (*commit)(struct store *store, const struct store_group_key *key,
	               const struct decision *decision, store_commit_fn done, void *ctx);
	void (*sessions)(struct store *store, const struct store_group_key *key,
	                 store_sessions_fn done, void *ctx);
	/* Leave the group's snapshot (text form) for operators to see; a hint that may be lost.
	 * Call when what is seen of a node changes class, not with every probe. */
	void (*publish)(struct store *store, const struct store_group_key *key,
	                const char *picture);
	/* Of all groups the newest `most` events after this number, oldest first; borrowed. One
	 * that was begun earlier may be finished later, and then appears below a number that was
	 * handed out. NULL: this store keeps none. */
	void (*events)(struct store *store, int64_t after, uint32_t most, store_events_fn done,
	               void *ctx);
	/* What an operator asks for, to be found by the next load: `request`, or that `drop` leaves
	 * when there is none. 0, or why it is not taken. NULL: a monitor cannot ask here. */
	void (*ask)(struct store *store, const struct store_group_key *key,
	            const struct request *request, pgaf_node_id drop, store_commit_fn done,
	            void *ctx);
};

struct store {
	const struct store_ops *ops;
};

#endif
