/* SPDX-License-Identifier: PostgreSQL */
/*
 * Configuration files of Postgres: ours reads as it was written, the include is
 * put where it belongs once, and the operator's lines stay.
 */

#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "pg/conf.h"

static char first[1 << 16];
static char second[1 << 16];

static void
check_include(const char *content)
{
	struct text text = TEXT(first);
	struct text again = TEXT(second);

	if (!conf_include(content, &text))
		return;
	FUZZ_CHECK(!text.cut);
	FUZZ_CHECK(!conf_include(first, &again));
}

/* What a file says survives being written anew. */
static void
check_own(const char *content)
{
	static struct conf conf;
	static struct conf again;
	struct text text = TEXT(first);
	struct text text_again = TEXT(second);

	conf = (struct conf){.major = 15, .listen = "*", .port = "5432", .socket_dirs = "/tmp"};
	again = conf;
	conf_read(content, &conf);
	conf_write(&conf, &text);
	FUZZ_CHECK(!text.cut);
	/* A value with a line's end in it would be two lines; nothing that we make has one. */
	if (strpbrk(conf.conninfo, "\n") != NULL || strpbrk(conf.sync_names, "\n") != NULL)
		return;
	conf_read(first, &again);
	FUZZ_CHECK(strcmp(conf.conninfo, again.conninfo) == 0);
	FUZZ_CHECK(strcmp(conf.sync_names, again.sync_names) == 0);
	conf_write(&again, &text_again);
	FUZZ_CHECK(strcmp(first, second) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *content = fuzz_string(data, size);
	char value[40] = "";

	check_include(content);
	check_own(content);
	if (conf_lookup(content, "data_directory", value, sizeof(value)))
		FUZZ_CHECK(strlen(value) < sizeof(value));
	free(content);
	return 0;
}
