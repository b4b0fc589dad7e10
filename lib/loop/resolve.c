/* SPDX-License-Identifier: PostgreSQL */
/*
 * Names to addresses, asked on a thread, remembered per loop. A failover must
 * not wait for a name server: whoever asks gets the last address that was
 * good, unless it was found wanting and a new answer comes soon.
 */

#include <arpa/inet.h>
#include <netdb.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "loop/parts.h"

#define ADDRESS_MAX (INET6_ADDRSTRLEN + IF_NAMESIZE + 1)
#define ADDRESSES_MAX 8
#define REFRESH_AFTER PGAF_SECONDS(60)
/* A new answer is waited for this long when there is an old one. */
#define PATIENCE PGAF_MSEC(250)

TAILQ_HEAD(request_list, loop_resolve);

struct name {
	TAILQ_ENTRY(name) link;
	char host[PGAF_HOST_MAX];
	char address[ADDRESS_MAX]; /* the last good one; "" = never had any */
	bool doubted;              /* connecting to it failed */
	bool asking;
	pgaf_time asked_at;
	struct request_list waiting;
};

struct loop_resolve {
	TAILQ_ENTRY(loop_resolve) link;
	struct request_list *list; /* it is in */
	struct name *name;
	struct loop_timer *patience;
	void (*resolved)(void *ctx, const char *address);
	void *ctx;
};

/* One question, owned by its thread until it is answered. */
struct lookup {
	struct name *name;
	char host[PGAF_HOST_MAX];
	uint32_t count;
	char found[ADDRESSES_MAX][ADDRESS_MAX];
};

static void
lookup_run(void *arg)
{
	struct lookup *lookup = arg;
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;

	if (getaddrinfo(lookup->host, NULL, &hints, &found) != 0)
		return;
	for (struct addrinfo *at = found; at != NULL && lookup->count < ADDRESSES_MAX;
	     at = at->ai_next) {
		if (getnameinfo(at->ai_addr, at->ai_addrlen, lookup->found[lookup->count],
		                ADDRESS_MAX, NULL, 0, NI_NUMERICHOST) == 0)
			lookup->count++;
	}
	freeaddrinfo(found);
}

/*
 * The address to use from now on: the one in use when it is still among the
 * answers, its successor when it was doubted (a name may have an IPv6 address
 * nobody listens on).
 */
static const char *
choose(const struct lookup *lookup)
{
	const struct name *name = lookup->name;

	for (uint32_t i = 0; i < lookup->count; i++) {
		if (strcmp(lookup->found[i], name->address) != 0)
			continue;
		return lookup->found[name->doubted ? (i + 1) % lookup->count : i];
	}
	return lookup->found[0];
}

static void
free_request(struct loop_resolve *request)
{
	TAILQ_REMOVE(request->list, request, link);
	loop_timer_free(request->patience);
	free(request);
}

static void
answer(struct loop_resolve *request)
{
	void (*resolved)(void *, const char *) = request->resolved;
	void *ctx = request->ctx;
	char address[ADDRESS_MAX];

	text_copy(address, sizeof(address), request->name->address);
	free_request(request);
	resolved(ctx, address);
}

static void
lookup_finished(void *arg)
{
	struct lookup *lookup = arg;
	struct name *name = lookup->name;
	struct request_list answered = TAILQ_HEAD_INITIALIZER(answered);
	struct loop_resolve *request = NULL;

	name->asking = false;
	if (lookup->count > 0) {
		text_copy(name->address, sizeof(name->address), choose(lookup));
		name->doubted = false;
	}
	free(lookup);

	/* Apart from requests that the callbacks make: those belong to the next lookup. */
	TAILQ_CONCAT(&answered, &name->waiting, link);
	TAILQ_FOREACH (request, &answered, link)
		request->list = &answered;
	while ((request = TAILQ_FIRST(&answered)) != NULL)
		answer(request);
}

static bool
ask(struct loop *loop, struct name *name)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	struct work work = {
		.run = lookup_run, .finished = lookup_finished, .abandoned = free, .arg = lookup};

	if (lookup == NULL)
		return false;
	lookup->name = name;
	text_copy(lookup->host, sizeof(lookup->host), name->host);
	name->asked_at = loop_now(loop);
	name->asking = job_start(loop, &work) == 0;
	if (!name->asking)
		free(lookup);
	return name->asking;
}

static struct name *
find_name(struct loop *loop, const char *host)
{
	struct name *name = NULL;

	TAILQ_FOREACH (name, &loop->names, link)
		if (strcmp(name->host, host) == 0)
			return name;
	return NULL;
}

static struct name *
add_name(struct loop *loop, const char *host)
{
	struct name *name = calloc(1, sizeof(*name));

	if (name == NULL)
		return NULL;
	if (!text_copy(name->host, sizeof(name->host), host)) {
		free(name);
		return NULL;
	}
	TAILQ_INIT(&name->waiting);
	TAILQ_INSERT_TAIL(&loop->names, name, link);
	return name;
}

static bool
is_numeric(const char *host)
{
	char plain[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
	struct in6_addr address;

	if (!text_copy(plain, sizeof(plain), host))
		return false;
	if (inet_pton(AF_INET, plain, &address) == 1)
		return true;
	plain[strcspn(plain, "%")] = '\0'; /* the interface of a link-local address */
	return inet_pton(AF_INET6, plain, &address) == 1;
}

static void
out_of_patience(void *ctx)
{
	answer(ctx);
}

static struct loop_resolve *
wait_for_answer(struct loop *loop, struct name *name)
{
	struct loop_resolve *request = calloc(1, sizeof(*request));

	if (request == NULL || (!name->asking && !ask(loop, name))) {
		free(request);
		return NULL;
	}
	request->name = name;
	request->list = &name->waiting;
	TAILQ_INSERT_TAIL(&name->waiting, request, link);
	if (name->address[0] == '\0')
		return request;
	request->patience = loop_timer_new(loop, out_of_patience, request);
	if (request->patience != NULL)
		loop_timer_set(request->patience, loop_now(loop) + PATIENCE);
	return request;
}

struct loop_resolve *
loop_resolve_start(struct loop *loop, const char *host,
                   void (*resolved)(void *ctx, const char *address), void *ctx)
{
	if (is_numeric(host)) {
		resolved(ctx, host);
		return NULL;
	}
	struct name *name = find_name(loop, host);
	if (name == NULL)
		name = add_name(loop, host);
	if (name == NULL) {
		resolved(ctx, "");
		return NULL;
	}

	if (name->address[0] == '\0' || name->doubted) {
		struct loop_resolve *request = wait_for_answer(loop, name);
		if (request != NULL) {
			request->resolved = resolved;
			request->ctx = ctx;
			return request;
		}
	} else if (!name->asking && loop_now(loop) - name->asked_at > REFRESH_AFTER) {
		ask(loop, name);
	}
	resolved(ctx, name->address);
	return NULL;
}

void
loop_resolve_cancel(struct loop_resolve *resolve)
{
	if (resolve != NULL)
		free_request(resolve);
}

void
loop_resolve_forget(struct loop *loop, const char *host)
{
	struct name *name = find_name(loop, host);

	if (name != NULL)
		name->doubted = true;
}

void
resolve_end(struct loop *loop)
{
	struct name *name = NULL;

	while ((name = TAILQ_FIRST(&loop->names)) != NULL) {
		TAILQ_REMOVE(&loop->names, name, link);
		free(name);
	}
}
