/* SPDX-License-Identifier: PostgreSQL */
#ifndef UNIT_CORE_PAIR_H
#define UNIT_CORE_PAIR_H

/* The text of a snapshot where all is well: a primary (node 1) and its standby (node 2). */
static const char pair_text[] =
	"group formation=default epoch=10 incarnation=77 system_identifier=4711 primary=1 "
	"timeline=1 "
	"next_timeline=2 next_version=6 next_admission=4 possible=3:1/2.3 high_lsn=0/3000000\n"
	"settings\n"
	"timers listening_since=600s\n"
	"node id=1 name=node1 host=h1 port=5432 priority=50 quorum=true bootstrap=true\n"
	"goal state=primary epoch=9 rule=650 timeline=1 set=3:1/2.3\n"
	"report state=primary epoch=9 incarnation=77 run=1 pg=primary system_identifier=4711 "
	"timeline=1 disk_timeline=1 lsn=0/3000000 has_data=true in_force_version=3 "
	"in_force_timeline=1 writer=true members=2.3:streaming:0/3000000:0/3000000\n"
	"sighting answered_at=100ms accepted_at=100ms timeline=1 lsn=0/3000000\n"
	"watch reported_at=200ms session=open\n"
	"node id=2 name=node2 host=h2 port=5432 priority=50 quorum=true bootstrap=true admission=3 "
	"high_lsn=0/2FFFFFF\n"
	"goal state=secondary epoch=8 rule=740 timeline=1 admission=3 upstream=1 may_rewind=true\n"
	"report state=secondary epoch=9 incarnation=77 run=2 pg=standby system_identifier=4711 "
	"timeline=1 disk_timeline=1 lsn=0/3000000 lsn_complete=true replay=0/3000000 has_data=true "
	"streaming_admission=3 streaming=true history_proved=true caught_up=true\n"
	"sighting answered_at=100ms accepted_at=100ms in_recovery=true timeline=1 lsn=0/3000000\n"
	"watch reported_at=200ms session=open\n";

#endif
