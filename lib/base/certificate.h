/* SPDX-License-Identifier: PostgreSQL */
#ifndef BASE_CERTIFICATE_H
#define BASE_CERTIFICATE_H

/*
 * What we want to know of an X.509 certificate, its end. Nothing is verified:
 * that is done by those who use it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The end of the first certificate of a PEM file, in seconds since 1970; false when there is
 * none, or none that can be read. */
bool certificate_expiry(const char *pem, size_t length, int64_t *expiry);

#endif
