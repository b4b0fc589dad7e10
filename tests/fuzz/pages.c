/* SPDX-License-Identifier: PostgreSQL */
/*
 * The keeper's pages: method, path and lag in three lines, then the node's
 * name, what it waits for, and its report. A body is JSON or the text format of
 * Prometheus, whatever stands in them.
 */

#include "fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/text.h"
#include "core/codec.h"
#include "http/keeper_pages.h"

static const char *lag;

static const char *
find_argument(const struct http_request *request, const char *name)
{
	(void)request;
	return strcmp(name, "lag") == 0 && lag[0] != '\0' ? lag : NULL;
}

static void
fill(struct keeper_page_data *data, char *rest)
{
	*data = (struct keeper_page_data){.formation = "default", .node_id = 1, .primary = 2};
	text_copy(data->name, sizeof(data->name), fuzz_field(&rest, '\n'));
	text_copy(data->waiting, sizeof(data->waiting), fuzz_field(&rest, '\n'));
	data->peer_count = 1;
	data->peers[0] = (struct peer){.id = 2, .port = 5432, .http_port = 8008};
	text_copy(data->peers[0].name, sizeof(data->peers[0].name), data->waiting);
	text_copy(data->peers[0].host, sizeof(data->peers[0].host), data->name);
	if (codec_read(RECORD_REPORT, rest, &data->report, NULL) < 0)
		data->report = (struct report){.pg = PG_UNKNOWN};
	data->primary_open = data->report.pg == PG_PRIMARY;
	data->standby_open = data->report.pg == PG_STANDBY;
	data->seen.streaming = data->report.streaming;
	data->seen.upstream_lsn = data->report.detached_lsn;
	data->seen.replay = data->report.replay;
	data->note.goal.state = data->report.state;
}

/* A comment, or a name with labels in quotes and a number behind them. */
static void
check_metric(const char *line)
{
	const char *at = line + strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_");

	if (line[0] == '#')
		return;
	FUZZ_CHECK(at > line && *at == '{');
	for (bool quoted = false; *at != '}' || quoted; at++) {
		FUZZ_CHECK(*at != '\0');
		if (*at == '"')
			quoted = !quoted;
		else if (*at == '\\' && quoted)
			FUZZ_CHECK(strchr("\\\"n", *++at) != NULL && *at != '\0');
	}
	FUZZ_CHECK(at[1] == ' ' && at[2] != '\0');
	FUZZ_CHECK(strspn(at + 2, "-.0123456789") == strlen(at + 2));
}

static void
check_body(const struct http_answer *answer)
{
	if (answer->body == NULL)
		return;
	FUZZ_CHECK(answer->type != NULL);
	if (strcmp(answer->type, "application/json") == 0) {
		json_t *json = json_loads(answer->body, JSON_REJECT_DUPLICATES, NULL);
		FUZZ_CHECK(json != NULL);
		json_decref(json);
		return;
	}
	for (char *rest = answer->body; *rest != '\0';)
		check_metric(fuzz_field(&rest, '\n'));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct keeper_page_data page;
	struct http_request request = {.argument = find_argument};
	struct http_answer answer = {0};
	char *lines = fuzz_string(data, size);
	char *rest = lines;

	request.method = fuzz_field(&rest, '\n');
	request.path = fuzz_field(&rest, '\n');
	lag = fuzz_field(&rest, '\n');
	fill(&page, rest);
	keeper_page(&page, &request, &answer);
	FUZZ_CHECK(answer.status == 200 || answer.status == 400 || answer.status == 404 ||
	           answer.status == 503);
	check_body(&answer);
	free(answer.body);
	free(lines);
	return 0;
}
