# SPDX-License-Identifier: PostgreSQL
"""Line breaks and indentation are those of .clang-format; columns inside a line (aligned fields,
tables, comments) are the author's. With --fix after the root, the lines at fault are rewritten."""
import difflib
import os
import re
import subprocess
import sys

import tree


def essence(text):
    """Lines with the blanks inside them squeezed: what must agree with the formatter."""
    lines = []
    after_undef = False
    for line in text.split("\n"):
        indent = re.match(r"\s*", line).group(0)
        # The formatter takes what follows a list of X macros for its continuation.
        lines.append(("" if after_undef else indent) +
                     re.sub(r"(?<=\{) | (?=\})", "", re.sub(r"\s+", " ", line.strip())))
        after_undef = line.startswith("#undef")
    return lines


def compare(name, text, formatted):
    """Complains of each hunk; returns the text with the formatter's lines where it was wrong."""
    have, want, better = text.split("\n"), formatted.split("\n"), []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, essence(text), essence(formatted),
                                                    autojunk=False).get_opcodes():
        if kind == "equal":
            better += have[a:b]
            continue
        better += want[c:d]
        shown = "\n".join("    " + line for line in want[c:d])
        tree.complain(name, a + 1, "is formatted as\n" + shown if shown else "does not belong here")
    return "\n".join(better)


for name, text in tree.files(r"(include|lib|tools|tests|examples)/.*\.[ch]"):
    formatted = subprocess.run(["clang-format", f"--assume-filename={tree.ROOT}/{name}"],
                               input=text, capture_output=True, text=True, check=True).stdout
    better = compare(name, text, formatted)
    if better != text and sys.argv[2:] == ["--fix"]:
        with open(os.path.join(tree.ROOT, name), "w", encoding="utf-8") as f:
            f.write(better)
tree.finish()
