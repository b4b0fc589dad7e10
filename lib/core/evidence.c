/* SPDX-License-Identifier: PostgreSQL */
/*
 * From raw observations to classes of evidence (DESIGN section 4). Silence is
 * measured only over time in which this monitor was listening, and means
 * nothing while nobody answers it.
 */
#include "core/decide.h"

static bool
keeper_says(const struct node *node, enum pg_status status)
{
	return node->session != SESSION_GONE && node->reported_at != 0 && node->report.pg == status;
}

/* Somebody answered within the silence limit: we are not the one who is cut off. */
static bool
monitor_hears(const struct snapshot *snap, pgaf_time now)
{
	for (uint32_t i = 0; i < snap->count; i++)
		if (snap->nodes[i].sighting.answered_at != 0 &&
		    now - snap->nodes[i].sighting.answered_at < snap->group.settings.silence_limit)
			return true;
	return false;
}

/* After a failover the bar for the next one without decisive evidence is higher. */
static pgaf_time
silence_limit(const struct snapshot *snap, const struct node *node, pgaf_time now)
{
	const struct group *group = &snap->group;
	pgaf_time limit = group->settings.silence_limit;

	if (node->id == group->primary && group->last_failover_at != 0 &&
	    now - group->last_failover_at < group->settings.flap_window)
		limit *= 2;
	return limit;
}

static bool
is_silent(const struct snapshot *snap, const struct node *node, pgaf_time now)
{
	pgaf_time heard = node->sighting.answered_at;

	if (snap->listening_since > heard)
		heard = snap->listening_since;
	return monitor_hears(snap, now) && now - heard >= silence_limit(snap, node, now);
}

/* Its connection ended and no new one is answered: what does its keeper say? */
static enum evidence
evidence_gone(const struct snapshot *snap, const struct node *node, pgaf_time now)
{
	const struct sighting *seen = &node->sighting;

	if (node->session == SESSION_GONE)
		return EVIDENCE_DOWN;
	if (node->reported_at > seen->closed_at &&
	    (node->report.pg == PG_PRIMARY || node->report.pg == PG_STANDBY))
		return EVIDENCE_CONTRADICTED;
	return is_silent(snap, node, now) ? EVIDENCE_SILENT : EVIDENCE_UNKNOWN;
}

enum evidence
evidence_of(const struct snapshot *snap, const struct node *node, pgaf_time now)
{
	const struct sighting *seen = &node->sighting;

	if (keeper_says(node, PG_EXITED) || keeper_says(node, PG_STOPPED) ||
	    keeper_says(node, PG_ABSENT))
		return EVIDENCE_DOWN;
	if (seen->gone_at != 0)
		return evidence_gone(snap, node, now);
	if (seen->starting || keeper_says(node, PG_STARTING))
		return EVIDENCE_STARTING;
	if (seen->stopping || keeper_says(node, PG_STOPPING))
		return EVIDENCE_STOPPING;
	if (is_silent(snap, node, now))
		return EVIDENCE_SILENT;
	if (seen->answered_at == 0)
		return EVIDENCE_UNKNOWN;
	if (seen->asked_new_at != 0 &&
	    now - seen->asked_new_at >= snap->group.settings.silence_limit)
		return EVIDENCE_NO_NEW_CONNECTIONS;
	if (node->report.disk_ms == UINT32_MAX && node->session != SESSION_GONE)
		return EVIDENCE_STALLED;
	return EVIDENCE_OK;
}

enum witness
witness_of(const struct snapshot *snap, const struct node *node, pgaf_time now, pgaf_node_id *who)
{
	const struct settings *set = &snap->group.settings;
	enum witness witness = WITNESS_NONE;

	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *peer = &snap->nodes[i];

		if (peer == node || peer->session == SESSION_GONE || peer->reported_at == 0 ||
		    now - peer->reported_at > set->report_interval + set->peer_report_age)
			continue;
		for (uint32_t p = 0; p < peer->report.peer_count; p++) {
			const struct peer_view *view = &peer->report.peers[p];

			if (view->node != node->id)
				continue;
			if (view->reached && now - peer->reported_at + PGAF_MSEC(view->age_ms) <=
			                             set->peer_report_age + set->report_interval) {
				*who = peer->id;
				return WITNESS_OK;
			}
			*who = peer->id;
			witness = WITNESS_LOST;
		}
	}
	return witness;
}

uint32_t
veto_of(const struct snapshot *snap, const struct node *node, pgaf_time now)
{
	const struct report *report = &node->report;
	uint32_t vetoes = report->vetoes;

	(void)now;
	if (node->priority == 0)
		vetoes |= VETO_BIT(PRIORITY_ZERO);
	if (report->leaving)
		vetoes |= VETO_BIT(LEAVING);
	if (!report->lsn_complete || report->lsn == 0)
		vetoes |= VETO_BIT(LSN_UNKNOWN);
	else if (report->lsn < node->high_lsn && report->timeline == snap->group.timeline)
		vetoes |= VETO_BIT(REGRESSED);
	return vetoes;
}

const char *
health_of(const struct snapshot *snap, const struct node *node, pgaf_time now)
{
	switch (evidence_of(snap, node, now)) {
	case EVIDENCE_OK:
		return node->session == SESSION_GONE ? "degraded" : "ok";
	case EVIDENCE_STARTING:
	case EVIDENCE_STOPPING:
	case EVIDENCE_CONTRADICTED:
	case EVIDENCE_NO_NEW_CONNECTIONS:
	case EVIDENCE_STALLED:
		return "degraded";
	case EVIDENCE_DOWN:
	case EVIDENCE_SILENT:
		return "down";
	case EVIDENCE_UNKNOWN:
	case EVIDENCE_COUNT:
	default:
		return "unknown";
	}
}
