/* SPDX-License-Identifier: PostgreSQL */
/* pgaf-keeper: one PostgreSQL of a group. Options, and the public interface of the library. */

#include <pgaf/keeper.h>

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/pure/error.h"
#include "common/daemon.h"
#include "common/lists.h"

#define NAME "pgaf-keeper"

struct settings {
	struct daemon_settings common;
	char     pgdata[1024];
	char     bindir[1024];
	struct option_list monitors;
	char     name[PGAF_NAME_MAX];
	char     hostname[PGAF_HOST_MAX];
	uint32_t pgport;
	char     listen[256];
	char     http[PGAF_HOST_MAX];
	char     formation[PGAF_NAME_MAX];
	uint32_t group;
	char     region[PGAF_NAME_MAX];
	uint32_t candidate_priority;
	char     replication_quorum[8];
	char     bootstrap[8];
	char     dbname[PGAF_NAME_MAX];
	char     username[PGAF_NAME_MAX];
	char     password_file[1024];
	char     auth[16];
	bool     ssl_self_signed;
	bool     no_ssl;
	char     ssl_ca_file[1024];
	char     server_cert[1024];
	char     server_key[1024];
	char     join_secret_file[1024];
	struct option_list client_networks;
	bool     skip_pg_hba;
	char     maximum_backup_rate[32];
	bool     no_handover;
	bool     rejoin;
	bool     keep_running;
	bool     allow_old_minor;
};

#define AT(member)   .offset = offsetof(struct settings, member)
#define TEXT_AT(member) AT(member), .room = sizeof(((struct settings *)NULL)->member)

static const struct option_spec specs[] = {
	{.name = "pgdata", .type = OPTION_TEXT, TEXT_AT(pgdata), .argument = "DIR",
	 .doc = "the data directory"},
	{.name = "monitor", .type = OPTION_LIST, AT(monitors), .argument = "URI",
	 .doc = "a monitor: postgres://pgaf_keeper@HOST:PORT/pgaf"},
	{.name = "name", .type = OPTION_TEXT, TEXT_AT(name), .argument = "NAME",
	 .doc = "name of the node; default: the host's"},
	{.name = "hostname", .type = OPTION_TEXT, TEXT_AT(hostname), .argument = "NAME",
	 .doc = "name or address by which others reach it; default: the host's name"},
	{.name = "pgport", .type = OPTION_NUMBER, AT(pgport), .initial = "5432", .least = 1,
	 .most = 65535, .argument = "PORT", .doc = "port of Postgres"},
	{.name = "listen", .type = OPTION_TEXT, TEXT_AT(listen), .argument = "ADDR",
	 .doc = "addresses that Postgres listens on; default: all"},
	{.name = "http", .type = OPTION_ADDRESS, TEXT_AT(http), .initial = "[::]:8008",
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
	{.name = "auth", .type = OPTION_CHOICE, TEXT_AT(auth), .initial = "scram-sha-256",
	 .choices = "scram-sha-256|cert|trust", .doc = "method of pg_hba.conf"},
	{.name = "ssl-self-signed", .type = OPTION_FLAG, AT(ssl_self_signed),
	 .doc = "make a certificate; the default"},
	{.name = "ssl-ca-file", .type = OPTION_TEXT, TEXT_AT(ssl_ca_file), .argument = "FILE",
	 .doc = "certificates that sign those of clients"},
	{.name = "server-cert", .type = OPTION_TEXT, TEXT_AT(server_cert), .argument = "FILE",
	 .doc = "certificate of Postgres"},
	{.name = "server-key", .type = OPTION_TEXT, TEXT_AT(server_key), .argument = "FILE",
	 .doc = "its key"},
	{.name = "no-ssl", .type = OPTION_FLAG, AT(no_ssl), .doc = "go without encryption"},
	{.name = "join-secret-file", .type = OPTION_TEXT, TEXT_AT(join_secret_file),
	 .argument = "FILE", .secret_path = true, .doc = "the monitor's join secret"},
	{.name = "client-network", .type = OPTION_LIST, AT(client_networks),
	 .argument = "CIDR|samenet|all", .doc = "from where clients may connect; default: samenet"},
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
	{.name = "bindir", .type = OPTION_TEXT, TEXT_AT(bindir), .argument = "DIR",
	 .doc = "PostgreSQL's programs; default: those of the data's version"},
	DAEMON_OPTIONS(struct settings, "/etc/pgaf/keeper.yml"),
};

/* ---- the handle ------------------------------------------------------------------- */

static int
handle_fd(const void *handle)
{
	return pgaf_keeper_fd(handle);
}

static pgaf_time
handle_deadline(const void *handle)
{
	return pgaf_keeper_deadline(handle);
}

static int
handle_dispatch(void *handle)
{
	return pgaf_keeper_dispatch(handle);
}

static void
handle_stop(void *handle)
{
	pgaf_keeper_stop(handle);
}

static void
handle_leave(void *handle)
{
	pgaf_keeper_leave(handle);
}

static void
handle_reload(void *handle)
{
	pgaf_keeper_reload(handle);
}

static int
handle_exit_code(const void *handle, struct pgaf_error *error)
{
	return pgaf_keeper_exit_code(handle, error);
}

static bool
handle_owns(const void *handle, int pid)
{
	return pgaf_keeper_owns(handle, pid);
}

/* ---- from settings to options ---------------------------------------------------------- */

struct keeper_lists {
	const char *monitors[OPTION_LIST_MAX];
	const char *networks[OPTION_LIST_MAX];
	char        join_secret[256];
	char        password[256];
};

static int
read_secrets(const struct settings *s, struct keeper_lists *lists, struct pgaf_error *error)
{
	int result = daemon_read_secret(s->join_secret_file, lists->join_secret,
	                                sizeof(lists->join_secret), error);

	return result < 0 ? result
	                  : daemon_read_secret(s->password_file, lists->password,
	                                       sizeof(lists->password), error);
}

static struct pgaf_keeper_options
make_options(const struct settings *s, struct keeper_lists *lists)
{
	lists_borrow(&s->monitors, lists->monitors);
	lists_borrow(&s->client_networks, lists->networks);
	return (struct pgaf_keeper_options){
		.size                 = sizeof(struct pgaf_keeper_options),
		.pgdata               = lists_given(s->pgdata),
		.state_dir            = lists_given(s->common.state_dir),
		.bindir               = lists_given(s->bindir),
		.monitors             = lists->monitors,
		.monitor_count        = s->monitors.count,
		.join_secret          = lists_given(lists->join_secret),
		.name                 = lists_given(s->name),
		.hostname             = lists_given(s->hostname),
		.port                 = s->pgport,
		.listen               = lists_given(s->listen),
		.http                 = s->http,
		.formation            = s->formation,
		.group_id             = s->group,
		.region               = lists_given(s->region),
		.candidate_priority   = s->candidate_priority,
		.replication_quorum   = strcmp(s->replication_quorum, "true") == 0,
		.no_bootstrap         = strcmp(s->bootstrap, "never") == 0,
		.dbname               = lists_given(s->dbname),
		.username             = lists_given(s->username),
		.password             = lists_given(lists->password),
		.auth                 = s->auth,
		.no_ssl               = s->no_ssl,
		.ssl_ca_file          = lists_given(s->ssl_ca_file),
		.server_cert          = lists_given(s->server_cert),
		.server_key           = lists_given(s->server_key),
		.client_networks      = lists->networks,
		.client_network_count = s->client_networks.count,
		.skip_pg_hba          = s->skip_pg_hba,
		.maximum_backup_rate  = s->maximum_backup_rate,
		.no_handover          = s->no_handover,
		.rejoin               = s->rejoin,
		.keep_running         = s->keep_running,
		.allow_old_minor      = s->allow_old_minor,
		.log_level            = daemon_log_level(&s->common),
	};
}

static int
run(const struct settings *s, struct keeper_lists *lists, struct daemon_log *log, int signals)
{
	struct pgaf_keeper_options options = make_options(s, lists);
	struct pgaf_keeper *keeper = NULL;
	struct pgaf_error error = {0};
	int code = 0;

	if (daemon_become(&s->common, s->pgdata, &error) < 0)
		return daemon_complain(NAME, &error);
	/* Backends of a postmaster that died fall to us, so that none is overlooked. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	options.log = daemon_log_write;
	options.log_ctx = log;
	keeper = pgaf_keeper_new(&options, &error);
	explicit_bzero(lists->join_secret, sizeof(lists->join_secret));
	explicit_bzero(lists->password, sizeof(lists->password));
	if (!keeper)
		return daemon_complain(NAME, &error);
	code = daemon_run(&(struct daemon_handle){.handle    = keeper,
	                                          .fd        = handle_fd,
	                                          .deadline  = handle_deadline,
	                                          .dispatch  = handle_dispatch,
	                                          .stop      = handle_stop,
	                                          .leave     = handle_leave,
	                                          .reload    = handle_reload,
	                                          .exit_code = handle_exit_code,
	                                          .owns      = handle_owns},
	                  signals, log);
	pgaf_keeper_free(keeper);
	return code;
}

int
main(int argc, char **argv)
{
	static struct settings s;
	static struct keeper_lists lists;
	const struct daemon_program program = {
		.name       = NAME,
		.usage      = "usage: pgaf-keeper run --pgdata DIR --monitor URI [option ...]\n\n",
		.specs      = specs,
		.spec_count = sizeof(specs) / sizeof(specs[0]),
		.common     = &s.common,
		.settings   = &s,
	};
	struct pgaf_error error = {0};
	struct pgaf_keeper_options options;
	struct daemon_log *log = NULL;
	int signals = -1;
	int code = daemon_parse(&program, argc, argv);

	if (code >= 0)
		return code;
	umask(0077);
	options = make_options(&s, &lists);
	if (daemon_check_ssl(&(struct daemon_ssl){.self_signed = s.ssl_self_signed,
	                                          .none = s.no_ssl,
	                                          .ca_file = s.ssl_ca_file,
	                                          .cert = s.server_cert,
	                                          .key = s.server_key},
	                     &error) < 0 ||
	    pgaf_keeper_check(&options, &error) < 0 || read_secrets(&s, &lists, &error) < 0)
		return daemon_complain(NAME, &error);
	if (s.common.check)
		return DAEMON_DONE;
	signals = daemon_take_signals(&error);
	log = signals >= 0 ? daemon_log_open(&s.common, &error) : NULL;
	if (!log)
		return daemon_complain(NAME, &error);
	code = run(&s, &lists, log, signals);
	daemon_log_free(log);
	return code;
}
