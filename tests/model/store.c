/* SPDX-License-Identifier: PostgreSQL */
/*
 * The visited states. A state is cut into its parts (store, monitor, world,
 * each keeper, each PostgreSQL); every part is kept once, a state is the list
 * of its parts' numbers. Nothing is lost by that: states are compared and
 * rebuilt in full, no two are ever taken for one.
 */
#include "model/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
	uint8_t *items;
	uint32_t *slots; /* number + 1 of the item; 0 = free */
	size_t size, count, room, slot_count;
};

static struct table parts[PARTS];
static struct table states;

static void *
must(void *memory)
{
	if (memory == NULL) {
		fputs("pgaf-model: out of memory\n", stderr);
		exit(3);
	}
	return memory;
}

/* Any function that spreads will do: equality is always checked in full. */
static uint64_t
spread(const uint8_t *bytes, size_t size)
{
	uint64_t hash = size;
	uint64_t word;

	for (size_t i = 0; i < size; i += sizeof(word)) {
		word = 0;
		memcpy(&word, bytes + i, size - i < sizeof(word) ? size - i : sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	return hash;
}

static void
table_grow(struct table *table)
{
	size_t count = table->slot_count == 0 ? 1024 : table->slot_count * 2;

	free(table->slots);
	table->slots = must(calloc(count, sizeof(*table->slots)));
	table->slot_count = count;
	for (size_t i = 0; i < table->count; i++) {
		size_t slot = spread(table->items + i * table->size, table->size) & (count - 1);

		while (table->slots[slot] != 0)
			slot = (slot + 1) & (count - 1);
		table->slots[slot] = (uint32_t)i + 1;
	}
}

static uint32_t
table_put(struct table *table, const void *item, size_t size, bool *known)
{
	size_t slot;

	table->size = size;
	if (table->count * 2 >= table->slot_count)
		table_grow(table);
	slot = spread(item, size) & (table->slot_count - 1);
	for (; table->slots[slot] != 0; slot = (slot + 1) & (table->slot_count - 1))
		if (memcmp(table->items + (table->slots[slot] - 1) * size, item, size) == 0) {
			*known = true;
			return table->slots[slot] - 1;
		}
	if (table->count == table->room) {
		table->room = table->room == 0 ? 1024 : table->room + table->room / 2;
		table->items = must(realloc(table->items, table->room * size));
	}
	memcpy(table->items + table->count * size, item, size);
	table->slots[slot] = (uint32_t)++table->count;
	*known = false;
	return (uint32_t)table->count - 1;
}

/* Where each part lies in a state. */
static void
part_of(unsigned part, size_t *offset, size_t *size)
{
	static const struct {
		size_t offset, size;
	} fixed[] = {
		{offsetof(struct m_state, store), sizeof(struct m_store)},
		{offsetof(struct m_state, monitor), sizeof(struct m_monitor)},
		{offsetof(struct m_state, world), sizeof(struct m_world)},
		{offsetof(struct m_state, copy), sizeof(struct m_group)},
	};
	unsigned node = (part - 4) / 2;

	if (part < 4) {
		*offset = fixed[part].offset;
		*size = fixed[part].size;
	} else if (part % 2 == 0) {
		*offset = offsetof(struct m_state, keeper) + node * sizeof(struct m_keeper);
		*size = sizeof(struct m_keeper);
	} else {
		*offset = offsetof(struct m_state, pg) + node * sizeof(struct m_pg);
		*size = sizeof(struct m_pg);
	}
}

static unsigned
parts_used(void)
{
	return 4 + 2 * run.nodes;
}

uint32_t
states_put(const struct m_state *s, bool *known)
{
	uint32_t numbers[PARTS];
	bool old;

	for (unsigned part = 0; part < parts_used(); part++) {
		size_t offset, size;

		part_of(part, &offset, &size);
		numbers[part] = table_put(&parts[part], (const uint8_t *)s + offset, size, &old);
	}
	return table_put(&states, numbers, parts_used() * sizeof(numbers[0]), known);
}

void
states_get(uint32_t number, struct m_state *s)
{
	uint32_t numbers[PARTS];

	memcpy(numbers, states.items + number * states.size, states.size);
	memset(s, 0, sizeof(*s));
	for (unsigned part = 0; part < parts_used(); part++) {
		size_t offset, size;

		part_of(part, &offset, &size);
		memcpy((uint8_t *)s + offset, parts[part].items + numbers[part] * size, size);
	}
}

size_t
states_count(void)
{
	return states.count;
}

static size_t
table_bytes(const struct table *table)
{
	return table->room * table->size + table->slot_count * sizeof(*table->slots);
}

size_t
states_bytes(void)
{
	size_t bytes = table_bytes(&states);

	for (unsigned part = 0; part < parts_used(); part++)
		bytes += table_bytes(&parts[part]);
	return bytes;
}
