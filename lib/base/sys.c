/* SPDX-License-Identifier: PostgreSQL */
/* Turns an errno into an error with its sentence, without the locale's help. */

#include "base/sys.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/glibc.h"
#include "base/pure/error.h"

int
sys_error(struct pgaf_error *error, int number, const char *format, ...)
{
	char what[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);

	const char *why = strerrordesc_np(number);
	error_set(error, PGAF_ESYS, "%s: %s", what, why != NULL ? why : "unknown error");
	if (error != NULL)
		error->sys = number;
	return PGAF_ESYS;
}
