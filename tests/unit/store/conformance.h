/* SPDX-License-Identifier: PostgreSQL */
#ifndef UNIT_STORE_CONFORMANCE_H
#define UNIT_STORE_CONFORMANCE_H

/* What every store must do, whatever it is made of; runs on the stand as it is. */

#include <check.h>

TCase *conformance_case(void);
TCase *conformance_registration_case(void);

#endif
