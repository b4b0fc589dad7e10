/* SPDX-License-Identifier: PostgreSQL */
#ifndef CTL_EXPLAIN_H
#define CTL_EXPLAIN_H

/* Sentences about a group, one a line; also the details of a refusal. */

#include "pgaf-ctl/view.h"

void explain_group(const struct view *view, const struct view_group *group, struct text *to);
void explain_advice(const struct view *view, const struct view_group *group, struct text *to);

#endif
