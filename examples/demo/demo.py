# SPDX-License-Identifier: PostgreSQL
"""The story that examples/demo.sh tells; see there. Times are as the writer saw them."""
import json
import os
import signal
import sys
import threading
import time

from world import Failed, Outcomes, World, command, free_ports, shown, wait_for

import psycopg2

PYTHON = "/usr/bin/python3"
STEP_SECONDS = 30		# no step of the story may take longer
CALM_SECONDS = 1.0		# writing without a fault between two events
PASSWORD = "demo-password"


class Demo:
    def __init__(self, world, tools):
        self.world = world
        self.tools = tools
        names = ("monitor", "http", "node1", "http1", "node2", "http2", "rw", "ro", "stats")
        self.ports = dict(zip(names, free_ports(len(names))))
        self.secret = world.path("join-secret")
        self.began = time.monotonic()
        self.outcomes = None
        self.states = {}
        self.state_lock = threading.Lock()
        self.following = True
        self.rows = []

    # Saying what happens.

    def say(self, text):
        print(f"{time.monotonic() - self.began:6.2f} s  {text}", flush=True)

    def tool(self, name, *argv):
        return [os.path.join(self.tools, name), *argv]

    def ctl(self, *argv, check=True):
        uri = self.operator_uri()
        return command(self.tool("pgaf-ctl", "--monitor", uri, *argv), check=check)

    def operator_uri(self):
        sockets = self.world.postmaster("monitor")[4]
        return f"postgres://pgaf_operator@/pgaf?host={sockets}&port={self.ports['monitor']}"

    # The cast.

    def start_monitor(self):
        with open(self.secret, "w", encoding="ascii") as f:
            f.write(os.urandom(16).hex() + "\n")
        os.chmod(self.secret, 0o600)
        self.make_home("monitor")
        self.launch("monitor", self.tool(
            "pgaf-monitor", "run", "--pgdata", self.world.path("monitor", "data"),
            "--pgport", str(self.ports["monitor"]), "--listen", "127.0.0.1",
            "--hostname", "127.0.0.1", "--http", f"127.0.0.1:{self.ports['http']}",
            "--join-secret-file", self.secret))

    def start_node(self, name):
        self.make_home(name)
        self.launch(name, self.tool(
            "pgaf-keeper", "run", "--pgdata", self.world.path(name, "data"), "--name", name,
            "--monitor", f"postgres://pgaf_keeper@127.0.0.1:{self.ports['monitor']}/pgaf",
            "--hostname", "127.0.0.1", "--pgport", str(self.ports[name]),
            "--listen", "127.0.0.1", "--http", f"127.0.0.1:{self.ports['http' + name[-1]]}",
            "--join-secret-file", self.secret))

    def make_home(self, name):
        os.makedirs(self.world.path(name), exist_ok=True)
        self.world.own(self.world.path(name))

    def launch(self, name, argv):
        text = shown(argv).replace(self.world.directory, "…")
        self.say("$ " + text.replace(" --", " \\\n" + 15 * " " + "--", 1) + " &")
        self.world.start(name, argv)

    def start_haproxy(self):
        argv = ["haproxy", "config"]
        for option, name in (("--read-write-port", "rw"), ("--read-only-port", "ro"),
                             ("--stats-port", "stats")):
            argv += [option, str(self.ports[name])]
        self.say(f"$ pgaf-ctl {' '.join(argv)} >haproxy.cfg")
        with open(self.world.path("haproxy.cfg"), "w", encoding="utf-8") as f:
            f.write(self.ctl(*argv).stdout)
        self.launch("haproxy", ["/usr/sbin/haproxy", "-db", "-f", self.world.path("haproxy.cfg")])

    def sql_as_superuser(self, node, text):
        lines = self.world.postmaster(node)
        command(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", lines[4], "-p", lines[3],
                 "-d", "postgres", "-c", text], user="postgres")

    def app_conninfo(self):
        return (f"host=127.0.0.1 port={self.ports['rw']} user=app password={PASSWORD}"
                " dbname=postgres connect_timeout=2 gssencmode=disable")

    def start_writer(self):
        path = self.world.path("outcomes")
        self.outcomes = Outcomes(path)
        argv = [PYTHON, os.path.join(os.path.dirname(__file__), "writer.py"),
                self.app_conninfo(), path]
        self.say(f"$ writer.py 'host=127.0.0.1 port={self.ports['rw']} …' &")
        self.world.start("writer", argv)
        wait_for(lambda: os.path.exists(path) and self.outcomes.since(0), STEP_SECONDS,
                 "the first commit of the writer")

    # Watching.

    def read_states(self):
        done = self.ctl("show", "state", "--json", check=False)
        if done.returncode != 0:
            return {}
        return {n["name"]: (n["reported_state"], n["assigned_state"])
                for n in json.loads(done.stdout)["nodes"]}

    def follow(self):
        """Print every change of states, from a thread of its own."""
        before = {}
        while self.following:
            try:
                now = self.read_states()
            except (Failed, OSError, IndexError):
                now = {}
            with self.state_lock:
                self.states = now
            if now and now != before:
                texts = [f"{name}: {r}" + (f" → {a}" if a != r else "")
                         for name, (r, a) in sorted(now.items())]
                self.say("            " + "    ".join(texts))
                before = now
            self.world.reap_postmasters()
            time.sleep(0.05)

    def are(self, **wanted):
        with self.state_lock:
            return all(self.states.get(n) == (s, s) for n, s in wanted.items())

    def wait_states(self, **wanted):
        """Seconds until the states are there."""
        t = time.monotonic()
        text = ", ".join(f"{n} is {s}" for n, s in wanted.items())

        def there():
            self.world.check_alive()
            return self.are(**wanted)
        wait_for(there, STEP_SECONDS, text)
        return time.monotonic() - t

    # The plot.

    def event(self, title, act, **wanted):
        """Write calmly, let `act` happen, wait for the states; notes one row of the table."""
        time.sleep(CALM_SECONDS)
        self.say(f"*** {title}")
        start = time.monotonic()
        act()
        if wanted:
            self.wait_states(**wanted)
        settled = time.monotonic()
        wait_for(lambda: self.outcomes.since(settled) >= 20, STEP_SECONDS,
                 f"the writer goes on after: {title}")
        self.rows.append({"title": title, "start": start, "settled": settled})
        return self.rows[-1]

    def crash(self, name):
        keeper_and_postmaster = self.world.kill(name)
        self.say("$ kill -9 " + " ".join(str(pid) for pid in keeper_and_postmaster))

    def switchover(self):
        argv = ("perform", "switchover")
        self.say("$ pgaf-ctl " + " ".join(argv))
        self.ctl(*argv)

    def stop_node(self, name):
        self.say(f"$ kill -TERM {self.world.daemons[name].pid}")
        self.world.stop(name)

    def play(self):
        self.say("a monitor and two nodes, all from empty directories")
        self.start_monitor()
        self.start_node("node1")
        self.wait_registered()
        self.start_node("node2")
        self.wait_states(node1="primary", node2="secondary")
        self.start_haproxy()
        self.sql_as_superuser(
            "node1", f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}';"
            "CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);"
            "ALTER TABLE users OWNER TO app")
        self.say("$ psql -c 'CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL)'")
        self.start_writer()

        self.event("crash: SIGKILL of node1's postmaster and keeper",
                   lambda: self.crash("node1"), node2="wait_primary")
        self.returning("node1 starts again", "node1", node1="secondary", node2="primary")
        self.event("switchover back to node1", self.switchover,
                   node1="primary", node2="secondary")
        self.event("clean stop of node1", lambda: self.stop_node("node1"), node2="wait_primary")
        self.returning("node1 starts again", "node1", node1="secondary", node2="primary")
        time.sleep(CALM_SECONDS)

    def wait_registered(self):
        def there():
            self.world.check_alive()
            return "node1" in self.states
        wait_for(there, STEP_SECONDS, "node1 is registered")

    def returning(self, title, name, **wanted):
        """The node killed or stopped before is back: the row before gets its redundancy."""
        row = self.event(title, lambda: self.start_node(name), **wanted)
        row["redundancy"] = row["settled"] - row["start"]

    # The judgement.

    def present_ids(self):
        conn = psycopg2.connect(self.app_conninfo())
        with conn, conn.cursor() as cursor:
            cursor.execute("SELECT id FROM users")
            found = {row[0] for row in cursor}
        conn.close()
        return found

    def table(self):
        """Print the table; returns the number of lost rows."""
        self.world.stop("writer")
        present = self.present_ids()
        self.outcomes.refresh()
        ends = [row["start"] for row in self.rows[1:]] + [time.monotonic()]
        cells = [("event", "write outage", "acknowledged", "lost", "redundancy back after")]
        for row, end in zip(self.rows, ends):
            ids = self.outcomes.ids_between(row["start"], end)
            missing = [i for i in ids if i not in present]
            back = row.get("redundancy", row["settled"] - row["start"])
            kept_alone = "redundancy" not in row and "switchover" not in row["title"]
            cells.append((row["title"],
                          f"{self.outcomes.outage_ms(row['start'], end):.0f} ms", str(len(ids)),
                          str(len(missing)), "-" if kept_alone else f"{back:.1f} s"))
        lost = [i for i in self.outcomes.ids if i not in present]
        cells.append(("all", "", str(len(self.outcomes.ids)), str(len(lost)), ""))
        widths = [max(len(line[i]) for line in cells) for i in range(5)]
        print()
        for line in cells:
            print("  ".join([line[0].ljust(widths[0]),
                             *(c.rjust(w) for c, w in zip(line[1:], widths[1:]))]).rstrip())
        print(flush=True)
        return len(lost)

    def run(self):
        follower = threading.Thread(target=self.follow, daemon=True)
        follower.start()
        try:
            self.play()
            if not self.are(node1="secondary", node2="primary"):
                raise Failed("at the end it is not primary + secondary")
            print("\n$ pgaf-ctl show state\n" + self.ctl("show", "state").stdout, end="")
            lost = self.table()
        finally:
            self.following = False
            follower.join(5)
        if lost:
            raise Failed(f"{lost} acknowledged rows are lost")
        for name in ("haproxy", "node1", "node2", "monitor"):
            if name != "haproxy":
                self.world.stop(name)
        self.say("all stopped; no acknowledged row was lost")


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, interrupted)
    world = World()
    code = 1
    try:
        Demo(world, os.path.abspath(sys.argv[1])).run()
        code = 0
    except Failed as failure:
        print(f"FAILED: {failure}", *world.log_tails(), sep="\n", flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    except BrokenPipeError:
        # Nobody reads any more; still end everything.
        sys.stdout = open(os.devnull, "w", encoding="ascii")
    finally:
        world.close(keep=code != 0 or "--keep" in sys.argv[2:])
    return code


if __name__ == "__main__":
    sys.exit(main())
