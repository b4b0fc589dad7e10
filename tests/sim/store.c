/* SPDX-License-Identifier: PostgreSQL */
/*
 * The store on the monitor's host: one row of truth per group. Decisions and
 * claims are durable and serial, reports are not durable until the next flush:
 * a crash forgets any of those that came after it.
 */

#include <string.h>

#include <pgaf/error.h>

#include "base/pure/text.h"
#include "sim/sim.h"

#define WALWRITER PGAF_MSEC(200)
/* The two rules that promote on the operator's word that loss is accepted. */
#define RULE_LOSSY 540
#define RULE_LOSSY_FORMER 330
/* The one that decides without having heard everybody. */
#define RULE_LOSSY_MEMORY 120

struct node *
store_node(struct snapshot *snap, pgaf_node_id node)
{
	for (uint32_t i = 0; i < snap->count; i++)
		if (snap->nodes[i].id == node)
			return &snap->nodes[i];
	return NULL;
}

pgaf_time
store_flush_time(struct sim *sim)
{
	pgaf_time until = sim->store.disk_until;

	return rng_tailed(&sim->disks, PGAF_MSEC(2), PGAF_MSEC(150)) +
	       (until > sim->now ? until - sim->now : 0);
}

static void
store_flush(struct sim *sim)
{
	if (sim->store.dirty)
		sim->store.durable = sim->store.truth;
	sim->store.dirty = false;
}

static void
store_walwriter(struct sim *sim, struct event *event)
{
	(void)event;
	store_flush(sim);
}

static void
store_written(struct sim *sim, bool durable)
{
	struct simstore *store = &sim->store;

	if (!store->dirty && !durable)
		sim_after(sim, &store->proc,
		          WALWRITER + (pgaf_time)rng_below(&sim->disks, (uint64_t)WALWRITER),
		          store_walwriter);
	store->dirty = true;
	if (durable)
		store_flush(sim);
}

/* Half of the seeds run with the defaults. */
static void
store_choose_settings(struct sim *sim, struct settings *settings)
{
	struct rng *rng = &sim->setup;

	settings_init(settings);
	if (rng_percent(rng, 25) && sim->nodes > 1)
		settings->number_sync = 1;
	if (rng->calm || rng_percent(rng, 50))
		return;
	settings->probe_interval = rng_between(rng, PGAF_MSEC(50), PGAF_MSEC(500));
	settings->silence_limit =
		settings->probe_interval * 3 + rng_between(rng, PGAF_MSEC(400), PGAF_SECONDS(3));
	settings->peer_report_age = rng_between(rng, PGAF_MSEC(200), PGAF_SECONDS(3));
	settings->handover_limit = rng_between(rng, PGAF_MSEC(500), PGAF_SECONDS(8));
	settings->fast_stop_limit = rng_between(rng, PGAF_MSEC(100), PGAF_SECONDS(6));
	settings->flap_window = rng_between(rng, 0, PGAF_SECONDS(90));
	settings->report_interval = rng_between(rng, PGAF_MSEC(200), PGAF_SECONDS(2));
	settings->fencing_limit =
		settings->report_interval * 2 + rng_between(rng, PGAF_MSEC(500), PGAF_SECONDS(12));
	settings->move_on_disagreement = rng_percent(rng, 30);
}

void
store_init(struct sim *sim)
{
	struct simstore *store = &sim->store;
	struct group *group = &store->truth.group;

	text_copy(group->formation, sizeof group->formation, "default");
	store_choose_settings(sim, &group->settings);
	store->settings = group->settings;
	group->incarnation = rng_next(&sim->rng) | 1;
	store->truth.may_bootstrap = true;
	store->born = sim->now;
	store->durable = store->truth;
}

void
store_start(struct sim *sim)
{
	struct simstore *store = &sim->store;

	if (store->proc.alive || !sim->host_up[0])
		return;
	proc_start(&store->proc, 0);
	TRACE(sim, "store", "starts at epoch %llu", (unsigned long long)store->truth.group.epoch);
	mon_store_opened(sim);
}

void
store_crash(struct sim *sim)
{
	struct simstore *store = &sim->store;

	if (!store->proc.alive)
		return;
	TRACE(sim, "store", "crashes%s", store->dirty ? " and forgets its last reports" : "");
	proc_kill(sim, &store->proc);
	store->truth = store->durable;
	store->dirty = false;
	memset(store->session_open, 0, sizeof store->session_open);
	link_store_gone(sim, !sim->host_up[0]);
	mon_store_lost(sim);
}

void
store_save(struct sim *sim)
{
	sim->store.copy = sim->store.truth;
}

void
store_restore(struct sim *sim)
{
	store_crash(sim);
	TRACE(sim, "store", "is put back from epoch %llu to %llu",
	      (unsigned long long)sim->store.truth.group.epoch,
	      (unsigned long long)sim->store.copy.group.epoch);
	sim->store.truth = sim->store.copy;
	/* A store that went back has another incarnation: by its timeline, or by what the monitor
	 * remembers outside of it (tests/unit/store: a_store_that_went_back_...). */
	sim->store.truth.group.incarnation = rng_next(&sim->rng) | 1;
	sim->store.truth.group.went_back = true;
	sim->store.durable = sim->store.truth;
	sim->store.forgot = true;
	operator_is_done(sim);
	store_start(sim);
}

bool
store_register(struct sim *sim, pgaf_node_id id)
{
	struct snapshot *truth = &sim->store.truth;
	uint32_t at = truth->count;

	if (store_node(truth, id))
		return true;
	for (; at > 0 && truth->nodes[at - 1].id > id; at--)
		truth->nodes[at] = truth->nodes[at - 1];

	struct node *node = &truth->nodes[at];

	*node = (struct node){.id = id,
	                      .port = 5432,
	                      .http_port = 8008,
	                      .priority = 50,
	                      .quorum = true,
	                      .bootstrap = true};
	if (id > 1 && rng_percent(&sim->setup, 4))
		node->priority = 0;
	if (id > 1 && truth->group.settings.number_sync == 0 && rng_percent(&sim->setup, 4))
		node->quorum = false;
	sim->store.quorum[id] = node->quorum;
	text_copy(node->name, sizeof node->name, host_name(id));
	text_copy(node->host, sizeof node->host, host_name(id));
	truth->count++;
	store_written(sim, true);
	TRACE(sim, "store", "%s is registered", host_name(id));
	mon_hint(sim, id, true);
	return true;
}

void
store_orders(const struct sim *sim, pgaf_node_id id, struct keeper_orders *orders)
{
	const struct snapshot *truth = &sim->store.truth;
	const struct group *group = &truth->group;
	const struct node *node = snapshot_node(truth, id);

	memset(orders, 0, sizeof *orders);
	orders->incarnation = group->incarnation;
	orders->epoch = group->epoch;
	orders->primary = group->primary;
	orders->settings = group->settings;
	orders->system_identifier = group->system_identifier;
	orders->high_lsn = group->high_lsn;
	orders->timeline = group->timeline;
	orders->claimed = group->promotion.claimed && group->promotion.node == id;
	if (node)
		orders->goal = node->goal;
	else if (sim->keep[id].enrolled) /* its row is gone: it was dropped */
		orders->goal = (struct goal){.state = PGAF_STATE_DROPPED, .epoch = group->epoch};
	for (uint32_t i = 0; i < truth->count; i++) {
		const struct node *other = &truth->nodes[i];
		struct peer *peer = &orders->peers[orders->peer_count];

		if (other->id == id)
			continue;
		peer->id = other->id;
		peer->port = other->port;
		peer->http_port = other->http_port;
		text_copy(peer->name, sizeof peer->name, other->name);
		text_copy(peer->host, sizeof peer->host, other->host);
		orders->peer_count++;
	}
}

void
store_report(struct sim *sim, pgaf_node_id id, const struct report *report, bool urgent)
{
	struct node *node = store_node(&sim->store.truth, id);

	if (!node)
		return;
	if (sim->tracing && (node->report.state != report->state || node->report.pg != report->pg ||
	                     node->report.epoch != report->epoch))
		TRACE(sim, host_name(id), "keeper > reports %s in epoch %llu, its Postgres is %s",
		      pgaf_state_name(report->state), (unsigned long long)report->epoch,
		      pg_status_name(report->pg));

	bool news = urgent || node->report.state != report->state || node->report.pg != report->pg;

	node->report = *report;
	sim->store.reported[id] = true;
	store_written(sim, false);
	if (news)
		mon_hint(sim, id, false);
}

bool
store_claim(struct sim *sim, pgaf_node_id id, uint64_t epoch)
{
	struct promotion *promotion = &sim->store.truth.group.promotion;
	bool granted = promotion->node == id && promotion->epoch == epoch;

	if (granted)
		promotion->claimed = true;
	store_written(sim, true);
	TRACE(sim, "store", "%s claims the promotion of epoch %llu: %s", host_name(id),
	      (unsigned long long)epoch, granted ? "granted" : "refused");
	if (granted)
		mon_hint(sim, id, true);
	return granted;
}

/* ---- decisions ------------------------------------------------------------------ */

/* What the story and its checks must know of a decision. */
static void
store_note_decision(struct sim *sim, const struct decision *decision)
{
	const struct group *before = &sim->store.truth.group;
	const struct group *after = &decision->group;

	if (after->promotion.node == 0 || after->promotion.epoch == before->promotion.epoch) {
		if (after->promotion.node == 0)
			sim->failover_open = false;
		if (after->next_version != before->next_version &&
		    after->primary == before->primary)
			faults_on_set(sim, after->primary, sync_set_is_async(group_newest(after)));
		return;
	}
	sim->store.promote_version = before->next_version;
	sim->given_up[after->promotion.node] = false;
	if (before->handover.to != 0) {
		sim->counts.switchovers++;
	} else if (before->promotion.node == 0) {
		sim->counts.failovers++;
		sim->had_failover = true;
		sim->failover_open = true;
		faults_on_failover(sim, after->promotion.node);
	}
}

void
store_forget_async(struct group *group)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < group->possible_count; i++)
		if (!sync_set_is_async(&group->possible[i]))
			group->possible[kept++] = group->possible[i];
	if (kept > 0)
		group->possible_count = kept;
}

/* A new version replaces all others before it is proved: in its term, or with a new one. */
static void
break_possible(struct sim *sim, uint32_t next_version, uint64_t promotion)
{
	struct group *group = &sim->store.truth.group;
	bool promotes = group->promotion.node != 0 && group->promotion.epoch != promotion;

	if (group->next_version == next_version ||
	    sim->brk != (promotes ? BREAK_TERM : BREAK_WIDEN))
		return;
	group->possible[0] = *group_newest(group);
	group->possible_count = 1;
}

static void
store_apply(struct sim *sim, const struct decision *decision)
{
	struct snapshot *truth = &sim->store.truth;
	struct request request = truth->group.request;
	uint32_t timeline = truth->group.next_timeline;
	uint32_t next_version = truth->group.next_version;
	uint64_t promotion = truth->group.promotion.epoch;
	uint64_t seen = decision->group.request.number;

	if (truth->group.recovering && !decision->group.recovering)
		sim->store.forgot = false;
	decision_apply(decision, sim->now, truth);
	break_possible(sim, next_version, promotion);
	/* A request that came while this was under way is not lost. */
	if (request.kind != REQUEST_NONE && seen != request.number && seen < request.number)
		truth->group.request = request;
	if (sim->brk == BREAK_TIMELINE && timeline > 2)
		truth->group.next_timeline = timeline;
	if (truth->group.primary != 0)
		truth->may_bootstrap = false;
}

int
store_commit(struct sim *sim, const struct decision *decision)
{
	struct snapshot *truth = &sim->store.truth;

	if ((truth->group.epoch != decision->from_epoch ||
	     truth->group.promotion.claimed != decision->from_claimed) &&
	    sim->brk != BREAK_CAS) {
		TRACE(sim, "store", "refuses a decision of rule %u made from epoch %llu",
		      decision->rule, (unsigned long long)decision->from_epoch);
		return PGAF_ESTALE;
	}
	if (decision->rule == RULE_LOSSY || decision->rule == RULE_LOSSY_FORMER)
		check_excuse(sim, decision->group.promotion.node);
	else if (decision->rule == RULE_LOSSY_MEMORY)
		check_excuse(sim, decision->group.primary);
	else
		check_decision(sim, decision);
	store_note_decision(sim, decision);
	store_apply(sim, decision);
	store_written(sim, true);
	TELL(sim, "monitor", "rule %u > %s", decision->rule, decision->text);
	for (uint32_t i = 0; i < decision->assignment_count; i++)
		TRACE(sim, "monitor", "epoch %llu: the goal of %s is %s",
		      (unsigned long long)decision->group.epoch,
		      host_name(decision->assignments[i].node),
		      pgaf_state_name(decision->assignments[i].goal.state));
	for (uint32_t i = 0; i < truth->count; i++)
		link_hint(sim, truth->nodes[i].id);
	return 0;
}

void
store_request(struct sim *sim, enum request_kind kind, pgaf_node_id to, bool allow_loss)
{
	struct group *group = &sim->store.truth.group;

	if (!sim->store.proc.alive || group->request.kind != REQUEST_NONE)
		return;
	group->request = (struct request){.kind = kind,
	                                  .number = ++sim->next_id,
	                                  .epoch = group->epoch,
	                                  .to = to,
	                                  .allow_loss = allow_loss};
	store_written(sim, true);
	mon_hint(sim, to, true);
}

/* What an operator wrote holds at once; a store that is down is asked again when it is up. */
void
store_written_by_operator(struct sim *sim)
{
	const struct snapshot *truth = &sim->store.truth;

	store_written(sim, true);
	if (!sim->store.proc.alive || truth->count == 0)
		return;
	mon_hint(sim, truth->nodes[0].id, true);
	for (uint32_t i = 0; i < truth->count; i++)
		link_hint(sim, truth->nodes[i].id);
}

void
store_set_quorum(struct sim *sim, pgaf_node_id id, bool quorum)
{
	struct node *node = store_node(&sim->store.truth, id);

	if (!node || node->quorum == quorum)
		return;
	node->quorum = quorum;
	store_written_by_operator(sim);
}

void
store_set_number(struct sim *sim, uint32_t number)
{
	struct settings *settings = &sim->store.truth.group.settings;

	if (settings->number_sync == number)
		return;
	settings->number_sync = number;
	store_written_by_operator(sim);
}

void
store_flap(struct sim *sim, struct event *event)
{
	struct snapshot *truth = &sim->store.truth;
	struct node *node = store_node(truth, truth->group.primary);

	(void)event;
	if (node && sim->store.proc.alive) {
		node->goal.epoch = ++truth->group.epoch;
		store_written(sim, true);
		mon_hint(sim, node->id, true);
		link_hint(sim, node->id);
	}
	sim_after(sim, NULL, PGAF_SECONDS(17), store_flap);
}
