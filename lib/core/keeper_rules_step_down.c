/* SPDX-License-Identifier: PostgreSQL */
/*
 * The keeper's rules for handing over and stepping down: draining, demote_timeout,
 * demoted. Ids 500 to 599.
 */
#include "core/keeper_rules_parts.h"

#define STEPS_DOWN [KF_GOAL] = STATE(DEMOTED) | STATE(DRAINING) | STATE(DEMOTE_TIMEOUT)

const struct keeper_rule keeper_rules_step_down[] = {
	{
		.id = 500,
		.doc = "It hands over: no new sessions, a checkpoint, a clean stop.",
		.when = {TOLD, FRESH, [KF_GOAL] = STATE(DRAINING), [KF_PG] = IS(K_PG_PRIMARY)},
		.step = STEP_HAND_OVER,
		.report = PGAF_STATE_DRAINING,
	},
	{
		.id = 510,
		.doc = "The role has ended: cut clients and stop.",
		.when = {TOLD, FRESH, STEPS_DOWN, [KF_PG] = RUNNING},
		.step = STEP_STOP,
		.report = PGAF_STATE_DRAINING,
	},
	{
		.id = 520,
		.doc = "It has stopped: note that it may not run read-write any more.",
		.when = {TOLD, STEPS_DOWN, [KF_PG] = IS(K_PG_STOPPED) | IS(K_PG_ABSENT),
                         [KF_ROLE] = NOTED(PRIMARY) | NOTED(FENCED)},
		.step = STEP_NOTE,
		.role = NOTE_DEMOTED,
		.report = PGAF_STATE_DRAINING,
	},
	{
		.id = 522,
		.doc = "It reached the timeline of its promotion and has stopped: it wrote there.",
		.when = {TOLD, STEPS_DOWN, [KF_PG] = IS(K_PG_STOPPED), [KF_ROLE] = NOTED(PROMOTING),
                         [KF_TIMELINE] = IS(K_TIMELINE_RIGHT)},
		.step = STEP_NOTE,
		.role = NOTE_DEMOTED,
		.report = PGAF_STATE_DRAINING,
	},
	{
		.id = 524,
		.doc = "It was never promoted and has stopped: it is the standby that it was.",
		.when = {TOLD, STEPS_DOWN, [KF_PG] = IS(K_PG_STOPPED) | IS(K_PG_ABSENT),
                         [KF_ROLE] = NOTED(PROMOTING)},
		.step = STEP_NOTE,
		.role = NOTE_STANDBY,
		.report = PGAF_STATE_DRAINING,
	},
	{
		.id = 530,
		.doc = "It has stepped down.",
		.when = {TOLD, STEPS_DOWN, [KF_PG] = IS(K_PG_STOPPED) | IS(K_PG_ABSENT)},
		.report = PGAF_STATE_DEMOTED,
	},
};

const size_t keeper_rules_step_down_count =
	sizeof(keeper_rules_step_down) / sizeof(keeper_rules_step_down[0]);
