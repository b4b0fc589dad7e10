/* SPDX-License-Identifier: PostgreSQL */
/*
 * The monitor engine of one group: keeps the picture (what is stored, what
 * is reported, what is seen), asks the core, and commits what it says, one
 * decision at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/monitor_env.h"
#include "engine/monitor_hooks.h"

/* A commit whose outcome is unknown is cleared up by reading again after this long. */
#define RELOAD_WAIT PGAF_MSEC(200)
/* A keeper that has not reported for this many intervals is asked for. */
#define MISSED_REPORTS 3

struct monitor {
	const struct monitor_ops *ops;
	void *world;
	struct logger logger;
	struct snapshot snap;
	pgaf_time now;
	bool known;  /* the stored group was read since the store opened */
	bool loaded; /* … at least once: the timers are ours */
	bool store_open;
	bool loading;
	bool reload; /* read again as soon as possible */
	bool committing;
	struct decision decision; /* the one being committed */
	bool asking;              /* sessions */
	pgaf_time asked_at;
	pgaf_time deadline;
	bool probing; /* the probe list is up to date */
	struct monitor_hooks hooks;
};

struct monitor *
monitor_new(const char *formation, uint32_t group_id, const struct monitor_ops *ops, void *world,
            pgaf_time now)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));

	if (monitor == NULL)
		return NULL;
	monitor->ops = ops;
	monitor->world = world;
	monitor->now = now;
	monitor->deadline = now;
	monitor->snap.listening_since = now;
	settings_init(&monitor->snap.group.settings);
	strncpy(monitor->snap.group.formation, formation, PGAF_NAME_MAX - 1);
	monitor->snap.group.id = group_id;
	monitor->logger = (struct logger){
		.fn = ops->log,
		.ctx = world,
		.level = PGAF_LOG_TRACE,
		.formation = monitor->snap.group.formation,
		.group_id = (int)group_id,
	};
	return monitor;
}

void
monitor_free(struct monitor *monitor)
{
	free(monitor);
}

const struct snapshot *
monitor_snapshot(const struct monitor *monitor)
{
	return &monitor->snap;
}

static struct node *
find(struct monitor *monitor, pgaf_node_id id)
{
	for (uint32_t i = 0; i < monitor->snap.count; i++)
		if (monitor->snap.nodes[i].id == id)
			return &monitor->snap.nodes[i];
	return NULL;
}

/* ---- the stored group -------------------------------------------------- */

static void
load(struct monitor *monitor)
{
	if (monitor->loading) {
		monitor->reload = true;
		return;
	}
	if (!monitor->store_open)
		return;
	monitor->loading = true;
	monitor->reload = false;
	monitor->ops->load(monitor->world);
}

/* What this monitor saw of a node outlives reading the store again. */
static void
keep_runtime(const struct node *old, struct node *node, pgaf_time now)
{
	node->reported_at = 0;
	node->goal_since = now;
	if (old == NULL)
		return;
	node->sighting = old->sighting;
	node->session = old->session;
	node->session_gone_at = old->session_gone_at;
	node->trouble_since = old->trouble_since;
	/* A load hands reports out as well: one that is new came with it. */
	node->reported_at = old->reported_at;
	if (old->reported_at != 0 && memcmp(&old->report, &node->report, sizeof(node->report)) != 0)
		node->reported_at = now;
	if (old->goal.epoch == node->goal.epoch && old->goal.state == node->goal.state)
		node->goal_since = old->goal_since;
	if (old->high_lsn > node->high_lsn && old->admission == node->admission)
		node->high_lsn = old->high_lsn;
}

static void
keep_timers(const struct group *old, struct group *group, pgaf_time now, bool known)
{
	group->promotion_since = old->promotion.epoch == group->promotion.epoch && known
	                                 ? old->promotion_since
	                                 : now;
	group->handover_since =
		old->handover.from == group->handover.from && known ? old->handover_since : now;
	group->last_failover_at = old->last_failover_at;
	group->relaxed_at = known ? old->relaxed_at : now;
	group->crash_at = known ? old->crash_at : now;
	if (old->high_lsn > group->high_lsn && old->timeline == group->timeline)
		group->high_lsn = old->high_lsn;
}

static bool
same_places(const struct snapshot *a, const struct snapshot *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (a->nodes[i].id != b->nodes[i].id || a->nodes[i].port != b->nodes[i].port ||
		    strcmp(a->nodes[i].host, b->nodes[i].host) != 0)
			return false;
	return a->group.settings.probe_interval == b->group.settings.probe_interval &&
	       a->group.settings.connect_interval == b->group.settings.connect_interval;
}

static void
probe_all(struct monitor *monitor)
{
	monitor->ops->probe(monitor->world, monitor->snap.nodes, monitor->snap.count,
	                    &monitor->snap.group.settings);
	monitor->probing = true;
}

void
monitor_on_group(struct monitor *monitor, pgaf_time now, const struct snapshot *snap,
                 pgaf_time store_age)
{
	struct snapshot old = monitor->snap;
	bool same;

	monitor->now = now;
	monitor->loading = false;
	/* Read before our own last decision was written: what we hold is newer. */
	if (monitor->known && snap->group.epoch < old.group.epoch) {
		if (!monitor->committing)
			load(monitor);
		return;
	}
	monitor->snap.group = snap->group;
	monitor->snap.count = snap->count;
	keep_timers(&old.group, &monitor->snap.group, now, monitor->loaded);
	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *before = snapshot_node(&old, snap->nodes[i].id);

		monitor->snap.nodes[i] = snap->nodes[i];
		keep_runtime(before, &monitor->snap.nodes[i], now);
	}
	if (store_age >= 0 && !monitor->known)
		monitor->snap.first_start = now - store_age > 0 ? now - store_age : 1;
	monitor->loaded = true;
	same = monitor->known && monitor->probing && same_places(&old, &monitor->snap);
	monitor->known = true;
	monitor->deadline = now;
	if (!same)
		probe_all(monitor);
	if (monitor->reload)
		load(monitor);
}

void
monitor_on_store(struct monitor *monitor, pgaf_time now, bool open)
{
	monitor->now = now;
	monitor->store_open = open;
	monitor->loading = false;
	monitor->asking = false;
	if (!open) {
		/* A commit under way may or may not have happened: read before anything else. */
		monitor->committing = false;
		monitor->known = false;
		return;
	}
	load(monitor);
}

/* ---- commits ----------------------------------------------------------- */

static void
log_decision(struct monitor *monitor)
{
	const struct decision *decision = &monitor->decision;
	const struct node *subject = find(monitor, decision->subject);
	struct logger logger = monitor->logger;

	if (subject != NULL) {
		logger.node_id = subject->id;
		logger.node_name = subject->name;
	}
	log_rule(&logger, PGAF_LOG_INFO, "decision", decision->rule, decision->text);
}

void
monitor_on_commit(struct monitor *monitor, pgaf_time now, int result)
{
	monitor->now = now;
	if (!monitor->committing)
		return;
	monitor->committing = false;
	if (result == 0) {
		log_decision(monitor);
		decision_apply(&monitor->decision, now, &monitor->snap);
		if (monitor->decision.removed != 0)
			probe_all(monitor);
		monitor->deadline = now;
		return;
	}
	log_at(&monitor->logger, PGAF_LOG_DEBUG, "commit-lost",
	       "the decision of rule %u was not written: read again",
	       (unsigned)monitor->decision.rule);
	monitor->known = false;
	load(monitor);
}

/* ---- what keepers say, what is seen ------------------------------------ */

static void
remember_high(struct monitor *monitor, struct node *node)
{
	const struct report *report = &node->report;
	struct group *group = &monitor->snap.group;

	if (report->timeline != group->timeline)
		return;
	if (node->admission != 0 && report->streaming_admission == node->admission &&
	    report->lsn_complete && report->lsn > node->high_lsn)
		node->high_lsn = report->lsn;
	if (node->id == group->primary && report->pg == PG_PRIMARY && report->lsn > group->high_lsn)
		group->high_lsn = report->lsn;
}

void
monitor_on_report(struct monitor *monitor, pgaf_time now, pgaf_node_id id,
                  const struct report *report)
{
	struct node *node = find(monitor, id);

	monitor->now = now;
	monitor->deadline = now;
	if (node == NULL) {
		load(monitor);
		return;
	}
	node->report = *report;
	node->reported_at = now;
	node->session = SESSION_OPEN;
	node->session_gone_at = 0;
	remember_high(monitor, node);
}

static void
ask_sessions(struct monitor *monitor)
{
	if (monitor->asking || !monitor->store_open)
		return;
	monitor->asking = true;
	monitor->asked_at = monitor->now;
	monitor->ops->ask_sessions(monitor->world);
}

void
monitor_on_sighting(struct monitor *monitor, pgaf_time now, pgaf_node_id id,
                    const struct sighting *sighting)
{
	struct node *node = find(monitor, id);

	monitor->now = now;
	if (node == NULL)
		return;
	node->sighting = *sighting;
	monitor->deadline = now;
	/* Lost: is its keeper gone as well? One question, at the moment it matters. */
	if (sighting->closed_at != 0 && node->session != SESSION_GONE)
		ask_sessions(monitor);
}

void
monitor_on_sessions_unknown(struct monitor *monitor, pgaf_time now)
{
	monitor->now = now;
	monitor->asking = false;
	if (monitor->deadline > now + RELOAD_WAIT)
		monitor->deadline = now + RELOAD_WAIT;
}

void
monitor_on_session(struct monitor *monitor, pgaf_time now, pgaf_node_id id, bool open)
{
	struct node *node = find(monitor, id);

	monitor->now = now;
	monitor->asking = false;
	if (node == NULL)
		return;
	monitor->deadline = now;
	if (open) {
		node->session = SESSION_OPEN;
		node->session_gone_at = 0;
		return;
	}
	if (node->session != SESSION_GONE)
		node->session_gone_at = now;
	node->session = SESSION_GONE;
}

void
monitor_on_stall(struct monitor *monitor, pgaf_time now)
{
	monitor->now = now;
	monitor->snap.listening_since = now;
	monitor->deadline = now;
	log_at(&monitor->logger, PGAF_LOG_WARNING, "stalled",
	       "this monitor was not scheduled for a while: it listens before it decides");
}

void
monitor_on_hooks(struct monitor *monitor, pgaf_time now)
{
	monitor->now = now;
	monitor->deadline = now;
	monitor->hooks = (struct monitor_hooks){0};
}

/* ---- running ----------------------------------------------------------- */

static void
watch_trouble(struct monitor *monitor, struct node *node)
{
	bool primary = node->id == monitor->snap.group.primary;
	bool well = evidence_of(&monitor->snap, node, monitor->now) == EVIDENCE_OK &&
	            (primary || node->admission == 0 || node->report.streaming);

	if (well)
		node->trouble_since = 0;
	else if (node->trouble_since == 0)
		node->trouble_since = monitor->now;
}

/* A keeper that misses its reports may have died alone. */
static void
watch_keepers(struct monitor *monitor)
{
	pgaf_time limit = MISSED_REPORTS * monitor->snap.group.settings.report_interval;
	bool missing = false;

	for (uint32_t i = 0; i < monitor->snap.count; i++) {
		const struct node *node = &monitor->snap.nodes[i];
		pgaf_time since = node->reported_at > monitor->snap.listening_since
		                          ? node->reported_at
		                          : monitor->snap.listening_since;

		if (node->session == SESSION_GONE)
			continue;
		if (monitor->now - since >= limit ||
		    (node->sighting.closed_at != 0 && node->sighting.gone_at == 0))
			missing = true;
	}
	if (missing && monitor->now - monitor->asked_at >= RELOAD_WAIT)
		ask_sessions(monitor);
}

static bool
is_lost_with_open_session(const struct node *node, pgaf_time now)
{
	return node->sighting.closed_at != 0 && now - node->sighting.closed_at < RELOAD_WAIT &&
	       node->session != SESSION_GONE &&
	       (node->report.pg == PG_PRIMARY || node->report.pg == PG_STANDBY);
}

static pgaf_time
next_deadline(const struct monitor *monitor)
{
	pgaf_time first = decide_look_again(&monitor->snap, monitor->now);
	pgaf_time limit = MISSED_REPORTS * monitor->snap.group.settings.report_interval;

	for (uint32_t i = 0; i < monitor->snap.count; i++) {
		const struct node *node = &monitor->snap.nodes[i];
		pgaf_time due = node->reported_at + limit;

		if (node->session != SESSION_GONE && due > monitor->now && due < first)
			first = due;
		/* Its end may reach us before the end of its keeper's session does. */
		due = monitor->now + PGAF_MSEC(5);
		if (is_lost_with_open_session(node, monitor->now) && due < first)
			first = due;
	}
	return first;
}

static void
ask_again_if_lost(struct monitor *monitor)
{
	for (uint32_t i = 0; i < monitor->snap.count; i++)
		if (is_lost_with_open_session(&monitor->snap.nodes[i], monitor->now) &&
		    monitor->now - monitor->asked_at >= PGAF_MSEC(5))
			ask_sessions(monitor);
}

/* After the decision, so that nothing waits for what is told of it. */
static void
tell_hooks(struct monitor *monitor)
{
	pgaf_time due = monitor_hooks_tell(&monitor->hooks, &monitor->snap, monitor->now,
	                                   monitor->ops, monitor->world);

	if (due < monitor->deadline)
		monitor->deadline = due;
}

void
monitor_run(struct monitor *monitor, pgaf_time now)
{
	monitor->now = now;
	if (!monitor->known || !monitor->store_open) {
		monitor->deadline = PGAF_NEVER;
		return;
	}
	for (uint32_t i = 0; i < monitor->snap.count; i++)
		watch_trouble(monitor, &monitor->snap.nodes[i]);
	watch_keepers(monitor);
	ask_again_if_lost(monitor);
	monitor->deadline = next_deadline(monitor);
	if (monitor->committing || monitor->loading)
		return;
	if (decide(&monitor->snap, now, &monitor->decision)) {
		monitor->committing = true;
		monitor->ops->commit(monitor->world, &monitor->decision);
	}
	if (monitor->ops->record)
		monitor->ops->record(monitor->world, &monitor->snap, now,
		                     monitor->committing ? &monitor->decision : NULL);
	if (monitor->ops->hook)
		tell_hooks(monitor);
}

pgaf_time
monitor_deadline(const struct monitor *monitor)
{
	return monitor->deadline;
}
