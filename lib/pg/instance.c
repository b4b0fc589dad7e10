/* SPDX-License-Identifier: PostgreSQL */
/*
 * An instance from the outside: options, life, orders. Everything that takes
 * time happens in the files of single steps.
 */

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pure/error.h"
#include "base/sys.h"
#include "pg/disk.h"
#include "pg/instance_parts.h"
#include "pg/release.h"

#define PROGRAMS_ROOT "/usr/lib/postgresql"
#define DEBIAN_ROOT "/etc/postgresql"
#define CONF_BYTES_MAX ((size_t)1 << 20)
/* Room that sun_path leaves for a directory: "/.s.PGSQL.65535" comes behind it. */
#define SOCKET_DIR_MAX 90

/* ---- small things the other files ask for ----------------------------------------- */

void
instance_log(struct instance *in, enum pgaf_log_level level, const char *event, const char *format,
             ...)
{
	char text[512] = "";
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (in->callbacks.log != NULL)
		in->callbacks.log(in->ctx, (int)level, event, text);
}

static void
join(char *to, size_t room, const char *directory, const char *name)
{
	struct text path = {0};

	text_init(&path, to, room);
	text_addf(&path, "%s/%s", directory, name);
}

void
instance_state_path(const struct instance *in, const char *name, char *to, size_t room)
{
	join(to, room, in->state_dir, name);
}

void
instance_program(const struct instance *in, const char *name, char *to, size_t room)
{
	if (strchr(name, '/') != NULL)
		text_copy(to, room, name);
	else
		join(to, room, in->bindir, name);
}

bool
instance_has_data(const struct instance *in)
{
	char path[INSTANCE_PATH_MAX];

	join(path, sizeof(path), in->pgdata, "PG_VERSION");
	return disk_exists(path);
}

/* One that somebody else started may listen elsewhere. False: it listens where ours does. */
static bool
listens_elsewhere(const struct instance *in, struct postmaster *found)
{
	char path[INSTANCE_PATH_MAX];
	struct text text = TEXT(path);

	text_addf(&text, "%s/.s.PGSQL.%s", in->socket_dir, in->port);
	process_find_postmaster(in->pgdata, found);
	return found->pid != 0 && found->socket_dir[0] == '/' && !disk_exists(path);
}

struct conn *
instance_session(struct instance *in, const char *synchronous_commit,
                 const struct conn_callbacks *callbacks)
{
	struct postmaster found;
	bool elsewhere = listens_elsewhere(in, &found);
	static const char *const keywords[] = {
		"user",    "dbname",  "port", "replication", "application_name",
		"options", "sslmode", NULL};
	char options[200];
	struct text text = TEXT(options);

	/* Our own statements wait for no standby unless that is what they are for. */
	text_add(&text, "-c statement_timeout=0 -c lock_timeout=0 -c DateStyle=ISO "
	                "-c idle_in_transaction_session_timeout=0");
	if (synchronous_commit != NULL)
		text_addf(&text, " -c synchronous_commit=%s", synchronous_commit);
	const char *const values[] = {"postgres", "postgres",    elsewhere ? found.port : in->port,
	                              "database", "pgaf_keeper", options,
	                              "disable",  NULL};
	return conn_new(in->loop,
	                &(struct conn_options){
				.keywords = keywords,
				.values = values,
				.host = elsewhere ? found.socket_dir : in->socket_dir,
				.connect_limit = PGAF_SECONDS(10),
			},
	                callbacks, in);
}

/* ---- where things are ------------------------------------------------------------- */

unsigned
instance_version(const struct instance *in)
{
	char path[INSTANCE_PATH_MAX];
	uint64_t number = 0;

	join(path, sizeof(path), in->pgdata, "PG_VERSION");
	char *content = disk_read(path, 64, NULL);
	if (content == NULL)
		return 0;
	content[strcspn(content, "\r\n")] = '\0';
	if (!text_to_u64(content, &number) || number > 99)
		number = 0;
	free(content);
	return (unsigned)number;
}

static bool
has_programs(const char *directory)
{
	char path[INSTANCE_PATH_MAX];

	join(path, sizeof(path), directory, "postgres");
	return access(path, X_OK) == 0;
}

static unsigned
newest_installed(void)
{
	DIR *root = opendir(PROGRAMS_ROOT);
	const struct dirent *entry = NULL;
	unsigned newest = 0;

	while (root != NULL && (entry = readdir(root)) != NULL) {
		uint64_t number = 0;
		char path[INSTANCE_PATH_MAX];
		struct text text = TEXT(path);

		text_addf(&text, PROGRAMS_ROOT "/%s/bin", entry->d_name);
		if (text_to_u64(entry->d_name, &number) && number < 100 && number > newest &&
		    has_programs(path))
			newest = (unsigned)number;
	}
	if (root != NULL)
		closedir(root);
	return newest;
}

/* The first directory of PATH with a server in it. */
static void
search_path(struct instance *in)
{
	const char *at = getenv("PATH");

	while (at != NULL && *at != '\0') {
		size_t length = strcspn(at, ":");
		char directory[INSTANCE_PATH_MAX];
		struct text text = TEXT(directory);

		text_add_bytes(&text, at, length);
		if (length > 0 && has_programs(directory)) {
			text_copy(in->bindir, sizeof(in->bindir), directory);
			return;
		}
		at += length + (at[length] == ':');
	}
}

void
instance_choose_bindir(struct instance *in)
{
	unsigned version = instance_version(in);
	struct text text = {0};

	if (in->bindir_given)
		return;
	if (version == 0)
		version = newest_installed();
	text_init(&text, in->bindir, sizeof(in->bindir));
	text_addf(&text, PROGRAMS_ROOT "/%u/bin", version);
	if (!has_programs(in->bindir))
		search_path(in);
	if (!in->bindir_logged)
		instance_log(in, PGAF_LOG_INFO, "bindir", "uses the programs in %s", in->bindir);
	in->bindir_logged = true;
}

/* Debian keeps the configuration of a cluster apart; it is found by what it says of the data. */
static bool
debian_config_fits(const struct instance *in, const char *directory)
{
	char path[INSTANCE_PATH_MAX];
	char data[INSTANCE_PATH_MAX];
	char real[INSTANCE_PATH_MAX];
	bool fits = false;

	join(path, sizeof(path), directory, "postgresql.conf");
	char *content = disk_read(path, CONF_BYTES_MAX, NULL);
	if (content == NULL)
		return false;
	if (conf_lookup(content, "data_directory", data, sizeof(data)) &&
	    process_real_path(data, real, sizeof(real)))
		fits = strcmp(real, in->pgdata) == 0;
	free(content);
	return fits;
}

static bool
find_debian_config(struct instance *in, unsigned version)
{
	char root[INSTANCE_PATH_MAX];
	struct text text = TEXT(root);
	const struct dirent *entry = NULL;
	bool found = false;

	text_addf(&text, DEBIAN_ROOT "/%u", version);
	DIR *directory = opendir(root);
	while (directory != NULL && !found && (entry = readdir(directory)) != NULL) {
		char path[INSTANCE_PATH_MAX];

		if (entry->d_name[0] == '.')
			continue;
		join(path, sizeof(path), root, entry->d_name);
		found = debian_config_fits(in, path);
		if (found)
			text_copy(in->config_dir, sizeof(in->config_dir), path);
	}
	if (directory != NULL)
		closedir(directory);
	return found;
}

void
instance_find_config(struct instance *in)
{
	char path[INSTANCE_PATH_MAX];

	join(path, sizeof(path), in->pgdata, "postgresql.conf");
	if (disk_exists(path) || !find_debian_config(in, instance_version(in)))
		text_copy(in->config_dir, sizeof(in->config_dir), in->pgdata);
	join(path, sizeof(path), in->config_dir, CONF_FILE);
	char *content = disk_read(path, CONF_BYTES_MAX, NULL);
	if (content != NULL && !in->conf_loaded) {
		conf_read(content, &in->conf);
		in->conf_loaded = true;
	}
	free(content);
}

/* ---- life ------------------------------------------------------------------------- */

/* Shallow checks of lengths: what does not fit would be cut silently later. */
static bool
take(char *to, size_t room, const char *from)
{
	return text_copy(to, room, from == NULL ? "" : from);
}

static bool
take_networks(struct instance *in, const char *const *networks)
{
	for (; networks != NULL && *networks != NULL; networks++) {
		if (in->network_count == sizeof(in->networks) / sizeof(in->networks[0]) ||
		    !take(in->networks[in->network_count], sizeof(in->networks[0]), *networks))
			return false;
		in->network_count++;
	}
	return true;
}

static bool
take_options(struct instance *in, const struct instance_options *options)
{
	struct text port = TEXT(in->port);

	text_addf(&port, "%u", (unsigned)options->port);
	in->ssl = options->ssl;
	in->skip_hba = options->skip_hba;
	in->allow_old_minor = options->allow_old_minor;
	in->bindir_given = options->bindir != NULL && options->bindir[0] != '\0';
	return take(in->bindir, sizeof(in->bindir), options->bindir) &&
	       take(in->listen, sizeof(in->listen), options->listen) &&
	       take(in->socket_dir, sizeof(in->socket_dir), options->socket_dir) &&
	       take(in->auth, sizeof(in->auth), options->auth) &&
	       take(in->ca_file, sizeof(in->ca_file), options->ssl_ca_file) &&
	       take(in->cert_file, sizeof(in->cert_file), options->ssl_cert_file) &&
	       take(in->key_file, sizeof(in->key_file), options->ssl_key_file) &&
	       take(in->dbname, sizeof(in->dbname), options->dbname) &&
	       take(in->username, sizeof(in->username), options->username) &&
	       take(in->password, sizeof(in->password), options->password) &&
	       take(in->init_file, sizeof(in->init_file), options->init_file) &&
	       take(in->backup_rate, sizeof(in->backup_rate), options->maximum_backup_rate) &&
	       take(in->replicator_password, sizeof(in->replicator_password),
	            options->replicator_password) &&
	       take(in->probe_password, sizeof(in->probe_password), options->probe_password) &&
	       take_networks(in, options->client_networks);
}

static int
take_directories(struct instance *in, const struct instance_options *options,
                 struct pgaf_error *error)
{
	if (!process_real_path(options->pgdata, in->pgdata, sizeof(in->pgdata)))
		return error_set(error, PGAF_ECONFIG, "the directory above %s does not exist",
		                 options->pgdata);
	if (disk_make_directory(options->state_dir, error) < 0)
		return error->code;
	if (!process_real_path(options->state_dir, in->state_dir, sizeof(in->state_dir)))
		return error_set(error, PGAF_ECONFIG, "the path %s is too long",
		                 options->state_dir);
	if (in->socket_dir[0] == '\0')
		text_copy(in->socket_dir, sizeof(in->socket_dir), in->state_dir);
	if (strlen(in->socket_dir) > SOCKET_DIR_MAX)
		return error_set(error, PGAF_ECONFIG,
		                 "%s is too long for a Unix socket; name a shorter directory",
		                 in->socket_dir);
	return 0;
}

static void
set_defaults(struct instance *in)
{
	struct passwd *user = getpwuid(geteuid());

	settings_init(&in->settings);
	if (in->listen[0] == '\0')
		text_copy(in->listen, sizeof(in->listen), "*");
	if (in->auth[0] == '\0')
		text_copy(in->auth, sizeof(in->auth), "scram-sha-256");
	text_copy(in->os_user, sizeof(in->os_user), user == NULL ? "postgres" : user->pw_name);
	if (in->ssl && in->cert_file[0] == '\0') {
		instance_state_path(in, "server.crt", in->cert_file, sizeof(in->cert_file));
		instance_state_path(in, "server.key", in->key_file, sizeof(in->key_file));
	}
}

struct instance *
instance_new(struct loop *loop, const struct instance_options *options,
             const struct instance_callbacks *callbacks, void *ctx, struct pgaf_error *error)
{
	struct pgaf_error local = {0};
	struct instance *in = calloc(1, sizeof(*in));

	if (error == NULL)
		error = &local;
	if (in == NULL) {
		error_set(error, PGAF_ENOMEM, "out of memory");
		return NULL;
	}
	in->loop = loop;
	in->callbacks = *callbacks;
	in->ctx = ctx;
	if (!take_options(in, options)) {
		error_set(error, PGAF_E2BIG, "an option of the instance is too long");
		free(in);
		return NULL;
	}
	if (take_directories(in, options, error) < 0) {
		free(in);
		return NULL;
	}
	set_defaults(in);
	instance_choose_bindir(in);
	instance_find_config(in);
	if (in->replicator_password[0] != '\0')
		instance_write_passfile(in, NULL);
	observe_init(in);
	heartbeat_init(in);
	attach_look(in);
	return in;
}

void
instance_free(struct instance *in)
{
	if (in == NULL)
		return;
	task_abandon(in);
	observe_free(in);
	heartbeat_free(in);
	attach_forget(in);
	loop_child_free(in->release);
	free(in);
}

/* ---- the programs ------------------------------------------------------------------ */

static void
release_printed(void *ctx, int status, const char *output)
{
	struct instance *in = ctx;

	in->release = NULL;
	in->release_told(in->ctx, status == 0 ? release_number(output) : 0);
}

int
instance_ask_release(struct instance *in, void (*told)(void *ctx, int version),
                     struct pgaf_error *error)
{
	char program[INSTANCE_PATH_MAX];
	const char *argv[] = {program, "--version", NULL};

	instance_program(in, "postgres", program, sizeof(program));
	in->release_told = told;
	in->release = loop_child_start(
		in->loop,
		&(struct loop_child_options){.argv = argv, .ended = release_printed, .ctx = in},
		error);
	return in->release == NULL ? PGAF_ECHILD : 0;
}

/* ---- orders ----------------------------------------------------------------------- */

void
instance_step(struct instance *in, const struct step_order *order)
{
	task_order(in, order);
}

void
instance_cancel(struct instance *in)
{
	task_cancel(in);
}

void
instance_observe(struct instance *in)
{
	observe_start(in);
}

int
instance_set_passwords(struct instance *in, const char *replicator, const char *probe)
{
	if (!take(in->replicator_password, sizeof(in->replicator_password), replicator) ||
	    !take(in->probe_password, sizeof(in->probe_password), probe))
		return PGAF_E2BIG;
	return instance_write_passfile(in, NULL);
}

void
instance_tune(struct instance *in, const struct settings *settings)
{
	in->settings = *settings;
}

const char *
instance_certificate(const struct instance *in)
{
	return in->ssl ? in->cert_file : "";
}

void
instance_reload(struct instance *in)
{
	attach_signal(in, SIGHUP);
}

int
instance_inspect(struct instance *in, struct observation *seen, struct pgaf_error *error)
{
	struct stat status;

	*seen = (struct observation){0};
	if (stat(in->pgdata, &status) == 0) {
		if (!S_ISDIR(status.st_mode))
			return error_set(error, PGAF_EREFUSED, "%s is no directory", in->pgdata);
		if (status.st_uid != geteuid())
			return error_set(error, PGAF_EREFUSED,
			                 "%s belongs to somebody else; run: chown -R %s %s",
			                 in->pgdata, in->os_user, in->pgdata);
	} else if (errno != ENOENT) {
		return sys_error(error, errno, "look at %s", in->pgdata);
	}
	observe_files(in, seen);
	return 0;
}
