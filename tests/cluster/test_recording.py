# SPDX-License-Identifier: PostgreSQL
"""The flight recorder: what the monitor decided in a failover is on its disk, and the core decides
the same again."""
import json
import os
import stat

import pytest

from harness import proc
from harness.cluster import APP_PASSWORD, ROOT, SECRET, find_bindir, tool

INCIDENT = os.path.join(ROOT, "tests", "unit", "core", "recordings", "killed_primary.txt")


@pytest.fixture(scope="module")
def shared(own_pair):
    """Of its own: the whole recording is compared with all events since the first."""
    return own_pair


def recordings(cluster):
    directory = os.path.join(cluster.monitor.pgdata + ".pgaf", "recording")
    return directory, sorted(os.path.join(directory, name) for name in os.listdir(directory))


def replay(cluster):
    """All inputs of the recording, when each decision is the recorded one."""
    directory, _ = recordings(cluster)
    done = cluster.ctl("replay", directory, "--json", check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return json.loads(done.stdout)


def decided(inputs):
    """(epoch, rule) of each decision."""
    return [(i["epoch"] + 1, i["decision"]["rule"]) for i in inputs if i["decision"]]


def committed(cluster):
    """The same by the store's events, of which a decision may have several."""
    pairs = [(e["epoch"], e["rule"]) for e in cluster.events() if e["rule"]]
    return list(dict.fromkeys(pairs))


def size_of(cluster):
    return sum(os.path.getsize(path) for path in recordings(cluster)[1])


def test_failover_is_recorded_and_decided_again(ready):
    """Killed, failed over, back: each decision is recorded, in order, and is the same again."""
    before = len(replay(ready)["inputs"])
    old, new = ready.primary(), ready.standby()
    old.kill()
    ready.wait_reported(20, **{new.name: "wait_primary"})
    old.start()
    ready.wait_settled(40)
    events = committed(ready)
    # It is written a moment after it was made.
    proc.wait_for(lambda: decided(replay(ready)["inputs"])[-1:] == events[-1:], 10,
                  "the last decision is in the recording")
    told = replay(ready)
    assert (told["differ"], told["unreadable"], told["cut"]) == (0, 0, 0)
    assert decided(told["inputs"]) == events
    failover = next(i for i in told["inputs"][before:] if i["decision"]
                    and any(g["assigned_state"] == "prepare_promotion"
                            for g in i["decision"]["goals"]))
    assert [n["evidence"] for n in failover["nodes"] if n["name"] == old.name] != ["ok"]
    assert failover["decision"]["why"]
    text = ready.ctl("replay", recordings(ready)[0]).stdout
    assert f"rule {failover['decision']['rule']} on " in text and "all as recorded" in text


def test_recording_is_private_and_without_secrets(ready):
    directory, paths = recordings(ready)
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
    assert paths
    secrets = [SECRET, APP_PASSWORD]
    for name in os.listdir(ready.monitor.socket_directory()):
        path = os.path.join(ready.monitor.socket_directory(), name)
        if "password" in name or "secret" in name:
            with open(path, encoding="utf-8") as f:
                secrets.append(f.read().strip())
    assert len(secrets) > 2
    for path in paths:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        with open(path, encoding="utf-8") as f:
            text = f.read()
        assert text.startswith("pgaf-recording format=1 ")
        for secret in filter(None, secrets):
            assert secret not in text


def test_a_group_at_rest_writes_nothing(ready):
    """Neither while nothing happens nor while clients write."""
    ready.wait_settled(20)
    before = size_of(ready)
    writer = ready.start_writer()
    writer.wait_acks(300, 30)
    writer.stop()
    assert size_of(ready) - before <= 64 * 1024


def test_a_recording_that_fails_fails_no_decision(cluster):
    """Where nothing can be written, decisions are made all the same, and it is said once."""
    cluster.start_new_monitor("--record-dir", "/proc/pgaf-recording")
    for _ in range(2):
        cluster.add_node().start()
    cluster.wait_settled(60)
    old, new = cluster.primary(), cluster.standby()
    old.kill()
    cluster.wait_reported(20, **{new.name: "wait_primary"})
    assert cluster.monitor.daemon.log_text().count("but not recorded") == 1


def replay_text(directory, text, *options):
    path = os.path.join(directory, "incident.txt")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return proc.run([tool(find_bindir(), "pgaf-ctl"), "replay", path, *options], check=False)


def test_replay_says_what_is_wrong(directory):
    """Another decision than the recorded one, an end that is missing, a file of something else."""
    with open(INCIDENT, encoding="utf-8") as f:
        text = f.read()
    done = replay_text(directory, text)
    assert done.returncode == 0 and "6 decisions, all as recorded" in done.stdout
    done = replay_text(directory, text, "--group", "7")
    assert done.returncode == 0 and "0 inputs, 0 decisions" in done.stdout

    done = replay_text(directory, text.replace("decision rule=402", "decision rule=999"))
    assert done.returncode == 1 and "1 of 45 inputs are decided differently" in done.stderr
    told = done.stdout[done.stdout.index("DIFFERS"):]
    assert "decision rule=999" in told.splitlines()[1], "the recorded decision is shown"
    done = replay_text(directory, text.replace("decision rule=402", "decision rule=999"), "--json")
    told = [i for i in json.loads(done.stdout)["inputs"] if not i["agrees"]]
    assert [i["decision"]["rule"] for i in told] == [402] and told[0]["recorded"]

    done = replay_text(directory, text[:-100])
    assert done.returncode == 0 and "1 inputs end too early" in done.stdout
    done = replay_text(directory, text.replace("report state=", "report mood=", 1))
    assert done.returncode == 1 and 'unknown key "mood"' in done.stderr
    done = replay_text(directory, text.replace("name=node1", "name=no%1B[2Jde", 1))
    assert "\x1b" not in done.stdout, "a name draws nothing on the terminal"
    done = replay_text(directory, "PGDMP\n")
    assert done.returncode == 1 and "no recording" in done.stderr
    done = replay_text(directory, text.replace("format=1", "format=2", 1))
    assert done.returncode == 1 and "format" in done.stderr
