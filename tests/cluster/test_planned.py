# SPDX-License-Identifier: PostgreSQL
"""Switchover and clean stop cost next to nothing; so does losing a standby or the monitor."""
import time

from harness import proc
from harness.judge import finish
from harness.writes import median

SILENCE_MS = 1500


def test_switchover(ready, full, bound, figures):
    """`perform switchover` waits for the true end, and the writer hardly notices."""
    writer = ready.start_writer()
    outages, back = [], []
    for _ in range(10 if full else 3):
        old, new = ready.primary(), ready.standby()
        writer.wait_acks(100, 10)
        t = time.monotonic_ns()
        done = ready.ctl("perform", "switchover")
        assert new.name in done.stdout + done.stderr
        assert ready.node_states()[new.name][0] in ("primary", "wait_primary")
        back.append(ready.wait_settled(30, since=t))
        assert ready.primary() is new and ready.standby() is old
        writer.wait_acks(50, 10)
        outages.append(writer.outage(t))
    finish(ready, figures, "switchover", outages, back)
    assert median(outages) <= bound(400)


def test_clean_stop_of_the_primary(ready, full, bound, figures):
    """SIGTERM of the primary's keeper hands over first; it exits 0 within `stop_limit`."""
    writer = ready.start_writer()
    outages, back = [], []
    for _ in range(10 if full else 3):
        old, new = ready.primary(), ready.standby()
        writer.wait_acks(100, 10)
        t = time.monotonic_ns()
        assert old.stop(10) == 0
        assert old.postmaster is None
        writer.wait_ack(t, 15, target=new.name)
        writer.wait_acks(50, 10)
        outages.append(writer.outage(t))
        restart = time.monotonic_ns()
        old.start()
        back.append(ready.wait_settled(30, since=restart))
        assert ready.primary() is new
    finish(ready, figures, "clean stop of the primary", outages, back)
    assert median(outages) <= bound(400)


def test_standby_dies(ready, bound, figures):
    """SIGKILL of everything of the standby: writes go on after a moment."""
    primary, standby = ready.primary(), ready.standby()
    writer = ready.start_writer()
    writer.wait_acks(100, 10)
    t = standby.kill_everything()
    ready.wait_states(20, **{primary.name: "wait_primary"})
    writer.wait_acks(100, 10)
    outage = writer.outage(t)
    restart = time.monotonic_ns()
    standby.start()
    back = ready.wait_settled(30, since=restart)
    assert ready.primary() is primary
    writer.wait_acks(100, 10)
    finish(ready, figures, "SIGKILL of the standby's node", [outage], [back])
    assert outage <= bound(700)


def test_standby_stops_cleanly(ready, bound, figures):
    """A clean stop of the standby costs the writers even less."""
    primary, standby = ready.primary(), ready.standby()
    writer = ready.start_writer()
    writer.wait_acks(100, 10)
    t = time.monotonic_ns()
    assert standby.stop(10) == 0
    ready.wait_states(20, **{primary.name: "wait_primary"})
    writer.wait_acks(100, 10)
    outage = writer.outage(t)
    restart = time.monotonic_ns()
    standby.start()
    back = ready.wait_settled(30, since=restart)
    assert ready.primary() is primary
    finish(ready, figures, "clean stop of the standby", [outage], [back])
    assert outage <= bound(700)


def monitor_away(cluster, seconds):
    """Kill the monitor and its instance under load; (longest gap, failed writes, states)."""
    writer = cluster.start_writer()
    writer.wait_acks(100, 10)
    state = cluster.state()
    t = cluster.monitor.kill_everything()
    time.sleep(seconds)
    gap, troubles = writer.outage(t), writer.troubles(t)
    cluster.start_monitor()
    proc.wait_for(cluster.state, 20, "the monitor answers again")
    # It decides nothing before it has listened for a whole silence limit; then still nothing.
    time.sleep(2 * SILENCE_MS / 1000)
    after = cluster.state()
    assert cluster.node_states(after) == cluster.node_states(state)
    assert after["epoch"] == state["epoch"], "the monitor changed goals after its return"
    gap_after = writer.outage(t)
    return max(gap, gap_after), troubles


def test_monitor_dies(ready, full, bound, figures):
    """The monitor and its Postgres are killed under load: no client sees it."""
    primary = ready.primary()
    postmaster = primary.postmaster
    gap, troubles = monitor_away(ready, 30 if full else 10)
    assert primary.postmaster == postmaster
    assert not troubles
    finish(ready, figures, "monitor killed", [gap])
    assert gap <= bound(200)


def test_monitor_dies_in_wait_primary(ready, full, bound, figures):
    """The same while the primary is alone: it goes on, for nobody could replace it."""
    primary, standby = ready.primary(), ready.standby()
    assert standby.stop() == 0
    ready.wait_states(20, **{primary.name: "wait_primary"})
    gap, troubles = monitor_away(ready, 30 if full else 10)
    assert not troubles
    restart = time.monotonic_ns()
    standby.start()
    back = ready.wait_settled(30, since=restart)
    assert ready.primary() is primary
    finish(ready, figures, "monitor killed in wait_primary", [gap], [back])
    assert gap <= bound(200)


def test_monitor_dies_in_single(cluster, full, bound, figures):
    """The same with one node that never had another."""
    cluster.start_new_monitor()
    node = cluster.add_node().start()
    cluster.wait_states(30, node1="single")
    cluster.create_table()
    postmaster = node.postmaster
    gap, troubles = monitor_away(cluster, 30 if full else 10)
    assert node.postmaster == postmaster
    assert not troubles
    finish(cluster, figures, "monitor killed in single", [gap])
    assert gap <= bound(200)
