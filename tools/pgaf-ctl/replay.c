/* SPDX-License-Identifier: PostgreSQL */
/*
 * replay: the inputs of a flight recording through the core that is linked in.
 * What it decides and why, and where that is not what the monitor decided which
 * wrote the recording. No monitor is asked, and nothing is changed.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/pure/text.h"
#include "base/ring.h"
#include "core/decide.h"
#include "core/recording.h"
#include "core/rules.h"
#include "engine/real/recorder.h"
#include "pgaf-ctl/print.h"

/* What may be added to a file between looking at its size and reading it. */
#define GROWTH_MAX ((size_t)16 * 1024 * 1024)
#define STORY_MAX ((size_t)64 * 1024)

struct counts {
	unsigned inputs;
	unsigned decisions;
	unsigned differ;
	unsigned unreadable;
	unsigned cut;
};

/* All of one run: what was asked for, and what has been found. */
struct run {
	const struct ctl *ctl;
	struct counts counts;
	json_t *inputs; /* with --json */
	json_t *files;
	struct recorded recorded;
	struct replay replay;
	char explained[STORY_MAX / 2];
	char story[STORY_MAX];
};

/* ---- text ------------------------------------------------------------------------- */

static const char *
name_of(const struct snapshot *snap, pgaf_node_id id)
{
	const struct node *node = snapshot_node(snap, id);

	return node ? node->name : "a node that is gone";
}

/* Each line of `lines` behind this margin. */
static void
lines_write(const char *margin, const char *lines, struct text *to)
{
	while (*lines != '\0') {
		size_t length = strcspn(lines, "\n");

		text_add(to, margin);
		text_add_bytes(to, lines, length);
		text_add(to, "\n");
		lines += length + (lines[length] == '\n');
	}
}

static void
nodes_write(const struct snapshot *snap, pgaf_time now, struct text *to)
{
	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *node = &snap->nodes[i];

		text_addf(to, "  %s reports %s, should be %s, is seen as %s%s\n", node->name,
		          pgaf_state_name(node->report.state), pgaf_state_name(node->goal.state),
		          evidence_name(evidence_of(snap, node, now)),
		          node->session == SESSION_GONE ? ", without its keeper" : "");
	}
}

/* What is waited for; what a rule says of itself stands above it. */
static void
waits_write(const struct run *run, struct text *to)
{
	const char *line = run->explained;

	if (!run->replay.decided)
		text_add(to, "  nothing is decided:\n");
	while (*line != '\0') {
		size_t length = strcspn(line, "\n") + 1;

		if (!run->replay.decided || strncmp(line, "rule ", 5) != 0)
			text_addf(to, "    %.*s", (int)length, line);
		line += length;
	}
}

static void
decision_write(const struct decision *decision, const struct snapshot *snap, struct text *to)
{
	const struct rule *rule = rule_by_id(decision->rule);

	text_addf(to, "  rule %" PRIu32 " on %s: %s\n", decision->rule,
	          name_of(snap, decision->subject), decision->text);
	if (rule && !strstr(decision->text, rule->doc))
		text_addf(to, "    %s\n", rule->doc);
	for (uint32_t i = 0; i < decision->assignment_count; i++) {
		const struct assignment *assignment = &decision->assignments[i];

		text_addf(to, "    %s: ", name_of(snap, assignment->node));
		codec_write(RECORD_GOAL, &assignment->goal, to);
		text_add(to, "\n");
	}
	if (decision->removed != 0)
		text_addf(to, "    %s is removed\n", name_of(snap, decision->removed));
}

static void
difference_write(const struct recorded *recorded, struct text *to)
{
	if (recorded->decision[0] == '\0') {
		text_add(to, "  DIFFERS: in the recording nothing is decided here\n");
		return;
	}
	text_add(to, "  DIFFERS: the recording says\n");
	lines_write("    ", recorded->decision, to);
}

/* A recording may come from anywhere: nothing in it draws on the terminal. */
static void
story_print(char *story)
{
	for (char *at = story; *at != '\0'; at++)
		if (((unsigned char)*at < ' ' && *at != '\n') || *at == 0x7f)
			*at = '?';
	fputs(story, stdout);
}

static void
input_print(struct run *run)
{
	const struct recorded *recorded = &run->recorded;
	const struct snapshot *snap = &recorded->snap;
	struct text to = TEXT(run->story);

	text_addf(&to, "\n%s  %s/%" PRIu32 ", epoch %" PRIu64 "\n",
	          recorded->input.at[0] != '\0' ? recorded->input.at : "at an unknown time",
	          snap->group.formation, snap->group.id, snap->group.epoch);
	if (recorded->input.same > 0)
		text_addf(&to, "  %" PRIu64 " inputs before it said nothing new\n",
		          recorded->input.same);
	nodes_write(snap, recorded->input.now, &to);
	if (run->replay.decided)
		decision_write(&run->replay.decision, snap, &to);
	waits_write(run, &to);
	if (!run->replay.agrees)
		difference_write(recorded, &to);
	story_print(run->story);
}

/* ---- JSON -------------------------------------------------------------------------- */

static json_t *
json_of_nodes(const struct snapshot *snap, pgaf_time now)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *node = &snap->nodes[i];
		json_t *object = json_object();

		json_set_number(object, "node_id", node->id);
		json_set_text(object, "name", node->name);
		json_set_text(object, "reported_state", pgaf_state_name(node->report.state));
		json_set_text(object, "assigned_state", pgaf_state_name(node->goal.state));
		json_set_text(object, "evidence", evidence_name(evidence_of(snap, node, now)));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *
json_of_goals(const struct decision *decision, const struct snapshot *snap)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < decision->assignment_count; i++) {
		const struct assignment *assignment = &decision->assignments[i];
		char line[CODEC_LINE_MAX / 4] = "";
		struct text text = TEXT(line);
		json_t *object = json_object();

		codec_write(RECORD_GOAL, &assignment->goal, &text);
		json_set_number(object, "node_id", assignment->node);
		json_set_text(object, "node_name", name_of(snap, assignment->node));
		json_set_text(object, "assigned_state", pgaf_state_name(assignment->goal.state));
		json_set_text(object, "goal", line);
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *
json_of_decision(const struct replay *replay, const struct snapshot *snap)
{
	const struct decision *decision = &replay->decision;
	const struct rule *rule = replay->decided ? rule_by_id(decision->rule) : NULL;
	json_t *object = NULL;

	if (!replay->decided)
		return json_null();
	object = json_object();
	json_set_number(object, "rule", decision->rule);
	json_set_text(object, "why", rule ? rule->doc : "");
	json_set_text(object, "node_name", name_of(snap, decision->subject));
	json_set_text(object, "description", decision->text);
	json_object_set_new(object, "goals", json_of_goals(decision, snap));
	return object;
}

static json_t *
json_of_input(const struct run *run)
{
	const struct recorded *recorded = &run->recorded;
	const struct snapshot *snap = &recorded->snap;
	json_t *object = json_object();

	json_set_text(object, "time", recorded->input.at);
	json_set_text(object, "formation", snap->group.formation);
	json_set_number(object, "group_id", snap->group.id);
	json_set_number(object, "epoch", (int64_t)snap->group.epoch);
	json_set_number(object, "same_before", (int64_t)recorded->input.same);
	json_object_set_new(object, "nodes", json_of_nodes(snap, recorded->input.now));
	json_object_set_new(object, "decision", json_of_decision(&run->replay, snap));
	json_object_set_new(object, "waits_for", json_of_lines(run->explained));
	json_object_set_new(object, "agrees", json_boolean(run->replay.agrees));
	json_object_set_new(object, "recorded", json_of_lines(recorded->decision));
	return object;
}

/* ---- one file ------------------------------------------------------------------------ */

static bool
is_wanted(const struct options *options, const struct group *group)
{
	if (options->formation_given && strcmp(options->formation, group->formation) != 0)
		return false;
	return !options->group_given || options->group == group->id;
}

static void
input_replay(struct run *run)
{
	const struct recorded *recorded = &run->recorded;
	struct text explained = TEXT(run->explained);

	if (!is_wanted(&run->ctl->options, &recorded->snap.group))
		return;
	recording_replay(recorded, &run->replay);
	run->explained[0] = '\0';
	decide_explain(&recorded->snap, recorded->input.now, &explained);
	run->counts.inputs++;
	run->counts.decisions += run->replay.decided;
	run->counts.differ += !run->replay.agrees;
	if (run->ctl->options.json)
		json_array_append_new(run->inputs, json_of_input(run));
	else
		input_print(run);
}

static void
recording_run(struct run *run, struct recording *recording, const char *path)
{
	enum recorded_kind kind = RECORDED_NO_MORE;
	struct pgaf_error error;

	while ((kind = recording_next(recording, &run->recorded, &error)) != RECORDED_NO_MORE) {
		if (kind == RECORDED_INPUT) {
			input_replay(run);
		} else if (kind == RECORDED_CUT) {
			run->counts.cut++;
		} else {
			run->counts.unreadable++;
			say_error(EXIT_FAILED, "%s: %s", path, error.text);
		}
	}
}

static void
file_announce(struct run *run, const char *path, const struct recording_head *head)
{
	struct text to = TEXT(run->story);
	json_t *object = NULL;

	if (run->ctl->options.json) {
		object = json_object();
		json_set_text(object, "path", path);
		json_set_number(object, "format", head->format);
		json_set_text(object, "version", head->version);
		json_array_append_new(run->files, object);
		return;
	}
	text_addf(&to, "%s: decided by pgaf %s, again by pgaf %s\n", path, head->version,
	          pgaf_version());
	story_print(run->story);
}

static int
file_run(struct run *run, const char *path)
{
	struct recording recording;
	struct pgaf_error error = {0};
	struct stat about;
	char *bytes = NULL;

	if (stat(path, &about) != 0)
		return say_error(EXIT_FAILED, "could not look at %s: %s", path, strerror(errno));
	if (files_read(path, (size_t)about.st_size + GROWTH_MAX, &bytes, NULL, &error) < 0)
		return say_error(EXIT_FAILED, "could not %s", error.text);
	int result = recording_open(&recording, bytes, &error);
	if (result == 0) {
		file_announce(run, path, &recording.head);
		recording_run(run, &recording, path);
	}
	free(bytes);
	return result < 0 ? say_error(EXIT_FAILED, "%s: %s", path, error.text) : EXIT_DONE;
}

/* A whole ring, from its oldest file on. */
static int
directory_run(struct run *run, const char *directory)
{
	struct pgaf_error error = {0};
	uint32_t *numbers = NULL;
	int count = ring_list(directory, RECORDER_FILES, &numbers, &error);
	int code = EXIT_DONE;
	char path[4096];

	if (count < 0)
		return say_error(EXIT_FAILED, "could not %s", error.text);
	if (count == 0)
		code = say_error(EXIT_FAILED, "there is no recording in %s", directory);
	for (int i = 0; code == EXIT_DONE && i < count; i++)
		if (ring_path(directory, RECORDER_FILES, numbers[i], path, sizeof(path)))
			code = file_run(run, path);
	free(numbers);
	return code;
}

/* ---- all of it ----------------------------------------------------------------------- */

static void
counts_print(const struct counts *counts)
{
	printf("\n%u inputs, %u decisions", counts->inputs, counts->decisions);
	if (counts->differ == 0)
		printf(", all as recorded\n");
	else
		printf(", %u not as recorded\n", counts->differ);
	if (counts->cut > 0)
		printf("%u inputs end too early: their writer was interrupted\n", counts->cut);
}

static void
counts_print_json(const struct run *run)
{
	const struct counts *counts = &run->counts;
	json_t *object = json_object();

	json_set_text(object, "version", pgaf_version());
	json_object_set(object, "files", run->files);
	json_object_set(object, "inputs", run->inputs);
	json_set_number(object, "decisions", counts->decisions);
	json_set_number(object, "differ", counts->differ);
	json_set_number(object, "unreadable", counts->unreadable);
	json_set_number(object, "cut", counts->cut);
	json_print(object);
}

int
replay(struct ctl *ctl)
{
	static struct run run;
	const char *path = ctl->arguments[0];
	struct stat about;

	run = (struct run){.ctl = ctl, .inputs = json_array(), .files = json_array()};
	bool is_directory = stat(path, &about) == 0 && S_ISDIR(about.st_mode);
	int code = is_directory ? directory_run(&run, path) : file_run(&run, path);
	if (code == EXIT_DONE && ctl->options.json)
		counts_print_json(&run);
	else if (code == EXIT_DONE)
		counts_print(&run.counts);
	json_decref(run.inputs);
	json_decref(run.files);
	if (code == EXIT_DONE && run.counts.unreadable > 0)
		return say_error(EXIT_FAILED, "%u inputs could not be read", run.counts.unreadable);
	if (code == EXIT_DONE && run.counts.differ > 0)
		return say_error(EXIT_FAILED, "%u of %u inputs are decided differently now",
		                 run.counts.differ, run.counts.inputs);
	return code;
}
