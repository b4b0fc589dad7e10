/* SPDX-License-Identifier: PostgreSQL */
/*
 * What each effect of the table does to the group row, and how goals are
 * filled in. Writes only into the decision; reads only the snapshot.
 */
#include "core/effects.h"

#include <assert.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/quorum.h"

struct change {
	const struct snapshot *snap;
	const struct roles *roles;
	const struct rule *rule;
	struct decision *decision;
	pgaf_time now;
	struct group *group; /* of the decision */
};

/* ---- goals ------------------------------------------------------------- */

static struct goal *
goal_add(struct change *change, pgaf_node_id node, enum pgaf_state state)
{
	struct decision *decision = change->decision;
	struct assignment *assignment = &decision->assignments[decision->assignment_count++];

	assert(decision->assignment_count <= PGAF_NODES_MAX);
	*assignment = (struct assignment){
		.node = node,
		.goal = {.state = state, .epoch = change->group->epoch, .rule = change->rule->id},
	};
	return &assignment->goal;
}

static void
admission_set(struct change *change, pgaf_node_id node, uint32_t admission, pgaf_lsn high)
{
	struct decision *decision = change->decision;

	decision->admissions[decision->admission_count].node = node;
	decision->admissions[decision->admission_count].admission = admission;
	decision->admissions[decision->admission_count].high_lsn = high;
	decision->admission_count++;
}

static bool
is_alone(const struct snapshot *snap, const struct node *self)
{
	for (uint32_t i = 0; i < snap->count; i++)
		if (&snap->nodes[i] != self && snap->nodes[i].goal.state != PGAF_STATE_DROPPED)
			return false;
	return true;
}

/* A primary's goal under a set: the state follows from what the set demands. */
static void
goal_writable(struct change *change, const struct node *node, const struct sync_set *set)
{
	struct goal *goal;
	enum pgaf_state state = PGAF_STATE_PRIMARY;

	if (set->required == 0)
		state = is_alone(change->snap, node) ? PGAF_STATE_SINGLE : PGAF_STATE_WAIT_PRIMARY;
	goal = goal_add(change, node->id, state);
	goal->timeline = change->group->timeline;
	goal->set = *set;
}

static void
goal_follow(struct change *change, const struct node *node, enum pgaf_state state,
            uint32_t admission)
{
	struct goal *goal = goal_add(change, node->id, state);
	const struct node *primary = change->roles->primary;

	assert(primary != NULL);
	goal->upstream = change->group->primary;
	goal->timeline = change->group->timeline;
	goal->admission = admission;
	goal->may_rewind = primary->report.disk_timeline >= change->group->timeline;
}

/* ---- versions of the set ----------------------------------------------- */

/* One stays, even where a store lost the others: an empty list says nothing. */
static void
set_strike(struct group *group, uint32_t version)
{
	uint32_t kept = 0;

	if (group->possible_count == 1)
		return;
	for (uint32_t i = 0; i < group->possible_count; i++)
		if (group->possible[i].version != version)
			group->possible[kept++] = group->possible[i];
	group->possible_count = kept;
}

/* What the primary declined binds nobody (4b). */
static void
set_strike_declined(struct change *change)
{
	struct group *group = change->group;

	for (uint32_t i = group->possible_count; i-- > 0;)
		if (set_is_declined(change->snap, &group->possible[i]))
			set_strike(group, group->possible[i].version);
}

static const struct sync_set *
set_stack(struct change *change, struct sync_set set)
{
	struct group *group = change->group;
	uint32_t most = set.required == 0 ? POSSIBLE_MAX : POSSIBLE_MAX - 1;

	set_strike_declined(change);
	/* The last place is for an asynchronous version: a relax waits for no proof. A full list
	 * is merged into one unknown version, which forbids every promotion until the new one
	 * is proved: conservative, and never a dead end. */
	if (group->possible_count >= most) {
		group->possible[0] =
			(struct sync_set){.version = group_newest(group)->version, .unknown = true};
		group->possible_count = 1;
	}
	set.version = group->next_version++;
	group->possible[group->possible_count++] = set;
	return &group->possible[group->possible_count - 1];
}

static bool
suits(const struct node *node, const struct group *group)
{
	bool listed = node->report.streaming && node->report.streaming_admission == node->admission;

	return node->goal.state == PGAF_STATE_SECONDARY && node->admission != 0 && node->quorum &&
	       !node->report.leaving && (listed || group_waits_for(group, node));
}

/* The set that number_sync_standbys asks for, of those in good standing, but for `without`. */
static struct sync_set
set_wanted(const struct change *change, const struct node *without)
{
	const struct snapshot *snap = change->snap;
	uint32_t number = snap->group.settings.number_sync;
	struct sync_set set = {0};

	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *node = &snap->nodes[i];

		if (node->id == change->group->primary || node == without ||
		    !suits(node, &snap->group))
			continue;
		set.members[set.count].node = node->id;
		set.members[set.count].admission = node->admission;
		set.count++;
	}
	set.required = number > 0 ? number : set.count > 0 ? 1 : 0;
	return set;
}

/* What the primary goes on with: a version that it declined it never applies. */
static const struct sync_set *
set_current(struct change *change)
{
	struct sync_set newest = *group_newest(change->group);
	const struct sync_set *left;

	if (!set_is_declined(change->snap, &newest))
		return group_newest(change->group);
	set_strike_declined(change);
	left = group_newest(change->group);
	/* Nothing else is known to be its: the same, as a version that it may apply. */
	return left->unknown || left->version == newest.version ? set_stack(change, newest) : left;
}

static void
set_change(struct change *change, const struct node *without)
{
	struct sync_set set = set_wanted(change, without);

	goal_writable(change, change->roles->primary, set_stack(change, set));
}

static void
set_keep_only(struct group *group, struct sync_set set)
{
	group->possible[0] = set;
	group->possible_count = 1;
}

/* ---- promotion and handover -------------------------------------------- */

static void
request_close(struct group *group)
{
	group->request = (struct request){.number = group->request.number};
}

static void
promote(struct change *change, const struct node *candidate, pgaf_lsn min_lsn)
{
	struct group *group = change->group;
	const struct node *former = change->roles->primary;
	struct sync_set set = {.required = group->settings.number_sync};
	struct goal *goal;

	group->promotion = (struct promotion){
		.node = candidate->id,
		.from = former->id,
		.epoch = group->epoch,
		.timeline = group->next_timeline++,
		.attempts = group->promotion.attempts,
		.cause = change->rule->id,
	};
	set = *set_stack(change, set);
	group->primary = candidate->id;
	group->handover = (struct handover){0};
	group->failovers++;
	goal = goal_add(change, candidate->id, PGAF_STATE_PREPARE_PROMOTION);
	goal->timeline = group->promotion.timeline;
	goal->min_lsn = min_lsn;
	goal->set = set;
	goal_add(change, former->id, PGAF_STATE_DEMOTED)->timeline = group->timeline;
	/* A word that accepts loss is good for one promotion, needed or not. */
	if (group->request.allow_loss)
		request_close(group);
}

/* Whoever was chosen in between is given up: it was no primary that could be restored. */
static void
effect_promote_former(struct change *change)
{
	promote(change, change->roles->former, 0);
	change->group->promotion.from = 0;
}

/* One more, of those within `window`; older ones are forgotten. */
static uint32_t
count_within(const struct change *change, uint32_t count, pgaf_time last, pgaf_time window)
{
	return last != 0 && change->now - last < window ? count + 1 : 1;
}

static void
effect_promote(struct change *change)
{
	const struct node *former = change->roles->primary;

	if (change->rule->id == 400 && former->report.crashed_inside)
		change->group->inside_crashes = count_within(change, change->group->inside_crashes,
		                                             change->group->crash_at, CRASH_WINDOW);
	promote(change, change->roles->candidate, change->roles->candidate->high_lsn);
}

static void
effect_promote_clean(struct change *change)
{
	const struct node *target = snapshot_node(change->snap, change->group->handover.to);

	promote(change, target, change->roles->primary->report.stopped_lsn);
}

/* The same node, a new epoch, a new timeline, the same former primary. */
static void
effect_promote_again(struct change *change)
{
	struct group *group = change->group;
	const struct node *self = change->roles->self;
	struct sync_set set = {.required = group->settings.number_sync};
	struct goal *goal;

	set_strike(group, self->goal.set.version);
	set = *set_stack(change, set);
	group->promotion.epoch = group->epoch;
	group->promotion.timeline = group->next_timeline++;
	group->promotion.claimed = false;
	group->promotion.attempts++;
	/* The word that accepted loss covers this node until it has succeeded. */
	if (!promotion_is_lossy(&group->promotion))
		group->promotion.cause = change->rule->id;
	goal = goal_add(change, self->id, PGAF_STATE_PREPARE_PROMOTION);
	goal->timeline = group->promotion.timeline;
	goal->min_lsn = promotion_is_lossy(&group->promotion) ? 0 : self->high_lsn;
	goal->set = set;
	request_close(group);
}

static void
effect_finish(struct change *change)
{
	struct group *group = change->group;
	const struct node *self = change->roles->self;
	const struct sync_set *opened = &self->goal.set;

	if (group->history_count == HISTORY_MAX) {
		memmove(&group->history[0], &group->history[1],
		        sizeof(group->history[0]) * (HISTORY_MAX - 1));
		group->history_count--;
	}
	group->history[group->history_count++] = (struct timeline){
		.number = group->promotion.timeline,
		.parent = group->timeline,
		.fork = self->report.fork_lsn,
		.node = self->id,
	};
	group->timeline = group->promotion.timeline;
	group->high_lsn = self->report.fork_lsn;
	/* Asynchronous: from now on only the node itself is a proof. Otherwise the old term's
	 * versions bind until the new one is proved. */
	if (opened->required == 0)
		set_keep_only(group, *opened);
	group->promotion = (struct promotion){0};
	request_close(group);
	admission_set(change, self->id, 0, 0);
	goal_writable(change, self, opened);
}

static void
effect_restore(struct change *change)
{
	struct group *group = change->group;
	const struct node *self = change->roles->self;
	const struct node *former = change->roles->former;

	set_strike(group, self->goal.set.version);
	group->primary = former->id;
	group->promotion = (struct promotion){.attempts = group->promotion.attempts + 1};
	request_close(group);
	goal_writable(change, former, group_newest(group));
	/* One that had no name when it was chosen may have a history of its own: it joins anew. */
	if (self->admission == 0)
		goal_add(change, self->id, PGAF_STATE_REPORT_LSN)->timeline = group->timeline;
	else
		goal_follow(change, self, PGAF_STATE_SECONDARY, self->admission);
}

static void
effect_hand_over(struct change *change)
{
	struct goal *goal = goal_add(change, change->roles->self->id, PGAF_STATE_DRAINING);

	goal->upstream = change->roles->candidate->id;
	goal->admission = change->roles->candidate->admission;
	goal->timeline = change->group->timeline;
	goal->budget = change->group->settings.handover_limit;
	change->group->handover = (struct handover){
		.from = change->roles->self->id,
		.to = change->roles->candidate->id,
		.cause = change->rule->id,
	};
}

static void
effect_take_back(struct change *change)
{
	change->group->handover = (struct handover){0};
	request_close(change->group);
	goal_writable(change, change->roles->self, set_current(change));
}

/* ---- members ----------------------------------------------------------- */

static void
effect_relax(struct change *change)
{
	const struct node *self = change->roles->self;

	admission_set(change, self->id, 0, 0);
	goal_follow(change, self, PGAF_STATE_CATCHINGUP, 0);
	set_change(change, self);
	if (change->rule->effect == EFFECT_RELAX_LINK)
		change->group->hold_downs =
			count_within(change, change->group->hold_downs, change->group->relaxed_at,
		                     change->group->settings.flap_window + HOLD_MOST);
}

static void
effect_admit(struct change *change)
{
	const struct node *self = change->roles->self;
	uint32_t admission = change->group->next_admission++;

	admission_set(change, self->id, admission, 0);
	goal_follow(change, self, PGAF_STATE_SECONDARY, admission);
}

static void
effect_follow(struct change *change, enum pgaf_state state)
{
	admission_set(change, change->roles->self->id, 0, 0);
	goal_follow(change, change->roles->self, state, 0);
}

static void
effect_drop(struct change *change)
{
	const struct node *self = change->roles->self;

	goal_add(change, self->id, PGAF_STATE_DROPPED);
	if (group_waits_for(change->group, self))
		set_change(change, self);
	admission_set(change, self->id, 0, 0);
}

static void
effect_drop_last(struct change *change)
{
	struct group *group = change->group;
	const struct node *self = change->roles->self;

	goal_add(change, self->id, PGAF_STATE_DROPPED);
	admission_set(change, self->id, 0, 0);
	group->primary = 0;
	group->possible_count = 0;
	if (self->report.lsn > group->high_lsn)
		group->high_lsn = self->report.lsn;
}

static void
effect_bootstrap(struct change *change)
{
	struct group *group = change->group;
	const struct node *self = change->roles->self;

	group->primary = self->id;
	group->possible_count = 0;
	if (group->next_version == 0)
		group->next_version = 1;
	if (group->next_admission == 0)
		group->next_admission = 1;
	group->timeline = self->report.has_data ? self->report.timeline : 1;
	if (group->next_timeline <= group->timeline)
		group->next_timeline = group->timeline + 1;
	goal_writable(
		change, self,
		set_stack(change, (struct sync_set){.required = group->settings.number_sync}));
}

/* ---- the store forgot -------------------------------------------------- */

/* A number that a keeper remembers is never given again. */
static void
next_above(uint32_t *next, uint32_t remembered)
{
	if (*next <= remembered)
		*next = remembered + 1;
}

/* Nothing is given out again that a keeper has told of. */
static void
outgrow_reports(struct change *change)
{
	struct group *group = change->group;

	for (uint32_t i = 0; i < change->snap->count; i++) {
		const struct report *report = &change->snap->nodes[i].report;

		if (report->epoch >= group->epoch)
			group->epoch = report->epoch + 1;
		next_above(&group->next_timeline, report->timeline);
		next_above(&group->next_timeline, report->promoted_timeline);
		next_above(&group->next_version, report->in_force_version);
		next_above(&group->next_version, report->about_version);
		next_above(&group->next_version, report->declined_version);
		next_above(&group->next_admission, report->streaming_admission);
	}
}

static void
effect_recover(struct change *change)
{
	struct group *group = change->group;

	outgrow_reports(change);
	group->went_back = false;
	group->recovering = true;
	group->promotion = (struct promotion){0};
	group->handover = (struct handover){0};
	set_keep_only(group, (struct sync_set){.version = group->next_version++, .unknown = true});
}

/* What was known of the one before says nothing of this one. */
static void
timeline_of(struct group *group, uint32_t written)
{
	if (written <= group->timeline)
		return;
	group->timeline = written;
	group->high_lsn = 0;
}

static void
effect_recovered(struct change *change)
{
	struct group *group = change->group;
	const struct node *primary = snapshot_writer(change->snap);
	struct roles roles = *change->roles;

	/* Those who were heard last may hold the most. */
	outgrow_reports(change);
	group->recovering = false;
	if (primary == NULL)
		return;
	group->primary = primary->id;
	timeline_of(group, primary->report.timeline);
	timeline_of(group, primary->report.promoted_timeline);
	roles.primary = primary;
	change->roles = &roles;
	for (uint32_t i = 0; i < change->snap->count; i++) {
		const struct node *node = &change->snap->nodes[i];

		if (node == primary)
			continue;
		/* Everybody gets a goal of this store, or its note would never name it. */
		admission_set(change, node->id, 0, 0);
		if (node->goal.state == PGAF_STATE_DROPPED)
			goal_add(change, node->id, PGAF_STATE_DROPPED);
		else if (!node->report.has_data)
			goal_add(change, node->id, PGAF_STATE_WAIT_STANDBY);
		/* It may have to be rewound, and that is too early: rule 720 has it follow. */
		else if (primary->report.disk_timeline < group->timeline)
			goal_add(change, node->id, PGAF_STATE_DEMOTED)->timeline = group->timeline;
		else
			goal_follow(change, node, PGAF_STATE_CATCHINGUP, 0);
	}
	goal_writable(
		change, primary,
		set_stack(change, (struct sync_set){.required = group->settings.number_sync}));
}

/* ---- dispatch ---------------------------------------------------------- */

static void
effect_none(struct change *change)
{
	const struct node *self = change->roles->self;
	enum pgaf_state state = change->rule->then[TO_SELF];
	struct goal *goal = goal_add(change, self->id, state);

	assert(pgaf_state_is_writable(state));
	goal->timeline = change->group->timeline;
	goal->set = self->goal.set;
}

static void
effect_doubt(struct change *change)
{
	const struct sync_set *newest = group_newest(change->group);
	struct sync_set doubt = {.unknown = true};
	struct sync_set again = *newest;

	set_stack(change, doubt);
	goal_writable(change, change->roles->self, set_stack(change, again));
}

static void
effect_dispatch(struct change *change)
{
	const struct node *self = change->roles->self;

	switch (change->rule->effect) {
	case EFFECT_NONE: effect_none(change); break;
	case EFFECT_BOOTSTRAP: effect_bootstrap(change); break;
	case EFFECT_PROMOTE: effect_promote(change); break;
	case EFFECT_PROMOTE_CLEAN: effect_promote_clean(change); break;
	case EFFECT_PROMOTE_LOSSY:
		promote(change, change->roles->candidate, 0);
		request_close(change->group); /* said once, done once */
		break;
	case EFFECT_PROMOTE_FORMER: effect_promote_former(change); break;
	case EFFECT_PROMOTE_AGAIN: effect_promote_again(change); break;
	case EFFECT_FINISH: effect_finish(change); break;
	case EFFECT_RESTORE: effect_restore(change); break;
	case EFFECT_HAND_OVER: effect_hand_over(change); break;
	case EFFECT_TAKE_BACK: effect_take_back(change); break;
	case EFFECT_RESTART:
	case EFFECT_STRIKE_DECLINED: goal_writable(change, self, set_current(change)); break;
	case EFFECT_FORGET:
		change->group->high_lsn = 0;
		request_close(change->group);
		goal_writable(change, self, set_current(change));
		break;
	case EFFECT_WIDEN: set_change(change, NULL); break;
	case EFFECT_RELAX:
	case EFFECT_RELAX_LINK: effect_relax(change); break;
	case EFFECT_SHRINK: set_change(change, self); break;
	case EFFECT_RESIZE: set_change(change, NULL); break;
	case EFFECT_STRIKE: set_keep_only(change->group, *group_newest(change->group)); break;
	case EFFECT_DOUBT: effect_doubt(change); break;
	case EFFECT_ADMIT: effect_admit(change); break;
	case EFFECT_EXPEL:
	case EFFECT_FOLLOW: effect_follow(change, change->rule->then[TO_SELF]); break;
	case EFFECT_ANNOUNCE: goal_add(change, self->id, PGAF_STATE_WAIT_STANDBY); break;
	case EFFECT_DROP: effect_drop(change); break;
	case EFFECT_DROP_LAST: effect_drop_last(change); break;
	case EFFECT_REMOVE: change->decision->removed = self->id; break;
	case EFFECT_REFUSE: request_close(change->group); break;
	case EFFECT_RECOVER: effect_recover(change); break;
	case EFFECT_RECOVERED:
	default:
		assert(change->rule->effect == EFFECT_RECOVERED);
		effect_recovered(change);
		break;
	}
}

/* The event: each new goal, then why. */
static void
describe(const struct change *change)
{
	struct decision *decision = change->decision;
	struct text text;

	text_init(&text, decision->text, sizeof(decision->text));
	for (uint32_t i = 0; i < decision->assignment_count; i++) {
		const struct assignment *assignment = &decision->assignments[i];
		const struct node *node = snapshot_node(change->snap, assignment->node);

		text_addf(&text, "%s: %s -> %s, ", node->name, pgaf_state_name(node->goal.state),
		          pgaf_state_name(assignment->goal.state));
	}
	if (decision->assignment_count > 0) {
		text.used -= 2;
		text.at[text.used] = '\0';
		text_add(&text, ": ");
	}
	text_add(&text, change->rule->doc);
}

/* Whose data the group's is: known from the first decision after its primary has any. */
static void
remember_identifier(const struct snapshot *snap, struct group *group)
{
	const struct node *primary = snapshot_node(snap, group->primary);

	if (group->system_identifier == 0 && primary != NULL && primary->report.has_data)
		group->system_identifier = primary->report.system_identifier;
}

void
effect_apply(const struct snapshot *snap, const struct roles *roles, const struct rule *rule,
             pgaf_time now, struct decision *decision)
{
	struct change change = {
		.snap = snap,
		.roles = roles,
		.rule = rule,
		.decision = decision,
		.now = now,
		.group = &decision->group,
	};

	memset(decision, 0, sizeof(*decision));
	decision->rule = rule->id;
	decision->subject = roles->self->id;
	decision->from_epoch = snap->group.epoch;
	decision->from_claimed = snap->group.promotion.claimed;
	decision->group = snap->group;
	decision->group.epoch++;
	effect_dispatch(&change);
	remember_identifier(snap, &decision->group);
	describe(&change);
}
