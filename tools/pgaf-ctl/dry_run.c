/* SPDX-License-Identifier: PostgreSQL */
/*
 * --dry-run of perform and drop: the linked core decides on the picture that
 * the monitor made its last decision from; earlier promotions are read from
 * the events.
 */

#include "pgaf-ctl/dry_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "core/dry_run.h"
#include "core/quorum.h"
#include "core/rules.h"
#include "pgaf-ctl/events.h"
#include "pgaf-ctl/print.h"

#define EVENTS_READ 1000
#define SECTION_MAX 8192
/* A decision was made a moment ago: its picture is on its way. */
#define PICTURE_LIMIT PGAF_SECONDS(2)
#define LOOK_AGAIN PGAF_MSEC(100)

struct section {
	const char *head;
	const char *key;
	struct text text;
	char at[SECTION_MAX];
};

enum { PLAN, PROOF, OUTAGE, LOST, SECTIONS };

struct story {
	const char *what; /* "switchover", "failover", "drop" */
	struct dry_run run;
	struct past past;
	struct dry_loss loss;
	int64_t outage_ms;
	struct section sections[SECTIONS];
};

/* ---- what was measured ------------------------------------------------------------- */

static void
past_add(struct past *past, int64_t ms)
{
	if (past->count == PAST_MOST)
		memmove(&past->ms[0], &past->ms[1], sizeof(past->ms[0]) * --past->count);
	past->ms[past->count++] = ms < 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

struct measuring {
	bool handovers; /* which kind is wanted */
	bool begun;
	bool is_handover;
	int64_t since;
	struct past *past;
};

static void
measure(struct measuring *measuring, enum effect effect, int64_t at)
{
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

/* By the times of the events: all are of the store's clock. */
static int
past_load(struct ctl *ctl, bool handovers, struct past *past)
{
	struct measuring measuring = {.handovers = handovers, .past = past};
	int64_t after = 0;
	int code;
	PGresult *events =
		events_query(ctl, &code, (int64_t)ctl->options.group, EVENTS_READ, &after);

	*past = (struct past){0};
	for (int row = 0; events && row < PQntuples(events); row++) {
		const struct rule *rule = rule_by_id((uint32_t)cell_number(events, row, "rule"));
		if (rule)
			measure(&measuring, rule->effect, cell_number(events, row, "at_ms"));
	}
	PQclear(events);
	return code;
}

/* ---- the picture ------------------------------------------------------------------- */

static int
picture_load(struct ctl *ctl, struct view *view, const struct view_group **group)
{
	pgaf_time until = ctl_now() + PICTURE_LIMIT;
	int code = EXIT_DONE;

	for (;;) {
		*group = view_group(ctl, view);
		if (!*group)
			return EXIT_FAILED;
		if ((*group)->has_picture && (*group)->picture.group.epoch == (*group)->epoch)
			return EXIT_DONE;
		if (ctl_now() >= until)
			return say_error(EXIT_UNREACHABLE,
			                 "the monitor has not looked at this group lately");
		code = session_wait(ctl, ctl_now() + LOOK_AGAIN);
		view_free(view);
		if (code == EXIT_DONE)
			code = view_load(ctl, view);
		if (code != EXIT_DONE)
			return code;
	}
}

/* ---- telling ------------------------------------------------------------------------ */

static void
story_write(struct story *story)
{
	static const struct {
		const char *head;
		const char *key;
	} names[SECTIONS] = {
		[PLAN] = {"what would be done:", "plan"},
		[PROOF] = {"proof:", "proof"},
		[OUTAGE] = {"how long writes would wait:", "outage"},
		[LOST] = {"what would be lost:", "lost"},
	};

	for (unsigned i = 0; i < SECTIONS; i++) {
		struct section *section = &story->sections[i];
		section->head = names[i].head;
		section->key = names[i].key;
		text_init(&section->text, section->at, sizeof(section->at));
	}
	dry_run_plan(&story->run, VIEW_NOW, &story->sections[PLAN].text);
	dry_run_proof(&story->run, VIEW_NOW, &story->sections[PROOF].text);
	story->outage_ms =
		dry_run_outage(&story->run, VIEW_NOW, &story->past, &story->sections[OUTAGE].text);
	story->loss = dry_run_loss(&story->run, VIEW_NOW, &story->sections[LOST].text);
}

static const char *
name_of(const struct story *story, pgaf_node_id id)
{
	const struct node *node = snapshot_node(&story->run.snap, id);

	return node ? node->name : NULL;
}

static void
story_print(const struct story *story)
{
	const char *candidate = name_of(story, story->run.candidate);

	printf("dry run of %s: %s; nothing is changed\n", story->what,
	       dry_run_is_possible(&story->run) ? "possible" : "not possible now");
	if (candidate && story->run.verdict != DRY_LEAVES)
		printf("candidate: %s\n", candidate);
	for (unsigned i = 0; i < SECTIONS; i++)
		lines_print(story->sections[i].head, story->sections[i].at);
}

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

static json_t *
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
	set_name(object, "primary", name_of(story, run->primary));
	set_name(object, "candidate", name_of(story, run->candidate));
	json_object_set_new(object, "sets", json_of_sets(run));
	json_object_set_new(object, "holdings", json_of_holdings(run));
	json_object_set_new(object, "past_ms", past);
	set_figure(object, "outage_ms", story->outage_ms);
	json_object_set_new(object, "nothing_lost", json_boolean(story->loss.proved));
	set_figure(object, "lost_bytes", story->loss.bytes);
	for (unsigned i = 0; i < SECTIONS; i++)
		json_object_set_new(object, story->sections[i].key,
		                    json_of_lines(story->sections[i].at));
	return object;
}

/* ---- verbs --------------------------------------------------------------------------- */

void
request_hint(const struct ctl *ctl, const char *kind)
{
	if (strcmp(kind, "switchover") == 0)
		say_hint("it becomes possible when the primary is healthy and a standby is"
		         " secondary and may be promoted; pgaf-ctl explain says more");
	else if (!ctl->options.allow_data_loss)
		say_hint("it becomes possible when a node that proves to hold all commits is back,"
		         " or with --allow-data-loss");
	else
		say_hint("it becomes possible when a standby answers");
}

static int
story_tell(struct ctl *ctl, struct story *story)
{
	int code = past_load(ctl, story->run.verdict == DRY_HANDS_OVER, &story->past);

	if (code != EXIT_DONE)
		return code;
	story_write(story);
	if (ctl->options.json)
		json_print(json_of_story(story));
	else
		story_print(story);
	return EXIT_DONE;
}

/* What the stronger word would change: shown with a refusal, in text. */
static void
with_loss_print(const struct view_group *group, struct request request)
{
	static struct story story;

	request.allow_loss = true;
	dry_run_request(&group->picture, VIEW_NOW, &request, &story.run);
	if (!dry_run_is_possible(&story.run))
		return;
	story_write(&story);
	lines_print("with --allow-data-loss:", story.sections[PLAN].at);
	lines_print("what would be lost then:", story.sections[LOST].at);
}

int
dry_run_of_request(struct ctl *ctl, struct view *view, const char *kind, pgaf_node_id to)
{
	static struct story story;
	const struct view_group *group = NULL;
	struct request request = {
		.kind = strcmp(kind, "failover") == 0 ? REQUEST_FAILOVER : REQUEST_SWITCHOVER,
		.to = to,
		.allow_loss = ctl->options.allow_data_loss,
	};
	int code = picture_load(ctl, view, &group);

	if (code != EXIT_DONE)
		return code;
	if (group->picture.group.request.kind != REQUEST_NONE)
		return say_error(EXIT_REFUSED, "%s would be refused: request %" PRIu64 " waits",
		                 kind, group->picture.group.request.number);
	story.what = kind;
	dry_run_request(&group->picture, VIEW_NOW, &request, &story.run);
	code = story_tell(ctl, &story);
	if (code != EXIT_DONE || dry_run_is_possible(&story.run))
		return code;
	bool stronger = request.kind == REQUEST_FAILOVER && !request.allow_loss;
	if (stronger && !ctl->options.json)
		with_loss_print(group, request);
	fflush(stdout);
	say_error(EXIT_REFUSED, "%s %s", kind,
	          story.run.verdict == DRY_REFUSED ? "would be refused" : "would have to wait");
	if (story.run.verdict == DRY_REFUSED)
		request_hint(ctl, kind);
	else
		say_hint("ask again when that is over; pgaf-ctl explain says how far it is");
	return EXIT_REFUSED;
}

int
dry_run_of_drop(struct ctl *ctl, struct view *view, pgaf_node_id id)
{
	static struct story story;
	const struct view_group *group = NULL;
	int code = picture_load(ctl, view, &group);

	if (code != EXIT_DONE)
		return code;
	story.what = "drop";
	dry_run_drop(&group->picture, VIEW_NOW, id, ctl->options.force, &story.run);
	code = story_tell(ctl, &story);
	if (code != EXIT_DONE || dry_run_is_possible(&story.run))
		return code;
	fflush(stdout);
	say_error(EXIT_REFUSED, "it would have to wait before it is dropped");
	say_hint("it becomes possible when the group is calm and, for a primary, a standby may"
	         " take over; pgaf-ctl explain says more");
	return EXIT_REFUSED;
}
