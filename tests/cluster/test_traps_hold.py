# SPDX-License-Identifier: PostgreSQL
"""What test_traps_bite.py shows of PostgreSQL alone, on whole clusters: there it does no harm."""
import contextlib
import os
import signal
import time

import psycopg2
import pytest

from harness import plain, proc
from harness.judge import finish
from harness.traps import Commit, socket_of
from test_rejoin import diverge, kept_aside


def decisions(cluster, since):
    """Texts of the decisions since a number of events."""
    return [e["description"] for e in cluster.events()[since:]]


def timeline(cluster):
    return max(n["timeline"] for n in cluster.state()["nodes"])


@contextlib.contextmanager
def number_sync(cluster, number):
    cluster.ctl("set", "formation", "number-sync-standbys", str(number))
    try:
        yield
    finally:
        cluster.ctl("set", "formation", "number-sync-standbys", "0")


def test_trap_1_a_diverged_node_releases_nobody(ready):
    """A commit on the new primary returns when the node that had diverged really has it."""
    with number_sync(ready, 1):
        ready.wait_settled(20)
        old, new = ready.primary(), ready.standby()
        before = set(kept_aside(old))
        receiver = proc.wait_for(lambda: new.backend("walreceiver"), 5, "the walreceiver")
        proc.send(receiver, signal.SIGSTOP)
        lost = Commit(old, "CREATE TABLE tail_1 AS SELECT generate_series(1, 20000)").waits()
        old.kill()
        proc.send(receiver, signal.SIGTERM)
        proc.send(receiver, signal.SIGCONT)
        ready.wait_reported(20, **{new.name: "wait_primary"})
        waiting = Commit(new, "CREATE TABLE mark_1 (n int)").waits(15)
        written = new.value("SELECT pg_current_wal_flush_lsn()")
        old.start()
        waiting.acked(40)
        assert not waiting.warned
        assert old.value(f"SELECT pg_last_wal_receive_lsn() >= '{written}'"), \
            "the commit returned, and the standby does not have it"
        ready.wait_settled(40)
        assert set(kept_aside(old)) != before, "it had not diverged"
        assert lost.ended().error
        assert not old.value("SELECT to_regclass('tail_1')")
        assert old.value("SELECT to_regclass('mark_1')")


def test_trap_2_no_timeline_number_twice(ready):
    """A node is promoted and lost at once, the former one is made primary again: another number."""
    old, new = ready.primary(), ready.standby()
    before = set(kept_aside(new))
    assert old.stop() == 0
    ready.wait_reported(20, **{new.name: "wait_primary"})
    Commit(new, "CREATE TABLE only_there (n int)").acked()
    given = timeline(ready)
    new.kill_everything()
    old.start()
    ready.wait_reported(30, **{old.name: "demoted"})
    ready.ctl("perform", "failover", "--allow-data-loss")
    Commit(old, "CREATE TABLE only_here (n int)").acked()
    assert timeline(ready) > given
    new.start()
    ready.wait_settled(60)
    assert ready.primary() is old and set(kept_aside(new)) != before
    assert new.value("SELECT to_regclass('only_here')")
    assert not new.value("SELECT to_regclass('only_there')")


@pytest.mark.full
def test_trap_7_who_restarts_says_what_it_holds(ready, figures):
    """The standby's Postgres ends with the primary: it is promoted when it has read all it has.

    With --full only: where the monitor sees the standby end first, it lets a primary that is no
    more go on without it, and then nobody may be promoted (4). On a loaded machine that happens."""
    old, new = ready.primary(), ready.standby()
    writer = ready.start_writer()
    writer.wait_acks(200, 10)
    pids = [new.postmaster, *proc.descendants(new.postmaster)]
    t = old.kill()
    proc.kill_all(pids)
    writer.wait_ack(t, 30, target=new.name)
    outage = writer.outage(t)
    old.start()
    ready.wait_settled(40)
    finish(ready, figures, "primary lost while the standby restarts", [outage])


def test_trap_10_nobody_rewinds_before_the_checkpoint(ready):
    """The new primary's checkpointer hangs: the former one waits for it, and then is rewound."""
    new = ready.standby()
    checkpointer = new.backend("checkpointer")
    before = set(kept_aside(ready.primary()))
    writer = ready.start_writer()
    proc.send(checkpointer, signal.SIGSTOP)
    try:
        old, _ = diverge(ready, writer)
        old.start()
        ready.wait_reported(20, **{old.name: "demoted"})
        proc.wait_for(lambda: "new timeline is on its disk" in ready.ctl("explain").stdout, 10,
                      lambda: ready.ctl("explain").stdout)
        assert ready.node_states()[old.name] == ("demoted", "demoted")
        assert set(kept_aside(old)) == before
    finally:
        proc.send(checkpointer, signal.SIGCONT)
    ready.wait_settled(40)
    writer.stop()
    assert set(kept_aside(old)) != before, "it had not diverged"
    assert sorted(old.ids()) == sorted(new.ids())
    assert not ready.check_lost()[1]


def test_trap_11_without_its_signal_a_standby_stays_one(ready):
    """Its standby.signal is gone, as after a promotion that was cut short: it is never opened."""
    node = ready.standby()
    before = timeline(ready)
    node.kill_everything()
    os.remove(os.path.join(node.pgdata, "standby.signal"))
    log = os.path.join(node.state_dir, "postgres.log")
    mark = os.path.getsize(log)
    node.start()
    ready.wait_settled(30)
    with open(log, encoding="utf-8", errors="replace") as f:
        f.seek(mark)
        text = f.read()
    assert "entering standby mode" in text
    assert "database system is ready to accept connections" not in text, text
    assert ready.standby() is node and timeline(ready) == before


BUSY = ("DO $$BEGIN WHILE clock_timestamp() < now() + interval '5 s' LOOP END LOOP;"
        " INSERT INTO mark VALUES (18); END$$")


def test_trap_18_stopped_means_that_nothing_is_left(ready):
    """The postmaster dies under a busy backend: it has ended when the keeper says demoted."""
    old, new = ready.primary(), ready.standby()
    Commit(old, "CREATE TABLE IF NOT EXISTS mark (n int)").acked()
    busy = Commit(old, BUSY, before=["SET synchronous_commit = local"])
    proc.wait_for(lambda: old.sql(f"SELECT 1 FROM pg_stat_activity WHERE pid = {busy.pid} AND"
                                  " state = 'active'"), 5, "the statement runs")
    left = proc.descendants(old.postmaster)
    assert busy.pid in left
    old.kill_postmaster()
    proc.wait_for(lambda: ready.node_states()[old.name][0] == "demoted", 10,
                  lambda: ready.describe(f"{old.name} is demoted"), 0.001)
    assert not [pid for pid in left if proc.alive(pid)]
    assert busy.ended().error and not busy.acked_at
    ready.wait_settled(30)
    assert ready.primary() is new


def test_trap_23_a_standby_is_given_what_the_primary_has(ready):
    """max_connections is raised on the primary alone: the standby's keeper repairs that."""
    primary, standby = ready.primary(), ready.standby()
    raised = int(primary.value("SHOW max_connections")) + 20
    primary.sql(f"ALTER SYSTEM SET max_connections = {raised}")
    standby.kill_everything()
    ready.wait_states(20, **{primary.name: "wait_primary"})
    before = primary.postmaster
    primary.kill_postmaster()		# nobody can replace it: it is restarted in place
    proc.wait_for(lambda: primary.postmaster not in (None, before) and
                  ready.node_states()[primary.name][0] == "wait_primary", 20,
                  lambda: ready.describe("the primary is back"))
    standby.start()
    ready.wait_settled(60)
    assert ready.primary() is primary
    assert int(standby.value("SHOW max_connections")) >= raised
    ready.ctl("perform", "switchover")
    ready.wait_settled(30)
    assert ready.primary() is standby


def test_trap_33_a_full_server_is_not_dead(ready):
    """All sessions are taken for longer than the silence limit: nobody is replaced."""
    primary = ready.primary()
    events = len(ready.events())
    sessions = []
    try:
        with pytest.raises(psycopg2.OperationalError, match="too many clients"):
            for _ in range(200):
                with proc.as_user("postgres"):
                    sessions.append(psycopg2.connect(host=socket_of(primary), port=primary.port,
                                                     user="postgres", dbname="postgres"))
        until = time.monotonic() + 4
        while time.monotonic() < until:
            assert primary.http("/primary")[0] == 200
            assert ready.node_states()[primary.name] == ("primary", "primary")
            time.sleep(0.1)
    finally:
        for session in sessions:
            session.close()
    assert ready.settled() and ready.primary() is primary
    assert len(ready.events()) == events, "\n".join(decisions(ready, events))


def test_trap_40_a_query_is_no_obstacle(ready, figures, bound):
    """A reader on the standby holds up its replay as the primary dies: it is ended."""
    old, new = ready.primary(), ready.standby()
    Commit(old, "CREATE TABLE IF NOT EXISTS read_40 (n int)").acked()
    writer = ready.start_writer()
    writer.wait_acks(50, 10)
    with proc.as_user("postgres"):
        reader = psycopg2.connect(host=socket_of(new), port=new.port, user="postgres",
                                  dbname="postgres")
    with reader.cursor() as cursor:
        proc.wait_for(lambda: new.value("SELECT to_regclass('read_40') IS NOT NULL"), 5, "replay")
        cursor.execute("SELECT count(*) FROM read_40")
    Commit(old, "DROP TABLE read_40").acked()
    t = old.kill()
    writer.wait_ack(t, 20, target=new.name)
    outage = writer.outage(t)
    reader.close()
    old.start()
    ready.wait_settled(40)
    finish(ready, figures, "a query in the way of a promotion", [outage])
    assert outage <= bound(1000)


def test_trap_43_a_hung_archiver_is_no_obstacle(ready, figures, bound):
    """Another receiver of WAL hangs: a switchover stops the primary cleanly, and in time."""
    old, new = ready.primary(), ready.standby()
    target = proc.make_directory(os.path.join(ready.directory, "archive"))
    archiver = proc.Daemon("archiver", [
        "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
        f"{plain.bindir()}/pg_receivewal", "-D", target, "-h", socket_of(old), "-p",
        str(old.port)], os.path.join(ready.directory, "archiver.log")).start()
    try:
        proc.wait_for(lambda: old.sql("SELECT 1 FROM pg_stat_replication WHERE application_name ="
                                      " 'pg_receivewal'"), 10, archiver.log_tail)
        archiver.send(signal.SIGSTOP)
        writer = ready.start_writer()
        writer.wait_acks(50, 10)
        events = len(ready.events())
        t = time.monotonic_ns()
        ready.ctl("perform", "switchover")
        assert ready.primary() is new
        writer.wait_acks(50, 10)
        outage = writer.outage(t)
        assert any("stopped cleanly" in text for text in decisions(ready, events))
    finally:
        archiver.send(signal.SIGCONT)
        archiver.kill()
    ready.wait_settled(30)
    finish(ready, figures, "switchover with a hung archiver", [outage])
    assert outage <= bound(1000)
