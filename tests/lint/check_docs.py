# SPDX-License-Identifier: PostgreSQL
"""The manual says what the programs say: every option and command of --help is in the page of the
program and the other way round, every option that a file may set is in the page of that file,
every setting of a formation and every exit code is described.
usage: check_docs.py ROOT PROGRAM..."""
import os
import re
import subprocess
import sys

import tree

CODES = ["0", "1", "2", "3", "4", "5"]
FILES = {"pgaf-monitor": "pgaf-monitor.yml", "pgaf-keeper": "pgaf-keeper.yml"}


class Page:
    def __init__(self, name, section):
        self.name = f"man/man{section}/{name}.{section}"
        path = os.path.join(tree.ROOT, self.name)
        self.lines = []
        if os.path.isfile(path):
            tree.seen += 1
            with open(path, encoding="utf-8") as f:
                self.lines = f.read().split("\n")
        else:
            tree.complain(self.name, 1, "there is no such page")

    def items(self):
        """(line, words) of each item; the lines of an .It Xo are taken as one."""
        number = 0
        while number < len(self.lines):
            line = self.lines[number]
            start = number + 1
            if re.match(r"\.It Xo", line):
                while not re.match(r"\.Xc", self.lines[number]):
                    number += 1
                    line += " " + self.lines[number].lstrip(".")
            if line.startswith(".It "):
                yield start, line[4:].removeprefix("Xo ").strip()
            number += 1

    def options(self):
        return {(name, line) for line, words in self.items()
                for name in re.findall(r"\bFl -([a-z][a-z0-9-]*)", words)
                if not words.startswith("Cm ")}

    def keys(self):
        return {(words[3:].split()[0], line) for line, words in self.items()
                if words.startswith("Cm ")}

    def section(self, head):
        inside = False
        for number, line in enumerate(self.lines, 1):
            if line.startswith((".Sh ", ".Ss ")):
                inside = line[4:].strip() == head
            elif inside:
                yield number, line


def help_of(program):
    run = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    if run.returncode != 0 or run.stderr:
        tree.complain(os.path.basename(program), 1, f"--help: {run.returncode} {run.stderr}")
    for number, line in enumerate(run.stdout.split("\n"), 1):
        if len(line) > 100:
            tree.complain(os.path.basename(program) + " --help", number, "over 100 columns")
    return run.stdout


def options_of(text):
    return set(re.findall(r"^\s+(?:-[a-zA-Z], )?--([a-z][a-z0-9-]*)", text, re.M))


def compare(page, what, said, written):
    """`said` by the program; `written` in the page, as (name, line)."""
    names = {name for name, _ in written}
    for name in sorted(said - names):
        tree.complain(page.name, 1, f"{what} {name} is missing")
    for name, line in sorted(written):
        if name not in said:
            tree.complain(page.name, line, f"there is no {what} {name}")


def only_on_the_command_line(name):
    """Options that the program's table keeps out of files."""
    found = set()
    for _, text in tree.files(rf"tools/(common|{name})/.*\.[ch]"):
        for row in re.findall(r"\{[^{}]*\.name\s*=[^{}]*\}", text):
            if re.search(r"\.only_command_line\s*=\s*true", row):
                found.update(re.findall(r'\.name\s*=\s*"([^"]+)"', row))
    return found


def look_at_codes(page):
    written = [(line[4:].strip(), number) for number, line in page.section("EXIT STATUS")
               if line.startswith(".It ")]
    compare(page, "exit status", set(CODES), set(written))


def look_at_file(name, options):
    page = Page(FILES[name], 5)
    keys = {option.replace("-", "_") for option in options - only_on_the_command_line(name)
            if option not in ("help", "version")}
    compare(page, "key", keys, page.keys())


def commands_of(text):
    block = re.search(r"^Commands:\n(.*?)\n\n", text, re.M | re.S).group(1)
    for line in re.findall(r"^  ([a-z].*)$", block, re.M):
        yield " ".join(re.match(r"[a-z-]+(?: [a-z-]+)*", re.split(r"  +", line)[0])[0].split()[:2])


def look_at_ctl(text, page):
    commands = set(commands_of(text))
    written = set()
    for line, words in page.items():
        if words.startswith("Cm ") and not words[3:].split()[0].endswith(tuple("0123456789")):
            written.add((" ".join(words[3:].split()[:2]), line))
    settings = settings_of_formations()
    inside = {number for number, _ in page.section("Settings of a formation")}
    listed = {(name.split()[0], line) for name, line in written if line in inside}
    compare(page, "setting", settings, listed)
    by_word = {re.sub(r" (Ar|Op).*", "", name): line for name, line in written
               if line not in inside}
    compare(page, "command", commands, set(by_word.items()))


def settings_of_formations():
    model = dict(tree.files(r"lib/core/model\.h")).get("lib/core/model.h", "")
    timings = re.search(r"#define TIMINGS\(X\)(.*?)\n\n", model, re.S).group(1)
    names = re.findall(r"X\((\w+),", timings) + ["number_sync_standbys", "on_disagreement"]
    return {name.replace("_", "-") for name in names}


for program in sys.argv[2:]:
    name = os.path.basename(program)
    text = help_of(program)
    page = Page(name, 1)
    options = options_of(text)
    compare(page, "option", {f"--{o}" for o in options},
            {(f"--{o}", line) for o, line in page.options()})
    look_at_codes(page)
    if name in FILES:
        look_at_file(name, options)
    if name == "pgaf-ctl":
        look_at_ctl(text, page)
tree.finish()
