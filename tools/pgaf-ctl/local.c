/* SPDX-License-Identifier: PostgreSQL */
/* Finding the monitor by the configuration files of the daemons on this machine. */

#include "pgaf-ctl/local.h"

#include <stdio.h>
#include <string.h>

#include <pgaf/error.h>

#include "base/pure/text.h"
#include "base/yaml_key.h"
#include "pgaf-ctl/ctl.h"

#define MONITOR_FILE "/etc/pgaf/monitor.yml"
#define KEEPER_FILE "/etc/pgaf/keeper.yml"

/* Lines 4 and 5 of a running postmaster's file: its port and where its socket is. */
static bool
socket_of(const char *pgdata, char port[16], char directory[PGAF_HOST_MAX])
{
	char path[PGAF_URI_MAX];
	char line[PGAF_URI_MAX];
	struct text text = TEXT(path);

	text_addf(&text, "%s/postmaster.pid", pgdata);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	port[0] = directory[0] = '\0';
	for (int number = 1; number <= 5 && fgets(line, sizeof(line), file); number++) {
		line[strcspn(line, "\n")] = '\0';
		if (number == 4)
			text_copy(port, 16, line);
		else if (number == 5)
			text_copy(directory, PGAF_HOST_MAX, line);
	}
	fclose(file);
	return port[0] != '\0' && directory[0] == '/';
}

static int
key_read(const char *file, const char *key, char value[PGAF_URI_MAX])
{
	struct pgaf_error error;

	if (yaml_key_read(file, key, value, PGAF_URI_MAX, &error) == 0)
		return 0;
	say_error(EXIT_USAGE, "%s", error.text);
	return PGAF_ECONFIG;
}

/* 1 found, 0 not, negative after an error was printed. */
static int
monitor_find(struct local_monitor *local)
{
	char value[PGAF_URI_MAX];
	char directory[PGAF_HOST_MAX];
	char port[16];
	struct text text = TEXT(local->uri);

	if (key_read(MONITOR_FILE, "store_uri", value) < 0)
		return -1;
	if (value[0] != '\0')
		return text_copy(local->uri, sizeof(local->uri), value);
	if (key_read(MONITOR_FILE, "pgdata", value) < 0)
		return -1;
	if (value[0] == '\0' || !socket_of(value, port, directory))
		return 0;
	text_addf(&text, "host=%s port=%s dbname=pgaf", directory, port);
	return !text.cut;
}

bool
local_find(struct local_monitor *local)
{
	*local = (struct local_monitor){.user = NULL};
	int found = monitor_find(local);
	if (found == 0 && key_read(KEEPER_FILE, "monitor", local->uri) < 0)
		found = -1;
	if (found == 0 && local->uri[0] != '\0') {
		local->user = "pgaf_reader";
		found = 1;
	}
	if (found == 0) {
		say_error(EXIT_USAGE,
		          "no monitor is named, and none is configured on this machine");
		say_hint("name it with --monitor or PGAF_MONITOR, or run pgaf-ctl where"
		         " pgaf-monitor or pgaf-keeper is configured in /etc/pgaf");
	}
	return found > 0;
}
