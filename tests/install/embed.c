/* SPDX-License-Identifier: PostgreSQL */
/*
 * A program that knows pgaf only as installed: it compiles as C17 and as C++17, and has functions
 * of its own under names that the library uses inside. PGAF_HEADERS names a file that includes
 * every installed header.
 */
#include PGAF_HEADERS

#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif
int decide(void);
int conn_open(void);
#ifdef __cplusplus
}
#endif

int
decide(void)
{
	return 1;
}

int
conn_open(void)
{
	return 2;
}

int
main(void)
{
	if (strcmp(pgaf_version(), PGAF_VERSION) != 0) {
		fprintf(stderr, "headers of %s, library of %s\n", PGAF_VERSION, pgaf_version());
		return 1;
	}
	printf("pgaf %s\n", pgaf_version());
	return decide() + conn_open() == 3 ? 0 : 1;
}
