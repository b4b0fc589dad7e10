/* SPDX-License-Identifier: PostgreSQL */
/* What the dashboard answers, from the monitor's pictures and the events that are kept. */

#include <stdlib.h>
#include <string.h>

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
