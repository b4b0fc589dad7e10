/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_WHY_H
#define CORE_WHY_H

/*
 * Why a rule does not apply: the first fact that did not hold, and the answer
 * to its question in words with the figures that led to it.
 */

#include "core/rules.h"

struct text;

/* In the order of FACTS; FACT_COUNT when all hold. */
enum fact rule_first_miss(const struct rule *rule, const struct facts *facts);
/* How many facts of the rule do not hold. */
unsigned rule_misses(const struct rule *rule, const struct facts *facts);

/* What the rules see when they look at one node. */
struct look {
	const struct snapshot *snap;
	pgaf_time now;
	struct roles roles;
	struct facts facts;
};
struct look look_at(const struct snapshot *snap, const struct node *node, pgaf_time now);

/* "node1 is well, it answered 120 ms ago": one phrase, whatever the roles are. */
void fact_say(const struct look *look, enum fact fact, struct text *to);

/* Everything that keeps a standby from being promoted with proof, joined by "; ". */
void blockers_say(const struct snapshot *snap, const struct node *node, pgaf_time now,
                  struct text *to);

/*
 * For one node, a line for each fact that alone keeps rules from applying:
 *   400, 402 would apply but PRIMARY_FAULT is none: node1 is well, …
 */
void explain_near(const struct snapshot *snap, const struct node *node, pgaf_time now,
                  struct text *to);

/*
 * For one node, all rules that do not apply by the first fact that did not hold:
 *   SELF is standby (node2 does not have the primary's role): 230, 240
 * and those that hold but come later than the one that acts.
 */
void explain_rules(const struct snapshot *snap, const struct node *node, pgaf_time now,
                   struct text *to);

/* What is going on, in one sentence for every state of the group. */
void explain_group_state(const struct snapshot *snap, pgaf_time now, struct text *to);

#endif
