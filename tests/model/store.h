/* SPDX-License-Identifier: PostgreSQL */
#ifndef MODEL_STORE_H
#define MODEL_STORE_H

/* The set of visited states, numbered from 0 in the order they were found. */

#include "model/model.h"

#define PARTS (4 + 2 * NODES_MOST)

uint32_t states_put(const struct m_state *s, bool *known);
void states_get(uint32_t number, struct m_state *s);
size_t states_count(void);
size_t states_bytes(void);

#endif
