# SPDX-License-Identifier: PostgreSQL
"""A commit that is watched while it waits, and a pair of plain servers that is soon as new again.

What PostgreSQL does by itself is shown on that pair; what becomes of it under the daemons, on a
cluster.
"""
import os
import shutil
import signal
import threading
import time

import psycopg2

from . import plain, proc
from .cluster import visible_socket
from .ports import free_port


def socket_of(server):
    """Of an Instance, or of a Node of a cluster."""
    return server.home if isinstance(server, plain.Instance) else \
        visible_socket(server.pgdata, server.host)


class Commit:
    """One statement in a session of its own, running beside the test."""

    def __init__(self, server, text="INSERT INTO mark VALUES (1)", before=()):
        with proc.as_user("postgres"):
            self.conn = psycopg2.connect(host=socket_of(server), port=server.port, user="postgres",
                                         dbname="postgres", application_name="pgaf-test-commit")
        self.server = server
        self.conn.autocommit = True
        self.pid = self.conn.info.backend_pid
        self.acked_at = self.error = None
        with self.conn.cursor() as cursor:
            for setting in before:
                cursor.execute(setting)
        self.thread = threading.Thread(target=self._run, args=(text,), daemon=True)
        self.thread.start()

    def _run(self, text):
        try:
            with self.conn.cursor() as cursor:
                cursor.execute(text)
            self.acked_at = time.monotonic_ns()
        except psycopg2.Error as error:
            self.error = str(error)

    @property
    def warned(self):
        return any("WARNING" in notice for notice in self.conn.notices)

    def waits(self, deadline=5):
        """It waits for a standby; fails if it is acknowledged instead."""
        def waiting():
            assert not self.acked_at, "it was acknowledged"
            return self.server.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                                   f" AND pid = {self.pid}")
        proc.wait_for(waiting, deadline, lambda: f"the commit waits; {self.error}")
        return self

    def acked(self, deadline=5):
        proc.wait_for(lambda: self.acked_at, deadline, lambda: f"the commit returns; {self.error}")
        return self

    def ended(self, deadline=5):
        proc.wait_for(lambda: self.acked_at or self.error, deadline, "the commit ends")
        return self


class Pair:
    """A primary `a` and its synchronous standby `b`, from a picture of both that is kept."""

    SETTINGS = ("synchronous_standby_names='b'\nfsync=off\nautovacuum=off\nmax_connections=20\n"
                "wal_keep_size=32MB\nmin_wal_size=2MB\n")

    def __init__(self, directory):
        self.directory = proc.make_directory(directory)
        places = [("127.0.0.1", free_port(), ()) for _ in range(2)]
        self.a, self.b = (plain.Instance(self.directory, name, *place)
                          for name, place in zip("ab", places))
        self.a.create(self.SETTINGS, "--no-sync", "--wal-segsize=1")
        self.a.start()
        self.a.sql("SET synchronous_commit=local; CREATE TABLE mark (n int);"
                   f"CREATE ROLE app LOGIN REPLICATION SUPERUSER PASSWORD '{plain.PASSWORD}'")
        self.b.clone(self.a, "--no-sync")
        self.a.daemon.stop(sig=signal.SIGINT)
        self.settings = None		# of the servers that run; None: of no use any more
        for server in (self.a, self.b):
            self._move_settings(server)
            os.rename(server.pgdata, f"{server.pgdata}.kept")

    @staticmethod
    def _move_settings(server):
        """What pg_basebackup set, so that ALTER SYSTEM RESET ALL leaves it."""
        with open(os.path.join(server.pgdata, "postgresql.auto.conf"), "r+", encoding="ascii") as f:
            text = f.read()
            f.truncate(0)
        with open(os.path.join(server.pgdata, "postgresql.conf"), "a", encoding="ascii") as f:
            f.write(text)

    def sweep(self):
        proc.sweep(self.directory)

    def fresh(self, settings=""):
        """Both as they were at first, streaming; `settings` are for both."""
        self.settings = None
        self.sweep()
        for server in (self.a, self.b):
            shutil.rmtree(server.pgdata, ignore_errors=True)
            proc.run(["cp", "-a", f"{server.pgdata}.kept", server.pgdata])
            with open(os.path.join(server.pgdata, "postgresql.conf"), "a", encoding="ascii") as f:
                f.write(settings)
            server.start()
        return self._streaming()

    def again(self):
        """The same for a test that promotes nobody and leaves both to the next one."""
        if self.settings is None:
            self.fresh()
            self.settings = ""
        for server in (self.a, self.b):
            if not server.daemon.running():
                server.start()
            server.sql("ALTER SYSTEM RESET ALL")
            server.sql("SELECT pg_reload_conf()")
        return self._streaming()

    def _streaming(self):
        proc.wait_for(lambda: self.a.sql("SELECT array_agg(sync_state) FROM pg_stat_replication")
                      == [(["sync"],)], 10, "b streams, and nobody else")
        return self.a, self.b


def setting(server, name, value):
    """Set, reloaded, and shown by a new session."""
    server.sql(f"ALTER SYSTEM SET {name} = '{value}'")
    server.sql("SELECT pg_reload_conf()")
    proc.wait_for(lambda: server.sql(f"SHOW {name}") == [(value,)], 5, f"{name} is {value!r}")


def stop(server, sig=signal.SIGINT):
    """Clean with SIGINT, as a crash with SIGQUIT."""
    return server.daemon.stop(sig=sig)


def crash(server):
    """SIGKILL of the postmaster, and what it leaves is gone, too."""
    left = proc.descendants(server.daemon.pid)
    server.daemon.kill()
    proc.kill_all(left)
    proc.wait_for(lambda: not any(proc.alive(pid) for pid in left), 5, "its processes end")


def promoted(server, deadline=20):
    """Asked to promote itself; the ms until it is out of recovery."""
    t = time.monotonic()
    server.sql("SELECT pg_promote(false)")
    proc.wait_for(lambda: server.sql("SELECT pg_is_in_recovery()") == [(False,)], deadline,
                  lambda: f"{server.name} is promoted\n{server.daemon.log_tail()}", 0.002)
    return (time.monotonic() - t) * 1000


def become_standby(server, conninfo):
    """The file that makes it a standby, and whom it follows; '' is nobody."""
    with open(os.path.join(server.pgdata, "postgresql.auto.conf"), "a", encoding="ascii") as f:
        f.write(f"primary_conninfo = '{conninfo}'\n")
    path = os.path.join(server.pgdata, "standby.signal")
    with proc.as_user("postgres"):
        with open(path, "w", encoding="ascii"):
            pass


def follows(server, name):
    return f"host={server.address} port={server.port} user=app password={plain.PASSWORD}" \
           f" application_name={name}"


def backend(server, title):
    return proc.wait_for(lambda: proc.find_backend(server.daemon.pid, title), 5,
                         f"the {title} of {server.name}")


def rewind(target, source):
    """pg_rewind by hand; what it says."""
    done = target.tool(f"{plain.bindir()}/pg_rewind", "-D", target.pgdata, "--source-server",
                       source.conninfo())
    return done.stdout + done.stderr


def diverged(pair):
    """A has commits that B never got and has ended; B is stopped."""
    a, b = pair
    a.sql("SELECT pg_switch_wal()")
    Commit(a).acked()
    stop(b)
    a.sql("SET synchronous_commit=local; CREATE TABLE tail AS SELECT generate_series(1, 5000)")
    crash(a)
    return a, b
