/* SPDX-License-Identifier: PostgreSQL */
/* The monitor's pages: is it able to decide, and its figures for Prometheus. */

#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "engine/real/monitor_parts.h"

#define PAGE_MAX 65536

static void
page_value(struct text *to, const char *name, const struct snapshot *snap, const struct node *node,
           uint64_t value)
{
	text_addf(to, "%s{formation=\"%s\",group=\"%u\",node=\"%s\"} %llu\n", name,
	          snap->group.formation, snap->group.id, node->name, (unsigned long long)value);
}

static void
page_of_kind(struct text *to, const char *name, const char *kind, const char *help)
{
	text_addf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

enum figure { FIGURE_EVIDENCE_OK, FIGURE_SESSION, FIGURE_TIMELINE, FIGURE_LSN, FIGURE_ROUND_TRIP };

static uint64_t
page_figure(enum figure figure, const struct snapshot *snap, const struct node *node, pgaf_time now)
{
	switch (figure) {
	case FIGURE_EVIDENCE_OK:
		return evidence_of(snap, node, now) == EVIDENCE_OK;
	case FIGURE_SESSION:
		return node->session == SESSION_OPEN;
	case FIGURE_TIMELINE:
		return node->sighting.timeline;
	case FIGURE_LSN:
		return node->sighting.lsn;
	case FIGURE_ROUND_TRIP:
		return node->sighting.round_trip_us;
	}
	return 0;
}

static const struct {
	const char *name;
	const char *help;
} page_figures[] = {
	[FIGURE_EVIDENCE_OK] = {"pgaf_node_ok", "1 if the node answers and accepts connections."},
	[FIGURE_SESSION]     = {"pgaf_keeper_session", "1 if its keeper has a session here."},
	[FIGURE_TIMELINE]    = {"pgaf_node_timeline", "Timeline of the node's Postgres."},
	[FIGURE_LSN]         = {"pgaf_node_wal_position_bytes", "End of WAL of the node's "
                                                        "Postgres."},
	[FIGURE_ROUND_TRIP]  = {"pgaf_probe_round_trip_microseconds", "Last answer of the probe."},
};

static void
page_nodes(struct pgaf_monitor *monitor, struct text *to)
{
	pgaf_time now = loop_now(monitor->loop);

	for (size_t f = 0; f < sizeof(page_figures) / sizeof(page_figures[0]); f++) {
		page_of_kind(to, page_figures[f].name, "gauge", page_figures[f].help);
		for (struct monitor_group *g = monitor->groups; g; g = g->next) {
			const struct snapshot *snap =
				g->engine ? monitor_snapshot(g->engine) : NULL;

			for (uint32_t i = 0; snap && i < snap->count; i++)
				page_value(to, page_figures[f].name, snap, &snap->nodes[i],
				           page_figure((enum figure)f, snap, &snap->nodes[i], now));
		}
	}
}

static void
page_groups(struct pgaf_monitor *monitor, struct text *to)
{
	page_of_kind(to, "pgaf_group_epoch", "counter", "Epoch of the group.");
	for (struct monitor_group *g = monitor->groups; g; g = g->next)
		if (g->engine)
			text_addf(to, "pgaf_group_epoch{formation=\"%s\",group=\"%u\"} %llu\n",
			          g->key.formation, g->key.id,
			          (unsigned long long)monitor_snapshot(g->engine)->group.epoch);
	page_of_kind(to, "pgaf_group_failovers_total", "counter", "Failovers of the group.");
	for (struct monitor_group *g = monitor->groups; g; g = g->next)
		if (g->engine)
			text_addf(to,
			          "pgaf_group_failovers_total{formation=\"%s\",group=\"%u\"} "
			          "%u\n",
			          g->key.formation, g->key.id,
			          monitor_snapshot(g->engine)->group.failovers);
}

static void
page_metrics(struct pgaf_monitor *monitor, struct text *to)
{
	page_of_kind(to, "pgaf_store_open", "gauge", "1 if the store answers.");
	text_addf(to, "pgaf_store_open %d\n", monitor->store_open ? 1 : 0);
	page_of_kind(to, "pgaf_decisions_total", "counter", "Decisions written by this process.");
	text_addf(to, "pgaf_decisions_total %llu\n", (unsigned long long)monitor->decisions);
	page_of_kind(to, "pgaf_stalls_total", "counter", "Times this process could not run.");
	text_addf(to, "pgaf_stalls_total %llu\n", (unsigned long long)monitor->stalls);
	page_of_kind(to, "pgaf_recording_dropped_total", "counter",
	             "Inputs of decisions that the recording could not take.");
	text_addf(
		to, "pgaf_recording_dropped_total %llu\n",
		(unsigned long long)(monitor->recorder ? recorder_dropped(monitor->recorder) : 0));
	page_groups(monitor, to);
	page_nodes(monitor, to);
}

void
monitor_pages_answer(void *ctx, const struct http_request *request, struct http_answer *answer)
{
	struct pgaf_monitor *monitor = ctx;
	char room[PAGE_MAX];
	struct text text = TEXT(room);

	answer->type = "text/plain; charset=utf-8";
	if (strcmp(request->path, "/healthz") == 0) {
		answer->status = monitor->store_open ? 200 : 503;
		text_add(&text, monitor->store_open ? "ok\n" : "the store does not answer\n");
	} else if (strcmp(request->path, "/metrics") == 0) {
		answer->type = "text/plain; version=0.0.4; charset=utf-8";
		answer->status = 200;
		page_metrics(monitor, &text);
	} else {
		answer->status = 404;
		text_add(&text, "not found\n");
	}
	answer->body = strdup(room);
}
