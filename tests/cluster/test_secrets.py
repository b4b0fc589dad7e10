# SPDX-License-Identifier: PostgreSQL
"""No password, token or join secret of a cluster is where others can read it: not in a log, a list
of processes, an answer over HTTP, what pgaf-ctl prints, an event or a recording."""
import base64
import glob
import os
import re
import threading
import urllib.error
import urllib.request

import psycopg2
import pytest

from harness import proc
from harness.cluster import SECRET
from test_rejoin import diverge

pytestmark = pytest.mark.full

DASHBOARD = "dashboard-secret-of-the-tests"
# In the state directory, readable by their owner alone.
SECRET_FILES = ("token", "passwords", "operator-password", "reader-password", "replicator.pass")
KEEPER_PATHS = ("/", "/health", "/primary", "/replica", "/synchronous", "/liveness", "/readiness",
                "/metrics", "/patroni", "/none")
MONITOR_PATHS = ("/", "/healthz", "/metrics", "/api/v1/state", "/api/v1/events?count=200", "/none")
COMMANDS = (("show", "state"), ("show", "node", "node1"), ("show", "node", "node2"),
            ("show", "events", "--count", "200"), ("show", "settings"), ("show", "uri"),
            ("show", "connectivity"), ("explain",), ("haproxy", "config"))


class ProcessList:
    """What `ps` shows, asked again and again: one glance may miss a short program."""

    def __init__(self):
        self.seen = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._stopping.wait(0.005):
            for path in glob.glob("/proc/[0-9]*/cmdline"):
                try:
                    with open(path, "rb") as f:
                        self.seen.add(f.read().replace(b"\0", b" "))
                except OSError:
                    pass

    def stop(self):
        self._stopping.set()
        self._thread.join(5)
        return self.seen


def answers(url, paths, credentials):
    for path in paths:
        request = urllib.request.Request(url + path)
        if credentials:
            request.add_header("Authorization", "Basic " +
                               base64.b64encode(credentials.encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                yield url + path, bytes(answer.headers) + answer.read()
        except urllib.error.HTTPError as error:
            yield url + path, bytes(error.headers) + error.read()


def find_secrets(cluster):
    """{what it is: the secret}; those of the monitor's store and of every state directory."""
    found = {"join secret": SECRET, "dashboard": DASHBOARD}
    rows = cluster.monitor.sql("SELECT replicator_password, probe_password FROM pgaf.store")
    found["replicator"], found["probe"] = rows[0]
    homes = [cluster.monitor.socket_directory(), *(n.state_dir for n in cluster.nodes)]
    for home in homes:
        for path in glob.glob(f"{home}/*"):
            if os.path.basename(path) not in SECRET_FILES:
                continue
            assert os.stat(path).st_mode & 0o077 == 0, f"others can read {path}"
            with open(path, encoding="ascii") as f:
                for number, line in enumerate(f.read().split("\n")):
                    secret = re.split("[:= ]", line)[-1]
                    if secret:
                        found[f"{path}:{number + 1}"] = secret
    return found


def readable(cluster):
    """Logs and everything else of the run that is no database and no file for secrets."""
    for path in glob.glob(f"{cluster.directory}/**/*", recursive=True):
        name = os.path.basename(path)
        inside = "/data/" in path and not path.endswith((".log", ".conf", ".opts", ".pid"))
        if os.path.isfile(path) and not inside and name not in (*SECRET_FILES, "join-secret",
                                                                "http-password"):
            yield path


def test_no_secret_is_seen(cluster):
    password = os.path.join(cluster.directory, "http-password")
    with open(password, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write(DASHBOARD + "\n")
    processes = ProcessList()
    cluster.start_monitor("-v", "-v", "--http-password-file", password)
    for _ in range(2):
        cluster.add_node(options=("-v", "-v")).start()
    cluster.wait_settled(60)
    cluster.create_table()
    writer = cluster.start_writer()
    # A failover with a rewind, a switchover, and what is refused.
    old, _ = diverge(cluster, writer)
    old.start()
    cluster.wait_settled(40)
    cluster.ctl("perform", "switchover")
    cluster.wait_settled(40)
    writer.stop()
    secrets = find_secrets(cluster)
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(f"host=127.0.0.1 port={cluster.monitor.port} user=pgaf_reader "
                         f"dbname=pgaf password={SECRET} connect_timeout=5")
    said = {f"pgaf-ctl {' '.join(c)}": (lambda d: d.stdout + d.stderr)(
        cluster.ctl(*c, check=False)).encode() for c in COMMANDS}
    monitor = f"http://127.0.0.1:{cluster.monitor.http_port}"
    said.update(answers(monitor, MONITOR_PATHS, f"pgaf:{DASHBOARD}"))
    assert "node1" in said[monitor + "/api/v1/state"].decode(), said[monitor + "/api/v1/state"]
    said.update(("refused " + u, t) for u, t in answers(monitor, MONITOR_PATHS, None))
    for node in cluster.nodes:
        said.update(answers(f"http://127.0.0.1:{node.http_port}", KEEPER_PATHS, None))
    lines = processes.stop()
    assert any(b"pg_basebackup" in line for line in lines) and \
        any(b"pg_rewind" in line for line in lines), "the list of processes is not complete"
    said["the list of processes"] = b"\n".join(
        line for line in lines if b"tests/cluster/harness" not in line)
    files = list(readable(cluster))
    assert any("record" in path for path in files), files
    for path in files:
        with open(path, "rb") as f:
            said[path] = f.read()
    assert len(secrets) >= 10, sorted(secrets)
    leaks = [f"{what} is in {where}" for what, secret in secrets.items()
             for where, text in said.items()
             if secret.encode() in text or base64.b64encode(secret.encode()).rstrip(b"=") in text]
    assert not leaks, "\n".join(leaks)
    proc.wait_for(lambda: cluster.settled(), 10, "the cluster is whole at the end")
