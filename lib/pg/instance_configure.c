/* SPDX-License-Identifier: PostgreSQL */
/*
 * Configuration: pgaf.conf and its include, our HBA block, certificates. What
 * is on disk is durable before the server is told to read it (PROTOCOL 8c),
 * and nothing is written that is there already.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/pure/error.h"
#include "pg/disk.h"
#include "pg/hba.h"
#include "pg/instance_parts.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define LEAST_SENDERS 24
#define DEBIAN_SOCKETS "/var/run/postgresql"
#define PASSFILE "replicator.pass"
/* Rotation of certificates is the operator's; a node's own lasts as long as a node does. */
#define CERTIFICATE_DAYS "3650"

enum configure_extent { WRITE_CONF, WRITE_GATE, WRITE_ALL };

struct configure_job {
	char conf_path[INSTANCE_PATH_MAX + 32];
	char conf_text[CONF_ROOM];
	enum configure_extent extent;
	bool closed; /* clients are held back */
	char main_path[INSTANCE_PATH_MAX + 32];
	char auto_path[INSTANCE_PATH_MAX + 32]; /* "" = a server runs: SQL does it */
	char hba_path[INSTANCE_PATH_MAX + 32];  /* "" = not ours to write */
	char hba_lines[4096];
	char ident_path[INSTANCE_PATH_MAX + 32]; /* "" = nothing to say */
	char ident_lines[1024];
	char owned[4096];
};

/* ---- on the thread ---------------------------------------------------------------- */

/* Missing counts as empty. NULL: an error. */
static char *
read_or_empty(const char *path, struct pgaf_error *error)
{
	struct pgaf_error local = {0};
	char *content = disk_read(path, FILE_BYTES_MAX, &local);

	if (content == NULL && local.code == PGAF_ENOENT)
		return strdup("");
	if (content == NULL && error != NULL)
		*error = local;
	return content;
}

static int
write_if_new(const char *path, const char *content, struct pgaf_error *error)
{
	char *old = read_or_empty(path, error);
	int code = 0;

	if (old == NULL)
		return error->code;
	if (strcmp(old, content) != 0 || !disk_exists(path))
		code = disk_write(path, content, 0600, error);
	free(old);
	return code;
}

/* The operator's files stay as readable as they were. */
static unsigned
file_mode(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? status.st_mode & 0777 : 0600;
}

typedef bool (*edit_fn)(const struct configure_job *job, const char *old, struct text *to);

static int
edit_file(const struct configure_job *job, const char *path, edit_fn edit, struct pgaf_error *error)
{
	char *old = read_or_empty(path, error);
	struct text text = {0};
	int code = 0;

	if (old == NULL)
		return error->code;
	size_t room = strlen(old) + 8192;
	char *content = malloc(room);
	if (content == NULL) {
		free(old);
		return error_set(error, PGAF_ENOMEM, "out of memory");
	}
	text_init(&text, content, room);
	if (edit(job, old, &text) || !disk_exists(path))
		code = text.cut ? error_set(error, PGAF_E2BIG, "%s would be too long", path)
		                : disk_write(path, content, file_mode(path), error);
	free(content);
	free(old);
	return code;
}

static bool
edit_main(const struct configure_job *job, const char *old, struct text *to)
{
	(void)job;
	return conf_include(old, to);
}

static bool
edit_hba(const struct configure_job *job, const char *old, struct text *to)
{
	return hba_merge(old, job->hba_lines, to);
}

static bool
edit_ident(const struct configure_job *job, const char *old, struct text *to)
{
	return hba_merge(old, job->ident_lines, to);
}

static bool
is_owned(const struct configure_job *job, const char *line)
{
	char quoted[80];
	struct text text = TEXT(quoted);

	text_add(&text, "'");
	text_add_bytes(&text, line, strcspn(line, " =\n"));
	text_add(&text, "'");
	return !text.cut && text.used > 2 && strstr(job->owned, quoted) != NULL;
}

/* What ALTER SYSTEM RESET would do if a server ran. */
static bool
edit_auto(const struct configure_job *job, const char *old, struct text *to)
{
	bool dropped = false;

	for (const char *line = old; *line != '\0';) {
		size_t length = strcspn(line, "\n");

		length += line[length] == '\n';
		if (is_owned(job, line))
			dropped = true;
		else
			text_add_bytes(to, line, length);
		line += length;
	}
	return dropped;
}

/* With the maps that its lines name. */
static int
write_hba(const struct configure_job *job, struct pgaf_error *error)
{
	int code = 0;

	if (job->ident_path[0] != '\0')
		code = edit_file(job, job->ident_path, edit_ident, error);
	if (code == 0 && job->hba_path[0] != '\0')
		code = edit_file(job, job->hba_path, edit_hba, error);
	return code;
}

static int
configure_work(void *arg, const atomic_bool *stop, struct pgaf_error *error)
{
	const struct configure_job *job = arg;
	int code = 0;

	(void)stop;
	/* pgaf.conf says that clients may be held back before they are, and after they were: what
	 * dies in between is found, and finished (16). */
	if (!job->closed)
		code = write_hba(job, error);
	if (code == 0)
		code = write_if_new(job->conf_path, job->conf_text, error);
	if (code == 0 && job->closed)
		code = write_hba(job, error);
	if (job->extent != WRITE_ALL || code < 0)
		return code;
	code = edit_file(job, job->main_path, edit_main, error);
	if (code == 0 && job->auto_path[0] != '\0' && disk_exists(job->auto_path))
		code = edit_file(job, job->auto_path, edit_auto, error);
	return code;
}

/* ---- what is to be written -------------------------------------------------------- */

static void
socket_directories(struct instance *in)
{
	struct text text = TEXT(in->socket_dirs);

	text_addf(&text, "\"%s\"", in->socket_dir);
	if (strcmp(in->socket_dir, DEBIAN_SOCKETS) != 0 && access(DEBIAN_SOCKETS, W_OK) == 0)
		text_add(&text, ", \"" DEBIAN_SOCKETS "\"");
}

static uint32_t
operator_number(const char *content, const char *name)
{
	char value[32];
	uint64_t number = 0;

	if (!conf_lookup(content, name, value, sizeof(value)) || !text_to_u64(value, &number) ||
	    number > UINT32_MAX)
		return 0;
	return (uint32_t)number;
}

static uint32_t
larger(uint32_t one, uint32_t other)
{
	return one > other ? one : other;
}

/* Ours are floors: what the operator wants more of stays. */
static void
take_floors(struct instance *in)
{
	char path[INSTANCE_PATH_MAX + 32];
	char level[32] = "";
	struct text text = TEXT(path);

	text_addf(&text, "%s/postgresql.conf", in->config_dir);
	char *content = read_or_empty(path, NULL);
	if (content == NULL)
		return;
	in->conf.senders = larger(LEAST_SENDERS, operator_number(content, "max_wal_senders"));
	in->conf.slots = larger(LEAST_SENDERS, operator_number(content, "max_replication_slots"));
	in->conf.wal_level = conf_lookup(content, "wal_level", level, sizeof(level)) &&
	                     strcmp(level, "minimal") == 0;
	free(content);
}

/* Recovery stops below the primary's values, which the control file knows (PROTOCOL 23). */
static void
take_limits(struct instance *in, const struct control *control)
{
	bool lower = (in->observer.seen.vetoes & VETO_BIT(PARAMETERS)) != 0;

	for (size_t i = 0; i < LIMIT_COUNT; i++)
		if (lower || in->conf.limits[i] > 0)
			in->conf.limits[i] = larger(in->conf.limits[i], control->limits[i]);
}

static void
prepare_conf(struct instance *in)
{
	struct control control;
	struct conf *conf = &in->conf;

	socket_directories(in);
	conf->major = instance_version(in);
	conf->listen = in->listen;
	conf->port = in->port;
	conf->socket_dirs = in->socket_dirs;
	conf->ssl = in->ssl;
	conf->ca_file = in->ca_file;
	conf->cert_file = in->cert_file;
	conf->key_file = in->key_file;
	take_floors(in);
	if (control_read(in->pgdata, &control, NULL) < 0)
		return;
	conf->log_hints = !control.checksums;
	take_limits(in, &control);
}

static void
name_file(char *to, size_t room, const char *directory, const char *name)
{
	struct text text = {0};

	text_init(&text, to, room);
	text_addf(&text, "%s/%s", directory, name);
}

static void
prepare_hba(const struct instance *in, struct configure_job *job)
{
	const char *networks[16];
	struct text lines = TEXT(job->hba_lines);
	struct text ident = TEXT(job->ident_lines);

	for (size_t i = 0; i < in->network_count; i++)
		networks[i] = in->networks[i];
	struct hba hba = {.auth = in->auth,
	                  .ssl = in->ssl,
	                  .os_user = in->os_user,
	                  .networks = networks,
	                  .network_count = in->network_count,
	                  .closed = in->conf.closed};
	hba_lines(&hba, &lines);
	hba_ident_lines(&hba, &ident);
	name_file(job->hba_path, sizeof(job->hba_path), in->config_dir, "pg_hba.conf");
	if (ident.used > 0)
		name_file(job->ident_path, sizeof(job->ident_path), in->config_dir,
		          "pg_ident.conf");
}

static struct configure_job *
make_job(struct instance *in, enum configure_extent extent)
{
	struct configure_job *job = calloc(1, sizeof(*job));
	struct text content = {0};
	struct text owned = {0};

	if (job == NULL)
		return NULL;
	prepare_conf(in);
	text_init(&content, job->conf_text, sizeof(job->conf_text));
	text_init(&owned, job->owned, sizeof(job->owned));
	conf_write(&in->conf, &content);
	conf_owned_names(&in->conf, &owned);
	job->extent = extent;
	job->closed = in->conf.closed;
	name_file(job->conf_path, sizeof(job->conf_path), in->config_dir, CONF_FILE);
	name_file(job->main_path, sizeof(job->main_path), in->config_dir, "postgresql.conf");
	if (in->postmaster == 0)
		name_file(job->auto_path, sizeof(job->auto_path), in->pgdata,
		          "postgresql.auto.conf");
	/* A gate that was closed is opened, whatever the options say since. */
	if (extent == WRITE_GATE || (extent == WRITE_ALL && !in->skip_hba))
		prepare_hba(in, job);
	return job;
}

static void
print_hba(struct instance *in)
{
	struct configure_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return;
	prepare_hba(in, job);
	instance_log(in, PGAF_LOG_INFO, "hba", "pg_hba.conf is left alone; it needs: %s",
	             job->hba_lines);
	free(job);
}

/* ---- pgaf.conf alone -------------------------------------------------------------- */

static void
conf_saved(struct instance *in)
{
	attach_signal(in, SIGHUP);
	observe_settings_changed(in);
	in->task.conf_then(in);
}

void
conf_save(struct instance *in, task_then then)
{
	in->task.conf_then = then;
	task_job(in, configure_work, make_job(in, WRITE_CONF), conf_saved);
}

/* ---- and whether clients are held back --------------------------------------------- */

static void
gate_saved(struct instance *in)
{
	in->conf.closed = in->task.hold;
	in->task.conf_then(in);
}

/* Until the files are durable the gate is where it was: what writes them next keeps it there. */
void
gate_save(struct instance *in, bool closed, task_then then)
{
	bool before = in->conf.closed;

	in->task.hold = closed;
	in->task.conf_then = then;
	in->conf.closed = closed;
	struct configure_job *job = make_job(in, WRITE_GATE);
	in->conf.closed = before || closed;
	task_job(in, configure_work, job, gate_saved);
}

/* ---- everything ------------------------------------------------------------------- */

static void reset_next(struct instance *in);

static void
reset_done(struct instance *in, const PGresult *rows)
{
	(void)rows;
	reset_next(in);
}

static void
reset_found(struct instance *in, const PGresult *rows)
{
	char sql[200];
	struct text text = TEXT(sql);

	if (PQntuples(rows) == 0 || in->task.attempts++ > 100) {
		attach_signal(in, SIGHUP);
		in->task.conf_then(in);
		return;
	}
	const char *name = PQgetvalue(rows, 0, 0);
	instance_log(in, PGAF_LOG_WARNING, "alter-system",
	             "%s was set with ALTER SYSTEM; it is pgaf's and was reset", name);
	text_add(&text, "ALTER SYSTEM RESET ");
	sql_identifier(&text, name);
	task_sql(in, sql, reset_done);
}

/* One at a time: ALTER SYSTEM does not run together with anything else. */
static void
reset_next(struct instance *in)
{
	struct text text = TEXT(in->task.text);

	text_add(&text, "SELECT name FROM pg_file_settings WHERE sourcefile LIKE"
	                " '%/postgresql.auto.conf' AND name IN (");
	struct text names = {.at = in->task.text + text.used,
	                     .room = sizeof(in->task.text) - text.used};
	conf_owned_names(&in->conf, &names);
	text.used += names.used;
	text_add(&text, ") LIMIT 1");
	task_sql(in, in->task.text, reset_found);
}

static void
files_written(struct instance *in)
{
	observe_settings_changed(in);
	if (in->postmaster == 0) {
		in->task.conf_then(in);
		return;
	}
	attach_signal(in, SIGHUP);
	in->task.attempts = 0;
	reset_next(in);
}

static void
write_files(struct instance *in)
{
	if (in->skip_hba)
		print_hba(in);
	task_job(in, configure_work, make_job(in, WRITE_ALL), files_written);
}

/*
 * What openssl writes is not on the disk yet, and Postgres does not start with
 * half a certificate: both get their names when they are there for good, the
 * certificate last, since its presence says that both need not be made.
 */
struct certificate_job {
	char key[INSTANCE_PATH_MAX];
	char new_key[INSTANCE_PATH_MAX + 8];
	char cert[INSTANCE_PATH_MAX];
	char new_cert[INSTANCE_PATH_MAX + 8];
};

static void
name_certificate(const struct instance *in, struct certificate_job *job)
{
	text_copy(job->key, sizeof(job->key), in->key_file);
	snprintf(job->new_key, sizeof(job->new_key), "%s.new", in->key_file);
	text_copy(job->cert, sizeof(job->cert), in->cert_file);
	snprintf(job->new_cert, sizeof(job->new_cert), "%s.new", in->cert_file);
}

static int
certificate_work(void *arg, const atomic_bool *stop, struct pgaf_error *error)
{
	const struct certificate_job *job = arg;
	int code = files_settle(job->new_key, job->key, 0600, error);

	(void)stop;
	return code < 0 ? code : files_settle(job->new_cert, job->cert, 0644, error);
}

static void
certificate_made(struct instance *in)
{
	struct certificate_job *job = malloc(sizeof(*job));

	if (job != NULL)
		name_certificate(in, job);
	task_job(in, certificate_work, job, write_files);
}

void
configure_all(struct instance *in, task_then then)
{
	char subject[300];
	struct text text = TEXT(subject);

	in->task.conf_then = then;
	/* A standby holds nobody back; its files may come from a primary that did. */
	if (in->observer.any && in->observer.seen.pg == PG_STANDBY)
		in->conf.closed = false;
	instance_choose_bindir(in);
	instance_find_config(in);
	attach_look(in);
	if (!in->ssl || disk_exists(in->cert_file)) {
		write_files(in);
		return;
	}
	struct certificate_job names;
	name_certificate(in, &names);
	char own[PGAF_HOST_MAX] = "localhost";
	gethostname(own, sizeof(own) - 1);
	text_addf(&text, "/CN=%.60s", own);
	const char *argv[] = {"/usr/bin/openssl", "req",     "-new",         "-x509",
	                      "-nodes",           "-newkey", "rsa:2048",     "-days",
	                      CERTIFICATE_DAYS,   "-subj",   subject,        "-keyout",
	                      names.new_key,      "-out",    names.new_cert, NULL};
	task_run(in, argv, certificate_made);
}

static void
restart_standby(struct instance *in)
{
	start_server(in, false, task_done);
}

/*
 * A standby pauses its recovery below the primary's values, goes on acknowledging, and would end
 * if it were promoted; new values need a restart (PROTOCOL 23). Once: what is still lower then
 * is set where it is not ours to change.
 */
static void
raise_by_restart(struct instance *in)
{
	if (memcmp(in->restarted_for, in->conf.limits, sizeof(in->restarted_for)) == 0) {
		task_end(in, STEP_FAILED,
		         "max_connections or its like is below the primary's, and set elsewhere");
		return;
	}
	memcpy(in->restarted_for, in->conf.limits, sizeof(in->restarted_for));
	instance_log(in, PGAF_LOG_WARNING, "limits-raised",
	             "max_connections and its like are raised to the primary's by a restart");
	stop_server(in, SIGINT, restart_standby);
}

static void
configured(struct instance *in)
{
	const struct observation *seen = &in->observer.seen;

	if (in->observer.any && in->postmaster != 0 && seen->pg == PG_STANDBY &&
	    (seen->vetoes & VETO_BIT(PARAMETERS)) != 0)
		raise_by_restart(in);
	else
		task_done(in);
}

void
configure_start(struct instance *in)
{
	if (!instance_has_data(in))
		task_end(in, STEP_REFUSED, "there is no cluster in %s", in->pgdata);
	else
		configure_all(in, configured);
}

/* ---- the password of the replicator ----------------------------------------------- */

int
instance_write_passfile(struct instance *in, struct pgaf_error *error)
{
	char path[INSTANCE_PATH_MAX];
	char line[600];
	struct text text = TEXT(line);

	instance_state_path(in, PASSFILE, path, sizeof(path));
	text_add(&text, "*:*:*:pgaf_replicator:");
	for (const char *at = in->replicator_password; *at != '\0'; at++) {
		if (*at == ':' || *at == '\\')
			text_add(&text, "\\");
		text_add_bytes(&text, at, 1);
	}
	text_add(&text, "\n");
	return text.cut ? error_set(error, PGAF_E2BIG, "a password is too long")
	                : write_if_new(path, line, error);
}

/* ---- how the upstream is reached -------------------------------------------------- */

static void
add_pair(struct text *to, const char *keyword, const char *value)
{
	text_addf(to, "%s%s='", to->used == 0 ? "" : " ", keyword);
	for (const char *at = value; *at != '\0'; at++) {
		if (*at == '\'' || *at == '\\')
			text_add(to, "\\");
		text_add_bytes(to, at, 1);
	}
	text_add(to, "'");
}

void
upstream_certificates(struct instance *in, struct upstream_files *files)
{
	bool cert = strcmp(in->auth, "cert") == 0;

	/* Always named: otherwise libpq takes what it finds in somebody's home directory. */
	text_copy(files->root, sizeof(files->root), in->ca_file);
	text_copy(files->cert, sizeof(files->cert), in->cert_file);
	text_copy(files->key, sizeof(files->key), in->key_file);
	if (in->ca_file[0] == '\0')
		instance_state_path(in, "no-root.crt", files->root, sizeof(files->root));
	if (cert)
		return;
	instance_state_path(in, "no-client.crt", files->cert, sizeof(files->cert));
	instance_state_path(in, "no-client.key", files->key, sizeof(files->key));
}

void
upstream_conninfo(struct instance *in, const char *dbname, const char *application_name,
                  struct text *to)
{
	const struct peer *upstream = &in->task.order.upstream;
	char port[16];
	char passfile[INSTANCE_PATH_MAX];
	struct text text = TEXT(port);
	struct upstream_files files;

	text_addf(&text, "%u", (unsigned)upstream->port);
	instance_state_path(in, PASSFILE, passfile, sizeof(passfile));
	add_pair(to, "host", upstream->host);
	/* A name service that hangs would hold up the walreceiver, and with it a promotion (45). */
	add_pair(to, "hostaddr", in->task.address);
	add_pair(to, "port", port);
	add_pair(to, "user", "pgaf_replicator");
	if (dbname[0] != '\0')
		add_pair(to, "dbname", dbname);
	add_pair(to, "passfile", passfile);
	add_pair(to, "application_name", application_name);
	add_pair(to, "sslmode",
	         !in->ssl                 ? "disable"
	         : in->ca_file[0] != '\0' ? "verify-ca"
	                                  : "require");
	upstream_certificates(in, &files);
	add_pair(to, "sslrootcert", files.root);
	add_pair(to, "sslcert", files.cert);
	add_pair(to, "sslkey", files.key);
	add_pair(to, "gssencmode", "disable");
	add_pair(to, "connect_timeout", "5");
	add_pair(to, "keepalives_idle", "2");
	add_pair(to, "keepalives_interval", "1");
	add_pair(to, "keepalives_count", "3");
	add_pair(to, "tcp_user_timeout", "5000");
}
