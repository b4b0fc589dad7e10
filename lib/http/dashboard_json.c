/* SPDX-License-Identifier: PostgreSQL */
/* What the dashboard answers, from the monitor's pictures and the events that are kept. */

#include <stdlib.h>
#include <string.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "core/rules.h"
#include "core/why.h"
#include "http/dashboard_parts.h"
#include "http/view_json.h"

/* ---- groups ----------------------------------------------------------------------- */

static int
compare_groups(const void *a, const void *b)
{
	const struct group *one = &(*(const struct snapshot *const *)a)->group;
	const struct group *two = &(*(const struct snapshot *const *)b)->group;
	int order = strcmp(one->formation, two->formation);

	return order != 0 ? order : (one->id > two->id) - (one->id < two->id);
}

size_t
dashboard_groups(const struct dashboard *dashboard,
                 const struct snapshot *groups[DASHBOARD_GROUPS_MAX])
{
	const struct dashboard_world *world = &dashboard->world;
	const struct snapshot *snap = NULL;
	size_t count = 0;

	while (count < DASHBOARD_GROUPS_MAX && (snap = world->group(world->ctx, count)))
		groups[count++] = snap;
	qsort(groups, count, sizeof(*groups), compare_groups);
	return count;
}

/* The formation's object, made of its first group, or more nodes for it. */
static json_t *
add_group(json_t *formation, const struct snapshot *snap, pgaf_time now)
{
	struct view view;

	if (view_of(&view, snap, now) < 0)
		return formation;
	if (!formation) {
		formation = json_of_formation(snap->group.formation, &view);
	} else {
		json_t *nodes = json_object_get(formation, "nodes");
		for (size_t i = 0; i < view.node_count; i++)
			json_array_append_new(nodes, json_of_node(&view, &view.nodes[i]));
	}
	view_free(&view);
	return formation;
}

static json_t *
one_formation(const struct dashboard *dashboard, const struct snapshot *const *groups, size_t count,
              int64_t group)
{
	pgaf_time now = loop_now(dashboard->loop);
	json_t *object = NULL;

	for (size_t i = 0; i < count; i++) {
		if (group < 0 || group == (int64_t)groups[i]->group.id)
			object = add_group(object, groups[i], now);
	}
	return object;
}

json_t *
dashboard_json_state(const struct dashboard *dashboard, const char *formation, int64_t group)
{
	const struct snapshot *groups[DASHBOARD_GROUPS_MAX];
	size_t count = dashboard_groups(dashboard, groups);
	json_t *list = formation ? NULL : json_array();

	for (size_t first = 0, next = 0; first < count; first = next) {
		const char *name = groups[first]->group.formation;
		while (next < count && strcmp(groups[next]->group.formation, name) == 0)
			next++;
		if (formation && strcmp(formation, name) != 0)
			continue;
		json_t *object = one_formation(dashboard, groups + first, next - first, group);
		if (formation)
			return object;
		if (object)
			json_array_append_new(list, object);
	}
	return list;
}

/* ---- one group, for those who watch ----------------------------------------------- */

static json_t *
phases_of(const struct report *report)
{
	json_t *object = json_object();

	json_set_number(object, "timeline", report->promoted_timeline);
	json_set_number(object, "claim_ms", report->claim_ms);
	json_set_number(object, "promote_ms", report->promote_ms);
	json_set_number(object, "open_ms", report->open_ms);
	return object;
}

static json_t *
peers_of(const struct report *report)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < report->peer_count; i++) {
		json_t *object = json_object();
		json_set_number(object, "node_id", report->peers[i].node);
		json_object_set_new(object, "reached", json_boolean(report->peers[i].reached));
		json_array_append_new(list, object);
	}
	return list;
}

/* What pgaf-ctl shows in several verbs, in one object. */
static json_t *
watched_node(const struct view *view, const struct view_node *node)
{
	const struct rule *rule = rule_by_id(node->goal.rule);
	json_t *object = json_of_node(view, node);
	char sentence[1024] = "";
	struct text text = TEXT(sentence);

	json_object_del(object, "report_age_ms");
	json_object_set_new(object, "keeper", json_boolean(node->session));
	json_set_text(object, "postgres", pg_status_name(node->report.pg));
	json_object_set_new(object, "streaming", json_boolean(node->report.streaming));
	json_set_number(object, "upstream", node->goal.upstream);
	json_set_number(object, "rule", node->goal.rule);
	json_set_text(object, "rule_doc", rule ? rule->doc : "");
	json_object_set_new(object, "peers", peers_of(&node->report));
	if (node->report.promoted_timeline != 0)
		json_object_set_new(object, "promotion", phases_of(&node->report));
	view_remark(view, node, &text);
	json_set_text(object, "remark", sentence);
	text_init(&text, sentence, sizeof(sentence));
	view_veto(view, node, &text);
	json_set_text(object, "veto", sentence);
	return object;
}

static json_t *
timelines_of(const struct group *group)
{
	json_t *list = json_array();
	char lsn[LSN_TEXT_MAX];

	for (uint32_t i = 0; i < group->history_count; i++) {
		const struct timeline *timeline = &group->history[i];
		json_t *object = json_object();
		json_set_number(object, "number", timeline->number);
		json_set_number(object, "parent", timeline->parent);
		json_set_text(object, "fork", lsn_format(timeline->fork, lsn));
		json_set_number(object, "node_id", timeline->node);
		json_array_append_new(list, object);
	}
	return list;
}

static void
add_sentences(json_t *object, const struct view *view)
{
	const struct view_group *group = &view->groups[0];
	char lines[8192] = "";
	struct text text = TEXT(lines);

	explain_group_state(&group->picture, group->now, &text);
	json_object_set_new(object, "state", json_of_lines(lines));
	text_init(&text, lines, sizeof(lines));
	view_waits(view, group, &text);
	json_object_set_new(object, "waits_for", json_of_lines(lines));
	text_init(&text, lines, sizeof(lines));
	view_advice(view, group, &text);
	json_object_set_new(object, "advice", json_of_lines(lines));
}

json_t *
dashboard_json_group(const struct dashboard *dashboard, const struct snapshot *snap)
{
	json_t *nodes = json_array();
	json_t *object = NULL;
	struct view view;

	if (view_of(&view, snap, loop_now(dashboard->loop)) == 0) {
		object = json_of_formation(snap->group.formation, &view);
		for (size_t i = 0; i < view.node_count; i++)
			json_array_append_new(nodes, watched_node(&view, &view.nodes[i]));
		const struct view_node *primary = view_primary(&view, snap->group.id);
		json_set_number(object, "group_id", snap->group.id);
		json_set_number(object, "primary", primary ? primary->id : 0);
		json_set_number(object, "timeline", snap->group.timeline);
		json_set_number(object, "failovers", snap->group.failovers);
		json_object_set(object, "nodes", nodes);
		json_object_set_new(object, "timelines", timelines_of(&snap->group));
		json_object_set_new(object, "promotions",
		                    dashboard_json_promotions(dashboard, &snap->group));
		add_sentences(object, &view);
		view_free(&view);
	}
	json_decref(nodes);
	return object;
}

/* ---- events ----------------------------------------------------------------------- */

json_t *
dashboard_json_event(const struct store_event *event)
{
	json_t *object = json_of_event(&(struct view_event){
		.id = event->id,
		.time = event->time,
		.epoch = (int64_t)event->epoch,
		.node = event->node,
		.node_name = event->node_name,
		.reported = event->reported,
		.assigned = event->assigned,
		.rule = event->rule,
		.text = event->text,
	});

	json_set_text(object, "formation", event->key.formation);
	json_set_number(object, "group_id", event->key.id);
	return object;
}

static bool
is_wanted(const struct store_event *event, const char *formation, int64_t group)
{
	return (!formation || strcmp(event->key.formation, formation) == 0) &&
	       (group < 0 || group == (int64_t)event->key.id);
}

json_t *
dashboard_json_events(const struct dashboard *dashboard, const char *formation, int64_t group,
                      size_t count)
{
	size_t first = dashboard->event_count;
	json_t *list = json_array();

	for (size_t found = 0; first > 0 && found < count; first--)
		found += is_wanted(&dashboard->events[first - 1], formation, group);
	for (size_t i = first; i < dashboard->event_count; i++) {
		if (is_wanted(&dashboard->events[i], formation, group))
			json_array_append_new(list, dashboard_json_event(&dashboard->events[i]));
	}
	return list;
}
