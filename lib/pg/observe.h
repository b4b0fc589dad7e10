/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_OBSERVE_H
#define PG_OBSERVE_H

/* Reading one row of answers into an observation: pure, apart from libpq's accessors. */

#include <libpq-fe.h>

#include "core/steps.h"
#include "pg/control.h"

/* The statement whose one row observe_read takes, for this release. */
void observe_statement(int server_version, struct text *to);

/* Processes seen on the way. */
struct observe_pids {
	long liar;     /* a walsender told of more than we have written (PROTOCOL 1c); 0 = none */
	long receiver; /* the walreceiver; 0 = none */
};

void observe_read(const PGresult *rows, const struct control *control, struct observation *seen,
                  struct observe_pids *pids);

/* A keyword's value in a conninfo string; "" when it has none. */
void observe_conninfo_value(const char *conninfo, const char *keyword, char *to, size_t room);

/* pgaf_<node>_<admission> or pgaf_join_<node> (admission 0); false for anything else. */
bool observe_parse_name(const char *name, pgaf_node_id *node, uint32_t *admission);

#endif
