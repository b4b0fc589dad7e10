/* SPDX-License-Identifier: PostgreSQL */
/*
 * Roles and slots: the ones every node of a group brings along, as they are in
 * the data and so the same on all nodes; slots are each node's own.
 */

#include <string.h>

#include "pg/instance_parts.h"
#include "pg/release.h"

#define UNNAMED_DATABASE "pgaf_unfinished"

/* ---- roles ------------------------------------------------------------------------ */

/*
 * The server gets the verifier and never the password: extensions keep the
 * text of statements, whatever the log does.
 */
static bool
add_role(struct instance *in, const char *name, const char *password, const char *attributes)
{
	struct text *to = &in->task.sql_text;
	char *verifier = NULL;

	if (password[0] != '\0')
		verifier =
			PQencryptPasswordConn(conn_pg(in->work), password, name, "scram-sha-256");
	if (password[0] != '\0' && verifier == NULL)
		return false;
	text_add(to, "DO $pgaf$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ");
	sql_literal(to, name);
	text_add(to, ") THEN CREATE ROLE ");
	sql_identifier(to, name);
	text_add(to, "; END IF; END $pgaf$; ALTER ROLE ");
	sql_identifier(to, name);
	text_addf(to, " %s PASSWORD ", attributes);
	if (verifier == NULL)
		text_add(to, "NULL");
	else
		sql_literal(to, verifier);
	text_add(to, "; ");
	PQfreemem(verifier);
	return true;
}

static void
roles_done(struct instance *in, const PGresult *rows)
{
	(void)rows;
	task_done(in);
}

/* ---- the application's database ---------------------------------------------------- */

static void
database_create(struct instance *in, const char *name, task_rows then)
{
	struct text sql = TEXT(in->task.text);

	text_add(&sql, "CREATE DATABASE ");
	sql_identifier(&sql, name);
	if (in->username[0] != '\0') {
		text_add(&sql, " OWNER ");
		sql_identifier(&sql, in->username);
	}
	task_sql(in, in->task.text, then);
}

static void
database_filled(struct instance *in)
{
	struct text sql = TEXT(in->task.text);

	text_add(&sql, "ALTER DATABASE " UNNAMED_DATABASE " RENAME TO ");
	sql_identifier(&sql, in->dbname);
	task_sql(in, in->task.text, roles_done);
}

static void
database_fill(struct instance *in, const PGresult *rows)
{
	struct text role = TEXT(in->task.text);

	(void)rows;
	text_add(&role, "SET ROLE ");
	sql_identifier(&role, in->username[0] != '\0' ? in->username : "postgres");
	const char *argv[] = {"psql",
	                      "--no-psqlrc",
	                      "--quiet",
	                      "--no-password",
	                      "--set=ON_ERROR_STOP=1",
	                      "--set=VERBOSITY=terse",
	                      "--single-transaction",
	                      "--host",
	                      in->socket_dir,
	                      "--port",
	                      in->port,
	                      "--username=postgres",
	                      "--dbname=" UNNAMED_DATABASE,
	                      "--command",
	                      in->task.text,
	                      "--file",
	                      in->init_file,
	                      NULL};
	task_run(in, argv, database_filled);
}

static void
database_cleared(struct instance *in, const PGresult *rows)
{
	(void)rows;
	database_create(in, UNNAMED_DATABASE, database_fill);
}

/* Whoever waits for the database finds it with what belongs into it, also when we die on the
 * way: it gets its name last. */
static void
database_looked(struct instance *in, const PGresult *rows)
{
	if (PQntuples(rows) > 0)
		task_done(in);
	else if (in->init_file[0] == '\0')
		database_create(in, in->dbname, roles_done);
	else
		task_sql(in, "DROP DATABASE IF EXISTS " UNNAMED_DATABASE, database_cleared);
}

/* ---- all of them ------------------------------------------------------------------- */

static void
roles_made(struct instance *in, const PGresult *rows)
{
	struct text sql = TEXT(in->task.text);

	(void)rows;
	if (in->dbname[0] == '\0') {
		task_done(in);
		return;
	}
	text_add(&sql, "SELECT 1 FROM pg_database WHERE datname = ");
	sql_literal(&sql, in->dbname);
	task_sql(in, in->task.text, database_looked);
}

static bool
roles_write(struct instance *in)
{
	static const char node_role[] = "LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE";
	struct text *sql = &in->task.sql_text;

	text_init(sql, in->task.text, sizeof(in->task.text));
	text_add(sql, "SET log_statement TO none; SET log_min_duration_statement TO -1; "
	              "SET log_min_error_statement TO panic; ");
	if (!add_role(in, "pgaf_probe", in->probe_password, node_role) ||
	    !add_role(in, "pgaf_replicator", in->replicator_password, node_role))
		return false;
	text_add(sql, "GRANT pg_monitor TO pgaf_probe; GRANT EXECUTE ON FUNCTION"
	              " pg_catalog.pg_ls_dir(text, boolean, boolean),"
	              " pg_catalog.pg_stat_file(text, boolean),"
	              " pg_catalog.pg_read_binary_file(text),"
	              " pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)"
	              " TO pgaf_replicator; ");
	if (in->username[0] != '\0' && !add_role(in, in->username, in->password, "LOGIN"))
		return false;
	text_add(sql, "RESET log_statement; RESET log_min_duration_statement; "
	              "RESET log_min_error_statement");
	return !sql->cut;
}

static void
roles_make(struct instance *in, const PGresult *rows)
{
	if (PQgetvalue(rows, 0, 0)[0] == 't')
		task_end(in, STEP_REFUSED, "roles are made on the primary only");
	else if (!roles_write(in))
		task_end(in, STEP_REFUSED, "a name or password cannot be used");
	else
		task_sql(in, in->task.text, roles_made);
}

void
roles_start(struct instance *in)
{
	task_sql(in, "SELECT pg_is_in_recovery()", roles_make);
}

/* ---- slots ------------------------------------------------------------------------ */

static void
peer_slots(const struct instance *in, struct text *to)
{
	text_add(to, "ARRAY[");
	for (uint32_t i = 0; i < in->task.order.peer_count; i++)
		text_addf(to, "%s'pgaf_%u'", i == 0 ? "" : ", ",
		          (unsigned)in->task.order.peers[i].id);
	text_add(to, "]::name[]");
}

static void
slots_advanced(struct instance *in, const PGresult *rows)
{
	(void)rows;
	in->task.conf_then(in);
}

/* A standby's slots move with what it has replayed, less what a peer may be behind (33b). */
void
slots_advance_sql(int server_version, struct text *to)
{
	text_addf(to,
	          "SELECT pg_replication_slot_advance(slot_name, to_lsn) FROM (SELECT slot_name,"
	          " restart_lsn, %s AS to_lsn FROM pg_replication_slots WHERE pg_is_in_recovery()"
	          " AND slot_type = 'physical' AND NOT active AND slot_name ~ '^pgaf_[0-9]+$') s"
	          " WHERE to_lsn > restart_lsn",
	          release_of_number(server_version)->slot_at);
}

static void
slots_made(struct instance *in, const PGresult *rows)
{
	struct text sql = TEXT(in->task.text);

	(void)rows;
	slots_advance_sql(PQserverVersion(conn_pg(in->work)), &sql);
	task_sql(in, in->task.text, slots_advanced);
}

static void
slots_dropped(struct instance *in, const PGresult *rows)
{
	struct text sql = TEXT(in->task.text);

	(void)rows;
	text_add(&sql, "SELECT pg_create_physical_replication_slot(n, true) FROM unnest(");
	peer_slots(in, &sql);
	text_add(&sql, ") n WHERE NOT EXISTS (SELECT FROM pg_replication_slots"
	               " WHERE slot_name = n)");
	task_sql(in, in->task.text, slots_made);
}

void
slots_sync(struct instance *in, task_then then)
{
	struct text sql = TEXT(in->task.text);

	in->task.conf_then = then;
	/* Unknown, lost, or left over from another role with an xmin that stops vacuum. */
	text_add(&sql, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
	               " WHERE slot_type = 'physical' AND NOT active"
	               " AND slot_name ~ '^pgaf_[0-9]+$' AND (slot_name <> ALL (");
	peer_slots(in, &sql);
	text_add(&sql, ") OR wal_status = 'lost' OR (pg_is_in_recovery() AND xmin IS NOT NULL))");
	task_sql(in, in->task.text, slots_dropped);
}

void
slots_start(struct instance *in)
{
	slots_sync(in, task_done);
}
