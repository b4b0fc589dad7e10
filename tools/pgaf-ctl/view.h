/* SPDX-License-Identifier: PostgreSQL */
#ifndef CTL_VIEW_H
#define CTL_VIEW_H

/* What the store says of a formation. */

#include "http/view.h"
#include "pgaf-ctl/ctl.h"

/* The moment the pictures are looked at: their ages are read relative to it. */
#define VIEW_NOW PGAF_SECONDS(1000000)

/* Of the formation, or of one group of it when --group was given. */
int view_load(struct ctl *ctl, struct view *view);
/* The same over a session that it opens first. */
int view_open(struct ctl *ctl, struct view *view);
/* Every group tells its decisions on a channel of its own. */
int view_listen(struct ctl *ctl, const struct view *view);
/* One group for verbs that need exactly one; NULL after printing why not. */
const struct view_group *view_group(const struct ctl *ctl, const struct view *view);

#endif
