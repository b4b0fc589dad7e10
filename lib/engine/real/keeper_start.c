/* SPDX-License-Identifier: PostgreSQL */
/*
 * From the first look at the directory to a registered node: a node that is
 * known from before begins at once, with or without a monitor; a new one waits
 * until the monitor has given it a number and that is on the disk.
 */

#include <stdlib.h>
#include <string.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "engine/real/keeper_parts.h"
#include "pg/release.h"

#define NAG_EACH PGAF_SECONDS(30)

/* ---- the engine begins -------------------------------------------------------------- */

static int
keeper_make_engine(struct pgaf_keeper *keeper, struct pgaf_error *error)
{
	struct identity *identity = &keeper->identity;

	keeper->logger.node_id = identity->node_id;
	keeper->page.node_id = identity->node_id;
	if (keeper->note.node_id == 0)
		keeper->note.incarnation = identity->incarnation;
	keeper->note.node_id = identity->node_id;
	if (instance_set_passwords(keeper->instance, identity->replicator_password,
	                           identity->probe_password) < 0)
		return error_set(error, PGAF_ESYS, "cannot keep the passwords of replication");
	keeper->engine = keeper_new(&keeper->options, &keeper_world_ops, keeper, &keeper->note,
	                            loop_now(keeper->loop));
	if (!keeper->engine)
		return error_set(error, PGAF_ENOMEM, "out of memory");
	return 0;
}

static void
keeper_begin(struct pgaf_keeper *keeper)
{
	struct pgaf_error error = {0};

	if (keeper_make_engine(keeper, &error) < 0) {
		keeper_real_fail(keeper, &error);
		return;
	}
	if (keeper->link_open)
		keeper_on_link(keeper->engine, loop_now(keeper->loop), true);
	if (keeper->goal_known)
		keeper_on_goal(keeper->engine, loop_now(keeper->loop), &keeper->orders);
	keeper_real_turn(keeper);
}

/* ---- the identity goes to the disk ------------------------------------------------------ */

struct keeper_identity_job {
	struct pgaf_keeper *keeper;
	struct home         home; /* paths only */
	struct identity     identity;
	int                 result;
	struct pgaf_error   error;
};

static void
keeper_identity_work(void *arg)
{
	struct keeper_identity_job *job = arg;

	job->result = identity_save(&job->home, &job->identity, &job->error);
}

static void
keeper_identity_finished(void *arg)
{
	struct keeper_identity_job *job = arg;
	struct pgaf_keeper *keeper = job->keeper;
	struct pgaf_error error = job->error;
	int result = job->result;

	free(job);
	keeper->saving_identity = false;
	if (keeper->closing || keeper->ended)
		return;
	if (result < 0)
		keeper_real_fail(keeper, &error);
	else if (!keeper->engine)
		keeper_begin(keeper);
}

static void
keeper_save_identity(struct pgaf_keeper *keeper)
{
	struct keeper_identity_job *job = calloc(1, sizeof(*job));

	if (job) {
		job->keeper = keeper;
		job->home = keeper->home;
		job->identity = keeper->identity;
	}
	keeper->saving_identity = true;
	if (job && loop_job(keeper->loop, keeper_identity_work, keeper_identity_finished, job) == 0)
		return;
	free(job);
	keeper_real_fail(
		keeper,
		&(struct pgaf_error){.code = PGAF_ENOMEM,
	                             .text = "cannot save the identity: out of memory or threads"});
}

/* ---- what the link says ------------------------------------------------------------------- */

static bool
keeper_take_registration(struct pgaf_keeper *keeper, const struct link_registered *answer)
{
	struct identity now = {
		.node_id     = answer->node_id,
		.incarnation = answer->incarnation,
		.group_id    = keeper->registration.group_id,
	};

	text_copy(now.formation, sizeof(now.formation), keeper->registration.formation);
	text_copy(now.token, sizeof(now.token), answer->token);
	text_copy(now.replicator_password, sizeof(now.replicator_password),
	          answer->replicator_password);
	text_copy(now.probe_password, sizeof(now.probe_password), answer->probe_password);
	if (identity_is_same(&now, &keeper->identity))
		return false;
	keeper->identity = now;
	return true;
}

static void keeper_link_dropped(void *ctx);

/* The store's codes for a node that is gone from it (schema.sql). */
static bool
keeper_is_dropped(const struct pgaf_error *error)
{
	return strcmp(error->sqlstate, "PG903") == 0 || strcmp(error->sqlstate, "PG904") == 0;
}

/* A rebuilt store knows this node by another number. */
static void
keeper_renumber(struct pgaf_keeper *keeper)
{
	keeper->logger.node_id = keeper->identity.node_id;
	keeper->page.node_id = keeper->identity.node_id;
	keeper_on_identity(keeper->engine, loop_now(keeper->loop), keeper->identity.node_id);
}

static void
keeper_registered(void *ctx, int result, const struct link_registered *answer,
                  const struct pgaf_error *error)
{
	struct pgaf_keeper *keeper = ctx;
	bool renumbered = false;

	if (keeper->ended)
		return;
	if (result < 0 && keeper->engine && keeper_is_dropped(error)) {
		keeper_link_dropped(keeper);
		return;
	}
	if (result < 0) {
		keeper_real_fail(keeper, error);
		return;
	}
	renumbered = keeper->engine && answer->node_id != keeper->identity.node_id;
	if (!keeper_take_registration(keeper, answer))
		return;
	log_at(&keeper->logger, PGAF_LOG_INFO, "registered", "registered as node %u of group %s/%u",
	       answer->node_id, keeper->registration.formation, keeper->registration.group_id);
	/* New passwords of a node that already runs; a new node hears them when it begins. */
	if (keeper->engine) {
		instance_set_passwords(keeper->instance, keeper->identity.replicator_password,
		                       keeper->identity.probe_password);
		keeper_on_secrets(keeper->engine, loop_now(keeper->loop));
		if (renumbered)
			keeper_renumber(keeper);
		keeper_real_turn(keeper);
	}
	keeper_save_identity(keeper);
}

static void
keeper_link_opened(void *ctx)
{
	struct pgaf_keeper *keeper = ctx;

	keeper->link_open = true;
	if (keeper->link_error[0] != '\0')
		log_at(&keeper->logger, PGAF_LOG_INFO, "monitor-found", "the monitor answers");
	keeper->link_error[0] = '\0';
	loop_timer_set(keeper->nag, PGAF_NEVER);
	if (!keeper->engine)
		return;
	keeper_on_link(keeper->engine, loop_now(keeper->loop), true);
	keeper_real_turn(keeper);
}

/* Before there is an engine, what is waited for is said here. */
static void
keeper_say_waiting(struct pgaf_keeper *keeper)
{
	if (keeper->engine)
		return;
	keeper->page.ready = false;
	text_copy(keeper->page.waiting, sizeof(keeper->page.waiting), keeper->link_error);
}

void
keeper_start_nag(void *ctx)
{
	struct pgaf_keeper *keeper = ctx;

	log_at(&keeper->logger, PGAF_LOG_WARNING, "waiting-for-monitor", "%s", keeper->link_error);
	loop_timer_set(keeper->nag, loop_now(keeper->loop) + NAG_EACH);
}

static void
keeper_link_lost(void *ctx, const struct pgaf_error *error)
{
	struct pgaf_keeper *keeper = ctx;
	bool first = keeper->link_error[0] == '\0';
	struct text text = TEXT(keeper->link_error);
	bool was_open = keeper->link_open;

	keeper->link_open = false;
	text_addf(&text, "waiting for the monitor: %s", error ? error->text : "no session");
	keeper_say_waiting(keeper);
	if (first)
		keeper_start_nag(keeper);
	if (!keeper->engine || !was_open)
		return;
	keeper_on_link(keeper->engine, loop_now(keeper->loop), false);
	keeper_real_turn(keeper);
}

static void
keeper_link_orders(void *ctx, const struct keeper_orders *orders)
{
	struct pgaf_keeper *keeper = ctx;

	keeper->orders = *orders;
	keeper->goal_known = true;
	if (!keeper->engine)
		return;
	keeper_on_goal(keeper->engine, loop_now(keeper->loop), orders);
	keeper_real_turn(keeper);
}

static void
keeper_link_answered(void *ctx, bool newest)
{
	struct pgaf_keeper *keeper = ctx;

	if (!keeper->engine)
		return;
	keeper_on_answer(keeper->engine, loop_now(keeper->loop), newest);
	keeper_real_turn(keeper);
}

static void
keeper_link_claimed(void *ctx, bool granted, bool known)
{
	struct pgaf_keeper *keeper = ctx;

	if (!keeper->engine)
		return;
	keeper_on_claim(keeper->engine, loop_now(keeper->loop), granted, known);
	keeper_real_turn(keeper);
}

/* The store has no such node any more: to the engine that is a goal like any other. */
static void
keeper_link_dropped(void *ctx)
{
	struct pgaf_keeper *keeper = ctx;
	struct keeper_orders orders = keeper->orders;

	if (!keeper->engine) {
		keeper_real_fail(keeper,
		                 &(struct pgaf_error){
					 .code = PGAF_EREFUSED,
					 .text = "this node was dropped; start with --rejoin to "
						 "join anew"});
		return;
	}
	if (orders.incarnation == 0)
		orders.incarnation = keeper->note.incarnation;
	if (orders.epoch < keeper->page.note.epoch)
		orders.epoch = keeper->page.note.epoch;
	if (orders.epoch < keeper->note.epoch)
		orders.epoch = keeper->note.epoch;
	if (orders.settings.report_interval == 0)
		settings_init(&orders.settings);
	orders.goal = (struct goal){.state = PGAF_STATE_DROPPED, .epoch = orders.epoch};
	keeper->gone = true;
	if (!keeper->link_open)
		keeper_on_link(keeper->engine, loop_now(keeper->loop), true);
	keeper_link_orders(keeper, &orders);
}

void
keeper_start_echo(void *ctx)
{
	struct pgaf_keeper *keeper = ctx;

	keeper_on_answer(keeper->engine, loop_now(keeper->loop), true);
	keeper_real_turn(keeper);
}

const struct link_callbacks keeper_start_callbacks = {
	.registered = keeper_registered,
	.opened     = keeper_link_opened,
	.lost       = keeper_link_lost,
	.orders     = keeper_link_orders,
	.answered   = keeper_link_answered,
	.claimed    = keeper_link_claimed,
	.dropped    = keeper_link_dropped,
};

/* ---- the first look ------------------------------------------------------------------------ */

static int
keeper_take_identity(struct pgaf_keeper *keeper, bool *known, struct pgaf_error *error)
{
	struct link_registration *reg = &keeper->registration;
	struct identity *identity = &keeper->identity;
	int result = identity_load(&keeper->home, identity, known, error);

	if (result < 0)
		return result;
	if (*known && (identity->group_id != reg->group_id ||
	               strcmp(identity->formation, reg->formation) != 0))
		return error_set(error, PGAF_EREFUSED,
		                 "%s belongs to a node of group %s/%u, not "
		                 "of %s/%u",
		                 keeper->home.state_dir, identity->formation, identity->group_id,
		                 reg->formation, reg->group_id);
	result = identity_load_note(&keeper->home, &keeper->note, error);
	if (result < 0)
		return result;
	if (keeper->note.role != NOTE_DROPPED)
		return 0;
	if (!reg->rejoin)
		return error_set(error, PGAF_EREFUSED,
		                 "node %u was dropped from group %s/%u; start with --rejoin to "
		                 "join anew",
		                 identity->node_id, reg->formation, reg->group_id);
	*identity = (struct identity){0};
	keeper->note = (struct note){0};
	return 0;
}

static void
keeper_take_observation(struct link_registration *reg, const struct observation *seen)
{
	reg->has_data = seen->has_data && !seen->clone_unfinished;
	reg->system_identifier = reg->has_data ? seen->system_identifier : 0;
	reg->timeline = reg->has_data ? seen->timeline : 0;
	reg->lsn = reg->has_data ? seen->lsn : 0;
}

void
keeper_start_go(struct pgaf_keeper *keeper)
{
	struct pgaf_error error = {0};

	keeper->looking = false;
	if (keeper->identity.node_id != 0) {
		if (keeper_make_engine(keeper, &error) < 0) {
			keeper_real_fail(keeper, &error);
			return;
		}
		loop_timer_set(keeper->timer, loop_now(keeper->loop));
	}
	keeper->link->ops->enroll(keeper->link, &keeper->registration);
}

/* Any node may become the primary, and there a release with the race loses commits (8b). */
static void
keeper_release_told(void *ctx, int version)
{
	struct pgaf_keeper *keeper = ctx;
	int needed = release_needed(version);
	struct pgaf_error error = {.code = PGAF_EREFUSED};
	struct text text = TEXT(error.text);

	if (!keeper->looking || keeper->ended)
		return;
	text_addf(&text,
	          "PostgreSQL %d.%d acknowledges commits that no standby has, for a moment after "
	          "each start",
	          version / 10000, version % 10000);
	if (release_is_old(version) && !keeper->options.allow_old_minor) {
		text_addf(&text,
		          "; install %d.%d or later, or accept with --allow-old-minor that a "
		          "failover loses them",
		          needed / 10000, needed % 10000);
		keeper_real_fail(keeper, &error);
		return;
	}
	if (release_is_old(version))
		log_at(&keeper->logger, PGAF_LOG_WARNING, "old-minor",
		       "%s; a failover loses them (--allow-old-minor)", error.text);
	keeper_start_go(keeper);
}

int
keeper_start_look(struct pgaf_keeper *keeper, struct pgaf_error *error)
{
	struct link_registration *reg = &keeper->registration;
	struct observation seen = {0};
	bool known = false;
	int result = keeper_take_identity(keeper, &known, error);

	if (result < 0)
		return result;
	result = instance_inspect(keeper->instance, &seen, error);
	if (result < 0)
		return result;
	if (seen.foreign)
		return error_set(error, PGAF_EREFUSED,
		                 "the directory %s is not empty and holds no PostgreSQL cluster",
		                 keeper->home.pgdata);
	reg->was_member = known;
	reg->node_id = keeper->identity.node_id;
	text_copy(reg->token, sizeof(reg->token), keeper->identity.token);
	keeper_take_observation(reg, &seen);
	keeper->looking = true;
	/* Without programs nothing is promised that they could break; a step will miss them. */
	if (instance_ask_release(keeper->instance, keeper_release_told, NULL) < 0)
		keeper_start_go(keeper);
	return 0;
}
