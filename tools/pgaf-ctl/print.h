/* SPDX-License-Identifier: PostgreSQL */
#ifndef CTL_PRINT_H
#define CTL_PRINT_H

/* JSON on stdout, and what several verbs print alike. */

#include <jansson.h>

#include "pgaf-ctl/view.h"

/* One document and a newline; takes the value. */
void json_print(json_t *value);
void json_set_text(json_t *object, const char *key, const char *text);
void json_set_number(json_t *object, const char *key, int64_t number);
/* A list of the lines of a text; empty ones, and those that are no UTF-8, are left out. */
json_t *json_of_lines(const char *lines);
/* The head and the lines below it; nothing when there are none. */
void lines_print(const char *head, const char *lines);

json_t *json_of_node(const struct view *view, const struct view_node *node);
/* Prints the error; returns EXIT_FAILED. */
int no_such_node(const struct ctl *ctl, const char *name);

#endif
