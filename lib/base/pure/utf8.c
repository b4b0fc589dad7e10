/* SPDX-License-Identifier: PostgreSQL */
/* Where a cut text ends, so that no half character is left over. */

#include "base/pure/utf8.h"

#include <stdbool.h>

static size_t
sequence_length(unsigned char lead)
{
	if (lead >= 0xf0)
		return 4;
	if (lead >= 0xe0)
		return 3;
	return lead >= 0xc0 ? 2 : 1;
}

size_t
utf8_whole(const char *bytes, size_t count)
{
	for (size_t back = 1; back <= 3 && back <= count; back++) {
		unsigned char byte = (unsigned char)bytes[count - back];
		bool continues = (byte & 0xc0) == 0x80;
		if (continues)
			continue;
		return sequence_length(byte) > back ? count - back : count;
	}
	return count;
}
