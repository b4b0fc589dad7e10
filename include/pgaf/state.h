/* SPDX-License-Identifier: PostgreSQL */
#ifndef PGAF_STATE_H
#define PGAF_STATE_H

/**
 * @file pgaf/state.h
 * The words for what a node is, or should become: pg_auto_failover's.
 */

#include <pgaf/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Every state: enumerator, word, meaning. */
#define PGAF_STATES(X)                                                                         \
	X(UNKNOWN, "unknown", "nothing is known yet")                                          \
	X(INIT, "init", "registered, nothing is set up yet")                                   \
	X(SINGLE, "single", "the only node; accepts writes")                                   \
	X(WAIT_PRIMARY, "wait_primary", "accepts writes and waits for no standby")             \
	X(PRIMARY, "primary", "accepts writes; each waits for a standby")                      \
	X(JOIN_PRIMARY, "join_primary", "a further standby is joining")                        \
	X(APPLY_SETTINGS, "apply_settings", "changes the set of synchronous standbys")         \
	X(DRAINING, "draining", "hands over: stops accepting writes, then stops cleanly")      \
	X(DEMOTE_TIMEOUT, "demote_timeout", "fenced itself: cut off from monitor and standby") \
	X(DEMOTED, "demoted", "was the primary; stopped until there is one to follow")         \
	X(WAIT_STANDBY, "wait_standby", "waits until the primary is ready to be cloned")       \
	X(CATCHINGUP, "catchingup", "is cloned, rewound, or streams without being counted")    \
	X(SECONDARY, "secondary", "streams in good standing")                                  \
	X(PREPARE_PROMOTION, "prepare_promotion", "was chosen and verifies that it may")       \
	X(STOP_REPLICATION, "stop_replication", "left its upstream and is being promoted")     \
	X(REPORT_LSN, "report_lsn", "detached from its upstream; reports what it holds")       \
	X(FAST_FORWARD, "fast_forward", "fetches missing WAL from another standby")            \
	X(JOIN_SECONDARY, "join_secondary", "waits for the new primary before following it")   \
	X(PREPARE_MAINTENANCE, "prepare_maintenance", "hands over on its way to maintenance")  \
	X(WAIT_MAINTENANCE, "wait_maintenance", "waits until the primary can do without it")   \
	X(MAINTENANCE, "maintenance", "left alone for the operator")                           \
	X(DROPPED, "dropped", "removed from the group")

enum pgaf_state {
#define PGAF_STATE_ENUM(name, word, meaning) PGAF_STATE_##name,
	PGAF_STATES(PGAF_STATE_ENUM)
#undef PGAF_STATE_ENUM
};

#define PGAF_STATE_COUNT (PGAF_STATE_DROPPED + 1)

/** The word for a state; static, never NULL; "unknown" for a bad value. */
PGAF_API const char *pgaf_state_name(enum pgaf_state state);

/** The meaning of a state in one phrase; static, never NULL. */
PGAF_API const char *pgaf_state_doc(enum pgaf_state state);

/** The state for a word, or PGAF_STATE_UNKNOWN. */
PGAF_API enum pgaf_state pgaf_state_parse(const char *word);

/** Whether a node in this state may accept writes. */
PGAF_API bool pgaf_state_is_writable(enum pgaf_state state);

#ifdef __cplusplus
}
#endif
#endif
