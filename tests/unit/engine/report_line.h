/* SPDX-License-Identifier: PostgreSQL */
#ifndef ENGINE_REPORT_LINE_H
#define ENGINE_REPORT_LINE_H

/*
 * What a keeper reports, in one line of a transcript.
 */

#include "base/pure/text.h"
#include "core/model.h"

void report_line(const struct report *report, struct text *to);

#endif
