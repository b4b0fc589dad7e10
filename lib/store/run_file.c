/* SPDX-License-Identifier: PostgreSQL */
/* One line of text: nonce before epochs lsn. */

#include "store/run_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "base/pure/error.h"
#include "base/sys.h"

#define RUN_FILE_LINE_MAX 160

int
run_file_read(const char *path, struct run_file *run, struct pgaf_error *error)
{
	char line[RUN_FILE_LINE_MAX] = "";
	FILE *file = fopen(path, "re");

	*run = (struct run_file){.exists = false};
	if (!file && errno == ENOENT)
		return 0;
	if (!file)
		return sys_error(error, errno, "read %s", path);
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	if (sscanf(line, "%32s %32s %" SCNu64 " %" SCNu64, run->nonce, run->before, &run->epochs,
	           &run->lsn) != 4)
		return error_set(error, PGAF_ECONFIG,
		                 "%s is damaged; remove it, and all keepers will be heard before "
		                 "anything is decided",
		                 path);
	run->exists = true;
	return 0;
}

int
run_file_write(const char *path, const struct run_file *run, struct pgaf_error *error)
{
	char line[RUN_FILE_LINE_MAX];
	int size = snprintf(line, sizeof(line), "%s %s %" PRIu64 " %" PRIu64 "\n", run->nonce,
	                    run->before[0] ? run->before : "-", run->epochs, run->lsn);

	return files_write(path, line, (size_t)size, 0600, error);
}

/*
 * The sum of the epochs finds each lost decision. The position finds other
 * losses, but only larger ones: a start writes some WAL of its own.
 */
bool
run_file_fits(const struct run_file *run, const char *nonce, uint64_t epochs, pgaf_lsn lsn)
{
	if (nonce[0] == '\0')
		return true; /* never used by a monitor */
	if (!run->exists)
		return false;
	return (strcmp(nonce, run->nonce) == 0 || strcmp(nonce, run->before) == 0) &&
	       epochs >= run->epochs && lsn >= run->lsn;
}
