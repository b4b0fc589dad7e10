/* SPDX-License-Identifier: PostgreSQL */
/* The healthy pair of pair.h as the snapshot that tests of sentences begin with. */
#include "unit/core/pair_read.h"

#include <check.h>

#include <pgaf/error.h>

#include "core/codec.h"
#include "unit/core/pair.h"

void
pair_read(struct snapshot *snap)
{
	struct pgaf_error error = {0};

	ck_assert_msg(codec_read_snapshot(pair_text, NOW, snap, &error) == 0, "%s", error.text);
}
