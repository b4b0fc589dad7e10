# SPDX-License-Identifier: PostgreSQL
"""Every test that the table of traps names is there; every trap has some, or says why not."""
import tree

TABLE = "tests/traps.txt"
NUMBERS = [*map(str, range(1, 50)), "33b"]

files = dict(tree.files(r"tests/(traps\.txt|unit/.*\.(c|txt)|cluster/.*\.py)"))
titles = [line[2:] for name, text in files.items() if name.endswith(".txt")
          for line in text.splitlines() if line.startswith("# ") and name != TABLE]


def has_unit(program, test):
    folder, what = program.split("/")
    text = files.get(f"tests/unit/{folder}/test_{what}.c", "")
    if folder == "store":
        # What all stores have to do is written once.
        text += "".join(files[name] for name in files if "/store/conformance" in name)
    return f"START_TEST({test})" in text


CHECKS = {
    "sim": lambda rule: f'.without = "{rule}"' in files.get("tests/unit/sim/test_traps.c", ""),
    "model": lambda rule: f'"{rule}"' in files.get("tests/unit/model/test_model.c", ""),
    "unit": has_unit,
    "case": lambda *words: any(title.startswith(" ".join(words)) for title in titles),
    "cluster": lambda file, test: f"\ndef {test}(" in files.get(f"tests/cluster/{file}.py", ""),
}


def read(text):
    """[number, scope, line, what is said of it]"""
    traps = []
    for at, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "trap" and len(words) > 3 and words[2] in ("pair", "more"):
            traps.append((words[1], words[2], at, set()))
        elif words[0] in ("bites", "holds", "open") and traps and len(words) > 2:
            traps[-1][3].add(words[0])
            if words[0] != "open" and not CHECKS.get(words[1], lambda *_: False)(*words[2:]):
                tree.complain(TABLE, at, f"there is no {' '.join(words[1:])}")
        else:
            tree.complain(TABLE, at, "cannot be read")
    return traps


def count(traps, *said):
    return sum(set(said) <= trap[3] for trap in traps)


found = read(files.get(TABLE, ""))
for number, scope, place, what in found:
    for needed in ("bites", "holds"):
        if scope == "pair" and not what & {needed, "open"}:
            tree.complain(TABLE, place, f"nothing {needed} trap {number}, and nothing says why")
for number in NUMBERS:
    if number not in [trap[0] for trap in found]:
        tree.complain(TABLE, 1, f"trap {number} is missing")
pairs = [trap for trap in found if trap[1] == "pair"]
if not tree.complaints:
    print(f"traps={len(found)} of_pairs={len(pairs)} held={count(pairs, 'holds')} "
          f"shown_to_bite={count(pairs, 'bites')} both={count(pairs, 'bites', 'holds')} "
          f"with_something_open={count(pairs, 'open')}")
tree.finish()
