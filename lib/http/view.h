/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_VIEW_H
#define HTTP_VIEW_H

/*
 * A formation as people are shown it, by pgaf-ctl and by the monitor's pages alike: the truth
 * that the store keeps, the newest reports, and the picture that decisions are made from.
 */

#include "core/model.h"

struct text;

struct view_group {
	uint32_t id;
	uint64_t epoch;
	bool monitor;     /* one is connected and decides */
	bool has_picture; /* and it was current when something last changed */
	int64_t picture_age_ms;
	pgaf_time now; /* on the clock of the picture */
	struct settings settings;
	struct snapshot picture;
};

struct view_node {
	uint32_t group_id;
	pgaf_node_id id;
	char name[PGAF_NAME_MAX];
	char host[PGAF_HOST_MAX];
	uint32_t port;
	uint32_t http_port;
	char region[PGAF_NAME_MAX];
	uint32_t priority;
	bool quorum;
	bool drop_asked;
	bool session; /* its keeper is connected to the store */
	enum pgaf_state reported;
	enum pgaf_state assigned;
	struct goal goal;
	struct report report;
	int64_t report_age_ms; /* -1: never */
	/* From the picture; NULL when this monitor has not seen the node. */
	const struct view_group *group;
	const struct node *seen;
};

struct view {
	size_t group_count;
	struct view_group *groups;
	size_t node_count;
	struct view_node *nodes;
};

/* One group as a monitor sees it, a copy. 0 or PGAF_ENOMEM. */
int view_of(struct view *view, const struct snapshot *snap, pgaf_time now);
void view_free(struct view *view);

const struct view_node *view_node_named(const struct view *view, const char *name);
const struct view_node *view_node_id(const struct view *view, uint32_t group, pgaf_node_id id);
/* The node that accepts writes, or would; NULL when there is none. */
const struct view_node *view_primary(const struct view *view, uint32_t group);
/* ok, degraded, down, unknown */
const char *view_health(const struct view_node *node);
/* Classes of evidence, the node's own first; returns how many. */
#define VIEW_EVIDENCE_MAX 4
unsigned view_evidence(const struct view_node *node, const char *words[VIEW_EVIDENCE_MAX]);
/* read-write, read-only, none */
const char *view_connection(const struct view_node *node);
/* What is unusual about the node, as one sentence; false when nothing is. */
bool view_remark(const struct view *view, const struct view_node *node, struct text *to);
/* "quorum", "async", or NULL for a primary and for a standby that does not stream. */
const char *view_sync_state(const struct view *view, const struct view_node *node);
/* Bytes behind its primary; 0 for the primary, -1 when it is not known. */
int64_t view_lag(const struct view *view, const struct view_node *node);
/* Why it may not be promoted, joined by "; "; false when it may, or is the primary. */
bool view_veto(const struct view *view, const struct view_node *node, struct text *to);

/* ---- view_say.c: sentences, one a line ------------------------------------------- */
/* What the group waits for. */
void view_waits(const struct view *view, const struct view_group *group, struct text *to);
/* What an operator can do. */
void view_advice(const struct view *view, const struct view_group *group, struct text *to);
void view_node_advice(const struct view_node *node, struct text *to);

#endif
