/* SPDX-License-Identifier: PostgreSQL */
#ifndef BASE_SYS_H
#define BASE_SYS_H

/* What the operating system refused, as a struct pgaf_error. */

#include <pgaf/error.h>

/* Sets PGAF_ESYS, `number` as the errno, and "formatted text: meaning of number". */
int sys_error(struct pgaf_error *error, int number, const char *format, ...) PGAF_PRINTF(3, 4);

#endif
