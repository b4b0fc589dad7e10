# SPDX-License-Identifier: PostgreSQL
"""The old primary comes back: what only it has is kept aside before it is overwritten."""
import glob
import os
import signal
import time

from harness import plain, proc


def diverge(cluster, writer):
    """Kill the primary with commits on its disk that no standby ever got; (old, new)."""
    old, new = cluster.primary(), cluster.standby()
    writer.wait_acks(100, 10)
    receiver = proc.wait_for(lambda: new.backend("walreceiver"), 5, "the walreceiver")
    proc.send(receiver, signal.SIGSTOP)
    proc.wait_for(lambda: old.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"),
                  5, "a commit waits for the standby")
    t = old.kill()
    # It ends before it reads what the kernel still holds for it.
    proc.send(receiver, signal.SIGTERM)
    proc.send(receiver, signal.SIGCONT)
    writer.wait_ack(t, 20, target=new.name)
    cluster.wait_reported(20, **{new.name: "wait_primary"})
    writer.wait_acks(50, 10)
    return old, new


def kept_aside(node):
    """Files of WAL that the keeper kept in the node's state directory."""
    names = glob.glob(os.path.join(node.state_dir, "**", "*"), recursive=True)
    return [n for n in names if len(os.path.basename(n).split(".")[0]) == 24]


def test_divergent_wal_is_kept_and_reported(ready, figures, bound):
    """Before the rewind the divergent WAL is copied, an event says so, then it follows."""
    events = len(ready.events())
    before = {n.name: set(kept_aside(n)) for n in ready.nodes}
    writer = ready.start_writer()
    old, new = diverge(ready, writer)
    assert set(kept_aside(old)) == before[old.name]
    back = time.monotonic_ns()
    old.start()
    redundancy = ready.wait_settled(40, since=back)
    assert ready.primary() is new
    writer.wait_acks(50, 10)
    writer.stop()
    acked, lost = ready.check_lost()
    figures("return with divergent WAL (rewind)", acked=acked, lost=len(lost),
            redundancy_ms=[redundancy])
    assert not lost
    assert set(kept_aside(old)) - before[old.name], "no divergent WAL was kept aside"
    texts = [e["description"] for e in ready.events()[events:] if e["node_name"] == old.name]
    words = ("diverge", "kept", "only this node")
    assert any(word in text.lower() for word in words for text in texts), "\n".join(texts)
    assert old.value("SELECT count(*) FROM users") >= acked
    assert redundancy <= bound(10000)


def programs_without_rewind(directory):
    """PostgreSQL's programs, but pg_rewind always fails."""
    bindir = proc.make_directory(os.path.join(directory, "bin"))
    for name in os.listdir(plain.bindir()):
        if name != "pg_rewind":
            os.symlink(os.path.join(plain.bindir(), name), os.path.join(bindir, name))
    rewind = os.path.join(bindir, "pg_rewind")
    with open(rewind, "w", encoding="ascii") as f:
        f.write("#!/bin/sh\necho 'pg_rewind: error: could not find previous WAL record' >&2\n"
                "exit 1\n")
    os.chmod(rewind, 0o755)
    return bindir


def test_clone_when_rewind_is_impossible(cluster, figures):
    """pg_rewind cannot do it: what only this node has is kept, then it is cloned anew."""
    options = ("--bindir", programs_without_rewind(cluster.directory))
    cluster.start_new_monitor()
    for _ in range(2):
        cluster.add_node(options=options).start()
    cluster.wait_settled(60)
    cluster.create_table()
    writer = cluster.start_writer()
    old, new = diverge(cluster, writer)
    back = time.monotonic_ns()
    old.start()
    redundancy = cluster.wait_settled(60, since=back)
    assert cluster.primary() is new
    writer.wait_acks(50, 10)
    writer.stop()
    acked, lost = cluster.check_lost()
    figures("return by clone", acked=acked, lost=len(lost), redundancy_ms=[redundancy])
    assert not lost
    assert kept_aside(old), "no divergent WAL was kept aside"


def test_clone_when_its_wal_is_gone(ready, figures):
    """The former primary's WAL is lost, it cannot even start: it is cloned."""
    writer = ready.start_writer()
    old, new = diverge(ready, writer)
    for path in glob.glob(os.path.join(old.pgdata, "pg_wal", "0" * 7 + "*")):
        if os.path.isfile(path) and not path.endswith(".history"):
            os.remove(path)
    back = time.monotonic_ns()
    old.start()
    redundancy = ready.wait_settled(60, since=back)
    assert ready.primary() is new
    writer.wait_acks(50, 10)
    writer.stop()
    acked, lost = ready.check_lost()
    figures("return without its WAL", acked=acked, lost=len(lost), redundancy_ms=[redundancy])
    assert not lost


def test_return_without_divergence_keeps_nothing(ready):
    """A node that has nothing of its own just follows: no copy, no clone."""
    old, new = ready.primary(), ready.standby()
    before = set(kept_aside(old))
    writer = ready.start_writer()
    writer.wait_acks(50, 10)
    assert old.stop() == 0
    ready.wait_reported(20, **{new.name: "wait_primary"})
    old.start()
    ready.wait_settled(30)
    writer.stop()
    assert set(kept_aside(old)) == before
    assert not ready.check_lost()[1]


def test_standby_falls_behind_and_catches_up(ready):
    """A standby that was away for a while follows again from its slot."""
    primary, standby = ready.primary(), ready.standby()
    standby.kill_everything()
    ready.wait_states(20, **{primary.name: "wait_primary"})
    primary.sql("CREATE TABLE bulk AS SELECT repeat('x', 100) FROM generate_series(1, 200000);"
                "SELECT pg_switch_wal(); CHECKPOINT; DROP TABLE bulk")
    standby.start()
    ready.wait_settled(60)
    assert ready.primary() is primary
