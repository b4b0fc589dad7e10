/* SPDX-License-Identifier: PostgreSQL */
/* The words for states, from the one list in pgaf/state.h; and the version of the library. */

#include <pgaf/state.h>

#include <string.h>

const char *
pgaf_version(void)
{
	return PGAF_VERSION;
}

const char *
pgaf_state_name(enum pgaf_state state)
{
	switch (state) {
#define STATE_WORD(name, word, meaning) \
	case PGAF_STATE_##name:         \
		return word;
		PGAF_STATES(STATE_WORD)
#undef STATE_WORD
	default:
		return "unknown";
	}
}

const char *
pgaf_state_doc(enum pgaf_state state)
{
	switch (state) {
#define STATE_DOC(name, word, meaning) \
	case PGAF_STATE_##name:        \
		return meaning;
		PGAF_STATES(STATE_DOC)
#undef STATE_DOC
	default:
		return "nothing is known yet";
	}
}

enum pgaf_state
pgaf_state_parse(const char *word)
{
	for (unsigned i = 0; i < PGAF_STATE_COUNT; i++) {
		if (strcmp(word, pgaf_state_name((enum pgaf_state)i)) == 0)
			return (enum pgaf_state)i;
	}
	return PGAF_STATE_UNKNOWN;
}

bool
pgaf_state_is_writable(enum pgaf_state state)
{
	return state == PGAF_STATE_SINGLE || state == PGAF_STATE_WAIT_PRIMARY ||
	       state == PGAF_STATE_PRIMARY || state == PGAF_STATE_JOIN_PRIMARY ||
	       state == PGAF_STATE_APPLY_SETTINGS;
}
