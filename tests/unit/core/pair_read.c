/* SPDX-License-Identifier: PostgreSQL */
/* The healthy pair of pair.h as the snapshot that tests of sentences begin with. */
#include "unit/core/pair_read.h"

#include <check.h>
#include <stdio.h>

#include <pgaf/error.h>

#include "core/codec.h"
#include "unit/core/pair.h"

void
pair_read(struct snapshot *snap)
{
	struct pgaf_error error = {0};

	ck_assert_msg(codec_read_snapshot(pair_text, NOW, snap, &error) == 0, "%s", error.text);
}

void
pair_grow(struct snapshot *snap, uint32_t count)
{
	for (; snap->count < count; snap->count++) {
		struct node *node = &snap->nodes[snap->count];

		*node = snap->nodes[1];
		node->id = snap->count + 1;
		node->admission = snap->count + 2;
		snprintf(node->name, sizeof(node->name), "node%u", (unsigned)node->id);
	}
}
