# SPDX-License-Identifier: PostgreSQL
"""The test's side of a running writer: its outcomes, the outages in them, and what was lost."""
import bisect
import json
import os
import statistics
import sys
import time

from . import proc

TABLE = "users"
CREATE = (f"CREATE TABLE IF NOT EXISTS {TABLE} (id bigint PRIMARY KEY, name text NOT NULL,"
          " added timestamptz NOT NULL DEFAULT clock_timestamp())")
STATEMENT = f"INSERT INTO {TABLE} (id, name) VALUES (%s, 'somebody')"
PROGRAM = os.path.join(os.path.dirname(__file__), "writer.py")

_next_range = 1


class Writer:
    """`targets` is a list of (name, conninfo with numeric addresses)."""

    def __init__(self, name, targets, directory, wrap=(), **settings):
        global _next_range
        self.name = name
        self.outcomes = os.path.join(directory, f"{name}.outcomes")
        assert not os.path.exists(self.outcomes), f"{self.outcomes} is of another writer"
        config = {"targets": [{"name": n, "conninfo": c} for n, c in targets],
                  "statement": STATEMENT, "log": self.outcomes,
                  "first_id": _next_range * 1_000_000_000, **settings}
        _next_range += 1
        self.daemon = proc.Daemon(name, [sys.executable, PROGRAM, json.dumps(config)],
                                  os.path.join(directory, f"{name}.log"), wrap=list(wrap))
        self.acked = []		# (monotonic ns, id, target, sent ns), in order of time
        self.unknown = []	# (ns, id, target, reason)
        self.failed = []	# (ns, id, target, sqlstate), on the session in use
        self.refused = []	# the same of other sessions, while looking for the primary
        self.stalls = []	# (ns, lateness ns)
        self._read = 0
        self._rest = b""

    def start(self, deadline=10):
        self.daemon.start()
        if deadline:
            proc.wait_for(lambda: self.refresh().acked, deadline,
                          lambda: f"{self.name} gets an acknowledgement: {self.why_not()}")
        return self

    def stop(self):
        self.daemon.stop(deadline=5)
        return self.refresh()

    def why_not(self):
        return f"{self.failed[-1:]} {self.unknown[-1:]} {self.daemon.log_tail(5)}"

    def refresh(self):
        try:
            with open(self.outcomes, "rb") as f:
                f.seek(self._read)
                data = f.read()
        except FileNotFoundError:
            return self
        self._read += len(data)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._take(line.decode().split(" ", 4))
        return self

    def _take(self, words):
        if words[0] == "S":
            self.stalls.append((int(words[1]), int(words[2])))
            return
        kind, ident, at, target, rest = words
        if kind == "A":
            self.acked.append((int(at), int(ident), target, int(rest)))
        else:
            where = {"U": self.unknown, "F": self.failed, "R": self.refused}[kind]
            where.append((int(at), int(ident), target, rest))

    # What a client saw. Times are CLOCK_MONOTONIC in ns; results are in ms.

    def acks_after(self, t, target=None):
        first = bisect.bisect_right(self.refresh().acked, (t,))
        return [a for a in self.acked[first:] if target is None or a[2] == target]

    def wait_ack(self, after, deadline, target=None):
        """Wait for the first acknowledgement after a moment; returns it."""
        return proc.wait_for(
            lambda: self.acks_after(after, target), deadline,
            lambda: f"{self.name} gets an acknowledgement from {target or 'any node'}: "
                    f"{self.why_not()}")[0]

    def wait_acks(self, count, deadline):
        mark = time.monotonic_ns()
        proc.wait_for(lambda: len(self.acks_after(mark)) >= count, deadline,
                      lambda: f"{self.name} gets {count} acknowledgements: {self.why_not()}")

    def gaps(self, start, end=None):
        """(ms, begin) of each pause between acknowledgements that touches the time given."""
        end = end or time.monotonic_ns()
        times = [a[0] for a in self.refresh().acked]
        first = max(bisect.bisect_left(times, start) - 1, 0)
        last = bisect.bisect_right(times, end)
        window = times[first:last + 1]
        return [((b - a) / 1e6, a) for a, b in zip(window, window[1:])]

    def outage(self, start, end=None):
        """The longest time without an acknowledgement around an event, in ms."""
        return max(self.gaps(start, end), default=(float("inf"), 0))[0]

    def first_after(self, start, target):
        """From an event to the first acknowledgement of another node, in ms."""
        found = self.acks_after(start, target)
        return (found[0][0] - start) / 1e6 if found else float("inf")

    def troubles(self, start):
        """Writes that were not acknowledged since a moment, without the search for a node."""
        return [x for x in self.refresh().unknown + self.failed
                if x[0] >= start and x[3] != "stopped"]

    def rate(self, start, end=None):
        end = end or time.monotonic_ns()
        return len([a for a in self.refresh().acked if start <= a[0] <= end]) * 1e9 / (end - start)

    def late(self, start=0):
        """How late the measuring itself was at worst, in ms."""
        return max((s[1] / 1e6 for s in self.refresh().stalls if s[0] >= start), default=0.0)


def check_lost(writers, present):
    """(acknowledged, lost ids) of all writers; `present` are the ids on the primary."""
    acked = {a[1] for w in writers for a in w.refresh().acked}
    return len(acked), sorted(acked - set(present))


def median(values):
    return statistics.median(values) if values else float("nan")
