/* SPDX-License-Identifier: PostgreSQL */
/* Records of the log: one line whatever a server or an operator said, and JSON that is JSON. */

#include "fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/pure/text.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[PGAF_NAME_MAX];
	char words[1024];
	char line[8192];
	struct text text = TEXT(line);
	char *fields = fuzz_string(data, size);
	char *rest = fields;
	struct pgaf_log record = {.event = "goal-assigned", .formation = "default", .node_id = 3};

	text_copy(name, sizeof(name), fuzz_field(&rest, '\t'));
	text_copy(words, sizeof(words), rest);
	record.level = (enum pgaf_log_level)(size % 7);
	record.rule = (unsigned)(size % 2);
	record.node_name = name;
	record.text = words;

	log_render(&record, LOG_TEXT, &text);
	FUZZ_CHECK(!text.cut);
	for (const char *at = line; *at != '\0'; at++)
		FUZZ_CHECK((unsigned char)*at >= ' ' && *at != 0x7f);

	text_init(&text, line, sizeof(line));
	log_render(&record, LOG_JSON, &text);
	json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	FUZZ_CHECK(json != NULL && json_object_get(json, "text") != NULL);
	FUZZ_CHECK(name[0] == '\0' || json_object_get(json, "node") != NULL);
	json_decref(json);
	free(fields);
	return 0;
}
