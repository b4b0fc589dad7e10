/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_RULES_H
#define CORE_RULES_H

/*
 * The policy as data: an ordered table of rules, each a box in the space of
 * facts, and an ordered table of waits that says, for every point no rule
 * covers, why nothing happens.
 */

#include "core/facts.h"

enum role { TO_SELF, TO_PRIMARY, TO_CANDIDATE, TO_FORMER, ROLE_COUNT };

/* What a rule changes in the group beside goals; see effects.c. */
#define EFFECTS(X)                                                                            \
	X(NONE)                                                                               \
	X(BOOTSTRAP)       /* SELF becomes the first primary */                               \
	X(PROMOTE)         /* order a promotion of the candidate */                           \
	X(PROMOTE_CLEAN)   /* … of the handover's target, by the clean stop (25) */           \
	X(PROMOTE_LOSSY)   /* … without proof: the operator said so */                        \
	X(PROMOTE_FORMER)  /* … of the former primary: the chosen one is lost */ \
	X(PROMOTE_AGAIN)   /* … of the node that renounced, nobody else is left */ \
	X(FINISH)          /* the promotion is done: its term begins */                       \
	X(RESTORE)         /* the former primary gets its role back */                        \
	X(HAND_OVER)       /* a planned handover to the candidate begins */                   \
	X(TAKE_BACK)       /* … is given up */                                                \
	X(RESTART)         /* the same goal again: permission to restart in place (16) */     \
	X(FORGET)          /* what the primary itself lost is not asked for */ \
	X(WIDEN)           /* a version with SELF in it */                                    \
	X(RELAX)           /* the set that suits without SELF; its admission ends */          \
	X(RELAX_LINK)      /* … because of the link: readmission is held down (30) */         \
	X(SHRINK)          /* … its admission stays */                                        \
	X(RESIZE)          /* the set that suits number_sync_standbys */                      \
	X(STRIKE)          /* the newest version is proved: all others go */                  \
	X(STRIKE_DECLINED) /* a declined version goes */                                      \
	X(DOUBT)           /* the set in force is unknown (8c) */                             \
	X(ADMIT)           /* SELF gets a listed name */                                      \
	X(EXPEL)           /* SELF's admission ends */                                        \
	X(FOLLOW)          /* SELF follows the primary */                                     \
	X(ANNOUNCE)        /* SELF is registered; the primary gets ready for it */            \
	X(DROP)            /* SELF leaves; the set is what suits without it */                \
	X(DROP_LAST)       /* the last node leaves; the group remembers its history */        \
	X(REMOVE)          /* SELF's row goes */                                              \
	X(REFUSE)          /* the operator's request cannot be met */                         \
	X(RECOVER)         /* the store forgot: nothing is proved any more (12) */            \
	X(RECOVERED)       /* … all nodes were heard */

enum effect {
#define EFFECT_ENUM(name) EFFECT_##name,
	EFFECTS(EFFECT_ENUM)
#undef EFFECT_ENUM
};

#define IS(answer) (UINT32_C(1) << (answer))

struct rule {
	uint32_t        id;   /* published, never reused */
	const char     *doc;  /* one sentence: why */
	uint32_t        when[FACT_COUNT]; /* accepted answers; 0 accepts all */
	enum pgaf_state then[ROLE_COUNT]; /* new goals; UNKNOWN leaves one alone */
	enum effect     effect;
	uint32_t        yields_to[6]; /* earlier rules of its section that win on overlap */
};

/* Rules of one section share id / 100; an earlier section always wins. */
extern const struct rule rules[];
extern const size_t rules_count;

/* Why nothing happens. Ordered; searched only when no rule applies. `doc` may hold %s for SELF's
 * name, %p for the primary's. quiet: nothing is being waited for. */
struct wait {
	const char *doc;
	uint32_t    when[FACT_COUNT];
	bool        quiet;
};

extern const struct wait waits[];
extern const size_t waits_count;

bool box_accepts(const uint32_t when[FACT_COUNT], const struct facts *facts);
const struct rule *rule_find(const struct facts *facts);
const struct rule *rule_by_id(uint32_t id);
/* Never NULL: between them the last ones accept every point. */
const struct wait *wait_find(const struct facts *facts);
const char *effect_name(enum effect effect);

#endif
