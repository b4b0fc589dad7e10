/* SPDX-License-Identifier: PostgreSQL */
/* What the monitor's pages are made from: groups, events, and its figures for Prometheus. */

#include <stdlib.h>
#include <string.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "engine/real/api.h"
#include "engine/real/monitor_parts.h"
#include "http/login.h"

/* ---- what the pages are lent ---------------------------------------------------------- */

static char *
pages_metrics(void *ctx)
{
	return monitor_pages_metrics(ctx);
}

static bool
pages_works(void *ctx)
{
	const struct pgaf_monitor *monitor = ctx;

	return monitor->store_open;
}

static const struct snapshot *
pages_group(void *ctx, size_t index)
{
	const struct pgaf_monitor *monitor = ctx;

	for (struct monitor_group *g = monitor->groups; g; g = g->next)
		if (g->engine && g->loaded && index-- == 0)
			return monitor_snapshot(g->engine);
	return NULL;
}

/* ---- what is asked for over HTTP --------------------------------------------------------- */

static void
pages_asked(void *ctx, int result, const struct pgaf_error *error)
{
	struct pgaf_monitor *monitor = ctx;

	monitor->action_asked = false;
	if (result < 0)
		log_at(&monitor->logger, PGAF_LOG_WARNING, "http-action",
		       "what was asked for over HTTP was not taken: %s", error->text);
	dashboard_asked(monitor->dashboard, &monitor->action, error);
}

static bool
pages_ask(void *ctx, const struct dashboard_action *action)
{
	struct pgaf_monitor *monitor = ctx;
	bool is_drop = action->request.kind == REQUEST_NONE;

	if (monitor->action_asked || !monitor->store_open)
		return false;
	monitor->action_asked = true;
	monitor->action = *action;
	log_at(&monitor->logger, PGAF_LOG_INFO, "http-action",
	       "asked for over HTTP: %s in %s/%u, node %u", is_drop ? "drop" : "switchover",
	       action->key.formation, action->key.id, action->node);
	monitor->store->ops->ask(monitor->store, &action->key, is_drop ? NULL : &action->request,
	                         action->node, pages_asked, monitor);
	return true;
}

/* ---- events ----------------------------------------------------------------------------- */

static void
pages_events(void *ctx, int result, const struct store_event *events, uint32_t count)
{
	struct pgaf_monitor *monitor = ctx;
	bool again = monitor->events_again;

	monitor->events_asked = false;
	monitor->events_again = false;
	if (result < 0)
		return; /* the session is lost; they are asked for when there is one */
	dashboard_events(monitor->dashboard, events, count);
	if (again)
		monitor_pages_ask_events(monitor);
}

void
monitor_pages_ask_events(struct pgaf_monitor *monitor)
{
	struct store *store = monitor->store;

	if (!monitor->dashboard || !monitor->store_open || !store->ops->events)
		return;
	if (monitor->events_asked) {
		monitor->events_again = true;
		return;
	}
	monitor->events_asked = true;
	store->ops->events(store, dashboard_events_after(monitor->dashboard), DASHBOARD_EVENTS_MAX,
	                   pages_events, monitor);
}

void
monitor_pages_opened(struct pgaf_monitor *monitor)
{
	if (!monitor->dashboard)
		return;
	monitor->events_asked = false;
	monitor->events_again = false;
	monitor->action_asked = false;
	dashboard_events_forget(monitor->dashboard);
	dashboard_store(monitor->dashboard);
	monitor_pages_ask_events(monitor);
}

void
monitor_pages_lost(struct pgaf_monitor *monitor)
{
	if (monitor->dashboard)
		dashboard_store(monitor->dashboard);
}

void
monitor_pages_changed(const struct monitor_group *group)
{
	if (group->monitor->dashboard)
		dashboard_changed(group->monitor->dashboard, &group->key);
}

/* ---- life ------------------------------------------------------------------------------- */

static const char *
pages_address(const struct pgaf_monitor_options *options)
{
	return api_text(options->http, "127.0.0.1:8009");
}

int
monitor_pages_check(const struct pgaf_monitor_options *options, struct pgaf_error *error)
{
	const char *user = api_text(options->http_user, "");

	if (strchr(user, ':'))
		return error_set(error, PGAF_ECONFIG, "http-user must be a name without a colon");
	if (strlen(user) >= LOGIN_TEXT_MAX ||
	    strlen(api_text(options->http_password, "")) >= LOGIN_TEXT_MAX)
		return error_set(error, PGAF_ECONFIG,
		                 "user and password of http have less than %d bytes",
		                 LOGIN_TEXT_MAX);
	if (options->http_actions && api_text(options->http_password, "")[0] == '\0')
		return error_set(error, PGAF_ECONFIG,
		                 "http-actions lets people change things, which needs a password:"
		                 " give http-password-file");
	return dashboard_check(pages_address(options), api_text(options->http_password, ""), error);
}

int
monitor_pages_make(struct pgaf_monitor *monitor, const struct pgaf_monitor_options *options,
                   struct pgaf_error *error)
{
	text_copy(monitor->http, sizeof(monitor->http), pages_address(options));
	if (strcmp(pages_address(options), "off") == 0)
		return 0;
	monitor->dashboard =
		dashboard_new(monitor->loop,
	                      &(struct dashboard_options){
				      .address = pages_address(options),
				      .user = api_text(options->http_user, "pgaf"),
				      .password = api_text(options->http_password, ""),
				      .world = {.group = pages_group,
	                                        .works = pages_works,
	                                        .metrics = pages_metrics,
	                                        .ask = options->http_actions ? pages_ask : NULL,
	                                        .ctx = monitor},
			      },
	                      error);
	return monitor->dashboard ? 0 : (error->code != 0 ? error->code : PGAF_ESYS);
}

void
monitor_pages_login(struct pgaf_monitor *monitor, const struct pgaf_monitor_options *options)
{
	if (monitor->dashboard)
		dashboard_login(monitor->dashboard, api_text(options->http_user, "pgaf"),
		                api_text(options->http_password, ""));
}
