# SPDX-License-Identifier: PostgreSQL
"""A client with one address: a new row with each commit, every outcome noted with its time.

usage: writer.py CONNINFO FILE      one line of FILE per commit: "acknowledged|unknown ID SECONDS"
"""
import gc
import signal
import sys
import time

import psycopg2

COMMITS_PER_SECOND = 200


def main():
    conninfo, path = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    gc.disable()
    ident, conn = 0, None
    with open(path, "w", encoding="ascii", buffering=1) as outcomes:
        while True:
            began = time.monotonic()
            try:
                if conn is None:
                    conn = psycopg2.connect(conninfo)
                    conn.autocommit = True
                ident += 1
                outcome = insert(conn, ident)
                print(outcome, ident, f"{time.monotonic():.6f}", file=outcomes)
                pause = began + 1 / COMMITS_PER_SECOND - time.monotonic()
            except psycopg2.Error:
                # No answer, or no connection: never the same id twice, and at once again.
                print("unknown", ident, f"{time.monotonic():.6f}", file=outcomes)
                if conn is not None:
                    conn.close()
                conn, pause = None, 0.01
            time.sleep(max(pause, 0))


def insert(conn, ident):
    """A success with a warning is no acknowledgement: the commit may not be replicated."""
    del conn.notices[:]
    with conn.cursor() as cursor:
        cursor.execute("INSERT INTO users (id, name) VALUES (%s, %s)", (ident, f"user {ident}"))
    return "unknown" if conn.notices else "acknowledged"


if __name__ == "__main__":
    main()
