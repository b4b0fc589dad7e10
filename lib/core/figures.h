/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_FIGURES_H
#define CORE_FIGURES_H

/* Numbers, times, positions and sets as sentences write them. */

#include "core/model.h"

struct text;

void say_size(uint64_t bytes, struct text *to);     /* "1 byte", "640 kB", "24 MB" */
void say_time(pgaf_time duration, struct text *to); /* "120 ms", "2.1 s", "3 min" */
/* "120 ms ago"; "never" for 0. */
void say_age(pgaf_time now, pgaf_time at, struct text *to);
/* "for 2.1 s, the limit is 1.5 s" */
void say_limit(pgaf_time lasted, pgaf_time limit, struct text *to);
void say_lsn(pgaf_lsn lsn, struct text *to);
/* Its name, "node 7" when the group does not have it. */
void say_node(const struct snapshot *snap, pgaf_node_id id, struct text *to);
/* "version 3 (1 of node1, node2)", "version 4 (asynchronous)" */
void say_set(const struct snapshot *snap, const struct sync_set *set, struct text *to);

#endif
