/* SPDX-License-Identifier: PostgreSQL */
#ifndef STORE_LINK_PARTS_H
#define STORE_LINK_PARTS_H

/* The statements of a keeper's session and their answers (postgres_orders.c). */

#include "base/pure/text.h"
#include "store/link.h"
#include "store/target.h"

#define LINK_SQL_ROOM 65536

struct link_identity {
	pgaf_node_id node;
	char         token[72];
};

#define ORDERS_CHANNEL_MAX 64

void link_sql_register(struct text *to, const struct link_registration *registration);
void link_sql_hello(struct text *to, const struct link_identity *self);
void link_sql_orders(struct text *to, const struct link_identity *self);
void link_sql_claim(struct text *to, const struct link_identity *self, uint64_t epoch);
/* `beat` is new with each report, also when the report is the same. */
void link_sql_report(struct text *to, const struct link_identity *self, const struct report *report,
                     bool urgent, uint64_t beat);

void link_read_registered(const PGresult *result, struct link_registered *registered);
/* The row of orders; `channel` gets the group's. 0 or PGAF_EINVAL: a line cannot be read. */
int link_read_orders(const PGresult *result, struct keeper_orders *orders,
                     char channel[ORDERS_CHANNEL_MAX], struct pgaf_error *error);

#endif
