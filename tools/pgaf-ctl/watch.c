/* SPDX-License-Identifier: PostgreSQL */
/*
 * watch: the state of a group on a terminal. What is decided is told by the
 * store's notifications and shown at once. Positions move without any, since a
 * report that changes nothing notifies nobody: they are read once a second.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "core/dry_run.h"
#include "core/why.h"
#include "pgaf-ctl/events.h"
#include "pgaf-ctl/terminal.h"
#include "pgaf-ctl/view.h"

#define LOOK_EACH PGAF_SECONDS(1)
/* A store that does not answer must not keep the keys waiting for long. */
#define QUERY_LIMIT PGAF_SECONDS(2)
#define REQUEST_SECONDS "60"

struct watch {
	struct ctl *ctl;
	struct view view;
	struct watch_picture picture;
	uint32_t group;
	bool group_known;
	bool stale;      /* something has changed, or may have */
	int64_t after;   /* the last event that is in the picture */
	int64_t request; /* that was asked for and is not answered; 0 = none */
	bool may_hand_over;
	char errors[512];
	struct text said; /* over errors */
	pgaf_time next_look;
};

static void
status_set(struct watch *watch, bool is_bad, const char *status)
{
	text_copy(watch->picture.status, sizeof(watch->picture.status), status);
	watch->picture.status_is_bad = is_bad;
}

/* What went wrong was said into `errors`, its first line is the one for the bar. */
static void
status_of_error(struct watch *watch)
{
	static const char head[] = "pgaf-ctl: error: ";
	const char *at = watch->errors;

	if (strncmp(at, head, strlen(head)) == 0)
		at += strlen(head);
	char line[256] = "";
	struct text text = TEXT(line);
	text_add_bytes(&text, at, strcspn(at, "\n"));
	status_set(watch, true, line);
}

static void
errors_forget(struct watch *watch)
{
	text_init(&watch->said, watch->errors, sizeof(watch->errors));
}

/* ---- what is shown ------------------------------------------------------------------- */

static const struct view_group *
group_of(const struct watch *watch)
{
	for (size_t i = 0; i < watch->view.group_count; i++) {
		if (watch->view.groups[i].id == watch->group)
			return &watch->view.groups[i];
	}
	return NULL;
}

static void
node_fill(const struct view *view, const struct view_node *from, struct watch_node *to)
{
	bool v6 = strchr(from->host, ':') != NULL;

	*to = (struct watch_node){
		.reported = from->reported,
		.assigned = from->assigned,
		.connection = view_connection(from),
		.health = view_health(from),
		.is_primary = view_primary(view, from->group_id) == from,
		.timeline = from->report.timeline,
		.lag = view_lag(view, from),
	};
	text_copy(to->name, sizeof(to->name), from->name);
	snprintf(to->place, sizeof(to->place), v6 ? "[%s]:%" PRIu32 : "%s:%" PRIu32, from->host,
	         from->port);
	lsn_format(from->report.lsn, to->lsn);
}

static void
nodes_fill(struct watch *watch)
{
	struct watch_picture *picture = &watch->picture;

	picture->node_count = 0;
	for (size_t i = 0; i < watch->view.node_count; i++) {
		const struct view_node *node = &watch->view.nodes[i];
		if (node->group_id == watch->group && picture->node_count < PGAF_NODES_MAX)
			node_fill(&watch->view, node, &picture->nodes[picture->node_count++]);
	}
}

static void
explain_fill(struct watch *watch, const struct view_group *group, struct text *to)
{
	const struct snapshot *picture = &group->picture;

	text_copy(watch->picture.head, sizeof(watch->picture.head), "Explain");
	text_add(to, watch->picture.state);
	view_waits(&watch->view, group, to);
	view_advice(&watch->view, group, to);
	for (uint32_t i = 0; group->has_picture && i < picture->count; i++) {
		text_addf(to, "\nRules that one fact keeps from applying to %s:\n",
		          picture->nodes[i].name);
		explain_near(picture, &picture->nodes[i], VIEW_NOW, to);
	}
}

static void
confirm_fill(struct watch *watch, const struct view_group *group, struct text *to)
{
	static struct dry_run run;
	struct request request = {.kind = REQUEST_SWITCHOVER};

	watch->may_hand_over = false;
	if (group->has_picture) {
		dry_run_request(&group->picture, VIEW_NOW, &request, &run);
		watch->may_hand_over = dry_run_is_possible(&run);
		dry_run_plan(&run, VIEW_NOW, to);
		text_add(to, "\nWhat would be lost: ");
		dry_run_loss(&run, VIEW_NOW, to);
	} else {
		text_add(to, "the monitor has not looked at this group yet\n");
	}
	text_copy(watch->picture.head, sizeof(watch->picture.head),
	          watch->may_hand_over ? "Switchover? y: yes, any other key: no"
	                               : "No switchover is possible now; press any key");
}

static void
page_fill(struct watch *watch)
{
	struct watch_picture *picture = &watch->picture;
	const struct view_group *group = group_of(watch);
	struct text lines = TEXT(picture->lines);

	picture->lines[0] = '\0';
	if (!group)
		picture->page = PAGE_GROUP;
	else if (picture->page == PAGE_EXPLAIN)
		explain_fill(watch, group, &lines);
	else if (picture->page == PAGE_CONFIRM)
		confirm_fill(watch, group, &lines);
}

static void
picture_fill(struct watch *watch)
{
	struct watch_picture *picture = &watch->picture;
	const struct view_group *group = group_of(watch);
	struct text title = TEXT(picture->title);
	struct text state = TEXT(picture->state);
	struct text waiting = TEXT(picture->waits);

	picture->title[0] = picture->state[0] = picture->waits[0] = '\0';
	picture->monitor = group && !group->monitor ? "NO MONITOR DECIDES" : NULL;
	nodes_fill(watch);
	if (!group) {
		text_addf(&title, "pgaf %s", watch->ctl->options.formation);
		text_add(&state, "no node is registered yet\n");
		return;
	}
	text_addf(&title, "pgaf %s/%" PRIu32 "  epoch %" PRIu64, watch->ctl->options.formation,
	          group->id, group->epoch);
	if (watch->view.group_count > 1)
		text_addf(&title, "  one of %zu groups", watch->view.group_count);
	if (group->has_picture)
		explain_group_state(&group->picture, VIEW_NOW, &state);
	view_waits(&watch->view, group, &waiting);
}

/* ---- reading -------------------------------------------------------------------------- */

static void
event_add(struct watch_picture *picture, const PGresult *events, int row)
{
	struct watch_event event = {.rule = (uint32_t)cell_number(events, row, "rule")};
	const char *stamp = cell(events, row, "stamp");

	text_copy(event.time, sizeof(event.time), strlen(stamp) > 11 ? stamp + 11 : "");
	text_copy(event.node, sizeof(event.node), cell(events, row, "node_name"));
	text_copy(event.text, sizeof(event.text), cell(events, row, "text"));
	/* A decision about two nodes is two rows, and one line here. */
	if (picture->event_count > 0) {
		const struct watch_event *last = &picture->events[picture->event_count - 1];
		if (strcmp(last->time, event.time) == 0 && strcmp(last->text, event.text) == 0)
			return;
	}
	if (picture->event_count == WATCH_EVENTS_MAX)
		memmove(&picture->events[0], &picture->events[1],
		        sizeof(picture->events[0]) * --picture->event_count);
	picture->events[picture->event_count++] = event;
}

static int
events_load(struct watch *watch)
{
	int code;
	PGresult *events = events_query(watch->ctl, &code, (int64_t)watch->group, WATCH_EVENTS_MAX,
	                                &watch->after);

	for (int row = 0; events && row < PQntuples(events); row++)
		event_add(&watch->picture, events, row);
	PQclear(events);
	return code;
}

static int
request_load(struct watch *watch)
{
	char number[24];
	const char *values[] = {number};
	int code;

	if (watch->request == 0)
		return EXIT_DONE;
	snprintf(number, sizeof(number), "%" PRId64, watch->request);
	PGresult *result =
		session_query(watch->ctl, &code, "SELECT * FROM pgaf.request_state($1)", 1, values);
	if (!result)
		return code;
	const char *state = PQntuples(result) > 0 ? cell(result, 0, "state") : "gone";
	if (strcmp(state, "waiting") != 0) {
		char line[256] = "";
		struct text text = TEXT(line);
		bool taken = strcmp(state, "taken") == 0;
		text_addf(&text, "switchover: %s", taken ? cell(result, 0, "text") : state);
		status_set(watch, !taken, line);
		watch->request = 0;
	}
	PQclear(result);
	return EXIT_DONE;
}

static int
everything_load(struct watch *watch)
{
	int code = view_load(watch->ctl, &watch->view);

	if (code != EXIT_DONE)
		return code;
	if (!watch->group_known && watch->view.group_count > 0) {
		watch->group_known = true;
		watch->group = watch->view.groups[0].id;
	}
	picture_fill(watch);
	page_fill(watch);
	code = events_load(watch);
	if (code == EXIT_DONE)
		code = request_load(watch);
	return code;
}

static int
connect_and_listen(struct watch *watch)
{
	struct ctl *ctl = watch->ctl;
	struct view view;
	int code = view_open(ctl, &view);

	if (code != EXIT_DONE)
		return code;
	code = view_listen(ctl, &view);
	view_free(&view);
	return code;
}

/* The last picture stays, with the word that it is old. */
static void
connection_lost(struct watch *watch)
{
	status_of_error(watch);
	PQfinish(watch->ctl->pg);
	watch->ctl->pg = NULL;
	watch->picture.monitor = "NO ANSWER FROM THE MONITOR";
}

static bool
notified(struct watch *watch)
{
	bool any = false;

	for (PGnotify *notify = PQnotifies(watch->ctl->pg); notify;
	     notify = PQnotifies(watch->ctl->pg)) {
		PQfreemem(notify);
		any = true;
	}
	return any;
}

static void
look(struct watch *watch)
{
	int code = EXIT_DONE;

	errors_forget(watch);
	watch->stale = false;
	watch->next_look = ctl_now() + LOOK_EACH;
	if (!watch->ctl->pg) {
		code = connect_and_listen(watch);
		if (code == EXIT_DONE)
			status_set(watch, false, "");
	}
	if (code == EXIT_DONE) {
		view_free(&watch->view);
		code = everything_load(watch);
	}
	if (code != EXIT_DONE)
		connection_lost(watch);
	else
		watch->stale = notified(watch); /* while we were reading */
}

/* ---- keys ------------------------------------------------------------------------------ */

static void
switchover_ask(struct watch *watch)
{
	char group[16];
	int code;
	const char *values[] = {
		watch->ctl->options.formation, group, "switchover", "0", "false", REQUEST_SECONDS};

	errors_forget(watch);
	snprintf(group, sizeof(group), "%" PRIu32, watch->group);
	PGresult *result = session_query(watch->ctl, &code,
	                                 "SELECT pgaf.perform($1, $2, $3, $4, $5, $6)", 6, values);
	if (result) {
		watch->request = cell_number(result, 0, "perform");
		status_set(watch, false, "switchover: asked for");
	} else if (PQstatus(watch->ctl->pg) != CONNECTION_OK) {
		connection_lost(watch);
	} else {
		status_of_error(watch);
	}
	PQclear(result);
	watch->stale = true;
}

static void
page_open(struct watch *watch, enum watch_page page)
{
	watch->picture.page = page;
	watch->picture.scroll = 0;
	page_fill(watch);
}

static void
next_group(struct watch *watch)
{
	const struct view *view = &watch->view;
	size_t next = 0;

	for (size_t i = 0; i < view->group_count; i++) {
		if (view->groups[i].id == watch->group)
			next = i + 1;
	}
	if (view->group_count < 2)
		return;
	watch->group = view->groups[next % view->group_count].id;
	watch->after = 0;
	watch->picture.event_count = 0;
	watch->stale = true;
}

static void
key_on_group(struct watch *watch, int key)
{
	status_set(watch, false, "");
	if (key == 's' && watch->ctl->pg)
		page_open(watch, PAGE_CONFIRM);
	else if (key == 'e')
		page_open(watch, PAGE_EXPLAIN);
	else if (key == KEY_TAB)
		next_group(watch);
}

static void
key_on_explain(struct watch *watch, int key)
{
	unsigned page = terminal_screen()->rows / 2;
	unsigned *scroll = &watch->picture.scroll;

	switch (key) {
	case KEY_IS_UP:
		*scroll -= *scroll > 0;
		break;
	case KEY_IS_DOWN:
		++*scroll;
		break;
	case KEY_IS_PAGE_UP:
		*scroll -= *scroll < page ? *scroll : page;
		break;
	case KEY_IS_PAGE_DOWN:
		*scroll += page;
		break;
	default:
		page_open(watch, PAGE_GROUP);
		break;
	}
}

/* False when it was the last one. */
static bool
key_take(struct watch *watch, int key)
{
	if (key == KEY_REDRAW) {
		terminal_show_anew();
	} else if (watch->picture.page == PAGE_EXPLAIN) {
		key_on_explain(watch, key);
	} else if (watch->picture.page == PAGE_CONFIRM) {
		page_open(watch, PAGE_GROUP);
		if (key == 'y' && watch->may_hand_over && watch->ctl->pg)
			switchover_ask(watch);
	} else if (key == 'q') {
		return false;
	} else {
		key_on_group(watch, key);
	}
	return true;
}

/* ---- waiting ----------------------------------------------------------------------------- */

/* Returns the signal that ends the program, 0 when there is none. */
static int
wait_for_news(struct watch *watch)
{
	struct pollfd fds[3] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = terminal_signals(), .events = POLLIN},
		{.fd = watch->ctl->pg ? PQsocket(watch->ctl->pg) : -1, .events = POLLIN},
	};
	pgaf_time left = watch->next_look - ctl_now();
	int number;

	if (watch->stale || left < 0)
		left = 0;
	poll(fds, 3, (int)(left / PGAF_MSEC(1)) + (left > 0));
	while ((number = terminal_signal_take()) != 0) {
		if (number != SIGWINCH)
			return number;
	}
	if (fds[0].revents & (POLLHUP | POLLERR))
		return SIGHUP;
	if (fds[2].revents != 0) {
		PQconsumeInput(watch->ctl->pg);
		watch->stale |= notified(watch) || PQstatus(watch->ctl->pg) != CONNECTION_OK;
	}
	if (ctl_now() >= watch->next_look)
		watch->stale = true;
	return 0;
}

static void
show(struct watch *watch)
{
	struct screen *screen = terminal_screen();

	screen_draw(&watch->picture, screen);
	terminal_show(screen);
}

static int
watch_run(struct watch *watch)
{
	for (;;) {
		if (watch->stale)
			look(watch);
		show(watch);
		int number = wait_for_news(watch);
		if (number == SIGINT)
			return 0;
		if (number != 0)
			return number;
		for (int key = terminal_key(); key != KEY_NONE_LEFT; key = terminal_key()) {
			if (!key_take(watch, key))
				return 0;
		}
	}
}

int
watch_group(struct ctl *ctl)
{
	static struct watch watch;

	if (ctl->options.json)
		return say_error(EXIT_USAGE, "watch draws on a terminal and has no JSON; \"show"
		                             " events --follow --json\" has");
	watch = (struct watch){.ctl = ctl, .stale = true, .group = ctl->options.group};
	watch.group_known = ctl->options.group_given;
	if (ctl->options.timeout == 0)
		ctl->options.timeout = QUERY_LIMIT;
	/* What cannot work at all is said before the screen is taken. */
	int code = connect_and_listen(&watch);
	if (code == EXIT_DONE)
		code = terminal_open();
	if (code != EXIT_DONE)
		return code;
	session_on_hang(terminal_restore_now);
	say_into(&watch.said);
	int number = watch_run(&watch);
	say_into(NULL);
	terminal_close();
	view_free(&watch.view);
	if (number == 0)
		return EXIT_DONE;
	/* As if the signal had ended us at once. */
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, number);
	signal(number, SIG_DFL);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return EXIT_FAILED;
}
