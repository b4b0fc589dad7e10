/* SPDX-License-Identifier: PostgreSQL */
/* What the operator's programs are told of a keeper, out of what its HTTP face shows. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/pure/error.h"
#include "base/pure/lsn.h"
#include "core/rules.h"
#include "engine/real/api.h"
#include "engine/real/keeper_parts.h"

#define VARIABLES_MAX 32
#define LIMIT_USUAL PGAF_SECONDS(10)
#define LIMIT_LEAST PGAF_MSEC(100)

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

static const struct peer *
find_primary(const struct keeper_page_data *page)
{
	for (uint32_t i = 0; i < page->peer_count; i++)
		if (page->peers[i].id == page->primary)
			return &page->peers[i];
	return NULL;
}

static void
add_place(struct telling *told, const struct pgaf_keeper *keeper)
{
	const struct keeper_page_data *page = &keeper->page;

	add_text(told, "formation", page->formation);
	add_number(told, "group", page->group_id);
	add_number(told, "node_id", page->node_id);
	add_text(told, "name", page->name);
	add_text(told, "host", keeper->registration.host);
	add_number(told, "port", keeper->registration.port);
}

/* Of the group, as this node was told last; nothing while nobody is. */
static void
add_primary(struct telling *told, const struct pgaf_keeper *keeper, enum hook_role role)
{
	const struct peer *primary = find_primary(&keeper->page);
	bool own = role == HOOK_ROLE_PRIMARY || keeper->page.primary == keeper->page.node_id;

	if (own) {
		add_text(told, "primary_name", keeper->page.name);
		add_text(told, "primary_host", keeper->registration.host);
		add_number(told, "primary_port", keeper->registration.port);
	} else if (primary != NULL) {
		add_text(told, "primary_name", primary->name);
		add_text(told, "primary_host", primary->host);
		add_number(told, "primary_port", primary->port);
	} else {
		add_text(told, "primary_name", NULL);
		add_text(told, "primary_host", NULL);
		add_text(told, "primary_port", NULL);
	}
}

/* Why: what holds it up, or the sentence of the rule that gave the goal. */
static void
add_reason(struct telling *told, const struct keeper_page_data *page, const struct hook_call *call)
{
	const struct rule *rule = rule_by_id(page->note.goal.rule);

	add_number(told, "rule", page->note.goal.rule);
	if (call->reason[0] != '\0')
		add_text(told, "reason", call->reason);
	else
		add_text(told, "reason", rule != NULL ? rule->doc : "");
}

static void
add_state(struct telling *told, const struct keeper_page_data *page, char lsn[LSN_TEXT_MAX])
{
	add_text(told, "state", pgaf_state_name(page->report.state));
	add_text(told, "goal_state", pgaf_state_name(page->note.goal.state));
	add_number(told, "epoch", page->note.epoch);
	add_number(told, "timeline", page->report.timeline);
	add_text(told, "lsn", lsn_format(page->report.lsn, lsn));
	add_number(told, "claim_ms", page->report.claim_ms);
	add_number(told, "promote_ms", page->report.promote_ms);
}

void
keeper_hooks_call(void *world, const struct hook_call *call)
{
	struct pgaf_keeper *keeper = world;
	struct telling told = {.count = 0};
	char when[24];
	char lsn[LSN_TEXT_MAX];
	time_t now = time(NULL);
	struct tm utc;

	if (keeper->hooks == NULL)
		return;
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	add_text(&told, "event", hook_event_name(call->event));
	add_text(&told, "time", when);
	add_number(&told, "number", ++keeper->hook_number);
	add_place(&told, keeper);
	add_text(&told, "role", hook_role_name(call->role));
	add_text(&told, "old_role", hook_role_name(call->before));
	add_primary(&told, keeper, call->role);
	add_state(&told, &keeper->page, lsn);
	add_reason(&told, &keeper->page, call);
	log_at(&keeper->logger, PGAF_LOG_INFO, "hook", "tells hooks of %s as %s",
	       hook_event_name(call->event), hook_role_name(call->role));
	hooks_run(keeper->hooks, call->event, told.list, told.count);
}

/* ---- the options ------------------------------------------------------------------------ */

int
keeper_hooks_check(const struct pgaf_keeper_options *options, struct pgaf_error *error)
{
	for (size_t i = 0; i < options->hook_count; i++)
		if (options->hooks[i][0] != '/')
			return error_set(error, PGAF_ECONFIG, "hook: \"%s\" must begin with /",
			                 options->hooks[i]);
	if (options->hook_limit != 0 && options->hook_limit < LIMIT_LEAST)
		return error_set(error, PGAF_ECONFIG, "hook_limit is less than 100ms");
	return 0;
}

int
keeper_hooks_make(struct pgaf_keeper *keeper, const struct pgaf_keeper_options *options,
                  struct pgaf_error *error)
{
	if (options->hook_count == 0)
		return 0;
	/* No reason not to run Postgres, and it may come later. */
	for (size_t i = 0; i < options->hook_count; i++)
		if (access(options->hooks[i], X_OK) != 0)
			log_at(&keeper->logger, PGAF_LOG_WARNING, "hook-missing",
			       "hook %s is missing or may not be executed", options->hooks[i]);
	keeper->hooks = hooks_new(
		keeper->loop,
		&(struct hooks_options){
			.files = options->hooks,
			.count = options->hook_count,
			.limit = options->hook_limit != 0 ? options->hook_limit : LIMIT_USUAL,
			.logger = &keeper->logger,
		},
		error);
	return keeper->hooks != NULL ? 0 : PGAF_ENOMEM;
}
