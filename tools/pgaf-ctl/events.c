/* SPDX-License-Identifier: PostgreSQL */
/* show events, and the rows that perform prints while it waits. */

#include "pgaf-ctl/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pgaf-ctl/print.h"

#define ROW_FORMAT "%-23s | %6s | %-12s | %-19s | %-19s | %4s | %s\n"

PGresult *
events_query(struct ctl *ctl, int *code, int64_t group, uint32_t count, int64_t *after)
{
	char number[24];
	char most[16];
	char last[24];
	const char *values[] = {ctl->options.formation, group < 0 ? NULL : number, most, last};

	snprintf(number, sizeof(number), "%" PRId64, group);
	snprintf(most, sizeof(most), "%" PRIu32, count);
	snprintf(last, sizeof(last), "%" PRId64, *after);
	PGresult *result = session_query(
		ctl, code,
		"SELECT *, (extract(epoch FROM time) * 1000)::bigint AS at_ms,"
		" to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS stamp,"
		" to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS iso"
		" FROM pgaf.events($1, $2, $3, $4)",
		4, values);
	if (result && PQntuples(result) > 0)
		*after = cell_number(result, PQntuples(result) - 1, "event_id");
	return result;
}

int
events_newest(struct ctl *ctl, int64_t group, int64_t *newest)
{
	int code;
	PGresult *result;

	*newest = 0;
	result = events_query(ctl, &code, group, 1, newest);
	PQclear(result);
	return code;
}

void
events_head_print(void)
{
	printf(ROW_FORMAT, "Time (UTC)", "Epoch", "Node", "Reported State", "Assigned State",
	       "Rule", "Description");
	printf(ROW_FORMAT, "-----------------------", "------", "------------",
	       "-------------------", "-------------------", "----", "-----------");
}

void
events_print(const PGresult *result)
{
	for (int row = 0; row < PQntuples(result); row++) {
		const char *rule = cell(result, row, "rule");
		printf(ROW_FORMAT, cell(result, row, "stamp"), cell(result, row, "epoch"),
		       cell(result, row, "node_name"), cell(result, row, "reported"),
		       cell(result, row, "goal"), strcmp(rule, "0") == 0 ? "" : rule,
		       cell(result, row, "text"));
	}
	fflush(stdout);
}

static json_t *
json_of_row(const PGresult *result, int row)
{
	return json_of_event(&(struct view_event){
		.id = cell_number(result, row, "event_id"),
		.time = cell(result, row, "iso"),
		.epoch = cell_number(result, row, "epoch"),
		.node = (pgaf_node_id)cell_number(result, row, "node_id"),
		.node_name = cell(result, row, "node_name"),
		.reported = cell(result, row, "reported"),
		.assigned = cell(result, row, "goal"),
		.rule = (uint32_t)cell_number(result, row, "rule"),
		.text = cell(result, row, "text"),
	});
}

static json_t *
json_of_events(const PGresult *result)
{
	json_t *list = json_array();

	for (int row = 0; row < PQntuples(result); row++)
		json_array_append_new(list, json_of_row(result, row));
	return list;
}

/* While following, JSON is one object a line: a list would never end. */
static void
lines_print_json(const PGresult *result)
{
	for (int row = 0; row < PQntuples(result); row++) {
		json_t *object = json_of_row(result, row);
		json_dumpf(object, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(object);
	}
	fflush(stdout);
}

/* Every group tells its decisions on a channel of its own. */
static int
listen_to_groups(struct ctl *ctl, int64_t group)
{
	struct view view;
	int code = EXIT_DONE;

	if (group >= 0)
		return session_listen(ctl, (uint32_t)group);
	code = view_load(ctl, &view);
	if (code != EXIT_DONE)
		return code;
	code = view_listen(ctl, &view);
	view_free(&view);
	return code;
}

/* Ends with the connection, with --timeout, or by ^C. Events that no decision made (a setting
 * was changed) are told on no channel: they are asked for once a second. */
static int
follow(struct ctl *ctl, int64_t group, int64_t after)
{
	pgaf_time until = ctl->options.timeout ? ctl_now() + ctl->options.timeout : PGAF_NEVER;
	int code = EXIT_DONE;

	while (code == EXIT_DONE && ctl_now() < until) {
		PGresult *result = events_query(ctl, &code, group, 1000, &after);
		if (!result)
			break;
		if (ctl->options.json)
			lines_print_json(result);
		else
			events_print(result);
		PQclear(result);
		pgaf_time next = ctl_now() + PGAF_SECONDS(1);
		code = session_wait(ctl, next < until ? next : until);
	}
	return code;
}

int
show_events(struct ctl *ctl)
{
	int64_t group = ctl->options.group_given ? (int64_t)ctl->options.group : -1;
	int64_t after = 0;
	int code = session_open(ctl);

	if (code == EXIT_DONE && ctl->options.follow)
		code = listen_to_groups(ctl, group);
	if (code != EXIT_DONE)
		return code;
	PGresult *result = events_query(ctl, &code, group, ctl->options.count, &after);
	if (!result)
		return code;
	if (!ctl->options.json) {
		events_head_print();
		events_print(result);
	} else if (ctl->options.follow) {
		lines_print_json(result);
	} else {
		json_print(json_of_events(result));
	}
	PQclear(result);
	return ctl->options.follow ? follow(ctl, group, after) : EXIT_DONE;
}
