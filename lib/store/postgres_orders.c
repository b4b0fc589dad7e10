/* SPDX-License-Identifier: PostgreSQL */
/* What a keeper sends to the store and what comes back, as SQL and rows. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/error.h"
#include "core/codec.h"
#include "store/link_parts.h"
#include "store/report.h"

static void
add_identity(struct text *to, const struct link_identity *self)
{
	text_addf(to, "%" PRIu32 ", ", self->node);
	sql_literal(to, self->token);
}

static void
add_field(struct text *to, const char *name, const char *value)
{
	text_addf(to, ", '%s', ", name);
	sql_literal(to, value);
}

void
link_sql_register(struct text *to, const struct link_registration *registration)
{
	text_addf(to, "SELECT * FROM pgaf.register(jsonb_build_object('id', %" PRIu32,
	          registration->node_id);
	add_field(to, "formation", registration->formation);
	text_addf(to, ", 'grp', %" PRIu32, registration->group_id);
	add_field(to, "name", registration->name);
	add_field(to, "host", registration->host);
	add_field(to, "region", registration->region);
	text_addf(to,
	          ", 'port', %" PRIu32 ", 'http_port', %" PRIu32 ", 'priority', %" PRIu32
	          ", 'quorum', %s, 'bootstrap', %s, 'system_identifier', %" PRId64 "), ",
	          registration->port, registration->http_port, registration->priority,
	          registration->quorum ? "true" : "false",
	          registration->bootstrap ? "true" : "false",
	          (int64_t)registration->system_identifier);
	sql_literal(to, registration->token);
	text_addf(to, ", %s, %s, %s)", registration->has_data ? "true" : "false",
	          registration->was_member ? "true" : "false",
	          registration->rejoin ? "true" : "false");
}

static void
link_sql_call(struct text *to, const char *function, const struct link_identity *self)
{
	text_addf(to, "SELECT * FROM pgaf.%s(", function);
	add_identity(to, self);
}

void
link_sql_hello(struct text *to, const struct link_identity *self)
{
	link_sql_call(to, "hello", self);
	text_add(to, ")");
}

void
link_sql_orders(struct text *to, const struct link_identity *self)
{
	link_sql_call(to, "orders", self);
	text_add(to, ")");
}

void
link_sql_claim(struct text *to, const struct link_identity *self, uint64_t epoch)
{
	link_sql_call(to, "claim", self);
	text_addf(to, ", %" PRIu64 ")", epoch);
}

static void
add_report(struct text *to, const struct report *report)
{
	char line[CODEC_LINE_MAX];
	struct text text = TEXT(line);

	codec_write(RECORD_REPORT, report, &text);
	text_add(to, ", ");
	sql_literal(to, line);
	to->cut = to->cut || text.cut;
}

void
link_sql_report(struct text *to, const struct link_identity *self, const struct report *report,
                bool urgent, uint64_t beat)
{
	struct report steady = *report;
	struct report facts;

	report_steady(&steady);
	report_facts(&steady, &facts);
	link_sql_call(to, "report", self);
	text_addf(to, ", '%s'", pgaf_state_name(report->state));
	add_report(to, &facts);
	add_report(to, &steady);
	text_addf(to, ", %s, '%" PRIu64 "')", urgent ? "true" : "false", beat);
}

/* ---- answers ------------------------------------------------------------------------- */

void
link_read_registered(const PGresult *result, struct link_registered *registered)
{
	registered->node_id = column_u32(result, 0, 0);
	text_copy(registered->replicator_password, sizeof(registered->replicator_password),
	          column_text(result, 0, 1));
	text_copy(registered->probe_password, sizeof(registered->probe_password),
	          column_text(result, 0, 2));
	registered->incarnation = column_u64(result, 0, 3);
}

/* Columns of the type pgaf.orders, in its order. */
enum orders_column {
	ORDERS_INCARNATION,
	ORDERS_EPOCH,
	ORDERS_PRIMARY,
	ORDERS_TIMELINE,
	ORDERS_HIGH_LSN,
	ORDERS_CLAIMED,
	ORDERS_SYSTEM_IDENTIFIER,
	ORDERS_CHANNEL,
	ORDERS_GOAL,
	ORDERS_SETTINGS,
	ORDERS_PEERS,
	ORDERS_COLUMNS,
};

/* A line "id name host port http_port" for each other node. */
static int
read_peers(const char *at, struct keeper_orders *orders)
{
	while (*at != '\0') {
		struct peer *peer = &orders->peers[orders->peer_count];
		int length = 0;

		if (orders->peer_count == PGAF_NODES_MAX ||
		    sscanf(at, "%" SCNu32 " %63s %255s %" SCNu32 " %" SCNu32 "%n", &peer->id,
		           peer->name, peer->host, &peer->port, &peer->http_port, &length) != 5)
			return PGAF_EINVAL;
		orders->peer_count++;
		at += length;
		at += strspn(at, "\n");
	}
	return 0;
}

int
link_read_orders(const PGresult *result, struct keeper_orders *orders,
                 char channel[ORDERS_CHANNEL_MAX], struct pgaf_error *error)
{
	const char *goal = NULL;

	if (PQntuples(result) != 1 || PQnfields(result) != ORDERS_COLUMNS)
		return error_set(error, PGAF_EINVAL,
		                 "the store's orders have another shape; "
		                 "monitor and keeper differ too much");
	*orders = (struct keeper_orders){
		.incarnation = column_u64(result, 0, ORDERS_INCARNATION),
		.epoch = column_u64(result, 0, ORDERS_EPOCH),
		.primary = column_u32(result, 0, ORDERS_PRIMARY),
		.system_identifier = column_u64(result, 0, ORDERS_SYSTEM_IDENTIFIER),
		.high_lsn = column_u64(result, 0, ORDERS_HIGH_LSN),
		.timeline = column_u32(result, 0, ORDERS_TIMELINE),
		.claimed = column_bool(result, 0, ORDERS_CLAIMED),
	};
	text_copy(channel, ORDERS_CHANNEL_MAX, column_text(result, 0, ORDERS_CHANNEL));
	goal = column_text(result, 0, ORDERS_GOAL);
	if (goal[0] != '\0' && codec_read(RECORD_GOAL, goal, &orders->goal, error) < 0)
		return error_prefix(error, "the store's goal cannot be read");
	if (codec_read(RECORD_SETTINGS, column_text(result, 0, ORDERS_SETTINGS), &orders->settings,
	               error) < 0)
		return error_prefix(error, "the store's settings cannot be read");
	if (read_peers(column_text(result, 0, ORDERS_PEERS), orders) < 0)
		return error_set(error, PGAF_EINVAL, "the store's list of nodes cannot be read");
	return 0;
}
