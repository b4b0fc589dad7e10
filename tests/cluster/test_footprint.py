# SPDX-License-Identifier: PostgreSQL
"""What an idle cluster costs: private memory and CPU of the daemons, and CPU in each Postgres."""
import os
import time

import pytest

from harness import proc

SECONDS = 20
TICK = os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def shared(own_pair):
    """Of its own: what it costs when nothing has happened to it."""
    return own_pair


def private_kib(pid):
    total = 0
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            if line.startswith(("Private_Clean:", "Private_Dirty:")):
                total += int(line.split()[1])
    return total


def cpu_seconds(pid):
    """Of the process and of its children that it has waited for."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return sum(int(x) for x in fields[11:15]) / TICK
    except OSError:
        return 0.0


def fine_cpu_seconds(pid):
    """Time on a core in ns from the scheduler, which clock ticks are too coarse for."""
    try:
        total = 0
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
        return total / 1e9
    except OSError:
        return cpu_seconds(pid)


def forks():
    with open("/proc/stat", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("processes"))


def tree(pid):
    return [pid, *proc.descendants(pid)]


def cpu_of_postgres(postmaster):
    """Fine CPU of all processes there are, plus what children that ended have used (ticks)."""
    return {pid: fine_cpu_seconds(pid) for pid in tree(postmaster)}, waited_children(postmaster)


def waited_children(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / TICK


def used(before, after):
    fine = sum(after[0][pid] - before[0].get(pid, 0) for pid in after[0])
    return fine + after[1] - before[1]


BUSY = """SELECT pg_backend_pid(), string_agg(backend_type || ': ' ||
        coalesce(state, wait_event, 'works'), ', ') FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()
    OR backend_type = 'autovacuum worker'
    OR backend_type = 'checkpointer' AND wait_event IS DISTINCT FROM 'CheckpointerMain'"""


def busy(cluster):
    """What each Postgres is still at, of its start or for clients; the asking leaves nothing."""
    answers = {n.name: n.sql(BUSY)[0] for n in cluster.nodes}
    answers["monitor"] = cluster.monitor.sql(BUSY)[0]
    proc.wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid, _ in answers.values()),
                  5, "the sessions that asked have ended")
    return {name: work for name, (_, work) in answers.items() if work}


def used_by(before, postmasters):
    return {name: used(before[name], cpu_of_postgres(pid)) for name, pid in postmasters.items()}


def test_idle_footprint(ready, local_pair, full, figures, capsys):
    """Keeper 5 MiB private, monitor 10 MiB, each 0.5 % of a core and as much in a Postgres.

    What PostgreSQL uses by itself is taken off: a primary and a standby without us idle beside it.
    """
    ready.haproxy.daemon.kill()		# its checks are a client's, not ours
    ready.wait_settled(20)
    proc.wait_for(lambda: not busy(ready), 60, lambda: f"every Postgres is idle: {busy(ready)}",
                  0.1)
    daemons = {d.name: d.pid for d in ready.daemons()}
    postmasters = {n.name: n.postmaster for n in ready.nodes}
    postmasters["monitor"] = proc.postmaster_pid(ready.monitor.pgdata)
    alone = {"primary": local_pair[0].daemon.pid, "standby": local_pair[1].daemon.pid}
    cpu = {name: fine_cpu_seconds(pid) for name, pid in daemons.items()}
    every = {**postmasters, **alone}
    pg = {name: cpu_of_postgres(pid) for name, pid in every.items()}
    before, forked = time.monotonic(), forks()
    time.sleep(SECONDS)
    elapsed = time.monotonic() - before
    forked = (forks() - forked) / elapsed
    percent = {name: 100 * s / elapsed for name, s in used_by(pg, every).items()}
    roles = {n.name: "primary" if n is ready.primary() else "standby" for n in ready.nodes}
    rows = []
    for name, pid in daemons.items():
        daemon = 100 * (fine_cpu_seconds(pid) - cpu[name]) / elapsed
        caused = percent[name] - percent.get(roles.get(name), 0)
        rows.append((name, private_kib(pid) / 1024, daemon, percent[name], caused))
    with capsys.disabled():
        print(f"\nidle for {elapsed:.0f} s; forks on the whole machine: {forked:.1f} per s;"
              f" PostgreSQL alone: primary {percent['primary']:.2f} %,"
              f" standby {percent['standby']:.2f} %")
        print(f"{'':10}{'private MiB':>12}{'daemon CPU %':>14}{'its Postgres CPU %':>20}"
              f"{'caused by us %':>16}")
        for name, memory, daemon, total, caused in rows:
            print(f"{name:10}{memory:12.1f}{daemon:14.2f}{total:20.2f}{caused:16.2f}")
    for name, memory, daemon, total, caused in rows:
        figures(f"idle: {name}", private_mib=round(memory, 1), cpu_percent=round(daemon, 2),
                postgres_cpu_percent=round(total, 2), caused_cpu_percent=round(caused, 2))
    ready.haproxy.start()
    for name, memory, daemon, _, caused in rows:
        assert memory <= (10 if name == "monitor" else 5), name
        factor = 1 if full else 3
        assert daemon <= 0.5 * factor, name
        if name != "monitor":
            assert caused <= 0.5 * factor, name
