/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_FAILURE_H
#define PG_FAILURE_H

/* What a failed connection or statement means, from what libpq lets us see of it. */

#include "pg/conn.h"

/*
 * Why this connection ended or was not made; fills *error. `was_open`: after the
 * login. `ended_by`: the SQLSTATE that the server said before closing, or "".
 */
enum conn_failure failure_of_connection(const PGconn *pg, bool was_open, const char *ended_by,
                                        struct pgaf_error *error);

/* 0, or PGAF_ESQL with *error filled when the result is an error; NULL counts as one. */
int failure_of_result(const PGresult *result, struct pgaf_error *error);

/* The class of an errno of connect(2) and of the reads after it. */
enum conn_failure failure_of_errno(int code);

#endif
