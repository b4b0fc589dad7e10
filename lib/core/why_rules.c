/* SPDX-License-Identifier: PostgreSQL */
/*
 * Which facts keep which rules from applying, the blockers of a promotion, and
 * the state of a group as one sentence.
 */
#include <assert.h>
#include <inttypes.h>

#include "base/pure/text.h"
#include "core/decide.h"
#include "core/figures.h"
#include "core/quorum.h"
#include "core/why.h"

/* ---- misses --------------------------------------------------------------- */

static bool
holds(const struct rule *rule, const struct facts *facts, unsigned fact)
{
	return rule->when[fact] == 0 || (rule->when[fact] & IS(facts->answer[fact])) != 0;
}

enum fact
rule_first_miss(const struct rule *rule, const struct facts *facts)
{
	unsigned fact = 0;

	while (fact < FACT_COUNT && holds(rule, facts, fact))
		fact++;
	return (enum fact)fact;
}

unsigned
rule_misses(const struct rule *rule, const struct facts *facts)
{
	unsigned misses = 0;

	for (unsigned fact = 0; fact < FACT_COUNT; fact++)
		misses += !holds(rule, facts, fact);
	return misses;
}

struct look
look_at(const struct snapshot *snap, const struct node *node, pgaf_time now)
{
	struct look look = {.snap = snap, .now = now};

	roles_bind(snap, now, &look.roles);
	look.roles.self = node;
	facts_of(snap, now, &look.roles, &look.facts);
	return look;
}

static bool
is_listed(const struct look *look, const struct rule *rule, enum fact fact, bool near)
{
	return rule_first_miss(rule, &look->facts) == fact &&
	       (rule_misses(rule, &look->facts) == 1) == near;
}

/* "400, 402"; returns how many rules fail by this fact first. */
static unsigned
add_rules(const struct look *look, enum fact fact, bool near, struct text *to)
{
	unsigned count = 0;

	for (size_t i = 0; i < rules_count; i++) {
		if (!is_listed(look, &rules[i], fact, near))
			continue;
		text_addf(to, "%s%" PRIu32, count > 0 ? ", " : "", rules[i].id);
		count++;
	}
	return count;
}

static void
add_fact(const struct look *look, enum fact fact, struct text *to)
{
	text_addf(to, "%s is %s: ", fact_name(fact),
	          fact_answer_name(fact, look->facts.answer[fact]));
	fact_say(look, fact, to);
}

void
explain_near(const struct snapshot *snap, const struct node *node, pgaf_time now, struct text *to)
{
	struct look look = look_at(snap, node, now);

	for (unsigned fact = 0; fact < FACT_COUNT; fact++) {
		if (add_rules(&look, (enum fact)fact, true, to) == 0)
			continue;
		text_add(to, " would apply but ");
		add_fact(&look, (enum fact)fact, to);
		text_add(to, "\n");
	}
}

void
explain_rules(const struct snapshot *snap, const struct node *node, pgaf_time now, struct text *to)
{
	struct look look = look_at(snap, node, now);
	const struct rule *acting = rule_find(&look.facts);

	for (size_t i = 0; i < rules_count; i++) {
		if (&rules[i] != acting && box_accepts(rules[i].when, &look.facts))
			text_addf(to, "%" PRIu32 " would apply but rule %" PRIu32 " comes first\n",
			          rules[i].id, acting->id);
	}
	explain_near(snap, node, now, to);
	for (unsigned fact = 0; fact < FACT_COUNT; fact++) {
		unsigned count = add_rules(&look, (enum fact)fact, false, to);

		if (count == 0)
			continue;
		text_add(to, count == 1 ? " does not apply, first of all "
		                        : " do not apply, first of all ");
		add_fact(&look, (enum fact)fact, to);
		text_add(to, "\n");
	}
}

/* ---- what keeps a standby from being promoted ------------------------------- */

static void
add_blocker(const char *blocker, struct text *to)
{
	if (to->used > 0)
		text_add(to, "; ");
	text_add(to, blocker);
}

/* It could not even be asked, whatever it holds. */
static void
add_absence(const struct snapshot *snap, const struct node *node, pgaf_time now, struct text *to)
{
	enum evidence evidence = evidence_of(snap, node, now);

	if (node->session == SESSION_GONE)
		add_blocker("its keeper is not connected", to);
	if (node->reported_at == 0)
		add_blocker("it has not reported to this monitor yet", to);
	else if (node->report.epoch < node->goal.epoch)
		add_blocker("it has not accepted its goal yet", to);
	if (node->goal.state != PGAF_STATE_SECONDARY) {
		add_blocker("its goal is ", to);
		text_addf(to, "%s, not secondary", pgaf_state_name(node->goal.state));
	}
	if (node->report.pg != PG_STANDBY) {
		add_blocker("its Postgres is ", to);
		text_addf(to, "%s", pg_status_name(node->report.pg));
	} else if (evidence == EVIDENCE_DOWN) {
		add_blocker("its Postgres has ended", to);
	} else if (evidence == EVIDENCE_SILENT) {
		add_blocker("nothing is heard of its Postgres", to);
	}
}

/* How far behind what it once held it is: the figure of REGRESSED. */
static void
add_veto(const struct node *node, enum veto veto, struct text *to)
{
	add_blocker(veto_doc(veto), to);
	if (veto == VETO_REGRESSED) {
		text_add(to, " (");
		say_lsn(node->report.lsn, to);
		text_add(to, " < ");
		say_lsn(node->high_lsn, to);
		text_add(to, ")");
	}
}

/* Of the nodes that detached the one that holds most. */
static const struct node *
fullest_detached(const struct snapshot *snap)
{
	const struct node *best = NULL;

	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *node = &snap->nodes[i];

		if (node_is_detached(snap, node) &&
		    (best == NULL || node->report.detached_lsn > best->report.detached_lsn))
			best = node;
	}
	return best;
}

static void
add_proof(const struct snapshot *snap, const struct node *node, struct text *to)
{
	const struct node *fuller;

	switch (proof_of(snap, node)) {
	case PROOF_NONE:
		add_blocker("commits may have been acknowledged without waiting for a standby", to);
		break;
	case PROOF_HEAR:
		add_blocker("it is not proved that it holds every acknowledged commit: more members"
		            " must be heard",
		            to);
		break;
	case PROOF_BEHIND:
		fuller = fullest_detached(snap);
		assert(fuller != NULL && fuller->report.detached_lsn > node->report.lsn);
		add_blocker("it holds less than ", to);
		text_addf(to, "%s, by ", fuller->name);
		say_size(fuller->report.detached_lsn - node->report.lsn, to);
		break;
	case PROOF_HOLDS:
	default:
		break;
	}
}

void
blockers_say(const struct snapshot *snap, const struct node *node, pgaf_time now, struct text *to)
{
	uint32_t vetoes = veto_of(snap, node, now);
	char bytes[512] = "";
	struct text blockers = TEXT(bytes);

	add_absence(snap, node, now, &blockers);
	for (unsigned i = 0; i < VETO_COUNT; i++)
		if ((vetoes & (UINT32_C(1) << i)) != 0)
			add_veto(node, (enum veto)i, &blockers);
	add_proof(snap, node, &blockers);
	text_add(to, bytes);
}

/* ---- the group in a sentence ------------------------------------------------- */

static void
say_promotion(const struct snapshot *snap, struct text *to)
{
	const struct promotion *promotion = &snap->group.promotion;

	text_add(to, "writes wait: ");
	say_node(snap, promotion->node, to);
	text_addf(to,
	          promotion->claimed ? " is being promoted onto timeline %" PRIu32
	                             : " was chosen for timeline %" PRIu32,
	          promotion->timeline);
	if (promotion->from != 0) {
		text_add(to, " in place of ");
		say_node(snap, promotion->from, to);
	}
	text_add(to, "\n");
}

static void
say_handover(const struct snapshot *snap, struct text *to)
{
	say_node(snap, snap->group.handover.from, to);
	text_add(to, " hands over to ");
	say_node(snap, snap->group.handover.to, to);
	text_add(to, " and accepts no more writes\n");
}

/* Whom commits wait for, by the goal of the primary. */
static void
say_waiting(const struct snapshot *snap, const struct sync_set *set, struct text *to)
{
	if (snap->count == 1)
		text_add(to, "; it is the only node");
	else if (set->unknown)
		text_add(to, "; it is not known whom commits wait for");
	else if (set->required == 0)
		text_add(to,
		         "; no commit waits for a standby, so none could replace it with proof");
	else if (set->count < set->required)
		text_add(to, "; commits wait until there is a standby");
	else {
		text_addf(to, "; each commit waits for %" PRIu32 " of ", set->required);
		for (uint32_t i = 0; i < set->count; i++) {
			text_add(to, i > 0 ? ", " : "");
			say_node(snap, set->members[i].node, to);
		}
	}
}

static void
say_primary(const struct snapshot *snap, const struct node *primary, pgaf_time now, struct text *to)
{
	bool writes = pgaf_state_is_writable(primary->report.state) &&
	              primary->report.pg == PG_PRIMARY && primary->session != SESSION_GONE;
	const char *health = health_of(snap, primary, now);

	text_addf(to, "%s %s", primary->name,
	          !pgaf_state_is_writable(primary->goal.state) ? "has the primary's role"
	          : writes                                     ? "is the primary and accepts writes"
	                   : "should be the primary and is not known to accept writes");
	text_addf(to, " (reports %s, should be %s, health %s)",
	          pgaf_state_name(primary->report.state), pgaf_state_name(primary->goal.state),
	          health);
	if (pgaf_state_is_writable(primary->goal.state))
		say_waiting(snap, &primary->goal.set, to);
	text_add(to, "\n");
}

void
explain_group_state(const struct snapshot *snap, pgaf_time now, struct text *to)
{
	const struct node *primary = snapshot_node(snap, snap->group.primary);

	if (snap->group.recovering)
		text_add(to, "the store forgot decisions: nothing is proved until every node was"
		             " heard\n");
	if (snap->count == 0)
		text_add(to, "the group has no nodes\n");
	else if (snap->group.promotion.node != 0)
		say_promotion(snap, to);
	else if (snap->group.handover.from != 0)
		say_handover(snap, to);
	else if (primary == NULL)
		text_add(to, snap->group.system_identifier == 0
		                     ? "the group has no primary yet: it is waiting for its first\n"
		                     : "the group has no primary: it is waiting for the node with"
		                       " its data\n");
	else
		say_primary(snap, primary, now, to);
}
