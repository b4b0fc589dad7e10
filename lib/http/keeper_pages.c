/* SPDX-License-Identifier: PostgreSQL */
/*
 * Which path answers 200, and the JSON that goes with it. Load balancers ask
 * with OPTIONS or HEAD many times a second, so those get no body made.
 */

#include "http/keeper_pages.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/pure/text.h"
#include "http/keeper_metrics.h"

/* ---- what the paths ask ------------------------------------------------------------------- */

static bool
is_primary(const struct keeper_page_data *data)
{
	return data->primary_open;
}

static bool
is_replica(const struct keeper_page_data *data)
{
	return data->standby_open;
}

static bool
is_open(const struct keeper_page_data *data)
{
	return data->primary_open || data->standby_open;
}

static bool
is_synchronous(const struct keeper_page_data *data)
{
	return data->standby_open && data->synchronous;
}

static bool
is_asynchronous(const struct keeper_page_data *data)
{
	return data->standby_open && !data->synchronous;
}

static bool
is_primary_or_synchronous(const struct keeper_page_data *data)
{
	return data->primary_open || is_synchronous(data);
}

static bool
is_running(const struct keeper_page_data *data)
{
	return data->report.pg == PG_PRIMARY || data->report.pg == PG_STANDBY;
}

static bool
is_alive(const struct keeper_page_data *data)
{
	return data->alive;
}

static bool
is_ready(const struct keeper_page_data *data)
{
	return data->ready;
}

static const struct page {
	const char *path;
	bool (*holds)(const struct keeper_page_data *data);
	bool takes_lag; /* ?lag=10MB */
} pages[] = {
	{"/", is_primary, false},
	{"/primary", is_primary, false},
	{"/read-write", is_primary, false},
	{"/leader", is_primary, false},
	{"/replica", is_replica, true},
	{"/read-only", is_open, true},
	{"/synchronous", is_synchronous, false},
	{"/sync", is_synchronous, false},
	{"/quorum", is_synchronous, false},
	{"/asynchronous", is_asynchronous, true},
	{"/async", is_asynchronous, true},
	{"/read-only-sync", is_primary_or_synchronous, false},
	{"/read-only-quorum", is_primary_or_synchronous, false},
	{"/health", is_running, false},
	{"/liveness", is_alive, false},
	{"/readiness", is_ready, false},
};

static const struct page *
find_page(const char *path)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strcmp(path, pages[i].path) == 0)
			return &pages[i];
	return NULL;
}

bool
keeper_page_lag(const struct keeper_page_data *data, uint64_t *bytes)
{
	const struct observation *seen = &data->seen;

	/* What an upstream that is gone has written meanwhile is not known. */
	if (!seen->streaming || seen->upstream_lsn == 0)
		return false;
	*bytes = seen->upstream_lsn > seen->replay ? seen->upstream_lsn - seen->replay : 0;
	return true;
}

/* ---- JSON --------------------------------------------------------------------------------- */

static const char *
role_word(const struct keeper_page_data *data)
{
	switch (data->report.pg) {
	case PG_PRIMARY:
		return "primary";
	case PG_STANDBY:
		return "replica";
	case PG_UNKNOWN:
	case PG_ABSENT:
	case PG_STOPPED:
	case PG_EXITED:
	case PG_STARTING:
	case PG_STOPPING:
		break;
	}
	if (!data->report.has_data)
		return "uninitialized";
	return data->primary == data->node_id && data->node_id != 0 ? "primary" : "replica";
}

static const char *
state_word(enum pg_status pg)
{
	switch (pg) {
	case PG_UNKNOWN:
		return "unknown";
	case PG_ABSENT:
		return "uninitialized";
	case PG_STOPPED:
		return "stopped";
	case PG_EXITED:
		return "crashed";
	case PG_STARTING:
		return "starting";
	case PG_STOPPING:
		return "stopping";
	case PG_STANDBY:
	case PG_PRIMARY:
		return "running";
	}
	return "unknown";
}

static json_t *
lsn_number(pgaf_lsn lsn)
{
	return json_integer((json_int_t)lsn);
}

static json_t *
xlog_object(const struct keeper_page_data *data)
{
	json_t *object = json_object();

	if (data->report.pg == PG_PRIMARY) {
		json_object_set_new(object, "location", lsn_number(data->report.lsn));
		return object;
	}
	bool paused = (data->report.vetoes & VETO_BIT(RECOVERY_PAUSED)) != 0;
	json_object_set_new(object, "received_location", lsn_number(data->report.lsn));
	json_object_set_new(object, "replayed_location", lsn_number(data->report.replay));
	json_object_set_new(object, "paused", json_boolean(paused));
	return object;
}

static void
member_name(const struct member_view *member, struct text *to)
{
	if (member->admission == 0)
		text_addf(to, "pgaf_join_%u", member->node);
	else
		text_addf(to, "pgaf_%u_%u", member->node, member->admission);
}

static const struct peer *
find_peer(const struct keeper_page_data *data, pgaf_node_id id)
{
	for (uint32_t i = 0; i < data->peer_count; i++)
		if (data->peers[i].id == id)
			return &data->peers[i];
	return NULL;
}

static const struct member_view *
find_member(const struct keeper_page_data *data, pgaf_node_id id)
{
	for (uint32_t i = 0; i < data->report.member_count; i++)
		if (data->report.members[i].node == id)
			return &data->report.members[i];
	return NULL;
}

static json_t *
replication_row(const struct keeper_page_data *data, const struct member_view *member)
{
	char name[64] = "";
	struct text text = TEXT(name);
	const struct peer *peer = find_peer(data, member->node);
	bool listed = sync_set_has(&data->note.goal.set, member->node, member->admission);
	json_t *row = json_object();

	member_name(member, &text);
	json_object_set_new(row, "usename", json_string("pgaf_replicator"));
	json_object_set_new(row, "application_name", json_string(name));
	json_object_set_new(row, "node", json_string(peer != NULL ? peer->name : ""));
	json_object_set_new(row, "client_addr", json_string(peer != NULL ? peer->host : ""));
	json_object_set_new(row, "state", json_string(member->streaming ? "streaming" : "catchup"));
	json_object_set_new(row, "sync_state", json_string(listed ? "quorum" : "async"));
	json_object_set_new(row, "sync_priority", json_integer(listed ? 1 : 0));
	json_object_set_new(row, "flush_location", lsn_number(member->flush));
	json_object_set_new(row, "replay_location", lsn_number(member->replay));
	return row;
}

static json_t *
replication_array(const struct keeper_page_data *data)
{
	json_t *rows = json_array();

	for (uint32_t i = 0; i < data->report.member_count; i++)
		json_array_append_new(rows, replication_row(data, &data->report.members[i]));
	return rows;
}

static json_t *
pgaf_object(const struct keeper_page_data *data)
{
	json_t *object = json_object();

	json_object_set_new(object, "version", json_string(PGAF_VERSION));
	json_object_set_new(object, "formation", json_string(data->formation));
	json_object_set_new(object, "group", json_integer(data->group_id));
	json_object_set_new(object, "node_id", json_integer(data->node_id));
	json_object_set_new(object, "name", json_string(data->name));
	json_object_set_new(object, "reported_state",
	                    json_string(pgaf_state_name(data->report.state)));
	json_object_set_new(object, "assigned_state",
	                    json_string(pgaf_state_name(data->note.goal.state)));
	json_object_set_new(object, "epoch", json_integer((json_int_t)data->report.epoch));
	json_object_set_new(object, "fenced", json_boolean(data->report.fenced));
	json_object_set_new(object, "waiting_for",
	                    data->waiting[0] != '\0' ? json_string(data->waiting) : json_null());
	return object;
}

static json_t *
status_object(const struct keeper_page_data *data)
{
	const struct report *report = &data->report;
	char identifier[24] = "";
	struct text text = TEXT(identifier);
	uint64_t lag = 0;
	json_t *object = json_object();

	json_object_set_new(object, "state", json_string(state_word(report->pg)));
	json_object_set_new(object, "role", json_string(role_word(data)));
	json_object_set_new(object, "server_version", json_integer(report->server_version));
	json_object_set_new(object, "timeline", json_integer(report->timeline));
	json_object_set_new(object, "xlog", xlog_object(data));
	if (report->pg == PG_PRIMARY)
		json_object_set_new(object, "replication", replication_array(data));
	if (report->pg == PG_STANDBY && data->seen.streaming)
		json_object_set_new(object, "replication_state", json_string("streaming"));
	if (report->pg == PG_STANDBY && keeper_page_lag(data, &lag))
		json_object_set_new(object, "lag", json_integer((json_int_t)lag));
	if (is_synchronous(data))
		json_object_set_new(object, "sync_standby", json_true());
	text_addf(&text, "%llu", (unsigned long long)report->system_identifier);
	json_object_set_new(object, "database_system_identifier", json_string(identifier));
	json_object_set_new(object, "pgaf", pgaf_object(data));
	return object;
}

static json_t *
self_row(const struct keeper_page_data *data)
{
	json_t *row = json_object();

	json_object_set_new(row, "name", json_string(data->name));
	json_object_set_new(row, "role",
	                    json_string(data->primary == data->node_id && data->node_id != 0
	                                        ? "leader"
	                                        : "replica"));
	json_object_set_new(row, "state", json_string(state_word(data->report.pg)));
	json_object_set_new(row, "timeline", json_integer(data->report.timeline));
	return row;
}

static const struct peer_view *
find_view(const struct keeper_page_data *data, pgaf_node_id id)
{
	for (uint32_t i = 0; i < data->report.peer_count; i++)
		if (data->report.peers[i].node == id)
			return &data->report.peers[i];
	return NULL;
}

static json_t *
peer_lag(const struct keeper_page_data *data, const struct peer *peer)
{
	const struct member_view *member = find_member(data, peer->id);
	pgaf_lsn end = data->report.lsn;

	if (data->report.pg != PG_PRIMARY || member == NULL)
		return json_string("unknown");
	return lsn_number(end > member->replay ? end - member->replay : 0);
}

static json_t *
peer_row(const struct keeper_page_data *data, const struct peer *peer)
{
	char url[PGAF_HOST_MAX + 32] = "";
	struct text text = TEXT(url);
	const struct peer_view *view = find_view(data, peer->id);
	bool reached = view != NULL && view->reached;
	bool bare = strchr(peer->host, ':') == NULL;
	json_t *row = json_object();

	json_object_set_new(row, "name", json_string(peer->name));
	json_object_set_new(row, "role",
	                    json_string(peer->id == data->primary ? "leader" : "replica"));
	json_object_set_new(row, "state", json_string(reached ? "running" : "unknown"));
	text_addf(&text, bare ? "http://%s:%u/" : "http://[%s]:%u/", peer->host, peer->http_port);
	if (peer->http_port != 0)
		json_object_set_new(row, "api_url", json_string(url));
	json_object_set_new(row, "host", json_string(peer->host));
	json_object_set_new(row, "port", json_integer(peer->port));
	if (reached)
		json_object_set_new(row, "timeline", json_integer(view->timeline));
	if (peer->id != data->primary)
		json_object_set_new(row, "lag", peer_lag(data, peer));
	return row;
}

static json_t *
cluster_object(const struct keeper_page_data *data)
{
	json_t *object = json_object();
	json_t *members = json_array();

	json_array_append_new(members, self_row(data));
	for (uint32_t i = 0; i < data->peer_count; i++)
		json_array_append_new(members, peer_row(data, &data->peers[i]));
	json_object_set_new(object, "members", members);
	json_object_set_new(object, "scope", json_string(data->formation));
	return object;
}

/*
 * [timeline that ended, position, reason, time, new leader] as Patroni has it,
 * of the promotion this node remembers. Which timeline ended is in the group's
 * history, at the monitor.
 */
static json_t *
history_array(const struct keeper_page_data *data)
{
	char reason[64] = "";
	struct text text = TEXT(reason);
	json_t *rows = json_array();

	if (data->report.promoted_timeline == 0)
		return rows;
	text_addf(&text, "promoted onto timeline %u", data->report.promoted_timeline);
	json_t *row = json_array();
	json_array_append_new(row, json_null());
	json_array_append_new(row, lsn_number(data->report.fork_lsn));
	json_array_append_new(row, json_string(reason));
	json_array_append_new(row, json_null());
	json_array_append_new(row, json_string(data->name));
	json_array_append_new(rows, row);
	return rows;
}

/* ---- answers ------------------------------------------------------------------------------ */

static bool
wants_body(const struct http_request *request)
{
	return strcmp(request->method, "GET") == 0;
}

/* Takes over `value`. */
static void
set_json(struct http_answer *answer, int status, json_t *value)
{
	answer->status = status;
	answer->type = "application/json";
	answer->body = json_dumps(value, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(value);
}

static void
set_complaint(struct http_answer *answer, int status, const char *what)
{
	json_t *object = json_object();

	json_object_set_new(object, "error", json_string(what));
	set_json(answer, status, object);
}

/* 200, 503, or 400 when the limit cannot be understood. The primary has no lag. */
static int
page_status(const struct keeper_page_data *data, const struct page *page,
            const struct http_request *request)
{
	const char *limit = page->takes_lag ? request->argument(request, "lag") : NULL;
	uint64_t most = 0;
	uint64_t lag = 0;

	if (limit != NULL && !size_parse(limit, &most))
		return 400;
	if (!page->holds(data))
		return 503;
	if (limit == NULL || data->primary_open)
		return 200;
	return keeper_page_lag(data, &lag) && lag <= most ? 200 : 503;
}

static void
answer_page(const struct keeper_page_data *data, const struct page *page,
            const struct http_request *request, struct http_answer *answer)
{
	answer->status = page_status(data, page, request);
	if (answer->status == 400)
		set_complaint(answer, 400, "lag is no size such as 16kB or 10MB");
	else if (wants_body(request))
		set_json(answer, answer->status, status_object(data));
}

void
keeper_page(const struct keeper_page_data *data, const struct http_request *request,
            struct http_answer *answer)
{
	const struct page *page = find_page(request->path);

	*answer = (struct http_answer){.status = 200};
	if (page != NULL) {
		answer_page(data, page, request, answer);
	} else if (strcmp(request->path, "/metrics") == 0) {
		answer->type = "text/plain; version=0.0.4; charset=utf-8";
		answer->body = keeper_metrics(data);
	} else if (strcmp(request->path, "/cluster") == 0) {
		set_json(answer, 200, cluster_object(data));
	} else if (strcmp(request->path, "/history") == 0) {
		set_json(answer, 200, history_array(data));
	} else {
		set_complaint(answer, 404, "there is no such page");
	}
}
