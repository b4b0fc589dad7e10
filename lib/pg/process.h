/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_PROCESS_H
#define PG_PROCESS_H

/*
 * Which processes belong to a data directory, asked of the kernel: a server
 * process has the directory as its working directory. What postmaster.pid says
 * is only believed when that holds (pids are reused, zombies linger).
 */

#include <sys/types.h>

#include <pgaf/types.h>

/* The status a postmaster writes into line 8 of its file. */
enum postmaster_status {
	POSTMASTER_NONE, /* no file, or no live postmaster of this directory */
	POSTMASTER_STARTING,
	POSTMASTER_STOPPING,
	POSTMASTER_READY,
	POSTMASTER_STANDBY, /* runs recovery and takes no sessions */
};

struct postmaster {
	pid_t pid; /* 0 = none that lives */
	enum postmaster_status status;
	pid_t named;      /* by the file, whoever that is; 0 = no file */
	bool named_lives; /* such a process of ours exists, perhaps a zombie */
	char port[8];
	char socket_dir[108]; /* the first one; "" = none */
};

/* `pgdata` must be free of symbolic links, as process_real_path makes it. */
void process_find_postmaster(const char *pgdata, struct postmaster *found);

/* All live server processes of the directory; returns how many were written. */
size_t process_list(const char *pgdata, pid_t *pids, size_t room);

/* realpath() of a directory that need not exist yet. False when even its parent does not. */
bool process_real_path(const char *path, char *to, size_t room);

#endif
