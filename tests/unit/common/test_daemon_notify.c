/* SPDX-License-Identifier: PostgreSQL */
/* What a supervisor hears of a daemon, on a socket as systemd makes one. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/daemon_notify.h"
#include "unit/root.h"
#include "unit/suite.h"

static char directory[ROOT_MAX];
static char path[ROOT_MAX + 16];
static int supervisor;
static struct daemon_notify notify;

static void
listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	supervisor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(supervisor, 0);
	ck_assert_int_eq(bind(supervisor, (const struct sockaddr *)&address,
	                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
	                 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static void
start(void)
{
	root_make(directory, "notify");
	snprintf(path, sizeof(path), "%s/socket", directory);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	listen_at(path);
}

static void
stop(void)
{
	daemon_notify_done(&notify);
	close(supervisor);
	root_remove(directory);
}

/* The next thing that was heard; "" when there is none. */
static const char *
heard(void)
{
	static char lines[256];
	ssize_t length = recv(supervisor, lines, sizeof(lines) - 1, 0);

	lines[length > 0 ? length : 0] = '\0';
	return lines;
}

START_TEST(test_ready_reloading_stopping)
{
	daemon_notify_init(&notify);
	daemon_notify_ready(&notify);
	ck_assert_str_eq(heard(), "READY=1");
	daemon_notify_reloading(&notify);
	ck_assert_int_eq(strncmp(heard(), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	daemon_notify_stopping(&notify);
	ck_assert_str_eq(heard(), "STOPPING=1");
	ck_assert_int_eq(daemon_notify_alive(&notify, 5), PGAF_NEVER);
	ck_assert_str_eq(heard(), "");
}
END_TEST

START_TEST(test_children_do_not_inherit_it)
{
	setenv("WATCHDOG_USEC", "1000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	daemon_notify_init(&notify);
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
	ck_assert_ptr_null(getenv("WATCHDOG_PID"));
	/* It was meant for somebody else. */
	ck_assert_int_eq(daemon_notify_alive(&notify, 5), PGAF_NEVER);
}
END_TEST

START_TEST(test_signs_of_life_come_twice_in_the_limit)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_USEC", "3000000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	daemon_notify_init(&notify);
	ck_assert_int_eq(daemon_notify_alive(&notify, PGAF_SECONDS(100)), PGAF_MSEC(101500));
	ck_assert_str_eq(heard(), "WATCHDOG=1");
	ck_assert_int_eq(daemon_notify_alive(&notify, PGAF_SECONDS(101)), PGAF_MSEC(101500));
	ck_assert_str_eq(heard(), "");
	ck_assert_int_eq(daemon_notify_alive(&notify, PGAF_MSEC(101500)), PGAF_SECONDS(103));
	ck_assert_str_eq(heard(), "WATCHDOG=1");
}
END_TEST

START_TEST(test_an_abstract_socket)
{
	char name[64];

	close(supervisor);
	snprintf(name, sizeof(name), "@pgaf-notify-%d", (int)getpid());
	listen_at(name);
	daemon_notify_init(&notify);
	daemon_notify_ready(&notify);
	ck_assert_str_eq(heard(), "READY=1");
}
END_TEST

/* Nobody, nonsense, a socket that is gone: nothing is said, and nothing breaks. */
START_TEST(test_without_a_supervisor)
{
	static const char *const names[] = {"", "/", "relative", "/nonexistent/socket"};

	setenv("WATCHDOG_USEC", "nonsense", 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		daemon_notify_init(&notify);
		daemon_notify_ready(&notify);
		ck_assert_int_eq(notify.fd, -1);
		ck_assert_int_eq(daemon_notify_alive(&notify, 5), PGAF_NEVER);
	}
	ck_assert_str_eq(heard(), "");
	setenv("NOTIFY_SOCKET", path, 1);
	daemon_notify_init(&notify);
	close(supervisor);
	supervisor = -1;
	daemon_notify_ready(&notify);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("notify");

	tcase_add_checked_fixture(tcase, start, stop);
	tcase_add_test(tcase, test_ready_reloading_stopping);
	tcase_add_test(tcase, test_children_do_not_inherit_it);
	tcase_add_test(tcase, test_signs_of_life_come_twice_in_the_limit);
	tcase_add_test(tcase, test_an_abstract_socket);
	tcase_add_test(tcase, test_without_a_supervisor);
	return suite_run("notify", tcase);
}
