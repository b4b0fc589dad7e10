/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_DASHBOARD_H
#define HTTP_DASHBOARD_H

/*
 * The monitor's HTTP: who may ask, the state of every group, the events, and both of them as they
 * happen. Everything is answered from memory and within bounds, so that no browser can make a
 * decision wait.
 */

#include "core/model.h"
#include "http/http.h"
#include "store/store.h"

#define DASHBOARD_EVENTS_MAX 500 /* that are kept */

struct dashboard;

/* What an operator may ask for through a browser. */
struct dashboard_action {
	struct store_group_key key;
	struct request request; /* kind REQUEST_NONE: `node` is to be dropped */
	pgaf_node_id node;      /* 0: whichever suits best */
};

/* What the monitor lends; called while a request is answered, and must not call back. */
struct dashboard_world {
	/* The picture of a group; NULL behind the last one. Borrowed. */
	const struct snapshot *(*group)(void *ctx, size_t index);
	bool (*works)(void *ctx);    /* is the store open? */
	char *(*metrics)(void *ctx); /* malloc'ed; NULL: out of memory */
	/* NULL: nobody may. False: not now. How it went is told to dashboard_asked(), later. */
	bool (*ask)(void *ctx, const struct dashboard_action *action);
	void *ctx;
};

struct dashboard_options {
	const char *address; /* as http_new takes it */
	const char *user;
	const char *password; /* "": none is asked for, and nobody may change anything */
	struct dashboard_world world;
};

/* 0, or PGAF_ECONFIG: without a password others than this machine must not reach it. */
int dashboard_check(const char *address, const char *password, struct pgaf_error *error);

/* NULL with the error of http_new. */
struct dashboard *dashboard_new(struct loop *loop, const struct dashboard_options *options,
                                struct pgaf_error *error);
void dashboard_free(struct dashboard *dashboard); /* NULL is fine */

/* Another user and password from the next request on; dashboard_check() has let them pass. */
void dashboard_login(struct dashboard *dashboard, const char *user, const char *password);

/* Events to be shown; those that are known already are passed over. */
void dashboard_events(struct dashboard *dashboard, const struct store_event *events,
                      uint32_t count);
/* Where to read on, so that one which was finished late is not missed. */
int64_t dashboard_events_after(const struct dashboard *dashboard);
/* The store was opened: what was known of its events may be another store's. */
void dashboard_events_forget(struct dashboard *dashboard);

/* ---- for those who watch: cheap while there are none ---------------------------------- */
/* A group may look different now, or is gone. */
void dashboard_changed(struct dashboard *dashboard, const struct store_group_key *key);
/* The store took what was asked for; or not, and why. */
void dashboard_asked(struct dashboard *dashboard, const struct dashboard_action *action,
                     const struct pgaf_error *error);
/* The store was opened or lost. */
void dashboard_store(struct dashboard *dashboard);

#endif
