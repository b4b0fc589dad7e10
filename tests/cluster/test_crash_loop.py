# SPDX-License-Identifier: PostgreSQL
"""The primary's postmaster and keeper are killed, again and again: nothing acknowledged is lost."""
import time

import pytest

from harness import proc
from harness.writes import median


def crash_round(cluster, direct, through):
    """Kill the primary, wait for the other node, start it again; figures of the round in ms."""
    old, new = cluster.primary(), cluster.standby()
    direct.wait_acks(100, 10)
    through.wait_acks(30, 10)
    t = old.kill()
    direct.wait_ack(t, 15, target=new.name)
    through.wait_ack(t + 1, 15)
    cluster.wait_reported(15, **{new.name: "wait_primary"})
    direct.wait_acks(50, 10)
    through.wait_acks(20, 10)
    end = time.monotonic_ns()
    back = time.monotonic_ns()
    old.start()
    redundancy = cluster.wait_settled(30, since=back)
    assert cluster.primary() is new and cluster.standby() is old
    return direct.outage(t, end), through.outage(t, end), redundancy


def test_crash_loop(ready, full, bound, figures):
    """Alternately on either node, with writers that know all nodes, and HAProxy alone."""
    direct = ready.start_writer()
    through = ready.start_haproxy_writer(workers=1, rate=60)
    start = time.monotonic_ns()
    rounds = []
    for i in range(20 if full else 4):
        rounds.append(crash_round(ready, direct, through))
        print(f"round {i + 1}: direct {rounds[-1][0]:.0f} ms, HAProxy {rounds[-1][1]:.0f} ms, "
              f"redundancy {rounds[-1][2]:.0f} ms", flush=True)
    direct.wait_acks(50, 10)
    direct.stop()
    through.stop()
    acked, lost = ready.check_lost()
    outages, proxied, back = (list(column) for column in zip(*rounds))
    figures("SIGKILL of postmaster and keeper", outage_ms=outages, acked=acked, lost=len(lost),
            redundancy_ms=back, measuring_late_ms=round(direct.late(start)))
    figures("the same through HAProxy", outage_ms=proxied)
    assert not lost
    assert median(outages) <= bound(400) and max(outages) <= bound(1000)
    assert median(proxied) <= bound(400) + bound(200)
    assert max(proxied) <= bound(1000) + bound(200)
    assert max(back) <= bound(3000)


def test_whole_node_dies(ready, bound, figures):
    """SIGKILL of every process of the primary's node at once, as when its power fails."""
    old, new = ready.primary(), ready.standby()
    writer = ready.start_writer()
    writer.wait_acks(100, 10)
    t = old.kill_everything()
    writer.wait_ack(t, 15, target=new.name)
    writer.wait_acks(50, 10)
    back = time.monotonic_ns()
    old.start()
    redundancy = ready.wait_settled(30, since=back)
    writer.stop()
    acked, lost = ready.check_lost()
    figures("SIGKILL of the whole node", outage_ms=[writer.outage(t)], acked=acked,
            lost=len(lost), redundancy_ms=[redundancy])
    assert not lost
    assert writer.outage(t) <= bound(1000)


@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.full)])
def test_promotion_never_sleeps(ready, rounds, bound, figures):
    """The 5 s for which PostgreSQL can sleep over a promotion never show (PROTOCOL, trap 39)."""
    outages = []
    writer = ready.start_writer()
    for i in range(rounds):
        old, new = ready.primary(), ready.standby()
        writer.wait_acks(20 + i % 20, 10)		# each round at another moment
        t = old.kill_postmaster() if i % 2 else old.kill()
        writer.wait_ack(t, 15, target=new.name)
        if not old.keeper.running():
            old.start()
        proc.wait_for(lambda o=old: ready.settled() and ready.standby() is o, 30,
                      lambda: ready.describe("redundancy after a crash"), 0.05)
        outages.append(writer.outage(t))
    writer.stop()
    acked, lost = ready.check_lost()
    figures("crash, promotion at once", outage_ms=outages, acked=acked, lost=len(lost))
    assert not lost
    assert max(outages) <= bound(1000)
