/* SPDX-License-Identifier: PostgreSQL */
/* URIs and connection strings: taken apart, never repeated where a password may stand. */

#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "pg/observe.h"
#include "store/target.h"

static void
check_target(const char *uri)
{
	struct target target;
	struct pgaf_error error = {0};

	if (target_parse(&target, uri, &error) < 0) {
		FUZZ_CHECK(error.text[0] != '\0' && target.count == 0);
		FUZZ_CHECK(strlen(uri) < 40 || strstr(error.text, uri) == NULL);
		return;
	}
	FUZZ_CHECK(target.host[0] != '\0');
	FUZZ_CHECK(target_default(&target, "sslmode", "prefer") == 0);
	FUZZ_CHECK(target.count > 0 && target.count <= TARGET_WORDS_MAX);
	for (size_t i = 0; i < target.count; i++)
		FUZZ_CHECK(target.keywords[i] != NULL && target.values[i] != NULL);
	FUZZ_CHECK(target.keywords[target.count] == NULL);
	target_done(&target);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *uri = fuzz_string(data, size);
	char value[24];

	check_target(uri);
	observe_conninfo_value(uri, "application_name", value, sizeof(value));
	FUZZ_CHECK(strlen(value) < sizeof(value));
	free(uri);
	return 0;
}
