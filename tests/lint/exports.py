# SPDX-License-Identifier: PostgreSQL
"""Three lists that must be one: names declared PGAF_API in include/pgaf, names in lib/libpgaf.map,
names the shared library defines. Called with the root of the tree and the library."""
import re
import subprocess
import sys

import tree

MAP = "lib/libpgaf.map"


def declared():
    found = {}
    for name, text in tree.files(r"include/pgaf/.*\.h"):
        code = tree.without_comments(text)
        code = re.sub(r"^#(?:[^\n]*\\\n)*[^\n]*", lambda d: re.sub(r"[^\n]", " ", d.group(0)), code,
                      flags=re.M)
        for m in re.finditer(r"\bPGAF_API\b[^;{]*?\b([a-z]\w*)\s*\(", code):
            found[m.group(1)] = (name, code.count("\n", 0, m.start(1)) + 1)
    return found


def mapped():
    found = {}
    for name, text in tree.files(re.escape(MAP)):
        code = tree.without_comments(text)
        for m in re.finditer(r"\b(\w+);", code):
            found[m.group(1)] = (name, code.count("\n", 0, m.start(1)) + 1)
    return found


def defined(library):
    rows = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True,
                          check=True).stdout.split("\n")
    return {r.split()[2].split("@")[0] for r in rows if r and r.split()[1] != "A"}


promised, listed, present = declared(), mapped(), defined(sys.argv[2])
for symbol, place in promised.items():
    if not symbol.startswith("pgaf_"):
        tree.complain(*place, f"{symbol} is public and does not start with pgaf_")
    if symbol not in listed:
        tree.complain(*place, f"{symbol} is declared PGAF_API and not in {MAP}")
    if symbol not in present:
        tree.complain(*place, f"{symbol} is declared PGAF_API and the library does not define it")
for symbol, place in listed.items():
    if symbol not in promised:
        tree.complain(*place, f"{symbol} is no PGAF_API declaration")
for symbol in sorted(present - set(listed)):
    tree.complain(MAP, 1, f"{symbol} is exported and not listed")
tree.finish()
