# SPDX-License-Identifier: PostgreSQL
"""What is wrong is said clearly, with the exit code of the interface, and nothing is damaged.

Exit codes: 2 usage or configuration, 4 refused because it would be unsafe or impossible now,
1 it failed (a wrong secret among others), 3 not reachable.
"""
import os
import shutil
import socket

import pytest

from harness import plain, proc
from harness.node import Node
from harness.ports import free_port

TOOLS = ("pgaf-monitor", "pgaf-keeper", "pgaf-ctl")


def run_tool(cluster, name, *argv, env=None):
    return proc.run([cluster.tool(name), *argv], check=False, timeout=20, env=env)


def refused(node, codes, *words, deadline=25):
    """The keeper exits by itself with one of the codes, and says each of the words."""
    node.start()
    code = node.keeper.wait(deadline)
    text = node.keeper.log_text()
    assert code in codes, f"exit {code}, not {codes}:\n{text}"
    for word in words:
        assert word.lower() in text.lower(), f"{word!r} is not in:\n{text}"
    return text


def other_node(cluster, name, directory=None, **settings):
    """A keeper that is not one of the cluster's nodes."""
    return Node(cluster, name, pgdata=directory, **settings)


@pytest.fixture(scope="module")
def shared(own_pair):
    """Of its own: nothing that is wrong here may come to another file."""
    return own_pair


@pytest.fixture
def unharmed(ready):
    """The cluster goes through the test without a change of roles, restarts or lost rows."""
    before = ready.node_states()
    postmasters = {n.name: n.postmaster for n in ready.nodes}
    writer = ready.start_writer(rate=50, workers=1)
    yield ready
    writer.wait_acks(10, 10)
    writer.stop()
    after = ready.node_states()
    assert {n: after.get(n) for n in before} == before
    assert {n.name: n.postmaster for n in ready.nodes} == postmasters
    assert not ready.check_lost()[1]


@pytest.fixture
def alone(ready_single):
    """One node, which has room for a second one and goes on without a restart or a lost row."""
    cluster = ready_single
    (node,) = cluster.nodes
    postmaster = node.postmaster
    writer = cluster.start_writer(rate=50, workers=1)
    yield cluster
    writer.wait_acks(10, 10)
    writer.stop()
    assert node.postmaster == postmaster
    assert not cluster.check_lost()[1]


# Options and files; no daemon gets as far as touching anything.

@pytest.mark.parametrize("name", TOOLS)
def test_unknown_option(ready, name):
    words = ("run",) if name != "pgaf-ctl" else ("show", "state")
    done = run_tool(ready, name, *words, "--no-such-option")
    assert done.returncode == 2
    assert "no-such-option" in done.stderr


@pytest.mark.parametrize("name", TOOLS)
def test_unknown_verb(ready, name):
    done = run_tool(ready, name, "frobnicate")
    assert done.returncode == 2
    assert "frobnicate" in done.stderr


@pytest.mark.parametrize("name,text,key,line", [
    ("pgaf-keeper", "pgdata: /tmp/x\ncandidate_prioritee: 50\n", "candidate_prioritee", 2),
    ("pgaf-keeper", "pgdata: /tmp/x\n\ncandidate_priority: 500\n", "candidate_priority", 3),
    ("pgaf-keeper", "candidate_priority: many\n", "candidate_priority", 1),
    ("pgaf-keeper", "pgdata: [a, b]\n", "pgdata", 1),
    ("pgaf-monitor", "pgport: 70000\n", "pgport", 1),
    ("pgaf-monitor", "pgdata: /tmp/x\nlisten_to: all\n", "listen_to", 2),
])
def test_bad_key_in_file(ready, directory, name, text, key, line):
    path = os.path.join(directory, "bad.yml")
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    for check in ((), ("--check",)):
        done = run_tool(ready, name, "run", "--config", path, *check)
        assert done.returncode == 2, done.stderr
        assert "bad.yml" in done.stderr and key in done.stderr, done.stderr
        assert f"bad.yml:{line}" in done.stderr or f"line {line}" in done.stderr, done.stderr


@pytest.mark.parametrize("option,value", [
    ("--pgport", "0"), ("--pgport", "99999"), ("--pgport", "x"),
    ("--candidate-priority", "101"), ("--replication-quorum", "perhaps"),
    ("--monitor", "http://example"), ("--http", "nowhere"),
])
def test_value_out_of_range(ready, directory, option, value):
    done = run_tool(ready, "pgaf-keeper", "run", "--pgdata", os.path.join(directory, "d"),
                    "--monitor", "postgres://pgaf_keeper@127.0.0.1:1/pgaf", option, value)
    assert done.returncode == 2, done.stderr
    assert option.lstrip("-") in done.stderr and value in done.stderr, done.stderr
    assert not os.path.exists(os.path.join(directory, "d"))


def test_out_of_range_in_the_environment(ready):
    done = run_tool(ready, "pgaf-keeper", "run", "--pgdata", "/tmp/none", "--monitor",
                    "postgres://pgaf_keeper@127.0.0.1:1/pgaf",
                    env={"PGAF_CANDIDATE_PRIORITY": "1000"})
    assert done.returncode == 2
    assert "PGAF_CANDIDATE_PRIORITY" in done.stderr


@pytest.mark.parametrize("what,value,word", [
    ("silence_limit", "600ms", "probe_interval"),
    ("silence_limit", "100ms", "silence_limit"),
    ("silence_limit", "1h", "silence_limit"),
    ("probe_interval", "1ms", "probe_interval"),
    ("number-sync-standbys", "-1", "number-sync-standbys"),
])
def test_timing_out_of_range(unharmed, what, value, word):
    done = unharmed.ctl("set", "formation", what, value, check=False)
    assert done.returncode in (2, 4)
    assert word in done.stderr


def test_ctl_without_a_monitor(ready):
    done = run_tool(ready, "pgaf-ctl", "--monitor", "postgres://pgaf_operator@127.0.0.1:1/pgaf",
                    "show", "state")
    assert done.returncode == 3
    assert "127.0.0.1" in done.stderr


def test_ctl_unknown_node(unharmed):
    done = unharmed.ctl("show", "node", "nobody", check=False)
    assert done.returncode in (1, 2, 4) and "nobody" in done.stderr
    done = unharmed.ctl("drop", "node", "nobody", check=False)
    assert done.returncode in (1, 2, 4) and "nobody" in done.stderr


# Data directories.

def test_directory_of_somebody_else(unharmed, directory):
    """Owned by root: refused, with the chown to run; its contents are as before."""
    data = proc.make_directory(os.path.join(directory, "data"), owner="root", mode=0o700)
    with open(os.path.join(data, "PG_VERSION"), "w", encoding="ascii") as f:
        f.write("15\n")
    text = refused(other_node(unharmed, "foreign", data), (2, 4), "chown")
    assert data in text
    assert os.listdir(data) == ["PG_VERSION"] and os.stat(data).st_uid == 0


def test_directory_that_is_no_cluster(unharmed, directory):
    """Something else is in there: refused, and it stays."""
    data = proc.make_directory(os.path.join(directory, "data"))
    with open(os.path.join(data, "thesis.tex"), "w", encoding="ascii") as f:
        f.write("years of work\n")
    refused(other_node(unharmed, "full", data), (2, 4), data)
    assert os.listdir(data) == ["thesis.tex"]


def test_wrong_system_identifier(unharmed, directory):
    """A cluster of its own is no standby of this group: refused, and not overwritten."""
    foreign = plain.Instance(directory, "other", "127.0.0.1", free_port())
    foreign.create()
    foreign.start()
    foreign.sql("CREATE TABLE precious AS SELECT 1")
    foreign.daemon.stop()
    refused(other_node(unharmed, "foreign", foreign.pgdata), (4,), "system identifier")
    foreign.start()
    assert foreign.sql("SELECT * FROM precious") == [(1,)]
    foreign.daemon.stop()


def test_release_that_loses_commits(unharmed, directory):
    """One whose primary does not wait for standbys at first is refused before it registers."""
    programs = proc.make_directory(os.path.join(directory, "bin"))
    with open(os.path.join(programs, "postgres"), "w", encoding="ascii") as f:
        f.write("#!/bin/sh\necho 'postgres (PostgreSQL) 15.12 (Debian 15.12-1)'\n")
    os.chmod(f.name, 0o755)
    old = other_node(unharmed, "old", os.path.join(directory, "data"),
                     options=("--bindir", programs))
    refused(old, (4,), "15.12", "15.13", "--allow-old-minor")
    assert "old" not in unharmed.node_states()


def test_two_keepers_with_one_directory(unharmed):
    standby = unharmed.standby()
    double = other_node(unharmed, "double", standby.pgdata)
    refused(double, (4,), standby.pgdata)


def test_two_keepers_with_other_state_directories(unharmed, directory):
    """The lock on the data directory itself catches them too."""
    primary = unharmed.primary()
    double = other_node(unharmed, "double", primary.pgdata,
                        options=("--state-dir", os.path.join(directory, "state")))
    refused(double, (4,), primary.pgdata)


def test_two_monitors_with_one_directory(unharmed):
    m = unharmed.monitor
    argv = [*m.daemon.argv]
    argv[argv.index("--pgport") + 1] = str(free_port())
    argv[argv.index("--http") + 1] = f"127.0.0.1:{free_port()}"
    done = proc.run(argv, check=False, timeout=20)
    assert done.returncode == 4, done.stderr
    assert m.pgdata in done.stderr


# Who one claims to be.

def test_name_of_a_live_node(unharmed):
    standby = unharmed.standby()
    double = other_node(unharmed, "double")
    double.keeper.argv[double.keeper.argv.index("--name") + 1] = standby.name
    refused(double, (4,), standby.name)


def test_host_and_port_of_a_live_node(unharmed):
    standby = unharmed.standby()
    double = other_node(unharmed, "double", port=standby.port)
    refused(double, (4,), standby.name)


def test_wrong_join_secret(unharmed, directory):
    path = os.path.join(directory, "wrong-secret")
    with open(path, "w", encoding="ascii") as f:
        f.write("not-the-secret\n")
    os.chmod(path, 0o600)
    node = other_node(unharmed, "stranger")
    node.keeper.argv[node.keeper.argv.index("--join-secret-file") + 1] = path
    text = refused(node, (1,), "secret")
    assert "not-the-secret" not in text
    assert not os.path.exists(os.path.join(node.pgdata, "PG_VERSION"))


def test_token_of_another_node(ready):
    """A keeper that shows the token of another node cannot report for its own."""
    primary, standby = ready.primary(), ready.standby()
    assert standby.stop() == 0
    mine = os.path.join(standby.state_dir, "token")
    assert os.path.exists(mine), os.listdir(standby.state_dir)
    kept = mine + ".kept"
    shutil.copy2(mine, kept)
    shutil.copyfile(os.path.join(primary.state_dir, "token"), mine)
    refused(standby, (1, 4), "token")
    shutil.copy2(kept, mine)
    os.remove(kept)
    shutil.chown(mine, "postgres", "postgres")
    standby.start()
    ready.wait_settled(30)
    assert ready.primary() is primary


def test_third_node_of_a_group(unharmed):
    """The rules serve a pair: a third node is told so."""
    refused(other_node(unharmed, "third"), (4,), "full")


# What the machine does not give.

@pytest.mark.parametrize("option", ["--pgport", "--http"])
def test_port_in_use(alone, option):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        which = {"--pgport": "port", "--http": "http_port"}[option]
        node = other_node(alone, f"late-{which}", **{which: port})
        node.start()
        proc.wait_for(lambda: str(port) in node.keeper.log_text() and any(
            w in node.keeper.log_text().lower() for w in ("in use", "taken", "already")), 40,
            lambda: f"it says that port {port} is in use:\n{node.keeper.log_text()}")
        try:
            code = node.keeper.wait(5)
            assert code in (1, 2, 4), code
        except proc.Timeout:		# it may wait for the port as well
            node.keeper.stop()
    forget(alone, node.name)


def test_no_space_left_at_clone(alone, directory):
    """A volume that is too small: said so, no failover, no damage, and it can be tried again."""
    small = proc.make_directory(os.path.join(directory, "small"))
    proc.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", small])
    try:
        proc.make_directory(small)
        node = other_node(alone, "small", os.path.join(small, "data"))
        node.start()
        proc.wait_for(lambda: "no space left" in node.keeper.log_text().lower(), 40,
                      lambda: f"it says that there is no space:\n{node.keeper.log_text()}")
        try:
            assert node.keeper.wait(10) in (1, 4)
        except proc.Timeout:
            node.keeper.stop()
    finally:
        forget(alone, "small")
        proc.run(["umount", "-l", small])


def forget(cluster, name):
    """Drop a node that got as far as being registered."""
    if name in cluster.node_states():
        cluster.ctl("drop", "node", name, "--force", check=False)
        proc.wait_for(lambda: name not in cluster.node_states(), 20, f"{name} is dropped")


def test_empty_node_meets_rebuilt_monitor_first(cluster):
    """Within `bootstrap_grace` the node with data is the primary, whoever came first."""
    cluster.start()
    cluster.create_table()
    primary = cluster.primary()
    primary.sql("INSERT INTO users (id, name) VALUES (1, 'precious')")
    identifier = primary.value("SELECT system_identifier FROM pg_control_system()")
    cluster.stop()
    cluster.nodes = [primary]
    shutil.rmtree(cluster.monitor.pgdata)
    shutil.rmtree(cluster.monitor.pgdata + ".pgaf", ignore_errors=True)

    cluster.start_monitor()
    empty = cluster.add_node("empty")
    empty.start()
    proc.wait_for(lambda: "empty" in cluster.node_states(), 20,
                  lambda: cluster.describe("the empty node is registered before the one with data"),
                  0.02)
    primary.start()
    cluster.wait_settled(60)
    assert cluster.primary() is primary
    assert primary.value("SELECT system_identifier FROM pg_control_system()") == identifier
    assert empty.value("SELECT name FROM users WHERE id = 1") == "precious"
