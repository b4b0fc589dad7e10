/* SPDX-License-Identifier: PostgreSQL */
/*
 * THE OTHER TABLE: what a keeper does next. Ordered, the first rule that
 * fits acts. Sections: 1 guards, 2 leaving, 3 fencing, 4 a writable goal,
 * 5 handing over and stepping down, 6 joining and following, 7 promotion,
 * 8 the rest.
 */
#include "core/keeper_rules.h"

#define IS(answer) (UINT32_C(1) << (answer))
#define STATE(name) IS(PGAF_STATE_##name)
#define NOTED(name) IS(NOTE_##name)

#define WRITABLE                                                                      \
	(STATE(SINGLE) | STATE(WAIT_PRIMARY) | STATE(PRIMARY) | STATE(JOIN_PRIMARY) | \
	 STATE(APPLY_SETTINGS))
#define FOLLOWING (STATE(CATCHINGUP) | STATE(SECONDARY) | STATE(JOIN_SECONDARY))
#define PROMOTION (STATE(PREPARE_PROMOTION) | STATE(STOP_REPLICATION))
#define RUNNING (IS(K_PG_STARTING) | IS(K_PG_STANDBY) | IS(K_PG_PRIMARY))
#define TOLD [KF_ACCEPTED] = IS(K_ACCEPTED)
#define FRESH [KF_CONTACT] = IS(K_CONTACT_FRESH)
/* The primary's term: its Postgres runs as one, or has stopped. */
#define SERVES [KF_GOAL] = WRITABLE, [KF_ROLE] = NOTED(PRIMARY), [KF_PG] = IS(K_PG_PRIMARY)
#define STOPPED [KF_GOAL] = WRITABLE, [KF_ROLE] = NOTED(PRIMARY), [KF_PG] = IS(K_PG_STOPPED)
#define FIRST [KF_GOAL] = WRITABLE, [KF_ROLE] = NOTED(NONE) | NOTED(DROPPED)
#define STEPS_DOWN [KF_GOAL] = STATE(DEMOTED) | STATE(DRAINING) | STATE(DEMOTE_TIMEOUT)
#define CLAIMED [KF_GOAL] = PROMOTION, [KF_CLAIM] = IS(K_CLAIM_GRANTED)

const struct keeper_rule keeper_rules[] = {
	/* ---- 1: guards --------------------------------------------------------- */
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
		.id = 120,
		.doc = "Its postmaster ended: end what is left of it before anything else (18).",
		.when = {[KF_PG] = IS(K_PG_EXITED)},
		.step = STEP_REAP,
	},
	/* ---- 2: leaving -------------------------------------------------------- */
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
	/* ---- 3: fencing -------------------------------------------------------- */
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
	/* ---- 4: a writable goal ------------------------------------------------ */
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
		.report = PGAF_STATE_APPLY_SETTINGS,
	},
	{
		.id = 422,
		.doc = "Writes go on without waiting for a standby.",
		.when = {TOLD, FRESH, SERVES, [KF_SET] = IS(K_SET_RELAX)},
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
		.report = PGAF_STATE_APPLY_SETTINGS,
	},
	{
		.id = 442,
		.doc = "Write the set of the goal and prove that it is in force.",
		.when = {TOLD, FRESH, SERVES, [KF_SET] = IS(K_SET_TIGHTEN)},
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
	/* ---- 5: handing over and stepping down --------------------------------- */
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
	/* ---- 6: joining and following ------------------------------------------ */
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
	/* ---- 7: promotion ------------------------------------------------------ */
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
	/* ---- 8: the rest ------------------------------------------------------- */
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

const size_t keeper_rules_count = sizeof(keeper_rules) / sizeof(keeper_rules[0]);
