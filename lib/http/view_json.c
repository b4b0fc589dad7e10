/* SPDX-License-Identifier: PostgreSQL */
/* What is shown, as JSON. */

#include "http/view_json.h"

#include <string.h>

#include "base/pure/lsn.h"

/* ---- parts ----------------------------------------------------------------------- */

/* Text of a server or a keeper may be no UTF-8; then it is left out rather than the document. */
void
json_set_text(json_t *object, const char *key, const char *text)
{
	json_t *string = json_string(text);

	json_object_set_new(object, key, string ? string : json_null());
}

void
json_set_number(json_t *object, const char *key, int64_t number)
{
	json_object_set_new(object, key, json_integer(number));
}

json_t *
json_of_lines(const char *lines)
{
	json_t *list = json_array();

	while (*lines != '\0') {
		size_t length = strcspn(lines, "\n");
		json_t *line = length > 0 ? json_stringn(lines, length) : NULL;

		if (line)
			json_array_append_new(list, line);
		lines += length + (lines[length] == '\n');
	}
	return list;
}

/* ---- nodes and formations ---------------------------------------------------------- */

json_t *
json_of_node(const struct view *view, const struct view_node *node)
{
	const char *words[VIEW_EVIDENCE_MAX];
	unsigned count = view_evidence(node, words);
	const char *sync_state = view_sync_state(view, node);
	int64_t lag = view_lag(view, node);
	char lsn[LSN_TEXT_MAX];
	json_t *evidence = json_array();
	json_t *object = json_object();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(evidence, json_string(words[i]));
	json_set_number(object, "node_id", node->id);
	json_set_number(object, "group_id", node->group_id);
	json_set_text(object, "name", node->name);
	json_set_text(object, "host", node->host);
	json_set_number(object, "port", node->port);
	json_set_number(object, "http_port", node->http_port);
	json_set_text(object, "reported_state", pgaf_state_name(node->reported));
	json_set_text(object, "assigned_state", pgaf_state_name(node->assigned));
	json_set_text(object, "health", view_health(node));
	json_object_set_new(object, "evidence", evidence);
	json_set_text(object, "connection", view_connection(node));
	json_set_number(object, "timeline", node->report.timeline);
	json_set_text(object, "lsn", lsn_format(node->report.lsn, lsn));
	json_object_set_new(object, "lag_bytes", lag < 0 ? json_null() : json_integer(lag));
	json_object_set_new(object, "sync_state",
	                    sync_state ? json_string(sync_state) : json_null());
	json_set_number(object, "candidate_priority", node->priority);
	json_object_set_new(object, "replication_quorum", json_boolean(node->quorum));
	json_set_text(object, "region", node->region);
	json_object_set_new(object, "report_age_ms",
	                    node->report_age_ms < 0 ? json_null()
	                                            : json_integer(node->report_age_ms));
	return object;
}

json_t *
json_of_formation(const char *formation, const struct view *view)
{
	json_t *object = json_object();
	json_t *nodes = json_array();
	const struct view_group *first = view->group_count > 0 ? &view->groups[0] : NULL;

	json_set_text(object, "formation", formation);
	json_set_number(object, "epoch", first ? (int64_t)first->epoch : 0);
	json_set_number(object, "number_sync_standbys", first ? first->settings.number_sync : 0);
	for (size_t i = 0; i < view->node_count; i++)
		json_array_append_new(nodes, json_of_node(view, &view->nodes[i]));
	json_object_set_new(object, "nodes", nodes);
	return object;
}

/* ---- events -------------------------------------------------------------------------- */

json_t *
json_of_event(const struct view_event *event)
{
	json_t *object = json_object();

	json_set_number(object, "event_id", event->id);
	json_set_text(object, "time", event->time);
	json_set_number(object, "epoch", event->epoch);
	json_set_number(object, "node_id", event->node);
	json_set_text(object, "node_name", event->node_name);
	json_set_text(object, "reported_state", event->reported);
	json_set_text(object, "assigned_state", event->assigned);
	json_set_number(object, "rule", event->rule);
	json_set_text(object, "description", event->text);
	return object;
}
