/* SPDX-License-Identifier: PostgreSQL */
/* What is written for HAProxy, and that HAProxy, where there is one, takes it. */

#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/pure/text.h"
#include "http/haproxy_config.h"
#include "loop/loop.h"

#define HAPROXY "/usr/sbin/haproxy"

static char config[HAPROXY_CONFIG_MAX];

static const char *
write_config(const struct haproxy_input *input)
{
	struct text text = TEXT(config);

	config[0] = '\0';
	haproxy_config(input, &text);
	ck_assert(!text.cut);
	return config;
}

static struct haproxy_input
two_nodes(void)
{
	return (struct haproxy_input){
		.formation = "default",
		.node_count = 2,
		.nodes = {{.name = "node1", .host = "db1.example", .port = 5432, .http_port = 8008},
	                  {.name = "node2", .host = "::1", .port = 5433, .http_port = 8009}},
	};
}

static void
expect_line(const char *line)
{
	char whole[256] = "";
	struct text text = TEXT(whole);

	text_addf(&text, "\n%s\n", line);
	ck_assert_msg(strstr(config, whole) != NULL, "%s is not in\n%s", line, config);
}

START_TEST(test_nodes_stand_in_both_backends)
{
	struct haproxy_input input = two_nodes();
	const char *server = "\tserver node1 db1.example:5432 check port 8008 init-addr "
			     "last,libc,none\n";
	const char *at = strstr(write_config(&input), server);

	ck_assert_ptr_nonnull(at);
	ck_assert_ptr_nonnull(strstr(at + 1, server));
	expect_line("\tserver node2 [::1]:5433 check port 8009");
	expect_line("\tbind [::]:5000 v4v6");
	expect_line("\tbind [::]:5001 v4v6");
	expect_line("\tbind [::]:7000 v4v6");
	expect_line("\tstats uri /stats");
	expect_line("\thttp-check send meth OPTIONS uri /primary");
	expect_line("\thttp-check send meth OPTIONS uri /replica");
	expect_line("\tdefault-server inter 100ms fastinter 20ms downinter 50ms rise 1 fall 3 "
	            "on-marked-down shutdown-sessions");
	ck_assert_ptr_null(strstr(config, "resolvers pgaf"));
}
END_TEST

START_TEST(test_ports_address_resolvers_and_interval)
{
	struct haproxy_input input = two_nodes();

	input.listen = "127.0.0.1";
	input.read_write_port = 1;
	input.read_only_port = 2;
	input.stats_port = 3;
	input.resolvers = "127.0.0.11";
	input.check_interval = PGAF_MSEC(400);
	write_config(&input);
	expect_line("\tbind 127.0.0.1:1");
	expect_line("\tbind 127.0.0.1:2");
	expect_line("\tbind 127.0.0.1:3");
	expect_line("\tnameserver dns 127.0.0.11:53");
	expect_line("\tserver node1 db1.example:5432 check port 8008 init-addr last,libc,none "
	            "resolvers pgaf");
	expect_line("\tserver node2 [::1]:5433 check port 8009");
	ck_assert_ptr_nonnull(strstr(config, "inter 400ms fastinter 20ms downinter 200ms"));
	input.resolvers = "127.0.0.11:5353";
	input.listen = "::1";
	write_config(&input);
	expect_line("\tnameserver dns 127.0.0.11:5353");
	expect_line("\tbind [::1]:1");
}
END_TEST

START_TEST(test_names_cannot_break_out)
{
	struct haproxy_input input = two_nodes();

	text_copy(input.nodes[0].name, PGAF_NAME_MAX, "a b\n:c");
	text_copy(input.nodes[1].host, PGAF_HOST_MAX, "h\n\tserver evil 1.2.3.4:1");
	write_config(&input);
	expect_line("\tserver a_b__c db1.example:5432 check port 8008 init-addr last,libc,none");
	expect_line("\t# left out: node2, whose host is no plain name");
	ck_assert_ptr_null(strstr(config, "evil"));
	text_copy(input.nodes[1].host, PGAF_HOST_MAX, "bad..name");
	write_config(&input);
	expect_line("\t# left out: node2, whose host is no plain name");
	input = two_nodes();
	input.nodes[1].http_port = 0;
	write_config(&input);
	expect_line("\t# left out: node2, whose keeper serves no HTTP");
}
END_TEST

START_TEST(test_the_largest_group_fits)
{
	struct haproxy_input input = two_nodes();

	input.resolvers = "127.0.0.11";
	input.node_count = PGAF_NODES_MAX;
	for (uint32_t i = 0; i < PGAF_NODES_MAX; i++) {
		input.nodes[i] = (struct haproxy_node){.port = 65535, .http_port = 65535};
		memset(input.nodes[i].name, 'n', PGAF_NAME_MAX - 1);
		memset(input.nodes[i].host, 'h', PGAF_HOST_MAX - 1);
		for (size_t dot = 63; dot < PGAF_HOST_MAX - 1; dot += 64)
			input.nodes[i].host[dot] = '.';
	}
	write_config(&input);
}
END_TEST

/* ---- the judge ---------------------------------------------------------------------------- */

struct verdict {
	bool over;
	int status;
	char output[4096];
};

static void
note_verdict(void *ctx, int status, const char *output)
{
	struct verdict *verdict = ctx;

	verdict->over = true;
	verdict->status = status;
	text_copy(verdict->output, sizeof(verdict->output), output);
}

static void
expect_accepted(const struct haproxy_input *input)
{
	char path[] = "/tmp/pgaf-haproxy-XXXXXX";
	const char *argv[] = {HAPROXY, "-c", "-f", path, NULL};
	struct pgaf_error error = {0};
	struct verdict verdict = {0};
	struct loop_child_options options = {.argv = argv, .ended = note_verdict, .ctx = &verdict};
	struct loop *loop = loop_new(&error);

	close(mkstemp(path));
	write_config(input);
	ck_assert_int_eq(files_write(path, config, strlen(config), 0600, &error), 0);
	ck_assert_ptr_nonnull(loop_child_start(loop, &options, &error));
	while (!verdict.over) {
		poll(&(struct pollfd){.fd = loop_fd(loop), .events = POLLIN}, 1, 10);
		loop_dispatch(loop);
	}
	ck_assert_msg(verdict.status == 0, "%s\n%s", verdict.output, config);
	loop_free(loop);
	unlink(path);
}

START_TEST(test_haproxy_takes_it)
{
	struct haproxy_input input = two_nodes();

	if (access(HAPROXY, X_OK) != 0)
		return;
	/* A name that does not exist keeps HAProxy from nothing. */
	text_copy(input.nodes[0].host, PGAF_HOST_MAX, "nowhere.invalid");
	expect_accepted(&input);
	input.resolvers = "127.0.0.1";
	input.listen = "127.0.0.1";
	expect_accepted(&input);
	input.node_count = 0;
	expect_accepted(&input);
}
END_TEST

int
main(void)
{
	Suite *all = suite_create("haproxy_config");
	TCase *tests = tcase_create("haproxy_config");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_nodes_stand_in_both_backends);
	tcase_add_test(tests, test_ports_address_resolvers_and_interval);
	tcase_add_test(tests, test_names_cannot_break_out);
	tcase_add_test(tests, test_the_largest_group_fits);
	tcase_add_test(tests, test_haproxy_takes_it);
	suite_add_tcase(all, tests);

	SRunner *runner = srunner_create(all);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
