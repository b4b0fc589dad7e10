/* SPDX-License-Identifier: PostgreSQL */
#ifndef PG_HBA_H
#define PG_HBA_H

/*
 * Our block in pg_hba.conf (and, where it refers to maps, in pg_ident.conf):
 * marked, at the top, rewritten as a whole; the rest of the file is the
 * operator's.
 */

#include <pgaf/types.h>

struct text;

struct hba {
	const char *auth; /* scram-sha-256, cert, trust */
	bool ssl;
	const char *os_user;         /* that we run as */
	const char *const *networks; /* CIDR, samenet, all */
	size_t network_count;
	bool closed; /* clients stay out: only our own roles and the superuser of the socket */
};

/* The lines themselves, without markers: also what --skip-pg-hba prints. */
void hba_lines(const struct hba *hba, struct text *to);
void hba_ident_lines(const struct hba *hba, struct text *to);

/* `content` with our block made of `lines` at the top; false, nothing written, when it is so. */
bool hba_merge(const char *content, const char *lines, struct text *to);

#endif
