# SPDX-License-Identifier: PostgreSQL
"""The campaign: a seed makes a schedule of faults, a cluster lives through it, and is judged.

Everything of a scenario is new: hosts, disks, monitor, two nodes, HAProxy, clients. One thread
does all: it starts and ends faults when they are due, and in between it is the service manager of
each machine, which starts a daemon again that ended.
"""
import contextlib
import glob
import json
import os
import random
import shutil
import time
from collections import namedtuple

import psycopg2

from . import disk, history, nemesis, preload, proc, register
from .cluster import APP_PASSWORD, GRACE, Cluster, Monitor
from .nemesis import KINDS
from .net import Net

Fault = namedtuple("Fault", "at lasts kind params")

SALT = 1897		# with it the first dozen seeds have all kinds, and often hit the primary
FAULTS_SECONDS = 5.0		# within which faults start
SETTLE_SECONDS = 60		# until the group must be whole again, once all faults are over
RESTART_SECONDS = 0.1		# as in the service files


def schedule(seed):
    """The faults of a seed, in order. The first kind goes round, so that a row of seeds has all;
    the second one does so half a round later, where there is one."""
    rand = random.Random(f"{SALT} {seed}")
    kinds = sorted(KINDS)
    half = len(kinds) // 2
    first, second = kinds[seed % len(kinds)], kinds[(seed + half) % len(kinds)]
    others = [second, rand.choice([k for k in kinds if k not in (first, second)])]
    others = others[:rand.choice((0, 1, 1, 2))]
    faults = []
    for name in [first, *others]:
        cls = KINDS[name]
        at = round(rand.uniform(0.2, FAULTS_SECONDS), 1)
        faults.append(Fault(at, round(rand.uniform(*cls.lasts), 1), name, cls.draw(rand)))
    return sorted(faults, key=lambda fault: fault.at)


def in_words(faults):
    return [f"+{f.at} s for {f.lasts} s: {KINDS[f.kind].words(f.params)}" for f in faults]


class Machine:
    """A node or the monitor with its disk, its service manager and its faults."""

    def __init__(self, name, place, faults):
        self.name = name
        self.disk = place
        self.faults = faults
        self.part = None		# the Node or Monitor
        self.holds = 0		# reasons why the daemon is not to be started
        self.dark = 0		# reasons why there is no power
        self.ended = None		# when it was first seen ended
        self.wanted = True		# false when its end was our doing

    @property
    def daemon(self):
        return getattr(self.part, "keeper", None) or self.part.daemon

    def processes(self, which):
        """Pids of: keeper or daemon, postmaster, walsender, walreceiver, all."""
        postmaster = proc.postmaster_pid(self.part.pgdata)
        if which in ("keeper", "daemon"):
            found = [self.daemon.pid]
        elif which == "postmaster":
            found = [postmaster]
        elif which == "all":
            found = [self.daemon.pid, postmaster, *proc.ours(self.part.home)]
            found += [d for pid in (self.daemon.pid, postmaster) if pid
                      for d in proc.descendants(pid)]
        else:
            found = [p for p in proc.children(postmaster) if which in proc.command_line(p)] \
                if postmaster else []
        return sorted({pid for pid in found if pid})

    def tend(self, exits):
        """Start the daemon again if it ended and nothing holds it."""
        if self.daemon.running() or self.holds:
            return
        if self.wanted:
            self.ended = self.ended or time.monotonic()
            if time.monotonic() - self.ended < RESTART_SECONDS:
                return
            exits.append(f"{self.name} ended by itself: {self.daemon.popen.returncode}")
        self.daemon.start()
        self.ended, self.wanted = None, True


class World:
    """A whole cluster on disks of its own, and what nemeses may do to it."""

    def __init__(self, directory):
        self.directory = directory
        disk.share(directory)
        self.net = Net(directory)
        self.cluster = Cluster(directory, self.net)
        self.library = preload.build(directory)
        self.by_name = {}
        self.clients = []
        self.histories = []
        self.exits = []
        self.due = []		# (monotonic s, what to do)
        self._read = {}
        self._primary = None

    # Making it.

    def start(self):
        """Until all is there nothing is synced; then the disks are, before anything can happen."""
        cluster = self.cluster
        self._machine("monitor", lambda faults: Monitor(cluster))
        cluster.monitor = self.by_name["monitor"].part
        cluster.monitor.daemon.env = self.by_name["monitor"].faults.env
        cluster.start_new_monitor()
        for name in ("node1", "node2"):
            node = self._machine(name, lambda faults, n=name: cluster.add_node(n, env=faults.env))
            node.part.start()
        cluster.wait_settled(60)
        cluster.ctl(*GRACE, "3s")
        self._create_register()
        cluster.start_haproxy()
        for machine in self.machines():
            machine.faults.set(fsync_skipped=0)
            machine.disk.sync()

    def _machine(self, name, make):
        place = disk.Disk(os.path.join(self.directory, f"{name}.img"),
                          os.path.join(self.directory, name))
        faults = preload.Faults(self.directory, name, self.library)
        faults.set(fsync_skipped=1)
        machine = self.by_name[name] = Machine(name, place, faults)
        machine.part = make(faults)
        return machine

    def _create_register(self):
        primary = self.cluster.primary()
        self._primary = primary.name
        primary.sql(f"CREATE ROLE app LOGIN PASSWORD '{APP_PASSWORD}'; {register.CREATE};"
                    f" GRANT ALL ON {register.TABLE}, {register.TABLE}_seq_seq TO app")

    def start_clients(self):
        c = self.cluster
        each = {n.name: c.conninfo(n.listen, n.port) for n in c.nodes}
        proxy = c.conninfo(*c.haproxy.read_write)
        both = list(each.values())
        self._clients("outside", c.client_host, [
            ("direct", "append", 1, both), ("proxied", "append", 2, [proxy]),
            ("direct-reads", "read", 1, both), ("proxied-reads", "read", 2, [proxy])])
        for key, node in enumerate(c.nodes, 1):
            # Beside each node, where no cut comes between: what it acknowledges is seen.
            self._clients(f"in-{node.name}", node.host, [
                (f"in-{node.name}", "append", key, [each[node.name]]),
                (f"in-{node.name}-reads", "read", key, [each[node.name]])])
        proc.wait_for(lambda: {"direct", "proxied"} <= self.who_got_an_answer(0), 15,
                      "both writers get an acknowledgement")

    def _clients(self, name, host, workers):
        log = os.path.join(self.directory, f"{name}.history")
        config = {"log": log, "names": {n.listen: n.name for n in self.cluster.nodes},
                  "workers": [{"name": n, "kind": kind, "key": key, "targets": targets,
                               "pause_ms": 15 if kind == "append" else 100, "retry_ms": 100}
                              for n, kind, key, targets in workers]}
        client = proc.Daemon(name, ["/usr/bin/python3", "-B", register.__file__,
                                    json.dumps(config)],
                             os.path.join(self.directory, f"{name}.log"), wrap=host.wrap())
        self.histories.append(log)
        self.clients.append(client.start())

    # What the clients see, while it happens.

    def who_got_an_answer(self, since):
        return {op["p"] for op in self._news() if op["op"] == "append" and
                op["result"] == "ok" and op["t0"] >= since}

    def _news(self):
        """What was added to the histories since the last call."""
        found = []
        for path in self.histories:
            if os.path.exists(path):
                with open(path, "rb") as f:
                    f.seek(self._read.get(path, 0))
                    whole, _, _ = f.read().rpartition(b"\n")
                self._read[path] = self._read.get(path, 0) + len(whole) + bool(whole)
                found += [json.loads(line) for line in whole.split(b"\n") if line]
        found.sort(key=lambda op: op["t1"])
        for op in found:
            if op["op"] == "append" and op["result"] == "ok":
                self._primary = op["node"]
        return found

    # For nemeses.

    def machine(self, role):
        """Who has a role now; the primary is who acknowledged last."""
        if role == "monitor":
            return self.by_name["monitor"]
        self._news()
        return next(self.by_name[n.name] for n in self.cluster.nodes
                    if (n.name == self._primary) == (role == "primary"))

    def machines(self):
        return list(self.by_name.values())

    def hold(self, machine):
        """Do not start its daemon; returns the function that lifts it."""
        machine.holds += 1
        machine.wanted = False

        def lift():
            machine.holds -= 1
        return lift

    def power_off(self, machine):
        machine.dark += 1
        machine.holds += 1
        machine.wanted = False
        if machine.disk.mounted:
            machine.disk.cut_power()
            machine.disk.unmount(lambda: proc.kill_all(machine.processes("all")))

    def power_on(self, machine):
        machine.dark -= 1
        machine.holds -= 1
        if not machine.dark:
            machine.disk.mount()

    def later(self, seconds, what):
        self.due.append((time.monotonic() + seconds, what))

    def turn(self):
        """What is due, and the service managers' work."""
        now = time.monotonic()
        ready = [what for at, what in self.due if at <= now]
        self.due = [entry for entry in self.due if entry[0] > now]
        for what in ready:
            what()
        proc.reap_orphans()
        for machine in self.machines():
            machine.tend(self.exits)

    def wait(self, condition, deadline, message):
        def turn():
            self.turn()
            return condition()
        proc.wait_for(turn, deadline, message, 0.02)

    # Ending it.

    def stop_clients(self):
        for client in self.clients:
            client.stop(5)

    def keep_logs(self):
        """What only the disks have goes beside the rest, before these go."""
        for name in self.by_name:
            for path in glob.glob(f"{self.directory}/{name}/data.pgaf/*"):
                if os.path.isfile(path) and not os.path.basename(path).startswith("server"):
                    shutil.copy(path, f"{self.directory}/{name}-{os.path.basename(path)}")

    def close(self):
        """Whatever of it fails, the rest is done, or the next world could not begin."""
        with contextlib.ExitStack() as last:
            last.callback(disk.unshare, self.directory)
            last.callback(self.net.close)
            for machine in self.machines():
                last.callback(machine.disk.close)
            last.callback(nemesis.sweep, self.net.tag)
            last.callback(proc.sweep, self.directory)
            last.callback(self.cluster.close)
            for machine in self.machines():
                machine.holds = 1
                if machine.part:
                    proc.kill_all(machine.processes("all"))


class Scenario:
    def __init__(self, seed, directory, say=print):
        self.seed = seed
        self.faults = schedule(seed)
        self.directory = directory
        self.say = say
        self.world = None
        self.touches = []
        self.row = {"seed": seed, "kinds": sorted({f.kind for f in self.faults}),
                    "schedule": in_words(self.faults), "stuck": False}

    def run(self):
        """Returns the row of results; `violations` in it is empty when all is well."""
        began = time.monotonic()
        for line in self.row["schedule"]:
            self.say(f"seed {self.seed}: {line}")
        self.world = World(self.directory)
        try:
            self._run()
            self.row["seconds"] = round(time.monotonic() - began, 1)
            if any(self.row["violations"].values()):
                self.world.keep_logs()
                self._keep("result.json", json.dumps(self.row, indent=1))
        finally:
            self.world.close()
        return self.row

    def _keep(self, name, text):
        with open(os.path.join(self.directory, name), "w", encoding="utf-8") as f:
            f.write(text)

    def _run(self):
        world = self.world
        world.start()
        world.start_clients()
        world.by_name["monitor"].disk.copy()
        before = self._timeline()
        self._do_faults()
        trouble = self._settle()
        world.stop_clients()
        ops = history.load(world.histories)
        final, copy = self._contents()
        self.row.update(history.judge(ops, final, self.touches))
        violations = self.row["violations"]
        violations["stuck"] = trouble
        violations["copies differ"] = copy
        after = self._timeline()
        self.row["failovers"] = after - before if after else len(self.row["terms"]) - 1
        if self.row["failovers"] and not self.touches and not violations["needless failover"]:
            violations["needless failover"] = [f"timeline {before} became {after}"]
        self.row["exits"] = world.exits

    def _timeline(self):
        node = self.world.cluster.primary()
        return node and node.value("SELECT timeline_id FROM pg_control_checkpoint()"
                                   if node.value("SELECT pg_is_in_recovery()") else
                                   "SELECT ('x' || substr(pg_walfile_name("
                                   "pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int")

    def _do_faults(self):
        start = time.monotonic()
        for fault in self.faults:
            found = KINDS[fault.kind](self.world, fault.params)
            at = start + fault.at - time.monotonic()
            self.world.later(at, lambda f=fault, n=found: self._begin(f, n))
        self.world.wait(lambda: not self.world.due, 60, "all faults are over")

    def _begin(self, fault, one):
        t = time.monotonic_ns()
        one.start()
        self.say(f"{t / 1e9:.3f} begins: {one.describe()}")
        self.world.later(fault.lasts, lambda: self._end(one, t))

    def _end(self, one, began):
        touched = one.touches()
        one.stop()
        now = time.monotonic_ns()
        self.say(f"{now / 1e9:.3f} ended: {one.describe()}")
        self.touches += [(began, now, name, weight) for name, weight in touched]

    def _settle(self):
        """The group whole again and both writers served; returns what is wrong as a list."""
        world, since = self.world, time.monotonic_ns()
        served = set()

        def all_well():
            served.update(world.who_got_an_answer(since))
            return world.cluster.settled() and {"direct", "proxied"} <= served
        try:
            world.wait(all_well, SETTLE_SECONDS, lambda: world.cluster.describe(
                f"primary + secondary, and answers to the writers (to {sorted(served)})"))
        except proc.Timeout as late:
            self.row["stuck"] = True
            self._keep("stuck.txt", str(late))
            self.say(f"seed {self.seed} is stuck: {late}")
            return [str(late).split("\n", maxsplit=1)[0]]
        finally:
            self.row["settled_ms"] = round((time.monotonic_ns() - since) / 1e6)
        return []

    def _contents(self):
        """(what the primary has, complaints if the standby never has the same)."""
        query = f"SELECT key, writer, value FROM {register.TABLE} ORDER BY seq"
        primary = self.world.cluster.primary()
        if not primary:
            return None, ["no primary to read from"]
        final = primary.sql(query)
        standby = self.world.cluster.standby()

        def same():
            try:
                return standby.sql(query) == final
            except psycopg2.Error:
                return False
        try:
            if standby:
                proc.wait_for(same, 10, f"{standby.name} has what {primary.name} has")
        except proc.Timeout as late:
            return final, [str(late)]
        return final, []


# Results of all runs, in one file.

COLUMNS = ("nemesis", "runs", "failovers", "acknowledged", "lost", "stuck", "two primaries",
           "needless", "doubtful")


def append(path, row):
    with open(path, "a", encoding="utf-8") as f:
        f.write(json.dumps(row) + "\n")


def read(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


def passed(rows, commit, seed):
    return any(r["commit"] == commit and r["seed"] == seed and r["passed"] for r in rows)


def table(rows):
    """Figures per nemesis, as lines; a scenario counts for each of its nemeses."""
    def count(name, chosen):
        bad = [r["violations"] for r in chosen]
        return (name, len(chosen), sum(r["failovers"] for r in chosen),
                sum(r["acknowledged"] for r in chosen), sum(len(v["lost"]) for v in bad),
                sum(r["stuck"] for r in chosen), sum(len(v["two primaries"]) for v in bad),
                sum(len(v["needless failover"]) for v in bad),
                sum(r["doubtful"] for r in chosen))
    lines = [COLUMNS]
    lines += [count(k, [r for r in rows if k in r["kinds"]]) for k in sorted(KINDS)]
    lines.append(count("all scenarios", rows))
    cells = [[str(c) for c in line] for line in lines]
    widths = [max(len(line[i]) for line in cells) for i in range(len(COLUMNS))]
    return ["  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip() for line in cells]
