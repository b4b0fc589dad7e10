/* SPDX-License-Identifier: PostgreSQL */
#ifndef UNIT_PG_SCRATCH_H
#define UNIT_PG_SCRATCH_H

/* A PostgreSQL of the test's own in a directory under /tmp, and waiting in a loop. */

#include <sys/types.h>

#include "loop/loop.h"

#define SCRATCH_HOST "127.0.0.1"

extern char scratch_directory[64]; /* holds data/, the socket and the log */
extern uint32_t scratch_port;      /* free when the directory was made */

void scratch_create(void);  /* initdb, TLS certificate, SCRAM; once per program */
void scratch_remove(void);
pid_t scratch_start(void);  /* returns the postmaster's pid */
void scratch_stop(void);    /* immediate; fine when it does not run */
/* Add one line to postgresql.conf; takes effect with the next start. */
void scratch_set(const char *line);
/* Run SQL by psql as superuser over the socket and insist on success. */
void scratch_sql(const char *sql);
/* One pid by a query that returns one number. */
pid_t scratch_pid(const char *sql);

/* Dispatch until *flag, or fail the test after `limit`. Returns how long it took. */
pgaf_time scratch_wait(struct loop *loop, const bool *flag, pgaf_time limit);
/* Dispatch for this long. */
void scratch_run(struct loop *loop, pgaf_time duration);

/* A socket that listens and never accepts: connects, and is silent. Returns its port. */
uint32_t scratch_silent_listener(int *fd);
/* A port that nobody listens on. */
uint32_t scratch_free_port(void);

#endif
