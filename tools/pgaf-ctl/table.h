/* SPDX-License-Identifier: PostgreSQL */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

/* Tables for people: as wide as their cells, in the shape pg_auto_failover's users know. */

#include <pgaf/types.h>

#define TABLE_COLUMNS 8

struct table {
	unsigned columns;
	const char *heads[TABLE_COLUMNS];
	bool left[TABLE_COLUMNS]; /* else aligned to the right */
	size_t count;
	char *(*rows)[TABLE_COLUMNS];
};

/* Cells are formatted one by one, in the order of the heads. */
void table_cell(struct table *table, const char *format, ...) PGAF_PRINTF(2, 3);
void table_print(struct table *table); /* and frees the cells */

#endif
