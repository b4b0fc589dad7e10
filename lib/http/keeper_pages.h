/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_KEEPER_PAGES_H
#define HTTP_KEEPER_PAGES_H

/* The keeper's pages: health endpoints and metrics after Patroni's conventions, from memory. */

#include "core/note.h"
#include "core/steps.h"
#include "http/exposition.h"
#include "http/http.h"

/* A copy of what the keeper engine shows (engine/keeper_env.h, struct keeper_status). */
struct keeper_page_data {
	bool primary_open; /* 200 on /primary */
	bool standby_open; /* 200 on /replica */
	bool synchronous;
	bool ready;
	bool alive;
	char waiting[256];
	char formation[PGAF_NAME_MAX];
	uint32_t group_id;
	pgaf_node_id node_id;
	char name[PGAF_NAME_MAX];
	struct report report;
	struct observation seen;
	struct note note;
	pgaf_node_id primary;
	uint32_t peer_count;
	struct peer peers[PGAF_NODES_MAX];
	uint64_t certificate_expiry; /* seconds since 1970; 0 = not known, or none */
	uint64_t promotions; /* since this keeper started, and how long their steps took */
	struct histogram claims, promotes;
};

void keeper_page(const struct keeper_page_data *data, const struct http_request *request,
                 struct http_answer *answer);

#endif
