/* SPDX-License-Identifier: PostgreSQL */
/*
 * Offsets into pg_control of releases 13 to 18. The checksum stands behind the
 * last member, and where that is differs; so it is looked for: the only place
 * where four bytes equal the CRC-32C of all bytes before them.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "base/sys.h"
#include "pg/control.h"
#include "pg/release.h"
#include "pg/wal.h"

#define FILE_BYTES 512
#define LEAST_SEGMENT (1u << 20)

enum {
	AT_SYSTEM_IDENTIFIER = 0,
	AT_VERSION = 8,
	AT_STATE = 16,
	AT_CHECKPOINT = 32,
	AT_REDO = 40,
	AT_TIMELINE = 48,
	AT_MIN_RECOVERY = 136,
	AT_MIN_RECOVERY_TIMELINE = 144,
	AT_WAL_LOG_HINTS = 176,
	AT_LIMITS = 180,
	AT_SEGMENT_BYTES = 228,
	AT_CHECKSUMS = 252,
	LEAST_CRC = 280,
	MOST_CRC = 320,
};

static uint32_t
get32(const unsigned char *bytes, size_t at)
{
	uint32_t value = 0;

	memcpy(&value, bytes + at, sizeof(value));
	return value;
}

static uint64_t
get64(const unsigned char *bytes, size_t at)
{
	uint64_t value = 0;

	memcpy(&value, bytes + at, sizeof(value));
	return value;
}

static uint32_t
crc32c_add(uint32_t crc, unsigned char byte)
{
	crc ^= byte;
	for (int bit = 0; bit < 8; bit++)
		crc = (crc & 1) != 0 ? crc >> 1 ^ UINT32_C(0x82F63B78) : crc >> 1;
	return crc;
}

static bool
crc_is_right(const unsigned char bytes[FILE_BYTES])
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i <= MOST_CRC; i++) {
		if (i >= LEAST_CRC && i % sizeof(crc) == 0 && get32(bytes, i) == ~crc)
			return true;
		crc = crc32c_add(crc, bytes[i]);
	}
	return false;
}

static int
read_bytes(const char *path, unsigned char bytes[FILE_BYTES], struct pgaf_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return error_set(error, PGAF_ENOENT, "there is no %s", path);
	if (fd < 0)
		return sys_error(error, errno, "open %s", path);
	ssize_t got = read(fd, bytes, FILE_BYTES);
	int number = errno;
	close(fd);
	if (got < 0)
		return sys_error(error, number, "read %s", path);
	if (got < FILE_BYTES)
		return error_set(error, PGAF_ECONFIG, "%s is too short", path);
	return 0;
}

int
control_read(const char *pgdata, struct control *control, struct pgaf_error *error)
{
	char path[1100];
	struct text name = TEXT(path);
	unsigned char bytes[FILE_BYTES];

	text_addf(&name, "%s/global/pg_control", pgdata);
	int code = read_bytes(path, bytes, error);
	if (code < 0)
		return code;
	uint32_t version = get32(bytes, AT_VERSION);
	uint32_t state = get32(bytes, AT_STATE);
	if (!release_has_control(version))
		return error_set(error, PGAF_ECONFIG,
		                 "%s is not of PostgreSQL 13 to 18 (its version is %u)", path,
		                 (unsigned)version);
	uint32_t segment = get32(bytes, AT_SEGMENT_BYTES);
	if (!crc_is_right(bytes) || state > CONTROL_IN_PRODUCTION || segment < LEAST_SEGMENT ||
	    (segment & (segment - 1)) != 0)
		return error_set(error, PGAF_ECONFIG, "%s is damaged", path);
	*control = (struct control){
		.system_identifier = get64(bytes, AT_SYSTEM_IDENTIFIER),
		.state = (enum control_state)state,
		.checkpoint = get64(bytes, AT_CHECKPOINT),
		.redo = get64(bytes, AT_REDO),
		.timeline = get32(bytes, AT_TIMELINE),
		.min_recovery = get64(bytes, AT_MIN_RECOVERY),
		.min_recovery_timeline = get32(bytes, AT_MIN_RECOVERY_TIMELINE),
		.segment_bytes = get32(bytes, AT_SEGMENT_BYTES),
		.checksums = get32(bytes, AT_CHECKSUMS) != 0,
		.wal_log_hints = bytes[AT_WAL_LOG_HINTS] != 0,
	};
	for (size_t i = 0; i < LIMIT_COUNT; i++)
		control->limits[i] = get32(bytes, AT_LIMITS + 4 * i);
	return 0;
}

const char *
control_limit_name(enum control_limit limit)
{
	static const char *const names[LIMIT_COUNT] = {
		[LIMIT_CONNECTIONS] = "max_connections",
		[LIMIT_WORKER_PROCESSES] = "max_worker_processes",
		[LIMIT_WAL_SENDERS] = "max_wal_senders",
		[LIMIT_PREPARED_TRANSACTIONS] = "max_prepared_transactions",
		[LIMIT_LOCKS_PER_TRANSACTION] = "max_locks_per_transaction",
	};

	return names[limit];
}

bool
control_is_clean_primary(const struct control *control)
{
	return control->state == CONTROL_SHUT_DOWN;
}

bool
control_is_clean(const struct control *control)
{
	return control->state == CONTROL_SHUT_DOWN ||
	       control->state == CONTROL_SHUT_DOWN_IN_RECOVERY;
}

bool
control_was_primary(const struct control *control)
{
	return control->state != CONTROL_SHUT_DOWN_IN_RECOVERY &&
	       control->state != CONTROL_IN_ARCHIVE_RECOVERY;
}

pgaf_lsn
control_end_of_wal(const char *pgdata, const struct control *control)
{
	uint32_t bytes = 0;

	if (!control_is_clean_primary(control))
		return 0;
	bytes = wal_record_bytes(pgdata, control->timeline, control->checkpoint,
	                         control->segment_bytes);
	if (bytes == 0)
		return 0;
	return wal_record_end(control->checkpoint, bytes, control->segment_bytes);
}
