/* SPDX-License-Identifier: PostgreSQL */
/*
 * Answers to the questions of keeper_rules.h.
 */
#include "core/keeper_rules.h"

#include <string.h>

#include "base/pure/text.h"

#define WORD(name, word) word,
#define STATE_WORD(name, word, meaning) word,
static const char *const words_KEEPER_STATE[] = {PGAF_STATES(STATE_WORD)};
static const char *const words_KEEPER_ROLE[] = {NOTE_ROLES(WORD)};
static const char *const words_KEEPER_POSTGRES[] = {KEEPER_POSTGRES(WORD)};
static const char *const words_KEEPER_ACCEPTED[] = {KEEPER_ACCEPTED(WORD)};
static const char *const words_KEEPER_CONTACT[] = {KEEPER_CONTACT(WORD)};
static const char *const words_KEEPER_RESTART[] = {KEEPER_RESTART(WORD)};
static const char *const words_KEEPER_LEAVING[] = {KEEPER_LEAVING(WORD)};
static const char *const words_KEEPER_FENCE[] = {KEEPER_FENCE(WORD)};
static const char *const words_KEEPER_UPSTREAM[] = {KEEPER_UPSTREAM(WORD)};
static const char *const words_KEEPER_STREAM[] = {KEEPER_STREAM(WORD)};
static const char *const words_KEEPER_HISTORY[] = {KEEPER_HISTORY(WORD)};
static const char *const words_KEEPER_KEPT[] = {KEEPER_KEPT(WORD)};
static const char *const words_KEEPER_MAY_REWIND[] = {KEEPER_MAY_REWIND(WORD)};
static const char *const words_KEEPER_SET[] = {KEEPER_SET(WORD)};
static const char *const words_KEEPER_RELEASED[] = {KEEPER_RELEASED(WORD)};
static const char *const words_KEEPER_WAL[] = {KEEPER_WAL(WORD)};
static const char *const words_KEEPER_UP[] = {KEEPER_UP(WORD)};
static const char *const words_KEEPER_REST[] = {KEEPER_REST(WORD)};
static const char *const words_KEEPER_NOTED[] = {KEEPER_NOTED(WORD)};
static const char *const words_KEEPER_CRASHED[] = {KEEPER_CRASHED(WORD)};
static const char *const words_KEEPER_CLAIM[] = {KEEPER_CLAIM(WORD)};
static const char *const words_KEEPER_TIMELINE[] = {KEEPER_TIMELINE(WORD)};
static const char *const words_KEEPER_READY[] = {KEEPER_READY(WORD)};
static const char *const words_KEEPER_CLIENTS[] = {KEEPER_CLIENTS(WORD)};
static const char *const words_KEEPER_SETTLED[] = {KEEPER_SETTLED(WORD)};

static const struct {
	const char *name;
	const char *question;
	const char *const *words;
	unsigned answers;
} fact_table[KF_COUNT] = {
#define FACT_ROW(fact, answers, question)                \
	[KF_##fact] = {#fact, question, words_##answers, \
	               sizeof(words_##answers) / sizeof(words_##answers[0])},
	KEEPER_FACTS(FACT_ROW)
#undef FACT_ROW
};

unsigned
keeper_fact_answers(enum keeper_fact fact)
{
	return fact_table[fact].answers;
}

const char *
keeper_fact_name(enum keeper_fact fact)
{
	return fact_table[fact].name;
}

const char *
keeper_fact_question(enum keeper_fact fact)
{
	return fact_table[fact].question;
}

const char *
keeper_fact_answer_name(enum keeper_fact fact, unsigned answer)
{
	return answer < fact_table[fact].answers ? fact_table[fact].words[answer] : "?";
}

/* What the store said to this process, else what the note remembers. */
static const struct goal *
goal_of(const struct keeper_view *view)
{
	return view->orders_known ? &view->orders.goal : &view->note.goal;
}

/* A store that was rebuilt or restored is noted too, or it takes us for its memory (12). */
static bool
knows_store(const struct keeper_view *view)
{
	return !view->orders_known || view->note.incarnation == view->orders.incarnation;
}

static enum keeper_postgres
postgres_answer(const struct keeper_view *view)
{
	if (!view->seen_known)
		return K_PG_UNKNOWN;
	switch (view->seen.pg) {
	case PG_ABSENT:
		return K_PG_ABSENT;
	case PG_STOPPED:
		return view->seen.clone_unfinished ? K_PG_ABSENT : K_PG_STOPPED;
	case PG_EXITED:
		return K_PG_EXITED;
	case PG_STARTING:
	case PG_STOPPING:
		return K_PG_STARTING;
	case PG_STANDBY:
		return K_PG_STANDBY;
	case PG_PRIMARY:
		return K_PG_PRIMARY;
	case PG_UNKNOWN:
	default:
		return K_PG_UNKNOWN;
	}
}

/* An answer counts while the next one is not overdue; what cannot be undone asks again first. */
static enum keeper_contact
contact_answer(const struct keeper_view *view, pgaf_time now)
{
	if (!view->orders_known || view->answered_at == 0)
		return K_CONTACT_NEVER;
	if (view->link_open && now - view->answered_at <= 2 * view->orders.settings.report_interval)
		return K_CONTACT_FRESH;
	return K_CONTACT_STALE;
}

static enum keeper_noted
noted_answer(const struct keeper_view *view)
{
	uint32_t version = goal_of(view)->set.version;

	if (note_declined(&view->note, version))
		return K_SET_DECLINED;
	return view->note.about_version >= version ? K_SET_NOTED : K_SET_NOT_NOTED;
}

static enum keeper_restart
restart_answer(const struct keeper_view *view, pgaf_time now)
{
	bool contact = contact_answer(view, now) == K_CONTACT_FRESH;

	if (!contact && view->stayed)
		return K_RESTART_ALONE;
	/* A goal whose set was declined because of the crash was given before it was known. */
	if (!view->crashed ||
	    (view->orders.goal.epoch > view->crash_epoch && noted_answer(view) != K_SET_DECLINED))
		return K_RESTART_FREE;
	return !contact && view->crash_seen ? K_RESTART_ALONE : K_RESTART_ASKS;
}

static bool
nobody_heard(const struct keeper_view *view, pgaf_time now)
{
	pgaf_time limit = view->orders.settings.fencing_limit;
	pgaf_time heard = view->started_at;

	if (view->answered_at > heard)
		heard = view->answered_at;
	if (view->member_at > heard)
		heard = view->member_at;
	return now - heard >= limit;
}

/* Fencing is for a primary that another node may replace without its consent (26). */
static enum keeper_fence
fence_answer(const struct keeper_view *view, pgaf_time now)
{
	const struct note *note = &view->note;
	bool strict = note->goal.state == PGAF_STATE_PRIMARY && !sync_set_is_async(&note->goal.set);

	if (note->role == NOTE_FENCED) {
		/* A member that was seen counts as long as it keeps us from fencing. */
		if (nobody_heard(view, now))
			return K_FENCE_ON;
		if (contact_answer(view, now) == K_CONTACT_FRESH &&
		    note->goal.epoch == view->orders.goal.epoch)
			return K_FENCE_RETURN;
		return view->stayed && view->member_follows &&
		                       now - view->member_at < view->orders.settings.fencing_limit
		               ? K_FENCE_RETURN
		               : K_FENCE_ON;
	}
	if (note->role != NOTE_PRIMARY || !nobody_heard(view, now))
		return K_FENCE_NONE;
	/* A cold start without a monitor comes up fenced whatever the set was. */
	if (view->seen.pg == PG_STOPPED && !view->orders_known)
		return K_FENCE_DUE;
	return strict && view->seen.pg == PG_PRIMARY ? K_FENCE_DUE : K_FENCE_NONE;
}

static enum keeper_upstream
upstream_answer(const struct keeper_view *view)
{
	const struct goal *goal = goal_of(view);
	bool runs = view->seen.pg == PG_STANDBY || view->seen.pg == PG_STARTING;
	pgaf_node_id upstream = runs ? view->seen.upstream : view->followed;
	uint32_t admission = runs ? view->seen.admission : view->followed_as;

	/* Only the step asks why nothing comes: its WAL may be gone, and then it needs a copy. */
	if (view->dry && goal->state == PGAF_STATE_CATCHINGUP)
		return K_UPSTREAM_WRONG;
	return upstream == goal->upstream && (upstream == 0 || admission == goal->admission)
	               ? K_UPSTREAM_RIGHT
	               : K_UPSTREAM_WRONG;
}

/* The names of the goal, as a new session shows them. */
static bool
names_are_shown(const struct keeper_view *view)
{
	char names[sizeof(view->seen.sync_names)];
	struct text text = TEXT(names);

	names[0] = '\0';
	sync_set_names(&goal_of(view)->set, &text);
	return strcmp(names, view->seen.sync_names) == 0;
}

static bool
confirmation_is_wanted(const struct keeper_view *view)
{
	switch (view->confirm) {
	case CONFIRM_ALWAYS:
		return true;
	case CONFIRM_NEVER:
		return false;
	case CONFIRM_AUTO:
	default:
		/* Who was never told how many must confirm assumes the stricter. */
		return !view->orders_known || view->orders.settings.number_sync > 0;
	}
}

/* Who is held back comes in with the store's word; without it only where no commit returns
 * that a member does not have, and past a process that knows of no other decision (16). */
static enum keeper_clients
clients_answer(const struct keeper_view *view, pgaf_time now)
{
	const struct sync_set *set = &goal_of(view)->set;
	bool strict = !sync_set_is_async(set) && names_are_shown(view);
	bool proved = set->required <= set->count && view->proved_version == set->version;

	if (view->seen.pg != PG_PRIMARY || !view->seen.closed)
		return K_CLIENTS_IN;
	if (contact_answer(view, now) != K_CONTACT_FRESH && !(view->witness && strict))
		return K_CLIENTS_HELD;
	return set->required > 0 && !proved && confirmation_is_wanted(view) ? K_CLIENTS_UNCONFIRMED
	                                                                    : K_CLIENTS_DUE;
}

static enum keeper_set
set_answer(const struct keeper_view *view)
{
	const struct sync_set *set = &goal_of(view)->set;

	if (view->drifted && set->required <= set->count &&
	    view->note.about_version >= set->version)
		return K_SET_DRIFTED;
	if (names_are_shown(view) &&
	    (view->proved_version == set->version || set->required > set->count))
		return K_SET_IN_FORCE;
	return set->required == 0 ? K_SET_RELAX : K_SET_TIGHTEN;
}

/*
 * Commits of a promoted standby wait from the first one on, or never did: what decides that is set
 * by a checkpointer that may be busy, so it is there long before (14, 42). Any name is strict.
 */
static enum keeper_rest
rest_answer(const struct keeper_view *view)
{
	bool strict = view->orders.settings.number_sync > 0;

	if (!view->orders_known || view->seen.pg != PG_STANDBY)
		return K_REST_RIGHT;
	return strict == (view->seen.sync_names[0] != '\0') ? K_REST_RIGHT : K_REST_OTHER;
}

/* Below the primary's values recovery stands still until they are written and it restarts (23). */
static enum keeper_ready
ready_answer(const struct keeper_view *view)
{
	bool below = view->seen.pg == PG_STANDBY && (view->seen.vetoes & VETO_BIT(PARAMETERS)) != 0;

	return below ? K_NEEDS_CONFIG : view->ready;
}

void
keeper_facts_of(const struct keeper_view *view, pgaf_time now, struct keeper_facts *facts)
{
	const struct goal *goal = goal_of(view);
	uint8_t *answer = facts->answer;

	memset(facts, 0, sizeof(*facts));
	answer[KF_GOAL] = (uint8_t)goal->state;
	answer[KF_ACCEPTED] =
		view->note.goal.epoch == goal->epoch && view->note.epoch >= goal->epoch &&
				view->note.goal.state == goal->state && knows_store(view)
			? K_ACCEPTED
			: K_NOT_ACCEPTED;
	answer[KF_ROLE] = (uint8_t)view->note.role;
	answer[KF_PG] = (uint8_t)postgres_answer(view);
	answer[KF_CONTACT] = (uint8_t)contact_answer(view, now);
	answer[KF_RESTART] = (uint8_t)restart_answer(view, now);
	answer[KF_LEAVING] = (uint8_t)view->leaving;
	answer[KF_FENCE] = (uint8_t)fence_answer(view, now);
	answer[KF_UPSTREAM] = (uint8_t)upstream_answer(view);
	answer[KF_STREAM] = view->seen.streaming ? K_STREAM_YES : K_STREAM_NO;
	answer[KF_HISTORY] = (uint8_t)view->history;
	answer[KF_KEPT] = view->wal_kept ? K_KEPT_YES : K_KEPT_NO;
	answer[KF_MAY_REWIND] = goal->may_rewind ? K_REWIND_NOW : K_REWIND_LATER;
	answer[KF_SET] = (uint8_t)set_answer(view);
	answer[KF_RELEASED] = view->seen.poisoned ? K_RELEASED_POISONED : K_RELEASED_TRUE;
	answer[KF_WAL] = view->regressed ? K_WAL_REGRESSED : K_WAL_WHOLE;
	answer[KF_UP] = view->seen.pg == PG_STANDBY &&
	                                (!view->seen.lsn_complete || !view->seen.consistent ||
	                                 (view->seen.vetoes & VETOES_PASSING) != 0)
	                        ? K_COMES_UP
	                        : K_IS_UP;
	answer[KF_REST] = (uint8_t)rest_answer(view);
	answer[KF_NOTED] = (uint8_t)noted_answer(view);
	/* Once: what is given after that was given by one who knows of the crash. */
	answer[KF_CRASHED] =
		(view->crashed || view->start_failed) && !view->declined ? K_CRASHED : K_RAN;
	answer[KF_CLAIM] = (uint8_t)view->claim;
	answer[KF_TIMELINE] =
		view->seen.timeline == view->note.timeline ? K_TIMELINE_RIGHT : K_TIMELINE_OTHER;
	answer[KF_READY] = (uint8_t)ready_answer(view);
	answer[KF_CLIENTS] = (uint8_t)clients_answer(view, now);
	answer[KF_SETTLED] = view->settled ? K_SETTLED : K_NOT_SETTLED;
}
