/* SPDX-License-Identifier: PostgreSQL */
/*
 * The control file. As the bytes are, and once more with the checksum that
 * belongs to them, since no fuzzer guesses that; then the end of WAL by a
 * record of any length.
 */

#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "pg/control.h"
#include "pg/wal.h"

#define FILE_BYTES 512
#define CRC_AT 288 /* where 13 to 17 have it on this architecture */

static uint32_t
crc32c(const uint8_t *bytes, size_t count)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < count; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc & 1) != 0 ? crc >> 1 ^ UINT32_C(0x82F63B78) : crc >> 1;
	}
	return ~crc;
}

static int
read_bytes(const uint8_t *bytes, size_t size, struct control *control)
{
	struct pgaf_error error = {0};
	char pgdata[256];

	fuzz_file("global/pg_control", bytes, size);
	strncpy(pgdata, fuzz_directory(), sizeof(pgdata) - 1);
	pgdata[sizeof(pgdata) - 1] = '\0';
	int code = control_read(pgdata, control, &error);
	FUZZ_CHECK(code == 0 || (code == PGAF_ECONFIG && error.text[0] != '\0'));
	return code;
}

static void
check(const struct control *control, uint32_t record)
{
	uint32_t segment = control->segment_bytes;
	pgaf_lsn end = wal_record_end(control->checkpoint, record, segment);
	char name[WAL_NAME_MAX];
	uint32_t timeline = 0;
	pgaf_lsn first = 0;

	FUZZ_CHECK(control->state <= CONTROL_IN_PRODUCTION && segment != 0);
	FUZZ_CHECK((segment & (segment - 1)) == 0);
	/* No position is near the end of the numbers. */
	if (control->checkpoint < UINT64_MAX / 2)
		FUZZ_CHECK(end >= control->checkpoint + record && end % 8 == 0);
	wal_file_name(control->timeline, control->checkpoint, segment, name);
	FUZZ_CHECK(wal_file_parse(name, segment, &timeline, &first));
	FUZZ_CHECK(timeline == control->timeline);
	FUZZ_CHECK(first == control->checkpoint / segment * segment);
	control_is_clean(control);
	control_was_primary(control);
	control_end_of_wal(fuzz_directory(), control);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[FILE_BYTES] = {0};
	struct control control = {0};
	uint32_t record = 0;

	if (read_bytes(data, size, &control) == 0)
		check(&control, 100);
	memcpy(bytes, data, size < FILE_BYTES ? size : FILE_BYTES);
	uint32_t crc = crc32c(bytes, CRC_AT);
	memcpy(bytes + CRC_AT, &crc, sizeof(crc));
	memcpy(&record, bytes + FILE_BYTES - sizeof(record), sizeof(record));
	if (read_bytes(bytes, FILE_BYTES, &control) == 0)
		check(&control, record % (UINT32_C(64) << 20));
	return 0;
}
