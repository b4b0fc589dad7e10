-- SPDX-License-Identifier: PostgreSQL
--
-- The store in PostgreSQL, version 1. Tables hold what must survive; functions
-- are the only way in for keepers and operators (SECURITY DEFINER, no rights on
-- tables). Nothing in here decides: monitors do, and write with pgaf.decide().
-- Group, goal, report and settings are lines of the text form (core/codec.h);
-- beside them stand only the columns that SQL itself needs.
--
-- OPERATORS (pgaf_operator; those marked R also pgaf_reader). Names of settings
-- may be written with dashes or underscores. Numbers of groups are integers.
--
--   R pgaf.formations() -> name, groups, nodes
--   R pgaf.nodes(formation) -> group_id, node_id, name, host, port, http_port, region, priority,
--         quorum, drop_asked, reported, goal_state, goal, report, report_age_ms, session
--         (goal and report are text lines; session: the keeper is connected)
--   R pgaf.pictures(formation) -> group_id, epoch, settings, picture, picture_age_ms, monitor
--         (picture: codec_read_snapshot text as the monitor saw it when something last changed,
--         '' before that; monitor: a monitor is connected and decides now)
--   R pgaf.events(formation, group or NULL, count, after event_id) -> event_id, time, group_id,
--         epoch, node_id, node_name, reported, goal, rule, text; the newest `count`, oldest first
--   R pgaf.settings(formation) -> name, value, initial, lowest, highest, doc
--   R pgaf.channel(formation, group) -> name to LISTEN to: told at each decision
--   R pgaf.request_state(number) -> state, event_id, epoch, rule, text
--         (state: waiting, taken: a decision answered it, its event says how; expired; replaced)
--     pgaf.perform(formation, group, kind, to_node or 0, allow_loss, valid_seconds) -> number
--         (kind: switchover, failover; refused while another one waits)
--     pgaf.withdraw(number) -> boolean (still waiting, now expired)
--     pgaf.set_formation(formation, name, value) -> void
--     pgaf.set_node(formation, node name, name, value) -> void
--         (candidate-priority 0-100, replication-quorum, region, hostname, port)
--     pgaf.drop_node(formation, node_id, force) -> void (asks; the row goes when it is done)
--     pgaf.create_formation(name) -> void, pgaf.drop_formation(name) -> void (only without nodes)
--
-- KEEPERS (pgaf_keeper): pgaf.register, pgaf.hello, pgaf.report, pgaf.orders, pgaf.claim.
--
-- SQLSTATEs raised: PG900 no such node in this store, PG901 name or address belongs to another
-- node, PG902 foreign data, PG903 dropped and not asked back, PG904 was dropped, PG905 impossible
-- now or out of bounds, PG906 another session speaks for this node, PG907 breaks a relation (the
-- text names it), PG908 no such formation, group, node or setting, 28PG1 wrong token.
--
-- Functions whose names begin with _ are called by these only, with the search_path pinned there.

CREATE SCHEMA pgaf;

DO $$
DECLARE
	r text;
BEGIN
	FOREACH r IN ARRAY ARRAY['pgaf_keeper', 'pgaf_operator', 'pgaf_reader'] LOOP
		IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = r) THEN
			EXECUTE format('CREATE ROLE %I NOLOGIN', r);
		END IF;
	END LOOP;
END $$;

-- A keeper that hangs must neither hold locks nor keep the queue of
-- notifications from draining, which would fail a decision's commit (PROTOCOL 32).
ALTER ROLE pgaf_keeper SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE pgaf_keeper SET statement_timeout = '2s';

-- ---- tables -----------------------------------------------------------------------------

CREATE TABLE pgaf.version (version int NOT NULL);
INSERT INTO pgaf.version VALUES (1);

-- One row. `random` is new with the store and whenever it is found to have gone back; `nonce` is
-- new with each start of a monitor (see pgaf.begin_run).
CREATE TABLE pgaf.store (
	one                 boolean PRIMARY KEY DEFAULT true CHECK (one),
	random              text NOT NULL,
	nonce               text NOT NULL DEFAULT '',
	incarnation         bigint NOT NULL DEFAULT 0,
	retired_epochs      bigint NOT NULL DEFAULT 0, -- of groups that were dropped
	created             timestamptz NOT NULL DEFAULT clock_timestamp(),
	replicator_password text NOT NULL,
	probe_password      text NOT NULL
);

-- What can be set, with its bounds: written by the monitor from its own table at each start.
CREATE TABLE pgaf.setting_kind (
	name    text PRIMARY KEY,
	kind    text NOT NULL, -- duration (in ns), number, choice
	initial text NOT NULL,
	lowest  bigint NOT NULL,
	highest bigint NOT NULL,
	choices text NOT NULL,
	doc     text NOT NULL,
	place   int NOT NULL
);

-- `line`: the values that were set, as a settings record.
CREATE TABLE pgaf.formation (
	name text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$'),
	line text NOT NULL DEFAULT 'settings'
);

CREATE TABLE pgaf.setting (
	formation text REFERENCES pgaf.formation ON DELETE CASCADE,
	name      text,
	value     text NOT NULL,
	PRIMARY KEY (formation, name)
);

-- `claimed` belongs to the promotion named beside it and is written by claims only.
CREATE TABLE pgaf.grp (
	formation         text NOT NULL REFERENCES pgaf.formation,
	id                int NOT NULL CHECK (id >= 0),
	key               int GENERATED ALWAYS AS IDENTITY UNIQUE,
	epoch             bigint NOT NULL DEFAULT 0,
	primary_id        int NOT NULL DEFAULT 0,
	timeline          int NOT NULL DEFAULT 0,
	high_lsn          bigint NOT NULL DEFAULT 0,
	system_identifier bigint NOT NULL DEFAULT 0,
	promotion_node    int NOT NULL DEFAULT 0,
	promotion_epoch   bigint NOT NULL DEFAULT 0,
	claimed           boolean NOT NULL DEFAULT false,
	line              text NOT NULL DEFAULT '',
	PRIMARY KEY (formation, id)
) WITH (fillfactor = 40);

-- `facts`: the report without what changes by itself; a report whose facts are
-- the same does not touch this row.
CREATE TABLE pgaf.node (
	id                int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	formation         text NOT NULL,
	grp               int NOT NULL,
	name              text NOT NULL CHECK (name ~ '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$'),
	host              text NOT NULL CHECK (host ~ '^[^[:space:][:cntrl:]]{1,255}$'),
	port              int NOT NULL CHECK (port BETWEEN 1 AND 65535),
	http_port         int NOT NULL CHECK (http_port BETWEEN 0 AND 65535),
	region            text NOT NULL CHECK (region ~ '^[A-Za-z0-9_.-]{0,63}$'),
	priority          int NOT NULL CHECK (priority BETWEEN 0 AND 100),
	quorum            boolean NOT NULL,
	bootstrap         boolean NOT NULL,
	admission         int NOT NULL DEFAULT 0,
	high_lsn          bigint NOT NULL DEFAULT 0,
	drop_asked        boolean NOT NULL DEFAULT false,
	drop_force        boolean NOT NULL DEFAULT false,
	token_hash        bytea NOT NULL,
	system_identifier bigint NOT NULL DEFAULT 0,
	session_pid       int NOT NULL DEFAULT 0,
	session_start     timestamptz NOT NULL DEFAULT '-infinity',
	goal              text NOT NULL DEFAULT '',
	goal_state        text NOT NULL DEFAULT 'init',
	reported          text NOT NULL DEFAULT 'init',
	facts             text NOT NULL DEFAULT '',
	report            text NOT NULL DEFAULT '',
	seq               bigint NOT NULL DEFAULT 0,
	FOREIGN KEY (formation, grp) REFERENCES pgaf.grp (formation, id),
	UNIQUE (formation, name),
	UNIQUE (host, port)
) WITH (fillfactor = 40);

-- Who was dropped, so that its keeper learns it and stays out.
CREATE TABLE pgaf.tombstone (
	id         int PRIMARY KEY,
	formation  text NOT NULL,
	grp        int NOT NULL,
	name       text NOT NULL,
	token_hash bytea NOT NULL,
	dropped    timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE pgaf.request (
	number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	formation  text NOT NULL,
	grp        int NOT NULL,
	epoch      bigint NOT NULL, -- of the group when it was made
	kind       text NOT NULL CHECK (kind IN ('switchover', 'failover')),
	to_node    int NOT NULL,
	allow_loss boolean NOT NULL,
	until      timestamptz NOT NULL,
	state      text NOT NULL DEFAULT 'waiting',
	event_id   bigint
);
CREATE INDEX request_waiting ON pgaf.request (formation, grp) WHERE state = 'waiting';

CREATE TABLE pgaf.event (
	event_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	time      timestamptz NOT NULL DEFAULT clock_timestamp(),
	formation text NOT NULL,
	grp       int NOT NULL,
	epoch     bigint NOT NULL,
	node_id   int NOT NULL,
	node_name text NOT NULL,
	reported  text NOT NULL,
	goal      text NOT NULL,
	rule      int NOT NULL,
	text      text NOT NULL
);

-- What changes by itself (positions, ages) and what the monitor sees: not worth WAL.
CREATE UNLOGGED TABLE pgaf.pulse (
	node int PRIMARY KEY,
	seq  bigint NOT NULL, -- counts only while this is the node's
	beat bigint NOT NULL,
	line text NOT NULL
) WITH (fillfactor = 40);

CREATE UNLOGGED TABLE pgaf.picture (
	formation text,
	grp       int,
	time      timestamptz NOT NULL,
	line      text NOT NULL,
	PRIMARY KEY (formation, grp)
) WITH (fillfactor = 40);

-- ---- sessions ---------------------------------------------------------------------------

CREATE FUNCTION pgaf._clock_ms()
RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

-- The session that spoke for the node last, while it lives: the beat that it set with its last
-- report, and how old that is. NULL where it has not reported yet: what else it asks for says
-- nothing of the node.
CREATE FUNCTION pgaf._session(p_pid int, p_start timestamptz)
RETURNS TABLE (beat text, age_ms int) LANGUAGE sql STABLE
AS $$
	SELECT application_name,
	       least(86400000, greatest(0, pgaf._clock_ms()
	               - substring(application_name FROM '^pgaf \d+ \d+ (\d{1,15})$')::bigint))::int
	FROM pg_stat_get_activity(p_pid) WHERE p_pid <> 0 AND backend_start = p_start
$$;

CREATE FUNCTION pgaf._is_live(p_node pgaf.node)
RETURNS boolean LANGUAGE sql STABLE
AS $$
	SELECT EXISTS (SELECT FROM pgaf._session(p_node.session_pid, p_node.session_start))
$$;

-- ---- for the monitor --------------------------------------------------------------------

-- One row for each node, or one with a NULL node_id for a group without nodes. `news` differs
-- from the value read before exactly when the node has reported since.
CREATE VIEW pgaf.snapshot AS
SELECT g.formation, g.id AS grp, g.line AS group_line, g.epoch, g.claimed, s.incarnation,
       f.line AS settings, r.number AS request_number, r.kind AS request_kind,
       r.epoch AS request_epoch, r.to_node AS request_to, r.allow_loss AS request_allow_loss,
       n.id AS node_id, n.name, n.host, n.port, n.http_port, n.region, n.priority, n.quorum,
       n.bootstrap, n.admission, n.high_lsn, n.drop_asked, n.drop_force, n.goal,
       coalesce(p.line, n.report) AS report, l.age_ms, l.beat IS NOT NULL AS live,
       n.seq || '.' || coalesce(p.beat, 0) || '.' || coalesce(l.beat, '') AS news
FROM pgaf.grp g
JOIN pgaf.formation f ON f.name = g.formation
CROSS JOIN pgaf.store s
LEFT JOIN LATERAL (
	SELECT * FROM pgaf.request q
	WHERE q.formation = g.formation AND q.grp = g.id AND q.state = 'waiting'
	      AND q.until > clock_timestamp()
	ORDER BY q.number LIMIT 1
) r ON true
LEFT JOIN pgaf.node n ON n.formation = g.formation AND n.grp = g.id
LEFT JOIN pgaf.pulse p ON p.node = n.id AND p.seq = n.seq
LEFT JOIN LATERAL pgaf._session(n.session_pid, n.session_start) l ON true;

-- Which nodes' keepers are connected.
CREATE FUNCTION pgaf.sessions(p_formation text, p_group int)
RETURNS SETOF int LANGUAGE sql STABLE
AS $$
	SELECT n.id FROM pgaf.node n
	WHERE n.formation = p_formation AND n.grp = p_group AND pgaf._is_live(n)
$$;

-- A monitor starts. The incarnation tells keepers whether this is the store they knew: it is
-- derived from a random number, the cluster's system identifier and its timeline, so a new
-- store, a store restored to a point in time and a promoted copy differ by themselves. A plain copy
-- of the directory put back has all three the same; the monitor finds it by what it remembers
-- outside (nonce and position of its last run) and says p_forgot, which renews the random number.
CREATE FUNCTION pgaf.begin_run(p_forgot boolean, p_nonce text,
	OUT incarnation bigint, OUT age_ms bigint, OUT probe_password text)
LANGUAGE plpgsql
AS $$
DECLARE
	identity text;
BEGIN
	PERFORM set_config('synchronous_commit', 'on', true);
	IF p_forgot THEN
		UPDATE pgaf.store SET random = gen_random_uuid()::text;
	END IF;
	SELECT s.random || '/' || c.system_identifier || '/'
	       || left(pg_walfile_name(pg_current_wal_lsn()), 8)
	INTO identity FROM pgaf.store s, pg_control_system() c;
	identity := left(encode(sha256(convert_to(identity, 'UTF8')), 'hex'), 16);
	UPDATE pgaf.store s SET nonce = p_nonce,
	       incarnation = ('x' || identity)::bit(64)::bigint
	RETURNING s.incarnation, s.probe_password,
	          floor(extract(epoch FROM clock_timestamp() - s.created) * 1000)::bigint
	INTO begin_run.incarnation, begin_run.probe_password, begin_run.age_ms;
	DELETE FROM pgaf.event e
	WHERE e.event_id < (SELECT max(m.event_id) - 50000 FROM pgaf.event m);
	UPDATE pgaf.request SET state = 'expired'
	WHERE state = 'waiting' AND until < clock_timestamp();
	DELETE FROM pgaf.request WHERE until < clock_timestamp() - interval '1 day';
END $$;

-- One decision: durable, one flush. False: epoch or claim are not what it was made from.
-- Arrays run in parallel. p_request_seen: the request the decision knew of, 0 = none.
CREATE FUNCTION pgaf.decide(
	p_formation text, p_group int, p_from_epoch bigint, p_from_claimed boolean,
	p_new pgaf.grp, p_goal_nodes int[], p_goals text[], p_goal_states text[],
	p_admit_nodes int[], p_admissions int[], p_high_lsns bigint[], p_removed int,
	p_request_seen bigint, p_request_done boolean, p_rule int, p_subject int, p_text text,
	p_notify boolean)
RETURNS boolean LANGUAGE plpgsql
AS $$
DECLARE
	told int;
	event bigint;
BEGIN
	PERFORM set_config('synchronous_commit', 'on', true);
	UPDATE pgaf.grp g SET
		epoch = p_new.epoch, primary_id = p_new.primary_id, timeline = p_new.timeline,
		high_lsn = p_new.high_lsn, system_identifier = p_new.system_identifier,
		promotion_node = p_new.promotion_node, promotion_epoch = p_new.promotion_epoch,
		claimed = p_new.claimed, line = p_new.line
	WHERE g.formation = p_formation AND g.id = p_group
	      AND g.epoch = p_from_epoch AND g.claimed = p_from_claimed
	RETURNING g.key INTO told;
	IF told IS NULL THEN
		RETURN false;
	END IF;
	UPDATE pgaf.node n SET goal = d.goal, goal_state = d.state
	FROM unnest(p_goal_nodes, p_goals, p_goal_states) AS d (node, goal, state)
	WHERE n.id = d.node;
	UPDATE pgaf.node n SET admission = d.admission, high_lsn = d.high_lsn
	FROM unnest(p_admit_nodes, p_admissions, p_high_lsns) AS d (node, admission, high_lsn)
	WHERE n.id = d.node;
	INSERT INTO pgaf.event
		(formation, grp, epoch, node_id, node_name, reported, goal, rule, text)
	SELECT p_formation, p_group, p_new.epoch, d.node, coalesce(n.name, ''),
	       coalesce(n.reported, 'unknown'), coalesce(n.goal_state, 'unknown'), p_rule, p_text
	FROM unnest(p_goal_nodes || CASE WHEN p_subject = ANY (p_goal_nodes) THEN '{}'::int[]
	                            ELSE ARRAY[p_subject] END) AS d (node)
	LEFT JOIN pgaf.node n ON n.id = d.node
	ORDER BY d.node <> p_subject DESC, d.node;
	event := currval(pg_get_serial_sequence('pgaf.event', 'event_id'));
	IF p_request_done THEN
		UPDATE pgaf.request SET state = 'taken', event_id = event
		WHERE number = p_request_seen AND state = 'waiting';
	END IF;
	IF p_removed <> 0 THEN
		PERFORM pgaf._remove(p_removed);
	END IF;
	IF p_notify THEN
		PERFORM pg_notify('pgaf_' || told, p_group || ' ' || p_new.epoch);
	END IF;
	RETURN true;
END $$;

CREATE FUNCTION pgaf._remove(p_node int)
RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
	INSERT INTO pgaf.tombstone (id, formation, grp, name, token_hash)
	SELECT id, formation, grp, name, token_hash FROM pgaf.node WHERE id = p_node;
	DELETE FROM pgaf.pulse WHERE node = p_node;
	DELETE FROM pgaf.node WHERE id = p_node;
END $$;

CREATE FUNCTION pgaf._event(p_node pgaf.node, p_text text)
RETURNS void LANGUAGE sql
AS $$
	INSERT INTO pgaf.event
		(formation, grp, epoch, node_id, node_name, reported, goal, rule, text)
	SELECT p_node.formation, p_node.grp, g.epoch, p_node.id, p_node.name, p_node.reported,
	       p_node.goal_state, 0, p_text
	FROM pgaf.grp g WHERE g.formation = p_node.formation AND g.id = p_node.grp
$$;

-- How far the store has come: grows with each decision and never shrinks.
CREATE FUNCTION pgaf.epochs()
RETURNS bigint LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT s.retired_epochs + (SELECT coalesce(sum(g.epoch), 0)::bigint FROM pgaf.grp g)
	FROM pgaf.store s
$$;

-- Tell the monitor: R = a node reported something new, C = load the group again.
CREATE FUNCTION pgaf._tell(p_what text, p_formation text, p_group int, p_node int)
RETURNS void LANGUAGE sql
AS $$
	SELECT pg_notify('pgaf_monitor',
	                 format('%s %s/%s %s', p_what, p_formation, p_group, p_node))
$$;

-- 244 random bits; the strong source of PostgreSQL without an extension.
CREATE FUNCTION pgaf._secret()
RETURNS text LANGUAGE sql VOLATILE
AS $$ SELECT replace(gen_random_uuid() || '' || gen_random_uuid(), '-', '') $$;

-- ---- for keepers ------------------------------------------------------------------------

CREATE TYPE pgaf.orders AS (
	incarnation       bigint,
	epoch             bigint,
	primary_id        int,
	timeline          int,
	high_lsn          bigint,
	claimed           boolean,
	system_identifier bigint,
	channel           text,
	goal              text,
	settings          text,
	peers             text -- a line for each other node: id name host port http_port
);

CREATE FUNCTION pgaf._orders(p_node int)
RETURNS pgaf.orders LANGUAGE plpgsql STABLE
AS $$
DECLARE
	o pgaf.orders;
BEGIN
	SELECT s.incarnation, g.epoch, g.primary_id, g.timeline, g.high_lsn,
	       g.claimed AND g.promotion_node = n.id, g.system_identifier, 'pgaf_' || g.key, n.goal,
	       f.line, (SELECT string_agg(concat_ws(' ', p.id, p.name, p.host, p.port, p.http_port),
	                                  E'\n' ORDER BY p.id)
	                FROM pgaf.node p
	                WHERE p.formation = n.formation AND p.grp = n.grp AND p.id <> n.id)
	INTO o
	FROM pgaf.node n
	JOIN pgaf.grp g ON g.formation = n.formation AND g.id = n.grp
	JOIN pgaf.formation f ON f.name = n.formation
	CROSS JOIN pgaf.store s
	WHERE n.id = p_node;
	RETURN o;
END $$;

CREATE FUNCTION pgaf._hash(p_token text)
RETURNS bytea LANGUAGE sql STABLE
AS $$ SELECT sha256(convert_to(p_token, 'UTF8')) $$;

CREATE FUNCTION pgaf._authenticate(p_node int, p_token text)
RETURNS pgaf.node LANGUAGE plpgsql STABLE
AS $$
DECLARE
	hash bytea := pgaf._hash(p_token);
	n pgaf.node;
BEGIN
	SELECT * INTO n FROM pgaf.node WHERE id = p_node;
	IF FOUND AND n.token_hash = hash THEN
		RETURN n;
	ELSIF EXISTS (SELECT FROM pgaf.tombstone t WHERE t.id = p_node AND t.token_hash = hash) THEN
		RAISE EXCEPTION 'node % was dropped', p_node USING ERRCODE = 'PG904';
	ELSIF n.id IS NULL THEN
		RAISE EXCEPTION 'there is no node % in this store', p_node USING ERRCODE = 'PG900';
	END IF;
	RAISE EXCEPTION 'this is not the token of node % "%"', p_node, n.name
		USING ERRCODE = '28PG1';
END $$;

-- This session speaks for the node from now on; an older session of it is not heard any more,
-- so that what it still had on the way cannot overwrite what comes after.
CREATE FUNCTION pgaf.hello(p_node int, p_token text)
RETURNS pgaf.orders LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	n pgaf.node := pgaf._authenticate(p_node, p_token);
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true);
	UPDATE pgaf.node SET session_pid = pg_backend_pid(), session_start = a.backend_start
	FROM pg_stat_get_activity(pg_backend_pid()) a WHERE id = p_node;
	PERFORM pgaf._tell('C', n.formation, n.grp, p_node);
	RETURN pgaf._orders(p_node);
END $$;

-- A report; answered with the orders. A heartbeat leaves no trace but in the session's
-- application_name, the one thing a session can publish without a transaction id, so it costs
-- neither WAL nor a flush. Notifies only about new facts, or when the keeper says it is urgent.
CREATE FUNCTION pgaf.report(p_node int, p_token text, p_state text, p_facts text, p_line text,
	p_urgent boolean, p_beat text)
RETURNS pgaf.orders LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	n pgaf.node := pgaf._authenticate(p_node, p_token);
	kept text;
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true);
	IF n.session_pid <> pg_backend_pid() THEN
		RAISE EXCEPTION 'another session speaks for node %', p_node USING ERRCODE = 'PG906';
	END IF;
	PERFORM set_config('application_name',
	                   concat_ws(' ', 'pgaf', p_node, p_beat, pgaf._clock_ms()), false);
	IF n.facts <> p_facts THEN
		UPDATE pgaf.node
		SET facts = p_facts, report = p_line, reported = p_state, seq = seq + 1
		WHERE id = p_node;
		IF n.reported <> p_state THEN
			n.reported := p_state;
			PERFORM pgaf._event(n, format('node "%s" reports %s', n.name, p_state));
		END IF;
		kept := substring(p_line FROM ' kept_lsn=(\S+)');
		IF kept IS NOT NULL
		   AND kept IS DISTINCT FROM substring(n.report FROM ' kept_lsn=(\S+)') THEN
			PERFORM pgaf._event(n, format('node "%s" kept aside the WAL that only this '
				'node had: timeline %s from %s on', n.name,
				substring(p_line FROM ' kept_timeline=(\d+)'), kept));
		END IF;
	ELSIF p_line <> coalesce((SELECT line FROM pgaf.pulse WHERE node = p_node AND seq = n.seq),
	                         n.report) THEN
		INSERT INTO pgaf.pulse AS p (node, seq, beat, line)
		VALUES (p_node, n.seq, 1, p_line)
		ON CONFLICT (node) DO UPDATE SET seq = n.seq, beat = p.beat + 1, line = p_line;
	END IF;
	IF p_urgent OR n.facts <> p_facts THEN
		PERFORM pgaf._tell('R', n.formation, n.grp, p_node);
	END IF;
	RETURN pgaf._orders(p_node);
END $$;

CREATE FUNCTION pgaf.orders(p_node int, p_token text)
RETURNS pgaf.orders LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM pgaf._authenticate(p_node, p_token);
	RETURN pgaf._orders(p_node);
END $$;

-- The point of no return (PROTOCOL 3a): durable. True also when it was claimed before.
CREATE FUNCTION pgaf.claim(p_node int, p_token text, p_epoch bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	n pgaf.node := pgaf._authenticate(p_node, p_token);
BEGIN
	PERFORM set_config('synchronous_commit', 'on', true);
	UPDATE pgaf.grp SET claimed = true
	WHERE formation = n.formation AND id = n.grp AND promotion_node = p_node
	      AND promotion_epoch = p_epoch;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM pgaf._tell('C', n.formation, n.grp, p_node);
	RETURN true;
END $$;

-- ---- registration -----------------------------------------------------------------------

-- A killed keeper's session ends a few ms after it: give those in the way of p_node some time,
-- before any lock is taken that a decision could wait for.
CREATE FUNCTION pgaf._let_sessions_end(p_node pgaf.node)
RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
	FOR i IN 1..20 LOOP
		PERFORM pg_stat_clear_snapshot();
		EXIT WHEN NOT EXISTS (SELECT FROM pgaf.node n
			WHERE (n.id = p_node.id
			       OR n.formation = p_node.formation AND n.name = p_node.name
			       OR n.host = p_node.host AND n.port = p_node.port)
			      AND pgaf._is_live(n));
		PERFORM pg_sleep(0.025);
	END LOOP;
END $$;

-- Data of another cluster never becomes part of a group.
CREATE FUNCTION pgaf._refuse_foreign(p_node pgaf.node, p_group pgaf.grp)
RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
	ours bigint := p_group.system_identifier;
BEGIN
	IF ours = 0 THEN
		SELECT n.system_identifier INTO ours FROM pgaf.node n
		WHERE n.formation = p_group.formation AND n.grp = p_group.id
		      AND n.system_identifier <> 0 AND n.id <> p_node.id LIMIT 1;
	END IF;
	IF p_node.system_identifier <> 0 AND p_node.system_identifier <> coalesce(ours, 0)
	   AND coalesce(ours, 0) <> 0 THEN
		RAISE EXCEPTION 'the data directory of "%" belongs to another cluster: '
			'its system identifier is %, that of group %/% is %', p_node.name,
			pgaf._unsigned(p_node.system_identifier), p_group.formation, p_group.id,
			pgaf._unsigned(ours)
			USING ERRCODE = 'PG902',
			HINT = 'start the keeper on the right directory, or on an empty one';
	END IF;
END $$;

CREATE FUNCTION pgaf._unsigned(p_number bigint)
RETURNS numeric LANGUAGE sql IMMUTABLE
AS $$ SELECT p_number + CASE WHEN p_number < 0 THEN 18446744073709551616 ELSE 0 END $$;

-- The name or address that p_node wants is p_holder's. Returns the id whose row is to be
-- taken over, 0 when p_holder was removed to be replaced, or refuses.
CREATE FUNCTION pgaf._settle_conflict(p_node pgaf.node, p_holder pgaf.node, p_has_data boolean)
RETURNS int LANGUAGE plpgsql
AS $$
DECLARE
	g pgaf.grp;
	reason text;
BEGIN
	SELECT * INTO g FROM pgaf.grp WHERE formation = p_holder.formation AND id = p_holder.grp;
	IF pgaf._is_live(p_holder) THEN
		reason := 'whose keeper is connected';
	ELSIF (p_node.formation, p_node.grp, p_node.name, p_node.host, p_node.port) IS DISTINCT FROM
	      (p_holder.formation, p_holder.grp, p_holder.name, p_holder.host, p_holder.port) THEN
		reason := 'which has another address, name or group';
	ELSIF p_holder.report = '' THEN
		RETURN p_holder.id;
	ELSIF p_has_data THEN
		reason := 'and the data directory is not empty';
	ELSIF g.primary_id = p_holder.id OR g.promotion_node = p_holder.id THEN
		reason := 'which is the primary';
	ELSIF NOT EXISTS (SELECT FROM pgaf.node n
			WHERE n.id = g.primary_id AND pgaf._is_live(n)) THEN
		reason := 'which may alone hold all commits while the primary is away';
	ELSE
		UPDATE pgaf.grp SET epoch = epoch + 1 WHERE formation = g.formation AND id = g.id;
		PERFORM pgaf._event(p_holder, format('node "%s" is replaced: a new keeper with '
			'an empty directory has its name and address', p_holder.name));
		PERFORM pgaf._remove(p_holder.id);
		RETURN 0;
	END IF;
	RAISE EXCEPTION '"%" at %:% cannot be registered: it belongs to node % "%" at %:%, %',
		p_node.name, p_node.host, p_node.port, p_holder.id, p_holder.name, p_holder.host,
		p_holder.port, reason
		USING ERRCODE = 'PG901',
		HINT = 'choose another name or address, or drop that node first';
END $$;

-- Is p_id with this token a node of this store? Its row, or NULL: then it is to be
-- registered anew. An id from another store may by chance be somebody else's here.
CREATE FUNCTION pgaf._known(p_id int, p_token text, p_node pgaf.node, p_rejoin boolean)
RETURNS pgaf.node LANGUAGE plpgsql
AS $$
DECLARE
	n pgaf.node;
BEGIN
	IF NOT p_rejoin AND EXISTS (SELECT FROM pgaf.tombstone t
			WHERE t.id = p_id AND t.token_hash = pgaf._hash(p_token)) THEN
		RAISE EXCEPTION 'node % "%" was dropped from formation %', p_id, p_node.name,
			p_node.formation USING ERRCODE = 'PG903',
			HINT = 'start its keeper with --rejoin to register it again';
	END IF;
	SELECT * INTO n FROM pgaf.node WHERE id = p_id;
	IF NOT FOUND THEN
		RETURN NULL;
	ELSIF n.token_hash <> pgaf._hash(p_token) THEN
		IF n.name = p_node.name OR (n.host, n.port) = (p_node.host, p_node.port) THEN
			PERFORM pgaf._authenticate(p_id, p_token);
		END IF;
		RETURN NULL;
	ELSIF (n.formation, n.grp) <> (p_node.formation, p_node.grp) THEN
		RAISE EXCEPTION 'node % "%" belongs to group %/%', n.id, n.name, n.formation, n.grp
			USING ERRCODE = 'PG901', HINT = 'drop it there first';
	ELSIF (n.host, n.port) <> (p_node.host, p_node.port) AND pgaf._is_live(n) THEN
		RAISE EXCEPTION 'node % "%" is connected from %:%: two keepers have one identity',
			n.id, n.name, n.host, n.port
			USING ERRCODE = 'PG901',
			HINT = 'give this keeper a state directory of its own';
	END IF;
	RETURN n;
END $$;

-- Registers a node, or says where it lives now. Repeating it with the same token is harmless.
-- p_fields: columns of pgaf.node from id to bootstrap, and system_identifier. Its id and the
-- token are those given before, or id 0 and a new random token. Values an operator can set
-- later (priority, quorum, region) are taken from the first registration only.
CREATE FUNCTION pgaf.register(p_fields jsonb, p_token text, p_has_data boolean,
	p_was_member boolean, p_rejoin boolean,
	OUT node_id int, OUT replicator_password text, OUT probe_password text,
	OUT incarnation bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p_node pgaf.node := jsonb_populate_record(NULL::pgaf.node, p_fields);
	g pgaf.grp;
	n pgaf.node;
	holder pgaf.node;
BEGIN
	PERFORM set_config('synchronous_commit', 'on', true);
	IF length(p_token) < 32 THEN
		RAISE EXCEPTION 'a token has at least 32 characters' USING ERRCODE = 'PG905';
	ELSIF NOT EXISTS (SELECT FROM pgaf.formation f WHERE f.name = p_node.formation) THEN
		RAISE EXCEPTION 'there is no formation "%"', p_node.formation
			USING ERRCODE = 'PG908',
			HINT = 'pgaf-ctl create formation makes one';
	END IF;
	PERFORM pgaf._let_sessions_end(p_node);
	INSERT INTO pgaf.grp (formation, id) VALUES (p_node.formation, p_node.grp)
	ON CONFLICT DO NOTHING;
	SELECT * INTO g FROM pgaf.grp WHERE formation = p_node.formation AND id = p_node.grp
	FOR UPDATE;

	n := pgaf._known(p_node.id, p_token, p_node, p_rejoin);
	node_id := coalesce(n.id, 0);
	PERFORM pgaf._refuse_foreign(p_node, g);
	SELECT * INTO holder FROM pgaf.node h
	WHERE h.id <> node_id AND (h.formation = p_node.formation AND h.name = p_node.name
	                           OR h.host = p_node.host AND h.port = p_node.port)
	LIMIT 1;
	IF FOUND THEN
		IF node_id <> 0 THEN
			p_has_data := true; -- a known node never replaces another one
		END IF;
		node_id := pgaf._settle_conflict(p_node, holder, p_has_data);
	END IF;
	p_node.bootstrap := CASE WHEN p_has_data
		THEN p_node.bootstrap OR p_was_member
		     OR p_node.system_identifier = g.system_identifier
		ELSE p_node.bootstrap AND NOT p_was_member END;
	IF node_id = 0 THEN
		node_id := pgaf._add_node(p_node, p_token);
	ELSE
		UPDATE pgaf.node u SET name = p_node.name, host = p_node.host, port = p_node.port,
			http_port = p_node.http_port, token_hash = pgaf._hash(p_token),
			system_identifier = p_node.system_identifier,
			bootstrap = CASE u.report WHEN '' THEN p_node.bootstrap ELSE u.bootstrap END
		WHERE u.id = node_id;
	END IF;
	PERFORM pgaf._tell('C', g.formation, g.id, node_id);
	SELECT s.replicator_password, s.probe_password, s.incarnation FROM pgaf.store s
	INTO register.replicator_password, register.probe_password, register.incarnation;
END $$;

CREATE FUNCTION pgaf._add_node(p_node pgaf.node, p_token text)
RETURNS int LANGUAGE plpgsql
AS $$
DECLARE
	n pgaf.node;
BEGIN
	-- GROUP_NODES_SERVED of core/model.h.
	IF (SELECT count(*) >= 2 FROM pgaf.node o
	    WHERE o.formation = p_node.formation AND o.grp = p_node.grp) THEN
		RAISE EXCEPTION 'group %/% is full: it has 2 nodes, as many as this version serves',
			p_node.formation, p_node.grp
			USING ERRCODE = 'PG905', HINT = 'drop a node, or use another --group';
	END IF;
	INSERT INTO pgaf.node (formation, grp, name, host, port, http_port, region, priority,
	                       quorum, bootstrap, token_hash, system_identifier)
	VALUES (p_node.formation, p_node.grp, p_node.name, p_node.host, p_node.port,
	        p_node.http_port, p_node.region, p_node.priority, p_node.quorum,
	        p_node.bootstrap, pgaf._hash(p_token), p_node.system_identifier)
	RETURNING * INTO n;
	PERFORM pgaf._event(n, format('node "%s" at %s:%s is registered', n.name, n.host, n.port));
	RETURN n.id;
END $$;

-- ---- for operators ----------------------------------------------------------------------

CREATE FUNCTION pgaf.formations()
RETURNS TABLE (name text, groups int, nodes int)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT f.name, (SELECT count(*)::int FROM pgaf.grp g WHERE g.formation = f.name),
	       (SELECT count(*)::int FROM pgaf.node n WHERE n.formation = f.name)
	FROM pgaf.formation f ORDER BY f.name
$$;

CREATE FUNCTION pgaf.nodes(p_formation text)
RETURNS TABLE (group_id int, node_id int, name text, host text, port int, http_port int,
	region text, priority int, quorum boolean, drop_asked boolean, reported text,
	goal_state text, goal text, report text, report_age_ms int, session boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT s.grp, n.id, n.name, n.host, n.port, n.http_port, n.region, n.priority, n.quorum,
	       n.drop_asked, n.reported, n.goal_state, n.goal, s.report, s.age_ms,
	       s.live
	FROM pgaf.snapshot s JOIN pgaf.node n ON n.id = s.node_id
	WHERE s.formation = p_formation ORDER BY s.grp, n.id
$$;

CREATE FUNCTION pgaf.pictures(p_formation text)
RETURNS TABLE (group_id int, epoch bigint, settings text, picture text, picture_age_ms int,
	monitor boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT g.id, g.epoch, f.line, coalesce(p.line, ''),
	       least(86400000, extract(epoch FROM clock_timestamp() - p.time) * 1000)::int,
	       EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted
	               AND l.database = (SELECT oid FROM pg_database d
	                                 WHERE d.datname = current_database())
	               AND l.classid = 1885823334 AND l.objid = 1 AND l.objsubid = 2)
	FROM pgaf.grp g JOIN pgaf.formation f ON f.name = g.formation
	LEFT JOIN pgaf.picture p ON p.formation = g.formation AND p.grp = g.id
	WHERE g.formation = p_formation ORDER BY g.id
$$;

CREATE FUNCTION pgaf.events(p_formation text, p_group int, p_count int, p_after bigint)
RETURNS TABLE (event_id bigint, "time" timestamptz, group_id int, epoch bigint, node_id int,
	node_name text, reported text, goal text, rule int, text text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT * FROM (
		SELECT e.event_id, e.time, e.grp, e.epoch, e.node_id, e.node_name, e.reported,
		       e.goal, e.rule, e.text
		FROM pgaf.event e
		WHERE e.formation = p_formation AND (p_group IS NULL OR e.grp = p_group)
		      AND e.event_id > p_after
		ORDER BY e.event_id DESC LIMIT p_count) AS newest
	ORDER BY 1
$$;

-- A value as it is written in settings: 250ms, 1.5s. Whole units up to seconds keep it readable.
CREATE FUNCTION pgaf._show(p_kind pgaf.setting_kind, p_value bigint)
RETURNS text LANGUAGE sql IMMUTABLE
AS $$
	SELECT CASE
		WHEN p_kind.kind = 'choice' THEN split_part(p_kind.choices, '|', p_value::int + 1)
		WHEN p_kind.kind <> 'duration' THEN p_value::text
		WHEN p_value % 1000000000 = 0 THEN p_value / 1000000000 || 's'
		WHEN p_value % 1000000 = 0 THEN p_value / 1000000 || 'ms'
		ELSE p_value / 1000 || 'us' END
$$;

-- The number behind a written value; NULL when it is none of this kind.
CREATE FUNCTION pgaf._read(p_kind pgaf.setting_kind, p_value text)
RETURNS bigint LANGUAGE sql IMMUTABLE
AS $$
	SELECT CASE p_kind.kind
		WHEN 'choice' THEN array_position(string_to_array(p_kind.choices, '|'), p_value) - 1
		WHEN 'number' THEN substring(p_value FROM '^[0-9]{1,9}$')::bigint
		ELSE (SELECT m[1]::numeric * CASE m[2] WHEN 'us' THEN 1000 WHEN 'ms' THEN 1000000
			WHEN 's' THEN 1000000000 WHEN 'min' THEN 60000000000 ELSE 3600000000000 END
			FROM regexp_match(p_value,
			                  '^([0-9]{1,9}(?:[.][0-9]{1,6})?)(us|ms|s|min|h)$') m
			)::bigint END
$$;

CREATE FUNCTION pgaf._setting(p_formation text, p_name text)
RETURNS bigint LANGUAGE sql STABLE
AS $$
	SELECT pgaf._read(k, coalesce(s.value, k.initial))
	FROM pgaf.setting_kind k
	LEFT JOIN pgaf.setting s ON s.formation = p_formation AND s.name = k.name
	WHERE k.name = p_name
$$;

CREATE FUNCTION pgaf.settings(p_formation text)
RETURNS TABLE (name text, value text, initial text, lowest text, highest text, doc text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT k.name, coalesce(s.value, k.initial), k.initial, pgaf._show(k, k.lowest),
	       pgaf._show(k, k.highest), k.doc
	FROM pgaf.formation f CROSS JOIN pgaf.setting_kind k
	LEFT JOIN pgaf.setting s ON s.formation = f.name AND s.name = k.name
	WHERE f.name = p_formation ORDER BY k.place
$$;

CREATE FUNCTION pgaf.channel(p_formation text, p_group int)
RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT 'pgaf_' || key FROM pgaf.grp WHERE formation = p_formation AND id = p_group $$;

-- Relations between settings, after a change; names the one that is broken.
CREATE FUNCTION pgaf._refuse_relation(p_formation text)
RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT * FROM (VALUES
		('silence_limit', 3, 'probe_interval'),
		('fencing_limit', 2, 'report_interval')) AS v (larger, factor, smaller)
	LOOP
		IF pgaf._setting(p_formation, r.larger) <
		   r.factor * pgaf._setting(p_formation, r.smaller) THEN
			RAISE EXCEPTION '% must be at least % x %', r.larger, r.factor, r.smaller
				USING ERRCODE = 'PG907',
				HINT = (SELECT string_agg(name || ' is ' || value, ', ')
				        FROM pgaf.settings(p_formation)
				        WHERE name IN (r.larger, r.smaller));
		END IF;
	END LOOP;
END $$;

CREATE FUNCTION pgaf.set_formation(p_formation text, p_name text, p_value text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	k pgaf.setting_kind;
	number bigint;
	g record;
BEGIN
	PERFORM FROM pgaf.formation WHERE name = p_formation FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no formation "%"', p_formation USING ERRCODE = 'PG908';
	END IF;
	SELECT * INTO k FROM pgaf.setting_kind WHERE name = replace(p_name, '-', '_');
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no setting "%"', p_name USING ERRCODE = 'PG908';
	END IF;
	number := pgaf._read(k, p_value);
	IF number IS NULL OR number NOT BETWEEN k.lowest AND k.highest THEN
		RAISE EXCEPTION '% cannot be "%"', k.name, p_value USING ERRCODE = 'PG905',
			HINT = CASE k.kind
			       WHEN 'choice' THEN 'one of ' || replace(k.choices, '|', ', ')
			       ELSE format('from %s to %s', pgaf._show(k, k.lowest),
			                   pgaf._show(k, k.highest)) END;
	END IF;
	INSERT INTO pgaf.setting VALUES (p_formation, k.name, pgaf._show(k, number))
	ON CONFLICT (formation, name) DO UPDATE SET value = excluded.value;
	PERFORM pgaf._refuse_relation(p_formation);
	UPDATE pgaf.formation SET line = 'settings' || (
		SELECT string_agg(CASE s.name WHEN 'on_disagreement'
			THEN ' move_on_disagreement=' || (s.value = 'move')
			ELSE format(' %s=%s', s.name, s.value) END, '' ORDER BY s.name)
		FROM pgaf.setting s WHERE s.formation = p_formation)
	WHERE name = p_formation;
	FOR g IN SELECT * FROM pgaf.grp WHERE formation = p_formation LOOP
		PERFORM pgaf._tell('C', g.formation, g.id, 0),
		        pg_notify('pgaf_' || g.key, g.id || ' 0');
	END LOOP;
END $$;

CREATE FUNCTION pgaf.set_node(p_formation text, p_node text, p_name text, p_value text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	n pgaf.node;
BEGIN
	SELECT * INTO n FROM pgaf.node WHERE formation = p_formation AND name = p_node FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no node "%" in formation "%"', p_node, p_formation
			USING ERRCODE = 'PG908';
	END IF;
	CASE replace(p_name, '-', '_')
		WHEN 'candidate_priority' THEN n.priority := p_value;
		WHEN 'replication_quorum' THEN n.quorum := p_value;
		WHEN 'region' THEN n.region := p_value;
		WHEN 'hostname' THEN n.host := p_value;
		WHEN 'port' THEN n.port := p_value;
		ELSE RAISE EXCEPTION 'a node has no setting "%"', p_name USING ERRCODE = 'PG908',
			HINT = 'candidate-priority, replication-quorum, region, hostname, port';
	END CASE;
	UPDATE pgaf.node SET priority = n.priority, quorum = n.quorum, region = n.region,
		host = n.host, port = n.port WHERE id = n.id;
	PERFORM pgaf._event(n, format('node "%s": %s is now %s', n.name, p_name, p_value)),
	        pgaf._tell('C', n.formation, n.grp, n.id);
EXCEPTION
	WHEN check_violation OR invalid_text_representation OR numeric_value_out_of_range THEN
		RAISE EXCEPTION '% cannot be "%"', p_name, p_value USING ERRCODE = 'PG905',
			HINT = 'candidate-priority is 0 to 100, replication-quorum true or false';
	WHEN unique_violation THEN
		RAISE EXCEPTION 'another node lives at %:%', n.host, n.port USING ERRCODE = 'PG901';
END $$;

CREATE FUNCTION pgaf.drop_node(p_formation text, p_node int, p_force boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	n pgaf.node;
BEGIN
	UPDATE pgaf.node SET drop_asked = true, drop_force = drop_force OR p_force
	WHERE formation = p_formation AND id = p_node RETURNING * INTO n;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no node % in formation "%"', p_node, p_formation
			USING ERRCODE = 'PG908';
	END IF;
	PERFORM pgaf._event(n, format('an operator asked to drop node "%s"', n.name)),
	        pgaf._tell('C', n.formation, n.grp, n.id);
END $$;

CREATE FUNCTION pgaf.perform(p_formation text, p_group int, p_kind text, p_to int,
	p_allow_loss boolean, p_valid_seconds int)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	request bigint;
	at_epoch bigint;
BEGIN
	SELECT g.epoch INTO at_epoch FROM pgaf.grp g
	WHERE g.formation = p_formation AND g.id = p_group FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no group %/%', p_formation, p_group
			USING ERRCODE = 'PG908';
	ELSIF p_to <> 0 AND NOT EXISTS (SELECT FROM pgaf.node n WHERE n.formation = p_formation
			AND n.grp = p_group AND n.id = p_to) THEN
		RAISE EXCEPTION 'there is no node % in group %/%', p_to, p_formation, p_group
			USING ERRCODE = 'PG908';
	END IF;
	SELECT s.request_number INTO request FROM pgaf.snapshot s
	WHERE s.formation = p_formation AND s.grp = p_group LIMIT 1;
	IF request IS NOT NULL THEN
		RAISE EXCEPTION 'request % for this group still waits', request
			USING ERRCODE = 'PG905',
			HINT = 'try again when it is answered';
	END IF;
	INSERT INTO pgaf.request (formation, grp, epoch, kind, to_node, allow_loss, until)
	VALUES (p_formation, p_group, at_epoch, p_kind, p_to, p_allow_loss,
	        clock_timestamp() + make_interval(secs => p_valid_seconds))
	RETURNING number INTO request;
	PERFORM pgaf._tell('C', p_formation, p_group, 0);
	RETURN request;
END $$;

CREATE FUNCTION pgaf.request_state(p_number bigint)
RETURNS TABLE (state text, event_id bigint, epoch bigint, rule int, text text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN r.state = 'waiting' AND r.until < clock_timestamp() THEN 'expired'
	       ELSE r.state END, e.event_id, e.epoch, e.rule, e.text
	FROM pgaf.request r LEFT JOIN pgaf.event e ON e.event_id = r.event_id
	WHERE r.number = p_number
$$;

CREATE FUNCTION pgaf.withdraw(p_number bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r pgaf.request;
BEGIN
	UPDATE pgaf.request SET state = 'expired' WHERE number = p_number AND state = 'waiting'
	RETURNING * INTO r;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM pgaf._tell('C', r.formation, r.grp, 0);
	RETURN true;
END $$;

CREATE FUNCTION pgaf.create_formation(p_name text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO pgaf.formation (name) VALUES (p_name);
EXCEPTION
	WHEN unique_violation THEN
		RAISE EXCEPTION 'formation "%" exists', p_name USING ERRCODE = 'PG905';
	WHEN check_violation THEN
		RAISE EXCEPTION '"%" is no name of a formation', p_name USING ERRCODE = 'PG905',
			HINT = 'letters, digits, "_", "." and "-", at most 63';
END $$;

CREATE FUNCTION pgaf.drop_formation(p_name text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE pgaf.store SET retired_epochs = retired_epochs
		+ (SELECT coalesce(sum(g.epoch), 0) FROM pgaf.grp g WHERE g.formation = p_name);
	DELETE FROM pgaf.grp WHERE formation = p_name;
	DELETE FROM pgaf.formation WHERE name = p_name;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no formation "%"', p_name USING ERRCODE = 'PG908';
	END IF;
EXCEPTION
	WHEN foreign_key_violation THEN
		RAISE EXCEPTION 'formation "%" still has nodes', p_name USING ERRCODE = 'PG905',
			HINT = 'drop its nodes first';
END $$;

-- ---- rights and first rows --------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pgaf FROM PUBLIC;
GRANT USAGE ON SCHEMA pgaf TO pgaf_keeper, pgaf_operator, pgaf_reader;
GRANT EXECUTE ON FUNCTION pgaf.register, pgaf.hello, pgaf.report, pgaf.orders (int, text),
	pgaf.claim TO pgaf_keeper;
GRANT EXECUTE ON FUNCTION pgaf.formations, pgaf.nodes, pgaf.pictures, pgaf.events, pgaf.settings,
	pgaf.channel, pgaf.request_state TO pgaf_reader, pgaf_operator;
GRANT EXECUTE ON FUNCTION pgaf.perform, pgaf.withdraw, pgaf.set_formation, pgaf.set_node,
	pgaf.drop_node, pgaf.create_formation, pgaf.drop_formation TO pgaf_operator;

INSERT INTO pgaf.formation (name) VALUES ('default');
INSERT INTO pgaf.store (random, replicator_password, probe_password)
SELECT gen_random_uuid(), pgaf._secret(), pgaf._secret();
