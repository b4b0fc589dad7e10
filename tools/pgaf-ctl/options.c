/* SPDX-License-Identifier: PostgreSQL */
/*
 * The command line: words that name a verb, its arguments, options anywhere
 * between them. One table of options; usage is printed from it and from the
 * table of verbs.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/pure/text.h"
#include "pgaf-ctl/ctl.h"

enum option_kind { KIND_TEXT, KIND_NUMBER, KIND_DURATION, KIND_FLAG };

struct option {
	const char *name;
	const char *argument; /* NULL for flags */
	enum option_kind kind;
	size_t offset;
	uint32_t least, most;
	const char *verbs; /* that take it, "|" between; NULL: all */
	const char *doc;
};

#define AT(member) offsetof(struct options, member)
#define PORTS 1, 65535

static const struct option options[] = {
	{"monitor", "URI", KIND_TEXT, AT(monitor), 0, 0, NULL,
         "the monitor (PGAF_MONITOR); without it the one of this machine"},
	{"formation", "NAME", KIND_TEXT, AT(formation), 0, 0, NULL,
         "formation (PGAF_FORMATION); \"default\" without it"},
	{"group", "N", KIND_NUMBER, AT(group), 0, INT32_MAX, NULL,
         "group (PGAF_GROUP); without it all are shown, or 0 is meant"},
	{"json", NULL, KIND_FLAG, AT(json), 0, 0, NULL, "print JSON"},
	{"timeout", "TIME", KIND_DURATION, AT(timeout), 0, 0, NULL,
         "give up after this long (PGAF_TIMEOUT); 10s, 60s for a change"},
	{"version", NULL, KIND_FLAG, AT(version), 0, 0, NULL, "print the version"},
	{"help", NULL, KIND_FLAG, AT(help), 0, 0, NULL, "print this, or what one command takes"},
	{"count", "N", KIND_NUMBER, AT(count), 1, 100000, "show events",
         "how many events, the newest; 10 without it"},
	{"follow", NULL, KIND_FLAG, AT(follow), 0, 0, "show events", "go on with those that come"},
	{"mermaid", NULL, KIND_FLAG, AT(mermaid), 0, 0, "show rules",
         "draw the states and the rules between them as a Mermaid diagram"},
	{"dry-run", NULL, KIND_FLAG, AT(dry_run), 0, 0,
         "perform failover|perform switchover|drop node",
         "say what would be done, proof and loss with it; change nothing"},
	{"to", "NODE", KIND_TEXT, AT(to), 0, 0, "perform switchover",
         "the node to hand over to; without it the best one"},
	{"allow-data-loss", NULL, KIND_FLAG, AT(allow_data_loss), 0, 0, "perform failover",
         "promote even if acknowledged commits may be lost"},
	{"hostname", "HOST", KIND_TEXT, AT(hostname), 0, 0, "drop node",
         "drop the node that lives at this host and --port"},
	{"port", "PORT", KIND_NUMBER, AT(port), PORTS, "drop node", "see --hostname"},
	{"force", NULL, KIND_FLAG, AT(force), 0, 0, "drop node",
         "do not wait for a keeper that never answers"},
	{"resolvers", "ADDR", KIND_TEXT, AT(resolvers), 0, 0, "haproxy config",
         "name server to ask for the nodes' addresses while HAProxy runs"},
	{"read-write-port", "PORT", KIND_NUMBER, AT(read_write_port), PORTS, "haproxy config",
         "where HAProxy listens for writers; 5000 without it"},
	{"read-only-port", "PORT", KIND_NUMBER, AT(read_only_port), PORTS, "haproxy config",
         "where HAProxy listens for readers; 5001 without it"},
	{"stats-port", "PORT", KIND_NUMBER, AT(stats_port), PORTS, "haproxy config",
         "where HAProxy shows its statistics page; 7000 without it"},
	{"listen", "ADDR", KIND_TEXT, AT(listen), 0, 0, "haproxy config",
         "address that HAProxy listens on; all without it"},
	{"check-interval", "TIME", KIND_DURATION, AT(check_interval), 0, 0, "haproxy config",
         "time between two checks, longer than a round trip; 100ms without it"},
};
#define OPTIONS_COUNT (sizeof(options) / sizeof(options[0]))
_Static_assert(OPTIONS_COUNT <= 64, "struct options has one bit for each");

/* ---- values ----------------------------------------------------------------- */

int
number_parse(const char *what, const char *string, uint32_t least, uint32_t most, uint32_t *number)
{
	uint64_t wide;

	if (!text_to_u64(string, &wide) || wide < least || wide > most)
		return say_error(EXIT_USAGE, "%s cannot be \"%s\": it is a number from %u to %u",
		                 what, string, least, most);
	*number = (uint32_t)wide;
	return EXIT_DONE;
}

static int
option_set(struct ctl *ctl, const struct option *option, const char *name, const char *value)
{
	void *at = (char *)&ctl->options + option->offset;

	ctl->options.given |= UINT64_C(1) << (option - options);
	switch (option->kind) {
	case KIND_FLAG:
		*(bool *)at = true;
		return EXIT_DONE;
	case KIND_NUMBER:
		return number_parse(name, value, option->least, option->most, at);
	case KIND_DURATION:
		if (!duration_parse(value, at) || *(pgaf_time *)at < PGAF_MSEC(1))
			return say_error(EXIT_USAGE,
			                 "%s cannot be \"%s\": write it as 500ms, 10s"
			                 " or 2min",
			                 name, value);
		return EXIT_DONE;
	case KIND_TEXT:
	default:
		if (value[0] == '\0')
			return say_error(EXIT_USAGE, "%s is empty", name);
		*(const char **)at = value;
		return EXIT_DONE;
	}
}

/* The options of all verbs may come from the environment; the command line is stronger. */
static int
environment_read(struct ctl *ctl)
{
	for (size_t i = 0; i < OPTIONS_COUNT; i++) {
		char name[32];
		struct text text = TEXT(name);
		if (options[i].verbs || options[i].kind == KIND_FLAG)
			continue;
		text_addf(&text, "PGAF_%s", options[i].name);
		for (char *at = name; *at != '\0'; at++)
			*at = (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
		const char *value = getenv(name);
		if (value && value[0] != '\0') {
			int code = option_set(ctl, &options[i], name, value);
			if (code != EXIT_DONE)
				return code;
		}
	}
	return EXIT_DONE;
}

/* ---- the command line --------------------------------------------------------- */

static const struct option *
option_named(const char *name, size_t length)
{
	for (size_t i = 0; i < OPTIONS_COUNT; i++) {
		if (strlen(options[i].name) == length &&
		    strncmp(options[i].name, name, length) == 0)
			return &options[i];
	}
	return NULL;
}

static bool
is_uri(const char *word)
{
	return word && (strstr(word, "://") || strchr(word, '='));
}

/* One option at argv[*i]; moves *i over a value that stands behind it. */
static int
option_parse(struct ctl *ctl, char **argv, int *i)
{
	const char *word = argv[*i];
	const char *name = word + 2;
	const char *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	const struct option *option = option_named(name, length);
	const char *value = equals ? equals + 1 : NULL;
	char shown[40];

	if (strncmp(word, "--", 2) != 0 || !option) {
		say_error(EXIT_USAGE, "unknown option \"%s\"", word);
		say_hint("pgaf-ctl --help lists the options");
		return EXIT_USAGE;
	}
	snprintf(shown, sizeof(shown), "--%s", option->name);
	if (option->kind == KIND_FLAG && value)
		return say_error(EXIT_USAGE, "%s takes no value", shown);
	if (option->kind == KIND_FLAG)
		return option_set(ctl, option, shown, NULL);
	/* "show uri --monitor" asks for the monitor's own URI, as in pg_auto_failover. */
	if (option->offset == AT(monitor) && !value && !is_uri(argv[*i + 1])) {
		ctl->options.monitor_uri = true;
		return EXIT_DONE;
	}
	if (!value && !argv[*i + 1])
		return say_error(EXIT_USAGE, "%s needs a value: %s %s", shown, shown,
		                 option->argument);
	return option_set(ctl, option, shown, value ? value : argv[++*i]);
}

/* A number with a sign is a value, though no good one: its verb says so. */
static bool
is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0' && !(word[1] >= '0' && word[1] <= '9');
}

static bool
words_match(const char *words, const char *const *given, unsigned count, unsigned *used)
{
	for (*used = 0; *words != '\0'; ++*used) {
		size_t length = strcspn(words, " ");
		if (*used == count || strlen(given[*used]) != length ||
		    strncmp(given[*used], words, length) != 0)
			return false;
		words += length + (words[length] == ' ');
	}
	return true;
}

static int
unknown_command(const char *const *words, unsigned count)
{
	const char *second = count > 1 ? words[1] : "";
	bool family = false;

	for (size_t i = 0; i < verbs_count; i++) {
		size_t length = strcspn(verbs[i].words, " ");
		family = family || (strlen(words[0]) == length &&
		                    strncmp(verbs[i].words, words[0], length) == 0);
	}
	say_error(EXIT_USAGE, "unknown command \"%s%s%s\"", words[0],
	          family && second[0] ? " " : "", family ? second : "");
	say_hint("pgaf-ctl --help lists the commands");
	return EXIT_USAGE;
}

/* Whether an option belongs to a verb, by the list in its row. */
static bool
option_is_of(const struct option *option, const struct verb *verb)
{
	size_t length = strlen(verb->words);

	for (const char *at = option->verbs; at && *at != '\0'; at += strcspn(at, "|")) {
		at += *at == '|';
		if (strncmp(at, verb->words, length) == 0 &&
		    (at[length] == '|' || at[length] == '\0'))
			return true;
	}
	return !option->verbs;
}

static int
verb_check(const struct ctl *ctl, const struct verb *verb)
{
	for (size_t i = 0; i < OPTIONS_COUNT; i++) {
		bool given = ctl->options.given & UINT64_C(1) << i;
		if (given && !option_is_of(&options[i], verb))
			return say_error(EXIT_USAGE, "\"%s\" does not take --%s", verb->words,
			                 options[i].name);
	}
	if (ctl->options.monitor_uri && verb->run != show_uri)
		return say_error(EXIT_USAGE, "--monitor needs a value: --monitor URI");
	if (ctl->argument_count >= verb->least && ctl->argument_count <= verb->most)
		return EXIT_DONE;
	say_error(EXIT_USAGE, "\"%s\" %s", verb->words,
	          ctl->argument_count < verb->least ? "needs more words" : "has too many words");
	say_hint("usage: pgaf-ctl %s %s", verb->words, verb->arguments);
	return EXIT_USAGE;
}

static int
verb_find(struct ctl *ctl, const char *const *words, unsigned count, const struct verb **verb)
{
	unsigned used = 0;
	size_t i = 0;

	while (i < verbs_count && !words_match(verbs[i].words, words, count, &used))
		i++;
	if (i == verbs_count)
		return unknown_command(words, count);
	*verb = &verbs[i];
	for (unsigned at = used; at < count; at++)
		ctl->arguments[ctl->argument_count++] = words[at];
	return ctl->options.help ? EXIT_DONE : verb_check(ctl, *verb);
}

static int
words_collect(struct ctl *ctl, char **argv, const char *words[ARGUMENTS_MAX], unsigned *count)
{
	bool options_end = false;

	for (int i = 1; argv[i]; i++) {
		if (!options_end && strcmp(argv[i], "--") == 0) {
			options_end = true;
		} else if (!options_end && is_option(argv[i])) {
			int code = option_parse(ctl, argv, &i);
			if (code != EXIT_DONE)
				return code;
		} else if (*count == ARGUMENTS_MAX) {
			return say_error(EXIT_USAGE, "too many words: \"%s\"", argv[i]);
		} else {
			words[(*count)++] = argv[i];
		}
	}
	return EXIT_DONE;
}

int
options_parse(struct ctl *ctl, int argc, char **argv, const struct verb **verb)
{
	const char *words[ARGUMENTS_MAX];
	unsigned count = 0;
	int code;

	(void)argc;
	*verb = NULL;
	ctl->options = (struct options){.formation = "default", .count = 10};
	code = environment_read(ctl);
	ctl->options.group_given = ctl->options.given != 0 && getenv("PGAF_GROUP");
	ctl->options.given = 0;
	if (code == EXIT_DONE)
		code = words_collect(ctl, argv, words, &count);
	if (code != EXIT_DONE)
		return code;
	for (size_t i = 0; i < OPTIONS_COUNT; i++) {
		bool given = ctl->options.given & UINT64_C(1) << i;
		ctl->options.group_given |= given && options[i].offset == AT(group);
		ctl->options.formation_given |= given && options[i].offset == AT(formation);
	}
	if (count > 0)
		return verb_find(ctl, words, count, verb);
	if (ctl->options.help || ctl->options.version)
		return EXIT_DONE;
	say_error(EXIT_USAGE, "a command is missing");
	say_hint("pgaf-ctl --help lists the commands");
	return EXIT_USAGE;
}

/* ---- usage ---------------------------------------------------------------------- */

static void
option_print(const struct option *option)
{
	char left[40];

	snprintf(left, sizeof(left), "--%s%s%s", option->name, option->argument ? " " : "",
	         option->argument ? option->argument : "");
	printf("  %-23s %s\n", left, option->doc);
}

/* Options of one verb under its name. */
static void
own_options_print(const struct verb *verb)
{
	bool head = false;

	for (size_t i = 0; i < OPTIONS_COUNT; i++) {
		if (!options[i].verbs || !option_is_of(&options[i], verb))
			continue;
		if (!head)
			printf("\nOptions of %s:\n", verb->words);
		head = true;
		option_print(&options[i]);
	}
}

static void
verb_print(const struct verb *verb)
{
	char left[96];

	snprintf(left, sizeof(left), "%s%s%s", verb->words, verb->arguments[0] ? " " : "",
	         verb->arguments);
	if (strlen(left) <= 32)
		printf("  %-32s %s\n", left, verb->doc);
	else
		printf("  %s\n  %-32s %s\n", left, "", verb->doc);
}

void
usage_print(const struct verb *verb)
{
	if (verb) {
		printf("usage: pgaf-ctl %s%s%s [option ...]\n\n%s\n", verb->words,
		       verb->arguments[0] ? " " : "", verb->arguments, verb->doc);
		own_options_print(verb);
	} else {
		puts("usage: pgaf-ctl command [argument ...] [option ...]\n\nCommands:");
		for (size_t i = 0; i < verbs_count; i++)
			verb_print(&verbs[i]);
		for (size_t i = 0; i < verbs_count; i++)
			own_options_print(&verbs[i]);
	}
	puts("\nGeneral options:");
	for (size_t i = 0; i < OPTIONS_COUNT; i++) {
		if (!options[i].verbs)
			option_print(&options[i]);
	}
}
