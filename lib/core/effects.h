/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_EFFECTS_H
#define CORE_EFFECTS_H

/* From a rule that applies to the decision it makes: goals filled in, the group as it will be. */

#include "core/decide.h"
#include "core/rules.h"

void effect_apply(const struct snapshot *snap, const struct roles *roles, const struct rule *rule,
                  pgaf_time now, struct decision *decision);

#endif
