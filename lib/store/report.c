/* SPDX-License-Identifier: PostgreSQL */
/* What in a report is news, and what only moves. */

#include "store/report.h"

#include "core/codec_field.h"

/* A commit that waits this long is a fact (PROTOCOL 30), as is a write this slow (37). */
#define WAITERS_FACT_MS 1000U
#define DISK_FACT_MS 200U

#define AGE_STEP_MS 250U
#define LAG_STEP_MS 100U
#define DISK_STEP_MS 50U

static uint32_t
round_down(uint32_t value, uint32_t step)
{
	return value == UINT32_MAX ? value : value - value % step;
}

/* To a whole step, and never to 0: no answer is of this very moment. */
static uint32_t
round_up(uint32_t value, uint32_t step)
{
	if (value > UINT32_MAX - step)
		return UINT32_MAX;
	return value == 0 ? step : (value + step - 1) / step * step;
}

void
report_steady(struct report *report)
{
	report->replay_lag_ms = round_down(report->replay_lag_ms, LAG_STEP_MS);
	report->disk_ms = round_down(report->disk_ms, DISK_STEP_MS);
	for (uint32_t i = 0; i < report->peer_count; i++)
		report->peers[i].age_ms = round_up(report->peers[i].age_ms, AGE_STEP_MS);
}

static uint32_t
disk_fact(uint32_t disk_ms)
{
	if (disk_ms == UINT32_MAX)
		return UINT32_MAX;
	return disk_ms >= DISK_FACT_MS ? DISK_FACT_MS : 0;
}

void
report_facts(const struct report *report, struct report *facts)
{
	*facts = *report;
	facts->lsn = 0;
	facts->replay = 0;
	facts->replay_lag_ms = 0;
	facts->waiters_ms = report->waiters_ms >= WAITERS_FACT_MS ? WAITERS_FACT_MS : 0;
	facts->disk_ms = disk_fact(report->disk_ms);
	for (uint32_t i = 0; i < facts->member_count; i++) {
		facts->members[i].flush = 0;
		facts->members[i].replay = 0;
	}
	for (uint32_t i = 0; i < facts->peer_count; i++)
		facts->peers[i].age_ms = 0;
}

static bool
same_members(const struct report *one, const struct report *other)
{
	for (uint32_t i = 0; i < one->member_count; i++) {
		const struct member_view *a = &one->members[i];
		const struct member_view *b = &other->members[i];

		if (a->node != b->node || a->admission != b->admission ||
		    a->streaming != b->streaming || a->flush != b->flush || a->replay != b->replay)
			return false;
	}
	return one->member_count == other->member_count;
}

static bool
same_peers(const struct report *one, const struct report *other)
{
	for (uint32_t i = 0; i < one->peer_count; i++) {
		const struct peer_view *a = &one->peers[i];
		const struct peer_view *b = &other->peers[i];

		if (a->node != b->node || a->reached != b->reached || a->age_ms != b->age_ms ||
		    a->in_recovery != b->in_recovery || a->timeline != b->timeline)
			return false;
	}
	return one->peer_count == other->peer_count;
}

bool
report_same(const struct report *one, const struct report *other)
{
	const struct record_spec *spec = record_spec_of(RECORD_REPORT);

	for (size_t i = 0; i < spec->field_count; i++) {
		enum field_type type = spec->fields[i].type;

		if (type != FIELD_VIEWS && type != FIELD_PEERS &&
		    !value_is_empty(&spec->fields[i], one, other))
			return false;
	}
	return same_members(one, other) && same_peers(one, other);
}

void
report_age(struct report *report, uint32_t age_ms)
{
	for (uint32_t i = 0; i < report->peer_count; i++) {
		uint32_t *age = &report->peers[i].age_ms;

		*age = *age > UINT32_MAX - age_ms ? UINT32_MAX : *age + age_ms;
	}
}
