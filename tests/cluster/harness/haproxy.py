# SPDX-License-Identifier: PostgreSQL
"""A real HAProxy with the configuration that `pgaf-ctl haproxy config` prints."""
import os
import re

from . import proc
from .ports import free_port

SECTION = re.compile(r"^\s*(listen|frontend|backend|global|defaults)\b\s*(\S*)")
BIND = re.compile(r"^(\s*bind\s+)(\S*?):(\d+)(.*)$")
KINDS = (("stat", "stats"), ("only", "read_only"), ("replica", "read_only"),
         ("_ro", "read_only"), ("write", "read_write"), ("primary", "read_write"))


def kind_of(section):
    for word, kind in KINDS:
        if word in section:
            return kind
    return None


def place_listeners(text, address, port_of):
    """Move every listener to `address` and port_of(port); (new text, {kind: port})."""
    lines, ports, section = [], {}, ""
    for line in text.splitlines():
        head = SECTION.match(line)
        if head:
            section = head.group(2)
        bind = BIND.match(line)
        if bind:
            port = port_of(int(bind.group(3)))
            kind = kind_of(section)
            assert kind, f"which listener is this? {section}: {line}"
            ports.setdefault(kind, port)
            line = f"{bind.group(1)}{address}:{port}{bind.group(4)}"
        lines.append(line)
    return "\n".join(lines) + "\n", ports


class HAProxy:
    """Listens on a host of its own, or on free ports of 127.0.0.1."""

    def __init__(self, directory, printed, host=None):
        self.host = host
        self.address = host.address if host else "127.0.0.1"
        if host:
            text, ports = place_listeners(printed, "0.0.0.0", lambda port: port)
        else:
            text, ports = place_listeners(printed, self.address, lambda _: free_port())
        self.config = os.path.join(directory, "haproxy.cfg")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)
        self.read_write = (self.address, ports["read_write"])
        self.read_only = (self.address, ports.get("read_only"))
        self.stats = (self.address, ports.get("stats"))
        self.daemon = proc.Daemon("haproxy", ["/usr/sbin/haproxy", "-db", "-f", self.config],
                                  os.path.join(directory, "haproxy.log"),
                                  wrap=host.wrap() if host else ())

    def start(self):
        self.daemon.start()
        return self
