/* SPDX-License-Identifier: PostgreSQL */
/*
 * Searching the tables: one matcher for rules and waits.
 */
#include "core/rules.h"

#include <assert.h>

bool
box_accepts(const uint32_t when[FACT_COUNT], const struct facts *facts)
{
	for (size_t fact = 0; fact < FACT_COUNT; fact++)
		if (when[fact] != 0 && (when[fact] & IS(facts->answer[fact])) == 0)
			return false;
	return true;
}

const struct rule *
rule_find(const struct facts *facts)
{
	for (size_t i = 0; i < rules_count; i++)
		if (box_accepts(rules[i].when, facts))
			return &rules[i];
	return NULL;
}

const struct rule *
rule_by_id(uint32_t id)
{
	for (size_t i = 0; i < rules_count; i++)
		if (rules[i].id == id)
			return &rules[i];
	return NULL;
}

const struct wait *
wait_find(const struct facts *facts)
{
	for (const struct wait *wait = waits;; wait++) {
		assert(wait < waits + waits_count);
		if (box_accepts(wait->when, facts))
			return wait;
	}
}

const char *
effect_name(enum effect effect)
{
	static const char *const names[] = {
#define EFFECT_WORD(name) #name,
		EFFECTS(EFFECT_WORD)
#undef EFFECT_WORD
	};

	return names[effect];
}
