/* SPDX-License-Identifier: PostgreSQL */
#ifndef ENGINE_KEEPER_ENV_H
#define ENGINE_KEEPER_ENV_H

/*
 * The keeper engine and its world. The engine is a value machine: the world
 * calls keeper_on_* with what happened and keeper_run() when the deadline is
 * over; the engine answers through the table of operations below, never
 * blocks, and reads time only from `now`. Operations must not call back into
 * the engine before they return: results come later by keeper_on_*.
 */

#include <pgaf/log.h>

#include "core/hook.h"
#include "core/keeper_rules.h"
#include "core/note.h"
#include "core/steps.h"

struct keeper;

enum route { ROUTE_CLOSED, ROUTE_PRIMARY, ROUTE_STANDBY };

/* What the HTTP face shows; borrowed for the call. */
struct keeper_status {
	enum route             route;
	bool                   ready;      /* /readiness */
	bool                   alive;      /* /liveness */
	const char            *waiting;    /* what is waited for, "" if nothing */
	const struct report   *report;
	const struct observation *seen;
	const struct note     *note;
	const char            *formation;
	uint32_t               group_id;
	pgaf_node_id           node_id;
	const char            *name;
	uint32_t               peer_count;
	const struct peer     *peers;
	pgaf_node_id           primary;    /* of the group as last told */
	bool                   synchronous; /* standby: streams under a listed name */
};

struct keeper_ops {
	/* Start one step. Exactly one keeper_on_step() follows, unless cancelled. */
	void (*step)(void *world, const struct step_order *order);
	/* The step under way is not wanted any more; its result, if one still comes, is ignored. It
	 * must be safe to start another at once: the world ends children and waits itself. */
	void (*cancel)(void *world);
	/* Look at Postgres now; keeper_on_observation() follows. Also done by the world on its own
	 * when something changes (exit, end of a session), and by the engine's asking otherwise. */
	void (*observe)(void *world);
	/* Publish a report; urgent ones notify the monitor at once. keeper_on_answer(). */
	void (*report)(void *world, const struct report *report, bool urgent);
	/* Durable compare-and-set: claim promotion of `epoch`. keeper_on_claim() follows. */
	void (*claim)(void *world, uint64_t epoch);
	/* Read goal and group again now; keeper_on_goal() follows when the store answers. */
	void (*refresh)(void *world);
	/* Save the note with fsync; keeper_on_noted() follows. */
	void (*save)(void *world, const struct note *note);
	/* Keep asking these peers' Postgres; keeper_on_peer() after each answer or loss. */
	void (*watch_peers)(void *world, const struct peer *peers, uint32_t count,
	                    pgaf_time interval);
	/* Settings are known, or have changed: what the world measures by them follows at once. */
	void (*tune)(void *world, const struct settings *settings);
	/* The HTTP face changes; must take effect before it returns. */
	void (*show)(void *world, const struct keeper_status *status);
	/* Tell the operator's programs, with what show() was last called with; NULL: there are
	 * none. */
	void (*hook)(void *world, const struct hook_call *call);
	/* The engine has ended: exit code of INTERFACE. */
	void (*ended)(void *world, int code);
	/* A uniformly random number. */
	uint64_t (*random)(void *world);
	pgaf_log_fn log;
};

struct keeper_options {
	char      formation[PGAF_NAME_MAX];
	uint32_t  group_id;
	char      name[PGAF_NAME_MAX];
	bool      no_handover;
	bool      rejoin;
	bool      keep_running;
	bool      allow_old_minor;
	enum keeper_confirm confirm;
};

/* NULL when out of memory. `ops` and `world` are borrowed until keeper_free; `note` is copied. */
struct keeper *keeper_new(const struct keeper_options *options, const struct keeper_ops *ops,
                          void *world, const struct note *note, pgaf_time now);
void keeper_free(struct keeper *keeper);

/* What happened. `now` never goes back. */
void keeper_on_link(struct keeper *keeper, pgaf_time now, bool open);
void keeper_on_goal(struct keeper *keeper, pgaf_time now, const struct keeper_orders *orders);
/* The store answered a report; `newest`: the last one that was published. */
void keeper_on_answer(struct keeper *keeper, pgaf_time now, bool newest);
/* The store knows this node by another number, as after it was rebuilt: nothing it said holds. */
void keeper_on_identity(struct keeper *keeper, pgaf_time now, pgaf_node_id node_id);
/* The passwords of replication and probes have changed, as after a rebuilt store. */
void keeper_on_secrets(struct keeper *keeper, pgaf_time now);
void keeper_on_claim(struct keeper *keeper, pgaf_time now, bool granted, bool known);
void keeper_on_noted(struct keeper *keeper, pgaf_time now, bool saved);
void keeper_on_step(struct keeper *keeper, pgaf_time now, const struct step_result *result);
/* One that was asked before the last step ended is not taken: ops->observe() asks again. */
void keeper_on_observation(struct keeper *keeper, pgaf_time now, const struct observation *seen);
void keeper_on_exit(struct keeper *keeper, pgaf_time now, bool inside); /* pidfd fired */
void keeper_on_peer(struct keeper *keeper, pgaf_time now, const struct peer_view *view,
                    bool follows_us);
void keeper_on_terminate(struct keeper *keeper, pgaf_time now); /* SIGTERM; twice: at once */
void keeper_on_leave(struct keeper *keeper, pgaf_time now);     /* SIGUSR2 */
/* There are other programs to tell: what is true now is told again. */
void keeper_on_hooks(struct keeper *keeper, pgaf_time now);

/* Run what is due; call when the deadline has passed and after any keeper_on_*. */
void keeper_run(struct keeper *keeper, pgaf_time now);
pgaf_time keeper_deadline(const struct keeper *keeper);

#endif
