/* SPDX-License-Identifier: PostgreSQL */
/*
 * THE TABLES of the text form: every key of every record. A field that is
 * added to a struct of model.h or note.h gets a row here, and nothing else
 * has to change.
 */

#include "core/codec_field.h"
#include "core/note.h"
#include "core/recording.h"

#define ROW(kind, struct_name, member, word)                   \
	{                                                      \
		.key = (word), .type = FIELD_##kind,           \
		.offset = offsetof(struct struct_name, member) \
	}
#define FIELD(kind, struct_name, member) ROW(kind, struct_name, member, #member)
#define TEXT_FIELD(struct_name, member)                              \
	{                                                            \
		.key = #member, .type = FIELD_TEXT,                  \
		.offset = offsetof(struct struct_name, member),      \
		.room = sizeof(((struct struct_name *)NULL)->member) \
	}
#define ARRAY(kind, struct_name, member, counter, word)                  \
	{                                                                \
		.key = (word), .type = FIELD_##kind,                     \
		.offset = offsetof(struct struct_name, member),          \
		.room = sizeof(((struct struct_name *)NULL)->member) /   \
		        sizeof(((struct struct_name *)NULL)->member[0]), \
		.count = offsetof(struct struct_name, counter)           \
	}

static const struct field group_fields[] = {
	TEXT_FIELD(group, formation),
	FIELD(U32, group, id),
	FIELD(U64, group, epoch),
	FIELD(U64, group, incarnation),
	FIELD(U64, group, system_identifier),
	FIELD(U32, group, primary),
	FIELD(U32, group, timeline),
	FIELD(U32, group, next_timeline),
	FIELD(U32, group, next_version),
	FIELD(U32, group, next_admission),
	ARRAY(SETS, group, possible, possible_count, "possible"),
	ROW(U32, group, promotion.node, "promotion"),
	ROW(U32, group, promotion.from, "promotion_from"),
	ROW(U64, group, promotion.epoch, "promotion_epoch"),
	ROW(U32, group, promotion.timeline, "promotion_timeline"),
	ROW(BOOL, group, promotion.claimed, "promotion_claimed"),
	ROW(U32, group, promotion.attempts, "promotion_attempts"),
	ROW(U32, group, promotion.cause, "promotion_cause"),
	ROW(U32, group, handover.from, "handover_from"),
	ROW(U32, group, handover.to, "handover_to"),
	ROW(U32, group, handover.cause, "handover_cause"),
	ROW(REQUEST, group, request.kind, "request"),
	ROW(U64, group, request.number, "request_number"),
	ROW(U64, group, request.epoch, "request_epoch"),
	ROW(U32, group, request.to, "request_to"),
	ROW(BOOL, group, request.allow_loss, "request_allow_loss"),
	FIELD(BOOL, group, went_back),
	FIELD(BOOL, group, recovering),
	FIELD(LSN, group, high_lsn),
	FIELD(U32, group, hold_downs),
	FIELD(U32, group, inside_crashes),
	FIELD(U32, group, failovers),
	ARRAY(HISTORY, group, history, history_count, "history"),
};

static const struct field node_fields[] = {
	FIELD(U32, node, id),          TEXT_FIELD(node, name),      TEXT_FIELD(node, host),
	FIELD(U32, node, port),        FIELD(U32, node, http_port), TEXT_FIELD(node, region),
	FIELD(U32, node, priority),    FIELD(BOOL, node, quorum),   FIELD(BOOL, node, bootstrap),
	FIELD(U32, node, admission),   FIELD(LSN, node, high_lsn),  FIELD(BOOL, node, drop_asked),
	FIELD(BOOL, node, drop_force),
};

static const struct field goal_fields[] = {
	FIELD(STATE, goal, state),  FIELD(U64, goal, epoch),       FIELD(U32, goal, rule),
	FIELD(U32, goal, timeline), FIELD(U32, goal, admission),   FIELD(U32, goal, upstream),
	FIELD(LSN, goal, min_lsn),  FIELD(DURATION, goal, budget), FIELD(BOOL, goal, may_rewind),
	FIELD(SET, goal, set),
};

static const struct field report_fields[] = {
	FIELD(STATE, report, state),
	FIELD(EPOCH, report, epoch),
	FIELD(U64, report, incarnation),
	FIELD(U64, report, run),
	FIELD(PG, report, pg),
	FIELD(U64, report, system_identifier),
	FIELD(U32, report, server_version),
	FIELD(COUNTER, report, timeline),
	FIELD(U32, report, disk_timeline),
	FIELD(LSN, report, lsn),
	FIELD(BOOL, report, lsn_complete),
	FIELD(LSN, report, replay),
	FIELD(VETOES, report, vetoes),
	FIELD(BOOL, report, leaving),
	FIELD(BOOL, report, has_data),
	FIELD(BOOL, report, crashed_inside),
	FIELD(BOOL, report, fenced),
	FIELD(BOOL, report, route_open),
	FIELD(BOOL, report, weak_commits),
	FIELD(BOOL, report, drifted),
	FIELD(BOOL, report, needs_clone),
	FIELD(BOOL, report, writer),
	FIELD(U32, report, kept_timeline),
	FIELD(LSN, report, kept_lsn),
	FIELD(COUNTER, report, streaming_admission),
	FIELD(BOOL, report, streaming),
	FIELD(BOOL, report, history_proved),
	FIELD(BOOL, report, caught_up),
	FIELD(U32, report, replay_lag_ms),
	FIELD(U32, report, waiters_ms),
	FIELD(U32, report, slot_lost),
	FIELD(U32, report, disk_ms),
	FIELD(U64, report, detached_epoch),
	FIELD(LSN, report, detached_lsn),
	FIELD(U32, report, declined_version),
	FIELD(COUNTER, report, about_version),
	FIELD(COUNTER, report, in_force_version),
	FIELD(LSN, report, in_force_lsn),
	FIELD(U32, report, in_force_timeline),
	FIELD(U64, report, renounced_epoch),
	FIELD(U64, report, promoted_epoch),
	FIELD(COUNTER, report, promoted_timeline),
	FIELD(LSN, report, fork_lsn),
	FIELD(U64, report, stopped_epoch),
	FIELD(LSN, report, stopped_lsn),
	FIELD(BOOL, report, stopped_clean),
	ARRAY(VIEWS, report, members, member_count, "members"),
	ARRAY(PEERS, report, peers, peer_count, "peers"),
	FIELD(U32, report, claim_ms),
	FIELD(U32, report, promote_ms),
	FIELD(U32, report, open_ms),
};

static const struct field sighting_fields[] = {
	FIELD(TIME, sighting, answered_at),  FIELD(TIME, sighting, accepted_at),
	FIELD(TIME, sighting, asked_new_at), FIELD(TIME, sighting, closed_at),
	FIELD(U32, sighting, refusals),      FIELD(TIME, sighting, gone_at),
	FIELD(BOOL, sighting, starting),     FIELD(BOOL, sighting, stopping),
	FIELD(BOOL, sighting, full),         FIELD(BOOL, sighting, in_recovery),
	FIELD(U32, sighting, timeline),      FIELD(LSN, sighting, lsn),
	FIELD(U32, sighting, round_trip_us),
};

#define TIMING_ROW(name, initial, least, most, doc) FIELD(DURATION, settings, name),
static const struct field settings_fields[] = {
	ROW(U32, settings, number_sync, "number_sync_standbys"),
	FIELD(BOOL, settings, move_on_disagreement), TIMINGS(TIMING_ROW)};

static const struct field set_fields[] = {
	FIELD(U32, sync_set, version),
	FIELD(U32, sync_set, required),
	FIELD(BOOL, sync_set, unknown),
	ARRAY(MEMBERS, sync_set, members, count, "members"),
};

static const struct field note_fields[] = {
	FIELD(U32, note, node_id),
	FIELD(U64, note, incarnation),
	FIELD(EPOCH, note, epoch),
	FIELD(ROLE, note, role),
	FIELD(U32, note, timeline),
	FIELD(U64, note, promotion),
	FIELD(BOOL, note, claimed),
	FIELD(U32, note, about_version),
	FIELD(U32, note, applied_version),
	FIELD(U32, note, declined_version),
	FIELD(U64, note, detached_epoch),
	FIELD(U64, note, renounced_epoch),
	FIELD(U64, note, system_identifier),
	FIELD(LSN, note, fork_lsn),
};

static const struct field watch_fields[] = {
	FIELD(TIME, node, reported_at),     FIELD(SESSION, node, session),
	FIELD(TIME, node, session_gone_at), FIELD(TIME, node, goal_since),
	FIELD(TIME, node, trouble_since),
};

static const struct field timers_fields[] = {
	FIELD(TIME, snapshot, listening_since),
	FIELD(TIME, snapshot, first_start),
	FIELD(BOOL, snapshot, may_bootstrap),
	ROW(TIME, snapshot, group.promotion_since, "promotion_since"),
	ROW(TIME, snapshot, group.handover_since, "handover_since"),
	ROW(TIME, snapshot, group.last_failover_at, "last_failover_at"),
	ROW(TIME, snapshot, group.relaxed_at, "relaxed_at"),
	ROW(TIME, snapshot, group.crash_at, "crash_at"),
};

static const struct field decision_fields[] = {
	FIELD(U32, decision, rule),       FIELD(U32, decision, subject),
	FIELD(U64, decision, from_epoch), FIELD(BOOL, decision, from_claimed),
	FIELD(U32, decision, removed),
};

static const struct field recording_fields[] = {
	FIELD(U32, recording_head, format),
	TEXT_FIELD(recording_head, version),
};

static const struct field input_fields[] = {
	FIELD(DURATION, recording_input, now),
	TEXT_FIELD(recording_input, at),
	FIELD(U64, recording_input, same),
};

/* The element's type has no name; its members are found from the array's start. */
#define ADMIT(kind, member)                                                 \
	{                                                                   \
		.key = #member, .type = FIELD_##kind,                       \
		.offset = offsetof(struct decision, admissions[0].member) - \
		          offsetof(struct decision, admissions)             \
	}
static const struct field admit_fields[] = {
	ADMIT(U32, node),
	ADMIT(U32, admission),
	ADMIT(LSN, high_lsn),
};

static void
settings_initial(void *record)
{
	settings_init(record);
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define PART(name, table)                                                      \
	{                                                                      \
		.word = (name), .fields = (table), .field_count = COUNT(table) \
	}
#define WHOLE(name, table, struct_type)                                         \
	{                                                                       \
		.word = (name), .fields = (table), .field_count = COUNT(table), \
		.size = sizeof(struct_type)                                     \
	}

const struct record_spec record_note = WHOLE(RECORD_NOTE_WORD, note_fields, struct note);
const struct record_spec record_watch = PART("watch", watch_fields);
const struct record_spec record_timers = PART("timers", timers_fields);
const struct record_spec record_decision = PART("decision", decision_fields);
const struct record_spec record_admit = PART("admit", admit_fields);
const struct record_spec record_recording =
	WHOLE("pgaf-recording", recording_fields, struct recording_head);
const struct record_spec record_input = WHOLE("input", input_fields, struct recording_input);

static const struct record_spec specs[] = {
	[RECORD_GROUP] = WHOLE("group", group_fields, struct group),
	[RECORD_NODE] = WHOLE("node", node_fields, struct node),
	[RECORD_GOAL] = WHOLE("goal", goal_fields, struct goal),
	[RECORD_REPORT] = WHOLE("report", report_fields, struct report),
	[RECORD_SIGHTING] = WHOLE("sighting", sighting_fields, struct sighting),
	[RECORD_SETTINGS] =
		{
			.word = "settings",
			.fields = settings_fields,
			.field_count = COUNT(settings_fields),
			.size = sizeof(struct settings),
			.initial = settings_initial,
		},
	[RECORD_SET] = WHOLE("set", set_fields, struct sync_set),
};

const struct record_spec *
record_spec_of(enum record kind)
{
	return &specs[kind];
}
