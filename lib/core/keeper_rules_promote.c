/* SPDX-License-Identifier: PostgreSQL */
/*
 * The keeper's rules for a promotion: prepare_promotion, stop_replication. Ids 700 to
 * 799.
 */
#include "core/keeper_rules_parts.h"

const struct keeper_rule keeper_rules_promote[] = {
	{
		.id = 700,
		.doc = "It renounced this promotion and stays a standby without upstream.",
		.when = {[KF_GOAL] = PROMOTION,
                         [KF_CLAIM] = IS(K_CLAIM_RENOUNCED),
                         [KF_PG] = IS(K_PG_STANDBY) | IS(K_PG_STARTING) | IS(K_PG_ABSENT)},
		.report = PGAF_STATE_REPORT_LSN,
	},
	{
		.id = 702,
		.doc = "It renounced this promotion: come back as a standby.",
		.when = {[KF_GOAL] = PROMOTION,
                         [KF_CLAIM] = IS(K_CLAIM_RENOUNCED),
                         [KF_PG] = IS(K_PG_STOPPED)},
		.step = STEP_START_STANDBY,
		.report = PGAF_STATE_REPORT_LSN,
	},
	{
		.id = 710,
		.doc = "Somebody decided otherwise: read the goal again.",
		.when = {[KF_GOAL] = PROMOTION, [KF_CLAIM] = IS(K_CLAIM_LOST)},
	},
	{
		.id = 718,
		.doc = "Promoted, noted and started again, and the claim is its own: let the "
		       "clients in.",
		.when = {[KF_GOAL] = PROMOTION,
                         [KF_ROLE] = NOTED(PRIMARY),
                         [KF_PG] = IS(K_PG_PRIMARY),
                         [KF_TIMELINE] = IS(K_TIMELINE_RIGHT),
                         [KF_CLAIM] = IS(K_CLAIM_GRANTED),
                         [KF_CLIENTS] = IS(K_CLIENTS_DUE),
                         FRESH},
		.step = STEP_OPEN,
		.report = PGAF_STATE_WAIT_PRIMARY,
	},
	{
		.id = 720,
		.doc = "Promoted and noted: open, and do what is left off the path.",
		.when = {CLAIMED, [KF_ROLE] = NOTED(PRIMARY), [KF_PG] = IS(K_PG_PRIMARY),
                         [KF_TIMELINE] = IS(K_TIMELINE_RIGHT), [KF_SETTLED] = IS(K_NOT_SETTLED)},
		.step = STEP_SETTLE,
		.report = PGAF_STATE_WAIT_PRIMARY,
	},
	{
		.id = 722,
		.doc = "Promoted and open: the monitor has not begun the new term yet.",
		.when = {CLAIMED, [KF_ROLE] = NOTED(PRIMARY), [KF_PG] = IS(K_PG_PRIMARY)},
		.report = PGAF_STATE_WAIT_PRIMARY,
	},
	{
		.id = 724,
		.doc = "Promoted, but its Postgres ended before the new term began: "
		       "start it again.",
		.when = {FRESH, CLAIMED, [KF_ROLE] = NOTED(PRIMARY), [KF_PG] = IS(K_PG_STOPPED)},
		.step = STEP_START_PRIMARY,
		.report = PGAF_STATE_STOP_REPLICATION,
	},
	{
		.id = 725,
		.doc = "Promoted, but its Postgres came back as a standby: stop it, to "
		       "start it as the primary.",
		.when = {FRESH, CLAIMED, [KF_ROLE] = NOTED(PRIMARY), [KF_PG] = IS(K_PG_STANDBY)},
		.step = STEP_STOP,
		.report = PGAF_STATE_STOP_REPLICATION,
	},
	{
		.id = 726,
		.doc = "Promoted, then fenced before the new term began: it has the "
		       "claim, so it returns.",
		.when = {FRESH, CLAIMED, [KF_ROLE] = NOTED(FENCED),
                         [KF_PG] = IS(K_PG_STANDBY) | IS(K_PG_STOPPED)},
		.step = STEP_NOTE,
		.role = NOTE_PRIMARY,
		.report = PGAF_STATE_STOP_REPLICATION,
	},
	{
		.id = 730,
		.doc = "It runs on the ordered timeline: note that it is the primary.",
		.when = {CLAIMED, [KF_ROLE] = NOTED(PROMOTING), [KF_PG] = IS(K_PG_PRIMARY),
                         [KF_TIMELINE] = IS(K_TIMELINE_RIGHT)},
		.step = STEP_NOTE,
		.role = NOTE_PRIMARY,
		.report = PGAF_STATE_STOP_REPLICATION,
	},
	{
		.id = 738,
		.doc = "It was chosen and is stopped: it comes up as a standby first.",
		.when = {FRESH, [KF_GOAL] = PROMOTION, [KF_CLAIM] = IS(K_CLAIM_NONE),
                         [KF_ROLE] = NOTED(STANDBY) | NOTED(DEMOTED), [KF_PG] = IS(K_PG_STOPPED)},
		.step = STEP_START_STANDBY,
		.report = PGAF_STATE_PREPARE_PROMOTION,
	},
	{
		.id = 739,
		.doc = "It was chosen and comes up: what it holds is not known yet.",
		.when = {FRESH, [KF_GOAL] = PROMOTION, [KF_CLAIM] = IS(K_CLAIM_NONE),
                         [KF_PG] = IS(K_PG_STANDBY), [KF_UP] = IS(K_COMES_UP)},
		.report = PGAF_STATE_PREPARE_PROMOTION,
	},
	{
		.id = 740,
		.doc = "It was chosen: accept, verify, and claim the promotion (3a).",
		.when = {FRESH, [KF_GOAL] = PROMOTION, [KF_CLAIM] = IS(K_CLAIM_NONE),
                         [KF_PG] = IS(K_PG_STANDBY) | IS(K_PG_PRIMARY) | IS(K_PG_STOPPED) |
                                   IS(K_PG_ABSENT)},
		.step = STEP_CLAIM,
		.report = PGAF_STATE_PREPARE_PROMOTION,
	},
	{
		.id = 748,
		.doc = "Its Postgres reached the ordered timeline before it ended: note "
		       "that it is the primary.",
		.when = {CLAIMED, [KF_ROLE] = NOTED(PROMOTING),
                         [KF_PG] = IS(K_PG_STOPPED) | IS(K_PG_STANDBY),
                         [KF_TIMELINE] = IS(K_TIMELINE_RIGHT)},
		.step = STEP_NOTE,
		.role = NOTE_PRIMARY,
		.report = PGAF_STATE_STOP_REPLICATION,
	},
	{
		.id = 750,
		.doc = "The promotion is claimed: promote.",
		.when = {CLAIMED, [KF_ROLE] = NOTED(PROMOTING), [KF_PG] = IS(K_PG_STANDBY)},
		.step = STEP_PROMOTE,
		.report = PGAF_STATE_STOP_REPLICATION,
	},
	{
		.id = 752,
		.doc = "Its Postgres ended during the promotion: back to a standby, then "
		       "promote again.",
		.when = {CLAIMED, [KF_ROLE] = NOTED(PROMOTING), [KF_PG] = IS(K_PG_STOPPED)},
		.step = STEP_START_STANDBY,
		.report = PGAF_STATE_STOP_REPLICATION,
	},
	{
		.id = 790,
		.doc = "It waits until the promotion can go on.",
		.when = {[KF_GOAL] = PROMOTION},
	},
};

const size_t keeper_rules_promote_count =
	sizeof(keeper_rules_promote) / sizeof(keeper_rules_promote[0]);
