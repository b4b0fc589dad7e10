/* SPDX-License-Identifier: PostgreSQL */
/*
 * The keeper's rules for joining and following: catchingup, secondary, join_secondary.
 * Ids 600 to 699.
 */
#include "core/keeper_rules_parts.h"

#define FOLLOWING (STATE(CATCHINGUP) | STATE(SECONDARY) | STATE(JOIN_SECONDARY))

const struct keeper_rule keeper_rules_follow[] = {
	{
		.id = 600,
		.doc = "There is nothing here: note that a copy begins.",
		.when = {TOLD, FRESH, [KF_GOAL] = STATE(CATCHINGUP), [KF_PG] = IS(K_PG_ABSENT),
                         [KF_ROLE] = ~NOTED(CLONING) & 0xff},
		.step = STEP_NOTE,
		.role = NOTE_CLONING,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 602,
		.doc = "There is no complete data directory: copy the upstream's.",
		.when = {TOLD, FRESH, [KF_GOAL] = STATE(CATCHINGUP), [KF_ROLE] = NOTED(CLONING),
                         [KF_PG] = IS(K_PG_ABSENT)},
		.step = STEP_CLONE,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 603,
		.doc = "The data directory was being changed and is not known to be "
		       "whole: copy anew.",
		.when = {TOLD, FRESH, [KF_GOAL] = STATE(CATCHINGUP), [KF_ROLE] = NOTED(CLONING),
                         [KF_HISTORY] =
                                 IS(K_HISTORY_UNKNOWN) | IS(K_HISTORY_CLONE) | IS(K_HISTORY_PROVED),
                         [KF_PG] = IS(K_PG_STOPPED)},
		.step = STEP_CLONE,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 604,
		.doc = "Its history differs from the upstream's: rewind it.",
		.when = {TOLD, FRESH, [KF_GOAL] = STATE(CATCHINGUP), [KF_ROLE] = NOTED(CLONING),
                         [KF_HISTORY] = IS(K_HISTORY_DIVERGED), [KF_PG] = IS(K_PG_STOPPED),
                         [KF_MAY_REWIND] = IS(K_REWIND_NOW)},
		.step = STEP_REWIND,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 606,
		.doc = "The copy is complete: from now on it is a standby.",
		.when = {TOLD, FRESH, [KF_GOAL] = STATE(CATCHINGUP), [KF_ROLE] = NOTED(CLONING),
                         [KF_HISTORY] = IS(K_HISTORY_COPIED), [KF_PG] = IS(K_PG_STOPPED)},
		.step = STEP_NOTE,
		.role = NOTE_STANDBY,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 610,
		.doc = "It still runs as a primary: stop it before it follows.",
		.when = {TOLD, FRESH, [KF_GOAL] = FOLLOWING, [KF_PG] = IS(K_PG_PRIMARY)},
		.step = STEP_STOP,
		.report = PGAF_STATE_DRAINING,
	},
	{
		.id = 612,
		.doc = "Write what is ours to configure.",
		.when = {TOLD, [KF_GOAL] = FOLLOWING, [KF_ROLE] = NOTED(STANDBY),
                         [KF_PG] = IS(K_PG_STOPPED) | IS(K_PG_STANDBY),
                         [KF_READY] = IS(K_NEEDS_CONFIG) | IS(K_NEW)},
		.step = STEP_CONFIGURE,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 614,
		.doc = "Its history is the upstream's, or copied from it: configure that before "
		       "it starts.",
		.when = {TOLD, FRESH, [KF_GOAL] = FOLLOWING, [KF_ROLE] = NOTED(STANDBY),
                         [KF_PG] = IS(K_PG_STOPPED), [KF_UPSTREAM] = IS(K_UPSTREAM_WRONG),
                         [KF_HISTORY] = IS(K_HISTORY_COPIED) | IS(K_HISTORY_PROVED)},
		.step = STEP_FOLLOW,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 616,
		.doc = "The standby's Postgres is to run: start it as it is configured.",
		.when = {[KF_GOAL] = FOLLOWING,
                         [KF_ROLE] = NOTED(STANDBY),
                         [KF_PG] = IS(K_PG_STOPPED),
                         [KF_HISTORY] = IS(K_HISTORY_UNKNOWN) | IS(K_HISTORY_PROVED) |
                                        IS(K_HISTORY_COPIED)},
		.step = STEP_START_STANDBY,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 620,
		.doc = "Compare its own end of WAL with the upstream's history before it "
		       "follows (1a).",
		.when = {TOLD, FRESH, [KF_GOAL] = FOLLOWING,
                         [KF_PG] = IS(K_PG_STOPPED) | IS(K_PG_STANDBY),
                         [KF_UPSTREAM] = IS(K_UPSTREAM_WRONG),
                         [KF_HISTORY] = IS(K_HISTORY_UNKNOWN)},
		.step = STEP_PROVE_HISTORY,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 621,
		.doc = "It was not a standby when it stopped: compare histories before "
		       "it follows (1a).",
		.when = {TOLD, FRESH, [KF_GOAL] = FOLLOWING, [KF_PG] = IS(K_PG_STOPPED),
                         [KF_ROLE] = ~NOTED(STANDBY) & 0xff, [KF_HISTORY] = IS(K_HISTORY_UNKNOWN)},
		.step = STEP_PROVE_HISTORY,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 622,
		.doc = "It streams or tries to, and its history was not compared by this "
		       "process yet (1a).",
		.when = {TOLD, FRESH, [KF_GOAL] = STATE(CATCHINGUP), [KF_PG] = IS(K_PG_STANDBY),
                         [KF_HISTORY] = IS(K_HISTORY_UNKNOWN)},
		.step = STEP_PROVE_HISTORY,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 624,
		.doc = "It was to be promoted and is to follow again: compare histories "
		       "first (1a).",
		.when = {TOLD, FRESH, [KF_GOAL] = FOLLOWING, [KF_PG] = IS(K_PG_STANDBY),
                         [KF_ROLE] = ~NOTED(STANDBY) & 0xff, [KF_HISTORY] = IS(K_HISTORY_UNKNOWN)},
		.step = STEP_PROVE_HISTORY,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 630,
		.doc = "Its history differs from the upstream's: stop it.",
		.when = {TOLD, FRESH, [KF_GOAL] = STATE(CATCHINGUP),
                         [KF_PG] = IS(K_PG_STANDBY) | IS(K_PG_STARTING),
                         [KF_HISTORY] = IS(K_HISTORY_DIVERGED) | IS(K_HISTORY_CLONE)},
		.step = STEP_STOP,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 632,
		.doc = "It holds WAL that the upstream does not: keep it aside first.",
		.when = {TOLD, FRESH, [KF_GOAL] = STATE(CATCHINGUP), [KF_PG] = IS(K_PG_STOPPED),
                         [KF_HISTORY] = IS(K_HISTORY_DIVERGED) | IS(K_HISTORY_CLONE),
                         [KF_KEPT] = IS(K_KEPT_NO)},
		.step = STEP_KEEP_WAL,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 634,
		.doc = "Note that the data directory is about to be changed from outside.",
		.when = {TOLD, FRESH, [KF_GOAL] = STATE(CATCHINGUP), [KF_PG] = IS(K_PG_STOPPED),
                         [KF_HISTORY] = IS(K_HISTORY_DIVERGED) | IS(K_HISTORY_CLONE),
                         [KF_KEPT] = IS(K_KEPT_YES), [KF_ROLE] = ~NOTED(CLONING) & 0xff},
		.step = STEP_NOTE,
		.role = NOTE_CLONING,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 640,
		.doc = "Its history is the upstream's: from now on it is a standby.",
		.when = {TOLD, FRESH, [KF_GOAL] = FOLLOWING,
                         [KF_PG] = IS(K_PG_STOPPED) | IS(K_PG_STANDBY),
                         [KF_ROLE] = ~(NOTED(STANDBY) | NOTED(CLONING)) & 0xff,
                         [KF_HISTORY] = IS(K_HISTORY_PROVED)},
		.step = STEP_NOTE,
		.role = NOTE_STANDBY,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 644,
		.doc = "Follow the upstream under the name of the goal.",
		.when = {TOLD, FRESH, [KF_GOAL] = FOLLOWING, [KF_ROLE] = NOTED(STANDBY),
                         [KF_PG] = IS(K_PG_STOPPED) | IS(K_PG_STANDBY),
                         [KF_UPSTREAM] = IS(K_UPSTREAM_WRONG), [KF_HISTORY] = IS(K_HISTORY_PROVED)},
		.step = STEP_FOLLOW,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 646,
		.doc = "number_sync_standbys decides what its promotion opens with: write that now "
		       "(14).",
		.when = {TOLD, FRESH, [KF_GOAL] = FOLLOWING, [KF_ROLE] = NOTED(STANDBY),
                         [KF_PG] = IS(K_PG_STANDBY), [KF_UPSTREAM] = IS(K_UPSTREAM_RIGHT),
                         [KF_UP] = IS(K_IS_UP), [KF_REST] = IS(K_REST_OTHER)},
		.step = STEP_REST,
	},
	{
		.id = 648,
		.doc = "Other nodes need slots here in case it is promoted.",
		.when = {TOLD, [KF_GOAL] = FOLLOWING, [KF_ROLE] = NOTED(STANDBY),
                         [KF_PG] = IS(K_PG_STANDBY), [KF_UPSTREAM] = IS(K_UPSTREAM_RIGHT),
                         [KF_READY] = IS(K_NEEDS_SLOTS)},
		.step = STEP_SLOTS,
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 650,
		.doc = "A standby in good standing.",
		.when = {TOLD, [KF_GOAL] = STATE(SECONDARY), [KF_ROLE] = NOTED(STANDBY),
                         [KF_PG] = IS(K_PG_STANDBY), [KF_UPSTREAM] = IS(K_UPSTREAM_RIGHT)},
		.report = PGAF_STATE_SECONDARY,
	},
	{
		.id = 660,
		.doc = "It streams and catches up, or waits until it can.",
		.when = {[KF_GOAL] = FOLLOWING, [KF_PG] = IS(K_PG_STANDBY) | IS(K_PG_STARTING)},
		.report = PGAF_STATE_CATCHINGUP,
	},
	{
		.id = 690,
		.doc = "It waits until it can follow.",
		.when = {[KF_GOAL] = FOLLOWING},
	},
};

const size_t keeper_rules_follow_count =
	sizeof(keeper_rules_follow) / sizeof(keeper_rules_follow[0]);
