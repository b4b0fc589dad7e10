#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
"""The runs of pgaf-model in which nothing may be violated, two at a time.

Prints what each run said last. Ends with 1 when one found a violation or was not finished; what
--full adds is followed as far as its time goes, and prints how far that was. The last line adds up.
"""

import argparse
import concurrent.futures
import re
import subprocess
import sys

# All schedules of two nodes with one fault; then what is smaller or bounded, and says so.
RUNS = [
    "--nodes 2",
    "--pair host,freeze --commits 0 --cancels 0",
    "--pair host,rival --commits 0 --cancels 0",
    "--pair host,session --commits 0 --cancels 0",
    "--nodes 3 --sync 1 --depth 8 --commits 1 --cancels 0",
    "--nodes 3 --sync 2 --depth 8 --commits 1 --cancels 0",
]

# Two faults of given kinds in one schedule, and three nodes further.
PAIRS = ("postmaster,postmaster", "postmaster,link", "postmaster,keeper", "postmaster,freeze",
         "postmaster,delay", "postmaster,session", "host,host", "host,link", "host,delay",
         "host,monitor", "host,store", "link,freeze", "link,rival", "link,session")
FULL = [f"--pair {pair} --commits {commits} --cancels 0 --seconds 240"
        for commits in (0, 1) for pair in PAIRS]
FULL += [f"--nodes 3 --sync {sync} --depth 11 --commits 1 --cancels 0 --seconds 240"
         for sync in (0, 1, 2)]


def run(program, words):
    done = subprocess.run([program, *words.split()], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def figure(line, name):
    found = re.search(rf"\b{name}=(\d+)", line)
    return int(found.group(1)) if found else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="?", default="build/gcc/pgaf-model")
    parser.add_argument("--full", action="store_true", help="pairs of faults, three nodes further")
    options = parser.parse_args()
    runs = RUNS + (FULL if options.full else [])
    sums = dict.fromkeys(("states", "transitions", "violations"), 0)
    failed = bounded = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        results = pool.map(lambda words: run(options.program, words), runs)
        for words, (code, lines) in zip(runs, results):
            too_large = code == 3 and words in FULL
            wrong = code != 0 and not too_large
            print("\n".join([f"== pgaf-model {words}", *(lines if wrong else lines[-2:])]),
                  flush=True)
            failed += wrong
            bounded += too_large or "--depth" in words
            for name in sums:
                sums[name] += figure(lines[-1] if lines else "", name)
    print(f"runs={len(runs)} bounded={bounded} failed={failed} "
          + " ".join(f"{name}={value}" for name, value in sums.items()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
