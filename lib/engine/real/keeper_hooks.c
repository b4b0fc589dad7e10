/* SPDX-License-Identifier: PostgreSQL */
/* What the operator's programs are told of a keeper, out of what its HTTP face shows. */

#include "engine/real/hook_facts.h"
#include "engine/real/keeper_parts.h"

static struct hooks_list
list_of(const struct pgaf_keeper_options *options)
{
	return (struct hooks_list){
		.files = options->hooks,
		.count = options->hook_count,
		.limit = options->hook_limit,
	};
}

/* Of the group, as this node was told last; nothing while nobody is. */
static struct hook_place
find_primary(const struct pgaf_keeper *keeper, const struct hook_place *self, enum hook_role role)
{
	const struct keeper_page_data *page = &keeper->page;

	if (role == HOOK_ROLE_PRIMARY || page->primary == page->node_id)
		return *self;
	for (uint32_t i = 0; i < page->peer_count; i++)
		if (page->peers[i].id == page->primary)
			return (struct hook_place){.name = page->peers[i].name,
			                           .host = page->peers[i].host,
			                           .port = page->peers[i].port};
	return (struct hook_place){0};
}

void
keeper_hooks_call(void *world, const struct hook_call *call)
{
	struct pgaf_keeper *keeper = world;
	const struct keeper_page_data *page = &keeper->page;
	const struct hook_place self = {.name = page->name,
	                                .host = keeper->registration.host,
	                                .port = keeper->registration.port};

	hook_facts_tell(keeper->hooks, &keeper->logger, call,
	                &(struct hook_facts){
				.teller = "keeper",
				.number = ++keeper->hook_number,
				.formation = page->formation,
				.group_id = page->group_id,
				.node_id = page->node_id,
				.node = self,
				.primary = find_primary(keeper, &self, call->role),
				.report = &page->report,
				.goal = &page->note.goal,
				.epoch = page->note.epoch,
			});
}

int
keeper_hooks_check(const struct pgaf_keeper_options *options, struct pgaf_error *error)
{
	const struct hooks_list list = list_of(options);

	return hooks_check(&list, error);
}

int
keeper_hooks_make(struct pgaf_keeper *keeper, const struct pgaf_keeper_options *options,
                  struct pgaf_error *error)
{
	const struct hooks_list list = list_of(options);

	keeper->hooks = hooks_new(keeper->loop, &keeper->logger, &list, error);
	return keeper->hooks != NULL ? 0 : PGAF_ENOMEM;
}

int
keeper_hooks_set(struct pgaf_keeper *keeper, const struct pgaf_keeper_options *options,
                 struct pgaf_error *error)
{
	const struct hooks_list list = list_of(options);
	bool changed = false;
	int result = hooks_check(&list, error);

	if (result == 0)
		result = hooks_set(keeper->hooks, &list, &changed, error);
	if (result < 0 || !changed || !keeper->engine)
		return result;
	keeper_on_hooks(keeper->engine, loop_now(keeper->loop));
	loop_timer_set(keeper->timer, loop_now(keeper->loop));
	return 0;
}
