/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_EXPOSITION_H
#define HTTP_EXPOSITION_H

/* Prometheus' text format: heads, escaped labels, and values in base units. */

#include <stdio.h>

#include <pgaf/types.h>

void exposition_head(FILE *out, const char *name, const char *type, const char *help);
/* The inside of a label's quotes. */
void exposition_escape(FILE *out, const char *string);
/* Behind the labels: a blank, the number, the end of the line. Not by floating point, whose
 * decimal mark is the locale's. */
void exposition_value(FILE *out, uint64_t value);
void exposition_milliseconds(FILE *out, uint64_t value); /* as seconds */
void exposition_microseconds(FILE *out, uint64_t value); /* as seconds */

/* ---- histograms of durations ----------------------------------------------------------- */

#define HISTOGRAM_BUCKETS 10

struct histogram {
	uint64_t in[HISTOGRAM_BUCKETS]; /* by the first limit that is not exceeded */
	uint64_t count;                 /* of all */
	uint64_t sum_ms;
};

void histogram_add(struct histogram *histogram, uint32_t ms);
/* Samples without a head; `labels` is the inside of the braces, escaped. */
void exposition_histogram(FILE *out, const char *name, const char *labels,
                          const struct histogram *histogram);

#endif
