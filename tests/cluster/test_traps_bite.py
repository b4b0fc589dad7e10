# SPDX-License-Identifier: PostgreSQL
"""The traps of the protocol that PostgreSQL sets by itself, each shown to be one.

Two plain servers, no daemon of ours: what is asserted here is what would be lost, doubled or stuck
without the rules. tests/traps.txt says where each is shown to be held. They run with --full only:
no change of ours changes what they find.
"""
import os
import signal
import socket
import time

import psycopg2
import psycopg2.extras
import pytest

from harness import plain, proc
from harness.traps import Commit, Pair, backend, become_standby, crash, diverged, follows, \
    promoted, rewind, setting, stop

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def kept_pair(module_directory):
    pair = Pair(os.path.join(module_directory, "plain"))
    yield pair
    pair.sweep()


@pytest.fixture
def pair(kept_pair):
    return kept_pair.fresh()


@pytest.fixture
def gentle(kept_pair, request):
    """For tests that leave both as they can go on."""
    yield kept_pair.again()
    if getattr(request.node, "pgaf_failed", False):
        kept_pair.settings = None


def timeline(server):
    server.sql("CHECKPOINT")
    return server.sql("SELECT timeline_id FROM pg_control_checkpoint()")[0][0]


def test_trap_6_a_walreceiver_outlives_its_configuration(gentle):
    """Replay is paused: primary_conninfo is shown as empty, and commits are still acknowledged."""
    a, b = gentle
    b.sql("SELECT pg_wal_replay_pause()")
    Commit(a).acked()		# wakes it up
    proc.wait_for(lambda: b.sql("SELECT pg_get_wal_replay_pause_state()") == [("paused",)], 5,
                  "replay is paused")
    setting(b, "primary_conninfo", "")
    before = b.sql("SELECT pg_last_wal_receive_lsn()")
    Commit(a).acked()
    assert b.sql("SELECT pg_last_wal_receive_lsn()") > before
    b.sql("SELECT pg_wal_replay_resume()")


def test_trap_7_a_restarted_standby_reports_too_little(gentle):
    """What it had received and flushed, it does not say after a restart."""
    a, b = gentle
    Commit(a, "INSERT INTO mark SELECT generate_series(1, 5000)").acked()
    held = b.sql("SELECT pg_last_wal_receive_lsn()")[0][0]
    crash(a)
    stop(b, signal.SIGQUIT)
    b.start()
    assert b.sql(f"SELECT pg_last_wal_receive_lsn() >= '{held}'") in ([(None,)], [(False,)])


def test_trap_8_42_names_that_are_shown_are_not_in_force(gentle):
    """The checkpointer switches waiting on and off; sessions read the new text long before."""
    a, b = gentle
    stop(b)
    setting(a, "synchronous_standby_names", "")
    Commit(a).acked()
    checkpointer = backend(a, "checkpointer")
    proc.send(checkpointer, signal.SIGSTOP)
    setting(a, "synchronous_standby_names", "ANY 1 (nobody)")
    Commit(a).acked()
    proc.send(checkpointer, signal.SIGCONT)
    waiting = waits_at_last(a)

    proc.send(checkpointer, signal.SIGSTOP)
    setting(a, "synchronous_standby_names", "")
    late = Commit(a).waits()
    assert not waiting.acked_at
    proc.send(checkpointer, signal.SIGCONT)
    late.acked()
    waiting.acked()
    assert not late.warned and not waiting.warned, "success, and no word of it (17c)"


def waits_at_last(server):
    """The first commit that waits for a standby, where waiting is being switched on."""
    def one():
        commit = Commit(server)
        proc.wait_for(lambda: commit.acked_at or server.sql(
            f"SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid = {commit.pid}"),
            5, "a commit returns or waits")
        return None if commit.acked_at else commit
    return proc.wait_for(one, 5, "commits wait")


def test_trap_9_a_base_backup_acknowledges(gentle):
    """The WAL stream of a copy that is half done counts, under the standby's name."""
    a, b = gentle
    stop(b)
    target = os.path.join(b.home, "copy")
    a.sql("SELECT pg_create_physical_replication_slot('copy')")
    copy = proc.Daemon("copy", [
        "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
        f"{plain.bindir()}/pg_basebackup", "-D", target, "-S", "copy", "-X", "stream", "-r", "1M",
        "-s", "1", "-c", "fast", "-d", follows(a, "b")], os.path.join(b.home, "copy.log"),
        env={"PGPASSWORD": plain.PASSWORD}).start()
    try:
        proc.wait_for(lambda: a.sql("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"),
                      10, lambda: f"the copy is listed\n{copy.log_tail()}")
        waiting = Commit(a)
        a.sql("SELECT pg_switch_wal()")
        waiting.acked(20)
        assert not os.path.exists(os.path.join(target, "global", "pg_control")), "it is whole"
    finally:
        left = proc.descendants(copy.pid)		# its stream goes on without it
        copy.kill()
        proc.kill_all(left)


def test_trap_16_17_a_restart_shows_what_no_standby_has(gentle):
    """A commit that waits is invisible; its primary ends and is started again, and all read it."""
    a, b = gentle
    stop(b)
    commit = Commit(a, "INSERT INTO mark VALUES (-16)").waits()
    assert a.sql("SELECT count(*) FROM mark WHERE n = -16") == [(0,)]
    crash(a)
    assert commit.ended().error
    a.start()
    assert a.sql("SELECT count(*) FROM mark WHERE n = -16") == [(1,)]


def test_trap_35_a_backend_crashes_and_the_postmaster_stays(gentle):
    """With restart_after_crash = on sessions end, and who watches the postmaster sees nothing."""
    a, b = gentle
    stop(b)
    commit = Commit(a).waits()
    postmaster = a.daemon.pid
    proc.send(backend(a, "checkpointer"), signal.SIGSEGV)
    assert commit.ended().error
    proc.wait_for(a.answers, 10, a.daemon.log_tail)
    assert a.daemon.pid == postmaster


def test_trap_17_what_ends_the_wait_for_a_standby(gentle):
    """statement_timeout does not; a cancel request does, with a success that has a warning."""
    a, b = gentle
    stop(b)
    commit = Commit(a, before=["SET statement_timeout = '100ms'"]).waits()
    proc.wait_for(lambda: a.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND"
                                f" pid = {commit.pid} AND now() - query_start > '400ms'"), 5,
                  "it waits for four times its limit")
    assert not commit.acked_at and not commit.error
    a.sql(f"SELECT pg_cancel_backend({commit.pid})")
    assert commit.acked().warned


def test_trap_18_backends_outlive_their_postmaster(gentle):
    """The postmaster is dead, and a statement goes on, commits, and is acknowledged."""
    a, b = gentle
    stop(b)
    setting(a, "synchronous_standby_names", "")
    Commit(a).acked()
    commit = Commit(a, "DO $$BEGIN WHILE clock_timestamp() < now() + interval '700 ms' LOOP END"
                       " LOOP; INSERT INTO mark VALUES (18); END$$")
    proc.wait_for(lambda: a.sql(f"SELECT 1 FROM pg_stat_activity WHERE pid = {commit.pid} AND"
                                " state = 'active'"), 5, "the statement runs")
    a.daemon.kill()
    dead = time.monotonic_ns()
    assert not commit.acked_at
    assert commit.acked().acked_at > dead


def test_trap_32_a_notification_is_missed(gentle):
    """By who listens a moment later, and for its length by who is in a transaction."""
    a, _ = gentle
    listener = psycopg2.connect(a.conninfo())
    listener.autocommit = True
    with listener.cursor() as cursor:
        a.sql("NOTIFY goals, 'early'")
        cursor.execute("LISTEN goals")
        cursor.execute("BEGIN")
        a.sql("NOTIFY goals, 'inside'")
        cursor.execute("SELECT 1")
        listener.poll()
        assert not listener.notifies
        cursor.execute("COMMIT")
        proc.wait_for(lambda: listener.poll() or listener.notifies, 5, "the notification comes")
        assert [n.payload for n in listener.notifies] == ["inside"]
    listener.close()


def test_trap_33_a_full_server_refuses_who_asks_like_a_client(gentle):
    """No session is left, not even for a superuser; walsenders and the postmaster still answer."""
    a, _ = gentle
    sessions = []
    try:
        with pytest.raises(psycopg2.OperationalError, match="too many clients"):
            for _ in range(25):
                sessions.append(psycopg2.connect(a.conninfo()))
        alive = psycopg2.connect(a.conninfo() + " replication=database",
                                 connection_factory=psycopg2.extras.LogicalReplicationConnection)
        sessions.append(alive)
        with alive.cursor() as cursor:
            cursor.execute("SELECT 1")
        with socket.create_connection((a.address, a.port), timeout=2) as s:
            s.sendall((8).to_bytes(4, "big") + (80877103).to_bytes(4, "big"))
            assert s.recv(1) in (b"N", b"S")
    finally:
        for session in sessions:
            session.close()


def test_trap_43_a_hung_standby_holds_up_the_stop(gentle):
    """A fast stop waits for it until wal_sender_timeout, though there is nothing it must have."""
    a, b = gentle
    setting(a, "wal_sender_timeout", "2s")
    receiver = backend(b, "walreceiver")
    proc.send(receiver, signal.SIGSTOP)
    t = time.monotonic()
    stop(a)
    took = time.monotonic() - t
    proc.send(receiver, signal.SIGCONT)
    assert took > 1, f"it stopped after {took:.1f} s"


def test_trap_1_who_only_tries_releases_commits(pair):
    """A diverged node that asks for WAL claims its own end: commits return that it never gets."""
    a, b = diverged(pair)
    setting(b.start(), "synchronous_standby_names", "ANY 1 (a)")
    promoted(b)
    waiting = Commit(b).waits()
    become_standby(a, follows(b, "a"))
    a.start()
    waiting.acked(10)
    assert a.sql("SELECT count(*) FROM mark") == [(1,)], "the standby has it, and was no liar"
    stop(a)
    setting(b, "synchronous_standby_names", "ANY 1 (nobody)")
    Commit(b).acked()


def test_trap_1_a_new_segment_is_out_of_reach(pair):
    """The same after pg_switch_wal(): the claim does not reach what is written now (1d)."""
    a, b = diverged(pair)
    setting(b.start(), "synchronous_standby_names", "ANY 1 (a)")
    promoted(b)
    b.sql("SELECT pg_switch_wal()")
    waiting = Commit(b).waits()
    become_standby(a, follows(b, "a"))
    a.start()
    proc.wait_for(lambda: "new timeline 2 forked off current database system timeline 1"
                  in a.daemon.log_text(), 10, a.daemon.log_tail)
    waiting.waits()


def test_trap_1_a_restored_primary_returns_commits(pair):
    """It lost its tail, and its standby did not: commits return that the standby never gets."""
    a, b = pair
    a.sql("SELECT pg_switch_wal()")
    Commit(a).acked()
    stop(a)
    proc.run(["cp", "-a", a.pgdata, f"{a.pgdata}.older"])
    Commit(a.start(), "INSERT INTO mark SELECT generate_series(1, 5000)").acked()
    crash(a)
    os.rename(a.pgdata, f"{a.pgdata}.newer")
    os.rename(f"{a.pgdata}.older", a.pgdata)
    Commit(a.start(), "INSERT INTO mark VALUES (-1)").acked(10)
    assert a.sql("SELECT count(*) FROM mark WHERE n = -1") == [(1,)]
    assert b.sql("SELECT count(*) FROM mark WHERE n = -1") == [(0,)]


def test_trap_2_two_histories_with_one_number(pair):
    """Promoted twice at one position, both are timeline 2, and pg_rewind sees no difference."""
    a, b = pair
    stop(a)
    promoted(b)
    become_standby(a, "")
    promoted(a.start())
    for server in (a, b):
        setting(server, "synchronous_standby_names", "")
        server.sql(f"CREATE TABLE only_{server.name} (n int)")
    assert timeline(a) == timeline(b) == 2
    stop(a)
    assert "no rewind required" in rewind(a, b)


def test_trap_10_pg_rewind_after_a_promotion_skips_the_rewind(pair):
    """Before the first checkpoint of the new timeline it finds nothing to do, and says success."""
    a, b = diverged(pair)
    checkpointer = backend(b.start(), "checkpointer")
    proc.send(checkpointer, signal.SIGSTOP)
    promoted(b)
    assert "no rewind required" in rewind(a, b)
    proc.send(checkpointer, signal.SIGCONT)
    b.sql("CHECKPOINT")
    assert "Done!" in rewind(a, b)


def test_trap_11_without_its_signal_a_standby_is_a_primary(pair):
    """As when it ends in mid-promotion: it comes back read-write on the timeline of its primary."""
    a, b = pair
    stop(b, signal.SIGQUIT)
    os.remove(os.path.join(b.pgdata, "standby.signal"))
    b.start()
    assert b.sql("SELECT pg_is_in_recovery()") == [(False,)]
    assert b.sql("SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)") == [("00000001",)]
    assert a.sql("SELECT pg_is_in_recovery()") == [(False,)]


def test_trap_23_a_standby_that_acknowledges_and_cannot_be_promoted(pair):
    """max_connections is raised on the primary: the standby pauses, goes on acknowledging, dies."""
    a, b = pair
    a.sql("ALTER SYSTEM SET max_connections = 30")
    stop(a)
    a.start()
    proc.wait_for(lambda: b.sql("SELECT pg_get_wal_replay_pause_state()") == [("paused",)], 10,
                  b.daemon.log_tail)
    Commit(a, "INSERT INTO mark VALUES (23)").acked()
    assert b.sql("SELECT count(*) FROM mark WHERE n = 23") == [(0,)]
    crash(a)
    b.sql("SELECT pg_promote(false)")
    assert b.daemon.wait(10) != 0
    assert "insufficient parameter settings" in b.daemon.log_text()


def test_trap_39_a_promotion_sleeps_over_its_signal(kept_pair):
    """A primary that dies a few ms before: the standby first sleeps for its retry interval."""
    interval = 1500
    tries = []
    for late_ms in (3, 5, 6, 2, 7, 9) * 3:
        a, b = kept_pair.fresh(f"wal_retrieve_retry_interval={interval}ms\n")
        with proc.as_user("postgres"):
            conn = psycopg2.connect(host=b.home, port=b.port, user="postgres", dbname="postgres")
        conn.autocommit = True
        with conn.cursor() as cursor:
            os.kill(a.daemon.pid, signal.SIGKILL)
            time.sleep(late_ms / 1000)
            t = time.monotonic()
            cursor.execute("SELECT pg_promote(false)")
        proc.wait_for(lambda b=b: b.sql("SELECT pg_is_in_recovery()") == [(False,)], 10,
                      b.daemon.log_tail, 0.005)
        conn.close()
        tries.append(round((time.monotonic() - t) * 1000))
        if tries[-1] > interval / 2:
            break
    assert tries[-1] > interval / 2, f"never in {tries} ms"


def test_trap_40_a_query_holds_up_a_promotion(kept_pair):
    """What was received has to be replayed first, and that waits for a reader."""
    a, b = kept_pair.fresh("max_standby_streaming_delay=2s\n")
    Commit(a).acked()
    conn = psycopg2.connect(b.conninfo())
    with conn.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM mark")
        Commit(a, "DROP TABLE mark").acked()
        crash(a)
        took = promoted(b)
    conn.close()
    assert took > 1000, f"it was promoted after {took:.0f} ms"


def test_trap_19_a_leftover_target_ends_recovery(pair):
    """A recovery target that was left in a standby's configuration makes it a second primary."""
    a, b = pair
    target = a.sql("SELECT pg_current_wal_flush_lsn()")[0][0]
    stop(b)
    Commit(a, "INSERT INTO mark VALUES (19)").waits()
    with open(os.path.join(b.pgdata, "postgresql.conf"), "a", encoding="ascii") as f:
        f.write(f"recovery_target_lsn = '{target}'\nrecovery_target_action = 'promote'\n")
    b.start()
    proc.wait_for(lambda: b.sql("SELECT pg_is_in_recovery()") == [(False,)], 10, b.daemon.log_tail)
    assert a.sql("SELECT pg_is_in_recovery()") == [(False,)]


def test_trap_41_pg_promote_waits_in_steps(pair):
    """pg_promote(true) looks each 100 ms whether it is done."""
    a, b = pair
    crash(a)
    t = time.monotonic()
    assert b.sql("SELECT pg_promote(true)") == [(True,)]
    assert time.monotonic() - t > 0.1
