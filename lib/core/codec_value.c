/* SPDX-License-Identifier: PostgreSQL */
/* Single values of the text form: numbers, words, positions, times, strings. */

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "core/codec_field.h"
#include "core/note.h"

static const void *
field_in(const struct field *field, const void *record)
{
	return (const char *)record + field->offset;
}

/* ---- words -------------------------------------------------------------- */

static const char *const session_words[] = {
	[SESSION_UNKNOWN] = "unknown", [SESSION_OPEN] = "open", [SESSION_GONE] = "gone"};

#define WORD(name, word) word,
static const char *const request_words[] = {REQUESTS(WORD)};
#undef WORD

#define COUNT_ONE(...) +1
/* The word for a value; NULL behind the last. */
static const char *
word_of(enum field_type type, unsigned value)
{
	if (type == FIELD_STATE)
		return value < PGAF_STATE_COUNT ? pgaf_state_name((enum pgaf_state)value) : NULL;
	if (type == FIELD_PG)
		return value < PG_STATUSES(COUNT_ONE) ? pg_status_name((enum pg_status)value)
		                                      : NULL;
	if (type == FIELD_REQUEST)
		return value < REQUESTS(COUNT_ONE) ? request_words[value] : NULL;
	if (type == FIELD_ROLE)
		return value < NOTE_ROLES(COUNT_ONE) ? note_role_name((enum note_role)value) : NULL;
	assert(type == FIELD_SESSION);
	return value <= SESSION_GONE ? session_words[value] : NULL;
}

static bool
word_read(enum field_type type, const char *string, unsigned *value)
{
	const char *word;

	for (unsigned i = 0; (word = word_of(type, i)) != NULL; i++) {
		if (strcmp(word, string) == 0) {
			*value = i;
			return true;
		}
	}
	return false;
}

static void
vetoes_write(uint32_t vetoes, struct text *to)
{
	const char *comma = "";

	for (unsigned i = 0; i < VETO_COUNT; i++) {
		if ((vetoes & UINT32_C(1) << i) == 0)
			continue;
		text_addf(to, "%s%s", comma, veto_name((enum veto)i));
		comma = ",";
	}
}

static bool
vetoes_read(const char *string, uint32_t *vetoes)
{
	const char *at = string;

	*vetoes = 0;
	for (;;) {
		size_t length = strcspn(at, ",");
		unsigned i = 0;
		while (i < VETO_COUNT && (strlen(veto_name((enum veto)i)) != length ||
		                          strncmp(veto_name((enum veto)i), at, length) != 0))
			i++;
		if (i == VETO_COUNT)
			return false;
		*vetoes |= UINT32_C(1) << i;
		if (at[length] == '\0')
			return true;
		at += length + 1;
	}
}

/* ---- times -------------------------------------------------------------- */

static const struct {
	const char *unit;
	uint64_t size;
} units[] = {
	{"s", UINT64_C(1000000000)},
	{"ms", UINT64_C(1000000)},
	{"us", UINT64_C(1000)},
	{"ns", UINT64_C(1)},
};

static void
duration_write(pgaf_time time, struct text *to)
{
	uint64_t size = time < 0 ? 0 - (uint64_t)time : (uint64_t)time;
	size_t i = 0;

	if (time == PGAF_NEVER) {
		text_add(to, "never");
		return;
	}
	while (size % units[i].size != 0)
		i++;
	text_addf(to, "%s%" PRIu64 "%s", time < 0 ? "-" : "", size / units[i].size, units[i].unit);
}

static bool
duration_read(const char *string, pgaf_time *time)
{
	bool negative = string[0] == '-';
	size_t digits = strspn(string + negative, "0123456789");
	char number[24];
	uint64_t size;

	if (strcmp(string, "never") == 0) {
		*time = PGAF_NEVER;
		return true;
	}
	if (digits >= sizeof(number))
		return false;
	memcpy(number, string + negative, digits);
	number[digits] = '\0';
	if (!text_to_u64(number, &size))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(string + negative + digits, units[i].unit) != 0)
			continue;
		if (size > (uint64_t)INT64_MAX / units[i].size)
			return false;
		*time = (pgaf_time)(size * units[i].size);
		*time = negative ? -*time : *time;
		return true;
	}
	return false;
}

/* A moment; in a snapshot as its age, so that it means the same to a reader with another clock. */
static void
time_write(pgaf_time time, const struct clock *clock, struct text *to)
{
	if (clock->relative && time != PGAF_NEVER)
		time = (pgaf_time)((uint64_t)clock->now - (uint64_t)time);
	duration_write(time, to);
}

static bool
time_read(const char *string, const struct clock *clock, pgaf_time *time)
{
	if (!duration_read(string, time))
		return false;
	if (clock->relative && *time != PGAF_NEVER)
		*time = (pgaf_time)((uint64_t)clock->now - (uint64_t)*time);
	return true;
}

/* ---- one value ---------------------------------------------------------- */

static bool
must_encode(char c)
{
	return (unsigned char)c <= ' ' || c == '%' || c == '=' || c == 0x7f;
}

static void
string_write(const char *string, struct text *to)
{
	for (const char *at = string; *at != '\0'; at++) {
		if (must_encode(*at))
			text_addf(to, "%%%02X", (unsigned char)*at);
		else
			text_add_bytes(to, at, 1);
	}
}

static bool
u64_read(const char *string, uint64_t most, uint64_t *value)
{
	return text_to_u64(string, value) && *value <= most;
}

static bool
u32_read(const char *string, uint32_t most, uint32_t *value)
{
	uint64_t wide;

	if (!u64_read(string, most, &wide))
		return false;
	*value = (uint32_t)wide;
	return true;
}

static bool
bool_read(const char *string, bool *value)
{
	*value = strcmp(string, "true") == 0;
	return *value || strcmp(string, "false") == 0;
}

static size_t
value_size(const struct field *field)
{
	switch (field->type) {
	case FIELD_TEXT:
		return field->room;
	case FIELD_U64:
	case FIELD_EPOCH:
	case FIELD_LSN:
	case FIELD_DURATION:
	case FIELD_TIME:
		return sizeof(uint64_t);
	case FIELD_BOOL:
		return sizeof(bool);
	case FIELD_U32:
	case FIELD_COUNTER:
	case FIELD_VETOES:
	case FIELD_STATE:
	case FIELD_PG:
	case FIELD_REQUEST:
	case FIELD_ROLE:
	case FIELD_SESSION:
		return sizeof(uint32_t);
	case FIELD_SET:
	case FIELD_SETS:
	case FIELD_MEMBERS:
	case FIELD_VIEWS:
	case FIELD_PEERS:
	case FIELD_HISTORY:
	default:
		return 0;
	}
}

bool
value_is_empty(const struct field *field, const void *record, const void *initial)
{
	static const uint64_t zero;
	const char *at = field_in(field, record);
	size_t size = value_size(field);

	if (field->type == FIELD_TEXT)
		return at[0] == '\0';
	if (size == 0)
		return list_is_empty(field, record);
	return memcmp(at, initial ? field_in(field, initial) : &zero, size) == 0;
}

void
value_write(const struct value *value, const void *record, struct text *to)
{
	const struct field *field = value->field;
	const void *at = field_in(field, record);
	char lsn[LSN_TEXT_MAX];

	switch (field->type) {
	case FIELD_TEXT:
		string_write(at, to);
		break;
	case FIELD_U32:
	case FIELD_COUNTER:
		text_addf(to, "%" PRIu32, *(const uint32_t *)at);
		break;
	case FIELD_U64:
	case FIELD_EPOCH:
		text_addf(to, "%" PRIu64, *(const uint64_t *)at);
		break;
	case FIELD_BOOL:
		assert(*(const bool *)at); /* the other one is the empty value */
		text_add(to, "true");
		break;
	case FIELD_LSN:
		text_add(to, lsn_format(*(const pgaf_lsn *)at, lsn));
		break;
	case FIELD_DURATION:
		duration_write(*(const pgaf_time *)at, to);
		break;
	case FIELD_TIME:
		time_write(*(const pgaf_time *)at, value->clock, to);
		break;
	case FIELD_VETOES:
		vetoes_write(*(const uint32_t *)at, to);
		break;
	case FIELD_STATE:
	case FIELD_PG:
	case FIELD_REQUEST:
	case FIELD_ROLE:
	case FIELD_SESSION:
		text_add(to, word_of(field->type, *(const unsigned *)at));
		break;
	case FIELD_SET:
	case FIELD_SETS:
	case FIELD_MEMBERS:
	case FIELD_VIEWS:
	case FIELD_PEERS:
	case FIELD_HISTORY:
	default:
		list_write(field, record, to);
		break;
	}
}

bool
value_read(const struct value *value, const char *string, void *record)
{
	const struct field *field = value->field;
	void *at = (char *)record + field->offset;

	switch (field->type) {
	case FIELD_TEXT:
		return text_copy(at, field->room, string);
	case FIELD_U32:
		return u32_read(string, UINT32_MAX, at);
	case FIELD_COUNTER:
		return u32_read(string, COUNTER_MAX, at);
	case FIELD_U64:
		return u64_read(string, UINT64_MAX, at);
	case FIELD_EPOCH:
		return u64_read(string, EPOCH_MAX, at);
	case FIELD_BOOL:
		return bool_read(string, at);
	case FIELD_LSN:
		return lsn_parse(string, at);
	case FIELD_DURATION:
		return duration_read(string, at);
	case FIELD_TIME:
		return time_read(string, value->clock, at);
	case FIELD_VETOES:
		return vetoes_read(string, at);
	case FIELD_STATE:
	case FIELD_PG:
	case FIELD_REQUEST:
	case FIELD_ROLE:
	case FIELD_SESSION:
		return word_read(field->type, string, at);
	case FIELD_SET:
	case FIELD_SETS:
	case FIELD_MEMBERS:
	case FIELD_VIEWS:
	case FIELD_PEERS:
	case FIELD_HISTORY:
	default:
		return list_read(field, string, record);
	}
}
