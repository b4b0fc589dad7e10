/* SPDX-License-Identifier: PostgreSQL */
/* The keeper's note as one line: its own fields, then the goal it last accepted. */

#include "core/note.h"

#include <string.h>

#include "base/pure/error.h"
#include "base/pure/text.h"
#include "core/codec_field.h"

static const struct clock absolute;

void
note_write(const struct note *note, struct text *to)
{
	text_add(to, record_note.word);
	record_write(&record_note, &absolute, note, to);
	text_add(to, " ");
	codec_write(RECORD_GOAL, &note->goal, to);
}

bool
note_declined(const struct note *note, uint32_t version)
{
	return version > note->about_version && version <= note->declined_version;
}

int
note_read(const char *line, struct note *note, struct pgaf_error *error)
{
	memset(note, 0, sizeof(*note));
	if (!record_starts(&line, record_note.word))
		return error_set(error, PGAF_EINVAL, "this is no note: \"%.40s\"", line);

	int result = record_read(&record_note, &absolute, &line, note, error);
	if (result < 0)
		return result;
	/* A note is only whole with its goal: a line that was cut must not pass for one. */
	return codec_read(RECORD_GOAL, line, &note->goal, error);
}
