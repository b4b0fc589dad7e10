# SPDX-License-Identifier: PostgreSQL
"""A primary and a synchronous standby made by hand, without any daemon of ours.

The harness proves itself against these: what it reports of PostgreSQL alone is the floor that
its figures of whole clusters stand on.
"""
import glob
import os
import signal
import time

import psycopg2

from . import proc, writes
from .ports import free_port

HBA = """
local all postgres peer
host all all 0.0.0.0/0 scram-sha-256
host replication all 0.0.0.0/0 scram-sha-256
"""
PASSWORD = "test-only"


def bindir():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"),
                   key=lambda path: int(path.split("/")[-2]))
    return found[-1]


class Instance:
    def __init__(self, directory, name, address, port, wrap=()):
        self.name, self.address, self.port = name, address, port
        self.home = proc.make_directory(os.path.join(directory, name))
        self.pgdata = os.path.join(self.home, "data")
        self.daemon = proc.Daemon(
            name, ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                   f"{bindir()}/postgres", "-D", self.pgdata],
            os.path.join(directory, f"{name}.log"), wrap=list(wrap))

    def tool(self, *argv):
        return proc.run(["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                         *argv], wrap=self.daemon.wrap, timeout=60,
                        env={"PGPASSWORD": PASSWORD})

    def configure(self, text):
        path = os.path.join(self.pgdata, "postgresql.conf")
        with open(path, "a", encoding="ascii") as f:
            f.write(f"listen_addresses='{self.address}'\nport={self.port}\n"
                    f"unix_socket_directories='{self.home}'\nshared_buffers=16MB\n{text}")

    def create(self, settings="", *options):
        self.tool(f"{bindir()}/initdb", "-D", self.pgdata, "-A", "peer", "-k", *options)
        self.configure(settings)
        with open(os.path.join(self.pgdata, "pg_hba.conf"), "w", encoding="ascii") as f:
            f.write(HBA)

    def clone(self, primary, *options):
        self.tool(f"{bindir()}/pg_basebackup", "-D", self.pgdata, "-R", "-c", "fast", *options,
                  "-d", f"host={primary.address} port={primary.port} user=app"
                  f" application_name={self.name}")
        self.configure("synchronous_standby_names=''\nwal_retrieve_retry_interval=20ms\n")

    def start(self):
        self.daemon.start()
        proc.wait_for(self.answers, 20, lambda: f"{self.name} starts\n{self.daemon.log_tail()}")
        return self

    def answers(self):
        try:
            self.sql("SELECT 1")
            return True
        except psycopg2.Error:
            return False

    def sql(self, text):
        with proc.as_user("postgres"):
            conn = psycopg2.connect(host=self.home, port=self.port, dbname="postgres",
                                    user="postgres", connect_timeout=2)
        try:
            conn.autocommit = True
            with conn.cursor() as cursor:
                cursor.execute(text)
                return cursor.fetchall() if cursor.description else None
        finally:
            conn.close()

    def conninfo(self):
        return (f"host={self.address} port={self.port} user=app password={PASSWORD}"
                " dbname=postgres gssencmode=disable")


def make_pair(directory, places):
    """Start primary `a` and synchronous standby `b`; `places` are (address, port, wrap)."""
    a = Instance(directory, "a", *places[0])
    b = Instance(directory, "b", *places[1])
    a.create("synchronous_standby_names='b'\n")
    a.start()
    a.sql("SET synchronous_commit=local;"
          f"CREATE ROLE app LOGIN REPLICATION SUPERUSER PASSWORD '{PASSWORD}'")
    b.clone(a)
    b.start()
    proc.wait_for(lambda: a.sql("SELECT 1 FROM pg_stat_replication WHERE sync_state='sync'"),
                  10, "b is the synchronous standby of a")
    return a, b


class Pairs:
    """A pair for each test of a file: the same one again where the test before left it whole."""

    def __init__(self, directory):
        self.directory = directory
        self.pair = None
        self.made = 0

    def get(self):
        if self.pair and not self._whole():
            self.close()
        if not self.pair:
            self.made += 1
            directory = proc.make_directory(os.path.join(self.directory, f"plain{self.made}"))
            places = [("127.0.0.1", free_port(), ()) for _ in range(2)]
            self.pair = make_pair(directory, places)
        return self.pair

    def _whole(self):
        """The primary is one, it waits for the standby, and what a test made is gone again."""
        a, b = self.pair
        if not a.daemon.running() or not b.daemon.running():
            return False
        try:
            whole = a.sql("SELECT pg_is_in_recovery(), array_agg(sync_state) FROM"
                          " pg_stat_replication") == [(False, ["sync"])] and b.answers()
            if whole:
                a.sql(f"DROP TABLE IF EXISTS {writes.TABLE}")
            return whole
        except psycopg2.Error:
            return False

    def close(self):
        for instance in self.pair or ():
            instance.daemon.stop(sig=signal.SIGINT)
        self.pair = None


def crash(instance):
    """SIGKILL the postmaster; returns the moment just before."""
    t = time.monotonic_ns()
    instance.daemon.send(signal.SIGKILL)
    return t
