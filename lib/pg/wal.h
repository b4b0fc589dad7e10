/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_WAL_H
#define PG_WAL_H

/* Names, pages and borders of the write-ahead log's files. */

#include <pgaf/types.h>

#define WAL_NAME_MAX 25

struct text;

/* The file that holds `lsn` on `timeline`. */
void wal_file_name(uint32_t timeline, pgaf_lsn lsn, uint32_t segment_bytes, char to[WAL_NAME_MAX]);

/* Timeline and first position of a file's name; false for any other file. */
bool wal_file_parse(const char *name, uint32_t segment_bytes, uint32_t *timeline, pgaf_lsn *first);

/* Total length of the record that starts at `lsn`, as its first bytes say; 0 when unreadable. */
uint32_t wal_record_bytes(const char *pgdata, uint32_t timeline, pgaf_lsn lsn,
                          uint32_t segment_bytes);

/* Where the record ends: what a standby that has it reports as flushed. */
pgaf_lsn wal_record_end(pgaf_lsn start, uint32_t bytes, uint32_t segment_bytes);

#endif
