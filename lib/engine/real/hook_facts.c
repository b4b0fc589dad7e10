/* SPDX-License-Identifier: PostgreSQL */
/* A node as variables: names are a contract, documented in pgaf-keeper(1). */

#include "engine/real/hook_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/pure/lsn.h"
#include "core/rules.h"

#define VARIABLES_MAX 32

struct telling {
	struct variable list[VARIABLES_MAX];
	size_t count;
	char room[512]; /* of the numbers */
	size_t used;
};

static void
add_text(struct telling *told, const char *name, const char *value)
{
	told->list[told->count++] = (struct variable){.name = name, .value = value};
}

static void
add_number(struct telling *told, const char *name, uint64_t value)
{
	char *at = told->room + told->used;
	int length = snprintf(at, sizeof(told->room) - told->used, "%" PRIu64, value);

	told->used += (size_t)length + 1;
	told->list[told->count++] = (struct variable){.name = name, .value = at, .number = true};
}

static void
add_node(struct telling *told, const struct hook_facts *facts)
{
	add_text(told, "formation", facts->formation);
	add_number(told, "group", facts->group_id);
	add_number(told, "node_id", facts->node_id);
	add_text(told, "name", facts->node.name);
	add_text(told, "host", facts->node.host);
	add_number(told, "port", facts->node.port);
}

static void
add_primary(struct telling *told, const struct hook_place *primary)
{
	add_text(told, "primary_name", primary->name);
	add_text(told, "primary_host", primary->host);
	if (primary->name != NULL)
		add_number(told, "primary_port", primary->port);
	else
		add_text(told, "primary_port", NULL);
}

/* Why: what holds it up, or the sentence of the rule that gave the goal. */
static void
add_reason(struct telling *told, const struct goal *goal, const struct hook_call *call)
{
	const struct rule *rule = rule_by_id(goal->rule);

	add_number(told, "rule", goal->rule);
	if (call->reason[0] != '\0')
		add_text(told, "reason", call->reason);
	else
		add_text(told, "reason", rule != NULL ? rule->doc : "");
}

static void
add_state(struct telling *told, const struct hook_facts *facts, char lsn[LSN_TEXT_MAX])
{
	const struct report *report = facts->report;

	add_text(told, "state", pgaf_state_name(report->state));
	add_text(told, "goal_state", pgaf_state_name(facts->goal->state));
	add_number(told, "epoch", facts->epoch);
	add_number(told, "timeline", report->timeline);
	add_text(told, "lsn", lsn_format(report->lsn, lsn));
	add_number(told, "claim_ms", report->claim_ms);
	add_number(told, "promote_ms", report->promote_ms);
}

void
hook_facts_tell(struct hooks *hooks, const struct logger *logger, const struct hook_call *call,
                const struct hook_facts *facts)
{
	struct telling told = {.count = 0};
	const char *event = hook_event_name(call->event);
	char when[24];
	char lsn[LSN_TEXT_MAX];
	time_t now = time(NULL);
	struct tm utc;

	if (!hooks_any(hooks))
		return;
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	add_text(&told, "event", event);
	add_text(&told, "time", when);
	add_text(&told, "teller", facts->teller);
	add_number(&told, "number", facts->number);
	add_node(&told, facts);
	add_text(&told, "role", hook_role_name(call->role));
	add_text(&told, "old_role", hook_role_name(call->before));
	add_primary(&told, &facts->primary);
	add_state(&told, facts, lsn);
	add_reason(&told, facts->goal, call);
	log_at(logger, PGAF_LOG_INFO, "hook", "tells hooks of %s as %s", event,
	       hook_role_name(call->role));
	hooks_run(hooks, facts->node_id, call->event, told.list, told.count);
}
