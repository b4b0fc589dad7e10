/* SPDX-License-Identifier: PostgreSQL */
/*
 * Between the small numbers and the core's own structures.
 */
#include <string.h>

#include "model/model.h"

void
set_widen(const struct m_set *from, struct sync_set *to)
{
	memset(to, 0, sizeof(*to));
	to->version = from->version;
	to->required = from->required;
	to->unknown = from->unknown;
	for (unsigned i = 0; i < run.nodes; i++)
		if ((from->members >> i & 1U) != 0)
			to->members[to->count++] =
				(struct member){.node = i + 1, .admission = from->admission[i]};
}

void
set_narrow(const struct sync_set *from, struct m_set *to)
{
	*to = (struct m_set){
		.version = (uint8_t)from->version,
		.required = (uint8_t)from->required,
		.unknown = from->unknown,
	};
	for (uint32_t i = 0; i < from->count; i++) {
		unsigned node = from->members[i].node - 1;

		to->members |= (uint8_t)(1U << node);
		to->admission[node] = (uint8_t)from->members[i].admission;
	}
}

bool
set_same(const struct m_set *a, const struct m_set *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

void
goal_widen(const struct m_goal *from, struct goal *to)
{
	memset(to, 0, sizeof(*to));
	to->state = (enum pgaf_state)from->state;
	to->epoch = from->epoch;
	to->timeline = from->timeline;
	to->admission = from->admission;
	to->upstream = from->upstream;
	to->min_lsn = from->min_lsn;
	to->may_rewind = from->may_rewind;
	set_widen(&from->set, &to->set);
}

void
goal_narrow(const struct goal *from, struct m_goal *to)
{
	*to = (struct m_goal){
		.state = (uint8_t)from->state,
		.epoch = (uint8_t)from->epoch,
		.timeline = (uint8_t)from->timeline,
		.admission = (uint8_t)from->admission,
		.upstream = (uint8_t)from->upstream,
		.min_lsn = (uint8_t)from->min_lsn,
		.may_rewind = from->may_rewind,
	};
	set_narrow(&from->set, &to->set);
}

bool
link_open(const struct m_state *s, unsigned from, unsigned to)
{
	return (s->world.cut[from] >> to & 1U) == 0;
}

bool
both_open(const struct m_state *s, unsigned a, unsigned b)
{
	return link_open(s, a, b) && link_open(s, b, a);
}

bool
pg_runs(const struct m_pg *pg)
{
	return pg->status == PG_STANDBY || pg->status == PG_PRIMARY;
}
