/* SPDX-License-Identifier: PostgreSQL */
/* Start of a daemon: its options, its errors, and from root to the user of Postgres. */

#include "common/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/privileges.h"
#include "base/pure/error.h"
#include "base/pure/text.h"
#include "base/sys.h"

#define HELP_MAX 16384

/* Exit codes of INTERFACE that a daemon ends with by itself. */
enum { DAEMON_DONE = 0, DAEMON_FAILED = 1, DAEMON_USAGE = 2, DAEMON_REFUSED = 4 };

/* PostgreSQL's shape of an error on standard error; returns the exit code that fits it. */
static int
daemon_complain(const char *program, const struct pgaf_error *error)
{
	fprintf(stderr, "%s: error: %s\n", program,
	        error->text[0] != '\0' ? error->text : pgaf_strerror(error->code));
	switch (error->code) {
	case PGAF_EINVAL:
	case PGAF_E2BIG:
	case PGAF_ECONFIG:
	case PGAF_ENOENT:
		return DAEMON_USAGE;
	case PGAF_EREFUSED:
		return DAEMON_REFUSED;
	default:
		return DAEMON_FAILED;
	}
}

static int
daemon_print_help(const struct daemon_program *program)
{
	char room[HELP_MAX];
	struct text text = TEXT(room);

	text_add(&text, program->usage);
	options_help(program->specs, program->spec_count, &text);
	fputs(room, stdout);
	return fflush(stdout) == 0 ? DAEMON_DONE : DAEMON_FAILED;
}

/* Read options; prints and returns an exit code, or -1: go on with `run`. */
static int
daemon_parse(const struct daemon_program *program, int argc, char **argv)
{
	struct pgaf_error error = {0};
	int first = options_load(program->specs, program->spec_count, "config", argc, argv,
	                         program->settings, &error);

	if (first < 0)
		return daemon_complain(program->name, &error);
	if (program->settings->help)
		return daemon_print_help(program);
	if (program->settings->version) {
		printf("%s %s\n", program->name, pgaf_version());
		return DAEMON_DONE;
	}
	if (first >= argc)
		error_set(&error, PGAF_ECONFIG, "the verb is missing: %s run; see --help",
		          program->name);
	else if (strcmp(argv[first], "run") != 0)
		error_set(&error, PGAF_ECONFIG, "there is no verb \"%s\"; see --help", argv[first]);
	else if (first + 1 < argc)
		error_set(&error, PGAF_ECONFIG, "\"%s\" is one word too many; see --help",
		          argv[first + 1]);
	else if (program->settings->quiet && program->settings->verbose > 0)
		error_set(&error, PGAF_ECONFIG, "--quiet and --verbose exclude each other");
	return error.code != 0 ? daemon_complain(program->name, &error) : -1;
}

static int
daemon_check_ssl(const struct daemon_settings *settings, struct pgaf_error *error)
{
	bool cert = settings->server_cert[0] != '\0';
	bool key = settings->server_key[0] != '\0';

	if (settings->no_ssl &&
	    (settings->ssl_self_signed || cert || key || settings->ssl_ca_file[0] != '\0'))
		return error_set(error, PGAF_ECONFIG,
		                 "no-ssl and the other options of SSL exclude each other");
	if (settings->ssl_self_signed && (cert || key))
		return error_set(error, PGAF_ECONFIG,
		                 "ssl-self-signed and server-cert exclude each other");
	if (cert != key)
		return error_set(error, PGAF_ECONFIG, "server-cert and server-key need each other");
	return 0;
}

int
daemon_read_secret(const char *path, char *to, size_t room, struct pgaf_error *error)
{
	to[0] = '\0';
	return path[0] != '\0' ? files_read_secret(path, to, room, error) : 0;
}

/* The file was opened as root; the user must be able to open it again. */
static int
daemon_give_log(const struct daemon_settings *settings, const struct account *account,
                struct pgaf_error *error)
{
	if (settings->log_file[0] == '\0' ||
	    chown(settings->log_file, account->user, account->group) == 0)
		return 0;
	return sys_error(error, errno, "give the log file %s to %s", settings->log_file,
	                 account->name);
}

static int
daemon_make_directory(const char *path, const struct account *account, struct pgaf_error *error)
{
	struct stat st;

	if (path[0] != '/' || stat(path, &st) == 0)
		return 0;
	return files_make_directories(
		path, 0700, (struct files_owner){.user = account->user, .group = account->group},
		error);
}

/* libpq's own variables would beat what we say to it, in us and in every program we start; a
 * passfile is the one that we ask for. */
static void
daemon_clear_environment(void)
{
	char name[128];
	size_t i = 0;

	while (environ[i]) {
		size_t length = strcspn(environ[i], "=");

		if (strncmp(environ[i], "PG", 2) != 0 || strncmp(environ[i], "PGAF_", 5) == 0 ||
		    strncmp(environ[i], "PGPASSFILE=", 11) == 0 || length >= sizeof(name)) {
			i++;
			continue;
		}
		memcpy(name, environ[i], length);
		name[length] = '\0';
		unsetenv(name);
	}
}

/* The state directory, or its default beside the data directory. */
static int
daemon_make_state(const struct daemon_settings *settings, const struct account *account,
                  struct pgaf_error *error)
{
	char path[4096];
	const char *pgdata = settings->pgdata;
	size_t length = strlen(pgdata);

	if (settings->state_dir[0] != '\0')
		return daemon_make_directory(settings->state_dir, account, error);
	while (length > 1 && pgdata[length - 1] == '/')
		length--;
	if (length == 0 || length > sizeof(path) - sizeof(".pgaf"))
		return 0;
	snprintf(path, sizeof(path), "%.*s.pgaf", (int)length, pgdata);
	return daemon_make_directory(path, account, error);
}

/*
 * Forget libpq's variables. As root: make the data directory ("" is skipped) and the state
 * directory for the user, and become that user for good. Secrets are read before.
 */
static int
daemon_become(const struct daemon_settings *settings, struct pgaf_error *error)
{
	struct account account;
	int result = 0;

	daemon_clear_environment();
	if (geteuid() != 0)
		return 0;
	result = privileges_find(settings->user, &account, error);
	if (result == 0 && account.user == 0)
		result = error_set(error, PGAF_ECONFIG,
		                   "user %s is root, as whom PostgreSQL refuses to run",
		                   account.name);
	if (result == 0)
		result = daemon_make_directory(settings->pgdata, &account, error);
	if (result == 0)
		result = daemon_make_state(settings, &account, error);
	if (result == 0)
		result = daemon_give_log(settings, &account, error);
	return result < 0 ? result : privileges_drop(&account, error);
}

static int
daemon_start(struct daemon_handle *handle, struct daemon_log *log, int signals)
{
	const struct daemon_program *program = handle->program;
	struct pgaf_error error = {0};
	int code = 0;

	if (daemon_become(program->settings, &error) < 0)
		return daemon_complain(program->name, &error);
	handle->handle = program->start(program->settings, log, &error);
	explicit_bzero(program->settings->join_secret, sizeof(program->settings->join_secret));
	if (!handle->handle)
		return daemon_complain(program->name, &error);
	daemon_notify_ready(&handle->notify);
	code = daemon_run(handle, signals, log);
	handle->calls->free(handle->handle);
	return code;
}

int
daemon_main(const struct daemon_program *program, int argc, char **argv)
{
	struct daemon_handle handle = {
		.calls = program->calls, .program = program, .argc = argc, .argv = argv};
	struct pgaf_error error = {0};
	struct daemon_log *log = NULL;
	int signals = -1;
	int code = daemon_parse(program, argc, argv);

	if (code >= 0)
		return code;
	daemon_notify_init(&handle.notify);
	umask(0077);
	if (daemon_check_ssl(program->settings, &error) < 0 ||
	    program->prepare(program->settings, &error) < 0)
		return daemon_complain(program->name, &error);
	if (program->settings->check)
		return DAEMON_DONE;
	signals = daemon_take_signals(&error);
	log = signals >= 0 ? daemon_log_open(program->settings, &error) : NULL;
	if (!log)
		return daemon_complain(program->name, &error);
	code = daemon_start(&handle, log, signals);
	daemon_log_free(log);
	daemon_notify_done(&handle.notify);
	return code;
}
