/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_DRY_RUN_H
#define CORE_DRY_RUN_H

/*
 * What the rules would decide if an operator asked for something now: the
 * request is put into a copy of the snapshot and decided. Nothing is changed.
 */

#include "core/model.h"

struct text;

enum dry_verdict {
	DRY_WAITS,      /* no rule answers it now */
	DRY_REFUSED,    /* a rule refuses it */
	DRY_HANDS_OVER, /* the primary stops cleanly, then the candidate is promoted */
	DRY_PROMOTES,   /* the candidate is promoted at once */
	DRY_LEAVES,     /* drop: the node leaves, the primary stays */
	DRY_ENDS,       /* drop: the last node leaves */
	DRY_FORGETS,    /* what is lost is not waited for any more; nobody is promoted */
};

struct dry_run {
	enum dry_verdict verdict;
	bool lossy;               /* the operator's word stands in for the proof */
	pgaf_node_id subject;     /* drop: the node, else 0 */
	pgaf_node_id primary;     /* before the answer; 0 = none */
	pgaf_node_id candidate;   /* that would be promoted, or would be if it could; 0 = none */
	unsigned before;          /* decisions that come first */
	struct snapshot snap;     /* that the answer was decided on */
	struct decision decision; /* the answer; rule 0: none */
};

void dry_run_request(const struct snapshot *snap, pgaf_time now, const struct request *request,
                     struct dry_run *run);
void dry_run_drop(const struct snapshot *snap, pgaf_time now, pgaf_node_id node, bool force,
                  struct dry_run *run);

/* It would be done, given that nothing changes meanwhile. */
bool dry_run_is_possible(const struct dry_run *run);

/* Sentences, one per line. */
void dry_run_plan(const struct dry_run *run, pgaf_time now, struct text *to);
void dry_run_proof(const struct dry_run *run, pgaf_time now, struct text *to);

/* What would be lost. bytes: 0 none, -1 unknown; proved: nothing that was acknowledged is. */
struct dry_loss {
	int64_t bytes;
	bool proved;
};
struct dry_loss dry_run_loss(const struct dry_run *run, pgaf_time now, struct text *to);

/* Earlier handovers or promotions of the group: from the decision to the end of the promotion. */
#define PAST_MOST 5
struct past {
	uint32_t count; /* the newest last */
	uint32_t ms[PAST_MOST];
};
/* How long writes would wait, by what was measured; -1: no figure. The sentences say why. */
int64_t dry_run_outage(const struct dry_run *run, pgaf_time now, const struct past *past,
                       struct text *to);

const char *dry_verdict_name(enum dry_verdict verdict);

#endif
