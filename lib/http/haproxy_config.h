/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_HAPROXY_CONFIG_H
#define HTTP_HAPROXY_CONFIG_H

/* A complete haproxy.cfg for one group, from the addresses of its nodes. */

#include <pgaf/types.h>

#define HAPROXY_READ_WRITE_PORT 5000
#define HAPROXY_READ_ONLY_PORT 5001
#define HAPROXY_STATS_PORT 7000
#define HAPROXY_CHECK_INTERVAL PGAF_MSEC(100)
#define HAPROXY_CONFIG_MAX (16 * 1024) /* room for any group */

struct haproxy_node {
	char name[PGAF_NAME_MAX];
	char host[PGAF_HOST_MAX];
	uint32_t port;
	uint32_t http_port; /* 0: its keeper serves no HTTP, so it is left out */
};

/* 0 and NULL are the defaults above. */
struct haproxy_input {
	const char *formation;
	uint32_t group_id;
	uint32_t node_count;
	struct haproxy_node nodes[PGAF_NODES_MAX];
	const char *listen; /* address of this host, NULL: all, IPv4 and IPv6 */
	uint32_t read_write_port;
	uint32_t read_only_port;
	uint32_t stats_port;
	const char *resolvers;    /* name server ADDR or ADDR:PORT, NULL: names are looked up
	                                * once, when HAProxy starts */
	pgaf_time check_interval; /* longer than a round trip to the farthest node */
};

struct text;
void haproxy_config(const struct haproxy_input *input, struct text *to);

#endif
