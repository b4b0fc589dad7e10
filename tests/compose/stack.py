# SPDX-License-Identifier: PostgreSQL
"""The example's containers, and a client that writes through port 5434 and keeps count."""
import json
import os
import subprocess
import threading
import time

import psycopg2

EXAMPLE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../examples/compose"))
MONITOR = "pg_auto_failover_monitor"
NODES = ("postgres-primary", "postgres-replica-1")
NETWORK = "fastapi_project_default"
VOLUMES = {"postgres-primary": "fastapi_project_postgres_primary_data",
           "postgres-replica-1": "fastapi_project_postgres_replica1_data"}
DSN = ("host=localhost port=5434 dbname=blink_db user=blink_user password=12345"
       " connect_timeout=2 tcp_user_timeout=2000 application_name=compose-test")


def run(*argv, check=True, timeout=120):
    done = subprocess.run(argv, cwd=EXAMPLE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=timeout, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def docker(*argv, **settings):
    return run("docker", *argv, **settings)


def compose(*argv, **settings):
    """Compose 1 if it is there, else Compose 2."""
    if subprocess.run(["sh", "-c", "command -v docker-compose"], stdout=subprocess.DEVNULL,
                      check=False).returncode == 0:
        return run("docker-compose", *argv, **settings)
    return run("docker", "compose", *argv, **settings)


def engine_missing():
    """Why nothing of this can run here, or None."""
    try:
        run("docker", "version", timeout=20)
        compose("version", timeout=20)
    except (AssertionError, FileNotFoundError, subprocess.TimeoutExpired) as error:
        return f"no Docker engine with Compose: {str(error).splitlines()[-1]}"
    return None


def wait_for(condition, deadline, message):
    """The first true value of the condition, looked at again and again until the deadline."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"not within {deadline} s: "
                                 + (message() if callable(message) else message))
        time.sleep(0.05)


# ---- the cluster, asked by the commands of the guide --------------------------------------------

def ctl(*argv, container=MONITOR, **settings):
    return docker("exec", container, "pg_autoctl", *argv, **settings)


def states():
    """Name -> (reported, assigned); nothing while the monitor is away."""
    try:
        shown = json.loads(ctl("show", "state", "--json"))
    except (AssertionError, ValueError):
        return {}
    return {n["name"]: (n["reported_state"], n["assigned_state"]) for n in shown["nodes"]}


def settled():
    """(primary, secondary) while there are exactly these two."""
    now = states()
    by_state = {both[0]: name for name, both in now.items() if both[0] == both[1]}
    if len(now) == 2 and set(by_state) == {"primary", "secondary"}:
        return by_state["primary"], by_state["secondary"]
    return None


def logs():
    return "\n".join(f"--- {name}\n" + docker("logs", "--tail", "25", name, check=False)
                     for name in (MONITOR, *NODES))


def wait_settled(deadline):
    return wait_for(settled, deadline,
                    lambda: f"primary and secondary, but {states()}\n{logs()}")


def up():
    """Seconds from "up" to redundancy."""
    began = time.monotonic()
    compose("up", "-d", timeout=300)
    wait_settled(120)
    return time.monotonic() - began


# ---- the client ----------------------------------------------------------------------------------

class Writer:
    """Inserts one row at a time and notes when each was acknowledged."""

    def __init__(self, name):
        self.name = name
        self.acks = []  # (when, number)
        self.errors = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.wait_acks(20)

    def _run(self):
        number = 0
        conn = None
        while not self._stop.is_set():
            try:
                if conn is None:
                    conn = psycopg2.connect(DSN)
                    conn.autocommit = True
                number += 1
                del conn.notices[:]
                with conn.cursor() as cursor:
                    cursor.execute("INSERT INTO users (username, email) VALUES (%s, %s)",
                                   (f"{self.name}-{number}", "w@example.com"))
                # A success with a warning is none: the standby may not have it.
                if not conn.notices:
                    self.acks.append((time.monotonic(), number))
            except psycopg2.Error as error:
                self.errors.append(str(error))
                if conn is not None:
                    conn.close()
                conn = None
            self._stop.wait(0.005)
        if conn is not None:
            conn.close()

    def wait_acks(self, more, deadline=60):
        wanted = len(self.acks) + more
        wait_for(lambda: len(self.acks) >= wanted, deadline,
                 lambda: f"{self.name}: rows are acknowledged again; {self.errors[-3:]}\n{logs()}")

    def outage(self, since):
        """The longest pause between two acknowledgements after that moment."""
        times = [when for when, _ in self.acks]
        pauses = [b - a for a, b in zip(times, times[1:]) if b >= since]
        return max(pauses, default=0)

    def stop(self):
        self._stop.set()
        self._thread.join(20)
        return self.lost()

    def lost(self):
        conn = psycopg2.connect(DSN)
        with conn, conn.cursor() as cursor:
            cursor.execute("SELECT username FROM users WHERE username LIKE %s", (f"{self.name}-%",))
            there = {row[0] for row in cursor.fetchall()}
        conn.close()
        return [n for _, n in self.acks if f"{self.name}-{n}" not in there]


def query(text, dsn=DSN):
    conn = psycopg2.connect(dsn)
    conn.autocommit = True
    try:
        with conn.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else []
    finally:
        conn.close()
