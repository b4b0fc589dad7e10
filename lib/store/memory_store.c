/* SPDX-License-Identifier: PostgreSQL */
/* The monitor's face of the memory store: reading groups, committing decisions. */

#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "store/memory_parts.h"
#include "store/report.h"

static struct item *
store_tell(struct store *store, enum item_kind kind, const struct store_group_key *key, void *ctx)
{
	struct face *face = &((struct memory_store_face *)store)->face;
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		return NULL;
	item->face = face;
	item->kind = kind;
	item->result = face->open ? 0 : PGAF_ECONN;
	item->ctx = ctx;
	if (key)
		item->key = *key;
	STAILQ_INSERT_TAIL(&face->memory->queue, item, next);
	return item;
}

static void
store_free(struct store *store)
{
	if (!store)
		return;
	memory_forget_face(&((struct memory_store_face *)store)->face);
	free(store);
}

static void
store_groups(struct store *store, store_groups_fn done, void *ctx)
{
	struct item *item = store_tell(store, ITEM_GROUPS, NULL, ctx);

	if (item)
		item->done.groups = done;
}

static void
store_load(struct store *store, const struct store_group_key *key, store_group_fn done, void *ctx)
{
	struct item *item = store_tell(store, ITEM_LOAD, key, ctx);

	if (item)
		item->done.load = done;
}

static void
store_reports(struct store *store, const struct store_group_key *key, store_reports_fn done,
              void *ctx)
{
	struct item *item = store_tell(store, ITEM_REPORTS, key, ctx);

	if (item)
		item->done.reports = done;
}

static void
store_sessions(struct store *store, const struct store_group_key *key, store_sessions_fn done,
               void *ctx)
{
	struct item *item = store_tell(store, ITEM_SESSIONS, key, ctx);

	if (item)
		item->done.sessions = done;
}

/* The number of the request this store's last load of the group showed. */
static uint64_t *
store_request_seen(struct memory_store_face *store, const struct memory_group *group)
{
	return &store->request_seen[group - store->face.memory->state.groups];
}

static int
decision_write(struct memory_store_face *store, const struct store_group_key *key,
               const struct decision *decision)
{
	struct memory_store *memory = store->face.memory;
	struct memory_group *group = memory_group_of(memory, key);

	if (!group || group->group.epoch != decision->from_epoch ||
	    group->group.promotion.claimed != decision->from_claimed)
		return PGAF_ESTALE;
	group->group = decision->group;
	/* A request that came after the decision's snapshot stays. */
	if (decision->group.request.kind == REQUEST_NONE &&
	    group->request.number == *store_request_seen(store, group))
		group->request = (struct request){.kind = REQUEST_NONE};
	for (uint32_t i = 0; i < decision->assignment_count; i++) {
		struct memory_node *in =
			memory_node_of(memory, decision->assignments[i].node, NULL);

		if (in)
			in->node.goal = decision->assignments[i].goal;
	}
	for (uint32_t i = 0; i < decision->admission_count; i++) {
		struct memory_node *in = memory_node_of(memory, decision->admissions[i].node, NULL);

		if (in) {
			in->node.admission = decision->admissions[i].admission;
			in->node.high_lsn = decision->admissions[i].high_lsn;
		}
	}
	memory_record(memory, "%s", decision->text);
	memory_tell_keepers(memory, group);
	if (decision->removed != 0)
		memory_remove(group, memory, decision->removed);
	memory_flush(memory);
	return 0;
}

static void
store_commit(struct store *store, const struct store_group_key *key,
             const struct decision *decision, store_commit_fn done, void *ctx)
{
	struct face *face = &((struct memory_store_face *)store)->face;
	struct item *item = store_tell(store, ITEM_COMMIT, key, ctx);

	if (!item)
		return;
	item->done.commit = done;
	if (face->open)
		item->result = decision_write(face->store, key, decision);
}

static void
store_publish(struct store *store, const struct store_group_key *key, const char *picture)
{
	(void)store;
	(void)key;
	(void)picture;
}

static const struct store_ops memory_store_ops = {
	.free = store_free,
	.groups = store_groups,
	.load = store_load,
	.reports = store_reports,
	.commit = store_commit,
	.sessions = store_sessions,
	.publish = store_publish,
};

struct store *
memory_store_open(struct memory_store *memory, pgaf_time age,
                  const struct store_callbacks *callbacks, void *ctx)
{
	struct memory_store_face *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->base.ops = &memory_store_ops;
	store->face.memory = memory;
	store->face.store = store;
	store->face.open = true;
	store->callbacks = *callbacks;
	store->ctx = ctx;
	store->age = age;
	LIST_INSERT_HEAD(&memory->faces, &store->face, next);
	memory_tell(&store->face, ITEM_OPENED);
	return &store->base;
}

/* ---- answers ------------------------------------------------------------------------- */

/* The place where this store remembers the node's last report; NULL when there is no room. */
static struct seen *
store_seen(struct memory_store_face *store, pgaf_node_id node)
{
	struct seen *free_place = NULL;

	for (size_t i = 0; i < sizeof(store->seen) / sizeof(store->seen[0]); i++) {
		struct seen *seen = &store->seen[i];

		if (seen->node == node)
			return seen;
		if (!free_place &&
		    (seen->node == 0 || !memory_node_of(store->face.memory, seen->node, NULL)))
			free_place = seen;
	}
	if (free_place)
		*free_place = (struct seen){.node = node};
	return free_place;
}

static bool
store_is_news(struct memory_store_face *store, const struct memory_node *node)
{
	struct seen *seen = store_seen(store, node->node.id);

	if (seen && seen->news == node->news)
		return false;
	if (seen)
		seen->news = node->news;
	return true;
}

static void
deliver_load(struct memory_store_face *store, const struct item *item)
{
	struct memory_store *memory = store->face.memory;
	struct memory_group *group = memory_group_of(memory, &item->key);
	struct snapshot snap = {0};

	if (item->result < 0 || !group) {
		item->done.load(item->ctx, item->result < 0 ? item->result : PGAF_ENOENT, NULL);
		return;
	}
	snap.group = group->group;
	snap.group.went_back =
		snap.group.incarnation != 0 && snap.group.incarnation != memory->state.incarnation;
	snap.group.incarnation = memory->state.incarnation;
	snap.group.settings = group->settings;
	snap.group.request = group->request;
	*store_request_seen(store, group) = group->request.number;
	snap.count = group->count;
	for (uint32_t i = 0; i < group->count; i++) {
		snap.nodes[i] = group->nodes[i].node;
		store_is_news(store, &group->nodes[i]);
	}
	item->done.load(item->ctx, 0, &snap);
}

static void
deliver_reports(struct memory_store_face *store, const struct item *item)
{
	struct memory_group *group = memory_group_of(store->face.memory, &item->key);
	struct memory_node news[PGAF_NODES_MAX];
	uint32_t count = 0;

	if (item->result < 0 || !group) {
		item->done.reports(item->ctx, item->result < 0 ? item->result : PGAF_ENOENT, 0,
		                   NULL, true);
		return;
	}
	for (uint32_t i = 0; i < group->count; i++) {
		if (group->nodes[i].reported && store_is_news(store, &group->nodes[i]))
			news[count++] = group->nodes[i];
	}
	for (uint32_t i = 0; i < count; i++)
		item->done.reports(item->ctx, 0, news[i].node.id, &news[i].node.report,
		                   i + 1 == count);
	if (count == 0)
		item->done.reports(item->ctx, 0, 0, NULL, true);
}

static void
deliver_groups(struct memory_store_face *store, const struct item *item)
{
	const struct memory_state *state = &store->face.memory->state;
	struct store_group_key keys[MEMORY_GROUPS_MAX];

	for (uint32_t i = 0; i < state->group_count; i++) {
		keys[i].id = state->groups[i].group.id;
		text_copy(keys[i].formation, sizeof(keys[i].formation), state->groups[i].formation);
	}
	item->done.groups(item->ctx, item->result, keys, item->result < 0 ? 0 : state->group_count);
}

static void
deliver_sessions(struct memory_store_face *store, const struct item *item)
{
	struct memory_group *group = memory_group_of(store->face.memory, &item->key);
	pgaf_node_id open[PGAF_NODES_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; item->result == 0 && group && i < group->count; i++) {
		if (memory_is_live(store->face.memory, group->nodes[i].node.id))
			open[count++] = group->nodes[i].node.id;
	}
	item->done.sessions(item->ctx, item->result, open, count);
}

void
memory_store_deliver(struct memory_store_face *store, const struct item *item)
{
	switch (item->kind) {
	case ITEM_OPENED:
		store->callbacks.opened(store->ctx, store->face.memory->state.incarnation,
		                        store->age);
		break;
	case ITEM_LOST:
		store->callbacks.lost(store->ctx, &item->error);
		break;
	case ITEM_CHANGED:
		store->callbacks.changed(store->ctx, &item->key, item->change, item->node);
		break;
	case ITEM_GROUPS:
		deliver_groups(store, item);
		break;
	case ITEM_LOAD:
		deliver_load(store, item);
		break;
	case ITEM_REPORTS:
		deliver_reports(store, item);
		break;
	case ITEM_COMMIT:
		item->done.commit(item->ctx, item->result, item->result < 0 ? &item->error : NULL);
		break;
	case ITEM_SESSIONS:
		deliver_sessions(store, item);
		break;
	case ITEM_REGISTERED:
	case ITEM_ORDERS:
	case ITEM_ANSWERED:
	case ITEM_CLAIMED:
	case ITEM_DROPPED:
	default:
		break;
	}
}
