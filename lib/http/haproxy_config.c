/* SPDX-License-Identifier: PostgreSQL */
/*
 * HAProxy asks each keeper whether its node is the primary or a replica, and
 * closes the sessions of a server that is not any more.
 *
 * The figures: a refused connection or a 503 is believed after three checks, of
 * which the second and third follow at once, so a demotion is seen within the
 * interval and some 50 ms. HAProxy gives the connection of a check no longer
 * than the interval; three of them ride out a lost packet or a keeper that was
 * not scheduled, and still end well before the silence limit at which another
 * node may be promoted. A server that is down is believed with its first 200.
 */

#include "http/haproxy_config.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/options.h"
#include "base/pure/text.h"

static void
add_global(const struct haproxy_input *input, struct text *to)
{
	text_addf(to,
	          "# pgaf: formation %s, group %u. Made by \"pgaf-ctl haproxy config\"; make it\n"
	          "# anew when nodes are added or removed.\n"
	          "global\n"
	          "\tlog stdout format raw daemon notice\n"
	          "\tmaxconn 2000\n"
	          "\thard-stop-after 10s\n"
	          "\n"
	          "defaults\n"
	          "\tlog global\n"
	          "\tmode tcp\n"
	          "\toption clitcpka\n"
	          "\toption srvtcpka\n"
	          "\ttimeout client 24h\n"
	          "\ttimeout server 24h\n"
	          "\ttimeout client-fin 10s\n"
	          "\ttimeout server-fin 10s\n"
	          "\ttimeout connect 1s\n"
	          "\ttimeout queue 1s\n"
	          "\ttimeout check 400ms\n"
	          "\n",
	          input->formation != NULL ? input->formation : "default", input->group_id);
}

static bool
has_resolvers(const struct haproxy_input *input)
{
	return input->resolvers != NULL && input->resolvers[0] != '\0';
}

/* The last good address outlives a name server that is silent or knows nothing any more: whether
 * its node is well is for the checks to say. A new address is used at once. */
static void
add_resolvers(const struct haproxy_input *input, struct text *to)
{
	static const char once[] =
		"# Names are looked up once, when HAProxy starts. With --resolvers they are\n"
		"# followed, and a node whose name does not exist yet is found later.\n"
		"\n";
	char host[PGAF_HOST_MAX];
	uint16_t port = 0;

	if (!has_resolvers(input)) {
		text_add(to, once);
		return;
	}
	bool has_port = address_split(input->resolvers, host, sizeof(host), &port);
	text_addf(to,
	          "resolvers pgaf\n"
	          "\tnameserver dns %s%s\n"
	          "\taccepted_payload_size 8192\n"
	          "\tresolve_retries 3\n"
	          "\ttimeout resolve 500ms\n"
	          "\ttimeout retry 200ms\n"
	          "\thold valid 1s\n"
	          "\thold nx 30s\n"
	          "\thold other 30s\n"
	          "\thold refused 30s\n"
	          "\thold timeout 30s\n"
	          "\n",
	          input->resolvers, has_port ? "" : ":53");
}

static uint32_t
or_else(uint32_t port, uint32_t initial)
{
	return port != 0 ? port : initial;
}

static void
add_bind(const struct haproxy_input *input, uint32_t port, struct text *to)
{
	const char *host = input->listen;

	if (host == NULL || host[0] == '\0')
		text_addf(to, "\tbind [::]:%u v4v6\n", port);
	else
		text_addf(to, strchr(host, ':') != NULL ? "\tbind [%s]:%u\n" : "\tbind %s:%u\n",
		          host, port);
}

static void
add_frontends(const struct haproxy_input *input, struct text *to)
{
	text_add(to, "frontend read_write\n");
	add_bind(input, or_else(input->read_write_port, HAPROXY_READ_WRITE_PORT), to);
	text_add(to, "\tdefault_backend primary\n"
	             "\n"
	             "# The primary serves reads while there is no replica.\n"
	             "frontend read_only\n");
	add_bind(input, or_else(input->read_only_port, HAPROXY_READ_ONLY_PORT), to);
	text_add(to, "\tuse_backend replicas if { nbsrv(replicas) gt 0 }\n"
	             "\tdefault_backend primary\n"
	             "\n"
	             "frontend statistics\n"
	             "\tmode http\n");
	add_bind(input, or_else(input->stats_port, HAPROXY_STATS_PORT), to);
	text_add(to, "\ttimeout client 10s\n"
	             "\ttimeout http-request 10s\n"
	             "\thttp-request redirect location /stats if { path / }\n"
	             "\tstats enable\n"
	             "\tstats uri /stats\n"
	             "\tstats refresh 2s\n"
	             "\tstats hide-version\n"
	             "\n");
}

/* Letters, digits and what else stands in names; nothing that would break out of its word. */
static size_t
plain_length(const char *word)
{
	return strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
}

/* HAProxy refuses the whole file for one name that cannot be asked for. */
static bool
is_name(const char *host)
{
	while (true) {
		size_t length = plain_length(host);
		if (length == 0 || length > 63)
			return false;
		if (host[length] == '\0')
			return true;
		if (host[length] != '.')
			return false;
		host += length + 1;
	}
}

static bool
is_numeric(const char *host)
{
	struct in6_addr address;

	return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static void
add_word(struct text *to, const char *word)
{
	for (; *word != '\0'; word++)
		text_add_bytes(to, plain_length(word) > 0 || *word == '.' ? word : "_", 1);
}

static void
add_server(const struct haproxy_input *input, const struct haproxy_node *node, struct text *to)
{
	bool named = !is_numeric(node->host);

	if (node->http_port == 0 || (named && !is_name(node->host))) {
		text_add(to, "\t# left out: ");
		add_word(to, node->name);
		text_add(to, node->http_port == 0 ? ", whose keeper serves no HTTP\n"
		                                  : ", whose host is no plain name\n");
		return;
	}
	text_add(to, "\tserver ");
	add_word(to, node->name);
	text_addf(to,
	          strchr(node->host, ':') != NULL ? " [%s]:%u check port %u"
	                                          : " %s:%u check port %u",
	          node->host, node->port, node->http_port);
	if (named)
		text_add(to, " init-addr last,libc,none");
	if (named && has_resolvers(input))
		text_add(to, " resolvers pgaf");
	text_add(to, "\n");
}

static void
add_checks(const char *path, pgaf_time interval, struct text *to)
{
	long long ms = (long long)(interval / PGAF_MSEC(1));

	text_addf(to,
	          "\toption httpchk\n"
	          "\thttp-check send meth OPTIONS uri %s\n"
	          "\thttp-check expect status 200\n"
	          "\tdefault-server inter %lldms fastinter 20ms downinter %lldms rise 1 fall 3"
	          " on-marked-down shutdown-sessions\n",
	          path, ms, ms / 2);
}

static void
add_backends(const struct haproxy_input *input, struct text *to)
{
	pgaf_time interval =
		input->check_interval > 0 ? input->check_interval : HAPROXY_CHECK_INTERVAL;

	/* No retries: HAProxy pauses before it tries the same server again, for longer than its
	 * client would. */
	text_add(to, "backend primary\n"
	             "\tretries 0\n");
	add_checks("/primary", interval, to);
	for (uint32_t i = 0; i < input->node_count; i++)
		add_server(input, &input->nodes[i], to);
	text_add(to, "\n"
	             "backend replicas\n"
	             "\tbalance leastconn\n"
	             "\tretries 2\n"
	             "\toption redispatch 1\n");
	add_checks("/replica", 2 * interval, to);
	for (uint32_t i = 0; i < input->node_count; i++)
		add_server(input, &input->nodes[i], to);
}

void
haproxy_config(const struct haproxy_input *input, struct text *to)
{
	add_global(input, to);
	add_resolvers(input, to);
	add_frontends(input, to);
	add_backends(input, to);
}
