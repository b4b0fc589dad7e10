/* SPDX-License-Identifier: PostgreSQL */
/*
 * The keeper's rules that come before what the goal asks for: what Postgres may never
 * be, leaving, writing a new goal down, and fencing. Ids 100 to 399.
 */
#include "core/keeper_rules_parts.h"

const struct keeper_rule keeper_rules_guard[] = {
	/* ---- guards ------------------------------------------------------------------ */
	{
		.id = 100,
		.doc = "Nothing is known of Postgres yet.",
		.when = {[KF_PG] = IS(K_PG_UNKNOWN)},
	},
	{
		.id = 110,
		.doc = "It runs read-write without a role that allows it: stop at once (3c).",
		.when = {[KF_PG] = IS(K_PG_PRIMARY),
                         [KF_ROLE] =
                                 NOTED(STANDBY) | NOTED(DEMOTED) | NOTED(FENCED) | NOTED(CLONING)},
		.step = STEP_STOP_IMMEDIATE,
	},
	{
		.id = 112,
		.doc = "It was promoted, but the promotion is not its own any more: stop at once.",
		.when = {[KF_PG] = IS(K_PG_PRIMARY),
                         [KF_ROLE] = NOTED(PROMOTING),
                         [KF_CLAIM] = IS(K_CLAIM_LOST) | IS(K_CLAIM_RENOUNCED)},
		.step = STEP_STOP_IMMEDIATE,
	},
	{
		.id = 114,
		.doc = "It was promoted onto a timeline that was not ordered: stop at once.",
		.when = {[KF_PG] = IS(K_PG_PRIMARY),
                         [KF_ROLE] = NOTED(PROMOTING),
                         [KF_CLAIM] = IS(K_CLAIM_GRANTED),
                         [KF_TIMELINE] = IS(K_TIMELINE_OTHER)},
		.step = STEP_STOP_IMMEDIATE,
	},
	{
		.id = 118,
		.doc = "Postgres ended before any of the goal's set was applied: decline it (4b).",
		.when = {TOLD, [KF_GOAL] = WRITABLE, [KF_ROLE] = NOTED(PRIMARY),
                         [KF_PG] = IS(K_PG_EXITED) | IS(K_PG_STOPPED), [KF_CRASHED] = IS(K_CRASHED),
                         [KF_NOTED] = IS(K_SET_NOT_NOTED)},
		.step = STEP_NOTE,
		.set = NOTE_SET_DECLINED,
	},
	{
		.id = 120,
		.doc = "Its postmaster ended: end what is left of it before anything else (18).",
		.when = {[KF_PG] = IS(K_PG_EXITED)},
		.step = STEP_REAP,
	},
	/* ---- leaving ----------------------------------------------------------------- */
	{
		.id = 200,
		.doc = "Told to stop: stop Postgres, then go.",
		.when = {[KF_LEAVING] = IS(K_LEAVES), [KF_PG] = RUNNING},
		.step = STEP_STOP,
	},
	{
		.id = 210,
		.doc = "Told to stop, and Postgres has stopped.",
		.when = {[KF_LEAVING] = IS(K_LEAVES)},
	},
	{
		.id = 250,
		.doc = "A new goal: write it down before anything is done for it.",
		.when = {[KF_ACCEPTED] = IS(K_NOT_ACCEPTED),
                         [KF_GOAL] = ~(PROMOTION) & (IS(PGAF_STATE_COUNT) - 1)},
		.step = STEP_NOTE,
	},
	{
		.id = 252,
		.doc = "It is the primary by a promotion that the store forgot: note "
		       "which store.",
		.when = {CLAIMED, [KF_ACCEPTED] = IS(K_NOT_ACCEPTED),
                         [KF_ROLE] = NOTED(PRIMARY) | NOTED(FENCED)},
		.step = STEP_NOTE,
	},
	{
		.id = 254,
		.doc = "It renounced a promotion that the store forgot: note which store.",
		.when = {[KF_GOAL] = PROMOTION, [KF_CLAIM] = IS(K_CLAIM_RENOUNCED),
                         [KF_ACCEPTED] = IS(K_NOT_ACCEPTED)},
		.step = STEP_NOTE,
	},
	/* ---- fencing ----------------------------------------------------------------- */
	{
		.id = 300,
		.doc = "Neither monitor nor member was heard for the fencing limit: note "
		       "it, then step back.",
		.when = {[KF_FENCE] = IS(K_FENCE_DUE), [KF_ROLE] = NOTED(PRIMARY)},
		.step = STEP_NOTE,
		.role = NOTE_FENCED,
		.report = PGAF_STATE_DEMOTE_TIMEOUT,
	},
	{
		.id = 310,
		.doc = "Fenced, and told or entitled to return: note it.",
		.when = {[KF_FENCE] = IS(K_FENCE_RETURN),
                         [KF_ROLE] = NOTED(FENCED),
                         [KF_GOAL] = WRITABLE},
		.step = STEP_NOTE,
		.role = NOTE_PRIMARY,
		.report = PGAF_STATE_DEMOTE_TIMEOUT,
	},
	{
		.id = 320,
		.doc = "Fenced: Postgres comes back as a standby without upstream.",
		.when = {[KF_ROLE] = NOTED(FENCED),
                         [KF_PG] = IS(K_PG_STOPPED),
                         [KF_GOAL] = WRITABLE},
		.step = STEP_FENCE,
		.report = PGAF_STATE_DEMOTE_TIMEOUT,
	},
	{
		.id = 330,
		.doc = "Fenced: waiting for the monitor, or for a member that still follows.",
		.when = {[KF_ROLE] = NOTED(FENCED), [KF_GOAL] = WRITABLE},
		.report = PGAF_STATE_DEMOTE_TIMEOUT,
	},
};

const size_t keeper_rules_guard_count = sizeof(keeper_rules_guard) / sizeof(keeper_rules_guard[0]);
