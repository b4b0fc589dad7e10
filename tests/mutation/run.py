#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
"""Which checks notice when a rule, one condition of a rule, or a check in the core is gone.

A condition that the rules before it imply is not tried: boxes prove that it changes no decision.
Each other change of a table (mutant.c) is given to the unit tests of the tables until one notices,
to the simulator, and to the model checker if the simulator did not notice; to both only in runs
that come to a point where it decides otherwise (reach.c), since all others stay as they are. The
changes of source code (sources.txt) are given to simulator, model checker and unit tests until one
notices. Each result is a line of the file of results, with the commit and a sum of the programs,
so that a run that was stopped goes on where it was. Ends with 1 when silent.txt does not explain a
change that nothing notices, or explains one that something does; the last line counts.
"""

import argparse
import collections
import concurrent.futures
import fnmatch
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

import sources

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[1]
NO_SUCH_MUTANT = 120
INCOMPLETE = 3
ARGUMENTS_MOST = 1000

Check = collections.namedtuple("Check", "kind words seconds", defaults=([], 20))
# In the order in which they are asked. A mutant may turn in circles: what takes this many seconds
# of the processor, ten times what it takes without one, is noticed, too.
CHECKS = {
    "transcripts": Check("unit"),
    "engine-monitor": Check("unit"),
    "keeper-table": Check("unit"),
    "boxes": Check("unit"),
    "promises": Check("unit"),
    "steps": Check("unit"),
    "engine-keeper": Check("unit"),
    "recordings": Check("unit"),
    "quorum": Check("core"),
    "evidence": Check("core"),
    "sim": Check("sim", [], 120),
    "model": Check("model", ["--nodes", "2", "--commits", "0", "--cancels", "0"], 60),
    "model-requests": Check("model", ["--nodes", "2", "--cancels", "0", "--commits", "1",
                                      "--restore", "--requests"], 180),
}
PROGRAMS = {"model-requests": "model"}
# What the programs read beside themselves.
DATA = {"transcripts": "tests/unit/core/transcripts", "recordings": "tests/unit/core/recordings"}
UNIT = ("unit", "core")
QUICK = ["1..500", "1..150f", "1..100s"]
FULL = ["1..10000", "1..3000f", "1..1000s"]
# For changes of source code, of which nobody knows where they matter.
ALL_OF = ["1..500", "1..150f", "1..50s"]


def program(options, check, kind="mutant"):
    return options.build / "tests" / f"{kind}-{PROGRAMS.get(check, check)}"


def sum_of(options, check, words):
    """Of all that a result depends on."""
    total = hashlib.sha256(program(options, check).read_bytes())
    data = TREE / DATA[check] if check in DATA else None
    for path in sorted(data.rglob("*")) if data else []:
        if path.is_file():
            total.update(path.read_bytes())
    total.update(repr(words).encode())
    return total.hexdigest()[:16]


def commit_of():
    done = subprocess.run(["git", "-c", "safe.directory=*", "-C", TREE, "describe", "--always",
                           "--dirty", "--abbrev=12"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "none"


def run(check, path, words, mutant=None):
    """Whether this program of a check fails, and what it says; a mutant is given to it by name."""
    environment = dict(os.environ)
    environment.pop("PGAF_MUTANT", None)
    if mutant:
        environment["PGAF_MUTANT"] = mutant
    limit = CHECKS[check].seconds
    # The tests' own fork watches the clock: on a busy machine that says nothing.
    environment["CK_TIMEOUT_MULTIPLIER"] = "20"
    done = subprocess.run(
        ["prlimit", f"--cpu={limit}", path, *words], env=environment, capture_output=True,
        text=True, errors="replace", check=False)
    if done.returncode == NO_SUCH_MUTANT:
        sys.exit(done.stderr)
    if CHECKS[check].kind == "model" and done.returncode == INCOMPLETE:
        return False, "not all states were followed"
    if done.returncode < 0:
        return True, f"signal {-done.returncode}"
    found = re.search(r"^\d+[fs]? .*|^.*violated.*|^.*:[FE]:.*", done.stdout, re.MULTILINE)
    return done.returncode != 0, found.group(0)[:160] if found else ""


# ---- where a mutant matters at all ---------------------------------------------------------------


def reach_of(options, check, words):
    """Of each mutant: in how many runs it decides otherwise, and the first of them."""
    key = hashlib.sha256(program(options, check, "reach").read_bytes() + repr(words).encode())
    cache = options.results.with_suffix(f".{check}-{key.hexdigest()[:16]}")
    if not cache.exists():
        done = subprocess.run([program(options, check, "reach"), *words], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{check} fails without a mutant, too, and would notice nothing:\n"
                     f"{done.stdout}{done.stderr}")
        part = cache.with_suffix(".part")
        part.write_text(done.stderr, encoding="utf-8")
        part.rename(cache)
    lines = [line.split() for line in cache.read_text(encoding="utf-8").splitlines()]
    return {words[0]: (int(words[1]), words[2:]) for words in lines}


class Trials:
    """The checks, what they are given, and what they said."""

    def __init__(self, options):
        self.options = options
        self.commit = commit_of()
        self.sources = sources.read()
        shutil.rmtree(options.build / "mutation", ignore_errors=True)  # of older headers
        self.reach = {}
        self.words = {}
        for check, entry in CHECKS.items():
            if check not in options.checks:
                continue
            self.words[check] = entry.words
            if entry.kind == "sim":
                self.words[check] = options.runs
            elif entry.kind in UNIT and run(check, program(options, check), [])[0]:
                sys.exit(f"{check} fails without a mutant, too, and would notice nothing")
            if entry.kind not in UNIT:
                self.reach[check] = reach_of(options, check, self.words[check])
        self.sums = {check: sum_of(options, check, [words, options.most])
                     for check, words in self.words.items()}
        self.results = collections.defaultdict(dict)
        self.lock = threading.Lock()
        if options.results.exists():
            for line in options.results.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                if row["check"] in self.sums and self.sum_of(row) == row["sum"]:
                    self.results[row["mutant"]][row["check"]] = row["noticed"]

    def sum_of(self, row):
        total = self.sums[row["check"]]
        source = self.sources.get(row["mutant"])
        if source:
            change = f"{total}{source.old}{source.new}{ALL_OF}"
            total = hashlib.sha256(change.encode()).hexdigest()[:16]
        return total

    def ask_source(self, check, source):
        words = self.words[check]
        if CHECKS[check].kind == "sim" and self.options.sample == 1:
            words = ALL_OF
        path = sources.make(self.options.build, source, program(self.options, check))
        noticed, how = run(check, path, words)
        path.unlink()
        return noticed, how

    def ask_mutant(self, check, mutant):
        words = self.words[check]
        if check in self.reach:
            count, runs = self.reach[check].get(mutant, (0, []))
            if count == 0:
                return False, "it never decides otherwise there"
            if CHECKS[check].kind == "sim":
                words = runs[:self.options.most]
        return run(check, program(self.options, check), words, mutant)

    def ask(self, check, mutant):
        begun = time.monotonic()
        if mutant in self.sources:
            noticed, how = self.ask_source(check, self.sources[mutant])
        else:
            noticed, how = self.ask_mutant(check, mutant)
        row = {"mutant": mutant, "check": check, "noticed": noticed, "how": how,
               "commit": self.commit, "seconds": round(time.monotonic() - begun, 2)}
        row["sum"] = self.sum_of(row)
        with self.lock:
            self.results[mutant][check] = noticed
            with self.options.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def open_checks(self, mutant):
        """The checks that still have to be asked, in order."""
        results = self.results[mutant]
        source = mutant in self.sources
        checks = [c for c in self.words if source or CHECKS[c].kind != "core"]
        if source:
            checks.sort(key=lambda c: CHECKS[c].kind in UNIT)
        for check in checks:
            unit = CHECKS[check].kind in UNIT
            enough = any(seen for other, seen in results.items() if source or self.options.first or
                         unit == (CHECKS[other].kind in UNIT))
            if check not in results and not enough:
                yield check

    def try_all(self, mutants):
        ends = time.monotonic() + self.options.seconds

        def one(mutant):
            while time.monotonic() < ends:
                check = next(self.open_checks(mutant), None)
                if not check:
                    return
                self.ask(check, mutant)

        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            list(pool.map(one, mutants))


# ---- what nothing notices ------------------------------------------------------------------------


def explanations():
    """silent.txt: patterns of mutants, and under them, indented, the reason."""
    found = []
    for line in (HERE / "silent.txt").read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace():
            found[-1][1].append(line.strip())
        elif found and not found[-1][1]:
            found[-1][0].extend(line.split())
        else:
            found.append((line.split(), []))
    for patterns, reason in found:
        if not reason:
            sys.exit(f"silent.txt gives no reason for {' '.join(patterns)}")
    return [(pattern, " ".join(reason)) for patterns, reason in found for pattern in patterns]


def stale(explained, everything, silent, untried):
    """Patterns without a silent mutant, unless one of theirs was not tried."""
    for pattern, _ in explained:
        meant = fnmatch.filter(everything, pattern)
        if not any(m in silent or m in untried for m in meant):
            yield pattern


def print_table(trials, mutants):
    for mutant in mutants:
        results = trials.results[mutant]
        said = ["caught" if results.get(c) else "-" if c in results else "" for c in trials.words]
        print(f"{mutant:28}", *(f"{word:14}" for word in said))


def report(trials, everything, mutants, implied):
    options = trials.options
    explained = explanations()
    if options.table:
        print_table(trials, mutants)
    caught = {m for m in mutants if any(trials.results[m].values())}
    deep = {m for m in caught if any(seen for check, seen in trials.results[m].items()
                                     if CHECKS[check].kind not in UNIT)}
    silent = {m for m in mutants if m not in caught and next(trials.open_checks(m), None) is None}
    with_reason = {m for m in silent if any(fnmatch.fnmatchcase(m, p) for p, _ in explained)}
    if options.sample > 1:  # what needs the longer search is not judged here
        silent = with_reason
    untried = set(everything) - caught - silent
    unexplained = sorted(silent - with_reason)
    for mutant in unexplained:
        print(f"nothing notices {mutant}; it decides otherwise in "
              + ", ".join(f"{reach[mutant][0] if mutant in reach else 'unknown'} runs of {check}"
                          for check, reach in trials.reach.items()))
    outdated = list(stale(explained, everything, silent, untried))
    for pattern in outdated:
        print(f"silent.txt explains {pattern}, but something notices it, or there is no such thing")
    by_check = {check: sum(trials.results[m].get(check, False) for m in mutants)
                for check in trials.words}
    print(f"{len(everything)} changes decide otherwise somewhere, {implied} do not; noticed by",
          ", ".join(f"{check} {count}" for check, count in by_check.items()))
    print(f"mutations: {len(caught) + len(silent)} tried, {len(caught)} caught ({len(deep)} by "
          f"checker or simulator), {len(with_reason)} explained, {len(unexplained)} unexplained, "
          f"{len(untried)} untried")
    return not unexplained and not outdated


def mutants_of(options):
    """Those that decide something else somewhere, and how many do not."""
    lines = subprocess.run([program(options, "sim")], env=dict(os.environ, PGAF_MUTANT="list"),
                           capture_output=True, text=True, check=True).stdout.splitlines()
    names = [line for line in lines if not line.endswith(" implied")]
    return names + list(sources.read()), len(lines) - len(names)


def sample_of(options, names):
    names = [name for name in names if re.search(options.only, name)]
    names.sort(key=lambda name: hashlib.sha256(name.encode()).digest())
    return names[::options.sample]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=TREE / "build/gcc")
    parser.add_argument("--results", type=pathlib.Path)
    parser.add_argument("--checks", type=lambda text: text.split(","),
                        help="of: " + " ".join(CHECKS) + " (all; of a sample not the models)")
    parser.add_argument("--runs", type=lambda text: text.split(","),
                        help=f"of the simulator ({','.join(FULL)}; of a sample {','.join(QUICK)})")
    parser.add_argument("--most", type=int, default=300,
                        help="of these runs, for one mutant (300)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=float("inf"),
                        help="begin nothing new after this time")
    parser.add_argument("--only", default="", help="those whose name has this expression")
    parser.add_argument("--sample", type=int, default=1, help="each N-th of them, and quickly")
    parser.add_argument("--first", action="store_true",
                        help="one check that notices a mutant is enough")
    parser.add_argument("--table", action="store_true", help="a line for each mutant")
    options = parser.parse_args()
    options.results = options.results or options.build / "mutation.jsonl"
    options.runs = options.runs or (QUICK if options.sample > 1 else FULL)
    options.checks = options.checks or [check for check, entry in CHECKS.items()
                                        if options.sample == 1 or entry.kind != "model"]
    options.most = min(options.most, ARGUMENTS_MOST)
    everything, implied = mutants_of(options)
    mutants = sample_of(options, everything)
    trials = Trials(options)
    trials.try_all(mutants)
    return 0 if report(trials, everything, mutants, implied) else 1


if __name__ == "__main__":
    sys.exit(main())
