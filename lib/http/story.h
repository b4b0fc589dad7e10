/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_STORY_H
#define HTTP_STORY_H

/*
 * A dry run as operators are told it, by pgaf-ctl and by the monitor's pages alike: the plan, the
 * proof, how long writes would wait, and what would be lost.
 */

#include <jansson.h>

#include "core/dry_run.h"

#define STORY_SECTION_MAX 8192

enum { STORY_PLAN, STORY_PROOF, STORY_OUTAGE, STORY_LOST, STORY_SECTIONS };

struct story {
	const char *what; /* "switchover", "failover", "drop" */
	struct dry_run run;
	struct past past;
	/* Below: what story_write() makes of it. */
	struct dry_loss loss;
	int64_t outage_ms;
	char sections[STORY_SECTIONS][STORY_SECTION_MAX]; /* sentences, one a line */
};

void story_write(struct story *story, pgaf_time now);
const char *story_head(unsigned section);
/* The name of a node, NULL when the group has none with this number. */
const char *story_node(const struct story *story, pgaf_node_id id);
/* What --dry-run --json prints. */
json_t *json_of_story(const struct story *story);

/* Fills `past` from a group's events, oldest first: all else zero before the first. */
struct story_measuring {
	bool handovers; /* which kind is wanted */
	struct past *past;
	bool begun;
	bool is_handover;
	int64_t since;
};
void story_measure(struct story_measuring *measuring, uint32_t rule_id, int64_t at_ms);

#endif
