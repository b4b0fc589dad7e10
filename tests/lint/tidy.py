# SPDX-License-Identifier: PostgreSQL
"""The ceilings and habits of the house: lengths, banned functions and words, a licence line and a
purpose in every file, no stray blanks, no trace of the machine the text was written on."""
import re
import subprocess

import tree

COLUMNS = 100
FUNCTION_LINES = 70
FILE_LINES = 800
BANNED = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|atoi|atol|atof|strtok|gets|system|"
                    r"popen|sleep|usleep|nanosleep|alloca)\s*\(")
WORDS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE = re.compile(r"/wo" r"rk/")
SPDX = "SPDX-License-Identifier: PostgreSQL"
SOURCES = (r".*\.(c|h|py|sh|sql|map|in)|.*CMakeLists\.txt|man/man\d/.*|examples/.*|\.ci/run|"
           r".*\.(md|yml|yaml|cfg)|\.[a-z-]+")
LICENSED = r".*\.(c|h|py|sh|sql)|.*CMakeLists\.txt|man/man\d/.*"


def look_at_lines(name, text):
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            tree.complain(name, number, "blanks at the end of the line")
        if len(line.expandtabs(8)) > COLUMNS and not name.endswith((".md", ".txt")):
            tree.complain(name, number, f"{len(line.expandtabs(8))} columns, {COLUMNS} are allowed")
        if m := WORDS.search(line):
            tree.complain(name, number, f"{m.group(0)}: finish it or leave it out")
        if m := MACHINE.search(line):
            tree.complain(name, number, f"{m.group(0)} is a path of one machine")
    if text and not text.endswith("\n"):
        tree.complain(name, text.count("\n") + 1, "no newline at the end of the file")


def look_at_c(name, text):
    for number, line in enumerate(tree.without_comments(text).split("\n"), 1):
        if m := BANNED.search(line):
            tree.complain(name, number, f"{m.group(1)}() is banned")
    if text.count("\n") > FILE_LINES:
        tree.complain(name, FILE_LINES, f"{text.count(chr(10))} lines, {FILE_LINES} are allowed")
    if not re.match(r"/\* SPDX[^\n]*\*/\n(#[^\n]*\n|\s)*/\*", text):
        tree.complain(name, 2, "no comment says what this file is for")


def look_at_functions(names):
    measured = subprocess.run(["pmccabe", *names], cwd=tree.ROOT, capture_output=True, text=True,
                              check=False)
    for row in measured.stdout.splitlines():
        fields = row.split("\t")
        place = re.match(r"(.*)\((\d+)\): (.*)", fields[-1])
        if place and int(fields[4]) > FUNCTION_LINES:
            tree.complain(place.group(1), place.group(2), f"{place.group(3)} has {fields[4]} lines,"
                          f" {FUNCTION_LINES} are allowed")


c_files = []
for name, text in tree.files(SOURCES):
    look_at_lines(name, text)
    if re.fullmatch(LICENSED, name) and SPDX not in "\n".join(text.split("\n")[:3]):
        tree.complain(name, 1, f"no line with {SPDX}")
    if re.fullmatch(r"(lib|tools|include|tests|examples)/.*\.[ch]", name):
        look_at_c(name, text)
        c_files.append(name)
if c_files:
    look_at_functions(c_files)
tree.finish()
