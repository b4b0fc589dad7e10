/* SPDX-License-Identifier: PostgreSQL */
/* pgaf-ctl: the operator's hand. The table of verbs, and nothing else. */

#include <stdio.h>

#include "pgaf-ctl/ctl.h"

#define NODE_SETTINGS "candidate-priority|replication-quorum|region|hostname|port"

const struct verb verbs[] = {
	{"show state", "", 0, 0, show_state,
         "each node: where it is, what it is, what it should be"},
	{"show node", "NODE", 1, 1, show_node, "all that is known of one node"},
	{"show events", "", 0, 0, show_events, "what was decided, and by which rule"},
	{"show settings", "", 0, 0, show_settings, "the settings of formation and nodes"},
	{"show uri", "", 0, 0, show_uri,
         "what clients connect with; with --monitor what keepers use"},
	{"show connectivity", "", 0, 0, show_connectivity, "who reaches whom"},
	{"show standby-names", "", 0, 0, show_standby_names,
         "the primary's synchronous_standby_names"},
	{"show rules", "", 0, 0, show_rules, "the rules by which monitor and keepers act"},
	{"watch", "", 0, 0, watch_group, "a group on the terminal as it changes, with its events"},
	{"explain", "[NODE]", 0, 1, explain, "what the group or a node waits for, and why"},
	{"perform failover", "", 0, 0, perform_failover,
         "promote another node; without waiting when the primary is broken"},
	{"perform switchover", "", 0, 0, perform_switchover,
         "hand over from a healthy primary to a ready standby"},
	{"set node", "NODE " NODE_SETTINGS " VALUE", 3, 3, set_node, "change a setting of a node"},
	{"get node", "NODE [SETTING]", 1, 2, get_node, "settings of a node, or one of them"},
	{"set formation", "SETTING VALUE", 2, 2, set_formation,
         "change number-sync-standbys or a timing"},
	{"get formation", "[SETTING]", 0, 1, get_formation,
         "settings of the formation, or one of them"},
	{"drop node", "NODE | --hostname HOST --port PORT", 0, 1, drop_node,
         "remove a node from its group"},
	{"haproxy config", "", 0, 0, haproxy_print, "a complete haproxy.cfg for the group"},
	{"replay", "FILE", 1, 1, replay,
         "decide again what a monitor recorded; or all files of a directory"},
};
const size_t verbs_count = sizeof(verbs) / sizeof(verbs[0]);

int
main(int argc, char **argv)
{
	struct ctl ctl = {0};
	const struct verb *verb;
	int code = options_parse(&ctl, argc, argv, &verb);

	if (code != EXIT_DONE)
		return code;
	if (ctl.options.help) {
		usage_print(verb);
		return EXIT_DONE;
	}
	if (ctl.options.version) {
		printf("pgaf-ctl %s\n", pgaf_version());
		return EXIT_DONE;
	}
	code = verb->run(&ctl);
	PQfinish(ctl.pg);
	if (fflush(stdout) != 0 || ferror(stdout))
		return say_error(EXIT_FAILED, "could not write the output");
	return code;
}
