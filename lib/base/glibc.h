/* SPDX-License-Identifier: PostgreSQL */
#ifndef BASE_GLIBC_H
#define BASE_GLIBC_H

/* What the C library has since 2.32, 2.34 or 2.36, for Debian 11, which has 2.31. */

#include <errno.h>
#include <features.h>

#if __GLIBC_PREREQ(2, 36)
#include <sys/pidfd.h>
#else
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define P_PIDFD ((idtype_t)3)

static inline int
pidfd_open(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

static inline int
pidfd_send_signal(int pidfd, int signal, siginfo_t *info, unsigned flags)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, info, flags);
}
#endif

#if !__GLIBC_PREREQ(2, 34)
#include <dirent.h>
#include <spawn.h>
#include <stdlib.h>

/* What is open now: whatever another thread opens meanwhile is marked for closing anyway. */
static inline int
posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first)
{
	DIR *open = opendir("/proc/self/fd");
	const struct dirent *entry = NULL;
	int failed = open == NULL ? EMFILE : 0;

	while (failed == 0 && (entry = readdir(open)) != NULL) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		if (fd >= first && fd != dirfd(open))
			failed = posix_spawn_file_actions_addclose(actions, fd);
	}
	if (open != NULL)
		closedir(open);
	return failed;
}
#endif

#if !__GLIBC_PREREQ(2, 32)
/* In the locale of the process, which our programs leave at "C". */
#define strerrordesc_np strerror
#endif

#endif
