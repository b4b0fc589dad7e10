/* SPDX-License-Identifier: PostgreSQL */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

/*
 * One table of settings per program feeds the command line (--long-name), the
 * environment (PGAF_LONG_NAME), the YAML file (long_name) and --help, in that
 * order of strength. Errors name file, line and key, or the option.
 */

#include <pgaf/error.h>

enum option_type {
	OPTION_TEXT,     /* char buffer of .room bytes */
	OPTION_LIST,     /* struct option_list: repeatable option, YAML sequence, commas in the
	                  * environment; what is stronger replaces the whole list */
	OPTION_BOOL,     /* bool; on the command line --name, --name=true|false, --no-name */
	OPTION_FLAG,     /* bool that is only true when given */
	OPTION_COUNT,    /* uint32_t: how often it was given (-vv) */
	OPTION_NUMBER,   /* uint32_t within least..most */
	OPTION_DURATION, /* pgaf_time: 250ms 1.5s 10min 2h */
	OPTION_SIZE,     /* uint64_t bytes: 10MB 1GB */
	OPTION_CHOICE,   /* char buffer, one of .choices "a|b|c" */
	OPTION_ADDRESS,  /* char buffer: host:port, [v6]:port, :port or "off" */
};

#define OPTION_LIST_MAX 16
struct option_list {
	size_t count;
	char items[OPTION_LIST_MAX][1024];
};

struct option_spec {
	const char *name; /* "candidate-priority" */
	char letter;      /* short option, 0 = none */
	enum option_type type;
	size_t offset;       /* in the program's struct */
	size_t room;         /* TEXT, CHOICE, ADDRESS */
	const char *initial; /* text of the default; NULL = empty */
	int64_t least, most; /* NUMBER, DURATION (ns), SIZE */
	const char *choices;
	const char *argument;   /* word in --help: "DIR" */
	const char *doc;        /* one phrase for --help */
	bool only_command_line; /* not in file or environment (-c, --check …) */
	bool secret_path;       /* names a file with a secret; kept out of logs */
	bool reread;            /* a daemon that reads its settings again takes a new value over */
};

/*
 * Fill *into (of the program) with defaults, file, environment, arguments. `file_option` names
 * the spec that holds the YAML path (NULL: no file); a missing default file is fine, a missing
 * named one is not. Arguments that are no options may stand anywhere and are moved behind the
 * options, as getopt does; "--" ends the options. Returns the index of the first of them, or
 * PGAF_ECONFIG. Limits of 0 and 0 are none.
 */
int options_load(const struct option_spec *specs, size_t count, const char *file_option, int argc,
                 char **argv, void *into, struct pgaf_error *error);

/* The first spec from `from` on whose values differ between two structs of the program; NULL. */
const struct option_spec *options_difference(const struct option_spec *from,
                                             const struct option_spec *end, const void *one,
                                             const void *other);

/* --help text for the table, one option a line, wrapped at 100 columns. */
struct text;
void options_help(const struct option_spec *specs, size_t count, struct text *to);

/* 250ms, 1.5s, 10min, 2h; 0 needs no unit. Formatted in the largest unit that divides it. */
bool duration_parse(const char *string, pgaf_time *duration);
void duration_format(pgaf_time duration, struct text *to);
/* 8192, 16kB, 10MB, 1.5GB; units are powers of 1024, as in PostgreSQL. */
bool size_parse(const char *string, uint64_t *bytes);
void size_format(uint64_t bytes, struct text *to);
/* host:port, [v6]:port, :port (host ""), into parts; false when it is none of them. */
bool address_split(const char *address, char *host, size_t room, uint16_t *port);

#endif
