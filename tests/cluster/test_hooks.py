# SPDX-License-Identifier: PostgreSQL
"""The operator's programs on real nodes: the right calls in the right order, and whatever a program
does or does not do, no failover waits for it."""
import json
import os

import pytest

from harness import proc

RECORD = """#!/bin/sh
# One line a call, in one write: what is in the environment, then standard input.
read -r line
env >{calls}.env
printf '%s %s %s %s\\n' "$PGAF_EVENT" "$PGAF_OLD_ROLE" "$PGAF_ROLE" "$line" >>{calls}
"""
HANG = """#!/bin/sh
# Does not mind SIGTERM; ends with its keeper, for nobody else would end it then.
trap '' TERM
while kill -0 $PPID; do sleep 0.1; done 2>/dev/null
"""
GONE_SECONDS = 2		# until the hanging program misses its keeper; it looks each 0.1 s
SECRETS = ("join-secret-of-the-tests", "password")


class Hook:
    """A program, and the file in which it writes down its calls."""

    def __init__(self, directory, name, text):
        self.calls = os.path.join(directory, f"{name}.calls")
        self.path = os.path.join(directory, f"{name}.hook")
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text.format(calls=self.calls))
        os.chmod(self.path, 0o755)

    def lines(self):
        if not os.path.exists(self.calls):
            return []
        with open(self.calls, encoding="utf-8") as f:
            return f.read().splitlines()

    def told(self, since=0):
        """[(event, role)] of each call."""
        return [(line.split()[0], line.split()[2]) for line in self.lines()[since:]]

    def documents(self):
        return [json.loads(line.split(" ", 3)[3]) for line in self.lines()]


@pytest.fixture
def hooked(cluster):
    """Primary + secondary; beside the program that writes down, one that is missing."""
    home = proc.make_directory(os.path.join(cluster.directory, "hooks"))
    cluster.start_new_monitor()
    for name in ("node1", "node2"):
        hook = Hook(home, name, RECORD)
        slow = Hook(home, f"{name}-hangs", HANG)
        node = cluster.add_node(name, options=(
            "--hook", hook.path, "--hook", slow.path, "--hook", f"{home}/missing",
            "--hook-limit", "3s"))
        node.hook, node.slow = hook, slow
        node.start()
    cluster.wait_settled(60)
    cluster.create_table()
    yield cluster
    cluster.end_keepers()
    proc.wait_for(lambda: not proc.ours(home), GONE_SECONDS,
                  lambda: f"the programs end after their keepers: {left_running(home)}")


def left_running(home):
    return [f"{pid}: {proc.command_line(pid)}" for pid in sorted(proc.ours(home))]


def wait_told(node, wanted, since=0, deadline=15):
    proc.wait_for(lambda: node.hook.told(since) == wanted, deadline,
                  lambda: f"{wanted}; {node.name} was told {node.hook.told(since)}")


def wait_told_last(node, wanted, deadline=15):
    proc.wait_for(lambda: node.hook.told()[-1:] == [wanted], deadline,
                  lambda: f"{wanted}; {node.name} was told {node.hook.told()}")


def test_hooks(hooked, bound):
    """The start, a switchover and a crash, with a program that hangs at each of them."""
    first, second = hooked.primary(), hooked.standby()
    wait_told_last(first, ("redundancy-regained", "primary"))
    wait_told_last(second, ("role-change", "replica"))
    begun = {n: len(n.hook.lines()) for n in (first, second)}

    hooked.ctl("perform", "switchover")
    hooked.wait_settled(30)
    wait_told(second, [("role-change", "primary"), ("failover", "primary"),
                       ("redundancy-regained", "primary")], begun[second])
    wait_told(first, [("role-change", "none"), ("role-change", "replica")], begun[first])
    failover = next(d for d in second.hook.documents() if d["event"] == "failover")
    assert failover["primary_name"] == second.name and failover["timeline"] == 2, failover
    assert failover["port"] == second.port and failover["reason"], failover
    begun = {n: len(n.hook.lines()) for n in (first, second)}

    # The program that hangs was ended at its limit, and is told what is true now.
    proc.wait_for(lambda: "it is ended" in second.keeper.log_text(), 10, "its time is over")
    writer = hooked.start_writer()
    writer.wait_acks(50, 10)
    t = second.kill_everything()
    writer.wait_ack(t, 15, target=first.name)
    writer.wait_acks(50, 10)
    outage = writer.outage(t)
    print(f"outage with a program that hangs: {outage:.0f} ms")
    assert outage <= bound(1000)
    wait_told(first, [("role-change", "primary"), ("failover", "primary"),
                      ("redundancy-lost", "primary")], begun[first])
    look_at_what_was_said(first)


def look_at_what_was_said(node):
    with open(node.hook.calls + ".env", encoding="utf-8") as f:
        environment = f.read()
    assert "PGAF_NAME=" + node.name in environment
    for secret in SECRETS:
        assert secret not in environment.lower(), environment
    log = node.keeper.log_text()
    assert "missing failed" in log or "missing for role-change failed with exit status 127" in log
    # Nothing is lost without a line: what the hanging program was not told is there.
    assert "is not called for" in log, log
