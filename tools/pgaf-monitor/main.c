/* SPDX-License-Identifier: PostgreSQL */
/* pgaf-monitor: watches and decides. Options, and the public interface of the library. */

#include <pgaf/monitor.h>

#include <string.h>

#include "common/daemon.h"
#include "common/lists.h"

struct settings {
	struct daemon_settings common; /* must be the first */
	char     store_uri[PGAF_URI_MAX];
	char     record_dir[1024];
	uint64_t record_size;
	char     http_user[PGAF_NAME_MAX];
	char     http_password_file[1024];
	char     http_password[256]; /* of its file */
	bool     http_actions;
	struct option_list hooks;
	const char *hook_files[OPTION_LIST_MAX]; /* its items */
	pgaf_time hook_limit;
};

#define AT(member)   .offset = offsetof(struct settings, member)
#define TEXT_AT(member) AT(member), .room = sizeof(((struct settings *)NULL)->member)

static const struct option_spec specs[] = {
	{.name = "pgdata", .type = OPTION_TEXT, DAEMON_TEXT(pgdata), .argument = "DIR",
	 .doc = "data directory of the monitor's own PostgreSQL, made when missing"},
	{.name = "store-uri", .type = OPTION_TEXT, TEXT_AT(store_uri), .argument = "URI",
	 .doc = "a database to use instead of an own PostgreSQL"},
	{.name = "pgport", .type = OPTION_NUMBER, DAEMON_AT(pgport), .initial = "5432",
	 .least = 1, .most = 65535, .argument = "PORT", .doc = "port of its PostgreSQL"},
	{.name = "listen", .type = OPTION_TEXT, DAEMON_TEXT(listen), .argument = "ADDR",
	 .doc = "addresses that it listens on; default: all"},
	{.name = "hostname", .type = OPTION_TEXT, DAEMON_TEXT(hostname), .argument = "NAME",
	 .doc = "name or address by which keepers reach it; default: the host's name"},
	{.name = "http", .type = OPTION_ADDRESS, DAEMON_TEXT(http), .initial = "127.0.0.1:8009",
	 .argument = "ADDR:PORT|off", .doc = "where HTTP is answered, with a page for a browser"},
	{.name = "http-user", .type = OPTION_TEXT, TEXT_AT(http_user), .initial = "pgaf",
	 .argument = "NAME", .reread = true, .doc = "who may ask over HTTP"},
	{.name = "http-password-file", .type = OPTION_TEXT, TEXT_AT(http_password_file),
	 .argument = "FILE", .secret_path = true, .reread = true,
	 .doc = "the password for that; without one everybody may who reaches it"},
	{.name = "http-actions", .type = OPTION_BOOL, AT(http_actions), .initial = "false",
	 .doc = "let those who have the password switch over and drop nodes there"},
	DAEMON_ACCESS_OPTIONS(
		"its PostgreSQL", "keepers and operators",
		"what keepers must know to register; default: one is made in the state directory"),
	{.name = "record-dir", .type = OPTION_TEXT, TEXT_AT(record_dir), .argument = "DIR|off",
	 .doc = "where decisions are recorded; default: \"recording\" in the state directory"},
	{.name = "record-size", .type = OPTION_SIZE, AT(record_size), .initial = "16MB",
	 .least = INT64_C(1) << 20, .most = INT64_C(1) << 40, .argument = "SIZE",
	 .doc = "how much of the disk the recording may take"},
	{.name = "hook", .type = OPTION_LIST, AT(hooks), .argument = "FILE", .reread = true,
	 .doc = "a program to call on changes of role, failover, lost redundancy, being stuck"},
	{.name = "hook-limit", .type = OPTION_DURATION, AT(hook_limit), .initial = "10s",
	 .least = PGAF_MSEC(100), .most = PGAF_SECONDS(3600), .argument = "TIME", .reread = true,
	 .doc = "how long one run of a hook may take"},
	{.name = "bindir", .type = OPTION_TEXT, DAEMON_TEXT(bindir), .argument = "DIR",
	 .doc = "PostgreSQL's programs; default: the newest installed"},
	DAEMON_OPTIONS("/etc/pgaf/monitor.yml"),
};

/* ---- from settings to options ---------------------------------------------------------- */

static struct pgaf_monitor_options
make_options(struct settings *s)
{
	struct daemon_settings *common = &s->common;

	lists_borrow(&common->client_networks, common->networks);
	lists_borrow(&s->hooks, s->hook_files);
	return (struct pgaf_monitor_options){
		.size                 = sizeof(struct pgaf_monitor_options),
		.pgdata               = lists_given(common->pgdata),
		.state_dir            = lists_given(common->state_dir),
		.bindir               = lists_given(common->bindir),
		.store_uri            = lists_given(s->store_uri),
		.port                 = common->pgport,
		.listen               = lists_given(common->listen),
		.hostname             = lists_given(common->hostname),
		.http                 = common->http,
		.auth                 = common->auth,
		.no_ssl               = common->no_ssl,
		.ssl_ca_file          = lists_given(common->ssl_ca_file),
		.server_cert          = lists_given(common->server_cert),
		.server_key           = lists_given(common->server_key),
		.join_secret          = lists_given(common->join_secret),
		.client_networks      = common->networks,
		.client_network_count = common->client_networks.count,
		.record_dir           = lists_given(s->record_dir),
		.record_size          = s->record_size,
		.hooks                = s->hook_files,
		.hook_count           = s->hooks.count,
		.hook_limit           = s->hook_limit,
		.log_level            = daemon_log_level(common),
		.http_user            = lists_given(s->http_user),
		.http_password        = lists_given(s->http_password),
		.http_actions         = s->http_actions,
	};
}

/* ---- the program ----------------------------------------------------------------------- */

DAEMON_CALLS(monitor);

static int
prepare(void *settings, struct pgaf_error *error)
{
	struct settings *s = settings;
	int result = daemon_read_secret(s->http_password_file, s->http_password,
	                                sizeof(s->http_password), error);

	if (result == 0)
		result = daemon_read_secret(s->common.join_secret_file, s->common.join_secret,
		                            sizeof(s->common.join_secret), error);
	if (result == 0) {
		struct pgaf_monitor_options options = make_options(s);
		result = pgaf_monitor_check(&options, error);
	}
	return result;
}

static void *
start(void *settings, struct daemon_log *log, struct pgaf_error *error)
{
	struct settings *s = settings;
	struct pgaf_monitor_options options = make_options(s);

	options.log = daemon_log_write;
	options.log_ctx = log;
	struct pgaf_monitor *monitor = pgaf_monitor_new(&options, error);
	explicit_bzero(s->http_password, sizeof(s->http_password));
	return monitor;
}

static int
take(void *handle, void *settings, struct pgaf_error *error)
{
	struct settings *s = settings;
	struct pgaf_monitor_options options;
	int result = daemon_read_secret(s->http_password_file, s->http_password,
	                                sizeof(s->http_password), error);

	if (result < 0)
		return result;
	options = make_options(s);
	return pgaf_monitor_reconfigure(handle, &options, error);
}

int
main(int argc, char **argv)
{
	static struct settings settings;
	const struct daemon_program program = {
		.name          = "pgaf-monitor",
		.usage         = "usage: pgaf-monitor run --pgdata DIR [option ...]\n\n",
		.specs         = specs,
		.spec_count    = sizeof(specs) / sizeof(specs[0]),
		.settings      = &settings.common,
		.settings_size = sizeof(settings),
		.calls         = &monitor_calls,
		.prepare       = prepare,
		.start         = start,
		.take          = take,
	};

	return daemon_main(&program, argc, argv);
}
