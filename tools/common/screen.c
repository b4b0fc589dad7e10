/* SPDX-License-Identifier: PostgreSQL */
/*
 * The screens of pgaf-ctl watch. From the top: a bar, the state of the group,
 * its nodes, what it waits for, its events, a bar with the keys. What does not
 * fit is left out from the least important on, never drawn over.
 */

#include "common/screen.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/text.h"

#define ROWS_LEAST 4
#define COLUMNS_LEAST 20

/* ---- writing -------------------------------------------------------------------- */

static struct cell_at *
cell_of(const struct screen *screen, unsigned row, unsigned column)
{
	return &screen->cells[(size_t)row * screen->columns + column];
}

/* Pads to `width`; what does not fit is cut; what is no printable ASCII is a question mark. */
static void
put(const struct screen *screen, unsigned row, unsigned column, unsigned width, enum style style,
    const char *text)
{
	size_t length = strlen(text);

	if (row >= screen->rows)
		return;
	for (unsigned i = 0; i < width && column + i < screen->columns; i++) {
		char byte = i < length ? text[i] : ' ';
		*cell_of(screen, row, column + i) = (struct cell_at){
			.at = byte >= ' ' && byte <= '~' ? byte : '?', .style = (uint8_t)style};
	}
}

static void
put_row(const struct screen *screen, unsigned row, enum style style, const char *text)
{
	put(screen, row, 0, screen->columns, style, text);
}

/* How much of a line fits into `width`, broken at a blank where there is one. */
static size_t
break_at(const char *line, size_t length, size_t width)
{
	size_t at = width;

	if (length <= width)
		return length;
	while (at > width / 2 && line[at] != ' ')
		at--;
	return at > width / 2 ? at : width;
}

/*
 * Lines of a text, wrapped, into rows `first` to `end`; the first `skip` rows of the
 * wrapped text are left out. Returns how many rows the whole text takes.
 */
static unsigned
put_lines(const struct screen *screen, unsigned first, unsigned end, unsigned skip,
          enum style style, const char *lines)
{
	unsigned row = 0;

	while (*lines != '\0') {
		size_t length = strcspn(lines, "\n");
		do {
			char part[SCREEN_COLUMNS_MAX + 1];
			size_t used = break_at(lines, length, screen->columns);
			snprintf(part, sizeof(part), "%.*s", (int)used, lines);
			if (row >= skip && first + row - skip < end)
				put_row(screen, first + row - skip, style, part);
			row++;
			lines += used;
			length -= used;
			while (used > 0 && length > 0 && *lines == ' ') {
				lines++;
				length--;
			}
		} while (length > 0);
		lines += *lines == '\n';
	}
	return row;
}

/* ---- nodes ------------------------------------------------------------------------ */

static void
say_name(const struct watch_node *node, struct text *to)
{
	text_addf(to, "%s%s", node->is_primary ? "* " : "  ", node->name);
}

static void
say_reported(const struct watch_node *node, struct text *to)
{
	text_add(to, pgaf_state_name(node->reported));
}

static void
say_assigned(const struct watch_node *node, struct text *to)
{
	text_add(to, pgaf_state_name(node->assigned));
}

static void
say_health(const struct watch_node *node, struct text *to)
{
	text_add(to, node->health);
}

static void
say_connection(const struct watch_node *node, struct text *to)
{
	text_add(to, node->connection);
}

static void
say_lag(const struct watch_node *node, struct text *to)
{
	if (node->lag < 0)
		text_add(to, "-");
	else if (node->lag < 100000)
		text_addf(to, "%" PRId64 " B", node->lag);
	else if (node->lag < INT64_C(100000) << 10)
		text_addf(to, "%" PRId64 " kB", node->lag >> 10);
	else
		text_addf(to, "%" PRId64 " MB", node->lag >> 20);
}

static void
say_position(const struct watch_node *node, struct text *to)
{
	text_addf(to, "%" PRIu32 ": %s", node->timeline, node->lsn);
}

static void
say_place(const struct watch_node *node, struct text *to)
{
	text_add(to, node->place);
}

/* In the order of their places; `rank` 0 is always there, higher ones need more room. */
static const struct column {
	const char *head;
	unsigned least;
	unsigned rank;
	void (*say)(const struct watch_node *node, struct text *to);
} columns[] = {
	{"  Name", 8, 0, say_name},
	{"Host:Port", 14, 6, say_place},
	{"TLI: LSN", 12, 2, say_position},
	{"Lag", 6, 3, say_lag},
	{"Connection", 10, 5, say_connection},
	{"Health", 8, 4, say_health},
	{"Reported", 13, 0, say_reported},
	{"Assigned", 13, 1, say_assigned},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define RANK_MOST 6

/* As wide as the widest of its cells. */
static unsigned
width_of(const struct watch_picture *picture, const struct column *column)
{
	unsigned width = column->least;

	for (unsigned i = 0; i < picture->node_count; i++) {
		char bytes[256] = "";
		struct text text = TEXT(bytes);
		column->say(&picture->nodes[i], &text);
		if (text.used > width)
			width = (unsigned)text.used;
	}
	return width;
}

/* The columns that fit: those of the highest rank go first. */
static unsigned
rank_that_fits(const struct watch_picture *picture, unsigned room)
{
	unsigned rank = RANK_MOST;

	for (; rank > 0; rank--) {
		unsigned width = 0;
		for (size_t i = 0; i < COLUMNS; i++) {
			if (columns[i].rank <= rank)
				width += width_of(picture, &columns[i]) + 1;
		}
		if (width <= room + 1)
			break;
	}
	return rank;
}

static enum style
style_of(const struct watch_node *node)
{
	if (strcmp(node->health, "down") == 0)
		return STYLE_BAD;
	if (node->reported != node->assigned || strcmp(node->health, "ok") != 0)
		return STYLE_CHANGING;
	return node->is_primary || node->reported == PGAF_STATE_SECONDARY ? STYLE_GOOD
	                                                                  : STYLE_CHANGING;
}

static unsigned
put_nodes(const struct watch_picture *picture, const struct screen *screen, unsigned first,
          unsigned end)
{
	unsigned rank = rank_that_fits(picture, screen->columns);
	unsigned column = 0;

	for (size_t i = 0; i < COLUMNS; i++) {
		unsigned width = width_of(picture, &columns[i]);
		if (columns[i].rank > rank)
			continue;
		if (first < end)
			put(screen, first, column, width + 1, STYLE_HEAD, columns[i].head);
		for (unsigned n = 0; n < picture->node_count && first + 1 + n < end; n++) {
			char bytes[256] = "";
			struct text text = TEXT(bytes);
			columns[i].say(&picture->nodes[n], &text);
			put(screen, first + 1 + n, column, width, style_of(&picture->nodes[n]),
			    bytes);
		}
		column += width + 1;
	}
	if (first < end && column < screen->columns)
		put(screen, first, column, screen->columns - column, STYLE_HEAD, "");
	return first + 1 + picture->node_count;
}

/* ---- events ------------------------------------------------------------------------ */

static void
put_events(const struct watch_picture *picture, const struct screen *screen, unsigned first,
           unsigned end)
{
	if (first + 1 >= end)
		return;
	put_row(screen, first++, STYLE_HEAD, "Events");
	unsigned room = end - first;
	unsigned shown = picture->event_count < room ? picture->event_count : room;
	for (unsigned i = 0; i < shown; i++) {
		const struct watch_event *event =
			&picture->events[picture->event_count - shown + i];
		char rule[12] = "";
		char line[512];
		if (event->rule != 0)
			snprintf(rule, sizeof(rule), "%" PRIu32, event->rule);
		/* A narrow terminal has no room for fractions of seconds. */
		snprintf(line, sizeof(line), "%.*s %-3s %s", screen->columns < 60 ? 8 : 12,
		         event->time, rule, event->text);
		put_row(screen, first + i, i + 1 == shown ? STYLE_PLAIN : STYLE_FAINT, line);
	}
}

/* ---- pages -------------------------------------------------------------------------- */

static void
page_group(const struct watch_picture *picture, const struct screen *screen, unsigned end)
{
	unsigned row = 1;

	row += put_lines(screen, row, end, 0, STYLE_PLAIN, picture->state) + 1;
	row = put_nodes(picture, screen, row, end) + 1;
	if (picture->waits[0] != '\0' && row + 1 < end) {
		put_row(screen, row++, STYLE_HEAD, "Now");
		row += put_lines(screen, row, end, 0, STYLE_CHANGING, picture->waits) + 1;
	}
	put_events(picture, screen, row, end);
}

static void
page_lines(struct watch_picture *picture, const struct screen *screen, unsigned end)
{
	unsigned room = end - 2;

	put_row(screen, 1, STYLE_HEAD, picture->head);
	unsigned total = put_lines(screen, 2, 2, 0, STYLE_PLAIN, picture->lines);
	unsigned most = total > room ? total - room : 0;
	if (picture->scroll > most)
		picture->scroll = most;
	put_lines(screen, 2, end, picture->scroll, STYLE_PLAIN, picture->lines);
}

static const char *
keys_of(const struct watch_picture *picture, unsigned columns_there)
{
	bool narrow = columns_there < 60;

	switch (picture->page) {
	case PAGE_EXPLAIN:
		return narrow ? "up/down  q back"
		              : "up, down, page up, page down: scroll   q: back";
	case PAGE_CONFIRM:
		return narrow ? "y do it  any key: no"
		              : "y: hand over now   any other key: leave it";
	case PAGE_GROUP:
	default:
		return narrow ? "q quit s switch e explain"
		              : "q: quit   s: switchover   e: explain   Tab: next group";
	}
}

static void
put_bars(const struct watch_picture *picture, const struct screen *screen)
{
	char line[512];
	const char *below = picture->status;
	enum style style = picture->status_is_bad ? STYLE_BAD : STYLE_TITLE;

	snprintf(line, sizeof(line), "%s%s%s", picture->title, picture->monitor ? "  " : "",
	         picture->monitor ? picture->monitor : "");
	put_row(screen, 0, picture->monitor ? STYLE_BAD : STYLE_TITLE, line);
	if (below[0] == '\0' || picture->page != PAGE_GROUP) {
		below = keys_of(picture, screen->columns);
		style = STYLE_TITLE;
	}
	put_row(screen, screen->rows - 1, style, below);
}

void
screen_draw(struct watch_picture *picture, struct screen *screen)
{
	for (unsigned row = 0; row < screen->rows; row++)
		put_row(screen, row, STYLE_PLAIN, "");
	if (screen->rows < ROWS_LEAST || screen->columns < COLUMNS_LEAST) {
		put_row(screen, 0, STYLE_BAD, "too small");
		return;
	}
	put_bars(picture, screen);
	if (picture->page == PAGE_GROUP)
		page_group(picture, screen, screen->rows - 1);
	else
		page_lines(picture, screen, screen->rows - 1);
}
