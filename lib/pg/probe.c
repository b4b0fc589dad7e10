/* SPDX-License-Identifier: PostgreSQL */
/*
 * Watching one node. Two things run side by side: the session with its
 * question each probe_interval, and knocks, which are rare while the session
 * is open and lead to a new session while it is not.
 */

#include "pg/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "pg/conn.h"

/* After a loss: a second try this soon, and an answer within this, or the node is gone. */
#define PROBE_AGAIN PGAF_MSEC(5)
#define PROBE_DECISIVE PGAF_MSEC(100)
#define PROBE_LOGIN_LIMIT PGAF_SECONDS(2)
#define PROBE_KNOCK_LIMIT PGAF_SECONDS(1)
/* While the session is open; well below the least silence limit. */
#define PROBE_NEW_LIMIT PGAF_MSEC(500)
#define PROBE_REJECTED_PAUSE PGAF_SECONDS(1)
#define PROBE_TCP_USER_TIMEOUT_MS 5000

/*
 * What is asked, planned once per session. The inner select is kept apart so
 * that recovery is looked at once: a promotion in between must not mix the
 * answers. pg_last_wal_receive_lsn and the receiver's row stay after a
 * promotion, so that branch can not fail.
 */
#define PROBE_PREPARE                                                                             \
	"SET statement_timeout = 0; PREPARE pgaf_look AS SELECT s.r::int, CASE WHEN s.r THEN "    \
	"greatest(w.received_tli, (pg_control_checkpoint()).timeline_id) ELSE "                   \
	"('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int END, "       \
	"CASE WHEN s.r THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) ELSE "  \
	"pg_current_wal_flush_lsn() END, w.sender_host, w.sender_port "                           \
	"FROM (SELECT pg_is_in_recovery() AS r OFFSET 0) s LEFT JOIN (SELECT received_tli, "      \
	"sender_host, sender_port FROM pg_stat_get_wal_receiver() WHERE status = 'streaming') w " \
	"ON s.r"

enum { COLUMN_RECOVERY, COLUMN_TIMELINE, COLUMN_LSN, COLUMN_HOST, COLUMN_PORT, COLUMN_COUNT };

struct probe {
	struct loop *loop;
	pgaf_node_id node;
	char host[PGAF_HOST_MAX];
	uint32_t port;
	char own_host[PGAF_HOST_MAX];
	char own_address[PGAF_HOST_MAX];
	uint32_t own_port;
	pgaf_time probe_interval;
	pgaf_time connect_interval;
	probe_changed_fn changed;
	void *ctx;

	struct conn *conn;
	struct knock *knock;
	struct loop_resolve *own_resolve;
	struct loop_timer *question_timer;
	struct loop_timer *knock_timer;
	bool login;    /* conn is connecting */
	bool was_open; /* conn reached its login */
	bool eof_seen; /* a login ended without a word since the last session */
	pgaf_time no_login_before;
	pgaf_time asked_at;   /* of the question under way; 0 = none */
	pgaf_time knocked_at; /* the last knock began */

	struct sighting seen, told;
	bool follows, told_follows;
};

static void probe_knock(void *ctx);

static bool
probe_is_same(const struct sighting *a, const struct sighting *b)
{
	return a->answered_at == b->answered_at && a->accepted_at == b->accepted_at &&
	       a->asked_new_at == b->asked_new_at && a->closed_at == b->closed_at &&
	       a->refusals == b->refusals && a->gone_at == b->gone_at &&
	       a->starting == b->starting && a->stopping == b->stopping && a->full == b->full &&
	       a->in_recovery == b->in_recovery && a->timeline == b->timeline && a->lsn == b->lsn;
}

static void
probe_tell(struct probe *probe, bool always)
{
	if (!always && probe_is_same(&probe->seen, &probe->told) &&
	    probe->follows == probe->told_follows)
		return;
	probe->told = probe->seen;
	probe->told_follows = probe->follows;
	probe->changed(probe->ctx, probe->node, &probe->told, probe->told_follows);
}

/* A session that has not answered for this long may hang though the node does not. */
static pgaf_time
probe_patience(const struct probe *probe)
{
	pgaf_time patience = 2 * probe->probe_interval;

	return patience < PROBE_NEW_LIMIT ? PROBE_NEW_LIMIT : patience;
}

/*
 * While the session is open: each interval, and soon when a question waits for long, or when the
 * last knock was not answered: one that met a short cut, or whose only packet was lost, says
 * nothing of the node.
 */
static void
probe_next_knock(struct probe *probe)
{
	pgaf_time at = PGAF_NEVER;

	if (probe->connect_interval > 0)
		at = probe->knocked_at + probe->connect_interval;
	if (probe->asked_at != 0 && probe->asked_at + probe_patience(probe) < at)
		at = probe->asked_at + probe_patience(probe);
	if (at <= probe->knocked_at)
		at = probe->knocked_at + PROBE_NEW_LIMIT;
	if (probe->seen.asked_new_at != 0 && probe->knocked_at + probe->probe_interval < at)
		at = probe->knocked_at + probe->probe_interval;
	loop_timer_set(probe->knock_timer, at);
}

/* ---- the session -------------------------------------------------------------- */

static void
probe_own_resolved(void *ctx, const char *address)
{
	struct probe *probe = ctx;

	probe->own_resolve = NULL;
	text_copy(probe->own_address, sizeof(probe->own_address), address);
}

static void
probe_login(struct probe *probe)
{
	probe->login = true;
	probe->was_open = false;
	if (probe->own_host[0] != '\0' && probe->own_address[0] == '\0' && !probe->own_resolve)
		probe->own_resolve =
			loop_resolve_start(probe->loop, probe->own_host, probe_own_resolved, probe);
	conn_open(probe->conn);
}

static bool
probe_is_our_follower(const struct probe *probe, const char *host, const char *port)
{
	uint64_t number = 0;

	if (probe->own_host[0] == '\0' || host[0] == '\0' || !text_to_u64(port, &number))
		return false;
	return number == probe->own_port &&
	       (strcmp(host, probe->own_host) == 0 || strcmp(host, probe->own_address) == 0);
}

static void
probe_take_answer(struct probe *probe, const PGresult *result, pgaf_time now)
{
	struct sighting *seen = &probe->seen;
	uint64_t timeline = 0;

	seen->in_recovery = PQgetvalue(result, 0, COLUMN_RECOVERY)[0] == '1';
	if (text_to_u64(PQgetvalue(result, 0, COLUMN_TIMELINE), &timeline))
		seen->timeline = (uint32_t)timeline;
	seen->lsn = 0;
	lsn_parse(PQgetvalue(result, 0, COLUMN_LSN), &seen->lsn);
	seen->answered_at = now;
	seen->round_trip_us = (uint32_t)((now - probe->asked_at) / 1000);
	probe->follows = probe_is_our_follower(probe, PQgetvalue(result, 0, COLUMN_HOST),
	                                       PQgetvalue(result, 0, COLUMN_PORT));
}

/* Try a new session later; the other side did not end this one. */
static void
probe_give_up_session(struct probe *probe, pgaf_time now)
{
	conn_close(probe->conn);
	probe->login = false;
	probe->was_open = false;
	probe->asked_at = 0;
	probe->follows = false;
	loop_timer_set(probe->question_timer, PGAF_NEVER);
	loop_timer_set(probe->knock_timer, now + probe->probe_interval);
}

static void
probe_answered(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	struct probe *probe = ctx;
	pgaf_time now = loop_now(probe->loop);

	if (!result)
		return; /* probe_lost follows */
	if (error || PQntuples(result) != 1 || PQnfields(result) != COLUMN_COUNT) {
		probe_give_up_session(probe, now);
		probe_tell(probe, false);
		return;
	}
	probe_take_answer(probe, result, now);
	loop_timer_set(probe->question_timer, probe->asked_at + probe->probe_interval);
	probe->asked_at = 0;
	if (!probe->knock)
		probe_next_knock(probe);
	probe_tell(probe, true);
}

static void
probe_ask(void *ctx)
{
	struct probe *probe = ctx;

	if (!conn_is_open(probe->conn) || probe->asked_at != 0)
		return;
	probe->asked_at = loop_now(probe->loop);
	/* Without a limit: a question that waits shows that the node hangs, and ends by itself. */
	if (conn_query(probe->conn, "EXECUTE pgaf_look", 0, probe_answered, probe) < 0) {
		probe->asked_at = 0;
		loop_timer_set(probe->question_timer,
		               loop_now(probe->loop) + probe->probe_interval);
	} else if (!probe->knock) {
		probe_next_knock(probe);
	}
}

static void
probe_prepared(void *ctx, const PGresult *result, const struct pgaf_error *error)
{
	/* When it failed the question fails too, and ends the session. */
	(void)ctx;
	(void)result;
	(void)error;
}

static void
probe_forget_loss(struct sighting *seen)
{
	seen->closed_at = 0;
	seen->gone_at = 0;
	seen->refusals = 0;
	seen->starting = false;
	seen->stopping = false;
	seen->full = false;
}

static void
probe_opened(void *ctx)
{
	struct probe *probe = ctx;
	pgaf_time now = loop_now(probe->loop);

	probe->login = false;
	probe->was_open = true;
	probe->eof_seen = false;
	probe->asked_at = 0;
	probe_forget_loss(&probe->seen);
	probe->seen.accepted_at = now;
	probe->seen.asked_new_at = 0;
	probe->knocked_at = now;
	conn_query(probe->conn, PROBE_PREPARE, 0, probe_prepared, probe);
	probe_ask(probe);
}

/* ---- losses ---------------------------------------------------------------------- */

/* Somebody lives there and does not let us in, for now. */
static void
probe_turned_away(struct probe *probe, enum conn_failure failure, pgaf_time now)
{
	struct sighting *seen = &probe->seen;

	if (seen->closed_at == 0)
		seen->closed_at = now;
	seen->gone_at = 0;
	seen->refusals = 0;
	seen->accepted_at = now;
	seen->asked_new_at = 0;
	seen->starting = failure == CONN_STARTING;
	seen->stopping = failure == CONN_STOPPING;
	seen->full = failure == CONN_FULL;
	if (failure == CONN_FULL || failure == CONN_REJECTED)
		seen->answered_at = now;
	if (failure == CONN_REJECTED)
		probe->no_login_before = now + PROBE_REJECTED_PAUSE;
	loop_timer_set(probe->knock_timer, now + probe->probe_interval);
}

/* A fresh connection got no answer, or was refused, and no session is open. */
static void
probe_unanswered(struct probe *probe, enum knock_outcome outcome, pgaf_time now)
{
	struct sighting *seen = &probe->seen;
	bool decided = false;

	seen->starting = false;
	seen->stopping = false;
	seen->full = false;
	if (outcome == KNOCK_REFUSED && seen->closed_at == 0)
		seen->closed_at = now;
	if (outcome != KNOCK_TIMEOUT)
		seen->refusals++;
	decided = outcome != KNOCK_REFUSED || seen->refusals >= 2;
	if (decided && seen->closed_at != 0 && seen->gone_at == 0)
		seen->gone_at = now;
	/* Only after the decision, which a name server must not hold up. */
	if (decided)
		loop_resolve_forget(probe->loop, probe->host);
	loop_timer_set(probe->knock_timer,
	               decided ? probe->knocked_at + probe->probe_interval : now + PROBE_AGAIN);
}

static void
probe_session_lost(struct probe *probe, enum conn_failure failure, pgaf_time now)
{
	probe->seen.starting = false;
	probe->seen.stopping = false;
	probe->seen.full = false;
	probe->seen.refusals = 0;
	probe->follows = false;
	if (failure != CONN_TIMEOUT && failure != CONN_UNREACHABLE)
		probe->seen.closed_at = now;
	/* A knock under way began before the loss and would prove nothing. */
	knock_cancel(probe->knock);
	probe->knock = NULL;
	probe_knock(probe);
	probe_tell(probe, false); /* last, as always: the owner may free us in it */
}

static void
probe_login_lost(struct probe *probe, enum conn_failure failure, pgaf_time now)
{
	pgaf_time pause = probe->probe_interval;

	switch (failure) {
	case CONN_STARTING:
	case CONN_STOPPING:
	case CONN_FULL:
	case CONN_REJECTED:
		probe_turned_away(probe, failure, now);
		break;
	case CONN_CLOSED:
		/* Ended in the middle of the login, once: the postmaster may just have died. */
		if (!probe->eof_seen)
			pause = PROBE_AGAIN;
		probe->eof_seen = true;
		loop_timer_set(probe->knock_timer, now + pause);
		break;
	case CONN_REFUSED:
	case CONN_UNREACHABLE:
	case CONN_TIMEOUT:
	case CONN_OTHER:
		/* The next knock judges. */
		loop_timer_set(probe->knock_timer, now + pause);
		break;
	}
	probe_tell(probe, false);
}

static void
probe_lost(void *ctx, enum conn_failure failure, const struct pgaf_error *error)
{
	struct probe *probe = ctx;
	pgaf_time now = loop_now(probe->loop);
	bool was_open = probe->was_open;

	(void)error;
	probe->login = false;
	probe->was_open = false;
	probe->asked_at = 0;
	loop_timer_set(probe->question_timer, PGAF_NEVER);
	if (was_open)
		probe_session_lost(probe, failure, now);
	else
		probe_login_lost(probe, failure, now);
}

/* ---- knocks ------------------------------------------------------------------------ */

/* New ones are accepted while the session has not answered for long: it hangs, not the node. */
static bool
probe_hangs(const struct probe *probe, pgaf_time now)
{
	return probe->asked_at != 0 && now - probe->asked_at > probe_patience(probe);
}

static void
probe_accepted(struct probe *probe, pgaf_time now)
{
	bool open = conn_is_open(probe->conn);

	probe->seen.accepted_at = now;
	probe->seen.asked_new_at = 0;
	probe->seen.refusals = 0;
	probe->seen.gone_at = 0;
	if (open && probe_hangs(probe, now)) {
		probe_give_up_session(probe, now);
		open = false;
	}
	if (!open && !probe->login && now >= probe->no_login_before)
		probe_login(probe);
	if (open)
		probe_next_knock(probe);
	else
		loop_timer_set(probe->knock_timer, probe->knocked_at + probe->probe_interval);
}

static void
probe_knock_answered(void *ctx, enum knock_outcome outcome)
{
	struct probe *probe = ctx;
	pgaf_time now = loop_now(probe->loop);

	probe->knock = NULL;
	if (outcome == KNOCK_ACCEPTED) {
		probe_accepted(probe, now);
	} else {
		if (probe->seen.asked_new_at == 0)
			probe->seen.asked_new_at = probe->knocked_at;
		if (conn_is_open(probe->conn))
			probe_next_knock(probe);
		else
			probe_unanswered(probe, outcome, now);
	}
	probe_tell(probe, false);
}

static pgaf_time
probe_knock_limit(const struct probe *probe)
{
	if (conn_is_open(probe->conn))
		return probe->connect_interval > 0 && probe->connect_interval < PROBE_NEW_LIMIT
		               ? probe->connect_interval
		               : PROBE_NEW_LIMIT;
	/* The short one only while it decides: behind a slow line none would ever be answered. */
	if (probe->seen.closed_at != 0 && probe->seen.gone_at == 0)
		return PROBE_DECISIVE;
	return PROBE_KNOCK_LIMIT;
}

static void
probe_knock(void *ctx)
{
	struct probe *probe = ctx;

	if (probe->knock)
		return;
	probe->knocked_at = loop_now(probe->loop);
	loop_timer_set(probe->knock_timer, PGAF_NEVER);
	probe->knock = knock_start(probe->loop,
	                           &(struct knock_target){.host = probe->host,
	                                                  .port = probe->port,
	                                                  .limit = probe_knock_limit(probe)},
	                           probe_knock_answered, probe);
	if (!probe->knock)
		loop_timer_set(probe->knock_timer, probe->knocked_at + probe->probe_interval);
}

/* ---- construction -------------------------------------------------------------------- */

static struct conn *
probe_make_conn(struct probe *probe, const struct probe_target *target)
{
	char port[16];
	const char *const keywords[] = {
		"port",    "user",        "password",         "dbname",
		"sslmode", "replication", "application_name", "target_session_attrs",
		NULL};
	const char *const values[] = {port,           target->user,    target->password,
	                              target->dbname, target->sslmode, "database",
	                              "pgaf_probe",   "any",           NULL};
	const struct conn_callbacks callbacks = {.opened = probe_opened, .lost = probe_lost};

	snprintf(port, sizeof(port), "%u", target->port);
	return conn_new(probe->loop,
	                &(struct conn_options){
				.keywords = keywords,
				.values = values,
				.host = target->host,
				.connect_limit = PROBE_LOGIN_LIMIT,
				.tcp_user_timeout_ms = PROBE_TCP_USER_TIMEOUT_MS,
			},
	                &callbacks, probe);
}

struct probe *
probe_new(struct loop *loop, const struct probe_target *target, probe_changed_fn changed, void *ctx)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	if (!probe)
		return NULL;
	probe->loop = loop;
	probe->node = target->node;
	probe->port = target->port;
	probe->own_port = target->own_port;
	text_copy(probe->host, sizeof(probe->host), target->host);
	text_copy(probe->own_host, sizeof(probe->own_host), target->own_host);
	probe->probe_interval = target->probe_interval;
	probe->connect_interval = target->connect_interval;
	probe->changed = changed;
	probe->ctx = ctx;
	probe->question_timer = loop_timer_new(loop, probe_ask, probe);
	probe->knock_timer = loop_timer_new(loop, probe_knock, probe);
	probe->conn = probe_make_conn(probe, target);
	if (!probe->question_timer || !probe->knock_timer || !probe->conn) {
		probe_free(probe);
		return NULL;
	}
	loop_timer_set(probe->knock_timer, loop_now(loop));
	return probe;
}

void
probe_set_intervals(struct probe *probe, pgaf_time probe_interval, pgaf_time connect_interval)
{
	probe->probe_interval = probe_interval;
	probe->connect_interval = connect_interval;
}

void
probe_free(struct probe *probe)
{
	if (!probe)
		return;
	knock_cancel(probe->knock);
	loop_resolve_cancel(probe->own_resolve);
	loop_timer_free(probe->question_timer);
	loop_timer_free(probe->knock_timer);
	conn_free(probe->conn);
	free(probe);
}
