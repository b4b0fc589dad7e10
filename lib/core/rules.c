/* SPDX-License-Identifier: PostgreSQL */
/*
 * THE TABLE of the monitor: which facts lead to which goals. Read it aloud.
 * Numbers, times and positions never appear here (facts.c); how a goal is
 * filled in is in effects.c. Sections: 1 the store forgot, 2 drop, 3 promotion
 * under way, 4 failover, 5 operator and handover, 6 synchronous set,
 * 7 joining, 8 first start.
 */
#include "core/rules.h"

#define STATE(name) IS(PGAF_STATE_##name)

#define WRITABLE                                                                      \
	(STATE(SINGLE) | STATE(WAIT_PRIMARY) | STATE(PRIMARY) | STATE(JOIN_PRIMARY) | \
	 STATE(APPLY_SETTINGS))
/* The primary's term is running: nobody is being promoted, nothing handed over. */
#define CALM [FACT_PROMOTION] = IS(PROMOTION_NONE), [FACT_HANDOVER] = IS(HANDOVER_NONE)
#define SOUND [FACT_MEMORY] = IS(MEMORY_SOUND)
#define PROVED (IS(CANDIDATE_READY) | IS(CANDIDATE_CURRENT))
#define UNPROVED (IS(CANDIDATE_NONE) | IS(CANDIDATE_BLOCKED))
/* What a candidate replaces: a primary in its role, or one that is handing over. */
#define REPLACEABLE                                                                 \
	SOUND, [FACT_SELF] = IS(IS_PRIMARY), [FACT_PROMOTION] = IS(PROMOTION_NONE), \
	       [FACT_GOAL] = WRITABLE | STATE(DRAINING), [FACT_MONITOR] = IS(MONITOR_AWAKE)
#define NOT_STOPPED \
	(IS(HANDOVER_NONE) | IS(HANDOVER_RUNNING) | IS(HANDOVER_EXPIRED) | IS(HANDOVER_ORPHANED))
/* Nothing about the set in force has to be settled first. */
#define ROOM (IS(SETS_SETTLED) | IS(SETS_CHANGING) | IS(SETS_FULL))

const struct rule rules[] = {
	/* ---- 1: the store forgot ----------------------------------------------- */
	{
		.id = 100,
		.doc = "The store does not remember decisions that were made: trust nothing yet.",
		.when = {[FACT_MEMORY] = IS(MEMORY_FORGOT)},
		.effect = EFFECT_RECOVER,
	},
	{
		.id = 110,
		.doc = "Every registered node was heard after the store had forgotten.",
		.when = {[FACT_MEMORY] = IS(MEMORY_HEARD)},
		.effect = EFFECT_RECOVERED,
	},
	{
		.id = 120,
		.doc = "The operator accepted in words that what unheard nodes hold is lost.",
		.when = {[FACT_MEMORY] = IS(MEMORY_LISTENING), [FACT_ASKED] = IS(ASKED_WITH_LOSS)},
		.effect = EFFECT_RECOVERED,
	},
	/* ---- 2: drop ----------------------------------------------------------- */
	{
		.id = 200,
		.doc = "The dropped node has left.",
		.when = {SOUND, [FACT_GOAL] = STATE(DROPPED), [FACT_REPORTED] = STATE(DROPPED),
                         [FACT_REACHED] = IS(REACHED)},
		.effect = EFFECT_REMOVE,
	},
	{
		.id = 210,
		.doc = "The operator wants this node gone whether or not it ever answers.",
		.when = {SOUND, [FACT_GOAL] = STATE(DROPPED), [FACT_DROP] = IS(DROP_FORCED),
                         [FACT_KEEPER] = IS(KEEPER_GONE)},
		.effect = EFFECT_REMOVE,
		.yields_to = {200},
	},
	{
		.id = 220,
		.doc = "The operator drops this standby.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_STANDBY),
                         [FACT_DROP] = IS(DROP_ASKED) | IS(DROP_FORCED),
                         [FACT_GOAL] = ~(STATE(DROPPED)) & ((UINT32_C(1) << PGAF_STATE_COUNT) - 1),
                         [FACT_SETS] = IS(SETS_SETTLED) | IS(SETS_CHANGING) | IS(SETS_DRIFTED) |
                                       IS(SETS_FULL)},
		.then = {[TO_SELF] = PGAF_STATE_DROPPED},
		.effect = EFFECT_DROP,
	},
	{
		.id = 230,
		.doc = "The operator drops the primary: it hands over first.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY),
                         [FACT_DROP] = IS(DROP_ASKED) | IS(DROP_FORCED), [FACT_GOAL] = WRITABLE,
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE),
                         [FACT_CANDIDATE] = IS(CANDIDATE_CURRENT)},
		.then = {[TO_SELF] = PGAF_STATE_DRAINING},
		.effect = EFFECT_HAND_OVER,
	},
	{
		.id = 240,
		.doc = "The operator drops the last node.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY), [FACT_COMPANY] = IS(ALONE),
                         [FACT_DROP] = IS(DROP_ASKED) | IS(DROP_FORCED), [FACT_GOAL] = WRITABLE},
		.then = {[TO_SELF] = PGAF_STATE_DROPPED},
		.effect = EFFECT_DROP_LAST,
		.yields_to = {230},
	},
	/* ---- 3: a promotion under way ------------------------------------------ */
	{
		.id = 300,
		.doc = "The candidate runs on its new timeline: its term begins.",
		.when = {SOUND, [FACT_SELF] = IS(IS_PRIMARY),
                         [FACT_PROMOTION] = IS(PROMOTION_DONE)},
		.then = {[TO_SELF] = PGAF_STATE_WAIT_PRIMARY},
		.effect = EFFECT_FINISH,
	},
	{
		.id = 310,
		.doc = "The candidate renounced: the former primary, which lost nothing, goes on.",
		.when = {SOUND, [FACT_SELF] = IS(IS_PRIMARY),
                         [FACT_PROMOTION] = IS(PROMOTION_RENOUNCED),
                         [FACT_FORMER] = IS(FORMER_USABLE)},
		.then = {[TO_SELF] = PGAF_STATE_SECONDARY, [TO_FORMER] = PGAF_STATE_PRIMARY},
		.effect = EFFECT_RESTORE,
	},
	{
		.id = 320,
		.doc = "The candidate did not claim in time and the former primary is "
		       "back: it goes on.",
		.when = {SOUND, [FACT_SELF] = IS(IS_PRIMARY),
                         [FACT_PROMOTION] = IS(PROMOTION_OVERDUE),
                         [FACT_FORMER] = IS(FORMER_USABLE)},
		.then = {[TO_SELF] = PGAF_STATE_SECONDARY, [TO_FORMER] = PGAF_STATE_PRIMARY},
		.effect = EFFECT_RESTORE,
	},
	{
		.id = 330,
		.doc = "The operator accepted in words that what the chosen node acknowledged is "
		       "lost.",
		.when = {SOUND, [FACT_SELF] = IS(IS_PRIMARY),
                         [FACT_PROMOTION] = IS(PROMOTION_OFFERED) | IS(PROMOTION_OVERDUE) |
                                            IS(PROMOTION_CLAIMED) | IS(PROMOTION_RENOUNCED),
                         [FACT_ASKED] = IS(ASKED_WITH_LOSS), [FACT_FORMER] = IS(FORMER_USABLE)},
		.then = {[TO_SELF] = PGAF_STATE_DEMOTED,
                         [TO_FORMER] = PGAF_STATE_PREPARE_PROMOTION},
		.effect = EFFECT_PROMOTE_FORMER,
		.yields_to = {310, 320},
	},
	{
		.id = 340,
		.doc = "It renounced for a reason that has passed, and nobody else is left: offer "
		       "again.",
		.when = {SOUND, [FACT_SELF] = IS(IS_PRIMARY),
                         [FACT_PROMOTION] = IS(PROMOTION_RENOUNCED),
                         [FACT_FORMER] = IS(FORMER_NONE) | IS(FORMER_AWAY),
                         [FACT_AGAIN] = IS(AGAIN_READY)},
		.then = {[TO_SELF] = PGAF_STATE_PREPARE_PROMOTION},
		.effect = EFFECT_PROMOTE_AGAIN,
	},
	{
		.id = 350,
		.doc = "It renounced and cannot prove what it holds: the operator accepts the "
		       "loss.",
		.when = {SOUND, [FACT_SELF] = IS(IS_PRIMARY),
                         [FACT_PROMOTION] = IS(PROMOTION_RENOUNCED),
                         [FACT_FORMER] = IS(FORMER_NONE) | IS(FORMER_AWAY),
                         [FACT_AGAIN] = IS(AGAIN_UNPROVED), [FACT_ASKED] = IS(ASKED_WITH_LOSS)},
		.then = {[TO_SELF] = PGAF_STATE_PREPARE_PROMOTION},
		.effect = EFFECT_PROMOTE_AGAIN,
	},
	/* ---- 4: failover ------------------------------------------------------- */
	{
		.id = 400,
		.doc = "The primary's Postgres has ended; the standby holds every "
		       "acknowledged commit.",
		.when = {REPLACEABLE, [FACT_HANDOVER] = NOT_STOPPED, [FACT_CANDIDATE] = PROVED,
                         [FACT_PRIMARY_FAULT] = IS(FAULT_CRASHED)},
		.then = {[TO_CANDIDATE] = PGAF_STATE_PREPARE_PROMOTION,
                         [TO_SELF] = PGAF_STATE_DEMOTED},
		.effect = EFFECT_PROMOTE,
	},
	{
		.id = 402,
		.doc = "The primary and its keeper are gone; the standby holds every "
		       "acknowledged commit.",
		.when = {REPLACEABLE, [FACT_HANDOVER] = NOT_STOPPED, [FACT_CANDIDATE] = PROVED,
                         [FACT_PRIMARY_FAULT] = IS(FAULT_GONE)},
		.then = {[TO_CANDIDATE] = PGAF_STATE_PREPARE_PROMOTION,
                         [TO_SELF] = PGAF_STATE_DEMOTED},
		.effect = EFFECT_PROMOTE,
	},
	{
		.id = 404,
		.doc = "Nobody has heard the primary for the silence limit.",
		.when = {REPLACEABLE, [FACT_HANDOVER] = NOT_STOPPED, [FACT_CANDIDATE] = PROVED,
                         [FACT_PRIMARY_FAULT] = IS(FAULT_SILENT)},
		.then = {[TO_CANDIDATE] = PGAF_STATE_PREPARE_PROMOTION,
                         [TO_SELF] = PGAF_STATE_DEMOTED},
		.effect = EFFECT_PROMOTE,
	},
	{
		.id = 406,
		.doc = "The primary accepts no new connection.",
		.when = {REPLACEABLE, [FACT_HANDOVER] = NOT_STOPPED, [FACT_CANDIDATE] = PROVED,
                         [FACT_PRIMARY_FAULT] = IS(FAULT_DEAF)},
		.then = {[TO_CANDIDATE] = PGAF_STATE_PREPARE_PROMOTION,
                         [TO_SELF] = PGAF_STATE_DEMOTED},
		.effect = EFFECT_PROMOTE,
	},
	{
		.id = 408,
		.doc = "The primary's disk does not finish writing.",
		.when = {REPLACEABLE, [FACT_HANDOVER] = NOT_STOPPED, [FACT_CANDIDATE] = PROVED,
                         [FACT_PRIMARY_FAULT] = IS(FAULT_STALLED)},
		.then = {[TO_CANDIDATE] = PGAF_STATE_PREPARE_PROMOTION,
                         [TO_SELF] = PGAF_STATE_DEMOTED},
		.effect = EFFECT_PROMOTE,
	},
	{
		.id = 410,
		.doc = "The primary recovers from a crash for too long while a standby is ready.",
		.when = {REPLACEABLE, [FACT_HANDOVER] = NOT_STOPPED, [FACT_CANDIDATE] = PROVED,
                         [FACT_PRIMARY_FAULT] = IS(FAULT_RECOVERING)},
		.then = {[TO_CANDIDATE] = PGAF_STATE_PREPARE_PROMOTION,
                         [TO_SELF] = PGAF_STATE_DEMOTED},
		.effect = EFFECT_PROMOTE,
	},
	{
		.id = 420,
		.doc = "The primary's Postgres has ended and no standby may replace it: "
		       "restart it.",
		.when = {SOUND, [FACT_SELF] = IS(IS_PRIMARY), [FACT_PROMOTION] = IS(PROMOTION_NONE),
                         [FACT_HANDOVER] = IS(HANDOVER_NONE), [FACT_GOAL] = WRITABLE,
                         [FACT_PRIMARY_FAULT] = IS(FAULT_CRASHED), [FACT_CANDIDATE] = UNPROVED},
		.effect = EFFECT_RESTART,
	},
	{
		.id = 422,
		.doc = "The same crash again soon after two failovers: it would follow, "
		       "so restart.",
		.when = {SOUND, [FACT_SELF] = IS(IS_PRIMARY), [FACT_PROMOTION] = IS(PROMOTION_NONE),
                         [FACT_HANDOVER] = IS(HANDOVER_NONE), [FACT_GOAL] = WRITABLE,
                         [FACT_PRIMARY_FAULT] = IS(FAULT_CRASHED_AGAIN)},
		.effect = EFFECT_RESTART,
	},
	/* ---- 5: operator and handover ------------------------------------------ */
	{
		.id = 500,
		.doc = "The primary stopped cleanly and the standby holds its last record.",
		.when = {SOUND, [FACT_SELF] = IS(IS_PRIMARY), [FACT_PROMOTION] = IS(PROMOTION_NONE),
                         [FACT_HANDOVER] = IS(HANDOVER_STOPPED)},
		.then = {[TO_CANDIDATE] = PGAF_STATE_PREPARE_PROMOTION,
                         [TO_SELF] = PGAF_STATE_DEMOTED},
		.effect = EFFECT_PROMOTE_CLEAN,
	},
	{
		.id = 502,
		.doc = "The primary had to be stopped at once; the standby holds every "
		       "acknowledged commit.",
		.when = {SOUND, [FACT_SELF] = IS(IS_PRIMARY), [FACT_PROMOTION] = IS(PROMOTION_NONE),
                         [FACT_HANDOVER] = IS(HANDOVER_DIRTY), [FACT_CANDIDATE] = PROVED},
		.then = {[TO_CANDIDATE] = PGAF_STATE_PREPARE_PROMOTION,
                         [TO_SELF] = PGAF_STATE_DEMOTED},
		.effect = EFFECT_PROMOTE,
	},
	{
		.id = 504,
		.doc = "The handover cannot end well: the primary keeps its role.",
		.when = {SOUND, [FACT_SELF] = IS(IS_PRIMARY), [FACT_PROMOTION] = IS(PROMOTION_NONE),
                         [FACT_HANDOVER] = IS(HANDOVER_ORPHANED)},
		.then = {[TO_SELF] = PGAF_STATE_PRIMARY},
		.effect = EFFECT_TAKE_BACK,
	},
	{
		.id = 506,
		.doc = "The handover takes too long: the primary keeps its role.",
		.when = {SOUND, [FACT_SELF] = IS(IS_PRIMARY), [FACT_PROMOTION] = IS(PROMOTION_NONE),
                         [FACT_HANDOVER] = IS(HANDOVER_EXPIRED)},
		.then = {[TO_SELF] = PGAF_STATE_PRIMARY},
		.effect = EFFECT_TAKE_BACK,
	},
	{
		.id = 508,
		.doc = "The primary had to be stopped at once and no proof can be had: "
		       "it keeps its role.",
		.when = {SOUND, [FACT_SELF] = IS(IS_PRIMARY), [FACT_PROMOTION] = IS(PROMOTION_NONE),
                         [FACT_HANDOVER] = IS(HANDOVER_DIRTY), [FACT_CANDIDATE] = UNPROVED},
		.then = {[TO_SELF] = PGAF_STATE_PRIMARY},
		.effect = EFFECT_TAKE_BACK,
	},
	{
		.id = 510,
		.doc = "The primary was told to stop: it hands over first.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY), [FACT_GOAL] = WRITABLE,
                         [FACT_SEEN] = IS(SEEN_LEAVING), [FACT_PRIMARY_FAULT] = IS(FAULT_NONE),
                         [FACT_CANDIDATE] = IS(CANDIDATE_CURRENT)},
		.then = {[TO_SELF] = PGAF_STATE_DRAINING},
		.effect = EFFECT_HAND_OVER,
	},
	{
		.id = 520,
		.doc = "The operator asked for a switchover, or for a failover of a "
		       "healthy primary.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY), [FACT_GOAL] = WRITABLE,
                         [FACT_SEEN] = IS(SEEN_OK), [FACT_KEEPER] = IS(KEEPER_OPEN),
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE),
                         [FACT_CANDIDATE] = IS(CANDIDATE_CURRENT),
                         [FACT_ASKED] =
                                 IS(ASKED_SWITCHOVER) | IS(ASKED_FAILOVER) | IS(ASKED_WITH_LOSS)},
		.then = {[TO_SELF] = PGAF_STATE_DRAINING},
		.effect = EFFECT_HAND_OVER,
	},
	{
		.id = 530,
		.doc = "The operator asked for a failover: the proof holds, no limit is "
		       "waited for.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY), [FACT_GOAL] = WRITABLE,
                         [FACT_PRIMARY_FAULT] =
                                 IS(FAULT_UNSURE) | IS(FAULT_CRASHED) | IS(FAULT_CRASHED_AGAIN) |
                                 IS(FAULT_GONE) | IS(FAULT_SILENT) | IS(FAULT_WITNESSED) |
                                 IS(FAULT_DEAF) | IS(FAULT_STALLED) | IS(FAULT_RECOVERING),
                         [FACT_CANDIDATE] = PROVED,
                         [FACT_ASKED] = IS(ASKED_FAILOVER) | IS(ASKED_WITH_LOSS)},
		.then = {[TO_CANDIDATE] = PGAF_STATE_PREPARE_PROMOTION,
                         [TO_SELF] = PGAF_STATE_DEMOTED},
		.effect = EFFECT_PROMOTE,
	},
	{
		.id = 540,
		.doc = "The operator accepted in words that commits are lost.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY), [FACT_GOAL] = WRITABLE,
                         [FACT_PRIMARY_FAULT] = IS(FAULT_CRASHED_AGAIN) | IS(FAULT_GONE) |
                                                IS(FAULT_SILENT) | IS(FAULT_DEAF) |
                                                IS(FAULT_STALLED) | IS(FAULT_RECOVERING),
                         [FACT_CANDIDATE] = IS(CANDIDATE_BLOCKED),
                         [FACT_ASKED] = IS(ASKED_WITH_LOSS)},
		.then = {[TO_CANDIDATE] = PGAF_STATE_PREPARE_PROMOTION,
                         [TO_SELF] = PGAF_STATE_DEMOTED},
		.effect = EFFECT_PROMOTE_LOSSY,
	},
	{
		.id = 550,
		.doc = "The primary lost WAL itself and nobody can replace it: the operator "
		       "accepts that.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY), [FACT_GOAL] = WRITABLE,
                         [FACT_PRIMARY_FAULT] = IS(FAULT_GONE), [FACT_KEEPER] = IS(KEEPER_OPEN),
                         [FACT_CANDIDATE] = IS(CANDIDATE_NONE), [FACT_ASKED] = IS(ASKED_WITH_LOSS)},
		.effect = EFFECT_FORGET,
	},
	{
		.id = 590,
		.doc = "What the operator asked for is not possible while the primary is not well.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY),
                         [FACT_PRIMARY_FAULT] = ~IS(FAULT_NONE) & (IS(FAULT_RECOVERING + 1) - 1),
                         [FACT_ASKED] =
                                 IS(ASKED_SWITCHOVER) | IS(ASKED_FAILOVER) | IS(ASKED_WITH_LOSS)},
		.effect = EFFECT_REFUSE,
		.yields_to = {530, 540, 550},
	},
	{
		.id = 592,
		.doc = "What the operator asked for is not possible now.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY),
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE),
                         [FACT_SETS] = IS(SETS_SETTLED) | IS(SETS_DECLINED) | IS(SETS_DRIFTED) |
                                       IS(SETS_FULL),
                         [FACT_ASKED] =
                                 IS(ASKED_SWITCHOVER) | IS(ASKED_FAILOVER) | IS(ASKED_WITH_LOSS)},
		.effect = EFFECT_REFUSE,
		.yields_to = {510, 520},
	},
	/* ---- 6: the synchronous set -------------------------------------------- */
	{
		.id = 600,
		.doc = "The newest set is proved to be in force.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY), [FACT_GOAL] = WRITABLE,
                         [FACT_SETS] = IS(SETS_PROVED)},
		.effect = EFFECT_STRIKE,
	},
	{
		.id = 610,
		.doc = "The primary declined the newest set before it applied any of it.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY), [FACT_GOAL] = WRITABLE,
                         [FACT_SETS] = IS(SETS_DECLINED)},
		.then = {[TO_SELF] = PGAF_STATE_PRIMARY},
		.effect = EFFECT_STRIKE_DECLINED,
	},
	{
		.id = 620,
		.doc = "Somebody else changed the set in force: it counts as unknown until proved.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY), [FACT_GOAL] = WRITABLE,
                         [FACT_SETS] = IS(SETS_DRIFTED)},
		.effect = EFFECT_DOUBT,
	},
	{
		.id = 630,
		.doc = "A member is down, silent, leaving or empty: writes go on without it.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_STANDBY), [FACT_GOAL] = STATE(SECONDARY),
                         [FACT_MEMBER] = IS(MEMBER_YES), [FACT_NUMBER] = IS(NUMBER_ZERO),
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE) | IS(FAULT_WITNESSED),
                         [FACT_SEEN] = IS(SEEN_DOWN) | IS(SEEN_SILENT) | IS(SEEN_LEAVING) |
                                       IS(SEEN_EMPTY)},
		.then = {[TO_SELF] = PGAF_STATE_CATCHINGUP, [TO_PRIMARY] = PGAF_STATE_WAIT_PRIMARY},
		.effect = EFFECT_RELAX,
	},
	{
		.id = 632,
		.doc = "A member makes no progress while commits wait: writes go on without it.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_STANDBY), [FACT_GOAL] = STATE(SECONDARY),
                         [FACT_MEMBER] = IS(MEMBER_YES), [FACT_NUMBER] = IS(NUMBER_ZERO),
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE) | IS(FAULT_WITNESSED),
                         [FACT_SEEN] = IS(SEEN_OK) | IS(SEEN_UNSURE),
                         [FACT_STANDING] = IS(STANDING_NO_PROGRESS)},
		.then = {[TO_SELF] = PGAF_STATE_CATCHINGUP, [TO_PRIMARY] = PGAF_STATE_WAIT_PRIMARY},
		.effect = EFFECT_RELAX_LINK,
	},
	{
		.id = 634,
		.doc = "An empty member remembers nothing: it leaves the set, which "
		       "stays as strict.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_STANDBY), [FACT_GOAL] = STATE(SECONDARY),
                         [FACT_MEMBER] = IS(MEMBER_YES), [FACT_NUMBER] = IS(NUMBER_SOME),
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE) | IS(FAULT_WITNESSED),
                         [FACT_SEEN] = IS(SEEN_EMPTY), [FACT_SETS] = ROOM},
		.then = {[TO_SELF] = PGAF_STATE_CATCHINGUP, [TO_PRIMARY] = PGAF_STATE_PRIMARY},
		.effect = EFFECT_RELAX,
	},
	{
		.id = 636,
		.doc = "A member acknowledges but could never take over: writes go on without it.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_STANDBY), [FACT_GOAL] = STATE(SECONDARY),
                         [FACT_MEMBER] = IS(MEMBER_YES), [FACT_NUMBER] = IS(NUMBER_ZERO),
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE),
                         [FACT_SEEN] = IS(SEEN_OK) | IS(SEEN_UNSURE),
                         [FACT_STANDING] =
                                 IS(STANDING_NONE) | IS(STANDING_CAUGHT_UP) | IS(STANDING_LISTED),
                         [FACT_FIT] = IS(FIT_NO)},
		.then = {[TO_SELF] = PGAF_STATE_CATCHINGUP, [TO_PRIMARY] = PGAF_STATE_WAIT_PRIMARY},
		.effect = EFFECT_RELAX,
	},
	{
		.id = 640,
		.doc = "The operator does not want commits to wait for this standby.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_STANDBY), [FACT_GOAL] = STATE(SECONDARY),
                         [FACT_MEMBER] = IS(MEMBER_YES), [FACT_COUNTED] = IS(COUNTED_NO),
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE) | IS(FAULT_WITNESSED),
                         [FACT_SETS] = ROOM},
		.then = {[TO_PRIMARY] = PGAF_STATE_PRIMARY},
		.effect = EFFECT_SHRINK,
		.yields_to = {630, 632, 634, 636},
	},
	{
		.id = 650,
		.doc = "A standby in good standing: commits wait for it from now on.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_STANDBY), [FACT_GOAL] = STATE(SECONDARY),
                         [FACT_MEMBER] = IS(MEMBER_NO), [FACT_COUNTED] = IS(COUNTED_YES),
                         [FACT_STANDING] = IS(STANDING_LISTED), [FACT_SEEN] = IS(SEEN_OK),
                         [FACT_FIT] = IS(FIT_YES) | IS(FIT_NOT_YET),
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE), [FACT_PRIMARY_GOAL] = WRITABLE,
                         [FACT_SETS] = ROOM},
		.then = {[TO_PRIMARY] = PGAF_STATE_PRIMARY},
		.effect = EFFECT_WIDEN,
	},
	{
		.id = 660,
		.doc = "number_sync_standbys asks for a stricter set.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY), [FACT_GOAL] = WRITABLE,
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE), [FACT_SETS] = ROOM,
                         [FACT_WANTED] = IS(WANTED_STRICTER)},
		.then = {[TO_SELF] = PGAF_STATE_PRIMARY},
		.effect = EFFECT_RESIZE,
	},
	{
		.id = 670,
		.doc = "number_sync_standbys allows a looser set.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY), [FACT_GOAL] = WRITABLE,
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE), [FACT_WANTED] = IS(WANTED_LOOSER),
                         [FACT_SETS] = ROOM},
		.then = {[TO_SELF] = PGAF_STATE_PRIMARY},
		.effect = EFFECT_RESIZE,
	},
	/* ---- 7: joining -------------------------------------------------------- */
	{
		.id = 700,
		.doc = "A new node is registered: the primary gets ready to be cloned.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_STANDBY),
                         [FACT_GOAL] = STATE(UNKNOWN) | STATE(INIT), [FACT_DROP] = IS(DROP_NO),
                         [FACT_PRIMARY_GOAL] = WRITABLE},
		.then = {[TO_SELF] = PGAF_STATE_WAIT_STANDBY},
		.effect = EFFECT_ANNOUNCE,
	},
	{
		.id = 705,
		.doc = "The primary is not alone any more.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_PRIMARY), [FACT_GOAL] = STATE(SINGLE),
                         [FACT_COMPANY] = IS(WITH_OTHERS)},
		.then = {[TO_SELF] = PGAF_STATE_WAIT_PRIMARY},
		.effect = EFFECT_NONE,
	},
	{
		.id = 707,
		.doc = "The primary is the only node left.",
		.when = {SOUND,
                         CALM, [FACT_SELF] = IS(IS_PRIMARY), [FACT_GOAL] = STATE(WAIT_PRIMARY),
                         [FACT_COMPANY] = IS(ALONE), [FACT_SETS] = IS(SETS_SETTLED),
                         [FACT_NUMBER] = IS(NUMBER_ZERO), [FACT_DROP] = IS(DROP_NO)},
		.then = {[TO_SELF] = PGAF_STATE_SINGLE},
		.effect = EFFECT_NONE,
	},
	{
		.id = 710,
		.doc = "The primary is ready to be cloned.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_STANDBY),
                         [FACT_GOAL] = STATE(WAIT_STANDBY), [FACT_REACHED] = IS(REACHED),
                         [FACT_DROP] = IS(DROP_NO), [FACT_PRIMARY_FAULT] = IS(FAULT_NONE),
                         [FACT_PRIMARY_GOAL] = STATE(WAIT_PRIMARY) | STATE(PRIMARY),
                         [FACT_PRIMARY_REACHED] = IS(REACHED),
                         [FACT_PRIMARY_DISK] = IS(DISK_READY)},
		.then = {[TO_SELF] = PGAF_STATE_CATCHINGUP},
		.effect = EFFECT_FOLLOW,
	},
	{
		.id = 720,
		.doc = "The former primary has stopped and there is one to follow.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_STANDBY),
                         [FACT_GOAL] = STATE(DEMOTED) | STATE(PREPARE_PROMOTION) |
                                       STATE(STOP_REPLICATION) | STATE(REPORT_LSN) |
                                       STATE(DRAINING),
                         [FACT_REPORTED] = STATE(DEMOTED) | STATE(REPORT_LSN) | STATE(DROPPED) |
                                           STATE(INIT) | STATE(PREPARE_PROMOTION) |
                                           STATE(STOP_REPLICATION),
                         [FACT_DROP] = IS(DROP_NO), [FACT_PRIMARY_FAULT] = IS(FAULT_NONE),
                         [FACT_KEEPER] = IS(KEEPER_OPEN), [FACT_PRIMARY_GOAL] = WRITABLE,
                         [FACT_PRIMARY_DISK] = IS(DISK_READY)},
		.then = {[TO_SELF] = PGAF_STATE_CATCHINGUP},
		.effect = EFFECT_FOLLOW,
	},
	{
		.id = 730,
		.doc = "This standby follows somebody who is not the primary.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_STANDBY),
                         [FACT_GOAL] = STATE(CATCHINGUP) | STATE(SECONDARY),
                         [FACT_FOLLOWS] = IS(FOLLOWS_OTHER) | IS(FOLLOWS_NOBODY),
                         [FACT_MEMBER] = IS(MEMBER_NO), [FACT_DROP] = IS(DROP_NO),
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE), [FACT_PRIMARY_GOAL] = WRITABLE,
                         [FACT_PRIMARY_DISK] = IS(DISK_READY)},
		.then = {[TO_SELF] = PGAF_STATE_CATCHINGUP},
		.effect = EFFECT_FOLLOW,
	},
	{
		.id = 740,
		.doc = "The standby caught up on a proved history: it gets a name of its own.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_STANDBY), [FACT_GOAL] = STATE(CATCHINGUP),
                         [FACT_STANDING] = IS(STANDING_CAUGHT_UP), [FACT_SEEN] = IS(SEEN_OK),
                         [FACT_FOLLOWS] = IS(FOLLOWS_PRIMARY), [FACT_DROP] = IS(DROP_NO),
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE), [FACT_HOLD] = IS(HOLD_OVER),
                         [FACT_FIT] = IS(FIT_YES)},
		.then = {[TO_SELF] = PGAF_STATE_SECONDARY},
		.effect = EFFECT_ADMIT,
	},
	{
		.id = 750,
		.doc = "A standby that nobody waits for is not in good standing.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_STANDBY), [FACT_GOAL] = STATE(SECONDARY),
                         [FACT_MEMBER] = IS(MEMBER_NO), [FACT_FOLLOWS] = IS(FOLLOWS_PRIMARY),
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE), [FACT_DROP] = IS(DROP_NO),
                         [FACT_SEEN] = IS(SEEN_DOWN) | IS(SEEN_SILENT) | IS(SEEN_LEAVING) |
                                       IS(SEEN_EMPTY)},
		.then = {[TO_SELF] = PGAF_STATE_CATCHINGUP},
		.effect = EFFECT_EXPEL,
	},
	{
		.id = 755,
		.doc = "A standby that nobody waits for does not stream under its name.",
		.when = {SOUND, CALM, [FACT_SELF] = IS(IS_STANDBY), [FACT_GOAL] = STATE(SECONDARY),
                         [FACT_MEMBER] = IS(MEMBER_NO), [FACT_FOLLOWS] = IS(FOLLOWS_PRIMARY),
                         [FACT_PRIMARY_FAULT] = IS(FAULT_NONE), [FACT_DROP] = IS(DROP_NO),
                         [FACT_SEEN] = IS(SEEN_OK) | IS(SEEN_UNSURE),
                         [FACT_STANDING] = IS(STANDING_NO_PROGRESS)},
		.then = {[TO_SELF] = PGAF_STATE_CATCHINGUP},
		.effect = EFFECT_EXPEL,
	},
	/* ---- 8: first start ---------------------------------------------------- */
	{
		.id = 800,
		.doc = "The first node of the group becomes its primary.",
		.when = {SOUND, [FACT_GOAL] = STATE(UNKNOWN) | STATE(INIT) | STATE(WAIT_STANDBY),
                         [FACT_START] = IS(START_YES), [FACT_DROP] = IS(DROP_NO)},
		.then = {[TO_SELF] = PGAF_STATE_SINGLE},
		.effect = EFFECT_BOOTSTRAP,
	},
};

const size_t rules_count = sizeof(rules) / sizeof(rules[0]);

const struct wait waits[] = {
	{"the store forgot decisions: waiting until every registered node was heard",
         {[FACT_MEMORY] = IS(MEMORY_LISTENING) | IS(MEMORY_FORGOT) | IS(MEMORY_HEARD)},
         false},
	{"%s was dropped and has not left yet", {[FACT_GOAL] = STATE(DROPPED)}, false},
	{"%s is to be dropped: waiting until the group is calm and can do without it",
         {[FACT_DROP] = IS(DROP_ASKED) | IS(DROP_FORCED)},
         false},
	{"%s was chosen and has not claimed the promotion yet",
         {[FACT_SELF] = IS(IS_PRIMARY),
          [FACT_PROMOTION] = IS(PROMOTION_OFFERED) | IS(PROMOTION_OVERDUE)},
         false},
	{"%s has claimed the promotion: nobody else may be promoted until it finishes or renounces",
         {[FACT_SELF] = IS(IS_PRIMARY), [FACT_PROMOTION] = IS(PROMOTION_CLAIMED)},
         false},
	{"%s renounced the promotion: waiting for the former primary to come back",
         {[FACT_SELF] = IS(IS_PRIMARY), [FACT_PROMOTION] = IS(PROMOTION_RENOUNCED)},
         false},
	{"a promotion is under way",
         {[FACT_PROMOTION] = IS(PROMOTION_OFFERED) | IS(PROMOTION_OVERDUE) | IS(PROMOTION_CLAIMED) |
                             IS(PROMOTION_RENOUNCED) | IS(PROMOTION_DONE)},
         true},
	{"%s hands over: waiting until its Postgres has stopped",
         {[FACT_SELF] = IS(IS_PRIMARY),
          [FACT_HANDOVER] = IS(HANDOVER_RUNNING) | IS(HANDOVER_STOPPED) | IS(HANDOVER_DIRTY) |
                            IS(HANDOVER_EXPIRED) | IS(HANDOVER_ORPHANED)},
         false},
	{"a handover is under way",
         {[FACT_HANDOVER] = IS(HANDOVER_RUNNING) | IS(HANDOVER_STOPPED) | IS(HANDOVER_DIRTY) |
                            IS(HANDOVER_EXPIRED) | IS(HANDOVER_ORPHANED)},
         true},
	{"the monitor has just started, was stalled or hears nobody: it listens before it decides",
         {[FACT_SELF] = IS(IS_PRIMARY),
          [FACT_MONITOR] = IS(MONITOR_LISTENING),
          [FACT_PRIMARY_FAULT] = IS(FAULT_CRASHED) | IS(FAULT_GONE) | IS(FAULT_SILENT) |
                                 IS(FAULT_DEAF) | IS(FAULT_STALLED) | IS(FAULT_RECOVERING) |
                                 IS(FAULT_CRASHED_AGAIN)},
         false},
	{"%s is unreachable from the monitor, but another witness sees it: no failover",
         {[FACT_SELF] = IS(IS_PRIMARY), [FACT_PRIMARY_FAULT] = IS(FAULT_WITNESSED)},
         false},
	{"%s has failed and no standby surely holds every acknowledged commit: it must return",
         {[FACT_SELF] = IS(IS_PRIMARY),
          [FACT_CANDIDATE] = UNPROVED,
          [FACT_PRIMARY_FAULT] = IS(FAULT_CRASHED) | IS(FAULT_GONE) | IS(FAULT_SILENT) |
                                 IS(FAULT_DEAF) | IS(FAULT_STALLED) | IS(FAULT_RECOVERING) |
                                 IS(FAULT_CRASHED_AGAIN)},
         false},
	{"%s has failed: waiting for its goal to be one that can be taken over",
         {[FACT_SELF] = IS(IS_PRIMARY),
          [FACT_PRIMARY_FAULT] = IS(FAULT_CRASHED) | IS(FAULT_GONE) | IS(FAULT_SILENT) |
                                 IS(FAULT_DEAF) | IS(FAULT_STALLED) | IS(FAULT_RECOVERING) |
                                 IS(FAULT_CRASHED_AGAIN)},
         false},
	{"it is not certain yet how %s is",
         {[FACT_SELF] = IS(IS_PRIMARY), [FACT_PRIMARY_FAULT] = IS(FAULT_UNSURE)},
         false},
	{"%s was told to stop; no standby in good standing could take over",
         {[FACT_SELF] = IS(IS_PRIMARY), [FACT_SEEN] = IS(SEEN_LEAVING)},
         false},
	{"degraded: the keeper of %s is gone while its Postgres answers",
         {[FACT_SELF] = IS(IS_PRIMARY), [FACT_KEEPER] = IS(KEEPER_GONE)},
         false},
	{"%s has not reached its goal yet",
         {[FACT_SELF] = IS(IS_PRIMARY), [FACT_REACHED] = IS(NOT_REACHED)},
         false},
	{"%s has not proved yet which synchronous set is in force",
         {[FACT_SELF] = IS(IS_PRIMARY),
          [FACT_SETS] = IS(SETS_CHANGING) | IS(SETS_FULL) | IS(SETS_PROVED) | IS(SETS_DECLINED) |
                        IS(SETS_DRIFTED)},
         false},
	{"the primary is well", {[FACT_SELF] = IS(IS_PRIMARY)}, true},
	{"%s waits for bootstrap_grace: a node with data may still appear",
         {[FACT_START] = IS(START_WAIT)},
         false},
	{"%s waits for a primary to join", {[FACT_PRIMARY_GOAL] = STATE(UNKNOWN)}, false},
	{"%s is registered: waiting until it reports and the primary is ready for it",
         {[FACT_GOAL] = STATE(UNKNOWN) | STATE(INIT) | STATE(WAIT_STANDBY)},
         false},
	{"%s is demoted: waiting until it has stopped and the primary's new timeline is "
         "on its disk",
         {[FACT_GOAL] = STATE(DEMOTED) | STATE(PREPARE_PROMOTION) | STATE(STOP_REPLICATION) |
                        STATE(REPORT_LSN) | STATE(DRAINING)},
         false},
	{"%s catches up, but readmission is held down after its link was cut",
         {[FACT_GOAL] = STATE(CATCHINGUP),
          [FACT_STANDING] = IS(STANDING_CAUGHT_UP),
          [FACT_HOLD] = IS(HOLD_ON)},
         false},
	{"%s is down: waiting until it comes back",
         {[FACT_GOAL] = STATE(CATCHINGUP),
          [FACT_SEEN] = IS(SEEN_DOWN) | IS(SEEN_SILENT) | IS(SEEN_LEAVING)},
         false},
	{"%s catches up, but could never take over as it is: its vetoes say why",
         {[FACT_GOAL] = STATE(CATCHINGUP), [FACT_FIT] = IS(FIT_NO) | IS(FIT_NOT_YET)},
         false},
	{"%s catches up: it is copied, rewound, or has not received everything yet",
         {[FACT_GOAL] = STATE(CATCHINGUP)},
         false},
	{"%s is a member and not well; number_sync_standbys forbids to go on without it",
         {[FACT_GOAL] = STATE(SECONDARY),
          [FACT_MEMBER] = IS(MEMBER_YES),
          [FACT_SEEN] = IS(SEEN_DOWN) | IS(SEEN_SILENT) | IS(SEEN_LEAVING) | IS(SEEN_EMPTY),
          [FACT_NUMBER] = IS(NUMBER_SOME)},
         false},
	{"%s is a member and down, and so is the primary",
         {[FACT_GOAL] = STATE(SECONDARY),
          [FACT_MEMBER] = IS(MEMBER_YES),
          [FACT_SEEN] = IS(SEEN_DOWN) | IS(SEEN_SILENT) | IS(SEEN_LEAVING) | IS(SEEN_EMPTY)},
         false},
	{"%s has a name and does not stream under it yet",
         {[FACT_GOAL] = STATE(SECONDARY),
          [FACT_MEMBER] = IS(MEMBER_NO),
          [FACT_COUNTED] = IS(COUNTED_YES)},
         false},
	{"%s follows and nobody waits for it",
         {[FACT_GOAL] = STATE(SECONDARY), [FACT_MEMBER] = IS(MEMBER_NO)},
         true},
	{"the standby is well", {[FACT_GOAL] = STATE(SECONDARY)}, true},
	{"%s has a goal that this version does not give", {[FACT_SELF] = IS(IS_STANDBY)}, false},
};

const size_t waits_count = sizeof(waits) / sizeof(waits[0]);
