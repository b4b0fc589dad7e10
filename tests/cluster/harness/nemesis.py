# SPDX-License-Identifier: PostgreSQL
"""The nemeses: each kind of fault as a small class that starts it, ends it and says what it is.

A fault aims at a role ("primary", "standby", "monitor"); who that is, is found out when it starts.
It is made of parameters that `draw` takes from a random generator, so that a seed gives one
schedule. `touches` tells for whom it is a reason to lose the role of primary: "hard" takes the
service away, "light" disturbs a link or the keeper, which alone is no reason.
"""
import glob
import os
import signal

from . import proc

HOSTS = ("primary", "standby", "monitor")
# The primary is hit more often, for that is where something is to be lost.
NODES = ("primary", "primary", "standby")
ANY = ("primary", "primary", "standby", "monitor")
KINDS = {}


def kind(name):
    def note(cls):
        cls.kind = name
        KINDS[name] = cls
        return cls
    return note


class Nemesis:
    """`world` is the campaign's view of the cluster, `params` what `draw` returned."""
    kind = ""
    weight = "hard"
    lasts = (1.0, 4.0)		# seconds, at least and at most

    def __init__(self, world, params):
        self.world = world
        self.params = params
        self.target = None
        self.undo = []

    @staticmethod
    def draw(random):
        return {"role": random.choice(NODES)}

    def start(self):
        self.target = self.world.machine(self.params["role"])
        self.begin()

    def begin(self):
        raise NotImplementedError

    def stop(self):
        while self.undo:
            self.undo.pop()()

    def touches(self):
        """(node, weight) of each node whose failover this may cause."""
        return [(self.target.name, self.weight)]

    @classmethod
    def words(cls, params):
        """The fault in words; who has the role is not known yet."""
        return f"{cls.kind}: {' '.join(str(v) for v in params.values())}"

    def describe(self):
        return self.words(self.params) + (f" ({self.target.name})" if self.target else "")


# Processes.

NODE_PROCESSES = ("keeper", "postmaster", "all")
MONITOR_PROCESSES = ("daemon", "postmaster", "all")


@kind("kill")
class Kill(Nemesis):
    """SIGKILL. The service file starts a daemon again, but only after a while."""
    lasts = (0.2, 3.0)

    @staticmethod
    def draw(random):
        return {"role": random.choice(NODES), "process": random.choice(NODE_PROCESSES)}

    def begin(self):
        machine, process = self.target, self.params["process"]
        if process != "postmaster":
            self.undo.append(self.world.hold(machine))
        proc.kill_all(machine.processes(process))

    def touches(self):
        return [(self.target.name, "light" if self.params["process"] == "keeper" else "hard")]


@kind("stop")
class Stop(Nemesis):
    """SIGSTOP, and SIGCONT at the end, to exactly those that were stopped."""
    lasts = (2.0, 6.0)

    @staticmethod
    def draw(random):
        role = random.choice(NODES)
        replication = "walsender" if role == "primary" else "walreceiver"
        return {"role": role, "process": random.choice((*NODE_PROCESSES, replication))}

    def begin(self):
        pids = self.target.processes(self.params["process"])
        proc.kill_all(pids, signal.SIGSTOP)
        self.undo.append(lambda: proc.kill_all(pids, signal.SIGCONT))

    def touches(self):
        return [(self.target.name, "light" if self.params["process"] == "keeper" else "hard")]


@kind("kill monitor")
class KillMonitor(Kill):
    weight = None

    @staticmethod
    def draw(random):
        return {"role": "monitor", "process": random.choice(MONITOR_PROCESSES)}

    def touches(self):
        return []


@kind("stop monitor")
class StopMonitor(Stop):
    @staticmethod
    def draw(random):
        return {"role": "monitor", "process": random.choice(MONITOR_PROCESSES)}

    def touches(self):
        return []


# The network.

class OfLinks(Nemesis):
    lasts = (1.0, 6.0)
    what = "pairs"

    def start(self):
        self.target = None
        pairs = self.pairs()
        self.world.net.hold(self, pairs, self.what)
        self.undo.append(lambda: self.world.net.let_go(self))

    def pairs(self):
        raise NotImplementedError

    def touches(self):
        return []


@kind("cut one way")
class CutOneWay(OfLinks):
    """Frames of one direction between two hosts vanish."""
    both = False

    @staticmethod
    def draw(random):
        a, b = random.sample(HOSTS, 2)
        return {"from": a, "to": b}

    def pairs(self):
        a, b = (self.world.machine(self.params[end]).name for end in ("from", "to"))
        self.ends = a, b
        return {(a, b), (b, a)} if self.both else {(a, b)}

    def touches(self):
        return [(name, "light") for name in self.ends]

    def describe(self):
        return super().describe() + f" {self.ends}"


@kind("cut both ways")
class CutBothWays(CutOneWay):
    both = True


@kind("isolate")
class Isolate(OfLinks):
    """All frames from and to a host vanish."""
    @staticmethod
    def draw(random):
        return {"role": random.choice(ANY)}

    def pairs(self):
        self.target = self.world.machine(self.params["role"])
        name = self.target.name
        others = [other for other in self.world.net.hosts if other != name]
        return {(name, o) for o in others} | {(o, name) for o in others}

    def touches(self):
        return [(self.target.name, "hard")]


@kind("loss")
class Loss(Isolate):
    """A part of a host's frames vanishes, at random."""
    @staticmethod
    def draw(random):
        return {"role": random.choice(ANY), "percent": random.choice((5, 20))}

    def pairs(self):
        self.what = f"lossy{self.params['percent']}"
        return super().pairs()

    def touches(self):
        return [(self.target.name, "light")]


@kind("relay")
class Relay(Nemesis):
    """Delay, duplication and reordering of all of a host's frames."""
    weight = "light"
    lasts = (2.0, 6.0)

    @staticmethod
    def draw(random):
        return {"role": random.choice(ANY), "delay_ms": random.choice((0, 5, 40)),
                "jitter_ms": random.choice((0, 2, 20)), "twice_percent": random.choice((0, 5, 30)),
                "seed": random.randrange(1000)}

    def begin(self):
        settings = {k: v for k, v in self.params.items() if k != "role"}
        name = self.target.name
        relay = self.world.net.start_relay(name, **settings)
        self.undo.append(lambda: self.world.net.stop_relay(name, relay))

    @classmethod
    def words(cls, params):
        return "{}: {role}, {delay_ms} + {jitter_ms} ms, {twice_percent} % twice".format(
            cls.kind, **params)


# Power and the monitor's memory.

@kind("power")
class Power(Nemesis):
    """All machines lose power at once, and what they had not synced; they start in any order."""
    lasts = (0.5, 2.0)

    @staticmethod
    def draw(random):
        order = random.sample(HOSTS, 3)
        return {"order": order, "pauses": [random.choice((0, 0, 0.7, 2.5)) for _ in order[1:]]}

    def start(self):
        self.machines = [self.world.machine(role) for role in self.params["order"]]
        for machine in self.machines:
            self.world.power_off(machine)

    def stop(self):
        pauses = [0, *self.params["pauses"]]
        at = 0
        for machine, pause in zip(self.machines, pauses):
            at += pause
            self.world.later(at, lambda machine=machine: self.world.power_on(machine))
        self.machines = []

    def touches(self):
        return [(m.name, "hard") for m in self.world.machines()]

    @classmethod
    def words(cls, params):
        return f"power: all at once, back in order {params['order']}, pauses {params['pauses']} s"

    def describe(self):
        return self.words(self.params)


@kind("power of one")
class PowerOfOne(Nemesis):
    """The same for one machine."""
    @staticmethod
    def draw(random):
        return {"role": random.choice(ANY)}

    def begin(self):
        self.world.power_off(self.target)
        self.undo.append(lambda: self.world.power_on(self.target))


@kind("older monitor")
class OlderMonitor(Nemesis):
    """The monitor comes back from a copy that was made before the first fault."""
    lasts = (0.1, 1.5)

    @staticmethod
    def draw(random):
        return {"role": "monitor"}

    def begin(self):
        self.world.power_off(self.target)
        self.target.disk.restore()
        self.undo.append(lambda: self.world.power_on(self.target))

    def touches(self):
        return []


# Disks.

@kind("disk full")
class DiskFull(Nemesis):
    lasts = (2.0, 6.0)

    @staticmethod
    def draw(random):
        return {"role": random.choice(ANY)}

    def begin(self):
        disk = self.target.disk
        disk.fill()
        self.undo.append(disk.empty)


@kind("read-only")
class ReadOnly(Nemesis):
    """The file system turns read-only after an error, until somebody repairs the machine."""
    lasts = (2.0, 5.0)

    @staticmethod
    def draw(random):
        return {"role": random.choice(ANY)}

    def begin(self):
        disk = self.target.disk
        if not disk.mounted:
            return		# another fault has taken the power away
        disk.turn_read_only()
        self.undo.append(self.repair)

    def repair(self):
        self.world.power_off(self.target)
        self.target.disk.repair()
        self.world.power_on(self.target)


@kind("fsync hangs")
class FsyncHangs(Nemesis):
    lasts = (2.0, 6.0)

    @staticmethod
    def draw(random):
        return {"role": random.choice(ANY)}

    def begin(self):
        self.target.faults.set(fsync_hangs=1)
        self.undo.append(lambda: self.target.faults.set(fsync_hangs=0))


@kind("fsync slow")
class FsyncSlow(Nemesis):
    lasts = (2.0, 6.0)

    @staticmethod
    def draw(random):
        return {"role": random.choice(ANY), "ms": random.choice((20, 150, 700))}

    def begin(self):
        self.target.faults.set(fsync_delay_ms=self.params["ms"])
        self.undo.append(lambda: self.target.faults.set(fsync_delay_ms=0))


# Clock and CPU.

@kind("clock")
class Clock(Nemesis):
    """The wall clock jumps, and jumps back. Nothing may come of it."""
    @staticmethod
    def draw(random):
        return {"role": random.choice(ANY),
                "seconds": random.choice((-86400 * 400, -3600, -2, 2, 3600, 86400 * 400))}

    def begin(self):
        self.target.faults.set(clock_offset_ns=self.params["seconds"] * 1_000_000_000)
        self.undo.append(lambda: self.target.faults.set(clock_offset_ns=0))

    def touches(self):
        return []


CPU = "/sys/fs/cgroup/cpu"


@kind("cpu")
class Starve(Nemesis):
    """All processes of a machine share a few percent of one core."""
    lasts = (2.0, 6.0)

    @staticmethod
    def draw(random):
        return {"role": random.choice(ANY), "percent": random.choice((2, 5, 15))}

    def begin(self):
        group = f"{CPU}/{self.world.net.tag}-{self.target.name}"
        os.makedirs(group, exist_ok=True)
        quota = self.params["percent"] * 1000
        write(f"{group}/cpu.cfs_period_us", 100000)
        write(f"{group}/cpu.cfs_quota_us", quota)
        self.undo.append(lambda: release(group))
        for pid in self.target.processes("all"):
            write(f"{group}/cgroup.procs", pid)


def write(path, value):
    try:
        with open(path, "w", encoding="ascii") as f:
            f.write(str(value))
    except ProcessLookupError:
        pass


def sweep(tag):
    """What is left of a scenario that did not come to its end."""
    for group in glob.glob(f"{CPU}/{tag}-*"):
        release(group)


def release(group):
    """Everybody back to the root; those that fork meanwhile are seen the next time."""
    write(f"{group}/cpu.cfs_quota_us", -1)

    def empty():
        with open(f"{group}/cgroup.procs", encoding="ascii") as f:
            pids = f.read().split()
        for pid in pids:
            write(f"{CPU}/cgroup.procs", pid)
        return not pids
    proc.wait_for(empty, 5, f"{group} is empty")
    os.rmdir(group)
