/* SPDX-License-Identifier: PostgreSQL */
#ifndef STORE_LINK_H
#define STORE_LINK_H

/*
 * The link: all that a keeper knows of the store. Registration, its own report up, its own
 * goal and the addresses of its group down. One session; re-made with
 * back-off inside (50 ms doubling to 2 s, with jitter). Every second at the
 * latest a report goes up and its answer carries the goal (PROTOCOL 32).
 */

#include "core/model.h"
#include "core/steps.h"

struct link;
struct loop;
struct pgaf_error;

struct link_registration {
	char         formation[PGAF_NAME_MAX];
	uint32_t     group_id;
	char         name[PGAF_NAME_MAX];
	char         host[PGAF_HOST_MAX];
	uint32_t     port;
	uint32_t     http_port;
	char         region[PGAF_NAME_MAX];
	uint32_t     priority;
	bool         quorum;
	bool         bootstrap;    /* --bootstrap auto */
	bool         has_data;
	bool         was_member;   /* the state directory says so */
	bool         rejoin;
	uint64_t     system_identifier; /* of the data, 0 = none */
	uint32_t     timeline;
	pgaf_lsn     lsn;
	/* Known from before; 0 and "" = register anew. */
	pgaf_node_id node_id;
	char         token[72];
};

/* Answer to a registration; the passwords are secrets. */
struct link_registered {
	pgaf_node_id node_id;
	char         token[72];
	char         replicator_password[72];
	char         probe_password[72];
	uint64_t     incarnation;
};

struct link_callbacks {
	/* result 0, or PGAF_EREFUSED (name or address taken, foreign system identifier, dropped …),
	 * PGAF_EAUTH (join secret, token), PGAF_EINVAL, PGAF_ENOENT (formation). Retried inside
	 * only when not reachable. Called again later, with another node_id and token to be
	 * kept, when the store turns out to be another one (a rebuilt monitor): the link has
	 * then registered by itself as what the last report said. */
	void (*registered)(void *ctx, int result, const struct link_registered *answer,
	                   const struct pgaf_error *error);
	void (*opened)(void *ctx); /* session open (again), after authentication of the node */
	void (*lost)(void *ctx, const struct pgaf_error *error);
	void (*orders)(void *ctx, const struct keeper_orders *orders);
	void (*answered)(void *ctx, bool newest); /* a report was answered; none is newer */
	void (*claimed)(void *ctx, bool granted, bool known);
	void (*dropped)(void *ctx); /* the store does not know this node any more */
};

struct link_ops {
	void (*free)(struct link *link);
	void (*enroll)(struct link *link, const struct link_registration *registration);
	void (*report)(struct link *link, const struct report *report, bool urgent);
	void (*claim)(struct link *link, uint64_t epoch);
	void (*refresh)(struct link *link);
};

struct link {
	const struct link_ops *ops;
};

#endif
