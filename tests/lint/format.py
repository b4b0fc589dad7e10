# SPDX-License-Identifier: PostgreSQL
"""Line breaks and indentation are those of .clang-format; columns inside a line (aligned fields,
tables, comments) are the author's. With --fix after the root, the lines at fault are rewritten."""
import difflib
import os
import re
import subprocess
import sys
import tempfile

import tree

STYLE = os.path.join(tree.ROOT, ".clang-format")
SHORT_CASES = "AllowShortCaseLabelsOnASingleLine: "


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


def by_hand(lines):
    """For each line whether it belongs to a macro or to a table at file scope: these are laid out
    for the eye, and the formatter would fold them."""
    answers = []
    macro = table = False
    for line in lines:
        macro = macro or line.startswith("#define")
        table = table or re.match(r"\w.*= \{$", line) is not None
        answers.append(macro or table)
        macro = macro and line.endswith("\\")
        table = table and not line.startswith("}")
    return answers


def hunks(text, formatted):
    """(first, last, lines to stand there instead) of each place where the two differ."""
    free, want = by_hand(text.split("\n")), formatted.split("\n")
    if essence(text) == essence(formatted):
        return []
    matcher = difflib.SequenceMatcher(None, essence(text), essence(formatted), autojunk=False)
    return [(a, b, want[c:d]) for kind, a, b, c, d in matcher.get_opcodes()
            if kind != "equal" and not (a < b and all(free[a:b]))]


def formatted_by(style, name, text):
    command = ["clang-format", f"--style=file:{style}", f"--assume-filename={name}"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def look(name, text, styles):
    found = hunks(text, formatted_by(styles[0], name, text))
    if found:
        found = min(found, hunks(text, formatted_by(styles[1], name, text)), key=len)
    lines = text.split("\n")
    for first, last, instead in reversed(found):
        lines[first:last] = instead
    for first, _, instead in found:
        shown = "\n".join("    " + line for line in instead)
        tree.complain(name, first + 1,
                      "is formatted as\n" + shown if shown else "is no line of its own")
    if found and sys.argv[2:] == ["--fix"]:
        with open(os.path.join(tree.ROOT, name), "w", encoding="utf-8") as f:
            f.write("\n".join(lines))


# A switch that is a table has its cases on one line each, any other has not: one way per file.
with open(STYLE, encoding="utf-8") as f, tempfile.NamedTemporaryFile("w", suffix=".yml") as tables:
    tables.write(f.read().replace(SHORT_CASES + "false", SHORT_CASES + "true"))
    tables.flush()
    for name, text in tree.files(r"(include|lib|tools|tests|examples)/.*\.[ch]"):
        look(name, text, [STYLE, tables.name])
tree.finish()
