# SPDX-License-Identifier: PostgreSQL
"""The monitor's HTTP on a real cluster: it says what pgaf-ctl says, tells a change of roles when it
happens, and lets in whom it should."""
import base64
import json
import os
import threading
import time
import urllib.error
import urllib.request

import pytest

from harness import proc
from harness.ports import free_port

MOVING = ("report_age_ms", "lsn", "lag_bytes")  # between two questions


def ask(cluster, path, credentials=None, port=None, method="GET"):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port or cluster.monitor.http_port}{path}", method=method)
    if credentials:
        request.add_header("Authorization",
                           "Basic " + base64.b64encode(credentials.encode()).decode())
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read().decode()


def at_rest(state):
    for node in state["nodes"]:
        for key in MOVING:
            assert key in node
            node[key] = None
    return state


def test_state_is_what_pgaf_ctl_shows(ready):
    def same():
        shown = at_rest(json.loads(ready.ctl("show", "state", "--json").stdout))
        return shown == at_rest(json.loads(ask(ready, "/api/v1/state?formation=default"))) \
            and [shown] == [at_rest(s) for s in json.loads(ask(ready, "/api/v1/state"))]
    proc.wait_for(same, 10, lambda: "the same state:\n" + ask(ready, "/api/v1/state") +
                  ready.ctl("show", "state", "--json").stdout)


def test_events_are_what_pgaf_ctl_shows(ready):
    def same():
        shown = json.loads(ready.ctl("show", "events", "--count", "20", "--json").stdout)
        told = json.loads(ask(ready, "/api/v1/events?count=20"))
        return shown and shown == [{k: e[k] for k in shown[0]} for e in told] and all(
            e["formation"] == "default" and e["group_id"] == 0 for e in told)
    proc.wait_for(same, 10, lambda: "the same events:\n" + ask(ready, "/api/v1/events?count=20"))


class Listener:
    """Reads the stream and keeps what it said with the moment when it did."""

    def __init__(self, cluster):
        self.messages = []  # (seconds, event, data)
        self.failure = None
        self._answer = urllib.request.urlopen(
            f"http://127.0.0.1:{cluster.monitor.http_port}/api/v1/stream", timeout=20)
        self._stopped = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        name = None
        try:
            for line in self._answer:
                key, _, value = line.decode().rstrip("\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    self.messages.append((time.monotonic(), name, json.loads(value)))
        except Exception as error:  # pylint: disable=broad-except
            if not self._stopped:
                self.failure = error

    def first(self, event, wanted):
        """When it was first said what is wanted, or None."""
        assert self.failure is None, self.failure
        return next((t for t, name, data in list(self.messages)
                     if name == event and wanted(data)), None)

    def stop(self):
        self._stopped = True
        self._answer.fp.raw._sock.shutdown(2)  # pylint: disable=protected-access
        self._thread.join(5)


def test_a_switchover_is_told_when_it_happens(ready):
    standby = ready.standby()
    listener = Listener(ready)
    try:
        proc.wait_for(lambda: listener.first("group", lambda g: g["primary"]), 10,
                      lambda: "the group as it is")
        ready.ctl("perform", "switchover")

        def settled(group):
            return {n["name"]: (n["reported_state"], n["assigned_state"]) for n in
                    group["nodes"]}[standby.name] == ("primary", "primary")
        # pgaf-ctl comes back when the new primary has its standby: this must be known by then.
        returned = time.monotonic()
        proc.wait_for(lambda: listener.first("group", settled), 10,
                      lambda: f"the new roles: {listener.messages[-1:]}")
        assert listener.first("group", settled) - returned <= 1.0
        assert listener.first("group", lambda g: any(
            n["name"] == standby.name and n["assigned_state"] != "secondary"
            for n in g["nodes"])) < returned, "nothing was told while it went on"
        newest = json.loads(ask(ready, "/api/v1/events?count=1"))[0]["event_id"]
        proc.wait_for(lambda: listener.first("events", lambda es: any(
            e["event_id"] == newest for e in es)), 5, lambda: f"event {newest} in the stream")
    finally:
        listener.stop()


def test_watchers_are_bounded_and_in_nobodys_way(ready):
    listeners = []

    def one_more():
        """One who left is noticed by what is sent to it next, which takes a turn or two."""
        try:
            listeners.append(Listener(ready))
        except urllib.error.HTTPError as error:
            assert error.code == 503
        return len(listeners) == 16
    try:
        proc.wait_for(one_more, 20, lambda: f"16 that listen: {len(listeners)}")
        proc.wait_for(lambda: all(n.messages for n in listeners), 10, lambda: "all were told")
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(ready, "/api/v1/stream")
        assert refused.value.code == 503
        assert ask(ready, "/healthz") == "ok\n"
    finally:
        for listener in listeners:
            listener.stop()


def test_beyond_this_machine_only_with_a_password(ready, directory):
    secret = os.path.join(directory, "http-password")
    with open(secret, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write("sesame\n")
    argv = [ready.tool("pgaf-monitor"), "run", "--check", "--pgdata",
            os.path.join(directory, "none"), "--http", f"0.0.0.0:{free_port()}"]
    done = proc.run(argv, check=False, timeout=20)
    assert done.returncode == 2 and "http-password-file" in done.stderr, done.stderr
    done = proc.run([*argv, "--http-password-file", secret], check=False, timeout=20)
    assert done.returncode == 0, done.stderr
    assert "sesame" not in done.stdout + done.stderr
    argv[-1] = f"127.0.0.1:{free_port()}"
    done = proc.run([*argv, "--http-actions"], check=False, timeout=20)
    assert done.returncode == 2 and "http-password-file" in done.stderr, done.stderr


def test_nothing_is_changed_over_http_unless_that_is_enabled(ready):
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(ready, "/api/v1/switchover")
    assert refused.value.code == 403 and b"http-actions" in refused.value.read()
    for path in ("/api/v1/switchover", f"/api/v1/drop?node={ready.standby().name}"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(ready, path, method="POST")
        assert refused.value.code == 405
