/* SPDX-License-Identifier: PostgreSQL */
/* Two instances in one loop; see pair.h. */

#include "unit/pg/pair.h"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "pg/disk.h"
#include "pg/process.h"

#define STEP_LIMIT PGAF_SECONDS(25)
#define PSQL PGAF_POSTGRES_BIN "/psql"

struct loop *pair_loop;
struct pair_node pair_nodes[2];
char pair_directory[64];

/* ---- callbacks -------------------------------------------------------------------- */

static void
step_done(void *ctx, const struct step_result *result)
{
	struct pair_node *node = ctx;

	node->result = *result;
	node->stepped = true;
}

static void
observed(void *ctx, const struct observation *seen)
{
	struct pair_node *node = ctx;

	node->seen = *seen;
	node->observed = true;
}

static void
exited(void *ctx, bool inside)
{
	struct pair_node *node = ctx;

	node->exited = true;
	node->exit_inside = inside;
	node->exited_at = loop_now(pair_loop);
}

static void
logged(void *ctx, int level, const char *event, const char *line)
{
	struct pair_node *node = ctx;
	struct text text = {.at = node->log, .room = sizeof(node->log)};

	text.used = strlen(node->log);
	text_addf(&text, "%s: %s\n", event, line);
	if (getenv("PAIR_VERBOSE") != NULL)
		fprintf(stderr, "node %u: %d %s: %s\n", (unsigned)node->id, level, event, line);
}

/* ---- life ------------------------------------------------------------------------- */

/* By executing the test again: Postgres refuses root. */
void
pair_become(void)
{
	char self[512] = "";
	ssize_t got = 0;

	if (geteuid() != 0)
		return;
	got = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (got > 0)
		execlp("setpriv", "setpriv", "--reuid=postgres", "--regid=postgres",
		       "--init-groups", self, (char *)NULL);
	perror("setpriv");
	exit(EXIT_FAILURE);
}

static bool
port_is_free(uint32_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons((uint16_t)port),
	                              .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int failed = bind(fd, (struct sockaddr *)&address, sizeof(address));

	close(fd);
	return failed == 0;
}

static uint32_t
find_port(uint32_t from)
{
	while (!port_is_free(from))
		from++;
	return from;
}

void
pair_create(void)
{
	uint32_t port = 24000 + (uint32_t)(getpid() % 200) * 2;

	const char *root = getenv("PAIR_ROOT");
	struct text directory = TEXT(pair_directory);

	text_addf(&directory, "%s/pgaf-pair-XXXXXX", root == NULL ? "/tmp" : root);
	ck_assert_ptr_nonnull(mkdtemp(pair_directory));
	pair_loop = loop_new(NULL);
	ck_assert_ptr_nonnull(pair_loop);
	for (size_t i = 0; i < 2; i++) {
		struct pair_node *node = &pair_nodes[i];
		struct text data = TEXT(node->pgdata);
		struct text state = TEXT(node->state_dir);

		node->id = (pgaf_node_id)(i + 1);
		node->port = find_port(port);
		port = node->port + 1;
		text_addf(&data, "%s/node%zu", pair_directory, i + 1);
		text_addf(&state, "%s/node%zu.pgaf", pair_directory, i + 1);
	}
}

pid_t
pair_postmaster(const struct pair_node *node)
{
	struct postmaster found;

	process_find_postmaster(node->pgdata, &found);
	return found.pid;
}

void
pair_remove(void)
{
	for (size_t i = 0; i < 2; i++) {
		pid_t pids[100];

		pair_close(&pair_nodes[i]);
		size_t count = process_list(pair_nodes[i].pgdata, pids, 100);
		for (size_t p = 0; p < count; p++)
			kill(pids[p], SIGKILL);
		while (process_list(pair_nodes[i].pgdata, pids, 100) > 0)
			poll(NULL, 0, 5);
	}
	loop_free(pair_loop);
	if (getenv("PAIR_KEEP") == NULL)
		disk_remove(pair_directory, NULL, NULL);
}

struct pair_node *
pair_peer(const struct pair_node *node)
{
	return &pair_nodes[node->id == 1 ? 1 : 0];
}

void
pair_open(struct pair_node *node)
{
	static const struct instance_callbacks callbacks = {
		.step_done = step_done, .observed = observed, .exited = exited, .log = logged};
	static const char *const networks[] = {"samenet", NULL};
	struct pgaf_error error = {0};

	node->instance = instance_new(pair_loop,
	                              &(struct instance_options){
					      .pgdata = node->pgdata,
					      .state_dir = node->state_dir,
					      .listen = "127.0.0.1",
					      .port = node->port,
					      .auth = "scram-sha-256",
					      .ssl = true,
					      .client_networks = networks,
					      .dbname = "shop",
					      .username = "clerk",
					      .password = "it's a:secret\\",
					      .maximum_backup_rate = node->backup_rate,
					      .replicator_password = "re:pli\\cate'",
					      .probe_password = "probe",
				      },
	                              &callbacks, node, &error);
	ck_assert_msg(node->instance != NULL, "%s", error.text);
}

void
pair_close(struct pair_node *node)
{
	instance_free(node->instance);
	node->instance = NULL;
}

/* ---- orders ----------------------------------------------------------------------- */

static struct peer
as_peer(const struct pair_node *node)
{
	struct peer peer = {.id = node->id, .host = "127.0.0.1", .port = node->port};
	struct text name = TEXT(peer.name);

	text_addf(&name, "node%u", (unsigned)node->id);
	return peer;
}

struct step_order
pair_order(const struct pair_node *node, enum step step)
{
	static uint64_t number;
	struct step_order order = {
		.step = step,
		.number = ++number,
		.self = node->id,
		.upstream = as_peer(pair_peer(node)),
		.peer_count = 1,
		.peers = {as_peer(pair_peer(node))},
		.deadline = PGAF_NEVER,
	};

	order.goal.upstream = order.upstream.id;
	order.goal.may_rewind = true;
	settings_init(&order.settings);
	return order;
}

void
pair_wait(const bool *flag, pgaf_time limit)
{
	pgaf_time until = loop_now(pair_loop) + limit;

	loop_dispatch(pair_loop);
	while (!*flag && loop_now(pair_loop) < until) {
		struct pollfd ready = {.fd = loop_fd(pair_loop), .events = POLLIN};

		poll(&ready, 1, 50);
		loop_dispatch(pair_loop);
	}
}

void
pair_turn(pgaf_time span)
{
	bool never = false;

	pair_wait(&never, span);
}

const struct step_result *
pair_run(struct pair_node *node, const struct step_order *order, enum step_outcome outcome)
{
	pgaf_time began = loop_now(pair_loop);

	node->stepped = false;
	instance_step(node->instance, order);
	ck_assert_msg(!node->stepped, "the result came before the call returned");
	pair_wait(&node->stepped, STEP_LIMIT);
	ck_assert_msg(node->stepped, "node %u: step %s does not end", (unsigned)node->id,
	              step_name(order->step));
	if (getenv("PAIR_VERBOSE") != NULL)
		fprintf(stderr, "node %u: %s: outcome %d after %lld ms: %s\n", (unsigned)node->id,
		        step_name(order->step), (int)node->result.outcome,
		        (long long)((loop_now(pair_loop) - began) / PGAF_MSEC(1)),
		        node->result.text);
	ck_assert_uint_eq(node->result.number, order->number);
	ck_assert_msg(node->result.outcome == outcome, "node %u: step %s: outcome %d: %s",
	              (unsigned)node->id, step_name(order->step), (int)node->result.outcome,
	              node->result.text);
	return &node->result;
}

const struct step_result *
pair_step(struct pair_node *node, enum step step)
{
	struct step_order order = pair_order(node, step);

	return pair_run(node, &order, STEP_DONE);
}

const struct observation *
pair_observe(struct pair_node *node)
{
	node->observed = false;
	instance_observe(node->instance);
	pair_wait(&node->observed, PGAF_SECONDS(10));
	ck_assert_msg(node->observed, "node %u was not observed", (unsigned)node->id);
	return &node->seen;
}

void
pair_until(struct pair_node *node, pair_holds holds, pgaf_time limit)
{
	pgaf_time until = loop_now(pair_loop) + limit;

	while (!holds(pair_observe(node))) {
		ck_assert_msg(loop_now(pair_loop) < until, "node %u does not get there",
		              (unsigned)node->id);
		pair_turn(PGAF_MSEC(5));
	}
}

/* ---- psql ------------------------------------------------------------------------- */

static pid_t
start_psql(const struct pair_node *node, const char *sql, int out)
{
	char port[16];
	struct text text = TEXT(port);
	pid_t pid = 0;

	text_addf(&text, "%u", (unsigned)node->port);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	if (out >= 0)
		dup2(out, STDOUT_FILENO);
	execl(PSQL, PSQL, "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", node->state_dir, "-p", port, "-U",
	      "postgres", "-d", "postgres", "-c", sql, (char *)NULL);
	_exit(127);
}

const char *
pair_sql(const struct pair_node *node, const char *sql)
{
	static char answer[4096];
	int ends[2];
	int status = 0;
	size_t used = 0;
	ssize_t got = 0;

	ck_assert_int_eq(pipe(ends), 0);
	pid_t pid = start_psql(node, sql, ends[1]);
	close(ends[1]);
	while ((got = read(ends[0], answer + used, sizeof(answer) - 1 - used)) > 0)
		used += (size_t)got;
	close(ends[0]);
	answer[used] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "psql: %s", sql);
	return answer;
}

pid_t
pair_sql_start(const struct pair_node *node, const char *sql)
{
	return start_psql(node, sql, -1);
}
