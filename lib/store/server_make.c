/* SPDX-License-Identifier: PostgreSQL */
/*
 * Making the monitor's PostgreSQL: initdb and a certificate as programs, files
 * by jobs on a worker, each followed by the next step in the loop.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/files.h"
#include "base/pure/error.h"
#include "pg/disk.h"
#include "store/server_parts.h"

void
server_log(const struct server *server, enum pgaf_log_level level, const char *event,
           const char *format, ...)
{
	char text[512];
	va_list arguments;

	if (!server->log)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	server->log(server->log_ctx, &(struct pgaf_log){
					     .level = level,
					     .event = event,
					     .text = text,
					     .formation = "",
					     .node_name = "",
				     });
}

void
server_fail(struct server *server, const struct pgaf_error *error)
{
	struct pgaf_error copy = *error;

	server->phase = SERVER_FAILED;
	loop_timer_set(server->timer, PGAF_NEVER);
	server->callbacks.failed(server->ctx, &copy);
}

/* ---- blocking work ------------------------------------------------------------------- */

struct server_job {
	struct server *server; /* NULL: nobody waits */
	int (*work)(struct server *server, struct pgaf_error *error);
	void (*then)(struct server *server);
	struct server copy; /* what the worker reads */
	struct pgaf_error error;
};

static void
server_job_work(void *arg)
{
	struct server_job *job = arg;

	job->work(&job->copy, &job->error);
}

static void
server_job_finished(void *arg)
{
	struct server_job *job = arg;
	struct server *server = job->server;
	struct pgaf_error error = job->error;
	void (*then)(struct server *) = job->then;

	free(job);
	if (!server)
		return;
	server->job = NULL;
	if (error.code < 0)
		server_fail(server, &error);
	else
		then(server);
}

void
server_run_job(struct server *server, int (*work)(struct server *, struct pgaf_error *),
               void (*then)(struct server *))
{
	struct server_job *job = calloc(1, sizeof(*job));
	struct pgaf_error error = {0};

	if (job) {
		job->server = server;
		job->work = work;
		job->then = then;
		job->copy = *server;
		server->job = job;
		if (loop_job(server->loop, server_job_work, server_job_finished, job) == 0)
			return;
		server->job = NULL;
	}
	free(job);
	error_set(&error, PGAF_ENOMEM, "out of memory");
	server_fail(server, &error);
}

/* ---- programs ------------------------------------------------------------------------ */

static int
server_run_program(struct server *server, const char *const *argv,
                   void (*ended)(void *ctx, int status, const char *output))
{
	struct pgaf_error error = {0};

	server->program = loop_child_start(server->loop,
	                                   &(struct loop_child_options){
						   .argv = argv,
						   .ended = ended,
						   .ctx = server,
					   },
	                                   &error);
	if (server->program)
		return 0;
	server_fail(server, &error);
	return PGAF_ECHILD;
}

/* True when the program did its work; otherwise its output says why not. */
static bool
server_program_worked(struct server *server, const char *name, int status, const char *output)
{
	struct pgaf_error error = {0};
	char line[300];

	server->program = NULL;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	error_set(&error, PGAF_ECHILD, "%s failed: %s", name,
	          error_of_output(output, line, sizeof(line)));
	server_fail(server, &error);
	return false;
}

/* ---- making it ----------------------------------------------------------------------- */

static void server_write_and_launch(struct server *server);

static int
work_mark_new(struct server *server, struct pgaf_error *error)
{
	return server_mark(server, DIRECTORY_NEW, error);
}

static void
initdb_ended(void *ctx, int status, const char *output)
{
	struct server *server = ctx;

	if (server_program_worked(server, "initdb", status, output))
		server_run_job(server, work_mark_new, server_certificate);
}

static void
server_initdb(struct server *server)
{
	char program[SERVER_PATH_MAX + 16];
	struct text text = TEXT(program);
	char user[96];
	const char *argv[] = {
		program,
		"-D",
		server->pgdata,
		user,
		"--data-checksums",
		"--encoding=UTF8",
		"--locale=C.UTF-8",
		"--auth=reject",
		NULL,
	};

	text_addf(&text, "%s/initdb", server->bindir);
	snprintf(user, sizeof(user), "--username=%s", server->user);
	server_log(server, PGAF_LOG_INFO, "store-created", "makes the store's database in %s",
	           server->pgdata);
	server_run_program(server, argv, initdb_ended);
}

/* Nothing of an unfinished initdb is worth keeping; the mark goes first. */
static int
work_clear(struct server *server, struct pgaf_error *error)
{
	int result = server_mark(server, DIRECTORY_UNFINISHED, error);

	return result < 0 ? result : disk_empty(server->pgdata, NULL, NULL, error);
}

/* As openssl leaves them they are not on the disk yet; the certificate's name says: both are. */
static int
work_settle_certificate(struct server *server, struct pgaf_error *error)
{
	char from[SERVER_PATH_MAX + 8];

	snprintf(from, sizeof(from), "%s.new", server->key_file);
	int code = files_settle(from, server->key_file, 0600, error);
	if (code < 0)
		return code;
	snprintf(from, sizeof(from), "%s.new", server->cert_file);
	return files_settle(from, server->cert_file, 0644, error);
}

static void
certificate_ended(void *ctx, int status, const char *output)
{
	struct server *server = ctx;

	if (server_program_worked(server, "openssl", status, output))
		server_run_job(server, work_settle_certificate, server_write_and_launch);
}

/* Self-signed, for ten years, with the name keepers connect to. */
void
server_certificate(struct server *server)
{
	char subject[PGAF_HOST_MAX + 16];
	char name[PGAF_HOST_MAX + 48];
	char key[SERVER_PATH_MAX + 8];
	char cert[SERVER_PATH_MAX + 8];
	bool numeric = strspn(server->hostname, "0123456789.") == strlen(server->hostname) ||
	               strchr(server->hostname, ':') != NULL;
	const char *argv[] = {
		"/usr/bin/openssl",
		"req",
		"-new",
		"-x509",
		"-days",
		"3650",
		"-nodes",
		"-newkey",
		"ec",
		"-pkeyopt",
		"ec_paramgen_curve:prime256v1",
		"-subj",
		subject,
		"-addext",
		name,
		"-keyout",
		key,
		"-out",
		cert,
		NULL,
	};

	if (!server->ssl || !server->makes_cert || disk_exists(server->cert_file)) {
		server_write_and_launch(server);
		return;
	}
	/* The subject's room is 64 bytes by the standard; the alternative name is what counts. */
	snprintf(subject, sizeof(subject), "/CN=%.60s", server->hostname);
	snprintf(name, sizeof(name), "subjectAltName=%s:%s", numeric ? "IP" : "DNS",
	         server->hostname);
	snprintf(key, sizeof(key), "%s.new", server->key_file);
	snprintf(cert, sizeof(cert), "%s.new", server->cert_file);
	server_run_program(server, argv, certificate_ended);
}

int
server_work_files(struct server *server, struct pgaf_error *error)
{
	return server_write_files(server, error);
}

static void
server_write_and_launch(struct server *server)
{
	server_run_job(server, server_work_files, server_launch);
}

void
server_make(struct server *server)
{
	server_run_job(server, work_clear, server_initdb);
}

void
server_make_cancel(struct server *server)
{
	loop_child_free(server->program);
	server->program = NULL;
	if (server->job)
		server->job->server = NULL;
	server->job = NULL;
}
