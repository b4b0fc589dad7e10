/* SPDX-License-Identifier: PostgreSQL */
/* Changes that an operator's program is told of: one function per topic. */

#include "core/hook.h"

#include <string.h>

#include "base/pure/text.h"

static bool
say(struct hook_call *call, enum hook_event event, const char *reason)
{
	call->event = event;
	text_copy(call->reason, sizeof(call->reason), reason);
	return true;
}

/* At first, a role that Postgres is about to show is waited for: a keeper that comes back to a
 * running primary must not make anybody believe that there is none. */
static bool
role_changed(struct hook_watch *watch, const struct hook_sight *sight, pgaf_time now,
             struct hook_call *call)
{
	(void)now;
	if (sight->role == watch->role ||
	    (watch->role == HOOK_ROLE_UNKNOWN && sight->role == HOOK_ROLE_NONE && !sight->down))
		return false;
	call->role = sight->role;
	watch->role = sight->role;
	/* Whether it has standbys is the business of another node, or is found out anew. */
	if (sight->role == HOOK_ROLE_REPLICA) {
		watch->redundancy = HOOK_NOT_TOLD;
		watch->bare_since = 0;
	}
	return say(call, HOOK_ROLE_CHANGE, "");
}

static bool
failed_over(struct hook_watch *watch, const struct hook_sight *sight, pgaf_time now,
            struct hook_call *call)
{
	(void)now;
	if (watch->role != HOOK_ROLE_PRIMARY || sight->promotion == 0 ||
	    sight->promotion == watch->promotion)
		return false;
	watch->promotion = sight->promotion;
	/* Of a new primary it is told in any case whether it has a standby. */
	watch->redundancy = HOOK_NOT_TOLD;
	watch->bare_since = 0;
	return say(call, HOOK_FAILOVER, "");
}

static bool
redundancy_changed(struct hook_watch *watch, const struct hook_sight *sight, pgaf_time now,
                   struct hook_call *call)
{
	if (watch->role != HOOK_ROLE_PRIMARY)
		return false;
	if (sight->covered) {
		watch->bare_since = 0;
		if (watch->redundancy == HOOK_TOLD_COVERED)
			return false;
		watch->redundancy = HOOK_TOLD_COVERED;
		return say(call, HOOK_REDUNDANCY_REGAINED, "");
	}
	if (watch->redundancy == HOOK_TOLD_BARE)
		return false;
	/* The first node of a group has nothing to lose. */
	if (sight->alone && watch->redundancy == HOOK_NOT_TOLD) {
		watch->bare_since = 0;
		return false;
	}
	if (watch->bare_since == 0)
		watch->bare_since = now;
	if (now - watch->bare_since < HOOK_BARE_AFTER)
		return false;
	watch->redundancy = HOOK_TOLD_BARE;
	return say(call, HOOK_REDUNDANCY_LOST, "no standby that counts streams from this primary");
}

static bool
stuck_changed(struct hook_watch *watch, const struct hook_sight *sight, pgaf_time now,
              struct hook_call *call)
{
	if (sight->stuck == NULL) {
		watch->stuck_since = 0;
		if (!watch->stuck)
			return false;
		watch->stuck = false;
		return say(call, HOOK_UNSTUCK, "");
	}
	if (watch->stuck_since == 0)
		watch->stuck_since = now;
	if (watch->stuck || now - watch->stuck_since < HOOK_STUCK_AFTER)
		return false;
	watch->stuck = true;
	return say(call, HOOK_STUCK, sight->stuck);
}

bool
hook_next(struct hook_watch *watch, const struct hook_sight *sight, pgaf_time now,
          struct hook_call *call)
{
	memset(call, 0, sizeof(*call));
	call->before = watch->role;
	call->role = watch->role;
	return role_changed(watch, sight, now, call) || failed_over(watch, sight, now, call) ||
	       redundancy_changed(watch, sight, now, call) ||
	       stuck_changed(watch, sight, now, call);
}

pgaf_time
hook_due(const struct hook_watch *watch)
{
	pgaf_time due = PGAF_NEVER;

	if (watch->role == HOOK_ROLE_PRIMARY && watch->bare_since != 0 &&
	    watch->redundancy != HOOK_TOLD_BARE)
		due = watch->bare_since + HOOK_BARE_AFTER;
	if (watch->stuck_since != 0 && !watch->stuck && watch->stuck_since + HOOK_STUCK_AFTER < due)
		due = watch->stuck_since + HOOK_STUCK_AFTER;
	return due;
}

bool
hook_is_covered(const struct report *report)
{
	for (uint32_t i = 0; i < report->member_count; i++)
		if (report->members[i].streaming && report->members[i].admission != 0)
			return true;
	return false;
}

const char *
hook_event_name(enum hook_event event)
{
	static const char *const words[] = {
#define HOOK_EVENT_WORD(name, topic, word) [HOOK_##name] = (word),
		HOOK_EVENTS(HOOK_EVENT_WORD)
#undef HOOK_EVENT_WORD
	};

	return words[event];
}

enum hook_topic
hook_event_topic(enum hook_event event)
{
	static const enum hook_topic topics[] = {
#define HOOK_EVENT_TOPIC(name, topic, word) [HOOK_##name] = HOOK_TOPIC_##topic,
		HOOK_EVENTS(HOOK_EVENT_TOPIC)
#undef HOOK_EVENT_TOPIC
	};

	return topics[event];
}

const char *
hook_role_name(enum hook_role role)
{
	static const char *const words[] = {
#define HOOK_ROLE_WORD(name, word) [HOOK_ROLE_##name] = (word),
		HOOK_ROLES(HOOK_ROLE_WORD)
#undef HOOK_ROLE_WORD
	};

	return words[role];
}
