/* SPDX-License-Identifier: PostgreSQL */
#ifndef BASE_OPTIONS_PARTS_H
#define BASE_OPTIONS_PARTS_H

/* The inside of options_load(), shared by the files named options*. */

#include "base/options.h"

struct text;

#define OPTIONS_MAX 128

struct options {
	const struct option_spec *specs;
	size_t count;
	const struct option_spec *file; /* the one that names the YAML file; NULL = none */
	void *into;
};

/* NULL when there is none. */
const struct option_spec *options_find(const struct options *options, const char *name);

/* Give one option a value written as text; on false `why` completes a sentence that names it. */
bool options_set(const struct options *options, const struct option_spec *spec, const char *value,
                 struct text *why);
/* Forget what a weaker source put into a list. */
void options_clear_list(const struct options *options, const struct option_spec *spec);
bool options_set_defaults(const struct options *options, struct text *why);

/* The YAML key: dashes are underscores. */
void options_key(const struct option_spec *spec, struct text *to);

/* 0 or PGAF_ECONFIG; PGAF_ENOENT when there is no such file. */
int options_read_yaml(const struct options *options, const char *path, struct pgaf_error *error);

#endif
