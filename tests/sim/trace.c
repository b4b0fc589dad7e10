/* SPDX-License-Identifier: PostgreSQL */
/*
 * The trace: what happened, for people. A run is traced only when asked; a
 * violation is found without it and then run again with it.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#define LINE_MAX_BYTES 600

const char *
host_name(uint32_t host)
{
	static const char *const names[] = {"monitor", "node1", "node2", "node3", "node4",
	                                    "node5",   "node6", "node7", "node8", "node9"};

	return host < SIM_HOSTS ? names[host] : "nobody";
}

void
trace_line(struct sim *sim, const char *who, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	pgaf_time at = sim->now - SIM_EPOCH;
	int used;
	va_list args;

	if (!sim->tracing)
		at = sim->now - sim->built_at; /* a story begins with the built group */
	if (!sim->tracing && sim->built_at == 0)
		return;
	used = snprintf(
		line, sizeof line, sim->tracing ? "[%4lld.%06lld] %-7s " : "%4lld.%06lld s  %-7s ",
		(long long)(at / PGAF_SECONDS(1)), (long long)(at % PGAF_SECONDS(1) / 1000), who);
	va_start(args, format);
	vsnprintf(line + used, sizeof line - (size_t)used, format, args);
	va_end(args);
	for (char *c = line; *c; c++)
		if (*c == '\n')
			*c = ' ';
	if (sim->trace_to_stdout) {
		puts(line);
		return;
	}
	if (!sim->lines)
		sim->lines = malloc((size_t)TRACE_LINES * LINE_MAX_BYTES);
	if (!sim->lines)
		abort();
	memcpy(sim->lines + (size_t)(sim->line_count++ % TRACE_LINES) * LINE_MAX_BYTES, line,
	       strlen(line) + 1);
}

void
trace_write(const struct sim *sim, uint32_t lines, FILE *to)
{
	uint32_t kept = sim->line_count < TRACE_LINES ? sim->line_count : TRACE_LINES;

	if (lines > kept)
		lines = kept;
	for (uint32_t i = sim->line_count - lines; i < sim->line_count; i++)
		fprintf(to, "%s\n", sim->lines + (size_t)(i % TRACE_LINES) * LINE_MAX_BYTES);
}
