/* SPDX-License-Identifier: PostgreSQL */
/*
 * Values of the text form that are made of several: `;` between elements, `:`
 * between their parts, `2.3` for node 2 under admission 3.
 *
 *   set, sets   4:1/2.3,3.1   4:1/ (the fence)   5:async   6:unknown   7:?1/2.3
 *   members     2.3;3.1
 *   views       2.3:streaming:0/3000060:0/3000060
 *   peers       2:reached:120:standby:1
 *   history     2:1:0/3000060:3
 */

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/pure/lsn.h"
#include "base/pure/text.h"
#include "core/codec_field.h"

/* The longest element: a set with all its members. */
#define ELEMENT_MAX 256
#define PART_MAX 24

/* ---- taking a string apart ---------------------------------------------- */

/* Moves one word up to `stop` out of *rest, which is NULL after the last one. */
static bool
word_take(const char **rest, char stop, char *word, size_t room)
{
	if (!*rest)
		return false;
	const char *end = strchr(*rest, stop);
	size_t length = end ? (size_t)(end - *rest) : strlen(*rest);

	if (length >= room)
		return false;
	memcpy(word, *rest, length);
	word[length] = '\0';
	*rest = end ? end + 1 : NULL;
	return true;
}

static bool
number_take(const char **rest, char stop, uint32_t *number)
{
	char word[PART_MAX];
	uint64_t wide;

	if (!word_take(rest, stop, word, sizeof(word)) || !text_to_u64(word, &wide) ||
	    wide > UINT32_MAX)
		return false;
	*number = (uint32_t)wide;
	return true;
}

static bool
lsn_take(const char **rest, pgaf_lsn *lsn)
{
	char word[PART_MAX];

	return word_take(rest, ':', word, sizeof(word)) && lsn_parse(word, lsn);
}

static bool
choice_take(const char **rest, const char *yes, const char *no, bool *chosen)
{
	char word[PART_MAX];

	if (!word_take(rest, ':', word, sizeof(word)))
		return false;
	*chosen = strcmp(word, yes) == 0;
	return *chosen || strcmp(word, no) == 0;
}

static bool
member_take(const char **rest, char stop, pgaf_node_id *node, uint32_t *admission)
{
	char word[PART_MAX];
	const char *part = word;

	return word_take(rest, stop, word, sizeof(word)) && number_take(&part, '.', node) &&
	       number_take(&part, '.', admission) && !part;
}

/* ---- sets --------------------------------------------------------------- */

static void
members_write(const struct sync_set *set, char between, struct text *to)
{
	assert(set->count <= PGAF_NODES_MAX);
	for (uint32_t i = 0; i < set->count; i++) {
		if (i > 0)
			text_add_bytes(to, &between, 1);
		text_addf(to, "%" PRIu32 ".%" PRIu32, set->members[i].node,
		          set->members[i].admission);
	}
}

static bool
members_read(const char *string, char between, struct sync_set *set)
{
	const char *rest = string;

	for (set->count = 0; rest; set->count++) {
		if (set->count == PGAF_NODES_MAX)
			return false;
		struct member *member = &set->members[set->count];
		if (!member_take(&rest, between, &member->node, &member->admission))
			return false;
	}
	return true;
}

static void
set_write(const struct sync_set *set, struct text *to)
{
	text_addf(to, "%" PRIu32 ":", set->version);
	if (set->required == 0 && set->count == 0) {
		text_add(to, set->unknown ? "unknown" : "async");
		return;
	}
	text_addf(to, "%s%" PRIu32 "/", set->unknown ? "?" : "", set->required);
	members_write(set, ',', to);
}

static bool
set_read(const char *string, struct sync_set *set)
{
	const char *rest = string;

	*set = (struct sync_set){0};
	if (!number_take(&rest, ':', &set->version) || !rest)
		return false;
	if (strcmp(rest, "async") == 0)
		return true;
	set->unknown = rest[0] == '?' || strcmp(rest, "unknown") == 0;
	if (strcmp(rest, "unknown") == 0)
		return true;
	if (set->unknown)
		rest++;
	if (!number_take(&rest, '/', &set->required) || !rest)
		return false;
	return rest[0] == '\0' || members_read(rest, ',', set);
}

/* ---- elements of arrays ------------------------------------------------- */

static void
view_write(const struct member_view *view, struct text *to)
{
	char flush[LSN_TEXT_MAX];
	char replay[LSN_TEXT_MAX];

	text_addf(to, "%" PRIu32 ".%" PRIu32 ":%s:%s:%s", view->node, view->admission,
	          view->streaming ? "streaming" : "away", lsn_format(view->flush, flush),
	          lsn_format(view->replay, replay));
}

static bool
view_read(const char *rest, struct member_view *view)
{
	return member_take(&rest, ':', &view->node, &view->admission) &&
	       choice_take(&rest, "streaming", "away", &view->streaming) &&
	       lsn_take(&rest, &view->flush) && lsn_take(&rest, &view->replay) && !rest;
}

static void
peer_write(const struct peer_view *peer, struct text *to)
{
	text_addf(to, "%" PRIu32 ":%s:%" PRIu32 ":%s:%" PRIu32, peer->node,
	          peer->reached ? "reached" : "lost", peer->age_ms,
	          peer->in_recovery ? "standby" : "primary", peer->timeline);
}

static bool
peer_read(const char *rest, struct peer_view *peer)
{
	return number_take(&rest, ':', &peer->node) &&
	       choice_take(&rest, "reached", "lost", &peer->reached) &&
	       number_take(&rest, ':', &peer->age_ms) &&
	       choice_take(&rest, "standby", "primary", &peer->in_recovery) &&
	       number_take(&rest, ':', &peer->timeline) && !rest;
}

static void
timeline_write(const struct timeline *timeline, struct text *to)
{
	char fork[LSN_TEXT_MAX];

	text_addf(to, "%" PRIu32 ":%" PRIu32 ":%s:%" PRIu32, timeline->number, timeline->parent,
	          lsn_format(timeline->fork, fork), timeline->node);
}

static bool
timeline_read(const char *rest, struct timeline *timeline)
{
	return number_take(&rest, ':', &timeline->number) &&
	       number_take(&rest, ':', &timeline->parent) && lsn_take(&rest, &timeline->fork) &&
	       number_take(&rest, ':', &timeline->node) && !rest;
}

static void
element_write(enum field_type type, const void *array, uint32_t i, struct text *to)
{
	if (type == FIELD_SETS)
		set_write((const struct sync_set *)array + i, to);
	else if (type == FIELD_VIEWS)
		view_write((const struct member_view *)array + i, to);
	else if (type == FIELD_PEERS)
		peer_write((const struct peer_view *)array + i, to);
	else
		timeline_write((const struct timeline *)array + i, to);
}

static bool
element_read(enum field_type type, const char *string, void *array, uint32_t i)
{
	if (type == FIELD_SETS)
		return set_read(string, (struct sync_set *)array + i);
	if (type == FIELD_VIEWS)
		return view_read(string, (struct member_view *)array + i);
	if (type == FIELD_PEERS)
		return peer_read(string, (struct peer_view *)array + i);
	return timeline_read(string, (struct timeline *)array + i);
}

/* ---- lists -------------------------------------------------------------- */

/* A field of type MEMBERS is a row of struct sync_set itself, which is its record. */
bool
list_is_empty(const struct field *field, const void *record)
{
	if (field->type == FIELD_SET) {
		const void *at = (const char *)record + field->offset;
		const struct sync_set *set = at;
		return set->version == 0 && set->required == 0 && !set->unknown && set->count == 0;
	}
	const void *at = (const char *)record + field->count;
	const uint32_t *count = at;
	return *count == 0;
}

void
list_write(const struct field *field, const void *record, struct text *to)
{
	const void *array = (const char *)record + field->offset;

	if (field->type == FIELD_SET) {
		set_write(array, to);
		return;
	}
	if (field->type == FIELD_MEMBERS) {
		members_write(record, ',', to);
		return;
	}
	const void *at = (const char *)record + field->count;
	const uint32_t *count = at;
	assert(*count <= field->room);
	for (uint32_t i = 0; i < *count; i++) {
		if (i > 0)
			text_add(to, ";");
		element_write(field->type, array, i, to);
	}
}

bool
list_read(const struct field *field, const char *string, void *record)
{
	void *array = (char *)record + field->offset;

	if (field->type == FIELD_SET)
		return set_read(string, array);
	if (field->type == FIELD_MEMBERS)
		return members_read(string, ',', record);

	void *at = (char *)record + field->count;
	uint32_t *count = at;
	const char *rest = string;
	for (*count = 0; rest; ++*count) {
		char element[ELEMENT_MAX];
		if (*count == field->room || !word_take(&rest, ';', element, sizeof(element)) ||
		    !element_read(field->type, element, array, *count))
			return false;
	}
	return true;
}
