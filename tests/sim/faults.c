/* SPDX-License-Identifier: PostgreSQL */
/*
 * What goes wrong, from the seed: each fault strikes a node chosen by its role
 * at that moment and is undone after a while. Some seeds strike again as soon
 * as a failover has begun, or before a set is applied.
 */

#include <stdio.h>

#include "sim/sim.h"

#define STORE_HANGS_MOST PGAF_SECONDS(3)

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
	TELL(sim, "fault", "over: %s: %s", host_name(host), fault_text(fault));
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
		store_set_quorum(sim, host, sim->store.quorum[host]);
		break;
	case SIM_FAULT_NUMBER:
		store_set_number(sim, sim->store.settings.number_sync);
		break;
	case SIM_FAULT_TIMINGS:
		operator_sets_timings(sim, TIMINGS_OWN);
		break;
	case SIM_FAULT_DROP:
		operator_asks_back(sim, host);
		break;
	case SIM_FAULT_POSTMASTER:
	case SIM_FAULT_BACKEND:
	case SIM_FAULT_DISK:
	case SIM_FAULT_DISK_SLOW:
	case SIM_FAULT_DISK_FULL:
	case SIM_FAULT_STORE_DISK:
	case SIM_FAULT_SITE:
	case SIM_FAULT_FORGET:
	case SIM_FAULT_SWITCHOVER:
	case SIM_FAULT_FAILOVER:
	case SIM_FAULT_LOSS:
	case SIM_FAULT_BURST:
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
strike_network(struct sim *sim, const struct blow *blow)
{
	enum fault fault = blow->kind;
	bool monitor = fault != SIM_FAULT_CUT_PEERS && fault != SIM_FAULT_CUT_PEERS_ONE_WAY;
	bool peers = fault != SIM_FAULT_CUT_MONITOR && fault != SIM_FAULT_CUT_MONITOR_ONE_WAY;

	host_cut(sim, blow->host, monitor, peers, blow->detail ? blow->detail : 3);
}

static void
strike_disk(struct pg *pg, enum fault fault, pgaf_time now, pgaf_time length)
{
	if (fault == SIM_FAULT_DISK_SLOW) {
		pg->slow_until = now + length;
	} else if (fault == SIM_FAULT_DISK_FULL) {
		pg->full_until = now + length;
	} else if (fault == SIM_FAULT_BURST) {
		pg->at.lsn += pg->status == PG_PRIMARY ? WAL_BURST : 0;
	} else {
		pg->disk_since = now;
		pg->disk_until = now + length;
	}
}

/* What an operator asks for. */
static void
strike_request(struct sim *sim, const struct blow *blow)
{
	if (blow->kind == SIM_FAULT_NUMBER)
		store_set_number(sim, blow->detail);
	else if (blow->kind == SIM_FAULT_QUORUM)
		store_set_quorum(sim, blow->host, false);
	else if (blow->kind == SIM_FAULT_TIMINGS)
		operator_sets_timings(sim, blow->detail ? TIMINGS_PATIENT : TIMINGS_QUICK);
	else if (blow->kind == SIM_FAULT_DROP)
		operator_drops(sim, blow->host);
	else if (blow->kind == SIM_FAULT_SWITCHOVER)
		store_request(sim, REQUEST_SWITCHOVER, blow->detail, false);
	else
		store_request(sim, REQUEST_FAILOVER, 0, blow->kind == SIM_FAULT_LOSS);
}

static void
strike_other(struct sim *sim, const struct blow *blow)
{
	uint32_t host = blow->host;

	switch (blow->kind) {
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
	case SIM_FAULT_FORGET:
		mon_kill(sim);
		store_restore(sim);
		mon_start(sim);
		break;
	case SIM_FAULT_DISK:
	case SIM_FAULT_DISK_SLOW:
	case SIM_FAULT_DISK_FULL:
	case SIM_FAULT_BURST:
		strike_disk(&sim->pg[host], blow->kind, sim->now, blow->length);
		break;
	case SIM_FAULT_STORE_DISK:
		sim->store.disk_until = sim->now + blow->length;
		break;
	case SIM_FAULT_TERMINATE:
		for (uint32_t i = 0; i <= blow->detail; i++)
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
		strike_network(sim, blow);
		break;
	case SIM_FAULT_SWITCHOVER:
	case SIM_FAULT_FAILOVER:
	case SIM_FAULT_LOSS:
	case SIM_FAULT_QUORUM:
	case SIM_FAULT_NUMBER:
	case SIM_FAULT_TIMINGS:
	case SIM_FAULT_DROP:
		strike_request(sim, blow);
		break;
	case SIM_FAULT_POSTMASTER:
	case SIM_FAULT_BACKEND:
	case SIM_FAULT_POSTMASTER_AND_KEEPER:
	case SIM_FAULT_KEEPER:
	case SIM_FAULT_HOST:
	case SIM_FAULT_MONITOR:
	case SIM_FAULT_STORE:
	case SIM_FAULT_MONITOR_HOST:
		strike_process(sim, blow->kind, host);
		break;
	case SIM_FAULT_SITE: /* is a loss of each host */
	case SIM_FAULT_COUNT:
		break;
	}
}

/* Of an operator, to the store. */
static bool
is_request(enum fault fault)
{
	return fault == SIM_FAULT_SWITCHOVER || fault == SIM_FAULT_FAILOVER ||
	       fault == SIM_FAULT_LOSS || fault == SIM_FAULT_NUMBER || fault == SIM_FAULT_TIMINGS;
}

/* Strikes the monitor's host, whatever was chosen. */
static bool
is_of_monitor(enum fault fault)
{
	return is_request(fault) || fault == SIM_FAULT_FORGET || fault == SIM_FAULT_MONITOR ||
	       fault == SIM_FAULT_FREEZE_MONITOR || fault == SIM_FAULT_STORE ||
	       fault == SIM_FAULT_STORE_DISK || fault == SIM_FAULT_MONITOR_HOST;
}

static void
fault_tell(struct sim *sim, const struct blow *blow)
{
	static const char *const ways[] = {"", ": what it sends", ": what it hears"};
	bool one_way = blow->kind == SIM_FAULT_CUT_MONITOR_ONE_WAY ||
	               blow->kind == SIM_FAULT_CUT_PEERS_ONE_WAY;
	bool primary = blow->host != 0 && blow->host == sim->store.truth.group.primary;
	char length[40] = "";
	char to[40], number[40];
	const char *more = one_way ? ways[blow->detail % 3] : "";

	if (fault_lasts(blow->kind))
		snprintf(length, sizeof length, " (for %lld ms)",
		         (long long)(blow->length / PGAF_MSEC(1)));
	snprintf(to, sizeof to, " to %s", host_name(blow->detail));
	snprintf(number, sizeof number, " to %u", blow->detail);
	if (blow->kind == SIM_FAULT_NUMBER)
		more = number;
	if (blow->kind == SIM_FAULT_TIMINGS)
		more = blow->detail ? ": patient" : ": quick";
	if (blow->kind == SIM_FAULT_SWITCHOVER && blow->detail != 0)
		more = to;
	if (blow->kind == SIM_FAULT_TERMINATE && blow->detail)
		more = ", twice";
	if (is_request(blow->kind))
		TELL(sim, "fault", "%s%s%s", fault_text(blow->kind), more, length);
	else
		TELL(sim, "fault", "%s%s: %s%s%s", host_name(blow->host),
		     primary ? " (the primary)" : "", fault_text(blow->kind), more, length);
}

void
fault_strike(struct sim *sim, const struct blow *blow)
{
	struct event *undo;

	if (sim->tracing || sim->telling)
		fault_tell(sim, blow);
	sim->counts.by_kind[blow->kind]++;
	strike_other(sim, blow);
	if (!fault_lasts(blow->kind))
		return;
	undo = sim_after(sim, NULL, blow->length, fault_undo);
	undo->a = (uint32_t)blow->kind;
	undo->b = blow->host;
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
	for (;;) {
		enum fault fault = (enum fault)rng_below(&sim->plan, SIM_FAULT_COUNT);

		if (!fault_is_extra(fault) || (sim->extra >> fault & 1))
			return fault;
	}
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

static uint32_t
choose_detail(struct sim *sim, const struct blow *blow)
{
	if (blow->kind == SIM_FAULT_CUT_MONITOR_ONE_WAY ||
	    blow->kind == SIM_FAULT_CUT_PEERS_ONE_WAY)
		return 1 + (uint32_t)rng_below(&sim->plan, 2);
	if (blow->kind == SIM_FAULT_TERMINATE)
		return rng_percent(&sim->plan, 10);
	if (blow->kind == SIM_FAULT_SWITCHOVER)
		return rng_percent(&sim->plan, 50) ? blow->host : 0;
	if (blow->kind == SIM_FAULT_NUMBER)
		return sim->store.settings.number_sync > 0 ? 0 : 1;
	if (blow->kind == SIM_FAULT_TIMINGS)
		return (uint32_t)rng_below(&sim->plan, 2);
	return 0;
}

/* Into the story, and done. */
static void
blow_new(struct sim *sim, struct blow blow)
{
	if (is_of_monitor(blow.kind))
		blow.host = 0;
	/* Of the primary it would mean nothing. */
	if (blow.kind == SIM_FAULT_QUORUM && blow.host == sim->store.truth.group.primary)
		blow.host = blow.host % sim->nodes + 1;
	/* What was decided while it hung is written then: not for long after the last fault. */
	if (blow.kind == SIM_FAULT_STORE_DISK && blow.length > STORE_HANGS_MOST)
		blow.length = STORE_HANGS_MOST;
	if (!fault_lasts(blow.kind))
		blow.length = 0;
	if (sim->story.count == BLOWS_MAX)
		return;
	sim->story.blows[sim->story.count++] = blow;
	fault_strike(sim, &blow);
}

/* Power is gone for the whole site; each host comes back in its own time. */
static void
blow_site(struct sim *sim, struct blow blow)
{
	blow.host = rng_percent(&sim->plan, 50) ? 0 : 1;
	for (; blow.host <= sim->nodes; blow.host++) {
		blow.kind = blow.host == 0 ? SIM_FAULT_MONITOR_HOST : SIM_FAULT_HOST;
		blow.length = rng_between(&sim->plan, PGAF_MSEC(100), PGAF_SECONDS(8));
		blow_new(sim, blow);
	}
	sim->counts.by_kind[SIM_FAULT_SITE]++;
}

/* What a made-up fault's event carries: x the time since what y and b name. */
static struct blow
blow_of(const struct event *event)
{
	return (struct blow){
		.since = (enum since)event->y, .number = event->b, .at = (pgaf_time)event->x};
}

static void
fault_due(struct sim *sim, struct event *event)
{
	struct blow blow = blow_of(event);

	if (sim->quiet)
		return;
	note_second(sim);
	blow.kind = choose_fault(sim);
	blow.host = choose_host(sim);
	blow.length = choose_length(sim);
	blow.detail = choose_detail(sim, &blow);
	if (blow.kind == SIM_FAULT_SITE)
		blow_site(sim, blow);
	else
		blow_new(sim, blow);
}

/* The candidate's keeper stops between two steps of the promotion, and goes on much later. */
static void
freeze_candidate(struct sim *sim, struct event *event)
{
	struct blow blow = blow_of(event);

	if (sim->quiet)
		return;
	note_second(sim);
	blow.kind = SIM_FAULT_FREEZE_KEEPER;
	blow.host = event->a;
	blow.length = choose_length(sim);
	blow_new(sim, blow);
}

static void
fault_later(struct sim *sim, pgaf_time delay, event_fn fn, enum since since, pgaf_node_id node)
{
	struct event *event = sim_after(sim, NULL, delay, fn);

	event->a = node;
	event->b = since == SINCE_FAILOVER ? sim->failovers : since == SINCE_SET ? sim->sets : 0;
	event->x = (uint64_t)delay;
	event->y = since;
}

static void
blow_due(struct sim *sim, struct event *event)
{
	if (sim->quiet)
		return;
	note_second(sim);
	fault_strike(sim, &sim->story.blows[event->a]);
}

/* Those of the story that count from now. */
static void
faults_play(struct sim *sim, enum since since, uint32_t number)
{
	for (uint32_t i = 0; i < sim->story.count; i++)
		if (sim->story.blows[i].since == since && sim->story.blows[i].number == number)
			sim_after(sim, NULL, sim->story.blows[i].at, blow_due)->a = i;
}

void
faults_on_failover(struct sim *sim, pgaf_node_id candidate)
{
	sim->failovers++;
	if (sim->playing) {
		faults_play(sim, SINCE_FAILOVER, sim->failovers);
		return;
	}
	if (!sim->strikes_twice || sim->quiet || rng_percent(&sim->plan, 30))
		return;
	if (rng_percent(&sim->plan, 40))
		fault_later(sim, rng_between(&sim->plan, 0, PGAF_MSEC(15)), freeze_candidate,
		            SINCE_FAILOVER, candidate);
	else
		fault_later(sim, rng_between(&sim->plan, 0, PGAF_MSEC(60)), fault_due,
		            SINCE_FAILOVER, candidate);
}

/* Postgres ends between the moment a set is granted and the one in which it is applied (4b). */
static void
crash_before_set(struct sim *sim, struct event *event)
{
	struct blow blow = blow_of(event);

	if (sim->quiet || sim->store.truth.group.primary != event->a)
		return;
	note_second(sim);
	blow.kind = rng_percent(&sim->plan, 30) ? SIM_FAULT_BACKEND : SIM_FAULT_POSTMASTER;
	blow.host = event->a;
	blow_new(sim, blow);
}

void
faults_on_set(struct sim *sim, pgaf_node_id primary, bool relaxes)
{
	if (sim->built_at == 0)
		return;
	sim->sets++;
	if (sim->playing) {
		faults_play(sim, SINCE_SET, sim->sets);
		return;
	}
	if (sim->strikes_twice && !sim->quiet && rng_percent(&sim->plan, relaxes ? 60 : 5))
		fault_later(sim, rng_between(&sim->plan, 0, PGAF_MSEC(12)), crash_before_set,
		            SINCE_SET, primary);
}

static void
faults_make_up(struct sim *sim)
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
		fault_later(sim, at, fault_due, SINCE_BUILT, 0);
	}
	sim->story.end = at + rng_between(&sim->plan, PGAF_MSEC(50), PGAF_SECONDS(15));
}

pgaf_time
faults_plan(struct sim *sim)
{
	sim->built_at = sim->now;
	if (sim->playing)
		faults_play(sim, SINCE_BUILT, 0);
	else
		faults_make_up(sim);
	return sim->now + sim->story.end;
}

void
faults_end(struct sim *sim)
{
	TELL(sim, "fault", "all faults are over");
	sim->quiet = true;
	sim->net.loss = 0;
	sim->store.disk_until = 0;
	operator_is_done(sim);
	if (sim->brk == BREAK_FLAP)
		sim_after(sim, NULL, PGAF_SECONDS(17), store_flap);
	for (uint32_t host = 0; host <= sim->nodes; host++) {
		sim->host_up[host] = true;
		sim->pg[host].disk_until = 0;
		sim->pg[host].slow_until = 0;
		sim->pg[host].full_until = 0;
		host_heal(sim, host);
	}
	mon_thawed(sim);
	host_start_all(sim, 0);
	for (uint32_t host = 1; host <= sim->nodes; host++) {
		host_thaw(sim, host);
		host_start_all(sim, host);
	}
}
