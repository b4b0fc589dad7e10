/* SPDX-License-Identifier: PostgreSQL */
/* show settings, get, set. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "pgaf-ctl/print.h"
#include "pgaf-ctl/table.h"

#define NODE_SETTINGS 5

/* ---- reading ---------------------------------------------------------------- */

static PGresult *
formation_settings(struct ctl *ctl, int *code)
{
	const char *values[] = {ctl->options.formation};
	PGresult *result = session_query(ctl, code, "SELECT * FROM pgaf.settings($1)", 1, values);

	if (result && PQntuples(result) == 0) {
		PQclear(result);
		*code = say_error(EXIT_FAILED, "there is no formation \"%s\"",
		                  ctl->options.formation);
		return NULL;
	}
	return result;
}

/* The names and values that `set node` takes. */
static const char *
node_setting(const struct view_node *node, unsigned i, char value[PGAF_HOST_MAX])
{
	static const char *const names[NODE_SETTINGS] = {"candidate-priority", "replication-quorum",
	                                                 "region", "hostname", "port"};
	struct text text;

	text_init(&text, value, PGAF_HOST_MAX);
	if (i == 0)
		text_addf(&text, "%" PRIu32, node->priority);
	else if (i == 1)
		text_add(&text, node->quorum ? "true" : "false");
	else if (i == 2)
		text_add(&text, node->region);
	else if (i == 3)
		text_add(&text, node->host);
	else
		text_addf(&text, "%" PRIu32, node->port);
	return names[i];
}

/* Dashes and underscores are the same in names of settings. */
static bool
is_same_name(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++) {
		char left = *a == '_' ? '-' : *a;
		char right = *b == '_' ? '-' : *b;
		if (left != right)
			return false;
	}
	return *a == *b;
}

/* ---- show settings ------------------------------------------------------------- */

/* What the group survives as it is set now (PROTOCOL 20). */
static void
survives_print(const struct view *view)
{
	for (size_t i = 0; i < view->group_count; i++) {
		const struct view_node *primary = view_primary(view, view->groups[i].id);
		const struct sync_set *set = primary ? &primary->goal.set : NULL;
		if (!set || sync_set_is_async(set))
			printf("\ngroup %" PRIu32 ": commits wait for no standby; the loss of the"
			       " primary may lose them\n",
			       view->groups[i].id);
		else if (set->required == 1 && set->count > 0)
			printf("\ngroup %" PRIu32 ": commits survive the loss of the primary\n",
			       view->groups[i].id);
		else if (set->count >= set->required)
			printf("\ngroup %" PRIu32 ": commits survive the loss of the primary and of"
			       " %" PRIu32 " listed standbys\n",
			       view->groups[i].id, set->required - 1);
		else
			printf("\ngroup %" PRIu32 ": commits wait for %" PRIu32 " standbys, only"
			       " %" PRIu32 " are listed\n",
			       view->groups[i].id, set->required, set->count);
	}
}

static void
settings_print(const PGresult *settings, const struct view *view, const char *formation)
{
	struct table table = {
		.columns = 6,
		.heads = {"Context", "Name", "Setting", "Value", "Default", "Range"},
		.left = {true, true, true, true, true, true},
	};

	for (int row = 0; row < PQntuples(settings); row++) {
		table_cell(&table, "formation");
		table_cell(&table, "%s", formation);
		table_cell(&table, "%s", cell(settings, row, "name"));
		table_cell(&table, "%s", cell(settings, row, "value"));
		table_cell(&table, "%s", cell(settings, row, "initial"));
		table_cell(&table, "%s - %s", cell(settings, row, "lowest"),
		           cell(settings, row, "highest"));
	}
	for (size_t i = 0; i < view->node_count; i++) {
		for (unsigned setting = 0; setting < NODE_SETTINGS; setting++) {
			char value[PGAF_HOST_MAX];
			const char *name = node_setting(&view->nodes[i], setting, value);
			table_cell(&table, "node");
			table_cell(&table, "%s", view->nodes[i].name);
			table_cell(&table, "%s", name);
			table_cell(&table, "%s", value);
			table_cell(&table, "%s", "");
			table_cell(&table, "%s", setting == 0 ? "0 - 100" : "");
		}
	}
	table_print(&table);
	survives_print(view);
}

static json_t *
json_of_node_settings(const struct view_node *node)
{
	json_t *object = json_object();

	json_set_text(object, "name", node->name);
	json_set_number(object, "candidate_priority", node->priority);
	json_object_set_new(object, "replication_quorum", json_boolean(node->quorum));
	json_set_text(object, "region", node->region);
	json_set_text(object, "hostname", node->host);
	json_set_number(object, "port", node->port);
	return object;
}

static json_t *
json_of_formation_settings(const PGresult *settings)
{
	json_t *object = json_object();

	for (int row = 0; row < PQntuples(settings); row++) {
		const char *name = cell(settings, row, "name");
		const char *value = cell(settings, row, "value");
		uint64_t number;
		if (text_to_u64(value, &number))
			json_set_number(object, name, (int64_t)number);
		else
			json_set_text(object, name, value);
	}
	return object;
}

static void
settings_print_json(const PGresult *settings, const struct view *view)
{
	json_t *object = json_object();
	json_t *nodes = json_array();

	for (size_t i = 0; i < view->node_count; i++)
		json_array_append_new(nodes, json_of_node_settings(&view->nodes[i]));
	json_object_set_new(object, "formation", json_of_formation_settings(settings));
	json_object_set_new(object, "nodes", nodes);
	json_print(object);
}

int
show_settings(struct ctl *ctl)
{
	struct view view = {0};
	int code = session_open(ctl);
	PGresult *settings = code == EXIT_DONE ? formation_settings(ctl, &code) : NULL;

	if (settings)
		code = view_load(ctl, &view);
	if (code == EXIT_DONE) {
		if (ctl->options.json)
			settings_print_json(settings, &view);
		else
			settings_print(settings, &view, ctl->options.formation);
		view_free(&view);
	}
	PQclear(settings);
	return code;
}

/* ---- get ----------------------------------------------------------------------- */

static void
one_print(const struct ctl *ctl, const char *name, const char *value, json_t *object)
{
	if (ctl->options.json)
		json_set_text(object, name, value);
	else if (ctl->argument_count > 0)
		puts(value);
	else
		printf("%s: %s\n", name, value);
}

int
get_formation(struct ctl *ctl)
{
	const char *wanted = ctl->argument_count > 0 ? ctl->arguments[0] : NULL;
	bool found = false;
	int code = session_open(ctl);
	PGresult *settings = code == EXIT_DONE ? formation_settings(ctl, &code) : NULL;

	if (!settings)
		return code;
	json_t *object = json_object();
	for (int row = 0; row < PQntuples(settings); row++) {
		if (wanted && !is_same_name(wanted, cell(settings, row, "name")))
			continue;
		found = true;
		one_print(ctl, cell(settings, row, "name"), cell(settings, row, "value"), object);
	}
	if (!found)
		code = say_error(EXIT_FAILED, "there is no setting \"%s\"", wanted);
	else if (ctl->options.json)
		json_print(json_incref(object));
	json_decref(object);
	PQclear(settings);
	return code;
}

static int
node_settings_print(struct ctl *ctl, const struct view_node *node)
{
	const char *wanted = ctl->argument_count > 1 ? ctl->arguments[1] : NULL;
	json_t *object = json_object();
	bool found = false;

	for (unsigned i = 0; i < NODE_SETTINGS; i++) {
		char value[PGAF_HOST_MAX];
		const char *name = node_setting(node, i, value);
		if (wanted && !is_same_name(wanted, name))
			continue;
		found = true;
		if (ctl->options.json)
			json_set_text(object, name, value);
		else
			printf("%s%s%s\n", wanted ? "" : name, wanted ? "" : ": ", value);
	}
	if (ctl->options.json && found)
		json_print(json_incref(object));
	json_decref(object);
	if (found)
		return EXIT_DONE;
	say_error(EXIT_FAILED, "a node has no setting \"%s\"", wanted);
	say_hint("candidate-priority, replication-quorum, region, hostname, port");
	return EXIT_FAILED;
}

int
get_node(struct ctl *ctl)
{
	struct view view;
	int code = view_open(ctl, &view);

	if (code != EXIT_DONE)
		return code;
	const struct view_node *node = view_node_named(&view, ctl->arguments[0]);
	code = node ? node_settings_print(ctl, node) : no_such_node(ctl, ctl->arguments[0]);
	view_free(&view);
	return code;
}

/* ---- set ------------------------------------------------------------------------ */

static int
set(struct ctl *ctl, const char *sql, unsigned count, const char *const *values)
{
	const char *what = values[count - 2];
	const char *value = values[count - 1];
	int code = session_open(ctl);

	if (code != EXIT_DONE)
		return code;
	ctl->about = what;
	PGresult *result = session_query(ctl, &code, sql, count, values);
	PQclear(result);
	if (code != EXIT_DONE)
		return code;
	if (ctl->options.json) {
		json_t *object = json_object();
		json_set_text(object, what, value);
		json_print(object);
	} else {
		printf("%s is now %s\n", what, value);
	}
	return EXIT_DONE;
}

int
set_formation(struct ctl *ctl)
{
	const char *values[] = {ctl->options.formation, ctl->arguments[0], ctl->arguments[1]};

	return set(ctl, "SELECT pgaf.set_formation($1, $2, $3)", 3, values);
}

int
set_node(struct ctl *ctl)
{
	const char *values[] = {ctl->options.formation, ctl->arguments[0], ctl->arguments[1],
	                        ctl->arguments[2]};

	return set(ctl, "SELECT pgaf.set_node($1, $2, $3, $4)", 4, values);
}
