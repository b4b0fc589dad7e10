/* SPDX-License-Identifier: PostgreSQL */
#ifndef PURE_UTF8_H
#define PURE_UTF8_H

#include <stddef.h>

/* How many of the first `count` bytes remain when a character cut in half at their end is left
 * out. Bytes that are no UTF-8 are kept. */
size_t utf8_whole(const char *bytes, size_t count);

#endif
