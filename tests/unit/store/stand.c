/* SPDX-License-Identifier: PostgreSQL */
/* The stand of the store's tests. */

#include "unit/store/stand.h"

#include <check.h>
#include <ftw.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/pure/text.h"

#define KEEPERS_MAX 12
#define MONITORS_MAX 3
/* Where a port is looked for; each program takes the first that is free. */
#define PORT_FIRST 25000U
#define PORT_LAST 25080U

enum stand_kind stand_kind;
struct memory_store *stand_memory;
struct loop *stand_loop;
struct server *stand_server;
const struct store_group_key stand_group = {.formation = "default"};
char stand_directory[64];
uint32_t stand_port;

static struct keeper_log *keepers[KEEPERS_MAX];
static struct monitor_log *monitors[MONITORS_MAX];
static PGconn *owner;
static char owner_answer[8192];
static int server_ready_calls;
static int server_stopped_calls;

/* Check has no word for a failure outside of a test. */
static bool testing;

static void give_up(const char *what, const char *why) __attribute__((noreturn));

static void
give_up(const char *what, const char *why)
{
	if (testing)
		ck_abort_msg("%s: %s", what, why);
	fprintf(stderr, "%s: %s\n", what, why);
	_exit(EXIT_FAILURE);
}

/* ---- running ------------------------------------------------------------------------- */

/* One turn of the world; false when nothing is left to run and memory has no time. */
static bool
turn(pgaf_time until)
{
	struct pollfd poll_fd = {.fd = -1, .events = POLLIN};

	if (stand_kind == STAND_MEMORY)
		return memory_store_run_one(stand_memory);
	poll_fd.fd = loop_fd(stand_loop);
	poll(&poll_fd, 1, 2);
	loop_dispatch(stand_loop);
	return loop_now(stand_loop) < until;
}

static pgaf_time
limit_after(pgaf_time time)
{
	return stand_kind == STAND_MEMORY ? 0 : loop_now(stand_loop) + time;
}

void
stand_wait_true(bool (*is)(void *ctx), void *ctx, const char *what)
{
	pgaf_time until = limit_after(STAND_LIMIT);

	while (!is(ctx)) {
		if (!turn(until))
			give_up("waited in vain for", what);
	}
}

struct counter {
	const int *at;
	int least;
};

static bool
counter_reached(void *ctx)
{
	const struct counter *counter = ctx;

	return *counter->at >= counter->least;
}

void
stand_wait(const int *counter, int least, const char *what)
{
	stand_wait_true(counter_reached, &(struct counter){.at = counter, .least = least}, what);
}

void
stand_settle(pgaf_time time)
{
	pgaf_time until = limit_after(time);

	while (turn(until))
		continue;
}

/* ---- what is told -------------------------------------------------------------------- */

static void
on_registered(void *ctx, int result, const struct link_registered *answer,
              const struct pgaf_error *error)
{
	struct keeper_log *log = ctx;

	log->registered_calls++;
	log->registered = result;
	if (answer)
		log->answer = *answer;
	if (error)
		log->error = *error;
}

static void
on_opened(void *ctx)
{
	((struct keeper_log *)ctx)->opened++;
}

static void
on_lost(void *ctx, const struct pgaf_error *error)
{
	struct keeper_log *log = ctx;

	log->lost++;
	log->error = *error;
	if (getenv("STAND_TRACE"))
		fprintf(stderr, "link lost: %s\n", error->text);
}

static void
on_orders(void *ctx, const struct keeper_orders *orders)
{
	struct keeper_log *log = ctx;

	log->orders = *orders;
	log->orders_calls++;
}

static void
on_answered(void *ctx, bool newest)
{
	((struct keeper_log *)ctx)->answered++;
	((struct keeper_log *)ctx)->answered_newest = newest;
}

static void
on_claimed(void *ctx, bool granted, bool known)
{
	struct keeper_log *log = ctx;

	log->claims++;
	log->granted = granted;
	log->known = known;
}

static void
on_dropped(void *ctx)
{
	((struct keeper_log *)ctx)->dropped++;
}

static void
on_store_opened(void *ctx, uint64_t incarnation, pgaf_time age)
{
	struct monitor_log *log = ctx;

	log->opened++;
	log->incarnation = incarnation;
	log->age = age;
}

static void
on_store_lost(void *ctx, const struct pgaf_error *error)
{
	struct monitor_log *log = ctx;

	log->lost++;
	log->error = *error;
}

static void
on_changed(void *ctx, const struct store_group_key *key, enum store_change change,
           pgaf_node_id node)
{
	struct monitor_log *log = ctx;

	(void)node;
	ck_assert_str_eq(key->formation, "default");
	log->changed++;
	log->reported += change == STORE_REPORTED;
}

static void
on_loaded(void *ctx, int result, const struct snapshot *snap)
{
	struct monitor_log *log = ctx;

	log->loads++;
	log->load_result = result;
	if (snap)
		log->snap = *snap;
}

static void
on_committed(void *ctx, int result, const struct pgaf_error *error)
{
	struct monitor_log *log = ctx;

	log->commits++;
	log->commit_result = result;
	if (error)
		log->error = *error;
}

static void
on_report(void *ctx, int result, pgaf_node_id node, const struct report *report, bool last)
{
	struct monitor_log *log = ctx;

	ck_assert_int_eq(result, 0);
	if (report) {
		log->report_count++;
		log->reporter = node;
		log->report = *report;
	}
	log->answers += last;
}

static void
on_sessions(void *ctx, int result, const pgaf_node_id *open, uint32_t count)
{
	struct monitor_log *log = ctx;

	(void)open;
	ck_assert_int_eq(result, 0);
	log->session_count = count;
	log->session_answers++;
}

/* ---- faces --------------------------------------------------------------------------- */

struct monitor_log *
stand_monitor(void)
{
	const struct store_callbacks callbacks = {
		.opened = on_store_opened,
		.lost = on_store_lost,
		.changed = on_changed,
	};
	struct monitor_log *log = calloc(1, sizeof(*log));
	char run_file[96];
	size_t i = 0;

	while (monitors[i])
		ck_assert(++i < MONITORS_MAX);
	monitors[i] = log;
	if (stand_kind == STAND_MEMORY) {
		log->store = memory_store_open(stand_memory, 0, &callbacks, log);
		return log;
	}
	snprintf(run_file, sizeof(run_file), "%s/state/run", stand_directory);
	log->store = postgres_store_new(
		stand_loop,
		&(struct postgres_store_options){
			.uri = server_uri(stand_server),
			.run_file = run_file,
			.join_secret = server_join_secret(stand_server),
			.operator_password = server_operator_password(stand_server),
			.reader_password = server_reader_password(stand_server),
		},
		&callbacks, log, NULL);
	return log;
}

static const struct link_callbacks keeper_callbacks = {
	.registered = on_registered,
	.opened = on_opened,
	.lost = on_lost,
	.orders = on_orders,
	.answered = on_answered,
	.claimed = on_claimed,
	.dropped = on_dropped,
};

void
stand_relink(struct keeper_log *keeper, const char *secret)
{
	char uri[96];
	const char *uris[] = {uri};

	if (keeper->link)
		keeper->link->ops->free(keeper->link);
	snprintf(uri, sizeof(uri), "postgres://pgaf_keeper@127.0.0.1:%u/pgaf", stand_port);
	keeper->link = postgres_link_new(stand_loop,
	                                 &(struct postgres_link_options){
						 .uris = uris,
						 .uri_count = 1,
						 .join_secret = secret,
						 .sslmode = "require",
					 },
	                                 &keeper_callbacks, keeper, NULL);
}

struct keeper_log *
stand_keeper(void)
{
	struct keeper_log *log = calloc(1, sizeof(*log));
	size_t i = 0;

	while (keepers[i])
		ck_assert(++i < KEEPERS_MAX);
	keepers[i] = log;
	if (stand_kind == STAND_MEMORY)
		log->link = memory_link_new(stand_memory, &keeper_callbacks, log);
	else
		stand_relink(log, server_join_secret(stand_server));
	return log;
}

void
stand_free_keeper(struct keeper_log *keeper)
{
	for (size_t i = 0; i < KEEPERS_MAX; i++) {
		if (keepers[i] == keeper)
			keepers[i] = NULL;
	}
	keeper->link->ops->free(keeper->link);
	free(keeper);
}

void
stand_free_monitor(struct monitor_log *monitor)
{
	for (size_t i = 0; i < MONITORS_MAX; i++) {
		if (monitors[i] == monitor)
			monitors[i] = NULL;
	}
	monitor->store->ops->free(monitor->store);
	free(monitor);
}

struct link_registration
stand_registration(const char *name, uint32_t port)
{
	struct link_registration registration = {
		.formation = "default",
		.host = "127.0.0.1",
		.port = port,
		.http_port = 8008,
		.priority = 50,
		.quorum = true,
		.bootstrap = true,
	};

	text_copy(registration.name, sizeof(registration.name), name);
	return registration;
}

int
stand_enroll(struct keeper_log *keeper, const struct link_registration *registration)
{
	int calls = keeper->registered_calls;

	keeper->link->ops->enroll(keeper->link, registration);
	stand_wait(&keeper->registered_calls, calls + 1, "an answer to the registration");
	return keeper->registered;
}

struct keeper_log *
stand_node(const char *name, uint32_t port)
{
	struct link_registration registration = stand_registration(name, port);
	struct keeper_log *keeper = stand_keeper();

	ck_assert_int_eq(stand_enroll(keeper, &registration), 0);
	stand_wait(&keeper->opened, 1, "the session");
	stand_wait(&keeper->orders_calls, 1, "orders");
	return keeper;
}

void
stand_cut(struct keeper_log *keeper)
{
	int opened = keeper->opened;
	int lost = keeper->lost;
	char sql[200];

	if (stand_kind == STAND_MEMORY) {
		memory_link_cut(keeper->link, true);
		memory_link_cut(keeper->link, false);
	} else {
		snprintf(sql, sizeof(sql),
		         "SELECT pg_terminate_backend(session_pid) FROM pgaf.node WHERE id = %u",
		         keeper->answer.node_id);
		stand_sql(sql);
	}
	stand_wait(&keeper->lost, lost + 1, "the loss");
	stand_wait(&keeper->opened, opened + 1, "the session again");
}

/* ---- calls --------------------------------------------------------------------------- */

const struct snapshot *
stand_load(struct monitor_log *monitor)
{
	int loads = monitor->loads;

	monitor->store->ops->load(monitor->store, &stand_group, on_loaded, monitor);
	stand_wait(&monitor->loads, loads + 1, "the group");
	ck_assert_int_eq(monitor->load_result, 0);
	return &monitor->snap;
}

int
stand_commit(struct monitor_log *monitor, const struct decision *decision)
{
	int commits = monitor->commits;

	monitor->store->ops->commit(monitor->store, &stand_group, decision, on_committed, monitor);
	stand_wait(&monitor->commits, commits + 1, "the commit");
	return monitor->commit_result;
}

int
stand_reports(struct monitor_log *monitor)
{
	int answers = monitor->answers;

	monitor->report_count = 0;
	monitor->store->ops->reports(monitor->store, &stand_group, on_report, monitor);
	stand_wait(&monitor->answers, answers + 1, "reports");
	return monitor->report_count;
}

uint32_t
stand_sessions(struct monitor_log *monitor)
{
	int answers = monitor->session_answers;

	monitor->store->ops->sessions(monitor->store, &stand_group, on_sessions, monitor);
	stand_wait(&monitor->session_answers, answers + 1, "sessions");
	return monitor->session_count;
}

void
stand_report(struct keeper_log *keeper, const struct report *report, bool urgent)
{
	int answered = keeper->answered;

	keeper->link->ops->report(keeper->link, report, urgent);
	stand_wait(&keeper->answered, answered + 1, "an answer to the report");
}

bool
stand_claim(struct keeper_log *keeper, uint64_t epoch)
{
	int claims = keeper->claims;

	keeper->link->ops->claim(keeper->link, epoch);
	stand_wait(&keeper->claims, claims + 1, "the claim");
	ck_assert(keeper->known);
	return keeper->granted;
}

struct decision
stand_decision(const struct snapshot *snap, const char *text)
{
	struct decision decision = {
		.rule = 100,
		.from_epoch = snap->group.epoch,
		.from_claimed = snap->group.promotion.claimed,
		.group = snap->group,
	};

	if (snap->count > 0)
		decision.subject = snap->nodes[0].id;
	decision.group.epoch++;
	text_copy(decision.text, sizeof(decision.text), text);
	return decision;
}

/* ---- SQL ----------------------------------------------------------------------------- */

const char *
stand_sql(const char *sql)
{
	PGresult *result = NULL;

	if (!owner)
		owner = PQconnectdb(server_uri(stand_server));
	result = PQexec(owner, sql);
	ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK ||
	                      PQresultStatus(result) == PGRES_COMMAND_OK,
	              "%s: %s", sql, PQresultErrorMessage(result));
	text_copy(owner_answer, sizeof(owner_answer),
	          PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	return owner_answer;
}

PGconn *
stand_connect(const char *user, const char *password)
{
	char uri[200];

	snprintf(uri, sizeof(uri), "host=127.0.0.1 port=%u dbname=pgaf user=%s password=%s",
	         stand_port, user, password);
	return PQconnectdb(uri);
}

/* ---- the server ---------------------------------------------------------------------- */

static void
on_ready(void *ctx)
{
	(void)ctx;
	server_ready_calls++;
}

static void
on_down(void *ctx, const struct pgaf_error *error)
{
	(void)ctx;
	fprintf(stderr, "down: %s\n", error->text);
}

static void
on_failed(void *ctx, const struct pgaf_error *error)
{
	(void)ctx;
	give_up("the server failed", error->text);
}

static void
on_stopped(void *ctx)
{
	(void)ctx;
	server_stopped_calls++;
}

static void
become_postgres(char **argv)
{
	char *again[16] = {"setpriv",  "--reuid",       "postgres", "--regid",
	                   "postgres", "--init-groups", "--"};
	size_t count = 7;

	if (geteuid() != 0)
		return;
	for (size_t i = 0; argv[i] && count < 15; i++)
		again[count++] = argv[i];
	/* libpq looks for certificates below it. */
	setenv("HOME", "/nonexistent", 1);
	execvp(again[0], again);
	perror("setpriv");
	exit(1);
}

/* Held until the program ends: test programs may run at the same time. */
static bool
reserve(uint32_t port)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int length =
		snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "pgaf-test-port-%u", port);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&name, size) == 0)
		return true;
	close(fd);
	return false;
}

uint32_t
stand_reserve_port(void)
{
	for (uint32_t port = PORT_FIRST; port <= PORT_LAST; port++) {
		char uri[100];
		PGconn *pg = NULL;
		bool is_free = false;

		if (!reserve(port))
			continue;
		snprintf(uri, sizeof(uri), "host=127.0.0.1 port=%u connect_timeout=2", port);
		pg = PQconnectdb(uri);
		is_free = strstr(PQerrorMessage(pg), "refused") != NULL;
		PQfinish(pg);
		if (is_free)
			return port;
	}
	give_up("ports", "none is free");
}

static void
make_directory(void)
{
	char state[80];

	text_copy(stand_directory, sizeof(stand_directory), "/tmp/pgaf-store-XXXXXX");
	if (!mkdtemp(stand_directory))
		give_up("mkdtemp", stand_directory);
	snprintf(state, sizeof(state), "%s/state", stand_directory);
	if (mkdir(state, 0700) < 0)
		give_up("mkdir", state);
}

void
stand_begin(char **argv)
{
	char data[80];
	char state[80];
	struct pgaf_error error = {0};

	if (stand_kind == STAND_MEMORY)
		return;
	become_postgres(argv);
	make_directory();
	snprintf(data, sizeof(data), "%s/data", stand_directory);
	snprintf(state, sizeof(state), "%s/state", stand_directory);
	stand_port = stand_reserve_port();
	stand_loop = loop_new(NULL);
	stand_server = server_new(stand_loop,
	                          &(struct server_options){
					  .pgdata = data,
					  .state_dir = state,
					  .port = stand_port,
					  .listen = "127.0.0.1",
				  },
	                          &(struct server_callbacks){
					  .ready = on_ready,
					  .down = on_down,
					  .failed = on_failed,
					  .stopped = on_stopped,
				  },
	                          NULL, &error);
	if (!stand_server)
		give_up("server_new", error.text);
	server_start(stand_server);
	stand_wait(&server_ready_calls, 1, "the server");
}

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status;
	(void)type;
	(void)at;
	return remove(path);
}

void
stand_end(void)
{
	if (stand_kind == STAND_MEMORY)
		return;
	PQfinish(owner);
	server_stop(stand_server, PGAF_SECONDS(5));
	stand_wait(&server_stopped_calls, 1, "the server's end");
	server_free(stand_server);
	loop_free(stand_loop);
	nftw(stand_directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void
stand_testing(bool is)
{
	testing = is;
}

void
stand_setup(void)
{
	char run_file[96];

	testing = true;
	if (stand_kind == STAND_MEMORY) {
		stand_memory = memory_store_new(77, 1);
		return;
	}
	/* Sessions of the test before may still be ending. */
	stand_sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
	          "WHERE datname = 'pgaf' AND pid <> pg_backend_pid() "
	          "AND backend_type = 'client backend'");
	stand_sql("SET client_min_messages = error; DROP SCHEMA IF EXISTS pgaf CASCADE");
	snprintf(run_file, sizeof(run_file), "%s/state/run", stand_directory);
	unlink(run_file);
}

void
stand_teardown(void)
{
	for (size_t i = 0; i < KEEPERS_MAX; i++) {
		if (keepers[i])
			stand_free_keeper(keepers[i]);
	}
	for (size_t i = 0; i < MONITORS_MAX; i++) {
		if (monitors[i])
			stand_free_monitor(monitors[i]);
	}
	if (stand_kind == STAND_MEMORY)
		memory_store_free(stand_memory);
	testing = false;
}
