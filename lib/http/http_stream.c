/* SPDX-License-Identifier: PostgreSQL */
/*
 * Answers without an end. What is written waits in the stream's own memory until the socket
 * takes it; while there is nothing to send, libmicrohttpd is told to leave the connection alone.
 * A reader that is too slow for its memory loses the connection, nobody else waits for it.
 */

#include <stdlib.h>
#include <string.h>

#include "http/http_parts.h"

struct http_stream {
	TAILQ_ENTRY(http_stream) next;
	struct http *http;
	struct MHD_Connection *connection; /* NULL before it is answered with */
	char *at;
	size_t used;  /* written so far and not forgotten */
	size_t taken; /* of them, sent */
	size_t room;
	bool suspended;
	bool ended;
	void (*gone)(void *ctx);
	void *ctx;
};

/* ---- libmicrohttpd asks --------------------------------------------------------------- */

static ssize_t
stream_read(void *ctx, uint64_t position, char *to, size_t room)
{
	struct http_stream *stream = ctx;
	size_t left = stream->used - stream->taken;

	(void)position;
	if (left > 0) {
		size_t count = left < room ? left : room;
		memcpy(to, stream->at + stream->taken, count);
		stream->taken += count;
		return (ssize_t)count;
	}
	if (stream->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	stream->suspended = true;
	MHD_suspend_connection(stream->connection);
	return 0;
}

static void
stream_gone(void *ctx)
{
	struct http_stream *stream = ctx;

	TAILQ_REMOVE(&stream->http->streams, stream, next);
	stream->http->stream_count--;
	stream->gone(stream->ctx);
	free(stream->at);
	free(stream);
}

struct MHD_Response *
http_stream_answer(struct http_stream *stream, struct MHD_Connection *connection)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, 4096, stream_read, stream, stream_gone);

	if (response)
		stream->connection = connection;
	else
		stream_gone(stream);
	return response;
}

/* ---- the owner writes ----------------------------------------------------------------- */

struct http_stream *
http_stream_new(struct http *http, void (*gone)(void *ctx), void *ctx)
{
	struct http_stream *stream = NULL;

	if (http->stream_count < HTTP_STREAMS_MAX)
		stream = calloc(1, sizeof(*stream));
	if (!stream)
		return NULL;
	*stream = (struct http_stream){.http = http, .gone = gone, .ctx = ctx};
	TAILQ_INSERT_TAIL(&http->streams, stream, next);
	http->stream_count++;
	return stream;
}

static void
stream_wake(struct http_stream *stream)
{
	if (!stream->suspended)
		return;
	stream->suspended = false;
	MHD_resume_connection(stream->connection);
	stream->http->is_woken = true;
	if (stream->http->timer)
		loop_timer_set(stream->http->timer, loop_now(stream->http->loop));
}

/* What was sent is forgotten only when its room is needed. */
static bool
stream_make_room(struct http_stream *stream, size_t count)
{
	size_t left = stream->used - stream->taken;

	if (count <= stream->room - stream->used)
		return true;
	if (left > 0)
		memmove(stream->at, stream->at + stream->taken, left);
	stream->used = left;
	stream->taken = 0;
	if (count <= stream->room - stream->used)
		return true;
	if (count > HTTP_STREAM_ROOM - stream->used)
		return false;
	size_t room = stream->used + count;
	room = room < HTTP_STREAM_ROOM / 2 ? room * 2 : HTTP_STREAM_ROOM;
	char *larger = realloc(stream->at, room);
	if (!larger)
		return false;
	stream->at = larger;
	stream->room = room;
	return true;
}

void
http_stream_write(struct http_stream *stream, const char *bytes, size_t count)
{
	if (stream->ended || count == 0)
		return;
	if (stream_make_room(stream, count)) {
		memcpy(stream->at + stream->used, bytes, count);
		stream->used += count;
	} else {
		stream->taken = stream->used;
		stream->ended = true;
	}
	stream_wake(stream);
}

void
http_streams_end(struct http *http)
{
	struct http_stream *stream = NULL;

	TAILQ_FOREACH (stream, &http->streams, next) {
		stream->ended = true;
		stream_wake(stream);
	}
}
