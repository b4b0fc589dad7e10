/* SPDX-License-Identifier: PostgreSQL */
#ifndef PGAF_PGAF_H
#define PGAF_PGAF_H

/** @file pgaf/pgaf.h All of libpgaf. */

#include <pgaf/error.h>
#include <pgaf/keeper.h>
#include <pgaf/log.h>
#include <pgaf/monitor.h>
#include <pgaf/state.h>
#include <pgaf/types.h>
#include <pgaf/watch.h>

#endif
