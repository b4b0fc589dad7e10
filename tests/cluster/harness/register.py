# SPDX-License-Identifier: PostgreSQL
"""Clients of the campaign: append to registers and read them, and keep the history of it.

Run as a program, with its settings as JSON in the only argument. Each worker is a thread with one
session and one operation at a time. An operation that has no answer after `patience_ms` is given
up, and its session with it: it may have happened. Every line of the history is one operation, as
JSON; times are CLOCK_MONOTONIC in ns, `t0` before it was sent and `t1` after its answer:

	ok       done: success, and no warning came with it; `node` and `tli` are who answered
	fail     certainly not done
	unknown  sent, and nobody knows
"""
import json
import os
import select
import signal
import sys
import threading
import time

import psycopg2
from psycopg2 import extensions as ext

MS = 1_000_000
TABLE = "register"
CREATE = (f"CREATE TABLE IF NOT EXISTS {TABLE} (key int, writer text, value int,"
          " seq bigserial, PRIMARY KEY (key, writer, value))")
ANSWERS = "host(inet_server_addr()), pg_is_in_recovery()"
APPEND = (f"INSERT INTO {TABLE} (key, writer, value) VALUES (%s, %s, %s) RETURNING"
          f" {ANSWERS}, substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)")
READ = (f"SELECT coalesce(json_object_agg(writer, value), '{{}}'), {ANSWERS} FROM"
        f" (SELECT writer, max(value) AS value FROM {TABLE} WHERE key = %s GROUP BY writer) newest")

# Errors after which a commit that was under way may have happened all the same.
UNSURE = ("08", "57", "58", "XX", "40003")


def now():
    return time.monotonic_ns()


class GivenUp(Exception):
    """No answer in time."""


class Patience(threading.local):
    """Until when the calls of this thread into libpq may wait."""
    until = 0


patience = Patience()


def wait(conn):
    """psycopg2 calls this instead of blocking inside libpq, where a silent host would hold it."""
    while True:
        state = conn.poll()
        if state == ext.POLL_OK:
            return
        left = (patience.until - now()) / 1e9
        if left <= 0:
            raise GivenUp
        fd = [conn.fileno()]
        if state == ext.POLL_READ:
            select.select(fd, [], [], left)
        else:
            select.select([], fd, [], left)


class Worker(threading.Thread):
    def __init__(self, clients, config):
        super().__init__(name=config["name"])
        self.clients = clients
        self.config = config
        self.targets = config["targets"]
        self.at = 0
        self.conn = None
        self.value = 0

    def run(self):
        pauses = self.config["retry_ms"] / 1000, self.config["pause_ms"] / 1000
        done = True
        while not self.clients.stopping.wait(pauses[done]):
            done = self.turn()
        self.leave()

    def leave(self):
        if self.conn is not None:
            self.conn.close()
        self.conn = None

    def connect(self):
        patience.until = now() + self.config.get("connect_ms", 700) * MS
        try:
            self.conn = psycopg2.connect(self.targets[self.at])
            self.conn.autocommit = True
            return True
        except (psycopg2.Error, GivenUp):
            self.next_target()
            return False

    def next_target(self):
        self.leave()
        self.at = (self.at + 1) % len(self.targets)

    def turn(self):
        """One operation; returns whether it came to a good end."""
        if self.conn is None and not self.connect():
            return False
        op = {"p": self.name, "op": self.config["kind"], "key": self.config["key"], "t0": now()}
        patience.until = op["t0"] + self.config.get("patience_ms", 1500) * MS
        del self.conn.notices[:]
        try:
            self.carry_out(op)
        except GivenUp:
            op.update(result="unknown", why="no answer")
            self.next_target()
        except psycopg2.Error as error:
            self.failed(op, error)
        op["t1"] = now()
        self.clients.note(op)
        return op["result"] == "ok"

    def carry_out(self, op):
        with self.conn.cursor() as cursor:
            if op["op"] == "append":
                self.value += 1
                op["value"] = self.value
                cursor.execute(APPEND, (op["key"], self.name, self.value))
                address, _, timeline = cursor.fetchone()
                op["tli"] = int(timeline, 16)
            else:
                cursor.execute(READ, (op["key"],))
                op["newest"], address, op["standby"] = cursor.fetchone()
        op["node"] = self.clients.names.get(address, address)
        op["result"] = "ok"
        if self.conn.notices:
            op.update(result="unknown", why="warning: " + self.conn.notices[0].strip())

    def failed(self, op, error):
        code = error.pgcode or ""
        sure = code and not code.startswith(UNSURE)
        op.update(result="fail" if sure else "unknown", why=code or type(error).__name__)
        if not sure or self.conn.closed or code == "25006":
            self.next_target()


class Clients:
    def __init__(self, config):
        self.names = config["names"]
        self.stopping = threading.Event()
        self.log = os.open(config["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.workers = [Worker(self, w) for w in config["workers"]]

    def note(self, op):
        os.write(self.log, (json.dumps(op) + "\n").encode())

    def run(self):
        signal.signal(signal.SIGTERM, lambda *_: self.stopping.set())
        for worker in self.workers:
            worker.start()
        for worker in self.workers:
            while worker.is_alive():
                worker.join(0.2)


if __name__ == "__main__":
    ext.set_wait_callback(wait)
    Clients(json.loads(sys.argv[1])).run()
