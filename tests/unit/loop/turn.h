/* SPDX-License-Identifier: PostgreSQL */
#ifndef UNIT_LOOP_TURN_H
#define UNIT_LOOP_TURN_H

/* Turning a loop inside poll(2), as an embedder does, until something holds. */

#include "loop/loop.h"

/* False when `done` is still false after `limit`. */
bool turn_until(struct loop *loop, const bool *done, pgaf_time limit);
/* Turn for this long whatever happens. */
void turn_for(struct loop *loop, pgaf_time span);

/* Fails the test when it cannot; ends with loop_free(). */
struct loop *turn_new(void);

#endif
