# SPDX-License-Identifier: PostgreSQL
"""The monitor's own programs on a real cluster: it tells of every node, and of one that is gone."""
import json
import os
import shutil
import signal
import urllib.error
import urllib.request

import pytest

from harness import proc

pytestmark = pytest.mark.full

RECORD = """#!/bin/sh
read -r line
printf '%s\\n' "$line" >>{calls}
"""


class Hook:
    """A program, and the file in which it writes down its calls."""

    def __init__(self, directory, name):
        self.calls = os.path.join(directory, f"{name}.calls")
        self.path = os.path.join(directory, f"{name}.hook")
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(RECORD.format(calls=self.calls))
        os.chmod(self.path, 0o755)

    def told(self, node=None, teller="monitor"):
        """[(event, role)] of each call, of one node or of all."""
        if not os.path.exists(self.calls):
            return []
        with open(self.calls, encoding="utf-8") as f:
            documents = [json.loads(line) for line in f.read().splitlines()]
        assert all(d["teller"] == teller for d in documents), documents
        return [(d["event"], d["role"]) for d in documents if node in (None, d["name"])]

    def wait_told(self, node, wanted, since=0, deadline=20):
        proc.wait_for(lambda: self.told(node.name)[since:since + len(wanted)] == wanted, deadline,
                      lambda: f"{wanted} of {node.name}; told was {self.told(node.name)[since:]}")


def test_monitor_hooks(cluster):
    """The start, a switchover, and a node of which nothing is left to tell anything itself."""
    home = proc.make_directory(os.path.join(cluster.directory, "hooks"))
    hook = Hook(home, "all")
    cluster.start_monitor("--hook", hook.path)
    for name in ("node1", "node2"):
        cluster.add_node(name).start()
    cluster.wait_settled(60)
    first, second = cluster.primary(), cluster.standby()
    proc.wait_for(lambda: hook.told(first.name)[-1:] == [("redundancy-regained", "primary")], 20,
                  lambda: f"that {first.name} has a standby; told was {hook.told()}")
    proc.wait_for(lambda: hook.told(second.name)[-1:] == [("role-change", "replica")], 20,
                  lambda: f"that {second.name} is a replica; told was {hook.told()}")

    begun = {n: len(hook.told(n.name)) for n in (first, second)}
    cluster.ctl("perform", "switchover")
    cluster.wait_settled(30)
    hook.wait_told(second, [("role-change", "primary"), ("failover", "primary"),
                            ("redundancy-regained", "primary")], begun[second])
    hook.wait_told(first, [("role-change", "none"), ("role-change", "replica")], begun[first])

    begun = {n: len(hook.told(n.name)) for n in (first, second)}
    second.kill_everything()
    hook.wait_told(second, [("role-change", "none"), ("stuck", "none")], begun[second])
    hook.wait_told(first, [("role-change", "primary"), ("failover", "primary"),
                           ("redundancy-lost", "primary")], begun[first])


def status(port, user, password):
    """Of /metrics for this user."""
    manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    url = f"http://127.0.0.1:{port}/metrics"
    manager.add_password(None, url, user, password)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager))
    try:
        return opener.open(url, timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code


def reload(daemon, wanted):
    """SIGHUP, until the log says so."""
    seen = daemon.log_text().count(wanted)
    daemon.send(signal.SIGHUP)
    proc.wait_for(lambda: daemon.log_text().count(wanted) > seen, 10,
                  lambda: f"\"{wanted}\" in\n{daemon.log_text()[-2000:]}")


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def test_reload(cluster):
    """SIGHUP: other hooks, another password; what cannot change is named, and errors change
    nothing."""
    home = proc.make_directory(os.path.join(cluster.directory, "hooks"))
    one, two = Hook(home, "one"), Hook(home, "two")
    monitor_file, keeper_file = os.path.join(home, "monitor.yml"), os.path.join(home, "keeper.yml")
    secret = os.path.join(home, "password")
    write(secret, "first-password")
    os.chmod(secret, 0o600)
    shutil.chown(secret, "postgres")
    write(monitor_file, f"hook: [{one.path}]\nhttp_password_file: {secret}\n")
    write(keeper_file, "region: here\n")
    monitor = cluster.start_monitor("--config", monitor_file)
    node = cluster.add_node("node1", options=("--config", keeper_file))
    node.start()
    one.wait_told(node, [("role-change", "none"), ("role-change", "primary")], deadline=60)
    assert status(monitor.http_port, "pgaf", "first-password") == 200

    write(monitor_file, f"hook: [{two.path}]\nhttp_password_file: {secret}\nhttp_user: somebody\n"
                        "record_size: 32MB\n")
    write(secret, "second-password")
    reload(monitor.daemon, "read settings and certificates again")
    assert "record-size changed, which takes effect at the next start" in monitor.daemon.log_text()
    two.wait_told(node, [("role-change", "primary")])
    assert status(monitor.http_port, "somebody", "second-password") == 200
    assert status(monitor.http_port, "pgaf", "first-password") == 401
    write(monitor_file, f"hook: [{one.path}]\nnonsense: 1\n")
    reload(monitor.daemon, "the settings stay as they were")
    assert status(monitor.http_port, "somebody", "second-password") == 200

    three = Hook(home, "three")
    write(keeper_file, f"region: there\nhook: [{three.path}]\n")
    reload(node.keeper, "region changed, which takes effect at the next start")
    proc.wait_for(lambda: three.told(teller="keeper") == [("role-change", "primary")], 20,
                  lambda: f"its role; told was {three.told(teller='keeper')}")
    for daemon in (monitor.daemon, node.keeper):
        assert "-password" not in daemon.log_text().replace("http-password", "")
