/* SPDX-License-Identifier: PostgreSQL */
/*
 * The model PostgreSQL's life: start and recovery, shutdown, crash with
 * lingering backends, promotion, copies of data directories. What is durable
 * is exact (a crash keeps flushed WAL and loses the rest); how long things
 * take is random.
 */

#include <string.h>

#include "base/pure/text.h"
#include "sim/sim.h"

/* How much longer a slow disk takes, and how long a good one takes for a heartbeat. */
#define SLOW_FACTOR 100
#define BEAT_MS 3
#define RECORD_BYTES 120
/* max_wal_size: so much brings the next checkpoint. */
#define MAX_WAL (UINT64_C(48) << 20)

static void pg_tick(struct sim *sim, struct event *event);

void
pg_init(struct sim *sim, pgaf_node_id node)
{
	sim->pg[node] = (struct pg){.status = PG_ABSENT};
	sim->pg[node].proc.host = node;
}

bool
pg_answers(const struct pg *pg)
{
	return pg->proc.alive && !pg->proc.frozen &&
	       (pg->status == PG_STANDBY || pg->status == PG_PRIMARY);
}

bool
pg_accepts(const struct pg *pg)
{
	return pg_answers(pg) && pg->postmaster && !pg->postmaster_frozen;
}

struct position
pg_end(const struct pg *pg)
{
	return (struct position){.branch = pg->at.branch, .lsn = pg->flush};
}

uint32_t
pg_timeline(const struct sim *sim, const struct pg *pg)
{
	return sim->branches[pg->at.branch].number;
}

pgaf_time
pg_disk(struct sim *sim, pgaf_node_id node, pgaf_time typical)
{
	pgaf_time delay = rng_tailed(&sim->disks, typical, typical * 50);
	pgaf_time until = sim->pg[node].disk_until;

	if (sim->pg[node].slow_until > sim->now)
		delay *= SLOW_FACTOR;
	return until > sim->now ? until - sim->now + delay : delay;
}

bool
pg_disk_is_full(const struct sim *sim, pgaf_node_id node)
{
	return sim->pg[node].full_until > sim->now;
}

/* ---- start ------------------------------------------------------------------ */

static void
pg_open(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];
	struct branch *branch = &sim->branches[pg->at.branch];
	bool alone = branch->writer == node && branch->end <= pg->flush;

	pg->status = PG_PRIMARY;
	pg->was_primary = true;
	/* Whoever writes where another has written makes a second history of that number. */
	if (!alone)
		pg->at.branch = wal_branch(sim, node, branch->number, pg_end(pg));
	pg->at.lsn += RECORD_BYTES;
	pg->flush = pg->at.lsn;
	sim->branches[pg->at.branch].end = pg->flush;
	pg->replay = pg->flush;
	TELL(sim, host_name(node), "postgres > open for writes on timeline %u",
	     pg_timeline(sim, pg));
	if (!pg->closed)
		pg_let_in(sim, node);
}

void
pg_let_in(struct sim *sim, pgaf_node_id node)
{
	sim->pg[node].closed = false;
	check_opened(sim, node);
	clients_wake(sim, node);
}

static void
pg_recovered(struct sim *sim, struct event *event)
{
	struct pg *pg = &sim->pg[event->a];

	if (pg->status != PG_STARTING && pg->status != PG_STANDBY)
		return;
	pg->replay = pg->flush;
	pg->local_wal_read = true;
	/* The end of recovery writes a record and a checkpoint. */
	if (!pg->standby_signal && pg->status == PG_STARTING && pg_disk_is_full(sim, event->a)) {
		pg_crash_postmaster(sim, event->a, true);
		return;
	}
	if (!pg->standby_signal && pg->status == PG_STARTING)
		pg_open(sim, event->a);
	else
		stream_connect(sim, event->a);
}

/* Consistent: a standby answers queries, though it may not have read all its WAL yet. */
static void
pg_consistent(struct sim *sim, struct event *event)
{
	struct pg *pg = &sim->pg[event->a];

	if (pg->status != PG_STARTING || !pg->standby_signal || pg->flush < pg->consistent_at)
		return;
	pg->status = PG_STANDBY;
	TRACE(sim, host_name(event->a), "postgres > answers as a standby");
}

void
pg_start(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	pg_reap(sim, node);
	check_start(sim, node);
	proc_start(&pg->proc, node);
	pg->status = PG_STARTING;
	pg->postmaster = true;
	pg->start_number = ++sim->next_id;
	pg->shown = pg->file;
	pg->flag = pg->file.required > 0 && sim->brk != BREAK_FORCE;
	pg->reload_serial = ++sim->next_id;
	pg->shown_serial = pg->reload_serial;
	pg->released = 0;
	pg->poisoned = false;
	pg->waiter_count = 0;
	pg->promoting_since = 0;
	pg->local_wal_read = false;
	pg->receiver = (struct walreceiver){0};
	memset(pg->senders, 0, sizeof pg->senders);
	memset(pg->sessions, 0, sizeof pg->sessions);
	TRACE(sim, host_name(node), "postgres > starts %s",
	      pg->standby_signal ? "as a standby" : "read-write");

	pgaf_time up = pg_disk(sim, node, PGAF_MSEC(20));
	/* A disk that hangs holds up the start once, not twice. */
	pgaf_time read =
		up + (pg->clean ? PGAF_MSEC(1)
	                        : rng_tailed(&sim->postgres, PGAF_MSEC(40), PGAF_SECONDS(2)));

	if (pg->standby_signal)
		sim_after(sim, &pg->proc, up, pg_consistent)->a = node;
	sim_after(sim, &pg->proc, read, pg_recovered)->a = node;
	sim_after(sim, &pg->proc, PGAF_MSEC(500), pg_tick)->a = node;
	pg->clean = false;
}

static void
pg_tick(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;

	stream_tick(sim, node);
	if (sim->pg[node].status == PG_STANDBY)
		slots_advance(sim, node);
	/* Checkpoints of its own: while they sync, the checkpointer takes no new settings. */
	if (!sim->quiet && rng_once_in(&sim->postgres, 60)) {
		sim->pg[node].checkpointer_busy_until =
			sim->now + rng_between(&sim->postgres, PGAF_MSEC(50), PGAF_SECONDS(5));
		slots_checkpoint(sim, node);
	}
	if (sim->pg[node].status == PG_PRIMARY &&
	    sim->pg[node].flush - sim->pg[node].redo > MAX_WAL)
		pg_checkpoint(sim, node);
	sim_after(sim, &sim->pg[node].proc, PGAF_MSEC(500), pg_tick)->a = node;
	if (sim->pg[node].status == PG_STARTING)
		pg_consistent(sim, event);
}

/* ---- end -------------------------------------------------------------------- */

static void
pg_gone(struct sim *sim, pgaf_node_id node, bool silent)
{
	struct pg *pg = &sim->pg[node];

	if (!silent)
		stream_end_all(sim, node);
	pg->at.lsn = pg->flush;
	pg->status = PG_STOPPED;
	pg->postmaster = false;
	pg->postmaster_frozen = false;
	pg->waiter_count = 0;
	pg->promoting_since = 0;
	pg->receiver = (struct walreceiver){0};
	memset(pg->senders, 0, sizeof pg->senders);
	memset(pg->sessions, 0, sizeof pg->sessions);
	proc_kill(sim, &pg->proc);
	probe_target_died(sim, node, silent);
}

static void
pg_finish_stop(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;
	struct pg *pg = &sim->pg[node];

	if (pg->status != PG_STOPPING)
		return;
	if (!stream_is_drained(sim, node)) {
		sim_after(sim, &pg->proc, PGAF_MSEC(2), pg_finish_stop)->a = node;
		return;
	}
	pg->clean = true;
	pg->disk_branch = pg->at.branch;
	pg->redo = pg->flush;
	pg->exits++;
	pg->exit_inside = false;
	TELL(sim, host_name(node), "postgres > shut down cleanly");
	pg_gone(sim, node, false);
	keep_exit_seen(sim, node);
}

static void
pg_shutdown_record(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;
	struct pg *pg = &sim->pg[node];

	if (pg->was_primary) {
		pg->at.lsn += RECORD_BYTES;
		pg->flush = pg->at.lsn;
		sim->branches[pg->at.branch].end = pg->flush;
		stream_pump(sim, node);
	}
	pg_finish_stop(sim, event);
}

void
pg_stop_clean(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	if (!pg->postmaster || pg->status == PG_STOPPING || pg->status == PG_STOPPED)
		return;
	if (pg->status == PG_STARTING) {
		pg_stop_now(sim, node, false);
		return;
	}
	pg->was_primary = pg->status == PG_PRIMARY;
	if (!pg->was_primary)
		stream_end_receiver(sim, node);
	pg->status = PG_STOPPING;
	clients_cut(sim, node);
	sim_after(sim, &pg->proc, pg_disk(sim, node, PGAF_MSEC(8)), pg_shutdown_record)->a = node;
}

void
pg_stop_now(struct sim *sim, pgaf_node_id node, bool inside)
{
	struct pg *pg = &sim->pg[node];

	if (!pg->proc.alive)
		return;
	if (pg->postmaster) {
		pg->exits++;
		pg->exit_inside = inside;
		TRACE(sim, host_name(node), "postgres > all its processes end at once");
	}

	bool told = pg->postmaster;

	pg_gone(sim, node, false);
	if (told)
		keep_exit_seen(sim, node);
}

/* The postmaster is dead; its backends notice when they next read, or wait. */
static void
pg_lingerers_gone(struct sim *sim, struct event *event)
{
	if (sim->pg[event->a].status == PG_EXITED)
		pg_reap(sim, event->a);
}

void
pg_crash_postmaster(struct sim *sim, pgaf_node_id node, bool inside)
{
	struct pg *pg = &sim->pg[node];

	if (!pg->postmaster)
		return;
	pg->postmaster = false;
	pg->postmaster_frozen = false;
	pg->exits++;
	pg->exit_inside = inside;
	if (pg->status != PG_PRIMARY) {
		pg_gone(sim, node, false);
		pg->status = PG_STOPPED;
	} else {
		stream_end_all(sim, node);
		pg->status = PG_EXITED;
		pg->waiter_count = 0;
		probe_target_died(sim, node, false);
		sim_after(sim, &pg->proc,
		          rng_between(&sim->postgres, PGAF_MSEC(1), PGAF_MSEC(2300)),
		          pg_lingerers_gone)
			->a = node;
	}
	keep_exit_seen(sim, node);
}

void
pg_reap(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	if (pg->status == PG_EXITED) {
		pg_gone(sim, node, false);
		pg->status = PG_STOPPED;
	}
}

void
pg_host_lost(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	if (!pg->proc.alive)
		return;
	pg_gone(sim, node, true);
	pg->exits = 0;
	pg->exit_inside = false;
}

/* ---- promotion -------------------------------------------------------------- */

static void
pg_promoted(struct sim *sim, struct event *event)
{
	pgaf_node_id node = event->a;
	struct pg *pg = &sim->pg[node];

	if (pg->status != PG_STANDBY || pg->promoting_since == 0 || pg->start_number != event->x)
		return;
	pg->promoting_since = 0;
	pg->at.branch = wal_branch(sim, node, pg->promoting_to, pg_end(pg));
	pg->consistent_at = 0;
	sim->counts.promotions++;
	pg_open(sim, node);
}

/* Postgres unlinks the signal file before the new timeline is on disk (trap 11). */
static void
pg_signal_gone(struct sim *sim, struct event *event)
{
	struct pg *pg = &sim->pg[event->a];

	if (pg->status == PG_STANDBY && pg->promoting_since != 0)
		pg->standby_signal = false;
}

static void
pg_promote_until(struct sim *sim, pgaf_node_id node, pgaf_time until)
{
	struct event *done;

	sim_after(sim, &sim->pg[node].proc, until * 2 / 3, pg_signal_gone)->a = node;
	done = sim_after(sim, &sim->pg[node].proc, until, pg_promoted);
	done->a = node;
	done->x = sim->pg[node].start_number;
}

void
pg_promote(struct sim *sim, pgaf_node_id node, uint32_t timeline)
{
	struct pg *pg = &sim->pg[node];

	if (pg->status != PG_STANDBY || pg->promoting_since != 0)
		return;
	TELL(sim, host_name(node), "postgres > promotion to timeline %u begins", timeline);
	check_promotion(sim, node);
	stream_end_receiver(sim, node);
	pg->promoting_since = sim->now;

	pg->promoting_to = timeline;
	pg->promotion_stalls = rng_percent(&sim->postgres, 40);
	pg_promote_until(sim, node,
	                 pg->promotion_stalls ? PGAF_MSEC(5015)
	                                      : pg_disk(sim, node, PGAF_MSEC(12)));
}

void
pg_kick(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	if (pg->promoting_since == 0 || !pg->promotion_stalls)
		return;
	pg->promotion_stalls = false;
	pg_promote_until(sim, node, pg_disk(sim, node, PGAF_MSEC(12)));
}

/* ---- data directories --------------------------------------------------------- */

void
pg_initdb(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	pg->has_data = true;
	pg->clone_unfinished = false;
	pg->system_identifier = rng_next(&sim->postgres) | 1;
	pg->status = PG_STOPPED;
	pg->at.branch = wal_branch(sim, node, 1, (struct position){0});
	pg->at.lsn = SEGMENT + UINT64_C(0x528);
	pg->flush = pg->at.lsn;
	pg->redo = pg->at.lsn;
	pg->replay = pg->at.lsn;
	pg->disk_branch = pg->at.branch;
	pg->clean = true;
	pg->was_primary = true;
	pg->standby_signal = false;
}

void
pg_copy(struct sim *sim, pgaf_node_id from, pgaf_node_id to)
{
	const struct pg *source = &sim->pg[from];
	struct pg *pg = &sim->pg[to];

	pg->has_data = true;
	pg->clone_unfinished = false;
	pg->system_identifier = source->system_identifier;
	pg->status = PG_STOPPED;
	pg->at = pg_end(source);
	pg->flush = pg->at.lsn;
	pg->replay = source->redo;
	pg->redo = source->redo;
	pg->consistent_at = pg->at.lsn;
	pg->disk_branch = source->disk_branch;
	pg->clean = false;
	pg->was_primary = false;
	pg->standby_signal = true;
	pg->file = (struct sync_set){0};
	pg->upstream = 0;
	pg->admission = 0;
	pg->closed = false;
	memset(pg->slots, 0, sizeof pg->slots);
	pg->wal_from = pg->redo;
	pg->wal_gone = false;
}

void
pg_rewind(struct sim *sim, pgaf_node_id node, pgaf_node_id upstream)
{
	const struct pg *source = &sim->pg[upstream];
	struct pg *pg = &sim->pg[node];

	pg->at = pg_end(source);
	pg->flush = pg->at.lsn;
	pg->redo = source->redo < pg->redo ? source->redo : pg->redo;
	pg->consistent_at = pg->at.lsn;
	pg->disk_branch = source->disk_branch;
	pg->clean = false;
	pg->was_primary = false;
	pg->standby_signal = true;
	pg->file = (struct sync_set){0};
	/* Its WAL is the source's from here on, and pg_replslot is emptied. */
	memset(pg->slots, 0, sizeof pg->slots);
	pg->wal_from = source->wal_from;
	pg->wal_gone = false;
}

void
pg_follow(struct sim *sim, pgaf_node_id node, pgaf_node_id upstream, uint32_t admission)
{
	struct pg *pg = &sim->pg[node];

	pg->upstream = upstream;
	pg->admission = admission;
	stream_end_receiver(sim, node);
	if (pg->proc.alive)
		stream_connect(sim, node);
}

void
pg_checkpoint(struct sim *sim, pgaf_node_id node)
{
	struct pg *pg = &sim->pg[node];

	pg->disk_branch = pg->at.branch;
	pg->redo = pg->flush;
	slots_checkpoint(sim, node);
	if (pg->status == PG_PRIMARY)
		pg->at.lsn += RECORD_BYTES;
}

/* ---- what the keeper sees ------------------------------------------------------ */

static uint32_t
pg_disk_beat(const struct sim *sim, const struct pg *pg)
{
	pgaf_time deadline = sim->keep[pg - sim->pg].disk_deadline;

	if (pg->disk_until > sim->now && sim->now - pg->disk_since > deadline)
		return UINT32_MAX;
	return pg->slow_until > sim->now ? BEAT_MS * SLOW_FACTOR : BEAT_MS;
}

static void
pg_observe_running(const struct sim *sim, const struct pg *pg, struct observation *seen)
{
	seen->timeline = pg_timeline(sim, pg);
	seen->consistent = true;
	seen->replay = pg->replay;
	seen->server_start = pg->start_number;
	seen->closed = pg->closed;
	seen->waiters = pg->waiter_count;
	seen->streaming = pg->receiver.streaming;
	seen->walreceiver = pg->receiver.running;
	seen->upstream = pg->upstream;
	seen->admission = pg->admission;
	seen->upstream_lsn = pg->receiver.upstream_lsn;
	seen->lsn_complete = pg->status == PG_PRIMARY || pg->local_wal_read;
	/* Before all local WAL was read, receive is the start of a segment (trap 7). */
	seen->lsn = seen->lsn_complete ? pg->flush : pg->replay & ~(SEGMENT - 1);

	struct text names = TEXT(seen->sync_names);

	sync_set_names(&pg->shown, &names);
	for (int i = 0; i < WALSENDERS_MAX; i++) {
		const struct walsender *sender = &pg->senders[i];

		if (!sender->used || seen->member_count >= PGAF_NODES_MAX)
			continue;
		seen->members[seen->member_count++] = (struct member_view){
			.node = sender->standby,
			.admission = sender->admission,
			.streaming = sender->streaming,
			.flush = sender->flush,
			.replay = sender->replay,
		};
	}
}

void
pg_observe(const struct sim *sim, pgaf_node_id node, struct observation *seen)
{
	const struct pg *pg = &sim->pg[node];

	*seen = (struct observation){
		.pg = pg->status,
		.exits = pg->exits,
		.exit_inside = pg->exit_inside,
		.has_data = pg->has_data,
		.clone_unfinished = pg->clone_unfinished,
		.system_identifier = pg->system_identifier,
		.server_version = pg->has_data ? 150018 : 0,
		.clean = pg->clean,
		.was_primary = pg->was_primary,
		.standby_signal = pg->standby_signal,
		.timeline = pg_timeline(sim, pg),
		.disk_timeline = sim->branches[pg->disk_branch].number,
		.disk_free = UINT64_C(1) << 36,
		.disk_ms = pg_disk_beat(sim, pg),
		.slot_lost = slots_lost(pg),
	};
	if (pg_disk_is_full(sim, node)) {
		seen->vetoes |= VETO_BIT(DISK_FULL);
		seen->disk_free = 0;
	}
	if (pg->status == PG_STANDBY || pg->status == PG_PRIMARY)
		pg_observe_running(sim, pg, seen);
	/* Stopped: the later one of checkpoint and minimum recovery point, which the end of a
	 * promotion moves to the new timeline before anybody can write. */
}
