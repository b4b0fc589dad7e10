/* SPDX-License-Identifier: PostgreSQL */
#ifndef COMMON_DAEMON_NOTIFY_H
#define COMMON_DAEMON_NOTIFY_H

/*
 * What a supervisor is told that started us with Type=notify: sd_notify(3), whose protocol is a
 * datagram of lines. Without such a supervisor nothing happens. What it says in the environment is
 * taken out of it, so that neither PostgreSQL nor a hook speaks in our name.
 */

#include <pgaf/types.h>

struct daemon_notify {
	int fd;             /* -1: nobody wants to know */
	pgaf_time interval; /* of signs of life; PGAF_NEVER: none are wanted */
	pgaf_time due;      /* the next one */
};

void daemon_notify_init(struct daemon_notify *notify);
void daemon_notify_done(struct daemon_notify *notify);

void daemon_notify_ready(const struct daemon_notify *notify);
/* Until it is ready again. */
void daemon_notify_reloading(const struct daemon_notify *notify);
void daemon_notify_stopping(const struct daemon_notify *notify);
/* We live, if that is to be said now; returns when it is to be said next. */
pgaf_time daemon_notify_alive(struct daemon_notify *notify, pgaf_time now);

#endif
