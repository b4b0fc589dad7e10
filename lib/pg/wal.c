/* SPDX-License-Identifier: PostgreSQL */
/* A record may run over pages, each of which begins with a header that belongs to no record. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "pg/wal.h"

#define PAGE_BYTES 8192
#define HEADER_BYTES 24
#define FIRST_HEADER_BYTES 40 /* of the first page of a file */
#define ALIGNMENT 8

void
wal_file_name(uint32_t timeline, pgaf_lsn lsn, uint32_t segment_bytes, char to[WAL_NAME_MAX])
{
	uint64_t segment = lsn / segment_bytes;
	uint64_t per_id = UINT64_C(0x100000000) / segment_bytes;
	struct text name = {0};

	text_init(&name, to, WAL_NAME_MAX);
	text_addf(&name, "%08X%08X%08X", (unsigned)timeline, (unsigned)(segment / per_id),
	          (unsigned)(segment % per_id));
}

bool
wal_file_parse(const char *name, uint32_t segment_bytes, uint32_t *timeline, pgaf_lsn *first)
{
	unsigned tli = 0;
	unsigned high = 0;
	unsigned low = 0;
	size_t length = strspn(name, "0123456789ABCDEF");

	/* What follows the 24 digits is ".partial" or nothing. */
	if (length != WAL_NAME_MAX - 1 ||
	    (name[length] != '\0' && strcmp(name + length, ".partial")))
		return false;
	if (sscanf(name, "%8X%8X%8X", &tli, &high, &low) != 3)
		return false;
	*timeline = tli;
	*first = ((uint64_t)high << 32) + (uint64_t)low * segment_bytes;
	return true;
}

uint32_t
wal_record_bytes(const char *pgdata, uint32_t timeline, pgaf_lsn lsn, uint32_t segment_bytes)
{
	char file[WAL_NAME_MAX];
	char path[1200];
	struct text name = TEXT(path);
	uint32_t bytes = 0;

	if (segment_bytes == 0)
		return 0;
	wal_file_name(timeline, lsn, segment_bytes, file);
	text_addf(&name, "%s/pg_wal/%s", pgdata, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (pread(fd, &bytes, sizeof(bytes), (off_t)(lsn % segment_bytes)) != sizeof(bytes))
		bytes = 0;
	close(fd);
	return bytes;
}

pgaf_lsn
wal_record_end(pgaf_lsn start, uint32_t bytes, uint32_t segment_bytes)
{
	pgaf_lsn at = start;
	uint64_t left = bytes;

	while (left > PAGE_BYTES - at % PAGE_BYTES) {
		left -= PAGE_BYTES - at % PAGE_BYTES;
		at += PAGE_BYTES - at % PAGE_BYTES;
		at += at % segment_bytes == 0 ? FIRST_HEADER_BYTES : HEADER_BYTES;
	}
	at += left;
	return (at + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}
