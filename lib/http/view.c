/* SPDX-License-Identifier: PostgreSQL */
/* A formation as it is shown, judged with the same core that the monitor runs. */

#include "http/view.h"

#include <stdlib.h>
#include <string.h>

#include <pgaf/error.h>

#include "base/pure/text.h"
#include "core/decide.h"

/* ---- from what a monitor sees --------------------------------------------------- */

static void
node_fill(const struct view_group *group, const struct node *from, struct view_node *to)
{
	*to = (struct view_node){
		.group_id = group->id,
		.id = from->id,
		.port = from->port,
		.http_port = from->http_port,
		.priority = from->priority,
		.quorum = from->quorum,
		.drop_asked = from->drop_asked,
		.session = from->session == SESSION_OPEN,
		.reported = from->report.state,
		.assigned = from->goal.state,
		.goal = from->goal,
		.report = from->report,
		.report_age_ms = -1,
		.group = group,
		.seen = from,
	};
	text_copy(to->name, sizeof(to->name), from->name);
	text_copy(to->host, sizeof(to->host), from->host);
	text_copy(to->region, sizeof(to->region), from->region);
	if (from->reported_at != 0)
		to->report_age_ms = (group->now - from->reported_at) / PGAF_MSEC(1);
}

int
view_of(struct view *view, const struct snapshot *snap, pgaf_time now)
{
	*view = (struct view){.groups = calloc(1, sizeof(*view->groups)),
	                      .nodes = calloc((size_t)snap->count + 1, sizeof(*view->nodes))};
	if (!view->groups || !view->nodes) {
		view_free(view);
		return PGAF_ENOMEM;
	}
	struct view_group *group = &view->groups[view->group_count++];
	group->id = snap->group.id;
	group->epoch = snap->group.epoch;
	group->monitor = true;
	group->has_picture = true;
	group->now = now;
	group->settings = snap->group.settings;
	group->picture = *snap;
	for (uint32_t i = 0; i < snap->count; i++)
		node_fill(group, &group->picture.nodes[i], &view->nodes[view->node_count++]);
	return 0;
}

/* ---- finding ---------------------------------------------------------------- */

const struct view_node *
view_node_named(const struct view *view, const char *name)
{
	for (size_t i = 0; i < view->node_count; i++) {
		if (strcmp(view->nodes[i].name, name) == 0)
			return &view->nodes[i];
	}
	return NULL;
}

const struct view_node *
view_node_id(const struct view *view, uint32_t group, pgaf_node_id id)
{
	for (size_t i = 0; i < view->node_count; i++) {
		if (view->nodes[i].id == id && view->nodes[i].group_id == group)
			return &view->nodes[i];
	}
	return NULL;
}

const struct view_node *
view_primary(const struct view *view, uint32_t group)
{
	const struct view_node *found = NULL;

	for (size_t i = 0; i < view->node_count; i++) {
		const struct view_node *node = &view->nodes[i];
		if (node->group_id != group || !pgaf_state_is_writable(node->assigned))
			continue;
		if (!found || pgaf_state_is_writable(node->reported))
			found = node;
	}
	return found;
}

/* ---- judging ---------------------------------------------------------------- */

const char *
view_health(const struct view_node *node)
{
	return node->seen ? health_of(&node->group->picture, node->seen, node->group->now)
	                  : "unknown";
}

unsigned
view_evidence(const struct view_node *node, const char *words[VIEW_EVIDENCE_MAX])
{
	unsigned count = 0;
	pgaf_node_id who;

	if (!node->seen) {
		words[count++] = "unknown";
		return count;
	}
	const struct snapshot *picture = &node->group->picture;
	words[count++] = evidence_name(evidence_of(picture, node->seen, node->group->now));
	if (node->seen->session == SESSION_GONE)
		words[count++] = "keeper_gone";
	enum witness witness = witness_of(picture, node->seen, node->group->now, &who);
	if (witness != WITNESS_NONE)
		words[count++] = witness == WITNESS_OK ? "peer_ok" : "peer_lost";
	return count;
}

const char *
view_connection(const struct view_node *node)
{
	if (!node->session)
		return "none";
	if (pgaf_state_is_writable(node->reported) && node->report.pg == PG_PRIMARY)
		return "read-write";
	return node->report.pg == PG_STANDBY ? "read-only" : "none";
}

bool
view_remark(const struct view *view, const struct view_node *node, struct text *to)
{
	pgaf_node_id who = 0;

	if (!node->seen)
		return false;
	const struct snapshot *picture = &node->group->picture;
	enum evidence evidence = evidence_of(picture, node->seen, node->group->now);
	enum witness witness = witness_of(picture, node->seen, node->group->now, &who);
	bool unheard = evidence == EVIDENCE_SILENT || evidence == EVIDENCE_CONTRADICTED;
	if (unheard && witness == WITNESS_OK) {
		const struct view_node *other = view_node_id(view, node->group_id, who);
		text_addf(to, "unreachable from the monitor, alive for node %u", who);
		if (other)
			text_addf(to, " (%s)", other->name);
	} else if (evidence == EVIDENCE_CONTRADICTED) {
		text_add(to, "refused to the monitor, vouched for by its keeper");
	} else if (evidence == EVIDENCE_OK && node->seen->session == SESSION_GONE) {
		text_add(to, "degraded: keeper gone");
	} else if (evidence != EVIDENCE_OK && evidence != EVIDENCE_UNKNOWN) {
		text_add(to, evidence_name(evidence));
		if (node->seen->session == SESSION_GONE)
			text_add(to, ", keeper gone");
	}
	return to->used > 0;
}

/* The set that commits wait for now, by the primary's goal. */
static const struct sync_set *
set_of(const struct view *view, uint32_t group)
{
	const struct view_node *primary = view_primary(view, group);

	return primary ? &primary->goal.set : NULL;
}

const char *
view_sync_state(const struct view *view, const struct view_node *node)
{
	const struct sync_set *set = set_of(view, node->group_id);

	if (view_primary(view, node->group_id) == node || !node->report.streaming || !node->session)
		return NULL;
	if (set && set->required > 0 &&
	    sync_set_has(set, node->id, node->report.streaming_admission))
		return "quorum";
	return "async";
}

int64_t
view_lag(const struct view *view, const struct view_node *node)
{
	const struct view_node *primary = view_primary(view, node->group_id);

	if (primary == node)
		return 0;
	if (!primary || primary->report.lsn == 0 || node->report.lsn == 0 ||
	    primary->report.timeline != node->report.timeline)
		return -1;
	return node->report.lsn >= primary->report.lsn
	               ? 0
	               : (int64_t)(primary->report.lsn - node->report.lsn);
}

bool
view_veto(const struct view *view, const struct view_node *node, struct text *to)
{
	if (view_primary(view, node->group_id) == node)
		return false;
	if (!node->seen) {
		text_add(to, "no monitor has looked at it");
		return true;
	}
	uint32_t vetoes = veto_of(&node->group->picture, node->seen, node->group->now);
	for (unsigned i = 0; i < VETO_COUNT; i++) {
		if ((vetoes & UINT32_C(1) << i) == 0)
			continue;
		text_addf(to, "%s%s", to->used > 0 ? "; " : "", veto_doc((enum veto)i));
	}
	return to->used > 0;
}

/* ---- the end ------------------------------------------------------------ */

void
view_free(struct view *view)
{
	free(view->groups);
	free(view->nodes);
	*view = (struct view){0};
}
