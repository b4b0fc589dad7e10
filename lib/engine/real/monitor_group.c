/* SPDX-License-Identifier: PostgreSQL */
/*
 * One group of a monitor: the engine's operations on store and probes, and the
 * way back. A group that is gone from the store keeps its memory until the
 * end, as answers for it may be under way.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "engine/real/monitor_parts.h"
#include "store/postgres.h"

/* Reports without news are looked for this often within a report_interval. */
#define POLLS_PER_REPORT 2
/* The picture for operators is renewed at least this often. */
#define SHOW_EACH        PGAF_SECONDS(5)
#define LOAD_AGAIN_AFTER PGAF_SECONDS(1)

static const struct settings *
group_settings(const struct monitor_group *group)
{
	return &monitor_snapshot(group->engine)->group.settings;
}

/* ---- showing ------------------------------------------------------------------------ */

static void
group_look(const struct monitor_group *group, const struct snapshot *snap, pgaf_time now,
           struct monitor_shown *seen)
{
	(void)group;
	*seen = (struct monitor_shown){.epoch = snap->group.epoch, .count = snap->count, .at = now};
	for (uint32_t i = 0; i < snap->count; i++) {
		seen->evidence[i] = evidence_of(snap, &snap->nodes[i], now);
		seen->session[i] = snap->nodes[i].session;
	}
}

static bool
group_is_news(const struct monitor_shown *old, const struct monitor_shown *seen)
{
	if (old->epoch != seen->epoch || old->count != seen->count ||
	    seen->at - old->at >= SHOW_EACH)
		return true;
	for (uint32_t i = 0; i < seen->count; i++)
		if (old->evidence[i] != seen->evidence[i] || old->session[i] != seen->session[i])
			return true;
	return false;
}

static void
group_show(struct monitor_group *group, pgaf_time now)
{
	struct pgaf_monitor *monitor = group->monitor;
	const struct snapshot *snap = monitor_snapshot(group->engine);
	struct text text = TEXT(monitor->picture);
	struct monitor_shown seen;

	if (!monitor->store_open || !group->loaded)
		return;
	group_look(group, snap, now, &seen);
	if (!group_is_news(&group->shown, &seen))
		return;
	group->shown = seen;
	codec_write_snapshot(snap, now, &text);
	if (!text.cut)
		monitor->store->ops->publish(monitor->store, &group->key, monitor->picture);
}

/* ---- turns ----------------------------------------------------------------------------- */

void
monitor_group_turn(struct monitor_group *group)
{
	struct pgaf_monitor *monitor = group->monitor;
	pgaf_time now = 0;

	assert(!monitor->inside);
	if (!group->engine || monitor->ended)
		return;
	monitor_real_feel_stall(monitor);
	now = loop_now(monitor->loop);
	monitor->inside = true;
	monitor_run(group->engine, now);
	monitor->inside = false;
	loop_timer_set(group->timer, monitor_deadline(group->engine));
	group_show(group, now);
	monitor_pages_changed(group);
}

static void
group_timer_fired(void *ctx)
{
	monitor_group_turn(ctx);
}

/* ---- reading ------------------------------------------------------------------------------ */

static pgaf_time
group_store_age(const struct pgaf_monitor *monitor, pgaf_time now)
{
	return monitor->store_age < 0 ? -1 : monitor->store_age + (now - monitor->opened_at);
}

static void group_gone(struct monitor_group *group);

static void
group_loaded(void *ctx, int result, const struct snapshot *snap)
{
	struct monitor_group *group = ctx;
	struct pgaf_monitor *monitor = group->monitor;
	pgaf_time now = loop_now(monitor->loop);
	bool again = group->load_again;

	group->loading = false;
	group->load_again = false;
	if (!group->engine)
		return;
	if (result == PGAF_ENOENT) {
		group_gone(group);
		return;
	}
	if (result < 0) {
		/* Without a session it is read when there is one again. */
		if (monitor->store_open)
			loop_timer_set(group->poll, now + LOAD_AGAIN_AFTER);
		return;
	}
	group->loaded = true;
	monitor_on_group(group->engine, now, snap, group_store_age(monitor, now));
	if (again)
		monitor_group_load(group);
	monitor_group_turn(group);
}

void
monitor_group_load(struct monitor_group *group)
{
	struct pgaf_monitor *monitor = group->monitor;

	if (!monitor->store_open)
		return;
	if (group->loading) {
		group->load_again = true;
		return;
	}
	group->loading = true;
	monitor->store->ops->load(monitor->store, &group->key, group_loaded, group);
}

static void
group_reported(void *ctx, int result, pgaf_node_id node, const struct report *report, bool last)
{
	struct monitor_group *group = ctx;

	if (last)
		group->asking = false;
	if (!group->engine || result < 0)
		return;
	if (node != 0)
		monitor_on_report(group->engine, loop_now(group->monitor->loop), node, report);
	if (last)
		monitor_group_turn(group);
}

void
monitor_group_ask_reports(struct monitor_group *group)
{
	struct pgaf_monitor *monitor = group->monitor;

	/* A question under way may miss what was told just now, so it is asked again. */
	if (monitor->store_open && group->engine) {
		group->asking = true;
		monitor->store->ops->reports(monitor->store, &group->key, group_reported, group);
	}
}

static void
group_poll(void *ctx)
{
	struct monitor_group *group = ctx;
	pgaf_time pause = LOAD_AGAIN_AFTER;

	if (!group->engine)
		return;
	if (!group->loaded) {
		monitor_group_load(group);
	} else {
		pause = group_settings(group)->report_interval / POLLS_PER_REPORT;
		if (!group->asking)
			monitor_group_ask_reports(group);
	}
	loop_timer_set(group->poll, loop_now(group->monitor->loop) + pause);
}

/* ---- the engine's operations --------------------------------------------------------------- */

static void
group_op_load(void *world)
{
	monitor_group_load(world);
}

static void
group_committed(void *ctx, int result, const struct pgaf_error *error)
{
	struct monitor_group *group = ctx;

	if (result < 0 && result != PGAF_ESTALE)
		log_at(&group->monitor->logger, PGAF_LOG_WARNING, "decision-not-written", "%s",
		       error ? error->text : pgaf_strerror(result));
	if (result == 0)
		group->monitor->decisions++;
	if (!group->engine)
		return;
	monitor_on_commit(group->engine, loop_now(group->monitor->loop), result);
	monitor_group_turn(group);
	if (result == 0)
		monitor_pages_ask_events(group->monitor);
}

static void
group_op_commit(void *world, const struct decision *decision)
{
	struct monitor_group *group = world;
	struct store *store = group->monitor->store;

	store->ops->commit(store, &group->key, decision, group_committed, group);
}

static void
group_sighted(void *ctx, pgaf_node_id node, const struct sighting *sighting, bool follows_us)
{
	struct monitor_watch *watch = ctx;
	struct monitor_group *group = watch->group;

	(void)follows_us;
	monitor_on_sighting(group->engine, loop_now(group->monitor->loop), node, sighting);
	monitor_group_turn(group);
}

static bool
group_watch_is(const struct monitor_watch *watch, const struct node *node)
{
	return watch->probe && watch->node == node->id && watch->port == node->port &&
	       strcmp(watch->host, node->host) == 0;
}

static void
group_watch_stop(struct monitor_watch *watch)
{
	probe_free(watch->probe);
	watch->probe = NULL;
	watch->node = 0;
}

static void
group_watch_start(struct monitor_group *group, const struct node *node,
                  const struct settings *settings)
{
	struct monitor_watch *watch = group->watches;

	while (watch < group->watches + PGAF_NODES_MAX && watch->probe)
		watch++;
	if (watch == group->watches + PGAF_NODES_MAX)
		return;
	watch->group = group;
	watch->node = node->id;
	watch->port = node->port;
	text_copy(watch->host, sizeof(watch->host), node->host);
	watch->probe =
		probe_new(group->monitor->loop,
	                  &(struct probe_target){
				  .node = node->id,
				  .host = node->host,
				  .port = node->port,
				  .user = "pgaf_probe",
				  .password = postgres_store_probe_password(group->monitor->store),
				  .dbname = "postgres",
				  .sslmode = "prefer",
				  .own_host = "",
				  .probe_interval = settings->probe_interval,
				  .connect_interval = settings->connect_interval,
			  },
	                  group_sighted, watch);
}

static bool
group_is_wanted(const struct monitor_watch *watch, const struct node *nodes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (group_watch_is(watch, &nodes[i]))
			return true;
	return false;
}

static bool
group_is_watched(const struct monitor_group *group, const struct node *node)
{
	for (size_t i = 0; i < PGAF_NODES_MAX; i++)
		if (group_watch_is(&group->watches[i], node))
			return true;
	return false;
}

static void
group_op_probe(void *world, const struct node *nodes, uint32_t count,
               const struct settings *settings)
{
	struct monitor_group *group = world;

	for (size_t i = 0; i < PGAF_NODES_MAX; i++) {
		struct monitor_watch *watch = &group->watches[i];

		if (!watch->probe)
			continue;
		if (group_is_wanted(watch, nodes, count))
			probe_set_intervals(watch->probe, settings->probe_interval,
			                    settings->connect_interval);
		else
			group_watch_stop(watch);
	}
	for (uint32_t i = 0; i < count; i++)
		if (!group_is_watched(group, &nodes[i]))
			group_watch_start(group, &nodes[i], settings);
}

static void
group_sessions(void *ctx, int result, const pgaf_node_id *open, uint32_t count)
{
	struct monitor_group *group = ctx;
	pgaf_time now = loop_now(group->monitor->loop);
	pgaf_node_id nodes[PGAF_NODES_MAX];
	uint32_t node_count = 0;

	if (!group->engine)
		return;
	if (result < 0 || monitor_snapshot(group->engine)->count == 0) {
		monitor_on_sessions_unknown(group->engine, now);
		monitor_group_turn(group);
		return;
	}
	/* A copy: the snapshot is borrowed only until the engine is called. */
	node_count = monitor_snapshot(group->engine)->count;
	for (uint32_t i = 0; i < node_count; i++)
		nodes[i] = monitor_snapshot(group->engine)->nodes[i].id;
	for (uint32_t i = 0; i < node_count; i++) {
		bool is_open = false;

		for (uint32_t k = 0; k < count; k++)
			is_open = is_open || open[k] == nodes[i];
		monitor_on_session(group->engine, now, nodes[i], is_open);
	}
	monitor_group_turn(group);
}

static void
group_op_ask_sessions(void *world)
{
	struct monitor_group *group = world;
	struct store *store = group->monitor->store;

	store->ops->sessions(store, &group->key, group_sessions, group);
}

static void
group_op_record(void *world, const struct snapshot *snap, pgaf_time now,
                const struct decision *decision)
{
	struct monitor_group *group = world;

	if (group->monitor->recorder)
		recorder_take(group->monitor->recorder, &group->recorded, snap, now, decision);
}

static void
group_op_log(void *world, const struct pgaf_log *record)
{
	struct monitor_group *group = world;
	const struct logger *logger = &group->monitor->logger;

	if (logger->fn && record->level <= logger->level)
		logger->fn(logger->ctx, record);
}

static const struct monitor_ops group_ops = {
	.load         = group_op_load,
	.commit       = group_op_commit,
	.probe        = group_op_probe,
	.ask_sessions = group_op_ask_sessions,
	.record       = group_op_record,
	.hook         = monitor_hooks_call,
	.log          = group_op_log,
};

/* ---- coming and going ---------------------------------------------------------------------- */

static void
group_end(struct monitor_group *group)
{
	for (size_t i = 0; i < PGAF_NODES_MAX; i++)
		group_watch_stop(&group->watches[i]);
	if (group->engine)
		monitor_free(group->engine);
	group->engine = NULL;
	group->loaded = false;
}

static void
group_gone(struct monitor_group *group)
{
	group_end(group);
	monitor_pages_changed(group);
	loop_timer_set(group->timer, PGAF_NEVER);
	loop_timer_set(group->poll, PGAF_NEVER);
}

static struct monitor_group *
group_make(struct pgaf_monitor *monitor, const struct store_group_key *key)
{
	struct monitor_group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->monitor = monitor;
	group->key = *key;
	group->timer = loop_timer_new(monitor->loop, group_timer_fired, group);
	group->poll = loop_timer_new(monitor->loop, group_poll, group);
	if (!group->timer || !group->poll) {
		loop_timer_free(group->timer);
		loop_timer_free(group->poll);
		free(group);
		return NULL;
	}
	group->next = monitor->groups;
	monitor->groups = group;
	return group;
}

struct monitor_group *
monitor_group_get(struct pgaf_monitor *monitor, const struct store_group_key *key)
{
	struct monitor_group *group = monitor->groups;

	while (group &&
	       (group->key.id != key->id || strcmp(group->key.formation, key->formation) != 0))
		group = group->next;
	if (!group)
		group = group_make(monitor, key);
	if (!group || group->engine)
		return group;
	group->engine =
		monitor_new(key->formation, key->id, &group_ops, group, loop_now(monitor->loop));
	return group->engine ? group : NULL;
}

void
monitor_group_store(struct monitor_group *group, bool open)
{
	if (!group->engine)
		return;
	group->loading = false;
	group->load_again = false;
	group->asking = false;
	monitor_on_store(group->engine, loop_now(group->monitor->loop), open);
	if (open) {
		group->loaded = false;
		monitor_group_load(group);
		loop_timer_set(group->poll, loop_now(group->monitor->loop) + LOAD_AGAIN_AFTER);
	} else {
		loop_timer_set(group->poll, PGAF_NEVER);
	}
	monitor_group_turn(group);
}

void
monitor_group_free_all(struct pgaf_monitor *monitor)
{
	struct monitor_group *group = NULL;

	while ((group = monitor->groups)) {
		monitor->groups = group->next;
		group_end(group);
		loop_timer_free(group->timer);
		loop_timer_free(group->poll);
		free(group);
	}
}
