/* SPDX-License-Identifier: PostgreSQL */
/*
 * Values are always quoted, so there is one way to write and one to read them.
 * pgaf.* are parameters of our own: they change in the same reload as the
 * conninfo they describe.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/pure/text.h"
#include "pg/conf.h"

#define INCLUDE_NOTE "# pgaf owns the settings in this file; the include stays the last line."
#define INCLUDE_LINE "include_if_exists = '" CONF_FILE "'"
#define NAME_MAX_BYTES 64

/* What no node of a group can do without (PROTOCOL 19, 30, 35, 39, 40). */
static const struct {
	const char *name;
	const char *value;
	unsigned since; /* major version; 0 = all */
} fixed[] = {
	{"hot_standby", "on", 0},
	{"hot_standby_feedback", "on", 0},
	{"max_standby_streaming_delay", "1s", 0},
	{"max_standby_archive_delay", "1s", 0},
	{"wal_retrieve_retry_interval", "20ms", 0},
	{"wal_sender_timeout", "5s", 0},
	{"wal_receiver_timeout", "5s", 0},
	{"max_slot_wal_keep_size", "4GB", 0},
	{"wal_keep_size", "64MB", 0}, /* a rewind copies all of it */
	{"restart_after_crash", "off", 0},
	{"fsync", "on", 0},
	{"full_page_writes", "on", 0},
	{"synchronous_commit", "on", 0},
	{"recovery_target_timeline", "latest", 0},
	{"restore_command", "", 0}, /* it would run in every promotion (PROTOCOL 41) */
	{"password_encryption", "scram-sha-256", 0},
	{"lc_messages", "C", 0},
	/* After a crash every file is synced one by one before recovery begins: seconds. */
	{"recovery_init_sync_method", "syncfs", 14},
	/* A node may be away as long as its WAL is there; a peer's slot on a standby is idle. */
	{"idle_replication_slot_timeout", "0", 18},
};

/* Calls one function for each owned parameter, so that writing and listing cannot differ. */
typedef void (*visit_fn)(struct text *to, const char *name, const char *value);

static void
visit_number(struct text *to, visit_fn visit, const char *name, uint32_t value)
{
	char digits[16];
	struct text number = TEXT(digits);

	text_addf(&number, "%u", (unsigned)value);
	visit(to, name, digits);
}

static void
visit_limits(const struct conf *conf, struct text *to, visit_fn visit)
{
	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		const char *name = control_limit_name((enum control_limit)i);

		if (i == LIMIT_WAL_SENDERS)
			visit_number(to, visit, name,
			             conf->limits[i] > conf->senders ? conf->limits[i]
			                                             : conf->senders);
		else if (conf->limits[i] > 0)
			visit_number(to, visit, name, conf->limits[i]);
	}
	visit_number(to, visit, "max_replication_slots", conf->slots);
}

static void
visit_all(const struct conf *conf, struct text *to, visit_fn visit)
{
	char slot[32] = "";
	struct text name = TEXT(slot);

	visit(to, "listen_addresses", conf->listen);
	visit(to, "port", conf->port);
	visit(to, "unix_socket_directories", conf->socket_dirs);
	visit(to, "ssl", conf->ssl ? "on" : "off");
	if (conf->ssl) {
		visit(to, "ssl_cert_file", conf->cert_file);
		visit(to, "ssl_key_file", conf->key_file);
		visit(to, "ssl_ca_file", conf->ca_file);
	}
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (conf->major >= fixed[i].since)
			visit(to, fixed[i].name, fixed[i].value);
	if (conf->wal_level)
		visit(to, "wal_level", "replica");
	if (conf->log_hints)
		visit(to, "wal_log_hints", "on");
	visit_limits(conf, to, visit);
	if (conf->self != 0)
		text_addf(&name, "pgaf_%u", (unsigned)conf->self);
	visit(to, "primary_slot_name", slot);
	visit(to, "primary_conninfo", conf->conninfo);
	visit(to, "synchronous_standby_names", conf->sync_names);
	visit_number(to, visit, "pgaf.node", conf->self);
	visit_number(to, visit, "pgaf.upstream", conf->upstream);
	visit_number(to, visit, "pgaf.admission", conf->admission);
	visit(to, "pgaf.closed", conf->closed ? "on" : "off");
}

void
conf_write(const struct conf *conf, struct text *to)
{
	text_add(to, "# Written by pgaf, and again whenever a role or a setting changes.\n"
	             "# What is changed here by hand is lost.\n");
	visit_all(conf, to, text_add_setting);
}

static void
list_name(struct text *to, const char *name, const char *value)
{
	(void)value;
	text_addf(to, "%s'%s'", to->used == 0 ? "" : ",", name);
}

void
conf_owned_names(const struct conf *conf, struct text *to)
{
	visit_all(conf, to, list_name);
}

/* The value behind the name: quoted, or one word. */
static void
parse_value(const char *at, struct text *value)
{
	bool quoted = *at == '\'';

	at += quoted;
	while (*at != '\0' && *at != '\n') {
		if (quoted && at[0] == '\'' && at[1] != '\'')
			return;
		if (!quoted && strchr("# \t\r", *at) != NULL)
			return;
		if (quoted && (*at == '\'' || *at == '\\') && at[1] != '\0')
			at++;
		text_add_bytes(value, at, 1);
		at++;
	}
}

/* One line "name = value"; false for comments and what is none. */
static bool
parse_line(const char *line, char name[NAME_MAX_BYTES], struct text *value)
{
	line += strspn(line, " \t");
	size_t length = strcspn(line, "= \t\r\n#'");
	if (length == 0 || length >= NAME_MAX_BYTES)
		return false;
	memcpy(name, line, length);
	name[length] = '\0';
	line += length;
	line += strspn(line, " \t");
	if (*line == '=')
		line++;
	line += strspn(line, " \t");
	if (*line == '\0' || *line == '\n' || *line == '#')
		return false;
	parse_value(line, value);
	return true;
}

static const char *
next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end == NULL ? NULL : end + 1;
}

bool
conf_lookup(const char *content, const char *name, char *to, size_t room)
{
	bool found = false;

	/* The last one counts. */
	for (const char *line = content; line != NULL; line = next_line(line)) {
		char key[NAME_MAX_BYTES];
		char bytes[2048];
		struct text value = TEXT(bytes);

		text_add(&value, "");
		if (parse_line(line, key, &value) && strcasecmp(key, name) == 0)
			found = text_copy(to, room, bytes);
	}
	return found;
}

static uint32_t
lookup_number(const char *content, const char *name)
{
	char text[32];
	uint64_t number = 0;

	if (!conf_lookup(content, name, text, sizeof(text)) || !text_to_u64(text, &number) ||
	    number > UINT32_MAX)
		return 0;
	return (uint32_t)number;
}

void
conf_read(const char *content, struct conf *conf)
{
	char closed[8] = "";

	conf->closed = conf_lookup(content, "pgaf.closed", closed, sizeof(closed)) &&
	               strcmp(closed, "on") == 0;
	conf->self = lookup_number(content, "pgaf.node");
	conf->upstream = lookup_number(content, "pgaf.upstream");
	conf->admission = lookup_number(content, "pgaf.admission");
	if (!conf_lookup(content, "primary_conninfo", conf->conninfo, sizeof(conf->conninfo)))
		conf->conninfo[0] = '\0';
	if (!conf_lookup(content, "synchronous_standby_names", conf->sync_names,
	                 sizeof(conf->sync_names)))
		conf->sync_names[0] = '\0';
	for (size_t i = 0; i < LIMIT_COUNT; i++)
		conf->limits[i] = lookup_number(content, control_limit_name((enum control_limit)i));
	/* Always written, so it does not tell a floor of ours from the primary's. */
	conf->senders = conf->limits[LIMIT_WAL_SENDERS];
	conf->limits[LIMIT_WAL_SENDERS] = 0;
	conf->slots = lookup_number(content, "max_replication_slots");
}

static bool
is_include(const char *line)
{
	return strncmp(line, INCLUDE_LINE, strlen(INCLUDE_LINE)) == 0 ||
	       strncmp(line, INCLUDE_NOTE, strlen(INCLUDE_NOTE)) == 0;
}

/* The last line that is neither empty nor a comment. */
static bool
include_is_last(const char *content)
{
	const char *last = NULL;
	uint32_t count = 0;

	for (const char *line = content; line != NULL && *line != '\0'; line = next_line(line)) {
		if (strncmp(line, INCLUDE_LINE, strlen(INCLUDE_LINE)) == 0)
			count++;
		if (strchr("\r\n#", *line) == NULL)
			last = line;
	}
	return count == 1 && last != NULL && is_include(last);
}

bool
conf_include(const char *content, struct text *to)
{
	if (include_is_last(content))
		return false;
	for (const char *line = content; line != NULL && *line != '\0'; line = next_line(line)) {
		size_t length = strcspn(line, "\n");

		if (is_include(line))
			continue;
		text_add_bytes(to, line, length);
		text_add(to, "\n");
	}
	text_add(to, INCLUDE_NOTE "\n" INCLUDE_LINE "\n");
	return true;
}
