/* SPDX-License-Identifier: PostgreSQL */
/* The screens of pgaf-ctl watch in all sizes, without a terminal. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "common/screen.h"

static struct watch_picture picture;
static struct cell_at cells[SCREEN_ROWS_MAX * SCREEN_COLUMNS_MAX];
static struct screen screen = {.cells = cells};
static char shown[SCREEN_ROWS_MAX * (SCREEN_COLUMNS_MAX + 1) + 1];

static void
node_set(unsigned i, const char *name, enum pgaf_state state, bool is_primary)
{
	struct watch_node *node = &picture.nodes[i];

	*node = (struct watch_node){
		.reported = state,
		.assigned = state,
		.connection = is_primary ? "read-write" : "read-only",
		.health = "ok",
		.is_primary = is_primary,
		.timeline = 3,
		.lag = is_primary ? 0 : 2048,
		.lsn = "0/3000060",
	};
	text_copy(node->name, sizeof(node->name), name);
	snprintf(node->place, sizeof(node->place), "%s.example:5432", name);
}

static void
event_set(unsigned i, const char *text)
{
	struct watch_event *event = &picture.events[i];

	text_copy(event->time, sizeof(event->time), "12:03:11.250");
	text_copy(event->text, sizeof(event->text), text);
	event->rule = 400;
	picture.event_count = i + 1;
}

static void
setup(void)
{
	picture = (struct watch_picture){.title = "pgaf default/0  epoch 42", .node_count = 2};
	node_set(0, "node1", PGAF_STATE_PRIMARY, true);
	node_set(1, "node2", PGAF_STATE_SECONDARY, false);
	text_copy(picture.state, sizeof(picture.state),
	          "node1 is the primary and accepts writes; each commit waits for 1 of node2\n");
	text_copy(picture.waits, sizeof(picture.waits), "the primary is well\n");
	event_set(0, "the first event");
	event_set(1, "the last event");
}

/* Draws into a screen full of rubbish: every cell must be written, none beyond it. */
static void
draw(unsigned rows, unsigned columns)
{
	size_t used = 0;
	unsigned bad = 0;

	memset(cells, 0x7f, ((size_t)rows * columns + 1) * sizeof(cells[0]));
	screen.rows = rows;
	screen.columns = columns;
	screen_draw(&picture, &screen);
	for (size_t i = 0; i < (size_t)rows * columns; i++) {
		bad += cells[i].at < ' ' || cells[i].at > '~' || cells[i].style >= STYLE_COUNT;
		shown[used++] = cells[i].at;
		if ((i + 1) % columns == 0)
			shown[used++] = '\n';
	}
	shown[used] = '\0';
	ck_assert_uint_eq(bad, 0);
	ck_assert_int_eq(cells[(size_t)rows * columns].at, 0x7f);
}

static void
must_show(const char *words)
{
	ck_assert_msg(strstr(shown, words) != NULL, "no \"%s\" on\n%s", words, shown);
}

static void
must_not_show(const char *words)
{
	ck_assert_msg(strstr(shown, words) == NULL, "\"%s\" on\n%s", words, shown);
}

static enum style
style_at(const char *words)
{
	const char *at = strstr(shown, words);

	ck_assert_ptr_nonnull(at);
	size_t place = (size_t)(at - shown);
	return (enum style)cells[place - place / (screen.columns + 1)].style;
}

START_TEST(test_a_usual_terminal_shows_all_of_the_group)
{
	draw(24, 80);
	must_show("pgaf default/0  epoch 42");
	must_show("each commit waits for 1 of node2");
	must_show("* node1  ");
	must_show("primary");
	must_show("secondary");
	must_show("3: 0/3000060");
	must_show("2048 B");
	must_show("the primary is well");
	must_show("12:03:11.250 400 the last event");
	must_show("q: quit   s: switchover   e: explain");
}
END_TEST

START_TEST(test_a_wide_terminal_has_every_column)
{
	draw(60, 200);
	must_show("node1.example:5432");
	must_show("read-write");
	must_show("Health");
}
END_TEST

START_TEST(test_a_narrow_terminal_keeps_names_and_states)
{
	draw(24, 40);
	must_show("* node1");
	must_show("primary");
	must_show("secondary");
	must_show("Assigned");
	must_not_show("Connection");
	must_not_show("example");
	must_show("12:03:11 400 the last event");
	must_show("q quit");
}
END_TEST

/* Long names and states: what decides is still there. */
START_TEST(test_long_names_push_out_what_matters_less)
{
	node_set(0, "a-node-with-a-very-long-name", PGAF_STATE_PREPARE_PROMOTION, true);
	draw(24, 80);
	must_show("a-node-with-a-very-long-name");
	must_show("prepare_promotion");
	must_not_show("example");
}
END_TEST

/* No size is too small or too large to draw, on any page. */
START_TEST(test_every_size_is_drawn)
{
	struct text lines = TEXT(picture.lines);

	for (unsigned i = 0; i < 600; i++)
		text_add(&lines, i % 7 ? "wor " : "line\n");
	for (picture.page = PAGE_GROUP; picture.page <= PAGE_CONFIRM; picture.page++) {
		for (unsigned rows = 1; rows < 40; rows += rows < 8 ? 1 : 5)
			for (unsigned columns = 1; columns < 130; columns += 7)
				draw(rows, columns);
		draw(SCREEN_ROWS_MAX - 1, SCREEN_COLUMNS_MAX);
	}
	draw(3, 15);
	must_show("too small");
}
END_TEST

START_TEST(test_more_nodes_than_rows_are_cut_not_drawn_over)
{
	for (unsigned i = 0; i < PGAF_NODES_MAX; i++)
		node_set(i, "node", PGAF_STATE_SECONDARY, false);
	picture.node_count = PGAF_NODES_MAX;
	draw(8, 80);
	must_show("q: quit");
	must_not_show("Events");
}
END_TEST

START_TEST(test_styles_tell_how_a_node_is)
{
	draw(24, 80);
	ck_assert_int_eq(style_at("* node1"), STYLE_GOOD);
	ck_assert_int_eq(style_at("  node2"), STYLE_GOOD);
	picture.nodes[1].assigned = PGAF_STATE_CATCHINGUP;
	picture.nodes[0].health = "down";
	draw(24, 80);
	ck_assert_int_eq(style_at("* node1"), STYLE_BAD);
	ck_assert_int_eq(style_at("  node2"), STYLE_CHANGING);
	ck_assert_int_eq(style_at("the last event"), STYLE_PLAIN);
	ck_assert_int_eq(style_at("the first event"), STYLE_FAINT);
}
END_TEST

START_TEST(test_only_the_newest_events_fit)
{
	for (unsigned i = 0; i < WATCH_EVENTS_MAX; i++) {
		char text[32];
		snprintf(text, sizeof(text), "event %u!", i);
		event_set(i, text);
	}
	draw(24, 80);
	must_show("event 127!");
	must_not_show("event 100!");
	must_show("q: quit");
}
END_TEST

START_TEST(test_what_is_wrong_with_the_monitor_stands_above)
{
	picture.monitor = "NO ANSWER FROM THE MONITOR";
	draw(24, 80);
	must_show("epoch 42  NO ANSWER FROM THE MONITOR");
	ck_assert_int_eq(style_at("NO ANSWER"), STYLE_BAD);
}
END_TEST

START_TEST(test_a_status_takes_the_place_of_the_keys)
{
	text_copy(picture.status, sizeof(picture.status), "switchover: asked for");
	draw(24, 80);
	must_show("switchover: asked for");
	must_not_show("q: quit");
	picture.status_is_bad = true;
	draw(24, 80);
	ck_assert_int_eq(style_at("switchover: asked for"), STYLE_BAD);
}
END_TEST

START_TEST(test_explanations_are_wrapped_at_blanks_and_scroll)
{
	picture.page = PAGE_EXPLAIN;
	text_copy(picture.head, sizeof(picture.head), "Explain");
	text_copy(picture.lines, sizeof(picture.lines),
	          "first\na line that is wider than a terminal of forty columns\nlast\n");
	draw(5, 40);
	must_show("Explain");
	must_show("a line that is wider than a terminal of \n");
	must_not_show("last");
	picture.scroll = 1000;
	draw(5, 40);
	ck_assert_uint_eq(picture.scroll, 2);
	must_show("forty columns");
	must_show("last");
	must_not_show("first");
}
END_TEST

START_TEST(test_the_question_names_its_keys)
{
	picture.page = PAGE_CONFIRM;
	text_copy(picture.status, sizeof(picture.status), "old");
	draw(24, 80);
	must_show("y: hand over now   any other key: leave it");
	draw(24, 40);
	must_show("y do it  any key: no");
}
END_TEST

START_TEST(test_what_cannot_be_printed_is_replaced)
{
	text_copy(picture.state, sizeof(picture.state), "a\tb\033[31mc\303\244\n");
	draw(24, 80);
	must_show("a?b?[31mc??");
}
END_TEST

START_TEST(test_lag_is_written_in_what_it_is_worth)
{
	picture.nodes[1].lag = -1;
	draw(24, 200);
	must_show(" -  ");
	picture.nodes[1].lag = INT64_C(300) << 10;
	draw(24, 200);
	must_show("300 kB");
	picture.nodes[1].lag = INT64_C(300) << 20;
	draw(24, 200);
	must_show("300 MB");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("screen");
	TCase *tcase = tcase_create("screen");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, test_a_usual_terminal_shows_all_of_the_group);
	tcase_add_test(tcase, test_a_wide_terminal_has_every_column);
	tcase_add_test(tcase, test_a_narrow_terminal_keeps_names_and_states);
	tcase_add_test(tcase, test_long_names_push_out_what_matters_less);
	tcase_add_test(tcase, test_every_size_is_drawn);
	tcase_add_test(tcase, test_more_nodes_than_rows_are_cut_not_drawn_over);
	tcase_add_test(tcase, test_styles_tell_how_a_node_is);
	tcase_add_test(tcase, test_only_the_newest_events_fit);
	tcase_add_test(tcase, test_what_is_wrong_with_the_monitor_stands_above);
	tcase_add_test(tcase, test_a_status_takes_the_place_of_the_keys);
	tcase_add_test(tcase, test_explanations_are_wrapped_at_blanks_and_scroll);
	tcase_add_test(tcase, test_the_question_names_its_keys);
	tcase_add_test(tcase, test_what_cannot_be_printed_is_replaced);
	tcase_add_test(tcase, test_lag_is_written_in_what_it_is_worth);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
