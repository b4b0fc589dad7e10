/* SPDX-License-Identifier: PostgreSQL */
#ifndef SIM_STORY_H
#define SIM_STORY_H

/*
 * All that the environment does to one run, as a list that can be written
 * down, cut and played again. A run of a seed makes up its faults as it goes
 * and records them here; the recorded story gives the same run, byte for byte.
 */

#include <stdio.h>

#include <pgaf/types.h>

/* name, lasts, text: what happens. One that does not last has no end of its own. */
#define FAULTS(X)                                                                           \
	X(POSTMASTER, false, "the postmaster is killed")                                    \
	X(BACKEND, false, "a backend crashes and Postgres ends itself")                     \
	X(POSTMASTER_AND_KEEPER, true, "postmaster and keeper are killed")                  \
	X(KEEPER, true, "the keeper is killed")                                             \
	X(HOST, true, "the host loses power")                                               \
	X(FREEZE_KEEPER, true, "the keeper is stopped")                                     \
	X(FREEZE_POSTMASTER, true, "the postmaster is stopped")                             \
	X(FREEZE_HOST, true, "the host is paused")                                          \
	X(DISK, true, "the disk hangs")                                                     \
	X(DISK_SLOW, true, "the disk is slow")                                              \
	X(DISK_FULL, true, "the disk is full")                                              \
	X(TERMINATE, true, "the keeper is told to stop")                                    \
	X(LEAVE, true, "the keeper is told to leave Postgres running")                      \
	X(CUT_MONITOR, true, "the link to the monitor is cut")                              \
	X(CUT_MONITOR_ONE_WAY, true, "the link to the monitor is cut in one direction")     \
	X(CUT_PEERS, true, "the links to the other nodes are cut")                          \
	X(CUT_PEERS_ONE_WAY, true, "the links to the other nodes are cut in one direction") \
	X(ISOLATE, true, "the node is cut off from everybody")                              \
	X(MONITOR, true, "the monitor is killed")                                           \
	X(FREEZE_MONITOR, true, "the monitor is stopped")                                   \
	X(STORE, true, "the store crashes")                                                 \
	X(SITE, true, "all hosts lose power")                                               \
	X(STORE_DISK, true, "the store's disk hangs")                                       \
	X(MONITOR_HOST, true, "the monitor's host loses power")                             \
	X(FORGET, false, "the store is put back to a copy of the built group")              \
	X(SWITCHOVER, false, "an operator asks for a switchover")                           \
	X(FAILOVER, false, "an operator asks for a failover")                               \
	X(LOSS, false, "an operator asks for a failover and accepts loss")                  \
	X(QUORUM, true, "an operator takes a standby out of the quorum")                    \
	X(NUMBER, true, "an operator changes number_sync_standbys")                         \
	X(TIMINGS, true, "an operator changes the timings")                                 \
	X(DROP, true, "an operator drops the node")                                         \
	X(BURST, false, "its clients write more WAL than a slot may keep")

enum fault {
#define FAULT_ENUM(name, lasts, text) SIM_FAULT_##name,
	FAULTS(FAULT_ENUM)
#undef FAULT_ENUM
		SIM_FAULT_COUNT
};

/* Where chance comes from: field of struct sim, word, what it decides. */
#define CHANCES(X)                                                             \
	X(setup, "settings", "delays of this network, settings, priorities")   \
	X(rng, "programs", "how long keepers, monitor and their steps take")   \
	X(network, "network", "how long each message takes, and what is lost") \
	X(disks, "disks", "how long each write takes")                         \
	X(postgres, "postgres", "how long PostgreSQL's processes take")        \
	X(clients, "clients", "how long clients think, how much they write")

enum chance {
#define CHANCE_ENUM(field, word, doc) CHANCE_##field,
	CHANCES(CHANCE_ENUM)
#undef CHANCE_ENUM
		CHANCE_COUNT
};

/* What a fault's time counts from: word of the text form. */
#define SINCES(X)                                                              \
	X(BUILT, "at")          /* the group is built */                       \
	X(FAILOVER, "failover") /* the begin of the failover of that number */ \
	X(SET, "set")           /* a set is decided for the primary in office */

enum since {
#define SINCE_ENUM(name, word) SINCE_##name,
	SINCES(SINCE_ENUM)
#undef SINCE_ENUM
		SINCE_COUNT
};

/* One fault of a story. */
struct blow {
	enum fault kind;
	uint32_t host;
	uint32_t detail; /* one way: 1 = what it sends, 2 = what it hears; TERMINATE: 1 = told
	                    * twice; SWITCHOVER: to which node, 0 = any; NUMBER: the number;
	                    * TIMINGS: enum timings */
	enum since since;
	uint32_t number; /* of failovers or sets, from 1 */
	pgaf_time at;
	pgaf_time length;
};

#define BLOWS_MAX 256
#define STORY_SESSIONS_MAX 3

struct story {
	uint64_t seed;
	uint32_t nodes;
	uint32_t brk; /* enum brk */
	bool forget;  /* the store is put back to an old copy at the end */
	uint32_t sessions;
	uint32_t calm; /* bits of enum chance: every draw gives the middle */
	uint32_t count;
	struct blow blows[BLOWS_MAX];
	pgaf_time end; /* when all faults are over */
};

const char *fault_text(enum fault fault);
const char *fault_word(enum fault fault);
bool fault_lasts(enum fault fault);
bool fault_find(const char *word, enum fault *fault);
/* Strikes only when it is asked for: the rules do not withstand it. */
bool fault_is_extra(enum fault fault);

/* The text form: a line per item, `;` does for a newline. */
void story_write(const struct story *story, FILE *to);
/* 0, or the number of the line that cannot be read. */
uint32_t story_read(const char *text, struct story *story);

/* ---- making a story shorter (shrink.c) ------------------------------------------------ */

struct shrunk {
	struct story story;
	char check[16]; /* what is violated, in the story as given and as returned */
	char text[512];
	bool built; /* the group was, before that */
	uint32_t runs;
};

/* False when `story` violates nothing. `runs_most` bounds the work. */
bool story_shrink(const struct story *story, uint32_t runs_most, struct shrunk *shrunk);
/* Play it and tell it in words; true = a violation. */
bool story_tell(const struct story *story);

#endif
