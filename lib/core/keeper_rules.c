/* SPDX-License-Identifier: PostgreSQL */
/*
 * THE OTHER TABLE: what a keeper does next. Ordered, the first rule that
 * fits acts. Its parts are in files of their own, one for each thing that a
 * goal can ask of a node; here they are one table, and searched.
 */
#include "core/keeper_rules.h"

#include <assert.h>

#include "core/keeper_rules_parts.h"

static const struct {
	const struct keeper_rule *rules;
	const size_t *count;
} parts[] = {
#define PART(name) {keeper_rules_##name, &keeper_rules_##name##_count},
	KEEPER_PARTS(PART)
#undef PART
};

const struct keeper_rule *
keeper_rule_at(size_t row)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (row < *parts[i].count)
			return &parts[i].rules[row];
		row -= *parts[i].count;
	}
	return NULL;
}

static bool
accepts(const struct keeper_rule *rule, const struct keeper_facts *facts)
{
	for (size_t fact = 0; fact < KF_COUNT; fact++)
		if (rule->when[fact] != 0 && (rule->when[fact] & IS(facts->answer[fact])) == 0)
			return false;
	return true;
}

const struct keeper_rule *
keeper_rule_find(const struct keeper_facts *facts)
{
	const struct keeper_rule *rule = NULL;

	for (size_t row = 0; rule == NULL || !accepts(rule, facts); row++) {
		rule = keeper_rule_at(row);
		assert(rule);
	}
	return rule;
}
