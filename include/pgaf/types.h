/* SPDX-License-Identifier: PostgreSQL */
#ifndef PGAF_TYPES_H
#define PGAF_TYPES_H

/**
 * @file pgaf/types.h
 * Scalars that carry a unit or a meaning, and the words every other public
 * header is written in.
 *
 * Times are nanoseconds on one monotonic clock of the caller's choice; they
 * are never compared across hosts. WAL positions are bytes, 0 is unknown.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PGAF_API        __attribute__((visibility("default")))
#define PGAF_MUST_CHECK __attribute__((warn_unused_result))
#define PGAF_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define PGAF_API
#define PGAF_MUST_CHECK
#define PGAF_PRINTF(f, a)
#endif

#define PGAF_VERSION_MAJOR 0
#define PGAF_VERSION_MINOR 1
#define PGAF_VERSION_PATCH 0
#define PGAF_VERSION       "0.1.0"

/** Nanoseconds on a monotonic clock. */
typedef int64_t pgaf_time;

#define PGAF_NEVER       INT64_MAX
#define PGAF_USEC(n)     ((pgaf_time)(n)*1000)
#define PGAF_MSEC(n)     ((pgaf_time)(n)*1000000)
#define PGAF_SECONDS(n)  ((pgaf_time)(n)*1000000000)

/** A position in the write-ahead log, in bytes; 0 is unknown. */
typedef uint64_t pgaf_lsn;

/** Number of a node, given by the monitor, never reused; 0 is nobody. */
typedef uint32_t pgaf_node_id;

/** Most nodes in one group. */
#define PGAF_NODES_MAX 9

/** Room for a name, a host, and a URI, with their terminating zero. */
#define PGAF_NAME_MAX 64
#define PGAF_HOST_MAX 256
#define PGAF_URI_MAX  1024

/** The version of the library that is linked, e.g. "0.1.0"; static. */
PGAF_API const char *pgaf_version(void);

#ifdef __cplusplus
}
#endif
#endif
