/* SPDX-License-Identifier: PostgreSQL */
#ifndef CORE_QUORUM_H
#define CORE_QUORUM_H

/* The arithmetic of SAFE-PROMOTE over `possible` (PROTOCOL part A (a), 5, 20, 25). */

#include "core/model.h"

enum proof {
	PROOF_NONE,   /* a version cannot be satisfied whoever is heard: asynchronous or unknown */
	PROOF_HEAR,   /* more members must detach and report first */
	PROOF_BEHIND, /* a detached member holds more than the candidate */
	PROOF_HOLDS,
};

/*
 * Whether `candidate` holds every commit that may have been acknowledged. It counts as heard
 * without detaching, since promoting it detaches it. Uses only facts that are stable within the
 * group's epoch.
 */
enum proof proof_of(const struct snapshot *snap, const struct node *candidate);

/* The same without one version that was never opened: of a promotion that was renounced. */
enum proof proof_without(const struct snapshot *snap, const struct node *candidate,
                         uint32_t version);

/* Detached in this epoch, with a complete end of WAL: a fact that cannot change. */
bool node_is_detached(const struct snapshot *snap, const struct node *node);

/* The operator's word that loss is accepted stands in for a proof until this promotion is over. */
bool promotion_is_lossy(const struct promotion *promotion);

/*
 * Whether the primary's keeper declined this version: durably, before it applied any of it, so that
 * it never was and never will be in force (4b). Stable within the epoch in which it says so.
 */
bool set_is_declined(const struct snapshot *snap, const struct sync_set *set);

/* Members that must be heard for a version: k - s + 1, never less than 0. */
uint32_t quorum_needed(const struct sync_set *set);

#endif
