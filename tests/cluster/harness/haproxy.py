# SPDX-License-Identifier: PostgreSQL
"""A real HAProxy with the configuration that `pgaf-ctl haproxy config` prints, unchanged."""
import os

from . import proc
from .ports import free_port

DEFAULT_PORTS = (5000, 5001, 7000)


class Ports:
    """Where it listens: the defaults on a host of its own, else free ports of 127.0.0.1."""

    def __init__(self, host=None):
        found = DEFAULT_PORTS if host else [free_port() for _ in DEFAULT_PORTS]
        self.read_write, self.read_only, self.stats = found

    def options(self):
        return ("--read-write-port", str(self.read_write), "--read-only-port",
                str(self.read_only), "--stats-port", str(self.stats))


class HAProxy:
    def __init__(self, directory, text, ports, host=None):
        address = host.address if host else "127.0.0.1"
        self.read_write = (address, ports.read_write)
        self.read_only = (address, ports.read_only)
        self.stats = (address, ports.stats)
        self.config = os.path.join(directory, "haproxy.cfg")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)
        self.daemon = proc.Daemon("haproxy", ["/usr/sbin/haproxy", "-db", "-f", self.config],
                                  os.path.join(directory, "haproxy.log"),
                                  wrap=host.wrap() if host else ())

    def start(self):
        self.daemon.start()
        return self
