# SPDX-License-Identifier: PostgreSQL
"""One node of a cluster: its keeper, its Postgres, and all that can be done to them."""
import http.client
import json
import os
import signal
import socket
import time
from contextlib import nullcontext

from . import proc, writes
from .ports import free_port


class Node:
    def __init__(self, cluster, name, pgdata=None, options=(), env=None, **places):
        self.cluster = cluster
        self.name = name
        self.home = proc.make_directory(os.path.join(cluster.directory, name))
        self.pgdata = pgdata or os.path.join(self.home, "data")
        self.state_dir = self.pgdata + ".pgaf"
        self.host = places.get("host") or cluster.add_host(name)
        self.listen = self.host.address if self.host else "127.0.0.1"
        self.hostname = name if self.host else "127.0.0.1"
        self.port = places.get("port") or (5432 if self.host else free_port())
        self.http_port = places.get("http_port") or (8008 if self.host else free_port())
        http_listen = "0.0.0.0" if self.host else "127.0.0.1"
        self.argv = [
            cluster.tool("pgaf-keeper"), "run", "--pgdata", self.pgdata,
            "--monitor", cluster.monitor.uri(), "--name", name, "--hostname", self.hostname,
            "--pgport", str(self.port), "--listen", "0.0.0.0" if self.host else "127.0.0.1",
            "--http", f"{http_listen}:{self.http_port}",
            "--join-secret-file", cluster.secret_file, *options]
        self.keeper = proc.Daemon(name, self.argv, os.path.join(cluster.directory, f"{name}.log"),
                                  env=env, wrap=self.host.wrap() if self.host else ())

    def start(self, *extra):
        self.keeper.start(extra)
        return self

    def stop(self, deadline=15):
        return self.keeper.stop(deadline)

    # Postgres, asked over its Unix socket: that works whatever the network does.

    @property
    def postmaster(self):
        return proc.postmaster_pid(self.pgdata)

    def sql(self, text, dbname="postgres"):
        from .cluster import query, visible_socket
        return query(visible_socket(self.pgdata, self.host), self.port, dbname, text)

    def value(self, text):
        return self.sql(text)[0][0]

    def ids(self):
        return [row[0] for row in self.sql(f"SELECT id FROM {writes.TABLE}")]

    def backend(self, title):
        """Pid of a process of this Postgres by its title: startup, walreceiver, checkpointer."""
        return proc.find_backend(self.postmaster, title)

    # Faults. Each returns the moment (monotonic ns) just before it.

    def kill(self):
        """SIGKILL of the postmaster and the keeper."""
        return self._kill([self.postmaster, self.keeper.pid])

    def kill_postmaster(self):
        return self._kill([self.postmaster])

    def kill_keeper(self):
        return self._kill([self.keeper.pid])

    def kill_everything(self):
        """SIGKILL of every process of the node, as when its power fails."""
        postmaster, keeper = self.postmaster, self.keeper.pid
        pids = [p for p in (postmaster, keeper) if p]
        return self._kill([*pids, *(d for p in pids for d in proc.descendants(p))])

    def _kill(self, pids):
        pids = [pid for pid in pids if pid]
        keeper = self.keeper.pid
        t = time.monotonic_ns()
        proc.kill_all(pids)
        if keeper in pids:
            self.keeper.wait(5)
        return t

    def wake(self):
        """End every SIGSTOP below this node."""
        for top in (self.keeper.pid, self.postmaster):
            if top:
                proc.kill_all([top, *proc.descendants(top)], signal.SIGCONT)

    # HTTP of the keeper, asked from the clients' side.

    def http(self, path, method="GET", timeout=2):
        """(status, body); the body is parsed where it is JSON. None when nobody answers."""
        place = self.cluster.client_host
        conn = http.client.HTTPConnection(self.listen, self.http_port, timeout=timeout)
        try:
            with place.entered() if place else nullcontext():
                conn.sock = socket.create_connection((self.listen, self.http_port), timeout)
            conn.request(method, path)
            reply = conn.getresponse()
            body = reply.read().decode()
            try:
                return reply.status, json.loads(body)
            except ValueError:
                return reply.status, body
        except OSError:
            return None
        finally:
            conn.close()
