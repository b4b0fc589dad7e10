/* SPDX-License-Identifier: PostgreSQL */
/* Groups as they come out of the view pgaf.snapshot: columns win over the same words in lines. */

#include <string.h>

#include "base/pure/error.h"
#include "core/codec.h"
#include "store/postgres_parts.h"
#include "store/report.h"

/* STORE_ROW_COLUMNS, in its order. */
enum row_column {
	ROW_GROUP_LINE,
	ROW_EPOCH,
	ROW_CLAIMED,
	ROW_INCARNATION,
	ROW_SETTINGS,
	ROW_REQUEST_NUMBER,
	ROW_REQUEST_KIND,
	ROW_REQUEST_EPOCH,
	ROW_REQUEST_TO,
	ROW_REQUEST_ALLOW_LOSS,
	ROW_NODE_ID,
	ROW_NAME,
	ROW_HOST,
	ROW_PORT,
	ROW_HTTP_PORT,
	ROW_REGION,
	ROW_PRIORITY,
	ROW_QUORUM,
	ROW_BOOTSTRAP,
	ROW_ADMISSION,
	ROW_HIGH_LSN,
	ROW_DROP_ASKED,
	ROW_DROP_FORCE,
	ROW_GOAL,
	ROW_REPORT,
	ROW_AGE_MS,
	ROW_NEWS,
};

static int
read_line(const PGresult *result, int row, enum row_column column, enum record kind, void *record)
{
	const char *line = column_text(result, row, (int)column);

	return line[0] == '\0' ? 0 : codec_read(kind, line, record, NULL);
}

static void
read_request(const PGresult *result, struct request *request)
{
	const char *kind = column_text(result, 0, ROW_REQUEST_KIND);

	*request = (struct request){
		.number = column_u64(result, 0, ROW_REQUEST_NUMBER),
		.epoch = column_u64(result, 0, ROW_REQUEST_EPOCH),
		.to = column_u32(result, 0, ROW_REQUEST_TO),
		.allow_loss = column_bool(result, 0, ROW_REQUEST_ALLOW_LOSS),
	};
	if (strcmp(kind, "switchover") == 0)
		request->kind = REQUEST_SWITCHOVER;
	else if (strcmp(kind, "failover") == 0)
		request->kind = REQUEST_FAILOVER;
}

static int
read_group(const PGresult *result, const struct store_group_key *key, struct group *group,
           struct pgaf_error *error)
{
	uint64_t incarnation;

	if (read_line(result, 0, ROW_GROUP_LINE, RECORD_GROUP, group) < 0)
		return error_set(error, PGAF_EINVAL, "the stored line of group %s/%u is damaged",
		                 key->formation, key->id);
	settings_init(&group->settings);
	if (read_line(result, 0, ROW_SETTINGS, RECORD_SETTINGS, &group->settings) < 0)
		return error_set(error, PGAF_EINVAL, "the stored settings of %s are damaged",
		                 key->formation);
	text_copy(group->formation, sizeof(group->formation), key->formation);
	group->id = key->id;
	group->epoch = column_u64(result, 0, ROW_EPOCH);
	incarnation = column_u64(result, 0, ROW_INCARNATION);
	/* The line was written with the last decision. */
	group->went_back = group->incarnation != 0 && group->incarnation != incarnation;
	group->incarnation = incarnation;
	group->promotion.claimed = column_bool(result, 0, ROW_CLAIMED);
	read_request(result, &group->request);
	return 0;
}

static int
read_node(const PGresult *result, int row, struct node *node, struct pgaf_error *error)
{
	node->id = column_u32(result, row, ROW_NODE_ID);
	text_copy(node->name, sizeof(node->name), column_text(result, row, ROW_NAME));
	text_copy(node->host, sizeof(node->host), column_text(result, row, ROW_HOST));
	text_copy(node->region, sizeof(node->region), column_text(result, row, ROW_REGION));
	node->port = column_u32(result, row, ROW_PORT);
	node->http_port = column_u32(result, row, ROW_HTTP_PORT);
	node->priority = column_u32(result, row, ROW_PRIORITY);
	node->quorum = column_bool(result, row, ROW_QUORUM);
	node->bootstrap = column_bool(result, row, ROW_BOOTSTRAP);
	node->admission = column_u32(result, row, ROW_ADMISSION);
	node->high_lsn = column_u64(result, row, ROW_HIGH_LSN);
	node->drop_asked = column_bool(result, row, ROW_DROP_ASKED);
	node->drop_force = column_bool(result, row, ROW_DROP_FORCE);
	if (read_line(result, row, ROW_GOAL, RECORD_GOAL, &node->goal) < 0)
		return error_set(error, PGAF_EINVAL, "the stored goal of node %u \"%s\" is damaged",
		                 node->id, node->name);
	/* The keeper wrote it: what cannot be read, of a newer one perhaps, says nothing, and must
	 * not keep the group from being read. */
	if (read_line(result, row, ROW_REPORT, RECORD_REPORT, &node->report) < 0)
		node->report = (struct report){.state = PGAF_STATE_UNKNOWN};
	/* Without a session the age is not known, but then nothing may trust it anyway. */
	report_age(&node->report, PQgetisnull(result, row, ROW_AGE_MS)
	                                  ? UINT32_MAX
	                                  : column_u32(result, row, ROW_AGE_MS));
	return 0;
}

pgaf_node_id
rows_node(const PGresult *result, int row)
{
	return column_u32(result, row, ROW_NODE_ID);
}

const char *
rows_news(const PGresult *result, int row)
{
	return column_text(result, row, ROW_NEWS);
}

int
rows_read(const PGresult *result, const struct store_group_key *key, struct snapshot *snap,
          struct pgaf_error *error)
{
	int code = 0;

	memset(snap, 0, sizeof(*snap));
	if (PQntuples(result) == 0)
		return error_set(error, PGAF_ENOENT, "there is no group %s/%u", key->formation,
		                 key->id);
	code = read_group(result, key, &snap->group, error);
	for (int row = 0; code == 0 && row < PQntuples(result); row++) {
		if (rows_node(result, row) == 0)
			continue;
		if (snap->count == PGAF_NODES_MAX)
			return error_set(error, PGAF_E2BIG, "group %s/%u has too many nodes",
			                 key->formation, key->id);
		code = read_node(result, row, &snap->nodes[snap->count++], error);
	}
	return code;
}
