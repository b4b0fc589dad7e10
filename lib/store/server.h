/* SPDX-License-Identifier: PostgreSQL */
#ifndef STORE_SERVER_H
#define STORE_SERVER_H

/*
 * The PostgreSQL instance that holds the store: the monitor creates it on its
 * first start, starts it, watches it, starts it again when it died, and
 * re-attaches to it when only the monitor was gone. Asynchronous in the loop.
 */

#include <pgaf/log.h>

#include "loop/loop.h"

struct server;

/* Strings are copied; NULL or "" = the default. */
struct server_options {
	const char *pgdata;
	const char *state_dir;  /* exists, ours, 0700: secrets, certificate, log, local socket */
	const char *bindir;     /* of PostgreSQL's programs */
	uint32_t    port;
	const char *listen;     /* addresses, commas between; default "*" */
	const char *hostname;   /* in the certificate we make; default localhost */
	const char *auth;       /* scram-sha-256, cert, trust */
	bool        no_ssl;
	const char *ssl_ca_file;
	const char *server_cert; /* with server_key; without both a self-signed pair is made */
	const char *server_key;
	const char *join_secret; /* default: kept in the state directory, made when there is none */
	const char *const *client_networks; /* samenet, all, CIDR */
	size_t      client_network_count;   /* 0 = samenet */
	pgaf_log_fn log; /* may be NULL */
	void       *log_ctx;
};

struct server_callbacks {
	void (*ready)(void *ctx); /* accepts connections (again) and has its database */
	/* It ended; it is started again inside. */
	void (*down)(void *ctx, const struct pgaf_error *error);
	/* Waiting cures nothing (exit 4 or 1): PGAF_EREFUSED, _ECONFIG, _ECHILD, _ESYS. */
	void (*failed)(void *ctx, const struct pgaf_error *error);
	void (*stopped)(void *ctx); /* after server_stop */
};

/* Reads or makes the secrets (blocking, small files). NULL: error says which file is wrong. */
struct server *server_new(struct loop *loop, const struct server_options *options,
                          const struct server_callbacks *callbacks, void *ctx,
                          struct pgaf_error *error);
void server_start(struct server *server);
/* Fast stop, immediate after `limit`; ends in `stopped`. */
void server_stop(struct server *server, pgaf_time limit);
/* Lets Postgres run on. */
void server_free(struct server *server);
/* Certificates, HBA and settings are written again and the server told. */
void server_reload(struct server *server);

/* Valid from server_new on; borrowed. */
const char *server_uri(const struct server *server); /* owner, over the local socket */
const char *server_join_secret(const struct server *server);
const char *server_operator_password(const struct server *server);
const char *server_reader_password(const struct server *server);
bool server_made_join_secret(const struct server *server); /* in this run: log the path */
const char *server_certificate_file(const struct server *server); /* "" without SSL */
const char *server_join_secret_path(const struct server *server); /* "" when it was given */

#endif
