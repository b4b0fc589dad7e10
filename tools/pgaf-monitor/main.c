/* SPDX-License-Identifier: PostgreSQL */
/* pgaf-monitor: watches and decides. Options, and the public interface of the library. */

#include <pgaf/monitor.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/pure/error.h"
#include "common/daemon.h"
#include "common/lists.h"

#define NAME "pgaf-monitor"

struct settings {
	struct daemon_settings common;
	char     pgdata[1024];
	char     bindir[1024];
	char     store_uri[PGAF_URI_MAX];
	uint32_t pgport;
	char     listen[256];
	char     hostname[PGAF_HOST_MAX];
	char     http[PGAF_HOST_MAX];
	char     auth[16];
	bool     ssl_self_signed;
	bool     no_ssl;
	char     ssl_ca_file[1024];
	char     server_cert[1024];
	char     server_key[1024];
	char     join_secret_file[1024];
	struct option_list client_networks;
};

#define AT(member)   .offset = offsetof(struct settings, member)
#define TEXT_AT(member) AT(member), .room = sizeof(((struct settings *)NULL)->member)

static const struct option_spec specs[] = {
	{.name = "pgdata", .type = OPTION_TEXT, TEXT_AT(pgdata), .argument = "DIR",
	 .doc = "data directory of the monitor's own PostgreSQL, made when missing"},
	{.name = "store-uri", .type = OPTION_TEXT, TEXT_AT(store_uri), .argument = "URI",
	 .doc = "a database to use instead of an own PostgreSQL"},
	{.name = "pgport", .type = OPTION_NUMBER, AT(pgport), .initial = "5432", .least = 1,
	 .most = 65535, .argument = "PORT", .doc = "port of its PostgreSQL"},
	{.name = "listen", .type = OPTION_TEXT, TEXT_AT(listen), .argument = "ADDR",
	 .doc = "addresses that it listens on; default: all"},
	{.name = "hostname", .type = OPTION_TEXT, TEXT_AT(hostname), .argument = "NAME",
	 .doc = "name or address by which keepers reach it; default: the host's name"},
	{.name = "http", .type = OPTION_ADDRESS, TEXT_AT(http), .initial = "127.0.0.1:8009",
	 .argument = "ADDR:PORT|off", .doc = "where /healthz and /metrics are answered"},
	{.name = "auth", .type = OPTION_CHOICE, TEXT_AT(auth), .initial = "scram-sha-256",
	 .choices = "scram-sha-256|cert|trust", .doc = "method of pg_hba.conf"},
	{.name = "ssl-self-signed", .type = OPTION_FLAG, AT(ssl_self_signed),
	 .doc = "make a certificate; the default"},
	{.name = "ssl-ca-file", .type = OPTION_TEXT, TEXT_AT(ssl_ca_file), .argument = "FILE",
	 .doc = "certificates that sign those of keepers and operators"},
	{.name = "server-cert", .type = OPTION_TEXT, TEXT_AT(server_cert), .argument = "FILE",
	 .doc = "certificate of its PostgreSQL"},
	{.name = "server-key", .type = OPTION_TEXT, TEXT_AT(server_key), .argument = "FILE",
	 .doc = "its key"},
	{.name = "no-ssl", .type = OPTION_FLAG, AT(no_ssl), .doc = "go without encryption"},
	{.name = "join-secret-file", .type = OPTION_TEXT, TEXT_AT(join_secret_file),
	 .argument = "FILE", .secret_path = true,
	 .doc = "what keepers must know to register; default: one is made in the state directory"},
	{.name = "client-network", .type = OPTION_LIST, AT(client_networks),
	 .argument = "CIDR|samenet|all",
	 .doc = "from where keepers and operators may connect; default: samenet"},
	{.name = "bindir", .type = OPTION_TEXT, TEXT_AT(bindir), .argument = "DIR",
	 .doc = "PostgreSQL's programs; default: the newest installed"},
	DAEMON_OPTIONS(struct settings, "/etc/pgaf/monitor.yml"),
};

/* ---- the handle ------------------------------------------------------------------- */

static int
handle_fd(const void *handle)
{
	return pgaf_monitor_fd(handle);
}

static pgaf_time
handle_deadline(const void *handle)
{
	return pgaf_monitor_deadline(handle);
}

static int
handle_dispatch(void *handle)
{
	return pgaf_monitor_dispatch(handle);
}

static void
handle_stop(void *handle)
{
	pgaf_monitor_stop(handle);
}

static void
handle_leave(void *handle)
{
	pgaf_monitor_leave(handle);
}

static void
handle_reload(void *handle)
{
	pgaf_monitor_reload(handle);
}

static int
handle_exit_code(const void *handle, struct pgaf_error *error)
{
	return pgaf_monitor_exit_code(handle, error);
}

static bool
handle_owns(const void *handle, int pid)
{
	return pgaf_monitor_owns(handle, pid);
}

/* ---- from settings to options ---------------------------------------------------------- */

static struct pgaf_monitor_options
make_options(const struct settings *s, const char *join_secret, const char **networks)
{
	lists_borrow(&s->client_networks, networks);
	return (struct pgaf_monitor_options){
		.size                 = sizeof(struct pgaf_monitor_options),
		.pgdata               = lists_given(s->pgdata),
		.state_dir            = lists_given(s->common.state_dir),
		.bindir               = lists_given(s->bindir),
		.store_uri            = lists_given(s->store_uri),
		.port                 = s->pgport,
		.listen               = lists_given(s->listen),
		.hostname             = lists_given(s->hostname),
		.http                 = s->http,
		.auth                 = s->auth,
		.no_ssl               = s->no_ssl,
		.ssl_ca_file          = lists_given(s->ssl_ca_file),
		.server_cert          = lists_given(s->server_cert),
		.server_key           = lists_given(s->server_key),
		.join_secret          = lists_given(join_secret),
		.client_networks      = networks,
		.client_network_count = s->client_networks.count,
		.log_level            = daemon_log_level(&s->common),
	};
}

static int
run(const struct settings *s, struct pgaf_monitor_options *options, struct daemon_log *log,
    int signals)
{
	struct pgaf_monitor *monitor = NULL;
	struct pgaf_error error = {0};
	int code = 0;

	if (daemon_become(&s->common, s->pgdata, &error) < 0)
		return daemon_complain(NAME, &error);
	options->log = daemon_log_write;
	options->log_ctx = log;
	monitor = pgaf_monitor_new(options, &error);
	if (!monitor)
		return daemon_complain(NAME, &error);
	code = daemon_run(&(struct daemon_handle){.handle    = monitor,
	                                          .fd        = handle_fd,
	                                          .deadline  = handle_deadline,
	                                          .dispatch  = handle_dispatch,
	                                          .stop      = handle_stop,
	                                          .leave     = handle_leave,
	                                          .reload    = handle_reload,
	                                          .exit_code = handle_exit_code,
	                                          .owns      = handle_owns},
	                  signals, log);
	pgaf_monitor_free(monitor);
	return code;
}

int
main(int argc, char **argv)
{
	static struct settings s;
	const char *networks[OPTION_LIST_MAX];
	char join_secret[256] = "";
	const struct daemon_program program = {
		.name       = NAME,
		.usage      = "usage: pgaf-monitor run --pgdata DIR [option ...]\n\n",
		.specs      = specs,
		.spec_count = sizeof(specs) / sizeof(specs[0]),
		.common     = &s.common,
		.settings   = &s,
	};
	struct pgaf_error error = {0};
	struct pgaf_monitor_options options;
	struct daemon_log *log = NULL;
	int signals = -1;
	int code = daemon_parse(&program, argc, argv);

	if (code >= 0)
		return code;
	umask(0077);
	options = make_options(&s, join_secret, networks);
	if (daemon_check_ssl(&(struct daemon_ssl){.self_signed = s.ssl_self_signed,
	                                          .none = s.no_ssl,
	                                          .ca_file = s.ssl_ca_file,
	                                          .cert = s.server_cert,
	                                          .key = s.server_key},
	                     &error) < 0 ||
	    pgaf_monitor_check(&options, &error) < 0 ||
	    daemon_read_secret(s.join_secret_file, join_secret, sizeof(join_secret), &error) < 0)
		return daemon_complain(NAME, &error);
	if (s.common.check)
		return DAEMON_DONE;
	signals = daemon_take_signals(&error);
	log = signals >= 0 ? daemon_log_open(&s.common, &error) : NULL;
	if (!log)
		return daemon_complain(NAME, &error);
	options = make_options(&s, join_secret, networks);
	code = run(&s, &options, log, signals);
	explicit_bzero(join_secret, sizeof(join_secret));
	daemon_log_free(log);
	return code;
}
