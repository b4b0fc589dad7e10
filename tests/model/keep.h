/* SPDX-License-Identifier: PostgreSQL */
#ifndef MODEL_KEEP_H
#define MODEL_KEEP_H

/* The keeper engine between two happenings: filled from a state, and read back into one. */

#include "engine/keeper_state.h"
#include "model/model.h"

/* What the engine asked its world for since it was filled. */
struct asked {
	bool step, cancelled, claimed, saved, ended;
};

extern struct asked asked;
extern struct keeper keeper;

void keeper_load(const struct m_state *s, unsigned node);
void keeper_save(struct m_state *s, unsigned node);
void keeper_observe(const struct m_state *s, unsigned node, struct observation *seen);
void keeper_orders_of(const struct m_goal *goal, unsigned epoch, unsigned node,
                      struct keeper_orders *orders);
bool keeper_reaches(const struct m_state *s, unsigned node, unsigned other);

#endif
