/* SPDX-License-Identifier: PostgreSQL */
#ifndef STORE_SERVER_PARTS_H
#define STORE_SERVER_PARTS_H

/* The inside of a server: server.c runs it, server_files.c writes what it reads. */

#include "base/pure/text.h"
#include "pg/conn.h"
#include "store/server.h"
#include "store/target.h"

#define SERVER_PATH_MAX 1024
#define SERVER_SECRET_ROOM 128

enum server_phase {
	SERVER_IDLE,
	SERVER_MAKING,   /* a job or program prepares files */
	SERVER_STARTING, /* the postmaster runs, no session yet */
	SERVER_SETTING_UP,
	SERVER_RUNNING,
	SERVER_WAITING, /* for the next start */
	SERVER_STOPPING,
	SERVER_STOPPED,
	SERVER_FAILED,
};

struct server {
	struct loop            *loop;
	struct server_callbacks callbacks;
	void                   *ctx;
	pgaf_log_fn             log;
	void                   *log_ctx;
	/* Options. */
	char  pgdata[SERVER_PATH_MAX]; /* without symbolic links */
	char  state_dir[SERVER_PATH_MAX];
	char  bindir[SERVER_PATH_MAX];
	char  port[8];
	char  listen[SERVER_PATH_MAX];
	char  hostname[PGAF_HOST_MAX];
	char  auth[32];
	bool  ssl;
	char  ca_file[SERVER_PATH_MAX];
	char  cert_file[SERVER_PATH_MAX]; /* given, or the one we make */
	char  key_file[SERVER_PATH_MAX];
	bool  makes_cert;
	char  networks[SERVER_PATH_MAX]; /* one a line */
	char  user[64];                  /* the operating system's name for us */
	char  uri[SERVER_PATH_MAX + 128];
	char  join_secret[SERVER_SECRET_ROOM];
	char  join_secret_path[SERVER_PATH_MAX];
	bool  made_join_secret;
	char  operator_password[SERVER_SECRET_ROOM];
	char  reader_password[SERVER_SECRET_ROOM];
	/* Now. */
	enum server_phase    phase;
	bool                 stop_asked;
	bool                 ran;    /* it was ready before */
	bool                 set_up; /* database and roles exist: clients may come */
	struct server_job   *job;
	struct loop_child   *program;  /* initdb, openssl */
	struct loop_child   *child;    /* the postmaster, started by us */
	struct loop_process *process;  /* the postmaster, found running */
	pid_t                postmaster;
	struct conn         *conn;     /* while setting up */
	struct loop_timer   *timer;
	unsigned             failures; /* starts in a row that came to nothing */
	size_t               setup;    /* statement */
};

/* server.c */
void server_launch(struct server *server);

/* server_make.c. One job or program at a time; its failure ends in `failed`. */
void server_make(struct server *server);        /* initdb, then server_certificate() */
void server_certificate(struct server *server); /* where wanted, then files and server_launch() */
void server_run_job(struct server *server, int (*work)(struct server *, struct pgaf_error *),
                    void (*then)(struct server *));
/* What is under way goes on, but nobody waits for it. */
void server_make_cancel(struct server *server);
int server_work_files(struct server *server, struct pgaf_error *error);
void server_fail(struct server *server, const struct pgaf_error *error);
void server_log(const struct server *server, enum pgaf_log_level level, const char *event,
                const char *format, ...) PGAF_PRINTF(4, 5);

/* server_files.c. All of these block. */
int server_read_secrets(struct server *server, struct pgaf_error *error);
int server_choose_bindir(struct server *server, struct pgaf_error *error);
/* Configuration, HBA, maps: as they are to be now. */
int server_write_files(const struct server *server, struct pgaf_error *error);

enum server_directory {
	DIRECTORY_EMPTY,      /* to be made */
	DIRECTORY_UNFINISHED, /* an initdb of ours did not end: to be emptied and made */
	DIRECTORY_OURS,       /* … and has database and roles */
	DIRECTORY_NEW,        /* ours, without database and roles */
	DIRECTORY_FOREIGN,
};
enum server_directory server_look(const struct server *server);
/* Marks, so that server_look() finds the same after a crash. */
int server_mark(const struct server *server, enum server_directory what, struct pgaf_error *error);
void server_path(const struct server *server, const char *name, struct text *to);
/* Why the last start came to nothing, by its log; "" unknown. */
void server_reason(const struct server *server, char *to, size_t room, bool *port_in_use);

#endif
