/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_INSTANCE_PARTS_H
#define PG_INSTANCE_PARTS_H

/*
 * The inside of an instance, shared by the files that carry out its steps and
 * by nobody else.
 *
 * A step is a chain of short functions: each asks for one thing that takes
 * time (a statement, a program, a job, a timer, a name) and names the function
 * that goes on. Whatever was asked for by a step that has been cancelled never
 * comes back.
 */

#include <limits.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/pure/text.h"
#include "pg/conf.h"
#include "pg/conn.h"
#include "pg/control.h"
#include "pg/instance.h"
#include "pg/process.h"

#define INSTANCE_PATH_MAX 1024
#define TASK_TEXT_MAX 8192
/* Of the server, in the state directory. */
#define LOG_FILE "postgres.log"
#define WALSENDERS_MAX 64

/* In the state directory while PGDATA is neither the old nor the new cluster. */
#define REPLACING_FILE "replacing"
/* Nobody bears this name: no commit is acknowledged. */
#define FENCE_NAMES "ANY 1 (pgaf_fence)"

typedef void (*task_then)(struct instance *in);
typedef void (*task_rows)(struct instance *in, const PGresult *rows);
/* As above, also on an error; then rows is NULL and error is not. */
typedef void (*task_answer)(struct instance *in, const PGresult *rows,
                            const struct pgaf_error *error);
typedef void (*task_output)(struct instance *in, int status, const char *output);

/* Blocking work: runs on a thread with an argument of its own, and stops early when told to. */
typedef int (*task_work)(void *arg, const atomic_bool *stop, struct pgaf_error *error);

struct task_job {
	struct instance *in; /* NULL: nobody waits any more */
	uint64_t serial;     /* of the step that asked */
	task_work work;
	void *arg; /* given; freed with the job */
	task_then then;
	atomic_bool stop;
	int code;
	struct pgaf_error error;
};

/* A walsender that was there before the set was changed (a.3.iv). */
struct walsender {
	pid_t pid;
	bool passed; /* gone, or its flush is beyond X */
	bool signalled;
};

/* Own WAL against the upstream's history. */
struct ancestry {
	uint64_t system_identifier;
	uint32_t timeline;
	uint32_t segment_bytes;
	pgaf_lsn end;
	bool end_known;
	pgaf_lsn checkpoint; /* it holds at least this record */
	bool start_lost; /* the WAL from which recovery would begin is not there */
	uint32_t upstream_timeline;
	pgaf_lsn upstream_flush;
	bool related;           /* they have a timeline in common */
	uint32_t fork_timeline; /* the last common one */
	pgaf_lsn fork;          /* where it ends for one of the two */
};

struct task {
	bool active;
	uint64_t serial;
	struct step_order order;
	struct step_result result;
	pgaf_time began;
	pgaf_time mark; /* when the stage under way began */

	struct loop_child *child;
	bool child_group; /* leads a group of processes */
	task_output child_then;
	task_then run_then;
	struct loop_timer *timer;
	task_then timer_then;
	struct loop_resolve *resolve;
	task_then resolve_then;
	char address[80]; /* of the upstream, numeric */
	struct task_job *job;
	struct conn *remote; /* walsender session with the upstream */
	struct conn *fresh;  /* a new session of our own server */
	struct conn *barrier;
	bool barrier_pending;
	bool barrier_done;
	task_answer answer_then;
	task_rows rows_then;
	bool sql_pending;
	char *sql; /* waits for the session to open */
	pgaf_time sql_limit;
	struct loop_process *leftover; /* whose end is waited for */

	/* Where the parts that several steps share go on. */
	task_then start_then;
	task_then stop_then;
	task_then conf_then;
	task_then swap_then;
	task_then names_then;
	task_then reap_then;
	task_then barrier_then;
	task_then remote_then;
	task_then ancestry_then;
	task_then ended_then; /* the postmaster has ended */

	/* Scratch of single steps. */
	struct ancestry own;
	char wanted[512]; /* synchronous_standby_names to be seen */
	uint32_t attempts;
	pgaf_lsn lsn;
	uint32_t number;
	uint32_t kicks;
	pgaf_time kicked; /* age of the stage when WAL was last made */
	bool late;
	bool primary; /* START: read-write is asked for */
	bool hold;    /* … with clients held back */
	pid_t pid;
	uint32_t sender_count;
	struct walsender senders[WALSENDERS_MAX];
	char stage[INSTANCE_PATH_MAX]; /* CLONE, INITDB: directory being made */
	char source[1200];             /* conninfo of the upstream */
	char text[TASK_TEXT_MAX];
	struct text sql_text; /* in `text`, while a long statement is put together */
};

/* What one round of observation collects. */
struct observer {
	struct conn *conn;
	struct loop_timer *starter;
	bool busy;
	bool again;
	uint32_t timeline; /* by IDENTIFY_SYSTEM */
	uint64_t system_identifier;
	bool prepared; /* the session knows the question */
	bool settings_read;
	bool settings_not_ours;
	bool weak_commits;
	pgaf_time settings_at;
	uint64_t poisoned;       /* start of the server whose released position lies (1c) */
	pgaf_time asked_at;      /* the round under way */
	pgaf_time changed_at;    /* a step ended: what was seen before is history */
	pgaf_time opened_at;     /* clients were let in */
	long receiver;           /* walreceiver of the last round */
	pgaf_time slots_at;      /* when a standby's slots were last moved */
	struct observation seen; /* the last one that was delivered */
	bool any;                /* one was */
};

struct heartbeat {
	struct loop_timer *timer;
	struct task_beat *beat; /* under way */
	pgaf_time began;
	uint32_t last_ms;
	uint64_t free_bytes;
	bool full;
};

/* Certificate files for a session with the upstream; all are named, even where there are none. */
struct upstream_files {
	char root[INSTANCE_PATH_MAX];
	char cert[INSTANCE_PATH_MAX];
	char key[INSTANCE_PATH_MAX];
};

struct instance {
	struct loop *loop;
	struct instance_callbacks callbacks;
	void *ctx;

	char pgdata[INSTANCE_PATH_MAX];
	char state_dir[INSTANCE_PATH_MAX];
	char bindir[INSTANCE_PATH_MAX];
	bool bindir_given;
	bool bindir_logged;
	char config_dir[INSTANCE_PATH_MAX]; /* of postgresql.conf: pgdata, or /etc/postgresql/… */
	char socket_dir[INSTANCE_PATH_MAX];
	char socket_dirs[INSTANCE_PATH_MAX + 64];
	char listen[256];
	char port[8];
	char auth[24];
	bool ssl;
	char ca_file[INSTANCE_PATH_MAX];
	char cert_file[INSTANCE_PATH_MAX];
	char key_file[INSTANCE_PATH_MAX];
	bool skip_hba;
	bool allow_old_minor;
	char networks[16][64];
	size_t network_count;
	char dbname[PGAF_NAME_MAX];
	char username[PGAF_NAME_MAX];
	char password[256];
	char init_file[INSTANCE_PATH_MAX];
	char backup_rate[32];
	char replicator_password[256];
	char probe_password[256];
	char os_user[64];

	pid_t postmaster;             /* 0 = none is known */
	struct loop_child *child;     /* it, when we started it … */
	struct loop_process *process; /* … or found it */
	bool exited;                  /* it ended by itself, and nothing was done about it yet */
	bool stopping;                /* a step of ours asked it to end */
	bool held_back; /* we started it with clients held back, and have not let them in */
	bool signalled; /* it was told to end, and will even if the step is cancelled */
	uint32_t restarted_for[LIMIT_COUNT]; /* the limits, when it last was for their sake */
	uint64_t exits;
	bool exit_inside;

	struct loop_child *release; /* which one it is, is being asked */
	void (*release_told)(void *ctx, int version);

	struct conf conf; /* what pgaf.conf says, or will */
	bool conf_loaded;
	uint64_t serial;   /* of the next step */
	struct conn *work; /* the steps' session */
	bool work_opening;
	struct task task;
	struct loop_timer *starter;
	bool waiting; /* an order waits until a cancelled job or child is gone */
	struct step_order next;
	uint32_t leaving; /* children of cancelled steps that have not ended yet */
	struct settings settings;
	struct observer observer;
	struct heartbeat heartbeat;
};

/* ---- instance.c ------------------------------------------------------------------- */
void instance_log(struct instance *in, enum pgaf_log_level level, const char *event,
                  const char *format, ...) PGAF_PRINTF(4, 5);
/* Find config_dir again: after initdb, a clone, or at the start. */
void instance_find_config(struct instance *in);
/* Release of the cluster in PGDATA, e.g. 15; 0 when there is none. */
unsigned instance_version(const struct instance *in);
/* PATH of a file of ours. */
void instance_state_path(const struct instance *in, const char *name, char *to, size_t room);
void instance_program(const struct instance *in, const char *name, char *to, size_t room);
/* Choose the programs for the release in PGDATA, if there is one. */
void instance_choose_bindir(struct instance *in);
/* A session with our own server; synchronous_commit NULL: as configured. */
struct conn *instance_session(struct instance *in, const char *synchronous_commit,
                              const struct conn_callbacks *callbacks);
bool instance_has_data(const struct instance *in);

/* ---- instance_attach.c: which postmaster is ours ---------------------------------- */
/* Look for a live postmaster of the directory and watch it. True when there is one. */
bool attach_look(struct instance *in);
int attach_start(struct instance *in, const char *const *argv, const char *log_file,
                 struct pgaf_error *error);
void attach_forget(struct instance *in);
void attach_ended(struct instance *in, int status, bool is_child);
int attach_signal(struct instance *in, int signal);

/* ---- instance_task.c: what a step asks for ---------------------------------------- */
/* Cancel what is under way, and start this as soon as nothing of it is left. */
void task_order(struct instance *in, const struct step_order *order);
void task_cancel(struct instance *in);
/* Free what is left, without callbacks. */
void task_abandon(struct instance *in);
void task_done(struct instance *in);
void task_end(struct instance *in, enum step_outcome outcome, const char *format, ...)
	PGAF_PRINTF(3, 4);
/* One statement on the steps' session, opened when needed. The step fails on an error. */
void task_sql(struct instance *in, const char *sql, task_rows then);
/* limit: relative, 0 = none. */
void task_try(struct instance *in, const char *sql, pgaf_time limit, task_answer then);
/* For task_try: fails the step, or goes on with task.rows_then. */
void task_rows_or_fail(struct instance *in, const PGresult *rows, const struct pgaf_error *error);
/* Open the steps' session, so that the next step need not wait for it. */
void task_warm(struct instance *in);
void task_close_session(struct instance *in);
/* A program. task_run fails the step when it fails. argv[0] is a name in bindir or a path. */
void task_run(struct instance *in, const char *const *argv, task_then then);
void task_run_try(struct instance *in, const char *const *argv, task_output then);
/* arg comes from malloc and is freed after `then`. The step fails when the work does. */
void task_job(struct instance *in, task_work work, void *arg, task_then then);
void task_after(struct instance *in, pgaf_time delay, task_then then);
/* Stop the timer. */
void task_quiet(struct instance *in);
/* Numeric address of the order's upstream, into task.address. */
void task_resolve(struct instance *in, task_then then);
/* Since the stage began. */
pgaf_time task_age(const struct instance *in);
void task_stage(struct instance *in);

/* ---- parts that steps share ------------------------------------------------------- */
/* Write pgaf.conf from in->conf durably, and reload when a server runs. */
void conf_save(struct instance *in, task_then then);
/* pgaf.conf and our HBA block, with clients held back or let in, durably; no reload. */
void gate_save(struct instance *in, bool closed, task_then then);
/* Configuration, HBA, certificates, as CONFIGURE does. */
void configure_all(struct instance *in, task_then then);
void start_server(struct instance *in, bool primary, task_then then);
/* Fast within task.mark + limit, then immediate, then SIGKILL; then nothing is left. */
void stop_server(struct instance *in, int first_signal, task_then then);
void stop_reap(struct instance *in, task_then then);
/* lsn, clean, timeline of the result from the control file. */
void stop_read_control(struct instance *in);
/* Make standby.signal, or remove it, durably. */
void start_signal_file(struct instance *in, bool standby, task_then then);
/* Put task.stage in the place of the data directory. */
void swap_in(struct instance *in, task_then then);
void swap_stage(struct instance *in, const char *name);
/* Wait until a new session shows task.wanted (a.3.i). */
void names_seen(struct instance *in, task_then then);
/* conninfo of the order's upstream for `application_name`, dbname "" = replication. */
void upstream_conninfo(struct instance *in, const char *dbname, const char *application_name,
                       struct text *to);
void upstream_certificates(struct instance *in, struct upstream_files *files);
int instance_write_passfile(struct instance *in, struct pgaf_error *error);
void slots_sync(struct instance *in, task_then then);
void slots_advance_sql(int server_version, struct text *to);

/* ---- the steps -------------------------------------------------------------------- */
void create_initdb(struct instance *in);
void adopt_start(struct instance *in);
void configure_start(struct instance *in);
void start_primary(struct instance *in);
void open_start(struct instance *in);
void start_standby(struct instance *in);
void stop_fast(struct instance *in);
void stop_immediate(struct instance *in);
void stop_reap_only(struct instance *in);
void hand_over_start(struct instance *in);
void cut_clients_start(struct instance *in);
void roles_start(struct instance *in);
void slots_start(struct instance *in);
void sync_set_start(struct instance *in);
void detach_start(struct instance *in);
void follow_start(struct instance *in);
void rest_start(struct instance *in);
void history_start(struct instance *in);
void keep_wal_start(struct instance *in);
void rewind_start(struct instance *in);
void clone_start(struct instance *in);
void promote_start(struct instance *in);
void settle_start(struct instance *in);
void fence_start(struct instance *in);
void keep_standby_start(struct instance *in);

/* ---- observe.c -------------------------------------------------------------------- */
void observe_init(struct instance *in);
void observe_free(struct instance *in);
void observe_start(struct instance *in);
/* What can be seen without asking the server. */
void observe_files(struct instance *in, struct observation *seen);
/* Owned parameters are to be looked at again. */
void observe_settings_changed(struct instance *in);

/* ---- heartbeat.c ------------------------------------------------------------------ */
void heartbeat_init(struct instance *in);
void heartbeat_free(struct instance *in);
void heartbeat_see(struct instance *in, struct observation *seen);

#endif
