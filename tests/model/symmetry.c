/* SPDX-License-Identifier: PostgreSQL */
/*
 * Nodes have no names but their numbers, so of all states that differ in the
 * numbering alone one stands for all: of those whose nodes are sorted by what is seen of each,
 * the least, read as bytes. Only
 * decide() looks at numbers, where all else is equal; it is asked under each
 * numbering, so that nothing is lost by that.
 */
#include <limits.h>
#include <string.h>

#include "model/model.h"

/* numberings[n]: the old node at each new place. The first one changes nothing. */
static const uint8_t numberings[][NODES_MOST] = {
	{0, 1, 2}, {1, 0, 2}, {0, 2, 1}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0},
};

struct renaming {
	const uint8_t *old;
	uint8_t new[NODES_MOST + 1]; /* number of a node, from 1, to its new one; 0 to 0 */
};

unsigned
numberings_count(void)
{
	return run.nodes == 2 ? 2 : 6;
}

static uint8_t
mask(const struct renaming *to, uint8_t bits)
{
	uint8_t renamed = 0;

	for (unsigned i = 0; i < run.nodes; i++)
		renamed |= (uint8_t)(((unsigned)bits >> to->old[i] & 1U) << i);
	return renamed;
}

/* A bit per node from bit 1 on; bit 0 is the monitor's. */
static uint8_t
ends(const struct renaming *to, uint8_t bits)
{
	return (uint8_t)((bits & 1U) | (unsigned)mask(to, bits >> 1) << 1);
}

static void
bytes(const struct renaming *to, uint8_t *at)
{
	uint8_t before[NODES_MOST];

	memcpy(before, at, sizeof(before));
	for (unsigned i = 0; i < run.nodes; i++)
		at[i] = before[to->old[i]];
}

static void
number(const struct renaming *to, uint8_t *at)
{
	*at = to->new[*at];
}

static void
set(const struct renaming *to, struct m_set *at)
{
	at->members = mask(to, at->members);
	bytes(to, at->admission);
}

static void
goal(const struct renaming *to, struct m_goal *at)
{
	number(to, &at->upstream);
	set(to, &at->set);
}

static void
report(const struct renaming *to, struct m_report *at)
{
	at->members = mask(to, at->members);
	at->reached = mask(to, at->reached);
}

static void
group(const struct renaming *to, struct m_group *at)
{
	struct m_group before = *at;

	number(to, &at->primary);
	number(to, &at->promoted);
	number(to, &at->from);
	number(to, &at->handover_from);
	number(to, &at->handover_to);
	for (unsigned i = 0; i < POSSIBLE_MAX; i++)
		set(to, &at->possible[i]);
	for (unsigned i = 0; i < run.nodes; i++) {
		at->goal[i] = before.goal[to->old[i]];
		goal(to, &at->goal[i]);
	}
	bytes(to, at->admission);
	bytes(to, at->high);
}

static void
world(const struct renaming *to, struct m_world *at)
{
	struct m_world before = *at;

	at->cut[0] = ends(to, at->cut[0]);
	for (unsigned i = 0; i < run.nodes; i++)
		at->cut[i + 1] = ends(to, before.cut[to->old[i] + 1]);
	for (unsigned i = 0; i < at->branches; i++)
		number(to, &at->branch[i].writer);
	number(to, &at->acked_writer);
}

static void
keeper(const struct renaming *to, struct m_keeper *at)
{
	goal(to, &at->note.goal);
	goal(to, &at->orders);
	goal(to, &at->order);
	goal(to, &at->sent);
	report(to, &at->report);
	report(to, &at->old);
	number(to, &at->followed);
}

static void
pg(const struct renaming *to, struct m_pg *at)
{
	struct m_pg before = *at;

	number(to, &at->upstream);
	set(to, &at->file);
	for (unsigned i = 0; i < run.nodes; i++) {
		at->sender[i] = before.sender[to->old[i]];
		set(to, &at->sender[i].set);
	}
}

void
renumber_nodes(struct m_state *s, unsigned numbering)
{
	struct renaming to = {.old = numberings[numbering]};
	struct m_state before = *s;

	if (numbering == 0)
		return;
	for (unsigned i = 0; i < run.nodes; i++)
		to.new[to.old[i] + 1] = (uint8_t)(i + 1);
	group(&to, &s->store.group);
	group(&to, &s->copy);
	world(&to, &s->world);
	for (unsigned by = 0; by < MONITORS; by++) {
		bytes(&to, s->monitor[by].heard);
		group(&to, &s->monitor[by].next);
	}
	for (unsigned i = 0; i < run.nodes; i++) {
		s->store.report[i] = before.store.report[to.old[i]];
		s->keeper[i] = before.keeper[to.old[i]];
		s->pg[i] = before.pg[to.old[i]];
		report(&to, &s->store.report[i]);
		keeper(&to, &s->keeper[i]);
		pg(&to, &s->pg[i]);
	}
}

/* What of a node stays as it is whatever the numbering. */
#define KEY_SIZE 16

static void
key_of(const struct m_state *s, unsigned node, uint8_t key[KEY_SIZE])
{
	const struct m_keeper *k = &s->keeper[node];
	const struct m_pg *p = &s->pg[node];
	const uint8_t values[KEY_SIZE] = {
		s->store.group.primary == node + 1,
		p->status,
		p->branch,
		p->lsn,
		p->streaming,
		p->complete,
		k->alive,
		k->frozen,
		(uint8_t)(k->link << 1 | k->contact),
		k->state,
		k->busy,
		k->note.role,
		k->note.epoch,
		k->orders_epoch,
		s->store.report[node].state,
		s->store.report[node].epoch,
	};

	memcpy(key, values, KEY_SIZE);
}

static bool
is_sorted(uint8_t keys[NODES_MOST][KEY_SIZE], const uint8_t *old)
{
	for (unsigned i = 1; i < run.nodes; i++)
		if (memcmp(keys[old[i - 1]], keys[old[i]], KEY_SIZE) > 0)
			return false;
	return true;
}

/* Few numberings leave the nodes sorted by their keys: the least of those is taken. */
unsigned
canonical(struct m_state *s)
{
	uint8_t keys[NODES_MOST][KEY_SIZE];
	struct m_state other, least;
	unsigned best = UINT_MAX;

	if (!run.symmetry)
		return 0;
	for (unsigned i = 0; i < run.nodes; i++)
		key_of(s, i, keys[i]);
	for (unsigned i = 0; i < numberings_count(); i++) {
		if (!is_sorted(keys, numberings[i]))
			continue;
		other = *s;
		renumber_nodes(&other, i);
		if (best != UINT_MAX && memcmp(&other, &least, sizeof(other)) >= 0)
			continue;
		least = other;
		best = i;
	}
	*s = least;
	return best;
}

void
renumber_names(unsigned numbering)
{
	uint8_t before[NODES_MOST];

	memcpy(before, run.name, sizeof(before));
	for (unsigned i = 0; i < run.nodes; i++)
		run.name[i] = before[numberings[numbering][i]];
}
