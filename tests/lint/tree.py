# SPDX-License-Identifier: PostgreSQL
"""What every lint needs: the files of the tree, C text without its comments, and the one form of
a complaint (file:line: message). A lint ends with tree.finish(), which fails if it saw no file."""
import os
import re
import subprocess
import sys

ROOT = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".")
complaints = []
seen = 0


def listed():
    """Names relative to ROOT: what git tracks or would track, or everything outside git."""
    git = subprocess.run(
        ["git", "-C", ROOT, "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"], capture_output=True, check=False)
    if git.returncode == 0:
        names = [n for n in git.stdout.decode().split("\0") if n]
    else:
        names = [os.path.relpath(os.path.join(d, f), ROOT)
                 for d, _, fs in os.walk(ROOT) for f in fs]
    return sorted(n for n in set(names) if os.path.isfile(os.path.join(ROOT, n)))


def files(pattern):
    """(name, text) of every file whose whole name matches the regular expression."""
    global seen
    for name in listed():
        if re.fullmatch(pattern, name):
            seen += 1
            with open(os.path.join(ROOT, name), encoding="utf-8") as f:
                yield name, f.read()


def without_comments(text):
    """C source with comments and the contents of strings blanked, line numbers kept."""
    def blank(match):
        found = match.group(0)
        if found[0] in "\"'":
            return found[0] + " " * (len(found) - 2) + found[0]
        return re.sub(r"[^\n]", " ", found)
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def complain(name, line, message):
    complaints.append(f"{name}:{line}: {message}")


def finish():
    for line in complaints:
        print(line)
    if seen == 0:
        print(f"{ROOT}:1: nothing to look at")
    sys.exit(1 if complaints or seen == 0 else 0)
