/* SPDX-License-Identifier: PostgreSQL */
/* pgaf-keeper: one PostgreSQL of a group. Options, and the public interface of the library. */

#include <pgaf/keeper.h>

#include <string.h>
#include <sys/prctl.h>

#include "common/daemon.h"
#include "common/lists.h"

struct settings {
	struct daemon_settings common; /* must be the first */
	struct option_list monitors;
	const char *monitor_uris[OPTION_LIST_MAX]; /* its items */
	char     name[PGAF_NAME_MAX];
	char     formation[PGAF_NAME_MAX];
	uint32_t group;
	char     region[PGAF_NAME_MAX];
	uint32_t candidate_priority;
	char     replication_quorum[8];
	char     bootstrap[8];
	char     dbname[PGAF_NAME_MAX];
	char     username[PGAF_NAME_MAX];
	char     password_file[1024];
	char     password[256]; /* of its file */
	char     init_file[1024];
	bool     skip_pg_hba;
	char     maximum_backup_rate[32];
	bool     no_handover;
	bool     rejoin;
	bool     keep_running;
	bool     allow_old_minor;
	char     confirm_recovery[8];
	struct option_list hooks;
	const char *hook_files[OPTION_LIST_MAX]; /* its items */
	pgaf_time hook_limit;
};

#define AT(member)   .offset = offsetof(struct settings, member)
#define TEXT_AT(member) AT(member), .room = sizeof(((struct settings *)NULL)->member)

static const struct option_spec specs[] = {
	{.name = "pgdata", .type = OPTION_TEXT, DAEMON_TEXT(pgdata), .argument = "DIR",
	 .doc = "the data directory"},
	{.name = "monitor", .type = OPTION_LIST, AT(monitors), .argument = "URI",
	 .doc = "a monitor: postgres://pgaf_keeper@HOST:PORT/pgaf"},
	{.name = "name", .type = OPTION_TEXT, TEXT_AT(name), .argument = "NAME",
	 .doc = "name of the node; default: the host's"},
	{.name = "hostname", .type = OPTION_TEXT, DAEMON_TEXT(hostname), .argument = "NAME",
	 .doc = "name or address by which others reach it; default: the host's name"},
	{.name = "pgport", .type = OPTION_NUMBER, DAEMON_AT(pgport), .initial = "5432",
	 .least = 1, .most = 65535, .argument = "PORT", .doc = "port of Postgres"},
	{.name = "listen", .type = OPTION_TEXT, DAEMON_TEXT(listen), .argument = "ADDR",
	 .doc = "addresses that Postgres listens on; default: all"},
	{.name = "http", .type = OPTION_ADDRESS, DAEMON_TEXT(http), .initial = "[::]:8008",
	 .argument = "ADDR:PORT|off", .doc = "where health checks are answered"},
	{.name = "formation", .type = OPTION_TEXT, TEXT_AT(formation), .initial = "default",
	 .argument = "NAME", .doc = "formation of the node"},
	{.name = "group", .type = OPTION_NUMBER, AT(group), .initial = "0", .least = 0,
	 .most = INT32_MAX, .argument = "N", .doc = "group in the formation"},
	{.name = "candidate-priority", .type = OPTION_NUMBER, AT(candidate_priority),
	 .initial = "50", .least = 0, .most = 100, .argument = "N",
	 .doc = "from 0, never promoted, to 100; counts when the node registers"},
	{.name = "replication-quorum", .type = OPTION_CHOICE, TEXT_AT(replication_quorum),
	 .initial = "true", .choices = "true|false",
	 .doc = "commits may wait for this node; counts when it registers"},
	{.name = "region", .type = OPTION_TEXT, TEXT_AT(region), .argument = "REGION",
	 .doc = "where the node is"},
	{.name = "bootstrap", .type = OPTION_CHOICE, TEXT_AT(bootstrap), .initial = "auto",
	 .choices = "auto|never",
	 .doc = "whether an empty directory may become the first node of a group"},
	{.name = "dbname", .type = OPTION_TEXT, TEXT_AT(dbname), .argument = "DB",
	 .doc = "database to create with a new cluster, owned by --username"},
	{.name = "username", .type = OPTION_TEXT, TEXT_AT(username), .argument = "USER",
	 .doc = "role to create with a new cluster"},
	{.name = "password-file", .type = OPTION_TEXT, TEXT_AT(password_file), .argument = "FILE",
	 .secret_path = true, .doc = "password of --username"},
	{.name = "init-file", .type = OPTION_TEXT, TEXT_AT(init_file), .argument = "FILE",
	 .doc = "SQL to run in --dbname, as its owner, when it is created"},
	DAEMON_ACCESS_OPTIONS("Postgres", "clients", "the monitor's join secret"),
	{.name = "skip-pg-hba", .type = OPTION_FLAG, AT(skip_pg_hba),
	 .doc = "leave pg_hba.conf alone and print what it needs"},
	{.name = "maximum-backup-rate", .type = OPTION_TEXT, TEXT_AT(maximum_backup_rate),
	 .initial = "100M", .argument = "RATE", .doc = "limit of a clone, per second"},
	{.name = "no-handover", .type = OPTION_FLAG, AT(no_handover),
	 .doc = "do not hand over when told to stop"},
	{.name = "rejoin", .type = OPTION_FLAG, AT(rejoin), .doc = "come back after a drop"},
	{.name = "keep-running", .type = OPTION_FLAG, AT(keep_running),
	 .doc = "leave Postgres running when the node is dropped"},
	{.name = "allow-old-minor", .type = OPTION_FLAG, AT(allow_old_minor),
	 .doc = "run releases whose synchronous replication has known bugs"},
	{.name = "confirm-recovery", .type = OPTION_CHOICE, TEXT_AT(confirm_recovery),
	 .initial = "auto", .choices = "auto|always|never",
	 .doc = "keep clients out of a restarted primary until standbys have what it recovered"},
	{.name = "hook", .type = OPTION_LIST, AT(hooks), .argument = "FILE", .reread = true,
	 .doc = "a program to call on changes of role, failover, lost redundancy, being stuck"},
	{.name = "hook-limit", .type = OPTION_DURATION, AT(hook_limit), .initial = "10s",
	 .least = PGAF_MSEC(100), .most = PGAF_SECONDS(3600), .argument = "TIME", .reread = true,
	 .doc = "how long one run of a hook may take"},
	{.name = "bindir", .type = OPTION_TEXT, DAEMON_TEXT(bindir), .argument = "DIR",
	 .doc = "PostgreSQL's programs; default: those of the data's version"},
	DAEMON_OPTIONS("/etc/pgaf/keeper.yml"),
};

/* ---- from settings to options ---------------------------------------------------------- */

static struct pgaf_keeper_options
make_options(struct settings *s)
{
	struct daemon_settings *common = &s->common;

	lists_borrow(&s->monitors, s->monitor_uris);
	lists_borrow(&common->client_networks, common->networks);
	lists_borrow(&s->hooks, s->hook_files);
	return (struct pgaf_keeper_options){
		.size                 = sizeof(struct pgaf_keeper_options),
		.pgdata               = lists_given(common->pgdata),
		.state_dir            = lists_given(common->state_dir),
		.bindir               = lists_given(common->bindir),
		.monitors             = s->monitor_uris,
		.monitor_count        = s->monitors.count,
		.join_secret          = lists_given(common->join_secret),
		.name                 = lists_given(s->name),
		.hostname             = lists_given(common->hostname),
		.port                 = common->pgport,
		.listen               = lists_given(common->listen),
		.http                 = common->http,
		.formation            = s->formation,
		.group_id             = s->group,
		.region               = lists_given(s->region),
		.candidate_priority   = s->candidate_priority,
		.replication_quorum   = strcmp(s->replication_quorum, "true") == 0,
		.no_bootstrap         = strcmp(s->bootstrap, "never") == 0,
		.dbname               = lists_given(s->dbname),
		.username             = lists_given(s->username),
		.password             = lists_given(s->password),
		.init_file            = lists_given(s->init_file),
		.auth                 = common->auth,
		.no_ssl               = common->no_ssl,
		.ssl_ca_file          = lists_given(common->ssl_ca_file),
		.server_cert          = lists_given(common->server_cert),
		.server_key           = lists_given(common->server_key),
		.client_networks      = common->networks,
		.client_network_count = common->client_networks.count,
		.skip_pg_hba          = s->skip_pg_hba,
		.maximum_backup_rate  = s->maximum_backup_rate,
		.no_handover          = s->no_handover,
		.rejoin               = s->rejoin,
		.keep_running         = s->keep_running,
		.allow_old_minor      = s->allow_old_minor,
		.confirm_recovery     = s->confirm_recovery,
		.hooks                = s->hook_files,
		.hook_count           = s->hooks.count,
		.hook_limit           = s->hook_limit,
		.log_level            = daemon_log_level(common),
	};
}

/* ---- the program ----------------------------------------------------------------------- */

DAEMON_CALLS(keeper);

static int
prepare(void *settings, struct pgaf_error *error)
{
	struct settings *s = settings;
	struct pgaf_keeper_options options = make_options(s);
	int result = pgaf_keeper_check(&options, error);

	if (result == 0)
		result = daemon_read_secret(s->common.join_secret_file, s->common.join_secret,
		                            sizeof(s->common.join_secret), error);
	if (result == 0)
		result = daemon_read_secret(s->password_file, s->password, sizeof(s->password),
		                            error);
	return result;
}

static void *
start(void *settings, struct daemon_log *log, struct pgaf_error *error)
{
	struct settings *s = settings;
	struct pgaf_keeper_options options = make_options(s);
	struct pgaf_keeper *keeper = NULL;

	/* Backends of a postmaster that died fall to us, so that none is overlooked. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	options.log = daemon_log_write;
	options.log_ctx = log;
	keeper = pgaf_keeper_new(&options, error);
	explicit_bzero(s->password, sizeof(s->password));
	return keeper;
}

static int
take(void *handle, void *settings, struct pgaf_error *error)
{
	struct pgaf_keeper_options options = make_options(settings);

	return pgaf_keeper_reconfigure(handle, &options, error);
}

int
main(int argc, char **argv)
{
	static struct settings settings;
	const struct daemon_program program = {
		.name          = "pgaf-keeper",
		.usage = "usage: pgaf-keeper run --pgdata DIR --monitor URI [option ...]\n\n",
		.specs         = specs,
		.spec_count    = sizeof(specs) / sizeof(specs[0]),
		.settings      = &settings.common,
		.settings_size = sizeof(settings),
		.calls         = &keeper_calls,
		.prepare       = prepare,
		.start         = start,
		.take          = take,
	};

	return daemon_main(&program, argc, argv);
}
