/* SPDX-License-Identifier: PostgreSQL */
/*
 * An operator who changes the timings of a running group, and drops a node and
 * takes it back later, with whatever its data directory then holds.
 */

#include "sim/sim.h"

#define LOOKS_AGAIN PGAF_MSEC(500)

/* ---- timings ------------------------------------------------------------------------------ */

/* What he changes: the setting, hurried, patient. */
#define OPERATOR_TIMINGS(X)                                 \
	X(probe_interval, PGAF_MSEC(50), PGAF_MSEC(500))    \
	X(silence_limit, PGAF_MSEC(600), PGAF_SECONDS(5))   \
	X(peer_report_age, PGAF_MSEC(300), PGAF_SECONDS(3)) \
	X(report_interval, PGAF_MSEC(200), PGAF_SECONDS(2)) \
	X(fencing_limit, PGAF_SECONDS(1), PGAF_SECONDS(15)) \
	X(handover_limit, PGAF_MSEC(500), PGAF_SECONDS(8))  \
	X(fast_stop_limit, PGAF_MSEC(200), PGAF_SECONDS(6)) \
	X(disk_deadline, PGAF_SECONDS(1), PGAF_SECONDS(10)) \
	X(flap_window, 0, PGAF_SECONDS(60))

void
operator_sets_timings(struct sim *sim, enum timings timings)
{
	struct settings *settings = &sim->store.truth.group.settings;
	uint32_t number = settings->number_sync;

	*settings = sim->store.settings;
	settings->number_sync = number;
	if (timings != TIMINGS_OWN) {
#define SET(setting, quick, patient) \
	settings->setting = timings == TIMINGS_QUICK ? (quick) : (patient);
		OPERATOR_TIMINGS(SET)
#undef SET
	}
	store_written_by_operator(sim);
}

/* ---- dropping a node ------------------------------------------------------------------------ */

/*
 * A keeper that noted that it was dropped and died before it could say so says it never: the
 * operator sees the node still there and drops it by force.
 */
static void
drop_watch(struct sim *sim, struct event *event)
{
	pgaf_node_id id = event->a;
	struct keep *keep = &sim->keep[id];
	struct node *node = store_node(&sim->store.truth, id);
	bool away = !keep->proc.alive && keep->disk_note.role == NOTE_DROPPED;

	if (node && away && !node->drop_force) {
		node->drop_force = true;
		store_written_by_operator(sim);
	}
	if (node || !away || !(keep->asked_back || sim->quiet) || !sim->host_up[id]) {
		sim_after(sim, NULL, LOOKS_AGAIN, drop_watch)->a = id;
		return;
	}
	TELL(sim, "fault", "%s is to join again", host_name(id));
	keep->dropped = false;
	keep->enrolled = false;
	keep->disk_note = (struct note){0};
	keep->declined_above = keep->declined_upto = 0;
	keep_start(sim, id);
}

/* One at a time: the last node of a group takes the group with it. */
void
operator_drops(struct sim *sim, pgaf_node_id id)
{
	struct snapshot *truth = &sim->store.truth;
	struct node *node = store_node(truth, id);

	for (pgaf_node_id other = 1; other <= sim->nodes; other++)
		if (sim->keep[other].dropped)
			return;
	if (!node || sim->nodes < 2)
		return;
	node->drop_asked = true;
	sim->keep[id].dropped = true;
	sim->keep[id].asked_back = false;
	store_written_by_operator(sim);
	sim_after(sim, NULL, LOOKS_AGAIN, drop_watch)->a = id;
}

void
operator_asks_back(struct sim *sim, pgaf_node_id id)
{
	sim->keep[id].asked_back = true;
}

void
operator_is_done(struct sim *sim)
{
	for (pgaf_node_id node = 1; node <= sim->nodes; node++)
		store_set_quorum(sim, node, sim->store.quorum[node]);
	store_set_number(sim, sim->store.settings.number_sync);
	operator_sets_timings(sim, TIMINGS_OWN);
}
