/* SPDX-License-Identifier: PostgreSQL */
/* What would be decided, in sentences and as JSON, and what the like took before. */

#include "http/story.h"

#include <string.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "core/quorum.h"
#include "core/rules.h"
#include "http/view_json.h"

/* ---- what was measured ------------------------------------------------------------- */

static void
past_add(struct past *past, int64_t ms)
{
	if (past->count == PAST_MOST)
		memmove(&past->ms[0], &past->ms[1], sizeof(past->ms[0]) * --past->count);
	past->ms[past->count++] = ms < 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

void
story_measure(struct story_measuring *measuring, uint32_t rule_id, int64_t at)
{
	const struct rule *rule = rule_by_id(rule_id);
	enum effect effect = rule ? rule->effect : EFFECT_NONE;
	bool hands_over = effect == EFFECT_HAND_OVER || effect == EFFECT_PROMOTE_CLEAN;
	bool promotes = hands_over || effect == EFFECT_PROMOTE || effect == EFFECT_PROMOTE_LOSSY ||
	                effect == EFFECT_PROMOTE_FORMER || effect == EFFECT_PROMOTE_AGAIN;

	if (promotes && !measuring->begun) {
		measuring->begun = true;
		measuring->is_handover = hands_over;
		measuring->since = at;
	} else if (effect == EFFECT_RESTORE || effect == EFFECT_TAKE_BACK) {
		measuring->begun = false;
	} else if (effect == EFFECT_FINISH && measuring->begun) {
		if (measuring->is_handover == measuring->handovers)
			past_add(measuring->past, at - measuring->since);
		measuring->begun = false;
	}
}

/* ---- telling ------------------------------------------------------------------------ */

static const struct {
	const char *head;
	const char *key;
} names[STORY_SECTIONS] = {
	[STORY_PLAN] = {"what would be done:", "plan"},
	[STORY_PROOF] = {"proof:", "proof"},
	[STORY_OUTAGE] = {"how long writes would wait:", "outage"},
	[STORY_LOST] = {"what would be lost:", "lost"},
};

const char *
story_head(unsigned section)
{
	return names[section].head;
}

void
story_write(struct story *story, pgaf_time now)
{
	struct text texts[STORY_SECTIONS];

	for (unsigned i = 0; i < STORY_SECTIONS; i++)
		text_init(&texts[i], story->sections[i], sizeof(story->sections[i]));
	dry_run_plan(&story->run, now, &texts[STORY_PLAN]);
	dry_run_proof(&story->run, now, &texts[STORY_PROOF]);
	story->outage_ms = dry_run_outage(&story->run, now, &story->past, &texts[STORY_OUTAGE]);
	story->loss = dry_run_loss(&story->run, now, &texts[STORY_LOST]);
}

const char *
story_node(const struct story *story, pgaf_node_id id)
{
	const struct node *node = snapshot_node(&story->run.snap, id);

	return node ? node->name : NULL;
}

/* ---- as JSON ------------------------------------------------------------------------ */

static void
set_name(json_t *object, const char *key, const char *name)
{
	json_object_set_new(object, key, name ? json_string(name) : json_null());
}

static void
set_figure(json_t *object, const char *key, int64_t number)
{
	json_object_set_new(object, key, number < 0 ? json_null() : json_integer(number));
}

/* Each version of the set that may be in force. */
static json_t *
json_of_sets(const struct dry_run *run)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < run->snap.group.possible_count; i++) {
		const struct sync_set *set = &run->snap.group.possible[i];
		json_t *members = json_array();
		json_t *object = json_object();
		for (uint32_t m = 0; m < set->count; m++) {
			const struct node *node = snapshot_node(&run->snap, set->members[m].node);
			json_array_append_new(members, json_string(node ? node->name : "?"));
		}
		json_set_number(object, "version", set->version);
		json_set_number(object, "required", set->required);
		json_set_number(object, "must_be_heard", quorum_needed(set));
		json_object_set_new(object, "asynchronous", json_boolean(sync_set_is_async(set)));
		json_object_set_new(object, "declined",
		                    json_boolean(set_is_declined(&run->snap, set)));
		json_object_set_new(object, "members", members);
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *
json_of_holdings(const struct dry_run *run)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < run->snap.count; i++) {
		const struct node *node = &run->snap.nodes[i];
		json_t *object = json_object();
		char lsn[LSN_TEXT_MAX];
		json_set_text(object, "node_name", node->name);
		json_set_number(object, "timeline", node->report.timeline);
		json_set_text(object, "lsn", lsn_format(node->report.lsn, lsn));
		json_set_text(object, "replay", lsn_format(node->report.replay, lsn));
		json_array_append_new(list, object);
	}
	return list;
}

json_t *
json_of_story(const struct story *story)
{
	const struct dry_run *run = &story->run;
	json_t *object = json_object();
	json_t *past = json_array();

	for (uint32_t i = 0; i < story->past.count; i++)
		json_array_append_new(past, json_integer(story->past.ms[i]));
	json_set_text(object, "dry_run", story->what);
	json_object_set_new(object, "possible", json_boolean(dry_run_is_possible(run)));
	json_set_text(object, "verdict", dry_verdict_name(run->verdict));
	set_figure(object, "rule", run->decision.rule > 0 ? (int64_t)run->decision.rule : -1);
	set_name(object, "primary", story_node(story, run->primary));
	set_name(object, "candidate", story_node(story, run->candidate));
	json_object_set_new(object, "sets", json_of_sets(run));
	json_object_set_new(object, "holdings", json_of_holdings(run));
	json_object_set_new(object, "past_ms", past);
	set_figure(object, "outage_ms", story->outage_ms);
	json_object_set_new(object, "nothing_lost", json_boolean(story->loss.proved));
	set_figure(object, "lost_bytes", story->loss.bytes);
	for (unsigned i = 0; i < STORY_SECTIONS; i++)
		json_object_set_new(object, names[i].key, json_of_lines(story->sections[i]));
	return object;
}
