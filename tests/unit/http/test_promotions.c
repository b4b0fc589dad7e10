/* SPDX-License-Identifier: PostgreSQL */
/* Earlier failovers and switchovers, as the dashboard tells them from a group's events. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/rules.h"
#include "http/dashboard_parts.h"
#include "unit/suite.h"

static struct dashboard *dashboard;
static struct snapshot *snap;

static const struct snapshot *
world_group(void *ctx, size_t index)
{
	(void)ctx;
	return index == 0 ? snap : NULL;
}

static void
start(void)
{
	dashboard = calloc(1, sizeof(*dashboard));
	snap = calloc(1, sizeof(*snap));
	ck_assert(dashboard && snap);
	dashboard->world.group = world_group;
	text_copy(snap->group.formation, sizeof(snap->group.formation), "default");
	snap->count = 2;
	snap->nodes[0].id = 1;
	snap->nodes[1].id = 2;
}

static void
stop(void)
{
	free(dashboard);
	free(snap);
}

/* The number of some rule that does this. */
static uint32_t
rule_with(enum effect effect)
{
	for (uint32_t id = 1; id < 2000; id++) {
		const struct rule *rule = rule_by_id(id);
		if (rule && rule->effect == effect)
			return id;
	}
	ck_abort_msg("no rule has effect %d", (int)effect);
	return 0;
}

/* An event so many ms behind noon. */
static struct store_event *
happen(unsigned ms, uint32_t rule, pgaf_node_id node, const char *reported)
{
	struct store_event *event = &dashboard->events[dashboard->event_count++];
	struct text name = TEXT(event->node_name);
	struct text time = TEXT(event->time);

	event->id = (int64_t)dashboard->event_count;
	event->epoch = 40 + dashboard->event_count;
	event->rule = rule;
	event->node = node;
	text_copy(event->key.formation, sizeof(event->key.formation), "default");
	text_copy(event->reported, sizeof(event->reported), reported);
	text_addf(&name, "node%u", node);
	text_addf(&time, "2026-11-24T12:00:%02u.%03uZ", ms / 1000, ms % 1000);
	return event;
}

static void
promote(unsigned ms, pgaf_node_id node)
{
	happen(ms, 0, node, "prepare_promotion");
	happen(ms + 10, 0, node, "stop_replication");
	happen(ms + 20, 0, 3 - node, "demoted");
	happen(ms + 110, 0, node, "wait_primary");
	happen(ms + 120, rule_with(EFFECT_FINISH), node, "wait_primary");
}

/* "failover node2 130 -: tell the new one 20, claim 10, …" for each, joined by "; ". */
static const char *
told(void)
{
	static char room[4096];
	struct text text = TEXT(room);
	json_t *list = dashboard_json_promotions(dashboard, &snap->group);
	json_t *one = NULL;
	json_t *phase = NULL;
	size_t i = 0;
	size_t j = 0;

	room[0] = '\0';
	json_array_foreach (list, i, one) {
		const json_t *silent = json_object_get(one, "silent_ms");
		text_addf(&text, "%s%s %s %d %d:", i > 0 ? "; " : "",
		          json_string_value(json_object_get(one, "kind")),
		          json_string_value(json_object_get(one, "node_name")),
		          (int)json_integer_value(json_object_get(one, "ms")),
		          json_is_null(silent) ? -1 : (int)json_integer_value(silent));
		json_array_foreach (json_object_get(one, "phases"), j, phase)
			text_addf(&text, "%s %s %d", j > 0 ? "," : "",
			          json_string_value(json_object_get(phase, "name")),
			          (int)json_integer_value(json_object_get(phase, "ms")));
	}
	json_decref(list);
	return room;
}

START_TEST(a_failover_is_told_in_its_phases)
{
	happen(500, rule_with(EFFECT_PROMOTE), 1, "primary");
	ck_assert_str_eq(told(), "");
	promote(520, 2);
	ck_assert_str_eq(told(), "failover node2 130 -1: tell the new one 20, claim 10, "
	                         "promote and open 100");
}
END_TEST

START_TEST(a_switchover_begins_with_the_old_primary)
{
	happen(1000, rule_with(EFFECT_HAND_OVER), 1, "primary");
	happen(1070, 0, 1, "demoted");
	happen(1100, rule_with(EFFECT_PROMOTE_CLEAN), 1, "demoted");
	promote(1105, 2);
	ck_assert_str_eq(told(), "switchover node2 215 -1: stop the old primary 100, "
	                         "tell the new one 5, claim 10, promote and open 100");
}
END_TEST

START_TEST(what_was_given_up_is_none)
{
	happen(1000, rule_with(EFFECT_HAND_OVER), 1, "primary");
	happen(1100, rule_with(EFFECT_TAKE_BACK), 1, "draining");
	happen(1200, 0, 1, "primary");
	ck_assert_str_eq(told(), "");
	/* Of another group, and of another formation. */
	happen(2000, rule_with(EFFECT_PROMOTE), 1, "primary")->key.id = 1;
	text_copy(happen(2001, rule_with(EFFECT_PROMOTE), 1, "primary")->key.formation, 8, "other");
	promote(2100, 2);
	ck_assert_str_eq(told(), "");
}
END_TEST

START_TEST(the_silence_before_is_told_when_it_was_seen)
{
	struct store_event *event = happen(500, rule_with(EFFECT_PROMOTE), 1, "primary");

	promote(520, 2);
	dashboard_note_silence(dashboard, event); /* long over */
	snap->group.promotion.node = 2;
	snap->group.promotion.from = 1;
	snap->group.promotion.epoch = event->epoch;
	snap->group.promotion_since = PGAF_SECONDS(9);
	dashboard_note_silence(dashboard, event); /* it never answered */
	ck_assert_ptr_nonnull(strstr(told(), "node2 130 -1:"));
	snap->nodes[0].sighting.answered_at = PGAF_MSEC(7400);
	dashboard_note_silence(dashboard, event + 1); /* no decision */
	dashboard_note_silence(dashboard, event);
	ck_assert_ptr_nonnull(strstr(told(), "node2 130 1600:"));
}
END_TEST

START_TEST(the_last_ones_are_told)
{
	for (unsigned i = 0; i < 11; i++) {
		happen(1000 * i, rule_with(EFFECT_PROMOTE), 1 + i % 2, "primary");
		promote(1000 * i + i, 2 - i % 2);
	}
	const char *said = told();
	ck_assert_ptr_null(strstr(said, "node2 112 "));
	ck_assert_int_eq(strncmp(said, "failover node1 113 ", 19), 0);
	ck_assert_ptr_nonnull(strstr(said, "; failover node2 120 "));
}
END_TEST

START_TEST(moments)
{
	ck_assert_int_eq(dashboard_moment("1970-01-02T00:00:01.250Z"), 86401250);
	ck_assert_int_eq(dashboard_moment("yesterday"), -1);
	ck_assert_int_eq(dashboard_moment("1970-01-02T00:00:01"), -1);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("promotions");

	tcase_add_checked_fixture(tests, start, stop);
	tcase_add_test(tests, a_failover_is_told_in_its_phases);
	tcase_add_test(tests, a_switchover_begins_with_the_old_primary);
	tcase_add_test(tests, what_was_given_up_is_none);
	tcase_add_test(tests, the_silence_before_is_told_when_it_was_seen);
	tcase_add_test(tests, the_last_ones_are_told);
	tcase_add_test(tests, moments);
	return suite_run("promotions", tests);
}
