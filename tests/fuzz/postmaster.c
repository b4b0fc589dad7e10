/* SPDX-License-Identifier: PostgreSQL */
/* postmaster.pid, which is believed of nobody who does not live, and a server's log. */

#include "fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pg/process.h"
#include "store/server_parts.h"

static void
check_log(const uint8_t *data, size_t size)
{
	static struct server server;
	char reason[64];
	bool in_use = false;

	fuzz_file("postgres.log", data, size);
	snprintf(server.state_dir, sizeof(server.state_dir), "%s", fuzz_directory());
	server_reason(&server, reason, sizeof(reason), &in_use);
	FUZZ_CHECK(strlen(reason) < sizeof(reason) && strchr(reason, '\n') == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct postmaster found;

	fuzz_file("postmaster.pid", data, size);
	process_find_postmaster(fuzz_directory(), &found);
	FUZZ_CHECK(found.pid == 0 && found.status == POSTMASTER_NONE);
	FUZZ_CHECK(found.named >= 0);
	FUZZ_CHECK(strlen(found.port) < sizeof(found.port));
	FUZZ_CHECK(strlen(found.socket_dir) < sizeof(found.socket_dir));
	check_log(data, size);
	return 0;
}
