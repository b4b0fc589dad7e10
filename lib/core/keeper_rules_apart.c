/* SPDX-License-Identifier: PostgreSQL */
/*
 * The keeper's rules for the goals of a node that neither serves nor follows: report_lsn,
 * dropped, wait_standby, init. Ids 800 to 899.
 */
#include "core/keeper_rules_parts.h"

const struct keeper_rule keeper_rules_apart[] = {
	{
		.id = 800,
		.doc = "Leave the upstream for good and read what is held (6, 7).",
		.when = {TOLD, [KF_GOAL] = STATE(REPORT_LSN), [KF_ROLE] = NOTED(STANDBY),
                         [KF_PG] = IS(K_PG_STANDBY), [KF_UPSTREAM] = IS(K_UPSTREAM_WRONG)},
		.step = STEP_DETACH,
		.report = PGAF_STATE_SECONDARY,
	},
	{
		.id = 802,
		.doc = "A standby that is to report comes up first.",
		.when = {TOLD, [KF_GOAL] = STATE(REPORT_LSN), [KF_ROLE] = NOTED(STANDBY),
                         [KF_PG] = IS(K_PG_STOPPED)},
		.step = STEP_START_STANDBY,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 804,
		.doc = "It is detached and has reported what it holds.",
		.when = {TOLD, [KF_GOAL] = STATE(REPORT_LSN)},
		.report = PGAF_STATE_REPORT_LSN,
	},
	{
		.id = 810,
		.doc = "It was dropped: stop Postgres.",
		.when = {TOLD, FRESH, [KF_GOAL] = STATE(DROPPED), [KF_PG] = RUNNING},
		.step = STEP_STOP,
	},
	{
		.id = 812,
		.doc = "It was dropped: note that it stays out.",
		.when = {TOLD, [KF_GOAL] = STATE(DROPPED), [KF_ROLE] = ~NOTED(DROPPED) & 0xff,
                         [KF_PG] = IS(K_PG_STOPPED) | IS(K_PG_ABSENT)},
		.step = STEP_NOTE,
		.role = NOTE_DROPPED,
	},
	{
		.id = 814,
		.doc = "It has left the group.",
		.when = {TOLD, [KF_GOAL] = STATE(DROPPED), [KF_ROLE] = NOTED(DROPPED),
                         [KF_PG] = IS(K_PG_STOPPED) | IS(K_PG_ABSENT)},
		.report = PGAF_STATE_DROPPED,
	},
	{
		.id = 820,
		.doc = "It waits until the primary is ready for it.",
		.when = {TOLD, [KF_GOAL] = STATE(WAIT_STANDBY)},
		.report = PGAF_STATE_WAIT_STANDBY,
	},
	{
		.id = 830,
		.doc = "It is registered and has no goal yet.",
		.when = {[KF_GOAL] = STATE(UNKNOWN) | STATE(INIT)},
		.report = PGAF_STATE_INIT,
	},
	{
		.id = 890,
		.doc = "Its goal asks for nothing now.",
		.when = {0},
	},
};

const size_t keeper_rules_apart_count = sizeof(keeper_rules_apart) / sizeof(keeper_rules_apart[0]);
