/* SPDX-License-Identifier: PostgreSQL */
/* The keeper's face of the memory store: one session that speaks for one node. */

#include <stdlib.h>
#include <string.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "store/memory_parts.h"
#include "store/report.h"

static struct memory_link *
link_of(struct link *link)
{
	return (struct memory_link *)link;
}

static void
link_free(struct link *base)
{
	if (!base)
		return;
	memory_forget_face(&link_of(base)->face);
	free(base);
}

static void
link_register(struct memory_link *link)
{
	struct link_registered answer = {0};
	struct pgaf_error error = {0};
	struct item *item = NULL;
	int result = memory_register(link->face.memory, &link->registration, &answer, &error);

	item = memory_tell(&link->face, ITEM_REGISTERED);
	if (item) {
		item->result = result;
		item->registered = answer;
		item->error = error;
	}
	if (result < 0)
		return;
	link->node = answer.node_id;
	text_copy(link->token, sizeof(link->token), answer.token);
	link->registration.node_id = answer.node_id;
	link->registration.rejoin = false;
	text_copy(link->registration.token, sizeof(link->registration.token), answer.token);
	memory_link_hello(link);
}

static void
link_enroll(struct link *base, const struct link_registration *registration)
{
	struct memory_link *link = link_of(base);

	link->registration = *registration;
	link->has_data = registration->has_data;
	link->system_identifier = registration->system_identifier;
	link->node = 0;
	/* A face that is cut off registers when it is let in again. */
	link->enrolling = link->face.cut;
	if (!link->enrolling)
		link_register(link);
}

static bool
link_was_dropped(const struct memory_link *link)
{
	const struct memory_state *state = &link->face.memory->state;

	for (uint32_t i = 0; i < state->tombstone_count; i++) {
		if (state->tombstones[i].id == link->node &&
		    strcmp(state->tombstones[i].token, link->token) == 0)
			return true;
	}
	return false;
}

/* The store is another one than before: register there as what the last report said. */
static void
link_register_again(struct memory_link *link)
{
	link->registration.was_member = true;
	link->registration.has_data = link->has_data;
	link->registration.system_identifier = link->system_identifier;
	link_register(link);
}

void
memory_link_let_in(struct memory_link *link)
{
	bool enrolling = link->enrolling;

	link->enrolling = false;
	if (enrolling)
		link_register(link);
	else if (link->node != 0)
		memory_link_hello(link);
}

/* This session speaks for the node from now on; an older one is not heard any more. */
void
memory_link_hello(struct memory_link *link)
{
	struct memory_store *memory = link->face.memory;
	struct memory_group *group = NULL;
	struct memory_node *node = memory_node_of(memory, link->node, &group);
	struct face *face = NULL;

	link->face.open = true;
	if (link_was_dropped(link)) {
		memory_tell(&link->face, ITEM_DROPPED);
		return;
	}
	if (!node || strcmp(node->token, link->token) != 0) {
		link_register_again(link);
		return;
	}
	LIST_FOREACH (face, &memory->faces, next) {
		if (face->link && face->link->node == link->node)
			face->link->session = false;
	}
	link->session = true;
	memory_tell(&link->face, ITEM_OPENED);
	memory_tell(&link->face, ITEM_ORDERS);
	memory_tell_stores(memory, group, STORE_CHANGED, link->node);
}

static void
link_report(struct link *base, const struct report *report, bool urgent)
{
	struct memory_link *link = link_of(base);
	struct memory_store *memory = link->face.memory;
	struct memory_group *group = NULL;
	struct memory_node *node = memory_node_of(memory, link->node, &group);
	struct report facts;
	struct item *item = NULL;
	bool news = false;

	link->has_data = report->has_data;
	link->system_identifier = report->system_identifier;
	if (!link->face.open)
		return;
	if (!node) {
		memory_tell(&link->face, ITEM_DROPPED);
		return;
	}
	if (!link->session)
		return;
	node->node.report = *report;
	report_steady(&node->node.report);
	report_facts(&node->node.report, &facts);
	news = !node->reported || !report_same(&facts, &node->facts);
	node->facts = facts;
	node->reported = true;
	node->news = ++memory->news;
	if (news || urgent)
		memory_tell_stores(memory, group, STORE_REPORTED, link->node);
	item = memory_tell(&link->face, ITEM_ANSWERED);
	if (item)
		item->number = ++link->reports;
	memory_tell(&link->face, ITEM_ORDERS);
}

static void
link_claim(struct link *base, uint64_t epoch)
{
	struct memory_link *link = link_of(base);
	struct memory_store *memory = link->face.memory;
	struct memory_group *group = NULL;
	struct memory_node *node = memory_node_of(memory, link->node, &group);
	struct item *item = memory_tell(&link->face, ITEM_CLAIMED);

	if (!item)
		return;
	item->known = true;
	if (!node || group->group.promotion.node != link->node ||
	    group->group.promotion.epoch != epoch)
		return;
	item->granted = true;
	group->group.promotion.claimed = true;
	memory_flush(memory);
	memory_tell_stores(memory, group, STORE_CHANGED, link->node);
}

static void
link_refresh(struct link *base)
{
	memory_tell(&link_of(base)->face, ITEM_ORDERS);
}

static const struct link_ops memory_link_ops = {
	.free = link_free,
	.enroll = link_enroll,
	.report = link_report,
	.claim = link_claim,
	.refresh = link_refresh,
};

struct link *
memory_link_new(struct memory_store *memory, const struct link_callbacks *callbacks, void *ctx)
{
	struct memory_link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->base.ops = &memory_link_ops;
	link->face.memory = memory;
	link->face.link = link;
	link->callbacks = *callbacks;
	link->ctx = ctx;
	LIST_INSERT_HEAD(&memory->faces, &link->face, next);
	return &link->base;
}

/* ---- answers ------------------------------------------------------------------------- */

static void
link_fill_orders(const struct memory_store *memory, const struct memory_group *group,
                 const struct memory_node *node, struct keeper_orders *orders)
{
	*orders = (struct keeper_orders){
		.incarnation = memory->state.incarnation,
		.epoch = group->group.epoch,
		.primary = group->group.primary,
		.goal = node->node.goal,
		.settings = group->settings,
		.system_identifier = group->group.system_identifier,
		.high_lsn = group->group.high_lsn,
		.timeline = group->group.timeline,
		.claimed = group->group.promotion.claimed &&
	                   group->group.promotion.node == node->node.id,
	};
	for (uint32_t i = 0; i < group->count; i++) {
		const struct node *other = &group->nodes[i].node;
		struct peer *peer = &orders->peers[orders->peer_count];

		if (other->id == node->node.id)
			continue;
		peer->id = other->id;
		peer->port = other->port;
		peer->http_port = other->http_port;
		text_copy(peer->name, sizeof(peer->name), other->name);
		text_copy(peer->host, sizeof(peer->host), other->host);
		orders->peer_count++;
	}
}

static void
deliver_orders(struct memory_link *link)
{
	struct memory_group *group = NULL;
	struct memory_node *node = memory_node_of(link->face.memory, link->node, &group);
	struct keeper_orders orders;

	if (!node) {
		link->callbacks.dropped(link->ctx);
		return;
	}
	link_fill_orders(link->face.memory, group, node, &orders);
	link->callbacks.orders(link->ctx, &orders);
}

void
memory_link_deliver(struct memory_link *link, const struct item *item)
{
	switch (item->kind) {
	case ITEM_OPENED:
		link->callbacks.opened(link->ctx);
		break;
	case ITEM_LOST:
		link->callbacks.lost(link->ctx, &item->error);
		break;
	case ITEM_REGISTERED:
		link->callbacks.registered(link->ctx, item->result,
		                           item->result < 0 ? NULL : &item->registered,
		                           item->result < 0 ? &item->error : NULL);
		break;
	case ITEM_ORDERS:
		deliver_orders(link);
		break;
	case ITEM_ANSWERED:
		link->callbacks.answered(link->ctx, item->number == link->reports);
		break;
	case ITEM_CLAIMED:
		link->callbacks.claimed(link->ctx, item->granted, item->known);
		break;
	case ITEM_DROPPED:
		link->callbacks.dropped(link->ctx);
		break;
	case ITEM_CHANGED:
	case ITEM_GROUPS:
	case ITEM_LOAD:
	case ITEM_REPORTS:
	case ITEM_COMMIT:
	case ITEM_SESSIONS:
	default:
		break;
	}
}
