/* SPDX-License-Identifier: PostgreSQL */
/* JSON on stdout. */

#include "pgaf-ctl/print.h"

#include <err.h>
#include <stdio.h>

void
json_print(json_t *value)
{
	if (!value || json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY) < 0)
		errx(EXIT_FAILED, "could not write JSON");
	putchar('\n');
	json_decref(value);
}

/* Text of a server or a keeper may be no UTF-8; then it is left out rather than the document. */
void
json_set_text(json_t *object, const char *key, const char *text)
{
	json_t *string = json_string(text);

	json_object_set_new(object, key, string ? string : json_null());
}

void
json_set_number(json_t *object, const char *key, int64_t number)
{
	json_object_set_new(object, key, json_integer(number));
}
