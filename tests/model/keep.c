/* SPDX-License-Identifier: PostgreSQL */
/*
 * The keeper engine that ships, run for one happening: its inside is filled
 * from the small numbers, one keeper_on_*() or act() is called, and what it
 * became is read back. Its note is saved at once or, if the keeper dies before
 * that, not at all.
 */
#include <string.h>

#include "base/pure/text.h"
#include "model/keep.h"

struct asked asked;
struct keeper keeper;

static void
op_step(void *world, const struct step_order *order)
{
	(void)world;
	asked.step = true;
	tell("begins to %s; ", step_doc(order->step));
}

static void
op_cancel(void *world)
{
	(void)world;
	asked.cancelled = true;
	tell("gives up to %s; ", step_doc(keeper.order.step));
}

static void
op_nothing(void *world)
{
	(void)world;
}

static void
op_report(void *world, const struct report *report, bool urgent)
{
	(void)world;
	(void)report;
	(void)urgent;
}

static void
op_claim(void *world, uint64_t epoch)
{
	(void)world;
	(void)epoch;
	asked.claimed = true;
	tell("asks for the claim; ");
}

static void
op_save(void *world, const struct note *note)
{
	(void)world;
	asked.saved = true;
	tell("notes %s, goal %s; ", note_role_name(note->role), pgaf_state_name(note->goal.state));
}

static void
op_watch(void *world, const struct peer *peers, uint32_t count, pgaf_time interval)
{
	(void)world;
	(void)peers;
	(void)count;
	(void)interval;
}

static void
op_tune(void *world, const struct settings *settings)
{
	(void)world;
	(void)settings;
}

static void
op_show(void *world, const struct keeper_status *status)
{
	(void)world;
	(void)status;
}

static void
op_ended(void *world, int code)
{
	(void)world;
	(void)code;
	asked.ended = true;
}

static uint64_t
op_random(void *world)
{
	(void)world;
	return 4;
}

static void
op_log(void *world, const struct pgaf_log *record)
{
	(void)world;
	if (record->rule != 0)
		tell("K%u %s; ", record->rule, record->text);
	else
		tell("%s; ", record->text);
}

static const struct keeper_ops ops = {
	.step = op_step,
	.cancel = op_cancel,
	.observe = op_nothing,
	.report = op_report,
	.claim = op_claim,
	.refresh = op_nothing,
	.save = op_save,
	.watch_peers = op_watch,
	.tune = op_tune,
	.show = op_show,
	.ended = op_ended,
	.random = op_random,
	.log = op_log,
};

/* ---- what it sees ------------------------------------------------------- */

static void
observe_running(const struct m_state *s, unsigned node, struct observation *seen)
{
	const struct m_pg *pg = &s->pg[node];
	struct sync_set set;
	struct text names = TEXT(seen->sync_names);

	seen->lsn_complete = pg->status == PG_PRIMARY || pg->complete || run.brk == BREAK_COMPLETE;
	seen->lsn = pg->lsn;
	seen->replay = pg->lsn;
	seen->consistent = true;
	seen->streaming = pg->streaming;
	seen->walreceiver = pg->streaming;
	seen->upstream = pg->upstream;
	seen->admission = pg->admission;
	seen->upstream_lsn = pg->streaming ? pg->lsn : 0;
	seen->server_start = pg->restarted ? 2 : 1;
	seen->waiters = pg->waiter != 0;
	set_widen(&pg->file, &set);
	sync_set_names(&set, &names);
	for (unsigned i = 0; i < run.nodes; i++)
		if (pg->sender[i].used)
			seen->members[seen->member_count++] = (struct member_view){
				.node = i + 1,
				.admission = pg->sender[i].admission,
				.streaming = true,
				.flush = pg->sender[i].flush,
				.replay = pg->sender[i].flush,
			};
}

void
keeper_observe(const struct m_state *s, unsigned node, struct observation *seen)
{
	const struct m_pg *pg = &s->pg[node];

	memset(seen, 0, sizeof(*seen));
	seen->asked_at = NOW;
	seen->pg = (enum pg_status)pg->status;
	seen->has_data = pg->status != PG_ABSENT;
	seen->clone_unfinished = pg->unfinished;
	seen->system_identifier = 1;
	seen->server_version = 150018;
	seen->clean = pg->clean;
	seen->timeline = wal_timeline(s, pg->branch);
	seen->disk_timeline = wal_timeline(s, pg->disk_branch);
	if (pg_runs(pg))
		observe_running(s, node, seen);
}

bool
keeper_reaches(const struct m_state *s, unsigned node, unsigned other)
{
	return both_open(s, node + 1, other + 1) && pg_runs(&s->pg[other]);
}

static void
load_peers(const struct m_state *s, unsigned node)
{
	const struct m_pg *pg = &s->pg[node];

	for (unsigned i = 0; i < run.nodes; i++) {
		bool reached = i != node && keeper_reaches(s, node, i);

		if (i == node)
			continue;
		keeper.peers[keeper.peer_count] = (struct peer_view){
			.node = i + 1,
			.reached = reached,
			.in_recovery = s->pg[i].status == PG_STANDBY,
			.timeline = wal_timeline(s, s->pg[i].branch),
		};
		keeper.peer_at[keeper.peer_count++] = NOW;
		if (reached && s->pg[i].status == PG_STANDBY && pg->sender[i].used &&
		    wal_timeline(s, s->pg[i].branch) == keeper.view.note.timeline)
			keeper.view.member_follows = true;
	}
}

/* ---- in and out --------------------------------------------------------- */

static void
load_note(const struct m_keeper *from, unsigned node, struct note *note)
{
	*note = (struct note){
		.node_id = node + 1,
		.incarnation = 1,
		.epoch = from->note.epoch,
		.role = (enum note_role)from->note.role,
		.timeline = from->note.timeline,
		.promotion = from->note.promotion,
		.about_version = from->note.about,
		.declined_version = from->note.declined,
		.applied_version = from->note.applied,
		.renounced_epoch = from->note.renounced,
		.system_identifier = 1,
	};
	goal_widen(&from->note.goal, &note->goal);
}

void
keeper_orders_of(const struct m_goal *goal, unsigned epoch, unsigned node,
                 struct keeper_orders *orders)
{
	memset(orders, 0, sizeof(*orders));
	orders->incarnation = 1;
	orders->epoch = epoch;
	orders->system_identifier = 1;
	settings_init(&orders->settings);
	orders->settings.number_sync = run.sync;
	goal_widen(goal, &orders->goal);
	for (unsigned i = 0; i < run.nodes; i++)
		if (i != node)
			orders->peers[orders->peer_count++].id = i + 1;
}

static void
load_view(const struct m_keeper *from, struct keeper_view *view)
{
	view->seen_known = true;
	view->orders_known = from->known;
	view->answered_at = from->contact ? NOW : from->known ? AGO(100) : 0;
	view->link_open = from->link;
	view->started_at = NOW;
	view->stayed = from->stayed;
	view->crashed = from->crashed;
	view->declined = from->declined;
	view->crash_seen = from->crash_seen;
	view->crash_epoch = from->crash_epoch;
	view->history = (enum keeper_history)from->history;
	view->wal_kept = from->kept;
	view->proved_version = from->proved;
	view->ready = (enum keeper_ready)from->ready;
	view->settled = from->settled;
	view->claim = (enum keeper_claim)from->claim;
	view->followed = from->followed;
	view->followed_as = from->followed_as;
}

void
keeper_load(const struct m_state *s, unsigned node)
{
	const struct m_keeper *from = &s->keeper[node];

	memset(&keeper, 0, sizeof(keeper));
	memset(&asked, 0, sizeof(asked));
	keeper.ops = &ops;
	keeper.logger = (struct logger){
		.fn = run.telling ? op_log : NULL, .level = PGAF_LOG_TRACE, .formation = ""};
	keeper.now = NOW;
	load_note(from, node, &keeper.view.note);
	keeper.pending = keeper.view.note; /* saved at once */
	keeper_orders_of(&from->orders, from->orders_epoch, node, &keeper.view.orders);
	load_view(from, &keeper.view);
	keeper_observe(s, node, &keeper.view.seen);
	load_peers(s, node);
	keeper.busy = from->busy != STEP_NONE;
	keeper.order.step = (enum step)from->busy;
	keeper.order.number = keeper.orders_sent = 1;
	goal_widen(&from->order, &keeper.order.goal);
	keeper.claiming = from->claiming;
	keeper.noted = true;
	keeper.claim_sent_at = NOW;
	keeper.promote_sent = from->promote_sent;
	text_copy(keeper.give_up, sizeof(keeper.give_up), from->give_up ? "it was refused" : "");
	keeper.state = (enum pgaf_state)from->state;
	keeper.view.drifted = from->drifted;
	keeper.server_start = 1;
	keeper.seen_at = NOW;
	keeper.streaming_since = s->pg[node].streaming ? AGO(1) : 0;
	keeper.facts.run = 1;
	keeper.facts.in_force_version = from->in_force;
	keeper.facts.in_force_timeline = from->in_force_timeline;
	keeper.facts.renounced_epoch = from->note.renounced;
	keeper.facts.stopped_epoch = from->stopped;
	keeper.facts.stopped_lsn = from->stopped_lsn;
	keeper.facts.stopped_clean = from->clean;
}

static void
save_note(const struct note *from, struct m_note *note)
{
	*note = (struct m_note){
		.epoch = (uint8_t)from->epoch,
		.role = (uint8_t)from->role,
		.timeline = (uint8_t)from->timeline,
		.promotion = (uint8_t)from->promotion,
		.about = (uint8_t)from->about_version,
		.declined = (uint8_t)from->declined_version,
		.applied = (uint8_t)from->applied_version,
		.renounced = (uint8_t)from->renounced_epoch,
	};
	goal_narrow(&from->goal, &note->goal);
}

static void
save_view(const struct keeper_view *view, struct m_keeper *to)
{
	to->link = view->link_open;
	to->contact = view->answered_at == NOW;
	to->known = view->orders_known;
	to->orders_epoch = (uint8_t)view->orders.epoch;
	goal_narrow(&view->orders.goal, &to->orders);
	to->stayed = view->stayed;
	to->crashed = view->crashed;
	to->declined = view->declined;
	to->crash_seen = view->crash_seen;
	to->crash_epoch = view->crashed ? (uint8_t)view->crash_epoch : 0;
	to->history = (uint8_t)view->history;
	to->kept = view->wal_kept;
	to->proved = (uint8_t)view->proved_version;
	to->ready = (uint8_t)view->ready;
	to->settled = view->settled;
	to->claim = (uint8_t)view->claim;
	to->followed = (uint8_t)view->followed;
	to->followed_as = (uint8_t)view->followed_as;
}

/* A step that was begun just now, or one that is not wanted any more. */
static void
save_step(struct m_keeper *to)
{
	if (asked.step || !keeper.busy) {
		memset(&to->order, 0, sizeof(to->order));
		to->stage = to->barrier = to->order_async = 0;
	}
	to->busy = keeper.busy ? (uint8_t)keeper.order.step : STEP_NONE;
	if (asked.step) {
		goal_narrow(&keeper.order.goal, &to->order);
		to->order_async = keeper.order.from_async;
	}
}

void
keeper_save(struct m_state *s, unsigned node)
{
	struct m_keeper *to = &s->keeper[node];

	if (asked.saved)
		keeper_on_noted(&keeper, NOW, true);
	save_note(&keeper.view.note, &to->note);
	save_view(&keeper.view, to);
	save_step(to);
	to->promote_sent = keeper.promote_sent;
	to->give_up = keeper.give_up[0] != '\0';
	to->state = (uint8_t)keeper.state;
	to->drifted = keeper.view.drifted;
	to->in_force = (uint8_t)keeper.facts.in_force_version;
	to->in_force_timeline = (uint8_t)keeper.facts.in_force_timeline;
	to->stopped = (uint8_t)keeper.facts.stopped_epoch;
	to->stopped_lsn = to->stopped != 0 ? (uint8_t)keeper.facts.stopped_lsn : 0;
	to->clean = to->stopped != 0 && keeper.facts.stopped_clean;
	to->claiming = keeper.claiming;
	if (asked.claimed) {
		to->claim_message = CLAIM_ASKED;
		to->claim_epoch = (uint8_t)keeper.view.orders.goal.epoch;
	}
}

/* ---- its report --------------------------------------------------------- */

static void
report_masks(const struct report *from, struct m_report *report)
{
	for (uint32_t i = 0; i < from->member_count; i++)
		if (from->members[i].streaming)
			report->members |= (uint8_t)(1U << (from->members[i].node - 1));
	for (uint32_t i = 0; i < from->peer_count; i++)
		if (from->peers[i].reached)
			report->reached |= (uint8_t)(1U << (from->peers[i].node - 1));
}

void
report_now(const struct m_state *s, unsigned node, struct m_report *report)
{
	struct report full;

	keeper_load(s, node);
	report_build(&keeper, &full);
	*report = (struct m_report){
		.state = (uint8_t)full.state,
		.epoch = (uint8_t)full.epoch,
		.pg = (uint8_t)full.pg,
		.timeline = (uint8_t)full.timeline,
		.disk_timeline = (uint8_t)full.disk_timeline,
		.lsn = full.pg == PG_STANDBY ? (uint8_t)full.lsn : 0,
		.complete = full.lsn_complete,
		.has_data = full.has_data,
		.fenced = full.fenced,
		.drifted = full.drifted,
		.needs_clone = full.needs_clone,
		.admission = (uint8_t)full.streaming_admission,
		.streaming = full.streaming,
		.proved = full.history_proved,
		.caught_up = full.caught_up,
		.in_force = (uint8_t)full.in_force_version,
		.in_force_timeline =
			full.in_force_version != 0 ? (uint8_t)full.in_force_timeline : 0,
		.renounced = (uint8_t)full.renounced_epoch,
		.promoted = (uint8_t)full.promoted_epoch,
		.promoted_timeline = (uint8_t)full.promoted_timeline,
		.about = (uint8_t)full.about_version,
		.declined = (uint8_t)full.declined_version,
		.stopped = (uint8_t)full.stopped_epoch,
		.stopped_lsn = full.stopped_epoch != 0 ? (uint8_t)full.stopped_lsn : 0,
		.clean = full.stopped_epoch != 0 && full.stopped_clean,
	};
	report_masks(&full, report);
}
