/* SPDX-License-Identifier: PostgreSQL */
/*
 * Questions asked of the data model everywhere.
 */
#include "core/model.h"

#include <string.h>

#include "base/pure/text.h"

const struct node *
snapshot_node(const struct snapshot *snap, pgaf_node_id id)
{
	for (uint32_t i = 0; i < snap->count; i++)
		if (id != 0 && snap->nodes[i].id == id)
			return &snap->nodes[i];
	return NULL;
}

static uint32_t
written_timeline(const struct node *node)
{
	return node->report.promoted_timeline > node->report.timeline
	               ? node->report.promoted_timeline
	               : node->report.timeline;
}

static bool
writes_later(const struct snapshot *snap, const struct node *a, const struct node *b)
{
	if (written_timeline(a) != written_timeline(b))
		return written_timeline(a) > written_timeline(b);
	if ((a->report.pg == PG_PRIMARY) != (b->report.pg == PG_PRIMARY))
		return a->report.pg == PG_PRIMARY;
	if ((a->id == snap->group.primary) != (b->id == snap->group.primary))
		return a->id == snap->group.primary;
	return a->report.lsn > b->report.lsn;
}

const struct node *
snapshot_writer(const struct snapshot *snap)
{
	const struct node *best = NULL;
	uint32_t newest = 0;

	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *node = &snap->nodes[i];

		if (node->goal.state == PGAF_STATE_DROPPED || !node->report.has_data)
			continue;
		if (written_timeline(node) > newest)
			newest = written_timeline(node);
		if (node->report.writer && (best == NULL || writes_later(snap, node, best)))
			best = node;
	}
	return best != NULL && written_timeline(best) == newest ? best : NULL;
}

const struct sync_set *
group_newest(const struct group *group)
{
	const struct sync_set *newest = NULL;

	for (uint32_t i = 0; i < group->possible_count; i++)
		if (newest == NULL || group->possible[i].version > newest->version)
			newest = &group->possible[i];
	return newest;
}

bool
sync_set_has(const struct sync_set *set, pgaf_node_id node, uint32_t admission)
{
	for (uint32_t i = 0; i < set->count; i++)
		if (set->members[i].node == node && set->members[i].admission == admission)
			return true;
	return false;
}

bool
group_waits_for(const struct group *group, const struct node *node)
{
	const struct sync_set *newest = group_newest(group);

	return newest != NULL && sync_set_has(newest, node->id, node->admission);
}

bool
sync_set_is_async(const struct sync_set *set)
{
	return set->unknown || set->required == 0;
}

void
settings_init(struct settings *settings)
{
	memset(settings, 0, sizeof(*settings));
#define TIMING_INITIAL(name, initial, least, most, doc) settings->name = (initial);
	TIMINGS(TIMING_INITIAL)
#undef TIMING_INITIAL
}

void
sync_set_names(const struct sync_set *set, struct text *to)
{
	if (set->required == 0)
		return;
	text_addf(to, "ANY %u (", (unsigned)set->required);
	if (set->count == 0)
		text_add(to, "pgaf_fence");
	for (uint32_t i = 0; i < set->count; i++)
		text_addf(to, "%spgaf_%u_%u", i == 0 ? "" : ", ", (unsigned)set->members[i].node,
		          (unsigned)set->members[i].admission);
	text_add(to, ")");
}
