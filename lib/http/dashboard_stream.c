/* SPDX-License-Identifier: PostgreSQL */
/*
 * /api/v1/stream: groups and events as server-sent events, at the moment they change. A group is
 * drawn after the decision that changed it, in a turn of the loop of its own, and no oftener than
 * PUSH_EACH; while nobody watches nothing is drawn at all.
 */

#include <stdlib.h>
#include <string.h>

#include "base/pure/error.h"
#include "http/dashboard_parts.h"
#include "http/view_json.h"

#define PUSH_EACH PGAF_MSEC(100)
#define BEAT_EACH PGAF_SECONDS(5)
#define EVENTS_TOLD 200 /* at first */

/* One that listens. */
struct dashboard_watcher {
	TAILQ_ENTRY(dashboard_watcher) next;
	struct dashboard *dashboard;
	struct http_stream *stream;
};

/* ---- sending --------------------------------------------------------------------------- */

/* To one, or to all. */
static void
send_value(struct dashboard *dashboard, struct dashboard_watcher *one, const char *name,
           const char *data)
{
	struct dashboard_watcher *watcher = NULL;

	TAILQ_FOREACH (watcher, &dashboard->watchers, next) {
		if (one && watcher != one)
			continue;
		http_stream_write(watcher->stream, "event: ", 7);
		http_stream_write(watcher->stream, name, strlen(name));
		http_stream_write(watcher->stream, "\ndata: ", 7);
		http_stream_write(watcher->stream, data, strlen(data));
		http_stream_write(watcher->stream, "\n\n", 2);
	}
}

/* Takes over `value`. */
static void
send_json(struct dashboard *dashboard, struct dashboard_watcher *one, const char *name,
          json_t *value)
{
	char *data = json_dumps(value, JSON_COMPACT);

	json_decref(value);
	if (data)
		send_value(dashboard, one, name, data);
	free(data);
}

static json_t *
json_of_monitor(const struct dashboard *dashboard)
{
	json_t *object = json_object();

	json_set_text(object, "version", PGAF_VERSION);
	json_object_set_new(object, "store_open",
	                    json_boolean(dashboard->world.works(dashboard->world.ctx)));
	json_object_set_new(object, "may_act", json_boolean(dashboard_may_act(dashboard)));
	return object;
}

void
dashboard_store(struct dashboard *dashboard)
{
	send_json(dashboard, NULL, "monitor", json_of_monitor(dashboard));
}

void
dashboard_asked(struct dashboard *dashboard, const struct dashboard_action *action,
                const struct pgaf_error *error)
{
	bool is_drop = action->request.kind == REQUEST_NONE;
	json_t *object = json_object();

	json_set_text(object, "asked", is_drop ? "drop" : "switchover");
	json_set_text(object, "formation", action->key.formation);
	json_set_number(object, "group_id", action->key.id);
	json_set_number(object, "node_id", action->node);
	json_object_set_new(object, "error", error ? json_string(error->text) : json_null());
	send_json(dashboard, NULL, "asked", object);
}

void
dashboard_tell(struct dashboard *dashboard, const struct store_event *event)
{
	json_t *list = NULL;

	if (TAILQ_EMPTY(&dashboard->watchers))
		return;
	list = json_array();
	json_array_append_new(list, dashboard_json_event(event));
	send_json(dashboard, NULL, "events", list);
}

/* ---- groups ---------------------------------------------------------------------------- */

static struct dashboard_shown *
shown_of(struct dashboard *dashboard, const struct store_group_key *key)
{
	struct dashboard_shown *shown = dashboard->shown;

	for (; shown < dashboard->shown + dashboard->shown_count; shown++)
		if (shown->key.id == key->id && strcmp(shown->key.formation, key->formation) == 0)
			return shown;
	if (dashboard->shown_count == DASHBOARD_GROUPS_MAX)
		return NULL;
	dashboard->shown_count++;
	*shown = (struct dashboard_shown){.key = *key};
	return shown;
}

const struct snapshot *
dashboard_group(const struct dashboard *dashboard, const struct store_group_key *key)
{
	const struct dashboard_world *world = &dashboard->world;
	const struct snapshot *snap = NULL;

	for (size_t i = 0; (snap = world->group(world->ctx, i)); i++)
		if (snap->group.id == key->id && strcmp(snap->group.formation, key->formation) == 0)
			return snap;
	return NULL;
}

static void
send_gone(struct dashboard *dashboard, struct dashboard_shown *shown)
{
	json_t *object = json_object();

	json_set_text(object, "formation", shown->key.formation);
	json_set_number(object, "group_id", shown->key.id);
	send_json(dashboard, NULL, "gone", object);
	free(shown->last);
	shown->last = NULL;
}

/* To all when it has changed, and to this one (if there is one) anyway. */
static void
send_group(struct dashboard *dashboard, struct dashboard_shown *shown,
           struct dashboard_watcher *anyway)
{
	const struct snapshot *snap = dashboard_group(dashboard, &shown->key);
	json_t *value = snap ? dashboard_json_group(dashboard, snap) : NULL;
	char *data = value ? json_dumps(value, JSON_COMPACT) : NULL;
	bool is_news = data && (!shown->last || strcmp(shown->last, data) != 0);

	json_decref(value);
	shown->is_stale = false;
	shown->next_at = loop_now(dashboard->loop) + PUSH_EACH;
	if (!snap && shown->last)
		send_gone(dashboard, shown);
	if (is_news || (data && anyway))
		send_value(dashboard, is_news ? NULL : anyway, "group", data);
	if (is_news) {
		free(shown->last);
		shown->last = data;
	} else {
		free(data);
	}
}

static void
push(void *ctx)
{
	struct dashboard *dashboard = ctx;
	pgaf_time now = loop_now(dashboard->loop);
	pgaf_time next = PGAF_NEVER;

	for (size_t i = 0; i < dashboard->shown_count; i++) {
		struct dashboard_shown *shown = &dashboard->shown[i];
		if (!shown->is_stale)
			continue;
		if (shown->next_at <= now)
			send_group(dashboard, shown, NULL);
		else if (shown->next_at < next)
			next = shown->next_at;
	}
	loop_timer_set(dashboard->push, next);
}

void
dashboard_changed(struct dashboard *dashboard, const struct store_group_key *key)
{
	struct dashboard_shown *shown = NULL;

	if (TAILQ_EMPTY(&dashboard->watchers))
		return;
	shown = shown_of(dashboard, key);
	if (!shown || shown->is_stale)
		return;
	shown->is_stale = true;
	/* One that may not be drawn yet is found there to be so. */
	loop_timer_set(dashboard->push, loop_now(dashboard->loop));
}

/* ---- watchers -------------------------------------------------------------------------- */

static void
beat(void *ctx)
{
	struct dashboard *dashboard = ctx;
	struct dashboard_watcher *watcher = NULL;

	TAILQ_FOREACH (watcher, &dashboard->watchers, next)
		http_stream_write(watcher->stream, ":\n\n", 3);
	if (!TAILQ_EMPTY(&dashboard->watchers))
		loop_timer_set(dashboard->beat, loop_now(dashboard->loop) + BEAT_EACH);
}

static void
watcher_gone(void *ctx)
{
	struct dashboard_watcher *watcher = ctx;

	TAILQ_REMOVE(&watcher->dashboard->watchers, watcher, next);
	free(watcher);
}

static void
watcher_greet(struct dashboard *dashboard, struct dashboard_watcher *watcher)
{
	const struct snapshot *groups[DASHBOARD_GROUPS_MAX];
	size_t count = dashboard_groups(dashboard, groups);

	send_json(dashboard, watcher, "monitor", json_of_monitor(dashboard));
	for (size_t i = 0; i < count; i++) {
		struct store_group_key key = {.id = groups[i]->group.id};
		memcpy(key.formation, groups[i]->group.formation, sizeof(key.formation));
		struct dashboard_shown *shown = shown_of(dashboard, &key);
		if (shown)
			send_group(dashboard, shown, watcher);
	}
	send_json(dashboard, watcher, "events",
	          dashboard_json_events(dashboard, NULL, -1, EVENTS_TOLD));
}

bool
dashboard_watch(struct dashboard *dashboard, struct http_answer *answer)
{
	struct dashboard_watcher *watcher = calloc(1, sizeof(*watcher));

	if (!watcher)
		return false;
	watcher->dashboard = dashboard;
	watcher->stream = http_stream_new(dashboard->http, watcher_gone, watcher);
	if (!watcher->stream) {
		free(watcher);
		beat(dashboard); /* one of them may be gone without a word */
		return false;
	}
	TAILQ_INSERT_TAIL(&dashboard->watchers, watcher, next);
	answer->stream = watcher->stream;
	watcher_greet(dashboard, watcher);
	loop_timer_set(dashboard->beat, loop_now(dashboard->loop) + BEAT_EACH);
	return true;
}

/* ---- life ------------------------------------------------------------------------------ */

bool
dashboard_stream_init(struct dashboard *dashboard)
{
	TAILQ_INIT(&dashboard->watchers);
	dashboard->push = loop_timer_new(dashboard->loop, push, dashboard);
	dashboard->beat = loop_timer_new(dashboard->loop, beat, dashboard);
	return dashboard->push && dashboard->beat;
}

void
dashboard_stream_done(struct dashboard *dashboard)
{
	loop_timer_free(dashboard->push);
	loop_timer_free(dashboard->beat);
	for (size_t i = 0; i < dashboard->shown_count; i++)
		free(dashboard->shown[i].last);
}
