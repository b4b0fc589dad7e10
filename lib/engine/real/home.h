/* SPDX-License-Identifier: PostgreSQL */
#ifndef REAL_HOME_H
#define REAL_HOME_H

/*
 * The two directories of a daemon, data and state: made when missing, owned by
 * us, and locked, so that a second daemon on either is refused. Blocking.
 */

#include <pgaf/error.h>

#define HOME_PATH_MAX 1000

struct home {
	char pgdata[HOME_PATH_MAX];
	char state_dir[HOME_PATH_MAX];
	int  state_lock; /* descriptors; -1 = none */
	int  data_lock;
};

/* pgdata may be NULL when state_dir is not (a store elsewhere). */
int home_open(struct home *home, const char *pgdata, const char *state_dir,
              struct pgaf_error *error);
void home_close(struct home *home);

/* The paths alone: 0 or PGAF_ECONFIG. Touches nothing. */
int home_set_paths(struct home *home, const char *pgdata, const char *state_dir,
                   struct pgaf_error *error);

/* Take the lock again when the data directory was replaced by another one. */
int home_lock_again(struct home *home, struct pgaf_error *error);

/* Path of a file in the state directory. */
void home_path(const struct home *home, const char *name, char to[HOME_PATH_MAX + 64]);

#endif
