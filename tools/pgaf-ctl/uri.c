/* SPDX-License-Identifier: PostgreSQL */
/* show uri: what to connect with. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "pgaf-ctl/print.h"

/*
 * What makes a client find the new primary at once (PROTOCOL 46): the server
 * says whether it is writable, an address that is gone is given up after 2 s,
 * and so is a connection whose other end is.
 */
#define CLIENT_PARAMETERS                                                \
	"target_session_attrs=read-write&connect_timeout=2"              \
	"&tcp_user_timeout=5000&keepalives_idle=2&keepalives_interval=1" \
	"&keepalives_count=3"

static void
host_add(struct text *to, const char *host, uint32_t port)
{
	bool v6 = strchr(host, ':') != NULL;

	text_addf(to, v6 ? "[%s]:%" PRIu32 : "%s:%" PRIu32, host, port);
}

static void
formation_uri(const struct view *view, uint32_t group, struct text *to)
{
	const struct view_node *primary = view_primary(view, group);
	const char *comma = "";

	text_add(to, "postgres://");
	if (primary) {
		host_add(to, primary->host, primary->port);
		comma = ",";
	}
	for (size_t i = 0; i < view->node_count; i++) {
		const struct view_node *node = &view->nodes[i];
		if (node == primary || node->group_id != group)
			continue;
		text_add(to, comma);
		host_add(to, node->host, node->port);
		comma = ",";
	}
	text_addf(to, "/postgres?%s", CLIENT_PARAMETERS);
}

/* Over TCP the name that led here leads keepers here as well; over a socket it is this machine. */
static void
monitor_uri(const struct ctl *ctl, struct text *to)
{
	const char *host = PQhost(ctl->pg);
	char own[PGAF_HOST_MAX] = "localhost";

	if (!host || host[0] == '/' || host[0] == '\0') {
		gethostname(own, sizeof(own) - 1);
		host = own;
	}
	bool v6 = strchr(host, ':') != NULL;
	text_addf(to,
	          v6 ? "postgres://pgaf_keeper@[%s]:%s/pgaf" : "postgres://pgaf_keeper@%s:%s/pgaf",
	          host, PQport(ctl->pg));
}

static void
uri_print(const struct ctl *ctl, const char *uri)
{
	if (ctl->options.json) {
		json_t *object = json_object();
		json_set_text(object, "uri", uri);
		json_print(object);
	} else {
		puts(uri);
	}
}

int
show_uri(struct ctl *ctl)
{
	char uri[PGAF_NODES_MAX * (PGAF_HOST_MAX + 8) + 256] = "";
	struct text text = TEXT(uri);
	struct view view;
	int code = session_open(ctl);

	if (code != EXIT_DONE)
		return code;
	if (ctl->options.monitor_uri) {
		monitor_uri(ctl, &text);
		uri_print(ctl, uri);
		return EXIT_DONE;
	}
	code = view_load(ctl, &view);
	if (code != EXIT_DONE)
		return code;
	if (!view_group(ctl, &view))
		code = EXIT_FAILED;
	else if (view.node_count == 0)
		code = say_error(EXIT_FAILED, "the group has no nodes yet");
	if (code == EXIT_DONE) {
		formation_uri(&view, ctl->options.group, &text);
		uri_print(ctl, uri);
	}
	view_free(&view);
	return code;
}
