/* SPDX-License-Identifier: PostgreSQL */
#ifndef REAL_HOOK_FACTS_H
#define REAL_HOOK_FACTS_H

/* What the operator's programs are told of a node: the same words by a keeper and by a monitor. */

#include "engine/real/hooks.h"

struct hook_place {
	const char *name; /* NULL: nobody */
	const char *host;
	uint32_t port;
};

struct hook_facts {
	const char *teller; /* "keeper", "monitor" */
	uint64_t number;    /* of what it told since its start */
	const char *formation;
	uint32_t group_id;
	pgaf_node_id node_id;
	struct hook_place node;
	struct hook_place primary;
	const struct report *report;
	const struct goal *goal;
	uint64_t epoch;
};

/* All is borrowed for the call. */
void hook_facts_tell(struct hooks *hooks, const struct logger *logger, const struct hook_call *call,
                     const struct hook_facts *facts);

#endif
