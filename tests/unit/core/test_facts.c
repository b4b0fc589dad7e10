/* SPDX-License-Identifier: PostgreSQL */
/*
 * The answers that rules are made of, where they turn: each case is a healthy
 * pair, what differs from it, and what the core then answers about a node.
 */
#include <check.h>
#include <string.h>

#include <pgaf/error.h>

#include "core/codec.h"
#include "core/facts.h"
#include "unit/core/situation.h"
#include "unit/suite.h"

#define NOW PGAF_SECONDS(1000)

/* Node 2 was chosen to replace node 1, and has not claimed it. */
#define PROMOTING                                                                   \
	"group epoch=11 primary=2 promotion=2 promotion_from=1 promotion_epoch=11 " \
	"promotion_timeline=2 possible=3:1/2.3;4:async\n"                           \
	"timers promotion_since=300ms\n"                                            \
	"goal 1 state=demoted epoch=11\n"                                           \
	"goal 2 state=prepare_promotion epoch=11 set=4:async\n"
#define RENOUNCED PROMOTING "report 2 renounced_epoch=11\n"
/* Node 1 hands over to node 2. */
#define HANDING_OVER                            \
	"group handover_from=1 handover_to=2\n" \
	"timers handover_since=100ms\n"         \
	"goal 1 state=draining\n"
/* Nobody ever was primary, and nobody has data. */
#define BEGINNING                                       \
	"group primary= system_identifier= timeline=\n" \
	"goal 1 state=init\n"                           \
	"goal 2 state=init\n"                           \
	"report 1 has_data=\n"                          \
	"report 2 has_data=\n"
#define AFTER_THE_LAST_LEFT "group primary=\n"
#define SILENT "sighting 2 answered_at=5s\n"
#define CRASHED "report 1 pg=exited crashed_inside=true\n"
#define STALLED "report 1 disk_ms=4294967295\n"

/* What a case is about: the situation, the node and the fact that many ask for. */
#define FAULT(differs, is) differs, 1, FACT_PRIMARY_FAULT, FAULT_##is
#define FORMER(differs, is) PROMOTING differs, 2, FACT_FORMER, FORMER_##is
#define AGAIN(differs, is) RENOUNCED differs, 2, FACT_AGAIN, AGAIN_##is
#define HANDOVER(differs, is) HANDING_OVER differs, 1, FACT_HANDOVER, HANDOVER_##is

static const struct {
	const char *why;
	const char *differs;
	unsigned node;
	enum fact fact;
	unsigned answer;
} cases[] = {
	{"a standby that receives everything", "", 1, FACT_CANDIDATE, CANDIDATE_CURRENT},
	{"it holds all and does not stream now", "report 2 streaming=\n", 1, FACT_CANDIDATE,
         CANDIDATE_READY},
	{"it has no name yet",
         "group possible=3:1/\nnode 2 admission=\nreport 2 streaming_admission=\n", 1,
         FACT_CANDIDATE, CANDIDATE_READY},
	{"a keeper that is gone promotes nobody", "watch 2 session=gone\n", 1, FACT_CANDIDATE,
         CANDIDATE_NONE},
	{"a standby that nobody hears", SILENT, 1, FACT_CANDIDATE, CANDIDATE_BLOCKED},

	{"the primary's fresh word outweighs silence", SILENT, 2, FACT_SEEN, SEEN_UNSURE},
	{"… not that of no primary", SILENT "group primary=\n", 2, FACT_SEEN, SEEN_SILENT},
	{"… not an old one", SILENT "watch 1 reported_at=2s\n", 2, FACT_SEEN, SEEN_SILENT},
	{"… that it is away", SILENT "report 1 members=2.3:away:0/3000000:0/3000000\n", 2,
         FACT_SEEN, SEEN_SILENT},
	{"… while commits wait for it", SILENT "report 1 waiters_ms=1\n", 2, FACT_SEEN,
         SEEN_SILENT},

	{"commits wait for it too long", "report 1 waiters_ms=1000\n", 2, FACT_STANDING,
         STANDING_NO_PROGRESS},
	{"… by an old word", "report 1 waiters_ms=1000\nwatch 1 reported_at=2s\n", 2, FACT_STANDING,
         STANDING_LISTED},

	{"a crash", FAULT(CRASHED, CRASHED)},
	{"… with nobody to wait for", FAULT(CRASHED "watch 2 session=gone\n", CRASHED)},
	{"… whose set is unknown", FAULT(CRASHED "group possible=9:unknown\n", CRASHED)},
	{"… whose newest set it is about to decline",
         FAULT(CRASHED "group possible=3:1/2.3;9:async\nreport 1 about_version=3\n", UNSURE)},
	{"… after two others",
         FAULT(CRASHED "group inside_crashes=2\ntimers crash_at=599s\n", CRASHED_AGAIN)},
	{"… after another",
         FAULT(CRASHED "group inside_crashes=1\ntimers crash_at=599s\n", CRASHED)},
	{"… after others of long ago",
         FAULT(CRASHED "group inside_crashes=2\ntimers crash_at=600s\n", CRASHED)},

	{"a disk that hangs", FAULT(STALLED, STALLED)},
	{"… with nobody to move to", FAULT(STALLED "watch 2 session=gone\n", UNSURE)},
	{"… while the candidate's is slow", FAULT(STALLED "report 2 disk_ms=200\n", UNSURE)},
	{"… while the candidate's is fine", FAULT(STALLED "report 2 disk_ms=199\n", STALLED)},
	{"… soon after a failover", FAULT(STALLED "timers last_failover_at=599s\n", UNSURE)},
	{"… long after a failover", FAULT(STALLED "timers last_failover_at=600s\n", STALLED)},

	{"somebody changed the set", "report 1 drifted=true\n", 1, FACT_SETS, SETS_DRIFTED},
	{"… that is unknown anyway", "report 1 drifted=true\ngroup possible=3:unknown\n", 1,
         FACT_SETS, SETS_SETTLED},
	{"… while two are possible", "report 1 drifted=true\ngroup possible=3:1/2.3;4:async\n", 1,
         FACT_SETS, SETS_CHANGING},

	{"one of one is what zero asks for", "", 1, FACT_WANTED, WANTED_AS_IS},
	{"two of one is more", "group possible=3:2/2.3\n", 1, FACT_WANTED, WANTED_LOOSER},
	{"one of none is the fence", "group possible=3:1/\n", 1, FACT_WANTED, WANTED_LOOSER},

	{"an unknown one with zero asked for", "group possible=3:unknown\n", 1, FACT_WANTED,
         WANTED_LOOSER},
	{"… with more asked for", "group possible=3:unknown\nsettings number_sync_standbys=1\n", 1,
         FACT_WANTED, WANTED_STRICTER},

	{"a former primary whose keeper is there", FORMER("", USABLE)},
	{"… was not heard since the monitor started", FORMER("watch 1 reported_at=\n", AWAY)},
	{"… was told to stop", FORMER("report 1 leaving=true\n", AWAY)},
	{"… is empty", FORMER("report 1 has_data=\n", AWAY)},
	{"… can only be copied", FORMER("report 1 needs_clone=true\n", AWAY)},
	{"… was dropped", FORMER("goal 1 state=dropped\n", AWAY)},

	{"who renounced may be asked again", AGAIN("", READY)},
	{"… after a while", AGAIN("timers promotion_since=299ms\n", NO)},
	{"… when its keeper is there", AGAIN("watch 2 session=gone\n", NO)},
	{"… and was heard", AGAIN("watch 2 reported_at=\n", NO)},
	{"… and it is a standby", AGAIN("report 2 pg=stopped\n", NO)},
	{"… and nothing forbids it", AGAIN("report 2 vetoes=recovery-paused\n", UNPROVED)},
	{"… and it is proved", AGAIN("group possible=3:unknown;4:async\n", UNPROVED)},
	{"… or the loss was accepted",
         AGAIN("group possible=3:unknown;4:async promotion_cause=540\n", READY)},

	{"a handover under way", HANDOVER("", RUNNING)},
	{"… of a primary that is not known", HANDOVER("group primary=\n", NONE)},
	{"… to nobody that is known", HANDOVER("group handover_to=7\n", ORPHANED)},
	{"… to one whose keeper is gone", HANDOVER("watch 2 session=gone\n", ORPHANED)},
	{"… to one that lost its name", HANDOVER("goal 2 state=catchingup\n", ORPHANED)},
	{"… to one that has stopped", HANDOVER("report 2 pg=stopped\n", ORPHANED)},
	{"… to one that may not be promoted", HANDOVER("report 2 vetoes=disk-full\n", ORPHANED)},
	{"… to one whose end is about to be known", HANDOVER("report 2 lsn_complete=\n", RUNNING)},
	{"… to one that is silent", HANDOVER(SILENT, ORPHANED)},

	{"a store that went back", "group went_back=true\n", 1, FACT_MEMORY, MEMORY_FORGOT},
	{"… and that is known", "group went_back=true recovering=true\n", 1, FACT_MEMORY,
         MEMORY_HEARD},

	{"of two empty nodes the first begins", BEGINNING, 1, FACT_START, START_YES},
	{"… and the other does not", BEGINNING, 2, FACT_START, START_NO},
	{"… unless the first was not heard", BEGINNING "watch 1 reported_at=\n", 2, FACT_START,
         START_YES},
	{"… or may not", BEGINNING "node 1 bootstrap=\n", 2, FACT_START, START_YES},
	{"who may not begin does not", BEGINNING "node 1 bootstrap=\n", 1, FACT_START, START_NO},
	{"nor whose keeper is gone", BEGINNING "watch 1 session=gone\n", 1, FACT_START, START_NO},
	{"one with data goes before an empty one", BEGINNING "report 2 has_data=true\n", 2,
         FACT_START, START_YES},
	{"… which lets it", BEGINNING "report 2 has_data=true\n", 1, FACT_START, START_NO},
	{"of two with data the first begins",
         BEGINNING "report 1 has_data=true\nreport 2 has_data=true\n", 1, FACT_START, START_YES},

	{"a group that had a primary begins again", AFTER_THE_LAST_LEFT, 1, FACT_START, START_YES},
	{"… not with an empty node", AFTER_THE_LAST_LEFT "report 1 has_data=\n", 1, FACT_START,
         START_NO},
	{"… not with other data", AFTER_THE_LAST_LEFT "report 1 system_identifier=4712\n", 1,
         FACT_START, START_NO},
	{"… not with an older history", AFTER_THE_LAST_LEFT "group timeline=2\n", 1, FACT_START,
         START_NO},
};

static void
situation_read(const char *differs, struct snapshot *snap)
{
	static char text[CODEC_SNAPSHOT_MAX];
	struct pgaf_error error = {0};
	char line[512];

	situation_change(text, sizeof(text), "pair");
	for (const char *at = differs; *at != '\0'; at += strlen(line)) {
		size_t length = strcspn(at, "\n") + 1;

		ck_assert_uint_lt(length, sizeof(line));
		memcpy(line, at, length);
		line[length] = '\0';
		situation_change(text, sizeof(text), line);
	}
	ck_assert_msg(codec_read_snapshot(text, NOW, snap, &error) == 0, "%s\n%s", error.text,
	              text);
}

START_TEST(test_each_case_has_its_answer)
{
	static struct snapshot snap;
	enum fact fact = cases[_i].fact;
	struct roles roles;
	struct facts facts;

	situation_read(cases[_i].differs, &snap);
	roles_bind(&snap, NOW, &roles);
	roles.self = snapshot_node(&snap, cases[_i].node);
	facts_of(&snap, NOW, &roles, &facts);
	ck_assert_msg(facts.answer[fact] == cases[_i].answer, "%s: %s is %s, not %s", cases[_i].why,
	              fact_name(fact), fact_answer_name(fact, facts.answer[fact]),
	              fact_answer_name(fact, cases[_i].answer));
}
END_TEST

START_TEST(test_of_equal_candidates_the_one_that_holds_more)
{
	static const char trio[] =
		"group possible=3:1/2.3,3.4\n"
		"+node id=3 name=node3 priority=50 quorum=true admission=4\n"
		"+goal state=secondary epoch=8 admission=4 upstream=1\n"
		"+report state=secondary epoch=9 pg=standby timeline=1 lsn=0/3000000 "
		"lsn_complete=true has_data=true streaming=true streaming_admission=4\n"
		"+sighting answered_at=100ms accepted_at=100ms\n"
		"+watch reported_at=200ms session=open\n";
	static struct snapshot snap;
	struct roles roles;

	situation_read(trio, &snap);
	roles_bind(&snap, NOW, &roles);
	ck_assert_uint_eq(roles.candidate->id, 2);
	snap.nodes[2].report.lsn++;
	roles_bind(&snap, NOW, &roles);
	ck_assert_uint_eq(roles.candidate->id, 3);
	snap.nodes[2].priority--;
	roles_bind(&snap, NOW, &roles);
	ck_assert_uint_eq(roles.candidate->id, 2);
}
END_TEST

/* No text can say this: what is read is refused. */
START_TEST(test_a_primary_without_a_set_has_crashed_all_the_same)
{
	static struct snapshot snap;
	struct roles roles;
	struct facts facts;

	situation_read(CRASHED, &snap);
	snap.group.possible_count = 0;
	roles_bind(&snap, NOW, &roles);
	roles.self = snapshot_node(&snap, 1);
	facts_of(&snap, NOW, &roles, &facts);
	ck_assert_int_eq(facts.answer[FACT_PRIMARY_FAULT], FAULT_CRASHED);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("facts");

	tcase_add_loop_test(tcase, test_each_case_has_its_answer, 0,
	                    sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, test_of_equal_candidates_the_one_that_holds_more);
	tcase_add_test(tcase, test_a_primary_without_a_set_has_crashed_all_the_same);
	return suite_run("facts", tcase);
}
