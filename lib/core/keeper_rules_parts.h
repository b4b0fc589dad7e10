/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_KEEPER_RULES_PARTS_H
#define CORE_KEEPER_RULES_PARTS_H

/*
 * The parts of the keeper's table, a file each, named after what their goals
 * ask of the node, in the order of the table; and the words that rules of
 * several parts share.
 */

#include "core/keeper_rules.h"

/* name: keeper_rules_<name>.c */
#define KEEPER_PARTS(X) X(guard) X(serve) X(step_down) X(follow) X(promote) X(apart)

#define KEEPER_PART_EXTERN(name)                               \
	extern const struct keeper_rule keeper_rules_##name[]; \
	extern const size_t keeper_rules_##name##_count;
KEEPER_PARTS(KEEPER_PART_EXTERN)
#undef KEEPER_PART_EXTERN

#define IS(answer) (UINT32_C(1) << (answer))
#define STATE(name) IS(PGAF_STATE_##name)
#define NOTED(name) IS(NOTE_##name)

#define WRITABLE                                                                      \
	(STATE(SINGLE) | STATE(WAIT_PRIMARY) | STATE(PRIMARY) | STATE(JOIN_PRIMARY) | \
	 STATE(APPLY_SETTINGS))
#define PROMOTION (STATE(PREPARE_PROMOTION) | STATE(STOP_REPLICATION))
#define RUNNING (IS(K_PG_STARTING) | IS(K_PG_STANDBY) | IS(K_PG_PRIMARY))
#define TOLD [KF_ACCEPTED] = IS(K_ACCEPTED)
#define FRESH [KF_CONTACT] = IS(K_CONTACT_FRESH)
#define CLAIMED [KF_GOAL] = PROMOTION, [KF_CLAIM] = IS(K_CLAIM_GRANTED)

#endif
