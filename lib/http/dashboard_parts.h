/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_DASHBOARD_PARTS_H
#define HTTP_DASHBOARD_PARTS_H

/* What the files of the dashboard share. */

#include <jansson.h>
#include <sys/queue.h>

#include "http/dashboard.h"
#include "http/login.h"

#define DASHBOARD_GROUPS_MAX 256

#define DASHBOARD_TICKETS_MAX 16
#define DASHBOARD_TICKET_TEXT 33

/* Somebody was told what this would do, and may ask for it once. */
struct dashboard_ticket {
	char text[DASHBOARD_TICKET_TEXT]; /* "": none */
	struct dashboard_action action;
	uint64_t epoch;
	pgaf_time until;
};

#define DASHBOARD_SILENCES_MAX 64

/* How long a primary had not answered when this event decided to replace it. */
struct dashboard_silence {
	int64_t event; /* 0: none */
	int64_t ms;
};

/* What those who watch were last told of a group. */
struct dashboard_shown {
	struct store_group_key key;
	char *last; /* NULL: nothing */
	bool is_stale;
	pgaf_time next_at; /* not told again before */
};

TAILQ_HEAD(dashboard_watchers, dashboard_watcher);

struct dashboard {
	struct loop *loop;
	struct http *http;
	struct dashboard_world world;
	struct login login;
	size_t ticket_next;
	struct dashboard_ticket tickets[DASHBOARD_TICKETS_MAX];
	size_t silence_next;
	struct dashboard_silence silences[DASHBOARD_SILENCES_MAX];
	size_t event_count;
	struct store_event events[DASHBOARD_EVENTS_MAX]; /* by number */
	struct dashboard_watchers watchers;
	struct loop_timer *push;
	struct loop_timer *beat;
	size_t shown_count;
	struct dashboard_shown shown[DASHBOARD_GROUPS_MAX];
};

/* ---- dashboard.c ------------------------------------------------------------------- */
/* Takes over `value`. */
void dashboard_answer(struct http_answer *answer, int status, json_t *value);
void dashboard_complain(struct http_answer *answer, int status, const char *what);
/* ?name=NUMBER; `number` stays as it is without one. False: it is none. */
bool dashboard_number(const struct http_request *request, const char *name, int64_t most,
                      int64_t *number);
/* A new number that nobody can guess. */
void dashboard_secret(char text[DASHBOARD_TICKET_TEXT]);

/* ---- dashboard_act.c --------------------------------------------------------------- */
bool dashboard_may_act(const struct dashboard *dashboard);
void dashboard_switchover(struct dashboard *dashboard, const struct http_request *request,
                          struct http_answer *answer);
void dashboard_drop(struct dashboard *dashboard, const struct http_request *request,
                    struct http_answer *answer);

/* ---- dashboard_json.c ------------------------------------------------------------- */
/* All groups, by formation and number; returns how many. */
size_t dashboard_groups(const struct dashboard *dashboard,
                        const struct snapshot *groups[DASHBOARD_GROUPS_MAX]);
/* formation NULL: a list of all; group < 0: all of it. NULL: there is none, or no memory. */
json_t *dashboard_json_state(const struct dashboard *dashboard, const char *formation,
                             int64_t group);
json_t *dashboard_json_events(const struct dashboard *dashboard, const char *formation,
                              int64_t group, size_t count);
json_t *dashboard_json_event(const struct store_event *event);
/* All that the page draws of a group, without what changes by itself. NULL: no memory. */
json_t *dashboard_json_group(const struct dashboard *dashboard, const struct snapshot *snap);

/* ---- dashboard_promotions.c --------------------------------------------------------- */
/* Of a time as events have it, in ms since 1970; -1: it is none. */
int64_t dashboard_moment(const char *time);
/* If this decides that a primary is replaced: how long had it been silent? */
void dashboard_note_silence(struct dashboard *dashboard, const struct store_event *event);
/* The last ones of a group that are finished, oldest first. */
json_t *dashboard_json_promotions(const struct dashboard *dashboard, const struct group *group);

/* ---- dashboard_stream.c ----------------------------------------------------------- */
bool dashboard_stream_init(struct dashboard *dashboard);
void dashboard_stream_done(struct dashboard *dashboard);
/* Lets whoever asked watch; false: there are too many. */
bool dashboard_watch(struct dashboard *dashboard, struct http_answer *answer);
const struct snapshot *dashboard_group(const struct dashboard *dashboard,
                                       const struct store_group_key *key);
void dashboard_tell(struct dashboard *dashboard, const struct store_event *event);

#endif
