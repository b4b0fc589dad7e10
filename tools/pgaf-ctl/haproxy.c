/* SPDX-License-Identifier: PostgreSQL */
/* haproxy config: where the nodes are, handed to the generator. */

#include "http/haproxy_config.h"

#include <stdio.h>

#include "base/pure/text.h"
#include "pgaf-ctl/print.h"

static void
nodes_take(const struct view *view, uint32_t group, struct haproxy_input *input)
{
	for (size_t i = 0; i < view->node_count && input->node_count < PGAF_NODES_MAX; i++) {
		const struct view_node *node = &view->nodes[i];
		if (node->group_id != group)
			continue;
		struct haproxy_node *to = &input->nodes[input->node_count++];
		text_copy(to->name, sizeof(to->name), node->name);
		text_copy(to->host, sizeof(to->host), node->host);
		to->port = node->port;
		to->http_port = node->http_port;
	}
}

static int
print(struct ctl *ctl, const struct view *view)
{
	static char config[HAPROXY_CONFIG_MAX];
	struct text text = TEXT(config);
	struct haproxy_input input = {
		.formation = ctl->options.formation,
		.group_id = ctl->options.group,
		.listen = ctl->options.listen,
		.read_write_port = ctl->options.read_write_port,
		.read_only_port = ctl->options.read_only_port,
		.stats_port = ctl->options.stats_port,
		.resolvers = ctl->options.resolvers,
		.check_interval = ctl->options.check_interval,
	};

	nodes_take(view, ctl->options.group, &input);
	if (input.node_count == 0)
		return say_error(EXIT_FAILED, "the group has no nodes yet");
	for (uint32_t i = 0; i < input.node_count; i++) {
		if (input.nodes[i].http_port != 0)
			continue;
		say_error(EXIT_REFUSED, "the keeper of %s answers no health checks",
		          input.nodes[i].name);
		say_hint("run it with --http ADDR:PORT");
		return EXIT_REFUSED;
	}
	haproxy_config(&input, &text);
	if (text.cut)
		return say_error(EXIT_FAILED, "the configuration is longer than %d bytes",
		                 HAPROXY_CONFIG_MAX);
	if (ctl->options.json)
		json_print(json_string(config));
	else
		fputs(config, stdout);
	return EXIT_DONE;
}

int
haproxy_print(struct ctl *ctl)
{
	struct view view;
	int code = view_open(ctl, &view);

	if (code != EXIT_DONE)
		return code;
	code = view_group(ctl, &view) ? print(ctl, &view) : EXIT_FAILED;
	view_free(&view);
	return code;
}
