/* SPDX-License-Identifier: PostgreSQL */
#ifndef STORE_MEMORY_PARTS_H
#define STORE_MEMORY_PARTS_H

/* What memory.c, memory_store.c, memory_link.c and memory_register.c share. */

#include <sys/queue.h>

#include <pgaf/error.h>

#include "store/memory.h"

#define MEMORY_GROUPS_MAX     4
#define MEMORY_TOMBSTONES_MAX 64
#define MEMORY_EVENTS_MAX     256
#define MEMORY_EVENT_ROOM     320

struct memory_node {
	struct node   node; /* its id 0: free */
	char          token[72];
	uint64_t      system_identifier;
	bool          reported;
	struct report facts;
	uint64_t      news; /* changes with each report */
};

struct memory_group {
	char               formation[PGAF_NAME_MAX];
	struct group       group; /* without settings and request */
	struct settings    settings;
	struct request     request; /* waiting; kind NONE = none */
	uint32_t           count;
	struct memory_node nodes[PGAF_NODES_MAX];
};

struct memory_tombstone {
	pgaf_node_id id;
	char         token[72];
};

/* All that survives; groups last, so that only those in use are copied. */
struct memory_state {
	uint64_t                incarnation;
	pgaf_node_id            last_node;
	uint64_t                last_request;
	uint32_t                tombstone_count;
	struct memory_tombstone tombstones[MEMORY_TOMBSTONES_MAX];
	uint32_t                group_count;
	struct memory_group     groups[MEMORY_GROUPS_MAX];
};

struct face {
	LIST_ENTRY(face) next;
	struct memory_store *memory;
	struct memory_store_face *store; /* one of the two */
	struct memory_link *link;
	bool open;
	bool cut;
	bool muted;
};

struct seen {
	pgaf_node_id node;
	uint64_t     news;
};

struct memory_store_face {
	struct store           base;
	struct face            face;
	struct store_callbacks callbacks;
	void                  *ctx;
	pgaf_time              age;
	uint64_t               request_seen[MEMORY_GROUPS_MAX];
	struct seen            seen[MEMORY_GROUPS_MAX * PGAF_NODES_MAX];
};

struct memory_link {
	struct link           base;
	struct face           face;
	struct link_callbacks callbacks;
	void                 *ctx;
	struct link_registration registration;
	bool                  enrolling; /* when it is let in */
	bool                  has_data;  /* as last said */
	uint64_t              system_identifier;
	pgaf_node_id          node; /* 0 = not registered */
	char                  token[72];
	bool                  session; /* this link's session is the node's */
	uint64_t              reports; /* numbers them */
};

/* Something to tell a face. Items are read from the state when they are delivered. */
enum item_kind {
	ITEM_OPENED,
	ITEM_LOST,
	/* store */
	ITEM_CHANGED,
	ITEM_GROUPS,
	ITEM_LOAD,
	ITEM_REPORTS,
	ITEM_COMMIT,
	ITEM_SESSIONS,
	/* link */
	ITEM_REGISTERED,
	ITEM_ORDERS,
	ITEM_ANSWERED,
	ITEM_CLAIMED,
	ITEM_DROPPED,
};

struct item {
	STAILQ_ENTRY(item)     next;
	struct face           *face;
	enum item_kind         kind;
	int                    result;
	bool                   granted;
	bool                   known;
	struct store_group_key key;
	enum store_change      change;
	pgaf_node_id           node;
	uint64_t               number; /* of the report that was answered */
	union {
		store_groups_fn   groups;
		store_group_fn    load;
		store_reports_fn  reports;
		store_commit_fn   commit;
		store_sessions_fn sessions;
	} done;
	void                  *ctx;
	struct link_registered registered;
	struct pgaf_error      error;
};

struct memory_store {
	struct memory_state state;
	struct memory_state durable; /* as of the last durable write */
	uint64_t            random;
	uint64_t            news;
	char                replicator_password[72];
	char                probe_password[72];
	STAILQ_HEAD(, item) queue;
	LIST_HEAD(, face)   faces;
	size_t              event_count;
	char                events[MEMORY_EVENTS_MAX][MEMORY_EVENT_ROOM]; /* the newest */
};

/* memory.c */
void memory_copy_state(struct memory_state *to, const struct memory_state *from);
void memory_flush(struct memory_store *memory);
void memory_secret(struct memory_store *memory, char to[72]);
void memory_record(struct memory_store *memory, const char *format, ...) PGAF_PRINTF(2, 3);
struct memory_group *memory_group_of(struct memory_store *memory,
                                     const struct store_group_key *key);
struct memory_node *memory_node_of(struct memory_store *memory, pgaf_node_id id,
                                   struct memory_group **group);
bool memory_is_live(const struct memory_store *memory, pgaf_node_id node);
void memory_remove(struct memory_group *group, struct memory_store *memory, pgaf_node_id node);
/* NULL when out of memory, and when the face is not open: then nothing is told. */
struct item *memory_tell(struct face *face, enum item_kind kind);
void memory_tell_stores(struct memory_store *memory, const struct memory_group *group,
                        enum store_change change, pgaf_node_id node);
void memory_tell_keepers(struct memory_store *memory, const struct memory_group *group);
void memory_forget_face(struct face *face);

/* memory_store.c, memory_link.c */
void memory_store_deliver(struct memory_store_face *store, const struct item *item);
void memory_link_deliver(struct memory_link *link, const struct item *item);
void memory_link_hello(struct memory_link *link);
void memory_link_let_in(struct memory_link *link);

/* memory_register.c: 0 and *answer, or a code and *error. */
int memory_register(struct memory_store *memory, const struct link_registration *registration,
                    struct link_registered *answer, struct pgaf_error *error);

#endif
