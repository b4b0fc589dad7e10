# SPDX-License-Identifier: PostgreSQL
"""From empty directories to redundancy in seconds, and again after a clean stop."""
import signal
import time

import pytest

from harness import proc


@pytest.fixture(scope="module")
def shared(own_pair):
    """Of its own: it starts."""
    return own_pair


def test_from_nothing_and_again(cluster, figures, bound):
    """Empty directories become primary + secondary; a second start finds everything again."""
    first = cluster.start()
    cluster.create_table()
    writer = cluster.start_writer()
    writer.wait_acks(100, 10)
    writer.stop()
    codes = cluster.stop()
    assert set(codes.values()) == {0}, codes
    assert not proc.sweep(cluster.directory)

    t = time.monotonic()
    cluster.start_monitor()
    for node in cluster.nodes:
        node.start()
    cluster.wait_settled(bound(5) + 10)
    again = time.monotonic() - t
    acked, lost = cluster.check_lost()
    figures("start from empty directories", acked=acked, lost=len(lost),
            first_s=round(first, 1), again_s=round(again, 1))
    assert not lost
    assert first <= bound(15)
    assert again <= bound(5)


def test_daemons_in_any_order(cluster):
    """Keepers that find no monitor wait for it, and say so."""
    from harness.cluster import Monitor
    cluster.monitor = Monitor(cluster)
    nodes = [cluster.add_node().start() for _ in range(2)]
    for keeper in (n.keeper for n in nodes):
        proc.wait_for(lambda k=keeper: str(cluster.monitor.port) in k.log_text(), 20,
                      lambda k=keeper: f"{k.name} says which monitor is missing: {k.log_text()}")
    assert all(n.keeper.running() for n in nodes)
    cluster.start_monitor()
    cluster.wait_settled(45)


def test_all_stopped_at_once(ready, bound):
    """SIGTERM to all daemons in the same moment: exit 0, in time, and all comes back."""
    for daemon in ready.daemons():
        daemon.send(signal.SIGTERM)
    codes = {d.name: d.wait(bound(9) + 3) for d in ready.daemons()}
    assert set(codes.values()) == {0}, codes
    assert not [n.name for n in ready.nodes if n.postmaster]
    ready.start_monitor()
    for node in ready.nodes:
        node.start()
    ready.wait_settled(30)


def test_leaving_lets_postgres_run(ready):
    """SIGUSR2: the keeper exits 0, its Postgres goes on, the next keeper takes it over."""
    for node in (ready.standby(), ready.primary()):
        postmaster = node.postmaster
        assert node.keeper.stop(sig=signal.SIGUSR2) == 0
        assert node.value("SELECT 1") == 1 and node.postmaster == postmaster
        node.start()
        ready.wait_settled(20)
        assert node.postmaster == postmaster
