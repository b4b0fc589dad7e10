/* SPDX-License-Identifier: PostgreSQL */
/* What the operator's programs are told of the nodes of a monitor. */

#include "engine/real/hook_facts.h"
#include "engine/real/monitor_parts.h"

static struct hooks_list
list_of(const struct pgaf_monitor_options *options)
{
	return (struct hooks_list){
		.files = options->hooks,
		.count = options->hook_count,
		.limit = options->hook_limit,
	};
}

static struct hook_place
place_of(const struct node *node)
{
	return (struct hook_place){.name = node->name, .host = node->host, .port = node->port};
}

/* Who has the role; nobody while a promotion has yet to find out. */
static struct hook_place
find_primary(const struct snapshot *snap, const struct node *node, enum hook_role role)
{
	const struct node *primary = snapshot_node(snap, snap->group.primary);

	if (role == HOOK_ROLE_PRIMARY)
		return place_of(node);
	if (primary == NULL || snap->group.promotion.node != 0)
		return (struct hook_place){0};
	return place_of(primary);
}

void
monitor_hooks_call(void *world, const struct node *node, const struct hook_call *call)
{
	struct monitor_group *group = world;
	struct pgaf_monitor *monitor = group->monitor;
	const struct snapshot *snap = monitor_snapshot(group->engine);
	struct logger logger = monitor->logger;

	logger.formation = group->key.formation;
	logger.group_id = (int)group->key.id;
	logger.node_id = node->id;
	logger.node_name = node->name;
	hook_facts_tell(monitor->hooks, &logger, call,
	                &(struct hook_facts){
				.teller = "monitor",
				.number = ++monitor->hook_number,
				.formation = group->key.formation,
				.group_id = group->key.id,
				.node_id = node->id,
				.node = place_of(node),
				.primary = find_primary(snap, node, call->role),
				.report = &node->report,
				.goal = &node->goal,
				.epoch = snap->group.epoch,
			});
}

int
monitor_hooks_check(const struct pgaf_monitor_options *options, struct pgaf_error *error)
{
	const struct hooks_list list = list_of(options);

	return hooks_check(&list, error);
}

int
monitor_hooks_make(struct pgaf_monitor *monitor, const struct pgaf_monitor_options *options,
                   struct pgaf_error *error)
{
	const struct hooks_list list = list_of(options);

	monitor->hooks = hooks_new(monitor->loop, &monitor->logger, &list, error);
	return monitor->hooks != NULL ? 0 : PGAF_ENOMEM;
}

int
monitor_hooks_set(struct pgaf_monitor *monitor, const struct pgaf_monitor_options *options,
                  struct pgaf_error *error)
{
	const struct hooks_list list = list_of(options);
	pgaf_time now = loop_now(monitor->loop);
	bool changed = false;
	int result = hooks_set(monitor->hooks, &list, &changed, error);

	if (result < 0 || !changed)
		return result;
	for (struct monitor_group *group = monitor->groups; group; group = group->next) {
		if (!group->engine)
			continue;
		monitor_on_hooks(group->engine, now);
		loop_timer_set(group->timer, now);
	}
	return 0;
}
