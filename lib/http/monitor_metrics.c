/* SPDX-License-Identifier: PostgreSQL */
/* One table of numbers of a group, one of those of a node, and what the process says of itself. */

#include "http/monitor_metrics.h"

#include <stdlib.h>
#include <string.h>

#include "core/decide.h"
#include "http/exposition.h"

enum unit { UNIT_PLAIN, UNIT_MILLISECONDS, UNIT_MICROSECONDS };

/* What a number says, and when there is one to say. */
struct group_metric {
	const char *name;
	const char *type;
	const char *help;
	enum unit   unit;
	bool (*value)(const struct snapshot *snap, pgaf_time now, uint64_t *value);
};

struct node_metric {
	const char *name;
	const char *help;
	enum unit   unit;
	bool (*value)(const struct snapshot *snap, const struct node *node, pgaf_time now,
	              uint64_t *value);
};

static void
write_value(FILE *out, enum unit unit, uint64_t value)
{
	switch (unit) {
	case UNIT_PLAIN:
		exposition_value(out, value);
		break;
	case UNIT_MILLISECONDS:
		exposition_milliseconds(out, value);
		break;
	case UNIT_MICROSECONDS:
		exposition_microseconds(out, value);
		break;
	}
}

/* The name and its labels, up to where a further one may follow. */
static void
write_place(FILE *out, const char *name, const struct snapshot *snap, const struct node *node)
{
	fprintf(out, "%s{formation=\"", name);
	exposition_escape(out, snap->group.formation);
	fprintf(out, "\",group=\"%u\"", snap->group.id);
	if (node != NULL) {
		fputs(",node=\"", out);
		exposition_escape(out, node->name);
		fputs("\"", out);
	}
}

/* ---- groups ------------------------------------------------------------------------------ */

static bool
group_epoch(const struct snapshot *snap, pgaf_time now, uint64_t *value)
{
	(void)now;
	*value = snap->group.epoch;
	return true;
}

static bool
group_failovers(const struct snapshot *snap, pgaf_time now, uint64_t *value)
{
	(void)now;
	*value = snap->group.failovers;
	return true;
}

/* Since this monitor has been running. */
static bool
group_failover_age(const struct snapshot *snap, pgaf_time now, uint64_t *value)
{
	pgaf_time at = snap->group.last_failover_at;

	*value = (uint64_t)((now - at) / PGAF_MSEC(1));
	return at != 0 && now >= at;
}

static bool
group_nodes(const struct snapshot *snap, pgaf_time now, uint64_t *value)
{
	(void)now;
	*value = snap->count;
	return true;
}

static bool
group_primary_ok(const struct snapshot *snap, pgaf_time now, uint64_t *value)
{
	const struct node *primary = snapshot_node(snap, snap->group.primary);

	*value = primary != NULL && evidence_of(snap, primary, now) == EVIDENCE_OK &&
	         primary->report.route_open;
	return true;
}

/* Who streams, is answered, and is in the set that commits wait for: who could take over. */
static bool
group_standbys_ready(const struct snapshot *snap, pgaf_time now, uint64_t *value)
{
	*value = 0;
	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *node = &snap->nodes[i];

		if (node->id != snap->group.primary && node->report.streaming &&
		    group_waits_for(&snap->group, node) &&
		    evidence_of(snap, node, now) == EVIDENCE_OK)
			(*value)++;
	}
	return true;
}

static bool
group_promotion(const struct snapshot *snap, pgaf_time now, uint64_t *value)
{
	const struct group *group = &snap->group;

	*value = group->promotion.node != 0 && group->promotion_since != 0
	                 ? (uint64_t)((now - group->promotion_since) / PGAF_MSEC(1))
	                 : 0;
	return true;
}

static const struct group_metric group_metrics[] = {
	{"pgaf_group_epoch", "gauge", "Epoch of the group: counts decisions.", UNIT_PLAIN,
         group_epoch},
	{"pgaf_group_failovers_total", "counter", "Failovers of the group.", UNIT_PLAIN,
         group_failovers},
	{"pgaf_group_last_failover_age_seconds", "gauge",
         "Time since the last failover that this monitor process has seen.", UNIT_MILLISECONDS,
         group_failover_age},
	{"pgaf_group_nodes", "gauge", "Nodes that are registered.", UNIT_PLAIN, group_nodes},
	{"pgaf_group_primary_ok", "gauge", "1 while the primary answers and lets clients in.",
         UNIT_PLAIN, group_primary_ok},
	{"pgaf_group_standbys_ready", "gauge",
         "Standbys that commits wait for, that stream and that answer.", UNIT_PLAIN,
         group_standbys_ready},
	{"pgaf_group_promotion_age_seconds", "gauge",
         "How long a promotion has been under way; 0 while none is.", UNIT_MILLISECONDS,
         group_promotion},
};

static void
write_groups(FILE *out, const struct monitor_metrics *data)
{
	for (size_t m = 0; m < sizeof(group_metrics) / sizeof(group_metrics[0]); m++) {
		const struct group_metric *metric = &group_metrics[m];

		exposition_head(out, metric->name, metric->type, metric->help);
		for (size_t g = 0; g < data->group_count; g++) {
			uint64_t value = 0;

			if (!metric->value(data->groups[g], data->now, &value))
				continue;
			write_place(out, metric->name, data->groups[g], NULL);
			fputs("}", out);
			write_value(out, metric->unit, value);
		}
	}
}

/* ---- nodes -------------------------------------------------------------------------------- */

/* A number of `node` when `condition` holds. */
#define NODE_METRIC(name, condition, expression)                                             \
	static bool name(const struct snapshot *snap, const struct node *node, pgaf_time now, \
	                 uint64_t *value)                                                    \
	{                                                                                    \
		(void)snap;                                                                  \
		(void)node;                                                                  \
		(void)now;                                                                   \
		*value = (uint64_t)(expression);                                             \
		return condition;                                                            \
	}

NODE_METRIC(node_ok, true, evidence_of(snap, node, now) == EVIDENCE_OK)
NODE_METRIC(node_session, true, node->session == SESSION_OPEN)
NODE_METRIC(node_streaming, node->id != snap->group.primary, node->report.streaming)
NODE_METRIC(node_counted, node->id != snap->group.primary, group_waits_for(&snap->group, node))
NODE_METRIC(node_vetoed, true, node->report.vetoes != 0)
NODE_METRIC(node_timeline, node->sighting.timeline != 0, node->sighting.timeline)
NODE_METRIC(node_lsn, node->sighting.lsn != 0, node->sighting.lsn)
NODE_METRIC(node_round_trip, node->sighting.answered_at != 0, node->sighting.round_trip_us)
NODE_METRIC(node_report_age, node->reported_at != 0 && now >= node->reported_at,
            (now - node->reported_at) / PGAF_MSEC(1))

static const struct node_metric node_metrics[] = {
	{"pgaf_node_ok", "1 while it answers and accepts connections.", UNIT_PLAIN, node_ok},
	{"pgaf_node_session", "1 while its keeper has a session with the store.", UNIT_PLAIN,
         node_session},
	{"pgaf_node_streaming", "1 while it says that it streams from the primary.", UNIT_PLAIN,
         node_streaming},
	{"pgaf_node_counted", "1 while commits wait for it.", UNIT_PLAIN, node_counted},
	{"pgaf_node_vetoed", "1 while something forbids to promote it.", UNIT_PLAIN, node_vetoed},
	{"pgaf_node_timeline", "Timeline of its PostgreSQL.", UNIT_PLAIN, node_timeline},
	{"pgaf_node_wal_position_bytes", "End of WAL of its PostgreSQL.", UNIT_PLAIN, node_lsn},
	{"pgaf_node_report_age_seconds", "Age of its keeper's last report.", UNIT_MILLISECONDS,
         node_report_age},
	{"pgaf_probe_round_trip_seconds", "How long the last answer to the probe took.",
         UNIT_MICROSECONDS, node_round_trip},
};

static void
write_nodes(FILE *out, const struct monitor_metrics *data)
{
	for (size_t m = 0; m < sizeof(node_metrics) / sizeof(node_metrics[0]); m++) {
		const struct node_metric *metric = &node_metrics[m];

		exposition_head(out, metric->name, "gauge", metric->help);
		for (size_t g = 0; g < data->group_count; g++)
			for (uint32_t i = 0; i < data->groups[g]->count; i++) {
				const struct node *node = &data->groups[g]->nodes[i];
				uint64_t value = 0;

				if (!metric->value(data->groups[g], node, data->now, &value))
					continue;
				write_place(out, metric->name, data->groups[g], node);
				fputs("}", out);
				write_value(out, metric->unit, value);
			}
	}
}

static const char *
reported_state(const struct node *node)
{
	return pgaf_state_name(node->report.state);
}

static const char *
assigned_state(const struct node *node)
{
	return pgaf_state_name(node->goal.state);
}

static void
write_states(FILE *out, const struct monitor_metrics *data, const char *name, const char *help,
             const char *(*state)(const struct node *node))
{
	exposition_head(out, name, "gauge", help);
	for (size_t g = 0; g < data->group_count; g++)
		for (uint32_t i = 0; i < data->groups[g]->count; i++) {
			const struct node *node = &data->groups[g]->nodes[i];

			write_place(out, name, data->groups[g], node);
			fprintf(out, ",state=\"%s\"}", state(node));
			exposition_value(out, 1);
		}
}

/* ---- the process ---------------------------------------------------------------------------- */

static void
write_single(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
	exposition_head(out, name, type, help);
	fputs(name, out);
	exposition_value(out, value);
}

static void
write_process(FILE *out, const struct monitor_metrics *data)
{
	exposition_head(out, "pgaf_monitor_build_info", "gauge",
	                "Always 1; the label is the version.");
	fprintf(out, "pgaf_monitor_build_info{version=\"%s\"} 1\n", PGAF_VERSION);
	write_single(out, "pgaf_store_open", "gauge", "1 while the store answers.",
	             data->store_open);
	write_single(out, "pgaf_decisions_total", "counter", "Decisions written by this process.",
	             data->decisions);
	write_single(out, "pgaf_stalls_total", "counter", "Times this process could not run.",
	             data->stalls);
	write_single(out, "pgaf_recording_dropped_total", "counter",
	             "Inputs of decisions that the recording could not take.",
	             data->recording_dropped);
	if (data->certificate_expiry != 0)
		write_single(out, "pgaf_certificate_expiry_timestamp_seconds", "gauge",
		             "When the server certificate of the store ends.",
		             data->certificate_expiry);
}

char *
monitor_metrics(const struct monitor_metrics *data)
{
	char *body = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&body, &length);

	if (out == NULL)
		return NULL;
	write_process(out, data);
	write_groups(out, data);
	write_nodes(out, data);
	write_states(out, data, "pgaf_node_reported_state", "1 for the state that is reported.",
	             reported_state);
	write_states(out, data, "pgaf_node_assigned_state", "1 for the state that is assigned.",
	             assigned_state);
	if (fclose(out) == 0)
		return body;
	free(body);
	return NULL;
}
