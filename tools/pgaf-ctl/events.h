/* SPDX-License-Identifier: PostgreSQL */
#ifndef CTL_EVENTS_H
#define CTL_EVENTS_H

/* The event log as it comes: a table whose rows are printed one by one. */

#include "pgaf-ctl/ctl.h"

/* Events newer than *after, oldest first; moves *after. group < 0: of all groups. */
PGresult *events_query(struct ctl *ctl, int *code, int64_t group, uint32_t count, int64_t *after);
void events_head_print(void);
void events_print(const PGresult *result);

/* The number of the newest event, so that only later ones are printed. */
int events_newest(struct ctl *ctl, int64_t group, int64_t *newest);

#endif
