/* SPDX-License-Identifier: PostgreSQL */
#ifndef CTL_CTL_H
#define CTL_CTL_H

/*
 * What the verbs of pgaf-ctl share: the options, the session with the
 * monitor's store, errors in PostgreSQL's shape. Every function that can fail
 * has printed its error when it returns an exit code other than 0.
 */

#include <libpq-fe.h>

#include <pgaf/types.h>

/* INTERFACE: what scripts see. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_UNREACHABLE = 3,
	EXIT_REFUSED = 4,
	EXIT_TIMED_OUT = 5,
};

#define ARGUMENTS_MAX 6

struct options {
	const char *monitor; /* NULL: look for one on this machine */
	const char *formation;
	uint32_t group;
	bool group_given;
	bool formation_given;
	bool json;
	bool help;
	bool version;
	pgaf_time timeout; /* 0: the verb's own */
	/* Of single verbs. */
	uint32_t count;
	bool follow;
	bool monitor_uri;
	bool mermaid;
	bool dry_run;
	const char *to;
	bool allow_data_loss;
	const char *hostname;
	uint32_t port;
	bool force;
	const char *resolvers;
	const char *listen;
	pgaf_time check_interval;
	uint32_t read_write_port;
	uint32_t read_only_port;
	uint32_t stats_port;
	uint64_t given; /* bit per row of the option table */
};

struct ctl {
	struct options options;
	const char *arguments[ARGUMENTS_MAX]; /* behind the verb */
	unsigned argument_count;
	PGconn *pg;
	pgaf_time deadline; /* of the connection, on ctl_now()'s clock */
	const char *about;  /* put before errors of the store; NULL */
};

/* A row of the verb table; `words` may be several: "show state". */
struct verb {
	const char *words;
	const char *arguments; /* as usage prints them; "" = none */
	unsigned least, most;  /* number of arguments */
	int (*run)(struct ctl *ctl);
	const char *doc;
};
extern const struct verb verbs[];
extern const size_t verbs_count;

/* ---- options.c ------------------------------------------------------------ */
/* Fills options, arguments; *verb is NULL when only --help or --version was asked for. */
int options_parse(struct ctl *ctl, int argc, char **argv, const struct verb **verb);
/* All of it, or what one verb takes. */
void usage_print(const struct verb *verb);
/* The formation and group a verb is about, for error messages. */
int number_parse(const char *what, const char *string, uint32_t least, uint32_t most,
                 uint32_t *number);

/* ---- say.c ------------------------------------------------------------------ */
/* "pgaf-ctl: error: …" on stderr; returns code. */
int say_error(int code, const char *format, ...) PGAF_PRINTF(2, 3);
void say_detail(const char *format, ...) PGAF_PRINTF(1, 2);
void say_hint(const char *format, ...) PGAF_PRINTF(1, 2);
/* From now on into this text instead of stderr; NULL: to stderr again. */
struct text;
void say_into(struct text *to);

/* ---- session.c ---------------------------------------------------------------- */
pgaf_time ctl_now(void); /* monotonic */
/* For a connection and for a statement; for a change that is awaited; unless --timeout differs. */
#define CONNECTION_LIMIT PGAF_SECONDS(10)
#define PERFORM_LIMIT PGAF_SECONDS(60)
int session_open(struct ctl *ctl);
/* Called in a signal handler before the program ends because a name does not resolve. */
void session_on_hang(void (*restore)(void));
/* One statement; NULL after printing what went wrong, *code says how it ends. */
PGresult *session_query(struct ctl *ctl, int *code, const char *sql, unsigned count,
                        const char *const *values);
/* Until a notification came, or until this time at the latest. */
int session_wait(struct ctl *ctl, pgaf_time until);
/* Listen to the decisions of one group. */
int session_listen(struct ctl *ctl, uint32_t group);

/* A column of a row by its name; "" when it is NULL. */
const char *cell(const PGresult *result, int row, const char *name);
bool cell_is_null(const PGresult *result, int row, const char *name);
int64_t cell_number(const PGresult *result, int row, const char *name);
bool cell_bool(const PGresult *result, int row, const char *name);

/* ---- verbs -------------------------------------------------------------------- */
int show_state(struct ctl *ctl);
int show_node(struct ctl *ctl);
int show_events(struct ctl *ctl);
int show_settings(struct ctl *ctl);
int show_uri(struct ctl *ctl);
int show_connectivity(struct ctl *ctl);
int show_standby_names(struct ctl *ctl);
int show_rules(struct ctl *ctl);
int explain(struct ctl *ctl);
int watch_group(struct ctl *ctl);
int perform_failover(struct ctl *ctl);
int perform_switchover(struct ctl *ctl);
int set_node(struct ctl *ctl);
int get_node(struct ctl *ctl);
int set_formation(struct ctl *ctl);
int get_formation(struct ctl *ctl);
int drop_node(struct ctl *ctl);
int haproxy_print(struct ctl *ctl);
int replay(struct ctl *ctl);

#endif
