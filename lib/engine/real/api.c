/* SPDX-License-Identifier: PostgreSQL */
/* Options that may come from an older or a newer program, and how daemons end. */

#include "engine/real/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pure/error.h"
#include "base/sys.h"

int
api_take_options(void *to, size_t own, const void *from, struct pgaf_error *error)
{
	const unsigned char *bytes = from;
	size_t size = 0;

	memcpy(&size, from, sizeof(size));
	if (size < sizeof(size))
		return error_set(error, PGAF_EINVAL, "the options do not say their size");
	for (size_t i = own; i < size; i++)
		if (bytes[i] != 0)
			return error_set(error, PGAF_E2BIG,
			                 "the options have fields that this library does not know");
	memset(to, 0, own);
	memcpy(to, from, size < own ? size : own);
	memcpy(to, &own, sizeof(own));
	return 0;
}

int
api_exit_code(int code)
{
	switch (code) {
	case 0:
		return 0;
	case PGAF_EINVAL:
	case PGAF_E2BIG:
	case PGAF_ECONFIG:
		return 2;
	case PGAF_ECONN:
		return 3;
	case PGAF_EREFUSED:
		return 4;
	case PGAF_ETIMEOUT:
		return 5;
	default:
		return 1;
	}
}

const char *
api_text(const char *value, const char *otherwise)
{
	return value && value[0] != '\0' ? value : otherwise;
}

int
api_host_name(char *to, size_t room, struct pgaf_error *error)
{
	if (gethostname(to, room) < 0)
		return sys_error(error, errno, "read the host's name");
	to[room - 1] = '\0';
	return 0;
}

const char **
api_list(const char *const *from, size_t count)
{
	const char **to = calloc(count + 1, sizeof(*to));

	if (to && count > 0)
		memcpy(to, from, count * sizeof(*to));
	return to;
}
