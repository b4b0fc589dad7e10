/* SPDX-License-Identifier: PostgreSQL */
/* The one text form: whatever can be read is written in a form that reads as the same. */

#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/codec.h"
#include "core/note.h"
#include "store/report.h"

#include <pgaf/error.h>

union any {
	struct group group;
	struct node node;
	struct goal goal;
	struct report report;
	struct sighting sighting;
	struct settings settings;
	struct sync_set set;
};

static void
check_reports(const struct report *one, const struct report *again)
{
	struct report steady = *one;
	struct report twice;
	struct report facts;

	FUZZ_CHECK(report_same(one, again));
	report_steady(&steady);
	twice = steady;
	report_steady(&twice);
	FUZZ_CHECK(report_same(&steady, &twice));
	report_facts(&steady, &facts);
	report_facts(&facts, &twice);
	FUZZ_CHECK(report_same(&facts, &twice));
	report_age(&steady, UINT32_MAX);
}

static void
check_record(enum record kind, const char *line)
{
	static char first[CODEC_LINE_MAX];
	static char second[CODEC_LINE_MAX];
	static union any record;
	static union any again;
	struct text text = TEXT(first);
	struct text text_again = TEXT(second);
	struct pgaf_error error = {0};

	int code = codec_read(kind, line, &record, &error);
	FUZZ_CHECK(code == 0 || (code == PGAF_EINVAL && error.text[0] != '\0'));
	if (code < 0)
		return;
	codec_write(kind, &record, &text);
	FUZZ_CHECK(!text.cut && strchr(first, '\n') == NULL);
	FUZZ_CHECK(codec_read(kind, first, &again, &error) == 0);
	codec_write(kind, &again, &text_again);
	FUZZ_CHECK(strcmp(first, second) == 0);
	if (kind == RECORD_REPORT)
		check_reports(&record.report, &again.report);
}

static void
check_note(const char *line)
{
	static char first[CODEC_LINE_MAX];
	static char second[CODEC_LINE_MAX];
	struct text text = TEXT(first);
	struct text text_again = TEXT(second);
	struct note note;

	if (note_read(line, &note, NULL) < 0)
		return;
	note_write(&note, &text);
	FUZZ_CHECK(!text.cut && note_read(first, &note, NULL) == 0);
	note_write(&note, &text_again);
	FUZZ_CHECK(strcmp(first, second) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = fuzz_string(data, size);

	for (int kind = RECORD_GROUP; kind <= RECORD_SET; kind++)
		check_record((enum record)kind, line);
	check_note(line);
	free(line);
	return 0;
}
