/* SPDX-License-Identifier: PostgreSQL */
/* Settings from their four sources, their order of strength, and every complaint. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/options.h"
#include "base/pure/text.h"

struct program {
	char config[256];
	char pgdata[32];
	struct option_list monitor;
	bool quorum;
	bool check;
	uint32_t verbose;
	uint32_t port;
	pgaf_time limit;
	uint64_t rate;
	char auth[16];
	char http[64];
	char secret[64];
	uint32_t plain;
};

#define AT(member) .offset = offsetof(struct program, member)
#define ROOM(member) AT(member), .room = sizeof(((struct program *)NULL)->member)

static const struct option_spec specs[] = {
	{.name = "config",
         .letter = 'c',
         .type = OPTION_TEXT,
         ROOM(config),
         .initial = "/nonexistent/pgaf.yml",
         .argument = "FILE",
         .doc = "read settings from FILE"},
	{.name = "pgdata",
         .letter = 'D',
         .type = OPTION_TEXT,
         ROOM(pgdata),
         .argument = "DIR",
         .doc = "the data directory"},
	{.name = "monitor",
         .letter = 'm',
         .type = OPTION_LIST,
         AT(monitor),
         .argument = "URI",
         .initial = "a,b",
         .doc = "where the monitor is"},
	{.name = "replication-quorum",
         .type = OPTION_BOOL,
         AT(quorum),
         .initial = "true",
         .doc = "count this node for synchronous replication"},
	{.name = "check",
         .type = OPTION_FLAG,
         AT(check),
         .only_command_line = true,
         .doc = "read the configuration, say what is wrong, and exit"},
	{.name = "verbose",
         .letter = 'v',
         .type = OPTION_COUNT,
         AT(verbose),
         .only_command_line = true,
         .doc = "say more; repeat for more"},
	{.name = "pgport",
         .letter = 'p',
         .type = OPTION_NUMBER,
         AT(port),
         .initial = "5432",
         .least = 1,
         .most = 65535,
         .argument = "PORT",
         .doc = "the port of PostgreSQL"},
	{.name = "silence-limit",
         .type = OPTION_DURATION,
         AT(limit),
         .initial = "1500ms",
         .least = PGAF_MSEC(500),
         .most = PGAF_SECONDS(600),
         .argument = "TIME",
         .doc = "a node that was not heard for this long is silent, and what follows here is a "
                "phrase of many words"},
	{.name = "maximum-backup-rate",
         .type = OPTION_SIZE,
         AT(rate),
         .initial = "100MB",
         .least = 32768,
         .argument = "SIZE",
         .doc = "bytes a second"},
	{.name = "auth",
         .type = OPTION_CHOICE,
         ROOM(auth),
         .initial = "scram-sha-256",
         .choices = "scram-sha-256|cert|trust",
         .doc = "how clients prove who they are"},
	{.name = "http",
         .type = OPTION_ADDRESS,
         ROOM(http),
         .initial = "[::]:8008",
         .argument = "ADDRESS",
         .doc = "where HTTP is served"},
	{.name = "password-file",
         .type = OPTION_TEXT,
         ROOM(secret),
         .secret_path = true,
         .argument = "FILE",
         .doc = "its first line"},
	{.name = "plain", .type = OPTION_NUMBER, AT(plain), .doc = "without limits"},
};

#define COUNT (sizeof(specs) / sizeof(specs[0]))

static struct program program;
static struct pgaf_error error;
static char file[64];
static const char *arguments[20];

static void
start(void)
{
	text_copy(file, sizeof(file), "/tmp/pgaf-options-XXXXXX");
	int fd = mkstemp(file);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void
stop(void)
{
	static const char *const variables[] = {
		"PGAF_PGPORT", "PGAF_PGDATA",  "PGAF_MONITOR", "PGAF_REPLICATION_QUORUM",
		"PGAF_CONFIG", "PGAF_VERBOSE", "PGAF_AUTH"};

	unlink(file);
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
}

/* Arguments are words between blanks. */
static int
load(const char *line)
{
	static char words[512];
	int argc = 1;

	text_copy(words, sizeof(words), line);
	arguments[0] = "program";
	for (char *at = words; *at != '\0' && argc < 19;) {
		arguments[argc++] = at;
		at += strcspn(at, " ");
		if (*at != '\0')
			*at++ = '\0';
	}
	arguments[argc] = NULL;
	error = (struct pgaf_error){0};
	memset(&program, 0xff, sizeof(program));
	return options_load(specs, COUNT, "config", argc, (char **)arguments, &program, &error);
}

static int
load_file(const char *content, const char *line)
{
	char all[512] = "";
	struct text text = TEXT(all);

	ck_assert_int_eq(files_write(file, content, strlen(content), 0600, &error), 0);
	text_addf(&text, "--config %s%s%s", file, line[0] != '\0' ? " " : "", line);
	return load(all);
}

static void
expect_refusal(const char *line, const char *text)
{
	ck_assert_int_eq(load(line), PGAF_ECONFIG);
	ck_assert_str_eq(error.text, text);
}

/* `text` without the name of the file. */
static void
expect_refused_file(const char *content, const char *text)
{
	ck_assert_int_eq(load_file(content, ""), PGAF_ECONFIG);
	ck_assert_int_eq(strncmp(error.text, file, strlen(file)), 0);
	ck_assert_str_eq(error.text + strlen(file), text);
}

START_TEST(test_defaults)
{
	ck_assert_int_eq(load(""), 1);
	ck_assert_str_eq(program.config, "/nonexistent/pgaf.yml");
	ck_assert_str_eq(program.pgdata, "");
	ck_assert_uint_eq(program.monitor.count, 1); /* an initial value is one item */
	ck_assert(program.quorum);
	ck_assert(!program.check);
	ck_assert_uint_eq(program.verbose, 0);
	ck_assert_uint_eq(program.port, 5432);
	ck_assert_int_eq(program.limit, PGAF_MSEC(1500));
	ck_assert_uint_eq(program.rate, 100 << 20);
	ck_assert_str_eq(program.auth, "scram-sha-256");
	ck_assert_str_eq(program.http, "[::]:8008");
	ck_assert_uint_eq(program.plain, 0);
}
END_TEST

START_TEST(test_command_line)
{
	ck_assert_int_eq(load("--pgdata /d --monitor x --monitor=y -mz -vv -p 6432 --check "
	                      "--no-replication-quorum --http=off --auth trust -v "
	                      "--silence-limit 2s --maximum-backup-rate=1MB"),
	                 19);
	ck_assert_str_eq(program.pgdata, "/d");
	ck_assert_uint_eq(program.monitor.count, 3);
	ck_assert_str_eq(program.monitor.items[0], "x");
	ck_assert_str_eq(program.monitor.items[2], "z");
	ck_assert_uint_eq(program.verbose, 3);
	ck_assert_uint_eq(program.port, 6432);
	ck_assert(program.check);
	ck_assert(!program.quorum);
	ck_assert_str_eq(program.http, "off");
	ck_assert_str_eq(program.auth, "trust");
	ck_assert_int_eq(program.limit, PGAF_SECONDS(2));
	ck_assert_uint_eq(program.rate, 1 << 20);
}
END_TEST

START_TEST(test_bool_in_all_its_forms)
{
	static const struct {
		const char *line;
		bool value;
	} forms[] = {
		{"--replication-quorum", true},        {"--no-replication-quorum", false},
		{"--replication-quorum=false", false}, {"--replication-quorum false", false},
		{"--replication-quorum true", true},   {"--replication-quorum=off", false},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		ck_assert_int_gt(load(forms[i].line), 1);
		ck_assert_int_eq(program.quorum, forms[i].value);
		ck_assert_ptr_null(arguments[load(forms[i].line)]);
	}
}
END_TEST

START_TEST(test_arguments_may_stand_anywhere)
{
	int first = load("set node --check node1 -p 7 - --plain 3 -- --pgdata x");

	ck_assert_str_eq(arguments[first], "set");
	ck_assert_str_eq(arguments[first + 1], "node");
	ck_assert_str_eq(arguments[first + 2], "node1");
	ck_assert_str_eq(arguments[first + 3], "-");
	ck_assert_str_eq(arguments[first + 4], "--pgdata");
	ck_assert_str_eq(arguments[first + 5], "x");
	ck_assert_ptr_null(arguments[first + 6]);
	ck_assert_uint_eq(program.port, 7);
	ck_assert_uint_eq(program.plain, 3);
	ck_assert_str_eq(program.pgdata, "");
}
END_TEST

START_TEST(test_strength_of_the_sources)
{
	setenv("PGAF_PGPORT", "2", 1);
	setenv("PGAF_PGDATA", "/env", 1);
	setenv("PGAF_MONITOR", "e1,e2", 1);
	setenv("PGAF_REPLICATION_QUORUM", "false", 1);
	setenv("PGAF_VERBOSE", "9", 1); /* for the command line only */
	setenv("PGAF_AUTH", "", 1);     /* empty is not set */
	ck_assert_int_gt(load_file("pgport: 3\npgdata: /file\nmonitor: [f1, f2, f3]\n"
	                           "auth: cert\nhttp: \"127.0.0.1:1\"\n",
	                           "--pgport 1"),
	                 0);
	ck_assert_uint_eq(program.port, 1);
	ck_assert_str_eq(program.pgdata, "/env");
	ck_assert_uint_eq(program.monitor.count, 2);
	ck_assert_str_eq(program.monitor.items[1], "e2");
	ck_assert_str_eq(program.auth, "cert");
	ck_assert_str_eq(program.http, "127.0.0.1:1");
	ck_assert(!program.quorum);
	ck_assert_uint_eq(program.verbose, 0);

	setenv("PGAF_CONFIG", file, 1);
	unsetenv("PGAF_PGDATA");
	ck_assert_int_eq(load("-m one"), 3);
	ck_assert_str_eq(program.pgdata, "/file");
	ck_assert_str_eq(program.config, file);
	ck_assert_uint_eq(program.monitor.count, 1);
	ck_assert_str_eq(program.monitor.items[0], "one");
}
END_TEST

START_TEST(test_command_line_complaints)
{
	expect_refusal("--pgdta x", "unknown option \"--pgdta\"; see --help");
	expect_refusal("--no-pgdata", "unknown option \"--no-pgdata\"; see --help");
	expect_refusal("--no-check", "unknown option \"--no-check\"; see --help");
	expect_refusal("-x", "unknown option \"-x\"; see --help");
	expect_refusal("-vx", "unknown option \"-x\"; see --help");
	expect_refusal("--pgdata", "option --pgdata needs a value");
	expect_refusal("-p", "option -p needs a value");
	expect_refusal("--check=true", "option --check takes no value");
	expect_refusal("--verbose=2", "option --verbose takes no value");
	expect_refusal("--no-replication-quorum=1",
	               "option --no-replication-quorum takes no value");
	expect_refusal("--pgport five", "option --pgport: \"five\" is no whole number");
	expect_refusal("-p 0", "option -p: \"0\" is not within 1 to 65535");
	expect_refusal("-p65536", "option -p: \"65536\" is not within 1 to 65535");
	expect_refusal("--plain 4294967296", "option --plain: \"4294967296\" is no whole number");
	expect_refusal("--silence-limit 5",
	               "option --silence-limit: \"5\" is no duration such as 250ms, 1.5s or 10min");
	expect_refusal("--silence-limit 1h",
	               "option --silence-limit: \"1h\" is not within 500ms to 10min");
	expect_refusal("--maximum-backup-rate fast",
	               "option --maximum-backup-rate: \"fast\" is no size such as 16kB, 10MB or "
	               "1GB");
	expect_refusal("--maximum-backup-rate 1kB",
	               "option --maximum-backup-rate: \"1kB\" is less than 32kB");
	expect_refusal("--auth md5",
	               "option --auth: \"md5\" is not one of scram-sha-256|cert|trust");
	expect_refusal("--auth scram", "option --auth: \"scram\" is not one of "
	                               "scram-sha-256|cert|trust");
	expect_refusal("--http 8008", "option --http: \"8008\" is neither HOST:PORT, "
	                              "[IPV6]:PORT, :PORT nor off");
	expect_refusal("--replication-quorum=maybe",
	               "option --replication-quorum: \"maybe\" is neither true nor false");
	expect_refusal("--pgdata 01234567890123456789012345678901",
	               "option --pgdata: is longer than 31 bytes");
	expect_refusal("--plain 012345678901234567890123456789012345678901234567890123456789",
	               "option --plain: \"0123456789012345678901234567890123456789...\" is no "
	               "whole number");
	expect_refusal("-m1 -m1 -m1 -m1 -m1 -m1 -m1 -m1 -m1 -m1 -m1 -m1 -m1 -m1 -m1 -m1 -m1",
	               "option -m: is given more than 16 times");
	expect_refusal("--monitor=", "option --monitor: has an empty value");
	expect_refusal("--config /nonexistent/named.yml",
	               "read /nonexistent/named.yml: No such file or directory");
	expect_refusal("--config /etc", "read /etc: Is a directory");
}
END_TEST

START_TEST(test_environment_complaints)
{
	setenv("PGAF_PGPORT", "five", 1);
	expect_refusal("", "environment variable PGAF_PGPORT: \"five\" is no whole number");
	unsetenv("PGAF_PGPORT");
	setenv("PGAF_MONITOR", "a,,b", 1);
	expect_refusal("", "environment variable PGAF_MONITOR: has an empty value");
	unsetenv("PGAF_MONITOR");
	setenv("PGAF_CONFIG", "/nonexistent/named.yml", 1);
	expect_refusal("", "read /nonexistent/named.yml: No such file or directory");
}
END_TEST

START_TEST(test_file_values)
{
	ck_assert_int_gt(load_file("# a comment\n---\nmonitor:\n  - one\n  - 'two'\n"
	                           "replication_quorum: off\nhttp: off\nsilence_limit: 1min\n"
	                           "pgdata: \"/a b\"\n",
	                           ""),
	                 0);
	ck_assert_uint_eq(program.monitor.count, 2);
	ck_assert_str_eq(program.monitor.items[1], "two");
	ck_assert(!program.quorum);
	ck_assert_str_eq(program.http, "off");
	ck_assert_int_eq(program.limit, PGAF_SECONDS(60));
	ck_assert_str_eq(program.pgdata, "/a b");

	ck_assert_int_gt(load_file("monitor: one\n", ""), 0);
	ck_assert_uint_eq(program.monitor.count, 1);
	ck_assert_int_gt(load_file("", ""), 0);
	ck_assert_int_gt(load_file("# nothing\n", ""), 0);
	ck_assert_int_gt(load_file("---\n# nothing\n...\n", ""), 0);
	ck_assert_int_gt(load_file("monitor: []\n", ""), 0);
	ck_assert_uint_eq(program.monitor.count, 0);
}
END_TEST

START_TEST(test_file_complaints)
{
	expect_refused_file("pgdata: x\npgprt: 1\n", ":2: key \"pgprt\": unknown");
	expect_refused_file("silence-limit: 1s\n",
	                    ":1: key \"silence-limit\": unknown; write \"silence_limit\"");
	expect_refused_file("check: true\n", ":1: key \"check\": is for the command line only");
	expect_refused_file("config: x\n", ":1: key \"config\": is for the command line only");
	expect_refused_file("pgport: 1\n\npgport: 2\n",
	                    ":3: key \"pgport\": was given in line 1 already");
	expect_refused_file("pgport: five\n", ":1: key \"pgport\": \"five\" is no whole number");
	expect_refused_file("pgport: 0\n", ":1: key \"pgport\": \"0\" is not within 1 to 65535");
	expect_refused_file("pgport:\n", ":1: key \"pgport\": has no value");
	expect_refused_file("pgport: ~\n", ":1: key \"pgport\": has no value");
	expect_refused_file("pgport: [1, 2]\n", ":1: key \"pgport\": takes one value, not a list");
	expect_refused_file("pgport:\n  least: 1\n",
	                    ":2: key \"pgport\": a mapping is not allowed here");
	expect_refused_file("monitor:\n  - a: b\n",
	                    ":2: key \"monitor\": a list holds plain values only");
	expect_refused_file("monitor:\n  - a\n  -\n", ":3: key \"monitor\": has no value");
	expect_refused_file("monitor:\n  - [a]\n",
	                    ":2: key \"monitor\": a list holds plain values only");
	expect_refused_file("pgdata: &x y\n", ":1: key \"pgdata\": anchors are not allowed");
	expect_refused_file("pgdata: *x\n", ":1: key \"pgdata\": aliases are not allowed");
	expect_refused_file("pgdata: !!str y\n", ":1: key \"pgdata\": tags are not allowed");
	expect_refused_file("monitor: [&a b]\n", ":1: key \"monitor\": anchors are not allowed");
	expect_refused_file("monitor: !x [b]\n", ":1: key \"monitor\": tags are not allowed");
	expect_refused_file("&a pgdata: y\n", ":1: anchors are not allowed");
	expect_refused_file("--- &a\npgdata: y\n", ":1: anchors are not allowed");
	expect_refused_file("? [a]\n: b\n", ":1: a key must be a plain word");
	expect_refused_file("just words\n", ":1: expected lines of the form \"key: value\"");
	expect_refused_file("- a\n", ":1: expected lines of the form \"key: value\"");
	expect_refused_file("pgdata: x\n---\npgdata: y\n", ":2: only one document is allowed");
	expect_refused_file("pgdata: \"a\\0b\"\n",
	                    ":1: key \"pgdata\": a zero byte is not allowed");
	expect_refused_file("pgdata: x: y\n", ":1: mapping values are not allowed in this context");
	expect_refused_file("pgdata: x\n\tpgport: 1\n",
	                    ":2: found a tab character that violates indentation");
	expect_refused_file("pgdata: \"x\n", ":2: found unexpected end of stream");
	expect_refused_file("pgdata: \xff\n", ":1: invalid leading UTF-8 octet");
}
END_TEST

/* Memory is given back whatever the input: for the sanitizers. */
START_TEST(test_cut_files)
{
	const char *whole = "monitor: [a, 'b', {c: d}]\npgdata: |\n  text\nhttp: &x \"y\\x00\"\n";

	for (size_t length = 0; length <= strlen(whole); length++) {
		char part[128] = "";
		memcpy(part, whole, length);
		load_file(part, "");
	}
}
END_TEST

/* Each kind of value, by the option in which the two command lines differ. */
START_TEST(test_differences)
{
	static const char *const lines[][2] = {
		{"--pgdata=/a", "pgdata"},
		{"--monitor=c", "monitor"},
		{"--monitor=a --monitor=c", "monitor"},
		{"--no-replication-quorum", "replication-quorum"},
		{"--check", "check"},
		{"-v", "verbose"},
		{"--pgport=1", "pgport"},
		{"--silence-limit=7s", "silence-limit"},
	};
	const struct option_spec *end = specs + COUNT;
	static struct program before;

	ck_assert_int_ge(load("--monitor=a --monitor=b"), 1);
	before = program;
	ck_assert_ptr_null(options_difference(specs, end, &before, &program));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char line[128] = "--monitor=a --monitor=b ";
		const struct option_spec *spec = NULL;

		if (strcmp(lines[i][1], "monitor") == 0)
			line[0] = '\0';
		strncat(line, lines[i][0], sizeof(line) - strlen(line) - 1);
		ck_assert_int_ge(load(line), 1);
		spec = options_difference(specs, end, &before, &program);
		ck_assert_ptr_nonnull(spec);
		ck_assert_str_eq(spec->name, lines[i][1]);
		ck_assert_ptr_null(options_difference(spec + 1, end, &before, &program));
	}
}
END_TEST

static void
expect_line(const char *help, const char *line)
{
	char whole[128] = "\n";
	struct text text = {.at = whole, .room = sizeof(whole), .used = 1};

	text_addf(&text, "%s\n", line);
	ck_assert_msg(strstr(help, whole) != NULL, "%s\nnot in\n%s", line, help);
}

START_TEST(test_help)
{
	char help[8192] = "";
	struct text text = TEXT(help);

	text_add(&text, "\n");
	options_help(specs, COUNT, &text);
	ck_assert(!text.cut);
	expect_line(help,
	            "  -c, --config FILE                     read settings from FILE (default: "
	            "/nonexistent/pgaf.yml)");
	expect_line(help, "      --replication-quorum true|false   count this node for synchronous "
	                  "replication (default: true)");
	expect_line(help,
	            "      --check                           read the configuration, say what "
	            "is wrong, and exit");
	expect_line(help,
	            "      --maximum-backup-rate SIZE        bytes a second (default: 100MB)");
	expect_line(help, "      --auth scram-sha-256|cert|trust   how clients prove who they are "
	                  "(default: scram-sha-256)");
	expect_line(help, "  -m, --monitor URI                     where the monitor is; may be "
	                  "repeated (default: a,b)");
	expect_line(help,
	            "      --silence-limit TIME              a node that was not heard for this "
	            "long is silent, and what");
	expect_line(help,
	            "                                        follows here is a phrase of many "
	            "words (default: 1500ms)");
	for (const char *line = help; line != NULL && *line != '\0';) {
		const char *end = strchr(line, '\n');
		ck_assert_ptr_nonnull(end);
		ck_assert_int_le(end - line, 100);
		line = end + 1;
	}
}
END_TEST

int
main(void)
{
	Suite *all = suite_create("options");
	TCase *tests = tcase_create("options");

	tcase_add_checked_fixture(tests, start, stop);
	tcase_add_test(tests, test_defaults);
	tcase_add_test(tests, test_command_line);
	tcase_add_test(tests, test_bool_in_all_its_forms);
	tcase_add_test(tests, test_arguments_may_stand_anywhere);
	tcase_add_test(tests, test_strength_of_the_sources);
	tcase_add_test(tests, test_command_line_complaints);
	tcase_add_test(tests, test_environment_complaints);
	tcase_add_test(tests, test_file_values);
	tcase_add_test(tests, test_file_complaints);
	tcase_add_test(tests, test_cut_files);
	tcase_add_test(tests, test_differences);
	tcase_add_test(tests, test_help);
	suite_add_tcase(all, tests);

	SRunner *runner = srunner_create(all);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
