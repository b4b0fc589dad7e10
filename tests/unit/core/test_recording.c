/* SPDX-License-Identifier: PostgreSQL */
/*
 * The flight recording: what is written is read back and decided the same; a
 * file that ends anywhere is read up to there; what always moves is no news.
 * recordings/ holds incidents of real clusters, with what was decided in them.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/pure/text.h"
#include "core/decide.h"
#include "core/recording.h"

#define NOW PGAF_SECONDS(1000)
#define FILE_MAX ((size_t)1024 * 1024)
#define MUTATIONS 4000

/* A primary (node 1) whose Postgres has ended, and its standby (node 2). */
static const char crashed_text[] =
	"group formation=default epoch=10 incarnation=77 system_identifier=4711 primary=1 "
	"timeline=1 next_timeline=2 next_version=6 next_admission=4 possible=3:1/2.3 "
	"high_lsn=0/3000000\n"
	"settings\n"
	"timers listening_since=600s\n"
	"node id=1 name=node1 host=h1 port=5432 priority=50 quorum=true bootstrap=true\n"
	"goal state=primary epoch=9 rule=650 timeline=1 set=3:1/2.3\n"
	"report state=primary epoch=9 incarnation=77 run=1 pg=exited system_identifier=4711 "
	"timeline=1 disk_timeline=1 lsn=0/3000000 has_data=true in_force_version=3 "
	"in_force_timeline=1 writer=true members=2.3:streaming:0/3000000:0/3000000\n"
	"sighting answered_at=100ms accepted_at=100ms timeline=1 lsn=0/3000000\n"
	"watch reported_at=200ms session=open\n"
	"node id=2 name=node2 host=h2 port=5432 priority=50 quorum=true bootstrap=true admission=3 "
	"high_lsn=0/2FFFFFF\n"
	"goal state=secondary epoch=8 rule=740 timeline=1 admission=3 upstream=1 may_rewind=true\n"
	"report state=secondary epoch=9 incarnation=77 run=2 pg=standby system_identifier=4711 "
	"timeline=1 disk_timeline=1 lsn=0/3000000 lsn_complete=true replay=0/3000000 has_data=true "
	"streaming_admission=3 streaming=true history_proved=true caught_up=true "
	"peers=1:reached:250:primary:1\n"
	"sighting answered_at=100ms accepted_at=100ms in_recovery=true timeline=1 lsn=0/3000000\n"
	"watch reported_at=200ms session=open\n";

static struct recorded recorded;
static struct replay replayed;
static struct pgaf_error error;

static void
snapshot_read(struct snapshot *snap)
{
	ck_assert_int_eq(codec_read_snapshot(crashed_text, NOW, snap, &error), 0);
}

/* A recording of two inputs: a decision, and the group after it. */
static void
recording_make(struct text *to)
{
	struct snapshot snap;
	struct decision decision;

	snapshot_read(&snap);
	recording_write_head(to);
	ck_assert(decide(&snap, NOW, &decision));
	recording_write(&(struct recording_input){.now = NOW, .at = "2026-01-31T12:00:00.000Z"},
	                &snap, &decision, to);
	decision_apply(&decision, NOW, &snap);
	ck_assert(!decide(&snap, NOW + 1, &decision));
	recording_write(&(struct recording_input){.now = NOW + 1, .same = 7}, &snap, NULL, to);
	ck_assert(!to->cut);
}

/* ---- writing and reading ----------------------------------------------------------- */

START_TEST(test_what_is_written_is_decided_again)
{
	static char bytes[FILE_MAX];
	struct text text = TEXT(bytes);
	struct recording recording;

	recording_make(&text);
	ck_assert_int_eq(recording_open(&recording, bytes, &error), 0);
	ck_assert_uint_eq(recording.head.format, RECORDING_FORMAT);
	ck_assert_str_eq(recording.head.version, PGAF_VERSION);

	ck_assert_int_eq(recording_next(&recording, &recorded, &error), RECORDED_INPUT);
	ck_assert_int_eq(recorded.input.now, NOW);
	ck_assert_str_eq(recorded.input.at, "2026-01-31T12:00:00.000Z");
	ck_assert_uint_eq(recorded.line, 2);
	recording_replay(&recorded, &replayed);
	ck_assert(replayed.decided);
	ck_assert(replayed.agrees);
	ck_assert_uint_eq(replayed.decision.rule, 400);

	ck_assert_int_eq(recording_next(&recording, &recorded, &error), RECORDED_INPUT);
	ck_assert_uint_eq(recorded.input.same, 7);
	ck_assert_str_eq(recorded.decision, "");
	recording_replay(&recorded, &replayed);
	ck_assert(!replayed.decided);
	ck_assert(replayed.agrees);
	ck_assert_int_eq(recording_next(&recording, &recorded, &error), RECORDED_NO_MORE);
}
END_TEST

static void
swap(char *bytes, const char *from, const char *to)
{
	char *at = strstr(bytes, from);

	ck_assert_ptr_nonnull(at);
	ck_assert_uint_eq(strlen(from), strlen(to));
	memcpy(at, to, strlen(to));
}

/* Whether the first input agrees when one of its words is another. */
static bool
agrees_with(const char *from, const char *to)
{
	static char bytes[FILE_MAX];
	struct text text = TEXT(bytes);
	struct recording recording;

	recording_make(&text);
	swap(bytes, from, to);
	ck_assert_int_eq(recording_open(&recording, bytes, &error), 0);
	ck_assert_int_eq(recording_next(&recording, &recorded, &error), RECORDED_INPUT);
	recording_replay(&recorded, &replayed);
	return replayed.agrees;
}

START_TEST(test_another_decision_is_seen)
{
	ck_assert(agrees_with("rule=400", "rule=400"));
	ck_assert(!agrees_with("decision rule=400", "decision rule=401"));
	ck_assert(!agrees_with("assign node=2", "assign node=1"));
	ck_assert(!agrees_with("change ", "extra  "));
	/* Nothing was recorded as decided, but a rule applies. */
	ck_assert(!agrees_with("pg=standby", "pg=stopped"));
	/* A goal more was recorded than is decided now. */
	ck_assert(!agrees_with("event node", "extra node"));
	/* The same decision in other words. */
	ck_assert(agrees_with("event node", "event Node"));
}
END_TEST

START_TEST(test_a_recording_may_end_anywhere)
{
	static char whole[FILE_MAX], bytes[FILE_MAX];
	struct text text = TEXT(whole);
	struct recording recording;
	size_t head = 0;

	recording_make(&text);
	head = strcspn(whole, "\n");
	for (size_t length = head; length < text.used; length++) {
		enum recorded_kind kind = RECORDED_NO_MORE;
		unsigned inputs = 0;
		unsigned cut = 0;

		memcpy(bytes, whole, length);
		bytes[length] = '\0';
		ck_assert_int_eq(recording_open(&recording, bytes, &error), 0);
		while ((kind = recording_next(&recording, &recorded, &error)) != RECORDED_NO_MORE) {
			ck_assert_int_ne(kind, RECORDED_UNREADABLE);
			cut += kind == RECORDED_CUT;
			inputs += kind == RECORDED_INPUT;
			if (kind != RECORDED_INPUT)
				continue;
			recording_replay(&recorded, &replayed);
			ck_assert(replayed.agrees);
		}
		ck_assert_uint_le(inputs, 1);
		ck_assert_uint_le(cut, 1);
	}
}
END_TEST

/* A process was killed while it wrote, and the next one went on with the same file. */
START_TEST(test_what_follows_a_cut_input_is_read)
{
	static char bytes[FILE_MAX], other[FILE_MAX];
	struct text text = TEXT(bytes);
	struct text behind = TEXT(other);
	struct recording recording;

	recording_make(&text);
	text.used = (size_t)(strstr(bytes, "\nwatch") + 20 - bytes);
	recording_make(&behind);
	text_add(&text, "\n");
	text_add(&text, strstr(other, "\ninput") + 1);
	ck_assert_int_eq(recording_open(&recording, bytes, &error), 0);
	ck_assert_int_eq(recording_next(&recording, &recorded, &error), RECORDED_CUT);
	ck_assert_int_eq(recording_next(&recording, &recorded, &error), RECORDED_INPUT);
	recording_replay(&recorded, &replayed);
	ck_assert(replayed.decided && replayed.agrees);
	ck_assert_int_eq(recording_next(&recording, &recorded, &error), RECORDED_INPUT);
	ck_assert_int_eq(recording_next(&recording, &recorded, &error), RECORDED_NO_MORE);
}
END_TEST

START_TEST(test_what_is_not_known_is_named)
{
	static char bytes[FILE_MAX];
	struct text text = TEXT(bytes);
	struct recording recording;
	char other[] = "some log\n";
	char newer[] = "pgaf-recording format=2 version=9.0.0\n";
	char damaged[] = "pgaf-recording format=two\n";

	ck_assert_int_eq(recording_open(&recording, other, &error), PGAF_EINVAL);
	ck_assert_ptr_nonnull(strstr(error.text, "no recording"));
	ck_assert_int_eq(recording_open(&recording, newer, &error), PGAF_EINVAL);
	ck_assert_ptr_nonnull(strstr(error.text, "pgaf 9.0.0"));
	ck_assert_int_eq(recording_open(&recording, damaged, &error), PGAF_EINVAL);
	ck_assert_ptr_nonnull(strstr(error.text, "\"format\""));

	recording_make(&text);
	swap(bytes, "streaming_admission", "streaming_submarine");
	ck_assert_int_eq(recording_open(&recording, bytes, &error), 0);
	ck_assert_int_eq(recording_next(&recording, &recorded, &error), RECORDED_UNREADABLE);
	ck_assert_ptr_nonnull(strstr(error.text, "line 2"));
	ck_assert_ptr_nonnull(strstr(error.text, "streaming_submarine"));
	/* The next one is not lost with it. */
	ck_assert_int_eq(recording_next(&recording, &recorded, &error), RECORDED_INPUT);
}
END_TEST

START_TEST(test_an_input_without_a_snapshot_is_an_empty_group)
{
	static const char *const decisions[] = {"", "decision rule=400\n"};

	for (size_t i = 0; i < 2; i++) {
		char bytes[256];
		struct text text = TEXT(bytes);
		struct recording recording;

		recording_write_head(&text);
		text_addf(&text, "input now=1s\n%send\n", decisions[i]);
		ck_assert_int_eq(recording_open(&recording, bytes, &error), 0);
		ck_assert_int_eq(recording_next(&recording, &recorded, &error), RECORDED_INPUT);
		ck_assert_int_eq(recorded.input.now, PGAF_SECONDS(1));
		ck_assert_uint_eq(recorded.snap.count, 0);
		recording_replay(&recorded, &replayed);
		ck_assert(!replayed.decided);
		ck_assert(replayed.agrees == (i == 0));
	}
}
END_TEST

/* ---- what is news ------------------------------------------------------------------- */

START_TEST(test_what_always_moves_is_no_news)
{
	struct snapshot snap;
	uint64_t shape = 0;

	snapshot_read(&snap);
	shape = recording_shape(&snap, NOW);
	ck_assert_uint_ne(shape, 0);
	ck_assert_uint_eq(recording_shape(&snap, NOW + PGAF_MSEC(1)), shape);
	for (uint32_t i = 0; i < snap.count; i++) {
		struct node *node = &snap.nodes[i];

		node->sighting.answered_at += PGAF_MSEC(90);
		node->sighting.accepted_at += PGAF_MSEC(90);
		node->sighting.round_trip_us = 321;
		node->sighting.lsn += 8192;
		node->reported_at += PGAF_MSEC(90);
		node->report.lsn += 8192;
		node->report.replay += 8192;
		node->report.disk_ms = 12;
	}
	snap.nodes[0].report.members[0].flush += 8192;
	snap.nodes[1].report.peers[0].age_ms = 90;
	snap.group.high_lsn += 8192;
	ck_assert_uint_eq(recording_shape(&snap, NOW + PGAF_MSEC(90)), shape);
}
END_TEST

#define IS_NEWS(change)                                        \
	do {                                                   \
		snapshot_read(&snap);                          \
		uint64_t before = recording_shape(&snap, now); \
		change;                                        \
		uint64_t after = recording_shape(&snap, now);  \
		ck_assert_msg(before != after, #change);       \
	} while (0)

START_TEST(test_every_other_change_is_news)
{
	struct snapshot snap;
	pgaf_time now = NOW;

	IS_NEWS(snap.group.epoch++);
	IS_NEWS(snap.group.request.number++);
	IS_NEWS(snap.group.promotion.claimed = true);
	IS_NEWS(snap.group.settings.silence_limit++);
	IS_NEWS(snap.listening_since++);
	IS_NEWS(snap.count--);
	IS_NEWS(snap.nodes[0].report.pg = PG_STARTING);
	IS_NEWS(snap.nodes[1].report.leaving = true);
	IS_NEWS(snap.nodes[1].report.detached_lsn++);
	IS_NEWS(snap.nodes[1].report.peers[0].reached = false);
	IS_NEWS(snap.nodes[0].report.members[0].streaming = false);
	IS_NEWS(snap.nodes[0].sighting.closed_at = NOW);
	IS_NEWS(snap.nodes[1].sighting.stopping = true);
	IS_NEWS(snap.nodes[1].session = SESSION_GONE);
	IS_NEWS(snap.nodes[1].priority = 0);
	IS_NEWS(snap.nodes[1].drop_asked = true);
	/* Time alone: what was heard is too old now. */
	IS_NEWS(now += PGAF_SECONDS(10));
}
END_TEST

/* ---- incidents of real clusters --------------------------------------------------------- */

static char *
file_read(const char *name)
{
	char path[1024];
	char *bytes = NULL;

	snprintf(path, sizeof(path), "%s/tests/unit/core/recordings/%s", PGAF_SOURCE_DIR, name);
	ck_assert_msg(files_read(path, FILE_MAX, &bytes, NULL, &error) == 0, "%s", error.text);
	return bytes;
}

/* "402 300 …": the rules of all decisions, each as it was recorded. */
static void
incident_replay(const char *name, struct text *rules)
{
	char *bytes = file_read(name);
	struct recording recording;
	enum recorded_kind kind = RECORDED_NO_MORE;

	ck_assert_int_eq(recording_open(&recording, bytes, &error), 0);
	while ((kind = recording_next(&recording, &recorded, &error)) != RECORDED_NO_MORE) {
		ck_assert_msg(kind == RECORDED_INPUT, "line %u: %s", recorded.line,
		              kind == RECORDED_CUT ? "cut" : error.text);
		recording_replay(&recorded, &replayed);
		ck_assert_msg(replayed.agrees,
		              "the input of line %u is decided differently; it was\n%s\n",
		              recorded.line, recorded.decision);
		if (replayed.decided)
			text_addf(rules, "%u ", (unsigned)replayed.decision.rule);
	}
	free(bytes);
}

/*
 * A primary was killed with its keeper, its standby took over, and it came
 * back. Where rules are changed on purpose, the incident is recorded anew:
 * tests/cluster/test_recording.py leaves one.
 */
START_TEST(test_killed_primary)
{
	char bytes[256] = "";
	struct text rules = TEXT(bytes);

	incident_replay("killed_primary.txt", &rules);
	/* Promoted without asking the dead; its term begins; the other follows, gets a name,
	 * is waited for, and the set is proved. */
	ck_assert_str_eq(bytes, "402 300 720 740 650 600 ");
}
END_TEST

/* ---- damage ------------------------------------------------------------------------------ */

static uint64_t
random_next(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = *state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A file from a stranger: whatever is in it, it is read or refused, and decided or not. */
START_TEST(test_any_damage_is_survived)
{
	char *whole = file_read("killed_primary.txt");
	size_t size = strlen(whole);
	char *bytes = malloc(size + 1);
	uint64_t state = 1;

	for (unsigned i = 0; i < MUTATIONS; i++) {
		/* A stretch of a few inputs, behind the first line. */
		size_t head = strcspn(whole, "\n") + 1;
		size_t from = head + random_next(&state) % (size - head);
		size_t length = random_next(&state) % 6000;
		struct recording recording;
		unsigned found = 0;

		length = length < size - from ? length : size - from;
		memcpy(bytes, whole, head);
		memcpy(bytes + head, whole + from, length);
		length += head;
		bytes[length] = '\0';
		for (unsigned k = 0; k < 3 && length > head; k++)
			bytes[head + random_next(&state) % (length - head)] =
				"0123456789 \n=.:;/?,%ax"[random_next(&state) % 22];
		ck_assert_int_eq(recording_open(&recording, bytes, &error), 0);
		enum recorded_kind kind = RECORDED_NO_MORE;
		while ((kind = recording_next(&recording, &recorded, &error)) != RECORDED_NO_MORE) {
			if (kind == RECORDED_INPUT)
				recording_replay(&recorded, &replayed);
			ck_assert_uint_lt(found++, 1000);
		}
	}
	free(bytes);
	free(whole);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("recording");
	TCase *text = tcase_create("text");
	TCase *news = tcase_create("news");
	TCase *incidents = tcase_create("incidents");
	SRunner *runner = srunner_create(suite);

	tcase_add_test(text, test_what_is_written_is_decided_again);
	tcase_add_test(text, test_another_decision_is_seen);
	tcase_add_test(text, test_a_recording_may_end_anywhere);
	tcase_add_test(text, test_what_follows_a_cut_input_is_read);
	tcase_add_test(text, test_what_is_not_known_is_named);
	tcase_add_test(text, test_an_input_without_a_snapshot_is_an_empty_group);
	suite_add_tcase(suite, text);
	tcase_add_test(news, test_what_always_moves_is_no_news);
	tcase_add_test(news, test_every_other_change_is_news);
	suite_add_tcase(suite, news);
	tcase_set_timeout(incidents, 60);
	tcase_add_test(incidents, test_killed_primary);
	tcase_add_test(incidents, test_any_damage_is_survived);
	suite_add_tcase(suite, incidents);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
