/* SPDX-License-Identifier: PostgreSQL */
/*
 * Numbers for Prometheus: base units, one HELP and TYPE per name, and the
 * place of the node as labels of each sample.
 */

#include "http/keeper_metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/exposition.h"

struct page_writer {
	FILE *out;
	const struct keeper_page_data *data;
};

/* What a gauge says of the node, when there is something to say. */
struct metric {
	const char *name;
	const char *type;
	const char *help;
	bool (*value)(const struct keeper_page_data *data, uint64_t *value);
};

static void
add_head(struct page_writer *page, const char *name, const char *type, const char *help)
{
	exposition_head(page->out, name, type, help);
}

/* `label` and `word` may be NULL. Seconds are given in thousandths. */
static void
add_sample(struct page_writer *page, const char *name, const char *label, const char *word,
           uint64_t value)
{
	fprintf(page->out, "%s{formation=\"", name);
	exposition_escape(page->out, page->data->formation);
	fprintf(page->out, "\",group=\"%u\",name=\"", page->data->group_id);
	exposition_escape(page->out, page->data->name);
	if (label != NULL) {
		fprintf(page->out, "\",%s=\"", label);
		exposition_escape(page->out, word);
	}
	fputs("\"}", page->out);
	if (strstr(name, "_seconds") != NULL)
		exposition_milliseconds(page->out, value);
	else
		exposition_value(page->out, value);
}

/* ---- single numbers ----------------------------------------------------------------------- */

/* A number that is always there. */
#define ALWAYS(name, expression)                                               \
	static bool name(const struct keeper_page_data *data, uint64_t *value) \
	{                                                                      \
		*value = (uint64_t)(expression);                               \
		return true;                                                   \
	}

/* A number that is there when `condition` holds. */
#define WHEN(name, condition, expression)                                      \
	static bool name(const struct keeper_page_data *data, uint64_t *value) \
	{                                                                      \
		*value = (uint64_t)(expression);                               \
		return condition;                                              \
	}

static bool
answers(const struct keeper_page_data *data)
{
	return data->report.pg == PG_PRIMARY || data->report.pg == PG_STANDBY;
}

static bool
is_standby(const struct keeper_page_data *data)
{
	return data->report.pg == PG_STANDBY;
}

static bool
writes(const struct keeper_page_data *data)
{
	return data->report.pg == PG_PRIMARY;
}

static uint64_t
standbys_ready(const struct keeper_page_data *data)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < data->report.member_count; i++)
		if (data->report.members[i].streaming && data->report.members[i].admission != 0)
			count++;
	return count;
}

ALWAYS(up, answers(data))
ALWAYS(ready, data->ready)
ALWAYS(epoch, data->report.epoch)
ALWAYS(fenced, data->report.fenced)
ALWAYS(route_primary, data->primary_open)
ALWAYS(route_standby, data->standby_open)
ALWAYS(promotions, data->promotions)
ALWAYS(exits, data->seen.exits)
WHEN(server_version, data->report.server_version != 0, data->report.server_version)
WHEN(timeline, data->report.timeline != 0, data->report.timeline)
WHEN(lsn, data->report.lsn != 0, data->report.lsn)
WHEN(replay, is_standby(data) && data->report.replay != 0, data->report.replay)
WHEN(streaming, is_standby(data), data->seen.streaming)
WHEN(synchronous, is_standby(data), data->synchronous)
WHEN(replay_lag, is_standby(data), data->report.replay_lag_ms)
WHEN(waiters, writes(data), data->seen.waiters)
WHEN(waiters_age, writes(data), data->report.waiters_ms)
WHEN(standbys, writes(data), standbys_ready(data))
WHEN(slot_retained, answers(data), data->seen.slot_retained)
WHEN(disk_free, data->seen.disk_free != 0, data->seen.disk_free)
WHEN(disk_heartbeat, data->report.disk_ms != UINT32_MAX, data->report.disk_ms)
/* What ends in _seconds is written from milliseconds. */
WHEN(certificate, data->certificate_expiry != 0, data->certificate_expiry * 1000)
ALWAYS(disk_overdue, data->report.disk_ms == UINT32_MAX)

static bool
lag(const struct keeper_page_data *data, uint64_t *value)
{
	uint64_t bytes = 0;
	bool known = is_standby(data) && keeper_page_lag(data, &bytes);

	*value = bytes;
	return known;
}

static const struct metric metrics[] = {
	{"pgaf_up", "gauge", "1 while PostgreSQL answers.", up},
	{"pgaf_ready", "gauge", "1 while /readiness answers 200.", ready},
	{"pgaf_primary_route_open", "gauge", "1 while /primary answers 200.", route_primary},
	{"pgaf_replica_route_open", "gauge", "1 while /replica answers 200.", route_standby},
	{"pgaf_fenced", "gauge", "1 while this node has fenced itself.", fenced},
	{"pgaf_epoch", "gauge", "Epoch of the last decision that was accepted.", epoch},
	{"pgaf_server_version", "gauge", "Version of PostgreSQL as a number.", server_version},
	{"pgaf_timeline", "gauge", "Timeline of PostgreSQL.", timeline},
	{"pgaf_lsn_bytes", "gauge",
         "End of WAL: flushed by a primary, received or replayed by a standby.", lsn},
	{"pgaf_replay_lsn_bytes", "gauge", "Position up to which a standby has replayed.", replay},
	{"pgaf_replication_lag_bytes", "gauge",
         "WAL the upstream has sent or announced and this standby has not replayed.", lag},
	{"pgaf_replay_lag_seconds", "gauge", "Age of the last transaction that was replayed.",
         replay_lag},
	{"pgaf_streaming", "gauge", "1 while this standby streams from its upstream.", streaming},
	{"pgaf_synchronous", "gauge", "1 while commits may wait for this standby.", synchronous},
	{"pgaf_standbys_ready", "gauge",
         "Standbys that stream from this primary and that commits may wait for.", standbys},
	{"pgaf_waiting_commits", "gauge", "Sessions that wait for a synchronous standby.", waiters},
	{"pgaf_waiting_commits_age_seconds", "gauge",
         "How long the oldest of them has waited without progress.", waiters_age},
	{"pgaf_promotions_total", "counter",
         "Promotions of this node since its keeper was started.", promotions},
	{"pgaf_postmaster_exits_total", "counter",
         "Ends of the postmaster seen since the keeper was started.", exits},
	{"pgaf_slot_retained_bytes", "gauge", "WAL kept by the slot that is furthest behind.",
         slot_retained},
	{"pgaf_disk_free_bytes", "gauge", "Free space on the volume of the data directory.",
         disk_free},
	{"pgaf_disk_heartbeat_seconds", "gauge",
         "How long the last write with fsync beside the data took.", disk_heartbeat},
	{"pgaf_disk_overdue", "gauge", "1 while such a write does not come back.", disk_overdue},
	{"pgaf_certificate_expiry_timestamp_seconds", "gauge",
         "When the server certificate of this PostgreSQL ends.", certificate},
};

/* ---- families ----------------------------------------------------------------------------- */

static void
add_states(struct page_writer *page)
{
	const struct report *report = &page->data->report;

	add_head(page, "pgaf_version_info", "gauge", "Always 1; the label is the version.");
	add_sample(page, "pgaf_version_info", "version", PGAF_VERSION, 1);
	add_head(page, "pgaf_build_info", "gauge", "Always 1; the label is the version.");
	add_sample(page, "pgaf_build_info", "version", PGAF_VERSION, 1);
	add_head(page, "pgaf_role", "gauge", "1 for the role that PostgreSQL runs in.");
	add_sample(page, "pgaf_role", "role", "primary", report->pg == PG_PRIMARY);
	add_sample(page, "pgaf_role", "role", "replica", report->pg == PG_STANDBY);
	add_head(page, "pgaf_state", "gauge", "1 for the state that is reported.");
	add_sample(page, "pgaf_state", "state", pgaf_state_name(report->state), 1);
	add_head(page, "pgaf_goal_state", "gauge", "1 for the state that is assigned.");
	add_sample(page, "pgaf_goal_state", "state", pgaf_state_name(page->data->note.goal.state),
	           1);
	add_head(page, "pgaf_postgres_status", "gauge", "1 for what PostgreSQL is found to be.");
	add_sample(page, "pgaf_postgres_status", "status", pg_status_name(report->pg), 1);
}

static void
add_vetoes(struct page_writer *page)
{
	add_head(page, "pgaf_veto", "gauge",
	         "1 for each reason why this node may not be promoted.");
	for (int i = 0; i < VETO_COUNT; i++)
		add_sample(page, "pgaf_veto", "reason", veto_name((enum veto)i),
		           (page->data->report.vetoes >> i) & 1);
}

static void
add_promotion(struct page_writer *page)
{
	const char *name = "pgaf_last_promotion_seconds";
	const struct report *report = &page->data->report;

	if (report->promoted_timeline == 0)
		return;
	add_head(page, name, "gauge", "How long the steps of this node's last promotion took.");
	add_sample(page, name, "phase", "claim", report->claim_ms);
	add_sample(page, name, "phase", "promote", report->promote_ms);
	add_sample(page, name, "phase", "open", report->open_ms);
}

/* Of all promotions since the keeper was started; there from the first scrape on, so that the
 * first promotion is an increase. */
static void
add_phases(struct page_writer *page)
{
	static const char *const phases[] = {"claim", "promote"};
	const char *name = "pgaf_promotion_phase_seconds";
	const struct histogram *histograms[] = {&page->data->claims, &page->data->promotes};

	add_head(page, name, "histogram", "How long steps of this node's promotions took.");
	for (size_t i = 0; i < 2; i++) {
		char *labels = NULL;
		size_t length = 0;
		FILE *out = open_memstream(&labels, &length);

		if (out == NULL)
			continue;
		fputs("formation=\"", out);
		exposition_escape(out, page->data->formation);
		fprintf(out, "\",group=\"%u\",name=\"", page->data->group_id);
		exposition_escape(out, page->data->name);
		fprintf(out, "\",phase=\"%s\"", phases[i]);
		if (fclose(out) == 0)
			exposition_histogram(page->out, name, labels, histograms[i]);
		free(labels);
	}
}

static const char *
peer_name(const struct keeper_page_data *data, pgaf_node_id id, char to[24])
{
	for (uint32_t i = 0; i < data->peer_count; i++)
		if (data->peers[i].id == id)
			return data->peers[i].name;
	snprintf(to, 24, "node %u", id);
	return to;
}

/* The other nodes' end as bytes behind ours, for a primary. */
static void
add_members(struct page_writer *page)
{
	const struct report *report = &page->data->report;
	char room[24];

	if (report->pg != PG_PRIMARY || report->member_count == 0)
		return;
	add_head(page, "pgaf_member_streaming", "gauge", "1 while the standby streams from here.");
	for (uint32_t i = 0; i < report->member_count; i++)
		add_sample(page, "pgaf_member_streaming", "member",
		           peer_name(page->data, report->members[i].node, room),
		           report->members[i].streaming);
	add_head(page, "pgaf_member_flush_lag_bytes", "gauge",
	         "WAL that the standby has not written durably.");
	for (uint32_t i = 0; i < report->member_count; i++) {
		pgaf_lsn flush = report->members[i].flush;
		add_sample(page, "pgaf_member_flush_lag_bytes", "member",
		           peer_name(page->data, report->members[i].node, room),
		           report->lsn > flush ? report->lsn - flush : 0);
	}
	add_head(page, "pgaf_member_replay_lag_bytes", "gauge",
	         "WAL that the standby has not replayed.");
	for (uint32_t i = 0; i < report->member_count; i++) {
		pgaf_lsn replayed = report->members[i].replay;
		add_sample(page, "pgaf_member_replay_lag_bytes", "member",
		           peer_name(page->data, report->members[i].node, room),
		           report->lsn > replayed ? report->lsn - replayed : 0);
	}
}

static void
add_peers(struct page_writer *page)
{
	const struct report *report = &page->data->report;
	char room[24];

	if (report->peer_count == 0)
		return;
	add_head(page, "pgaf_peer_reached", "gauge",
	         "1 while the other node's PostgreSQL answers this keeper.");
	for (uint32_t i = 0; i < report->peer_count; i++)
		add_sample(page, "pgaf_peer_reached", "peer",
		           peer_name(page->data, report->peers[i].node, room),
		           report->peers[i].reached);
	add_head(page, "pgaf_peer_answer_age_seconds", "gauge",
	         "Age of its last answer when the last report was made.");
	for (uint32_t i = 0; i < report->peer_count; i++)
		add_sample(page, "pgaf_peer_answer_age_seconds", "peer",
		           peer_name(page->data, report->peers[i].node, room),
		           report->peers[i].age_ms);
}

char *
keeper_metrics(const struct keeper_page_data *data)
{
	char *body = NULL;
	size_t length = 0;
	struct page_writer page = {.data = data, .out = open_memstream(&body, &length)};

	if (page.out == NULL)
		return NULL;
	add_states(&page);
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		uint64_t value = 0;
		if (!metrics[i].value(data, &value))
			continue;
		add_head(&page, metrics[i].name, metrics[i].type, metrics[i].help);
		add_sample(&page, metrics[i].name, NULL, NULL, value);
	}
	add_vetoes(&page);
	add_promotion(&page);
	add_phases(&page);
	add_members(&page);
	add_peers(&page);
	if (fclose(page.out) == 0)
		return body;
	free(body);
	return NULL;
}
