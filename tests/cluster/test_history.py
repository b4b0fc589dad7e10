# SPDX-License-Identifier: PostgreSQL
"""The campaign's judge, on histories made by hand: each bad one must be refused, each good one not.

Times are in seconds here, and become ns.
"""
import json

import pytest

from harness import history

S = 1_000_000_000


def append(value, t0, t1, node="a", tli=1, writer="w", result="ok", key=1):
    op = {"p": writer, "op": "append", "key": key, "value": value, "t0": int(t0 * S),
          "t1": int(t1 * S), "result": result}
    return {**op, "node": node, "tli": tli} if result == "ok" else op


def read(newest, t0, t1, node="a", standby=False, key=1):
    return {"p": "r", "op": "read", "key": key, "t0": int(t0 * S), "t1": int(t1 * S),
            "result": "ok", "node": node, "standby": standby, "newest": newest}


def everything(ops):
    return [(op["key"], op["p"], op["value"]) for op in ops
            if op["op"] == "append" and op["result"] == "ok"]


def complaints(ops, final=None, touches=()):
    ops = sorted(ops, key=lambda op: op["t1"])
    row = history.judge(ops, everything(ops) if final is None else final, touches)
    return {name for name, found in row["violations"].items() if found}


FAILOVER = [append(1, 1, 1.1), append(2, 2, 2.1), append(3, 3, 3.5, result="unknown"),
            append(4, 5, 5.1, "b", 2), append(5, 6, 6.1, "b", 2)]
HARD = [(3 * S, 4 * S, "a", "hard")]


def test_a_good_history_passes():
    assert not complaints(FAILOVER, touches=HARD)
    assert history.judge(FAILOVER, everything(FAILOVER), HARD)["acknowledged"] == 4


def test_what_nobody_knows_may_be_there_or_not():
    with_it = [(1, "w", value) for value in (1, 2, 3, 4, 5)]
    assert not complaints(FAILOVER, with_it, HARD)


def test_a_lost_append_is_found():
    final = [entry for entry in everything(FAILOVER) if entry[2] != 2]
    assert complaints(FAILOVER, final, HARD) == {"lost"}
    assert history.lost(FAILOVER, final) == [(1, "w", 2)]


def test_the_same_value_of_another_key_or_writer_does_not_count():
    ops = [append(1, 1, 2), append(1, 1, 2, writer="v"), append(1, 1, 2, key=2, writer="u")]
    assert complaints(ops, [(2, "w", 1), (1, "v", 1), (2, "u", 1)]) == {"lost", "invented"}


@pytest.mark.parametrize("final", [
    [(1, "w", 1), (1, "w", 7)],		# never sent
    [(1, "w", 1), (1, "w", 2)],		# refused
    [(1, "w", 1), (1, "w", 1)],		# twice
])
def test_what_must_not_be_there_is_found(final):
    ops = [append(1, 1, 2), append(2, 3, 4, result="fail")]
    assert "invented" in complaints(ops, final)


def test_a_wrong_order_is_found():
    ops = [append(1, 1, 1.1), append(2, 2, 2.1)]
    assert complaints(ops, [(1, "w", 2), (1, "w", 1)]) == {"disordered"}


def test_an_old_primary_that_goes_on_is_found():
    """It acknowledged what was sent after the new one had answered."""
    ops = [*FAILOVER, append(1, 5.2, 5.3, "a", 1, writer="inside")]
    assert complaints(ops, touches=HARD) == {"two primaries"}


def test_a_late_answer_of_the_old_primary_is_right():
    """Sent before the new one answered: it may have been done long before the answer came."""
    ops = [*FAILOVER, append(1, 4.9, 5.9, "a", 1, writer="inside")]
    assert not complaints(ops, touches=HARD)


def test_one_timeline_on_two_nodes_is_found():
    ops = [append(1, 1, 1.1), append(2, 20, 20.1, "b", 1)]
    assert "two primaries" in complaints(ops, touches=[(S, 19 * S, "a", "hard")])


def test_an_older_timeline_on_the_same_node_is_found():
    ops = [append(1, 1, 1.1, "a", 2), append(2, 2, 2.1, "a", 1)]
    assert complaints(ops) == {"two primaries"}


def test_there_and_back_is_right():
    ops = [*FAILOVER, append(6, 9, 9.1, "a", 3)]
    assert not complaints(ops, touches=[*HARD, (7 * S, 8 * S, "b", "hard")])


def test_a_failover_without_a_fault_is_found():
    assert complaints(FAILOVER) == {"needless failover"}
    assert complaints(FAILOVER, touches=[(3 * S, 4 * S, "b", "hard")]) == {"needless failover"}
    long_ago = [(-40 * S, -30 * S, "a", "hard")]
    assert complaints(FAILOVER, touches=long_ago) == {"needless failover"}
    later = [(7 * S, 8 * S, "a", "hard")]
    assert complaints(FAILOVER, touches=later) == {"needless failover"}


def test_a_failover_for_a_disturbed_link_is_doubtful():
    row = history.judge(FAILOVER, everything(FAILOVER), [(3 * S, 4 * S, "a", "light")])
    assert row["doubtful"] == 1 and not row["violations"]["needless failover"]


def test_stale_reads_are_counted():
    late = read({"w": 2}, 5.5, 5.6)
    ops = [*FAILOVER, late, read({"w": 4}, 5.5, 5.6, "b"), read({"w": 1}, 5.5, 5.6, standby=True),
           read({"w": 1}, 2.05, 2.2)]
    assert history.stale_reads(ops) == [late]


def test_vanished_reads_are_counted():
    ops = [*FAILOVER, read({"w": 3}, 3.1, 3.2)]
    assert history.vanished_reads(ops, everything(FAILOVER)) == [(1, "w", 3)]


def test_files_are_merged_in_the_order_of_answers(tmp_path):
    paths = [tmp_path / "one", tmp_path / "two"]
    paths[0].write_text(json.dumps(FAILOVER[1]) + "\n" + json.dumps(FAILOVER[4]) + '\n{"half')
    paths[1].write_text(json.dumps(FAILOVER[0]) + "\n")
    assert [op["value"] for op in history.load(paths)] == [1, 2, 5]
