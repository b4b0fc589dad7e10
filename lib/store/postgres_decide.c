/* SPDX-License-Identifier: PostgreSQL */
/* A decision as one call of pgaf.decide(). */

#include <inttypes.h>
#include <stdlib.h>

#include "core/codec.h"
#include "store/postgres_parts.h"

static void
add_record(struct text *to, enum record kind, const void *record)
{
	char line[CODEC_LINE_MAX];
	struct text text = TEXT(line);

	codec_write(kind, record, &text);
	sql_literal(to, line);
	to->cut = to->cut || text.cut;
}

/* The row of pgaf.grp as it will be; key is given by the store. */
static void
add_group(struct text *to, const struct store_group_key *key, const struct group *group)
{
	text_add(to, "ROW(");
	sql_literal(to, key->formation);
	text_addf(to,
	          ", %" PRIu32 ", 0, %" PRIu64 ", %" PRIu32 ", %" PRIu32 ", %" PRId64 ", %" PRId64
	          ", %" PRIu32 ", %" PRIu64 ", %s, ",
	          key->id, group->epoch, group->primary, group->timeline, (int64_t)group->high_lsn,
	          (int64_t)group->system_identifier, group->promotion.node, group->promotion.epoch,
	          group->promotion.claimed ? "true" : "false");
	add_record(to, RECORD_GROUP, group);
	text_add(to, ")::pgaf.grp");
}

static void
add_goals(struct text *to, const struct decision *decision)
{
	text_add(to, ", '{");
	for (uint32_t i = 0; i < decision->assignment_count; i++)
		text_addf(to, "%s%" PRIu32, i ? "," : "", decision->assignments[i].node);
	text_add(to, "}', ARRAY[");
	for (uint32_t i = 0; i < decision->assignment_count; i++) {
		text_add(to, i ? ", " : "");
		add_record(to, RECORD_GOAL, &decision->assignments[i].goal);
	}
	text_add(to, "]::text[], '{");
	for (uint32_t i = 0; i < decision->assignment_count; i++)
		text_addf(to, "%s%s", i ? "," : "",
		          pgaf_state_name(decision->assignments[i].goal.state));
	text_add(to, "}'");
}

static void
add_admissions(struct text *to, const struct decision *decision)
{
	text_add(to, ", '{");
	for (uint32_t i = 0; i < decision->admission_count; i++)
		text_addf(to, "%s%" PRIu32, i ? "," : "", decision->admissions[i].node);
	text_add(to, "}', '{");
	for (uint32_t i = 0; i < decision->admission_count; i++)
		text_addf(to, "%s%" PRIu32, i ? "," : "", decision->admissions[i].admission);
	text_add(to, "}', '{");
	for (uint32_t i = 0; i < decision->admission_count; i++)
		text_addf(to, "%s%" PRId64, i ? "," : "",
		          (int64_t)decision->admissions[i].high_lsn);
	text_add(to, "}'");
}

void
decide_sql(struct text *to, const struct store_group_key *key, const struct decision *decision,
           uint64_t request_seen, bool notify)
{
	bool done = request_seen != 0 && decision->group.request.kind == REQUEST_NONE;

	text_add(to, "SELECT pgaf.decide(");
	sql_literal(to, key->formation);
	text_addf(to, ", %" PRIu32 ", %" PRIu64 ", %s, ", key->id, decision->from_epoch,
	          decision->from_claimed ? "true" : "false");
	add_group(to, key, &decision->group);
	add_goals(to, decision);
	add_admissions(to, decision);
	text_addf(to, ", %" PRIu32 ", %" PRIu64 ", %s, %" PRIu32 ", %" PRIu32 ", ",
	          decision->removed, request_seen, done ? "true" : "false", decision->rule,
	          decision->subject);
	sql_literal(to, decision->text);
	text_addf(to, ", %s)", notify ? "true" : "false");
}
