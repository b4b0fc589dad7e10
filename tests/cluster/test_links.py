# SPDX-License-Identifier: PostgreSQL
"""One link is cut while all hosts live: nobody is promoted, and writes go on."""
import time

import pytest

from harness import proc
from harness.judge import finish

pytestmark = pytest.mark.namespaces
SILENCE_MS = 1500


def test_link_between_the_nodes(ready_hosts, bound, figures):
    """Only the link primary–standby is cut: writes go on, nobody is promoted."""
    c = ready_hosts
    primary, standby = c.primary(), c.standby()
    writer = c.start_writer()
    writer.wait_acks(100, 10)
    t = time.monotonic_ns()
    c.net.cut(primary.name, standby.name)
    proc.wait_for(lambda: writer.gaps(t) and writer.acks_after(t + 500_000_000), 20,
                  lambda: c.describe("writes go on without the standby"))
    writer.wait_acks(200, 15)
    outage = writer.outage(t)
    assert standby.value("SELECT pg_is_in_recovery()")
    healed = time.monotonic_ns()
    c.net.heal()
    back = c.wait_settled(60, since=healed)
    assert c.primary() is primary
    finish(c, figures, "link primary-standby cut", [outage], [back])
    assert outage <= bound(SILENCE_MS + 1000)


def test_link_to_the_monitor(ready_hosts, full, figures):
    """Only the link monitor–primary is cut: the standby's keeper vouches, no write fails."""
    c = ready_hosts
    primary, standby = c.primary(), c.standby()
    before = c.node_states()
    writer = c.start_writer()
    writer.wait_acks(100, 10)
    t = time.monotonic_ns()
    c.net.cut("monitor", primary.name)
    time.sleep(29 if full else 9)
    text = c.ctl("show", "state").stdout + c.ctl("explain").stdout
    troubles, outage = writer.troubles(t), writer.outage(t)
    c.net.heal()
    assert c.node_states() == before
    assert "unreachable from the monitor" in text, text
    assert any(f"alive for {n}" in text for n in (standby.name, "node 1", "node 2")), text
    assert not troubles
    c.wait_settled(20)
    assert c.primary() is primary
    finish(c, figures, "link monitor-primary cut", [outage])
    assert outage <= 1000
