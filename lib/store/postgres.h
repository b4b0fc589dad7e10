/* SPDX-License-Identifier: PostgreSQL */
#ifndef STORE_POSTGRES_H
#define STORE_POSTGRES_H

/*
 * The store in a PostgreSQL database: the monitor's face and the keeper's.
 * Both keep one session, made anew with back-off; both live in the loop.
 */

#include <pgaf/log.h>

#include "loop/loop.h"
#include "store/link.h"
#include "store/store.h"

/* Strings are copied. */
struct postgres_store_options {
	const char *uri;        /* URI or keywords; the owner of the schema, or who may create it */
	/* A small file of ours outside the database, by which a database that was put back from a
	 * copy is noticed (PROTOCOL 12); NULL = go without. */
	const char *run_file;
	/* Passwords set at each start; NULL leaves the role as it is. */
	const char *join_secret;
	const char *operator_password;
	const char *reader_password;
	pgaf_log_fn log; /* may be NULL */
	void       *log_ctx;
};

/*
 * Opens by itself: checks the server, installs or migrates the schema, takes
 * the decider's lock, listens, and then calls `opened`. NULL: the URI is wrong.
 */
struct store *postgres_store_new(struct loop *loop, const struct postgres_store_options *options,
                                 const struct store_callbacks *callbacks, void *ctx,
                                 struct pgaf_error *error);

/* The password of pgaf_probe on the data nodes; "" before `opened`. Borrowed until freed. */
const char *postgres_store_probe_password(const struct store *store);

struct postgres_link_options {
	const char *const *uris; /* of monitors; the next one is tried when one cannot be reached */
	size_t             uri_count;
	const char        *join_secret; /* "" = what the URI or the passfile says */
	const char        *sslmode;     /* where the URI says nothing; NULL = libpq's */
	pgaf_log_fn        log;         /* may be NULL */
	void              *log_ctx;
};

/* Connects with enroll(). NULL: a URI is wrong. */
struct link *postgres_link_new(struct loop *loop, const struct postgres_link_options *options,
                               const struct link_callbacks *callbacks, void *ctx,
                               struct pgaf_error *error);

#endif
