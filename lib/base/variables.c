/* SPDX-License-Identifier: PostgreSQL */
/* Two writings of one list. */

#include "base/variables.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the environment ------------------------------------------------------------------ */

/* All variables in a row, each with its terminating zero. */
static void
write_variables(FILE *out, const struct variable *variables, size_t count, const char *const *kept,
                size_t kept_count)
{
	for (size_t i = 0; i < kept_count; i++) {
		const char *value = getenv(kept[i]);

		if (value != NULL)
			fprintf(out, "%s=%s%c", kept[i], value, '\0');
	}
	for (size_t i = 0; i < count; i++) {
		fputs("PGAF_", out);
		for (const char *at = variables[i].name; *at != '\0'; at++)
			fputc(toupper((unsigned char)*at), out);
		fprintf(out, "=%s%c", variables[i].value != NULL ? variables[i].value : "", '\0');
	}
}

char **
variables_environment(const struct variable *variables, size_t count, const char *const *kept,
                      size_t kept_count)
{
	size_t table = (count + kept_count + 1) * sizeof(char *);
	size_t used = 0;
	size_t next = 0;
	char *bytes = NULL;
	char **list = NULL;
	FILE *out = open_memstream(&bytes, &used);

	if (out == NULL)
		return NULL;
	write_variables(out, variables, count, kept, kept_count);
	if (fclose(out) == 0)
		list = malloc(table + used);
	if (list != NULL) {
		char *strings = (char *)list + table;

		memcpy(strings, bytes, used);
		for (size_t at = 0; at < used; at += strlen(strings + at) + 1)
			list[next++] = strings + at;
		list[next] = NULL;
	}
	free(bytes);
	return list;
}

/* ---- JSON ------------------------------------------------------------------------------- */

/* What is no UTF-8 would end the document: it is left out, which null says. */
static json_t *
variable_value(const struct variable *variable)
{
	json_t *value = NULL;

	if (variable->value != NULL && variable->number)
		value = json_integer((json_int_t)strtoll(variable->value, NULL, 10));
	else if (variable->value != NULL)
		value = json_string(variable->value);
	return value != NULL ? value : json_null();
}

char *
variables_json(const struct variable *variables, size_t count)
{
	json_t *object = json_object();
	char *text = NULL;
	char *line = NULL;

	for (size_t i = 0; object != NULL && i < count; i++)
		if (json_object_set_new(object, variables[i].name, variable_value(&variables[i])) <
		    0) {
			json_decref(object);
			return NULL;
		}
	if (object != NULL)
		text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	if (text != NULL && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}
