/* SPDX-License-Identifier: PostgreSQL */
/* What a running monitor's /metrics is made of. */

#include <stdlib.h>

#include "engine/real/monitor_parts.h"
#include "http/monitor_metrics.h"

char *
monitor_pages_metrics(struct pgaf_monitor *monitor)
{
	struct monitor_metrics data = {
		.now = loop_now(monitor->loop),
		.store_open = monitor->store_open,
		.decisions = monitor->decisions,
		.stalls = monitor->stalls,
		.certificate_expiry = monitor->certificate_expiry,
		.recording_dropped = monitor->recorder ? recorder_dropped(monitor->recorder) : 0,
	};
	const struct snapshot **groups = NULL;
	size_t count = 0;
	char *body = NULL;

	for (struct monitor_group *g = monitor->groups; g; g = g->next)
		count++;
	groups = calloc(count + 1, sizeof(*groups));
	if (groups == NULL)
		return NULL;
	for (struct monitor_group *g = monitor->groups; g; g = g->next)
		if (g->engine)
			groups[data.group_count++] = monitor_snapshot(g->engine);
	data.groups = groups;
	body = monitor_metrics(&data);
	free(groups);
	return body;
}
