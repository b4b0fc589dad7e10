/* SPDX-License-Identifier: PostgreSQL */
/*
 * A settings file, and the same bytes as a command line: what is accepted lies
 * within what the table allows, what is refused is refused with a sentence.
 */

#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/options_parts.h"
#include "base/pure/text.h"
#include "base/yaml_key.h"

#include <pgaf/error.h>

#define ARGUMENTS_MAX 32

struct settings_read {
	char file[256];
	char name[64];
	struct option_list hosts;
	bool quorum;
	bool force;
	uint32_t verbose;
	uint32_t port;
	pgaf_time limit;
	uint64_t size;
	char auth[16];
	char http[300];
};

#define AT(member) .offset = offsetof(struct settings_read, member)
#define ROOM(member) AT(member), .room = sizeof(((struct settings_read *)NULL)->member)

static const struct option_spec specs[] = {
	{.name = "config",
         .letter = 'c',
         .type = OPTION_TEXT,
         ROOM(file),
         .only_command_line = true},
	{.name = "name", .letter = 'n', .type = OPTION_TEXT, ROOM(name), .initial = "node1"},
	{.name = "host", .type = OPTION_LIST, AT(hosts)},
	{.name = "candidate-quorum", .type = OPTION_BOOL, AT(quorum), .initial = "true"},
	{.name = "force", .letter = 'f', .type = OPTION_FLAG, AT(force)},
	{.name = "verbose", .letter = 'v', .type = OPTION_COUNT, AT(verbose)},
	{.name = "port",
         .type = OPTION_NUMBER,
         AT(port),
         .initial = "5432",
         .least = 1,
         .most = 65535},
	{.name = "limit",
         .type = OPTION_DURATION,
         AT(limit),
         .initial = "5s",
         .least = PGAF_MSEC(100),
         .most = PGAF_SECONDS(600)},
	{.name = "size", .type = OPTION_SIZE, AT(size), .initial = "1MB", .least = 1024},
	{.name = "auth",
         .type = OPTION_CHOICE,
         ROOM(auth),
         .initial = "scram",
         .choices = "scram|cert"},
	{.name = "http", .type = OPTION_ADDRESS, ROOM(http), .initial = ":8008"},
};
#define COUNT (sizeof(specs) / sizeof(specs[0]))

static void
check_values(const struct settings_read *read)
{
	char host[PGAF_HOST_MAX];
	uint16_t port = 0;

	FUZZ_CHECK(read->hosts.count <= OPTION_LIST_MAX);
	for (size_t i = 0; i < read->hosts.count; i++)
		FUZZ_CHECK(read->hosts.items[i][0] != '\0');
	FUZZ_CHECK(read->port >= 1 && read->port <= 65535);
	FUZZ_CHECK(read->limit >= PGAF_MSEC(100) && read->limit <= PGAF_SECONDS(600));
	FUZZ_CHECK(read->size >= 1024);
	FUZZ_CHECK(strcmp(read->auth, "scram") == 0 || strcmp(read->auth, "cert") == 0);
	FUZZ_CHECK(strcmp(read->http, "off") == 0 ||
	           address_split(read->http, host, sizeof(host), &port));
}

static void
check_file(const uint8_t *data, size_t size)
{
	static struct settings_read read;
	const struct options options = {
		.specs = specs, .count = COUNT, .file = &specs[0], .into = &read};
	struct pgaf_error error = {0};
	char value[64] = "";
	struct text why = {0};

	FUZZ_CHECK(options_set_defaults(&options, &why));
	const char *path = fuzz_file("settings", data, size);
	int code = options_read_yaml(&options, path, &error);
	FUZZ_CHECK(code == 0 || (code == PGAF_ECONFIG && error.text[0] != '\0'));
	check_values(&read);
	code = yaml_key_read(path, "name", value, sizeof(value), &error);
	FUZZ_CHECK(code == 0 || (code == PGAF_ECONFIG && strlen(value) < sizeof(value)));
}

/* One argument a line. */
static void
check_arguments(char *lines)
{
	static struct settings_read read;
	static char program[] = "program";
	char *arguments[ARGUMENTS_MAX + 1] = {program};
	int count = 1;
	struct pgaf_error error = {0};

	while (*lines != '\0' && count < ARGUMENTS_MAX)
		arguments[count++] = fuzz_field(&lines, '\n');
	int first = options_load(specs, COUNT, NULL, count, arguments, &read, &error);
	FUZZ_CHECK(first == PGAF_ECONFIG ? error.text[0] != '\0' : first >= 1 && first <= count);
	for (int i = 1; i < count; i++)
		FUZZ_CHECK(arguments[i] != NULL);
	if (first >= 1)
		check_values(&read);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *lines = fuzz_string(data, size);

	check_file(data, size);
	check_arguments(lines);
	free(lines);
	return 0;
}
