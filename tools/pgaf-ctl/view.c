/* SPDX-License-Identifier: PostgreSQL */
/* Reading a formation from the store. */

#include "pgaf-ctl/view.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "core/codec.h"

/* ---- loading -------------------------------------------------------------- */

static int
bad_record(const char *what, const struct pgaf_error *error)
{
	say_error(EXIT_FAILED, "%s cannot be read: %s", what, error->text);
	say_hint("this is pgaf-ctl %s; is the monitor of another version?", pgaf_version());
	return EXIT_FAILED;
}

static int
group_read(const PGresult *result, int row, struct view_group *group)
{
	struct pgaf_error error;
	const char *picture = cell(result, row, "picture");

	group->id = (uint32_t)cell_number(result, row, "group_id");
	group->epoch = (uint64_t)cell_number(result, row, "epoch");
	group->monitor = cell_bool(result, row, "monitor");
	group->has_picture = group->monitor && picture[0] != '\0';
	group->now = VIEW_NOW;
	group->picture_age_ms = cell_number(result, row, "picture_age_ms");
	if (codec_read(RECORD_SETTINGS, cell(result, row, "settings"), &group->settings, &error) <
	    0)
		return bad_record("the settings of the formation", &error);
	if (codec_read_snapshot(picture, VIEW_NOW, &group->picture, &error) < 0)
		return bad_record("what the monitor sees", &error);
	return EXIT_DONE;
}

static int
node_read(const PGresult *result, int row, struct view_node *node)
{
	struct pgaf_error error;
	const char *goal = cell(result, row, "goal");
	const char *report = cell(result, row, "report");

	node->group_id = (uint32_t)cell_number(result, row, "group_id");
	node->id = (pgaf_node_id)cell_number(result, row, "node_id");
	text_copy(node->name, sizeof(node->name), cell(result, row, "name"));
	text_copy(node->host, sizeof(node->host), cell(result, row, "host"));
	text_copy(node->region, sizeof(node->region), cell(result, row, "region"));
	node->port = (uint32_t)cell_number(result, row, "port");
	node->http_port = (uint32_t)cell_number(result, row, "http_port");
	node->priority = (uint32_t)cell_number(result, row, "priority");
	node->quorum = cell_bool(result, row, "quorum");
	node->drop_asked = cell_bool(result, row, "drop_asked");
	node->session = cell_bool(result, row, "session");
	node->reported = pgaf_state_parse(cell(result, row, "reported"));
	node->assigned = pgaf_state_parse(cell(result, row, "goal_state"));
	node->report_age_ms = cell_is_null(result, row, "report_age_ms")
	                              ? -1
	                              : cell_number(result, row, "report_age_ms");
	if (goal[0] != '\0' && codec_read(RECORD_GOAL, goal, &node->goal, &error) < 0)
		return bad_record("the goal of a node", &error);
	if (report[0] != '\0' && codec_read(RECORD_REPORT, report, &node->report, &error) < 0)
		return bad_record("the report of a node", &error);
	return EXIT_DONE;
}

static bool
is_wanted(const struct ctl *ctl, const PGresult *result, int row)
{
	return !ctl->options.group_given ||
	       cell_number(result, row, "group_id") == (int64_t)ctl->options.group;
}

static int
groups_load(struct ctl *ctl, struct view *view)
{
	const char *values[] = {ctl->options.formation};
	int code;
	PGresult *result = session_query(ctl, &code, "SELECT * FROM pgaf.pictures($1)", 1, values);

	if (!result)
		return code;
	view->groups = calloc((size_t)PQntuples(result) + 1, sizeof(*view->groups));
	if (!view->groups)
		err(EXIT_FAILED, "groups");
	for (int row = 0; code == EXIT_DONE && row < PQntuples(result); row++) {
		if (is_wanted(ctl, result, row))
			code = group_read(result, row, &view->groups[view->group_count++]);
	}
	PQclear(result);
	return code;
}

static int
nodes_load(struct ctl *ctl, struct view *view)
{
	const char *values[] = {ctl->options.formation};
	int code;
	PGresult *result = session_query(ctl, &code, "SELECT * FROM pgaf.nodes($1)", 1, values);

	if (!result)
		return code;
	view->nodes = calloc((size_t)PQntuples(result) + 1, sizeof(*view->nodes));
	if (!view->nodes)
		err(EXIT_FAILED, "nodes");
	for (int row = 0; code == EXIT_DONE && row < PQntuples(result); row++) {
		if (is_wanted(ctl, result, row))
			code = node_read(result, row, &view->nodes[view->node_count++]);
	}
	PQclear(result);
	return code;
}

/* An unknown formation must not look like an empty one. */
static int
formation_must_exist(struct ctl *ctl)
{
	const char *values[] = {ctl->options.formation};
	int code;
	PGresult *result = session_query(
		ctl, &code, "SELECT 1 FROM pgaf.formations() WHERE name = $1", 1, values);

	if (!result)
		return code;
	bool known = PQntuples(result) > 0;
	PQclear(result);
	if (!known)
		return say_error(EXIT_FAILED, "there is no formation \"%s\"",
		                 ctl->options.formation);
	return EXIT_DONE;
}

/*
 * The monitor draws its picture when what it sees changes; settings and reports
 * may be newer. Goals and reports go together with the epoch they belong to.
 */
static void
picture_renew(const struct view_group *group, const struct view_node *from, struct node *to)
{
	to->priority = from->priority;
	to->quorum = from->quorum;
	to->drop_asked = from->drop_asked;
	if (group->picture.group.epoch != group->epoch)
		return;
	to->goal = from->goal;
	to->report = from->report;
	if (from->report_age_ms >= 0)
		to->reported_at = VIEW_NOW - PGAF_MSEC(from->report_age_ms);
}

static struct node *
picture_node(struct view_group *group, pgaf_node_id id)
{
	for (uint32_t i = 0; i < group->picture.count; i++) {
		if (group->picture.nodes[i].id == id)
			return &group->picture.nodes[i];
	}
	return NULL;
}

static void
link_pictures(struct view *view)
{
	for (size_t i = 0; i < view->node_count; i++) {
		struct view_node *node = &view->nodes[i];
		struct view_group *group = NULL;
		for (size_t j = 0; j < view->group_count; j++) {
			if (view->groups[j].id == node->group_id)
				group = &view->groups[j];
		}
		node->group = group;
		struct node *seen =
			group && group->has_picture ? picture_node(group, node->id) : NULL;
		if (seen)
			picture_renew(group, node, seen);
		node->seen = seen;
	}
	for (size_t j = 0; j < view->group_count; j++)
		view->groups[j].picture.group.settings = view->groups[j].settings;
}

int
view_load(struct ctl *ctl, struct view *view)
{
	*view = (struct view){0};
	int code = groups_load(ctl, view);
	if (code == EXIT_DONE)
		code = nodes_load(ctl, view);
	if (code == EXIT_DONE && view->group_count == 0)
		code = formation_must_exist(ctl);
	if (code != EXIT_DONE)
		view_free(view);
	else
		link_pictures(view);
	return code;
}

int
view_open(struct ctl *ctl, struct view *view)
{
	int code = session_open(ctl);

	return code == EXIT_DONE ? view_load(ctl, view) : code;
}

int
view_listen(struct ctl *ctl, const struct view *view)
{
	int code = EXIT_DONE;

	for (size_t i = 0; code == EXIT_DONE && i < view->group_count; i++)
		code = session_listen(ctl, view->groups[i].id);
	return code;
}

const struct view_group *
view_group(const struct ctl *ctl, const struct view *view)
{
	for (size_t i = 0; i < view->group_count; i++) {
		if (view->groups[i].id == ctl->options.group)
			return &view->groups[i];
	}
	say_error(EXIT_FAILED, "there is no group %s/%u", ctl->options.formation,
	          ctl->options.group);
	return NULL;
}
