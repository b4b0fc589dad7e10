/* SPDX-License-Identifier: PostgreSQL */
#ifndef COMMON_DAEMON_H
#define COMMON_DAEMON_H

/*
 * What the two daemons share around the library: options that both have,
 * the log, privileges, signals, and the loop in plain poll(2).
 */

#include <pgaf/log.h>

#include "base/options.h"

/* Exit codes of INTERFACE that a daemon ends with by itself. */
enum { DAEMON_DONE = 0, DAEMON_FAILED = 1, DAEMON_USAGE = 2, DAEMON_REFUSED = 4 };

struct daemon_settings {
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

/* Rows of an option table; `type` has a member `common` of the struct above. */
#define DAEMON_AT(type, member)   offsetof(type, common.member)
#define DAEMON_ROOM(member)       sizeof(((struct daemon_settings *)NULL)->member)
#define DAEMON_OPTIONS(prog, file)                                                                 \
	{.name = "state-dir", .type = OPTION_TEXT, .offset = DAEMON_AT(prog, state_dir),           \
	 .room = DAEMON_ROOM(state_dir), .argument = "DIR",                                        \
	 .doc = "where what must last is kept; default: the data directory's name and .pgaf"},     \
	{.name = "user", .type = OPTION_TEXT, .offset = DAEMON_AT(prog, user),                     \
	 .room = DAEMON_ROOM(user), .initial = "postgres", .argument = "USER",                     \
	 .doc = "the user to become when started as root"},                                       \
	{.name = "log-format", .type = OPTION_CHOICE, .offset = DAEMON_AT(prog, log_format),       \
	 .room = DAEMON_ROOM(log_format), .initial = "text", .choices = "text|json",               \
	 .doc = "how records are written"},                                                       \
	{.name = "log-file", .type = OPTION_TEXT, .offset = DAEMON_AT(prog, log_file),             \
	 .room = DAEMON_ROOM(log_file), .argument = "FILE",                                        \
	 .doc = "append records to a file instead of standard error"},                             \
	{.name = "verbose", .letter = 'v', .type = OPTION_COUNT,                                   \
	 .offset = DAEMON_AT(prog, verbose), .only_command_line = true,                            \
	 .doc = "log more; twice: everything"},                                                   \
	{.name = "quiet", .letter = 'q', .type = OPTION_FLAG, .offset = DAEMON_AT(prog, quiet),    \
	 .only_command_line = true, .doc = "log only warnings and errors"},                       \
	{.name = "config", .letter = 'c', .type = OPTION_TEXT, .offset = DAEMON_AT(prog, config),  \
	 .room = DAEMON_ROOM(config), .initial = (file), .argument = "FILE",                       \
	 .only_command_line = true, .doc = "the configuration file"},                             \
	{.name = "check", .type = OPTION_FLAG, .offset = DAEMON_AT(prog, check),                   \
	 .only_command_line = true, .doc = "say what is wrong with the configuration, and exit"},  \
	{.name = "help", .type = OPTION_FLAG, .offset = DAEMON_AT(prog, help),                     \
	 .only_command_line = true, .doc = "print this"},                                         \
	{.name = "version", .type = OPTION_FLAG, .offset = DAEMON_AT(prog, version),               \
	 .only_command_line = true, .doc = "print the version"}

struct daemon_program {
	const char               *name;
	const char               *usage; /* the first lines of --help */
	const struct option_spec *specs;
	size_t                    spec_count;
	struct daemon_settings   *common; /* in the struct that the specs fill */
	void                     *settings;
};

/* Read options; prints and returns an exit code, or -1: go on with `run`. */
int daemon_parse(const struct daemon_program *program, int argc, char **argv);

/* PostgreSQL's shape of an error on standard error; returns the exit code that fits it. */
int daemon_complain(const char *program, const struct pgaf_error *error);

/* The options of SSL as both daemons have them. */
struct daemon_ssl {
	bool        self_signed;
	bool        none;
	const char *ca_file;
	const char *cert;
	const char *key;
};
int daemon_check_ssl(const struct daemon_ssl *ssl, struct pgaf_error *error);

/* ---- the log ------------------------------------------------------------------ */
struct daemon_log;
/* NULL: the file cannot be opened. */
struct daemon_log *daemon_log_open(const struct daemon_settings *settings,
                                   struct pgaf_error *error);
enum pgaf_log_level daemon_log_level(const struct daemon_settings *settings);
void daemon_log_write(void *log, const struct pgaf_log *record); /* a pgaf_log_fn */
void daemon_log_reopen(struct daemon_log *log);
void daemon_log_free(struct daemon_log *log);

/* ---- privileges ----------------------------------------------------------------- */
/*
 * Forget libpq's variables. As root: make the data directory ("" is skipped) and the state
 * directory for the user, and become that user for good. Secrets are read before.
 */
int daemon_become(const struct daemon_settings *settings, const char *pgdata,
                  struct pgaf_error *error);

/* A secret from a file, or "" when there is no name. */
int daemon_read_secret(const char *path, char *to, size_t room, struct pgaf_error *error);

/* ---- the loop ---------------------------------------------------------------------- */
/* A handle of the library: its public functions. */
struct daemon_handle {
	void *handle;
	int (*fd)(const void *handle);
	pgaf_time (*deadline)(const void *handle);
	int (*dispatch)(void *handle);
	void (*stop)(void *handle);
	void (*leave)(void *handle);
	void (*reload)(void *handle);
	int (*exit_code)(const void *handle, struct pgaf_error *error);
	bool (*owns)(const void *handle, int pid);
};

/* To be called before anything is started: signals are taken from here on. */
int daemon_take_signals(struct pgaf_error *error);
/* Until the handle has ended; returns its exit code. Orphans that fall to us are reaped. */
int daemon_run(const struct daemon_handle *handle, int signals, struct daemon_log *log);

#endif
