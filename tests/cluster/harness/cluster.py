# SPDX-License-Identifier: PostgreSQL
"""A cluster of the real daemons: a monitor, some nodes, HAProxy; on 127.0.0.1 or on hosts."""
import json
import os
import signal
import time

import psycopg2

from . import proc, writes
from .haproxy import HAProxy, Ports
from .node import Node
from .ports import free_port

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
SECRET = "join-secret-of-the-tests"
GRACE = ("set", "formation", "bootstrap-grace")
APP_PASSWORD = "app-secret"


def find_bindir():
    """Where the tools are: PGAF_BINDIR, else the first build directory that has them."""
    candidates = [os.environ.get("PGAF_BINDIR", "")]
    candidates += [os.path.join(ROOT, "build", name)
                   for name in ("gcc", ".", "release", "clang", "asan")]
    for path in filter(None, candidates):
        for sub in (".", "tools", "bin"):
            if tool(os.path.join(path, sub), "pgaf-keeper"):
                return os.path.abspath(os.path.join(path, sub))
    raise AssertionError("no built tools found: set PGAF_BINDIR or build into build/gcc")


def tool(bindir, name):
    for path in (os.path.join(bindir, name), os.path.join(bindir, name, name)):
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


class Monitor:
    def __init__(self, cluster, options=()):
        self.cluster = cluster
        self.home = proc.make_directory(os.path.join(cluster.directory, "monitor"))
        self.pgdata = os.path.join(self.home, "data")
        self.host = cluster.add_host("monitor")
        self.hostname = "monitor" if self.host else "127.0.0.1"
        self.listen = self.host.address if self.host else "127.0.0.1"
        self.port = 5432 if self.host else free_port()
        self.http_port = 8009 if self.host else free_port()
        self.daemon = proc.Daemon(
            "monitor",
            [cluster.tool("pgaf-monitor"), "run", "--pgdata", self.pgdata,
             "--pgport", str(self.port), "--listen", "0.0.0.0" if self.host else self.listen,
             "--hostname", self.hostname, "--http", f"127.0.0.1:{self.http_port}",
             "--join-secret-file", cluster.secret_file, *options],
            os.path.join(cluster.directory, "monitor.log"),
            wrap=self.host.wrap() if self.host else ())

    def uri(self, role="pgaf_keeper"):
        return f"postgres://{role}@{self.hostname}:{self.port}/pgaf"

    def socket_directory(self):
        return self.pgdata + ".pgaf"

    def sql(self, text):
        """A query on the monitor's own instance, as its superuser, whatever the network does."""
        return query(self.socket_directory(), self.port, "pgaf", text)

    def kill_everything(self):
        """SIGKILL of the daemon and of its whole instance; returns the moment just before."""
        postmaster = proc.postmaster_pid(self.pgdata)
        pids = [self.daemon.pid, *proc.descendants(self.daemon.pid)]
        if postmaster:
            pids += [postmaster, *proc.descendants(postmaster)]
        t = time.monotonic_ns()
        proc.kill_all([pid for pid in pids if pid])
        self.daemon.wait(5)
        return t


def visible_socket(pgdata, host):
    """Directory of a server's Unix socket as it is seen from outside its mount namespace."""
    lines = proc.postmaster_file(pgdata)
    path = lines[4] if len(lines) > 4 else "/run/postgresql"
    if host and path in ("/var/run/postgresql", "/run/postgresql"):
        return host.run_dir
    return path


def query(socket_directory, port, dbname, text):
    with proc.as_user("postgres"):
        conn = psycopg2.connect(host=socket_directory, port=port, dbname=dbname,
                                user="postgres", connect_timeout=2,
                                application_name="pgaf-test")
    try:
        conn.autocommit = True
        with conn.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else None
    finally:
        conn.close()


class Cluster:
    def __init__(self, directory, net=None):
        self.directory = directory
        self.net = net
        self.bindir = find_bindir()
        self.monitor = None
        self.nodes = []
        self.writers = []
        self.writer_number = 0
        self.haproxy = None
        self.closed = False
        self.secret_file = os.path.join(directory, "join-secret")
        with open(self.secret_file, "w", encoding="ascii") as f:
            f.write(SECRET + "\n")
        os.chmod(self.secret_file, 0o600)
        self.client_host = self.add_host("client")

    def add_host(self, name):
        return self.net.add_host(name) if self.net else None

    def tool(self, name):
        found = tool(self.bindir, name)
        assert found, f"{name} is not built in {self.bindir}"
        return found

    # Making it.

    def start_monitor(self, *options):
        if not self.monitor:
            self.monitor = Monitor(self, options)
        self.monitor.daemon.start()
        return self.monitor

    def start_new_monitor(self, *options):
        """For an empty directory, where no node with data is to be waited for: none has any."""
        self.start_monitor(*options)
        # The store answers a moment before the monitor has told it which settings there are.
        proc.wait_for(lambda: self.state() and self.ctl(*GRACE, "0s", check=False).returncode == 0,
                      30, lambda: self.describe("the monitor takes a setting"))
        return self.monitor

    def add_node(self, name=None, **settings):
        node = Node(self, name or f"node{len(self.nodes) + 1}", **settings)
        self.nodes.append(node)
        return node

    def start(self, nodes=2, deadline=60):
        """From empty directories to primary + secondary; returns the seconds it took."""
        t = time.monotonic()
        self.start_monitor()
        for _ in range(nodes):
            self.add_node().start()
        self.wait_settled(deadline)
        return time.monotonic() - t

    def start_new(self, nodes=2, deadline=60):
        """The same, where it is not the start that is looked at; the settings are the defaults."""
        t = time.monotonic()
        self.start_new_monitor()
        for _ in range(nodes):
            self.add_node().start()
        self.wait_settled(deadline)
        self.ctl(*GRACE, "3s")
        return time.monotonic() - t

    def start_haproxy(self):
        host = self.add_host("lb")
        ports = Ports(host)
        printed = self.ctl("haproxy", "config", *ports.options()).stdout
        self.haproxy = HAProxy(self.directory, printed, ports, host).start()
        return self.haproxy

    def create_table(self):
        """The application's role and its table, on whichever node is the primary."""
        primary = self.primary()
        primary.sql("DO $$BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'app')"
                    f" THEN CREATE ROLE app LOGIN PASSWORD '{APP_PASSWORD}'; END IF; END$$;"
                    "GRANT CREATE ON SCHEMA public TO app")
        primary.sql(writes.CREATE + f"; ALTER TABLE {writes.TABLE} OWNER TO app")

    def conninfo(self, address, port):
        return (f"host={address} port={port} user=app password={APP_PASSWORD} dbname=postgres"
                " gssencmode=disable application_name=pgaf-test-writer")

    def start_writer(self, name="direct", nodes=None, host=None, deadline=10, **settings):
        """A client that knows all nodes (or those given) and tries each by itself."""
        targets = [(n.name, self.conninfo(n.listen, n.port)) for n in nodes or self.nodes]
        return self._start_writer(name, targets, host or self.client_host, deadline, settings)

    def start_haproxy_writer(self, name="haproxy", deadline=10, **settings):
        """A client that knows one address only."""
        targets = [("haproxy", self.conninfo(*self.haproxy.read_write))]
        return self._start_writer(name, targets, self.client_host, deadline, settings)

    def _start_writer(self, name, targets, host, deadline, settings):
        self.writer_number += 1
        writer = writes.Writer(f"{name}{self.writer_number}", targets, self.directory,
                               host.wrap() if host else (), **settings)
        self.writers.append(writer)
        return writer.start(deadline)

    # Asking it.

    def ctl(self, *argv, check=True, timeout=70):
        """pgaf-ctl as root on the monitor's machine: over the socket, whatever the network does."""
        return proc.run([self.tool("pgaf-ctl"), *argv], timeout=timeout, check=check,
                        env={"PGAF_MONITOR": self.operator_uri()})

    def operator_uri(self):
        m = self.monitor
        return f"postgres://pgaf_operator@/pgaf?host={m.socket_directory()}&port={m.port}"

    def ctl_json(self, *argv):
        return json.loads(self.ctl(*argv, "--json").stdout)

    def state(self):
        """`show state --json`, or None while the monitor does not answer."""
        m = self.monitor
        if not os.path.exists(f"{m.socket_directory()}/.s.PGSQL.{m.port}"):
            return None
        done = self.ctl("show", "state", "--json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def node_states(self, state=None):
        """{name: (reported, assigned)}"""
        state = state or self.state()
        return {n["name"]: (n["reported_state"], n["assigned_state"])
                for n in state["nodes"]} if state else {}

    def events(self):
        return self.ctl_json("show", "events", "--count", "100000")

    def node(self, name):
        return next(n for n in self.nodes if n.name == name)

    def by_state(self, wanted):
        for name, (reported, assigned) in self.node_states().items():
            if reported == assigned == wanted:
                return self.node(name)
        return None

    def primary(self):
        return self.by_state("primary") or self.by_state("wait_primary") or \
            self.by_state("single")

    def standby(self):
        return self.by_state("secondary")

    # Waiting for it.

    def settled(self):
        """One primary, all others secondary (or a single node), and every report is what was
        assigned.

        Reports outlive their keepers, so that a report alone says nothing after a restart: the
        monitor must see the node, and its keeper must have spoken lately."""
        state = self.state()
        if not state or not all(n["health"] == "ok" and n["report_age_ms"] is not None and
                                n["report_age_ms"] < 3000 for n in state["nodes"]):
            return False
        states = self.node_states(state)
        wanted = sorted(["primary"] + ["secondary"] * (len(self.nodes) - 1))
        if len(self.nodes) == 1:
            wanted = ["single"]
        return len(states) == len(self.nodes) and \
            sorted(r for r, _ in states.values()) == wanted and \
            all(r == a for r, a in states.values())

    def wait_settled(self, deadline, since=None):
        """Wait until redundancy is there; returns the ms it took since `since` (ns)."""
        since = since or time.monotonic_ns()
        proc.wait_for(self.settled, deadline, lambda: self.describe("primary + secondary"), 0.02)
        return (time.monotonic_ns() - since) / 1e6

    def wait_states(self, deadline, **wanted):
        """wait_states(10, node1="primary", node2="secondary"), reported and assigned."""
        def there():
            states = self.node_states()
            return all(states.get(n) == (s, s) for n, s in wanted.items())
        proc.wait_for(there, deadline, lambda: self.describe(str(wanted)), 0.02)

    def wait_reported(self, deadline, **wanted):
        def there():
            states = self.node_states()
            return all(states.get(n, ("",))[0] == s for n, s in wanted.items())
        proc.wait_for(there, deadline, lambda: self.describe(str(wanted)), 0.02)

    def describe(self, wanted):
        text = self.ctl("show", "state", check=False)
        tails = "".join(f"\n--- {d.name} ({d.log}):\n{d.log_tail()}" for d in self.daemons())
        return f"{wanted}; it is\n{text.stdout}{text.stderr}{tails}"

    # Judging it.

    def check_lost(self, node=None):
        """(acknowledged, lost ids), of all writers, compared with the current primary."""
        node = node or self.primary()
        assert node, self.describe("a primary to compare with")
        return writes.check_lost(self.writers, node.ids())

    # Ending it.

    def daemons(self):
        found = [n.keeper for n in self.nodes]
        return ([self.monitor.daemon] if self.monitor else []) + found

    def stop(self, deadline=15):
        """SIGTERM to everything, the standbys first; returns {name: exit code}."""
        standby = self.standby() if self.monitor and self.monitor.daemon.running() else None
        order = sorted(self.nodes, key=lambda n: n is not standby)
        codes = {n.name: n.keeper.stop(deadline) for n in order}
        codes["monitor"] = self.monitor.daemon.stop(deadline)
        return codes

    def close(self):
        """End everything that is still there, cleanly where possible."""
        if self.closed:
            return
        self.closed = True
        for writer in self.writers:
            writer.daemon.kill()
        if self.haproxy:
            self.haproxy.daemon.kill()
        self.end_keepers()
        if self.monitor and self.monitor.daemon.running():
            self.monitor.daemon.send_if_running(signal.SIGTERM)
            self._end(self.monitor.daemon)

    def end_keepers(self):
        keepers = [n.keeper for n in self.nodes if n.keeper.running()]
        for node in self.nodes:
            node.wake()
        for keeper in keepers:
            keeper.send_if_running(signal.SIGTERM)
        for keeper in keepers:
            self._end(keeper)

    @staticmethod
    def _end(daemon):
        try:
            daemon.wait(12)
        except proc.Timeout:
            daemon.kill()
