/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_DASHBOARD_PARTS_H
#define HTTP_DASHBOARD_PARTS_H

/* What the files of the dashboard share. */

#include <jansson.h>

#include "http/dashboard.h"
#include "http/login.h"

#define DASHBOARD_GROUPS_MAX 256

struct dashboard {
	struct loop *loop;
	struct http *http;
	struct dashboard_world world;
	struct login login;
	size_t event_count;
	struct store_event events[DASHBOARD_EVENTS_MAX]; /* by number */
};

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

#endif
