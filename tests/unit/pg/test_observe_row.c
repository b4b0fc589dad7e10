/* SPDX-License-Identifier: PostgreSQL */
/* What a look at the local Postgres makes of figures that few servers ever show. */

#include <check.h>
#include <string.h>

#include "pg/observe.h"
#include "unit/suite.h"

#define COLUMNS_MOST 64
#define COLUMN_RECOVERY 0
#define COLUMN_LAG 10

/* A row of a standby as the statement of observe_statement() brings it: nothing but its lag. */
static PGresult *
row_of_a_standby(const char *lag)
{
	static PGresAttDesc columns[COLUMNS_MOST];
	static char name[] = "column";
	PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

	for (int i = 0; i < COLUMNS_MOST; i++)
		columns[i].name = name;
	ck_assert(PQsetResultAttrs(rows, COLUMNS_MOST, columns));
	for (int i = 0; i < COLUMNS_MOST; i++)
		ck_assert(PQsetvalue(rows, 0, i, NULL, -1));
	ck_assert(PQsetvalue(rows, 0, COLUMN_RECOVERY, (char[]){"t"}, 1));
	ck_assert(PQsetvalue(rows, 0, COLUMN_LAG, (char *)(uintptr_t)lag, (int)strlen(lag)));
	return rows;
}

static const struct {
	const char *says;
	uint32_t lag;
} lags[] = {
	{"0", 0},
	{"1500", 1500},
	{"4294967295", UINT32_MAX},
	/* Fifty days and a second: no fresh standby, though its low 32 bits are small. */
	{"4294968296", UINT32_MAX},
	{"9000000000000", UINT32_MAX},
};

START_TEST(a_long_lag_is_not_cut)
{
	struct observation seen = {.pg = PG_UNKNOWN};
	struct control control = {.limits = {100, 8, 10, 0, 64}};
	struct observe_pids pids;
	PGresult *rows = row_of_a_standby(lags[_i].says);

	observe_read(rows, &control, &seen, &pids);
	ck_assert_int_eq(seen.pg, PG_STANDBY);
	ck_assert_uint_eq(seen.replay_lag_ms, lags[_i].lag);
	PQclear(rows);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("observe row");

	tcase_add_loop_test(tcase, a_long_lag_is_not_cut, 0, sizeof(lags) / sizeof(lags[0]));
	return suite_run("observe row", tcase);
}
