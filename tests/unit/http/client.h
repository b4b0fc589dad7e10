/* SPDX-License-Identifier: PostgreSQL */
#ifndef UNIT_HTTP_CLIENT_H
#define UNIT_HTTP_CLIENT_H

/* A client on a real socket, turned by the same loop as the server that it asks. */

#include "loop/loop.h"

extern struct loop *client_loop;
extern uint16_t client_port; /* of the server, on loopback */

/* A port nobody has at this moment. */
uint16_t client_free_port(void);
/* What is ready, or until this long from now. */
void client_turn(int timeout_ms);
/* A connection of this family; -1: refused. */
int client_dial(int family);
/* Everything up to the end of the connection. */
void client_read(int fd, char *to, size_t room);
/* One request and its whole answer, which the next one overwrites. */
const char *client_ask(int family, const char *request);
void client_expect(const char *reply, int status);
const char *client_body(const char *reply);

#endif
