/* SPDX-License-Identifier: PostgreSQL */
/* The parts of an instance that need no server: files it reads and writes, positions, names. */

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pure/text.h"
#include "pg/conf.h"
#include "pg/disk.h"
#include "pg/hba.h"
#include "pg/release.h"
#include "pg/history.h"
#include "pg/observe.h"
#include "pg/wal.h"

#define SEGMENT (16u << 20)

START_TEST(test_wal_names_and_borders)
{
	char name[WAL_NAME_MAX];
	uint32_t timeline = 0;
	pgaf_lsn first = 0;

	wal_file_name(7, UINT64_C(0x1A3000060), SEGMENT, name);
	ck_assert_str_eq(name, "0000000700000001000000A3");
	ck_assert(wal_file_parse(name, SEGMENT, &timeline, &first));
	ck_assert_uint_eq(timeline, 7);
	ck_assert_uint_eq(first, UINT64_C(0x1A3000000));
	ck_assert(wal_file_parse("000000010000000000000002.partial", SEGMENT, &timeline, &first));
	ck_assert(!wal_file_parse("00000002.history", SEGMENT, &timeline, &first));
	ck_assert(!wal_file_parse("000000010000000000000002.00000028.backup", SEGMENT, &timeline,
	                          &first));

	ck_assert_uint_eq(wal_record_end(0x3000060, 114, SEGMENT), 0x30000D8);
	/* Over a page border there is a header in between, a longer one at a file's start. */
	ck_assert_uint_eq(wal_record_end(0x3001FC8, 114, SEGMENT), 0x3001FC8 + 120 + 24);
	ck_assert_uint_eq(wal_record_end(0x3FFFFC8, 114, SEGMENT), 0x3FFFFC8 + 120 + 40);
	/* Exactly to the end of a page. */
	ck_assert_uint_eq(wal_record_end(0x3001F88, 120, SEGMENT), 0x3002000);
}
END_TEST

START_TEST(test_history_finds_where_two_part)
{
	struct history one;
	struct history other;
	uint32_t timeline = 0;
	pgaf_lsn end = 0;

	ck_assert(history_parse("", 1, &one));
	ck_assert(history_parse("1\t0/3000060\tno recovery target specified\n", 2, &other));
	ck_assert(history_fork(&one, &other, &timeline, &end));
	ck_assert_uint_eq(timeline, 1);
	ck_assert_uint_eq(end, 0x3000060);

	/* Siblings: both left timeline 2, at different places. */
	ck_assert(history_parse("# c\n\n1\t0/1\tx\n2\t0/5000000\tx\n", 3, &one));
	ck_assert(history_parse("1\t0/1\tx\n2\t0/4000000\tx\n", 7, &other));
	ck_assert(history_fork(&one, &other, &timeline, &end));
	ck_assert_uint_eq(timeline, 2);
	ck_assert_uint_eq(end, 0x4000000);

	ck_assert(history_parse("5\t0/1\tx\n", 6, &other));
	ck_assert(!history_fork(&one, &other, &timeline, &end));
	ck_assert(!history_parse("nonsense\n", 2, &one));
}
END_TEST

START_TEST(test_conf_reads_what_it_wrote)
{
	char bytes[CONF_ROOM];
	struct text text = TEXT(bytes);
	struct conf wrote = {.self = 3,
	                     .upstream = 2,
	                     .admission = 7,
	                     .closed = true,
	                     .conninfo = "host='10.0.0.1' password='it\\'s \\\\'",
	                     .sync_names = "ANY 1 (pgaf_2_7)",
	                     .senders = 24,
	                     .slots = 30,
	                     .listen = "*",
	                     .port = "5432",
	                     .socket_dirs = "\"/run\""};
	struct conf got = {0};
	char value[64];

	conf_write(&wrote, &text);
	ck_assert(!text.cut);
	conf_read(bytes, &got);
	ck_assert_uint_eq(got.self, 3);
	ck_assert_uint_eq(got.upstream, 2);
	ck_assert_uint_eq(got.admission, 7);
	ck_assert(got.closed);
	ck_assert_str_eq(got.conninfo, wrote.conninfo);
	ck_assert_str_eq(got.sync_names, wrote.sync_names);
	ck_assert_uint_eq(got.senders, 24);
	ck_assert_uint_eq(got.slots, 30);
	ck_assert(conf_lookup("a = 1 # c\n#a = 2\n  A='x''y' \nb on\n", "a", value, sizeof(value)));
	ck_assert_str_eq(value, "x'y");
	ck_assert(conf_lookup("b on\n", "b", value, sizeof(value)));
	ck_assert_str_eq(value, "on");
	ck_assert(!conf_lookup("c =\n", "c", value, sizeof(value)));
}
END_TEST

/* A server does not start with a setting that it does not know. */
START_TEST(test_conf_has_what_the_release_knows)
{
	static const struct {
		const char *line;
		unsigned since;
	} cases[] = {{"recovery_init_sync_method = 'syncfs'\n", 14},
	             {"idle_replication_slot_timeout = '0'\n", 18}};

	for (unsigned major = 13; major <= 19; major++) {
		char bytes[CONF_ROOM];
		struct text text = TEXT(bytes);
		struct conf conf = {
			.major = major, .listen = "*", .port = "5432", .socket_dirs = "/tmp"};

		conf_write(&conf, &text);
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			ck_assert_msg((strstr(bytes, cases[i].line) != NULL) ==
			                      (major >= cases[i].since),
			              "%u: %s", major, cases[i].line);
	}
}
END_TEST

START_TEST(test_conf_include_stays_last)
{
	char bytes[512];
	char again[512];
	struct text text = TEXT(bytes);
	struct text twice = TEXT(again);

	ck_assert(conf_include("port = 1", &text));
	ck_assert_ptr_nonnull(strstr(bytes, "port = 1\n#"));
	ck_assert(!conf_include(bytes, &twice));
	/* Somebody wrote behind it. */
	text_add(&text, "port = 2\n");
	ck_assert(conf_include(bytes, &twice));
	ck_assert_ptr_null(strstr(strstr(again, "include_if") + 1, "include_if"));
	ck_assert_ptr_nonnull(strstr(again, "port = 2\n#"));
}
END_TEST

START_TEST(test_hba_block_is_rewritten_as_a_whole)
{
	const char *networks[] = {"10.0.0.0/8"};
	struct hba hba = {.auth = "scram-sha-256",
	                  .ssl = true,
	                  .os_user = "postgres",
	                  .networks = networks,
	                  .network_count = 1};
	char lines[1024];
	char first[2048];
	char second[2048];
	struct text text = TEXT(lines);
	struct text once = TEXT(first);
	struct text twice = TEXT(second);

	hba_lines(&hba, &text);
	ck_assert(hba_merge("local all all peer\n", lines, &once));
	ck_assert(!hba_merge(first, lines, &twice));
	ck_assert(hba_merge(first, "host all all all trust\n", &twice));
	ck_assert_ptr_null(strstr(second, "pgaf_probe"));
	ck_assert_ptr_nonnull(strstr(second, "# pgaf end\nlocal all all peer\n"));
	ck_assert_ptr_nonnull(strstr(first, "hostssl all all 10.0.0.0/8 scram-sha-256\n"));
	ck_assert_ptr_null(strstr(first, "map="));
	ck_assert_ptr_null(strstr(first, "reject"));
}
END_TEST

START_TEST(test_hba_holds_back_clients_and_not_our_own)
{
	const char *networks[] = {"all"};
	struct hba hba = {.auth = "scram-sha-256",
	                  .os_user = "postgres",
	                  .networks = networks,
	                  .network_count = 1,
	                  .closed = true};
	char lines[1024];
	char closed[2048];
	struct text text = TEXT(lines);
	struct text merged = TEXT(closed);

	hba_lines(&hba, &text);
	ck_assert(hba_merge("host all all all trust\n", lines, &merged));
	const char *reject = strstr(closed, "\nhost all all all reject\n");
	ck_assert_ptr_nonnull(reject);
	ck_assert_ptr_nonnull(strstr(closed, "\nlocal all all reject\n"));
	/* The first line that fits decides. */
	ck_assert_ptr_nonnull(strstr(closed, "local all postgres peer\n"));
	ck_assert(strstr(closed, "local all postgres peer\n") < strstr(closed, "reject"));
	ck_assert(strstr(closed, "pgaf_replicator,pgaf_probe all") < strstr(closed, "reject"));
	ck_assert(strstr(closed, "host replication pgaf_replicator") < strstr(closed, "reject"));
	ck_assert(strstr(closed, "host all all all trust\n") > reject);
}
END_TEST

START_TEST(test_observe_parses_names)
{
	pgaf_node_id node = 0;
	uint32_t admission = 0;
	char value[32];

	ck_assert(observe_parse_name("pgaf_12_345", &node, &admission));
	ck_assert_uint_eq(node, 12);
	ck_assert_uint_eq(admission, 345);
	ck_assert(observe_parse_name("pgaf_join_4", &node, &admission));
	ck_assert_uint_eq(node, 4);
	ck_assert_uint_eq(admission, 0);
	ck_assert(!observe_parse_name("pgaf_clone_4", &node, &admission));
	ck_assert(!observe_parse_name("pgaf_4", &node, &admission));
	ck_assert(!observe_parse_name("pgaf_4_", &node, &admission));
	ck_assert(!observe_parse_name("pgaf_4_5x", &node, &admission));
	observe_conninfo_value("host=a application_name='pgaf_1_2'", "application_name", value,
	                       sizeof(value));
	ck_assert_str_eq(value, "pgaf_1_2");
	observe_conninfo_value("", "application_name", value, sizeof(value));
	ck_assert_str_eq(value, "");
}
END_TEST

START_TEST(test_releases_are_told_apart)
{
	ck_assert_int_eq(release_number("postgres (PostgreSQL) 15.12 (Debian 15.12-0+deb12u1)\n"),
	                 150012);
	ck_assert_int_eq(release_number("postgres (PostgreSQL) 17beta1\n"), 170000);
	ck_assert_int_eq(release_number("postgres (PostgreSQL) 9.6.24\n"), 0);
	ck_assert_int_eq(release_number("sh: postgres: not found\n"), 0);
	ck_assert(release_is_old(130020));
	ck_assert(!release_is_old(130021));
	ck_assert(release_is_old(140017));
	ck_assert(!release_is_old(140018));
	ck_assert(release_is_old(150012));
	ck_assert(!release_is_old(150013));
	ck_assert(release_is_old(160008));
	ck_assert(!release_is_old(160009));
	ck_assert(release_is_old(170004));
	ck_assert(!release_is_old(170005));
	ck_assert(!release_is_old(180000));
	ck_assert(!release_is_old(0)); /* not known: nothing is said of it */
	ck_assert_int_eq(release_needed(150001), 150013);
}
END_TEST

START_TEST(test_releases_differ_in_one_table)
{
	for (unsigned major = 13; major <= 18; major++) {
		const struct release *release = release_of(major);

		ck_assert_int_eq(release->major, (int)major);
		ck_assert_ptr_eq(release_of_number((int)major * 10000 + 7), release);
		ck_assert(release_has_control(release->control));
	}
	/* What is not known is taken for its neighbour; what its files say is not. */
	ck_assert_int_eq(release_of(0)->major, 13);
	ck_assert_int_eq(release_of(12)->major, 13);
	ck_assert_int_eq(release_of(19)->major, 18);
	ck_assert_int_eq(release_of_number(-1)->major, 13);
	ck_assert(release_has_control(1700));
	ck_assert(!release_has_control(1201));
	ck_assert(!release_has_control(1900));
}
END_TEST

static char directory[] = "/tmp/pgaf-parts-XXXXXX";

static const char *
below(const char *name)
{
	static char path[4][256];
	static int turn;
	struct text text = {0};

	turn = (turn + 1) % 4;
	text_init(&text, path[turn], sizeof(path[turn]));
	text_addf(&text, "%s/%s", directory, name);
	return path[turn];
}

START_TEST(test_disk_removes_and_moves_trees)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(disk_make_directory(below("a"), NULL), 0);
	ck_assert(disk_is_empty(below("a")));
	ck_assert(disk_is_empty(below("none")));
	ck_assert_int_eq(disk_make_directory(below("a/b"), NULL), 0);
	ck_assert_int_eq(disk_write(below("a/b/c"), "text", 0600, NULL), 0);
	ck_assert_int_eq(symlink("/etc", below("a/link")), 0);
	ck_assert(!disk_is_empty(below("a")));
	ck_assert_int_eq(disk_make_directory(below("d"), NULL), 0);
	ck_assert_int_eq(disk_move_entries(below("a"), below("d"), NULL), 0);
	ck_assert(disk_is_empty(below("a")));
	ck_assert_int_eq(disk_copy(below("d/b/c"), below("d/e"), NULL), 0);
	char *content = disk_read(below("d/e"), 100, NULL);
	ck_assert_str_eq(content, "text");
	free(content);
	ck_assert_int_eq(disk_empty(below("d"), "b", NULL, NULL), 0);
	ck_assert(disk_exists(below("d/b/c")));
	ck_assert(!disk_exists(below("d/e")));
	ck_assert(disk_exists("/etc/passwd"));
	ck_assert_int_eq(disk_remove(directory, NULL, NULL), 0);
	ck_assert(!disk_exists(directory));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("instance_parts");
	TCase *tcase = tcase_create("parts");

	tcase_add_test(tcase, test_wal_names_and_borders);
	tcase_add_test(tcase, test_history_finds_where_two_part);
	tcase_add_test(tcase, test_conf_reads_what_it_wrote);
	tcase_add_test(tcase, test_conf_has_what_the_release_knows);
	tcase_add_test(tcase, test_conf_include_stays_last);
	tcase_add_test(tcase, test_hba_block_is_rewritten_as_a_whole);
	tcase_add_test(tcase, test_hba_holds_back_clients_and_not_our_own);
	tcase_add_test(tcase, test_observe_parses_names);
	tcase_add_test(tcase, test_releases_are_told_apart);
	tcase_add_test(tcase, test_releases_differ_in_one_table);
	tcase_add_test(tcase, test_disk_removes_and_moves_trees);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
