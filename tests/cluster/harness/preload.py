# SPDX-License-Identifier: PostgreSQL
"""Faults inside a host's processes: builds faults.c once, and writes the page that steers it."""
import mmap
import os
import struct

from . import proc

SOURCE = os.path.join(os.path.dirname(__file__), "faults.c")
PAGE = struct.Struct("=qqqq")


def build(directory):
    library = os.path.join(directory, "faults.so")
    proc.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, SOURCE])
    return library


class Faults:
    """The faults of one host."""

    def __init__(self, directory, name, library):
        path = os.path.join(directory, f"{name}.faults")
        self.env = {"LD_PRELOAD": library, "PGAF_TEST_FAULTS": path}
        self.values = {"clock_offset_ns": 0, "fsync_delay_ms": 0, "fsync_hangs": 0,
                       "fsync_skipped": 0}
        with open(path, "wb+") as f:
            f.write(PAGE.pack(*self.values.values()))
            f.flush()
            self.page = mmap.mmap(f.fileno(), PAGE.size)

    def set(self, **changed):
        self.values.update(changed)
        self.page[:] = PAGE.pack(*self.values.values())
