/* SPDX-License-Identifier: PostgreSQL */
/*
 * The flight recording. What the writer leaves out is judged by the facts of
 * the rules and by everything in the snapshot but its numbers that always
 * move, so that a group at rest writes nothing and a change of any word does.
 */

#include "core/recording.h"

#include <assert.h>
#include <string.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "core/codec_field.h"
#include "core/decide.h"
#include "core/facts.h"

#define INPUT_WORD "input"
#define DECISION_WORD "decision"
#define END_WORD "end"
#define EVENT_WORD "event"

static const struct clock absolute;

/* ---- what is news -------------------------------------------------------------- */

static void
mix_number(uint64_t *shape, uint64_t number)
{
	*shape = (*shape ^ number) * UINT64_C(0x9e3779b97f4a7c15);
	*shape ^= *shape >> 29;
}

/* Nobody gains by a collision: it costs an input of a recording. */
static void
mix(uint64_t *shape, const void *bytes, size_t count)
{
	const unsigned char *at = bytes;
	uint64_t word = 0;

	for (; count >= sizeof(word); count -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		mix_number(shape, word);
	}
	word = 0;
	memcpy(&word, at, count);
	mix_number(shape, word);
}

static void
mix_report(uint64_t *shape, const struct report *report)
{
	struct report calm = *report;

	calm.lsn = calm.replay = 0;
	calm.replay_lag_ms = calm.waiters_ms = calm.disk_ms = 0;
	for (uint32_t i = 0; i < calm.member_count; i++)
		calm.members[i].flush = calm.members[i].replay = 0;
	for (uint32_t i = 0; i < calm.peer_count; i++)
		calm.peers[i].age_ms = 0;
	mix(shape, &calm, sizeof(calm));
}

static void
mix_sighting(uint64_t *shape, const struct sighting *sighting)
{
	const uint64_t words[] = {
		sighting->closed_at != 0, sighting->gone_at != 0, sighting->starting,
		sighting->stopping,       sighting->full,         sighting->in_recovery,
		sighting->timeline,
	};

	mix(shape, words, sizeof(words));
}

static void
mix_node(uint64_t *shape, const struct snapshot *snap, const struct node *node, pgaf_time now)
{
	pgaf_node_id who = 0;
	const uint64_t words[] = {
		node->id,
		node->admission,
		node->priority,
		node->quorum,
		node->bootstrap,
		node->drop_asked,
		node->drop_force,
		node->goal.state,
		node->goal.epoch,
		node->session,
		node->port,
		evidence_of(snap, node, now),
		veto_of(snap, node, now),
		witness_of(snap, node, now, &who),
	};

	mix(shape, words, sizeof(words));
	mix_number(shape, who);
	mix_report(shape, &node->report);
	mix_sighting(shape, &node->sighting);
}

static void
mix_group(uint64_t *shape, const struct snapshot *snap)
{
	const struct group *group = &snap->group;
	const uint64_t words[] = {
		group->epoch,
		group->incarnation,
		group->request.number,
		group->request.kind,
		group->promotion.claimed,
		snap->count,
		snap->may_bootstrap,
		/* Set by a stall, and by nothing else. */
		(uint64_t)snap->listening_since,
	};

	mix(shape, words, sizeof(words));
	mix(shape, &group->settings, sizeof(group->settings));
}

uint64_t
recording_shape(const struct snapshot *snap, pgaf_time now)
{
	uint64_t shape = UINT64_C(0xcbf29ce484222325);
	struct roles roles;

	roles_bind(snap, now, &roles);
	mix_group(&shape, snap);
	for (uint32_t i = 0; i < snap->count; i++) {
		struct facts facts;

		roles.self = &snap->nodes[i];
		facts_of(snap, now, &roles, &facts);
		mix(&shape, facts.answer, sizeof(facts.answer));
		mix_node(&shape, snap, &snap->nodes[i], now);
	}
	return shape | 1;
}

/* ---- writing ------------------------------------------------------------------- */

void
recording_write_head(struct text *to)
{
	struct recording_head head = {.format = RECORDING_FORMAT};

	text_copy(head.version, sizeof(head.version), PGAF_VERSION);
	text_add(to, record_recording.word);
	record_write(&record_recording, &absolute, &head, to);
	text_add(to, "\n");
}

void
recording_write(const struct recording_input *input, const struct snapshot *snap,
                const struct decision *decision, struct text *to)
{
	text_add(to, record_input.word);
	record_write(&record_input, &absolute, input, to);
	text_add(to, "\n");
	codec_write_snapshot(snap, input->now, to);
	if (decision)
		codec_write_decision(decision, snap, to);
	text_add(to, END_WORD "\n");
}

/* ---- reading ------------------------------------------------------------------- */

int
recording_open(struct recording *recording, char *text, struct pgaf_error *error)
{
	const char *line = text;

	*recording = (struct recording){.rest = text, .line = 1};
	if (!record_starts(&line, record_recording.word))
		return error_set(error, PGAF_EINVAL, "this is no recording of a monitor");
	if (record_read(&record_recording, &absolute, &line, &recording->head, error) < 0)
		return PGAF_EINVAL;
	if (recording->head.format != RECORDING_FORMAT)
		return error_set(error, PGAF_EINVAL,
		                 "its format is %u (of pgaf %s); format %u is known here",
		                 (unsigned)recording->head.format, recording->head.version,
		                 RECORDING_FORMAT);
	recording->rest += strcspn(text, "\n");
	return 0;
}

static bool
line_is(const char *line, const char *word)
{
	return record_starts(&line, word);
}

/* Behind the newline of the line at `rest`. False when it has none: it is not whole. */
static bool
line_skip(struct recording *recording)
{
	size_t length = strcspn(recording->rest, "\n");
	bool whole = recording->rest[length] == '\n';

	recording->rest += length + whole;
	recording->line += whole;
	return whole;
}

/* From behind the first line to the end: where the decision begins, and the end itself; both at
 * the start of a line. False when another input, or nothing, comes first. */
static bool
input_find_end(struct recording *recording, char **decision, char **end)
{
	*decision = NULL;
	while (recording->rest[0] != '\0' && !line_is(recording->rest, INPUT_WORD)) {
		*end = recording->rest;
		if (!*decision && line_is(*end, DECISION_WORD))
			*decision = *end;
		if (!line_skip(recording))
			return false;
		if (line_is(*end, END_WORD)) {
			*decision = *decision ? *decision : *end;
			return true;
		}
	}
	return false;
}

static int
input_read(char *head, char *snapshot, struct recorded *recorded, struct pgaf_error *error)
{
	const char *line = head;
	int result = 0;

	recorded->input = (struct recording_input){0};
	record_starts(&line, record_input.word);
	result = record_read(&record_input, &absolute, &line, &recorded->input, error);
	if (result == 0)
		result = codec_read_snapshot(snapshot, recorded->input.now, &recorded->snap, error);
	if (result < 0)
		error_prefix(error, "the input of line %u", recorded->line);
	return result;
}

enum recorded_kind
recording_next(struct recording *recording, struct recorded *recorded, struct pgaf_error *error)
{
	char *decision = NULL;
	char *end = NULL;

	while (recording->rest[0] != '\0' && !line_is(recording->rest, INPUT_WORD))
		line_skip(recording);
	recorded->line = recording->line;
	if (recording->rest[0] == '\0')
		return RECORDED_NO_MORE;
	char *head = recording->rest;
	bool whole = line_skip(recording);
	char *snapshot = recording->rest;
	if (!whole || !input_find_end(recording, &decision, &end))
		return RECORDED_CUT;
	/* Parts that end where the next one begins; the newlines before them are dispensable. */
	end[-1] = '\0';
	decision[-1] = '\0';
	recorded->decision = decision == end ? "" : decision;
	return input_read(head, snapshot == decision ? decision - 1 : snapshot, recorded, error) < 0
	               ? RECORDED_UNREADABLE
	               : RECORDED_INPUT;
}

/* ---- deciding again -------------------------------------------------------------- */

/* The next line that is not the wording of the event; NULL behind the last one. */
static const char *
line_that_counts(const char *lines)
{
	while (line_is(lines, EVENT_WORD)) {
		lines += strcspn(lines, "\n");
		lines += lines[0] == '\n';
	}
	return lines[0] != '\0' ? lines : NULL;
}

static bool
lines_agree(const char *a, const char *b)
{
	for (;;) {
		a = line_that_counts(a);
		b = line_that_counts(b);
		if (!a || !b)
			return a == b;
		size_t length = strcspn(a, "\n");
		if (strcspn(b, "\n") != length || memcmp(a, b, length) != 0)
			return false;
		a += length + (a[length] == '\n');
		b += length + (b[length] == '\n');
	}
}

void
recording_replay(const struct recorded *recorded, struct replay *replay)
{
	char lines[RECORDING_DECISION_MAX] = "";
	struct text text = TEXT(lines);

	replay->decided = decide(&recorded->snap, recorded->input.now, &replay->decision);
	if (replay->decided)
		codec_write_decision(&replay->decision, &recorded->snap, &text);
	assert(!text.cut);
	replay->agrees = lines_agree(recorded->decision, lines);
}
