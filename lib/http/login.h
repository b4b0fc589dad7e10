/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_LOGIN_H
#define HTTP_LOGIN_H

/*
 * One user and one password, and a limit for those who guess: who was wrong too often is not
 * listened to for a while, wherever else somebody logs in from.
 */

#include "http/http.h"

#define LOGIN_TEXT_MAX 256
#define LOGIN_SOURCES_MAX 64
#define LOGIN_FAILURES_MAX 8
#define LOGIN_PAUSE PGAF_SECONDS(60)

enum login_answer {
	LOGIN_OK,
	LOGIN_ASK,     /* nothing was said, or something wrong */
	LOGIN_LIMITED, /* not even looked at */
};

struct login_source {
	struct http_peer from;
	uint32_t failures; /* 0: the place is free */
	pgaf_time failed_at;
};

/* All zero: no password, everybody is let in. */
struct login {
	bool needed;
	char user[LOGIN_TEXT_MAX];
	char password[LOGIN_TEXT_MAX];
	struct login_source sources[LOGIN_SOURCES_MAX];
};

void login_init(struct login *login, const char *user, const char *password);
/* `user` and `password` are NULL when the request has none. */
enum login_answer login_check(struct login *login, const struct http_request *request,
                              pgaf_time now);

#endif
