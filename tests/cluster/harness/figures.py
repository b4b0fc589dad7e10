# SPDX-License-Identifier: PostgreSQL
"""What the tests measured: a table at the end of the run, and a line of JSON per test."""
import json
import statistics
import subprocess
import time

COLUMNS = ("event", "n", "outage ms median (worst)", "acknowledged", "lost",
           "redundancy back ms", "notes")


def _cell(values):
    values = [v for v in values if v is not None]
    if not values:
        return "-"
    return f"{statistics.median(values):.0f} ({max(values):.0f})"


def git(where, *argv):
    return subprocess.run(["git", "-c", "safe.directory=*", "-C", where, *argv],
                          capture_output=True, text=True, check=False).stdout.strip()


def commit(where, full=False):
    """The commit that is tested; with `full` None when the tree has changes beside it."""
    if full and git(where, "status", "--porcelain", "--untracked-files=no"):
        return None
    return git(where, "rev-parse", "--short", "HEAD")


class Figures:
    def __init__(self):
        self.rows = []

    def add(self, event, outage_ms=(), acked=None, lost=None, redundancy_ms=(), test="", **notes):
        """One event, perhaps repeated: lists of ms; `notes` are further figures by name."""
        self.rows.append({
            "test": test, "event": event, "outage_ms": [round(v, 1) for v in outage_ms],
            "acknowledged": acked, "lost": lost,
            "redundancy_ms": [round(v, 1) for v in redundancy_ms], "notes": notes})

    def table(self):
        cells = [COLUMNS]
        for row in self.rows:
            count = max(len(row["outage_ms"]), len(row["redundancy_ms"]), 1)
            cells.append((
                row["event"], str(count), _cell(row["outage_ms"]),
                "-" if row["acknowledged"] is None else str(row["acknowledged"]),
                "-" if row["lost"] is None else str(row["lost"]), _cell(row["redundancy_ms"]),
                " ".join(f"{k}={v}" for k, v in row["notes"].items())))
        widths = [max(len(line[i]) for line in cells) for i in range(len(COLUMNS))]
        return ["  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip() for line in cells]

    def append_to(self, path, where):
        """One line per row, with the commit that was tested."""
        tested = commit(where)
        with open(path, "a", encoding="utf-8") as f:
            for row in self.rows:
                f.write(json.dumps({"commit": tested, "time": int(time.time()), **row}) + "\n")
