/* SPDX-License-Identifier: PostgreSQL */
#ifndef ENGINE_KEEPER_STATE_H
#define ENGINE_KEEPER_STATE_H

/* Inside of the keeper engine, shared by its files. */

#include "base/log.h"
#include "core/keeper_rules.h"
#include "engine/keeper_env.h"

/* Time an observation stays good: in transition, and when all is calm. */
#define LOOK_SOON    PGAF_MSEC(50)
#define LOOK_WAITERS PGAF_MSEC(200)
#define RETRY_FIRST  PGAF_MSEC(100)
#define RETRY_MOST   PGAF_SECONDS(5)
#define REMIND_AFTER PGAF_SECONDS(30)
/* A server that ends this soon after its start has a reason that lasts, as a full disk does. */
#define FELL_SOON    PGAF_SECONDS(2)
/* Clients that are held back for no longer than this are no news. */
#define HELD_QUIET   PGAF_SECONDS(1)
/* A standby is in reach when this little is missing. */
#define REACH_RECEIVE (UINT64_C(16) << 20)
#define REACH_REPLAY  (UINT64_C(64) << 20)
/* A stream that is open for this long and brought nothing has nothing to bring. */
#define STALL_LIMIT   PGAF_MSEC(250) /* later than this is a process that was not scheduled */
#define STREAM_QUIET  PGAF_MSEC(150)
#define DRY_AFTER     PGAF_SECONDS(10) /* without a stream: why is asked */

struct keeper {
	struct keeper_options    options;
	const struct keeper_ops *ops;
	void                    *world;
	struct logger            logger;
	struct keeper_view       view;
	pgaf_time                now;

	/* What is under way. At most one of step, note, claim begins another. */
	bool                     busy;
	struct step_order        order;
	bool                     saving;
	struct note              pending; /* the note being saved */
	bool                     claiming;
	bool                     claim_granted;
	bool                     noted;
	pgaf_time                claim_sent_at;
	pgaf_time                promoted_at; /* … and not open yet; 0 otherwise */
	bool                     promote_sent; /* the promotion may have been requested */
	char                     give_up[256]; /* why the promotion is to be renounced, "" if not */
	bool                     refreshing;
	bool                     looking;    /* nothing is planned before Postgres was looked at */
	pgaf_time                changed_at; /* by a step, or Postgres ended: older answers lie */
	bool                     again;      /* run the table once more */
	uint64_t                 orders_sent; /* numbers steps */
	uint32_t                 failures;
	pgaf_time                retry_at;
	pgaf_time                reminded_at;
	pgaf_time                start_began; /* the last one of ours; 0: none for this role */
	uint32_t                 falls;       /* ends soon after such a start, in a row */
	pgaf_time                start_after; /* the next start waits until then */
	char                     trouble[256]; /* why the last step failed */
	uint32_t                 rule;       /* that acted last */

	/* Reports. */
	struct report            report;     /* as sent last */
	enum pgaf_state          state;
	pgaf_time                report_due;
	pgaf_time                look_due;
	pgaf_time                due; /* when this was to run next; 0 unknown */
	bool                     answered_since; /* the store answered the last report */
	struct report            facts;      /* stable facts, kept between reports */
	bool                     resave;      /* the pending note could not be written */
	bool                     late;        /* what arrives now may have waited for us */
	uint64_t                 server_start;
	pgaf_time                up_at;       /* when this server was first seen open for writes */
	pgaf_time                held_since;  /* clients are held back; 0 no */
	bool                     held_said;
	uint64_t                 exits;
	pgaf_lsn                 members_flush; /* sum, to see progress */
	pgaf_time                stuck_since;   /* waiters without progress; 0 none */
	pgaf_time                seen_at;       /* last observation */
	pgaf_time                slot_lost_at; /* first seen; 0: no slot is lost */
	pgaf_time                streaming_since; /* 0: does not stream */
	pgaf_time                dry_since;       /* runs as a standby and does not stream; 0 no */
	uint32_t                 peer_count;
	struct peer_view         peers[PGAF_NODES_MAX];
	pgaf_time                peer_at[PGAF_NODES_MAX];

	struct hook_watch        hooks; /* what the operator's programs were told */

	/* Leaving. */
	pgaf_time                leave_at;      /* SIGTERM; 0 no */
	bool                     ended;
	int                      exit_code;
};

/* keeper_report.c */
void report_build(const struct keeper *keeper, struct report *report);
bool report_differs(const struct report *sent, const struct report *next);
void report_send(struct keeper *keeper, bool urgent);
void report_send_if_changed(struct keeper *keeper);
void status_show(struct keeper *keeper);
void warn_if_held(struct keeper *keeper);

/* keeper_hooks.c */
/* `held_back`: why clients are kept out of a running primary; NULL when they are not. */
void hooks_tell(struct keeper *keeper, const struct keeper_status *status, const char *held_back);

/* keeper_act.c */
void act(struct keeper *keeper);
pgaf_time retry_wait(const struct keeper *keeper, uint32_t times);
void step_finished(struct keeper *keeper, const struct step_result *result);
bool step_is_cancellable(enum step step);
void step_cancel(struct keeper *keeper);
void look(struct keeper *keeper);
void renounce(struct keeper *keeper, const char *why);
bool claim_is_current(const struct keeper *keeper);
void claim_settle(struct keeper *keeper);

/* keeper_leave.c */
void leave_run(struct keeper *keeper);
pgaf_time leave_deadline(const struct keeper *keeper);
void keeper_end(struct keeper *keeper, int code);

#endif
