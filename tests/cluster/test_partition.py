# SPDX-License-Identifier: PostgreSQL
"""The primary's host vanishes without a word: the standby takes over, the old one steps down."""
import time

import psycopg2
import pytest

from harness import proc
from harness.writes import median

pytestmark = pytest.mark.namespaces
FENCING_SECONDS = 5


def stepped_down(node):
    """Its Postgres is gone, or a standby again; asked inside the host itself."""
    try:
        return node.value("SELECT pg_is_in_recovery()")
    except psycopg2.Error:
        return True


def partition_round(cluster, direct, through):
    old, new = cluster.primary(), cluster.standby()
    inside = cluster.start_writer("inside", nodes=[old], host=old.host, workers=1, rate=50)
    inside.wait_acks(20, 10)
    t = time.monotonic_ns()
    cluster.net.cut_off(old.name)
    cut = time.monotonic_ns()
    promoted = direct.wait_ack(t, 20, target=new.name)[0]
    proc.wait_for(lambda: through.gaps(cut) and through.acks_after(promoted), 20,
                  "the writer behind HAProxy goes on")
    direct.wait_acks(50, 10)
    through.wait_acks(20, 10)
    end = time.monotonic_ns()
    proc.wait_for(lambda: stepped_down(old), FENCING_SECONDS + 10,
                  f"the cut-off {old.name} stops itself")
    fenced = (time.monotonic_ns() - cut) / 1e6
    inside.refresh()
    after = [a for a in inside.acked if a[0] > promoted]
    assert not after, f"the cut-off primary acknowledged {len(after)} commits after the promotion"
    inside.stop()
    healed = time.monotonic_ns()
    cluster.net.heal()
    redundancy = cluster.wait_settled(40, since=healed)
    assert cluster.primary() is new and cluster.standby() is old
    return direct.outage(t, end), through.outage(t, end), redundancy, fenced


def test_partition_of_the_primary(ready_hosts, full, bound, figures):
    """All packets of the primary are dropped; later the network is healed and nobody helps."""
    c = ready_hosts
    direct = c.start_writer()
    through = c.start_haproxy_writer(workers=1, rate=60)
    rounds = []
    for i in range(10 if full else 2):
        rounds.append(partition_round(c, direct, through))
        print(f"round {i + 1}: direct {rounds[-1][0]:.0f} ms, HAProxy {rounds[-1][1]:.0f} ms, "
              f"redundancy {rounds[-1][2]:.0f} ms, stepped down after {rounds[-1][3]:.0f} ms",
              flush=True)
    direct.stop()
    through.stop()
    acked, lost = c.check_lost()
    outages, proxied, back, fenced = (list(column) for column in zip(*rounds))
    figures("silent loss of the primary's host", outage_ms=outages, acked=acked, lost=len(lost),
            redundancy_ms=back, stepped_down_ms=round(max(fenced)))
    figures("the same through HAProxy", outage_ms=proxied)
    assert not lost
    assert median(outages) <= bound(2500) and max(outages) <= bound(5000)
    assert median(proxied) <= bound(3000)
    assert max(back) <= bound(10000)
