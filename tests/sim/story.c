/* SPDX-License-Identifier: PostgreSQL */
/*
 * A story as text, for people and for playing it again. Times are seconds,
 * exact to the nanosecond: a rounded story is another story.
 */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

struct fault_words {
	const char *name, *text;
	bool lasts;
};

#define FAULT_WORDS(name, lasts, text) {#name, text, lasts},
static const struct fault_words faults[SIM_FAULT_COUNT] = {FAULTS(FAULT_WORDS)};
#undef FAULT_WORDS

#define CHANCE_WORD(field, word, doc) word,
static const char *const chances[CHANCE_COUNT] = {CHANCES(CHANCE_WORD)};
#undef CHANCE_WORD

#define SINCE_WORD(name, word) word,
static const char *const sinces[SINCE_COUNT] = {SINCES(SINCE_WORD)};
#undef SINCE_WORD

#define WORD_MOST 40
#define WORDS_MOST 16

const char *
fault_text(enum fault fault)
{
	return faults[fault].text;
}

bool
fault_lasts(enum fault fault)
{
	return faults[fault].lasts;
}

/* The name as the text form spells it: freeze-keeper. */
const char *
fault_word(enum fault fault)
{
	static char words[SIM_FAULT_COUNT][WORD_MOST];
	char *word = words[fault];
	const char *name = faults[fault].name;
	size_t i = 0;

	for (; name[i] != '\0' && i < WORD_MOST - 1; i++)
		word[i] = name[i] == '_' ? '-' : (char)tolower((unsigned char)name[i]);
	word[i] = '\0';
	return word;
}

/* ---- writing --------------------------------------------------------------------------- */

static void
write_time(pgaf_time time, FILE *to)
{
	char text[WORD_MOST];
	int length = snprintf(text, sizeof text, "%lld.%09lld", (long long)(time / PGAF_SECONDS(1)),
	                      (long long)(time % PGAF_SECONDS(1)));

	while (text[length - 1] == '0')
		text[--length] = '\0';
	if (text[length - 1] == '.')
		text[--length] = '\0';
	fputs(text, to);
}

static void
write_blow(const struct blow *blow, FILE *to)
{
	fprintf(to, "%s ", sinces[blow->since]);
	if (blow->since != SINCE_BUILT)
		fprintf(to, "%u ", blow->number);
	write_time(blow->at, to);
	fprintf(to, " %s %s", fault_word(blow->kind), host_name(blow->host));
	if (blow->detail > 0)
		fprintf(to, " detail %u", blow->detail);
	if (fault_lasts(blow->kind)) {
		fputs(" for ", to);
		write_time(blow->length, to);
	}
	fputc('\n', to);
}

void
story_write(const struct story *story, FILE *to)
{
	fprintf(to, "seed %llu\nnodes %u\n", (unsigned long long)story->seed, story->nodes);
	if (story->brk != BREAK_NONE)
		fprintf(to, "break %s\n", break_word((enum brk)story->brk));
	if (story->forget)
		fputs("forget\n", to);
	fprintf(to, "sessions %u\n", story->sessions);
	if (story->calm != 0) {
		fputs("calm", to);
		for (uint32_t i = 0; i < CHANCE_COUNT; i++)
			if (story->calm >> i & 1)
				fprintf(to, " %s", chances[i]);
		fputc('\n', to);
	}
	for (uint32_t i = 0; i < story->count; i++)
		write_blow(&story->blows[i], to);
	fputs("end ", to);
	write_time(story->end, to);
	fputc('\n', to);
}

/* ---- reading --------------------------------------------------------------------------- */

static bool
read_number(const char *word, uint64_t most, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)*word))
		return false;
	*number = strtoull(word, &end, 10);
	return *end == '\0' && *number <= most;
}

static bool
read_small(const char *word, uint32_t least, uint32_t most, uint32_t *number)
{
	uint64_t value;

	if (!read_number(word, most, &value) || value < least)
		return false;
	*number = (uint32_t)value;
	return true;
}

static bool
read_time(const char *word, pgaf_time *time)
{
	char *end;
	pgaf_time unit = PGAF_SECONDS(1);

	if (!isdigit((unsigned char)*word) || strlen(word) > 16)
		return false;
	*time = (pgaf_time)strtoull(word, &end, 10) * unit;
	if (*end == '.')
		for (end++; isdigit((unsigned char)*end) && unit > 1; end++) {
			unit /= 10;
			*time += (*end - '0') * unit;
		}
	return *end == '\0';
}

static bool
read_calm(char **words, uint32_t count, struct story *story)
{
	for (uint32_t i = 1; i < count; i++) {
		uint32_t chance = 0;

		while (chance < CHANCE_COUNT && strcmp(chances[chance], words[i]) != 0)
			chance++;
		if (chance == CHANCE_COUNT)
			return false;
		story->calm |= UINT32_C(1) << chance;
	}
	return count > 1;
}

bool
fault_find(const char *word, enum fault *fault)
{
	for (uint32_t i = 0; i < SIM_FAULT_COUNT; i++) {
		*fault = (enum fault)i;
		if (strcmp(fault_word(*fault), word) == 0)
			return true;
	}
	return false;
}

bool
fault_is_extra(enum fault fault)
{
	return fault == SIM_FAULT_FORGET;
}

/* The loss of a site is written as one loss for each host. */
static bool
read_fault(const char *word, struct blow *blow)
{
	return fault_find(word, &blow->kind) && blow->kind != SIM_FAULT_SITE;
}

static bool
read_host(const char *word, struct blow *blow)
{
	for (blow->host = 0; blow->host < SIM_HOSTS; blow->host++)
		if (strcmp(host_name(blow->host), word) == 0)
			return true;
	return false;
}

static bool
read_since(const char *word, enum since *since)
{
	for (uint32_t i = 0; i < SINCE_COUNT; i++) {
		*since = (enum since)i;
		if (strcmp(sinces[i], word) == 0)
			return true;
	}
	return false;
}

/* at T FAULT HOST [detail N] [for T]; failover N T FAULT HOST …; set N T FAULT HOST … */
static bool
read_blow(char **words, uint32_t count, enum since since, struct story *story)
{
	struct blow blow = {.since = since};
	uint32_t at = 1;

	if (since != SINCE_BUILT &&
	    (count < 2 || !read_small(words[at++], 1, UINT32_MAX, &blow.number)))
		return false;
	if (story->count == BLOWS_MAX || count < at + 3 || !read_time(words[at], &blow.at) ||
	    !read_fault(words[at + 1], &blow) || !read_host(words[at + 2], &blow))
		return false;
	for (at += 3; at + 1 < count; at += 2) {
		bool known = strcmp(words[at], "for") == 0
		                     ? read_time(words[at + 1], &blow.length)
		                     : strcmp(words[at], "detail") == 0 &&
		                               read_small(words[at + 1], 0, PGAF_NODES_MAX,
		                                          &blow.detail);

		if (!known)
			return false;
	}
	story->blows[story->count++] = blow;
	return at == count;
}

static bool
read_item(char **words, uint32_t count, struct story *story)
{
	const char *word = words[0];
	enum since since;
	enum brk brk;

	if (read_since(word, &since))
		return read_blow(words, count, since, story);
	if (strcmp(word, "calm") == 0)
		return read_calm(words, count, story);
	if (strcmp(word, "forget") == 0)
		return story->forget = count == 1;
	if (count != 2)
		return false;
	if (strcmp(word, "seed") == 0)
		return read_number(words[1], UINT64_MAX, &story->seed);
	if (strcmp(word, "nodes") == 0)
		return read_small(words[1], 1, PGAF_NODES_MAX, &story->nodes);
	if (strcmp(word, "sessions") == 0)
		return read_small(words[1], 0, SESSIONS_MAX, &story->sessions);
	if (strcmp(word, "end") == 0)
		return read_time(words[1], &story->end);
	if (strcmp(word, "break") != 0 || !break_find(words[1], &brk))
		return false;
	story->brk = brk;
	return true;
}

static bool
read_line(char *line, struct story *story)
{
	char *words[WORDS_MOST];
	uint32_t count = 0;

	line[strcspn(line, "#")] = '\0';
	for (char *word; (word = strsep(&line, " \t\r")) != NULL;) {
		if (*word == '\0')
			continue;
		if (count == WORDS_MOST)
			return false;
		words[count++] = word;
	}
	return count == 0 || read_item(words, count, story);
}

/* A fault of a host that this story does not have would write beside its world. */
static bool
story_is_whole(const struct story *story)
{
	for (uint32_t i = 0; i < story->count; i++)
		if (story->blows[i].host > story->nodes || story->blows[i].detail > story->nodes)
			return false;
	return story->nodes > 0;
}

uint32_t
story_read(const char *text, struct story *story)
{
	char *copy = strdup(text);
	uint32_t number = 0;
	bool good = copy != NULL;

	*story = (struct story){.nodes = 2, .sessions = SESSIONS_MAX};
	for (char *line = copy; good && line;) {
		char *next = strpbrk(line, "\n;");

		if (next)
			*next++ = '\0';
		number++;
		good = read_line(line, story);
		line = next;
	}
	free(copy);
	if (good && !story_is_whole(story))
		good = false;
	return good ? 0 : number;
}
