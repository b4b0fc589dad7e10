/* SPDX-License-Identifier: PostgreSQL */
/*
 * The environment: what may break at any moment and costs one of the run's
 * faults, and what repairs it, which costs nothing. Then the table of all
 * actions.
 */
#include <string.h>

#include "core/keeper_rules.h"
#include "model/model.h"

bool
pay(struct m_state *s, enum m_fault fault)
{
	struct m_world *world = &s->world;

	if (run.pair[0] == MFAULT_NONE) {
		if (world->faults == 0)
			return false;
		world->faults--;
		return true;
	}
	for (unsigned i = 0; i < 2; i++)
		if (world->kinds[i] == fault) {
			world->kinds[i] = MFAULT_NONE;
			return true;
		}
	return false;
}

/* ---- processes and hosts ------------------------------------------------ */

static bool
postmaster_dies(struct m_state *s, unsigned node, unsigned variant)
{
	(void)variant;
	if (!pg_runs(&s->pg[node]) || !pay(s, MFAULT_POSTMASTER))
		return false;
	pg_end(s, node, PG_EXITED);
	return true;
}

static bool
keeper_killed(struct m_state *s, unsigned node, unsigned variant)
{
	(void)variant;
	if (!s->keeper[node].alive || !pay(s, MFAULT_KEEPER))
		return false;
	keeper_die(s, node);
	return true;
}

static bool
host_dies(struct m_state *s, unsigned node, unsigned variant)
{
	(void)variant;
	if (!s->keeper[node].alive || !pg_runs(&s->pg[node]) || !pay(s, MFAULT_HOST))
		return false;
	keeper_die(s, node);
	pg_end(s, node, PG_STOPPED);
	return true;
}

/* Variant 0: a decision on its way is lost; 1: it is written, and the answer is lost. */
static bool
monitor_dies(struct m_state *s, unsigned node, unsigned variant)
{
	if (!s->monitor[0].up || (variant == 1 && !s->monitor[0].pending) ||
	    !pay(s, MFAULT_MONITOR))
		return false;
	if (variant == 1)
		monitor_commits(s, node, 0);
	monitor_reset(&s->monitor[0]);
	return true;
}

static bool
monitor_starts(struct m_state *s, unsigned node, unsigned variant)
{
	(void)node;
	(void)variant;
	if (s->monitor[0].up)
		return false;
	s->monitor[0].up = 1;
	return true;
}

/* The lock that keeps a second monitor away is lost, or the first only seemed to be gone. */
static bool
rival_starts(struct m_state *s, unsigned node, unsigned variant)
{
	(void)node;
	(void)variant;
	if (s->monitor[1].up || !pay(s, MFAULT_RIVAL))
		return false;
	s->monitor[1].up = 1;
	return true;
}

static bool
rival_ends(struct m_state *s, unsigned node, unsigned variant)
{
	(void)node;
	(void)variant;
	if (!s->monitor[1].up)
		return false;
	monitor_reset(&s->monitor[1]);
	return true;
}

static void
monitors_start_anew(struct m_state *s)
{
	for (unsigned by = 0; by < MONITORS; by++) {
		bool up = s->monitor[by].up;

		monitor_reset(&s->monitor[by]);
		s->monitor[by].up = up;
	}
}

/* Decisions and claims are durable, reports are not: any of them may be lost. */
static bool
store_crashes(struct m_state *s, unsigned node, unsigned variant)
{
	(void)node;
	if (variant > run.nodes + 1 || !pay(s, MFAULT_STORE))
		return false;
	for (unsigned i = 0; i < run.nodes; i++) {
		if (variant == i + 1 || variant == run.nodes + 1)
			memset(&s->store.report[i], 0, sizeof(s->store.report[i]));
		keeper_lose_link(s, i);
	}
	monitors_start_anew(s);
	return true;
}

/* Once, at any time; until then the group as it began is the copy. */
static bool
store_is_copied(struct m_state *s, unsigned node, unsigned variant)
{
	(void)node;
	(void)variant;
	if (!run.restore || s->world.copied || s->world.restored != 0 ||
	    memcmp(&s->copy, &s->store.group, sizeof(s->copy)) == 0)
		return false;
	s->world.copied = 1;
	s->copy = s->store.group;
	return true;
}

static bool
store_is_restored(struct m_state *s, unsigned node, unsigned variant)
{
	(void)node;
	(void)variant;
	if (!run.restore || s->world.restored != 0 || !pay(s, MFAULT_COPY))
		return false;
	s->world.restored = 1;
	s->store.group = s->copy;
	memset(s->store.report, 0, sizeof(s->store.report));
	/* Nothing is restored twice: what the copy was is no matter any more. */
	memset(&s->copy, 0, sizeof(s->copy));
	s->world.copied = 0;
	for (unsigned i = 0; i < run.nodes; i++)
		keeper_lose_link(s, i);
	monitors_start_anew(s);
	return true;
}

/* ---- links: `node` is the sender (run.nodes stands for the monitor), `var */

static bool
ends_of(unsigned node, unsigned variant, unsigned *from, unsigned *to)
{
	*from = node + 1;
	*to = variant;
	return variant <= run.nodes && *from != *to;
}

static bool
link_is_cut(struct m_state *s, unsigned node, unsigned variant)
{
	unsigned from, to;

	if (!ends_of(node, variant, &from, &to) || !link_open(s, from, to) || !pay(s, MFAULT_LINK))
		return false;
	s->world.cut[from] |= (uint8_t)(1U << to);
	return true;
}

static bool
link_from_monitor_is_cut(struct m_state *s, unsigned node, unsigned variant)
{
	(void)variant;
	if (!link_open(s, 0, node + 1) || !pay(s, MFAULT_LINK))
		return false;
	s->world.cut[0] |= (uint8_t)(1U << (node + 1));
	return true;
}

static bool
link_heals(struct m_state *s, unsigned node, unsigned variant)
{
	unsigned from, to;

	if (!ends_of(node, variant, &from, &to) || link_open(s, from, to))
		return false;
	s->world.cut[from] &= (uint8_t) ~(1U << to);
	return true;
}

static bool
link_from_monitor_heals(struct m_state *s, unsigned node, unsigned variant)
{
	(void)variant;
	if (link_open(s, 0, node + 1))
		return false;
	s->world.cut[0] &= (uint8_t) ~(1U << (node + 1));
	return true;
}

/* ---- the operator ------------------------------------------------------- */

static bool
operator_asks(struct m_state *s, unsigned node, unsigned variant)
{
	(void)node;
	if (!run.requests || s->store.group.request != REQUEST_NONE || !pay(s, MFAULT_OPERATOR))
		return false;
	s->store.group.request = variant == 0 ? REQUEST_SWITCHOVER : REQUEST_FAILOVER;
	return true;
}

/* ---- all that can happen, repairs first: the order of a fair run -------- */

const struct action actions[] = {
	{"the link to %v heals", link_heals, NODE, 0, REPAIR},
	{"the link from the monitor heals", link_from_monitor_heals, NODE, 1, REPAIR},
	{"the keeper is started", keeper_starts, NODE, 1, REPAIR},
	{"the keeper goes on", keeper_thaws, NODE, 1, REPAIR},
	{"the second monitor ends", rival_ends, ONCE, 1, REPAIR},
	{"the monitor is started", monitor_starts, ONCE, 1, REPAIR},
	{"the keeper's session with the store ends", keeper_unlinks, NODE, 1, FAIR},
	{"the keeper opens its session with the store", keeper_links, NODE, 1, FAIR},
	{"its end of stream is noticed", pg_times_out, NODE, 1, FAIR},
	{"the keeper notices the end of Postgres", keeper_notices, NODE, 1, FAIR},
	{"the store sends the goal", store_sends_orders, NODE, 1, FAIR},
	{"the keeper hears its goal", keeper_hears_orders, NODE, 1, FAIR},
	{"the store takes the claim", store_takes_claim, NODE, 1, FAIR},
	{"the keeper hears the answer to its claim", keeper_hears_claim, NODE, 1, FAIR},
	{"the keeper looks and acts", keeper_acts, NODE, 2, TIMED},
	{"the keeper's step goes on", keeper_steps, NODE, 1, FAIR},
	{"the promotion takes place", pg_promoted, NODE, 1, FAIR},
	{"all local WAL is read", pg_reads_all, NODE, 1, FAIR},
	{"the checkpointer takes the set", pg_checkpointer_takes, NODE, 1, FAIR},
	{"the walsender to %v takes the set", pg_sender_takes, NODE, 0, FAIR},
	{"the walreceiver connects", pg_connects, NODE, 1, FAIR},
	{"WAL is received", pg_receives, NODE, 1, FAIR},
	{"the walreceiver's reply arrives", pg_replies, NODE, 1, FAIR},
	{"the keeper sends a report", keeper_reports, NODE, 2, TIMED},
	{"the store takes the report", store_takes_report, NODE, 1, FAIR},
	{"the monitor decides", monitor_decides, NUMBERING, 2 << NODES_MOST, TIMED},
	{"the decision is written", monitor_commits, ONCE, 1, FAIR},
	{"the second monitor decides", rival_decides, NUMBERING, 2 << NODES_MOST, TIMED},
	{"the second monitor's decision is written", rival_commits, ONCE, 1, FAIR},
	{"a report of a session that is over arrives", store_takes_old_report, NODE, 1, FAIR},
	/* What is no part of a fair run. */
	{"a client commits", pg_commits, NODE, 1, UNFAIR},
	{"the client cancels its wait", pg_cancels, NODE, 1, UNFAIR},
	{"FAULT: the postmaster is killed", postmaster_dies, NODE, 1, UNFAIR},
	{"FAULT: the keeper is killed", keeper_killed, NODE, 1, UNFAIR},
	{"FAULT: the keeper is killed while it claims", keeper_dies_claiming, NODE, 1, UNFAIR},
	{"FAULT: the host loses power", host_dies, NODE, 1, UNFAIR},
	{"FAULT: the keeper is frozen", keeper_freezes, NODE, 1, UNFAIR},
	{"FAULT: its session breaks, a report is on its way", keeper_session_breaks, NODE, 1,
         UNFAIR},
	{"FAULT: a second monitor is started", rival_starts, ONCE, 1, UNFAIR},
	{"a copy of the store is made", store_is_copied, ONCE, 1, UNFAIR},
	{"FAULT: the monitor is killed", monitor_dies, ONCE, 2, UNFAIR},
	{"FAULT: the store crashes and loses reports", store_crashes, ONCE, 0, UNFAIR},
	{"FAULT: the store is an older copy", store_is_restored, ONCE, 1, UNFAIR},
	{"FAULT: the link to %v is cut", link_is_cut, NODE, 0, UNFAIR},
	{"FAULT: the link from the monitor is cut", link_from_monitor_is_cut, NODE, 1, UNFAIR},
	{"the operator asks for a change of roles", operator_asks, ONCE, 2, UNFAIR},
};

const size_t actions_count = sizeof(actions) / sizeof(actions[0]);

/* ---- the first state ---------------------------------------------------- */

static void
first_goals(struct m_group *group)
{
	struct m_set set = {.version = 1, .required = run.sync > 0 ? (uint8_t)run.sync : 1};

	for (unsigned i = 1; i < run.nodes; i++) {
		set.members |= (uint8_t)(1U << i);
		set.admission[i] = (uint8_t)i;
		group->admission[i] = (uint8_t)i;
		group->goal[i] = (struct m_goal){
			.state = PGAF_STATE_SECONDARY,
			.epoch = 1,
			.timeline = 1,
			.admission = (uint8_t)i,
			.upstream = 1,
			.may_rewind = 1,
		};
	}
	group->goal[0] =
		(struct m_goal){.state = PGAF_STATE_PRIMARY, .epoch = 1, .timeline = 1, .set = set};
	group->possible[0] = set;
	group->possible_count = 1;
	group->epoch = group->primary = group->timeline = 1;
	group->next_timeline = 2;
	group->next_version = 2;
	group->next_admission = (uint8_t)run.nodes;
}

static void
first_keeper(struct m_state *s, unsigned node)
{
	const struct m_goal *goal = &s->store.group.goal[node];
	struct m_keeper *k = &s->keeper[node];

	*k = (struct m_keeper){
		.alive = 1,
		.link = 1,
		.contact = 1,
		.known = 1,
		.orders_epoch = 1,
		.orders = *goal,
		.state = goal->state,
		.settled = 1,
		.ready = K_READY,
		.note = {.epoch = 1, .goal = *goal},
	};
	if (node == 0) {
		k->note.role = NOTE_PRIMARY;
		k->note.timeline = k->note.about = k->note.applied = k->proved = 1;
		k->in_force = k->in_force_timeline = 1;
		return;
	}
	k->note.role = NOTE_STANDBY;
	k->history = K_HISTORY_PROVED;
	k->followed = 1;
	k->followed_as = goal->admission;
}

void
first_state(struct m_state *s)
{
	memset(s, 0, sizeof(*s));
	s->world.faults = (uint8_t)run.faults;
	s->world.kinds[0] = (uint8_t)run.pair[0];
	s->world.kinds[1] = (uint8_t)run.pair[1];
	s->world.cancels = (uint8_t)run.cancels;
	s->world.commits = (uint8_t)run.commits;
	s->world.branches = 1;
	s->world.branch[0] = (struct m_branch){.timeline = 1, .writer = 1};
	first_goals(&s->store.group);
	s->monitor[0].up = 1;
	for (unsigned i = 0; i < run.nodes; i++) {
		struct m_pg *pg = &s->pg[i];

		*pg = (struct m_pg){.status = i == 0 ? PG_PRIMARY : PG_STANDBY,
		                    .complete = 1,
		                    .branch = 1,
		                    .lsn = 1,
		                    .disk_branch = 1};
		if (i == 0) {
			pg->file = s->store.group.possible[0];
			pg->waits = 1;
			continue;
		}
		pg->upstream = 1;
		pg->admission = s->store.group.admission[i];
		pg->streaming = 1;
		s->pg[0].sender[i] = (struct m_sender){
			.used = 1, .admission = pg->admission, .flush = 1, .set = s->pg[0].file};
	}
	for (unsigned i = 0; i < run.nodes; i++)
		first_keeper(s, i);
	for (unsigned i = 0; i < run.nodes; i++) {
		report_now(s, i, &s->store.report[i]);
		s->monitor[0].heard[i] = 1;
	}
	if (run.restore)
		s->copy = s->store.group;
	normalise(s);
}
