/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_MONITOR_METRICS_H
#define HTTP_MONITOR_METRICS_H

/* The monitor's /metrics in the text format of Prometheus: what it knows of all its groups. */

#include "core/model.h"

struct monitor_metrics {
	pgaf_time now;
	bool      store_open;
	uint64_t  decisions;
	uint64_t  stalls;
	uint64_t  recording_dropped;
	uint64_t  certificate_expiry; /* seconds since 1970; 0 = not known, or none */
	size_t    group_count;
	const struct snapshot *const *groups; /* borrowed */
};

/* malloc'ed; NULL when out of memory. */
char *monitor_metrics(const struct monitor_metrics *data);

#endif
