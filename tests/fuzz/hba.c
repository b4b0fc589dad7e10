/* SPDX-License-Identifier: PostgreSQL */
/* Our block in pg_hba.conf: once, at the top, and the operator's lines as they were. */

#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "pg/hba.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const networks[] = {"10.0.0.0/8", "samenet"};
	static char first[1 << 16];
	static char second[1 << 16];
	const struct hba hba = {.auth = "scram-sha-256",
	                        .ssl = true,
	                        .os_user = "somebody",
	                        .networks = networks,
	                        .network_count = 2};
	char block[1024];
	struct text lines = TEXT(block);
	struct text text = TEXT(first);
	struct text again = TEXT(second);
	char *content = fuzz_string(data, size);

	hba_lines(&hba, &lines);
	if (hba_merge(content, block, &text)) {
		FUZZ_CHECK(!text.cut && strncmp(first, "# pgaf begin", 12) == 0);
		FUZZ_CHECK(strstr(first, block) != NULL);
		FUZZ_CHECK(!hba_merge(first, block, &again));
		/* Without a block of ours in it the whole file follows behind the new one. */
		if (strstr(content, "# pgaf begin") == NULL)
			FUZZ_CHECK(strcmp(first + strlen(first) - strlen(content), content) == 0);
	}
	free(content);
	return 0;
}
