/* SPDX-License-Identifier: PostgreSQL */
/* Lines of the text form: a word and key=value pairs, walked along the field tables. */

#include "core/codec.h"

#include <assert.h>
#include <string.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "core/codec_field.h"

static const struct clock absolute;

/* ---- writing ------------------------------------------------------------ */

void
record_write(const struct record_spec *spec, const struct clock *clock, const void *record,
             struct text *to)
{
	struct settings initial;

	if (spec->initial) {
		assert(spec->size == sizeof(initial));
		spec->initial(&initial);
	}
	for (size_t i = 0; i < spec->field_count; i++) {
		const struct value value = {.field = &spec->fields[i], .clock = clock};
		if (value_is_empty(value.field, record, spec->initial ? &initial : NULL))
			continue;
		text_addf(to, " %s=", value.field->key);
		value_write(&value, record, to);
	}
}

void
codec_write(enum record kind, const void *record, struct text *to)
{
	const struct record_spec *spec = record_spec_of(kind);

	text_add(to, spec->word);
	record_write(spec, &absolute, record, to);
}

static void
line_write(const struct record_spec *spec, const struct clock *clock, const void *record,
           struct text *to)
{
	text_add(to, spec->word);
	record_write(spec, clock, record, to);
	text_add(to, "\n");
}

void
codec_write_snapshot(const struct snapshot *snap, pgaf_time now, struct text *to)
{
	const struct clock clock = {.relative = true, .now = now};

	line_write(record_spec_of(RECORD_GROUP), &clock, &snap->group, to);
	line_write(record_spec_of(RECORD_SETTINGS), &clock, &snap->group.settings, to);
	line_write(&record_timers, &clock, snap, to);
	for (uint32_t i = 0; i < snap->count; i++) {
		const struct node *node = &snap->nodes[i];
		line_write(record_spec_of(RECORD_NODE), &clock, node, to);
		line_write(record_spec_of(RECORD_GOAL), &clock, &node->goal, to);
		line_write(record_spec_of(RECORD_REPORT), &clock, &node->report, to);
		line_write(record_spec_of(RECORD_SIGHTING), &clock, &node->sighting, to);
		line_write(&record_watch, &clock, node, to);
	}
}

/* ---- reading ------------------------------------------------------------ */

static bool
at_end(char c)
{
	return c == '\0' || c == '\n';
}

bool
record_starts(const char **line, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(*line, word, length) != 0)
		return false;
	if (!at_end((*line)[length]) && (*line)[length] != ' ')
		return false;
	*line += length;
	return true;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* False when an escape is broken, stands for a zero byte, or the value is too long. */
static bool
value_decode(const char *from, size_t count, char to[VALUE_MAX])
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		char c = from[i];
		if (c == '%') {
			int high = i + 2 < count ? hex_value(from[i + 1]) : -1;
			int low = high >= 0 ? hex_value(from[i + 2]) : -1;
			if (low < 0 || high * 16 + low == 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (used + 1 == VALUE_MAX)
			return false;
		to[used++] = c;
	}
	to[used] = '\0';
	return true;
}

static const struct field *
field_named(const struct record_spec *spec, const char *key, size_t length)
{
	for (size_t i = 0; i < spec->field_count; i++) {
		const char *name = spec->fields[i].key;
		if (strlen(name) == length && strncmp(name, key, length) == 0)
			return &spec->fields[i];
	}
	return NULL;
}

/* One key=value of `length` bytes at `pair`. `seen` has a bit for each field. */
static int
pair_read(const struct record_spec *spec, const struct clock *clock, const char *pair, void *record,
          uint64_t *seen)
{
	char value[VALUE_MAX];
	size_t key = strcspn(pair, "=");
	const struct field *field = field_named(spec, pair, key);

	if (!field)
		return PGAF_ENOENT;
	uint64_t bit = UINT64_C(1) << (field - spec->fields);
	if (*seen & bit)
		return PGAF_E2BIG;
	*seen |= bit;
	const struct value what = {.field = field, .clock = clock};
	size_t length = strcspn(pair + key + 1, " \n");
	if (!value_decode(pair + key + 1, length, value) || !value_read(&what, value, record))
		return PGAF_EINVAL;
	return 0;
}

static int
pair_error(struct pgaf_error *error, const char *word, const char *pair, int why)
{
	int length = (int)strcspn(pair, "=");

	length = length > 64 ? 64 : length;
	if (why == PGAF_ENOENT)
		return error_set(error, PGAF_EINVAL, "unknown key \"%.*s\" in %s", length, pair,
		                 word);
	if (why == PGAF_E2BIG)
		return error_set(error, PGAF_EINVAL, "key \"%.*s\" is given twice in %s", length,
		                 pair, word);
	return error_set(error, PGAF_EINVAL, "bad value of key \"%.*s\" in %s", length, pair, word);
}

int
record_read(const struct record_spec *spec, const struct clock *clock, const char **line,
            void *record, struct pgaf_error *error)
{
	uint64_t seen = 0;

	assert(spec->field_count <= 64);
	for (;;) {
		*line += strspn(*line, " ");
		if (at_end(**line))
			return 0;
		size_t token = strcspn(*line, " \n");
		if (!memchr(*line, '=', token))
			return 0;
		int why = pair_read(spec, clock, *line, record, &seen);
		if (why < 0)
			return pair_error(error, spec->word, *line, why);
		*line += token;
	}
}

/* The whole line must be this record, its word already taken. */
static int
rest_read(const struct record_spec *spec, const struct clock *clock, const char *line, void *record,
          struct pgaf_error *error)
{
	int result = record_read(spec, clock, &line, record, error);

	if (result == 0 && !at_end(*line))
		return error_set(error, PGAF_EINVAL, "\"%.*s\" in %s is no key with a value",
		                 (int)strcspn(line, " \n"), line, spec->word);
	return result;
}

/* A primary has a set that may be in force, be it an unknown one: decisions rest on it. */
static int
group_check(const struct group *group, struct pgaf_error *error)
{
	if (group->primary != 0 && group->possible_count == 0)
		return error_set(error, PGAF_EINVAL, "group has a primary=%u and nothing possible=",
		                 (unsigned)group->primary);
	return 0;
}

int
codec_read(enum record kind, const char *line, void *record, struct pgaf_error *error)
{
	const struct record_spec *spec = record_spec_of(kind);

	memset(record, 0, spec->size);
	if (spec->initial)
		spec->initial(record);
	if (kind == RECORD_GROUP)
		settings_init(&((struct group *)record)->settings);
	if (!record_starts(&line, spec->word))
		return error_set(error, PGAF_EINVAL, "this is no %s record: \"%.40s\"", spec->word,
		                 line);
	int result = rest_read(spec, &absolute, line, record, error);
	return result == 0 && kind == RECORD_GROUP ? group_check(record, error) : result;
}

/* ---- snapshots ---------------------------------------------------------- */

/* A line about the node above it. */
static int
node_line_read(const char *line, const struct clock *clock, struct node *node,
               struct pgaf_error *error)
{
	const struct {
		const struct record_spec *spec;
		void *record;
	} kinds[] = {
		{record_spec_of(RECORD_GOAL), node ? &node->goal : NULL},
		{record_spec_of(RECORD_REPORT), node ? &node->report : NULL},
		{record_spec_of(RECORD_SIGHTING), node ? &node->sighting : NULL},
		{&record_watch, node},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!record_starts(&line, kinds[i].spec->word))
			continue;
		if (!node)
			return error_set(error, PGAF_EINVAL, "%s comes before any node",
			                 kinds[i].spec->word);
		return rest_read(kinds[i].spec, clock, line, kinds[i].record, error);
	}
	return error_set(error, PGAF_EINVAL, "unknown record \"%.*s\"", (int)strcspn(line, " \n"),
	                 line);
}

static int
node_start_read(const char *line, const struct clock *clock, struct snapshot *snap,
                struct pgaf_error *error)
{
	if (snap->count == PGAF_NODES_MAX)
		return error_set(error, PGAF_E2BIG, "more than %d nodes", PGAF_NODES_MAX);

	struct node *node = &snap->nodes[snap->count];
	int result = rest_read(record_spec_of(RECORD_NODE), clock, line, node, error);
	if (result < 0)
		return result;
	if (node->id == 0)
		return error_set(error, PGAF_EINVAL, "a node without an id");
	if (snap->count > 0 && node->id <= node[-1].id)
		return error_set(error, PGAF_EINVAL, "nodes are not in the order of their ids");
	snap->count++;
	return 0;
}

static int
snapshot_line_read(const char *line, const struct clock *clock, struct snapshot *snap,
                   struct pgaf_error *error)
{
	const struct {
		const struct record_spec *spec;
		void *record;
	} kinds[] = {
		{record_spec_of(RECORD_GROUP), &snap->group},
		{record_spec_of(RECORD_SETTINGS), &snap->group.settings},
		{&record_timers, snap},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!record_starts(&line, kinds[i].spec->word))
			continue;
		int result = rest_read(kinds[i].spec, clock, line, kinds[i].record, error);
		return result == 0 ? group_check(&snap->group, error) : result;
	}
	if (record_starts(&line, record_spec_of(RECORD_NODE)->word))
		return node_start_read(line, clock, snap, error);
	return node_line_read(line, clock, snap->count ? &snap->nodes[snap->count - 1] : NULL,
	                      error);
}

int
codec_read_snapshot(const char *text, pgaf_time now, struct snapshot *snap,
                    struct pgaf_error *error)
{
	const struct clock clock = {.relative = true, .now = now};
	unsigned number = 0;

	memset(snap, 0, sizeof(*snap));
	settings_init(&snap->group.settings);
	for (const char *line = text; *line != '\0';) {
		size_t length = strcspn(line, "\n");
		number++;
		if (length > 0 && snapshot_line_read(line, &clock, snap, error) < 0) {
			error_prefix(error, "line %u", number);
			return PGAF_EINVAL;
		}
		line += length + (line[length] == '\n');
	}
	return 0;
}

/* ---- decisions ---------------------------------------------------------- */

/* The keys of the group that a decision changes, with their new values. */
static void
changes_write(const struct group *before, const struct group *after, struct text *to)
{
	const struct record_spec *spec = record_spec_of(RECORD_GROUP);

	text_add(to, "change");
	for (size_t i = 0; i < spec->field_count; i++) {
		const struct value value = {.field = &spec->fields[i], .clock = &absolute};
		char old_at[VALUE_MAX] = "";
		char new_at[VALUE_MAX] = "";
		struct text old_text = TEXT(old_at);
		struct text new_text = TEXT(new_at);
		if (!value_is_empty(value.field, before, NULL))
			value_write(&value, before, &old_text);
		if (!value_is_empty(value.field, after, NULL))
			value_write(&value, after, &new_text);
		if (strcmp(old_at, new_at) != 0)
			text_addf(to, " %s=%s", value.field->key, new_at);
	}
	text_add(to, "\n");
}

void
codec_write_decision(const struct decision *decision, const struct snapshot *before,
                     struct text *to)
{
	line_write(&record_decision, &absolute, decision, to);
	changes_write(&before->group, &decision->group, to);
	for (uint32_t i = 0; i < decision->assignment_count; i++) {
		text_addf(to, "assign node=%u ", decision->assignments[i].node);
		line_write(record_spec_of(RECORD_GOAL), &absolute, &decision->assignments[i].goal,
		           to);
	}
	for (uint32_t i = 0; i < decision->admission_count; i++)
		line_write(&record_admit, &absolute, &decision->admissions[i], to);
	text_addf(to, "event %s\n", decision->text);
}
