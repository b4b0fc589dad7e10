# SPDX-License-Identifier: PostgreSQL
"""What the guide promises, done with its own commands while a client writes through port 5434."""
import json
import time
import urllib.error
import urllib.request

import psycopg2
import pytest

from stack import (DSN, MONITOR, NETWORK, NODES, VOLUMES, Writer, compose, ctl, docker, logs, query,
                   settled, states, up, wait_for, wait_settled)

INSERT = ("INSERT INTO users (username, email) VALUES ('test_user', 'test@example.com')"
          " RETURNING id")


def exit_code(name):
    return int(docker("inspect", "--format", "{{.State.ExitCode}}", name))


def running(name):
    return docker("inspect", "--format", "{{.State.Running}}", name).strip() == "true"


def promoted(old):
    """Whether another node than this one is the primary by now."""
    return any(name != old and reported in ("wait_primary", "primary", "single")
               for name, (reported, _) in states().items())


def test_first_start(first_up, figures):
    """From nothing to a primary and a secondary; the names are true, the table is there."""
    figures("up -d to primary + secondary", seconds=first_up)
    assert settled() == NODES
    assert query(INSERT)
    assert first_up <= 60


def test_read_only_port(cluster, figures):
    """Port 5433 leads to the secondary, which refuses to write."""
    reader = DSN.replace("5434", "5433")
    wait_for(lambda: query("SELECT pg_is_in_recovery()", reader) == [(True,)], 10,
             "5433 leads to the secondary")
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        query(INSERT, reader)


def test_commands_on_every_container(cluster):
    """The commands of such guides are accepted under their old name, wherever they are typed."""
    for name in (MONITOR, *NODES):
        assert "primary" in ctl("show", "state", container=name)
        assert "Description" in ctl("show", "events", container=name)
        assert "target_session_attrs" in ctl("show", "uri", container=name)


def test_dashboard(cluster):
    """Port 5435 has the page, the state and what a switchover would do, for those who may ask."""
    site = "http://localhost:5435"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{site}/", timeout=5)
    assert refused.value.code == 401
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, site, "pg_auto_failover", "12345")
    ask = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords)).open
    assert b"</html>" in ask(f"{site}/", timeout=5).read()
    state = json.load(ask(f"{site}/api/v1/state?formation=default", timeout=5))
    assert {node["name"] for node in state["nodes"]} == set(NODES)
    assert json.load(ask(f"{site}/api/v1/switchover", timeout=5))["possible"]


@pytest.mark.parametrize("verb", ["failover", "switchover"])
def test_planned(cluster, figures, verb):
    """perform VERB on a data container: the roles are swapped, nothing is lost."""
    old, new = wait_settled(60)
    writer = Writer(f"planned-{verb}")
    began = time.monotonic()
    ctl("perform", verb, container=old)
    took = time.monotonic() - began
    assert settled() == (new, old)
    writer.wait_acks(20)
    lost = writer.stop()
    figures(f"perform {verb}", outage=writer.outage(began), command_s=took,
            acked=len(writer.acks), lost=len(lost))
    assert not lost


@pytest.mark.parametrize("verb,limit", [("stop", 1.0), ("kill", 1.5)])
def test_stop_and_start(cluster, figures, verb, limit):
    """docker stop or kill of the primary under load, then docker start: a secondary again."""
    old, new = wait_settled(60)
    writer = Writer(f"docker-{verb}")
    began = time.monotonic()
    docker(verb, old)
    took = time.monotonic() - began
    writer.wait_acks(50)
    assert query(INSERT)
    outage = writer.outage(began)
    code = exit_code(old)
    again = time.monotonic()
    docker("start", old)
    assert wait_settled(60) == (new, old)
    back = time.monotonic() - again
    lost = writer.stop()
    figures(f"docker {verb}", outage=outage, command_s=took, secondary_again_s=back,
            acked=len(writer.acks), lost=len(lost))
    assert not lost
    assert outage <= limit
    assert back <= 30
    if verb == "stop":
        # By itself: after 10 s Docker would have ended it with SIGKILL, and said 137.
        assert code == 0
        assert took < 10


@pytest.mark.parametrize("fault", ["pause", "disconnect"])
def test_silence(cluster, figures, fault):
    """A primary that says nothing for a minute: another takes over; on its return it rejoins."""
    old, new = wait_settled(60)
    writer = Writer(f"silence-{fault}")
    began = time.monotonic()
    if fault == "pause":
        docker("pause", old)
    else:
        docker("network", "disconnect", NETWORK, old)
    wait_for(lambda: promoted(old), 30, lambda: f"{new} is promoted: {states()}\n{logs()}")
    writer.wait_acks(20)
    outage = writer.outage(began)
    wait_for(lambda: time.monotonic() - began >= 60, 70, "a minute has passed")
    again = time.monotonic()
    if fault == "pause":
        docker("unpause", old)
    else:
        docker("network", "connect", NETWORK, old)
    assert wait_settled(60) == (new, old)
    back = time.monotonic() - again
    lost = writer.stop()
    figures(f"docker {fault} for 60 s", outage=outage, secondary_again_s=back,
            acked=len(writer.acks), lost=len(lost))
    assert not lost
    assert outage <= 4
    assert back <= 30


def test_idle_session(cluster, figures):
    """A session that was open and idle through a failover, as pgAdmin's is: its next use fails
    within a second, and the next connect works."""
    conn = psycopg2.connect(DSN)
    conn.autocommit = True
    with conn.cursor() as cursor:
        cursor.execute("SELECT 1")
    old, _ = wait_settled(60)
    docker("kill", old)
    wait_for(lambda: promoted(old), 30, lambda: f"the other is promoted: {states()}")
    began = time.monotonic()
    with pytest.raises(psycopg2.OperationalError):
        with conn.cursor() as cursor:
            cursor.execute("SELECT 1")
    took = time.monotonic() - began
    assert query(INSERT)
    docker("start", old)
    wait_settled(60)
    figures("idle session: error on its next use", seconds=took)
    assert took <= 1


def test_down_and_up(cluster, figures):
    """All containers removed and made again, with swapped roles: the data, and both roles."""
    old, new = wait_settled(60)
    writer = Writer("down-up")
    writer.wait_acks(50)
    assert not writer.stop()
    began = time.monotonic()
    compose("down")
    stopped = time.monotonic() - began
    took = up()
    lost = writer.lost()
    figures("down, up", down_s=stopped, redundancy_s=took, acked=len(writer.acks), lost=len(lost),
            primary_before=old, primary_after=settled()[0])
    assert set(settled()) == {old, new}
    assert not lost
    assert took <= 60


@pytest.mark.parametrize("name", NODES)
def test_down_and_up_after_each_was_primary(cluster, name):
    """Whichever was the primary: no start waits for the other one's health."""
    if wait_settled(60)[0] != name:
        ctl("perform", "switchover")
    before = query("SELECT count(*) FROM users")
    compose("down")
    up()
    assert query("SELECT count(*) FROM users") >= before


def test_lost_volume(cluster, figures):
    """The standby's volume is deleted: it clones itself again."""
    _, standby = wait_settled(60)
    writer = Writer("lost-volume")
    compose("rm", "--stop", "--force", standby)
    docker("volume", "rm", VOLUMES[standby])
    began = time.monotonic()
    took = up()
    lost = writer.stop()
    figures("volume deleted, up", redundancy_s=took, outage=writer.outage(began), lost=len(lost))
    assert not lost
    assert took <= 60


@pytest.mark.parametrize("last", reversed(NODES))
def test_drop_both_then_up(cluster, figures, last):
    """Both nodes are dropped and stay down; "up" brings the data back from the last primary."""
    if wait_settled(60)[0] != last:
        ctl("perform", "switchover")
    _, first = wait_settled(60)
    writer = Writer(f"drop-{last}")
    writer.wait_acks(50)
    assert not writer.stop()
    for name in (first, last):
        ctl("drop", "node", "--hostname", name, "--port", "5432")
        wait_for(lambda n=name: not running(n), 30, f"{name} stops")
        assert exit_code(name) == 0
    took = up()
    lost = writer.lost()
    figures(f"drop both ({last} was primary), up", redundancy_s=took, acked=len(writer.acks),
            lost=len(lost), primary=settled()[0])
    assert not lost
    assert settled()[0] == last


def test_first_process(cluster):
    """The keeper is the container's first process and leaves no zombie of what was started in it
    and lost its parent."""
    for name in NODES:
        assert "pgaf-keeper" in docker("exec", name, "cat", "/proc/1/cmdline")
        docker("exec", name, "bash", "-c", "(exec setsid true &) ; exec true")
        zombies = "for s in /proc/[0-9]*/stat; do cat $s 2>/dev/null; done | grep -c ') Z ' || true"
        wait_for(lambda n=name: docker("exec", n, "bash", "-c", zombies).strip() == "0", 10,
                 f"{name} has no zombies")


def test_no_secret_is_inherited(cluster):
    """PostgreSQL and the keeper have no password in their environment or command line."""
    for name in (MONITOR, *NODES):
        shown = docker("exec", name, "bash", "-c",
                       "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; tr '\\0' '\\n' </proc/1/environ"
                       " || true")
        assert "12345" not in shown
