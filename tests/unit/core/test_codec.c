/* SPDX-License-Identifier: PostgreSQL */
/*
 * The text form: what is written reads back as the same value, for every
 * field of every struct, and nothing else reads at all.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "core/codec_field.h"
#include "core/note.h"

#define SEEDS 3000

/* ---- random records, by the same tables --------------------------------- */

static uint64_t
random_next(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = *state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t
random_below(uint64_t *state, uint64_t limit)
{
	return random_next(state) % limit;
}

/* Small, large and extreme values alike. */
static uint64_t
random_u64(uint64_t *state)
{
	return random_next(state) >> random_below(state, 64);
}

static uint32_t
random_u32(uint64_t *state)
{
	return (uint32_t)(random_next(state) >> (32 + random_below(state, 32)));
}

static void
random_string(uint64_t *state, char *at, size_t room)
{
	size_t length = random_below(state, room);

	for (size_t i = 0; i < length; i++)
		at[i] = (char)(1 + random_below(state, 126));
}

static void
random_set(uint64_t *state, struct sync_set *set)
{
	set->version = random_u32(state);
	set->required = random_u32(state) % 4;
	set->unknown = random_below(state, 4) == 0;
	set->count = (uint32_t)random_below(state, PGAF_NODES_MAX + 1);
	for (uint32_t i = 0; i < set->count; i++)
		set->members[i] = (struct member){random_u32(state), random_u32(state)};
}

static void
random_view(uint64_t *state, struct member_view *view)
{
	view->node = random_u32(state);
	view->admission = random_u32(state);
	view->streaming = random_below(state, 2);
	view->flush = random_u64(state);
	view->replay = random_u64(state);
}

static void
random_peer(uint64_t *state, struct peer_view *peer)
{
	peer->node = random_u32(state);
	peer->reached = random_below(state, 2);
	peer->age_ms = random_u32(state);
	peer->in_recovery = random_below(state, 2);
	peer->timeline = random_u32(state);
}

static void
random_timeline(uint64_t *state, struct timeline *timeline)
{
	timeline->number = random_u32(state);
	timeline->parent = random_u32(state);
	timeline->fork = random_u64(state);
	timeline->node = random_u32(state);
}

static void
random_list(uint64_t *state, const struct field *field, void *record)
{
	void *array = (char *)record + field->offset;
	void *at = (char *)record + field->count;
	uint32_t *count = at;

	*count = (uint32_t)random_below(state, field->room + 1);
	for (uint32_t i = 0; i < *count; i++) {
		if (field->type == FIELD_SETS)
			random_set(state, (struct sync_set *)array + i);
		else if (field->type == FIELD_VIEWS)
			random_view(state, (struct member_view *)array + i);
		else if (field->type == FIELD_PEERS)
			random_peer(state, (struct peer_view *)array + i);
		else if (field->type == FIELD_HISTORY)
			random_timeline(state, (struct timeline *)array + i);
	}
	if (field->type == FIELD_MEMBERS)
		random_set(state, record);
}

static unsigned
word_count(enum field_type type)
{
	if (type == FIELD_STATE)
		return PGAF_STATE_COUNT;
	if (type == FIELD_PG || type == FIELD_ROLE)
		return 8;
	return 3;
}

static void
random_field(uint64_t *state, const struct field *field, void *record)
{
	void *at = (char *)record + field->offset;

	if (random_below(state, 5) == 0)
		return;
	switch (field->type) {
	case FIELD_TEXT:
		random_string(state, at, field->room);
		break;
	case FIELD_U32:
		*(uint32_t *)at = random_u32(state);
		break;
	case FIELD_COUNTER:
		*(uint32_t *)at = random_u32(state) % (COUNTER_MAX + 1);
		break;
	case FIELD_EPOCH:
		*(uint64_t *)at = random_u64(state) % (EPOCH_MAX + 1);
		break;
	case FIELD_U64:
	case FIELD_LSN:
		*(uint64_t *)at = random_u64(state);
		break;
	case FIELD_DURATION:
	case FIELD_TIME:
		*(pgaf_time *)at = (pgaf_time)(random_u64(state) >> 1);
		break;
	case FIELD_BOOL:
		*(bool *)at = random_below(state, 2);
		break;
	case FIELD_VETOES:
		*(uint32_t *)at = random_u32(state) & ((UINT32_C(1) << VETO_COUNT) - 1);
		break;
	case FIELD_SET:
		random_set(state, at);
		break;
	case FIELD_STATE:
	case FIELD_PG:
	case FIELD_REQUEST:
	case FIELD_ROLE:
	case FIELD_SESSION:
		*(uint32_t *)at = (uint32_t)random_below(state, word_count(field->type));
		break;
	case FIELD_SETS:
	case FIELD_MEMBERS:
	case FIELD_VIEWS:
	case FIELD_PEERS:
	case FIELD_HISTORY:
	default:
		random_list(state, field, record);
		break;
	}
}

static void
random_record(uint64_t *state, const struct record_spec *spec, void *record)
{
	for (size_t i = 0; i < spec->field_count; i++)
		random_field(state, &spec->fields[i], record);
}

/* A primary without a set is no group. */
static void
with_a_set(struct group *group)
{
	if (group->possible_count == 0)
		group->primary = 0;
}

static void
random_snapshot(uint64_t *state, struct snapshot *snap)
{
	memset(snap, 0, sizeof(*snap));
	settings_init(&snap->group.settings);
	random_record(state, record_spec_of(RECORD_GROUP), &snap->group);
	with_a_set(&snap->group);
	random_record(state, record_spec_of(RECORD_SETTINGS), &snap->group.settings);
	random_record(state, &record_timers, snap);
	snap->count = (uint32_t)random_below(state, PGAF_NODES_MAX + 1);
	for (uint32_t i = 0; i < snap->count; i++) {
		struct node *node = &snap->nodes[i];
		random_record(state, record_spec_of(RECORD_NODE), node);
		random_record(state, record_spec_of(RECORD_GOAL), &node->goal);
		random_record(state, record_spec_of(RECORD_REPORT), &node->report);
		random_record(state, record_spec_of(RECORD_SIGHTING), &node->sighting);
		random_record(state, &record_watch, node);
		node->id = i * 3 + 1;
	}
}

/* ---- what is written reads back ----------------------------------------- */

static const size_t sizes[] = {
	[RECORD_GROUP] = sizeof(struct group),       [RECORD_NODE] = sizeof(struct node),
	[RECORD_GOAL] = sizeof(struct goal),         [RECORD_REPORT] = sizeof(struct report),
	[RECORD_SIGHTING] = sizeof(struct sighting), [RECORD_SETTINGS] = sizeof(struct settings),
	[RECORD_SET] = sizeof(struct sync_set),
};

static union {
	struct group group;
	struct node node;
	struct report report;
	struct sighting sighting;
} before, after;

static void
fresh(enum record kind, void *record)
{
	memset(record, 0, sizes[kind]);
	if (kind == RECORD_SETTINGS)
		settings_init(record);
	if (kind == RECORD_GROUP)
		settings_init(&((struct group *)record)->settings);
}

static void
random_one(uint64_t *state, enum record kind)
{
	random_record(state, record_spec_of(kind), &before);
	if (kind == RECORD_GROUP)
		with_a_set(&before.group);
}

static void
round_trip(enum record kind)
{
	char line[CODEC_LINE_MAX];
	struct text text = TEXT(line);
	struct pgaf_error error = {0};

	codec_write(kind, &before, &text);
	ck_assert(!text.cut);
	ck_assert_msg(codec_read(kind, line, &after, &error) == 0, "%s: %s", error.text, line);
	ck_assert_msg(memcmp(&before, &after, sizes[kind]) == 0, "%s", line);
}

START_TEST(record_reads_back)
{
	enum record kind = (enum record)_i;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		uint64_t state = seed;
		fresh(kind, &before);
		random_one(&state, kind);
		round_trip(kind);
	}
}
END_TEST

START_TEST(empty_record_is_its_word)
{
	enum record kind = (enum record)_i;
	char line[CODEC_LINE_MAX];
	struct text text = TEXT(line);

	fresh(kind, &before);
	codec_write(kind, &before, &text);
	ck_assert_str_eq(line, record_spec_of(kind)->word);
	round_trip(kind);
}
END_TEST

START_TEST(note_reads_back)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		uint64_t state = seed;
		struct note note;
		struct note again;
		char line[CODEC_LINE_MAX];
		struct text text = TEXT(line);
		struct pgaf_error error = {0};

		memset(&note, 0, sizeof(note));
		random_record(&state, &record_note, &note);
		random_record(&state, record_spec_of(RECORD_GOAL), &note.goal);
		note_write(&note, &text);
		ck_assert_msg(note_read(line, &again, &error) == 0, "%s: %s", error.text, line);
		ck_assert_msg(memcmp(&note, &again, sizeof(note)) == 0, "%s", line);
	}
}
END_TEST

static struct snapshot seen;
static struct snapshot reread;
static char picture[CODEC_SNAPSHOT_MAX];
static char picture_again[CODEC_SNAPSHOT_MAX];

START_TEST(snapshot_reads_back)
{
	for (uint64_t seed = 0; seed < SEEDS / 4; seed++) {
		uint64_t state = seed;
		pgaf_time now = (pgaf_time)(random_u64(&state) >> 1);
		struct text text = TEXT(picture);
		struct pgaf_error error = {0};

		random_snapshot(&state, &seen);
		codec_write_snapshot(&seen, now, &text);
		ck_assert(!text.cut);
		ck_assert_msg(codec_read_snapshot(picture, now, &reread, &error) == 0, "%s\n%s",
		              error.text, picture);
		ck_assert_msg(memcmp(&seen, &reread, sizeof(seen)) == 0, "%s", picture);
	}
}
END_TEST

/* A reader with another clock sees the same ages. */
START_TEST(snapshot_ages_survive_another_clock)
{
	struct text text = TEXT(picture);
	struct text again = TEXT(picture_again);

	memset(&seen, 0, sizeof(seen));
	settings_init(&seen.group.settings);
	seen.count = 1;
	seen.nodes[0].id = 1;
	seen.nodes[0].reported_at = PGAF_SECONDS(9);
	seen.nodes[0].goal_since = PGAF_SECONDS(10);
	seen.listening_since = PGAF_NEVER;
	codec_write_snapshot(&seen, PGAF_SECONDS(10), &text);
	ck_assert(strstr(picture, "watch reported_at=1s goal_since=0s\n") != NULL);
	ck_assert_int_eq(codec_read_snapshot(picture, PGAF_SECONDS(500), &reread, NULL), 0);
	ck_assert_int_eq(reread.nodes[0].reported_at, PGAF_SECONDS(499));
	ck_assert_int_eq(reread.listening_since, PGAF_NEVER);
	codec_write_snapshot(&reread, PGAF_SECONDS(500), &again);
	ck_assert_str_eq(picture, picture_again);
}
END_TEST

/* ---- the form itself ---------------------------------------------------- */

static const struct {
	enum record kind;
	const char *line;
} examples[] = {
	{RECORD_GOAL, "goal state=secondary epoch=7 rule=510 timeline=1 admission=3 upstream=1"},
	{RECORD_GOAL, "goal state=primary set=4:1/2.3"},
	{RECORD_GOAL, "goal state=demote_timeout min_lsn=0/3000060 budget=250ms may_rewind=true"},
	{RECORD_REPORT, "report state=primary epoch=7 pg=primary lsn=0/3000060 "
                        "members=2.3:streaming:0/3000060:0/3000060"},
	{RECORD_REPORT, "report vetoes=priority-zero,old-minor peers=2:reached:120:standby:1"},
	{RECORD_GROUP, "group formation=default epoch=7 possible=4:1/2.3;5:async"},
	{RECORD_GROUP, "group possible=4:1/;5:unknown;6:?2/2.3,3.1;7:0/2.3"},
	{RECORD_GROUP, "group request=switchover history=1:0:0/0:1;2:1:0/3000060:3"},
	{RECORD_NODE, "node id=1 name=a%20b%25%3D%0A host=::1 port=5432"},
	{RECORD_NODE, "node name=n\xc3\xa9"},
	{RECORD_NODE, "node name=a%7Fb"},
	{RECORD_SETTINGS, "settings number_sync_standbys=2 silence_limit=750ms stop_limit=20s"},
	{RECORD_SETTINGS, "settings probe_interval=100001us flap_window=1ns"},
	{RECORD_SIGHTING, "sighting answered_at=12ms gone_at=-1s"},
	{RECORD_SET, "set version=4 required=1 members=2.3,3.1"},
};

START_TEST(examples_stay_as_they_are)
{
	char line[CODEC_LINE_MAX];
	struct text text = TEXT(line);
	struct pgaf_error error = {0};

	ck_assert_msg(codec_read(examples[_i].kind, examples[_i].line, &after, &error) == 0,
	              "%s: %s", examples[_i].line, error.text);
	codec_write(examples[_i].kind, &after, &text);
	ck_assert_str_eq(line, examples[_i].line);
}
END_TEST

#define MANY "1.1,1.1,1.1,1.1,1.1,1.1,1.1,1.1,1.1,1.1,1.1,1.1,1.1,"

static const struct {
	enum record kind;
	const char *line;
	const char *says;
} refused[] = {
	{RECORD_GOAL, "", "this is no goal record"},
	{RECORD_GOAL, "goals state=primary", "this is no goal record"},
	{RECORD_GOAL, "goal colour=red", "unknown key \"colour\" in goal"},
	{RECORD_GOAL, "goal epoch=7 epoch=8", "\"epoch\" is given twice"},
	{RECORD_GOAL, "goal epoch=7 and", "\"and\" in goal is no key with a value"},
	{RECORD_GOAL, "goal epoch=", "bad value of key \"epoch\""},
	{RECORD_GOAL, "goal epoch=-1", "\"epoch\""},
	{RECORD_GOAL, "goal epoch=+1", "\"epoch\""},
	{RECORD_GOAL, "goal epoch=0x1", "\"epoch\""},
	{RECORD_GOAL, "goal epoch=18446744073709551616", "\"epoch\""},
	{RECORD_GOAL, "goal rule=4294967296", "\"rule\""},
	{RECORD_GOAL, "goal state=leader", "\"state\""},
	{RECORD_GOAL, "goal may_rewind=yes", "\"may_rewind\""},
	{RECORD_GOAL, "goal min_lsn=3000060", "\"min_lsn\""},
	{RECORD_GOAL, "goal budget=5", "\"budget\""},
	{RECORD_GOAL, "goal budget=s", "\"budget\""},
	{RECORD_GOAL, "goal budget=9223372037s", "\"budget\""},
	{RECORD_GOAL, "goal set=4", "\"set\""},
	{RECORD_GOAL, "goal set=4:1", "\"set\""},
	{RECORD_GOAL, "goal set=4:1/2", "\"set\""},
	{RECORD_GOAL, "goal set=4:1/2.3,", "\"set\""},
	{RECORD_GOAL, "goal set=4:1/2.3.4", "\"set\""},
	{RECORD_GOAL, "goal set=4:1/1.1,1.1,1.1,1.1,1.1,1.1,1.1,1.1,1.1,1.1", "\"set\""},
	{RECORD_GROUP, "group possible=1:async;2:async;3:async;4:async;5:async", "\"possible\""},
	{RECORD_GROUP, "group possible=1:async;", "\"possible\""},
	{RECORD_GROUP, "group possible=4294967296:async", "\"possible\""},
	{RECORD_GROUP, "group possible=1:1/" MANY MANY MANY MANY MANY, "\"possible\""},
	{RECORD_GROUP, "group primary=1", "primary=1 and nothing possible="},
	{RECORD_GROUP, "group history=2:1:0/3000060:3:4", "\"history\""},
	{RECORD_REPORT, "report vetoes=ugly", "\"vetoes\""},
	{RECORD_REPORT, "report vetoes=", "\"vetoes\""},
	{RECORD_REPORT, "report peers=2:reached:120:standby:1:5", "\"peers\""},
	{RECORD_REPORT, "report members=2.3:gone:0/0:0/0", "\"members\""},
	{RECORD_REPORT, "report members=2.3:away:0/0:0/0:1", "\"members\""},
	{RECORD_REPORT, "report epoch=4611686018427387904", "\"epoch\""},
	{RECORD_REPORT, "report timeline=1073741824", "\"timeline\""},
	{RECORD_NODE, "node name=a%2", "\"name\""},
	{RECORD_NODE, "node name=a%00b", "\"name\""},
	{RECORD_NODE, "node name=a%zz", "\"name\""},
	{RECORD_NODE, "node name=0123456789012345678901234567890123456789012345678901234567890123",
         "\"name\""},
};

START_TEST(bad_lines_are_refused_by_name)
{
	struct pgaf_error error = {0};

	ck_assert_int_eq(codec_read(refused[_i].kind, refused[_i].line, &after, &error),
	                 PGAF_EINVAL);
	ck_assert_int_eq(error.code, PGAF_EINVAL);
	ck_assert_msg(strstr(error.text, refused[_i].says) != NULL, "%s: %s", refused[_i].line,
	              error.text);
}
END_TEST

/* Whatever a disk or a peer may hand us: no crash, and what is accepted reads back as written. */
START_TEST(damaged_lines_do_no_harm)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		uint64_t state = seed;
		enum record kind = (enum record)random_below(&state, 7);
		char line[CODEC_LINE_MAX];
		struct text text = TEXT(line);

		fresh(kind, &before);
		random_one(&state, kind);
		codec_write(kind, &before, &text);
		for (int i = 0; i < 3; i++)
			line[random_below(&state, text.used + 1)] = (char)random_next(&state);
		line[text.used] = '\0';
		if (codec_read(kind, line, &before, NULL) == 0)
			round_trip(kind);
	}
}
END_TEST

START_TEST(snapshot_errors_name_the_line)
{
	struct pgaf_error error = {0};

	ck_assert_int_eq(codec_read_snapshot("group\nnode id=1\ngoal epoch=x\n", 0, &seen, &error),
	                 PGAF_EINVAL);
	ck_assert_str_eq(error.text, "line 3: bad value of key \"epoch\" in goal");
	ck_assert_int_eq(codec_read_snapshot("group\ngoal\n", 0, &seen, &error), PGAF_EINVAL);
	ck_assert_str_eq(error.text, "line 2: goal comes before any node");
	ck_assert_int_eq(codec_read_snapshot("node id=2\nnode id=1", 0, &seen, &error),
	                 PGAF_EINVAL);
	ck_assert_int_eq(codec_read_snapshot("settings\ngroup primary=1\n", 0, &seen, &error),
	                 PGAF_EINVAL);
	ck_assert_str_eq(error.text, "line 2: group has a primary=1 and nothing possible=");
	ck_assert_int_eq(codec_read_snapshot("weather", 0, &seen, &error), PGAF_EINVAL);
	ck_assert_str_eq(error.text, "line 1: unknown record \"weather\"");
}
END_TEST

START_TEST(cut_note_is_no_note)
{
	struct note note;

	ck_assert_int_eq(note_read("note epoch=7", &note, NULL), PGAF_EINVAL);
	ck_assert_int_eq(note_read("note epoch=7 goal epoch=7", &note, NULL), 0);
	ck_assert_uint_eq(note.epoch, 7);
	ck_assert_uint_eq(note.goal.epoch, 7);
}
END_TEST

START_TEST(decision_shows_what_changes)
{
	static struct decision decision;
	struct text text = TEXT(picture);

	memset(&seen, 0, sizeof(seen));
	seen.group.epoch = 7;
	seen.group.primary = 1;
	decision.rule = 510;
	decision.subject = 2;
	decision.from_epoch = 7;
	decision.group = seen.group;
	decision.group.epoch = 8;
	decision.group.primary = 2;
	decision.assignment_count = 1;
	decision.assignments[0] =
		(struct assignment){2, {.state = PGAF_STATE_PREPARE_PROMOTION, .epoch = 8}};
	decision.admission_count = 1;
	decision.admissions[0].node = 2;
	decision.admissions[0].admission = 4;
	text_copy(decision.text, sizeof(decision.text), "node 1 is down");
	codec_write_decision(&decision, &seen, &text);
	ck_assert_str_eq(picture, "decision rule=510 subject=2 from_epoch=7\n"
	                          "change epoch=8 primary=2\n"
	                          "assign node=2 goal state=prepare_promotion epoch=8\n"
	                          "admit node=2 admission=4\n"
	                          "event node 1 is down\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("codec");
	TCase *back = tcase_create("reads back");
	TCase *form = tcase_create("form");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(back, 60);
	tcase_add_loop_test(back, record_reads_back, RECORD_GROUP, RECORD_SET + 1);
	tcase_add_loop_test(back, empty_record_is_its_word, RECORD_GROUP, RECORD_SET + 1);
	tcase_add_test(back, note_reads_back);
	tcase_add_test(back, snapshot_reads_back);
	tcase_add_test(back, snapshot_ages_survive_another_clock);
	tcase_add_loop_test(form, examples_stay_as_they_are, 0,
	                    sizeof(examples) / sizeof(examples[0]));
	tcase_add_loop_test(form, bad_lines_are_refused_by_name, 0,
	                    sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(form, damaged_lines_do_no_harm);
	tcase_add_test(form, snapshot_errors_name_the_line);
	tcase_add_test(form, cut_note_is_no_note);
	tcase_add_test(form, decision_shows_what_changes);
	suite_add_tcase(suite, back);
	suite_add_tcase(suite, form);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
