/* SPDX-License-Identifier: PostgreSQL */
/* Drops root for good; whoever calls it goes on as if it had been started as that user. */

#include "base/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "base/sys.h"

#define ENTRY_ROOM 16384

static void
fill(struct account *account, const struct passwd *entry)
{
	*account = (struct account){.user = entry->pw_uid, .group = entry->pw_gid};
	text_copy(account->name, sizeof(account->name), entry->pw_name);
	text_copy(account->home, sizeof(account->home), entry->pw_dir);
}

int
privileges_find(const char *name, struct account *account, struct pgaf_error *error)
{
	char room[ENTRY_ROOM];
	struct passwd entry;
	struct passwd *found = NULL;
	uint64_t number = 0;

	int failed = getpwnam_r(name, &entry, room, sizeof(room), &found);
	if (found == NULL && text_to_u64(name, &number) && number < (uid_t)-1)
		failed = getpwuid_r((uid_t)number, &entry, room, sizeof(room), &found);
	if (found != NULL) {
		fill(account, found);
		return 0;
	}
	if (failed != 0)
		return sys_error(error, failed, "look up the user \"%s\"", name);
	return error_set(error, PGAF_ECONFIG, "there is no user \"%s\"", name);
}

int
privileges_self(struct account *account, struct pgaf_error *error)
{
	char room[ENTRY_ROOM];
	struct passwd entry;
	struct passwd *found = NULL;

	int failed = getpwuid_r(geteuid(), &entry, room, sizeof(room), &found);
	if (found != NULL) {
		fill(account, found);
		return 0;
	}
	/* A container's user need not be listed anywhere. */
	if (failed != 0 && failed != ENOENT)
		return sys_error(error, failed, "look up the user %u", (unsigned)geteuid());
	struct text name;
	*account = (struct account){.user = geteuid(), .group = getegid(), .home = "/"};
	text_init(&name, account->name, sizeof(account->name));
	text_addf(&name, "%u", (unsigned)geteuid());
	return 0;
}

static bool
is_only(uid_t user)
{
	uid_t real = 0;
	uid_t effective = 0;
	uid_t saved = 0;

	return getresuid(&real, &effective, &saved) == 0 && real == user && effective == user &&
	       saved == user;
}

static int
change(const struct account *account, struct pgaf_error *error)
{
	if (initgroups(account->name, account->group) != 0)
		return sys_error(error, errno, "take the groups of %s", account->name);
	if (setresgid(account->group, account->group, account->group) != 0)
		return sys_error(error, errno, "become the group of %s", account->name);
	if (setresuid(account->user, account->user, account->user) != 0)
		return sys_error(error, errno, "become %s", account->name);
	/* Asked of the kernel, since a call that did nothing would go unnoticed. */
	if (!is_only(account->user) || setuid(0) == 0 || geteuid() != account->user ||
	    getegid() != account->group)
		return error_set(error, PGAF_EREFUSED, "became %s, but could become root again",
		                 account->name);
	return 0;
}

int
privileges_drop(const struct account *account, struct pgaf_error *error)
{
	if (is_only(account->user))
		return 0;
	if (geteuid() != 0)
		return error_set(error, PGAF_EREFUSED,
		                 "only root can become %s; start this as root or as %s",
		                 account->name, account->name);
	if (account->user == 0)
		return 0;
	int failed = change(account, error);
	if (failed < 0)
		return failed;
	if (setenv("HOME", account->home, 1) != 0 || setenv("USER", account->name, 1) != 0 ||
	    setenv("LOGNAME", account->name, 1) != 0)
		return sys_error(error, errno, "set HOME, USER and LOGNAME");
	return 0;
}
