/* SPDX-License-Identifier: PostgreSQL */
#ifndef REAL_KEEPER_PARTS_H
#define REAL_KEEPER_PARTS_H

/* The inside of a struct pgaf_keeper, shared by the files that make its world. */

#include <pgaf/keeper.h>

#include "base/log.h"
#include "engine/keeper_env.h"
#include "engine/real/expiry.h"
#include "engine/real/home.h"
#include "engine/real/hooks.h"
#include "engine/real/identity.h"
#include "http/keeper_pages.h"
#include "pg/instance.h"
#include "pg/probe.h"
#include "store/link.h"

/* One peer whose Postgres is being watched. */
struct keeper_watch {
	struct pgaf_keeper *keeper;
	struct peer         peer; /* id 0 = none */
	struct probe       *probe;
};

/* A note on its way to the disk, and the one that waits behind it. */
struct keeper_saving {
	bool     busy;
	uint32_t asked; /* saves that the engine waits for, the one under way included */
	char     waiting[IDENTITY_NOTE_MAX]; /* "" = none */
};

struct pgaf_keeper {
	struct loop       *loop;
	struct logger      logger;
	struct home        home;
	struct identity    identity;
	struct note        note; /* as loaded; the engine keeps its own */
	struct keeper_options options;
	struct link_registration registration;

	struct instance   *instance;
	struct link       *link;
	struct http       *http;
	struct hooks      *hooks;
	struct expiry     *expiry; /* of the server's certificate; NULL without SSL */
	struct keeper     *engine; /* NULL until we are registered */
	struct loop_timer *timer;  /* the engine's deadline */
	struct loop_timer *nag;    /* says again what is waited for */
	struct loop_timer *echo;   /* answers reports when the store has no such node any more */

	bool               inside;    /* the engine runs */
	bool               link_open;
	bool               saving_identity;
	bool               closing;   /* pgaf_keeper_free */
	bool               looking;   /* at the programs, before anything begins */
	bool               gone;      /* the store has no such node any more */
	bool               goal_known;
	struct keeper_orders orders;  /* the last ones */
	struct keeper_saving saving;
	struct keeper_watch watches[PGAF_NODES_MAX];
	pgaf_time          watch_interval;

	char               link_error[256]; /* why the session is not open */
	struct keeper_page_data page;
	uint64_t           last_promotion;
	uint64_t           hook_number; /* events told since it started */

	bool               ended;
	int                exit_code;
	struct pgaf_error  error;
};

/* ---- keeper_real.c: life ---------------------------------------------------- */
/* End with the exit code that fits the error. */
void keeper_real_fail(struct pgaf_keeper *keeper, const struct pgaf_error *error);
void keeper_real_end(struct pgaf_keeper *keeper, int exit_code);
/* Run the engine after something happened; re-arms its timer. */
void keeper_real_turn(struct pgaf_keeper *keeper);

/* ---- keeper_start.c: registration ---------------------------------------------- */
extern const struct link_callbacks keeper_start_callbacks;
/* Read what is there, and begin: the engine at once when we are registered already. */
int keeper_start_look(struct pgaf_keeper *keeper, struct pgaf_error *error);
/* What was looked at will do: the engine, if we are registered, and the link. */
void keeper_start_go(struct pgaf_keeper *keeper);
void keeper_start_nag(void *ctx);
void keeper_start_echo(void *ctx);

/* ---- keeper_hooks.c: the operator's programs ------------------------------------ */
int keeper_hooks_check(const struct pgaf_keeper_options *options, struct pgaf_error *error);
int keeper_hooks_make(struct pgaf_keeper *keeper, const struct pgaf_keeper_options *options,
                      struct pgaf_error *error);
/* Other programs, or another limit. */
int keeper_hooks_set(struct pgaf_keeper *keeper, const struct pgaf_keeper_options *options,
                     struct pgaf_error *error);
void keeper_hooks_call(void *world, const struct hook_call *call);

/* ---- keeper_world.c: what the engine may ask for -------------------------------- */
extern const struct keeper_ops keeper_world_ops;
extern const struct instance_callbacks keeper_world_callbacks;
void keeper_world_free(struct pgaf_keeper *keeper);
void keeper_world_page(void *ctx, const struct http_request *request, struct http_answer *answer);

#endif
