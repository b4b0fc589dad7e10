/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_CONF_H
#define PG_CONF_H

/*
 * pgaf.conf, the one configuration file that pgaf owns, and the line of
 * postgresql.conf that includes it. Written as a whole each time; what it says
 * of the role (upstream, names) is read back from it after a restart.
 */

#include "core/model.h"
#include "pg/control.h"

struct text;

#define CONF_FILE "pgaf.conf"
#define CONF_ROOM 16384
#define CONNINFO_MAX 1024

struct conf {
	unsigned major;        /* release; 0 = not known */
	pgaf_node_id self;     /* 0 = not known yet: no slot is used */
	pgaf_node_id upstream; /* 0 = follows nobody */
	uint32_t admission;
	char conninfo[CONNINFO_MAX]; /* "" = none */
	char sync_names[512];
	uint32_t limits[LIMIT_COUNT]; /* at least these, for a standby; 0 = not ours */
	uint32_t senders;             /* max_wal_senders and max_replication_slots */
	uint32_t slots;
	bool closed;    /* pg_hba.conf holds clients back, or may */
	bool log_hints; /* no checksums: pg_rewind needs them */
	bool wal_level; /* the operator's is too low */
	/* Of the options; borrowed. */
	const char *listen;
	const char *port;
	const char *socket_dirs;
	bool ssl;
	const char *ca_file;
	const char *cert_file;
	const char *key_file;
};

void conf_write(const struct conf *conf, struct text *to);

/* What a file written earlier says of upstream, names, node and limits. */
void conf_read(const char *content, struct conf *conf);

/*
 * postgresql.conf with the include as its last line, once. False and nothing
 * written when it is so already.
 */
bool conf_include(const char *content, struct text *to);

/* Names of all parameters that conf_write() writes, as SQL literals with commas. */
void conf_owned_names(const struct conf *conf, struct text *to);

/* The value of `name` in a configuration file that the operator wrote; false when not set. */
bool conf_lookup(const char *content, const char *name, char *to, size_t room);

#endif
