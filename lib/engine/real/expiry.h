/* SPDX-License-Identifier: PostgreSQL */
#ifndef REAL_EXPIRY_H
#define REAL_EXPIRY_H

/* When the certificate in a file ends: read each minute, on a thread of its own, as a disk may
 * hang. */

#include "loop/loop.h"

struct expiry;

/* `told` is called with each end that was read, in seconds since 1970; 0: there is none. NULL: out
 * of memory. */
struct expiry *expiry_new(struct loop *loop, const char *path,
                          void (*told)(void *ctx, uint64_t seconds), void *ctx);
/* Read it now. */
void expiry_read(struct expiry *expiry);
/* The next thing that ends must be the loop. NULL is fine. */
void expiry_free(struct expiry *expiry);

#endif
