# SPDX-License-Identifier: PostgreSQL
"""What examples/monitoring promises, held against a real cluster and a real Prometheus."""
import datetime
import json
import os
import re
import shutil
import signal
import urllib.request

import pytest

from harness import proc
from harness.cluster import ROOT
from harness.ports import free_port

HERE = os.path.join(ROOT, "examples", "monitoring")
RULES = os.path.join(HERE, "pgaf-alerts.yml")

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def shared(own_pair):
    """Of its own: nothing has happened that an alert could still tell of."""
    return own_pair


def fetch(url):
    with urllib.request.urlopen(url, timeout=5) as reply:
        return reply.read().decode()


def places(cluster):
    return [f"127.0.0.1:{cluster.monitor.http_port}"] + \
        [f"127.0.0.1:{node.http_port}" for node in cluster.nodes]


def names_used(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return set(re.findall(r"(?<![\w/])pgaf_[a-z_]+", f.read()))


def test_every_metric_of_rules_and_dashboard_is_in_a_scrape(ready):
    """Of monitor, primary and standby together; promtool finds nothing wrong with any."""
    used = names_used("pgaf-alerts.yml") | names_used("pgaf-dashboard.json")
    # How far a standby is behind is known when its upstream has said how far it is.
    ready.primary().sql("SELECT pg_switch_wal()")
    bodies = []

    def missing():
        bodies[:] = [fetch(f"http://{place}/metrics") for place in places(ready)]
        lines = "\n".join(bodies).split("\n")
        return used - {re.split("[{ ]", line)[0] for line in lines}
    proc.wait_for(lambda: not missing(), 15, lambda: f"in no scrape: {missing()}", 0.2)
    for body in bodies:
        lint = proc.run(["promtool", "check", "metrics"], stdin=body, check=False)
        assert lint.returncode == 0, lint.stdout + lint.stderr


def test_certificates_end_when_openssl_says(ready):
    """Of the monitor and of each node; of another one after SIGHUP."""
    def told(place):
        found = re.search(r"^pgaf_certificate_expiry_timestamp_seconds(?:{.*})? (\d+)(?:\.0+)?$",
                          fetch(f"http://{place}/metrics"), re.M)
        return int(found.group(1)) if found else None

    def said(file):
        done = proc.run(["openssl", "x509", "-in", file, "-noout", "-enddate", "-dateopt",
                         "iso_8601"])
        text = done.stdout.strip().removeprefix("notAfter=").replace(" ", "T")
        return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
    files = [f"{directory}.pgaf/server.crt" for directory in
             [ready.monitor.pgdata] + [node.pgdata for node in ready.nodes]]
    for place, file in zip(places(ready), files):
        proc.wait_for(lambda: told(place) == said(file), 10, f"the end of {file}", 0.1)
    name, place = files[1], places(ready)[1]
    key = name.replace(".crt", ".key")
    proc.run(["openssl", "req", "-new", "-x509", "-nodes", "-days", "30",
              "-subj", "/CN=localhost", "-key", key, "-out", f"{name}.new"])
    shutil.chown(f"{name}.new", "postgres")
    os.rename(f"{name}.new", name)
    ready.nodes[0].keeper.send(signal.SIGHUP)
    proc.wait_for(lambda: told(place) == said(name), 10, "the end of the new one", 0.1)
    ready.wait_settled(20)


def test_promtool(ready):
    """The rules are right, and each of them fires in a test."""
    assert ready
    for argv in (["check", "rules", RULES],
                 ["check", "config", os.path.join(HERE, "prometheus.yml")],
                 ["test", "rules", os.path.join(HERE, "pgaf-alerts-test.yml")]):
        print(proc.run(["promtool", *argv]).stdout)


class Prometheus:
    """A real one, which scrapes the cluster each second; its alerts do not wait."""

    def __init__(self, cluster, directory):
        self.port = free_port()
        home = proc.make_directory(os.path.join(directory, "prometheus"))
        with open(RULES, encoding="utf-8") as f:
            rules = re.sub(r"^ +for: .*\n", "", f.read(), flags=re.M)
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                  "rule_files": [f"{home}/rules.yml"],
                  "scrape_configs": [{"job_name": "pgaf",
                                      "static_configs": [{"targets": places(cluster)}]}]}
        for name, text in (("rules.yml", rules), ("prometheus.yml", json.dumps(config))):
            with open(os.path.join(home, name), "w", encoding="utf-8") as f:
                f.write(text)
        self.daemon = proc.Daemon(
            "prometheus",
            ["prometheus", f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/db",
             f"--web.listen-address=127.0.0.1:{self.port}"], os.path.join(directory, "prom.log"))

    def ask(self, path):
        try:
            return json.loads(fetch(f"http://127.0.0.1:{self.port}/api/v1/{path}"))["data"]
        except OSError:
            return None

    def healthy(self):
        found = self.ask("targets") or {"activeTargets": []}
        return [t["health"] for t in found["activeTargets"]]

    def firing(self):
        found = self.ask("alerts") or {"alerts": []}
        return {a["labels"]["alertname"] for a in found["alerts"] if a["state"] == "firing"}


@pytest.fixture
def prometheus(ready, directory):
    server = Prometheus(ready, directory)
    server.daemon.start()
    yield server
    server.daemon.stop()


def test_prometheus_scrapes_and_alerts(ready, prometheus):
    """All is quiet; the standby dies, a failover is made of it, the primary's keeper dies."""
    proc.wait_for(lambda: prometheus.healthy() == ["up"] * 3, 20,
                  lambda: f"all is scraped: {prometheus.healthy()}\n{prometheus.daemon.log_tail()}")
    proc.wait_for(lambda: not prometheus.firing() - {"PgafFailover"}, 20,
                  lambda: f"no alert: {prometheus.firing()}")

    ready.ctl("perform", "switchover")
    ready.wait_settled(30)
    standby = ready.standby()
    standby.kill_everything()

    def told(*names):
        proc.wait_for(lambda: set(names) <= prometheus.firing(), 20,
                      lambda: f"{names}: {prometheus.firing()}")
    told("PgafNoRedundancy", "PgafNodeDown")
    standby.start()
    ready.wait_settled(30)
    proc.wait_for(lambda: not prometheus.firing() & {"PgafNoRedundancy", "PgafNodeDown"}, 20,
                  lambda: f"quiet again: {prometheus.firing()}")
    standby.kill_keeper()
    told("PgafKeeperGone")
