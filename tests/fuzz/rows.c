/* SPDX-License-Identifier: PostgreSQL */
/*
 * Rows of the local Postgres and of the store. The first letter says whose: o
 * of the observation, g of the snapshot's view, k of a keeper's orders. The
 * rest is lines of columns between tabs.
 */

#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "pg/observe.h"
#include "store/link_parts.h"
#include "store/postgres_parts.h"

#define OBSERVATION_COLUMNS 25
#define GROUP_COLUMNS 27
#define ORDERS_COLUMNS 11

static void
read_observation(const PGresult *rows)
{
	static struct observation seen;
	static struct control control;
	struct observe_pids pids;

	if (PQntuples(rows) == 0)
		return;
	seen = (struct observation){.pg = PG_UNKNOWN};
	control = (struct control){.limits = {100, 8, 10, 0, 64}};
	observe_read(rows, &control, &seen, &pids);
	FUZZ_CHECK(seen.pg == PG_STANDBY || seen.pg == PG_PRIMARY);
	FUZZ_CHECK(seen.member_count <= PGAF_NODES_MAX);
	for (uint32_t i = 0; i < seen.member_count; i++)
		for (uint32_t j = 0; j < i; j++)
			FUZZ_CHECK(seen.members[i].node != seen.members[j].node);
	FUZZ_CHECK(strlen(seen.sync_names) < sizeof(seen.sync_names));
}

static void
read_group(const PGresult *rows)
{
	static struct snapshot snap;
	static char room[CODEC_SNAPSHOT_MAX];
	const struct store_group_key key = {.formation = "default", .id = 3};
	struct text text = TEXT(room);
	struct pgaf_error error = {0};

	int code = rows_read(rows, &key, &snap, &error);
	FUZZ_CHECK(code <= 0 && (code == 0 || error.text[0] != '\0'));
	if (code < 0)
		return;
	FUZZ_CHECK(strcmp(snap.group.formation, "default") == 0 && snap.group.id == 3);
	codec_write_snapshot(&snap, PGAF_SECONDS(1), &text);
	FUZZ_CHECK(!text.cut);
	for (int row = 0; row < PQntuples(rows); row++)
		FUZZ_CHECK(rows_news(rows, row) != NULL);
}

static void
read_orders(const PGresult *rows)
{
	static struct keeper_orders orders;
	char channel[ORDERS_CHANNEL_MAX];
	struct link_registered registered = {.node_id = 0};
	struct pgaf_error error = {0};

	int code = link_read_orders(rows, &orders, channel, &error);
	FUZZ_CHECK(code == 0 || (code == PGAF_EINVAL && error.text[0] != '\0'));
	FUZZ_CHECK(orders.peer_count <= PGAF_NODES_MAX);
	if (code == 0)
		FUZZ_CHECK(strlen(channel) < sizeof(channel));
	if (PQntuples(rows) > 0)
		link_read_registered(rows, &registered);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		char letter;
		int columns;
		void (*read)(const PGresult *rows);
	} kinds[] = {
		{'o', OBSERVATION_COLUMNS, read_observation},
		{'g', GROUP_COLUMNS, read_group},
		{'k', ORDERS_COLUMNS, read_orders},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (size == 0 || data[0] != (uint8_t)kinds[i].letter)
			continue;
		char *lines = fuzz_string(data + 1, size - 1);
		PGresult *rows = fuzz_rows(lines, kinds[i].columns);
		free(lines);
		kinds[i].read(rows);
		PQclear(rows);
	}
	return 0;
}
