/* SPDX-License-Identifier: PostgreSQL */
#ifndef MODEL_CLASSES_H
#define MODEL_CLASSES_H

/* That neither side tells two representatives of a state apart; CLASS is
 * violated if it does. */

#include "core/decide.h"
#include "model/keep.h"

/* What was decided for `seen`, NULL when nothing was. */
void class_of_decision(const struct m_group *before, const struct snapshot *seen,
                       const struct decision *expected);
void class_of_keeper(const struct m_state *s, unsigned node, bool over);
/* With BREAK_CLASS: something that depends on the position itself. */
void class_break(struct snapshot *snap);

#endif
