# SPDX-License-Identifier: PostgreSQL
"""Each public header compiles by itself, twice in a row, as C17 and C++17, and shows nobody
else's types: it includes the C library's basic headers and its own kind, nothing more."""
import os
import re
import subprocess
import tempfile

import tree

ALLOWED = re.compile(r"pgaf/[a-z_]+\.h|std(arg|bool|def|int)\.h|inttypes\.h|limits\.h")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wundef", "-Wshadow", "-Werror", "-fsyntax-only"]
COMPILERS = [["gcc", "-std=c17", "-Wstrict-prototypes", "-x", "c"],
             ["g++", "-std=c++17", "-x", "c++"],
             ["clang", "-std=c17", "-Wstrict-prototypes", "-Wdocumentation", "-x", "c"],
             ["clang++", "-std=c++17", "-x", "c++"]]


def compile_alone(name, folder):
    source = os.path.join(folder, "alone.c")
    with open(source, "w", encoding="utf-8") as f:
        f.write(f"#include <{name[len('include/'):]}>\n" * 2 + "extern int not_empty;\n")
    for compiler in COMPILERS:
        command = [*compiler, *WARNINGS, "-I", os.path.join(tree.ROOT, "include"), source]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            tree.complain(name, 1, f"{compiler[0]} {compiler[1]} says:\n{run.stderr.strip()}")


with tempfile.TemporaryDirectory() as scratch:
    for name, text in tree.files(r"include/pgaf/.*\.h"):
        for number, line in enumerate(text.split("\n"), 1):
            m = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
            if m and not ALLOWED.fullmatch(m.group(1)):
                tree.complain(name, number, f"a public header may not include {m.group(1)}")
        compile_alone(name, scratch)
tree.finish()
