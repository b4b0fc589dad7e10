/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_KEEPER_METRICS_H
#define HTTP_KEEPER_METRICS_H

/* The keeper's /metrics in the text format of Prometheus. */

#include "http/keeper_pages.h"

/* malloc'ed; NULL when out of memory. */
char *keeper_metrics(const struct keeper_page_data *data);

/* Bytes that a streaming standby has still to replay; false when that is not known. */
bool keeper_page_lag(const struct keeper_page_data *data, uint64_t *bytes);

#endif
