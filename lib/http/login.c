/* SPDX-License-Identifier: PostgreSQL */
/* Is it the right password, and how often was it wrong? */

#include "http/login.h"

#include <string.h>

#include "base/pure/text.h"

void
login_init(struct login *login, const char *user, const char *password)
{
	*login = (struct login){.needed = password[0] != '\0'};
	text_copy(login->user, sizeof(login->user), user);
	text_copy(login->password, sizeof(login->password), password);
}

/* Takes the same time whatever is wrong with `said`, its length aside. */
static bool
is_same(const char known[LOGIN_TEXT_MAX], const char *said)
{
	char room[LOGIN_TEXT_MAX] = "";
	unsigned char differences = 0;
	bool fits = text_copy(room, sizeof(room), said);

	for (size_t i = 0; i < sizeof(room); i++)
		differences |= (unsigned char)(room[i] ^ known[i]);
	explicit_bzero(room, sizeof(room));
	return fits && differences == 0;
}

static struct login_source *
source_of(struct login *login, const struct http_peer *from)
{
	for (size_t i = 0; i < LOGIN_SOURCES_MAX; i++) {
		struct login_source *source = &login->sources[i];
		if (source->failures > 0 && memcmp(&source->from, from, sizeof(*from)) == 0)
			return source;
	}
	return NULL;
}

/* A free place, or that of the one who failed longest ago. */
static struct login_source *
source_new(struct login *login, const struct http_peer *from)
{
	struct login_source *oldest = &login->sources[0];

	for (size_t i = 0; i < LOGIN_SOURCES_MAX && oldest->failures > 0; i++) {
		struct login_source *source = &login->sources[i];
		if (source->failures == 0 || source->failed_at < oldest->failed_at)
			oldest = source;
	}
	*oldest = (struct login_source){.from = *from};
	return oldest;
}

enum login_answer
login_check(struct login *login, const struct http_request *request, pgaf_time now)
{
	struct login_source *source = source_of(login, &request->peer);

	if (!login->needed)
		return LOGIN_OK;
	if (source && now - source->failed_at >= LOGIN_PAUSE)
		source->failures = 0;
	if (source && source->failures >= LOGIN_FAILURES_MAX)
		return LOGIN_LIMITED;
	if (!request->user || !request->password)
		return LOGIN_ASK;
	bool is_user = is_same(login->user, request->user);
	bool is_password = is_same(login->password, request->password);
	if (is_user && is_password) {
		if (source)
			source->failures = 0;
		return LOGIN_OK;
	}
	if (!source || source->failures == 0)
		source = source_new(login, &request->peer);
	source->failures++;
	source->failed_at = now;
	return LOGIN_ASK;
}
