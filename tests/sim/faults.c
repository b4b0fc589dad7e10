/* SPDX-License-Identifier: PostgreSQL */
/*
 * What goes wrong, from the seed: each fault strikes a node chosen by its role
 * at that moment and is undone after a while. Some seeds strike again as soon
 * as a failover has begun.
 */

#include "sim/sim.h"

#define STORE_HANGS_MOST PGAF_SECONDS(3)

#define FAULT_TEXT(name, text) text,
static const char *const texts[SIM_FAULT_COUNT] = {FAULTS(FAULT_TEXT)};
#undef FAULT_TEXT

const char *
fault_text(enum fault fault)
{
	return texts[fault];
}

/* ---- hosts ---------------------------------------------------------------------------- */

static void
host_lose(struct sim *sim, uint32_t host)
{
	if (!sim->host_up[host])
		return;
	sim->host_up[host] = false;
	if (host == 0) {
		mon_kill(sim);
		store_crash(sim);
	} else {
		keep_kill(sim, host);
		pg_host_lost(sim, host);
	}
}

static void
host_start_all(struct sim *sim, uint32_t host)
{
	if (host == 0) {
		store_start(sim);
		mon_start(sim);
	} else {
		keep_start(sim, host);
	}
}

/* Power is gone for the whole site; each host comes back in its own time. */
static void
host_returns(struct sim *sim, struct event *event)
{
	sim->host_up[event->a] = true;
	host_start_all(sim, event->a);
}

static void
host_lose_all(struct sim *sim)
{
	uint32_t first = rng_percent(&sim->plan, 50) ? 0 : 1;

	for (uint32_t host = first; host <= sim->nodes; host++) {
		host_lose(sim, host);
		sim_after(sim, NULL, rng_between(&sim->plan, PGAF_MSEC(100), PGAF_SECONDS(8)),
		          host_returns)
			->a = host;
	}
}

static void
host_freeze(struct sim *sim, uint32_t host)
{
	proc_freeze(&sim->keep[host].proc);
	proc_freeze(&sim->pg[host].proc);
}

static void
host_thaw(struct sim *sim, uint32_t host)
{
	proc_thaw(sim, &sim->pg[host].proc);
	proc_thaw(sim, &sim->keep[host].proc);
	sim->pg[host].postmaster_frozen = false;
}

static void
host_cut(struct sim *sim, uint32_t host, bool monitor, bool peers, uint32_t ways)
{
	for (uint32_t other = 0; other <= sim->nodes; other++) {
		if (other == host || !(other == 0 ? monitor : peers))
			continue;
		if (ways & 1)
			net_cut(sim, host, other);
		if (ways & 2)
			net_cut(sim, other, host);
	}
	sim->counts.partitions++;
}

static void
host_heal(struct sim *sim, uint32_t host)
{
	for (uint32_t other = 0; other <= sim->nodes; other++) {
		net_heal(sim, host, other);
		net_heal(sim, other, host);
	}
}

/* ---- strike and undo --------------------------------------------------------------------- */

static void
fault_undo(struct sim *sim, struct event *event)
{
	enum fault fault = (enum fault)event->a;
	uint32_t host = event->b;

	if (sim->quiet)
		return;
	TRACE(sim, "fault", "over: %s (%s)", texts[fault], host_name(host));
	switch (fault) {
	case SIM_FAULT_HOST:
	case SIM_FAULT_MONITOR_HOST:
	case SIM_FAULT_MONITOR:
	case SIM_FAULT_STORE:
		sim->host_up[host] = true;
		host_start_all(sim, host);
		break;
	case SIM_FAULT_KEEPER:
	case SIM_FAULT_POSTMASTER_AND_KEEPER:
	case SIM_FAULT_TERMINATE:
	case SIM_FAULT_LEAVE:
		keep_start(sim, host);
		break;
	case SIM_FAULT_FREEZE_MONITOR:
		mon_thawed(sim);
		break;
	case SIM_FAULT_FREEZE_KEEPER:
	case SIM_FAULT_FREEZE_POSTMASTER:
	case SIM_FAULT_FREEZE_HOST:
		host_thaw(sim, host);
		break;
	case SIM_FAULT_CUT_MONITOR:
	case SIM_FAULT_CUT_MONITOR_ONE_WAY:
	case SIM_FAULT_CUT_PEERS:
	case SIM_FAULT_CUT_PEERS_ONE_WAY:
	case SIM_FAULT_ISOLATE:
		host_heal(sim, host);
		break;
	case SIM_FAULT_QUORUM:
		store_set_quorum(sim, host, true);
		break;
	case SIM_FAULT_NUMBER:
		store_set_number(sim, sim->store.number_sync);
		break;
	case SIM_FAULT_POSTMASTER:
	case SIM_FAULT_BACKEND:
	case SIM_FAULT_DISK:
	case SIM_FAULT_STORE_DISK:
	case SIM_FAULT_SITE:
	case SIM_FAULT_SWITCHOVER:
	case SIM_FAULT_FAILOVER:
	case SIM_FAULT_LOSS:
	case SIM_FAULT_COUNT:
		break;
	}
}

static void
strike_process(struct sim *sim, enum fault fault, uint32_t host)
{
	if (fault != SIM_FAULT_KEEPER && fault != SIM_FAULT_MONITOR && fault != SIM_FAULT_STORE &&
	    fault != SIM_FAULT_MONITOR_HOST && fault != SIM_FAULT_HOST)
		pg_crash_postmaster(sim, host, fault == SIM_FAULT_BACKEND);
	if (fault == SIM_FAULT_KEEPER || fault == SIM_FAULT_POSTMASTER_AND_KEEPER)
		keep_kill(sim, host);
	if (fault == SIM_FAULT_HOST || fault == SIM_FAULT_MONITOR_HOST)
		host_lose(sim, host);
	if (fault == SIM_FAULT_MONITOR)
		mon_kill(sim);
	if (fault == SIM_FAULT_STORE)
		store_crash(sim);
	sim->counts.crashes++;
}

static void
strike_network(struct sim *sim, enum fault fault, uint32_t host)
{
	bool monitor = fault != SIM_FAULT_CUT_PEERS && fault != SIM_FAULT_CUT_PEERS_ONE_WAY;
	bool peers = fault != SIM_FAULT_CUT_MONITOR && fault != SIM_FAULT_CUT_MONITOR_ONE_WAY;
	bool one_way =
		fault == SIM_FAULT_CUT_MONITOR_ONE_WAY || fault == SIM_FAULT_CUT_PEERS_ONE_WAY;

	host_cut(sim, host, monitor, peers, one_way ? 1 + (uint32_t)rng_below(&sim->plan, 2) : 3);
}

static void
strike_other(struct sim *sim, enum fault fault, uint32_t host, pgaf_time length)
{
	switch (fault) {
	case SIM_FAULT_FREEZE_KEEPER:
		proc_freeze(&sim->keep[host].proc);
		break;
	case SIM_FAULT_FREEZE_HOST:
		host_freeze(sim, host);
		break;
	case SIM_FAULT_FREEZE_MONITOR:
		proc_freeze(&sim->mon.proc);
		break;
	case SIM_FAULT_FREEZE_POSTMASTER:
		sim->pg[host].postmaster_frozen = sim->pg[host].postmaster;
		break;
	case SIM_FAULT_DISK:
		sim->pg[host].disk_since = sim->now;
		sim->pg[host].disk_until = sim->now + length;
		break;
	case SIM_FAULT_SITE:
		host_lose_all(sim);
		break;
	case SIM_FAULT_STORE_DISK:
		sim->store.disk_until = sim->now + length;
		break;
	case SIM_FAULT_TERMINATE:
		keep_terminate(sim, host);
		if (rng_percent(&sim->plan, 10))
			keep_terminate(sim, host);
		break;
	case SIM_FAULT_LEAVE:
		keep_leave(sim, host);
		break;
	case SIM_FAULT_CUT_MONITOR:
	case SIM_FAULT_CUT_MONITOR_ONE_WAY:
	case SIM_FAULT_CUT_PEERS:
	case SIM_FAULT_CUT_PEERS_ONE_WAY:
	case SIM_FAULT_ISOLATE:
		strike_network(sim, fault, host);
		break;
	case SIM_FAULT_SWITCHOVER:
		store_request(sim, REQUEST_SWITCHOVER, rng_percent(&sim->plan, 50) ? host : 0,
		              false);
		break;
	case SIM_FAULT_FAILOVER:
	case SIM_FAULT_LOSS:
		store_request(sim, REQUEST_FAILOVER, 0, fault == SIM_FAULT_LOSS);
		break;
	case SIM_FAULT_QUORUM:
		store_set_quorum(sim, host, false);
		break;
	case SIM_FAULT_NUMBER:
		store_set_number(sim, sim->store.number_sync > 0 ? 0 : 1);
		break;
	case SIM_FAULT_POSTMASTER:
	case SIM_FAULT_BACKEND:
	case SIM_FAULT_POSTMASTER_AND_KEEPER:
	case SIM_FAULT_KEEPER:
	case SIM_FAULT_HOST:
	case SIM_FAULT_MONITOR:
	case SIM_FAULT_STORE:
	case SIM_FAULT_MONITOR_HOST:
		strike_process(sim, fault, host);
		break;
	case SIM_FAULT_COUNT:
		break;
	}
}

static bool
is_of_monitor(enum fault fault)
{
	return fault == SIM_FAULT_MONITOR || fault == SIM_FAULT_FREEZE_MONITOR ||
	       fault == SIM_FAULT_STORE || fault == SIM_FAULT_STORE_DISK ||
	       fault == SIM_FAULT_MONITOR_HOST;
}

void
fault_strike(struct sim *sim, enum fault fault, uint32_t host, pgaf_time length)
{
	struct event *undo;

	if (is_of_monitor(fault))
		host = 0;
	/* Of the primary it would mean nothing. */
	if (fault == SIM_FAULT_QUORUM && host == sim->store.truth.group.primary)
		host = host % sim->nodes + 1;
	/* What was decided while it hung is written then: not for long after the last fault. */
	if (fault == SIM_FAULT_STORE_DISK && length > STORE_HANGS_MOST)
		length = STORE_HANGS_MOST;
	TRACE(sim, "fault", "%s (%s) for %lld ms", texts[fault], host_name(host),
	      (long long)(length / PGAF_MSEC(1)));
	sim->counts.by_kind[fault]++;
	strike_other(sim, fault, host, length);
	undo = sim_after(sim, NULL, length, fault_undo);
	undo->a = (uint32_t)fault;
	undo->b = host;
}

/* ---- the plan -------------------------------------------------------------------------------- */

/* Faults that are likely to cost the primary its role come more often. */
static enum fault
choose_fault(struct sim *sim)
{
	static const uint8_t often[] = {
		SIM_FAULT_POSTMASTER, SIM_FAULT_POSTMASTER_AND_KEEPER, SIM_FAULT_HOST,
		SIM_FAULT_ISOLATE,    SIM_FAULT_FREEZE_KEEPER,         SIM_FAULT_SWITCHOVER,
	};

	if (rng_percent(&sim->plan, 40))
		return (enum fault)often[rng_below(&sim->plan, sizeof often)];
	return (enum fault)rng_below(&sim->plan, SIM_FAULT_COUNT);
}

static pgaf_time
choose_length(struct sim *sim)
{
	uint64_t dice = rng_below(&sim->plan, 10);

	if (dice < 4)
		return rng_between(&sim->plan, PGAF_MSEC(5), PGAF_MSEC(900));
	if (dice < 9)
		return rng_between(&sim->plan, PGAF_MSEC(900), PGAF_SECONDS(12));
	return rng_between(&sim->plan, PGAF_SECONDS(12), PGAF_SECONDS(70));
}

static uint32_t
choose_host(struct sim *sim)
{
	pgaf_node_id primary = sim->store.truth.group.primary;

	if (primary != 0 && rng_percent(&sim->plan, 65))
		return primary;
	return 1 + (uint32_t)rng_below(&sim->plan, sim->nodes);
}

static void
note_second(struct sim *sim)
{
	if (!sim->failover_open)
		return;
	sim->had_second = true;
	sim->counts.second_faults++;
}

static void
fault_due(struct sim *sim, struct event *event)
{
	(void)event;
	if (sim->quiet)
		return;
	note_second(sim);

	enum fault fault = choose_fault(sim);
	uint32_t host = choose_host(sim);

	fault_strike(sim, fault, host, choose_length(sim));
}

/* The candidate's keeper stops between two steps of the promotion, and goes on much later. */
static void
freeze_candidate(struct sim *sim, struct event *event)
{
	if (sim->quiet)
		return;
	note_second(sim);
	fault_strike(sim, SIM_FAULT_FREEZE_KEEPER, event->a, choose_length(sim));
}

void
faults_on_failover(struct sim *sim, pgaf_node_id candidate)
{
	if (!sim->strikes_twice || sim->quiet || rng_percent(&sim->plan, 30))
		return;
	if (rng_percent(&sim->plan, 40))
		sim_after(sim, NULL, rng_between(&sim->plan, 0, PGAF_MSEC(15)), freeze_candidate)
			->a = candidate;
	else
		sim_after(sim, NULL, rng_between(&sim->plan, 0, PGAF_MSEC(60)), fault_due);
}

/* Postgres ends between the moment a set is granted and the one in which it is applied (4b). */
static void
crash_before_set(struct sim *sim, struct event *event)
{
	if (!sim->quiet && sim->store.truth.group.primary == event->a)
		fault_strike(sim, event->b != 0 ? SIM_FAULT_BACKEND : SIM_FAULT_POSTMASTER,
		             event->a, PGAF_MSEC(5));
}

void
faults_on_set(struct sim *sim, pgaf_node_id primary, bool relaxes)
{
	struct event *event;

	if (!sim->strikes_twice || sim->quiet || !rng_percent(&sim->plan, relaxes ? 60 : 5))
		return;
	event = sim_after(sim, NULL, rng_between(&sim->plan, 0, PGAF_MSEC(12)), crash_before_set);
	event->a = primary;
	event->b = rng_percent(&sim->plan, 30);
}

pgaf_time
faults_plan(struct sim *sim)
{
	uint32_t count = 1 + (uint32_t)rng_below(&sim->plan, 5);
	pgaf_time at = 0;

	if (rng_percent(&sim->plan, 8)) /* a bad day */
		count = 10 + (uint32_t)rng_below(&sim->plan, 25);
	sim->strikes_twice = rng_percent(&sim->plan, 40);
	for (uint32_t i = 0; i < count; i++) {
		/* Some right after another, some after all was well again. */
		at += rng_percent(&sim->plan, 50)
		              ? rng_between(&sim->plan, PGAF_MSEC(1), PGAF_SECONDS(1))
		              : rng_between(&sim->plan, PGAF_SECONDS(1), PGAF_SECONDS(20));
		sim_after(sim, NULL, at, fault_due);
	}
	return sim->now + at + rng_between(&sim->plan, PGAF_MSEC(50), PGAF_SECONDS(15));
}

void
faults_end(struct sim *sim)
{
	TRACE(sim, "fault", "all faults are over");
	sim->quiet = true;
	sim->net.loss = 0;
	sim->store.disk_until = 0;
	store_operator_is_done(sim);
	if (sim->brk == BREAK_FLAP)
		sim_after(sim, NULL, PGAF_SECONDS(17), store_flap);
	for (uint32_t host = 0; host <= sim->nodes; host++) {
		sim->host_up[host] = true;
		sim->pg[host].disk_until = 0;
		host_heal(sim, host);
	}
	mon_thawed(sim);
	host_start_all(sim, 0);
	for (uint32_t host = 1; host <= sim->nodes; host++) {
		host_thaw(sim, host);
		host_start_all(sim, host);
	}
}
