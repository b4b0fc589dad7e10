/* SPDX-License-Identifier: PostgreSQL */
/*
 * The server under test. Its programs run as user postgres when the test is
 * run by root, as PostgreSQL insists.
 */

#include "unit/pg/scratch.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIN PGAF_POSTGRES_BIN "/"

char scratch_directory[64];
uint32_t scratch_port;

/* ---- programs ------------------------------------------------------------ */

static void
scratch_become_postgres(void)
{
	const struct passwd *user = NULL;

	if (geteuid() != 0)
		return;
	user = getpwnam("postgres");
	if (!user || initgroups("postgres", user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
	    setuid(user->pw_uid) < 0)
		_exit(126);
}

/* Run a program; its output goes to `output` (room bytes) or nowhere. */
static int
scratch_program(char *output, size_t room, const char *const argv[])
{
	int pipes[2];
	size_t used = 0;
	ssize_t got = 0;
	int status = 0;
	pid_t pid = 0;

	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int nowhere = open("/dev/null", O_RDWR);

		dup2(nowhere, 0);
		dup2(output ? pipes[1] : nowhere, 1);
		if (!getenv("PGAF_TEST_VERBOSE"))
			dup2(nowhere, 2);
		scratch_become_postgres();
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(pipes[1]);
	while (output && used + 1 < room &&
	       (got = read(pipes[0], output + used, room - used - 1)) > 0)
		used += (size_t)got;
	if (output)
		output[used] = '\0';
	close(pipes[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void
scratch_path(char to[128], const char *name)
{
	snprintf(to, 128, "%s/%s", scratch_directory, name);
}

/* ---- life ------------------------------------------------------------------ */

static void
scratch_make_certificate(const char *data)
{
	char certificate[160];
	char key[160];

	snprintf(certificate, sizeof(certificate), "%s/server.crt", data);
	snprintf(key, sizeof(key), "%s/server.key", data);
	ck_assert_int_eq(
		scratch_program(NULL, 0,
	                        (const char *const[]){"/usr/bin/openssl", "req", "-new", "-x509",
	                                              "-days", "30", "-nodes", "-newkey", "ec",
	                                              "-pkeyopt", "ec_paramgen_curve:prime256v1",
	                                              "-subj", "/CN=localhost", "-out", certificate,
	                                              "-keyout", key, NULL}),
		0);
}

void
scratch_create(void)
{
	char data[128];
	char line[160];
	const struct passwd *user = getpwnam("postgres");

	snprintf(scratch_directory, sizeof(scratch_directory), "/tmp/pgaf-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(scratch_directory));
	if (geteuid() == 0)
		ck_assert_int_eq(chown(scratch_directory, user->pw_uid, user->pw_gid), 0);
	scratch_port = scratch_free_port();
	scratch_path(data, "data");
	ck_assert_int_eq(
		scratch_program(NULL, 0,
	                        (const char *const[]){BIN "initdb", "-D", data, "-U", "postgres",
	                                              "--auth-local=trust",
	                                              "--auth-host=scram-sha-256", "-N", NULL}),
		0);
	scratch_make_certificate(data);
	snprintf(line, sizeof(line), "port = %u", scratch_port);
	scratch_set(line);
	snprintf(line, sizeof(line), "unix_socket_directories = '%s'", scratch_directory);
	scratch_set(line);
	scratch_set("fsync = off");
	scratch_set("ssl = on");
	scratch_set("shared_buffers = 16MB");
	scratch_set("max_connections = 20");
	scratch_set("max_wal_senders = 4");
	scratch_set("listen_addresses = '127.0.0.1'");
	scratch_set("restart_after_crash = off");
	scratch_start();
	scratch_sql("CREATE ROLE pgaf_probe LOGIN REPLICATION IN ROLE pg_monitor "
	            "PASSWORD 'open sesame'");
	scratch_stop();
}

void
scratch_remove(void)
{
	scratch_stop();
	ck_assert_int_eq(
		scratch_program(NULL, 0,
	                        (const char *const[]){"/bin/rm", "-rf", scratch_directory, NULL}),
		0);
}

void
scratch_set(const char *line)
{
	char path[128];
	FILE *file = NULL;

	scratch_path(path, "data/postgresql.conf");
	file = fopen(path, "a");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "%s\n", line);
	ck_assert_int_eq(fclose(file), 0);
}

pid_t
scratch_start(void)
{
	char data[128];
	char log[128];
	char path[128];
	int pid = 0;
	int tries = 50;
	FILE *file = NULL;

	scratch_path(data, "data");
	scratch_path(log, "log");
	/* It refuses while a process of one that was killed lives on. */
	while (scratch_program(NULL, 0,
	                       (const char *const[]){BIN "pg_ctl", "-D", data, "-l", log, "-w",
	                                             "start", NULL}) != 0) {
		ck_assert_int_gt(--tries, 0);
		poll(NULL, 0, 100);
	}
	scratch_path(path, "data/postmaster.pid");
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
	fclose(file);
	return pid;
}

void
scratch_stop(void)
{
	char data[128];

	scratch_path(data, "data");
	scratch_program(NULL, 0,
	                (const char *const[]){BIN "pg_ctl", "-D", data, "-w", "-m", "immediate",
	                                      "stop", NULL});
}

static void
scratch_psql(char *output, size_t room, const char *sql)
{
	char port[16];

	snprintf(port, sizeof(port), "%u", scratch_port);
	ck_assert_int_eq(scratch_program(output, room,
	                                 (const char *const[]){BIN "psql", "-h", scratch_directory,
	                                                       "-p", port, "-U", "postgres",
	                                                       "-XAtqv", "ON_ERROR_STOP=1", "-c",
	                                                       sql, "postgres", NULL}),
	                 0);
}

void
scratch_sql(const char *sql)
{
	scratch_psql(NULL, 0, sql);
}

pid_t
scratch_pid(const char *sql)
{
	char output[64];

	scratch_psql(output, sizeof(output), sql);
	return (pid_t)strtol(output, NULL, 10);
}

/* ---- loops -------------------------------------------------------------------- */

static void
scratch_turn(struct loop *loop, pgaf_time until)
{
	struct pollfd ready = {.fd = loop_fd(loop), .events = POLLIN};
	pgaf_time deadline = loop_deadline(loop);
	pgaf_time now = loop_now(loop);
	struct timespec wait = {0};

	if (deadline > until)
		deadline = until;
	if (deadline > now) {
		wait.tv_sec = (deadline - now) / PGAF_SECONDS(1);
		wait.tv_nsec = (deadline - now) % PGAF_SECONDS(1);
	}
	ppoll(&ready, 1, &wait, NULL);
	loop_dispatch(loop);
}

pgaf_time
scratch_wait(struct loop *loop, const bool *flag, pgaf_time limit)
{
	pgaf_time started = loop_now(loop);

	while (!*flag) {
		ck_assert_msg(loop_now(loop) - started < limit, "it did not happen in time");
		scratch_turn(loop, started + limit);
	}
	return loop_now(loop) - started;
}

void
scratch_run(struct loop *loop, pgaf_time duration)
{
	pgaf_time until = loop_now(loop) + duration;

	while (loop_now(loop) < until)
		scratch_turn(loop, until);
}

/* ---- sockets -------------------------------------------------------------------- */

/* Below the range from which the kernel gives ports to those who connect, so that none of them
 * takes it between two starts of the server. */
static int
scratch_bind(uint32_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	static uint32_t tries;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 1000; i++) {
		*port = 15000 + ((uint32_t)getpid() * 37 + tries++) % 5000;
		address.sin_port = htons((uint16_t)*port);
		if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return fd;
	}
	ck_abort_msg("no port is free");
}

uint32_t
scratch_silent_listener(int *fd)
{
	uint32_t port = 0;

	*fd = scratch_bind(&port);
	ck_assert_int_eq(listen(*fd, 16), 0);
	return port;
}

uint32_t
scratch_free_port(void)
{
	uint32_t port = 0;

	close(scratch_bind(&port));
	return port;
}
