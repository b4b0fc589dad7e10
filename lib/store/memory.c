/* SPDX-License-Identifier: PostgreSQL */
/*
 * The database in memory: its state, the queue of what is to be told, the
 * faults a simulation asks for. What a write is worth is kept as in a
 * write-ahead log: a durable write makes everything before it durable too.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "store/memory_parts.h"

struct memory_store *
memory_store_new(uint64_t incarnation, uint64_t seed)
{
	struct memory_store *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return NULL;
	memory->state.incarnation = incarnation;
	memory->random = seed;
	STAILQ_INIT(&memory->queue);
	LIST_INIT(&memory->faces);
	memory_secret(memory, memory->replicator_password);
	memory_secret(memory, memory->probe_password);
	memory_flush(memory);
	return memory;
}

void
memory_store_free(struct memory_store *memory)
{
	struct item *item = NULL;

	if (!memory)
		return;
	while ((item = STAILQ_FIRST(&memory->queue))) {
		STAILQ_REMOVE_HEAD(&memory->queue, next);
		free(item);
	}
	free(memory);
}

/* ---- state --------------------------------------------------------------------------- */

void
memory_copy_state(struct memory_state *to, const struct memory_state *from)
{
	memcpy(to, from,
	       offsetof(struct memory_state, groups) + from->group_count * sizeof(from->groups[0]));
}

void
memory_flush(struct memory_store *memory)
{
	memory_copy_state(&memory->durable, &memory->state);
}

/* Not for secrecy, but to be different: splitmix64. */
static uint64_t
memory_random(struct memory_store *memory)
{
	uint64_t mixed = memory->random += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ (mixed >> 31);
}

void
memory_secret(struct memory_store *memory, char to[72])
{
	for (int i = 0; i < 4; i++)
		snprintf(to + 16 * i, 17, "%016llx", (unsigned long long)memory_random(memory));
}

void
memory_record(struct memory_store *memory, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(memory->events[memory->event_count % MEMORY_EVENTS_MAX], MEMORY_EVENT_ROOM,
	          format, arguments);
	va_end(arguments);
	memory->event_count++;
}

const char *
memory_store_event(const struct memory_store *memory, size_t index)
{
	if (index >= memory->event_count || index + MEMORY_EVENTS_MAX < memory->event_count)
		return NULL;
	return memory->events[index % MEMORY_EVENTS_MAX];
}

struct memory_group *
memory_group_of(struct memory_store *memory, const struct store_group_key *key)
{
	for (uint32_t i = 0; i < memory->state.group_count; i++) {
		struct memory_group *group = &memory->state.groups[i];

		if (group->group.id == key->id && strcmp(group->formation, key->formation) == 0)
			return group;
	}
	return NULL;
}

struct memory_node *
memory_node_of(struct memory_store *memory, pgaf_node_id id, struct memory_group **group)
{
	for (uint32_t i = 0; id != 0 && i < memory->state.group_count; i++) {
		struct memory_group *in = &memory->state.groups[i];

		for (uint32_t j = 0; j < in->count; j++) {
			if (in->nodes[j].node.id != id)
				continue;
			if (group)
				*group = in;
			return &in->nodes[j];
		}
	}
	return NULL;
}

bool
memory_is_live(const struct memory_store *memory, pgaf_node_id node)
{
	const struct face *face = NULL;

	LIST_FOREACH (face, &memory->faces, next) {
		if (face->link && face->link->session && face->link->node == node)
			return true;
	}
	return false;
}

void
memory_remove(struct memory_group *group, struct memory_store *memory, pgaf_node_id node)
{
	struct memory_state *state = &memory->state;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < group->count; i++) {
		if (group->nodes[i].node.id != node) {
			group->nodes[kept++] = group->nodes[i];
			continue;
		}
		if (state->tombstone_count < MEMORY_TOMBSTONES_MAX) {
			struct memory_tombstone *stone =
				&state->tombstones[state->tombstone_count++];

			stone->id = node;
			text_copy(stone->token, sizeof(stone->token), group->nodes[i].token);
		}
	}
	group->count = kept;
}

/* ---- the queue ----------------------------------------------------------------------- */

struct item *
memory_tell(struct face *face, enum item_kind kind)
{
	struct item *item = NULL;

	if (!face->open && kind != ITEM_LOST && kind != ITEM_REGISTERED)
		return NULL;
	item = calloc(1, sizeof(*item));
	if (!item)
		return NULL;
	item->face = face;
	item->kind = kind;
	STAILQ_INSERT_TAIL(&face->memory->queue, item, next);
	return item;
}

void
memory_tell_stores(struct memory_store *memory, const struct memory_group *group,
                   enum store_change change, pgaf_node_id node)
{
	struct face *face = NULL;

	LIST_FOREACH (face, &memory->faces, next) {
		struct item *item = face->store ? memory_tell(face, ITEM_CHANGED) : NULL;

		if (!item)
			continue;
		text_copy(item->key.formation, sizeof(item->key.formation), group->formation);
		item->key.id = group->group.id;
		item->change = change;
		item->node = node;
	}
}

void
memory_tell_keepers(struct memory_store *memory, const struct memory_group *group)
{
	struct face *face = NULL;

	LIST_FOREACH (face, &memory->faces, next) {
		for (uint32_t i = 0; face->link && i < group->count; i++) {
			if (group->nodes[i].node.id == face->link->node && face->link->session)
				memory_tell(face, ITEM_ORDERS);
		}
	}
}

/* A muted face gets nothing; the first item for somebody else is delivered. */
bool
memory_store_run_one(struct memory_store *memory)
{
	struct item *item = NULL;

	STAILQ_FOREACH (item, &memory->queue, next) {
		if (!item->face->muted)
			break;
	}
	if (!item)
		return false;
	STAILQ_REMOVE(&memory->queue, item, item, next);
	if (item->face->store)
		memory_store_deliver(item->face->store, item);
	else
		memory_link_deliver(item->face->link, item);
	free(item);
	return true;
}

void
memory_store_run(struct memory_store *memory)
{
	while (memory_store_run_one(memory))
		continue;
}

static bool
item_is_answer(const struct item *item)
{
	switch (item->kind) {
	case ITEM_GROUPS:
	case ITEM_LOAD:
	case ITEM_REPORTS:
	case ITEM_COMMIT:
	case ITEM_SESSIONS:
	case ITEM_CLAIMED:
		return true;
	case ITEM_OPENED:
	case ITEM_LOST:
	case ITEM_CHANGED:
	case ITEM_REGISTERED:
	case ITEM_ORDERS:
	case ITEM_ANSWERED:
	case ITEM_DROPPED:
	default:
		return false;
	}
}

/* Calls under way end in "not known", everything else for this face is gone. */
static void
face_lose(struct face *face)
{
	struct memory_store *memory = face->memory;
	struct item *item = NULL;
	struct item *next = NULL;

	STAILQ_FOREACH_SAFE (item, &memory->queue, next, next) {
		if (item->face != face)
			continue;
		if (item_is_answer(item)) {
			item->result = PGAF_ECONN;
			item->known = false;
			item->granted = false;
			continue;
		}
		STAILQ_REMOVE(&memory->queue, item, item, next);
		free(item);
	}
	face->open = false;
	face->muted = false;
	if (face->link)
		face->link->session = false;
	item = memory_tell(face, ITEM_LOST);
	if (item)
		error_set(&item->error, PGAF_ECONN, "the connection to the store was cut");
}

static void
face_open(struct face *face)
{
	if (face->link) {
		memory_link_let_in(face->link);
		return;
	}
	face->open = true;
	memory_tell(face, ITEM_OPENED);
}

void
memory_forget_face(struct face *face)
{
	struct item *item = NULL;
	struct item *next = NULL;

	STAILQ_FOREACH_SAFE (item, &face->memory->queue, next, next) {
		if (item->face == face) {
			STAILQ_REMOVE(&face->memory->queue, item, item, next);
			free(item);
		}
	}
	LIST_REMOVE(face, next);
}

/* ---- faults -------------------------------------------------------------------------- */

static void
face_cut(struct face *face, bool cut)
{
	if (face->cut == cut)
		return;
	face->cut = cut;
	if (cut)
		face_lose(face);
	else
		face_open(face);
}

void
memory_store_cut(struct store *store, bool cut)
{
	face_cut(&((struct memory_store_face *)store)->face, cut);
}

void
memory_link_cut(struct link *link, bool cut)
{
	face_cut(&((struct memory_link *)link)->face, cut);
}

void
memory_store_mute(struct store *store)
{
	((struct memory_store_face *)store)->face.muted = true;
}

void
memory_link_mute(struct link *link)
{
	((struct memory_link *)link)->face.muted = true;
}

static void
memory_reconnect_all(struct memory_store *memory)
{
	struct face *face = NULL;

	LIST_FOREACH (face, &memory->faces, next) {
		if (!face->cut)
			face_lose(face);
	}
	LIST_FOREACH (face, &memory->faces, next) {
		if (!face->cut)
			face_open(face);
	}
}

void
memory_store_crash(struct memory_store *memory)
{
	memory_copy_state(&memory->state, &memory->durable);
	memory_reconnect_all(memory);
}

struct memory_store_copy {
	struct memory_state state;
};

struct memory_store_copy *
memory_store_save(const struct memory_store *memory)
{
	struct memory_store_copy *copy = calloc(1, sizeof(*copy));

	if (copy)
		memory_copy_state(&copy->state, &memory->state);
	return copy;
}

void
memory_store_restore(struct memory_store *memory, const struct memory_store_copy *copy,
                     uint64_t incarnation)
{
	memory_copy_state(&memory->state, &copy->state);
	if (incarnation != 0)
		memory->state.incarnation = incarnation;
	memory_flush(memory);
	memory_reconnect_all(memory);
}

void
memory_store_copy_free(struct memory_store_copy *copy)
{
	free(copy);
}

/* ---- operators ----------------------------------------------------------------------- */

int
memory_store_set_settings(struct memory_store *memory, const char *formation,
                          const struct settings *settings)
{
	int result = PGAF_ENOENT;

	for (uint32_t i = 0; i < memory->state.group_count; i++) {
		struct memory_group *group = &memory->state.groups[i];

		if (strcmp(group->formation, formation) != 0)
			continue;
		group->settings = *settings;
		memory_tell_stores(memory, group, STORE_CHANGED, 0);
		memory_tell_keepers(memory, group);
		result = 0;
	}
	memory_flush(memory);
	return result;
}

int
memory_store_ask(struct memory_store *memory, const struct store_group_key *key,
                 const struct request *request)
{
	struct memory_group *group = memory_group_of(memory, key);

	if (!group)
		return PGAF_ENOENT;
	if (group->request.kind != REQUEST_NONE)
		return PGAF_EREFUSED;
	group->request = *request;
	group->request.number = ++memory->state.last_request;
	group->request.epoch = group->group.epoch;
	memory_flush(memory);
	memory_tell_stores(memory, group, STORE_CHANGED, 0);
	return 0;
}

int
memory_store_drop(struct memory_store *memory, pgaf_node_id node, bool force)
{
	struct memory_group *group = NULL;
	struct memory_node *in = memory_node_of(memory, node, &group);

	if (!in)
		return PGAF_ENOENT;
	in->node.drop_asked = true;
	in->node.drop_force = in->node.drop_force || force;
	memory_flush(memory);
	memory_tell_stores(memory, group, STORE_CHANGED, node);
	return 0;
}

int
memory_store_set_node(struct memory_store *memory, pgaf_node_id node, uint32_t priority,
                      bool quorum)
{
	struct memory_group *group = NULL;
	struct memory_node *in = memory_node_of(memory, node, &group);

	if (!in)
		return PGAF_ENOENT;
	in->node.priority = priority;
	in->node.quorum = quorum;
	memory_flush(memory);
	memory_tell_stores(memory, group, STORE_CHANGED, node);
	return 0;
}
