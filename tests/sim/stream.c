/* SPDX-License-Identifier: PostgreSQL */
/*
 * Streaming replication: walsenders, walreceivers and what passes between
 * them. A standby asks for the start of the segment its WAL ends in, so one
 * that has diverged within that segment is served, and says that it has
 * flushed what it has (trap 1).
 */

#include "sim/sim.h"

#define RETRY_TIME PGAF_MSEC(20)
#define SESSION_TIMEOUT PGAF_SECONDS(5)

static struct walsender *
sender_find(struct sim *sim, pgaf_node_id node, uint64_t id)
{
	for (int i = 0; i < WALSENDERS_MAX; i++)
		if (sim->pg[node].senders[i].used && sim->pg[node].senders[i].id == id)
			return &sim->pg[node].senders[i];
	return NULL;
}

/* ---- the standby's side ---------------------------------------------------------- */

static void
receiver_retry(struct sim *sim, struct event *event)
{
	stream_connect(sim, event->a);
}

static void
receiver_refused(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;
	struct pg *pg = &sim->pg[node];

	if (!pg->receiver.running || pg->receiver.id != event->x)
		return;
	if (pg->receiver.streaming)
		TRACE(sim, host_name(node), "postgres > its upstream ended the stream");
	pg->wal_gone = event->b != 0;
	pg->receiver = (struct walreceiver){0};
	if (pg->upstream != 0)
		sim_after(sim, &pg->proc, RETRY_TIME, receiver_retry)->a = node;
}

static void reply_send(struct sim *sim, pgaf_node_id node);

static void
receiver_flushed(struct sim *sim, struct event *event)
{
	struct pg *pg = &sim->pg[event->a];

	if (!pg->receiver.running || pg->receiver.id != event->x || pg->promoting_since != 0)
		return;

	struct position whole = {.branch = (uint32_t)event->z, .lsn = event->y};

	/* A walreceiver that cannot write ends; the next one tries again. */
	if (whole.lsn > pg->flush && pg_disk_is_full(sim, event->a)) {
		stream_end_receiver(sim, event->a);
		sim_after(sim, &pg->proc, RETRY_TIME, receiver_retry)->a = event->a;
		return;
	}
	if (wal_contains(sim, whole, pg_end(pg))) {
		pg->at = wal_at(sim, whole, whole.lsn);
		pg->flush = pg->at.lsn;
		pg->replay = pg->at.lsn;
		stream_pump(sim, event->a);
	}
	reply_send(sim, event->a);
}

static void
receiver_data(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;
	struct pg *pg = &sim->pg[node];

	if (!pg->receiver.running || pg->receiver.id != event->x)
		return;
	pg->receiver.heard_at = sim->now;
	pg->receiver.streaming = true;
	pg->receiver.upstream_lsn = event->y;

	struct event *flushed =
		sim_after(sim, &pg->proc, pg_disk(sim, node, PGAF_USEC(300)), receiver_flushed);

	flushed->a = node;
	flushed->x = event->x;
	flushed->y = event->y;
	flushed->z = event->z;
}

/* ---- the upstream's side ------------------------------------------------------------ */

static void
refuse(struct sim *sim, pgaf_node_id node, pgaf_node_id standby, uint64_t id)
{
	struct pg *pg = &sim->pg[node];
	struct event *event = net_send(
		sim,
		(struct route_to){.from = node, .to = standby, .receiver = &sim->pg[standby].proc},
		receiver_refused);

	event->a = standby;
	event->b = slot_serves(pg, standby) && sim->pg[standby].flush < pg->wal_from;
	event->x = id;
}

static void
sender_reply(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;
	struct walsender *sender = sender_find(sim, node, event->x);

	if (!sender)
		return;
	sender->heard_at = sim->now;
	sender->flush = event->y;
	sender->replay = event->z;
	sender->data_under_way = false;
	slot_confirm(&sim->pg[node], sender->standby, sender->flush);
	sync_release(sim, node, sender);
	stream_pump(sim, node);
}

static void
sender_lost(struct sim *sim, struct event *event)
{
	struct walsender *sender = sender_find(sim, event->a, event->x);

	if (sender)
		stream_end_sender(sim, event->a, sender);
}

static void
reply_send(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];
	struct event *event =
		net_send(sim,
	                 (struct route_to){.from = node,
	                                   .to = pg->receiver.upstream,
	                                   .receiver = &sim->pg[pg->receiver.upstream].proc,
	                                   .last = &pg->receiver.last_arrival},
	                 sender_reply);

	event->a = pg->receiver.upstream;
	event->x = pg->receiver.id;
	event->y = pg->flush;
	event->z = pg->replay;
}

/* PostgreSQL's own look at a request: only the segment's start must be in its history. */
static bool
history_serves(const struct sim *sim, const struct pg *pg, struct position asked)
{
	struct position end = pg_end(pg);
	uint32_t number = sim->branches[asked.branch].number;
	pgaf_lsn start = asked.lsn & ~(SEGMENT - 1);
	pgaf_lsn limit = end.lsn;
	uint32_t branch = end.branch;

	while (branch != 0 && sim->branches[branch].number != number) {
		limit = sim->branches[branch].fork;
		branch = sim->branches[branch].parent;
	}
	return branch != 0 && start <= limit;
}

static void
sender_start(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;
	pgaf_node_id standby = event->b;
	struct pg *pg = &sim->pg[node];
	struct position asked = {.branch = (uint32_t)(event->z >> 32), .lsn = event->y};
	struct walsender *sender = NULL;

	for (int i = 0; i < WALSENDERS_MAX; i++) {
		if (pg->senders[i].used && pg->senders[i].standby == standby) {
			sender = NULL; /* its slot is taken until the old one is found dead */
			break;
		}
		if (!pg->senders[i].used && !sender)
			sender = &pg->senders[i];
	}
	if (!sender || !pg_accepts(pg) || pg->promoting_since != 0 ||
	    sim->pg[standby].system_identifier != pg->system_identifier ||
	    !history_serves(sim, pg, asked) || !slot_serves(pg, standby) ||
	    asked.lsn < pg->wal_from) {
		refuse(sim, node, standby, event->x);
		return;
	}
	*sender = (struct walsender){
		.used = true,
		.streaming = true,
		.lying = !wal_contains(sim, pg_end(pg), asked),
		.id = event->x,
		.standby = standby,
		.admission = (uint32_t)event->z,
		.set = pg->shown,
		.set_serial = pg->shown_serial,
		.flush = asked.lsn,
		.replay = asked.lsn,
		.heard_at = sim->now,
	};
	TRACE(sim, host_name(node), "postgres > %s streams as pgaf_%s%u%s", host_name(standby),
	      sender->admission ? "" : "join_", sender->admission ? sender->admission : standby,
	      sender->lying ? ", though its WAL is not ours" : "");
	sync_release(sim, node, sender);
	if (sender->lying) {
		if (pg->flush < asked.lsn)
			pg->poisoned = true;
		struct event *fails = sim_after(sim, &pg->proc, PGAF_MSEC(50), sender_lost);

		fails->a = node;
		fails->x = sender->id;
		return;
	}
	/* Even an idle primary sends a keepalive, by which the standby knows that it streams. */
	stream_pump(sim, node);
	if (!sender->data_under_way) {
		struct event *hello = net_send(sim,
		                               (struct route_to){.from = node,
		                                                 .to = standby,
		                                                 .receiver = &sim->pg[standby].proc,
		                                                 .last = &sender->last_arrival},
		                               receiver_data);

		hello->a = standby;
		hello->x = sender->id;
		hello->y = pg->flush;
		hello->z = pg->at.branch;
	}
}

void
stream_pump(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	for (int i = 0; i < WALSENDERS_MAX; i++) {
		struct walsender *sender = &pg->senders[i];

		if (!sender->used || sender->lying || sender->data_under_way ||
		    sender->takes_at > sim->now || sender->sent >= pg->flush)
			continue;
		sender->sent = pg->flush;
		sender->data_under_way = true;

		struct event *data =
			net_send(sim,
		                 (struct route_to){.from = node,
		                                   .to = sender->standby,
		                                   .receiver = &sim->pg[sender->standby].proc,
		                                   .last = &sender->last_arrival},
		                 receiver_data);

		data->a = sender->standby;
		data->x = sender->id;
		data->y = pg->flush;
		data->z = pg->at.branch;
	}
}

/* ---- both --------------------------------------------------------------------------------- */

void
stream_connect(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	if (pg->upstream == 0 || pg->receiver.running || !pg->local_wal_read ||
	    pg->promoting_since != 0 || (pg->status != PG_STANDBY && pg->status != PG_STARTING))
		return;

	struct pg *upstream = &sim->pg[pg->upstream];

	if (!upstream->postmaster && net_is_open(sim, node, pg->upstream)) {
		sim_after(sim, &pg->proc, RETRY_TIME * 3, receiver_retry)->a = node;
		return; /* refused at once */
	}
	if (!net_is_open(sim, node, pg->upstream) || !upstream->postmaster)
		return; /* the next tick tries again */
	pg->receiver = (struct walreceiver){
		.running = true,
		.id = ++sim->next_id,
		.upstream = pg->upstream,
		.admission = pg->admission,
		.heard_at = sim->now,
	};

	struct event *event = net_send(sim,
	                               (struct route_to){.from = node,
	                                                 .to = pg->upstream,
	                                                 .receiver = &upstream->proc,
	                                                 .last = &pg->receiver.last_arrival},
	                               sender_start);

	event->a = pg->upstream;
	event->b = node;
	event->x = pg->receiver.id;
	event->y = pg->flush;
	event->z = (uint64_t)pg->at.branch << 32 | pg->admission;
}

void
stream_end_receiver(struct sim *sim, pgaf_node_id node)
{
	struct walreceiver *receiver = &sim->pg[node].receiver;

	if (!receiver->running)
		return;

	struct event *event =
		net_send(sim,
	                 (struct route_to){.from = node,
	                                   .to = receiver->upstream,
	                                   .receiver = &sim->pg[receiver->upstream].proc,
	                                   .last = &receiver->last_arrival},
	                 sender_lost);

	event->a = receiver->upstream;
	event->x = receiver->id;
	*receiver = (struct walreceiver){0};
}

void
stream_end_sender(struct sim *sim, pgaf_node_id node, struct walsender *sender)
{
	struct event *event = net_send(sim,
	                               (struct route_to){.from = node,
	                                                 .to = sender->standby,
	                                                 .receiver = &sim->pg[sender->standby].proc,
	                                                 .last = &sender->last_arrival},
	                               receiver_refused);

	event->a = sender->standby;
	event->x = sender->id;
	*sender = (struct walsender){0};
}

void
stream_end_all(struct sim *sim, pgaf_node_id node)
{
	stream_end_receiver(sim, node);
	for (int i = 0; i < WALSENDERS_MAX; i++)
		if (sim->pg[node].senders[i].used)
			stream_end_sender(sim, node, &sim->pg[node].senders[i]);
}

/* A shutdown waits for every standby that still listens. */
bool
stream_is_drained(const struct sim *sim, pgaf_node_id node)
{
	const struct pg *pg = &sim->pg[node];

	for (int i = 0; i < WALSENDERS_MAX; i++)
		if (pg->senders[i].used && !pg->senders[i].lying &&
		    pg->senders[i].flush < pg->flush)
			return false;
	return true;
}

/* Keepalives in place of messages: who can still talk has been heard. */
static void
tick_sender(struct sim *sim, pgaf_node_id node, struct walsender *sender)
{
	const struct pg *standby = &sim->pg[sender->standby];
	bool open = net_is_open(sim, node, sender->standby);
	bool there = standby->receiver.running && standby->receiver.id == sender->id;

	if (open && there && !standby->proc.frozen)
		sender->heard_at = sim->now;
	if ((open && !there) || sim->now - sender->heard_at > SESSION_TIMEOUT)
		stream_end_sender(sim, node, sender);
}

void
stream_tick(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];
	struct walreceiver *receiver = &pg->receiver;

	for (int i = 0; i < WALSENDERS_MAX; i++)
		if (pg->senders[i].used)
			tick_sender(sim, node, &pg->senders[i]);
	if (receiver->running) {
		struct pg *upstream = &sim->pg[receiver->upstream];
		bool open = net_is_open(sim, node, receiver->upstream);
		bool there = sender_find(sim, receiver->upstream, receiver->id) != NULL;

		if (open && there && !upstream->proc.frozen)
			receiver->heard_at = sim->now;
		if ((open && !there && sim->now - receiver->heard_at > PGAF_SECONDS(1)) ||
		    sim->now - receiver->heard_at > SESSION_TIMEOUT)
			stream_end_receiver(sim, node);
	}
	stream_connect(sim, node);
	stream_pump(sim, node);
}
