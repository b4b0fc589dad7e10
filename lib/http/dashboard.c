/* SPDX-License-Identifier: PostgreSQL */
/* Which page says what, and to whom. */

#include "http/dashboard.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/pure/error.h"
#include "base/pure/text.h"
#include "http/dashboard_parts.h"
#include "http/view_json.h"

#define EVENTS_ASKED 10 /* without ?count= */
/* A decision's event may become visible after one that was begun later. */
#define EVENTS_AGAIN 32
/* A nonce is longer than the mark in whose place it is put; the page has fewer. */
#define PAGE_NONCES_MAX 8

/* lib/http/dashboard.html */
extern const char dashboard_html[];
extern const size_t dashboard_html_len;

/* ---- who may reach it --------------------------------------------------------------- */

/* An address that only this machine has. */
static bool
is_loopback(const char *host)
{
	struct in_addr four;
	struct in6_addr six;

	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return strcmp(host, "localhost") == 0;
}

int
dashboard_check(const char *address, const char *password, struct pgaf_error *error)
{
	char host[PGAF_HOST_MAX];
	uint16_t port = 0;

	if (password[0] != '\0' || strcmp(address, "off") == 0)
		return 0;
	if (!address_split(address, host, sizeof(host), &port))
		return error_set(error, PGAF_ECONFIG, "http: \"%s\" is neither ADDR:PORT nor off",
		                 address);
	if (is_loopback(host))
		return 0;
	return error_set(error, PGAF_ECONFIG,
	                 "http: %s can be reached from other machines, which needs a password:"
	                 " give http-password-file, or listen on 127.0.0.1",
	                 address);
}

/* ---- answers ------------------------------------------------------------------------ */

void
dashboard_answer(struct http_answer *answer, int status, json_t *value)
{
	answer->status = status;
	answer->type = "application/json";
	answer->body = json_dumps(value, JSON_COMPACT);
	json_decref(value);
}

void
dashboard_complain(struct http_answer *answer, int status, const char *what)
{
	json_t *object = json_object();

	json_set_text(object, "error", what);
	dashboard_answer(answer, status, object);
}

bool
dashboard_number(const struct http_request *request, const char *name, int64_t most,
                 int64_t *number)
{
	const char *value = request->argument(request, name);
	uint64_t said = 0;

	if (!value)
		return true;
	if (!text_to_u64(value, &said) || said > (uint64_t)most)
		return false;
	*number = (int64_t)said;
	return true;
}

void
dashboard_secret(char text[DASHBOARD_TICKET_TEXT])
{
	unsigned char number[DASHBOARD_TICKET_TEXT / 2];
	struct text to;

	text_init(&to, text, DASHBOARD_TICKET_TEXT);
	arc4random_buf(number, sizeof(number));
	for (size_t i = 0; i < sizeof(number); i++)
		text_addf(&to, "%02x", number[i]);
}

static void
answer_healthz(struct dashboard *dashboard, const struct http_request *request,
               struct http_answer *answer)
{
	bool works = dashboard->world.works(dashboard->world.ctx);

	(void)request;
	answer->status = works ? 200 : 503;
	answer->type = "text/plain; charset=utf-8";
	answer->body = strdup(works ? "ok\n" : "the store does not answer\n");
}

static void
answer_metrics(struct dashboard *dashboard, const struct http_request *request,
               struct http_answer *answer)
{
	(void)request;
	answer->type = "text/plain; version=0.0.4; charset=utf-8";
	answer->body = dashboard->world.metrics(dashboard->world.ctx);
}

static void
answer_state(struct dashboard *dashboard, const struct http_request *request,
             struct http_answer *answer)
{
	const char *formation = request->argument(request, "formation");
	int64_t group = -1;

	if (!dashboard_number(request, "group", UINT32_MAX, &group)) {
		dashboard_complain(answer, 400, "group is no number");
		return;
	}
	json_t *state = dashboard_json_state(dashboard, formation, group);
	if (state)
		dashboard_answer(answer, 200, state);
	else
		dashboard_complain(answer, 404, "there is no such group");
}

static void
answer_events(struct dashboard *dashboard, const struct http_request *request,
              struct http_answer *answer)
{
	int64_t count = EVENTS_ASKED;
	int64_t group = -1;

	if (!dashboard_number(request, "group", UINT32_MAX, &group) ||
	    !dashboard_number(request, "count", INT32_MAX, &count)) {
		dashboard_complain(answer, 400, "group or count is no number");
		return;
	}
	dashboard_answer(answer, 200,
	                 dashboard_json_events(dashboard, request->argument(request, "formation"),
	                                       group, (size_t)count));
}

static void
answer_stream(struct dashboard *dashboard, const struct http_request *request,
              struct http_answer *answer)
{
	answer->type = "text/event-stream";
	if (strcmp(request->method, "GET") == 0 && !dashboard_watch(dashboard, answer)) {
		dashboard_complain(answer, 503, "too many are watching; try again");
		answer->retry_after = 5;
	}
}

/*
 * The page may run and style itself, talk to this server, and nothing else: what is to be run
 * has a number in it that is new each time, and nothing is loaded from elsewhere.
 */
static void
answer_page(struct dashboard *dashboard, const struct http_request *request,
            struct http_answer *answer)
{
	static const char mark[] = "@nonce@";
	const char *from = dashboard_html;
	const char *next = NULL;
	char nonce[DASHBOARD_TICKET_TEXT];
	struct text policy = TEXT(answer->policy);
	struct text body;

	(void)dashboard;
	(void)request;
	dashboard_secret(nonce);
	text_addf(&policy,
	          "default-src 'none'; connect-src 'self'; img-src data:; style-src 'nonce-%s'; "
	          "script-src 'nonce-%s'; base-uri 'none'; form-action 'none'; "
	          "frame-ancestors 'none'",
	          nonce, nonce);
	answer->type = "text/html; charset=utf-8";
	size_t room = dashboard_html_len + PAGE_NONCES_MAX * sizeof(nonce);
	answer->body = calloc(1, room);
	if (!answer->body)
		return;
	text_init(&body, answer->body, room);
	for (; (next = strstr(from, mark)); from = next + strlen(mark)) {
		text_add_bytes(&body, from, (size_t)(next - from));
		text_add(&body, nonce);
	}
	text_add(&body, from);
}

static const struct page {
	const char *path;
	bool is_open; /* nothing in it needs a login */
	bool is_post; /* and POST does something */
	void (*answer)(struct dashboard *dashboard, const struct http_request *request,
	               struct http_answer *answer);
} pages[] = {
	{.path = "/", .answer = answer_page},
	{.path = "/healthz", .is_open = true, .answer = answer_healthz},
	{.path = "/metrics", .answer = answer_metrics},
	{.path = "/api/v1/state", .answer = answer_state},
	{.path = "/api/v1/events", .answer = answer_events},
	{.path = "/api/v1/stream", .answer = answer_stream},
	{.path = "/api/v1/switchover", .is_post = true, .answer = dashboard_switchover},
	{.path = "/api/v1/drop", .is_post = true, .answer = dashboard_drop},
};

static const struct page *
find_page(const char *path)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strcmp(path, pages[i].path) == 0)
			return &pages[i];
	return NULL;
}

/* ---- who is let in ------------------------------------------------------------------- */

/*
 * A page elsewhere may get a browser to ask here under a name of its own that it lets point to
 * this machine, and would then be allowed to read the answer. Without a password a name is
 * therefore only listened to when it cannot be anybody else's.
 */
static bool
is_named_right(const struct dashboard *dashboard, const struct http_request *request)
{
	const char *said = request->header(request, "Host");
	char host[PGAF_HOST_MAX] = "";
	struct in6_addr any;

	if (dashboard->login.needed || !said)
		return true;
	size_t length = said[0] == '[' ? strcspn(said + 1, "]") : strcspn(said, ":");
	if (length >= sizeof(host))
		return false;
	memcpy(host, said + (said[0] == '['), length);
	return strcmp(host, "localhost") == 0 || inet_pton(AF_INET, host, &any) == 1 ||
	       inet_pton(AF_INET6, host, &any) == 1;
}

static bool
is_let_in(struct dashboard *dashboard, const struct http_request *request,
          struct http_answer *answer)
{
	if (!is_named_right(dashboard, request)) {
		dashboard_complain(answer, 421,
		                   "ask for localhost or an address, or set a password");
		return false;
	}
	switch (login_check(&dashboard->login, request, loop_now(dashboard->loop))) {
	case LOGIN_OK:
		return true;
	case LOGIN_ASK:
		dashboard_complain(answer, 401, "a user and a password are needed");
		break;
	case LOGIN_LIMITED:
		dashboard_complain(answer, 429, "too many wrong passwords; try again in a minute");
		answer->retry_after = (unsigned)(LOGIN_PAUSE / PGAF_SECONDS(1));
		break;
	}
	return false;
}

static void
answer(void *ctx, const struct http_request *request, struct http_answer *answer)
{
	struct dashboard *dashboard = ctx;
	const struct page *page = find_page(request->path);

	*answer = (struct http_answer){.status = 200};
	if ((!page || !page->is_open) && !is_let_in(dashboard, request, answer))
		return;
	if (page && page->is_post)
		answer->allow = "GET, HEAD, OPTIONS, POST";
	if (!page)
		dashboard_complain(answer, 404, "there is no such page");
	else if (!page->is_post && strcmp(request->method, "POST") == 0)
		dashboard_complain(answer, 405, "nothing is changed here");
	else
		page->answer(dashboard, request, answer);
}

/* ---- events --------------------------------------------------------------------------- */

/* Where an event with this number belongs; false when it is there already. */
static bool
event_place(const struct dashboard *dashboard, int64_t id, size_t *place)
{
	size_t at = dashboard->event_count;

	while (at > 0 && dashboard->events[at - 1].id > id)
		at--;
	*place = at;
	return at == 0 || dashboard->events[at - 1].id != id;
}

static bool
event_add(struct dashboard *dashboard, const struct store_event *event)
{
	struct store_event *events = dashboard->events;
	size_t place = 0;

	if (!event_place(dashboard, event->id, &place))
		return false;
	if (dashboard->event_count == DASHBOARD_EVENTS_MAX) {
		if (place == 0)
			return false;
		memmove(&events[0], &events[1], sizeof(*events) * --place);
		dashboard->event_count--;
	} else {
		memmove(&events[place + 1], &events[place],
		        sizeof(*events) * (dashboard->event_count - place));
	}
	events[place] = *event;
	dashboard->event_count++;
	return true;
}

void
dashboard_events(struct dashboard *dashboard, const struct store_event *events, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (event_add(dashboard, &events[i])) {
			dashboard_note_silence(dashboard, &events[i]);
			dashboard_tell(dashboard, &events[i]);
			dashboard_changed(dashboard, &events[i].key);
		}
}

int64_t
dashboard_events_after(const struct dashboard *dashboard)
{
	size_t count = dashboard->event_count;

	return count > EVENTS_AGAIN ? dashboard->events[count - EVENTS_AGAIN].id : 0;
}

void
dashboard_events_forget(struct dashboard *dashboard)
{
	dashboard->event_count = 0;
	memset(dashboard->silences, 0, sizeof(dashboard->silences));
}

/* ---- life ------------------------------------------------------------------------------ */

struct dashboard *
dashboard_new(struct loop *loop, const struct dashboard_options *options, struct pgaf_error *error)
{
	struct dashboard *dashboard = calloc(1, sizeof(*dashboard));

	if (!dashboard) {
		error_set(error, PGAF_ENOMEM, "out of memory");
		return NULL;
	}
	dashboard->loop = loop;
	dashboard->world = options->world;
	login_init(&dashboard->login, options->user, options->password);
	if (dashboard_stream_init(dashboard))
		dashboard->http = http_new(loop, options->address, answer, dashboard, error);
	else
		error_set(error, PGAF_ENOMEM, "out of memory");
	if (!dashboard->http) {
		dashboard_free(dashboard);
		return NULL;
	}
	if (dashboard_may_act(dashboard))
		http_take_post(dashboard->http);
	return dashboard;
}

void
dashboard_login(struct dashboard *dashboard, const char *user, const char *password)
{
	login_init(&dashboard->login, user, password);
}

void
dashboard_free(struct dashboard *dashboard)
{
	if (!dashboard)
		return;
	http_free(dashboard->http);
	dashboard_stream_done(dashboard);
	explicit_bzero(&dashboard->login, sizeof(dashboard->login));
	free(dashboard);
}
