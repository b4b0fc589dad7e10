/* SPDX-License-Identifier: PostgreSQL */
#ifndef COMMON_DAEMON_H
#define COMMON_DAEMON_H

/*
 * What the two daemons share around the library: options that both have, the way from the
 * command line to the exit code, the log, privileges, signals, and the loop in plain poll(2).
 */

#include <pgaf/log.h>

#include "base/options.h"
#include "common/daemon_notify.h"

struct daemon_settings {
	char     pgdata[1024];
	char     bindir[1024];
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
	const char *networks[OPTION_LIST_MAX]; /* its items */
	char     join_secret[256];             /* of its file */
	char     config[1024];
	char     state_dir[1024];
	char     user[PGAF_NAME_MAX];
	char     log_format[8];
	char     log_file[1024];
	uint32_t verbose;
	bool     quiet;
	bool     check;
	bool     help;
	bool     version;
};

/* Rows of an option table that fills a struct with the one above as its first member. */
#define DAEMON_AT(member)   .offset = offsetof(struct daemon_settings, member)
#define DAEMON_TEXT(member) DAEMON_AT(member), .room = DAEMON_ROOM(member)
#define DAEMON_ROOM(member) sizeof(((struct daemon_settings *)NULL)->member)

/* Who may connect to `postgres`, which `clients` do, and how they know each other. */
#define DAEMON_ACCESS_OPTIONS(postgres, clients, secret)                                           \
	{.name = "auth", .type = OPTION_CHOICE, DAEMON_TEXT(auth),                                 \
	 .initial = "scram-sha-256", .choices = "scram-sha-256|cert|trust",                        \
	 .doc = "method of pg_hba.conf"},                                                          \
	{.name = "ssl-self-signed", .type = OPTION_FLAG, DAEMON_AT(ssl_self_signed),               \
	 .doc = "make a certificate; the default"},                                                \
	{.name = "ssl-ca-file", .type = OPTION_TEXT, DAEMON_TEXT(ssl_ca_file),                     \
	 .argument = "FILE", .doc = "certificates that sign those of " clients},                   \
	{.name = "server-cert", .type = OPTION_TEXT, DAEMON_TEXT(server_cert),                     \
	 .argument = "FILE", .doc = "certificate of " postgres},                                   \
	{.name = "server-key", .type = OPTION_TEXT, DAEMON_TEXT(server_key),                       \
	 .argument = "FILE", .doc = "its key"},                                                    \
	{.name = "no-ssl", .type = OPTION_FLAG, DAEMON_AT(no_ssl),                                 \
	 .doc = "go without encryption"},                                                          \
	{.name = "join-secret-file", .type = OPTION_TEXT, DAEMON_TEXT(join_secret_file),           \
	 .argument = "FILE", .secret_path = true, .doc = (secret)},                                \
	{.name = "client-network", .type = OPTION_LIST, DAEMON_AT(client_networks),                \
	 .argument = "CIDR|samenet|all",                                                           \
	 .doc = "from where " clients " may connect; default: samenet"}

/* What concerns the daemon itself; `file` is where its configuration is by default. */
#define DAEMON_OPTIONS(file)                                                                       \
	{.name = "state-dir", .type = OPTION_TEXT, DAEMON_TEXT(state_dir),                         \
	 .argument = "DIR",                                                                        \
	 .doc = "where what must last is kept; default: the data directory's name and .pgaf"},     \
	{.name = "user", .type = OPTION_TEXT, DAEMON_TEXT(user), .initial = "postgres",            \
	 .argument = "USER", .doc = "the user to become when started as root"},                    \
	{.name = "log-format", .type = OPTION_CHOICE, DAEMON_TEXT(log_format),                     \
	 .initial = "text", .choices = "text|json", .doc = "how records are written"},             \
	{.name = "log-file", .type = OPTION_TEXT, DAEMON_TEXT(log_file),                           \
	 .argument = "FILE", .doc = "append records to a file instead of standard error"},         \
	{.name = "verbose", .letter = 'v', .type = OPTION_COUNT, DAEMON_AT(verbose),               \
	 .only_command_line = true, .doc = "log more; twice: everything"},                         \
	{.name = "quiet", .letter = 'q', .type = OPTION_FLAG, DAEMON_AT(quiet),                    \
	 .only_command_line = true, .doc = "log only warnings and errors"},                        \
	{.name = "config", .letter = 'c', .type = OPTION_TEXT, DAEMON_TEXT(config),                \
	 .initial = (file), .argument = "FILE", .only_command_line = true,                         \
	 .doc = "the configuration file"},                                                         \
	{.name = "check", .type = OPTION_FLAG, DAEMON_AT(check), .only_command_line = true,        \
	 .doc = "say what is wrong with the configuration, and exit"},                             \
	{.name = "help", .type = OPTION_FLAG, DAEMON_AT(help), .only_command_line = true,          \
	 .doc = "print this"},                                                                     \
	{.name = "version", .type = OPTION_FLAG, DAEMON_AT(version),                               \
	 .only_command_line = true, .doc = "print the version"}

/* ---- a program ---------------------------------------------------------------------- */
/* The public functions of a handle of the library, as DAEMON_CALLS names them. */
struct daemon_calls {
	int (*fd)(const void *handle);
	pgaf_time (*deadline)(const void *handle);
	int (*dispatch)(void *handle);
	void (*stop)(void *handle);
	void (*leave)(void *handle);
	void (*reload)(void *handle);
	int (*exit_code)(const void *handle, struct pgaf_error *error);
	bool (*owns)(const void *handle, int pid);
	void (*free)(void *handle);
};

/* `kind`_calls over pgaf_`kind`_fd() and so on: a pointer to a struct is not one to void. */
#define DAEMON_ASK(kind, result, name, parameters, arguments)                                      \
	static result kind##_##name parameters                                                     \
	{                                                                                          \
		return pgaf_##kind##_##name arguments;                                             \
	}
#define DAEMON_TELL(kind, name)                                                                    \
	static void kind##_##name(void *handle)                                                    \
	{                                                                                          \
		pgaf_##kind##_##name(handle);                                                      \
	}
#define DAEMON_CALLS(kind)                                                                         \
	DAEMON_ASK(kind, int, fd, (const void *handle), (handle))                                  \
	DAEMON_ASK(kind, pgaf_time, deadline, (const void *handle), (handle))                      \
	DAEMON_ASK(kind, int, dispatch, (void *handle), (handle))                                  \
	DAEMON_TELL(kind, stop)                                                                    \
	DAEMON_TELL(kind, leave)                                                                   \
	DAEMON_TELL(kind, reload)                                                                  \
	DAEMON_ASK(kind, int, exit_code, (const void *handle, struct pgaf_error *error),           \
	           (handle, error))                                                                \
	DAEMON_ASK(kind, bool, owns, (const void *handle, int pid), (handle, pid))                 \
	DAEMON_TELL(kind, free)                                                                    \
	static const struct daemon_calls kind##_calls = {                                          \
		.fd        = kind##_fd,                                                            \
		.deadline  = kind##_deadline,                                                      \
		.dispatch  = kind##_dispatch,                                                      \
		.stop      = kind##_stop,                                                          \
		.leave     = kind##_leave,                                                         \
		.reload    = kind##_reload,                                                        \
		.exit_code = kind##_exit_code,                                                     \
		.owns      = kind##_owns,                                                          \
		.free      = kind##_free,                                                          \
	}

struct daemon_log;
struct daemon_program {
	const char                *name;
	const char                *usage; /* the first lines of --help */
	const struct option_spec  *specs;
	size_t                     spec_count;
	struct daemon_settings    *settings; /* the first member of what the specs fill */
	size_t                     settings_size;
	const struct daemon_calls *calls;
	/* Say what is wrong with the settings, and read the secrets that they name. */
	int (*prepare)(void *settings, struct pgaf_error *error);
	/* As the user of Postgres: the handle, or NULL. Secrets are not needed afterwards. */
	void *(*start)(void *settings, struct daemon_log *log, struct pgaf_error *error);
	/* Take over of new settings what is said to be reread. */
	int (*take)(void *handle, void *settings, struct pgaf_error *error);
};

/* From the command line to the exit code. */
int daemon_main(const struct daemon_program *program, int argc, char **argv);

/* A secret from a file, or "" when there is no name. */
int daemon_read_secret(const char *path, char *to, size_t room, struct pgaf_error *error);

/* ---- the log ------------------------------------------------------------------ */
/* NULL: the file cannot be opened. */
struct daemon_log *daemon_log_open(const struct daemon_settings *settings,
                                   struct pgaf_error *error);
enum pgaf_log_level daemon_log_level(const struct daemon_settings *settings);
void daemon_log_write(void *log, const struct pgaf_log *record); /* a pgaf_log_fn */
void daemon_log_reopen(struct daemon_log *log);
void daemon_log_free(struct daemon_log *log);

/* ---- the loop ---------------------------------------------------------------------- */
struct daemon_handle {
	void                        *handle;
	const struct daemon_calls   *calls;
	const struct daemon_program *program;
	int                          argc;
	char                       **argv;
	struct daemon_notify         notify;
};

/* SIGHUP: the log file, settings and certificates anew. What is wrong is logged, and changes
 * nothing; so is what has changed and waits for the next start. */
void daemon_reload(const struct daemon_handle *handle, struct daemon_log *log);

/* To be called before anything is started: signals are taken from here on. */
int daemon_take_signals(struct pgaf_error *error);
/* Until the handle has ended; returns its exit code. Orphans that fall to us are reaped. */
int daemon_run(struct daemon_handle *handle, int signals, struct daemon_log *log);

#endif
