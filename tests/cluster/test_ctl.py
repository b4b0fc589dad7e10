# SPDX-License-Identifier: PostgreSQL
"""pgaf-ctl on a real cluster: every command works, prints what scripts rely on, and says with its
exit code what happened."""
import json
import re
import signal
import subprocess
import time

import pytest

STATE_KEYS = ["node_id", "group_id", "name", "host", "port", "http_port", "reported_state",
              "assigned_state", "health", "evidence", "connection", "timeline", "lsn",
              "lag_bytes", "sync_state", "candidate_priority", "replication_quorum", "region",
              "report_age_ms"]
EVENT_KEYS = ["event_id", "time", "epoch", "node_id", "node_name", "reported_state",
              "assigned_state", "rule", "description"]


@pytest.fixture
def ctl(ready):
    """One command; its exit code is checked, standard output returned."""
    def run(*argv, code=0):
        done = ready.ctl(*argv, check=False)
        assert done.returncode == code, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout if code == 0 else done.stderr
    return run


def test_state(ready, ctl):
    lines = ctl("show", "state").splitlines()
    assert [w.strip() for w in lines[0].split("|")] == [
        "Name", "Node", "Host:Port", "TLI: LSN", "Connection", "Reported State",
        "Assigned State"]
    assert set(lines[1]) == {"-", "+"}
    rows = {w[0]: w for w in ([c.strip() for c in line.split("|")] for line in lines[2:4])}
    primary, standby = ready.primary(), ready.standby()
    assert rows[primary.name][4:] == ["read-write", "primary", "primary"]
    assert rows[standby.name][4:] == ["read-only", "secondary", "secondary"]
    assert re.fullmatch(r"\d+: [0-9A-F]+/[0-9A-F]+", rows[primary.name][3])


def test_state_json(ready):
    state = ready.state()
    assert list(state) == ["formation", "epoch", "number_sync_standbys", "nodes"]
    for node in state["nodes"]:
        assert list(node) == STATE_KEYS
        assert node["health"] == "ok" and node["evidence"][0] == "ok"
        assert node["report_age_ms"] < 5000
    by_role = {n["reported_state"]: n for n in state["nodes"]}
    assert by_role["primary"]["connection"] == "read-write"
    assert by_role["primary"]["sync_state"] is None and by_role["primary"]["lag_bytes"] == 0
    assert by_role["secondary"]["connection"] == "read-only"
    assert by_role["secondary"]["sync_state"] == "quorum"


def test_node(ready, ctl):
    name = ready.standby().name
    assert "secondary: streams in good standing" in ctl("show", "node", name)
    node = json.loads(ctl("show", "node", name, "--json"))
    assert list(node) == STATE_KEYS + ["server_version", "system_identifier", "settings", "slots",
                                       "weak_commits", "veto"]
    assert node["veto"] is None
    primary = next(n for n in ready.state()["nodes"] if n["reported_state"] == "primary")
    assert node["slots"] == [f"pgaf_{primary['node_id']}"]
    assert str(ready.primary().value("SELECT system_identifier FROM pg_control_system()")) == \
        node["system_identifier"]


def test_events(ctl):
    assert "Description" in ctl("show", "events")
    events = json.loads(ctl("show", "events", "--json", "--count", "3"))
    assert len(events) == 3 and all(list(e) == EVENT_KEYS for e in events)
    assert [e["event_id"] for e in events] == sorted(e["event_id"] for e in events)


def test_events_follow(ready, ctl):
    host, name = ready.monitor.host, ready.standby().name
    assert host is None
    follower = subprocess.Popen(
        [ready.tool("pgaf-ctl"), "--monitor", ready.operator_uri(), "show", "events", "--follow",
         "--json", "--count", "1"], stdout=subprocess.PIPE, text=True,
        user="postgres", group="postgres")
    try:
        json.loads(follower.stdout.readline())
        ctl("set", "node", name, "region", "north")
        event = json.loads(follower.stdout.readline())
        assert name in event["description"] and "north" in event["description"]
    finally:
        ctl("set", "node", name, "region", "")
        follower.send_signal(signal.SIGINT)
        follower.wait(5)
        follower.stdout.close()


def test_standby_names(ready, ctl):
    set_now = ready.primary().value("SHOW synchronous_standby_names")
    assert ctl("show", "standby-names") == f"'{set_now}'\n"


def test_uri(ready, ctl):
    uri = ctl("show", "uri").strip()
    first = re.match(r"postgres://([^,/]+)", uri)[1]
    assert first == f"{ready.primary().listen}:{ready.primary().port}"
    for word in ("target_session_attrs=read-write", "connect_timeout=2", "tcp_user_timeout"):
        assert word in uri
    assert ctl("show", "uri", "--formation", "default").strip() == uri
    assert re.fullmatch(rf"postgres://pgaf_keeper@[^/]+:{ready.monitor.port}/pgaf\n",
                        ctl("show", "uri", "--monitor"))


def test_connectivity(ready, ctl):
    links = json.loads(ctl("show", "connectivity", "--json"))
    names = [n.name for n in ready.nodes]
    seen = {(link["from"], link["to"]): link["seen"] for link in links}
    for name in names:
        assert seen["monitor", name] == "ok" and seen[name, "monitor"] == "connected"
        assert all(seen[name, other] == "reached" for other in names if other != name)
    assert "Detail" in ctl("show", "connectivity")


def test_rules(ctl):
    rules = json.loads(ctl("show", "rules", "--json"))
    assert len(rules["monitor"]) > 20 and len(rules["keeper"]) > 20
    text = ctl("show", "rules")
    assert all(rule["doc"] in text for rule in rules["monitor"] + rules["keeper"])
    diagram = ctl("show", "rules", "--mermaid")
    assert diagram.startswith("stateDiagram-v2\n")
    assert re.search(r"secondary --> prepare_promotion : [\d, ]*\b400\b", diagram)


def test_explain(ready, ctl):
    assert "last decision" in ctl("explain")
    name = ready.standby().name
    assert f"{name} reports secondary" in ctl("explain", name)
    told = json.loads(ctl("explain", "--json"))
    assert told["last_decision"]["rule"] > 0 and told["waits_for"]
    assert told["state"][0].startswith(f"{ready.primary().name} is the primary")


def test_explain_says_for_each_rule_what_did_not_hold(ready, ctl):
    primary, standby = ready.primary().name, ready.standby().name
    assert re.search(rf"400, .* would apply but PRIMARY_FAULT is none: {primary} is well",
                     ctl("explain"))
    said = ctl("explain", standby)
    assert re.search(r"do not apply, first of all SELF is standby", said)
    rules = {r["id"] for r in json.loads(ctl("show", "rules", "--json"))["monitor"]}
    told = json.loads(ctl("explain", standby, "--json"))["rules"]
    assert {r["rule"] for r in told} == rules
    for rule in told:
        assert rule["node_name"] == standby
        if rule["facts_missing"]:
            assert rule["answer"] not in rule["wanted"] and rule["because"]


def test_settings(ready, ctl):
    assert "commits survive the loss of the primary" in ctl("show", "settings")
    settings = json.loads(ctl("show", "settings", "--json"))
    assert settings["formation"]["silence_limit"] == "1500ms"
    assert {n["name"] for n in settings["nodes"]} == {n.name for n in ready.nodes}
    ctl("set", "formation", "silence-limit", "1600ms")
    assert ctl("get", "formation", "silence_limit") == "1600ms\n"
    ctl("set", "formation", "silence_limit", "1.5s")
    assert "silence_limit: 1500ms" in ctl("get", "formation")
    said = ctl("set", "formation", "silence-limit", "600ms", code=4)
    assert "probe_interval" in said and "hint: " in said
    ctl("get", "formation", "loudness", code=1)


def test_settings_of_a_node(ready, ctl):
    name = ready.standby().name
    ctl("set", "node", name, "region", "south")
    assert ctl("get", "node", name, "region") == "south\n"
    ctl("set", "node", name, "region", "")
    assert ctl("get", "node", name, "region") == "\n"
    for value in ("101", "-1", "many"):
        assert "candidate-priority" in ctl("set", "node", name, "candidate-priority", value, code=4)
    other = ready.primary()
    said = ctl("set", "node", name, "port", str(other.port), code=4)
    assert str(other.port) in said
    assert "get" not in ctl("get", "node", "nobody", code=1)


def test_dry_run_of_a_switchover(ready, ctl):
    """Names candidate, proof, estimate and loss; no decision is made."""
    before, epoch = ready.node_states(), ready.state()["epoch"]
    primary, standby = ready.primary().name, ready.standby().name
    said = ctl("perform", "switchover", "--dry-run")
    for words in (f"candidate: {standby}", "rule 520 would act", "what would be lost:\n  nothing: ",
                  f"so {standby} holds every acknowledged commit", "how long writes would wait:"):
        assert words in said, said
    told = json.loads(ctl("perform", "failover", "--dry-run", "--json"))
    assert told["possible"] and told["verdict"] == "handover" and told["rule"] == 520
    assert (told["primary"], told["candidate"]) == (primary, standby)
    assert told["nothing_lost"] and told["lost_bytes"] == 0
    assert told["sets"][-1]["members"] == [standby]
    assert {h["node_name"] for h in told["holdings"]} == {primary, standby}
    assert "already" in ctl("perform", "switchover", "--dry-run", "--to", primary)
    assert ready.node_states() == before and ready.state()["epoch"] == epoch


def test_dry_run_of_a_drop(ready, ctl):
    before, epoch = ready.node_states(), ready.state()["epoch"]
    primary, standby = ready.primary().name, ready.standby().name
    said = ctl("drop", "node", standby, "--dry-run")
    assert f"{standby} leaves the group" in said and "none: writes go on" in said
    told = json.loads(ctl("drop", "node", primary, "--dry-run", "--json"))
    assert told["possible"] and told["verdict"] == "handover" and told["candidate"] == standby
    assert ready.node_states() == before and ready.state()["epoch"] == epoch
    assert "dry-run" in ctl("show", "state", "--dry-run", code=2)
    reader = ready.operator_uri().replace("pgaf_operator", "pgaf_reader")
    assert "would act" in ctl("perform", "switchover", "--dry-run", "--monitor", reader)


def test_dry_run_that_is_refused(ready, ctl):
    """As the change itself would be: with its reason, and exit code 4."""
    standby = ready.standby().name
    ctl("set", "node", standby, "candidate-priority", "0")
    try:
        done = ready.ctl("perform", "switchover", "--dry-run", check=False)
        assert done.returncode == 4, done.stdout + done.stderr
        assert f"{standby} may not be promoted: its candidate priority is 0" in done.stdout
        assert "would be refused" in done.stderr and "hint: " in done.stderr
        done = ready.ctl("perform", "failover", "--dry-run", "--json", check=False)
        told = json.loads(done.stdout)
        assert done.returncode == 4 and not told["possible"] and told["verdict"] == "refused"
    finally:
        ctl("set", "node", standby, "candidate-priority", "50")


def test_switchover_needs_a_candidate(ready, ctl):
    """Refused with the reason and with what would make it possible; nothing changes."""
    before, standby = ready.node_states(), ready.standby().name
    ctl("set", "node", standby, "candidate-priority", "0")
    try:
        said = ctl("perform", "switchover", code=4)
        assert "candidate priority is 0" in said and "hint: " in said
        assert ready.node_states() == before
    finally:
        ctl("set", "node", standby, "candidate-priority", "50")


def test_switchover_to_the_primary_is_done(ready, ctl):
    name = ready.primary().name
    assert "already" in ctl("perform", "switchover", "--to", name)
    assert ready.primary().name == name


def test_failover_of_a_healthy_primary_is_a_switchover(ready, ctl):
    new = ready.standby()
    before = json.loads(ctl("perform", "switchover", "--dry-run", "--json"))["past_ms"]
    said = json.loads(ctl("perform", "failover", "--json"))
    assert said["primary"] == new.name and said["state"] == "primary"
    assert ready.primary() is new and ready.standby()
    told = json.loads(ctl("perform", "switchover", "--dry-run", "--json"))
    assert told["past_ms"] not in ([], before) and told["outage_ms"] is not None


def test_usage(ready, ctl):
    assert "show state" in ctl("--help")
    assert "--count N" in ctl("show", "events", "--help")
    assert ctl("--version").startswith("pgaf-ctl ")
    for argv, word in ((("show",), "show"), (("show", "weather"), "show weather"),
                       (("explain", "a", "b"), "explain"), (("show", "state", "--force"), "force"),
                       (("drop", "node"), "--hostname"), (("show", "node"), "show node"),
                       (("show", "state", "--group", "x"), "--group"),
                       (("show", "state", "--timeout", "never"), "--timeout"),
                       (("show", "state", "--json=yes"), "--json")):
        said = ctl(*argv, code=2)
        assert said.startswith("pgaf-ctl: error: ") and word in said, said
    assert "nowhere" in ctl("show", "state", "--formation", "nowhere", code=1)
    assert "nobody" in ctl("perform", "switchover", "--to", "nobody", code=1)


def test_silent_monitor_is_given_up(ready):
    """A monitor that accepts and says nothing costs no more than --timeout."""
    silent = subprocess.Popen(["python3", "-c", "import socket, time\n"
                               "s = socket.create_server(('127.0.0.1', 0))\n"
                               "print(s.getsockname()[1], flush=True)\ntime.sleep(60)"],
                              stdout=subprocess.PIPE, text=True)
    try:
        port = int(silent.stdout.readline())
        start = time.monotonic()
        done = ready.ctl("--monitor", f"postgres://127.0.0.1:{port}/pgaf", "show", "state",
                         "--timeout", "1s", check=False)
        assert done.returncode == 3 and "in time" in done.stderr
        assert time.monotonic() - start < 3
    finally:
        silent.kill()
        silent.wait()
        silent.stdout.close()
