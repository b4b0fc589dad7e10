/* SPDX-License-Identifier: PostgreSQL */
/*
 * The keeper engine's operations on the real world, and the way back: what
 * Postgres, disk and peers say is handed to the engine in the same dispatch.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "engine/real/keeper_parts.h"

/* The question on the open session is what a witness goes by: fresh connects only in doubt. */
#define WATCH_CONNECT_INTERVAL 0
/* An answer counts for peer_report_age, so every second question of the monitor's pace will do. */
#define WATCH_PACE 2

/* ---- Postgres -------------------------------------------------------------------- */

static void
keeper_world_step(void *world, const struct step_order *order)
{
	struct pgaf_keeper *keeper = world;

	instance_step(keeper->instance, order);
}

static void
keeper_world_cancel(void *world)
{
	struct pgaf_keeper *keeper = world;

	instance_cancel(keeper->instance);
}

static void
keeper_world_observe(void *world)
{
	struct pgaf_keeper *keeper = world;

	instance_observe(keeper->instance);
}

static void
keeper_step_done(void *ctx, const struct step_result *result)
{
	struct pgaf_keeper *keeper = ctx;
	struct pgaf_error error = {0};

	/* A clone puts another directory in the place of the one that is locked. */
	if (home_lock_again(&keeper->home, &error) < 0) {
		keeper_real_fail(keeper, &error);
		return;
	}
	if (!keeper->engine)
		return;
	keeper_on_step(keeper->engine, loop_now(keeper->loop), result);
	keeper_real_turn(keeper);
}

static void
keeper_observed(void *ctx, const struct observation *seen)
{
	struct pgaf_keeper *keeper = ctx;

	if (!keeper->engine)
		return;
	keeper_on_observation(keeper->engine, loop_now(keeper->loop), seen);
	keeper_real_turn(keeper);
}

static void
keeper_exited(void *ctx, bool inside)
{
	struct pgaf_keeper *keeper = ctx;

	if (!keeper->engine)
		return;
	keeper_on_exit(keeper->engine, loop_now(keeper->loop), inside);
	keeper_real_turn(keeper);
}

static void
keeper_instance_log(void *ctx, int level, const char *event, const char *text)
{
	struct pgaf_keeper *keeper = ctx;

	log_at(&keeper->logger, (enum pgaf_log_level)level, event, "%s", text);
}

const struct instance_callbacks keeper_world_callbacks = {
	.step_done = keeper_step_done,
	.observed  = keeper_observed,
	.exited    = keeper_exited,
	.log       = keeper_instance_log,
};

/* ---- the link ------------------------------------------------------------------------ */

static void
keeper_world_report(void *world, const struct report *report, bool urgent)
{
	struct pgaf_keeper *keeper = world;

	/* A store without this node answers nothing, and what it would is known. */
	if (keeper->gone)
		loop_timer_set(keeper->echo, loop_now(keeper->loop));
	else
		keeper->link->ops->report(keeper->link, report, urgent);
}

static void
keeper_world_claim(void *world, uint64_t epoch)
{
	struct pgaf_keeper *keeper = world;

	keeper->link->ops->claim(keeper->link, epoch);
}

static void
keeper_world_refresh(void *world)
{
	struct pgaf_keeper *keeper = world;

	keeper->link->ops->refresh(keeper->link);
}

/* ---- the note -------------------------------------------------------------------------- */

struct keeper_note_job {
	struct pgaf_keeper *keeper;
	struct home         home; /* paths only */
	char                line[IDENTITY_NOTE_MAX];
	int                 result;
	struct pgaf_error   error;
};

static void keeper_save_next(struct pgaf_keeper *keeper);

static void
keeper_note_work(void *arg)
{
	struct keeper_note_job *job = arg;

	job->result = identity_save_note(&job->home, job->line, &job->error);
}

static void
keeper_note_finished(void *arg)
{
	struct keeper_note_job *job = arg;
	struct pgaf_keeper *keeper = job->keeper;
	struct keeper_saving *saving = &keeper->saving;
	bool saved = job->result == 0;
	/* Those that came meanwhile wait for the next write, which holds the last of them. */
	uint32_t answered = saving->waiting[0] != '\0' ? 1 : saving->asked;

	if (!saved)
		log_at(&keeper->logger, PGAF_LOG_ERROR, "note-not-saved", "%s", job->error.text);
	free(job);
	saving->busy = false;
	saving->asked -= answered;
	if (keeper->closing || !keeper->engine)
		return;
	if (saving->waiting[0] != '\0')
		keeper_save_next(keeper);
	for (; answered > 0; answered--)
		keeper_on_noted(keeper->engine, loop_now(keeper->loop), saved);
	keeper_real_turn(keeper);
}

/* Jobs run on threads of their own, so one at a time keeps their order. */
static void
keeper_save_next(struct pgaf_keeper *keeper)
{
	struct keeper_saving *saving = &keeper->saving;
	struct keeper_note_job *job = calloc(1, sizeof(*job));

	if (job) {
		job->keeper = keeper;
		job->home = keeper->home;
		text_copy(job->line, sizeof(job->line), saving->waiting);
	}
	saving->waiting[0] = '\0';
	saving->busy = true;
	if (job && loop_job(keeper->loop, keeper_note_work, keeper_note_finished, job) == 0)
		return;
	/* Without memory or a thread nothing can be promised. */
	free(job);
	saving->busy = false;
	keeper_real_fail(keeper, &(struct pgaf_error){
					 .code = PGAF_ENOMEM,
					 .text = "cannot save the note: out of memory or threads"});
}

static void
keeper_world_save(void *world, const struct note *note)
{
	struct pgaf_keeper *keeper = world;
	struct keeper_saving *saving = &keeper->saving;
	struct text text = TEXT(saving->waiting);

	note_write(note, &text);
	text_add(&text, "\n");
	saving->asked++;
	if (text.cut)
		keeper_real_fail(keeper, &(struct pgaf_error){.code = PGAF_E2BIG,
		                                              .text = "the note is too long"});
	else if (!saving->busy)
		keeper_save_next(keeper);
}

/* ---- peers -------------------------------------------------------------------------------- */

static void
keeper_peer_changed(void *ctx, pgaf_node_id node, const struct sighting *sighting, bool follows_us)
{
	struct keeper_watch *watch = ctx;
	struct pgaf_keeper *keeper = watch->keeper;
	pgaf_time now = loop_now(keeper->loop);
	pgaf_time age = now - sighting->answered_at;
	struct peer_view view = {
		.node        = node,
		.reached     = sighting->answered_at != 0 && sighting->closed_at == 0,
		.age_ms = age < PGAF_MSEC(UINT32_MAX) ? (uint32_t)(age / PGAF_MSEC(1)) : UINT32_MAX,
		.in_recovery = sighting->in_recovery,
		.timeline    = sighting->timeline,
	};

	keeper_on_peer(keeper->engine, now, &view, follows_us);
	keeper_real_turn(keeper);
}

static bool
keeper_watch_is(const struct keeper_watch *watch, const struct peer *peer)
{
	return watch->peer.id == peer->id && watch->peer.port == peer->port &&
	       strcmp(watch->peer.host, peer->host) == 0;
}

static const struct peer *
keeper_find_peer(const struct peer *peers, uint32_t count, const struct keeper_watch *watch)
{
	for (uint32_t i = 0; i < count; i++)
		if (keeper_watch_is(watch, &peers[i]))
			return &peers[i];
	return NULL;
}

static void
keeper_watch_start(struct keeper_watch *watch, const struct peer *peer)
{
	struct pgaf_keeper *keeper = watch->keeper;

	watch->peer = *peer;
	watch->probe = probe_new(keeper->loop,
	                         &(struct probe_target){
					 .node     = peer->id,
					 .host     = peer->host,
					 .port     = peer->port,
					 .user     = "pgaf_probe",
					 .password = keeper->identity.probe_password,
					 .dbname   = "postgres",
					 .sslmode  = "prefer",
					 .own_host = keeper->registration.host,
					 .own_port = keeper->registration.port,
					 .probe_interval = keeper->watch_interval,
					 .connect_interval = WATCH_CONNECT_INTERVAL,
				 },
	                         keeper_peer_changed, watch);
	if (!watch->probe)
		watch->peer = (struct peer){0}; /* out of memory: tried again with the next call */
}

static void
keeper_watch_stop(struct keeper_watch *watch)
{
	probe_free(watch->probe);
	watch->probe = NULL;
	watch->peer = (struct peer){0};
}

static void
keeper_watch_add(struct pgaf_keeper *keeper, const struct peer *peer)
{
	struct keeper_watch *free_one = NULL;

	for (size_t i = 0; i < PGAF_NODES_MAX; i++) {
		struct keeper_watch *watch = &keeper->watches[i];

		if (watch->probe && keeper_watch_is(watch, peer))
			return;
		if (!watch->probe && !free_one)
			free_one = watch;
	}
	if (free_one) {
		free_one->keeper = keeper;
		keeper_watch_start(free_one, peer);
	}
}

static void
keeper_world_tune(void *world, const struct settings *settings)
{
	struct pgaf_keeper *keeper = world;

	instance_tune(keeper->instance, settings);
}

static void
keeper_world_watch_peers(void *world, const struct peer *peers, uint32_t count, pgaf_time interval)
{
	struct pgaf_keeper *keeper = world;

	interval *= WATCH_PACE;
	keeper->watch_interval = interval;
	for (size_t i = 0; i < PGAF_NODES_MAX; i++) {
		struct keeper_watch *watch = &keeper->watches[i];

		if (!watch->probe)
			continue;
		if (keeper_find_peer(peers, count, watch))
			probe_set_intervals(watch->probe, interval, WATCH_CONNECT_INTERVAL);
		else
			keeper_watch_stop(watch);
	}
	for (uint32_t i = 0; i < count; i++)
		keeper_watch_add(keeper, &peers[i]);
}

/* ---- the HTTP face --------------------------------------------------------------------------- */

static void
keeper_world_show(void *world, const struct keeper_status *status)
{
	struct pgaf_keeper *keeper = world;
	struct keeper_page_data *page = &keeper->page;
	bool was_open = page->primary_open;

	page->primary_open = status->route == ROUTE_PRIMARY;
	page->standby_open = status->route == ROUTE_STANDBY;
	page->synchronous = status->synchronous;
	page->ready = status->ready;
	page->alive = status->alive;
	text_copy(page->waiting, sizeof(page->waiting), status->waiting ? status->waiting : "");
	page->node_id = status->node_id;
	page->report = *status->report;
	page->seen = *status->seen;
	page->note = *status->note;
	page->primary = status->primary;
	page->peer_count = status->peer_count;
	if (status->peer_count > 0)
		memcpy(page->peers, status->peers, status->peer_count * sizeof(page->peers[0]));
	if (page->primary_open && !was_open && status->note->promotion != keeper->last_promotion) {
		keeper->last_promotion = status->note->promotion;
		page->promotions++;
		histogram_add(&page->claims, page->report.claim_ms);
		histogram_add(&page->promotes, page->report.promote_ms);
	}
}

void
keeper_world_page(void *ctx, const struct http_request *request, struct http_answer *answer)
{
	struct pgaf_keeper *keeper = ctx;

	keeper_page(&keeper->page, request, answer);
}

/* ---- the rest ------------------------------------------------------------------------------ */

static void
keeper_world_ended(void *world, int code)
{
	keeper_real_end(world, code);
}

static uint64_t
keeper_world_random(void *world)
{
	uint64_t number = 0;

	(void)world;
	arc4random_buf(&number, sizeof(number));
	return number;
}

static void
keeper_world_log(void *world, const struct pgaf_log *record)
{
	struct pgaf_keeper *keeper = world;

	if (keeper->logger.fn && record->level <= keeper->logger.level)
		keeper->logger.fn(keeper->logger.ctx, record);
}

void
keeper_world_free(struct pgaf_keeper *keeper)
{
	for (size_t i = 0; i < PGAF_NODES_MAX; i++)
		keeper_watch_stop(&keeper->watches[i]);
}

const struct keeper_ops keeper_world_ops = {
	.step        = keeper_world_step,
	.cancel      = keeper_world_cancel,
	.observe     = keeper_world_observe,
	.report      = keeper_world_report,
	.claim       = keeper_world_claim,
	.refresh     = keeper_world_refresh,
	.save        = keeper_world_save,
	.watch_peers = keeper_world_watch_peers,
	.tune        = keeper_world_tune,
	.show        = keeper_world_show,
	.hook        = keeper_hooks_call,
	.ended       = keeper_world_ended,
	.random      = keeper_world_random,
	.log         = keeper_world_log,
};
