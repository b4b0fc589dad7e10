/* SPDX-License-Identifier: PostgreSQL */
/* Rules that can be broken on purpose, to show that the checks see it. */

#include <string.h>

#include "sim/sim.h"

struct break_text {
	const char *word, *check, *doc;
};

#define BREAK_TEXT(name, word, check, doc) {word, check, doc},
static const struct break_text texts[BREAK_COUNT] = {BREAKS(BREAK_TEXT)};
#undef BREAK_TEXT

const char *
break_word(enum brk brk)
{
	return texts[brk].word;
}

const char *
break_check(enum brk brk)
{
	return texts[brk].check;
}

const char *
break_doc(enum brk brk)
{
	return texts[brk].doc;
}

bool
break_find(const char *word, enum brk *brk)
{
	for (int i = 0; i < BREAK_COUNT; i++) {
		if (strcmp(texts[i].word, word) == 0) {
			*brk = (enum brk)i;
			return true;
		}
	}
	return false;
}
