/* SPDX-License-Identifier: PostgreSQL */
/*
 * Follow the primary of a group: prints one line each time it changes.
 *
 *   cc follow_primary.c $(pkg-config --cflags --libs pgaf) -o follow_primary
 *   ./follow_primary postgres://pgaf_reader@monitor.example/pgaf < password
 *
 * The password is the first line of standard input, so that it appears in no
 * list of processes. A plain poll(2) loop, to show that any loop will do.
 */
#include <poll.h>
#include <pgaf/watch.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void
print_log(void *ctx, const struct pgaf_log *record)
{
	(void)ctx;
	fprintf(stderr, "%s\n", record->text);
}

/* Milliseconds poll may wait, rounded up so that it does not spin at the end. */
static int
milliseconds_until(pgaf_time deadline)
{
	struct timespec now;
	pgaf_time left;

	if (deadline == PGAF_NEVER)
		return -1;
	clock_gettime(CLOCK_BOOTTIME, &now);
	left = deadline - PGAF_SECONDS(now.tv_sec) - now.tv_nsec;
	if (left <= 0)
		return 0;
	return left > PGAF_SECONDS(60) ? 60000 : (int)((left + PGAF_MSEC(1) - 1) / PGAF_MSEC(1));
}

static void
print_primary(const struct pgaf_watch *watch)
{
	struct pgaf_primary primary;

	pgaf_watch_primary(watch, &primary);
	if (primary.node_id == 0)
		printf("no primary\n");
	else
		printf("primary %s %s:%u %s\n", primary.name, primary.host, (unsigned)primary.port,
		       pgaf_state_name(primary.state));
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	char password[256] = "";
	struct pgaf_error error;
	struct pgaf_watch *watch;
	int result = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s MONITOR-URI < PASSWORD\n", argv[0]);
		return 2;
	}
	if (fgets(password, sizeof(password), stdin) != NULL)
		password[strcspn(password, "\n")] = '\0';
	watch = pgaf_watch_new(
		&(struct pgaf_watch_options){
			.size = sizeof(struct pgaf_watch_options),
			.monitor = argv[1],
			.password = password[0] != '\0' ? password : NULL,
			.log = print_log,
		},
		&error);
	if (watch == NULL) {
		fprintf(stderr, "%s: %s\n", argv[0], error.text);
		return 2;
	}
	while (result >= 0) {
		struct pollfd fd = {.fd = pgaf_watch_fd(watch), .events = POLLIN};

		(void)poll(&fd, 1, milliseconds_until(pgaf_watch_deadline(watch)));
		result = pgaf_watch_dispatch(watch);
		if (result > 0)
			print_primary(watch);
	}
	fprintf(stderr, "%s: %s\n", argv[0], pgaf_strerror(result));
	pgaf_watch_free(watch);
	return 1;
}
