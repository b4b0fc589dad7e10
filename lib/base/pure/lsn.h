/* SPDX-License-Identifier: PostgreSQL */
#ifndef PURE_LSN_H
#define PURE_LSN_H

/* WAL positions as PostgreSQL writes them: two hexadecimal halves, "0/3000060". */

#include <pgaf/types.h>

#define LSN_TEXT_MAX 18

/* Writes at most LSN_TEXT_MAX bytes; returns `to`. */
const char *lsn_format(pgaf_lsn lsn, char to[LSN_TEXT_MAX]);

/* False, and *lsn untouched, when `string` is not exactly a position. */
bool lsn_parse(const char *string, pgaf_lsn *lsn);

#endif
