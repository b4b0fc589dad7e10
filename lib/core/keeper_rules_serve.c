/* SPDX-License-Identifier: PostgreSQL */
/*
 * The keeper's rules for a writable goal: single, wait_primary, primary, join_primary,
 * apply_settings. Ids 400 to 499.
 */
#include "core/keeper_rules_parts.h"

/* The primary's term: its Postgres runs as one, or has stopped. */
#define SERVES [KF_GOAL] = WRITABLE, [KF_ROLE] = NOTED(PRIMARY), [KF_PG] = IS(K_PG_PRIMARY)
#define STOPPED [KF_GOAL] = WRITABLE, [KF_ROLE] = NOTED(PRIMARY), [KF_PG] = IS(K_PG_STOPPED)
#define FIRST [KF_GOAL] = WRITABLE, [KF_ROLE] = NOTED(NONE) | NOTED(DROPPED)

const struct keeper_rule keeper_rules_serve[] = {
	{
		.id = 400,
		.doc = "The first node, and an empty directory: create the cluster.",
		.when = {TOLD, FRESH, FIRST, [KF_PG] = IS(K_PG_ABSENT)},
		.step = STEP_INITDB,
		.report = PGAF_STATE_INIT,
	},
	{
		.id = 401,
		.doc = "The cluster was created a moment ago: from now on it may run read-write.",
		.when = {TOLD, FRESH, FIRST, [KF_PG] = IS(K_PG_STOPPED), [KF_READY] = IS(K_NEW)},
		.step = STEP_NOTE,
		.role = NOTE_PRIMARY,
		.report = PGAF_STATE_INIT,
	},
	{
		.id = 402,
		.doc = "The first node, and a cluster is there: take it over where it is.",
		.when = {TOLD, FRESH,
                         FIRST, [KF_PG] = IS(K_PG_STOPPED) | IS(K_PG_PRIMARY) | IS(K_PG_STANDBY),
                         [KF_READY] = IS(K_NEEDS_CONFIG)},
		.step = STEP_ADOPT,
		.report = PGAF_STATE_INIT,
	},
	{
		.id = 404,
		.doc = "The cluster is ours: from now on it may run read-write.",
		.when = {TOLD, FRESH,
                         FIRST, [KF_PG] = IS(K_PG_STOPPED) | IS(K_PG_PRIMARY) | IS(K_PG_STANDBY)},
		.step = STEP_NOTE,
		.role = NOTE_PRIMARY,
		.report = PGAF_STATE_INIT,
	},
	{
		.id = 406,
		.doc = "The role was given back: it may run read-write again.",
		.when = {TOLD, FRESH, [KF_GOAL] = WRITABLE, [KF_ROLE] = NOTED(DEMOTED)},
		.step = STEP_NOTE,
		.role = NOTE_PRIMARY,
	},
	{
		.id = 408,
		.doc = "It holds less than it once reported, as a restored copy does: it never "
		       "runs read-write.",
		.when = {[KF_GOAL] = WRITABLE,
                         [KF_ROLE] = NOTED(PRIMARY),
                         [KF_WAL] = IS(K_WAL_REGRESSED),
                         [KF_PG] = RUNNING},
		.step = STEP_STOP_IMMEDIATE,
	},
	{
		.id = 409,
		.doc = "It holds less than it once reported: it waits until another node is the "
		       "primary.",
		.when = {[KF_GOAL] = WRITABLE,
                         [KF_ROLE] = NOTED(PRIMARY),
                         [KF_WAL] = IS(K_WAL_REGRESSED)},
	},
	{
		.id = 410,
		.doc = "It waits for permission to start again after a crash.",
		.when = {STOPPED, [KF_RESTART] = IS(K_RESTART_ASKS)},
	},
	{
		.id = 412,
		.doc = "It waits for the monitor before it starts read-write.",
		.when = {STOPPED, [KF_RESTART] = IS(K_RESTART_FREE),
                         [KF_CONTACT] = IS(K_CONTACT_NEVER) | IS(K_CONTACT_STALE)},
	},
	{
		.id = 414,
		.doc = "Write what is ours to configure before Postgres starts.",
		.when = {STOPPED, [KF_READY] = IS(K_NEEDS_CONFIG) | IS(K_NEW)},
		.step = STEP_CONFIGURE,
	},
	{
		.id = 416,
		.doc = "The primary's Postgres is to run: start it.",
		.when = {STOPPED},
		.step = STEP_START_PRIMARY,
	},
	{
		.id = 417,
		.doc = "The role was confirmed after the start: let the clients in (16).",
		.when = {TOLD, [KF_GOAL] = WRITABLE, [KF_ROLE] = NOTED(PRIMARY),
                         [KF_PG] = IS(K_PG_PRIMARY), [KF_CLIENTS] = IS(K_CLIENTS_DUE),
                         [KF_RELEASED] = IS(K_RELEASED_TRUE)},
		.step = STEP_OPEN,
	},
	{
		.id = 418,
		.doc = "It runs as a standby though it is the primary: stop it, to start "
		       "it as one.",
		.when = {FRESH, [KF_GOAL] = WRITABLE, [KF_ROLE] = NOTED(PRIMARY),
                         [KF_PG] = IS(K_PG_STANDBY)},
		.step = STEP_STOP,
	},
	{
		.id = 419,
		.doc = "It runs as a standby though a member still follows it: stop it, "
		       "to start it as primary.",
		.when = {[KF_GOAL] = WRITABLE,
                         [KF_ROLE] = NOTED(PRIMARY),
                         [KF_PG] = IS(K_PG_STANDBY),
                         [KF_RESTART] = IS(K_RESTART_ALONE)},
		.step = STEP_STOP,
	},
	{
		.id = 420,
		.doc = "Before asynchronous replication is switched on, the note says so (4b).",
		.when = {TOLD, FRESH,
                         SERVES, [KF_SET] = IS(K_SET_RELAX), [KF_NOTED] = IS(K_SET_NOT_NOTED)},
		.step = STEP_NOTE,
		.set = NOTE_SET_BEGUN,
		.report = PGAF_STATE_APPLY_SETTINGS,
	},
	{
		.id = 422,
		.doc = "Writes go on without waiting for a standby.",
		.when = {TOLD, FRESH,
                         SERVES, [KF_SET] = IS(K_SET_RELAX), [KF_NOTED] = IS(K_SET_NOTED)},
		.step = STEP_APPLY_SET,
		.report = PGAF_STATE_APPLY_SETTINGS,
	},
	{
		.id = 424,
		.doc = "A standby claimed more than was written here: only a restart clears that "
		       "(1c).",
		.when = {TOLD, FRESH, SERVES, [KF_RELEASED] = IS(K_RELEASED_POISONED)},
		.step = STEP_STOP,
		.report = PGAF_STATE_APPLY_SETTINGS,
	},
	{
		.id = 426,
		.doc = "Somebody changed the set that was applied: write it again, told or not "
		       "(8c).",
		.when = {TOLD, SERVES, [KF_SET] = IS(K_SET_DRIFTED)},
		.step = STEP_APPLY_SET,
		.report = PGAF_STATE_APPLY_SETTINGS,
	},
	{
		.id = 428,
		.doc = "It is open: now switch the WAL segment and write a checkpoint on "
		       "the new timeline.",
		.when = {TOLD, SERVES, [KF_SETTLED] = IS(K_NOT_SETTLED)},
		.step = STEP_SETTLE,
		.report = PGAF_STATE_WAIT_PRIMARY,
	},
	{
		.id = 430,
		.doc = "Write what is ours to configure.",
		.when = {TOLD, SERVES, [KF_READY] = IS(K_NEEDS_CONFIG) | IS(K_NEW)},
		.step = STEP_CONFIGURE,
	},
	{
		.id = 432,
		.doc = "Roles for probes and replication are missing.",
		.when = {TOLD, SERVES, [KF_READY] = IS(K_NEEDS_ROLES)},
		.step = STEP_ROLES,
	},
	{
		.id = 434,
		.doc = "The other nodes need slots here.",
		.when = {TOLD, SERVES, [KF_READY] = IS(K_NEEDS_SLOTS)},
		.step = STEP_SLOTS,
	},
	{
		.id = 440,
		.doc = "Before the set is changed, the note says so (4b).",
		.when = {TOLD, FRESH,
                         SERVES, [KF_SET] = IS(K_SET_TIGHTEN), [KF_NOTED] = IS(K_SET_NOT_NOTED)},
		.step = STEP_NOTE,
		.set = NOTE_SET_BEGUN,
		.report = PGAF_STATE_APPLY_SETTINGS,
	},
	{
		.id = 442,
		.doc = "Write the set of the goal and prove that it is in force.",
		.when = {TOLD, FRESH,
                         SERVES, [KF_SET] = IS(K_SET_TIGHTEN), [KF_NOTED] = IS(K_SET_NOTED)},
		.step = STEP_APPLY_SET,
		.report = PGAF_STATE_APPLY_SETTINGS,
	},
	{
		.id = 444,
		.doc = "Restarted without the monitor: the set that was in force is proved again "
		       "before clients come in (17d).",
		.when = {TOLD, [KF_CONTACT] = IS(K_CONTACT_NEVER) | IS(K_CONTACT_STALE),
                         [KF_GOAL] = WRITABLE, [KF_ROLE] = NOTED(PRIMARY),
                         [KF_PG] = IS(K_PG_PRIMARY), [KF_SET] = IS(K_SET_TIGHTEN),
                         [KF_NOTED] = IS(K_SET_NOTED),
                         [KF_CLIENTS] = IS(K_CLIENTS_UNCONFIRMED)},
		.step = STEP_APPLY_SET,
		.report = PGAF_STATE_APPLY_SETTINGS,
	},
	{
		.id = 450,
		.doc = "The primary is as it should be.",
		.when = {TOLD, [KF_GOAL] = STATE(SINGLE), [KF_ROLE] = NOTED(PRIMARY),
                         [KF_PG] = IS(K_PG_PRIMARY), [KF_SET] = IS(K_SET_IN_FORCE)},
		.report = PGAF_STATE_SINGLE,
	},
	{
		.id = 452,
		.doc = "The primary is as it should be and waits for no standby.",
		.when = {TOLD, [KF_GOAL] = STATE(WAIT_PRIMARY), [KF_ROLE] = NOTED(PRIMARY),
                         [KF_PG] = IS(K_PG_PRIMARY), [KF_SET] = IS(K_SET_IN_FORCE)},
		.report = PGAF_STATE_WAIT_PRIMARY,
	},
	{
		.id = 454,
		.doc = "The primary is as it should be and waits for its standby.",
		.when = {TOLD, [KF_GOAL] = STATE(PRIMARY), [KF_ROLE] = NOTED(PRIMARY),
                         [KF_PG] = IS(K_PG_PRIMARY), [KF_SET] = IS(K_SET_IN_FORCE)},
		.report = PGAF_STATE_PRIMARY,
	},
	{
		.id = 490,
		.doc = "It waits until its goal can be carried out.",
		.when = {[KF_GOAL] = WRITABLE},
	},
};

const size_t keeper_rules_serve_count = sizeof(keeper_rules_serve) / sizeof(keeper_rules_serve[0]);
