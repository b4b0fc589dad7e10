/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_CONTROL_H
#define PG_CONTROL_H

/*
 * The control file of a data directory, read directly: no process has to be
 * started for it, so it can be looked at in the path of a failover. Its layout
 * has been the same from PostgreSQL 13 to 18 as far as it is read here, and
 * nothing is believed without its checksum.
 */

#include <pgaf/error.h>

enum control_state {
	CONTROL_STARTING_UP, /* never seen in a file that was written by a server */
	CONTROL_SHUT_DOWN,
	CONTROL_SHUT_DOWN_IN_RECOVERY,
	CONTROL_SHUTTING_DOWN,
	CONTROL_IN_CRASH_RECOVERY,
	CONTROL_IN_ARCHIVE_RECOVERY,
	CONTROL_IN_PRODUCTION,
};

/* What recovery refuses to go on with when ours are lower than the primary's (PROTOCOL 23). */
enum control_limit {
	LIMIT_CONNECTIONS,
	LIMIT_WORKER_PROCESSES,
	LIMIT_WAL_SENDERS,
	LIMIT_PREPARED_TRANSACTIONS,
	LIMIT_LOCKS_PER_TRANSACTION,
	LIMIT_COUNT
};

struct control {
	uint64_t system_identifier;
	enum control_state state;
	pgaf_lsn checkpoint; /* start of the last checkpoint's record */
	pgaf_lsn redo;
	uint32_t timeline; /* of that checkpoint */
	pgaf_lsn min_recovery;
	uint32_t min_recovery_timeline;
	uint32_t segment_bytes;
	bool checksums;
	bool wal_log_hints;
	uint32_t limits[LIMIT_COUNT]; /* as the primary's WAL last said */
};

/* PGAF_ENOENT when there is no such file, PGAF_ECONFIG when it is not one of these releases'. */
int control_read(const char *pgdata, struct control *control, struct pgaf_error *error);

/* The setting's name, "max_connections". */
const char *control_limit_name(enum control_limit limit);

/* "shut down": a primary that wrote its last record. */
bool control_is_clean_primary(const struct control *control);
bool control_is_clean(const struct control *control);
bool control_was_primary(const struct control *control);

/*
 * End of WAL of a primary that was shut down: the end of its shutdown
 * checkpoint. A standby that received everything holds exactly this. 0 when
 * it was not shut down, or the segment cannot be read.
 */
pgaf_lsn control_end_of_wal(const char *pgdata, const struct control *control);

#endif
