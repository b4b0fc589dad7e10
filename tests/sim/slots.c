/* SPDX-License-Identifier: PostgreSQL */
/*
 * Slots, and how much WAL they may keep (33b): one whose node is too far behind
 * is invalidated by a checkpoint, the WAL goes, and only a copy brings that node
 * back, once the slot was made anew.
 */

#include "sim/sim.h"

/* max_slot_wal_keep_size and wal_keep_size; a burst of writes is more than either. */
#define SLOT_KEEPS (UINT64_C(40) << 20)
#define ALWAYS_KEPT (UINT64_C(20) << 20)

static bool
is_behind(const struct pg *pg, const struct slot *slot, pgaf_lsn keeps)
{
	return slot->restart != 0 && slot->restart + keeps < pg->flush;
}

static void
slot_lose(struct sim *sim, pgaf_node_id node, pgaf_node_id standby)
{
	struct pg *pg = &sim->pg[node];

	pg->slots[standby].lost = true;
	TELL(sim, host_name(node), "postgres > the slot of %s is invalidated: it kept too much WAL",
	     host_name(standby));
	for (int i = 0; i < WALSENDERS_MAX; i++)
		if (pg->senders[i].used && pg->senders[i].standby == standby)
			stream_end_sender(sim, node, &pg->senders[i]);
}

/* A checkpoint: what no slot keeps is removed. */
void
slots_checkpoint(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];
	pgaf_lsn oldest = pg->flush > ALWAYS_KEPT ? pg->flush - ALWAYS_KEPT : 0;

	for (pgaf_node_id other = 1; other <= sim->nodes; other++) {
		struct slot *slot = &pg->slots[other];

		if (slot->lost || slot->restart == 0)
			continue;
		if (is_behind(pg, slot, SLOT_KEEPS))
			slot_lose(sim, node, other);
		else if (slot->restart < oldest)
			oldest = slot->restart;
	}
	if (oldest > pg->wal_from)
		pg->wal_from = oldest;
}

/* Those that are missing or lost are made anew; others stay as they are. */
void
slots_make(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	for (pgaf_node_id other = 1; other <= sim->nodes; other++)
		if (other != node && (pg->slots[other].lost || pg->slots[other].restart == 0))
			pg->slots[other] = (struct slot){.restart = pg->flush};
}

/* On a standby nobody streams through them: its keeper moves them along. */
void
slots_advance(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	for (pgaf_node_id other = 1; other <= sim->nodes; other++)
		if (!pg->slots[other].lost && pg->slots[other].restart != 0 &&
		    pg->slots[other].restart < pg->replay)
			pg->slots[other].restart = pg->replay;
}

void
slot_confirm(struct pg *pg, pgaf_node_id standby, pgaf_lsn flush)
{
	struct slot *slot = &pg->slots[standby];

	if (!slot->lost && flush > slot->restart)
		slot->restart = flush;
}

bool
slot_serves(const struct pg *pg, pgaf_node_id standby)
{
	return !pg->slots[standby].lost;
}

pgaf_node_id
slots_lost(const struct pg *pg)
{
	for (pgaf_node_id other = 1; other < SIM_HOSTS; other++)
		if (pg->slots[other].lost)
			return other;
	return 0;
}
