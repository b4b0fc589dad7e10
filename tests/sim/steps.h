/* SPDX-License-Identifier: PostgreSQL */
#ifndef SIM_STEPS_H
#define SIM_STEPS_H

/* Steps under way: stages between which anything can happen. */

#include "sim/sim.h"

#define STEP_OVER (-1)

/* The delay until the next call, or STEP_OVER with the result filled in. */
pgaf_time step_advance(struct sim *sim, pgaf_node_id node, struct run_step *run);
pgaf_time step_apply_set(struct sim *sim, pgaf_node_id node, struct run_step *run);

/* A standby takes the set that its promotion would open with (14). */
pgaf_time step_rest(struct sim *sim, pgaf_node_id node, struct run_step *run);

pgaf_time step_ends(struct run_step *run, enum step_outcome outcome, const char *text);
/* Whether a new session from here to that node's Postgres would be let in. */
bool step_reaches(const struct sim *sim, pgaf_node_id node, pgaf_node_id upstream);

#endif
