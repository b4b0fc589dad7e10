/* SPDX-License-Identifier: PostgreSQL */
/*
 * Files of the monitor's PostgreSQL. Configuration lies in the state
 * directory and is written as a whole before each start, so the data directory
 * may come from a backup; only the mark that says whose it is lies inside.
 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/pure/error.h"
#include "base/sys.h"
#include "pg/disk.h"
#include "store/server_parts.h"

#define PROGRAMS_ROOT "/usr/lib/postgresql"
#define MARK_FILE "pgaf_store" /* in the data directory */
#define MAKING_FILE "making-the-store"
#define LOG_FILE "postgres.log"

void
server_path(const struct server *server, const char *name, struct text *to)
{
	text_addf(to, "%s/%s", server->state_dir, name);
}

static int
write_text(const struct server *server, const char *name, const char *content,
           struct pgaf_error *error)
{
	char path[SERVER_PATH_MAX + 64];
	struct text text = TEXT(path);

	server_path(server, name, &text);
	return files_write(path, content, strlen(content), 0600, error);
}

/* ---- secrets ------------------------------------------------------------------------- */

/* Read the secret, or make one when there is none yet. */
static int
secret_get(const char *path, char to[SERVER_SECRET_ROOM], bool *made, struct pgaf_error *error)
{
	char line[SERVER_SECRET_ROOM];

	if (access(path, F_OK) == 0)
		return files_read_secret(path, to, SERVER_SECRET_ROOM, error);
	if (random_hex(to, 49) < 0)
		return error_set(error, PGAF_ESYS, "no random numbers");
	*made = true;
	snprintf(line, sizeof(line), "%s\n", to);
	return files_write(path, line, strlen(line), 0600, error);
}

static int
own_secret_get(const struct server *server, const char *name, char to[SERVER_SECRET_ROOM],
               struct pgaf_error *error)
{
	char path[SERVER_PATH_MAX + 64];
	struct text text = TEXT(path);
	bool made = false;

	server_path(server, name, &text);
	return secret_get(path, to, &made, error);
}

int
server_read_secrets(struct server *server, struct pgaf_error *error)
{
	struct text text = TEXT(server->join_secret_path);
	int result = 0;

	if (server->join_secret[0] == '\0') {
		server_path(server, "join-secret", &text);
		result = secret_get(server->join_secret_path, server->join_secret,
		                    &server->made_join_secret, error);
	}
	if (result == 0)
		result = own_secret_get(server, "operator-password", server->operator_password,
		                        error);
	if (result == 0)
		result = own_secret_get(server, "reader-password", server->reader_password, error);
	return result;
}

/* ---- programs ------------------------------------------------------------------------ */

static bool
has_programs(const char *directory)
{
	char path[SERVER_PATH_MAX + 16];
	struct text text = TEXT(path);

	text_addf(&text, "%s/postgres", directory);
	return access(path, X_OK) == 0;
}

static unsigned
newest_installed(void)
{
	DIR *directory = opendir(PROGRAMS_ROOT);
	struct dirent *entry = NULL;
	unsigned newest = 0;

	while (directory && (entry = readdir(directory))) {
		unsigned long version = strtoul(entry->d_name, NULL, 10);
		char path[SERVER_PATH_MAX];
		struct text text = TEXT(path);

		text_addf(&text, PROGRAMS_ROOT "/%lu/bin", version);
		if (version > newest && version < 1000 && has_programs(path))
			newest = (unsigned)version;
	}
	if (directory)
		closedir(directory);
	return newest;
}

static unsigned
version_of_data(const struct server *server)
{
	char path[SERVER_PATH_MAX + 16];
	struct text text = TEXT(path);
	char *content = NULL;
	unsigned long version = 0;

	text_addf(&text, "%s/PG_VERSION", server->pgdata);
	content = disk_read(path, 64, NULL);
	version = content ? strtoul(content, NULL, 10) : 0;
	free(content);
	return (unsigned)version;
}

/* The first directory of PATH that has the programs. */
static bool
search_path(struct server *server)
{
	const char *path = getenv("PATH");

	for (const char *at = path ? path : ""; *at != '\0';) {
		size_t length = strcspn(at, ":");
		struct text text = TEXT(server->bindir);

		text_add_bytes(&text, at, length);
		if (length > 0 && has_programs(server->bindir))
			return true;
		at += length + (at[length] == ':');
	}
	return false;
}

int
server_choose_bindir(struct server *server, struct pgaf_error *error)
{
	unsigned version = version_of_data(server);
	struct text text = TEXT(server->bindir);

	if (server->bindir[0] == '\0') {
		text_init(&text, server->bindir, sizeof(server->bindir));
		text_addf(&text, PROGRAMS_ROOT "/%u/bin", version ? version : newest_installed());
		if (!has_programs(server->bindir))
			search_path(server);
	}
	if (has_programs(server->bindir))
		return 0;
	return error_set(error, PGAF_ECONFIG,
	                 "no PostgreSQL programs are found; install postgresql, or name their "
	                 "directory with --bindir");
}

/* ---- configuration ------------------------------------------------------------------- */

static void
write_settings(const struct server *server, struct text *to)
{
	text_add(to, "# Written by pgaf-monitor before each start; changes are lost. ALTER SYSTEM "
	             "lasts.\n");
	text_add_setting(to, "listen_addresses", server->listen);
	text_add_setting(to, "port", server->port);
	text_add_setting(to, "unix_socket_directories", server->state_dir);
	text_add_setting(to, "cluster_name", "pgaf-monitor");
	/* Small and quiet: a store has a few rows, and is idle nearly always. */
	text_add(to, "unix_socket_permissions = 0700\n"
	             "max_connections = 100\n"
	             "shared_buffers = 16MB\n"
	             "huge_pages = off\n"
	             "max_wal_size = 128MB\n"
	             "min_wal_size = 32MB\n"
	             "checkpoint_timeout = 15min\n"
	             "bgwriter_delay = 10s\n"
	             "bgwriter_lru_maxpages = 0\n"
	             "autovacuum_max_workers = 1\n"
	             "autovacuum_naptime = 5min\n"
	             "max_worker_processes = 2\n"
	             "max_logical_replication_workers = 0\n"
	             "max_parallel_workers = 0\n"
	             "max_wal_senders = 4\n"
	             "jit = off\n");
	/* Decisions must last (PROTOCOL (c)); the store refuses to open without these. */
	text_add(to, "fsync = on\n"
	             "full_page_writes = on\n"
	             "track_activities = on\n");
	/* A keeper's host that is gone without a word ends its session in about five seconds. */
	text_add(to, "password_encryption = 'scram-sha-256'\n"
	             "authentication_timeout = 10s\n"
	             "tcp_keepalives_idle = 2\n"
	             "tcp_keepalives_interval = 1\n"
	             "tcp_keepalives_count = 3\n"
	             "tcp_user_timeout = 5s\n");
	text_add(to, "log_destination = 'stderr'\n"
	             "logging_collector = off\n"
	             "log_line_prefix = '%m [%p] %u '\n"
	             "log_checkpoints = off\n"
	             "lc_messages = 'C'\n");
	if (!server->ssl)
		return;
	text_add(to, "ssl = on\n");
	text_add_setting(to, "ssl_cert_file", server->cert_file);
	text_add_setting(to, "ssl_key_file", server->key_file);
	if (server->ca_file[0] != '\0')
		text_add_setting(to, "ssl_ca_file", server->ca_file);
}

/* Nobody comes over the network before database and roles exist: who is refused by HBA tries
 * again, who is refused by a password that is not there yet gives up. */
static void
write_hba(const struct server *server, struct text *to)
{
	const char *type = server->ssl ? "hostssl" : "host";
	const char *networks = server->networks;

	text_add(to, "# Written by pgaf-monitor before each start; changes are lost.\n"
	             "local all all peer map=pgaf\n");
	if (!server->set_up)
		return;
	text_addf(to, "%s pgaf pgaf_keeper,pgaf_operator,pgaf_reader 127.0.0.1/32 %s\n", type,
	          server->auth);
	text_addf(to, "%s pgaf pgaf_keeper,pgaf_operator,pgaf_reader ::1/128 %s\n", type,
	          server->auth);
	while (*networks != '\0') {
		size_t length = strcspn(networks, "\n");

		text_addf(to, "%s pgaf pgaf_keeper,pgaf_operator,pgaf_reader %.*s %s\n", type,
		          (int)length, networks, server->auth);
		networks += length + (networks[length] == '\n');
	}
}

/* The user we run as owns the store; root and that user may be each role. */
static void
write_ident(const struct server *server, struct text *to)
{
	const char *users[] = {server->user, "root"};

	text_add(to, "# Written by pgaf-monitor before each start; changes are lost.\n");
	for (size_t i = 0; i < (strcmp(server->user, "root") == 0 ? 1U : 2U); i++) {
		text_addf(to, "pgaf \"%s\" \"%s\"\n", users[i], server->user);
		text_addf(to, "pgaf \"%s\" pgaf_operator\npgaf \"%s\" pgaf_reader\n", users[i],
		          users[i]);
	}
}

int
server_write_files(const struct server *server, struct pgaf_error *error)
{
	char content[16384];
	struct text text = TEXT(content);
	int result = 0;

	write_settings(server, &text);
	result = write_text(server, "postgresql.conf", content, error);
	text_init(&text, content, sizeof(content));
	write_hba(server, &text);
	if (result == 0)
		result = write_text(server, "pg_hba.conf", content, error);
	text_init(&text, content, sizeof(content));
	write_ident(server, &text);
	if (result == 0)
		result = write_text(server, "pg_ident.conf", content, error);
	return result;
}

/* ---- whose directory ----------------------------------------------------------------- */

static void
mark_path(const struct server *server, struct text *to)
{
	text_addf(to, "%s/" MARK_FILE, server->pgdata);
}

enum server_directory
server_look(const struct server *server)
{
	char path[SERVER_PATH_MAX + 64];
	struct text text = TEXT(path);
	enum server_directory found = DIRECTORY_FOREIGN;
	char *mark = NULL;

	server_path(server, MAKING_FILE, &text);
	if (disk_exists(path))
		return DIRECTORY_UNFINISHED;
	if (disk_is_empty(server->pgdata))
		return DIRECTORY_EMPTY;
	text_init(&text, path, sizeof(path));
	mark_path(server, &text);
	mark = disk_read(path, 64, NULL);
	if (mark)
		found = strcmp(mark, "ready\n") == 0 ? DIRECTORY_OURS : DIRECTORY_NEW;
	free(mark);
	return found;
}

int
server_mark(const struct server *server, enum server_directory what, struct pgaf_error *error)
{
	char path[SERVER_PATH_MAX + 64];
	char making[SERVER_PATH_MAX + 64];
	struct text text = TEXT(path);
	struct text making_text = TEXT(making);
	const char *mark = what == DIRECTORY_OURS ? "ready\n" : "made\n";

	if (what == DIRECTORY_UNFINISHED)
		return write_text(server, MAKING_FILE, "", error);
	mark_path(server, &text);
	if (files_write(path, mark, strlen(mark), 0600, error) < 0)
		return error ? error->code : PGAF_ESYS;
	server_path(server, MAKING_FILE, &making_text);
	if (unlink(making) < 0 && errno != ENOENT)
		return sys_error(error, errno, "remove %s", making);
	return files_sync_directory(server->state_dir, error);
}

/* ---- why it does not start ----------------------------------------------------------- */

void
server_reason(const struct server *server, char *to, size_t room, bool *port_in_use)
{
	char path[SERVER_PATH_MAX + 64];
	struct text text = TEXT(path);
	char line[512];
	FILE *file = NULL;

	to[0] = '\0';
	*port_in_use = false;
	server_path(server, LOG_FILE, &text);
	file = fopen(path, "re");
	if (file && fseek(file, -4096, SEEK_END) != 0)
		rewind(file);
	while (file && fgets(line, sizeof(line), file)) {
		const char *fatal = strstr(line, "FATAL:  ");

		if (!fatal)
			fatal = strstr(line, "PANIC:  ");
		if (!fatal)
			continue;
		text_copy(to, room, fatal + strlen("FATAL:  "));
		to[strcspn(to, "\n")] = '\0';
		*port_in_use = strstr(fatal, "could not create any TCP/IP sockets") != NULL;
	}
	if (file)
		fclose(file);
}
