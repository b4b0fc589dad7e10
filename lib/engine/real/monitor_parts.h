/* SPDX-License-Identifier: PostgreSQL */
#ifndef REAL_MONITOR_PARTS_H
#define REAL_MONITOR_PARTS_H

/* The inside of a struct pgaf_monitor, shared by the files that make its world. */

#include <pgaf/monitor.h>

#include "base/log.h"
#include "core/codec.h"
#include "engine/monitor_env.h"
#include "engine/real/expiry.h"
#include "engine/real/home.h"
#include "engine/real/hooks.h"
#include "engine/real/recorder.h"
#include "http/dashboard.h"
#include "pg/probe.h"
#include "store/server.h"
#include "store/store.h"

struct monitor_group;

/* One node whose Postgres is being watched. */
struct monitor_watch {
	struct monitor_group *group;
	pgaf_node_id          node; /* 0 = none */
	char                  host[PGAF_HOST_MAX];
	uint32_t              port;
	struct probe         *probe;
};

/* What operators were last shown of a group. */
struct monitor_shown {
	uint64_t      epoch;
	uint32_t      count;
	enum evidence evidence[PGAF_NODES_MAX];
	enum session  session[PGAF_NODES_MAX];
	pgaf_time     at;
};

/* One group: its engine, and what the engine sees of the world. */
struct monitor_group {
	struct monitor_group  *next;
	struct pgaf_monitor   *monitor;
	struct store_group_key key;
	struct monitor        *engine; /* NULL: the group is gone; calls for it may be under way */
	struct loop_timer     *timer;  /* the engine's deadline */
	struct loop_timer     *poll;   /* reports without news are found by asking */
	struct monitor_watch   watches[PGAF_NODES_MAX];
	bool                   loading, load_again, asking;
	bool                   loaded;
	struct monitor_shown   shown;
	struct recorder_seen   recorded;
};

struct pgaf_monitor {
	struct loop          *loop;
	struct logger         logger;
	struct home           home;
	struct server        *server; /* NULL with a store elsewhere */
	struct store         *store;
	struct dashboard     *dashboard; /* NULL: off */
	bool                  events_asked, events_again;
	bool                  action_asked; /* of the store, by somebody at the dashboard */
	struct dashboard_action action;
	struct recorder      *recorder; /* NULL: off */
	struct hooks         *hooks;
	struct expiry        *expiry;  /* of the store's certificate; NULL: it has none of ours */
	uint64_t              certificate_expiry;
	uint64_t              hook_number; /* events told since it started */
	struct monitor_group *groups;
	bool                  inside;   /* an engine runs */
	bool                  store_open;
	uint64_t              incarnation;
	pgaf_time             store_age; /* at opened_at; < 0: not new */
	pgaf_time             opened_at;
	unsigned              stop_calls;
	uint64_t              stalls;
	uint64_t              decisions;

	char                 *uri;      /* of the store, when it is elsewhere */
	char                  http[PGAF_HOST_MAX]; /* where it answers, or "off" */
	char                  run_file[HOME_PATH_MAX + 64];
	char                 *join_secret; /* "" = none was given */

	char                  picture[CODEC_SNAPSHOT_MAX];

	bool                  ended;
	int                   exit_code;
	struct pgaf_error     error;
};

/* ---- monitor_real.c: life ------------------------------------------------------ */
void monitor_real_end(struct pgaf_monitor *monitor, int exit_code);
void monitor_real_fail(struct pgaf_monitor *monitor, const struct pgaf_error *error);
/* Before an engine judges silence: was this process able to listen? */
void monitor_real_feel_stall(struct pgaf_monitor *monitor);

/* ---- monitor_group.c: the world of one group -------------------------------------- */
/* The group with this key, made when it is new; NULL when out of memory. */
struct monitor_group *monitor_group_get(struct pgaf_monitor *monitor,
                                        const struct store_group_key *key);
void monitor_group_free_all(struct pgaf_monitor *monitor);
void monitor_group_turn(struct monitor_group *group);
void monitor_group_store(struct monitor_group *group, bool open);
/* Read it again; coalesced. */
void monitor_group_load(struct monitor_group *group);
void monitor_group_ask_reports(struct monitor_group *group);

/* ---- monitor_hooks.c: the operator's programs -------------------------------------- */
int monitor_hooks_check(const struct pgaf_monitor_options *options, struct pgaf_error *error);
int monitor_hooks_make(struct pgaf_monitor *monitor, const struct pgaf_monitor_options *options,
                       struct pgaf_error *error);
/* Other programs, or another limit. */
int monitor_hooks_set(struct pgaf_monitor *monitor, const struct pgaf_monitor_options *options,
                      struct pgaf_error *error);
void monitor_hooks_call(void *world, const struct node *node, const struct hook_call *call);

/* ---- monitor_metrics.c ------------------------------------------------------------- */
/* The body of /metrics; malloc'ed, NULL when out of memory. */
char *monitor_pages_metrics(struct pgaf_monitor *monitor);

/* ---- monitor_pages.c: the HTTP face -------------------------------------------------- */
int monitor_pages_check(const struct pgaf_monitor_options *options, struct pgaf_error *error);
/* 0 with none made when it is off. */
int monitor_pages_make(struct pgaf_monitor *monitor, const struct pgaf_monitor_options *options,
                       struct pgaf_error *error);
/* Another user or password, of which monitor_pages_check() has said that they will do. */
void monitor_pages_login(struct pgaf_monitor *monitor, const struct pgaf_monitor_options *options);
/* The store was opened. */
void monitor_pages_opened(struct pgaf_monitor *monitor);
/* The store was lost. */
void monitor_pages_lost(struct pgaf_monitor *monitor);
/* A group may look different now. */
void monitor_pages_changed(const struct monitor_group *group);
/* There may be new events; coalesced. */
void monitor_pages_ask_events(struct pgaf_monitor *monitor);

#endif
