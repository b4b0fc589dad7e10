# SPDX-License-Identifier: PostgreSQL
"""Judges a history of appends and reads: pure functions over plain data, nothing is asked here.

An operation is a dictionary as register.py writes it. A *term* is one node on one timeline, for as
long as it acknowledges. What really happened at a point between t0 and t1 of an operation is
ordered against another one only where the intervals do not overlap, so each complaint is certain.
"""
import json
from collections import namedtuple

Term = namedtuple("Term", "node tli first last count")	# ns: first answer, last question
Change = namedtuple("Change", "at before after verdict")

NS = 1_000_000_000
GRACE = 20 * NS		# a failover belongs to a fault that ended at most this long before


def load(paths):
    """All operations of some history files, in the order of their answers."""
    ops = []
    for path in paths:
        with open(path, encoding="utf-8") as f:
            ops += [json.loads(line) for line in f if line.endswith("\n")]
    return sorted(ops, key=lambda op: op["t1"])


def appends(ops, result):
    return [op for op in ops if op["op"] == "append" and op["result"] == result]


def item(op):
    return op["key"], op["p"], op["value"]


def lost(ops, final):
    """Acknowledged and not there at the end. `final`: (key, writer, value) in order."""
    present = set(final)
    return [item(op) for op in appends(ops, "ok") if item(op) not in present]


def invented(ops, final):
    """There at the end, and never sent, or sent and refused, or there twice."""
    sent = {item(op) for op in ops if op["op"] == "append"}
    refused = {item(op) for op in appends(ops, "fail")}
    seen, found = set(), []
    for entry in final:
        if entry not in sent or entry in refused or entry in seen:
            found.append(entry)
        seen.add(entry)
    return found


def disordered(final):
    """A writer sends its next value after the answer to the one before: that order must be kept."""
    newest, found = {}, []
    for key, writer, value in final:
        if value <= newest.get((key, writer), 0):
            found.append((key, writer, value))
        newest[key, writer] = value
    return found


def terms(ops):
    """Who acknowledged when, in the order of the first answers."""
    found = {}
    for op in appends(ops, "ok"):
        who = op["node"], op["tli"]
        old = found.get(who, Term(*who, op["t1"], op["t0"], 0))
        found[who] = Term(*who, min(old.first, op["t1"]), max(old.last, op["t0"]), old.count + 1)
    return sorted(found.values(), key=lambda term: term.first)


def two_primaries(ops):
    """Pairs of terms that cannot both be right: one timeline on two nodes, or an older timeline
    that acknowledged what was sent only after a newer one had answered already."""
    found = []
    in_order = sorted(terms(ops), key=lambda term: term.tli)
    for i, older in enumerate(in_order):
        for newer in in_order[i + 1:]:
            if older.tli == newer.tli or older.last > newer.first:
                found.append((older, newer))
    return found


def stale_reads(ops):
    """Reads from a primary that lack what was acknowledged before they were sent: a figure only.

    A primary that is cut off answers reads until it has fenced itself.
    """
    starts = sorted((op for op in ops if op["op"] == "read" and op["result"] == "ok"
                     and not op["standby"]), key=lambda op: op["t0"])
    acked = sorted(appends(ops, "ok"), key=lambda op: op["t1"])
    newest, found, i = {}, [], 0
    for read in starts:
        while i < len(acked) and acked[i]["t1"] < read["t0"]:
            op = acked[i]
            newest[op["key"], op["p"]] = max(op["value"], newest.get((op["key"], op["p"]), 0))
            i += 1
        if any(value > read["newest"].get(writer, 0)
               for (key, writer), value in newest.items() if key == read["key"]):
            found.append(read)
    return found


def vanished_reads(ops, final):
    """Values that a primary showed and that are not there at the end: a figure only.

    A primary that starts again shows what it had written and no standby had yet.
    """
    present = set(final)
    shown = {(op["key"], writer, value) for op in ops
             if op["op"] == "read" and op["result"] == "ok" and not op["standby"]
             for writer, value in op["newest"].items()}
    return sorted(shown - present)


# Why a role changed. A touch is (start ns, end ns, node, weight): "hard" takes the node's service
# away; "light" disturbs one of its links or its keeper, which alone is no reason for a failover.

def verdict(at, node, touches):
    weights = {weight for start, end, name, weight in touches
               if name == node and start <= at and at <= end + GRACE}
    if "hard" in weights:
        return "due"
    return "doubtful" if weights else "needless"


def changes(ops, touches):
    """Each change of the acknowledging node, with what is to be thought of it."""
    in_order = terms(ops)
    found = []
    for before, after in zip(in_order, in_order[1:]):
        if before.node != after.node:
            found.append(Change(after.first, before.node, after.node,
                                verdict(after.first, before.node, touches)))
    return found


def judge(ops, final, touches):
    """All of it as a dictionary; the lists under `violations` are empty when all is well.

    `final` is None when there was nobody left to ask: then nothing can be said of it.
    """
    asked = final is not None
    moves = changes(ops, touches)
    return {
        "acknowledged": len(appends(ops, "ok")),
        "unknown": len(appends(ops, "unknown")),
        "reads": sum(op["op"] == "read" and op["result"] == "ok" for op in ops),
        "stale_reads": len(stale_reads(ops)),
        "vanished_reads": len(vanished_reads(ops, final)) if asked else None,
        "terms": [f"{t.node} on {t.tli}: {t.count}" for t in terms(ops)],
        "doubtful": sum(m.verdict == "doubtful" for m in moves),
        "violations": {
            "lost": lost(ops, final) if asked else [],
            "invented": invented(ops, final) if asked else [],
            "disordered": disordered(final) if asked else [],
            "two primaries": [f"{a} {b}" for a, b in two_primaries(ops)],
            "needless failover": [f"{m.before} -> {m.after} at {m.at}" for m in moves
                                  if m.verdict == "needless"],
        },
    }
