/* SPDX-License-Identifier: PostgreSQL */
/*
 * What may happen to a keeper: it looks and acts, its step goes on, it hears,
 * reports, loses and opens its session, is stopped, dies and is started.
 */
#include <string.h>

#include "core/keeper_rules.h"
#include "model/classes.h"

/* By every monitor that runs, since it was started. */
static bool
is_heard(const struct m_state *s, unsigned node)
{
	for (unsigned by = 0; by < MONITORS; by++)
		if (s->monitor[by].up && !s->monitor[by].heard[node])
			return false;
	return s->monitor[0].heard[node];
}

static bool
is_awake(const struct m_keeper *k)
{
	return k->alive && k->frozen != FROZEN;
}

static bool
report_is_news(const struct m_report *old, const struct m_report *new)
{
	struct m_report a = *old;

	a.lsn = new->lsn; /* positions alone are none */
	return memcmp(&a, new, sizeof(a)) != 0;
}

/* ---- happenings --------------------------------------------------------- */

/* Nobody was heard for the fencing limit: only possible while nobody can be. */
static bool
may_hear_nobody(const struct m_state *s, unsigned node)
{
	if (s->keeper[node].contact)
		return false;
	for (unsigned i = 0; i < run.nodes; i++)
		if (i != node && keeper_reaches(s, node, i))
			return false;
	return true;
}

/* Steps that change nothing outside of Postgres' own directory: done as soon as begun. */
static bool
is_brief(uint8_t step)
{
	return step == STEP_CONFIGURE || step == STEP_ROLES || step == STEP_SLOTS ||
	       step == STEP_REST || step == STEP_KEEP_WAL;
}

/* The engine reports what has changed whenever it has run. */
static void
report_at_once(struct m_state *s, unsigned node)
{
	struct m_keeper *k = &s->keeper[node];
	struct m_report report;

	if (!is_awake(k) || !k->link || !link_open(s, node + 1, 0))
		return;
	report_now(s, node, &report);
	report.stuck = s->store.report[node].stuck && s->pg[node].waiter != 0;
	if (is_heard(s, node) && !k->report_sent &&
	    !report_is_news(&s->store.report[node], &report))
		return;
	k->report = report;
	k->report_sent = 1;
	if (!run.messages)
		store_takes_report(s, node, 0);
}

/* The step under way goes on, and perhaps ends. */
static void
finish_step(struct m_state *s, unsigned node)
{
	struct step_result result = {.number = 1, .step = (enum step)s->keeper[node].busy};

	if (!step_go(s, node, &result))
		return;
	tell("ends to %s: %s %s; ", step_doc(result.step),
	     result.outcome == STEP_DONE       ? "done"
	     : result.outcome == STEP_DIVERGED ? "histories differ"
	     : result.outcome == STEP_LOST     ? "too late"
	                                       : "not possible",
	     result.text);
	keeper_load(s, node);
	keeper_on_step(&keeper, NOW, &result);
	keeper_save(s, node);
}

/* Looks at its Postgres and asks the table once. Variant 1: the fencing limit is over. */
static bool
acts(struct m_state *s, unsigned node, unsigned variant, bool dies)
{
	struct m_keeper *k = &s->keeper[node];
	struct m_keeper before = *k;
	struct observation seen;

	if (!is_awake(k) || k->busy != STEP_NONE || k->claiming || k->claim_message == CLAIM_ASKED)
		return false;
	if (s->pg[node].status == PG_EXITED && !k->crashed)
		return false;
	if (variant == 1 && !may_hear_nobody(s, node))
		return false;
	if (run.representatives)
		class_of_keeper(s, node, variant == 1);
	keeper_load(s, node);
	if (variant == 1)
		keeper.view.started_at = AGO(100);
	keeper_observe(s, node, &seen);
	keeper_on_observation(&keeper, NOW, &seen);
	act(&keeper);
	if (dies) {
		if (!asked.claimed)
			return false;
		tell("and dies before its note is written");
		keeper_die(s, node);
		k->claim_message = CLAIM_ASKED;
		k->claim_epoch = (uint8_t)keeper.view.orders.goal.epoch;
		return true;
	}
	keeper_save(s, node);
	if (memcmp(&before, k, sizeof(before)) == 0 && !s->pg[node].restarted)
		return false;
	s->pg[node].restarted = 0;
	return true;
}

bool
keeper_acts(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_keeper *k = &s->keeper[node];

	if (variant == 1) {
		struct m_state before = *s;

		if (!acts(s, node, 1, false))
			return false;
		if (limit_over(&before)) {
			s->world = before.world;
		} else {
			*s = before;
			return false;
		}
	} else if (!acts(s, node, 0, false)) {
		return false;
	}
	while (is_brief(k->busy)) {
		finish_step(s, node);
		if (!acts(s, node, 0, false))
			break;
	}
	report_at_once(s, node);
	return true;
}

bool
keeper_dies_claiming(struct m_state *s, unsigned node, unsigned variant)
{
	const struct m_keeper *k = &s->keeper[node];
	struct m_state paid = *s;

	(void)variant;
	if (!is_awake(k) || k->claim != K_CLAIM_NONE ||
	    k->orders.state != PGAF_STATE_PREPARE_PROMOTION || !pay(&paid, MFAULT_CLAIMING) ||
	    !acts(&paid, node, 0, true))
		return false;
	*s = paid;
	return true;
}

bool
keeper_steps(struct m_state *s, unsigned node, unsigned variant)
{
	(void)variant;
	if (!is_awake(&s->keeper[node]) || s->keeper[node].busy == STEP_NONE)
		return false;
	finish_step(s, node);
	if (s->keeper[node].busy == STEP_NONE)
		report_at_once(s, node);
	return true;
}

bool
keeper_notices(struct m_state *s, unsigned node, unsigned variant)
{
	(void)variant;
	if (!is_awake(&s->keeper[node]) || s->pg[node].status != PG_EXITED ||
	    s->keeper[node].crashed)
		return false;
	keeper_load(s, node);
	keeper_on_exit(&keeper, NOW, false);
	if (!keeper.view.crashed)
		return false; /* the step under way ends Postgres on purpose */
	keeper_save(s, node);
	report_at_once(s, node);
	return true;
}

bool
keeper_hears_orders(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_keeper *k = &s->keeper[node];
	struct keeper_orders orders;

	(void)variant;
	if (!k->orders_sent || k->frozen == FROZEN || !link_open(s, 0, node + 1))
		return false;
	keeper_orders_of(&k->sent, k->sent_epoch, node, &orders);
	keeper_load(s, node);
	/* It lay in the socket while the process was stopped. */
	if (k->frozen == THAWED && run.brk != BREAK_ANSWER)
		keeper.due = NOW - STALL_LIMIT - 1;
	keeper_on_goal(&keeper, NOW, &orders);
	keeper_save(s, node);
	k->frozen = RUNS;
	k->orders_sent = k->sent_epoch = 0;
	memset(&k->sent, 0, sizeof(k->sent));
	return true;
}

bool
keeper_hears_claim(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_keeper *k = &s->keeper[node];
	uint8_t message = k->claim_message;

	(void)variant;
	if (!k->claiming || k->frozen == FROZEN ||
	    (message != CLAIM_GRANTED && message != CLAIM_DENIED))
		return false;
	keeper_load(s, node);
	keeper_on_claim(&keeper, NOW, message == CLAIM_GRANTED, true);
	k->claim_message = k->claim_epoch = 0;
	keeper_save(s, node);
	return true;
}

bool
keeper_links(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_keeper *k = &s->keeper[node];

	(void)variant;
	if (!is_awake(k) || k->link || !both_open(s, 0, node + 1))
		return false;
	k->link = 1;
	/* Another session speaks for the node from now on. */
	if (run.brk != BREAK_SESSION) {
		k->old_sent = 0;
		memset(&k->old, 0, sizeof(k->old));
	}
	return true;
}

/* The session with the store has ended; a claim that was sent may still be written. */
void
keeper_lose_link(struct m_state *s, unsigned node)
{
	struct m_keeper *k = &s->keeper[node];

	if (k->claiming) {
		keeper_load(s, node);
		keeper_on_claim(&keeper, NOW, false, false);
		keeper_save(s, node);
	}
	k->link = k->contact = 0;
	if (k->frozen == THAWED)
		k->frozen = RUNS;
	if (k->claim_message != CLAIM_ASKED)
		k->claim_message = k->claim_epoch = 0;
	k->report_sent = k->orders_sent = k->sent_epoch = 0;
	memset(&k->report, 0, sizeof(k->report));
	memset(&k->sent, 0, sizeof(k->sent));
}

bool
keeper_unlinks(struct m_state *s, unsigned node, unsigned variant)
{
	(void)variant;
	if (!is_awake(&s->keeper[node]) || !s->keeper[node].link || both_open(s, 0, node + 1))
		return false;
	keeper_lose_link(s, node);
	return true;
}

/* Only the note and what was sent outlives it. */
void
keeper_die(struct m_state *s, unsigned node)
{
	struct m_keeper *k = &s->keeper[node];
	bool asking = k->claim_message == CLAIM_ASKED;

	*k = (struct m_keeper){
		.note = k->note,
		.claim_message = asking ? CLAIM_ASKED : CLAIM_NO,
		.claim_epoch = asking ? k->claim_epoch : 0,
		.old_sent = k->old_sent,
		.old = k->old,
	};
}

/* What it does when it goes on it does on what it was told before. */
bool
keeper_freezes(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_keeper *k = &s->keeper[node];

	(void)variant;
	if (!k->alive || k->frozen != RUNS || !pay(s, MFAULT_FREEZE))
		return false;
	k->frozen = FROZEN;
	k->contact = 0;
	return true;
}

bool
keeper_thaws(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_keeper *k = &s->keeper[node];

	(void)variant;
	if (k->frozen != FROZEN)
		return false;
	k->frozen = k->orders_sent ? THAWED : RUNS;
	return true;
}

bool
keeper_session_breaks(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_keeper *k = &s->keeper[node];

	(void)variant;
	if (!is_awake(k) || !k->link || k->old_sent || !link_open(s, node + 1, 0) ||
	    !pay(s, MFAULT_SESSION))
		return false;
	report_now(s, node, &k->old);
	k->old_sent = 1;
	keeper_lose_link(s, node);
	return true;
}

bool
keeper_starts(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_keeper *k = &s->keeper[node];

	(void)variant;
	if (k->alive)
		return false;
	k->alive = 1;
	k->settled = 1;
	k->state = k->note.role == NOTE_NONE ? PGAF_STATE_INIT : PGAF_STATE_UNKNOWN;
	s->pg[node].restarted = 0;
	return true;
}

/* Variant 1: commits have waited for a second without progress. */
bool
keeper_reports(struct m_state *s, unsigned node, unsigned variant)
{
	struct m_keeper *k = &s->keeper[node];
	const struct m_pg *pg = &s->pg[node];
	struct m_report report;
	bool fed = pg->status != PG_PRIMARY || pg->waiter == 0;

	if (!is_awake(k) || !k->link || k->report_sent || !link_open(s, node + 1, 0))
		return false;
	for (unsigned i = 0; i < run.nodes; i++)
		fed |= pg->sender[i].used && both_open(s, node + 1, i + 1);
	if (variant == 1 && fed)
		return false;
	report_now(s, node, &report);
	if (variant == 1 && (fed || s->store.report[node].stuck || !limit_over(s)))
		return false;
	report.stuck = !fed && (variant == 1 || s->store.report[node].stuck);
	if (is_heard(s, node) && !report_is_news(&s->store.report[node], &report))
		return false;
	k->report = report;
	k->report_sent = 1;
	if (!run.messages)
		store_takes_report(s, node, 0);
	return true;
}
