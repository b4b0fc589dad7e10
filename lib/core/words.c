/* SPDX-License-Identifier: PostgreSQL */
/* The words of the core's enums, each from the one list in its header. */

#include "core/model.h"
#include "core/note.h"
#include "core/steps.h"

const char *
pg_status_name(enum pg_status status)
{
	switch (status) {
#define WORD(name, word) \
	case PG_##name:  \
		return word;
		PG_STATUSES(WORD)
#undef WORD
	default:
		return "unknown";
	}
}

const char *
evidence_name(enum evidence evidence)
{
	switch (evidence) {
#define WORD(name, word, doc) \
	case EVIDENCE_##name: \
		return word;
		EVIDENCES(WORD)
#undef WORD
	case EVIDENCE_COUNT:
	default:
		return "unknown";
	}
}

const char *
evidence_doc(enum evidence evidence)
{
	switch (evidence) {
#define DOC(name, word, doc)  \
	case EVIDENCE_##name: \
		return doc;
		EVIDENCES(DOC)
#undef DOC
	case EVIDENCE_COUNT:
	default:
		return "unknown";
	}
}

const char *
veto_name(enum veto veto)
{
	switch (veto) {
#define WORD(name, word, doc) \
	case VETO_##name:     \
		return word;
		VETOES(WORD)
#undef WORD
	case VETO_COUNT:
	default:
		return "unknown";
	}
}

const char *
veto_doc(enum veto veto)
{
	switch (veto) {
#define DOC(name, word, doc) \
	case VETO_##name:    \
		return doc;
		VETOES(DOC)
#undef DOC
	case VETO_COUNT:
	default:
		return "unknown";
	}
}

const char *
note_role_name(enum note_role role)
{
	switch (role) {
#define WORD(name, word)  \
	case NOTE_##name: \
		return word;
		NOTE_ROLES(WORD)
#undef WORD
	default:
		return "none";
	}
}

const char *
step_name(enum step step)
{
	switch (step) {
#define WORD(name, word, doc) \
	case STEP_##name:     \
		return word;
		STEPS(WORD)
#undef WORD
	case STEP_COUNT:
	default:
		return "none";
	}
}

const char *
step_doc(enum step step)
{
	switch (step) {
#define DOC(name, word, doc) \
	case STEP_##name:    \
		return doc;
		STEPS(DOC)
#undef DOC
	case STEP_COUNT:
	default:
		return "nothing";
	}
}
