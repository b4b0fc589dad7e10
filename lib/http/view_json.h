/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_VIEW_JSON_H
#define HTTP_VIEW_JSON_H

/* One shape of JSON for what pgaf-ctl prints and what the monitor's pages answer. */

#include <jansson.h>

#include "http/view.h"

void json_set_text(json_t *object, const char *key, const char *text);
void json_set_number(json_t *object, const char *key, int64_t number);
/* A list of the lines of a text; empty ones, and those that are no UTF-8, are left out. */
json_t *json_of_lines(const char *lines);

json_t *json_of_node(const struct view *view, const struct view_node *node);
/* What show state --json prints. */
json_t *json_of_formation(const char *formation, const struct view *view);

/* A row of the event log; the strings are borrowed. */
struct view_event {
	int64_t id;
	const char *time; /* 2026-11-24T12:00:00.000Z */
	int64_t epoch;
	pgaf_node_id node;
	const char *node_name;
	const char *reported;
	const char *assigned;
	uint32_t rule; /* 0 = none */
	const char *text;
};

json_t *json_of_event(const struct view_event *event);

#endif
