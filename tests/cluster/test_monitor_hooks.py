# SPDX-License-Identifier: PostgreSQL
"""The monitor's own programs on a real cluster: it tells of every node, and of one that is gone."""
import json
import os

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

    def told(self, node=None):
        """[(event, role)] of each call, of one node or of all."""
        if not os.path.exists(self.calls):
            return []
        with open(self.calls, encoding="utf-8") as f:
            documents = [json.loads(line) for line in f.read().splitlines()]
        assert all(d["teller"] == "monitor" for d in documents), documents
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
