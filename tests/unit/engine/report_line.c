/* SPDX-License-Identifier: PostgreSQL */
/*
 * A report in one line, for transcripts: what is as usual is left out.
 */
#include "unit/engine/report_line.h"

void
report_line(const struct report *report, struct text *to)
{
	text_addf(to, "%s, postgres %s", pgaf_state_name(report->state),
	          pg_status_name(report->pg));
	if (report->crashed_inside)
		text_add(to, ", by itself");
	if (report->in_force_version != 0)
		text_addf(to, ", set %u", (unsigned)report->in_force_version);
	if (report->declined_version > report->about_version)
		text_addf(to, ", declined %u", (unsigned)report->declined_version);
	if (report->promoted_epoch != 0)
		text_addf(to, ", promoted %u", (unsigned)report->promoted_epoch);
	if (report->open_ms != 0)
		text_addf(to, ", open in %u ms", (unsigned)report->open_ms);
	if (report->renounced_epoch != 0)
		text_addf(to, ", renounced %u", (unsigned)report->renounced_epoch);
	if (report->stopped_epoch != 0)
		text_addf(to, ", stopped %u%s", (unsigned)report->stopped_epoch,
		          report->stopped_clean ? " clean" : "");
	if (report->detached_epoch != 0)
		text_addf(to, ", detached %u", (unsigned)report->detached_epoch);
	text_add(to, report->history_proved ? ", proved" : "");
	text_add(to, report->caught_up ? ", caught up" : "");
	text_add(to, report->needs_clone ? ", needs a copy" : "");
	text_add(to, report->kept_lsn != 0 ? ", kept" : "");
	text_add(to, report->fenced ? ", fenced" : "");
	text_add(to, report->drifted ? ", drifted" : "");
	if (report->slot_lost != 0)
		text_addf(to, ", slot of %u lost", (unsigned)report->slot_lost);
	text_add(to, report->leaving ? ", leaving" : "");
	text_add(to, report->waiters_ms >= 1000 ? ", waiters" : "");
	for (uint32_t i = 0; i < report->peer_count; i++)
		if (report->peers[i].reached)
			text_addf(to, ", reaches %u", (unsigned)report->peers[i].node);
}
