/* SPDX-License-Identifier: PostgreSQL */
#ifndef BASE_YAML_KEY_H
#define BASE_YAML_KEY_H

/* One value out of a YAML file that belongs to another program. */

#include <pgaf/error.h>

/*
 * The scalar under a key of the file's top mapping, or the first scalar of a
 * sequence there. Returns 0 and "" in `to` when the file or the key is absent;
 * PGAF_ECONFIG with file and line when the file cannot be read or is no YAML.
 */
int yaml_key_read(const char *path, const char *key, char *to, size_t room,
                  struct pgaf_error *error);

#endif
