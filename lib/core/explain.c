/* SPDX-License-Identifier: PostgreSQL */
/*
 * Why nothing happens, in sentences: the first wait that fits each node, and
 * for each standby why it could not be promoted.
 */
#include "core/decide.h"

#include <string.h>

#include "base/pure/text.h"
#include "core/quorum.h"
#include "core/rules.h"

static void
add_sentence(struct text *to, const char *doc, const char *name)
{
	const char *place = strstr(doc, "%s");

	if (place == NULL) {
		text_addf(to, "%s\n", doc);
		return;
	}
	text_add_bytes(to, doc, (size_t)(place - doc));
	text_addf(to, "%s%s\n", name, place + 2);
}

static void
explain_veto(const struct snapshot *snap, const struct node *node, pgaf_time now, struct text *to)
{
	uint32_t vetoes = veto_of(snap, node, now);

	for (uint32_t bit = 0; bit < VETO_COUNT; bit++)
		if (vetoes & (UINT32_C(1) << bit))
			text_addf(to, "%s may not be promoted: %s\n", node->name,
			          veto_doc((enum veto)bit));
	switch (proof_of(snap, node)) {
	case PROOF_NONE:
		text_addf(to,
		          "%s may not be promoted: the primary may have acknowledged commits "
		          "without waiting for a standby\n",
		          node->name);
		break;
	case PROOF_HEAR:
		text_addf(to, "%s may not be promoted: more members must be heard\n", node->name);
		break;
	case PROOF_BEHIND:
		text_addf(to, "%s may not be promoted: another member holds more\n", node->name);
		break;
	case PROOF_HOLDS:
	default:
		break;
	}
}

void
decide_explain(const struct snapshot *snap, pgaf_time now, struct text *to)
{
	struct roles roles;

	roles_bind(snap, now, &roles);
	if (snap->count == 0)
		text_add(to, "no node is registered in this group\n");
	for (uint32_t i = 0; i < snap->count; i++) {
		struct facts facts;
		const struct rule *rule;

		roles.self = &snap->nodes[i];
		facts_of(snap, now, &roles, &facts);
		rule = rule_find(&facts);
		if (rule != NULL)
			text_addf(to, "rule %u applies to %s now: %s\n", (unsigned)rule->id,
			          roles.self->name, rule->doc);
		else
			add_sentence(to, wait_find(&facts)->doc, roles.self->name);
		if (roles.self->report.weak_commits)
			text_addf(to,
			          "%s: some commits return before a standby has them: "
			          "synchronous_commit is below on for a role or database\n",
			          roles.self->name);
		if (roles.self != roles.primary && roles.self->report.pg == PG_STANDBY)
			explain_veto(snap, roles.self, now, to);
	}
}
