/* SPDX-License-Identifier: PostgreSQL */
/*
 * The life of the monitor's PostgreSQL, as a chain of events: look at the
 * directory, make it, make a certificate, start or find the postmaster, create
 * database and roles, open the door to the network, watch, start again.
 */

#include "store/server_parts.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pure/error.h"
#include "base/sys.h"
#include "pg/process.h"

/* How often a starting server's state is looked at, and how long it may take. */
#define LOOK_EVERY PGAF_MSEC(10)
#define SERVER_LIMIT PGAF_SECONDS(10)

/* ---- running ------------------------------------------------------------------------- */

static void server_poll(struct server *server);
static void server_set_up(struct server *server);

/* The postmaster is gone. */
static void
server_ended(struct server *server)
{
	struct pgaf_error error = {0};
	char reason[300] = "";
	bool port_in_use = false;
	bool never_ran = server->phase == SERVER_STARTING;

	loop_process_free(server->process);
	server->process = NULL;
	server->child = NULL;
	server->postmaster = 0;
	conn_free(server->conn);
	server->conn = NULL;
	if (server->stop_asked) {
		server->phase = SERVER_STOPPED;
		loop_timer_set(server->timer, PGAF_NEVER);
		server->callbacks.stopped(server->ctx);
		return;
	}
	/* Only of a start: a server that ran has logged much that did not end it. */
	if (never_ran)
		server_reason(server, reason, sizeof(reason), &port_in_use);
	if (!server->ran && port_in_use) {
		error_set(&error, PGAF_EREFUSED, "port %s of %s is in use by another program",
		          server->port, server->listen);
		server_fail(server, &error);
		return;
	}
	error_set(&error, PGAF_ECONN, "the store's PostgreSQL ended%s%s; it is started again",
	          reason[0] != '\0' ? ", its log says: " : "", reason);
	server->failures = never_ran ? server->failures + 1 : 0;
	server->phase = SERVER_WAITING;
	loop_timer_set(server->timer,
	               loop_now(server->loop) +
	                       (PGAF_MSEC(100) << (server->failures < 5 ? server->failures : 5)));
	server->callbacks.down(server->ctx, &error);
}

static void
child_ended(void *ctx, int status, const char *output)
{
	struct server *server = ctx;

	(void)status;
	(void)output;
	server->child = NULL; /* freed by the loop */
	server_ended(server);
}

static void
process_ended(void *ctx, int status)
{
	(void)status;
	server_ended(ctx);
}

static void
server_starts(struct server *server, pid_t pid)
{
	server->postmaster = pid;
	server->phase = SERVER_STARTING;
	server_poll(server);
}

/* One that runs already is re-attached to; its files were written, so it reads them again. */
static bool
server_attach(struct server *server)
{
	struct postmaster found;

	process_find_postmaster(server->pgdata, &found);
	if (found.pid == 0)
		return false;
	server->process = loop_process_watch(server->loop, found.pid, process_ended, server);
	if (!server->process)
		return false;
	server_log(server, PGAF_LOG_INFO, "store-attached",
	           "the store's PostgreSQL runs already, pid %d", (int)found.pid);
	loop_process_signal(server->process, SIGHUP);
	server_starts(server, found.pid);
	return true;
}

void
server_launch(struct server *server)
{
	char program[SERVER_PATH_MAX + 16];
	char config[SERVER_PATH_MAX + 64];
	char hba[SERVER_PATH_MAX + 64];
	char ident[SERVER_PATH_MAX + 64];
	char log[SERVER_PATH_MAX + 64];
	struct pgaf_error error = {0};
	const char *argv[] = {program, "-D", server->pgdata, "-c",  config,
	                      "-c",    hba,  "-c",           ident, NULL};

	if (server->stop_asked) {
		server_ended(server);
		return;
	}
	if (server_attach(server))
		return;
	snprintf(program, sizeof(program), "%s/postgres", server->bindir);
	snprintf(config, sizeof(config), "config_file=%s/postgresql.conf", server->state_dir);
	snprintf(hba, sizeof(hba), "hba_file=%s/pg_hba.conf", server->state_dir);
	snprintf(ident, sizeof(ident), "ident_file=%s/pg_ident.conf", server->state_dir);
	snprintf(log, sizeof(log), "%s/postgres.log", server->state_dir);
	server->child = loop_child_start(server->loop,
	                                 &(struct loop_child_options){
						 .argv = argv,
						 .output_file = log,
						 .new_session = true,
						 .ended = child_ended,
						 .ctx = server,
					 },
	                                 &error);
	if (!server->child) {
		server_fail(server, &error);
		return;
	}
	server_starts(server, loop_child_pid(server->child));
}

/* PostgreSQL says when it is ready by a line in postmaster.pid only. */
static void
server_poll(struct server *server)
{
	struct postmaster found;

	process_find_postmaster(server->pgdata, &found);
	if (found.pid == server->postmaster && found.status == POSTMASTER_READY)
		server_set_up(server);
	else
		loop_timer_set(server->timer, loop_now(server->loop) + LOOK_EVERY);
}

static void
server_signal(struct server *server, int signal)
{
	if (server->child)
		loop_child_kill(server->child, signal);
	else if (server->process)
		loop_process_signal(server->process, signal);
}

/* ---- database and roles -------------------------------------------------------------- */

static void server_next_statement(struct server *server);

static void
server_ready(struct server *server)
{
	conn_free(server->conn);
	server->conn = NULL;
	server->phase = SERVER_RUNNING;
	server->failures = 0;
	server->ran = true;
	server->callbacks.ready(server->ctx);
}

static int
work_open_door(struct server *server, struct pgaf_error *error)
{
	int result = server_mark(server, DIRECTORY_OURS, error);

	return result < 0 ? result : server_write_files(server, error);
}

static void
server_opened_door(struct server *server)
{
	if (server->phase != SERVER_SETTING_UP)
		return;
	server_signal(server, SIGHUP);
	server_ready(server);
}

static void
add_role(struct server *server, const char *role, const char *password, struct text *sql)
{
	char *verifier =
		PQencryptPasswordConn(conn_pg(server->conn), password, role, "scram-sha-256");

	text_addf(sql,
	          "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%s') THEN "
	          "CREATE ROLE %s; END IF; END $$; ALTER ROLE %s LOGIN PASSWORD ",
	          role, role, role);
	sql_literal(sql, verifier ? verifier : "");
	text_add(sql, "; ");
	PQfreemem(verifier);
}

static void
setup_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct server *server = ctx;
	struct pgaf_error copy = {0};

	if (!result)
		return; /* `lost` follows */
	/* The database of a set-up that was cut short is there already. */
	if (error && strcmp(error->sqlstate, "42P04") != 0) {
		copy = *error;
		error_prefix(&copy, "make the store's database");
		server_fail(server, &copy);
		return;
	}
	server->setup++;
	server_next_statement(server);
}

static void
server_next_statement(struct server *server)
{
	char room[4096];
	struct text sql = TEXT(room);

	switch (server->setup) {
	case 0:
		text_add(&sql, "CREATE DATABASE pgaf");
		break;
	case 1:
		add_role(server, "pgaf_keeper", server->join_secret, &sql);
		add_role(server, "pgaf_operator", server->operator_password, &sql);
		add_role(server, "pgaf_reader", server->reader_password, &sql);
		break;
	default:
		server->set_up = true;
		server_run_job(server, work_open_door, server_opened_door);
		return;
	}
	conn_query(server->conn, room, SERVER_LIMIT, setup_answered, server);
}

static void
setup_connected(void *ctx)
{
	server_next_statement(ctx);
}

static void
setup_lost(void *ctx, enum conn_failure failure, const struct pgaf_error *error)
{
	struct server *server = ctx;

	(void)failure;
	server_log(server, PGAF_LOG_WARNING, "store-setup", "cannot set up the store: %s",
	           error->text);
	if (server->phase == SERVER_SETTING_UP)
		loop_timer_set(server->timer, loop_now(server->loop) + PGAF_MSEC(100));
}

static void
server_set_up(struct server *server)
{
	const char *keywords[] = {"port", "user", "dbname", NULL};
	const char *values[] = {server->port, server->user, "postgres", NULL};

	server->phase = SERVER_SETTING_UP;
	if (server->set_up) {
		server_ready(server);
		return;
	}
	server->setup = 0;
	conn_free(server->conn);
	server->conn = conn_new(server->loop,
	                        &(struct conn_options){
					.keywords = keywords,
					.values = values,
					.host = server->state_dir,
					.connect_limit = SERVER_LIMIT,
				},
	                        &(struct conn_callbacks){
					.opened = setup_connected,
					.lost = setup_lost,
				},
	                        server);
	if (server->conn)
		conn_open(server->conn);
	else
		loop_timer_set(server->timer, loop_now(server->loop) + PGAF_MSEC(100));
}

/* ---- start and stop ------------------------------------------------------------------ */

void
server_start(struct server *server)
{
	struct pgaf_error error = {0};
	enum server_directory found = server_look(server);

	server->phase = SERVER_MAKING;
	server->stop_asked = false;
	server->set_up = found == DIRECTORY_OURS;
	if (found == DIRECTORY_FOREIGN)
		error_set(&error, PGAF_EREFUSED,
		          "%s is not empty and holds no store made by pgaf-monitor; name an empty "
		          "directory, or a database with --store-uri",
		          server->pgdata);
	else if (server_choose_bindir(server, &error) == 0 && found != DIRECTORY_OURS)
		server_log(server, PGAF_LOG_INFO, "bindir", "uses the programs in %s",
		           server->bindir);
	if (error.code < 0)
		server_fail(server, &error);
	else if (found == DIRECTORY_OURS || found == DIRECTORY_NEW)
		server_certificate(server);
	else
		server_make(server);
}

static void
server_timer_fired(void *ctx)
{
	struct server *server = ctx;

	switch (server->phase) {
	case SERVER_STARTING:
		server_poll(server);
		break;
	case SERVER_SETTING_UP:
		server_set_up(server);
		break;
	case SERVER_WAITING:
		server_start(server);
		break;
	case SERVER_STOPPING:
		server_log(server, PGAF_LOG_WARNING, "store-stop",
		           "the store's PostgreSQL takes too long to stop: at once now");
		server_signal(server, SIGQUIT);
		break;
	case SERVER_IDLE:
	case SERVER_MAKING:
	case SERVER_RUNNING:
	case SERVER_STOPPED:
	case SERVER_FAILED:
	default:
		break;
	}
}

void
server_stop(struct server *server, pgaf_time limit)
{
	server->stop_asked = true;
	conn_free(server->conn);
	server->conn = NULL;
	if (server->postmaster == 0) {
		/* initdb, openssl or a job under way: its end is not waited for. */
		server_make_cancel(server);
		server->phase = SERVER_STOPPED;
		loop_timer_set(server->timer, PGAF_NEVER);
		server->callbacks.stopped(server->ctx);
		return;
	}
	server->phase = SERVER_STOPPING;
	server_signal(server, SIGINT);
	loop_timer_set(server->timer, loop_now(server->loop) + limit);
}

static void
reload_written(struct server *server)
{
	server_signal(server, SIGHUP);
}

void
server_reload(struct server *server)
{
	if (server->phase == SERVER_RUNNING && !server->job)
		server_run_job(server, server_work_files, reload_written);
}

/* ---- construction -------------------------------------------------------------------- */

static void
fill_text(char *to, size_t room, const char *value, const char *initial)
{
	text_copy(to, room, value && value[0] != '\0' ? value : initial);
}

static int
fill_certificate(struct server *server, const struct server_options *options,
                 struct pgaf_error *error)
{
	struct text cert = TEXT(server->cert_file);
	struct text key = TEXT(server->key_file);
	bool has_cert = options->server_cert && options->server_cert[0] != '\0';
	bool has_key = options->server_key && options->server_key[0] != '\0';

	server->ssl = !options->no_ssl;
	fill_text(server->ca_file, sizeof(server->ca_file), options->ssl_ca_file, "");
	if (has_cert != has_key)
		return error_set(error, PGAF_ECONFIG,
		                 "a server certificate and its key belong together");
	if (strcmp(server->auth, "cert") == 0 && (options->no_ssl || !server->ca_file[0]))
		return error_set(error, PGAF_ECONFIG,
		                 "authentication by certificate needs TLS and an authority");
	server->makes_cert = !has_cert;
	if (has_cert) {
		text_add(&cert, options->server_cert);
		text_add(&key, options->server_key);
	} else {
		server_path(server, "server.crt", &cert);
		server_path(server, "server.key", &key);
	}
	return 0;
}

static int
fill_networks(struct server *server, const struct server_options *options, struct pgaf_error *error)
{
	struct text text = TEXT(server->networks);

	if (options->client_network_count == 0)
		text_add(&text, "samenet\n");
	for (size_t i = 0; i < options->client_network_count; i++) {
		const char *network = options->client_networks[i];

		if (strspn(network, "0123456789abcdefABCDEF.:/") != strlen(network) &&
		    strcmp(network, "samenet") != 0 && strcmp(network, "all") != 0)
			return error_set(error, PGAF_ECONFIG,
			                 "\"%s\" is no network: samenet, all, or an address with "
			                 "its prefix length",
			                 network);
		text_addf(&text, "%s\n", network);
	}
	return 0;
}

static int
fill(struct server *server, const struct server_options *options, struct pgaf_error *error)
{
	struct text uri = TEXT(server->uri);
	const struct passwd *user = getpwuid(geteuid());

	if (!user)
		return sys_error(error, errno, "who am I");
	if (geteuid() == 0)
		return error_set(error, PGAF_ECONFIG, "PostgreSQL does not run as root");
	text_copy(server->user, sizeof(server->user), user->pw_name);
	if (!process_real_path(options->pgdata, server->pgdata, sizeof(server->pgdata)) ||
	    !process_real_path(options->state_dir, server->state_dir, sizeof(server->state_dir)))
		return error_set(error, PGAF_ECONFIG, "the directory above %s does not exist",
		                 options->pgdata);
	/* A socket's name has room for 107 bytes. */
	if (strlen(server->state_dir) > 90)
		return error_set(error, PGAF_ECONFIG,
		                 "the path of the state directory %s is too long for a socket",
		                 server->state_dir);
	fill_text(server->bindir, sizeof(server->bindir), options->bindir, "");
	fill_text(server->listen, sizeof(server->listen), options->listen, "*");
	fill_text(server->hostname, sizeof(server->hostname), options->hostname, "localhost");
	fill_text(server->auth, sizeof(server->auth), options->auth, "scram-sha-256");
	fill_text(server->join_secret, sizeof(server->join_secret), options->join_secret, "");
	snprintf(server->port, sizeof(server->port), "%u", options->port);
	text_addf(&uri, "host='%s' port=%s dbname=pgaf user=%s", server->state_dir, server->port,
	          server->user);
	if (fill_certificate(server, options, error) < 0 ||
	    fill_networks(server, options, error) < 0)
		return PGAF_ECONFIG;
	return server_read_secrets(server, error);
}

struct server *
server_new(struct loop *loop, const struct server_options *options,
           const struct server_callbacks *callbacks, void *ctx, struct pgaf_error *error)
{
	struct server *server = calloc(1, sizeof(*server));
	struct pgaf_error local = {0};

	if (!server) {
		error_set(error, PGAF_ENOMEM, "out of memory");
		return NULL;
	}
	server->loop = loop;
	server->callbacks = *callbacks;
	server->ctx = ctx;
	server->log = options->log;
	server->log_ctx = options->log_ctx;
	server->timer = loop_timer_new(loop, server_timer_fired, server);
	if (!server->timer)
		error_set(&local, PGAF_ENOMEM, "out of memory");
	else
		fill(server, options, &local);
	if (local.code < 0) {
		if (error)
			*error = local;
		server_free(server);
		return NULL;
	}
	return server;
}

void
server_free(struct server *server)
{
	if (!server)
		return;
	server_make_cancel(server);
	conn_free(server->conn);
	loop_child_free(server->child);
	loop_process_free(server->process);
	loop_timer_free(server->timer);
	free(server);
}

const char *
server_uri(const struct server *server)
{
	return server->uri;
}

const char *
server_join_secret(const struct server *server)
{
	return server->join_secret;
}

const char *
server_operator_password(const struct server *server)
{
	return server->operator_password;
}

const char *
server_reader_password(const struct server *server)
{
	return server->reader_password;
}

bool
server_made_join_secret(const struct server *server)
{
	return server->made_join_secret;
}

const char *
server_certificate_file(const struct server *server)
{
	return server->ssl ? server->cert_file : "";
}

const char *
server_join_secret_path(const struct server *server)
{
	return server->join_secret_path;
}
