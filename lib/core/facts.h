/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_FACTS_H
#define CORE_FACTS_H

/*
 * Facts: one small answer per question, computed once from an immutable
 * snapshot for one node (SELF) of its group. Rules accept sets of answers and
 * see nothing else; numbers stay here.
 *
 * Roles mean the same in every rule: SELF is the node looked at; PRIMARY the
 * node that has, or was given, the role; CANDIDATE the standby that would be
 * promoted; FORMER the primary before a promotion that is not finished.
 */

#include "core/model.h"

#define ANSWERS_STATE(X) /* enum pgaf_state */
#define ANSWERS_SELF(X) X(IS_PRIMARY, "primary") X(IS_STANDBY, "standby")
#define ANSWERS_REACHED(X) X(NOT_REACHED, "no") X(REACHED, "yes")
#define ANSWERS_SEEN(X)                                                                   \
	X(SEEN_OK, "ok") X(SEEN_UNSURE, "unsure") X(SEEN_LEAVING, "leaving")              \
	X(SEEN_DOWN, "down") X(SEEN_SILENT, "silent") X(SEEN_EMPTY, "empty")
#define ANSWERS_KEEPER(X) X(KEEPER_OPEN, "open") X(KEEPER_UNSURE, "unsure") X(KEEPER_GONE, "gone")
#define ANSWERS_STANDING(X)                                                               \
	X(STANDING_NONE, "none") X(STANDING_CAUGHT_UP, "caught-up")                       \
	X(STANDING_LISTED, "listed") X(STANDING_NO_PROGRESS, "no-progress")
#define ANSWERS_FIT(X) X(FIT_YES, "yes") X(FIT_NOT_YET, "not-yet") X(FIT_NO, "no")
#define ANSWERS_MEMBER(X) X(MEMBER_NO, "no") X(MEMBER_YES, "yes")
#define ANSWERS_FOLLOWS(X) X(FOLLOWS_NOBODY, "nobody") X(FOLLOWS_PRIMARY, "primary") \
	X(FOLLOWS_OTHER, "other")
#define ANSWERS_FAULT(X)                                                                  \
	X(FAULT_NONE, "none") X(FAULT_UNSURE, "unsure") X(FAULT_CRASHED, "crashed")       \
	X(FAULT_CRASHED_AGAIN, "crashed-again") X(FAULT_GONE, "gone")                     \
	X(FAULT_SILENT, "silent") X(FAULT_WITNESSED, "witnessed") X(FAULT_DEAF, "deaf")   \
	X(FAULT_STALLED, "stalled") X(FAULT_RECOVERING, "recovering")
#define ANSWERS_CANDIDATE(X)                                                              \
	X(CANDIDATE_NONE, "none") X(CANDIDATE_BLOCKED, "blocked")                         \
	X(CANDIDATE_READY, "ready") X(CANDIDATE_CURRENT, "ready-and-streaming")
#define ANSWERS_SETS(X)                                                                   \
	X(SETS_SETTLED, "settled") X(SETS_CHANGING, "changing") X(SETS_PROVED, "proved")  \
	X(SETS_DECLINED, "declined") X(SETS_DRIFTED, "drifted") X(SETS_FULL, "full")
#define ANSWERS_WANTED(X)                                                                 \
	X(WANTED_AS_IS, "as-is") X(WANTED_STRICTER, "stricter") X(WANTED_LOOSER, "looser")
#define ANSWERS_PROMOTION(X)                                                              \
	X(PROMOTION_NONE, "none") X(PROMOTION_OFFERED, "offered")                         \
	X(PROMOTION_OVERDUE, "overdue") X(PROMOTION_CLAIMED, "claimed")                   \
	X(PROMOTION_RENOUNCED, "renounced") X(PROMOTION_DONE, "done")
#define ANSWERS_FORMER(X) X(FORMER_NONE, "none") X(FORMER_AWAY, "away") X(FORMER_USABLE, "usable")
#define ANSWERS_AGAIN(X)                                                                  \
	X(AGAIN_NO, "no") X(AGAIN_UNPROVED, "unproved") X(AGAIN_READY, "ready")
#define ANSWERS_HANDOVER(X)                                                               \
	X(HANDOVER_NONE, "none") X(HANDOVER_RUNNING, "running")                           \
	X(HANDOVER_STOPPED, "stopped") X(HANDOVER_DIRTY, "dirty")                         \
	X(HANDOVER_EXPIRED, "expired") X(HANDOVER_ORPHANED, "orphaned")
#define ANSWERS_ASKED(X)                                                                  \
	X(ASKED_NOTHING, "nothing") X(ASKED_SWITCHOVER, "switchover")                     \
	X(ASKED_FAILOVER, "failover") X(ASKED_WITH_LOSS, "with-loss")                     \
	X(ASKED_BEFORE, "before-this-promotion")
#define ANSWERS_DROP(X) X(DROP_NO, "no") X(DROP_ASKED, "asked") X(DROP_FORCED, "forced")
#define ANSWERS_COMPANY(X) X(ALONE, "alone") X(WITH_OTHERS, "with-others")
#define ANSWERS_MONITOR(X) X(MONITOR_LISTENING, "listening") X(MONITOR_AWAKE, "awake")
#define ANSWERS_NUMBER(X) X(NUMBER_ZERO, "zero") X(NUMBER_SOME, "some")
#define ANSWERS_MEMORY(X)                                                                 \
	X(MEMORY_SOUND, "sound") X(MEMORY_FORGOT, "forgot") X(MEMORY_LISTENING, "listening") \
	X(MEMORY_HEARD, "heard")
#define ANSWERS_START(X) X(START_NO, "no") X(START_WAIT, "wait") X(START_YES, "yes")
#define ANSWERS_DISK(X) X(DISK_BEHIND, "behind") X(DISK_READY, "ready")
#define ANSWERS_HOLD(X) X(HOLD_OVER, "over") X(HOLD_ON, "on")
#define ANSWERS_COUNTED(X) X(COUNTED_NO, "no") X(COUNTED_YES, "yes")

/* name, type, question */
#define FACTS(X)                                                                          \
	X(SELF, ANSWERS_SELF, "which role does it have")                                  \
	X(GOAL, ANSWERS_STATE, "what is its goal")                                               \
	X(REPORTED, ANSWERS_STATE, "what does it report")                                        \
	X(REACHED, ANSWERS_REACHED, "has it accepted and reached its goal")               \
	X(SEEN, ANSWERS_SEEN, "how is it seen")                                           \
	X(KEEPER, ANSWERS_KEEPER, "is its keeper's session open")                         \
	X(STANDING, ANSWERS_STANDING, "how does it stream")                               \
	X(FIT, ANSWERS_FIT, "could it take over if it had to")                            \
	X(MEMBER, ANSWERS_MEMBER, "does the newest set wait for it")                      \
	X(COUNTED, ANSWERS_COUNTED, "may a set wait for it (replication-quorum)")         \
	X(FOLLOWS, ANSWERS_FOLLOWS, "whom does its goal follow")                          \
	X(DROP, ANSWERS_DROP, "was its removal asked for")                                \
	X(START, ANSWERS_START, "may it become the first primary")                        \
	X(PRIMARY_GOAL, ANSWERS_STATE, "what is the primary's goal")                             \
	X(PRIMARY_REACHED, ANSWERS_REACHED, "has the primary reached its goal")           \
	X(PRIMARY_FAULT, ANSWERS_FAULT, "what is wrong with the primary")                 \
	X(PRIMARY_DISK, ANSWERS_DISK, "is the primary's timeline on its disk")            \
	X(CANDIDATE, ANSWERS_CANDIDATE, "could a standby be promoted with proof")         \
	X(SETS, ANSWERS_SETS, "what do we know of the set in force")                      \
	X(WANTED, ANSWERS_WANTED, "does the newest set suit number_sync_standbys")        \
	X(PROMOTION, ANSWERS_PROMOTION, "how far is the promotion")                       \
	X(FORMER, ANSWERS_FORMER, "could the former primary have its role back")          \
	X(AGAIN, ANSWERS_AGAIN, "could the node that renounced be asked again")           \
	X(HANDOVER, ANSWERS_HANDOVER, "how far is the planned handover")                  \
	X(ASKED, ANSWERS_ASKED, "what did the operator ask for")                          \
	X(COMPANY, ANSWERS_COMPANY, "are there other nodes")                              \
	X(MONITOR, ANSWERS_MONITOR, "has this monitor listened long enough")              \
	X(NUMBER, ANSWERS_NUMBER, "is number_sync_standbys above 0")                      \
	X(MEMORY, ANSWERS_MEMORY, "does the store remember all that keepers do")          \
	X(HOLD, ANSWERS_HOLD, "is readmission held down")

enum fact {
#define FACT_ENUM(name, answers, question) FACT_##name,
	FACTS(FACT_ENUM)
#undef FACT_ENUM
	FACT_COUNT
};

#define ANSWER_ENUM(name, word) name,
enum answers_self { ANSWERS_SELF(ANSWER_ENUM) };
enum answers_reached { ANSWERS_REACHED(ANSWER_ENUM) };
enum answers_seen { ANSWERS_SEEN(ANSWER_ENUM) };
enum answers_keeper { ANSWERS_KEEPER(ANSWER_ENUM) };
enum answers_standing { ANSWERS_STANDING(ANSWER_ENUM) };
enum answers_fit { ANSWERS_FIT(ANSWER_ENUM) };
enum answers_member { ANSWERS_MEMBER(ANSWER_ENUM) };
enum answers_counted { ANSWERS_COUNTED(ANSWER_ENUM) };
enum answers_follows { ANSWERS_FOLLOWS(ANSWER_ENUM) };
enum answers_fault { ANSWERS_FAULT(ANSWER_ENUM) };
enum answers_candidate { ANSWERS_CANDIDATE(ANSWER_ENUM) };
enum answers_sets { ANSWERS_SETS(ANSWER_ENUM) };
enum answers_wanted { ANSWERS_WANTED(ANSWER_ENUM) };
enum answers_promotion { ANSWERS_PROMOTION(ANSWER_ENUM) };
enum answers_former { ANSWERS_FORMER(ANSWER_ENUM) };
enum answers_again { ANSWERS_AGAIN(ANSWER_ENUM) };
enum answers_handover { ANSWERS_HANDOVER(ANSWER_ENUM) };
enum answers_asked { ANSWERS_ASKED(ANSWER_ENUM) };
enum answers_drop { ANSWERS_DROP(ANSWER_ENUM) };
enum answers_company { ANSWERS_COMPANY(ANSWER_ENUM) };
enum answers_monitor { ANSWERS_MONITOR(ANSWER_ENUM) };
enum answers_number { ANSWERS_NUMBER(ANSWER_ENUM) };
enum answers_memory { ANSWERS_MEMORY(ANSWER_ENUM) };
enum answers_start { ANSWERS_START(ANSWER_ENUM) };
enum answers_disk { ANSWERS_DISK(ANSWER_ENUM) };
enum answers_hold { ANSWERS_HOLD(ANSWER_ENUM) };
#undef ANSWER_ENUM

/* Times in the facts' own arithmetic. */
#define CLAIM_WAIT      PGAF_MSEC(300)   /* for a claim, doubled with each offer (24) */
#define LINK_WAIT_MS    1000             /* waiters without progress: the link is cut (30) */
#define MEMBER_WAIT     PGAF_SECONDS(5)  /* a member that does not stream (28) */
#define HOLD_MOST       PGAF_SECONDS(60) /* longest hold-down of a readmission (30) */
#define CRASH_WINDOW    PGAF_SECONDS(600) /* crashes from inside are counted within (36) */
#define CRASHES_MOST    2
#define DISPUTE_WAIT    PGAF_SECONDS(30) /* monitor and witness disagree (38) */
#define DISK_FINE_MS    200              /* the candidate's own heartbeat (37) */

struct facts {
	uint8_t answer[FACT_COUNT];
};

/* The nodes that play the roles; NULL when nobody does. */
struct roles {
	const struct node *self, *primary, *candidate, *former;
};

void roles_bind(const struct snapshot *snap, pgaf_time now, struct roles *roles);
void facts_of(const struct snapshot *snap, pgaf_time now, const struct roles *roles,
              struct facts *facts);

/* How many answers a fact has, and their words; static, never NULL. */
unsigned fact_answers(enum fact fact);
const char *fact_name(enum fact fact);
const char *fact_question(enum fact fact);
const char *fact_answer_name(enum fact fact, unsigned answer);

/* The earliest time after `now` at which some fact may change by itself; PGAF_NEVER. */
pgaf_time facts_next_change(const struct snapshot *snap, pgaf_time now);

#endif
