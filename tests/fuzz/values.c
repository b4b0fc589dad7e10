/* SPDX-License-Identifier: PostgreSQL */
/* Single words: numbers with a unit, addresses, positions, names of slots and of WAL files. */

#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "base/pure/utf8.h"
#include "pg/control.h"
#include "pg/observe.h"
#include "pg/wal.h"

#define SEGMENT (UINT32_C(16) << 20)

static void
check_units(const char *word)
{
	pgaf_time duration = 0;
	pgaf_time again = 0;
	uint64_t bytes = 0;
	uint64_t bytes_again = 0;
	char room[64];
	struct text text = TEXT(room);

	if (duration_parse(word, &duration)) {
		duration_format(duration, &text);
		FUZZ_CHECK(duration >= 0 && !text.cut);
		FUZZ_CHECK(duration == PGAF_NEVER ||
		           (duration_parse(room, &again) && again == duration));
	}
	text_init(&text, room, sizeof(room));
	if (size_parse(word, &bytes)) {
		size_format(bytes, &text);
		FUZZ_CHECK(!text.cut && size_parse(room, &bytes_again) && bytes_again == bytes);
	}
	if (text_to_u64(word, &bytes)) {
		text_init(&text, room, sizeof(room));
		text_addf(&text, "%llu", (unsigned long long)bytes);
		FUZZ_CHECK(strcmp(room, word + strspn(word, "0")) == 0 || bytes == 0);
	}
}

static void
check_positions(const char *word)
{
	char room[LSN_TEXT_MAX];
	char name[WAL_NAME_MAX];
	pgaf_lsn lsn = 0;
	pgaf_lsn again = 0;
	uint32_t timeline = 0;

	if (lsn_parse(word, &lsn))
		FUZZ_CHECK(lsn_parse(lsn_format(lsn, room), &again) && again == lsn);
	/* The low part may say more segments than there are: such a file is no file of Postgres. */
	if (wal_file_parse(word, SEGMENT, &timeline, &lsn) &&
	    strncmp(word + 16, "000000", 6) == 0) {
		wal_file_name(timeline, lsn, SEGMENT, name);
		FUZZ_CHECK(strncmp(name, word, WAL_NAME_MAX - 1) == 0);
	}
}

static void
check_names(const char *word)
{
	char host[32];
	char room[64];
	struct text text = TEXT(room);
	uint16_t port = 0;
	pgaf_node_id node = 0;
	uint32_t admission = 0;
	pgaf_node_id node_again = 0;
	uint32_t admission_again = 0;

	if (address_split(word, host, sizeof(host), &port))
		FUZZ_CHECK(port != 0 && strlen(host) < sizeof(host));
	pgaf_state_parse(word);
	if (!observe_parse_name(word, &node, &admission))
		return;
	if (strncmp(word, "pgaf_join_", 10) == 0)
		text_addf(&text, "pgaf_join_%u", node);
	else
		text_addf(&text, "pgaf_%u_%u", node, admission);
	FUZZ_CHECK(observe_parse_name(room, &node_again, &admission_again));
	FUZZ_CHECK(node == node_again && admission == admission_again);
}

/* A cut leaves the beginning, and at most the rest of one character less than there is room for. */
static void
check_cuts(const char *word)
{
	size_t length = strlen(word);

	for (size_t room = 1; room < 12; room++) {
		char to[12];
		bool whole = text_copy(to, room, word);
		size_t left = strlen(to);

		FUZZ_CHECK(whole == (length < room) && left < room);
		FUZZ_CHECK(strncmp(to, word, left) == 0);
		FUZZ_CHECK(whole ? left == length : left + 4 >= room);
		FUZZ_CHECK(utf8_whole(to, left) <= left && utf8_whole(to, left) + 3 >= left);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *word = fuzz_string(data, size);

	check_units(word);
	check_positions(word);
	check_names(word);
	check_cuts(word);
	free(word);
	return 0;
}
