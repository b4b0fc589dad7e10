/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_INSTANCE_H
#define PG_INSTANCE_H

/*
 * One local PostgreSQL: executes the steps of core/steps.h, observes, watches
 * the postmaster by pidfd. Everything is asynchronous in the loop. The data
 * directory is never left in a state that a later step cannot recognise.
 */

#include "core/steps.h"
#include "loop/loop.h"

struct instance;

struct instance_options {
	const char *pgdata;     /* copied, as all strings here */
	const char *state_dir;  /* <pgdata>.pgaf */
	const char *bindir;     /* "" = choose as INTERFACE says; the choice is logged */
	const char *listen;     /* listen_addresses; "" = '*' */
	uint32_t    port;
	const char *socket_dir; /* "" = state_dir */
	const char *auth;       /* scram-sha-256, cert, trust */
	bool        ssl;
	/* "" with ssl: self-signed in state_dir */
	const char *ssl_ca_file, *ssl_cert_file, *ssl_key_file;
	bool        skip_hba;
	const char *const *client_networks; /* NULL-terminated: CIDR, samenet, all */
	const char *dbname, *username, *password; /* created on a new cluster; "" = none */
	const char *init_file;                    /* what is in it then; "" = nothing */
	const char *maximum_backup_rate;
	const char *replicator_password, *probe_password; /* from the monitor; set later too */
	bool        allow_old_minor;
};

struct instance_callbacks {
	void (*step_done)(void *ctx, const struct step_result *result);
	void (*observed)(void *ctx, const struct observation *seen);
	/* The postmaster ended by itself or was killed (pidfd). */
	void (*exited)(void *ctx, bool inside);
	void (*log)(void *ctx, int level, const char *event, const char *text);
};

struct instance *instance_new(struct loop *loop, const struct instance_options *options,
                              const struct instance_callbacks *callbacks, void *ctx,
                              struct pgaf_error *error);
/* Postgres goes on; a step under way is cancelled. */
void instance_free(struct instance *instance);
void instance_step(struct instance *instance, const struct step_order *order);
void instance_cancel(struct instance *instance);
void instance_observe(struct instance *instance);
int instance_set_passwords(struct instance *instance, const char *replicator, const char *probe);
/* What it measures by: holds at once, also for what is under way. */
void instance_tune(struct instance *instance, const struct settings *settings);
/* The server's certificate, which may be made later; "" without SSL. */
const char *instance_certificate(const struct instance *instance);
/* Reload certificates (SIGHUP). */
void instance_reload(struct instance *instance);
/* The release of the programs, as 150013 for 15.13; 0 = they do not say. `told` is called once,
 * unless the instance is freed before. An error: they cannot be run. */
int instance_ask_release(struct instance *instance, void (*told)(void *ctx, int version),
                         struct pgaf_error *error);
/* What the directory is before anything was started: read synchronously, without processes. */
int instance_inspect(struct instance *instance, struct observation *seen, struct pgaf_error *error);

#endif
