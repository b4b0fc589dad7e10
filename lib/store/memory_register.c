/* SPDX-License-Identifier: PostgreSQL */
/*
 * The rules of registration for the memory store: the same as pgaf.register
 * in schema.sql, held together by one conformance suite.
 */

#include <string.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "store/memory_parts.h"

static struct memory_group *
register_group(struct memory_store *memory, const struct link_registration *registration)
{
	struct store_group_key key = {.id = registration->group_id};
	struct memory_group *group = NULL;

	text_copy(key.formation, sizeof(key.formation), registration->formation);
	group = memory_group_of(memory, &key);
	if (group || memory->state.group_count == MEMORY_GROUPS_MAX)
		return group;
	group = &memory->state.groups[memory->state.group_count++];
	memset(group, 0, sizeof(*group));
	text_copy(group->formation, sizeof(group->formation), key.formation);
	text_copy(group->group.formation, sizeof(group->group.formation), key.formation);
	group->group.id = key.id;
	settings_init(&group->settings);
	return group;
}

static bool
has_name(const struct node *node, const struct link_registration *registration)
{
	return strcmp(node->name, registration->name) == 0;
}

static bool
has_address(const struct node *node, const struct link_registration *registration)
{
	return strcmp(node->host, registration->host) == 0 && node->port == registration->port;
}

/* Is the registrant a node of this store already? 0 with *known (may be NULL), or refused. */
static int
register_known(struct memory_store *memory, const struct link_registration *registration,
               struct memory_node **known, struct pgaf_error *error)
{
	struct memory_group *group = NULL;
	struct memory_node *node = memory_node_of(memory, registration->node_id, &group);

	*known = NULL;
	for (uint32_t i = 0; i < memory->state.tombstone_count; i++) {
		const struct memory_tombstone *stone = &memory->state.tombstones[i];

		if (!registration->rejoin && stone->id == registration->node_id &&
		    strcmp(stone->token, registration->token) == 0)
			return error_set(error, PGAF_EREFUSED,
			                 "node %u \"%s\" was dropped from formation %s", stone->id,
			                 registration->name, registration->formation);
	}
	if (!node)
		return 0;
	if (strcmp(node->token, registration->token) != 0) {
		if (has_name(&node->node, registration) || has_address(&node->node, registration))
			return error_set(error, PGAF_EAUTH,
			                 "this is not the token of node %u \"%s\"", node->node.id,
			                 node->node.name);
		return 0;
	}
	if (group->group.id != registration->group_id ||
	    strcmp(group->formation, registration->formation) != 0)
		return error_set(error, PGAF_EREFUSED, "node %u \"%s\" belongs to group %s/%u",
		                 node->node.id, node->node.name, group->formation, group->group.id);
	if (!has_address(&node->node, registration) && memory_is_live(memory, node->node.id))
		return error_set(error, PGAF_EREFUSED,
		                 "node %u \"%s\" is connected from %s:%u: two keepers have one "
		                 "identity",
		                 node->node.id, node->node.name, node->node.host, node->node.port);
	*known = node;
	return 0;
}

static int
register_refuse_foreign(const struct memory_group *group, pgaf_node_id self,
                        const struct link_registration *registration, struct pgaf_error *error)
{
	uint64_t ours = group->group.system_identifier;

	for (uint32_t i = 0; ours == 0 && i < group->count; i++) {
		if (group->nodes[i].node.id != self)
			ours = group->nodes[i].system_identifier;
	}
	if (registration->system_identifier == 0 || ours == 0 ||
	    registration->system_identifier == ours)
		return 0;
	return error_set(error, PGAF_EREFUSED,
	                 "the data directory of \"%s\" belongs to another cluster: its system "
	                 "identifier is %llu, that of group %s/%u is %llu",
	                 registration->name, (unsigned long long)registration->system_identifier,
	                 group->formation, group->group.id, (unsigned long long)ours);
}

/* The wanted name or address is `holder`'s: take its row over (*self), replace it, or refuse. */
static int
register_settle(struct memory_store *memory, struct memory_group *group,
                const struct link_registration *registration, struct memory_node *holder,
                struct memory_node **self)
{
	pgaf_node_id primary = group->group.primary;
	bool known = *self != NULL;

	*self = NULL;
	if (memory_is_live(memory, holder->node.id) || !has_name(&holder->node, registration) ||
	    !has_address(&holder->node, registration) || holder < group->nodes ||
	    holder >= group->nodes + group->count)
		return PGAF_EREFUSED;
	if (!holder->reported) {
		*self = holder;
		return 0;
	}
	if (registration->has_data || known || primary == holder->node.id ||
	    group->group.promotion.node == holder->node.id || primary == 0 ||
	    !memory_is_live(memory, primary))
		return PGAF_EREFUSED;
	group->group.epoch++;
	memory_record(memory, "node \"%s\" is replaced", holder->node.name);
	memory_remove(group, memory, holder->node.id);
	return 0;
}

static struct memory_node *
register_holder(struct memory_store *memory, const struct link_registration *registration,
                const struct memory_node *self)
{
	for (uint32_t i = 0; i < memory->state.group_count; i++) {
		struct memory_group *group = &memory->state.groups[i];
		bool same = strcmp(group->formation, registration->formation) == 0;

		for (uint32_t j = 0; j < group->count; j++) {
			struct memory_node *node = &group->nodes[j];

			if (node != self && ((same && has_name(&node->node, registration)) ||
			                     has_address(&node->node, registration)))
				return node;
		}
	}
	return NULL;
}

static struct memory_node *
register_add(struct memory_store *memory, struct memory_group *group,
             const struct link_registration *registration)
{
	struct memory_node *node = NULL;

	if (group->count >= GROUP_NODES_SERVED)
		return NULL;
	node = &group->nodes[group->count++];
	memset(node, 0, sizeof(*node));
	node->node.id = ++memory->state.last_node;
	node->node.priority = registration->priority;
	node->node.quorum = registration->quorum;
	text_copy(node->node.region, sizeof(node->node.region), registration->region);
	memory_record(memory, "node \"%s\" at %s:%u is registered", registration->name,
	              registration->host, registration->port);
	return node;
}

static void
register_fill(struct memory_store *memory, const struct memory_group *group,
              const struct link_registration *registration, struct memory_node *node)
{
	bool ours = registration->system_identifier == group->group.system_identifier;

	text_copy(node->node.name, sizeof(node->node.name), registration->name);
	text_copy(node->node.host, sizeof(node->node.host), registration->host);
	node->node.port = registration->port;
	node->node.http_port = registration->http_port;
	node->system_identifier = registration->system_identifier;
	if (!node->reported)
		node->node.bootstrap =
			registration->has_data
				? registration->bootstrap || registration->was_member || ours
				: registration->bootstrap && !registration->was_member;
	if (registration->token[0] == '\0')
		memory_secret(memory, node->token);
	else
		text_copy(node->token, sizeof(node->token), registration->token);
}

int
memory_register(struct memory_store *memory, const struct link_registration *registration,
                struct link_registered *answer, struct pgaf_error *error)
{
	struct memory_group *group = register_group(memory, registration);
	struct memory_node *self = NULL;
	struct memory_node *holder = NULL;
	int result = register_known(memory, registration, &self, error);

	if (!group)
		return error_set(error, PGAF_E2BIG, "this store has room for %d groups",
		                 MEMORY_GROUPS_MAX);
	if (result < 0)
		return result;
	result = register_refuse_foreign(group, self ? self->node.id : 0, registration, error);
	if (result < 0)
		return result;
	holder = register_holder(memory, registration, self);
	if (holder && register_settle(memory, group, registration, holder, &self) < 0)
		return error_set(error, PGAF_EREFUSED,
		                 "\"%s\" at %s:%u cannot be registered: it belongs to node %u "
		                 "\"%s\" at %s:%u",
		                 registration->name, registration->host, registration->port,
		                 holder->node.id, holder->node.name, holder->node.host,
		                 holder->node.port);
	if (!self)
		self = register_add(memory, group, registration);
	if (!self)
		return error_set(
			error, PGAF_EREFUSED,
			"group %s/%u is full: it has %d nodes, as many as this version serves",
			group->formation, group->group.id, GROUP_NODES_SERVED);
	register_fill(memory, group, registration, self);
	memory_flush(memory);
	memory_tell_stores(memory, group, STORE_CHANGED, self->node.id);

	answer->node_id = self->node.id;
	answer->incarnation = memory->state.incarnation;
	text_copy(answer->token, sizeof(answer->token), self->token);
	text_copy(answer->replicator_password, sizeof(answer->replicator_password),
	          memory->replicator_password);
	text_copy(answer->probe_password, sizeof(answer->probe_password), memory->probe_password);
	return 0;
}
