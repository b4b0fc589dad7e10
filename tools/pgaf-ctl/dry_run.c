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

#include "http/story.h"
#include "pgaf-ctl/events.h"
#include "pgaf-ctl/print.h"

#define EVENTS_READ 1000
/* A decision was made a moment ago: its picture is on its way. */
#define PICTURE_LIMIT PGAF_SECONDS(2)
#define LOOK_AGAIN PGAF_MSEC(100)

/* ---- what was measured ------------------------------------------------------------- */

/* By the times of the events: all are of the store's clock. */
static int
past_load(struct ctl *ctl, bool handovers, struct past *past)
{
	struct story_measuring measuring = {.handovers = handovers, .past = past};
	int64_t after = 0;
	int code;
	PGresult *events =
		events_query(ctl, &code, (int64_t)ctl->options.group, EVENTS_READ, &after);

	*past = (struct past){0};
	for (int row = 0; events && row < PQntuples(events); row++)
		story_measure(&measuring, (uint32_t)cell_number(events, row, "rule"),
		              cell_number(events, row, "at_ms"));
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
story_print(const struct story *story)
{
	const char *candidate = story_node(story, story->run.candidate);

	printf("dry run of %s: %s; nothing is changed\n", story->what,
	       dry_run_is_possible(&story->run) ? "possible" : "not possible now");
	if (candidate && story->run.verdict != DRY_LEAVES)
		printf("candidate: %s\n", candidate);
	for (unsigned i = 0; i < STORY_SECTIONS; i++)
		lines_print(story_head(i), story->sections[i]);
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
	story_write(story, VIEW_NOW);
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
	story_write(&story, VIEW_NOW);
	lines_print("with --allow-data-loss:", story.sections[STORY_PLAN]);
	lines_print("what would be lost then:", story.sections[STORY_LOST]);
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
