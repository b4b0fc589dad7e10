/* SPDX-License-Identifier: PostgreSQL */
/* Lines of Prometheus' text format, written to a stream. */

#include "http/exposition.h"

#include <inttypes.h>

/* From what a promotion takes on an idle host up to what somebody wakes up for; the words are what
 * Prometheus itself would write. */
static const struct {
	uint32_t ms;
	const char *seconds;
} limits[HISTOGRAM_BUCKETS] = {
	{10, "0.01"}, {25, "0.025"}, {50, "0.05"},  {100, "0.1"}, {250, "0.25"},
	{500, "0.5"}, {1000, "1"},   {2500, "2.5"}, {5000, "5"},  {10000, "10"},
};

void
exposition_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void
exposition_escape(FILE *out, const char *string)
{
	for (const char *at = string; *at != '\0'; at++) {
		if (*at == '\n')
			fputs("\\n", out);
		else if (*at == '\\' || *at == '"')
			fprintf(out, "\\%c", *at);
		else
			fputc(*at, out);
	}
}

void
exposition_value(FILE *out, uint64_t value)
{
	fprintf(out, " %" PRIu64 "\n", value);
}

void
exposition_milliseconds(FILE *out, uint64_t value)
{
	fprintf(out, " %" PRIu64 ".%03" PRIu64 "\n", value / 1000, value % 1000);
}

void
exposition_microseconds(FILE *out, uint64_t value)
{
	fprintf(out, " %" PRIu64 ".%06" PRIu64 "\n", value / 1000000, value % 1000000);
}

void
histogram_add(struct histogram *histogram, uint32_t ms)
{
	size_t bucket = 0;

	while (bucket < HISTOGRAM_BUCKETS && ms > limits[bucket].ms)
		bucket++;
	if (bucket < HISTOGRAM_BUCKETS)
		histogram->in[bucket]++;
	histogram->count++;
	histogram->sum_ms += ms;
}

void
exposition_histogram(FILE *out, const char *name, const char *labels,
                     const struct histogram *histogram)
{
	uint64_t below = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		below += histogram->in[i];
		fprintf(out, "%s_bucket{%s,le=\"%s\"} %" PRIu64 "\n", name, labels,
		        limits[i].seconds, below);
	}
	fprintf(out, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels, histogram->count);
	fprintf(out, "%s_sum{%s}", name, labels);
	exposition_milliseconds(out, histogram->sum_ms);
	fprintf(out, "%s_count{%s} %" PRIu64 "\n", name, labels, histogram->count);
}
