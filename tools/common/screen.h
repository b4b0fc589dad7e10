/* SPDX-License-Identifier: PostgreSQL */
#ifndef COMMON_SCREEN_H
#define COMMON_SCREEN_H

/*
 * What pgaf-ctl watch shows, as lines of cells: a pure function from what is
 * known of a group to a screen of any size. Nothing here knows a terminal.
 */

#include <pgaf/state.h>
#include <pgaf/types.h>

enum style {
	STYLE_PLAIN,
	STYLE_TITLE, /* the bars above and below */
	STYLE_HEAD,  /* of a table or a section */
	STYLE_GOOD,  /* is what it should be */
	STYLE_CHANGING,
	STYLE_BAD,
	STYLE_FAINT,
	STYLE_COUNT,
};

struct cell_at {
	char at; /* printable ASCII */
	uint8_t style;
};

#define SCREEN_ROWS_MAX 500
#define SCREEN_COLUMNS_MAX 1000

/* `cells` is the caller's: rows * columns of them. */
struct screen {
	unsigned rows, columns;
	struct cell_at *cells;
};

struct watch_node {
	char name[PGAF_NAME_MAX];
	char place[PGAF_HOST_MAX + 8]; /* host:port */
	enum pgaf_state reported, assigned;
	const char *connection; /* read-write, read-only, none */
	const char *health;     /* ok, degraded, down, unknown */
	bool is_primary;
	uint32_t timeline;
	char lsn[20];
	int64_t lag; /* bytes, -1 unknown */
};

struct watch_event {
	char time[16]; /* HH:MM:SS.mmm, UTC */
	char node[PGAF_NAME_MAX];
	uint32_t rule; /* 0: no rule */
	char text[256];
};

#define WATCH_EVENTS_MAX 128
#define WATCH_LINES_MAX 16384

enum watch_page {
	PAGE_GROUP,
	PAGE_EXPLAIN, /* `lines`, from the line `scroll` on */
	PAGE_CONFIRM, /* `lines`, and a question below */
};

struct watch_picture {
	char title[128];     /* formation/group, epoch */
	const char *monitor; /* what is wrong with it; NULL: it decides */
	unsigned node_count;
	struct watch_node nodes[PGAF_NODES_MAX];
	char state[512];      /* the group in a sentence */
	char waits[2048];     /* lines */
	unsigned event_count; /* the newest last */
	struct watch_event events[WATCH_EVENTS_MAX];
	enum watch_page page;
	char head[80]; /* of `lines` */
	char lines[WATCH_LINES_MAX];
	unsigned scroll;
	char status[256]; /* in place of the keys when not empty */
	bool status_is_bad;
};

/* Fills every cell; keeps `scroll` within what there is to scroll. */
void screen_draw(struct watch_picture *picture, struct screen *screen);

#endif
