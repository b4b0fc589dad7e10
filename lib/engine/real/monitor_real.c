/* SPDX-License-Identifier: PostgreSQL */
/*
 * A monitor in the real world: its own PostgreSQL or one elsewhere, the store
 * in it, one engine for each group that the store knows.
 */

#include <pgaf/monitor.h>

#include <stdlib.h>
#include <string.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "engine/real/api.h"
#include "engine/real/monitor_parts.h"
#include "store/postgres.h"

#define STALL_LIMIT      PGAF_MSEC(250)
#define SERVER_STOP_LIMIT PGAF_SECONDS(5)

/* ---- ends ------------------------------------------------------------------------- */

void
monitor_real_end(struct pgaf_monitor *monitor, int exit_code)
{
	if (monitor->ended)
		return;
	monitor->ended = true;
	monitor->exit_code = exit_code;
}

void
monitor_real_fail(struct pgaf_monitor *monitor, const struct pgaf_error *error)
{
	if (monitor->ended)
		return;
	monitor->error = *error;
	monitor_real_end(monitor, api_exit_code(error->code));
}

void
monitor_real_feel_stall(struct pgaf_monitor *monitor)
{
	pgaf_time now = 0;

	if (!loop_stalled(monitor->loop, STALL_LIMIT))
		return;
	monitor->stalls++;
	log_at(&monitor->logger, PGAF_LOG_WARNING, "stalled",
	       "this process could not run for a while; silence before counts for nothing");
	now = loop_now(monitor->loop);
	for (struct monitor_group *group = monitor->groups; group; group = group->next)
		if (group->engine)
			monitor_on_stall(group->engine, now);
}

/* ---- the store ----------------------------------------------------------------------- */

static void
monitor_groups_listed(void *ctx, int result, const struct store_group_key *keys, uint32_t count)
{
	struct pgaf_monitor *monitor = ctx;

	if (result < 0)
		return; /* the session is lost, and `opened` comes again */
	for (uint32_t i = 0; i < count; i++) {
		struct monitor_group *group = monitor_group_get(monitor, &keys[i]);

		if (group)
			monitor_group_store(group, true);
	}
}

static void
monitor_store_opened(void *ctx, uint64_t incarnation, pgaf_time age)
{
	struct pgaf_monitor *monitor = ctx;

	monitor->store_open = true;
	monitor->incarnation = incarnation;
	monitor->store_age = age;
	monitor->opened_at = loop_now(monitor->loop);
	log_at(&monitor->logger, PGAF_LOG_INFO, "store-open", "the store is open");
	monitor->store->ops->groups(monitor->store, monitor_groups_listed, monitor);
	monitor_pages_opened(monitor);
}

/* The store says itself what it waits for, at first and every 30 s. */
static void
monitor_store_lost(void *ctx, const struct pgaf_error *error)
{
	struct pgaf_monitor *monitor = ctx;
	bool was_open = monitor->store_open;

	if (monitor->ended || monitor->stop_calls > 0)
		return;
	monitor->store_open = false;
	if (error && (error->code == PGAF_EREFUSED || error->code == PGAF_ECONFIG ||
	              error->code == PGAF_EAUTH)) {
		monitor_real_fail(monitor, error);
		return;
	}
	if (!was_open)
		return;
	monitor_pages_lost(monitor);
	log_at(&monitor->logger, PGAF_LOG_WARNING, "store-lost", "the store is lost: %s",
	       error ? error->text : "no session");
	for (struct monitor_group *group = monitor->groups; group; group = group->next)
		monitor_group_store(group, false);
}

static void
monitor_store_changed(void *ctx, const struct store_group_key *key, enum store_change change,
                      pgaf_node_id node)
{
	struct pgaf_monitor *monitor = ctx;
	struct monitor_group *group = NULL;

	(void)node;
	for (group = monitor->groups; group; group = group->next)
		if (group->engine && group->key.id == key->id &&
		    strcmp(group->key.formation, key->formation) == 0)
			break;
	if (!group) {
		group = monitor_group_get(monitor, key);
		if (group)
			monitor_group_store(group, true);
	} else if (change == STORE_REPORTED) {
		monitor_group_ask_reports(group);
	} else {
		monitor_group_load(group);
	}
	monitor_pages_ask_events(monitor);
}

static void
monitor_open_store(struct pgaf_monitor *monitor)
{
	static const struct store_callbacks callbacks = {
		.opened  = monitor_store_opened,
		.lost    = monitor_store_lost,
		.changed = monitor_store_changed,
	};
	const struct server *server = monitor->server;
	struct pgaf_error error = {0};

	if (monitor->store)
		return;
	monitor->store = postgres_store_new(
		monitor->loop,
		&(struct postgres_store_options){
			.uri               = server ? server_uri(server) : monitor->uri,
			.run_file          = monitor->run_file[0] ? monitor->run_file : NULL,
			.join_secret       = server                  ? server_join_secret(server)
	                               : monitor->join_secret[0] ? monitor->join_secret
	                                                         : NULL,
			.operator_password = server ? server_operator_password(server) : NULL,
			.reader_password   = server ? server_reader_password(server) : NULL,
			.log               = monitor->logger.fn,
			.log_ctx           = monitor->logger.ctx,
		},
		&callbacks, monitor, &error);
	if (!monitor->store)
		monitor_real_fail(monitor, &error);
}

/* ---- its own PostgreSQL ------------------------------------------------------------------ */

static void
monitor_server_ready(void *ctx)
{
	struct pgaf_monitor *monitor = ctx;
	struct pgaf_error error = {0};

	if (monitor->ended || monitor->stop_calls > 0)
		return;
	/* initdb may have put a new directory in the place of the locked one. */
	if (home_lock_again(&monitor->home, &error) < 0)
		monitor_real_fail(monitor, &error);
	else
		monitor_open_store(monitor);
}

static void
monitor_server_down(void *ctx, const struct pgaf_error *error)
{
	struct pgaf_monitor *monitor = ctx;

	log_at(&monitor->logger, PGAF_LOG_ERROR, "store-server-down",
	       "the PostgreSQL of the store ended: %s", error ? error->text : "unknown reason");
}

static void
monitor_server_failed(void *ctx, const struct pgaf_error *error)
{
	struct pgaf_monitor *monitor = ctx;

	monitor_real_fail(monitor, error);
}

static void
monitor_server_stopped(void *ctx)
{
	struct pgaf_monitor *monitor = ctx;

	log_at(&monitor->logger, PGAF_LOG_INFO, "stopped",
	       "the PostgreSQL of the store is stopped");
	monitor_real_end(monitor, 0);
}

static int
monitor_make_server(struct pgaf_monitor *monitor, const struct pgaf_monitor_options *options,
                    const char *hostname, struct pgaf_error *error)
{
	static const struct server_callbacks callbacks = {
		.ready   = monitor_server_ready,
		.down    = monitor_server_down,
		.failed  = monitor_server_failed,
		.stopped = monitor_server_stopped,
	};

	const struct server_options own = {
		.pgdata = monitor->home.pgdata,
		.state_dir = monitor->home.state_dir,
		.bindir = options->bindir,
		.port = options->port != 0 ? options->port : 5432,
		.listen = options->listen,
		.hostname = hostname,
		.auth = options->auth,
		.no_ssl = options->no_ssl,
		.ssl_ca_file = options->ssl_ca_file,
		.server_cert = options->server_cert,
		.server_key = options->server_key,
		.join_secret = options->join_secret,
		.client_networks = options->client_networks,
		.client_network_count = options->client_network_count,
		.log = options->log,
		.log_ctx = options->log_ctx,
	};

	monitor->server = server_new(monitor->loop, &own, &callbacks, monitor, error);
	if (!monitor->server)
		return error->code != 0 ? error->code : PGAF_ENOMEM;
	if (server_made_join_secret(monitor->server))
		log_at(&monitor->logger, PGAF_LOG_INFO, "join-secret-made",
		       "made a join secret for keepers: %s",
		       server_join_secret_path(monitor->server));
	return 0;
}

/* ---- construction ---------------------------------------------------------------------------- */

static void
monitor_certificate_read(void *ctx, uint64_t seconds)
{
	struct pgaf_monitor *monitor = ctx;

	monitor->certificate_expiry = seconds;
}

static int
monitor_watch_certificate(struct pgaf_monitor *monitor, struct pgaf_error *error)
{
	const char *file = server_certificate_file(monitor->server);

	if (file[0] == '\0')
		return 0;
	monitor->expiry = expiry_new(monitor->loop, file, monitor_certificate_read, monitor);
	return monitor->expiry ? 0 : error_set(error, PGAF_ENOMEM, "out of memory");
}

/* Elsewhere the store has no server of ours, and needs no data directory. */
static int
monitor_make_store(struct pgaf_monitor *monitor, const struct pgaf_monitor_options *options,
                   struct pgaf_error *error)
{
	char hostname[PGAF_HOST_MAX];
	int result = 0;

	if (monitor->home.state_dir[0] != '\0')
		home_path(&monitor->home, "run", monitor->run_file);
	if (options->store_uri) {
		monitor->uri = strdup(options->store_uri);
		monitor->join_secret = strdup(api_text(options->join_secret, ""));
		if (!monitor->uri || !monitor->join_secret)
			return error_set(error, PGAF_ENOMEM, "out of memory");
		monitor_open_store(monitor);
		if (monitor->store)
			return 0;
		*error = monitor->error;
		return error->code;
	}
	result = api_host_name(hostname, sizeof(hostname), error);
	if (result < 0)
		return result;
	result =
		monitor_make_server(monitor, options, api_text(options->hostname, hostname), error);
	if (result < 0)
		return result;
	server_start(monitor->server);
	return monitor_watch_certificate(monitor, error);
}

/* By default in the state directory, where there is one. */
static int
monitor_make_recorder(struct pgaf_monitor *monitor, const struct pgaf_monitor_options *options,
                      struct pgaf_error *error)
{
	const char *directory = api_text(options->record_dir, "");
	char path[HOME_PATH_MAX + 64] = "";

	if (directory[0] == '\0' && monitor->home.state_dir[0] != '\0') {
		home_path(&monitor->home, RECORDER_DIRECTORY, path);
		directory = path;
	}
	if (directory[0] == '\0' || strcmp(directory, "off") == 0)
		return 0;
	monitor->recorder = recorder_new(
		monitor->loop,
		&(struct recorder_options){
			.directory = directory,
			.size = options->record_size != 0 ? options->record_size : RECORDER_SIZE,
			.logger = monitor->logger,
		});
	return monitor->recorder ? 0 : error_set(error, PGAF_ENOMEM, "out of memory");
}

static void
monitor_warn(const struct pgaf_monitor *monitor, const struct pgaf_monitor_options *options)
{
	if (options->no_ssl)
		log_at(&monitor->logger, PGAF_LOG_WARNING, "no-ssl",
		       "connections to the store are not encrypted (--no-ssl)");
	if (strcmp(api_text(options->auth, ""), "trust") == 0)
		log_at(&monitor->logger, PGAF_LOG_WARNING, "auth-trust",
		       "whoever can reach the store may do everything (--auth trust)");
}

static int
monitor_make(struct pgaf_monitor *monitor, const struct pgaf_monitor_options *options,
             struct pgaf_error *error)
{
	bool has_home = options->pgdata || options->state_dir;
	int result = 0;

	monitor->logger = (struct logger){
		.fn = options->log, .ctx = options->log_ctx, .level = options->log_level};
	monitor->loop = loop_new(error);
	if (!monitor->loop)
		return PGAF_ENOMEM;
	if (has_home)
		result = home_open(&monitor->home, options->pgdata, options->state_dir, error);
	if (result < 0)
		return result;
	result = monitor_pages_make(monitor, options, error);
	if (result == 0)
		result = monitor_make_recorder(monitor, options, error);
	if (result == 0)
		result = monitor_hooks_make(monitor, options, error);
	if (result < 0)
		return result;
	monitor_warn(monitor, options);
	return monitor_make_store(monitor, options, error);
}

static int
monitor_judge(const struct pgaf_monitor_options *options, struct pgaf_error *error)
{
	const char *record_dir = api_text(options->record_dir, "off");
	struct home home;
	int result = monitor_pages_check(options, error);

	if (result == 0)
		result = monitor_hooks_check(options, error);
	if (result < 0)
		return result;

	if (record_dir[0] != '/' && strcmp(record_dir, "off") != 0)
		return error_set(error, PGAF_ECONFIG,
		                 "record-dir must be an absolute path or off, not \"%s\"",
		                 record_dir);
	if (options->record_size != 0 && options->record_size < RECORDER_SIZE_LEAST)
		return error_set(error, PGAF_ECONFIG, "record-size must be at least 1MB");
	if (!options->pgdata && !options->store_uri)
		return error_set(error, PGAF_ECONFIG, "pgdata is not given");
	if (options->pgdata && options->store_uri)
		return error_set(error, PGAF_ECONFIG, "pgdata and store-uri exclude each other");
	if (!options->pgdata && !options->state_dir)
		return 0;
	return home_set_paths(&home, options->pgdata, options->state_dir, error);
}

int
pgaf_monitor_check(const struct pgaf_monitor_options *options, struct pgaf_error *error)
{
	struct pgaf_monitor_options own;
	struct pgaf_error local = {0};
	int result = 0;

	if (!error)
		error = &local;
	*error = (struct pgaf_error){0};
	result = api_take_options(&own, sizeof(own), options, error);
	return result < 0 ? result : monitor_judge(&own, error);
}

struct pgaf_monitor *
pgaf_monitor_new(const struct pgaf_monitor_options *options, struct pgaf_error *error)
{
	struct pgaf_monitor_options own;
	struct pgaf_error local = {0};
	struct pgaf_monitor *monitor = NULL;

	if (!error)
		error = &local;
	*error = (struct pgaf_error){0};
	if (api_take_options(&own, sizeof(own), options, error) < 0 ||
	    monitor_judge(&own, error) < 0)
		return NULL;
	monitor = calloc(1, sizeof(*monitor));
	if (!monitor) {
		error_set(error, PGAF_ENOMEM, "out of memory");
		return NULL;
	}
	monitor->home = (struct home){.state_lock = -1, .data_lock = -1};
	if (monitor_make(monitor, &own, error) < 0) {
		pgaf_monitor_free(monitor);
		return NULL;
	}
	return monitor;
}

static void
monitor_free_secret(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void
pgaf_monitor_free(struct pgaf_monitor *monitor)
{
	if (!monitor)
		return;
	dashboard_free(monitor->dashboard);
	if (monitor->store)
		monitor->store->ops->free(monitor->store);
	monitor_group_free_all(monitor);
	recorder_free(monitor->recorder);
	hooks_free(monitor->hooks);
	expiry_free(monitor->expiry);
	if (monitor->server)
		server_free(monitor->server);
	loop_free(monitor->loop);
	home_close(&monitor->home);
	monitor_free_secret(monitor->uri);
	monitor_free_secret(monitor->join_secret);
	free(monitor);
}

/* ---- the embedder's loop ------------------------------------------------------------------- */

int
pgaf_monitor_fd(const struct pgaf_monitor *monitor)
{
	return loop_fd(monitor->loop);
}

pgaf_time
pgaf_monitor_deadline(const struct pgaf_monitor *monitor)
{
	return monitor->ended ? loop_now(monitor->loop) : loop_deadline(monitor->loop);
}

int
pgaf_monitor_dispatch(struct pgaf_monitor *monitor)
{
	if (!monitor->ended)
		loop_dispatch(monitor->loop);
	return monitor->ended ? 0 : 1;
}

void
pgaf_monitor_stop(struct pgaf_monitor *monitor)
{
	if (monitor->ended)
		return;
	monitor->stop_calls++;
	monitor->store_open = false;
	if (!monitor->server)
		monitor_real_end(monitor, 0);
	else
		server_stop(monitor->server, monitor->stop_calls > 1 ? 0 : SERVER_STOP_LIMIT);
}

void
pgaf_monitor_leave(struct pgaf_monitor *monitor)
{
	monitor_real_end(monitor, 0);
}

void
pgaf_monitor_reload(struct pgaf_monitor *monitor)
{
	if (monitor->server)
		server_reload(monitor->server);
	if (monitor->expiry)
		expiry_read(monitor->expiry);
}

int
pgaf_monitor_reconfigure(struct pgaf_monitor *monitor, const struct pgaf_monitor_options *options,
                         struct pgaf_error *error)
{
	struct pgaf_monitor_options own;
	struct pgaf_error local;
	struct pgaf_error *said = error ? error : &local;
	int result = 0;

	*said = (struct pgaf_error){0};
	result = api_take_options(&own, sizeof(own), options, said);
	if (result < 0)
		return result;
	/* A password may go only where it was not needed. */
	own.http = monitor->http;
	result = monitor_pages_check(&own, said);
	if (result == 0)
		result = monitor_hooks_check(&own, said);
	if (result == 0)
		result = monitor_hooks_set(monitor, &own, said);
	if (result == 0)
		monitor_pages_login(monitor, &own);
	return result;
}

int
pgaf_monitor_exit_code(const struct pgaf_monitor *monitor, struct pgaf_error *error)
{
	if (error)
		*error = monitor->error;
	return monitor->ended ? monitor->exit_code : -1;
}

bool
pgaf_monitor_owns(const struct pgaf_monitor *monitor, int pid)
{
	return loop_owns(monitor->loop, pid);
}
