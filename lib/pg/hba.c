/* SPDX-License-Identifier: PostgreSQL */
/*
 * By role and never by host name: a name service that is down must not keep a
 * standby out. The superuser comes over the Unix socket only.
 */

#include <string.h>

#include "base/pure/text.h"
#include "pg/hba.h"

#define BEGIN "# pgaf begin: written by pgaf as a whole, changes inside are lost\n"
#define END "# pgaf end\n"
/* Physical replication by others reads no table: it is not meant by "all". */
#define CLOSED                                                                 \
	"# Clients are held back until this primary is known to be the one.\n" \
	"local all all reject\nhost all all all reject\n"

static bool
is_cert(const struct hba *hba)
{
	return strcmp(hba->auth, "cert") == 0;
}

void
hba_lines(const struct hba *hba, struct text *to)
{
	const char *type = hba->ssl ? "hostssl" : "host";
	/* Any certificate of the group's authority may speak for a node. */
	const char *nodes = is_cert(hba) ? "cert map=pgaf_nodes" : hba->auth;

	text_addf(to, "local all postgres peer%s\n",
	          strcmp(hba->os_user, "postgres") == 0 ? "" : " map=pgaf_local");
	text_addf(to, "%s replication pgaf_replicator all %s\n", type, nodes);
	text_addf(to, "%s all pgaf_replicator,pgaf_probe all %s\n", type, nodes);
	if (hba->closed)
		text_add(to, CLOSED);
	for (size_t i = 0; i < hba->network_count && !hba->closed; i++)
		text_addf(to, "%s all all %s %s\n", type, hba->networks[i], hba->auth);
}

void
hba_ident_lines(const struct hba *hba, struct text *to)
{
	if (strcmp(hba->os_user, "postgres") != 0)
		text_addf(to, "pgaf_local \"%s\" postgres\n", hba->os_user);
	if (is_cert(hba))
		text_add(to, "pgaf_nodes /^.*$ pgaf_replicator\npgaf_nodes /^.*$ pgaf_probe\n");
}

bool
hba_merge(const char *content, const char *lines, struct text *to)
{
	const char *begin = strstr(content, BEGIN);
	const char *end = begin == NULL ? NULL : strstr(begin, END);
	const char *body = begin == NULL ? NULL : begin + strlen(BEGIN);

	if (begin == content && end != NULL && strlen(lines) == (size_t)(end - body) &&
	    strncmp(body, lines, strlen(lines)) == 0)
		return false;
	text_add(to, BEGIN);
	text_add(to, lines);
	text_add(to, END);
	if (begin == NULL || end == NULL) {
		text_add(to, content);
		return true;
	}
	text_add_bytes(to, content, (size_t)(begin - content));
	text_add(to, end + strlen(END));
	return true;
}
