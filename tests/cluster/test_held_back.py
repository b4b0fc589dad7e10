# SPDX-License-Identifier: PostgreSQL
"""A primary that is started again lets no client in before its role is confirmed, and all soon
after (PROTOCOL, rules 16, 17d and 26)."""
import contextlib
import datetime
import time

import psycopg2

from harness import proc
from harness.judge import finish
from harness.knocker import Knocker


def start_time(node):
    """When the server that runs was started, as it says; None while none answers, or a standby."""
    with contextlib.suppress(psycopg2.Error, OSError):
        recovering, start = node.sql("SELECT pg_is_in_recovery(), "
                                     "pg_postmaster_start_time()::text")[0]
        return None if recovering else start
    return None


def knock(cluster, node):
    return Knocker(cluster.conninfo(node.listen, node.port))


def wait_restarted(node, before, deadline=20):
    """The start of the next server that is open for writes, asked over the superuser's socket."""
    found = proc.wait_for(lambda: (s := start_time(node)) and s != before and s, deadline,
                          lambda: f"{node.name} runs again:\n{node.keeper.log_tail()}", 0.002)
    return found, time.monotonic_ns()


def opened_at(node):
    """When the keeper last decided to let clients in, by its log, in s of the wall clock."""
    line = [x for x in node.keeper.log_text().splitlines() if x.endswith("(rule 417)")][-1]
    return datetime.datetime.fromisoformat(line[:23] + "+00:00").timestamp()


def wait_in(knocker, start, deadline, node):
    proc.wait_for(lambda: knocker.on(start), deadline,
                  lambda: f"{node.name} lets clients in; {sorted(knocker.refusals)}\n"
                          f"{node.keeper.log_tail()}", 0.002)
    first = knocker.on(start)[0]
    assert first[1] >= opened_at(node), "a session read before the role was confirmed"
    return first


def stays_closed(knocker, node, start, seconds):
    """For so long no client comes in, and load balancers are told so; our own roles do."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        refused = knocker.refused
        assert not knocker.on(start), node.keeper.log_tail()
        assert node.http("/primary")[0] == 503
        proc.wait_for(lambda n=refused: knocker.refused > n, 5,
                      lambda: f"the next knock is refused; {knocker.on(start)}")
    assert start_time(node) == start, "it was started again meanwhile"
    assert any("pg_hba.conf rejects" in text for text in knocker.refusals), knocker.refusals


def test_single_asks_the_monitor(ready_single, bound, figures):
    """kill -9 of the postmaster in `single`: no session before the goal was read again."""
    cluster, (node,) = ready_single, ready_single.nodes
    opened = []
    with knock(cluster, node) as knocker:
        for _ in range(3):
            before = start_time(node)
            proc.wait_for(lambda b=before: knocker.on(b), 5, "clients are in before the crash")
            t = node.kill_postmaster()
            start, _ = wait_restarted(node, before)
            first = wait_in(knocker, start, 10, node)
            opened.append((first[0] - t) / 1e6)
            assert any("pg_hba.conf rejects" in text for text in knocker.refusals), \
                "the restart let clients in at once"
            knocker.refusals.clear()
            proc.wait_for(lambda: node.http("/primary")[0] == 200, 5, "/primary answers 200")
    figures("kill -9 of the postmaster in single", outage_ms=opened)
    assert max(opened) <= bound(2000)


def test_single_without_monitor_waits_for_it(ready_single, bound, figures):
    """Where no commit waits for a standby the store's word is needed; then it opens at once, and
    without a restart, even when the keeper that started it is gone."""
    cluster, (node,) = ready_single, ready_single.nodes
    before = start_time(node)
    with knock(cluster, node) as knocker:
        proc.wait_for(lambda: knocker.on(before), 5, "clients are in before the crash")
        cluster.monitor.kill_everything()
        node.kill_postmaster()
        start, _ = wait_restarted(node, before)
        stays_closed(knocker, node, start, 3)
        assert "held back" in node.http("/readiness")[1]["pgaf"]["waiting_for"]
        postmaster = node.postmaster
        cluster.start_monitor()
        wait_in(knocker, start, 40, node)
        assert node.postmaster == postmaster

        cluster.monitor.kill_everything()
        before = start
        node.kill_postmaster()
        start, _ = wait_restarted(node, before)
        node.kill_keeper()
        postmaster = node.postmaster
        cluster.start_monitor()
        proc.wait_for(cluster.state, 30, "the monitor is back", 0.05)
        assert not knocker.on(start)
        t = time.monotonic_ns()
        node.start()
        first = wait_in(knocker, start, 20, node)
        assert node.postmaster == postmaster, "the next keeper started it again"
        figures("opened by the next keeper", ms=round((first[0] - t) / 1e6))
        assert (first[0] - t) / 1e6 <= bound(2000)


def test_primary_with_the_standby_down(ready, bound, figures):
    """Nobody can take over: it restarts in place, and opens when the monitor has said so."""
    node, standby = ready.primary(), ready.standby()
    writer = ready.start_writer()
    writer.wait_acks(50, 10)
    before = start_time(node)
    with knock(ready, node) as knocker:
        proc.wait_for(lambda: knocker.on(before), 5, "clients are in before the crash")
        standby.kill()
        t = node.kill_postmaster()
        start, up = wait_restarted(node, before)
        first = wait_in(knocker, start, 10, node)
        opened = (first[0] - up) / 1e6
        assert any("pg_hba.conf rejects" in text for text in knocker.refusals), \
            "the restart let clients in at once"
        writer.wait_ack(first[0], 20, target=node.name)
    standby.start()
    ready.wait_settled(40)
    assert ready.primary() is node
    finish(ready, figures, "kill -9 of the postmaster, standby down", [writer.outage(t)],
           opened_ms_after_up=round(opened))
    assert opened <= bound(300)


def test_strict_set_opens_without_the_monitor(ready, figures):
    """The keeper that saw the crash opens it where commits wait for a member that follows."""
    node = ready.primary()
    writer = ready.start_writer()
    writer.wait_acks(50, 10)
    before = start_time(node)
    with knock(ready, node) as knocker:
        proc.wait_for(lambda: knocker.on(before), 5, "clients are in before the crash")
        ready.monitor.kill_everything()
        t = node.kill_postmaster()
        start, _ = wait_restarted(node, before)
        first = wait_in(knocker, start, 10, node)
        writer.wait_ack(first[0], 20, target=node.name)
    outage = writer.outage(t)
    ready.start_monitor()
    ready.wait_settled(40)
    # With its new session comes the set once more, and then a report of that.
    proc.wait_for(lambda: ready.primary() is node, 10, lambda: ready.describe("it is primary"))
    finish(ready, figures, "kill -9 of the postmaster without monitor", [outage])


def test_standbys_confirm_the_end_of_recovery(ready, figures):
    """number_sync_standbys = 1: what it recovered is read when a standby has it, not before."""
    ready.ctl("set", "formation", "number-sync-standbys", "1")
    try:
        node, standby = ready.primary(), ready.standby()
        writer = ready.start_writer()
        writer.wait_acks(50, 10)
        ready.wait_settled(20)
        before = start_time(node)
        with knock(ready, node) as knocker:
            proc.wait_for(lambda: knocker.on(before), 5, "clients are in before the crash")
            standby.kill()
            t = node.kill_postmaster()
            start, _ = wait_restarted(node, before)
            stays_closed(knocker, node, start, 3)
            assert "standbys confirm" in node.http("/readiness")[1]["pgaf"]["waiting_for"]
            standby.start()
            first = wait_in(knocker, start, 40, node)
            writer.wait_ack(first[0], 20, target=node.name)
        ready.wait_settled(40)
        finish(ready, figures, "restart confirmed by a standby", [writer.outage(t)])
    finally:
        ready.ctl("set", "formation", "number-sync-standbys", "0")
