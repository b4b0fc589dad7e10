/* SPDX-License-Identifier: PostgreSQL */
/* A keeper in the real world: made from options, run by its embedder's loop. */

#include <pgaf/keeper.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "engine/real/api.h"
#include "engine/real/keeper_parts.h"
#include "store/postgres.h"

/* ---- the engine's turns and its end ------------------------------------------------ */

void
keeper_real_end(struct pgaf_keeper *keeper, int exit_code)
{
	if (keeper->ended)
		return;
	keeper->ended = true;
	keeper->exit_code = exit_code;
}

void
keeper_real_fail(struct pgaf_keeper *keeper, const struct pgaf_error *error)
{
	if (keeper->ended)
		return;
	keeper->error = *error;
	keeper_real_end(keeper, api_exit_code(error->code));
}

/* What happens while the engine runs waits for its next turn: operations do not call back. */
void
keeper_real_turn(struct pgaf_keeper *keeper)
{
	pgaf_time now = loop_now(keeper->loop);

	assert(!keeper->inside);
	if (!keeper->engine || keeper->ended)
		return;
	keeper->inside = true;
	keeper_run(keeper->engine, now);
	keeper->inside = false;
	loop_timer_set(keeper->timer, keeper_deadline(keeper->engine));
}

static void
keeper_timer_fired(void *ctx)
{
	keeper_real_turn(ctx);
}

/* ---- construction --------------------------------------------------------------------- */

static int
keeper_fill_registration(struct pgaf_keeper *keeper, const struct pgaf_keeper_options *options,
                         struct pgaf_error *error)
{
	struct link_registration *reg = &keeper->registration;
	char host[PGAF_HOST_MAX];
	int result = api_host_name(host, sizeof(host), error);
	const char *http = api_text(options->http, "[::]:8008");
	const char *port = strrchr(http, ':');
	uint64_t number = 0;

	if (result < 0)
		return result;
	if (!text_copy(reg->formation, sizeof(reg->formation),
	               api_text(options->formation, "default")) ||
	    !text_copy(reg->name, sizeof(reg->name), api_text(options->name, host)) ||
	    !text_copy(reg->host, sizeof(reg->host), api_text(options->hostname, host)) ||
	    !text_copy(reg->region, sizeof(reg->region), api_text(options->region, "")))
		return error_set(error, PGAF_ECONFIG,
		                 "formation, name, hostname or region is too long");
	if (options->candidate_priority > 100)
		return error_set(error, PGAF_ECONFIG, "candidate-priority is %u, more than 100",
		                 options->candidate_priority);
	reg->group_id = options->group_id;
	reg->port = options->port != 0 ? options->port : 5432;
	if (port && text_to_u64(port + 1, &number) && number <= UINT16_MAX)
		reg->http_port = (uint32_t)number;
	reg->priority = options->candidate_priority;
	reg->quorum = options->replication_quorum;
	reg->bootstrap = !options->no_bootstrap;
	reg->rejoin = options->rejoin;
	return 0;
}

/* What does not change while it lives. */
static void
keeper_fill(struct pgaf_keeper *keeper, const struct pgaf_keeper_options *options)
{
	const struct link_registration *reg = &keeper->registration;

	keeper->options = (struct keeper_options){
		.group_id        = reg->group_id,
		.no_handover     = options->no_handover,
		.rejoin          = options->rejoin,
		.keep_running    = options->keep_running,
		.allow_old_minor = options->allow_old_minor,
	};
	text_copy(keeper->options.formation, sizeof(keeper->options.formation), reg->formation);
	text_copy(keeper->options.name, sizeof(keeper->options.name), reg->name);
	keeper->page = (struct keeper_page_data){.alive = true, .group_id = reg->group_id};
	text_copy(keeper->page.formation, sizeof(keeper->page.formation), reg->formation);
	text_copy(keeper->page.name, sizeof(keeper->page.name), reg->name);
	text_copy(keeper->page.waiting, sizeof(keeper->page.waiting),
	          "waiting for the monitor: not registered yet");
	keeper->logger = (struct logger){
		.fn        = options->log,
		.ctx       = options->log_ctx,
		.level     = options->log_level,
		.formation = keeper->options.formation,
		.group_id  = (int)reg->group_id,
		.node_name = keeper->options.name,
	};
}

static int
keeper_make_instance(struct pgaf_keeper *keeper, const struct pgaf_keeper_options *options,
                     struct pgaf_error *error)
{
	static const char *const samenet[] = {"samenet", NULL};
	const char **networks = api_list(options->client_networks, options->client_network_count);

	if (!networks)
		return error_set(error, PGAF_ENOMEM, "out of memory");
	keeper->instance = instance_new(
		keeper->loop,
		&(struct instance_options){
			.pgdata              = keeper->home.pgdata,
			.state_dir           = keeper->home.state_dir,
			.bindir              = api_text(options->bindir, ""),
			.listen              = api_text(options->listen, ""),
			.port                = keeper->registration.port,
			.socket_dir          = "",
			.auth                = api_text(options->auth, "scram-sha-256"),
			.ssl                 = !options->no_ssl,
			.ssl_ca_file         = api_text(options->ssl_ca_file, ""),
			.ssl_cert_file       = api_text(options->server_cert, ""),
			.ssl_key_file        = api_text(options->server_key, ""),
			.skip_hba            = options->skip_pg_hba,
			.client_networks     = networks[0] ? networks : samenet,
			.dbname              = api_text(options->dbname, ""),
			.username            = api_text(options->username, ""),
			.password            = api_text(options->password, ""),
			.init_file           = api_text(options->init_file, ""),
			.maximum_backup_rate = api_text(options->maximum_backup_rate, "100M"),
			.replicator_password = "",
			.probe_password      = "",
			.allow_old_minor     = options->allow_old_minor,
		},
		&keeper_world_callbacks, keeper, error);
	free(networks);
	return keeper->instance ? 0 : (error->code != 0 ? error->code : PGAF_ENOMEM);
}

static bool
keeper_is_uri(const char *uri)
{
	return strncmp(uri, "postgres://", 11) == 0 || strncmp(uri, "postgresql://", 13) == 0;
}

/* What may hold a password is not repeated. */
static int
keeper_no_uri(const char *text, struct pgaf_error *error)
{
	bool secret = strstr(text, "password") || strchr(text, '@');

	return error_set(error, PGAF_ECONFIG,
	                 "monitor: %s%s%s is no URI like postgres://pgaf_keeper@HOST:PORT/pgaf",
	                 secret ? "" : "\"", secret ? "this" : text, secret ? "" : "\"");
}

static int
keeper_make_link(struct pgaf_keeper *keeper, const struct pgaf_keeper_options *options,
                 struct pgaf_error *error)
{
	if (options->monitor_count == 0)
		return error_set(error, PGAF_ECONFIG, "no monitor is given");
	for (size_t i = 0; i < options->monitor_count; i++)
		if (!keeper_is_uri(options->monitors[i]))
			return keeper_no_uri(options->monitors[i], error);
	keeper->link = postgres_link_new(keeper->loop,
	                                 &(struct postgres_link_options){
						 .uris        = options->monitors,
						 .uri_count   = options->monitor_count,
						 .join_secret = api_text(options->join_secret, ""),
						 .log         = options->log,
						 .log_ctx     = options->log_ctx,
					 },
	                                 &keeper_start_callbacks, keeper, error);
	if (keeper->link)
		return 0;
	return error->code != 0 ? error->code : PGAF_ENOMEM;
}

static int
keeper_make_http(struct pgaf_keeper *keeper, const struct pgaf_keeper_options *options,
                 struct pgaf_error *error)
{
	const char *address = api_text(options->http, "[::]:8008");

	if (strcmp(address, "off") == 0)
		return 0;
	keeper->http = http_new(keeper->loop, address, keeper_world_page, keeper, error);
	return keeper->http ? 0 : (error->code != 0 ? error->code : PGAF_ESYS);
}

static int
keeper_take_confirm(struct pgaf_keeper *keeper, const char *word, struct pgaf_error *error)
{
	static const char *const words[] = {
		[CONFIRM_AUTO]   = "auto",
		[CONFIRM_ALWAYS] = "always",
		[CONFIRM_NEVER]  = "never",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i]) != 0)
			continue;
		keeper->options.confirm = (enum keeper_confirm)i;
		return 0;
	}
	return error_set(error, PGAF_ECONFIG,
	                 "confirm_recovery is auto, always or never, not \"%s\"", word);
}

/* What will be needed once, much later, is missed while somebody looks. */
static int
keeper_check_init(const struct pgaf_keeper_options *options, struct pgaf_error *error)
{
	const char *file = api_text(options->init_file, "");

	if (file[0] == '\0')
		return 0;
	if (api_text(options->dbname, "")[0] == '\0')
		return error_set(error, PGAF_ECONFIG, "init_file needs dbname, in which it is run");
	if (file[0] != '/')
		return error_set(error, PGAF_ECONFIG, "init_file: \"%s\" must begin with /", file);
	if (access(file, R_OK) != 0)
		return error_set(error, PGAF_ECONFIG, "init_file: %s cannot be read", file);
	return 0;
}

/* The part that touches nothing: are the options right? */
static int
keeper_prepare(struct pgaf_keeper *keeper, const struct pgaf_keeper_options *options,
               struct pgaf_error *error)
{
	int result = 0;

	if (!options->pgdata || options->pgdata[0] == '\0')
		return error_set(error, PGAF_ECONFIG, "pgdata is not given");
	result = home_set_paths(&keeper->home, options->pgdata, options->state_dir, error);
	if (result < 0)
		return result;
	result = keeper_fill_registration(keeper, options, error);
	if (result < 0)
		return result;
	keeper_fill(keeper, options);
	result = keeper_check_init(options, error);
	if (result < 0)
		return result;
	result = keeper_hooks_check(options, error);
	if (result < 0)
		return result;
	result = keeper_take_confirm(keeper, api_text(options->confirm_recovery, "auto"), error);
	if (result < 0)
		return result;
	keeper->loop = loop_new(error);
	if (!keeper->loop)
		return error->code;
	keeper->timer = loop_timer_new(keeper->loop, keeper_timer_fired, keeper);
	keeper->nag = loop_timer_new(keeper->loop, keeper_start_nag, keeper);
	keeper->echo = loop_timer_new(keeper->loop, keeper_start_echo, keeper);
	if (!keeper->timer || !keeper->nag || !keeper->echo)
		return error_set(error, PGAF_ENOMEM, "out of memory");
	return keeper_make_link(keeper, options, error);
}

/* What must be asked for is said at each start. */
static void
keeper_warn(const struct pgaf_keeper *keeper, const struct pgaf_keeper_options *options)
{
	if (options->no_ssl)
		log_at(&keeper->logger, PGAF_LOG_WARNING, "no-ssl",
		       "connections to Postgres are not encrypted (--no-ssl)");
	if (strcmp(api_text(options->auth, ""), "trust") == 0)
		log_at(&keeper->logger, PGAF_LOG_WARNING, "auth-trust",
		       "whoever can reach Postgres may do everything (--auth trust)");
}

static void
keeper_certificate_read(void *ctx, uint64_t seconds)
{
	struct pgaf_keeper *keeper = ctx;

	keeper->page.certificate_expiry = seconds;
}

static int
keeper_watch_certificate(struct pgaf_keeper *keeper, struct pgaf_error *error)
{
	const char *file = instance_certificate(keeper->instance);

	if (file[0] == '\0')
		return 0;
	keeper->expiry = expiry_new(keeper->loop, file, keeper_certificate_read, keeper);
	return keeper->expiry ? 0 : error_set(error, PGAF_ENOMEM, "out of memory");
}

static int
keeper_make(struct pgaf_keeper *keeper, const struct pgaf_keeper_options *options,
            struct pgaf_error *error)
{
	int result = home_open(&keeper->home, options->pgdata, options->state_dir, error);

	if (result < 0)
		return result;
	result = keeper_make_instance(keeper, options, error);
	if (result < 0)
		return result;
	keeper_warn(keeper, options);
	result = keeper_watch_certificate(keeper, error);
	if (result == 0)
		result = keeper_hooks_make(keeper, options, error);
	if (result < 0)
		return result;
	result = keeper_make_http(keeper, options, error);
	return result < 0 ? result : keeper_start_look(keeper, error);
}

/* A keeper from the caller's options; made in full or only as far as is needed to judge them. */
static struct pgaf_keeper *
keeper_from(const struct pgaf_keeper_options *options, bool full, struct pgaf_error *error)
{
	struct pgaf_keeper_options own;
	struct pgaf_keeper *keeper = NULL;

	*error = (struct pgaf_error){0};
	if (api_take_options(&own, sizeof(own), options, error) < 0)
		return NULL;
	keeper = calloc(1, sizeof(*keeper));
	if (!keeper) {
		error_set(error, PGAF_ENOMEM, "out of memory");
		return NULL;
	}
	keeper->home = (struct home){.state_lock = -1, .data_lock = -1};
	if (keeper_prepare(keeper, &own, error) == 0 &&
	    (!full || keeper_make(keeper, &own, error) == 0))
		return keeper;
	pgaf_keeper_free(keeper);
	return NULL;
}

struct pgaf_keeper *
pgaf_keeper_new(const struct pgaf_keeper_options *options, struct pgaf_error *error)
{
	struct pgaf_error local;

	return keeper_from(options, true, error ? error : &local);
}

int
pgaf_keeper_check(const struct pgaf_keeper_options *options, struct pgaf_error *error)
{
	struct pgaf_error local;
	struct pgaf_error *said = error ? error : &local;
	struct pgaf_keeper *keeper = keeper_from(options, false, said);

	pgaf_keeper_free(keeper);
	return keeper ? 0 : said->code;
}

void
pgaf_keeper_free(struct pgaf_keeper *keeper)
{
	if (!keeper)
		return;
	keeper->closing = true;
	if (keeper->http)
		http_free(keeper->http);
	keeper_world_free(keeper);
	if (keeper->link)
		keeper->link->ops->free(keeper->link);
	if (keeper->instance)
		instance_free(keeper->instance);
	hooks_free(keeper->hooks);
	expiry_free(keeper->expiry);
	loop_timer_free(keeper->timer);
	loop_timer_free(keeper->nag);
	loop_timer_free(keeper->echo);
	/* Waits for what is being written, which still looks at the keeper when it is done. */
	loop_free(keeper->loop);
	if (keeper->engine)
		keeper_free(keeper->engine);
	home_close(&keeper->home);
	explicit_bzero(&keeper->identity, sizeof(keeper->identity));
	free(keeper);
}

/* ---- the embedder's loop ----------------------------------------------------------------- */

int
pgaf_keeper_fd(const struct pgaf_keeper *keeper)
{
	return loop_fd(keeper->loop);
}

pgaf_time
pgaf_keeper_deadline(const struct pgaf_keeper *keeper)
{
	return keeper->ended ? loop_now(keeper->loop) : loop_deadline(keeper->loop);
}

int
pgaf_keeper_dispatch(struct pgaf_keeper *keeper)
{
	if (!keeper->ended)
		loop_dispatch(keeper->loop);
	return keeper->ended ? 0 : 1;
}

void
pgaf_keeper_stop(struct pgaf_keeper *keeper)
{
	if (keeper->looking)
		keeper_start_go(keeper);
	if (!keeper->engine) {
		keeper_real_end(keeper, 0);
		return;
	}
	keeper_on_terminate(keeper->engine, loop_now(keeper->loop));
	loop_timer_set(keeper->timer, loop_now(keeper->loop));
}

void
pgaf_keeper_leave(struct pgaf_keeper *keeper)
{
	if (!keeper->engine) {
		keeper_real_end(keeper, 0);
		return;
	}
	keeper_on_leave(keeper->engine, loop_now(keeper->loop));
	loop_timer_set(keeper->timer, loop_now(keeper->loop));
}

void
pgaf_keeper_reload(struct pgaf_keeper *keeper)
{
	instance_reload(keeper->instance);
	if (keeper->expiry)
		expiry_read(keeper->expiry);
}

int
pgaf_keeper_reconfigure(struct pgaf_keeper *keeper, const struct pgaf_keeper_options *options,
                        struct pgaf_error *error)
{
	struct pgaf_keeper_options own;
	struct pgaf_error local;
	struct pgaf_error *said = error ? error : &local;
	int result = 0;

	*said = (struct pgaf_error){0};
	result = api_take_options(&own, sizeof(own), options, said);
	return result < 0 ? result : keeper_hooks_set(keeper, &own, said);
}

int
pgaf_keeper_exit_code(const struct pgaf_keeper *keeper, struct pgaf_error *error)
{
	if (error)
		*error = keeper->error;
	return keeper->ended ? keeper->exit_code : -1;
}

bool
pgaf_keeper_owns(const struct pgaf_keeper *keeper, int pid)
{
	return loop_owns(keeper->loop, pid);
}
