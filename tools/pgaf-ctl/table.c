/* SPDX-License-Identifier: PostgreSQL */
/* Printing tables: cells are collected first, since the widest one sets the width. */

#include "pgaf-ctl/table.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgaf-ctl/ctl.h"

static char **
next_cell(struct table *table)
{
	for (unsigned i = 0; table->count > 0 && i < table->columns; i++) {
		if (!table->rows[table->count - 1][i])
			return &table->rows[table->count - 1][i];
	}
	char *(*rows)[TABLE_COLUMNS] =
		reallocarray(table->rows, table->count + 1, sizeof(*table->rows));
	if (!rows)
		err(EXIT_FAILED, "table");
	table->rows = rows;
	memset(rows[table->count], 0, sizeof(rows[0]));
	return &rows[table->count++][0];
}

void
table_cell(struct table *table, const char *format, ...)
{
	char **cell = next_cell(table);
	va_list args;

	va_start(args, format);
	if (vasprintf(cell, format, args) < 0)
		err(EXIT_FAILED, "table");
	va_end(args);
}

/* Width on the screen: bytes that continue a character take no room. */
static int
width_of(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void
cell_print(const struct table *table, unsigned column, const char *text, int width)
{
	int pad = width - width_of(text);
	bool last = column + 1 == table->columns;

	if (table->left[column])
		printf("%s%*s", text, last ? 0 : pad, "");
	else
		printf("%*s%s", pad, "", text);
	fputs(last ? "\n" : " | ", stdout);
}

void
table_print(struct table *table)
{
	int width[TABLE_COLUMNS];

	for (unsigned i = 0; i < table->columns; i++) {
		width[i] = width_of(table->heads[i]);
		for (size_t row = 0; row < table->count; row++) {
			int own = width_of(table->rows[row][i]);
			width[i] = own > width[i] ? own : width[i];
		}
	}
	for (unsigned i = 0; i < table->columns; i++)
		cell_print(table, i, table->heads[i], width[i]);
	for (unsigned i = 0; i < table->columns; i++) {
		for (int dash = 0; dash < width[i]; dash++)
			putchar('-');
		fputs(i + 1 == table->columns ? "\n" : "-+-", stdout);
	}
	for (size_t row = 0; row < table->count; row++) {
		for (unsigned i = 0; i < table->columns; i++) {
			cell_print(table, i, table->rows[row][i], width[i]);
			free(table->rows[row][i]);
		}
	}
	free(table->rows);
	table->rows = NULL;
	table->count = 0;
}
