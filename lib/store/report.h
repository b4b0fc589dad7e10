/* SPDX-License-Identifier: PostgreSQL */
#ifndef STORE_REPORT_H
#define STORE_REPORT_H

/*
 * Which parts of a report are news. A store writes and notifies only for
 * facts; positions and ages move by themselves and are found by asking.
 */

#include "core/model.h"

/* Round what jitters, so that an idle node sends the same text again and again. Never in the
 * direction that would make a witness look fresher, and keeping all limits that rules use. */
void report_steady(struct report *report);

/* *facts: the report without what moves by itself, in a form that is equal when no fact is new. */
void report_facts(const struct report *report, struct report *facts);

/* Field by field, as their text forms would compare. */
bool report_same(const struct report *one, const struct report *other);

/* The peers' answers are `age_ms` older than when the report was made. */
void report_age(struct report *report, uint32_t age_ms);

#endif
