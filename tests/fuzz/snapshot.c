/* SPDX-License-Identifier: PostgreSQL */
/*
 * Snapshots, and what the core makes of a group that sees them one after the
 * other: its own records are those that decisions leave, while keepers write
 * their reports as they like. Nothing that can be read may stop a monitor.
 */

#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/codec_field.h"
#include "core/decide.h"
#include "core/dry_run.h"
#include "core/why.h"
#include "unit/core/pair.h"

#include <pgaf/error.h>

#define NOW PGAF_SECONDS(100000)
#define PARTS_MAX 8
#define DECISIONS_MAX 8 /* in a row */

/* The monitor's clock does not stand before it has seen something, nor before it started. */
static void
clamp_times(const struct record_spec *spec, void *record)
{
	for (size_t i = 0; i < spec->field_count; i++) {
		void *at = (char *)record + spec->fields[i].offset;
		pgaf_time *time = at;

		if (spec->fields[i].type == FIELD_TIME && (*time < 0 || *time > NOW))
			*time = NOW;
	}
}

/* What the store's own checks and the monitor's clock leave of a snapshot. */
static void
clamp(struct snapshot *snap)
{
	struct settings *settings = &snap->group.settings;

#define CLAMP(name, initial, least, most, doc)                   \
	if (settings->name < (least) || settings->name > (most)) \
		settings->name = (initial);
	TIMINGS(CLAMP)
#undef CLAMP
	clamp_times(&record_timers, snap);
	for (uint32_t i = 0; i < snap->count; i++) {
		clamp_times(&record_watch, &snap->nodes[i]);
		clamp_times(record_spec_of(RECORD_SIGHTING), &snap->nodes[i].sighting);
	}
}

/* What comes from outside, of the same node in another snapshot. */
static void
take_node(struct node *node, const struct node *from)
{
	node->report = from->report;
	node->sighting = from->sighting;
	node->reported_at = from->reported_at;
	node->session = from->session;
	node->session_gone_at = from->session_gone_at;
	node->trouble_since = from->trouble_since;
	node->priority = from->priority;
	node->quorum = from->quorum;
	node->drop_asked = from->drop_asked;
	node->drop_force = from->drop_force;
}

static void
take(struct snapshot *snap, const struct snapshot *from)
{
	snap->group.settings = from->group.settings;
	snap->group.request = from->group.request;
	snap->listening_since = from->listening_since;
	if (snapshot_node(snap, snap->group.request.to) == NULL)
		snap->group.request.to = 0;
	for (uint32_t i = 0; i < snap->count && i < from->count; i++)
		take_node(&snap->nodes[i], &from->nodes[i]);
}

/* One decision, applied; false when there is none. */
static bool
ask(struct snapshot *snap)
{
	static char room[CODEC_LINE_MAX];
	static struct decision decision;
	struct text text = TEXT(room);

	decide_explain(snap, NOW, &text);
	FUZZ_CHECK(decide_look_again(snap, NOW) > 0);
	for (uint32_t i = 0; i < snap->count; i++)
		FUZZ_CHECK(health_of(snap, &snap->nodes[i], NOW) != NULL);
	if (!decide(snap, NOW, &decision))
		return false;
	FUZZ_CHECK(decision.rule != 0 && decision.text[0] != '\0');
	text_init(&text, room, sizeof(room));
	codec_write_decision(&decision, snap, &text);
	decision_apply(&decision, NOW, snap);
	FUZZ_CHECK(snap->group.epoch > decision.from_epoch);
	return true;
}

static void
tell(const struct dry_run *run)
{
	static char room[CODEC_LINE_MAX];
	static const struct past past = {.count = 2, .ms = {60, UINT32_MAX}};
	struct text text = TEXT(room);

	dry_run_plan(run, NOW, &text);
	dry_run_proof(run, NOW, &text);
	dry_run_outage(run, NOW, &past, &text);
	FUZZ_CHECK(dry_run_loss(run, NOW, &text).bytes >= -1);
	FUZZ_CHECK(text.used > 0);
}

/* All sentences: why rules do not apply, and what each request would lead to. */
static void
say(const struct snapshot *snap)
{
	static char room[CODEC_LINE_MAX];
	static struct dry_run run;
	struct text text = TEXT(room);

	explain_group_state(snap, NOW, &text);
	FUZZ_CHECK(text.used > 0);
	for (uint32_t i = 0; i < snap->count; i++) {
		explain_rules(snap, &snap->nodes[i], NOW, &text);
		dry_run_drop(snap, NOW, snap->nodes[i].id, i % 2 != 0, &run);
		tell(&run);
	}
	for (unsigned i = 0; i < 3; i++) {
		struct request request = {
			.kind = i == 0 ? REQUEST_SWITCHOVER : REQUEST_FAILOVER,
			.allow_loss = i == 2,
		};
		dry_run_request(snap, NOW, &request, &run);
		tell(&run);
	}
}

/* The text reads as what it was written from. */
static void
check_text(const struct snapshot *snap)
{
	static char first[CODEC_SNAPSHOT_MAX];
	static char second[CODEC_SNAPSHOT_MAX];
	static struct snapshot again;
	struct text text = TEXT(first);
	struct text text_again = TEXT(second);

	codec_write_snapshot(snap, NOW, &text);
	FUZZ_CHECK(!text.cut && codec_read_snapshot(first, NOW, &again, NULL) == 0);
	codec_write_snapshot(&again, NOW, &text_again);
	FUZZ_CHECK(strcmp(first, second) == 0);
}

/* The next part of the input; "----" stands between two. */
static char *
next_part(char **rest)
{
	char *part = *rest;
	char *end = strstr(part, "----\n");

	*rest = end != NULL ? end + 5 : part + strlen(part);
	if (end != NULL)
		*end = '\0';
	return part;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct snapshot group;
	static struct snapshot snap;
	struct pgaf_error error = {0};
	char *parts = fuzz_string(data, size);
	char *rest = parts;
	int decisions = 0;

	/* Every input begins with a primary and its standby, all well. */
	FUZZ_CHECK(codec_read_snapshot(pair_text, NOW, &group, &error) == 0);
	for (int part = 0; part < PARTS_MAX && *rest != '\0'; part++) {
		if (codec_read_snapshot(next_part(&rest), NOW, &snap, &error) < 0) {
			FUZZ_CHECK(error.code == PGAF_EINVAL && error.text[0] != '\0');
			continue;
		}
		check_text(&snap);
		clamp(&snap);
		take(&group, &snap);
		decisions = 0;
		while (decisions < DECISIONS_MAX && ask(&group))
			decisions++;
		say(&group);
	}
	check_text(&group);
	free(parts);
	return 0;
}
