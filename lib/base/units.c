/* SPDX-License-Identifier: PostgreSQL */
/* Numbers with a unit and addresses, as people write them in options and settings. */

#include <string.h>

#include "base/options.h"
#include "base/pure/text.h"

struct unit {
	const char *word;
	int64_t worth;
};

/* Largest first: the first that divides a value is the one it is shown in. */
static const struct unit durations[] = {
	{"h", PGAF_SECONDS(3600)},  {"min", PGAF_SECONDS(60)}, {"s", PGAF_SECONDS(1)},
	{"ms", PGAF_MSEC(1)},       {"us", PGAF_USEC(1)},      {"ns", 1},
	{"d", PGAF_SECONDS(86400)}, /* understood, not shown */
};

static const struct unit sizes[] = {
	{"TB", INT64_C(1) << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}, {"B", 1},
	{"KB", 1 << 10},          {"", 1},
};

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* "12.5" as 12 and 0.5 * `scale`; returns what follows it, or NULL. */
static const char *
parse_decimal(const char *string, int64_t *whole, int64_t *fraction, int64_t scale)
{
	*whole = *fraction = 0;
	if (!is_digit(*string))
		return NULL;
	for (; is_digit(*string); string++)
		if (__builtin_mul_overflow(*whole, 10, whole) ||
		    __builtin_add_overflow(*whole, *string - '0', whole))
			return NULL;
	if (*string != '.')
		return string;
	if (!is_digit(*++string))
		return NULL;
	for (; is_digit(*string); string++) {
		scale /= 10;
		*fraction += (*string - '0') * scale;
	}
	return string;
}

static const struct unit *
find_unit(const char *word, const struct unit *units, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, units[i].word) == 0)
			return &units[i];
	return NULL;
}

static bool
parse(const char *string, const struct unit *units, size_t count, int64_t *value)
{
	int64_t scale = INT64_C(1000000000);
	int64_t whole = 0;
	int64_t fraction = 0;
	const char *word = parse_decimal(string, &whole, &fraction, scale);
	if (word == NULL)
		return false;
	const struct unit *unit = find_unit(word, units, count);
	if (unit == NULL)
		return false;

	/* Less than one unit: in floating point it is exact enough and cannot overflow. */
	double rest = (double)fraction / (double)scale * (double)unit->worth;
	if (__builtin_mul_overflow(whole, unit->worth, &whole) ||
	    __builtin_add_overflow(whole, (int64_t)(rest + 0.5), &whole))
		return false;
	*value = whole;
	return true;
}

bool
duration_parse(const char *string, pgaf_time *duration)
{
	if (strcmp(string, "0") == 0) {
		*duration = 0;
		return true;
	}
	return parse(string, durations, sizeof(durations) / sizeof(durations[0]), duration);
}

void
duration_format(pgaf_time duration, struct text *to)
{
	if (duration == PGAF_NEVER) {
		text_add(to, "never");
		return;
	}
	if (duration == 0) {
		text_add(to, "0");
		return;
	}
	const struct unit *unit = durations;
	while (duration % unit->worth != 0)
		unit++;
	text_addf(to, "%lld%s", (long long)(duration / unit->worth), unit->word);
}

bool
size_parse(const char *string, uint64_t *bytes)
{
	int64_t value = 0;

	if (!parse(string, sizes, sizeof(sizes) / sizeof(sizes[0]), &value))
		return false;
	*bytes = (uint64_t)value;
	return true;
}

void
size_format(uint64_t bytes, struct text *to)
{
	const struct unit *unit = sizes;

	while (bytes == 0 ? unit->worth != 1 : bytes % (uint64_t)unit->worth != 0)
		unit++;
	text_addf(to, "%llu%s", (unsigned long long)(bytes / (uint64_t)unit->worth), unit->word);
}

bool
address_split(const char *address, char *host, size_t room, uint16_t *port)
{
	const char *colon = strrchr(address, ':');
	const char *from = address;
	uint64_t number = 0;

	if (colon == NULL || !text_to_u64(colon + 1, &number) || number == 0 || number > 65535)
		return false;
	const char *end = colon;
	if (*from == '[') {
		if (end - from < 3 || end[-1] != ']')
			return false;
		from++;
		end--;
	} else if (memchr(from, ':', (size_t)(end - from)) != NULL) {
		return false; /* an IPv6 address needs brackets */
	}
	struct text text;
	text_init(&text, host, room);
	text_add_bytes(&text, from, (size_t)(end - from));
	*port = (uint16_t)number;
	return !text.cut && strpbrk(host, "[] ") == NULL;
}
