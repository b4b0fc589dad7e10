# SPDX-License-Identifier: PostgreSQL
"""What a supervisor like systemd hears of a real daemon, and what PostgreSQL does not inherit."""
import os
import signal
import socket

import pytest

from harness import proc
from harness.cluster import Monitor

pytestmark = pytest.mark.full


def test_notify(cluster):
    path = os.path.join(cluster.directory, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as supervisor:
        supervisor.bind(path)
        os.chmod(path, 0o777)
        cluster.monitor = Monitor(cluster)
        daemon = cluster.monitor.daemon
        daemon.env = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"}
        heard = []

        def said(*lines):
            """In this order, whatever else is between."""
            try:
                while True:
                    heard.append(supervisor.recv(200).decode().split("\n")[0])
            except BlockingIOError:
                pass
            rest = iter(heard)
            return all(line in rest for line in lines)

        def wait(*lines):
            proc.wait_for(lambda: said(*lines), 30, lambda: f"{lines}; heard was {heard}")
        daemon.start()
        wait("READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1")
        proc.wait_for(lambda: proc.postmaster_pid(cluster.monitor.pgdata), 30, "its PostgreSQL")
        with open(f"/proc/{proc.postmaster_pid(cluster.monitor.pgdata)}/environ", "rb") as f:
            inherited = f.read()
        assert b"NOTIFY_SOCKET" not in inherited and b"WATCHDOG" not in inherited
        heard.clear()
        daemon.send(signal.SIGHUP)
        wait("RELOADING=1", "READY=1", "WATCHDOG=1")
        daemon.stop()
        wait("STOPPING=1")
