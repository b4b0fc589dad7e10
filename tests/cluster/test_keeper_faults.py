# SPDX-License-Identifier: PostgreSQL
"""Keepers and postmasters are killed or frozen one by one; never do two nodes acknowledge."""
import os
import signal
import time

import psycopg2

from harness import proc
from harness.judge import finish


def two_that_acknowledge(writer, old, new):
    """Acknowledgements of the old primary after the first one of the new one."""
    acks = writer.refresh().acked
    first = next((a[0] for a in acks if a[2] == new.name), None)
    return [a for a in acks if first and a[2] == old.name and a[0] > first]


def test_only_the_keeper_dies(ready, bound, figures):
    """Postgres stays up; the new keeper takes it over without restarting it."""
    primary = ready.primary()
    postmaster = primary.postmaster
    direct = ready.start_writer()
    through = ready.start_haproxy_writer(workers=1, rate=60)
    direct.wait_acks(100, 10)
    t = primary.kill_keeper()
    time.sleep(2)
    assert primary.postmaster == postmaster
    start = time.monotonic_ns()
    primary.start()
    through.wait_ack(start, 15)
    proxied = (through.acks_after(start)[0][0] - start) / 1e6
    ready.wait_settled(20)
    assert primary.postmaster == postmaster and ready.primary() is primary
    assert direct.outage(t) <= bound(300)
    finish(ready, figures, "kill -9 of the primary's keeper", [direct.outage(t)],
           haproxy_ms_after_start=round(proxied))
    assert proxied <= bound(500)


def test_keeper_of_the_standby_dies(ready, figures, bound):
    """The same on the standby: no writer waits for it."""
    standby = ready.standby()
    postmaster = standby.postmaster
    writer = ready.start_writer()
    writer.wait_acks(100, 10)
    t = standby.kill_keeper()
    time.sleep(2)
    standby.start()
    ready.wait_settled(20)
    assert standby.postmaster == postmaster
    finish(ready, figures, "kill -9 of the standby's keeper", [writer.outage(t)])


def test_new_keeper_has_other_mounts(cluster):
    """Each start of a service may see the files from a mount namespace, even a root, of its own:
    the new keeper knows the running Postgres for its own all the same."""
    root = proc.make_directory(os.path.join(cluster.directory, "root"))
    cluster.start_new_monitor()
    node = cluster.add_node("node1")
    node.keeper.wrap = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                        f'mount --rbind / {root} && exec chroot {root} "$@"', "sh"]
    node.start()
    cluster.wait_states(30, node1="single")
    postmaster = node.postmaster
    node.kill_keeper()
    node.start()
    proc.wait_for(lambda: f"attached to the running postmaster {postmaster}" in
                  node.keeper.log_text(), 15,
                  lambda: f"the new keeper attaches: {node.keeper.log_text()}")
    cluster.wait_states(15, node1="single")
    assert node.postmaster == postmaster


def test_only_the_postmaster_dies(ready, bound, figures):
    """The keeper tells at once, the standby takes over, the old primary comes back by itself."""
    old, new = ready.primary(), ready.standby()
    writer = ready.start_writer()
    writer.wait_acks(100, 10)
    t = old.kill_postmaster()
    writer.wait_ack(t, 15, target=new.name)
    ready.wait_states(30, **{old.name: "secondary", new.name: "primary"})
    back = (time.monotonic_ns() - t) / 1e6
    outage = writer.outage(t)
    finish(ready, figures, "kill -9 of the primary's postmaster", [outage],
           redundancy_ms_after=round(back))
    assert outage <= bound(1000)


def test_frozen_postmaster(ready, full, bound, figures):
    """SIGSTOP of the postmaster: failover, and no second primary when it wakes."""
    old, new = ready.primary(), ready.standby()
    writer = ready.start_writer()
    own = ready.start_writer("own", nodes=[old], workers=1, rate=50)
    writer.wait_acks(100, 10)
    frozen = old.postmaster
    t = time.monotonic_ns()
    proc.send(frozen, signal.SIGSTOP)
    writer.wait_ack(t, 20, target=new.name)
    outage = writer.outage(t)
    time.sleep(max(0, (30 if full else 8) - (time.monotonic_ns() - t) / 1e9))
    proc.send(frozen, signal.SIGCONT)
    ready.wait_states(40, **{old.name: "secondary", new.name: "primary"})
    writer.wait_acks(50, 10)
    own.refresh()
    first = writer.acks_after(t, new.name)[0][0]
    late = [a for a in own.acked if a[0] > first]
    assert not late and not two_that_acknowledge(writer, old, new)
    finish(ready, figures, "SIGSTOP of the primary's postmaster", [outage])
    assert outage <= bound(5000)


def test_candidate_frozen_before_its_claim(ready, full, figures):
    """The candidate's keeper sleeps through the failover: the old primary gets its role back."""
    old, new = ready.primary(), ready.standby()
    writer = ready.start_writer()
    writer.wait_acks(100, 10)
    new.keeper.send(signal.SIGSTOP)
    t = old.kill()
    proc.wait_for(lambda: ready.node_states()[new.name][1] == "prepare_promotion", 15,
                  lambda: ready.describe(f"{new.name} is to be promoted"), 0.02)
    restart = time.monotonic_ns()
    old.start()
    writer.wait_ack(restart, 30, target=old.name)
    outage = writer.outage(t)
    time.sleep(max(0, (60 if full else 8) - (time.monotonic_ns() - t) / 1e9))
    new.keeper.send(signal.SIGCONT)
    ready.wait_settled(40)
    assert ready.primary() is old, "the woken keeper must not act on its old goal"
    assert not writer.acks_after(t, new.name)
    finish(ready, figures, "candidate frozen before its claim", [outage])


def freeze_after_claim(old, new):
    """Freeze the candidate's keeper after pg_promote was called and before it is through."""
    startup = proc.wait_for(lambda: new.backend("startup"), 5, "the startup process")
    signal_file = os.path.join(new.pgdata, "promote")
    proc.send(startup, signal.SIGSTOP)
    t = old.kill()
    try:
        proc.wait_for(lambda: os.path.exists(signal_file), 10, "the promotion is asked for",
                      0.0005)
        new.keeper.send(signal.SIGSTOP)
    finally:
        proc.send(startup, signal.SIGCONT)
    return t


def test_candidate_frozen_after_its_claim(ready, full, figures):
    """After the claim nobody else is promoted, and `explain` says why; then it is finished."""
    old, new = ready.primary(), ready.standby()
    writer = ready.start_writer()
    writer.wait_acks(100, 10)
    t = freeze_after_claim(old, new)
    old.start()
    time.sleep(max(0, (60 if full else 8) - (time.monotonic_ns() - t) / 1e9))
    text = ready.ctl("explain").stdout
    assert new.name in text and "claim" in text.lower(), text
    try:
        recovering = old.value("SELECT pg_is_in_recovery()")
    except psycopg2.Error:
        recovering = True		# not even started is as good
    assert recovering, "the old primary opened while another node held the claim"
    new.keeper.send(signal.SIGCONT)
    ready.wait_settled(40)
    writer.wait_acks(50, 10)
    assert not two_that_acknowledge(writer, old, ready.primary()) or ready.primary() is old
    finish(ready, figures, "candidate frozen after its claim", [writer.outage(t)])


def test_cold_start_without_monitor(ready):
    """A primary started anew stays closed until the monitor has given it a goal."""
    primary, standby = ready.primary(), ready.standby()
    ready.monitor.kill_everything()
    primary.kill()
    primary.start()
    time.sleep(3)
    answer = primary.http("/primary")
    assert answer is None or answer[0] == 503, answer
    assert standby.value("SELECT pg_is_in_recovery()")
    ready.start_monitor()
    ready.wait_settled(40)
