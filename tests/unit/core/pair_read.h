/* SPDX-License-Identifier: PostgreSQL */
#ifndef UNIT_CORE_PAIR_READ_H
#define UNIT_CORE_PAIR_READ_H

/* A healthy primary (node1) and its standby (node2), to be changed by a test. */

#include "core/model.h"

#define NOW PGAF_SECONDS(1000)

void pair_read(struct snapshot *snap);

/* Copies of the standby (node3, node4, …) until there are `count` nodes. */
void pair_grow(struct snapshot *snap, uint32_t count);

#endif
