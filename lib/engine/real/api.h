/* SPDX-License-Identifier: PostgreSQL */
#ifndef REAL_API_H
#define REAL_API_H

/* What the public handles have in common. */

#include <pgaf/error.h>

/*
 * Copy a caller's options, of any version, over zeroes: both structs begin with
 * their size. PGAF_E2BIG when the caller uses fields that this library does
 * not know.
 */
int api_take_options(void *to, size_t own, const void *from, struct pgaf_error *error);

/* The exit code of INTERFACE for an error that ends a daemon. */
int api_exit_code(int code);

/* `value`, or `otherwise` when it is NULL or empty. */
const char *api_text(const char *value, const char *otherwise);

/* This host's name, for where none was given. */
int api_host_name(char *to, size_t room, struct pgaf_error *error);

/* A NULL-terminated copy of a list of borrowed strings; free() it. */
const char **api_list(const char *const *from, size_t count);

#endif
