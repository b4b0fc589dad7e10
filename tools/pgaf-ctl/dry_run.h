/* SPDX-License-Identifier: PostgreSQL */
#ifndef CTL_DRY_RUN_H
#define CTL_DRY_RUN_H

/* --dry-run: what would be decided on what the monitor sees now. Nothing is changed. */

#include "pgaf-ctl/view.h"

/* `kind` is switchover or failover; `to` may be NULL: the best. EXIT_REFUSED when impossible. */
int dry_run_of_request(struct ctl *ctl, struct view *view, const char *kind, pgaf_node_id to);
int dry_run_of_drop(struct ctl *ctl, struct view *view, pgaf_node_id node);

/* What would make a refused request possible. */
void request_hint(const struct ctl *ctl, const char *kind);

#endif
