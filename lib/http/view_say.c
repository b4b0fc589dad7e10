/* SPDX-License-Identifier: PostgreSQL */
/* What a group waits for and what can be done about it, in words. */

#include <inttypes.h>

#include "base/pure/text.h"
#include "core/decide.h"
#include "core/rules.h"
#include "core/why.h"
#include "http/view.h"

/* ---- what it waits for ---------------------------------------------------------- */

static void
remarks_write(const struct view *view, uint32_t group, struct text *to)
{
	for (size_t i = 0; i < view->node_count; i++) {
		char sentence[256] = "";
		struct text text = TEXT(sentence);
		if (view->nodes[i].group_id == group && view_remark(view, &view->nodes[i], &text))
			text_addf(to, "%s: %s\n", view->nodes[i].name, sentence);
	}
}

void
view_waits(const struct view *view, const struct view_group *group, struct text *to)
{
	if (!group->monitor) {
		text_add(to, "no monitor is running: nothing will be decided\n");
		return;
	}
	if (!group->has_picture) {
		text_add(to, "the monitor has not looked at this group yet\n");
		return;
	}
	remarks_write(view, group->id, to);
	decide_explain(&group->picture, group->now, to);
}

/* ---- what to run next ----------------------------------------------------------- */

void
view_node_advice(const struct view_node *node, struct text *to)
{
	if (node->drop_asked && !node->session)
		text_addf(to, "its keeper does not answer: pgaf-ctl drop node %s --force\n",
		          node->name);
	else if (!node->session)
		text_addf(to,
		          "start pgaf-keeper of %s on %s, or give the node up: pgaf-ctl drop"
		          " node %s --force\n",
		          node->name, node->host, node->name);
	else if (node->report.vetoes & VETO_BIT(RECOVERY_PAUSED))
		text_addf(to, "on %s: SELECT pg_wal_replay_resume()\n", node->name);
	else if (node->report.vetoes & VETO_BIT(DISK_FULL))
		text_addf(to, "make room on the disk of %s\n", node->name);
}

/* When only an operator's word can end the outage. */
static void
advise_on_primary(const struct view_group *group, struct text *to)
{
	struct roles roles;
	struct facts facts;

	roles_bind(&group->picture, group->now, &roles);
	if (!roles.primary)
		return;
	roles.self = roles.primary;
	facts_of(&group->picture, group->now, &roles, &facts);
	uint8_t fault = facts.answer[FACT_PRIMARY_FAULT];
	uint8_t candidate = facts.answer[FACT_CANDIDATE];
	bool broken = fault != FAULT_NONE && fault != FAULT_UNSURE && fault != FAULT_WITNESSED;
	bool unproved = candidate == CANDIDATE_NONE || candidate == CANDIDATE_BLOCKED;
	if (broken && unproved && group->picture.count > 1)
		text_addf(to,
		          "if %s does not come back and the loss of its last commits is"
		          " acceptable: pgaf-ctl perform failover --allow-data-loss\n",
		          roles.primary->name);
}

void
view_advice(const struct view *view, const struct view_group *group, struct text *to)
{
	if (!group->monitor) {
		text_add(to, "start pgaf-monitor\n");
		return;
	}
	for (size_t i = 0; i < view->node_count; i++) {
		if (view->nodes[i].group_id == group->id)
			view_node_advice(&view->nodes[i], to);
	}
	if (group->has_picture)
		advise_on_primary(group, to);
}
