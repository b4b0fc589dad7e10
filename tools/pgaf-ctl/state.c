/* SPDX-License-Identifier: PostgreSQL */
/* show state, show node, show standby-names, show connectivity. */

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "pgaf-ctl/print.h"
#include "pgaf-ctl/table.h"
#include "pgaf-ctl/view.h"

/* ---- show state ------------------------------------------------------------- */

/* As pg_auto_failover marks it: "!" is bad, "?" was never looked at. */
static const char *
mark_of(const char *health)
{
	if (strcmp(health, "unknown") == 0)
		return " ?";
	return strcmp(health, "ok") == 0 ? "" : " !";
}

static void
remarks_print(const struct view *view)
{
	bool away = false;

	for (size_t i = 0; i < view->node_count; i++) {
		char sentence[256] = "";
		struct text text = TEXT(sentence);
		if (view_remark(view, &view->nodes[i], &text))
			printf("\n%s: %s", view->nodes[i].name, sentence);
		if (view->nodes[i].drop_asked)
			printf("\n%s: is being dropped", view->nodes[i].name);
	}
	for (size_t i = 0; i < view->group_count; i++)
		away = away || !view->groups[i].monitor;
	if (away)
		fputs("\nno monitor is running: nothing will be decided", stdout);
	putchar('\n');
}

static void
state_print(const struct view *view)
{
	struct table table = {
		.columns = 7,
		.heads = {"Name", "Node", "Host:Port", "TLI: LSN", "Connection", "Reported State",
	                  "Assigned State"},
	};
	char lsn[LSN_TEXT_MAX];

	for (size_t i = 0; i < view->node_count; i++) {
		const struct view_node *node = &view->nodes[i];
		bool v6 = strchr(node->host, ':') != NULL;
		table_cell(&table, "%s", node->name);
		table_cell(&table, "%" PRIu32, node->id);
		table_cell(&table, v6 ? "[%s]:%" PRIu32 : "%s:%" PRIu32, node->host, node->port);
		table_cell(&table, "%3" PRIu32 ": %s", node->report.timeline,
		           lsn_format(node->report.lsn, lsn));
		table_cell(&table, "%s%s", view_connection(node), mark_of(view_health(node)));
		table_cell(&table, "%s", pgaf_state_name(node->reported));
		table_cell(&table, "%s", pgaf_state_name(node->assigned));
	}
	table_print(&table);
	remarks_print(view);
}

int
show_state(struct ctl *ctl)
{
	struct view view;
	int code = view_open(ctl, &view);

	if (code != EXIT_DONE)
		return code;
	if (ctl->options.json)
		json_print(json_of_formation(ctl->options.formation, &view));
	else
		state_print(&view);
	view_free(&view);
	return EXIT_DONE;
}

/* ---- show node ---------------------------------------------------------------- */

int
no_such_node(const struct ctl *ctl, const char *name)
{
	return say_error(EXIT_FAILED, "there is no node \"%s\" in formation \"%s\"", name,
	                 ctl->options.formation);
}

/* The slots a node keeps: one for each other node of its group (PROTOCOL 33b). */
static json_t *
slots_of(const struct view *view, const struct view_node *node)
{
	json_t *slots = json_array();

	for (size_t i = 0; i < view->node_count; i++) {
		const struct view_node *other = &view->nodes[i];
		char name[32];
		if (other->group_id != node->group_id || other == node)
			continue;
		snprintf(name, sizeof(name), "pgaf_%" PRIu32, other->id);
		json_array_append_new(slots, json_string(name));
	}
	return slots;
}

static json_t *
settings_of(const struct view_node *node)
{
	json_t *settings = json_object();

	json_set_number(settings, "candidate_priority", node->priority);
	json_object_set_new(settings, "replication_quorum", json_boolean(node->quorum));
	json_set_text(settings, "region", node->region);
	json_set_text(settings, "hostname", node->host);
	json_set_number(settings, "port", node->port);
	return settings;
}

static void
node_print_json(const struct view *view, const struct view_node *node)
{
	json_t *object = json_of_node(view, node);
	char identifier[24];
	char sentences[1024] = "";
	struct text veto = TEXT(sentences);
	bool vetoed = view_veto(view, node, &veto);

	snprintf(identifier, sizeof(identifier), "%" PRIu64, node->report.system_identifier);
	json_set_number(object, "server_version", node->report.server_version);
	json_set_text(object, "system_identifier", identifier);
	json_object_set_new(object, "settings", settings_of(node));
	json_object_set_new(object, "slots", slots_of(view, node));
	json_object_set_new(object, "weak_commits", json_boolean(node->report.weak_commits));
	json_object_set_new(object, "veto", vetoed ? json_string(sentences) : json_null());
	json_print(object);
}

static void
node_print_text(const struct view *view, const struct view_node *node)
{
	struct table table = {.columns = 2, .heads = {"What", "Value"}, .left = {true, true}};
	char lsn[LSN_TEXT_MAX];
	char sentences[1024] = "";
	struct text text = TEXT(sentences);
	const char *sync_state = view_sync_state(view, node);
#define LINE(what, ...)                          \
	do {                                     \
		table_cell(&table, "%s", what);  \
		table_cell(&table, __VA_ARGS__); \
	} while (0)

	LINE("Name", "%s", node->name);
	LINE("Node", "%" PRIu32 ", group %" PRIu32, node->id, node->group_id);
	LINE("Host, port, HTTP port", "%s, %" PRIu32 ", %" PRIu32, node->host, node->port,
	     node->http_port);
	LINE("Reported state", "%s: %s", pgaf_state_name(node->reported),
	     pgaf_state_doc(node->reported));
	LINE("Assigned state", "%s: %s", pgaf_state_name(node->assigned),
	     pgaf_state_doc(node->assigned));
	LINE("Health", "%s", view_health(node));
	LINE("Keeper", "%s", node->session ? "connected" : "not connected");
	LINE("PostgreSQL", "%" PRIu32 ".%" PRIu32 ", %s", node->report.server_version / 10000,
	     node->report.server_version % 10000, pg_status_name(node->report.pg));
	LINE("System identifier", "%" PRIu64, node->report.system_identifier);
	LINE("Timeline, LSN", "%" PRIu32 ", %s", node->report.timeline,
	     lsn_format(node->report.lsn, lsn));
	LINE("Lag in bytes", "%" PRId64, view_lag(view, node));
	LINE("Replication", "%s", sync_state ? sync_state : "-");
	LINE("Candidate priority", "%" PRIu32, node->priority);
	LINE("Replication quorum", "%s", node->quorum ? "true" : "false");
	LINE("synchronous_commit", "%s",
	     node->report.weak_commits ? "below on for a role or database: such commits can be lost"
	                               : "not lowered for any role or database");
	LINE("Region", "%s", node->region);
	LINE("May be promoted", "%s%s", view_veto(view, node, &text) ? "no: " : "yes", sentences);
#undef LINE
	table_print(&table);
}

int
show_node(struct ctl *ctl)
{
	struct view view;
	int code = view_open(ctl, &view);

	if (code != EXIT_DONE)
		return code;
	const struct view_node *node = view_node_named(&view, ctl->arguments[0]);
	if (!node)
		code = no_such_node(ctl, ctl->arguments[0]);
	else if (ctl->options.json)
		node_print_json(&view, node);
	else
		node_print_text(&view, node);
	view_free(&view);
	return code;
}

/* ---- show standby-names --------------------------------------------------------- */

int
show_standby_names(struct ctl *ctl)
{
	struct view view;
	char names[512] = "";
	struct text text = TEXT(names);
	int code = view_open(ctl, &view);

	if (code != EXIT_DONE)
		return code;
	const struct view_node *primary = view_primary(&view, ctl->options.group);
	if (!view_group(ctl, &view))
		code = EXIT_FAILED;
	else if (!primary)
		code = say_error(EXIT_FAILED, "the group has no primary now");
	if (code == EXIT_DONE) {
		sync_set_names(&primary->goal.set, &text);
		if (ctl->options.json)
			json_print(json_string(names));
		else
			printf("'%s'\n", names);
	}
	view_free(&view);
	return code;
}

/* ---- show connectivity ------------------------------------------------------------ */

struct link_seen {
	const char *from;
	const char *to;
	const char *what;
	char detail[64];
};

/* To the list when there is one, else to the table. */
static void
link_add(const struct link_seen *link, struct table *table, json_t *list)
{
	if (!list) {
		table_cell(table, "%s", link->from);
		table_cell(table, "%s", link->to);
		table_cell(table, "%s", link->what);
		table_cell(table, "%s", link->detail);
		return;
	}
	json_t *object = json_object();
	json_set_text(object, "from", link->from);
	json_set_text(object, "to", link->to);
	json_set_text(object, "seen", link->what);
	json_set_text(object, "detail", link->detail);
	json_array_append_new(list, object);
}

static void
links_of_node(const struct view *view, const struct view_node *node, struct table *table,
              json_t *list)
{
	const char *words[VIEW_EVIDENCE_MAX];
	struct link_seen probe = {.from = "monitor", .to = node->name};
	struct link_seen session = {.from = node->name, .to = "monitor"};

	view_evidence(node, words);
	probe.what = words[0];
	if (node->seen && node->seen->sighting.round_trip_us > 0)
		snprintf(probe.detail, sizeof(probe.detail), "last answer took %" PRIu32 " us",
		         node->seen->sighting.round_trip_us);
	session.what = node->session ? "connected" : "lost";
	if (node->report_age_ms >= 0)
		snprintf(session.detail, sizeof(session.detail), "report %" PRId64 " ms old",
		         node->report_age_ms);
	link_add(&probe, table, list);
	link_add(&session, table, list);
	for (uint32_t i = 0; i < node->report.peer_count; i++) {
		const struct peer_view *peer = &node->report.peers[i];
		const struct view_node *other = view_node_id(view, node->group_id, peer->node);
		struct link_seen seen = {.from = node->name};
		if (!other)
			continue;
		seen.to = other->name;
		seen.what = peer->reached ? "reached" : "lost";
		snprintf(seen.detail, sizeof(seen.detail), "answer %" PRIu32 " ms old%s",
		         peer->age_ms, node->session ? "" : " when it last reported");
		link_add(&seen, table, list);
	}
}

int
show_connectivity(struct ctl *ctl)
{
	struct view view;
	struct table table = {.columns = 4,
	                      .heads = {"From", "To", "Seen", "Detail"},
	                      .left = {false, false, false, true}};
	json_t *list = ctl->options.json ? json_array() : NULL;
	int code = view_open(ctl, &view);

	if (code != EXIT_DONE)
		return code;
	for (size_t i = 0; i < view.node_count; i++)
		links_of_node(&view, &view.nodes[i], &table, list);
	if (list)
		json_print(list);
	else
		table_print(&table);
	view_free(&view);
	return EXIT_DONE;
}
