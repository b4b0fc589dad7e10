/* SPDX-License-Identifier: PostgreSQL */
/*
 * The state directory's small files: identity and passwords, token and other
 * secrets, note, and what a monitor remembers of its database. Every file gets
 * the same bytes; what is read is saved and read again.
 */

#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "engine/real/identity.h"
#include "store/run_file.h"

static void
check_secret(const uint8_t *data, size_t size)
{
	struct pgaf_error error = {0};
	char secret[64];

	int code =
		files_read_secret(fuzz_file("secret", data, size), secret, sizeof(secret), &error);
	FUZZ_CHECK(code == 0 || error.text[0] != '\0');
	if (code == 0)
		FUZZ_CHECK(secret[0] != '\0' && strchr(secret, '\n') == NULL);
}

static void
check_identity(const struct home *home, const uint8_t *data, size_t size)
{
	static struct identity identity;
	struct pgaf_error error = {0};
	bool known = false;

	fuzz_file("identity", data, size);
	fuzz_file("passwords", data, size);
	fuzz_file("token", "secret\n", 7);
	int code = identity_load(home, &identity, &known, &error);
	FUZZ_CHECK(known && (code == 0 || error.text[0] != '\0'));
	if (code == 0)
		FUZZ_CHECK(identity_is_same(&identity, &identity));
}

static void
check_note(const struct home *home, const uint8_t *data, size_t size)
{
	static struct note note;
	struct pgaf_error error = {0};

	fuzz_file("note", data, size);
	int code = identity_load_note(home, &note, &error);
	FUZZ_CHECK(code == 0 || error.text[0] != '\0');
}

static void
check_run(const uint8_t *data, size_t size)
{
	static struct run_file run;
	static struct run_file again;
	struct pgaf_error error = {0};
	char line[256];

	int code = run_file_read(fuzz_file("run", data, size), &run, &error);
	FUZZ_CHECK(code == 0 || (code == PGAF_ECONFIG && !run.exists));
	if (code < 0)
		return;
	FUZZ_CHECK(run.exists && run_file_fits(&run, run.nonce, run.epochs, run.lsn));
	/* As run_file_write() does, which syncs and is slow. */
	int used = snprintf(line, sizeof(line), "%s %s %llu %llu\n", run.nonce, run.before,
	                    (unsigned long long)run.epochs, (unsigned long long)run.lsn);
	FUZZ_CHECK(run_file_read(fuzz_file("run", line, (size_t)used), &again, &error) == 0);
	FUZZ_CHECK(strcmp(run.nonce, again.nonce) == 0 && strcmp(run.before, again.before) == 0);
	FUZZ_CHECK(run.epochs == again.epochs && run.lsn == again.lsn);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct home home;

	snprintf(home.state_dir, sizeof(home.state_dir), "%s", fuzz_directory());
	check_secret(data, size);
	check_identity(&home, data, size);
	check_note(&home, data, size);
	check_run(data, size);
	return 0;
}
