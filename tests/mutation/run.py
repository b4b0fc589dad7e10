#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
"""Which checks notice when a rule, or one condition of a rule, is gone.

A condition that the rules before it imply is not tried: boxes prove that it changes no decision.
Each other mutant (mutant.c) is given to the unit tests of the tables, to the simulator and, if
asked, to the model checker; not to simulated runs in which it never comes to a point where it would
decide otherwise. Every result is a line of the file of results, so that a run stopped by
--seconds goes on where it was. Ends with 1 when a mutant that nothing noticed is not listed, with
its reason, in silent.txt beside this file.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
# A mutant may turn in circles: what takes this long is noticed, too.
DEADLINE = 300
NO_SUCH_MUTANT = 120

CHECKS = {
    "boxes": [],
    "transcripts": [],
    "recordings": [],
    "keeper-table": [],
    "engine-monitor": [],
    "engine-keeper": [],
    "sim": ["--brief", "--seeds", "1..{seeds}"],
    "forget": ["--brief", "--seeds", "1..{seeds}", "--forget"],
    "single": ["--brief", "--seeds", "1..{seeds}", "--nodes", "1"],
    "model": ["--nodes", "2"],
}
PROGRAMS = {"forget": "sim", "single": "sim"}
UNIT = ("boxes", "transcripts", "recordings", "keeper-table", "engine-monitor", "engine-keeper")


def command(options, check):
    program = options.build / "tests" / f"mutant-{PROGRAMS.get(check, check)}"
    return [str(program)] + [word.format(seeds=options.seeds) for word in CHECKS[check]]


def run(options, check, mutant=None):
    """True when `check` notices `mutant`; without one, when it fails of itself."""
    environment = dict(os.environ)
    environment.pop("PGAF_MUTANT", None)
    if mutant:
        environment["PGAF_MUTANT"] = mutant
    try:
        done = subprocess.run(command(options, check), env=environment, timeout=DEADLINE,
                              capture_output=True, text=True, check=False)
    except subprocess.TimeoutExpired:
        return True, "takes too long"
    if done.returncode == NO_SUCH_MUTANT:
        sys.exit(done.stderr)
    found = re.search(r"^seed .*|^VIOLATION.*|^.*:F:.*", done.stdout, re.MULTILINE)
    return done.returncode != 0, found.group(0)[:160] if found else ""


def points_of(options):
    """At how many points that the simulator's runs come to a mutant decides otherwise."""
    cache = options.results.with_suffix(f".points-{options.seeds}")
    if not cache.exists():
        words = [word.format(seeds=options.seeds) for word in CHECKS["sim"]]
        done = subprocess.run([str(options.build / "tests/mutant-points"), *words],
                              capture_output=True, text=True, check=True)
        cache.write_text(done.stderr, encoding="utf-8")
    lines = [line.split() for line in cache.read_text(encoding="utf-8").splitlines()]
    return {words[0]: int(words[1]) for words in lines if len(words) == 2}


def mutants_of(options):
    """Those that decide something else somewhere, and how many do not."""
    lines = subprocess.run(command(options, "sim"), env=dict(os.environ, PGAF_MUTANT="list"),
                           capture_output=True, text=True, check=True).stdout.splitlines()
    lines = [line for line in lines if re.search(options.only, line)]
    names = [line for line in lines if not line.endswith(" implied")]
    return names, len(lines) - len(names)


def read_results(path):
    results = collections.defaultdict(dict)
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            results[row["mutant"]][row["check"]] = row["noticed"]
    return results


def work(options, results, mutants, points):
    """All checks of all mutants that are not in the results; False when time ran out first."""
    begun = time.monotonic()
    lock = threading.Lock()

    def one(mutant):
        for check in options.checks:
            noticed = results[mutant]
            enough = options.first and any(noticed.values())
            if check in noticed or enough or time.monotonic() - begun > options.seconds:
                continue
            if check == "sim" and points.get(mutant) == 0:
                verdict, how = False, "the same runs: it never decides otherwise in them"
            else:
                verdict, how = run(options, check, mutant)
            with lock:
                noticed[check] = verdict
                with options.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"mutant": mutant, "check": check, "noticed": verdict,
                                           "how": how}) + "\n")

    for mutant in mutants:
        results[mutant] = results[mutant]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(one, mutants))
    return time.monotonic() - begun <= options.seconds


def silent_with_reason():
    listed = {}
    for line in (HERE / "silent.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, reason = line.split(None, 1)
            listed[name] = reason
    return listed


def report(options, results, mutants, implied, points):
    for mutant in mutants if options.table else []:
        row = [("caught" if results[mutant][c] else "-") if c in results[mutant] else "?"
               for c in options.checks]
        print(f"{mutant:28}", *(f"{word:14}" for word in row))
    noticed = [m for m in mutants if any(results[m].values())]
    by_unit = [m for m in mutants if any(results[m].get(c) for c in UNIT)]
    by_others = [m for m in mutants
                 if any(seen for c, seen in results[m].items() if c not in UNIT)]
    listed = silent_with_reason()
    silent = [m for m in mutants if m not in noticed]
    for mutant in silent:
        print(f"nothing notices {mutant}, otherwise at {points.get(mutant, 0)} points: "
              f"{listed.get(mutant, 'NOT EXPLAINED')}")
    unreached = [m for m in silent if points.get(m) == 0]
    unexplained = [m for m in silent if m not in listed]
    checks = " ".join(f"{c}={sum(results[m].get(c, False) for m in mutants)}"
                      for c in options.checks)
    print(f"mutants={len(mutants) + implied} implied={implied} tried={len(mutants)} "
          f"caught={len(noticed)} silent={len(silent)} never_otherwise={len(unreached)} "
          f"unexplained={len(unexplained)} unit={len(by_unit)} simulated={len(by_others)} {checks}")
    return not unexplained


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build/gcc")
    parser.add_argument("--results", type=pathlib.Path)
    parser.add_argument("--checks", type=lambda text: text.split(","),
                        default=[*UNIT, "sim", "forget"], help="of: " + " ".join(CHECKS))
    parser.add_argument("--seeds", type=int, default=300, help="of the simulator (300)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=float("inf"),
                        help="begin nothing new after this time")
    parser.add_argument("--only", default="", help="mutants whose name has this expression")
    parser.add_argument("--first", action="store_true",
                        help="one check that notices a mutant is enough")
    parser.add_argument("--table", action="store_true", help="a line for each mutant")
    options = parser.parse_args()
    options.results = options.results or options.build / "mutation.jsonl"
    for check in options.checks:
        failed, how = run(options, check)
        if failed:
            sys.exit(f"{check} fails without a mutant, too, and would notice nothing: {how}")
    mutants, implied = mutants_of(options)
    results = read_results(options.results)
    points = points_of(options)
    if not work(options, results, mutants, points):
        print("time is up; run again to go on")
    return 0 if report(options, results, mutants, implied, points) else 1


if __name__ == "__main__":
    sys.exit(main())
