/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_DECIDE_H
#define CORE_DECIDE_H

/*
 * The monitor's side of the core: from a snapshot to at most one decision.
 * Equal inputs give equal outputs. Call again with the decision applied until
 * it has nothing to say.
 */

#include "core/model.h"

struct text;

/* True and *decision filled when a rule acts; false when the group waits. */
bool decide(const struct snapshot *snap, pgaf_time now, struct decision *decision);

/* When to look again at the latest though nothing happens; PGAF_NEVER if not at all. */
pgaf_time decide_look_again(const struct snapshot *snap, pgaf_time now);

/* Put a committed decision into the snapshot it was made from. */
void decision_apply(const struct decision *decision, pgaf_time now, struct snapshot *snap);

/* What the group waits for, in sentences; one per line. */
void decide_explain(const struct snapshot *snap, pgaf_time now, struct text *to);

/* What is seen of one node, as one class (DESIGN section 4). */
enum evidence evidence_of(const struct snapshot *snap, const struct node *node, pgaf_time now);

/* Another node's keeper reached it (or lost it) lately; evidence beside the class. */
enum witness { WITNESS_NONE, WITNESS_OK, WITNESS_LOST };
enum witness witness_of(const struct snapshot *snap, const struct node *node, pgaf_time now,
                        pgaf_node_id *who);

/* Why this node may not be promoted now, as bits; 0 = it may. */
uint32_t veto_of(const struct snapshot *snap, const struct node *node, pgaf_time now);

/* Health for people: ok, degraded, down, unknown. */
const char *health_of(const struct snapshot *snap, const struct node *node, pgaf_time now);

#endif
