# SPDX-License-Identifier: PostgreSQL
"""pgaf-ctl watch in a real terminal (tmux): all sizes, roles that change before one's eyes, keys,
and a terminal that is given back as it was found."""
import os
import re
import subprocess

import pytest

from harness import proc


class Terminal:
    """One pane of a tmux server of its own, with a shell in it."""

    def __init__(self, directory, monitor_uri, columns=80, rows=24, **env):
        self.socket = os.path.join(directory, "tmux")
        self.bytes = os.path.join(directory, "tmux.out")
        env = {"PGAF_MONITOR": monitor_uri, "PS1": "$ ", "TERM": "xterm-256color",
               "PATH": os.environ["PATH"], "LC_ALL": "C", **env}
        subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null", "new-session", "-d",
                        "-x", str(columns), "-y", str(rows), "sh"], env=env, check=True,
                       timeout=10)
        self.server = int(self.value("pid"))

    def tmux(self, *argv, check=True):
        return subprocess.run(["tmux", "-S", self.socket, *argv], check=check, timeout=10,
                              capture_output=True, text=True).stdout

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self, colours=False):
        return self.tmux("capture-pane", "-p", *(["-e"] if colours else []))

    def value(self, name):
        return self.tmux("display-message", "-p", f"#{{{name}}}").strip()

    def wait(self, pattern, deadline=10):
        """Until the screen matches; returns it."""
        seen = []

        def there():
            seen[:] = [self.screen()]
            return re.search(pattern, seen[0], re.M)
        proc.wait_for(there, deadline, lambda: f"/{pattern}/ on the screen:\n{seen[0]}", 0.02)
        return seen[0]

    def record(self):
        """From now on all that is sent to the terminal goes into a file."""
        self.tmux("pipe-pane", "-O", f"cat >>{self.bytes}")

    def sent(self):
        with open(self.bytes, "rb") as f:
            return f.read()

    def close(self):
        self.tmux("kill-server", check=False)
        proc.wait_for(lambda: not os.path.exists(f"/proc/{self.server}"), 10,
                      f"tmux (pid {self.server}) ends")
        proc.wait_for(lambda: not proc.ours(self.bytes), 10, f"what writes {self.bytes} ends")


@pytest.fixture
def terminal(ready, directory):
    made = []

    def make(**settings):
        made.append(Terminal(directory, ready.operator_uri(), **settings))
        return made[0]
    yield make
    for t in made:
        t.close()


def watch(ready, terminal, **settings):
    t = terminal(**settings)
    t.keys(f"{ready.tool('pgaf-ctl')} watch; echo exit=$?", "Enter")
    t.wait(r"^\* " + re.escape(ready.primary().name))
    return t


def row(name, state, columns=80):
    """The line of a node, whatever columns there is room for."""
    return rf"^[* ] {re.escape(name)} .*\b{state} +{state}" if columns >= 60 else \
        rf"^[* ] {re.escape(name)} .*\b{state}"


def given_back(t):
    """The shell is there again: usual screen, visible cursor, echo."""
    t.wait(r"^exit=\d+")
    assert t.value("alternate_on") == "0" and t.value("cursor_flag") == "1"
    t.keys("stty -a | tr ' ' '\\n' | grep -xE -- '-?(echo|icanon)'", "Enter")
    t.wait(r"^echo$")
    t.wait(r"^icanon$")


@pytest.mark.parametrize("columns, rows", [(80, 24), (200, 60), (40, 24)])
def test_the_group_in_a_terminal_of_this_size(ready, terminal, columns, rows):
    primary, standby = ready.primary().name, ready.standby().name
    t = watch(ready, terminal, columns=columns, rows=rows)
    t.wait(row(primary, "primary", columns))
    shown = t.wait(row(standby, "secondary", columns))
    lines = shown.split("\n")
    assert lines[0].startswith("pgaf default/0  epoch "), shown
    assert all(len(line) <= columns for line in lines) and "Events" in shown
    assert "quit" in lines[rows - 1], shown
    assert ("Host:Port" in shown) == (columns == 200)
    print(shown)
    t.keys("q")
    given_back(t)
    assert "exit=0" in t.screen()


def test_roles_change_before_ones_eyes_through_a_resize(ready, terminal):
    """A failover and three sizes: the new primary is on each of them."""
    old, new = ready.primary(), ready.standby()
    t = watch(ready, terminal)
    t.wait(row(old.name, "primary"))
    old.kill_postmaster()
    t.wait(rf"^\* {new.name} ", 20)
    t.resize(200, 60)
    assert "Host:Port" in t.wait(r"Host:Port", 5)
    t.resize(40, 24)
    t.wait(rf"^\* {new.name} ", 5)
    t.resize(80, 24)
    t.wait(r"^\d\d:\d\d:\d\d\.\d\d\d \d+ ", 5)		# milliseconds: there is room for them again
    ready.wait_settled(60)
    t.wait(row(new.name, "primary"))
    t.wait(row(old.name, "secondary"))
    t.keys("q")
    given_back(t)


def test_a_switchover_by_keys(ready, terminal):
    """The question says what would happen; only y does it, and the screen follows."""
    old, new = ready.primary(), ready.standby()
    t = watch(ready, terminal)
    t.keys("s")
    shown = t.wait(r"^Switchover\? y: yes, any other key: no")
    assert f"{new.name} is promoted onto timeline" in shown
    assert "What would be lost: nothing" in shown
    t.keys("n")
    t.wait(row(old.name, "primary"))
    epoch = ready.state()["epoch"]
    t.keys("s")
    t.wait(r"^Switchover\?")
    assert ready.state()["epoch"] == epoch
    t.keys("y")
    t.wait(rf"^\* {new.name} ", 20)
    t.wait(row(new.name, "primary"), 30)
    t.wait(row(old.name, "secondary"), 30)
    assert ready.primary() is new
    t.keys("q")
    given_back(t)


def test_explain_by_key_scrolls(ready, terminal):
    t = watch(ready, terminal)
    t.keys("e")
    first = t.wait(r"^Explain")
    assert re.search(r"is the primary and accepts writes", first)
    t.keys("NPage", "NPage", "NPage")
    t.wait(r"would apply but")
    t.keys("q")
    t.wait(r"^Events")
    t.keys("q")
    given_back(t)


def test_only_what_changed_is_sent(ready, terminal):
    """A calm group costs some bytes a second, and the screen is never cleared."""
    t = watch(ready, terminal)
    t.wait(row(ready.standby().name, "secondary"))
    t.record()
    ready.primary().value("SELECT pg_current_wal_lsn() FROM pg_switch_wal()")
    before = t.screen()
    proc.wait_for(lambda: t.screen() != before, 10, "a position moves without any event")
    proc.wait_for(lambda: len(t.sent()) > 0, 10, "something was sent")
    sent = t.sent()
    assert len(sent) < 2000, sent
    assert b"\x1b[2J" not in sent and b"\x1b[H\x1b[J" not in sent, sent


@pytest.mark.parametrize("signal, code", [("INT", 0), ("TERM", 143), ("HUP", 129), ("SEGV", 139)])
def test_a_signal_gives_the_terminal_back(ready, terminal, signal, code):
    t = watch(ready, terminal)
    shell = int(t.value("pane_pid"))
    with open(f"/proc/{shell}/task/{shell}/children", encoding="ascii") as f:
        child = int(f.read().split()[0])
    subprocess.run(["kill", f"-{signal}", str(child)], check=True)
    given_back(t)
    assert f"exit={code}" in t.screen()


def test_it_is_stopped_and_goes_on(ready, terminal):
    t = watch(ready, terminal)
    t.keys("C-z")
    t.wait(r"Stopped")
    assert t.value("alternate_on") == "0"
    t.keys("fg", "Enter")
    t.wait(row(ready.standby().name, "secondary"))
    t.keys("q")
    given_back(t)


def test_the_last_picture_stays_without_the_monitor(ready, terminal):
    t = watch(ready, terminal)
    t.wait(row(ready.standby().name, "secondary"))
    primary = ready.primary().name
    ready.monitor.kill_everything()
    shown = t.wait(r"^pgaf default/0 .*NO ANSWER FROM THE MONITOR")
    assert re.search(row(primary, "primary"), shown, re.M), shown
    ready.start_monitor()
    ready.wait_settled(40)
    t.wait(r"^pgaf default/0  epoch \d+$", 20)
    t.wait(r"^q: quit")
    t.keys("q")
    given_back(t)


def test_colours_unless_they_are_not_wanted(ready, terminal):
    t = watch(ready, terminal)
    t.wait(row(ready.standby().name, "secondary"))
    assert "\x1b[32m" in t.screen(colours=True)
    t.close()
    t = watch(ready, terminal, NO_COLOR="1")
    t.wait(row(ready.standby().name, "secondary"))
    assert not re.search(r"\x1b\[(\d+;)*3[0-7]", t.screen(colours=True))


def test_tab_goes_to_the_next_group(cluster, directory):
    cluster.start_new_monitor()
    nodes = [cluster.add_node(options=["--group", str(group)]).start() for group in (0, 1)]
    t = Terminal(directory, cluster.operator_uri())
    try:
        proc.wait_for(lambda: set(cluster.node_states().values()) == {("single", "single")} and
                      len(cluster.node_states()) == 2, 60, lambda: str(cluster.node_states()))
        t.keys(f"{cluster.tool('pgaf-ctl')} watch; echo exit=$?", "Enter")
        for group in (0, 1, 0):
            t.wait(rf"^pgaf default/{group}  epoch \d+  one of 2 groups")
            t.wait(row(nodes[group].name, "single"))
            assert nodes[1 - group].name not in t.wait(r"^Events").split("\nEvents")[0]
            t.keys("Tab")
        t.keys("q")
        given_back(t)
    finally:
        t.close()


def test_an_unknown_terminal_is_named(ready, terminal):
    t = terminal()
    t.keys(f"TERM=nonesuch {ready.tool('pgaf-ctl')} watch; echo exit=$?", "Enter")
    assert 'the terminal "nonesuch" (TERM) is unknown' in t.wait(r"^exit=2")
    given_back(t)


def test_without_a_terminal_it_says_so(ready):
    done = ready.ctl("watch", check=False)
    assert done.returncode == 2 and "needs a terminal" in done.stderr
    done = ready.ctl("watch", "--json", check=False)
    assert done.returncode == 2 and "show events --follow --json" in done.stderr
