/* SPDX-License-Identifier: PostgreSQL */
#ifndef UNIT_CORE_SITUATION_H
#define UNIT_CORE_SITUATION_H

/* The text of a snapshot, made from a known one by lines that say what differs. */

#include <stddef.h>

/*
 * `line` is one of
 *   pair                 begins anew: a primary (node 1) and its standby (node 2), all well
 *   single               … the first of them alone
 *   report 1 pg=exited   keys of a record of node 1; "pg=" makes one empty
 *   group primary=2      keys of a record that there is one of
 *   +node id=3 name=c    a line more, with its newline
 * The test fails when there is no such record.
 */
void situation_change(char *text, size_t room, const char *line);

#endif
