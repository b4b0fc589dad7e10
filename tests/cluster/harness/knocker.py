# SPDX-License-Identifier: PostgreSQL
"""A client that connects to one node again and again, and notes which server let it in when."""
import threading
import time

import psycopg2

QUESTION = "SELECT pg_is_in_recovery(), pg_postmaster_start_time()::text"


class Knocker:
    """Sessions as (ns after the answer, the same in s of the wall clock, start of the server)."""

    def __init__(self, conninfo, pause=0.002):
        self.conninfo = conninfo + " connect_timeout=2 sslmode=prefer"
        self.pause = pause
        self.sessions = []
        self.refusals = set()
        self.refused = 0		# how often so far
        self.counting = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._knock, daemon=True) for _ in range(2)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _knock(self):
        while not self.stopping.wait(self.pause):
            try:
                conn = psycopg2.connect(self.conninfo)
            except psycopg2.OperationalError as error:
                self.refusals.add(str(error).split("\n", maxsplit=1)[0])
                with self.counting:
                    self.refused += 1
                continue
            try:
                with conn.cursor() as cursor:
                    cursor.execute(QUESTION)
                    recovering, start = cursor.fetchone()
                if not recovering:
                    self.sessions.append((time.monotonic_ns(), time.time(), start))
            except psycopg2.Error:
                pass		# the server ended under it: nothing was read
            finally:
                conn.close()

    def on(self, start):
        """Sessions with the server that was started then, oldest first."""
        return sorted(s for s in list(self.sessions) if s[2] == start)
