# SPDX-License-Identifier: PostgreSQL
"""Free TCP ports on 127.0.0.1, below the range from which the kernel takes those of clients."""
import os
import socket

FIRST, LAST = 21000, 21999
_next = FIRST + os.getpid() * 17 % (LAST - FIRST)


def free_port():
    """A port that nobody listens on now, and that this run has not given out lately."""
    global _next
    for _ in range(LAST - FIRST):
        port = _next
        _next = _next + 1 if _next < LAST else FIRST
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError(f"no free port in {FIRST}-{LAST}")
