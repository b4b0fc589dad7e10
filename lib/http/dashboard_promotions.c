/* SPDX-License-Identifier: PostgreSQL */
/*
 * What earlier failovers and switchovers of a group took, phase by phase, by the times of its
 * events: from the decision until the new primary accepts writes. How long the old primary had
 * been silent before is known of those only that this monitor decided while it ran.
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pure/text.h"
#include "core/rules.h"
#include "http/dashboard_parts.h"
#include "http/view_json.h"

#define PROMOTIONS_SHOWN 8

/* Moments are in ms since 1970; 0: not come to. */
struct promoting {
	const struct store_event *decided; /* NULL: none is under way */
	bool is_handover;
	pgaf_node_id node; /* that says it is being promoted */
	const char *name;
	int64_t ordered;  /* the candidate is told to */
	int64_t prepared; /* it knows */
	int64_t claimed;  /* the term is its own */
	int64_t writable;
};

int64_t
dashboard_moment(const char *time)
{
	struct tm tm = {0};
	const char *rest = strptime(time, "%Y-%m-%dT%H:%M:%S", &tm);

	if (!rest || rest[0] != '.')
		return -1;
	return (int64_t)timegm(&tm) * 1000 + strtol(rest + 1, NULL, 10);
}

/* ---- silence before the decision ------------------------------------------------------ */

static bool
promotes(enum effect effect)
{
	return effect == EFFECT_PROMOTE || effect == EFFECT_PROMOTE_CLEAN ||
	       effect == EFFECT_PROMOTE_LOSSY || effect == EFFECT_PROMOTE_FORMER ||
	       effect == EFFECT_PROMOTE_AGAIN;
}

static enum effect
effect_of(const struct store_event *event)
{
	const struct rule *rule = event->rule != 0 ? rule_by_id(event->rule) : NULL;

	return rule ? rule->effect : EFFECT_NONE;
}

void
dashboard_note_silence(struct dashboard *dashboard, const struct store_event *event)
{
	const struct snapshot *snap = NULL;
	const struct node *from = NULL;
	struct dashboard_silence *silence = &dashboard->silences[dashboard->silence_next];

	if (!promotes(effect_of(event)))
		return;
	snap = dashboard_group(dashboard, &event->key);
	if (!snap || snap->group.promotion.node == 0 || snap->group.promotion.epoch != event->epoch)
		return; /* it is long over */
	from = snapshot_node(snap, snap->group.promotion.from);
	if (!from || from->sighting.answered_at == 0 ||
	    snap->group.promotion_since < from->sighting.answered_at)
		return;
	dashboard->silence_next = (dashboard->silence_next + 1) % DASHBOARD_SILENCES_MAX;
	*silence = (struct dashboard_silence){
		.event = event->id,
		.ms = (snap->group.promotion_since - from->sighting.answered_at) / PGAF_MSEC(1),
	};
}

static json_t *
silence_of(const struct dashboard *dashboard, int64_t event)
{
	for (size_t i = 0; i < DASHBOARD_SILENCES_MAX; i++)
		if (dashboard->silences[i].event == event && event != 0)
			return json_integer(dashboard->silences[i].ms);
	return json_null();
}

/* ---- phases ---------------------------------------------------------------------------- */

static void
add_phase(json_t *phases, const char *name, int64_t from, int64_t to)
{
	json_t *object = NULL;

	if (from == 0 || to < from)
		return;
	object = json_object();
	json_set_text(object, "name", name);
	json_set_number(object, "ms", to - from);
	json_array_append_new(phases, object);
}

static json_t *
json_of_promotion(const struct dashboard *dashboard, const struct promoting *p)
{
	int64_t decided = dashboard_moment(p->decided->time);
	json_t *phases = json_array();
	json_t *object = json_object();

	json_set_number(object, "event_id", p->decided->id);
	json_set_text(object, "time", p->decided->time);
	json_set_text(object, "kind", p->is_handover ? "switchover" : "failover");
	json_set_text(object, "node_name", p->name);
	json_set_number(object, "ms", p->writable - decided);
	json_object_set_new(object, "silent_ms",
	                    p->is_handover ? json_null() : silence_of(dashboard, p->decided->id));
	if (p->is_handover)
		add_phase(phases, "stop the old primary", decided, p->ordered);
	add_phase(phases, "tell the new one", p->ordered, p->prepared);
	add_phase(phases, "claim", p->prepared, p->claimed);
	add_phase(phases, "promote and open", p->claimed, p->writable);
	json_object_set_new(object, "phases", phases);
	return object;
}

static void
on_decision(struct promoting *p, const struct store_event *event, enum effect effect)
{
	if (effect == EFFECT_RESTORE || effect == EFFECT_TAKE_BACK) {
		p->decided = NULL;
	} else if (promotes(effect) || effect == EFFECT_HAND_OVER) {
		if (!p->decided)
			*p = (struct promoting){.decided = event,
			                        .is_handover = effect == EFFECT_HAND_OVER ||
			                                       effect == EFFECT_PROMOTE_CLEAN};
		if (promotes(effect) && p->ordered == 0)
			p->ordered = dashboard_moment(event->time);
	}
}

static void
on_report(struct promoting *p, const struct store_event *event)
{
	int64_t at = dashboard_moment(event->time);

	if (strcmp(event->reported, "prepare_promotion") == 0) {
		p->node = event->node;
		p->name = event->node_name;
		p->prepared = at;
	} else if (event->node != p->node) {
		return;
	} else if (strcmp(event->reported, "stop_replication") == 0) {
		p->claimed = at;
	} else if (strcmp(event->reported, "wait_primary") == 0 ||
	           strcmp(event->reported, "primary") == 0 ||
	           strcmp(event->reported, "single") == 0) {
		p->writable = at;
	}
}

json_t *
dashboard_json_promotions(const struct dashboard *dashboard, const struct group *group)
{
	struct promoting p = {0};
	json_t *list = json_array();

	for (size_t i = 0; i < dashboard->event_count; i++) {
		const struct store_event *event = &dashboard->events[i];
		if (event->key.id != group->id ||
		    strcmp(event->key.formation, group->formation) != 0)
			continue;
		if (event->rule != 0)
			on_decision(&p, event, effect_of(event));
		else if (p.decided)
			on_report(&p, event);
		if (!p.decided || p.writable == 0)
			continue;
		json_array_append_new(list, json_of_promotion(dashboard, &p));
		if (json_array_size(list) > PROMOTIONS_SHOWN)
			json_array_remove(list, 0);
		p = (struct promoting){0};
	}
	return list;
}
