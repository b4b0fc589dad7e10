# SPDX-License-Identifier: PostgreSQL
"""A client that never gives up: inserts a fresh id with each commit, and notes what came of it.

Run as a program, with its settings as JSON in the only argument. It is one thread around poll(2)
with psycopg2 connections in asynchronous mode, so that a host whose packets vanish costs it a
deadline of its own and not one of libpq's. Each worker holds one session; when that is lost, or a
commit on it hangs, the worker tries an insert on every other address each 20 ms until one is
acknowledged, and stays there. Every line of its log is one outcome, times are CLOCK_MONOTONIC:

	A id ns target sent-ns      acknowledged: success, and no warning came with it
	U id ns target reason       unknown: lost, given up, or success with a warning
	F id ns target sqlstate     certainly not committed, on the session in use
	R id ns target sqlstate     the same on another session, while looking for the primary
	S ns lateness-ns            this program was late itself (not scheduled, or busy)
"""
import gc
import json
import os
import select
import signal
import sys
import time

import psycopg2
from psycopg2 import extensions as ext

MS = 1_000_000
CONNECTING, IDLE, BUSY, CLOSED = range(4)
EVENTS = {ext.POLL_READ: select.POLLIN, ext.POLL_WRITE: select.POLLOUT}

# Errors after which a commit that was under way may have happened all the same.
UNSURE = ("08", "57", "58", "XX", "40003")


def now():
    return time.monotonic_ns()


class Session:
    """One connection, and at most one insert outstanding on it."""

    def __init__(self, worker, target):
        self.worker = worker
        self.writer = worker.writer
        self.target = target
        self.born = self.since = now()
        self.next_try = 0
        self.ident = None
        self.state = CONNECTING
        self.events = select.POLLOUT
        self.cursor = None
        try:
            self.conn = psycopg2.connect(target["conninfo"], async_=1)
            self.step()
        except psycopg2.Error:
            self.conn = None
            self.state = CLOSED

    def fileno(self):
        return self.conn.fileno()

    def insert(self):
        self.ident = self.writer.fresh_id()
        self.since = now()
        self.state = BUSY
        del self.conn.notices[:]
        try:
            self.cursor = self.conn.cursor()
            self.cursor.execute(self.writer.statement, (self.ident,))
            self.step()
        except psycopg2.Error as error:
            self.failed(error)

    def step(self):
        """Let libpq go on; returns True if an insert was acknowledged just now."""
        try:
            wants = self.conn.poll()
        except psycopg2.Error as error:
            return self.failed(error)
        if wants != ext.POLL_OK:
            self.events = EVENTS[wants]
            return False
        self.events = select.POLLIN
        if self.state == CONNECTING:
            self.state = IDLE
            return False
        return self.state == BUSY and self.succeeded()

    def succeeded(self):
        self.state = IDLE
        if self.conn.notices:
            self.note("U", "warning: " + " ".join(self.conn.notices[0].split()))
            return False
        self.note("A", self.since)
        return True

    def failed(self, error):
        code = getattr(error, "pgcode", None) or ""
        if self.state == BUSY and code and not code.startswith(UNSURE):
            self.note("F" if self.worker.main is self else "R", code)
            self.state = IDLE
            # A server that is read-only now may become writable in the next moment.
            self.next_try = now() + self.writer.retry
            if not self.conn.closed:
                return False
        self.close(code or type(error).__name__)
        return False

    def note(self, kind, what):
        self.writer.note(f"{kind} {self.ident} {now()} {self.target['name']} {what}")
        self.ident = None

    def close(self, reason="closed"):
        if self.state == BUSY and self.ident is not None:
            self.note("U", reason)
        self.state = CLOSED
        try:
            self.conn.close()
        except psycopg2.Error:
            pass


class Worker:
    def __init__(self, writer, first_due):
        self.writer = writer
        self.due = first_due
        self.main = None
        self.scouts = {t["name"]: [] for t in writer.targets}
        self.last_start = {t["name"]: 0 for t in writer.targets}
        self.left = []		# sessions given up with an insert still outstanding

    def sessions(self):
        if self.main:
            yield self.main
        for group in self.scouts.values():
            yield from group
        yield from self.left

    def acknowledged(self, session):
        if session in self.left:
            return
        if session is not self.main:
            if self.main:
                self.leave(self.main)
            self.main = session
        for group in self.scouts.values():
            for other in group:
                if other is not session:
                    self.leave(other)
            group.clear()
        self.due = max(self.due + self.writer.interval, now())

    def leave(self, session):
        if session.state == BUSY:
            self.left.append(session)
        elif session.state != CLOSED:
            session.close()

    def tick(self, t):
        w = self.writer
        if self.main and self.main.state == CLOSED:
            self.main = None
        if self.main and self.main.state == IDLE and self.main.next_try > t:
            # Refused (read-only): this session is now one of those that are tried.
            self.scouts[self.main.target["name"]].append(self.main)
            self.main = None
        if self.main and self.main.state == IDLE and t >= self.due:
            self.main.insert()
        if not self.main or (self.main.state == BUSY and t - self.main.since > w.hang):
            self.scout(t)
        for session in self.left:
            if session.state == IDLE or t - session.since > w.give_up:
                session.close("given up")
        self.left = [s for s in self.left if s.state == BUSY]

    def scout(self, t):
        w = self.writer
        for target in w.targets:
            name = target["name"]
            if self.main and self.main.target is target and t - self.main.since < w.same:
                continue
            group = self.scouts[name]
            for session in group:
                if session.state == IDLE and t >= session.next_try:
                    session.insert()
                elif session.state == CONNECTING and t - session.born > w.connect_limit:
                    session.close()
            self.scouts[name] = group = [s for s in group if s.state != CLOSED]
            fresh = any(s.state == IDLE or t - s.since < w.overlap for s in group)
            if not fresh and len(group) < w.most and t - self.last_start[name] >= w.retry:
                self.last_start[name] = t
                group.append(Session(self, target))


class Writer:
    def __init__(self, config):
        self.targets = config["targets"]
        self.statement = config["statement"]
        self.next_id = config.get("first_id", 1)
        self.log = os.open(config["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        workers = config.get("workers", 2)
        self.interval = int(1e9 * workers / config.get("rate", 170))
        self.retry = config.get("retry_ms", 20) * MS
        self.overlap = config.get("overlap_ms", 100) * MS
        self.hang = config.get("hang_ms", 100) * MS
        # Behind one address there may be another server by now; else the same one is meant.
        self.same = self.hang if len(self.targets) == 1 else 2000 * MS
        self.connect_limit = config.get("connect_limit_ms", 1000) * MS
        self.give_up = config.get("give_up_ms", 60000) * MS
        self.most = config.get("most", 6)
        start = now()
        self.workers = [Worker(self, start + i * self.interval // workers)
                        for i in range(workers)]
        self.stopping = False

    def fresh_id(self):
        self.next_id += 1
        return self.next_id - 1

    def note(self, line):
        os.write(self.log, (line + "\n").encode())

    def turn(self):
        """One pass: act on what is due, sleep until something happens, take it in."""
        t = now()
        for worker in self.workers:
            if not self.stopping:
                worker.tick(t)
        poller = select.poll()
        by_fd = {}
        for worker in self.workers:
            for session in worker.sessions():
                if session.state != CLOSED:
                    poller.register(session.fileno(), session.events)
                    by_fd[session.fileno()] = (worker, session)
        ready = poller.poll(self.sleep_ms())
        woken = now()
        for fd, _ in ready:
            worker, session = by_fd[fd]
            if session.step():
                worker.acknowledged(session)
        return woken

    def sleep_ms(self):
        t = now()
        soonest = t + 10 * MS
        for worker in self.workers:
            if worker.main and worker.main.state == IDLE:
                soonest = min(soonest, worker.due)
            elif not worker.main or t - worker.main.since > self.hang:
                soonest = min(soonest, t + 2 * MS)
        self.expected = soonest
        return max(0.0, (soonest - t) / MS)

    def run(self):
        gc.disable()
        while not self.stopping:
            woken = self.turn()
            done = now()
            late = max(woken - self.expected, done - woken)
            if late > 5 * MS:
                self.note(f"S {done} {late}")
        # Answers that are on their way still count; the rest stays unknown.
        end = now() + 300 * MS
        while now() < end and any(s.state == BUSY for w in self.workers for s in w.sessions()):
            self.turn()
        for worker in self.workers:
            for session in worker.sessions():
                if session.state != CLOSED:
                    session.close("stopped")


def main():
    writer = Writer(json.loads(sys.argv[1]))

    def stop(*_):
        writer.stopping = True
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        os.nice(-10)		# what is measured must not be the client waiting for a core
    except OSError:
        pass
    writer.run()


if __name__ == "__main__":
    main()
