/* SPDX-License-Identifier: PostgreSQL */
#ifndef HTTP_HTTP_PARTS_H
#define HTTP_HTTP_PARTS_H

/* What the files of the server share. */

#include <microhttpd.h>
#include <sys/queue.h>

#include "http/http.h"

TAILQ_HEAD(http_streams, http_stream);

struct http {
	struct loop *loop;
	struct MHD_Daemon *daemon;
	struct loop_watch *watch;
	struct loop_timer *timer;
	struct http_streams streams;
	size_t stream_count;
	bool takes_post;
	bool is_woken; /* a stream has something to send, of which no descriptor says anything */
	http_handler_fn handler;
	void *ctx;
};

/* http_stream.c: an answer without an end. NULL: out of memory, and the stream is gone. */
struct MHD_Response *http_stream_answer(struct http_stream *stream,
                                        struct MHD_Connection *connection);
void http_streams_end(struct http *http);

#endif
