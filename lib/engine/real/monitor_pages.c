/* SPDX-License-Identifier: PostgreSQL */
/* The monitor's pages: is it able to decide, and its figures for Prometheus. */

#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "engine/real/monitor_parts.h"

#define PAGE_MAX 256

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
		answer->body = monitor_pages_metrics(monitor);
		answer->status = answer->body ? 200 : 500;
		return;
	} else {
		answer->status = 404;
		text_add(&text, "not found\n");
	}
	answer->body = strdup(room);
}
