/* SPDX-License-Identifier: PostgreSQL */
#ifndef CTL_PRINT_H
#define CTL_PRINT_H

/* JSON on stdout, and what several verbs print alike. */

#include "http/view_json.h"
#include "pgaf-ctl/view.h"

/* One document and a newline; takes the value. */
void json_print(json_t *value);
/* The head and the lines below it; nothing when there are none. */
void lines_print(const char *head, const char *lines);

/* Prints the error; returns EXIT_FAILED. */
int no_such_node(const struct ctl *ctl, const char *name);

#endif
