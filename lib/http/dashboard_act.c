/* SPDX-License-Identifier: PostgreSQL */
/*
 * /api/v1/switchover and /api/v1/drop. GET tells what would be done and gives a ticket, POST with
 * the ticket asks for it. So nothing is asked for that nobody has looked at, nothing after the
 * group has changed, and nothing by a page elsewhere, which cannot read the ticket. Whatever may
 * lose data is left to pgaf-ctl.
 */

#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "http/dashboard_parts.h"
#include "http/story.h"
#include "http/view_json.h"

#define TICKET_LIFE PGAF_SECONDS(120)
#define TICKET_HEADER "X-Pgaf-Ticket"

/* One question, while it is answered. */
struct asking {
	struct dashboard *dashboard;
	const struct http_request *request;
	struct http_answer *answer;
	struct dashboard_action action;
	const struct snapshot *snap;
};

bool
dashboard_may_act(const struct dashboard *dashboard)
{
	return dashboard->login.needed && dashboard->world.ask;
}

/* ---- whom is it about? --------------------------------------------------------------- */

static const struct node *
node_named(const struct snapshot *snap, const char *name)
{
	for (uint32_t i = 0; i < snap->count; i++)
		if (strcmp(snap->nodes[i].name, name) == 0)
			return &snap->nodes[i];
	return NULL;
}

/* False when it is answered. */
static bool
find_group(struct asking *asking)
{
	const char *formation = asking->request->argument(asking->request, "formation");
	int64_t group = 0;

	if (!dashboard_number(asking->request, "group", UINT32_MAX, &group)) {
		dashboard_complain(asking->answer, 400, "group is no number");
		return false;
	}
	asking->action.key.id = (uint32_t)group;
	if (text_copy(asking->action.key.formation, sizeof(asking->action.key.formation),
	              formation ? formation : "default"))
		asking->snap = dashboard_group(asking->dashboard, &asking->action.key);
	if (!asking->snap)
		dashboard_complain(asking->answer, 404, "there is no such group");
	return asking->snap;
}

static bool
find_node(struct asking *asking)
{
	const char *name = asking->request->argument(asking->request, "node");
	const struct node *node = name ? node_named(asking->snap, name) : NULL;

	asking->action.node = node ? node->id : 0;
	if (name && name[0] != '\0' && !node)
		dashboard_complain(asking->answer, 404, "there is no such node");
	else if (!node && asking->action.request.kind == REQUEST_NONE)
		dashboard_complain(asking->answer, 400, "node must be the name of a node");
	else
		return true;
	return false;
}

/* ---- what would it do? --------------------------------------------------------------- */

static void
measure_past(const struct asking *asking, struct story *story)
{
	const struct dashboard *dashboard = asking->dashboard;
	struct story_measuring measuring = {.handovers = story->run.verdict == DRY_HANDS_OVER,
	                                    .past = &story->past};

	for (size_t i = 0; i < dashboard->event_count; i++) {
		const struct store_event *event = &dashboard->events[i];
		if (event->key.id == asking->action.key.id &&
		    strcmp(event->key.formation, asking->action.key.formation) == 0)
			story_measure(&measuring, event->rule, dashboard_moment(event->time));
	}
}

/* malloc'ed; NULL: out of memory. */
static struct story *
make_story(const struct asking *asking)
{
	const struct dashboard_action *action = &asking->action;
	pgaf_time now = loop_now(asking->dashboard->loop);
	struct story *story = calloc(1, sizeof(*story));

	if (!story)
		return NULL;
	story->what = action->request.kind == REQUEST_NONE ? "drop" : "switchover";
	if (action->request.kind == REQUEST_NONE)
		dry_run_drop(asking->snap, now, action->node, false, &story->run);
	else
		dry_run_request(asking->snap, now, &action->request, &story->run);
	measure_past(asking, story);
	story_write(story, now);
	return story;
}

static const char *
give_ticket(struct asking *asking)
{
	struct dashboard *dashboard = asking->dashboard;
	struct dashboard_ticket *ticket = &dashboard->tickets[dashboard->ticket_next];

	dashboard->ticket_next = (dashboard->ticket_next + 1) % DASHBOARD_TICKETS_MAX;
	*ticket = (struct dashboard_ticket){
		.action = asking->action,
		.epoch = asking->snap->group.epoch,
		.until = loop_now(dashboard->loop) + TICKET_LIFE,
	};
	dashboard_secret(ticket->text);
	return ticket->text;
}

static void
tell_story(struct asking *asking, const struct story *story)
{
	bool is_possible = dry_run_is_possible(&story->run);
	bool is_get = strcmp(asking->request->method, "GET") == 0;
	json_t *object = json_of_story(story);

	json_set_text(object, "formation", asking->action.key.formation);
	json_set_number(object, "group_id", asking->action.key.id);
	json_set_number(object, "epoch", (int64_t)asking->snap->group.epoch);
	json_object_set_new(object, "ticket",
	                    is_possible && is_get ? json_string(give_ticket(asking)) : json_null());
	dashboard_answer(asking->answer, 200, object);
}

/* ---- to ask for it ------------------------------------------------------------------- */

/* A browser says which page asks; another program says nothing, and no page can be behind it. */
static bool
is_from_here(const struct http_request *request)
{
	const char *site = request->header(request, "Sec-Fetch-Site");
	const char *origin = request->header(request, "Origin");
	const char *host = request->header(request, "Host");
	const char *at = origin ? strstr(origin, "://") : NULL;

	if (site && strcmp(site, "same-origin") != 0)
		return false;
	return !origin || (at && host && strcmp(at + 3, host) == 0);
}

static bool
is_same_action(const struct dashboard_action *one, const struct dashboard_action *other)
{
	return one->key.id == other->key.id && one->node == other->node &&
	       one->request.kind == other->request.kind &&
	       strcmp(one->key.formation, other->key.formation) == 0;
}

/* It is good for one request. */
static const struct dashboard_ticket *
take_ticket(struct asking *asking)
{
	const char *said = asking->request->header(asking->request, TICKET_HEADER);
	pgaf_time now = loop_now(asking->dashboard->loop);

	for (size_t i = 0; said && said[0] != '\0' && i < DASHBOARD_TICKETS_MAX; i++) {
		struct dashboard_ticket *ticket = &asking->dashboard->tickets[i];
		if (strcmp(ticket->text, said) != 0)
			continue;
		ticket->text[0] = '\0';
		return ticket->until > now && is_same_action(&ticket->action, &asking->action)
		               ? ticket
		               : NULL;
	}
	return NULL;
}

static void
ask_world(struct asking *asking)
{
	const struct dashboard_world *world = &asking->dashboard->world;
	const struct dashboard_action *action = &asking->action;
	json_t *object = NULL;

	if (!world->works(world->ctx) || !world->ask(world->ctx, action)) {
		dashboard_complain(asking->answer, 503, "the store does not answer; try again");
		asking->answer->retry_after = 1;
		return;
	}
	object = json_object();
	json_set_text(object, "asked",
	              action->request.kind == REQUEST_NONE ? "drop" : "switchover");
	json_set_text(object, "formation", action->key.formation);
	json_set_number(object, "group_id", action->key.id);
	dashboard_answer(asking->answer, 202, object);
}

static void
ask(struct asking *asking, const struct story *story)
{
	const struct dashboard_ticket *ticket = NULL;

	if (!is_from_here(asking->request)) {
		dashboard_complain(asking->answer, 403, "asked by another site's page");
		return;
	}
	ticket = take_ticket(asking);
	if (!ticket)
		dashboard_complain(asking->answer, 403,
		                   "look at what it would do first: GET the same, and send its "
		                   "ticket as " TICKET_HEADER);
	else if (ticket->epoch != asking->snap->group.epoch)
		dashboard_complain(asking->answer, 409,
		                   "the group has changed since; look at what it would do now");
	else if (!dry_run_is_possible(&story->run))
		dashboard_complain(asking->answer, 409, "it is not possible now");
	else
		ask_world(asking);
}

static void
consider(struct asking *asking)
{
	struct story *story = make_story(asking);

	if (!story)
		dashboard_complain(asking->answer, 503, "out of memory");
	else if (strcmp(asking->request->method, "POST") == 0)
		ask(asking, story);
	else
		tell_story(asking, story);
	free(story);
}

/* ---- pages --------------------------------------------------------------------------- */

static bool
may_ask(struct asking *asking)
{
	if (dashboard_may_act(asking->dashboard))
		return true;
	dashboard_complain(asking->answer, 403, "http-actions is off");
	return false;
}

void
dashboard_switchover(struct dashboard *dashboard, const struct http_request *request,
                     struct http_answer *answer)
{
	struct asking asking = {.dashboard = dashboard, .request = request, .answer = answer};

	asking.action.request.kind = REQUEST_SWITCHOVER;
	if (!may_ask(&asking) || !find_group(&asking) || !find_node(&asking))
		return;
	asking.action.request.to = asking.action.node;
	if (asking.snap->group.request.kind != REQUEST_NONE)
		dashboard_complain(answer, 409, "a request for this group waits already");
	else if (asking.action.node != 0 && asking.action.node == asking.snap->group.primary)
		dashboard_complain(answer, 409, "it is the primary already");
	else
		consider(&asking);
}

void
dashboard_drop(struct dashboard *dashboard, const struct http_request *request,
               struct http_answer *answer)
{
	struct asking asking = {.dashboard = dashboard, .request = request, .answer = answer};

	if (may_ask(&asking) && find_group(&asking) && find_node(&asking))
		consider(&asking);
}
