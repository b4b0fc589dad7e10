/* SPDX-License-Identifier: PostgreSQL */
#ifndef STORE_MEMORY_H
#define STORE_MEMORY_H

/*
 * The store in one process: for tests, simulation and embedding. One struct
 * memory_store is the database; any number of monitors (struct store) and
 * keepers (struct link) hang on it. Calls take effect at once; their
 * callbacks wait in a queue until memory_store_run(), so nothing is called
 * back from within a call. No I/O, no clock, no loop.
 */

#include "store/link.h"
#include "store/store.h"

struct memory_store;

/* `seed` feeds tokens and passwords; the same seed gives the same ones. NULL: out of memory. */
struct memory_store *memory_store_new(uint64_t incarnation, uint64_t seed);
/* Faces must be freed before. */
void memory_store_free(struct memory_store *memory);

/* Deliver what is queued, and what that brings, until nothing is left. */
void memory_store_run(struct memory_store *memory);
/* Deliver one callback; false when there was none. */
bool memory_store_run_one(struct memory_store *memory);

/* The faces. Both open at once (a link after enroll()); `opened` comes through the queue. `age` is
 * what stores opened from now on are told, < 0: not new. */
struct store *memory_store_open(struct memory_store *memory, pgaf_time age,
                                const struct store_callbacks *callbacks, void *ctx);
struct link *memory_link_new(struct memory_store *memory, const struct link_callbacks *callbacks,
                             void *ctx);

/* ---- operators ----------------------------------------------------------------------- */
/* 0 or PGAF_ENOENT, PGAF_EREFUSED. */
int memory_store_set_settings(struct memory_store *memory, const char *formation,
                              const struct settings *settings);
int memory_store_ask(struct memory_store *memory, const struct store_group_key *key,
                     const struct request *request); /* its number is given by the store */
int memory_store_drop(struct memory_store *memory, pgaf_node_id node, bool force);
int memory_store_set_node(struct memory_store *memory, pgaf_node_id node, uint32_t priority,
                          bool quorum);

/* ---- faults -------------------------------------------------------------------------- */
/* Cut one face off: `lost` is called, what was queued for it is gone, calls on it are dropped
 * without an answer (their effect is the caller's to decide: see _mute). Then let it in again:
 * `opened` is called, a link says hello first. */
void memory_store_cut(struct store *store, bool cut);
void memory_link_cut(struct link *link, bool cut);
/* Calls still take effect, but nothing is answered: the unknown outcome. Ends with a cut. */
void memory_store_mute(struct store *store);
void memory_link_mute(struct link *link);
/* The database crashes and comes back: writes since the last durable one are lost, and every
 * face is cut and let in again (those that were cut stay so). */
void memory_store_crash(struct memory_store *memory);
/* A copy, and putting it back: the store forgets. incarnation 0 keeps the copy's. */
struct memory_store_copy;
struct memory_store_copy *memory_store_save(const struct memory_store *memory);
void memory_store_restore(struct memory_store *memory, const struct memory_store_copy *copy,
                          uint64_t incarnation);
void memory_store_copy_free(struct memory_store_copy *copy);

/* The events so far, oldest first, for tests: text of event `index`, or NULL. */
const char *memory_store_event(const struct memory_store *memory, size_t index);

#endif
